package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

type invite struct{ provider *Provider }

type inviteParams struct {
	Channel string   `json:"channel,omitempty" doc:"id of the channel; the incident's own when not given" example:"C0123456789" pattern:"^[CG][A-Z0-9]+$"`
	Users   []string `json:"users,omitempty" doc:"people, each by Slack id or e-mail address" example:"grace@example.com"`
	Groups  []string `json:"groups,omitempty" doc:"user groups, each by Slack id or handle; those who are members now are invited" example:"@forensics"`
	Guests  bool     `json:"guests,omitempty" doc:"invite guests of the workspace too; they are refused when not given"`
}

type inviteResult struct {
	Channel string   `json:"channel" doc:"id of the channel"`
	Invited []string `json:"invited" doc:"Slack ids of those who were not in the channel before, sorted"`
	Members []string `json:"members" doc:"Slack ids of all that the step named, sorted"`
}

// inviteState is what Plan captures: the people, resolved, and who of them was
// in the channel already.
type inviteState struct {
	Channel string   `json:"channel"`
	People  []string `json:"people"`
	Before  []string `json:"before"`
}

// maxPeople is how many one step may invite: each is one call, and Slack allows
// fifty a minute.
const maxPeople = 40

func (invite) Spec() actions.Spec {
	permission := func(phase actions.Phase, scope, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "slack:" + scope, Resource: "{channel}", Why: why}
	}
	return actions.Spec{
		Name: "slack.invite", Version: 1,
		Title: "Invite people to a Slack channel",
		Doc: "Invites people and the members of user groups to a channel. Who is there already is left alone. Bots, deactivated accounts and people of other workspaces are refused, and guests unless guests is true. " +
			"Undo removes those whom the step has brought in.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Tells: true,
		BlastRadius: "The invited people are notified, and can read all that was ever said in the channel.",
		StaysAlive:  []string{"What people have read stays known after they are removed.", "Who was invited can come back to a public channel, and can be invited again by others."},
		Permissions: []actions.Permission{
			permission(actions.PhasePlan, "users:read", "see that each person is a member of the workspace and no guest"),
			permission(actions.PhasePlan, "users:read.email", "find people by e-mail address"),
			permission(actions.PhasePlan, "usergroups:read", "find the members of user groups"),
			permission(actions.PhasePlan, "channels:read", "see who is in the channel; groups:read for a private one"),
			permission(actions.PhaseExecute, "channels:manage", "invite to a public channel"),
			permission(actions.PhaseExecute, "groups:write", "invite to a private channel"),
			permission(actions.PhaseVerify, "channels:read", "read the members back; groups:read for a private channel"),
			permission(actions.PhaseUndo, "channels:manage", "remove from a public channel"),
			permission(actions.PhaseUndo, "groups:write", "remove from a private channel"),
		},
		Timeout: time.Minute,
	}
}

func (a invite) Plan(ctx context.Context, call actions.Call, p inviteParams) (actions.Preview, error) {
	var preview actions.Preview
	if len(p.Users) == 0 && len(p.Groups) == 0 {
		return preview, &actions.Error{Class: actions.Invalid, Op: "slack.invite", Err: errors.New("nobody is named"), Hint: "give users, groups or both"}
	}
	channel, err := post(a).channel(call, postParams{Channel: p.Channel})
	if err != nil {
		return preview, err
	}
	client, err := a.provider.open(ctx, call)
	if err != nil {
		return preview, err
	}
	c, err := a.usable(ctx, client, channel)
	if err != nil {
		return preview, err
	}
	people, err := resolve(ctx, client, p)
	if err != nil {
		return preview, err
	}
	there, err := members(ctx, client, channel)
	if err != nil {
		return preview, err
	}
	state := inviteState{Channel: channel, Before: []string{}}
	preview.Targets = []actions.Target{{Type: "slack.channel", ID: channel}}
	preview.Calls = []string{"slack:conversations.invite"}
	preview.InEffect = true
	for _, u := range people {
		state.People = append(state.People, u.ID)
		what := fmt.Sprintf("%s is invited to #%s.", shownName(u), c.Name)
		if slices.Contains(there, u.ID) {
			state.Before = append(state.Before, u.ID)
			what = fmt.Sprintf("%s is in #%s already.", shownName(u), c.Name)
		} else {
			preview.InEffect = false
		}
		preview.Changes = append(preview.Changes, what)
		if u.IsRestricted || u.IsUltraRestricted {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("%s is a guest.", shownName(u)))
		}
	}
	return preview, preview.Capture(state)
}

// usable reads a channel that people can be invited to.
func (invite) usable(ctx context.Context, client *slack.Client, channel string) (*slack.Channel, error) {
	c, err := info(ctx, client, channel)
	if err != nil {
		return nil, err
	}
	if err := ownWorkspace(c); err != nil {
		return nil, err
	}
	refuse := func(what, hint string) (*slack.Channel, error) {
		return nil, &actions.Error{Class: actions.Precondition, Op: "slack:conversations.info", Err: fmt.Errorf("channel %q (%s) %s", "#"+c.Name, channel, what), Hint: hint}
	}
	switch {
	case c.IsArchived:
		return refuse("is archived", "choose another channel")
	case !c.IsMember:
		return refuse("does not have the app as a member", "invite the app to it")
	}
	return c, nil
}

