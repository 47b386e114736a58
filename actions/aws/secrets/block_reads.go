package secrets

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type blockReads struct{ cloud *cloud.Cloud }

type blockReadsParams struct {
	Secret string   `json:"secret" doc:"name or ARN of the secret" example:"prod/payments/db" pattern:"^[A-Za-z0-9/_+=.@:!-]{1,900}$" subject:"true"`
	Except []string `json:"except,omitempty" doc:"ARNs of users and roles that may go on reading, such as those of responders; firebreak and the rotation function always may" example:"[arn:aws:iam::111122223333:role/responder]"`
}

type blockReadsResult struct {
	ARN    string   `json:"arn" doc:"ARN of the secret"`
	Except []string `json:"except" doc:"who may still read the value: ARNs, in which * stands for any path"`
}

// blockState is what Plan captures. Resource policies hold no secrets.
type blockState struct {
	Secret   secret   `json:"secret"`
	Before   string   `json:"before,omitempty"` // the policy, byte for byte; empty: none
	Document string   `json:"document"`         // the policy that is put
	Except   []string `json:"except"`
}

const opBlock = "aws.secretsmanager.block_reads"

func (blockReads) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "secretsmanager:" + action, Resource: secretResource, Why: why}
	}
	return actions.Spec{
		Name: opBlock, Version: 1,
		Title:  "Stop a secret being read",
		Doc:    "Adds a statement to the secret's resource policy that denies reading its value to everybody but firebreak, the role of the rotation function and those named in except. Other statements stay. Use it to stop at once, when the consumer can be down; the value itself is only made worthless by a rotation.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Every consumer that fetches the secret fails, at its next start or when its cache runs out. Services of AWS that read it for you (RDS Proxy, ECS, DMS) fail too.",
		StaysAlive: []string{
			"Whoever has read the value already still has it, and it still works: rotate the secret.",
			"Consumers that cache the value, until they ask again.",
			"Whoever may change resource policies of secrets can take the statement away.",
			"Whoever may set a new value, or delete the secret, still can.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "DescribeSecret", "find the rotation function"),
			row(actions.PhasePlan, "GetResourcePolicy", "record the policy as it is"),
			{Phase: actions.PhasePlan, Action: "lambda:GetFunctionConfiguration", Resource: functionResource + "{rotation_function}", Why: "exempt the role of the rotation function"},
			row(actions.PhaseExecute, "GetResourcePolicy", "see whether the policy is still what was planned on"),
			row(actions.PhaseExecute, "PutResourcePolicy", "add the deny"),
			row(actions.PhaseVerify, "GetResourcePolicy", "read the policy back"),
			row(actions.PhaseUndo, "GetResourcePolicy", "see whether the policy is still as we left it"),
			row(actions.PhaseUndo, "PutResourcePolicy", "put the former policy back"),
			row(actions.PhaseUndo, "DeleteResourcePolicy", "take the policy away when there was none"),
		},
		Settle: 15 * time.Second,
	}
}

