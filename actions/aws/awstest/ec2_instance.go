package awstest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// useEC2 makes up for what moto forgets: the idle timeout of connections, which
// it accepts and never shows.
func (w *World) useEC2() {
	if w.launched {
		return
	}
	w.launched, w.idle = true, map[string]string{}
	const field = "ConnectionTrackingSpecification.TcpEstablishedTimeout"
	var mu sync.Mutex
	w.Proxy.Correct("ec2:ModifyNetworkInterfaceAttribute", func(call Call) {
		mu.Lock()
		defer mu.Unlock()
		if call.Form.Has(field) {
			w.idle[call.Form.Get("NetworkInterfaceId")] = call.Form.Get(field)
		}
	}, nil)
	w.Proxy.Correct("ec2:DescribeNetworkInterfaces", nil, func(body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		text := string(body)
		for id, seconds := range w.idle {
			name := "<networkInterfaceId>" + id + "</networkInterfaceId>"
			text = strings.ReplaceAll(text, name, name+"<connectionTrackingConfiguration><tcpEstablishedTimeout>"+seconds+"</tcpEstablishedTimeout></connectionTrackingConfiguration>")
		}
		return []byte(text)
	})
}

// idleText is the idle timeout of an interface; empty: AWS's default.
func (w *World) idleText(id string) string {
	if seconds := w.idle[id]; seconds != "" && seconds != "432000" {
		return " idle=" + seconds
	}
	return ""
}

