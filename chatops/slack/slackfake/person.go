package slackfake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Person drives one user: what it does is what that person could do in Slack's client, and it is refused where the
// client would refuse. Each action waits until the app has answered, or Slack has given up on it.
type Person struct {
	ws *Workspace
	id string
}

// User gives the driver of a user, by ID or handle. For an unknown one every action ends in ErrNotThere.
func (w *Workspace) User(idOrName string) *Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.userNamed(idOrName); u != nil {
		idOrName = u.ID
	}
	return &Person{ws: w, id: idOrName}
}

// ID is the user ID.
func (p *Person) ID() string { return p.id }

// Place is a person in front of one channel.
type Place struct {
	*Person
	channel string
}

// In opens a channel, by ID or name.
func (p *Person) In(channel string) *Place { return &Place{Person: p, channel: channel} }

// InDM opens the direct messages with the app.
func (p *Person) InDM() *Place {
	p.ws.mu.Lock()
	defer p.ws.mu.Unlock()
	if p.ws.user(p.id) == nil {
		return &Place{Person: p}
	}
	return &Place{Person: p, channel: p.ws.openIM(p.id).ID}
}

// Join makes the person a member of a channel.
func (p *Person) Join(channel string) error {
	w := p.ws
	w.mu.Lock()
	u, c := w.user(p.id), w.channel(channel)
	if u == nil || c == nil {
		w.mu.Unlock()
		return fmt.Errorf("join %q as %q: %w", channel, p.id, ErrNotThere)
	}
	if c.has(u.ID) {
		w.mu.Unlock()
		return nil
	}
	if c.Private || u.Restricted || u.UltraRestricted || u.Deleted || c.Archived {
		w.mu.Unlock()
		return fmt.Errorf("join %q as %q: %w", channel, p.id, ErrNotAllowed)
	}
	w.join(c, u.ID)
	id := c.ID
	w.mu.Unlock()
	w.flush()
	w.emit(map[string]any{"type": "member_joined_channel", "user": p.id, "channel": id, "channel_type": "C", "team": w.opt.TeamID})
	return nil
}

// Leave takes the person out of a channel.
func (p *Person) Leave(channel string) error {
	w := p.ws
	w.mu.Lock()
	c := w.channel(channel)
	if c == nil || !c.has(p.id) {
		w.mu.Unlock()
		return fmt.Errorf("leave %q as %q: %w", channel, p.id, ErrNotThere)
	}
	c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(m string) bool { return m == p.id })
	w.say(Line{Kind: "leave", ChannelID: c.ID, From: w.names(p.id), Text: "left"})
	id := c.ID
	w.mu.Unlock()
	w.flush()
	w.emit(map[string]any{"type": "member_left_channel", "user": p.id, "channel": id, "channel_type": "C", "team": w.opt.TeamID})
	return nil
}

// at finds the person and the channel, and checks that Slack's client lets the one write in the other. The lock is held.
func (p *Place) at() (*User, *Channel, error) {
	w := p.ws
	u, c := w.user(p.id), w.channel(p.channel)
	switch {
	case u == nil:
		return nil, nil, fmt.Errorf("%w: no user %q", ErrNotThere, p.id)
	case c == nil || p.channel == "":
		return nil, nil, fmt.Errorf("%w: no channel %q", ErrNotThere, p.channel)
	case u.Deleted:
		return nil, nil, fmt.Errorf("%w: %s is deactivated", ErrNotAllowed, u.Name)
	case !c.has(u.ID):
		return nil, nil, fmt.Errorf("%w: %s is not in %s; call Join or list the member in AddChannel", ErrNotAllowed, u.Name, w.channelLabel(c.ID))
	case c.Archived:
		return nil, nil, fmt.Errorf("%w: %s is archived", ErrNotAllowed, w.channelLabel(c.ID))
	}
	return u, c, nil
}

