package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// copySnapshot copies a snapshot under a key into this account and region, if an
// earlier attempt has not. CopySnapshot has no client token, so it is sent once,
// and the copy is found again by its marks.
func (c *conn) copySnapshot(ctx context.Context, call actions.Call, region, source, key string) (id string, made bool, err error) {
	const op = "ec2:CopySnapshot"
	ours, err := c.ourSnapshots(ctx, call)
	if err != nil {
		return "", false, err
	}
	for _, one := range ours {
		if tag(one.Tags, tagSource) == source {
			return aws.ToString(one.SnapshotId), false, nil
		}
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Once, op, c.ec2.CopySnapshot, &ec2.CopySnapshotInput{
		SourceRegion: &region, SourceSnapshotId: &source, Encrypted: aws.Bool(true), KmsKeyId: &key, TagSpecifications: copyMarks(call, tagSource, source),
		Description: aws.String(fmt.Sprintf("firebreak %s %s %s: copy of %s", call.Incident, call.Run, call.Step, source)),
	})
	if err != nil {
		return "", false, err
	}
	if id = aws.ToString(out.SnapshotId); id == "" {
		return "", false, &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("the answer names no copy of %q", source), Hint: "the next attempt looks for it"}
	}
	return id, true, nil
}

// completed waits until snapshots can be copied. When the time is up the error
// is of class unknown, and the next attempt goes on where this one ended.
func (c *conn) completed(ctx context.Context, ids []string, pause time.Duration) error {
	if pause <= 0 {
		pause = 5 * time.Second
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		found, err := c.snapshots(ctx, ids)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(found, func(s types.Snapshot) bool { return s.State != types.SnapshotStateCompleted })
		if i < 0 {
			return nil
		}
		id := aws.ToString(found[i].SnapshotId)
		if found[i].State == types.SnapshotStateError {
			return &actions.Error{Class: actions.Precondition, Op: "ec2:CopySnapshot", Err: fmt.Errorf("the copy %q failed: %s", id, cmp.Or(aws.ToString(found[i].StateMessage), "EC2 does not say why")),
				Hint: "check the policies of the keys, then run the step again: it makes a new copy"}
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return &actions.Error{Class: actions.Unknown, Op: "ec2:CopySnapshot", Err: fmt.Errorf("snapshot %q is %s, %s done", id, found[i].State, cmp.Or(aws.ToString(found[i].Progress), "0%")), Hint: "run the step again: it goes on from there"}
		}
	}
}

// allow lets an account use a snapshot, or takes that away.
func (c *conn) allow(ctx context.Context, id, account string, how types.OperationType) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "ec2:ModifySnapshotAttribute", c.ec2.ModifySnapshotAttribute, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: how, UserIds: []string{account}})
	return err
}

// mayUse says whether an account may use a snapshot. An answer that does not
// name the snapshot is an error, since an empty list means nobody.
func (c *conn) mayUse(ctx context.Context, id, account string) (bool, error) {
	const op = "ec2:DescribeSnapshotAttribute"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeSnapshotAttribute, &ec2.DescribeSnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	if err != nil {
		return false, err
	}
	if aws.ToString(out.SnapshotId) != id {
		return false, cloud.Without(op, "permissions of snapshot "+id)
	}
	return slices.ContainsFunc(out.CreateVolumePermissions, func(v types.CreateVolumePermission) bool { return aws.ToString(v.UserId) == account }), nil
}
