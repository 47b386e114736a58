package readiness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// Report is what a review of the architecture has to talk about: what the last
// months have shown about the controls, and not about the people.
type Report struct {
	Schema   string       `json:"schema"` // "firebreak/review/v1"
	At       engine.Stamp `json:"at"`
	Since    engine.Stamp `json:"since"`
	Drills   int          `json:"drills"`    // that ended since
	Live     int          `json:"incidents"` // that were declared since
	Sections []Section    `json:"sections"`  // always all of them, in this order
	Notes    []string     `json:"notes"`     // what was not looked at
}

// Section is one question of the review.
type Section struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Lines []Line `json:"lines"` // the worst first
	None  string `json:"none"`  // what it means that there are no lines
}

// Line is one answer.
type Line struct {
	Runbook  string     `json:"runbook,omitempty"`
	Step     string     `json:"step,omitempty"`
	Text     string     `json:"text"`
	Count    int        `json:"count,omitempty"`
	Days     int        `json:"days,omitempty"`
	Evidence []Evidence `json:"evidence"` // at most [MaxEvidence]
	More     int        `json:"more_evidence,omitempty"`
}

// MaxEvidence is how many facts a line names.
const MaxEvidence = 10

// Review works out the report about what happened since. Drift, exceptions, owners
// and what was never measured are as of now, whenever they came about.
func Review(in Input, since time.Time) *Report {
	m := in.maker()
	l := Make(in)
	v := &review{maker: m, since: since, rows: l.Rows}
	r := &Report{Schema: "firebreak/review/v1", At: engine.At(in.Now), Since: engine.At(since), Notes: l.Notes}
	for _, c := range m.Drills {
		if v.recent(c.ended()) {
			r.Drills++
		}
	}
	for _, c := range m.Incidents {
		if c.ID != StoreID && v.recent(c.Declared) {
			r.Live++
		}
	}
	for _, s := range []struct {
		id, title, none string
		lines           func() []Line
	}{
		{"drift", "Controls that drift", "every rehearsed runbook is what was rehearsed", v.drift},
		{"exceptions", "Exceptions that do not end", "no waiver is old or renewed, and nothing is contained for good", v.exceptions},
		{"owners", "Controls without an owner", "somebody of the directory answers for every runbook", v.owners},
		{"unmeasured", "Never measured", "every step that changes something was proven, in a rehearsal or live", v.unmeasured},
		{"approvals", "Approvals that took longest", "no question was decided by people, and none ran out", v.approvals},
		{"break_glass", "Glasses that were broken", "nobody went on without an approval", v.broken},
		{"refused", "Requests that were refused", "no request was refused", v.refused},
		{"doubts", "Effects in doubt", "the outcome of every effect was known", v.doubts},
		{"retries", "Retries and failures", "every action worked at once", v.retries},
		{"budgets", "Budgets that were missed", "every run with a budget kept it", v.budgets},
		{"correctives", "Corrective actions overdue", "no corrective action is overdue", v.correctives},
		{"unused", "Runbooks never used", "every runbook was run or rehearsed", v.unused},
	} {
		lines := s.lines()
		for i := range lines {
			l := &lines[i]
			if l.Evidence == nil {
				l.Evidence = []Evidence{}
			}
			if n := len(l.Evidence); n > MaxEvidence {
				l.Evidence, l.More = l.Evidence[:MaxEvidence], n-MaxEvidence
			}
		}
		r.Sections = append(r.Sections, Section{s.id, s.title, append([]Line{}, lines...), s.none})
	}
	return r
}

// StoreID is the id of the case of what belongs to no incident.
const StoreID = "store"

type review struct {
	*maker
	since time.Time
	rows  []*Row
}

func (v *review) recent(at time.Time) bool { return !at.Before(v.since) && !at.After(v.Now) }

// cases lists the rehearsals and incidents that touch the time under review.
func (v *review) cases() []*Case {
	var list []*Case
	for _, c := range slices.Concat(v.Drills, v.Incidents) {
		if v.recent(c.ended()) || v.recent(c.Declared) || c.Resolved.IsZero() && c.Drill == nil {
			list = append(list, c)
		}
	}
	return list
}

func (v *review) drift() []Line {
	var list []Line
	for _, r := range v.rows {
		if len(r.Drift) == 0 {
			continue
		}
		l := Line{Runbook: r.Runbook, Count: len(r.Drift), Days: r.Base.Days, Evidence: []Evidence{r.Base.Evidence}}
		l.Text = fmt.Sprintf("%s since %s, which was %s ago", plural(len(r.Drift), "change"), r.Base.Incident, inDays(r.Base.Days))
		if at, seen := v.firstSeen(r); seen != nil {
			l.Text += fmt.Sprintf("; runs have had another version since %s", at.UTC().Format(time.DateOnly))
			l.Evidence = append(l.Evidence, *seen)
		}
		if steps := stepsOf(r.Drift); len(steps) > 0 {
			l.Text += "; steps: " + strings.Join(steps, ", ")
		}
		list = append(list, l)
	}
	slices.SortStableFunc(list, func(a, b Line) int { return b.Days - a.Days })
	return list
}