// Type types a slash command, such as `/incident declare "key leak"`, and waits for the app's answer. Typed @names and
// #names of known people, groups and channels arrive escaped.
func (p *Place) Type(text string) *Delivery {
	w := p.ws
	d := &Delivery{Kind: "command", User: p.id, accepts: true, ws: w}
	w.mu.Lock()
	u, c, err := p.at()
	command, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case err != nil:
	case !strings.HasPrefix(command, "/"):
		err = fmt.Errorf("%w: %q is no slash command; use Say", ErrNotThere, text)
	case len(w.opt.Commands) > 0 && !slices.Contains(w.opt.Commands, command):
		w.say(Line{Kind: "command", ChannelID: c.ID, From: w.names(u.ID), To: w.names(u.ID), Text: text})
		w.notice(c.ID, u.ID, command+" is not a valid command.")
		err = fmt.Errorf("%w: no app has registered %s", ErrNotThere, command)
	case !slices.Contains(w.App.scopes, "commands"):
		err = fmt.Errorf("%w: the app lacks the scope commands", ErrNotThere)
	}
	if err != nil {
		d.Err = fmt.Errorf("type %q: %w", text, err)
		w.mu.Unlock()
		w.flush()
		return d
	}
	w.say(Line{Kind: "command", ChannelID: c.ID, From: w.names(u.ID), To: w.names(u.ID), Text: text})
	rest = strings.TrimSpace(rest)
	if !w.opt.PlainMentions {
		rest = w.escape(rest)
	}
	d.TriggerID = w.newTrigger(u.ID)
	d.ResponseURL = w.newHook("commands", u.ID, c.ID, nil)
	name := c.Name
	if c.IM {
		name = "directmessage"
	}
	fields := w.commandFields(u.ID, u.Name, c.ID, name, command, rest, d.TriggerID, d.ResponseURL)
	d.Body, d.payload = commandBody(fields), commandPayload(fields)
	w.register(d, w.App.commands)
	w.mu.Unlock()
	w.flush()

	w.dispatch(d)

	w.mu.Lock()
	if d.Err != nil {
		w.notice(c.ID, u.ID, command+` failed with the error "`+word(d.Err)+`"`)
	} else if err := w.commandAck(d, w.hooks[strings.TrimPrefix(d.ResponseURL, w.url)]); err != nil {
		d.Err = fmt.Errorf("type %q: %w", text, err)
		w.notice(c.ID, u.ID, command+` failed with the error "dispatch_failed"`)
	}
	w.mu.Unlock()
	w.flush()
	return d
}

// word is the error word that a person sees.
func word(err error) string {
	for _, e := range []error{ErrOperationTimeout, ErrDispatchFailed} {
		if isErr(err, e) {
			return e.Error()
		}
	}
	return "dispatch_failed"
}

func (w *Workspace) commandFields(user, userName, channel, channelName, command, text, trigger, hook string) []field {
	return []field{
		{"token", "verification"}, {"team_id", w.opt.TeamID}, {"team_domain", w.opt.TeamDomain},
		{"channel_id", channel}, {"channel_name", channelName}, {"user_id", user}, {"user_name", userName},
		{"command", command}, {"text", text}, {"api_app_id", w.App.ID},
		{"is_enterprise_install", "false"}, {"response_url", hook}, {"trigger_id", trigger},
	}
}

// commandAck shows what the answer to a slash command carries. The lock is held.
func (w *Workspace) commandAck(d *Delivery, h *hook) error {
	args, err := ackObject(d)
	if err != nil || args == nil {
		return err
	}
	r := &request{args: args}
	body, err := w.content(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadAck, err)
	}
	if !body.empty() {
		w.respond(h, body, r.str("response_type"), "")
	}
	return nil
}

// ackObject reads the answer of the app: nothing, an object, or by HTTP a bare text.
func ackObject(d *Delivery) (map[string]any, error) {
	text := strings.TrimSpace(string(d.Ack))
	if text == "" || text == "null" {
		return nil, nil
	}
	if d.Via == "http" && !strings.Contains(d.ackType, "json") {
		return map[string]any{"text": text}, nil
	}
	args, err := jsonArgs([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%w: the answer is not a JSON object: %.60q", ErrBadAck, text)
	}
	return args, nil
}

// escape turns @handles and #names into the references that Slack sends.
func (w *Workspace) escape(text string) string {
	isName := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		mark := text[i]
		if mark != '@' && mark != '#' || i > 0 && isName(rune(text[i-1])) {
			switch mark {
			case '&':
				b.WriteString("&amp;")
			case '<':
				b.WriteString("&lt;")
			case '>':
				b.WriteString("&gt;")
			default:
				b.WriteByte(mark)
			}
			i++
			continue
		}
		end := i + 1
		for end < len(text) && isName(rune(text[end])) {
			end++
		}
		name := strings.TrimRight(text[i+1:end], ".")
		b.WriteString(w.reference(mark, name))
		i += 1 + len(name)
	}
	return b.String()
}

