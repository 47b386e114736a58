package readiness

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is the longest text that is shown to people, in characters. What is
// cut is counted; the JSON has all of it.
const longest = 400

// visible is s on one line, with nothing hidden in it: every character that would
// not be seen, or that would turn the reading direction, is shown by its code
// point.
func visible(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, "⟨0x%02X⟩", s[i])
		case r > 0x7E && (!unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) || blank(r)), r < 0x20, r == 0x7F:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	text := []rune(b.String())
	if len(text) > longest {
		return string(text[:longest]) + fmt.Sprintf("… (%d more characters)", len(text)-longest)
	}
	return string(text)
}

// blank lists the characters that count as letters or symbols and show nothing.
func blank(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return true
	}
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}

// escape makes any text safe inside a line or table cell of Markdown: it ends no
// cell, opens no tag, makes no link and mentions nobody.
func escape(s string) string {
	var b strings.Builder
	for _, r := range visible(s) {
		switch r {
		case '|', '<', '>', '&':
			fmt.Fprintf(&b, "&#%d;", r)
		case '@':
			b.WriteString("@\u2060")
		case '\\', '`', '*', '_', '[', ']', '~', '!', '#':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.ReplaceAll(b.String(), "://", ":&#47;/")
}
