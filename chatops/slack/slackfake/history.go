package slackfake

import "slices"

func historyMethods() []method {
	return []method{
		{name: "conversations.history", tier: tier3, run: conversationsHistory},
		{name: "conversations.replies", tier: tier3, run: conversationsReplies},
	}
}

func (w *Workspace) readable(r *request) (*Channel, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	if err := r.need(scopesFor(c, "history")...); err != nil {
		return nil, err
	}
	if !c.has(w.App.BotUserID) {
		return nil, fail("not_in_channel")
	}
	return c, nil
}

// between says whether a timestamp lies in the asked range. Timestamps have a fixed width until the year 2286, so
// they compare as text.
func between(ts string, r *request) bool {
	oldest, latest := r.str("oldest"), r.str("latest")
	if r.bool("inclusive") {
		return (oldest == "" || ts >= oldest) && (latest == "" || ts <= latest)
	}
	return (oldest == "" || ts > oldest) && (latest == "" || ts < latest)
}

// shown is a message with its metadata only when that was asked for.
func (w *Workspace) shown(m *Message, r *request) reply {
	out := w.messageJSON(m)
	if !r.bool("include_all_metadata") {
		delete(out, "metadata")
	}
	return out
}

func conversationsHistory(w *Workspace, r *request) (reply, error) {
	c, err := w.readable(r)
	if err != nil {
		return nil, err
	}
	var all []any
	for _, m := range slices.Backward(w.messages[c.ID]) {
		reply := m.ThreadTS != "" && m.ThreadTS != m.TS
		if !m.Deleted && !reply && between(m.TS, r) {
			all = append(all, w.shown(m, r))
		}
	}
	return w.historyPage(all, len(c.Pins), r)
}

func (w *Workspace) historyPage(all []any, pins int, r *request) (reply, error) {
	page, next, err := paginate(all, r)
	if err != nil {
		return nil, err
	}
	out := reply{"messages": page, "has_more": next != "", "pin_count": pins}
	if next != "" {
		out["response_metadata"] = reply{"next_cursor": next}
	}
	return out, nil
}

func conversationsReplies(w *Workspace, r *request) (reply, error) {
	c, err := w.readable(r)
	if err != nil {
		return nil, err
	}
	parent := w.message(c.ID, r.str("ts"))
	if parent == nil {
		return nil, fail("thread_not_found")
	}
	all := []any{w.shown(parent, r)}
	for _, m := range w.replies(parent) {
		if between(m.TS, r) {
			all = append(all, w.shown(m, r))
		}
	}
	return w.historyPage(all, 0, r)
}