func (w *Workspace) reference(mark byte, name string) string {
	if mark == '#' {
		for _, c := range w.channels {
			if c.Name == name && name != "" {
				return "<#" + c.ID + "|" + c.Name + ">"
			}
		}
		return "#" + name
	}
	for _, u := range w.users {
		if u.Name == name {
			return "<@" + u.ID + "|" + u.Name + ">"
		}
	}
	for _, g := range w.groups {
		if g.Handle == name {
			return "<!subteam^" + g.ID + "|@" + g.Handle + ">"
		}
	}
	return "@" + name
}

// Say posts an ordinary message and, when the app has subscribed to "message" and is in the channel, sends the event.
func (p *Place) Say(text string) (Message, error) { return p.say("", text) }

// Reply posts an ordinary message into a thread.
func (p *Place) Reply(parent Ref, text string) (Message, error) { return p.say(parent.TS, text) }

func (p *Place) say(thread, text string) (Message, error) {
	w := p.ws
	w.mu.Lock()
	u, c, err := p.at()
	if err != nil {
		w.mu.Unlock()
		return Message{}, fmt.Errorf("say %q: %w", text, err)
	}
	m := *w.post(c.ID, u.ID, content{text: w.escape(text)}, thread, false)
	kind := "channel"
	switch {
	case c.IM:
		kind = "im"
	case c.Private:
		kind = "group"
	}
	heard := c.has(w.App.BotUserID)
	w.mu.Unlock()
	w.flush()
	if heard {
		event := map[string]any{
			"type": "message", "channel": c.ID, "user": u.ID, "text": m.Text, "ts": m.TS, "event_ts": m.TS, "channel_type": kind,
			"team": w.opt.TeamID,
		}
		if thread != "" {
			event["thread_ts"] = thread
		}
		w.emit(event)
	}
	return m, nil
}

// React puts an emoji under a message and, when the app has subscribed to it, sends reaction_added.
func (p *Person) React(ref Ref, emoji string) error {
	w := p.ws
	w.mu.Lock()
	m := w.find(ref, p.id)
	if m == nil || m.To != "" {
		w.mu.Unlock()
		return fmt.Errorf("react to %v: %w", ref, ErrNotThere)
	}
	done := w.react(m, p.id, emoji)
	event := map[string]any{
		"type": "reaction_added", "user": p.id, "reaction": emoji, "item_user": m.User,
		"item": map[string]any{"type": "message", "channel": m.Channel, "ts": m.TS},
	}
	w.mu.Unlock()
	w.flush()
	if done {
		w.emit(event)
	}
	return nil
}

// OpenHome opens the app's home tab and, when the app has subscribed to it, sends app_home_opened.
func (p *Person) OpenHome() *Delivery {
	w := p.ws
	w.mu.Lock()
	c := w.openIM(p.id)
	w.mu.Unlock()
	return w.emit(map[string]any{"type": "app_home_opened", "user": p.id, "channel": c.ID, "tab": "home"})
}

// interaction starts the payload that all interactions share. The lock is held.
func (w *Workspace) interaction(kind string, u *User) reply {
	return reply{
		"type": kind, "token": "verification", "api_app_id": w.App.ID,
		"team":       reply{"id": w.opt.TeamID, "domain": w.opt.TeamDomain},
		"user":       reply{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID},
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// prepare encodes the payload and registers the delivery. The lock is held.
func (w *Workspace) prepare(d *Delivery, payload reply) {
	d.payload, _ = json.Marshal(payload)
	d.Body = interactionBody(d.payload)
	w.register(d, w.App.interactivity)
}
