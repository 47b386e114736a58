package org

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// lost lists what the user had before and has not now.
func lost(before, now userState) (assignments []assignment, groups []membership) {
	for _, one := range before.Assignments {
		if !slices.Contains(now.Assignments, one) {
			assignments = append(assignments, one)
		}
	}
	for _, m := range before.Groups {
		if !slices.ContainsFunc(now.Groups, func(is membership) bool { return is.Group == m.Group }) {
			groups = append(groups, m)
		}
	}
	return assignments, groups
}

func (a revokeUser) PlanUndo(ctx context.Context, call actions.Call, p revokeUserParams, _ revokeUserResult) (actions.Preview, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{before.target(c)}}
	if before.none() {
		preview.NoUndo = "the user had no access before this step"
		return preview, nil
	}
	now, _, err := c.read(ctx, before)
	if err != nil {
		return preview, err
	}
	assignments, groups := lost(before, now)
	preview.InEffect = len(assignments)+len(groups) == 0
	preview.Changes = []string{fmt.Sprintf("User %s has its access again: %d assignments and %d memberships in groups.", before.Name, len(before.Assignments), len(before.Groups))}
	for _, one := range assignments {
		preview.Changes = append(preview.Changes, "Assignment "+one.String()+" is given again.")
	}
	for _, m := range groups {
		preview.Changes = append(preview.Changes, "The user joins "+m.String()+" again.")
	}
	if len(assignments) > 0 {
		preview.Calls = append(preview.Calls, "sso:CreateAccountAssignment")
	}
	if len(groups) > 0 {
		preview.Calls = append(preview.Calls, "identitystore:CreateGroupMembership")
	}
	preview.Warnings = []string{"If the user was disabled by hand, enable it by hand."}
	return preview, nil
}

// Undo only adds what is missing, so nothing that others did meanwhile is lost.
func (a revokeUser) Undo(ctx context.Context, call actions.Call, p revokeUserParams, _ revokeUserResult) error {
	c, before, err := a.resume(ctx, call, p)
	if err != nil || before.none() {
		return err
	}
	now, _, err := c.read(ctx, before)
	if err != nil {
		return err
	}
	assignments, groups := lost(before, now)
	done := ""
	for _, m := range groups {
		if err := c.join(ctx, before, m); err != nil {
			return cloud.Partly(revokeUserOp, done, err)
		}
		done = "the user is in " + m.String() + " again"
	}
	for _, one := range assignments {
		if err := c.assign(ctx, before, one); err != nil {
			return cloud.Partly(revokeUserOp, done, err)
		}
		done = one.String() + " is asked for again"
	}
	return nil
}

func (a revokeUser) VerifyUndo(ctx context.Context, call actions.Call, p revokeUserParams, _ revokeUserResult) (actions.Reading, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, _, err := c.read(ctx, before)
	if err != nil {
		return cloud.Unreadable(err)
	}
	underway, err := c.underway(ctx, before, true)
	if err != nil {
		return cloud.Unreadable(err)
	}
	assignments, groups := lost(before, now)
	switch {
	case len(groups) > 0:
		return reading(actions.NotVerified, "user %s is not in %s", before.Name, list(groups))
	case len(underway) > 0:
		return reading(actions.Pending, "AWS still works on %s", strings.Join(underway, ", "))
	case len(assignments) > 0:
		return reading(actions.NotVerified, "user %s does not have %s", before.Name, list(assignments))
	}
	return reading(actions.Verified, "user %s has its %d assignments and %d groups again", before.Name, len(before.Assignments), len(before.Groups))
}
