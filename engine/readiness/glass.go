package readiness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// BreakGlass is where one person may go on without the others, and who did.
type BreakGlass struct {
	Allowed []GlassRule `json:"allowed"` // in the order of the steps
	Uses    []GlassUse  `json:"uses"`    // live ones: not reviewed first, of those the overdue, then the newest
	Drills  int         `json:"drills"`  // uses in rehearsals, all of them
}

// GlassRule is a step at which somebody may break the glass.
type GlassRule struct {
	Step         string   `json:"step"` // path; "cut~undo"
	By           []string `json:"by"`
	Review       []string `json:"review"`
	Within       string   `json:"within"`                 // "72h"
	Environments []string `json:"environments,omitempty"` // where the floor leaves it; absent: wherever the runbook runs
}

// GlassUse is a glass that was broken.
type GlassUse struct {
	Incident string       `json:"incident"`
	Step     string       `json:"step"` // "R1/cut"
	By       string       `json:"by"`
	Reason   string       `json:"reason"`
	At       engine.Stamp `json:"at"`
	Days     int          `json:"age_days"`
	Due      engine.Stamp `json:"due"` // of its review
	State    GlassState   `json:"state"`
	Late     bool         `json:"late,omitempty"`         // it is not reviewed and should be, or was after that
	Overdue  int          `json:"overdue_days,omitempty"` // how late it is, or was
	Reviewer string       `json:"reviewer,omitempty"`
	Text     string       `json:"text,omitempty"` // what the reviewer found
	Evidence []Evidence   `json:"evidence"`       // where it was broken, and where reviewed
}

// GlassState is what became of a broken glass.
type GlassState string

// The states of a broken glass.
const (
	Unreviewed  GlassState = "unreviewed"
	Overdue     GlassState = "overdue" // somebody should have reviewed it by now
	Justified   GlassState = "justified"
	Unjustified GlassState = "unjustified"
)

// glasses tells who may break the glass of a runbook, and who did.
func (m *maker) glasses(p *runbooks.Program) BreakGlass {
	b := BreakGlass{Allowed: m.letting(p), Uses: []GlassUse{}}
	for _, c := range m.Drills {
		for _, g := range c.Glasses {
			if g.Runbook == p.ID {
				b.Drills++
			}
		}
	}
	for _, c := range m.Incidents {
		for _, g := range c.Glasses {
			if g.Runbook == p.ID {
				b.Uses = append(b.Uses, m.use(c, g))
			}
		}
	}
	slices.SortStableFunc(b.Uses, func(x, y GlassUse) int {
		return cmp.Or(x.rank()-y.rank(), y.At.Compare(x.At.Time), cmp.Compare(x.Incident, y.Incident), cmp.Compare(x.Step, y.Step))
	})
	return b
}

// letting lists the steps at which somebody may break the glass, as the floors of
// the environments leave it.
func (m *maker) letting(p *runbooks.Program) []GlassRule {
	list := []GlassRule{}
	at := map[string]int{}
	asked := map[string]int{} // in how many environments each step asks people
	for q := range questions(p, m.Environments, nil) {
		path := q.path()
		asked[path]++
		if q.rule.BreakGlass == nil {
			continue
		}
		i, ok := at[path]
		if !ok {
			i = len(list)
			at[path] = i
			rule := q.rule.BreakGlass
			list = append(list, GlassRule{Step: path, By: append([]string{}, rule.By...), Review: append([]string{}, rule.Review...), Within: runbooks.SpanText(rule.Within)})
		}
		list[i].Environments = append(list[i].Environments, q.env)
	}
	for i := range list {
		if r := &list[i]; len(r.Environments) == asked[r.Step] {
			r.Environments = nil
		}
	}
	return list
}

// use judges a broken glass as of now, also when the server that should have said
// that its time is over was not there.
func (m *maker) use(c *Case, g Glass) GlassUse {
	u := GlassUse{
		Incident: c.ID, Step: g.Run + "/" + g.Step, By: g.By, Reason: g.Reason, At: engine.At(g.At), Days: days(m.Now.Sub(g.At)), Due: engine.At(g.Due),
		State: Unreviewed, Reviewer: g.Reviewer, Text: g.Text, Evidence: []Evidence{c.at(g.Seq)},
	}
	until := m.Now
	if !g.Reviewed.IsZero() {
		until = g.Reviewed
		u.Evidence = append(u.Evidence, c.at(g.ReviewSeq))
		u.State = Unjustified
		if g.Justified {
			u.State = Justified
		}
	}
	if u.Late = !until.Before(g.Due); u.Late {
		u.Overdue = days(until.Sub(g.Due))
		if u.State == Unreviewed {
			u.State = Overdue
		}
	}
	return u
}

