package report

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// improvement is what has to be done better.
func (r *Report) improvement() []block {
	var rows [][]cell
	for _, c := range r.in.Result.Correct {
		due := text(c.Due)
		state := toned("open", toneWarn)
		switch {
		case c.Closed:
			state = cell{Text: "closed", Sub: at(c.ClosedAt), Tone: toneGood}
		case c.Overdue:
			state = toned("overdue", toneBad)
		}
		what := text(c.Text)
		if c.Closed {
			what.Sub = "shown by: " + c.How
		}
		rows = append(rows, []cell{code(c.ID), what, text(cmp.Or(c.Objective, "–")), text(c.Owner), due, state})
	}
	return []block{tableOf("Corrective actions", "Nobody has written down a corrective action yet. Add one with: corrective \"what\" --owner NAME --due DATE", heads("Id", "*What", "Objective", "Owner", "!Due", "State"), rows)}
}

// participants is who took part.
func (r *Report) participants() []block {
	var rows [][]cell
	for _, p := range r.in.Result.People {
		var acts []string
		for _, a := range p.Acts {
			word := a.Verb
			if a.N > 1 {
				word += fmt.Sprintf(" (%d)", a.N)
			}
			acts = append(acts, word)
		}
		rows = append(rows, []cell{with(cmp.Or(p.ID, "–"), p.Name), text(join(p.Roles)), text(join(p.Groups)), text(join(acts)), text(plus(p.First.MS))})
	}
	return []block{tableOf("People", "Nobody took part.", heads("Who", "Roles", "Groups", "*Acts", "#First seen"), rows)}
}

// wash is what people said right after.
func (r *Report) wash() []block {
	res := r.in.Result
	if !res.Exercise && len(res.Wash) == 0 {
		return nil
	}
	var rows [][]cell
	for _, f := range res.Wash {
		who := text(f.By)
		if f.By == "" {
			who = toned("without a name", toneDim)
		}
		rows = append(rows, []cell{who, text(cmp.Or(f.Well, "–")), text(cmp.Or(f.Badly, "–")), text(cmp.Or(f.Change, "–"))})
	}
	return []block{tableOf("Answers", "Nobody has answered the questions of the hot wash.", heads("Who", "*What went well", "*What did not", "*What to change first"), rows)}
}

// pinned is what the exercise was pinned to.
func (r *Report) pinned() []block {
	res := r.in.Result
	t := res.Drill
	if t == nil {
		return nil
	}
	blocks := []block{pairs(
		named("Scenario", with(t.Scenario, "sha256 "+t.Digest)),
		named("Runbook", with(t.Runbook, "sha256 "+t.RunbookDigest)),
		named("Owner", text(cmp.Or(t.Owner, "–"))),
		named("Seed", text(strconv.FormatInt(t.Seed, 10))),
		named("Pace", text(strconv.Itoa(t.Pace)+" times, while nobody is asked")),
		named("Blind", text(yes(t.Blind))),
	)}
	var rows [][]cell
	for _, in := range t.Injects {
		state := cell{Text: in.State, Sub: in.Reason, Tone: toneMute}
		when := toned("–", toneDim)
		if in.State == "delivered" {
			state = cell{Text: in.State, Sub: in.Why}
			when = cell{Text: plus(in.At.MS), Sub: fmt.Sprint("place ", in.At.Seq)}
		}
		rows = append(rows, []cell{code(in.ID), when, text(in.To), text(in.Text), state})
	}
	blocks = append(blocks, tableOf("Injects", "The scenario has no injects.", heads("Id", "!When", "To", "*Text", "State"), rows))
	rows = nil
	for _, h := range res.Hints {
		rows = append(rows, []cell{text(plus(h.At.MS)), text(h.By), text("hint to " + h.To), text(h.Text)})
	}
	for _, s := range res.Set {
		rows = append(rows, []cell{text(plus(s.At.MS)), text(s.By), {Text: "outcome"}, text("the next attempt of " + s.Step + " comes to: " + s.Outcome)})
	}
	if len(rows) > 0 {
		blocks = append(blocks, tableOf("What the facilitator did", "", heads("!When", "Who", "What", "*Words"), rows))
	}
	return blocks
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// evidence says what the report rests on, and how to check it.
func (r *Report) evidence() []block {
	res := r.in.Result
	blocks := []block{
		para("Every figure above is worked out from facts in a journal that can only be added to. Each fact is a leaf of a tree of hashes; the head of the tree is signed. Whoever has the journal, or an export of it, and the public key can check that no fact was changed, added or left out."),
		pairs(r.proofPairs()...),
	}
	if r.in.Verify != "" {
		blocks = append(blocks, block{Kind: kindHead, Text: "How to check"}, block{Kind: kindQuote, Text: r.in.Verify})
	}
	var rows [][]cell
	for _, f := range res.Audit {
		rows = append(rows, []cell{text(strconv.FormatInt(f.Seq, 10)), toned(f.Text, toneBad)})
	}
	return append(blocks, tableOf("Promises of the engine, checked again", "The record was read by a second program, apart from the engine: no effect without an intent, no gated effect without enough people who saw that plan, no approval used twice, nothing repeated that may run once. It found nothing.", heads("Place", "*What is wrong"), rows))
}

func (r *Report) proofPairs() []pair {
	res, head := r.in.Result, r.in.Head
	list := []pair{
		named("Record", with(res.ID, fmt.Sprintf("%d facts, journal places %d to %d, store %s", res.Facts, res.First, res.Last, res.Store))),
	}
	if head.Size > 0 {
		list = append(list, named("Journal", with(head.Origin, fmt.Sprintf("head at %d entries", head.Size))),
			named("Root hash", code(base64.StdEncoding.EncodeToString(head.Root[:]))))
	}
	for _, run := range res.Runs {
		list = append(list, named("Run "+run.Run, with(run.Runbook, "sha256 "+run.Digest)))
	}
	return list
}

// ratings says in a few words how the objectives were rated: "2 P, 1 S".
func ratings(res *score.Result) string {
	var words []string
	for _, want := range []string{"P", "S", "M", "U", ""} {
		n := 0
		for _, o := range res.Aims {
			if string(o.Final) == want {
				n++
			}
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, cmp.Or(want, "not rated")))
		}
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}
