package iam

import (
	"cmp"
	"context"
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

type quarantinePrincipal struct{ cloud *cloud.Cloud }

type quarantinePrincipalParams struct {
	PrincipalARN string   `json:"principal_arn" doc:"the IAM user or role to stop" example:"arn:aws:iam::111122223333:user/ci-deploy" pattern:"^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.+$" subject:"true"`
	Mode         string   `json:"mode" doc:"inline puts a policy of our own on it; managed attaches AWS's AWSDenyAll, for which a slot has to be free; boundary makes AWSDenyAll its permissions boundary, in place of the one it may have" enum:"inline,managed,boundary" default:"inline"`
	Exempt       []string `json:"exempt_actions,omitempty" doc:"actions that stay possible, such as s3:GetObject; none by default, and only with the mode inline" example:"s3:GetObject"`
}

type quarantinePrincipalResult struct {
	PolicyName string `json:"policy_name" doc:"name of the deny policy: our own, or AWSDenyAll"`
	Principal  string `json:"principal" doc:"name of the user or role"`
	Kind       string `json:"kind" doc:"user or role" enum:"user,role"`
}

// quarantineState is what Plan captures.
type quarantineState struct {
	Principal  cloud.Principal `json:"principal"`
	PolicyName string          `json:"policy_name"`
	Mode       string          `json:"mode,omitempty"` // empty: inline
	Exempt     []string        `json:"exempt,omitempty"`
	Policies   policySet       `json:"policies"`
}

const opQuarantine = "aws.iam.quarantine_principal"

const (
	watchReads    = 5 // readings in one watch; so many without the deny, and it is put again
	agreeingReads = 3 // in a row, and the deny is taken to stay
	maxPuts       = 4 // how often it is put in all
)

func (quarantinePrincipal) Spec() actions.Spec {
	const onUser, onRole = "arn:{partition}:iam::{account}:user/{principal_arn}", "arn:{partition}:iam::{account}:role/{principal_arn}"
	both := func(phase actions.Phase, why string, verbs ...string) []actions.Permission {
		var rows []actions.Permission
		for _, verb := range verbs {
			rows = append(rows,
				actions.Permission{Phase: phase, Action: fmt.Sprintf("iam:"+verb, "User"), Resource: onUser, Why: why},
				actions.Permission{Phase: phase, Action: fmt.Sprintf("iam:"+verb, "Role"), Resource: onRole, Why: why})
		}
		return rows
	}
	reading := []string{"List%sPolicies", "Get%sPolicy", "ListAttached%sPolicies"}
	permissions := both(actions.PhasePlan, "make sure that the principal is the one that is meant", "Get%s")
	permissions = append(permissions, both(actions.PhasePlan, "record its policies before the change", reading...)...)
	permissions = append(permissions, actions.Permission{Phase: actions.PhasePlan, Action: "iam:ListGroupsForUser", Resource: onUser, Why: "record its groups before the change"})
	permissions = append(permissions, both(actions.PhaseExecute, "put the deny, and put it again when somebody removes it", "Put%sPolicy")...)
	permissions = append(permissions, both(actions.PhaseExecute, "watch whether the deny stays", "Get%sPolicy")...)
	permissions = append(permissions, both(actions.PhaseVerify, "read the deny back, and what else changed", reading...)...)
	permissions = append(permissions, actions.Permission{Phase: actions.PhaseVerify, Action: "iam:ListGroupsForUser", Resource: onUser, Why: "see whether its groups changed"})
	permissions = append(permissions, both(actions.PhaseVerify, "see whether its boundary changed", "Get%s")...)
	permissions = append(permissions, both(actions.PhaseUndo, "remove the deny if it is still ours, or put back what stood there", "Get%sPolicy", "Delete%sPolicy", "Put%sPolicy")...)
	only := func(key string, rows []actions.Permission) []actions.Permission {
		for i := range rows {
			rows[i].Conditions = actions.Conditions{"StringEquals": {key: {"arn:{partition}:iam::aws:policy/AWSDenyAll"}}}
		}
		return rows
	}
	in := func(mode string, rows ...[]actions.Permission) []actions.Permission {
		all := slices.Concat(rows...)
		for i := range all {
			all[i].When = actions.When{"mode": {mode}}
		}
		return all
	}
	permissions = slices.Concat(permissions, in(modeManaged,
		only("iam:PolicyARN", both(actions.PhaseExecute, "attach AWSDenyAll, in the mode managed", "Attach%sPolicy")),
		both(actions.PhaseExecute, "watch whether it stays attached, in the mode managed", "ListAttached%sPolicies"),
		both(actions.PhaseUndo, "see whether AWSDenyAll is attached, in the mode managed", "ListAttached%sPolicies"),
		only("iam:PolicyARN", both(actions.PhaseUndo, "detach AWSDenyAll, in the mode managed", "Detach%sPolicy")),
	), in(modeBoundary,
		only("iam:PermissionsBoundary", both(actions.PhaseExecute, "make AWSDenyAll the boundary, in the mode boundary", "Put%sPermissionsBoundary")),
		both(actions.PhaseExecute, "watch whether the boundary stays, in the mode boundary", "Get%s"),
		both(actions.PhaseUndo, "see whether the boundary is still ours, in the mode boundary", "Get%s"),
		both(actions.PhaseUndo, "put back the boundary from before, or none, in the mode boundary", "Put%sPermissionsBoundary", "Delete%sPermissionsBoundary"),
	))
	return actions.Spec{
		Name: opQuarantine, Version: 1,
		Title: "Deny everything to a user or role",
		Doc: "Puts an inline policy FirebreakQuarantine-<incident> that denies every action on every resource, or lets AWSDenyAll do it. An explicit deny wins over every allow, and covers sessions too. " +
			"IAM needs some seconds until it holds everywhere, and the principal may use them to remove it, so the deny is watched for a while and put again when it is gone.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything that acts as this user or role stops: people, jobs, and every workload that shares the role.",
		StaysAlive: []string{
			"sts:GetCallerIdentity, which cannot be denied.",
			"Roles that were already assumed from this principal: revoke their sessions.",
			"For some seconds everything, until IAM has spread the change.",
			"Access given by resource policies to others.",
			"The actions in exempt_actions.",
		},
		Permissions: permissions,
		Timeout:     time.Minute,
		Settle:      settleIAM,
	}
}

func (a quarantinePrincipal) Plan(ctx context.Context, call actions.Call, p quarantinePrincipalParams) (actions.Preview, error) {
	const op = opQuarantine
	var preview actions.Preview
	who, err := cloud.ParsePrincipal(p.PrincipalARN)
	if err == nil {
		err = checkExempt(p.Mode, p.Exempt)
	}
	if err != nil {
		return preview, &actions.Error{Class: actions.Invalid, Op: op, Err: err}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	if err := c.Refuse(op, who); err != nil {
		return preview, err
	}
	boundary, err := c.confirm(ctx, op, who)
	if err != nil {
		return preview, err
	}
	state := quarantineState{Principal: who, PolicyName: quarantineName(call), Mode: p.Mode, Exempt: p.Exempt}
	if p.Mode != modeInline {
		state.PolicyName = "AWSDenyAll"
	}
	if state.Policies, err = c.policies(ctx, who); err != nil {
		return preview, err
	}
	state.Policies.Boundary = boundary
	preview = actions.Preview{
		Targets:  []actions.Target{who.Target()},
		Changes:  []string{fmt.Sprintf("The %s denies %s everything.", state.longWhat(), who)},
		Calls:    []string{state.put()},
		InEffect: state.same(state.before()),
	}
	if len(p.Exempt) > 0 {
		preview.Changes[0] = fmt.Sprintf("The %s denies %s everything except %s.", state.longWhat(), who, strings.Join(p.Exempt, ", "))
	}
	if who.Kind == cloud.Role {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Every workload that uses %s stops.", who))
	}
	if p.Mode == modeBoundary && boundary != "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The permissions boundary %s is replaced, and undo brings it back.", boundary))
	}
	if p.Mode == modeManaged && len(state.Policies.Attached) >= 10 && !preview.InEffect {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("%s has %d attached policies, and 10 is what AWS allows unless the quota was raised: the mode inline needs no slot.", who, len(state.Policies.Attached)))
	}
	if preview.InEffect {
		preview.NoUndo = "the deny was there before"
	}
	for _, arn := range state.Policies.Attached {
		if strings.Contains(arn, ":policy/AWSCompromisedKeyQuarantine") {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("AWS itself has attached %s: it saw a key of %s in public. That policy denies only a part.", arn, who))
		}
	}
	return preview, preview.Capture(state)
}

