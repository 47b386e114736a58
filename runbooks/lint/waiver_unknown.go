package lint

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func waiverUnknown() Rule {
	return Rule{
		Name:     "waiver-unknown",
		Severity: runbooks.SeverityError,
		Doc:      "A waiver names a rule that exists; one with a typing mistake would cover nothing and look as if it did.",
		Bad: `
steps:
  - {id: stop, uses: test.terminate, with: {target: i-1}, approval: {from: [group:leads]}}
waivers:
  - {rule: destructive-without-aproval, step: stop, reason: "the pool heals itself", owner: group:leads, expires: 2027-03-31}
`,
		Good: `
steps:
  - {id: stop, uses: test.terminate, with: {target: i-1}}
waivers:
  - {rule: destructive-without-approval, step: stop, reason: "the pool heals itself", owner: group:leads, expires: 2027-03-31}
`,
		check: func(p *pass) {
			for _, w := range p.program.Waivers {
				if _, known := RuleNamed(w.Rule); !known {
					p.waiver(w, fmt.Sprintf("there is no rule %q to waive", w.Rule), meant(w.Rule, waivable(), "firebreak lint --rules lists the rules; a mistake of form cannot be waived"))
				}
			}
		},
	}
}

// waivable lists the names of the rules that may be waived.
func waivable() []string {
	var names []string
	for _, rule := range Rules() {
		if rule.Waivable {
			names = append(names, rule.Name)
		}
	}
	return names
}
