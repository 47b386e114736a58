package s3_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
)

type kept struct {
	Bucket, Key, SHA256 string
	VersionID           string `json:"version_id"`
	Custody             struct{ Key, SHA256 string }
}

func resultOf(t *testing.T, s *awstest.Step) kept {
	t.Helper()
	var r kept
	if err := json.Unmarshal(s.Result, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func custody(t *testing.T, moto *awstest.Emulator) {
	document := func(t *testing.T) (*awstest.World, *awstest.Step) {
		w := moto.World(t)
		w.Evidence(t, "evidence")
		return w, awstest.NewStep(t, provider(w), "aws.s3.put_evidence", map[string]any{"name": "timeline.txt", "text": "04:50 seen"}).Plan()
	}
	record := func(t *testing.T, w *awstest.World, key string) map[string]any {
		bucket := "evidence"
		out, err := w.S3().GetObject(t.Context(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	t.Run("says what, who and when", func(t *testing.T) {
		w, step := document(t)
		got := resultOf(t, step.Execute())
		all := record(t, w, got.Custody.Key)
		document, _ := all["document"].(map[string]any)
		for name, want := range map[string]any{"actor": "grace@example.com", "incident": "INC-12", "run": "R1", "step": "stop", "step_key": "0f0e0d0c", "environment": "prod", "account": w.Account, "by": "arn:aws:iam::123456789012:user/moto"} {
			if all[name] != want {
				t.Errorf("%s: got %v, want %v", name, all[name], want)
			}
		}
		if all["request_id"] == "" || all["when"] == "" || document["version_id"] != got.VersionID || document["sha256"] != got.SHA256 || document["size"] != 10.0 {
			t.Errorf("got %v", all)
		}
	})
	t.Run("is written once", func(t *testing.T) {
		// The document is lost on its way back, then the record is: each attempt goes on where the last one ended.
		w, step := document(t)
		w.Proxy.DropAfterEffect("s3:PutObject", awstest.EveryAttempt)
		_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
		awstest.Fails(t, err, actions.Unknown)
		w.Proxy.Refuse("s3:HeadObject", http.StatusForbidden, "AccessDenied") // it is there, and cannot be compared
		_, err = step.Handler.Execute(t.Context(), step.Call, step.Params)
		awstest.Fails(t, err, actions.Unknown, "cannot be compared")
		w.Proxy.Heal()
		first := resultOf(t, step.Execute())
		state := w.Snapshot(t)
		if diff := cmp.Diff(first, resultOf(t, step.Execute())); diff != "" || strings.Count(state, "object ") != 2 {
			t.Errorf("want -, got +\n%s\n%s", diff, state)
		}
		if _, told := record(t, w, first.Custody.Key)["request_id"]; told {
			t.Error("the record names a request whose answer nobody saw")
		}
		if diff := cmp.Diff(state, w.Snapshot(t)); diff != "" {
			t.Error(diff)
		}
		step.Is(actions.Verified, "so is the record of its custody")
	})
	t.Run("names the version that counts", func(t *testing.T) {
		// Somebody hides the document behind a delete marker. The version that the
		// record names is still there, and stays the evidence.
		w, step := document(t)
		first := resultOf(t, step.Execute())
		if _, err := w.S3().DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: &first.Bucket, Key: &first.Key}); err != nil {
			t.Fatal(err)
		}
		step.Is(actions.Verified, "")
		if diff := cmp.Diff(first, resultOf(t, step.Execute())); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})
	t.Run("of somebody else is no record", func(t *testing.T) {
		w, step := document(t)
		w.Object(t, "evidence", "INC-12/R1/stop/timeline.txt.custody.json", `{"document":{"sha256":"0"}}`)
		_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
		awstest.Fails(t, err, actions.Unknown, "is no record of it")
	})
	t.Run("that is gone is noticed", func(t *testing.T) {
		w, step := document(t)
		got := resultOf(t, step.Execute())
		w.DeleteVersions(t, "evidence", got.Custody.Key)
		step.Is(actions.NotVerified, "the record of custody: version")
	})
}

func documents(t *testing.T, moto *awstest.Emulator) {
	w := moto.World(t)
	w.Evidence(t, "evidence")
	for _, test := range []struct {
		with  map[string]any
		class actions.Class
		says  string
	}{
		{map[string]any{"name": "a"}, actions.Invalid, "either text or fields"},
		{map[string]any{"name": "a", "text": "b", "fields": map[string]any{"c": "d"}}, actions.Invalid, "either text or fields"},
		{map[string]any{"name": "a.json", "text": "{"}, actions.Invalid, "is no JSON"},
		{map[string]any{"name": "a.custody.json", "text": "{}"}, actions.Invalid, "record of custody"},
		{map[string]any{"name": "../a", "text": "b"}, actions.Invalid, "cannot be the name"},
		{map[string]any{"name": "a", "text": "b", "mode": "NONE"}, actions.Invalid, "is not one of"},
		{map[string]any{"name": "a", "text": "b", "bucket": "nowhere"}, actions.NotFound, "NoSuchBucket"},
	} {
		s := awstest.NewStep(t, provider(w), "aws.s3.put_evidence", test.with)
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, test.class, test.says)
	}
	s := awstest.NewStep(t, provider(w), "aws.s3.put_evidence", map[string]any{"name": "a", "text": "b", "mode": "COMPLIANCE"}).Plan()
	if len(s.Preview.Warnings) != 1 || !strings.Contains(s.Preview.Warnings[0], "Nobody can delete it") {
		t.Errorf("got %+v", s.Preview)
	}
}

func publicAccess(t *testing.T, moto *awstest.Emulator) {
	block := func(t *testing.T, w *awstest.World, with map[string]any) *awstest.Step {
		return awstest.NewStep(t, provider(w), "aws.s3.block_public_access", with).Plan()
	}
	t.Run("is shown before", func(t *testing.T) {
		w := uploads(t, moto)
		s := block(t, w, map[string]any{"bucket": "uploads"})
		if got := strings.Join(s.Preview.Warnings, " "); !strings.Contains(got, "policy of the bucket is public") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("is blocked already", func(t *testing.T) {
		w := uploads(t, moto)
		w.ClosePublic(t, "uploads")
		if s := block(t, w, map[string]any{"bucket": "uploads"}); !s.Preview.InEffect || s.Preview.NoUndo == "" {
			t.Errorf("got %+v", s.Preview)
		}
	})
	t.Run("is proved by a refusal alone", func(t *testing.T) {
		w := uploads(t, moto)
		s := block(t, w, map[string]any{"bucket": "uploads", "probe_key": "customers.csv"}).Execute()
		s.Is(actions.Verified, `object "customers.csv" is refused to a caller without credentials`)
		w.Proxy.Heal() // moto itself gives everything to anybody
		s.Is(actions.NotVerified, "anybody still gets a list of bucket uploads")
		w.Proxy.Refuse("anonymous:ListObjectsV2", http.StatusForbidden, "AccessDenied")
		w.Proxy.Answer("anonymous:HeadObject", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) })
		s.Is(actions.NotVerified, `anybody still gets object "customers.csv"`)
		w.Proxy.Heal()
		w.Proxy.Refuse("anonymous:ListObjectsV2", http.StatusForbidden, "AccessDenied")
		w.Proxy.Refuse("anonymous:HeadObject", http.StatusNotFound, "NoSuchKey")
		s.Is(actions.CannotVerify, "which proves nothing")
		w.Proxy.Heal()
		w.Proxy.DropBeforeEffect("anonymous:ListObjectsV2", 10*awstest.EveryAttempt) // a GET is also repeated below the SDK
		_, err := s.Handler.Verify(t.Context(), s.Call, s.Params, s.Result)
		awstest.Fails(t, err, actions.Transient)
		w.Proxy.Heal()
		for _, call := range w.Proxy.Calls() {
			if strings.HasPrefix(call.Operation, "anonymous:") && call.Header.Get("Authorization") != "" {
				t.Error("the public's question was signed")
			}
		}
	})
	t.Run("empty answers", func(t *testing.T) {
		w := uploads(t, moto)
		s := block(t, w, map[string]any{"bucket": "uploads"}).Execute()
		w.Proxy.Answer("s3:GetPublicAccessBlock", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) })
		_, err := s.Handler.Verify(t.Context(), s.Call, s.Params, s.Result)
		awstest.Fails(t, err, actions.Transient, "proves nothing")
	})
}

