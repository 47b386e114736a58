package ec2

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// card is a network interface as it was, or is.
type card struct {
	ID          string    `json:"id"`
	VPC         string    `json:"vpc"`
	Groups      []string  `json:"groups"`                // sorted ids
	Idle        int32     `json:"idle,omitempty"`        // seconds until an idle TCP connection is forgotten; zero: not set
	Addresses   []address `json:"addresses,omitempty"`   // Elastic IPs
	PublicIP    string    `json:"public_ip,omitempty"`   // one that AWS assigned by itself, which cannot be got back
	SixAddress  bool      `json:"six_address,omitempty"` // it has an IPv6 address
	ForService  bool      `json:"for_service,omitempty"` // a service of AWS manages it
	Open        bool      `json:"open,omitempty"`        // it has the group that lets everything through
	Description string    `json:"-"`
}

// address is an Elastic IP and where it is.
type address struct {
	Allocation  string `json:"allocation"`
	Association string `json:"-"`
	Public      string `json:"public"`
	Private     string `json:"private"`
}

// defaultIdle is AWS's own idle timeout of established TCP connections, in
// seconds, for all but the newest generation of Nitro.
const defaultIdle = 432000

func (c card) idle() int32 {
	if c.Idle == 0 {
		return defaultIdle
	}
	return c.Idle
}

func (c card) has(groups ...string) bool {
	slices.Sort(groups)
	return slices.Equal(c.Groups, groups)
}

// cardOf reads an interface as EC2 shows it.
func cardOf(n types.NetworkInterface) card {
	c := card{ID: aws.ToString(n.NetworkInterfaceId), VPC: aws.ToString(n.VpcId), ForService: aws.ToBool(n.RequesterManaged), SixAddress: len(n.Ipv6Addresses)+len(n.Ipv6Prefixes) > 0}
	for _, g := range n.Groups {
		c.Groups = append(c.Groups, aws.ToString(g.GroupId))
		c.Open = c.Open || strings.HasPrefix(aws.ToString(g.GroupName), openName)
	}
	slices.Sort(c.Groups)
	if n.ConnectionTrackingConfiguration != nil {
		c.Idle = aws.ToInt32(n.ConnectionTrackingConfiguration.TcpEstablishedTimeout)
	}
	note := func(a *types.NetworkInterfaceAssociation, private *string) {
		switch {
		case a == nil || aws.ToString(a.PublicIp) == "":
		case aws.ToString(a.AllocationId) == "":
			c.PublicIP = aws.ToString(a.PublicIp)
		default:
			one := address{aws.ToString(a.AllocationId), aws.ToString(a.AssociationId), aws.ToString(a.PublicIp), aws.ToString(private)}
			if !slices.ContainsFunc(c.Addresses, func(other address) bool { return other.Allocation == one.Allocation }) {
				c.Addresses = append(c.Addresses, one)
			}
		}
	}
	for _, private := range n.PrivateIpAddresses {
		note(private.Association, private.PrivateIpAddress)
	}
	note(n.Association, n.PrivateIpAddress)
	return c
}

// cards reads all interfaces that are attached to an instance now.
func (c *conn) cards(ctx context.Context, id string) ([]card, error) {
	found, err := c.interfaces(ctx, id)
	if err != nil {
		return nil, err
	}
	var cards []card
	for _, one := range found {
		cards = append(cards, cardOf(one))
	}
	return cards, nil
}

func findCard(cards []card, id string) (card, bool) {
	i := slices.IndexFunc(cards, func(c card) bool { return c.ID == id })
	if i < 0 {
		return card{}, false
	}
	return cards[i], true
}

// isolation is what Plan captures.
type isolation struct {
	Instance string            `json:"instance"`
	Mode     string            `json:"mode"`
	Idle     int32             `json:"idle,omitempty"` // seconds to set; zero: it is left
	Cards    []card            `json:"cards"`
	Groups   []groupPlan       `json:"groups"`           // the quarantine, one a network
	Open     []groupPlan       `json:"open,omitempty"`   // what makes connections untracked, one a network
	Tags     map[string]string `json:"tags,omitempty"`   // the instance's tags under our keys
	Before   bool              `json:"before,omitempty"` // it was isolated already
}

// leftOpen says why interfaces are not brought back to what they were: they were
// open, because a step was killed in the moment in which it had opened them.
// Empty: they were not.
func leftOpen(cards []card) string {
	i := slices.IndexFunc(cards, func(c card) bool { return c.Open })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("interface %s was open to everybody when this was planned, by an isolation that was cut short: what it had before is known to that step alone", cards[i].ID)
}

// quarantines maps each network to the id of its quarantine group. One that is
// missing is an empty answer, one with other rules a difference.
func (c *conn) quarantines(ctx context.Context, plans []groupPlan) (ids map[string]string, differences []string, err error) {
	ids = map[string]string{}
	for _, plan := range plans {
		group, found, err := c.groupNamed(ctx, plan.VPC, plan.Name)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			return nil, nil, cloud.Without("ec2:DescribeSecurityGroups", "security group "+plan.Name)
		}
		ids[plan.VPC] = aws.ToString(group.GroupId)
		now := rulesOf(group)
		if foreign := lacking(now, plan.Rules); len(foreign) > 0 {
			differences = append(differences, fmt.Sprintf("security group %s has rules that were not planned: %s", ids[plan.VPC], ruleList(foreign)))
		}
		if missing := lacking(plan.Rules, now); len(missing) > 0 {
			differences = append(differences, fmt.Sprintf("security group %s lacks rules: %s", ids[plan.VPC], ruleList(missing)))
		}
		if !ours(group) {
			differences = append(differences, fmt.Sprintf("security group %s does not have our tags", ids[plan.VPC]))
		}
	}
	return ids, differences, nil
}

