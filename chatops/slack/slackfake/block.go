package slackfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Block is one Block Kit block as Slack keeps it: the parts that a person sees or can press are decoded, and every
// other property the sender gave is kept, so that a message comes back from the API as it was sent.
type Block struct {
	Type string
	// ID is the block_id. Slack assigns one when the sender gave none.
	ID        string
	Text      *Text
	Fields    []Text
	Elements  []Element
	Accessory *Element // of a section
	Element   *Element // of an input
	Label     *Text
	Hint      *Text
	Title     *Text // of an image or a video
	Optional  bool  // of an input
	ImageURL  string
	AltText   string

	raw map[string]any
}

// Text is a text object. A bare JSON string, as markdown and rich text use it, is read as a Text without a type.
type Text struct {
	Type string // plain_text, mrkdwn or empty
	Text string
}

// Option is one choice of a select, a menu, radio buttons or checkboxes.
type Option struct {
	Text        *Text
	Description *Text
	Value       string

	raw map[string]any
}

// Confirm is the dialog that Slack shows before it sends a click.
type Confirm struct {
	Title, Text, Confirm, Deny *Text
}

// Element is one interactive or visible part of a block: a button, a select, an input, a text of a context block.
type Element struct {
	Type        string
	ActionID    string
	Text        *Text
	Value       string // of a button
	URL         string
	Style       string // primary, danger or empty
	Placeholder *Text
	Confirm     *Confirm
	// Options are those of a static select, radio buttons, checkboxes or an overflow menu, option groups flattened.
	Options []Option
	// VisibleTo holds the user IDs of visible_to_user_ids; empty means everybody.
	VisibleTo []string
	// Elements are the parts of a rich text element.
	Elements             []Element
	ImageURL, AltText    string
	MinLength, MaxLength int

	raw map[string]any
}

// ParseBlocks reads a JSON array of blocks, or an object that holds one under "blocks". It is lenient: what is wrong
// with a block is for CheckBlocks to say. The error says where the JSON itself is not a list of objects.
func ParseBlocks(src []byte) ([]Block, error) {
	src = bytes.TrimSpace(src)
	if len(src) == 0 || string(src) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("read blocks: %w", err)
	}
	if dec.More() {
		return nil, errors.New("read blocks: data after the list")
	}
	return blocksOf(v)
}

func blocksOf(v any) ([]Block, error) {
	if m, ok := v.(map[string]any); ok {
		v = m["blocks"]
	}
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("read blocks: want a list of blocks")
	}
	blocks := make([]Block, 0, len(list))
	for i, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("read blocks: block %d is not an object", i)
		}
		blocks = append(blocks, blockOf(m))
	}
	return blocks, nil
}

func blockOf(m map[string]any) Block {
	b := Block{
		Type:      str(m, "type"),
		ID:        str(m, "block_id"),
		Text:      textOf(m["text"]),
		Elements:  elementsOf(m["elements"]),
		Accessory: elementOf(m["accessory"]),
		Element:   elementOf(m["element"]),
		Label:     textOf(m["label"]),
		Hint:      textOf(m["hint"]),
		Title:     textOf(m["title"]),
		ImageURL:  str(m, "image_url"),
		AltText:   str(m, "alt_text"),
		raw:       m,
	}
	b.Optional, _ = m["optional"].(bool)
	for _, f := range list(m, "fields") {
		if t := textOf(f); t != nil {
			b.Fields = append(b.Fields, *t)
		}
	}
	return b
}

func elementsOf(v any) []Element {
	items, _ := v.([]any)
	var out []Element
	for _, item := range items {
		if e := elementOf(item); e != nil {
			out = append(out, *e)
		}
	}
	return out
}

func elementOf(v any) *Element {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	e := &Element{
		Type:        str(m, "type"),
		ActionID:    str(m, "action_id"),
		Text:        textOf(m["text"]),
		Value:       str(m, "value"),
		URL:         str(m, "url"),
		Style:       str(m, "style"),
		Placeholder: textOf(m["placeholder"]),
		Options:     optionsOf(m["options"]),
		Elements:    elementsOf(m["elements"]),
		ImageURL:    str(m, "image_url"),
		AltText:     str(m, "alt_text"),
		MinLength:   number(m, "min_length"),
		MaxLength:   number(m, "max_length"),
		raw:         m,
	}
	for _, g := range list(m, "option_groups") {
		if group, ok := g.(map[string]any); ok {
			e.Options = append(e.Options, optionsOf(group["options"])...)
		}
	}
	for _, id := range list(m, "visible_to_user_ids") {
		if s, ok := id.(string); ok {
			e.VisibleTo = append(e.VisibleTo, s)
		}
	}
	if c, ok := m["confirm"].(map[string]any); ok {
		e.Confirm = &Confirm{
			Title: textOf(c["title"]), Text: textOf(c["text"]),
			Confirm: textOf(c["confirm"]), Deny: textOf(c["deny"]),
		}
	}
	return e
}

func optionsOf(v any) []Option {
	items, _ := v.([]any)
	var out []Option
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, optionOf(m))
		}
	}
	return out
}

func optionOf(m map[string]any) Option {
	return Option{Text: textOf(m["text"]), Description: textOf(m["description"]), Value: str(m, "value"), raw: m}
}

func textOf(v any) *Text {
	switch v := v.(type) {
	case string:
		return &Text{Text: v}
	case map[string]any:
		return &Text{Type: str(v, "type"), Text: str(v, "text")}
	}
	return nil
}

func str(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func list(m map[string]any, key string) []any {
	l, _ := m[key].([]any)
	return l
}

func number(m map[string]any, key string) int {
	switch n := m[key].(type) {
	case json.Number:
		i, _ := n.Int64()
		return int(i)
	case float64:
		return int(n)
	}
	return 0
}

// MarshalJSON writes the block as its sender wrote it, with the block_id that Slack assigned.
func (b Block) MarshalJSON() ([]byte, error) {
	if b.raw == nil {
		return json.Marshal(map[string]any{"type": b.Type, "block_id": b.ID})
	}
	return json.Marshal(b.raw)
}

// assignIDs gives a block_id to each block that has none.
func assignIDs(blocks []Block, next func() string) {
	for i := range blocks {
		b := &blocks[i]
		if b.ID == "" {
			b.ID = next()
			b.raw["block_id"] = b.ID
		}
	}
}

// Pressable is one element of a message or a view that a person can use, with the block it stands in.
type Pressable struct {
	BlockID string
	Element Element
}

// Pressables lists the interactive elements of the blocks, in reading order.
func Pressables(blocks []Block) []Pressable {
	var out []Pressable
	add := func(b Block, e *Element) {
		if e != nil && interactive(e.Type) {
			out = append(out, Pressable{BlockID: b.ID, Element: *e})
		}
	}
	for _, b := range blocks {
		add(b, b.Accessory)
		add(b, b.Element)
		if b.Type == "actions" {
			for i := range b.Elements {
				add(b, &b.Elements[i])
			}
		}
	}
	return out
}

func interactive(kind string) bool {
	return slices.Contains(interactiveTypes(), kind)
}

func interactiveTypes() []string {
	return []string{
		"button", "overflow", "checkboxes", "radio_buttons", "datepicker", "timepicker", "datetimepicker",
		"static_select", "external_select", "users_select", "conversations_select", "channels_select",
		"multi_static_select", "multi_external_select", "multi_users_select", "multi_conversations_select",
		"multi_channels_select", "plain_text_input", "email_text_input", "url_text_input", "number_input",
		"rich_text_input", "file_input", "workflow_button", "icon_button", "feedback_buttons",
	}
}
