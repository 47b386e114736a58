package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/firebreak-ir/firebreak/actions"
)

// What Mermaid draws at most with its own settings. A larger graph has to be
// drawn as SVG.
const (
	MermaidMaxEdges = 500
	MermaidMaxText  = 50_000 // bytes
)

// longestLine bounds one line of a label, where no layout wraps it.
const longestLine = 120

// Mermaid writes a flowchart for wikis and Git forges that draw them. Errors
// are those of w.
func Mermaid(w io.Writer, g *Graph) error {
	m := &mermaid{Writer: bufio.NewWriter(w), classes: map[string][]string{}}
	m.line("flowchart TB")
	m.flow(g.Main, "  ")
	if g.Cancel != nil {
		m.line("  subgraph cancel[\"On cancel\"]")
		m.line("    direction TB")
		m.flow(g.Cancel, "    ")
		m.line("  end")
		m.line("  style cancel stroke-dasharray:6 4")
	}
	for _, c := range mermaidClasses() {
		if ids := m.classes[c.name]; len(ids) > 0 {
			m.line("  classDef %s %s", c.name, c.style)
			m.line("  class %s %s", strings.Join(ids, ","), c.name)
		}
	}
	return m.Flush()
}

type mermaid struct {
	*bufio.Writer
	n       int // of names given
	classes map[string][]string
}

func (m *mermaid) line(format string, args ...any) {
	fmt.Fprintf(m.Writer, format+"\n", args...) // the first error of a bufio.Writer stays until Flush
}

// mermaidClasses are the looks of nodes. The text is dark on light in every
// theme, because a wiki's theme is not known.
func mermaidClasses() []struct{ name, style string } {
	return []struct{ name, style string }{
		{"read", "fill:#eef4fb,stroke:#3572b0,color:#111"},
		{"reversible", "fill:#fff6e0,stroke:#b07a00,stroke-width:2px,color:#111"},
		{"destructive", "fill:#fdeaea,stroke:#b3261e,stroke-width:4px,color:#111"},
		{"person", "fill:#f3eefc,stroke:#6b4fa0,color:#111"},
		{"wait", "fill:#f2f2f2,stroke:#666,color:#111"},
		{"tells", "fill:#eaf6ef,stroke:#2e7d4f,color:#111"},
	}
}

func (m *mermaid) flow(f *Flow, indent string) {
	names := make([]string, len(f.Nodes))
	for i := range f.Nodes {
		n := &f.Nodes[i]
		m.n++
		names[i] = fmt.Sprintf("n%d", m.n)
		if n.Kind == Runbook {
			head, notes := n.split() // a title of several lines would lie on what is inside
			m.line("%ssubgraph %s[\"%s\"]", indent, names[i], mermaidLabel([]string{head}))
			m.line("%s  direction TB", indent)
			if len(notes) > 0 {
				m.line("%s  %snotes(\"%s\")", indent, names[i], mermaidLabel(notes))
				m.line("%s  style %snotes stroke-dasharray:3 3", indent, names[i])
			}
			m.flow(n.Inside, indent+"  ")
			m.line("%send", indent)
			continue
		}
		before, after := mermaidShape(n)
		m.line("%s%s%s\"%s\"%s", indent, names[i], before, mermaidLabel(n.full()), after)
		if w := n.word(); w != "" {
			m.classes[w] = append(m.classes[w], names[i])
		}
	}
	for _, e := range f.Edges {
		m.line("%s%s --> %s", indent, names[e.From], names[e.To])
	}
}

// mermaidShape tells kinds and effects apart without color.
func mermaidShape(n *Node) (string, string) {
	switch {
	case n.Kind == Start || n.Kind == End:
		return "([", "])"
	case n.Kind == Manual:
		return "[/", "/]"
	case n.Kind == Wait || n.Tells:
		return "(", ")"
	case n.Effect == actions.Destructive:
		return "{{", "}}"
	case n.Effect == actions.Reversible:
		return "[[", "]]"
	}
	return "[", "]"
}

func mermaidLabel(lines []string) string {
	for i, l := range lines {
		lines[i] = mermaidText(cut(l, longestLine))
	}
	return strings.Join(lines, "<br/>")
}

// mermaidText writes text as Mermaid's entity codes, all but letters, digits
// and what means nothing to its parser, its Markdown and its HTML. A colon is
// one of them: a line with "style", a colon and a # loses its last semicolon.
// So are a dot behind a digit and a dash at the beginning, which make lists.
func mermaidText(s string) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		list := r == '.' && unicode.IsDigit(before) || r == '-' && i == 0
		if !list && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,-_/()=!;…", r)) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
		before = r
	}
	return b.String()
}
