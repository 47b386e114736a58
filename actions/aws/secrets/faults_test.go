package secrets_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// lossy is an action with one of the calls by which it changes something.
type lossy struct {
	action, operation string
	secret            func(*awstest.Secrets) (string, string)
	params            map[string]any
	stuck             bool
}

func lossyCalls() []lossy {
	direct := with("strategy", "direct", "setter", "set", "consumer_check", "check")
	double := with("strategy", "lambda", "double", true, "consumer_check", "check")
	return []lossy{
		{rotate, "secretsmanager:RotateSecret", byLambda, with("strategy", "lambda", "old_may_work", true), false},
		{rotate, "secretsmanager:RotateSecret", byLambda, double, false},
		{rotate, "secretsmanager:RotateSecret", byService, with("strategy", "managed", "old_may_work", true), false},
		{rotate, "secretsmanager:PutSecretValue", byNobody, direct, false},
		{rotate, "lambda:Invoke", byNobody, direct, false},
		{rotate, "secretsmanager:UpdateSecretVersionStage", byNobody, direct, false},
		{clearStuck, "secretsmanager:UpdateSecretVersionStage", byLambda, with(), true},
		{block, "secretsmanager:PutResourcePolicy", byLambda, with(), false},
		{"aws.kms.disable_key", "kms:DisableKey", byNobody, nil, false},
		{"aws.kms.revoke_grant", "kms:RevokeGrant", byNobody, nil, false},
	}
}

// prepare makes the world of a lossy call, and its step, planned.
func (l lossy) prepare(t *testing.T, emulator *awstest.Emulator) (*world, *awstest.Step) {
	t.Helper()
	w := newWorld(t, emulator.World(t), 2, l.secret)
	if l.params["consumer_check"] == nil || l.params["double"] == nil {
		w.db.keeps = 1
	}
	if l.stuck {
		w.Stuck(w.arn)
	}
	params := with()
	for name, value := range l.params {
		params[name] = value
	}
	if strings.HasPrefix(l.action, "aws.kms") {
		id, _ := w.Key(t, "alias/payments")
		params["key"] = id
		grant := w.Grant(t, id, "arn:aws:iam::123456789012:role/app")
		if strings.HasSuffix(l.action, "grant") {
			params["grant_id"] = grant
		}
	} else {
		params["secret"] = name
	}
	return w, awstest.NewStep(t, provider(w.World), l.action, params).Plan()
}

// random are the parts of a snapshot that are made anew in every world: the ids
// of keys and grants, and the digests of generated values.
var random = regexp.MustCompile(`(key|grant) [0-9a-f-]{8,64}|\] [0-9a-f]{12}\n`)

func (w *world) comparable(t *testing.T) string {
	return random.ReplaceAllString(w.snapshot(t), "$1 ID\n")
}

// finish executes again until an attempt gets its answer, as the engine does.
func finish(t *testing.T, s *awstest.Step) int {
	t.Helper()
	for attempt := 1; ; attempt++ {
		result, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		switch {
		case err == nil:
			s.Result = result
			return attempt
		case actions.ClassOf(err) != actions.Unknown || attempt == 5:
			t.Fatalf("attempt %d: class %s: %v", attempt, actions.ClassOf(err), err)
		}
		s.Call.Attempt++
	}
}

// Whatever answer is lost, the end is as that of one clean run, with no
// duplicate.
func lostAnswers(t *testing.T, emulator *awstest.Emulator) {
	for _, l := range lossyCalls() {
		t.Run(strings.ReplaceAll(l.action+" "+l.operation, ".", " "), func(t *testing.T) {
			w, s := l.prepare(t, emulator)
			s.Execute()
			clean, versions := w.comparable(t), w.Versions(w.arn)
			for _, lost := range []int{1, awstest.EveryAttempt} {
				w, s := l.prepare(t, emulator)
				w.Proxy.DropAfterEffect(l.operation, lost)
				finish(t, s)
				if diff := cmp.Diff(clean, w.comparable(t)); diff != "" {
					t.Errorf("%d answers lost: clean -, lost +\n%s", lost, diff)
				}
				if n := w.Versions(w.arn); n != versions {
					t.Errorf("%d answers lost: %d versions, want %d", lost, n, versions)
				}
				s.Is(actions.Verified, "")
			}
		})
	}
}

