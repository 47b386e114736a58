package ec2

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type stopInstance struct{ cloud *cloud.Cloud }

type stopInstanceParams struct {
	InstanceID string `json:"instance_id" doc:"the instance" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	Memory     string `json:"memory" doc:"what became of the memory, which a stop destroys: captured, or waived by somebody who may" enum:"captured,waived"`
	Reason     string `json:"reason" doc:"where the image of the memory is, or who waived it and why" example:"image in s3://evidence/INC-12/R1/memory, SHA-256 checked" pattern:"^\\S.{9,}$"`
	Abrupt     bool   `json:"abrupt" doc:"stop without letting the operating system shut down, so that its scripts can wipe nothing; what it has not written to disk is lost" default:"false" example:"true"`
}

type stopInstanceResult struct {
	PreviousState string `json:"previous_state" doc:"state of the instance before: running, stopped"`
	PublicAddress string `json:"public_address" doc:"its public address before; empty: it had none"`
	AddressStays  bool   `json:"address_stays" doc:"whether that address is an Elastic IP, which comes back with a start"`
	Memory        string `json:"memory" doc:"what was said about the memory" enum:"captured,waived"`
	Reason        string `json:"reason" doc:"where the image is, or why there is none"`
}

// stopState is what Plan captures.
type stopState struct {
	Instance      string `json:"instance"`
	State         string `json:"state"`
	PublicAddress string `json:"public_address,omitempty"`
	AddressStays  bool   `json:"address_stays,omitempty"`
	Type          string `json:"type"`
}

// wasStopped says whether the instance had ended running before this step.
func (s stopState) wasStopped() bool {
	return s.State == string(types.InstanceStateNameStopped) || s.State == string(types.InstanceStateNameStopping)
}

const opStop = "aws.ec2.stop_instance"

func (stopInstance) Spec() actions.Spec {
	const instance = "arn:{partition}:ec2:{region}:{account}:instance/{instance_id}"
	row := func(phase actions.Phase, action, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why}
	}
	return actions.Spec{
		Name: opStop, Version: 1,
		Title: "Stop an instance",
		Doc: "Stops an instance: the last resort, which ends every process and every connection, and destroys the memory and what is on instance store volumes. It has to be said what became of the memory. " +
			"The undo starts the instance again; it does not bring back what was lost.",
		Effect: actions.Destructive, Repeat: actions.Idempotent,
		BlastRadius: "Everything that runs on the instance ends. Its memory, its instance store volumes and an automatic public address are lost for good.",
		StaysAlive: []string{
			"Sessions of its role and every other credential that was copied from it: use aws.ec2.revoke_instance_role.",
			"What is on its EBS volumes, malware that starts with the system included.",
			"An Auto Scaling group, which replaces it, and terminates it when it is in service there.",
			"Whoever may start it again.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "ec2:DescribeInstances", "*", "read its state and addresses, and that it is not our own"),
			row(actions.PhasePlan, "ec2:DescribeInstanceAttribute", instance, "see whether a stop is allowed"),
			row(actions.PhasePlan, "autoscaling:DescribeAutoScalingInstances", "*", "see whether a group would terminate it"),
			row(actions.PhaseExecute, "ec2:DescribeInstances", "*", "see again that it is not our own"),
			row(actions.PhaseExecute, "ec2:DescribeInstanceAttribute", instance, "see whether a stop is allowed"),
			row(actions.PhaseExecute, "autoscaling:DescribeAutoScalingInstances", "*", "see that no group would terminate it"),
			row(actions.PhaseExecute, "ec2:StopInstances", instance, "stop it"),
			row(actions.PhaseVerify, "ec2:DescribeInstances", "*", "read its state back"),
			row(actions.PhaseUndo, "ec2:DescribeInstances", "*", "see whether it is still stopped"),
			row(actions.PhaseUndo, "ec2:StartInstances", instance, "start it again"),
		},
		Settle: 30 * time.Second,
	}
}

func (a stopInstance) Plan(ctx context.Context, call actions.Call, p stopInstanceParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instance(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	state := stopState{Instance: p.InstanceID, State: string(stateOf(instance)), Type: string(instance.InstanceType), PublicAddress: aws.ToString(instance.PublicIpAddress), AddressStays: elastic(instance)}
	preview = actions.Preview{
		Targets: []actions.Target{c.target("instance", p.InstanceID)},
		Changes: []string{
			fmt.Sprintf("Instance %s is stopped; it is %s now.", p.InstanceID, state.State),
			"Its memory is gone, and every process and connection with it. Memory: " + p.Memory + ". " + strings.TrimRight(p.Reason, ".") + ".",
		},
		Calls:    []string{"ec2:StopInstances"},
		InEffect: state.wasStopped(),
	}
	if preview.InEffect {
		preview.NoUndo = "the instance was stopped before"
		preview.Changes = []string{fmt.Sprintf("Instance %s is %s already: nothing changes.", p.InstanceID, state.State)}
		return preview, preview.Capture(state)
	}
	if err := c.mayStop(ctx, instance); err != nil {
		return preview, err
	}
	preview.Warnings = losses(p, state)
	lifecycle, group, err := c.lifecycle(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	if lifecycle != "" && lifecycle != standby {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("It is %s in Auto Scaling group %s, which terminates a stopped instance: this step refuses to run until aws.autoscaling.detach_instance has put it in standby.", lifecycle, group))
	}
	return preview, preview.Capture(state)
}

// losses says what a stop costs.
func losses(p stopInstanceParams, s stopState) []string {
	var all []string
	if p.Memory == "waived" {
		all = append(all, "No image of the memory was taken: keys, processes, connections and malware that lives only there cannot be found any more.")
	}
	all = append(all, "What is on instance store volumes is gone too; snapshots do not hold it.")
	switch {
	case s.PublicAddress != "" && s.AddressStays:
		all = append(all, fmt.Sprintf("Its public address %s is an Elastic IP, and stays with it.", s.PublicAddress))
	case s.PublicAddress != "":
		all = append(all, fmt.Sprintf("Its public address %s is given back to AWS: after a start it has another one.", s.PublicAddress))
	}
	if p.Abrupt {
		all = append(all, "The operating system is not shut down: what it has not written to disk is lost, and file systems may need a check.")
	} else {
		all = append(all, "The operating system shuts down in order: its scripts run, those of an attacker included.")
	}
	return all
}

// elastic says whether an interface's public address is one that belongs to an
// account, and not to Amazon.
func elastic(instance types.Instance) bool {
	for _, one := range instance.NetworkInterfaces {
		if one.Association != nil && aws.ToString(one.Association.PublicIp) == aws.ToString(instance.PublicIpAddress) {
			return aws.ToString(one.Association.IpOwnerId) != "amazon"
		}
	}
	return false
}

// mayStop says why an instance cannot or must not be stopped, or nil.
func (c *conn) mayStop(ctx context.Context, instance types.Instance) error {
	if err := c.refuseInstance(opStop, instance); err != nil {
		return err
	}
	id := aws.ToString(instance.InstanceId)
	if instance.RootDeviceType == types.DeviceTypeInstanceStore {
		return &actions.Error{Class: actions.Precondition, Op: opStop, Err: fmt.Errorf("instance %q has its root on an instance store, so it cannot be stopped, only terminated", id), Hint: "isolate it instead"}
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeInstanceAttribute", c.ec2.DescribeInstanceAttribute, &ec2.DescribeInstanceAttributeInput{InstanceId: &id, Attribute: types.InstanceAttributeNameDisableApiStop})
	if err != nil {
		return err
	}
	if out.DisableApiStop != nil && aws.ToBool(out.DisableApiStop.Value) {
		return &actions.Error{Class: actions.Precondition, Op: opStop, Err: fmt.Errorf("instance %q is protected against stops (DisableApiStop)", id), Hint: "take the protection away first; when aws.ec2.protect_instance set it, undo that step"}
	}
	return nil
}

// lifecycle reads the state that an instance has in its Auto Scaling group; empty:
// it is in none.
func (c *conn) lifecycle(ctx context.Context, id string) (state, group string, err error) {
	own, found, err := c.scalingInstance(ctx, id)
	if err != nil || !found {
		return "", "", err
	}
	return aws.ToString(own.LifecycleState), aws.ToString(own.AutoScalingGroupName), nil
}

func (a stopInstance) Execute(ctx context.Context, call actions.Call, p stopInstanceParams) (stopInstanceResult, error) {
	var r stopInstanceResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	r = stopInstanceResult{PreviousState: state.State, PublicAddress: state.PublicAddress, AddressStays: state.AddressStays, Memory: p.Memory, Reason: p.Reason}
	instance, err := c.instance(ctx, p.InstanceID)
	if err != nil {
		return r, err
	}
	if at := stateOf(instance); at == types.InstanceStateNameStopped || at == types.InstanceStateNameStopping {
		return r, nil
	}
	if err := c.mayStop(ctx, instance); err != nil {
		return r, err
	}
	lifecycle, group, err := c.lifecycle(ctx, p.InstanceID)
	if err != nil {
		return r, err
	}
	if lifecycle != "" && lifecycle != standby {
		return r, &actions.Error{Class: actions.Precondition, Op: opStop, Err: fmt.Errorf("instance %q is %s in Auto Scaling group %q, which would terminate it once it is stopped", p.InstanceID, lifecycle, group),
			Hint: "put it in standby first, with aws.autoscaling.detach_instance"}
	}
	in := &ec2.StopInstancesInput{InstanceIds: []string{p.InstanceID}}
	if p.Abrupt {
		in.SkipOsShutdown = aws.Bool(true)
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:StopInstances", c.ec2.StopInstances, in)
	return r, err
}

func (a stopInstance) Verify(ctx context.Context, call actions.Call, p stopInstanceParams, _ stopInstanceResult) (actions.Reading, error) {
	c, _, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	return c.reads(ctx, p.InstanceID, types.InstanceStateNameStopped, types.InstanceStateNameStopping)
}

// reads makes one reading of whether an instance is in a state, or on the way.
func (c *conn) reads(ctx context.Context, id string, wanted, onTheWay types.InstanceStateName) (actions.Reading, error) {
	instance, err := c.anyInstance(ctx, id)
	if err != nil {
		return unreadable(err)
	}
	detail := fmt.Sprintf("instance %s is %s", id, stateOf(instance))
	switch stateOf(instance) {
	case "":
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("the answer about instance %s tells no state", id)}, nil
	case wanted:
		return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
	case onTheWay:
		return actions.Reading{Verdict: actions.Pending, Detail: detail}, nil
	}
	return actions.Reading{Verdict: actions.NotVerified, Detail: detail}, nil
}

func (a stopInstance) PlanUndo(ctx context.Context, call actions.Call, p stopInstanceParams, _ stopInstanceResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("instance", p.InstanceID)}}
	if state.wasStopped() {
		preview.NoUndo = "the instance was stopped before this step; it stays so"
		return preview, nil
	}
	instance, err := c.instance(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	preview.InEffect = stateOf(instance) == types.InstanceStateNameRunning
	preview.Changes = []string{fmt.Sprintf("Instance %s is started again; it is %s now.", p.InstanceID, stateOf(instance))}
	preview.Calls = []string{"ec2:StartInstances"}
	preview.Warnings = []string{
		"Its memory and its instance store volumes do not come back; malware that starts with the system does.",
		"It may start on another host. Volumes encrypted with a key of your own also need kms:CreateGrant on that key.",
	}
	if state.PublicAddress != "" && !state.AddressStays {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("It gets another public address than %s: names and allow lists that hold the old one have to follow.", state.PublicAddress))
	}
	return preview, nil
}

func (a stopInstance) Undo(ctx context.Context, call actions.Call, p stopInstanceParams, _ stopInstanceResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil || state.wasStopped() {
		return err
	}
	instance, err := c.instance(ctx, p.InstanceID)
	if err != nil {
		return err
	}
	switch stateOf(instance) {
	case types.InstanceStateNameRunning, types.InstanceStateNamePending:
		return nil
	case types.InstanceStateNameStopped:
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:StartInstances", c.ec2.StartInstances, &ec2.StartInstancesInput{InstanceIds: []string{p.InstanceID}})
		return err
	}
	return &actions.Error{Class: actions.Precondition, Op: opStop, Err: fmt.Errorf("instance %q is %s", p.InstanceID, stateOf(instance)), Hint: "undo again when it is stopped"}
}

func (a stopInstance) VerifyUndo(ctx context.Context, call actions.Call, p stopInstanceParams, _ stopInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	switch {
	case err != nil:
		return actions.Reading{}, err
	case state.wasStopped():
		return c.reads(ctx, p.InstanceID, types.InstanceStateNameStopped, types.InstanceStateNameStopping)
	}
	return c.reads(ctx, p.InstanceID, types.InstanceStateNameRunning, types.InstanceStateNamePending)
}

// resume loads what Plan captured and opens the session.
func (a stopInstance) resume(ctx context.Context, call actions.Call, p stopInstanceParams) (*conn, stopState, error) {
	var state stopState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.InstanceID {
		return nil, state, actions.WrongState("it is of another instance")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
