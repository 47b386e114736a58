package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// blockAccountPublicAccess closes all buckets of an account to the public. It is
// an action of its own, and no parameter of the other, because it reaches so
// much further that a runbook should have to say so in its name.
type blockAccountPublicAccess struct{ cloud *cloud.Cloud }

type blockAccountPublicAccessParams struct{}

type blockAccountPublicAccessResult struct {
	Account  string `json:"account" doc:"number of the account"`
	Previous string `json:"previous" doc:"what the four settings were, in words"`
}

func (blockAccountPublicAccess) Spec() actions.Spec {
	// AWS knows no resource for the settings of an account.
	return actions.Spec{
		Name: "aws.s3.block_account_public_access", Version: 1,
		Title: "Block public access to all buckets of the account",
		Doc: "Switches on all four settings of Block Public Access of the environment's account, which then hold for every bucket and access point in it, now and later. " +
			"AWS takes up to a minute to obey. It is proved by reading the settings back; aws.s3.block_public_access also asks a bucket without credentials.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everybody who uses any bucket of the account without credentials, websites included.",
		StaysAlive:  []string{"other accounts and principals that policies name", "pre-signed URLs, until they expire", "CloudFront distributions and what they have cached", "whatever was copied already"},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "s3:GetAccountPublicAccessBlock", Resource: "*", Why: "read the four settings as they are"},
			{Phase: actions.PhaseExecute, Action: "s3:PutAccountPublicAccessBlock", Resource: "*", Why: "switch the four settings on"},
			{Phase: actions.PhaseVerify, Action: "s3:GetAccountPublicAccessBlock", Resource: "*", Why: "read the four settings back"},
			{Phase: actions.PhaseUndo, Action: "s3:GetAccountPublicAccessBlock", Resource: "*", Why: "see that nobody changed them since, and prove the undo"},
			{Phase: actions.PhaseUndo, Action: "s3:PutAccountPublicAccessBlock", Resource: "*", Why: "put the former settings back, or take them away"},
		},
	}
}

func (a blockAccountPublicAccess) Plan(ctx context.Context, call actions.Call, _ blockAccountPublicAccessParams) (actions.Preview, error) {
	s, err := a.open(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	preview, err := s.plan(ctx)
	if err == nil && !preview.InEffect {
		preview.Warnings = []string{"Websites and downloads that are meant to be public stop too, in every bucket of the account."}
	}
	return preview, err
}

func (a blockAccountPublicAccess) Execute(ctx context.Context, call actions.Call, _ blockAccountPublicAccessParams) (blockAccountPublicAccessResult, error) {
	s, before, err := a.resume(ctx, call)
	if err != nil {
		return blockAccountPublicAccessResult{}, err
	}
	if err := s.set(ctx, allBlocked()); err != nil {
		return blockAccountPublicAccessResult{}, err
	}
	return blockAccountPublicAccessResult{Account: s.target.ID, Previous: before.String()}, nil
}

func (a blockAccountPublicAccess) Verify(ctx context.Context, call actions.Call, _ blockAccountPublicAccessParams, _ blockAccountPublicAccessResult) (actions.Reading, error) {
	s, err := a.open(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	return s.verify(ctx)
}

func (a blockAccountPublicAccess) PlanUndo(ctx context.Context, call actions.Call, _ blockAccountPublicAccessParams, _ blockAccountPublicAccessResult) (actions.Preview, error) {
	s, before, err := a.resume(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	return s.planUndo(ctx, before)
}

func (a blockAccountPublicAccess) Undo(ctx context.Context, call actions.Call, _ blockAccountPublicAccessParams, _ blockAccountPublicAccessResult) error {
	s, before, err := a.resume(ctx, call)
	if err != nil {
		return err
	}
	return s.undo(ctx, before)
}

func (a blockAccountPublicAccess) VerifyUndo(ctx context.Context, call actions.Call, _ blockAccountPublicAccessParams, _ blockAccountPublicAccessResult) (actions.Reading, error) {
	s, before, err := a.resume(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	return s.verifyUndo(ctx, before)
}

func (a blockAccountPublicAccess) open(ctx context.Context, call actions.Call) (settings, error) {
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return settings{}, err
	}
	account := account{c, controlClient(c)}
	return settings{
		op: "aws.s3.block_account_public_access", what: "account " + c.Account, target: actions.Target{Type: "aws.account", ID: c.Account, Account: c.Account},
		put: "s3:PutAccountPublicAccessBlock", remove: "s3:DeleteAccountPublicAccessBlock", read: account.publicAccess, set: account.setPublicAccess,
	}, nil
}

func (a blockAccountPublicAccess) resume(ctx context.Context, call actions.Call) (settings, *accessFlags, error) {
	var state accessState
	if err := call.LoadState(&state); err != nil {
		return settings{}, nil, err
	}
	s, err := a.open(ctx, call)
	return s, state.Before, err
}

// account is a session with S3 Control.
type account struct {
	*cloud.Conn
	control *s3control.Client
}

// publicAccess reads the settings of the account; nil when it has none.
func (a account) publicAccess(ctx context.Context) (*accessFlags, error) {
	const op = "s3control:GetPublicAccessBlock"
	out, err := cloud.Do(ctx, a.Conn, cloud.Reads, op, a.control.GetPublicAccessBlock, &s3control.GetPublicAccessBlockInput{AccountId: &a.Account})
	switch {
	case cloud.Code(err) == noConfiguration:
		return nil, nil
	case err != nil:
		return nil, err
	case out.PublicAccessBlockConfiguration == nil:
		return nil, emptyAnswer(op, "account "+a.Account)
	}
	f := out.PublicAccessBlockConfiguration
	return &accessFlags{aws.ToBool(f.BlockPublicAcls), aws.ToBool(f.IgnorePublicAcls), aws.ToBool(f.BlockPublicPolicy), aws.ToBool(f.RestrictPublicBuckets)}, nil
}

// setPublicAccess writes the settings of the account, or takes them away.
func (a account) setPublicAccess(ctx context.Context, f *accessFlags) error {
	if f == nil {
		_, err := cloud.Do(ctx, a.Conn, cloud.Writes, "s3control:DeletePublicAccessBlock", a.control.DeletePublicAccessBlock, &s3control.DeletePublicAccessBlockInput{AccountId: &a.Account})
		return err
	}
	_, err := cloud.Do(ctx, a.Conn, cloud.Writes, "s3control:PutPublicAccessBlock", a.control.PutPublicAccessBlock, &s3control.PutPublicAccessBlockInput{AccountId: &a.Account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: &f.BlockACLs, IgnorePublicAcls: &f.IgnoreACLs, BlockPublicPolicy: &f.BlockPolicy, RestrictPublicBuckets: &f.RestrictBucket}})
	return err
}
