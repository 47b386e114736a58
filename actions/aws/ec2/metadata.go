package ec2

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// collector reads everything about one instance. Each read fails by itself.
type collector struct {
	*conn
	instance types.Instance
	sections map[string]any
	missing  []missingRead
	facts    collectMetadataResult
}

// missingRead is a call that gave nothing, in the document of evidence.
type missingRead struct {
	Call  string        `json:"call"`
	Class actions.Class `json:"class"`
	Why   string        `json:"why"`
}

// The answers to a question that a runbook decides by. What could not be read is
// neither yes nor no.
const (
	yes     = "yes"
	no      = "no"
	unknown = "unknown"
)

func answer(known, is bool) string {
	switch {
	case !known:
		return unknown
	case is:
		return yes
	}
	return no
}

// keep adds what a call gave as a section of the document, or what kept it from
// giving it, and says which.
func (m *collector) keep(section, call string, v any, err error) bool {
	if err != nil {
		m.missing = append(m.missing, missingRead{call, actions.ClassOf(err), err.Error()})
		return false
	}
	m.sections[section] = v
	return true
}

// all reads every page of a list.
func all[T any](page func(token *string) ([]T, *string, error)) ([]T, error) {
	found := []T{}
	var token *string
	for {
		items, next, err := page(token)
		if err != nil {
			return nil, err
		}
		found = append(found, items...)
		if aws.ToString(next) == "" {
			return found, nil
		}
		token = next
	}
}

func by(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: &name, Values: values}}
}

// collect makes all reads, those that cost the host nothing first.
func (m *collector) collect(ctx context.Context) {
	m.ofInstance(ctx)
	m.ofNetwork(ctx)
	m.ofRole(ctx)
	m.ofGroups(ctx)
	m.ofHost(ctx)
}

func (m *collector) ofInstance(ctx context.Context) {
	id := aws.ToString(m.instance.InstanceId)
	m.sections["instance"] = m.instance
	attributes := map[string]any{}
	for _, name := range []types.InstanceAttributeName{types.InstanceAttributeNameUserData, types.InstanceAttributeNameDisableApiTermination, types.InstanceAttributeNameDisableApiStop,
		types.InstanceAttributeNameInstanceInitiatedShutdownBehavior, types.InstanceAttributeNameSourceDestCheck} {
		const call = "ec2:DescribeInstanceAttribute"
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, call, m.ec2.DescribeInstanceAttribute, &ec2.DescribeInstanceAttributeInput{InstanceId: &id, Attribute: name})
		if err != nil {
			m.missing = append(m.missing, missingRead{call + " " + string(name), actions.ClassOf(err), err.Error()})
			continue
		}
		attributes[string(name)] = out
	}
	m.sections["attributes"] = attributes
	volumes, err := m.volumes(ctx, m.instance)
	if m.keep("volumes", "ec2:DescribeVolumes", volumes, err) {
		m.facts.Volumes = len(volumes)
	}
	info, err := m.instanceType(ctx, m.instance.InstanceType)
	known := m.keep("instance_type", "ec2:DescribeInstanceTypes", info, err)
	m.facts.InstanceStore = answer(known, instanceStore(info) != "")
	if info.MemoryInfo != nil {
		m.facts.MemoryMiB = int(aws.ToInt64(info.MemoryInfo.SizeInMiB))
	}
	tags, err := all(func(token *string) ([]types.TagDescription, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeTags", m.ec2.DescribeTags, &ec2.DescribeTagsInput{Filters: by("resource-id", id), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Tags, out.NextToken, nil
	})
	m.keep("tags", "ec2:DescribeTags", tags, err)
}

