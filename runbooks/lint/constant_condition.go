package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func constantCondition() Rule {
	return Rule{
		Name:     "constant-condition",
		Severity: runbooks.SeverityWarning,
		Doc:      "A condition can be false; one that is always true hides that the step always runs.",
		Bad: `
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
  - id: tell
    if: steps.look.outputs.status == "Active" || steps.look.outputs.status == "Inactive" # there is no third
    uses: slack.post
    with: {text: "The key is in use"}
`,
		Good: `
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
  - id: tell
    if: steps.look.outputs.status == "Active"
    uses: slack.post
    with: {text: "The key is in use"}
`,
		Waivable: true,
		check: func(p *pass) {
			c := conditionsOf(p.program)
			for step := range p.program.All() {
				if o := c.outcome(step.ID); step.If != nil && o.yes && !o.no {
					p.add(step.ID, place(step), fmt.Sprintf("the condition of step %q is always true", step.ID), "take it out, or ask for what can be false")
				}
			}
		},
	}
}
