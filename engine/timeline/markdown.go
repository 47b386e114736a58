package timeline

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// page writes Markdown. Words of ours go through line, words of others
// through escape or cells, and through nothing else.
type page struct {
	out  *bufio.Writer
	days int
}

func newPage(w io.Writer) *page { return &page{out: bufio.NewWriter(w)} }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *page) title(text string) { p.line("# %s\n", escape(text)) }

func (p *page) banner(text string) { p.line("**%s**\n", escape(text)) }

func (p *page) fact(name, value string) { p.line("- %s: %s", name, escape(value)) }

func (p *page) section(name string) { p.line("\n## %s\n", name) }

func (p *page) says(text string) { p.line("\n%s", escape(text)) }

// columns begins a table.
func (p *page) columns(names ...string) {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = escape(name)
	}
	p.line("| %s |", strings.Join(words, " | "))
	p.line("|%s", strings.Repeat(" --- |", len(names)))
}

// cells is one row of a table; every cell is escaped.
func (p *page) cells(texts ...string) {
	for _, text := range texts {
		p.out.WriteString("| ")
		p.out.WriteString(escape(text))
		p.out.WriteByte(' ')
	}
	p.out.WriteString("|\n")
}

func (p *page) entry(cells []string, at int64) {
	entry := "–"
	if at >= 0 {
		entry = strconv.FormatInt(at, 10)
	}
	p.cells(append(cells, entry)...)
}

func (p *page) day(name string, columns ...string) {
	if p.days++; p.days > 1 {
		p.line("")
	}
	p.line("### %s\n", name)
	p.columns(columns...)
}

func (p *page) row(_ *Row, cells []string, entry string) { p.cells(append(cells, entry)...) }

func (p *page) end() {}

func (p *page) item(kind, where, text string) {
	if kind != "" {
		kind = "**" + escape(kind) + "**"
		if where != "" {
			where = " (" + escape(where) + ")"
		}
	} else {
		where = escape(where)
	}
	p.line("- %s%s: %s", kind, where, escape(text))
}

// block shows lines in a block that nothing in them can end.
func (p *page) block(text string) {
	p.line("")
	for line := range strings.Lines(text) {
		p.line("    %s", Visible(strings.TrimSuffix(line, "\n")))
	}
}

func (p *page) chart() error { return nil } // words only

func (p *page) close() error {
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}