func (m *collector) ofNetwork(ctx context.Context) {
	id, vpc := aws.ToString(m.instance.InstanceId), aws.ToString(m.instance.VpcId)
	interfaces, err := m.interfaces(ctx, id)
	m.keep("network_interfaces", "ec2:DescribeNetworkInterfaces", interfaces, err)
	groups, subnets, resources := map[string]bool{}, map[string]bool{}, map[string]bool{vpc: true}
	for _, g := range m.instance.SecurityGroups {
		groups[aws.ToString(g.GroupId)] = true
	}
	for _, one := range interfaces {
		for _, g := range one.Groups {
			groups[aws.ToString(g.GroupId)] = true
		}
		subnets[aws.ToString(one.SubnetId)] = true
		resources[aws.ToString(one.NetworkInterfaceId)], resources[aws.ToString(one.SubnetId)] = true, true
		m.facts.Public = m.facts.Public || one.Association != nil && aws.ToString(one.Association.PublicIp) != ""
	}
	m.facts.SecurityGroups = slices.Sorted(maps.Keys(groups))
	if len(groups) > 0 {
		found, err := all(func(token *string) ([]types.SecurityGroup, *string, error) {
			out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeSecurityGroups", m.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{Filters: by("group-id", m.facts.SecurityGroups...), NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.SecurityGroups, out.NextToken, nil
		})
		m.keep("security_groups", "ec2:DescribeSecurityGroups", found, err)
		rules, err := all(func(token *string) ([]types.SecurityGroupRule, *string, error) {
			out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeSecurityGroupRules", m.ec2.DescribeSecurityGroupRules, &ec2.DescribeSecurityGroupRulesInput{Filters: by("group-id", m.facts.SecurityGroups...), NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.SecurityGroupRules, out.NextToken, nil
		})
		m.keep("security_group_rules", "ec2:DescribeSecurityGroupRules", rules, err)
	}
	routes, err := all(func(token *string) ([]types.RouteTable, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeRouteTables", m.ec2.DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: by("vpc-id", vpc), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.RouteTables, out.NextToken, nil
	})
	m.keep("route_tables", "ec2:DescribeRouteTables", routes, err)
	acls, err := all(func(token *string) ([]types.NetworkAcl, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeNetworkAcls", m.ec2.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{Filters: by("vpc-id", vpc), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.NetworkAcls, out.NextToken, nil
	})
	m.keep("network_acls", "ec2:DescribeNetworkAcls", acls, err)
	logs, err := all(func(token *string) ([]types.FlowLog, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeFlowLogs", m.ec2.DescribeFlowLogs, &ec2.DescribeFlowLogsInput{Filter: by("resource-id", slices.Sorted(maps.Keys(resources))...), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.FlowLogs, out.NextToken, nil
	})
	m.keep("flow_logs", "ec2:DescribeFlowLogs", logs, err)
}

// ofRole reads the instance profile, its role, what the role may do, and which
// other instances have it.
func (m *collector) ofRole(ctx context.Context) {
	m.facts.RoleShared = no
	profile := profileName(m.instance)
	if profile == "" {
		return
	}
	m.facts.Profile, m.facts.RoleShared = aws.ToString(m.instance.IamInstanceProfile.Arn), unknown
	associations, err := all(func(token *string) ([]types.IamInstanceProfileAssociation, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:DescribeIamInstanceProfileAssociations", m.ec2.DescribeIamInstanceProfileAssociations, &ec2.DescribeIamInstanceProfileAssociationsInput{NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.IamInstanceProfileAssociations, out.NextToken, nil
	})
	counted := m.keep("profile_associations", "ec2:DescribeIamInstanceProfileAssociations", associations, err)
	client := iam.NewFromConfig(m.Config)
	out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:GetInstanceProfile", client.GetInstanceProfile, &iam.GetInstanceProfileInput{InstanceProfileName: &profile})
	if err != nil || out.InstanceProfile == nil || len(out.InstanceProfile.Roles) == 0 {
		m.keep("", "iam:GetInstanceProfile", nil, cmp.Or(err, cloud.Without("iam:GetInstanceProfile", "role of profile "+profile)))
		return
	}
	m.sections["instance_profile"] = out.InstanceProfile
	role := aws.ToString(out.InstanceProfile.Roles[0].RoleName)
	m.facts.Role = role
	profiles, err := all(func(marker *string) ([]iamtypes.InstanceProfile, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:ListInstanceProfilesForRole", client.ListInstanceProfilesForRole, &iam.ListInstanceProfilesForRoleInput{RoleName: &role, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.InstanceProfiles, out.Marker, nil
	})
	if m.keep("profiles_of_role", "iam:ListInstanceProfilesForRole", profiles, err) && counted {
		for _, one := range associations {
			if one.IamInstanceProfile != nil && aws.ToString(one.InstanceId) != aws.ToString(m.instance.InstanceId) &&
				slices.ContainsFunc(profiles, func(p iamtypes.InstanceProfile) bool {
					return aws.ToString(p.Arn) == aws.ToString(one.IamInstanceProfile.Arn)
				}) {
				m.facts.RoleOthers++
			}
		}
		m.facts.RoleShared = answer(true, m.facts.RoleOthers > 0)
	}
	m.ofPolicies(ctx, client, role)
}

