package readiness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// broken lists the live glasses that were broken since, those that nobody has
// reviewed whenever they were, and the steps at which it happened more than once.
func (v *review) broken() []Line {
	type ranked struct {
		Line
		rank int
	}
	var list []ranked
	often := map[string]*ranked{} // by runbook and step
	by := map[string][]string{}
	for _, c := range v.Incidents {
		for _, g := range c.Glasses {
			u := v.use(c, g)
			if !v.recent(g.At) && !u.open() {
				continue
			}
			list = append(list, ranked{Line{Runbook: g.Runbook, Step: g.Path, Text: u.words(""), Days: u.Days, Evidence: u.Evidence}, rankOf(u)})
			if !v.recent(g.At) {
				continue
			}
			key := g.Runbook + "\x00" + g.Path
			if often[key] == nil {
				often[key] = &ranked{Line{Runbook: g.Runbook, Step: g.Path}, rankOften}
			}
			often[key].Count++
			often[key].Evidence = append(often[key].Evidence, u.Evidence[0])
			by[key] = append(by[key], g.By)
		}
	}
	for key, l := range often {
		if l.Count > 1 {
			l.Text = fmt.Sprintf("the glass of step %q was broken, by %s: ask whether its approval fits the night", l.Step, strings.Join(once(by[key]), ", "))
			list = append(list, *l)
		}
	}
	slices.SortFunc(list, func(a, b ranked) int { // in full, as a map gave some of them
		return cmp.Or(a.rank-b.rank, b.Count-a.Count, b.Days-a.Days, cmp.Compare(a.Runbook, b.Runbook), cmp.Compare(a.Text, b.Text))
	})
	var lines []Line
	for _, l := range list {
		lines = append(lines, l.Line)
	}
	return lines
}

const rankOften = 3

// rankOf puts what a review has to talk about first.
func rankOf(u GlassUse) int {
	switch {
	case u.State == Overdue:
		return 0
	case u.State == Unjustified:
		return 1
	case u.Late:
		return 2
	case u.State == Unreviewed:
		return rankOften + 1
	}
	return rankOften + 2
}
