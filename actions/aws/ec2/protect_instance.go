package ec2

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type protectInstance struct{ cloud *cloud.Cloud }

type protectInstanceParams struct {
	InstanceID     string `json:"instance_id" doc:"the instance to keep" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$" subject:"true"`
	StopProtection bool   `json:"stop_protection,omitempty" doc:"also refuse to stop it, which a later step that stops it runs into" default:"false" example:"false"`
}

type protectInstanceResult struct {
	InstanceID string   `json:"instance_id" doc:"the instance that is kept"`
	Volumes    []string `json:"volumes" doc:"its volumes, which are not deleted with it any more"`
}

// protection is what keeps an instance and its volumes.
type protection struct {
	Instance    string   `json:"instance"`
	Shutdown    string   `json:"shutdown"` // what a shutdown from within does: stop or terminate
	Termination bool     `json:"termination"`
	Stop        bool     `json:"stop"`
	Spot        bool     `json:"spot,omitempty"`
	Volumes     []volume `json:"volumes,omitempty"`
}

// volume is an EBS volume of an instance.
type volume struct {
	Device string `json:"device"`
	ID     string `json:"id"`
	Delete bool   `json:"delete"` // with the instance
}

func (p protection) volume(id string) (volume, bool) {
	i := slices.IndexFunc(p.Volumes, func(v volume) bool { return v.ID == id })
	if i < 0 {
		return volume{}, false
	}
	return p.Volumes[i], true
}

func (protectInstance) Spec() actions.Spec {
	const onVolume = "arn:{partition}:ec2:{region}:{account}:volume/{volume}"
	var rows []actions.Permission
	for _, phase := range actions.Phases() {
		rows = append(rows, actions.Permission{Phase: phase, Action: "ec2:DescribeInstances", Resource: "*", Why: "find the instance and its volumes"})
		if phase != actions.PhaseExecute {
			rows = append(rows, actions.Permission{Phase: phase, Action: "ec2:DescribeInstanceAttribute", Resource: onInstance, Why: "read what protects it"})
		}
	}
	for _, phase := range []actions.Phase{actions.PhaseExecute, actions.PhaseUndo} {
		why := map[actions.Phase]string{actions.PhaseExecute: "protect it, one attribute a call", actions.PhaseUndo: "put the attributes back"}[phase]
		rows = append(rows,
			actions.Permission{Phase: phase, Action: "ec2:ModifyInstanceAttribute", Resource: onInstance, Why: why},
			actions.Permission{Phase: phase, Action: "ec2:ModifyInstanceAttribute", Resource: onVolume, Why: why + ", for what becomes of its volumes"})
	}
	return actions.Spec{
		Name: "aws.ec2.protect_instance", Version: 1,
		Title: "Keep an instance and its volumes from being deleted",
		Doc: "Makes a shutdown from within stop the instance instead of terminating it, since malware can shut it down; then turns termination protection on, and, if asked, stop protection; then keeps its volumes when it is terminated. " +
			"On a Spot instance AWS allows no such protection, so there only the shutdown behavior and the volumes are set.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Preserves: true,
		BlastRadius: "Nothing stops working. Whoever wants to terminate the instance, or with stop_protection to stop it, is refused until this is undone.",
		StaysAlive: []string{
			"Everything on the instance runs on.",
			"Auto Scaling, which terminates it in spite of the protection: detach it first.",
			"Whoever may call ec2:ModifyInstanceAttribute can take the protection away.",
			"Instance store volumes and memory are lost with a stop or a shutdown from within.",
			"A Spot instance can be taken back by AWS at any time.",
		},
		Permissions: rows,
	}
}

// protection reads what protects an instance now.
func (c *conn) protection(ctx context.Context, instance types.Instance) (protection, error) {
	const op = "ec2:DescribeInstanceAttribute"
	p := protection{Instance: aws.ToString(instance.InstanceId), Spot: instance.InstanceLifecycle == types.InstanceLifecycleTypeSpot}
	for _, name := range []types.InstanceAttributeName{types.InstanceAttributeNameInstanceInitiatedShutdownBehavior, types.InstanceAttributeNameDisableApiTermination, types.InstanceAttributeNameDisableApiStop} {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeInstanceAttribute, &ec2.DescribeInstanceAttributeInput{InstanceId: &p.Instance, Attribute: name})
		if err != nil {
			return p, err
		}
		text, flag := out.InstanceInitiatedShutdownBehavior, out.DisableApiTermination
		if name == types.InstanceAttributeNameDisableApiStop {
			flag = out.DisableApiStop
		}
		switch {
		case name == types.InstanceAttributeNameInstanceInitiatedShutdownBehavior && text != nil && text.Value != nil:
			p.Shutdown = *text.Value
		case name == types.InstanceAttributeNameDisableApiTermination && flag != nil && flag.Value != nil:
			p.Termination = *flag.Value
		case name == types.InstanceAttributeNameDisableApiStop && flag != nil && flag.Value != nil:
			p.Stop = *flag.Value
		default:
			return p, cloud.Without(op, "value of "+string(name))
		}
	}
	p.Volumes = volumesOf(instance)
	return p, nil
}

