package awstest

import (
	"slices"
	"testing"
)

// aroundState reads what stands around instances: profiles, subnets' network
// ACLs, Auto Scaling, load balancers.
func (w *World) aroundState(t *testing.T) []string {
	return slices.Concat(w.profileState(t), w.aclState(t), w.scalingState(t), w.targetState(t))
}

// aroundRights are the rights of calls about those. Where a call names an
// association, AWS checks what it associates, which the call does not tell: any
// instance or subnet stands for it.
func (w *World) aroundRights() map[string]rights {
	instance := func(call Call) []Need {
		return []Need{{call.Operation, w.arn("instance", call.Form.Get("InstanceId"))}}
	}
	instances := func(call Call) []Need {
		var needs []Need
		for _, id := range values(call, "InstanceId") {
			needs = append(needs, Need{call.Operation, w.arn("instance", id)})
		}
		return needs
	}
	passes := func(target func(Call) []Need) rights {
		return func(call Call) []Need {
			return append(target(call), Need{"iam:PassRole", w.arns["passed/"+last(call.Form.Get("IamInstanceProfile.Arn"))]})
		}
	}
	associated := func(kind string) rights {
		return func(call Call) []Need { return []Need{{call.Operation, w.arn(kind, "*")}} }
	}
	acl := func(call Call) []Need {
		return []Need{{call.Operation, w.arn("network-acl", call.Form.Get("NetworkAclId"))}}
	}
	group := func(call Call) []Need {
		return []Need{{call.Operation, w.arns["scaling/"+call.Form.Get("AutoScalingGroupName")]}}
	}
	targets := func(call Call) []Need { return []Need{{call.Operation, call.Form.Get("TargetGroupArn")}} }
	return map[string]rights{
		"ec2:DescribeIamInstanceProfileAssociations": anywhere,
		"ec2:AssociateIamInstanceProfile":            passes(instance),
		"ec2:ReplaceIamInstanceProfileAssociation":   passes(associated("instance")),
		"ec2:DisassociateIamInstanceProfile":         associated("instance"),
		"ec2:StopInstances":                          instances,
		"ec2:StartInstances":                         instances,

		"ec2:DescribeSubnets":     anywhere,
		"ec2:DescribeNetworkAcls": anywhere,
		"ec2:CreateNetworkAcl": func(call Call) []Need {
			return []Need{{call.Operation, w.arn("network-acl", "*")}, {call.Operation, w.arn("vpc", call.Form.Get("VpcId"))}, {"ec2:CreateTags", w.arn("network-acl", "*")}}
		},
		"ec2:DeleteNetworkAcl":      acl,
		"ec2:CreateNetworkAclEntry": acl,
		"ec2:DeleteNetworkAclEntry": acl,
		"ec2:ReplaceNetworkAclAssociation": func(call Call) []Need {
			return append(acl(call), Need{call.Operation, w.arn("subnet", "*")})
		},

		"autoscaling:DescribeAutoScalingInstances": anywhere,
		"autoscaling:DescribeAutoScalingGroups":    anywhere,
		"autoscaling:EnterStandby":                 group,
		"autoscaling:ExitStandby":                  group,
		"autoscaling:DetachInstances":              group,
		"autoscaling:AttachInstances":              group,
		"autoscaling:SetInstanceProtection":        group,

		"elasticloadbalancing:DescribeTargetGroups": anywhere,
		"elasticloadbalancing:DescribeTargetHealth": anywhere,
		"elasticloadbalancing:DeregisterTargets":    targets,
		"elasticloadbalancing:RegisterTargets":      targets,
	}
}
