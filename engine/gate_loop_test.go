package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

const loopOfTwo = `apiVersion: firebreak/v1
kind: Runbook
id: test
title: Test
owner: {team: t, contact: "#t"}
budget: 20m
inputs:
  hosts: {type: list, of: string, default: [h1, h2]}
steps:
  - id: a
    uses: t.keyed
    for_each: {in: inputs.hosts, max_parallel: 2}
    with: {target: "${{ item }}"}
    approval: {from: [group:leads], quorum: 1, expires: 15m}
`

// loopGate lays out a loop over two items, both planned, fact by fact, as an
// engine would whose Decide is wrong.
func loopGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{t: t, inc: engine.NewIncident(), now: noon}
	p := compile(t, loopOfTwo)
	g.must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
	inputs, _ := p.CheckInputs(nil)
	e := started(t, p, "R1", inputs, nil)
	e.Actor = person("alice")
	g.must(e)
	g.fact(engine.StepExpanded{Items: engine.Large{Value: json.RawMessage(`["h1","h2"]`)}, N: 2})
	for _, id := range []string{"a.1", "a.2"} {
		g.child(id, engine.StepReady{})
		g.planChild(id, 1, "h"+id[2:])
	}
	return g
}

func (g *gate) child(id string, body engine.Body) {
	g.t.Helper()
	g.must(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: id, Body: body})
}

func (g *gate) find(id string) *engine.Step {
	g.t.Helper()
	run, _ := g.inc.Run("R1")
	s, ok := run.Step(id)
	if !ok {
		g.t.Fatalf("no step %q", id)
	}
	return s
}

func (g *gate) planChild(id string, n int, target string) {
	g.t.Helper()
	preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: target}}}
	g.child(id, engine.StepPlanned{N: n, Preview: preview, Digest: g.find(id).PlanDigest(preview)})
}

func (g *gate) intentOf(id string) engine.EffectIntent {
	s := g.find(id)
	b := engine.EffectIntent{Attempt: len(s.Attempts) + 1, Key: s.Key(), Action: s.Def.Uses, Version: 1, Effect: s.Def.Effect, Digest: s.Digest, Deadline: engine.At(g.now.Add(time.Minute))}
	if s.Approval != nil {
		b.Approval = s.Approval.ID
	}
	return b
}

func (g *gate) refusesFact(step string, body engine.Body, why string) {
	g.t.Helper()
	err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: step, Body: body})
	if err == nil || !strings.Contains(err.Error(), why) {
		g.t.Fatalf("%s is answered with %v, want it refused because %s", body.Kind(), err, why)
	}
}

// asked gives the question about both items.
func (g *gate) asked() engine.ApprovalRequested {
	// The digest is what Decide would ask about.
	for _, e := range g.inc.Decide() {
		if b, ok := e.Body.(engine.ApprovalRequested); ok {
			return b
		}
	}
	g.t.Fatal("nobody is asked")
	return engine.ApprovalRequested{}
}

