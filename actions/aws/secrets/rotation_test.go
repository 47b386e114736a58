package secrets_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func planFails(t *testing.T, s *awstest.Step, class actions.Class, words ...string) {
	t.Helper()
	_, err := s.Handler.Plan(s.Context(), s.Call, s.Params)
	awstest.Fails(t, err, class, words...)
}

func executeFails(t *testing.T, s *awstest.Step, class actions.Class, words ...string) {
	t.Helper()
	_, err := s.Handler.Execute(s.Context(), s.Call, s.Params)
	awstest.Fails(t, err, class, words...)
}

func (w *world) step(t *testing.T, action string, params map[string]any) *awstest.Step {
	t.Helper()
	if params["secret"] == nil {
		params["secret"] = name
	}
	return awstest.NewStep(t, provider(w.World), action, params)
}

// TestSecrets tells the stories of single actions, in one emulator.
func TestSecrets(t *testing.T) {
	emulator := moto(t)
	for _, story := range []struct {
		name string
		tell func(*testing.T, *awstest.Emulator)
	}{
		{"stuck rotation is found before", stuckRotationIsFoundBefore},
		{"stuck since the plan", stuckSinceThePlan},
		{"rotation is pending", rotationIsPending},
		{"old value must fail", oldValueMustFail},
		{"old value not tried", oldValueNotTried},
		{"undo of rotation", undoOfRotation},
		{"direct rotation tells no value", directRotationTellsNoValue},
		{"setter that fails", setterThatFails},
		{"second rotation waits", secondRotationWaits},
		{"secrets that are refused", secretsThatAreRefused},
		{"empty answers", emptyAnswers},
		{"answers that are lost", lostAnswers},
		{"crash before the outcome", crashBeforeTheOutcome},
		{"reads that are blocked", blockedReads},
		{"keys that are refused", keysThatAreRefused},
		{"grants that are refused", grantsThatAreRefused},
		{"changed behind our back", changedBehindOurBack},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(t, emulator) })
	}
}

// A stuck rotation is found before anything changes; its repair makes way.
func stuckRotationIsFoundBefore(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byLambda)
	stuck := w.Stuck(w.arn)
	before := w.Snapshot(t)
	planFails(t, w.step(t, rotate, with("strategy", "lambda", "old_may_work", true)), actions.Precondition, "rotation_stuck", stuck, "aws.secretsmanager.clear_pending")
	if after := w.Snapshot(t); after != before {
		t.Errorf("the plan changed something:\n%s\n%s", before, after)
	}
	planFails(t, w.step(t, clearStuck, with("version_id", w.old)), actions.Precondition, "is current")
	planFails(t, w.step(t, clearStuck, with("version_id", "another")), actions.Precondition, "AWSPENDING", stuck)
	repair := w.step(t, clearStuck, with("version_id", stuck)).Plan()
	repair.Execute().Is(actions.Verified, "no rotation is stuck")
	turn := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check")).Plan().Execute()
	w.Finish()
	turn.Is(actions.Verified, "the old value is refused")

	// The label is not put back on top of what came after.
	if err := repair.Handler.Undo(t.Context(), repair.Call, repair.Params, repair.Result); actions.ClassOf(err) != actions.Precondition {
		t.Errorf("got %v, want a precondition", err)
	}
}

// One that gets stuck after the plan stops the step as well.
func stuckSinceThePlan(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byLambda)
	s := w.step(t, rotate, with("strategy", "lambda", "old_may_work", true)).Plan()
	w.Stuck(w.arn)
	executeFails(t, s, actions.Precondition, "rotation_stuck")
	w.Label(w.arn, "AWSPENDING", "")
	w.Label(w.arn, "AWSCURRENT", "ffffffff-0000-4000-8000-00000000000f")
	executeFails(t, s, actions.Precondition, "somebody else has rotated it")
	if n := w.Proxy.Count("secretsmanager:RotateSecret"); n > 0 {
		t.Errorf("it was rotated %d times", n)
	}
}

// A rotation takes its time, and may fail.
func rotationIsPending(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byLambda)
	s := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check")).Plan().Execute()
	s.Is(actions.Pending, "the rotation is not done")
	w.Rotation(func(string, string) bool { return false })
	w.Finish()
	s.Is(actions.Pending, "the rotation is not done")
	if undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result); err != nil || !strings.Contains(undo.NoUndo, clearStuck) {
		t.Errorf("got %+v, %v", undo, err)
	}
	w.Label(w.arn, "AWSPENDING", "")
	s.Is(actions.NotVerified, w.old+" is current")
}

