package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
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
	case ApprovalEscalated:
		a, err := s.open(e, b.ID)
		if err != nil {
			return err
		}
		a.escalated = true
		a.From = append(slices.Clone(a.From), b.To...)
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
		s.Status, s.Asks, s.planned = StepManual, b.Instructions, false
		s.run.incident.ask(&Ask{ID: b.ID, Type: AskManual, Step: s, At: e.At})
		return nil
	case ManualDone:
		if s.Status != StepManual {
			return Refuse(NotManual, "step %q is %s, it does not wait for anybody to do it", s.ID, s.Status)
		}
		if len(b.Answer) > MaxText {
			return Refuse(Usage, "an answer holds up to %d bytes; keep the rest as evidence and say where it is", MaxText)
		}
		s.Outputs, s.answered, s.By = map[string]any{"answer": b.Answer}, true, e.Actor
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
	return nil
}

// intend takes in an intent. It is the last gate before the world is changed,
// so it checks the approval again, whatever Decide thought.
func (s *Step) intend(e Event, b EffectIntent) error {
	switch {
	case s.Def.Uses == "" || s.running() != nil:
		return s.contradicts(e, "an attempt is already unresolved")
	case b.Attempt != len(s.Attempts)+1:
		return s.contradicts(e, "attempt %d where %d is due", b.Attempt, len(s.Attempts)+1)
	case b.Key != s.Key():
		return s.contradicts(e, "the key is not that of this step")
	case !s.mayStart():
		return s.contradicts(e, "the run is %s", s.run.Status)
	}
	first := b.Attempt == s.budget+1
	switch {
	case first && !s.planned:
		return s.contradicts(e, "nothing was planned")
	case first:
		if err := s.mayProceed(e); err != nil {
			return err
		}
	case s.Status == StepRetrying && s.due:
	case s.Status == StepDoubt && s.settled && s.mayRepeat():
	default:
		return s.contradicts(e, "no further attempt is due")
	}
	s.consume()
	if s.started.IsZero() {
		s.started = e.At
	}
	s.Attempts = append(s.Attempts, &Attempt{N: b.Attempt, At: e.At, Deadline: b.Deadline.Time, Key: b.Key, Actor: b.Actor})
	s.Status, s.planned, s.due, s.Due, s.Reading, s.Failure = StepRunning, false, false, time.Time{}, nil, nil
	return nil
}

// mayProceed says whether the step has the approval it needs, now and for the
// plan at hand.
func (s *Step) mayProceed(e Event) error {
	rule := s.rule()
	if rule == nil {
		return nil
	}
	a := s.Approval
	switch {
	case a == nil || a.State != ApprovalGranted:
		return s.contradicts(e, "it has no approval")
	case a.Approvals() < rule.Quorum:
		return s.contradicts(e, "%d of %d people approved", a.Approvals(), rule.Quorum)
	case a.Digest != s.Digest:
		return s.contradicts(e, "the approval is for another plan")
	case !e.At.Before(a.Expires.Time):
		return s.contradicts(e, "the approval has expired")
	}
	return nil
}

// mayRepeat says whether an attempt in doubt may be followed by another one
// without asking a person.
func (s *Step) mayRepeat() bool {
	return s.Def.Effect == actions.Read || s.Def.Repeat.Again() ||
		s.Def.Repeat == actions.Probe && s.last().Found == actions.NotApplied
}

func (s *Step) consume() {
	if s.Approval != nil && s.Approval.State == ApprovalGranted {
		s.Approval.State = ApprovalConsumed
	}
}

// outcome takes in what the attempt in flight answered.
func (s *Step) outcome(e Event, b EffectOutcome) error {
	a := s.running()
	if a == nil || a.N != b.Attempt {
		return s.contradicts(e, "attempt %d is not in flight", b.Attempt)
	}
	if b.Failure == nil {
		outputs, err := decodeObject(b.Result.Value)
		if err != nil {
			return s.contradicts(e, "the result is no JSON object: %v", err)
		}
		s.Result, s.Outputs, s.Status = b.Result.Value, outputs, StepVerifying
	}
	a.Outcome, a.EndedAt, s.Failure = &b, e.At, b.Failure
	return nil
}

