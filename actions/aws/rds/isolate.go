package rds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type isolate struct{ cloud *cloud.Cloud }

type isolateParams struct {
	Instance string `json:"instance,omitempty" doc:"identifier of a database instance; not for one that belongs to a cluster" example:"orders-1" subject:"true"`
	Cluster  string `json:"cluster,omitempty" doc:"identifier of an Aurora or Multi-AZ cluster" example:"orders" subject:"true"`
	Group    string `json:"group" doc:"security group that lets nobody in, in the same network" example:"sg-0123456789abcdef0" pattern:"^sg-[0-9a-f]{8,17}$"`
}

type isolateResult struct {
	Database string   `json:"database" doc:"ARN of the database"`
	Before   []string `json:"before" doc:"its security groups before"`
	Public   bool     `json:"public" doc:"whether it could be reached from the internet before"`
}

const isolateOp = "aws.rds.isolate"

func (isolate) Spec() actions.Spec {
	spec := actions.Spec{
		Name: isolateOp, Version: 1,
		Title: "Cut a database off from the network",
		Doc: "Gives a database the quarantine group as its only security group, takes it off the internet and protects it from deletion, at once and not in the maintenance window. " +
			"The group has to be there, in the same network, with no rule that lets anybody in. For Aurora give the cluster.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything that opens a new connection to the database fails; with a cluster, on all of its instances.",
		StaysAlive: []string{
			"Connections that are open: security groups track them. Restart the database or end its sessions when they have to go.",
			"Read replicas and snapshots, which are databases of their own.",
			"Whoever may call the RDS API or the Data API; the network does not stand between them and the data.",
		},
		Timeout: time.Minute, Settle: 10 * time.Second,
	}
	for _, row := range []struct{ action, resource, why string }{
		{"rds:DescribeDBInstances", instanceResource, "read groups and settings"}, {"rds:DescribeDBClusters", clusterResource, "read groups and settings"},
	} {
		for _, phase := range []actions.Phase{actions.PhasePlan, actions.PhaseVerify, actions.PhaseUndo} {
			spec.Permissions = append(spec.Permissions, actions.Permission{Phase: phase, Action: row.action, Resource: row.resource, Why: row.why})
		}
	}
	for _, phase := range []actions.Phase{actions.PhasePlan, actions.PhaseVerify} {
		spec.Permissions = append(spec.Permissions, actions.Permission{Phase: phase, Action: "ec2:DescribeSecurityGroups", Resource: "*", Why: "see that the group lets nobody in"})
	}
	for _, phase := range []actions.Phase{actions.PhaseExecute, actions.PhaseUndo} {
		spec.Permissions = append(spec.Permissions,
			actions.Permission{Phase: phase, Action: "rds:ModifyDBInstance", Resource: instanceResource, Why: "set groups, public access and deletion protection"},
			actions.Permission{Phase: phase, Action: "rds:ModifyDBCluster", Resource: clusterResource, Why: "set groups and deletion protection"})
	}
	return spec
}

func (a isolate) Plan(ctx context.Context, call actions.Call, p isolateParams) (actions.Preview, error) {
	var preview actions.Preview
	c, before, err := find(ctx, a.cloud, call, isolateOp, p.Instance, p.Cluster)
	if err != nil {
		return preview, err
	}
	vpc, open, err := c.lets(ctx, p.Group)
	switch {
	case err != nil:
		return preview, err
	case len(open) > 0:
		return preview, &actions.Error{Class: actions.Precondition, Op: isolateOp, Err: fmt.Errorf("security group %q lets somebody in: %s", p.Group, strings.Join(open, ", ")), Hint: "take its inbound rules away, or give another group"}
	case before.VPC != "" && vpc != "" && vpc != before.VPC:
		return preview, &actions.Error{Class: actions.Precondition, Op: isolateOp, Err: fmt.Errorf("security group %q is in network %s, %s in %s", p.Group, vpc, before, before.VPC), Hint: "give a group of the database's own network"}
	}
	preview = actions.Preview{
		Targets:  []actions.Target{before.target(c.Account, c.Region)},
		Changes:  []string{fmt.Sprintf("%s has %s as its only security group; it has %s now.", sentence(before), p.Group, list(before.Groups))},
		InEffect: before.isolated(p.Group),
		Warnings: []string{"Open connections stay: restart the database or end its sessions when they have to go."},
	}
	if before.Kind == "cluster" {
		preview.Calls = []string{"rds:ModifyDBCluster"}
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("All instances of the cluster are cut off: %s.", list(before.Members)))
	} else {
		preview.Calls = []string{"rds:ModifyDBInstance"}
	}
	if before.Public {
		preview.Changes = append(preview.Changes, "It cannot be reached from the internet any more.")
	}
	if !before.Keep {
		preview.Changes = append(preview.Changes, "It is protected from deletion.")
	}
	if before.Status != "available" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("It is %s; AWS may refuse to change it until it is available.", before.Status))
	}
	if preview.InEffect {
		preview.NoUndo = "it was isolated before"
	}
	return preview, preview.Capture(before)
}

// isolated says whether nothing but the group is left.
func (d database) isolated(group string) bool {
	return slices.Equal(d.Groups, []string{group}) && !d.Public && d.Keep
}

func sentence(d database) string { return "D" + d.String()[1:] }

func list(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	return strings.Join(ids, ", ")
}

