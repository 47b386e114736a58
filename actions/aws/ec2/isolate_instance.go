package ec2

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type isolateInstance struct{ cloud *cloud.Cloud }

type isolateInstanceParams struct {
	InstanceID       string       `json:"instance_id" doc:"the instance to isolate" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$" subject:"true"`
	Mode             string       `json:"mode,omitempty" doc:"sg: the quarantine group alone; sg_two_step: first open to everybody, so that connections become untracked and end with the quarantine; eip: the quarantine group, and no public address" default:"sg" enum:"sg,sg_two_step,eip" example:"sg"`
	AllowCIDRs       []string     `json:"allow_cidrs,omitempty" doc:"networks of the investigators, which may connect to the instance on every port; the instance cannot connect to them" example:"[10.9.0.0/24]"`
	AllowGroups      []string     `json:"allow_groups,omitempty" doc:"security groups, such as those of the VPC endpoints of Systems Manager, that the instance may reach on TCP port 443" example:"[sg-0abc1234def567890]"`
	AllowPrefixLists []string     `json:"allow_prefix_lists,omitempty" doc:"prefix lists, such as that of the S3 gateway endpoint, that the instance may reach on TCP port 443" example:"[pl-63a5400a]"`
	IdleTimeout      actions.Span `json:"idle_timeout,omitempty" doc:"after how long without a packet a connection from before is forgotten, on Nitro instances; 60s to 120h; 0s: it is left as it is" default:"60s" example:"60s"`
	OpenFor          actions.Span `json:"open_for,omitempty" doc:"how long mode sg_two_step leaves the instance open to everybody, at most 60s" default:"10s" example:"10s"`
}

type isolateInstanceResult struct {
	InstanceID string            `json:"instance_id" doc:"the instance that was isolated"`
	GroupIDs   []string          `json:"group_ids" doc:"the quarantine groups, one a network"`
	Interfaces []interfaceBefore `json:"interfaces" doc:"every interface as it was before, as aws.ec2.restore_instance takes it"`
	Tagged     bool              `json:"tagged" doc:"whether the instance could be tagged with the incident"`
}

// interfaceBefore is what an interface goes back to.
type interfaceBefore struct {
	ID        string          `json:"interface_id" doc:"the network interface" example:"eni-0abc1234def567890" pattern:"^eni-[0-9a-f]{8,17}$"`
	Groups    []string        `json:"groups" doc:"the security groups that it had" example:"[sg-0abc1234def567890]"`
	Idle      int             `json:"idle_seconds,omitempty" doc:"its idle timeout of TCP connections, when it had one of its own" example:"350"`
	Addresses []publicAddress `json:"addresses,omitempty" doc:"the Elastic IPs that it lost"`
}

// publicAddress is an Elastic IP and where it was.
type publicAddress struct {
	Allocation string `json:"allocation_id" doc:"the Elastic IP" example:"eipalloc-0abc1234def567890"`
	Private    string `json:"private_ip" doc:"the private address that it belonged to" example:"10.0.0.4"`
}

// The modes.
const (
	modeGroups  = "sg"
	modeTwoStep = "sg_two_step"
	modeAddress = "eip"
)

const (
	onInterface = "arn:{partition}:ec2:{region}:{account}:network-interface/{network_interface}"
	onGroup     = "arn:{partition}:ec2:{region}:{account}:security-group/{security_group}"
	onInstance  = "arn:{partition}:ec2:{region}:{account}:instance/{instance_id}"
	onVPC       = "arn:{partition}:ec2:{region}:{account}:vpc/{vpc}"
	onAddress   = "arn:{partition}:ec2:{region}:{account}:elastic-ip/{allocation}"
)

// onlyOurs limits a right to what carries our mark.
func onlyOurs() actions.Conditions {
	return actions.Conditions{"StringEquals": {"aws:ResourceTag/" + cloud.TagManaged: {"true"}}}
}

