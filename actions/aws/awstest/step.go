package awstest

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Hermetic keeps the SDK away from the files and variables of whoever runs the
// tests.
func Hermetic(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_ENDPOINT_URL": "", "AWS_MAX_ATTEMPTS": "", "AWS_SDK_UA_APP_ID": "", "AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
}

// Cloud is what actions reach this world through: its environment "prod" goes
// by way of the proxy. A change may add other environments.
func (w *World) Cloud(changes ...func(*cloud.Environment, *cloud.Options)) *cloud.Cloud {
	environment := cloud.Environment{Account: w.Account, Region: Region, Endpoint: w.Proxy.URL}
	options := cloud.Options{
		Credentials: cloud.StaticCredentials(w.Credentials.AccessKeyID, actions.NewSecret(w.Credentials.SecretAccessKey)),
		Settle:      3 * time.Millisecond, MaxBackoff: time.Millisecond,
	}
	for _, change := range changes {
		change(&environment, &options)
	}
	environments := map[string]cloud.Environment{"prod": environment}
	maps.Copy(environments, options.Environments)
	options.Environments = environments
	return cloud.New(options)
}

// EveryAttempt is how many attempts the SDK makes of one call.
const EveryAttempt = 3

// NewCall is a call for the step "stop" of INC-12 in "prod".
func NewCall() actions.Call {
	return actions.Call{Key: "0f0e0d0c", Incident: "INC-12", Run: "R1", Step: "stop", Attempt: 1, Environment: "prod", Actor: "grace@example.com", Requests: &actions.Requests{}}
}

// Handler finds an action.
func Handler(t *testing.T, r *actions.Registry, name string) actions.Handler {
	t.Helper()
	h, ok := r.Handler(name)
	if !ok {
		t.Fatalf("no action %q", name)
	}
	return h
}

// Params are parameters as the engine gives them.
func Params(t *testing.T, v map[string]any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Fails checks the class and the words of an error.
func Fails(t *testing.T, err error, class actions.Class, words ...string) {
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

// Step is one action ready to be called, part by part.
type Step struct {
	*testing.T
	Handler actions.Handler
	Params  json.RawMessage
	Call    actions.Call
	Preview actions.Preview
	Result  json.RawMessage
}

// NewStep gives a step that has not been planned.
func NewStep(t *testing.T, r *actions.Registry, name string, with map[string]any) *Step {
	t.Helper()
	return &Step{T: t, Handler: Handler(t, r, name), Params: Params(t, with), Call: NewCall()}
}

// Plan plans, and keeps the captured state.
func (s *Step) Plan() *Step {
	s.Helper()
	var err error
	if s.Preview, err = s.Handler.Plan(s.Context(), s.Call, s.Params); err != nil {
		s.Fatalf("plan: %v", err)
	}
	s.Call.State, s.Call.Started = s.Preview.State, time.Now()
	return s
}

// Execute executes once.
func (s *Step) Execute() *Step {
	s.Helper()
	var err error
	if s.Result, err = s.Handler.Execute(s.Context(), s.Call, s.Params); err != nil {
		s.Fatalf("execute: %v", err)
	}
	return s
}

// Undo plans the undo, undoes, and checks that it is proved.
func (s *Step) Undo() *Step {
	s.Helper()
	if _, err := s.Handler.PlanUndo(s.Context(), s.Call, s.Params, s.Result); err != nil {
		s.Fatal(err)
	}
	if err := s.Handler.Undo(s.Context(), s.Call, s.Params, s.Result); err != nil {
		s.Fatal(err)
	}
	if reading, err := s.Handler.VerifyUndo(s.Context(), s.Call, s.Params, s.Result); err != nil || reading.Verdict != actions.Verified {
		s.Fatalf("after the undo: got %+v, error %v", reading, err)
	}
	return s
}

// Is checks what one reading says.
func (s *Step) Is(want actions.Verdict, detail string) {
	s.Helper()
	reading, err := s.Handler.Verify(s.Context(), s.Call, s.Params, s.Result)
	if err != nil || reading.Verdict != want || !strings.Contains(reading.Detail, detail) {
		s.Errorf("got reading %+v, error %v; want %s, %q", reading, err, want, detail)
	}
}
