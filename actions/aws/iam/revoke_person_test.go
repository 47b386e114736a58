package iam_test

import (
	"slices"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// Whoever's sessions end is a target, of the undo as well, so that they do not
// decide about it.
func TestTheirSessionsAreATarget(t *testing.T) {
	for _, test := range []struct{ scope, value, want string }{
		{"all", "", ""},
		{"instance", "i-0abc1234def567890", ""},
		{"session_name", "grace", "aws.sts.session_name:grace"},
		{"source_identity", "grace@example.com", "aws.sts.source_identity:grace@example.com"},
	} {
		t.Run(test.scope, func(t *testing.T) {
			fake := awstest.NewFake(t, awsfake.Options{})
			fake.AddRole(fake.Account(), "web", "")
			with := map[string]any{"role": "web", "scope": test.scope}
			want := []string{"aws.iam.role:" + fake.Account() + "/web"}
			if test.value != "" {
				with["value"] = test.value
			}
			if test.want != "" {
				want = append(want, test.want)
			}
			h := awstest.Handler(t, registry(fake), "aws.iam.revoke_sessions")
			call, params := awstest.NewCall(), awstest.Params(t, with)
			preview, err := h.Plan(t.Context(), call, params)
			if err != nil {
				t.Fatal(err)
			}
			call.State = preview.State
			result, err := h.Execute(t.Context(), call, params)
			if err != nil {
				t.Fatal(err)
			}
			undo, err := h.PlanUndo(t.Context(), call, params, result)
			if err != nil {
				t.Fatal(err)
			}
			if got := words(preview.Targets); !slices.Equal(got, want) {
				t.Errorf("plan: got %q, want %q", got, want)
			}
			if got := words(undo.Targets); !slices.Equal(got, want) {
				t.Errorf("undo: got %q, want %q", got, want)
			}
		})
	}
}

func words(targets []actions.Target) (list []string) {
	for _, t := range targets {
		list = append(list, t.String())
	}
	return list
}
