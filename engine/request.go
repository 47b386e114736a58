package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// retry takes in that a person wants the step tried again, from its plan on.
func (s *Step) retry(e Event, b RetryRequested) error {
	switch s.Status {
	case StepOnHold:
		if s.Held == HeldDoubt && !b.NotApplied {
			return Refuse(OutcomeUnknown, "nobody knows whether attempt %d of %q took effect; look at the target, then either: retry %s --confirm-not-applied, or: done %s --confirm-applied", len(s.Attempts), s.ID, s.ID, s.ID)
		}
	case StepFailed, StepRefused:
		if s.run.Status == RunCancelled || s.run.incident.Resolved {
			return Refuse(NotRetryable, "run %s was cancelled; start the runbook again", s.run.ID)
		}
	default:
		return Refuse(NotRetryable, "step %q is %s; only a failed, refused or held step can be tried again", s.ID, s.Status)
	}
	if s.Undoes == nil && s.run.Status == RunStopping && s.Held == HeldDoubt {
		s.last().Found = actions.NotApplied // settles the doubt; the ending run tries nothing again
		s.By = e.Actor
		return nil
	}
	if s.Undoes == nil && s.run.Status == RunStopping {
		return Refuse(NotRetryable, "run %s is stopping; wait until it has ended", s.run.ID)
	}
	if a := s.last(); a != nil && a.Doubt != "" && a.Found == "" && b.NotApplied {
		a.Found = actions.NotApplied
	}
	s.run.incident.answer(s)
	s.reset()
	if s.Undoes == nil {
		s.run.reopen()
	}
	return nil
}

// reset puts a step back to where its turn has not come. What was done and
// captured stays on record.
func (s *Step) reset() {
	if s.Status.Ended() && s.Undoes == nil {
		s.run.left++
		delete(s.run.ended, s.ID)
		for _, w := range s.run.waiters[s.ID] {
			w.pending++
		}
	}
	s.Status, s.Held, s.Why, s.Failure, s.Reading = StepWaiting, "", "", nil, nil
	s.Due, s.EndedAt, s.due, s.settled, s.planned, s.planOwed = time.Time{}, time.Time{}, false, false, false, false
	s.fails, s.voids, s.doubts, s.budget, s.skip, s.answered = 0, 0, 0, len(s.Attempts), nil, false
	s.run.incident.touch(s)
}

func (s *Step) skipping(e Event, b SkipRequested) error {
	if strings.TrimSpace(b.Reason) == "" || len(b.Reason) > MaxText {
		return Refuse(ReasonRequired, `say why: skip %s --reason "..."`, s.ID)
	}
	switch s.Status {
	case StepWaiting, StepPlanning, StepAwaiting, StepChecking, StepRetrying, StepManual, StepOnHold:
		s.skip, s.By = &b, e.Actor
		return nil
	}
	return Refuse(NotSkippable, "step %q is %s and cannot be skipped now", s.ID, s.Status)
}

// undo lays out a step that takes this one back, with a plan, an approval and
// a proof of its own.
func (s *Step) undo(e Event, b UndoRequested) error {
	switch {
	case s.Undoes != nil:
		return Refuse(NotUndoable, "step %q is itself an undo; run the step again instead: retry or a new run", s.ID)
	case s.Status != StepDone:
		return Refuse(NotUndoable, "step %q is %s; only a finished step can be taken back", s.ID, s.Status)
	case !s.Def.CanUndo:
		return Refuse(NotUndoable, "action %q of step %q cannot be taken back", s.Def.Uses, s.ID)
	case s.Preview != nil && s.Preview.NoUndo != "":
		return Refuse(NotUndoable, "step %q cannot be taken back: %s", s.ID, s.Preview.NoUndo)
	case s.Undone():
		return Refuse(NotUndoable, "step %q was taken back already", s.ID)
	case s.UndoneBy != nil && !s.UndoneBy.Status.Ended():
		return Refuse(NotUndoable, "step %q is being taken back already; see step %s", s.ID, s.UndoneBy.ID)
	}
	n := 1
	for _, other := range s.run.Steps {
		if other.Undoes == s {
			n++
		}
	}
	id := s.ID + "~undo"
	if n > 1 {
		id = fmt.Sprintf("%s~undo%d", s.ID, n)
	}
	def := *s.Def
	def.ID, def.Title, def.If, def.Needs = id, "Undo: "+s.Def.Name(), nil, nil
	def.Effect, def.CanUndo, def.OnFailure, def.OnRefused = actions.Reversible, false, runbooks.Ask, runbooks.Continue
	if def.Repeat != actions.Idempotent {
		def.Repeat = actions.Once // that an action can be repeated says nothing about its undo
	}
	if def.Verify == nil {
		def.Verify = &runbooks.Verify{Within: runbooks.DefaultWithin}
	}
	u := &Step{ID: id, Def: &def, Undoes: s, Status: StepWaiting, By: e.Actor, run: s.run, Why: b.Reason}
	if e.Actor.Type != Person {
		u.By = s.run.Requester
	}
	s.UndoneBy = u
	s.run.Steps = append(s.run.Steps, u)
	s.run.byID[id] = u
	s.run.incident.touch(u)
	return nil
}
