package sim

import (
	"encoding/json"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// World is what actions would reach. Its methods give what the target answers;
// an error as second value means that the world does not know what to answer,
// which ends the story (see [Missing]).
type World interface {
	// Plan reads the target before an effect, or before its undo.
	Plan(now time.Time, c engine.PlanStep) (Answered[actions.Preview], error)
	// Run tries the effect, or its undo. The value is the result as JSON.
	Run(now time.Time, c engine.RunEffect) (Answered[json.RawMessage], error)
	// Probe says what became of an attempt whose answer was lost.
	Probe(now time.Time, c engine.ProbeEffect) (Answered[Probed], error)
	// Verify reads an effect, or its undo, back once.
	Verify(now time.Time, c engine.VerifyEffect) (Answered[actions.Reading], error)
}

// Answered is one answer of the world.
type Answered[T any] struct {
	Value T
	Err   error         // of the world: an *actions.Error has a class, any other is unknown
	Takes time.Duration // until the answer is there
	Never bool          // no answer comes
}

// Probed is what a target says about a lost attempt.
type Probed struct {
	Found  actions.Found
	Result json.RawMessage // where it was applied
}

// People act.
type People interface {
	// Next is what somebody does next as the incident stands, and when; ok is
	// false when nobody has anything to do. It is asked after every fact, so
	// what it gave before does not bind it.
	Next(i *engine.Incident) (at time.Time, e engine.Event, ok bool)
	// Did says that the event of the last Next was handed in, and how the core
	// took it: nil, or an *[engine.Refusal].
	Did(refusal *engine.Refusal)
}

// Nobody never acts.
type Nobody struct{}

// Next is nothing.
func (Nobody) Next(*engine.Incident) (time.Time, engine.Event, bool) {
	return time.Time{}, engine.Event{}, false
}

// Did has nothing to remember.
func (Nobody) Did(*engine.Refusal) {}
