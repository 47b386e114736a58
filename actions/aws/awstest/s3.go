package awstest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/smithy-go"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// S3 is a client of S3 that goes around the proxy.
func (w *World) S3() *s3.Client {
	return s3.NewFromConfig(w.Config, func(o *s3.Options) { o.UsePathStyle = true })
}

// S3Control is a client of S3 Control that goes around the proxy.
func (w *World) S3Control() *s3control.Client {
	return s3control.NewFromConfig(w.Config, func(o *s3control.Options) {
		o.EndpointResolverV2 = plainHost{o.EndpointResolverV2, *w.Config.BaseEndpoint}
	})
}

// plainHost leaves out the account in front of the host, which does not resolve
// here.
type plainHost struct {
	s3control.EndpointResolverV2
	at string
}

// ResolveEndpoint gives the emulator's own address.
func (r plainHost) ResolveEndpoint(ctx context.Context, params s3control.EndpointParameters) (smithyendpoints.Endpoint, error) {
	resolved, err := r.EndpointResolverV2.ResolveEndpoint(ctx, params)
	if err != nil {
		return resolved, err
	}
	at, err := url.Parse(r.at)
	if err != nil {
		return resolved, err
	}
	resolved.URI = *at
	return resolved, nil
}

// Bucket makes a bucket.
func (w *World) Bucket(t *testing.T, name string) {
	t.Helper()
	if _, err := w.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
}

// Object puts an object, as somebody else would.
func (w *World) Object(t *testing.T, bucket, key, body string) {
	t.Helper()
	if _, err := w.S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

// Evidence makes a bucket that keeps evidence, with a key that encrypts it. The
// account is its owner, though moto never asks.
func (w *World) Evidence(t *testing.T, name string) cloud.Evidence {
	t.Helper()
	if _, err := w.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	w.ClosePublic(t, name)
	return cloud.Evidence{Bucket: name, Owner: w.Account, Days: 7, KMSKey: "arn:aws:kms:" + Region + ":" + w.Account + ":key/0a1b2c3d-0000-4000-8000-0123456789ab"}
}

// Keeping makes place the environment's place for evidence.
func Keeping(place cloud.Evidence) func(*cloud.Environment, *cloud.Options) {
	return func(e *cloud.Environment, _ *cloud.Options) { e.Evidence = place }
}

// ClosePublic switches on the four settings of a bucket.
func (w *World) ClosePublic(t *testing.T, bucket string) {
	t.Helper()
	w.SetPublic(t, bucket, true, true, true, true)
}

// SetPublic sets the four settings of a bucket: block ACLs, ignore ACLs, block
// policies, restrict the bucket.
func (w *World) SetPublic(t *testing.T, bucket string, acls, ignore, policy, restrict bool) {
	t.Helper()
	if _, err := w.S3().PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: &bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: &acls, IgnorePublicAcls: &ignore, BlockPublicPolicy: &policy, RestrictPublicBuckets: &restrict}}); err != nil {
		t.Fatal(err)
	}
}

// s3State reads all buckets: settings, policy, and every version of every
// object with its lock.
func (w *World) s3State(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	client := w.S3()
	if out, err := w.S3Control().GetPublicAccessBlock(t.Context(), &s3control.GetPublicAccessBlockInput{AccountId: &w.Account}); !w.absent(t, err) {
		f := out.PublicAccessBlockConfiguration
		fmt.Fprintf(&b, "account %v %v %v %v\n", aws.ToBool(f.BlockPublicAcls), aws.ToBool(f.IgnorePublicAcls), aws.ToBool(f.BlockPublicPolicy), aws.ToBool(f.RestrictPublicBuckets))
	}
	buckets, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range buckets.Buckets {
		name := aws.ToString(one.Name)
		fmt.Fprintf(&b, "bucket %s\n", name)
		if out, err := client.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &name}); !w.absent(t, err) {
			f := out.PublicAccessBlockConfiguration
			fmt.Fprintf(&b, "  public %v %v %v %v\n", aws.ToBool(f.BlockPublicAcls), aws.ToBool(f.IgnorePublicAcls), aws.ToBool(f.BlockPublicPolicy), aws.ToBool(f.RestrictPublicBuckets))
		}
		if out, err := client.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &name}); !w.absent(t, err) {
			fmt.Fprintf(&b, "  policy %s\n", aws.ToString(out.Policy))
		}
		b.WriteString(w.objects(t, name))
	}
	return b.String()
}

