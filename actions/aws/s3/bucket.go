package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// bucket is a session with one bucket, in use for one call of an action. Calls
// go to the region that the bucket is in, which S3 tells when it is another.
type bucket struct {
	*cloud.Conn
	name  string
	owner *string // account that the bucket must belong to; nil: not checked
	s3    *s3.Client
}

func openBucket(c *cloud.Conn, name, owner string) *bucket {
	b := &bucket{Conn: c, name: name, s3: client(c)}
	if owner != "" {
		b.owner = &owner
	}
	return b
}

// client addresses buckets by path where an endpoint is configured: names of
// buckets in front of it need not resolve.
func client(c *cloud.Conn) *s3.Client {
	return s3.NewFromConfig(c.Config, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
}

// do makes one call about the bucket. When S3 says that the bucket is in
// another region, which is a refusal without any effect, the call is made there.
func do[In, Out any](ctx context.Context, b *bucket, how cloud.Access, name string,
	method func(*s3.Client, context.Context, In, ...func(*s3.Options)) (Out, error), in In) (Out, error) {
	bound := func(ctx context.Context, in In, options ...func(*s3.Options)) (Out, error) {
		return method(b.s3, ctx, in, options...)
	}
	out, err := cloud.Do(ctx, b.Conn, how, name, bound, in)
	if region := elsewhere(err); region != "" && region != b.Region {
		b.Conn = b.In(region)
		b.s3 = client(b.Conn)
		out, err = cloud.Do(ctx, b.Conn, how, name, bound, in)
	}
	if e, ok := errors.AsType[*actions.Error](err); ok && e.Class == actions.Denied && b.owner != nil {
		e.Hint += fmt.Sprintf("; the same is said when bucket %q does not belong to account %s", b.name, *b.owner)
	}
	return out, err
}

// elsewhere is the region that a refusal points to; empty when it is none.
func elsewhere(err error) string {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		return ""
	}
	switch answer.HTTPStatusCode() {
	case 301, 307, 400:
		return answer.HTTPResponse().Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}

// missing says whether err is a clear word that something is not there.
func missing(err error) bool { return err != nil && actions.ClassOf(err) == actions.NotFound }

// bare says whether an endpoint has a host in front of which no other name can
// stand: an address, or a name without dots.
func bare(endpoint *string) bool {
	at, err := url.Parse(aws.ToString(endpoint))
	if err != nil || at.Hostname() == "" {
		return false
	}
	return net.ParseIP(at.Hostname()) != nil || !strings.Contains(at.Hostname(), ".")
}
