package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func destructiveWithoutApproval() Rule {
	return Rule{
		Name:     "destructive-without-approval",
		Severity: runbooks.SeverityError,
		Doc:      "What cannot be taken back is never done on one person's word.",
		Bad: `
steps:
  - id: stop
    uses: test.terminate
    with: {target: i-1}
`,
		Good: `
steps:
  - id: stop
    uses: test.terminate
    with: {target: i-1}
    approval: {from: [group:leads]}
`,
		Waivable: true,
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Destructive && step.Approval == nil {
					p.step(step, "uses", fmt.Sprintf("the step %q is destructive and nobody has to approve it", step.ID), "add approval: {from: [group:...]}")
				}
			}
		},
	}
}
