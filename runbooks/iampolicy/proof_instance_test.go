package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// compromisedInstance is one of a fleet, from which data is leaving: then every
// step runs, both isolations among them.
func compromisedInstance(t *testing.T, w *awstest.World) map[string]any {
	host := w.Intruder(t)
	return map[string]any{
		"instance_id": host.ID, "exfiltrating": true, "endpoint_groups": []any{host.Endpoints}, "endpoint_prefix_lists": []any{"pl-63a5400a"},
		"investigators": []any{"10.9.0.0/24"}, "memory_tool": "s3://forensic-tools/memory-to-stdout", "memory_tool_sha256": strings.Repeat("ab", 32),
		"forensic_account": "210987654321",
	}
}

func compromisedInstanceAnswers() map[string]string {
	return map[string]string{"review": "compromised"}
}

// compromisedInstanceSpare lists the rights that this world cannot use.
func compromisedInstanceSpare() map[string]string {
	return map[string]string{
		"contain ec2:RevokeSecurityGroupIngress":           "nobody has added rules to the quarantine group",
		"contain ec2:ReplaceIamInstanceProfileAssociation": "which mode it is in, an input decides: here the role is removed",
		"contain iam:PassRole":                             "as above",
		"release ec2:ReplaceIamInstanceProfileAssociation": "as above",
		"release iam:PutRolePolicy":                        "a policy is put back only where one stood before: the tests of the action",
		"evidence iam:GetPolicy":                           "the role has no managed policy",
		"evidence iam:GetPolicyVersion":                    "as above",
		"contain ec2:CopySnapshot":                         "its disk is not encrypted, so its snapshot is shared as it is: the tests of the action",
		"preflight kms:DescribeKey":                        "as above",
		"contain kms:CreateGrant":                          "as above",
		"contain kms:Decrypt":                              "as above",
		"contain kms:DescribeKey":                          "as above",
		"contain kms:GenerateDataKeyWithoutPlaintext":      "as above",
		"contain kms:ReEncryptFrom":                        "as above",
		"contain kms:ReEncryptTo":                          "as above",
	}
}
