package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// EC2 says of a call with DryRun whether it would be allowed, and does nothing:
// neither are its parameters checked. Such calls are made in the role that will
// make them in earnest, once, and with what is there already wherever that goes,
// so that one which is carried out in spite of everything changes nothing. The
// calls on network ACLs are not tried, since there are endpoints that ignore
// DryRun there; rights for them are known by simulation alone.

// dryRunOK is how EC2 says that it would have done it.
const dryRunOK = "DryRunOperation"

// rehearsal makes dry runs in the role that carries out, with what was read in the
// role that plans.
type rehearsal struct {
	*conn
	checks []actions.Check
}

// rehearse opens the session of the role that carries out. A role that cannot be
// used is a check too.
func rehearse(ctx context.Context, c *cloud.Cloud, call actions.Call) *rehearsal {
	call.Phase = actions.PhaseExecute
	acting, err := open(ctx, c, call)
	if err != nil {
		return &rehearsal{checks: []actions.Check{dryRun("dry run", "", err)}}
	}
	return &rehearsal{conn: acting}
}

// note judges the answer of one dry run; about says of what.
func (r *rehearsal) note(op, about string, err error) {
	r.checks = append(r.checks, dryRun("dry run of "+op, about, err))
}

func dryRun(name, about string, err error) actions.Check {
	check := actions.Check{Name: name, Readiness: actions.NotReady}
	switch class := actions.ClassOf(err); {
	case err == nil:
		check.Detail = fmt.Sprintf("ALARM: EC2 answered without %s, so the call may have been CARRIED OUT; look at %s at once, and do not use this endpoint", dryRunOK, about)
	case cloud.Code(err) == dryRunOK:
		check.Readiness, check.Detail = actions.Ready, about
	case class == actions.Transient || class == actions.Throttled || class == actions.Unknown:
		check.Readiness, check.Detail = actions.ReadyUnknown, err.Error()
	default:
		check.Detail = err.Error()
	}
	return check
}

// touch tries to change an interface, to the description that it has. Its groups
// are left out: the right to put the quarantine group on it does not hold for the
// groups that it has now.
func (r *rehearsal) touch(ctx context.Context, one card) {
	const op = "ec2:ModifyNetworkInterfaceAttribute"
	_, err := cloud.Do(ctx, r.Conn, cloud.Once, op, r.ec2.ModifyNetworkInterfaceAttribute, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: aws.String(one.ID), Description: &types.AttributeValue{Value: aws.String(one.Description)}, DryRun: aws.Bool(true),
	})
	r.note(op, "interface "+one.ID, err)
}

// Preflight tries the change of every interface, and to make the quarantine group
// where there is none.
func (a isolateInstance) Preflight(ctx context.Context, call actions.Call, p isolateInstanceParams) ([]actions.Check, error) {
	c, instance, err := target(ctx, a.cloud, call, "aws.ec2.isolate_instance", p.InstanceID)
	if err != nil {
		return nil, err
	}
	cards, err := c.cards(ctx, aws.ToString(instance.InstanceId))
	if err != nil {
		return nil, err
	}
	rules, problems := p.rules()
	if len(problems) > 0 {
		return nil, &actions.Error{Class: actions.Invalid, Op: "aws.ec2.isolate_instance", Err: problems}
	}
	r := rehearse(ctx, a.cloud, call)
	if r.conn == nil {
		return r.checks, nil
	}
	for _, vpc := range networks(cards) {
		plan := quarantinePlan(vpc, rules)
		_, found, _, err := c.free(ctx, "aws.ec2.isolate_instance", call, &plan)
		if err != nil {
			return nil, err
		}
		if !found {
			r.makeGroup(ctx, call, plan)
		}
	}
	for _, one := range cards {
		r.touch(ctx, one)
	}
	return r.checks, nil
}

