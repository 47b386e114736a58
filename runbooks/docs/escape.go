package docs

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain is s on one line, with nothing in it that is not seen.
func plain(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		}
	}
	return b.String()
}

// text makes any text safe inside a line or a cell of a table: it shows what it
// is and does nothing. An empty comment parts an at sign and a number sign from
// what follows, because forges look for names and numbers after they have taken
// the escapes away.
func text(s string) string {
	s = plain(s)
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '|':
			b.WriteString("&#124;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@', '#':
			b.WriteRune(r)
			b.WriteString("<!-- -->")
		case '\\', '`', '*', '_', '[', ']', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case ':':
			if strings.HasPrefix(s[i:], "://") {
				b.WriteByte('\\')
			}
			b.WriteByte(':')
		case '.':
			if i >= 3 && strings.EqualFold(s[i-3:i], "www") || i > 0 && allDigits(s[:i]) {
				b.WriteByte('\\')
			}
			b.WriteByte('.')
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case '{': // an engine that fills in {{ }} leaves it alone
			b.WriteString("&#123;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// code makes a code span that holds any text; in a table a pipe must be
// escaped even there.
func code(s string) string {
	s = plain(s)
	if s == "" {
		return "(nothing)"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// cell is code inside a table.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }

// block writes text of several lines as a quotation that keeps its lines.
func block(s, indent string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		b.WriteString(strings.TrimRight(indent+"> "+text(line), " "))
		b.WriteString("  \n") // two spaces: a new line
	}
	return strings.ReplaceAll(b.String(), ">  \n", ">\n")
}

// codes is a list of code spans with commas.
func codes(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = code(s)
	}
	return strings.Join(out, ", ")
}

// upper begins a sentence.
func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
