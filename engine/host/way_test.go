package host_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

const gated = `
  - id: look
    uses: t.read
    with: {target: h1}
  - id: block
    uses: t.set
    with: {target: h1}
    approval: {from: [group:leads], quorum: 2}
    verify: {within: 60s}
`

// The whole way of a runbook, from the declaration to the proof, is on record
// in the order in which it happened.
func TestWholeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		id := r.start()
		r.reach(id, "block", engine.StepAwaiting)
		if got := r.world.is("h1"); got != "up" {
			t.Fatalf("the target is %s before anybody approved", got)
		}
		r.approve("bob", id, "block")
		if got := r.status(id, "block"); got != engine.StepAwaiting {
			t.Fatalf("one of two approved and the step is %s", got)
		}
		r.approve("carol", id, "block")
		r.reach(id, "block", engine.StepDone)
		if err := r.host.Idle(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := r.run(id); got != engine.RunDone {
			t.Errorf("the run is %s", got)
		}
		if r.world.is("h1") != "down" || r.world.landed("block") != 1 {
			t.Errorf("the target is %s after %d effects", r.world.is("h1"), r.world.landed("block"))
		}
		want := []string{
			"incident.declared", "run.started", "step.ready look", "step.planned look", "effect.intent look",
			"effect.outcome look", "step.ended look", "step.ready block", "step.planned block", "approval.requested block",
			"approval.vote block", "approval.vote block", "approval.closed block", "step.planned block", "effect.intent block",
			"effect.outcome block", "effect.verified block", "step.ended block", "run.ended",
		}
		if diff := cmp.Diff(want, r.kinds(id)); diff != "" {
			t.Errorf("the record differs (-want +got):\n%s", diff)
		}
		r.audit(id)
	})
}

// The effect of a step and the intent of the next fall into one commit.
func TestOneCommitBetweenSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		appends := &counting{}
		r := newRig(t, "  - {id: a, uses: t.read}\n  - {id: b, uses: t.read}\n  - {id: c, uses: t.read}\n", func(r *rig) {
			r.wrap = func(l journal.Log) journal.Log { appends.Log = l; return appends }
		})
		id := r.start()
		r.reach(id, "c", engine.StepDone)
		// declared, started and intended, then one for each outcome
		if got := appends.n.Load(); got != 5 {
			t.Errorf("got %d commits for three steps, want 5: %v", got, r.kinds(id))
		}
	})
}

// When an effect starts, the journal already holds its intent, with the
// approval it used and the key it was given.
func TestIntentBeforeEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		seen := 0
		r = newRig(t, `
  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1}}
  - {id: b, uses: t.once}
  - {id: c, uses: t.probe, retry: {attempts: 3}}
`, onSlowDisk)
		r.world.plan("execute", "c", turn{fail: classed(actions.Transient, "busy")}, turn{lose: classed(actions.Unknown, "no answer"), nothing: true})
		r.world.began = func(phase string, call actions.Call) {
			if phase != "execute" && phase != "undo" {
				return
			}
			seen++
			written := false
			for entry, err := range r.mem.Read(context.Background(), call.Incident, 0) {
				if err != nil {
					t.Error(err)
					return
				}
				e, err := engine.Decode(entry.Data, func(d string) ([]byte, error) { return r.mem.Blob(context.Background(), d) })
				if err != nil {
					t.Error(err)
					return
				}
				b, ok := e.Body.(engine.EffectIntent)
				if !ok || e.Run != call.Run || b.Attempt != call.Attempt {
					continue
				}
				if phase == "undo" && e.Step == call.Step+"~undo" || phase == "execute" && e.Step == call.Step && b.Key == call.Key {
					written = true
				}
			}
			if !written {
				t.Errorf("%s of %s, attempt %d, began before its intent was written", phase, call.Step, call.Attempt)
			}
		}
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		r.approve("bob", id, "a")
		r.reach(id, "c", engine.StepDone)
		r.must("alice", id, "a", engine.UndoRequested{Reason: "a false alarm"})
		r.reach(id, "a~undo", engine.StepAwaiting)
		r.approve("bob", id, "a~undo")
		r.reach(id, "a~undo", engine.StepDone)
		if seen != 6 {
			t.Errorf("got %d effects, want 6", seen)
		}
		r.audit(id)
	})
}

