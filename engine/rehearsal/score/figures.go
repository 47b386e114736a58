package score

import (
	"cmp"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// figures is what the metrics are made from.
type figures struct {
	responder, commander *Moment // first acts
	proofs               []proof
	skipped              map[*engine.Step]int64 // wanted by a person
	skips                []*engine.Step         // the same, in order
	retries              []int64
	doubts               []doubt
	hints                []int64
	handoffs             []int64
	refused              []int64
}

// proof is a change that was read back.
type proof struct {
	at   Moment
	step *engine.Step
}

// doubt is an attempt whose outcome was not known.
type doubt struct {
	step    *engine.Step
	attempt int
	seq     int64
}

type manualDone struct {
	place int // in the program
	seq   int64
}

// takeFigures counts what the metrics need.
func (f *fold) takeFigures(e engine.Event) {
	n := &f.figures
	if a, ok := actOf(e); ok && a.responds() && f.player(e.Actor) {
		now := f.now
		if n.responder == nil {
			n.responder = &now
		}
		if n.commander == nil && f.commander(e.Actor.ID) {
			n.commander = &now
		}
		if r := f.byRun[e.Run]; r != nil && a.moves && a.verb != "approve" && a.verb != "deny" && a.verb != "break_glass" {
			if r.last != "" && r.last != e.Actor.ID {
				n.handoffs = append(n.handoffs, e.Seq)
			}
			r.last = e.Actor.ID
		}
	}
	s := f.step(e)
	switch b := e.Body.(type) {
	case engine.EffectVerified:
		if b.Reading.Verdict == actions.Verified && s.Def.Changes() && !aside(s) {
			n.proofs = append(n.proofs, proof{f.now, s})
		}
	case engine.EffectIntent:
		if b.Attempt > 1 {
			n.retries = append(n.retries, e.Seq)
		}
	case engine.EffectInDoubt:
		n.doubts = append(n.doubts, doubt{s, b.Attempt, e.Seq})
	case engine.SkipRequested:
		if n.skipped == nil {
			n.skipped = map[*engine.Step]int64{}
		}
		if _, again := n.skipped[s]; !again {
			n.skips = append(n.skips, s)
		}
		n.skipped[s] = e.Seq
	case engine.Refused:
		if !f.facilitators[e.Actor.ID] {
			n.refused = append(n.refused, e.Seq)
			f.r.Refused = append(f.r.Refused, RefusedRequest{f.now, named(e.Actor), b.Verb, string(b.Code), b.Message})
		}
	case engine.HintGiven:
		n.hints = append(n.hints, e.Seq)
	}
}

// aside says whether a step is no part of containing: it takes another one
// back, or cleans up after a cancel.
func aside(s *engine.Step) bool {
	for p := s; p != nil; p = p.Parent {
		if p.Undoes != nil {
			return true
		}
	}
	return s.OnCancel()
}

// leftOut says whether a person wanted the step, or what it is a part of, left out.
func (f *fold) leftOut(s *engine.Step) bool {
	for p := s; p != nil; p = p.Parent {
		if _, ok := f.figures.skipped[p]; ok && p.Status == engine.StepSkipped {
			return true
		}
	}
	return false
}

// settled says whether a doubt came to an end: the target was asked and knew, a
// person knew, or a later attempt of the same step had an answer.
func (d doubt) settled() bool {
	for _, a := range d.step.Attempts {
		switch {
		case a.N == d.attempt && (a.Found == actions.Applied || a.Found == actions.NotApplied):
			return true
		case a.N > d.attempt && a.Outcome != nil && a.Doubt == "":
			return true
		}
	}
	return false
}

// outOfOrder lists the manual steps that were done before one that stands above
// them in the same run. The last time counts where one was done again.
func (f *fold) outOfOrder() (seqs []int64) {
	for _, r := range f.runs {
		last := map[int]int64{}
		var places []int
		for _, m := range r.manual {
			if _, again := last[m.place]; !again {
				places = append(places, m.place)
			}
			last[m.place] = m.seq
		}
		slices.Sort(places)
		latest := int64(-1)
		for _, p := range places {
			if last[p] < latest {
				seqs = append(seqs, last[p])
			}
			latest = max(latest, last[p])
		}
	}
	slices.Sort(seqs)
	return seqs
}

// contained finds the last change that was proven, if everything that was to be
// changed was; else it says what was not.
func (f *fold) contained() (*proof, string) {
	var last *proof
	counts := map[*engine.Run]bool{}
	for _, r := range f.standing() {
		counts[r.of] = true
		for s := range r.of.All() {
			if why := f.unproven(s); why != "" {
				return nil, "step " + r.of.ID + "/" + s.ID + " " + why
			}
		}
	}
	for n := range f.figures.proofs {
		if p := &f.figures.proofs[n]; counts[p.step.Run()] {
			last = p
		}
	}
	if last == nil {
		return nil, "no change was proven by reading it back"
	}
	return last, ""
}

// unproven says why a step stands in the way of full containment.
func (f *fold) unproven(s *engine.Step) string {
	if !s.Def.Changes() || len(s.Children()) > 0 || aside(s) {
		return ""
	}
	switch {
	case s.Status == engine.StepDone && s.Reading != nil && s.Reading.Verdict == actions.Verified:
		return ""
	case s.Status == engine.StepDone:
		return "was not proven by reading it back"
	case s.Status == engine.StepSkipped && !f.leftOut(s):
		return "" // its condition was false, or its list empty: there was nothing to change
	case s.Status == engine.StepSkipped:
		return "was left out by a person"
	}
	return "is " + string(s.Status)
}

// standing lists the runs that count for full containment: of those that do the
// same the last, without those that were cancelled before they changed anything.
func (f *fold) standing() []*run {
	var list []*run
	for _, r := range f.runs {
		if r.of.Status == engine.RunCancelled && !changed(r.of) {
			continue
		}
		list = slices.DeleteFunc(list, func(o *run) bool { return same(o.of, r.of) })
		list = append(list, r)
	}
	return list
}

func changed(r *engine.Run) bool {
	for s := range r.All() {
		if s.Def.Changes() && len(s.Attempts) > 0 && !aside(s) {
			return true
		}
	}
	return false
}

// same says whether two runs are of the same runbook, for the same.
func same(a, b *engine.Run) bool {
	return a.Program.ID == b.Program.ID && a.Environment == b.Environment && inputs(a) == inputs(b)
}

// silence is the longest time in which people were told nothing.
type silence struct {
	last     Moment // people were told something
	longest  Took
	from, to int64
}

// takeTold follows what people are told: a message in the chat, a note, an
// inject, a hint, the start or the end of a run, an action that tells people.
func (f *fold) takeTold(e engine.Event) {
	if f.over {
		return
	}
	switch b := e.Body.(type) {
	case engine.MessagePosted:
		if b.Ref == engine.ControlRef { // facilitators only
			return
		}
	case engine.Noted, engine.InjectDelivered, engine.HintGiven, engine.RunStarted, engine.RunEnded, engine.Resolved, engine.DrillEnded:
	case engine.EffectOutcome:
		if s := f.step(e); b.Failure != nil || s == nil || !s.Def.Tells {
			return
		}
	default:
		return
	}
	f.silence.until(f.now)
	f.silence.last = f.now
}

func (s *silence) until(now Moment) {
	if gone := now.since(s.last); cmp.Or(cmp.Compare(gone.MS, s.longest.MS), cmp.Compare(gone.WallMS, s.longest.WallMS)) > 0 {
		s.longest, s.from, s.to = gone, s.last.Seq, now.Seq
	}
}
