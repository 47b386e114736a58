package org_test

import (
	"slices"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// Whoever is denied everything is a target, of the undo as well, so that they do
// not decide about it.
func TestWhoIsDeniedIsATarget(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	o := w.Organization(t)
	const user = "9067642ac7-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901"
	for _, test := range []struct {
		name, key, value, want string
	}{
		{"user of Identity Center", "user_id", user, "aws.identitycenter.user:" + user},
		{"user of IAM", "principal", "arn:aws:iam::" + o.Account + ":user/team/grace", "aws.iam.user:" + o.Account + "/grace"},
		{"root user", "principal", "arn:aws:iam::" + o.Account + ":root", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := awstest.Handler(t, registry(w), quarantine)
			call, params := awstest.NewCall(), awstest.Params(t, map[string]any{"target": o.Account, "mode": "principal_scp", test.key: test.value})
			want := []string{"aws.organizations.account:" + o.Account}
			if test.want != "" {
				want = append(want, test.want)
			}
			preview, err := h.Plan(t.Context(), call, params)
			if err != nil {
				t.Fatal(err)
			}
			call.State = preview.State
			undo, err := h.PlanUndo(t.Context(), call, params, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range []struct {
				phase   string
				targets []actions.Target
			}{{"plan", preview.Targets}, {"undo", undo.Targets}} {
				var got []string
				for _, target := range one.targets {
					got = append(got, target.String())
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", one.phase, got, want)
				}
			}
		})
	}
}
