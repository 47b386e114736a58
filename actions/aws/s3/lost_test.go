package s3_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// lostAnswers loses the answer of every change that an action makes, the suite's
// own part aside: the record of custody, and the calls of an undo.
func lostAnswers(t *testing.T, moto *awstest.Emulator) {
	t.Run("of the record of custody", func(t *testing.T) {
		w := moto.World(t)
		w.Evidence(t, "evidence")
		s := awstest.NewStep(t, provider(w), "aws.s3.put_evidence", map[string]any{"name": "a", "text": "b"}).Plan()
		var lost atomic.Int32
		w.Proxy.Answer("s3:PutObject", func(rw http.ResponseWriter, r *http.Request) {
			forward(t, w, rw, r)
			if strings.HasSuffix(r.URL.Path, ".custody.json") {
				lost.Add(1)
				panic(http.ErrAbortHandler)
			}
		})
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Unknown)
		if n := lost.Load(); n != awstest.EveryAttempt {
			t.Errorf("%d answers were lost, want %d", n, awstest.EveryAttempt)
		}
		w.Proxy.Heal()
		state := w.Snapshot(t)
		first := resultOf(t, s.Execute())
		if diff := cmp.Diff(first, resultOf(t, s.Execute())); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		if diff := cmp.Diff(state, w.Snapshot(t)); diff != "" || strings.Count(state, "object ") != 2 {
			t.Errorf("%s\n%s", diff, state)
		}
		s.Is(actions.Verified, "")
	})
	for _, test := range []struct {
		name, action, call string
		with               map[string]any
		before             func(*testing.T, *awstest.World)
	}{
		{"putting settings back", "aws.s3.block_public_access", "s3:PutPublicAccessBlock", map[string]any{"bucket": "uploads"}, func(t *testing.T, w *awstest.World) { w.SetPublic(t, "uploads", true, false, false, false) }},
		{"taking settings away", "aws.s3.block_public_access", "s3:DeletePublicAccessBlock", map[string]any{"bucket": "uploads"}, nil},
		{"taking the account's settings away", "aws.s3.block_account_public_access", "s3:DeleteAccountPublicAccessBlock", nil, nil},
		{"putting a policy back", "aws.s3.lock_bucket", "s3:PutBucketPolicy", map[string]any{"bucket": "uploads"}, func(t *testing.T, w *awstest.World) { w.PutBucketPolicy(t, "uploads", openList) }},
		{"taking a policy away", "aws.s3.lock_bucket", "s3:DeleteBucketPolicy", map[string]any{"bucket": "uploads"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := moto.World(t)
			w.Bucket(t, "uploads")
			if test.before != nil {
				test.before(t, w)
			}
			before := w.Snapshot(t)
			s := awstest.NewStep(t, provider(w), test.action, test.with).Plan().Execute()
			w.Proxy.DropAfterEffect(test.call, awstest.EveryAttempt)
			awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Unknown)
			if diff := cmp.Diff(before, w.Snapshot(t)); diff != "" {
				t.Error(diff)
			}
			s.Undo()
			if diff := cmp.Diff(before, w.Snapshot(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// forward lets moto answer.
func forward(t *testing.T, w *awstest.World, rw http.ResponseWriter, r *http.Request) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), r.Method, *w.Config.BaseEndpoint+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	request.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	for name, values := range answer.Header {
		rw.Header()[name] = values
	}
	if strings.HasSuffix(r.URL.Path, ".custody.json") {
		return // its answer is lost
	}
	rw.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(rw, answer.Body)
}
