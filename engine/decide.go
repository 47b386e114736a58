package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Bounds of what is decided without a person.
const (
	maxReadings = 5 // readings of a target that fail before the step fails
	maxVoids    = 3 // approvals that may be void because the plan moved
	maxDoubts   = 3 // attempts in doubt that are followed by another one
)

// Decide gives the facts that follow now with nobody asked, or nothing when
// the incident is quiet. It gives those of one step or run at a time, since
// they may change what follows for the next.
func (i *Incident) Decide() []Event {
	for len(i.touched) > 0 {
		s := i.touched[0]
		if body := s.decide(); body != nil {
			return []Event{{At: i.Now, Actor: TheEngine, Run: s.run.ID, Step: s.ID, Body: body, Seq: -1}}
		}
		s.touched = false
		i.touched = i.touched[1:]
	}
	for len(i.stirred) > 0 {
		r := i.stirred[0]
		if e, ok := r.decide(); ok {
			e.At, e.Actor, e.Run, e.Seq = i.Now, TheEngine, r.ID, -1
			return []Event{e}
		}
		r.stirred = false
		i.stirred = i.stirred[1:]
	}
	return nil
}

// Advance applies a fact and everything that follows from it, and gives all of
// it in order: the batch that belongs into one transaction. On an error
// nothing was applied.
func (i *Incident) Advance(e Event) ([]Event, error) {
	if err := i.Apply(e); err != nil {
		return nil, err
	}
	return append([]Event{e}, i.Quiet()...), nil
}

// Quiet applies what follows until nothing does.
func (i *Incident) Quiet() []Event {
	var batch []Event
	for next := i.Decide(); len(next) > 0; next = i.Decide() {
		for _, e := range next {
			if err := i.Apply(e); err != nil {
				panic("engine: a decided fact does not follow: " + err.Error())
			}
			batch = append(batch, e)
		}
		if len(batch) > 1_000_000 {
			panic("engine: decisions without end")
		}
	}
	return batch
}

// decide gives the next fact of a step, or nil.
func (s *Step) decide() Body {
	if b := s.decideGlass(); b != nil {
		return b
	}
	if s.skip != nil && !s.Status.Ended() && s.Status != StepRunning {
		if s.asking() {
			return ApprovalClosed{ID: s.Approval.ID, Verdict: ApprovalWithdrawn, Reason: "the step is skipped"}
		}
		if s.inside() {
			return nil // its own steps end first
		}
		return StepEnded{Status: StepSkipped, Reason: "skipped by " + s.By.ID + ": " + s.skip.Reason}
	}
	if as, why := s.halting(); as != "" && s.idle() {
		if s.asking() {
			reason := "the run is ending"
			if s.run.Status == RunActive {
				reason = why
			}
			return ApprovalClosed{ID: s.Approval.ID, Verdict: ApprovalWithdrawn, Reason: reason}
		}
		if s.inside() {
			return nil
		}
		if n := len(s.Attempts); n > s.budget {
			return StepEnded{Status: StepFailed, Reason: fmt.Sprintf("given up after attempt %d: %s", n, why), Failure: s.Failure}
		}
		if as != StepCancelled {
			return StepEnded{Status: as, Reason: why}
		}
		return StepEnded{Status: StepCancelled, Reason: "not run: " + why}
	}
	if s.Def.Contains != nil {
		if b := s.decideContainment(); b != nil {
			return b
		}
	}
	switch s.Status {
	case StepWaiting:
		return s.decideTurn()
	case StepPlanning:
		return s.decidePlan()
	case StepAwaiting:
		return s.decideApproval()
	case StepChecking:
		return s.decideChecked()
	case StepRunning:
		return s.decideOutcome()
	case StepRetrying:
		if s.due {
			return s.intent()
		}
	case StepDoubt:
		return s.decideDoubt()
	case StepVerifying:
		return s.decideVerified()
	case StepManual:
		if s.answered {
			return StepEnded{Status: StepDone, Reason: "done by " + s.By.ID}
		}
		if s.overtime {
			return s.fail(Failure{Class: actions.Precondition, Message: fmt.Sprintf("nobody did it within %s", time.Duration(s.Def.Total))})
		}
	case StepSleeping:
		if s.due {
			return StepEnded{Status: StepDone}
		}
	case StepProgress:
		return s.decideProgress()
	case StepOnHold:
		if a := s.last(); s.Held == HeldDoubt && a != nil && a.Found == actions.NotApplied {
			return StepEnded{Status: StepFailed, Reason: "it had no effect, says " + s.By.ID}
		}
	}
	return nil
}

// idle says whether a stopping run may end the step: nothing of it is, or may
// be, in flight at the target.
func (s *Step) idle() bool {
	switch s.Status {
	case StepWaiting, StepPlanning, StepAwaiting, StepChecking, StepManual, StepRetrying, StepSleeping:
		return true
	case StepOnHold:
		return s.Held == HeldFailed
	}
	return false
}

