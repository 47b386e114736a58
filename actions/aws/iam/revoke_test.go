package iam_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// TestDenyConditionsAreObeyed assumes a role before and after the cutoff and
// acts in both sessions.
func TestDenyConditionsAreObeyed(t *testing.T) {
	for _, test := range []struct {
		scope, value              string
		oldMine, oldOther, newOne bool // who may still act
	}{
		{"all", "", false, false, true},
		{"session_name", "mine", false, true, true},
		{"source_identity", "eve@example.com", false, true, true},
	} {
		t.Run(test.scope, func(t *testing.T) {
			var clock atomic.Int64
			clock.Store(time.Date(2026, 11, 22, 4, 50, 24, 0, time.UTC).Unix())
			now := func() time.Time { return time.Unix(clock.Load(), 0) }
			fake := awstest.NewFake(t, awsfake.Options{Now: now})
			fake.AddRole(fake.Account(), "web", "")
			session := func(name, identity string) *iam.Client {
				operator := fake.Operator()
				out, err := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: sdk.String(fake.URL()), Credentials: credentials.NewStaticCredentialsProvider(operator.AccessKeyID, operator.SecretAccessKey, "")}).
					AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: sdk.String("arn:aws:iam::111122223333:role/web"), RoleSessionName: &name, SourceIdentity: &identity})
				if err != nil {
					t.Fatal(err)
				}
				return client(fake, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
			}
			mayAct := func(c *iam.Client) bool {
				_, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: sdk.String("web")})
				return err == nil
			}
			mine, other := session("mine", "eve@example.com"), session("other", "bob@example.com")
			with := map[string]any{"role": "web", "scope": test.scope}
			if test.value != "" {
				with["value"] = test.value
			}
			r := registry(fake, func(_ *cloud.Environment, o *cloud.Options) { o.Now = now })
			revoked := awstest.NewStep(t, r, "aws.iam.revoke_sessions", with).Plan()
			revoked.Call.Started = now()
			revoked.Execute().Is(actions.Verified, "")
			clock.Add(60) // behind the 30 s of headroom
			newOne := session("mine", "eve@example.com")
			if got := [3]bool{mayAct(mine), mayAct(other), mayAct(newOne)}; got != [3]bool{test.oldMine, test.oldOther, test.newOne} {
				t.Errorf("old mine, old other, new may act: got %v, want %v", got, [3]bool{test.oldMine, test.oldOther, test.newOne})
			}
		})
	}
}

type revocation struct {
	PolicyName string    `json:"policy_name"`
	Cutoff     time.Time `json:"cutoff"`
	MaxSeconds int       `json:"max_session_seconds"`
}

func revocationOf(s *awstest.Step) revocation {
	s.Helper()
	var r revocation
	if err := json.Unmarshal(s.Result, &r); err != nil {
		s.Fatal(err)
	}
	return r
}

// The cutoff is told by AWS's clock, also when ours is two hours behind, and
// moves to the first intent when an approval took its time. Every attempt finds
// the same.
func TestCutoff(t *testing.T) {
	ours := time.Date(2026, 11, 22, 4, 50, 24, 900e6, time.UTC)
	theirs := ours.Add(2 * time.Hour)
	fake := awstest.NewFake(t, awsfake.Options{Now: func() time.Time { return theirs }})
	fake.AddRole(fake.Account(), "web", "")
	r := registry(fake, func(_ *cloud.Environment, o *cloud.Options) { o.Now = func() time.Time { return ours } })
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct {
		name    string
		started time.Time
		with    map[string]any
		want    time.Time
	}{
		{"at once", ours, map[string]any{"role": "web"}, at("2026-11-22T06:50:54Z")},
		{"approved after ten minutes", ours.Add(10 * time.Minute), map[string]any{"role": "web"}, at("2026-11-22T07:00:54Z")},
		{"chosen", ours.Add(10 * time.Minute), map[string]any{"role": "web", "cutoff": "2026-11-22T03:00:00.7Z"}, at("2026-11-22T03:00:00Z")},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake.SetInlinePolicy("role", "web", revoke, "")
			revoked := awstest.NewStep(t, r, "aws.iam.revoke_sessions", test.with).Plan()
			revoked.Call.Started = test.started
			revoked.Execute().Is(actions.Verified, "")
			if got := revocationOf(revoked); !got.Cutoff.Equal(test.want) || got.PolicyName != revoke || got.MaxSeconds != 3600 {
				t.Errorf("got %+v, want cutoff %s", got, test.want)
			}
			first := string(revoked.Result)
			revoked.Call.Attempt = 2
			if revoked.Execute(); string(revoked.Result) != first {
				t.Errorf("the second attempt gave %s, the first %s", revoked.Result, first)
			}
		})
	}
}

// A later cutoff that is there already is kept, by the undo too.
func TestLaterCutoffIsKept(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddRole(fake.Account(), "web", "")
	r := registry(fake)
	late := awstest.NewStep(t, r, "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2027-01-01T00:00:00Z"}).Plan().Execute()
	document := fake.InlinePolicy("role", "web", revoke)

	early := awstest.NewStep(t, r, "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2026-06-01T00:00:00Z"}).Plan()
	if !early.Preview.InEffect || early.Preview.NoUndo == "" {
		t.Errorf("got %+v", early.Preview)
	}
	early.Execute().Is(actions.Verified, "")
	if got := fake.InlinePolicy("role", "web", revoke); got != document {
		t.Errorf("the cutoff was moved back: %s", got)
	}
	if got := revocationOf(early).Cutoff; !got.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got cutoff %s", got)
	}
	if err := early.Handler.Undo(t.Context(), early.Call, early.Params, early.Result); err != nil {
		t.Error(err)
	}
	if got := fake.InlinePolicy("role", "web", revoke); got != document {
		t.Errorf("the undo changed what was there before: %s", got)
	}
	late.Is(actions.Verified, "")
}

