package org

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func (a quarantine) Plan(ctx context.Context, call actions.Call, p quarantineParams) (actions.Preview, error) {
	if err := p.check(); err != nil {
		return actions.Preview{}, err
	}
	c, err := open(ctx, a.cloud, call, "")
	if err != nil {
		return actions.Preview{}, err
	}
	master, err := c.organization(ctx)
	if err != nil {
		return actions.Preview{}, err
	}
	if err := a.refuse(c, p, master); err != nil {
		return actions.Preview{}, err
	}
	name, err := c.named(ctx, p.Target)
	if err != nil {
		return actions.Preview{}, err
	}
	state := quarantineState{Target: p.Target, Mode: p.Mode, To: p.To}
	if p.Mode == moveMode {
		return c.planMove(ctx, state, name)
	}
	return a.planPolicy(ctx, c, call, p, state, name)
}

func (c *conn) planMove(ctx context.Context, state quarantineState, name string) (preview actions.Preview, err error) {
	if state.Parent, err = c.parent(ctx, state.Target); err != nil {
		return preview, err
	}
	to, err := c.named(ctx, state.To)
	if err != nil {
		return preview, err
	}
	there, err := c.attached(ctx, state.To)
	if err != nil {
		return preview, err
	}
	state.Before = state.Parent == state.To
	preview = actions.Preview{
		Targets:  []actions.Target{state.target()},
		Changes:  []string{fmt.Sprintf("The %s moves to %s; it is in %s now.", name, to, state.Parent)},
		Calls:    []string{"organizations:MoveAccount"},
		InEffect: state.Before,
		Warnings: []string{
			fmt.Sprintf("The policies of %s hold no more for the account, its guardrails among them.", state.Parent),
			fmt.Sprintf("What holds then are the policies of %s (%s) and of the units above it.", state.To, names(there)),
			"Roles of firebreak and of responders work on only if those policies let them.",
		},
	}
	if !slices.ContainsFunc(there, func(one policy) bool { return one.Name != "FullAWSAccess" }) {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("No policy of %s denies anything: moving there may stop nothing.", state.To))
	}
	if state.Before {
		preview.NoUndo = "the account was there before"
	}
	return preview, preview.Capture(state)
}

func (a quarantine) planPolicy(ctx context.Context, c *conn, call actions.Call, p quarantineParams, state quarantineState, name string) (preview actions.Preview, err error) {
	if err := c.enabled(ctx); err != nil {
		return preview, err
	}
	state.Name = policyName(call, p.Target)
	if state.Document, err = denial(p, a.own(c)); err != nil {
		return preview, err
	}
	if state.Attached, err = c.attached(ctx, p.Target); err != nil {
		return preview, err
	}
	if _, err := c.ours(ctx, state); err != nil {
		return preview, err
	}
	// Only this step makes a policy of this name, so what is there is of an attempt
	// of ours, and is taken back with it.
	who := "to everybody but " + strings.Join(exempt(state.Document), ", ")
	switch {
	case p.UserID != "":
		who = "to the Identity Center user " + p.UserID
	case p.Mode == principalMode:
		who = "to " + p.Principal
	case len(exempt(state.Document)) == 0:
		who = "to everybody"
	}
	preview = actions.Preview{
		Targets:  targets(p, state),
		Changes:  []string{fmt.Sprintf("A service control policy %s on the %s denies everything %s.", state.Name, strings.TrimPrefix(name, "the "), who)},
		Calls:    []string{"organizations:CreatePolicy", "organizations:AttachPolicy"},
		InEffect: slices.ContainsFunc(state.Attached, func(one policy) bool { return one.Name == state.Name }),
		Warnings: []string{fmt.Sprintf("Attached now: %s. AWS limits how many there can be.", names(state.Attached))},
	}
	if p.Mode == accountMode {
		preview.Warnings = append(preview.Warnings, "Log delivery, backups and agents in it stop as well, unless their roles are exempt.")
	}
	if !account(p.Target) {
		preview.Warnings = append(preview.Warnings, "The management account is not bound, wherever it is.")
	}
	return preview, preview.Capture(state)
}

// exempt lists who the condition of a document leaves out.
func exempt(document string) []string {
	_, after, found := strings.Cut(document, `"ArnNotLike":{"aws:PrincipalArn":["`)
	if !found {
		return nil
	}
	list, _, _ := strings.Cut(after, `"]`)
	return strings.Split(list, `","`)
}

