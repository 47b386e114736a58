package org

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type revokeUser struct{ cloud *cloud.Cloud }

type revokeUserParams struct {
	User     string `json:"user" doc:"name, e-mail address or id of the user in Identity Center" example:"alice@example.com" pattern:"^[^\\s]{1,128}$" subject:"true"`
	Region   string `json:"region,omitempty" doc:"region of Identity Center; empty: that of the environment" example:"eu-west-1" pattern:"^[a-z]{2}(-[a-z]+)+-[0-9]$"`
	Instance string `json:"instance,omitempty" doc:"ARN of the instance of Identity Center, where several are to be seen" example:"arn:aws:sso:::instance/ssoins-1234567890abcdef" pattern:"^arn:aws[a-z-]*:sso:::instance/(sso)?ins-[a-zA-Z0-9.-]{16}$"`
}

type revokeUserResult struct {
	UserID      string   `json:"user_id" doc:"id of the user; give it to aws.organizations.quarantine, which ends running sessions"`
	UserName    string   `json:"user_name" doc:"name of the user"`
	Assignments []string `json:"assignments" doc:"assignments that were removed"`
	Groups      []string `json:"groups" doc:"groups that the user was taken out of"`
}

const revokeUserOp = "aws.identitycenter.revoke_user"

func (revokeUser) Spec() actions.Spec {
	return actions.Spec{
		Name: revokeUserOp, Version: 1,
		Title: "Take all access from a user of Identity Center",
		Doc: "Removes the assignments of a user of IAM Identity Center to accounts, and takes the user out of all groups, so that no new session can be begun. " +
			"Running sessions need a service control policy (aws.organizations.quarantine with user_id), and the portal a manual step.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "The user loses all AWS accounts and all applications that are given by groups. Nobody else is touched.",
		StaysAlive: []string{
			"Sessions of permission sets live on until they expire, up to 12 hours: deny them with aws.organizations.quarantine, mode principal_scp and user_id.",
			"Sessions in the access portal: AWS has no call to end them, nor to disable the user. A manual step must follow: in Identity Center disable the user, and delete the active sessions.",
			"Applications that were assigned to the user directly.",
			"Where users come from an identity provider (SCIM), it may put the user back into groups: suspend the user there first.",
		},
		Permissions: revokeUserRights(),
		Timeout:     2 * time.Minute, Settle: 15 * time.Second,
	}
}

func revokeUserRights() []actions.Permission {
	const (
		center     = "arn:{partition}:sso:::instance/{instance}"
		store      = "arn:{partition}:identitystore::{management}:identitystore/{store}"
		user       = "arn:{partition}:identitystore:::user/{user}"
		group      = "arn:{partition}:identitystore:::group/{group}"
		memberList = "arn:{partition}:identitystore:::membership/{membership}"
		target     = "arn:{partition}:sso:::account/{target}"
		set        = "arn:{partition}:sso:::permissionSet/{instance}/{set}"
	)
	var rows []actions.Permission
	add := func(phases []actions.Phase, action, why string, resources ...string) {
		for _, phase := range phases {
			for _, resource := range resources {
				rows = append(rows, actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why})
			}
		}
	}
	plan, execute, verify, undo := actions.PhasePlan, actions.PhaseExecute, actions.PhaseVerify, actions.PhaseUndo
	all := []actions.Phase{plan, execute, verify, undo}
	add([]actions.Phase{plan}, "sso:ListInstances", "find Identity Center", "*") // AWS knows nothing smaller
	add([]actions.Phase{plan}, "identitystore:GetUserId", "find the user", store, user)
	add([]actions.Phase{plan}, "identitystore:DescribeUser", "make sure that it is the one that is meant", store, user)
	add([]actions.Phase{plan}, "identitystore:DescribeGroup", "show the names of groups", store, group)
	add(all, "identitystore:ListGroupMembershipsForMember", "read the groups of the user", store, user, memberList)
	add(all, "sso:ListAccountAssignmentsForPrincipal", "read the assignments of the user", center)
	add([]actions.Phase{execute}, "sso:DeleteAccountAssignment", "remove the user's own assignments", center, target, set)
	add([]actions.Phase{execute}, "identitystore:DeleteGroupMembership", "take the user out of groups", store, memberList)
	add([]actions.Phase{verify}, "sso:ListAccountAssignmentDeletionStatus", "see whether AWS still works on it", center)
	add([]actions.Phase{verify}, "sso:DescribeAccountAssignmentDeletionStatus", "see what AWS still works on", center)
	add([]actions.Phase{undo}, "sso:CreateAccountAssignment", "give the assignments back", center, target, set)
	add([]actions.Phase{undo}, "identitystore:CreateGroupMembership", "put the user back into the groups", store, group, user)
	add([]actions.Phase{undo}, "sso:ListAccountAssignmentCreationStatus", "see whether AWS still works on it", center)
	add([]actions.Phase{undo}, "sso:DescribeAccountAssignmentCreationStatus", "see what AWS still works on", center)
	return rows
}

// read reads what gives the user access now.
func (c *conn) read(ctx context.Context, s userState) (now userState, inherited int, err error) {
	if s.Assignments, inherited, err = c.access(ctx, s); err != nil {
		return s, 0, err
	}
	s.Groups, err = c.groups(ctx, s)
	return s, inherited, err
}

func (s userState) none() bool { return len(s.Assignments) == 0 && len(s.Groups) == 0 }

func (s userState) target(c *conn) actions.Target {
	return actions.Target{Type: "aws.identitycenter.user", ID: s.Name, Account: c.Account, Region: c.Region}
}

