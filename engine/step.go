package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// The legal ways of a step:
//
//	waiting -> skipped | planning -> awaiting approval -> checking -> running
//	planning -> running (no approval needed) | manual
//	running -> verifying | done | retrying | in doubt | failed
//	retrying -> planning | running
//	in doubt -> running | verifying | done | held
//	held -> waiting (retry) | verifying | done | skipped | failed
//	failed, refused -> waiting (retry)
//
// Every one of them is a fact; fold below is the only place that takes one.

// contradicts is a fact that does not follow from the record.
func (s *Step) contradicts(e Event, why string, args ...any) error {
	return fmt.Errorf("engine: %s of %s/%s: %s (the step is %s)", e.Kind(), s.run.ID, s.ID, fmt.Sprintf(why, args...), s.Status)
}

func (s *Step) fold(e Event) error {
	switch b := e.Body.(type) {
	case StepReady:
		return s.ready(e, b)
	case StepExpanded:
		return s.expand(e, b)
	case StepEntered:
		return s.enter(e, b)
	case WaitStarted:
		if s.Status != StepWaiting || s.pending > 0 || s.Def.Wait == nil {
			return s.contradicts(e, "it has nothing to wait for")
		}
		s.Status, s.Due, s.due, s.If, s.Readings, s.ReadyAt = StepSleeping, b.Until.Time, false, b.If, b.Readings, e.At
		return nil
	case ContainmentBegan, ContainmentDue, ContainmentExtended, ContainmentKept:
		return s.contain(e)
	case StepPlanned:
		return s.plan(e, b)
	case PlanFailed:
		if !s.planOwed || b.N != s.plans+1 {
			return s.contradicts(e, "no reading %d is owed", b.N)
		}
		s.plans, s.planOwed, s.Failure = b.N, false, &b.Failure
		s.fails++
		return nil
	case ApprovalRequested:
		return s.request(e, b)
	case Vote:
		return s.vote(e, b)
	case GlassBroken:
		return s.breakGlass(e, b)
	case GlassReviewAsked:
		return s.askReview(e, b)
	case GlassReviewed:
		return s.review(e, b)
	case ApprovalEscalated:
		a, err := s.open(e, b.ID)
		if err != nil {
			return err
		}
		a.escalated = true
		a.From = append(slices.Clone(a.From), b.To...)
		return nil
	case ApprovalReminded:
		a, err := s.open(e, b.ID)
		if err != nil {
			return err
		}
		a.reminders, a.remindAt = b.N, b.Next.Time
		return nil
	case ApprovalClosed:
		return s.closeApproval(e, b)
	case EffectIntent:
		return s.intend(e, b)
	case EffectOutcome:
		return s.outcome(e, b)
	case EffectInDoubt:
		return s.doubt(e, b)
	case EffectProbed:
		return s.probe(e, b)
	case EffectResolved:
		return s.settle(e, b)
	case EffectLate:
		return nil // kept as evidence; the state does not move
	case EffectVerified:
		if s.Status != StepVerifying || s.Reading != nil {
			return s.contradicts(e, "nothing is being verified")
		}
		s.Reading = &b.Reading
		return nil
	case RetryScheduled:
		if s.Status.Ended() {
			return s.contradicts(e, "it has ended")
		}
		s.Status, s.Due, s.due = StepRetrying, b.Due.Time, false
		s.Reading = nil
		return nil
	case TimerFired:
		return s.timer(e, b)
	case ManualAsked:
		if s.Def.Manual == nil || !s.planned {
			return s.contradicts(e, "it is not a manual step whose turn has come")
		}
		if err := s.mayProceed(e); err != nil {
			return err
		}
		s.consume()
		s.Status, s.Asks, s.planned, s.Due, s.overtime = StepManual, b.Instructions, false, b.Until.Time, false
		s.run.incident.ask(&Ask{ID: b.ID, Type: AskManual, Step: s, At: e.At})
		return nil
	case ManualDone:
		if s.Status != StepManual {
			return Refuse(NotManual, "step %q is %s, it does not wait for anybody to do it", s.ID, s.Status)
		}
		if len(b.Answer) > MaxText {
			return Refuse(Usage, "an answer holds up to %d bytes; keep the rest as evidence and say where it is", MaxText)
		}
		answer, refusal := s.answerOf(b.Answer)
		if refusal != nil {
			return refusal
		}
		s.Outputs, s.answered, s.By = map[string]any{"answer": answer}, true, e.Actor
		return nil
	case StepHeld:
		if s.Status.Ended() || s.running() != nil {
			return s.contradicts(e, "it cannot be held")
		}
		s.Status, s.Held, s.Why, s.Due = StepOnHold, b.Why, b.Message, time.Time{}
		s.run.incident.ask(&Ask{ID: b.ID, Type: AskHeld, Step: s, At: e.At})
		return nil
	case RetryRequested:
		return s.retry(e, b)
	case SkipRequested:
		return s.skipping(e, b)
	case UndoRequested:
		return s.undo(e, b)
	case StepEnded:
		if s.Status.Ended() {
			return s.contradicts(e, "it has ended before")
		}
		if !b.Status.Ended() || s.running() != nil {
			return s.contradicts(e, "it cannot end as %q now", b.Status)
		}
		s.run.end(s, b, e.At)
		return nil
	}
	return s.contradicts(e, "the kind does not belong to a step")
}

