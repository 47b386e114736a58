package lint

import (
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func reviewPassed() Rule {
	return Rule{
		Name:     "review-passed",
		Severity: runbooks.SeverityError,
		Doc:      "A runbook is read again before the day it names; until the end of that day it is in time.",
		Bad: `
review_by: 2026-06-30
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		Good: `
review_by: 2027-06-30
steps:
  - {id: look, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}}
`,
		Waivable: true,
		Paper:    true,
		check: func(p *pass) {
			day, err := time.Parse(time.DateOnly, p.program.ReviewBy)
			if err != nil || p.opts.Now.IsZero() {
				return
			}
			if !p.opts.Now.UTC().Before(day.AddDate(0, 0, 1)) {
				p.add("", topPlace(p.program.Source.Text, "review_by"), fmt.Sprintf("the runbook was to be reviewed by %s", p.program.ReviewBy), "read it, rehearse it, and set a later day")
			}
		},
	}
}

// topPlace is where the value of a key of the runbook itself stands; zero when the
// key does not begin a line.
func topPlace(text, key string) runbooks.Pos {
	line := 0
	for written := range strings.Lines(text) {
		line++
		if rest, found := strings.CutPrefix(written, key+":"); found {
			value := strings.TrimLeft(rest, " ")
			return runbooks.Pos{Line: line, Col: len(key) + 2 + len(rest) - len(value)}
		}
	}
	return runbooks.Pos{}
}
