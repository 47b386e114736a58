package ec2

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/iam"
)

type revokeInstanceRole struct{ cloud *cloud.Cloud }

type revokeInstanceRoleParams struct {
	InstanceID string `json:"instance_id" doc:"the instance" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$"`
	Mode       string `json:"mode" doc:"replace gives it a quarantine profile, so that Systems Manager still reaches it; remove leaves it without a role" enum:"replace,remove" default:"replace"`
	Quarantine string `json:"quarantine_profile,omitempty" doc:"name or ARN of the instance profile for mode replace; its role should allow Systems Manager and nothing else; empty with mode remove" example:"firebreak-quarantine" pattern:"^((arn:aws[a-z-]*:iam::[0-9]{12}:instance-profile/)?[A-Za-z0-9+=,.@_/-]{1,512})?$"`
}

type revokeInstanceRoleResult struct {
	PreviousProfile string `json:"previous_profile" doc:"ARN of the instance profile that the instance had; empty: it had none"`
	Profile         string `json:"profile" doc:"ARN of the instance profile that it has now; empty: none"`
	Role            string `json:"role" doc:"name of the role that it lost; empty: not known"`
	PolicyName      string `json:"policy_name" doc:"inline policy on that role that denies the sessions of this instance; empty: there was no role to put it on"`
}

// roleState is what Plan captures.
type roleState struct {
	Instance   string          `json:"instance"`
	Mode       string          `json:"mode"`
	Profile    string          `json:"profile,omitempty"`    // ARN; empty: it had none
	Quarantine string          `json:"quarantine,omitempty"` // ARN; empty in mode remove
	Revocation *iam.Revocation `json:"revocation,omitempty"` // nil: the profile had no role, or is gone
}

// nothing says why the step has nothing to do; empty: it has.
func (s roleState) nothing() string {
	switch {
	case s.Profile == "":
		return "the instance had no instance profile before this step"
	case s.Profile == s.Quarantine:
		return "the instance had the quarantine profile before this step"
	}
	return ""
}

const opRole = "aws.ec2.revoke_instance_role"

func (revokeInstanceRole) Spec() actions.Spec {
	row := func(phase actions.Phase, action, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why}
	}
	const instance, role = "arn:{partition}:ec2:{region}:{account}:instance/{instance_id}", "arn:{partition}:iam::{account}:role/{role}"
	pass := func(phase actions.Phase, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "iam:PassRole", Resource: role, Why: why,
			Conditions: actions.Conditions{"StringEquals": {"iam:PassedToService": {"ec2.amazonaws.com", "ec2.amazonaws.com.cn"}}}}
	}
	return actions.Spec{
		Name: opRole, Version: 1,
		Title: "Take an instance's role away",
		Doc: "Replaces the instance profile of an instance with a quarantine profile, or removes it, and then denies the sessions of the role that this one instance has got until now: those live on for hours otherwise, wherever they were copied. " +
			"Other instances with the same role are not touched. Capture memory first when the host needs its role for that, or give it a quarantine profile that allows it.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "Everything on the instance that uses its role fails within seconds. Other instances and sessions of the role go on.",
		StaysAlive: []string{
			"Credentials of other kinds on the host: access keys in files, tokens, passwords.",
			"Other roles that were assumed with the instance's session: revoke them with aws.iam.revoke_sessions.",
			"The session until the deny has spread, which takes seconds.",
			"In mode replace, whatever the quarantine profile allows, to whoever is on the host.",
		},
		Permissions: append([]actions.Permission{
			row(actions.PhasePlan, "ec2:DescribeInstances", "*", "see that the instance is there, and not our own"),
			row(actions.PhasePlan, "ec2:DescribeIamInstanceProfileAssociations", "*", "read the profile that the instance has"),
			row(actions.PhasePlan, "iam:GetInstanceProfile", "arn:{partition}:iam::{account}:instance-profile/{profile}", "find the role inside a profile, whose name may be another one"),
			row(actions.PhaseExecute, "ec2:DescribeInstances", "*", "see again that the instance is not our own"),
			row(actions.PhaseExecute, "ec2:DescribeIamInstanceProfileAssociations", "*", "see what an earlier attempt did"),
			row(actions.PhaseExecute, "ec2:ReplaceIamInstanceProfileAssociation", instance, "give it the quarantine profile"),
			row(actions.PhaseExecute, "ec2:DisassociateIamInstanceProfile", instance, "remove the profile"),
			pass(actions.PhaseExecute, "give the instance the role of the quarantine profile"),
			row(actions.PhaseVerify, "ec2:DescribeInstances", "*", "see that an instance without associations has no profile"),
			row(actions.PhaseVerify, "ec2:DescribeIamInstanceProfileAssociations", "*", "read the profile back"),
			row(actions.PhaseUndo, "ec2:DescribeIamInstanceProfileAssociations", "*", "see whether the profile is still as we left it"),
			row(actions.PhaseUndo, "ec2:ReplaceIamInstanceProfileAssociation", instance, "give it the profile back that it had"),
			row(actions.PhaseUndo, "ec2:AssociateIamInstanceProfile", instance, "give it the profile back that was removed"),
			pass(actions.PhaseUndo, "give the instance its role back"),
		}, iam.RevocationRights()...),
		Settle: 15 * time.Second,
	}
}

