package ec2

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// rule is one rule of a security group, about one peer.
type rule struct {
	Out      bool   `json:"out,omitempty"` // egress
	Protocol string `json:"protocol"`      // "-1" is all
	From     int32  `json:"from"`
	To       int32  `json:"to"`
	Peer     string `json:"peer"` // a network, a prefix list or a security group
}

func (r rule) String() string {
	direction := "in from "
	var what string
	if r.Out {
		direction = "out to "
	}
	switch {
	case r.Protocol == "-1":
		what = "everything"
	case r.From == r.To:
		what = fmt.Sprintf("%s %d", r.Protocol, r.From)
	default:
		what = fmt.Sprintf("%s %d-%d", r.Protocol, r.From, r.To)
	}
	return direction + r.Peer + ": " + what
}

func compareRules(a, b rule) int { return cmp.Compare(a.String(), b.String()) }

// permission is r in the words of EC2.
func (r rule) permission() types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(r.Protocol)}
	if r.Protocol != "-1" {
		p.FromPort, p.ToPort = aws.Int32(r.From), aws.Int32(r.To)
	}
	account, group, foreign := strings.Cut(r.Peer, "/")
	switch {
	case strings.HasPrefix(r.Peer, "pl-"):
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: aws.String(r.Peer)}}
	case strings.HasPrefix(r.Peer, "sg-"):
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(r.Peer)}}
	case foreign && strings.HasPrefix(group, "sg-"):
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &group, UserId: &account}}
	case strings.Contains(r.Peer, ":"):
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: aws.String(r.Peer)}}
	default:
		p.IpRanges = []types.IpRange{{CidrIp: aws.String(r.Peer)}}
	}
	return p
}

// rulesOf lists all rules of a group, sorted. Groups of other accounts have
// their account in front.
func rulesOf(group types.SecurityGroup) []rule {
	var rules []rule
	add := func(out bool, list []types.IpPermission) {
		for _, p := range list {
			r := rule{Out: out, Protocol: aws.ToString(p.IpProtocol), From: aws.ToInt32(p.FromPort), To: aws.ToInt32(p.ToPort)}
			if r.Protocol == "-1" {
				r.From, r.To = 0, 0
			}
			note := func(peer *string) {
				r.Peer = aws.ToString(peer)
				rules = append(rules, r)
			}
			for _, one := range p.IpRanges {
				note(one.CidrIp)
			}
			for _, one := range p.Ipv6Ranges {
				note(one.CidrIpv6)
			}
			for _, one := range p.PrefixListIds {
				note(one.PrefixListId)
			}
			for _, one := range p.UserIdGroupPairs {
				peer := aws.ToString(one.GroupId)
				if account := aws.ToString(one.UserId); account != "" && account != aws.ToString(group.OwnerId) {
					peer = account + "/" + peer
				}
				note(&peer)
			}
		}
	}
	add(false, group.IpPermissions)
	add(true, group.IpPermissionsEgress)
	slices.SortFunc(rules, compareRules)
	return slices.Compact(rules)
}

// lacking lists the rules of a that b does not have.
func lacking(a, b []rule) []rule {
	return slices.DeleteFunc(slices.Clone(a), func(r rule) bool { return slices.Contains(b, r) })
}

func ruleList(rules []rule) string {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = r.String()
	}
	return strings.Join(texts, "; ")
}

// The names of our security groups begin with these.
const (
	quarantineName = "firebreak-quarantine"
	openName       = "firebreak-untrack"
)

// groupPlan is a security group of ours as it has to be.
type groupPlan struct {
	VPC   string `json:"vpc"`
	Name  string `json:"name"`
	Rules []rule `json:"rules,omitempty"`
}

// quarantinePlan names the group after its rules, so that isolations which let
// different things through do not share one.
func quarantinePlan(vpc string, rules []rule) groupPlan {
	name := quarantineName
	if len(rules) > 0 {
		name += fmt.Sprintf("-%.4x", sha256.Sum256([]byte(ruleList(rules))))
	}
	return groupPlan{vpc, name, rules}
}

// openPlan is the group that makes connections untracked: everything may pass,
// both ways.
func openPlan(vpc string, six bool) groupPlan {
	plan := groupPlan{VPC: vpc, Name: openName}
	peers := []string{"0.0.0.0/0"}
	if six {
		plan.Name, peers = plan.Name+"-ipv6", append(peers, "::/0")
	}
	for _, out := range []bool{false, true} {
		for _, peer := range peers {
			plan.Rules = append(plan.Rules, rule{Out: out, Protocol: "-1", Peer: peer})
		}
	}
	slices.SortFunc(plan.Rules, compareRules)
	return plan
}

// ours says whether we made a group, by its tags. Its name proves nothing.
func ours(group types.SecurityGroup) bool { return tag(group.Tags, cloud.TagManaged) == "true" }

// groupNamed finds a group by its name in a network; found is false when there
// is none.
func (c *conn) groupNamed(ctx context.Context, vpc, name string) (group types.SecurityGroup, found bool, err error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeSecurityGroups", c.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{{Name: aws.String("group-name"), Values: []string{name}}, {Name: aws.String("vpc-id"), Values: []string{vpc}}},
	})
	if err != nil {
		return group, false, err
	}
	for _, one := range out.SecurityGroups {
		if aws.ToString(one.GroupName) == name && aws.ToString(one.VpcId) == vpc {
			return one, true, nil
		}
	}
	return group, false, nil
}

