package timeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// tellDrill finds the words for facts of a rehearsal.
func (f *fold) tellDrill(row *Row, e engine.Event) bool {
	who := row.Actor.Who()
	row.Kind = Inject
	switch b := e.Body.(type) {
	case engine.DrillStarted:
		f.did(row.Actor, "began the exercise")
		row.Text = fmt.Sprintf("EXERCISE: %s began the scenario %q (%s) of runbook %q", who, b.Title, b.Scenario, b.Runbook)
		if b.Blind {
			row.Text += ", blind"
		}
		row.Control = b.Blind
		row.detail("scenario", b.Scenario)
		row.detail("scenario_digest", b.Digest)
		row.detail("runbook", b.Runbook)
		row.detail("runbook_digest", b.RunbookDigest)
		row.detail("seed", strconv.FormatInt(b.Seed, 10))
		row.detail("pace", strconv.Itoa(b.Pace))
		row.detail("facilitators", strings.Join(b.Facilitators, ", "))
	case engine.InjectDelivered:
		row.Outcome, row.Control = "delivered", b.To != "channel"
		row.Text = fmt.Sprintf("EXERCISE: %s (to %s): %s", b.ID, b.To, b.Text)
		switch b.Chat {
		case "down":
			row.Text += " (the chat is down from now on)"
		case "up":
			row.Text += " (the chat is back)"
		}
		if len(b.Away) > 0 {
			row.Text += " (away from now on: " + strings.Join(b.Away, ", ") + ")"
		}
		if len(b.Back) > 0 {
			row.Text += " (back: " + strings.Join(b.Back, ", ") + ")"
		}
		row.detail("inject", b.ID)
		row.detail("to", b.To)
		row.detail("why", b.Why)
	case engine.InjectSkipped:
		row.Control = true
		row.Text = fmt.Sprintf("%s left inject %s out%s", who, b.ID, because(b.Reason))
		row.detail("inject", b.ID)
	case engine.DrillHeld:
		row.Text = who + " held the exercise" + because(b.Reason)
	case engine.DrillResumed:
		row.Text = who + " let the exercise go on"
	case engine.DrillPaced:
		row.Control = true
		row.Text = fmt.Sprintf("%s lets the clock run %d times as fast while nobody is asked", who, b.Pace)
	case engine.DrillAdvanced:
		row.Text = fmt.Sprintf("%s let %s pass at once", who, span(time.Duration(b.By)))
	case engine.OutcomeSet:
		row.Control = true
		row.Text = fmt.Sprintf("%s decided that the next attempt of step %q comes to: %s", who, b.Step, b.Outcome)
		row.detail("of_step", b.Step)
		row.detail("outcome", b.Outcome)
	case engine.HintGiven:
		row.Control = b.To != "channel"
		row.Text = fmt.Sprintf("EXERCISE: a hint of %s to %s: %s", who, b.To, b.Text)
		row.detail("to", b.To)
	case engine.ExpectationJudged:
		row.Control, row.Outcome = true, "missed"
		if b.Met {
			row.Outcome = "met"
		}
		row.Text = fmt.Sprintf("%s judged expectation %d of inject %s: %s%s", who, b.N, b.Inject, row.Outcome, because(b.Why))
		row.detail("inject", b.Inject)
	case engine.DrillObserved:
		row.Control = true
		row.Text = fmt.Sprintf("%s observed: %s", who, b.Text)
		row.detail("objective", b.Objective)
	case engine.ObjectiveRated:
		row.Control = true
		row.Text = fmt.Sprintf("%s rated objective %s: %s%s", who, b.Objective, b.Rating, because(b.Why))
		row.detail("objective", b.Objective)
		row.detail("rating", string(b.Rating))
	case engine.DrillEnded:
		f.resolved = moment{e.At, e.Seq, true}
		if f.t.Incident.ResolvedAt.IsZero() {
			f.t.Incident.ResolvedAt, f.t.Incident.Summary = row.At, b.Text
		}
		row.Outcome = "resolved"
		row.Text = fmt.Sprintf("EXERCISE: %s ended the exercise (%s)%s", who, b.Why, because(b.Text))
		row.detail("why", string(b.Why))
	case engine.FeedbackGiven:
		f.did(row.Actor, "answered the hot wash")
		row.Control = true
		row.Text = "a participant looked back"
		if row.Actor.ID != "" {
			row.Text = who + " looked back"
		}
		for _, p := range [][2]string{{"went well", b.Well}, {"did not", b.Badly}, {"to change", b.Change}} {
			if p[1] != "" {
				row.Text += "; " + p[0] + ": " + p[1]
			}
		}
	default:
		return false
	}
	return true
}

// tellAfter finds the words for what people add to a record afterwards.
func (f *fold) tellAfter(row *Row, e engine.Event) bool {
	who := row.Actor.Who()
	row.Kind = Note
	switch b := e.Body.(type) {
	case engine.CorrectiveAdded:
		f.did(row.Actor, "added corrective actions")
		row.Text = fmt.Sprintf("corrective action %s for %s by %s: %s", b.ID, b.Owner, b.Due, b.Text)
		row.detail("corrective", b.ID)
		row.detail("owner", b.Owner)
		row.detail("due", b.Due)
	case engine.CorrectiveClosed:
		f.did(row.Actor, "closed corrective actions")
		row.Text = fmt.Sprintf("%s closed corrective action %s: %s", who, b.ID, b.How)
		row.detail("corrective", b.ID)
	case engine.RowCorrected:
		f.did(row.Actor, "corrected the timeline")
		f.overlay.correct(row, b)
		row.Text = fmt.Sprintf("%s corrected the words for journal place %d: %s%s", who, b.Of, b.Text, because(b.Reason))
		row.detail("of", strconv.FormatInt(b.Of, 10))
		row.detail("correction", b.Text)
		row.detail("reason", b.Reason)
	case engine.KeyTimeSet:
		f.did(row.Actor, "added key times")
		f.overlay.keyTime(row, b)
		row.Observed = b.When
		row.Text = fmt.Sprintf("%s added a key time: %s was %s, shown by %s", who, b.Name, stamp(b.When), b.Source)
		row.detail("key_time", b.Name)
		row.detail("source", b.Source)
	case engine.RowHidden:
		f.did(row.Actor, "hid rows")
		f.overlay.hide(row, b)
		row.Minor = true
		row.Text = fmt.Sprintf("%s hid journal place %d%s", who, b.Of, because(b.Reason))
		row.detail("of", strconv.FormatInt(b.Of, 10))
		row.detail("reason", b.Reason)
	case engine.RowShown:
		f.overlay.show(row, b)
		row.Minor = true
		row.Text = fmt.Sprintf("%s showed journal place %d again", who, b.Of)
		row.detail("of", strconv.FormatInt(b.Of, 10))
	default:
		return false
	}
	return true
}
