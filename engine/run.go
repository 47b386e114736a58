package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// fold takes in the facts of a run.
func (r *Run) fold(e Event) error {
	switch b := e.Body.(type) {
	case CancelRequested:
		if r.Status != RunActive {
			return Refuse(NotRunning, "run %s is %s; there is nothing to cancel", r.ID, r.Status)
		}
		if strings.TrimSpace(b.Reason) == "" || len(b.Reason) > MaxText {
			return Refuse(ReasonRequired, `say why: cancel %s --reason "..."`, r.ID)
		}
		r.stop(RunCancelled, "cancelled by "+e.Actor.ID+": "+b.Reason)
	case RunEnded:
		if r.Status.Ended() || r.left > 0 {
			return fmt.Errorf("engine: run %s cannot end, it is %s with %d steps left", r.ID, r.Status, r.left)
		}
		r.Status, r.Reason, r.EndedAt = b.Status, b.Reason, e.At
		r.ends++
		r.incident.stir(r)
	default:
		return fmt.Errorf("engine: %s needs a step", e.Kind())
	}
	return nil
}

func (r *Run) stop(as RunStatus, reason string) {
	if r.Status == RunActive {
		r.Status, r.Ending, r.Reason = RunStopping, as, reason
	}
	r.incident.stir(r)
}

// end takes note that a step has ended and wakes those that waited for it.
func (r *Run) end(s *Step, b StepEnded, at time.Time) {
	s.Status, s.Why, s.EndedAt, s.Due, s.planOwed = b.Status, b.Reason, at, time.Time{}, false
	if b.Failure != nil {
		s.Failure = b.Failure
	}
	if b.If != "" || b.Status == StepSkipped { // a person can skip a step whose condition was true
		s.If, s.Readings = b.If, b.Readings
	}
	r.incident.answer(s)
	if s.Undoes != nil {
		if s.Status != StepDone {
			r.undoing = false
		}
		r.incident.stir(r)
		return
	}
	r.left--
	r.ended[s.ID] = runbooks.StepState{Status: string(s.Status), Outputs: s.Outputs}
	for _, w := range r.waiters[s.ID] {
		if w.pending--; w.pending == 0 {
			r.incident.touch(w)
		}
	}
	reaction, as := runbooks.Reaction(""), RunFailed
	switch s.Status {
	case StepFailed:
		reaction = s.Def.OnFailure
	case StepRefused:
		reaction, as = s.Def.OnRefused, RunRefused
	}
	if reaction == runbooks.Stop || reaction == runbooks.Undo {
		r.undoing = r.undoing || reaction == runbooks.Undo
		r.stop(as, fmt.Sprintf("step %q %s: %s", s.ID, s.Status, s.Why))
	}
	r.incident.stir(r)
}

// reopen brings an ended run back so that a step can be tried again.
func (r *Run) reopen() {
	if r.Status == RunActive {
		return
	}
	r.Status, r.Ending, r.Reason, r.EndedAt, r.undoing = RunActive, "", "", time.Time{}, false
	for _, s := range r.Steps {
		if s.Undoes == nil && s.Status == StepCancelled {
			s.reset()
		}
	}
	r.incident.stir(r)
}

func (r *Run) stepIDs() string {
	var ids []string
	for _, s := range r.Steps {
		ids = append(ids, s.ID)
		if len(ids) == 12 {
			ids = append(ids, "...")
			break
		}
	}
	return strings.Join(ids, ", ")
}

// decide gives the next fact of a run.
func (r *Run) decide() (Event, bool) {
	i := r.incident
	if r.Status == RunStopping {
		for _, s := range r.Steps { // once per stop: each of them is ended by what follows
			if s.Undoes == nil && !s.Status.Ended() && s.idle() {
				if body := s.decide(); body != nil {
					return Event{Step: s.ID, Body: body}, true
				}
			}
		}
	}
	if !r.Status.Ended() && r.left == 0 {
		end := RunEnded{Status: r.Ending, Reason: r.Reason}
		if r.Status == RunActive {
			end = RunEnded{Status: RunDone, Reason: r.passedOver()}
		}
		return Event{Body: end}, true
	}
	if r.Status.Ended() && r.undoing && !i.Resolved {
		for _, s := range slices.Backward(r.Steps) {
			if s.Undoes != nil && !s.Status.Ended() {
				return Event{}, false // one at a time
			}
		}
		for _, s := range slices.Backward(r.Steps) {
			if s.Undoable() && s.UndoneBy == nil && s.Def.Effect == actions.Reversible {
				return Event{Step: s.ID, Body: UndoRequested{Reason: "on_failure: undo"}}, true
			}
		}
	}
	return Event{}, false
}

func (r *Run) env() runbooks.Env {
	i := r.incident
	return runbooks.Env{
		Inputs: r.Inputs, Steps: r.ended, Environment: r.Environment, Run: r.ID, Now: i.Now,
		Incident: runbooks.IncidentFacts{ID: i.ID, Title: i.Title, Severity: i.Severity},
	}
}

// passedOver says which steps failed without stopping the run.
func (r *Run) passedOver() string {
	n := 0
	for _, s := range r.Steps {
		if s.Undoes == nil && (s.Status == StepFailed || s.Status == StepRefused) {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "one step did not work and was passed over"
	}
	return fmt.Sprintf("%d steps did not work and were passed over", n)
}
