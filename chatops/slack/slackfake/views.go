package slackfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// triggerLife is how long a trigger_id can open a view, by the workspace's clock.
const triggerLife = 3 * time.Second

// trigger is the right to open one view for one person.
type trigger struct {
	user string
	at   time.Time
	used bool
}

// newTrigger makes a trigger_id for a person. The lock is held.
func (s *State) newTrigger(user string) string {
	id := fmt.Sprintf("%d.%d.%s", 1000+s.next("trigger"), 2000, randomHex(16))
	s.triggers[id] = &trigger{user: user, at: s.now()}
	return id
}

// exchange uses a trigger_id up.
func (s *State) exchange(id string) (user string, err error) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return "", fail("invalid_trigger_id")
	case t.used:
		return "", fail("exchanged_trigger_id")
	case s.now().Sub(t.at) > triggerLife:
		return "", fail("expired_trigger_id")
	}
	t.used = true
	return t.user, nil
}

func viewMethods() []method {
	return []method{
		{name: "views.open", tier: tier4, run: viewsOpen},
		{name: "views.push", tier: tier4, run: viewsPush},
		{name: "views.update", tier: tier4, run: viewsUpdate},
		{name: "views.publish", tier: tier4, run: viewsPublish},
	}
}

// view reads and checks a view that the app sends.
func (w *Workspace) view(src []byte, want string) (*View, error) {
	if len(src) > maxViewBytes {
		return nil, fail("view_too_large")
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, invalid("invalid_arguments", []Problem{{Pointer: "/view", Message: "must provide an object"}})
	}
	blocks, err := blocksOf(m["blocks"])
	if err != nil {
		return nil, invalid("invalid_arguments", []Problem{{Pointer: "/view/blocks", Message: "must be an array"}})
	}
	v := &View{
		Type: str(m, "type"), CallbackID: str(m, "callback_id"), ExternalID: str(m, "external_id"), Blocks: blocks,
		PrivateMetadata: str(m, "private_metadata"), CloseText: "Cancel", raw: m,
	}
	v.ClearOnClose, _ = m["clear_on_close"].(bool)
	v.NotifyOnClose, _ = m["notify_on_close"].(bool)
	c := &checker{}
	title, submit, closing := textOf(m["title"]), textOf(m["submit"]), textOf(m["close"])
	if v.Type != want {
		c.add("/view/type", "must be %s", want)
	}
	if v.Type == "modal" {
		c.text("/view/title", title, maxViewTitle, true, true)
	}
	c.text("/view/submit", submit, maxViewTitle, true, false)
	c.text("/view/close", closing, maxViewTitle, true, false)
	c.atMost("/view/private_metadata", v.PrivateMetadata, maxMetadata)
	c.atMost("/view/callback_id", v.CallbackID, maxID)
	c.atMost("/view/external_id", v.ExternalID, maxID)
	on := OnModal
	if want == "home" {
		on = OnHome
	}
	c.blocks("/view/blocks", blocks, on)
	hasInput := slices.ContainsFunc(blocks, func(b Block) bool { return b.Type == "input" })
	if want == "modal" && hasInput && submit == nil {
		c.add("/view/submit", "missing required field: submit")
	}
	if len(c.problems) > 0 {
		return nil, invalid("invalid_arguments", c.problems)
	}
	if title != nil {
		v.Title = title.Text
	}
	if submit != nil {
		v.SubmitText = submit.Text
	}
	if closing != nil {
		v.CloseText = closing.Text
	}
	assignIDs(blocks, func() string { return fmt.Sprintf("blk%d", w.next("block")) })
	return v, nil
}

func (w *Workspace) viewArg(r *request, want string) (*View, error) {
	src, ok := r.json("view")
	if !ok {
		return nil, invalid("invalid_arguments", []Problem{{Pointer: "/view", Message: "missing required field: view"}})
	}
	return w.view(src, want)
}

// externalTaken says that another view has the external ID.
func (w *Workspace) externalTaken(id, except string) bool {
	if id == "" {
		return false
	}
	for _, stack := range w.views {
		if slices.ContainsFunc(stack, func(v *View) bool { return v.ExternalID == id && v.ID != except }) {
			return true
		}
	}
	return false
}

func viewsOpen(w *Workspace, r *request) (reply, error) {
	v, err := w.viewArg(r, "modal")
	if err != nil {
		return nil, err
	}
	if w.externalTaken(v.ExternalID, "") {
		return nil, fail("duplicate_external_id")
	}
	user, err := w.exchange(r.str("trigger_id"))
	if err != nil {
		return nil, err
	}
	w.views[user] = nil
	w.show(user, v)
	return reply{"view": w.viewJSON(v)}, nil
}

