package report

import (
	"encoding/csv"
	"io"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// ImprovementCSV writes the improvement plan: one corrective action a line,
// with the columns of an HSEEP improvement plan. A cell that a spreadsheet would
// take for a formula begins with an apostrophe.
func (r *Report) ImprovementCSV(w io.Writer) error {
	res := r.in.Result
	out := csv.NewWriter(w)
	rows := [][]string{{"exercise", "runbook", "capability", "objective", "rating", "corrective_action_id", "corrective_action", "owner", "added", "due", "status", "closed", "shown_by", "journal_place"}}
	runbook := ""
	if res.Drill != nil {
		runbook = res.Drill.Runbook
	}
	for _, c := range res.Correct {
		aim := aimOf(res, c.Objective)
		status, closed := "open", ""
		switch {
		case c.Closed:
			status, closed = "closed", c.ClosedAt.UTC().Format("2006-01-02")
		case c.Overdue:
			status = "overdue"
		}
		rows = append(rows, []string{res.ID, runbook, aim.Capability, aim.ID, string(aim.Final), c.ID, c.Text, c.Owner, c.AddedAt.UTC().Format("2006-01-02"), c.Due, status, closed, c.How, places([]int64{c.Seq})})
	}
	for _, row := range rows {
		for n := range row {
			row[n] = timeline.SheetCell(row[n])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func aimOf(res *score.Result, id string) score.Objective {
	for _, o := range res.Aims {
		if o.ID == id {
			return o
		}
	}
	return score.Objective{ID: id}
}
