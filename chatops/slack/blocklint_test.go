package slack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// blocklint holds the JSON of a message's blocks against Slack's limits and
// against our own rules about text. It reads the wire form and shares nothing
// with the code that draws.
func blocklint(raw []byte) []string {
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return []string{err.Error()}
	}
	var l lint
	l.length("blocks", len(blocks), 1, 50)
	l.length("whole card", utf8.RuneCount(unescapeHTML(raw)), 1, 10_300)
	ids := map[string]bool{}
	for i, b := range blocks {
		at := fmt.Sprintf("%d %s", i, b["type"])
		switch b["type"] {
		case "header":
			l.plain(at, b["text"], 150)
		case "section":
			l.plain(at, b["text"], 3000)
		case "context":
			elements := list(b["elements"])
			l.length(at+" elements", len(elements), 1, 10)
			for _, e := range elements {
				l.plain(at, e, 2000)
			}
		case "actions":
			elements := list(b["elements"])
			l.length(at+" elements", len(elements), 1, 25)
			for _, e := range elements {
				l.button(at, object(e), ids)
			}
		case "rich_text":
			l.rich(at, b)
		default:
			l.add("%s: a kind of block that is not ours", at)
		}
	}
	return l.problems
}

type lint struct{ problems []string }

func (l *lint) add(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *lint) length(what string, n, least, most int) {
	if n < least || n > most {
		l.add("%s: %d, allowed %d to %d", what, n, least, most)
	}
}

func (l *lint) plain(at string, v any, most int) {
	o := object(v)
	if o["type"] != "plain_text" {
		l.add("%s: text of type %v", at, o["type"])
	}
	if o["emoji"] != false {
		l.add("%s: emoji names are replaced", at)
	}
	l.text(at, o["text"], most)
}

func (l *lint) text(at string, v any, most int) {
	s, _ := v.(string)
	l.length(at+" text", utf8.RuneCountInString(s), 1, most)
	if i := strings.IndexFunc(s, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200B || r == 0xFEFF || r == utf8.RuneError && !strings.Contains(s, "\uFFFD")
	}); i >= 0 {
		l.add("%s: a character nobody sees at %d of %q", at, i, s)
	}
}

func (l *lint) button(at string, b map[string]any, ids map[string]bool) {
	if b["type"] != "button" {
		l.add("%s: an element of type %v", at, b["type"])
	}
	l.plain(at, b["text"], 75)
	id, _ := b["action_id"].(string)
	l.length(at+" action_id", len(id), 1, 255)
	if ids[id] {
		l.add("%s: action_id %q twice", at, id)
	}
	ids[id] = true
	value, _ := b["value"].(string)
	l.length(at+" value", len(value), 0, 2000)
	if b["confirm"] != nil {
		c := object(b["confirm"])
		l.plain(at+" confirm", c["title"], 100)
		l.plain(at+" confirm", c["text"], 300)
		l.plain(at+" confirm", c["confirm"], 30)
		l.plain(at+" confirm", c["deny"], 30)
	}
}

func (l *lint) rich(at string, b map[string]any) {
	elements := list(b["elements"])
	l.length(at+" elements", len(elements), 1, 1)
	for _, e := range elements {
		for _, part := range list(object(e)["elements"]) {
			p := object(part)
			if p["type"] != "text" {
				l.add("%s: a part of type %v", at, p["type"])
			}
			l.text(at, p["text"], 3000)
		}
	}
}

func object(v any) map[string]any { o, _ := v.(map[string]any); return o }
func list(v any) []any            { a, _ := v.([]any); return a }

// unescapeHTML undoes Go's habit of writing <, > and & as six characters.
func unescapeHTML(raw []byte) []byte {
	return []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(raw)))
}
