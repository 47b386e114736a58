package graph

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is s on one line, with nothing in it that is not seen or that turns
// the reading direction.
func visible(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	marks := 0
	for _, r := range s {
		if unicode.Is(unicode.Mn, r) {
			marks++
		} else {
			marks = 0
		}
		if hidden(r) && !unicode.Is(unicode.Mn, r) || marks > 3 {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r)
}

// full is all that a node says, one thing a line: for tooltips, descriptions
// and the formats that have no drawing of their own.
func (n *Node) full() []string {
	lines := []string{visible(n.Title)}
	if n.ID != "" {
		lines = append(lines, join(", ", visible(n.ID), n.word()), visible(n.Does))
	}
	for _, m := range n.Marks {
		lines = append(lines, visible(m.words()))
	}
	out := lines[:0]
	for _, l := range lines {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// split is what a node says, in a title of one line and the rest.
func (n *Node) split() (string, []string) {
	var rest []string
	for _, m := range n.Marks {
		rest = append(rest, visible(m.words()))
	}
	return visible(n.Title) + " (" + join(", ", visible(n.ID), n.word(), visible(n.Does)) + ")", rest
}

func (m Mark) words() string { return join(" ", m.Text, m.Code) }

// word is what a node does to the world, in one word.
func (n *Node) word() string {
	switch {
	case n.Kind == Action && n.Tells:
		return "tells"
	case n.Kind == Action && n.Adds:
		return "adds"
	case n.Kind == Action:
		return string(n.Effect)
	case n.Kind == Manual:
		return "person"
	case n.Kind == Start || n.Kind == End:
		return ""
	}
	return string(n.Kind)
}

// cut keeps at most n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
