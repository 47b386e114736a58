package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

const glassStep = `apiVersion: firebreak/v1
kind: Runbook
id: test
title: Test
owner: {team: t, contact: "#t"}
budget: 20m
steps:
  - id: a
    uses: t.keyed
    approval:
      from: [group:leads]
      quorum: 2
      expires: 15m
      break_glass: {by: [group:bosses], review: [group:leads, person:alice, person:zoe], within: 48h}
`

// The form is for ever, as that of a vote is.
func TestGlassMessage(t *testing.T) {
	b := engine.Ballot{
		Store: "s1", Incident: "INC-12", Run: "R1", Step: "a", Approval: "0123456789abcdef", Plan: strings.Repeat("ab", 32), Person: "dave",
		Answer: engine.BreakGlass, Target: "host:h1", Reason: "nobody\nanswer: approve",
	}
	want := `firebreak-break-glass v1
store: s1
incident: INC-12
run: R1
step: a
approval: 0123456789abcdef
plan: ` + strings.Repeat("ab", 32) + `
answer: break-glass
person: dave
target: host:h1
reason: "nobody\nanswer: approve"
`
	if diff := cmp.Diff(want, string(engine.VoteMessage(b))); diff != "" {
		t.Error(diff)
	}
	if b.Namespace() == (engine.Ballot{}).Namespace() {
		t.Error("a signed yes could be taken for a broken glass")
	}
}

// broken is a run whose step a went on because dave broke the glass.
func broken(t *testing.T) *tape {
	t.Helper()
	p := running(t, glassStep)
	planned(t, p, "h1")
	if _, err := breakIt(t, p, "dave", func(*engine.GlassBroken) {}); err != nil {
		t.Fatal(err)
	}
	planned(t, p, "h1")
	return p
}

// breakIt has somebody break the glass at step a, with the fact changed after it
// was signed.
func breakIt(t *testing.T, p *tape, who string, change func(*engine.GlassBroken)) ([]engine.Event, error) {
	t.Helper()
	s := asked(t, p)
	by := signer(who)
	b := engine.GlassBroken{Approval: s.Approval.ID, Target: "h1", Reason: "nobody answers"}
	if ballot, err := s.GlassBallot(by, b.Target, b.Reason); err == nil {
		b.Signature = sign(who, ballot)
	}
	change(&b)
	return p.take(engine.Event{Actor: by, Run: "R1", Step: "a", Body: b})
}

// What was signed is this and nothing else.
func TestGlassIsSigned(t *testing.T) {
	for name, change := range map[string]func(*engine.GlassBroken){
		"another reason": func(b *engine.GlassBroken) { b.Reason = "because" },
		"another target": func(b *engine.GlassBroken) { b.Target = "host:h1" },
		"no signature":   func(b *engine.GlassBroken) { b.Signature = "" },
	} {
		p := running(t, glassStep)
		planned(t, p, "h1")
		if _, err := breakIt(t, p, "dave", change); code(err) != engine.BadSignature && code(err) != engine.StepUpRequired || len(p.inc.Glasses) > 0 {
			t.Errorf("%s: %v, and %d are broken", name, err, len(p.inc.Glasses))
		}
	}
	p := running(t, glassStep)
	planned(t, p, "h1")
	yes := engine.Ballot{Store: "s7", Incident: "INC-7", Run: "R1", Step: "a", Approval: asked(t, p).Approval.ID, Plan: asked(t, p).Digest, Person: "dave"}
	if _, err := breakIt(t, p, "dave", func(b *engine.GlassBroken) { b.Signature = sign("dave", yes) }); code(err) != engine.BadSignature {
		t.Errorf("a signed yes is taken for a broken glass: %v", err)
	}
	p.now = p.now.Add(15 * time.Minute)
	if _, err := breakIt(t, p, "dave", func(*engine.GlassBroken) {}); code(err) != engine.Expired {
		t.Errorf("after the expiry: %v", err)
	}
}

