package slack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

type openChannel struct{ provider *Provider }

type openParams struct {
	Name    string `json:"name" doc:"name of the channel; {incident}, {run} and {step} are filled in, and what Slack does not allow in a name becomes a hyphen" example:"{incident}-forensics"`
	Public  bool   `json:"public,omitempty" doc:"let everybody in the workspace find and read it; private when not given"`
	Purpose string `json:"purpose,omitempty" doc:"what the channel is for, shown to people" example:"Memory and disk images of the affected hosts"`
}

type openResult struct {
	Channel string `json:"channel" doc:"id of the channel, for slack.post and slack.invite"`
	Name    string `json:"name" doc:"name that it got, without the #"`
}

// openState is what Plan captures: the name, filled in, and who we are.
type openState struct {
	Name string `json:"name"`
	Me   string `json:"me"` // the app's user, the creator of its channels
}

const nameAttempts = 9 // "inc-12-forensics", "inc-12-forensics-2", ...

func (openChannel) Spec() actions.Spec {
	permission := func(phase actions.Phase, scope, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "slack:" + scope, Resource: "{name}", Why: why}
	}
	return actions.Spec{
		Name: "slack.open_channel", Version: 1,
		Title: "Open a channel in Slack",
		Doc: "Makes a channel of its own for a part of the incident, private unless public is true. Its purpose carries a mark of the step, so that a step whose answer was lost finds its channel and does not make a second one. " +
			"A name that is taken gets a number. Undo archives the channel.",
		Effect: actions.Reversible, Repeat: actions.Probe, Tells: true,
		BlastRadius: "A private channel is seen by those who are invited; a public one by everybody in the workspace.",
		StaysAlive:  []string{"An archived channel keeps its name and its messages; Slack lets no app delete it.", "What people have read stays known."},
		Permissions: []actions.Permission{
			permission(actions.PhaseExecute, "groups:write", "make a private channel and set its purpose"),
			permission(actions.PhaseExecute, "channels:manage", "make a public channel and set its purpose"),
			permission(actions.PhaseExecute, "groups:read", "look for the private channel of an earlier attempt"),
			permission(actions.PhaseExecute, "channels:read", "look for the public channel of an earlier attempt"),
			permission(actions.PhaseVerify, "groups:read", "read the private channel back"),
			permission(actions.PhaseVerify, "channels:read", "read the public channel back"),
			permission(actions.PhaseUndo, "groups:write", "archive a private channel"),
			permission(actions.PhaseUndo, "channels:manage", "archive a public channel"),
		},
		Settle: 10 * time.Second,
	}
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// channelNames gives the names to try, in order.
func channelNames(base string) []string {
	names := make([]string, 0, nameAttempts)
	for n := 1; n <= nameAttempts; n++ {
		suffix := ""
		if n > 1 {
			suffix = "-" + strconv.Itoa(n)
		}
		name := base
		if room := maxChannelName - len(suffix); len(name) > room {
			name = strings.TrimRight(name[:room], "-")
		}
		names = append(names, name+suffix)
	}
	return names
}

// baseName fills in the template.
func baseName(call actions.Call, template string) (string, error) {
	invalid := func(hint, format string, args ...any) (string, error) {
		return "", &actions.Error{Class: actions.Invalid, Op: "slack.open_channel", Err: fmt.Errorf(format, args...), Hint: hint}
	}
	filled := strings.NewReplacer("{incident}", call.Incident, "{run}", call.Run, "{step}", call.Step).Replace(template)
	if unknown := placeholder.FindString(placeholder.ReplaceAllStringFunc(template, func(p string) string {
		if p == "{incident}" || p == "{run}" || p == "{step}" {
			return ""
		}
		return p
	})); unknown != "" {
		return invalid("known: {incident}, {run} and {step}", "the name holds %s, which is not known", unknown)
	}
	name := slug(filled)
	if strings.Trim(name, "-_") == "" {
		return invalid("use letters and digits", "nothing is left of the name %q that Slack allows", template)
	}
	return name, nil
}

// mark is what the purpose of the step's channel ends in.
func mark(call actions.Call) string { return "firebreak:" + call.Key.Token(24) }

// purposeOf is the purpose that people read, and the mark.
func purposeOf(call actions.Call, p openParams) string {
	text := strings.Join(strings.Fields(p.Purpose), " ")
	if text != "" {
		text += " "
	}
	return text + "(" + call.Incident + " " + mark(call) + ")"
}

