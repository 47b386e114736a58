package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func destructiveWithoutUndo() Rule {
	return Rule{
		Name:     "destructive-without-undo",
		Severity: runbooks.SeverityError,
		Doc:      "A destructive step has a way back, or the runbook uses a milder action.",
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Destructive && !d.undo {
					p.report(step.Pos, fmt.Sprintf("the step %q is destructive and cannot be undone", step.ID), "use an action that isolates or disables the target and can be undone")
				}
			}
		},
	}
}
