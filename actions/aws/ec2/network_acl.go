package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// lastRule is the number from which on AWS puts its own entries, which deny what
// no other entry allows. Nobody can change them.
const lastRule = 32767

// firstRule is the number of the first entry that we make.
const firstRule = 100

// entry is one rule of a network ACL, as text that can be compared.
type entry struct {
	number int32
	egress bool
	text   string
}

// wantedEntries are the rules of a quarantine ACL: all traffic from and to each
// network. ACLs know no connections, so that both directions have to be there.
func wantedEntries(acl string, networks []netip.Prefix) []ec2.CreateNetworkAclEntryInput {
	var wanted []ec2.CreateNetworkAclEntryInput
	for i, network := range networks {
		for _, egress := range []bool{false, true} {
			in := ec2.CreateNetworkAclEntryInput{NetworkAclId: &acl, RuleNumber: aws.Int32(int32(firstRule + i)), Egress: aws.Bool(egress), Protocol: aws.String("-1"), RuleAction: types.RuleActionAllow}
			if network.Addr().Is4() {
				in.CidrBlock = aws.String(network.String())
			} else {
				in.Ipv6CidrBlock = aws.String(network.String())
			}
			wanted = append(wanted, in)
		}
	}
	return wanted
}

func entryOf(number *int32, egress *bool, protocol *string, action types.RuleAction, v4, v6 *string, ports *types.PortRange, icmp *types.IcmpTypeCode) entry {
	text := fmt.Sprintf("%s protocol %s %s%s", action, aws.ToString(protocol), aws.ToString(v4), aws.ToString(v6))
	if ports != nil {
		text += fmt.Sprintf(" ports %d-%d", aws.ToInt32(ports.From), aws.ToInt32(ports.To))
	}
	if icmp != nil {
		text += fmt.Sprintf(" icmp %d/%d", aws.ToInt32(icmp.Type), aws.ToInt32(icmp.Code))
	}
	return entry{aws.ToInt32(number), aws.ToBool(egress), text}
}

func (e entry) String() string {
	direction := "in"
	if e.egress {
		direction = "out"
	}
	return fmt.Sprintf("%d %s %s", e.number, direction, e.text)
}

// aclDrift compares the rules of an ACL with those it should have: entries
// that are there and should not be, and inputs for those that are missing.
func aclDrift(acl types.NetworkAcl, wanted []ec2.CreateNetworkAclEntryInput) (foreign []entry, missing []ec2.CreateNetworkAclEntryInput) {
	var there, right []entry
	for _, one := range acl.Entries {
		if aws.ToInt32(one.RuleNumber) < lastRule {
			there = append(there, entryOf(one.RuleNumber, one.Egress, one.Protocol, one.RuleAction, one.CidrBlock, one.Ipv6CidrBlock, one.PortRange, one.IcmpTypeCode))
		}
	}
	for _, in := range wanted {
		e := entryOf(in.RuleNumber, in.Egress, in.Protocol, in.RuleAction, in.CidrBlock, in.Ipv6CidrBlock, in.PortRange, in.IcmpTypeCode)
		if right = append(right, e); !slices.Contains(there, e) {
			missing = append(missing, in)
		}
	}
	for _, e := range there {
		if !slices.Contains(right, e) {
			foreign = append(foreign, e)
		}
	}
	return foreign, missing
}

// acls reads the network ACLs that fit a filter.
func (c *conn) acls(ctx context.Context, filters ...types.Filter) ([]types.NetworkAcl, error) {
	const op = "ec2:DescribeNetworkAcls"
	var found []types.NetworkAcl
	in := &ec2.DescribeNetworkAclsInput{Filters: filters}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeNetworkAcls, in)
		if err != nil {
			return nil, err
		}
		found = append(found, out.NetworkAcls...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

// aclOf reads the ACL of a subnet, and the id of their association, which is
// another one after each change. Every subnet has exactly one; no answer is an
// error, and so is one without a list of rules.
func (c *conn) aclOf(ctx context.Context, subnet string) (types.NetworkAcl, string, error) {
	found, err := c.acls(ctx, types.Filter{Name: aws.String("association.subnet-id"), Values: []string{subnet}})
	if err != nil {
		return types.NetworkAcl{}, "", err
	}
	for _, acl := range found {
		for _, one := range acl.Associations {
			if aws.ToString(one.SubnetId) == subnet && aws.ToString(one.NetworkAclAssociationId) != "" && acl.Entries != nil {
				return acl, aws.ToString(one.NetworkAclAssociationId), nil
			}
		}
	}
	return types.NetworkAcl{}, "", cloud.Without("ec2:DescribeNetworkAcls", "network ACL of subnet "+subnet)
}

// quarantineACL finds the one that this step made for the subnet, by its marks.
// Two of them would mean that AWS made one twice; the one with the lower id is
// taken by every attempt.
func (c *conn) quarantineACL(ctx context.Context, call actions.Call, subnet, vpc string) (types.NetworkAcl, bool, error) {
	filters := []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}}
	for _, one := range aclTags(call, subnet) {
		filters = append(filters, types.Filter{Name: aws.String("tag:" + aws.ToString(one.Key)), Values: []string{aws.ToString(one.Value)}})
	}
	found, err := c.acls(ctx, filters...)
	if err != nil || len(found) == 0 {
		return types.NetworkAcl{}, false, err
	}
	return slices.MinFunc(found, func(a, b types.NetworkAcl) int {
		return strings.Compare(aws.ToString(a.NetworkAclId), aws.ToString(b.NetworkAclId))
	}), true, nil
}

// aclTags are the marks of a quarantine ACL.
func aclTags(call actions.Call, subnet string) []types.Tag {
	return append(tagsOf(call), types.Tag{Key: aws.String("firebreak:subnet"), Value: &subnet}, types.Tag{Key: aws.String("Name"), Value: aws.String("firebreak quarantine of " + subnet)})
}

// createACL makes an ACL without entries, which denies everything. The token
// keeps AWS from making a second one; the call is sent once besides, so that it
// does not have to be believed.
func (c *conn) createACL(ctx context.Context, call actions.Call, subnet, vpc string) (types.NetworkAcl, error) {
	const op = "ec2:CreateNetworkAcl"
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.ec2.CreateNetworkAcl, &ec2.CreateNetworkAclInput{
		VpcId: &vpc, ClientToken: aws.String(cloud.Token(call.Key, "network-acl", subnet)),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeNetworkAcl, Tags: aclTags(call, subnet)}},
	})
	if err != nil {
		return types.NetworkAcl{}, err
	}
	if out.NetworkAcl == nil || aws.ToString(out.NetworkAcl.NetworkAclId) == "" {
		return types.NetworkAcl{}, &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("the answer names no network ACL, %w", cloud.ErrEmpty)}
	}
	return *out.NetworkAcl, nil
}

// associateACL gives a subnet another ACL, in the place of the association named.
func (c *conn) associateACL(ctx context.Context, association, acl string) error {
	const op = "ec2:ReplaceNetworkAclAssociation"
	_, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.ec2.ReplaceNetworkAclAssociation, &ec2.ReplaceNetworkAclAssociationInput{AssociationId: &association, NetworkAclId: &acl})
	return err
}
