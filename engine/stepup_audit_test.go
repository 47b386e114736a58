package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// An engine whose Decide is wrong gets no effect past Apply either.
func TestGateOfStepUp(t *testing.T) {
	gate := func(t *testing.T, stepUp bool) *gate {
		p := poll(t, "1")
		g := &gate{t: t, inc: engine.NewIncident(), now: p.now}
		for n, data := range p.record { // up to the plan, without the question
			e, err := engine.Decode([]byte(data), func(d string) ([]byte, error) { return p.blobs[d], nil })
			if err != nil {
				t.Fatal(err)
			}
			if _, asks := e.Body.(engine.ApprovalRequested); asks {
				break
			}
			if err := g.inc.Apply(e); err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
		}
		g.fact(engine.ApprovalRequested{ID: "1", Digest: g.step().Digest, From: []string{"group:leads"}, Quorum: 1, StepUp: stepUp, Expires: engine.At(g.now.Add(15 * time.Minute))})
		return g
	}
	t.Run("granted with no signed yes", func(t *testing.T) {
		g := gate(t, true)
		if err := g.apply(engine.Event{Actor: person("bob"), Run: "R1", Step: "a", Body: engine.Vote{Approval: "1", Approve: true}}); code(err) != engine.StepUpRequired {
			t.Fatalf("got %v", err)
		}
		if err := g.apply(engine.Event{Actor: engine.TheEngine, Run: "R1", Step: "a", Body: engine.ApprovalClosed{ID: "1", Verdict: engine.ApprovalGranted}}); err == nil {
			t.Fatal("it is granted")
		}
	})
	t.Run("people asked for less than the runbook demands", func(t *testing.T) {
		g := gate(t, false)
		g.vote("1", "bob")
		g.close("1", engine.ApprovalGranted)
		g.plan(2, "h1", `{}`)
		g.refuses("without the signatures that it needs")
	})
	t.Run("a vote without a verified key is not counted", func(t *testing.T) {
		a := engine.Approval{ApprovalRequested: engine.ApprovalRequested{StepUp: true}, Votes: []engine.CastVote{
			{Vote: engine.Vote{Approve: true, Signature: "x"}}, {Vote: engine.Vote{Approve: true}, Key: "SHA256:x"},
		}}
		if got := a.Approvals(); got != 1 {
			t.Errorf("%d are counted", got)
		}
	})
}

// audited reads a record, changed here and there, and gives what is wrong with it.
func audited(t *testing.T, p *tape, change func(e *engine.Event)) []string {
	t.Helper()
	var wrong []string
	a := engine.NewAudit()
	for _, data := range p.record {
		e, err := engine.Decode([]byte(data), func(d string) ([]byte, error) { return p.blobs[d], nil })
		if err != nil {
			t.Fatal(err)
		}
		change(&e)
		wrong = append(wrong, a.Take(e)...)
	}
	return wrong
}

// The audit finds out from the record alone.
func TestAuditOfStepUp(t *testing.T) {
	p := poll(t, "2")
	for _, who := range []string{"bob", "carol"} {
		if _, err := cast(p, signer(who), engine.Vote{Approve: true, Signature: sign(who, ballot(t, p, who))}); err != nil {
			t.Fatal(err)
		}
	}
	planned(t, p, "h1")
	if wrong := audited(t, p, func(*engine.Event) {}); len(wrong) > 0 {
		t.Fatalf("a good record is said to be wrong: %q", wrong)
	}
	onVote := func(change func(e *engine.Event, v *engine.Vote)) func(e *engine.Event) {
		return func(e *engine.Event) {
			if v, ok := e.Body.(engine.Vote); ok && e.Actor.ID == "carol" {
				change(e, &v)
				e.Body = v
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(e *engine.Event)
		want   string
	}{
		{"no signature", onVote(func(_ *engine.Event, v *engine.Vote) { v.Signature = "" }), `the yes of "carol" counts without the signature`},
		{"no key", onVote(func(e *engine.Event, _ *engine.Vote) { e.Actor.Keys = nil }), `holds no SSH key of "carol"`},
		{"the key of another", onVote(func(e *engine.Event, _ *engine.Vote) { e.Actor.Keys = signer("bob").Keys }), `is not among the SSH keys of "carol"`},
		{"another person", onVote(func(e *engine.Event, _ *engine.Vote) { e.Actor.ID = "erin" }), "not over what was to be signed"},
		{"another store", func(e *engine.Event) {
			if b, ok := e.Body.(engine.Declared); ok {
				b.Store = "s2"
				e.Body = b
			}
		}, "not over what was to be signed"},
		{"another incident", func(e *engine.Event) {
			if b, ok := e.Body.(engine.Declared); ok {
				b.ID = "INC-2"
				e.Body = b
			}
		}, "not over what was to be signed"},
		{"another plan", func(e *engine.Event) {
			if b, ok := e.Body.(engine.ApprovalRequested); ok {
				b.Digest = strings.Repeat("0", 64)
				e.Body = b
			}
		}, "not over what was to be signed"},
		{"no signatures asked for", func(e *engine.Event) {
			if b, ok := e.Body.(engine.ApprovalRequested); ok {
				b.StepUp = false
				e.Body = b
			}
		}, "it asks for no signatures, which the runbook demands"},
		{"neither asked for nor given", func(e *engine.Event) {
			switch b := e.Body.(type) {
			case engine.ApprovalRequested:
				b.StepUp = false
				e.Body = b
			case engine.Vote:
				b.Signature = ""
				e.Body = b
			}
		}, "its approval was not granted: 0 of 2 people"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if wrong := strings.Join(audited(t, p, c.change), "\n"); !strings.Contains(wrong, c.want) {
				t.Errorf("got %q, want %q in it", wrong, c.want)
			}
		})
	}
}

// One signature is for all items of a loop: over the plans of all of them.
func TestStepUpOfALoop(t *testing.T) {
	p := running(t, strings.Replace(strings.Replace(signedStep, "QUORUM", "1", 1), "    uses: t.keyed\n", "    uses: t.keyed\n    for_each: {in: '[\"h1\", \"h2\"]', max_parallel: 2}\n", 1))
	plannedOf(t, p, "a.1", "h1")
	plannedOf(t, p, "a.2", "h2")
	if _, err := cast(p, signer("bob"), engine.Vote{Approve: true}); code(err) != engine.StepUpRequired {
		t.Fatalf("a yes to all without a signature is answered with %v", err)
	}
	if _, err := cast(p, signer("bob"), engine.Vote{Approve: true, Signature: sign("bob", ballot(t, p, "bob"))}); err != nil {
		t.Fatal(err)
	}
	plannedOf(t, p, "a.1", "h1")
	plannedOf(t, p, "a.2", "h2")
	run, _ := p.inc.Run("R1")
	for _, id := range []string{"a.1", "a.2"} {
		if s, _ := run.Step(id); s.Status != engine.StepRunning {
			t.Errorf("step %s is %s", id, s.Status)
		}
	}
	if wrong := audited(t, p, func(*engine.Event) {}); len(wrong) > 0 {
		t.Errorf("the audit says %q", wrong)
	}
	unsign := func(e *engine.Event) {
		if v, ok := e.Body.(engine.Vote); ok {
			v.Signature = ""
			e.Body = v
		}
	}
	if wrong := strings.Join(audited(t, p, unsign), "\n"); strings.Count(wrong, "its approval was not granted: 0 of 1 people") != 2 {
		t.Errorf("of a record without the signature the audit says %s", wrong)
	}
}
