package iampolicy_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// catalog is a spec lookup with one row in one action.
func catalog(specs ...actions.Spec) func(string) (actions.Spec, bool) {
	return func(name string) (actions.Spec, bool) {
		i := slices.IndexFunc(specs, func(s actions.Spec) bool { return s.Name == name })
		if i < 0 {
			return actions.Spec{}, false
		}
		return specs[i], true
	}
}

// spec is an action with everything that decides about its rows.
func spec(name string, effect actions.Effect, rows ...actions.Permission) actions.Spec {
	return actions.Spec{Name: name, Effect: effect, CanUndo: effect != actions.Read, CanVerify: true, Permissions: rows, Params: []actions.Field{
		{Name: "user", Kind: actions.String}, {Name: "role", Kind: actions.String}, {Name: "bucket", Kind: actions.String}, {Name: "key", Kind: actions.String},
		{Name: "ids", Kind: actions.List, Elem: &actions.Field{Kind: actions.String}}, {Name: "service", Kind: actions.String, Default: "ec2.amazonaws.com"},
		{Name: "token", Kind: actions.String, Secret: true},
	}}
}

func row(phase actions.Phase, action, resource string) actions.Permission {
	return actions.Permission{Phase: phase, Action: action, Resource: resource, Why: "because"}
}

func literal(v any) *runbooks.Value { return &runbooks.Value{Form: runbooks.Literal, Literal: v} }

// text has parts in turn: plain text, and expressions that begin with $.
func text(parts ...string) *runbooks.Value {
	v := &runbooks.Value{Form: runbooks.Text}
	for _, part := range parts {
		if source, ok := strings.CutPrefix(part, "$"); ok {
			v.Parts = append(v.Parts, runbooks.Part{Expr: &runbooks.Expression{Source: source}})
		} else {
			v.Parts = append(v.Parts, runbooks.Part{Text: part})
		}
	}
	return v
}

func with(pairs ...any) *runbooks.Value {
	v := &runbooks.Value{Form: runbooks.Object}
	for i := 0; i < len(pairs); i += 2 {
		v.Members = append(v.Members, runbooks.Member{Name: pairs[i].(string), Value: pairs[i+1].(*runbooks.Value)})
	}
	return v
}

func program(steps ...runbooks.Step) *runbooks.Program {
	return &runbooks.Program{ID: "it", Steps: steps}
}

