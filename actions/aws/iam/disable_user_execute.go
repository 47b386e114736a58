package iam

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Execute denies first: from then on the rest only has to be done, not to be
// done in time.
func (a disableUser) Execute(ctx context.Context, call actions.Call, p disableUserParams) (disableUserResult, error) {
	var r disableUserResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	if err := c.Refuse(opDisable, state.User); err != nil {
		return r, err
	}
	if err := c.putInline(ctx, state.User, state.PolicyName, denyAll); err != nil {
		return r, err
	}
	if err := c.hold(ctx, a.cloud.Settle(), quarantineState{Principal: state.User, PolicyName: state.PolicyName}); err != nil {
		return r, err
	}
	if err := c.switchOff(ctx, state, p); err != nil {
		return r, cloud.AfterEffect(true, err)
	}
	r = disableUserResult{User: state.User.Name, PolicyName: state.PolicyName, Deactivated: []string{}, Console: "none", MFA: state.kept(p), Groups: []string{}}
	for _, one := range state.active() {
		r.Deactivated = append(r.Deactivated, one.String())
	}
	if state.Password {
		r.Console = map[string]string{"delete": "deleted", "reset": "reset"}[p.Console]
	}
	if p.Groups == "remove" {
		r.Groups = append(r.Groups, state.Groups...)
	}
	return r, nil
}

// switchOff reads each class again, so that it also meets what appeared since
// the plan.
func (c *conn) switchOff(ctx context.Context, state disabledState, p disableUserParams) error {
	user := state.User.Name
	for _, class := range state.Classes {
		if class == console {
			if err := c.takePassword(ctx, user, p.Console); err != nil {
				return err
			}
			continue
		}
		found, err := c.credentials(ctx, user, class)
		if err != nil {
			return err
		}
		for _, one := range found {
			if one.Status != string(types.StatusTypeActive) {
				continue
			}
			if err := c.setCredential(ctx, user, one, types.StatusTypeInactive); err != nil {
				return err
			}
		}
	}
	for _, serial := range p.DeactivateMFA {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeactivateMFADevice", c.iam.DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: &user, SerialNumber: &serial})
		if gone(err) != nil {
			return err
		}
	}
	if p.Groups != "remove" {
		return nil
	}
	for _, group := range state.Groups {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:RemoveUserFromGroup", c.iam.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{UserName: &user, GroupName: &group})
		if gone(err) != nil {
			return err
		}
	}
	return nil
}

func (c *conn) takePassword(ctx context.Context, user, how string) error {
	exists, _, err := c.password(ctx, user)
	if err != nil || !exists {
		return err
	}
	if how == "delete" {
		_, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:DeleteLoginProfile", c.iam.DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: &user})
		return gone(err)
	}
	unknown, yes := newPassword(), true // it is kept nowhere
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:UpdateLoginProfile", c.iam.UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: &user, Password: &unknown, PasswordResetRequired: &yes})
	return err
}

// newPassword is one that no rule for passwords refuses: it has all kinds of
// characters, and 260 random bits.
func newPassword() string {
	return rand.Text() + "-" + strings.ToLower(rand.Text()) + "!9aZ"
}

// Verify reads every class that was chosen. One that cannot be read, or that no
// longer lists what the plan saw, leaves all of it unproved.
func (a disableUser) Verify(ctx context.Context, call actions.Call, p disableUserParams, _ disableUserResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	document, found, err := c.inline(ctx, state.User, state.PolicyName)
	if err != nil {
		return cloud.Unreadable(err)
	}
	var wrong, unproved []string
	if !found || !sameDocument(document, denyAll) {
		wrong = append(wrong, fmt.Sprintf("policy %s on %s is not the deny that was put", state.PolicyName, state.User))
	}
	for _, class := range state.Classes {
		if class == console {
			exists, mustReset, err := c.password(ctx, p.User)
			switch {
			case err != nil:
				return cloud.Unreadable(err)
			case exists && (p.Console == "delete" || !mustReset):
				wrong = append(wrong, "the user has a console password")
			case !exists && state.Password && p.Console == "reset":
				unproved = append(unproved, "the console password is gone; was it deleted?")
			}
			continue
		}
		now, err := c.credentials(ctx, p.User, class)
		if err != nil {
			return cloud.Unreadable(err)
		}
		for _, one := range now {
			if one.Status == string(types.StatusTypeActive) {
				wrong = append(wrong, fmt.Sprintf("%s is Active", one))
			}
		}
		for _, one := range state.Credentials {
			if one.Class == class && !slices.ContainsFunc(now, func(n credential) bool { return n.ID == one.ID }) {
				unproved = append(unproved, fmt.Sprintf("AWS does not list the %s; was it deleted?", one))
			}
		}
	}
	serials, err := c.devices(ctx, p.User)
	if err != nil {
		return cloud.Unreadable(err)
	}
	for _, serial := range p.DeactivateMFA {
		if slices.Contains(serials, serial) {
			wrong = append(wrong, "the MFA device "+serial+" is still the user's")
		}
	}
	groups, err := c.groups(ctx, state.User)
	if err != nil {
		return cloud.Unreadable(err)
	}
	if p.Groups == "remove" && len(groups) > 0 {
		wrong = append(wrong, "the user is in "+strings.Join(groups, ", "))
	}
	switch {
	case len(wrong) > 0:
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(append(wrong, unproved...), "; ")}, nil
	case len(unproved) > 0:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: strings.Join(unproved, "; ")}, nil
	}
	detail := fmt.Sprintf("user %s is denied everything, and has nothing Active of: %s", p.User, strings.Join(state.Classes, ", "))
	if added := slices.DeleteFunc(serials, func(s string) bool { return slices.Contains(state.MFA, s) }); len(added) > 0 {
		detail += "; MFA devices were added since the plan: " + strings.Join(added, ", ")
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
}
