package engine_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// promises looks at an incident that is quiet, as a stranger would who knows
// what was promised and nothing of how it is kept.
func promises(i *engine.Incident) []string {
	var broken []string
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	asked := map[*engine.Step]map[engine.AskType]bool{}
	for _, a := range i.Asks {
		if !a.Closed {
			if asked[a.Step] == nil {
				asked[a.Step] = map[engine.AskType]bool{}
			}
			asked[a.Step][a.Type] = true
		}
	}
	wakes := map[string]bool{}
	rest := true
	for _, run := range i.Runs {
		rest = rest && run.Status.Ended()
		for s := range run.All() {
			if s.Undoes != nil && !s.Status.Ended() {
				rest = false
			}
		}
	}
	for _, c := range i.Commands() {
		switch c := c.(type) {
		case engine.Wake:
			wakes[c.Step+" "+c.Timer] = true
			if rest && c.Timer != "contain" && !strings.HasPrefix(c.Timer, "review:") {
				say("all is over and %s is owed", c.Ref())
			}
		case engine.OpenChannel, engine.PostMessage, engine.CloseMessage:
		default:
			if rest {
				say("all is over and %s is owed", c.Ref())
			}
		}
	}
	for _, run := range i.Runs {
		for s := range run.All() {
			open := 0
			for _, a := range s.Attempts {
				if a.Open() {
					open++
				}
			}
			switch {
			case open > 1:
				say("step %s has %d attempts in flight", s.ID, open)
			case open > 0 && s.Status != engine.StepRunning:
				say("step %s is %s while an attempt is in flight", s.ID, s.Status)
			case run.Status.Ended() && s.Undoes == nil && !s.Status.Ended():
				say("run %s is %s and step %s is %s", run.ID, run.Status, s.ID, s.Status)
			case s.Status == engine.StepOnHold && !asked[s][engine.AskHeld],
				s.Status == engine.StepManual && !asked[s][engine.AskManual],
				s.Status == engine.StepAwaiting && !asked[s][engine.AskApproval]:
				say("step %s is %s and nobody is asked", s.ID, s.Status)
			}
			if s.Status.Ended() {
				for _, c := range s.Children() {
					if !c.Status.Ended() {
						say("step %s is %s and its step %s is %s", s.ID, s.Status, c.ID, c.Status)
					}
				}
			}
			if n, most := atWork(s); n > most {
				say("%d items of %s are at work and %d may be", n, s.ID, most)
			}
			if s.Undoes == nil && s.Index == 0 && s.Def.Contains != nil && s.Status.Ended() && inEffect(s) && (s.Containment == nil || !s.Containment.Kept && !s.InForce()) {
				say("step %s contains something and nobody knows until when", s.ID)
			}
			for _, g := range s.Glasses() {
				if reviewed := i.Asks[slices.IndexFunc(i.Asks, func(a *engine.Ask) bool { return a.Glass == g })].Closed; reviewed != (g.Review != nil) {
					say("the glass at step %s is reviewed=%v and its question is closed=%v", s.ID, g.Review != nil, reviewed)
				}
				if g.Review == nil && !g.Overdue() && !wakes[s.ID+" review:"+g.ID] {
					say("nobody will be told that the review of step %s is overdue", s.ID)
				}
			}
			if s.InForce() && !wakes[s.ID+" contain"] && !asked[s][engine.AskContainment] {
				say("step %s contains something and nobody will be asked", s.ID)
			}
		}
	}
	return broken
}

// inEffect says whether something of the step was done and not taken back.
func inEffect(s *engine.Step) bool {
	for _, c := range s.Children() {
		if inEffect(c) {
			return true
		}
	}
	return s.Status == engine.StepDone && len(s.Children()) == 0 && !s.Undone()
}

// atWork counts the items of a loop with something in flight.
func atWork(s *engine.Step) (n, most int) {
	switch {
	case s.Undoes != nil && s.Undoes.Def.ForEach != nil && s.Undoes.Index == 0:
		most = s.Undoes.Def.ForEach.MaxParallel
	case s.Undoes != nil:
		most = 1
	case s.Def.ForEach != nil:
		most = s.Def.ForEach.MaxParallel
	default:
		return 0, 0
	}
	for _, c := range s.Children() {
		if busy(c) {
			n++
		}
	}
	return n, most
}

func busy(s *engine.Step) bool {
	switch s.Status {
	case engine.StepRunning, engine.StepVerifying, engine.StepDoubt, engine.StepRetrying, engine.StepSleeping, engine.StepManual:
		return true
	}
	for _, c := range s.Children() {
		if busy(c) {
			return true
		}
	}
	return false
}

// witness remembers what people were shown, and holds what runs against it.
type witness struct {
	plans map[string]string            // latest, by step
	shown map[string]map[string]string // by approval: the plan of each step that it may be for
	used  map[string]bool              // approval and step
}

func newWitness() *witness {
	return &witness{plans: map[string]string{}, shown: map[string]map[string]string{}, used: map[string]bool{}}
}

func (w *witness) take(e engine.Event) []string {
	var wrong []string
	switch b := e.Body.(type) {
	case engine.StepPlanned:
		w.plans[e.Step] = b.Digest
	case engine.ApprovalRequested:
		shown := map[string]string{}
		for step, plan := range w.plans {
			if step == e.Step || strings.HasPrefix(step, e.Step+".") {
				shown[step] = plan
			}
			if base, undo, ok := strings.Cut(e.Step, "~"); ok && strings.HasPrefix(step, base+".") && strings.Contains(step, "~"+undo[:4]) {
				shown[step] = plan
			}
		}
		w.shown[b.ID] = shown
	case engine.EffectIntent:
		if b.Approval == "" {
			break
		}
		if w.shown[b.Approval][e.Step] != b.Digest {
			wrong = append(wrong, fmt.Sprintf("%s runs plan %.8s, and people saw %.8s", e.Step, b.Digest, w.shown[b.Approval][e.Step]))
		}
		if key := b.Approval + " " + e.Step; w.used[key] {
			wrong = append(wrong, fmt.Sprintf("%s uses approval %s twice", e.Step, b.Approval))
		} else {
			w.used[key] = true
		}
	}
	return wrong
}
