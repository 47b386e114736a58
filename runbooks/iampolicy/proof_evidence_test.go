package iampolicy_test

import "github.com/firebreak-ir/firebreak/actions/aws"

// evidence is where the ready runbooks keep what they collect.
func evidence() aws.Evidence {
	return aws.Evidence{Bucket: "evidence", Owner: "123456789012", Days: 7, KMSKey: "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"}
}
