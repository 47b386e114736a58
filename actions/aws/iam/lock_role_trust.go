package iam

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type lockRoleTrust struct{ cloud *cloud.Cloud }

type lockRoleTrustParams struct {
	Role      string `json:"role" doc:"name or ARN of the role" example:"arn:aws:iam::111122223333:role/web" subject:"true"`
	Principal string `json:"principal" doc:"who must no longer assume the role: the ARN of a user, role or identity provider, an account, a service such as ec2.amazonaws.com, or *" example:"arn:aws:iam::111122223333:user/ci-deploy"`
	Mode      string `json:"mode" doc:"deny adds a statement that wins over whatever allows; remove takes the principal out of the statements that name it" enum:"deny,remove" default:"deny"`
}

type lockRoleTrustResult struct {
	Role      string `json:"role" doc:"name of the role"`
	Principal string `json:"principal" doc:"who can no longer assume it"`
	Mode      string `json:"mode" doc:"how: deny or remove" enum:"deny,remove"`
}

// trustState is what Plan captures: the whole documents, so that what is put,
// what is proved and what is put back are the same bytes in every attempt.
type trustState struct {
	Role      cloud.Principal `json:"role"`
	RoleID    string          `json:"role_id"`
	Principal string          `json:"principal"`
	Mode      string          `json:"mode"`
	Before    string          `json:"before"`
	Wanted    string          `json:"wanted"`
}

const opTrust = "aws.iam.lock_role_trust"

func (lockRoleTrust) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: roleResource, Why: why}
	}
	return actions.Spec{
		Name: opTrust, Version: 1,
		Title: "Stop a principal from assuming a role",
		Doc: "Changes the trust policy of a role so that one principal cannot assume it any more: by a statement that denies it, or by taking it out of the statements that name it. " +
			"A deny also works when the policy trusts the principal's whole account. firebreak's own identities keep what they had, and its own roles are refused.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Whatever gets its access by assuming this role as that principal fails when its session ends; with an account, a service or * that is everybody behind it.",
		StaysAlive: []string{
			"Sessions of the role that exist already, until they expire: use aws.iam.revoke_sessions behind this.",
			"Everybody else whom the trust policy names.",
			"A principal that may change the trust policy can put itself back: quarantine it first.",
			"Instances and functions that have the role already keep getting new sessions unless the service itself is the principal.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "iam:GetRole", "record the trust policy before the change"),
			row(actions.PhaseExecute, "iam:GetRole", "see that nobody changed it since the plan"),
			row(actions.PhaseExecute, "iam:UpdateAssumeRolePolicy", "put the changed trust policy"),
			row(actions.PhaseVerify, "iam:GetRole", "read the trust policy back"),
			row(actions.PhaseUndo, "iam:GetRole", "see whether the trust policy is still as firebreak left it"),
			row(actions.PhaseUndo, "iam:UpdateAssumeRolePolicy", "put back the original trust policy"),
		},
		Settle: settleIAM,
	}
}

func (a lockRoleTrust) Plan(ctx context.Context, call actions.Call, p lockRoleTrustParams) (actions.Preview, error) {
	var preview actions.Preview
	who, err := parseTrustee(p.Principal)
	if err != nil {
		return preview, &actions.Error{Class: actions.Invalid, Op: opTrust, Err: err}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	state := trustState{Principal: p.Principal, Mode: p.Mode}
	if state.Role, state.RoleID, state.Before, err = c.trusted(ctx, opTrust, p.Role); err != nil {
		return preview, err
	}
	if err := c.keepOwnTrust(who, p.Mode); err != nil {
		return preview, err
	}
	if accountForm.MatchString(who.Name) {
		who.Name = "arn:" + c.Partition() + ":iam::" + who.Name + ":root" // as AWS writes it
	}
	preview = actions.Preview{Targets: []actions.Target{state.Role.Target()}, Calls: []string{"iam:UpdateAssumeRolePolicy"}}
	sum := sha256.Sum256([]byte(who.Kind + "\x00" + who.Name))
	sid := "FirebreakTrust" + hex.EncodeToString(sum[:6])
	if p.Mode == "remove" {
		var removed int
		var others []string
		if state.Wanted, removed, others, err = removeTrust(state.Before, sid, who); err != nil {
			return preview, &actions.Error{Class: actions.Precondition, Op: opTrust, Err: err}
		}
		if len(others) > 0 {
			return preview, &actions.Error{Class: actions.Precondition, Op: opTrust, Err: fmt.Errorf("the trust policy of %s also trusts %s, by which %q or a part of it comes in", state.Role, strings.Join(others, " and "), p.Principal),
				Hint: "removing it would not keep it out; use the mode deny, or name it as the trust policy does"}
		}
		if removed == 0 {
			state.Wanted = state.Before
		}
		preview.Changes = []string{fmt.Sprintf("%s is taken out of the trust policy of %s and can no longer assume it.", p.Principal, state.Role)}
	} else {
		var exempt []cloud.Principal
		if who.wide() {
			exempt = slices.DeleteFunc(slices.Concat(c.Selves, c.Duties), func(self cloud.Principal) bool { return !who.covers(self) })
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("Everybody behind %s except firebreak itself is denied, services perhaps too.", p.Principal))
		}
		if state.Wanted, err = denyTrust(state.Before, sid, who, exempt); err != nil {
			return preview, &actions.Error{Class: actions.Precondition, Op: opTrust, Err: err}
		}
		preview.Changes = []string{fmt.Sprintf("The trust policy of %s denies %s: it can no longer assume the role.", state.Role, p.Principal)}
	}
	preview.Warnings = append(preview.Warnings, "Sessions that exist already go on until they expire; revoke them in a later step.")
	if preview.InEffect = sameTrust(state.Before, state.Wanted); preview.InEffect {
		preview.NoUndo = "the trust policy kept it out before"
	}
	return preview, preview.Capture(state)
}