// lets reads who a security group lets in.
func (c *conn) lets(ctx context.Context, group string) (vpc string, who []string, err error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeSecurityGroups", c.ec2.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})
	if err != nil {
		return "", nil, err
	}
	if len(out.SecurityGroups) != 1 || aws.ToString(out.SecurityGroups[0].GroupId) != group {
		return "", nil, cloud.Empty("ec2:DescribeSecurityGroups", group)
	}
	for _, rule := range out.SecurityGroups[0].IpPermissions {
		for _, one := range rule.IpRanges {
			who = append(who, aws.ToString(one.CidrIp))
		}
		for _, one := range rule.Ipv6Ranges {
			who = append(who, aws.ToString(one.CidrIpv6))
		}
		for _, one := range rule.UserIdGroupPairs {
			who = append(who, aws.ToString(one.GroupId))
		}
		for _, one := range rule.PrefixListIds {
			who = append(who, aws.ToString(one.PrefixListId))
		}
	}
	slices.Sort(who)
	return aws.ToString(out.SecurityGroups[0].VpcId), slices.Compact(who), nil
}

func (a isolate) Execute(ctx context.Context, call actions.Call, p isolateParams) (isolateResult, error) {
	c, before, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return isolateResult{}, err
	}
	return isolateResult{Database: before.ARN, Before: before.Groups, Public: before.Public}, c.set(ctx, before, []string{p.Group}, false, true)
}

// set sets all that isolation is made of, in one call, at once.
func (c *conn) set(ctx context.Context, d database, groups []string, public, keep bool) error {
	if d.Kind == "cluster" {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "rds:ModifyDBCluster", c.rds.ModifyDBCluster, &rds.ModifyDBClusterInput{
			DBClusterIdentifier: &d.ID, VpcSecurityGroupIds: groups, DeletionProtection: &keep, ApplyImmediately: aws.Bool(true)})
		return err
	}
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "rds:ModifyDBInstance", c.rds.ModifyDBInstance, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &d.ID, VpcSecurityGroupIds: groups, PubliclyAccessible: &public, DeletionProtection: &keep, ApplyImmediately: aws.Bool(true)})
	return err
}

func (a isolate) Verify(ctx context.Context, call actions.Call, p isolateParams, _ isolateResult) (actions.Reading, error) {
	c, _, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return actions.Reading{}, err
	}
	_, open, err := c.lets(ctx, p.Group)
	if err != nil {
		return cloud.Unreadable(err)
	}
	now, err := c.read(ctx, p.Instance, p.Cluster)
	if err != nil {
		return cloud.Unreadable(err)
	}
	switch {
	case len(open) > 0:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("group %s lets somebody in: %s", p.Group, list(open))}, nil
	case !now.isolated(p.Group):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("%s has groups %s, public %t, protected from deletion %t", now, list(now.Groups), now.Public, now.Keep)}, nil
	case len(now.Pending) > 0:
		return actions.Reading{Verdict: actions.Pending, Detail: "group " + list(now.Pending)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("%s has group %s alone, which lets nobody in", now, p.Group)}, nil
}

func (a isolate) PlanUndo(ctx context.Context, call actions.Call, p isolateParams, _ isolateResult) (actions.Preview, error) {
	c, before, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{before.target(c.Account, c.Region)}}
	if before.isolated(p.Group) {
		preview.NoUndo = "it was isolated before this step; it stays so"
		return preview, nil
	}
	now, err := c.read(ctx, p.Instance, p.Cluster)
	if err != nil {
		return preview, err
	}
	preview.InEffect = now.same(before)
	preview.Changes = []string{fmt.Sprintf("%s has its security groups again: %s.", sentence(before), list(before.Groups))}
	preview.Calls = []string{"rds:ModifyDBInstance"}
	if before.Kind == "cluster" {
		preview.Calls = []string{"rds:ModifyDBCluster"}
	}
	if before.Public {
		preview.Warnings = append(preview.Warnings, "It can be reached from the internet again.")
	}
	return preview, nil
}

func (d database) same(o database) bool {
	return slices.Equal(d.Groups, o.Groups) && d.Public == o.Public && d.Keep == o.Keep
}

func (a isolate) Undo(ctx context.Context, call actions.Call, p isolateParams, _ isolateResult) error {
	c, before, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return err
	}
	now, err := c.read(ctx, p.Instance, p.Cluster)
	switch {
	case err != nil:
		return err
	case now.same(before) || before.isolated(p.Group):
		return nil
	case !slices.Equal(now.Groups, []string{p.Group}) && !slices.Equal(now.Groups, before.Groups):
		return &actions.Error{Class: actions.Precondition, Op: isolateOp, Err: fmt.Errorf("%s has groups %s, which is neither %s nor what it had before (%s)", now, list(now.Groups), p.Group, list(before.Groups)),
			Hint: "somebody changed it since; look at it, and set its groups by hand"}
	}
	return c.set(ctx, before, before.Groups, before.Public, before.Keep)
}

func (a isolate) VerifyUndo(ctx context.Context, call actions.Call, p isolateParams, _ isolateResult) (actions.Reading, error) {
	c, before, err := resume(ctx, a.cloud, call, p.Instance+p.Cluster)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.read(ctx, p.Instance, p.Cluster)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case !now.same(before):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("%s has groups %s, it had %s", now, list(now.Groups), list(before.Groups))}, nil
	case len(now.Pending) > 0:
		return actions.Reading{Verdict: actions.Pending, Detail: "group " + list(now.Pending)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("%s has groups %s again", now, list(now.Groups))}, nil
}