func (r *rehearsal) makeGroup(ctx context.Context, call actions.Call, plan groupPlan) {
	const op = "ec2:CreateSecurityGroup"
	_, err := cloud.Do(ctx, r.Conn, cloud.Once, op, r.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{
		VpcId: &plan.VPC, GroupName: &plan.Name, Description: aws.String("made by firebreak to contain instances"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: tagsOf(call)}}, DryRun: aws.Bool(true),
	})
	r.note(op, fmt.Sprintf("security group %s in %s", plan.Name, plan.VPC), err)
}

// Preflight tries the change of every interface that is named and attached.
func (a restoreInstance) Preflight(ctx context.Context, call actions.Call, p restoreInstanceParams) ([]actions.Check, error) {
	c, _, err := target(ctx, a.cloud, call, "aws.ec2.restore_instance", p.InstanceID)
	if err != nil {
		return nil, err
	}
	cards, err := c.cards(ctx, p.InstanceID)
	if err != nil {
		return nil, err
	}
	r := rehearse(ctx, a.cloud, call)
	for _, one := range p.Interfaces {
		if now, attached := findCard(cards, one.ID); attached && r.conn != nil {
			r.touch(ctx, now)
		}
	}
	return r.checks, nil
}

// Preflight tries to set what a shutdown from within does, to what it does now.
func (a protectInstance) Preflight(ctx context.Context, call actions.Call, p protectInstanceParams) ([]actions.Check, error) {
	const op = "ec2:ModifyInstanceAttribute"
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return nil, err
	}
	now, err := c.protectionOf(ctx, p.InstanceID)
	if err != nil {
		return nil, err
	}
	r := rehearse(ctx, a.cloud, call)
	if r.conn != nil {
		_, err = cloud.Do(ctx, r.Conn, cloud.Once, op, r.ec2.ModifyInstanceAttribute, &ec2.ModifyInstanceAttributeInput{
			InstanceId: &p.InstanceID, InstanceInitiatedShutdownBehavior: &types.AttributeValue{Value: &now.Shutdown}, DryRun: aws.Bool(true),
		})
		r.note(op, "instance "+p.InstanceID, err)
	}
	return r.checks, nil
}

// Preflight tries to stop the instance.
func (a stopInstance) Preflight(ctx context.Context, call actions.Call, p stopInstanceParams) ([]actions.Check, error) {
	const op = "ec2:StopInstances"
	if _, _, err := target(ctx, a.cloud, call, opStop, p.InstanceID); err != nil {
		return nil, err
	}
	r := rehearse(ctx, a.cloud, call)
	if r.conn != nil {
		_, err := cloud.Do(ctx, r.Conn, cloud.Once, op, r.ec2.StopInstances, &ec2.StopInstancesInput{InstanceIds: []string{p.InstanceID}, DryRun: aws.Bool(true)})
		r.note(op, "instance "+p.InstanceID, err)
	}
	return r.checks, nil
}

// Preflight tries to take the set of snapshots.
func (a snapshotVolumes) Preflight(ctx context.Context, call actions.Call, p snapshotVolumesParams) ([]actions.Check, error) {
	const op = "ec2:CreateSnapshots"
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return nil, err
	}
	state, err := a.read(ctx, c, p)
	if err != nil {
		return nil, err
	}
	r := rehearse(ctx, a.cloud, call)
	if r.conn != nil {
		_, err = cloud.Do(ctx, r.Conn, cloud.Once, op, r.ec2.CreateSnapshots, &ec2.CreateSnapshotsInput{
			InstanceSpecification: state.specification(), TagSpecifications: copyMarks(call, tagSet, cloud.Token(call.Key, "set")), DryRun: aws.Bool(true),
		})
		r.note(op, "instance "+p.Instance, err)
	}
	return r.checks, nil
}

// target reads the instance of a step in the role that plans, and makes sure that
// it is not our own: not even a dry run is aimed at that.
func target(ctx context.Context, c *cloud.Cloud, call actions.Call, op, id string) (*conn, types.Instance, error) {
	reading, err := open(ctx, c, call)
	if err != nil {
		return nil, types.Instance{}, err
	}
	instance, err := reading.instance(ctx, id)
	if err != nil {
		return nil, instance, err
	}
	return reading, instance, reading.refuseInstance(op, instance)
}
