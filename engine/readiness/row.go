package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// row works out one runbook.
func (m *maker) row(p *runbooks.Program) *Row {
	r := &Row{
		Runbook: p.ID, Title: p.Title, File: p.Source.Name, Owner: p.Owner, Digest: p.Digest, States: []State{}, Reasons: []Reason{},
		Drift: []Drift{}, BreakGlass: m.glasses(p), Scenarios: []string{}, Notes: []string{},
	}
	list := m.rehearsals(p.ID)
	m.history(r, p, list)
	m.orphan(r, p)
	m.block(r, p)
	if len(r.States) == 0 {
		r.States = []State{Fresh}
	}
	sortStates(&r.States)
	r.State = r.States[0]
	slices.SortStableFunc(r.Reasons, func(a, b Reason) int {
		return slices.Index(States(), a.State) - slices.Index(States(), b.State)
	})
	m.measure(r, p, list)
	for _, s := range m.Scenarios {
		if s.Runbook == p.ID {
			r.Scenarios = append(r.Scenarios, s.ID)
		}
	}
	r.Scenarios = once(r.Scenarios)
	if m.Scenarios != nil && len(r.Scenarios) == 0 {
		r.Notes = append(r.Notes, "there is no scenario to rehearse it with")
	}
	if pre, ok := m.Preflight[p.ID]; ok {
		pre.Days = days(m.Now.Sub(pre.At.Time))
		r.Preflight = &pre
	}
	return r
}

// say puts a runbook into a state.
func (r *Row) say(s State, step, text string, evidence ...Evidence) {
	r.States = append(r.States, s)
	r.Reasons = append(r.Reasons, Reason{s, step, text, append([]Evidence{}, evidence...)})
}

// history judges the rehearsals: failing, never, drifted, stale.
func (m *maker) history(r *Row, p *runbooks.Program, list []*Case) {
	if len(list) == 0 {
		m.never(r, p)
		return
	}
	last := list[len(list)-1]
	r.Last = m.rehearsal(last)
	m.failing(r, list)
	var base *Case
	for _, c := range list {
		if c.Drill.Result != Failed {
			base = c
		}
	}
	if base == nil {
		return
	}
	r.Base = m.rehearsal(base)
	r.Drift = m.drift(base, p, m.cache)
	for _, d := range r.Drift {
		r.say(Drifted, d.Step, d.Text, d.Evidence...)
	}
	if age := m.Now.Sub(base.Drill.Ended); age > m.Policy.MaxAge {
		r.say(Stale, "", fmt.Sprintf("the last rehearsal that did not fail was %s ago, and %s are allowed", inDays(days(age)), inDays(days(m.Policy.MaxAge))), base.at(base.Drill.Seq))
	}
}

// never says why none of the rehearsals there are counts; the last one of each
// reason stands for it.
func (m *maker) never(r *Row, p *runbooks.Program) {
	var whys []string
	last := map[string]*Case{}
	for _, c := range m.Drills {
		if c.Drill == nil || c.Drill.Runbook != p.ID {
			continue
		}
		if why := m.without(c); why != unfinished {
			whys = add(whys, why)
			last[why] = c
		}
	}
	if len(whys) == 0 {
		r.say(Never, "", "no rehearsal of it came to its end")
		return
	}
	if c := last[byScript]; c != nil {
		r.Script = m.rehearsal(c)
	}
	text, evidence := "the only rehearsals of it "+strings.Join(whys, ", or "), []Evidence(nil)
	for _, why := range whys {
		evidence = append(evidence, last[why].at(last[why].Drill.Seq))
	}
	r.say(Never, "", text, evidence...)
}

// failing judges the last rehearsal, and the rate of the last few.
func (m *maker) failing(r *Row, list []*Case) {
	last := list[len(list)-1]
	few := list[max(len(list)-m.Policy.Last, 0):]
	var failed []Evidence
	for _, c := range few {
		if c.Drill.Result == Failed {
			failed = append(failed, c.at(c.Drill.Seq))
		}
	}
	r.Rate = Rate{Passed: len(few) - len(failed), Of: len(few)}
	r.Rate.Percent = r.Rate.Passed * 100 / r.Rate.Of
	switch {
	case last.Drill.Result == Failed:
		text := "the last rehearsal failed"
		if why := last.Drill.Reasons; len(why) > 0 {
			text += ": " + why[0]
		}
		r.say(Failing, "", text, last.at(last.Drill.Seq))
	case r.Rate.Percent < m.Policy.MinPass:
		r.say(Failing, "", fmt.Sprintf("%d of the last %d rehearsals did not fail, and %d %% are asked for", r.Rate.Passed, r.Rate.Of, m.Policy.MinPass), failed...)
	}
}

func (m *maker) orphan(r *Row, p *runbooks.Program) {
	reasons, notes := m.orphaned(p.Owner)
	for _, one := range reasons {
		r.say(one.State, "", one.Text)
	}
	r.Notes = append(r.Notes, notes...)
}

// block comes last: an additional approver that the other states ask for counts.
func (m *maker) block(r *Row, p *runbooks.Program) {
	if why := m.Refused[p.Digest]; why != "" {
		r.say(Blocked, "", "it cannot be run: "+why)
	}
	reasons, notes := m.blocked(p, m.extra(r))
	unseen, without := m.unseen(p)
	reasons, notes = append(reasons, unseen...), append(notes, without...)
	for _, one := range reasons {
		r.say(one.State, one.Step, one.Text)
	}
	r.Notes = append(r.Notes, notes...)
}

// extra is what the policy adds to the approvals of a run of this runbook.
func (m *maker) extra(r *Row) *engine.Extra {
	if !m.Policy.AddsApprover {
		return nil
	}
	return r.Extra()
}

// Extra is the one more approver that a run needs when its runbook is not
// rehearsed as it is, with the reason; nil: it is.
func (r *Row) Extra() *engine.Extra {
	states := slices.DeleteFunc(slices.Clone(r.States), func(s State) bool { return !s.Unrehearsed() })
	sortStates(&states)
	if len(states) == 0 {
		return nil
	}
	why := "last rehearsed never"
	if r.Script != nil {
		why = fmt.Sprintf("last rehearsed only by its script, %s in %s", r.Script.At.Format("2006-01-02"), r.Script.Incident)
	}
	if r.Last != nil {
		why = fmt.Sprintf("last rehearsed %s in %s: %s", r.Last.At.Format("2006-01-02"), r.Last.Incident, wordsOf(states))
		if n := len(r.Drift); n > 0 {
			why += fmt.Sprintf(" (%s)", plural(n, "change"))
		}
	} else if states[0] != Never {
		why = "last rehearsed: " + wordsOf(states)
	}
	return &engine.Extra{Approvers: 1, Why: why}
}

// Extra works out the one more approver that a run of this runbook needs by the
// policy; nil: none. It looks at nothing but its rehearsals.
func Extra(in Input, p *runbooks.Program) *engine.Extra {
	m := in.maker()
	if !m.Policy.AddsApprover {
		return nil
	}
	r := &Row{}
	m.history(r, p, m.rehearsals(p.ID))
	return r.Extra()
}

func inDays(n int) string { return plural(n, "day") }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
