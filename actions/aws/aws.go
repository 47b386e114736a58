package aws

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/cloudtrail"
	"github.com/firebreak-ir/firebreak/actions/aws/ec2"
	"github.com/firebreak-ir/firebreak/actions/aws/iam"
	"github.com/firebreak-ir/firebreak/actions/aws/lambda"
	"github.com/firebreak-ir/firebreak/actions/aws/org"
	"github.com/firebreak-ir/firebreak/actions/aws/rds"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
	"github.com/firebreak-ir/firebreak/actions/aws/secrets"
)

// The words of the wiring; package cloud explains them.
type (
	Environment = cloud.Environment
	Roles       = cloud.Roles
	Evidence    = cloud.Evidence
	Options     = cloud.Options
)

// StaticCredentials are fixed long-term credentials, for emulators.
func StaticCredentials(id string, secret actions.Secret) awssdk.CredentialsProvider {
	return cloud.StaticCredentials(id, secret)
}

// Provider is all of AWS that firebreak knows, through sessions that its
// actions share. It is safe for concurrent use.
type Provider struct{ *cloud.Cloud }

// New gives a provider. Nothing is read and nobody is called yet.
func New(options Options) *Provider { return &Provider{cloud.New(options)} }

// Register adds all actions named aws.* to r.
func (p *Provider) Register(r *actions.Registry) {
	cloudtrail.Register(r, p.Cloud)
	ec2.Register(r, p.Cloud)
	iam.Register(r, p.Cloud)
	lambda.Register(r, p.Cloud)
	org.Register(r, p.Cloud)
	rds.Register(r, p.Cloud)
	s3.Register(r, p.Cloud)
	secrets.Register(r, p.Cloud)
}
