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

// Rate is how many of the last rehearsals did not fail.
type Rate struct {
	Passed  int `json:"passed"`
	Of      int `json:"of"`
	Percent int `json:"percent"`
}

// Role is somebody whom the runbook needs, and who stood there in rehearsals.
type Role struct {
	Name string   `json:"name"` // "starts the run", "group:security-leads"
	By   []string `json:"by"`   // persons; empty: nobody
}

// Coverage is how much of a runbook was exercised as it is now.
type Coverage struct {
	Exercised int      `json:"exercised"`
	Total     int      `json:"total"`
	Never     []string `json:"never"` // paths of the others
}

// ActionUse is how often an action of the runbook was tried, in the version that
// it uses now.
type ActionUse struct {
	Action    string `json:"action"`
	Version   int    `json:"version"`
	Simulated int    `json:"simulated"` // effects that worked in rehearsals
	Live      int    `json:"live"`      // effects that worked in live incidents
	Proven    int    `json:"proven"`    // of the live ones, that a reading proved
}

// Latencies are how long people took to decide.
type Latencies struct {
	Drills Latency `json:"drills"`
	Live   Latency `json:"live"`
}

// Latency is over approvals that were decided. Times are milliseconds.
type Latency struct {
	N      int       `json:"n"`
	Median int64     `json:"median_ms,omitempty"` // of an even number the longer of the two in the middle
	Worst  int64     `json:"worst_ms,omitempty"`
	At     *Evidence `json:"worst,omitempty"`
}

// Undone is a corrective action that is not done.
type Undone struct {
	ID       string   `json:"id"`
	Text     string   `json:"text"`
	Owner    string   `json:"owner"`
	Due      string   `json:"due"`
	Overdue  int      `json:"overdue_days,omitempty"`
	Evidence Evidence `json:"evidence"`
}

