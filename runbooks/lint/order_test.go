package lint_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// The steps of programs that are put together by hand.

func reads(id string, needs ...string) runbooks.Step {
	return runbooks.Step{ID: id, Uses: "test.nothing", Effect: actions.Read, Repeat: actions.Idempotent, Needs: needs}
}

func evidence(id string, needs ...string) runbooks.Step {
	s := reads(id, needs...)
	s.Evidence = true
	return s
}

func changes(id string, needs ...string) runbooks.Step {
	s := reads(id, needs...)
	s.Uses, s.Effect, s.CanUndo = "aws.iam.quarantine_principal", actions.Reversible, true
	s.Approval = &runbooks.Approval{From: []string{"group:leads"}, Quorum: 1, Expires: runbooks.Span(5 * time.Minute)}
	return s
}

func tells(id string, needs ...string) runbooks.Step {
	s := reads(id, needs...)
	s.Uses, s.Effect, s.Tells = "slack.post", actions.Reversible, true
	return s
}

func adds(id string, needs ...string) runbooks.Step {
	s := reads(id, needs...)
	s.Uses, s.Effect, s.Adds = "test.snapshot", actions.Reversible, true
	return s
}

func preserves(id string, needs ...string) runbooks.Step {
	s := changes(id, needs...)
	s.Uses, s.Preserves = "test.protect", true
	return s
}

func waits(id string, d time.Duration, needs ...string) runbooks.Step {
	return runbooks.Step{ID: id, Wait: &runbooks.Wait{For: runbooks.Span(d)}, Needs: needs}
}

func calls(id string, p runbooks.Program, needs ...string) runbooks.Step {
	return runbooks.Step{ID: id, Runbook: &runbooks.Subrun{ID: p.ID, Program: &p}, Needs: needs}
}

func whole(steps ...runbooks.Step) runbooks.Program {
	for i := range steps {
		steps[i].Pos = runbooks.Pos{Line: 10 + i, Col: 5}
	}
	return runbooks.Program{ID: "test", Owner: runbooks.Owner{Team: "t", Contact: "#t"}, Budget: runbooks.Span(20 * time.Minute), Steps: steps, Source: runbooks.Source{Name: "test.yaml"}}
}

// messages lists what one rule says.
func messages(p *runbooks.Program, rule string) []string {
	var out []string
	for _, d := range lint.Check(p, runbookstest.Catalog(), options()) {
		if d.Rule == rule {
			out = append(out, d.Message)
		}
	}
	return out
}

// A copy for the record needs nobody's approval, whatever keeps its target from
// being lost does.
func TestWhoHasToApprove(t *testing.T) {
	unasked := preserves("p")
	unasked.Approval = nil
	claims := changes("c")
	claims.Approval, claims.Adds = nil, true
	p := whole(adds("a"), tells("t"), unasked, claims)
	want := []string{`the step "p" changes its target and nobody has to approve it`, `the step "c" changes its target and nobody has to approve it`}
	if diff := cmp.Diff(want, messages(&p, "reversible-without-approval")); diff != "" {
		t.Error(diff)
	}
}

