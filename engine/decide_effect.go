package engine

import (
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// decideOutcome follows the answer of an attempt.
func (s *Step) decideOutcome() Body {
	a := s.last()
	if a == nil || a.Open() || a.Outcome.Failure == nil {
		return nil
	}
	f := *a.Outcome.Failure
	if f.Class == actions.Unknown && s.Def.Effect != actions.Read {
		return EffectInDoubt{Attempt: a.N, Reason: f.Message}
	}
	again := f.Class == actions.Transient || f.Class == actions.Throttled || f.Class == actions.Unknown
	if again && s.Def.Repeat != actions.Once {
		if next := s.again(f.Message); next != nil {
			return next
		}
		if tried := len(s.Attempts) - s.budget; s.Def.Total > 0 && tried < s.Def.Retry.Attempts && s.mayStart() {
			f.Message += fmt.Sprintf("; of its %s in all no time is left for another attempt", time.Duration(s.Def.Total))
		}
	}
	return s.fail(f)
}

// again schedules a further attempt when the bounds allow one.
func (s *Step) again(why string) Body {
	tried := len(s.Attempts) - s.budget
	due := s.dueIn(s.backoff(tried + 1))
	if tried < s.Def.Retry.Attempts && s.mayStart() && !s.over(due.Time) {
		return RetryScheduled{Attempt: len(s.Attempts) + 1, Due: due, Why: why}
	}
	return nil
}

// over says whether the step's time in all is used up at a moment.
func (s *Step) over(at time.Time) bool {
	return s.Def.Uses != "" && s.Def.Total > 0 && !s.began.IsZero() && !at.Before(s.began.Add(time.Duration(s.Def.Total)))
}

// within cuts a time limit to what is left of the step's time in all.
func (s *Step) within(limit time.Duration) time.Duration {
	if s.Def.Uses == "" || s.Def.Total == 0 || s.began.IsZero() {
		return limit
	}
	left := s.began.Add(time.Duration(s.Def.Total)).Sub(s.run.incident.Now)
	return max(time.Second, min(limit, left))
}

// decideDoubt goes on from an attempt whose outcome is not known: by what the
// action declares, and never by hope.
func (s *Step) decideDoubt() Body {
	if !s.settled {
		return nil
	}
	a := s.last()
	switch repeat := s.Def.Repeat; {
	case s.Def.Effect == actions.Read, repeat.Again():
		if s.Def.Effect == actions.Read && !s.mayStart() {
			return s.fail(Failure{Class: actions.Unknown, Message: a.Doubt}) // nobody has to find out what a read did
		}
		if s.mayStart() && s.doubts <= maxDoubts && !s.over(s.run.incident.Now) {
			return s.intent()
		}
	case repeat == actions.Probe && a.Found == "":
		return nil // the target is being asked
	case repeat == actions.Probe && a.Found == actions.NotApplied:
		if !s.mayStart() {
			return s.fail(Failure{Class: actions.Transient, Message: "it had no effect, and the run is ending"})
		}
		if s.doubts <= maxDoubts && !s.over(s.run.incident.Now) {
			return s.intent()
		}
		return s.fail(Failure{Class: actions.Transient, Message: fmt.Sprintf("%d attempts had no effect", s.doubts)})
	}
	return s.hold(HeldDoubt, fmt.Sprintf("attempt %d may have taken effect: %s", a.N, a.Doubt))
}

func (s *Step) decideVerified() Body {
	if s.Def.Verify == nil {
		return StepEnded{Status: StepDone}
	}
	if s.Reading == nil {
		return nil
	}
	if s.Reading.Verdict == actions.Verified {
		return StepEnded{Status: StepDone, Reason: s.Reading.Detail}
	}
	why := fmt.Sprintf("it ran, but its effect is not proven (%s): %s", s.Reading.Verdict, s.Reading.Detail)
	if s.Def.Repeat.Again() {
		if next := s.again(why); next != nil {
			return next
		}
	}
	return s.fail(Failure{Class: actions.Precondition, Message: why})
}
