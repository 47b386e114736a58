package aws_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// leakedKey is a cloud with a key, and the step that switches it off, planned.
func leakedKey(t *testing.T) (*awsfake.Server, *awstest.Step) {
	t.Helper()
	cloud := awstest.NewFake(t, awsfake.Options{})
	cloud.AddUser("ci-deploy")
	cloud.AddAccessKey("ci-deploy", "AKIAIOSFODNN7EXAMPLE", "leaked-secret")
	return cloud, awstest.NewStep(t, registry(cloud), "aws.iam.deactivate_access_key", map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}).Plan()
}

func TestClassOfEachCode(t *testing.T) {
	cloud, off := leakedKey(t)
	for _, test := range []struct {
		status int
		code   string
		want   actions.Class
		says   string
	}{
		{403, "AccessDenied", actions.Denied, "grant iam:UpdateAccessKey"},
		{403, "AccessDeniedException", actions.Denied, "grant iam:UpdateAccessKey"},
		{403, "InvalidClientTokenId", actions.Denied, "unknown or inactive"},
		{403, "ExpiredToken", actions.Denied, "expired"},
		{403, "SignatureDoesNotMatch", actions.Denied, "clock"},
		{403, "OptInRequired", actions.Denied, ""},
		{400, "Throttling", actions.Throttled, "fewer calls"},
		{429, "TooManyRequestsException", actions.Throttled, ""},
		{400, "RequestLimitExceeded", actions.Throttled, ""},
		{404, "NoSuchEntity", actions.NotFound, ""},
		{400, "ValidationError", actions.Invalid, ""},
		{400, "InvalidInput", actions.Invalid, ""},
		{409, "LimitExceeded", actions.Precondition, ""},
		{409, "EntityAlreadyExists", actions.Precondition, ""},
		{409, "EntityTemporarilyUnmodifiable", actions.Transient, ""},
		{403, "SomethingNew", actions.Denied, ""},
		{404, "SomethingNew", actions.NotFound, ""},
		{409, "SomethingNew", actions.Precondition, ""},
		{418, "SomethingNew", actions.Invalid, ""},
		{500, "ServiceFailure", actions.Unknown, ""},
		{503, "ServiceUnavailable", actions.Unknown, ""},
		{503, "Throttling", actions.Unknown, ""},
		{503, "RequestLimitExceeded", actions.Throttled, ""},
		{503, "SlowDown", actions.Throttled, ""},
		{500, "SlowDown", actions.Unknown, ""},
	} {
		t.Run(test.code, func(t *testing.T) {
			cloud.Inject(awsfake.Fault{Operation: "iam:UpdateAccessKey", Status: test.status, Code: test.code, Message: "as AWS says"})
			t.Cleanup(cloud.Heal)
			_, err := off.Handler.Execute(t.Context(), off.Call, off.Params)
			awstest.Fails(t, err, test.want, "iam:UpdateAccessKey: "+test.code+": as AWS says", test.says)
			if e, ok := err.(*actions.Error); !ok || e.RequestID == "" {
				t.Errorf("the error has no request id: %#v", err)
			}
		})
	}
}

func TestAccessDeniedSaysWhatIsMissing(t *testing.T) {
	cloud, off := leakedKey(t)
	cloud.Inject(awsfake.Denied("iam:UpdateAccessKey"))
	_, err := off.Handler.Execute(t.Context(), off.Call, off.Params)
	awstest.Fails(t, err, actions.Denied, "user/firebreak-operator is not authorized to perform: iam:UpdateAccessKey", "grant iam:UpdateAccessKey to the identity that firebreak uses")
}

func TestPagesThatAreNoAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   actions.Class
	}{
		{"a gateway's page", 502, "<html><body>Bad gateway", actions.Unknown},
		{"nothing at all", 500, "", actions.Unknown},
		{"a proxy's refusal", 403, "<html>go away</html>", actions.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud, off := leakedKey(t)
			page := func(w http.ResponseWriter, action string) bool {
				if action == "UpdateAccessKey" || action == "ListAccessKeys" {
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
					return true
				}
				return false
			}
			off.Handler = awstest.Handler(t, registry(cloud, awstest.Via(awstest.Front(t, cloud, page, nil))), "aws.iam.deactivate_access_key")
			_, err := off.Handler.Execute(t.Context(), off.Call, off.Params)
			awstest.Fails(t, err, test.want)
			_, err = off.Handler.Plan(t.Context(), off.Call, off.Params)
			awstest.Fails(t, err, actions.Transient)
		})
	}
}

// Nobody listens: nothing was sent, and the class says so even for a change.
func TestUnreachable(t *testing.T) {
	cloud, off := leakedKey(t)
	server := httptest.NewUnstartedServer(cloud)
	server.Config.SetKeepAlivesEnabled(false) // a kept connection could carry half a request
	server.Start()
	off.Handler = awstest.Handler(t, registry(cloud, awstest.Via(server.URL)), "aws.iam.deactivate_access_key")
	off.Is(actions.NotVerified, "Active") // the session is open now
	server.Close()
	_, err := off.Handler.Execute(t.Context(), off.Call, off.Params)
	awstest.Fails(t, err, actions.Transient, "iam:UpdateAccessKey", "could not be reached")
	off.Call.Step = "another" // whose session is not open yet
	_, err = off.Handler.Execute(t.Context(), off.Call, off.Params)
	awstest.Fails(t, err, actions.Transient, "sts:GetCallerIdentity", "could not be reached")
}

func TestTimeoutOfAChangeIsUnknown(t *testing.T) {
	cloud, off := leakedKey(t)
	off.Is(actions.NotVerified, "Active") // the session is open now
	hold := awsfake.NewHold()
	cloud.Inject(awsfake.Fault{Operation: "iam:UpdateAccessKey", Times: 1, After: true, Hold: hold})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := off.Handler.Execute(ctx, off.Call, off.Params)
		failed <- err
	}()
	<-hold.Reached() // the key is off, the answer is not given
	cancel()
	awstest.Fails(t, <-failed, actions.Unknown)
	hold.Release()
	if got := cloud.KeyStatus("AKIAIOSFODNN7EXAMPLE"); got != "Inactive" {
		t.Errorf("the key is %s", got)
	}
}

func TestTimeoutOfAReadIsTransient(t *testing.T) {
	cloud, off := leakedKey(t)
	hold := awsfake.NewHold()
	cloud.Inject(awsfake.Fault{Operation: "iam:ListAccessKeys", Times: 1, Hold: hold})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := off.Handler.Verify(ctx, off.Call, off.Params, nil)
	awstest.Fails(t, err, actions.Transient, "no answer before the time limit")
	hold.Release()
}

// The context ends before anything is sent.
func TestCancelledBeforeSending(t *testing.T) {
	cloud, off := leakedKey(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := off.Handler.Execute(ctx, off.Call, off.Params)
	awstest.Fails(t, err, actions.Transient, "nothing was sent")
	if got := cloud.Count("iam:UpdateAccessKey"); got != 0 {
		t.Errorf("%d calls were sent", got)
	}
}

// One lost answer is mended by the SDK's own retry: the call sets a state.
func TestOneLostAnswerIsMended(t *testing.T) {
	cloud, off := leakedKey(t)
	cloud.Inject(awsfake.DropAfterEffect("iam:UpdateAccessKey", 1))
	off.Execute().Is(actions.Verified, "")
	if got := cloud.Count("iam:UpdateAccessKey"); got != 2 {
		t.Errorf("got %d calls, want 2", got)
	}
}
