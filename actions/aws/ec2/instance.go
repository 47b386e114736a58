package ec2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// unreadable is [cloud.Unreadable], for a target that is gone, too.
func unreadable(err error) (actions.Reading, error) {
	if errors.Is(err, errGone) || actions.ClassOf(err) == actions.NotFound {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	}
	return cloud.Unreadable(err)
}

// errGone is the cause of an error about an instance that has ended.
var errGone = errors.New("it has ended")

// instance reads one that still exists. The error is of class not-found for an
// unknown id and precondition for one that is terminated or on its way there.
func (c *conn) instance(ctx context.Context, id string) (types.Instance, error) {
	instance, err := c.anyInstance(ctx, id)
	if err != nil {
		return instance, err
	}
	if state := stateOf(instance); state == types.InstanceStateNameTerminated || state == types.InstanceStateNameShuttingDown {
		return instance, &actions.Error{Class: actions.Precondition, Op: "ec2:DescribeInstances", Err: fmt.Errorf("instance %q is %s: %w", id, state, errGone),
			Hint: "what is left of it are snapshots, and volumes that were not deleted with it"}
	}
	return instance, nil
}

// instanceToChange reads an instance that somebody wants to contain: it still
// exists and is not our own.
func (c *conn) instanceToChange(ctx context.Context, op, id string) (types.Instance, error) {
	instance, err := c.instance(ctx, id)
	if err != nil {
		return instance, err
	}
	return instance, c.refuseInstance(op, instance)
}

// anyInstance reads one in whatever state it is.
func (c *conn) anyInstance(ctx context.Context, id string) (types.Instance, error) {
	const op = "ec2:DescribeInstances"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if actions.ClassOf(err) == actions.NotFound && err != nil {
		e := *actions.AsError(op, err)
		e.Hint = fmt.Sprintf("check the id, the environment and its region, which is %s", c.Region)
		return types.Instance{}, &e
	}
	if err != nil {
		return types.Instance{}, err
	}
	for _, reservation := range out.Reservations {
		for _, instance := range reservation.Instances {
			if aws.ToString(instance.InstanceId) == id {
				return instance, nil
			}
		}
	}
	return types.Instance{}, cloud.Without(op, "instance "+id)
}

func stateOf(instance types.Instance) types.InstanceStateName {
	if instance.State == nil {
		return ""
	}
	return instance.State.Name
}

// interfaces reads all that are attached to an instance now, in the order of its
// devices. There always is one: none is an error.
func (c *conn) interfaces(ctx context.Context, id string) ([]types.NetworkInterface, error) {
	const op = "ec2:DescribeNetworkInterfaces"
	var found []types.NetworkInterface
	in := &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{{Name: aws.String("attachment.instance-id"), Values: []string{id}}}}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeNetworkInterfaces, in)
		if err != nil {
			return nil, err
		}
		for _, one := range out.NetworkInterfaces {
			if one.Attachment != nil && aws.ToString(one.Attachment.InstanceId) == id {
				found = append(found, one)
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	if len(found) == 0 {
		return nil, cloud.Without(op, "interface of instance "+id)
	}
	slices.SortFunc(found, func(a, b types.NetworkInterface) int {
		return cmp.Or(cmp.Compare(aws.ToInt32(a.Attachment.DeviceIndex), aws.ToInt32(b.Attachment.DeviceIndex)),
			cmp.Compare(aws.ToString(a.NetworkInterfaceId), aws.ToString(b.NetworkInterfaceId)))
	})
	return found, nil
}

// refuseInstance says why an instance must not be contained through this
// session, or nil: it is the one that firebreak's credentials come from, or
// another one with firebreak's own role. The role is compared by the name of the
// instance profile, which the console makes the same as that of its role.
func (c *conn) refuseInstance(op string, instance types.Instance) error {
	id := aws.ToString(instance.InstanceId)
	const hint = "firebreak would cut itself off; contain it from a firebreak that runs elsewhere"
	if slices.Contains(c.Instances, id) {
		return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("instance %q is the host that firebreak itself runs on", id), Hint: hint}
	}
	if profile := profileName(instance); profile != "" && c.IsSelf(cloud.Principal{Account: c.Account, Kind: cloud.Role, Name: profile}) {
		return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("instance %q runs with the role %q, which firebreak itself uses", id, profile), Hint: hint}
	}
	return nil
}

// profileName is the name of the instance profile; empty: there is none.
func profileName(instance types.Instance) string {
	if instance.IamInstanceProfile == nil {
		return ""
	}
	arn := aws.ToString(instance.IamInstanceProfile.Arn)
	return arn[strings.LastIndex(arn, "/")+1:]
}

// target names a resource of EC2: kind is instance, network_interface,
// security_group, volume, subnet, snapshot.
func (c *conn) target(kind, id string) actions.Target {
	return actions.Target{Type: "aws.ec2." + kind, ID: id, Account: c.Account, Region: c.Region}
}

// tag is the value of a tag; empty: there is none.
func tag(tags []types.Tag, key string) string {
	i := slices.IndexFunc(tags, func(t types.Tag) bool { return aws.ToString(t.Key) == key })
	if i < 0 {
		return ""
	}
	return aws.ToString(tags[i].Value)
}

// tagsOf are the marks of everything that a call makes.
func tagsOf(call actions.Call) []types.Tag {
	var tags []types.Tag
	for _, one := range cloud.Tags(call) {
		tags = append(tags, types.Tag{Key: aws.String(one.Key), Value: aws.String(one.Value)})
	}
	return tags
}
