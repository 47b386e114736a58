package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// newKey finds the key that this step made, by the version of the secret that
// holds it, or by the result.
func (s rotationState) newKey(call actions.Call, keys []accessKey, now labels, result string) (accessKey, bool) {
	for _, key := range keys {
		if _, was := findKey(s.Keys, key.ID); !was && (key.ID == result || now.has(s.token(call, key.ID))) {
			return key, true
		}
	}
	return accessKey{}, false
}

// look reads the keys and the labels of the secret.
func (c *conn) look(ctx context.Context, state rotationState) ([]accessKey, labels, error) {
	keys, err := c.accessKeys(ctx, state.User)
	if err != nil {
		return nil, nil, err
	}
	if len(keys) == 0 { // the old key at least has to be there
		return nil, nil, cloud.Without("iam:ListAccessKeys", "access key")
	}
	now, err := c.labelsOf(ctx, state.Destination.ARN)
	return keys, now, err
}

func (a rotateAccessKey) Verify(ctx context.Context, call actions.Call, p rotateAccessKeyParams, _ rotateAccessKeyResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	keys, now, err := c.look(ctx, state)
	if err != nil {
		return cloud.Unreadable(err)
	}
	not := func(format string, args ...any) (actions.Reading, error) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf(format, args...)}, nil
	}
	old, found := findKey(keys, state.OldKey)
	if !found {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS lists no key %s for user %s; was it deleted?", state.OldKey, state.User)}, nil
	}
	made, found := state.newKey(call, keys, now, "")
	var active []string
	for _, key := range keys {
		if key.Status == string(types.StatusTypeActive) {
			active = append(active, key.ID)
		}
	}
	want, status := []string{made.ID}, string(types.StatusTypeInactive)
	if p.Order == keepOld {
		before, _ := findKey(state.Keys, state.OldKey)
		if status = before.Status; status == string(types.StatusTypeActive) {
			want = append(want, old.ID)
		}
	}
	slices.Sort(want)
	switch {
	case old.Status != status:
		return not("key %s is %s, not %s", old.ID, old.Status, status)
	case !found:
		return not("no version of the secret %s holds a new key of user %s", state.Destination.ARN, state.User)
	case now[current] != state.token(call, made.ID):
		return not("the version of the secret that holds key %s is not current: %s", made.ID, now)
	case !slices.Equal(active, want):
		return not("the active keys of user %s are %q, and not %q alone", state.User, active, want)
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("key %s is %s, key %s is Active and in version %s of the secret, which is current", old.ID, old.Status, made.ID, now[current])}, nil
}

func (a rotateAccessKey) PlanUndo(ctx context.Context, call actions.Call, p rotateAccessKeyParams, r rotateAccessKeyResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.keyTarget(state.OldKey), {Type: "aws.iam.user", ID: state.User, Account: c.Account}, {Type: "aws.secretsmanager.secret", ID: state.Destination.ARN, Account: c.Account}}}
	if state.Destination.Labels[current] == "" {
		preview.NoUndo = "the secret had no value before, and a first value cannot be taken back"
		return preview, nil
	}
	keys, now, err := c.look(ctx, state)
	if err != nil {
		return preview, err
	}
	made, found := state.newKey(call, keys, now, r.NewKeyID)
	if err := state.undoable(call, p, keys, now, made.ID, r); err != nil {
		preview.NoUndo = errors.Unwrap(err).Error()
		return preview, nil
	}
	before, _ := findKey(state.Keys, state.OldKey)
	old, _ := findKey(keys, state.OldKey)
	preview.InEffect = !found && old.Status == before.Status && now[current] == state.Destination.Labels[current]
	if p.Order != keepOld && before.Status == string(types.StatusTypeActive) {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Access key %s of user %s becomes Active again.", state.OldKey, state.User))
		preview.Calls = append(preview.Calls, "iam:UpdateAccessKey")
		preview.Warnings = append(preview.Warnings, "If the old key has leaked, whoever holds it can use it again at once.")
	}
	preview.Changes = append(preview.Changes, fmt.Sprintf("Version %s of the secret %s becomes current again.", state.Destination.Labels[current], state.Destination.ARN))
	preview.Calls = append(preview.Calls, "secretsmanager:UpdateSecretVersionStage")
	if found {
		preview.Changes = append(preview.Changes, fmt.Sprintf("The new access key %s is deleted.", made.ID))
		preview.Calls = append(preview.Calls, "iam:DeleteAccessKey")
		_, used, err := c.keyOwner(ctx, made.ID)
		if err != nil {
			return preview, err
		}
		if used != nil && used.LastUsedDate != nil {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("The new key was last used at %s by %s: what uses it will stop.", used.LastUsedDate.UTC().Format(time.RFC3339), known(used.ServiceName)))
		}
	}
	return preview, nil
}

