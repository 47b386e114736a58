package timeline

import (
	"fmt"
	"strconv"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// tellEffect tells of effects, from intent to proof.
func (f *fold) tellEffect(row *Row, e engine.Event, s *step) bool {
	row.Kind, row.Targets = Act, s.targets
	switch b := e.Body.(type) {
	case engine.EffectIntent:
		f.intended(row, s, b)
	case engine.EffectOutcome:
		f.outcome(row, s, b)
	case engine.EffectInDoubt:
		s.flight, s.doubt, s.why = 0, b.Attempt, b.Reason
		s.outcome(OutcomeDoubt, row.At)
		row.Attempt, row.Outcome = b.Attempt, OutcomeDoubt
		row.Text = fmt.Sprintf("IN DOUBT: nobody knows whether attempt %d of %s took effect%s", b.Attempt, s.verb(), because(b.Reason))
	case engine.EffectProbed:
		row.Attempt, row.Outcome = b.Attempt, string(b.Found)
		row.Text = fmt.Sprintf("the target was asked about attempt %d of %s: %s%s", b.Attempt, s.verb(), foundWords(b.Found), because(b.Detail))
		row.detail("result_sha256", digestOf(b.Result.Value))
		s.settle(b.Found, row.At)
	case engine.EffectResolved:
		f.did(row.Actor, "resolved doubts")
		found := actions.NotApplied
		if b.Applied {
			found = actions.Applied
		}
		row.Attempt, row.Outcome = b.Attempt, string(found)
		row.Text = fmt.Sprintf("%s confirmed that attempt %d of %s %s%s", row.Actor.Who(), b.Attempt, s.verb(), foundWords(found), because(b.Reason))
		row.detail("reason", b.Reason)
		s.held = ""
		s.settle(found, row.At)
	case engine.EffectLate:
		o := b.Outcome
		row.Attempt, row.Refs, row.Millis, row.Outcome = b.Attempt, o.Requests, o.Millis, "late"
		row.detail("late_outcome", outcomeOf(o))
		row.Text = fmt.Sprintf("LATE: attempt %d of %s answered after it was given up: %s", b.Attempt, s.verb(), answerWords(o))
		row.detail("result_sha256", digestOf(o.Result.Value))
	case engine.EffectVerified:
		f.verified(row, s, b)
	default:
		return false
	}
	return true
}

func (f *fold) intended(row *Row, s *step, b engine.EffectIntent) {
	s.uses = b.Action
	if _, undo := s.undoes(); !undo || s.effect == "" {
		s.effect = b.Effect
	}
	s.flight, s.doubt = b.Attempt, 0
	if s.action == nil {
		origin, _ := s.undoes()
		s.action = &Action{Run: row.Run, Step: row.Step, Action: b.Action, Version: b.Version, Effect: b.Effect, Seq: row.Seq, At: row.At}
		if origin != s.id {
			s.action.UndoOf = origin
		}
		f.actions = append(f.actions, s.action)
	}
	a := s.action
	a.Attempts, a.Outcome, a.EndedAt, a.Authority = b.Attempt, OutcomeFlight, engine.Stamp{}, b.Actor
	a.Verified, a.Reading, a.UndoneBy, a.Targets = "", "", "", s.targets
	if !f.firstAct.came && b.Effect.AtLeast(actions.Reversible) {
		f.firstAct = moment{row.At.Time, row.Seq, true}
	}
	ask := f.byAsk[b.Approval]
	if ask != nil {
		ask.Verdict = string(engine.ApprovalConsumed)
	}
	a.Glass = ask != nil && ask.Glass

	row.Attempt, row.Outcome, row.Digest = b.Attempt, "started", b.Digest
	row.Text = fmt.Sprintf("%s started, attempt %d", s.verb(), b.Attempt)
	if b.Actor != "" {
		row.Text += ", on authority of " + b.Actor
	}
	if a.Glass {
		row.Text += ", without the quorum"
		row.glass()
	}
	row.detail("action", b.Action)
	row.detail("version", strconv.Itoa(b.Version))
	row.detail("effect", string(b.Effect))
	row.detail("key", string(b.Key))
	row.detail("approval", b.Approval)
	row.detail("on_authority", b.Actor)
}

func (f *fold) outcome(row *Row, s *step, b engine.EffectOutcome) {
	s.flight = 0
	row.Attempt, row.Refs, row.Millis, row.Outcome = b.Attempt, b.Requests, b.Millis, outcomeOf(b)
	row.Text = fmt.Sprintf("%s, attempt %d, %s", s.verb(), b.Attempt, answerWords(b))
	row.detail("result_sha256", digestOf(b.Result.Value))
	row.detail("epoch", strconv.FormatInt(b.Epoch, 10))
	s.outcome(outcomeOf(b), row.At)
	if s.action != nil {
		f.refer(s.action, b.Requests)
	}
	if b.Failure != nil {
		row.detail("class", string(b.Failure.Class))
		if b.Failure.Class == actions.Unknown && s.mutates() {
			s.doubt, s.why = b.Attempt, b.Failure.Message
		}
	}
}

func (f *fold) verified(row *Row, s *step, b engine.EffectVerified) {
	row.Attempt, row.Refs, row.Outcome = b.Attempt, b.Requests, string(b.Reading.Verdict)
	what := b.Reading.Detail
	if what == "" {
		what = "the effect of " + s.verb()
	}
	row.Text = fmt.Sprintf("read back: %s (%s, %s)", what, verdictOf(b.Reading.Verdict), count(b.Readings, "reading"))
	row.detail("readings", strconv.Itoa(b.Readings))
	if s.action != nil {
		s.action.Verified, s.action.Reading = string(b.Reading.Verdict), b.Reading.Detail
		f.refer(s.action, b.Requests)
	}
	if _, undo := s.undoes(); !undo && s.mutates() && b.Reading.Verdict == actions.Verified {
		f.contained, f.containAt = moment{row.At.Time, row.Seq, true}, s
		s.run.contained = row.At.Time
	}
}

// outcome writes how the latest attempt ended.
func (s *step) outcome(how string, at engine.Stamp) {
	if s.action != nil {
		s.action.Outcome, s.action.EndedAt = how, at
	}
}

// settle ends a doubt when the answer tells.
func (s *step) settle(found actions.Found, at engine.Stamp) {
	switch found {
	case actions.Applied:
		s.doubt = 0
		s.outcome(OutcomeDone, at)
	case actions.NotApplied:
		s.doubt = 0
		s.outcome(OutcomeFailed, at)
	}
}

// verb is the action in a sentence.
func (s *step) verb() string {
	name := s.uses
	if name == "" {
		name = s.name()
	} else if _, undo := s.undoes(); undo {
		name = "the undo of " + name
	}
	return name
}

func outcomeOf(o engine.EffectOutcome) string {
	switch {
	case o.Failure == nil:
		return OutcomeDone
	case o.Failure.Class == actions.Unknown:
		return OutcomeDoubt
	}
	return OutcomeFailed
}

func answerWords(o engine.EffectOutcome) string {
	said := "answered that it worked"
	switch {
	case o.Failure == nil:
	case o.Failure.Class == actions.Unknown:
		said = "gave no clear answer: " + failure(o.Failure)
	default:
		said = "FAILED: " + failure(o.Failure)
	}
	said += ", after " + span(time.Duration(o.Millis)*time.Millisecond)
	if len(o.Requests) > 0 {
		said += inBrackets(requestWords(o.Requests))
	}
	return said
}

func foundWords(found actions.Found) string {
	switch found {
	case actions.Applied:
		return "took effect"
	case actions.NotApplied:
		return "had no effect"
	}
	return "the answer does not tell"
}

func verdictOf(v actions.Verdict) string {
	switch v {
	case actions.NotVerified:
		return "NOT as it should be"
	case actions.CannotVerify:
		return "CANNOT be verified"
	case actions.Pending:
		return "not there yet"
	}
	return string(v)
}
