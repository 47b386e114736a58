package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// waived is a program with two steps that nobody approves, and these waivers.
func waived(waivers ...runbooks.Waiver) runbooks.Program {
	one, two := changes("one"), changes("two", "one")
	one.Approval, two.Approval = nil, nil
	p := whole(one, two)
	for i, w := range waivers {
		w.Pos = runbooks.Pos{Line: 30 + i, Col: 5}
		w.Reason = "because"
		if w.Owner == "" {
			w.Owner = "group:leads"
		}
		p.Waivers = append(p.Waivers, w)
	}
	return p
}

// short is what was found, one line each, then what was waived.
func short(p *runbooks.Program, now time.Time) []string {
	opts := options()
	opts.Now = now
	result := lint.Inspect(p, runbookstest.Catalog(), opts)
	var out []string
	for _, d := range result.Found {
		out = append(out, fmt.Sprintf("%d %s: %s (%s)", d.Pos.Line, d.Rule, d.Message, d.Hint))
	}
	for _, w := range result.Waived {
		for _, d := range w.Findings {
			out = append(out, fmt.Sprintf("waived in %d: %d %s", w.Waiver.Pos.Line, d.Pos.Line, d.Rule))
		}
	}
	if diff := cmp.Diff(result.Found, lint.Check(p, runbookstest.Catalog(), opts)); diff != "" {
		out = append(out, "Check says something else: "+diff)
	}
	return out
}

const (
	one = `10 reversible-without-approval: the step "one" changes its target and nobody has to approve it (add approval: {from: [group:...]})`
	two = `11 reversible-without-approval: the step "two" changes its target and nobody has to approve it (add approval: {from: [group:...]})`
)

