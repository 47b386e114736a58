package slackfake

import (
	"slices"
	"strings"
	"unicode/utf8"
)

func conversationMethods() []method {
	return []method{
		{name: "conversations.create", tier: tier2, run: conversationsCreate},
		{name: "conversations.info", tier: tier3, run: conversationsInfo},
		{name: "conversations.list", tier: tier2, run: conversationsList},
		{name: "users.conversations", tier: tier3, run: usersConversations},
		{name: "conversations.setTopic", tier: tier2, run: conversationsSetTopic},
		{name: "conversations.setPurpose", tier: tier2, run: conversationsSetPurpose},
		{name: "conversations.rename", tier: tier2, run: conversationsRename},
		{name: "conversations.archive", tier: tier2, run: conversationsArchive},
		{name: "conversations.unarchive", tier: tier2, run: conversationsUnarchive},
		{name: "conversations.open", tier: tier3, scopes: []string{"im:write", "mpim:write"}, run: conversationsOpen},
	}
}

// scopesFor gives the scopes that reading (read), changing (manage) or reading the messages of (history) a channel needs.
func scopesFor(c *Channel, what string) []string {
	switch {
	case c.MPIM:
		return []string{"mpim:" + what}
	case c.IM:
		return []string{"im:" + what}
	case c.Private && what == "manage":
		return []string{"groups:write"}
	case c.Private:
		return []string{"groups:" + what}
	case what == "manage":
		return []string{"channels:manage"}
	}
	return []string{"channels:" + what}
}

// seen finds a channel by ID as the bot may see it: a private one only when it is in it.
func (w *Workspace) seen(r *request, arg string) (*Channel, error) {
	id := r.str(arg)
	for _, c := range w.channels {
		if c.ID == id {
			if (c.Private || c.IM) && !c.has(w.App.BotUserID) {
				break
			}
			return c, nil
		}
	}
	return nil, fail("channel_not_found")
}

