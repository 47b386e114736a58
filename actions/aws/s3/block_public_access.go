package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// blockPublicAccess closes one bucket to the public.
type blockPublicAccess struct{ cloud *cloud.Cloud }

type blockPublicAccessParams struct {
	Bucket   string `json:"bucket" doc:"name of the bucket" example:"customer-uploads" pattern:"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"`
	ProbeKey string `json:"probe_key,omitempty" doc:"key of an object that was public: the proof asks for it without credentials; empty: only a list of the bucket is asked for" example:"export/customers.csv"`
}

type blockPublicAccessResult struct {
	Bucket   string `json:"bucket" doc:"name of the bucket"`
	Previous string `json:"previous" doc:"what the four settings were, in words"`
}

func (blockPublicAccess) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.s3.block_public_access", Version: 1,
		Title: "Block public access to a bucket",
		Doc: "Switches on all four settings of Block Public Access of a bucket, so that neither policies nor ACLs give anything to the public. " +
			"It is proved by reading the settings back and by asking the bucket without credentials, from where firebreak runs.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everybody who uses the bucket without credentials, websites included, and other accounts that a public policy lets in.",
		StaysAlive: []string{"other accounts and principals that the policy names", "pre-signed URLs, until they expire", "CloudFront distributions and what they have cached",
			"access points, which have settings of their own", "replicas of the bucket, and whatever was copied already"},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "s3:GetBucketPublicAccessBlock", Resource: bucketResource, Why: "read the four settings as they are"},
			{Phase: actions.PhasePlan, Action: "s3:GetBucketPolicyStatus", Resource: bucketResource, Why: "see whether the policy is public"},
			{Phase: actions.PhasePlan, Action: "s3:GetBucketAcl", Resource: bucketResource, Why: "see whether the ACL is public"},
			{Phase: actions.PhasePlan, Action: "s3:GetBucketWebsite", Resource: bucketResource, Why: "see whether the bucket is a website, which would end"},
			{Phase: actions.PhaseExecute, Action: "s3:PutBucketPublicAccessBlock", Resource: bucketResource, Why: "switch the four settings on"},
			{Phase: actions.PhaseVerify, Action: "s3:GetBucketPublicAccessBlock", Resource: bucketResource, Why: "read the four settings back"},
			{Phase: actions.PhaseUndo, Action: "s3:GetBucketPublicAccessBlock", Resource: bucketResource, Why: "see that nobody changed them since, and prove the undo"},
			{Phase: actions.PhaseUndo, Action: "s3:PutBucketPublicAccessBlock", Resource: bucketResource, Why: "put the former settings back, or take them away"},
		},
	}
}

func (a blockPublicAccess) Plan(ctx context.Context, call actions.Call, p blockPublicAccessParams) (actions.Preview, error) {
	b, s, err := a.open(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview, err := s.plan(ctx)
	if err != nil {
		return preview, err
	}
	exposed, err := b.exposed(ctx)
	preview.Warnings = append(preview.Warnings, exposed...)
	return preview, err
}

// exposed says what makes the bucket public, and what will miss it.
func (b *bucket) exposed(ctx context.Context) ([]string, error) {
	var found []string
	status, err := do(ctx, b, cloud.Reads, "s3:GetBucketPolicyStatus", (*s3.Client).GetBucketPolicyStatus, &s3.GetBucketPolicyStatusInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	switch {
	case missing(err): // no policy
	case err != nil:
		return found, err
	case status.PolicyStatus == nil:
		found = append(found, "AWS does not say whether the policy of the bucket is public.")
	case aws.ToBool(status.PolicyStatus.IsPublic):
		found = append(found, "The policy of the bucket is public. It stays as it is, and is not obeyed while the settings are on.")
	}
	acl, err := do(ctx, b, cloud.Reads, "s3:GetBucketAcl", (*s3.Client).GetBucketAcl, &s3.GetBucketAclInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err != nil {
		return found, err
	}
	for _, grant := range acl.Grants {
		if grant.Grantee == nil || grant.Grantee.Type != types.TypeGroup {
			continue
		}
		switch aws.ToString(grant.Grantee.URI) {
		case "http://acs.amazonaws.com/groups/global/AllUsers", "http://acs.amazonaws.com/groups/global/AuthenticatedUsers":
			found = append(found, fmt.Sprintf("The ACL of the bucket grants %s to the public. It stays as it is, and is not obeyed while the settings are on.", grant.Permission))
		}
	}
	_, err = do(ctx, b, cloud.Reads, "s3:GetBucketWebsite", (*s3.Client).GetBucketWebsite, &s3.GetBucketWebsiteInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	switch {
	case missing(err):
	case err != nil:
		return found, err
	default:
		found = append(found, "The bucket is a website: it will stop answering.")
	}
	return found, nil
}

func (a blockPublicAccess) Execute(ctx context.Context, call actions.Call, p blockPublicAccessParams) (blockPublicAccessResult, error) {
	_, s, before, err := a.resume(ctx, call, p)
	if err != nil {
		return blockPublicAccessResult{}, err
	}
	if err := s.set(ctx, allBlocked()); err != nil {
		return blockPublicAccessResult{}, err
	}
	return blockPublicAccessResult{Bucket: p.Bucket, Previous: before.String()}, nil
}

func (a blockPublicAccess) Verify(ctx context.Context, call actions.Call, p blockPublicAccessParams, _ blockPublicAccessResult) (actions.Reading, error) {
	b, s, err := a.open(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	reading, err := s.verify(ctx)
	if err != nil || reading.Verdict != actions.Verified {
		return reading, err
	}
	probe, err := b.anonymous(ctx, p.ProbeKey)
	if err == nil {
		probe.Detail = reading.Detail + "; " + probe.Detail
	}
	return probe, err
}

func (a blockPublicAccess) PlanUndo(ctx context.Context, call actions.Call, p blockPublicAccessParams, _ blockPublicAccessResult) (actions.Preview, error) {
	_, s, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	return s.planUndo(ctx, before)
}

func (a blockPublicAccess) Undo(ctx context.Context, call actions.Call, p blockPublicAccessParams, _ blockPublicAccessResult) error {
	_, s, before, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	return s.undo(ctx, before)
}

func (a blockPublicAccess) VerifyUndo(ctx context.Context, call actions.Call, p blockPublicAccessParams, _ blockPublicAccessResult) (actions.Reading, error) {
	_, s, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	return s.verifyUndo(ctx, before)
}

func (a blockPublicAccess) open(ctx context.Context, call actions.Call, p blockPublicAccessParams) (*bucket, settings, error) {
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return nil, settings{}, err
	}
	b := openBucket(c, p.Bucket, c.Account)
	return b, settings{
		op: "aws.s3.block_public_access", what: "bucket " + p.Bucket, target: b.target(), put: "s3:PutPublicAccessBlock", remove: "s3:DeletePublicAccessBlock",
		read: b.publicAccess, set: b.setPublicAccess,
	}, nil
}

func (a blockPublicAccess) resume(ctx context.Context, call actions.Call, p blockPublicAccessParams) (*bucket, settings, *accessFlags, error) {
	var state accessState
	if err := call.LoadState(&state); err != nil {
		return nil, settings{}, nil, err
	}
	b, s, err := a.open(ctx, call, p)
	return b, s, state.Before, err
}

func (b *bucket) target() actions.Target {
	return actions.Target{Type: "aws.s3.bucket", ID: b.name, Account: b.Account}
}
