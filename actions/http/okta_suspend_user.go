package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

type suspendUser struct{ provider *Provider }

type suspendUserParams struct {
	User string `json:"user" doc:"the user's id or login" example:"grace@example.com" pattern:"^[^\\s/?#\\\\]+$" subject:"true"`
}

type suspendUserResult struct {
	UserID         string `json:"user_id" doc:"Okta's id of the user"`
	Login          string `json:"login" doc:"the user's login"`
	PreviousStatus string `json:"previous_status" doc:"what the user was before, such as ACTIVE"`
}

// suspendState is what Plan captures.
type suspendState struct {
	ID     string `json:"id"`
	Login  string `json:"login"`
	Status string `json:"status"`
}

const (
	opSuspend     = "okta.suspend_user"
	oktaActive    = "ACTIVE"
	oktaSuspended = "SUSPENDED"
)

func (suspendUser) Spec() actions.Spec {
	permission := func(phase actions.Phase, scope, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "okta:" + scope, Resource: "{user}", Why: why}
	}
	return actions.Spec{
		Name: opSuspend, Version: 1,
		Title:  "Suspend a user in Okta",
		Doc:    "Suspends the user, so that no new sign-in works, then ends all Okta sessions of the user and revokes the OAuth tokens that Okta gave out. Group and application assignments stay as they are. Undo makes the user ACTIVE again; sessions do not come back, the user signs in anew. Okta suspends only users whose status is ACTIVE.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "The user can sign in to nothing that is behind Okta; what runs under this user by OAuth tokens of Okta stops too.",
		StaysAlive: []string{
			"Sessions that applications and AWS have opened for the user already live on until they expire: revoke them there.",
			"API tokens, passwords and keys that applications gave to the user themselves.",
			"Access tokens that an application checks without asking Okta, until they expire.",
			"Okta lists no sessions, so their end is what Okta says, not something that was read back.",
		},
		Permissions: []actions.Permission{
			permission(actions.PhasePlan, "users.read", "read the user's status, and whether the user is the token's owner"),
			permission(actions.PhasePlan, "roles.read", "see whether the user is an administrator; without it the plan says so"),
			permission(actions.PhaseExecute, "users.read", "see what an earlier attempt has done"),
			permission(actions.PhaseExecute, "users.manage", "suspend the user"),
			permission(actions.PhaseExecute, "sessions.manage", "end the user's sessions and OAuth tokens"),
			permission(actions.PhaseVerify, "users.read", "read the status back"),
			permission(actions.PhaseUndo, "users.read", "see whether the user is still as we left it, and again after"),
			permission(actions.PhaseUndo, "users.manage", "make the user ACTIVE again"),
		},
		Timeout: 90 * time.Second, Settle: settle,
	}
}

func (a suspendUser) Plan(ctx context.Context, call actions.Call, p suspendUserParams) (actions.Preview, error) {
	var preview actions.Preview
	if p.User == "me" || p.User == "." || p.User == ".." {
		return preview, &actions.Error{Class: actions.Invalid, Op: opSuspend, Err: fmt.Errorf("%q is no id or login of a user", p.User), Hint: "give the login, as in Okta's directory"}
	}
	user, err := a.user(ctx, call, p.User)
	if err != nil {
		return preview, err
	}
	warning, err := a.notOurselves(ctx, call, user.ID)
	if err != nil {
		return preview, err
	}
	switch user.Status {
	case oktaActive, oktaSuspended:
	default:
		return preview, &actions.Error{Class: actions.Precondition, Op: opSuspend, Err: fmt.Errorf("user %q is %s, and Okta suspends only ACTIVE users", user.Profile.Login, user.Status), Hint: hintForStatus(user.Status)}
	}
	preview = actions.Preview{
		Targets: oktaTargets(user.ID, user.Profile.Login),
		Changes: []string{
			fmt.Sprintf("User %s (%s) becomes SUSPENDED; it is %s now.", user.Profile.Login, user.ID, user.Status),
			fmt.Sprintf("All Okta sessions and OAuth tokens of user %s end.", user.Profile.Login),
		},
		Calls:    []string{"okta:POST users/lifecycle/suspend", "okta:DELETE users/sessions"},
		Warnings: append(warning, a.roles(ctx, call, user)...),
		InEffect: user.Status == oktaSuspended,
	}
	if preview.InEffect {
		preview.NoUndo = "the user was suspended before this step"
	}
	return preview, preview.Capture(suspendState{user.ID, user.Profile.Login, user.Status})
}

