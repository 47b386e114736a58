package iam_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// waysOf lists, for every action, ways that together use every right it
// declares. There is no list of exceptions: a right that no way uses is not
// needed.
func waysOf() map[string][]awstest.Way {
	key := func(name string) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			w.User(t, "/team/", "ci-deploy")
			id, _ := w.AccessKey(t, "ci-deploy")
			with := map[string]any{"access_key_id": id}
			if name != "" {
				with["user"] = name
			}
			return with
		}
	}
	principal := func(kind, before string) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			arn := ""
			if kind == "user" {
				arn = w.User(t, "/team/", "victim")
			} else {
				arn = w.Role(t, "/apps/", "victim")
			}
			w.PutPolicy(t, kind, "victim", "own", allowS3)
			if before != "" {
				w.PutPolicy(t, kind, "victim", quarant, before)
			}
			return map[string]any{"principal_arn": arn}
		}
	}
	sessions := func(with map[string]any, before string) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			arn := w.Role(t, "/apps/", "web")
			if before != "" {
				w.PutPolicy(t, "role", "web", revoke, before)
			}
			if with == nil {
				return map[string]any{"role": arn}
			}
			return with
		}
	}
	return map[string][]awstest.Way{
		"aws.iam.lookup_access_key":     {key("")},
		"aws.iam.deactivate_access_key": {key(""), key("ci-deploy")},
		"aws.iam.quarantine_principal":  {principal("user", ""), principal("role", ""), principal("user", allowS3), principal("role", allowS3)},
		"aws.iam.revoke_sessions": {
			sessions(nil, ""), sessions(nil, allowS3), sessions(map[string]any{"role": "web"}, ""),
			sessions(map[string]any{"role": "web", "scope": "instance", "value": "i-0abc1234def567890"}, ""),
		},
	}
}

// TestPermissionsAreExact holds the rights that are declared against those that
// are used.
func TestPermissionsAreExact(t *testing.T) {
	awstest.Hermetic(t)
	for _, emulator := range awstest.Start(t) {
		t.Run(emulator.Name, func(t *testing.T) { awstest.ExactRights(t, emulator, provider, waysOf()) })
	}
}

// TestRightToPutTheDenyAgain provokes the one branch that no ordinary life takes.
func TestRightToPutTheDenyAgain(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Fake(awsfake.Options{}).World(t)
	arn := w.Role(t, "/", "victim")
	s := awstest.NewStep(t, provider(w), "aws.iam.quarantine_principal", map[string]any{"principal_arn": arn}).Plan()
	w.Proxy.Forget()
	hold := w.Proxy.HoldCall("iam:GetRolePolicy")
	ended := make(chan error, 1)
	go func() {
		_, err := s.Handler.Execute(s.Context(), s.Call, s.Params)
		ended <- err
	}()
	<-hold.Reached()
	w.DeletePolicy(t, "role", "victim", quarant)
	hold.Release()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := w.Proxy.Count("iam:PutRolePolicy"); n < 2 {
		t.Errorf("the deny was put %d times, so this shows nothing", n)
	}
	for _, call := range w.Proxy.Calls() {
		for _, need := range w.Needs(t, call) {
			awstest.FitsRow(t, s.Handler.Spec(), actions.PhaseExecute, need)
		}
	}
}