func (a openChannel) Plan(ctx context.Context, call actions.Call, p openParams) (actions.Preview, error) {
	var preview actions.Preview
	name, err := baseName(call, p.Name)
	if err != nil {
		return preview, err
	}
	if n := utf8.RuneCountInString(purposeOf(call, p)); n > maxPurpose {
		return preview, &actions.Error{Class: actions.Invalid, Op: "slack.open_channel", Err: fmt.Errorf("the purpose is %d characters too long", n-maxPurpose), Hint: "shorten it"}
	}
	client, err := a.provider.open(ctx, call)
	if err != nil {
		return preview, err
	}
	me, err := client.AuthTestContext(ctx)
	switch {
	case err != nil:
		return preview, classify("auth.test", reads, err)
	case me.UserID == "":
		return preview, &actions.Error{Class: actions.Transient, Op: "slack:auth.test", Err: errors.New("the answer does not say who the app is")}
	}
	state := openState{Name: channelNames(name)[0], Me: me.UserID}
	kind := "A private channel"
	if p.Public {
		kind = "A public channel"
	}
	preview = actions.Preview{
		Targets: []actions.Target{{Type: "slack.channel", ID: "#" + state.Name}},
		Changes: []string{fmt.Sprintf("%s #%s is made; when the name is taken, it gets a number.", kind, state.Name)},
		Calls:   []string{"slack:conversations.create", "slack:conversations.setPurpose"},
	}
	whole, _, err := a.find(ctx, client, call, p, state)
	if err != nil {
		return preview, err
	}
	preview.InEffect = whole != nil
	return preview, preview.Capture(state)
}

// find looks through the channels that the app is in: for the one with the
// step's mark, and for one that was made and never got its mark.
func (a openChannel) find(ctx context.Context, client *slack.Client, call actions.Call, p openParams, state openState) (whole, half *slack.Channel, err error) {
	query := slack.GetConversationsForUserParameters{Types: []string{"public_channel", "private_channel"}, ExcludeArchived: true, Limit: listSize}
	for range maxPages {
		page, next, err := client.GetConversationsForUserContext(ctx, &query)
		if err != nil {
			return nil, nil, classify("users.conversations", reads, err)
		}
		for i := range page {
			switch c := &page[i]; {
			case !a.made(c, p, state):
			case marked(c, call):
				return c, nil, nil
			case half == nil && unmarked(c, call, state):
				half = c
			}
		}
		if next == "" {
			return nil, half, nil
		}
		query.Cursor = next
	}
	return nil, nil, &actions.Error{
		Class: actions.Precondition, Op: "slack:users.conversations", Err: fmt.Errorf("the app is in more than %d channels, and they could not all be read", listSize*maxPages),
		Hint: "archive channels of old incidents",
	}
}

// made says whether a channel could be one that this step made.
func (openChannel) made(c *slack.Channel, p openParams, state openState) bool {
	return c.Creator == state.Me && c.IsPrivate != p.Public && !c.IsArchived && ownWorkspace(c) == nil
}

func marked(c *slack.Channel, call actions.Call) bool {
	return call.Key != "" && strings.Contains(c.Purpose.Value, mark(call)+")")
}

// unmarked is a channel of ours whose maker was lost before it could set the
// purpose: the right name, no purpose, and not older than the step.
func unmarked(c *slack.Channel, call actions.Call, state openState) bool {
	if c.Purpose.Value != "" || !call.Started.IsZero() && c.Created.Time().Before(call.Started.Add(-clockSlack)) {
		return false
	}
	for _, name := range channelNames(state.Name) {
		if c.Name == name {
			return !call.Started.IsZero()
		}
	}
	return false
}

func (a openChannel) Execute(ctx context.Context, call actions.Call, p openParams) (openResult, error) {
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return openResult{}, err
	}
	whole, half, err := a.find(ctx, client, call, p, state)
	switch {
	case err != nil:
		return openResult{}, err
	case whole != nil:
		return openResult{whole.ID, whole.Name}, nil
	case half == nil:
		if half, err = create(ctx, client, p, state); err != nil {
			return openResult{}, err
		}
	}
	if _, err := client.SetPurposeOfConversationContext(ctx, half.ID, purposeOf(call, p)); err != nil {
		e := actions.AsError("", classify("conversations.setPurpose", writes, err))
		e.Class = actions.Unknown // the channel is there
		e.Hint = strings.TrimPrefix(e.Hint+fmt.Sprintf("; channel #%s was made, and its purpose is not set", half.Name), "; ")
		return openResult{}, e
	}
	return openResult{half.ID, half.Name}, nil
}

