package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// registration is one target in one target group, in the words with which it was
// registered: another port or zone would be another target.
type registration struct {
	Group string `json:"group" doc:"ARN of the target group"`
	ID    string `json:"id" doc:"the target: an instance id or an address"`
	Port  int    `json:"port" doc:"the port it is registered with"`
	Zone  string `json:"zone,omitempty" doc:"the zone it was registered for, or all; empty: AWS finds it"`
	Quic  string `json:"quic_server_id,omitempty" doc:"its server id in a QUIC target group"`
}

// String names a registration for people.
func (r registration) String() string {
	s := fmt.Sprintf("%s:%d in %s", r.ID, r.Port, groupName(r.Group))
	if r.Zone != "" {
		s += " (" + r.Zone + ")"
	}
	return s
}

// groupName is the name inside the ARN of a target group.
func groupName(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 3 {
		return parts[1]
	}
	return arn
}

// description names the target to AWS.
func (r registration) description() elb.TargetDescription {
	d := elb.TargetDescription{Id: &r.ID}
	if r.Port != 0 {
		d.Port = aws.Int32(int32(r.Port))
	}
	if r.Zone != "" {
		d.AvailabilityZone = &r.Zone
	}
	return d
}

// whole is all that AWS needs to register the target again.
func (r registration) whole() elb.TargetDescription {
	d := r.description()
	if r.Quic != "" {
		d.QuicServerId = &r.Quic
	}
	return d
}

// health is what AWS says about a target.
type health struct {
	state  elb.TargetHealthStateEnum
	reason elb.TargetHealthReasonEnum
}

func (h health) String() string {
	if h.reason == "" {
		return string(h.state)
	}
	return string(h.state) + ", " + string(h.reason)
}

// gone says whether the target is not registered. The state unused alone does not
// say so: it is also that of a registered target whose group no load balancer
// uses, and of a stopped instance.
func (h health) gone() bool { return h.reason == elb.TargetHealthReasonEnumNotRegistered }

// targetGroups reads those that are named by ARN, or all of this region when none
// is. A group that does not exist is an error of class not-found.
func (c *conn) targetGroups(ctx context.Context, arns []string) ([]elb.TargetGroup, error) {
	const op = "elasticloadbalancing:DescribeTargetGroups"
	var found []elb.TargetGroup
	in := &elasticloadbalancingv2.DescribeTargetGroupsInput{TargetGroupArns: arns}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.balancing().DescribeTargetGroups, in)
		if err != nil {
			return nil, err
		}
		if out.TargetGroups == nil {
			return nil, cloud.Without(op, "list of target groups")
		}
		found = append(found, out.TargetGroups...)
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			break
		}
	}
	for _, arn := range arns {
		if !slices.ContainsFunc(found, func(g elb.TargetGroup) bool { return aws.ToString(g.TargetGroupArn) == arn }) {
			return nil, cloud.Without(op, "target group "+arn)
		}
	}
	slices.SortFunc(found, func(a, b elb.TargetGroup) int {
		return cmp.Compare(aws.ToString(a.TargetGroupArn), aws.ToString(b.TargetGroupArn))
	})
	return found, nil
}

// registrations reads the targets of a group that are the instance: by its id, or
// by an address of one of its interfaces. Those that drain already are in leaving.
func (c *conn) registrations(ctx context.Context, group elb.TargetGroup, names []string) (registered, leaving []registration, err error) {
	const op = "elasticloadbalancing:DescribeTargetHealth"
	arn := aws.ToString(group.TargetGroupArn)
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.balancing().DescribeTargetHealth, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: &arn})
	if err != nil {
		return nil, nil, err
	}
	if out.TargetHealthDescriptions == nil {
		return nil, nil, cloud.Without(op, "list of targets of "+arn)
	}
	for _, one := range out.TargetHealthDescriptions {
		if one.Target == nil || one.TargetHealth == nil || !slices.Contains(names, aws.ToString(one.Target.Id)) || one.TargetHealth.Reason == elb.TargetHealthReasonEnumNotRegistered {
			continue
		}
		r := registration{Group: arn, ID: aws.ToString(one.Target.Id), Port: int(aws.ToInt32(one.Target.Port)), Zone: aws.ToString(one.Target.AvailabilityZone), Quic: aws.ToString(one.Target.QuicServerId)}
		if one.TargetHealth.State == elb.TargetHealthStateEnumDraining {
			leaving = append(leaving, r)
		} else {
			registered = append(registered, r)
		}
	}
	return registered, leaving, nil
}

// healthOf asks about exactly these targets of one group, in their order. A
// target that the answer does not speak of is an error: silence proves nothing.
func (c *conn) healthOf(ctx context.Context, targets []registration) ([]health, error) {
	const op = "elasticloadbalancing:DescribeTargetHealth"
	in := &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: &targets[0].Group}
	for _, one := range targets {
		in.Targets = append(in.Targets, one.description())
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.balancing().DescribeTargetHealth, in)
	if err != nil {
		return nil, err
	}
	states := make([]health, len(targets))
	for i, want := range targets {
		at := slices.IndexFunc(out.TargetHealthDescriptions, func(d elb.TargetHealthDescription) bool {
			return d.Target != nil && d.TargetHealth != nil && aws.ToString(d.Target.Id) == want.ID && (want.Port == 0 || int(aws.ToInt32(d.Target.Port)) == want.Port)
		})
		if at < 0 {
			return nil, cloud.Without(op, "target "+want.String())
		}
		states[i] = health{out.TargetHealthDescriptions[at].TargetHealth.State, out.TargetHealthDescriptions[at].TargetHealth.Reason}
	}
	return states, nil
}

// byGroup splits targets, which are sorted by group, into one list a group.
func byGroup(targets []registration) [][]registration {
	var lists [][]registration
	for i, one := range targets {
		if i == 0 || targets[i-1].Group != one.Group {
			lists = append(lists, nil)
		}
		lists[len(lists)-1] = append(lists[len(lists)-1], one)
	}
	return lists
}

// targetNames are all by which an instance can be a target in its own VPC: its id, and
// every private address of every interface.
func targetNames(id string, interfaces []types.NetworkInterface) []string {
	names := []string{id}
	for _, one := range interfaces {
		if address := aws.ToString(one.PrivateIpAddress); address != "" {
			names = append(names, address)
		}
		for _, more := range one.PrivateIpAddresses {
			names = append(names, aws.ToString(more.PrivateIpAddress))
		}
		for _, more := range one.Ipv6Addresses {
			names = append(names, aws.ToString(more.Ipv6Address))
		}
	}
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	slices.Sort(names)
	return slices.Compact(names)
}
