package host_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Cancel cuts nothing off: the effect in flight ends, its outcome is on
// record, and nothing begins after it.
func TestCancelInMidEffect(t *testing.T) {
	for _, c := range []struct {
		name string
		turn turn
		uses string
		want engine.StepStatus
	}{
		{"it works", turn{after: 20 * time.Second}, "t.once", engine.StepDone},
		{"it fails", turn{before: 20 * time.Second, fail: classed(actions.Denied, "no right")}, "t.once", engine.StepFailed},
		{"it could be tried again", turn{before: 20 * time.Second, fail: classed(actions.Transient, "busy")}, "t.set", engine.StepFailed},
		{"the answer is lost and the target knows", turn{after: 20 * time.Second, lose: classed(actions.Unknown, "lost")}, "t.probe", engine.StepDone},
		{"the answer is lost and nothing was done", turn{after: 20 * time.Second, lose: classed(actions.Unknown, "lost"), nothing: true}, "t.probe", engine.StepFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				retry := ""
				if c.uses != "t.once" {
					retry = ", retry: {attempts: 3}"
				}
				r := newRig(t, "  - {id: a, uses: "+c.uses+retry+"}\n  - {id: b, uses: t.set}\n")
				r.world.plan("execute", "a", c.turn)
				id := r.start()
				r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
				if err := r.submit("alice", id, "", engine.CancelRequested{}); refused(err) != engine.ReasonRequired {
					t.Errorf("a cancel without a reason: %v", err)
				}
				r.must("alice", id, "", engine.CancelRequested{Reason: "a false alarm"})
				<-time.After(10 * time.Second)
				if got := r.status(id, "a"); got != engine.StepRunning {
					t.Errorf("ten seconds later the step is %s", got)
				}
				r.reach(id, "a", c.want)
				r.until("the end", func() bool { return r.run(id) == engine.RunCancelled })
				if got := r.status(id, "b"); got != engine.StepCancelled {
					t.Errorf("the next step is %s", got)
				}
				if n, m := r.world.count("execute", "a"), r.world.count("execute", "b"); n != 1 || m != 0 {
					t.Errorf("%d and %d calls", n, m)
				}
				if n := r.tally(id, "effect.outcome"); n != 1 {
					t.Errorf("%d outcomes are on record", n)
				}
				r.must("alice", id, "", engine.Resolved{})
				r.audit(id)
			})
		})
	}
}

// Cancel while people are asked, or while the target is read, ends the run.
func TestCancelWhileWaiting(t *testing.T) {
	for _, c := range []struct {
		name string
		turn turn
		at   engine.StepStatus
	}{{"asking", turn{}, engine.StepAwaiting}, {"reading", turn{before: 20 * time.Second}, engine.StepPlanning}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, asks)
				r.world.plan("plan", "a", c.turn)
				id := r.start()
				r.reach(id, "a", c.at)
				r.must("alice", id, "", engine.CancelRequested{Reason: "a false alarm"})
				began := time.Now()
				if err := r.host.Idle(t.Context(), id); err != nil || time.Since(began) > time.Second {
					t.Errorf("it came to rest after %s: %v", time.Since(began), err)
				}
				if got := r.run(id); got != engine.RunCancelled {
					t.Errorf("the run is %s", got)
				}
				<-time.After(time.Hour)
				if n := r.tally(id, "timer.fired") + r.tally(id, "approval.escalated"); n != 0 {
					t.Errorf("%d timers fired after the end", n)
				}
				if err := r.submit("alice", id, "", engine.CancelRequested{Reason: "again"}); refused(err) != engine.NotRunning {
					t.Errorf("a second cancel: %v", err)
				}
			})
		})
	}
}

// A failed step is tried again from its plan on, with an approval of its own.
func TestRetryAFailedStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1}}\n  - {id: b, uses: t.read}\n")
		r.world.plan("execute", "a", turn{fail: classed(actions.Precondition, "it is locked")})
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		first := r.approval(id, "a")
		r.approve("bob", id, "a")
		r.reach(id, "a", engine.StepFailed)
		if got := r.run(id); got != engine.RunFailed {
			t.Errorf("the run is %s", got)
		}
		r.must("alice", id, "a", engine.RetryRequested{Reason: "unlocked"})
		r.reach(id, "a", engine.StepAwaiting)
		if r.approval(id, "a") == first {
			t.Error("the old approval is asked again")
		}
		if n := r.world.count("execute", "a"); n != 1 {
			t.Errorf("%d effects before the new approval", n)
		}
		r.approve("bob", id, "a")
		r.reach(id, "b", engine.StepDone)
		if got := r.run(id); got != engine.RunDone {
			t.Errorf("the run is %s", got)
		}
		r.audit(id)
	})
}