// The old one must fail: with alternating users it does only after two rotations.
func oldValueMustFail(t *testing.T, emulator *awstest.Emulator) {
	t.Run("alternating users, once", func(t *testing.T) {
		w := newWorld(t, emulator.World(t), 2, byLambda)
		w.Promptly()
		s := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check")).Plan()
		if !strings.Contains(strings.Join(s.Preview.Warnings, " "), "use double") {
			t.Errorf("the plan does not warn: %v", s.Preview.Warnings)
		}
		s.Execute().Is(actions.NotVerified, "OLD VALUE STILL WORKS")
		s.Undo() // and since it does, there is a way back
	})
	t.Run("alternating users, twice", func(t *testing.T) {
		w := newWorld(t, emulator.World(t), 2, byLambda)
		s := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check", "double", true)).Plan().Execute()
		w.Finish()
		s.Is(actions.Verified, "the old value is refused")
		if got := w.db.takes(leaked); got != "refused" {
			t.Errorf("the leaked value %s", got)
		}
		if n := w.Proxy.Count("secretsmanager:RotateSecret"); n != 2 {
			t.Errorf("it was rotated %d times", n)
		}
		if undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result); err != nil || undo.NoUndo == "" {
			t.Errorf("got %+v, %v", undo, err)
		}
	})
	for _, test := range []struct {
		name, answer string
		fails        bool
		want         actions.Verdict
		says         string
	}{
		{"new refused", `{"new":"refused","old":"refused"}`, false, actions.NotVerified, "refuses its value"},
		{"old works", `{"new":"works","old":"works"}`, false, actions.NotVerified, "OLD VALUE STILL WORKS"},
		{"old unclear", `{"new":"works","old":"maybe"}`, false, actions.CannotVerify, "does not say whether the old value"},
		{"nothing", `{}`, false, actions.CannotVerify, "does not say"},
		{"empty", ``, false, actions.CannotVerify, "does not say"},
		{"the value itself", `"` + leaked + `"`, false, actions.CannotVerify, "does not say"},
		{"failed", `{"errorMessage":"login with ` + leaked + ` failed","new":"works","old":"refused"}`, true, actions.CannotVerify, "look at its log"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, emulator.World(t), 1, byLambda)
			w.Promptly()
			w.Does("check", func(map[string]string) (string, bool) { return test.answer, test.fails })
			s := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check")).Plan().Execute()
			s.Is(test.want, test.says)
			reading, err := s.Handler.Verify(t.Context(), s.Call, s.Params, s.Result)
			if err != nil || strings.Contains(reading.Detail, "leaked-Pa55") {
				t.Errorf("got %+v, %v", reading, err)
			}
		})
	}
}

// Without a check only labels are proved, and everything says so.
func oldValueNotTried(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 2, byLambda)
	w.Promptly()
	s := w.step(t, rotate, with("strategy", "lambda", "old_may_work", true)).Plan()
	if !strings.Contains(strings.Join(s.Preview.Warnings, " "), "Nothing tries the old value") || s.Preview.NoUndo == "" {
		t.Errorf("got %+v", s.Preview)
	}
	s.Execute().Is(actions.Verified, "OLD VALUE WAS NOT TRIED")
	var r struct {
		Tried bool `json:"old_value_tried"`
	}
	if err := json.Unmarshal(s.Result, &r); err != nil || r.Tried {
		t.Errorf("got %s, %v", s.Result, err)
	}
}

// A label is moved back only when the target still accepts the old value.
func undoOfRotation(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byLambda)
	w.Promptly()
	s := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check")).Plan().Execute()
	undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result)
	if err != nil || !strings.Contains(undo.NoUndo, "refuses the old value") {
		t.Errorf("got %+v, %v", undo, err)
	}
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "refuses the old value")
	w.db.set(leaked)
	w.Put(w.arn, "eeeeeeee-0000-4000-8000-00000000000e", "somebody else's", "THEIRS")
	w.Label(w.arn, "AWSCURRENT", "eeeeeeee-0000-4000-8000-00000000000e")
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "somebody else has rotated the secret since")
	if got := w.Current(w.arn); got != "eeeeeeee-0000-4000-8000-00000000000e" {
		t.Errorf("version %s is current", got)
	}
}

