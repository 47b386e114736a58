package iampolicy_test

import (
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// compromisedEmployee is somebody who has everything that the runbook takes:
// Identity Center, an IAM user with each kind of credential, and a role.
func compromisedEmployee(t *testing.T, w *awstest.World) map[string]any {
	t.Helper()
	if w.Name != "moto" {
		t.Skip("awsfake knows IAM alone")
	}
	o := w.Organization(t)
	c := w.Center(t, o.Account)
	w.UnderWay(c)
	w.User(t, "/team/", "alice")
	w.Beside(t)
	w.AccessKey(t, "alice")
	w.ServiceCredential(t, "alice", "codecommit.amazonaws.com")
	w.LoginProfile(t, "alice", "Correct-horse-7", false)
	w.SSHKey(t, "alice")
	w.SigningCertificate(t, "alice")
	w.Role(t, "/", "deploy")
	w.Evidence(t, evidence().Bucket)
	w.Events(t, awstest.Event{Region: awstest.Region, ID: "e1", User: "alice@example.com", Time: time.Now().Add(-time.Hour),
		Text: `{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"us-east-1"}`})
	return map[string]any{"email": "alice@example.com", "center_user_id": c.User, "organization_target": o.Root, "iam_users": []any{"alice"}, "roles": []any{"deploy"}}
}

func compromisedEmployeeAnswers() map[string]string {
	return map[string]string{
		"contact": "compromised", "portal": "two sessions", "github": "one token", "slack": "signed out", "factors": "unchanged", "review": "changes", "changes": "one role",
	}
}

// compromisedEmployeeSpare lists the rights that this world cannot use.
func compromisedEmployeeSpare() map[string]string {
	return map[string]string{
		"contain iam:DeactivateMFADevice":                     "no device is listed, which no value of a parameter can say",
		"contain sso:DescribeAccountAssignmentDeletionStatus": "AWS works on nobody's assignments",
		"release sso:DescribeAccountAssignmentCreationStatus": "as above",
		"evidence s3:GetObjectLegalHold":                      "no legal hold is asked for",
		"evidence s3:PutObjectLegalHold":                      "as above",
		"preflight identitystore:GetUserId":                   "the user is given by id, which only the run knows",
		"preflight organizations:DescribeAccount":             "the target is the root, which only the run knows",
		"preflight organizations:DescribeOrganizationalUnit":  "as above",
		"preflight organizations:DescribePolicy":              "no attempt was made before",
		"preflight secretsmanager:DescribeSecret":             "no place for a new password is given",
		"release secretsmanager:PutSecretValue":               "as above",
		"release iam:CreateLoginProfile":                      "as above",
		"release iam:PutRolePolicy":                           "a policy is put back only where one stood before: TestActionsAreExact",
		"release iam:PutUserPolicy":                           "as above",
	}
}