// undoable says why the state before cannot come back, or nil: somebody has
// written the secret since, made another key, or deleted the old one.
func (s rotationState) undoable(call actions.Call, p rotateAccessKeyParams, keys []accessKey, now labels, made string, r rotateAccessKeyResult) error {
	no := func(format string, args ...any) error {
		return &actions.Error{Class: actions.Precondition, Op: opRotate, Err: fmt.Errorf(format, args...), Hint: "look at the keys and the secret, and put right by hand what has to be"}
	}
	old, found := findKey(keys, s.OldKey)
	if !found {
		return no("the old key %s of user %s is gone", s.OldKey, s.User)
	}
	// This step has left it as it was, so another one or somebody else changed it.
	if before, _ := findKey(s.Keys, s.OldKey); p.Order == keepOld && old.Status != before.Status {
		return no("the old key %s of user %s is %s since, and was %s: first undo what changed it", s.OldKey, s.User, old.Status, before.Status)
	}
	for _, key := range keys {
		if _, was := findKey(s.Keys, key.ID); !was && key.ID != made {
			return no("user %s has a key %s that this step did not make", s.User, key.ID)
		}
	}
	ours := []string{s.Destination.Labels[current], r.VersionID}
	if made != "" {
		ours = append(ours, s.token(call, made))
	}
	for _, version := range ours {
		if version != "" && now[current] == version {
			return nil
		}
	}
	return no("the secret %s was written since: %s", s.Destination.ARN, now)
}

// Undo goes so that at each moment a key works that the secret holds: the old
// key, then the secret, then the new key.
func (a rotateAccessKey) Undo(ctx context.Context, call actions.Call, p rotateAccessKeyParams, r rotateAccessKeyResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	if state.Destination.Labels[current] == "" {
		return &actions.Error{Class: actions.Precondition, Op: opRotate, Err: errors.New("the secret had no value before, and a first value cannot be taken back"), Hint: "switch the old key on and delete the new one by hand"}
	}
	keys, now, err := c.look(ctx, state)
	if err != nil {
		return err
	}
	made, found := state.newKey(call, keys, now, r.NewKeyID)
	if err := state.undoable(call, p, keys, now, made.ID, r); err != nil {
		return err
	}
	before, _ := findKey(state.Keys, state.OldKey)
	changed := false
	if old, _ := findKey(keys, state.OldKey); old.Status != before.Status {
		if err := c.setKey(ctx, state.User, state.OldKey, types.StatusType(before.Status)); err != nil {
			return err
		}
		changed = true
	}
	version := r.VersionID
	if made.ID != "" {
		version = state.token(call, made.ID)
	}
	if version != "" {
		if err := c.restoreLabels(ctx, state.Destination, version); err != nil {
			return after(changed, err)
		}
	}
	if !found {
		return nil
	}
	if err := c.setKey(ctx, state.User, made.ID, types.StatusTypeInactive); err != nil {
		return cloud.AfterEffect(true, err)
	}
	if err := c.deleteKey(ctx, state.User, made.ID); err != nil {
		return cloud.AfterEffect(true, err)
	}
	return nil
}

func (a rotateAccessKey) VerifyUndo(ctx context.Context, call actions.Call, p rotateAccessKeyParams, _ rotateAccessKeyResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	keys, now, err := c.look(ctx, state)
	if err != nil {
		return cloud.Unreadable(err)
	}
	before, _ := findKey(state.Keys, state.OldKey)
	old, found := findKey(keys, state.OldKey)
	var others []string
	for _, key := range keys {
		if _, was := findKey(state.Keys, key.ID); !was {
			others = append(others, key.ID)
		}
	}
	var wrong []string
	if !found {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS lists no key %s for user %s", state.OldKey, state.User)}, nil
	}
	if old.Status != before.Status {
		wrong = append(wrong, fmt.Sprintf("key %s is %s, it was %s", old.ID, old.Status, before.Status))
	}
	if len(others) > 0 {
		wrong = append(wrong, fmt.Sprintf("key %s is still there", strings.Join(others, ", ")))
	}
	for _, label := range []string{current, previous} {
		if now[label] != state.Destination.Labels[label] {
			wrong = append(wrong, fmt.Sprintf("%s is on version %q of the secret, it was on %q", label, now[label], state.Destination.Labels[label]))
		}
	}
	if len(wrong) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(wrong, "; ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("key %s is %s again, the new key is gone, and version %s of the secret is current", old.ID, old.Status, now[current])}, nil
}

// resume loads what Plan captured and opens the session.
func (a rotateAccessKey) resume(ctx context.Context, call actions.Call, p rotateAccessKeyParams) (*conn, rotationState, error) {
	var state rotationState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.User != p.User || state.OldKey != p.AccessKeyID || state.Destination.ARN == "" {
		return nil, state, actions.WrongState("it is of another user or key")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
