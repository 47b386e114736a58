package aws_test

import (
	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// registry gives the actions against an environment "prod" in the cloud.
func registry(fake *awsfake.Server, changes ...func(*aws.Environment, *aws.Options)) *actions.Registry {
	r := actions.NewRegistry()
	(&aws.Provider{Cloud: awstest.Over(fake, changes...)}).Register(r)
	return r
}
