package lint

import (
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func waiverUnused() Rule {
	return Rule{
		Name:     "waiver-unused",
		Severity: runbooks.SeverityWarning,
		Doc:      "A waiver that covers nothing is taken out, before it covers the next mistake.",
		Bad: `
steps:
  - {id: stop, uses: test.terminate, with: {target: i-1}, approval: {from: [group:leads]}}
waivers:
  - {rule: destructive-without-approval, step: stop, reason: "the pool heals itself", owner: group:leads, expires: 2027-03-31}
`,
		Good: `
steps:
  - {id: stop, uses: test.terminate, with: {target: i-1}, approval: {from: [group:leads]}}
`,
		check: func(p *pass) {
			for _, w := range p.program.Waivers {
				rule, known := RuleNamed(w.Rule)
				if !known || !rule.Waivable { // has a finding of its own
					continue
				}
				if p.silent(w.Rule) || slices.ContainsFunc(*p.found, func(f finding) bool { return covers(w, f) }) {
					continue
				}
				p.waiver(w, naming(w)+" covers nothing", "take it out")
			}
		},
	}
}

// silent says whether a rule cannot speak because what it looks at is not known.
func (p *pass) silent(rule string) bool {
	switch rule {
	case "approval-group", "approval-quorum", "approval-requester", "break-glass-review":
		return p.opts.Groups == nil
	case "review-passed":
		return p.opts.Now.IsZero()
	}
	return false
}
