package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type shareSnapshots struct{ cloud *cloud.Cloud }

type shareSnapshotsParams struct {
	SnapshotIDs []string `json:"snapshot_ids" doc:"snapshots of this account to share, completed when copies are asked for" example:"snap-0abc1234def567890"`
	Account     string   `json:"account,omitempty" doc:"account that may use them; may be left out with copy_to" example:"210987654321" pattern:"^[0-9]{12}$"`
	Key         string   `json:"key,omitempty" doc:"ARN of this account's KMS key for evidence: a snapshot under another key is copied under this one, and the copy is shared; needed when a snapshot is under the AWS managed key, which cannot be shared; empty: none is copied" example:"arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ab" pattern:"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$"`
	CopyTo      string   `json:"copy_to,omitempty" doc:"name of the configured environment of the forensic account, which then keeps copies of its own" example:"forensics"`
	CopyKey     string   `json:"copy_key,omitempty" doc:"ARN of the forensic account's KMS key for those copies; needed with copy_to" example:"arn:aws:kms:us-east-1:210987654321:key/0a1b2c3d-0000-4000-8000-0123456789ab" pattern:"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"`
}

type shareSnapshotsResult struct {
	Account   string           `json:"account" doc:"account that may use them"`
	Snapshots []sharedSnapshot `json:"snapshots" doc:"what was shared for each snapshot, in the order of snapshot_ids"`
	CopyIDs   []string         `json:"copy_ids" doc:"ids of the forensic account's own copies; empty without copy_to"`
}

type sharedSnapshot struct {
	Source string `json:"source" doc:"id of the snapshot that was asked for"`
	Shared string `json:"shared" doc:"id of what is shared: itself, or its copy under the evidence key"`
	Copy   string `json:"copy" doc:"id of the forensic account's copy; empty without copy_to"`
}

// shareState is what Plan captures.
type shareState struct {
	Account   string            `json:"account"`
	Snapshots []snapshotToShare `json:"snapshots"`
}

type snapshotToShare struct {
	ID      string `json:"id"`
	SizeGiB int    `json:"size_gib"`
	Again   bool   `json:"again,omitempty"`  // has to be encrypted again under the evidence key first
	Before  bool   `json:"before,omitempty"` // the account could use it before this step
}

func (shareSnapshots) Spec() actions.Spec {
	rows := []actions.Permission{
		{Phase: actions.PhasePlan, Action: "ec2:DescribeSnapshots", Resource: "*", Why: "read owner, size and key of the snapshots"},
		{Phase: actions.PhasePlan, Action: "ec2:DescribeSnapshotAttribute", Resource: snapshotResource, Why: "record who may use them now"},
		{Phase: actions.PhasePlan, Action: "kms:DescribeKey", Resource: keyResource, Why: "tell a key that cannot be shared, and see that the evidence key works"},
		{Phase: actions.PhaseExecute, Action: "ec2:DescribeSnapshots", Resource: "*", Why: "find the copies of an earlier attempt, and wait for them; in both accounts"},
		{Phase: actions.PhaseExecute, Action: "ec2:CopySnapshot", Resource: snapshotResource, Why: "copy under the evidence key, and into the forensic account; in both accounts"},
		{Phase: actions.PhaseExecute, Action: "ec2:CreateTags", Resource: snapshotResource, Conditions: actions.Conditions{"StringEquals": {"ec2:CreateAction": {"CopySnapshot"}}}, Why: "mark the copies in the same request; in both accounts"},
		{Phase: actions.PhaseExecute, Action: "ec2:ModifySnapshotAttribute", Resource: snapshotResource, Why: "let the account use them"},
		{Phase: actions.PhaseVerify, Action: "ec2:DescribeSnapshotAttribute", Resource: snapshotResource, Why: "read back who may use them"},
		{Phase: actions.PhaseVerify, Action: "ec2:DescribeSnapshots", Resource: "*", Why: "see that what is shared is complete, and that the forensic account owns complete copies; in both accounts"},
		{Phase: actions.PhaseUndo, Action: "ec2:DescribeSnapshotAttribute", Resource: snapshotResource, Why: "see who may use them now"},
		{Phase: actions.PhaseUndo, Action: "ec2:ModifySnapshotAttribute", Resource: snapshotResource, Why: "take the permission away"},
	}
	for _, action := range []string{"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"} {
		rows = append(rows, actions.Permission{Phase: actions.PhaseExecute, Action: action, Resource: keyResource, Why: "EC2 uses the caller's right on the keys to copy an encrypted snapshot; in both accounts"})
	}
	return actions.Spec{
		Name: "aws.ec2.share_snapshots", Version: 1,
		Title:  "Share snapshots with the forensic account",
		Doc:    "Lets another account use snapshots, after copying them under the evidence key when they are under a key that cannot be shared. With copy_to the forensic account, which is an environment of the configuration, makes copies under a key of its own, and the proof is that it owns them. Taking it back removes the permission and keeps all copies.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everybody with rights on snapshots in the other account can read what is on these disks.",
		StaysAlive: []string{
			"Copies that the other account made stay its own after the permission is taken away.",
			"Without copy_to the other account depends on this one: when the snapshot or its key goes, so does the evidence.",
			"The copy under the evidence key stays, and costs storage.",
		},
		Permissions: rows, Timeout: 30 * time.Minute, Settle: settleSnapshots,
	}
}

