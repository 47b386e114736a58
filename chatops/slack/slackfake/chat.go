package slackfake

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

func chatMethods() []method {
	write := []string{"chat:write"}
	return []method{
		{name: "chat.postMessage", scopes: write, run: chatPostMessage},
		{name: "chat.postEphemeral", tier: tier4, scopes: write, run: chatPostEphemeral},
		{name: "chat.update", tier: tier3, scopes: write, run: chatUpdate},
		{name: "chat.delete", tier: tier3, scopes: write, run: chatDelete},
		{name: "chat.getPermalink", run: chatGetPermalink},
	}
}

// content is what a message shows, read from a call, an ack or a response URL.
type content struct {
	text        string
	blocks      []Block
	hasText     bool
	hasBlocks   bool
	attachments json.RawMessage
	metadata    json.RawMessage
}

// content reads and checks text, blocks, attachments and metadata.
func (w *Workspace) content(r *request) (content, error) {
	c := content{text: r.str("text"), hasText: r.has("text")}
	if utf8.RuneCountInString(c.text) > maxMessageText {
		return c, fail("msg_too_long")
	}
	if src, ok := r.json("blocks"); ok {
		blocks, err := ParseBlocks(src)
		if err != nil {
			return c, fail("invalid_blocks_format")
		}
		if problems := CheckBlocks(blocks, OnMessage); len(problems) > 0 {
			return c, invalid("invalid_blocks", problems)
		}
		if textLength(blocks) > maxBlocksTotal {
			return c, fail("msg_blocks_too_long")
		}
		assignIDs(blocks, func() string { return fmt.Sprintf("blk%d", w.next("block")) })
		c.blocks, c.hasBlocks = blocks, true
	}
	if src, ok := r.json("attachments"); ok {
		var list []json.RawMessage
		if json.Unmarshal(src, &list) != nil {
			return c, fail("invalid_attachments")
		}
		if len(list) > 100 {
			return c, fail("too_many_attachments")
		}
		if len(list) > 0 {
			c.attachments = src
		}
	}
	if src, ok := r.json("metadata"); ok {
		var meta struct {
			Type    string          `json:"event_type"`
			Payload json.RawMessage `json:"event_payload"`
		}
		if json.Unmarshal(src, &meta) != nil {
			return c, fail("invalid_metadata_format")
		}
		switch {
		case meta.Type != "" && !strings.HasPrefix(strings.TrimSpace(string(meta.Payload)), "{"):
			return c, fail("invalid_metadata_schema")
		case len(src) > 8000:
			return c, fail("metadata_too_large")
		case meta.Type != "":
			c.metadata = src
		}
	}
	return c, nil
}

func (c content) empty() bool { return c.text == "" && len(c.blocks) == 0 && len(c.attachments) == 0 }

// postable finds the channel of a post: by ID, by name, or a user's direct messages.
func (w *Workspace) postable(r *request) (*Channel, error) {
	target := r.str("channel")
	if u := w.user(target); u != nil && target != "" {
		if u.Deleted || u.Bot {
			return nil, fail("channel_not_found")
		}
		return w.openIM(u.ID), nil
	}
	c := w.channel(target)
	switch {
	case c == nil || target == "":
		return nil, fail("channel_not_found")
	case !c.has(w.App.BotUserID) && (c.Private || c.IM):
		return nil, fail("channel_not_found")
	case c.Archived:
		return nil, fail("is_archived")
	case !c.has(w.App.BotUserID) && r.need("chat:write.public") != nil:
		return nil, fail("not_in_channel")
	}
	return c, nil
}

func chatPostMessage(w *Workspace, r *request) (reply, error) {
	c, err := w.postable(r)
	if err != nil {
		return nil, err
	}
	body, err := w.content(r)
	if err != nil {
		return nil, err
	}
	if body.empty() {
		return nil, fail("no_text")
	}
	m := w.post(c.ID, w.App.BotUserID, body, r.str("thread_ts"), true)
	return reply{"channel": c.ID, "ts": m.TS, "message": w.messageJSON(m)}, nil
}

// post adds a message. The lock is held.
func (w *Workspace) post(channel, user string, body content, thread string, byApp bool) *Message {
	m := &Message{
		Channel: channel, TS: w.nextTS(), ThreadTS: thread, User: user, Text: body.text, Blocks: body.blocks,
		Attachments: body.attachments, Metadata: body.metadata, byApp: byApp,
	}
	w.messages[channel] = append(w.messages[channel], m)
	w.sayMessage("message", m)
	return m
}

