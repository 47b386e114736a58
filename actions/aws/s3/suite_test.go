package s3_test

import (
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
)

// motoIsWrong lists where moto differs from AWS so much that a test against it
// would prove nothing, or fail.
func motoIsWrong() []string {
	return []string{
		"public access: moto gives everything to callers without credentials, and knows no status of policies; World.PublicAsAWS answers in its place",
		"policies of buckets: moto ignores their conditions, so that firebreak's own roles are let through is held against the document",
		"ExpectedBucketOwner: moto never compares it; the refusal is made by the proxy",
		"checksums: moto echoes the checksum that it was sent, so a body changed on its way is not found here",
		"GetObjectRetention: moto does not have it, and the lock is read by HeadObject",
	}
}

// place is where evidence goes in these tests.
func place() cloud.Evidence {
	return cloud.Evidence{Bucket: "evidence", Owner: "123456789012", Days: 7, KMSKey: "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"}
}

func provider(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	s3.Register(r, w.Cloud(awstest.Keeping(place())))
	return r
}

// faults prepares the errors that every change must classify.
func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":    {Status: http.StatusForbidden, Code: "AccessDenied"},
		"throttled": {Status: http.StatusTooManyRequests, Code: "TooManyRequestsException"},
		"gone":      {Status: http.StatusNotFound, Code: "NoSuchBucket"},
		"invalid":   {Status: http.StatusBadRequest, Code: "InvalidRequest"},
	})
}

func changeErrors() map[string]actions.Class {
	return map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid,
		"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown, "cut, then refused": actions.Unknown,
	}
}

const openPolicy = `{"Version": "2012-10-17", "Id": "site",
  "Statement": {"Sid": "Public", "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::uploads", "arn:aws:s3:::uploads/*"]}}`

// openList is the same as a list, which the emulator's stand-in reads.
var openList = strings.NewReplacer(`"Statement": {`, `"Statement": [{`, `]}}`, `]}]}`).Replace(openPolicy)

// uploads is a world with a bucket that the public can read.
func uploads(t *testing.T, emulator *awstest.Emulator) *awstest.World {
	t.Helper()
	w := emulator.World(t)
	uploadsIn(t, w)
	return w
}

