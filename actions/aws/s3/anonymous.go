package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// anonymous asks the bucket as the public would, without credentials: for a list
// of its objects, and for one object when a key is given. A refusal is the only
// proof that it is closed; closed is then Verified.
func (b *bucket) anonymous(ctx context.Context, key string) (actions.Reading, error) {
	public := *b
	public.s3 = s3.New(b.s3.Options(), func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} })
	_, err := cloud.Do(ctx, public.Conn, cloud.Reads, "s3:ListObjectsV2", public.s3.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: &b.name, MaxKeys: aws.Int32(1)})
	reading, err := closed(err, fmt.Sprintf("a list of bucket %s", b.name))
	if err != nil || key == "" || reading.Verdict != actions.Verified {
		return reading, err
	}
	_, err = cloud.Do(ctx, public.Conn, cloud.Reads, "s3:HeadObject", public.s3.HeadObject, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	one, err := closed(err, fmt.Sprintf("object %q", key))
	if err == nil && one.Verdict == actions.Verified {
		one.Detail = reading.Detail + "; " + one.Detail
	}
	return one, err
}

// closed reads what S3 answered to somebody without credentials.
func closed(err error, what string) (actions.Reading, error) {
	switch {
	case err == nil:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("anybody still gets %s, without credentials", what)}, nil
	case actions.ClassOf(err) == actions.Denied:
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("%s is refused to a caller without credentials", what)}, nil
	case missing(err):
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("a caller without credentials is told that %s is not there, which proves nothing", what)}, nil
	}
	return actions.Reading{}, err
}
