package lint

import (
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// longContainment is how long an effect may last that is meant to end.
const longContainment = runbooks.Span(90 * 24 * time.Hour)

func containsForever() Rule {
	return Rule{
		Name:     "contains-forever",
		Severity: runbooks.SeverityWarning,
		Doc:      "A containment that is meant to end is looked at again within 90 days; what should last for ever has no contains.",
		Bad: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
    contains: {expires: 8760h}
`,
		Good: `
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.principal }}"}
    approval: {from: [group:leads]}
    contains: {expires: 72h}
`,
		Waivable: true,
		check: func(p *pass) {
			for step := range p.program.All() {
				if step.Contains != nil && step.Contains.Expires > longContainment {
					p.step(step, "contains.expires", fmt.Sprintf("nobody is asked about the containment of step %q for more than 90 days", step.ID), "let it expire within 90 days, or leave contains out when it should last")
				}
			}
		},
	}
}