func TestEvidenceOrder(t *testing.T) {
	late := func(collects, changes string) []string {
		return []string{`the step "` + collects + `" collects evidence and may run after the step "` + changes + `" has changed something`}
	}
	bothOrders := whole(evidence("e"), changes("c", "e"))
	onlyChange := whole(changes("c"))
	onlyEvidence := whole(evidence("e"))
	cancelled := whole(changes("c"))
	cancelled.OnCancel = []runbooks.Step{evidence("e")}
	for _, tt := range []struct {
		name  string
		steps []runbooks.Step
		want  []string
	}{
		{"before", []runbooks.Step{evidence("e"), changes("c", "e")}, nil},
		{"before, two steps away", []runbooks.Step{evidence("e"), reads("r", "e"), changes("c", "r")}, nil},
		{"after", []runbooks.Step{changes("c"), evidence("e", "c")}, late("e", "c")},
		{"at the same time", []runbooks.Step{evidence("e"), changes("c")}, late("e", "c")},
		{"before one of two", []runbooks.Step{evidence("e"), changes("c", "e"), changes("d")}, late("e", "d")},
		{"after reading and telling", []runbooks.Step{reads("r"), tells("t", "r"), evidence("e", "t")}, nil},
		{"evidence that makes something", []runbooks.Step{evidence("e"), func() runbooks.Step { s := changes("snap"); s.Evidence = true; return s }()}, nil},
		{"evidence that leaves a trace on its target", []runbooks.Step{func() runbooks.Step { s := adds("a"); s.Evidence, s.Effect = true, actions.Destructive; return s }(), changes("c", "a")}, nil},
		{"after a copy for the record", []runbooks.Step{adds("a"), evidence("e", "a")}, nil},
		{"after what keeps the target from being lost", []runbooks.Step{preserves("p"), evidence("e", "p")}, nil},
		{"what only claims to", []runbooks.Step{func() runbooks.Step { s := changes("c"); s.Adds, s.Preserves = true, true; return s }(), evidence("e", "c")}, late("e", "c")},
		{"the called one changes", []runbooks.Step{calls("call", onlyChange), evidence("e", "call")}, late("e", "call.c")},
		{"the called one collects", []runbooks.Step{changes("c"), calls("call", onlyEvidence, "c")}, late("call.e", "c")},
		{"both are called", []runbooks.Step{calls("one", onlyChange), calls("two", onlyEvidence, "one")}, late("two.e", "one.c")},
		{"two deep", []runbooks.Step{calls("one", whole(calls("deep", onlyChange))), evidence("e", "one")}, late("e", "one.deep.c")},
		{"called in order", []runbooks.Step{calls("one", onlyEvidence), calls("two", onlyChange, "one")}, nil},
		{"in order inside the called one", []runbooks.Step{calls("one", bothOrders)}, nil},
		{"what happens on cancel", []runbooks.Step{calls("one", cancelled, "e"), evidence("e")}, nil},
	} {
		p := whole(tt.steps...)
		if diff := cmp.Diff(tt.want, messages(&p, "evidence-after-change")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	p := whole(evidence("e"))
	p.Steps[0].Uses, p.Steps[0].Effect = "test.terminate", actions.Destructive
	if diff := cmp.Diff([]string{`the step "e" is called evidence and destroys something itself`}, messages(&p, "evidence-after-change")); diff != "" {
		t.Error(diff)
	}
}

func TestBudget(t *testing.T) {
	slow := func(s runbooks.Step, d time.Duration) runbooks.Step {
		s.Approval.Expires = runbooks.Span(d)
		return s
	}
	maybe := func(s runbooks.Step) runbooks.Step {
		s.If = &runbooks.Expression{Source: "inputs.b"}
		return s
	}
	m := time.Minute
	for _, tt := range []struct {
		name  string
		steps []runbooks.Step
		want  []string
	}{
		{"just fits", []runbooks.Step{waits("w", 15*m), changes("c", "w")}, nil},
		{"one second over", []runbooks.Step{waits("w", 15*m+time.Second), changes("c", "w")}, []string{`the step "c" begins after waits of 15m1s and its approval may take 5m, and the budget is 20m`}},
		{"waits alone", []runbooks.Step{waits("w", 2*time.Hour), changes("c", "w"), changes("d", "c")}, []string{`the step "c" begins after waits of 2h, and the budget is 20m`}},
		{"an approval alone", []runbooks.Step{slow(changes("c"), 21*m)}, []string{`the approval of step "c" may take 21m, and the budget is 20m`}},
		{"two approvals, each in time", []runbooks.Step{slow(changes("c"), 15*m), slow(changes("d", "c"), 15*m)}, nil},
		{"beside each other", []runbooks.Step{waits("v", 12*m), waits("w", 12*m), changes("c", "v", "w")}, nil},
		{"one after the other", []runbooks.Step{waits("v", 12*m), waits("w", 12*m, "v"), changes("c", "w")}, []string{`the step "c" begins after waits of 24m, and the budget is 20m`}},
		{"after the last change", []runbooks.Step{changes("c"), waits("w", 72*time.Hour, "c"), reads("r", "w")}, nil},
		{"a wait that may not be", []runbooks.Step{maybe(waits("w", 72*time.Hour)), changes("c", "w")}, nil},
		{"needs named before the steps", []runbooks.Step{changes("c", "w"), waits("w", 30*m)}, []string{`the step "c" begins after waits of 30m, and the budget is 20m`}},
		{"in a called runbook", []runbooks.Step{waits("w", 10*m), calls("call", whole(waits("v", 11*m), changes("c", "v")), "w")}, []string{`the step "call.c" begins after waits of 21m, and the budget is 20m`}},
		{"behind a called runbook", []runbooks.Step{calls("call", whole(waits("v", 30*m))), changes("c", "call")}, []string{`the step "c" begins after waits of 30m, and the budget is 20m`}},
	} {
		p := whole(tt.steps...)
		if diff := cmp.Diff(tt.want, messages(&p, "budget-too-small")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		p.Budget = 0
		if got := messages(&p, "budget-too-small"); got != nil {
			t.Errorf("%s, no budget: got %v", tt.name, got)
		}
	}
}

// harmless says that every action only reads.
type harmless struct{ runbooks.Catalog }

func (h harmless) Spec(name string) (actions.Spec, bool) {
	spec, ok := h.Catalog.Spec(name)
	spec.Effect = actions.Read
	return spec, ok
}

// Looking at firebreak itself is fine.
func TestTargetSelfMayBeRead(t *testing.T) {
	step := reads("look")
	step.Uses = "aws.iam.quarantine_principal"
	step.With = &runbooks.Value{Form: runbooks.Object, Members: []runbooks.Member{{Name: "principal_arn", Value: &runbooks.Value{Form: runbooks.Literal, Literal: "firebreak"}}}}
	p := whole(step)
	if found := lint.Check(&p, harmless{runbookstest.Catalog()}, options()); len(found) > 0 {
		t.Errorf("got %v", found)
	}
	if got := messages(&p, "target-self"); len(got) != 1 {
		t.Errorf("with the catalog of today: got %v", got)
	}
}

// Runbooks that call each other, as they are written.
func TestCalls(t *testing.T) {
	file := func(id, rest string) runbooks.File {
		return runbooks.File{Name: id + ".yaml", Src: lint.Example("\nid: " + id + rest)}
	}
	const who = `who: {type: string, description: Whom to stop}`
	programs, found := runbooks.LoadAll([]runbooks.File{
		file("stop", `
inputs:
  `+who+`
steps:
  - id: quarantine
    uses: aws.iam.quarantine_principal
    with: {principal_arn: "${{ inputs.who }}"}
    approval: {from: [group:leads]}
`),
		file("record", `
inputs: # none
steps:
  - {id: look, uses: test.collect, with: {target: x}, evidence: true}
`),
		file("wrong", `
steps:
  - {id: stop, runbook: stop, with: {who: "arn:aws:iam::111122223333:role/firebreak-contain"}}
  - {id: record, runbook: record}
`),
		file("right", `
steps:
  - {id: record, runbook: record}
  - {id: stop, runbook: stop, with: {who: "arn:aws:iam::111122223333:role/ci-deploy"}}
`),
		file("each", `
inputs:
  roles: {type: list, of: string, description: Which}
steps:
  - {id: stop, for_each: inputs.roles, runbook: stop, with: {who: "${{ item }}"}}
`),
	}, runbookstest.Catalog())
	if len(found) > 0 {
		t.Fatal(found)
	}
	var got []string
	for _, p := range programs {
		for _, d := range lint.Check(p, runbookstest.Catalog(), options()) {
			got = append(got, d.Error())
		}
	}
	want := []string{
		`wrong.yaml:11:43: the step "stop" acts against "firebreak-contain", which is firebreak's own [target-self]`,
		`wrong.yaml:12:5: the step "record.look" collects evidence and may run after the step "stop.quarantine" has changed something [evidence-after-change]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTargetSelf(t *testing.T) {
	text := func(s string) *runbooks.Value { return &runbooks.Value{Form: runbooks.Literal, Literal: s} }
	reading := func(source string) *runbooks.Value {
		return &runbooks.Value{Form: runbooks.Text, Parts: []runbooks.Part{{Expr: &runbooks.Expression{Source: source}}}}
	}
	joined := func(before, source, after string) *runbooks.Value {
		parts := []runbooks.Part{{Text: before}, {Expr: &runbooks.Expression{Source: source}}, {Text: after}}
		return &runbooks.Value{Form: runbooks.Text, Parts: slices.DeleteFunc(parts, func(p runbooks.Part) bool { return p.Expr == nil && p.Text == "" })}
	}
	with := func(s runbooks.Step, name string, v *runbooks.Value) runbooks.Step {
		s.With = &runbooks.Value{Form: runbooks.Object, Members: []runbooks.Member{{Name: name, Value: v}}}
		return s
	}
	each := func(s runbooks.Step, in string) runbooks.Step {
		s.ForEach = &runbooks.ForEach{In: &runbooks.Expression{Source: in}}
		return s
	}
	inputs := []runbooks.Input{
		{Name: "own", Type: actions.String, Default: "firebreak-contain"},
		{Name: "other", Type: actions.String, Default: "ci-deploy"},
		{Name: "roles", Type: actions.List, Default: []any{"a", "firebreak-contain"}},
	}
	sub := whole(with(changes("c"), "principal_arn", reading("inputs.role")), with(reads("r"), "target", reading("inputs.label")))
	sub.Inputs = []runbooks.Input{{Name: "role", Type: actions.String}, {Name: "label", Type: actions.String}}
	deep := whole(with(calls("c", sub), "role", reading("inputs.who")))
	deep.Inputs = []runbooks.Input{{Name: "who", Type: actions.String}}
	for _, tt := range []struct {
		name string
		step runbooks.Step
		want bool
	}{
		{"an ARN", with(changes("c"), "principal_arn", text("arn:aws:iam::111122223333:role/firebreak-contain")), true},
		{"an ARN with a path", with(changes("c"), "principal_arn", text("arn:aws:iam::111122223333:role/x/firebreak-contain")), true},
		{"the name itself", with(changes("c"), "principal_arn", text("firebreak")), true},
		{"another", with(changes("c"), "principal_arn", text("arn:aws:iam::111122223333:role/ci-deploy")), false},
		{"in a path only", with(changes("c"), "principal_arn", text("arn:aws:iam::111122223333:role/firebreak-team/ci")), false},
		{"a longer word", with(changes("c"), "principal_arn", text("firebreakers")), false},
		{"computed before", with(changes("c"), "principal_arn", joined("arn:aws:iam::", "environment.account", ":role/firebreak-contain")), true},
		{"computed behind", with(changes("c"), "principal_arn", joined("role/firebreak-", "inputs.other", "")), true},
		{"computed name", with(changes("c"), "principal_arn", joined("role/", "inputs.other", "")), false},
		{"a default", with(changes("c"), "principal_arn", reading("inputs.own")), true},
		{"another default", with(changes("c"), "principal_arn", reading("inputs.other")), false},
		{"an item", each(with(changes("c"), "principal_arn", reading("item")), "inputs.roles"), true},
		{"a read", with(reads("c"), "principal_arn", text("firebreak-contain")), false},
		{"no subject", with(changes("c"), "note", text("firebreak-contain")), false},
		{"handed down", with(calls("call", sub), "role", text("firebreak-contain")), true},
		{"handed down to a read", with(calls("call", sub), "label", text("firebreak-contain")), false},
		{"handed down twice", with(calls("call", deep), "who", text("firebreak-contain")), true},
		{"a default handed down", with(calls("call", sub), "role", reading("inputs.own")), true},
	} {
		p := whole(tt.step)
		p.Inputs = inputs
		if got := messages(&p, "target-self"); (len(got) > 0) != tt.want || len(got) > 0 && !strings.Contains(got[0], `"firebreak`) {
			t.Errorf("%s: got %v, want a finding: %v", tt.name, got, tt.want)
		}
	}
}
