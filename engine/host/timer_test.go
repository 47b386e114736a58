package host_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

const asks = "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1, expires: 15m, escalate: {after: 5m, to: [group:bosses]}}}\n"

// jump sets the wall clock.
func (r *rig) jump(d time.Duration) { r.skew.Add(int64(d)) }

// at is when the n-th fact of a kind was written.
func (r *rig) at(id string, kind engine.Kind, n int) time.Time {
	r.t.Helper()
	for _, e := range r.events(id) {
		if e.Kind() == kind {
			if n == 0 {
				return e.At
			}
			n--
		}
	}
	r.t.Fatalf("there is no %s number %d in %s", kind, n, id)
	return time.Time{}
}

// Retries wait: twice as long each time, and as long after a crash.
func TestRetryBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, retry: {attempts: 4, backoff: 10s}}\n")
		var attempts []time.Time
		r.world.began = func(phase string, _ actions.Call) {
			if phase == "execute" {
				attempts = append(attempts, time.Now())
			}
		}
		busy := turn{fail: classed(actions.Throttled, "slow down")}
		r.world.plan("execute", "a", busy, busy, busy)
		id := r.start()
		r.until("the second attempt", func() bool { return r.world.count("execute", "a") == 2 })
		<-time.After(3 * time.Second)
		r.crash() // the pause goes on where it was
		r.reach(id, "a", engine.StepDone)
		for n, base := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			if pause := attempts[n+1].Sub(attempts[n]); pause < base || pause > base+base/4+time.Millisecond {
				t.Errorf("pause %d is %s, want %s and up to a quarter more", n+1, pause, base)
			}
		}
		if n := r.tally(id, "timer.fired"); n != 3 {
			t.Errorf("%d timers fired, want 3", n)
		}
		r.audit(id)
	})
}

// Escalation and expiry come at their time, once, whether the server runs or
// is down or crashes in between.
func TestExpiryAndEscalation(t *testing.T) {
	for _, c := range []struct {
		name string
		live func(r *rig)
	}{
		{"the server runs", func(r *rig) { <-time.After(20 * time.Minute) }},
		{"down over the escalation", func(r *rig) {
			r.drop()
			<-time.After(7 * time.Minute)
			r.open()
			<-time.After(10 * time.Minute)
		}},
		{"down over both", func(r *rig) {
			r.drop()
			<-time.After(3 * time.Hour)
			r.open()
			<-time.After(time.Second)
		}},
		{"crashes all the time", func(r *rig) {
			for range 100 {
				<-time.After(11 * time.Second)
				r.crash()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, asks)
				id := r.start()
				r.reach(id, "a", engine.StepAwaiting)
				ask := r.approval(id, "a")
				asked := r.at(id, "approval.requested", 0)
				c.live(r)
				if got := r.status(id, "a"); got != engine.StepRefused {
					t.Errorf("the step is %s", got)
				}
				if n, m := r.tally(id, "approval.closed"), r.tally(id, "approval.escalated"); n != 1 || m > 1 {
					t.Errorf("it was closed %d times and escalated %d times", n, m)
				}
				if d := r.at(id, "approval.closed", 0).Sub(asked); d < 15*time.Minute {
					t.Errorf("it expired after %s", d)
				}
				if err := r.submit("bob", id, "a", engine.Vote{Approval: ask, Approve: true}); refused(err) != engine.Expired {
					t.Errorf("a vote after the end: %v", err)
				}
				if n := r.world.count("execute", "a"); n != 0 {
					t.Errorf("%d effects", n)
				}
				if got := r.run(id); got != engine.RunRefused {
					t.Errorf("the run is %s", got)
				}
				r.audit(id)
			})
		})
	}
}

// Those to whom a question was escalated may answer it, and not before.
func TestEscalationWidens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asks)
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		vote := engine.Vote{Approval: r.approval(id, "a"), Approve: true}
		if err := r.submit("dave", id, "a", vote); refused(err) != engine.NotApprover {
			t.Errorf("a vote before the escalation: %v", err)
		}
		<-time.After(6 * time.Minute)
		r.must("dave", id, "a", vote)
		r.reach(id, "a", engine.StepDone)
		r.audit(id)
	})
}

