package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// lockSid marks our statement in a bucket's policy.
const lockSid = "FirebreakLock"

// maxPolicy is how large S3 lets a bucket's policy be, in bytes.
const maxPolicy = 20 << 10

// policy reads the policy of the bucket, byte for byte; nil when it has none.
func (b *bucket) policy(ctx context.Context) (*string, error) {
	const op = "s3:GetBucketPolicy"
	out, err := do(ctx, b, cloud.Reads, op, (*s3.Client).GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	switch {
	case cloud.Code(err) == "NoSuchBucketPolicy":
		return nil, nil
	case err != nil:
		return nil, err
	case aws.ToString(out.Policy) == "":
		return nil, emptyAnswer(op, fmt.Sprintf("the policy of bucket %q", b.name))
	}
	return out.Policy, nil
}

// setPolicy puts a policy, byte for byte, or takes it away.
func (b *bucket) setPolicy(ctx context.Context, text *string) error {
	if text == nil {
		_, err := do(ctx, b, cloud.Writes, "s3:DeleteBucketPolicy", (*s3.Client).DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
		return err
	}
	_, err := do(ctx, b, cloud.Writes, "s3:PutBucketPolicy", (*s3.Client).PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: &b.name, ExpectedBucketOwner: b.owner, Policy: text})
	return err
}

// locked gives the policy with our deny in it, beside what is there already. A
// deny of ours from before is replaced.
func locked(original *string, partition, bucket string, exempt []string) (string, error) {
	document := map[string]json.RawMessage{"Version": json.RawMessage(`"2012-10-17"`)}
	var statements []json.RawMessage
	if original != nil {
		clear(document)
		if err := json.Unmarshal([]byte(*original), &document); err != nil {
			return "", fmt.Errorf("the policy of bucket %q is not readable: %w", bucket, err)
		}
		if statements = statementsOf(document["Statement"]); statements == nil {
			return "", fmt.Errorf("the policy of bucket %q has no statements that are readable", bucket)
		}
	}
	statements = slices.DeleteFunc(statements, func(s json.RawMessage) bool { return sidOf(s) == lockSid })
	arn := "arn:" + partition + ":s3:::" + bucket
	deny, err := json.Marshal(map[string]any{
		"Sid": lockSid, "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []string{arn, arn + "/*"},
		"Condition": map[string]any{
			"ArnNotLike":   map[string]any{"aws:PrincipalArn": exempt},
			"BoolIfExists": map[string]any{"aws:PrincipalIsAWSService": "false"},
		},
	})
	if err != nil {
		return "", err
	}
	if document["Statement"], err = json.Marshal(append(statements, deny)); err != nil {
		return "", err
	}
	text, err := json.Marshal(document)
	return string(text), err
}

// statementsOf reads a list of statements, or one that stands alone.
func statementsOf(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return []json.RawMessage{raw}
	}
	return nil
}

func sidOf(statement json.RawMessage) string {
	var s struct{ Sid string }
	if json.Unmarshal(statement, &s) != nil {
		return ""
	}
	return s.Sid
}

// same compares two policies by what they say, not by white space.
func same(a, b *string) bool {
	if a == nil || b == nil || *a == *b {
		return a == b || a != nil && b != nil
	}
	var x, y any
	return json.Unmarshal([]byte(*a), &x) == nil && json.Unmarshal([]byte(*b), &y) == nil && reflect.DeepEqual(x, y)
}

// describe is a policy in a few words: its statements by name.
func describe(text *string) string {
	if text == nil {
		return "no policy"
	}
	var document struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(*text), &document) != nil {
		return "a policy that is not readable"
	}
	var names []string
	for i, s := range statementsOf(document.Statement) {
		if sid := sidOf(s); sid != "" {
			names = append(names, sid)
		} else {
			names = append(names, fmt.Sprintf("statement %d", i+1))
		}
	}
	return fmt.Sprintf("%s (%d bytes)", strings.Join(names, ", "), len(*text))
}

// changed is the refusal to overwrite a policy that somebody else wrote.
func (b *bucket) changed(when string, now, expected *string) error {
	return &actions.Error{Class: actions.Precondition, Op: "aws.s3.lock_bucket", Err: fmt.Errorf("the policy of bucket %q was changed %s: it holds %s, and should hold %s", b.name, when, describe(now), describe(expected)),
		Hint: "nothing was changed; look at the policy, and plan again or mend it by hand"}
}
