package s3

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// accessFlags are the four settings of Block Public Access, of a bucket or of
// an account. Not to have them is a state of its own: a nil *accessFlags.
type accessFlags struct {
	BlockACLs      bool `json:"block_acls"`
	IgnoreACLs     bool `json:"ignore_acls"`
	BlockPolicy    bool `json:"block_policy"`
	RestrictBucket bool `json:"restrict_buckets"`
}

// accessState is what Plan captures.
type accessState struct {
	Before *accessFlags `json:"before"` // nil: there was no configuration
}

func allBlocked() *accessFlags { return &accessFlags{true, true, true, true} }

func (f *accessFlags) equal(other *accessFlags) bool {
	return f == other || f != nil && other != nil && *f == *other
}

// String is the settings in words.
func (f *accessFlags) String() string {
	if f == nil {
		return "not configured"
	}
	var off []string
	for _, one := range []struct {
		on   bool
		name string
	}{{f.BlockACLs, "BlockPublicAcls"}, {f.IgnoreACLs, "IgnorePublicAcls"}, {f.BlockPolicy, "BlockPublicPolicy"}, {f.RestrictBucket, "RestrictPublicBuckets"}} {
		if !one.on {
			off = append(off, one.name)
		}
	}
	if len(off) == 0 {
		return "all four on"
	}
	return "off: " + strings.Join(off, ", ")
}

// noConfiguration is what S3 says of a bucket or account without settings.
const noConfiguration = "NoSuchPublicAccessBlockConfiguration"

func emptyAnswer(op, about string) error {
	return &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("the answer about %s is empty, which proves nothing", about)}
}

// publicAccess reads the settings of the bucket; nil when it has none.
func (b *bucket) publicAccess(ctx context.Context) (*accessFlags, error) {
	const op = "s3:GetPublicAccessBlock"
	out, err := do(ctx, b, cloud.Reads, op, (*s3.Client).GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	switch {
	case cloud.Code(err) == noConfiguration:
		return nil, nil
	case err != nil:
		return nil, err
	case out.PublicAccessBlockConfiguration == nil:
		return nil, emptyAnswer(op, fmt.Sprintf("bucket %q", b.name))
	}
	f := out.PublicAccessBlockConfiguration
	return &accessFlags{aws.ToBool(f.BlockPublicAcls), aws.ToBool(f.IgnorePublicAcls), aws.ToBool(f.BlockPublicPolicy), aws.ToBool(f.RestrictPublicBuckets)}, nil
}

// setPublicAccess writes the settings of the bucket, or takes them away.
func (b *bucket) setPublicAccess(ctx context.Context, f *accessFlags) error {
	if f == nil {
		_, err := do(ctx, b, cloud.Writes, "s3:DeletePublicAccessBlock", (*s3.Client).DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
		return err
	}
	_, err := do(ctx, b, cloud.Writes, "s3:PutPublicAccessBlock", (*s3.Client).PutPublicAccessBlock, &s3.PutPublicAccessBlockInput{Bucket: &b.name, ExpectedBucketOwner: b.owner,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: &f.BlockACLs, IgnorePublicAcls: &f.IgnoreACLs, BlockPublicPolicy: &f.BlockPolicy, RestrictPublicBuckets: &f.RestrictBucket}})
	return err
}

// settings are the four settings of one thing: a bucket or an account.
type settings struct {
	op     string
	what   string // "bucket logs"
	target actions.Target
	put    string // the call that sets them
	remove string // the call that takes them away
	read   func(context.Context) (*accessFlags, error)
	set    func(context.Context, *accessFlags) error
}

// plan says what blocking will change, and captures what is there now.
func (s settings) plan(ctx context.Context) (actions.Preview, error) {
	before, err := s.read(ctx)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets:  []actions.Target{s.target},
		Changes:  []string{fmt.Sprintf("Public access to %s is blocked by all four settings; now they are %s.", s.what, before)},
		Calls:    []string{s.put},
		InEffect: before.equal(allBlocked()),
	}
	if preview.InEffect {
		preview.NoUndo = "public access was blocked before"
	}
	return preview, preview.Capture(accessState{before})
}

func (s settings) planUndo(ctx context.Context, before *accessFlags) (actions.Preview, error) {
	preview := actions.Preview{Targets: []actions.Target{s.target}}
	if before.equal(allBlocked()) {
		preview.NoUndo = "public access was blocked before this step; it stays so"
		return preview, nil
	}
	now, err := s.read(ctx)
	if err != nil {
		return preview, err
	}
	if preview.InEffect = now.equal(before); !preview.InEffect && !now.equal(allBlocked()) {
		preview.NoUndo = s.changed(now, before).Error()
		return preview, nil
	}
	preview.Changes = []string{fmt.Sprintf("Block Public Access of %s goes back to what it was: %s.", s.what, before)}
	preview.Calls = []string{s.put}
	if before == nil {
		preview.Calls = []string{s.remove}
	}
	preview.Warnings = []string{"What was public before is public again at once. Mend the policy and the ACLs first."}
	return preview, nil
}

func (s settings) undo(ctx context.Context, before *accessFlags) error {
	now, err := s.read(ctx)
	switch {
	case err != nil:
		return err
	case now.equal(before):
		return nil
	case !now.equal(allBlocked()):
		return s.changed(now, before)
	}
	return s.set(ctx, before)
}

// changed is the refusal to overwrite what somebody else set.
func (s settings) changed(now, before *accessFlags) error {
	return &actions.Error{Class: actions.Precondition, Op: s.op, Err: fmt.Errorf("block public access of %s was changed after firebreak set it: now %s, firebreak left all four on, before that %s", s.what, now, before),
		Hint: "nothing was changed; decide by hand which it should be"}
}

func (s settings) verify(ctx context.Context) (actions.Reading, error) {
	now, err := s.read(ctx)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if !now.equal(allBlocked()) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("block public access of %s is %s", s.what, now)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("block public access of %s has all four settings on", s.what)}, nil
}

func (s settings) verifyUndo(ctx context.Context, before *accessFlags) (actions.Reading, error) {
	now, err := s.read(ctx)
	if err != nil {
		return cloud.Unreadable(err)
	}
	reading := actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("block public access of %s is %s again", s.what, now)}
	if !now.equal(before) {
		reading = actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("block public access of %s is %s, it was %s", s.what, now, before)}
	}
	return reading, nil
}
