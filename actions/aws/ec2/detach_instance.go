package ec2

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type detachInstance struct{ cloud *cloud.Cloud }

type detachInstanceParams struct {
	InstanceID string `json:"instance_id" doc:"the instance" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	Mode       string `json:"mode" doc:"standby keeps it in the group, out of service and never terminated, and is easy to take back; detach takes it out of the group" enum:"standby,detach" default:"standby"`
	Replace    bool   `json:"replace" doc:"let the group launch another instance in its place; one from the same template may be born compromised" default:"false" example:"true"`
}

type detachInstanceResult struct {
	Group           string   `json:"group" doc:"name of the Auto Scaling group; empty when the instance was in none"`
	PreviousState   string   `json:"previous_state" doc:"lifecycle state of the instance before, such as InService; empty when it was in no group"`
	DesiredCapacity int      `json:"desired_capacity" doc:"how many instances the group wanted before"`
	TargetGroups    []string `json:"target_groups" doc:"ARNs of the target groups that the Auto Scaling group registers its instances in"`
}

// detachState is what Plan captures.
type detachState struct {
	Instance     string   `json:"instance"`
	Group        string   `json:"group,omitempty"` // empty: it was in none
	State        string   `json:"state,omitempty"`
	Protected    bool     `json:"protected,omitempty"`
	Min          int      `json:"min"`
	Max          int      `json:"max"`
	Desired      int      `json:"desired"`
	TargetGroups []string `json:"target_groups,omitempty"`
}

const opDetach = "aws.autoscaling.detach_instance"

// groupResource is a group; its id is known only to AWS.
const groupResource = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:{group_id}:autoScalingGroupName/{group}"

func (detachInstance) Spec() actions.Spec {
	describe := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: "*", Why: why}
	}
	change := func(phase actions.Phase, mode, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: groupResource, When: actions.When{"mode": {mode}}, Why: why}
	}
	return actions.Spec{
		Name: opDetach, Version: 1,
		Title: "Take an instance out of its Auto Scaling group",
		Doc: "Puts an instance in standby, or detaches it, so that the group neither sends it work nor terminates it as unhealthy. It must come before isolation: the health check of an isolated host fails, and the group then terminates the evidence. " +
			"An instance that is in no group is left as it is.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "The group runs on one instance less. With replace it launches another one, which costs money and may be compromised like this one.",
		StaysAlive: []string{
			"The instance itself: it runs, and keeps its network, its role and its open connections.",
			"A template or image that is compromised: every new instance of the group is born with it.",
			"Whoever may change the group: exit from standby or termination by hand is still possible. Use aws.ec2.protect_instance.",
		},
		Permissions: []actions.Permission{
			describe(actions.PhasePlan, "ec2:DescribeInstances", "see that the instance is there, and not our own"),
			describe(actions.PhasePlan, "autoscaling:DescribeAutoScalingInstances", "find the group of the instance"),
			describe(actions.PhasePlan, "autoscaling:DescribeAutoScalingGroups", "read how many instances the group wants and must keep"),
			describe(actions.PhaseExecute, "ec2:DescribeInstances", "see again that the instance is not our own"),
			describe(actions.PhaseExecute, "autoscaling:DescribeAutoScalingInstances", "see that an instance of no group has not joined one since"),
			describe(actions.PhaseExecute, "autoscaling:DescribeAutoScalingGroups", "see what an earlier attempt did, and whether the group can do with one less"),
			change(actions.PhaseExecute, "standby", "autoscaling:EnterStandby", "put the instance in standby"),
			change(actions.PhaseExecute, "detach", "autoscaling:DetachInstances", "detach the instance"),
			describe(actions.PhaseVerify, "autoscaling:DescribeAutoScalingInstances", "see that an instance of no group is still in none"),
			describe(actions.PhaseVerify, "autoscaling:DescribeAutoScalingGroups", "read the state of the instance in its group"),
			describe(actions.PhaseVerify, "ec2:DescribeInstances", "see that the instance left the group alive"),
			describe(actions.PhaseUndo, "autoscaling:DescribeAutoScalingGroups", "see whether the instance is still as we left it"),
			change(actions.PhaseUndo, "standby", "autoscaling:ExitStandby", "put the instance in service again"),
			change(actions.PhaseUndo, "detach", "autoscaling:AttachInstances", "attach the instance again"),
			change(actions.PhaseUndo, "detach", "autoscaling:SetInstanceProtection", "protect it from scale-in again, which a detached instance loses"),
		},
		Settle: 30 * time.Second,
	}
}

func (a detachInstance) Plan(ctx context.Context, call actions.Call, p detachInstanceParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instanceToChange(ctx, opDetach, p.InstanceID)
	if err != nil {
		return preview, err
	}
	state := detachState{Instance: p.InstanceID}
	if state.Group, err = c.scalingGroupOf(ctx, p.InstanceID); err != nil {
		return preview, err
	}
	preview.Targets = []actions.Target{c.target("instance", p.InstanceID)}
	if state.Group == "" {
		if named := scalingGroupTagOf(instance); named != "" {
			preview.Warnings = []string{fmt.Sprintf("AWS lists the instance in no group, but its tag names group %s: look at that group.", named)}
		}
		preview.InEffect, preview.NoUndo = true, "the instance is in no Auto Scaling group"
		preview.Changes = []string{fmt.Sprintf("Instance %s is in no Auto Scaling group: nothing changes.", p.InstanceID)}
		return preview, preview.Capture(state)
	}
	group, err := c.scalingGroup(ctx, state.Group)
	if err != nil {
		return preview, err
	}
	own, found := member(group, p.InstanceID)
	if !found {
		return preview, &actions.Error{Class: actions.Transient, Op: opDetach, Err: fmt.Errorf("AWS says that instance %q is in group %q, and that the group does not have it", p.InstanceID, state.Group), Hint: "it is joining or leaving; plan again"}
	}
	state.State, state.Protected, state.TargetGroups = string(own.LifecycleState), aws.ToBool(own.ProtectedFromScaleIn), group.TargetGroupARNs
	state.Min, state.Max, state.Desired = int(aws.ToInt32(group.MinSize)), int(aws.ToInt32(group.MaxSize)), int(aws.ToInt32(group.DesiredCapacity))
	preview.Targets = append(preview.Targets, c.groupTarget(state.Group))
	preview.InEffect = done(p.Mode, state.State)
	if !preview.InEffect {
		if err := leaves(p, group, own); err != nil {
			return preview, err
		}
	}
	a.describe(&preview, p, state)
	return preview, preview.Capture(state)
}

// done says whether an instance that is still in its group has left service, or
// is about to.
func done(mode, state string) bool {
	return mode == "standby" && (state == standby || state == enteringStandby) || mode == "detach" && state == detaching
}

// leaves says why an instance cannot leave service now, or nil.
func leaves(p detachInstanceParams, group scaling.AutoScalingGroup, own scaling.Instance) error {
	state := string(own.LifecycleState)
	switch {
	case state == standby && p.Mode == "detach":
		return &actions.Error{Class: actions.Precondition, Op: opDetach, Err: fmt.Errorf("instance %q is in standby, from which a detach could not be taken back", p.InstanceID),
			Hint: "the group does not terminate it there; take mode standby"}
	case strings.HasPrefix(state, "Terminat"):
		return &actions.Error{Class: actions.Precondition, Op: opDetach, Err: fmt.Errorf("group %q is terminating instance %q already (%s)", aws.ToString(group.AutoScalingGroupName), p.InstanceID, state),
			Hint: "take snapshots of its volumes now; a termination hook of the group gives time"}
	case state != inService:
		return &actions.Error{Class: actions.Precondition, Op: opDetach, Err: fmt.Errorf("instance %q is %s in group %q, and only one that is InService can leave", p.InstanceID, state, aws.ToString(group.AutoScalingGroupName)), Hint: "plan the step again in a minute"}
	case !p.Replace:
		return roomBelow(opDetach, group)
	}
	return nil
}

func (a detachInstance) describe(preview *actions.Preview, p detachInstanceParams, s detachState) {
	if p.Mode == "standby" {
		preview.Calls = []string{"autoscaling:EnterStandby"}
		preview.Changes = []string{fmt.Sprintf("Instance %s goes to standby in group %s: it gets no work, and the group does not terminate it. It is %s now.", s.Instance, s.Group, s.State)}
	} else {
		preview.Calls = []string{"autoscaling:DetachInstances"}
		preview.Changes = []string{fmt.Sprintf("Instance %s leaves group %s. It is %s now.", s.Instance, s.Group, s.State)}
	}
	if p.Replace {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Group %s launches another instance in its place.", s.Group))
		preview.Warnings = append(preview.Warnings, "The replacement comes from the same template: it may be born compromised.",
			"An undo leaves the group with one instance more than before: which one then goes is not left to chance.")
	} else {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Group %s wants %d instances instead of %d.", s.Group, s.Desired-1, s.Desired))
	}
	if len(s.TargetGroups) > 0 {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("It is deregistered from %d target groups of the group; connections that are open drain.", len(s.TargetGroups)))
	}
	if preview.InEffect {
		preview.NoUndo = fmt.Sprintf("the instance was %s before", s.State)
		preview.Changes = []string{fmt.Sprintf("Instance %s is %s in group %s already: nothing changes.", s.Instance, s.State, s.Group)}
	}
}

func (a detachInstance) Execute(ctx context.Context, call actions.Call, p detachInstanceParams) (detachInstanceResult, error) {
	var r detachInstanceResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	r = detachInstanceResult{Group: state.Group, PreviousState: state.State, DesiredCapacity: state.Desired, TargetGroups: append([]string{}, state.TargetGroups...)}
	if _, err := c.instanceToChange(ctx, opDetach, p.InstanceID); err != nil {
		return r, err
	}
	if state.Group == "" {
		joined, err := c.scalingGroupOf(ctx, p.InstanceID)
		if err == nil && joined != "" {
			err = &actions.Error{Class: actions.Precondition, Op: opDetach, Err: fmt.Errorf("instance %q has joined group %q since the plan", p.InstanceID, joined), Hint: "plan the step again"}
		}
		return r, err
	}
	group, err := c.scalingGroup(ctx, state.Group)
	if err != nil {
		return r, err
	}
	own, found := member(group, p.InstanceID)
	switch {
	case !found && p.Mode == "detach", found && done(p.Mode, string(own.LifecycleState)):
		return r, nil
	case !found:
		return r, &actions.Error{Class: actions.Precondition, Op: opDetach, Err: fmt.Errorf("instance %q has left group %q since the plan", p.InstanceID, state.Group), Hint: "plan the step again"}
	}
	if err := leaves(p, group, own); err != nil {
		return r, err
	}
	// A second call of these would lower the desired capacity a second time.
	if p.Mode == "standby" {
		_, err = cloud.Do(ctx, c.Conn, cloud.Once, "autoscaling:EnterStandby", c.autoScaling().EnterStandby, &autoscaling.EnterStandbyInput{
			AutoScalingGroupName: &state.Group, InstanceIds: []string{p.InstanceID}, ShouldDecrementDesiredCapacity: aws.Bool(!p.Replace)})
		return r, err
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Once, "autoscaling:DetachInstances", c.autoScaling().DetachInstances, &autoscaling.DetachInstancesInput{
		AutoScalingGroupName: &state.Group, InstanceIds: []string{p.InstanceID}, ShouldDecrementDesiredCapacity: aws.Bool(!p.Replace)})
	return r, err
}

func (a detachInstance) Verify(ctx context.Context, call actions.Call, p detachInstanceParams, _ detachInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if state.Group == "" {
		joined, err := c.scalingGroupOf(ctx, p.InstanceID)
		switch {
		case err != nil:
			return unreadable(err)
		case joined != "":
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s is in group %s now", p.InstanceID, joined)}, nil
		}
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("instance %s is in no Auto Scaling group", p.InstanceID)}, nil
	}
	group, err := c.scalingGroup(ctx, state.Group)
	if err != nil {
		return unreadable(err)
	}
	own, found := member(group, p.InstanceID)
	switch at := string(own.LifecycleState); {
	case !found && p.Mode == "detach":
		// A group that has terminated the instance does not have it any more either.
		if _, err := c.instance(ctx, p.InstanceID); errors.Is(err, errGone) || actions.ClassOf(err) == actions.NotFound && err != nil {
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("group %s does not have instance %s any more, because it was terminated: %s", state.Group, p.InstanceID, err)}, nil
		} else if err != nil {
			return unreadable(err)
		}
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("group %s does not have instance %s any more", state.Group, p.InstanceID)}, nil
	case !found:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s is not in standby, it has left group %s", p.InstanceID, state.Group)}, nil
	case p.Mode == "standby" && at == standby:
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("instance %s is in standby in group %s", p.InstanceID, state.Group)}, nil
	case done(p.Mode, at):
		return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("instance %s is %s in group %s", p.InstanceID, at, state.Group)}, nil
	default:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s is %s in group %s", p.InstanceID, at, state.Group)}, nil
	}
}

// resume loads what Plan captured and opens the session.
func (a detachInstance) resume(ctx context.Context, call actions.Call, p detachInstanceParams) (*conn, detachState, error) {
	var state detachState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.InstanceID {
		return nil, state, actions.WrongState("it is of another instance")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