// answerOf reads the answer to a manual step by its type.
func (s *Step) answerOf(word string) (any, *Refusal) {
	if s.Def.Manual == nil || s.Def.Manual.Answer == nil {
		return word, nil
	}
	in := *s.Def.Manual.Answer
	in.Name = "answer"
	typed, problems := (&runbooks.Program{Inputs: []runbooks.Input{in}}).CoerceInputs(map[string]string{"answer": word})
	if len(problems) > 0 {
		return nil, Refuse(Usage, "that answer does not fit step %q: %s; answer with: done %s VALUE", s.ID, problems.Error(), s.ID)
	}
	return typed["answer"], nil
}

// ready takes in that the step's turn has come.
func (s *Step) ready(e Event, b StepReady) error {
	if s.Status != StepWaiting || s.pending > 0 {
		return s.contradicts(e, "its turn has not come")
	}
	s.Status, s.Params, s.If, s.Readings, s.ReadyAt = StepPlanning, b.Params.Value, b.If, b.Readings, e.At
	s.planned, s.planOwed, s.fails = false, true, 0
	return nil
}

// plan takes in a reading of the target. The state it captured is kept only
// while nothing was changed yet: it is write-once.
func (s *Step) plan(e Event, b StepPlanned) error {
	if !s.planOwed || b.N != s.plans+1 {
		return s.contradicts(e, "no reading %d is owed", b.N)
	}
	s.plans, s.planOwed, s.planned, s.fails, s.Failure = b.N, false, true, 0, nil
	preview := b.Preview
	s.Preview, s.Digest = &preview, b.Digest
	if len(s.Attempts) == 0 {
		s.State = b.State.Value
	}
	if s.Status == StepPlanning && s.shares() && s.rule() != nil {
		s.of.loop.park(s.of, s)
	}
	return nil
}

