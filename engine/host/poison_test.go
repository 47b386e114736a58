package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

var errDisk = errors.New("the disk is gone")

// After a commit whose outcome is unknown nothing is started, the host says so
// once, and every request gets the error. What is true is in the journal when
// it is opened again.
func TestPoisonedStore(t *testing.T) {
	for _, applied := range []bool{false, true} {
		t.Run(fmt.Sprintf("applied=%v", applied), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.once, approval: {from: [group:leads], quorum: 1, expires: 2h, escalate: {after: 5m, to: [group:bosses]}}}\n", onSlowDisk)
				id := r.start()
				other := r.start()
				r.reach(id, "a", engine.StepAwaiting)
				r.reach(other, "a", engine.StepAwaiting)
				r.world.plan("plan", "a", turn{before: 3 * time.Second}) // the second reading ends in the intent
				r.approve("bob", id, "a")
				r.mem.FailNextAppend(errDisk, applied)
				r.until("the poison", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.fatal) > 0 })
				<-time.After(time.Hour) // timers of the other one would come due
				for what, err := range r.everyRequest(other) {
					if poison, ok := errors.AsType[*journal.PoisonedError](err); !ok || !errors.Is(poison, errDisk) {
						t.Errorf("%s after the failure: %v", what, err)
					}
				}
				if len(r.fatal) != 1 || !errors.Is(r.fatal[0], errDisk) {
					t.Errorf("Fatal was called with %v, want once", r.fatal)
				}
				if n := r.world.count("execute", "a"); n != 0 {
					t.Errorf("%d effects began after the failure", n)
				}
				r.crash()
				if applied { // the intent is there: nobody knows what followed it
					r.reach(id, "a", engine.StepOnHold)
					if n := r.world.count("execute", "a"); n != 0 {
						t.Errorf("%d effects of an intent in doubt", n)
					}
				} else {
					r.reach(id, "a", engine.StepDone)
				}
				if n := r.tally(other, "approval.escalated"); n != 1 {
					t.Errorf("the escalation that came due in the meantime took place %d times", n)
				}
				r.audit(id)
			})
		})
	}
}

// everyRequest makes each kind of request once.
func (r *rig) everyRequest(id string) map[string]error {
	ctx := context.Background()
	answers := map[string]error{}
	_, answers["declare"] = r.host.Declare(ctx, by("alice"), "another", 2, false)
	_, answers["start"] = r.host.Start(ctx, by("alice"), id, engine.RunRequest{Runbook: "test"})
	answers["submit"] = r.submit("alice", id, "", engine.Noted{Text: "x", Class: engine.Observation})
	answers["view"] = r.host.View(ctx, id, func(*engine.Incident) {})
	_, answers["list"] = r.host.List(ctx)
	_, _, answers["head"] = r.host.Head(ctx, "")
	answers["refuse"] = r.host.Refuse(ctx, by("mallory"), id, engine.Refuse(engine.NotKnown, "no"))
	answers["refuse in the store"] = r.host.Refuse(ctx, by("mallory"), "", engine.Refuse(engine.NotKnown, "no"))
	answers["idle"] = r.host.Idle(ctx, id)
	for _, err := range r.host.Events(ctx, id) {
		answers["events"] = err
		break
	}
	return answers
}

// The failure can meet any request; its own answer is the error, too.
func TestPoisonMeetsARequest(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig, id string) error
		kind engine.Kind
	}{
		{"declare", func(r *rig, _ string) error {
			_, err := r.host.Declare(context.Background(), by("alice"), "another", 2, false)
			return err
		}, ""},
		{"note", func(r *rig, id string) error {
			return r.submit("alice", id, "", engine.Noted{Text: "x", Class: engine.Observation})
		}, "note.added"},
		{"refusal", func(r *rig, _ string) error {
			return r.host.Refuse(context.Background(), by("mallory"), "", engine.Refuse(engine.NotKnown, "no"))
		}, ""},
	} {
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, applied=%v", c.name, applied), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, gated)
					id := r.declare()
					r.mem.FailNextAppend(errDisk, applied)
					if err := c.do(r, id); !errors.Is(err, errDisk) {
						t.Errorf("the request got %v", err)
					}
					if len(r.fatal) != 1 {
						t.Errorf("Fatal was called %d times", len(r.fatal))
					}
					r.crash()
					if c.kind != "" {
						if n := r.tally(id, c.kind); (n == 1) != applied {
							t.Errorf("%d on record with applied=%v", n, applied)
						}
					}
					if next := r.declare(); c.name == "declare" && applied && next != "INC-3" || (c.name != "declare" || !applied) && next != "INC-2" {
						t.Errorf("the next incident is %s", next)
					}
				})
			})
		}
	}
}

// When many commits meet the failure at once, the process is told once.
func TestPoisonMeetsManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := &gatekeeper{open: make(chan struct{})}
		r := newRig(t, gated, func(r *rig) { r.wrap = func(l journal.Log) journal.Log { gate.Log = l; return gate } })
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if _, err := r.host.Declare(context.Background(), by("alice"), "x", 1, false); !errors.Is(err, errDisk) {
					t.Errorf("a declaration got %v", err)
				}
			})
		}
		synctest.Wait() // all of them are in the journal's hands
		r.mem.FailNextAppend(errDisk, false)
		close(gate.open)
		group.Wait()
		if len(r.fatal) != 1 {
			t.Errorf("Fatal was called %d times", len(r.fatal))
		}
	})
}

// A host whose store was taken over acts no more.
func TestFencedHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.once, approval: {from: [group:leads], quorum: 1}}\n")
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		ask := r.approval(id, "a")
		fresh, err := r.mem.Reopen()
		if err != nil {
			t.Fatal(err)
		}
		old := r.host
		r.mem = fresh
		r.open()
		_, err = old.Submit(t.Context(), by("bob"), id, "R1", "a", engine.Vote{Approval: ask, Approve: true})
		if _, fenced := errors.AsType[*journal.FencedError](err); !fenced || len(r.fatal) != 1 {
			t.Errorf("the older host answers %v and called Fatal %d times", err, len(r.fatal))
		}
		<-time.After(time.Minute)
		if n := r.world.count("execute", "a"); n != 0 {
			t.Errorf("%d effects by the older host", n)
		}
		r.approve("bob", id, "a")
		r.reach(id, "a", engine.StepDone)
		host.Kill(old)
	})
}
