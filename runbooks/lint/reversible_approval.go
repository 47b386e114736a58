package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func reversibleWithoutApproval() Rule {
	return Rule{
		Name:     "reversible-without-approval",
		Severity: runbooks.SeverityWarning,
		Doc:      "A change that can be taken back still hurts until it is; somebody else should have seen it. Messages to people are exempt.",
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Reversible && step.Approval == nil && !step.Tells {
					p.report(step.Pos, fmt.Sprintf("the step %q changes its target and nobody has to approve it", step.ID), "add approval: {from: [group:...]}")
				}
			}
		},
	}
}
