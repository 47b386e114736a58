package slackfake

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Surface is where blocks are shown. The number of blocks allowed depends on it.
type Surface int

// The surfaces of blocks.
const (
	OnMessage Surface = iota // 50 blocks
	OnModal                  // 100 blocks
	OnHome                   // 100 blocks
)

// Slack's limits. All text lengths are in characters.
const (
	maxMessageBlocks  = 50
	maxViewBlocks     = 100
	maxMessageText    = 40000
	maxBlocksTotal    = 13200 // not documented; seen by others as msg_blocks_too_long
	maxSectionText    = 3000
	maxFields         = 10
	maxFieldText      = 2000
	maxHeaderText     = 150
	maxActions        = 25
	maxContext        = 10
	maxButtonText     = 75
	maxButtonValue    = 2000
	maxID             = 255
	maxURL            = 3000
	maxOptions        = 100
	maxOptionText     = 75
	maxOptionValue    = 150
	maxPlaceholder    = 150
	maxOverflow       = 5
	maxChoices        = 10
	maxConfirmTitle   = 100
	maxConfirmText    = 300
	maxConfirmButton  = 30
	maxLabel          = 2000
	maxInputLength    = 3000
	maxMarkdownText   = 12000
	maxViewTitle      = 24
	maxMetadata       = 3000
	maxViewBytes      = 250 * 1000
	maxViewStack      = 3
	maxSocketAckBytes = 20 * 1024
)

// Problem is one fault in blocks or in a view, in the form in which Slack tells it.
type Problem struct {
	Pointer string // JSON pointer, such as /blocks/0/text/text
	Message string // such as "must be less than 3001 characters"
}

// String is the line that Slack puts into response_metadata.messages.
func (p Problem) String() string {
	return fmt.Sprintf("[ERROR] %s [json-pointer:%s]", p.Message, p.Pointer)
}

// CheckBlocks holds blocks against the limits that Slack enforces and returns every fault, in reading order. It is
// what the fake API itself uses; a bot may call it on the cards it builds.
func CheckBlocks(blocks []Block, on Surface) []Problem {
	c := &checker{}
	c.blocks("/blocks", blocks, on)
	return c.problems
}

type checker struct{ problems []Problem }

