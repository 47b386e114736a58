package iam

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Revocation is a deny for the sessions that one EC2 instance has of its role,
// as a part of a step of another service: cutting an instance off its role ends
// in one. It is what a Plan captures, and marshals to JSON without secrets.
//
// Other sessions of the role, those of other instances too, are not touched.
type Revocation struct {
	Role       cloud.Principal `json:"role"`
	RoleID     string          `json:"role_id"`
	Instance   string          `json:"instance"`
	PolicyName string          `json:"policy_name"`
	Before     string          `json:"before,omitempty"` // document under that name; empty: none
	Cutoff     time.Time       `json:"cutoff"`           // the earliest that will do: AWS time while planning, plus 30 s
	MaxSeconds int             `json:"max_seconds"`      // longest life of a session of the role
}

const opInstance = "revoke the sessions of an instance"

// NewRevocation reads what a revocation will need, and changes nothing. The
// error is of class precondition for a role that must not be contained through
// this session, not-found for one that does not exist.
func NewRevocation(ctx context.Context, session *cloud.Conn, _ actions.Call, roleName, instanceID string) (Revocation, error) {
	r := Revocation{Instance: instanceID, PolicyName: revocationName("instance", instanceID)}
	if !instanceForm.MatchString(instanceID) {
		return r, &actions.Error{Class: actions.Invalid, Op: opInstance, Err: fmt.Errorf("%q is not an instance id; write it like i-0abc1234def567890", instanceID)}
	}
	c := over(session)
	role, server, err := c.role(ctx, roleName)
	if err != nil {
		return r, err
	}
	if r.Role, err = cloud.ParsePrincipal(aws.ToString(role.Arn)); err != nil {
		return r, &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: err}
	}
	if err := c.Refuse(opInstance, r.Role); err != nil {
		return r, err
	}
	r.RoleID, r.MaxSeconds, r.Cutoff = aws.ToString(role.RoleId), int(aws.ToInt32(role.MaxSessionDuration)), server.Add(headroom)
	r.Before, _, err = c.inline(ctx, r.Role, r.PolicyName)
	return r, err
}

// Describe adds what Put will change to the preview of a step.
func (r Revocation) Describe(preview *actions.Preview) {
	preview.Targets = append(preview.Targets, r.Role.Target())
	preview.Changes = append(preview.Changes, fmt.Sprintf("Sessions of %s that instance %s got until now are denied everything (policy %s).", r.Role, r.Instance, r.PolicyName))
	preview.Calls = append(preview.Calls, "iam:PutRolePolicy")
	if _, ours := r.read(r.Before); r.Before != "" && !ours {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("A policy %s is there that firebreak did not write; it is replaced, and undo brings it back.", r.PolicyName))
	}
}

// Put puts the deny for sessions issued until 30 s from now, by AWS's clock. One
// that this step has put before stays as it is, and so does one with a later
// cutoff: it is safe to repeat. Call it after the instance has lost the role, or
// the instance fetches a newer session.
func (r Revocation) Put(ctx context.Context, session *cloud.Conn, call actions.Call) error {
	c := over(session)
	if err := c.Refuse(opInstance, r.Role); err != nil {
		return err
	}
	role, server, err := c.role(ctx, r.Role.Name)
	if err != nil {
		return err
	}
	if aws.ToString(role.RoleId) != r.RoleID {
		return &actions.Error{Class: actions.Precondition, Op: opInstance, Err: fmt.Errorf("%s is another role of that name since the plan", r.Role), Hint: "plan the step again"}
	}
	document, _, err := c.inline(ctx, r.Role, r.PolicyName)
	if err != nil {
		return err
	}
	cutoff := server.Add(headroom)
	if there, ours := r.read(document); ours && (r.own(call, document) && !there.Before(r.Cutoff) || !there.Before(cutoff)) {
		return nil
	}
	return c.putInline(ctx, r.Role, r.PolicyName, revocation(r.sid(call), r.RoleID, "instance", r.Instance, cutoff))
}

