package iam

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type revokeSessions struct{ cloud *cloud.Cloud }

type revokeSessionsParams struct {
	Role   string    `json:"role" doc:"name or ARN of the role" example:"arn:aws:iam::111122223333:role/web" subject:"true"`
	Scope  string    `json:"scope" doc:"whose sessions: all, those of one session_name, of one source_identity, or of one EC2 instance" enum:"all,session_name,source_identity,instance" default:"all"`
	Value  string    `json:"value,omitempty" doc:"the session name, the source identity or the instance id; not for scope all" example:"i-0abc1234def567890"`
	Cutoff time.Time `json:"cutoff,omitzero" doc:"sessions issued before this time are revoked; AWS time plus 30 s when not given" example:"2026-11-22T04:50:24Z"`
}

type revokeSessionsResult struct {
	PolicyName        string    `json:"policy_name" doc:"name of the inline deny policy"`
	Cutoff            time.Time `json:"cutoff" doc:"sessions issued before this time are denied"`
	MaxSessionSeconds int       `json:"max_session_seconds" doc:"longest life of a session of this role; so long after the cutoff the deny has done its work"`
}

// revokeState is what Plan captures.
type revokeState struct {
	Role       cloud.Principal `json:"role"`
	RoleID     string          `json:"role_id"`
	PolicyName string          `json:"policy_name"`
	Before     string          `json:"before,omitempty"` // document under that name; empty: none
	Cutoff     time.Time       `json:"cutoff"`
	Given      bool            `json:"given,omitempty"` // the cutoff was chosen by the runbook
	SkewMS     int64           `json:"skew_ms"`         // AWS clock minus ours
	MaxSeconds int             `json:"max_seconds"`
}

// headroom covers the seconds that IAM needs to spread a deny: sessions made
// in them still see the old policies.
const headroom = 30 * time.Second

func (revokeSessions) Spec() actions.Spec {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: roleResource, Why: why}
	}
	return actions.Spec{
		Name: "aws.iam.revoke_sessions", Version: 1,
		Title: "Revoke the sessions of a role",
		Doc: "Puts an inline policy on a role that denies everything to sessions issued before a cutoff: all of them, or those of one session name, source identity or EC2 instance. " +
			"New sessions work. The cutoff is AWS time plus 30 s; a later cutoff that is already there is kept.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "With scope all every workload that uses the role fails until it fetches new credentials; instances may take hours. The other scopes touch only what they name.",
		StaysAlive: []string{
			"Whoever can assume the role again: cut that source first (key, instance profile, trust policy).",
			"Other roles that were assumed from this one.",
			"Long-lived access keys of users: they carry no issue time. Use aws.iam.quarantine_principal.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, "iam:GetRole", "read the role's id and its longest session"),
			row(actions.PhasePlan, "iam:GetRolePolicy", "read revocations that are already there"),
			row(actions.PhaseExecute, "iam:GetRolePolicy", "keep a later cutoff"),
			row(actions.PhaseExecute, "iam:PutRolePolicy", "put the deny"),
			row(actions.PhaseVerify, "iam:GetRolePolicy", "read the deny back"),
			row(actions.PhaseUndo, "iam:GetRolePolicy", "see whether the deny is still ours"),
			row(actions.PhaseUndo, "iam:DeleteRolePolicy", "remove the deny"),
			row(actions.PhaseUndo, "iam:PutRolePolicy", "put back an earlier revocation"),
		},
		Settle: settleIAM,
	}
}

// sessionForm is what STS takes as the name of a session or a source identity.
var sessionForm = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)

var instanceForm = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

func (p revokeSessionsParams) check() error {
	switch {
	case p.Scope == "all" && p.Value != "":
		return fmt.Errorf("value %q has no meaning with scope all; choose the scope it belongs to", p.Value)
	case p.Scope != "all" && p.Value == "":
		return fmt.Errorf("scope %s needs a value", p.Scope)
	case p.Scope == "instance" && !instanceForm.MatchString(p.Value):
		return fmt.Errorf("%q is not an instance id; write it like i-0abc1234def567890", p.Value)
	case p.Scope == "session_name" && strings.Contains(p.Value, ":"):
		return fmt.Errorf("%q is not a session name; give the part behind the colon", p.Value)
	case p.Scope != "all" && !sessionForm.MatchString(p.Value):
		return fmt.Errorf("%q is no %s: it has 2 to 64 letters, digits and _+=,.@-, so a deny of it would deny nobody", p.Value, strings.ReplaceAll(p.Scope, "_", " "))
	}
	return nil
}