// volumesOf lists the EBS volumes of an instance by device.
func volumesOf(instance types.Instance) []volume {
	var all []volume
	for _, one := range instance.BlockDeviceMappings {
		if one.Ebs != nil {
			all = append(all, volume{aws.ToString(one.DeviceName), aws.ToString(one.Ebs.VolumeId), aws.ToBool(one.Ebs.DeleteOnTermination)})
		}
	}
	slices.SortFunc(all, func(a, b volume) int { return strings.Compare(a.Device, b.Device) })
	return all
}

// attribute is one change of what protects an instance.
type attribute struct {
	what  string // for people
	wrong string // what it is while the change is lacking
	in    *ec2.ModifyInstanceAttributeInput
}

// towards lists the changes from p to the wanted protection, the shutdown
// behavior first. A volume that is not attached any more is left.
func (p protection) towards(want protection) []attribute {
	var list []attribute
	add := func(what, wrong string, in *ec2.ModifyInstanceAttributeInput) {
		in.InstanceId = aws.String(want.Instance)
		list = append(list, attribute{what, wrong, in})
	}
	flag := func(v bool) *types.AttributeBooleanValue { return &types.AttributeBooleanValue{Value: &v} }
	if p.Shutdown != want.Shutdown {
		add(fmt.Sprintf("A shutdown from within instance %s will %s it instead of what it does now, which is %s.", p.Instance, want.Shutdown, p.Shutdown), "a shutdown from within does "+p.Shutdown,
			&ec2.ModifyInstanceAttributeInput{InstanceInitiatedShutdownBehavior: &types.AttributeValue{Value: aws.String(want.Shutdown)}})
	}
	if p.Termination != want.Termination {
		add(fmt.Sprintf("Termination protection of instance %s is turned %s.", p.Instance, on(want.Termination)), "termination protection is "+on(p.Termination), &ec2.ModifyInstanceAttributeInput{DisableApiTermination: flag(want.Termination)})
	}
	if p.Stop != want.Stop {
		add(fmt.Sprintf("Stop protection of instance %s is turned %s.", p.Instance, on(want.Stop)), "stop protection is "+on(p.Stop), &ec2.ModifyInstanceAttributeInput{DisableApiStop: flag(want.Stop)})
	}
	for _, v := range p.Volumes {
		wanted, known := want.volume(v.ID)
		if !known || wanted.Delete == v.Delete {
			continue
		}
		fate := map[bool]string{true: "deleted", false: "kept"}
		add(fmt.Sprintf("Volume %s (%s) is %s when the instance is terminated.", v.ID, v.Device, fate[wanted.Delete]), fmt.Sprintf("volume %s is %s with the instance", v.ID, fate[v.Delete]),
			&ec2.ModifyInstanceAttributeInput{BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{{DeviceName: aws.String(v.Device), Ebs: &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(wanted.Delete)}}}})
	}
	return list
}

func on(v bool) string {
	if v {
		return "on"
	}
	return "off"
}

// wanted is the protection to reach from p.
func (p protection) wanted(params protectInstanceParams) protection {
	want := p
	want.Shutdown, want.Volumes = string(types.ShutdownBehaviorStop), slices.Clone(p.Volumes)
	if !p.Spot {
		want.Termination, want.Stop = true, p.Stop || params.StopProtection
	}
	for i := range want.Volumes {
		want.Volumes[i].Delete = false
	}
	return want
}

func (a protectInstance) Plan(ctx context.Context, call actions.Call, p protectInstanceParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instance(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	now, err := c.protection(ctx, instance)
	if err != nil {
		return preview, err
	}
	preview.Targets = []actions.Target{c.target("instance", p.InstanceID)}
	for _, v := range now.Volumes {
		preview.Targets = append(preview.Targets, c.target("volume", v.ID))
	}
	for _, change := range now.towards(now.wanted(p)) {
		preview.Changes = append(preview.Changes, change.what)
	}
	preview.Calls = []string{"ec2:ModifyInstanceAttribute"}
	if preview.InEffect = len(preview.Changes) == 0; preview.InEffect {
		preview.NoUndo = "the instance was protected before"
	}
	if now.Spot {
		preview.Warnings = append(preview.Warnings, "This is a Spot instance: AWS allows no termination protection, and can take it back at any time. Take snapshots now.")
	}
	if group := tag(instance.Tags, "aws:autoscaling:groupName"); group != "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The Auto Scaling group %s can terminate the instance in spite of the protection: detach it.", group))
	}
	if p.StopProtection {
		preview.Warnings = append(preview.Warnings, "A later step that stops the instance is refused while stop protection is on.")
	}
	return preview, preview.Capture(now)
}

