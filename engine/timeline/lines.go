package timeline

import (
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Line is one row for a chat or a terminal: plain text, which the adapter
// escapes for its own format.
type Line struct{ Mark, Text string }

// Lines gives the last rows that matter to people, the oldest first; last <= 0
// gives all. The date stands in the first line and wherever it changes.
func (t *Timeline) Lines(last int) []Line {
	var rows []*Row
	for i := range t.Rows {
		if !t.Rows[i].Minor {
			rows = append(rows, &t.Rows[i])
		}
	}
	if last > 0 && len(rows) > last {
		rows = rows[len(rows)-last:]
	}
	lines := make([]Line, len(rows))
	day := ""
	for i, r := range rows {
		form := time.TimeOnly
		if d := r.At.UTC().Format(time.DateOnly); d != day {
			day, form = d, time.DateTime
		}
		lines[i] = Line{Mark: r.Mark(), Text: r.At.UTC().Format(form) + "  " + Cut(Visible(r.Text), maxLine)}
	}
	return lines
}

// Mark is one character that says how a row went.
func (r *Row) Mark() string {
	switch r.Outcome {
	case OutcomeDone, "approved", string(engine.ApprovalGranted), string(actions.Verified), string(actions.Applied), "resolved", GlassJustified:
		return "✓"
	case OutcomeFailed, "refused", "denied", string(engine.ApprovalExpired), string(actions.NotVerified), GlassNotJustified:
		return "✗"
	case OutcomeDoubt, "held", "late", string(actions.CannotVerify), string(engine.ApprovalVoided), string(actions.FoundUnknown), outcomeBroken, outcomeOverdue:
		return "!"
	case "started", string(engine.ApprovalOpen), string(actions.Pending), GlassUnreviewed:
		return "…"
	case string(engine.StepSkipped), string(engine.StepCancelled), string(engine.ApprovalWithdrawn), string(actions.NotApplied):
		return "–"
	}
	return "·"
}
