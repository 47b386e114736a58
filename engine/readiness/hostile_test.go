package readiness_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// No text of a person can steer a terminal, end a cell, open a tag, make a link,
// mention anybody or hide itself.
func TestHostileText(t *testing.T) {
	evil := "x\x1b[2J\r\n| <script>alert(1)</script> [a](http://e.example) @channel \u202Egnp.\u200B\x00\xff `code` *b* " + strings.Repeat("y", 100_000)
	p := compile(t, book)
	p.Title, p.Owner.Team, p.Source.Name = evil, evil, evil
	p.Waivers = []runbooks.Waiver{{Rule: evil, Step: evil, Reason: evil, Owner: evil, Expires: evil}}
	c := drill(t, 1, compile(t, book), 200, func(s *tale) {
		s.after = []engine.Event{{Actor: actor("fay"), Body: engine.ObjectiveRated{Objective: "contain", Rating: engine.Unable, Why: "x"}}}
	})
	c.Drill.Reasons = []string{evil}
	c.Correctives = []readiness.Corrective{{ID: evil, Text: evil, Owner: evil, Due: "2020-01-01"}}
	c.Refused = []readiness.Refused{{Code: evil, Verb: evil, At: now}}
	i := live(t, 1, compile(t, book), 3)
	i.Holds[0].Why, i.Holds[0].State, i.Holds[0].By = evil, readiness.Kept, evil
	i.Glasses = []readiness.Glass{
		{Run: evil, Runbook: p.ID, Step: evil, Path: evil, By: evil, Reason: evil, At: now, Due: now},
		{Run: "R1", Runbook: p.ID, Step: "cut", Path: evil, By: evil, Reason: evil, At: now, Due: now, Reviewer: evil, Text: evil, Reviewed: now},
	}
	p.Steps[1].Approval.BreakGlass = &runbooks.BreakGlass{By: []string{evil}, Review: []string{evil}}
	other := compile(t, book)
	other.ID = evil
	in := input([]*runbooks.Program{p, other}, c, i)
	in.Left = []readiness.LeftOut{{File: evil, Text: evil}}
	in.Unread = []string{evil}
	l, r := readiness.Make(in), readiness.Review(in, now.AddDate(-2, 0, 0))
	plain := []string{show(t, func(b *bytes.Buffer) error { return l.Text(b, false) }), show(t, func(b *bytes.Buffer) error { return r.Text(b, false) })}
	pages := []string{show(t, func(b *bytes.Buffer) error { return l.Markdown(b) }), show(t, func(b *bytes.Buffer) error { return r.Markdown(b) })}
	for _, text := range slices.Concat(plain, pages) {
		if i := strings.IndexFunc(text, func(r rune) bool {
			return r != '\n' && r != '\u2060' && (!unicode.IsPrint(r) || r == '\u202E' || r == '\u200B')
		}); i >= 0 {
			t.Errorf("%q can be hidden at %.60q", text[i], text[max(i-20, 0):])
		}
		if !strings.Contains(text, "⟨0xFF⟩") || !strings.Contains(text, "⟨U+202E⟩") {
			t.Error("what was hidden is not shown")
		}
		if len(text) > 60_000 {
			t.Errorf("%d bytes; long texts are not cut", len(text))
		}
	}
	for _, page := range pages {
		for _, bad := range []string{"<script", "@channel", "://", "`code`", "*b*"} {
			if strings.Contains(page, bad) {
				t.Errorf("the page holds %q", bad)
			}
		}
		if strings.Contains(strings.ReplaceAll(page, `\]`, ""), "](") {
			t.Error("the page holds a link")
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "| ") && strings.Count(line, "|") != 8 {
				t.Errorf("a row has other cells: %.100q", line)
			}
		}
	}
}