func TestWaivers(t *testing.T) {
	const rule = "reversible-without-approval"
	day := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	now := day("2026-11-26T12:00:00Z")
	for _, tt := range []struct {
		name    string
		waivers []runbooks.Waiver
		now     time.Time
		want    []string
	}{
		{"none", nil, now, []string{one, two}},
		{"one step", []runbooks.Waiver{{Rule: rule, Step: "two", Expires: "2026-12-01"}}, now, []string{one, "waived in 30: 11 " + rule}},
		{"the whole runbook", []runbooks.Waiver{{Rule: rule, Expires: "2026-12-01"}}, now, []string{"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
		{"until the end of its day", []runbooks.Waiver{{Rule: rule, Expires: "2026-11-26"}}, day("2026-11-26T23:59:59Z"), []string{"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
		{"the day after", []runbooks.Waiver{{Rule: rule, Step: "two", Expires: "2026-11-26"}}, day("2026-11-27T00:00:00Z"), []string{one,
			`11 reversible-without-approval: the step "two" changes its target and nobody has to approve it; the waiver of this, which group:leads owns, expired on 2026-11-26 (add approval: {from: [group:...]}, or let group:leads say again why it has to be, and until when)`}},
		{"the day of UTC", []runbooks.Waiver{{Rule: rule, Expires: "2026-11-26"}}, day("2026-11-27T01:00:00+02:00"), []string{"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
		{"expired, and renewed", []runbooks.Waiver{{Rule: rule, Step: "two", Expires: "2026-10-01"}, {Rule: rule, Step: "two", Expires: "2026-12-01"}}, now, []string{one, "waived in 31: 11 " + rule}},
		{"twice over", []runbooks.Waiver{{Rule: rule, Expires: "2026-12-01"}, {Rule: rule, Step: "two", Expires: "2026-12-01"}}, now, []string{"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
		{"no clock", []runbooks.Waiver{{Rule: rule, Step: "two", Expires: "2026-12-01"}}, time.Time{}, []string{one, two}},
		{"a day that is none", []runbooks.Waiver{{Rule: rule, Step: "two", Expires: "soon"}}, now, []string{one,
			`11 reversible-without-approval: the step "two" changes its target and nobody has to approve it; the waiver of this, which group:leads owns, expired on soon (add approval: {from: [group:...]}, or let group:leads say again why it has to be, and until when)`}},
		{"a mistyped rule", []runbooks.Waiver{{Rule: "reversible-without-aproval", Step: "two", Expires: "2026-12-01"}}, now, []string{one, two,
			`30 waiver-unknown: there is no rule "reversible-without-aproval" to waive (did you mean "reversible-without-approval"?)`}},
		{"a mistake of form", []runbooks.Waiver{{Rule: "unguarded", Step: "two", Expires: "2026-12-01"}}, now, []string{one, two,
			`30 waiver-unknown: there is no rule "unguarded" to waive (firebreak lint --rules lists the rules; a mistake of form cannot be waived)`}},
		{"a step that is not there", []runbooks.Waiver{{Rule: rule, Step: "tow", Expires: "2026-12-01"}}, now, []string{one, two,
			`30 waiver-unused: the waiver of "reversible-without-approval" for step "tow" covers nothing (take it out)`}},
		{"a rule that may not be", []runbooks.Waiver{{Rule: "target-self", Step: "two", Expires: "2026-12-01"}, {Rule: "waiver-unused", Expires: "2026-12-01"}}, now, []string{one, two,
			`30 waiver-forbidden: the rule "target-self" cannot be waived (mend what it finds, and take the waiver out)`,
			`31 waiver-forbidden: the rule "waiver-unused" cannot be waived (mend what it finds, and take the waiver out)`}},
		{"366 days", []runbooks.Waiver{{Rule: rule, Expires: "2027-11-27"}}, now, []string{"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
		{"367 days", []runbooks.Waiver{{Rule: rule, Expires: "2027-11-28"}}, now, []string{
			`30 waiver-too-long: the waiver of "reversible-without-approval" lasts until 2027-11-28, more than 366 days from now (give a day on which its owner looks at it again, at the latest 2027-11-27)`,
			"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
		{"unused", []runbooks.Waiver{{Rule: "no-owner", Expires: "2026-12-01"}}, now, []string{one, two, `30 waiver-unused: the waiver of "no-owner" covers nothing (take it out)`}},
		{"unused for this step", []runbooks.Waiver{{Rule: "destructive-without-undo", Step: "two", Expires: "2026-12-01"}}, now, []string{one, two,
			`30 waiver-unused: the waiver of "destructive-without-undo" for step "two" covers nothing (take it out)`}},
		{"expired and unused", []runbooks.Waiver{{Rule: "no-owner", Expires: "2026-01-01"}}, now, []string{one, two, `30 waiver-unused: the waiver of "no-owner" covers nothing (take it out)`}},
		{"owned by nobody", []runbooks.Waiver{{Rule: rule, Expires: "2026-12-01", Owner: "group:leds"}, {Rule: "no-owner", Expires: "2026-12-01", Owner: "person:alcie"}}, now, []string{
			`30 approval-group: the waiver of "reversible-without-approval" names the group "leds", which is not in the directory (did you mean "leads"?)`,
			`31 approval-group: the waiver of "no-owner" names the person "alcie", who is not in the directory (did you mean "alice"?)`,
			`31 waiver-unused: the waiver of "no-owner" covers nothing (take it out)`,
			"waived in 30: 10 " + rule, "waived in 30: 11 " + rule}},
	} {
		p := waived(tt.waivers...)
		if diff := cmp.Diff(tt.want, short(&p, tt.now)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// What no reason makes right is found whatever is waived.
func TestWaiversCannotHide(t *testing.T) {
	for _, rule := range lint.Rules() {
		if rule.Waivable {
			continue
		}
		p := waived(runbooks.Waiver{Rule: rule.Name, Expires: "2026-12-01"})
		step := changes("self")
		step.Pos = runbooks.Pos{Line: 20, Col: 5}
		step.With = &runbooks.Value{Form: runbooks.Object, Members: []runbooks.Member{
			{Name: "principal_arn", Value: &runbooks.Value{Form: runbooks.Literal, Literal: "arn:aws:iam::111122223333:role/firebreak-contain"}},
			{Name: "token", Value: &runbooks.Value{Form: runbooks.Literal, Literal: "hunter2"}},
		}}
		step.Uses, step.Repeat, step.Retry.Attempts = "aws.iam.quarantine_principal", actions.Once, 2
		p.Steps = append(p.Steps, step)
		result := lint.Inspect(&p, runbookstest.Catalog(), options())
		all := fmt.Sprint(result.Found)
		for _, want := range []string{"[target-self]", "[secret-in-literal]", "[retry-of-once]", "[waiver-forbidden]"} {
			if !strings.Contains(all, want) {
				t.Errorf("a waiver of %s: got %s, want %s", rule.Name, all, want)
			}
		}
		if len(result.Waived) > 0 {
			t.Errorf("a waiver of %s is in force: %v", rule.Name, result.Waived)
		}
	}
}

// A rule about people is silent without a directory; its waiver is not unused.
func TestWaiverOfASilentRule(t *testing.T) {
	for _, rule := range []string{"approval-group", "approval-quorum", "approval-requester", "break-glass-review"} {
		p := waived(runbooks.Waiver{Rule: rule, Expires: "2026-12-01"})
		found := lint.Check(&p, runbookstest.Catalog(), lint.Options{Now: options().Now})
		if got := fmt.Sprint(found); strings.Contains(got, "waiver") {
			t.Errorf("%s: got %s", rule, got)
		}
		if got := fmt.Sprint(lint.Check(&p, runbookstest.Catalog(), options())); !strings.Contains(got, "waiver-unused") {
			t.Errorf("%s with a directory: got %s", rule, got)
		}
	}
}

// Who is asked for an undo, for the end of a containment, or in the second
// round has to be there, too.
func TestPeopleEverywhere(t *testing.T) {
	missing := &runbooks.Approval{From: []string{"group:nope"}, Quorum: 1}
	step := changes("one")
	step.Approval.Escalate = &runbooks.Escalate{To: []string{"group:ghosts"}}
	step.Undo = &runbooks.UndoRule{Approval: missing}
	step.Contains = &runbooks.Contains{Ask: []string{"person:zoe"}, Expires: runbooks.Span(91 * 24 * time.Hour)}
	manual := runbooks.Step{ID: "look", Manual: &runbooks.Manual{}, Approval: missing}
	p := whole(step, manual)
	last := changes("last")
	last.Approval = &runbooks.Approval{From: []string{"group:lonely"}, Quorum: 1}
	p.OnCancel = []runbooks.Step{last}
	var got []string
	for _, d := range lint.Check(&p, runbookstest.Catalog(), options()) {
		got = append(got, d.Rule+": "+d.Message)
	}
	want := []string{
		`approval-requester: the approval of step "last" asks nobody but alice, who cannot approve a run that they started`,
		`approval-group: contains.ask of step "one" names the person "zoe", who is not in the directory`,
		`approval-group: the approval of step "one" names the group "ghosts", which has nobody in it`,
		`approval-group: the approval of the undo of step "one" names the group "nope", which is not in the directory`,
		`contains-forever: nobody is asked about the containment of step "one" for more than 90 days`,
		`approval-group: the approval of step "look" names the group "nope", which is not in the directory`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRequester(t *testing.T) {
	step := changes("one")
	for _, tt := range []struct {
		from     []string
		quorum   int
		starters []string
		want     string
	}{
		{[]string{"group:leads"}, 2, nil, ""},
		{[]string{"group:leads"}, 3, nil, "needs all 3 people who are asked; when one of them, such as alice, starts the run, it cannot be given"},
		{[]string{"group:leads"}, 3, []string{"carol"}, "such as carol, starts"},
		{[]string{"group:leads"}, 3, []string{"dave"}, ""},
		{[]string{"group:leads"}, 3, []string{}, ""},
		{[]string{"group:lonely"}, 1, nil, "asks nobody but alice"},
		{[]string{"group:lonely", "person:alice"}, 1, nil, "asks nobody but alice"},
		{[]string{"group:lonely", "person:bob"}, 1, nil, ""},
		{[]string{"person:bob"}, 1, nil, "asks nobody but bob"},
		{[]string{"group:ciso"}, 3, nil, ""}, // approval-quorum
		{[]string{"group:nope"}, 1, nil, ""}, // approval-group
	} {
		step.Approval = &runbooks.Approval{From: tt.from, Quorum: tt.quorum}
		p := whole(step)
		opts := options()
		opts.Starters = tt.starters
		got := ""
		for _, d := range lint.Check(&p, runbookstest.Catalog(), opts) {
			if d.Rule == "approval-requester" {
				got += d.Message
			}
		}
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%v, %d, %v: got %q, want %q", tt.from, tt.quorum, tt.starters, got, tt.want)
		}
	}
}

// The way back that a person takes is a way back.
func TestUndoByHand(t *testing.T) {
	p := whole(changes("one"))
	p.Steps[0].Uses, p.Steps[0].Effect, p.Steps[0].CanUndo = "test.wipe", actions.Destructive, false
	if got := messages(&p, "destructive-without-undo"); len(got) != 1 {
		t.Errorf("no way back: got %v", got)
	}
	p.Steps[0].Undo = &runbooks.UndoRule{Within: runbooks.Span(time.Minute)}
	if got := messages(&p, "destructive-without-undo"); len(got) != 1 {
		t.Errorf("no instructions: got %v", got)
	}
	p.Steps[0].Undo.Manual = &runbooks.Value{Form: runbooks.Literal, Literal: "Restore it"}
	if got := messages(&p, "destructive-without-undo"); len(got) != 0 {
		t.Errorf("by hand: got %v", got)
	}
}
