package slackfake

import (
	"slices"
	"strings"
)

func pinMethods() []method {
	return []method{
		{name: "pins.add", tier: tier2, scopes: []string{"pins:write"}, run: pinsAdd},
		{name: "pins.remove", tier: tier2, scopes: []string{"pins:write"}, run: pinsRemove},
		{name: "pins.list", tier: tier2, scopes: []string{"pins:read"}, run: pinsList},
		{name: "bookmarks.add", tier: tier2, scopes: []string{"bookmarks:write"}, run: bookmarksAdd},
		{name: "bookmarks.list", tier: tier3, scopes: []string{"bookmarks:read"}, run: bookmarksList},
		{name: "reactions.add", tier: tier3, scopes: []string{"reactions:write"}, run: reactionsAdd},
		{name: "reactions.remove", tier: tier2, scopes: []string{"reactions:write"}, run: reactionsRemove},
	}
}

// within finds a channel that the bot is in.
func (w *Workspace) within(r *request, arg string) (*Channel, error) {
	c, err := w.seen(r, arg)
	if err != nil {
		return nil, err
	}
	if !c.has(w.App.BotUserID) {
		return nil, fail("not_in_channel")
	}
	if c.Archived {
		return nil, fail("is_archived")
	}
	return c, nil
}

func pinsAdd(w *Workspace, r *request) (reply, error) {
	c, err := w.within(r, "channel")
	if err != nil {
		return nil, err
	}
	ts := r.str("timestamp")
	m := w.message(c.ID, ts)
	switch {
	case ts == "":
		return nil, fail("no_item_specified")
	case m == nil:
		return nil, fail("message_not_found")
	case slices.Contains(c.Pins, ts):
		return nil, fail("already_pinned")
	case len(c.Pins) >= 100:
		return nil, fail("too_many_pins")
	}
	c.Pins = append(c.Pins, ts)
	w.say(Line{Kind: "pin", ChannelID: c.ID, From: w.App.BotName, TS: ts, Text: "pinned a message"})
	return reply{}, nil
}

func pinsRemove(w *Workspace, r *request) (reply, error) {
	c, err := w.within(r, "channel")
	if err != nil {
		return nil, err
	}
	i := slices.Index(c.Pins, r.str("timestamp"))
	if i < 0 {
		return nil, fail("no_pin")
	}
	c.Pins = slices.Delete(c.Pins, i, i+1)
	w.say(Line{Kind: "unpin", ChannelID: c.ID, From: w.App.BotName, TS: r.str("timestamp"), Text: "unpinned a message"})
	return reply{}, nil
}

func pinsList(w *Workspace, r *request) (reply, error) {
	c, err := w.within(r, "channel")
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, ts := range c.Pins {
		if m := w.message(c.ID, ts); m != nil {
			items = append(items, reply{"type": "message", "channel": c.ID, "message": w.messageJSON(m), "created_by": w.App.BotUserID})
		}
	}
	return reply{"items": items}, nil
}

func bookmarksAdd(w *Workspace, r *request) (reply, error) {
	c, err := w.within(r, "channel_id")
	if err != nil {
		return nil, err
	}
	b := Bookmark{Title: r.str("title"), Link: r.str("link"), Emoji: r.str("emoji"), Created: w.now()}
	switch {
	case r.str("type") != "link":
		return nil, fail("invalid_bookmark_type")
	case b.Title == "":
		return nil, fail("invalid_arguments")
	case !strings.HasPrefix(b.Link, "http://") && !strings.HasPrefix(b.Link, "https://"):
		return nil, fail("invalid_link")
	case len(c.Bookmarks) >= 100:
		return nil, fail("too_many_bookmarks")
	}
	b.ID = w.nextID("Bk")
	c.Bookmarks = append(c.Bookmarks, b)
	w.say(Line{Kind: "bookmark", ChannelID: c.ID, From: w.App.BotName, Text: b.Title + " (" + b.Link + ")"})
	return reply{"bookmark": w.bookmarkJSON(c, b)}, nil
}

func bookmarksList(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel_id")
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, b := range c.Bookmarks {
		out = append(out, w.bookmarkJSON(c, b))
	}
	return reply{"bookmarks": out}, nil
}

func (w *Workspace) bookmarkJSON(c *Channel, b Bookmark) reply {
	return reply{
		"id": b.ID, "channel_id": c.ID, "title": b.Title, "link": b.Link, "emoji": b.Emoji, "type": "link",
		"date_created": b.Created.Unix(), "date_updated": 0, "last_updated_by_user_id": w.App.BotUserID, "app_id": w.App.ID,
	}
}

func reactionsAdd(w *Workspace, r *request) (reply, error) {
	c, err := w.within(r, "channel")
	if err != nil {
		return nil, err
	}
	m := w.message(c.ID, r.str("timestamp"))
	switch {
	case r.str("name") == "":
		return nil, fail("invalid_name")
	case m == nil:
		return nil, fail("message_not_found")
	case !w.react(m, w.App.BotUserID, r.str("name")):
		return nil, fail("already_reacted")
	}
	return reply{}, nil
}

// react adds a reaction. It says false when the user has it there already. The lock is held.
func (w *Workspace) react(m *Message, user, name string) bool {
	reactions := slices.Clone(m.Reactions)
	i := slices.IndexFunc(reactions, func(re Reaction) bool { return re.Name == name })
	if i < 0 {
		reactions = append(reactions, Reaction{Name: name})
		i = len(reactions) - 1
	}
	if slices.Contains(reactions[i].Users, user) {
		return false
	}
	reactions[i].Users = append(slices.Clone(reactions[i].Users), user)
	m.Reactions = reactions
	w.say(Line{Kind: "reaction", ChannelID: m.Channel, From: w.sender(user), TS: m.TS, Text: ":" + name + ":"})
	return true
}

func reactionsRemove(w *Workspace, r *request) (reply, error) {
	c, err := w.within(r, "channel")
	if err != nil {
		return nil, err
	}
	m := w.message(c.ID, r.str("timestamp"))
	if m == nil {
		return nil, fail("message_not_found")
	}
	for i, re := range m.Reactions {
		if at := slices.Index(re.Users, w.App.BotUserID); re.Name == r.str("name") && at >= 0 {
			reactions := slices.Clone(m.Reactions)
			reactions[i].Users = slices.Delete(slices.Clone(re.Users), at, at+1)
			if len(reactions[i].Users) == 0 {
				reactions = slices.Delete(reactions, i, i+1)
			}
			m.Reactions = reactions
			w.changedLocked()
			return reply{}, nil
		}
	}
	return nil, fail("no_reaction")
}
