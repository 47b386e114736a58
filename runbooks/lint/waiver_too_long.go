package lint

import (
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func waiverTooLong() Rule {
	return Rule{
		Name:     "waiver-too-long",
		Severity: runbooks.SeverityError,
		Doc:      "A waiver ends within 366 days, so that somebody asks again whether its reason still holds.",
		Bad: `
steps:
  - {id: stop, uses: test.terminate, with: {target: i-1}}
waivers:
  - {rule: destructive-without-approval, step: stop, reason: "the pool heals itself", owner: group:leads, expires: 2031-03-31}
`,
		Good: `
steps:
  - {id: stop, uses: test.terminate, with: {target: i-1}}
waivers:
  - {rule: destructive-without-approval, step: stop, reason: "the pool heals itself", owner: group:leads, expires: 2027-03-31}
`,
		check: func(p *pass) {
			if p.opts.Now.IsZero() {
				return
			}
			today := p.opts.Now.UTC().Truncate(24 * time.Hour)
			for _, w := range p.program.Waivers {
				if day, err := time.Parse(time.DateOnly, w.Expires); err == nil && day.Sub(today) > maxWaiver {
					p.waiver(w, fmt.Sprintf("%s lasts until %s, more than 366 days from now", naming(w), w.Expires), "give a day on which its owner looks at it again, at the latest "+today.Add(maxWaiver).Format(time.DateOnly))
				}
			}
		},
	}
}