// managed finds a channel that the bot may change: not archived, and the bot is in it.
func (w *Workspace) managed(r *request, arg string) (*Channel, error) {
	c, err := w.seen(r, arg)
	if err != nil {
		return nil, err
	}
	if c.IM {
		return nil, fail("method_not_supported_for_channel_type")
	}
	if err := r.need(scopesFor(c, "manage")...); err != nil {
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

// nameError is Slack's word for a channel name that it does not take, or "".
func nameError(name string) string {
	switch {
	case name == "":
		return "invalid_name_required"
	case utf8.RuneCountInString(name) > 80:
		return "invalid_name_maxlength"
	case strings.Trim(name, "-_") == "":
		return "invalid_name_punctuation"
	}
	for _, r := range name {
		lower := r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_'
		if !lower && (r < utf8.RuneSelf || strings.ToLower(string(r)) != string(r)) {
			return "invalid_name_specials"
		}
	}
	return ""
}

// taken says that a channel, archived or not, has the name.
func (w *Workspace) taken(name string) bool {
	return slices.ContainsFunc(w.channels, func(c *Channel) bool { return c.Name == name && !c.IM })
}

func conversationsCreate(w *Workspace, r *request) (reply, error) {
	c := &Channel{Name: r.str("name"), Private: r.bool("is_private"), Creator: w.App.BotUserID, Created: w.now()}
	if err := r.need(scopesFor(c, "manage")...); err != nil {
		return nil, err
	}
	if code := nameError(c.Name); code != "" {
		return nil, fail(code)
	}
	if w.taken(c.Name) {
		return nil, fail("name_taken")
	}
	c.ID = w.nextID("C")
	c.Members = []string{w.App.BotUserID}
	w.channels = append(w.channels, c)
	kind := "channel"
	if c.Private {
		kind = "private channel"
	}
	w.say(Line{Kind: "create", ChannelID: c.ID, From: w.App.BotName, Text: "created the " + kind + " #" + c.Name})
	return reply{"channel": w.channelJSON(c)}, nil
}

func conversationsInfo(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	if err := r.need(scopesFor(c, "read")...); err != nil {
		return nil, err
	}
	out := w.channelJSON(c)
	if r.bool("include_num_members") {
		out["num_members"] = len(c.Members)
	}
	return reply{"channel": out}, nil
}

func conversationsList(w *Workspace, r *request) (reply, error) { return w.list(r, nil) }

// usersConversations lists the conversations that a user is in, the app itself when none is named.
func usersConversations(w *Workspace, r *request) (reply, error) {
	user := r.str("user")
	if user == "" {
		user = w.App.BotUserID
	}
	if w.user(user) == nil {
		return nil, fail("user_not_found")
	}
	out, err := w.list(r, func(c *Channel) bool { return c.has(user) })
	if err != nil {
		return nil, err
	}
	for _, c := range out["channels"].([]any) { // Slack leaves these out here
		delete(c.(reply), "is_member")
		delete(c.(reply), "num_members")
	}
	return out, nil
}

// list gives one page of the conversations of the asked types that the bot may see, and of those the ones that only keeps.
func (w *Workspace) list(r *request, only func(*Channel) bool) (reply, error) {
	types := r.list("types")
	if len(types) == 0 {
		types = []string{"public_channel"}
	}
	want := map[string]string{"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read"}
	for _, t := range types {
		scope, ok := want[t]
		if !ok {
			return nil, fail("invalid_types")
		}
		if err := r.need(scope); err != nil {
			return nil, err
		}
	}
	var all []any
	for _, c := range w.channels {
		kind := "public_channel"
		switch {
		case c.MPIM:
			kind = "mpim"
		case c.IM:
			kind = "im"
		case c.Private:
			kind = "private_channel"
		}
		hidden := kind != "public_channel" && !c.has(w.App.BotUserID)
		if !slices.Contains(types, kind) || hidden || c.Archived && r.bool("exclude_archived") || only != nil && !only(c) {
			continue
		}
		out := w.channelJSON(c)
		out["num_members"] = len(c.Members)
		all = append(all, out)
	}
	page, next, err := paginate(all, r)
	if err != nil {
		return nil, err
	}
	return reply{"channels": page, "response_metadata": reply{"next_cursor": next}}, nil
}

func conversationsSetTopic(w *Workspace, r *request) (reply, error) {
	c, err := w.managed(r, "channel")
	if err != nil {
		return nil, err
	}
	topic := r.str("topic")
	if utf8.RuneCountInString(topic) > 250 {
		return nil, fail("too_long")
	}
	if c.Topic != topic {
		c.Topic = topic
		w.say(Line{Kind: "topic", ChannelID: c.ID, From: w.App.BotName, Text: RenderText(topic, w.names)})
	}
	return reply{"channel": w.channelJSON(c)}, nil
}

func conversationsSetPurpose(w *Workspace, r *request) (reply, error) {
	c, err := w.managed(r, "channel")
	if err != nil {
		return nil, err
	}
	purpose := r.str("purpose")
	if utf8.RuneCountInString(purpose) > 250 {
		return nil, fail("too_long")
	}
	if c.Purpose != purpose {
		c.Purpose = purpose
		w.say(Line{Kind: "purpose", ChannelID: c.ID, From: w.App.BotName, Text: RenderText(purpose, w.names)})
	}
	return reply{"channel": w.channelJSON(c)}, nil
}

func conversationsRename(w *Workspace, r *request) (reply, error) {
	c, err := w.managed(r, "channel")
	if err != nil {
		return nil, err
	}
	name := r.str("name")
	if code := nameError(name); code != "" {
		return nil, fail(code)
	}
	if name != c.Name && w.taken(name) {
		return nil, fail("name_taken")
	}
	w.say(Line{Kind: "rename", ChannelID: c.ID, From: w.App.BotName, Text: "renamed to #" + name})
	c.Name = name
	return reply{"channel": w.channelJSON(c)}, nil
}

func conversationsArchive(w *Workspace, r *request) (reply, error) {
	c, err := w.managed(r, "channel")
	if err != nil {
		if err.Error() == "is_archived" {
			return nil, fail("already_archived")
		}
		return nil, err
	}
	c.Archived = true
	w.say(Line{Kind: "archive", ChannelID: c.ID, From: w.App.BotName, Text: "archived the channel"})
	return reply{}, nil
}

func conversationsUnarchive(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	if err := r.need(scopesFor(c, "manage")...); err != nil {
		return nil, err
	}
	if !c.Archived {
		return nil, fail("not_archived")
	}
	c.Archived = false
	w.say(Line{Kind: "archive", ChannelID: c.ID, From: w.App.BotName, Text: "brought the channel back"})
	return reply{}, nil
}

func conversationsOpen(w *Workspace, r *request) (reply, error) {
	if id := r.str("channel"); id != "" {
		c, err := w.seen(r, "channel")
		if err != nil {
			return nil, err
		}
		return reply{"channel": reply{"id": c.ID}, "already_open": true}, nil
	}
	users := r.list("users")
	if len(users) == 0 {
		return nil, fail("users_list_not_supplied")
	}
	for _, id := range users {
		u := w.user(id)
		switch {
		case u == nil:
			return nil, fail("user_not_found")
		case u.Deleted:
			return nil, fail("user_disabled")
		case u.Bot:
			return nil, fail("cannot_dm_bot")
		}
	}
	if len(users) == 1 {
		if err := r.need("im:write"); err != nil {
			return nil, err
		}
		had := w.im(users[0]) != nil
		c := w.openIM(users[0])
		out := reply{"channel": reply{"id": c.ID}}
		if r.bool("return_im") {
			out["channel"] = w.channelJSON(c)
		}
		if had {
			out["no_op"], out["already_open"] = true, true
		}
		return out, nil
	}
	if err := r.need("mpim:write"); err != nil {
		return nil, err
	}
	slices.Sort(users)
	members := append([]string{w.App.BotUserID}, users...)
	for _, c := range w.channels {
		if c.MPIM && slices.Equal(c.Members, members) {
			return reply{"channel": reply{"id": c.ID}, "no_op": true, "already_open": true}, nil
		}
	}
	c := &Channel{ID: w.nextID("G"), Name: "mpdm-" + strings.ToLower(strings.Join(users, "--")), IM: true, MPIM: true, Private: true, Members: members, Created: w.now()}
	w.channels = append(w.channels, c)
	w.changedLocked()
	return reply{"channel": reply{"id": c.ID}}, nil
}

// openIM gives the direct message channel of a user with the app, made when there is none.
func (s *State) openIM(user string) *Channel {
	if c := s.im(user); c != nil {
		return c
	}
	c := &Channel{ID: s.nextID("D"), IM: true, Members: []string{s.ws.opt.BotUserID, user}, Created: s.now()}
	s.channels = append(s.channels, c)
	s.changedLocked()
	return c
}

// channelJSON is a conversation object.
func (w *Workspace) channelJSON(c *Channel) reply {
	out := reply{
		"id": c.ID, "created": c.Created.Unix(), "is_archived": c.Archived, "is_im": c.IM && !c.MPIM, "is_mpim": c.MPIM,
		"is_org_shared": c.OrgShared, "is_ext_shared": c.ExtShared, "is_shared": c.ExtShared || c.OrgShared,
		"is_pending_ext_shared": false, "is_member": c.has(w.App.BotUserID), "context_team_id": w.opt.TeamID,
	}
	if c.IM && !c.MPIM {
		for _, m := range c.Members {
			if m != w.App.BotUserID {
				out["user"] = m
			}
		}
		return out
	}
	out["name"], out["name_normalized"], out["creator"] = c.Name, c.Name, c.Creator
	out["is_channel"], out["is_group"], out["is_private"] = !c.Private, c.Private && !c.MPIM, c.Private
	out["is_general"], out["unlinked"], out["previous_names"] = false, 0, []string{}
	out["topic"] = reply{"value": c.Topic, "creator": c.Creator, "last_set": 0}
	out["purpose"] = reply{"value": c.Purpose, "creator": c.Creator, "last_set": 0}
	out["shared_team_ids"] = append([]string{w.opt.TeamID}, c.ConnectedTeams...)
	if c.ExtShared {
		out["connected_team_ids"] = append([]string{}, c.ConnectedTeams...)
	}
	return out
}
