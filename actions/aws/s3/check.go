package s3

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Check reads an object of evidence back: its version is there, with the bytes
// and under the lock that were recorded. A description that leaves out the
// checksum or the version proves nothing; one without a lock is not verified.
func Check(ctx context.Context, c *cloud.Conn, stored Stored, place cloud.Evidence) (actions.Reading, error) {
	say := func(verdict actions.Verdict, format string, args ...any) (actions.Reading, error) {
		return actions.Reading{Verdict: verdict, Detail: fmt.Sprintf(format, args...)}, nil
	}
	if stored.Bucket == "" || stored.Key == "" {
		return say(actions.NotVerified, "nothing was stored")
	}
	place.Bucket = stored.Bucket
	b, place, err := open(c, place)
	if err != nil {
		return actions.Reading{}, err
	}
	if stored.VersionID == "" || stored.VersionID == "null" {
		return say(actions.NotVerified, "%s has no version of its own: versioning of bucket %s is off", stored.Key, b.name)
	}
	head, err := do(ctx, b, cloud.Reads, "s3:HeadObject", (*s3.Client).HeadObject, &s3.HeadObjectInput{Bucket: &b.name, Key: &stored.Key, VersionId: &stored.VersionID,
		ExpectedBucketOwner: b.owner, ChecksumMode: types.ChecksumModeEnabled})
	switch {
	case missing(err):
		return say(actions.NotVerified, "version %s of %s is not in bucket %s", stored.VersionID, stored.Key, b.name)
	case err != nil:
		return cloud.Unreadable(err)
	}
	found := described(stored, head)
	switch {
	case found.VersionID == "" || found.SHA256 == "":
		return say(actions.CannotVerify, "S3 tells neither version nor checksum of %s, or only one of them", stored.Key)
	case found.VersionID != stored.VersionID || found.SHA256 != stored.SHA256 || found.Size != stored.Size:
		return say(actions.NotVerified, "%s is version %s with %d bytes of SHA-256 %s, not version %s with %d bytes of SHA-256 %s",
			stored.Key, found.VersionID, found.Size, found.SHA256, stored.VersionID, stored.Size, stored.SHA256)
	case found.Mode == "" || found.RetainUntil.IsZero():
		return say(actions.NotVerified, "%s shows no lock: it was taken off, or s3:GetObjectRetention is not granted", stored.Key)
	case found.Mode != place.Mode && found.Mode != string(types.ObjectLockModeCompliance):
		return say(actions.NotVerified, "%s is locked as %s, not as %s", stored.Key, found.Mode, place.Mode)
	case found.RetainUntil.Before(stored.RetainUntil):
		return say(actions.NotVerified, "%s is locked until %s, not until %s", stored.Key, found.RetainUntil.Format(time.RFC3339), stored.RetainUntil.Format(time.RFC3339))
	case stored.Hold && !found.Hold:
		return say(actions.NotVerified, "%s has no legal hold: it was taken off, or s3:GetObjectLegalHold is not granted", stored.Key)
	}
	return say(actions.Verified, "version %s of %s has SHA-256 %s and is locked as %s until %s", found.VersionID, stored.Key, found.SHA256, found.Mode, found.RetainUntil.Format(time.RFC3339))
}

// Ready says whether a place can keep evidence: the bucket is there and belongs
// to whom it should, has versions and locks, and lets nobody in from outside.
// It only reads. What is missing is an error of class precondition.
func Ready(ctx context.Context, c *cloud.Conn, place cloud.Evidence) error {
	b, _, err := open(c, place)
	if err != nil {
		return err
	}
	lacks := func(op, hint, format string, args ...any) error {
		return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	const makeOne = "evidence needs a bucket that was made with Object Lock"
	versions, err := do(ctx, b, cloud.Reads, "s3:GetBucketVersioning", (*s3.Client).GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err != nil {
		return err
	}
	if versions.Status != types.BucketVersioningStatusEnabled {
		return lacks("s3:GetBucketVersioning", makeOne, "bucket %q has no versioning", b.name)
	}
	lock, err := do(ctx, b, cloud.Reads, "s3:GetObjectLockConfiguration", (*s3.Client).GetObjectLockConfiguration, &s3.GetObjectLockConfigurationInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err != nil && !missing(err) {
		return err
	}
	if err != nil || lock.ObjectLockConfiguration == nil || lock.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return lacks("s3:GetObjectLockConfiguration", makeOne, "bucket %q has no Object Lock", b.name)
	}
	flags, err := b.publicAccess(ctx)
	switch {
	case err != nil:
		return err
	case !flags.equal(allBlocked()):
		return lacks("s3:GetPublicAccessBlock", "switch on all four settings of Block Public Access on it", "bucket %q does not block public access", b.name)
	}
	return nil
}

const (
	bucketResource = "arn:{partition}:s3:::{bucket}"
	objectResource = "arn:{partition}:s3:::{bucket}/*"
	// The key may be another account's, and in the region of the bucket.
	keyResource = "arn:{partition}:kms:{key_region}:{key_account}:key/{kms_key}"
)

// PutRights are the rights of [Ready] in plan, of [Put] in execute and of
// [Check] in verify. The bucket is the action's parameter "bucket", where it
// has one.
func PutRights() []actions.Permission { return PutRightsIn("bucket") }

// PutRightsIn are the same rights for an action that names the bucket for
// evidence in another parameter, because "bucket" means what it acts on.
func PutRightsIn(param string) []actions.Permission {
	bucketResource, objectResource := "arn:{partition}:s3:::{"+param+"}", "arn:{partition}:s3:::{"+param+"}/*"
	return []actions.Permission{
		{Phase: actions.PhasePlan, Action: "s3:GetBucketVersioning", Resource: bucketResource, Why: "see that the evidence bucket keeps versions"},
		{Phase: actions.PhasePlan, Action: "s3:GetBucketObjectLockConfiguration", Resource: bucketResource, Why: "see that the evidence bucket has Object Lock"},
		{Phase: actions.PhasePlan, Action: "s3:GetBucketPublicAccessBlock", Resource: bucketResource, Why: "see that the evidence bucket is closed to the public"},
		{Phase: actions.PhaseExecute, Action: "s3:PutObject", Resource: objectResource, Why: "store the evidence"},
		{Phase: actions.PhaseExecute, Action: "s3:PutObjectRetention", Resource: objectResource, Why: "lock it in the same request"},
		{Phase: actions.PhaseExecute, Action: "s3:GetObject", Resource: objectResource, Why: "read its checksum and version back"},
		{Phase: actions.PhaseExecute, Action: "s3:GetObjectRetention", Resource: objectResource, Why: "read its lock back"},
		{Phase: actions.PhaseExecute, Action: "kms:GenerateDataKey", Resource: keyResource, Why: "encrypt it"},
		{Phase: actions.PhaseExecute, Action: "kms:Decrypt", Resource: keyResource, Why: "S3 tells the checksum of an encrypted object only to those who may read it"},
		{Phase: actions.PhaseVerify, Action: "s3:GetObjectVersion", Resource: objectResource, Why: "read the checksum of the version that is the evidence"},
		{Phase: actions.PhaseVerify, Action: "s3:GetObjectRetention", Resource: objectResource, Why: "read its lock"},
		{Phase: actions.PhaseVerify, Action: "kms:Decrypt", Resource: keyResource, Why: "S3 tells the checksum of an encrypted object only to those who may read it"},
	}
}