// A step that waits can be skipped; one in flight cannot.
func TestSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set}\n  - {id: b, uses: t.set, approval: {from: [group:leads], quorum: 1}}\n  - {id: c, uses: t.read}\n")
		r.world.plan("execute", "a", turn{after: 5 * time.Second})
		id := r.start()
		r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
		if err := r.submit("alice", id, "a", engine.SkipRequested{Reason: "no"}); refused(err) != engine.NotSkippable {
			t.Errorf("a skip of a step in flight: %v", err)
		}
		r.reach(id, "b", engine.StepAwaiting)
		ask := r.approval(id, "b")
		r.must("alice", id, "b", engine.SkipRequested{Reason: "not needed"})
		r.reach(id, "c", engine.StepDone)
		if got := r.status(id, "b"); got != engine.StepSkipped {
			t.Errorf("the step is %s", got)
		}
		if err := r.submit("bob", id, "b", engine.Vote{Approval: ask, Approve: true}); refused(err) != engine.AlreadyDecided {
			t.Errorf("a vote on a skipped step: %v", err)
		}
		if n := r.world.count("execute", "b"); n != 0 {
			t.Errorf("%d effects of a skipped step", n)
		}
	})
}

// What was done is taken back with what the plan captured, with an approval
// and a proof of its own; a crash in the middle of it leaves it in doubt.
func TestUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.probe, with: {target: h1}, approval: {from: [group:leads], quorum: 1}}\n")
		r.world.state["h1"] = "degraded"
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		r.approve("bob", id, "a")
		r.reach(id, "a", engine.StepDone)
		if r.world.is("h1") != "down" {
			t.Fatalf("h1 is %s", r.world.is("h1"))
		}
		r.crash()
		r.world.plan("verify undo", "a", turn{verdict: actions.Verified}, turn{verdict: actions.Verified}, turn{verdict: actions.Verified}, turn{verdict: actions.Verified},
			turn{verdict: actions.Verified}, turn{verdict: actions.Verified}, turn{verdict: actions.Verified}, turn{verdict: actions.Verified}, turn{verdict: actions.Verified}, turn{verdict: actions.Verified})
		r.world.plan("undo", "a", turn{hang: true})
		r.must("carol", id, "a", engine.UndoRequested{Reason: "a false alarm"})
		r.reach(id, "a~undo", engine.StepAwaiting)
		ask := r.approval(id, "a~undo")
		if err := r.submit("carol", id, "a~undo", engine.Vote{Approval: ask, Approve: true}); refused(err) != engine.SelfApproval {
			t.Errorf("the vote of who asked for it: %v", err)
		}
		if n := r.world.count("undo", "a"); n != 0 {
			t.Fatalf("%d undos before the approval", n)
		}
		r.approve("bob", id, "a~undo")
		r.until("the undo", func() bool { return r.world.count("undo", "a") == 1 })
		if err := r.submit("alice", id, "", engine.Resolved{}); refused(err) != engine.OpenSteps {
			t.Errorf("resolving while an undo is in flight: %v", err)
		}
		r.crash()
		r.reach(id, "a~undo", engine.StepOnHold) // that the action can be asked says nothing about its undo
		if r.world.is("h1") != "degraded" || r.world.count("undo", "a") != 1 {
			t.Errorf("h1 is %s after %d undos", r.world.is("h1"), r.world.count("undo", "a"))
		}
		r.must("alice", id, "a~undo", engine.EffectResolved{Attempt: 1, Applied: true, Reason: "looked at it"})
		r.reach(id, "a~undo", engine.StepDone)
		if err := r.submit("alice", id, "a", engine.UndoRequested{}); refused(err) != engine.NotUndoable {
			t.Errorf("a second undo: %v", err)
		}
		r.must("alice", id, "", engine.Resolved{Summary: "over"})
		streams, err := r.mem.Streams(context.Background(), true)
		if err != nil || len(streams) != 0 {
			t.Errorf("open streams at the end: %v %v", streams, err)
		}
		r.audit(id)
	})
}

// A manual step waits for its person, over a crash too.
func TestManualStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, manual: Look at the log.}\n  - {id: b, uses: t.read}\n")
		id := r.start()
		r.reach(id, "a", engine.StepManual)
		r.crash()
		r.must("bob", id, "a", engine.ManualDone{Answer: "nothing"})
		r.reach(id, "b", engine.StepDone)
		if words := strings.Join(r.kinds(id), " "); !strings.Contains(words, "manual.done a") {
			t.Errorf("the record: %s", words)
		}
	})
}
