package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func destructiveWithoutVerify() Rule {
	return Rule{
		Name:     "destructive-without-verify",
		Severity: runbooks.SeverityError,
		Doc:      "After a destructive step its effect is read back; an answer of the target alone proves nothing.",
		Bad: `
steps:
  - id: wipe
    uses: test.wipe # cannot verify
    with: {target: i-1}
    approval: {from: [group:leads]}
    undo: {manual: "Restore the newest backup"}
`,
		Good: `
steps:
  - id: stop
    uses: test.terminate # verifies by itself
    with: {target: i-1}
    approval: {from: [group:leads]}
`,
		Waivable: true,
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Destructive && step.Verify == nil {
					p.step(step, "uses", fmt.Sprintf("the step %q is destructive and its effect is not read back", step.ID), fmt.Sprintf("the action %s cannot verify; use one that can", step.Uses))
				}
			}
		},
	}
}