func (s *Step) asking() bool {
	return s.Approval != nil && (s.Approval.State == ApprovalOpen || s.Approval.State == ApprovalGranted)
}

// decideTurn looks whether a waiting step may go, and evaluates its condition
// and arguments.
func (s *Step) decideTurn() Body {
	if s.pending > 0 || !s.mayStart() || s.run.incident.Resolved || !s.letIn() {
		return nil
	}
	if s.Undoes != nil {
		if s.Undoes.children != nil {
			return s.expandUndo()
		}
		return StepReady{Params: Large{Value: s.Undoes.Params}}
	}
	env := s.env()
	ready := StepReady{}
	if s.Def.If != nil {
		yes, readings, err := s.Def.If.Bool(env)
		if err != nil {
			return s.broken("the condition cannot be judged", err)
		}
		if !yes {
			return StepEnded{Status: StepSkipped, Reason: "its condition was false", If: s.Def.If.Source, Readings: readings}
		}
		ready.If, ready.Readings = s.condition(), readings
	}
	switch {
	case s.Def.ForEach != nil:
		return s.expandLoop(env, ready.Readings)
	case s.Def.Runbook != nil:
		return s.enterSubrun(env, ready.Readings)
	case s.Def.Wait != nil:
		return s.sleep(env, ready.Readings)
	}
	if s.Def.With != nil {
		v, err := s.Def.With.Resolve(env)
		if err != nil {
			return s.broken("the arguments cannot be resolved", err)
		}
		data, err := json.Marshal(v)
		if err != nil {
			return s.broken("the arguments cannot be encoded", err)
		}
		ready.Params = Large{Value: data}
	}
	return ready
}

// condition is the source of the step's if, or empty.
func (s *Step) condition() string {
	if s.Def.If == nil {
		return ""
	}
	return s.Def.If.Source
}

// inside says whether steps of its own have not ended.
func (s *Step) inside() bool { return s.children != nil && s.children.open() }

// sleep decides until when a step lets time pass.
func (s *Step) sleep(env runbooks.Env, readings []runbooks.Reading) Body {
	until := s.dueIn(time.Duration(s.Def.Wait.For))
	if s.Def.Wait.Until != nil {
		seconds, more, err := s.Def.Wait.Until.Number(env)
		readings = append(readings, more...)
		if err != nil {
			return s.broken("the time to wait for cannot be worked out", err)
		}
		until = At(time.Unix(seconds, 0))
	}
	switch now := s.run.incident.Now; {
	case until.Sub(now) > MaxWait:
		return s.broken("it would wait too long", fmt.Errorf("%s is more than %s from now", until.Format(time.RFC3339), MaxWait))
	case !until.After(now):
		return StepEnded{Status: StepDone, Reason: "the time had come already", If: s.condition(), Readings: readings}
	}
	return WaitStarted{Until: until, If: s.condition(), Readings: readings}
}

// MaxWait is the longest that one step lets pass.
const MaxWait = 30 * 24 * time.Hour

// broken ends a step whose expressions fail. Missing data is never false.
func (s *Step) broken(what string, err error) Body {
	return s.fail(Failure{Class: actions.Invalid, Message: what + ": " + err.Error()})
}

// local says whether the plan needs no reading of a target.
func (s *Step) local() bool { return s.Def.Uses == "" || s.Def.Effect == actions.Read }

func (s *Step) decidePlan() Body {
	if s.planOwed {
		if s.local() {
			return StepPlanned{N: s.plans + 1, Digest: s.PlanDigest(actions.Preview{})}
		}
		return nil
	}
	if !s.planned {
		return s.planFailed()
	}
	if target, ok := MatchProtected(s.run.Protected, s.Preview.Targets); ok {
		return s.fail(Failure{Class: actions.Precondition, Message: fmt.Sprintf("%s is protected in environment %q; nobody may touch it with a runbook", target, s.run.Environment.Name)})
	}
	if rule := s.rule(); rule != nil {
		if s.voids > maxVoids {
			return s.fail(Failure{Class: actions.Precondition, Message: fmt.Sprintf("the plan changed %d times while people were asked; find out what moves the target, then retry", s.voids)})
		}
		if s.shares() || s.parked {
			return nil // people are asked once, about it and its siblings
		}
		return s.askFor(rule)
	}
	return s.proceed()
}

// proceed goes on with what the plan says, after whatever approval it needs.
func (s *Step) proceed() Body {
	if s.Def.Manual == nil {
		return s.intent()
	}
	text, err := s.Def.Manual.Instructions.Resolve(s.env())
	if err != nil {
		return s.broken("the instructions cannot be resolved", err)
	}
	asked := ManualAsked{ID: s.opaque("manual", s.plans), Instructions: fmt.Sprint(text)}
	if len(asked.Instructions) > 2*MaxText {
		return s.broken("the instructions cannot be shown", fmt.Errorf("they have %d bytes and %d are read", len(asked.Instructions), 2*MaxText))
	}
	if s.Def.Total > 0 {
		asked.Until = s.dueIn(time.Duration(s.Def.Total))
	}
	return asked
}

