package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// metrics is every figure, beside that of the rehearsal before.
func (r *Report) metrics() []block {
	res, before := r.in.Result, r.in.Previous
	names := heads("*Figure", "#Value", "#For people", "Proof")
	if before != nil {
		names = heads("*Figure", "#Value", "#For people", "#"+before.ID, "#Change", "Proof")
	}
	var rows [][]cell
	for _, m := range res.Metrics {
		people := toned("–", toneDim)
		if m.Took != nil {
			people = text(span(m.Took.WallMS))
		}
		row := []cell{with(title(m.Name), m.Doc), metricCell(m), people}
		if before != nil {
			b, _ := before.Metric(m.Name)
			row = append(row, metricCell(b), change(m, b))
		}
		proof := "–"
		if len(m.Seqs) > 0 {
			proof = places(m.Seqs)
		}
		rows = append(rows, append(row, cell{Sub: proof}))
	}
	blocks := []block{tableOf("Figures", "", names, rows)}
	note := "Times count from the declaration, on the clock of the exercise; a started second counts as a whole one. Proof names places in the journal. Time in which the exercise was held counts in none of them."
	if !res.Exercise {
		note = "Times count from the declaration; a started second counts as a whole one. Proof names places in the journal."
	}
	if before == nil && res.Exercise {
		note += " No earlier rehearsal of this runbook was given to compare with."
	}
	return append(blocks, para(note))
}

// title makes words of a metric's name.
func title(name string) string { return upper(strings.ReplaceAll(name, "_", " ")) }

func metricCell(m score.Metric) cell {
	switch {
	case !m.Came:
		return cell{Text: "did not happen", Tone: toneDim, Sub: m.Why}
	case m.Took != nil:
		return text(span(m.Took.MS))
	case m.Unit == "%":
		return text(strconv.FormatInt(m.Value, 10) + " %")
	}
	return text(strconv.FormatInt(m.Value, 10))
}

// better says which way a metric is better: 1 more, -1 less, 0 neither.
func better(name string) int {
	switch name {
	case "expectations_met", "clocks_met", "points", "doubts_resolved":
		return 1
	case "approvals_granted", "approvals_denied", "glasses_broken", "points_possible", "doubts", "retries", "handoffs", "refused":
		return 0 // of what the story is, not of how it went
	}
	return -1
}

// change compares a metric with that of the rehearsal before.
func change(now, before score.Metric) cell {
	switch {
	case !now.Came && !before.Came:
		return toned("–", toneDim)
	case !before.Came:
		return cell{Text: "came about"}
	case !now.Came:
		return cell{Text: "did not come about"}
	case now.Value == before.Value:
		return toned("same", toneDim)
	}
	d := now.Value - before.Value
	words := strconv.FormatInt(d, 10)
	if now.Took != nil {
		words = span(d * 1000)
	}
	if now.Unit == "%" {
		words += " points"
	}
	if d > 0 {
		words = "+" + words
	} else {
		words = strings.Replace(words, "-", "−", 1)
	}
	tone := ""
	switch b := better(now.Name); {
	case b == 0:
	case (d > 0) == (b > 0):
		tone = toneGood
		words += ", better"
	default:
		tone = toneBad
		words += ", worse"
	}
	return toned(words, tone)
}

// stepTimes is where the time of each step went.
func (r *Report) stepTimes() []block {
	res := r.in.Result
	if len(res.Runs) == 0 {
		return []block{para("No runbook was run.")}
	}
	var rows [][]cell
	for _, run := range res.Runs {
		status := cell{Text: run.Status, Sub: run.Reason}
		budget := toned("none", toneDim)
		if run.BudgetMS > 0 {
			budget = text(span(run.BudgetMS))
		}
		rows = append(rows, []cell{code(run.Run), with(run.Title, run.Runbook+" · "+short(run.Digest)), text(run.By), status, text(span(run.Length.MS)), text(span(run.People.MS)), text(span(run.Machine.MS)), budget})
	}
	blocks := []block{tableOf("Runs", "", heads("Run", "*Runbook", "By", "*Ended", "#Length", "#People", "#Machine", "#Budget"), rows)}
	if b := barsOf(res); b != nil {
		blocks = append(blocks, block{Kind: kindBars, Title: "Waiting for people, and the machine at work", Bars: b})
	}
	rows = nil
	for _, s := range res.Steps {
		if s.Status == "not reached" && !s.Exercised {
			continue
		}
		rows = append(rows, []cell{{Text: s.ID, Code: true, Sub: s.Run}, with(s.Title, s.Kind), text(s.Status), text(attempts(s)), text(span(s.People.MS)), text(span(s.Machine.MS))})
	}
	blocks = append(blocks, tableOf("Steps whose turn came", "No step's turn came.", heads("Step", "*What", "Status", "*Attempts", "#People", "#Machine"), rows))
	cover := fmt.Sprintf("%d of %d steps were exercised.", res.Cover.Exercised, res.Cover.Total)
	if len(res.Cover.Missing) > 0 {
		cover += " Not exercised: " + join(first(res.Cover.Missing, 20)) + "."
	}
	return append(blocks, para(cover))
}

// attempts says in words what the attempts of a step came to.
func attempts(s score.Step) string {
	if s.Attempts == 0 {
		return "–"
	}
	words := []string{counted(s.Attempts, "attempt")}
	for _, p := range []struct {
		n    int
		word string
	}{{s.OK, "worked"}, {s.Failed, "failed"}, {s.Doubts, "not known"}, {s.Verified, "proven"}, {s.Refuted, "not proven"}} {
		if p.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if s.Items > 0 {
		words = append(words, counted(s.Items, "item"))
	}
	return strings.Join(words, ", ")
}
