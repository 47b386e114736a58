package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.iam.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, lookupAccessKey{c})
	actions.Register(r, quarantinePrincipal{c})
	actions.Register(r, deactivateAccessKey{c})
	actions.Register(r, revokeSessions{c})
	actions.Register(r, lockRoleTrust{c})
	actions.Register(r, rotateAccessKey{c})
	actions.Register(r, disableUser{c})
	actions.Register(r, deleteAccessKey{c})
}

// conn is a session with IAM, in use for one call of an action.
type conn struct {
	*cloud.Conn
	iam *iam.Client
}

func open(ctx context.Context, c *cloud.Cloud, call actions.Call) (*conn, error) {
	session, err := c.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	return &conn{session, iam.NewFromConfig(session.Config)}, nil
}
