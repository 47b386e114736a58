package iam_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

const (
	deny    = `{"Statement":[{"Action":"*","Effect":"Deny","Resource":"*","Sid":"FirebreakQuarantine"}],"Version":"2012-10-17"}`
	allowS3 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	quarant = "FirebreakQuarantine-INC-12"
	revoke  = "FirebreakRevokeSessions"
)

func TestPrincipalsThatAreRefused(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddUser("team/alice")
	fake.AddRole(fake.Account(), "aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty", "")
	fake.AddRole(fake.Account(), "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef", "")
	r := registry(fake)
	for _, test := range []struct {
		name, arn string
		class     actions.Class
		says      string
	}{
		{"root", "arn:aws:iam::111122223333:root", actions.Invalid, "service control policy"},
		{"a session", "arn:aws:sts::111122223333:assumed-role/web/i-0abc", actions.Invalid, "give the role itself: arn:aws:iam::111122223333:role/web"},
		{"a federated user", "arn:aws:sts::111122223333:federated-user/bob", actions.Invalid, "give the user that made it"},
		{"a group", "arn:aws:iam::111122223333:group/admins", actions.Invalid, "neither a user nor a role"},
		{"no ARN", "alice", actions.Invalid, "does not match"},
		{"a service-linked role", "arn:aws:iam::111122223333:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty", actions.Precondition, "service-linked"},
		{"a role of Identity Center", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef", actions.Precondition, "Identity Center"},
		{"a role of Identity Center without its path", "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef", actions.Precondition, "Identity Center"},
		{"another account", "arn:aws:iam::999999999999:user/alice", actions.Precondition, "is in account 999999999999"},
		{"without its path", "arn:aws:iam::111122223333:user/alice", actions.Precondition, `is "arn:aws:iam::111122223333:user/team/alice" in AWS`},
		{"nobody", "arn:aws:iam::111122223333:user/nobody", actions.NotFound, "NoSuchEntity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"principal_arn": test.arn}))
			awstest.Fails(t, err, test.class, test.says)
		})
	}
	for _, test := range []struct{ name, role, says string }{
		{"a service-linked role", "AWSServiceRoleForAmazonGuardDuty", "service-linked"},
		{"a role of Identity Center", "AWSReservedSSO_Admin_0123456789abcdef", "Identity Center"},
	} {
		t.Run("revoke "+test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, r, "aws.iam.revoke_sessions").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"role": test.role}))
			awstest.Fails(t, err, actions.Precondition, test.says)
		})
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddUser("alice")
	fake.AddAccessKey("alice", "AKIAIOSFODNN7EXAMPLE", "x")
	r := registry(fake)
	for _, test := range []struct {
		name  string
		with  map[string]any
		class actions.Class
		says  []string
	}{
		{"temporary", map[string]any{"access_key_id": "ASIAIOSFODNN7EXAMPLE"}, actions.Invalid, []string{"temporary", "aws.iam.revoke_sessions"}},
		{"unknown", map[string]any{"access_key_id": "AKIAAAAAAAAAAAAAAAAA"}, actions.NotFound, []string{"no user of account 111122223333 owns"}},
		{"of another user", map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "user": "bob"}, actions.Precondition, []string{`belongs to user "alice", not to "bob"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, r, "aws.iam.deactivate_access_key").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, test.with))
			awstest.Fails(t, err, test.class, test.says...)
		})
	}
}

// An inactive key is left as it is, by the undo too.
func TestKeyThatWasInactiveBefore(t *testing.T) {
	fake, off := leakedKey(t)
	off.Execute()
	again := awstest.NewStep(t, registry(fake), "aws.iam.deactivate_access_key", map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}).Plan()
	if !again.Preview.InEffect || again.Preview.NoUndo == "" {
		t.Errorf("got %+v", again.Preview)
	}
	again.Execute().Is(actions.Verified, "")
	undo, err := again.Handler.PlanUndo(t.Context(), again.Call, again.Params, again.Result)
	if err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v", undo, err)
	}
	if err := again.Handler.Undo(t.Context(), again.Call, again.Params, again.Result); err != nil {
		t.Error(err)
	}
	if got := fake.KeyStatus("AKIAIOSFODNN7EXAMPLE"); got != "Inactive" {
		t.Errorf("the undo made the key %s, which it was not before", got)
	}
}

// A resumed attempt reads the state that was planned, not its own effect.
func TestStateIsWriteOnce(t *testing.T) {
	fake, off := leakedKey(t)
	off.Execute()
	first := string(off.Result)
	off.Call.Attempt = 2
	off.Execute()
	if diff := cmp.Diff(first, string(off.Result)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if err := off.Handler.Undo(t.Context(), off.Call, off.Params, off.Result); err != nil {
		t.Fatal(err)
	}
	if got := fake.KeyStatus("AKIAIOSFODNN7EXAMPLE"); got != "Active" {
		t.Errorf("after the undo the key is %s", got)
	}
}

func TestNewKeySinceThePlanIsDrift(t *testing.T) {
	fake, off := leakedKey(t)
	off.Execute().Is(actions.Verified, "")
	added := fake.NewAccessKey("ci-deploy")
	off.Is(actions.NotVerified, added.AccessKeyID)
}

// TestInactiveKeyIsRefused shows the effect, not only the status.
func TestInactiveKeyIsRefused(t *testing.T) {
	fake, off := leakedKey(t)
	thief := client(fake, "AKIAIOSFODNN7EXAMPLE", "leaked-secret", "")
	if _, err := thief.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Fatalf("before: %v", err)
	}
	off.Execute()
	if _, err := thief.GetUser(t.Context(), &iam.GetUserInput{}); err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") {
		t.Errorf("after: got %v", err)
	}
}

func client(fake *awsfake.Server, id, secret, token string) *iam.Client {
	return iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: sdk.String(fake.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token)})
}

func quarantineAlice(t *testing.T, fake *awsfake.Server, url string) *awstest.Step {
	t.Helper()
	fake.AddUser("alice")
	fake.AddAccessKey("alice", "AKIAALICEALICEALICE0", "alice-secret")
	fake.SetInlinePolicy("user", "alice", "own", allowS3)
	return awstest.NewStep(t, registry(fake, awstest.Via(url)), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}).Plan()
}

func TestQuarantineIsObeyed(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	quarantine := quarantineAlice(t, fake, fake.URL())
	alice := client(fake, "AKIAALICEALICEALICE0", "alice-secret", "")
	if _, err := alice.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Fatalf("before: %v", err)
	}
	quarantine.Execute()
	if _, err := alice.GetUser(t.Context(), &iam.GetUserInput{}); err == nil || !strings.Contains(err.Error(), "explicit deny") {
		t.Errorf("after: got %v", err)
	}
	if err := quarantine.Handler.Undo(t.Context(), quarantine.Call, quarantine.Params, quarantine.Result); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Errorf("after the undo: %v", err)
	}
}

// The victim deletes the deny in the seconds before it holds; it is put again.
func TestRemovedDenyIsPutAgain(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	var reads atomic.Int32
	url := awstest.Front(t, fake, func(_ http.ResponseWriter, action string) bool {
		if action == "GetUserPolicy" && reads.Add(1) == 3 { // the first is the plan's, the second sees the deny
			fake.SetInlinePolicy("user", "alice", quarant, "")
		}
		return false
	}, nil)
	quarantine := quarantineAlice(t, fake, url)
	quarantine.Execute().Is(actions.Verified, "")
	if got := fake.Count("iam:PutUserPolicy"); got != 2 {
		t.Errorf("the deny was put %d times, want 2", got)
	}
}

// Somebody removes it each time: that is said, and not called done.
func TestDenyThatSomebodyFights(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	url := awstest.Front(t, fake, nil, func(action string) {
		if action == "PutUserPolicy" {
			fake.SetInlinePolicy("user", "alice", quarant, allowS3)
		}
	})
	quarantine := quarantineAlice(t, fake, url)
	_, err := quarantine.Handler.Execute(t.Context(), quarantine.Call, quarantine.Params)
	awstest.Fails(t, err, actions.Unknown, "put on user alice 4 times", "service control policy")
	if got := fake.Count("iam:PutUserPolicy"); got != 4 {
		t.Errorf("the deny was put %d times, want 4", got)
	}
	quarantine.Is(actions.NotVerified, "is not the deny that was put")
}

func TestQuarantineTellsOtherChanges(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{PageSize: 1})
	fake.AddUser("alice")
	for _, group := range []string{"staff", "dev"} {
		fake.AddToGroup("alice", group)
	}
	fake.SetInlinePolicy("user", "alice", "own", allowS3)
	quarantine := awstest.NewStep(t, registry(fake), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}).Plan().Execute()
	quarantine.Is(actions.Verified, "denies user alice everything")
	fake.SetInlinePolicy("user", "alice", "backdoor", allowS3)
	fake.SetInlinePolicy("user", "alice", "own", "")
	fake.AddToGroup("alice", "admins")
	quarantine.Is(actions.Verified, "changed since the plan: inline policy backdoor was added, inline policy own was removed, group admins was added")
}

// What stood under our name before comes back, and what somebody wrote there
// later stays.
func TestQuarantineUndoIsExact(t *testing.T) {
	for _, test := range []struct {
		name, before, meanwhile, want string
		fails                         bool
	}{
		{name: "nothing before"},
		{name: "something before", before: allowS3, want: allowS3},
		{name: "our deny before", before: deny, want: deny},
		{name: "changed since", meanwhile: allowS3, want: allowS3, fails: true},
		{name: "white space changed since", meanwhile: strings.ReplaceAll(deny, ":", " :\n "), want: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := awstest.NewFake(t, awsfake.Options{})
			fake.AddUser("alice")
			fake.SetInlinePolicy("user", "alice", quarant, test.before)
			quarantine := awstest.NewStep(t, registry(fake), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}).Plan()
			if got, want := quarantine.Preview.InEffect, test.before == deny; got != want {
				t.Errorf("in effect: got %v, want %v", got, want)
			}
			quarantine.Execute()
			if test.meanwhile != "" {
				fake.SetInlinePolicy("user", "alice", quarant, test.meanwhile)
			}
			undo, err := quarantine.Handler.PlanUndo(t.Context(), quarantine.Call, quarantine.Params, quarantine.Result)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := undo.NoUndo != "", test.fails || test.before == deny; got != want {
				t.Errorf("no undo: got %q", undo.NoUndo)
			}
			err = quarantine.Handler.Undo(t.Context(), quarantine.Call, quarantine.Params, quarantine.Result)
			switch {
			case test.fails:
				awstest.Fails(t, err, actions.Precondition, "was changed after firebreak put it")
			case err != nil:
				t.Error(err)
			}
			if got := fake.InlinePolicy("user", "alice", quarant); got != test.want {
				t.Errorf("got policy %q, want %q", got, test.want)
			}
		})
	}
}

func TestInlinePoliciesFull(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	quarantine := quarantineAlice(t, fake, fake.URL())
	fake.SetInlinePolicy("user", "alice", "huge", strings.Replace(allowS3, "s3:*", "s3:"+strings.Repeat("x", 1900), 1))
	_, err := quarantine.Handler.Execute(t.Context(), quarantine.Call, quarantine.Params)
	awstest.Fails(t, err, actions.Precondition, "Maximum policy size of 2048 bytes exceeded", "service control policy")
}

// An answer with nothing in it is no proof of anything.
func TestEmptyAnswersProveNothing(t *testing.T) {
	empty := func(wanted string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, action string) bool {
			if action != wanted {
				return false
			}
			_, _ = w.Write([]byte("<" + action + "Response><" + action + "Result></" + action + "Result></" + action + "Response>"))
			return true
		}
	}
	t.Run("keys", func(t *testing.T) {
		fake, off := leakedKey(t)
		off.Execute()
		off.Handler = awstest.Handler(t, registry(fake, awstest.Via(awstest.Front(t, fake, empty("ListAccessKeys"), nil))), "aws.iam.deactivate_access_key")
		off.Is(actions.CannotVerify, "lists no key")
	})
	t.Run("policies", func(t *testing.T) {
		fake := awstest.NewFake(t, awsfake.Options{})
		quarantine := quarantineAlice(t, fake, fake.URL()).Execute()
		quarantine.Handler = awstest.Handler(t, registry(fake, awstest.Via(awstest.Front(t, fake, empty("ListUserPolicies"), nil))), "aws.iam.quarantine_principal")
		quarantine.Is(actions.NotVerified, "is not on user alice")
		quarantine.Handler = awstest.Handler(t, registry(fake, awstest.Via(awstest.Front(t, fake, empty("GetUserPolicy"), nil))), "aws.iam.quarantine_principal")
		_, err := quarantine.Handler.Verify(t.Context(), quarantine.Call, quarantine.Params, quarantine.Result)
		awstest.Fails(t, err, actions.Transient, "proves nothing")
		_, err = quarantine.Handler.VerifyUndo(t.Context(), quarantine.Call, quarantine.Params, quarantine.Result)
		awstest.Fails(t, err, actions.Transient, "proves nothing")
	})
	t.Run("caller", func(t *testing.T) {
		fake := awstest.NewFake(t, awsfake.Options{})
		fake.AddUser("alice")
		r := registry(fake, awstest.Via(awstest.Front(t, fake, empty("GetCallerIdentity"), nil)))
		_, err := awstest.Handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}))
		awstest.Fails(t, err, actions.Invalid, "does not say who")
	})
}

func TestReadingThatIsDeniedCannotVerify(t *testing.T) {
	fake, off := leakedKey(t)
	off.Execute()
	fake.Inject(awsfake.Denied("iam:ListAccessKeys"))
	off.Is(actions.CannotVerify, "grant iam:ListAccessKeys")
}

// State of another step is refused: an undo must not guess.
func TestForeignStateIsRefused(t *testing.T) {
	fake, off := leakedKey(t)
	fake.AddRole(fake.Account(), "web", "")
	for _, other := range []*awstest.Step{
		quarantineAlice(t, fake, fake.URL()),
		awstest.NewStep(t, registry(fake), "aws.iam.revoke_sessions", map[string]any{"role": "web"}).Plan(),
	} {
		other.Call.State = off.Call.State
		_, err := other.Handler.Execute(t.Context(), other.Call, other.Params)
		awstest.Fails(t, err, actions.Precondition, "plan the step again")
		other.Call.State = nil
		_, err = other.Handler.Execute(t.Context(), other.Call, other.Params)
		awstest.Fails(t, err, actions.Precondition)
	}
}
