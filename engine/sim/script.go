package sim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// How long the world takes when nothing else is said.
const (
	DefaultEffect = time.Second
	DefaultRead   = 200 * time.Millisecond
)

// Script is a world that answers by step and attempt. A step is named as the
// engine does ("disable", "revoke.2", "other.owner", "disable~undo"); where a
// child has no answers of its own it has those of the step without numbers, and
// an undo without answers works.
type Script struct {
	Steps map[string][]Answer // the nth is for attempt n, the last for all that follow
	Read  time.Duration       // of one reading; zero: DefaultRead

	used  map[string]int // by key of Steps: the latest attempt that was asked for
	ended map[string]time.Time
	reads map[string]int // by step and attempt: readings before it
}

// Find gives the key under which a step's answers stand, if there are any.
func (s *Script) Find(step string) (key string, ok bool) {
	for _, key := range Keys(step) {
		if len(s.Steps[key]) > 0 {
			return key, true
		}
	}
	return "", false
}

// Used says how many of the answers under a key were asked for.
func (s *Script) Used(key string) int { return min(s.used[key], len(s.Steps[key])) }

// of finds the answer for an attempt.
func (s *Script) of(t engine.Task, attempt int, what string) (Answer, error) {
	key, ok := s.Find(t.Step)
	if !ok && t.Undo {
		return Answer{}, nil
	}
	if !ok {
		return Answer{}, &Missing{Step: t.Step, Action: t.Action, What: what, Attempt: attempt}
	}
	if s.used == nil {
		s.used = map[string]int{}
	}
	s.used[key] = max(s.used[key], attempt)
	list := s.Steps[key]
	return list[min(attempt, len(list))-1], nil
}

func (s *Script) read() time.Duration {
	if s.Read > 0 {
		return s.Read
	}
	return DefaultRead
}

// Plan names the targets.
func (s *Script) Plan(_ time.Time, c engine.PlanStep) (Answered[actions.Preview], error) {
	attempt := c.Call.Attempt + 1
	a, err := s.of(c.Task, attempt, MissingPlan)
	if err != nil {
		return Answered[actions.Preview]{}, err
	}
	if s.reads == nil {
		s.reads = map[string]int{}
	}
	place := fmt.Sprintf("%s/%d", c.Step, attempt)
	s.reads[place]++
	return a.Plan(s.reads[place], s.read()), nil
}

// Run answers an attempt.
func (s *Script) Run(now time.Time, c engine.RunEffect) (Answered[json.RawMessage], error) {
	a, err := s.of(c.Task, c.Call.Attempt, MissingRun)
	if err != nil {
		return Answered[json.RawMessage]{}, err
	}
	if a.Takes == 0 {
		a.Takes = DefaultEffect
	}
	if s.ended == nil {
		s.ended = map[string]time.Time{}
	}
	s.ended[c.Step] = now.Add(a.Takes)
	return a.Run(c.Action), nil
}

// Probe tells what became of an attempt.
func (s *Script) Probe(_ time.Time, c engine.ProbeEffect) (Answered[Probed], error) {
	a, err := s.of(c.Task, c.Call.Attempt, MissingProbe)
	if err != nil {
		return Answered[Probed]{}, err
	}
	return a.Probe(s.read()), nil
}

// Verify reads the effect back.
func (s *Script) Verify(now time.Time, c engine.VerifyEffect) (Answered[actions.Reading], error) {
	a, err := s.of(c.Task, c.Call.Attempt, MissingProof)
	if err != nil {
		return Answered[actions.Reading]{}, err
	}
	return a.Verify(now.Sub(s.ended[c.Step]), s.read()), nil
}
