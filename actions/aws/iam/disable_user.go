package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type disableUser struct{ cloud *cloud.Cloud }

type disableUserParams struct {
	User           string   `json:"user" doc:"name of the IAM user" example:"ci-deploy" pattern:"^[A-Za-z0-9_+=,.@-]{1,64}$" subject:"true"`
	Classes        []string `json:"credential_classes,omitempty" doc:"which credentials: access_keys, ssh_keys, service_credentials, signing_certificates, console; all of them when not given"`
	Console        string   `json:"console" doc:"delete takes the console password away; reset replaces it with one that nobody knows" enum:"delete,reset" default:"delete"`
	DeactivateMFA  []string `json:"deactivate_mfa,omitempty" doc:"serial numbers of MFA devices to take away, such as one that the attacker added; the others stay"`
	Groups         string   `json:"groups" doc:"keep leaves the user in its groups; remove takes it out of all of them" enum:"keep,remove" default:"keep"`
	PasswordSecret string   `json:"password_secret,omitempty" doc:"name or ARN of a secret in Secrets Manager into which an undo puts the user's new console password; without it the undo gives no password" example:"people/alice/console" pattern:"^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}$"`
}

type disableUserResult struct {
	User        string   `json:"user" doc:"name of the user"`
	PolicyName  string   `json:"policy_name" doc:"name of the inline policy that denies everything"`
	Deactivated []string `json:"deactivated" doc:"the credentials that were Active: class and id"`
	Console     string   `json:"console" doc:"what became of the console password: deleted, reset, or none when there was none or it was not asked for" enum:"deleted,reset,none"`
	MFA         []string `json:"mfa" doc:"serial numbers of the MFA devices that the user keeps"`
	Groups      []string `json:"groups" doc:"the groups that the user was taken out of"`
}

// disabledState is what Plan captures.
type disabledState struct {
	User        cloud.Principal `json:"user"`
	PolicyName  string          `json:"policy_name"`
	DenyBefore  string          `json:"deny_before,omitempty"` // document under that name; empty: none
	Classes     []string        `json:"classes"`
	Credentials []credential    `json:"credentials"` // of all chosen classes that have a status
	Password    bool            `json:"password"`    // there was a console password
	MustReset   bool            `json:"must_reset"`  // it had to be changed at the next sign-in
	MFA         []string        `json:"mfa"`
	Groups      []string        `json:"groups"`
	Destination destination     `json:"destination"` // for a new password; empty ARN: none
}

const opDisable = "aws.iam.disable_user"

