package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type deactivateAccessKey struct{ cloud *cloud.Cloud }

type deactivateAccessKeyParams struct {
	AccessKeyID string `json:"access_key_id" doc:"the long-lived key to switch off" example:"AKIAIOSFODNN7EXAMPLE" pattern:"^(AKIA|ASIA)[A-Z0-9]{16}$"`
	User        string `json:"user,omitempty" doc:"name of its owner; checked when given, found when not" example:"ci-deploy" subject:"true"`
}

type deactivateAccessKeyResult struct {
	User           string   `json:"user" doc:"name of the user that owns the key"`
	PreviousStatus string   `json:"previous_status" doc:"what the key was before: Active or Inactive" enum:"Active,Inactive"`
	OtherKeys      []string `json:"other_keys" doc:"the user's other access keys, which still are what they were"`
}

// keyState is what Plan captures: all keys, so that an undo is exact and a key
// made since can be told from those that were there.
type keyState struct {
	User string      `json:"user"`
	Keys []accessKey `json:"keys"`
}

func (deactivateAccessKey) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.iam.deactivate_access_key", Version: 1,
		Title:  "Switch off an access key",
		Doc:    "Sets a long-lived access key to Inactive. The key is not deleted: its id stays readable in CloudTrail, and it can be switched on again. For temporary keys, which begin with ASIA, use aws.iam.revoke_sessions.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything that signs with this key stops working within seconds.",
		StaysAlive: []string{
			"Sessions made with this key before (GetSessionToken, GetFederationToken, AssumeRole) live on until they expire: quarantine the user, revoke the roles' sessions.",
			"The user's other access keys and its console password.",
			"sts:GetCallerIdentity proves nothing: it cannot be denied.",
		},
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "iam:GetAccessKeyLastUsed", Resource: userResource, Why: "find the user behind the key"},
			{Phase: actions.PhasePlan, Action: "iam:ListAccessKeys", Resource: userResource, Why: "record the status of every key of the user"},
			{Phase: actions.PhaseExecute, Action: "iam:UpdateAccessKey", Resource: userResource, Why: "set the key to Inactive"},
			{Phase: actions.PhaseVerify, Action: "iam:ListAccessKeys", Resource: userResource, Why: "read the status back, and look for new keys"},
			{Phase: actions.PhaseUndo, Action: "iam:ListAccessKeys", Resource: userResource, Why: "see whether the key is still as we left it"},
			{Phase: actions.PhaseUndo, Action: "iam:UpdateAccessKey", Resource: userResource, Why: "set the key to Active again"},
		},
		Settle: settleIAM,
	}
}

// settleIAM is how long a change of IAM may take until every reader sees it.
const settleIAM = 15 * time.Second

func (a deactivateAccessKey) Plan(ctx context.Context, call actions.Call, p deactivateAccessKeyParams) (actions.Preview, error) {
	var preview actions.Preview
	const op = "aws.iam.deactivate_access_key"
	if strings.HasPrefix(p.AccessKeyID, "ASIA") {
		return preview, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%q is a temporary key, which cannot be switched off", p.AccessKeyID),
			Hint: "use aws.iam.revoke_sessions on the role, or aws.iam.quarantine_principal on the user that made it"}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	if err := c.refuseOwnKey(op, p.AccessKeyID); err != nil {
		return preview, err
	}
	owner, used, err := c.keyOwner(ctx, p.AccessKeyID)
	if err != nil {
		return preview, err
	}
	if p.User != "" && p.User != owner {
		return preview, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("access key %q belongs to user %q, not to %q", p.AccessKeyID, owner, p.User),
			Hint: "correct the user, or leave it out"}
	}
	keys, err := c.accessKeys(ctx, owner)
	if err != nil {
		return preview, err
	}
	key, found := findKey(keys, p.AccessKeyID)
	if !found {
		return preview, keyMissing(p.AccessKeyID, owner)
	}
	preview = actions.Preview{
		Targets:  []actions.Target{c.keyTarget(p.AccessKeyID), {Type: "aws.iam.user", ID: owner, Account: c.Account}},
		Changes:  []string{fmt.Sprintf("Access key %s of user %s becomes Inactive; it is %s now.", p.AccessKeyID, owner, key.Status)},
		Calls:    []string{"iam:UpdateAccessKey"},
		InEffect: key.Status == string(types.StatusTypeInactive),
	}
	if preview.InEffect {
		preview.NoUndo = "the key was Inactive before"
	}
	if used != nil && used.LastUsedDate != nil {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The key was last used at %s by %s in %s: what uses it will stop.",
			used.LastUsedDate.UTC().Format(time.RFC3339), known(used.ServiceName), known(used.Region)))
	}
	for _, k := range keys {
		if k.ID != p.AccessKeyID && k.Status == string(types.StatusTypeActive) {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("User %s keeps another active key: %s.", owner, k.ID))
		}
	}
	return preview, preview.Capture(keyState{User: owner, Keys: keys})
}

