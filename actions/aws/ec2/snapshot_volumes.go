package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type snapshotVolumes struct{ cloud *cloud.Cloud }

type snapshotVolumesParams struct {
	Instance string   `json:"instance" doc:"id of the instance whose volumes are kept" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	Exclude  []string `json:"exclude,omitempty" doc:"ids of attached volumes to leave out; those of data volumes, at most 40" example:"vol-0abc1234def567890"`
	Wait     string   `json:"wait,omitempty" doc:"what proves it: created, since the point in time is fixed then, or completed, when all blocks are copied, which can take hours" enum:"created,completed" default:"created"`
}

type snapshotVolumesResult struct {
	Snapshots   []volumeSnapshot `json:"snapshots" doc:"one for each volume, by device"`
	SnapshotIDs []string         `json:"snapshot_ids" doc:"their ids, for aws.ec2.share_snapshots"`
	Started     time.Time        `json:"started" doc:"the point in time that they show"`
	NotCovered  []string         `json:"not_covered" doc:"disks of the instance that have no snapshot, and why"`
}

type volumeSnapshot struct {
	ID        string `json:"id" doc:"id of the snapshot"`
	Volume    string `json:"volume" doc:"id of its volume"`
	Device    string `json:"device" doc:"where that is attached; empty: it was attached after the plan"`
	SizeGiB   int    `json:"size_gib" doc:"size of the volume in GiB"`
	Encrypted bool   `json:"encrypted" doc:"whether it is encrypted, as the volume is"`
	Key       string `json:"key" doc:"ARN of the KMS key; empty: it is not encrypted"`
}

type snapshotState struct {
	Instance   string   `json:"instance"`
	Volumes    []disk   `json:"volumes"`
	NotCovered []string `json:"not_covered"`
}

func (snapshotVolumes) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.ec2.snapshot_volumes", Version: 1,
		Title:  "Take snapshots of an instance's volumes",
		Doc:    "Takes snapshots of all EBS volumes of an instance in one request, so that all show the same moment. They are tagged with incident, run and step; a repeated attempt finds them by that and makes no second set.",
		Effect: actions.Reversible, Repeat: actions.Probe, Adds: true,
		BlastRadius: "None on the instance, which runs on. The snapshots cost storage until somebody deletes them.",
		StaysAlive: []string{
			"What was only in memory is not in a snapshot: it shows the disks as after a power cut.",
			"Disks of the instance store are not in it, and are lost when the instance stops; the output not_covered lists them.",
			"Whoever may delete snapshots in this account can delete these: share them, and keep copies in another account.",
		},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "ec2:DescribeInstances", Resource: "*", Why: "find the instance and its disks"},
			{Phase: actions.PhasePlan, Action: "ec2:DescribeInstanceTypes", Resource: "*", Why: "tell disks of the instance store, which cannot be covered"},
			{Phase: actions.PhasePlan, Action: "ec2:DescribeVolumes", Resource: "*", Why: "record size and encryption of the volumes"},
			{Phase: actions.PhasePlan, Action: "ec2:DescribeSnapshots", Resource: "*", Why: "see whether this step has made the set already"},
			{Phase: actions.PhaseExecute, Action: "ec2:DescribeSnapshots", Resource: "*", Why: "find the set of an earlier attempt"},
			{Phase: actions.PhaseExecute, Action: "ec2:CreateSnapshots", Resource: "arn:{partition}:ec2:{region}:{account}:instance/{instance}", Why: "take the snapshots of the instance"},
			{Phase: actions.PhaseExecute, Action: "ec2:CreateSnapshots", Resource: "arn:{partition}:ec2:{region}:{account}:volume/*", Why: "take the snapshots of its volumes"},
			{Phase: actions.PhaseExecute, Action: "ec2:CreateSnapshots", Resource: snapshotResource, Why: "make the snapshots"},
			{Phase: actions.PhaseExecute, Action: "ec2:CreateTags", Resource: snapshotResource, Conditions: actions.Conditions{"StringEquals": {"ec2:CreateAction": {"CreateSnapshots"}}}, Why: "mark them in the same request, so that they are found after a crash"},
			{Phase: actions.PhaseVerify, Action: "ec2:DescribeSnapshots", Resource: "*", Why: "read them back"},
		},
		Timeout: time.Minute, Settle: settleSnapshots,
	}
}

func (a snapshotVolumes) Plan(ctx context.Context, call actions.Call, p snapshotVolumesParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	state, err := a.read(ctx, c, p)
	if err != nil {
		return preview, err
	}
	preview.Targets = []actions.Target{c.target("instance", p.Instance)}
	for _, v := range state.Volumes {
		if v.LeftOut {
			continue
		}
		preview.Targets = append(preview.Targets, c.target("volume", v.ID))
		preview.Changes = append(preview.Changes, fmt.Sprintf("Volume %s of instance %s with %d GiB gets a snapshot.", v, p.Instance, v.SizeGiB))
	}
	preview.Calls = []string{"ec2:CreateSnapshots"}
	for _, one := range state.NotCovered {
		preview.Warnings = append(preview.Warnings, "Not covered: "+one+".")
	}
	if call.Key != "" {
		ours, err := c.ourSnapshots(ctx, call)
		if err != nil {
			return preview, err
		}
		preview.InEffect = len(ours) > 0
	}
	return preview, preview.Capture(state)
}

// read looks at the disks of the instance.
func (a snapshotVolumes) read(ctx context.Context, c *conn, p snapshotVolumesParams) (snapshotState, error) {
	const op = "aws.ec2.snapshot_volumes"
	state := snapshotState{Instance: p.Instance, NotCovered: []string{}}
	instance, err := c.instance(ctx, p.Instance)
	if err != nil {
		return state, err
	}
	info, err := c.instanceType(ctx, instance.InstanceType)
	if err != nil {
		return state, err
	}
	attached, err := c.volumes(ctx, instance)
	if err != nil {
		return state, err
	}
	for _, one := range attached {
		v := disk{ID: aws.ToString(one.VolumeId), Device: deviceOf(one, p.Instance), SizeGiB: int(aws.ToInt32(one.Size)), Encrypted: aws.ToBool(one.Encrypted), Key: aws.ToString(one.KmsKeyId)}
		v.Root = v.Device == aws.ToString(instance.RootDeviceName)
		if v.LeftOut = slices.Contains(p.Exclude, v.ID); v.LeftOut {
			state.NotCovered = append(state.NotCovered, fmt.Sprintf("volume %s was left out by the step", v))
		}
		state.Volumes = append(state.Volumes, v)
	}
	if store := instanceStore(info); store != "" {
		state.NotCovered = append(state.NotCovered, store)
	}
	for _, id := range p.Exclude {
		if !slices.ContainsFunc(state.Volumes, func(v disk) bool { return v.ID == id }) {
			return state, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("volume %q is not attached to instance %q, so it cannot be left out", id, p.Instance), Hint: "correct the list exclude"}
		}
	}
	if len(p.Exclude) > 40 {
		return state, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%d volumes are left out, and EC2 takes 40", len(p.Exclude))}
	}
	if !slices.ContainsFunc(state.Volumes, func(v disk) bool { return !v.LeftOut }) {
		return state, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("no EBS volume of instance %q is left to take a snapshot of", p.Instance), Hint: "collect from its file systems instead, before it stops"}
	}
	return state, nil
}

func (a snapshotVolumes) Execute(ctx context.Context, call actions.Call, p snapshotVolumesParams) (snapshotVolumesResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return snapshotVolumesResult{}, err
	}
	ours, err := c.ourSnapshots(ctx, call)
	if err != nil {
		return snapshotVolumesResult{}, err
	}
	if len(ours) > 0 {
		return state.result(oneSet(ours)), nil
	}
	set := cloud.Token(call.Key, "set", strconv.Itoa(call.Attempt))
	const op = "ec2:CreateSnapshots"
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.ec2.CreateSnapshots, &ec2.CreateSnapshotsInput{
		InstanceSpecification: state.specification(), TagSpecifications: copyMarks(call, tagSet, set),
		Description: aws.String(fmt.Sprintf("firebreak %s %s %s: %s", call.Incident, call.Run, call.Step, p.Instance)),
	})
	if err != nil {
		return snapshotVolumesResult{}, err
	}
	var made []types.Snapshot
	for _, one := range out.Snapshots {
		made = append(made, types.Snapshot{SnapshotId: one.SnapshotId, VolumeId: one.VolumeId, VolumeSize: one.VolumeSize, Encrypted: one.Encrypted, StartTime: one.StartTime})
	}
	if len(made) == 0 {
		return snapshotVolumesResult{}, &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("the answer names no snapshots, so some may have been made"), Hint: "the next attempt looks for them"}
	}
	return state.result(made), nil
}

// specification names the volumes in the words of EC2.
func (s snapshotState) specification() *types.InstanceSpecification {
	what := &types.InstanceSpecification{InstanceId: &s.Instance}
	for _, v := range s.Volumes {
		switch {
		case v.LeftOut && v.Root:
			what.ExcludeBootVolume = aws.Bool(true)
		case v.LeftOut:
			what.ExcludeDataVolumeIds = append(what.ExcludeDataVolumeIds, v.ID)
		}
	}
	return what
}

// oneSet picks the set that earlier attempts of a step made. There is one; were
// there more, the largest is taken, and of those the oldest.
func oneSet(found []types.Snapshot) []types.Snapshot {
	sets := map[string][]types.Snapshot{}
	var names []string
	for _, one := range found {
		name := tag(one.Tags, tagSet)
		if sets[name] == nil {
			names = append(names, name)
		}
		sets[name] = append(sets[name], one)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(sets[b]), len(sets[a])), earliest(sets[a]).Compare(earliest(sets[b])), cmp.Compare(a, b))
	})
	return sets[names[0]]
}

func earliest(set []types.Snapshot) time.Time {
	first := slices.MinFunc(set, func(a, b types.Snapshot) int { return aws.ToTime(a.StartTime).Compare(aws.ToTime(b.StartTime)) })
	return aws.ToTime(first.StartTime).UTC()
}

// result tells of a set what can be read at any later time too.
func (s snapshotState) result(set []types.Snapshot) snapshotVolumesResult {
	r := snapshotVolumesResult{Snapshots: []volumeSnapshot{}, SnapshotIDs: []string{}, Started: earliest(set).Truncate(time.Second), NotCovered: s.NotCovered}
	for _, one := range set {
		made := volumeSnapshot{ID: aws.ToString(one.SnapshotId), Volume: aws.ToString(one.VolumeId), SizeGiB: int(aws.ToInt32(one.VolumeSize)), Encrypted: aws.ToBool(one.Encrypted)}
		if v, known := s.volume(made.Volume); known {
			made.Device, made.Key = v.Device, v.Key
		}
		r.Snapshots = append(r.Snapshots, made)
	}
	slices.SortFunc(r.Snapshots, func(a, b volumeSnapshot) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.ID, b.ID))
	})
	for _, one := range r.Snapshots {
		r.SnapshotIDs = append(r.SnapshotIDs, one.ID)
	}
	return r
}

func (s snapshotState) volume(id string) (disk, bool) {
	i := slices.IndexFunc(s.Volumes, func(v disk) bool { return v.ID == id })
	if i < 0 {
		return disk{}, false
	}
	return s.Volumes[i], true
}

// Probe finds the set of an attempt whose answer was lost.
func (a snapshotVolumes) Probe(ctx context.Context, call actions.Call, p snapshotVolumesParams) (actions.Found, snapshotVolumesResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.FoundUnknown, snapshotVolumesResult{}, err
	}
	ours, err := c.ourSnapshots(ctx, call)
	switch {
	case err != nil:
		return actions.FoundUnknown, snapshotVolumesResult{}, err
	case len(ours) == 0:
		return actions.NotApplied, snapshotVolumesResult{}, nil
	}
	return actions.Applied, state.result(oneSet(ours)), nil
}

func (a snapshotVolumes) Verify(ctx context.Context, call actions.Call, p snapshotVolumesParams, r snapshotVolumesResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if len(r.SnapshotIDs) == 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: "no snapshots were made"}, nil
	}
	set, err := c.snapshots(ctx, r.SnapshotIDs)
	switch {
	case err != nil && actions.ClassOf(err) == actions.NotFound:
		return actions.Reading{Verdict: actions.NotVerified, Detail: err.Error()}, nil
	case err != nil:
		return unreadable(err)
	}
	return state.judge(call, set, p.Wait == "completed"), nil
}

// judge holds a set against what was planned.
func (s snapshotState) judge(call actions.Call, set []types.Snapshot, wait bool) actions.Reading {
	no := func(format string, args ...any) actions.Reading {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf(format, args...)}
	}
	for _, v := range s.Volumes {
		n := 0
		for _, one := range set {
			if aws.ToString(one.VolumeId) == v.ID {
				n++
			}
		}
		switch {
		case v.LeftOut && n > 0:
			return no("volume %s was to be left out, but has a snapshot", v)
		case !v.LeftOut && n != 1:
			return no("volume %s has %d snapshots in the set, not one", v, n)
		}
	}
	var pending []string
	for _, one := range set {
		id := aws.ToString(one.SnapshotId)
		v, _ := s.volume(aws.ToString(one.VolumeId))
		missing := missingTags(one.Tags, call)
		switch {
		case one.State == "" || one.StartTime == nil || one.Encrypted == nil:
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("EC2 does not tell state, start and encryption of snapshot %s", id)}
		case one.State == types.SnapshotStateError:
			return no("snapshot %s failed: %s", id, cmp.Or(aws.ToString(one.StateMessage), "EC2 does not say why"))
		case len(missing) > 0:
			return no("snapshot %s does not carry our tags %s", id, strings.Join(missing, ", "))
		case tag(one.Tags, tagSet) != tag(set[0].Tags, tagSet) || one.StartTime.Sub(earliest(set)) > time.Second:
			return no("snapshots %s and %s are not of one set", aws.ToString(set[0].SnapshotId), id)
		case v.ID == "": // attached after the plan: more than was asked for
		case aws.ToBool(one.Encrypted) != v.Encrypted:
			return no("snapshot %s is not encrypted as volume %s is", id, v)
		case v.Encrypted && aws.ToString(one.KmsKeyId) == "":
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("EC2 does not tell the key of snapshot %s", id)}
		case v.Encrypted && aws.ToString(one.KmsKeyId) != v.Key:
			return no("snapshot %s is encrypted under %s, volume %s under %s", id, aws.ToString(one.KmsKeyId), v, v.Key)
		}
		if one.State != types.SnapshotStateCompleted {
			pending = append(pending, fmt.Sprintf("%s %s", id, cmp.Or(aws.ToString(one.Progress), string(one.State))))
		}
	}
	if wait && len(pending) > 0 {
		return actions.Reading{Verdict: actions.Pending, Detail: "still being copied: " + strings.Join(pending, ", ")}
	}
	detail := fmt.Sprintf("%d snapshots of one moment, %s, cover every volume that was planned", len(set), earliest(set).Format(time.RFC3339))
	if len(pending) > 0 {
		detail += "; still being copied: " + strings.Join(pending, ", ")
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}
}

// resume opens the session and loads what Plan captured.
func (a snapshotVolumes) resume(ctx context.Context, call actions.Call, p snapshotVolumesParams) (*conn, snapshotState, error) {
	var state snapshotState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.Instance || len(state.Volumes) == 0 {
		return nil, state, actions.WrongState("it knows no volumes of instance %q", p.Instance)
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
