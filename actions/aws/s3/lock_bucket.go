package s3

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// lockBucket lets nobody use a bucket but a few roles.
type lockBucket struct{ cloud *cloud.Cloud }

type lockBucketParams struct {
	Bucket      string   `json:"bucket" doc:"name of the bucket" example:"customer-uploads" pattern:"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"`
	SecureRoles []string `json:"secure_roles,omitempty" doc:"ARNs of the roles and users that may still use the bucket; firebreak's own are always among them" example:"[arn:aws:iam::111122223333:role/forensics]"`
}

type lockBucketResult struct {
	Bucket   string   `json:"bucket" doc:"name of the bucket"`
	Exempt   []string `json:"exempt" doc:"ARNs that may still use it"`
	Previous string   `json:"previous" doc:"what the policy held before, in words"`
}

// lockState is what Plan captures. Exempt and Policy are there so that every
// attempt puts the same document.
type lockState struct {
	Original *string  `json:"original"` // byte for byte; nil: there was no policy
	Policy   string   `json:"policy"`
	Exempt   []string `json:"exempt"`
}

func (lockBucket) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.s3.lock_bucket", Version: 1,
		Title: "Let nobody use a bucket but a few roles",
		Doc: "Adds a deny of everything to the bucket's policy, beside what is there, for everybody but the roles that are named and firebreak's own. AWS services that act for themselves, such as log delivery, are let through as before. " +
			"It is proved by reading the policy back as a role that is let through, and by asking the bucket without credentials.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Every application and person that uses the bucket, in this account and others, administrators included. Only the account's root user can undo it without firebreak.",
		StaysAlive: []string{"the roles that are named, and whoever has their sessions", "pre-signed URLs that those roles made", "what CloudFront has cached", "replicas of the bucket, and whatever was copied already",
			"AWS services that act for themselves"},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "s3:GetBucketPolicy", Resource: bucketResource, Why: "keep the policy as it is, byte for byte, for the undo"},
			{Phase: actions.PhaseExecute, Action: "s3:GetBucketPolicy", Resource: bucketResource, Why: "see that nobody changed it since the plan"},
			{Phase: actions.PhaseExecute, Action: "s3:PutBucketPolicy", Resource: bucketResource, Why: "put the deny"},
			{Phase: actions.PhaseVerify, Action: "s3:GetBucketPolicy", Resource: bucketResource, Why: "read the policy back, which also shows that firebreak is let through"},
			{Phase: actions.PhaseUndo, Action: "s3:GetBucketPolicy", Resource: bucketResource, Why: "see that nobody changed it since, and prove the undo"},
			{Phase: actions.PhaseUndo, Action: "s3:PutBucketPolicy", Resource: bucketResource, Why: "put the former policy back"},
			{Phase: actions.PhaseUndo, Action: "s3:DeleteBucketPolicy", Resource: bucketResource, Why: "take the policy away, where there was none"},
		},
	}
}

func (a lockBucket) Plan(ctx context.Context, call actions.Call, p lockBucketParams) (actions.Preview, error) {
	const op = "aws.s3.lock_bucket"
	for i, arn := range p.SecureRoles {
		if _, err := cloud.ParsePrincipal(arn); err != nil {
			return actions.Preview{}, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("secure_roles.%d: %w", i, err)}
		}
		if strings.ContainsAny(arn, "*?$") {
			return actions.Preview{}, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("secure_roles.%d: %q is a pattern, which could let in more than was meant", i, arn), Hint: "name each role"}
		}
	}
	b, err := a.open(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	if p.Bucket == b.Evidence.Bucket {
		return actions.Preview{}, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("%q is the bucket that firebreak keeps evidence in", p.Bucket),
			Hint: "its objects are locked already; take rights away from principals instead"}
	}
	original, err := b.policy(ctx)
	if err != nil {
		return actions.Preview{}, err
	}
	state := lockState{Original: original, Exempt: exempt(b.Conn, p.SecureRoles)}
	if state.Policy, err = locked(original, b.Partition(), p.Bucket, state.Exempt); err != nil {
		return actions.Preview{}, &actions.Error{Class: actions.Precondition, Op: op, Err: err, Hint: "mend the policy by hand, or use aws.s3.block_public_access"}
	}
	if len(state.Policy) > maxPolicy {
		return actions.Preview{}, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("with the deny in it the policy of bucket %q has %d bytes, more than the %d that S3 takes", p.Bucket, len(state.Policy), maxPolicy),
			Hint: "name fewer secure roles, or take statements out of the policy by hand"}
	}
	preview := actions.Preview{
		Targets:  []actions.Target{b.target()},
		Changes:  []string{fmt.Sprintf("Nobody can use bucket %s but %s; its policy keeps %s beside the deny.", p.Bucket, strings.Join(state.Exempt, ", "), describe(original))},
		Calls:    []string{"s3:PutBucketPolicy"},
		Warnings: []string{"Whatever reads or writes this bucket stops, administrators included."},
		InEffect: same(original, &state.Policy),
	}
	if len(p.SecureRoles) == 0 {
		preview.Warnings = append(preview.Warnings, "No secure roles are named: only firebreak will be able to look into the bucket.")
	}
	if preview.InEffect {
		preview.NoUndo = "the bucket was locked like this before"
	}
	return preview, preview.Capture(state)
}

