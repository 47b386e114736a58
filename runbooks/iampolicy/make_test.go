package iampolicy_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// What each step is for, and that no step is forgotten.
func TestPhases(t *testing.T) {
	all := func(name string) []actions.Permission {
		var rows []actions.Permission
		for _, phase := range actions.Phases() {
			rows = append(rows, row(phase, name+":"+string(phase), "*"))
		}
		return rows
	}
	specs := []actions.Spec{
		spec("aws.read", actions.Read, all("read")...), spec("aws.change", actions.Reversible, all("change")...),
		spec("aws.final", actions.Destructive, all("final")...), {Name: "slack.post", Effect: actions.Reversible, Permissions: all("slack")},
	}
	specs[0].CanUndo, specs[2].CanUndo = true, false // a read is asked anyway, an action without undo has nothing to release
	never := &runbooks.Expression{Source: "false"}
	p := program(
		runbooks.Step{ID: "look", Uses: "aws.read"},
		runbooks.Step{ID: "stop", Uses: "aws.change", If: never}, // either side of a condition
		runbooks.Step{ID: "wait", Wait: &runbooks.Wait{For: 1}},
		runbooks.Step{ID: "ask", Manual: &runbooks.Manual{}},
		runbooks.Step{ID: "tell", Uses: "slack.post"},
		runbooks.Step{ID: "other", Runbook: &runbooks.Subrun{ID: "inner", Program: program(runbooks.Step{ID: "wipe", Uses: "aws.final"})}},
	)
	p.OnCancel = []runbooks.Step{{ID: "after", Uses: "aws.change"}}
	got := map[iampolicy.Phase][]string{}
	set := mustMake(t, p, nil, iampolicy.Options{}, specs...)
	for _, policy := range set.Policies {
		got[policy.Phase] = []string{}
		for _, r := range policy.Rows {
			got[policy.Phase] = append(got[policy.Phase], r.Action+" "+r.Step)
		}
	}
	want := map[iampolicy.Phase][]string{
		iampolicy.Preflight: {"change:plan after", "change:plan stop", "final:plan other.wipe", "read:execute look", "read:plan look", "read:verify look"},
		iampolicy.Contain: {"change:execute after", "change:execute stop", "change:verify after", "change:verify stop",
			"final:execute other.wipe", "final:verify other.wipe"},
		iampolicy.Evidence: {},
		iampolicy.Release:  {"change:undo after", "change:undo stop", "read:undo look"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	paths := map[string]bool{}
	for _, policy := range set.Policies {
		for _, r := range policy.Rows {
			paths[r.Step] = true
		}
	}
	for path, s := range p.Deep() {
		if strings.HasPrefix(s.Uses, "aws.") != paths[path] {
			t.Errorf("step %q: has rows: %v", path, paths[path])
		}
	}
	if !slices.ContainsFunc(set.Notes, func(n string) bool { return strings.Contains(n, "tell of it: slack.post has no rights of AWS") }) {
		t.Errorf("the notes say nothing of slack.post: %q", set.Notes)
	}
}

// A right that only some values of a parameter need is left out for the others,
// and given when only the run knows.
func TestRightsOfAMode(t *testing.T) {
	hard := row(actions.PhaseExecute, "x:Hard", "*")
	hard.When = actions.When{"mode": {"hard", "harder"}}
	s := spec("aws.stop", actions.Reversible, row(actions.PhaseExecute, "x:Soft", "*"), hard)
	s.Params = []actions.Field{{Name: "mode", Kind: actions.String, Default: "soft"}}
	step := func(mode *runbooks.Value) runbooks.Step {
		step := runbooks.Step{ID: "stop", Uses: "aws.stop"}
		if mode != nil {
			step.With = &runbooks.Value{Form: runbooks.Object, Members: []runbooks.Member{{Name: "mode", Value: mode}}}
		}
		return step
	}
	for _, test := range []struct {
		name string
		mode *runbooks.Value
		want []string
	}{
		{"the default", nil, []string{"x:Soft *"}},
		{"another", literal("soft"), []string{"x:Soft *"}},
		{"it", literal("harder"), []string{"x:Hard *", "x:Soft *"}},
		{"what the run knows", &runbooks.Value{Form: runbooks.Text, Parts: []runbooks.Part{{Expr: &runbooks.Expression{Source: "steps.look.outputs.mode"}}}}, []string{"x:Hard *", "x:Soft *"}},
	} {
		set := mustMake(t, program(step(test.mode)), nil, iampolicy.Options{Account: "111122223333"}, s)
		if diff := cmp.Diff(test.want, brief(set, iampolicy.Contain)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", test.name, diff)
		}
	}
}

// Evidence is collected by a role of its own, and undone by nobody.
func TestEvidenceAndUndoByHand(t *testing.T) {
	s := spec("aws.snap", actions.Reversible, row(actions.PhasePlan, "ec2:DescribeVolumes", "*"), row(actions.PhaseExecute, "ec2:CreateSnapshot", "*"),
		row(actions.PhaseVerify, "ec2:DescribeSnapshots", "*"), row(actions.PhaseUndo, "ec2:DeleteSnapshot", "arn:{partition}:ec2:{region}::snapshot/*"))
	set := mustMake(t, program(runbooks.Step{ID: "snap", Uses: "aws.snap", Evidence: true}), nil, iampolicy.Options{Account: "111122223333"}, s)
	for phase, want := range map[iampolicy.Phase][]string{
		iampolicy.Preflight: {"ec2:DescribeVolumes *"}, iampolicy.Contain: nil, iampolicy.Release: nil,
		iampolicy.Evidence: {"ec2:CreateSnapshot *", "ec2:DescribeSnapshots *"},
	} {
		if diff := cmp.Diff(want, brief(set, phase)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", phase, diff)
		}
	}
	byHand := runbooks.Step{ID: "snap", Uses: "aws.snap", Undo: &runbooks.UndoRule{Manual: literal("ask Eve")}}
	set = mustMake(t, program(byHand), nil, iampolicy.Options{}, s)
	if got := brief(set, iampolicy.Release); got != nil {
		t.Errorf("a person takes it back, and yet release has %v", got)
	}
	set = mustMake(t, program(runbooks.Step{ID: "snap", Uses: "aws.snap"}), nil, iampolicy.Options{}, s)
	if !slices.ContainsFunc(set.Notes, func(n string) bool {
		return strings.HasPrefix(n, "snap of it needs ec2:DeleteSnapshot on arn:aws:ec2:*::snapshot/*, but NeverDeleteSnapshots denies it if its condition holds")
	}) {
		t.Errorf("a right that is denied as well is not told: %q", set.Notes)
	}
}

// Where evidence is put is protected, whatever the bucket is called.
func TestEvidenceBuckets(t *testing.T) {
	put := spec("aws.put", actions.Reversible, row(actions.PhaseExecute, "s3:PutObject", "arn:{partition}:s3:::{bucket}/*"))
	for _, test := range []struct {
		bucket *runbooks.Value
		want   []string
		note   bool
	}{
		{literal("acme-forensics"), []string{"arn:aws:s3:::acme-forensics", "arn:aws:s3:::firebreak-evidence-*"}, false},
		{literal("firebreak-evidence-acme"), []string{"arn:aws:s3:::firebreak-evidence-*"}, false},
		{text("$steps.x.outputs.y"), []string{"arn:aws:s3:::firebreak-evidence-*"}, true},
	} {
		set := mustMake(t, program(runbooks.Step{ID: "keep", Uses: "aws.put", Evidence: true, With: with("bucket", test.bucket)}), nil, iampolicy.Options{}, put)
		for _, p := range set.Policies {
			for _, s := range p.Documents[0].Statement {
				if s.Sid == "NeverOpenEvidenceBuckets" {
					if diff := cmp.Diff(test.want, s.Resource); diff != "" {
						t.Errorf("%s: want -, got +\n%s", p.Phase, diff)
					}
				}
			}
		}
		if got := slices.ContainsFunc(set.Notes, func(n string) bool { return strings.Contains(n, "--evidence-bucket") }); got != test.note {
			t.Errorf("told: %v, want %v", got, test.note)
		}
	}
}

// The same in the words of the language, compiled.
func TestWholeLanguage(t *testing.T) {
	const inner = `apiVersion: firebreak/v1
kind: Runbook
id: inner
title: Inner
owner: {team: t}
inputs:
  name: {type: string}
  scope: {type: string, default: all}
steps:
  - {id: revoke, uses: aws.iam.revoke_sessions, with: {role: "${{ inputs.name }}"}}
`
	const outer = `apiVersion: firebreak/v1
kind: Runbook
id: outer
title: Outer
owner: {team: t}
inputs:
  roles: {type: list, of: string}
  key: {type: string}
steps:
  - {id: owner, uses: aws.iam.lookup_access_key, with: {access_key_id: "${{ inputs.key }}"}, evidence: true}
  - {id: each, uses: aws.iam.revoke_sessions, for_each: inputs.roles, with: {role: "apps/${{ item }}"}, undo: {manual: "by hand"}}
  - {id: call, runbook: inner, for_each: {in: inputs.roles}, with: {name: "${{ item }}/x"}}
  - {id: settle, wait: 1m}
on_cancel:
  - {id: back, uses: aws.iam.revoke_sessions, with: {role: cancelled/it}}
`
	programs, found := runbooks.LoadAll([]runbooks.File{{Name: "inner.yaml", Src: []byte(inner)}, {Name: "outer.yaml", Src: []byte(outer)}}, runbookstest.Catalog())
	if found.HasErrors() {
		t.Fatal(found)
	}
	given, problems := programs[1].CoerceInputs(map[string]string{"roles": "a,b", "key": "AKIAIOSFODNN7EXAMPLE"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set := mustMake(t, programs[1], given, iampolicy.Options{Account: "111122223333"},
		spec("aws.iam.lookup_access_key", actions.Read, row(actions.PhasePlan, "k:Find", "*"), row(actions.PhaseExecute, "k:Read", "*")),
		spec("aws.iam.revoke_sessions", actions.Reversible, row(actions.PhaseExecute, "x:Do", roleARN), row(actions.PhaseUndo, "x:Undo", roleARN)))
	role := func(action string, names ...string) (list []string) {
		for _, name := range names {
			list = append(list, action+" arn:aws:iam::111122223333:role/"+name)
		}
		return list
	}
	for phase, want := range map[iampolicy.Phase][]string{
		iampolicy.Preflight: {"k:Find *"},
		iampolicy.Evidence:  {"k:Read *"},
		iampolicy.Contain:   role("x:Do", "a/x", "apps/a", "apps/b", "b/x", "cancelled/it"),
		iampolicy.Release:   role("x:Undo", "a/x", "b/x", "cancelled/it"),
	} {
		if diff := cmp.Diff(want, brief(set, phase)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", phase, diff)
		}
	}
}

// Inside a runbook that is called, the call says what the inputs are.
func TestCalledRunbooks(t *testing.T) {
	inner := program(runbooks.Step{ID: "do", Uses: "aws.it", With: with("bucket", text("$inputs.b"), "key", text("$inputs.k"))})
	inner.Inputs = []runbooks.Input{{Name: "b"}, {Name: "k", Default: "always"}}
	p := program(
		runbooks.Step{ID: "one", Runbook: &runbooks.Subrun{Program: inner}, With: with("b", text("$inputs.mine"))},
		runbooks.Step{ID: "two", Runbook: &runbooks.Subrun{Program: inner}, With: with("b", text("$item"), "k", literal("x")),
			ForEach: &runbooks.ForEach{In: &runbooks.Expression{Source: "inputs.names"}}},
	)
	p.Inputs = []runbooks.Input{{Name: "mine", Default: "another run may give another one"}}
	it := spec("aws.it", actions.Reversible, row(actions.PhaseExecute, "s3:GetObject", "arn:{partition}:s3:::{bucket}/{key}"))
	got := brief(mustMake(t, p, map[string]any{"mine": "m", "names": []any{"a", "b"}}, iampolicy.Options{}, it), iampolicy.Contain)
	if diff := cmp.Diff([]string{"s3:GetObject arn:aws:s3:::a/x", "s3:GetObject arn:aws:s3:::b/x", "s3:GetObject arn:aws:s3:::m/always"}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	got = brief(mustMake(t, p, nil, iampolicy.Options{}, it), iampolicy.Contain)
	if diff := cmp.Diff([]string{"s3:GetObject arn:aws:s3:::*/always", "s3:GetObject arn:aws:s3:::*/x"}, got); diff != "" {
		t.Errorf("a default may be overridden: want -, got +\n%s", diff)
	}
}

func TestConditions(t *testing.T) {
	pass := row(actions.PhaseExecute, "iam:PassRole", roleARN)
	pass.Conditions = actions.Conditions{"StringEquals": {"iam:PassedToService": {"{service}"}}}
	plain := row(actions.PhaseExecute, "iam:GetRole", roleARN)
	set := mustMake(t, program(runbooks.Step{ID: "s", Uses: "aws.it", With: with("role", literal("q/r"))}), nil, iampolicy.Options{Account: "111122223333"},
		spec("aws.it", actions.Reversible, pass, plain))
	var got []actions.Conditions
	for _, s := range set.Policies[1].Documents[0].Statement[:2] {
		got = append(got, s.Condition)
	}
	want := []actions.Conditions{nil, {"StringEquals": {"iam:PassedToService": {"ec2.amazonaws.com"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestForeignAccountIsTold(t *testing.T) {
	set := mustMake(t, program(runbooks.Step{ID: "s", Uses: "aws.it", With: with("role", literal("arn:aws:iam::999999999999:role/x"))}), nil,
		iampolicy.Options{Account: "111122223333"}, spec("aws.it", actions.Reversible, row(actions.PhaseExecute, "iam:GetRole", roleARN)))
	if !slices.Contains(set.Notes, "s of it names arn:aws:iam::999999999999:role/x, which is not in account 111122223333: firebreak will refuse it.") {
		t.Errorf("got %q", set.Notes)
	}
}

func TestAnActionThatIsNotThere(t *testing.T) {
	_, err := iampolicy.Make([]iampolicy.Use{{Program: program(runbooks.Step{ID: "s", Uses: "aws.gone"})}}, catalog(), iampolicy.Options{})
	if err == nil || err.Error() != `step "s" of runbook "it" uses "aws.gone", which this build does not have` {
		t.Errorf("got %v", err)
	}
}

// A document is split before it is too large, loses nothing, and each part
// carries the denies.
func TestSplit(t *testing.T) {
	var ids []any
	for i := range 400 {
		ids = append(ids, fmt.Sprintf("i-%017d", i))
	}
	step := runbooks.Step{ID: "s", Uses: "aws.it", With: with("ids", text("$inputs.ids"))}
	it := spec("aws.it", actions.Reversible, row(actions.PhaseExecute, "ec2:StopInstances", "arn:{partition}:ec2:{region}:{account}:instance/{ids}"),
		row(actions.PhaseExecute, "ec2:DescribeInstances", "*"))
	o := iampolicy.Options{Account: "111122223333", Region: "eu-central-1"}
	set := mustMake(t, program(step), map[string]any{"ids": ids}, o, it)
	contain := set.Policies[1]
	if len(contain.Documents) < 5 {
		t.Fatalf("got %d documents", len(contain.Documents))
	}
	sid := regexp.MustCompile(`^[A-Za-z0-9]+$`)
	for i, d := range contain.Documents {
		if size := d.Size(); size > iampolicy.MaxManaged || i < len(contain.Documents)-1 && size < iampolicy.MaxManaged/2 {
			t.Errorf("document %d has %d characters", i, size)
		}
		seen := map[string]bool{}
		denies := 0
		for _, s := range d.Statement {
			if seen[s.Sid] || !sid.MatchString(s.Sid) {
				t.Errorf("document %d: the name %q is there twice, or cannot be", i, s.Sid)
			}
			seen[s.Sid] = true
			if s.Effect == "Deny" {
				denies++
			}
		}
		if denies != len(set.Denies) {
			t.Errorf("document %d has %d denies of %d", i, denies, len(set.Denies))
		}
	}
	got := brief(set, iampolicy.Contain)
	slices.Sort(got)
	if len(got) != 401 || len(slices.Compact(got)) != 401 {
		t.Errorf("401 rights became %d", len(got))
	}
	if !slices.ContainsFunc(set.Notes, func(n string) bool { return strings.HasPrefix(n, "contain is split into ") }) {
		t.Errorf("the split is not told: %q", set.Notes)
	}
	if _, err := iampolicy.Make([]iampolicy.Use{{Program: program(step)}}, catalog(it), iampolicy.Options{Limit: 100}); err == nil || !strings.Contains(err.Error(), "the denies alone") {
		t.Errorf("no room at all: got %v", err)
	}
}

// What was found out of a step beforehand goes before what the runbook says.
func TestParams(t *testing.T) {
	const user = "arn:{partition}:iam::{account}:user/{user}"
	s := spec("aws.change", actions.Reversible, row(actions.PhaseExecute, "k:Stop", user))
	s.Params = []actions.Field{{Name: "user", Kind: actions.String}, {Name: "token", Kind: actions.String, Secret: true}}
	inner := runbooks.Step{ID: "stop", Uses: "aws.change", ForEach: &runbooks.ForEach{In: &runbooks.Expression{Source: "steps.look.outputs.users"}}}
	p := program(runbooks.Step{ID: "other", Uses: "aws.change"}, runbooks.Step{ID: "call", Runbook: &runbooks.Subrun{ID: "inner", Program: program(inner)}})
	use := iampolicy.Use{Program: p, Params: map[string][]map[string]any{"call.stop": {{"user": "ann"}, {"user": "team/ben"}}}}
	set, err := iampolicy.Make([]iampolicy.Use{use}, catalog(s), iampolicy.Options{Account: "111122223333", Phases: []iampolicy.Phase{iampolicy.Contain}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range set.Policies[0].Rows {
		got[r.Step] = r.Resources
	}
	const arn = "arn:aws:iam::111122223333:user/"
	want := map[string][]string{"call.stop": {arn + "*/ann", arn + "ann", arn + "team/ben"}, "other": {arn + "*"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
