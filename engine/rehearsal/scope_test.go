package rehearsal_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The words that conditions may compare with are those that the engine uses: a
// word that is missing would be refused where it is right, one too many would
// never be true.
func TestConditionsKnowTheWordsOfTheEngine(t *testing.T) {
	words := func(list ...string) []string { slices.Sort(list); return list }
	var runs, steps []string
	for _, s := range []engine.RunStatus{engine.RunActive, engine.RunStopping, engine.RunDone, engine.RunFailed, engine.RunRefused, engine.RunCancelled} {
		runs = append(runs, string(s))
	}
	for _, s := range []engine.StepStatus{
		engine.StepWaiting, engine.StepPlanning, engine.StepAwaiting, engine.StepChecking, engine.StepRunning, engine.StepRetrying, engine.StepDoubt, engine.StepVerifying,
		engine.StepManual, engine.StepOnHold, engine.StepSleeping, engine.StepProgress, engine.StepDone, engine.StepSkipped, engine.StepFailed, engine.StepRefused, engine.StepCancelled,
	} {
		steps = append(steps, string(s))
	}
	if diff := cmp.Diff(words(runs...), words(runbooks.ScenarioRunStatuses()...)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(words(steps...), words(runbooks.ScenarioStepStatuses()...)); diff != "" {
		t.Error(diff)
	}
}