// The keys of the two accounts are known by the parameters; that of a snapshot
// only by the snapshot.
const keyResource = "arn:{partition}:kms:{key_region}:{key_account}:key/{any_key}"

func (a shareSnapshots) Plan(ctx context.Context, call actions.Call, p shareSnapshotsParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	state := shareState{}
	if state.Account, err = a.account(ctx, c, call, p); err != nil {
		return preview, err
	}
	found, err := c.snapshots(ctx, p.SnapshotIDs)
	if err != nil {
		return preview, err
	}
	preview.Targets = []actions.Target{{Type: "aws.account", ID: state.Account, Account: state.Account}}
	preview.InEffect = p.CopyTo == ""
	for _, id := range p.SnapshotIDs {
		one := found[slices.IndexFunc(found, func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == id })]
		s := snapshotToShare{ID: id, SizeGiB: int(aws.ToInt32(one.VolumeSize))}
		if s.Again, err = a.again(ctx, c, one, p); err != nil {
			return preview, err
		}
		if !s.Again {
			if s.Before, err = c.mayUse(ctx, id, state.Account); err != nil {
				return preview, err
			}
		}
		preview.InEffect = preview.InEffect && s.Before
		preview.Targets = append(preview.Targets, c.target("snapshot", id))
		preview.Changes = append(preview.Changes, s.changes(state.Account, p)...)
		if one.State != types.SnapshotStateCompleted && (s.Again || p.CopyTo != "") {
			return preview, &actions.Error{Class: actions.Precondition, Op: "aws.ec2.share_snapshots", Err: fmt.Errorf("snapshot %q is %s, and only a completed one can be copied", id, one.State), Hint: "wait for it first: aws.ec2.snapshot_volumes with wait: completed"}
		}
		if s.Again && !slices.Contains(preview.Calls, "ec2:CopySnapshot") || p.CopyTo != "" && !slices.Contains(preview.Calls, "ec2:CopySnapshot") {
			preview.Calls = append(preview.Calls, "ec2:CopySnapshot")
		}
		if aws.ToBool(one.Encrypted) && !s.Again && p.Key == "" {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("Account %s can read snapshot %s only when the policy of key %s lets it.", state.Account, id, aws.ToString(one.KmsKeyId)))
		}
		state.Snapshots = append(state.Snapshots, s)
	}
	preview.Calls = append(preview.Calls, "ec2:ModifySnapshotAttribute")
	if p.Key != "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Account %s can read what is under key %s only when that key's policy lets it.", state.Account, p.Key))
	}
	if p.CopyTo == "" {
		preview.Warnings = append(preview.Warnings, "The other account owns no copy: what is shared ends with this account's snapshot or key.")
	}
	return preview, preview.Capture(state)
}

