package sim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// How long the world takes when nothing else is said.
const (
	DefaultEffect = time.Second
	DefaultRead   = 200 * time.Millisecond
)

// Answer is what the world does with one attempt of a step.
type Answer struct {
	Outputs  json.RawMessage  // what it answers
	Targets  []actions.Target // what the plan names
	Changes  []string
	Warnings []string
	Calls    []string
	InEffect bool
	NoUndo   string

	Readings []Sight // what each reading of the target sees, the last repeats; nil: the targets

	Takes   time.Duration // zero: DefaultEffect
	Fails   *engine.Failure
	Unknown bool // it did, or did not, what it should; its answer is lost
	Never   bool // no answer comes
	Found   actions.Found

	Lies       bool          // says success, and its proof fails for ever
	Unreadable bool          // the proof cannot be read
	ProvenIn   time.Duration // after the end of the attempt
}

// Sight is what one reading of a target sees: that it cannot be read, or what it is.
type Sight struct {
	Targets []actions.Target
	Fails   *engine.Failure
}

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

var childNumber = regexp.MustCompile(`\.[0-9]+`)

// Find gives the key under which a step's answers stand, if there are any.
func (s *Script) Find(step string) (key string, ok bool) {
	base, _, undo := strings.Cut(step, "~undo")
	suffix := ""
	if undo {
		suffix = "~undo"
	}
	for _, key := range []string{step, base + suffix, childNumber.ReplaceAllString(base, "") + suffix} {
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

func failed(f *engine.Failure) error {
	if f == nil {
		return nil
	}
	return &actions.Error{Class: f.Class, Err: fmt.Errorf("%s", f.Message)}
}

// Plan names the targets.
func (s *Script) Plan(_ time.Time, c engine.PlanStep) (Answered[actions.Preview], error) {
	attempt := c.Call.Attempt + 1
	a, err := s.of(c.Task, attempt, "what its target looks like")
	if err != nil {
		return Answered[actions.Preview]{}, err
	}
	if s.reads == nil {
		s.reads = map[string]int{}
	}
	place := fmt.Sprintf("%s/%d", c.Step, attempt)
	s.reads[place]++
	n := s.reads[place]
	preview := actions.Preview{Targets: a.Targets, Changes: a.Changes, Calls: a.Calls, Warnings: a.Warnings, InEffect: a.InEffect, NoUndo: a.NoUndo}
	if len(a.Readings) > 0 {
		sight := a.Readings[min(n, len(a.Readings))-1]
		if sight.Fails != nil {
			return Answered[actions.Preview]{Err: failed(sight.Fails), Takes: s.read()}, nil
		}
		preview.Targets = sight.Targets
	}
	return Answered[actions.Preview]{Value: preview, Takes: s.read()}, nil
}

// Run answers an attempt.
func (s *Script) Run(now time.Time, c engine.RunEffect) (Answered[json.RawMessage], error) {
	a, err := s.of(c.Task, c.Call.Attempt, "what its attempt answers")
	if err != nil {
		return Answered[json.RawMessage]{}, err
	}
	takes := a.Takes
	if takes == 0 {
		takes = DefaultEffect
	}
	if s.ended == nil {
		s.ended = map[string]time.Time{}
	}
	s.ended[c.Step] = now.Add(takes)
	switch {
	case a.Never:
		return Answered[json.RawMessage]{Never: true}, nil
	case a.Unknown:
		return Answered[json.RawMessage]{Err: &actions.Error{Class: actions.Unknown, Op: c.Action, Err: fmt.Errorf("its answer was lost")}, Takes: takes}, nil
	case a.Fails != nil:
		return Answered[json.RawMessage]{Err: failed(a.Fails), Takes: takes}, nil
	}
	return Answered[json.RawMessage]{Value: a.outputs(), Takes: takes}, nil
}

func (a Answer) outputs() json.RawMessage {
	if len(a.Outputs) == 0 {
		return json.RawMessage("{}")
	}
	return slices.Clone(a.Outputs)
}

// Probe tells what became of an attempt.
func (s *Script) Probe(_ time.Time, c engine.ProbeEffect) (Answered[Probed], error) {
	a, err := s.of(c.Task, c.Call.Attempt, "what became of its attempt")
	if err != nil {
		return Answered[Probed]{}, err
	}
	p := Probed{Found: a.Found}
	switch p.Found {
	case "":
		p.Found = actions.FoundUnknown
	case actions.Applied:
		p.Result = a.outputs()
	}
	return Answered[Probed]{Value: p, Takes: s.read()}, nil
}

// Verify reads the effect back.
func (s *Script) Verify(now time.Time, c engine.VerifyEffect) (Answered[actions.Reading], error) {
	a, err := s.of(c.Task, c.Call.Attempt, "whether its effect is there")
	if err != nil {
		return Answered[actions.Reading]{}, err
	}
	r := actions.Reading{Verdict: actions.Verified, Detail: "it is as it should be"}
	switch {
	case a.Lies:
		r = actions.Reading{Verdict: actions.NotVerified, Detail: "the target is as it was before"}
	case a.Unreadable:
		r = actions.Reading{Verdict: actions.CannotVerify, Detail: "the target does not answer"}
	case a.ProvenIn > 0 && now.Before(s.ended[c.Step].Add(a.ProvenIn)):
		r = actions.Reading{Verdict: actions.Pending, Detail: "it is not there yet"}
	}
	return Answered[actions.Reading]{Value: r, Takes: s.read()}, nil
}
