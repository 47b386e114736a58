package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// An effect that does not answer within its limit is in doubt, whether it
// listens to its context or not; what it says later is kept as evidence and
// moves nothing.
func TestAnswersTooLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		uses   string
		turn   turn
		late   int
		want   engine.StepStatus
		landed int
	}{
		{"once, deaf, applied late", "t.once", turn{before: 50 * time.Second, deaf: true}, 1, engine.StepOnHold, 1},
		{"once, deaf, applied, late answer", "t.once", turn{after: 10 * time.Minute, deaf: true}, 1, engine.StepOnHold, 1},
		{"once, listens", "t.once", turn{after: 10 * time.Minute}, 0, engine.StepOnHold, 1},
		{"once, never answers", "t.once", turn{after: forever, deaf: true}, 0, engine.StepOnHold, 1},
		{"probe, deaf, applied", "t.probe", turn{after: 50 * time.Second, deaf: true}, 1, engine.StepDone, 1},
		{"idempotent, deaf", "t.set", turn{after: 50 * time.Second, deaf: true}, 1, engine.StepDone, 2},
		{"once, within the grace", "t.once", turn{after: 33 * time.Second, deaf: true}, 0, engine.StepDone, 1},
		{"once, panics after the effect", "t.once", turn{panics: true}, 0, engine.StepOnHold, 1},
		{"probe, panics after the effect", "t.probe", turn{panics: true}, 0, engine.StepDone, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: "+c.uses+"}\n")
				r.world.plan("execute", "a", c.turn)
				id := r.start()
				r.reach(id, "a", c.want)
				<-time.After(15 * time.Minute) // whatever comes late has come
				if n := r.tally(id, "effect.late"); n != c.late {
					t.Errorf("%d late answers on record, want %d\n%s", n, c.late, strings.Join(r.kinds(id), "\n"))
				}
				if got := r.status(id, "a"); got != c.want {
					t.Errorf("after the late answer the step is %s, want %s", got, c.want)
				}
				if n := r.world.landed("a"); n != c.landed {
					t.Errorf("%d effects, want %d", n, c.landed)
				}
				r.audit(id)
			})
		})
	}
}

// A plan that hangs fails within its limit and is read again; whether the
// action listens does not matter.
func TestPlanThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set}\n  - {id: b, uses: t.set}\n")
		r.world.plan("plan", "a", turn{before: forever}, turn{before: forever, deaf: true}, turn{fail: classed(actions.Throttled, "slow down")})
		r.world.plan("plan", "b", turn{fail: classed(actions.Denied, "no right to read")})
		id := r.start()
		r.reach(id, "a", engine.StepDone)
		r.reach(id, "b", engine.StepFailed)
		if a, b := r.world.count("plan", "a"), r.world.count("plan", "b"); a != 4 || b != 1 || r.tally(id, "step.plan_failed") != 4 {
			t.Errorf("%d and %d readings, %d failed ones on record; want 4, 1 and 4", a, b, r.tally(id, "step.plan_failed"))
		}
		if n := r.world.count("execute", "b"); n != 0 {
			t.Errorf("%d effects without a plan", n)
		}
	})
}

// odd is an action that answers with what cannot be taken in.
type odd struct {
	actions.Handler
	answer func(requests *actions.Requests) json.RawMessage
}

func (o odd) Execute(ctx context.Context, call actions.Call, params json.RawMessage) (json.RawMessage, error) {
	if _, err := o.Handler.Execute(ctx, call, params); err != nil {
		return nil, err
	}
	return o.answer(call.Requests), nil
}

// An outcome that cannot be written down is in doubt. Its effect is not run
// again to get a nicer answer.
func TestOutcomeThatCannotBeWritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(*actions.Requests) json.RawMessage
		want   engine.StepStatus
	}{
		{"large", func(*actions.Requests) json.RawMessage {
			return json.RawMessage(`{"state":"` + strings.Repeat("x", 1<<20) + `"}`)
		}, engine.StepDone},
		{"too large", func(*actions.Requests) json.RawMessage {
			return json.RawMessage(`{"state":"` + strings.Repeat("x", 17<<20) + `"}`)
		}, engine.StepOnHold},
		{"no object", func(*actions.Requests) json.RawMessage { return json.RawMessage(`["down"]`) }, engine.StepOnHold},
		{"no JSON", func(*actions.Requests) json.RawMessage { return json.RawMessage(`down`) }, engine.StepOnHold},
		{"a number that no record holds", func(*actions.Requests) json.RawMessage { return json.RawMessage(`{"state":"down","n":0.5}`) }, engine.StepOnHold},
		{"thousands of requests", func(r *actions.Requests) json.RawMessage {
			for n := range 5000 {
				r.Add("t:Set", fmt.Sprintf("request-%d", n))
			}
			return json.RawMessage(`{"state":"down"}`)
		}, engine.StepDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "  - {id: a, uses: t.once}\n", func(r *rig) {
					registry := actions.NewRegistry()
					for _, name := range r.options.Registry.Names() {
						h, _ := r.options.Registry.Handler(name)
						if name == "t.once" {
							h = odd{h, c.answer}
						}
						registry.Add(h)
					}
					r.options.Registry = registry
				})
				id := r.start()
				r.reach(id, "a", c.want)
				if n := r.world.landed("a"); n != 1 {
					t.Errorf("%d effects, want 1", n)
				}
				r.crash()
				if got := r.status(id, "a"); got != c.want {
					t.Errorf("after a crash the step is %s", got)
				}
				r.audit(id)
			})
		})
	}
}

// A plan that does not fit into a record fails; it is not read again and again.
func TestPlanThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set}\n")
		r.world.plan("plan", "a", turn{target: strings.Repeat("x", 70_000)})
		id := r.start()
		r.reach(id, "a", engine.StepFailed)
		if n := r.world.count("plan", "a"); n != 1 {
			t.Errorf("the target was read %d times", n)
		}
	})
}

// An action that this server does not have fails, and nothing was called.
func TestActionIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1}}\n  - {id: b, uses: t.read}\n")
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		r.options.Registry = actions.NewRegistry()
		r.crash()
		r.approve("bob", id, "a")
		r.reach(id, "a", engine.StepFailed)
		if n := r.world.count("execute", "a"); n != 0 {
			t.Errorf("%d effects", n)
		}
	})
}
