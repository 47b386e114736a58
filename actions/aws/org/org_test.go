package org_test

import (
	"net/http"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/org"
)

const (
	quarantine = "aws.organizations.quarantine"
	revoke     = "aws.identitycenter.revoke_user"
	ourName    = "FirebreakQuarantine-INC-12-R1-stop-"
)

func registry(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	org.Register(r, w.Cloud())
	return r
}

// motoIsWrong lists what moto cannot show, with what is done instead.
func motoIsWrong() []string {
	return []string{
		"moto lets a policy be attached twice, and an account be moved from where it is not: the proxy answers as AWS does",
		"moto ends requests for assignments at once and lists none that are under way: the world answers those calls",
		"moto lists assignments of a user without those by groups: the proxy adds them",
		"moto obeys no service control policy: the document is compared, word for word",
	}
}

func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":          {Status: http.StatusBadRequest, Code: "AccessDeniedException"},
		"throttled":       {Status: http.StatusBadRequest, Code: map[bool]string{true: "TooManyRequestsException", false: "ThrottlingException"}[operation == "organizations:CreatePolicy"]},
		"limit":           {Status: http.StatusBadRequest, Code: "ConstraintViolationException"},
		"denied half way": {Status: http.StatusBadRequest, Code: "AccessDeniedException", Of: []string{"organizations:AttachPolicy", "identitystore:DeleteGroupMembership"}},
	})
}

func errorsOf(extra map[string]actions.Class) map[string]actions.Class {
	all := map[string]actions.Class{"denied": actions.Denied, "throttled": actions.Throttled, "broken after the effect": actions.Unknown}
	for name, class := range extra {
		all[name] = class
	}
	return all
}

// use is one use of an action.
type use struct {
	name, action, loses string
	errors              map[string]actions.Class
	world               func(t *testing.T, w *awstest.World) (with map[string]any, disturb func(*testing.T))
}

func uses() []use {
	return []use{
		{"principal", quarantine, "organizations:CreatePolicy", errorsOf(map[string]actions.Class{"limit": actions.Precondition, "denied half way": actions.Unknown}),
			func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
				o := w.Organization(t)
				return map[string]any{"target": o.Account, "mode": "principal_scp", "principal": "arn:aws:iam::" + o.Account + ":role/web"},
					func(t *testing.T) { w.DropPolicy(t, ourName+o.Account, o.Account) }
			}},
		{"unit", quarantine, "organizations:AttachPolicy", nil,
			func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
				o := w.Organization(t)
				return map[string]any{"target": o.Unit, "mode": "account_scp", "exempt": []string{"arn:aws:iam::444455556666:role/log-delivery"}},
					func(t *testing.T) { w.DropPolicy(t, ourName+o.Unit, o.Unit) }
			}},
		{"move", quarantine, "organizations:MoveAccount", nil,
			func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
				o := w.Organization(t)
				return map[string]any{"target": o.Account, "mode": "move_to_ou", "to": o.Unit}, func(t *testing.T) { w.MoveAccount(t, o.Account, o.Unit, o.Root) }
			}},
		{"user", revoke, "sso:DeleteAccountAssignment", errorsOf(map[string]actions.Class{"denied half way": actions.Unknown}),
			func(t *testing.T, w *awstest.World) (map[string]any, func(*testing.T)) {
				c := w.Center(t, "444455556666")
				w.UnderWay(c)
				return map[string]any{"user": "alice"}, func(t *testing.T) { w.JoinGroup(t, c, c.User) }
			}},
	}
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	for _, reason := range motoIsWrong() {
		t.Log(reason)
	}
	for _, u := range uses() {
		t.Run(u.name, func(t *testing.T) {
			actionstest.Run(t, actionstest.Case{Action: u.action, Errors: u.errors, World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				with, disturb := u.world(t, w)
				attempts := awstest.EveryAttempt
				if u.action == revoke {
					attempts = 1 // it is not sent again
				}
				return actionstest.World{
					Registry: registry(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: with, Disturb: disturb,
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(u.loses, attempts) },
					Fault:      faults(w, u.loses),
					Canaries:   []string{w.Credentials.SecretAccessKey},
				}
			}})
		})
	}
}

func TestPermissionsAreExact(t *testing.T) {
	awstest.Hermetic(t)
	ways := map[string][]awstest.Way{}
	for _, u := range uses() {
		ways[u.action] = append(ways[u.action], func(t *testing.T, w *awstest.World) map[string]any {
			with, _ := u.world(t, w)
			return with
		})
	}
	// An attempt before this one came as far as the policy.
	ways[quarantine] = append(ways[quarantine], func(t *testing.T, w *awstest.World) map[string]any {
		with, _ := uses()[0].world(t, w)
		awstest.NewStep(t, registry(w), quarantine, with).Plan().Execute()
		return with
	})
	// AWS works on somebody else's request, which is looked at and is not ours.
	ways[revoke] = append(ways[revoke], func(t *testing.T, w *awstest.World) map[string]any {
		c := w.Center(t, "444455556666")
		w.UnderWay(c).Set("somebody-else", "11111111-1111-1111-1111-111111111111")
		return map[string]any{"user": "alice@example.com", "region": awstest.Region, "instance": c.Instance}
	})
	awstest.ExactRights(t, awstest.Moto(t), registry, ways)
}

// TestLostAnswers loses the answer of every change, and of its undo, that the
// suite does not lose.
func TestLostAnswers(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	for _, test := range []struct {
		use       int
		operation string
		attempts  int
		undo      bool
	}{
		{0, "organizations:AttachPolicy", awstest.EveryAttempt, false},
		{0, "organizations:DetachPolicy", awstest.EveryAttempt, true},
		{0, "organizations:DeletePolicy", awstest.EveryAttempt, true},
		{2, "organizations:MoveAccount", awstest.EveryAttempt, true},
		{3, "identitystore:DeleteGroupMembership", awstest.EveryAttempt, false},
		{3, "sso:CreateAccountAssignment", 1, true},
		{3, "identitystore:CreateGroupMembership", 1, true},
	} {
		t.Run(test.operation, func(t *testing.T) {
			w := moto.World(t)
			u := uses()[test.use]
			with, _ := u.world(t, w)
			before := w.Snapshot(t)
			s := awstest.NewStep(t, registry(w), u.action, with).Plan()
			if !test.undo {
				w.Proxy.DropAfterEffect(test.operation, test.attempts)
				_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
				awstest.Fails(t, err, actions.Unknown)
			}
			s.Execute()
			s.Is(actions.Verified, "")
			if test.undo {
				w.Proxy.DropAfterEffect(test.operation, test.attempts)
				if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result); err != nil {
					awstest.Fails(t, err, actions.Unknown)
				} else if test.attempts == 1 {
					t.Error("the undo was sent again, or did not notice that its answer was lost")
				}
			}
			s.Undo()
			if after := w.Snapshot(t); after != before {
				t.Errorf("before: %s\nafter: %s", before, after)
			}
		})
	}
}

// empty makes the next answer of an operation an empty document.
func empty(w *awstest.World, operation string) {
	w.Proxy.Rewrite(operation, 1, func([]byte) []byte { return []byte("{}") })
}

// as is a cloud whose configuration names a role of firebreak's own, which no
// call here assumes: none of these steps collects evidence.
func as(w *awstest.World, role string) *actions.Registry {
	r := actions.NewRegistry()
	org.Register(r, w.Cloud(func(e *cloud.Environment, _ *cloud.Options) { e.Roles.Evidence = role }))
	return r
}
