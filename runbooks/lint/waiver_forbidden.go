package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func waiverForbidden() Rule {
	return Rule{
		Name:     "waiver-forbidden",
		Severity: runbooks.SeverityError,
		Doc:      "Some rules cannot be waived: no reason makes a secret in git, or a runbook that takes firebreak's own rights away, a good idea.",
		Bad: `
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
waivers:
  - {rule: secret-in-literal, step: look, reason: "only for the test account", owner: group:leads, expires: 2027-03-31}
`,
		Good: `
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		check: func(p *pass) {
			for _, w := range p.program.Waivers {
				if rule, known := RuleNamed(w.Rule); known && !rule.Waivable {
					p.waiver(w, fmt.Sprintf("the rule %q cannot be waived", w.Rule), "mend what it finds, and take the waiver out")
				}
			}
		},
	}
}