// The audit finds out from the record alone.
func TestAuditOfGlass(t *testing.T) {
	p := broken(t)
	if wrong := audited(t, p, func(*engine.Event) {}); len(wrong) > 0 {
		t.Fatalf("a good record is said to be wrong: %q", wrong)
	}
	if open := openOf(t, p); !strings.Contains(strings.Join(open, "; "), "R1/a: dave broke the glass, and nobody has reviewed it") {
		t.Errorf("what is open: %q", open)
	}
	review := p.inc.Glasses[0].ID
	if _, err := p.take(engine.Event{Actor: person("carol"), Run: "R1", Step: "a", Body: engine.GlassReviewed{ID: review, Text: "fine"}}); err != nil {
		t.Fatal(err)
	}
	if open := openOf(t, p); strings.Contains(strings.Join(open, "; "), "glass") {
		t.Errorf("after the review: %q", open)
	}
	onGlass := func(change func(e *engine.Event, b *engine.GlassBroken)) func(*engine.Event) {
		return func(e *engine.Event) {
			if b, ok := e.Body.(engine.GlassBroken); ok {
				change(e, &b)
				e.Body = b
			}
		}
	}
	byReviewer := func(a engine.Actor) func(*engine.Event) {
		return func(e *engine.Event) {
			if _, ok := e.Body.(engine.GlassReviewed); ok {
				e.Actor = a
			}
		}
	}
	onAsked := func(change func(b *engine.ApprovalRequested)) func(*engine.Event) {
		return func(e *engine.Event) {
			if b, ok := e.Body.(engine.ApprovalRequested); ok {
				change(&b)
				e.Body = b
			}
		}
	}
	struck := person("dave")
	struck.Keys, struck.Identities = signer("dave").Keys, []string{"host:h1"}
	for _, c := range []struct {
		name   string
		change func(*engine.Event)
		want   string
	}{
		{"no signature", onGlass(func(_ *engine.Event, b *engine.GlassBroken) { b.Signature = "" }), "does not hold"},
		{"another reason", onGlass(func(_ *engine.Event, b *engine.GlassBroken) { b.Reason = "x" }), "not over what was to be signed"},
		{"another target", onGlass(func(_ *engine.Event, b *engine.GlassBroken) { b.Target = "h2" }), "not over what was to be signed"},
		{"no reason", onGlass(func(_ *engine.Event, b *engine.GlassBroken) { b.Reason = " " }), "for no reason"},
		{"the key of another", onGlass(func(e *engine.Event, _ *engine.GlassBroken) { e.Actor.Keys = signer("bob").Keys }), "is not among the SSH keys"},
		{"somebody else", onGlass(func(e *engine.Event, _ *engine.GlassBroken) { e.Actor = signer("bob") }), "is not among those who may"},
		{"nobody", onGlass(func(e *engine.Event, _ *engine.GlassBroken) { e.Actor.Type = engine.System }), "is not among those who may"},
		{"its target", onGlass(func(e *engine.Event, _ *engine.GlassBroken) { e.Actor = struck }), "for an effect on themselves"},
		{"another plan", onGlass(func(_ *engine.Event, b *engine.GlassBroken) { b.Digest = "000000000000" }), "saw another plan"},
		{"too late", onGlass(func(e *engine.Event, _ *engine.GlassBroken) { e.At = e.At.Add(time.Hour) }), "after the expiry"},
		{"another question", onGlass(func(_ *engine.Event, b *engine.GlassBroken) { b.Approval = "1" }), "never asked"},
		{"nothing broken", func(e *engine.Event) {
			if _, ok := e.Body.(engine.GlassBroken); ok {
				e.Body = engine.Noted{Text: "x"}
			}
		}, "its approval was not granted: 0 of 2 people"},
		{"another rule told", onAsked(func(b *engine.ApprovalRequested) {
			b.BreakGlass = &runbooks.BreakGlass{By: []string{"group:leads"}, Review: b.BreakGlass.Review, Within: b.BreakGlass.Within}
		}), "lets others break the glass"},
		{"no rule told", onAsked(func(b *engine.ApprovalRequested) { b.BreakGlass = nil }), "lets others break the glass"},
		{"the floor takes it away", func(e *engine.Event) {
			if b, ok := e.Body.(engine.RunStarted); ok {
				b.Floor = &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 1}
				e.Body = b
			}
		}, "broke a glass that nobody may break"},
		{"a later review", func(e *engine.Event) {
			if b, ok := e.Body.(engine.GlassReviewAsked); ok {
				b.Due = engine.At(b.Due.Add(time.Hour))
				e.Body = b
			}
		}, "due at another time"},
		{"reviewed by who broke it", byReviewer(person("dave")), "had a part in it"},
		{"reviewed by who asked for the step", byReviewer(person("alice")), "had a part in it"},
		{"reviewed by its target", byReviewer(person("erin")), "had a part in it"},
		{"reviewed by anybody", byReviewer(person("tom")), "not among those who should"},
		{"reviewed by the engine", byReviewer(engine.TheEngine), "not among those who should"},
	} {
		if wrong := strings.Join(audited(t, p, c.change), "; "); !strings.Contains(wrong, c.want) {
			t.Errorf("%s: the audit says %q, want %q", c.name, wrong, c.want)
		}
	}
}

