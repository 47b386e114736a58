package rds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type snapshot struct{ cloud *cloud.Cloud }

type snapshotParams struct {
	Instance string `json:"instance,omitempty" doc:"identifier of a database instance; not for one that belongs to a cluster" example:"orders-1"`
	Cluster  string `json:"cluster,omitempty" doc:"identifier of an Aurora or Multi-AZ cluster" example:"orders"`
}

type snapshotResult struct {
	Snapshot  string `json:"snapshot" doc:"identifier of the snapshot"`
	ARN       string `json:"arn" doc:"ARN of the snapshot"`
	Encrypted bool   `json:"encrypted" doc:"whether it is encrypted"`
	KMSKey    string `json:"kms_key" doc:"key that encrypts it; empty: none"`
	Engine    string `json:"engine" doc:"what kind of database it is of"`
}

const (
	snapshotOp       = "aws.rds.snapshot"
	snapshotResource = "arn:{partition}:rds:{region}:{account}:snapshot:{snapshot}"
	clusterSnapshots = "arn:{partition}:rds:{region}:{account}:cluster-snapshot:{snapshot}"
)

func (snapshot) Spec() actions.Spec {
	spec := actions.Spec{
		Name: snapshotOp, Version: 1,
		Title: "Take a snapshot of a database",
		Doc: "Takes a snapshot named after incident, run and step, with the marks of firebreak, and proves that it is available. " +
			"The point in time is when AWS starts it; a large database takes long until it is available.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true,
		BlastRadius: "A Single-AZ instance pauses its reads and writes for a moment; the snapshot costs storage.",
		StaysAlive:  []string{"Everything: a snapshot stops nobody.", "What was in memory and not committed is not in it."},
		Timeout:     time.Minute, Settle: 10 * time.Second,
	}
	add := func(phase actions.Phase, action, resource, why string) {
		spec.Permissions = append(spec.Permissions, actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why})
	}
	add(actions.PhasePlan, "rds:DescribeDBInstances", instanceResource, "read what it is")
	add(actions.PhasePlan, "rds:DescribeDBClusters", clusterResource, "read what it is")
	for _, phase := range []actions.Phase{actions.PhasePlan, actions.PhaseExecute, actions.PhaseVerify} {
		add(phase, "rds:DescribeDBSnapshots", snapshotResource, "find the one of this step")
		add(phase, "rds:DescribeDBClusterSnapshots", clusterSnapshots, "find the one of this step")
	}
	add(actions.PhaseExecute, "rds:CreateDBSnapshot", instanceResource, "take it")
	add(actions.PhaseExecute, "rds:CreateDBSnapshot", snapshotResource, "take it")
	add(actions.PhaseExecute, "rds:CreateDBClusterSnapshot", clusterResource, "take it")
	add(actions.PhaseExecute, "rds:CreateDBClusterSnapshot", clusterSnapshots, "take it")
	add(actions.PhaseExecute, "rds:AddTagsToResource", snapshotResource, "mark it")
	add(actions.PhaseExecute, "rds:AddTagsToResource", clusterSnapshots, "mark it")
	return spec
}

func (a snapshot) Plan(ctx context.Context, call actions.Call, p snapshotParams) (actions.Preview, error) {
	var preview actions.Preview
	c, d, err := find(ctx, a.cloud, call, snapshotOp, p.Instance, p.Cluster)
	if err != nil {
		return preview, err
	}
	name := snapshotName(call, d.ID)
	there, found, err := c.taken(ctx, d.Kind, name)
	if err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets:  []actions.Target{d.target(c.Account, c.Region)},
		Changes:  []string{fmt.Sprintf("A snapshot %s of %s is taken.", name, d)},
		Calls:    []string{map[string]string{"instance": "rds:CreateDBSnapshot", "cluster": "rds:CreateDBClusterSnapshot"}[d.Kind]},
		InEffect: found && there.ours(call),
		NoUndo:   "evidence is not taken back; deleting it is a decision of its own",
	}
	if d.Status != "available" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("It is %s; AWS may refuse until it is available.", d.Status))
	}
	return preview, preview.Capture(d)
}