// What people approved is read again before it is done; when it is another
// thing by then they are asked again.
func TestChangedPlanIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1}}\n")
		r.world.plan("plan", "a", turn{}, turn{target: "another"})
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		first := r.approval(id, "a")
		r.approve("bob", id, "a")
		r.until("a second question", func() bool { return r.approval(id, "a") != first })
		if n := r.world.count("execute", "a"); n != 0 {
			t.Fatalf("%d effects of a plan that nobody approved", n)
		}
		if err := r.submit("carol", id, "a", engine.Vote{Approval: first, Approve: true}); refused(err) != engine.PlanChanged {
			t.Errorf("a vote on the old plan: %v", err)
		}
		r.audit(id)
	})
}

// Verified means: two readings that agree, and all of them over the settle
// time of the action.
func TestVerifyNeedsTwoReadingsOverTheSettleTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		readings []turn
		want     engine.StepStatus
		least    int
	}{
		{"there at once", nil, engine.StepDone, 2},
		{"seen once, lost, then there", []turn{{verdict: actions.Verified}, {verdict: actions.NotVerified}}, engine.StepDone, 4},
		{"lost within the settle time", []turn{{verdict: actions.Verified}, {verdict: actions.Verified}, {verdict: actions.Verified}, {verdict: actions.Verified},
			{verdict: actions.Verified}, {verdict: actions.Pending}}, engine.StepDone, 8},
		{"not readable for a while", []turn{{fail: classed(actions.Transient, "busy")}, {fail: classed(actions.Unknown, "lost")}}, engine.StepDone, 4},
		{"never readable", []turn{{fail: classed(actions.Denied, "no right to read")}}, engine.StepFailed, 1},
		{"a reading that hangs", []turn{{before: forever}}, engine.StepDone, 3},
		{"a reading that hangs and does not listen", []turn{{before: forever, deaf: true}}, engine.StepDone, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.set, verify: {within: 90s}}\n")
				r.world.plan("verify", "a", c.readings...)
				var bad time.Time // of the last reading that did not agree
				n := 0
				r.world.began = func(phase string, _ actions.Call) {
					if phase == "verify" {
						if n++; n <= len(c.readings) && c.readings[n-1].verdict != actions.Verified {
							bad = time.Now()
						}
					}
				}
				id := r.start()
				r.reach(id, "a", c.want)
				var outcome, verified time.Time
				for _, e := range r.events(id) {
					switch b := e.Body.(type) {
					case engine.EffectOutcome:
						outcome = e.At
					case engine.EffectVerified:
						verified = e.At
						if b.Readings < c.least {
							t.Errorf("%d readings, want at least %d", b.Readings, c.least)
						}
						if n := r.world.count("verify", "a"); n != b.Readings {
							t.Errorf("%d readings are on record and %d were made", b.Readings, n)
						}
					}
				}
				r.world.watch.Lock()
				from := bad
				r.world.watch.Unlock()
				if from.IsZero() {
					from = outcome
				}
				if took := verified.Sub(from); c.want == engine.StepDone && took < settle {
					t.Errorf("proven after %s, before the settle time of %s", took, settle)
				}
			})
		})
	}
}

// A success that did not take is not done: it is tried again where the action
// allows that, and then it has failed.
func TestSuccessThatDidNotTake(t *testing.T) {
	for _, c := range []struct {
		uses  string
		want  engine.StepStatus
		calls int
	}{{"t.set", engine.StepDone, 2}, {"t.once", engine.StepFailed, 1}} {
		t.Run(c.uses, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				retry := ""
				if c.uses != "t.once" {
					retry = ", retry: {attempts: 2}"
				}
				r := newRig(t, "  - {id: a, uses: "+c.uses+", verify: {within: 30s}"+retry+"}\n")
				r.world.plan("execute", "a", turn{nothing: true})
				id := r.start()
				r.reach(id, "a", c.want)
				if n := r.world.count("execute", "a"); n != c.calls {
					t.Errorf("%d calls, want %d", n, c.calls)
				}
			})
		})
	}
}

