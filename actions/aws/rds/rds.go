package rds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.rds.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, isolate{c})
	actions.Register(r, snapshot{c})
}

// conn is a session in use for one call of an action.
type conn struct {
	*cloud.Conn
	rds *rds.Client
	ec2 *ec2.Client
}

func open(ctx context.Context, c *cloud.Cloud, call actions.Call) (*conn, error) {
	session, err := c.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	return &conn{session, rds.NewFromConfig(session.Config), ec2.NewFromConfig(session.Config)}, nil
}

const (
	instanceResource = "arn:{partition}:rds:{region}:{account}:db:{instance}"
	clusterResource  = "arn:{partition}:rds:{region}:{account}:cluster:{cluster}"
)

// find opens a session and reads the database that a step names: an instance that
// stands by itself, or a cluster.
func find(ctx context.Context, cl *cloud.Cloud, call actions.Call, op, instance, cluster string) (*conn, database, error) {
	switch {
	case instance == "" && cluster == "":
		return nil, database{}, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("no database is named"), Hint: "give instance, or cluster for Aurora"}
	case instance != "" && cluster != "":
		return nil, database{}, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("instance %q and cluster %q are both given", instance, cluster), Hint: "give one of them"}
	}
	c, err := open(ctx, cl, call)
	if err != nil {
		return nil, database{}, err
	}
	d, err := c.read(ctx, instance, cluster)
	if err == nil && d.Cluster != "" {
		err = &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("%s belongs to cluster %q, whose groups and storage it has", d, d.Cluster), Hint: "give the cluster; what is done then is done to all of its instances"}
	}
	return c, d, err
}

// resume opens a session and loads the database as Plan captured it.
func resume(ctx context.Context, cl *cloud.Cloud, call actions.Call, id string) (*conn, database, error) {
	var d database
	if err := call.LoadState(&d); err != nil {
		return nil, d, err
	}
	if !strings.EqualFold(d.ID, id) {
		return nil, d, actions.WrongState("it is of %s", d)
	}
	c, err := open(ctx, cl, call)
	return c, d, err
}

// database is what matters here of an instance or a cluster.
type database struct {
	Kind    string   `json:"kind"` // "instance" or "cluster"
	ID      string   `json:"id"`
	ARN     string   `json:"arn"`
	Status  string   `json:"status"`
	Engine  string   `json:"engine"`
	VPC     string   `json:"vpc,omitempty"`
	Groups  []string `json:"groups"` // sorted
	Pending []string `json:"pending,omitempty"`
	Public  bool     `json:"public,omitempty"`
	Keep    bool     `json:"keep,omitempty"`    // deletion protection
	Members []string `json:"members,omitempty"` // of a cluster, sorted
	Cluster string   `json:"cluster,omitempty"` // that an instance belongs to
}

func (d database) target(account, region string) actions.Target {
	return actions.Target{Type: "aws.rds." + d.Kind, ID: d.ID, Account: account, Region: region}
}

func (d database) String() string { return "database " + d.Kind + " " + d.ID }

// read reads one database. An answer about another one proves nothing.
func (c *conn) read(ctx context.Context, instance, cluster string) (database, error) {
	if cluster != "" {
		return c.cluster(ctx, cluster)
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "rds:DescribeDBInstances", c.rds.DescribeDBInstances, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &instance})
	if err != nil {
		return database{}, err
	}
	i := slices.IndexFunc(out.DBInstances, func(d types.DBInstance) bool {
		return strings.EqualFold(aws.ToString(d.DBInstanceIdentifier), instance)
	})
	if i < 0 {
		return database{}, cloud.Empty("rds:DescribeDBInstances", instance)
	}
	one := out.DBInstances[i]
	d := database{
		Kind: "instance", ID: aws.ToString(one.DBInstanceIdentifier), ARN: aws.ToString(one.DBInstanceArn), Status: aws.ToString(one.DBInstanceStatus), Engine: aws.ToString(one.Engine),
		Public: aws.ToBool(one.PubliclyAccessible), Keep: aws.ToBool(one.DeletionProtection), Cluster: aws.ToString(one.DBClusterIdentifier), Groups: []string{},
	}
	if one.DBSubnetGroup != nil {
		d.VPC = aws.ToString(one.DBSubnetGroup.VpcId)
	}
	d.groups(one.VpcSecurityGroups)
	return d, nil
}

func (c *conn) cluster(ctx context.Context, id string) (database, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "rds:DescribeDBClusters", c.rds.DescribeDBClusters, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if err != nil {
		return database{}, err
	}
	i := slices.IndexFunc(out.DBClusters, func(d types.DBCluster) bool { return strings.EqualFold(aws.ToString(d.DBClusterIdentifier), id) })
	if i < 0 {
		return database{}, cloud.Empty("rds:DescribeDBClusters", id)
	}
	one := out.DBClusters[i]
	d := database{
		Kind: "cluster", ID: aws.ToString(one.DBClusterIdentifier), ARN: aws.ToString(one.DBClusterArn), Status: aws.ToString(one.Status), Engine: aws.ToString(one.Engine),
		Keep: aws.ToBool(one.DeletionProtection), Groups: []string{},
	}
	for _, m := range one.DBClusterMembers {
		d.Members = append(d.Members, aws.ToString(m.DBInstanceIdentifier))
	}
	slices.Sort(d.Members)
	d.groups(one.VpcSecurityGroups)
	return d, nil
}

// groups notes the groups, and those that are not in force yet.
func (d *database) groups(list []types.VpcSecurityGroupMembership) {
	for _, g := range list {
		id := aws.ToString(g.VpcSecurityGroupId)
		d.Groups = append(d.Groups, id)
		if status := aws.ToString(g.Status); status != "" && status != "active" {
			d.Pending = append(d.Pending, id+" is "+status)
		}
	}
	slices.Sort(d.Groups)
	slices.Sort(d.Pending)
}
