package iam_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func rotateCases(t *testing.T, moto *awstest.Emulator) []named {
	one := func(name, order, lost string, errors map[string]actions.Class) named {
		return named{name, actionstest.Case{Action: "aws.iam.rotate_access_key", Errors: errors, World: func(t *testing.T) actionstest.World {
			w, s, state := rotation(t, moto, order)
			var with map[string]any
			if err := json.Unmarshal(s.Params, &with); err != nil {
				t.Fatal(err)
			}
			attempts := awstest.EveryAttempt
			if lost == "iam:CreateAccessKey" {
				attempts = 1
			}
			return actionstest.World{
				Registry: provider(w), Call: s.Call, Snapshot: func(*testing.T) string { return state() }, Params: with,
				Canaries:   []string{w.Credentials.SecretAccessKey, "old-secret-value"},
				Disturb:    func(t *testing.T) { w.SetKey(t, "ci-deploy", with["access_key_id"].(string), order != "keep_old") },
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(lost, attempts) },
				Fault:      faults(w, lost),
			}
		}}}
	}
	create := map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid, "full": actions.Precondition,
		"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown,
	}
	return []named{
		one("rotate create first", "create_first", "iam:CreateAccessKey", create),
		one("rotate contain first", "contain_first", "iam:UpdateAccessKey", changeErrors),
		one("rotate and keep the old key", "keep_old", "iam:CreateAccessKey", create),
	}
}

// rotation is a world with a user, a key and a secret, and the step.
func rotation(t *testing.T, moto *awstest.Emulator, order string) (*awstest.World, *awstest.Step, func() string) {
	t.Helper()
	w := moto.World(t)
	w.User(t, "/team/", "ci-deploy")
	id, _ := w.AccessKey(t, "ci-deploy")
	arn := w.Destination(t, "prod/ci-deploy", "older-secret-value", "old-secret-value")
	s := awstest.NewStep(t, provider(w), "aws.iam.rotate_access_key", map[string]any{"user": "ci-deploy", "access_key_id": id, "destination": "prod/ci-deploy", "order": order})
	return w, s, func() string { return w.IAMState(t) + w.SecretLabels(t, arn) }
}

type rotated struct {
	OldKeyID  string `json:"old_key_id"`
	NewKeyID  string `json:"new_key_id"`
	VersionID string `json:"version_id"`
}

