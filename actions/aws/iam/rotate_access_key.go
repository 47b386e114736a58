package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type rotateAccessKey struct{ cloud *cloud.Cloud }

type rotateAccessKeyParams struct {
	User        string `json:"user" doc:"name of the user that owns the key" example:"ci-deploy" subject:"true"`
	AccessKeyID string `json:"access_key_id" doc:"the key that is replaced" example:"AKIAIOSFODNN7EXAMPLE" pattern:"^AKIA[A-Z0-9]{16}$"`
	Destination string `json:"destination" doc:"name or ARN of the secret in Secrets Manager that gets the new key; its whole value is replaced" example:"prod/ci-deploy/aws" pattern:"^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}$"`
	Order       string `json:"order" doc:"contain_first switches the old key off before the new one is made; create_first keeps it until the new one works and is stored; keep_old leaves it as it is, for a rotation in stages" enum:"contain_first,create_first,keep_old" default:"contain_first"`
	IDField     string `json:"id_field,omitempty" doc:"name of the key's id in the secret, which is a JSON object" example:"AWS_ACCESS_KEY_ID" default:"access_key_id" pattern:"^[A-Za-z0-9_.-]{1,64}$"`
	SecretField string `json:"secret_field,omitempty" doc:"name of the secret half there" example:"AWS_SECRET_ACCESS_KEY" default:"secret_access_key" pattern:"^[A-Za-z0-9_.-]{1,64}$"`
}

type rotateAccessKeyResult struct {
	User            string `json:"user" doc:"name of the user"`
	OldKeyID        string `json:"old_key_id" doc:"the key that was replaced: Inactive now, but with keep_old as it was"`
	NewKeyID        string `json:"new_key_id" doc:"the key that took its place"`
	Secret          string `json:"secret" doc:"ARN of the secret that holds the new key"`
	VersionID       string `json:"version_id" doc:"version of the secret that holds it; made from the new key's id, so it proves which key the version is for"`
	PreviousVersion string `json:"previous_version" doc:"version of the secret that was current before; empty when there was none"`
}

// rotationState is what Plan captures.
type rotationState struct {
	User        string      `json:"user"`
	OldKey      string      `json:"old_key"`
	Keys        []accessKey `json:"keys"`
	Destination destination `json:"destination"`
	SkewMS      int64       `json:"skew_ms"` // AWS clock minus ours
}

const opRotate = "aws.iam.rotate_access_key"

// The orders.
const (
	containFirst = "contain_first"
	createFirst  = "create_first"
	keepOld      = "keep_old"
)

func (rotateAccessKey) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: userResource, Why: why}
	}
	secret := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: fmt.Sprintf(secretResource, "destination"), Why: why}
	}
	switchOff := row(actions.PhaseExecute, "iam:UpdateAccessKey", "switch the old key off")
	switchOff.When = actions.When{"order": {containFirst, createFirst}}
	return actions.Spec{
		Name: opRotate, Version: 1,
		Title: "Replace an access key",
		Doc: "Makes a new access key for a user, waits until it works, stores it as the current version of a secret, and switches the old key off: before all that (contain_first, for a key that leaked), after it (create_first), or not at all (keep_old: a later step does, with aws.iam.deactivate_access_key, when the consumer was seen with the new key). " +
			"The secret half goes from AWS into the secret and nowhere else. A user may have two keys, so the other slot has to be free.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Whatever signs with the old key fails until it has read the secret again; with contain_first also while the new key is made, some seconds.",
		StaysAlive: []string{
			"Sessions that were made with the old key: quarantine the user, revoke the roles' sessions.",
			"Consumers that hold the old key in memory: restart them, and watch when the old key is last used.",
			"With keep_old the old key works on: switch it off with aws.iam.deactivate_access_key when its consumers use the new one.",
			"The old key itself, Inactive: delete it with aws.iam.delete_access_key when nothing has missed it.",
			"A quarantine of the user also stops the new key.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "iam:ListAccessKeys", "see which keys there are, and that a slot is free"),
			row(actions.PhasePlan, "iam:GetUser", "read AWS's time, and that the user exists"),
			row(actions.PhasePlan, "iam:GetAccessKeyLastUsed", "say who will feel it"),
			secret(actions.PhasePlan, "secretsmanager:DescribeSecret", "record which version is current"),
			row(actions.PhaseExecute, "iam:ListAccessKeys", "find a key that an earlier attempt made"),
			secret(actions.PhaseExecute, "secretsmanager:DescribeSecret", "see whether an earlier attempt stored its key"),
			row(actions.PhaseExecute, "iam:GetAccessKeyLastUsed", "make sure that a key whose secret was lost was never used"),
			row(actions.PhaseExecute, "iam:DeleteAccessKey", "delete a new key whose secret was lost"),
			row(actions.PhaseExecute, "iam:CreateAccessKey", "make the new key"),
			secret(actions.PhaseExecute, "secretsmanager:PutSecretValue", "store the new key"),
			switchOff,
			row(actions.PhaseVerify, "iam:ListAccessKeys", "read the status of all keys"),
			secret(actions.PhaseVerify, "secretsmanager:DescribeSecret", "see that the version of the new key is current"),
			row(actions.PhaseUndo, "iam:ListAccessKeys", "see whether the keys are still as we left them"),
			row(actions.PhaseUndo, "iam:UpdateAccessKey", "switch the old key on, and the new one off"),
			row(actions.PhaseUndo, "iam:DeleteAccessKey", "delete the new key"),
			row(actions.PhaseUndo, "iam:GetAccessKeyLastUsed", "say whether the new key is in use"),
			secret(actions.PhaseUndo, "secretsmanager:DescribeSecret", "see whether the secret is still as we left it"),
			secret(actions.PhaseUndo, "secretsmanager:UpdateSecretVersionStage", "make the version from before current again"),
		},
		Timeout: 2 * time.Minute,
		Settle:  settleIAM,
	}
}