// oktaTargets names the user by id and by login, so that either can be protected.
func oktaTargets(id, login string) []actions.Target {
	targets := []actions.Target{{Type: "okta.user", ID: id}}
	if login != "" && login != id {
		targets = append(targets, actions.Target{Type: "okta.user", ID: login})
	}
	return targets
}

func hintForStatus(status string) string {
	switch status {
	case "DEPROVISIONED":
		return "the user is deactivated, which is more than suspended; end what applications opened for it"
	case "LOCKED_OUT":
		return "unlock the user and run this again, or deactivate it: a lock alone ends by itself"
	}
	return "deactivate the user in Okta instead, if it must not sign in"
}

// user reads a user; an answer without id or status proves nothing.
func (a suspendUser) user(ctx context.Context, call actions.Call, who string) (oktaUser, error) {
	var user oktaUser
	if err := a.provider.oktaCall(ctx, call, reads, http.MethodGet, "", &user, who); err != nil {
		return user, err
	}
	if user.ID == "" || user.Status == "" {
		return user, &actions.Error{Class: actions.Invalid, Op: "okta:GET", Err: errors.New("the answer names no user and status"), Hint: "check that okta.url is an Okta organisation"}
	}
	return user, nil
}

// notOurselves refuses the owner of the token that firebreak itself uses. A
// token that belongs to an application has no owner who could be suspended.
func (a suspendUser) notOurselves(ctx context.Context, call actions.Call, id string) (warnings []string, err error) {
	me, err := a.user(ctx, call, "me")
	class := actions.ClassOf(err)
	switch {
	case err != nil && (class == actions.Transient || class == actions.Throttled):
		return nil, err
	case err != nil:
		return []string{"Okta does not say whose token firebreak uses; make sure that it is not this user's."}, nil
	case me.ID == id:
		return nil, &actions.Error{Class: actions.Precondition, Op: opSuspend, Err: fmt.Errorf("user %q owns the token that firebreak itself uses", me.Profile.Login),
			Hint: "firebreak would lock itself out; give it a token of another user first"}
	}
	return nil, nil
}

// roles warns when the user is an administrator, or when that cannot be told.
func (a suspendUser) roles(ctx context.Context, call actions.Call, user oktaUser) []string {
	var roles []oktaRole
	if err := a.provider.oktaCall(ctx, call, reads, http.MethodGet, "", &roles, user.ID, "roles"); err != nil {
		return []string{"Whether the user is an administrator cannot be told: the roles cannot be read."}
	}
	var names []string
	for _, r := range roles {
		name := r.Label
		if name == "" {
			name = r.Type
		}
		names = append(names, veil{}.word(name, 60))
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("User %s is an administrator (%s): make sure that others are left who can sign in.", user.Profile.Login, strings.Join(names, ", "))}
}

func (a suspendUser) Execute(ctx context.Context, call actions.Call, _ suspendUserParams) (suspendUserResult, error) {
	var r suspendUserResult
	state, err := a.state(call)
	if err != nil {
		return r, err
	}
	if _, err := a.notOurselves(ctx, call, state.ID); err != nil {
		return r, err
	}
	user, err := a.user(ctx, call, state.ID)
	if err != nil {
		return r, err
	}
	if user.Status != oktaSuspended {
		if err := a.provider.oktaCall(ctx, call, writes, http.MethodPost, "", nil, state.ID, "lifecycle", "suspend"); err != nil {
			return r, err
		}
	}
	if err := a.provider.oktaCall(ctx, call, writes, http.MethodDelete, "oauthTokens=true", nil, state.ID, "sessions"); err != nil {
		return r, &actions.Error{Class: actions.Unknown, Op: opSuspend, Err: fmt.Errorf("the user is suspended, but the sessions could not be ended: %w", err), Hint: "run it again, or end the sessions in Okta"}
	}
	return suspendUserResult{UserID: state.ID, Login: state.Login, PreviousStatus: state.Status}, nil
}

