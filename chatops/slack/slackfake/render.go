package slackfake

import (
	"regexp"
	"strings"
)

// Names turns an ID (a user's, a channel's, a group's) into the name a person reads, without the leading @ or #. It
// returns "" when it does not know the ID.
type Names func(id string) string

// Render writes blocks as the plain text that a person would read: headers, sections, fields in pairs, contexts,
// dividers, and the interactive parts in brackets, such as "[Approve] [Deny]". Mentions are resolved by names, which may be nil.
func Render(blocks []Block, names Names) string {
	var lines []string
	for _, b := range blocks {
		lines = append(lines, renderBlock(b, names)...)
	}
	return strings.Join(lines, "\n")
}

// RenderText resolves the markup of a message text: mentions, channels, groups, links, dates and escapes.
func RenderText(s string, names Names) string {
	s = reference.ReplaceAllStringFunc(s, func(ref string) string {
		return renderReference(ref[1:len(ref)-1], names)
	})
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

var reference = regexp.MustCompile(`<[^<>\n]+>`)

func renderReference(body string, names Names) string {
	id, label, labelled := strings.Cut(body, "|")
	name := func(id, mark string) string {
		if names != nil {
			if n := names(id); n != "" {
				return mark + n
			}
		}
		if labelled {
			return mark + strings.TrimPrefix(label, mark)
		}
		return mark + id
	}
	switch {
	case strings.HasPrefix(id, "@"):
		return name(id[1:], "@")
	case strings.HasPrefix(id, "#"):
		return name(id[1:], "#")
	case strings.HasPrefix(id, "!subteam^"):
		return name(strings.TrimPrefix(id, "!subteam^"), "@")
	case strings.HasPrefix(id, "!date^"):
		return label
	case strings.HasPrefix(id, "!"):
		return "@" + id[1:]
	case labelled:
		return label + " (" + id + ")"
	}
	return id
}

func renderBlock(b Block, names Names) []string {
	var lines []string
	text := func(t *Text) string {
		if t == nil {
			return ""
		}
		if t.Type == "plain_text" {
			return t.Text
		}
		return RenderText(t.Text, names)
	}
	switch b.Type {
	case "header":
		lines = append(lines, "# "+text(b.Text))
	case "section", "markdown":
		line := text(b.Text)
		if b.Accessory != nil {
			line = strings.TrimSpace(line + "  " + renderElement(*b.Accessory, names))
		}
		if line != "" {
			lines = append(lines, line)
		}
		for i := 0; i < len(b.Fields); i += 2 {
			left, right := flat(text(&b.Fields[i])), ""
			if i+1 < len(b.Fields) {
				right = " | " + flat(text(&b.Fields[i+1]))
			}
			lines = append(lines, left+right)
		}
	case "context":
		var parts []string
		for _, e := range b.Elements {
			parts = append(parts, renderElement(e, names))
		}
		lines = append(lines, "("+strings.Join(parts, " · ")+")")
	case "actions":
		var parts []string
		for _, e := range b.Elements {
			parts = append(parts, renderElement(e, names))
		}
		lines = append(lines, strings.Join(parts, " "))
	case "input":
		line := text(b.Label)
		if b.Optional {
			line += " (optional)"
		}
		if b.Element != nil {
			line += ": " + renderElement(*b.Element, names)
		}
		lines = append(lines, line)
		if b.Hint != nil {
			lines = append(lines, "  "+text(b.Hint))
		}
	case "divider":
		lines = append(lines, "---")
	case "image":
		lines = append(lines, "[image: "+b.AltText+"]")
	case "rich_text":
		lines = append(lines, strings.Split(strings.TrimRight(renderRich(b.Elements, names), "\n"), "\n")...)
	default:
		lines = append(lines, "["+b.Type+"]")
	}
	return lines
}

// flat puts a field, in which a label and its value usually stand on two lines, on one.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func renderElement(e Element, names Names) string {
	text := ""
	if e.Text != nil {
		text = e.Text.Text
	}
	switch e.Type {
	case "mrkdwn":
		return RenderText(text, names)
	case "plain_text":
		return text
	case "button", "workflow_button":
		return "[" + text + "]"
	case "image":
		return "[image: " + e.AltText + "]"
	case "plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input":
		return "[" + strings.Repeat("_", 8) + "]"
	case "overflow", "radio_buttons", "checkboxes":
		var parts []string
		for _, o := range e.Options {
			if o.Text != nil {
				parts = append(parts, o.Text.Text)
			}
		}
		return "[" + strings.Join(parts, " / ") + "]"
	}
	if e.Placeholder != nil {
		return "[" + e.Placeholder.Text + " v]"
	}
	return "[" + e.Type + "]"
}

func renderRich(elements []Element, names Names) string {
	var out strings.Builder
	for i, e := range elements {
		switch e.Type {
		case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
			out.WriteString(renderRich(e.Elements, names))
			out.WriteByte('\n')
		case "rich_text_list":
			for _, item := range e.Elements {
				out.WriteString("- " + renderRich(item.Elements, names) + "\n")
			}
		case "link":
			if e.Text != nil && e.Text.Text != "" {
				out.WriteString(e.Text.Text + " (" + e.URL + ")")
			} else {
				out.WriteString(e.URL)
			}
		case "user":
			out.WriteString(renderReference("@"+str(elements[i].raw, "user_id"), names))
		case "channel":
			out.WriteString(renderReference("#"+str(elements[i].raw, "channel_id"), names))
		case "usergroup":
			out.WriteString(renderReference("!subteam^"+str(elements[i].raw, "usergroup_id"), names))
		case "emoji":
			out.WriteString(":" + str(elements[i].raw, "name") + ":")
		default:
			if e.Text != nil {
				out.WriteString(e.Text.Text)
			}
		}
	}
	return out.String()
}