// A crash after the effect: nobody kept the result, and the same key runs again.
func crashBeforeTheOutcome(t *testing.T, emulator *awstest.Emulator) {
	for _, l := range lossyCalls() {
		t.Run(strings.ReplaceAll(l.action+" "+l.operation, ".", " "), func(t *testing.T) {
			w, s := l.prepare(t, emulator)
			first := string(s.Execute().Result)
			state := w.snapshot(t)
			again := awstest.NewStep(t, provider(w.World), l.action, nil)
			again.Params, again.Call = s.Params, s.Call
			again.Call.Attempt = 2
			if diff := cmp.Diff(first, string(again.Execute().Result)); diff != "" {
				t.Errorf("first -, second +\n%s", diff)
			}
			if diff := cmp.Diff(state, w.snapshot(t)); diff != "" {
				t.Errorf("first -, second +\n%s", diff)
			}
			again.Result = nil // it never came to the journal
			again.Is(actions.Verified, "")
		})
	}
}

// The deny leaves firebreak alone, and what was there comes back byte for byte.
func blockedReads(t *testing.T, emulator *awstest.Emulator) {
	const policy = `{"Version" : "2012-10-17", "Statement": [ {"Sid":"Share","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"} ]}`
	w := newWorld(t, emulator.World(t), 1, byLambda)
	w.Secrets.PutPolicy(w.arn, policy)
	roles := func(e *cloud.Environment, _ *cloud.Options) {
		e.Roles = cloud.Roles{Preflight: "arn:aws:iam::123456789012:role/firebreak/preflight", Contain: "arn:aws:iam::123456789012:role/firebreak/contain", Release: "arn:aws:iam::123456789012:role/firebreak/release"}
	}
	s := awstest.NewStep(t, providerWith(w.World, roles), block, with("secret", name, "except", []string{"arn:aws:iam::123456789012:role/responder"})).Plan().Execute()
	var put struct {
		Statement []struct {
			Sid, Effect string
			Condition   map[string]map[string][]string
		}
	}
	if err := json.Unmarshal([]byte(w.Policy(w.arn)), &put); err != nil || len(put.Statement) != 2 {
		t.Fatalf("got %s, %v", w.Policy(w.arn), err)
	}
	deny := put.Statement[1]
	got := strings.Join(deny.Condition["ArnNotLike"]["aws:PrincipalArn"], " ")
	for _, exempt := range []string{"role/firebreak/release", "role/firebreak/contain", "role/responder", "role/service-role/rotation-role", "arn:aws:iam::123456789012:user/"} {
		if deny.Effect != "Deny" || !strings.Contains(got, exempt) {
			t.Errorf("%s of %s does not exempt %s", deny.Effect, got, exempt)
		}
	}
	if put.Statement[0].Sid != "Share" {
		t.Errorf("the statement that was there is now %+v", put.Statement[0])
	}
	s.Undo()
	if got := w.Policy(w.arn); got != policy {
		t.Errorf("got %s\nwant %s", got, policy)
	}
	// A state whose deny would hit firebreak itself is not put.
	s.Call.State = json.RawMessage(strings.ReplaceAll(string(s.Call.State), "arn:aws:iam::123456789012:user/", "arn:aws:iam::123456789012:user/not-"))
	executeFails(t, s, actions.Precondition, "firebreak itself")
	for _, wrong := range []string{"*", "arn:aws:iam::123456789012:role/*", "123456789012"} {
		planFails(t, w.step(t, block, with("except", []string{wrong})), actions.Invalid, "except", wrong)
	}
}

// What somebody else changed since is neither covered up nor overwritten.
func changedBehindOurBack(t *testing.T, emulator *awstest.Emulator) {
	w := newWorld(t, emulator.World(t), 1, byLambda)
	const theirs = `{"Version":"2012-10-17","Statement":[]}`
	s := w.step(t, block, with()).Plan()
	w.Secrets.PutPolicy(w.arn, theirs)
	executeFails(t, s, actions.Precondition, "was changed since this was planned")
	w.Secrets.DeletePolicy(w.arn)
	s.Execute()
	w.Secrets.PutPolicy(w.arn, theirs)
	s.Is(actions.NotVerified, "is not the one that was put")
	if undo, err := s.Handler.PlanUndo(t.Context(), s.Call, s.Params, s.Result); err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v", undo, err)
	}
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result), actions.Precondition, "was changed after firebreak put it")
	if got := w.Policy(w.arn); got != theirs {
		t.Errorf("got %s", got)
	}
}