func (c *conn) setGroups(ctx context.Context, id string, groups []string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:ModifyNetworkInterfaceAttribute", c.ec2.ModifyNetworkInterfaceAttribute, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, Groups: groups})
	return err
}

// setIdle is a call of its own, since EC2 changes one attribute a call.
func (c *conn) setIdle(ctx context.Context, id string, seconds int32) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:ModifyNetworkInterfaceAttribute", c.ec2.ModifyNetworkInterfaceAttribute, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: &id, ConnectionTrackingSpecification: &types.ConnectionTrackingSpecificationRequest{TcpEstablishedTimeout: &seconds},
	})
	return err
}

// setPublic asks for an address that AWS assigns by itself, or gives it up.
func (c *conn) setPublic(ctx context.Context, id string, on bool) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:ModifyNetworkInterfaceAttribute", c.ec2.ModifyNetworkInterfaceAttribute, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &id, AssociatePublicIpAddress: &on})
	return err
}

// takeAddresses takes every public address from an interface.
func (c *conn) takeAddresses(ctx context.Context, now card) error {
	for _, one := range now.Addresses {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:DisassociateAddress", c.ec2.DisassociateAddress, &ec2.DisassociateAddressInput{AssociationId: aws.String(one.Association)})
		if err != nil && cloud.Code(err) != "InvalidAssociationID.NotFound" {
			return err
		}
	}
	if now.PublicIP == "" {
		return nil
	}
	return c.setPublic(ctx, now.ID, false)
}

// giveAddress puts an Elastic IP back where it was. One that is in use elsewhere
// is not taken from there.
func (c *conn) giveAddress(ctx context.Context, id string, one address) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:AssociateAddress", c.ec2.AssociateAddress, &ec2.AssociateAddressInput{
		AllocationId: &one.Allocation, NetworkInterfaceId: &id, PrivateIpAddress: &one.Private, AllowReassociation: aws.Bool(false),
	})
	return err
}

// nitro says whether an instance type runs on the hypervisor that lets the idle
// timeout be set.
func (c *conn) nitro(ctx context.Context, kind types.InstanceType) (bool, error) {
	const op = "ec2:DescribeInstanceTypes"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeInstanceTypes, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{kind}})
	if err != nil {
		return false, err
	}
	for _, one := range out.InstanceTypes {
		if one.InstanceType == kind {
			return one.Hypervisor == types.InstanceTypeHypervisorNitro || aws.ToBool(one.BareMetal), nil
		}
	}
	return false, cloud.Without(op, "instance type "+string(kind))
}

// marksOf are the tags of an instance under our keys.
func marksOf(call actions.Call, instance types.Instance) map[string]string {
	found := map[string]string{}
	for _, ours := range cloud.Tags(call) {
		for _, one := range instance.Tags {
			if aws.ToString(one.Key) == ours.Key {
				found[ours.Key] = aws.ToString(one.Value)
			}
		}
	}
	return found
}

// mark tags an instance, unless it has the tags.
func (c *conn) mark(ctx context.Context, call actions.Call, instance types.Instance) error {
	missing := slices.DeleteFunc(tagsOf(call), func(t types.Tag) bool { return tag(instance.Tags, aws.ToString(t.Key)) == aws.ToString(t.Value) })
	if len(missing) == 0 {
		return nil
	}
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:CreateTags", c.ec2.CreateTags, &ec2.CreateTagsInput{Resources: []string{aws.ToString(instance.InstanceId)}, Tags: missing})
	return err
}

// unmark puts the tags under our keys back as they were, but for those that
// another step has set since.
func (c *conn) unmark(ctx context.Context, call actions.Call, instance types.Instance, before map[string]string) error {
	var gone, back []types.Tag
	for _, one := range tagsOf(call) {
		key := aws.ToString(one.Key)
		old, was := before[key]
		switch {
		case tag(instance.Tags, cloud.TagStep) != cloud.Word(call.Step, 256), tag(instance.Tags, cloud.TagRun) != cloud.Word(call.Run, 256):
		case !was:
			gone = append(gone, types.Tag{Key: one.Key})
		case tag(instance.Tags, key) != old:
			back = append(back, types.Tag{Key: one.Key, Value: &old})
		}
	}
	id := aws.ToString(instance.InstanceId)
	if len(back) > 0 {
		if _, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:CreateTags", c.ec2.CreateTags, &ec2.CreateTagsInput{Resources: []string{id}, Tags: back}); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		if _, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:DeleteTags", c.ec2.DeleteTags, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: gone}); err != nil {
			return err
		}
	}
	return nil
}

// wait lets d pass, or less when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func groupList(groups []string) string {
	if len(groups) == 0 {
		return "no group"
	}
	return strings.Join(groups, ", ")
}
