package engine

import (
	"fmt"
	"slices"
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
		if s.gone() || s.run.incident.Resolved {
			return Refuse(NotRetryable, "run %s was cancelled; start the runbook again", s.run.ID)
		}
	default:
		return Refuse(NotRetryable, "step %q is %s; only a failed, refused or held step can be tried again", s.ID, s.Status)
	}
	what := s.stopping()
	if what != "" && s.Status == StepOnHold && s.Held == HeldDoubt {
		s.last().Found = actions.NotApplied // settles the doubt; what is ending tries nothing again
		s.By = e.Actor
		return nil
	}
	if what != "" {
		return Refuse(NotRetryable, "%s is stopping; wait until it has ended", what)
	}
	for p := s; p != nil; p = p.Parent {
		if p.UndoneBy != nil && !p.UndoneBy.Status.Ended() {
			return Refuse(NotRetryable, "step %q is being taken back; wait until step %s has ended", p.ID, p.UndoneBy.ID)
		}
	}
	if a := s.last(); a != nil && a.Doubt != "" && a.Found == "" && b.NotApplied {
		a.Found = actions.NotApplied
	}
	s.run.incident.answer(s)
	s.reset()
	top := s.of
	for f := range s.around() {
		f.reopen()
		top = f
	}
	if top == s.run.root {
		s.run.reopen()
	}
	return nil
}

// gone says whether the run to which a step belongs was cancelled and is over
// for it. An undo goes on for itself.
func (s *Step) gone() bool {
	for f := range s.around() {
		if f.after != nil && f.owner != nil {
			return f.owner.Status.Ended()
		}
		if f.owner == nil {
			return s.run.Status == RunCancelled
		}
	}
	return false
}

// reset puts a step back to where its turn has not come. What was done and
// captured stays on record.
func (s *Step) reset() {
	if s.Status.Ended() {
		s.untake()
	}
	s.Status, s.Held, s.Why, s.Failure, s.Reading = StepWaiting, "", "", nil, nil
	s.Due, s.EndedAt, s.due, s.settled, s.planned, s.planOwed = time.Time{}, time.Time{}, false, false, false, false
	s.fails, s.voids, s.doubts, s.budget, s.skip, s.answered = 0, 0, 0, len(s.Attempts), nil, false
	s.overtime, s.began = false, time.Time{}
	if s.children != nil { // what is done stays done; the rest has its turn again
		s.Status = StepProgress
		s.renew()
		s.children.resume()
	}
	if s.of != nil && s.of.loop != nil {
		s.of.loop.admit(s.of)
	}
	s.run.incident.touch(s)
}

// untake tells those who wait for a step that it has not ended after all.
func (s *Step) untake() {
	switch {
	case s.of != nil:
		s.of.untake(s)
	case s.Undoes != nil:
		s.run.undos++
	}
}

// renew begins anew what was decided about the effects of a step's own steps:
// there will be others.
func (s *Step) renew() {
	if s.Containment != nil && !s.InForce() {
		i := s.run.incident
		i.bounded = slices.DeleteFunc(i.bounded, func(other *Step) bool { return other == s })
		s.Containment = nil
	}
	s.UndoneBy = nil
}

// resume gives every member that did not work its turn again.
func (f *frame) resume() {
	f.halted, f.why, f.ending, f.undo = "", "", "", false
	for _, s := range f.steps {
		switch {
		case s.Status == StepFailed || s.Status == StepRefused || s.Status == StepCancelled:
			s.reset()
		case !s.Status.Ended() && s.parked:
			s.run.incident.touch(s)
		}
	}
	if f.loop != nil {
		f.loop.granted, f.loop.next = false, 0
		f.loop.admit(f)
	}
}

func (s *Step) skipping(e Event, b SkipRequested) error {
	if strings.TrimSpace(b.Reason) == "" || len(b.Reason) > MaxText {
		return Refuse(ReasonRequired, `say why: skip %s --reason "..."`, s.ID)
	}
	switch s.Status {
	case StepWaiting, StepPlanning, StepAwaiting, StepChecking, StepRetrying, StepManual, StepOnHold, StepSleeping:
		s.skip, s.By = &b, e.Actor
		if s.inside() {
			s.children.halt(StepSkipped, "skipped by "+e.Actor.ID+": "+b.Reason)
		}
		return nil
	case StepProgress:
		return Refuse(NotSkippable, "step %q is in progress; skip what is left of it: %s", s.ID, s.children.leftIDs())
	}
	return Refuse(NotSkippable, "step %q is %s and cannot be skipped now", s.ID, s.Status)
}

// undo lays out a step that takes this one back, with a plan, an approval and
// a proof of its own.
func (s *Step) undo(e Event, b UndoRequested) error {
	switch {
	case s.Undoes != nil:
		return Refuse(NotUndoable, "step %q is itself an undo; run the step again instead: retry or a new run", s.ID)
	case !s.finished():
		return Refuse(NotUndoable, "step %q is %s; only a finished step can be taken back", s.ID, s.Status)
	case !s.canUndo() && s.children != nil && !s.Undone() && (s.UndoneBy == nil || s.UndoneBy.Status.Ended()):
		return Refuse(NotUndoable, "step %q holds nothing that can be taken back", s.ID)
	case !s.canUndo() && s.children == nil:
		return Refuse(NotUndoable, "action %q of step %q cannot be taken back", s.Def.Uses, s.ID)
	case s.children == nil && s.Preview != nil && s.Preview.NoUndo != "":
		return Refuse(NotUndoable, "step %q cannot be taken back: %s", s.ID, s.Preview.NoUndo)
	case s.Undone():
		return Refuse(NotUndoable, "step %q was taken back already", s.ID)
	case s.UndoneBy != nil && !s.UndoneBy.Status.Ended():
		return Refuse(NotUndoable, "step %q is being taken back already; see step %s", s.ID, s.UndoneBy.ID)
	}
	who := e.Actor
	if e.Actor.Type != Person {
		who = s.run.Requester
	}
	u := s.undoStep(who, b.Reason)
	s.run.Steps = append(s.run.Steps, u)
	s.run.undos++
	s.run.byID[u.ID] = u
	s.run.incident.touch(u)
	return nil
}

// leftIDs names the members that have not ended, a few of them.
func (f *frame) leftIDs() string {
	var ids []string
	for _, s := range f.steps {
		if s.Status.Ended() {
			continue
		}
		if len(ids) == 6 {
			ids = append(ids, "...")
			break
		}
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, ", ")
}

// undoStep makes the step that takes this one back.
func (s *Step) undoStep(who Actor, reason string) *Step {
	s.undos++
	id := s.ID + "~undo"
	if s.undos > 1 {
		id = fmt.Sprintf("%s~undo%d", s.ID, s.undos)
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
	def.Contains, def.Evidence, def.Critical = nil, false, false
	if rule := s.Def.Undo; rule != nil {
		if rule.Approval != nil {
			def.Approval = rule.Approval
		}
		if rule.Within > 0 {
			def.Verify = &runbooks.Verify{Within: rule.Within}
		}
		if rule.Manual != nil {
			def.Uses, def.With, def.Verify, def.Effect, def.Total = "", nil, nil, "", 0
			def.Manual = &runbooks.Manual{Instructions: rule.Manual}
		}
	}
	u := &Step{ID: id, Def: &def, Undoes: s, Item: s.Item, Index: s.Index, Status: StepWaiting, By: who, run: s.run, in: s.in, Why: reason}
	s.UndoneBy = u
	return u
}
