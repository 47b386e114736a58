package s3

import (
	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.s3.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, putEvidence{c})
	actions.Register(r, blockPublicAccess{c})
	actions.Register(r, blockAccountPublicAccess{c})
	actions.Register(r, lockBucket{c})
	actions.Register(r, describeBucket{c})
}
