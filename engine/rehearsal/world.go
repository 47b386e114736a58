package rehearsal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// world answers as the scenario says, as its injects changed that, and as the
// facilitator decided. It depends on nothing but the facts it was given, so
// that it is the same after a restart.
type world struct {
	inc      *engine.Incident // to look at
	scenario *runbooks.Scenario
	base     map[string][]sim.Answer
	layers   []layer        // the latest counts
	attempts map[string]int // begun, by run/step
	readings map[string]int // of the target since the latest attempt, by run/step
}

// layer is what changed the answers from some moment on.
type layer struct {
	answers map[string][]sim.Answer // of an inject
	step    string                  // of a decision of the facilitator
	outcome string
	before  map[string]int // attempts that were begun before it
}

func newWorld(inc *engine.Incident, s *runbooks.Scenario) *world {
	return &world{inc: inc, scenario: s, base: sim.Answers(s.Answers), attempts: map[string]int{}, readings: map[string]int{}}
}

// take notes a fact.
func (w *world) take(e engine.Event) {
	place := e.Run + "/" + e.Step
	switch b := e.Body.(type) {
	case engine.EffectIntent:
		w.attempts[place], w.readings[place] = b.Attempt, 0
	case engine.StepPlanned, engine.PlanFailed:
		w.readings[place]++
	case engine.InjectDelivered:
		for _, in := range w.scenario.Injects {
			if in.ID == b.ID && len(in.Answers) > 0 {
				w.layers = append(w.layers, layer{answers: sim.Answers(in.Answers), before: maps.Clone(w.attempts)})
			}
		}
	case engine.OutcomeSet:
		w.layers = append(w.layers, layer{step: b.Step, outcome: b.Outcome, before: maps.Clone(w.attempts)})
	}
}

// of finds the answer for an attempt of a step.
func (w *world) of(t engine.Task, attempt int, what string) (sim.Answer, error) {
	a, ok := w.under(len(w.layers), t, attempt)
	if !ok && !t.Undo {
		return a, &sim.Missing{Step: t.Step, Action: t.Action, What: what, Attempt: attempt}
	}
	if a.Takes == 0 {
		a.Takes = w.jitter(sim.DefaultEffect, fmt.Sprintf("run/%s/%s/%d", t.Run, t.Step, attempt))
	}
	return a, nil
}

// under finds it among what the scenario says and the first n changes of it.
func (w *world) under(n int, t engine.Task, attempt int) (sim.Answer, bool) {
	keys := sim.Keys(t.Step)
	for n--; n >= 0; n-- {
		l := w.layers[n]
		nth := attempt - l.before[t.Run+"/"+t.Step]
		if nth < 1 {
			continue // it was begun before
		}
		if l.outcome != "" && slices.Contains(keys, l.step) {
			return w.decided(l.outcome, n, t, attempt), true
		}
		if a, ok := pick(l.answers, keys, nth); ok {
			return a, true
		}
	}
	return pick(w.base, keys, attempt)
}

func pick(answers map[string][]sim.Answer, keys []string, nth int) (sim.Answer, bool) {
	for _, key := range keys {
		if list := answers[key]; len(list) > 0 {
			return list[min(nth, len(list))-1], true
		}
	}
	return sim.Answer{}, false
}

// decided is what the facilitator lets an attempt come to, where it would be
// answered otherwise. What the target looks like stays as it is.
func (w *world) decided(outcome string, n int, t engine.Task, attempt int) sim.Answer {
	a, _ := w.under(n, t, attempt)
	found := a.Found
	a.Fails, a.Unknown, a.Never, a.Found, a.Lies, a.Unreadable, a.ProvenIn, a.Takes = nil, false, false, "", false, false, 0, 0
	a.Readings = slices.DeleteFunc(slices.Clone(a.Readings), func(s sim.Sight) bool { return s.Fails != nil })
	if len(a.Outputs) == 0 && !t.Undo {
		a.Outputs = w.outputs(t)
	}
	switch outcome {
	case "fail":
		a.Fails = &engine.Failure{Class: actions.Denied, Message: "it does not work today"}
	case "timeout":
		a.Never, a.Found = true, cmp.Or(found, actions.FoundUnknown)
	case "unknown":
		a.Unknown, a.Found = true, cmp.Or(found, actions.FoundUnknown)
	case "lies":
		a.Lies = true
	}
	return a
}

