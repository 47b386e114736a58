package aws_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
)

// hermetic keeps the SDK away from the files and variables of whoever runs the
// tests.
func hermetic(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_ENDPOINT_URL": "", "AWS_MAX_ATTEMPTS": "", "AWS_SDK_UA_APP_ID": "", "AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
}

func newCloud(t *testing.T, options awsfake.Options) *awsfake.Server {
	t.Helper()
	hermetic(t)
	cloud, err := awsfake.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	return cloud
}

// registry gives the actions against an environment "prod" in the cloud.
func registry(cloud *awsfake.Server, changes ...func(*aws.Environment, *aws.Options)) *actions.Registry {
	environment := aws.Environment{Account: cloud.Account(), Endpoint: cloud.URL()}
	operator := cloud.Operator()
	options := aws.Options{
		Credentials: aws.StaticCredentials(operator.AccessKeyID, actions.NewSecret(operator.SecretAccessKey)),
		Settle:      5 * time.Millisecond, MaxBackoff: time.Millisecond,
	}
	for _, change := range changes {
		change(&environment, &options)
	}
	options.Environments = map[string]aws.Environment{"prod": environment}
	r := actions.NewRegistry()
	aws.New(options).Register(r)
	return r
}

// via sends calls through another URL.
func via(url string) func(*aws.Environment, *aws.Options) {
	return func(e *aws.Environment, _ *aws.Options) { e.Endpoint = url }
}

// front stands before the cloud: step in may answer a call itself, and says so.
func front(t *testing.T, cloud http.Handler, stepIn func(w http.ResponseWriter, action string) bool, after func(action string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		form, _ := url.ParseQuery(string(body)) // what is no form has no action
		if stepIn != nil && stepIn(w, form.Get("Action")) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		cloud.ServeHTTP(w, r)
		if after != nil {
			after(form.Get("Action"))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// step is one action ready to be called.
type step struct {
	*testing.T
	handler actions.Handler
	params  json.RawMessage
	call    actions.Call
	preview actions.Preview
	result  json.RawMessage
}

func newStep(t *testing.T, r *actions.Registry, name string, with map[string]any) *step {
	t.Helper()
	return &step{T: t, handler: handler(t, r, name), params: params(t, with), call: call()}
}

func (s *step) plan() *step {
	s.Helper()
	var err error
	if s.preview, err = s.handler.Plan(s.Context(), s.call, s.params); err != nil {
		s.Fatalf("plan: %v", err)
	}
	s.call.State, s.call.Started = s.preview.State, time.Now()
	return s
}

func (s *step) execute() *step {
	s.Helper()
	var err error
	if s.result, err = s.handler.Execute(s.Context(), s.call, s.params); err != nil {
		s.Fatalf("execute: %v", err)
	}
	return s
}

// is checks what one reading says.
func (s *step) is(want actions.Verdict, detail string) {
	s.Helper()
	reading, err := s.handler.Verify(s.Context(), s.call, s.params, s.result)
	if err != nil || reading.Verdict != want || !strings.Contains(reading.Detail, detail) {
		s.Errorf("got reading %+v, error %v; want %s, %q", reading, err, want, detail)
	}
}

// fails checks the class and the words of an error.
func fails(t *testing.T, err error, class actions.Class, words ...string) {
	t.Helper()
	if err == nil || actions.ClassOf(err) != class {
		t.Errorf("got class %s, error %v; want %s", actions.ClassOf(err), err, class)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error %q does not say %q", err, word)
		}
	}
}

func call() actions.Call {
	return actions.Call{Key: "0f0e0d0c", Incident: "INC-12", Run: "R1", Step: "stop", Attempt: 1, Environment: "prod", Actor: "grace@example.com", Requests: &actions.Requests{}}
}

func handler(t *testing.T, r *actions.Registry, name string) actions.Handler {
	t.Helper()
	h, ok := r.Handler(name)
	if !ok {
		t.Fatalf("no action %q", name)
	}
	return h
}

func params(t *testing.T, v map[string]any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