// openOf is what the audit finds open at the end of a record.
func openOf(t *testing.T, p *tape) []string {
	t.Helper()
	a := engine.NewAudit()
	for _, data := range p.record {
		e, err := engine.Decode([]byte(data), func(d string) ([]byte, error) { return p.blobs[d], nil })
		if err != nil {
			t.Fatal(err)
		}
		a.Take(e)
	}
	return a.Open()
}

// An engine whose Decide is wrong breaks no glass.
func TestGateOfGlass(t *testing.T) {
	start := func(t *testing.T, rule string) *gate {
		g := newGate(t, "  - id: a\n    uses: t.keyed\n    approval: {from: [group:leads]"+rule+"}\n")
		g.plan(1, "h1", `{}`)
		g.fact(engine.ApprovalRequested{ID: "1", Digest: g.step().Digest, From: []string{"group:leads"}, Quorum: 1, Expires: engine.At(g.now.Add(15 * time.Minute)),
			BreakGlass: &runbooks.BreakGlass{By: []string{"group:bosses"}, Review: []string{"group:leads"}, Within: runbooks.DefaultReview}})
		return g
	}
	const allowed = ", break_glass: {by: [group:bosses], review: [group:leads]}"
	smash := func(g *gate) error {
		ballot := engine.Ballot{Store: "s", Incident: "INC-1", Run: "R1", Step: "a", Approval: "1", Plan: g.step().Digest, Person: "dave", Answer: engine.BreakGlass, Target: "h1", Reason: "r"}
		return g.apply(engine.Event{Actor: signer("dave"), Run: "R1", Step: "a", Body: engine.GlassBroken{Approval: "1", Target: "h1", Reason: "r", Signature: sign("dave", ballot)}})
	}
	t.Run("where the runbook lets nobody", func(t *testing.T) {
		if err := smash(start(t, "")); code(err) != engine.NoBreakGlass {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("granted with none broken", func(t *testing.T) {
		g := start(t, allowed)
		if err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: engine.ApprovalClosed{ID: "1", Verdict: engine.ApprovalGranted}}); err == nil {
			t.Fatal("it is granted")
		}
	})
	t.Run("for one plan", func(t *testing.T) {
		g := start(t, allowed)
		if err := smash(g); err != nil {
			t.Fatal(err)
		}
		g.close("1", engine.ApprovalGranted)
		g.plan(2, "h2", `{}`)
		g.refuses("the approval is for another plan")
	})
	t.Run("the intent is on the word of who broke it", func(t *testing.T) {
		g := start(t, allowed)
		if err := smash(g); err != nil {
			t.Fatal(err)
		}
		g.close("1", engine.ApprovalGranted)
		g.plan(2, "h1", `{}`)
		if got := g.step().Authority(); got != "dave" {
			t.Errorf("it is on the word of %q", got)
		}
		g.must(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: g.intent()})
	})
	t.Run("a review that was not asked for", func(t *testing.T) {
		g := start(t, allowed)
		if err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: engine.GlassReviewAsked{ID: "2", Approval: "1"}}); err == nil {
			t.Error("it is asked for")
		}
		if err := g.apply(engine.Event{Actor: person("bob"), Run: "R1", Step: "a", Body: engine.GlassReviewed{Text: "fine"}}); code(err) != engine.NoStep {
			t.Errorf("reviewed: %v", err)
		}
	})
}
