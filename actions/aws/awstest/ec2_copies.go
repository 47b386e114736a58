package awstest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// In is the configuration of clients in another account of moto, around the
// proxy. Each account has a state of its own.
func (w *World) In(t *testing.T, account string) aws.Config {
	t.Helper()
	out, err := sts.NewFromConfig(w.Config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/auditor"), RoleSessionName: aws.String("auditor")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.Config.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(out.Credentials.AccessKeyId), aws.ToString(out.Credentials.SecretAccessKey), aws.ToString(out.Credentials.SessionToken))
	return cfg
}

// Volumes are the ids of the volumes of an instance, by device.
func (w *World) Volumes(t *testing.T, instance string) []string {
	t.Helper()
	out, err := w.EC2().DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: filter("attachment.instance-id", instance)})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(out.Volumes, func(a, b types.Volume) int {
		return strings.Compare(aws.ToString(a.Attachments[0].Device), aws.ToString(b.Attachments[0].Device))
	})
	var ids []string
	for _, v := range out.Volumes {
		ids = append(ids, aws.ToString(v.VolumeId))
	}
	return ids
}

// AttachEncrypted attaches a new volume of 4 GiB under a KMS key, and gives its id.
func (w *World) AttachEncrypted(t *testing.T, instance, device, key string) string {
	t.Helper()
	made, err := w.EC2().CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String(Region + "a"), Size: aws.Int32(4), Encrypted: aws.Bool(true), KmsKeyId: &key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EC2().AttachVolume(t.Context(), &ec2.AttachVolumeInput{InstanceId: &instance, VolumeId: made.VolumeId, Device: &device}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.VolumeId)
}

// SnapshotOf takes a snapshot of a volume, as somebody else would, and gives its id.
func (w *World) SnapshotOf(t *testing.T, volume string) string {
	t.Helper()
	w.launched = true
	out, err := w.EC2().CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volume, Description: aws.String("made by a test")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.SnapshotId)
}

// Snapshots are those of this account that were made in the test, by id.
func (w *World) Snapshots(t *testing.T) []types.Snapshot {
	t.Helper()
	return snapshotsOf(t, w.Config)
}

// SnapshotsIn are those of another account.
func (w *World) SnapshotsIn(t *testing.T, account string) []types.Snapshot {
	t.Helper()
	return snapshotsOf(t, w.In(t, account))
}

func snapshotsOf(t *testing.T, cfg aws.Config) []types.Snapshot {
	t.Helper()
	out, err := ec2.NewFromConfig(cfg).DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{})
	if err != nil {
		t.Fatal(err)
	}
	out.Snapshots = slices.DeleteFunc(out.Snapshots, func(s types.Snapshot) bool {
		return strings.HasPrefix(aws.ToString(s.Description), "Auto-created") // moto's, of its images
	})
	slices.SortFunc(out.Snapshots, func(a, b types.Snapshot) int {
		return strings.Compare(aws.ToString(a.SnapshotId), aws.ToString(b.SnapshotId))
	})
	return out.Snapshots
}

// DeleteSnapshot deletes one, as somebody else would.
func (w *World) DeleteSnapshot(t *testing.T, id string) {
	t.Helper()
	if _, err := w.EC2().DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id}); err != nil {
		t.Fatal(err)
	}
}

// Share lets an account use a snapshot, or takes that away, as somebody else would.
func (w *World) Share(t *testing.T, id, account string, allowed bool) {
	t.Helper()
	how := types.OperationTypeRemove
	if allowed {
		how = types.OperationTypeAdd
	}
	if _, err := w.EC2().ModifySnapshotAttribute(t.Context(), &ec2.ModifySnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: how, UserIds: []string{account}}); err != nil {
		t.Fatal(err)
	}
}

