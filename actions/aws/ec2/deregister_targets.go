package ec2

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type deregisterTargets struct{ cloud *cloud.Cloud }

type deregisterTargetsParams struct {
	InstanceID   string   `json:"instance_id" doc:"the instance" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	TargetGroups []string `json:"target_groups,omitempty" doc:"ARNs of the target groups to leave; all of the instance's VPC when not given" example:"[arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/6d0ecf831eec9f09]"`
}

type deregisterTargetsResult struct {
	Targets []registration `json:"targets" doc:"what was deregistered"`
}

// targetsState is what Plan captures: the exact targets, sorted by group.
type targetsState struct {
	Instance string         `json:"instance"`
	Targets  []registration `json:"targets"`
	Leaving  []registration `json:"leaving,omitempty"` // these drained already
}

const opDeregister = "aws.elbv2.deregister_targets"

// targetGroupResource is any target group; which ones is known only to AWS.
const targetGroupResource = "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{group}/{group_id}"

func (deregisterTargets) Spec() actions.Spec {
	describe := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: "*", Why: why}
	}
	return actions.Spec{
		Name: opDeregister, Version: 1,
		Title: "Take an instance out of its load balancers",
		Doc: "Deregisters an instance from target groups of Application, Network and Gateway Load Balancers: by its id, and by every address of its interfaces. New requests go elsewhere at once; those that are open drain until the group's deregistration delay is over. " +
			"Auto Scaling registers an instance in service again, so aws.autoscaling.detach_instance comes first.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "The other targets of each group take its share of the load; a group without another healthy target serves nothing.",
		StaysAlive: []string{
			"Connections that are open: they drain until the deregistration delay (300 s by default), through a Network Load Balancer perhaps longer.",
			"Classic Load Balancers, and target groups of other VPCs or regions that know the instance by its address.",
			"Everything that reaches the instance without a load balancer.",
		},
		Permissions: []actions.Permission{
			describe(actions.PhasePlan, "ec2:DescribeInstances", "see that the instance is there, and not our own"),
			describe(actions.PhasePlan, "ec2:DescribeNetworkInterfaces", "find the addresses by which the instance can be a target"),
			describe(actions.PhasePlan, "elasticloadbalancing:DescribeTargetGroups", "find the target groups of its VPC"),
			describe(actions.PhasePlan, "elasticloadbalancing:DescribeTargetHealth", "find its targets, with port and zone"),
			describe(actions.PhaseExecute, "ec2:DescribeInstances", "see again that the instance is not our own"),
			describe(actions.PhaseExecute, "elasticloadbalancing:DescribeTargetHealth", "leave out what is deregistered already"),
			{Phase: actions.PhaseExecute, Action: "elasticloadbalancing:DeregisterTargets", Resource: targetGroupResource, Why: "deregister the targets"},
			describe(actions.PhaseVerify, "elasticloadbalancing:DescribeTargetHealth", "read each target back"),
			describe(actions.PhaseUndo, "elasticloadbalancing:DescribeTargetHealth", "see whether the targets are still out"),
			{Phase: actions.PhaseUndo, Action: "elasticloadbalancing:RegisterTargets", Resource: targetGroupResource, Why: "register the same targets again"},
		},
		Settle: 10 * time.Second,
	}
}

func (a deregisterTargets) Plan(ctx context.Context, call actions.Call, p deregisterTargetsParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instanceToChange(ctx, opDeregister, p.InstanceID)
	if err != nil {
		return preview, err
	}
	interfaces, err := c.interfaces(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	names := targetNames(p.InstanceID, interfaces)
	groups, err := c.targetGroups(ctx, p.TargetGroups)
	if err != nil {
		return preview, err
	}
	preview.Targets = []actions.Target{c.target("instance", p.InstanceID)}
	state := targetsState{Instance: p.InstanceID, Targets: []registration{}}
	for _, group := range groups {
		// An address says who it is only inside its own VPC.
		if kind := group.TargetType; (kind != elb.TargetTypeEnumInstance && kind != elb.TargetTypeEnumIp) || aws.ToString(group.VpcId) != aws.ToString(instance.VpcId) {
			if len(p.TargetGroups) > 0 {
				return preview, &actions.Error{Class: actions.Invalid, Op: opDeregister, Err: fmt.Errorf("target group %q holds targets of kind %s in %s, so instance %q in %s is none of them",
					groupName(aws.ToString(group.TargetGroupArn)), kind, cmp.Or(aws.ToString(group.VpcId), "no VPC"), p.InstanceID, aws.ToString(instance.VpcId)), Hint: "leave target_groups out to find the right ones"}
			}
			continue
		}
		registered, leaving, err := c.registrations(ctx, group, names)
		if err != nil {
			return preview, err
		}
		state.Leaving = append(state.Leaving, leaving...)
		if len(registered) == 0 {
			continue
		}
		state.Targets = append(state.Targets, registered...)
		preview.Targets = append(preview.Targets, actions.Target{Type: "aws.elbv2.target_group", ID: aws.ToString(group.TargetGroupArn), Account: c.Account, Region: c.Region})
		if len(group.LoadBalancerArns) == 0 {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("No load balancer uses target group %s now.", groupName(aws.ToString(group.TargetGroupArn))))
		}
	}
	preview.Calls = []string{"elasticloadbalancing:DeregisterTargets"}
	for _, one := range state.Targets {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Target %s is deregistered.", one))
	}
	for _, one := range state.Leaving {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Target %s is draining already; an undo does not bring it back.", one))
	}
	if len(state.Targets) == 0 {
		preview.InEffect, preview.NoUndo = true, "the instance was registered nowhere"
		preview.Changes = []string{fmt.Sprintf("Instance %s is registered in none of %d target groups: nothing changes.", p.InstanceID, len(groups))}
	} else {
		preview.Warnings = append(preview.Warnings, "Connections that are open drain until the deregistration delay of their group is over.")
		if name := scalingGroupTagOf(instance); name != "" {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("The instance belongs to Auto Scaling group %s: while it is in service there, the group may register it again or terminate it. Use aws.autoscaling.detach_instance first.", name))
		}
	}
	return preview, preview.Capture(state)
}

func (a deregisterTargets) Execute(ctx context.Context, call actions.Call, p deregisterTargetsParams) (deregisterTargetsResult, error) {
	var r deregisterTargetsResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	r.Targets = state.Targets
	if _, err := c.instanceToChange(ctx, opDeregister, p.InstanceID); err != nil {
		return r, err
	}
	return r, c.setTargets(ctx, state.Targets, func(h health) bool { return !h.gone() && h.state != elb.TargetHealthStateEnumDraining }, registration.description, func(group string, targets []elb.TargetDescription) error {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "elasticloadbalancing:DeregisterTargets", c.balancing().DeregisterTargets, &elasticloadbalancingv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: targets})
		return err
	})
}

// setTargets makes one change for each group, about those targets that need it.
func (c *conn) setTargets(ctx context.Context, targets []registration, needs func(health) bool, name func(registration) elb.TargetDescription, change func(group string, targets []elb.TargetDescription) error) error {
	changed := false
	for _, list := range byGroup(targets) {
		states, err := c.healthOf(ctx, list)
		if err != nil {
			return cloud.AfterEffect(changed, err)
		}
		var due []elb.TargetDescription
		for i, one := range list {
			if needs(states[i]) {
				due = append(due, name(one))
			} else {
				changed = true // by an earlier attempt, or by somebody else
			}
		}
		if len(due) == 0 {
			continue
		}
		if err := change(list[0].Group, due); err != nil {
			return cloud.AfterEffect(changed, err)
		}
		changed = true
	}
	return nil
}

func (a deregisterTargets) Verify(ctx context.Context, call actions.Call, p deregisterTargetsParams, _ deregisterTargetsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	pending := ""
	for _, list := range byGroup(state.Targets) {
		states, err := c.healthOf(ctx, list)
		if err != nil {
			return unreadable(err)
		}
		for i, one := range list {
			switch {
			case states[i].gone():
			case states[i].state == elb.TargetHealthStateEnumDraining:
				pending = fmt.Sprintf("target %s is draining: connections that are open live on until the deregistration delay is over", one)
			default:
				return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("target %s is registered (%s)", one, states[i])}, nil
			}
		}
	}
	if pending != "" {
		return actions.Reading{Verdict: actions.Pending, Detail: pending}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("instance %s: none of its %d targets is registered", p.InstanceID, len(state.Targets))}, nil
}

func (a deregisterTargets) PlanUndo(ctx context.Context, call actions.Call, p deregisterTargetsParams, _ deregisterTargetsResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("instance", p.InstanceID)}}
	if len(state.Targets) == 0 {
		preview.NoUndo = "the instance was registered nowhere before this step"
		return preview, nil
	}
	preview.Calls = []string{"elasticloadbalancing:RegisterTargets"}
	preview.Warnings = []string{"The instance gets requests again as soon as its health checks pass; while it is isolated or stopped they fail, and a stopped one cannot be registered by its id."}
	for _, list := range byGroup(state.Targets) {
		states, err := c.healthOf(ctx, list)
		if err != nil {
			return preview, err
		}
		preview.Targets = append(preview.Targets, actions.Target{Type: "aws.elbv2.target_group", ID: list[0].Group, Account: c.Account, Region: c.Region})
		for i, one := range list {
			if states[i].gone() || states[i].state == elb.TargetHealthStateEnumDraining {
				preview.Changes = append(preview.Changes, fmt.Sprintf("Target %s is registered again.", one))
			}
		}
	}
	if len(preview.Changes) == 0 {
		preview.InEffect, preview.Changes = true, []string{"All targets are registered: nothing changes."}
	}
	return preview, nil
}

func (a deregisterTargets) Undo(ctx context.Context, call actions.Call, p deregisterTargetsParams, _ deregisterTargetsResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	return c.setTargets(ctx, state.Targets, func(h health) bool { return h.gone() || h.state == elb.TargetHealthStateEnumDraining }, registration.whole, func(group string, targets []elb.TargetDescription) error {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "elasticloadbalancing:RegisterTargets", c.balancing().RegisterTargets, &elasticloadbalancingv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets})
		return err
	})
}

func (a deregisterTargets) VerifyUndo(ctx context.Context, call actions.Call, p deregisterTargetsParams, _ deregisterTargetsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	pending, detail := "", "all targets are registered again"
	for _, list := range byGroup(state.Targets) {
		states, err := c.healthOf(ctx, list)
		if err != nil {
			return unreadable(err)
		}
		for i, one := range list {
			switch at := states[i]; {
			case at.gone(), at.state == elb.TargetHealthStateEnumDraining:
				return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("target %s is not registered (%s)", one, at)}, nil
			case at.state == elb.TargetHealthStateEnumInitial:
				pending = fmt.Sprintf("target %s is registered; its first health checks run", one)
			case at.state != elb.TargetHealthStateEnumHealthy:
				detail += fmt.Sprintf("; %s is %s", one, at)
			}
		}
	}
	if pending != "" {
		return actions.Reading{Verdict: actions.Pending, Detail: pending}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
}

// resume loads what Plan captured and opens the session.
func (a deregisterTargets) resume(ctx context.Context, call actions.Call, p deregisterTargetsParams) (*conn, targetsState, error) {
	var state targetsState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.InstanceID {
		return nil, state, actions.WrongState("it is of another instance")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
