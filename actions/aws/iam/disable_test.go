package iam_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// person is a user with two credentials of each class, one of them Inactive, a
// console password, two MFA devices and two groups.
type person struct {
	*awstest.World
	active, inactive []string
	thief            string // serial number of the attacker's device
	secret           string
}

func newPerson(t *testing.T, moto *awstest.Emulator) person {
	t.Helper()
	w := moto.World(t)
	w.Beside(t)
	w.User(t, "/team/", "alice")
	p := person{World: w}
	for i := range 2 {
		key, _ := w.AccessKey(t, "alice")
		for _, id := range []string{key, w.SSHKey(t, "alice"), w.SigningCertificate(t, "alice"), w.ServiceCredential(t, "alice", "codecommit.amazonaws.com")} {
			if i == 0 {
				p.active = append(p.active, id)
				continue
			}
			p.inactive = append(p.inactive, id)
			if id == key {
				w.SetKey(t, "alice", id, false)
			} else {
				w.Status(t, "alice", id, types.StatusTypeInactive)
			}
		}
	}
	w.LoginProfile(t, "alice", "console-password-canary-1", true)
	w.MFA(t, "alice", "phone")
	p.thief = w.MFA(t, "alice", "thief")
	w.InGroup(t, "alice", "staff")
	w.InGroup(t, "alice", "admins")
	p.secret = w.Destination(t, "people/alice", "older-secret-value", "old-secret-value")
	return p
}

// step gives the step; what is given is added to what an exact undo needs.
func (p person) step(t *testing.T, more ...map[string]any) *awstest.Step {
	t.Helper()
	with := map[string]any{"user": "alice", "groups": "remove", "password_secret": "people/alice"}
	for _, one := range more {
		for k, v := range one {
			if v == nil {
				delete(with, k)
			} else {
				with[k] = v
			}
		}
	}
	return awstest.NewStep(t, provider(p.World), "aws.iam.disable_user", with)
}

func disableCases(moto *awstest.Emulator) []named {
	return []named{{"disable", actionstest.Case{Action: "aws.iam.disable_user", Errors: changeErrors, World: func(t *testing.T) actionstest.World {
		p := newPerson(t, moto)
		var with map[string]any
		if err := json.Unmarshal(p.step(t).Params, &with); err != nil {
			t.Fatal(err)
		}
		return actionstest.World{
			Registry: provider(p.World), Call: awstest.NewCall(), Snapshot: p.IAMState, Params: with,
			Canaries:   []string{p.Credentials.SecretAccessKey, "console-password-canary-1", "old-secret-value"},
			Disturb:    func(t *testing.T) { p.Status(t, "alice", p.active[1], types.StatusTypeActive) },
			LoseAnswer: func(*testing.T) { p.Proxy.DropAfterEffect("iam:PutUserPolicy", awstest.EveryAttempt) },
			Fault:      faults(p.World, "iam:PutUserPolicy"),
		}
	}}}}
}

// The answer of each change in the whole action is lost once.
func TestDisableLosesAnswers(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	world := func(t *testing.T) (*awstest.World, *awstest.Step, func() string) {
		p := newPerson(t, moto)
		return p.World, p.step(t), func() string { return p.IAMState(t) }
	}
	for _, operation := range []string{"UpdateAccessKey", "UpdateSSHPublicKey", "UpdateServiceSpecificCredential", "UpdateSigningCertificate", "DeleteLoginProfile", "RemoveUserFromGroup"} {
		t.Run(operation, func(t *testing.T) { lives(t, "iam:"+operation, awstest.EveryAttempt, world) })
	}
	for _, operation := range []string{"iam:UpdateSSHPublicKey", "iam:AddUserToGroup", "secretsmanager:PutSecretValue", "iam:CreateLoginProfile", "iam:DeleteUserPolicy"} {
		t.Run("undo "+operation, func(t *testing.T) { losesUndo(t, operation, awstest.EveryAttempt, world) })
	}
	for _, lost := range []struct {
		operation string
		with      map[string]any
	}{
		{"iam:UpdateLoginProfile", map[string]any{"console": "reset", "password_secret": nil}},
		{"iam:DeactivateMFADevice", map[string]any{"deactivate_mfa": []string{"arn:aws:iam::123456789012:mfa/thief"}}},
	} {
		t.Run(lost.operation, func(t *testing.T) {
			p := newPerson(t, moto)
			s := p.step(t, lost.with).Plan()
			p.Proxy.DropAfterEffect(lost.operation, awstest.EveryAttempt)
			_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
			if err == nil || actions.ClassOf(err) != actions.Unknown {
				t.Errorf("got %v", err)
			}
			p.Proxy.Heal()
			s.Execute().Is(actions.Verified, "")
		})
	}
}