func keysThatAreRefused(t *testing.T, emulator *awstest.Emulator) {
	w := emulator.World(t)
	id, arn := w.Key(t, "alias/evidence")
	grant := w.Grant(t, id, "arn:aws:iam::123456789012:role/app")
	for _, own := range []string{arn, id, "alias/evidence", "arn:aws:kms:us-east-1:123456789012:alias/evidence"} {
		evidence := func(e *cloud.Environment, _ *cloud.Options) {
			e.Evidence = cloud.Evidence{Bucket: "evidence", KMSKey: own}
		}
		planFails(t, awstest.NewStep(t, providerWith(w, evidence), "aws.kms.disable_key", with("key", id)), actions.Precondition, "encrypts the evidence")
		planFails(t, awstest.NewStep(t, providerWith(w, evidence), "aws.kms.revoke_grant", with("key", arn, "grant_id", grant)), actions.Precondition, "encrypts the evidence")
		// Not when it became so after the plan, either.
		s := awstest.NewStep(t, provider(w), "aws.kms.disable_key", with("key", id)).Plan()
		s.Handler = awstest.Handler(t, providerWith(w, evidence), "aws.kms.disable_key")
		executeFails(t, s, actions.Precondition, "encrypts the evidence")
	}
	unnamed := func(e *cloud.Environment, _ *cloud.Options) { e.Evidence = cloud.Evidence{Bucket: "evidence"} }
	s := awstest.NewStep(t, providerWith(w, unnamed), "aws.kms.disable_key", with("key", arn)).Plan()
	all := strings.Join(s.Preview.Warnings, "\n") + strings.Join(s.Preview.Changes, "\n")
	for _, says := range []string{"names no key for the evidence bucket", "role/app", "alias/evidence"} {
		if !strings.Contains(all, says) {
			t.Errorf("the preview does not say %q: %s", says, all)
		}
	}
	client := kms.NewFromConfig(w.Config)
	if _, err := client.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id}); err != nil {
		t.Fatal(err)
	}
	executeFails(t, s, actions.Precondition, "PendingDeletion")
	awstest.Fails(t, s.Handler.Undo(t.Context(), s.Call, s.Params, nil), actions.Precondition, "PendingDeletion")
	planFails(t, awstest.NewStep(t, provider(w), "aws.kms.disable_key", with("key", id)), actions.Precondition, "PendingDeletion")

	w.Proxy.Rewrite("kms:DescribeKey", 0, func(body []byte) []byte {
		return []byte(strings.Replace(string(body), `"KeyManager": "CUSTOMER"`, `"KeyManager": "AWS"`, 1))
	})
	planFails(t, awstest.NewStep(t, provider(w), "aws.kms.disable_key", with("key", id)), actions.Precondition, "belongs to AWS")
}

func grantsThatAreRefused(t *testing.T, emulator *awstest.Emulator) {
	w := emulator.World(t)
	id, _ := w.Key(t, "alias/payments")
	self, err := w.Cloud().WhoAmI(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	own := w.Grant(t, id, self)
	planFails(t, awstest.NewStep(t, provider(w), "aws.kms.revoke_grant", with("key", id, "grant_id", own)), actions.Precondition, "firebreak itself uses")
	planFails(t, awstest.NewStep(t, provider(w), "aws.kms.revoke_grant", with("key", id, "grant_id", "abc")), actions.NotFound, "has no grant")
	first := w.Grant(t, id, "arn:aws:iam::123456789012:role/app")
	w.Grant(t, id, "arn:aws:iam::123456789012:role/app")
	s := awstest.NewStep(t, provider(w), "aws.kms.revoke_grant", with("key", id, "grant_id", first)).Plan()
	if s.Preview.NoUndo == "" {
		t.Error("the preview promises a way back")
	}
	s.Is(actions.NotVerified, "is still there")
	s.Execute().Is(actions.Verified, "still has another grant")
	if !strings.Contains(string(s.Result), `"operations":["Decrypt"]`) || !strings.Contains(string(s.Result), "role/app") {
		t.Errorf("the result does not say what the grant was: %s", s.Result)
	}
}
