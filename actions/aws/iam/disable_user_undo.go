package iam

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// missing is what an undo has to do.
type missing struct {
	credentials []credential // that were Active and are not
	groups      []string     // that the user was in and is not
	password    bool         // there was one, there is none, and there is a place for a new one
	noPassword  bool         // there was one, and nobody has a new one
	deny        bool         // the policy is not what it was
	newer       []string     // what works and was not there before: a person looks at it before the deny goes
}

func (m missing) nothing() bool {
	return len(m.credentials) == 0 && len(m.groups) == 0 && !m.password && !m.deny
}

// compare reads what differs from the state that was captured. The error is of
// class precondition when that state cannot come back.
func (c *conn) compare(ctx context.Context, state disabledState, p disableUserParams) (missing, error) {
	var m missing
	no := func(format string, args ...any) (missing, error) {
		return m, &actions.Error{Class: actions.Precondition, Op: opDisable, Err: fmt.Errorf(format, args...), Hint: "look at the user, and put right by hand what has to be"}
	}
	document, found, err := c.inline(ctx, state.User, state.PolicyName)
	switch {
	case err != nil:
		return m, err
	case found && !sameDocument(document, denyAll) && !sameDocument(document, state.DenyBefore):
		return no("policy %q of %s was changed after firebreak put it: it is %s", state.PolicyName, state.User, canonical(document))
	}
	m.deny = found != (state.DenyBefore != "") || found && !sameDocument(document, state.DenyBefore)
	for _, class := range state.Classes {
		if class == console {
			exists, _, err := c.password(ctx, p.User)
			if err != nil {
				return m, err
			}
			m.password = state.Password && !exists && state.Destination.ARN != ""
			if exists && !state.Password {
				m.newer = append(m.newer, "a console password")
			}
			m.noPassword = state.Password && (!exists && !m.password || p.Console == "reset")
			continue
		}
		now, err := c.credentials(ctx, p.User, class)
		if err != nil {
			return m, err
		}
		for _, one := range now {
			if one.Status == string(types.StatusTypeActive) && !slices.ContainsFunc(state.Credentials, func(was credential) bool { return was.ID == one.ID }) {
				m.newer = append(m.newer, "the "+one.String())
			}
		}
		for _, one := range state.active() {
			if one.Class != class {
				continue
			}
			i := slices.IndexFunc(now, func(n credential) bool { return n.ID == one.ID })
			switch {
			case i < 0:
				return no("the %s of user %s is gone", one, p.User)
			case now[i].Status != string(types.StatusTypeActive):
				m.credentials = append(m.credentials, one)
			}
		}
	}
	if p.Groups == "remove" {
		groups, err := c.groups(ctx, state.User)
		if err != nil {
			return m, err
		}
		m.groups = slices.DeleteFunc(slices.Clone(state.Groups), func(g string) bool { return slices.Contains(groups, g) })
	}
	return m, nil
}

func (a disableUser) PlanUndo(ctx context.Context, call actions.Call, p disableUserParams, _ disableUserResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{state.User.Target()}}
	m, err := c.compare(ctx, state, p)
	if e, ok := errors.AsType[*actions.Error](err); ok && e.Class == actions.Precondition {
		preview.NoUndo = e.Err.Error()
		return preview, nil
	}
	if err != nil {
		return preview, err
	}
	preview.InEffect = m.nothing()
	change := func(call, format string, args ...any) {
		preview.Changes = append(preview.Changes, fmt.Sprintf(format, args...))
		if !slices.Contains(preview.Calls, call) {
			preview.Calls = append(preview.Calls, call)
		}
	}
	update := map[string]string{accessKeys: "iam:UpdateAccessKey", sshKeys: "iam:UpdateSSHPublicKey", serviceCredentials: "iam:UpdateServiceSpecificCredential", signingCertificates: "iam:UpdateSigningCertificate"}
	for _, one := range m.credentials {
		change(update[one.Class], "The %s becomes Active again.", one)
	}
	for _, group := range m.groups {
		change("iam:AddUserToGroup", "User %s comes back into the group %s.", p.User, group)
	}
	if m.password {
		change("secretsmanager:PutSecretValue", "The secret %s gets a new console password, and the user %s has to change it at the first sign-in.", state.Destination.ARN, p.User)
		change("iam:CreateLoginProfile", "User %s has that console password.", p.User)
	}
	verb := "Delete"
	if state.DenyBefore != "" {
		verb = "Put"
	}
	if m.deny {
		change("iam:"+verb+"UserPolicy", "The inline policy %s of %s becomes what it was before.", state.PolicyName, state.User)
	}
	preview.Warnings = []string{"Whoever holds credentials of the user can use them again at once."}
	if len(m.newer) > 0 {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The user has %s, which was not there before the step: without the deny it works. Find out who made it.", strings.Join(m.newer, " and ")))
	}
	if m.noPassword {
		preview.Warnings = append(preview.Warnings, "The console password does not come back; an administrator has to give a new one.")
	}
	for _, serial := range p.DeactivateMFA {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The MFA device %s does not come back; whoever holds it has to enroll it again.", serial))
	}
	return preview, nil
}

