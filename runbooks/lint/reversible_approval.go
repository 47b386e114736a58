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
		Doc:      "A change that can be taken back still hurts until it is; somebody else should have seen it. Messages to people and copies for the record are exempt.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
`,
		Waivable: true,
		check: func(p *pass) {
			for step, d := range p.actionSteps() {
				if d.effect == actions.Reversible && step.Approval == nil && !d.tells && !d.adds {
					p.step(step, "uses", fmt.Sprintf("the step %q changes its target and nobody has to approve it", step.ID), "add approval: {from: [group:...]}")
				}
			}
		},
	}
}