func viewsPush(w *Workspace, r *request) (reply, error) {
	v, err := w.viewArg(r, "modal")
	if err != nil {
		return nil, err
	}
	user, err := w.exchange(r.str("trigger_id"))
	if err != nil {
		return nil, err
	}
	if err := w.push(user, v); err != nil {
		return nil, err
	}
	return reply{"view": w.viewJSON(v)}, nil
}

// push puts a view on top of the open ones.
func (w *Workspace) push(user string, v *View) error {
	stack := w.views[user]
	switch {
	case len(stack) == 0:
		return fail("not_found")
	case len(stack) >= maxViewStack:
		return fail("push_limit_reached")
	case w.externalTaken(v.ExternalID, ""):
		return fail("duplicate_external_id")
	}
	v.PreviousID, v.RootID = stack[len(stack)-1].ID, stack[0].ID
	w.show(user, v)
	return nil
}

// show opens a view in front of a person.
func (w *Workspace) show(user string, v *View) {
	v.ID, v.User = w.nextID("V"), user
	if v.RootID == "" {
		v.RootID = v.ID
	}
	w.rehash(v)
	w.views[user] = append(w.views[user][:len(w.views[user]):len(w.views[user])], v)
	w.sayView("modal", v)
}

func (w *Workspace) sayView(kind string, v *View) {
	w.say(Line{Kind: kind, From: w.App.BotName, To: w.names(v.User), Text: v.Rendered(w.names)})
}

func (w *Workspace) rehash(v *View) { v.Hash = fmt.Sprintf("%s.h%d", w.nextTS(), w.next("hash")) }

func viewsUpdate(w *Workspace, r *request) (reply, error) {
	v, err := w.viewArg(r, "modal")
	if err != nil {
		return nil, err
	}
	id, external := r.str("view_id"), r.str("external_id")
	old := w.openView(func(v *View) bool { return id != "" && v.ID == id || external != "" && v.ExternalID == external })
	switch {
	case old == nil:
		return nil, fail("not_found")
	case r.str("hash") != "" && r.str("hash") != old.Hash:
		return nil, fail("hash_conflict")
	case w.externalTaken(v.ExternalID, old.ID):
		return nil, fail("duplicate_external_id")
	}
	w.replaceView(old, v)
	return reply{"view": w.viewJSON(v)}, nil
}

// openView finds an open modal. Users are asked in the order in which they were added.
func (w *Workspace) openView(ok func(*View) bool) *View {
	for _, u := range w.users {
		for _, v := range w.views[u.ID] {
			if ok(v) {
				return v
			}
		}
	}
	return nil
}

// replaceView puts v in the place of old, with the same ID.
func (w *Workspace) replaceView(old, v *View) {
	v.ID, v.User, v.RootID, v.PreviousID = old.ID, old.User, old.RootID, old.PreviousID
	if v.ExternalID == "" {
		v.ExternalID = old.ExternalID
	}
	w.rehash(v)
	stack := slices.Clone(w.views[old.User])
	for i := range stack {
		if stack[i].ID == old.ID {
			stack[i] = v
		}
	}
	w.views[old.User] = stack
	w.sayView("modal update", v)
}

func viewsPublish(w *Workspace, r *request) (reply, error) {
	v, err := w.viewArg(r, "home")
	if err != nil {
		return nil, err
	}
	u := w.user(r.str("user_id"))
	if u == nil {
		return nil, fail("user_not_found")
	}
	old := w.homes[u.ID]
	if h := r.str("hash"); h != "" && old != nil && h != old.Hash {
		return nil, fail("hash_conflict")
	}
	v.User = u.ID
	if old != nil {
		v.ID, v.RootID = old.ID, old.RootID
	} else {
		v.ID = w.nextID("V")
		v.RootID = v.ID
	}
	w.rehash(v)
	w.homes[u.ID] = v
	w.say(Line{Kind: "home", From: w.App.BotName, To: w.names(u.ID), Text: Render(v.Blocks, w.names)})
	return reply{"view": w.viewJSON(v)}, nil
}

