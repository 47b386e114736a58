package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type lookupAccessKey struct{ cloud *cloud.Cloud }

type lookupAccessKeyParams struct {
	AccessKeyID string `json:"access_key_id" doc:"the key to look up" example:"AKIAIOSFODNN7EXAMPLE" pattern:"^AKIA[A-Z0-9]{16}$"`
}

type lookupAccessKeyResult struct {
	User            string    `json:"user" doc:"name of the user that owns the key"`
	PrincipalARN    string    `json:"principal_arn" doc:"ARN of that user"`
	Account         string    `json:"account" doc:"account of that user"`
	Status          string    `json:"status" doc:"Active or Inactive" enum:"Active,Inactive"`
	Created         time.Time `json:"created" doc:"when the key was made"`
	LastUsed        string    `json:"last_used" doc:"when it was last used; empty if never, or too recent for AWS to know"`
	LastUsedService string    `json:"last_used_service" doc:"service of the last use, such as s3"`
	LastUsedRegion  string    `json:"last_used_region" doc:"region of the last use"`
	OtherKeys       []string  `json:"other_keys" doc:"the user's other access keys"`
}

func (lookupAccessKey) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.iam.lookup_access_key", Version: 1,
		Title:  "Find the owner of an access key",
		Doc:    "Finds the IAM user behind a long-lived access key, with the key's status and last use and the user's other keys. Last use is told by AWS with some delay.",
		Effect: actions.Read, Repeat: actions.Idempotent,
		BlastRadius: "None: it only reads.",
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "iam:GetAccessKeyLastUsed", Resource: userResource, Why: "find the user behind the key"},
			{Phase: actions.PhaseExecute, Action: "iam:GetAccessKeyLastUsed", Resource: userResource, Why: "find the user behind the key, and its last use"},
			{Phase: actions.PhaseExecute, Action: "iam:ListAccessKeys", Resource: userResource, Why: "read the status of the key and of the user's other keys"},
			{Phase: actions.PhaseExecute, Action: "iam:GetUser", Resource: userResource, Why: "read the user's ARN, which holds its path"},
		},
	}
}

const (
	userResource = "arn:{partition}:iam::{account}:user/{user}"
	roleResource = "arn:{partition}:iam::{account}:role/{role}"
)

func (a lookupAccessKey) Plan(ctx context.Context, call actions.Call, p lookupAccessKeyParams) (actions.Preview, error) {
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return actions.Preview{}, err
	}
	owner, _, err := c.keyOwner(ctx, p.AccessKeyID)
	if err != nil {
		return actions.Preview{}, err
	}
	return actions.Preview{
		Targets: []actions.Target{c.keyTarget(p.AccessKeyID)},
		Changes: []string{fmt.Sprintf("Nothing changes: read access key %s of user %s.", p.AccessKeyID, owner)},
		Calls:   []string{"iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:GetUser"},
	}, nil
}

func (a lookupAccessKey) Execute(ctx context.Context, call actions.Call, p lookupAccessKeyParams) (lookupAccessKeyResult, error) {
	var r lookupAccessKeyResult
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return r, err
	}
	owner, used, err := c.keyOwner(ctx, p.AccessKeyID)
	if err != nil {
		return r, err
	}
	keys, err := c.accessKeys(ctx, owner)
	if err != nil {
		return r, err
	}
	key, found := findKey(keys, p.AccessKeyID)
	if !found {
		return r, keyMissing(p.AccessKeyID, owner)
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetUser", c.iam.GetUser, &iam.GetUserInput{UserName: &owner})
	if err != nil {
		return r, err
	}
	if out.User == nil || aws.ToString(out.User.Arn) == "" {
		return r, &actions.Error{Class: actions.Transient, Op: "iam:GetUser", Err: fmt.Errorf("the answer about user %q is empty", owner)}
	}
	r = lookupAccessKeyResult{
		User: owner, PrincipalARN: aws.ToString(out.User.Arn), Account: c.Account,
		Status: key.Status, Created: key.Created, OtherKeys: otherKeys(keys, p.AccessKeyID),
	}
	if used != nil && used.LastUsedDate != nil {
		r.LastUsed = used.LastUsedDate.UTC().Format(time.RFC3339)
		r.LastUsedService, r.LastUsedRegion = known(used.ServiceName), known(used.Region)
	}
	return r, nil
}

// known drops the "N/A" with which AWS says that it has nothing to say.
func known(s *string) string {
	if strings.EqualFold(aws.ToString(s), "N/A") {
		return ""
	}
	return aws.ToString(s)
}

// accessKey is one key of a user, without its secret.
type accessKey struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Created time.Time `json:"created"`
}

// keyOwner finds the user behind a key.
func (c *conn) keyOwner(ctx context.Context, id string) (string, *types.AccessKeyLastUsed, error) {
	const op = "iam:GetAccessKeyLastUsed"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.iam.GetAccessKeyLastUsed, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil {
		if e, ok := errors.AsType[*actions.Error](err); ok && e.Class == actions.NotFound {
			e.Hint = fmt.Sprintf("no user of account %s owns %s: it was deleted, or it belongs to another account", c.Account, id)
		}
		return "", nil, err
	}
	owner := aws.ToString(out.UserName)
	if owner == "" || strings.HasPrefix(owner, "<") {
		return "", nil, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("no IAM user owns access key %q: it is the root user's", id),
			Hint: "only the root user can switch it off, in the console; a service control policy denies it meanwhile in a member account"}
	}
	return owner, out.AccessKeyLastUsed, nil
}

// accessKeys lists all keys of a user, sorted by id. An empty list is an error
// where a key is known to exist, so callers look for theirs.
func (c *conn) accessKeys(ctx context.Context, owner string) ([]accessKey, error) {
	var keys []accessKey
	var marker *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListAccessKeys", c.iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: &owner, Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, one := range out.AccessKeyMetadata {
			keys = append(keys, accessKey{aws.ToString(one.AccessKeyId), string(one.Status), aws.ToTime(one.CreateDate).UTC()})
		}
		if marker = out.Marker; !out.IsTruncated || marker == nil {
			slices.SortFunc(keys, func(a, b accessKey) int { return strings.Compare(a.ID, b.ID) })
			return keys, nil
		}
	}
}

func findKey(keys []accessKey, id string) (accessKey, bool) {
	i := slices.IndexFunc(keys, func(k accessKey) bool { return k.ID == id })
	if i < 0 {
		return accessKey{}, false
	}
	return keys[i], true
}

func otherKeys(keys []accessKey, id string) []string {
	others := []string{}
	for _, k := range keys {
		if k.ID != id {
			others = append(others, k.ID)
		}
	}
	return others
}

func keyMissing(id, owner string) error {
	return &actions.Error{Class: actions.NotFound, Op: "iam:ListAccessKeys", Err: fmt.Errorf("user %q has no access key %q", owner, id),
		Hint: "look the key up again: it may belong to somebody else, or be deleted"}
}

func (c *conn) keyTarget(id string) actions.Target {
	return actions.Target{Type: "aws.iam.access_key", ID: id, Account: c.Account}
}
