package rehearsal

import (
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Facts are what the conditions of a scenario read as the incident stands, by
// the paths that [runbooks.ScenarioScope] declares. What has not happened has no
// value, and to read it is an error, never a silent false.
func Facts(i *engine.Incident, s *runbooks.Scenario) map[string]any {
	m := map[string]any{"resolved": i.Resolved && (i.Drill == nil || i.Drill.Why == engine.EndResolved || !i.Drill.Ended), "runs": int64(len(i.Runs)), "notes": int64(i.Notes)}
	if d := i.Drill; d != nil {
		m["elapsed"] = int64(i.Now.Sub(d.StartedAt) / time.Second)
		m["hints"] = int64(d.Hints)
		for _, in := range s.Injects {
			_, delivered := d.Delivered[in.ID]
			m["injects."+in.ID+".delivered"] = delivered
		}
	}
	if run, ok := i.Run(""); ok {
		m["run.status"] = string(run.Status)
		for _, step := range run.Steps {
			of := "steps." + step.ID + "."
			m[of+"status"] = string(step.Status)
			m[of+"done"] = step.Status == engine.StepDone
			m[of+"attempts"] = int64(len(step.Attempts))
			m[of+"approvers"] = int64(approvers(step))
		}
	}
	for _, a := range i.Asks {
		if a.Type == engine.AskReview {
			continue // it asks about what was done, not what to do
		}
		key := "steps." + a.Step.ID + ".asked"
		n, _ := m[key].(int64)
		m[key] = n + 1
	}
	return m
}

// approvers counts the people who said yes to the latest question about a step.
func approvers(s *engine.Step) int {
	if s.Approval == nil {
		return 0
	}
	return s.Approval.Approvals()
}
