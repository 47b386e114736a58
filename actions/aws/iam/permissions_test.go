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
	moto := func(way awstest.Way) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			if w.Name != "moto" {
				t.Skip("awsfake does not have what this action needs")
			}
			return way(t, w)
		}
	}
	return map[string][]awstest.Way{
		"aws.iam.lock_role_trust":       {moto(trustWay)},
		"aws.iam.rotate_access_key":     {moto(rotateWay)},
		"aws.iam.delete_access_key":     {deleteWay(true), deleteWay(false)},
		"aws.iam.disable_user":          {moto(disableWay("delete", "")), moto(disableWay("reset", allowS3))},
		"aws.iam.lookup_access_key":     {key("")},
		"aws.iam.deactivate_access_key": {key(""), key("ci-deploy")},
		"aws.iam.quarantine_principal": {moto(principal("user", "")), principal("role", ""), principal("user", allowS3), principal("role", allowS3),
			moto(modeWay("user", "managed", "")), moto(modeWay("role", "managed", "")), moto(modeWay("user", "boundary", "")), moto(modeWay("role", "boundary", "")),
			moto(modeWay("user", "boundary", powerUser)), moto(modeWay("role", "boundary", powerUser))},
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

func trustWay(t *testing.T, w *awstest.World) map[string]any {
	w.User(t, "/", "victim")
	return map[string]any{"role": w.RoleTrusting(t, "/apps/", "web", trustVictim), "principal": victim}
}

func rotateWay(t *testing.T, w *awstest.World) map[string]any {
	w.User(t, "/team/", "ci-deploy")
	id, _ := w.AccessKey(t, "ci-deploy")
	w.Destination(t, "prod/ci-deploy", "older", "old")
	w.Lose("iam:CreateAccessKey") // only then is a lost key looked for and deleted
	return map[string]any{"user": "ci-deploy", "access_key_id": id, "destination": "prod/ci-deploy"}
}

func deleteWay(only bool) awstest.Way {
	return func(t *testing.T, w *awstest.World) map[string]any {
		w.User(t, "/team/", "ci-deploy")
		id, _ := w.AccessKey(t, "ci-deploy")
		w.SetKey(t, "ci-deploy", id, false)
		if !only {
			w.AccessKey(t, "ci-deploy")
		}
		return map[string]any{"user": "ci-deploy", "access_key_id": id}
	}
}

func disableWay(console, before string) awstest.Way {
	return func(t *testing.T, w *awstest.World) map[string]any {
		w.Beside(t)
		w.User(t, "/team/", "alice")
		w.AccessKey(t, "alice")
		w.SSHKey(t, "alice")
		w.SigningCertificate(t, "alice")
		w.ServiceCredential(t, "alice", "codecommit.amazonaws.com")
		w.LoginProfile(t, "alice", "console-password-canary-1", true)
		serial := w.MFA(t, "alice", "thief")
		w.InGroup(t, "alice", "staff")
		with := map[string]any{"user": "alice", "groups": "remove", "console": console, "deactivate_mfa": []string{serial}}
		if console == "delete" {
			w.Destination(t, "people/alice", "older", "old")
			with["password_secret"] = "people/alice"
		}
		if before != "" {
			w.PutPolicy(t, "user", "alice", quarant, before)
		}
		return with
	}
}

func modeWay(kind, mode, before string) awstest.Way {
	return func(t *testing.T, w *awstest.World) map[string]any {
		return map[string]any{"principal_arn": inMode(t, w, kind, before), "mode": mode}
	}
}
