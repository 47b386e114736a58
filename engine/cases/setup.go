package cases

import (
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// script is the world of a case.
func script(c *runbooks.TestCase) *sim.Script {
	return &sim.Script{Steps: sim.Answers(c.Answers)}
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
	out := engine.Floor(*f) // a field that one of them lacks does not compile
	return &out
}
