package host_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// An undo is called as its step was: what the step made is recognised by its
// key, its step and its start.
func TestUndoIsCalledAsItsStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, approval: {from: [group:leads], quorum: 1}}\n")
		calls := map[string]actions.Call{}
		r.world.began = func(phase string, call actions.Call) { calls[phase] = call }
		id := r.start()
		r.reach(id, "a", engine.StepAwaiting)
		r.approve("bob", id, "a")
		r.reach(id, "a", engine.StepDone)
		<-time.After(time.Hour)
		r.must("alice", id, "a", engine.UndoRequested{Reason: "a false alarm"})
		r.reach(id, "a~undo", engine.StepAwaiting)
		r.approve("bob", id, "a~undo")
		r.reach(id, "a~undo", engine.StepDone)
		did := calls["execute"]
		for _, phase := range []string{"undo", "verify undo"} {
			got, ok := calls[phase]
			if !ok || got.Key != did.Key || got.Step != did.Step || !got.Started.Equal(did.Started) {
				t.Errorf("%s is called as %s of %s, started %s; the step was called as %s of %s, started %s", phase, got.Key, got.Step, got.Started, did.Key, did.Step, did.Started)
			}
		}
		r.audit(id)
	})
}
