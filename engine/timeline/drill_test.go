package timeline_test

import (
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// rehearsed is an exercise with one of each of its facts, and what people added
// to its record afterwards.
func rehearsed() *script {
	s := declared("DRL-1")
	for _, b := range []engine.Body{
		engine.DrillStarted{Scenario: "friday", Title: "A key leaks", Digest: digest1, Runbook: "leaked", RunbookDigest: digest2, Pace: 1, Facilitators: []string{"alice"}},
		engine.InjectDelivered{ID: "i1", To: "channel", Text: "an alert", Why: "time"},
		engine.InjectDelivered{ID: "i2", To: "person:bob", Text: "you are away", Why: "after", Chat: "down", Away: []string{"bob"}},
		engine.InjectDelivered{ID: "i3", To: "channel", Text: "bob is back", Why: "hand", Chat: "up", Back: []string{"bob"}},
		engine.InjectSkipped{ID: "i4", Reason: "no time"},
		engine.DrillHeld{Reason: "a question"},
		engine.DrillResumed{},
		engine.DrillPaced{Pace: 10},
		engine.DrillAdvanced{By: runbooks.Span(time.Hour)},
		engine.OutcomeSet{Step: "disable", Outcome: "unknown"},
		engine.HintGiven{To: "channel", Text: "look at the other key"},
		engine.ExpectationJudged{Inject: "i1", N: 1, Met: true},
		engine.DrillObserved{Text: "nobody asked legal", Objective: "o1"},
		engine.ObjectiveRated{Objective: "o1", Rating: engine.SomeChallenges, Why: "late"},
		engine.DrillEnded{Why: engine.EndCondition, Text: "the key is off"},
		engine.FeedbackGiven{Well: "calm", Badly: "slow", Change: "more approvers"},
		engine.CorrectiveAdded{ID: "C1", Text: "a second approver", Owner: "bob", Due: "2027-01-31"},
		engine.CorrectiveClosed{ID: "C1", How: "commit 1234"},
		engine.RowCorrected{Of: 1, Text: "an alert of the detector", Reason: "clearer"},
		engine.KeyTimeSet{Name: "detected", When: s.stamp(-time.Hour), Source: "https://example.com/alert"},
		engine.RowHidden{Of: 2, Reason: "personal"},
		engine.RowShown{Of: 2},
	} {
		s.say(time.Minute, bob, "", "", b)
	}
	return s
}

// What only facilitators may see while an exercise goes on is marked.
func TestControlRows(t *testing.T) {
	control := map[string]bool{}
	for _, r := range rehearsed().fold(t).Rows {
		control[r.Type] = control[r.Type] || r.Control
	}
	for _, kind := range []engine.Body{engine.InjectSkipped{}, engine.OutcomeSet{}, engine.DrillObserved{}, engine.ObjectiveRated{}, engine.ExpectationJudged{}, engine.InjectDelivered{}} {
		if !control[string(kind.Kind())] {
			t.Errorf("%s is shown to players", kind.Kind())
		}
	}
	if control[string(engine.DrillHeld{}.Kind())] {
		t.Error("players are not told that the exercise is held")
	}
}

// A record tells the same rows as often as it is asked, and stops when told to.
func TestRecord(t *testing.T) {
	s := told(t)
	want := s.fold(t)
	r, err := timeline.Open(s.events)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n := 0
		for row, err := range r.Each() {
			if err != nil || row.Text != want.Rows[n].Text {
				t.Fatalf("row %d: %q, %v; want %q", n, row.Text, err, want.Rows[n].Text)
			}
			n++
		}
		if n != len(want.Rows) || int64(n) != r.Count {
			t.Errorf("%d rows and a count of %d, want %d", n, r.Count, len(want.Rows))
		}
	}
	for range r.Each() {
		break
	}
}
