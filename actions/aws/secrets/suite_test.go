package secrets_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// motoIsWrong lists where moto differs from AWS in a way that matters here.
func motoIsWrong() []string {
	return []string{
		"RotateSecret: moto rotates secrets that nothing rotates, starts a second rotation beside a stuck one, refuses one when AWSPENDING is on the current version, and forgets the rotation function; awstest.Secrets answers in its place",
		"PutSecretValue: moto overwrites the value of a pending version; awstest.Secrets refuses as AWS does",
		"DescribeSecret: moto lists versions without labels; awstest.Secrets leaves them out",
		"Lambda: moto runs no functions without Docker, and takes minutes to be reset with functions in it; awstest.Secrets has those of the test",
		"resource policies and disabled keys: moto stores them and enforces nothing, so only what is stored is tested",
		"DisableKey and EnableKey: moto does not take the ARN of a key, so they are called with its id",
		"grants: moto revokes at once, KMS within minutes",
	}
}

// faults prepares the errors that every change must classify.
func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":    {Status: http.StatusBadRequest, Code: "AccessDeniedException"},
		"throttled": {Status: http.StatusBadRequest, Code: "ThrottlingException"},
		"gone":      {Status: http.StatusBadRequest, Code: "ResourceNotFoundException"},
		"invalid":   {Status: http.StatusBadRequest, Code: "InvalidParameterException"},
		"not now":   {Status: http.StatusBadRequest, Code: "InvalidRequestException"},
	})
}

var (
	readErrors = map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid, "not now": actions.Precondition,
		"broken after the effect": actions.Transient, "cut before the effect": actions.Transient,
	}
	// lookErrors are those of changes that look for themselves after a lost answer.
	lookErrors = map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "invalid": actions.Invalid, "not now": actions.Precondition,
		"cut before the effect": actions.Unknown,
	}
)

func changeErrors() map[string]actions.Class {
	all := maps.Clone(lookErrors)
	all["broken after the effect"], all["cut, then refused"] = actions.Unknown, actions.Unknown
	return all
}

func TestActions(t *testing.T) {
	emulator := moto(t)
	t.Log("moto differs:\n" + strings.Join(motoIsWrong(), "\n"))
	noWayBack := map[string]string{
		"undo":        "the old value is refused by then, so nothing can be taken back; TestUndoOfRotation holds the refusal",
		"lost answer": "it ends in the undo; TestLostAnswers has it for every call",
	}
	// of makes a world with one secret.
	of := func(keeps int, secret func(*awstest.Secrets) (string, string), operation string, params map[string]any, prepare func(*testing.T, *world)) func(*testing.T) actionstest.World {
		return func(t *testing.T) actionstest.World {
			w := newWorld(t, emulator.World(t), keeps, secret)
			if prepare != nil {
				prepare(t, w)
			}
			all := maps.Clone(params)
			if all["secret"] == nil {
				all["secret"] = name
			}
			return actionstest.World{
				Registry: provider(w.World), Call: awstest.NewCall(), Snapshot: w.snapshot, Params: all,
				Disturb: func(t *testing.T) {
					w.Finish()
					switch {
					case strings.Contains(operation, "Policy"):
						w.Secrets.DeletePolicy(w.arn)
					case w.Current(w.arn) != w.old:
						w.Label(w.arn, "AWSCURRENT", w.old)
					default:
						w.Stuck(w.arn)
					}
				},
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(operation, awstest.EveryAttempt) },
				Fault:      faults(w.World, operation),
				Canaries:   []string{w.Credentials.SecretAccessKey, leaked},
			}
		}
	}
	// key makes a world with one key and two grants.
	key := func(operation string, grant bool) func(*testing.T) actionstest.World {
		return func(t *testing.T) actionstest.World {
			w := emulator.World(t)
			id, _ := w.Key(t, "alias/payments")
			first := w.Grant(t, id, "arn:aws:iam::123456789012:role/app")
			w.Grant(t, id, "arn:aws:iam::123456789012:role/batch")
			params := with("key", id)
			if grant {
				params["grant_id"] = first
			}
			return actionstest.World{
				Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: params,
				Disturb: func(t *testing.T) {
					if _, err := kms.NewFromConfig(w.Config).EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &id}); err != nil {
						t.Fatal(err)
					}
				},
				LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(operation, awstest.EveryAttempt) },
				Fault:      faults(w, operation),
				Canaries:   []string{w.Credentials.SecretAccessKey},
			}
		}
	}
	direct := with("strategy", "direct", "setter", "set", "consumer_check", "check", "json_key", "password", "json_fields", with("username", "app"))
	policy := `{ "Version": "2012-10-17",  "Statement": {"Sid":"Share","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"} }`
	for _, c := range []struct {
		name string
		actionstest.Case
	}{
		{"describe secret", actionstest.Case{Action: "aws.secretsmanager.describe_secret", Errors: readErrors, World: of(1, byLambda, "secretsmanager:DescribeSecret", with(), nil)}},
		{"rotate in stages", actionstest.Case{Action: rotate, Errors: changeErrors(),
			World: of(2, byLambda, "secretsmanager:RotateSecret", with("strategy", "lambda", "consumer_check", "check", "old_may_work", true), func(_ *testing.T, w *world) { w.Promptly() })}},
		{"rotate a leaked one", actionstest.Case{Action: rotate, Skip: noWayBack,
			World: of(1, byLambda, "secretsmanager:RotateSecret", with("strategy", "lambda", "consumer_check", "check"), nil)}},
		{"rotate twice", actionstest.Case{Action: rotate, Errors: map[string]actions.Class{"cut, then refused": actions.Unknown}, Skip: noWayBack,
			World: of(2, byLambda, "secretsmanager:RotateSecret", with("strategy", "lambda", "consumer_check", "check", "double", true), nil)}},
		{"rotate managed", actionstest.Case{Action: rotate, Skip: noWayBack, World: of(1, byService, "secretsmanager:RotateSecret", with("strategy", "managed", "old_may_work", true), nil)}},
		{"rotate directly", actionstest.Case{Action: rotate, Errors: lookErrors, World: of(1, byNobody, "secretsmanager:PutSecretValue", direct, nil)}},
		{"clear", actionstest.Case{Action: clearStuck,
			World: of(1, byLambda, "secretsmanager:UpdateSecretVersionStage", with(), func(_ *testing.T, w *world) { w.Stuck(w.arn) })}},
		{"block", actionstest.Case{Action: block,
			World: of(1, byLambda, "secretsmanager:PutResourcePolicy", with("except", []string{"arn:aws:iam::123456789012:role/responder"}), nil)}},
		{"block beside a policy", actionstest.Case{Action: block,
			World: of(1, byNobody, "secretsmanager:PutResourcePolicy", with(), func(_ *testing.T, w *world) { w.Secrets.PutPolicy(w.arn, policy) })}},
		{"describe key", actionstest.Case{Action: "aws.kms.describe_key", World: key("kms:ListGrants", false)}},
		{"disable key", actionstest.Case{Action: "aws.kms.disable_key", Errors: changeErrors(), World: key("kms:DisableKey", false)}},
		{"revoke grant", actionstest.Case{Action: "aws.kms.revoke_grant", Skip: map[string]string{
			"disturbed": "a grant that is made again has another id, so it is another grant",
		}, World: key("kms:RevokeGrant", true)}},
	} {
		t.Run(c.name, func(t *testing.T) { actionstest.Run(t, c.Case) })
	}
}
