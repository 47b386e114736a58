package iampolicy_test

import (
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// exposedBucket is a public bucket without a policy before the lock, so that
// its undo takes the lock away; that it also puts a policy back is played in
// the tests of the action.
func exposedBucket(t *testing.T, w *awstest.World) map[string]any {
	t.Helper()
	w.Bucket(t, "exports")
	w.Object(t, "exports", "customers.csv", "name,card")
	w.PublicAsAWS(t)
	w.Bucket(t, "logs")
	w.Trail(t, "management", "logs", false)
	w.Evidence(t, evidence().Bucket)
	w.Events(t, awstest.Event{Region: awstest.Region, ID: "e1", User: "eve", Resource: "exports", Time: time.Now().Add(-time.Hour),
		Text: `{"eventSource":"s3.amazonaws.com","eventName":"PutBucketPolicy","awsRegion":"us-east-1"}`})
	return map[string]any{"bucket": "exports", "stolen": true, "probe_key": "customers.csv"}
}

func exposedBucketAnswers() map[string]string {
	return map[string]string{"since": "2026-11-20", "opener": "mistake", "taken": "unknown", "mend": "later"}
}

// exposedBucketSpare lists the rights that this world cannot use.
func exposedBucketSpare() map[string]string {
	return map[string]string{
		"evidence s3:GetObjectLegalHold": "no legal hold is asked for",
		"evidence s3:PutObjectLegalHold": "as above",
		"preflight ec2:DescribeRegions":  "the region is named, by an output of an earlier step",
		"release s3:PutBucketPolicy":     "there was no policy to put back",
	}
}
