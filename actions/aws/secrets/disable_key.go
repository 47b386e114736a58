package secrets

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type disableKey struct{ cloud *cloud.Cloud }

type disableKeyParams struct {
	Key string `json:"key" doc:"id or ARN of the key; for an alias ask aws.kms.describe_key" example:"1234abcd-12ab-34cd-56ef-1234567890ab" pattern:"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/)?[a-z0-9-]{36}$" subject:"true"`
}

type disableKeyResult struct {
	ARN           string   `json:"arn" doc:"ARN of the key"`
	KeyID         string   `json:"key_id" doc:"its id"`
	PreviousState string   `json:"previous_state" doc:"what it was before: Enabled or Disabled"`
	Aliases       []string `json:"aliases" doc:"its aliases"`
}

// disableState is what Plan captures.
type disableState struct {
	Key key `json:"key"`
}

const opDisable = "aws.kms.disable_key"

// shown is how many grants a preview names.
const shown = 10

func (disableKey) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "kms:" + action, Resource: keyResource, Why: why}
	}
	return actions.Spec{
		Name: opDisable, Version: 1,
		Title:  "Disable a KMS key",
		Doc:    "Sets a customer managed key to Disabled, so that nothing can be encrypted or decrypted with it. The key is never deleted. Keys of AWS and the key of firebreak's evidence are refused.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything that is encrypted with this key, in any account that may use it: objects, volumes that are attached anew, databases that are started, secrets, queues.",
		StaysAlive: []string{
			"Data keys that are already in plain text: attached volumes and running databases work until they are attached or started again.",
			"Caches of data keys (S3 Bucket Keys, the Encryption SDK) for some minutes.",
			"Data that was already decrypted, and data keys that somebody took away.",
			"Copies of a multi-Region key in other regions: disable each of them.",
			"Grants and the key policy stay, and work again when the key is enabled.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "DescribeKey", "read the state of the key, and who manages it"),
			{Phase: actions.PhasePlan, Action: "kms:ListAliases", Resource: "*", Why: "show what the key is called, and tell the key of the evidence"},
			row(actions.PhasePlan, "ListGrants", "show who uses the key"),
			row(actions.PhaseExecute, "DescribeKey", "see whether the key is still as planned"),
			row(actions.PhaseExecute, "DisableKey", "disable the key"),
			row(actions.PhaseVerify, "DescribeKey", "read the state back"),
			row(actions.PhaseUndo, "DescribeKey", "see whether the key is still as we left it"),
			row(actions.PhaseUndo, "EnableKey", "enable the key again"),
		},
		Settle: 15 * time.Second,
	}
}

func (a disableKey) Plan(ctx context.Context, call actions.Call, p disableKeyParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call, "kms", p.Key)
	if err != nil {
		return preview, err
	}
	k, err := c.keyAndAliases(ctx, p.Key)
	if err != nil {
		return preview, err
	}
	if err := c.refuseKey(opDisable, k); err != nil {
		return preview, err
	}
	if k.State != string(types.KeyStateEnabled) && k.State != string(types.KeyStateDisabled) {
		return preview, precondition(opDisable, "look at the key", "key %q is %s, which cannot be disabled", k.ID, k.State)
	}
	grants, err := c.grants(ctx, k.ARN)
	if err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets:  []actions.Target{k.target()},
		Changes:  []string{fmt.Sprintf("Key %s becomes Disabled; it is %s now.", k.name(), k.State)},
		Calls:    []string{"kms:DisableKey"},
		Warnings: append(c.maybeEvidence(), "Everything encrypted with this key becomes unreadable while it is disabled."),
		InEffect: k.State == string(types.KeyStateDisabled),
	}
	if preview.InEffect {
		preview.NoUndo = "the key was Disabled before"
	}
	if k.MultiRegion {
		preview.Warnings = append(preview.Warnings, "It is a multi-Region key: its copies in other regions go on working.")
	}
	for i, g := range grants {
		if i == shown {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("%d more grants use the key.", len(grants)-shown))
			break
		}
		d := described(g)
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("A grant lets %s use the key for %v (grant %s).", d.Grantee, d.Operations, d.ID))
	}
	return preview, preview.Capture(disableState{*k})
}