func (a invite) Execute(ctx context.Context, call actions.Call, _ inviteParams) (inviteResult, error) {
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return inviteResult{}, err
	}
	if _, err := a.usable(ctx, client, state.Channel); err != nil {
		return inviteResult{}, err
	}
	there, err := members(ctx, client, state.Channel)
	if err != nil {
		return inviteResult{}, err
	}
	if err := inviteAll(ctx, client, state.Channel, without(state.People, there)); err != nil {
		return inviteResult{}, err
	}
	return inviteResult{state.Channel, without(state.People, state.Before), state.People}, nil
}

// inviteAll invites people one by one: Slack may bring in some of a list and
// answer with an error about the others, and one who cannot come must keep nobody out.
func inviteAll(ctx context.Context, client *slack.Client, channel string, people []string) error {
	var failed []error
	done := 0
	for _, id := range people {
		_, err := client.InviteUsersToConversationContext(ctx, channel, id)
		if err == nil || isWord(err, "already_in_channel") {
			done++
			continue
		}
		e := actions.AsError("", classify("conversations.invite", writes, err))
		e.Err = fmt.Errorf("%s: %w", id, e.Err)
		failed = append(failed, e)
		if e.Class != actions.Precondition && e.Class != actions.NotFound && e.Class != actions.Invalid {
			break // it is not about this person
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case done == 0 && len(failed) == 1:
		return failed[0]
	}
	e := *actions.AsError("", failed[len(failed)-1])
	words := make([]string, len(failed))
	for i, f := range failed {
		words[i] = actions.AsError("", f).Err.Error()
	}
	e.Err = fmt.Errorf("%d of %d people are in the channel now; not: %s", done, len(people), strings.Join(words, ", "))
	if done > 0 {
		e.Class = actions.Unknown // there was an effect
	}
	return &e
}

func (a invite) Verify(ctx context.Context, call actions.Call, _ inviteParams, _ inviteResult) (actions.Reading, error) {
	there, state, err := a.look(ctx, call)
	if err != nil {
		return unreadable(err)
	}
	if missing := without(state.People, there); len(missing) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: "not in the channel: " + strings.Join(missing, ", ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("all %d people are in the channel", len(state.People))}, nil
}

func (a invite) PlanUndo(ctx context.Context, call actions.Call, _ inviteParams, _ inviteResult) (actions.Preview, error) {
	there, state, err := a.look(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets: []actions.Target{{Type: "slack.channel", ID: state.Channel}}, Calls: []string{"slack:conversations.kick"},
		Warnings: []string{"What they have read stays known."},
	}
	for _, id := range brought(state, there) {
		preview.Changes = append(preview.Changes, fmt.Sprintf("%s is removed from the channel.", id))
	}
	if len(preview.Changes) == 0 {
		preview.InEffect = true
		preview.Changes = []string{"Nobody whom this step brought in is in the channel."}
	}
	return preview, nil
}

// Undo removes those whom this step brought in. Who has left by themselves is
// left alone, and so is who was there before. One who cannot be removed keeps
// nobody else in.
func (a invite) Undo(ctx context.Context, call actions.Call, _ inviteParams, _ inviteResult) error {
	there, state, err := a.look(ctx, call)
	if err != nil {
		return err
	}
	client, err := a.provider.open(ctx, call)
	if err != nil {
		return err
	}
	var first *actions.Error
	done := 0
	for _, id := range brought(state, there) {
		err := client.KickUserFromConversationContext(ctx, state.Channel, id)
		if err == nil || isWord(err, "not_in_channel") {
			done++
			continue
		}
		e := *actions.AsError("", classify("conversations.kick", writes, err))
		if e.Err = fmt.Errorf("%s: %w", id, e.Err); first == nil {
			first = &e
		}
		if e.Class != actions.Precondition && e.Class != actions.NotFound && e.Class != actions.Invalid {
			break // it is not about this person
		}
	}
	switch {
	case first == nil:
		return nil
	case done > 0:
		first.Class = actions.Unknown // there was an effect
	}
	return first
}

func (a invite) VerifyUndo(ctx context.Context, call actions.Call, _ inviteParams, _ inviteResult) (actions.Reading, error) {
	there, state, err := a.look(ctx, call)
	if err != nil {
		return unreadable(err)
	}
	if left := brought(state, there); len(left) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: "still in the channel: " + strings.Join(left, ", ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: "nobody whom this step brought in is in the channel"}, nil
}

// brought lists who is in the channel because of this step.
func brought(state inviteState, there []string) []string {
	return slices.DeleteFunc(without(state.People, state.Before), func(id string) bool { return !slices.Contains(there, id) })
}

// without gives all that is not in drop, never nil.
func without(all, drop []string) []string {
	out := []string{}
	for _, one := range all {
		if !slices.Contains(drop, one) {
			out = append(out, one)
		}
	}
	return out
}

// look reads who is in the channel now.
func (a invite) look(ctx context.Context, call actions.Call) ([]string, inviteState, error) {
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return nil, state, err
	}
	there, err := members(ctx, client, state.Channel)
	return there, state, err
}

// resume loads what Plan captured and opens a client.
func (a invite) resume(ctx context.Context, call actions.Call) (*slack.Client, inviteState, error) {
	var state inviteState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Channel == "" || len(state.People) == 0 {
		return nil, state, actions.WrongState("it names no channel or nobody")
	}
	client, err := a.provider.open(ctx, call)
	return client, state, err
}
