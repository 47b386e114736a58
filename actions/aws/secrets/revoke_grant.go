package secrets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type revokeGrant struct{ cloud *cloud.Cloud }

type revokeGrantParams struct {
	Key     string `json:"key" doc:"id or ARN of the key" example:"1234abcd-12ab-34cd-56ef-1234567890ab" pattern:"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/)?[a-z0-9-]{36}$" subject:"true"`
	GrantID string `json:"grant_id" doc:"id of the grant, as aws.kms.describe_key gives it" example:"0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60" pattern:"^[a-zA-Z0-9]{1,128}$"`
}

// revokeGrantResult holds all that somebody needs to make the grant anew.
type revokeGrantResult struct {
	Key             string            `json:"key" doc:"ARN of the key"`
	GrantID         string            `json:"grant_id" doc:"id of the grant that was revoked"`
	Name            string            `json:"name" doc:"its name; empty if it had none"`
	Grantee         string            `json:"grantee" doc:"who could use the key by it: an ARN or a service"`
	Retiring        string            `json:"retiring" doc:"who could retire it; empty if nobody"`
	Operations      []string          `json:"operations" doc:"what it allowed"`
	ContextEquals   map[string]string `json:"context_equals" doc:"encryption context that had to be exactly this; empty if any"`
	ContextIncludes map[string]string `json:"context_includes" doc:"encryption context that had to hold this; empty if any"`
}

// grantState is what Plan captures.
type grantState struct {
	Key   key               `json:"key"`
	Grant revokeGrantResult `json:"grant"`
}

const opRevoke = "aws.kms.revoke_grant"

func (revokeGrant) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "kms:" + action, Resource: keyResource, Why: why}
	}
	return actions.Spec{
		Name: opRevoke, Version: 1,
		Title:  "Revoke a grant on a KMS key",
		Doc:    "Takes a grant away, so that its grantee can no longer use the key by it. There is no way back: a new grant has another id, and services that keep the id of theirs do not take up a new one. The result holds all that is needed to make a grant like it.",
		Effect: actions.Destructive, Repeat: actions.Idempotent,
		BlastRadius: "What the grantee does with the key by this grant fails: for a service such as EBS or RDS, the volume or database it was made for.",
		StaysAlive: []string{
			"KMS may take up to five minutes until every part of it knows.",
			"What the grantee may do by the key policy, by IAM or by other grants.",
			"Data keys that the grantee already holds in plain text.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "DescribeKey", "see who manages the key"),
			{Phase: actions.PhasePlan, Action: "kms:ListAliases", Resource: "*", Why: "show what the key is called, and tell the key of the evidence"},
			row(actions.PhasePlan, "ListGrants", "record the grant as it is"),
			row(actions.PhaseExecute, "RevokeGrant", "revoke the grant"),
			row(actions.PhaseExecute, "ListGrants", "tell after a lost answer whether it is gone"),
			row(actions.PhaseVerify, "ListGrants", "see that the grant is gone"),
		},
		Settle: 15 * time.Second,
	}
}

func (a revokeGrant) Plan(ctx context.Context, call actions.Call, p revokeGrantParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call, "kms", p.Key)
	if err != nil {
		return preview, err
	}
	k, err := c.keyAndAliases(ctx, p.Key)
	if err != nil {
		return preview, err
	}
	grants, err := c.grants(ctx, k.ARN)
	if err != nil {
		return preview, err
	}
	i := slices.IndexFunc(grants, func(g types.GrantListEntry) bool { return aws.ToString(g.GrantId) == p.GrantID })
	if i < 0 {
		return preview, &actions.Error{Class: actions.NotFound, Op: opRevoke, Err: fmt.Errorf("key %q has no grant %q", k.ID, p.GrantID), Hint: "it may be revoked or retired already; aws.kms.describe_key lists those there are"}
	}
	state := grantState{*k, recorded(k.ARN, grants[i])}
	if err := a.refuse(c, state); err != nil {
		return preview, err
	}
	g := state.Grant
	preview = actions.Preview{
		Targets:  []actions.Target{k.target(), {Type: "aws.kms.grant", ID: p.GrantID, Account: k.Account, Region: k.Region}},
		Changes:  []string{fmt.Sprintf("%s can no longer use key %s by grant %s, for %v.", g.Grantee, k.name(), p.GrantID, g.Operations)},
		Calls:    []string{"kms:RevokeGrant"},
		Warnings: c.maybeEvidence(),
		NoUndo:   "a grant cannot be put back: a new one has another id, which services that used this one do not take up; what it allowed is in the result",
	}
	if strings.HasSuffix(g.Grantee, ".amazonaws.com") {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("%s uses this grant for a resource of yours, which will stop working.", g.Grantee))
	}
	return preview, preview.Capture(state)
}

