package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// Markdown writes the report for a forge or a wiki. No text of a person can end
// a cell, open a tag, mention anybody or become a link.
func (r *Report) Markdown(w io.Writer) error { return writeMarkdown(w, r.document()) }

func writeMarkdown(w io.Writer, d *document) error {
	b := &markdown{bufio.NewWriter(w)}
	if d.Banner != "" {
		b.lines("> **" + escape(d.Banner) + "**")
	}
	b.lines("# "+escape(d.Title), escape(d.Kicker)+" · "+escape(d.Sub))
	if d.Verdict != nil {
		b.lines("**Outcome: " + escape(d.Verdict.Text) + "**")
		for _, why := range d.Why {
			b.put("- ", escape(why), "\n")
		}
		if len(d.Why) > 0 {
			b.put("\n")
		}
	}
	for _, p := range d.Pairs {
		b.put("- ", escape(p.Name), ": ", b.cell(p.cell), "\n")
	}
	if len(d.Pairs) > 0 {
		b.put("\n")
	}
	for _, s := range d.Sections {
		title := escape(s.Title)
		if s.N > 0 {
			title = strconv.Itoa(s.N) + ". " + title
		}
		b.lines("## " + title)
		for _, one := range s.Blocks {
			b.block(one)
		}
	}
	if d.Banner != "" {
		b.lines("> **" + escape(d.Banner) + "**")
	}
	return b.Flush()
}

type markdown struct{ *bufio.Writer }

// put writes; the first error of a bufio.Writer stays until Flush.
func (b *markdown) put(parts ...string) {
	for _, p := range parts {
		_, _ = b.WriteString(p)
	}
}

// lines writes paragraphs.
func (b *markdown) lines(list ...string) {
	for _, l := range list {
		b.put(l, "\n\n")
	}
}

func (b *markdown) block(x block) {
	switch x.Kind {
	case kindText:
		b.lines(escape(x.Text))
	case kindQuote:
		for line := range strings.SplitSeq(quoted(x.Text), "\n") {
			b.put(strings.TrimRight("> "+timeline.Markdown(line, maxQuote), " "), "  \n")
		}
		b.put("\n")
	case kindHead:
		title := "### " + escape(x.Text)
		if x.Badge != nil {
			title += " (" + escape(x.Badge.Text) + ")"
		}
		b.lines(title)
	case kindList:
		for _, i := range x.Items {
			mark := map[string]string{"+": "**Strength.** ", "-": "**To improve.** "}[i.Mark]
			b.put("- ", mark, escape(i.Text), "\n")
		}
		b.put("\n")
	case kindFigures:
		b.table(x.Title, figureTable(x.Figures))
	case kindPairs:
		for _, p := range x.Pairs {
			b.put("- ", escape(p.Name), ": ", b.cell(p.cell), "\n")
		}
		b.put("\n")
	case kindTable:
		b.table(x.Title, x.Table)
	case kindSign:
		for _, i := range x.Items {
			b.put("- ", escape(i.Text), ": \\_\\_\\_\\_\\_\\_\\_\\_\\_\\_\\_\\_\\_\\_\\_\\_ date \\_\\_\\_\\_\\_\\_\\_\\_\n")
		}
		b.put("\n")
	}
}

func figureTable(list []figure) *table {
	t := &table{Heads: heads("Figure", "Value")}
	for _, f := range list {
		t.Rows = append(t.Rows, []cell{text(f.Name), with(f.Value, f.Note)})
	}
	return t
}

func (b *markdown) table(title string, t *table) {
	if title != "" {
		b.lines("### " + escape(title))
	}
	if len(t.Rows) == 0 {
		b.lines(escape(t.Empty))
		return
	}
	for _, h := range t.Heads {
		b.put("| ", escape(h.Text), " ")
	}
	b.put("|\n")
	for _, h := range t.Heads {
		if h.Num {
			b.put("| ---: ")
		} else {
			b.put("| --- ")
		}
	}
	b.put("|\n")
	for _, row := range t.Rows {
		for _, c := range row {
			b.put("| ", b.cell(c), " ")
		}
		b.put("|\n")
	}
	b.put("\n")
}

func (b *markdown) cell(c cell) string {
	s := escape(c.Text)
	switch {
	case c.Text == "":
		return escape(c.Sub)
	case c.Sub != "":
		s += " (" + escape(c.Sub) + ")"
	}
	return s
}

func escape(s string) string { return timeline.Markdown(s, maxCell) }