// objects reads the versions of a bucket, sorted.
func (w *World) objects(t *testing.T, bucket string) string {
	t.Helper()
	var rows []string
	for pages := s3.NewListObjectVersionsPaginator(w.S3(), &s3.ListObjectVersionsInput{Bucket: &bucket}); pages.HasMorePages(); {
		list, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list.Versions {
			if aws.ToString(v.VersionId) == "null" { // the bucket keeps no versions, so nothing is locked
				rows = append(rows, fmt.Sprintf("  object %s %s\n", aws.ToString(v.Key), aws.ToString(v.ETag)))
				continue
			}
			head, err := w.S3().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, fmt.Sprintf("  object %s %s %s %s %s %s %s %s\n", aws.ToString(v.Key), aws.ToString(v.VersionId), aws.ToString(v.ETag), aws.ToString(head.ChecksumSHA256),
				head.ObjectLockMode, aws.ToTime(head.ObjectLockRetainUntilDate).UTC(), head.ObjectLockLegalHoldStatus, aws.ToString(head.SSEKMSKeyId)))
		}
		for _, d := range list.DeleteMarkers {
			rows = append(rows, fmt.Sprintf("  deleted %s %s\n", aws.ToString(d.Key), aws.ToString(d.VersionId)))
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, "")
}

// absent says whether a setting is not there; other errors fail the test.
func (w *World) absent(t *testing.T, err error) bool {
	t.Helper()
	if err == nil {
		return false
	}
	if api, ok := errors.AsType[smithy.APIError](err); !ok || !strings.HasPrefix(api.ErrorCode(), "NoSuch") {
		t.Fatal(err)
	}
	return true
}

// s3Needs are the rights of calls to S3, which are named after the API only in
// part. HeadObject and GetObject show a lock only to those who may read it, and
// the checksum of an encrypted object only to those who may decrypt it.
func (w *World) s3Needs(t *testing.T, call Call) []Need {
	t.Helper()
	_, operation, _ := strings.Cut(call.Operation, ":")
	name, key, _ := strings.Cut(strings.TrimPrefix(call.Path, "/"), "/")
	key, err := url.PathUnescape(key)
	if err != nil {
		t.Fatal(err)
	}
	bucket, object := "arn:aws:s3:::"+name, "arn:aws:s3:::"+name+"/"+key
	switch operation {
	case "PutObject":
		needs := []Need{{"s3:PutObject", object}}
		for _, one := range []struct{ header, right string }{{"X-Amz-Object-Lock-Mode", "s3:PutObjectRetention"}, {"X-Amz-Object-Lock-Legal-Hold", "s3:PutObjectLegalHold"}, {"X-Amz-Tagging", "s3:PutObjectTagging"}} {
			if call.Header.Get(one.header) != "" {
				needs = append(needs, Need{one.right, object})
			}
		}
		if id := call.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); id != "" {
			needs = append(needs, Need{"kms:GenerateDataKey", id})
		}
		return needs
	case "GetObject", "HeadObject":
		right, version := "s3:GetObject", (*string)(nil)
		if id := call.Form.Get("versionId"); id != "" {
			right, version = "s3:GetObjectVersion", &id
		}
		needs := []Need{{right, object}}
		head, err := w.S3().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &key, VersionId: version})
		switch {
		case err != nil:
			return needs
		case head.ObjectLockMode != "":
			needs = append(needs, Need{"s3:GetObjectRetention", object})
		}
		if head.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn {
			needs = append(needs, Need{"s3:GetObjectLegalHold", object})
		}
		if head.SSEKMSKeyId != nil {
			needs = append(needs, Need{"kms:Decrypt", *head.SSEKMSKeyId})
		}
		return needs
	case "ListObjectsV2", "HeadBucket":
		return []Need{{"s3:ListBucket", bucket}}
	case "GetObjectLockConfiguration":
		return []Need{{"s3:GetBucketObjectLockConfiguration", bucket}}
	case "GetPublicAccessBlock":
		return []Need{{"s3:GetBucketPublicAccessBlock", bucket}}
	case "PutPublicAccessBlock", "DeletePublicAccessBlock": // there is no right to delete them
		return []Need{{"s3:PutBucketPublicAccessBlock", bucket}}
	case "GetAccountPublicAccessBlock":
		return []Need{{"s3:GetAccountPublicAccessBlock", "*"}} // AWS knows no resource
	case "PutAccountPublicAccessBlock", "DeleteAccountPublicAccessBlock":
		return []Need{{"s3:PutAccountPublicAccessBlock", "*"}}
	case "GetBucketVersioning", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicyStatus", "GetBucketAcl", "GetBucketWebsite",
		"GetBucketOwnershipControls", "GetBucketLogging", "GetBucketTagging":
		return []Need{{call.Operation, bucket}}
	case "GetBucketReplication":
		return []Need{{"s3:GetReplicationConfiguration", bucket}}
	case "GetBucketLifecycleConfiguration":
		return []Need{{"s3:GetLifecycleConfiguration", bucket}}
	case "ListAccessPoints":
		return []Need{{"s3:ListAccessPoints", "*"}} // AWS knows no resource
	}
	t.Fatalf("nobody here knows which rights %s needs; teach World.s3Needs", call.Operation)
	return nil
}