func (s snapshotToShare) changes(account string, p shareSnapshotsParams) []string {
	var all []string
	what := "Snapshot " + s.ID
	if s.Again {
		all = append(all, fmt.Sprintf("Snapshot %s with %d GiB is copied under key %s.", s.ID, s.SizeGiB, p.Key))
		what = "That copy"
	}
	if !s.Before {
		all = append(all, fmt.Sprintf("%s may be used by account %s.", what, account))
	}
	if p.CopyTo != "" {
		all = append(all, fmt.Sprintf("Account %s, which is environment %q, keeps a copy of it under key %s.", account, p.CopyTo, p.CopyKey))
	}
	return all
}

// account finds out with whom to share, and refuses what cannot be meant.
func (a shareSnapshots) account(ctx context.Context, c *conn, call actions.Call, p shareSnapshotsParams) (string, error) {
	wrong := func(class actions.Class, hint, format string, args ...any) (string, error) {
		return "", &actions.Error{Class: class, Op: "aws.ec2.share_snapshots", Err: fmt.Errorf(format, args...), Hint: hint}
	}
	account := p.Account
	for i, id := range p.SnapshotIDs {
		if !strings.HasPrefix(id, "snap-") || slices.Contains(p.SnapshotIDs[:i], id) {
			return wrong(actions.Invalid, "write each id once, like snap-0abc1234def567890", "%q cannot stand in the list of snapshots", id)
		}
	}
	switch {
	case len(p.SnapshotIDs) == 0:
		return wrong(actions.Invalid, "", "there is no snapshot to share")
	case p.CopyTo == "" && p.CopyKey != "":
		return wrong(actions.Invalid, "give copy_to too, or leave copy_key out", "copy_key is for copies that nobody is asked to make")
	case p.CopyTo != "" && p.CopyKey == "":
		return wrong(actions.Invalid, "give copy_key", "the copies in environment %q need a key of that account", p.CopyTo)
	case p.CopyTo == "" && account == "":
		return wrong(actions.Invalid, "give account, or copy_to", "it is not said with whom to share")
	}
	if p.CopyTo != "" {
		forensic, err := a.forensic(ctx, call, p)
		if err != nil {
			return "", err
		}
		if account != "" && account != forensic.Account {
			return wrong(actions.Precondition, "correct one of the two", "environment %q is account %s, not %s", p.CopyTo, forensic.Account, account)
		}
		account = forensic.Account
	}
	if account == c.Account {
		return wrong(actions.Precondition, "evidence belongs into an account that the incident does not reach", "account %s owns the snapshots itself", account)
	}
	return account, nil
}

// forensic is a session in the account that keeps copies. It is an environment
// of the configuration like any other, with its own roles: the step's person,
// incident and run are in its CloudTrail too.
func (a shareSnapshots) forensic(ctx context.Context, call actions.Call, p shareSnapshotsParams) (*conn, error) {
	call.Environment = p.CopyTo
	return open(ctx, a.cloud, call)
}

// again says whether a snapshot has to be copied under the evidence key before
// it can be shared.
func (a shareSnapshots) again(ctx context.Context, c *conn, one types.Snapshot, p shareSnapshotsParams) (bool, error) {
	const op = "aws.ec2.share_snapshots"
	id := aws.ToString(one.SnapshotId)
	if owner := aws.ToString(one.OwnerId); owner != c.Account {
		return false, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("snapshot %q belongs to account %s, not to %s", id, cmp.Or(owner, "nobody that EC2 tells"), c.Account), Hint: "only its owner can share it"}
	}
	if !aws.ToBool(one.Encrypted) || aws.ToString(one.KmsKeyId) == p.Key && p.Key != "" {
		return false, nil
	}
	if p.Key != "" {
		return true, c.keyWorks(ctx, p.Key)
	}
	managed, err := c.keyIsAWSs(ctx, aws.ToString(one.KmsKeyId))
	if err == nil && managed {
		err = &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("snapshot %q is under the AWS managed key %s, and such a snapshot cannot be shared", id, aws.ToString(one.KmsKeyId)), Hint: "give key, a KMS key of this account for evidence, and it is copied first"}
	}
	return false, err
}

