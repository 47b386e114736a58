package cloudtrail_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/cloudtrail"
)

// motoIsWrong lists what is answered in moto's place, or not tested.
func motoIsWrong() []string {
	return []string{
		"LookupEvents: moto does not have it; World.Events answers as CloudTrail does",
		"GetTrailStatus: moto knows no delivery, so one that failed is written into its answer",
	}
}

const key = "AKIAIOSFODNN7EXAMPLE"

// place is where evidence goes in these tests.
func place() cloud.Evidence {
	return cloud.Evidence{Bucket: "evidence", Owner: "123456789012", Days: 7, KMSKey: "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"}
}

func provider(w *awstest.World) *actions.Registry { return paced(w, noPause) }

func noPause(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func paced(w *awstest.World, pause func(context.Context, time.Duration) error) *actions.Registry {
	r := actions.NewRegistry()
	cloudtrail.RegisterPaced(r, w.Cloud(awstest.Keeping(place())), pause)
	return r
}

// event is one call that somebody made with the key, some minutes ago.
func event(region string, minutes int, source, name, more string) awstest.Event {
	at := time.Now().Add(-time.Duration(minutes) * time.Minute).UTC().Truncate(time.Second)
	return awstest.Event{Region: region, ID: fmt.Sprintf("%s-%03d", region, minutes), AccessKey: key, User: "ci-deploy", Time: at,
		Text: fmt.Sprintf(`{"eventTime":%q,"eventSource":"%s.amazonaws.com","eventName":%q,"awsRegion":%q,"sourceIPAddress":"198.51.100.%d"%s}`, at.Format(time.RFC3339), source, name, region, minutes%3, more)}
}

// theft is what was done with the leaked key.
func theft() []awstest.Event {
	return []awstest.Event{
		event("us-east-1", 50, "sts", "GetCallerIdentity", ""),
		event("us-east-1", 49, "iam", "CreateUser", `,"requestParameters":{"userName":"backup"},"responseElements":{"user":{"arn":"arn:aws:iam::123456789012:user/backup"}}`),
		event("us-east-1", 48, "iam", "CreateAccessKey", `,"responseElements":{"accessKey":{"accessKeyId":"AKIABACKUPBACKUP0000","userName":"backup","status":"Active"}}`),
		event("us-east-1", 47, "iam", "AttachUserPolicy", `,"errorCode":"AccessDenied"`),
		event("us-east-1", 46, "sts", "AssumeRole", `,"requestParameters":{"roleArn":"arn:aws:iam::123456789012:role/admin"},"responseElements":{"credentials":{"accessKeyId":"ASIATAKEN00000000000","sessionToken":"canary-session-token"}}`),
		event("us-east-1", 45, "sts", "AssumeRole", `,"requestParameters":{"roleArn":"arn:aws:iam::123456789012:role/refused"},"errorCode":"AccessDenied"`),
		event("eu-west-1", 30, "lambda", "CreateFunction20150331", `,"responseElements":{"role":"arn:aws:iam::123456789012:role/lambda"}`),
		event("eu-west-1", 29, "ec2", "RunInstances", ""),
		event("eu-west-1", 9999, "ec2", "RunInstances", ""),
	}
}

// watched is a world with a bucket for evidence and what was done with the key.
func watched(t *testing.T, emulator *awstest.Emulator) *awstest.World {
	t.Helper()
	w := emulator.World(t)
	w.Evidence(t, "evidence")
	w.Events(t, theft()...)
	return w
}

// trails is a world with two trails, one of them stopped.
func trails(t *testing.T, emulator *awstest.Emulator) *awstest.World {
	t.Helper()
	w := emulator.World(t)
	w.Bucket(t, "logs")
	w.Trail(t, "running", "logs", true)
	w.Trail(t, "stopped", "logs", false)
	return w
}

func asked(with map[string]any) map[string]any {
	all := map[string]any{"access_key_id": key, "regions": []any{"us-east-1", "eu-west-1"}}
	for name, value := range with {
		all[name] = value
	}
	return all
}

// faults prepares the errors that every call must classify.
func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":    {Status: http.StatusForbidden, Code: "AccessDeniedException"},
		"throttled": {Status: http.StatusBadRequest, Code: "ThrottlingException"},
		"gone":      {Status: http.StatusNotFound, Code: "TrailNotFoundException"},
		"invalid":   {Status: http.StatusBadRequest, Code: "InvalidTrailNameException"},
	})
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Log("answered in moto's place, or not tested:\n" + strings.Join(motoIsWrong(), "\n"))
	changes := map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "invalid": actions.Invalid,
		"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown, "cut, then refused": actions.Unknown,
	}
	started := map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid,
		"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown, "cut, then refused": actions.Unknown,
	}
	for _, c := range []struct {
		name string
		actionstest.Case
	}{
		{"lookup", actionstest.Case{Action: "aws.cloudtrail.lookup_events", Errors: changes, World: func(t *testing.T) actionstest.World {
			w := watched(t, moto)
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: asked(nil), Canaries: []string{w.Credentials.SecretAccessKey, "canary-session-token"},
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("s3:PutObject", awstest.EveryAttempt) }, Fault: faults(w, "s3:PutObject"),
				Disturb: func(t *testing.T) { w.DeleteAll(t, "evidence") },
			}
		}}},
		{"logging", actionstest.Case{Action: "aws.cloudtrail.ensure_logging", Errors: started, World: func(t *testing.T) actionstest.World {
			w := trails(t, moto)
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: nil, Canaries: []string{w.Credentials.SecretAccessKey},
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("cloudtrail:StartLogging", awstest.EveryAttempt) }, Fault: faults(w, "cloudtrail:StartLogging"),
				Disturb: func(t *testing.T) { w.SetLogging(t, "running", false) },
			}
		}}},
	} {
		t.Run(c.name, func(t *testing.T) { actionstest.Run(t, c.Case) })
	}
	t.Run("rights", func(t *testing.T) {
		awstest.ExactRights(t, moto, provider, map[string][]awstest.Way{
			"aws.cloudtrail.lookup_events": {func(t *testing.T, w *awstest.World) map[string]any {
				w.Evidence(t, "evidence")
				w.Events(t, theft()...)
				return map[string]any{"user": "ci-deploy"}
			}},
			"aws.cloudtrail.ensure_logging": {func(t *testing.T, w *awstest.World) map[string]any {
				w.Bucket(t, "logs")
				w.Trail(t, "stopped", "logs", false)
				return nil
			}},
		})
	})
	t.Run("events", func(t *testing.T) { events(t, moto) })
	t.Run("trails", func(t *testing.T) { logging(t, moto) })
}
