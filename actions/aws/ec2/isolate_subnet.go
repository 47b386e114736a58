package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type isolateSubnet struct{ cloud *cloud.Cloud }

type isolateSubnetParams struct {
	SubnetID string   `json:"subnet_id" doc:"the subnet" example:"subnet-0abc1234def567890" pattern:"^subnet-[0-9a-f]{8,17}$"`
	Allow    []string `json:"allow,omitempty" doc:"networks that the subnet may still talk with, all protocols, both ways: a forensic host, the endpoints of Systems Manager" example:"[10.9.0.0/28]"`
}

type isolateSubnetResult struct {
	NetworkACL    string `json:"network_acl" doc:"id of the quarantine ACL"`
	PreviousACL   string `json:"previous_acl" doc:"id of the ACL that the subnet had before"`
	AssociationID string `json:"association_id" doc:"id of the association of the subnet with the quarantine ACL"`
}

// subnetState is what Plan captures.
type subnetState struct {
	Subnet string   `json:"subnet"`
	VPC    string   `json:"vpc"`
	ACL    string   `json:"acl"`
	Allow  []string `json:"allow,omitempty"`
}

const opSubnet = "aws.ec2.isolate_subnet"

func (isolateSubnet) Spec() actions.Spec {
	row := func(phase actions.Phase, action, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why}
	}
	ours := func(phase actions.Phase, action, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why, Conditions: onlyOurs()}
	}
	made := func(p actions.Permission, key, value string) actions.Permission {
		p.Conditions = actions.Conditions{"StringEquals": {key: {value}}}
		return p
	}
	const acl, subnet = "arn:{partition}:ec2:{region}:{account}:network-acl/{network_acl}", "arn:{partition}:ec2:{region}:{account}:subnet/{subnet_id}"
	return actions.Spec{
		Name: opSubnet, Version: 1,
		Title: "Cut a whole subnet off",
		Doc: "Gives a subnet a network ACL of its own that denies everything, but for the networks that are allowed. ACLs know no connections, so that those that are open stop too. " +
			"The ACL has to stay until whatever held the connections is gone: taking it away lets them go on. For one host take aws.ec2.isolate_instance.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything in the subnet: every instance, load balancer node, NAT gateway, endpoint, database and function with an interface there loses its network, and so does what routes through it. Let two people approve this.",
		StaysAlive: []string{
			"Traffic inside the subnet: ACLs filter only what enters or leaves it.",
			"Instance metadata, the VPC's DNS and time service, DHCP: ACLs do not filter them, so that tunnels through DNS go on.",
			"Other interfaces of the same hosts in other subnets, and other subnets to which the attacker moved.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "ec2:DescribeNetworkAcls", "*", "read the ACL that the subnet has"),
			row(actions.PhasePlan, "ec2:DescribeSubnets", "*", "see that the subnet is there, and its VPC"),
			row(actions.PhasePlan, "ec2:DescribeNetworkInterfaces", "*", "tell what is in the subnet, and whether we are"),
			row(actions.PhaseExecute, "ec2:DescribeNetworkInterfaces", "*", "see again that we are not in the subnet"),
			row(actions.PhaseExecute, "ec2:DescribeNetworkAcls", "*", "find the quarantine ACL of an earlier attempt, and read its rules"),
			made(row(actions.PhaseExecute, "ec2:CreateNetworkAcl", acl, "make the quarantine ACL"), "aws:RequestTag/"+cloud.TagManaged, "true"),
			row(actions.PhaseExecute, "ec2:CreateNetworkAcl", "arn:{partition}:ec2:{region}:{account}:vpc/{vpc}", "make it in the VPC of the subnet"),
			made(row(actions.PhaseExecute, "ec2:CreateTags", acl, "mark it as ours while it is made"), "ec2:CreateAction", "CreateNetworkAcl"),
			ours(actions.PhaseExecute, "ec2:CreateNetworkAclEntry", acl, "let the allowed networks through"),
			ours(actions.PhaseExecute, "ec2:DeleteNetworkAclEntry", acl, "remove rules that do not belong there"),
			row(actions.PhaseExecute, "ec2:ReplaceNetworkAclAssociation", acl, "give it to the subnet"),
			row(actions.PhaseExecute, "ec2:ReplaceNetworkAclAssociation", subnet, "give the subnet its ACL"),
			row(actions.PhaseVerify, "ec2:DescribeNetworkAcls", "*", "read the ACL of the subnet back, with its rules"),
			row(actions.PhaseUndo, "ec2:DescribeNetworkAcls", "*", "see whether the subnet is still as we left it"),
			row(actions.PhaseUndo, "ec2:ReplaceNetworkAclAssociation", acl, "give back the ACL that the subnet had"),
			row(actions.PhaseUndo, "ec2:ReplaceNetworkAclAssociation", subnet, "give the subnet its ACL back"),
			ours(actions.PhaseUndo, "ec2:DeleteNetworkAcl", acl, "delete the quarantine ACL"),
		},
		Settle: 10 * time.Second,
	}
}

