package cloudtrail_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func logging(t *testing.T, moto *awstest.Emulator) {
	ensure := func(t *testing.T, w *awstest.World, trail string) *awstest.Step {
		with := map[string]any{}
		if trail != "" {
			with["trail"] = trail
		}
		return awstest.NewStep(t, provider(w), "aws.cloudtrail.ensure_logging", with)
	}
	t.Run("one trail", func(t *testing.T) {
		w := trails(t, moto)
		w.SetLogging(t, "running", false)
		before := w.Snapshot(t)
		ensure(t, w, "stopped").Plan().Execute().Is(actions.Verified, "all 1 trails log")
		if diff := cmp.Diff(strings.Replace(before, "trail/stopped false", "trail/stopped true", 1), w.Snapshot(t)); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})
	t.Run("all that log already", func(t *testing.T) {
		w := moto.World(t)
		w.Bucket(t, "logs")
		w.Trail(t, "running", "logs", true)
		if s := ensure(t, w, "").Plan(); !s.Preview.InEffect || s.Preview.NoUndo == "" {
			t.Errorf("got %+v", s.Preview)
		}
	})
	t.Run("none", func(t *testing.T) {
		w := trails(t, moto)
		s := ensure(t, w, "other")
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.NotFound, `no trail "other"`)
		w = moto.World(t)
		s = ensure(t, w, "")
		_, err = s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "no trail of its own", "make a trail")
	})
	t.Run("another account's", func(t *testing.T) {
		w := trails(t, moto)
		w.Proxy.Rewrite("cloudtrail:DescribeTrails", 0, func(body []byte) []byte {
			return []byte(strings.ReplaceAll(string(body), ":123456789012:trail/stopped", ":999999999999:trail/stopped"))
		})
		s := ensure(t, w, "").Plan()
		if len(s.Preview.Targets) != 1 || len(s.Preview.Warnings) != 1 || !strings.Contains(s.Preview.Warnings[0], "another account") {
			t.Errorf("got %+v", s.Preview)
		}
		one := ensure(t, w, "stopped")
		_, err := one.Handler.Plan(t.Context(), one.Call, one.Params)
		awstest.Fails(t, err, actions.NotFound, "belongs to another account")
	})
	t.Run("answers that prove nothing", func(t *testing.T) {
		w := trails(t, moto)
		s := ensure(t, w, "").Plan().Execute()
		w.Proxy.Answer("cloudtrail:GetTrailStatus", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("{}")) })
		s.Is(actions.CannotVerify, "does not say")
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Transient, "does not say")
		w.Proxy.Heal()
		w.Proxy.Refuse("cloudtrail:GetTrailStatus", http.StatusBadRequest, "AccessDeniedException")
		s.Is(actions.CannotVerify, "grant cloudtrail:GetTrailStatus")
		w.Proxy.Heal()
		w.Proxy.Rewrite("cloudtrail:GetTrailStatus", 0, func(body []byte) []byte {
			return []byte(strings.Replace(string(body), "{", `{"LatestDeliveryError":"NoSuchBucket",`, 1))
		})
		s.Is(actions.Pending, "its last delivery failed: NoSuchBucket")
	})
	t.Run("some started before a refusal", func(t *testing.T) {
		w := trails(t, moto)
		w.SetLogging(t, "running", false)
		s := ensure(t, w, "").Plan()
		refused := false
		w.Proxy.Answer("cloudtrail:StartLogging", func(rw http.ResponseWriter, r *http.Request) {
			if refused {
				rw.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			refused = true
			_, _ = rw.Write([]byte("{}"))
		})
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Unknown, "1 of 2 trails were started", "stopped")
		w.Proxy.Heal()
		s.Execute().Is(actions.Verified, "all 2 trails log")
	})
}