// Values pass through direct rotations in memory only.
func directRotationTellsNoValue(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byNobody)
	s := w.step(t, rotate, with("strategy", "direct", "setter", "set", "consumer_check", "check", "length", 40, "json_key", "password", "json_fields", with("username", "app"))).Plan()
	w.Proxy.Forget()
	s.Execute().Is(actions.Verified, "the old value is refused")
	value := w.Value(w.arn, "")
	var members map[string]string
	if err := json.Unmarshal([]byte(value), &members); err != nil || members["username"] != "app" || len(members["password"]) != 40 {
		t.Fatalf("the new value has another form: %v, %d members", err, len(members))
	}
	reading, err := s.Handler.Verify(t.Context(), s.Call, s.Params, s.Result)
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{string(s.Preview.State), strings.Join(s.Preview.Changes, " "), string(s.Result), reading.Detail} {
		if strings.Contains(output, members["password"]) {
			t.Error("the new value came out")
		}
	}
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "secretsmanager:GetSecretValue" {
			t.Error("a value was read")
		}
	}
	// Another attempt keeps the value that is stored.
	s.Execute()
	if w.Value(w.arn, "") != value || w.Proxy.Count("secretsmanager:PutSecretValue") != 1 {
		t.Error("a second attempt made another value")
	}
}

// A setter that fails leaves the old version current, and the error tells no
// value; the undo sets the old one again.
func setterThatFails(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byNobody)
	before := w.Snapshot(t)
	broken := true
	set := func(p map[string]string) (string, bool) {
		w.db.set(w.Value(p["SecretId"], p["ClientRequestToken"]))
		return `{"errorMessage":"cannot log in with ` + leaked + `"}`, broken && p["Step"] == "testSecret"
	}
	w.Does("set", set)
	s := w.step(t, rotate, with("strategy", "direct", "setter", "set", "consumer_check", "check")).Plan()
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Unknown, "step testSecret", "the new value was stored")
	if strings.Contains(err.Error(), "leaked-Pa55") {
		t.Errorf("the value came out: %v", err)
	}
	if got := w.Current(w.arn); got != w.old {
		t.Errorf("version %s is current", got)
	}
	s.Is(actions.NotVerified, w.old+" is current")
	broken = false
	w.Proxy.Rewrite("lambda:Invoke", 1, func(body []byte) []byte {
		w.Proxy.Refuse("lambda:Invoke", http.StatusForbidden, "AccessDeniedException")
		return body
	})
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Unknown, "was set at the target", "step testSecret")
	w.Proxy.Heal()
	s.Undo()
	if after := w.Snapshot(t); after != before {
		t.Errorf("before: %s\nafter:  %s", before, after)
	}
	if got := w.db.takes(leaked); got != "works" {
		t.Errorf("the value that is current again is %s by the database", got)
	}
}

// The second of two rotations waits for the first, and a repeated attempt goes
// on where it stopped.
func secondRotationWaits(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 2, byLambda)
	w.Rotation(func(string, string) bool { return false }) // the function hangs
	s := w.step(t, rotate, with("strategy", "lambda", "consumer_check", "check", "double", true)).Plan()
	ctx, cancel := context.WithCancel(t.Context())
	hold := w.Proxy.HoldAnswer("secretsmanager:RotateSecret")
	go func() { <-hold.Reached(); hold.Release(); cancel() }()
	_, err := s.Handler.Execute(ctx, s.Call, s.Params)
	awstest.Fails(t, err, actions.Unknown)
	w.Rotation(func(secret, version string) bool {
		w.db.set(w.Value(secret, version))
		w.Label(secret, "AWSCURRENT", version)
		return true
	})
	for id := range w.Labels(w.arn) {
		if id != w.old {
			w.db.set(w.Value(w.arn, id))
			w.Label(w.arn, "AWSCURRENT", id)
		}
	}
	s.Execute()
	w.Finish()
	s.Is(actions.Verified, "the old value is refused")
	if n := w.Proxy.Count("secretsmanager:RotateSecret"); n != 2 {
		t.Errorf("it was rotated %d times", n)
	}
}