func (a suspendUser) state(call actions.Call) (suspendState, error) {
	var state suspendState
	if err := call.LoadState(&state); err != nil {
		return state, err
	}
	if state.ID == "" {
		return state, actions.WrongState("it names no user")
	}
	return state, nil
}

func (a suspendUser) Verify(ctx context.Context, call actions.Call, _ suspendUserParams, _ suspendUserResult) (actions.Reading, error) {
	return a.read(ctx, call, oktaSuspended)
}

// read compares the user's status with the one that it should have.
func (a suspendUser) read(ctx context.Context, call actions.Call, want string) (actions.Reading, error) {
	state, err := a.state(call)
	if err != nil {
		return actions.Reading{}, err
	}
	user, err := a.user(ctx, call, state.ID)
	switch {
	case err != nil:
		return unreadable(err)
	case user.ID != state.ID:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: fmt.Sprintf("Okta answered with another user than %s", state.ID)}, nil
	case user.Status == want && user.TransitioningTo == "":
		return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("user %s is %s", state.Login, user.Status)}, nil
	case user.TransitioningTo != "":
		return actions.Reading{Verdict: actions.Pending, Detail: fmt.Sprintf("user %s is %s and becomes %s", state.Login, user.Status, user.TransitioningTo)}, nil
	}
	return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("user %s is %s, expected %s", state.Login, user.Status, want)}, nil
}

func (a suspendUser) PlanUndo(ctx context.Context, call actions.Call, _ suspendUserParams, _ suspendUserResult) (actions.Preview, error) {
	state, err := a.state(call)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: oktaTargets(state.ID, state.Login)}
	if state.Status != oktaActive {
		preview.NoUndo = fmt.Sprintf("the user was %s before this step; it stays so", state.Status)
		return preview, nil
	}
	done, err := a.asWeLeftIt(ctx, call, state)
	if err != nil {
		return preview, err
	}
	preview.InEffect = done
	preview.Changes = []string{fmt.Sprintf("User %s becomes ACTIVE again, and can sign in.", state.Login)}
	preview.Calls = []string{"okta:POST users/lifecycle/unsuspend"}
	preview.Warnings = []string{"Sessions and OAuth tokens do not come back: the user, and what runs under it, sign in anew.", "Whoever knows the user's password can sign in too: change it first if it may have leaked."}
	return preview, nil
}

// asWeLeftIt says whether the undo is done already, and refuses when the user
// is neither SUSPENDED nor ACTIVE.
func (a suspendUser) asWeLeftIt(ctx context.Context, call actions.Call, state suspendState) (done bool, err error) {
	user, err := a.user(ctx, call, state.ID)
	switch {
	case err != nil:
		return false, err
	case user.Status == oktaActive:
		return true, nil
	case user.Status != oktaSuspended:
		return false, &actions.Error{Class: actions.Precondition, Op: opSuspend, Err: fmt.Errorf("user %q is %s, but this step left it SUSPENDED", state.Login, user.Status), Hint: "somebody else has changed it; ask before it is made ACTIVE"}
	}
	return false, nil
}

func (a suspendUser) Undo(ctx context.Context, call actions.Call, _ suspendUserParams, _ suspendUserResult) error {
	state, err := a.state(call)
	if err != nil || state.Status != oktaActive {
		return err
	}
	if done, err := a.asWeLeftIt(ctx, call, state); err != nil || done {
		return err
	}
	return a.provider.oktaCall(ctx, call, writes, http.MethodPost, "", nil, state.ID, "lifecycle", "unsuspend")
}

func (a suspendUser) VerifyUndo(ctx context.Context, call actions.Call, _ suspendUserParams, _ suspendUserResult) (actions.Reading, error) {
	state, err := a.state(call)
	if err != nil {
		return actions.Reading{}, err
	}
	return a.read(ctx, call, state.Status)
}
