package s3_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
)

// described plays the step and gives its outputs.
func described(t *testing.T, s *awstest.Step) map[string]any {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal(s.Execute().Result, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// says compares those outputs that want names.
func says(t *testing.T, got, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s: want -, got +\n%s", name, diff)
		}
	}
}

func allow(principal, more string) string {
	return `{"Sid":"It","Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::uploads/*"` + more + `}`
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func descriptions(t *testing.T, moto *awstest.Emulator) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	enforce := func(t *testing.T, w *awstest.World) {
		_, err := w.S3().PutBucketOwnershipControls(t.Context(), &sdk.PutBucketOwnershipControlsInput{Bucket: aws.String("uploads"),
			OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}})
		must(t, err)
	}
	delivered := regexp.MustCompile(`(?m)^  object uploads/20.*\n`) // access logs, which moto writes at once
	list := func(words ...any) []any { return append([]any{}, words...) }
	const objects = "ACLs of single objects are obeyed, and were not looked at."
	for _, test := range []struct {
		name   string
		before func(*testing.T, *awstest.World)
		want   map[string]any
	}{
		{"nothing is set", nil, map[string]any{"public": "unknown", "public_by": list(objects), "blocked": "no", "block_of_bucket": "not configured", "block_of_account": "not configured", "policy": "no policy",
			"foreign": "no", "foreign_principals": list(), "ownership": "not configured", "access_points": list(), "website": "no", "versioning": "off", "expires": "no", "logging": "no", "log_bucket": "",
			"replicates": "no", "replication_targets": list(), "tags": list(), "missing": list(), "region": "us-east-1"}},
		{"ACLs are off", enforce, map[string]any{"public": "no", "public_by": list(), "ownership": "BucketOwnerEnforced"}},
		{"a public policy", func(t *testing.T, w *awstest.World) { enforce(t, w); w.PutBucketPolicy(t, "uploads", openList) },
			map[string]any{"public": "yes", "public_by": list("Its policy is public."), "foreign": "no"}},
		{"a public policy behind the bucket's settings", func(t *testing.T, w *awstest.World) {
			w.PutBucketPolicy(t, "uploads", openList)
			w.ClosePublic(t, "uploads")
		}, map[string]any{"public": "no", "public_by": list(), "blocked": "yes", "block_of_bucket": "all four on"}},
		{"a public policy behind the account's settings", func(t *testing.T, w *awstest.World) {
			w.PutBucketPolicy(t, "uploads", openList)
			_, err := w.S3Control().PutPublicAccessBlock(t.Context(), accountBlock(w.Account))
			must(t, err)
		}, map[string]any{"public": "no", "public_by": list(), "blocked": "yes", "block_of_bucket": "not configured", "block_of_account": "all four on"}},
		{"settings that leave the policy out", func(t *testing.T, w *awstest.World) {
			w.PutBucketPolicy(t, "uploads", openList)
			w.SetPublic(t, "uploads", true, true, true, false)
		}, map[string]any{"public": "yes", "public_by": list("Its policy is public."), "blocked": "no"}},
		{"a public ACL", func(t *testing.T, w *awstest.World) {
			_, err := w.S3().PutBucketAcl(t.Context(), &sdk.PutBucketAclInput{Bucket: aws.String("uploads"), ACL: types.BucketCannedACLPublicRead})
			must(t, err)
		}, map[string]any{"public": "yes", "public_by": list("Its ACL grants READ to the public.", objects)}},
		{"a public ACL that is not obeyed", func(t *testing.T, w *awstest.World) {
			_, err := w.S3().PutBucketAcl(t.Context(), &sdk.PutBucketAclInput{Bucket: aws.String("uploads"), ACL: types.BucketCannedACLPublicRead})
			must(t, err)
			enforce(t, w)
		}, map[string]any{"public": "no", "public_by": list()}},
		{"an access point", func(t *testing.T, w *awstest.World) {
			enforce(t, w)
			_, err := w.S3Control().CreateAccessPoint(t.Context(), &s3control.CreateAccessPointInput{AccountId: &w.Account, Bucket: aws.String("uploads"), Name: aws.String("partners")})
			must(t, err)
		}, map[string]any{"public": "unknown", "access_points": list("partners"), "public_by": list("It has access points that the internet reaches, whose policies were not looked at.")}},
		{"other accounts", func(t *testing.T, w *awstest.World) {
			w.PutBucketPolicy(t, "uploads", policyOf(
				allow(`{"AWS":["arn:aws:iam::999988887777:root","444455556666","`+w.Account+`","arn:aws:iam::`+w.Account+`:role/app","AIDAGONE"],"Service":"cloudtrail.amazonaws.com"}`, ""),
				allow(`{"CanonicalUser":"79a5"}`, ""),
				strings.Replace(allow(`{"AWS":"arn:aws:iam::111111111111:root"}`, ""), "Allow", "Deny", 1)))
		}, map[string]any{"foreign": "yes", "foreign_principals": list("444455556666", "AIDAGONE", "arn:aws:iam::999988887777:root", "canonical user 79a5"), "policy": "It, It, It (567 bytes)"}},
		{"everybody under a condition", func(t *testing.T, w *awstest.World) {
			w.PutBucketPolicy(t, "uploads", policyOf(allow(`{"AWS":"*"}`, `,"Condition":{"StringEquals":{"aws:PrincipalAccount":"999988887777"}}`)))
		}, map[string]any{"foreign": "unknown", "foreign_principals": list()}},
		{"everybody but one", func(t *testing.T, w *awstest.World) {
			w.PutBucketPolicy(t, "uploads", policyOf(strings.Replace(allow(`{"AWS":"arn:aws:iam::999988887777:root"}`, ""), "Principal", "NotPrincipal", 1)))
		}, map[string]any{"foreign": "unknown"}},
		{"an ACL for another account", func(t *testing.T, w *awstest.World) {
			_, err := w.S3().PutBucketAcl(t.Context(), &sdk.PutBucketAclInput{Bucket: aws.String("uploads"), GrantRead: aws.String(`id="feed"`)})
			must(t, err)
		}, map[string]any{"foreign": "yes", "foreign_principals": list("canonical user feed")}},
		{"its use and its past", use, map[string]any{"website": "yes", "versioning": "Enabled", "expires": "yes", "logging": "yes", "log_bucket": "logs", "replicates": "yes",
			"replication_targets": list("arn:aws:s3:::copies"), "tags": list("data=customers", "env=prod")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := moto.World(t)
			w.Bucket(t, "uploads")
			w.PublicAsAWS(t)
			if test.before != nil {
				test.before(t, w)
			}
			state := delivered.ReplaceAllString(w.Snapshot(t), "")
			s := awstest.NewStep(t, provider(w), "aws.s3.describe_bucket", map[string]any{"bucket": "uploads", "store": "never"}).Plan()
			says(t, described(t, s), test.want)
			s.Is(actions.Verified, "nothing was to be kept")
			if diff := cmp.Diff(state, delivered.ReplaceAllString(w.Snapshot(t), "")); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("the document", func(t *testing.T) { describedDocument(t, moto) })
	t.Run("what is not told is unknown", func(t *testing.T) {
		for operation, want := range map[string]map[string]any{
			"s3:GetBucketPolicyStatus":           {"public": "unknown", "public_by": list("Whether its policy is public could not be read."), "missing": list("GetBucketPolicyStatus: denied")},
			"s3:GetBucketPolicy":                 {"foreign": "unknown", "policy": "unknown"},
			"s3:GetBucketAcl":                    {"foreign": "unknown", "public": "no"}, // ACLs are off
			"s3:GetBucketOwnershipControls":      {"public": "unknown", "ownership": "unknown"},
			"s3:ListAccessPoints":                {"public": "unknown"},
			"s3:GetPublicAccessBlock":            {"blocked": "unknown", "block_of_bucket": "unknown", "public": "no"},
			"s3:GetAccountPublicAccessBlock":     {"blocked": "unknown", "block_of_account": "unknown"},
			"s3:GetBucketWebsite":                {"website": "unknown"},
			"s3:GetBucketLogging":                {"logging": "unknown"},
			"s3:GetBucketReplication":            {"replicates": "unknown"},
			"s3:GetBucketLifecycleConfiguration": {"expires": "unknown"},
			"s3:GetBucketTagging":                {"missing": list("GetBucketTagging: denied")},
		} {
			t.Run(operation, func(t *testing.T) {
				w := moto.World(t)
				w.Bucket(t, "uploads")
				enforce(t, w)
				if operation != "s3:GetBucketPolicyStatus" { // which is answered in moto's place
					w.PublicAsAWS(t)
				}
				s := awstest.NewStep(t, provider(w), "aws.s3.describe_bucket", map[string]any{"bucket": "uploads", "store": "never"}).Plan()
				w.Proxy.Refuse(operation, http.StatusForbidden, "AccessDenied")
				says(t, described(t, s), want)
				s.Is(actions.Verified, "not read: ")
			})
		}
	})
	t.Run("an empty answer is no answer", func(t *testing.T) {
		w := moto.World(t)
		w.Bucket(t, "uploads")
		enforce(t, w)
		s := awstest.NewStep(t, provider(w), "aws.s3.describe_bucket", map[string]any{"bucket": "uploads", "store": "never"}).Plan()
		w.Proxy.Answer("s3:GetBucketPolicyStatus", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(rw, "<PolicyStatus/>")
		})
		says(t, described(t, s), map[string]any{"public": "unknown", "missing": list("GetBucketPolicyStatus: transient")})
	})
	t.Run("no bucket", func(t *testing.T) {
		w := moto.World(t)
		s := awstest.NewStep(t, provider(w), "aws.s3.describe_bucket", map[string]any{"bucket": "uploads", "store": "never"})
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.NotFound)
		w.Bucket(t, "uploads")
		s.Plan()
		_, err = w.S3().DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: aws.String("uploads")})
		must(t, err)
		_, err = s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.NotFound)
	})
	t.Run("nowhere to keep it", func(t *testing.T) {
		w := moto.World(t)
		w.Bucket(t, "uploads")
		w.Bucket(t, "evidence") // keeps no versions
		s := awstest.NewStep(t, provider(w), "aws.s3.describe_bucket", map[string]any{"bucket": "uploads"})
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "has no versioning")
		homeless := actions.NewRegistry()
		s3.Register(homeless, w.Cloud())
		described(t, awstest.NewStep(t, homeless, "aws.s3.describe_bucket", map[string]any{"bucket": "uploads"}).Plan())
		s = awstest.NewStep(t, homeless, "aws.s3.describe_bucket", map[string]any{"bucket": "uploads", "store": "always"})
		_, err = s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Invalid, "no bucket for evidence is configured")
	})
}