// quarantineName is the same for all runs of an incident, so that two of them
// put one policy.
func quarantineName(call actions.Call) string {
	return "FirebreakQuarantine-" + cloud.Word(call.Incident, 100)
}

// confirm reads the principal and compares its ARN, path included. It returns
// the ARN of its permissions boundary.
func (c *conn) confirm(ctx context.Context, op string, who cloud.Principal) (boundary string, err error) {
	var arn string
	var limit *types.AttachedPermissionsBoundary
	if who.Kind == cloud.Role {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetRole", c.iam.GetRole, &iam.GetRoleInput{RoleName: &who.Name})
		if err != nil {
			return "", err
		}
		if out.Role != nil {
			arn, limit = aws.ToString(out.Role.Arn), out.Role.PermissionsBoundary
		}
	} else {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetUser", c.iam.GetUser, &iam.GetUserInput{UserName: &who.Name})
		if err != nil {
			return "", err
		}
		if out.User != nil {
			arn, limit = aws.ToString(out.User.Arn), out.User.PermissionsBoundary
		}
	}
	if arn != who.ARN() {
		return "", &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("%s is %q in AWS, not %q", who, arn, who.ARN()), Hint: "give the ARN exactly as AWS shows it"}
	}
	if limit != nil {
		boundary = aws.ToString(limit.PermissionsBoundaryArn)
	}
	return boundary, nil
}