// Undo lifts the deny last: when it fails on the way, the user is still stopped.
func (a disableUser) Undo(ctx context.Context, call actions.Call, p disableUserParams, _ disableUserResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	m, err := c.compare(ctx, state, p)
	if err != nil {
		return err
	}
	for _, one := range m.credentials {
		if err := c.setCredential(ctx, p.User, one, types.StatusTypeActive); err != nil {
			return cloud.AfterEffect(true, err)
		}
	}
	for _, group := range m.groups {
		if _, err := cloud.Do(ctx, c.Conn, cloud.Writes, "iam:AddUserToGroup", c.iam.AddUserToGroup, &iam.AddUserToGroupInput{UserName: &p.User, GroupName: &group}); err != nil {
			return cloud.AfterEffect(true, err)
		}
	}
	if m.password {
		if err := c.givePassword(ctx, state); err != nil {
			return cloud.AfterEffect(true, err)
		}
	}
	err = c.restoreInline(ctx, opDisable, state.User, state.PolicyName, state.DenyBefore, func(document string) bool { return sameDocument(document, denyAll) })
	if err != nil {
		return cloud.AfterEffect(true, err)
	}
	return nil
}

// givePassword puts a new password into the secret, and then gives it to the
// user: a password that was set and not stored would be lost, and the next
// attempt would find the user to have one. Each attempt makes another, so the
// version's id is random too.
func (c *conn) givePassword(ctx context.Context, state disabledState) error {
	password, yes := newPassword(), true
	value, err := json.Marshal(map[string]string{"user": state.User.Name, "password": password})
	if err != nil {
		panic("aws: " + err.Error()) // a map of strings always marshals
	}
	if err := c.store(ctx, state.Destination.ARN, cloud.Token(actions.Key(rand.Text()), opDisable), string(value)); err != nil {
		return err
	}
	_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:CreateLoginProfile", c.iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: &state.User.Name, Password: &password, PasswordResetRequired: yes})
	return err
}

func (a disableUser) VerifyUndo(ctx context.Context, call actions.Call, p disableUserParams, _ disableUserResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	m, err := c.compare(ctx, state, p)
	if err != nil {
		if actions.ClassOf(err) == actions.Precondition {
			return actions.Reading{Verdict: actions.NotVerified, Detail: err.Error()}, nil
		}
		return cloud.Unreadable(err)
	}
	var wrong []string
	for _, one := range m.credentials {
		wrong = append(wrong, fmt.Sprintf("%s is not Active", one))
	}
	for _, group := range m.groups {
		wrong = append(wrong, "the user is not in the group "+group)
	}
	if m.password {
		wrong = append(wrong, "the user has no console password")
	}
	if m.deny {
		wrong = append(wrong, fmt.Sprintf("policy %s is not what it was before", state.PolicyName))
	}
	if len(wrong) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(wrong, "; ")}, nil
	}
	detail := fmt.Sprintf("what was Active of user %s is Active again, and the deny is as before", p.User)
	if m.noPassword {
		detail += "; the console password did not come back"
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail}, nil
}
