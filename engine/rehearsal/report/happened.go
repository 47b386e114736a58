package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// decisions are the questions that were put to people, and what was wrong.
func (r *Report) decisions() []block {
	res := r.in.Result
	var rows [][]cell
	for _, a := range res.Asked {
		var who []string
		for _, v := range a.Voters {
			word := "yes"
			if !v.Yes {
				word = "no"
			}
			who = append(who, v.ID+" "+word)
		}
		if a.Glass != "" {
			who = append(who, a.Glass+" broke the glass")
		}
		said := text(join(who))
		if a.Reason != "" && a.Verdict != "granted" {
			said.Sub = a.Reason
		}
		latency, firstVote := toned("–", toneDim), toned("–", toneDim)
		if a.Latency != nil {
			latency = both(*a.Latency)
		}
		if a.ToFirst != nil {
			firstVote = both(*a.ToFirst)
		}
		rows = append(rows, []cell{
			{Text: plus(a.Asked.MS), Sub: fmt.Sprint("place ", a.Asked.Seq)}, {Text: a.Step, Code: true, Sub: a.Run},
			with(fmt.Sprintf("%d of %s", a.Quorum, join(a.From)), ""), said, verdictCell(a), firstVote, latency,
		})
	}
	blocks := []block{tableOf("Approvals", "Nobody was asked to approve anything.", heads("!Asked", "Step", "*Whom", "*Answers", "Verdict", "#First vote", "#Decided after"), rows)}
	if len(res.Glasses) > 0 {
		blocks = append(blocks, tableOf("Broken glasses: steps that one person let go on without the quorum", "", heads("!When", "Step", "Who", "*Why", "*Review"), glassRows(res)))
	}
	rows = nil
	for _, w := range res.Wrong {
		rows = append(rows, []cell{{Text: plus(w.At.MS), Sub: fmt.Sprint("place ", w.Seq)}, toned(w.What, toneBad), text(cmp.Or(w.By, "–")), text(w.Why)})
	}
	if res.Exercise {
		blocks = append(blocks, tableOf("Wrong decisions", "No wrong decision was made.", heads("!When", "*What", "Who", "*Why it is wrong"), rows))
	}
	if len(res.Refused) > 0 {
		rows = nil
		for _, x := range res.Refused {
			rows = append(rows, []cell{{Text: plus(x.At.MS), Sub: fmt.Sprint("place ", x.At.Seq)}, text(x.By), code(x.Verb), with(x.Text, x.Code)})
		}
		blocks = append(blocks, tableOf("Refused requests", "", heads("!When", "Who", "Word", "*Why"), rows))
	}
	return blocks
}

// glassRows are the glasses that were broken, with what was found afterwards.
func glassRows(res *score.Result) [][]cell {
	var rows [][]cell
	for _, g := range res.Glasses {
		found := cell{Text: "nobody has looked at it", Sub: "due " + at(g.Due), Tone: toneBad}
		if v := g.Review; v != nil {
			found = cell{Text: "justified: " + v.Text, Tone: toneGood}
			if !v.Justified {
				found = cell{Text: "not justified: " + v.Text, Tone: toneWarn}
			}
			found.Sub = fmt.Sprintf("%s, %s, place %d", v.By, plus(v.At.MS), v.At.Seq)
		}
		rows = append(rows, []cell{
			{Text: plus(g.At.MS), Sub: fmt.Sprint("place ", g.At.Seq)}, {Text: g.Step, Code: true, Sub: g.Run}, text(g.By), with(g.Reason, "typed out: "+g.Target), found,
		})
	}
	return rows
}

func verdictCell(a score.Approval) cell {
	if a.Glass != "" && a.Verdict == "granted" {
		return cell{Text: "granted", Sub: "without its quorum", Tone: toneWarn}
	}
	tone := map[string]string{"granted": toneGood, "denied": toneWarn, "expired": toneBad}[a.Verdict]
	c := toned(a.Verdict, cmp.Or(tone, toneMute))
	if a.Voided {
		c.Sub = "void afterwards: the plan changed"
	}
	return c
}

// The condensed timeline keeps this many rows from each end.
const keepRows = 40