func (a disableKey) Execute(ctx context.Context, call actions.Call, p disableKeyParams) (disableKeyResult, error) {
	c, state, now, err := a.resume(ctx, call, p)
	r := disableKeyResult{ARN: state.Key.ARN, KeyID: state.Key.ID, PreviousState: state.Key.State, Aliases: append([]string{}, state.Key.Aliases...)}
	if err != nil {
		return r, err
	}
	now.Aliases = state.Key.Aliases
	if err := c.refuseKey(opDisable, now); err != nil {
		return r, err
	}
	switch now.State {
	case string(types.KeyStateDisabled):
		return r, nil
	case string(types.KeyStateEnabled):
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "kms:DisableKey", c.kms.DisableKey, &kms.DisableKeyInput{KeyId: &state.Key.ID})
		return r, err
	}
	return r, precondition(opDisable, "plan the step again", "key %q is %s; when this was planned it was %s", now.ID, now.State, state.Key.State)
}

func (a disableKey) Verify(ctx context.Context, call actions.Call, p disableKeyParams, _ disableKeyResult) (actions.Reading, error) {
	_, _, now, err := a.resume(ctx, call, p)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case now.State != string(types.KeyStateDisabled):
		return read(actions.NotVerified, "key %s is %s", now.ID, now.State)
	}
	return read(actions.Verified, "key %s is Disabled", now.ID)
}

func (a disableKey) PlanUndo(ctx context.Context, call actions.Call, p disableKeyParams, _ disableKeyResult) (actions.Preview, error) {
	_, state, now, err := a.resume(ctx, call, p)
	preview := actions.Preview{Targets: []actions.Target{state.Key.target()}}
	switch {
	case err != nil:
		return preview, err
	case state.Key.State != string(types.KeyStateEnabled):
		preview.NoUndo = "the key was " + state.Key.State + " before this step; it stays so"
		return preview, nil
	case now.State != string(types.KeyStateDisabled) && now.State != string(types.KeyStateEnabled):
		preview.NoUndo = "the key is " + now.State + " now, and it was firebreak that made it Disabled; look at who changed it"
		return preview, nil
	}
	preview.InEffect = now.State == string(types.KeyStateEnabled)
	preview.Changes = []string{fmt.Sprintf("Key %s becomes Enabled again.", state.Key.name())}
	preview.Calls = []string{"kms:EnableKey"}
	preview.Warnings = []string{"Whoever may use the key, by its policy or a grant, can use it again."}
	return preview, nil
}

func (a disableKey) Undo(ctx context.Context, call actions.Call, p disableKeyParams, _ disableKeyResult) error {
	c, state, now, err := a.resume(ctx, call, p)
	if err != nil || state.Key.State != string(types.KeyStateEnabled) {
		return err
	}
	switch now.State {
	case string(types.KeyStateEnabled):
		return nil
	case string(types.KeyStateDisabled):
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "kms:EnableKey", c.kms.EnableKey, &kms.EnableKeyInput{KeyId: &state.Key.ID})
		return err
	}
	return precondition(opDisable, "look at who changed it", "key %q is %s now; firebreak left it Disabled", now.ID, now.State)
}

func (a disableKey) VerifyUndo(ctx context.Context, call actions.Call, p disableKeyParams, _ disableKeyResult) (actions.Reading, error) {
	_, state, now, err := a.resume(ctx, call, p)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case now.State != state.Key.State:
		return read(actions.NotVerified, "key %s is %s, it was %s", now.ID, now.State, state.Key.State)
	}
	return read(actions.Verified, "key %s is %s again", now.ID, now.State)
}

// resume loads what Plan captured, opens the session and reads the key.
func (a disableKey) resume(ctx context.Context, call actions.Call, p disableKeyParams) (*conn, disableState, *key, error) {
	var state disableState
	if err := call.LoadState(&state); err != nil {
		return nil, state, nil, err
	}
	if p.Key != state.Key.ID && p.Key != state.Key.ARN {
		return nil, state, nil, actions.WrongState("it is of another key")
	}
	c, err := open(ctx, a.cloud, call, "kms", state.Key.ARN)
	if err != nil {
		return nil, state, nil, err
	}
	now, err := c.key(ctx, state.Key.ARN)
	return c, state, now, err
}
