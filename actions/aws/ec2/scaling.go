package ec2

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Lifecycle states of an instance in its group, those that are decided about
// here.
const (
	inService       = string(scaling.LifecycleStateInService)
	enteringStandby = string(scaling.LifecycleStateEnteringStandby)
	standby         = string(scaling.LifecycleStateStandby)
	detaching       = string(scaling.LifecycleStateDetaching)
	joining         = string(scaling.LifecycleStatePending)
)

// scalingGroupTag names the group of an instance on the instance itself.
const scalingGroupTag = "aws:autoscaling:groupName"

// scalingInstance reads an instance as its group sees it; found is false when it
// is in no group. An answer without even an empty list is an error.
func (c *conn) scalingInstance(ctx context.Context, id string) (own scaling.AutoScalingInstanceDetails, found bool, err error) {
	const op = "autoscaling:DescribeAutoScalingInstances"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.autoScaling().DescribeAutoScalingInstances, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return own, false, err
	}
	if out.AutoScalingInstances == nil {
		return own, false, cloud.Without(op, "list of instances")
	}
	for _, one := range out.AutoScalingInstances {
		if aws.ToString(one.InstanceId) == id {
			return one, true, nil
		}
	}
	return own, false, nil
}

// scalingGroupOf is the name of the group that an instance is in; empty: it is
// in none.
func (c *conn) scalingGroupOf(ctx context.Context, id string) (string, error) {
	own, _, err := c.scalingInstance(ctx, id)
	return aws.ToString(own.AutoScalingGroupName), err
}

// scalingGroup reads one group with all its instances. The error is of class
// not-found when AWS knows none of that name.
func (c *conn) scalingGroup(ctx context.Context, name string) (scaling.AutoScalingGroup, error) {
	const op = "autoscaling:DescribeAutoScalingGroups"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.autoScaling().DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return scaling.AutoScalingGroup{}, err
	}
	for _, group := range out.AutoScalingGroups {
		if aws.ToString(group.AutoScalingGroupName) == name {
			return group, nil
		}
	}
	if out.AutoScalingGroups == nil {
		return scaling.AutoScalingGroup{}, cloud.Without(op, "list of groups")
	}
	return scaling.AutoScalingGroup{}, &actions.Error{Class: actions.NotFound, Op: op, Err: fmt.Errorf("there is no Auto Scaling group %q", name), Hint: "was it deleted?"}
}

// member finds an instance in a group.
func member(group scaling.AutoScalingGroup, id string) (scaling.Instance, bool) {
	i := slices.IndexFunc(group.Instances, func(one scaling.Instance) bool { return aws.ToString(one.InstanceId) == id })
	if i < 0 {
		return scaling.Instance{}, false
	}
	return group.Instances[i], true
}

// roomBelow says why a group cannot do with one instance less, or nil. AWS checks
// it too, but only after it has been asked to change something.
func roomBelow(op string, group scaling.AutoScalingGroup) error {
	desired, least := aws.ToInt32(group.DesiredCapacity), aws.ToInt32(group.MinSize)
	if desired-1 >= least {
		return nil
	}
	return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("group %q wants %d instances and must keep at least %d, so none can leave without a replacement", aws.ToString(group.AutoScalingGroupName), desired, least),
		Hint: "set replace to true, so that the group launches another one, or lower its minimum"}
}

// roomAbove says why a group cannot take one instance more, or nil.
func roomAbove(op string, group scaling.AutoScalingGroup) error {
	desired, most := aws.ToInt32(group.DesiredCapacity), aws.ToInt32(group.MaxSize)
	if desired+1 <= most {
		return nil
	}
	return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("group %q wants %d instances and may have %d at most, so none can come back", aws.ToString(group.AutoScalingGroupName), desired, most),
		Hint: "raise its maximum, or lower its desired capacity so that the replacement goes"}
}

// groupTarget names a group.
func (c *conn) groupTarget(name string) actions.Target {
	return actions.Target{Type: "aws.autoscaling.group", ID: name, Account: c.Account, Region: c.Region}
}

// scalingGroupTagOf is the group that the instance's own tag names.
func scalingGroupTagOf(instance types.Instance) string { return tag(instance.Tags, scalingGroupTag) }
