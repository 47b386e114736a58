package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// gate hands facts to Apply alone, as an engine would whose Decide is wrong.
type gate struct {
	t   *testing.T
	inc *engine.Incident
	now time.Time
}

func newGate(t *testing.T, steps string) *gate {
	t.Helper()
	g := &gate{t: t, inc: engine.NewIncident(), now: noon}
	p := compile(t, "apiVersion: firebreak/v1\nkind: Runbook\nid: test\ntitle: Test\nowner: {team: t, contact: \"#t\"}\nbudget: 20m\nsteps:\n"+steps)
	g.must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
	e := started(t, p, "R1", nil, nil)
	e.Actor = person("alice")
	g.must(e)
	g.fact(engine.StepReady{})
	return g
}

func (g *gate) apply(e engine.Event) error {
	g.now = g.now.Add(time.Second)
	e.At = g.now
	return g.inc.Apply(e)
}

func (g *gate) must(e engine.Event) {
	g.t.Helper()
	if err := g.apply(e); err != nil {
		g.t.Fatal(err)
	}
}

// fact hands in a fact of the engine about the step.
func (g *gate) fact(body engine.Body) {
	g.t.Helper()
	g.must(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: body})
}

// TestCleanupGate tries to begin what is meant for a cancel before the rest has ended.
func TestCleanupGate(t *testing.T) {
	g := newGate(t, "  - id: a\n    uses: t.read\non_cancel:\n  - id: c\n    uses: t.read\n")
	g.planChild("a", 1, "h1")
	g.child("a", g.intentOf("a"))
	g.must(engine.Event{Actor: person("alice"), Run: "R1", Body: engine.CancelRequested{Reason: "r"}})
	g.child("c", engine.StepReady{})
	g.planChild("c", 1, "h1")
	g.refusesFact("c", g.intentOf("c"), "the run is stopping")
	g.child("a", engine.EffectOutcome{Attempt: 1})
	g.child("a", engine.StepEnded{Status: engine.StepDone})
	g.child("c", g.intentOf("c"))

	g = newGate(t, "  - id: a\n    uses: t.read\non_cancel:\n  - id: c\n    uses: t.read\n  - id: d\n    needs: []\n    uses: t.read\n")
	g.must(engine.Event{Actor: person("alice"), Run: "R1", Body: engine.CancelRequested{Reason: "r"}})
	g.child("a", engine.StepEnded{Status: engine.StepCancelled})
	g.child("c", engine.StepEnded{Status: engine.StepSkipped})
	g.child("d", engine.StepReady{})
	g.planChild("d", 1, "h1")
	g.child("d", engine.StepEnded{Status: engine.StepCancelled})
	g.must(engine.Event{Actor: engine.TheEngine, Run: "R1", Body: engine.RunEnded{Status: engine.RunCancelled}})
	g.refusesFact("d", g.intentOf("d"), "the run is cancelled")
}

// refuses wants Apply to refuse an intent.
func (g *gate) refuses(why string) {
	g.t.Helper()
	err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: g.intent()})
	if err == nil || !strings.Contains(err.Error(), why) {
		g.t.Fatalf("an intent is answered with %v, want it refused because %s", err, why)
	}
}

func (g *gate) step() *engine.Step {
	run, _ := g.inc.Run("R1")
	s, _ := run.Step("a")
	return s
}

func (g *gate) intent() engine.EffectIntent {
	s := g.step()
	return engine.EffectIntent{Attempt: len(s.Attempts) + 1, Key: s.Key(), Action: s.Def.Uses, Version: 1, Effect: s.Def.Effect, Digest: s.Digest, Deadline: engine.At(g.now.Add(time.Minute))}
}

func (g *gate) plan(n int, target, state string) {
	g.t.Helper()
	preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: target}}}
	g.fact(engine.StepPlanned{N: n, Preview: preview, State: engine.Large{Value: json.RawMessage(state)}, Digest: g.step().PlanDigest(preview)})
}

func (g *gate) ask(id string, quorum int) {
	g.t.Helper()
	g.fact(engine.ApprovalRequested{ID: id, Digest: g.step().Digest, From: []string{"group:leads"}, Quorum: quorum, Expires: engine.At(g.now.Add(15 * time.Minute))})
}

func (g *gate) vote(id, who string) {
	g.t.Helper()
	g.must(engine.Event{Actor: person(who), Run: "R1", Step: "a", Body: engine.Vote{Approval: id, Approve: true}})
}

func (g *gate) close(id string, verdict engine.ApprovalState) {
	g.t.Helper()
	g.fact(engine.ApprovalClosed{ID: id, Verdict: verdict})
}

const twoPeople = "  - id: a\n    uses: t.keyed\n    approval: {from: [group:leads], quorum: 2, expires: 15m}\n"