func uploadsIn(t *testing.T, w *awstest.World) {
	t.Helper()
	w.Bucket(t, "uploads")
	w.Object(t, "uploads", "customers.csv", "name,card")
	w.PutBucketPolicy(t, "uploads", openList)
	w.PublicAsAWS(t)
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Log("not tested against moto as it is:\n" + strings.Join(motoIsWrong(), "\n"))
	world := func(w *awstest.World, change string, with map[string]any) actionstest.World {
		return actionstest.World{
			Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: with, Canaries: []string{w.Credentials.SecretAccessKey},
			LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(change, awstest.EveryAttempt) }, Fault: faults(w, change),
		}
	}
	for _, c := range []struct {
		name string
		actionstest.Case
	}{
		{"put evidence", actionstest.Case{Action: "aws.s3.put_evidence", Errors: changeErrors(), World: func(t *testing.T) actionstest.World {
			w := moto.World(t)
			w.Evidence(t, "evidence")
			made := world(w, "s3:PutObject", map[string]any{"name": "timeline.txt", "text": "04:50 seen"})
			made.Disturb = func(t *testing.T) { w.DeleteVersions(t, "evidence", "INC-12/R1/stop/timeline.txt") }
			return made
		}}},
		{"put evidence as fields", actionstest.Case{Action: "aws.s3.put_evidence", World: func(t *testing.T) actionstest.World {
			w := moto.World(t)
			w.Evidence(t, "other")
			made := world(w, "s3:PutObject", map[string]any{"name": "key.json", "fields": map[string]any{"user": "ci", "key": "AKIA"}, "bucket": "other", "mode": "COMPLIANCE", "retain_days": 1, "legal_hold": true, "owner": "123456789012"})
			made.Disturb = func(t *testing.T) { w.ReleaseHold(t, "other", "INC-12/R1/stop/key.json") }
			return made
		}}},
		{"block", actionstest.Case{Action: "aws.s3.block_public_access", Errors: changeErrors(), World: func(t *testing.T) actionstest.World {
			w := uploads(t, moto)
			w.SetPublic(t, "uploads", true, false, false, false)
			made := world(w, "s3:PutPublicAccessBlock", map[string]any{"bucket": "uploads", "probe_key": "customers.csv"})
			made.Disturb = func(t *testing.T) { w.SetPublic(t, "uploads", true, true, true, false) }
			return made
		}}},
		{"block without settings", actionstest.Case{Action: "aws.s3.block_public_access", World: func(t *testing.T) actionstest.World {
			w := uploads(t, moto)
			made := world(w, "s3:PutPublicAccessBlock", map[string]any{"bucket": "uploads"})
			made.Disturb = func(t *testing.T) {
				name := "uploads"
				if _, err := w.S3().DeletePublicAccessBlock(t.Context(), &sdk.DeletePublicAccessBlockInput{Bucket: &name}); err != nil {
					t.Fatal(err)
				}
			}
			return made
		}}},
		{"block account", actionstest.Case{Action: "aws.s3.block_account_public_access", Errors: changeErrors(), World: func(t *testing.T) actionstest.World {
			w := moto.World(t)
			made := world(w, "s3:PutAccountPublicAccessBlock", nil)
			made.Disturb = func(t *testing.T) {
				if _, err := w.S3Control().DeletePublicAccessBlock(t.Context(), &s3control.DeletePublicAccessBlockInput{AccountId: &w.Account}); err != nil {
					t.Fatal(err)
				}
			}
			return made
		}}},
		{"lock", actionstest.Case{Action: "aws.s3.lock_bucket", Errors: changeErrors(), World: func(t *testing.T) actionstest.World {
			w := uploads(t, moto)
			made := world(w, "s3:PutBucketPolicy", map[string]any{"bucket": "uploads", "secure_roles": []any{"arn:aws:iam::123456789012:role/forensics"}})
			made.Disturb = func(t *testing.T) { w.PutBucketPolicy(t, "uploads", openList) }
			return made
		}}},
		{"lock without a policy", actionstest.Case{Action: "aws.s3.lock_bucket", World: func(t *testing.T) actionstest.World {
			w := moto.World(t)
			w.Bucket(t, "uploads")
			w.PublicAsAWS(t)
			made := world(w, "s3:PutBucketPolicy", map[string]any{"bucket": "uploads"})
			made.Disturb = func(t *testing.T) { w.PutBucketPolicy(t, "uploads", openList) }
			return made
		}}},
		{"describe", actionstest.Case{Action: "aws.s3.describe_bucket", Errors: changeErrors(), World: func(t *testing.T) actionstest.World {
			w := uploads(t, moto)
			w.Evidence(t, "evidence")
			made := world(w, "s3:PutObject", map[string]any{"bucket": "uploads"})
			made.Disturb = func(t *testing.T) { w.DeleteAll(t, "evidence") }
			return made
		}}},
	} {
		t.Run(c.name, func(t *testing.T) { actionstest.Run(t, c.Case) })
	}
	for name, test := range map[string]func(*testing.T, *awstest.Emulator){
		"evidence": evidenceIsKept, "places": placesThatCannot, "names": namesOfEvidence, "another region": bucketInAnotherRegion,
		"rights": rights, "custody": custody, "documents": documents, "public": publicAccess, "locks": locks, "changes by others": changedByOthers, "descriptions": descriptions, "lost answers": lostAnswers,
	} {
		t.Run(name, func(t *testing.T) { test(t, moto) })
	}
}

// rights holds what is declared against what is used.
func rights(t *testing.T, moto *awstest.Emulator) {
	evidence := func(with map[string]any) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			w.Evidence(t, "evidence")
			return with
		}
	}
	open := func(with map[string]any) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			w.Bucket(t, "uploads")
			w.PublicAsAWS(t)
			return with
		}
	}
	awstest.ExactRights(t, moto, provider, map[string][]awstest.Way{
		"aws.s3.describe_bucket": {func(t *testing.T, w *awstest.World) map[string]any {
			uploadsIn(t, w)
			w.Evidence(t, "evidence")
			return map[string]any{"bucket": "uploads"}
		}},
		"aws.s3.put_evidence":                {evidence(map[string]any{"name": "a.txt", "text": "b", "legal_hold": true})},
		"aws.s3.block_public_access":         {open(map[string]any{"bucket": "uploads", "probe_key": "a"})},
		"aws.s3.block_account_public_access": {open(nil)},
		"aws.s3.lock_bucket": {open(map[string]any{"bucket": "uploads"}), func(t *testing.T, w *awstest.World) map[string]any {
			uploadsIn(t, w)
			return map[string]any{"bucket": "uploads"}
		}},
	})
}