// networks reads the allowed networks.
func (p isolateSubnetParams) networks() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for i, text := range p.Allow {
		network, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("allow.%d: %q is not a network; write it like 10.9.0.0/28", i, text)
		case network != network.Masked():
			return nil, fmt.Errorf("allow.%d: %q has bits behind its mask; write %s", i, text, network.Masked())
		case network.Bits() == 0:
			return nil, fmt.Errorf("allow.%d: %q is everything, which would isolate nothing", i, text)
		case slices.Contains(networks, network):
			return nil, fmt.Errorf("allow.%d: %q is given twice", i, text)
		}
		networks = append(networks, network)
	}
	if len(networks) > maxAllowed {
		return nil, fmt.Errorf("allow: %d networks are given; an ACL holds %d rules a direction, one of which is left free", len(networks), maxAllowed+1)
	}
	return networks, nil
}

// maxAllowed is AWS's default limit of rules a direction, less one.
const maxAllowed = 19

func (a isolateSubnet) Plan(ctx context.Context, call actions.Call, p isolateSubnetParams) (actions.Preview, error) {
	var preview actions.Preview
	networks, err := p.networks()
	if err != nil {
		return preview, &actions.Error{Class: actions.Invalid, Op: opSubnet, Err: err}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	vpc, err := c.vpcOf(ctx, p.SubnetID)
	if err != nil {
		return preview, err
	}
	inside, err := c.inSubnet(ctx, p.SubnetID)
	if err != nil {
		return preview, err
	}
	if err := c.refuseSubnet(p.SubnetID, inside); err != nil {
		return preview, err
	}
	acl, _, err := c.aclOf(ctx, p.SubnetID)
	if err != nil {
		return preview, err
	}
	state := subnetState{Subnet: p.SubnetID, VPC: vpc, ACL: aws.ToString(acl.NetworkAclId), Allow: p.Allow}
	preview = actions.Preview{
		Targets: []actions.Target{c.target("subnet", p.SubnetID)},
		Changes: []string{
			fmt.Sprintf("A network ACL is made in %s that denies everything%s.", vpc, but(networks)),
			fmt.Sprintf("Subnet %s gets it in the place of %s: %s inside lose their network.", p.SubnetID, state.ACL, howMany(len(inside), "interface")),
		},
		Calls: []string{"ec2:CreateNetworkAcl", "ec2:ReplaceNetworkAclAssociation"},
	}
	if len(networks) > 0 {
		preview.Calls = []string{"ec2:CreateNetworkAcl", "ec2:CreateNetworkAclEntry", "ec2:ReplaceNetworkAclAssociation"}
	}
	preview.Warnings = append(preview.Warnings, occupants(inside)...)
	preview.Warnings = append(preview.Warnings, "It must stay until the hosts are clean: taking it away lets connections that did not time out go on.")
	for _, one := range acl.Tags {
		if aws.ToString(one.Key) == cloud.TagManaged {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("The ACL %s that the subnet has now was made by firebreak too (%s): another step isolated it.", state.ACL, tag(acl.Tags, cloud.TagIncident)))
		}
	}
	if foreign, missing := aclDrift(acl, wantedEntries(state.ACL, networks)); len(foreign)+len(missing) == 0 {
		preview.InEffect, preview.NoUndo = true, fmt.Sprintf("the ACL %s that the subnet has denied the same before", state.ACL)
	}
	return preview, preview.Capture(state)
}

