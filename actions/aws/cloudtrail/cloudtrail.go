package cloudtrail

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.cloudtrail.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) { register(r, c, pause) }

func register(r *actions.Registry, c *cloud.Cloud, pause func(context.Context, time.Duration) error) {
	actions.Register(r, lookupEvents{c, newPacer(pause)})
	actions.Register(r, ensureLogging{c})
}

// pause waits, or gives the error of a context that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// client is a client of CloudTrail in the session's region.
func client(c *cloud.Conn) *cloudtrail.Client { return cloudtrail.NewFromConfig(c.Config) }
