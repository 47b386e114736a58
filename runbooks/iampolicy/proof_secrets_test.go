package iampolicy_test

import (
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// leakedSecret is a secret whose rotation is stuck, with a function that rotates
// it and one that tries its values. It is rotated once, so that the way back can
// be played: the check says first that the old value is refused, and then, to the
// undo, that it works.
func leakedSecret(t *testing.T, w *awstest.World) map[string]any {
	s := w.Secrets(t)
	secret, _ := s.Secret("prod/payments/db", "leaked")
	s.RotatedBy(secret, s.Lambda("rotate-db", nil))
	s.Promptly()
	s.Stuck(secret)
	tries := 0
	s.Lambda("payments-db-check", func(map[string]string) (string, bool) {
		if tries++; tries == 1 {
			return `{"new":"works","old":"refused"}`, false
		}
		return `{"new":"works","old":"works"}`, false
	})
	w.Evidence(t, evidence().Bucket)
	w.Events(t, awstest.Event{Region: awstest.Region, ID: "e1", User: "eve", Resource: "prod/payments/db", Time: time.Now().Add(-time.Hour),
		Text: `{"eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","awsRegion":"us-east-1"}`})
	return map[string]any{"secret": "prod/payments/db", "where": "a repository", "consumer_may_be_down": true, "consumer_check": "payments-db-check"}
}

func leakedSecretAnswers() map[string]string {
	return map[string]string{"target": "current", "look": "nothing"}
}

// leakedSecretSpare lists the rights that this world cannot use.
func leakedSecretSpare() map[string]string {
	const direct, hold = "only the run knows how the secret is rotated; this is for strategy direct: the tests of the action", "no legal hold is asked for"
	return map[string]string{
		"contain secretsmanager:GetRandomPassword": direct,
		"contain secretsmanager:PutSecretValue":    direct,
		"contain kms:GenerateDataKey":              direct,
		"contain kms:Decrypt":                      direct,
		"evidence s3:PutObjectLegalHold":           hold,
		"evidence s3:GetObjectLegalHold":           hold,
		"release secretsmanager:PutResourcePolicy": "a policy is put back only where one stood before: the tests of the action",
	}
}

// credentialRotation is a user with a key that the last rotation has left, and a
// secret with the one that is replaced. The old key is kept: after its deletion
// there is no way back to play.
func credentialRotation(t *testing.T, w *awstest.World) map[string]any {
	w.User(t, "/team/", "ci-deploy")
	id, _ := w.AccessKey(t, "ci-deploy")
	left, _ := w.AccessKey(t, "ci-deploy")
	w.SetKey(t, "ci-deploy", left, false)
	w.Destination(t, "prod/ci-deploy", "older", "old")
	return map[string]any{"access_key_id": id, "destination": "prod/ci-deploy"}
}

func credentialRotationAnswers() map[string]string { return map[string]string{"seen": "uses_new"} }

func credentialRotationSpare() map[string]string {
	return map[string]string{
		"contain iam:GetAccessKeyLastUsed": "asked about a key whose secret was lost, and when a user has no key left: the tests of the actions",
	}
}
