package cases

import (
	"encoding/json"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// script is the world of a case.
func script(c *runbooks.TestCase) *sim.Script {
	s := &sim.Script{Steps: map[string][]sim.Answer{}}
	for _, a := range c.Answers {
		for _, one := range a.List {
			s.Steps[a.Step] = append(s.Steps[a.Step], answer(one))
		}
	}
	return s
}

func answer(a runbooks.TestAnswer) sim.Answer {
	out := sim.Answer{
		Targets: a.Targets, Changes: a.Changes, InEffect: a.InEffect, NoUndo: a.NoUndo, Takes: time.Duration(a.Takes),
		Unknown: a.Unknown, Never: a.TimesOut, Found: a.Found, Lies: a.Lies, Unreadable: a.Unreadable, ProvenIn: time.Duration(a.VerifiedAfter),
	}
	if a.Outputs != nil {
		data, err := json.Marshal(a.Outputs)
		if err != nil {
			panic("cases: checked outputs do not encode: " + err.Error())
		}
		out.Outputs = data
	}
	if a.Fails != "" {
		out.Fails = &engine.Failure{Class: a.Fails, Message: a.Message}
	}
	for _, r := range a.Readings {
		sight := sim.Sight{Targets: r.Targets}
		if r.Fails != "" {
			sight.Fails = &engine.Failure{Class: r.Fails, Message: a.Message}
		}
		out.Readings = append(out.Readings, sight)
	}
	return out
}

// cast is the people of a case.
func cast(c *runbooks.TestCase) *sim.Cast {
	people := &sim.Cast{}
	for _, a := range c.Acts {
		act := sim.Act{
			Verb: sim.Verb(a.Verb), Step: a.Step, By: actor(a.By), After: time.Duration(a.After), Reason: a.Reason, With: a.With,
			Confirm: a.Confirm, For: time.Duration(a.For), Bare: a.Bare, Each: !a.Own,
		}
		if a.At.Set() {
			at := time.Duration(a.At.Value)
			act.At, act.Each = &at, false
		}
		people.Acts = append(people.Acts, act)
	}
	return people
}

func actor(p runbooks.TestPerson) engine.Actor {
	return engine.Actor{Type: engine.Person, ID: p.ID, Via: "sim", Groups: p.Groups, Identities: p.Identities}
}

func floor(f *runbooks.TestFloor) *engine.Floor {
	if f == nil {
		return nil
	}
	return &engine.Floor{Effect: f.Effect, From: f.From, Quorum: f.Quorum}
}