// free chooses the name of a group: that of the plan unless somebody else holds
// it, who may have made it to be in the way. It tells which names were passed
// over.
func (c *conn) free(ctx context.Context, op string, call actions.Call, plan *groupPlan) (group types.SecurityGroup, found bool, passed []string, err error) {
	for _, name := range []string{plan.Name, plan.Name + "-" + cloud.Word(call.Incident, 60), plan.Name + "-" + cloud.Word(call.Incident, 60) + "-" + string(call.Key.Token(12))} {
		plan.Name = name
		group, found, err = c.groupNamed(ctx, plan.VPC, name)
		if err != nil || !found || ours(group) {
			return group, found, passed, err
		}
		passed = append(passed, fmt.Sprintf("%s (%s)", name, aws.ToString(group.GroupId)))
	}
	return group, found, passed, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("the security groups %s of %s have our names, but not our tags", strings.Join(passed, ", "), plan.VPC),
		Hint: "somebody made them to be in the way: rename or delete one of them"}
}

// rounds is how often a group is read and corrected until it is as it has to be.
const rounds = 4

// ensure finds or makes a group and makes its rules exactly those of the plan.
// changed says whether anything was sent, also with an error.
func (c *conn) ensure(ctx context.Context, op string, call actions.Call, plan groupPlan) (id string, changed bool, err error) {
	group, found, err := c.groupNamed(ctx, plan.VPC, plan.Name)
	if err != nil {
		return "", false, err
	}
	if !found {
		if err := c.create(ctx, call, plan); err != nil {
			return "", false, err
		}
		changed = true
	}
	for range rounds {
		if group, found, err = c.groupNamed(ctx, plan.VPC, plan.Name); err != nil {
			return "", changed, err
		}
		if !found {
			continue
		}
		if !ours(group) {
			return "", changed, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("the security group %s is called %q but does not have our tags", aws.ToString(group.GroupId), plan.Name),
				Hint: "plan the step again: it will choose another name"}
		}
		now := rulesOf(group)
		foreign, missing := lacking(now, plan.Rules), lacking(plan.Rules, now)
		if len(foreign)+len(missing) == 0 {
			return aws.ToString(group.GroupId), changed, nil
		}
		sent, err := c.correct(ctx, aws.ToString(group.GroupId), foreign, missing)
		changed = changed || sent
		if err != nil {
			return "", changed, err
		}
	}
	if !found {
		return "", changed, cloud.Without("ec2:DescribeSecurityGroups", "security group "+plan.Name+", which was just made")
	}
	return "", changed, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("the rules of the security group %s are not the planned ones, although they were corrected %d times", aws.ToString(group.GroupId), rounds),
		Hint: "somebody fights it: take away their rights on security groups first"}
}

// create makes a group. One of that name made in between, by a lost attempt of
// ours or another step, is no error: the caller looks at its tags.
func (c *conn) create(ctx context.Context, call actions.Call, plan groupPlan) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:CreateSecurityGroup", c.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{
		VpcId: &plan.VPC, GroupName: &plan.Name, Description: aws.String("made by firebreak to contain instances"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: tagsOf(call)}},
	})
	if cloud.Code(err) == "InvalidGroup.Duplicate" {
		return nil
	}
	return err
}

// correct takes foreign rules away and adds missing ones. That somebody did so
// in between is no error: the caller reads again.
func (c *conn) correct(ctx context.Context, id string, foreign, missing []rule) (sent bool, err error) {
	side := func(rules []rule, out bool) []types.IpPermission {
		var list []types.IpPermission
		for _, r := range rules {
			if r.Out == out {
				list = append(list, r.permission())
			}
		}
		return list
	}
	note := func(err error, already string) error {
		if err == nil || cloud.Code(err) == already {
			sent = true
			return nil
		}
		return err
	}
	if list := side(foreign, false); len(list) > 0 {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:RevokeSecurityGroupIngress", c.ec2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: list})
		if err := note(err, "InvalidPermission.NotFound"); err != nil {
			return sent, err
		}
	}
	if list := side(foreign, true); len(list) > 0 {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:RevokeSecurityGroupEgress", c.ec2.RevokeSecurityGroupEgress, &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: list})
		if err := note(err, "InvalidPermission.NotFound"); err != nil {
			return sent, err
		}
	}
	if list := side(missing, false); len(list) > 0 {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:AuthorizeSecurityGroupIngress", c.ec2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: list})
		if err := note(err, "InvalidPermission.Duplicate"); err != nil {
			return sent, err
		}
	}
	if list := side(missing, true); len(list) > 0 {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:AuthorizeSecurityGroupEgress", c.ec2.AuthorizeSecurityGroupEgress, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &id, IpPermissions: list})
		if err := note(err, "InvalidPermission.Duplicate"); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// drop deletes a group when it is ours and no interface has it. One that is in
// use after all stays.
func (c *conn) drop(ctx context.Context, vpc, name string) error {
	group, found, err := c.groupNamed(ctx, vpc, name)
	if err != nil || !found || !ours(group) {
		return err
	}
	users, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeNetworkInterfaces", c.ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{aws.ToString(group.GroupId)}}},
	})
	if err != nil || len(users.NetworkInterfaces) > 0 || aws.ToString(users.NextToken) != "" {
		return err
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:DeleteSecurityGroup", c.ec2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: group.GroupId})
	if class := actions.ClassOf(err); err != nil && (class == actions.NotFound || class == actions.Precondition || cloud.Code(err) == "InvalidGroup.NotFound") {
		return nil
	}
	return err
}