func (a deactivateAccessKey) Execute(ctx context.Context, call actions.Call, p deactivateAccessKeyParams) (deactivateAccessKeyResult, error) {
	var r deactivateAccessKeyResult
	c, state, before, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	if err := c.refuseOwnKey("aws.iam.deactivate_access_key", p.AccessKeyID); err != nil {
		return r, err
	}
	if err := c.setKey(ctx, state.User, p.AccessKeyID, types.StatusTypeInactive); err != nil {
		return r, err
	}
	return deactivateAccessKeyResult{User: state.User, PreviousStatus: before.Status, OtherKeys: otherKeys(state.Keys, p.AccessKeyID)}, nil
}

func (a deactivateAccessKey) Verify(ctx context.Context, call actions.Call, p deactivateAccessKeyParams, _ deactivateAccessKeyResult) (actions.Reading, error) {
	c, state, _, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	keys, err := c.accessKeys(ctx, state.User)
	if err != nil {
		return cloud.Unreadable(err)
	}
	key, found := findKey(keys, p.AccessKeyID)
	switch {
	case !found:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS lists no key %s for user %s; was it deleted?", p.AccessKeyID, state.User)}, nil
	case key.Status != string(types.StatusTypeInactive):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("key %s is %s", p.AccessKeyID, key.Status)}, nil
	}
	// Whatever the plan did not see is newer than the plan. Comparing creation
	// dates with our clock instead would miss keys when that clock is ahead.
	if i := slices.IndexFunc(keys, func(k accessKey) bool {
		_, was := findKey(state.Keys, k.ID)
		return !was && k.Status != string(types.StatusTypeInactive)
	}); i >= 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("key %s is Inactive, but user %s got a new key since: %s, created %s",
			p.AccessKeyID, state.User, keys[i].ID, keys[i].Created.Format(time.RFC3339))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("key %s is Inactive, no new key for user %s", p.AccessKeyID, state.User)}, nil
}

func (a deactivateAccessKey) PlanUndo(ctx context.Context, call actions.Call, p deactivateAccessKeyParams, _ deactivateAccessKeyResult) (actions.Preview, error) {
	c, state, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.keyTarget(p.AccessKeyID), {Type: "aws.iam.user", ID: state.User, Account: c.Account}}}
	if before.Status != string(types.StatusTypeActive) {
		preview.NoUndo = "the key was Inactive before this step; it stays so"
		return preview, nil
	}
	keys, err := c.accessKeys(ctx, state.User)
	if err != nil {
		return preview, err
	}
	key, found := findKey(keys, p.AccessKeyID)
	if !found {
		return preview, keyMissing(p.AccessKeyID, state.User)
	}
	preview.InEffect = key.Status == string(types.StatusTypeActive)
	preview.Changes = []string{fmt.Sprintf("Access key %s of user %s becomes Active again.", p.AccessKeyID, state.User)}
	preview.Calls = []string{"iam:UpdateAccessKey"}
	preview.Warnings = []string{"If the key has leaked, whoever holds it can use it again at once."}
	return preview, nil
}

func (a deactivateAccessKey) Undo(ctx context.Context, call actions.Call, p deactivateAccessKeyParams, _ deactivateAccessKeyResult) error {
	c, state, before, err := a.resume(ctx, call, p)
	if err != nil || before.Status != string(types.StatusTypeActive) {
		return err
	}
	return c.setKey(ctx, state.User, p.AccessKeyID, types.StatusTypeActive)
}

func (a deactivateAccessKey) VerifyUndo(ctx context.Context, call actions.Call, p deactivateAccessKeyParams, _ deactivateAccessKeyResult) (actions.Reading, error) {
	c, state, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	keys, err := c.accessKeys(ctx, state.User)
	if err != nil {
		return cloud.Unreadable(err)
	}
	key, found := findKey(keys, p.AccessKeyID)
	switch {
	case !found:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS lists no key %s for user %s", p.AccessKeyID, state.User)}, nil
	case key.Status != before.Status:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("key %s is %s, it was %s", p.AccessKeyID, key.Status, before.Status)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("key %s is %s again", p.AccessKeyID, key.Status)}, nil
}

// resume opens the session and loads what Plan captured.
func (a deactivateAccessKey) resume(ctx context.Context, call actions.Call, p deactivateAccessKeyParams) (*conn, keyState, accessKey, error) {
	var state keyState
	if err := call.LoadState(&state); err != nil {
		return nil, state, accessKey{}, err
	}
	before, found := findKey(state.Keys, p.AccessKeyID)
	if !found {
		return nil, state, before, actions.WrongState("it knows no access key %q", p.AccessKeyID)
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, before, err
}

func (c *conn) setKey(ctx context.Context, owner, id string, status types.StatusType) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:UpdateAccessKey", c.iam.UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: &owner, AccessKeyId: &id, Status: status})
	return err
}

func (c *conn) refuseOwnKey(op, id string) error {
	if !slices.Contains(c.Keys, id) {
		return nil
	}
	return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("%s is the key that firebreak itself signs with", id),
		Hint: "firebreak would lock itself out; give it another identity first"}
}
