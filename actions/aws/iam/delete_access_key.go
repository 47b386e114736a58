package iam

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type deleteAccessKey struct{ cloud *cloud.Cloud }

type deleteAccessKeyParams struct {
	User        string       `json:"user" doc:"name of the user that owns the key" example:"ci-deploy" subject:"true"`
	AccessKeyID string       `json:"access_key_id" doc:"the key to delete; it has to be Inactive" example:"AKIAIOSFODNN7EXAMPLE" pattern:"^AKIA[A-Z0-9]{16}$"`
	UnusedFor   actions.Span `json:"unused_for,omitempty" doc:"how long the key must not have been used; AWS tells of a use up to four hours late" example:"168h" default:"0s"`
}

type deleteAccessKeyResult struct {
	User        string `json:"user" doc:"name of the user that owned the key"`
	AccessKeyID string `json:"access_key_id" doc:"the key that is gone"`
}

const opDelete = "aws.iam.delete_access_key"

func (deleteAccessKey) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: userResource, Why: why}
	}
	return actions.Spec{
		Name: opDelete, Version: 1,
		Title:  "Delete an inactive access key",
		Doc:    "Deletes an access key that is Inactive: the end of a rotation, or room for a new key. An Active key is refused: switch it off first, and wait for what misses it. While an incident is open leave the key as it is.",
		Effect: actions.Destructive, Repeat: actions.Idempotent,
		BlastRadius: "Nothing more: the key did not work before. It can never be switched on again.",
		StaysAlive:  []string{"The user, its other credentials, and sessions that were made with the key while it was Active."},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "iam:ListAccessKeys", "see that the key is Inactive"),
			row(actions.PhasePlan, "iam:GetAccessKeyLastUsed", "see when it was last used"),
			row(actions.PhaseExecute, "iam:ListAccessKeys", "see that nobody switched it on since"),
			row(actions.PhaseExecute, "iam:DeleteAccessKey", "delete it"),
			row(actions.PhaseVerify, "iam:ListAccessKeys", "see that it is gone"),
			row(actions.PhaseVerify, "iam:GetAccessKeyLastUsed", "have AWS say that there is no such key, when the list is empty"),
		},
		Settle: settleIAM,
	}
}

func (a deleteAccessKey) Plan(ctx context.Context, call actions.Call, p deleteAccessKeyParams) (actions.Preview, error) {
	preview := actions.Preview{NoUndo: "a deleted key cannot come back"}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	if err := c.refuseOwnKey(opDelete, p.AccessKeyID); err != nil {
		return preview, err
	}
	keys, err := c.accessKeys(ctx, p.User)
	if err != nil {
		return preview, err
	}
	key, found := findKey(keys, p.AccessKeyID)
	if !found {
		return preview, keyMissing(p.AccessKeyID, p.User)
	}
	if err := inactive(key, p.User); err != nil {
		return preview, err
	}
	_, used, err := c.keyOwner(ctx, p.AccessKeyID)
	if err != nil {
		return preview, err
	}
	last := "never used"
	if used != nil && used.LastUsedDate != nil {
		last = fmt.Sprintf("last used at %s by %s", used.LastUsedDate.UTC().Format(time.RFC3339), known(used.ServiceName))
		if idle := a.cloud.Now().Sub(*used.LastUsedDate); idle < time.Duration(p.UnusedFor) {
			return preview, &actions.Error{Class: actions.Precondition, Op: opDelete, Err: fmt.Errorf("access key %q was %s, which is less than %s ago", p.AccessKeyID, last, time.Duration(p.UnusedFor)), Hint: "wait, or look at what used it"}
		}
	}
	preview.Targets = []actions.Target{c.keyTarget(p.AccessKeyID), {Type: "aws.iam.user", ID: p.User, Account: c.Account}}
	preview.Changes = []string{fmt.Sprintf("Access key %s of user %s is deleted; it is Inactive, and was %s.", p.AccessKeyID, p.User, last)}
	preview.Calls = []string{"iam:DeleteAccessKey"}
	return preview, preview.Capture(keyState{User: p.User, Keys: keys})
}

// inactive refuses a key that works.
func inactive(key accessKey, user string) error {
	if key.Status == string(types.StatusTypeInactive) {
		return nil
	}
	return &actions.Error{Class: actions.Precondition, Op: opDelete, Err: fmt.Errorf("access key %q of user %q is %s", key.ID, user, key.Status), Hint: "switch it off with aws.iam.deactivate_access_key first, which can be undone, and see who misses it"}
}

func (a deleteAccessKey) Execute(ctx context.Context, call actions.Call, p deleteAccessKeyParams) (deleteAccessKeyResult, error) {
	r := deleteAccessKeyResult{p.User, p.AccessKeyID}
	c, _, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	if err := c.refuseOwnKey(opDelete, p.AccessKeyID); err != nil {
		return r, err
	}
	keys, err := c.accessKeys(ctx, p.User)
	if err != nil {
		return r, err
	}
	if key, found := findKey(keys, p.AccessKeyID); found { // the list may lag, so one that is not there is deleted too
		if err := inactive(key, p.User); err != nil {
			return r, err
		}
	}
	return r, c.deleteKey(ctx, p.User, p.AccessKeyID)
}

func (a deleteAccessKey) Verify(ctx context.Context, call actions.Call, p deleteAccessKeyParams, _ deleteAccessKeyResult) (actions.Reading, error) {
	c, _, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	keys, err := c.accessKeys(ctx, p.User)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if key, found := findKey(keys, p.AccessKeyID); found {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("user %s still has the key %s, which is %s", p.User, key.ID, key.Status)}, nil
	}
	if len(keys) == 0 {
		_, _, err := c.keyOwner(ctx, p.AccessKeyID)
		switch {
		case err == nil:
			return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS lists no key of user %s, and still knows %s", p.User, p.AccessKeyID)}, nil
		case actions.ClassOf(err) == actions.Precondition: // an answer without a user
			return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
		case actions.ClassOf(err) != actions.NotFound:
			return cloud.Unreadable(err)
		}
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("user %s has no key %s", p.User, p.AccessKeyID)}, nil
}

// resume loads what Plan captured and opens the session.
func (a deleteAccessKey) resume(ctx context.Context, call actions.Call, p deleteAccessKeyParams) (*conn, keyState, error) {
	var state keyState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if _, found := findKey(state.Keys, p.AccessKeyID); !found || state.User != p.User {
		return nil, state, actions.WrongState("it is of another user or key")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
