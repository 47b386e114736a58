package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

const (
	powerUser = "arn:aws:iam::aws:policy/PowerUserAccess"
	denyAllOf = "arn:aws:iam::aws:policy/AWSDenyAll"
)

// inMode makes a principal, with a boundary if one is given.
func inMode(t *testing.T, w *awstest.World, kind, boundary string) string {
	t.Helper()
	w.Beside(t)
	if kind == "user" {
		arn := w.User(t, "/team/", "victim")
		if boundary != "" {
			w.SetBoundary(t, "victim", boundary)
		}
		return arn
	}
	arn := w.Role(t, "/apps/", "victim")
	if boundary != "" {
		setRoleBoundary(t, w, boundary)
	}
	return arn
}

func setRoleBoundary(t *testing.T, w *awstest.World, arn string) {
	t.Helper()
	if _, err := w.IAM.PutRolePermissionsBoundary(t.Context(), &sdk.PutRolePermissionsBoundaryInput{RoleName: aws.String("victim"), PermissionsBoundary: &arn}); err != nil {
		t.Fatal(err)
	}
}

func modeCases(moto *awstest.Emulator) []named {
	var cases []named
	for _, c := range []struct{ kind, mode, before, call string }{
		{"user", "managed", "", "iam:AttachUserPolicy"}, {"role", "managed", "", "iam:AttachRolePolicy"},
		{"user", "boundary", powerUser, "iam:PutUserPermissionsBoundary"}, {"role", "boundary", "", "iam:PutRolePermissionsBoundary"},
	} {
		errors := changeErrors
		if c.kind == "role" {
			errors = nil // the same code
		}
		cases = append(cases, named{"quarantine " + c.kind + " " + c.mode, actionstest.Case{Action: "aws.iam.quarantine_principal", Errors: errors, World: func(t *testing.T) actionstest.World {
			w := moto.World(t)
			arn := inMode(t, w, c.kind, c.before)
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.IAMState, Params: map[string]any{"principal_arn": arn, "mode": c.mode},
				Disturb: func(t *testing.T) {
					var err error
					switch c.kind + c.mode {
					case "usermanaged":
						_, err = w.IAM.DetachUserPolicy(t.Context(), &sdk.DetachUserPolicyInput{UserName: aws.String("victim"), PolicyArn: aws.String(denyAllOf)})
					case "rolemanaged":
						_, err = w.IAM.DetachRolePolicy(t.Context(), &sdk.DetachRolePolicyInput{RoleName: aws.String("victim"), PolicyArn: aws.String(denyAllOf)})
					case "userboundary":
						w.SetBoundary(t, "victim", powerUser)
					default:
						setRoleBoundary(t, w, powerUser)
					}
					if err != nil {
						t.Fatal(err)
					}
				},
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(c.call, awstest.EveryAttempt) },
				Fault:      faults(w, c.call),
			}
		}}})
	}
	return cases
}

// A boundary that somebody changed since is neither believed nor overwritten.
func TestQuarantineBoundaryThatWasChanged(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	s := awstest.NewStep(t, provider(w), "aws.iam.quarantine_principal", map[string]any{"principal_arn": inMode(t, w, "role", ""), "mode": "boundary"}).Plan().Execute()
	s.Is(actions.Verified, "permissions boundary AWSDenyAll denies role victim everything")
	setRoleBoundary(t, w, powerUser)
	s.Is(actions.NotVerified, "is not the deny that was put")
	undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
	if err != nil || !strings.Contains(undo.NoUndo, "was changed after firebreak put it") {
		t.Errorf("got %+v, %v", undo, err)
	}
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, powerUser)
}

// A boundary that came after the plan is not replaced: the undo would bring back
// the one before it.
func TestQuarantineBoundaryThatCameSince(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	s := awstest.NewStep(t, provider(w), "aws.iam.quarantine_principal", map[string]any{"principal_arn": inMode(t, w, "role", ""), "mode": "boundary"}).Plan()
	setRoleBoundary(t, w, powerUser)
	before := w.IAMState(t)
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "was changed since the plan", powerUser)
	if after := w.IAMState(t); after != before {
		t.Errorf("before: %s\nafter:  %s", before, after)
	}
}

func TestQuarantineExemptions(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddUser("alice")
	with := func(mode string, exempt ...string) *awstest.Step {
		return awstest.NewStep(t, registry(fake), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice", "mode": mode, "exempt_actions": exempt})
	}
	for action, says := range map[string]string{"iam:DeleteUserPolicy": "lift its own quarantine", "sts:AssumeRole": "lift its own quarantine", "*": "is no action", "s3": "is no action"} {
		s := with("inline", action)
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Invalid, says)
	}
	s := with("managed", "s3:GetObject")
	_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Invalid, "need the mode inline")

	s = with("inline", "s3:GetObject", "s3:ListBucket").Plan()
	says(t, s.Preview.Changes, "everything except s3:GetObject, s3:ListBucket")
	s.Execute().Is(actions.Verified, "everything except s3:GetObject, s3:ListBucket")
	if got := fake.InlinePolicy("user", "alice", quarant); !strings.Contains(got, `"NotAction":["s3:GetObject","s3:ListBucket"]`) {
		t.Errorf("got %s", got)
	}
	if s := with("inline").Plan(); s.Preview.InEffect {
		t.Error("a deny with exemptions counts as one without")
	}
	fake.SetInlinePolicy("user", "alice", quarant, strings.Replace(fake.InlinePolicy("user", "alice", quarant), "s3:ListBucket", "s3:PutObject", 1))
	s.Is(actions.NotVerified, "is not the deny")
}
