package score_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The actions of the tests: one for each way in which an effect can repeat, one
// that cannot be read back, and one that only tells people.
type (
	thing  struct{ spec actions.Spec }
	params struct {
		Target string `json:"target,omitempty" doc:"what it acts on"`
	}
	result struct {
		State string `json:"state" doc:"how it is now"`
	}
	undoable  struct{ thing }
	probeable struct{ undoable }
)

func (a thing) Spec() actions.Spec { return a.spec }
func (thing) Plan(context.Context, actions.Call, params) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (thing) Execute(context.Context, actions.Call, params) (result, error) { return result{}, nil }

func (undoable) Verify(context.Context, actions.Call, params, result) (actions.Reading, error) {
	return actions.Reading{}, nil
}
func (undoable) PlanUndo(context.Context, actions.Call, params, result) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (undoable) Undo(context.Context, actions.Call, params, result) error { return nil }
func (undoable) VerifyUndo(context.Context, actions.Call, params, result) (actions.Reading, error) {
	return actions.Reading{}, nil
}
func (probeable) Probe(context.Context, actions.Call, params) (actions.Found, result, error) {
	return actions.FoundUnknown, result{}, nil
}

func catalog() *actions.Registry {
	r := actions.NewRegistry()
	spec := func(name string, effect actions.Effect, repeat actions.Repeat) actions.Spec {
		return actions.Spec{Name: name, Version: 1, Title: "Test " + name, Doc: "For tests.", Effect: effect, Repeat: repeat, Settle: 10 * time.Second}
	}
	tell := spec("t.tell", actions.Reversible, actions.Idempotent)
	tell.Tells = true
	actions.Register(r, thing{spec("t.read", actions.Read, actions.Idempotent)})
	actions.Register(r, thing{tell})
	actions.Register(r, thing{spec("t.blind", actions.Reversible, actions.Idempotent)})
	actions.Register(r, undoable{thing{spec("t.set", actions.Reversible, actions.Idempotent)}})
	actions.Register(r, undoable{thing{spec("t.keyed", actions.Destructive, actions.Keyed)}})
	actions.Register(r, probeable{undoable{thing{spec("t.probe", actions.Destructive, actions.Probe)}}})
	actions.Register(r, undoable{thing{spec("t.once", actions.Destructive, actions.Once)}})
	return r
}

func compile(t testing.TB, src string) *runbooks.Program {
	t.Helper()
	var all []*runbooks.Program
	for file := range strings.SplitSeq(src, "\n+++\n") { // a runbook that is called stands before the one that calls it
		p, faults := runbooks.Load("test.yaml", []byte(file), catalog(), all...)
		if faults.HasErrors() {
			var b strings.Builder
			_ = faults.WriteText(&b, nil)
			t.Fatalf("the runbook does not compile:\n%s\n%s", b.String(), file)
		}
		all = append(all, p)
	}
	return all[len(all)-1]
}

func scenario(t testing.TB, src string, p *runbooks.Program) *runbooks.Scenario {
	t.Helper()
	file, faults := runbooks.ParseScenario("scenario.yaml", []byte(src))
	var s *runbooks.Scenario
	if file != nil && !faults.HasErrors() {
		s, faults = file.Check(p, catalog())
	}
	if s == nil {
		var b strings.Builder
		_ = faults.WriteText(&b, map[string][]byte{"scenario.yaml": []byte(src)})
		t.Fatalf("the scenario is wrong:\n%s", b.String())
	}
	return s
}