func (a rotateAccessKey) Plan(ctx context.Context, call actions.Call, p rotateAccessKeyParams) (actions.Preview, error) {
	var preview actions.Preview
	if p.IDField == p.SecretField {
		return preview, &actions.Error{Class: actions.Invalid, Op: opRotate, Err: fmt.Errorf("id_field and secret_field are both %q", p.IDField), Hint: "give them two names"}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	if err := c.refuseRotation(p.User, p.AccessKeyID); err != nil {
		return preview, err
	}
	server, err := c.userTime(ctx, p.User)
	if err != nil {
		return preview, err
	}
	state := rotationState{User: p.User, OldKey: p.AccessKeyID, SkewMS: server.Sub(a.cloud.Now()).Milliseconds()}
	if state.Keys, err = c.accessKeys(ctx, p.User); err != nil {
		return preview, err
	}
	old, found := findKey(state.Keys, p.AccessKeyID)
	if !found {
		return preview, keyMissing(p.AccessKeyID, p.User)
	}
	if others := otherKeys(state.Keys, p.AccessKeyID); len(others) > 0 {
		return preview, &actions.Error{Class: actions.Precondition, Op: opRotate, Err: fmt.Errorf("user %q has a second access key, %s, and AWS allows two", p.User, strings.Join(others, ", ")),
			Hint: "look at what uses it; switch it off with aws.iam.deactivate_access_key, and delete it with aws.iam.delete_access_key"}
	}
	var warnings []string
	if state.Destination, warnings, err = c.destination(ctx, opRotate, p.Destination); err != nil {
		return preview, err
	}
	_, used, err := c.keyOwner(ctx, p.AccessKeyID)
	if err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets: []actions.Target{c.keyTarget(p.AccessKeyID), {Type: "aws.iam.user", ID: p.User, Account: c.Account}, {Type: "aws.secretsmanager.secret", ID: state.Destination.ARN, Account: c.Account}},
		Changes: []string{
			fmt.Sprintf("User %s gets a new access key.", p.User),
			fmt.Sprintf("The value of the secret %s becomes a JSON object with %s and %s of the new key, and nothing else.", p.Destination, p.IDField, p.SecretField),
			fmt.Sprintf("Access key %s becomes Inactive; it is %s now.", p.AccessKeyID, old.Status),
		},
		Calls:    []string{"iam:CreateAccessKey", "secretsmanager:PutSecretValue", "iam:UpdateAccessKey"},
		Warnings: append(warnings, "Consumers that keep the key in memory have to be restarted."),
	}
	switch p.Order {
	case containFirst:
		preview.Changes = append(preview.Changes[2:], preview.Changes[:2]...)
		preview.Calls = append(preview.Calls[2:], preview.Calls[:2]...)
	case keepOld:
		preview.Changes, preview.Calls = preview.Changes[:2], preview.Calls[:2]
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Access key %s stays %s: whoever has it can go on using it.", p.AccessKeyID, old.Status))
	}
	if used != nil && used.LastUsedDate != nil {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The old key was last used at %s by %s in %s.", used.LastUsedDate.UTC().Format(time.RFC3339), known(used.ServiceName), known(used.Region)))
	}
	if state.Destination.Labels[current] == "" {
		preview.NoUndo = fmt.Sprintf("the secret %s has no value yet, and a first value cannot be taken back; switch the old key on and delete the new one by hand", p.Destination)
	}
	return preview, preview.Capture(state)
}

// refuseRotation keeps firebreak's own keys and users as they are.
func (c *conn) refuseRotation(user, key string) error {
	if err := c.refuseOwnKey(opRotate, key); err != nil {
		return err
	}
	return c.Refuse(opRotate, cloud.Principal{Partition: c.Partition(), Account: c.Account, Kind: cloud.User, Path: "/", Name: user})
}