// SharedWith lists the accounts that may use a snapshot, sorted.
func (w *World) SharedWith(t *testing.T, id string) []string {
	t.Helper()
	out, err := w.EC2().DescribeSnapshotAttribute(t.Context(), &ec2.DescribeSnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	if err != nil {
		t.Fatal(err)
	}
	var accounts []string
	for _, one := range out.CreateVolumePermissions {
		accounts = append(accounts, aws.ToString(one.UserId)+string(one.Group))
	}
	slices.Sort(accounts)
	return accounts
}

// copyState reads what is collected of instances: snapshots and who may use them.
func (w *World) copyState(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, one := range w.Snapshots(t) {
		lines = append(lines, fmt.Sprintf("snapshot %s of %s encrypted=%v %s%s shared with %v", aws.ToString(one.SnapshotId), aws.ToString(one.VolumeId), aws.ToBool(one.Encrypted),
			aws.ToString(one.KmsKeyId), tagText(one.Tags), w.SharedWith(t, aws.ToString(one.SnapshotId))))
	}
	return lines
}

// copyRights are the rights of calls about those. A snapshot's ARN names no
// account. Calls that describe have no resource level.
func (w *World) copyRights() map[string]rights {
	snapshots := "arn:aws:ec2:" + Region + "::snapshot/"
	instance := func(call Call) []Need {
		return []Need{{call.Operation, w.arn("instance", call.Form.Get("InstanceId"))}}
	}
	table := map[string]rights{
		"ec2:CreateSnapshots": func(call Call) []Need {
			return []Need{
				{"ec2:CreateSnapshots", w.arn("instance", call.Form.Get("InstanceSpecification.InstanceId"))}, {"ec2:CreateSnapshots", w.arn("volume", "vol-1")},
				{"ec2:CreateSnapshots", snapshots + "snap-1"}, {"ec2:CreateTags", snapshots + "snap-1"},
			}
		},
		// The caller's own rights on the keys are used by EC2 on the caller's behalf.
		"ec2:CopySnapshot": func(call Call) []Need {
			needs := []Need{{"ec2:CopySnapshot", snapshots + call.Form.Get("SourceSnapshotId")}, {"ec2:CreateTags", snapshots + "snap-1"}}
			if key := call.Form.Get("KmsKeyId"); key != "" {
				for _, action := range []string{"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"} {
					needs = append(needs, Need{action, key})
				}
			}
			return needs
		},
		"ec2:ModifySnapshotAttribute":   func(call Call) []Need { return []Need{{call.Operation, snapshots + call.Form.Get("SnapshotId")}} },
		"ec2:DescribeSnapshotAttribute": func(call Call) []Need { return []Need{{call.Operation, snapshots + call.Form.Get("SnapshotId")}} },
		"ssm:SendCommand": func(call Call) []Need {
			needs := []Need{{call.Operation, fmt.Sprintf("arn:aws:ssm:%s::document/%v", Region, call.Body["DocumentName"])}}
			ids, _ := call.Body["InstanceIds"].([]any)
			for _, id := range ids {
				needs = append(needs, Need{call.Operation, w.arn("instance", fmt.Sprint(id))})
			}
			return needs
		},
		"ec2:GetConsoleOutput":     instance,
		"ec2:GetConsoleScreenshot": instance,
	}
	for _, name := range []string{"ec2:DescribeSnapshots", "ec2:DescribeVolumes", "ec2:DescribeInstanceTypes", "ec2:DescribeTags", "ec2:DescribeRouteTables", "ec2:DescribeNetworkAcls",
		"ec2:DescribeFlowLogs", "ec2:DescribeSecurityGroupRules", "ec2:DescribeInstanceAttribute", "ec2:DescribeIamInstanceProfileAssociations",
		"ssm:DescribeInstanceInformation", "ssm:ListCommands", "ssm:GetCommandInvocation",
		"autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeAutoScalingGroups",
		"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"} {
		table[name] = anywhere
	}
	return table
}

// LeavesOutVolumes makes CreateSnapshots obey ExcludeDataVolumeIds, which moto
// ignores: it takes the snapshots that moto made too many away before anybody sees them.
func (w *World) LeavesOutVolumes(t *testing.T) {
	t.Helper()
	w.Behind(t, map[string]Stand{"ec2:CreateSnapshots": func(rw http.ResponseWriter, call Call, next func() (int, []byte)) {
		status, body := next()
		for _, volume := range values(call, "InstanceSpecification.ExcludeDataVolumeId") {
			for _, one := range w.Snapshots(t) {
				if aws.ToString(one.VolumeId) == volume {
					w.DeleteSnapshot(t, aws.ToString(one.SnapshotId))
					body = withoutItem(body, aws.ToString(one.SnapshotId))
				}
			}
		}
		rw.Header().Set("Content-Type", "text/xml")
		rw.WriteHeader(status)
		_, _ = rw.Write(body)
	}})
}

// withoutItem drops the item of a list that names a snapshot.
func withoutItem(body []byte, id string) []byte {
	text := string(body)
	at := strings.Index(text, "<snapshotId>"+id)
	if at < 0 {
		return body
	}
	// Items hold tags, which are items too: the one around the id is the last
	// that begins a snapshot.
	start := strings.LastIndex(text[:at], "<item>")
	for strings.Count(text[start:at], "<item>") < strings.Count(text[start:at], "</item>")+1 {
		start = strings.LastIndex(text[:start], "<item>")
	}
	depth, end := 0, start
	for {
		open, shut := strings.Index(text[end:], "<item>"), strings.Index(text[end:], "</item>")
		if open >= 0 && open < shut {
			depth, end = depth+1, end+open+len("<item>")
			continue
		}
		depth, end = depth-1, end+shut+len("</item>")
		if depth == 0 {
			return []byte(text[:start] + text[end:])
		}
	}
}

// CopiesAcross makes CopySnapshot in another account obey EC2's rules: a
// snapshot can be copied there while it is shared with that account, and by
// nobody else. moto looks for the source in the caller's account alone.
func (w *World) CopiesAcross(t *testing.T, account string) {
	t.Helper()
	w.Behind(t, map[string]Stand{"ec2:CopySnapshot": func(rw http.ResponseWriter, call Call, next func() (int, []byte)) {
		source := call.Form.Get("SourceSnapshotId")
		status, body := next()
		if status != http.StatusOK && slices.ContainsFunc(w.Snapshots(t), func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == source }) {
			if !slices.Contains(w.SharedWith(t, source), account) {
				call.refuse(rw, http.StatusBadRequest, "InvalidSnapshot.NotFound")
				return
			}
			status, body = http.StatusOK, w.copyInto(t, account, source, call)
		}
		rw.Header().Set("Content-Type", "text/xml")
		rw.WriteHeader(status)
		_, _ = rw.Write(body)
	}})
}

