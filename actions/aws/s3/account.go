package s3

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// controlClient is a client of S3 Control, which answers for a whole account.
func controlClient(c *cloud.Conn) *s3control.Client {
	return s3control.NewFromConfig(c.Config, func(o *s3control.Options) {
		if bare(o.BaseEndpoint) {
			o.EndpointResolverV2 = plainHost{o.EndpointResolverV2}
		}
	})
}

// plainHost leaves out the account id that S3 Control has in front of its host,
// where nothing can stand in front of it. The account is in a header as well.
type plainHost struct{ s3control.EndpointResolverV2 }

// ResolveEndpoint gives the endpoint of the configuration as it stands there.
func (r plainHost) ResolveEndpoint(ctx context.Context, params s3control.EndpointParameters) (smithyendpoints.Endpoint, error) {
	resolved, err := r.EndpointResolverV2.ResolveEndpoint(ctx, params)
	if err != nil {
		return resolved, err
	}
	at, err := url.Parse(aws.ToString(params.Endpoint))
	if err != nil {
		return resolved, err
	}
	resolved.URI = *at
	return resolved, nil
}