func (a revokeSessions) Plan(ctx context.Context, call actions.Call, p revokeSessionsParams) (actions.Preview, error) {
	const op = "aws.iam.revoke_sessions"
	var preview actions.Preview
	if err := p.check(); err != nil {
		return preview, &actions.Error{Class: actions.Invalid, Op: op, Err: err}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	name := p.Role
	if strings.HasPrefix(p.Role, "arn:") {
		given, err := cloud.ParsePrincipal(p.Role)
		if err != nil {
			return preview, &actions.Error{Class: actions.Invalid, Op: op, Err: err}
		}
		if given.Kind != cloud.Role {
			return preview, &actions.Error{Class: actions.Invalid, Op: op, Err: fmt.Errorf("%s is no role", given), Hint: "for a user take aws.iam.quarantine_principal: long-lived keys carry no issue time"}
		}
		if err := c.Refuse(op, given); err != nil {
			return preview, err
		}
		name = given.Name
	}
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetRole", c.iam.GetRole, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return preview, err
	}
	if out.Role == nil || aws.ToString(out.Role.RoleId) == "" {
		return preview, &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: fmt.Errorf("the answer about role %q is empty", name)}
	}
	who, err := cloud.ParsePrincipal(aws.ToString(out.Role.Arn))
	if err != nil {
		return preview, &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: err}
	}
	if err := c.Refuse(op, who); err != nil {
		return preview, err
	}
	if strings.HasPrefix(p.Role, "arn:") && p.Role != who.ARN() {
		return preview, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("%s is %q in AWS, not %q", who, who.ARN(), p.Role), Hint: "give the ARN exactly as AWS shows it"}
	}
	state := revokeState{Role: who, RoleID: aws.ToString(out.Role.RoleId), PolicyName: revocationName(p.Scope, p.Value),
		Cutoff: p.Cutoff.UTC().Truncate(time.Second), Given: !p.Cutoff.IsZero(), MaxSeconds: int(aws.ToInt32(out.Role.MaxSessionDuration))}
	if !state.Given {
		server, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		if !ok {
			return preview, &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: errors.New("the answer carries no time, so no cutoff can be told"), Hint: "give a cutoff in the runbook"}
		}
		state.SkewMS = server.Sub(a.cloud.Now()).Milliseconds()
		state.Cutoff = server.UTC().Add(headroom).Truncate(time.Second)
	}
	found := false
	if state.Before, found, err = c.inline(ctx, who, state.PolicyName); err != nil {
		return preview, err
	}
	was, ours := readRevocation(state.Before, state.RoleID, p.Scope, p.Value)
	if ours && was.After(state.Cutoff) {
		state.Cutoff = was
	}
	consoles, err := c.consoleRevocation(ctx, who)
	if err != nil {
		return preview, err
	}
	preview = a.preview(p, state, found && !ours, consoles)
	preview.InEffect = ours && !was.Before(state.Cutoff)
	if preview.InEffect {
		preview.NoUndo = "the deny was there before"
	}
	return preview, preview.Capture(state)
}

func (a revokeSessions) preview(p revokeSessionsParams, state revokeState, foreign, consoles bool) actions.Preview {
	until := state.Cutoff.Format(time.RFC3339)
	if !state.Given {
		until += ", or 30 s after the step starts if that is later,"
	}
	preview := actions.Preview{
		Targets: state.targets(p),
		Changes: []string{fmt.Sprintf("Sessions of %s issued before %s are denied everything (%s).", state.Role, until, whose(p.Scope, p.Value))},
		Calls:   []string{"iam:PutRolePolicy"},
	}
	if p.Scope == "all" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Every workload that uses %s fails until it fetches new credentials.", state.Role))
	}
	if foreign {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("A policy %s is there that firebreak did not write; it is replaced, and undo brings it back.", state.PolicyName))
	}
	if consoles {
		preview.Warnings = append(preview.Warnings, "Somebody has revoked sessions of this role in the console before (policy "+consolePolicy+").")
	}
	return preview
}

// targets are the role and, where the sessions of one person end, that person: who
// is of this name in the directory may not decide about it.
func (s revokeState) targets(p revokeSessionsParams) []actions.Target {
	targets := []actions.Target{s.Role.Target()}
	if p.Scope == "session_name" || p.Scope == "source_identity" {
		targets = append(targets, actions.Target{Type: "aws.sts." + p.Scope, ID: p.Value})
	}
	return targets
}

func whose(scope, value string) string {
	switch scope {
	case "session_name":
		return "session name " + value
	case "source_identity":
		return "source identity " + value
	case "instance":
		return "instance " + value
	}
	return "all sessions"
}

// consolePolicy is what the console's own button writes.
const consolePolicy = "AWSRevokeOlderSessions"

func (c *conn) consoleRevocation(ctx context.Context, who cloud.Principal) (bool, error) {
	_, found, err := c.inline(ctx, who, consolePolicy)
	return found, err
}

// cutoff is the one that all attempts of this step use: the planned one, or
// 30 s after the first intent on AWS's clock, when an approval took longer.
// Both are journaled, so a resumed attempt finds the same.
func (s revokeState) cutoff(call actions.Call) time.Time {
	if s.Given || call.Started.IsZero() {
		return s.Cutoff
	}
	started := call.Started.UTC().Add(time.Duration(s.SkewMS)*time.Millisecond + headroom).Truncate(time.Second)
	if started.After(s.Cutoff) {
		return started
	}
	return s.Cutoff
}

