package secrets_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// TestPermissionsAreExact holds the rights that are declared against those that
// are used, in both directions.
func TestPermissionsAreExact(t *testing.T) {
	emulator := moto(t)
	secret := func(keeps int, make func(*awstest.Secrets) (string, string), prepare func(*world), pairs ...any) awstest.Way {
		return func(t *testing.T, aws *awstest.World) map[string]any {
			w := newWorld(t, aws, keeps, make)
			w.Promptly()
			if prepare != nil {
				prepare(w)
			}
			return with(append(pairs, "secret", name)...)
		}
	}
	key := func(t *testing.T, w *awstest.World) map[string]any {
		id, _ := w.Key(t, "alias/payments")
		return with("key", id)
	}
	encrypted := func(t *testing.T, aws *awstest.World) map[string]any {
		_, arn := aws.Key(t, "alias/own")
		newWorld(t, aws, 1, func(s *awstest.Secrets) (string, string) { return s.Secret(name, leaked, awstest.Encrypted(arn)) })
		return with("secret", name, "strategy", "direct", "setter", "set", "consumer_check", "check")
	}
	awstest.ExactRights(t, emulator, provider, map[string][]awstest.Way{
		"aws.secretsmanager.describe_secret": {secret(1, byNobody, nil)},
		rotate: {
			secret(1, byLambda, nil, "strategy", "lambda", "old_may_work", true), secret(2, byLambda, nil, "strategy", "lambda", "consumer_check", "check", "old_may_work", true),
			secret(2, byLambda, nil, "strategy", "lambda", "consumer_check", "check", "double", true), secret(1, byService, nil, "strategy", "managed", "old_may_work", true), encrypted,
		},
		clearStuck: {secret(1, byLambda, func(w *world) { w.Stuck(w.arn) })},
		block: {secret(1, byLambda, nil), secret(1, byNobody, func(w *world) {
			w.Secrets.PutPolicy(w.arn, `{"Version":"2012-10-17","Statement":[]}`)
		})},
		"aws.kms.describe_key": {key, func(t *testing.T, w *awstest.World) map[string]any {
			w.Key(t, "alias/payments")
			return with("key", "alias/payments")
		}},
		"aws.kms.disable_key": {key},
		"aws.kms.revoke_grant": {func(t *testing.T, w *awstest.World) map[string]any {
			id, _ := w.Key(t, "alias/payments")
			grant := w.Grant(t, id, "arn:aws:iam::123456789012:role/app")
			w.Proxy.DropAfterEffect("kms:RevokeGrant", awstest.EveryAttempt) // so that it has to look
			return with("key", id, "grant_id", grant)
		}},
	})
}
