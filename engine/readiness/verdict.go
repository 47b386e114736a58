package readiness

import (
	"time"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// judge takes from the score of a case what readiness needs of it: how it went,
// how long people took, and which steps were exercised. This is the only place
// that knows the form of a score.
func (c *Case) judge(r *score.Result) {
	waits := map[int64]time.Duration{}
	for _, a := range r.Asked {
		if a.Latency != nil {
			waits[a.Asked.Seq] = time.Duration(a.Latency.WallMS) * time.Millisecond
		}
	}
	for i := range c.Approvals {
		a := &c.Approvals[i]
		if a.Wait, a.Decided = waits[a.Seq]; a.Broken { // nobody who was asked decided
			a.Wait, a.Decided = 0, false
		}
	}
	for _, s := range r.Steps {
		for _, run := range c.Runs {
			if use := run.step(s.ID); run.ID == s.Run && use != nil {
				use.Exercised = s.Exercised
			}
		}
	}
	if d := c.Drill; d != nil {
		d.Reasons = r.Why
		switch r.Outcome {
		case score.Pass:
			d.Result = Passed
		case score.Partial:
			d.Result = Partial
		case score.Fail:
			d.Result = Failed
		case score.Stopped:
			d.Result = Aborted
		default:
			d.Result = Open
		}
	}
}

// step finds a step of a run by its path; nil: its turn never came.
func (r *Run) step(path string) *Step {
	for _, s := range r.Steps {
		if s.Path == path {
			return s
		}
	}
	return nil
}
