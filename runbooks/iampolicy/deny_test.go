package iampolicy_test

import (
	"slices"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// forbids checks what no phase may ever do, whatever it may besides.
func forbids(t *testing.T, by map[iampolicy.Phase]awstest.Policies, account string) {
	t.Helper()
	everything, err := awstest.ParsePolicies([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	tagged := map[string]string{"aws:ResourceTag/firebreak:managed": "true"}
	iam := "arn:aws:iam::" + account + ":"
	for phase, own := range by {
		p := slices.Concat(own, everything) // as if somebody had made it an administrator
		for _, no := range []struct {
			action, on string
			context    map[string]string
		}{
			{"s3:DeleteObject", "arn:aws:s3:::firebreak-evidence-acme/INC-12/memory.lime", nil},
			{"s3:DeleteObjectVersion", "arn:aws:s3:::somewhere-else/INC-12/memory.lime", nil},
			{"s3:BypassGovernanceRetention", "arn:aws:s3:::firebreak-evidence-acme/INC-12/memory.lime", nil},
			{"s3:PutObjectLegalHold", "arn:aws:s3:::firebreak-evidence-acme/x", map[string]string{"s3:object-lock-legal-hold": "OFF"}},
			{"s3:PutLifecycleConfiguration", "arn:aws:s3:::firebreak-evidence-acme", nil},
			{"s3:PutBucketPolicy", "arn:aws:s3:::firebreak-evidence-acme", nil},
			{"ec2:DeleteSnapshot", "arn:aws:ec2:eu-central-1::snapshot/snap-0abc", tagged},
			{"ec2:DeleteTags", "arn:aws:ec2:eu-central-1::snapshot/snap-0abc", tagged},
			{"rds:DeleteDBSnapshot", "arn:aws:rds:eu-central-1:" + account + ":snapshot:inc-12", tagged},
			{"kms:ScheduleKeyDeletion", "arn:aws:kms:eu-central-1:" + account + ":key/1", nil},
			{"iam:PutRolePolicy", iam + "role/firebreak-contain", nil},
			{"iam:PutRolePolicy", iam + "role/security/firebreak-contain", nil},
			{"iam:UpdateAssumeRolePolicy", iam + "role/firebreak-release", nil},
			{"iam:AttachRolePolicy", iam + "role/firebreak-release", nil},
			{"iam:DeleteRolePolicy", iam + "role/break-glass-admin", nil},
			{"iam:CreatePolicyVersion", iam + "policy/firebreak-contain", nil},
			{"iam:PutUserPolicy", iam + "user/break-glass-1", nil},
			{"iam:UpdateAccessKey", iam + "user/firebreak-operator", nil},
			{"cloudtrail:StopLogging", "arn:aws:cloudtrail:eu-central-1:" + account + ":trail/org", nil},
			{"cloudtrail:PutEventSelectors", "arn:aws:cloudtrail:eu-central-1:" + account + ":trail/org", nil},
		} {
			if got := decide(t, p, no.action, no.on, no.context); got != awstest.Denied {
				t.Errorf("%s on %s is %s in %s", no.action, no.on, got, phase)
			}
		}
		for _, yes := range []struct {
			action, on string
			context    map[string]string
		}{
			{"sts:AssumeRole", iam + "role/firebreak-contain", nil}, // how firebreak begins
			{"iam:GetRole", iam + "role/firebreak-contain", nil},    // how it sees that a target is itself
			{"iam:ListRolePolicies", iam + "role/firebreak-contain", nil},
			{"iam:PassRole", iam + "role/firebreak-quarantine", nil},
			{"iam:PutRolePolicy", iam + "role/web", nil},
			{"iam:PutRolePolicy", iam + "role/not-firebreak-at-all", nil},
			{"s3:PutObject", "arn:aws:s3:::firebreak-evidence-acme/INC-12/x", nil},
			{"s3:PutObjectRetention", "arn:aws:s3:::firebreak-evidence-acme/INC-12/x", nil},
			{"s3:PutObjectLegalHold", "arn:aws:s3:::firebreak-evidence-acme/x", map[string]string{"s3:object-lock-legal-hold": "ON"}},
			{"s3:PutBucketPolicy", "arn:aws:s3:::somebody-elses", nil},
			{"ec2:DeleteSnapshot", "arn:aws:ec2:eu-central-1::snapshot/snap-0abc", nil},
			{"ec2:DeleteTags", "arn:aws:ec2:eu-central-1:" + account + ":instance/i-0abc", tagged},
			{"kms:DisableKey", "arn:aws:kms:eu-central-1:" + account + ":key/1", nil},
			{"cloudtrail:StartLogging", "arn:aws:cloudtrail:eu-central-1:" + account + ":trail/org", nil},
		} {
			if got := decide(t, p, yes.action, yes.on, yes.context); got != awstest.Allowed {
				t.Errorf("%s on %s is %s in %s, and firebreak needs it", yes.action, yes.on, got, phase)
			}
		}
	}
}
