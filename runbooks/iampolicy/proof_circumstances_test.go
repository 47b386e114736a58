package iampolicy_test

import (
	"strings"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// circumstances are what AWS would know of a call beside its action and
// resource: that a role is given to EC2, that what a call makes gets our tags,
// and that a security group of ours has them. A call about something else has none.
func circumstances(need awstest.Need) map[string]string {
	_, kind, _ := strings.Cut(need.Resource, "arn:aws:ec2:"+awstest.Region+":")
	_, kind, _ = strings.Cut(kind, ":")
	kind, _, _ = strings.Cut(kind, "/")
	switch {
	case need.Action == "iam:PassRole":
		return map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}
	case need.Action == "ec2:CreateTags" && kind == "snapshot":
		return map[string]string{"ec2:CreateAction": "CreateSnapshots"}
	case need.Action == "ec2:CreateTags" && kind == "security-group":
		return map[string]string{"ec2:CreateAction": "CreateSecurityGroup"}
	case need.Action == "ec2:CreateSecurityGroup" && kind == "security-group":
		return map[string]string{"aws:RequestTag/firebreak:managed": "true"}
	case kind == "security-group":
		return map[string]string{"aws:ResourceTag/firebreak:managed": "true"}
	}
	return nil
}