// repeats lists the kinds of facts that say in other words what the rows around
// them say: a plan that still holds, the end of a step that was just proven.
var repeats = map[string]bool{
	string(engine.StepPlanned{}.Kind()): true, string(engine.StepReady{}.Kind()): true, string(engine.StepEnded{}.Kind()): true,
	string(engine.ApprovalClosed{}.Kind()): true, string(engine.RetryScheduled{}.Kind()): true,
}

// condense reads the record once and keeps what a reader wants first.
func (r *Report) condense() error {
	var head, tail []timeline.Row
	for row, err := range r.in.Record.Each() {
		if err != nil {
			return fmt.Errorf("read the record of %s: %w", r.in.Result.ID, err)
		}
		switch {
		case row.Minor || row.Derived || row.Kind == timeline.Machine || row.Kind == timeline.Comms || repeats[row.Type] && row.Outcome != string(engine.ApprovalExpired):
			r.left++
		case len(head) < keepRows:
			head = append(head, row)
		case len(tail) < keepRows:
			tail = append(tail, row)
		default:
			tail = append(tail[1:], row)
			r.left++
		}
	}
	r.steps = append(head, tail...)
	return nil
}

// course is the timeline, condensed and drawn.
func (r *Report) course() []block {
	if r.in.Record == nil {
		return nil
	}
	var blocks []block
	var rows [][]cell
	day := ""
	for _, row := range r.steps {
		when := with(row.At.UTC().Format("15:04:05"), "")
		if d := row.At.UTC().Format("2006-01-02"); d != day {
			day, when.Sub = d, d
		}
		where := strings.TrimPrefix(row.Run+"/"+row.Step, "/")
		rows = append(rows, []cell{when, text(string(row.Kind)), {Text: cmp.Or(strings.TrimSuffix(where, "/"), "–"), Code: where != "" && where != "/"}, text(row.Text)})
	}
	blocks = append(blocks, tableOf("What happened, in UTC", "Nothing happened.", heads("!When", "Kind", "Step", "*What"), rows))
	if r.left > 0 {
		blocks = append(blocks, para(fmt.Sprintf("%d rows of machinery, or from the middle of a long course, are left out here. The export of the timeline has all %d.", r.left, r.in.Record.Count)))
	}
	if r.chart != "" { // last, because on paper it has a page of its own, across
		blocks = append(blocks, block{Kind: kindPicture, Title: "The course, drawn"})
	}
	return blocks
}

// expectations is what players should have done, and the duties to notify.
func (r *Report) expectations() []block {
	res := r.in.Result
	if !res.Exercise {
		return nil
	}
	var rows [][]cell
	for _, x := range res.Expect {
		state := cell{Text: string(x.State), Tone: stateTone(x.State)}
		if x.Judged != nil {
			state.Sub = "says " + x.Judged.By
			if x.Conflict {
				state.Sub += ", the record says " + string(x.Found)
			}
		}
		took := toned("–", toneDim)
		if x.Took != nil {
			took = both(*x.Took)
		}
		points := fmt.Sprintf("%d of %d", x.Earned, x.Points)
		who := join(x.Who)
		if len(x.Who) == 0 {
			who = "anybody"
		}
		rows = append(rows, []cell{{Text: x.Inject, Code: true}, with(x.Text, "by "+who+", within "+span(x.Within)), state, text(cmp.Or(x.By, "–")), took, text(points)})
	}
	blocks := []block{tableOf("Reactions", "The scenario expects nothing in particular.", heads("Inject", "*Expected", "Came", "By", "#After", "#Points"), rows)}
	rows = nil
	for _, c := range res.Clocks {
		took := toned("–", toneDim)
		if c.Took != nil {
			took = both(*c.Took)
		}
		rows = append(rows, []cell{code(c.ID), text(c.Text), text(span(c.Within)), toned(string(c.State), stateTone(c.State)), text(cmp.Or(c.By, "–")), took})
	}
	if len(rows) > 0 {
		blocks = append(blocks, tableOf("Duties to notify", "", heads("Id", "*Whom", "#Within", "Kept", "By", "#After"), rows))
	}
	return blocks
}

func stateTone(s score.ExpectState) string {
	switch s {
	case score.Met:
		return toneGood
	case score.Late:
		return toneWarn
	case score.Missed:
		return toneBad
	}
	return toneMute
}
