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
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Destructive && step.Approval == nil {
					p.report(step.Pos, fmt.Sprintf("the step %q is destructive and nobody has to approve it", step.ID), "add approval: {from: [group:...]}")
				}
			}
		},
	}
}
