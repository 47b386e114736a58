package ec2

import (
	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// registerCopies adds the actions that take evidence of an instance.
func registerCopies(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, collectMetadata{c})
	actions.Register(r, snapshotVolumes{c})
	actions.Register(r, shareSnapshots{c})
	actions.Register(r, captureMemory{c})
}