// create makes the channel under the first name that is free.
func create(ctx context.Context, client *slack.Client, p openParams, state openState) (*slack.Channel, error) {
	for _, name := range channelNames(state.Name) {
		c, err := client.CreateConversationContext(ctx, slack.CreateConversationParams{ChannelName: name, IsPrivate: !p.Public})
		switch {
		case isWord(err, "name_taken"):
			continue
		case err != nil:
			return nil, classify("conversations.create", writes, err)
		case c.ID == "" || c.Name == "":
			return nil, &actions.Error{Class: actions.Unknown, Op: "slack:conversations.create", Err: errors.New("the answer names no channel")}
		}
		return c, nil
	}
	return nil, &actions.Error{
		Class: actions.Precondition, Op: "slack:conversations.create", Err: fmt.Errorf("the name %q and %d like it are taken", state.Name, nameAttempts-1),
		Hint: "give another name; archived channels keep theirs",
	}
}

// Probe looks for the channel of an attempt whose answer was lost. One that was
// made and has no mark yet is not the whole effect: the next attempt takes it up.
func (a openChannel) Probe(ctx context.Context, call actions.Call, p openParams) (actions.Found, openResult, error) {
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return actions.FoundUnknown, openResult{}, err
	}
	whole, _, err := a.find(ctx, client, call, p, state)
	switch {
	case err != nil:
		return actions.FoundUnknown, openResult{}, err
	case whole == nil:
		return actions.NotApplied, openResult{}, nil
	}
	return actions.Applied, openResult{whole.ID, whole.Name}, nil
}

func (a openChannel) Verify(ctx context.Context, call actions.Call, p openParams, r openResult) (actions.Reading, error) {
	if r.Channel == "" {
		return actions.Reading{Verdict: actions.NotVerified, Detail: "no channel of this step is known"}, nil
	}
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	c, err := info(ctx, client, r.Channel)
	if err != nil {
		return unreadable(err)
	}
	not := func(what string) (actions.Reading, error) {
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("channel #%s %s", c.Name, what)}, nil
	}
	switch {
	case c.IsArchived:
		return not("is archived")
	case ownWorkspace(c) != nil:
		return not("is shared with another organisation")
	case c.IsPrivate == p.Public:
		return not("is not as private as it was asked for")
	case !c.IsMember:
		return not("does not have the app as a member")
	case c.Creator != state.Me || !marked(c, call):
		return not("does not carry the mark of this step")
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("channel #%s (%s) is there, and the app is in it", c.Name, c.ID)}, nil
}

func (a openChannel) PlanUndo(_ context.Context, _ actions.Call, _ openParams, r openResult) (actions.Preview, error) {
	if r.Channel == "" {
		return actions.Preview{NoUndo: "no channel of this step is known"}, nil
	}
	return actions.Preview{
		Targets:  []actions.Target{{Type: "slack.channel", ID: r.Channel}},
		Changes:  []string{fmt.Sprintf("Channel #%s is archived: nobody can write in it any more.", r.Name)},
		Calls:    []string{"slack:conversations.archive"},
		Warnings: []string{"Its name stays taken, and its messages stay readable."},
	}, nil
}

func (a openChannel) Undo(ctx context.Context, call actions.Call, _ openParams, r openResult) error {
	if r.Channel == "" {
		return &actions.Error{Class: actions.Precondition, Op: "slack.open_channel", Err: errors.New("no channel of this step is known"), Hint: "look in Slack, and archive it by hand if it is there"}
	}
	client, state, err := a.resume(ctx, call)
	if err != nil {
		return err
	}
	c, err := info(ctx, client, r.Channel)
	switch {
	case err != nil:
		return err
	case c.Creator != state.Me || !marked(c, call):
		return &actions.Error{
			Class: actions.Precondition, Op: "slack.open_channel", Err: fmt.Errorf("channel #%s does not carry the mark of this step: its purpose is %q", c.Name, c.Purpose.Value),
			Hint: "somebody has changed it; archive it by hand if it is no longer needed",
		}
	case c.IsArchived:
		return nil
	}
	if err = client.ArchiveConversationContext(ctx, r.Channel); isWord(err, "already_archived") {
		return nil
	}
	return classify("conversations.archive", writes, err)
}

func (a openChannel) VerifyUndo(ctx context.Context, call actions.Call, _ openParams, r openResult) (actions.Reading, error) {
	if r.Channel == "" {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: "no channel of this step is known"}, nil
	}
	client, _, err := a.resume(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	c, err := info(ctx, client, r.Channel)
	switch {
	case err != nil:
		return unreadable(err)
	case !c.IsArchived:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("channel #%s is not archived", c.Name)}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("channel #%s is archived", c.Name)}, nil
}

// resume loads what Plan captured and opens a client.
func (a openChannel) resume(ctx context.Context, call actions.Call) (*slack.Client, openState, error) {
	var state openState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Name == "" || state.Me == "" {
		return nil, state, actions.WrongState("it names no channel and no app")
	}
	client, err := a.provider.open(ctx, call)
	return client, state, err
}