// use sets all that a bucket is used for.
func use(t *testing.T, w *awstest.World) {
	t.Helper()
	w.Bucket(t, "logs")
	w.Bucket(t, "copies")
	c, name := w.S3(), aws.String("uploads")
	versions := &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}
	calls := []func() error{
		func() error {
			_, err := c.PutBucketWebsite(t.Context(), &sdk.PutBucketWebsiteInput{Bucket: name, WebsiteConfiguration: &types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}}})
			return err
		},
		func() error {
			_, err := c.PutBucketVersioning(t.Context(), &sdk.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: versions})
			return err
		},
		func() error {
			_, err := c.PutBucketVersioning(t.Context(), &sdk.PutBucketVersioningInput{Bucket: aws.String("copies"), VersioningConfiguration: versions})
			return err
		},
		func() error {
			_, err := c.PutBucketLifecycleConfiguration(t.Context(), &sdk.PutBucketLifecycleConfigurationInput{Bucket: name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
				{ID: aws.String("old"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("tmp/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(7)}}}}})
			return err
		},
		func() error {
			owner, err := c.GetBucketAcl(t.Context(), &sdk.GetBucketAclInput{Bucket: aws.String("logs")})
			if err != nil {
				return err
			}
			log := func(p types.Permission) types.Grant {
				return types.Grant{Permission: p, Grantee: &types.Grantee{Type: types.TypeGroup, URI: aws.String("http://acs.amazonaws.com/groups/s3/LogDelivery")}}
			}
			_, err = c.PutBucketAcl(t.Context(), &sdk.PutBucketAclInput{Bucket: aws.String("logs"), AccessControlPolicy: &types.AccessControlPolicy{Owner: owner.Owner, Grants: []types.Grant{log(types.PermissionWrite), log(types.PermissionReadAcp)}}})
			return err
		},
		func() error {
			_, err := c.PutBucketLogging(t.Context(), &sdk.PutBucketLoggingInput{Bucket: name, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: &types.LoggingEnabled{TargetBucket: aws.String("logs"), TargetPrefix: aws.String("uploads/")}}})
			return err
		},
		func() error {
			_, err := c.PutBucketReplication(t.Context(), &sdk.PutBucketReplicationInput{Bucket: name, ReplicationConfiguration: &types.ReplicationConfiguration{Role: aws.String("arn:aws:iam::" + w.Account + ":role/copy"),
				Rules: []types.ReplicationRule{{ID: aws.String("all"), Status: types.ReplicationRuleStatusEnabled, Prefix: aws.String(""), Destination: &types.Destination{Bucket: aws.String("arn:aws:s3:::copies")}}}}})
			return err
		},
		func() error {
			_, err := c.PutBucketTagging(t.Context(), &sdk.PutBucketTaggingInput{Bucket: name, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}, {Key: aws.String("data"), Value: aws.String("customers")}}}})
			return err
		},
	}
	for _, call := range calls {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
}