// copyInto makes a copy in another account out of a volume of its own.
func (w *World) copyInto(t *testing.T, account, source string, call Call) []byte {
	client := ec2.NewFromConfig(w.In(t, account))
	out, err := w.EC2().DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{source}})
	if err != nil {
		t.Error(err)
		return nil
	}
	volume, err := client.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String(Region + "a"), Size: out.Snapshots[0].VolumeSize})
	if err != nil {
		t.Error(err)
		return nil
	}
	first, err := client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: volume.VolumeId})
	if err != nil {
		t.Error(err)
		return nil
	}
	var tags []types.Tag
	for i := 1; call.Form.Has(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", i)); i++ {
		tags = append(tags, types.Tag{Key: aws.String(call.Form.Get(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", i))), Value: aws.String(call.Form.Get(fmt.Sprintf("TagSpecification.1.Tag.%d.Value", i)))})
	}
	made, err := client.CopySnapshot(t.Context(), &ec2.CopySnapshotInput{SourceRegion: aws.String(Region), SourceSnapshotId: first.SnapshotId, KmsKeyId: aws.String(call.Form.Get("KmsKeyId")), Encrypted: aws.Bool(true),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: tags}}})
	if err != nil {
		t.Error(err)
		return nil
	}
	if _, err := client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: first.SnapshotId}); err != nil {
		t.Error(err)
	}
	return []byte("<CopySnapshotResponse><requestId>across-1</requestId><snapshotId>" + aws.ToString(made.SnapshotId) + "</snapshotId></CopySnapshotResponse>")
}