// WaiverUse is an exception from the rules of lint.
type WaiverUse struct {
	Rule     string    `json:"rule"`
	Step     string    `json:"step,omitempty"`
	Reason   string    `json:"reason"`
	Owner    string    `json:"owner"`
	Expires  string    `json:"expires"`
	Left     int       `json:"days_left"`            // negative: it has expired
	Since    string    `json:"seen_since,omitempty"` // the first day on which a run had it; absent: no run did
	Age      int       `json:"age_days,omitempty"`   // at least
	Renewed  int       `json:"renewed,omitempty"`    // how often runs showed another end of it
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Contained is a live effect that was meant to end and is still there.
type Contained struct {
	Incident string       `json:"incident"`
	Step     string       `json:"step"`
	State    string       `json:"state"` // in force, due, kept
	Until    engine.Stamp `json:"until"`
	Days     int          `json:"age_days"`
	By       string       `json:"by,omitempty"`
	Why      string       `json:"why,omitempty"`
	Extended int          `json:"extended,omitempty"`
	Evidence Evidence     `json:"evidence"`
}

// BudgetCounts are how runs kept the budget of the runbook.
type BudgetCounts struct {
	Drills Budgets `json:"drills"`
	Live   Budgets `json:"live"`
}

// Budgets counts runs.
type Budgets struct {
	Kept   int `json:"kept"`
	Missed int `json:"missed"`
	Failed int `json:"failed"` // ended without containing
}

// measure fills in the figures of a row.
func (m *maker) measure(r *Row, p *runbooks.Program, rehearsals []*Case) {
	m.coverage(r, p, rehearsals)
	m.roles(r, p, rehearsals)
	r.Actions = m.actions(p)
	r.Approvals = Latencies{Drills: m.latency(m.Drills, p.ID), Live: m.latency(m.Incidents, p.ID)}
	r.Budgets = BudgetCounts{Drills: budgets(m.Drills, p.ID), Live: budgets(m.Incidents, p.ID)}
	r.Correctives, r.Contained = []Undone{}, []Contained{}
	for _, c := range slices.Concat(m.Drills, m.Incidents) {
		if slices.Contains(c.runbooks(), p.ID) {
			r.Correctives = append(r.Correctives, m.undone(c)...)
		}
	}
	sortUndone(r.Correctives)
	for _, c := range m.Incidents {
		for _, run := range c.runs(p.ID) {
			r.LiveRuns++
			r.LastLive = &Evidence{c.ID, run.Seq}
		}
		for _, h := range c.Holds {
			if h.Runbook == p.ID && h.State != Lifted {
				r.Contained = append(r.Contained, m.contained(c, h))
			}
		}
	}
	r.Waivers = m.waivers(p)
}

// coverage finds the steps that a rehearsal exercised as they are now.
func (m *maker) coverage(r *Row, p *runbooks.Program, rehearsals []*Case) {
	done := map[string]bool{}
	for _, c := range rehearsals {
		for _, run := range c.runs(p.ID) {
			changed := m.cache.changed(run.Program, p)
			for _, s := range run.Steps {
				if s.Exercised && !changed[s.Path] {
					done[s.Path] = true
				}
			}
		}
	}
	r.Steps = Coverage{Never: []string{}}
	for path := range p.Deep() {
		r.Steps.Total++
		if done[path] {
			r.Steps.Exercised++
		} else {
			r.Steps.Never = append(r.Steps.Never, path)
		}
	}
}

// roles finds who stood in which role in rehearsals with people.
func (m *maker) roles(r *Row, p *runbooks.Program, rehearsals []*Case) {
	names := []string{"starts the run"}
	for q := range questions(p, m.Environments, nil) {
		for _, f := range asked(q.rule) {
			names = add(names, f)
		}
	}
	by := map[string][]string{}
	r.People = []string{}
	for _, c := range rehearsals {
		if !c.named() {
			continue
		}
		groups := map[string][]string{}
		for _, one := range c.players() {
			r.People = append(r.People, one.ID)
			groups[one.ID] = one.Groups
		}
		for _, run := range c.runs(p.ID) {
			by[names[0]] = append(by[names[0]], run.By)
		}
		for _, a := range c.Approvals {
			for _, v := range a.Votes {
				by["person:"+v.Person] = append(by["person:"+v.Person], v.Person)
				for _, g := range groups[v.Person] {
					if slices.Contains(a.From, "group:"+g) {
						by["group:"+g] = append(by["group:"+g], v.Person)
					}
				}
			}
		}
	}
	r.People = once(r.People)
	r.Roles = []Role{}
	for _, name := range names {
		r.Roles = append(r.Roles, Role{name, once(append([]string{}, by[name]...))})
	}
}

// actions counts the effects that worked of each action, wherever it was used.
func (m *maker) actions(p *runbooks.Program) []ActionUse {
	list := []ActionUse{}
	for _, s := range p.Deep() {
		if s.Uses != "" && !slices.ContainsFunc(list, func(u ActionUse) bool { return u.Action == s.Uses && u.Version == s.ActionVersion }) {
			list = append(list, ActionUse{Action: s.Uses, Version: s.ActionVersion})
		}
	}
	slices.SortFunc(list, func(a, b ActionUse) int { return cmp.Or(cmp.Compare(a.Action, b.Action), a.Version-b.Version) })
	for i := range list {
		u := &list[i]
		for _, c := range slices.Concat(m.Drills, m.Incidents) {
			for _, run := range c.Runs {
				for _, s := range run.Steps {
					switch {
					case s.Action != u.Action || s.Version != u.Version || strings.HasSuffix(s.Path, "~undo"):
					case c.Exercise:
						u.Simulated += s.Done
					default:
						u.Live += s.Done
						u.Proven += s.Proven
					}
				}
			}
		}
	}
	return list
}

// latency is how long people took to decide questions about a runbook; "": any.
func (m *maker) latency(cases []*Case, runbook string) Latency {
	var l Latency
	var all []time.Duration
	for _, c := range cases {
		if c.Drill != nil && c.Drill.Scripted {
			continue // nobody waited for anybody
		}
		for _, a := range c.Approvals {
			if !a.Decided || runbook != "" && a.Runbook != runbook {
				continue
			}
			if len(all) == 0 || a.Wait > slices.Max(all) {
				l.At = &Evidence{c.ID, a.Seq}
			}
			all = append(all, a.Wait)
		}
	}
	if l.N = len(all); l.N > 0 {
		slices.Sort(all)
		l.Median, l.Worst = all[l.N/2].Milliseconds(), all[l.N-1].Milliseconds()
	}
	return l
}

func budgets(cases []*Case, runbook string) Budgets {
	var b Budgets
	for _, c := range cases {
		if c.Drill != nil && !c.Drill.Result.Counts() {
			continue
		}
		for _, run := range c.runs(runbook) {
			switch run.Budget {
			case string(timeline.BudgetKept):
				b.Kept++
			case string(timeline.BudgetMissed):
				b.Missed++
			case string(timeline.BudgetFailed):
				b.Failed++
			}
		}
	}
	return b
}

// undone lists the corrective actions of a case that are not done.
func (m *maker) undone(c *Case) []Undone {
	var list []Undone
	for _, one := range c.Correctives {
		if one.Closed {
			continue
		}
		t := Undone{ID: one.ID, Text: one.Text, Owner: one.Owner, Due: one.Due, Evidence: c.at(one.Seq)}
		if left, ok := m.left(one.Due); ok && left < 0 {
			t.Overdue = -left
		}
		list = append(list, t)
	}
	return list
}

func sortUndone(list []Undone) {
	slices.SortStableFunc(list, func(a, b Undone) int {
		return cmp.Or(b.Overdue-a.Overdue, cmp.Compare(a.Due, b.Due), cmp.Compare(a.Evidence.String(), b.Evidence.String()))
	})
}

// left is how many days there are until a day is over.
func (m *maker) left(day string) (int, bool) {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0, false
	}
	return int(at.Sub(m.Now.UTC().Truncate(24*time.Hour)) / (24 * time.Hour)), true
}

