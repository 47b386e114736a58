package lint

import (
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// maxWaiver is how far ahead a waiver may end.
const maxWaiver = 366 * 24 * time.Hour

// judge sorts findings into those that count and those that a waiver in force
// covers. A finding whose only waiver has expired counts, and says so.
func judge(waivers []runbooks.Waiver, all []finding, now time.Time) Result {
	var result Result
	covered := make([]runbooks.Diagnostics, len(waivers))
	for _, f := range all {
		expired, waived := -1, false
		for i, w := range waivers {
			switch {
			case waived || !covers(w, f):
			case inForce(w, now):
				covered[i] = append(covered[i], f.Diagnostic)
				waived = true
			case !now.IsZero():
				expired = i
			}
		}
		if waived {
			continue
		}
		if expired >= 0 {
			w := waivers[expired]
			f.Message += fmt.Sprintf("; the waiver of this, which %s owns, expired on %s", w.Owner, w.Expires)
			f.Hint = join(f.Hint, "or let "+w.Owner+" say again why it has to be, and until when")
		}
		result.Found = append(result.Found, f.Diagnostic)
	}
	result.Found.Sort()
	for i, findings := range covered {
		if len(findings) > 0 {
			findings.Sort()
			result.Waived = append(result.Waived, Waived{Waiver: waivers[i], Findings: findings})
		}
	}
	return result
}

func join(hint, more string) string {
	if hint == "" {
		return more
	}
	return hint + ", " + more
}

// covers says whether a waiver is about a finding.
func covers(w runbooks.Waiver, f finding) bool {
	rule, known := RuleNamed(w.Rule)
	return known && rule.Waivable && w.Rule == f.Rule && (w.Step == "" || w.Step == f.step)
}

// inForce says whether a waiver counts at a moment: until the end of its day,
// and never when the moment is not known.
func inForce(w runbooks.Waiver, now time.Time) bool {
	day, err := time.Parse(time.DateOnly, w.Expires)
	return err == nil && !now.IsZero() && now.UTC().Before(day.AddDate(0, 0, 1))
}

// waiver reports something about a waiver, where it stands.
func (p *pass) waiver(w runbooks.Waiver, message, hint string) { p.add(w.Step, w.Pos, message, hint) }

// naming is the rule that a waiver names, and its step, for a message.
func naming(w runbooks.Waiver) string {
	if w.Step == "" {
		return fmt.Sprintf("the waiver of %q", w.Rule)
	}
	return fmt.Sprintf("the waiver of %q for step %q", w.Rule, w.Step)
}