// Read makes one reading of whether the deny is there. It is not verified when
// somebody removed it, changed it, or moved its cutoff back.
func (r Revocation) Read(ctx context.Context, session *cloud.Conn, call actions.Call) (actions.Reading, error) {
	document, found, err := over(session).inline(ctx, r.Role, r.PolicyName)
	if err != nil {
		return cloud.Unreadable(err)
	}
	wanted := r.Cutoff
	if started := call.Started.UTC().Add(headroom).Truncate(time.Second); !r.own(call, document) && started.After(wanted) {
		wanted = started // another run's deny has to cover the sessions that were made until we began
	}
	there, ours := r.read(document)
	switch {
	case !found:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s is not on %s", r.PolicyName, r.Role)}, nil
	case !ours:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s on %s is not the deny that was put", r.PolicyName, r.Role)}, nil
	case there.Before(wanted):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("policy %s on %s denies only sessions before %s, not %s", r.PolicyName, r.Role, there.Format(time.RFC3339), wanted.Format(time.RFC3339))}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("policy %s denies sessions of %s before %s (instance %s)", r.PolicyName, r.Role, there.Format(time.RFC3339), r.Instance)}, nil
}

// Restore brings back what stood under the policy's name before: a document, or
// none. It is an error of class precondition when somebody else changed the
// policy since.
func (r Revocation) Restore(ctx context.Context, session *cloud.Conn, call actions.Call) error {
	return over(session).restoreInline(ctx, opInstance, r.Role, r.PolicyName, r.Before, func(document string) bool { return r.own(call, document) })
}

// Restored makes one reading of whether what stood there before stands there
// again.
func (r Revocation) Restored(ctx context.Context, session *cloud.Conn, _ actions.Call) (actions.Reading, error) {
	return over(session).restored(ctx, r.Role, r.PolicyName, r.Before)
}

// RevocationRights are the rows for an action that uses a Revocation. The role
// is known only when the action runs.
func RevocationRights() []actions.Permission {
	row := func(phase actions.Phase, action, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: "arn:{partition}:iam::{account}:role/{role}", Why: why}
	}
	return []actions.Permission{
		row(actions.PhasePlan, "iam:GetRole", "read the id of the instance's role"),
		row(actions.PhasePlan, "iam:GetRolePolicy", "read a revocation that is already there"),
		row(actions.PhaseExecute, "iam:GetRole", "see that the role is still the same, and AWS's time"),
		row(actions.PhaseExecute, "iam:GetRolePolicy", "keep a later cutoff"),
		row(actions.PhaseExecute, "iam:PutRolePolicy", "deny the sessions that the instance has"),
		row(actions.PhaseVerify, "iam:GetRolePolicy", "read the deny back"),
		row(actions.PhaseUndo, "iam:GetRolePolicy", "see whether the deny is still ours"),
		row(actions.PhaseUndo, "iam:DeleteRolePolicy", "remove the deny"),
		row(actions.PhaseUndo, "iam:PutRolePolicy", "put back an earlier revocation"),
	}
}

// sid names incident, run and step: the cutoff is read from a clock, so it is
// the name that tells what this step put.
func (r Revocation) sid(call actions.Call) string {
	return sidPrefix + notSid.ReplaceAllString(call.Incident+call.Run+call.Step, "")
}

func (r Revocation) read(document string) (cutoff time.Time, ours bool) {
	return readRevocation(document, r.RoleID, "instance", r.Instance)
}

// own says whether document is one that this step put.
func (r Revocation) own(call actions.Call, document string) bool {
	cutoff, ours := r.read(document)
	return ours && sameDocument(document, revocation(r.sid(call), r.RoleID, "instance", r.Instance, cutoff))
}

func over(session *cloud.Conn) *conn { return &conn{session, iam.NewFromConfig(session.Config)} }

// role reads a role, and AWS's time in whole seconds.
func (c *conn) role(ctx context.Context, name string) (*types.Role, time.Time, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetRole", c.iam.GetRole, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return nil, time.Time{}, err
	}
	if out.Role == nil || aws.ToString(out.Role.RoleId) == "" {
		return nil, time.Time{}, cloud.Empty("iam:GetRole", name)
	}
	server, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		return nil, time.Time{}, &actions.Error{Class: actions.Transient, Op: "iam:GetRole", Err: errors.New("the answer carries no time, so no cutoff can be told")}
	}
	return out.Role, server.UTC().Truncate(time.Second), nil
}
