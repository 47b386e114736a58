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
		Doc:      "A destructive step has a way back, by its action or by a person with undo.manual, or the runbook uses a milder action.",
		Bad: `
steps:
  - id: wipe
    uses: test.wipe # cannot be undone
    with: {target: i-1}
    approval: {from: [group:leads]}
waivers:
  - {rule: destructive-without-verify, step: wipe, reason: "the next step reads it back", owner: group:leads, expires: 2027-03-31}
`,
		Good: `
steps:
  - id: wipe
    uses: test.wipe
    with: {target: i-1}
    approval: {from: [group:leads]}
    undo: {manual: "Restore the newest backup of the machine"}
waivers:
  - {rule: destructive-without-verify, step: wipe, reason: "the next step reads it back", owner: group:leads, expires: 2027-03-31}
`,
		Waivable: true,
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Destructive && !d.undo && !d.adds && (step.Undo == nil || step.Undo.Manual == nil) {
					p.step(step, "uses", fmt.Sprintf("the step %q is destructive and cannot be undone", step.ID), "use an action that isolates or disables the target and can be undone, or say with undo: {manual: ...} how a person takes it back")
				}
			}
		},
	}
}
