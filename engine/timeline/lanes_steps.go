package timeline

import (
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// effectLook is how an attempt looks.
func effectLook(effect string) look {
	switch actions.Effect(effect) {
	case actions.Read:
		return lookRead
	case actions.Reversible:
		return lookRev
	}
	return lookDes // not known: fear the worst
}

// takeStep draws what happened to a step.
func (c *chart) takeStep(r *Row) {
	l, key, at := c.lane(r.Run, r.Step), r.Run+"/"+r.Step, r.At.Time
	s := c.live[key]
	if s == nil {
		s = &state{}
		c.live[key] = s
	}
	end := func(from *time.Time, k look, words string) {
		c.bar(l, *from, at, k, words)
		*from = time.Time{}
	}
	switch r.Type {
	case string(engine.ApprovalRequested{}.Kind()):
		s.ask = at
	case string(engine.ApprovalClosed{}.Kind()):
		end(&s.ask, lookAsk, "waited for people: "+r.Text)
		if r.Outcome != string(engine.ApprovalGranted) && !l.crowded {
			c.point(l, at, lookNo, "", timed(r)+r.Text)
		}
	case string(engine.GlassBroken{}.Kind()):
		c.point(l, at, lookGlass, "glass broken", timed(r)+r.Text)
		l.weight = 4
	case string(engine.EffectIntent{}.Kind()):
		s.attempt, s.effect, s.doubt = at, effectLook(r.Details["effect"]), time.Time{}
		if l.sub == "" {
			l.sub = r.Details["action"]
		}
		if s.effect != lookRead {
			l.weight = max(l.weight, 2)
		}
	case string(engine.EffectOutcome{}.Kind()):
		k := s.effect
		switch r.Outcome {
		case OutcomeFailed:
			k = lookFail
			l.weight = max(l.weight, 3)
		case OutcomeDoubt:
			s.doubt = at
		}
		if k == "" {
			k = lookDes
		}
		end(&s.attempt, k, r.Text)
		s.done = at
	case string(engine.EffectInDoubt{}.Kind()):
		if s.doubt.IsZero() {
			s.doubt = at
		}
		end(&s.attempt, s.effect, r.Text)
		l.weight = 4
	case string(engine.EffectProbed{}.Kind()), string(engine.EffectResolved{}.Kind()):
		if r.Outcome != string(actions.FoundUnknown) {
			end(&s.doubt, lookDoubt, "in doubt until: "+r.Text)
			end(&s.held, lookHeld, "waited for a decision")
			s.done = at
		}
	case string(engine.EffectVerified{}.Kind()):
		k := lookProof
		if r.Outcome != string(actions.Verified) {
			k = lookNo
			l.weight = max(l.weight, 3)
		}
		if s.done.IsZero() {
			s.done = at
		}
		end(&s.done, k, r.Text)
	case string(engine.StepHeld{}.Kind()):
		s.held = at
		l.weight = max(l.weight, 3)
	case string(engine.RetryRequested{}.Kind()), string(engine.SkipRequested{}.Kind()):
		end(&s.held, lookHeld, "waited for a decision: "+r.Text)
		end(&s.doubt, lookDoubt, "in doubt until: "+r.Text)
	case string(engine.ManualAsked{}.Kind()):
		s.hand = at
		l.sub = "by hand"
	case string(engine.ManualDone{}.Kind()):
		end(&s.hand, lookHand, r.Text)
	case string(engine.WaitStarted{}.Kind()):
		s.wait = at
		l.sub = "waits"
	case string(engine.StepEntered{}.Kind()):
		l.sub = "calls a runbook"
	case string(engine.StepEnded{}.Kind()):
		c.stepEnded(l, s, r, end)
		delete(c.live, key)
	}
}

func (c *chart) stepEnded(l *lane, s *state, r *Row, end func(*time.Time, look, string)) {
	end(&s.wait, lookWait, "let time pass")
	end(&s.hand, lookHand, r.Text)
	end(&s.held, lookHeld, "waited for a decision")
	end(&s.doubt, lookDoubt, "in doubt until: "+r.Text)
	end(&s.ask, lookAsk, "waited for people")
	if l.statusOf != nil {
		l.statusOf[r.Outcome]++
		return
	}
	if l.crowded && r.Step != l.id {
		if r.Outcome == string(engine.StepFailed) || r.Outcome == string(engine.StepRefused) {
			c.point(l, r.At.Time, lookNo, "", timed(r)+r.Text)
			l.weight = 4
		}
		return
	}
	l.status = r.Outcome
	switch engine.StepStatus(r.Outcome) {
	case engine.StepDone:
		l.look = lookProof
	case engine.StepSkipped, engine.StepCancelled:
		l.look = lookGone
		c.point(l, r.At.Time, lookGone, "", timed(r)+r.Text)
	default:
		l.look = lookFail
		l.weight = max(l.weight, 3)
		c.point(l, r.At.Time, lookNo, "", timed(r)+r.Text)
	}
}
