package iam_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// motoIsWrong lists where moto differs from AWS so much that a test against it
// would prove nothing, or fail. Those tests run against awsfake alone.
func motoIsWrong() []string {
	return []string{
		"TestInactiveKeyIsRefused: moto lets an inactive key work on",
		"TestDenyConditionsAreObeyed: moto ignores the conditions of identity policies",
		"TestQuarantineIsObeyed: moto enforces no policy unless its authorization is on, and then refuses too much",
		"TestPrincipalsThatAreRefused: moto lets policies be put on service-linked roles",
		"TestInlinePoliciesFull: moto does not check the size limit of inline policies",
		"TestAssumedRole, TestRoleThatDoesNotTrustUs: moto assumes roles that do not exist, ignores a missing external id, and drops the source identity",
		"TestLaggingReads: moto is consistent at once, IAM is not",
	}
}

// faults prepares the errors that every change must classify.
func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":    {Status: http.StatusForbidden, Code: "AccessDenied"},
		"throttled": {Status: http.StatusBadRequest, Code: "Throttling"},
		"gone":      {Status: http.StatusNotFound, Code: "NoSuchEntity"},
		"invalid":   {Status: http.StatusBadRequest, Code: "ValidationError"},
		"full":      {Status: http.StatusConflict, Code: "LimitExceeded"},
	})
}

var changeErrors = map[string]actions.Class{
	"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid, "full": actions.Precondition,
	"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown, "cut, then refused": actions.Unknown,
}

var readErrors = map[string]actions.Class{
	"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid,
	"broken after the effect": actions.Transient, "cut before the effect": actions.Transient,
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	for _, emulator := range awstest.Start(t) {
		t.Run(emulator.Name, func(t *testing.T) { suite(t, emulator) })
		if emulator.Name == "moto" {
			t.Log("not tested against moto:\n" + strings.Join(motoIsWrong(), "\n"))
		}
	}
}

func suite(t *testing.T, emulator *awstest.Emulator) {
	key := func(t *testing.T) (*awstest.World, actionstest.World, string) {
		w := emulator.World(t)
		w.User(t, "/team/", "ci-deploy")
		w.AccessKey(t, "ci-deploy")
		id, secret := w.AccessKey(t, "ci-deploy")
		return w, actionstest.World{
			Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{"access_key_id": id},
			Canaries: []string{w.Credentials.SecretAccessKey, secret},
		}, id
	}
	cases := []struct {
		name string
		actionstest.Case
	}{
		{"lookup", actionstest.Case{Action: "aws.iam.lookup_access_key", Errors: readErrors, World: func(t *testing.T) actionstest.World {
			w, world, _ := key(t)
			world.LoseAnswer = func(*testing.T) { w.Proxy.DropAfterEffect("iam:ListAccessKeys", 1) }
			world.Fault = faults(w, "iam:ListAccessKeys")
			return world
		}}},
		{"deactivate", actionstest.Case{Action: "aws.iam.deactivate_access_key", Errors: changeErrors, World: func(t *testing.T) actionstest.World {
			w, world, id := key(t)
			world.Disturb = func(t *testing.T) { w.SetKey(t, "ci-deploy", id, true) }
			world.LoseAnswer = func(*testing.T) { w.Proxy.DropAfterEffect("iam:UpdateAccessKey", awstest.EveryAttempt) }
			world.Fault = faults(w, "iam:UpdateAccessKey")
			return world
		}}},
	}
	for _, kind := range []string{"user", "role"} {
		put := map[string]string{"user": "iam:PutUserPolicy", "role": "iam:PutRolePolicy"}[kind]
		cases = append(cases, struct {
			name string
			actionstest.Case
		}{"quarantine " + kind, actionstest.Case{Action: "aws.iam.quarantine_principal", Errors: changeErrors, World: func(t *testing.T) actionstest.World {
			w := emulator.World(t)
			var arn string
			if kind == "user" {
				arn = w.User(t, "/", "victim")
			} else {
				arn = w.Role(t, "/apps/", "victim")
			}
			w.PutPolicy(t, kind, "victim", "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{"principal_arn": arn},
				Disturb:    func(t *testing.T) { w.DeletePolicy(t, kind, "victim", "FirebreakQuarantine-INC-12") },
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(put, awstest.EveryAttempt) },
				Fault:      faults(w, put),
			}
		}}})
	}
	for _, scope := range []struct{ name, value string }{{"all", ""}, {"session_name", "alice"}, {"source_identity", "alice@example.com"}, {"instance", "i-0abc1234def567890"}} {
		if emulator.Name != "awsfake" && scope.name != "all" && scope.name != "instance" {
			continue // only the document differs
		}
		cases = append(cases, struct {
			name string
			actionstest.Case
		}{"revoke " + scope.name, actionstest.Case{Action: "aws.iam.revoke_sessions", Errors: changeErrors, World: func(t *testing.T) actionstest.World {
			w := emulator.World(t)
			arn := w.Role(t, "/", "web")
			with := map[string]any{"role": arn, "scope": scope.name}
			if scope.value != "" {
				with["value"] = scope.value
			}
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: with,
				Disturb: func(t *testing.T) {
					for name := range w.Policies(t, "role", "web") {
						w.DeletePolicy(t, "role", "web", name)
					}
				},
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("iam:PutRolePolicy", awstest.EveryAttempt) },
				Fault:      faults(w, "iam:PutRolePolicy"),
			}
		}}})
	}
	for _, c := range cases {
		if emulator.Name != "awsfake" || strings.HasPrefix(c.name, "revoke s") || c.name == "revoke instance" {
			c.Errors = nil // the proxy makes them for every emulator and scope alike
		}
		t.Run(c.name, func(t *testing.T) { actionstest.Run(t, c.Case) })
	}
}

// TestLaggingReads runs the suite against an IAM whose reads lag behind.
func TestLaggingReads(t *testing.T) {
	awstest.Hermetic(t)
	lagging := awstest.Fake(awsfake.Options{Lag: 3, PageSize: 1})
	lagging.Name = "lagging awsfake"
	suite(t, lagging)
}