// token is the id of the version that holds a key: who knows the step's key and
// the id of the access key can tell which version holds it without reading it.
func (s rotationState) token(call actions.Call, id string) string {
	return cloud.Token(call.Key, opRotate, id)
}

func (a rotateAccessKey) Execute(ctx context.Context, call actions.Call, p rotateAccessKeyParams) (rotateAccessKeyResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return rotateAccessKeyResult{}, err
	}
	if err := c.refuseRotation(state.User, state.OldKey); err != nil {
		return rotateAccessKeyResult{}, err
	}
	changed := p.Order == containFirst
	if changed { // whatever hinders the rest must not hinder this
		if err := c.setKey(ctx, state.User, state.OldKey, types.StatusTypeInactive); err != nil {
			return rotateAccessKeyResult{}, err
		}
	}
	found, err := c.findRotated(ctx, call, state)
	if err != nil {
		return rotateAccessKeyResult{}, after(changed, err)
	}
	if found.lost != "" {
		if err := c.deleteKey(ctx, state.User, found.lost); err != nil {
			return rotateAccessKeyResult{}, after(changed, err)
		}
		changed = true
	}
	id := found.stored
	if id == "" {
		if id, err = c.makeKey(ctx, a.cloud, call, state, p, changed); err != nil {
			return rotateAccessKeyResult{}, err
		}
	}
	if p.Order == createFirst {
		if err := c.setKey(ctx, state.User, state.OldKey, types.StatusTypeInactive); err != nil {
			return rotateAccessKeyResult{}, after(true, err)
		}
	}
	return rotateAccessKeyResult{User: state.User, OldKeyID: state.OldKey, NewKeyID: id, Secret: state.Destination.ARN, VersionID: state.token(call, id), PreviousVersion: state.Destination.Labels[current]}, nil
}

// after takes the promise of no effect from an error that came after a change.
func after(changed bool, err error) error {
	if changed {
		return cloud.AfterEffect(true, err)
	}
	return err
}

// rotated is what earlier attempts of a step have left.
type rotated struct {
	stored string // a key that is in the secret
	lost   string // a key whose secret half nobody has
}

// findRotated tells a key that an earlier attempt stored from one that it made
// and lost. Any other new key is not ours, and stops the step: it is never
// deleted.
func (c *conn) findRotated(ctx context.Context, call actions.Call, state rotationState) (rotated, error) {
	var r rotated
	keys, err := c.accessKeys(ctx, state.User)
	if err != nil {
		return r, err
	}
	if _, found := findKey(keys, state.OldKey); !found {
		return r, keyMissing(state.OldKey, state.User)
	}
	now, err := c.labelsOf(ctx, state.Destination.ARN)
	if err != nil {
		return r, err
	}
	i := slices.IndexFunc(keys, func(k accessKey) bool { _, was := findKey(state.Keys, k.ID); return !was })
	if i < 0 {
		if now[current] != state.Destination.Labels[current] {
			return r, &actions.Error{Class: actions.Precondition, Op: opRotate, Err: fmt.Errorf("the secret %q was written since the plan: version %s is current, not %s", state.Destination.ARN, now[current], state.Destination.Labels[current]), Hint: "plan the step again"}
		}
		return r, nil
	}
	key := keys[i]
	if now.has(state.token(call, key.ID)) {
		if now[current] != state.token(call, key.ID) {
			return r, &actions.Error{Class: actions.Precondition, Op: opRotate, Err: fmt.Errorf("the new key %s was stored, and the secret %q was written again since (%s)", key.ID, state.Destination.ARN, now), Hint: "somebody else rotates it too: look at both keys"}
		}
		return rotated{stored: key.ID}, nil
	}
	foreign := func(why string) (rotated, error) {
		return r, &actions.Error{Class: actions.Precondition, Op: opRotate, Err: fmt.Errorf("user %q got a key %s since the plan that this step did not make: %s", state.User, key.ID, why), Hint: "find out who made it; then plan the step again"}
	}
	started := call.Started.Add(time.Duration(state.SkewMS) * time.Millisecond)
	_, used, err := c.keyOwner(ctx, key.ID)
	switch {
	case call.Attempt <= 1:
		return foreign("this is the first attempt")
	case key.Created.Before(started.Add(-clockDoubt)):
		return foreign("it was created " + key.Created.Format(time.RFC3339) + ", before the step started")
	case err != nil:
		return r, err
	case used != nil && used.LastUsedDate != nil && !strings.EqualFold(known(used.ServiceName), "iam"): // we try a new key at IAM
		return foreign("it is in use, so somebody has its secret")
	}
	return rotated{lost: key.ID}, nil
}

// clockDoubt is how far AWS's whole seconds and our reading of its clock may be
// apart.
const clockDoubt = 2 * time.Second