// recorded is a grant in words.
func recorded(key string, g types.GrantListEntry) revokeGrantResult {
	d := described(g)
	r := revokeGrantResult{Key: key, GrantID: d.ID, Name: d.Name, Grantee: d.Grantee, Operations: d.Operations, Retiring: aws.ToString(g.RetiringPrincipal), ContextEquals: map[string]string{}, ContextIncludes: map[string]string{}}
	if service := aws.ToString(g.RetiringServicePrincipal); service != "" {
		r.Retiring = service
	}
	if g.Constraints != nil {
		if g.Constraints.EncryptionContextEquals != nil {
			r.ContextEquals = g.Constraints.EncryptionContextEquals
		}
		if g.Constraints.EncryptionContextSubset != nil {
			r.ContextIncludes = g.Constraints.EncryptionContextSubset
		}
	}
	return r
}

// refuse protects ourselves: our evidence, and our own grants.
func (revokeGrant) refuse(c *conn, state grantState) error {
	if err := c.refuseKey(opRevoke, &state.Key); err != nil {
		return err
	}
	for _, self := range c.Selves {
		session := ":assumed-role/" + self.Name + "/"
		who, err := cloud.ParsePrincipal(state.Grant.Grantee)
		if (err == nil && c.IsSelf(who)) || (self.Kind == cloud.Role && strings.Contains(state.Grant.Grantee, ":"+self.Account+session)) {
			return precondition(opRevoke, "firebreak would lock itself out", "grant %q is for %s, the identity that firebreak itself uses", state.Grant.GrantID, self)
		}
	}
	return nil
}

func (a revokeGrant) Execute(ctx context.Context, call actions.Call, p revokeGrantParams) (revokeGrantResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return state.Grant, err
	}
	if err := a.refuse(c, state); err != nil {
		return state.Grant, err
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "kms:RevokeGrant", c.kms.RevokeGrant, &kms.RevokeGrantInput{KeyId: &state.Key.ARN, GrantId: &p.GrantID})
	if err == nil {
		return state.Grant, nil
	}
	// Plan has seen the grant, so one that is gone was revoked, by us most likely.
	if class := actions.ClassOf(err); class == actions.Unknown || class == actions.NotFound {
		if grants, unread := c.grants(ctx, state.Key.ARN); unread == nil && !listed(grants, p.GrantID) {
			return state.Grant, nil
		}
	}
	return state.Grant, err
}

func listed(grants []types.GrantListEntry, id string) bool {
	return slices.ContainsFunc(grants, func(g types.GrantListEntry) bool { return aws.ToString(g.GrantId) == id })
}

func (a revokeGrant) Verify(ctx context.Context, call actions.Call, p revokeGrantParams, _ revokeGrantResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	grants, err := c.grants(ctx, state.Key.ARN)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case listed(grants, p.GrantID):
		return read(actions.NotVerified, "grant %s is still there", p.GrantID)
	}
	for _, g := range grants {
		if grantee(g) == state.Grant.Grantee {
			return read(actions.Verified, "grant %s is gone; %s still has another grant on the key: %s", p.GrantID, grantee(g), aws.ToString(g.GrantId))
		}
	}
	return read(actions.Verified, "grant %s is gone, and %s has no other on the key", p.GrantID, state.Grant.Grantee)
}

// resume loads what Plan captured and opens the session.
func (a revokeGrant) resume(ctx context.Context, call actions.Call, p revokeGrantParams) (*conn, grantState, error) {
	var state grantState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if (p.Key != state.Key.ID && p.Key != state.Key.ARN) || p.GrantID != state.Grant.GrantID {
		return nil, state, actions.WrongState("it is of another grant")
	}
	c, err := open(ctx, a.cloud, call, "kms", state.Key.ARN)
	return c, state, err
}