// exempt are the principals that may still use the bucket: those that are
// named, and every identity that firebreak acts as in this environment, in any
// duty, or its own undo would be refused.
func exempt(c *cloud.Conn, named []string) []string {
	all := slices.Concat(named, c.DutyARNs(), ownARNs(c))
	slices.Sort(all)
	return slices.Compact(all)
}

// ownARNs are the forms in which AWS may name who this session is. AWS does not
// tell the path of a role that a session is of; names of roles are unique in an
// account whatever the path, so any path is meant.
func ownARNs(c *cloud.Conn) []string {
	self := c.Selves[len(c.Selves)-1]
	prefix := "arn:" + self.Partition + ":iam::" + self.Account + ":"
	switch {
	case self.Kind == cloud.User && self.Name == "root":
		return []string{prefix + "root"}
	case self.Kind == cloud.Role && !slices.ContainsFunc(c.DutyARNs(), func(arn string) bool { return nameOf(arn) == self.Name }):
		return []string{prefix + "role/" + self.Name, prefix + "role/*/" + self.Name}
	case self.Kind == cloud.Role:
		return nil // it is one of the configured roles, whose ARNs are whole
	}
	return []string{self.ARN()}
}

func nameOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// refuseToLockOut looks again whether the policy lets this session through.
func refuseToLockOut(c *cloud.Conn, exempted []string) error {
	for _, own := range slices.Concat(c.DutyARNs(), ownARNs(c)) {
		if !slices.Contains(exempted, own) {
			return &actions.Error{Class: actions.Precondition, Op: "aws.s3.lock_bucket", Err: fmt.Errorf("the planned policy does not let %s through, which firebreak acts as", own),
				Hint: "firebreak would lock itself out; plan the step again"}
		}
	}
	return nil
}

func (a lockBucket) Execute(ctx context.Context, call actions.Call, p lockBucketParams) (lockBucketResult, error) {
	b, state, err := a.resume(ctx, call, p)
	if err != nil {
		return lockBucketResult{}, err
	}
	if err := refuseToLockOut(b.Conn, state.Exempt); err != nil {
		return lockBucketResult{}, err
	}
	now, err := b.policy(ctx)
	switch {
	case err != nil:
		return lockBucketResult{}, err
	case same(now, &state.Policy):
	case !same(now, state.Original):
		return lockBucketResult{}, b.changed("after the plan", now, state.Original)
	default:
		if err := b.setPolicy(ctx, &state.Policy); err != nil {
			return lockBucketResult{}, err
		}
	}
	return lockBucketResult{Bucket: p.Bucket, Exempt: state.Exempt, Previous: describe(state.Original)}, nil
}

func (a lockBucket) Verify(ctx context.Context, call actions.Call, p lockBucketParams, _ lockBucketResult) (actions.Reading, error) {
	b, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := b.policy(ctx)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case !same(now, &state.Policy):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("the policy of bucket %s holds %s, not %s", b.name, describe(now), describe(&state.Policy))}, nil
	}
	probe, err := b.anonymous(ctx, "")
	if err == nil {
		probe.Detail = fmt.Sprintf("the policy of bucket %s denies everything but to %s; %s", b.name, strings.Join(state.Exempt, ", "), probe.Detail)
	}
	return probe, err
}

func (a lockBucket) PlanUndo(ctx context.Context, call actions.Call, p lockBucketParams, _ lockBucketResult) (actions.Preview, error) {
	b, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{b.target()}}
	if same(state.Original, &state.Policy) {
		preview.NoUndo = "the bucket was locked like this before the step; it stays so"
		return preview, nil
	}
	now, err := b.policy(ctx)
	if err != nil {
		return preview, err
	}
	if preview.InEffect = same(now, state.Original); !preview.InEffect && !same(now, &state.Policy) {
		preview.NoUndo = b.changed("after firebreak put it", now, &state.Policy).Error()
		return preview, nil
	}
	preview.Changes = []string{fmt.Sprintf("The policy of bucket %s goes back to what it was: %s.", b.name, describe(state.Original))}
	preview.Calls = []string{"s3:PutBucketPolicy"}
	if state.Original == nil {
		preview.Calls = []string{"s3:DeleteBucketPolicy"}
	}
	preview.Warnings = []string{"Whoever could use the bucket before can use it again at once, by the same policy."}
	return preview, nil
}

func (a lockBucket) Undo(ctx context.Context, call actions.Call, p lockBucketParams, _ lockBucketResult) error {
	b, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	now, err := b.policy(ctx)
	switch {
	case err != nil:
		return err
	case same(now, state.Original):
		return nil
	case !same(now, &state.Policy):
		return b.changed("after firebreak put it", now, &state.Policy)
	}
	return b.setPolicy(ctx, state.Original)
}

func (a lockBucket) VerifyUndo(ctx context.Context, call actions.Call, p lockBucketParams, _ lockBucketResult) (actions.Reading, error) {
	b, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := b.policy(ctx)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case !same(now, state.Original):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("the policy of bucket %s holds %s; it held %s", b.name, describe(now), describe(state.Original))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("the policy of bucket %s is what it was: %s", b.name, describe(now))}, nil
}

func (a lockBucket) open(ctx context.Context, call actions.Call, p lockBucketParams) (*bucket, error) {
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	return openBucket(c, p.Bucket, c.Account), nil
}

func (a lockBucket) resume(ctx context.Context, call actions.Call, p lockBucketParams) (*bucket, lockState, error) {
	var state lockState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	b, err := a.open(ctx, call, p)
	return b, state, err
}
