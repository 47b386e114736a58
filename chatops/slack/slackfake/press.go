package slackfake

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func isErr(err, target error) bool { return errors.Is(err, target) }

// Click presses the button with this action_id in a message as it is shown now, ephemeral ones of this person
// included. It is an error when the message or the button is not there, or when several buttons have that action_id:
// then use ClickIn.
func (p *Person) Click(ref Ref, actionID string) *Delivery {
	return p.press(ref, "", actionID, "", nil)
}

// ClickIn is Click for the button in the block with this block_id.
func (p *Person) ClickIn(ref Ref, blockID, actionID string) *Delivery {
	return p.press(ref, blockID, actionID, "", nil)
}

// ClickLabel presses the button that reads label.
func (p *Person) ClickLabel(ref Ref, label string) *Delivery {
	m, ok := p.ws.Message(ref)
	if ok {
		for _, e := range Pressables(m.Blocks) {
			if e.Element.Text != nil && e.Element.Text.Text == label {
				return p.press(ref, e.BlockID, e.Element.ActionID, "", nil)
			}
		}
	}
	return p.failed("block_actions", fmt.Errorf("click [%s]: %w", label, ErrNotThere))
}

// Choose picks a value of a select, a menu, radio buttons or checkboxes in a message.
func (p *Person) Choose(ref Ref, actionID, value string) *Delivery {
	return p.press(ref, "", actionID, value, nil)
}

// ClickStale presses a button of a message as the person saw it earlier, although it may have changed or lost the
// button since: the click was on its way.
func (p *Person) ClickStale(seen Message, actionID string) *Delivery {
	return p.press(seen.Ref(), "", actionID, "", &seen)
}

func (p *Person) failed(kind string, err error) *Delivery {
	return &Delivery{Kind: kind, User: p.id, Err: err, ws: p.ws}
}

