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

// Close waits for the effect in flight, starts nothing more, neither in this
// incident nor in another, and leaves nothing in doubt.
func TestCloseWaitsForEffectsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.once}\n  - {id: b, uses: t.once}\n")
		r.world.usual = func(phase string, call actions.Call) turn {
			switch {
			case phase == "execute" && call.Incident == "INC-1":
				return turn{after: 20 * time.Second}
			case phase == "plan" && call.Incident == "INC-2":
				return turn{before: 5 * time.Second} // ends while the other is waited for
			case phase == "execute" && call.Incident == "INC-3":
				return turn{after: 3 * time.Second} // the next step would begin then
			}
			return turn{}
		}
		for range 3 {
			r.start()
		}
		r.until("the effects", func() bool { return r.world.count("execute", "a") == 2 })
		began := time.Now()
		stopping := make(chan error, 1)
		go func() {
			<-time.After(time.Second)
			stopping <- r.submit("alice", "INC-1", "", engine.Noted{Text: "too late", Class: engine.Observation})
		}()
		r.host.Close(context.Background())
		if took := time.Since(began); took < 19*time.Second || took > 21*time.Second {
			t.Errorf("it closed after %s, the effect needs 20 s", took)
		}
		if err := <-stopping; err == nil || !strings.Contains(err.Error(), "stopping") {
			t.Errorf("a request while it closes: %v", err)
		}
		calls := map[string]int{"execute a": r.world.count("execute", "a"), "execute b": r.world.count("execute", "b"), "landed": r.world.landed("a")}
		if calls["execute a"] != 2 || calls["execute b"] != 0 || calls["landed"] != 2 {
			t.Errorf("calls while it closed: %v", calls)
		}
		if _, err := r.host.Declare(t.Context(), by("alice"), "another", 2, false); err == nil {
			t.Error("an incident was declared on a closed host")
		}
		r.crash()
		for _, id := range []string{"INC-1", "INC-2", "INC-3"} {
			r.reach(id, "b", engine.StepDone)
			if n := r.tally(id, "effect.in_doubt"); n != 0 {
				t.Errorf("%s: %d effects are in doubt after an orderly end", id, n)
			}
			r.audit(id)
		}
	})
}

// While it closes, outcomes are taken in and nothing is decided: an intent that
// nobody starts would be in doubt for no reason.
func TestCloseIntendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.read}\n  - {id: b, uses: t.read}\n")
		r.world.plan("execute", "a", turn{before: 5 * time.Second})
		id := r.start()
		r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
		r.host.Close(context.Background())
		r.crash()
		if got := r.status(id, "a"); got != engine.StepDone {
			t.Errorf("the step that ended while it closed is %s", got)
		}
		began := time.Now()
		r.reach(id, "b", engine.StepDone)
		if took := time.Since(began); took > time.Second {
			t.Errorf("the next step took %s", took)
		}
		if n := r.tally(id, "effect.in_doubt"); n != 0 {
			t.Errorf("%d effects are in doubt", n)
		}
		r.audit(id)
	})
}

// When nobody has time to wait, what is in flight is in doubt for whoever
// opens the store next; an action that does not listen keeps nobody.
func TestCloseWithoutTime(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(map[bool]string{false: "listens", true: "does not listen"}[deaf], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.once}\n")
				r.world.plan("execute", "a", turn{after: 20 * time.Second, deaf: deaf})
				id := r.start()
				r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
				began := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				r.host.Close(ctx)
				if took := time.Since(began); took != 2*time.Second {
					t.Errorf("it closed after %s, there were 2 s", took)
				}
				r.crash()
				if got := r.status(id, "a"); got != engine.StepDoubt {
					t.Errorf("the step is %s", got)
				}
				r.reach(id, "a", engine.StepOnHold)
				if n := r.world.count("execute", "a"); n != 1 {
					t.Errorf("%d calls", n)
				}
				r.audit(id)
			})
		})
	}
}

// Close leaves no goroutine behind: a bubble does not end while there is one.
func TestCloseLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1, expires: 10m}}\n")
		r.options.Chat = &chat{blocked: make(chan struct{})} // never says anything
		r.crash()
		r.world.usual = func(phase string, _ actions.Call) turn { return turn{before: forever} }
		for range 3 {
			r.start()
		}
		r.until("the readings", func() bool { return r.world.count("plan", "a") == 3 })
		r.host.Close(context.Background())
		r.host.Close(context.Background()) // twice does no harm
		if err := r.host.View(t.Context(), "INC-1", func(*engine.Incident) {}); err == nil {
			t.Error("a closed host shows incidents")
		}
	})
}
