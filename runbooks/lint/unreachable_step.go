package lint

import (
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func unreachableStep() Rule {
	return Rule{
		Name:     "unreachable-step",
		Severity: runbooks.SeverityError,
		Doc:      "A condition can be true; a step that never runs is not the help that its author thinks is there. A step that fails ends the run, unless it has on_failure: continue or ask.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
  - id: shout
    if: steps.quarantine.status == "failed" # the run has ended by then
    uses: slack.post
    with: {text: "The quarantine did not work"}
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
    on_failure: continue
  - id: shout
    if: steps.quarantine.status == "failed"
    uses: slack.post
    with: {text: "The quarantine did not work"}
`,
		Waivable: true,
		check: func(p *pass) {
			c := conditionsOf(p.program)
			for step := range p.program.All() {
				if step.If == nil || c.outcome(step.ID).yes {
					continue
				}
				hint := c.whyNever(step)
				if hint == "" {
					hint = "it asks for what contradicts itself, or what is known of the values that it reads; mend it, or take the step out"
				}
				p.add(step.ID, place(step), fmt.Sprintf("the step %q never runs: its condition can never be true", step.ID), hint)
			}
		},
	}
}

// place is where the condition of a step stands.
func place(step *runbooks.Step) runbooks.Pos {
	if step.If != nil && step.If.Pos.Line > 0 {
		return step.If.Pos
	}
	return step.Pos
}

// whyNever finds a test of a status that cannot be, and says why.
func (c *conditions) whyNever(step *runbooks.Step) string {
	why := ""
	c.logic[step.ID].Tests(func(test *runbooks.Logic) {
		id := stepOf(test.Term)
		if why != "" || id == "" || test.Term != "steps."+id+".status" {
			return
		}
		can := c.statuses(step.ID, id)
		if slices.ContainsFunc(test.Words, func(word any) bool { return slices.Contains(can, word) }) {
			return
		}
		switch {
		case !c.outcome(id).yes:
			why = fmt.Sprintf("the step %q never runs either", id)
		case slices.Contains(test.Words, "failed"):
			why = fmt.Sprintf("the run ends when %q fails; give that step on_failure: continue", id)
		case slices.Contains(test.Words, "refused"):
			why = fmt.Sprintf("the run ends when %q is refused; give that step on_refused: continue", id)
		case slices.Contains(test.Words, "cancelled"):
			why = "a run that is cancelled looks at no further condition; put the step under on_cancel"
		}
	})
	return why
}
