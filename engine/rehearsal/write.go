package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/retell"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// sheet is a scenario to be written as a file.
type sheet struct {
	*runbooks.Scenario
	comment     []string
	environment retell.Ordered // in place of the scenario's
	answers     map[string][]retell.Ordered
}

// members collects the members of a map, leaving out what is not set.
type members struct{ retell.Ordered }

func (m *members) add(set bool, key string, value any) {
	if set {
		m.Ordered = append(m.Ordered, retell.Pair(key, value))
	}
}

func (m *members) text(key, value string) { m.add(value != "", key, value) }
func (m *members) list(key string, value []string) {
	m.add(len(value) > 0, key, value)
}
func (m *members) span(key string, value runbooks.Span) {
	m.add(value != 0, key, retell.Literal(runbooks.SpanText(value)))
}

// text writes the file.
func (s sheet) text() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, c := range s.comment {
		line("# %s", c)
	}
	line("apiVersion: firebreak/v1")
	line("kind: Scenario")
	line("id: %s", s.ID)
	line("title: %s", retell.Scalar(s.Title))
	if s.Shown != "" {
		line("shown: %s", retell.Scalar(s.Shown))
	}
	line("runbook: %s", s.Runbook)
	var owner members
	owner.text("team", s.Owner.Team)
	owner.text("contact", s.Owner.Contact)
	owner.text("escalate", s.Owner.Escalate)
	if len(owner.Ordered) > 0 {
		line("owner: %s", retell.Flow(owner.Ordered))
	}
	line("severity: %d", s.Severity)
	if s.Seed != 0 {
		line("seed: %d", s.Seed)
	}
	if len(s.Tests) > 0 {
		line("tests: %s", retell.Flow(s.Tests))
	}
	if s.Briefing != "" {
		line("briefing: %s", retell.Scalar(s.Briefing))
	}
	items := func(key string, list []retell.Ordered) {
		if len(list) == 0 {
			return
		}
		line("%s:", key)
		for _, one := range list {
			line("  - %s", retell.Flow(one))
		}
	}
	items("objectives", s.objectives())
	if len(s.Facts) > 0 {
		line("facts:")
		for _, f := range s.Facts {
			line("  %s: %s", retell.Scalar(f.Name), retell.Scalar(f.Text))
		}
	}
	if len(s.People) > 0 {
		line("people:")
		for _, p := range s.People {
			line("  %s: %s", retell.Scalar(p.ID), retell.Flow(retell.Person{Name: p.ID, Groups: p.Groups, Identities: p.Identities}.Written()))
		}
	}
	facilitator := members{retell.Ordered{retell.Pair("id", s.Facilitator.ID)}}
	facilitator.list("groups", s.Facilitator.Groups)
	facilitator.list("identities", s.Facilitator.Identities)
	line("facilitator: %s", retell.Flow(facilitator.Ordered))
	line("environment: %s", retell.Flow(s.place()))
	if len(s.answers) > 0 {
		line("answers:")
		retell.WriteAnswers(&b, "  ", s.answers)
	}
	items("injects", s.injects())
	items("clocks", s.clocks())
	items("forbidden", s.forbidden())
	var end members
	end.text("when", s.End.When)
	end.span("max", s.End.Max)
	line("end: %s", retell.Flow(end.Ordered))
	items("script", script(s.Script))
	return []byte(b.String())
}

func (s sheet) place() retell.Ordered {
	if s.environment != nil {
		return s.environment
	}
	var out members
	e := s.Environment
	out.text("name", e.Name)
	out.text("account", e.Account)
	out.text("region", e.Region)
	out.list("protected", e.Protected)
	if f := e.Floor; f != nil {
		floor := retell.Ordered{retell.Pair("effect", string(f.Effect)), retell.Pair("from", f.From), retell.Pair("quorum", int64(f.Quorum))}
		if f.BreakGlass {
			floor = append(floor, retell.Pair("break_glass", true))
		}
		out.add(true, "floor", floor)
	}
	return out.Ordered
}

func (s sheet) objectives() (list []retell.Ordered) {
	for _, o := range s.Objectives {
		var m members
		m.text("id", o.ID)
		m.text("text", o.Text)
		m.text("capability", o.Capability)
		m.text("check", o.Check)
		list = append(list, m.Ordered)
	}
	return list
}

// trigger writes when something happens.
func (m *members) trigger(t runbooks.Trigger) {
	if t.At != nil {
		m.add(true, "at", retell.Literal(runbooks.SpanText(*t.At)))
	}
	m.text("after", t.After)
	m.text("asked", t.Asked)
	m.text("when", t.When)
	m.add(t.Hand, "hand", true)
	m.span("delay", t.Delay)
}