func (disableUser) Spec() actions.Spec {
	rows := func(phase actions.Phase, resource, why string, names ...string) []actions.Permission {
		var list []actions.Permission
		for _, name := range names {
			list = append(list, actions.Permission{Phase: phase, Action: name, Resource: resource, Why: why})
		}
		return list
	}
	const group = "arn:{partition}:iam::{account}:group/{group}"
	lists := []string{"iam:ListAccessKeys", "iam:ListSSHPublicKeys", "iam:ListServiceSpecificCredentials", "iam:ListSigningCertificates", "iam:GetLoginProfile"}
	updates := []string{"iam:UpdateAccessKey", "iam:UpdateSSHPublicKey", "iam:UpdateServiceSpecificCredential", "iam:UpdateSigningCertificate"}
	secret := fmt.Sprintf(secretResource, "password_secret")
	when := func(param, value string, rows []actions.Permission) []actions.Permission {
		for i := range rows {
			rows[i].When = actions.When{param: {value}}
		}
		return rows
	}
	return actions.Spec{
		Name: opDisable, Version: 1,
		Title: "Disable an IAM user",
		Doc: "Denies everything to a user first, and then switches off what it signs in with: access keys, SSH public keys, service-specific credentials, signing certificates, and the console password. " +
			"The user is not deleted, since that would destroy evidence. Credentials that appear while it runs are switched off too. An undo switches on only what was Active.",
		Effect: actions.Destructive, Repeat: actions.Idempotent, // a password and an MFA device do not come back
		BlastRadius: "Everything that acts as this user stops: the person, and every job that uses one of its credentials.",
		StaysAlive: []string{
			"Roles that were already assumed from this user: revoke their sessions.",
			"MFA devices that are not listed; passkeys among them are of no use without a password.",
			"The person's access by other ways: Identity Center, an identity provider, other accounts.",
			"For some seconds everything, until IAM has spread the deny.",
			"Access given by resource policies to others.",
		},
		Permissions: slices.Concat(
			rows(actions.PhasePlan, userResource, "make sure that the user exists, and read its path", "iam:GetUser"),
			rows(actions.PhasePlan, userResource, "record every credential before the change", lists...),
			rows(actions.PhasePlan, userResource, "record devices, groups and the deny before the change", "iam:ListMFADevices", "iam:ListGroupsForUser", "iam:GetUserPolicy"),
			rows(actions.PhasePlan, secret, "make sure that a new password has a place", "secretsmanager:DescribeSecret"),
			rows(actions.PhaseExecute, userResource, "put the deny, and put it again when somebody removes it", "iam:PutUserPolicy", "iam:GetUserPolicy"),
			rows(actions.PhaseExecute, userResource, "find credentials that appeared since the plan", lists...),
			rows(actions.PhaseExecute, userResource, "switch the credentials off", updates...),
			when("console", "delete", rows(actions.PhaseExecute, userResource, "take the console password away", "iam:DeleteLoginProfile")),
			when("console", "reset", rows(actions.PhaseExecute, userResource, "replace the console password", "iam:UpdateLoginProfile")),
			rows(actions.PhaseExecute, userResource, "take a listed MFA device away", "iam:DeactivateMFADevice"),
			when("groups", "remove", rows(actions.PhaseExecute, group, "take the user out of its groups", "iam:RemoveUserFromGroup")),
			rows(actions.PhaseVerify, userResource, "read every class of credentials back", lists...),
			rows(actions.PhaseVerify, userResource, "read the deny, devices and groups back", "iam:GetUserPolicy", "iam:ListMFADevices", "iam:ListGroupsForUser"),
			rows(actions.PhaseUndo, userResource, "see whether everything is still as we left it", append(lists, "iam:GetUserPolicy")...),
			when("groups", "remove", rows(actions.PhaseUndo, userResource, "see which groups the user is in again", "iam:ListGroupsForUser")),
			rows(actions.PhaseUndo, userResource, "switch on what was on", updates...),
			when("console", "delete", rows(actions.PhaseUndo, userResource, "give a new console password", "iam:CreateLoginProfile")),
			rows(actions.PhaseUndo, secret, "put the new password where a person can fetch it", "secretsmanager:PutSecretValue"),
			when("groups", "remove", rows(actions.PhaseUndo, group, "put the user back into its groups", "iam:AddUserToGroup")),
			rows(actions.PhaseUndo, userResource, "remove the deny, or put back what stood there", "iam:DeleteUserPolicy", "iam:PutUserPolicy"),
		),
		Timeout: 2 * time.Minute,
		Settle:  settleIAM,
	}
}

func (a disableUser) Plan(ctx context.Context, call actions.Call, p disableUserParams) (actions.Preview, error) {
	var preview actions.Preview
	list, err := chosen(p.Classes)
	if err == nil && p.PasswordSecret != "" && (p.Console != "delete" || !slices.Contains(list, console)) {
		err = errors.New("password_secret is for a console password that is deleted; leave it out, or choose console: delete")
	}
	if err != nil {
		return preview, &actions.Error{Class: actions.Invalid, Op: opDisable, Err: err}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return preview, err
	}
	state := disabledState{PolicyName: quarantineName(call), Classes: list, Credentials: []credential{}}
	if state.User, err = c.existing(ctx, opDisable, p.User); err != nil {
		return preview, err
	}
	var warnings []string
	if state, warnings, err = c.record(ctx, state, p); err != nil {
		return preview, err
	}
	preview = a.preview(state, p)
	preview.Warnings = append(preview.Warnings, warnings...)
	return preview, preview.Capture(state)
}

