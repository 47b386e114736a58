package chatops

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible makes a text from outside safe to show in one line: every character
// that a reader would not see, or that changes the order of the others, is
// written as ⟨U+202E⟩, and every byte that is no text as ⟨0xFF⟩. It does not
// escape the markup of any chat; an adapter does.
func Visible(s string) string { return visible(s, "") }

// VisibleLines is [Visible] for a text that may have several lines.
func VisibleLines(s string) string {
	return visible(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t")
}

func visible(s, keep string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, "⟨0x%02X⟩", s[i])
		case hidden(r) && !strings.ContainsRune(keep, r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// clean says whether s can be shown as it is.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, hidden)
}

// hidden says whether a reader cannot see r, or is misled by it: control and
// format characters (zero width, bidi, tags), separators other than the
// space, private and unassigned ones, and letters that draw nothing.
func hidden(r rune) bool {
	switch r {
	case ' ':
		return false
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return true
	}
	if r >= 0xE0100 && r <= 0xE01EF || r >= 0x180B && r <= 0x180F {
		return true
	}
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Z, r)
}

// cut shortens a text to n characters and says how many are missing.
func cut(s string, n int) string {
	total := utf8.RuneCountInString(s)
	if total <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i] + fmt.Sprintf("… (+%d characters)", total-utf8.RuneCountInString(s[:i]))
		}
		n--
	}
	return s
}

// line is an outside text made fit for one line of at most n characters.
func line(s string, n int) string { return cut(Visible(s), n) }

// foreign lists the characters of s outside ASCII, each once, with their
// numbers, so that a look-alike cannot pass for the letter it looks like.
func foreign(s string) string {
	var list []string
	for _, r := range s {
		if r < utf8.RuneSelf {
			continue
		}
		item := fmt.Sprintf("U+%04X", r)
		if !hidden(r) {
			item = string(r) + " " + item
		}
		if len(list) == 8 {
			return strings.Join(list, ", ") + ", …"
		}
		if !strings.Contains(strings.Join(list, ", "), item) {
			list = append(list, item)
		}
	}
	return strings.Join(list, ", ")
}

// visible is the last pass over a message: whatever was put into it, nothing
// in it is hidden.
func (m Message) visible() Message {
	m = m.exercised()
	m.Title = Visible(m.Title)
	parts := make([]Part, len(m.Parts))
	for n, p := range m.Parts {
		p.Text, p.Code, p.Note = VisibleLines(p.Text), VisibleLines(p.Code), Visible(p.Note)
		p.Fields, p.Lines, p.Buttons = slices.Clone(p.Fields), slices.Clone(p.Lines), slices.Clone(p.Buttons)
		for k, f := range p.Fields {
			p.Fields[k] = Field{Visible(f.Label), VisibleLines(f.Value)}
		}
		for k, l := range p.Lines {
			p.Lines[k] = Line{Mark: Visible(l.Mark), Text: Visible(l.Text), Depth: l.Depth}
		}
		for k := range p.Buttons {
			p.Buttons[k].Label, p.Buttons[k].Confirm = Visible(p.Buttons[k].Label), Visible(p.Buttons[k].Confirm)
		}
		parts[n] = p
	}
	if m.Parts != nil {
		m.Parts = parts
	}
	return m
}
