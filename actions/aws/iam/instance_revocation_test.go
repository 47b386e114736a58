package iam_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/iam"
)

const instance = "i-0abc1234def567890"

// instanceRevocation is a fake with a role, and a revocation that went through
// JSON as it does in the state of a step.
func instanceRevocation(t *testing.T, before string) (*awsfake.Server, *cloud.Conn, actions.Call, iam.Revocation) {
	t.Helper()
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddRole(fake.Account(), "apps/web", "")
	call := awstest.NewCall()
	session, err := awstest.Over(fake).Open(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	found, err := iam.NewRevocation(t.Context(), session, call, "web", instance)
	if err != nil {
		t.Fatal(err)
	}
	if before != "" {
		fake.SetInlinePolicy("role", "web", found.PolicyName, before)
		if found, err = iam.NewRevocation(t.Context(), session, call, "web", instance); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	var again iam.Revocation
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(found, again); diff != "" {
		t.Fatalf("JSON changes it: want -, got +\n%s", diff)
	}
	call.Started = time.Now()
	return fake, session, call, again
}

func TestInstanceRevocation(t *testing.T) {
	fake, session, call, r := instanceRevocation(t, "")
	is := func(want actions.Verdict, says string) {
		t.Helper()
		if got, err := r.Read(t.Context(), session, call); err != nil || got.Verdict != want || !strings.Contains(got.Detail, says) {
			t.Errorf("got %+v, %v; want %s, %q", got, err, want, says)
		}
	}
	is(actions.NotVerified, "is not on role web")
	if err := r.Put(t.Context(), session, call); err != nil {
		t.Fatal(err)
	}
	is(actions.Verified, instance)
	document := fake.InlinePolicy("role", "web", r.PolicyName)
	if !strings.Contains(document, r.RoleID+":"+instance) {
		t.Errorf("the deny is not for one instance: %s", document)
	}
	call.Attempt = 2
	if err := r.Put(t.Context(), session, call); err != nil {
		t.Fatal(err)
	}
	if got := fake.InlinePolicy("role", "web", r.PolicyName); got != document || fake.Count("iam:PutRolePolicy") != 1 {
		t.Errorf("a second attempt wrote again: %s", got)
	}
	fake.SetInlinePolicy("role", "web", r.PolicyName, strings.Replace(document, `"aws:TokenIssueTime":"20`, `"aws:TokenIssueTime":"19`, 1))
	is(actions.NotVerified, "denies only sessions before")
	fake.SetInlinePolicy("role", "web", r.PolicyName, strings.Replace(document, instance, "i-00000000000000000", 1))
	is(actions.NotVerified, "is not the deny that was put")
	fake.SetInlinePolicy("role", "web", r.PolicyName, document)
	if got, err := r.Restored(t.Context(), session, call); err != nil || got.Verdict != actions.NotVerified {
		t.Errorf("before the undo: got %+v, %v", got, err)
	}
	if err := r.Restore(t.Context(), session, call); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Restored(t.Context(), session, call); err != nil || got.Verdict != actions.Verified {
		t.Errorf("after the undo: got %+v, %v", got, err)
	}
	if err := r.Restore(t.Context(), session, call); err != nil {
		t.Errorf("a second undo: %v", err)
	}
}

// What stood there comes back, and what another step wrote since stays.
func TestInstanceRevocationOfAnotherStep(t *testing.T) {
	fake, session, call, r := instanceRevocation(t, allowS3)
	var preview actions.Preview
	r.Describe(&preview)
	if len(preview.Warnings) != 1 || !strings.Contains(preview.Warnings[0], "did not write") {
		t.Errorf("got %+v", preview)
	}
	if err := r.Put(t.Context(), session, call); err != nil {
		t.Fatal(err)
	}
	mine := fake.InlinePolicy("role", "web", r.PolicyName)
	theirs := strings.Replace(mine, `"FirebreakRevokeINC12R1stop"`, `"FirebreakRevokeINC12R1later"`, 1)
	fake.SetInlinePolicy("role", "web", r.PolicyName, theirs)
	awstest.Fails(t, r.Restore(t.Context(), session, call), actions.Precondition, "was changed after")
	fake.SetInlinePolicy("role", "web", r.PolicyName, mine)
	if err := r.Restore(t.Context(), session, call); err != nil {
		t.Fatal(err)
	}
	if got := fake.InlinePolicy("role", "web", r.PolicyName); got != allowS3 {
		t.Errorf("got %s", got)
	}
}

func TestInstanceRevocationRefuses(t *testing.T) {
	_, session, call, _ := instanceRevocation(t, "")
	_, err := iam.NewRevocation(t.Context(), session, call, "web", "web-1")
	awstest.Fails(t, err, actions.Invalid, "is not an instance id")
	_, err = iam.NewRevocation(t.Context(), session, call, "nobody", instance)
	awstest.Fails(t, err, actions.NotFound, "NoSuchEntity")
}
