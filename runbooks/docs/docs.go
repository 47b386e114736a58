package docs

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/graph"
)

// Write writes the page of a runbook. The catalog may lack an action; then the
// page says so, and tells what the program knows. Errors are those of w.
func Write(w io.Writer, p *runbooks.Program, cat runbooks.Catalog) error {
	g := &page{cat: cat}
	g.head(p)
	g.inputs(p)
	if err := g.drawing(p); err != nil {
		return err
	}
	g.line("\n## What it does, in order\n\n%s", g.summary(p))
	g.steps(p.Steps, "", 3)
	g.outputs(p)
	if len(p.OnCancel) > 0 {
		g.line("\n## When it is cancelled\n\nAfter a cancel, when nothing is in flight any more, these steps run.")
		g.steps(p.OnCancel, "C", 3)
	}
	g.waivers(p)
	g.howTo(p)
	_, err := w.Write(g.b.Bytes())
	return err
}

// page is a page on its way.
type page struct {
	b   bytes.Buffer
	cat runbooks.Catalog
}

func (g *page) line(format string, args ...any) {
	fmt.Fprintf(&g.b, format+"\n", args...)
}

func (g *page) head(p *runbooks.Program) {
	g.line("# %s\n", text(p.Title))
	if p.Description != "" {
		for line := range strings.SplitSeq(strings.TrimSpace(p.Description), "\n") {
			g.line("%s", text(line))
		}
		g.line("")
	}
	g.line("| | |\n| --- | --- |")
	row := func(name, value string) {
		if value != "" {
			g.line("| %s | %s |", name, value)
		}
	}
	row("Runbook", cell(p.ID))
	owner := []string{}
	for _, part := range []string{p.Owner.Team, p.Owner.Contact} {
		if part != "" {
			owner = append(owner, text(part))
		}
	}
	if p.Owner.Escalate != "" {
		owner = append(owner, "escalates to "+cell(p.Owner.Escalate))
	}
	row("Owner", strings.Join(owner, ", "))
	if p.Budget > 0 {
		row("Budget", "contained within "+runbooks.SpanText(p.Budget))
	}
	where := "every environment"
	if len(p.Environments) > 0 {
		where = strings.ReplaceAll(codes(p.Environments), "|", `\|`)
	}
	row("Runs in", where)
	row("Review by", text(p.ReviewBy))
	row("Digest", cell(p.Digest))
	if p.Source.Name != "" {
		row("Written from", cell(p.Source.Name)+" by `firebreak docs`; change the file, not this page")
	}
}

func (g *page) drawing(p *runbooks.Program) error {
	g.line("\n## At a glance\n")
	drawn := graph.New(p)
	var b bytes.Buffer
	if err := graph.Mermaid(&b, drawn); err != nil {
		return err
	}
	if edges(drawn.Main)+edges(drawn.Cancel) > graph.MermaidMaxEdges || b.Len() > graph.MermaidMaxText {
		g.line("This runbook is too large to be drawn here; see `firebreak graph %s --out %s.svg`.", p.ID, p.ID)
		return nil
	}
	g.line("```mermaid\n%s```", &b)
	return nil
}

func edges(f *graph.Flow) int {
	if f == nil {
		return 0
	}
	n := len(f.Edges)
	for node := range f.All() {
		if node.Inside != nil {
			n += len(node.Inside.Edges)
		}
	}
	return n
}

// summary counts what there is to be afraid of.
func (g *page) summary(p *runbooks.Program) string {
	var read, reversible, destructive, people, asked int
	n := 0
	for s := range run(p) {
		n++
		switch {
		case s.Manual != nil:
			people++
		case s.Uses == "" || s.Tells || s.Copies():
		case s.Effect == actions.Destructive:
			destructive++
		case s.Effect == actions.Reversible:
			reversible++
		default:
			read++
		}
		if s.Approval != nil {
			asked++
		}
	}
	out := []string{}
	add := func(n int, what string) {
		if n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(read, "reading")
	add(reversible, "reversible")
	add(destructive, "**destructive**")
	add(people, "by a person")
	add(asked, "with an approval")
	text := fmt.Sprintf("%s in all", count(n, "step"))
	if len(out) > 0 {
		text += ": " + strings.Join(out, ", ")
	}
	return text + "."
}

// run walks the steps that a run may come to: those of on_cancel too, at every
// level.
func run(p *runbooks.Program) iter.Seq[*runbooks.Step] {
	return func(yield func(*runbooks.Step) bool) {
		_ = walk(p.Steps, yield) && walk(p.OnCancel, yield)
	}
}

func walk(steps []runbooks.Step, yield func(*runbooks.Step) bool) bool {
	for i := range steps {
		sub := steps[i].Runbook
		if !yield(&steps[i]) || sub != nil && sub.Program != nil && !(walk(sub.Program.Steps, yield) && walk(sub.Program.OnCancel, yield)) {
			return false
		}
	}
	return true
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (g *page) outputs(p *runbooks.Program) {
	if len(p.Outputs) == 0 {
		return
	}
	g.line("\n## What it gives back\n\n| output | type | value |\n| --- | --- | --- |")
	for _, o := range p.Outputs {
		source := ""
		if o.Value != nil {
			source = o.Value.Source
		}
		g.line("| %s | %s | %s |", cell(o.Name), fieldWords(o.Field), cell(source))
	}
}

func (g *page) waivers(p *runbooks.Program) {
	if len(p.Waivers) == 0 {
		return
	}
	g.line("\n## Waivers\n\nRules of `firebreak lint` that this runbook may break, and until when.\n\n| rule | step | reason | owner | last day |\n| --- | --- | --- | --- | --- |")
	for _, w := range p.Waivers {
		step := "(the whole runbook)"
		if w.Step != "" {
			step = cell(w.Step)
		}
		g.line("| %s | %s | %s | %s | %s |", cell(w.Rule), step, text(w.Reason), cell(w.Owner), text(w.Expires))
	}
}