func (c *checker) add(at, format string, args ...any) {
	c.problems = append(c.problems, Problem{Pointer: at, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) atMost(at, s string, limit int) {
	if utf8.RuneCountInString(s) > limit {
		c.add(at, "must be less than %d characters", limit+1)
	}
}

// text checks a text object that must be there when required is set.
func (c *checker) text(at string, t *Text, limit int, plainOnly, required bool) {
	switch {
	case t == nil:
		if required {
			c.add(at, "missing required field: %s", lastOf(at))
		}
		return
	case t.Type != "plain_text" && t.Type != "mrkdwn":
		c.add(at+"/type", "must be one of: plain_text, mrkdwn")
	case plainOnly && t.Type != "plain_text":
		c.add(at+"/type", "must be plain_text")
	}
	if t.Text == "" {
		c.add(at+"/text", "must be more than 0 characters")
	}
	c.atMost(at+"/text", t.Text, limit)
}

func lastOf(pointer string) string {
	for i := len(pointer) - 1; i >= 0; i-- {
		if pointer[i] == '/' {
			return pointer[i+1:]
		}
	}
	return pointer
}

func (c *checker) blocks(at string, blocks []Block, on Surface) {
	limit := maxViewBlocks
	if on == OnMessage {
		limit = maxMessageBlocks
	}
	if len(blocks) > limit {
		c.add(at, "no more than %d items allowed", limit)
	}
	seen := map[string]bool{}
	for i, b := range blocks {
		at := at + "/" + strconv.Itoa(i)
		c.atMost(at+"/block_id", b.ID, maxID)
		if b.ID != "" && seen[b.ID] {
			c.add(at+"/block_id", "`block_id` %q already exists", b.ID)
		}
		seen[b.ID] = true
		c.block(at, b, on)
	}
}

func (c *checker) block(at string, b Block, on Surface) {
	switch b.Type {
	case "section":
		if b.Text == nil && len(b.Fields) == 0 {
			c.add(at, "missing required field: text or fields")
		}
		c.text(at+"/text", b.Text, maxSectionText, false, false)
		if len(b.Fields) > maxFields {
			c.add(at+"/fields", "no more than %d items allowed", maxFields)
		}
		for i := range b.Fields {
			c.text(at+"/fields/"+strconv.Itoa(i), &b.Fields[i], maxFieldText, false, true)
		}
		c.element(at+"/accessory", b.Accessory)
	case "header":
		c.text(at+"/text", b.Text, maxHeaderText, true, true)
	case "actions":
		if n := len(b.Elements); n == 0 {
			c.add(at+"/elements", "must have at least 1 item")
		} else if n > maxActions {
			c.add(at+"/elements", "no more than %d items allowed", maxActions)
		}
		seen := map[string]bool{}
		for i := range b.Elements {
			e, at := &b.Elements[i], at+"/elements/"+strconv.Itoa(i)
			if !interactive(e.Type) {
				c.add(at+"/type", "unsupported type: %s", e.Type)
			}
			if e.ActionID != "" && seen[e.ActionID] {
				c.add(at+"/action_id", "`action_id` %q already exists in this block", e.ActionID)
			}
			seen[e.ActionID] = true
			c.element(at, e)
		}
	case "context":
		if n := len(b.Elements); n == 0 {
			c.add(at+"/elements", "must have at least 1 item")
		} else if n > maxContext {
			c.add(at+"/elements", "no more than %d items allowed", maxContext)
		}
		for i, e := range b.Elements {
			at := at + "/elements/" + strconv.Itoa(i)
			switch e.Type {
			case "plain_text", "mrkdwn":
				t := Text{Type: e.Type}
				if e.Text != nil {
					t.Text = e.Text.Text
				}
				c.text(at, &t, maxSectionText, false, true)
			case "image":
				c.atMost(at+"/alt_text", e.AltText, maxLabel)
			default:
				c.add(at+"/type", "unsupported type: %s", e.Type)
			}
		}
	case "input":
		if on == OnMessage && b.Element == nil {
			c.add(at+"/element", "missing required field: element")
			return
		}
		c.text(at+"/label", b.Label, maxLabel, true, true)
		c.text(at+"/hint", b.Hint, maxLabel, true, false)
		if b.Element == nil {
			c.add(at+"/element", "missing required field: element")
			return
		}
		if b.Element.Type == "button" || b.Element.Type == "overflow" || !interactive(b.Element.Type) {
			c.add(at+"/element/type", "unsupported type: %s", b.Element.Type)
		}
		c.element(at+"/element", b.Element)
	case "image":
		c.atMost(at+"/alt_text", b.AltText, maxLabel)
		if b.AltText == "" {
			c.add(at+"/alt_text", "missing required field: alt_text")
		}
		c.atMost(at+"/image_url", b.ImageURL, maxURL)
		c.text(at+"/title", b.Title, maxLabel, true, false)
	case "markdown":
		if b.Text == nil || b.Text.Text == "" {
			c.add(at+"/text", "missing required field: text")
			return
		}
		c.atMost(at+"/text", b.Text.Text, maxMarkdownText)
	case "divider", "rich_text", "file", "video", "table", "call", "context_actions":
	default:
		c.add(at+"/type", "unsupported type: %s", b.Type)
	}
}

func (c *checker) element(at string, e *Element) {
	if e == nil {
		return
	}
	c.atMost(at+"/action_id", e.ActionID, maxID)
	c.confirm(at+"/confirm", e.Confirm)
	switch e.Type {
	case "button", "workflow_button":
		c.text(at+"/text", e.Text, maxButtonText, true, true)
		c.atMost(at+"/value", e.Value, maxButtonValue)
		c.atMost(at+"/url", e.URL, maxURL)
		if !slices.Contains([]string{"", "primary", "danger"}, e.Style) {
			c.add(at+"/style", "must be one of: primary, danger")
		}
	case "overflow":
		c.options(at, e, maxOverflow)
	case "radio_buttons", "checkboxes":
		c.options(at, e, maxChoices)
	case "static_select", "multi_static_select":
		c.text(at+"/placeholder", e.Placeholder, maxPlaceholder, true, false)
		c.options(at, e, maxOptions)
	case "image":
		c.atMost(at+"/image_url", e.ImageURL, maxURL)
	case "plain_text_input":
		c.text(at+"/placeholder", e.Placeholder, maxPlaceholder, true, false)
		if e.MaxLength > maxInputLength {
			c.add(at+"/max_length", "must be less than %d", maxInputLength+1)
		}
	default:
		if !interactive(e.Type) {
			c.add(at+"/type", "unsupported type: %s", e.Type)
		}
		c.text(at+"/placeholder", e.Placeholder, maxPlaceholder, true, false)
	}
}

func (c *checker) options(at string, e *Element, limit int) {
	if len(e.Options) == 0 {
		c.add(at+"/options", "must have at least 1 item")
	}
	if len(e.Options) > limit {
		c.add(at+"/options", "no more than %d items allowed", limit)
	}
	for i, o := range e.Options {
		at := at + "/options/" + strconv.Itoa(i)
		c.text(at+"/text", o.Text, maxOptionText, false, true)
		c.text(at+"/description", o.Description, maxOptionText, false, false)
		c.atMost(at+"/value", o.Value, maxOptionValue)
	}
}

func (c *checker) confirm(at string, d *Confirm) {
	if d == nil {
		return
	}
	c.text(at+"/title", d.Title, maxConfirmTitle, true, true)
	c.text(at+"/text", d.Text, maxConfirmText, false, true)
	c.text(at+"/confirm", d.Confirm, maxConfirmButton, true, true)
	c.text(at+"/deny", d.Deny, maxConfirmButton, true, true)
}

// textLength is the number of characters in all texts of the blocks, which Slack holds against an undocumented limit.
func textLength(v any) int {
	switch v := v.(type) {
	case []Block:
		n := 0
		for _, b := range v {
			n += textLength(b.raw)
		}
		return n
	case map[string]any:
		n := 0
		for key, item := range v {
			if s, ok := item.(string); ok && key == "text" {
				n += utf8.RuneCountInString(s)
				continue
			}
			n += textLength(item)
		}
		return n
	case []any:
		n := 0
		for _, item := range v {
			n += textLength(item)
		}
		return n
	}
	return 0
}