// keepOwnTrust refuses to lock firebreak itself out. With a deny of many, the
// statement exempts it instead.
func (c *conn) keepOwnTrust(who trustee, mode string) error {
	for _, self := range slices.Concat(c.Selves, c.Duties) {
		switch {
		case !who.covers(self) || mode == "deny" && who.wide():
		case who.wide():
			return &actions.Error{Class: actions.Precondition, Op: opTrust, Err: fmt.Errorf("%q includes %s, which firebreak itself uses", who.Name, self),
				Hint: "use the mode deny, which exempts it, or name the principal that is abused"}
		default:
			return &actions.Error{Class: actions.Precondition, Op: opTrust, Err: fmt.Errorf("%q is the identity that firebreak itself uses", who.Name),
				Hint: "firebreak would lock itself out; use another identity for firebreak"}
		}
	}
	if mode == "deny" && uniqueIDForm.MatchString(who.Name) {
		return &actions.Error{Class: actions.Invalid, Op: opTrust, Err: fmt.Errorf("%q is the id of a principal that was deleted, which AWS does not take in a new statement", who.Name), Hint: "use the mode remove"}
	}
	return nil
}

// trusted reads a role that is given by name or ARN, and its trust policy. It
// refuses roles that must not be changed.
func (c *conn) trusted(ctx context.Context, op, given string) (who cloud.Principal, id, document string, err error) {
	name := given
	if strings.HasPrefix(given, "arn:") {
		parsed, err := cloud.ParsePrincipal(given)
		if err != nil {
			return who, "", "", &actions.Error{Class: actions.Invalid, Op: op, Err: err}
		}
		if parsed.Kind != cloud.Role {
			return who, "", "", &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s is no role", parsed), Hint: "only roles have a trust policy"}
		}
		if err := c.Refuse(op, parsed); err != nil {
			return who, "", "", err
		}
		name = parsed.Name
	}
	role, _, err := c.role(ctx, name)
	if err != nil {
		return who, "", "", err
	}
	if who, err = cloud.ParsePrincipal(aws.ToString(role.Arn)); err != nil {
		return who, "", "", &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: err}
	}
	if err := c.Refuse(op, who); err != nil {
		return who, "", "", err
	}
	if strings.HasPrefix(given, "arn:") && given != who.ARN() {
		return who, "", "", &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("%s is %q in AWS, not %q", who, who.ARN(), given), Hint: "give the ARN exactly as AWS shows it"}
	}
	document, err = trustOf(role)
	return who, aws.ToString(role.RoleId), document, err
}

// trustOf is the trust policy in the answer about a role. An answer without one
// proves nothing.
func trustOf(role *types.Role) (string, error) {
	document, err := url.PathUnescape(aws.ToString(role.AssumeRolePolicyDocument))
	if err == nil && canonical(document) == "" {
		return "", cloud.Without("iam:GetRole", fmt.Sprintf("trust policy of role %q", aws.ToString(role.RoleName)))
	}
	if err != nil {
		return "", &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: fmt.Errorf("the trust policy of role %q: %w", aws.ToString(role.RoleName), err)}
	}
	return document, nil
}

// trustNow reads the trust policy of the role that was planned.
func (c *conn) trustNow(ctx context.Context, state trustState) (string, error) {
	role, _, err := c.role(ctx, state.Role.Name)
	if err != nil {
		return "", err
	}
	if aws.ToString(role.RoleId) != state.RoleID {
		return "", &actions.Error{Class: actions.Precondition, Op: opTrust, Err: fmt.Errorf("%s is another role of that name since the plan", state.Role), Hint: "plan the step again"}
	}
	return trustOf(role)
}