// firstSeen is when something was first run that is not what was rehearsed last.
func (v *review) firstSeen(r *Row) (time.Time, *Evidence) {
	for _, c := range v.Incidents {
		for _, run := range c.runs(r.Runbook) {
			if run.Digest != r.Base.Digest && run.Started.After(r.Base.At.Time) {
				return run.Started, &Evidence{c.ID, run.Seq}
			}
		}
	}
	return time.Time{}, nil
}

func stepsOf(drift []Drift) []string {
	var steps []string
	for _, d := range drift {
		if d.Step != "" {
			steps = add(steps, d.Step)
		}
	}
	return steps
}

func (v *review) exceptions() []Line {
	var list []Line
	for _, r := range v.rows {
		for _, w := range r.Waivers {
			long := time.Duration(w.Age)*24*time.Hour >= v.Policy.LongWaiver
			if w.Left >= 0 && w.Renewed == 0 && !long {
				continue
			}
			l := Line{Runbook: r.Runbook, Step: w.Step, Days: w.Age, Text: fmt.Sprintf("waiver of %s, owned by %s, until %s (%s)", w.place(), w.Owner, w.Expires, w.Reason)}
			if w.Left < 0 {
				l.Text += fmt.Sprintf("; expired %s ago", inDays(-w.Left))
			}
			if w.Renewed > 0 {
				l.Text += fmt.Sprintf("; renewed at least %s", times(w.Renewed))
			}
			if w.Since != "" {
				l.Text += fmt.Sprintf("; in runs since %s", w.Since)
			}
			if w.Evidence != nil {
				l.Evidence = []Evidence{*w.Evidence}
			}
			list = append(list, l)
		}
	}
	for _, c := range v.Incidents {
		for _, h := range c.Holds {
			one := v.contained(c, h)
			if h.State == Lifted {
				continue
			}
			text := fmt.Sprintf("%s of %s: ", one.Step, c.ID)
			switch one.State {
			case Kept:
				text += fmt.Sprintf("%s let it last for good (%s)", one.By, one.Why)
			case Due:
				text += fmt.Sprintf("its time was over on %s and nobody has decided", h.Until.UTC().Format(time.DateOnly))
			default:
				if one.Extended == 0 {
					continue
				}
				text += fmt.Sprintf("extended %s, until %s (%s)", times(one.Extended), h.Until.UTC().Format(time.DateOnly), one.Why)
			}
			list = append(list, Line{Runbook: h.Runbook, Step: h.Step, Text: text, Days: one.Days, Evidence: []Evidence{one.Evidence}})
		}
	}
	slices.SortStableFunc(list, func(a, b Line) int { return b.Days - a.Days })
	return list
}

func (v *review) owners() []Line {
	var list []Line
	for _, r := range v.rows {
		reasons, notes := v.orphaned(r.Owner)
		for _, one := range reasons {
			list = append(list, Line{Runbook: r.Runbook, Text: one.Text})
		}
		for _, note := range notes {
			list = append(list, Line{Runbook: r.Runbook, Text: note})
		}
		for _, w := range r.Waivers {
			if kind, _, _ := strings.Cut(w.Owner, ":"); v.People != nil && (kind == "group" || kind == "person") && len(v.active([]string{w.Owner})) == 0 {
				list = append(list, Line{Runbook: r.Runbook, Step: w.Step, Text: fmt.Sprintf("the waiver of %s is owned by %s, where nobody is active", w.place(), w.Owner)})
			}
		}
	}
	for _, c := range slices.Concat(v.Drills, v.Incidents) {
		for _, t := range v.undone(c) {
			if v.People == nil {
				continue
			}
			if _, active := v.People(t.Owner); !active {
				list = append(list, Line{Text: fmt.Sprintf("corrective action %s of %s is owned by %s, who is not active: %s", t.ID, c.ID, t.Owner, t.Text), Evidence: []Evidence{t.Evidence}})
			}
		}
	}
	return list
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// byCount puts what counts most first.
func byCount(list []Line) []Line {
	slices.SortStableFunc(list, func(a, b Line) int {
		return cmp.Or(b.Count-a.Count, b.Days-a.Days, cmp.Compare(a.Runbook, b.Runbook), cmp.Compare(a.Text, b.Text))
	})
	return list
}
