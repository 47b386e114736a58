package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Seeded is a world that answers by chance, the same for the same seed: most
// of what is tried works, some of it fails, is lost, or is not what it says.
type Seeded struct {
	Seed uint64
	// Spec finds the declaration of an action, for the types of its answers.
	Spec func(action string) (actions.Spec, bool)
	// Trouble is how many in a hundred answers are not what one hopes for.
	Trouble int
}

// chance gives the numbers for one command: they depend on nothing else, so
// that another order of the same commands changes none of them.
func (s *Seeded) chance(ref string, now time.Time) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", ref, now.UnixMicro())
	return rand.New(rand.NewPCG(s.Seed, h.Sum64()))
}

func (s *Seeded) trouble(r *rand.Rand) bool { return r.IntN(100) < s.Trouble }

func pause(r *rand.Rand) time.Duration { return time.Duration(1+r.IntN(3000)) * time.Millisecond }

// wrong is an error of a random class.
func wrong(r *rand.Rand, op string) error {
	classes := actions.Classes()
	return &actions.Error{Class: classes[r.IntN(len(classes))], Op: op, Err: errors.New("chance is against it")}
}

// Plan names one target.
func (s *Seeded) Plan(now time.Time, c engine.PlanStep) (Answered[actions.Preview], error) {
	r := s.chance(c.Ref(), now)
	a := Answered[actions.Preview]{Takes: pause(r), Value: actions.Preview{Targets: []actions.Target{{Type: "made.up", ID: c.Step}}}}
	if s.trouble(r) {
		a.Err, a.Never = wrong(r, c.Action), r.IntN(4) == 0
	}
	if s.trouble(r) {
		a.Value.Targets[0].ID += "-moved"
	}
	return a, nil
}

// Run answers with outputs of the declared types.
func (s *Seeded) Run(now time.Time, c engine.RunEffect) (Answered[json.RawMessage], error) {
	r := s.chance(c.Ref(), now)
	a := Answered[json.RawMessage]{Takes: pause(r)}
	if s.trouble(r) {
		a.Err, a.Never = wrong(r, c.Action), r.IntN(4) == 0
		if r.IntN(4) == 0 {
			a.Takes += c.Timeout + grace
		}
		return a, nil
	}
	data, err := s.outputs(r, c.Task)
	a.Value = data
	return a, err
}

// Probe knows, or does not.
func (s *Seeded) Probe(now time.Time, c engine.ProbeEffect) (Answered[Probed], error) {
	r := s.chance(c.Ref(), now)
	found := []actions.Found{actions.Applied, actions.NotApplied, actions.FoundUnknown}[r.IntN(3)]
	a := Answered[Probed]{Takes: pause(r), Value: Probed{Found: found}}
	if found == actions.Applied {
		data, err := s.outputs(r, c.Task)
		if err != nil {
			return a, err
		}
		a.Value.Result = data
	}
	if s.trouble(r) {
		a.Err = wrong(r, c.Action)
	}
	return a, nil
}

// Verify finds the effect, or something else.
func (s *Seeded) Verify(now time.Time, c engine.VerifyEffect) (Answered[actions.Reading], error) {
	r := s.chance(c.Ref(), now)
	a := Answered[actions.Reading]{Takes: pause(r), Value: actions.Reading{Verdict: actions.Verified}}
	if s.trouble(r) {
		a.Value.Verdict = []actions.Verdict{actions.NotVerified, actions.CannotVerify, actions.Pending}[r.IntN(3)]
	}
	if s.trouble(r) {
		a.Err = wrong(r, c.Action)
	}
	return a, nil
}

func (s *Seeded) outputs(r *rand.Rand, t engine.Task) (json.RawMessage, error) {
	spec, ok := s.Spec(t.Action)
	if !ok {
		return nil, &Missing{Step: t.Step, Action: t.Action, What: "what its attempt answers", Attempt: t.Call.Attempt}
	}
	return json.Marshal(object(r, spec.Outputs))
}

// MadeUp makes up outputs of declared types, the same for the same seed and name.
func MadeUp(seed uint64, name string, fields []actions.Field) json.RawMessage {
	h := fnv.New64a()
	h.Write([]byte(name))
	data, err := json.Marshal(object(rand.New(rand.NewPCG(seed, h.Sum64())), fields))
	if err != nil {
		panic("sim: made up outputs do not encode: " + err.Error())
	}
	return data
}

// Sample makes up one value of a declared type, as [MadeUp] does: string, int,
// bool, []any or map[string]any.
func Sample(seed uint64, name string, f actions.Field) any {
	h := fnv.New64a()
	h.Write([]byte(name))
	return sample(rand.New(rand.NewPCG(seed, h.Sum64())), f)
}

func object(r *rand.Rand, fields []actions.Field) map[string]any {
	m := map[string]any{}
	for _, f := range fields {
		m[f.Name] = sample(r, f)
	}
	return m
}

// sample makes up a value of a type.
func sample(r *rand.Rand, f actions.Field) any {
	switch f.Kind {
	case actions.Int:
		return r.IntN(5)
	case actions.Bool:
		return r.IntN(2) == 0
	case actions.Duration:
		return (time.Duration(r.IntN(600)) * time.Second).String()
	case actions.Time:
		return Dawn().Add(-time.Duration(r.IntN(1000)) * time.Hour).Format(time.RFC3339)
	case actions.List:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, sample(r, *f.Elem))
		}
		return list
	case actions.Map:
		return map[string]any{"a": sample(r, *f.Elem)}
	case actions.Object:
		return object(r, f.Fields)
	}
	switch {
	case len(f.Enum) > 0:
		return f.Enum[r.IntN(len(f.Enum))]
	case f.Example != "":
		return f.Example
	}
	return fmt.Sprintf("text-%d", r.IntN(10))
}