// record reads what an undo will need. A class that cannot be read stops the
// plan: it could not be proved off either.
func (c *conn) record(ctx context.Context, state disabledState, p disableUserParams) (disabledState, []string, error) {
	user := state.User.Name
	var warnings []string
	var err error
	if state.DenyBefore, _, err = c.inline(ctx, state.User, state.PolicyName); err != nil {
		return state, nil, err
	}
	for _, class := range state.Classes {
		if class == console {
			state.Password, state.MustReset, err = c.password(ctx, user)
		} else {
			var found []credential
			found, err = c.credentials(ctx, user, class)
			state.Credentials = append(state.Credentials, found...)
		}
		if err != nil {
			return state, nil, err
		}
	}
	if state.MFA, err = c.devices(ctx, user); err != nil {
		return state, nil, err
	}
	for _, serial := range p.DeactivateMFA {
		if !slices.Contains(state.MFA, serial) {
			return state, nil, &actions.Error{Class: actions.Precondition, Op: opDisable, Err: fmt.Errorf("user %q has no MFA device %q", user, serial), Hint: "it has: " + orNone(state.MFA)}
		}
	}
	if state.Groups, err = c.groups(ctx, state.User); err != nil {
		return state, nil, err
	}
	if p.PasswordSecret != "" {
		state.Destination, warnings, err = c.destination(ctx, opDisable, p.PasswordSecret)
	}
	return state, warnings, err
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func (disableUser) preview(state disabledState, p disableUserParams) actions.Preview {
	user := state.User.Name
	preview := actions.Preview{
		Targets: []actions.Target{state.User.Target()},
		Changes: []string{fmt.Sprintf("The inline policy %s denies %s everything.", state.PolicyName, state.User)},
		Calls:   []string{"iam:PutUserPolicy"},
	}
	change := func(call, format string, args ...any) {
		preview.Changes = append(preview.Changes, fmt.Sprintf(format, args...))
		if !slices.Contains(preview.Calls, call) {
			preview.Calls = append(preview.Calls, call)
		}
	}
	update := map[string]string{accessKeys: "iam:UpdateAccessKey", sshKeys: "iam:UpdateSSHPublicKey", serviceCredentials: "iam:UpdateServiceSpecificCredential", signingCertificates: "iam:UpdateSigningCertificate"}
	for _, one := range state.active() {
		change(update[one.Class], "The %s becomes Inactive.", one)
	}
	switch {
	case !state.Password:
	case p.Console == "delete":
		change("iam:DeleteLoginProfile", "The console password of user %s is deleted.", user)
		if p.PasswordSecret == "" {
			preview.Warnings = append(preview.Warnings, "The console password does not come back: after an undo an administrator has to give a new one. With password_secret the undo does.")
		} else {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("The console password does not come back: an undo makes a new one, which has to be changed at the first sign-in, and puts it into the secret %s.", p.PasswordSecret))
		}
	default:
		change("iam:UpdateLoginProfile", "The console password of user %s becomes one that nobody knows.", user)
		preview.Warnings = append(preview.Warnings, "The console password does not come back: after an undo an administrator has to give a new one.")
	}
	for _, serial := range p.DeactivateMFA {
		change("iam:DeactivateMFADevice", "The MFA device %s is taken away from user %s.", serial, user)
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The MFA device %s does not come back by an undo: whoever holds it has to enroll it again.", serial))
	}
	if kept := state.kept(p); len(kept) > 0 {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("The user keeps MFA devices: %s. Take away those that the attacker added.", strings.Join(kept, ", ")))
	}
	if p.Groups == "remove" {
		for _, group := range state.Groups {
			change("iam:RemoveUserFromGroup", "User %s leaves the group %s.", user, group)
		}
	}
	for _, class := range classes() {
		if !slices.Contains(state.Classes, class) {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("%ss are not looked at, since credential_classes does not list them.", strings.ToUpper(classWord(class)[:1])+classWord(class)[1:]))
		}
	}
	preview.InEffect = sameDocument(state.DenyBefore, denyAll) && len(preview.Changes) == 1
	if preview.InEffect {
		preview.NoUndo = "everything was off before"
	}
	return preview
}

// active lists what was Active, in the order of the classes.
func (s disabledState) active() []credential {
	var list []credential
	for _, one := range s.Credentials {
		if one.Status == "Active" {
			list = append(list, one)
		}
	}
	return list
}

// kept lists the MFA devices that stay.
func (s disabledState) kept(p disableUserParams) []string {
	kept := []string{}
	for _, serial := range s.MFA {
		if !slices.Contains(p.DeactivateMFA, serial) {
			kept = append(kept, serial)
		}
	}
	return kept
}

// resume loads what Plan captured and opens the session.
func (a disableUser) resume(ctx context.Context, call actions.Call, p disableUserParams) (*conn, disabledState, error) {
	var state disabledState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	list, err := chosen(p.Classes)
	if state.User.Name != p.User || err != nil || !slices.Equal(list, state.Classes) {
		return nil, state, actions.WrongState("it is of another user or other classes")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
