package iam_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// The story of the ready runbook: find, deny, switch off, revoke.
func TestLeakedKeyStory(t *testing.T) {
	const leaked = "AKIAIOSFODNN7EXAMPLE"
	fake := awstest.NewFake(t, awsfake.Options{PageSize: 1})
	fake.AddUser("team/ci-deploy")
	fake.AddAccessKey("ci-deploy", leaked, "leaked-secret")
	other := fake.NewAccessKey("ci-deploy")
	fake.AddRole(fake.Account(), "web", "")
	r := registry(fake)

	run := func(name string, with map[string]any) (json.RawMessage, json.RawMessage) {
		t.Helper()
		h, p, c := awstest.Handler(t, r, name), awstest.Params(t, with), awstest.NewCall()
		preview, err := h.Plan(t.Context(), c, p)
		if err != nil {
			t.Fatal(err)
		}
		c.State, c.Started = preview.State, time.Now()
		result, err := h.Execute(t.Context(), c, p)
		if err != nil {
			t.Fatal(err)
		}
		if h.Spec().CanVerify {
			reading, err := h.Verify(t.Context(), c, p, result)
			if err != nil || reading.Verdict != actions.Verified {
				t.Fatalf("%s: got reading %+v, error %v", name, reading, err)
			}
		}
		if len(c.Requests.List()) == 0 || c.Requests.List()[0].ID == "" {
			t.Errorf("%s: no request ids in %+v", name, c.Requests.List())
		}
		return result, preview.State
	}

	result, _ := run("aws.iam.lookup_access_key", map[string]any{"access_key_id": leaked})
	var found struct {
		User, Account, Status string
		PrincipalARN          string   `json:"principal_arn"`
		OtherKeys             []string `json:"other_keys"`
	}
	if err := json.Unmarshal(result, &found); err != nil {
		t.Fatal(err)
	}
	if found.User != "ci-deploy" || found.PrincipalARN != "arn:aws:iam::"+fake.Account()+":user/team/ci-deploy" || found.Status != "Active" ||
		found.Account != fake.Account() || len(found.OtherKeys) != 1 || found.OtherKeys[0] != other.AccessKeyID {
		t.Errorf("got %s", result)
	}
	run("aws.iam.quarantine_principal", map[string]any{"principal_arn": found.PrincipalARN})
	run("aws.iam.deactivate_access_key", map[string]any{"user": found.User, "access_key_id": leaked})
	run("aws.iam.revoke_sessions", map[string]any{"role": "web"})
	run("aws.iam.revoke_sessions", map[string]any{"role": "web", "scope": "instance", "value": "i-0abc1234def567890"})

	if got := fake.KeyStatus(leaked); got != "Inactive" {
		t.Errorf("the leaked key is %s", got)
	}
	if got := fake.KeyStatus(other.AccessKeyID); got != "Active" {
		t.Errorf("the other key is %s", got)
	}
}
