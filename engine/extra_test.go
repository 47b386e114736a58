package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

const extraBook = `apiVersion: firebreak/v1
kind: Runbook
id: test
title: Test
owner: {team: t, contact: "#t"}
budget: 20m
steps:
  - id: a
    uses: t.set
    with: {target: h1}
    approval: {from: [group:leads], quorum: 1}
`

var oneMore = &engine.Extra{Approvers: 1, Why: "it was never rehearsed"}

// strict starts a run with an extra approver, up to its first question.
func strict(t *testing.T, x *engine.Extra) *tape {
	t.Helper()
	p := newTape(t)
	for _, e := range []engine.Event{
		{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}},
		withExtra(started(t, compile(t, extraBook), "R1", nil, nil), x),
	} {
		e.Actor = person("alice")
		if _, err := p.take(e); err != nil {
			t.Fatal(err)
		}
	}
	planned(t, p, "h1")
	return p
}

func withExtra(e engine.Event, x *engine.Extra) engine.Event {
	b := e.Body.(engine.RunStarted)
	b.Extra = x
	e.Body = b
	return e
}

func stepA(p *tape) *engine.Step {
	run, _ := p.inc.Run("R1")
	s, _ := run.Step("a")
	return s
}

func yes(p *tape, who string) error {
	_, err := p.take(engine.Event{Actor: person(who), Run: "R1", Step: "a", Body: engine.Vote{Approval: stepA(p).Approval.ID, Approve: true}})
	return err
}

// A run that was told to ask one more person asks one more, and one yes less
// than that starts nothing.
func TestExtraApprover(t *testing.T) {
	p := strict(t, oneMore)
	a := stepA(p).Approval
	if a.Quorum != 2 || a.Extra != 1 || a.Floor {
		t.Fatalf("asked for %d, of which %d more, by the environment: %v", a.Quorum, a.Extra, a.Floor)
	}
	if err := yes(p, "bob"); err != nil {
		t.Fatal(err)
	}
	if a.State != engine.ApprovalOpen {
		t.Fatalf("one yes is enough: %s", a.State)
	}
	if err := yes(p, "carol"); err != nil {
		t.Fatal(err)
	}
	if a.State != engine.ApprovalGranted {
		t.Fatalf("two are not enough: %s", a.State)
	}
	if wrong := audited(t, p, func(*engine.Event) {}); len(wrong) > 0 {
		t.Errorf("the audit finds %q", wrong)
	}
	if got := p.replay().Runs[0].Extra; got == nil || *got != *oneMore {
		t.Errorf("after a replay: %v", got)
	}
	if usual := strict(t, nil); stepA(usual).Digest == stepA(strict(t, oneMore)).Digest {
		t.Error("the plan has the same digest, so an approval of the one would do for the other")
	}
}

// With a floor, both count; and the question says which raised it.
func TestExtraAboveFloor(t *testing.T) {
	step := &runbooks.Step{Uses: "a", Effect: "reversible", Approval: &runbooks.Approval{From: []string{"group:x"}, Quorum: 1}}
	floor := &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 2}
	got := (&engine.Extra{Approvers: 2}).Raise(engine.EffectiveApproval(step, floor))
	if got.Quorum != 4 || step.Approval.Quorum != 1 {
		t.Errorf("asks for %d, and the program for %d", got.Quorum, step.Approval.Quorum)
	}
	if (&engine.Extra{Approvers: 2}).Raise(nil) != nil {
		t.Error("a step that asks nobody asks somebody")
	}
}

// An engine that forgets about it is found out from the record alone, and gets
// no effect past Apply.
func TestExtraIsAudited(t *testing.T) {
	p := strict(t, nil) // asks for one
	if err := yes(p, "bob"); err != nil {
		t.Fatal(err)
	}
	planned(t, p, "h1")
	if len(stepA(p).Attempts) != 1 {
		t.Fatal("no effect was begun, so this shows nothing")
	}
	wrong := strings.Join(audited(t, p, func(e *engine.Event) {
		if e.Kind() == (engine.RunStarted{}).Kind() {
			*e = withExtra(*e, oneMore)
		}
	}), "\n")
	for _, want := range []string{"the digest is not that of this plan", "asks for fewer people", "was not granted: 1 of 1 people"} {
		if !strings.Contains(wrong, want) {
			t.Errorf("the audit does not say %q; it says:\n%s", want, wrong)
		}
	}

	g := &gate{t: t, inc: engine.NewIncident(), now: noon}
	g.must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
	e := withExtra(started(t, compile(t, extraBook), "R1", nil, nil), oneMore)
	e.Actor = person("alice")
	g.must(e)
	g.fact(engine.StepReady{})
	g.plan(1, "h1", `{}`)
	g.ask("1", 1)
	g.vote("1", "bob")
	g.close("1", engine.ApprovalGranted)
	g.plan(2, "h1", `{}`)
	g.refuses("1 of 2 people approved")
}

func TestExtraHasLimits(t *testing.T) {
	for _, x := range []engine.Extra{{Approvers: 0, Why: "x"}, {Approvers: -1, Why: "x"}, {Approvers: engine.MaxExtra + 1, Why: "x"}, {Approvers: 1}} {
		i := engine.NewIncident()
		if err := i.Apply(engine.Event{At: noon, Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}}); err != nil {
			t.Fatal(err)
		}
		e := withExtra(started(t, compile(t, extraBook), "R1", nil, nil), &x)
		e.Actor, e.At = person("alice"), noon.Add(time.Second)
		if err := i.Apply(e); err == nil {
			t.Errorf("%+v is taken", x)
		}
	}
}