func (a revokeSessions) Execute(ctx context.Context, call actions.Call, p revokeSessionsParams) (revokeSessionsResult, error) {
	var r revokeSessionsResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	if err := c.Refuse("aws.iam.revoke_sessions", state.Role); err != nil {
		return r, err
	}
	r = revokeSessionsResult{PolicyName: state.PolicyName, Cutoff: state.cutoff(call), MaxSessionSeconds: state.MaxSeconds}
	document, _, err := c.inline(ctx, state.Role, state.PolicyName)
	if err != nil {
		return r, err
	}
	if there, ours := readRevocation(document, state.RoleID, p.Scope, p.Value); ours && !there.Before(r.Cutoff) {
		r.Cutoff = there
		return r, nil
	}
	return r, c.putInline(ctx, state.Role, state.PolicyName, revocation(revocationSid(call), state.RoleID, p.Scope, p.Value, r.Cutoff))
}

func (a revokeSessions) Verify(ctx context.Context, call actions.Call, p revokeSessionsParams, r revokeSessionsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	document, found, err := c.inline(ctx, state.Role, state.PolicyName)
	if err != nil {
		return cloud.Unreadable(err)
	}
	wanted := state.cutoff(call)
	if r.Cutoff.After(wanted) {
		wanted = r.Cutoff
	}
	there, ours := readRevocation(document, state.RoleID, p.Scope, p.Value)
	switch {
	case !found:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s is not on %s", state.PolicyName, state.Role)}, nil
	case !ours:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s on %s is not the deny that was put", state.PolicyName, state.Role)}, nil
	case there.Before(wanted):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s on %s denies only sessions before %s, not %s", state.PolicyName, state.Role, there.Format(time.RFC3339), wanted.Format(time.RFC3339))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("policy %s denies sessions of %s before %s (%s)", state.PolicyName, state.Role, there.Format(time.RFC3339), whose(p.Scope, p.Value))}, nil
}

// put says whether document is the deny that this run put, and not a later one
// of another run that this one has kept.
func (s revokeState) put(call actions.Call, p revokeSessionsParams, r revokeSessionsResult) func(document string) bool {
	cutoff := r.Cutoff
	if cutoff.IsZero() {
		cutoff = s.cutoff(call)
	}
	return func(document string) bool {
		return sameDocument(document, revocation(revocationSid(call), s.RoleID, p.Scope, p.Value, cutoff))
	}
}

func (a revokeSessions) PlanUndo(ctx context.Context, call actions.Call, p revokeSessionsParams, r revokeSessionsResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: state.targets(p)}
	document, found, err := c.inline(ctx, state.Role, state.PolicyName)
	ours := state.put(call, p, r)
	switch {
	case err != nil:
		return preview, err
	case ours(state.Before):
		preview.NoUndo = "the deny was there before this step; it stays"
		return preview, nil
	case found && !ours(document) && !sameDocument(document, state.Before):
		preview.NoUndo = fmt.Sprintf("policy %s was changed after firebreak put it, perhaps by a later revocation; look at it and remove it by hand if that is right", state.PolicyName)
		return preview, nil
	}
	verb, what := "Delete", "is removed"
	if state.Before != "" {
		verb, what = "Put", "becomes what it was before"
	}
	preview.InEffect = (!found && state.Before == "") || (found && sameDocument(document, state.Before))
	preview.Changes = []string{fmt.Sprintf("The inline policy %s of %s %s.", state.PolicyName, state.Role, what)}
	preview.Calls = []string{"iam:" + verb + "RolePolicy"}
	preview.Warnings = []string{fmt.Sprintf("Sessions issued before the cutoff that have not expired work again; the longest lives %d s.", state.MaxSeconds)}
	return preview, nil
}

func (a revokeSessions) Undo(ctx context.Context, call actions.Call, p revokeSessionsParams, r revokeSessionsResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	return c.restoreInline(ctx, "aws.iam.revoke_sessions", state.Role, state.PolicyName, state.Before, state.put(call, p, r))
}

func (a revokeSessions) VerifyUndo(ctx context.Context, call actions.Call, p revokeSessionsParams, _ revokeSessionsResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	return c.restored(ctx, state.Role, state.PolicyName, state.Before)
}

// resume loads what Plan captured and opens the session.
func (a revokeSessions) resume(ctx context.Context, call actions.Call, p revokeSessionsParams) (*conn, revokeState, error) {
	var state revokeState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if (p.Role != state.Role.Name && p.Role != state.Role.ARN()) || state.PolicyName != revocationName(p.Scope, p.Value) || state.Cutoff.IsZero() {
		return nil, state, actions.WrongState("it is of another role or scope")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
