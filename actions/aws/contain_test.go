package aws_test

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
)

const (
	deny    = `{"Statement":[{"Action":"*","Effect":"Deny","Resource":"*","Sid":"FirebreakQuarantine"}],"Version":"2012-10-17"}`
	allowS3 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	quarant = "FirebreakQuarantine-INC-12"
	revoke  = "FirebreakRevokeSessions"
)

func TestPrincipalsThatAreRefused(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{})
	cloud.AddUser("team/alice")
	cloud.AddRole(cloud.Account(), "aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty", "")
	cloud.AddRole(cloud.Account(), "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef", "")
	r := registry(cloud)
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
			_, err := handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), call(), params(t, map[string]any{"principal_arn": test.arn}))
			fails(t, err, test.class, test.says)
		})
	}
	for _, test := range []struct{ name, role, says string }{
		{"a service-linked role", "AWSServiceRoleForAmazonGuardDuty", "service-linked"},
		{"a role of Identity Center", "AWSReservedSSO_Admin_0123456789abcdef", "Identity Center"},
	} {
		t.Run("revoke "+test.name, func(t *testing.T) {
			_, err := handler(t, r, "aws.iam.revoke_sessions").Plan(t.Context(), call(), params(t, map[string]any{"role": test.role}))
			fails(t, err, actions.Precondition, test.says)
		})
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{})
	cloud.AddUser("alice")
	cloud.AddAccessKey("alice", "AKIAIOSFODNN7EXAMPLE", "x")
	r := registry(cloud)
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
			_, err := handler(t, r, "aws.iam.deactivate_access_key").Plan(t.Context(), call(), params(t, test.with))
			fails(t, err, test.class, test.says...)
		})
	}
}

// An inactive key is left as it is, by the undo too.
func TestKeyThatWasInactiveBefore(t *testing.T) {
	cloud, off := leakedKey(t)
	off.execute()
	again := newStep(t, registry(cloud), "aws.iam.deactivate_access_key", map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}).plan()
	if !again.preview.InEffect || again.preview.NoUndo == "" {
		t.Errorf("got %+v", again.preview)
	}
	again.execute().is(actions.Verified, "")
	undo, err := again.handler.PlanUndo(t.Context(), again.call, again.params, again.result)
	if err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v", undo, err)
	}
	if err := again.handler.Undo(t.Context(), again.call, again.params, again.result); err != nil {
		t.Error(err)
	}
	if got := cloud.KeyStatus("AKIAIOSFODNN7EXAMPLE"); got != "Inactive" {
		t.Errorf("the undo made the key %s, which it was not before", got)
	}
}

// A resumed attempt reads the state that was planned, not its own effect.
func TestStateIsWriteOnce(t *testing.T) {
	cloud, off := leakedKey(t)
	off.execute()
	first := string(off.result)
	off.call.Attempt = 2
	off.execute()
	if diff := cmp.Diff(first, string(off.result)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if err := off.handler.Undo(t.Context(), off.call, off.params, off.result); err != nil {
		t.Fatal(err)
	}
	if got := cloud.KeyStatus("AKIAIOSFODNN7EXAMPLE"); got != "Active" {
		t.Errorf("after the undo the key is %s", got)
	}
}

func TestNewKeySinceThePlanIsDrift(t *testing.T) {
	cloud, off := leakedKey(t)
	off.execute().is(actions.Verified, "")
	added := cloud.NewAccessKey("ci-deploy")
	off.is(actions.NotVerified, added.AccessKeyID)
}

// TestInactiveKeyIsRefused shows the effect, not only the status.
func TestInactiveKeyIsRefused(t *testing.T) {
	cloud, off := leakedKey(t)
	thief := client(cloud, "AKIAIOSFODNN7EXAMPLE", "leaked-secret", "")
	if _, err := thief.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Fatalf("before: %v", err)
	}
	off.execute()
	if _, err := thief.GetUser(t.Context(), &iam.GetUserInput{}); err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") {
		t.Errorf("after: got %v", err)
	}
}

