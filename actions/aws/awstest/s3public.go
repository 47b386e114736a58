package awstest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
)

// PublicAsAWS answers in moto's place where moto knows nothing of the public: it
// gives everything to callers without credentials, and takes a request for the
// status of a policy for one for a list. What is answered here follows from the
// policies, the ACLs and the settings that moto holds, as it would on AWS. It
// ends with Proxy.Heal.
func (w *World) PublicAsAWS(t *testing.T) {
	t.Helper()
	w.Proxy.Answer("s3:GetBucketPolicyStatus", func(rw http.ResponseWriter, r *http.Request) {
		statements := w.statements(t, bucketOf(r))
		rw.Header().Set("Content-Type", "application/xml")
		if statements == nil {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, "<Error><Code>NoSuchBucketPolicy</Code><Message>The bucket policy does not exist</Message></Error>")
			return
		}
		public := "FALSE"
		if slices.ContainsFunc(statements, func(s bucketStatement) bool { return s.Effect == "Allow" && s.everybody() }) {
			public = "TRUE"
		}
		_, _ = io.WriteString(rw, `<PolicyStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsPublic>`+public+`</IsPublic></PolicyStatus>`)
	})
	for operation, right := range map[string]string{"ListObjectsV2": "s3:ListBucket", "HeadObject": "s3:GetObject"} {
		w.Proxy.Answer(Anonymous+":"+operation, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/xml")
			if !w.public(t, bucketOf(r), right) {
				rw.WriteHeader(http.StatusForbidden)
				if r.Method != http.MethodHead {
					_, _ = io.WriteString(rw, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
				}
				return
			}
			if r.Method != http.MethodHead {
				_, _ = io.WriteString(rw, `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>`+bucketOf(r)+`</Name><KeyCount>0</KeyCount></ListBucketResult>`)
			}
		})
	}
}

func bucketOf(r *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name
}

// bucketStatement is as much of a statement as decides about the public.
type bucketStatement struct {
	Effect    string
	Principal json.RawMessage
	Action    words
	Condition map[string]json.RawMessage
}

func (s bucketStatement) everybody() bool {
	return string(s.Principal) == `"*"` || string(s.Principal) == `{"AWS":"*"}`
}

// statements reads the policy of a bucket; nil when it has none.
func (w *World) statements(t *testing.T, bucket string) []bucketStatement {
	t.Helper()
	out, err := w.S3().GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &bucket})
	if w.absent(t, err) {
		return nil
	}
	var document struct{ Statement []bucketStatement }
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &document); err != nil {
		t.Error(err)
	}
	return document.Statement
}

// public says whether everybody has a right on a bucket. Conditions of a deny
// are taken to hold: what a caller without credentials lacks, it does not have.
func (w *World) public(t *testing.T, bucket, right string) bool {
	t.Helper()
	var restrict, ignore bool
	if out, err := w.S3().GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &bucket}); !w.absent(t, err) {
		f := out.PublicAccessBlockConfiguration
		restrict, ignore = aws.ToBool(f.RestrictPublicBuckets), aws.ToBool(f.IgnorePublicAcls)
	}
	if out, err := w.S3Control().GetPublicAccessBlock(t.Context(), &s3control.GetPublicAccessBlockInput{AccountId: &w.Account}); !w.absent(t, err) {
		f := out.PublicAccessBlockConfiguration
		restrict, ignore = restrict || aws.ToBool(f.RestrictPublicBuckets), ignore || aws.ToBool(f.IgnorePublicAcls)
	}
	allowed := false
	for _, s := range w.statements(t, bucket) {
		fits := slices.ContainsFunc(s.Action, func(a string) bool { return Like(a, right) })
		switch {
		case !fits || !s.everybody():
		case s.Effect == "Deny":
			return false
		case len(s.Condition) == 0 && !restrict:
			allowed = true
		}
	}
	acl, err := w.S3().GetBucketAcl(t.Context(), &s3.GetBucketAclInput{Bucket: &bucket})
	if err != nil {
		t.Error(err)
		return allowed
	}
	return allowed || !ignore && right == "s3:ListBucket" && slices.ContainsFunc(acl.Grants, func(g types.Grant) bool {
		return g.Grantee != nil && strings.HasSuffix(aws.ToString(g.Grantee.URI), "/AllUsers") && g.Permission != types.PermissionWrite
	})
}

// PutBucketPolicy puts a policy, as somebody else would.
func (w *World) PutBucketPolicy(t *testing.T, bucket, document string) {
	t.Helper()
	if _, err := w.S3().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &document}); err != nil {
		t.Fatal(err)
	}
}

// BucketPolicy reads a policy byte for byte; empty when there is none.
func (w *World) BucketPolicy(t *testing.T, bucket string) string {
	t.Helper()
	out, err := w.S3().GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &bucket})
	if w.absent(t, err) {
		return ""
	}
	return aws.ToString(out.Policy)
}
