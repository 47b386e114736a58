package s3

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Object is what S3 says about an object that somebody else put into a bucket.
type Object struct {
	VersionID   string
	Size        int64
	Checksum    string // as S3 computed it, with its algorithm in front; empty: not told
	Mode        string // of its lock; empty: it is not locked, or the lock may not be read
	RetainUntil time.Time
}

// Look describes the current version of an object that a host was asked to put
// at a place for evidence. The error is of class not-found when there is none.
func Look(ctx context.Context, c *cloud.Conn, place cloud.Evidence, key string) (Object, error) {
	b, _, err := open(c, place)
	if err != nil {
		return Object{}, err
	}
	head, err := do(ctx, b, cloud.Reads, "s3:HeadObject", (*s3.Client).HeadObject, &s3.HeadObjectInput{Bucket: &b.name, Key: &key, ExpectedBucketOwner: b.owner, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return Object{}, err
	}
	found := Object{VersionID: aws.ToString(head.VersionId), Size: aws.ToInt64(head.ContentLength), Mode: string(head.ObjectLockMode), RetainUntil: aws.ToTime(head.ObjectLockRetainUntilDate).UTC()}
	for _, sum := range []struct {
		name  string
		value *string
	}{{"SHA256", head.ChecksumSHA256}, {"CRC64NVME", head.ChecksumCRC64NVME}, {"CRC32C", head.ChecksumCRC32C}, {"CRC32", head.ChecksumCRC32}, {"SHA1", head.ChecksumSHA1}} {
		if aws.ToString(sum.value) != "" {
			found.Checksum = cmp.Or(found.Checksum, sum.name+" "+aws.ToString(sum.value))
		}
	}
	return found, nil
}
