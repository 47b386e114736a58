package awstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// RDS is a client that goes around the proxy.
func (w *World) RDS() *rds.Client { return rds.NewFromConfig(w.Config) }

// Database makes an instance with one security group that can be reached from
// the internet, and gives the network it is in.
func (w *World) Database(t *testing.T, id, group string) (vpc string) {
	t.Helper()
	w.databases = true
	out, err := w.RDS().CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBInstanceClass: aws.String("db.m5.large"), Engine: aws.String("postgres"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String("root"), MasterUserPassword: aws.String("a-canary-password"), VpcSecurityGroupIds: []string{group}, PubliclyAccessible: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.DBInstance.DBSubnetGroup == nil {
		return ""
	}
	return aws.ToString(out.DBInstance.DBSubnetGroup.VpcId)
}

// DatabaseCluster makes an Aurora cluster with one security group and one
// instance, called id-1.
func (w *World) DatabaseCluster(t *testing.T, id, group string) {
	t.Helper()
	w.databases = true
	if _, err := w.RDS().CreateDBCluster(t.Context(), &rds.CreateDBClusterInput{
		DBClusterIdentifier: &id, Engine: aws.String("aurora-postgresql"), MasterUsername: aws.String("root"), MasterUserPassword: aws.String("a-canary-password"), VpcSecurityGroupIds: []string{group},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RDS().CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String(id + "-1"), DBClusterIdentifier: &id, DBInstanceClass: aws.String("db.r5.large"), Engine: aws.String("aurora-postgresql"),
	}); err != nil {
		t.Fatal(err)
	}
}

// SetDatabaseGroups sets the groups of an instance or a cluster, as somebody
// else would.
func (w *World) SetDatabaseGroups(t *testing.T, kind, id string, groups ...string) {
	t.Helper()
	var err error
	if kind == "cluster" {
		_, err = w.RDS().ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, VpcSecurityGroupIds: groups})
	} else {
		_, err = w.RDS().ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: &id, VpcSecurityGroupIds: groups})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func memberships(list []types.VpcSecurityGroupMembership) string {
	var ids []string
	for _, g := range list {
		ids = append(ids, aws.ToString(g.VpcSecurityGroupId)+"/"+aws.ToString(g.Status))
	}
	slices.Sort(ids)
	return strings.Join(ids, ",")
}

func marks(list []types.Tag) string {
	var all []string
	for _, tag := range list {
		all = append(all, aws.ToString(tag.Key)+"="+aws.ToString(tag.Value))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// rdsState reads databases and their snapshots.
func (w *World) rdsState(t *testing.T) string {
	t.Helper()
	if !w.databases {
		return ""
	}
	var lines []string
	instances, err := w.RDS().DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range instances.DBInstances {
		lines = append(lines, fmt.Sprintf("database %s groups %s public %t keep %t\n", aws.ToString(d.DBInstanceIdentifier), memberships(d.VpcSecurityGroups), aws.ToBool(d.PubliclyAccessible), aws.ToBool(d.DeletionProtection)))
	}
	clusters, err := w.RDS().DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range clusters.DBClusters {
		lines = append(lines, fmt.Sprintf("database cluster %s groups %s keep %t\n", aws.ToString(d.DBClusterIdentifier), memberships(d.VpcSecurityGroups), aws.ToBool(d.DeletionProtection)))
	}
	snapshots, err := w.RDS().DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range snapshots.DBSnapshots {
		lines = append(lines, fmt.Sprintf("database snapshot %s of %s %s %s\n", aws.ToString(s.DBSnapshotIdentifier), aws.ToString(s.DBInstanceIdentifier), aws.ToString(s.Status), marks(s.TagList)))
	}
	ofClusters, err := w.RDS().DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ofClusters.DBClusterSnapshots {
		lines = append(lines, fmt.Sprintf("database cluster snapshot %s of %s %s %s\n", aws.ToString(s.DBClusterSnapshotIdentifier), aws.ToString(s.DBClusterIdentifier), aws.ToString(s.Status), marks(s.TagList)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// rdsNeeds are the rights of calls to RDS. A snapshot is checked on what it is of
// and on itself; tags that come with it need the right to tag.
func (w *World) rdsNeeds(t *testing.T, call Call) []Need {
	t.Helper()
	arn := func(kind, id string) string { return "arn:aws:rds:" + Region + ":" + w.Account + ":" + kind + ":" + id }
	instance, cluster := call.Form.Get("DBInstanceIdentifier"), call.Form.Get("DBClusterIdentifier")
	snapshot, ofCluster := call.Form.Get("DBSnapshotIdentifier"), call.Form.Get("DBClusterSnapshotIdentifier")
	var needs []Need
	for kind, id := range map[string]string{"db": instance, "cluster": cluster, "snapshot": snapshot, "cluster-snapshot": ofCluster} {
		if id != "" {
			needs = append(needs, Need{call.Operation, arn(kind, id)})
		}
	}
	if strings.HasPrefix(call.Operation, "rds:Create") && call.Form.Has("Tags.Tag.1.Key") {
		if snapshot != "" {
			needs = append(needs, Need{"rds:AddTagsToResource", arn("snapshot", snapshot)})
		} else {
			needs = append(needs, Need{"rds:AddTagsToResource", arn("cluster-snapshot", ofCluster)})
		}
	}
	if len(needs) == 0 {
		t.Fatalf("%s names no database: %v", call.Operation, call.Form)
	}
	return needs
}

// ClosedGroup makes a security group that lets nobody in, and gives its id.
func (w *World) ClosedGroup(t *testing.T, vpc, name string) string {
	t.Helper()
	out, err := w.EC2().CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: &name, Description: aws.String("made by a test")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.GroupId)
}

// OpenGroup lets the world into a security group, as somebody else would.
func (w *World) OpenGroup(t *testing.T, id string) {
	t.Helper()
	if _, err := w.EC2().AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
	}}); err != nil {
		t.Fatal(err)
	}
}
