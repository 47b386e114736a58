package chatops

import (
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// who names an actor: "Alice (alice)".
func who(a engine.Actor) string {
	switch {
	case a.Type == engine.System:
		return "firebreak"
	case a.Name != "" && a.ID != "" && a.Name != a.ID:
		return line(a.Name, 60) + " (" + line(a.ID, 60) + ")"
	case a.ID != "":
		return line(a.ID, 60)
	case a.Name != "":
		return line(a.Name, 60)
	}
	return "somebody unknown"
}

// names lists whom an approval asks: "group security-leads or person alice".
func names(from []string) string {
	var list []string
	for _, f := range from {
		kind, name, ok := strings.Cut(f, ":")
		switch {
		case !ok:
			list = append(list, line(f, 60))
		case kind == "person":
			list = append(list, line(name, 60))
		default:
			list = append(list, line(kind, 20)+" "+line(name, 60))
		}
	}
	if len(list) == 0 {
		return "nobody"
	}
	return enough(list, 8)
}

// mark is the sign in front of a step.
func mark(s engine.StepStatus) string {
	switch s {
	case engine.StepDone:
		return "✓"
	case engine.StepFailed, engine.StepRefused:
		return "✗"
	case engine.StepSkipped, engine.StepCancelled:
		return "–"
	case engine.StepWaiting:
		return "·"
	case engine.StepAwaiting, engine.StepManual:
		return "?"
	case engine.StepDoubt, engine.StepOnHold:
		return "!"
	case engine.StepRetrying:
		return "↻"
	}
	return "…"
}

// title is the step's id and, when it says more, its name.
func title(s *engine.Step) string {
	if n := s.Def.Name(); n != s.ID {
		return s.ID + " · " + line(n, 80)
	}
	return s.ID
}

// state tells in one line where a step stands.
func state(s *engine.Step, now time.Time) string {
	switch s.Status {
	case engine.StepAwaiting:
		if a := s.Approval; a != nil {
			return fmt.Sprintf("waits for %s, %d of %d approved%s, until %s", names(a.From), a.Approvals(), a.Quorum, signedOnly(a), moment(a.Expires.Time, now))
		}
	case engine.StepChecking:
		if s.Approval != nil && s.Approval.Glass != nil {
			return "the glass was broken; the plan is read once more"
		}
		return "approved; the plan is read once more"
	case engine.StepRunning:
		if a := latest(s); a != nil {
			return fmt.Sprintf("attempt %d is in flight, until %s at the latest", a.N, moment(a.Deadline, now))
		}
	case engine.StepRetrying:
		if !s.Due.IsZero() {
			return "tries again at " + moment(s.Due, now) + because(s)
		}
		return "tries again" + because(s)
	case engine.StepDoubt:
		if a := latest(s); a != nil {
			return fmt.Sprintf("in doubt: attempt %d may have taken effect (%s)", a.N, line(a.Doubt, 160))
		}
	case engine.StepVerifying:
		return "it ran; the effect is being read back"
	case engine.StepManual:
		return "a person has to do it" + until(s, now)
	case engine.StepSleeping:
		return "waits until " + moment(s.Due, now)
	case engine.StepPlanning:
		if parked(s) {
			return "planned; people are asked about all items at once"
		}
	case engine.StepProgress:
		return progress(s)
	case engine.StepOnHold:
		return "held for a decision: " + line(s.Why, 200)
	case engine.StepDone:
		if text := lasting(s, now); text != "" {
			if n := len(s.Children()); n > 0 {
				return "done (" + count(s).String() + "); " + text
			}
			return "done; " + text
		}
		switch {
		case looped(s) && !s.Undone():
			return "done: " + count(s).String()
		case s.Undone():
			return "done, and taken back by " + s.UndoneBy.ID
		case s.Reading != nil && s.Reading.Detail != "":
			return "done, proven: " + line(s.Reading.Detail, 160)
		case strings.HasPrefix(s.Why, "done "):
			return line(s.Why, 160)
		case s.Why != "":
			return "done: " + line(s.Why, 160)
		}
		return "done"
	case engine.StepSkipped:
		switch {
		case s.If != "" && strings.HasPrefix(s.Why, "its list is empty"):
			return "skipped, the list matches nothing: " + line(s.If, 160)
		case s.If != "":
			return "skipped, its condition was false: " + line(s.If, 160)
		}
	}
	if s.Status.Ended() && s.Why != "" {
		return string(s.Status) + ": " + line(s.Why, 240)
	}
	return string(s.Status)
}

// signedOnly is said of an approval that counts signatures.
func signedOnly(a *engine.Approval) string {
	if a.StepUp {
		return " (a yes needs a signature)"
	}
	return ""
}

func because(s *engine.Step) string {
	if s.Failure != nil && s.Failure.Message != "" {
		return ": " + line(s.Failure.Message, 160)
	}
	return ""
}

func latest(s *engine.Step) *engine.Attempt {
	if len(s.Attempts) == 0 {
		return nil
	}
	return s.Attempts[len(s.Attempts)-1]
}

// adds says in words what a step that adds to the record does to its target.
func adds(def *runbooks.Step) string {
	if def.Copies() {
		return "only adds to the record, and what is there stays as it is"
	}
	return "adds to the record, and leaves a trace on its target that cannot be taken back"
}

// effect says in words what a step does to its target.
func effect(s *engine.Step) string {
	undoable := s.Def.CanUndo && (s.Preview == nil || s.Preview.NoUndo == "")
	if s.Def.Adds {
		return "record: it " + adds(s.Def)
	}
	switch s.Def.Effect {
	case actions.Read:
		return "read: it only looks, nothing is changed"
	case actions.Reversible:
		if s.Undoes != nil {
			return "undo: it takes back what step " + s.Undoes.ID + " did"
		}
		if undoable {
			return "reversible: it can be taken back with undo"
		}
		return "reversible: it can be taken back, but not by firebreak"
	case actions.Destructive:
		if undoable {
			return "destructive: what it breaks may stay broken; undo takes back what it can"
		}
		return "destructive: it cannot be taken back"
	}
	if s.Def.Manual != nil {
		return "manual: a person does it"
	}
	return "not declared"
}

// short cuts a digest to what people compare.
func short(digest string) string { return digest[:min(12, len(digest))] }
