package org

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// policyName is the same for every attempt of a step.
func policyName(call actions.Call, target string) string {
	return cloud.Word("FirebreakQuarantine-"+call.Incident+"-"+call.Run+"-"+call.Step, 90) + "-" + target
}

// denial is the text of our policy. A principal is compared as it is written,
// without patterns. An exemption is a negated condition, so a request that does
// not say who it is from is denied.
func denial(p quarantineParams, own []string) (string, error) {
	condition := map[string]map[string][]string{}
	switch {
	case p.UserID != "":
		condition["StringEquals"] = map[string][]string{"identitystore:UserId": {p.UserID}}
	case p.Mode == principalMode:
		condition["ArnEquals"] = map[string][]string{"aws:PrincipalArn": {p.Principal}}
	default:
		var exempt []string
		for _, arn := range slices.Concat(p.Exempt, own) {
			if !account(p.Target) || accountOf(arn) == p.Target {
				exempt = append(exempt, arn)
			}
		}
		slices.Sort(exempt)
		if exempt = slices.Compact(exempt); len(exempt) > 0 {
			condition["ArnNotLike"] = map[string][]string{"aws:PrincipalArn": exempt}
		}
	}
	statement := map[string]any{"Sid": "FirebreakQuarantine", "Effect": "Deny", "Action": "*", "Resource": "*"}
	if len(condition) > 0 {
		statement["Condition"] = condition
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	return string(text), err
}

// equal compares two documents as JSON.
func equal(a, b string) bool {
	compact := func(text string) []byte {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			return []byte(text)
		}
		data, _ := json.Marshal(v) // what was read can be written
		return data
	}
	return bytes.Equal(compact(a), compact(b))
}

// ours finds our policy. One of that name with another text is an error.
func (c *conn) ours(ctx context.Context, state quarantineState) (id string, err error) {
	if id, err = c.byName(ctx, state.Name); err != nil || id == "" {
		return "", err
	}
	text, err := c.content(ctx, id)
	if err != nil {
		return "", err
	}
	if !equal(text, state.Document) {
		return "", precondition(quarantineOp, "look who made or changed it; firebreak leaves it alone", "policy %s (%s) has another text: %s, not %s", state.Name, id, text, state.Document)
	}
	return id, nil
}

// make makes our policy, or finds the one that an earlier attempt made: AWS
// refuses a second one of the name.
func (c *conn) make(ctx context.Context, call actions.Call, state quarantineState) (id string, err error) {
	if id, err = c.ours(ctx, state); err != nil || id != "" {
		return id, err
	}
	var tags []types.Tag
	for _, tag := range cloud.Tags(call) {
		tags = append(tags, types.Tag{Key: &tag.Key, Value: &tag.Value})
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Writes, "organizations:CreatePolicy", c.org.CreatePolicy, &organizations.CreatePolicyInput{
		Name: &state.Name, Content: &state.Document, Type: types.PolicyTypeServiceControlPolicy, Tags: tags,
		Description: aws.String("Made by firebreak for incident " + call.Incident + ", run " + call.Run + ", step " + call.Step),
	})
	switch {
	case cloud.Code(err) == "DuplicatePolicyException":
		if id, err = c.ours(ctx, state); err == nil && id == "" {
			err = cloud.Empty("organizations:ListPolicies", state.Name)
		}
		return id, err
	case err != nil:
		return "", err
	case out.Policy == nil || out.Policy.PolicySummary == nil || aws.ToString(out.Policy.PolicySummary.Id) == "":
		return "", &actions.Error{Class: actions.Unknown, Op: "organizations:CreatePolicy", Err: fmt.Errorf("the answer names no policy")}
	}
	return *out.Policy.PolicySummary.Id, nil
}

// attach puts a policy in force; that it is so already is no error.
func (c *conn) attach(ctx context.Context, id, target string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "organizations:AttachPolicy", c.org.AttachPolicy, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &target})
	if cloud.Code(err) == "DuplicatePolicyAttachmentException" {
		return nil
	}
	return err
}

// remove takes our policy out of force and deletes it.
func (c *conn) remove(ctx context.Context, id, target string) error {
	if err := c.alone(ctx, id, target); err != nil {
		return err
	}
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "organizations:DetachPolicy", c.org.DetachPolicy, &organizations.DetachPolicyInput{PolicyId: &id, TargetId: &target})
	if err != nil && cloud.Code(err) != "PolicyNotAttachedException" {
		return err
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "organizations:DeletePolicy", c.org.DeletePolicy, &organizations.DeletePolicyInput{PolicyId: &id})
	if cloud.Code(err) == "PolicyNotFoundException" {
		return nil
	}
	return cloud.Partly(quarantineOp, "the policy is detached", err)
}

// alone refuses when somebody attached our policy elsewhere.
func (c *conn) alone(ctx context.Context, id, target string) error {
	var token *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "organizations:ListTargetsForPolicy", c.org.ListTargetsForPolicy, &organizations.ListTargetsForPolicyInput{PolicyId: &id, NextToken: token})
		if err != nil {
			return err
		}
		for _, one := range out.Targets {
			if other := aws.ToString(one.TargetId); other != target {
				return precondition(quarantineOp, "find out who attached it there, and detach it by hand", "policy %s is attached to %s too", id, other)
			}
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			return nil
		}
	}
}

// move moves an account.
func (c *conn) move(ctx context.Context, account, from, to string) error {
	now, err := c.parent(ctx, account)
	switch {
	case err != nil || now == to:
		return err
	case now != from:
		return precondition(quarantineOp, "somebody moved it since; look at it, and move it by hand", "account %s is in %s, which is neither %s nor %s", account, now, from, to)
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "organizations:MoveAccount", c.org.MoveAccount, &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &from, DestinationParentId: &to})
	if cloud.Code(err) == "DuplicateAccountException" {
		return nil // it is there already
	}
	return err
}