func TestDisableUser(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Run("the deny comes first", func(t *testing.T) {
		p := newPerson(t, moto)
		s := p.step(t, map[string]any{"deactivate_mfa": []string{p.thief}}).Plan()
		p.Proxy.Forget()
		s.Execute()
		first := ""
		for _, call := range p.Proxy.Calls() {
			verb := strings.TrimPrefix(call.Operation, "iam:")
			if first == "" && slices.ContainsFunc([]string{"Put", "Update", "Delete", "Deactivate", "Remove"}, func(v string) bool { return strings.HasPrefix(verb, v) }) {
				first = call.Operation
			}
		}
		if first != "iam:PutUserPolicy" {
			t.Errorf("the first change was %s", first)
		}
		s.Is(actions.Verified, "nothing Active of: access_keys, ssh_keys, service_credentials, signing_certificates, console")
		state := p.IAMState(t)
		if strings.Contains(state, "Active\n") && strings.Contains(state, " Active\n") || strings.Contains(state, p.thief) || strings.Contains(state, "console password") || strings.Contains(state, "group ") {
			t.Errorf("got %s", state)
		}
		if !strings.Contains(state, "mfa arn:aws:iam::123456789012:mfa/phone") {
			t.Errorf("the victim's own device is gone: %s", state)
		}
	})
	t.Run("only what was Active is switched on again", func(t *testing.T) {
		p := newPerson(t, moto)
		before := p.IAMState(t)
		s := p.step(t).Plan().Execute()
		s.Undo()
		if diff := cmp.Diff(before, p.IAMState(t)); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		var given struct{ User, Password string }
		if err := json.Unmarshal([]byte(p.SecretValue(t, "people/alice")), &given); err != nil {
			t.Fatal(err)
		}
		if given.User != "alice" || len(given.Password) < 40 || strings.Contains(string(s.Result)+string(s.Call.State), given.Password) {
			t.Error("the new password is not in the secret alone")
		}
	})
	t.Run("without a place the password does not come back, and that is said", func(t *testing.T) {
		for _, how := range []string{"delete", "reset"} {
			p := newPerson(t, moto)
			s := p.step(t, map[string]any{"password_secret": nil, "console": how}).Plan()
			says(t, s.Preview.Warnings, "The console password does not come back")
			s.Execute().Is(actions.Verified, "")
			undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
			if err != nil {
				t.Fatal(err)
			}
			says(t, undo.Warnings, "The console password does not come back")
			s.Undo()
			if got := strings.Contains(p.IAMState(t), "console password"); got != (how == "reset") {
				t.Errorf("%s: after the undo there is a console password: %v", how, got)
			}
		}
	})
	t.Run("what appears meanwhile is switched off, and not switched on", func(t *testing.T) {
		p := newPerson(t, moto)
		s := p.step(t).Plan()
		added := p.SSHKey(t, "alice")
		s.Execute().Is(actions.Verified, "")
		later := p.ServiceCredential(t, "alice", "cassandra.amazonaws.com")
		s.Is(actions.NotVerified, "service-specific credential "+later+" is Active")
		undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
		if err != nil {
			t.Fatal(err)
		}
		says(t, undo.Warnings, "The user has the service-specific credential "+later+", which was not there before")
		p.Status(t, "alice", later, types.StatusTypeInactive)
		s.Undo()
		for _, id := range []string{added, later} {
			if strings.Contains(p.IAMState(t), id+" Active") || strings.Contains(p.IAMState(t), id+" cassandra.amazonaws.com Active") {
				t.Errorf("the undo switched %s on", id)
			}
		}
	})
	t.Run("a class that cannot be read is not proved", func(t *testing.T) {
		p := newPerson(t, moto)
		s := p.step(t).Plan().Execute()
		for _, operation := range []string{"ListAccessKeys", "ListSSHPublicKeys", "ListServiceSpecificCredentials", "ListSigningCertificates", "GetLoginProfile", "GetUserPolicy", "ListMFADevices", "ListGroupsForUser"} {
			p.Proxy.Refuse("iam:"+operation, http.StatusForbidden, "AccessDenied")
			s.Is(actions.CannotVerify, operation)
			p.Proxy.Heal()
			if operation == "GetUserPolicy" || operation == "ListMFADevices" || operation == "ListGroupsForUser" {
				continue // a missing deny is not verified; devices and groups may be none
			}
			p.Proxy.Answer("iam:"+operation, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(withoutElements(operation)(nil)) })
			s.Is(actions.CannotVerify, "")
			p.Proxy.Heal()
		}
		p.Proxy.Refuse("iam:ListSigningCertificates", http.StatusForbidden, "AccessDenied")
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Denied, "ListSigningCertificates")
	})
	t.Run("each effect that is taken away is seen", func(t *testing.T) {
		p := newPerson(t, moto)
		s := p.step(t, map[string]any{"deactivate_mfa": []string{p.thief}}).Plan().Execute()
		s.Is(actions.Verified, "")
		for _, id := range p.active[1:] {
			p.Status(t, "alice", id, types.StatusTypeActive)
			s.Is(actions.NotVerified, id+" is Active")
			p.Status(t, "alice", id, types.StatusTypeInactive)
		}
		p.SetKey(t, "alice", p.active[0], true)
		s.Is(actions.NotVerified, p.active[0]+" is Active")
		p.SetKey(t, "alice", p.active[0], false)
		p.InGroup(t, "alice", "admins")
		s.Is(actions.NotVerified, "is in admins")
		s.Execute()
		p.LoginProfile(t, "alice", "another-password", true)
		s.Is(actions.NotVerified, "has a console password")
		s.Execute()
		p.DeletePolicy(t, "user", "alice", quarant)
		s.Is(actions.NotVerified, "is not the deny")
		s.Execute().Is(actions.Verified, "")
	})
	t.Run("a deny that was there before stays", func(t *testing.T) {
		p := newPerson(t, moto)
		p.PutPolicy(t, "user", "alice", quarant, deny)
		s := p.step(t).Plan().Execute()
		s.Undo()
		if got := p.Policies(t, "user", "alice")[quarant]; got != deny {
			t.Errorf("got %q", got)
		}
	})
	t.Run("an undo that cannot be exact", func(t *testing.T) {
		p := newPerson(t, moto)
		s := p.step(t).Plan().Execute()
		p.PutPolicy(t, "user", "alice", quarant, allowS3)
		undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
		if err != nil || !strings.Contains(undo.NoUndo, "was changed after firebreak put it") {
			t.Errorf("got %+v, %v", undo, err)
		}
		awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "s3:*")
	})
	t.Run("parameters", func(t *testing.T) {
		p := newPerson(t, moto)
		p.User(t, "/", "moto")
		for _, test := range []struct {
			with  map[string]any
			class actions.Class
			says  string
		}{
			{map[string]any{"credential_classes": []string{"passwords"}}, actions.Invalid, "known: access_keys"},
			{map[string]any{"credential_classes": []string{"access_keys", "access_keys"}}, actions.Invalid, "twice"},
			{map[string]any{"console": "reset"}, actions.Invalid, "password_secret is for a console password that is deleted"},
			{map[string]any{"deactivate_mfa": []string{"arn:aws:iam::123456789012:mfa/other"}}, actions.Precondition, "mfa/phone"},
			{map[string]any{"user": "nobody"}, actions.NotFound, "NoSuchEntity"},
			{map[string]any{"user": "moto"}, actions.Precondition, "firebreak itself uses"},
			{map[string]any{"password_secret": "none"}, actions.NotFound, "make the secret first"},
		} {
			s := p.step(t, test.with)
			_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
			awstest.Fails(t, err, test.class, test.says)
		}
		s := p.step(t, map[string]any{"credential_classes": []string{"ssh_keys"}, "password_secret": nil}).Plan()
		says(t, s.Preview.Warnings, "Access keys are not looked at")
		s.Execute().Is(actions.Verified, "nothing Active of: ssh_keys")
		if !slices.Contains(p.Keys(t, "alice"), p.active[0]+" Active") {
			t.Error("a class that was not chosen was touched")
		}
	})
}