func (c *conn) putTrust(ctx context.Context, state trustState, document string) error {
	_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:UpdateAssumeRolePolicy", c.iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: &state.Role.Name, PolicyDocument: &document})
	if e, ok := errors.AsType[*actions.Error](err); ok && e.Class == actions.Precondition && e.Hint == "" {
		e.Hint = "when the trust policy is too long, use the mode remove, or revoke and quarantine instead"
	}
	return err
}

func (a lockRoleTrust) Execute(ctx context.Context, call actions.Call, p lockRoleTrustParams) (lockRoleTrustResult, error) {
	c, state, err := a.resume(ctx, call, p)
	r := lockRoleTrustResult{state.Role.Name, state.Principal, state.Mode}
	if err != nil {
		return r, err
	}
	if err := c.Refuse(opTrust, state.Role); err != nil {
		return r, err
	}
	who, err := parseTrustee(state.Principal)
	if err != nil {
		return r, &actions.Error{Class: actions.Invalid, Op: opTrust, Err: err}
	}
	if err := c.keepOwnTrust(who, state.Mode); err != nil {
		return r, err
	}
	now, err := c.trustNow(ctx, state)
	switch {
	case err != nil, sameTrust(now, state.Wanted):
		return r, err
	case !sameTrust(now, state.Before):
		return r, &actions.Error{Class: actions.Precondition, Op: opTrust, Err: fmt.Errorf("the trust policy of %s was changed since the plan: it is %s", state.Role, canonical(now)), Hint: "plan the step again"}
	}
	return r, c.putTrust(ctx, state, state.Wanted)
}

func (a lockRoleTrust) Verify(ctx context.Context, call actions.Call, p lockRoleTrustParams, _ lockRoleTrustResult) (actions.Reading, error) {
	return a.read(ctx, call, p, func(s trustState) (string, string) {
		return s.Wanted, fmt.Sprintf("the trust policy of %s keeps %s out", s.Role, s.Principal)
	})
}

// read compares the trust policy with the document it should be.
func (a lockRoleTrust) read(ctx context.Context, call actions.Call, p lockRoleTrustParams, want func(trustState) (document, says string)) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.trustNow(ctx, state)
	if err != nil {
		if actions.ClassOf(err) == actions.Precondition {
			return actions.Reading{Verdict: actions.NotVerified, Detail: err.Error()}, nil
		}
		return cloud.Unreadable(err)
	}
	document, says := want(state)
	if !sameTrust(now, document) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("the trust policy of %s is %s", state.Role, canonical(now))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: says}, nil
}

func (a lockRoleTrust) PlanUndo(ctx context.Context, call actions.Call, p lockRoleTrustParams, _ lockRoleTrustResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{state.Role.Target()}}
	if sameTrust(state.Before, state.Wanted) {
		preview.NoUndo = "the trust policy kept it out before this step; it stays"
		return preview, nil
	}
	now, err := c.trustNow(ctx, state)
	switch {
	case err != nil:
		return preview, err
	case !sameTrust(now, state.Wanted) && !sameTrust(now, state.Before):
		preview.NoUndo = fmt.Sprintf("the trust policy was changed after firebreak put it; it is %s", canonical(now))
		return preview, nil
	}
	preview.InEffect = sameTrust(now, state.Before)
	preview.Changes = []string{fmt.Sprintf("The trust policy of %s becomes what it was before: %s can assume it again.", state.Role, state.Principal)}
	preview.Calls = []string{"iam:UpdateAssumeRolePolicy"}
	preview.Warnings = []string{"Whoever holds credentials of that principal can assume the role again at once."}
	return preview, nil
}

func (a lockRoleTrust) Undo(ctx context.Context, call actions.Call, p lockRoleTrustParams, _ lockRoleTrustResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	now, err := c.trustNow(ctx, state)
	switch {
	case err != nil, sameTrust(now, state.Before):
		return err
	case !sameTrust(now, state.Wanted):
		return &actions.Error{Class: actions.Precondition, Op: opTrust, Err: fmt.Errorf("the trust policy of %s was changed after firebreak put it: it is %s, not %s", state.Role, canonical(now), canonical(state.Wanted)),
			Hint: "look at it, and change it by hand if that is right"}
	}
	return c.putTrust(ctx, state, state.Before)
}

func (a lockRoleTrust) VerifyUndo(ctx context.Context, call actions.Call, p lockRoleTrustParams, _ lockRoleTrustResult) (actions.Reading, error) {
	return a.read(ctx, call, p, func(s trustState) (string, string) {
		return s.Before, fmt.Sprintf("the trust policy of %s is what it was before", s.Role)
	})
}

// resume loads what Plan captured and opens the session.
func (a lockRoleTrust) resume(ctx context.Context, call actions.Call, p lockRoleTrustParams) (*conn, trustState, error) {
	var state trustState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if (p.Role != state.Role.Name && p.Role != state.Role.ARN()) || p.Principal != state.Principal || p.Mode != state.Mode || state.Wanted == "" {
		return nil, state, actions.WrongState("it is of another role, principal or mode")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