func locks(t *testing.T, moto *awstest.Emulator) {
	lock := func(t *testing.T, w *awstest.World, with map[string]any) *awstest.Step {
		with["bucket"] = "uploads"
		return awstest.NewStep(t, provider(w), "aws.s3.lock_bucket", with)
	}
	t.Run("let through what is named, and ourselves", func(t *testing.T) {
		w := uploads(t, moto)
		lock(t, w, map[string]any{"secure_roles": []any{"arn:aws:iam::123456789012:role/forensics"}}).Plan().Execute()
		var document struct {
			ID        string `json:"Id"`
			Statement []map[string]any
		}
		if err := json.Unmarshal([]byte(w.BucketPolicy(t, "uploads")), &document); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"Sid": "FirebreakLock", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []any{"arn:aws:s3:::uploads", "arn:aws:s3:::uploads/*"},
			"Condition": map[string]any{"ArnNotLike": map[string]any{"aws:PrincipalArn": []any{"arn:aws:iam::123456789012:role/forensics", "arn:aws:iam::123456789012:user/moto"}},
				"BoolIfExists": map[string]any{"aws:PrincipalIsAWSService": "false"}}}
		if len(document.Statement) != 2 || document.Statement[0]["Sid"] != "Public" || document.ID != "site" {
			t.Fatalf("got %+v", document)
		}
		if diff := cmp.Diff(want, document.Statement[1]); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})
	t.Run("let through the roles of all duties", func(t *testing.T) {
		w := uploads(t, moto)
		roles := cloud.Roles{Preflight: w.Role(t, "/", "look"), Contain: w.Role(t, "/fb/", "contain"), Release: w.Role(t, "/fb/", "release")}
		r := actions.NewRegistry()
		s3.Register(r, w.Cloud(func(e *cloud.Environment, _ *cloud.Options) { e.Roles = roles }))
		s := awstest.NewStep(t, r, "aws.s3.lock_bucket", map[string]any{"bucket": "uploads"}).Plan().Execute()
		policy := w.BucketPolicy(t, "uploads")
		for _, role := range []string{roles.Preflight, roles.Contain, roles.Release} {
			if !strings.Contains(policy, `"`+role+`"`) {
				t.Errorf("%s is locked out: %s", role, policy)
			}
		}
		s.Undo()
		// The plan was made for other roles: firebreak would be locked out.
		s.Call.State = json.RawMessage(strings.Replace(string(s.Call.State), `"exempt":[`, `"exempt":["arn:aws:iam::123456789012:role/other"],"was":[`, 1))
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "which firebreak acts as", "lock itself out")
	})
	t.Run("give the policy back byte for byte", func(t *testing.T) {
		w := uploads(t, moto)
		odd := strings.ReplaceAll(openList, ": ", " :\n\t")
		w.PutBucketPolicy(t, "uploads", odd)
		lock(t, w, map[string]any{}).Plan().Execute().Undo()
		if got := w.BucketPolicy(t, "uploads"); got != odd {
			t.Errorf("got %q, want %q", got, odd)
		}
	})
	t.Run("one statement that stands alone", func(t *testing.T) {
		w := uploads(t, moto)
		w.PutBucketPolicy(t, "uploads", openPolicy)
		w.Proxy.Heal()
		w.Proxy.Refuse("anonymous:ListObjectsV2", http.StatusForbidden, "AccessDenied")
		s := lock(t, w, map[string]any{}).Plan().Execute()
		s.Is(actions.Verified, "denies everything but to")
		if got := w.BucketPolicy(t, "uploads"); !strings.Contains(got, `"Public"`) || !strings.Contains(got, "FirebreakLock") {
			t.Errorf("got %s", got)
		}
		s.Undo()
	})
	t.Run("that cannot be", func(t *testing.T) {
		w := uploads(t, moto)
		w.Evidence(t, "evidence")
		for _, test := range []struct {
			with  map[string]any
			class actions.Class
			says  string
		}{
			{map[string]any{"bucket": "evidence"}, actions.Precondition, "keeps evidence in"},
			{map[string]any{"bucket": "uploads", "secure_roles": []any{"forensics"}}, actions.Invalid, "secure_roles.0"},
			{map[string]any{"bucket": "uploads", "secure_roles": []any{"arn:aws:iam::123456789012:role/*"}}, actions.Invalid, "is a pattern"},
			{map[string]any{"bucket": "uploads", "secure_roles": longNames(400)}, actions.Precondition, "more than the 20480"},
		} {
			s := awstest.NewStep(t, provider(w), "aws.s3.lock_bucket", test.with)
			_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
			awstest.Fails(t, err, test.class, test.says)
		}
	})
	t.Run("that nobody can read prove nothing", func(t *testing.T) {
		w := uploads(t, moto)
		s := lock(t, w, map[string]any{}).Plan().Execute()
		w.Proxy.Refuse("s3:GetBucketPolicy", http.StatusForbidden, "AccessDenied")
		s.Is(actions.CannotVerify, "grant s3:GetBucketPolicy")
		w.Proxy.Heal()
		w.Proxy.Answer("s3:GetBucketPolicy", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) })
		_, err := s.Handler.Verify(t.Context(), s.Call, s.Params, s.Result)
		awstest.Fails(t, err, actions.Transient, "proves nothing")
		w.Proxy.Heal()
		s.Is(actions.NotVerified, "anybody still gets") // moto ignores conditions, and knows no public
	})
}