// A clock set back revives nothing: the journal's time does not go back, the
// step back is on record, and what waits does not wait longer.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asks)
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		ask := r.approval(id, "a")
		<-time.After(10 * time.Minute)
		r.must("alice", id, "", engine.Noted{Text: "ten past", Class: engine.Observation})
		r.jump(-time.Hour)
		r.must("alice", id, "", engine.Noted{Text: "still ten past", Class: engine.Observation})
		<-time.After(6 * time.Minute)
		if got := r.status(id, "a"); got != engine.StepRefused {
			t.Errorf("sixteen minutes after the question the step is %s", got)
		}
		r.jump(-24 * time.Hour)
		for range 2 {
			if err := r.submit("bob", id, "a", engine.Vote{Approval: ask, Approve: true}); refused(err) != engine.Expired {
				t.Errorf("a vote after the end: %v", err)
			}
			r.crash()
		}
		if n := r.world.count("execute", "a"); n != 0 {
			t.Errorf("%d effects", n)
		}
		var steps []time.Duration
		var last time.Time
		for _, e := range r.events(id) {
			if e.At.Before(last) {
				t.Errorf("%s was written before the fact in front of it", e.Kind())
			}
			last = e.At
			if b, ok := e.Body.(engine.ClockAnomaly); ok {
				steps = append(steps, (time.Duration(b.BackMillis) * time.Millisecond).Round(time.Hour))
			}
		}
		// the third is how far the clock is behind the record for the host that was opened then
		if diff := cmp.Diff([]time.Duration{time.Hour, 24 * time.Hour, 25 * time.Hour}, steps); diff != "" {
			t.Errorf("the steps back on record differ (-want +got):\n%s", diff)
		}
		// a new question lives as long as any other, although the clock is a day behind
		r.must("alice", id, "a", engine.RetryRequested{})
		r.reach(id, "a", engine.StepAwaiting)
		r.crash()
		<-time.After(14 * time.Minute)
		if got := r.status(id, "a"); got != engine.StepAwaiting {
			t.Errorf("after 14 of 15 minutes the step is %s", got)
		}
		<-time.After(2 * time.Minute)
		if got := r.status(id, "a"); got != engine.StepRefused {
			t.Errorf("after 16 of 15 minutes the step is %s", got)
		}
	})
}

// A step back that another request sees first is on record all the same.
func TestClockSetBackIsSeenByAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		id := r.declare()
		r.jump(-time.Hour)
		if err := r.host.Refuse(t.Context(), by("mallory"), "", engine.Refuse(engine.NotKnown, "no")); err != nil {
			t.Fatal(err)
		}
		r.declare()
		r.must("alice", id, "", engine.Noted{Text: "x", Class: engine.Observation})
		if n := r.tally(id, "clock.anomaly"); n != 1 {
			t.Errorf("%d steps back are on record", n)
		}
	})
}

// Retries and proofs go on while the clock is behind.
func TestClockSetBackHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, retry: {attempts: 3}, verify: {within: 60s}}\n  - {id: b, uses: t.set, verify: {within: 60s}}\n")
		r.world.plan("execute", "a", turn{after: time.Second, lose: classed(actions.Transient, "busy"), nothing: true})
		r.world.plan("execute", "b", turn{nothing: true})
		id := r.start()
		began := time.Now()
		r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
		r.jump(-time.Hour)
		r.until("the proof", func() bool { return r.world.count("verify", "a") > 0 })
		r.jump(-time.Hour)
		r.reach(id, "a", engine.StepDone)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %s", took)
		}
		r.reach(id, "b", engine.StepFailed) // within its minute
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("the proof of b took %s", took)
		}
	})
}

// A clock set forward makes what is overdue by the new time too late, once; a
// clock that is right again afterwards holds nothing up.
func TestClockSetForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asks)
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		ask := r.approval(id, "a")
		r.jump(24 * time.Hour)
		if err := r.submit("bob", id, "a", engine.Vote{Approval: ask, Approve: true}); refused(err) != engine.Expired {
			t.Errorf("a vote a day later: %v", err)
		}
		r.crash()
		<-time.After(time.Second)
		if got := r.status(id, "a"); got != engine.StepRefused {
			t.Errorf("after a restart the step is %s", got)
		}
		if n := r.tally(id, "approval.closed"); n != 1 {
			t.Errorf("it was closed %d times", n)
		}
		r.jump(-24 * time.Hour)
		r.must("alice", id, "a", engine.RetryRequested{})
		r.reach(id, "a", engine.StepAwaiting)
		r.approve("bob", id, "a")
		began := time.Now()
		r.reach(id, "a", engine.StepDone)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		if n := r.tally(id, "clock.anomaly"); n != 1 {
			t.Errorf("%d steps back are on record", n)
		}
		r.audit(id)
	})
}