// describedDocument reads the evidence itself: the policy stands in it byte for
// byte, and it stands under the name of the step.
func describedDocument(t *testing.T, moto *awstest.Emulator) {
	w := uploads(t, moto)
	use(t, w)
	w.Evidence(t, "evidence")
	s := awstest.NewStep(t, provider(w), "aws.s3.describe_bucket", map[string]any{"bucket": "uploads"}).Plan()
	stored, _ := described(t, s)["evidence"].(map[string]any)
	key, _ := stored["key"].(string)
	if !strings.HasPrefix(key, "INC-12/R1/stop/uploads/bucket-") {
		t.Fatalf("got %v", stored)
	}
	out, err := w.S3().GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("evidence"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Bucket, Account, Region string
		Missing                 []string
		Sections                map[string]json.RawMessage
	}
	if err := json.NewDecoder(out.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	var policy string
	if err := json.Unmarshal(document.Sections["GetBucketPolicy"], &policy); err != nil || policy != openList {
		t.Errorf("%v: got %q, want %q", err, policy, openList)
	}
	if document.Bucket != "uploads" || document.Account != w.Account || document.Region != "us-east-1" || len(document.Missing) != 0 || len(document.Sections) != 13 {
		t.Errorf("got %+v", document)
	}
	for section, want := range map[string]string{"GetBucketWebsite": "index.html", "GetBucketReplication": "arn:aws:s3:::copies", "GetBucketTagging": "customers", "GetBucketLogging": "uploads/", "GetBucketLifecycleConfiguration": "tmp/",
		"GetBucketVersioning": "Enabled", "GetBucketAcl": "FULL_CONTROL", "GetBucketPolicyStatus": "true"} {
		if !strings.Contains(string(document.Sections[section]), want) {
			t.Errorf("%s does not tell %q: %s", section, want, document.Sections[section])
		}
	}
	s.Is(actions.Verified, "has SHA-256")
	// Who changes the bucket in between gets a document of its own.
	w.PutBucketPolicy(t, "uploads", policyOf(allow(`"*"`, "")))
	described(t, s)
	if got := strings.Count(w.Snapshot(t), "object INC-12/R1/stop/uploads/bucket-"); got != 2 {
		t.Errorf("there are %d documents, want 2", got)
	}
}

func accountBlock(name string) *s3control.PutPublicAccessBlockInput {
	in := &s3control.PutPublicAccessBlockInput{AccountId: &name, PublicAccessBlockConfiguration: blocked()}
	return in
}

func blocked() *controltypes.PublicAccessBlockConfiguration {
	on := aws.Bool(true)
	return &controltypes.PublicAccessBlockConfiguration{BlockPublicAcls: on, IgnorePublicAcls: on, BlockPublicPolicy: on, RestrictPublicBuckets: on}
}