func mustMake(t *testing.T, p *runbooks.Program, inputs map[string]any, o iampolicy.Options, specs ...actions.Spec) *iampolicy.Set {
	t.Helper()
	set, err := iampolicy.Make([]iampolicy.Use{{Program: p, Inputs: inputs}}, catalog(specs...), o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// brief lists what a phase allows, as "action resource".
func brief(set *iampolicy.Set, phase iampolicy.Phase) []string {
	var list []string
	for _, p := range set.Policies {
		for _, d := range p.Documents {
			for _, s := range d.Statement {
				for _, action := range s.Action {
					for _, resource := range s.Resource {
						if p.Phase == phase && s.Effect == "Allow" {
							list = append(list, action+" "+resource)
						}
					}
				}
			}
		}
	}
	return list
}

const (
	roleARN = "arn:{partition}:iam::{account}:role/{role}"
	userARN = "arn:{partition}:iam::{account}:user/{user}"
)

func TestResources(t *testing.T) {
	here := iampolicy.Options{Account: "111122223333", Region: "eu-central-1", Environment: "prod"}
	of := func(with *runbooks.Value) runbooks.Step {
		return runbooks.Step{ID: "s", Uses: "aws.it", Effect: actions.Reversible, With: with}
	}
	list := func(items ...string) *runbooks.Value {
		v := &runbooks.Value{Form: runbooks.List}
		for _, one := range items {
			v.Items = append(v.Items, literal(one))
		}
		return v
	}
	for _, test := range []struct {
		name     string
		template string
		step     runbooks.Step
		inputs   map[string]any
		options  iampolicy.Options
		want     []string
		unknown  string
	}{
		{"nothing known", roleARN, of(nil), nil, iampolicy.Options{}, []string{"arn:aws:iam::*:role/*"}, "account, role"},
		{"environment", roleARN, of(nil), nil, here, []string{"arn:aws:iam::111122223333:role/*"}, "role"},
		{"a name may have a path", roleARN, of(with("role", literal("web"))), nil, here, []string{"arn:aws:iam::111122223333:role/*/web", "arn:aws:iam::111122223333:role/web"}, ""},
		{"a name with its path", roleARN, of(with("role", literal("apps/web"))), nil, here, []string{"arn:aws:iam::111122223333:role/apps/web"}, ""},
		{"an ARN stands for itself", roleARN, of(with("role", literal("arn:aws:iam::111122223333:role/apps/web"))), nil, here, []string{"arn:aws:iam::111122223333:role/apps/web"}, ""},
		{"an ARN of another kind needs no right", userARN, of(with("user", literal("arn:aws:iam::111122223333:role/apps/web"))), nil, here, nil, ""},
		{"a half-known ARN", userARN, of(with("user", text("arn:aws:iam::", "$environment.account", ":user/", "$steps.x.outputs.y"))), nil, here, []string{"arn:aws:iam::111122223333:user/*"}, "user"},
		{"an ARN whose kind is not known", userARN, of(with("user", text("arn:aws:iam::111122223333:", "$steps.x.outputs.y"))), nil, here, []string{"arn:aws:iam::111122223333:user/*"}, "user"},
		{"what begins with something unknown", userARN, of(with("user", text("$steps.x.outputs.y", ":user/x"))), nil, here, []string{"arn:aws:iam::111122223333:user/*"}, "user"},
		{"what may begin an ARN", userARN, of(with("user", text("ar", "$steps.x.outputs.y"))), nil, here, []string{"arn:aws:iam::111122223333:user/*"}, "user"},
		{"a name that begins known", userARN, of(with("user", text("team-", "$steps.x.outputs.y"))), nil, here, []string{"arn:aws:iam::111122223333:user/*/team-*", "arn:aws:iam::111122223333:user/team-*"}, "user"},
		{"an output is known only in the run", roleARN, of(with("role", text("$steps.x.outputs.y"))), nil, here, []string{"arn:aws:iam::111122223333:role/*"}, "role"},
		{"an input that was given", "arn:{partition}:s3:::{bucket}/*", of(with("bucket", text("$inputs.b"))), map[string]any{"b": "logs"}, here, []string{"arn:aws:s3:::logs/*"}, ""},
		{"an input that was not", "arn:{partition}:s3:::{bucket}/*", of(with("bucket", text("$inputs.b"))), nil, here, []string{"arn:aws:s3:::*/*"}, "bucket"},
		{"an empty text is not given", "arn:{partition}:s3:::{bucket}", of(with("bucket", literal(""))), nil, here, []string{"arn:aws:s3:::*"}, "bucket"},
		{"stars of the text are no pattern", "arn:{partition}:s3:::{bucket}/{key}", of(with("bucket", literal("b"), "key", literal("a*?$"))), nil, here, []string{"arn:aws:s3:::b/a${*}${?}${$}"}, ""},
		{"a list", "arn:{partition}:ec2:{region}:{account}:instance/{ids}", of(with("ids", list("i-1", "i-2"))), nil, here,
			[]string{"arn:aws:ec2:eu-central-1:111122223333:instance/i-1", "arn:aws:ec2:eu-central-1:111122223333:instance/i-2"}, ""},
		{"a list with something unknown covers the rest", "arn:{partition}:ec2:{region}:{account}:instance/{ids}",
			of(with("ids", &runbooks.Value{Form: runbooks.List, Items: []*runbooks.Value{literal("i-1"), text("$steps.x.outputs.y")}})), nil, here,
			[]string{"arn:aws:ec2:eu-central-1:111122223333:instance/*"}, "ids"},
		{"a parameter that only the run knows", "arn:{partition}:ec2:{region}:{account}:volume/{volume}", of(nil), nil, here, []string{"arn:aws:ec2:eu-central-1:111122223333:volume/*"}, "volume"},
		{"a secret is never a resource", "arn:{partition}:s3:::{token}", of(with("token", literal("secret://env/TOKEN"))), nil, here, []string{"arn:aws:s3:::*"}, "token"},
		{"no resource level", "*", of(nil), nil, here, []string{"*"}, ""},
		{"another partition by region", roleARN, of(nil), nil, iampolicy.Options{Account: "111122223333", Region: "cn-north-1"}, []string{"arn:aws-cn:iam::111122223333:role/*"}, "role"},
		{"another partition by name", roleARN, of(nil), nil, iampolicy.Options{Account: "111122223333", Partition: "aws-us-gov"}, []string{"arn:aws-us-gov:iam::111122223333:role/*"}, "role"},
		{"every item of a list that was given", roleARN, runbooks.Step{ID: "s", Uses: "aws.it", ForEach: &runbooks.ForEach{In: &runbooks.Expression{Source: "inputs.roles"}}, With: with("role", text("$item"))},
			map[string]any{"roles": []any{"a/x", "a/y"}}, here, []string{"arn:aws:iam::111122223333:role/a/x", "arn:aws:iam::111122223333:role/a/y"}, ""},
		{"items that are not known", roleARN, runbooks.Step{ID: "s", Uses: "aws.it", ForEach: &runbooks.ForEach{In: &runbooks.Expression{Source: "inputs.roles"}}, With: with("role", text("app/", "$item"))},
			nil, here, []string{"arn:aws:iam::111122223333:role/app/*"}, "role"},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := mustMake(t, program(test.step), test.inputs, test.options, spec("aws.it", actions.Reversible, row(actions.PhaseExecute, "x:Do", test.template)))
			var got []string
			for _, one := range brief(set, iampolicy.Contain) {
				got = append(got, strings.TrimPrefix(one, "x:Do "))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			why := "because"
			if test.unknown != "" {
				why += " (* for what only the run knows: " + test.unknown + ")"
			}
			if rows := set.Policies[1].Rows; len(test.want) > 0 && rows[0].Why != why {
				t.Errorf("got the reason %q, want %q", rows[0].Why, why)
			}
		})
	}
}

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
		iampolicy.Contain: {"change:execute after", "change:execute stop", "change:plan after", "change:plan stop", "change:verify after", "change:verify stop",
			"final:execute other.wipe", "final:plan other.wipe", "final:verify other.wipe"},
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

// Evidence is collected by a role of its own, and undone by nobody.
func TestEvidenceAndUndoByHand(t *testing.T) {
	s := spec("aws.snap", actions.Reversible, row(actions.PhasePlan, "ec2:DescribeVolumes", "*"), row(actions.PhaseExecute, "ec2:CreateSnapshot", "*"),
		row(actions.PhaseVerify, "ec2:DescribeSnapshots", "*"), row(actions.PhaseUndo, "ec2:DeleteSnapshot", "arn:{partition}:ec2:{region}::snapshot/*"))
	set := mustMake(t, program(runbooks.Step{ID: "snap", Uses: "aws.snap", Evidence: true}), nil, iampolicy.Options{Account: "111122223333"}, s)
	for phase, want := range map[iampolicy.Phase][]string{
		iampolicy.Preflight: {"ec2:DescribeVolumes *"}, iampolicy.Contain: nil, iampolicy.Release: nil,
		iampolicy.Evidence: {"ec2:CreateSnapshot *", "ec2:DescribeSnapshots *", "ec2:DescribeVolumes *"},
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

// Expressions that read only what is known are worked out; those that read
// anything of the run, its clock and its incident are not.
func TestCompiledExpressions(t *testing.T) {
	revoke := spec("aws.iam.revoke_sessions", actions.Reversible, row(actions.PhaseExecute, "x:Do", roleARN))
	for source, want := range map[string]string{
		`${{ inputs.team }}/${{ environment.name }}`:    "role/sre/prod",
		`${{ inputs.team + "/" + environment.region }}`: "role/sre/eu-central-1",
		`${{ inputs.team == "sre" ? "a/x" : "b/x" }}`:   "role/a/x",
		`${{ "a/x" }}`:                        "role/a/x",
		`a/${{ incident.id }}`:                "role/a/*",
		`a/${{ run }}`:                        "role/a/*",
		`a/${{ now }}`:                        "role/a/*",
		`a/${{ inputs.other }}`:               "role/a/*",
		`a/${{ inputs.team + inputs.other }}`: "role/a/*",
		`a/${{ inputs.team == "sre" && incident.severity == 1 ? "x" : "y" }}`:      "role/a/*",
		`a/${{ environment.account == "111122223333" ? inputs.team : "nothing" }}`: "role/a/sre",
	} {
		p := load(t, "it.yaml", []byte(head+"inputs:\n  team: {type: string}\n  other: {type: string, default: never}\nsteps:\n  - id: s\n    uses: aws.iam.revoke_sessions\n    with: {role: '"+source+"'}\n"), runbookstest.Catalog())
		set := mustMake(t, p, map[string]any{"team": "sre"}, iampolicy.Options{Environment: "prod", Account: "111122223333", Region: "eu-central-1"}, revoke)
		if diff := cmp.Diff([]string{"x:Do arn:aws:iam::111122223333:" + want}, brief(set, iampolicy.Contain)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", source, diff)
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
		iampolicy.Evidence:  {"k:Find *", "k:Read *"},
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

// Golden is a small story with everything in it.
func goldenSet(t *testing.T) *iampolicy.Set {
	t.Helper()
	pass := row(actions.PhaseExecute, "iam:PassRole", roleARN)
	pass.Conditions = actions.Conditions{"StringEquals": {"iam:PassedToService": {"{service}"}}}
	pass.Why = "give \"${it}\"\nto EC2"
	return mustMake(t, program(
		runbooks.Step{ID: "look", Uses: "aws.look", With: with("user", text("$inputs.user"))},
		runbooks.Step{ID: "keep", Uses: "aws.keep", Evidence: true, With: with("bucket", literal("firebreak-evidence-acme"), "key", literal("${INC}*"))},
		runbooks.Step{ID: "stop", Uses: "aws.stop", With: with("role", literal("apps/web"))},
	), nil, iampolicy.Options{Account: "111122223333", Region: "eu-central-1"},
		spec("aws.look", actions.Read, row(actions.PhasePlan, "iam:GetUser", userARN), row(actions.PhaseExecute, "iam:ListAccessKeys", userARN)),
		spec("aws.keep", actions.Reversible, row(actions.PhaseExecute, "s3:PutObject", "arn:{partition}:s3:::{bucket}/{key}")),
		spec("aws.stop", actions.Reversible, row(actions.PhasePlan, "iam:GetRole", roleARN), row(actions.PhaseExecute, "iam:PutRolePolicy", roleARN), pass,
			row(actions.PhaseUndo, "iam:DeleteRolePolicy", roleARN)),
	)
}

func TestGolden(t *testing.T) {
	set := goldenSet(t)
	var table strings.Builder
	if err := set.Table(&table); err != nil {
		t.Fatal(err)
	}
	trust := iampolicy.Trust{Engine: "arn:aws:iam::999988887777:role/firebreak-engine", ExternalID: "acme-1"}
	one := trust
	one.Phases = []iampolicy.Phase{iampolicy.Release}
	for name, got := range map[string]string{
		"story.json": string(set.JSON()), "story.tf": string(set.Terraform()), "story.table": table.String(),
		"trust.json": string(one.JSON()), "trust.tf": string(trust.Terraform()),
	} {
		path := filepath.Join("testdata", name)
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", name, diff)
		}
	}
	for range 20 {
		if again := goldenSet(t); string(again.JSON()) != string(set.JSON()) || string(again.Terraform()) != string(set.Terraform()) || !slices.Equal(again.Notes, set.Notes) {
			t.Fatal("the same runbook gave another policy")
		}
	}
}

// Terraform itself agrees with the form, where it is installed.
func TestTerraformForm(t *testing.T) {
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not installed, so the form of the .tf files was compared with the golden files alone")
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"policies.tf": goldenSet(t).Terraform(), "trust.tf": iampolicy.Trust{Engine: "arn:aws:iam::999988887777:user/engine"}.Terraform(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(path, "fmt", "-check", "-diff", dir)
	command.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %v\n%s", err, out)
	}
}