// TestLoopGate tries to get an item past Apply without what it needs.
func TestLoopGate(t *testing.T) {
	t.Run("nobody asked", func(t *testing.T) {
		g := loopGate(t)
		g.refusesFact("a.1", g.intentOf("a.1"), "it has no approval")
	})
	t.Run("people asked about something else", func(t *testing.T) {
		g := loopGate(t)
		b := g.asked()
		b.Digest = strings.Repeat("0", 64)
		g.refusesFact("a", b, "planned differently")
	})
	t.Run("a list laid out twice", func(t *testing.T) {
		g := loopGate(t)
		g.refusesFact("a", engine.StepExpanded{Items: engine.Large{Value: json.RawMessage(`["h1","h2"]`)}, N: 2}, "it has no list to go through now")
	})
	t.Run("the loop itself has no effect", func(t *testing.T) {
		g := loopGate(t)
		g.refusesFact("a", g.intentOf("a"), "nothing was planned")
	})
	t.Run("a list of another length", func(t *testing.T) {
		g := &gate{t: t, inc: engine.NewIncident(), now: noon}
		p := compile(t, loopOfTwo)
		g.must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
		e := started(t, p, "R1", map[string]any{"hosts": []any{"h1"}}, nil)
		e.Actor = person("alice")
		g.must(e)
		g.refusesFact("a", engine.StepExpanded{Items: engine.Large{Value: json.RawMessage(`["h1"]`)}, N: 2}, "cannot be read")
		g.refusesFact("a", engine.StepEntered{}, "it does not call a runbook")
		g.refusesFact("a", engine.WaitStarted{Until: engine.At(noon.Add(time.Hour))}, "nothing to wait for")
		g.refusesFact("a", engine.ContainmentBegan{Until: engine.At(noon.Add(time.Hour))}, "no new effect")
	})
	granted := func(t *testing.T) *gate {
		g := loopGate(t)
		g.child("a", g.asked())
		id := g.find("a").Approval.ID
		g.refusesFact("a", engine.ApprovalClosed{ID: id, Verdict: engine.ApprovalGranted}, "is not granted")
		g.must(engine.Event{Actor: person("bob"), Run: "R1", Step: "a", Body: engine.Vote{Approval: id, Approve: true}})
		g.child("a", engine.ApprovalClosed{ID: id, Verdict: engine.ApprovalGranted})
		return g
	}
	t.Run("approved and not read again", func(t *testing.T) {
		g := granted(t)
		g.refusesFact("a.1", g.intentOf("a.1"), "nothing was planned")
	})
	t.Run("another plan than the approved one", func(t *testing.T) {
		g := granted(t)
		g.planChild("a.1", 2, "another")
		g.refusesFact("a.1", g.intentOf("a.1"), "the approval is for another plan")
	})
	t.Run("an item's own part is used once", func(t *testing.T) {
		g := granted(t)
		g.planChild("a.1", 2, "h1")
		g.child("a.1", g.intentOf("a.1"))
		g.child("a.1", engine.EffectOutcome{Attempt: 1, Failure: &engine.Failure{Class: actions.Denied, Message: "no"}})
		g.child("a.1", engine.StepEnded{Status: engine.StepFailed, Reason: "no"})
		g.child("a.2", engine.StepEnded{Status: engine.StepCancelled, Reason: "no"})
		g.child("a", engine.StepEnded{Status: engine.StepFailed, Reason: "no"})
		g.must(engine.Event{Actor: engine.TheEngine, Run: "R1", Body: engine.RunEnded{Status: engine.RunFailed}})
		g.must(engine.Event{Actor: person("alice"), Run: "R1", Step: "a.1", Body: engine.RetryRequested{}})
		g.child("a.1", engine.StepReady{})
		g.planChild("a.1", 3, "h1")
		g.refusesFact("a.1", g.intentOf("a.1"), "it has no approval")
	})
	t.Run("long after it was granted", func(t *testing.T) {
		g := granted(t)
		g.planChild("a.1", 2, "h1")
		g.now = g.now.Add(engine.LoopGrace - 30*time.Second)
		g.child("a.1", g.intentOf("a.1"))
		g.planChild("a.2", 2, "h2")
		g.now = g.now.Add(time.Minute)
		g.refusesFact("a.2", g.intentOf("a.2"), "the approval has expired")
	})
	t.Run("no more at once than may be", func(t *testing.T) {
		g := &gate{t: t, inc: engine.NewIncident(), now: noon}
		src := strings.NewReplacer("max_parallel: 2", "max_parallel: 1", "    approval: {from: [group:leads], quorum: 1, expires: 15m}\n", "").Replace(loopOfTwo)
		g.must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
		p := compile(t, strings.ReplaceAll(src, "t.keyed", "t.set"))
		inputs, _ := p.CheckInputs(nil)
		e := started(t, p, "R1", inputs, nil)
		e.Actor = person("alice")
		g.must(e)
		g.fact(engine.StepExpanded{Items: engine.Large{Value: json.RawMessage(`["h1","h2"]`)}, N: 2})
		for _, id := range []string{"a.1", "a.2"} {
			g.child(id, engine.StepReady{})
			g.planChild(id, 1, "h1")
		}
		g.child("a.1", g.intentOf("a.1"))
		g.refusesFact("a.2", g.intentOf("a.2"), "as many items of its loop are in flight as may be")
	})
	t.Run("the question about all is never void as a whole", func(t *testing.T) {
		g := loopGate(t)
		g.child("a", g.asked())
		g.child("a.1", engine.StepEnded{Status: engine.StepSkipped, Reason: "r"})
		id := g.find("a").Approval.ID
		g.must(engine.Event{Actor: person("bob"), Run: "R1", Step: "a", Body: engine.Vote{Approval: id, Approve: true}})
		g.refusesFact("a", engine.ApprovalClosed{ID: id, Verdict: engine.ApprovalVoided}, "voided one by one")
		g.child("a", engine.ApprovalClosed{ID: id, Verdict: engine.ApprovalGranted})
		g.planChild("a.2", 2, "h2")
		g.child("a.2", g.intentOf("a.2"))
	})
	t.Run("over the budget nothing more begins", func(t *testing.T) {
		g := granted(t)
		g.planChild("a.1", 2, "h1")
		g.planChild("a.2", 2, "h2")
		g.child("a.1", g.intentOf("a.1"))
		g.child("a.1", engine.EffectOutcome{Attempt: 1, Failure: &engine.Failure{Class: actions.Denied, Message: "no"}})
		g.child("a.1", engine.StepEnded{Status: engine.StepFailed, Reason: "no"})
		g.refusesFact("a.2", g.intentOf("a.2"), "nothing more of it may begin")
	})
}

