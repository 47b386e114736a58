package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// The marks by which a snapshot is found again after a crash. EC2 has no client
// token for snapshots, so the marks take its place.
const (
	tagKey    = "firebreak:key"    // of the logical step that made it
	tagSet    = "firebreak:set"    // the same for all that one request made
	tagSource = "firebreak:source" // the snapshot that it is a copy of
)

// settleSnapshots is how long a new snapshot may be missing from lists.
const settleSnapshots = 30 * time.Second

const (
	snapshotForm     = "^snap-[0-9a-f]{8,17}$"
	snapshotResource = "arn:{partition}:ec2:{region}::snapshot/*" // EC2's ARNs of snapshots name no account
)

// copyMarks are the tags of a snapshot that a call makes, with more in pairs of
// key and value.
func copyMarks(call actions.Call, more ...string) []types.TagSpecification {
	tags := append(tagsOf(call), types.Tag{Key: aws.String(tagKey), Value: aws.String(string(call.Key))})
	for i := 0; i+1 < len(more); i += 2 {
		tags = append(tags, types.Tag{Key: aws.String(more[i]), Value: aws.String(more[i+1])})
	}
	return []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: tags}}
}

// ourSnapshots lists what earlier attempts of this step made in this account and
// region, failed ones left out, by id.
func (c *conn) ourSnapshots(ctx context.Context, call actions.Call) ([]types.Snapshot, error) {
	if call.Key == "" {
		return nil, &actions.Error{Class: actions.Invalid, Op: "find earlier snapshots", Err: fmt.Errorf("the step %q has no key", call.Step), Hint: "this is a bug: nothing was made, since it could not be found again"}
	}
	var found []types.Snapshot
	in := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{{Name: aws.String("tag:" + tagKey), Values: []string{string(call.Key)}}}}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeSnapshots", c.ec2.DescribeSnapshots, in)
		if err != nil {
			return nil, err
		}
		for _, one := range out.Snapshots {
			if tag(one.Tags, tagKey) == string(call.Key) && one.State != types.SnapshotStateError {
				found = append(found, one)
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	slices.SortFunc(found, byID)
	return found, nil
}

// snapshots reads some by id. The error is of class not-found when one does not
// exist, and about an empty answer when one is not told.
func (c *conn) snapshots(ctx context.Context, ids []string) ([]types.Snapshot, error) {
	const op = "ec2:DescribeSnapshots"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeSnapshots, &ec2.DescribeSnapshotsInput{SnapshotIds: ids})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(out.Snapshots, func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == id }) {
			return nil, cloud.Without(op, "snapshot "+id)
		}
	}
	slices.SortFunc(out.Snapshots, byID)
	return out.Snapshots, nil
}

func byID(a, b types.Snapshot) int {
	return cmp.Compare(aws.ToString(a.SnapshotId), aws.ToString(b.SnapshotId))
}

// missingTags lists the marks of a call that a resource does not carry.
func missingTags(tags []types.Tag, call actions.Call) []string {
	var missing []string
	for _, one := range append(cloud.Tags(call), cloud.Tag{Key: tagKey, Value: string(call.Key)}) {
		if tag(tags, one.Key) != one.Value {
			missing = append(missing, one.Key)
		}
	}
	return missing
}

// disk is an EBS volume of an instance as Plan captures it.
type disk struct {
	ID        string `json:"id"`
	Device    string `json:"device"`
	SizeGiB   int    `json:"size_gib"`
	Encrypted bool   `json:"encrypted,omitempty"`
	Key       string `json:"key,omitempty"` // ARN of the KMS key; empty: it is not encrypted
	Root      bool   `json:"root,omitempty"`
	LeftOut   bool   `json:"left_out,omitempty"`
}

func (v disk) String() string { return v.ID + " (" + v.Device + ")" }

// volumes reads the EBS volumes that are attached to an instance, by device. The
// list of the instance itself has to fit: a volume that only one of the two
// answers names makes neither of them a proof.
func (c *conn) volumes(ctx context.Context, instance types.Instance) ([]types.Volume, error) {
	const op = "ec2:DescribeVolumes"
	id := aws.ToString(instance.InstanceId)
	var found []types.Volume
	in := &ec2.DescribeVolumesInput{Filters: []types.Filter{{Name: aws.String("attachment.instance-id"), Values: []string{id}}}}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeVolumes, in)
		if err != nil {
			return nil, err
		}
		found = append(found, out.Volumes...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	for _, mapping := range instance.BlockDeviceMappings {
		if mapping.Ebs != nil && !slices.ContainsFunc(found, func(v types.Volume) bool { return aws.ToString(v.VolumeId) == aws.ToString(mapping.Ebs.VolumeId) }) {
			return nil, cloud.Without(op, "volume "+aws.ToString(mapping.Ebs.VolumeId)+" of instance "+id)
		}
	}
	slices.SortFunc(found, func(a, b types.Volume) int {
		return cmp.Or(cmp.Compare(deviceOf(a, id), deviceOf(b, id)), cmp.Compare(aws.ToString(a.VolumeId), aws.ToString(b.VolumeId)))
	})
	return found, nil
}

// deviceOf is where a volume is attached to an instance.
func deviceOf(v types.Volume, instance string) string {
	for _, attachment := range v.Attachments {
		if aws.ToString(attachment.InstanceId) == instance {
			return aws.ToString(attachment.Device)
		}
	}
	return ""
}

// instanceType reads what a type of instance has.
func (c *conn) instanceType(ctx context.Context, name types.InstanceType) (types.InstanceTypeInfo, error) {
	const op = "ec2:DescribeInstanceTypes"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.ec2.DescribeInstanceTypes, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{name}})
	if err != nil {
		return types.InstanceTypeInfo{}, err
	}
	for _, one := range out.InstanceTypes {
		if one.InstanceType == name {
			return one, nil
		}
	}
	return types.InstanceTypeInfo{}, cloud.Without(op, "instance type "+string(name))
}

// instanceStore says which disks of a type are no EBS volumes; empty: none.
func instanceStore(info types.InstanceTypeInfo) string {
	if !aws.ToBool(info.InstanceStorageSupported) {
		return ""
	}
	var disks []string
	if info.InstanceStorageInfo != nil {
		for _, d := range info.InstanceStorageInfo.Disks {
			disks = append(disks, fmt.Sprintf("%d x %d GB", aws.ToInt32(d.Count), aws.ToInt64(d.SizeInGB)))
		}
	}
	return strings.TrimSuffix("instance store: "+strings.Join(disks, ", "), ": ")
}
