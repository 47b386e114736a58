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
	"github.com/firebreak-ir/firebreak/runbooks"
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

var childNumber = regexp.MustCompile(`\.[0-9]+`)

// Keys lists the names under which the answers for a step may stand, the first
// that is there counts: "revoke.2" as it is, and "revoke" for all items of a loop.
func Keys(step string) []string {
	base, _, undo := strings.Cut(step, "~undo")
	suffix := ""
	if undo {
		suffix = "~undo"
	}
	return []string{step, base + suffix, childNumber.ReplaceAllString(base, "") + suffix}
}

// Answers turns what a test or a scenario says of the world into answers, by step.
func Answers(list []runbooks.TestAnswers) map[string][]Answer {
	m := make(map[string][]Answer, len(list))
	for _, a := range list {
		for _, one := range a.List {
			m[a.Step] = append(m[a.Step], AnswerOf(one))
		}
	}
	return m
}

// AnswerOf turns one answer. Its outputs were checked, so that they encode.
func AnswerOf(a runbooks.TestAnswer) Answer {
	out := Answer{
		Targets: a.Targets, Changes: a.Changes, InEffect: a.InEffect, NoUndo: a.NoUndo, Takes: time.Duration(a.Takes),
		Unknown: a.Unknown, Never: a.TimesOut, Found: a.Found, Lies: a.Lies, Unreadable: a.Unreadable, ProvenIn: time.Duration(a.VerifiedAfter),
	}
	if a.Outputs != nil {
		data, err := json.Marshal(a.Outputs)
		if err != nil {
			panic("sim: checked outputs do not encode: " + err.Error())
		}
		out.Outputs = data
	}
	if a.Fails != "" {
		out.Fails = &engine.Failure{Class: a.Fails, Message: a.Message}
	}
	for _, r := range a.Readings {
		sight := Sight{Targets: r.Targets}
		if r.Fails != "" {
			sight.Fails = &engine.Failure{Class: r.Fails, Message: a.Message}
		}
		out.Readings = append(out.Readings, sight)
	}
	return out
}

// What there may be no answer for; see [Missing].
const (
	MissingPlan  = "what its target looks like"
	MissingRun   = "what its attempt answers"
	MissingProbe = "what became of its attempt"
	MissingProof = "whether its effect is there"
)

// Plan is what the nth reading of the target before an attempt sees, from 1.
func (a Answer) Plan(n int, read time.Duration) Answered[actions.Preview] {
	preview := actions.Preview{Targets: a.Targets, Changes: a.Changes, Calls: a.Calls, Warnings: a.Warnings, InEffect: a.InEffect, NoUndo: a.NoUndo}
	if len(a.Readings) > 0 {
		sight := a.Readings[min(n, len(a.Readings))-1]
		if sight.Fails != nil {
			return Answered[actions.Preview]{Err: failed(sight.Fails), Takes: read}
		}
		preview.Targets = sight.Targets
	}
	return Answered[actions.Preview]{Value: preview, Takes: read}
}

// Run is how the attempt ends.
func (a Answer) Run(action string) Answered[json.RawMessage] {
	switch {
	case a.Never:
		return Answered[json.RawMessage]{Never: true}
	case a.Unknown:
		return Answered[json.RawMessage]{Err: &actions.Error{Class: actions.Unknown, Op: action, Err: fmt.Errorf("its answer was lost")}, Takes: a.Takes}
	case a.Fails != nil:
		return Answered[json.RawMessage]{Err: failed(a.Fails), Takes: a.Takes}
	}
	return Answered[json.RawMessage]{Value: a.outputs(), Takes: a.Takes}
}

// Probe is what the target says about the attempt when its answer was lost.
func (a Answer) Probe(read time.Duration) Answered[Probed] {
	p := Probed{Found: a.Found}
	switch p.Found {
	case "":
		p.Found = actions.FoundUnknown
	case actions.Applied:
		p.Result = a.outputs()
	}
	return Answered[Probed]{Value: p, Takes: read}
}

// Verify is what a reading of the effect sees, so long after the attempt ended.
func (a Answer) Verify(since, read time.Duration) Answered[actions.Reading] {
	r := actions.Reading{Verdict: actions.Verified, Detail: "it is as it should be"}
	switch {
	case a.Lies:
		r = actions.Reading{Verdict: actions.NotVerified, Detail: "the target is as it was before"}
	case a.Unreadable:
		r = actions.Reading{Verdict: actions.CannotVerify, Detail: "the target does not answer"}
	case since < a.ProvenIn:
		r = actions.Reading{Verdict: actions.Pending, Detail: "it is not there yet"}
	}
	return Answered[actions.Reading]{Value: r, Takes: read}
}

func (a Answer) outputs() json.RawMessage {
	if len(a.Outputs) == 0 {
		return json.RawMessage("{}")
	}
	return slices.Clone(a.Outputs)
}

func failed(f *engine.Failure) error {
	return &actions.Error{Class: f.Class, Err: fmt.Errorf("%s", f.Message)}
}