// TestGate tries to get an effect past Apply without what it needs. Decide
// would never do so; the gate must hold all the same.
func TestGate(t *testing.T) {
	t.Run("nothing planned", func(t *testing.T) { newGate(t, twoPeople).refuses("nothing was planned") })
	t.Run("nobody asked", func(t *testing.T) {
		g := newGate(t, twoPeople)
		g.plan(1, "h1", `{}`)
		g.refuses("it has no approval")
	})
	t.Run("fewer people asked than the runbook demands", func(t *testing.T) {
		g := newGate(t, twoPeople)
		g.plan(1, "h1", `{}`)
		g.ask("1", 1)
		g.vote("1", "bob")
		g.close("1", engine.ApprovalGranted)
		g.plan(2, "h1", `{}`)
		g.refuses("1 of 2 people approved")
	})
	granted := func(t *testing.T) *gate {
		g := newGate(t, twoPeople)
		g.plan(1, "h1", `{"was":"up"}`)
		g.ask("1", 2)
		g.vote("1", "bob")
		if err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: engine.ApprovalClosed{ID: "1", Verdict: engine.ApprovalGranted}}); err == nil {
			t.Fatal("an approval is granted by one of two people")
		}
		g.vote("1", "carol")
		g.close("1", engine.ApprovalGranted)
		return g
	}
	t.Run("approved and not read again", func(t *testing.T) { granted(t).refuses("nothing was planned") })
	t.Run("another plan than the approved one", func(t *testing.T) {
		g := granted(t)
		g.plan(2, "h2", `{}`)
		g.refuses("the approval is for another plan")
	})
	t.Run("a void approval of the same plan", func(t *testing.T) {
		g := granted(t)
		g.plan(2, "h1", `{}`)
		g.close("1", engine.ApprovalVoided)
		g.refuses("it has no approval")
	})
	t.Run("an approval that has expired", func(t *testing.T) {
		g := granted(t)
		g.plan(2, "h1", `{}`)
		g.now = g.now.Add(15 * time.Minute)
		g.refuses("the approval has expired")
	})
	t.Run("an approval used before", func(t *testing.T) {
		g := granted(t)
		g.plan(2, "h1", `{"was":"up"}`)
		g.fact(g.intent())
		g.refuses("an attempt is already unresolved")
		g.fact(engine.EffectOutcome{Attempt: 1, Failure: &engine.Failure{Class: actions.Denied, Message: "no"}})
		g.fact(engine.StepEnded{Status: engine.StepFailed, Reason: "no"})
		g.must(engine.Event{Actor: engine.TheEngine, Run: "R1", Body: engine.RunEnded{Status: engine.RunFailed}})
		g.must(engine.Event{Actor: person("alice"), Run: "R1", Step: "a", Body: engine.RetryRequested{}})
		g.fact(engine.StepReady{})
		g.plan(3, "h1", `{"was":"changed by attempt 1"}`)
		g.refuses("it has no approval")
		if got := string(g.step().State); got != `{"was":"up"}` {
			t.Errorf("the state captured before the first change is now %s", got)
		}
	})
	t.Run("another key", func(t *testing.T) {
		g := granted(t)
		g.plan(2, "h1", `{}`)
		b := g.intent()
		b.Key = "another"
		if err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: b}); err == nil {
			t.Error("it is taken")
		}
	})
	for action, why := range map[string]string{"t.once": "no further attempt is due", "t.probe": "no further attempt is due"} {
		t.Run("a second attempt of "+action+" while in doubt", func(t *testing.T) {
			g := newGate(t, "  - id: a\n    uses: "+action+"\n")
			g.plan(1, "h1", `{}`)
			g.fact(g.intent())
			g.fact(engine.EffectInDoubt{Attempt: 1, Reason: "crash"})
			g.now = g.now.Add(time.Hour)
			g.fact(engine.TimerFired{Ref: "settle", Due: engine.At(g.step().Due)})
			g.refuses(why)
		})
	}
	t.Run("a second attempt before the first can have settled", func(t *testing.T) {
		g := newGate(t, "  - id: a\n    uses: t.set\n")
		g.plan(1, "h1", `{}`)
		g.fact(g.intent())
		g.fact(engine.EffectInDoubt{Attempt: 1, Reason: "crash"})
		g.refuses("no further attempt is due")
	})
	t.Run("a run that is ending", func(t *testing.T) {
		g := newGate(t, "  - id: a\n    uses: t.set\n")
		g.plan(1, "h1", `{}`)
		g.must(engine.Event{Actor: person("alice"), Run: "R1", Body: engine.CancelRequested{Reason: "r"}})
		g.refuses("the run is stopping")
	})
	t.Run("a fact from before", func(t *testing.T) {
		g := newGate(t, twoPeople)
		g.now = g.now.Add(-time.Hour)
		if err := g.apply(engine.Event{Actor: person("bob"), Body: engine.Noted{Text: "x", Class: engine.Observation}}); err == nil {
			t.Error("it is taken")
		}
	})
}