func (a revokeInstanceRole) Plan(ctx context.Context, call actions.Call, p revokeInstanceRoleParams) (actions.Preview, error) {
	var preview actions.Preview
	switch {
	case p.Mode == "replace" && p.Quarantine == "":
		return preview, &actions.Error{Class: actions.Invalid, Op: opRole, Err: errors.New("mode replace needs a quarantine_profile"), Hint: "give one, or take mode remove, which also cuts Systems Manager off"}
	case p.Mode == "remove" && p.Quarantine != "":
		return preview, &actions.Error{Class: actions.Invalid, Op: opRole, Err: fmt.Errorf("quarantine_profile %q has no meaning with mode remove", p.Quarantine), Hint: "leave it out, or take mode replace"}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	instance, err := c.instanceToChange(ctx, opRole, p.InstanceID)
	if err != nil {
		return preview, err
	}
	all, err := c.associations(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	now, has := holding(all)
	if named := profileName(instance); !has && named != "" {
		return preview, &actions.Error{Class: actions.Transient, Op: opRole, Err: fmt.Errorf("instance %q shows the instance profile %q, but AWS lists no association of it", p.InstanceID, named), Hint: "it is being changed; plan again in a minute"}
	}
	state := roleState{Instance: p.InstanceID, Mode: p.Mode, Profile: now.profile}
	preview.Targets = []actions.Target{c.target("instance", p.InstanceID)}
	quarantineRole := ""
	if p.Mode == "replace" {
		if state.Quarantine, quarantineRole, err = a.quarantine(ctx, c, p.Quarantine); err != nil {
			return preview, err
		}
	}
	if why := state.nothing(); why != "" {
		preview.InEffect, preview.NoUndo = true, why
		preview.Changes = []string{fmt.Sprintf("Instance %s keeps what it has: %s.", p.InstanceID, why)}
		preview.Calls = []string{"ec2:DescribeIamInstanceProfileAssociations"}
		preview.Warnings = []string{"No sessions are revoked: the role that it may have had earlier is not known here. Use aws.iam.revoke_sessions with scope instance when there was one."}
		return preview, preview.Capture(state)
	}
	if err := a.lost(ctx, c, call, &state, &preview, quarantineRole); err != nil {
		return preview, err
	}
	return preview, preview.Capture(state)
}

// quarantine reads the profile to give, and its role.
func (a revokeInstanceRole) quarantine(ctx context.Context, c *conn, given string) (arn, role string, err error) {
	arn, role, err = c.profileRole(ctx, nameIn(given))
	switch {
	case err != nil:
		return "", "", err
	case strings.HasPrefix(given, "arn:") && given != arn:
		return "", "", &actions.Error{Class: actions.Precondition, Op: opRole, Err: fmt.Errorf("the instance profile %q is %q in AWS", given, arn), Hint: "give the ARN exactly as AWS shows it"}
	case role == "":
		return "", "", &actions.Error{Class: actions.Precondition, Op: opRole, Err: fmt.Errorf("the quarantine profile %q has no role", arn), Hint: "add a role that allows Systems Manager and nothing else"}
	case c.IsSelf(cloud.Principal{Account: c.Account, Kind: cloud.Role, Name: role}):
		return "", "", &actions.Error{Class: actions.Precondition, Op: opRole, Err: fmt.Errorf("the quarantine profile %q holds the role %q, which firebreak itself uses", arn, role), Hint: "that would give the host firebreak's own rights; take another profile"}
	}
	return arn, role, nil
}

// lost finds the role that the instance loses, and says what will happen.
func (a revokeInstanceRole) lost(ctx context.Context, c *conn, call actions.Call, state *roleState, preview *actions.Preview, quarantineRole string) error {
	_, role, err := c.profileRole(ctx, nameIn(state.Profile))
	if err != nil && actions.ClassOf(err) != actions.NotFound {
		return err
	}
	if role != "" && role == quarantineRole {
		return &actions.Error{Class: actions.Precondition, Op: opRole, Err: fmt.Errorf("the quarantine profile %q holds the role %q, which the instance has already", nameIn(state.Quarantine), role), Hint: "take a profile with a role of its own"}
	}
	if state.Mode == "replace" {
		preview.Changes = []string{fmt.Sprintf("Instance %s gets the instance profile %s (role %s) in the place of %s (role %s).", state.Instance, nameIn(state.Quarantine), quarantineRole, nameIn(state.Profile), word(role))}
		preview.Calls = []string{"ec2:ReplaceIamInstanceProfileAssociation"}
	} else {
		preview.Changes = []string{fmt.Sprintf("Instance %s loses its instance profile %s (role %s).", state.Instance, nameIn(state.Profile), word(role))}
		preview.Calls = []string{"ec2:DisassociateIamInstanceProfile"}
		preview.Warnings = append(preview.Warnings, "Systems Manager does not reach the host any more, so that memory cannot be captured over it.")
	}
	if role == "" {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The instance profile %s is gone or has no role: no sessions are revoked. Use aws.iam.revoke_sessions with scope instance on the role that it had.", nameIn(state.Profile)))
		return nil
	}
	revocation, err := iam.NewRevocation(ctx, c.Conn, call, role, state.Instance)
	if err != nil {
		return err
	}
	state.Revocation = &revocation
	revocation.Describe(preview)
	return nil
}

func word(role string) string {
	if role == "" {
		return "not known"
	}
	return role
}

func (a revokeInstanceRole) Execute(ctx context.Context, call actions.Call, p revokeInstanceRoleParams) (revokeInstanceRoleResult, error) {
	var r revokeInstanceRoleResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	r = revokeInstanceRoleResult{PreviousProfile: state.Profile, Profile: state.Quarantine}
	if state.Revocation != nil {
		r.Role, r.PolicyName = state.Revocation.Role.Name, state.Revocation.PolicyName
	}
	instance, err := c.instanceToChange(ctx, opRole, p.InstanceID)
	if err != nil {
		return r, err
	}
	all, err := c.associations(ctx, p.InstanceID)
	if err != nil {
		return r, err
	}
	now, has := holding(all)
	if state.nothing() != "" {
		if now.profile != state.Profile {
			return r, profileChanged(p.InstanceID, now.profile, state.Profile)
		}
		r.Profile = state.Profile
		return r, nil
	}
	switch {
	case now.profile == state.Profile && p.Mode == "replace":
		err = c.replaceProfile(ctx, now.id, state.Quarantine)
	case now.profile == state.Profile:
		err = c.disassociateProfile(ctx, now.id)
	case has && now.profile == state.Quarantine: // an earlier attempt did it
	case !has && p.Mode == "remove" && len(all) == 0 && profileName(instance) != "":
		err = &actions.Error{Class: actions.Transient, Op: opRole, Err: fmt.Errorf("instance %q shows the instance profile %q, but AWS lists no association of it", p.InstanceID, profileName(instance)), Hint: "it is being changed; try again in a minute"}
	case !has && p.Mode == "remove": // as before
	default:
		err = profileChanged(p.InstanceID, now.profile, state.Profile)
	}
	if err != nil {
		return r, err
	}
	if state.Revocation == nil {
		return r, nil
	}
	// The source is cut, so that nothing newer than this deny can be fetched.
	return r, cloud.AfterEffect(true, state.Revocation.Put(ctx, c.Conn, call))
}

// resume loads what Plan captured and opens the session.
func (a revokeInstanceRole) resume(ctx context.Context, call actions.Call, p revokeInstanceRoleParams) (*conn, roleState, error) {
	var state roleState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.InstanceID || state.Mode != p.Mode || nameIn(state.Quarantine) != nameIn(p.Quarantine) {
		return nil, state, actions.WrongState("it is of another instance, mode or quarantine profile")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
