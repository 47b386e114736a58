package slackfake

import "slices"

func memberMethods() []method {
	return []method{
		{name: "conversations.members", tier: tier4, run: conversationsMembers},
		{name: "conversations.invite", tier: tier3, run: conversationsInvite},
		{name: "conversations.kick", tier: tier3, run: conversationsKick},
		{name: "conversations.join", tier: tier3, scopes: []string{"channels:join"}, run: conversationsJoin},
	}
}

func conversationsMembers(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	if err := r.need(scopesFor(c, "read")...); err != nil {
		return nil, err
	}
	var all []any
	for _, m := range c.Members {
		all = append(all, m)
	}
	page, next, err := paginate(all, r)
	if err != nil {
		return nil, err
	}
	return reply{"members": page, "response_metadata": reply{"next_cursor": next}}, nil
}

// conversationsInvite adds users. Without force one bad user refuses all; with it the good ones are invited and the
// bad ones are listed.
func conversationsInvite(w *Workspace, r *request) (reply, error) {
	c, err := w.managed(r, "channel")
	if err != nil {
		return nil, err
	}
	ids := r.list("users")
	if len(ids) == 0 {
		return nil, fail("no_user")
	}
	if len(ids) > 1000 {
		return nil, fail("too_many_users")
	}
	var good []string
	bad := []any{}
	first := ""
	for _, id := range ids {
		code := w.inviteError(c, id)
		if code == "" {
			good = append(good, id)
			continue
		}
		if first == "" {
			first = code
		}
		bad = append(bad, reply{"user": id, "ok": false, "error": code})
	}
	if first != "" && (!r.bool("force") || len(good) == 0) {
		return nil, failWith(first, reply{"errors": bad})
	}
	for _, id := range good {
		c.Members = append(c.Members, id)
		w.say(Line{Kind: "join", ChannelID: c.ID, From: w.names(id), Text: "was added by " + w.App.BotName})
	}
	out := reply{"channel": w.channelJSON(c)}
	if len(bad) > 0 {
		out["errors"] = bad
	}
	return out, nil
}

func (w *Workspace) inviteError(c *Channel, id string) string {
	u := w.user(id)
	switch {
	case u == nil:
		return "user_not_found"
	case id == w.App.BotUserID:
		return "cant_invite_self"
	case c.has(id):
		return "already_in_channel"
	case u.Deleted:
		return "cant_invite"
	case u.UltraRestricted:
		return "ura_max_channels"
	case u.TeamID != w.opt.TeamID && !c.ExtShared:
		return "user_not_found"
	}
	return ""
}

func conversationsKick(w *Workspace, r *request) (reply, error) {
	c, err := w.managed(r, "channel")
	if err != nil {
		return nil, err
	}
	u := w.user(r.str("user"))
	switch {
	case u == nil:
		return nil, fail("user_not_found")
	case u.ID == w.App.BotUserID:
		return nil, fail("cant_kick_self")
	case !c.has(u.ID):
		return nil, fail("not_in_channel")
	}
	c.Members = slices.DeleteFunc(c.Members, func(id string) bool { return id == u.ID })
	w.say(Line{Kind: "leave", ChannelID: c.ID, From: w.names(u.ID), Text: "was removed by " + w.App.BotName})
	return reply{}, nil
}

func conversationsJoin(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	switch {
	case c.Private || c.IM:
		return nil, fail("method_not_supported_for_channel_type")
	case c.Archived:
		return nil, fail("is_archived")
	}
	out := reply{"channel": w.channelJSON(c)}
	if c.has(w.App.BotUserID) {
		out["warning"] = "already_in_channel"
		out["response_metadata"] = reply{"warnings": []string{"already_in_channel"}}
		return out, nil
	}
	c.Members = append(c.Members, w.App.BotUserID)
	w.say(Line{Kind: "join", ChannelID: c.ID, From: w.App.BotName, Text: "joined"})
	out["channel"] = w.channelJSON(c)
	return out, nil
}

// join adds a user to a channel, with no one asked. The lock is held.
func (w *Workspace) join(c *Channel, user string) {
	if !slices.Contains(c.Members, user) {
		c.Members = append(c.Members, user)
		w.say(Line{Kind: "join", ChannelID: c.ID, From: w.names(user), Text: "joined"})
	}
}
