package score

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// takeWrong looks whether a fact is an act that the scenario forbids, or a yes
// against a red flag, by a vote or by breaking the glass.
func (f *fold) takeWrong(e engine.Event) {
	if f.scenario == nil || f.over {
		return
	}
	if b, ok := e.Body.(engine.EffectIntent); ok {
		s := f.step(e)
		for n, ban := range f.scenario.Forbidden {
			if what, hit := begun(ban, s, b); hit {
				f.wrong(fmt.Sprint(n, "/", e.Run, "/", f.row(s).ID), WrongDecision{By: b.Actor, What: what, Why: ban.Why})
			}
		}
		return
	}
	a, ok := actOf(e)
	if !ok || !f.player(e.Actor) {
		return
	}
	for _, ban := range f.scenario.Forbidden {
		if a.is(ban.Verb, ban.Of) {
			f.wrong("", WrongDecision{By: e.Actor.ID, What: strings.TrimSpace(a.verb + " " + a.target), Why: ban.Why})
		}
	}
	if a.verb != "approve" && a.verb != "break_glass" {
		return
	}
	for _, in := range f.scenario.Injects {
		if f.injects[in.ID] == nil || f.injects[in.ID].State != delivered {
			continue
		}
		for _, step := range in.RedFlag {
			if within(a.target, step) {
				f.wrong("", WrongDecision{By: e.Actor.ID, Inject: in.ID, What: a.verb + " " + a.target, Why: "inject " + in.ID + " speaks against it: " + in.Say})
				break
			}
		}
	}
}

// wrong writes down a wrong decision. What was decided once for many items, or
// is tried again, is one.
func (f *fold) wrong(once string, w WrongDecision) {
	if once != "" && f.wronged[once] {
		return
	}
	f.wronged[once] = true
	w.Seq, w.At = f.now.Seq, f.now
	f.r.Wrong = append(f.r.Wrong, w)
}

// begun says whether a forbidden effect has begun. Taking a step back is not
// doing it; a forbidden target must not be changed in any way.
func begun(ban runbooks.Forbidden, s *engine.Step, b engine.EffectIntent) (what string, hit bool) {
	switch {
	case ban.Target != "":
		if s.Preview == nil || !b.Effect.AtLeast(actions.Reversible) {
			return "", false
		}
		target, hit := engine.MatchProtected([]string{ban.Target}, s.Preview.Targets)
		return "step " + s.ID + " acts on " + target, hit
	case ban.Action != "":
		return "step " + s.ID + " runs " + b.Action, ban.Action == b.Action && s.Undoes == nil
	case ban.Step != "":
		return "step " + s.ID + " runs", within(s.ID, ban.Step)
	}
	return "", false
}
