package slackfake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Submit fills in the modal that the person has in front and presses its submit button. values are keyed by
// "block_id/action_id", by block_id or by action_id; what is left out keeps its initial value. For selects a value is
// the option's value or label, for several choices they are separated by commas. As in Slack's client, nothing is sent
// when a required input is empty. Err wraps ErrRefused when the app answers with errors.
func (p *Person) Submit(view View, values map[string]string) *Delivery {
	w := p.ws
	w.mu.Lock()
	u, v, err := p.front(view)
	if err == nil && v.SubmitText == "" {
		err = fmt.Errorf("%w: %q has no submit button", ErrNotThere, v.Title)
	}
	if err == nil {
		err = unknownInputs(v.Blocks, values)
	}
	var state map[string]map[string]any
	if err == nil {
		var missing []string
		if state, missing = viewState(v.Blocks, values); len(missing) > 0 {
			err = fmt.Errorf("%w: Slack's client asks to fill in %s", ErrNotAllowed, strings.Join(missing, ", "))
		} else {
			err = lengths(v.Blocks, state)
		}
	}
	if err != nil {
		w.mu.Unlock()
		return p.failed("view_submission", fmt.Errorf("submit %q: %w", view.Title, err))
	}
	filled := *v
	filled.values = state
	d := &Delivery{Kind: "view_submission", User: u.ID, accepts: true, ws: w}
	d.TriggerID = w.newTrigger(u.ID)
	payload := w.interaction("view_submission", u)
	maps.Copy(payload, reply{"trigger_id": d.TriggerID, "view": w.viewJSON(&filled), "response_urls": []any{}})
	w.say(Line{Kind: "submit", From: w.names(u.ID), To: w.names(u.ID), Text: v.Title + enteredText(v.Blocks, state, w.names)})
	w.prepare(d, payload)
	w.mu.Unlock()
	w.flush()

	w.dispatch(d)

	w.mu.Lock()
	if d.Err == nil {
		d.Err = w.submissionAck(d, u.ID, v.ID)
	}
	if d.Err != nil && !isErr(d.Err, ErrRefused) {
		w.say(Line{Kind: "notice", From: "Slackbot", To: w.names(u.ID), Text: "We had some trouble connecting. Try again?"})
	}
	w.mu.Unlock()
	w.flush()
	return d
}

// front checks that the view is the modal that the person has in front.
func (p *Person) front(view View) (*User, *View, error) {
	u := p.ws.user(p.id)
	if u == nil {
		return nil, nil, fmt.Errorf("%w: no user %q", ErrNotThere, p.id)
	}
	stack := p.ws.views[u.ID]
	if len(stack) == 0 || stack[len(stack)-1].ID != view.ID {
		return nil, nil, fmt.Errorf("%w: %s has no such modal in front", ErrNotThere, u.Name)
	}
	return u, stack[len(stack)-1], nil
}

// unknownInputs refuses values for inputs that the view does not have.
func unknownInputs(blocks []Block, values map[string]string) error {
	known := map[string]bool{}
	for _, e := range Pressables(blocks) {
		for _, key := range []string{e.BlockID + "/" + e.Element.ActionID, e.BlockID, e.Element.ActionID} {
			known[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !known[key] {
			return fmt.Errorf("%w: no input %q", ErrNotThere, key)
		}
	}
	return nil
}

// lengths holds texts against min_length and max_length, which Slack's client does.
func lengths(blocks []Block, state map[string]map[string]any) error {
	for _, e := range Pressables(blocks) {
		entered, _ := state[e.BlockID][e.Element.ActionID].(reply)
		text, _ := entered["value"].(string)
		n := utf8.RuneCountInString(text)
		if e.Element.MaxLength > 0 && n > e.Element.MaxLength || text != "" && n < e.Element.MinLength {
			return fmt.Errorf("%w: %q has %d characters", ErrNotAllowed, e.BlockID, n)
		}
	}
	return nil
}

// enteredText lists what a person entered, label by label.
func enteredText(blocks []Block, state map[string]map[string]any, names Names) string {
	var b strings.Builder
	for _, block := range blocks {
		if block.Type != "input" || block.Element == nil || block.Label == nil {
			continue
		}
		entered, _ := state[block.ID][block.Element.ActionID].(reply)
		if text := stateText(entered, names); text != "" {
			b.WriteString("\n" + block.Label.Text + ": " + text)
		}
	}
	return b.String()
}

func stateText(entered reply, names Names) string {
	label := func(v any) string {
		m, _ := v.(map[string]any)
		if t := textOf(m["text"]); t != nil {
			return t.Text
		}
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(entered)) {
		switch v := entered[key].(type) {
		case string:
			if key == "type" {
				continue
			}
			if n := names(v); n != "" && strings.HasPrefix(key, "selected_") {
				return n
			}
			return v
		case map[string]any:
			return label(v)
		case []any:
			var parts []string
			for _, item := range v {
				parts = append(parts, label(item))
			}
			return strings.Join(parts, ", ")
		case []string:
			var parts []string
			for _, id := range v {
				parts = append(parts, names(id))
			}
			return strings.Join(parts, ", ")
		}
	}
	return ""
}

// submissionAck does what the answer to a submission says: close, update, push, clear or errors. The lock is held.
func (w *Workspace) submissionAck(d *Delivery, user, viewID string) error {
	var v *View
	if v = w.openView(func(o *View) bool { return o.ID == viewID }); v == nil {
		return nil // closed in the meantime
	}
	args, err := ackObject(d)
	if err != nil {
		return err
	}
	r := &request{args: args}
	if args == nil {
		w.closeView(user, v)
		return nil
	}
	if d.Via == "http" && !strings.Contains(d.ackType, "json") {
		return fmt.Errorf("%w: a text in answer to a submission", ErrBadAck)
	}
	switch action := r.str("response_action"); action {
	case "":
		w.closeView(user, v)
	case "clear":
		w.views[user] = nil
		w.say(Line{Kind: "close", From: w.App.BotName, To: w.names(user), Text: v.Title})
	case "update", "push":
		src, _ := r.json("view")
		next, err := w.view(src, "modal")
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadAck, err)
		}
		if action == "push" {
			if err := w.push(user, next); err != nil {
				return fmt.Errorf("%w: %w", ErrBadAck, err)
			}
			return nil
		}
		w.replaceView(v, next)
	case "errors":
		return w.refused(v, r)
	default:
		return fmt.Errorf("%w: response_action %q", ErrBadAck, action)
	}
	return nil
}

