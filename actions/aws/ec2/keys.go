package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func (c *conn) key(ctx context.Context, arn string) (types.KeyMetadata, error) {
	const op = "kms:DescribeKey"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, kms.NewFromConfig(c.Config).DescribeKey, &kms.DescribeKeyInput{KeyId: &arn})
	if err != nil {
		return types.KeyMetadata{}, err
	}
	if out.KeyMetadata == nil || aws.ToString(out.KeyMetadata.KeyId) == "" {
		return types.KeyMetadata{}, cloud.Without(op, "key "+arn)
	}
	return *out.KeyMetadata, nil
}

// keyWorks checks that a key can encrypt evidence now.
func (c *conn) keyWorks(ctx context.Context, arn string) error {
	key, err := c.key(ctx, arn)
	switch {
	case err != nil:
		return err
	case key.KeyManager == types.KeyManagerTypeAws:
		return &actions.Error{Class: actions.Precondition, Op: "kms:DescribeKey", Err: fmt.Errorf("%s is a key that AWS manages, and what is under it cannot be shared", arn), Hint: "use a key of your own for evidence"}
	case key.KeyState != types.KeyStateEnabled:
		return &actions.Error{Class: actions.Precondition, Op: "kms:DescribeKey", Err: fmt.Errorf("key %s is %s", arn, key.KeyState), Hint: "enable it, or use another key"}
	}
	return nil
}

// keyIsAWSs says whether AWS manages a key, so that nobody can share what is
// under it.
func (c *conn) keyIsAWSs(ctx context.Context, arn string) (bool, error) {
	key, err := c.key(ctx, arn)
	return key.KeyManager == types.KeyManagerTypeAws, err
}
