package retell

import (
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Act is what a person did and was followed in.
type Act struct {
	Verb, Step, By string
	After          time.Duration // since there was something to do it about
	At             time.Duration // or since the run started; zero: After counts
	Open           bool          // there was a question that nobody had answered
	Ends           int           // how often the step had ended before
	Reason         bool          // a reason was given
	With           any           // the answer to a manual step or to a review; nil: none
	Target         string        // of break_glass: what the person typed out
	Confirm        bool          // of retry: an attempt in doubt had no effect
	More           time.Duration // of extend: how much longer
	Since          time.Duration // the run started, when it was done
}

// act reads what a person did about a step.
func (rec *Story) act(e engine.Event, s *step) {
	if e.Actor.Type != engine.Person {
		return
	}
	a := Act{Step: e.Step, By: rec.Names.Person(e.Actor.ID), After: e.At.Sub(s.since), Since: e.At.Sub(rec.Run.StartedAt), Open: s.open, Ends: s.ends}
	switch b := e.Body.(type) {
	case engine.Vote:
		a.Verb, a.Reason = "deny", b.Reason != ""
		if b.Approve {
			a.Verb = "approve"
		}
	case engine.ManualDone:
		a.Verb, a.With = "answer", rec.answer(b.Answer, s)
	case engine.RetryRequested:
		a.Verb, a.Confirm, a.Reason = "retry", b.NotApplied, b.Reason != ""
	case engine.EffectResolved:
		a.Verb, a.Reason = "not_applied", b.Reason != ""
		if b.Applied {
			a.Verb = "applied"
		}
	case engine.SkipRequested:
		a.Verb, a.Reason = "skip", true
	case engine.UndoRequested:
		a.Verb, a.Reason = "undo", b.Reason != ""
		if s.open && s.over {
			a.Verb = "lift"
		}
	case engine.ContainmentExtended:
		a.Verb, a.Reason, a.More = "extend", true, b.Until.Sub(e.At)
	case engine.ContainmentKept:
		a.Verb, a.Reason = "keep", true
	case engine.GlassBroken:
		a.Verb, a.Reason, a.Target = "break_glass", true, rec.typed(e.Step, b.Target)
	case engine.GlassReviewed:
		a.Verb, a.Reason, a.With = "review", true, sim.Unjustified
		if b.Justified {
			a.With = sim.Justified
		}
		a.After, a.Open = e.At.Sub(s.reviews[b.ID]), true // whatever else is asked about the step
		rec.Acts = append(rec.Acts, a)
		return
	default:
		return
	}
	early := !s.open && (a.Verb == "skip" || a.Verb == "extend" || a.Verb == "keep") // nobody had asked
	if s.since.IsZero() || early {
		a.After, a.At = 0, e.At.Sub(rec.Run.StartedAt)
	}
	rec.Acts = append(rec.Acts, a)
	if _, vote := e.Body.(engine.Vote); !vote { // of which there may be more
		s.open, s.over = false, false
	}
}

// typed is what a person typed out as the target of a step, under its other name.
func (rec *Story) typed(step, text string) string {
	for _, id := range rec.order {
		if id != step && !strings.HasPrefix(id, step+".") { // an item of its list
			continue
		}
		for _, t := range rec.steps[id].targets() {
			switch text {
			case t.ID:
				return rec.Names.Target(t).ID
			case t.String():
				return rec.Names.Target(t).String()
			}
		}
	}
	return text // the step's own id, where it has no target
}

// answer gives the answer to a manual Step: of a closed set as it is, else a stand-in.
func (rec *Story) answer(text string, s *step) any {
	if s.def.Manual == nil || s.def.Manual.Answer == nil {
		if text == "" {
			return nil
		}
		return rec.Names.Text(text)
	}
	in := s.def.Manual.Answer
	if in.Type != actions.String {
		return Literal(text)
	}
	return rec.Names.Value(text, fieldOf(*in))
}

// fieldOf is the type of an input as a field.
func fieldOf(in runbooks.Input) actions.Field {
	f := actions.Field{Name: in.Name, Kind: in.Type, Enum: in.Enum, Pattern: in.Pattern}
	if in.Of != nil {
		elem := fieldOf(*in.Of)
		f.Elem = &elem
	}
	return f
}

// Written is an act as it is written.
func (a Act) Written() Ordered {
	var out Ordered
	if a.Verb == "cancel" {
		out = append(out, Member{"cancel", true})
	} else {
		out = append(out, Member{a.Verb, a.Step})
	}
	out = append(out, Member{"by", a.By})
	if a.At > 0 {
		out = append(out, Member{"at", Span(a.At)})
	} else {
		out = append(out, Member{"after", Span(a.After)})
	}
	if a.With != nil {
		out = append(out, Member{"with", a.With})
	}
	if a.Confirm {
		out = append(out, Member{"confirm", "not_applied"})
	}
	if a.More > 0 {
		out = append(out, Member{"for", Span(a.More)})
	}
	if a.Reason {
		out = append(out, Member{"reason", "a reason"})
	}
	return out
}

// Person is somebody who did something in the run, under another name.
type Person struct {
	Name       string
	Groups     []string // that the runbook or the environment names
	Identities []string // that are targets of the run
}

// Written is a person as a test or a scenario writes it.
func (p Person) Written() any {
	if len(p.Identities) == 0 {
		return p.Groups
	}
	return Ordered{{"groups", p.Groups}, {"identities", p.Identities}}
}

// People lists the requester and everybody who did something that was followed.
func (rec *Story) People(facts []engine.Event) []Person {
	var list []Person
	add := func(a engine.Actor) {
		if a.Type != engine.Person {
			return
		}
		name := rec.Names.Person(a.ID)
		i := slices.IndexFunc(list, func(p Person) bool { return p.Name == name })
		if i < 0 {
			i, list = len(list), append(list, Person{Name: name})
		}
		p := &list[i]
		for _, g := range rec.members(a) {
			if !slices.Contains(p.Groups, g) {
				p.Groups = append(p.Groups, g)
			}
		}
		for _, id := range a.Identities {
			if kind, rest, ok := strings.Cut(id, ":"); ok && rec.touches(id) {
				id := rec.Names.Target(targetOf(kind, rest)).String()
				if !slices.Contains(p.Identities, id) {
					p.Identities = append(p.Identities, id)
				}
			}
		}
	}
	add(rec.Run.Requester)
	for _, e := range facts {
		if e.Run == rec.Run.ID {
			add(e.Actor)
		}
	}
	return list
}

func targetOf(kind, rest string) actions.Target {
	if account, id, ok := strings.Cut(rest, "/"); ok && accountID.MatchString(account) {
		return actions.Target{Type: kind, Account: account, ID: id}
	}
	return actions.Target{Type: kind, ID: rest}
}

// touches says whether an identity is a target of the run.
func (rec *Story) touches(id string) bool {
	return slices.ContainsFunc(rec.targets(), func(t actions.Target) bool { return t.String() == id || t.Type+":"+t.ID == id })
}

// targets lists what the plans of the run named.
func (rec *Story) targets() []actions.Target {
	var list []actions.Target
	for _, id := range rec.order {
		list = append(list, rec.steps[id].targets()...)
	}
	return list
}

// targets lists what the plans of the step named.
func (s *step) targets() []actions.Target {
	var list []actions.Target
	for _, a := range s.attempts {
		for _, r := range a.readings {
			if r.preview != nil {
				list = append(list, r.preview.Targets...)
			}
		}
	}
	return list
}

// members gives the groups of a person that the runbook or the environment names.
func (rec *Story) members(a engine.Actor) []string {
	var out []string
	for _, g := range a.Groups {
		if rec.Names.groups[g] || rec.Run.Floor != nil && slices.Contains(rec.Run.Floor.From, "group:"+g) {
			out = append(out, rec.Names.Group(g))
		}
	}
	return out
}