var exceptForm = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(user|role|root|federated-user)(/[A-Za-z0-9+=,.@_/-]+)?$`)

func (a blockReads) Plan(ctx context.Context, call actions.Call, p blockReadsParams) (actions.Preview, error) {
	var preview actions.Preview
	for _, one := range p.Except {
		if !exceptForm.MatchString(one) {
			return preview, &actions.Error{Class: actions.Invalid, Op: opBlock, Err: fmt.Errorf("except: %q is not the ARN of one user or role", one), Hint: "write it like arn:aws:iam::111122223333:role/responder, without *"}
		}
	}
	c, err := open(ctx, a.cloud, call, "secretsmanager", p.Secret)
	if err != nil {
		return preview, err
	}
	s, err := c.describe(ctx, p.Secret)
	if err != nil {
		return preview, err
	}
	if err := s.changeable(opBlock); err != nil {
		return preview, err
	}
	rotation := ""
	if s.Function != "" {
		rotation, err = c.functionRole(ctx, s.Function)
		if err != nil && actions.ClassOf(err) != actions.NotFound {
			return preview, about(opBlock+": find the role of the rotation function, which has to be exempt", err)
		}
	}
	state := blockState{Secret: *s}
	if state.Before, err = c.policy(ctx, s.ARN); err != nil {
		return preview, err
	}
	state.Except = exemptions(c.Conn, append(slices.Clone(p.Except), rotation)...)
	var replaced bool
	if state.Document, replaced, err = withBlock(state.Before, block(state.Except)); err != nil {
		return preview, precondition(opBlock, "repair the policy first", "secret %q: %w", s.Name, err)
	}
	if len(state.Document) > policyLimit {
		return preview, precondition(opBlock, "name fewer principals, or shorten the policy", "the resource policy of secret %q would be %d characters long, and %d is the limit", s.Name, len(state.Document), policyLimit)
	}
	preview = actions.Preview{
		Targets:  []actions.Target{s.target()},
		Changes:  []string{fmt.Sprintf("Nobody can read the value of secret %s any more, except %s.", s.Name, strings.Join(state.Except, ", "))},
		Calls:    []string{"secretsmanager:PutResourcePolicy"},
		Warnings: []string{"Every consumer that fetches the secret fails until this is taken back."},
		InEffect: samePolicy(state.Before, state.Document),
	}
	switch {
	case preview.InEffect:
		preview.NoUndo = "the deny was there before"
	case replaced:
		preview.Warnings = append(preview.Warnings, "Another block of firebreak is there; it is replaced, and undo brings it back.")
	}
	if s.Owner != "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("%s manages this secret; if it reads the value in a role of yours, name that role in except.", s.Owner))
	}
	return preview, preview.Capture(state)
}

func (a blockReads) Execute(ctx context.Context, call actions.Call, p blockReadsParams) (blockReadsResult, error) {
	c, state, err := a.resume(ctx, call, p)
	r := blockReadsResult{ARN: state.Secret.ARN, Except: state.Except}
	if err != nil {
		return r, err
	}
	for _, self := range c.Selves {
		if !exempts(state.Document, self) {
			return r, precondition(opBlock, "plan the step again with the identity that carries it out", "the deny would also stop firebreak itself (%s)", self)
		}
	}
	now, err := c.policy(ctx, state.Secret.ARN)
	switch {
	case err != nil:
		return r, err
	case samePolicy(now, state.Document):
		return r, nil
	case !samePolicy(now, state.Before):
		return r, precondition(opBlock, "plan the step again", "the resource policy of secret %q was changed since this was planned", state.Secret.Name)
	}
	return r, c.putPolicy(ctx, state.Secret.ARN, state.Document)
}

func (a blockReads) Verify(ctx context.Context, call actions.Call, p blockReadsParams, _ blockReadsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.policy(ctx, state.Secret.ARN)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case now == "":
		return read(actions.NotVerified, "secret %s has no resource policy", state.Secret.Name)
	case !samePolicy(now, state.Document):
		return read(actions.NotVerified, "the resource policy of secret %s is not the one that was put", state.Secret.Name)
	}
	return read(actions.Verified, "the resource policy of secret %s denies reading its value, except to %s", state.Secret.Name, strings.Join(state.Except, ", "))
}

func (a blockReads) PlanUndo(ctx context.Context, call actions.Call, p blockReadsParams, _ blockReadsResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	preview := actions.Preview{Targets: []actions.Target{state.Secret.target()}}
	if err != nil {
		return preview, err
	}
	now, err := c.policy(ctx, state.Secret.ARN)
	switch {
	case err != nil:
		return preview, err
	case samePolicy(state.Before, state.Document):
		preview.NoUndo = "the deny was there before this step; it stays"
		return preview, nil
	case !samePolicy(now, state.Document) && !samePolicy(now, state.Before):
		preview.NoUndo = "the resource policy was changed after firebreak put it; look at it, and take statement " + blockSid + " out by hand if that is right"
		return preview, nil
	}
	preview.InEffect = samePolicy(now, state.Before)
	preview.Changes, preview.Calls = []string{fmt.Sprintf("The resource policy of secret %s becomes what it was, byte for byte.", state.Secret.Name)}, []string{"secretsmanager:PutResourcePolicy"}
	if state.Before == "" {
		preview.Changes, preview.Calls = []string{fmt.Sprintf("The resource policy of secret %s is removed: there was none.", state.Secret.Name)}, []string{"secretsmanager:DeleteResourcePolicy"}
	}
	preview.Warnings = []string{"Whoever could read the value before can read it again: rotate the secret first if it has leaked."}
	return preview, nil
}

func (a blockReads) Undo(ctx context.Context, call actions.Call, p blockReadsParams, _ blockReadsResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	now, err := c.policy(ctx, state.Secret.ARN)
	switch {
	case err != nil:
		return err
	case samePolicy(now, state.Before):
		return nil
	case !samePolicy(now, state.Document):
		return precondition(opBlock, "look at it, and take statement "+blockSid+" out by hand if that is right", "the resource policy of secret %q was changed after firebreak put it", state.Secret.Name)
	case state.Before != "":
		return c.putPolicy(ctx, state.Secret.ARN, state.Before)
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:DeleteResourcePolicy", c.secrets.DeleteResourcePolicy, &secretsmanager.DeleteResourcePolicyInput{SecretId: &state.Secret.ARN})
	return err
}

func (a blockReads) VerifyUndo(ctx context.Context, call actions.Call, p blockReadsParams, _ blockReadsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.policy(ctx, state.Secret.ARN)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case !samePolicy(now, state.Before):
		return read(actions.NotVerified, "the resource policy of secret %s is not what it was", state.Secret.Name)
	}
	return read(actions.Verified, "the resource policy of secret %s is what it was", state.Secret.Name)
}

// policy reads the resource policy; empty when there is none. An answer that
// does not name the secret is no answer.
func (c *conn) policy(ctx context.Context, id string) (string, error) {
	const op = "secretsmanager:GetResourcePolicy"
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, op, c.secrets.GetResourcePolicy, &secretsmanager.GetResourcePolicyInput{SecretId: &id})
	switch {
	case err != nil:
		return "", err
	case aws.ToString(out.ARN) != id:
		return "", cloud.Without(op, "secret")
	}
	return aws.ToString(out.ResourcePolicy), nil
}

func (c *conn) putPolicy(ctx context.Context, id, document string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:PutResourcePolicy", c.secrets.PutResourcePolicy, &secretsmanager.PutResourcePolicyInput{SecretId: &id, ResourcePolicy: &document})
	return err
}

// resume loads what Plan captured and opens the session.
func (a blockReads) resume(ctx context.Context, call actions.Call, p blockReadsParams) (*conn, blockState, error) {
	var state blockState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if (p.Secret != state.Secret.Name && p.Secret != state.Secret.ARN) || state.Document == "" {
		return nil, state, actions.WrongState("it is of another secret")
	}
	c, err := open(ctx, a.cloud, call, "secretsmanager", state.Secret.ARN)
	return c, state, err
}