func (a shareSnapshots) Execute(ctx context.Context, call actions.Call, p shareSnapshotsParams) (shareSnapshotsResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return shareSnapshotsResult{}, err
	}
	r := shareSnapshotsResult{Account: state.Account, Snapshots: []sharedSnapshot{}, CopyIDs: []string{}}
	changed := false
	fail := func(err error) (shareSnapshotsResult, error) {
		return shareSnapshotsResult{}, cloud.AfterEffect(changed, err)
	}
	for _, s := range state.Snapshots {
		one := sharedSnapshot{Source: s.ID, Shared: s.ID}
		if s.Again {
			id, made, err := c.copySnapshot(ctx, call, c.Region, s.ID, p.Key)
			if err != nil {
				return fail(err)
			}
			one.Shared, changed = id, changed || made
		}
		r.Snapshots = append(r.Snapshots, one)
	}
	for i, s := range state.Snapshots {
		if s.Before {
			continue
		}
		if err := c.allow(ctx, r.Snapshots[i].Shared, state.Account, types.OperationTypeAdd); err != nil {
			return fail(err)
		}
		changed = true
	}
	if p.CopyTo == "" {
		return r, nil
	}
	forensic, err := a.forensic(ctx, call, p)
	if err != nil {
		return fail(err)
	}
	var shared []string
	for _, one := range r.Snapshots {
		shared = append(shared, one.Shared)
	}
	if err := c.completed(ctx, shared, a.cloud.Settle()); err != nil {
		return fail(err)
	}
	for i := range r.Snapshots {
		id, made, err := forensic.copySnapshot(ctx, call, c.Region, r.Snapshots[i].Shared, p.CopyKey)
		if err != nil {
			return fail(err)
		}
		changed = changed || made
		r.Snapshots[i].Copy, r.CopyIDs = id, append(r.CopyIDs, id)
	}
	return r, nil
}

func (a shareSnapshots) Verify(ctx context.Context, call actions.Call, p shareSnapshotsParams, r shareSnapshotsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if len(r.Snapshots) != len(state.Snapshots) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: "nothing was shared"}, nil
	}
	for _, one := range r.Snapshots {
		may, err := c.mayUse(ctx, one.Shared, state.Account)
		switch {
		case err != nil && actions.ClassOf(err) == actions.NotFound:
			return actions.Reading{Verdict: actions.NotVerified, Detail: err.Error()}, nil
		case err != nil:
			return unreadable(err)
		case !may:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("account %s may not use snapshot %s", state.Account, one.Shared)}, nil
		}
	}
	if p.CopyTo == "" {
		return a.usable(ctx, c, state, p, r)
	}
	forensic, err := a.forensic(ctx, call, p)
	if err != nil {
		return cloud.Unreadable(err)
	}
	return a.owned(ctx, call, forensic, state, p, r)
}

