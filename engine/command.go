package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Command is something owed to the world at this moment. Commands are derived
// from the state and never stored: those of a replayed incident are exactly
// its unfinished work. Ref is stable, so that a host starts each only once.
type Command interface{ Ref() string }

// Task is the part that commands for actions share.
type Task struct {
	Run, Step string
	Action    string
	Undo      bool // use the action's undo side
	Params    json.RawMessage
	Result    json.RawMessage // of the effective attempt; for verify and undo
	Call      actions.Call
}

// The commands.
type (
	// PlanStep reads the target. Its end is StepPlanned or PlanFailed with N.
	PlanStep struct {
		Task
		N int
	}
	// RunEffect starts attempt Call.Attempt. Its end is EffectOutcome.
	RunEffect struct {
		Task
		Timeout time.Duration
	}
	// ProbeEffect asks the target about an attempt in doubt. Its end is EffectProbed.
	ProbeEffect struct{ Task }
	// VerifyEffect reads the effect back until it is proven or Within has
	// passed. Its end is EffectVerified.
	VerifyEffect struct {
		Task
		Within time.Duration
		Settle time.Duration
	}
	// Wake asks for TimerFired at a time.
	Wake struct {
		Run, Step string
		Timer     string
		At        time.Time
	}
	// OpenChannel asks for a chat channel. Its end is ChannelBound.
	OpenChannel struct{}
	// PostMessage asks for a message. Its end is MessagePosted.
	PostMessage struct{ Message string }
	// CloseMessage asks for an answered ask to lose its buttons. Its end is MessageClosed.
	CloseMessage struct{ Post Post }
)

// Ref names the reading.
func (c PlanStep) Ref() string { return fmt.Sprintf("plan/%s/%s/%d", c.Run, c.Step, c.N) }

// Ref names the attempt.
func (c RunEffect) Ref() string { return fmt.Sprintf("run/%s/%s/%d", c.Run, c.Step, c.Call.Attempt) }

// Ref names the probe of the attempt.
func (c ProbeEffect) Ref() string {
	return fmt.Sprintf("probe/%s/%s/%d", c.Run, c.Step, c.Call.Attempt)
}

// Ref names the proof of the attempt.
func (c VerifyEffect) Ref() string {
	return fmt.Sprintf("verify/%s/%s/%d", c.Run, c.Step, c.Call.Attempt)
}

// Ref names the timer and its time.
func (c Wake) Ref() string {
	return fmt.Sprintf("wake/%s/%s/%s/%d", c.Run, c.Step, c.Timer, c.At.UnixMicro())
}

// Ref names the channel.
func (OpenChannel) Ref() string { return "channel" }

// Ref names the message.
func (c PostMessage) Ref() string { return "post/" + c.Message }

// Ref names the message.
func (c CloseMessage) Ref() string { return "close/" + c.Post.Ref }

// Commands lists what is owed now, in a fixed order. Its cost depends on what
// is unfinished, not on how much there is in all. A host that follows an
// incident fact by fact asks [Incident.Moved] and [Incident.Messages] instead.
func (i *Incident) Commands() []Command {
	var list []Command
	for _, s := range i.active {
		if s != nil {
			list = append(list, s.Commands()...)
		}
	}
	return append(list, i.Messages()...)
}

// Moved gives the steps whose commands may be others than when it was last
// asked, in the order in which they moved. What one fact moves does not depend
// on how many steps there are.
func (i *Incident) Moved() []*Step {
	list := i.moved
	for _, s := range list {
		s.moved = false
	}
	i.moved = nil
	return list
}

