package app

import (
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
)

// exposedBucketTale is about a bucket that the public and another account can
// read. S3's answers to the public and CloudTrail's events are made by awstest,
// as moto has neither.
func exposedBucketTale() tale {
	const policy = `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Public","Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::exports","arn:aws:s3:::exports/*"]},` +
		`{"Sid":"Partner","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::exports/*"}]}`
	place := &config.Evidence{Bucket: "evidence", Mode: "GOVERNANCE", Days: 7}
	return tale{
		id: "exposed-bucket",
		world: func(t *testing.T, w *awstest.World) []string {
			w.Bucket(t, "exports")
			w.Object(t, "exports", "customers.csv", "name,card")
			w.PutBucketPolicy(t, "exports", policy)
			w.Bucket(t, "logs")
			w.Trail(t, "management", "logs", true)
			w.Evidence(t, place.Bucket)
			w.PublicAsAWS(t)
			w.Events(t, awstest.Event{Region: awstest.Region, ID: "e1", User: "eve", Resource: "exports", Time: time.Now().Add(-time.Hour),
				Text: `{"eventSource":"s3.amazonaws.com","eventName":"PutBucketPolicy","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7"}`})
			return []string{"bucket=exports", "probe_key=customers.csv", "secure_roles=arn:aws:iam::" + w.Account + ":role/forensics"}
		},
		cfg: func(_ *testing.T, _ *awstest.World, c *config.Config) { c.Environments[0].Evidence = place },
		lines: []string{
			"bob: approve INC-1 block", "alice: done INC-1 outsiders lock", "bob: approve INC-1 lock", "alice: done INC-1 since 2026-11-20", "alice: done INC-1 opener person",
			"alice: done INC-1 stop_opener Okta is suspended", "alice: done INC-1 taken unknown", "alice: done INC-1 consequences names and cards, privacy has it", "alice: done INC-1 mend later",
		},
		done: []string{"look", "block", "outsiders", "lock", "logging", "events", "since", "opener", "stop_opener", "taken", "consequences", "mend", "record"},
		after: func(t *testing.T, _ *awstest.World, state string) {
			exports := state[strings.Index(state, "bucket exports"):]
			for _, want := range []string{"  public true true true true\n", `"FirebreakLock"`, `"Partner"`} {
				if !strings.Contains(exports, want) {
					t.Errorf("the state does not tell %s:\n%s", want, state)
				}
			}
			for _, want := range []string{"/look/exports/bucket-", "/events/", "/record/exposure.json ", "/record/exposure.json.custody.json "} {
				if !strings.Contains(state, "  object INC-1/R1"+want) {
					t.Errorf("there is no evidence %s:\n%s", want, state)
				}
			}
		},
		undo: []string{
			`alice: undo INC-1 lock --reason "the partner is known"`, "bob: approve INC-1 lock~undo",
			`alice: undo INC-1 block --reason "it is the public price list"`, "bob: approve INC-1 block~undo",
		},
		adds: []string{"object INC-1/"},
	}
}
