package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/chatops"
)

// visible makes text safe to look at, line by line: what a reader could not
// see, or what would turn the text around, is shown as its number instead.
func visible(s string) string { return chatops.VisibleLines(s) }

// runes counts characters as Slack does.
func runes(s string) int { return utf8.RuneCountInString(s) }

// cut shortens text to n characters and marks the place; a line is cut with an
// ellipsis, longer text with the number of characters that are missing.
func cut(s string, n int) string {
	have := runes(s)
	if have <= n {
		return s
	}
	mark := "…"
	for missing := have - n; n >= 200; {
		mark = fmt.Sprintf("\n… (%d more characters are not shown)", missing)
		if missing == have-n+runes(mark) {
			break
		}
		missing = have - n + runes(mark)
	}
	keep := max(0, n-runes(mark))
	for i := range s {
		if keep == 0 {
			return s[:i] + mark
		}
		keep--
	}
	return s
}

// line makes one line of at most n characters.
func line(s string, n int) string {
	return cut(strings.Join(strings.Fields(visible(s)), " "), n)
}

// escape makes text inert in Slack's markup, which reads "text" of a message
// even when there are blocks.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// words turns the text of a slash command, in which Slack escaped markup and
// wrote mentions as ids, back into what was typed. person gives the id that the
// directory has for a Slack user.
func words(text string, person func(user string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, ">")
		if !closed {
			b.WriteString("<" + rest)
			break
		}
		b.WriteString(mention(inner, person))
		text = after
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(b.String())
}

func mention(inner string, person func(string) string) string {
	id, label, labelled := strings.Cut(inner, "|")
	switch {
	case strings.HasPrefix(id, "@"):
		return "@" + person(id[1:])
	case strings.HasPrefix(id, "#") && labelled:
		return "#" + strings.TrimPrefix(label, "#")
	case strings.HasPrefix(id, "!subteam^") && labelled:
		return "@" + strings.TrimPrefix(label, "@")
	case strings.HasPrefix(id, "!"):
		return "@" + strings.TrimPrefix(id, "!")
	}
	return id // a link: its address, never its label
}

// slackTime writes a time as Slack's message timestamps do.
func slackTime(t time.Time) string {
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}
