package report

import (
	"cmp"
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// objectives is the table of ratings.
func (r *Report) objectives() []block {
	res := r.in.Result
	if !res.Exercise {
		return nil
	}
	var rows [][]cell
	for _, o := range res.Aims {
		final := rating(o.Final)
		manual := cell{Text: "–", Tone: toneDim}
		if o.Manual != "" {
			manual = cell{Text: string(o.Manual), Sub: o.ManualBy}
		}
		if o.Conflict {
			manual.Sub += " · against the record"
			manual.Tone = toneWarn
		}
		rows = append(rows, []cell{code(o.ID), with(o.Text, o.Capability), checkCell(o), manual, toned(final.Text, final.Tone)})
	}
	return []block{
		tableOf("Objectives", "The scenario has no objectives.", heads("Id", "*Objective", "Record", "Facilitator", "Rating"), rows),
		para("Ratings are those of HSEEP: P performed without challenges, S with some, M with major ones, U unable to be performed. The facilitator's rating counts; without one it is P where the check holds and U where it does not."),
	}
}

func checkCell(o score.Objective) cell {
	switch o.State {
	case score.Holds:
		return toned(string(o.State), toneGood)
	case score.HoldsNot:
		return toned(string(o.State), toneBad)
	case score.NotShown:
		return toned(string(o.State), toneWarn)
	}
	return toned("no check", toneMute)
}

// analysis says for each objective what went well and what did not, and the
// same for what belongs to none.
func (r *Report) analysis() []block {
	res := r.in.Result
	var blocks []block
	for _, o := range res.Aims {
		final := rating(o.Final)
		blocks = append(blocks, block{Kind: kindHead, Text: o.ID + ": " + o.Text, Badge: &final})
		var items []item
		switch o.State {
		case score.Holds:
			items = append(items, item{"+", "The record shows it: " + o.Check})
		case score.HoldsNot:
			items = append(items, item{"-", "The record does not show it: " + o.Check})
		case score.NotShown:
			items = append(items, item{"-", "It cannot be shown (" + o.Check + "): " + o.Problem})
		}
		for _, x := range o.Readings {
			items = append(items, item{"", "read: " + x.Path + " = " + x.Value})
		}
		if o.ManualWhy != "" {
			mark := "-"
			if o.Manual == engine.Performed {
				mark = "+"
			}
			items = append(items, item{mark, fmt.Sprintf("%s rates it %s: %s", o.ManualBy, o.Manual, o.ManualWhy)})
		}
		if o.Conflict {
			items = append(items, item{"-", "The rating and the record contradict each other; say why before this is signed."})
		}
		for _, n := range o.Notes {
			items = append(items, item{"", fmt.Sprintf("%s %s observed: %s", plus(n.At.MS), n.By, n.Text)})
		}
		if len(items) == 0 {
			items = append(items, item{"", "Nothing was observed, and nobody rated it."})
		}
		blocks = append(blocks, list(items...))
	}
	if items := r.across(); len(items) > 0 {
		title := "Across all objectives"
		if !res.Exercise {
			title = "What the record shows"
		}
		blocks = append(blocks, block{Kind: kindHead, Text: title}, list(items...))
	}
	return blocks
}

// across is what the record shows that belongs to no objective.
func (r *Report) across() []item {
	res := r.in.Result
	var good, bad, rest []item
	note := func(into *[]item, mark, format string, args ...any) {
		*into = append(*into, item{mark, fmt.Sprintf(format, args...)})
	}
	met := 0
	for _, x := range res.Expect {
		switch x.State {
		case score.Met:
			met++
		case score.Late:
			note(&bad, "-", "%s: came %s too late (inject %s)", x.Text, span(x.Met.MS-x.Deadline), x.Inject)
		case score.Missed:
			note(&bad, "-", "%s: did not come (inject %s)", x.Text, x.Inject)
		}
	}
	if met > 0 {
		note(&good, "+", "%s came in time", counted(met, "expected reaction"))
	}
	for _, w := range res.Wrong {
		note(&bad, "-", "Wrong decision at %s: %s, on the authority of %s: %s", plus(w.At.MS), w.What, cmp.Or(w.By, "nobody"), w.Why)
	}
	for _, g := range res.Glasses {
		into, mark, found := &bad, "-", "nobody has said whether that was right"
		if v := g.Review; v != nil {
			found = v.By + " found it not justified: " + v.Text
			if v.Justified {
				into, mark, found = &good, "+", v.By+" found it justified: "+v.Text
			}
		}
		note(into, mark, "%s broke the glass at %s, so that step %s went on without its quorum (%s); %s", g.By, plus(g.At.MS), g.Step, g.Reason, found)
	}
	for _, m := range []struct{ name, one, words string }{
		{"approvals_expired", "question", "expired, because nobody answered in time"},
		{"steps_skipped", "step", "left out by a person"},
		{"manual_out_of_order", "manual step", "done before one that stands above"},
		{"clocks_missed", "duty to notify", "not kept in time"},
	} {
		if n := value(res, m.name); n > 0 {
			note(&bad, "-", "%s %s", plural(n, m.one), m.words)
		}
	}
	if d := value(res, "doubts"); d > 0 {
		if s := value(res, "doubts_resolved"); s == d {
			note(&good, "+", "every attempt whose outcome was not known was settled (%d)", d)
		} else {
			note(&bad, "-", "%d of %d attempts whose outcome was not known were never settled", d-s, d)
		}
	}
	if n := value(res, "refused"); n > 0 {
		note(&rest, "", "%s refused", plural(n, "request"))
	}
	if n := value(res, "clocks_met"); n > 0 {
		note(&good, "+", "%s kept in time", plural(n, "duty to notify"))
	}
	for _, f := range res.Wash {
		who := cmp.Or(f.By, "somebody")
		if f.Well != "" {
			note(&good, "+", "%s, looking back: %s", who, f.Well)
		}
		if f.Badly != "" {
			note(&bad, "-", "%s, looking back: %s", who, f.Badly)
		}
	}
	for _, n := range res.Judged {
		if n.Objective == "" {
			note(&rest, "", "%s %s observed: %s", plus(n.At.MS), n.By, n.Text)
		}
	}
	return append(append(good, bad...), rest...)
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if one == "duty to notify" {
		return fmt.Sprintf("%d duties to notify", n)
	}
	return fmt.Sprintf("%d %ss", n, one)
}
