package host_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// A crash while an effect is in flight leaves it in doubt, and what follows is
// what the action declared about itself.
func TestCrashInMidEffect(t *testing.T) {
	for _, c := range []struct {
		name    string
		uses    string
		turn    turn // of the attempt that is cut off
		probe   []turn
		ask     bool              // a person is asked; the answer is what the world knows
		want    engine.StepStatus // in the end
		calls   int               // of the effect
		landed  int
		settles bool // nothing happens before the settle time
	}{
		{"idempotent, applied", "t.set", turn{hang: true}, nil, false, engine.StepDone, 2, 2, true},
		{"idempotent, not applied", "t.set", turn{before: forever}, nil, false, engine.StepDone, 2, 1, true},
		{"keyed, applied", "t.keyed", turn{hang: true}, nil, false, engine.StepDone, 2, 1, true},
		{"probe, applied", "t.probe", turn{hang: true}, nil, false, engine.StepDone, 1, 1, true},
		{"probe, not applied", "t.probe", turn{before: forever}, nil, false, engine.StepDone, 2, 1, true},
		{"probe, lands late", "t.probe", turn{before: settle - time.Second, deaf: true}, nil, false, engine.StepDone, 1, 1, true},
		{"probe says unknown", "t.probe", turn{hang: true}, []turn{{found: actions.FoundUnknown}}, true, engine.StepDone, 1, 1, true},
		{"probe cannot be asked", "t.probe", turn{hang: true}, []turn{
			{fail: classed(actions.Denied, "no right")}, {fail: classed(actions.Transient, "busy")}, {before: forever},
			{before: forever, deaf: true}, {fail: classed(actions.Unknown, "lost")}}, true, engine.StepDone, 1, 1, true},
		{"probe is asked again", "t.probe", turn{hang: true}, []turn{{fail: classed(actions.Transient, "busy")}}, false, engine.StepDone, 1, 1, true},
		{"once, applied", "t.once", turn{hang: true}, nil, true, engine.StepDone, 1, 1, true},
		{"once, not applied", "t.once", turn{before: forever}, nil, true, engine.StepDone, 2, 1, true},
		{"read", "t.read", turn{before: forever}, nil, false, engine.StepDone, 2, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: "+c.uses+"}\n  - {id: b, uses: t.read}\n")
				r.world.plan("execute", "a", c.turn)
				r.world.plan("probe", "a", c.probe...)
				keys := map[actions.Key]bool{}
				r.world.began = func(phase string, call actions.Call) {
					if phase == "execute" && call.Step == "a" {
						keys[call.Key] = true
					}
				}
				id := r.start()
				r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
				r.crash()
				if got := r.status(id, "a"); got != engine.StepDoubt {
					t.Fatalf("after the crash the step is %s", got)
				}
				crashed := time.Now()
				if c.ask {
					r.reach(id, "a", engine.StepOnHold)
					if n := r.world.count("execute", "a"); n != 1 {
						t.Fatalf("%d calls, although a person has to decide", n)
					}
					err := r.submit("alice", id, "a", engine.RetryRequested{})
					if refused(err) != engine.OutcomeUnknown {
						t.Errorf("a retry without a word about the target: %v", err)
					}
					if r.world.landed("a") > 0 {
						r.must("alice", id, "a", engine.EffectResolved{Attempt: 1, Applied: true})
					} else {
						r.must("alice", id, "a", engine.RetryRequested{NotApplied: true})
					}
				}
				r.reach(id, "a", c.want)
				if c.settles && time.Since(crashed) < settle {
					t.Errorf("it went on %s after the crash, before the settle time of %s", time.Since(crashed), settle)
				}
				r.reach(id, "b", engine.StepDone)
				if calls, landed := r.world.count("execute", "a"), r.world.landed("a"); calls != c.calls || landed != c.landed {
					t.Errorf("%d calls and %d effects, want %d and %d\n%s", calls, landed, c.calls, c.landed, strings.Join(r.kinds(id), "\n"))
				}
				if len(keys) != 1 {
					t.Errorf("the attempts had %d keys, want one and the same", len(keys))
				}
				r.audit(id)
			})
		})
	}
}

// A crash anywhere between two facts changes nothing in the story: what was
// owed is owed again.
func TestCrashAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		r.world.plan("plan", "block", turn{before: forever}) // the first reading is cut off
		id := r.start()
		r.until("the plan", func() bool { return r.world.count("plan", "block") == 1 })
		r.crash()
		r.reach(id, "block", engine.StepAwaiting)
		r.crash()
		r.approve("bob", id, "block")
		r.crash()
		r.approve("carol", id, "block")
		r.until("the proof begins", func() bool { return r.world.count("verify", "block") > 0 })
		r.crash()
		r.reach(id, "block", engine.StepDone)
		r.crash()
		if got := r.run(id); got != engine.RunDone {
			t.Errorf("the run is %s", got)
		}
		if n := r.world.landed("block"); n != 1 {
			t.Errorf("%d effects, want 1", n)
		}
		if n := r.tally(id, "effect.in_doubt"); n != 0 {
			t.Errorf("%d doubts about nothing", n)
		}
		r.audit(id)
	})
}

// Opening a store again and again without an effect in flight writes nothing.
func TestOpenWritesNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		id := r.start()
		r.reach(id, "block", engine.StepAwaiting)
		before := r.kinds(id)
		for range 3 {
			r.crash()
		}
		if diff := cmp.Diff(before, r.kinds(id)); diff != "" {
			t.Errorf("opening wrote something (-before +after):\n%s", diff)
		}
	})
}

// Two crashes in a row: the second doubt is about the second attempt, and the
// number of attempts in doubt is bounded.
func TestCrashAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set}\n")
		r.world.usual = func(phase string, _ actions.Call) turn {
			if phase == "execute" {
				return turn{hang: true}
			}
			return turn{}
		}
		id := r.start()
		for n := 1; n <= 4; n++ {
			r.until("the attempt", func() bool { return r.world.count("execute", "a") == n })
			r.crash()
		}
		r.reach(id, "a", engine.StepOnHold)
		if n := r.world.count("execute", "a"); n != 4 {
			t.Errorf("%d attempts", n)
		}
		r.audit(id)
	})
}

// An incident that could not be read when the host was opened is read when it
// can be: what was in flight then is in doubt, not started again.
func TestReadBackLaterIsInDoubtToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &breaking{}
		r := newRig(t, "  - {id: a, uses: t.once}\n")
		r.world.plan("execute", "a", turn{hang: true})
		id := r.start()
		r.until("the effect", func() bool { return r.world.count("execute", "a") == 1 })
		r.wrap = broken.over
		broken.set(id, 2)
		r.crash()
		if err := r.host.View(t.Context(), id, func(*engine.Incident) {}); err == nil {
			t.Fatal("an incident with a broken record is shown")
		}
		broken.set("", 0)
		r.reach(id, "a", engine.StepOnHold)
		if n := r.world.count("execute", "a"); n != 1 {
			t.Errorf("the effect was started %d times", n)
		}
		r.audit(id)
	})
}
