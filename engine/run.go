package engine

import (
	"fmt"
	"iter"
	"strings"
	"time"

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
		for s := range r.All() {
			if s.calling() && s.children.ending == "" { // else it ends by itself, and is not cancelled
				s.children.cleanUp()
			}
		}
		r.root.cleanUp()
	case RunEnded:
		if r.Status.Ended() || r.open() {
			return fmt.Errorf("engine: run %s cannot end, it is %s and has steps left", r.ID, r.Status)
		}
		r.Status, r.Reason, r.EndedAt, r.Outputs = b.Status, b.Reason, e.At, b.Outputs
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
		r.root.halt(StepCancelled, reason)
	}
	r.incident.stir(r)
}

// open says whether a step has not ended.
func (r *Run) open() bool { return r.root.open() }

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
	if s.children != nil && s.Status == StepDone && s.Undoes == nil {
		s.Outputs = map[string]any{}
		if s.children.loop != nil {
			s.Outputs = s.children.results()
		} else if outputs, err := decodeObject(b.Outputs.Value); err == nil {
			s.Outputs = outputs
		}
	}
	if s.Undoes != nil {
		if s.of == nil {
			r.undos--
		}
		r.undone(s)
	}
	if s.of != nil {
		s.of.take(s)
	}
	r.incident.stir(r)
}

// undone follows the end of an undo.
func (r *Run) undone(s *Step) {
	if s.Status == StepDone {
		r.incident.lift(s.Undoes)
		if p := s.Undoes.Parent; p != nil && p.InForce() && p.Status.Ended() && !p.holds() {
			p.Containment.lifted = true
			r.incident.lift(p)
			r.incident.touch(p)
		}
	}
	r.incident.touch(s.Undoes)
	for _, f := range r.backs { // each waits until nothing is being taken back, whatever it was
		if f.owner != nil {
			r.incident.touch(f.owner)
		}
	}
	for f := s.Undoes.of; f != nil; f = f.owner.of {
		if s.Status != StepDone {
			f.undo = false
		}
		if f.owner == nil {
			return
		}
		r.incident.touch(f.owner)
	}
}

// reopen brings an ended run back so that a step can be tried again.
func (r *Run) reopen() {
	if r.Status == RunActive {
		return
	}
	r.Status, r.Ending, r.Reason, r.EndedAt = RunActive, "", "", time.Time{}
	r.incident.stir(r)
}

// All walks every step in order, each before its own steps; undos and the steps
// of on_cancel come last.
func (r *Run) All() iter.Seq[*Step] {
	return func(yield func(*Step) bool) { walkSteps(r.Steps, yield) }
}

func walkSteps(steps []*Step, yield func(*Step) bool) bool {
	for _, s := range steps {
		if !yield(s) || !walkSteps(s.Children(), yield) {
			return false
		}
	}
	return true
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
	if !r.Status.Ended() && !r.open() {
		return Event{Body: r.ending()}, true
	}
	if r.incident.Resolved || len(r.backs) == 0 || r.undoing() {
		return Event{}, false // one at a time
	}
	for _, f := range r.backs {
		ended := !f.open()
		if f == r.root {
			ended = r.Status.Ended()
		}
		if !f.undo || !ended {
			continue
		}
		if s := f.undoable(); s != nil {
			return Event{Step: s.ID, Body: UndoRequested{Reason: "on_failure: undo"}}, true
		}
	}
	return Event{}, false
}

// undoing says whether something is being taken back.
func (r *Run) undoing() bool { return r.undos > 0 }

// ending is how the run ends now that every step has.
func (r *Run) ending() RunEnded {
	if r.Status != RunActive {
		return RunEnded{Status: r.Ending, Reason: r.Reason}
	}
	if s := r.root.critical(); s != nil {
		as := RunFailed
		if s.Status == StepRefused {
			as = RunRefused
		}
		return RunEnded{Status: as, Reason: fmt.Sprintf("critical step %q %s: %s", s.ID, s.Status, s.Why)}
	}
	end := RunEnded{Status: RunDone, Reason: r.passedOver()}
	outputs, err := r.root.outputs(r.root.env())
	if err == nil && !(Large{Value: outputs}).small() { // a fact too large to write would never be written, and what led to it be done again
		outputs, err = nil, fmt.Errorf("it has %d bytes, and %d that are not nested deeply are kept", len(outputs), MaxInline)
	}
	if err != nil {
		end.Reason = strings.TrimPrefix(end.Reason+"; its answer cannot be worked out: "+err.Error(), "; ")
	}
	end.Outputs = outputs
	return end
}

// env is what the expressions of a frame read.
func (f *frame) env() runbooks.Env {
	i := f.run.incident
	return runbooks.Env{
		Inputs: f.inputs, Steps: f.ended, Environment: f.run.Environment, Run: f.run.ID, Now: i.Now,
		Incident: runbooks.IncidentFacts{ID: i.ID, Title: i.Title, Severity: i.Severity},
	}
}

// env is what the expressions of a step read.
func (s *Step) env() runbooks.Env {
	env := s.in.env()
	env.Item, env.Index = s.Item, s.Index
	return env
}

// passedOver says which steps failed without stopping the run.
func (r *Run) passedOver() string {
	n, conditions, held, changed := 0, 0, 0, 0
	for _, s := range r.root.steps {
		if s.Status == StepFailed || s.Status == StepRefused {
			n++
		}
		if s.Def.If != nil {
			conditions++
			if s.Status != StepSkipped || s.If == "" {
				held++
			}
		}
		if s.Status == StepDone && (s.Def.Changes() || s.children != nil) {
			changed++
		}
	}
	switch n {
	case 0:
		if conditions > 0 && held == 0 && changed == 0 {
			return "no condition held, so nothing was changed"
		}
		return ""
	case 1:
		return "one step did not work and was passed over"
	}
	return fmt.Sprintf("%d steps did not work and were passed over", n)
}