// whisper adds a message that only one person sees. The lock is held.
func (w *Workspace) whisper(channel, from, to string, body content, thread string) *Message {
	m := &Message{
		Channel: channel, TS: w.nextTS(), ThreadTS: thread, User: from, Text: body.text, Blocks: body.blocks,
		Attachments: body.attachments, To: to, byApp: from == w.App.BotUserID,
	}
	w.ephemerals = append(w.ephemerals, m)
	w.sayMessage("ephemeral", m)
	return m
}

func chatPostEphemeral(w *Workspace, r *request) (reply, error) {
	c, err := w.postable(r)
	if err != nil {
		return nil, err
	}
	u := w.user(r.str("user"))
	if u == nil || !c.has(u.ID) {
		return nil, fail("user_not_in_channel")
	}
	body, err := w.content(r)
	if err != nil {
		return nil, err
	}
	if body.empty() {
		return nil, fail("no_text")
	}
	m := w.whisper(c.ID, w.App.BotUserID, u.ID, body, r.str("thread_ts"))
	return reply{"message_ts": m.TS}, nil
}

func chatUpdate(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	m := w.message(c.ID, r.str("ts"))
	switch {
	case m == nil:
		return nil, fail("message_not_found")
	case !m.byApp:
		return nil, fail("cant_update_message")
	case c.Archived:
		return nil, fail("is_archived")
	}
	body, err := w.content(r)
	if err != nil {
		return nil, err
	}
	if !body.hasText && !body.hasBlocks && body.attachments == nil {
		return nil, fail("no_text")
	}
	if body.empty() {
		return nil, fail("no_text")
	}
	w.edit(m, body)
	return reply{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": w.messageJSON(m)}, nil
}

// edit replaces what a message shows. Blocks that are not sent again vanish, as in Slack.
func (w *Workspace) edit(m *Message, body content) {
	m.Text, m.Blocks, m.Attachments = body.text, body.blocks, body.attachments
	if body.metadata != nil {
		m.Metadata = body.metadata
	}
	m.Edits++
	if len(m.Blocks) == 0 {
		m.EditedTS = w.nextTS()
	}
	w.sayMessage("edit", m)
}

func chatDelete(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	m := w.message(c.ID, r.str("ts"))
	switch {
	case m == nil:
		return nil, fail("message_not_found")
	case !m.byApp:
		return nil, fail("cant_delete_message")
	}
	w.remove(m)
	return reply{"channel": c.ID, "ts": m.TS}, nil
}

func (w *Workspace) remove(m *Message) {
	m.Deleted = true
	l := Line{Kind: "delete", ChannelID: m.Channel, From: w.sender(m.User), TS: m.TS, Text: "deleted a message"}
	if m.To != "" {
		l.To = w.names(m.To)
	}
	w.say(l)
}

func chatGetPermalink(w *Workspace, r *request) (reply, error) {
	c, err := w.seen(r, "channel")
	if err != nil {
		return nil, err
	}
	m := w.message(c.ID, r.str("message_ts"))
	if m == nil {
		return nil, fail("message_not_found")
	}
	link := fmt.Sprintf("https://%s.slack.com/archives/%s/p%s", w.opt.TeamDomain, c.ID, strings.ReplaceAll(m.TS, ".", ""))
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + c.ID
	}
	return reply{"channel": c.ID, "permalink": link}, nil
}

// messageJSON is a message object.
func (w *Workspace) messageJSON(m *Message) reply {
	out := reply{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": w.opt.TeamID}
	if m.byApp {
		out["bot_id"], out["app_id"] = w.App.BotID, w.App.ID
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = m.Blocks
	}
	if m.Attachments != nil {
		out["attachments"] = m.Attachments
	}
	if m.EditedTS != "" {
		out["edited"] = reply{"user": m.User, "ts": m.EditedTS}
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if replies := w.replies(m); len(replies) > 0 {
		out["thread_ts"], out["reply_count"] = m.TS, len(replies)
		out["latest_reply"] = replies[len(replies)-1].TS
	}
	if m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	if m.To != "" {
		out["is_ephemeral"] = true
	}
	var files []any
	for i := range m.Files {
		files = append(files, w.fileJSON(&m.Files[i]))
	}
	if files != nil {
		out["files"] = files
	}
	var reactions []any
	for _, re := range m.Reactions {
		reactions = append(reactions, reply{"name": re.Name, "users": re.Users, "count": len(re.Users)})
	}
	if reactions != nil {
		out["reactions"] = reactions
	}
	return out
}

func (w *Workspace) replies(parent *Message) []*Message {
	var out []*Message
	for _, m := range w.messages[parent.Channel] {
		if m.ThreadTS == parent.TS && m.TS != parent.TS && !m.Deleted {
			out = append(out, m)
		}
	}
	return out
}