// Fifty clicks by three people at once are three votes, one consumption and
// one effect.
func TestFiftyClicksByThreePeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 3}}\n")
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		ask := r.approval(id, "a")
		var group sync.WaitGroup
		var mu sync.Mutex
		codes := map[engine.Code]int{}
		for n := range 50 {
			group.Go(func() {
				err := r.submit([]string{"bob", "carol", "erin"}[n%3], id, "a", engine.Vote{Approval: ask, Approve: true})
				mu.Lock()
				defer mu.Unlock()
				codes[refused(err)]++
			})
		}
		group.Wait()
		r.reach(id, "a", engine.StepDone)
		if codes[""] != 3 || codes[engine.AlreadyVoted]+codes[engine.AlreadyDecided] != 47 {
			t.Errorf("got answers %v, want 3 votes and 47 refusals", codes)
		}
		if n := r.tally(id, "approval.vote"); n != 3 {
			t.Errorf("%d votes are on record", n)
		}
		if n := len(r.refusals(id)); n != 47 {
			t.Errorf("%d refusals are on record, want 47", n)
		}
		consumed := 0
		for _, e := range r.events(id) {
			if b, ok := e.Body.(engine.EffectIntent); ok && b.Approval == ask {
				consumed++
			}
		}
		if consumed != 1 || r.world.landed("a") != 1 {
			t.Errorf("%d consumptions and %d effects, want one each", consumed, r.world.landed("a"))
		}
		r.audit(id)
	})
}

// The same request a hundred times, from many sides, before and after a
// restart, is followed once; each other one is refused, and that is recorded.
func TestSameNonce(t *testing.T) {
	for _, c := range []struct {
		name string
		body func(r *rig, id string) engine.Body
		step string
		kind engine.Kind
	}{
		{"a note", func(*rig, string) engine.Body { return engine.Noted{Text: "seen", Class: engine.Observation} }, "", "note.added"},
		{"a vote", func(r *rig, id string) engine.Body {
			return engine.Vote{Approval: r.approval(id, "a"), Approve: true}
		}, "a", "approval.vote"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 2}}\n")
				id := r.start()
				r.reach(id, "a", engine.StepAwaiting)
				body := c.body(r, id)
				request := engine.Request{Actor: person("bob"), Nonce: "slack/T1/1.2", Verb: "x"}
				var group sync.WaitGroup
				var mu sync.Mutex
				followed := 0
				try := func() {
					run := ""
					if c.step != "" {
						run = "R1"
					}
					_, err := r.host.Submit(context.Background(), request, id, run, c.step, body)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						followed++
					case refused(err) != engine.Duplicate:
						t.Errorf("refused with %v, want %s", err, engine.Duplicate)
					}
				}
				for range 50 {
					group.Go(try)
				}
				group.Wait()
				r.audit(id)
				r.crash()
				for range 50 {
					group.Go(try)
				}
				group.Wait()
				if n := r.tally(id, c.kind); followed != 1 || n != 1 {
					t.Errorf("followed %d times and %d on record, want once", followed, n)
				}
				r.audit(id)
				codes := r.refusals(id)
				if n := len(codes); n != 99 || slices.ContainsFunc(codes, func(c engine.Code) bool { return c != engine.Duplicate }) {
					t.Errorf("%d refusals on record: %v", n, codes)
				}
			})
		})
	}
}

// A declaration that comes twice opens one incident, and no number is lost.
func TestSameNonceDeclares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		request := engine.Request{Actor: person("alice"), Nonce: "n1", Verb: "declare"}
		for n := range 100 {
			if n == 50 {
				r.crash()
			}
			_, err := r.host.Declare(t.Context(), request, "a leak", 2, false)
			if n > 0 && (refused(err) != engine.Duplicate || !strings.Contains(err.Error(), "INC-1")) || n == 0 && err != nil {
				t.Fatalf("declaration %d: %v", n, err)
			}
		}
		if id := r.declare(); id != "INC-2" {
			t.Errorf("the next incident is %s", id)
		}
		if n := len(r.refusals("store")); n != 99 {
			t.Errorf("%d refusals on record, want 99", n)
		}
		// a start that comes twice is one run
		request.Nonce = "n2"
		for n := range 5 {
			_, err := r.host.Start(t.Context(), request, "INC-2", engine.RunRequest{Runbook: "test"})
			if (err == nil) != (n == 0) {
				t.Fatalf("start %d: %v", n, err)
			}
		}
		if n := r.tally("INC-2", "run.started"); n != 1 {
			t.Errorf("%d runs were started", n)
		}
	})
}