// instanceState reads every instance: its state, tags, protection and volumes.
func (w *World) instanceState(t *testing.T) []string {
	t.Helper()
	out, err := w.EC2().DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, reservation := range out.Reservations {
		for _, one := range reservation.Instances {
			line := fmt.Sprintf("instance %s %s%s", aws.ToString(one.InstanceId), one.State.Name, tagText(one.Tags))
			for _, name := range []types.InstanceAttributeName{types.InstanceAttributeNameDisableApiTermination, types.InstanceAttributeNameDisableApiStop, types.InstanceAttributeNameInstanceInitiatedShutdownBehavior} {
				got, err := w.EC2().DescribeInstanceAttribute(t.Context(), &ec2.DescribeInstanceAttributeInput{InstanceId: one.InstanceId, Attribute: name})
				if err != nil {
					t.Fatal(err)
				}
				switch name {
				case types.InstanceAttributeNameDisableApiTermination:
					line += fmt.Sprintf(" keep=%v", aws.ToBool(got.DisableApiTermination.Value))
				case types.InstanceAttributeNameDisableApiStop:
					line += fmt.Sprintf(" nostop=%v", aws.ToBool(got.DisableApiStop.Value))
				default:
					line += " shutdown=" + aws.ToString(got.InstanceInitiatedShutdownBehavior.Value)
				}
			}
			for _, d := range one.BlockDeviceMappings {
				line += fmt.Sprintf(" %s=%s/%v", aws.ToString(d.DeviceName), aws.ToString(d.Ebs.VolumeId), aws.ToBool(d.Ebs.DeleteOnTermination))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// interfaceState reads every network interface and its addresses.
func (w *World) interfaceState(t *testing.T) []string {
	t.Helper()
	out, err := w.EC2().DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, one := range out.NetworkInterfaces {
		var groups []string
		for _, g := range one.Groups {
			groups = append(groups, aws.ToString(g.GroupId))
		}
		slices.Sort(groups)
		instance := ""
		if one.Attachment != nil {
			instance = aws.ToString(one.Attachment.InstanceId)
		}
		lines = append(lines, fmt.Sprintf("interface %s of %q %v%s%s", aws.ToString(one.NetworkInterfaceId), instance, groups, tagText(one.TagSet), w.idleText(aws.ToString(one.NetworkInterfaceId))))
	}
	addresses, err := w.EC2().DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range addresses.Addresses {
		lines = append(lines, fmt.Sprintf("address %s at %q", aws.ToString(one.AllocationId), aws.ToString(one.NetworkInterfaceId)))
	}
	return lines
}

// groupState reads every security group with its rules.
func (w *World) groupState(t *testing.T) []string {
	t.Helper()
	out, err := w.EC2().DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, one := range out.SecurityGroups {
		lines = append(lines, fmt.Sprintf("group %s %s%s in %s out %s", aws.ToString(one.GroupId), aws.ToString(one.GroupName), tagText(one.Tags),
			ruleText(one.IpPermissions), ruleText(one.IpPermissionsEgress)))
	}
	return lines
}

func ruleText(rules []types.IpPermission) string {
	var all []string
	for _, r := range rules {
		what := fmt.Sprintf("%s:%d-%d ", aws.ToString(r.IpProtocol), aws.ToInt32(r.FromPort), aws.ToInt32(r.ToPort))
		for _, one := range r.IpRanges {
			all = append(all, what+aws.ToString(one.CidrIp))
		}
		for _, one := range r.Ipv6Ranges {
			all = append(all, what+aws.ToString(one.CidrIpv6))
		}
		for _, one := range r.PrefixListIds {
			all = append(all, what+aws.ToString(one.PrefixListId))
		}
		for _, one := range r.UserIdGroupPairs {
			all = append(all, what+aws.ToString(one.GroupId))
		}
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

func tagText(tags []types.Tag) string {
	var all []string
	for _, one := range tags {
		all = append(all, aws.ToString(one.Key)+"="+aws.ToString(one.Value))
	}
	slices.Sort(all)
	if len(all) == 0 {
		return ""
	}
	return " {" + strings.Join(all, " ") + "}"
}

// instanceRights are the rights of calls about instances, their interfaces and
// their groups. EC2's Describe calls have no resource level, but for a few
// attributes.
func (w *World) instanceRights() map[string]rights {
	on := func(kind, field string) rights {
		return func(call Call) []Need { return []Need{{call.Operation, w.arn(kind, call.Form.Get(field))}} }
	}
	return map[string]rights{
		"ec2:DescribeInstances":             anywhere,
		"ec2:DescribeNetworkInterfaces":     anywhere,
		"ec2:DescribeSecurityGroups":        anywhere,
		"ec2:DescribeInstanceTypes":         anywhere,
		"ec2:DescribeVolumes":               anywhere,
		"ec2:DescribeInstanceAttribute":     on("instance", "InstanceId"),
		"ec2:ModifyInstanceAttribute":       on("instance", "InstanceId"),
		"ec2:AuthorizeSecurityGroupIngress": on("security-group", "GroupId"),
		"ec2:AuthorizeSecurityGroupEgress":  on("security-group", "GroupId"),
		"ec2:RevokeSecurityGroupIngress":    on("security-group", "GroupId"),
		"ec2:RevokeSecurityGroupEgress":     on("security-group", "GroupId"),
		"ec2:DeleteSecurityGroup":           on("security-group", "GroupId"),
		"ec2:CreateSecurityGroup": func(call Call) []Need {
			group := w.arn("security-group", "*") // it has no id yet
			needs := []Need{{call.Operation, group}, {call.Operation, w.arn("vpc", call.Form.Get("VpcId"))}}
			if call.Form.Has("TagSpecification.1.ResourceType") {
				needs = append(needs, Need{"ec2:CreateTags", group})
			}
			return needs
		},
		"ec2:ModifyNetworkInterfaceAttribute": func(call Call) []Need {
			needs := []Need{{call.Operation, w.arn("network-interface", call.Form.Get("NetworkInterfaceId"))}}
			for _, group := range values(call, "SecurityGroupId") {
				needs = append(needs, Need{call.Operation, w.arn("security-group", group)})
			}
			return needs
		},
		"ec2:AssociateAddress": func(call Call) []Need {
			return []Need{{call.Operation, w.arn("elastic-ip", call.Form.Get("AllocationId"))}, {call.Operation, w.arn("network-interface", call.Form.Get("NetworkInterfaceId"))}}
		},
		// An association has no ARN: the right is checked on what it joins.
		"ec2:DisassociateAddress": func(call Call) []Need {
			return []Need{{call.Operation, w.arn("elastic-ip", "*")}, {call.Operation, w.arn("network-interface", "*")}}
		},
		"ec2:CreateTags": w.tagRights,
		"ec2:DeleteTags": w.tagRights,
	}
}

// tagRights are those of a call about the tags of resources of EC2.
func (w *World) tagRights(call Call) []Need {
	kinds := map[string]string{"i": "instance", "eni": "network-interface", "sg": "security-group", "vol": "volume", "snap": "snapshot"}
	var needs []Need
	for _, id := range values(call, "ResourceId") {
		prefix, _, _ := strings.Cut(id, "-")
		needs = append(needs, Need{call.Operation, w.arn(kinds[prefix], id)})
	}
	return needs
}