// Messages lists what is owed to the chat now.
func (i *Incident) Messages() []Command {
	var list []Command
	if i.Channel == nil {
		if !i.Resolved {
			list = append(list, OpenChannel{})
		}
		return list
	}
	post := func(ref string) {
		if i.Posts[ref] == nil {
			list = append(list, PostMessage{Message: ref})
		}
	}
	post("card")
	if i.Drill != nil {
		for _, ref := range i.Drill.messages() {
			post(ref)
		}
	}
	for _, a := range i.owed {
		switch p := i.Posts[a.Ref()]; {
		case p == nil:
			post(a.Ref())
		case a.Closed:
			list = append(list, CloseMessage{Post: *p})
		case a.Reminders() > 0:
			post(a.ReminderRef())
		}
	}
	for _, r := range i.Runs {
		if r.Status.Ended() {
			post(r.EndRef())
		}
	}
	return list
}

// ReminderRef is the reference of the latest reminder of a question.
func (a *Ask) ReminderRef() string { return fmt.Sprintf("remind:%s.%d", a.ID, a.Reminders()) }

// EndRef is the reference of the message that tells a run's end.
func (r *Run) EndRef() string {
	if r.ends > 1 {
		return fmt.Sprintf("end:%s.%d", r.ID, r.ends)
	}
	return "end:" + r.ID
}

// Commands lists what is owed to this step, and by it, now.
func (s *Step) Commands() []Command {
	var list []Command
	wake := func(timer string, at time.Time) {
		list = append(list, Wake{Run: s.run.ID, Step: s.ID, Timer: timer, At: at})
	}
	a := s.last()
	switch s.Status {
	case StepPlanning, StepChecking:
		if s.planOwed {
			list = append(list, PlanStep{Task: s.task(), N: s.plans + 1})
		}
	case StepAwaiting:
		if s.Approval.State == ApprovalOpen {
			wake(timerExpire+":"+s.Approval.ID, s.Approval.Expires.Time)
			if !s.Approval.escalated && !s.Approval.EscalateAt.IsZero() {
				wake(timerEscalate+":"+s.Approval.ID, s.Approval.EscalateAt.Time)
			}
			if !s.Approval.remindAt.IsZero() {
				wake(timerRemind+":"+s.Approval.ID, s.Approval.remindAt)
			}
		}
	case StepSleeping:
		if !s.due {
			wake(timerWait, s.Due)
		}
	case StepManual:
		if !s.Due.IsZero() {
			wake(timerTotal, s.Due)
		}
	case StepRunning:
		if a.Open() {
			list = append(list, RunEffect{Task: s.task(), Timeout: a.Deadline.Sub(a.At)})
		}
	case StepRetrying:
		if !s.Due.IsZero() {
			wake(timerRetry, s.Due)
		}
	case StepDoubt:
		if !s.settled {
			wake(timerSettle, s.Due)
		} else {
			list = append(list, ProbeEffect{Task: s.task()})
		}
	case StepVerifying:
		if s.Def.Verify == nil {
			break // it ends by itself
		}
		list = append(list, VerifyEffect{Task: s.task(), Within: s.within(time.Duration(s.Def.Verify.Within)), Settle: time.Duration(s.Def.Settle)})
	}
	if s.InForce() && !s.Containment.fired {
		wake(timerContain, s.Containment.Until)
	}
	for _, g := range s.glasses {
		if g.owed() {
			wake(timerReview+":"+g.ID, g.Due)
		}
	}
	return list
}

func (s *Step) task() Task {
	params, result, state := s.input()
	of := s
	if s.Undoes != nil { // an action knows what it did by the key, the step and the time under which it did it
		of = s.Undoes
	}
	t := Task{
		Run: s.run.ID, Step: s.ID, Action: s.Def.Uses, Undo: s.Undoes != nil, Params: params, Result: result,
		Call: actions.Call{
			Key: of.Key(), Incident: s.run.incident.ID, Run: s.run.ID, Step: of.ID, Attempt: len(s.Attempts),
			Environment: s.run.Environment.Name, Actor: s.Authority(), Started: of.started, State: state, Evidence: s.Def.Evidence,
		},
	}
	if len(s.Attempts) == 0 && s.Undoes == nil {
		t.Call.State = nil // a plan that comes before any change captures it anew
	}
	return t
}