func (m *collector) ofPolicies(ctx context.Context, client *iam.Client, role string) {
	inline, err := all(func(marker *string) ([]string, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:ListRolePolicies", client.ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: &role, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.PolicyNames, out.Marker, nil
	})
	m.keep("role_policies", "iam:ListRolePolicies", inline, err)
	documents := map[string]string{}
	for _, name := range inline {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:GetRolePolicy", client.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			m.keep("", "iam:GetRolePolicy "+name, nil, err)
			continue
		}
		documents[name] = plainDocument(out.PolicyDocument)
	}
	attached, err := all(func(marker *string) ([]iamtypes.AttachedPolicy, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:ListAttachedRolePolicies", client.ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: &role, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.AttachedPolicies, out.Marker, nil
	})
	m.keep("attached_role_policies", "iam:ListAttachedRolePolicies", attached, err)
	for _, one := range attached {
		arn := aws.ToString(one.PolicyArn)
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:GetPolicy", client.GetPolicy, &iam.GetPolicyInput{PolicyArn: &arn})
		if err != nil || out.Policy == nil {
			m.keep("", "iam:GetPolicy "+arn, nil, cmp.Or(err, cloud.Without("iam:GetPolicy", "policy "+arn)))
			continue
		}
		version, err := cloud.Do(ctx, m.Conn, cloud.Reads, "iam:GetPolicyVersion", client.GetPolicyVersion, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: out.Policy.DefaultVersionId})
		if err != nil || version.PolicyVersion == nil {
			m.keep("", "iam:GetPolicyVersion "+arn, nil, cmp.Or(err, cloud.Without("iam:GetPolicyVersion", "policy "+arn)))
			continue
		}
		documents[arn] = plainDocument(version.PolicyVersion.Document)
	}
	m.sections["role_policy_documents"] = documents
}

// plainDocument takes off the encoding in which IAM gives documents.
func plainDocument(s *string) string {
	text, err := url.PathUnescape(aws.ToString(s))
	if err != nil {
		return aws.ToString(s)
	}
	return text
}

