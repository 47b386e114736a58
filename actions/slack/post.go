package slack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

type post struct{ provider *Provider }

type postParams struct {
	Text    string `json:"text" doc:"what to say; posted as plain text, nobody is mentioned" example:"The key is off, please restart the deploy job"`
	Channel string `json:"channel,omitempty" doc:"id of the channel; the incident's own when not given" example:"C0123456789" pattern:"^[CDG][A-Z0-9]+$"`
}

type postResult struct {
	Channel string `json:"channel" doc:"id of the channel"`
	TS      string `json:"ts" doc:"Slack's timestamp of the message, its id in the channel"`
}

// postState is what Plan captures: the channel, resolved.
type postState struct {
	Channel string `json:"channel"`
}

// eventType marks our messages; the payload tells them apart.
const eventType = "firebreak_step"

const (
	maxText    = 40_000           // characters; Slack cuts longer texts off
	pageSize   = 200              // messages in one page of a history
	maxPages   = 20               // pages that a probe reads before it gives up
	clockSlack = 10 * time.Minute // how far our clock may be ahead of Slack's
)

func (post) Spec() actions.Spec {
	permission := func(phase actions.Phase, scope, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "slack:" + scope, Resource: "{channel}", Why: why}
	}
	return actions.Spec{
		Name: "slack.post", Version: 1,
		Title:  "Post a message in Slack",
		Doc:    "Posts a plain text to a channel, or to the incident's own channel. The message carries the step's key, so that a step whose answer was lost finds its message and does not post twice. Undo deletes the message.",
		Effect: actions.Reversible, Repeat: actions.Probe, Tells: true,
		BlastRadius: "The members of the channel read it.",
		StaysAlive:  []string{"What people have read, copied or been notified of stays known after the message is deleted."},
		Permissions: []actions.Permission{
			permission(actions.PhasePlan, "channels:read", "see that the channel exists and the app is in it"),
			permission(actions.PhaseExecute, "chat:write", "post the message"),
			permission(actions.PhaseExecute, "channels:history", "look for the message of an earlier attempt"),
			permission(actions.PhaseVerify, "channels:history", "read the message back"),
			permission(actions.PhaseUndo, "chat:write", "delete the message"),
			permission(actions.PhaseUndo, "channels:history", "see that it is gone"),
		},
		Settle: 10 * time.Second,
	}
}

func (a post) Plan(ctx context.Context, call actions.Call, p postParams) (actions.Preview, error) {
	var preview actions.Preview
	switch length := utf8.RuneCountInString(p.Text); {
	case strings.TrimSpace(p.Text) == "":
		return preview, &actions.Error{Class: actions.Invalid, Op: "slack.post", Err: errors.New("the text is empty")}
	case length > maxText:
		return preview, &actions.Error{Class: actions.Invalid, Op: "slack.post", Err: fmt.Errorf("the text has %d characters, Slack takes %d", length, maxText), Hint: "shorten it, or attach a file"}
	}
	channel, err := a.channel(call, p)
	if err != nil {
		return preview, err
	}
	client, err := a.provider.open(ctx, call)
	if err != nil {
		return preview, err
	}
	found, err := client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	if err != nil {
		return preview, classify("conversations.info", reads, err)
	}
	name := channel
	if found.Name != "" {
		name = "#" + found.Name
	}
	refuse := func(what, hint string) error {
		return &actions.Error{Class: actions.Precondition, Op: "slack:conversations.info", Err: fmt.Errorf("channel %q (%s) %s", name, channel, what), Hint: hint}
	}
	switch {
	case found.IsArchived:
		return preview, refuse("is archived", "choose another channel")
	case !found.IsIM && !found.IsMpIM && !found.IsMember:
		return preview, refuse("does not have the app as a member", "invite the app, so that it can read its message back")
	}
	preview = actions.Preview{
		Targets: []actions.Target{{Type: "slack.channel", ID: channel}},
		Changes: []string{fmt.Sprintf("A message of %d characters is posted to %s.", utf8.RuneCountInString(p.Text), name)},
		Calls:   []string{"slack:chat.postMessage"},
	}
	return preview, preview.Capture(postState{Channel: channel})
}

// channel is the one the step names, or the incident's.
func (a post) channel(call actions.Call, p postParams) (string, error) {
	if p.Channel != "" {
		return p.Channel, nil
	}
	missing := &actions.Error{Class: actions.Precondition, Op: "slack.post", Err: fmt.Errorf("incident %q has no Slack channel", call.Incident), Hint: "name a channel in the step"}
	if a.provider.options.Channel == nil {
		return "", missing
	}
	id, err := a.provider.options.Channel(call.Incident)
	switch {
	case err != nil:
		return "", &actions.Error{Class: actions.Precondition, Op: "slack.post", Err: fmt.Errorf("find the channel of incident %q: %w", call.Incident, err), Hint: "name a channel in the step"}
	case id == "":
		return "", missing
	}
	return id, nil
}