// s3Operations are the REST operations of S3 and S3 Control, with buckets by
// path. Those of an account have the names of their rights, since S3 has calls
// of the same names for buckets.
func s3Operations() []rest {
	const account, bucket, object = "/v20180820/configuration/publicAccessBlock", "/[^/]+/?", "/[^/]+/.+"
	return []rest{
		{"GET", account, "", "GetAccountPublicAccessBlock"}, {"PUT", account, "", "PutAccountPublicAccessBlock"}, {"DELETE", account, "", "DeleteAccountPublicAccessBlock"},
		{"GET", "/v20180820/accesspoint", "", "ListAccessPoints"},
		{"GET", bucket, "ownershipControls", "GetBucketOwnershipControls"}, {"GET", bucket, "logging", "GetBucketLogging"}, {"GET", bucket, "replication", "GetBucketReplication"},
		{"GET", bucket, "tagging", "GetBucketTagging"}, {"GET", bucket, "lifecycle", "GetBucketLifecycleConfiguration"},
		{"GET", bucket, "publicAccessBlock", "GetPublicAccessBlock"}, {"PUT", bucket, "publicAccessBlock", "PutPublicAccessBlock"}, {"DELETE", bucket, "publicAccessBlock", "DeletePublicAccessBlock"},
		{"GET", bucket, "policyStatus", "GetBucketPolicyStatus"},
		{"GET", bucket, "policy", "GetBucketPolicy"}, {"PUT", bucket, "policy", "PutBucketPolicy"}, {"DELETE", bucket, "policy", "DeleteBucketPolicy"},
		{"GET", bucket, "acl", "GetBucketAcl"}, {"GET", bucket, "website", "GetBucketWebsite"},
		{"GET", bucket, "versioning", "GetBucketVersioning"}, {"GET", bucket, "object-lock", "GetObjectLockConfiguration"}, {"GET", bucket, "list-type", "ListObjectsV2"},
		{"HEAD", bucket, "", "HeadBucket"},
		{"PUT", object, "", "PutObject"}, {"GET", object, "", "GetObject"}, {"HEAD", object, "", "HeadObject"},
	}
}

// DeleteVersions takes an object away for good, by a principal that may bypass
// GOVERNANCE.
func (w *World) DeleteVersions(t *testing.T, bucket, key string) {
	t.Helper()
	w.deleteVersions(t, bucket, func(one string) bool { return one == key })
}

// DeleteAll takes all objects away for good, as DeleteVersions does.
func (w *World) DeleteAll(t *testing.T, bucket string) {
	t.Helper()
	w.deleteVersions(t, bucket, func(string) bool { return true })
}

func (w *World) deleteVersions(t *testing.T, bucket string, wanted func(string) bool) {
	t.Helper()
	list, err := w.S3().ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list.Versions {
		if !wanted(aws.ToString(v.Key)) {
			continue
		}
		if _, err := w.S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId, BypassGovernanceRetention: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
	}
}

// ReleaseHold takes the legal hold off an object.
func (w *World) ReleaseHold(t *testing.T, bucket, key string) {
	t.Helper()
	if _, err := w.S3().PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{Bucket: &bucket, Key: &key, LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff}}); err != nil {
		t.Fatal(err)
	}
}