// doubt takes in that nobody knows how an attempt ended.
func (s *Step) doubt(e Event, b EffectInDoubt) error {
	if len(s.Attempts) == 0 || s.Status != StepRunning {
		return s.contradicts(e, "no attempt is in flight")
	}
	a := s.Attempts[len(s.Attempts)-1]
	open := a.Open() || a.Outcome != nil && a.Outcome.Failure != nil && a.Outcome.Failure.Class == actions.Unknown
	if a.N != b.Attempt || !open {
		return s.contradicts(e, "attempt %d is not in doubt", b.Attempt)
	}
	a.Doubt, a.EndedAt = b.Reason, e.At
	s.doubts++
	s.Status, s.settled, s.Due = StepDoubt, false, e.At.Add(time.Duration(s.Def.Settle))
	if s.Def.Settle == 0 {
		s.settled = true
	}
	return nil
}

func (s *Step) probe(e Event, b EffectProbed) error {
	if s.Status != StepDoubt || b.Attempt != len(s.Attempts) || s.last().Found != "" {
		return s.contradicts(e, "attempt %d is not being probed", b.Attempt)
	}
	if b.Found == actions.Applied {
		outputs, err := decodeObject(b.Result.Value)
		if err != nil {
			return s.contradicts(e, "the result is no JSON object: %v", err)
		}
		s.Result, s.Outputs, s.Status = b.Result.Value, outputs, StepVerifying
	}
	s.last().Found = b.Found
	if b.Detail != "" {
		s.Why = b.Detail
	}
	return nil
}

// settle takes a person's word for the outcome of an attempt in doubt.
func (s *Step) settle(e Event, b EffectResolved) error {
	if s.Status != StepOnHold || s.Held != HeldDoubt {
		return Refuse(NotManual, "step %q is %s, there is no doubt about it to resolve", s.ID, s.Status)
	}
	if b.Attempt != len(s.Attempts) {
		return Refuse(AlreadyDecided, "attempt %d of step %q is not the one in doubt", b.Attempt, s.ID)
	}
	s.last().Found = actions.NotApplied
	if b.Applied {
		s.last().Found = actions.Applied
		s.Status, s.Held, s.Outputs = StepVerifying, "", map[string]any{}
	}
	s.By = e.Actor
	s.run.incident.answer(s)
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

// running is the attempt whose outcome is owed, or whose unknown outcome was
// not yet followed by a decision.
func (s *Step) running() *Attempt {
	if a := s.last(); a != nil && a.Open() {
		return a
	}
	return nil
}

func (s *Step) last() *Attempt {
	if len(s.Attempts) == 0 {
		return nil
	}
	return s.Attempts[len(s.Attempts)-1]
}

// mayStart says whether new effects of this step may begin.
func (s *Step) mayStart() bool { return s.Undoes != nil || s.run.Status == RunActive }

// owes says whether the world owes this step anything, or it the world.
func (s *Step) owes() bool {
	switch s.Status {
	case StepPlanning, StepChecking, StepRunning, StepRetrying, StepDoubt, StepVerifying, StepAwaiting:
		return true
	}
	return false
}

// Undoable says whether a person could ask for this step to be taken back.
func (s *Step) Undoable() bool {
	return s.Undoes == nil && s.Status == StepDone && s.Def.CanUndo && !s.Undone() &&
		(s.Preview == nil || s.Preview.NoUndo == "") && (s.UndoneBy == nil || s.UndoneBy.Status.Ended())
}

// Requester is who asked for this step: for an undo who wants it, else who
// started the run.
func (s *Step) Requester() Actor {
	if s.Undoes != nil {
		return s.By
	}
	return s.run.Requester
}

// Authority is the person on whose word the effect happens: the last who
// approved, else who asked for it.
func (s *Step) Authority() string {
	if s.Approval != nil && s.Approval.State != ApprovalVoided {
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