func client(cloud *awsfake.Server, id, secret, token string) *iam.Client {
	return iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: sdk.String(cloud.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token)})
}

func quarantineAlice(t *testing.T, cloud *awsfake.Server, url string) *step {
	t.Helper()
	cloud.AddUser("alice")
	cloud.AddAccessKey("alice", "AKIAALICEALICEALICE0", "alice-secret")
	cloud.SetInlinePolicy("user", "alice", "own", allowS3)
	return newStep(t, registry(cloud, via(url)), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}).plan()
}

func TestQuarantineIsObeyed(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{})
	quarantine := quarantineAlice(t, cloud, cloud.URL())
	alice := client(cloud, "AKIAALICEALICEALICE0", "alice-secret", "")
	if _, err := alice.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Fatalf("before: %v", err)
	}
	quarantine.execute()
	if _, err := alice.GetUser(t.Context(), &iam.GetUserInput{}); err == nil || !strings.Contains(err.Error(), "explicit deny") {
		t.Errorf("after: got %v", err)
	}
	if err := quarantine.handler.Undo(t.Context(), quarantine.call, quarantine.params, quarantine.result); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Errorf("after the undo: %v", err)
	}
}

// The victim deletes the deny in the seconds before it holds; it is put again.
func TestRemovedDenyIsPutAgain(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{})
	var reads atomic.Int32
	url := front(t, cloud, func(_ http.ResponseWriter, action string) bool {
		if action == "GetUserPolicy" && reads.Add(1) == 3 { // the first is the plan's, the second sees the deny
			cloud.SetInlinePolicy("user", "alice", quarant, "")
		}
		return false
	}, nil)
	quarantine := quarantineAlice(t, cloud, url)
	quarantine.execute().is(actions.Verified, "")
	if got := cloud.Count("iam:PutUserPolicy"); got != 2 {
		t.Errorf("the deny was put %d times, want 2", got)
	}
}

// Somebody removes it each time: that is said, and not called done.
func TestDenyThatSomebodyFights(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{})
	url := front(t, cloud, nil, func(action string) {
		if action == "PutUserPolicy" {
			cloud.SetInlinePolicy("user", "alice", quarant, allowS3)
		}
	})
	quarantine := quarantineAlice(t, cloud, url)
	_, err := quarantine.handler.Execute(t.Context(), quarantine.call, quarantine.params)
	fails(t, err, actions.Unknown, "put on user alice 4 times", "service control policy")
	if got := cloud.Count("iam:PutUserPolicy"); got != 4 {
		t.Errorf("the deny was put %d times, want 4", got)
	}
	quarantine.is(actions.NotVerified, "is not the deny that was put")
}

func TestQuarantineTellsOtherChanges(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{PageSize: 1})
	cloud.AddUser("alice")
	for _, group := range []string{"staff", "dev"} {
		cloud.AddToGroup("alice", group)
	}
	cloud.SetInlinePolicy("user", "alice", "own", allowS3)
	quarantine := newStep(t, registry(cloud), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}).plan().execute()
	quarantine.is(actions.Verified, "denies user alice everything")
	cloud.SetInlinePolicy("user", "alice", "backdoor", allowS3)
	cloud.SetInlinePolicy("user", "alice", "own", "")
	cloud.AddToGroup("alice", "admins")
	quarantine.is(actions.Verified, "changed since the plan: inline policy backdoor was added, inline policy own was removed, group admins was added")
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
			cloud := newCloud(t, awsfake.Options{})
			cloud.AddUser("alice")
			cloud.SetInlinePolicy("user", "alice", quarant, test.before)
			quarantine := newStep(t, registry(cloud), "aws.iam.quarantine_principal", map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}).plan()
			if got, want := quarantine.preview.InEffect, test.before == deny; got != want {
				t.Errorf("in effect: got %v, want %v", got, want)
			}
			quarantine.execute()
			if test.meanwhile != "" {
				cloud.SetInlinePolicy("user", "alice", quarant, test.meanwhile)
			}
			undo, err := quarantine.handler.PlanUndo(t.Context(), quarantine.call, quarantine.params, quarantine.result)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := undo.NoUndo != "", test.fails || test.before == deny; got != want {
				t.Errorf("no undo: got %q", undo.NoUndo)
			}
			err = quarantine.handler.Undo(t.Context(), quarantine.call, quarantine.params, quarantine.result)
			switch {
			case test.fails:
				fails(t, err, actions.Precondition, "was changed after firebreak put it")
			case err != nil:
				t.Error(err)
			}
			if got := cloud.InlinePolicy("user", "alice", quarant); got != test.want {
				t.Errorf("got policy %q, want %q", got, test.want)
			}
		})
	}
}