func names(policies []policy) string {
	var all []string
	for _, one := range policies {
		all = append(all, one.Name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (s quarantineState) target() actions.Target {
	kind := "account"
	if !account(s.Target) {
		kind = "unit"
	}
	return actions.Target{Type: "aws.organizations." + kind, ID: s.Target}
}

// targets are where the policy is put, and whom it denies: who is that principal in
// the directory may not decide about it.
func targets(p quarantineParams, state quarantineState) []actions.Target {
	all := []actions.Target{state.target()}
	if p.UserID != "" {
		all = append(all, actions.Target{Type: "aws.identitycenter.user", ID: p.UserID})
	}
	if who, err := cloud.ParsePrincipal(p.Principal); err == nil { // an account's root user is no principal of a name
		all = append(all, who.Target())
	}
	return all
}

func (a quarantine) Execute(ctx context.Context, call actions.Call, p quarantineParams) (quarantineResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return quarantineResult{}, err
	}
	// Who we are may have changed since the plan.
	if err := a.refuse(c, p, ""); err != nil {
		return quarantineResult{}, err
	}
	if state.Mode == moveMode {
		return quarantineResult{Previous: state.Parent}, c.move(ctx, state.Target, state.Parent, state.To)
	}
	if state.Mode == accountMode {
		if now, err := denial(p, a.own(c)); err != nil || !equal(now, state.Document) {
			return quarantineResult{}, precondition(quarantineOp, "plan the step again", "the identities that firebreak uses are others than when this was planned")
		}
	}
	id, err := c.make(ctx, call, state)
	if err != nil {
		return quarantineResult{}, err
	}
	return quarantineResult{Policy: id, Name: state.Name}, cloud.Partly(quarantineOp, "policy "+id+" is made", c.attach(ctx, id, state.Target))
}

func (a quarantine) Verify(ctx context.Context, call actions.Call, p quarantineParams, _ quarantineResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if state.Mode == moveMode {
		now, err := c.parent(ctx, state.Target)
		switch {
		case err != nil:
			return cloud.Unreadable(err)
		case now != state.To:
			return reading(actions.NotVerified, "account %s is in %s", state.Target, now)
		}
		return reading(actions.Verified, "account %s is in %s", state.Target, now)
	}
	there, err := c.attached(ctx, state.Target)
	if err != nil {
		return cloud.Unreadable(err)
	}
	i := slices.IndexFunc(there, func(one policy) bool { return one.Name == state.Name })
	if i < 0 {
		return reading(actions.NotVerified, "policy %s is not attached to %s; attached are %s", state.Name, state.Target, names(there))
	}
	text, err := c.content(ctx, there[i].ID)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case !equal(text, state.Document):
		return reading(actions.NotVerified, "policy %s was changed: %s", state.Name, text)
	}
	return reading(actions.Verified, "policy %s (%s) is attached to %s as it was made", state.Name, there[i].ID, state.Target)
}

func (a quarantine) PlanUndo(ctx context.Context, call actions.Call, p quarantineParams, _ quarantineResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: targets(p, state)}
	if state.Mode != moveMode {
		id, err := c.ours(ctx, state)
		preview.InEffect = id == ""
		preview.Changes = []string{fmt.Sprintf("Service control policy %s is taken from %s and deleted.", state.Name, state.Target)}
		preview.Calls = []string{"organizations:DetachPolicy", "organizations:DeletePolicy"}
		return preview, err
	}
	if state.Before {
		preview.NoUndo = "the account was there before this step; it stays there"
		return preview, nil
	}
	now, err := c.parent(ctx, state.Target)
	preview.InEffect = now == state.Parent
	preview.Changes = []string{fmt.Sprintf("Account %s moves back to %s.", state.Target, state.Parent)}
	preview.Calls = []string{"organizations:MoveAccount"}
	return preview, err
}

func (a quarantine) Undo(ctx context.Context, call actions.Call, p quarantineParams, _ quarantineResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil || state.Before {
		return err
	}
	if state.Mode == moveMode {
		return c.move(ctx, state.Target, state.To, state.Parent)
	}
	id, err := c.ours(ctx, state)
	if err != nil || id == "" {
		return err
	}
	return c.remove(ctx, id, state.Target)
}

func (a quarantine) VerifyUndo(ctx context.Context, call actions.Call, p quarantineParams, _ quarantineResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	if state.Mode == moveMode {
		now, err := c.parent(ctx, state.Target)
		switch {
		case err != nil:
			return cloud.Unreadable(err)
		case now != state.Parent:
			return reading(actions.NotVerified, "account %s is in %s, it was in %s", state.Target, now, state.Parent)
		}
		return reading(actions.Verified, "account %s is in %s again", state.Target, now)
	}
	there, err := c.attached(ctx, state.Target)
	if err != nil {
		return cloud.Unreadable(err)
	}
	id, err := c.byName(ctx, state.Name)
	switch {
	case err != nil:
		return cloud.Unreadable(err)
	case slices.ContainsFunc(there, func(one policy) bool { return one.Name == state.Name }):
		return reading(actions.NotVerified, "policy %s is attached to %s", state.Name, state.Target)
	case id != "":
		return reading(actions.NotVerified, "policy %s (%s) is there, although not attached to %s", state.Name, id, state.Target)
	}
	return reading(actions.Verified, "policy %s is gone; %s has %s", state.Name, state.Target, names(there))
}

// resume loads what Plan captured and opens the session.
func (a quarantine) resume(ctx context.Context, call actions.Call, p quarantineParams) (*conn, quarantineState, error) {
	var state quarantineState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Target != p.Target || state.Mode != p.Mode || state.To != p.To {
		return nil, state, actions.WrongState("it is of %s on %s", state.Mode, state.Target)
	}
	c, err := open(ctx, a.cloud, call, "")
	return c, state, err
}