// rank puts first what somebody has to look at.
func (u GlassUse) rank() int {
	switch u.State {
	case Overdue:
		return 0
	case Unreviewed:
		return 1
	}
	return 2
}

// open says whether nobody has reviewed it.
func (u GlassUse) open() bool { return u.State == Unreviewed || u.State == Overdue }

// words are the break-glass of a runbook in lines.
func (b BreakGlass) words() []string {
	lines := []string{"break-glass: " + b.head()}
	for _, g := range b.grouped() {
		lines = append(lines, "break-glass "+g)
	}
	reviewed := 0
	for _, u := range b.Uses {
		if !u.open() {
			if reviewed++; reviewed > shownUses {
				continue
			}
		}
		lines = append(lines, "glass broken: "+u.words(places(u.Evidence)))
	}
	if reviewed > shownUses {
		lines = append(lines, fmt.Sprintf("glass broken: and %s that were reviewed; --json lists all", plural(reviewed-shownUses, "older use")))
	}
	return lines
}

// How many uses that were reviewed are shown, and how much of what people wrote.
const (
	shownUses = 5
	shownText = 120
)

// head counts the uses, and names those that nobody has reviewed.
func (b BreakGlass) head() string {
	var open []Evidence
	late := -1
	for _, u := range b.Uses {
		if u.open() {
			open = append(open, u.Evidence[0])
		}
		if u.State == Overdue {
			late = max(late, u.Overdue)
		}
	}
	text := "never used"
	switch {
	case len(b.Uses) > 0:
		text = plural(len(b.Uses), "use")
	case len(b.Allowed) == 0:
		text = "nobody may"
	}
	if len(open) > 0 {
		text += fmt.Sprintf(", %d not reviewed", len(open))
		if late >= 0 {
			text += " (" + overdueBy(late) + ")"
		}
		text += ":" + strings.TrimSuffix(strings.Replace(places(open[:min(len(open), MaxEvidence)]), "[", "", 1), "]")
	}
	if len(b.Uses) > 0 && len(b.Allowed) == 0 {
		text += "; nobody may any more"
	}
	if b.Drills > 0 {
		text += fmt.Sprintf("; %d in rehearsals", b.Drills)
	}
	return text
}

// grouped tells who may, steps of which the same is to be said together.
func (b BreakGlass) grouped() []string {
	g := grouping{}
	for _, r := range b.Allowed {
		where := ""
		if len(r.Environments) > 0 {
			where = " in " + strings.Join(r.Environments, ", ")
		}
		g.put(fmt.Sprintf("%s%s; reviewed by %s within %s", strings.Join(r.By, ", "), where, strings.Join(r.Review, ", "), r.Within), question{name: r.Step})
	}
	var lines []string
	for _, one := range g {
		lines = append(lines, fmt.Sprintf("at %s: %s", one.subject(), one.text))
	}
	return lines
}

// words tell one use, with the facts it rests on where they are given. What people
// wrote comes last, so that nothing is cut but that.
func (u GlassUse) words(proof string) string {
	text := fmt.Sprintf("%s of %s by %s, %s ago, %s%s: %s", u.Step, u.Incident, u.By, inDays(u.Days), u.fate(), proof, timeline.Cut(u.Reason, shownText))
	if !u.open() {
		text += fmt.Sprintf("; %s: %s", u.Reviewer, timeline.Cut(u.Text, shownText))
	}
	return text
}

// fate is what became of it.
func (u GlassUse) fate() string {
	switch {
	case u.State == Overdue:
		return "not reviewed, " + overdueBy(u.Overdue)
	case u.State == Unreviewed:
		return "not reviewed, due by " + u.Due.UTC().Format(time.DateOnly)
	case u.Late:
		return fmt.Sprintf("%s by %s, %s", u.State, u.Reviewer, lateBy(u.Overdue))
	}
	return fmt.Sprintf("%s by %s", u.State, u.Reviewer)
}

func overdueBy(n int) string {
	if n == 0 {
		return "overdue"
	}
	return "overdue by " + inDays(n)
}

func lateBy(n int) string {
	if n == 0 {
		return "late"
	}
	return inDays(n) + " late"
}