func (s *Step) timer(e Event, b TimerFired) error {
	a := s.Approval
	switch kind, id, _ := strings.Cut(b.Ref, ":"); {
	case e.At.Before(b.Due.Time):
		return s.contradicts(e, "it is too early")
	case kind == timerRetry && s.Status == StepRetrying && s.Due.Equal(b.Due.Time):
		s.Due, s.due = time.Time{}, true
		if s.budget == len(s.Attempts) { // nothing was tried yet: it is the reading that is tried again
			s.Status, s.planOwed = StepPlanning, true
			if a != nil && a.State == ApprovalGranted {
				s.Status = StepChecking
			}
		}
	case kind == timerSettle && s.Status == StepDoubt && s.Due.Equal(b.Due.Time):
		s.Due, s.settled = time.Time{}, true
	case kind == timerExpire && a != nil && a.ID == id && a.State == ApprovalOpen:
	case kind == timerEscalate && a != nil && a.ID == id && a.State == ApprovalOpen:
	case kind == timerRemind && a != nil && a.ID == id && a.State == ApprovalOpen:
	case kind == timerWait && s.Status == StepSleeping && s.Due.Equal(b.Due.Time):
		s.Due, s.due = time.Time{}, true
	case kind == timerTotal && s.Status == StepManual && s.Due.Equal(b.Due.Time):
		s.Due, s.overtime = time.Time{}, true
	case kind == timerReview && s.reviewOf(id) != nil && s.reviewOf(id).owed():
		s.reviewOf(id).fired = true
	case kind == timerContain && s.InForce() && s.Containment.Until.Equal(b.Due.Time):
		s.Containment.fired = true
	default:
		return s.contradicts(e, "timer %q is not owed", b.Ref)
	}
	return nil
}

// The timers of a step.
const (
	timerRetry    = "retry"
	timerSettle   = "settle"
	timerExpire   = "expire"   // ":" and the approval's id
	timerEscalate = "escalate" // ":" and the approval's id
	timerRemind   = "remind"   // ":" and the approval's id
	timerWait     = "wait"     // of a step that lets time pass
	timerTotal    = "total"    // of a manual step that somebody has to do in time
	timerContain  = "contain"  // of an effect that is meant to end
	timerReview   = "review"   // ":" and the id of the review of a broken glass
)

// mayStart says whether new effects of this step may begin.
func (s *Step) mayStart() bool {
	if as, _ := s.halting(); as != "" {
		return false
	}
	for f := range s.around() {
		if f.after != nil {
			return f.after.left == 0 && !f.over()
		}
	}
	return true
}

// owes says whether the world owes this step anything, or it the world.
func (s *Step) owes() bool {
	switch s.Status {
	case StepPlanning, StepChecking, StepRunning, StepRetrying, StepDoubt, StepVerifying, StepAwaiting, StepSleeping:
		return true
	case StepManual:
		if !s.Due.IsZero() {
			return true
		}
	}
	return s.InForce() && !s.Containment.fired || slices.ContainsFunc(s.glasses, (*Glass).owed)
}

// finished says whether there may be something of the step to take back. A step
// that has steps of its own may have failed after some of them were done.
func (s *Step) finished() bool {
	return s.Status == StepDone || s.children != nil && s.Status.Ended()
}

// Undoable says whether a person could ask for this step to be taken back.
func (s *Step) Undoable() bool {
	return s.Undoes == nil && s.finished() && s.canUndo() && !s.Undone() &&
		(s.Preview == nil || s.Preview.NoUndo == "" || s.children != nil) && (s.UndoneBy == nil || s.UndoneBy.Status.Ended())
}

// canUndo says whether there is a way back at all.
func (s *Step) canUndo() bool {
	if s.children != nil {
		for _, c := range s.children.steps {
			if c.Undoable() {
				return true
			}
		}
		return false
	}
	return s.Def.CanUndo || s.Def.Undo != nil && s.Def.Undo.Manual != nil
}

// Requester is who asked for this step: for an undo who wants it, else who
// started the run.
func (s *Step) Requester() Actor {
	if s.Undoes != nil {
		return s.By
	}
	return s.run.Requester
}

// Authority is the person on whose word the effect happens: who broke the
// glass, the last who approved, else who asked for it.
func (s *Step) Authority() string {
	if s.Approval != nil && s.Approval.State != ApprovalVoided {
		if s.Approval.Glass != nil {
			return s.Approval.Glass.By.ID
		}
		for _, v := range slices.Backward(s.Approval.Votes) {
			if v.Approve {
				return v.Actor.ID
			}
		}
	}
	return s.Requester().ID
}

// undoInput is what the undo of a step is given.
func (s *Step) input() (params, result, state json.RawMessage) {
	if s.Undoes != nil {
		return s.Undoes.Params, s.Undoes.Result, s.Undoes.State
	}
	return s.Params, s.Result, s.State
}
