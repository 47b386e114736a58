package score

import (
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The states of an inject.
const (
	delivered  = "delivered"
	leftOut    = "skipped"
	notReached = "not reached"
)

type rating struct {
	engine.ObjectiveRated
	by  string
	seq int64
}

// takeDrill follows the facts of an exercise, and what every incident has of them.
func (f *fold) takeDrill(e engine.Event) error {
	r := f.r
	switch b := e.Body.(type) {
	case engine.Declared:
		r.Store = b.Store
	case engine.DrillStarted:
		return f.begin(e, b)
	case engine.InjectDelivered:
		f.told(b.ID, Inject{ID: b.ID, To: b.To, Text: b.Text, State: delivered, At: f.now, Why: b.Why})
	case engine.InjectSkipped:
		in := Inject{ID: b.ID, State: leftOut, At: f.now, Reason: b.Reason}
		if was := f.injects[b.ID]; was != nil {
			in.To, in.Text = was.To, was.Text
		}
		f.told(b.ID, in)
	case engine.DrillAdvanced:
		r.Drill.Advanced += time.Duration(b.By).Milliseconds()
	case engine.OutcomeSet:
		r.Set = append(r.Set, SetOutcome{f.now, named(e.Actor), b.Step, b.Outcome})
	case engine.HintGiven:
		r.Hints = append(r.Hints, Hint{f.now, named(e.Actor), b.To, b.Text})
	case engine.DrillObserved:
		r.Judged = append(r.Judged, Observation{f.now, named(e.Actor), b.Text, b.Objective})
	case engine.ObjectiveRated:
		f.rated[b.Objective] = rating{b, named(e.Actor), e.Seq}
	case engine.DrillEnded:
		r.Drill.EndedWall, r.Drill.Ended, r.Drill.EndText = b.Wall, string(b.Why), b.Text
	case engine.CorrectiveAdded:
		f.correctiveAt = append(f.correctiveAt, e.Seq)
	}
	return nil
}

// begin reads what the exercise is pinned to.
func (f *fold) begin(e engine.Event, b engine.DrillStarted) error {
	s, err := runbooks.DecodeScenario(b.File.Value)
	if err != nil {
		return fmt.Errorf("the scenario %q that is pinned at journal place %d cannot be read: %w; use the firebreak that wrote it, or a newer one", b.Scenario, e.Seq, err)
	}
	if s.Digest != b.Digest {
		f.r.Audit = append(f.r.Audit, Finding{e.Seq, "drill.started: the pinned scenario has another digest than the exercise"})
	}
	f.scenario = s
	for _, id := range b.Facilitators {
		f.facilitators[id] = true
	}
	d := &Drill{
		Scenario: b.Scenario, Title: b.Title, Digest: b.Digest, Runbook: b.Runbook, RunbookDigest: b.RunbookDigest, Seed: b.Seed, Pace: b.Pace,
		Blind: b.Blind, Scripted: b.Scripted, Facilitators: append([]string{}, b.Facilitators...), StartedWall: b.Wall,
		Briefing: s.Briefing, Owner: s.Owner.Team, Tests: append([]string{}, s.Tests...), Injects: []Inject{},
	}
	for _, in := range s.Injects {
		f.injects[in.ID] = &Inject{ID: in.ID, To: in.To, Text: in.Say, State: notReached}
	}
	for n := range s.Clocks {
		f.clocks = append(f.clocks, newClock(&s.Clocks[n], f.now))
	}
	f.r.Drill = d
	return nil
}

// told takes down what became of an inject.
func (f *fold) told(id string, now Inject) {
	if was := f.injects[id]; was != nil {
		*was = now
		return
	}
	f.injects[id] = &now // made up by the facilitator's hand
	f.extra = append(f.extra, id)
}