func (a quarantinePrincipal) Execute(ctx context.Context, call actions.Call, p quarantinePrincipalParams) (quarantinePrincipalResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return quarantinePrincipalResult{}, err
	}
	if err := c.Refuse(opQuarantine, state.Principal); err != nil {
		return quarantinePrincipalResult{}, err
	}
	if err := c.sameBoundary(ctx, state); err != nil {
		return quarantinePrincipalResult{}, err
	}
	if err := c.putDeny(ctx, state); err != nil {
		return quarantinePrincipalResult{}, err
	}
	if err := c.hold(ctx, a.cloud.Settle(), state); err != nil {
		return quarantinePrincipalResult{}, err
	}
	return quarantinePrincipalResult{state.PolicyName, state.Principal.Name, string(state.Principal.Kind)}, nil
}

// hold watches a deny for a while and puts it again when it is gone: until IAM
// has spread it, its victim can still delete it. A deny that was never seen may
// only be late, so it gets the length of a watch; one that was seen and is gone
// was taken away. A reading that fails ends the watch, since the deny was put
// and Verify looks again.
func (c *conn) hold(ctx context.Context, watch time.Duration, s quarantineState) error {
	if watch < 0 {
		return nil
	}
	tick := time.NewTicker(max(watch/watchReads, time.Millisecond))
	defer tick.Stop()
	for puts, seen, unseen := 1, 0, 0; seen < agreeingReads; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := c.inPlace(ctx, s)
		if err != nil {
			return nil
		}
		if s.same(now) {
			seen++
			continue
		}
		if unseen++; seen == 0 && unseen < watchReads {
			continue
		}
		if puts == maxPuts {
			return &actions.Error{Class: actions.Unknown, Op: opQuarantine, Err: fmt.Errorf("policy %q was put on %s %d times and is gone or changed again", s.PolicyName, s.Principal, puts),
				Hint: "somebody fights it: use a service control policy, which only the organization's management account can lift"}
		}
		puts, seen, unseen = puts+1, 0, 0
		if err := c.putDeny(ctx, s); err != nil {
			return cloud.AfterEffect(true, err)
		}
	}
	return nil
}

