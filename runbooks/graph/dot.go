package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// DOT writes the graph for Graphviz. Errors are those of w.
func DOT(w io.Writer, g *Graph) error {
	d := &dot{Writer: bufio.NewWriter(w)}
	d.line("digraph %s {", quote(g.ID))
	d.line("  graph [compound=true, rankdir=TB, fontname=\"Helvetica\", labelloc=t, label=%s];", quote(visible(g.Title)))
	d.line("  node [shape=box, style=\"filled\", fillcolor=\"#ffffff\", fontname=\"Helvetica\", fontsize=11];")
	d.line("  edge [color=\"#555555\"];")
	d.flow(g.Main, "  ")
	if g.Cancel != nil {
		d.line("  subgraph cluster_cancel {")
		d.line("    graph [style=dashed, label=\"On cancel\"];")
		d.flow(g.Cancel, "    ")
		d.line("  }")
	}
	d.line("}")
	return d.Flush()
}

type dot struct {
	*bufio.Writer
	n int // of names given
}

func (d *dot) line(format string, args ...any) {
	fmt.Fprintf(d.Writer, format+"\n", args...) // the first error of a bufio.Writer stays until Flush
}

// quote makes a quoted string.
func quote(s string) string { return `"` + dotText(s) + `"` }

// dotText is text inside quotes. A backslash is doubled, because a label would
// read \N as the name of the node.
func dotText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// dotLabel ends each line with \l, a line break that keeps left.
func dotLabel(n *Node) string {
	var b strings.Builder
	for _, l := range n.full() {
		b.WriteString(dotText(cut(l, longestLine)) + `\l`)
	}
	return `"` + b.String() + `"`
}

// flow writes the nodes and edges. A frame has two points inside that stand
// for it, since Graphviz draws edges between nodes only.
func (d *dot) flow(f *Flow, indent string) []string {
	in, out, names := make([]string, len(f.Nodes)), make([]string, len(f.Nodes)), make([]string, len(f.Nodes))
	for i := range f.Nodes {
		n := &f.Nodes[i]
		d.n++
		name := fmt.Sprintf("n%d", d.n)
		names[i], in[i], out[i] = name, name, name
		if n.Kind != Runbook {
			d.line("%s%s [%s, label=%s];", indent, name, dotShape(n), dotLabel(n))
			continue
		}
		in[i], out[i] = name+"_in", name+"_out"
		d.line("%ssubgraph cluster_%s {", indent, name)
		d.line("%s  graph [style=solid, label=%s];", indent, dotLabel(n))
		d.line("%s  %s [shape=point, style=invis];", indent, in[i])
		d.line("%s  %s [shape=point, style=invis];", indent, out[i])
		for _, inner := range d.flow(n.Inside, indent+"  ") {
			d.line("%s  %s -> %s [style=invis];", indent, in[i], inner)
			d.line("%s  %s -> %s [style=invis];", indent, inner, out[i])
		}
		d.line("%s}", indent)
	}
	for _, e := range f.Edges {
		attrs := ""
		if f.Nodes[e.From].Kind == Runbook {
			attrs = "ltail=cluster_" + names[e.From]
		}
		if f.Nodes[e.To].Kind == Runbook {
			attrs = join(", ", attrs, "lhead=cluster_"+names[e.To])
		}
		if attrs != "" {
			attrs = " [" + attrs + "]"
		}
		d.line("%s%s -> %s%s;", indent, out[e.From], in[e.To], attrs)
	}
	var plain []string
	for i := range f.Nodes {
		if f.Nodes[i].Kind != Runbook {
			plain = append(plain, names[i])
		}
	}
	return plain
}

// dotShape tells kinds and effects apart without color.
func dotShape(n *Node) string {
	switch {
	case n.Kind == Start || n.Kind == End:
		return "shape=oval"
	case n.Kind == Manual:
		return "shape=folder, fillcolor=\"#f3eefc\", color=\"#6b4fa0\""
	case n.Kind == Wait:
		return "shape=box, style=\"filled,dashed\", fillcolor=\"#f2f2f2\", color=\"#666666\""
	case n.Tells:
		return "shape=note, fillcolor=\"#eaf6ef\", color=\"#2e7d4f\""
	case n.Effect == actions.Destructive:
		return "shape=octagon, penwidth=3, fillcolor=\"#fdeaea\", color=\"#b3261e\""
	case n.Effect == actions.Reversible:
		return "shape=box, peripheries=2, fillcolor=\"#fff6e0\", color=\"#b07a00\""
	}
	return "shape=box, fillcolor=\"#eef4fb\", color=\"#3572b0\""
}