func TestInlinePoliciesFull(t *testing.T) {
	cloud := newCloud(t, awsfake.Options{})
	quarantine := quarantineAlice(t, cloud, cloud.URL())
	cloud.SetInlinePolicy("user", "alice", "huge", strings.Replace(allowS3, "s3:*", "s3:"+strings.Repeat("x", 1900), 1))
	_, err := quarantine.handler.Execute(t.Context(), quarantine.call, quarantine.params)
	fails(t, err, actions.Precondition, "Maximum policy size of 2048 bytes exceeded", "service control policy")
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
		cloud, off := leakedKey(t)
		off.execute()
		off.handler = handler(t, registry(cloud, via(front(t, cloud, empty("ListAccessKeys"), nil))), "aws.iam.deactivate_access_key")
		off.is(actions.CannotVerify, "lists no key")
	})
	t.Run("policies", func(t *testing.T) {
		cloud := newCloud(t, awsfake.Options{})
		quarantine := quarantineAlice(t, cloud, cloud.URL()).execute()
		quarantine.handler = handler(t, registry(cloud, via(front(t, cloud, empty("ListUserPolicies"), nil))), "aws.iam.quarantine_principal")
		quarantine.is(actions.NotVerified, "is not on user alice")
		quarantine.handler = handler(t, registry(cloud, via(front(t, cloud, empty("GetUserPolicy"), nil))), "aws.iam.quarantine_principal")
		_, err := quarantine.handler.Verify(t.Context(), quarantine.call, quarantine.params, quarantine.result)
		fails(t, err, actions.Transient, "proves nothing")
		_, err = quarantine.handler.VerifyUndo(t.Context(), quarantine.call, quarantine.params, quarantine.result)
		fails(t, err, actions.Transient, "proves nothing")
	})
	t.Run("caller", func(t *testing.T) {
		cloud := newCloud(t, awsfake.Options{})
		cloud.AddUser("alice")
		r := registry(cloud, via(front(t, cloud, empty("GetCallerIdentity"), nil)))
		_, err := handler(t, r, "aws.iam.quarantine_principal").Plan(t.Context(), call(), params(t, map[string]any{"principal_arn": "arn:aws:iam::111122223333:user/alice"}))
		fails(t, err, actions.Invalid, "does not say who")
	})
}

func TestReadingThatIsDeniedCannotVerify(t *testing.T) {
	cloud, off := leakedKey(t)
	off.execute()
	cloud.Inject(awsfake.Denied("iam:ListAccessKeys"))
	off.is(actions.CannotVerify, "grant iam:ListAccessKeys")
}

// State of another step is refused: an undo must not guess.
func TestForeignStateIsRefused(t *testing.T) {
	cloud, off := leakedKey(t)
	cloud.AddRole(cloud.Account(), "web", "")
	for _, other := range []*step{
		quarantineAlice(t, cloud, cloud.URL()),
		newStep(t, registry(cloud), "aws.iam.revoke_sessions", map[string]any{"role": "web"}).plan(),
	} {
		other.call.State = off.call.State
		_, err := other.handler.Execute(t.Context(), other.call, other.params)
		fails(t, err, actions.Precondition, "plan the step again")
		other.call.State = nil
		_, err = other.handler.Execute(t.Context(), other.call, other.params)
		fails(t, err, actions.Precondition)
	}
}