// TestAuditOfLoops changes a record that is right, and wants the auditor to see it.
func TestAuditOfLoops(t *testing.T) {
	tape := newTape(t)
	must := func(e engine.Event) {
		t.Helper()
		if _, err := tape.take(e); err != nil {
			t.Fatal(err)
		}
	}
	p := compile(t, loopOfTwo)
	must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
	inputs, _ := p.CheckInputs(nil)
	e := started(t, p, "R1", inputs, nil)
	e.Actor = person("alice")
	must(e)
	good := func(int) int { return 0 }
	for range 2 {
		answer(tape, tape.inc.Commands()[0], good)
	}
	must(engine.Event{Actor: person("bob"), Run: "R1", Step: "a", Body: engine.Vote{Approval: tape.inc.Runs[0].Steps[0].Approval.ID, Approve: true}})
	for !tape.inc.Runs[0].Status.Ended() {
		answer(tape, tape.inc.Commands()[0], good)
	}
	var record []engine.Event
	for _, data := range tape.record {
		e, err := engine.Decode([]byte(data), func(d string) ([]byte, error) { return tape.blobs[d], nil })
		if err != nil {
			t.Fatal(err)
		}
		record = append(record, e)
	}
	audit := func(change func(n int, e engine.Event) (engine.Event, bool)) string {
		a := engine.NewAudit()
		var wrong []string
		for n, e := range record {
			if e, keep := change(n, e); keep {
				wrong = append(wrong, a.Take(e)...)
			}
		}
		return strings.Join(wrong, "\n")
	}
	if got := audit(func(_ int, e engine.Event) (engine.Event, bool) { return e, true }); got != "" {
		t.Fatalf("the auditor finds in a good record:\n%s", got)
	}
	for _, tt := range []struct {
		name   string
		change func(e engine.Event) (engine.Event, bool)
		want   string
	}{
		{"no vote", func(e engine.Event) (engine.Event, bool) { return e, e.Kind() != "approval.vote" }, "its approval was not granted"},
		{"the vote of who started it", func(e engine.Event) (engine.Event, bool) {
			if e.Kind() == "approval.vote" {
				e.Actor = person("alice")
				e.Actor.Groups = []string{"leads"}
			}
			return e, true
		}, `the vote of "alice" counts although it may not`},
		{"the vote of somebody it is about", func(e engine.Event) (engine.Event, bool) {
			if e.Kind() == "approval.vote" {
				e.Actor.Identities = []string{"host:h2"}
			}
			if b, ok := e.Body.(engine.StepPlanned); ok && e.Step == "a.2" {
				b.Preview.Targets = []actions.Target{{Type: "host", ID: "h2"}}
				e.Body = b
			}
			return e, true
		}, `"bob" decided about an effect on themselves`},
		{"the vote of somebody who saw something else", func(e engine.Event) (engine.Event, bool) {
			if b, ok := e.Body.(engine.Vote); ok {
				b.Digest = strings.Repeat("0", 12)
				e.Body = b
			}
			return e, true
		}, `"bob" saw another plan`},
		{"the question was about something else", func(e engine.Event) (engine.Event, bool) {
			if b, ok := e.Body.(engine.ApprovalRequested); ok {
				b.Digest = strings.Repeat("0", 64)
				e.Body = b
			}
			return e, true
		}, "people are asked about another plan"},
		{"an item did something else", func(e engine.Event) (engine.Event, bool) {
			if b, ok := e.Body.(engine.EffectIntent); ok && e.Step == "a.2" {
				b.Digest = strings.Repeat("0", 64)
				e.Body = b
			}
			return e, true
		}, "its approval is for another plan"},
		{"an item ran long after", func(e engine.Event) (engine.Event, bool) {
			if _, ok := e.Body.(engine.EffectIntent); ok && e.Step == "a.2" {
				e.At = e.At.Add(engine.LoopGrace + time.Minute)
			}
			return e, true
		}, "its approval had expired"},
		{"an item that was never laid out", func(e engine.Event) (engine.Event, bool) {
			if e.Step == "a.2" {
				e.Step = "a.3"
			}
			return e, true
		}, "there is no such step"},
		{"an item ran without any approval", func(e engine.Event) (engine.Event, bool) {
			if b, ok := e.Body.(engine.EffectIntent); ok && e.Step == "a.2" {
				b.Approval = ""
				e.Body = b
			}
			return e, true
		}, "it runs a new plan without an approval"},
		{"an item that nobody planned, for nobody", func(e engine.Event) (engine.Event, bool) {
			if b, ok := e.Body.(engine.EffectIntent); ok && e.Step == "a.2" {
				b.Approval = ""
				e.Body = b
			}
			return e, e.Step != "a.2" || e.Kind() != "step.planned"
		}, "it runs a new plan without an approval"},
		{"an item is done and nothing proves it", func(e engine.Event) (engine.Event, bool) {
			return e, e.Step != "a.2" || e.Kind() != "effect.verified"
		}, "it is done without a proof"},
		{"an item is done and nothing was done", func(e engine.Event) (engine.Event, bool) {
			return e, e.Step != "a.2" || !strings.HasPrefix(string(e.Kind()), "effect.")
		}, "it is done and nothing was done"},
		{"an item is cut off", func(e engine.Event) (engine.Event, bool) {
			return e, e.Step != "a.2" || e.Kind() != "effect.outcome"
		}, "it ends while attempt 1 is in flight"},
		{"an item is lost", func(e engine.Event) (engine.Event, bool) {
			return e, e.Step != "a.2" || e.Kind() != "step.ended"
		}, `it ends while step "a.2" has not`},
		{"the run ended too early", func(e engine.Event) (engine.Event, bool) {
			return e, e.Step != "a" || e.Kind() != "step.ended"
		}, `it ended while step "a" has not`},
		{"an item used its part twice", func(e engine.Event) (engine.Event, bool) {
			if e.Step == "a.2" {
				e.Step = "a.1"
			}
			return e, true
		}, "its approval was used before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := audit(func(_ int, e engine.Event) (engine.Event, bool) { return tt.change(e) }); !strings.Contains(got, tt.want) {
				t.Errorf("the auditor says %q, want %q", got, tt.want)
			}
		})
	}
}
