package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func (a revokeInstanceRole) Verify(ctx context.Context, call actions.Call, p revokeInstanceRoleParams, _ revokeInstanceRoleResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	wanted := state.Quarantine
	if state.nothing() != "" {
		wanted = state.Profile // the step leaves what it found
	}
	reading, err := c.hasProfile(ctx, p.InstanceID, wanted)
	if err != nil {
		return unreadable(err)
	}
	if reading.Verdict != actions.Verified || state.Revocation == nil {
		return reading, nil
	}
	deny, err := state.Revocation.Read(ctx, c.Conn, call)
	if err != nil {
		return unreadable(err)
	}
	deny.Detail = reading.Detail + "; " + deny.Detail
	return deny, nil
}

// hasProfile reads whether an instance has exactly this profile; empty: none. An
// instance without associations is looked at itself: it says whether it has a
// profile, which an empty list cannot.
func (c *conn) hasProfile(ctx context.Context, instance, profile string) (actions.Reading, error) {
	all, err := c.associations(ctx, instance)
	if err != nil {
		return actions.Reading{}, err
	}
	for _, one := range all {
		switch {
		case one.state == types.IamInstanceProfileAssociationStateDisassociating, one.state == types.IamInstanceProfileAssociationStateAssociating && one.profile == profile:
			return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("instance profile %s of instance %s is %s", nameIn(one.profile), instance, one.state)}, nil
		case one.profile != profile:
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s has the instance profile %s", instance, nameIn(one.profile))}, nil
		}
	}
	if len(all) > 0 {
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("instance %s has the instance profile %s", instance, nameIn(profile))}, nil
	}
	found, err := c.instance(ctx, instance)
	switch {
	case err != nil:
		return actions.Reading{}, err
	case profileName(found) != "":
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("AWS lists no association of instance %s, but the instance shows the profile %s", instance, profileName(found))}, nil
	case profile != "":
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("instance %s has no instance profile", instance)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("instance %s has no instance profile", instance)}, nil
}

func (a revokeInstanceRole) PlanUndo(ctx context.Context, call actions.Call, p revokeInstanceRoleParams, _ revokeInstanceRoleResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("instance", p.InstanceID)}}
	if preview.NoUndo = state.nothing(); preview.NoUndo != "" {
		return preview, nil
	}
	all, err := c.associations(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	now, has := holding(all)
	switch {
	case has && now.profile == state.Profile:
		preview.Changes = []string{fmt.Sprintf("Instance %s has the instance profile %s again.", p.InstanceID, nameIn(state.Profile))}
		if state.Revocation == nil {
			preview.InEffect = true
		} else if reading, err := state.Revocation.Restored(ctx, c.Conn, call); err != nil {
			return preview, err
		} else {
			preview.InEffect = reading.Verdict == actions.Verified
		}
	case now.profile != state.Quarantine:
		preview.NoUndo = fmt.Sprintf("the instance has the instance profile %q, neither what it had nor what this step gave it; look at it", now.profile)
		return preview, nil
	default:
		preview.Changes = []string{fmt.Sprintf("Instance %s gets the instance profile %s again.", p.InstanceID, nameIn(state.Profile))}
		preview.Calls = []string{"ec2:ReplaceIamInstanceProfileAssociation"}
		if p.Mode == "remove" {
			preview.Calls = []string{"ec2:AssociateIamInstanceProfile"}
		}
	}
	preview.Warnings = []string{"Whoever is on the host can use its role again at once."}
	if state.Revocation != nil {
		preview.Targets = append(preview.Targets, state.Revocation.Role.Target())
		preview.Changes = append(preview.Changes, fmt.Sprintf("The inline policy %s of %s becomes what it was before.", state.Revocation.PolicyName, state.Revocation.Role))
		if state.Revocation.Before == "" {
			preview.Calls = append(preview.Calls, "iam:DeleteRolePolicy")
		} else {
			preview.Calls = append(preview.Calls, "iam:PutRolePolicy")
		}
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Sessions that the instance got before work again until they expire, wherever they were copied; the longest lives %d s.", state.Revocation.MaxSeconds))
	}
	return preview, nil
}

func (a revokeInstanceRole) Undo(ctx context.Context, call actions.Call, p revokeInstanceRoleParams, _ revokeInstanceRoleResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil || state.nothing() != "" {
		return err
	}
	all, err := c.associations(ctx, p.InstanceID)
	if err != nil {
		return err
	}
	now, has := holding(all)
	back := has && now.profile == state.Profile
	if !back && now.profile != state.Quarantine {
		return profileChanged(p.InstanceID, now.profile, state.Quarantine)
	}
	// The deny first: when somebody changed it, nothing is taken back.
	if state.Revocation != nil {
		if err := state.Revocation.Restore(ctx, c.Conn, call); err != nil {
			return cloud.AfterEffect(back, err)
		}
	}
	switch {
	case back:
		return nil
	case p.Mode == "replace":
		err = c.replaceProfile(ctx, now.id, state.Profile)
	default:
		err = c.associateProfile(ctx, p.InstanceID, state.Profile)
	}
	return cloud.AfterEffect(state.Revocation != nil, err)
}

func (a revokeInstanceRole) VerifyUndo(ctx context.Context, call actions.Call, p revokeInstanceRoleParams, _ revokeInstanceRoleResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	reading, err := c.hasProfile(ctx, p.InstanceID, state.Profile)
	if err != nil {
		return unreadable(err)
	}
	if reading.Verdict != actions.Verified || state.Revocation == nil {
		return reading, nil
	}
	deny, err := state.Revocation.Restored(ctx, c.Conn, call)
	if err != nil {
		return unreadable(err)
	}
	deny.Detail = reading.Detail + "; " + deny.Detail
	return deny, nil
}