// viewJSON is a view object, with what the person has entered.
func (w *Workspace) viewJSON(v *View) reply {
	out := reply{}
	for _, key := range []string{"title", "submit", "close"} {
		out[key] = v.raw[key]
	}
	blocks := v.Blocks
	if blocks == nil {
		blocks = []Block{}
	}
	var previous any
	if v.PreviousID != "" {
		previous = v.PreviousID
	}
	values := v.values
	if values == nil {
		values = map[string]map[string]any{}
	}
	maps.Copy(out, reply{
		"id": v.ID, "team_id": w.opt.TeamID, "type": v.Type, "blocks": blocks, "private_metadata": v.PrivateMetadata,
		"callback_id": v.CallbackID, "external_id": v.ExternalID, "hash": v.Hash, "clear_on_close": v.ClearOnClose,
		"notify_on_close": v.NotifyOnClose, "root_view_id": v.RootID, "previous_view_id": previous,
		"app_id": w.App.ID, "bot_id": w.App.BotID, "app_installed_team_id": w.opt.TeamID, "state": reply{"values": values},
	})
	return out
}

// viewState is the state.values of a view: what was entered, else what the app put in. values may be keyed by
// "block/action", by block or by action. It lists the labels of required inputs that are empty.
func viewState(blocks []Block, values map[string]string) (state map[string]map[string]any, missing []string) {
	state = map[string]map[string]any{}
	for _, b := range blocks {
		elements := slices.Clone(b.Elements)
		if b.Type != "actions" {
			elements = nil
		}
		for _, e := range []*Element{b.Accessory, b.Element} {
			if e != nil {
				elements = append(elements, *e)
			}
		}
		for _, e := range elements {
			if !interactive(e.Type) || e.Type == "button" {
				continue
			}
			entered, ok := lookup(values, b.ID, e.ActionID)
			value, filled := elementState(e, entered, ok)
			if state[b.ID] == nil {
				state[b.ID] = map[string]any{}
			}
			state[b.ID][e.ActionID] = value
			if b.Type == "input" && !b.Optional && !filled {
				label := b.ID
				if b.Label != nil {
					label = b.Label.Text
				}
				missing = append(missing, label)
			}
		}
	}
	return state, missing
}

func lookup(values map[string]string, block, action string) (string, bool) {
	for _, key := range []string{block + "/" + action, block, action} {
		if v, ok := values[key]; ok {
			return v, true
		}
	}
	return "", false
}

// elementState is the state of one input, and whether it holds something.
func elementState(e Element, entered string, given bool) (reply, bool) {
	out := reply{"type": e.Type}
	many := func() []string {
		var parts []string
		for _, s := range strings.Split(entered, ",") {
			if s = strings.TrimSpace(s); s != "" {
				parts = append(parts, s)
			}
		}
		return parts
	}
	one := func(key, initial string) (reply, bool) {
		if !given {
			entered = str(e.raw, initial)
		}
		if entered == "" {
			out[key] = nil
			return out, false
		}
		out[key] = entered
		return out, true
	}
	several := func(key, initial string) (reply, bool) {
		picked := many()
		if !given {
			for _, v := range list(e.raw, initial) {
				if s, ok := v.(string); ok {
					picked = append(picked, s)
				}
			}
		}
		out[key] = append([]string{}, picked...)
		return out, len(picked) > 0
	}
	switch e.Type {
	case "static_select", "radio_buttons", "overflow", "external_select":
		out["selected_option"] = nil
		if !given {
			if o, ok := e.raw["initial_option"].(map[string]any); ok {
				out["selected_option"] = o
			}
		} else if o := e.option(entered); o != nil {
			out["selected_option"] = o
		}
		return out, out["selected_option"] != nil
	case "multi_static_select", "checkboxes", "multi_external_select":
		picked := []any{}
		if !given {
			picked = append(picked, list(e.raw, "initial_options")...)
		}
		for _, v := range many() {
			if o := e.option(v); o != nil {
				picked = append(picked, o)
			}
		}
		out["selected_options"] = picked
		return out, len(picked) > 0
	case "users_select":
		return one("selected_user", "initial_user")
	case "conversations_select":
		return one("selected_conversation", "initial_conversation")
	case "channels_select":
		return one("selected_channel", "initial_channel")
	case "multi_users_select":
		return several("selected_users", "initial_users")
	case "multi_conversations_select":
		return several("selected_conversations", "initial_conversations")
	case "multi_channels_select":
		return several("selected_channels", "initial_channels")
	case "datepicker":
		return one("selected_date", "initial_date")
	case "timepicker":
		return one("selected_time", "initial_time")
	}
	return one("value", "initial_value")
}

// option finds a choice by its value, or by its label.
func (e Element) option(value string) any {
	for _, o := range e.Options {
		if o.Value == value {
			return o.raw
		}
	}
	for _, o := range e.Options {
		if o.Text != nil && o.Text.Text == value {
			return o.raw
		}
	}
	if strings.Contains(e.Type, "external") && value != "" {
		return map[string]any{"text": map[string]any{"type": "plain_text", "text": value}, "value": value}
	}
	return nil
}
