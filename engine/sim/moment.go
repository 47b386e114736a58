package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// moment is when an act happens, and as what.
type moment struct {
	ready    bool
	at       time.Time
	question string // id of what it answers; empty: nothing that comes again
	body     engine.Body
}

// about names the question an act answers.
func (m moment) about(act int) string { return fmt.Sprintf("%d/%s", act, m.question) }

// due says when an act happens as the incident stands. An act at a fixed time
// happens then even if there is nothing to do it about: the core will say so.
func (a *Act) due(i *engine.Incident, run *engine.Run) (m moment) {
	step, known := run.Step(a.Step)
	if known {
		m = a.on(i, step)
	}
	if a.Verb == Cancel {
		m = moment{ready: a.At == nil, at: run.StartedAt, question: run.ID, body: engine.CancelRequested{Reason: a.Reason}}
	}
	defer func() {
		if a.Verb == Extend {
			m.body = engine.ContainmentExtended{Until: engine.At(m.at.Add(a.For)), Reason: a.Reason}
		}
	}()
	if a.At != nil {
		m.ready, m.at = true, run.StartedAt.Add(*a.At)
		if m.body == nil {
			m.body = a.body(step, engine.Ask{})
		}
		if m.at.Before(i.Now) {
			m.at = i.Now
		}
		return m
	}
	after := a.After
	if after == 0 {
		after = DefaultThought
	}
	m.at = m.at.Add(after)
	if m.at.Before(i.Now) {
		m.at = i.Now
	}
	return m
}

// on says since when there is something to do about a step.
func (a *Act) on(i *engine.Incident, s *engine.Step) moment {
	ask := question(i, s, a.Verb == Review)
	since := func(at time.Time, id string) moment {
		return moment{ready: true, at: at, question: id, body: a.body(s, ask)}
	}
	ended := fmt.Sprintf("%s/%d", s.Status, s.EndedAt.UnixMicro())
	switch a.Verb {
	case Approve, Deny, BreakGlass:
		if ask.Type == engine.AskApproval {
			return since(ask.At, ask.ID)
		}
	case Review:
		if ask.ID != "" {
			return since(ask.At, ask.ID)
		}
	case AnswerStep:
		if ask.Type == engine.AskManual {
			return since(ask.At, ask.ID)
		}
	case Retry:
		if ask.Type == engine.AskHeld {
			return since(ask.At, ask.ID)
		}
		if s.Status == engine.StepFailed || s.Status == engine.StepRefused {
			return since(s.EndedAt, ended)
		}
	case Applied, NotApplied:
		if ask.Type == engine.AskHeld && s.Held == engine.HeldDoubt {
			return since(ask.At, ask.ID)
		}
	case Skip:
		if ask.ID != "" {
			return since(ask.At, ask.ID)
		}
	case Undo:
		if s.Undoable() {
			return since(s.EndedAt, ended)
		}
	case Extend, Keep, Lift:
		if ask.ID != "" && !slices.Contains([]engine.AskType{engine.AskApproval, engine.AskManual, engine.AskHeld}, ask.Type) {
			return since(ask.At, ask.ID)
		}
	}
	return moment{}
}

// question is the latest one about a step that is open. The review of a broken
// glass is about what was done, not about what becomes of the step: it is a
// question only to those who review.
func question(i *engine.Incident, s *engine.Step, review bool) engine.Ask {
	for _, a := range slices.Backward(i.Asks) {
		if a.Step == s && !a.Closed && (a.Type == engine.AskReview) == review {
			return *a
		}
	}
	return engine.Ask{}
}

// body is the fact of an act.
func (a *Act) body(s *engine.Step, ask engine.Ask) engine.Body {
	attempt := 0
	if s != nil {
		attempt = len(s.Attempts)
	}
	switch a.Verb {
	case Approve, Deny:
		return engine.Vote{Approval: ask.ID, Approve: a.Verb == Approve, Reason: a.Reason}
	case AnswerStep:
		return engine.ManualDone{Answer: a.With}
	case Retry:
		return engine.RetryRequested{NotApplied: a.Confirm, Reason: a.Reason}
	case Skip:
		return engine.SkipRequested{Reason: a.Reason}
	case Undo, Lift:
		return engine.UndoRequested{Reason: a.Reason}
	case Applied, NotApplied:
		return engine.EffectResolved{Attempt: attempt, Applied: a.Verb == Applied, Reason: a.Reason}
	case Cancel:
		return engine.CancelRequested{Reason: a.Reason}
	case Extend:
		return engine.ContainmentExtended{Reason: a.Reason} // until when follows from when it happens
	case Keep:
		return engine.ContainmentKept{Reason: a.Reason}
	case BreakGlass:
		target := ""
		if s != nil {
			target = s.GlassTargets()[0]
		}
		return engine.GlassBroken{Approval: ask.ID, Target: target, Reason: a.Reason}
	case Review:
		return engine.GlassReviewed{ID: ask.ID, Justified: a.With == Justified, Text: cmp.Or(a.Reason, DefaultFinding)}
	}
	panic("sim: no such verb: " + string(a.Verb))
}