func (m *maker) contained(c *Case, h Hold) Contained {
	state := h.State
	if state == InForce && !h.Until.After(m.Now) {
		state = Due
	}
	return Contained{c.ID, h.Run + "/" + h.Step, state, engine.At(h.Until), days(m.Now.Sub(h.Since)), h.By, h.Why, h.Times, c.at(h.Seq)}
}

// waivers tells the exceptions of a runbook, and since when runs have had them.
func (m *maker) waivers(p *runbooks.Program) []WaiverUse {
	list := []WaiverUse{}
	for _, w := range p.Waivers {
		u := WaiverUse{Rule: w.Rule, Step: w.Step, Reason: w.Reason, Owner: w.Owner, Expires: w.Expires}
		u.Left, _ = m.left(w.Expires)
		var first time.Time
		ends := []string{w.Expires}
		for _, c := range slices.Concat(m.Drills, m.Incidents) {
			for _, run := range c.runs(p.ID) {
				for _, old := range run.Program.Waivers {
					if old.Rule != w.Rule || old.Step != w.Step {
						continue
					}
					ends = add(ends, old.Expires)
					at := run.Started
					if c.Drill != nil {
						at = c.Drill.Began
					}
					if first.IsZero() || at.Before(first) {
						first, u.Evidence = at, &Evidence{c.ID, run.Seq}
					}
				}
			}
		}
		if u.Renewed = len(ends) - 1; !first.IsZero() {
			u.Since, u.Age = first.UTC().Format(time.DateOnly), days(m.Now.Sub(first))
		}
		list = append(list, u)
	}
	return list
}

// place names a waiver.
func (w WaiverUse) place() string {
	if w.Step == "" {
		return w.Rule
	}
	return fmt.Sprintf("%s of step %q", w.Rule, w.Step)
}
