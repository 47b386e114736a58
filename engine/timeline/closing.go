package timeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// finish closes the books: what is open, what was not done, and the key times.
func (f *fold) finish() *Timeline {
	t := f.t
	for _, r := range f.runs {
		f.judge(r)
		t.Runs = append(t.Runs, r.Run)
		for _, s := range r.steps {
			if s.gone != nil {
				t.NotDone = append(t.NotDone, *s.gone)
			}
		}
	}
	for _, a := range f.approvals {
		t.Approvals = append(t.Approvals, *a)
	}
	for _, a := range f.actions {
		t.Actions = append(t.Actions, *a)
	}
	for _, g := range f.glasses {
		t.Glasses = append(t.Glasses, *g)
	}
	for _, p := range f.people {
		for _, verb := range p.verbs {
			did := verb
			if n := p.count[verb]; n > 1 {
				did += fmt.Sprintf(" (%d)", n)
			}
			p.Did = append(p.Did, did)
		}
		p.Did = listed(p.Did)
		t.People = append(t.People, p.Participant)
	}
	slices.SortStableFunc(t.NotDone, func(a, b NotDone) int { return int(a.Seq - b.Seq) })
	f.closeGroups()
	f.keyTimes()
	f.overlay.finish(t)
	f.strange = append(f.strange, f.overlay.strange...)
	f.openItems()
	return t
}

// judge compares a run with its budget. The time that counts is from the start
// to the last change that was read back; a run that had nothing to change took
// as long as it took to find that out.
func (f *fold) judge(r *run) {
	ended := !r.EndedAt.IsZero()
	at := r.contained
	if at.IsZero() && r.Status == string(engine.RunDone) {
		at = r.EndedAt.Time
	}
	if !at.IsZero() {
		r.ContainedMS = at.Sub(r.start).Milliseconds()
	}
	switch {
	case r.budget <= 0:
		r.Budget = BudgetNone
	case ended && r.Status != string(engine.RunDone):
		r.Budget = BudgetFailed
	case ended && at.Sub(r.start) <= r.budget:
		r.Budget = BudgetKept
	case ended, f.last.at.Sub(r.start) > r.budget:
		r.Budget = BudgetMissed
	default:
		r.Budget = BudgetOpen
	}
}

func (f *fold) keyTimes() {
	t := f.t
	add := func(name string, m moment, text, missing string) {
		k := KeyTime{Name: name, Seq: -1, Text: missing}
		if m.came {
			k = KeyTime{Name: name, At: engine.At(m.at), Seq: m.seq, Text: text}
		}
		t.KeyTimes = append(t.KeyTimes, k)
	}
	if !f.observed.IsZero() && f.observed.Before(t.Incident.DeclaredAt.Time) {
		add("first observed", moment{f.observed.Time, f.observing, true}, "the earliest observation in the notes", "")
	}
	declared := t.Incident.DeclaredAt.Time
	add("declared", moment{declared, f.first, true}, "by "+t.Incident.DeclaredBy.Who(), "")
	add("first action", f.firstAct, "the first change was started, "+span(f.firstAct.at.Sub(declared))+" after the declaration", "nothing was changed")
	text := ""
	if s := f.containAt; s != nil {
		text = fmt.Sprintf("the last change was read back: %s of run %s, %s after the declaration", s.name(), s.run.Run.Run, span(f.contained.at.Sub(declared)))
		if f.undone() {
			text += "; some of it was taken back since"
		}
		if f.unfinished() {
			text += "; other changes are failed, refused or in doubt"
		}
	}
	add("contained", f.contained, text, "no change was proven by reading it back")
	add("resolved", f.resolved, span(f.resolved.at.Sub(declared))+" after the declaration", "the incident is open")
}

func (f *fold) undone() bool {
	return slices.ContainsFunc(f.actions, func(a *Action) bool { return a.UndoneBy != "" })
}

// unfinished says whether a step that changes something did not come about,
// other than by its own condition.
func (f *fold) unfinished() bool {
	for _, r := range f.runs {
		for _, s := range r.steps {
			if _, undo := s.undoes(); undo || !s.mutates() {
				continue
			}
			if s.doubt != 0 || s.ended == engine.StepFailed || s.ended == engine.StepRefused || s.ended == engine.StepCancelled {
				return true
			}
		}
	}
	return false
}

// openItems lists what somebody still has to look at, the most urgent first.
func (f *fold) openItems() {
	var doubt, held, flight, approval, manual, contain, unproven, undo []partItem
	var runs []OpenItem
	for _, r := range f.runs {
		for _, s := range r.steps {
			item := func(kind, text string) partItem {
				return partItem{OpenItem{Kind: kind, Run: r.Run.Run, Step: s.id, Text: text}, s}
			}
			if s.doubt != 0 {
				doubt = append(doubt, item(OpenDoubt, fmt.Sprintf("nobody knows whether attempt %d of %s took effect%s", s.doubt, s.verb(), because(s.why))))
			}
			if s.held != "" {
				held = append(held, item(OpenHeld, s.name()+" waits for a person to decide: "+s.held))
			}
			if s.flight != 0 {
				flight = append(flight, item(OpenFlight, fmt.Sprintf("the outcome of attempt %d of %s is not written down yet", s.flight, s.verb())))
			}
			if a := s.asked; a != nil && a.Verdict == string(engine.ApprovalOpen) {
				approval = append(approval, item(OpenApproval, fmt.Sprintf("%s has %d of %s, and asks until %s", s.name(), a.yes(), count(a.Quorum, "approval"), a.Expires.UTC().Format(time.DateTime)+" UTC")))
			}
			if s.manual {
				manual = append(manual, item(OpenManual, s.name()+" waits for a person to do it"))
			}
			if text := s.bound.open(); text != "" {
				contain = append(contain, item(OpenContain, "what "+s.name()+" did "+text))
			}
			if a := s.action; a != nil && s.mutates() && a.Outcome == OutcomeDone && a.Verified != string(actions.Verified) && a.UndoneBy == "" {
				unproven = append(unproven, item(OpenVerify, s.verb()+" ran, and nothing proves that its effect is there"))
			}
			if text := s.canGoBack(); text != "" {
				undo = append(undo, item(OpenUndo, text))
			}
		}
		if r.EndedAt.IsZero() {
			runs = append(runs, OpenItem{Kind: OpenRun, Run: r.Run.Run, Text: fmt.Sprintf("run %s of runbook %q goes on", r.Run.Run, r.Runbook)})
		}
	}
	var glass []OpenItem
	for _, g := range f.glasses {
		if g.State == GlassUnreviewed {
			glass = append(glass, g.open())
		}
	}
	f.t.Open = slices.Concat(gather(doubt), gather(held), gather(flight), gather(approval), gather(manual), glass, gather(contain), gather(unproven), runs)
	if !f.resolved.came {
		f.t.Open = append(f.t.Open, OpenItem{Kind: OpenIncident, Text: f.t.Incident.ID + " is not resolved"})
	}
	f.t.Open = append(f.t.Open, gather(undo)...)
	for _, text := range append(f.strange, f.leftWords()...) {
		f.t.Open = append(f.t.Open, OpenItem{Kind: OpenRecord, Text: text})
	}
}

// canGoBack says that a step's effect is still there and can be taken back.
func (s *step) canGoBack() string {
	if s.ended != engine.StepDone || !s.canUndo || s.noUndo != "" || s.action == nil || s.action.UndoneBy != "" {
		return ""
	}
	return s.name() + " (" + s.verb() + ") can be taken back"
}

func digestOf(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
