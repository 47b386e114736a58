package engine

import (
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

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
	case b.Digest != s.Digest:
		return s.contradicts(e, "it does something else than what was planned")
	case !s.mayStart() && s.run.Status == RunActive:
		_, why := s.halting()
		return s.contradicts(e, "nothing more of it may begin: %s", why)
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
	if !s.letIn() {
		return s.contradicts(e, "as many items of its loop are in flight as may be")
	}
	s.consume()
	if s.started.IsZero() {
		s.started = e.At
	}
	if s.began.IsZero() {
		s.began = e.At
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
	case a.Glass == nil && a.Approvals() < rule.Quorum:
		return s.contradicts(e, "%d of %d people approved", a.Approvals(), rule.Quorum)
	case rule.StepUp && !a.StepUp:
		return s.contradicts(e, "it was approved without the signatures that it needs")
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
		if p := s.Parent; p != nil && p.Approval != nil && p.Approval.ID == s.Approval.ID && p.Approval.State == ApprovalGranted {
			p.Approval.State = ApprovalConsumed
		}
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
	// A request of a process that is gone may still be landing. Where the target will be asked what happened, an answer
	// that comes too early would be believed, so it is asked only after the time in which the attempt itself had to end.
	from := e.At
	if s.Def.Repeat == actions.Probe && a.Deadline.After(from) {
		from = a.Deadline
	}
	s.Status, s.Due = StepDoubt, from.Add(time.Duration(s.Def.Settle))
	s.settled = !s.Due.After(e.At)
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