// Another run moves the cutoff forward between plan and execute: it is kept, and
// is not ours to take back.
func TestLaterCutoffOfAnotherRun(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddRole(fake.Account(), "web", "")
	r := registry(fake)
	mine := awstest.NewStep(t, r, "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2026-06-01T00:00:00Z"}).Plan()
	theirs := awstest.NewStep(t, r, "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2027-01-01T00:00:00Z"})
	theirs.Call.Run = "R2"
	theirs.Plan().Execute()
	document := fake.InlinePolicy("role", "web", revoke)

	mine.Execute().Is(actions.Verified, "before 2027-01-01T00:00:00Z")
	if got := revocationOf(mine).Cutoff; got.Year() != 2027 {
		t.Errorf("got cutoff %s, which is not what holds", got)
	}
	if undo, err := mine.Handler.PlanUndo(t.Context(), mine.Call, mine.Params, mine.Result); err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v", undo, err)
	}
	awstest.Fails(t, mine.Handler.Undo(t.Context(), mine.Call, mine.Params, mine.Result), actions.Precondition, "was changed after")
	if got := fake.InlinePolicy("role", "web", revoke); got != document {
		t.Errorf("the other run's revocation was changed: %q", got)
	}
}

// A cutoff that somebody moved back lets older sessions in again.
func TestCutoffThatWasMovedBack(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddRole(fake.Account(), "web", "")
	revoked := awstest.NewStep(t, registry(fake), "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2026-06-01T00:00:00Z"}).Plan().Execute()
	document := fake.InlinePolicy("role", "web", revoke)
	fake.SetInlinePolicy("role", "web", revoke, strings.Replace(document, "2026-06-01", "2026-05-01", 1))
	revoked.Is(actions.NotVerified, "denies only sessions before 2026-05-01T00:00:00Z, not 2026-06-01T00:00:00Z")
	fake.SetInlinePolicy("role", "web", revoke, strings.Replace(document, "2026-06-01", "2026-07-01", 1))
	revoked.Is(actions.Verified, "before 2026-07-01T00:00:00Z")
	fake.SetInlinePolicy("role", "web", revoke, strings.Replace(document, `"*"`, `"s3:*"`, 1))
	revoked.Is(actions.NotVerified, "is not the deny that was put")
}

// Two revocations in a row: the first must not be undone over the second, and
// undoing the second brings the first back.
func TestUndoOfARevocationThatWasMovedOn(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddRole(fake.Account(), "web", "")
	r := registry(fake)
	first := awstest.NewStep(t, r, "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2026-06-01T00:00:00Z"}).Plan().Execute()
	document := fake.InlinePolicy("role", "web", revoke)
	second := awstest.NewStep(t, r, "aws.iam.revoke_sessions", map[string]any{"role": "web", "cutoff": "2026-07-01T00:00:00Z"}).Plan().Execute()

	if undo, err := first.Handler.PlanUndo(t.Context(), first.Call, first.Params, first.Result); err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v", undo, err)
	}
	awstest.Fails(t, first.Handler.Undo(t.Context(), first.Call, first.Params, first.Result), actions.Precondition, "was changed after")
	if err := second.Handler.Undo(t.Context(), second.Call, second.Params, second.Result); err != nil {
		t.Fatal(err)
	}
	if got := fake.InlinePolicy("role", "web", revoke); got != document {
		t.Errorf("got %q, want %q", got, document)
	}
	if err := first.Handler.Undo(t.Context(), first.Call, first.Params, first.Result); err != nil {
		t.Fatal(err)
	}
	if got := fake.InlinePolicy("role", "web", revoke); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestRevokeParams(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddUser("alice")
	fake.AddRole(fake.Account(), "web", "")
	for _, test := range []struct {
		name string
		with map[string]any
		says string
	}{
		{"a value with all", map[string]any{"role": "web", "scope": "all", "value": "x"}, "no meaning with scope all"},
		{"no value", map[string]any{"role": "web", "scope": "instance"}, "needs a value"},
		{"no instance id", map[string]any{"role": "web", "scope": "instance", "value": "web-1"}, "is not an instance id"},
		{"a name that no session can have", map[string]any{"role": "web", "scope": "session_name", "value": "alice "}, "would deny nobody"},
		{"a variable of policies", map[string]any{"role": "web", "scope": "source_identity", "value": "${aws:username}"}, "would deny nobody"},
		{"a whole user id", map[string]any{"role": "web", "scope": "session_name", "value": "AROAX:alice"}, "behind the colon"},
		{"a user", map[string]any{"role": "arn:aws:iam::111122223333:user/alice"}, "aws.iam.quarantine_principal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, registry(fake), "aws.iam.revoke_sessions").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, test.with))
			awstest.Fails(t, err, actions.Invalid, test.says)
		})
	}
}