// planFailed follows a reading that did not come about.
func (s *Step) planFailed() Body {
	switch f := s.Failure; {
	case f == nil:
		return nil
	case (f.Class == actions.Transient || f.Class == actions.Throttled || f.Class == actions.Unknown) && s.fails < maxReadings:
		return RetryScheduled{Attempt: len(s.Attempts) + 1, Due: s.dueIn(s.backoff(s.fails + 1)), Why: "the target could not be read: " + f.Message}
	default:
		return s.fail(Failure{Class: f.Class, Message: "the target could not be read: " + f.Message})
	}
}

func (s *Step) dueIn(d time.Duration) Stamp { return At(s.run.incident.Now.Add(d)) }

func (s *Step) decideApproval() Body {
	a := s.Approval
	now := s.run.incident.Now
	if a.State == ApprovalOpen {
		if no := a.denied(); no != nil {
			return ApprovalClosed{ID: a.ID, Verdict: ApprovalDenied, Reason: "denied by " + no.Actor.ID + ": " + no.Reason}
		}
		switch {
		case a.Glass != nil:
			return ApprovalClosed{ID: a.ID, Verdict: ApprovalGranted, Reason: fmt.Sprintf("the glass was broken by %s with %d of %d approvals: %s", a.Glass.By.ID, a.Approvals(), a.Quorum, a.Glass.Broken.Reason)}
		case !now.Before(a.Expires.Time):
			return ApprovalClosed{ID: a.ID, Verdict: ApprovalExpired, Reason: fmt.Sprintf("%d of %d people approved in time", a.Approvals(), a.Quorum)}
		case a.Approvals() >= a.Quorum:
			return ApprovalClosed{ID: a.ID, Verdict: ApprovalGranted}
		case !a.escalated && !a.EscalateAt.IsZero() && !now.Before(a.EscalateAt.Time):
			return ApprovalEscalated{ID: a.ID, To: a.EscalateTo}
		case !a.remindAt.IsZero() && !now.Before(a.remindAt):
			return s.remind()
		}
		return nil
	}
	if s.inside() && s.children.halted != "" {
		return nil // its own steps end first
	}
	if a.State != ApprovalDenied && a.State != ApprovalExpired {
		return nil
	}
	if s.Def.OnRefused == runbooks.Ask {
		return s.hold(HeldFailed, "refused: "+s.Why)
	}
	return StepEnded{Status: StepRefused, Reason: s.Why}
}

// decideChecked compares the plan that was approved with the one at hand.
func (s *Step) decideChecked() Body {
	a := s.Approval
	if s.planOwed {
		if s.local() {
			return StepPlanned{N: s.plans + 1, Digest: s.PlanDigest(actions.Preview{})}
		}
		return nil
	}
	switch {
	case !s.planned:
		return s.planFailed()
	case s.Digest != a.Digest:
		return ApprovalClosed{ID: a.ID, Verdict: ApprovalVoided, Changed: a.changed(s), Reason: "the plan is different now"}
	case !s.run.incident.Now.Before(a.Expires.Time):
		return ApprovalClosed{ID: a.ID, Verdict: ApprovalVoided, Changed: []string{"the time"}, Reason: "it expired before it was used"}
	}
	return s.proceed()
}

// intent writes down that an effect is about to start.
func (s *Step) intent() Body {
	b := EffectIntent{
		Attempt: len(s.Attempts) + 1, Key: s.Key(), Action: s.Def.Uses, Version: s.Def.ActionVersion, Effect: s.Def.Effect,
		Digest: s.Digest, Actor: s.Authority(), Deadline: s.dueIn(s.within(time.Duration(s.Def.Timeout))),
	}
	if s.Approval != nil && s.Approval.State == ApprovalGranted {
		b.Approval = s.Approval.ID
	}
	return b
}

// fail ends a step, or holds it for a person where the runbook says so.
func (s *Step) fail(f Failure) Body {
	if s.asking() {
		return ApprovalClosed{ID: s.Approval.ID, Verdict: ApprovalWithdrawn}
	}
	if s.Def.OnFailure == runbooks.Ask {
		return s.hold(HeldFailed, f.Message)
	}
	return StepEnded{Status: StepFailed, Reason: f.Message, Failure: &f}
}

func (s *Step) hold(why HoldReason, message string) Body {
	return StepHeld{ID: s.opaque("held", len(s.run.incident.Asks)), Why: why, Message: message}
}

// Doubtful gives the facts that follow when the process that ran the effects
// is gone: every attempt whose outcome is owed is in doubt, even one that was
// perhaps never started.
func (i *Incident) Doubtful(reason string) []Event {
	var list []Event
	for _, s := range i.active {
		if s == nil {
			continue
		}
		if a := s.running(); a != nil {
			list = append(list, Event{Actor: TheEngine, Run: s.run.ID, Step: s.ID, Body: EffectInDoubt{Attempt: a.N, Reason: reason}, Seq: -1})
		}
	}
	return list
}
