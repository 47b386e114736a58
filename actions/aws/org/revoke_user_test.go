package org_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

const shop = "444455556666"

// TestFindingTheUser finds one person by name, address and id, and nobody else.
func TestFindingTheUser(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	c := w.Center(t, shop)
	w.CenterUser(t, c, "bob@example.com", "robert@example.com")
	w.CenterUser(t, c, "eve", "bob@example.com")
	for _, test := range []struct {
		asked, name string
		class       actions.Class
		says        []string
	}{
		{"alice", "alice", "", nil},
		{"alice@example.com", "alice", "", nil},
		{c.User, "alice", "", nil},
		{"robert@example.com", "bob@example.com", "", nil},
		{"bob@example.com", "", actions.Precondition, []string{"is the name of user", "and the address of user", "give the id"}},
		{"nobody", "", actions.NotFound, []string{"USER not found"}},
		{"nobody@example.com", "", actions.NotFound, []string{"USER not found"}},
		{"00000000-0000-0000-0000-000000000000", "", actions.NotFound, []string{"USER not found"}},
	} {
		t.Run(test.asked, func(t *testing.T) {
			preview, err := awstest.Handler(t, registry(w), revoke).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"user": test.asked}))
			if test.class != "" {
				awstest.Fails(t, err, test.class, test.says...)
				return
			}
			if err != nil || preview.Targets[0].ID != test.name {
				t.Errorf("got %+v, error %v; want user %s", preview.Targets, err, test.name)
			}
		})
	}
	for name, answer := range map[string]string{"no instance": `{"Instances":[]}`, "several instances": `{"Instances":[{"InstanceArn":"a"},{"InstanceArn":"b"}]}`} {
		w.Proxy.Rewrite("sso:ListInstances", 1, func([]byte) []byte { return []byte(answer) })
		_, err := awstest.Handler(t, registry(w), revoke).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"user": "alice"}))
		awstest.Fails(t, err, actions.Precondition, strings.Fields(name)[1], "give the")
	}
	// It is asked in the region that is given: there is another instance.
	w.Proxy.Forget()
	_, err := awstest.Handler(t, registry(w), revoke).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"user": "alice", "region": "eu-west-1"}))
	awstest.Fails(t, err, actions.NotFound)
	for _, call := range w.Proxy.Calls() {
		if !strings.HasPrefix(call.Operation, "sts:") && call.Region != "eu-west-1" {
			t.Errorf("%s was sent to %s", call.Operation, call.Region)
		}
	}
}

// TestOwnUser: the person whose session firebreak works with is not cut off.
func TestOwnUser(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	w.Center(t, shop)
	s := awstest.NewStep(t, registry(w), revoke, map[string]any{"user": "alice@example.com"}).Plan()
	session := func(role string) *actions.Registry {
		w.Proxy.Heal()
		w.Proxy.Rewrite("sts:GetCallerIdentity", 0, func([]byte) []byte {
			return []byte(`<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::` + w.Account + `:assumed-role/` + role + `/Alice</Arn><Account>` + w.Account + `</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		})
		return registry(w)
	}
	own := awstest.Handler(t, session("AWSReservedSSO_Operators_0123456789abcdef"), revoke)
	_, err := own.Plan(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "firebreak itself works with")
	_, err = own.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "firebreak itself works with")
	if _, err := awstest.Handler(t, session("responders"), revoke).Plan(t.Context(), s.Call, s.Params); err != nil {
		t.Errorf("a role of somebody of that name: %v", err)
	}
}

// TestAccessThatIsNotGone tells what AWS still works on, what came back, and an
// answer about nothing, from access that is gone.
func TestAccessThatIsNotGone(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	c := w.Center(t, shop)
	requests := w.UnderWay(c)
	s := awstest.NewStep(t, registry(w), revoke, map[string]any{"user": "alice"}).Plan()
	said := strings.Join(slices.Concat(s.Preview.Changes, s.Preview.Warnings), "\n")
	for _, word := range []string{"1 assignments and 1 memberships", "group admins", "manual step must follow", "user_id " + c.User, "in account " + shop, "identity provider"} {
		if !strings.Contains(said, word) {
			t.Errorf("the preview does not say %q:\n%s", word, said)
		}
	}
	s.Execute()
	if n := w.Proxy.Count("sso:DeleteAccountAssignment"); n != 1 {
		t.Errorf("%d assignments were removed: that of the group is not the user's", n)
	}
	s.Is(actions.Verified, "portal sessions cannot be read")

	requests.Set(c.User, "11111111-1111-1111-1111-111111111111")
	s.Is(actions.Pending, "AWS still removes")
	requests.Set("somebody-else", "11111111-1111-1111-1111-111111111111")
	s.Is(actions.Verified, "")
	requests.Set("")

	// AWS lists what comes by a group for a while after the membership has ended.
	w.Proxy.Rewrite("sso:ListAccountAssignmentsForPrincipal", 1, func([]byte) []byte {
		return []byte(`{"AccountAssignments":[{"AccountId":"` + shop + `","PermissionSetArn":"` + c.PermissionSet + `","PrincipalId":"` + c.Group + `","PrincipalType":"GROUP"}]}`)
	})
	s.Is(actions.Pending, "by groups yet")
	for _, operation := range []string{"sso:ListAccountAssignmentsForPrincipal", "identitystore:ListGroupMembershipsForMember"} {
		empty(w, operation)
		s.Is(actions.CannotVerify, "proves nothing")
	}
	w.JoinGroup(t, c, c.User)
	s.Is(actions.NotVerified, "put back by the identity provider")
	s.Execute()
	w.Assign(t, c, "999900001111", ssotypes.PrincipalTypeUser, c.User)
	s.Is(actions.NotVerified, "in account 999900001111")

	// The undo keeps what somebody else gave meanwhile.
	s.Undo()
	if state := w.Snapshot(t); !strings.Contains(state, "999900001111") {
		t.Errorf("what somebody else gave is gone: %s", state)
	}
	w.Proxy.Refuse("sso:ListAccountAssignmentsForPrincipal", http.StatusBadRequest, "AccessDeniedException")
	s.Is(actions.CannotVerify, "AccessDenied")
}

// TestRemovalThatFails: AWS takes the request, and says at once that it failed.
func TestRemovalThatFails(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	c := w.Center(t, shop)
	w.UnderWay(c)
	s := awstest.NewStep(t, registry(w), revoke, map[string]any{"user": "alice"}).Plan()
	w.Proxy.Answer("sso:DeleteAccountAssignment", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = rw.Write([]byte(`{"AccountAssignmentDeletionStatus":{"Status":"FAILED","FailureReason":"the account is suspended"}}`))
	})
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "the account is suspended")
	s.Is(actions.NotVerified, "")
}