// usable judges whether what is shared can be used: leave to use a copy that
// failed, or is not there yet, is worth nothing.
func (a shareSnapshots) usable(ctx context.Context, c *conn, state shareState, p shareSnapshotsParams, r shareSnapshotsResult) (actions.Reading, error) {
	var ids []string
	for _, one := range r.Snapshots {
		ids = append(ids, one.Shared)
	}
	found, err := c.snapshots(ctx, ids)
	switch {
	case err != nil && actions.ClassOf(err) == actions.NotFound:
		return actions.Reading{Verdict: actions.NotVerified, Detail: err.Error()}, nil
	case err != nil:
		return unreadable(err)
	}
	detail := fmt.Sprintf("account %s may use %d snapshots", state.Account, len(r.Snapshots))
	var pending []string
	for i, s := range state.Snapshots {
		id := r.Snapshots[i].Shared
		one := found[slices.IndexFunc(found, func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == id })]
		switch {
		case one.State == "":
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("EC2 does not tell the state of snapshot %s", id)}, nil
		case one.State == types.SnapshotStateError:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("snapshot %s failed: %s", id, cmp.Or(aws.ToString(one.StateMessage), "EC2 does not say why"))}, nil
		case s.Again && one.KmsKeyId == nil:
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("EC2 does not tell the key of copy %s", id)}, nil
		case s.Again && aws.ToString(one.KmsKeyId) != p.Key:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("copy %s is under key %s, not under %s", id, aws.ToString(one.KmsKeyId), p.Key)}, nil
		case s.Again && one.State != types.SnapshotStateCompleted:
			pending = append(pending, fmt.Sprintf("copy %s is %s", id, cmp.Or(aws.ToString(one.Progress), string(one.State))))
		case one.State != types.SnapshotStateCompleted: // it was pending when the step was planned, which the step allows
			detail += fmt.Sprintf("; snapshot %s is %s", id, cmp.Or(aws.ToString(one.Progress), string(one.State)))
		}
	}
	if len(pending) > 0 {
		return actions.Reading{Verdict: actions.Pending, Detail: strings.Join(pending, ", ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
}

// owned judges whether the forensic account has copies of its own.
func (a shareSnapshots) owned(ctx context.Context, call actions.Call, forensic *conn, state shareState, p shareSnapshotsParams, r shareSnapshotsResult) (actions.Reading, error) {
	no := func(format string, args ...any) (actions.Reading, error) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf(format, args...)}, nil
	}
	copies, err := forensic.snapshots(ctx, r.CopyIDs)
	switch {
	case err != nil && actions.ClassOf(err) == actions.NotFound:
		return no("%s", err.Error())
	case err != nil:
		return unreadable(err)
	}
	for i, one := range r.Snapshots {
		at := slices.IndexFunc(copies, func(s types.Snapshot) bool { return aws.ToString(s.SnapshotId) == one.Copy })
		if at < 0 {
			return no("there is no copy of snapshot %s", one.Shared)
		}
		made := copies[at]
		switch {
		case made.State == "" || made.OwnerId == nil || made.KmsKeyId == nil:
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("EC2 does not tell owner, state and key of copy %s", one.Copy)}, nil
		case aws.ToString(made.OwnerId) != state.Account:
			return no("copy %s belongs to account %s, not to %s", one.Copy, aws.ToString(made.OwnerId), state.Account)
		case aws.ToString(made.KmsKeyId) != p.CopyKey:
			return no("copy %s is under key %s, not under %s", one.Copy, aws.ToString(made.KmsKeyId), p.CopyKey)
		case int(aws.ToInt32(made.VolumeSize)) != state.Snapshots[i].SizeGiB:
			return no("copy %s has %d GiB, not %d", one.Copy, aws.ToInt32(made.VolumeSize), state.Snapshots[i].SizeGiB)
		case tag(made.Tags, tagSource) != one.Shared || len(missingTags(made.Tags, call)) > 0:
			return no("copy %s does not carry our tags", one.Copy)
		case made.State == types.SnapshotStateError:
			return no("copy %s failed: %s", one.Copy, cmp.Or(aws.ToString(made.StateMessage), "EC2 does not say why"))
		case made.State != types.SnapshotStateCompleted:
			return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("copy %s is %s", one.Copy, cmp.Or(aws.ToString(made.Progress), string(made.State)))}, nil
		}
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("account %s owns %d complete copies under key %s", state.Account, len(copies), p.CopyKey)}, nil
}

// resume opens the session and loads what Plan captured.
func (a shareSnapshots) resume(ctx context.Context, call actions.Call, p shareSnapshotsParams) (*conn, shareState, error) {
	var state shareState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	same := len(state.Snapshots) == len(p.SnapshotIDs) && state.Account != ""
	for i := range min(len(state.Snapshots), len(p.SnapshotIDs)) {
		same = same && state.Snapshots[i].ID == p.SnapshotIDs[i]
	}
	if !same {
		return nil, state, actions.WrongState("it knows other snapshots")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
