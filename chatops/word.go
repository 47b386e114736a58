package chatops

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
)

// word is one word of a typed line. Eq is the place in text of the first "="
// outside quotes, or -1.
type word struct {
	text   string
	quoted bool // it began with a quote: it is a text, never a flag, a target or an incident
	eq     int
}

// split cuts a typed line into words. A quote opens at the start of a word or
// right after its first "=", so that 6" and can't are plain text. What Slack
// puts around mentions and links is taken off, and & < > are put back.
func split(text string) ([]word, *engine.Refusal) {
	var words []word
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.IsSpace(r) {
			i += size
			continue
		}
		w := word{eq: -1}
		var b strings.Builder
		for i < len(text) {
			r, size := utf8.DecodeRuneInString(text[i:])
			if unicode.IsSpace(r) {
				break
			}
			if opens(r) && (b.Len() == 0 || w.eq >= 0 && w.eq == b.Len()-1) && !w.quoted {
				inside, n, ok := quotation(text[i:], r)
				if !ok {
					return nil, engine.Refuse(engine.Usage, `the quote that begins with %s is not closed; put a " at its end`, line(text[i:], 30))
				}
				w.quoted = b.Len() == 0
				b.WriteString(inside)
				i += n
				for i < len(text) { // what follows a closing quote belongs to the word
					r, size := utf8.DecodeRuneInString(text[i:])
					if unicode.IsSpace(r) {
						break
					}
					plain, n := unescape(text[i:], size)
					b.WriteString(plain)
					i += n
				}
				break
			}
			if r == '=' && w.eq < 0 {
				w.eq = b.Len()
			}
			if b.Len() == 0 && (r == '—' || r == '–') && letterAt(text, i+size) {
				b.WriteString("--") // what phones make of it
				i += size
				continue
			}
			plain, n := unescape(text[i:], size)
			b.WriteString(plain)
			i += n
		}
		w.text = b.String()
		words = append(words, w)
	}
	return words, nil
}

func opens(r rune) bool { return r == '"' || strings.ContainsRune("“”„‟", r) }

func letterAt(s string, i int) bool {
	return i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z')
}

// quotation reads a quoted text at the start of s. A straight quote is closed
// by a straight one; a curly one by its counterpart or a straight one, and may
// hold further pairs of curly ones.
func quotation(s string, open rune) (inside string, n int, ok bool) {
	var b strings.Builder
	depth := 0
	for i := utf8.RuneLen(open); i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		closes := open != '"' && (r == '”' || open == '„' && r == '“')
		switch {
		case r == '"', closes && depth == 0:
			return b.String(), i + size, true
		case closes:
			depth--
			b.WriteRune(r)
			i += size
		case open == '“' && r == '“':
			depth++
			b.WriteRune(r)
			i += size
		case r == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			b.WriteByte(s[i+1])
			i += 2
		default:
			plain, n := unescape(s[i:], size)
			b.WriteString(plain)
			i += n
		}
	}
	return "", 0, false
}

// unescape takes Slack's form off the start of s: what it stands for, and how
// many bytes it took. Anything else is one character as it is.
func unescape(s string, size int) (plain string, n int) {
	switch s[0] {
	case '&':
		for _, e := range [...][2]string{{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}} {
			if strings.HasPrefix(s, e[0]) {
				return e[1], len(e[0])
			}
		}
	case '<':
		if end := strings.IndexByte(s, '>'); end > 0 && slackForm(s) {
			return entities.Replace(mention(s[1:end])), end + 1
		}
	}
	return s[:size], size
}

var entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// slackForm says whether s begins like a mention or link of Slack.
func slackForm(s string) bool {
	for _, p := range [...]string{"<@", "<#", "<!", "<http://", "<https://", "<mailto:", "<tel:"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// mention is what stands between < and >, as plain text. A link becomes what
// was typed when Slack only completed it, and its address otherwise: a label
// is never believed.
func mention(s string) string {
	ref, label, _ := strings.Cut(s, "|")
	switch ref[0] {
	case '@':
		if label != "" {
			return "@" + strings.TrimPrefix(label, "@")
		}
		return ref
	case '#':
		if label != "" {
			return "#" + strings.TrimPrefix(label, "#")
		}
		return ref
	case '!':
		if label != "" {
			return "@" + strings.TrimPrefix(label, "@")
		}
		return "@" + ref[1:]
	}
	for _, scheme := range [...]string{"http://", "https://", "mailto:", "tel:"} {
		if rest, ok := strings.CutPrefix(ref, scheme); ok && label != "" && (rest == label || rest == label+"/") {
			return label
		}
	}
	return ref
}

// quote writes a text so that split reads it back as one quoted word.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '&' && needsEntity(s[i:]):
			b.WriteString("&amp;")
		case c == '<' && slackForm(s[i:]):
			b.WriteString("&lt;")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func needsEntity(s string) bool {
	return strings.HasPrefix(s, "&amp;") || strings.HasPrefix(s, "&lt;") || strings.HasPrefix(s, "&gt;")
}

// value writes a text as a plain word when that is safe, and quoted otherwise.
func value(s string) string {
	if s == "" || s[0] == '-' {
		return quote(s)
	}
	for _, c := range []byte(s) {
		if !plainByte(c) {
			return quote(s)
		}
	}
	return s
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._~/:@+-,", c) >= 0
}

// Join makes one line for [Parse] out of the arguments of a program, which a
// shell has already cut and freed of quotes: k=a b becomes k="a b".
func Join(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		key, v, isPair := strings.Cut(a, "=")
		switch {
		case strings.HasPrefix(a, "--") && !isPair && value(a[2:]) == a[2:], a == "--":
			out[i] = a
		case isPair && keyForm(strings.TrimPrefix(key, "--")):
			out[i] = key + "=" + value(v)
		default:
			out[i] = value(a)
		}
	}
	return strings.Join(out, " ")
}

// keyForm says whether s can be the name of an input or flag.
func keyForm(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
