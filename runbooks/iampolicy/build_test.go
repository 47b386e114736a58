package iampolicy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

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