func rotatedBy(t *testing.T, s *awstest.Step) rotated {
	t.Helper()
	var r rotated
	if err := json.Unmarshal(s.Result, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Each lost answer ends in one new key, which the secret holds.
func TestRotateLosesAnswers(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	keep := func(t *testing.T) (*awstest.World, *awstest.Step, func() string) {
		return rotation(t, moto, "keep_old")
	}
	t.Run("keep_old create", func(t *testing.T) { lives(t, "iam:CreateAccessKey", 1, keep) })
	t.Run("keep_old store", func(t *testing.T) { lives(t, "secretsmanager:PutSecretValue", awstest.EveryAttempt, keep) })
	t.Run("keep_old undo", func(t *testing.T) { losesUndo(t, "iam:DeleteAccessKey", awstest.EveryAttempt, keep) })
	for _, order := range []string{"contain_first", "create_first"} {
		world := func(t *testing.T) (*awstest.World, *awstest.Step, func() string) { return rotation(t, moto, order) }
		t.Run(order+" create", func(t *testing.T) { lives(t, "iam:CreateAccessKey", 1, world) })
		t.Run(order+" store", func(t *testing.T) { lives(t, "secretsmanager:PutSecretValue", awstest.EveryAttempt, world) })
		t.Run(order+" switch off", func(t *testing.T) { lives(t, "iam:UpdateAccessKey", awstest.EveryAttempt, world) })
	}
	for _, operation := range []string{"iam:UpdateAccessKey", "secretsmanager:UpdateSecretVersionStage", "iam:DeleteAccessKey"} {
		t.Run("undo "+operation, func(t *testing.T) {
			losesUndo(t, operation, awstest.EveryAttempt, func(t *testing.T) (*awstest.World, *awstest.Step, func() string) {
				return rotation(t, moto, "contain_first")
			})
		})
	}
}

func TestRotate(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Run("the secret holds the new key, and nothing else does", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "create_first")
		s.Plan().Execute().Is(actions.Verified, "")
		r := rotatedBy(t, s)
		var value map[string]string
		if err := json.Unmarshal([]byte(w.SecretValue(t, "prod/ci-deploy")), &value); err != nil {
			t.Fatal(err)
		}
		if value["access_key_id"] != r.NewKeyID || len(value["secret_access_key"]) < 20 || len(value) != 2 {
			t.Errorf("the secret holds the fields of %d and the key %s, want %s", len(value), value["access_key_id"], r.NewKeyID)
		}
		for what, text := range map[string]string{"the preview": string(awstest.Params(t, map[string]any{"p": s.Preview})), "the result": string(s.Result), "the state": string(s.Call.State)} {
			if strings.Contains(text, value["secret_access_key"]) {
				t.Errorf("%s tells the new secret", what)
			}
		}
		if got := w.Proxy.Count("secretsmanager:GetSecretValue"); got != 0 {
			t.Errorf("the secret was read %d times", got)
		}
	})
	t.Run("the key is stored only when it works", func(t *testing.T) {
		w, s, state := rotation(t, moto, "create_first")
		s.Plan()
		before := state()
		w.Proxy.Refuse("iam:GetUser", http.StatusForbidden, "InvalidClientTokenId")
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Unknown, "does not work yet (InvalidClientTokenId)")
		if got := state(); got != before {
			t.Errorf("something is left: %s", got)
		}
		w.Proxy.Heal()
		w.Proxy.Refuse("iam:GetUser", http.StatusForbidden, "AccessDenied") // known, but without rights
		s.Execute().Is(actions.Verified, "")
	})
	t.Run("the order of calls", func(t *testing.T) {
		for order, want := range map[string]string{
			"contain_first": "iam:UpdateAccessKey iam:CreateAccessKey iam:GetUser secretsmanager:PutSecretValue",
			"create_first":  "iam:CreateAccessKey iam:GetUser secretsmanager:PutSecretValue iam:UpdateAccessKey",
			"keep_old":      "iam:CreateAccessKey iam:GetUser secretsmanager:PutSecretValue",
		} {
			w, s, _ := rotation(t, moto, order)
			s.Plan()
			w.Proxy.Forget()
			s.Execute()
			var got []string
			for _, call := range w.Proxy.Calls() {
				if slices.Contains(strings.Fields("iam:UpdateAccessKey "+want), call.Operation) {
					got = append(got, call.Operation)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: got %v", order, got)
			}
		}
	})
	t.Run("the old key is kept, and what another step does to it is that step's", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "keep_old")
		s.Plan().Execute().Is(actions.Verified, "is Active, key")
		if text := strings.Join(append(s.Preview.Changes, s.Preview.Warnings...), "\n"); strings.Contains(text, "becomes Inactive") || !strings.Contains(text, "stays Active") {
			t.Errorf("the plan says %s", text)
		}
		r := rotatedBy(t, s)
		w.SetKey(t, "ci-deploy", r.OldKeyID, false)
		s.Is(actions.NotVerified, "is Inactive, not Active")
		undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
		if err != nil || !strings.Contains(undo.NoUndo, "first undo what changed it") {
			t.Errorf("got %+v, %v", undo, err)
		}
		awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "first undo what changed it")
		if got := w.Keys(t, "ci-deploy"); !slices.Contains(got, r.NewKeyID+" Active") {
			t.Errorf("the only key that works is gone: %v", got)
		}
		w.SetKey(t, "ci-deploy", r.OldKeyID, true)
		if undo, err = s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result); err != nil || strings.Contains(strings.Join(undo.Calls, " "), "iam:UpdateAccessKey") {
			t.Errorf("got %+v, %v", undo, err)
		}
	})
	t.Run("a key that is not ours is never deleted", func(t *testing.T) {
		w, s, state := rotation(t, moto, "create_first")
		s.Plan()
		w.AccessKey(t, "ci-deploy")
		before := state()
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "did not make", "first attempt")
		s.Call.Attempt, s.Call.Started = 2, time.Now().Add(time.Hour)
		_, err = s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "before the step started")
		if got := state(); got != before {
			t.Errorf("got %s, want %s", got, before)
		}
	})
	t.Run("a lost key that somebody uses is not deleted", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "create_first")
		s.Plan()
		id, _ := w.AccessKey(t, "ci-deploy")
		s.Call.Attempt, s.Call.Started = 2, time.Now().Add(-time.Minute)
		w.Proxy.Answer("iam:GetAccessKeyLastUsed", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult><UserName>ci-deploy</UserName><AccessKeyLastUsed><LastUsedDate>2026-11-26T00:00:00Z</LastUsedDate><ServiceName>s3</ServiceName><Region>us-east-1</Region></AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>"))
		})
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "is in use")
		if !slices.Contains(w.Keys(t, "ci-deploy"), id+" Active") {
			t.Errorf("the key is gone: %v", w.Keys(t, "ci-deploy"))
		}
	})
	t.Run("containment comes even when a second key hinders the rest", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "contain_first")
		s.Plan()
		w.AccessKey(t, "ci-deploy")
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Unknown, "did not make")
		if got := w.Keys(t, "ci-deploy"); !slices.ContainsFunc(got, func(k string) bool { return strings.HasSuffix(k, " Inactive") }) {
			t.Errorf("the leaked key is still on: %v", got)
		}
	})
	t.Run("no free slot", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "create_first")
		id, _ := w.AccessKey(t, "ci-deploy")
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, id, "aws.iam.delete_access_key")
	})
	t.Run("an undo that stops between the labels may have had an effect", func(t *testing.T) {
		w, s, state := rotation(t, moto, "create_first")
		w.SetKey(t, "ci-deploy", strings.Fields(w.Keys(t, "ci-deploy")[0])[0], false) // so the labels are the first that the undo changes
		before := state()
		s.Plan().Execute()
		w.Proxy.Rewrite("secretsmanager:UpdateSecretVersionStage", 1, func(body []byte) []byte {
			w.Proxy.Refuse("secretsmanager:UpdateSecretVersionStage", http.StatusBadRequest, "AccessDeniedException")
			return body
		})
		awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Unknown, "AccessDenied")
		w.Proxy.Heal()
		s.Undo()
		if got := state(); got != before {
			t.Errorf("got %s, want %s", got, before)
		}
	})
	t.Run("own key", func(t *testing.T) {
		w, _, _ := rotation(t, moto, "create_first")
		s := awstest.NewStep(t, provider(w), "aws.iam.rotate_access_key", map[string]any{"user": "ci-deploy", "access_key_id": w.Credentials.AccessKeyID, "destination": "prod/ci-deploy"})
		_, err := s.Handler.Plan(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Precondition, "firebreak itself signs with")
	})
	t.Run("a secret without a value has no way back", func(t *testing.T) {
		w, _, _ := rotation(t, moto, "create_first")
		w.Destination(t, "empty")
		s := awstest.NewStep(t, provider(w), "aws.iam.rotate_access_key", map[string]any{"user": "ci-deploy", "access_key_id": strings.Fields(w.Keys(t, "ci-deploy")[0])[0], "destination": "empty", "order": "create_first"}).Plan()
		if s.Preview.NoUndo == "" {
			t.Errorf("got %+v", s.Preview)
		}
		s.Execute().Is(actions.Verified, "")
		awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "had no value before")
	})
	t.Run("a secret that somebody wrote since", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "create_first")
		s.Plan().Execute()
		w.WriteSecret(t, "prod/ci-deploy", "by somebody else")
		s.Is(actions.NotVerified, "is not current")
		undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
		if err != nil || !strings.Contains(undo.NoUndo, "was written since") {
			t.Errorf("got %+v, %v", undo, err)
		}
		awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "was written since")
	})
	t.Run("empty answers prove nothing", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "create_first")
		s.Plan().Execute()
		w.Proxy.Rewrite("iam:ListAccessKeys", 1, withoutElements("ListAccessKeys"))
		s.Is(actions.CannotVerify, "proves nothing")
		w.Proxy.Rewrite("secretsmanager:DescribeSecret", 1, func([]byte) []byte { return []byte("{}") })
		s.Is(actions.CannotVerify, "proves nothing")
		w.Proxy.Refuse("secretsmanager:DescribeSecret", http.StatusBadRequest, "AccessDeniedException")
		s.Is(actions.CannotVerify, "AccessDenied")
	})
	t.Run("a new key that somebody adds or the loss of ours", func(t *testing.T) {
		w, s, _ := rotation(t, moto, "create_first")
		s.Plan().Execute()
		w.SetKey(t, "ci-deploy", rotatedBy(t, s).NewKeyID, false)
		s.Is(actions.NotVerified, "alone")
	})
}
