package score

import (
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// act is something that a person did, in the words of a scenario.
type act struct {
	verb   string
	also   string // a second word for the same
	target string // a step, or a runbook for run
	moves  bool   // it carries the incident on: not a look, a note, or a word about the record
}

// actOf names what a person did; ok is false for the engine's own facts.
func actOf(e engine.Event) (a act, ok bool) {
	if e.Actor.Type != engine.Person {
		return act{}, false
	}
	step := func(verb string) (act, bool) { return act{verb: verb, target: e.Step, moves: true}, true }
	word := func(verb string) (act, bool) { return act{verb: verb}, true }
	switch b := e.Body.(type) {
	case engine.Declared:
		return word("declare")
	case engine.RunStarted:
		return act{verb: "run", target: b.Runbook, moves: true}, true
	case engine.Vote:
		a, ok := step("deny")
		if b.Approve {
			a.verb = "approve"
		}
		return a, ok
	case engine.CancelRequested:
		return step("cancel")
	case engine.RetryRequested:
		a, ok := step("retry")
		if b.NotApplied {
			a.also = "not_applied"
		}
		return a, ok
	case engine.SkipRequested:
		return step("skip")
	case engine.ManualDone:
		return step("done")
	case engine.UndoRequested:
		return step("undo")
	case engine.ContainmentExtended:
		return step("extend")
	case engine.ContainmentKept:
		return step("keep")
	case engine.GlassBroken:
		return step("break_glass")
	case engine.GlassReviewed:
		return act{verb: "review", target: e.Step}, true
	case engine.EffectResolved:
		a, ok := step("not_applied")
		if b.Applied {
			a.verb = "applied"
		}
		return a, ok
	case engine.Resolved:
		return act{verb: "resolve", moves: true}, true
	case engine.Noted:
		return word("note")
	case engine.ExportMade:
		return word("export")
	case engine.FeedbackGiven:
		return word("feedback")
	case engine.CorrectiveAdded, engine.CorrectiveClosed:
		return word("corrective")
	case engine.RowCorrected, engine.KeyTimeSet, engine.RowHidden, engine.RowShown:
		return word("timeline")
	case engine.Refused:
		return word("refused")
	}
	if strings.HasPrefix(string(e.Kind()), "drill.") {
		return word("drill")
	}
	return act{}, false
}

// responds says whether an act shows that somebody took the incident up.
func (a act) responds() bool { return a.moves || a.verb == "note" }

// is says whether the act is this verb on this target; an empty target is any.
func (a act) is(verb, target string) bool {
	return verb != "" && (a.verb == verb || a.also == verb) && (target == "" || within(a.target, target))
}

// within says whether a step is the one named, or a part of it: an item of its
// loop, or a step of the runbook that it calls. An undo is another step.
func within(step, of string) bool {
	is, _, back := strings.Cut(step, "~undo")
	named, _, backToo := strings.Cut(of, "~undo")
	return back == backToo && (is == named || strings.HasPrefix(is, named+"."))
}

// player says whether an actor is a person who plays: not a facilitator.
func (f *fold) player(a engine.Actor) bool {
	return a.Type == engine.Person && !f.facilitators[a.ID]
}

// among says whether an actor is one of those named: "person:bob",
// "group:leads", "role:commander". Nobody named: anybody.
func (f *fold) among(a engine.Actor, who []string) bool {
	return len(who) == 0 || slices.ContainsFunc(who, func(w string) bool {
		kind, name, _ := strings.Cut(w, ":")
		switch kind {
		case "person":
			return a.ID == name
		case "group":
			return slices.Contains(a.Groups, name)
		case "role":
			return name == "commander" && f.commander(a.ID)
		}
		return false
	})
}

func (f *fold) commander(id string) bool { return f.o.Commanders != nil && f.o.Commanders(id) }

// named is an actor in a line: the directory's id first, because a display name
// can be chosen by its owner.
func named(a engine.Actor) string {
	switch {
	case a.Type == engine.System:
		return "firebreak"
	case a.ID != "":
		return a.ID
	case a.Via != "":
		return "a stranger (" + a.Via + ")"
	}
	return "somebody"
}
