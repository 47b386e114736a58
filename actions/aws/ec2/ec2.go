package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.ec2.*, aws.autoscaling.*, aws.elbv2.* and
// aws.ssm.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, revokeInstanceRole{c})
	actions.Register(r, stopInstance{c})
	actions.Register(r, isolateSubnet{c})
	actions.Register(r, detachInstance{c})
	actions.Register(r, deregisterTargets{c})
	actions.Register(r, collectMetadata{c})
	actions.Register(r, snapshotVolumes{c})
	actions.Register(r, shareSnapshots{c})
	actions.Register(r, captureMemory{c})
	actions.Register(r, isolateInstance{c})
	actions.Register(r, restoreInstance{c})
	actions.Register(r, protectInstance{c})
}

// conn is a session in use for one call of an action. It is not safe for
// concurrent use.
type conn struct {
	*cloud.Conn
	ec2 *ec2.Client

	scaling *autoscaling.Client
	elb     *elasticloadbalancingv2.Client
	ssm     *ssm.Client
}

func open(ctx context.Context, c *cloud.Cloud, call actions.Call) (*conn, error) {
	session, err := c.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: session, ec2: ec2.NewFromConfig(session.Config)}, nil
}

// autoScaling is the client of Auto Scaling, made when it is first needed.
func (c *conn) autoScaling() *autoscaling.Client {
	if c.scaling == nil {
		c.scaling = autoscaling.NewFromConfig(c.Config)
	}
	return c.scaling
}

// balancing is the client of load balancers, made when it is first needed.
func (c *conn) balancing() *elasticloadbalancingv2.Client {
	if c.elb == nil {
		c.elb = elasticloadbalancingv2.NewFromConfig(c.Config)
	}
	return c.elb
}

// systems is the client of Systems Manager, made when it is first needed.
func (c *conn) systems() *ssm.Client {
	if c.ssm == nil {
		c.ssm = ssm.NewFromConfig(c.Config)
	}
	return c.ssm
}