// outputs finds what a step answers when it works: in any answer that was
// written for it, else made up by the declared types.
func (w *world) outputs(t engine.Task) json.RawMessage {
	all := []map[string][]sim.Answer{w.base}
	for _, l := range w.layers {
		all = append(all, l.answers)
	}
	for _, answers := range slices.Backward(all) {
		for _, key := range sim.Keys(t.Step) {
			for _, a := range answers[key] {
				if len(a.Outputs) > 0 {
					return a.Outputs
				}
			}
		}
	}
	if s := w.step(t); s != nil {
		return sim.MadeUp(uint64(w.seed()), t.Run+"/"+t.Step, s.Def.Outputs)
	}
	return nil
}

func (w *world) step(t engine.Task) *engine.Step {
	run, ok := w.inc.Run(t.Run)
	if !ok {
		return nil
	}
	s, _ := run.Step(t.Step)
	return s
}

func (w *world) seed() int64 {
	if w.inc.Drill == nil {
		return 0
	}
	return w.inc.Drill.Seed
}

// jitter moves a time by up to a fifth, by the seed and the name of what takes it.
func (w *world) jitter(d time.Duration, name string) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(rand.NewPCG(uint64(w.seed()), h.Sum64()))
	return d*4/5 + time.Duration(r.Int64N(int64(d*2/5)))
}

func (w *world) read(kind string, t engine.Task, n int) time.Duration {
	return w.jitter(sim.DefaultRead, fmt.Sprintf("%s/%s/%s/%d", kind, t.Run, t.Step, n))
}

// Plan reads the target.
func (w *world) Plan(_ time.Time, c engine.PlanStep) (sim.Answered[actions.Preview], error) {
	a, err := w.of(c.Task, c.Call.Attempt+1, sim.MissingPlan)
	return a.Plan(w.readings[c.Run+"/"+c.Step]+1, w.read("plan", c.Task, c.N)), err
}

// Run answers an attempt.
func (w *world) Run(_ time.Time, c engine.RunEffect) (sim.Answered[json.RawMessage], error) {
	a, err := w.of(c.Task, c.Call.Attempt, sim.MissingRun)
	return a.Run(c.Action), err
}

// Probe tells what became of an attempt.
func (w *world) Probe(_ time.Time, c engine.ProbeEffect) (sim.Answered[sim.Probed], error) {
	a, err := w.of(c.Task, c.Call.Attempt, sim.MissingProbe)
	return a.Probe(w.read("probe", c.Task, c.Call.Attempt)), err
}

// Verify reads the effect back.
func (w *world) Verify(now time.Time, c engine.VerifyEffect) (sim.Answered[actions.Reading], error) {
	a, err := w.of(c.Task, c.Call.Attempt, sim.MissingProof)
	since := time.Duration(0)
	if s := w.step(c.Task); s != nil && len(s.Attempts) > 0 {
		since = now.Sub(s.Attempts[len(s.Attempts)-1].EndedAt)
	}
	return a.Verify(since, w.read("verify", c.Task, c.Call.Attempt)), err
}

// stand lets a game be made before its scenario is known.
type stand struct{ *drill }

// Plan asks the world of the scenario.
func (s stand) Plan(now time.Time, c engine.PlanStep) (sim.Answered[actions.Preview], error) {
	return s.world.Plan(now, c)
}

// Run asks the world of the scenario.
func (s stand) Run(now time.Time, c engine.RunEffect) (sim.Answered[json.RawMessage], error) {
	return s.world.Run(now, c)
}

// Probe asks the world of the scenario.
func (s stand) Probe(now time.Time, c engine.ProbeEffect) (sim.Answered[sim.Probed], error) {
	return s.world.Probe(now, c)
}

// Verify asks the world of the scenario.
func (s stand) Verify(now time.Time, c engine.VerifyEffect) (sim.Answered[actions.Reading], error) {
	return s.world.Verify(now, c)
}