func (a revokeUser) Plan(ctx context.Context, call actions.Call, p revokeUserParams) (actions.Preview, error) {
	var preview actions.Preview
	c, err := open(ctx, a.cloud, call, p.Region)
	if err != nil {
		return preview, err
	}
	s := userState{Asked: p.User, Region: p.Region}
	if s.Instance, s.Store, err = c.instance(ctx, p.Instance); err != nil {
		return preview, err
	}
	if s.ID, s.Name, err = c.user(ctx, s.Store, p.User); err != nil {
		return preview, err
	}
	if err := c.refuse(s); err != nil {
		return preview, err
	}
	s, inherited, err := c.read(ctx, s)
	if err != nil {
		return preview, err
	}
	for i, m := range s.Groups {
		if s.Groups[i].Name, err = c.groupName(ctx, s.Store, m.Group); err != nil {
			return preview, err
		}
	}
	preview = actions.Preview{
		Targets: []actions.Target{s.target(c)},
		Changes: []string{fmt.Sprintf("User %s (%s) gets no access by Identity Center any more: %d assignments and %d memberships in groups are removed.", s.Name, s.ID, len(s.Assignments), len(s.Groups))},
		Calls:   []string{},
		Warnings: []string{
			"Sessions that were begun go on until they expire: deny them with aws.organizations.quarantine and user_id " + s.ID + ".",
			"A manual step must follow: in Identity Center disable the user and delete the active portal sessions. AWS has no call for it.",
			"If the user comes from an identity provider, suspend it there, or its groups may come back.",
		},
		InEffect: s.none(),
	}
	for _, one := range s.Assignments {
		preview.Changes = append(preview.Changes, "Assignment "+one.String()+" is removed.")
	}
	for _, m := range s.Groups {
		preview.Changes = append(preview.Changes, "The user leaves "+m.String()+".")
	}
	if len(s.Assignments) > 0 {
		preview.Calls = append(preview.Calls, "sso:DeleteAccountAssignment")
	}
	if len(s.Groups) > 0 {
		preview.Calls = append(preview.Calls, "identitystore:DeleteGroupMembership")
	}
	if inherited > 0 {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("%d more assignments come by groups and end with the memberships.", inherited))
	}
	if s.none() {
		preview.NoUndo = "the user had no access before"
	}
	return preview, preview.Capture(s)
}

func (a revokeUser) Execute(ctx context.Context, call actions.Call, p revokeUserParams) (revokeUserResult, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return revokeUserResult{}, err
	}
	r := revokeUserResult{UserID: before.ID, UserName: before.Name, Assignments: []string{}, Groups: []string{}}
	if err := c.refuse(before); err != nil {
		return r, err
	}
	now, _, err := c.read(ctx, before)
	if err != nil {
		return r, err
	}
	done := ""
	for _, one := range before.Assignments {
		r.Assignments = append(r.Assignments, one.String())
		if !slices.Contains(now.Assignments, one) {
			continue
		}
		if err := c.unassign(ctx, before, one); err != nil {
			return r, cloud.Partly(revokeUserOp, done, err)
		}
		done = "removal of " + one.String() + " is asked for"
	}
	for _, m := range before.Groups {
		r.Groups = append(r.Groups, m.String())
		for _, is := range now.Groups {
			if is.Group != m.Group {
				continue
			}
			if err := c.leave(ctx, before, is); err != nil {
				return r, cloud.Partly(revokeUserOp, done, err)
			}
			done = "the user left " + m.String()
		}
	}
	return r, nil
}

func (a revokeUser) Verify(ctx context.Context, call actions.Call, p revokeUserParams, _ revokeUserResult) (actions.Reading, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, inherited, err := c.read(ctx, before)
	if err != nil {
		return cloud.Unreadable(err)
	}
	underway, err := c.underway(ctx, before, false)
	if err != nil {
		return cloud.Unreadable(err)
	}
	switch {
	case len(now.Groups) > 0:
		return reading(actions.NotVerified, "user %s is in %s%s", before.Name, list(now.Groups), since(before, now))
	case len(underway) > 0:
		return reading(actions.Pending, "AWS still removes %s", strings.Join(underway, ", "))
	case len(now.Assignments) > 0:
		return reading(actions.NotVerified, "user %s has %s", before.Name, list(now.Assignments))
	case inherited > 0:
		return reading(actions.Pending, "user %s is in no group, but AWS lists %d assignments by groups yet", before.Name, inherited)
	}
	return reading(actions.Verified, "user %s has no assignment and is in no group; portal sessions cannot be read and need the manual step", before.Name)
}

// since says what came after the plan, as an identity provider does it.
func since(before, now userState) string {
	for _, m := range now.Groups {
		if !slices.ContainsFunc(before.Groups, func(b membership) bool { return b.Group == m.Group }) {
			return ", new since the plan"
		}
	}
	return "; was it put back by the identity provider?"
}

// resume loads what Plan captured and opens the session.
func (a revokeUser) resume(ctx context.Context, call actions.Call, p revokeUserParams) (*conn, userState, error) {
	var s userState
	if err := call.LoadState(&s); err != nil {
		return nil, s, err
	}
	if s.Asked != p.User || s.Region != p.Region || p.Instance != "" && s.Instance != p.Instance {
		return nil, s, actions.WrongState("it is of user %q", s.Asked)
	}
	c, err := open(ctx, a.cloud, call, p.Region)
	return c, s, err
}