func (isolateInstance) Spec() actions.Spec {
	const op = "ec2:ModifyNetworkInterfaceAttribute"
	made := actions.Conditions{"StringEquals": {"aws:RequestTag/" + cloud.TagManaged: {"true"}}}
	rows := []actions.Permission{
		{Phase: actions.PhasePlan, Action: "ec2:DescribeInstances", Resource: "*", Why: "find the instance, and make sure that it is not firebreak's own host"},
		{Phase: actions.PhasePlan, Action: "ec2:DescribeNetworkInterfaces", Resource: "*", Why: "record every interface with its groups and addresses"},
		{Phase: actions.PhasePlan, Action: "ec2:DescribeSecurityGroups", Resource: "*", Why: "find the quarantine group and read its rules"},
		{Phase: actions.PhasePlan, Action: "ec2:DescribeInstanceTypes", Resource: "*", Why: "see whether the idle timeout can be set, which takes Nitro"},
		{Phase: actions.PhaseExecute, Action: "ec2:DescribeInstances", Resource: "*", Why: "make sure once more that it is not firebreak's own host"},
		{Phase: actions.PhaseExecute, Action: "ec2:DescribeNetworkInterfaces", Resource: "*", Why: "see which interfaces are attached now"},
		{Phase: actions.PhaseExecute, Action: "ec2:DescribeSecurityGroups", Resource: "*", Why: "read the rules of the quarantine group back before it is used"},
		{Phase: actions.PhaseExecute, Action: "ec2:CreateSecurityGroup", Resource: onGroup, Conditions: made, Why: "make the quarantine group"},
		{Phase: actions.PhaseExecute, Action: "ec2:CreateSecurityGroup", Resource: onVPC, Why: "make it in the instance's network"},
		{Phase: actions.PhaseExecute, Action: "ec2:CreateTags", Resource: onGroup, Conditions: actions.Conditions{"StringEquals": {"ec2:CreateAction": {"CreateSecurityGroup"}}}, Why: "mark the quarantine group as ours"},
		{Phase: actions.PhaseExecute, Action: "ec2:CreateTags", Resource: onInstance, Why: "mark the instance with the incident"},
	}
	for _, verb := range []string{"RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"} {
		rows = append(rows, actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:" + verb, Resource: onGroup, Conditions: onlyOurs(), Why: "take away the rules that AWS gives a new group, and those that somebody added"})
	}
	for _, verb := range []string{"AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"} {
		rows = append(rows, actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:" + verb, Resource: onGroup, Conditions: onlyOurs(), Why: "let through what the parameters allow"})
	}
	rows = append(rows,
		actions.Permission{Phase: actions.PhaseExecute, Action: op, Resource: onInterface, Why: "set the groups and the idle timeout of every interface"},
		actions.Permission{Phase: actions.PhaseExecute, Action: op, Resource: onGroup, Conditions: onlyOurs(), Why: "put the quarantine group on it"},
		actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:DeleteSecurityGroup", Resource: onGroup, Conditions: onlyOurs(), When: actions.When{"mode": {"sg_two_step"}}, Why: "remove the open group of mode sg_two_step at once"},
		actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:DisassociateAddress", Resource: onAddress, When: actions.When{"mode": {"eip"}}, Why: "take the public address away in mode eip"},
		actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:DisassociateAddress", Resource: onInterface, When: actions.When{"mode": {"eip"}}, Why: "take the public address away in mode eip"},
		actions.Permission{Phase: actions.PhaseVerify, Action: "ec2:DescribeNetworkInterfaces", Resource: "*", Why: "read the groups of every interface that is attached now"},
		actions.Permission{Phase: actions.PhaseVerify, Action: "ec2:DescribeSecurityGroups", Resource: "*", Why: "read the rules of the quarantine group"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DescribeInstances", Resource: "*", Why: "see which of its tags are ours"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DescribeNetworkInterfaces", Resource: "*", Why: "see whether the interfaces are still as we left them"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DescribeSecurityGroups", Resource: "*", Why: "see whether the original groups still exist"},
		actions.Permission{Phase: actions.PhaseUndo, Action: op, Resource: onInterface, Why: "give every interface its groups and idle timeout back"},
		actions.Permission{Phase: actions.PhaseUndo, Action: op, Resource: onGroup, Why: "put the original groups on it"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:AssociateAddress", Resource: onAddress, When: actions.When{"mode": {"eip"}}, Why: "give the public address back"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:AssociateAddress", Resource: onInterface, When: actions.When{"mode": {"eip"}}, Why: "give the public address back"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DeleteSecurityGroup", Resource: onGroup, Conditions: onlyOurs(), Why: "remove the quarantine group when nothing uses it"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:CreateTags", Resource: onInstance, Why: "put tags back that the instance had under our keys"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DeleteTags", Resource: onInstance, Why: "take our tags from the instance"},
	)
	return actions.Spec{
		Name: "aws.ec2.isolate_instance", Version: 1,
		Title: "Isolate an instance from the network",
		Doc: "Gives every network interface of the instance one security group that lets nothing through but what the parameters allow, and lets old connections be forgotten after 60 s without a packet. " +
			"The quarantine group is found or made, one a network, and its rules are made exactly the planned ones before it is used. Take the instance out of its Auto Scaling group first: a failed health check makes the group terminate it, evidence and all.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything that the instance serves stops, and health checks of load balancers and Auto Scaling fail. Systems Manager loses it too, unless its endpoints are allowed. Containers on it share its fate.",
		StaysAlive: []string{
			"Connections from before: security groups do not cut what they track. One that keeps sending packets lives on in modes sg and eip; one that idles is forgotten after the idle timeout, or, where that cannot be set, after up to 5 days. Stop the instance to end all.",
			"Mode sg_two_step ends only connections that carry a packet while the instance is open to everybody; one that sleeps through that is forgotten after the idle timeout, not before.",
			"Mode eip ends connections through a public IPv4 address at once, but not those inside the network, over IPv6, through peering, a VPN or a NAT gateway.",
			"The instance metadata service, the DNS server of the network and the time service, which no security group filters: data can leave by DNS queries.",
			"The credentials of the instance's role, wherever they were copied to: revoke them.",
			"Interfaces that are not attached to the instance itself, such as those of containers with addresses of their own.",
		},
		Permissions: rows,
		Timeout:     3 * time.Minute,
	}
}

// rules are those of the quarantine group.
func (p isolateInstanceParams) rules() ([]rule, actions.Problems) {
	var rules []rule
	var problems actions.Problems
	for i, text := range p.AllowCIDRs {
		network, err := netip.ParsePrefix(text)
		path := fmt.Sprintf("allow_cidrs.%d", i)
		switch {
		case err != nil || network != network.Masked():
			problems = append(problems, actions.Problem{Path: path, Message: fmt.Sprintf("%q is not a network", text), Hint: "write it like 10.9.0.0/24, with no bit set after the prefix"})
		case network.Bits() < 8 || network.Addr().Is6() && network.Bits() < 32:
			problems = append(problems, actions.Problem{Path: path, Message: fmt.Sprintf("%q is so large that it isolates from nobody", text), Hint: "allow the investigators' own network"})
		default:
			rules = append(rules, rule{Protocol: "-1", Peer: network.String()})
		}
	}
	for _, list := range []struct {
		name, prefix string
		ids          []string
	}{{"allow_groups", "sg-", p.AllowGroups}, {"allow_prefix_lists", "pl-", p.AllowPrefixLists}} {
		for i, id := range list.ids {
			if !strings.HasPrefix(id, list.prefix) {
				problems = append(problems, actions.Problem{Path: fmt.Sprintf("%s.%d", list.name, i), Message: fmt.Sprintf("%q does not begin with %q", id, list.prefix)})
			}
			rules = append(rules, rule{Out: true, Protocol: "tcp", From: 443, To: 443, Peer: id})
		}
	}
	if idle := time.Duration(p.IdleTimeout); idle != 0 && (idle < time.Minute || idle > defaultIdle*time.Second || idle%time.Second != 0) {
		problems = append(problems, actions.Problem{Path: "idle_timeout", Message: fmt.Sprintf("%s is not possible", idle), Hint: "60s to 120h in whole seconds, or 0s to leave it"})
	}
	if time.Duration(p.OpenFor) > time.Minute {
		problems = append(problems, actions.Problem{Path: "open_for", Message: "is more than 60s", Hint: "the instance is open to everybody for that long"})
	}
	slices.SortFunc(rules, compareRules)
	return slices.Compact(rules), problems
}

func (a isolateInstance) Plan(ctx context.Context, call actions.Call, p isolateInstanceParams) (actions.Preview, error) {
	const op = "aws.ec2.isolate_instance"
	var preview actions.Preview
	rules, problems := p.rules()
	if len(problems) > 0 {
		return preview, &actions.Error{Class: actions.Invalid, Op: op, Err: problems}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instanceToChange(ctx, op, p.InstanceID)
	if err != nil {
		return preview, err
	}
	state := isolation{Instance: p.InstanceID, Mode: p.Mode, Tags: marksOf(call, instance)}
	if state.Cards, err = c.cards(ctx, p.InstanceID); err != nil {
		return preview, err
	}
	preview.Targets = []actions.Target{c.target("instance", p.InstanceID)}
	if group := tag(instance.Tags, "aws:autoscaling:groupName"); group != "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The instance belongs to the Auto Scaling group %s, which terminates it when its health check fails: detach it first.", group))
	}
	if p.IdleTimeout != 0 {
		able, err := c.nitro(ctx, instance.InstanceType)
		if err != nil {
			return preview, err
		}
		if able {
			state.Idle = int32(time.Duration(p.IdleTimeout) / time.Second)
		} else {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("The idle timeout cannot be set, since %s is not a Nitro type.", instance.InstanceType))
		}
	}
	ready := true
	for _, vpc := range networks(state.Cards) {
		plan := quarantinePlan(vpc, rules)
		group, found, passed, err := c.free(ctx, op, call, &plan)
		if err != nil {
			return preview, err
		}
		for _, one := range passed {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("A security group called %s is not ours, since it does not have our tags; another name is used. Find out who made it.", one))
		}
		state.Groups = append(state.Groups, plan)
		ready = c.groupPreview(&preview, plan, aws.ToString(group.GroupId), rulesOf(group)) && ready
		for i := range state.Cards {
			ready = ready && (state.Cards[i].VPC != vpc || found && state.Cards[i].has(aws.ToString(group.GroupId)))
		}
	}
	preview.Calls = append(preview.Calls, "ec2:ModifyNetworkInterfaceAttribute")
	for _, one := range state.Cards {
		ready = a.cardPreview(c, &preview, state, one) && ready
	}
	if p.Mode == modeTwoStep && !ready {
		if err := a.planOpen(ctx, c, call, &preview, &state); err != nil {
			return preview, err
		}
	}
	preview.Calls = append(preview.Calls, "ec2:CreateTags")
	preview.Warnings = append(preview.Warnings, a.livesOn(p, state)...)
	state.Before, preview.InEffect = ready, ready
	if why := leftOpen(state.Cards); why != "" {
		preview.NoUndo, preview.Warnings = why, append(preview.Warnings, strings.ToUpper(why[:1])+why[1:]+".")
	}
	if ready {
		preview.NoUndo = "the instance was isolated before"
	}
	return preview, preview.Capture(state)
}

