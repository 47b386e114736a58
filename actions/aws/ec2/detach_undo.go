package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// wasOut says why there is nothing to take back; empty: there is.
func (s detachState) wasOut(mode string) string {
	switch {
	case s.Group == "":
		return "the instance was in no Auto Scaling group before this step"
	case done(mode, s.State):
		return fmt.Sprintf("the instance was %s before this step; it stays so", s.State)
	}
	return ""
}

func (a detachInstance) PlanUndo(ctx context.Context, call actions.Call, p detachInstanceParams, _ detachInstanceResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("instance", p.InstanceID)}}
	if preview.NoUndo = state.wasOut(p.Mode); preview.NoUndo != "" {
		return preview, nil
	}
	preview.Targets = append(preview.Targets, c.groupTarget(state.Group))
	group, err := c.scalingGroup(ctx, state.Group)
	if err != nil {
		return preview, err
	}
	own, found := member(group, p.InstanceID)
	preview.InEffect = found && string(own.LifecycleState) == inService && aws.ToBool(own.ProtectedFromScaleIn) == state.Protected
	if p.Mode == "standby" {
		preview.Calls = []string{"autoscaling:ExitStandby"}
	} else {
		preview.Calls = []string{"autoscaling:AttachInstances"}
		if state.Protected {
			preview.Calls = append(preview.Calls, "autoscaling:SetInstanceProtection")
		}
	}
	desired := aws.ToInt32(group.DesiredCapacity)
	preview.Changes = []string{fmt.Sprintf("Instance %s is put in service in group %s again, which then wants %d instances instead of %d.", p.InstanceID, state.Group, desired+1, desired)}
	preview.Warnings = []string{"If it is still isolated or stopped, its health check fails and the group terminates it: restore it first."}
	if p.Replace {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The replacement stays: the group keeps one instance more than the %d it wanted. Lower its desired capacity when you have chosen which one may go, and protect the others from scale-in.", state.Desired))
	}
	return preview, nil
}

func (a detachInstance) Undo(ctx context.Context, call actions.Call, p detachInstanceParams, _ detachInstanceResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil || state.wasOut(p.Mode) != "" {
		return err
	}
	group, err := c.scalingGroup(ctx, state.Group)
	if err != nil {
		return err
	}
	own, found := member(group, p.InstanceID)
	at := string(own.LifecycleState)
	ids := []string{p.InstanceID}
	precondition := func(hint, format string, args ...any) error {
		return &actions.Error{Class: actions.Precondition, Op: opDetach, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	changed := false
	switch {
	case found && (at == inService || at == joining):
	case !found && p.Mode == "standby":
		return precondition("look who took it out, and attach it by hand if that is right", "instance %q was left in standby, but group %q does not have it any more", p.InstanceID, state.Group)
	case found && (p.Mode == "detach" || at != standby):
		return precondition("look at the group, and undo again when it has settled", "instance %q is %s in group %q, which is not how this step left it", p.InstanceID, at, state.Group)
	default:
		// AWS raises the desired capacity with both calls, so neither is sent twice.
		if err := roomAbove(opDetach, group); err != nil {
			return err
		}
		if p.Mode == "standby" {
			_, err = cloud.Do(ctx, c.Conn, cloud.Once, "autoscaling:ExitStandby", c.autoScaling().ExitStandby, &autoscaling.ExitStandbyInput{AutoScalingGroupName: &state.Group, InstanceIds: ids})
		} else {
			_, err = cloud.Do(ctx, c.Conn, cloud.Once, "autoscaling:AttachInstances", c.autoScaling().AttachInstances, &autoscaling.AttachInstancesInput{AutoScalingGroupName: &state.Group, InstanceIds: ids})
		}
		if err != nil {
			return err
		}
		changed = true
	}
	if p.Mode == "standby" || (found && aws.ToBool(own.ProtectedFromScaleIn) == state.Protected) || (!found && !state.Protected && !aws.ToBool(group.NewInstancesProtectedFromScaleIn)) {
		return nil
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "autoscaling:SetInstanceProtection", c.autoScaling().SetInstanceProtection, &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: &state.Group, InstanceIds: ids, ProtectedFromScaleIn: &state.Protected})
	return cloud.AfterEffect(changed, err)
}

func (a detachInstance) VerifyUndo(ctx context.Context, call actions.Call, p detachInstanceParams, _ detachInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if why := state.wasOut(p.Mode); why != "" {
		return actions.Reading{Verdict: actions.Verified, Detail: why}, nil
	}
	group, err := c.scalingGroup(ctx, state.Group)
	if err != nil {
		return unreadable(err)
	}
	own, found := member(group, p.InstanceID)
	switch at := string(own.LifecycleState); {
	case !found:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s is not in group %s", p.InstanceID, state.Group)}, nil
	case at == joining:
		return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("instance %s is %s in group %s", p.InstanceID, at, state.Group)}, nil
	case at != state.State:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s is %s in group %s, it was %s", p.InstanceID, at, state.Group, state.State)}, nil
	case aws.ToBool(own.ProtectedFromScaleIn) != state.Protected:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s is %s in group %s, but its protection from scale-in is not what it was", p.InstanceID, at, state.Group)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("instance %s is %s in group %s, which wants %d instances; it wanted %d before", p.InstanceID, state.State, state.Group, aws.ToInt32(group.DesiredCapacity), state.Desired)}, nil
}