// Execute sets every attribute, whatever it is now: an attacker may have changed
// it since the plan. A volume that was detached since is left.
func (a protectInstance) Execute(ctx context.Context, call actions.Call, p protectInstanceParams) (protectInstanceResult, error) {
	const op = "aws.ec2.protect_instance"
	r := protectInstanceResult{InstanceID: p.InstanceID, Volumes: []string{}}
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	instance, err := c.instance(ctx, state.Instance)
	if err != nil {
		return r, err
	}
	want := state.wanted(p)
	worst := protection{Instance: state.Instance, Termination: !want.Termination, Stop: !want.Stop, Volumes: volumesOf(instance)}
	if state.Spot {
		worst.Termination, worst.Stop = want.Termination, want.Stop
	}
	if !p.StopProtection {
		worst.Stop = want.Stop
	}
	for i, v := range worst.Volumes {
		worst.Volumes[i].Delete = true
		if _, known := want.volume(v.ID); known {
			r.Volumes = append(r.Volumes, v.ID)
		}
	}
	var all tally
	for _, change := range worst.towards(want) {
		err := c.modify(ctx, change.in)
		if all.note(op, err); err != nil && !all.changed {
			break // the promise that there was no effect is worth more than the rest
		}
	}
	return r, all.err(op)
}

func (c *conn) modify(ctx context.Context, in *ec2.ModifyInstanceAttributeInput) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:ModifyInstanceAttribute", c.ec2.ModifyInstanceAttribute, in)
	return err
}

// protectionOf reads an instance and what protects it.
func (c *conn) protectionOf(ctx context.Context, id string) (protection, error) {
	instance, err := c.instance(ctx, id)
	if err != nil {
		return protection{}, err
	}
	return c.protection(ctx, instance)
}

func (a protectInstance) Verify(ctx context.Context, call actions.Call, p protectInstanceParams, _ protectInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.protectionOf(ctx, state.Instance)
	if err != nil {
		return unreadable(err)
	}
	want := state.wanted(p)
	if !p.StopProtection {
		want.Stop = now.Stop // it is none of ours
	}
	var wrong []string
	for _, change := range now.towards(want) {
		wrong = append(wrong, change.wrong)
	}
	for _, v := range now.Volumes {
		if _, known := want.volume(v.ID); !known && v.Delete {
			wrong = append(wrong, fmt.Sprintf("volume %s was attached since the plan and is deleted with the instance", v.ID))
		}
	}
	if len(wrong) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(wrong, "; ")}, nil
	}
	detail := fmt.Sprintf("instance %s and its %d volumes are kept", state.Instance, len(now.Volumes))
	if state.Spot {
		detail += ", as far as that is possible for a Spot instance"
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
}

// back is what the undo goes back to: only what this step changed.
func (p protection) back(now protection, params protectInstanceParams) protection {
	want := p
	if !params.StopProtection || p.Spot {
		want.Stop = now.Stop
	}
	return want
}

func (a protectInstance) PlanUndo(ctx context.Context, call actions.Call, p protectInstanceParams, _ protectInstanceResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	now, err := c.protectionOf(ctx, state.Instance)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("instance", state.Instance)}, Calls: []string{"ec2:ModifyInstanceAttribute"}}
	for _, change := range now.towards(state.back(now, p)) {
		preview.Changes = append(preview.Changes, change.what)
	}
	preview.InEffect = len(preview.Changes) == 0
	for _, v := range state.Volumes {
		if _, attached := now.volume(v.ID); !attached {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("Volume %s is not attached any more; it stays as it is.", v.ID))
		}
	}
	return preview, nil
}

// Undo puts the attributes back in the opposite order, so that the shutdown
// behavior protects until the end.
func (a protectInstance) Undo(ctx context.Context, call actions.Call, p protectInstanceParams, _ protectInstanceResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	now, err := c.protectionOf(ctx, state.Instance)
	if err != nil {
		return err
	}
	var all tally
	for _, change := range slices.Backward(now.towards(state.back(now, p))) {
		all.note(state.Instance, c.modify(ctx, change.in))
	}
	return all.err("aws.ec2.protect_instance")
}

func (a protectInstance) VerifyUndo(ctx context.Context, call actions.Call, p protectInstanceParams, _ protectInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.protectionOf(ctx, state.Instance)
	if err != nil {
		return unreadable(err)
	}
	var wrong []string
	for _, change := range now.towards(state.back(now, p)) {
		wrong = append(wrong, change.wrong)
	}
	if len(wrong) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(wrong, "; ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("what protected instance %s before protects it again, and nothing else", state.Instance)}, nil
}

// resume loads what Plan captured and opens the session.
func (a protectInstance) resume(ctx context.Context, call actions.Call, p protectInstanceParams) (*conn, protection, error) {
	var state protection
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.InstanceID || state.Shutdown == "" {
		return nil, state, actions.WrongState("it is of another instance or step")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
