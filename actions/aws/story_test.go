package aws_test

import (
	"encoding/json"
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
func registry(cloud *awsfake.Server, change func(*aws.Environment)) *actions.Registry {
	environment := aws.Environment{Account: cloud.Account(), Endpoint: cloud.URL()}
	if change != nil {
		change(&environment)
	}
	operator := cloud.Operator()
	provider := aws.New(aws.Options{
		Environments: map[string]aws.Environment{"prod": environment},
		Credentials:  aws.StaticCredentials(operator.AccessKeyID, actions.NewSecret(operator.SecretAccessKey)),
		Settle:       3 * time.Millisecond, MaxBackoff: time.Millisecond,
	})
	r := actions.NewRegistry()
	provider.Register(r)
	return r
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

// The story of the ready runbook: find, deny, switch off, revoke.
func TestLeakedKeyStory(t *testing.T) {
	const leaked = "AKIAIOSFODNN7EXAMPLE"
	cloud := newCloud(t, awsfake.Options{PageSize: 1})
	cloud.AddUser("team/ci-deploy")
	cloud.AddAccessKey("ci-deploy", leaked, "leaked-secret")
	other := cloud.NewAccessKey("ci-deploy")
	cloud.AddRole(cloud.Account(), "web", "")
	r := registry(cloud, nil)

	run := func(name string, with map[string]any) (json.RawMessage, json.RawMessage) {
		t.Helper()
		h, p, c := handler(t, r, name), params(t, with), call()
		preview, err := h.Plan(t.Context(), c, p)
		if err != nil {
			t.Fatal(err)
		}
		c.State, c.Started = preview.State, time.Now()
		result, err := h.Execute(t.Context(), c, p)
		if err != nil {
			t.Fatal(err)
		}
		if h.Spec().CanVerify {
			reading, err := h.Verify(t.Context(), c, p, result)
			if err != nil || reading.Verdict != actions.Verified {
				t.Fatalf("%s: got reading %+v, error %v", name, reading, err)
			}
		}
		if len(c.Requests.List()) == 0 || c.Requests.List()[0].ID == "" {
			t.Errorf("%s: no request ids in %+v", name, c.Requests.List())
		}
		return result, preview.State
	}

	result, _ := run("aws.iam.lookup_access_key", map[string]any{"access_key_id": leaked})
	var found struct {
		User, Account, Status string
		PrincipalARN          string   `json:"principal_arn"`
		OtherKeys             []string `json:"other_keys"`
	}
	if err := json.Unmarshal(result, &found); err != nil {
		t.Fatal(err)
	}
	if found.User != "ci-deploy" || found.PrincipalARN != "arn:aws:iam::"+cloud.Account()+":user/team/ci-deploy" || found.Status != "Active" ||
		found.Account != cloud.Account() || len(found.OtherKeys) != 1 || found.OtherKeys[0] != other.AccessKeyID {
		t.Errorf("got %s", result)
	}
	run("aws.iam.quarantine_principal", map[string]any{"principal_arn": found.PrincipalARN})
	run("aws.iam.deactivate_access_key", map[string]any{"user": found.User, "access_key_id": leaked})
	run("aws.iam.revoke_sessions", map[string]any{"role": "web"})
	run("aws.iam.revoke_sessions", map[string]any{"role": "web", "scope": "instance", "value": "i-0abc1234def567890"})

	if got := cloud.KeyStatus(leaked); got != "Inactive" {
		t.Errorf("the leaked key is %s", got)
	}
	if got := cloud.KeyStatus(other.AccessKeyID); got != "Active" {
		t.Errorf("the other key is %s", got)
	}
}