func (a post) Execute(ctx context.Context, call actions.Call, p postParams) (postResult, error) {
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return postResult{}, err
	}
	if call.Attempt > 1 {
		found, earlier, err := a.find(ctx, client, call, state.Channel)
		switch {
		case err != nil:
			return postResult{}, err
		case found == actions.Applied:
			return earlier, nil
		case found != actions.NotApplied:
			return postResult{}, &actions.Error{Class: actions.Unknown, Op: "slack:conversations.history", Err: errors.New("the message of an earlier attempt was not found, but not everything could be read"), Hint: "look in the channel before posting again"}
		}
	}
	channel, ts, err := client.PostMessageContext(ctx, state.Channel,
		slack.MsgOptionText(p.Text, true), slack.MsgOptionDisableMarkdown(), slack.MsgOptionParse(false),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: eventType, EventPayload: map[string]any{
			"incident": call.Incident, "run": call.Run, "step": call.Step, "key": string(call.Key),
		}}))
	if err != nil {
		return postResult{}, classify("chat.postMessage", writes, err)
	}
	if channel == "" || ts == "" {
		return postResult{}, &actions.Error{Class: actions.Unknown, Op: "slack:chat.postMessage", Err: errors.New("the answer names no message")}
	}
	return postResult{channel, ts}, nil
}

// Probe looks for the message of an attempt whose answer was lost.
func (a post) Probe(ctx context.Context, call actions.Call, _ postParams) (actions.Found, postResult, error) {
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return actions.FoundUnknown, postResult{}, err
	}
	return a.find(ctx, client, call, state.Channel)
}

// find reads the history since the step started. Only a history that was read
// to its end proves that there is no message.
func (a post) find(ctx context.Context, client *slack.Client, call actions.Call, channel string) (actions.Found, postResult, error) {
	query := slack.GetConversationHistoryParameters{ChannelID: channel, Limit: pageSize, IncludeAllMetadata: true}
	if !call.Started.IsZero() {
		query.Oldest = strconv.FormatInt(call.Started.Add(-clockSlack).Unix(), 10)
	}
	for range maxPages {
		page, err := client.GetConversationHistoryContext(ctx, &query)
		if err != nil {
			return actions.FoundUnknown, postResult{}, classify("conversations.history", reads, err)
		}
		for _, message := range page.Messages {
			if ours(message, call) {
				return actions.Applied, postResult{channel, message.Timestamp}, nil
			}
		}
		if !page.HasMore {
			return actions.NotApplied, postResult{}, nil
		}
		if query.Cursor = page.ResponseMetaData.NextCursor; query.Cursor == "" {
			break
		}
	}
	return actions.FoundUnknown, postResult{}, nil
}

// ours says whether a message was posted by this step.
func ours(message slack.Message, call actions.Call) bool {
	key, _ := message.Metadata.EventPayload["key"].(string)
	return message.Metadata.EventType == eventType && key != "" && key == string(call.Key)
}

func (a post) Verify(ctx context.Context, call actions.Call, _ postParams, r postResult) (actions.Reading, error) {
	there, err := a.read(ctx, call, r)
	switch {
	case actions.ClassOf(err) == actions.Denied && err != nil:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	case err != nil:
		return actions.Reading{}, err
	case !there:
		return actions.Reading{Verdict: actions.NotVerified, Detail: "the channel does not show the message"}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("message %s is in channel %s", r.TS, r.Channel)}, nil
}

// read looks for the message at its place in the channel.
func (a post) read(ctx context.Context, call actions.Call, r postResult) (there bool, err error) {
	if r.Channel == "" || r.TS == "" {
		return false, nil
	}
	client, _, err := a.resume(ctx, call)
	if err != nil {
		return false, err
	}
	page, err := client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: r.Channel, Oldest: r.TS, Latest: r.TS, Inclusive: true, Limit: 1, IncludeAllMetadata: true,
	})
	if err != nil {
		return false, classify("conversations.history", reads, err)
	}
	for _, message := range page.Messages {
		if message.Timestamp == r.TS && ours(message, call) {
			return true, nil
		}
	}
	return false, nil
}

func (a post) PlanUndo(_ context.Context, _ actions.Call, _ postParams, r postResult) (actions.Preview, error) {
	if r.TS == "" {
		return actions.Preview{NoUndo: "no message of this step is known"}, nil
	}
	return actions.Preview{
		Targets:  []actions.Target{{Type: "slack.channel", ID: r.Channel}},
		Changes:  []string{fmt.Sprintf("Message %s in channel %s is deleted.", r.TS, r.Channel)},
		Calls:    []string{"slack:chat.delete"},
		Warnings: []string{"What was read stays known."},
	}, nil
}

func (a post) Undo(ctx context.Context, call actions.Call, _ postParams, r postResult) error {
	if r.TS == "" {
		return &actions.Error{Class: actions.Precondition, Op: "slack.post", Err: errors.New("no message of this step is known"), Hint: "look in the channel, and delete it by hand if it is there"}
	}
	client, _, err := a.resume(ctx, call)
	if err != nil {
		return err
	}
	_, _, err = client.DeleteMessageContext(ctx, r.Channel, r.TS)
	if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok && answer.Err == "message_not_found" {
		return nil // gone already
	}
	return classify("chat.delete", writes, err)
}

func (a post) VerifyUndo(ctx context.Context, call actions.Call, _ postParams, r postResult) (actions.Reading, error) {
	there, err := a.read(ctx, call, r)
	switch {
	case r.TS == "":
		return actions.Reading{Verdict: actions.CannotVerify, Detail: "no message of this step is known"}, nil
	case actions.ClassOf(err) == actions.Denied && err != nil:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	case err != nil:
		return actions.Reading{}, err
	case there:
		return actions.Reading{Verdict: actions.NotVerified, Detail: "the message is still there"}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: "the channel does not show the message any more"}, nil
}

// resume loads what Plan captured and opens a client.
func (a post) resume(ctx context.Context, call actions.Call) (*slack.Client, postState, error) {
	var state postState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Channel == "" {
		return nil, state, actions.WrongState("it names no channel")
	}
	client, err := a.provider.open(ctx, call)
	return client, state, err
}