func person(id string) engine.Actor {
	a := engine.Actor{Type: engine.Person, ID: id, Name: strings.ToUpper(id[:1]) + id[1:], Via: "cli:" + id}
	switch id {
	case "-":
		return engine.TheEngine
	case "mallory":
		return engine.Actor{Type: engine.Stranger, Via: "slack:T9/U9"}
	case "bob", "carol", "erin":
		a.Groups = []string{"leads"}
	case "dave":
		a.Groups = []string{"bosses"}
	}
	return a
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// tape is a record being written on the real core.
type tape struct {
	t        testing.TB
	inc      *engine.Incident
	program  *runbooks.Program
	scenario *runbooks.Scenario
	now      time.Time
	facts    []engine.Event
	on       string // the run that is spoken of; empty: the latest
}

func (p *tape) take(e engine.Event) error {
	e.At, e.Seq = p.now, -1
	batch, err := p.inc.Advance(e)
	for _, e := range batch {
		e.Seq = int64(100 + len(p.facts))
		p.facts = append(p.facts, e)
	}
	return err
}

func (p *tape) events() iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for _, e := range p.facts {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// story plays the lines of a story: "TIME WHO VERB ARGUMENTS | TEXT", with the
// time since the declaration as minutes:seconds. "-" is the engine.
func story(t testing.TB, program *runbooks.Program, s *runbooks.Scenario, lines string) *tape {
	t.Helper()
	p := &tape{t: t, inc: engine.NewIncident(), program: program, scenario: s}
	for line := range strings.Lines(lines) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		head, text, _ := strings.Cut(line, " | ")
		words := strings.Fields(head)
		p.now = noon.Add(offset(t, words[0]))
		err := p.say(person(words[1]), words[2], words[3:], text)
		var no *engine.Refusal
		switch {
		case errors.As(err, &no):
			if err := p.take(engine.Event{Actor: person(words[1]), Run: p.latest(), Body: engine.Refused{Verb: words[2], Code: no.Code, Message: no.Message}}); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		case err != nil:
			t.Fatalf("%s: %v", line, err)
		}
	}
	return p
}

func offset(t testing.TB, s string) time.Duration {
	t.Helper()
	minutes, seconds, _ := strings.Cut(s, ":")
	m, err := strconv.Atoi(minutes)
	sec, err2 := strconv.ParseFloat(seconds, 64)
	if err != nil || err2 != nil {
		t.Fatalf("time %q is not minutes:seconds", s)
	}
	return time.Duration(m)*time.Minute + time.Duration(sec*1000)*time.Millisecond
}

func (p *tape) latest() string {
	if r, ok := p.inc.Run(p.on); ok {
		return r.ID
	}
	return ""
}

func (p *tape) step(id string) *engine.Step {
	r, _ := p.inc.Run(p.on)
	if r != nil {
		if s, ok := r.Step(id); ok {
			return s
		}
	}
	p.t.Fatalf("there is no step %q", id)
	return nil
}

func (p *tape) say(by engine.Actor, verb string, args []string, text string) error {
	arg := func(n int) string {
		if n < len(args) {
			return args[n]
		}
		return ""
	}
	word := func(b engine.Body) error { return p.take(engine.Event{Actor: by, Body: b}) }
	fact := func(b engine.Body) error {
		return p.take(engine.Event{Actor: by, Run: p.latest(), Step: arg(0), Body: b})
	}
	attempt := func() int { return len(p.step(arg(0)).Attempts) }
	wall := func(n int) engine.Stamp {
		if arg(n) == "" {
			return engine.Stamp{}
		}
		return engine.At(noon.Add(offset(p.t, arg(n))))
	}
	switch verb {
	case "declare":
		id := "INC-1"
		if p.scenario != nil {
			id = "DRL-1"
		}
		return word(engine.Declared{ID: id, Title: "Unusual API calls", Severity: 2, Store: "s"})
	case "drill":
		data, err := p.scenario.Encode()
		if err != nil {
			return err
		}
		pace, _ := strconv.Atoi(arg(0))
		return word(engine.DrillStarted{
			Scenario: p.scenario.ID, Title: p.scenario.Title, Digest: p.scenario.Digest, File: engine.Large{Value: data}, Runbook: p.program.ID,
			RunbookDigest: p.program.Digest, Seed: p.scenario.Seed, Pace: pace, Facilitators: []string{"fran"}, Wall: engine.At(noon),
		})
	case "run":
		encoded, err := p.program.Encode()
		if err != nil {
			return err
		}
		inputs, problems := p.program.CheckInputs(map[string]any{})
		if len(problems) > 0 {
			return problems
		}
		data, err := json.Marshal(inputs)
		if err != nil {
			return err
		}
		return p.take(engine.Event{Actor: by, Run: fmt.Sprint("R", len(p.inc.Runs)+1), Body: engine.RunStarted{
			Runbook: p.program.ID, Digest: p.program.Digest, Program: engine.Large{Value: encoded}, Inputs: data,
			Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "111122223333", Region: "eu-central-1"},
		}})
	case "wake":
		for n := 0; ; n++ {
			i := slices.IndexFunc(p.inc.Commands(), func(c engine.Command) bool {
				w, ok := c.(engine.Wake)
				return ok && !w.At.After(p.now)
			})
			if i < 0 {
				if n == 0 {
					p.t.Fatalf("no timer is due at %s", p.now)
				}
				return nil
			}
			w := p.inc.Commands()[i].(engine.Wake)
			if err := p.take(engine.Event{Actor: engine.TheEngine, Run: w.Run, Step: w.Step, Body: engine.TimerFired{Ref: w.Timer, Due: engine.At(w.At)}}); err != nil {
				return err
			}
		}
	case "plan":
		s := p.step(arg(0))
		preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: or(arg(1), "h1")}}, Calls: []string{"t:Set"}}
		for _, c := range p.inc.Commands() {
			if c, ok := c.(engine.PlanStep); ok && strings.Contains(c.Ref(), "/"+arg(0)+"/") {
				return fact(engine.StepPlanned{N: c.N, Preview: preview, Digest: s.PlanDigest(preview)})
			}
		}
		return fmt.Errorf("no plan of %q is owed; the last fact is %+v", arg(0), p.facts[len(p.facts)-1])
	case "approve", "deny":
		id := ""
		if a := p.step(arg(0)).Approval; a != nil {
			id = a.ID
		}
		return fact(engine.Vote{Approval: id, Approve: verb == "approve", Reason: text})
	case "break-glass":
		s := p.step(arg(0))
		id := ""
		if s.Approval != nil {
			id = s.Approval.ID
		}
		return p.take(engine.Event{Actor: by, Run: p.latest(), Step: arg(0), Body: sim.SignGlass(&by, s, engine.GlassBroken{Approval: id, Target: or(arg(1), "h1"), Reason: text})})
	case "review":
		id := ""
		for _, g := range p.step(arg(0)).Glasses() {
			id = g.ID
		}
		return fact(engine.GlassReviewed{ID: id, Justified: arg(1) == sim.Justified, Text: text})
	case "ok":
		return fact(engine.EffectOutcome{Attempt: attempt(), Epoch: 1, Result: engine.Large{Value: json.RawMessage(`{"state":"Down"}`)}, Millis: 5})
	case "fail":
		return fact(engine.EffectOutcome{Attempt: attempt(), Epoch: 1, Failure: &engine.Failure{Class: actions.Class(arg(1)), Message: "the world said no"}})
	case "probed":
		found := engine.EffectProbed{Attempt: attempt(), Found: actions.Found(arg(1))}
		if found.Found == actions.Applied {
			found.Result = engine.Large{Value: json.RawMessage(`{"state":"Down"}`)}
		}
		return fact(found)
	case "verified":
		return fact(engine.EffectVerified{Attempt: attempt(), Reading: actions.Reading{Verdict: actions.Verdict(or(arg(1), string(actions.Verified))), Detail: "it is Down"}, Readings: 2})
	case "done":
		return fact(engine.ManualDone{Answer: text})
	case "applied":
		return fact(engine.EffectResolved{Attempt: attempt(), Applied: true, Reason: text})
	case "retry":
		return fact(engine.RetryRequested{NotApplied: arg(1) == "not_applied"})
	case "skip":
		return fact(engine.SkipRequested{Reason: text})
	case "undo":
		return fact(engine.UndoRequested{Reason: text})
	case "cancel":
		return p.take(engine.Event{Actor: by, Run: p.latest(), Body: engine.CancelRequested{Reason: text}})
	case "note":
		return word(engine.Noted{Text: text, Class: engine.Observation})
	case "posted":
		return word(engine.MessagePosted{Ref: arg(0), Channel: "C1", TS: "1.1"})
	case "resolve":
		return word(engine.Resolved{Summary: text})
	case "refused":
		return word(engine.Refused{Verb: arg(0), Code: engine.NotKnown, Message: text})
	case "export":
		return word(engine.ExportMade{Format: "md", SHA256: "00", First: 100, Last: int64(99 + len(p.facts))})
	case "inject":
		for _, in := range p.scenario.Injects {
			if in.ID == arg(0) {
				return word(engine.InjectDelivered{ID: in.ID, To: in.To, Text: in.Say, Why: "at", Chat: in.Chat, Away: in.Away, Back: in.Back})
			}
		}
		return fmt.Errorf("there is no inject %q", arg(0))
	case "leave-out":
		return word(engine.InjectSkipped{ID: arg(0), Reason: text})
	case "hold":
		return word(engine.DrillHeld{Reason: text, Wall: wall(0)})
	case "go":
		return word(engine.DrillResumed{Wall: wall(0)})
	case "advance":
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			return err
		}
		return word(engine.DrillAdvanced{By: runbooks.Span(d)})
	case "outcome":
		return word(engine.OutcomeSet{Step: arg(0), Outcome: arg(1)})
	case "hint":
		return word(engine.HintGiven{To: "channel", Text: text})
	case "judge":
		n, _ := strconv.Atoi(arg(1))
		return word(engine.ExpectationJudged{Inject: arg(0), N: n, Met: arg(2) == "met", Why: text})
	case "observe":
		return word(engine.DrillObserved{Text: text, Objective: arg(0)})
	case "rate":
		return word(engine.ObjectiveRated{Objective: arg(0), Rating: engine.Rating(arg(1)), Why: text})
	case "end":
		return word(engine.DrillEnded{Why: engine.EndReason(arg(0)), Text: text, Wall: wall(1)})
	case "wash":
		parts := strings.Split(text+"//", "/")
		return word(engine.FeedbackGiven{Well: parts[0], Badly: parts[1], Change: parts[2]})
	case "wash-unnamed":
		return p.take(engine.Event{Actor: engine.Actor{Type: engine.Person}, Body: engine.FeedbackGiven{Badly: text}})
	case "corrective":
		return word(engine.CorrectiveAdded{ID: fmt.Sprint("C", len(p.inc.Correctives)+1), Text: text, Owner: arg(0), Due: arg(1), Objective: arg(2)})
	case "close":
		return word(engine.CorrectiveClosed{ID: arg(0), How: text})
	}
	return fmt.Errorf("word %q is not known", verb)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