// pressable finds the one element with an action ID among blocks, as this person sees them.
func pressable(blocks []Block, blockID, actionID, user string) (Pressable, error) {
	var found []Pressable
	for _, e := range Pressables(blocks) {
		visible := len(e.Element.VisibleTo) == 0 || slices.Contains(e.Element.VisibleTo, user)
		if e.Element.ActionID == actionID && (blockID == "" || e.BlockID == blockID) && visible {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		var have []string
		for _, e := range Pressables(blocks) {
			have = append(have, e.Element.ActionID)
		}
		return Pressable{}, fmt.Errorf("%w: it has no %q, only [%s]", ErrNotThere, actionID, strings.Join(have, " "))
	case 1:
		return found[0], nil
	}
	return Pressable{}, fmt.Errorf("%w: %d elements have the action_id %q; name the block", ErrNotThere, len(found), actionID)
}

// press sends a block_actions payload for an element of a message.
func (p *Person) press(ref Ref, blockID, actionID, value string, seen *Message) *Delivery {
	w := p.ws
	w.mu.Lock()
	u := w.user(p.id)
	var m *Message
	if u != nil {
		m = w.find(ref, p.id)
	}
	var err error
	var e Pressable
	switch {
	case u == nil:
		err = fmt.Errorf("%w: no user %q", ErrNotThere, p.id)
	case m == nil && seen == nil:
		err = fmt.Errorf("%w: no message %s in %s", ErrNotThere, ref.TS, ref.Channel)
	default:
		shown := seen
		if shown == nil {
			shown = m
		}
		if m == nil {
			m = seen
		}
		if e, err = pressable(shown.Blocks, blockID, actionID, u.ID); err == nil {
			err = w.maySee(u, m)
		}
	}
	if err != nil {
		w.mu.Unlock()
		return p.failed("block_actions", fmt.Errorf("use %q: %w", actionID, err))
	}
	action, shown, err := w.action(e, value)
	if err != nil {
		w.mu.Unlock()
		return p.failed("block_actions", fmt.Errorf("use %q: %w", actionID, err))
	}
	c := w.channel(m.Channel)
	d := &Delivery{Kind: "block_actions", User: u.ID, ws: w}
	d.TriggerID = w.newTrigger(u.ID)
	d.ResponseURL = w.newHook("actions", u.ID, m.Channel, m)
	payload := w.interaction("block_actions", u)
	name := c.Name
	if c.IM {
		name = "directmessage"
	}
	state, _ := viewState(m.Blocks, nil)
	maps.Copy(payload, reply{
		"container": reply{
			"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": m.To != "",
		},
		"channel": reply{"id": m.Channel, "name": name}, "trigger_id": d.TriggerID, "response_url": d.ResponseURL,
		"actions": []any{action}, "state": reply{"values": state},
	})
	if m.To == "" {
		payload["message"] = w.messageJSON(m)
	}
	if m.ThreadTS != "" {
		payload["container"].(reply)["thread_ts"] = m.ThreadTS
	}
	kind := "click"
	if value != "" {
		kind = "choose"
	}
	w.say(Line{Kind: kind, ChannelID: m.Channel, From: w.names(u.ID), To: w.names(u.ID), TS: m.TS, Text: shown})
	w.prepare(d, payload)
	channel := m.Channel
	w.mu.Unlock()
	w.flush()

	w.dispatch(d)
	if d.Err != nil {
		w.mu.Lock()
		w.say(Line{Kind: "notice", ChannelID: channel, From: "Slackbot", To: w.names(u.ID), Text: shown + " failed: " + word(d.Err)})
		w.mu.Unlock()
		w.flush()
	}
	return d
}

// maySee checks that a person can have a message in front.
func (w *Workspace) maySee(u *User, m *Message) error {
	c := w.channel(m.Channel)
	guest := u.Restricted || u.UltraRestricted || u.Stranger || u.TeamID != w.opt.TeamID
	switch {
	case u.Deleted:
		return fmt.Errorf("%w: %s is deactivated", ErrNotAllowed, u.Name)
	case m.To != "" && m.To != u.ID:
		return fmt.Errorf("%w: only %s sees that message", ErrNotThere, w.names(m.To))
	case !c.has(u.ID) && (c.Private || c.IM || guest):
		return fmt.Errorf("%w: %s does not see %s", ErrNotAllowed, u.Name, w.channelLabel(c.ID))
	}
	return nil
}

// action is one entry of "actions", and the text of the transcript.
func (w *Workspace) action(e Pressable, value string) (reply, string, error) {
	out := reply{"type": e.Element.Type, "action_id": e.Element.ActionID, "block_id": e.BlockID, "action_ts": w.nextTS()}
	if e.Element.Type == "button" || e.Element.Type == "workflow_button" {
		out["text"] = e.Element.raw["text"]
		if e.Element.Value != "" {
			out["value"] = e.Element.Value
		}
		if e.Element.Style != "" {
			out["style"] = e.Element.Style
		}
		label := e.Element.ActionID
		if e.Element.Text != nil {
			label = e.Element.Text.Text
		}
		return out, "[" + label + "]", nil
	}
	state, filled := elementState(e.Element, value, true)
	if !filled {
		return nil, "", fmt.Errorf("%w: %q is no choice", ErrNotThere, value)
	}
	delete(state, "type")
	maps.Copy(out, state)
	if e.Element.Placeholder != nil {
		return out, e.Element.Placeholder.Text + ": " + RenderText(value, w.names), nil
	}
	return out, value, nil
}

// Shortcut uses a message shortcut of the app on a message.
func (p *Person) Shortcut(ref Ref, callbackID string) *Delivery {
	w := p.ws
	w.mu.Lock()
	u, m := w.user(p.id), w.find(ref, p.id)
	if u == nil || m == nil {
		w.mu.Unlock()
		return p.failed("message_action", fmt.Errorf("shortcut %q: %w", callbackID, ErrNotThere))
	}
	c := w.channel(m.Channel)
	d := &Delivery{Kind: "message_action", User: u.ID, ws: w}
	d.TriggerID = w.newTrigger(u.ID)
	d.ResponseURL = w.newHook("actions", u.ID, m.Channel, nil)
	payload := w.interaction("message_action", u)
	maps.Copy(payload, reply{
		"callback_id": callbackID, "trigger_id": d.TriggerID, "response_url": d.ResponseURL, "message_ts": m.TS,
		"action_ts": w.nextTS(), "channel": reply{"id": c.ID, "name": c.Name}, "message": w.messageJSON(m),
	})
	w.say(Line{Kind: "shortcut", ChannelID: c.ID, From: w.names(u.ID), To: w.names(u.ID), TS: m.TS, Text: callbackID})
	w.prepare(d, payload)
	w.mu.Unlock()
	w.flush()
	w.dispatch(d)
	return d
}

// GlobalShortcut uses a global shortcut of the app.
func (p *Person) GlobalShortcut(callbackID string) *Delivery {
	w := p.ws
	w.mu.Lock()
	u := w.user(p.id)
	if u == nil {
		w.mu.Unlock()
		return p.failed("shortcut", fmt.Errorf("shortcut %q: %w", callbackID, ErrNotThere))
	}
	d := &Delivery{Kind: "shortcut", User: u.ID, ws: w}
	d.TriggerID = w.newTrigger(u.ID)
	payload := w.interaction("shortcut", u)
	maps.Copy(payload, reply{"callback_id": callbackID, "trigger_id": d.TriggerID, "action_ts": w.nextTS()})
	w.say(Line{Kind: "shortcut", From: w.names(u.ID), To: w.names(u.ID), Text: callbackID})
	w.prepare(d, payload)
	w.mu.Unlock()
	w.flush()
	w.dispatch(d)
	return d
}
