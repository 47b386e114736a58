package cases

import (
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// recordedAct is what a person did.
type recordedAct struct {
	verb, step, by string
	after, at      time.Duration // one of them
	reason         bool
	with           any
	confirm        bool
	more           time.Duration
}

// act reads what a person did about a step.
func (rec *recorder) act(e engine.Event, s *recordedStep) {
	if e.Actor.Type != engine.Person {
		return
	}
	a := recordedAct{step: e.Step, by: rec.red.person(e.Actor.ID), after: e.At.Sub(s.since)}
	switch b := e.Body.(type) {
	case engine.Vote:
		a.verb, a.reason = "deny", b.Reason != ""
		if b.Approve {
			a.verb = "approve"
		}
	case engine.ManualDone:
		a.verb, a.with = "answer", rec.answer(b.Answer, s)
	case engine.RetryRequested:
		a.verb, a.confirm, a.reason = "retry", b.NotApplied, b.Reason != ""
	case engine.EffectResolved:
		a.verb, a.reason = "not_applied", b.Reason != ""
		if b.Applied {
			a.verb = "applied"
		}
	case engine.SkipRequested:
		a.verb, a.reason = "skip", true
	case engine.UndoRequested:
		a.verb, a.reason = "undo", b.Reason != ""
		if s.open && s.over {
			a.verb = "lift"
		}
	case engine.ContainmentExtended:
		a.verb, a.reason, a.more = "extend", true, b.Until.Sub(e.At)
	case engine.ContainmentKept:
		a.verb, a.reason = "keep", true
	default:
		return
	}
	early := !s.open && (a.verb == "skip" || a.verb == "extend" || a.verb == "keep") // nobody had asked
	if s.since.IsZero() || early {
		a.after, a.at = 0, e.At.Sub(rec.run.StartedAt)
	}
	rec.acts = append(rec.acts, a)
	if _, vote := e.Body.(engine.Vote); !vote { // of which there may be more
		s.open, s.over = false, false
	}
}

// answer gives the answer to a manual step: of a closed set as it is, else a stand-in.
func (rec *recorder) answer(text string, s *recordedStep) any {
	if s.def.Manual == nil || s.def.Manual.Answer == nil {
		if text == "" {
			return nil
		}
		return rec.red.text(text)
	}
	in := s.def.Manual.Answer
	if in.Type != actions.String {
		return literal(text)
	}
	return rec.red.value(text, fieldOf(*in))
}

// literal is a word that is written without quotes.
type literal string

// fieldOf is the type of an input as a field.
func fieldOf(in runbooks.Input) actions.Field {
	f := actions.Field{Name: in.Name, Kind: in.Type, Enum: in.Enum, Pattern: in.Pattern}
	if in.Of != nil {
		elem := fieldOf(*in.Of)
		f.Elem = &elem
	}
	return f
}

// written is an act as it is written.
func (a recordedAct) written() ordered {
	var out ordered
	if a.verb == "cancel" {
		out = append(out, member{"cancel", true})
	} else {
		out = append(out, member{a.verb, a.step})
	}
	out = append(out, member{"by", a.by})
	if a.at > 0 {
		out = append(out, member{"at", span(a.at)})
	} else {
		out = append(out, member{"after", span(a.after)})
	}
	if a.with != nil {
		out = append(out, member{"with", a.with})
	}
	if a.confirm {
		out = append(out, member{"confirm", "not_applied"})
	}
	if a.more > 0 {
		out = append(out, member{"for", span(a.more)})
	}
	if a.reason {
		out = append(out, member{"reason", "a reason"})
	}
	return out
}

type recordedPerson struct {
	name string
	is   any
}

// people lists the requester and everybody who did something that was followed.
func (rec *recorder) people(facts []engine.Event) []recordedPerson {
	groups, identities, order := map[string][]string{}, map[string][]string{}, []string{}
	add := func(a engine.Actor) {
		if a.Type != engine.Person {
			return
		}
		name := rec.red.person(a.ID)
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
		for _, g := range rec.members(a) {
			if !slices.Contains(groups[name], g) {
				groups[name] = append(groups[name], g)
			}
		}
		for _, id := range a.Identities {
			if kind, rest, ok := strings.Cut(id, ":"); ok && rec.touches(id) {
				id := rec.red.target(targetOf(kind, rest)).String()
				if !slices.Contains(identities[name], id) {
					identities[name] = append(identities[name], id)
				}
			}
		}
	}
	add(rec.run.Requester)
	for _, e := range facts {
		if e.Run == rec.run.ID {
			add(e.Actor)
		}
	}
	var out []recordedPerson
	for _, name := range order {
		p := recordedPerson{name, groups[name]}
		if ids := identities[name]; len(ids) > 0 {
			p.is = ordered{{"groups", groups[name]}, {"identities", ids}}
		}
		out = append(out, p)
	}
	return out
}

func targetOf(kind, rest string) actions.Target {
	if account, id, ok := strings.Cut(rest, "/"); ok && accountID.MatchString(account) {
		return actions.Target{Type: kind, Account: account, ID: id}
	}
	return actions.Target{Type: kind, ID: rest}
}

// touches says whether an identity is a target of the run.
func (rec *recorder) touches(id string) bool {
	return slices.ContainsFunc(rec.targets(), func(t actions.Target) bool { return t.String() == id || t.Type+":"+t.ID == id })
}

// targets lists what the plans of the run named.
func (rec *recorder) targets() []actions.Target {
	var list []actions.Target
	for _, id := range rec.order {
		for _, a := range rec.steps[id].attempts {
			for _, r := range a.readings {
				if r.preview != nil {
					list = append(list, r.preview.Targets...)
				}
			}
		}
	}
	return list
}

// members gives the groups of a person that the runbook or the environment names.
func (rec *recorder) members(a engine.Actor) []string {
	var out []string
	for _, g := range a.Groups {
		if rec.red.groups[g] || rec.run.Floor != nil && slices.Contains(rec.run.Floor.From, "group:"+g) {
			out = append(out, rec.red.group(g))
		}
	}
	return out
}