// Whatever happened: the ledger does not panic, says the same twice, its figures
// agree with each other, and every state has a reason.
func TestAnyPast(t *testing.T) {
	books := []*runbooks.Program{compile(t, book), edit(t, "quorum: 1", "quorum: 2"), edit(t, "within: 30s", "within: 40s"), glassBook(t)}
	kinds := []func(*tale){func(*tale) {}, scripted, rated(engine.Unable), rated(engine.SomeChallenges), func(s *tale) { s.stop = engine.EndStopWord }, func(s *tale) { s.acts = nil; s.acts = append(s.acts, keep()) },
		broken(bob, "alone"), func(s *tale) { broken(bob, "alone")(s); reviewed(time.Hour, sim.Unjustified, "no")(s) }}
	var pool []*readiness.Case // of every kind one
	for n, p := range books {
		for k, kind := range kinds {
			pool = append(pool, drill(t, n*10+k+1, p, 10*(k+1), kind), live(t, n*10+k+1, p, 7*(k+1)))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var cases []*readiness.Case
		for range rapid.IntRange(0, 8).Draw(t, "cases") {
			c := *rapid.SampledFrom(pool).Draw(t, "case")
			if c.Drill != nil {
				d := *c.Drill
				back := time.Duration(rapid.IntRange(-5, 400).Draw(t, "days")) * 24 * time.Hour
				d.Began, d.Ended = now.Add(-back), now.Add(-back)
				c.Drill = &d
			}
			cases = append(cases, &c)
		}
		in := readiness.Input{Now: now, Programs: []*runbooks.Program{rapid.SampledFrom(books).Draw(t, "book")}, Policy: readiness.Policy{AddsApprover: rapid.Bool().Draw(t, "adds")}}
		for _, c := range cases {
			if c.Exercise {
				in.Drills = append(in.Drills, c)
			} else {
				in.Incidents = append(in.Incidents, c)
			}
		}
		if rapid.Bool().Draw(t, "directory") {
			usual().into(&in)
		}
		l := readiness.Make(in)
		r := l.Rows[0]
		if len(r.States) == 0 || r.State != r.States[0] || slices.Contains(r.States, readiness.Fresh) != (len(r.States) == 1 && r.State == readiness.Fresh) {
			t.Fatalf("states %v", r.States)
		}
		for _, s := range r.States {
			if s != readiness.Fresh && !slices.ContainsFunc(r.Reasons, func(one readiness.Reason) bool { return one.State == s }) {
				t.Fatalf("%s has no reason", s)
			}
		}
		if slices.Contains(r.States, readiness.Never) != (r.Last == nil) || r.Base != nil && r.Last == nil || len(r.Drift) > 0 != slices.Contains(r.States, readiness.Drifted) {
			t.Fatalf("%v, last %v, base %v, drift %v", r.States, r.Last, r.Base, r.Drift)
		}
		if r.Rate.Passed > r.Rate.Of || r.Steps.Exercised+len(r.Steps.Never) != r.Steps.Total {
			t.Fatalf("rate %+v, steps %+v", r.Rate, r.Steps)
		}
		extra := readiness.Extra(in, in.Programs[0])
		unrehearsed := slices.ContainsFunc(r.States, readiness.State.Unrehearsed)
		if (extra != nil) != (in.Policy.AddsApprover && unrehearsed) {
			t.Fatalf("extra %v in %v", extra, r.States)
		}
		glasses := 0
		for _, c := range in.Incidents {
			glasses += len(c.Glasses)
		}
		open := func(u readiness.GlassUse) bool {
			return u.State == readiness.Overdue || u.State == readiness.Unreviewed
		}
		if b := r.BreakGlass; len(b.Uses) != glasses || !slices.IsSortedFunc(b.Uses, func(a, b readiness.GlassUse) int {
			return map[bool]int{true: 0, false: 1}[open(a)] - map[bool]int{true: 0, false: 1}[open(b)]
		}) {
			t.Fatalf("%d glasses, told as %+v", glasses, b.Uses)
		}
		review := readiness.Review(in, now.AddDate(0, 0, -90))
		if len(review.Sections) != 12 {
			t.Fatalf("%d sections", len(review.Sections))
		}
		if a, b := fmt.Sprint(*l.Rows[0]), fmt.Sprint(*readiness.Make(in).Rows[0]); stripped(a) != stripped(b) {
			t.Fatal("a second time it is something else")
		}
	})
}

// stripped drops addresses, which differ between two values that are equal.
func stripped(s string) string {
	var words []string
	for word := range strings.FieldsSeq(s) {
		if !strings.Contains(word, "0x") {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}