// ofGroups reads Auto Scaling and load balancers.
func (m *collector) ofGroups(ctx context.Context) {
	id := aws.ToString(m.instance.InstanceId)
	scaling, err := cloud.Do(ctx, m.Conn, cloud.Reads, "autoscaling:DescribeAutoScalingInstances", m.autoScaling().DescribeAutoScalingInstances, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}})
	m.facts.InASG = unknown
	if err == nil && scaling.AutoScalingInstances == nil {
		err = cloud.Without("autoscaling:DescribeAutoScalingInstances", "list of instances")
	}
	if err != nil {
		m.keep("", "autoscaling:DescribeAutoScalingInstances", nil, err)
	} else {
		m.sections["auto_scaling_instance"] = scaling.AutoScalingInstances
		m.facts.InASG = answer(true, len(scaling.AutoScalingInstances) > 0)
		for _, one := range scaling.AutoScalingInstances {
			m.facts.ASG = aws.ToString(one.AutoScalingGroupName)
			groups, err := cloud.Do(ctx, m.Conn, cloud.Reads, "autoscaling:DescribeAutoScalingGroups", m.autoScaling().DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{m.facts.ASG}})
			if err != nil {
				m.keep("", "autoscaling:DescribeAutoScalingGroups", nil, err)
				continue
			}
			m.sections["auto_scaling_group"] = groups.AutoScalingGroups
		}
	}
	m.facts.InTargetGroups = unknown
	groups, err := all(func(marker *string) ([]elbtypes.TargetGroup, *string, error) {
		out, err := cloud.Do(ctx, m.Conn, cloud.Reads, "elasticloadbalancing:DescribeTargetGroups", m.balancing().DescribeTargetGroups, &elb.DescribeTargetGroupsInput{Marker: marker})
		if err == nil && out.TargetGroups == nil {
			err = cloud.Without("elasticloadbalancing:DescribeTargetGroups", "list of target groups")
		}
		if err != nil {
			return nil, nil, err
		}
		return out.TargetGroups, out.NextMarker, nil
	})
	if err != nil {
		m.keep("", "elasticloadbalancing:DescribeTargetGroups", nil, err)
		return
	}
	addresses := map[string]bool{id: true}
	for _, one := range m.instance.NetworkInterfaces {
		for _, a := range one.PrivateIpAddresses {
			addresses[aws.ToString(a.PrivateIpAddress)] = true
		}
	}
	found, complete := map[string]any{}, true
	for _, group := range groups {
		if aws.ToString(group.VpcId) != aws.ToString(m.instance.VpcId) {
			continue
		}
		arn := aws.ToString(group.TargetGroupArn)
		health, err := cloud.Do(ctx, m.Conn, cloud.Reads, "elasticloadbalancing:DescribeTargetHealth", m.balancing().DescribeTargetHealth, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
		if err == nil && health.TargetHealthDescriptions == nil {
			err = cloud.Without("elasticloadbalancing:DescribeTargetHealth", "list of targets of "+arn)
		}
		if err != nil {
			complete = m.keep("", "elasticloadbalancing:DescribeTargetHealth "+arn, nil, err)
			continue
		}
		ours := slices.DeleteFunc(health.TargetHealthDescriptions, func(d elbtypes.TargetHealthDescription) bool {
			return d.Target == nil || !addresses[aws.ToString(d.Target.Id)]
		})
		if len(ours) > 0 {
			found[arn] = map[string]any{"group": group, "health": ours}
		}
	}
	m.sections["target_groups"] = found
	m.facts.TargetGroups = slices.Sorted(maps.Keys(found))
	m.facts.InTargetGroups = answer(complete || len(found) > 0, len(found) > 0)
}

// ofHost reads what comes from the host itself.
func (m *collector) ofHost(ctx context.Context) {
	id := aws.ToString(m.instance.InstanceId)
	output, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:GetConsoleOutput", m.ec2.GetConsoleOutput, &ec2.GetConsoleOutputInput{InstanceId: &id})
	if err != nil {
		m.keep("", "ec2:GetConsoleOutput", nil, err)
	} else {
		m.sections["console_output"] = map[string]any{"base64": output.Output, "at": output.Timestamp}
	}
	screen, err := cloud.Do(ctx, m.Conn, cloud.Reads, "ec2:GetConsoleScreenshot", m.ec2.GetConsoleScreenshot, &ec2.GetConsoleScreenshotInput{InstanceId: &id})
	if err != nil {
		m.keep("", "ec2:GetConsoleScreenshot", nil, err)
	} else {
		m.sections["console_screenshot"] = map[string]any{"base64": screen.ImageData}
	}
	agent, err := m.agent(ctx, id)
	m.facts.SSMOnline = answer(m.keep("systems_manager", "ssm:DescribeInstanceInformation", agent, err), online(agent))
}
