package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
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