func but(networks []netip.Prefix) string {
	if len(networks) == 0 {
		return ""
	}
	var names []string
	for _, one := range networks {
		names = append(names, one.String())
	}
	return ", but for " + strings.Join(names, ", ")
}

func howMany(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// occupants says what is in a subnet: instances by id, the rest by its kind.
func occupants(inside []types.NetworkInterface) []string {
	var instances, others []string
	for _, one := range inside {
		switch {
		case one.Attachment != nil && aws.ToString(one.Attachment.InstanceId) != "":
			instances = append(instances, aws.ToString(one.Attachment.InstanceId))
		case aws.ToString(one.Description) != "":
			others = append(others, aws.ToString(one.Description))
		default:
			others = append(others, aws.ToString(one.NetworkInterfaceId))
		}
	}
	var warnings []string
	for _, list := range []struct {
		names []string
		say   string
	}{{instances, "Instances in it: %s."}, {others, "Others in it: %s."}} {
		slices.Sort(list.names)
		names := slices.Compact(list.names)
		if len(names) > 20 {
			names = append(names[:20], fmt.Sprintf("and %d more", len(names)-20))
		}
		if len(names) > 0 {
			warnings = append(warnings, fmt.Sprintf(list.say, strings.Join(names, ", ")))
		}
	}
	return warnings
}

// vpcOf reads the VPC of a subnet.
func (c *conn) vpcOf(ctx context.Context, subnet string) (string, error) {
	const op = "ec2:DescribeSubnets"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}})
	if err != nil {
		return "", err
	}
	for _, one := range out.Subnets {
		if aws.ToString(one.SubnetId) == subnet && aws.ToString(one.VpcId) != "" {
			return aws.ToString(one.VpcId), nil
		}
	}
	return "", cloud.Without(op, "subnet "+subnet)
}

// inSubnet reads every interface in a subnet, whoever's it is.
func (c *conn) inSubnet(ctx context.Context, subnet string) ([]types.NetworkInterface, error) {
	var found []types.NetworkInterface
	in := &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{{Name: aws.String("subnet-id"), Values: []string{subnet}}}}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeNetworkInterfaces", c.ec2.DescribeNetworkInterfaces, in)
		if err != nil {
			return nil, err
		}
		if out.NetworkInterfaces == nil {
			return nil, cloud.Without("ec2:DescribeNetworkInterfaces", "list of interfaces")
		}
		found = append(found, out.NetworkInterfaces...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

// refuseSubnet says why a subnet must not be cut off through this session, or
// nil: the host that our credentials come from has an interface in it.
func (c *conn) refuseSubnet(subnet string, inside []types.NetworkInterface) error {
	for _, one := range inside {
		if one.Attachment != nil && slices.Contains(c.Instances, aws.ToString(one.Attachment.InstanceId)) {
			return &actions.Error{Class: actions.Precondition, Op: opSubnet, Err: fmt.Errorf("subnet %q holds instance %q, the host that firebreak itself runs on", subnet, aws.ToString(one.Attachment.InstanceId)),
				Hint: "firebreak would cut itself off; isolate it from a firebreak that runs elsewhere"}
		}
	}
	return nil
}

// resume loads what Plan captured and opens the session.
func (a isolateSubnet) resume(ctx context.Context, call actions.Call, p isolateSubnetParams) (*conn, subnetState, []ec2.CreateNetworkAclEntryInput, error) {
	var state subnetState
	if err := call.LoadState(&state); err != nil {
		return nil, state, nil, err
	}
	if state.Subnet != p.SubnetID || !slices.Equal(state.Allow, p.Allow) {
		return nil, state, nil, actions.WrongState("it is of another subnet, or allows other networks")
	}
	networks, err := p.networks()
	if err != nil {
		return nil, state, nil, &actions.Error{Class: actions.Invalid, Op: opSubnet, Err: err}
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, wantedEntries("", networks), err
}