func (a quarantinePrincipal) Verify(ctx context.Context, call actions.Call, p quarantinePrincipalParams, _ quarantinePrincipalResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.policies(ctx, state.Principal)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if now.Boundary, err = c.confirm(ctx, opQuarantine, state.Principal); err != nil {
		return cloud.Unreadable(err)
	}
	there := quarantineState{Principal: state.Principal, PolicyName: state.PolicyName, Mode: state.Mode, Policies: now}.before()
	switch {
	case there == "":
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("%s is not on %s", state.what(), state.Principal)}, nil
	case !state.same(there):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("%s on %s is not the deny that was put", state.what(), state.Principal)}, nil
	}
	// An explicit deny wins over whatever else was added, so other changes are
	// told but do not fail the reading: stopping here would only leave the
	// steps behind undone.
	detail := fmt.Sprintf("%s denies %s everything", state.what(), state.Principal)
	if len(state.Exempt) > 0 {
		detail += " except " + strings.Join(state.Exempt, ", ")
	}
	if drift := state.Policies.differences(now, state.own()); len(drift) > 0 {
		detail += "; changed since the plan: " + strings.Join(drift, ", ")
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
}

func (a quarantinePrincipal) PlanUndo(ctx context.Context, call actions.Call, p quarantinePrincipalParams, _ quarantinePrincipalResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{state.Principal.Target()}}
	if state.same(state.before()) {
		preview.NoUndo = "the deny was there before this step; it stays"
		return preview, nil
	}
	now, err := c.inPlace(ctx, state)
	back := now == state.before() || sameDocument(now, state.before())
	switch {
	case err != nil:
		return preview, err
	case now != "" && !state.same(now) && !back:
		preview.NoUndo = fmt.Sprintf("%s was changed after firebreak put it; look at it and remove it by hand if that is right", state.what())
		return preview, nil
	}
	becomes := "is removed"
	if state.before() != "" {
		becomes = "becomes what it was before"
	}
	preview.InEffect = back
	preview.Changes = []string{fmt.Sprintf("The %s of %s %s: it can act again.", state.longWhat(), state.Principal, becomes)}
	preview.Calls = []string{state.take()}
	preview.Warnings = []string{"Whoever holds credentials of it can use them again at once."}
	return preview, nil
}

func titled(k cloud.Kind) string {
	if k == cloud.Role {
		return "Role"
	}
	return "User"
}

func (a quarantinePrincipal) Undo(ctx context.Context, call actions.Call, p quarantinePrincipalParams, _ quarantinePrincipalResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	return c.liftDeny(ctx, state)
}

func (a quarantinePrincipal) VerifyUndo(ctx context.Context, call actions.Call, p quarantinePrincipalParams, _ quarantinePrincipalResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if state.Mode != modeManaged && state.Mode != modeBoundary {
		return c.restored(ctx, state.Principal, state.PolicyName, state.before())
	}
	now, err := c.inPlace(ctx, state)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case now != state.before():
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("%s is not as it was before: it is %q, it was %q", state.what(), now, state.before())}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("%s is as it was before", state.what())}, nil
}

// resume loads what Plan captured and opens the session.
func (a quarantinePrincipal) resume(ctx context.Context, call actions.Call, p quarantinePrincipalParams) (*conn, quarantineState, error) {
	var state quarantineState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Principal.ARN() != p.PrincipalARN || state.PolicyName == "" || cmp.Or(state.Mode, modeInline) != p.Mode || !slices.Equal(state.Exempt, p.Exempt) {
		return nil, state, actions.WrongState("it is of another principal or mode")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