func secretsThatAreRefused(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byLambda)
	plain, _ := w.Secret("plain", "x")
	w.Secret("rds!cluster-1", "x", awstest.OwnedBy("rds"))
	orphan, _ := w.Secret("orphan", "x")
	w.RotatedBy(orphan, "arn:aws:lambda:us-east-1:123456789012:function:gone")
	for _, test := range []struct {
		name   string
		params map[string]any
		class  actions.Class
		says   []string
	}{
		{"nothing rotates it", with("secret", "plain", "strategy", "lambda", "old_may_work", true), actions.Precondition, []string{"no rotation function", "use strategy direct"}},
		{"a function rotates it", with("strategy", "managed", "old_may_work", true), actions.Precondition, []string{"use strategy lambda"}},
		{"a service manages it", with("secret", "rds!cluster-1", "strategy", "direct", "old_may_work", true, "setter", "set"), actions.Precondition, []string{"rds manages it", "use strategy managed"}},
		{"the function is gone", with("secret", "orphan", "strategy", "lambda", "old_may_work", true), actions.NotFound, []string{"function:gone"}},
		{"the check is gone", with("strategy", "lambda", "consumer_check", "nobody"), actions.NotFound, []string{`"nobody"`}},
		{"no setter", with("secret", "plain", "strategy", "direct", "old_may_work", true), actions.Invalid, []string{"needs a setter"}},
		{"double for direct", with("secret", "plain", "strategy", "direct", "old_may_work", true, "setter", "set", "double", true), actions.Invalid, []string{"double"}},
		{"nothing tries the old value", with("strategy", "lambda"), actions.Invalid, []string{"nothing shows that the old value is refused", "old_may_work: true"}},
		{"double and old_may_work", with("strategy", "lambda", "double", true, "old_may_work", true, "consumer_check", "check"), actions.Invalid, []string{"leave one of them out"}},
		{"short", with("secret", "plain", "strategy", "direct", "old_may_work", true, "setter", "set", "length", 8), actions.Invalid, []string{"length is 8"}},
		{"the key twice", with("secret", "plain", "strategy", "direct", "old_may_work", true, "setter", "set", "json_key", "p", "json_fields", with("p", "x")), actions.Invalid, []string{"json_key"}},
		{"not there", with("secret", "nothing", "strategy", "lambda", "old_may_work", true), actions.NotFound, nil},
		{"another account", with("secret", strings.Replace(plain, "123456789012", "999999999999", 1), "strategy", "lambda", "old_may_work", true), actions.Precondition, []string{"account 999999999999"}},
		{"another service", with("secret", "arn:aws:s3:::bucket", "strategy", "lambda", "old_may_work", true), actions.Invalid, []string{"no ARN of secretsmanager"}},
	} {
		t.Run(test.name, func(t *testing.T) { planFails(t, w.step(t, rotate, test.params), test.class, test.says...) })
	}
}

// An empty answer proves nothing.
func emptyAnswers(t *testing.T, emulator *awstest.Emulator) {
	for _, test := range []struct{ action, operation, body string }{
		{rotate, "secretsmanager:DescribeSecret", `{}`},
		{rotate, "secretsmanager:DescribeSecret", `{"ARN":"arn:aws:secretsmanager:us-east-1:123456789012:secret:x","VersionIdsToStages":{}}`},
		{clearStuck, "secretsmanager:DescribeSecret", `{}`},
		{block, "secretsmanager:GetResourcePolicy", `{}`},
		{"aws.kms.disable_key", "kms:DescribeKey", `{}`},
		{"aws.kms.disable_key", "kms:DescribeKey", `{"KeyMetadata":{}}`},
		{"aws.kms.revoke_grant", "kms:ListGrants", `{}`},
	} {
		t.Run(test.action+" "+test.body, func(t *testing.T) {
			w := newWorld(t, emulator.World(t), 1, byLambda)
			w.Promptly()
			id, _ := w.Key(t, "alias/payments")
			params := map[string]map[string]any{
				rotate: with("strategy", "lambda", "old_may_work", true), clearStuck: with(), block: with(), "aws.kms.disable_key": with("secret", nil, "key", id),
				"aws.kms.revoke_grant": with("key", id, "grant_id", w.Grant(t, id, "arn:aws:iam::123456789012:role/app")),
			}[test.action]
			delete(params, "secret")
			if test.action == clearStuck {
				w.Stuck(w.arn)
			}
			if !strings.HasPrefix(test.action, "aws.kms") {
				params["secret"] = name
			}
			s := awstest.NewStep(t, provider(w.World), test.action, params).Plan().Execute()
			s.Is(actions.Verified, "")
			w.Proxy.Answer(test.operation, func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
				_, _ = rw.Write([]byte(test.body))
			})
			s.Is(actions.CannotVerify, "which proves nothing")
			w.Proxy.Heal()
			w.Proxy.Refuse(test.operation, http.StatusBadRequest, "AccessDeniedException")
			s.Is(actions.CannotVerify, "")
		})
	}
}
