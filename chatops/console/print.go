package console

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/chatops"
)

// Style is how a message is shown.
type Style struct {
	Width int  // columns to wrap at; 0: 80, below 20: 20
	Color bool // use ANSI colors
}

// Print writes a message as text.
func Print(w io.Writer, m chatops.Message, s Style) error {
	p := printer{width: max(s.Width, 20), color: s.Color}
	if s.Width == 0 {
		p.width = 80
	}
	p.message(m)
	_, err := io.WriteString(w, p.b.String())
	return err
}

type printer struct {
	b     strings.Builder
	width int
	color bool
}

// The ANSI codes in use.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	amber = "33"
)

func (p *printer) message(m chatops.Message) {
	if m.Title != "" {
		code := bold
		switch m.Tone {
		case chatops.Good:
			code += ";" + green
		case chatops.Warn:
			code += ";" + amber
		case chatops.Danger:
			code += ";" + red
		}
		p.paragraph("", chatops.Visible(m.Title), code)
	}
	for _, part := range m.Parts {
		p.part(part)
	}
	for _, f := range m.Files {
		p.paragraph("", fmt.Sprintf("file %s, %d bytes", chatops.Visible(f.Name), len(f.Data)), faint)
	}
}

func (p *printer) part(part chatops.Part) {
	switch {
	case part.Text != "":
		for l := range strings.SplitSeq(chatops.VisibleLines(part.Text), "\n") {
			p.paragraph("", l, "")
		}
	case len(part.Fields) > 0:
		p.fields(part.Fields)
	case len(part.Lines) > 0:
		for _, l := range part.Lines {
			mark := chatops.Visible(l.Mark)
			p.paragraph(strings.Repeat("  ", min(max(l.Depth, 0), 10)+1)+mark+" ", chatops.Visible(l.Text), markColor(mark))
		}
	case part.Code != "":
		for l := range strings.SplitSeq(chatops.VisibleLines(part.Code), "\n") {
			p.b.WriteString("    " + strings.ReplaceAll(l, "\t", "    ") + "\n")
		}
	case part.Note != "":
		p.paragraph("", chatops.Visible(part.Note), faint)
	}
}

func markColor(mark string) string {
	switch mark {
	case "✓":
		return green
	case "✗", "!":
		return red
	case "?", "↻":
		return amber
	case "·", "–":
		return faint
	}
	return ""
}

// fields writes labels and values in two columns.
func (p *printer) fields(fields []chatops.Field) {
	widest := 0
	for _, f := range fields {
		widest = max(widest, columns(chatops.Visible(f.Label)))
	}
	widest = min(widest, p.width/3)
	for _, f := range fields {
		label := chatops.Visible(f.Label)
		pad := max(widest-columns(label), 0)
		p.paragraph("  "+label+strings.Repeat(" ", pad)+"  ", chatops.Visible(f.Value), "")
	}
}

// paragraph writes a text after a head, wrapped, with further lines under its
// first one. A word longer than the line is kept whole, so that it can be
// copied.
func (p *printer) paragraph(head, text, code string) {
	indent := columns(head)
	text = strings.ReplaceAll(text, "\t", "    ")
	var lines []string
	current, used := "", 0
	for word := range strings.SplitSeq(text, " ") {
		n := columns(word)
		if current != "" && indent+used+1+n > p.width {
			lines = append(lines, current)
			current, used = word, n
			continue
		}
		if current != "" || used > 0 {
			current, used = current+" "+word, used+1+n
		} else {
			current, used = word, n
		}
	}
	lines = append(lines, current)
	for i, l := range lines {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		out := head + l
		if p.color && code != "" && strings.TrimSpace(out) != "" {
			out = "\x1b[" + code + "m" + out + "\x1b[0m"
		}
		p.b.WriteString(strings.TrimRight(out, " ") + "\n")
	}
}

// columns is how wide a text is on a terminal: East Asian letters and most
// pictures take two columns, marks that combine with a letter none.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r < 0x300:
			n++
		case r < 0x370, r >= 0xFE00 && r <= 0xFE0F, r >= 0x20D0 && r <= 0x20FF:
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 || r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x1F300 && r <= 0x1FAFF || r >= 0x20000 && r <= utf8.MaxRune
}