func (s sheet) injects() (list []retell.Ordered) {
	for _, in := range s.Injects {
		var m members
		m.text("id", in.ID)
		m.trigger(in.Trigger)
		m.text("to", in.To)
		m.text("say", in.Say)
		m.list("red_flag", in.RedFlag)
		m.text("chat", in.Chat)
		m.list("away", in.Away)
		m.list("back", in.Back)
		if len(in.Answers) > 0 {
			var answers retell.Ordered
			for _, a := range in.Answers {
				answers = append(answers, retell.Pair(a.Step, answersOf(a)))
			}
			m.add(true, "answers", answers)
		}
		var expect []retell.Ordered
		for _, e := range in.Expect {
			expect = append(expect, expectation(e))
		}
		m.add(len(expect) > 0, "expect", expect)
		list = append(list, m.Ordered)
	}
	return list
}

func expectation(e runbooks.Expectation) retell.Ordered {
	var m members
	m.text("verb", e.Verb)
	m.text("target", e.Target)
	m.text("step", e.Step)
	m.text("status", e.Status)
	m.text("note", e.Note)
	m.text("when", e.When)
	m.add(e.Hand, "hand", true)
	m.list("by", e.By)
	m.span("within", e.Within)
	m.add(true, "points", int64(e.Points))
	m.text("text", e.Text)
	return m.Ordered
}

func (s sheet) clocks() (list []retell.Ordered) {
	for _, c := range s.Clocks {
		var m members
		m.text("id", c.ID)
		m.text("text", c.Text)
		m.text("from", c.From)
		m.span("within", c.Within)
		m.text("note", c.Note)
		list = append(list, m.Ordered)
	}
	return list
}

func (s sheet) forbidden() (list []retell.Ordered) {
	for _, f := range s.Forbidden {
		var m members
		m.text("action", f.Action)
		m.text("step", f.Step)
		m.text("target", f.Target)
		m.text("verb", f.Verb)
		m.text("of", f.Of)
		m.text("why", f.Why)
		list = append(list, m.Ordered)
	}
	return list
}

func script(lines []runbooks.ScriptLine) (list []retell.Ordered) {
	for _, l := range lines {
		var m members
		m.text("by", l.By)
		m.trigger(l.Trigger)
		m.add(l.Each, "each", true)
		m.text("type", l.Type)
		m.text("via", l.Via)
		m.text("refused", l.Refused)
		list = append(list, m.Ordered)
	}
	return list
}

// answersOf writes what the world does with a step.
func answersOf(a runbooks.TestAnswers) []retell.Ordered {
	var list []retell.Ordered
	for _, one := range a.List {
		var m members
		switch {
		case len(one.Readings) == 1 && one.Readings[0].Fails != "":
			m.text("plan_fails", string(one.Readings[0].Fails))
		case len(one.Readings) > 0:
			var readings []retell.Ordered
			for _, r := range one.Readings {
				reading := retell.Ordered{retell.Pair("targets", targets(r))}
				if r.Fails != "" {
					reading = retell.Ordered{retell.Pair("fails", string(r.Fails))}
				}
				readings = append(readings, reading)
			}
			m.add(true, "readings", readings)
		default:
			m.add(len(one.Targets) > 0, "targets", targets(runbooks.TestReading{Targets: one.Targets}))
		}
		m.list("changes", one.Changes)
		m.add(one.InEffect, "in_effect", true)
		m.text("no_undo", one.NoUndo)
		m.span("takes", one.Takes)
		m.text("fails", string(one.Fails))
		if one.Fails != "" || len(one.Readings) == 1 && one.Readings[0].Fails != "" {
			m.text("message", one.Message)
		}
		m.add(one.Unknown, "unknown", true)
		m.add(one.TimesOut, "times_out", true)
		m.text("found", string(one.Found))
		m.add(one.Lies, "lies", true)
		m.add(one.Unreadable, "unreadable", true)
		m.span("verified_after", one.VerifiedAfter)
		m.add(len(one.Outputs) > 0, "outputs", one.Outputs)
		list = append(list, m.Ordered)
	}
	return list
}

func targets(r runbooks.TestReading) []any {
	list := []any{}
	for _, t := range r.Targets {
		var m members
		m.text("type", t.Type)
		m.text("id", t.ID)
		m.text("account", t.Account)
		m.text("region", t.Region)
		list = append(list, m.Ordered)
	}
	return list
}

// peopleOf lists who acted in an exercise, as they are known there.
func peopleOf(events []engine.Event, known []runbooks.TestPerson, facilitators []string) []runbooks.TestPerson {
	people := slices.Clone(known)
	for _, e := range events {
		a := e.Actor
		if a.Type != engine.Person || a.ID == "" || slices.Contains(facilitators, a.ID) {
			continue
		}
		i := slices.IndexFunc(people, func(p runbooks.TestPerson) bool { return p.ID == a.ID })
		if i < 0 {
			i, people = len(people), append(people, runbooks.TestPerson{ID: a.ID})
		}
		people[i].Groups, people[i].Identities = a.Groups, a.Identities
	}
	slices.SortFunc(people, func(a, b runbooks.TestPerson) int { return strings.Compare(a.ID, b.ID) })
	return people
}

// rounded is a time that an exercise may take: twice as long, in whole hours.
func rounded(d time.Duration) runbooks.Span {
	return runbooks.Span(min(max((2*d).Round(time.Hour), time.Hour), 7*24*time.Hour))
}