// networks are those that the interfaces are in, sorted.
func networks(cards []card) []string {
	found := map[string]bool{}
	for _, one := range cards {
		found[one.VPC] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// groupPreview tells what happens to a quarantine group, and says whether it is
// as planned.
func (c *conn) groupPreview(preview *actions.Preview, plan groupPlan, id string, now []rule) bool {
	through := "nothing"
	if len(plan.Rules) > 0 {
		through = ruleList(plan.Rules)
	}
	foreign := lacking(now, plan.Rules)
	switch {
	case id == "":
		preview.Changes = append(preview.Changes, fmt.Sprintf("A security group %s is made in %s. It lets through: %s.", plan.Name, plan.VPC, through))
		preview.Calls = append(preview.Calls, "ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress")
		foreign = nil
	case len(foreign) > 0:
		preview.Changes = append(preview.Changes, fmt.Sprintf("The security group %s (%s) loses rules: %s.", plan.Name, id, ruleList(foreign)))
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Somebody added rules to our security group %s: %s. They are removed.", id, ruleList(foreign)))
	}
	for _, r := range foreign {
		preview.Calls = appendNew(preview.Calls, map[bool]string{false: "ec2:RevokeSecurityGroupIngress", true: "ec2:RevokeSecurityGroupEgress"}[r.Out])
	}
	missing := lacking(plan.Rules, now)
	for _, r := range missing {
		preview.Calls = appendNew(preview.Calls, map[bool]string{false: "ec2:AuthorizeSecurityGroupIngress", true: "ec2:AuthorizeSecurityGroupEgress"}[r.Out])
	}
	return id != "" && len(foreign)+len(missing) == 0
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// cardPreview tells what happens to one interface, and says whether that is so
// already, its groups apart.
func (isolateInstance) cardPreview(c *conn, preview *actions.Preview, state isolation, one card) bool {
	ready := state.Idle == 0 || one.Idle == state.Idle
	i := slices.IndexFunc(state.Groups, func(g groupPlan) bool { return g.VPC == one.VPC })
	preview.Targets = append(preview.Targets, c.target("network_interface", one.ID))
	preview.Changes = append(preview.Changes, fmt.Sprintf("Interface %s gets the security group %s instead of %s.", one.ID, state.Groups[i].Name, groupList(one.Groups)))
	if !ready {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Interface %s forgets connections after %d s without a packet.", one.ID, state.Idle))
		if one.Idle == 0 {
			preview.Warnings = appendNew(preview.Warnings, fmt.Sprintf("An idle timeout cannot be taken away again: the undo sets AWS's general default of %d s in so many words. The newest Nitro types have a default of 350 s.", defaultIdle))
		}
	}
	if one.ForService {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("A service of AWS manages interface %s and may set its groups again.", one.ID))
	}
	if state.Mode != modeAddress {
		return ready
	}
	for _, public := range one.Addresses {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Interface %s loses its public address %s.", one.ID, public.Public))
		preview.Calls = appendNew(preview.Calls, "ec2:DisassociateAddress")
	}
	if one.PublicIP != "" {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Interface %s loses its public address %s.", one.ID, one.PublicIP))
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("AWS assigned the address %s by itself and gives another one when this is undone.", one.PublicIP))
	}
	if one.SixAddress {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Interface %s has an IPv6 address, which stays.", one.ID))
	}
	return ready && len(one.Addresses) == 0 && one.PublicIP == ""
}

// planOpen plans the group that makes connections untracked.
func (isolateInstance) planOpen(ctx context.Context, c *conn, call actions.Call, preview *actions.Preview, state *isolation) error {
	for _, vpc := range networks(state.Cards) {
		plan := openPlan(vpc, slices.ContainsFunc(state.Cards, func(one card) bool { return one.VPC == vpc && one.SixAddress }))
		if _, _, _, err := c.free(ctx, "aws.ec2.isolate_instance", call, &plan); err != nil {
			return err
		}
		state.Open = append(state.Open, plan)
		preview.Changes = append(preview.Changes, fmt.Sprintf("Before that, every interface in %s gets the security group %s for a moment, which lets everything through; it is removed afterwards.", vpc, plan.Name))
	}
	for _, verb := range []string{"CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "DeleteSecurityGroup"} {
		preview.Calls = appendNew(preview.Calls, "ec2:"+verb)
	}
	return nil
}

// livesOn says which connections the mode leaves alive.
func (isolateInstance) livesOn(p isolateInstanceParams, state isolation) []string {
	idle := "up to 5 days"
	if state.Idle > 0 {
		idle = (time.Duration(state.Idle) * time.Second).String()
	}
	switch p.Mode {
	case modeTwoStep:
		return []string{
			fmt.Sprintf("For %s everybody who can reach the instance can reach every port of it, and it can reach everybody.", time.Duration(p.OpenFor)),
			fmt.Sprintf("Only connections that carry a packet in that time end with the quarantine; others live on until they have been idle for %s.", idle),
		}
	case modeAddress:
		return []string{fmt.Sprintf("Connections through a public IPv4 address end at once; all others that are open now live on until they have been idle for %s.", idle)}
	}
	return []string{fmt.Sprintf("Connections that are open now live on until they have been idle for %s; those that keep sending packets do not end. Stopping the instance ends them.", idle)}
}

// before are the interfaces as the result tells them.
func (s isolation) before() []interfaceBefore {
	var all []interfaceBefore
	for _, one := range s.Cards {
		b := interfaceBefore{ID: one.ID, Groups: one.Groups, Idle: int(cmp.Or(one.Idle, 0))}
		if s.Mode == modeAddress {
			for _, public := range one.Addresses {
				b.Addresses = append(b.Addresses, publicAddress{public.Allocation, public.Private})
			}
		}
		all = append(all, b)
	}
	return all
}