// refused shows the errors of a submission. They must name input blocks, else the person sees a general failure.
func (w *Workspace) refused(v *View, r *request) error {
	src, _ := r.json("errors")
	told := map[string]string{}
	if json.Unmarshal(src, &told) != nil || len(told) == 0 {
		return fmt.Errorf("%w: errors must be an object of block_id and text", ErrBadAck)
	}
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(told)) {
		if !slices.ContainsFunc(v.Blocks, func(b Block) bool { return b.Type == "input" && b.ID == id }) {
			return fmt.Errorf("%w: errors name %q, which is no input block", ErrBadAck, id)
		}
		parts = append(parts, id+": "+told[id])
	}
	shown := *v
	shown.Errors = told
	stack := slices.Clone(w.views[v.User])
	for i := range stack {
		if stack[i].ID == v.ID {
			stack[i] = &shown
		}
	}
	w.views[v.User] = stack
	w.say(Line{Kind: "refused", From: w.App.BotName, To: w.names(v.User), Text: strings.Join(parts, "\n")})
	return fmt.Errorf("%w: %s", ErrRefused, strings.Join(parts, "; "))
}

// closeView takes a view from the stack, and all those above it.
func (w *Workspace) closeView(user string, v *View) {
	stack := w.views[user]
	if i := slices.IndexFunc(stack, func(o *View) bool { return o.ID == v.ID }); i >= 0 {
		w.views[user] = stack[:i:i]
	}
	w.say(Line{Kind: "close", From: w.names(user), To: w.names(user), Text: v.Title})
}

// CloseView presses the close button of the modal in front, or its x with all set, which closes the whole stack. The
// app is told when the view asked for it; otherwise the delivery has N 0 and no error.
func (p *Person) CloseView(view View, all bool) *Delivery {
	w := p.ws
	w.mu.Lock()
	u, v, err := p.front(view)
	if err != nil {
		w.mu.Unlock()
		return p.failed("view_closed", fmt.Errorf("close %q: %w", view.Title, err))
	}
	if all || v.ClearOnClose {
		w.views[u.ID] = nil
		w.say(Line{Kind: "close", From: w.names(u.ID), To: w.names(u.ID), Text: v.Title})
	} else {
		w.closeView(u.ID, v)
	}
	d := &Delivery{Kind: "view_closed", User: u.ID, ws: w}
	if !v.NotifyOnClose {
		w.mu.Unlock()
		w.flush()
		return d
	}
	payload := w.interaction("view_closed", u)
	maps.Copy(payload, reply{"view": w.viewJSON(v), "is_cleared": all})
	w.prepare(d, payload)
	w.mu.Unlock()
	w.flush()
	w.dispatch(d)
	return d
}

// ClickInView presses a button, or chooses a value, in the modal in front or in the home tab.
func (p *Person) ClickInView(view View, actionID, value string) *Delivery {
	w := p.ws
	w.mu.Lock()
	u := w.user(p.id)
	var v *View
	var err error
	if u != nil && w.homes[p.id] != nil && w.homes[p.id].ID == view.ID {
		v = w.homes[p.id]
	} else {
		u, v, err = p.front(view)
	}
	var e Pressable
	if err == nil {
		e, err = pressable(v.Blocks, "", actionID, p.id)
	}
	var action reply
	var shown string
	if err == nil {
		action, shown, err = w.action(e, value)
	}
	if err != nil {
		w.mu.Unlock()
		return p.failed("block_actions", fmt.Errorf("use %q: %w", actionID, err))
	}
	d := &Delivery{Kind: "block_actions", User: u.ID, ws: w}
	d.TriggerID = w.newTrigger(u.ID)
	payload := w.interaction("block_actions", u)
	state, _ := viewState(v.Blocks, nil)
	filled := *v
	filled.values = state
	maps.Copy(payload, reply{
		"container": reply{"type": "view", "view_id": v.ID}, "trigger_id": d.TriggerID, "view": w.viewJSON(&filled),
		"actions": []any{action},
	})
	w.say(Line{Kind: "click", From: w.names(u.ID), To: w.names(u.ID), Text: shown + " in " + v.Title})
	w.prepare(d, payload)
	w.mu.Unlock()
	w.flush()
	w.dispatch(d)
	return d
}