// snapshotName is the same for every attempt of a step: letters, digits and
// single hyphens, as RDS wants it, and at most 255 of them.
func snapshotName(call actions.Call, id string) string {
	parts := strings.FieldsFunc(strings.ToLower(strings.Join([]string{"firebreak", call.Incident, call.Run, call.Step, id}, "-")), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := strings.Join(parts, "-")
	return strings.TrimRight(name[:min(len(name), 255)], "-")
}

// taken is a snapshot that is there.
type taken struct {
	id, arn, status, source, key, engine string
	encrypted                            bool
	tags                                 []types.Tag
}

// ours says whether this step took it, and not somebody who knew the name.
func (s taken) ours(call actions.Call) bool {
	for _, tag := range cloud.Tags(call) {
		if !slices.ContainsFunc(s.tags, func(t types.Tag) bool { return aws.ToString(t.Key) == tag.Key && aws.ToString(t.Value) == tag.Value }) {
			return false
		}
	}
	return true
}

func (s taken) result() snapshotResult {
	return snapshotResult{Snapshot: s.id, ARN: s.arn, Encrypted: s.encrypted, KMSKey: s.key, Engine: s.engine}
}

func (c *conn) taken(ctx context.Context, kind, name string) (s taken, found bool, err error) {
	if kind == "cluster" {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "rds:DescribeDBClusterSnapshots", c.rds.DescribeDBClusterSnapshots, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &name})
		if err != nil {
			return s, false, missing(err)
		}
		for _, one := range out.DBClusterSnapshots {
			if aws.ToString(one.DBClusterSnapshotIdentifier) == name {
				return taken{name, aws.ToString(one.DBClusterSnapshotArn), aws.ToString(one.Status), aws.ToString(one.DBClusterIdentifier), aws.ToString(one.KmsKeyId), aws.ToString(one.Engine), aws.ToBool(one.StorageEncrypted), one.TagList}, true, nil
			}
		}
		return s, false, nil
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "rds:DescribeDBSnapshots", c.rds.DescribeDBSnapshots, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &name})
	if err != nil {
		return s, false, missing(err)
	}
	for _, one := range out.DBSnapshots {
		if aws.ToString(one.DBSnapshotIdentifier) == name {
			return taken{name, aws.ToString(one.DBSnapshotArn), aws.ToString(one.Status), aws.ToString(one.DBInstanceIdentifier), aws.ToString(one.KmsKeyId), aws.ToString(one.Engine), aws.ToBool(one.Encrypted), one.TagList}, true, nil
		}
	}
	return s, false, nil
}

// missing turns "there is no such snapshot" into no error.
func missing(err error) error {
	if actions.ClassOf(err) == actions.NotFound {
		return nil
	}
	return err
}

func (a snapshot) Execute(ctx context.Context, call actions.Call, p snapshotParams) (snapshotResult, error) {
	c, d, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return snapshotResult{}, err
	}
	name := snapshotName(call, d.ID)
	there, found, err := c.taken(ctx, d.Kind, name)
	if err != nil {
		return snapshotResult{}, err
	}
	if !found {
		if err := c.take(ctx, call, d, name); err != nil {
			return snapshotResult{}, err
		}
		if there, found, err = c.taken(ctx, d.Kind, name); err != nil {
			return snapshotResult{}, err
		}
	}
	switch {
	case !found:
		return snapshotResult{}, cloud.Empty("rds:DescribeDBSnapshots", name)
	case !there.ours(call) || !strings.EqualFold(there.source, d.ID):
		return snapshotResult{}, &actions.Error{Class: actions.Precondition, Op: snapshotOp, Err: fmt.Errorf("a snapshot %q is there that this step did not take (of %q)", name, there.source),
			Hint: "look who made it; it is not used as evidence"}
	}
	return there.result(), nil
}

// take takes it. The name is its token: AWS refuses a second one.
func (c *conn) take(ctx context.Context, call actions.Call, d database, name string) error {
	var tags []types.Tag
	for _, tag := range cloud.Tags(call) {
		tags = append(tags, types.Tag{Key: &tag.Key, Value: &tag.Value})
	}
	var err error
	if d.Kind == "cluster" {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "rds:CreateDBClusterSnapshot", c.rds.CreateDBClusterSnapshot, &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: &d.ID, DBClusterSnapshotIdentifier: &name, Tags: tags})
	} else {
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "rds:CreateDBSnapshot", c.rds.CreateDBSnapshot, &rds.CreateDBSnapshotInput{DBInstanceIdentifier: &d.ID, DBSnapshotIdentifier: &name, Tags: tags})
	}
	if cloud.Code(err) == "DBSnapshotAlreadyExists" || cloud.Code(err) == "DBClusterSnapshotAlreadyExistsFault" {
		return nil // an earlier attempt whose answer was lost; whose it is, its marks tell
	}
	return err
}

func (a snapshot) Verify(ctx context.Context, call actions.Call, p snapshotParams, _ snapshotResult) (actions.Reading, error) {
	c, d, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return actions.Reading{}, err
	}
	name := snapshotName(call, d.ID)
	there, found, err := c.taken(ctx, d.Kind, name)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case !found:
		return actions.Reading{Verdict: actions.NotVerified, Detail: "there is no snapshot " + name}, nil
	case !there.ours(call) || !strings.EqualFold(there.source, d.ID):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("snapshot %s is of %s and not of this step", name, there.source)}, nil
	case there.status == "available":
		return actions.Reading{Verdict: actions.Verified, Detail: "snapshot " + name + " is available"}, nil
	case there.status == "" || there.status == "failed" || there.status == "incompatible-restore":
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("snapshot %s is %q", name, there.status)}, nil
	}
	return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("snapshot %s is %s", name, there.status)}, nil
}