func longNames(n int) []any {
	var all []any
	for i := range n {
		all = append(all, "arn:aws:iam::123456789012:role/"+strings.Repeat("x", 30)+string(rune('a'+i%26))+strings.Repeat("y", i/26))
	}
	return all
}

// What somebody else did meanwhile is never overwritten.
func changedByOthers(t *testing.T, moto *awstest.Emulator) {
	t.Run("settings", func(t *testing.T) {
		w := uploads(t, moto)
		w.SetPublic(t, "uploads", true, false, false, false)
		s := awstest.NewStep(t, provider(w), "aws.s3.block_public_access", map[string]any{"bucket": "uploads"}).Plan().Execute()
		w.SetPublic(t, "uploads", true, true, false, false)
		refused(t, w, s, "off: BlockPublicPolicy, RestrictPublicBuckets")
	})
	t.Run("policy", func(t *testing.T) {
		w := uploads(t, moto)
		s := awstest.NewStep(t, provider(w), "aws.s3.lock_bucket", map[string]any{"bucket": "uploads"}).Plan()
		theirs := strings.ReplaceAll(openList, "Public", "Theirs")
		w.PutBucketPolicy(t, "uploads", theirs)
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "after the plan", "Theirs", "Public")
		w.PutBucketPolicy(t, "uploads", openList)
		s.Execute()
		w.PutBucketPolicy(t, "uploads", theirs)
		refused(t, w, s, "holds Theirs")
	})
}

func refused(t *testing.T, w *awstest.World, s *awstest.Step, says string) {
	t.Helper()
	before := w.Snapshot(t)
	undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
	if err != nil || !strings.Contains(undo.NoUndo, says) {
		t.Errorf("got %+v, error %v; want %q", undo, err, says)
	}
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, says, "nothing was changed")
	if diff := cmp.Diff(before, w.Snapshot(t)); diff != "" {
		t.Error(diff)
	}
}
