package timeline

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest texts in the Markdown and in a line, in characters. What is cut
// is counted; the JSON has all of it.
const (
	maxCell = 600
	maxLine = 240
)

// Visible is s on one line with nothing hidden in it: a line break is shown by
// a mark, and every character that would not be seen, or that would turn the
// reading direction, by its code point.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for i, r := range s {
		if unicode.Is(unicode.Mn, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == '\n':
			b.WriteString(" ⏎ ")
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, "⟨0x%02X⟩", s[i])
		case hidden(r) && !unicode.Is(unicode.Mn, r), marks > 3, blank(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden says whether a character needs a look: it is not seen, or is a mark
// that stacks on the one before it.
func hidden(r rune) bool {
	return r == utf8.RuneError || r > 0x7E && (!unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) || blank(r)) || r < 0x20 || r == 0x7F
}

// blank lists the characters that count as letters, symbols or marks and show nothing.
func blank(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x180B, 0x180C, 0x180D, 0x180F:
		return true
	}
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}

// Cut keeps the first limit characters and counts the rest.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := utf8.RuneCountInString(s)
	if n <= limit {
		return s
	}
	seen := 0
	for i := range s {
		if seen == limit {
			return s[:i] + fmt.Sprintf("… (%d more characters)", n-limit)
		}
		seen++
	}
	return s
}

// escape is [Markdown], not longer than a cell.
func escape(s string) string { return Markdown(s, maxCell) }

// Markdown makes any text safe inside a line of Markdown or a cell of a table: it
// shows what it is and does nothing, and has up to limit characters. A pipe, a
// brace and the signs of HTML become entities, which no parser takes for
// structure; an empty comment parts an at sign from a name and a number sign from
// a number, because forges look for both after they have taken the escapes away;
// and neither links nor lists are made.
func Markdown(s string, limit int) string {
	s = Cut(Visible(s), limit)
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i, r := range s {
		switch r {
		case '|':
			b.WriteString("&#124;")
		case '{': // an engine that fills in {{ }} leaves it alone
			b.WriteString("&#123;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@':
			b.WriteString("@<!-- -->")
		case '#':
			if i+1 < len(s) && '0' <= s[i+1] && s[i+1] <= '9' {
				b.WriteString("#<!-- -->")
			} else {
				b.WriteString(`\#`)
			}
		case '\\', '`', '*', '_', '[', ']', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '/':
			if strings.HasPrefix(s[max(i-1, 0):], "://") {
				b.WriteString("&#47;")
			} else {
				b.WriteByte('/')
			}
		case '.', ')':
			if r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www") || i > 0 && strings.Trim(s[:i], "0123456789") == "" {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
