package timeline

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxHTMLCell is the longest text of a cell, in characters; what is cut is
// counted, and the JSON has all of it.
const maxHTMLCell = 4000

// lanesOnPage is how many lanes of the drawing fit on a printed page.
const lanesOnPage = 24

// sheet writes HTML: one file with nothing loaded and no script, which a reader
// may open anywhere and print. Words of others go through markup and through
// nothing else.
type sheet struct {
	out    *bufio.Writer
	record *Record
	o      Options
	anchor int64 // the last entry with an id
	open   string
	what   int // index of the cell with the sentence, in the table of a day
	header bool
}

// writeHTML writes a record as a page for a browser and for paper.
func (r *Record) writeHTML(w io.Writer, o Options) error {
	return r.tell(&sheet{out: bufio.NewWriter(w), record: r, o: o, anchor: -1}, o)
}

func (s *sheet) f(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// text is any text as markup, not longer than a cell.
func text(t string) string { return markup(Cut(Visible(t), maxHTMLCell)) }

func (s *sheet) title(title string) {
	style := pageStyle(s.record) + laneStyle
	sum := sha256.Sum256([]byte(style))
	s.f("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	s.f("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n", base64.StdEncoding.EncodeToString(sum[:]))
	s.f("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n")
	s.f("<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n<h1>%s</h1>\n", text(title), style, text(title))
	s.header = true
}

func (s *sheet) banner(words string) {
	word, rest, _ := strings.Cut(words, ".")
	word, more, _ := strings.Cut(word, ",")
	s.f("<p class=\"banner %s\"><strong>%s</strong>%s</p>\n", strings.ToLower(text(word)), text(word), text(cmp.Or(strings.TrimSpace(more), strings.TrimSpace(rest))))
}

func (s *sheet) fact(name, value string) {
	if s.open != "dl" {
		s.f("<dl>\n")
		s.open = "dl"
	}
	s.f("<div><dt>%s</dt><dd>%s</dd></div>\n", text(name), text(value))
}

// leave ends what is open.
func (s *sheet) leave() {
	switch s.open {
	case "dl":
		s.f("</dl>\n")
	case "table":
		s.f("</tbody>\n</table></div>\n")
	case "ul":
		s.f("</ul>\n")
	}
	s.open = ""
}

func (s *sheet) section(name string) {
	s.leave()
	if s.header {
		s.f("<nav aria-label=\"Parts\"><a href=\"#key-times\">Key times</a><a href=\"#chart\">Chart</a><a href=\"#actions\">Actions</a><a href=\"#approvals\">Approvals</a><a href=\"#open\">Open</a><a href=\"#timeline\">Timeline</a><a href=\"#journal-head\">Proof</a></nav>\n</header>\n<main>\n")
		s.header = false
	}
	id := strings.ReplaceAll(strings.ToLower(name), " ", "-")
	s.f("<h2 id=\"%s\">%s</h2>\n", text(id), text(name))
}

func (s *sheet) says(words string) {
	s.leave()
	s.f("<p class=\"says\">%s</p>\n", text(words))
}

func (s *sheet) columns(names ...string) {
	s.leave()
	s.f("<div class=\"t\"><table>\n<thead><tr>")
	for _, name := range names {
		if name == "" {
			s.f("<th scope=\"col\"><span class=\"vh\">How it went</span></th>")
			continue
		}
		class := ""
		if name == "Entry" {
			class = " class=\"en\""
		}
		s.f("<th scope=\"col\"%s>%s</th>", class, text(name))
	}
	s.f("</tr></thead>\n<tbody>\n")
	s.open = "table"
}

func (s *sheet) cells(texts ...string) {
	s.f("<tr>")
	for _, t := range texts {
		s.f("<td%s>%s</td>", kindOfCell(t), text(t))
	}
	s.f("</tr>\n")
}

// kindOfCell is the class of a cell by what stands in it.
func kindOfCell(t string) string {
	switch {
	case t == "–":
		return " class=\"none\""
	case len(t) == len("2006-01-02 15:04:05") && t[4] == '-' && t[10] == ' ' && t[13] == ':':
		return " class=\"at\""
	}
	longest := 0
	for word := range strings.FieldsSeq(t) {
		longest = max(longest, len(word))
	}
	switch {
	case longest <= 14:
		return " class=\"w\""
	case longest <= 30:
		return " class=\"v\""
	}
	return ""
}

func (s *sheet) entry(cells []string, at int64) {
	s.f("<tr>")
	for _, t := range cells {
		s.f("<td%s>%s</td>", kindOfCell(t), text(t))
	}
	_, hidden := slices.BinarySearchFunc(s.record.Hidden, at, func(h Hiding, seq int64) int { return cmp.Compare(h.Of, seq) })
	switch {
	case at < 0:
		s.f("<td class=\"none\">–</td>")
	case hidden:
		s.f("<td class=\"en\">%d</td>", at)
	default:
		s.f("<td class=\"en\"><a href=\"#e%d\">%d</a></td>", at, at)
	}
	s.f("</tr>\n")
}

func (s *sheet) day(name string, columns ...string) {
	s.leave()
	s.f("<h3>%s</h3>\n", text(name))
	s.columns(columns...)
	s.what = len(columns) - 4
}

func (s *sheet) row(r *Row, cells []string, entry string) {
	id := ""
	if !r.Derived && r.Seq > s.anchor {
		s.anchor = r.Seq
		id = fmt.Sprintf(" id=\"e%d\"", r.Seq)
	}
	class := string(r.Kind)
	if r.Derived {
		class = "silence"
	}
	s.f("<tr%s class=\"k-%s\">", id, text(class))
	for i, t := range cells {
		switch {
		case i == s.what && r.Corrected != nil:
			c := r.Corrected
			s.f("<td class=\"what\"><ins>✎ %s</ins><small>%s</small><del>%s</del></td>", text(c.Text), text(c.why()+". The record says:"), text(r.Text))
		case i == s.what:
			s.f("<td class=\"what\">%s</td>", text(t))
		case i == s.what-2:
			s.f("<td class=\"mk %s\">%s</td>", markClass[t], text(t))
		case i < s.what-2:
			s.f("<td class=\"at\">%s</td>", text(t))
		case i == s.what+2 && t != "–":
			s.f("<td class=\"data\">%s</td>", text(t))
		default:
			s.f("<td%s>%s</td>", kindOfCell(t), text(t))
		}
	}
	s.f("<td class=\"en\">%s</td></tr>\n", text(entry))
}

// markClass is the look of the mark of a row.
var markClass = map[string]string{"✓": "ok", "✗": "bad", "!": "doubt", "…": "going", "–": "gone", "·": "plain"}

func (s *sheet) end() { s.leave() }

func (s *sheet) item(kind, where, words string) {
	if s.open != "ul" {
		s.leave()
		s.f("<ul>\n")
		s.open = "ul"
	}
	s.f("<li>")
	if kind != "" {
		s.f("<strong>%s</strong> ", text(kind))
	}
	if where != "" {
		s.f("<code>%s</code> ", text(where))
	}
	s.f("%s</li>\n", text(words))
}

func (s *sheet) block(lines string) {
	s.leave()
	s.f("<pre>")
	for line := range strings.Lines(lines) {
		s.f("%s\n", markup(Visible(strings.TrimSuffix(line, "\n"))))
	}
	s.f("</pre>\n")
}

// chart draws the lanes, so many to a page that each fits on paper.
func (s *sheet) chart() error {
	c, err := s.record.newChart(s.o)
	if err != nil {
		return fmt.Errorf("draw the timeline: %w", err)
	}
	s.leave()
	s.f("<section class=\"drawn\" aria-labelledby=\"chart\">\n<h2 id=\"chart\">Chart</h2>\n")
	d := &drawing{Writer: s.out, chart: c, id: "l"}
	panels := c.panels(lanesOnPage)
	for i, p := range panels {
		s.f("<figure>\n")
		if len(panels) > 1 {
			s.f("<figcaption>Part %d of %d</figcaption>\n", i+1, len(panels))
		}
		d.svg(p, i == len(panels)-1, "")
		s.f("</figure>\n")
	}
	s.f("</section>\n")
	return nil
}

func (s *sheet) close() error {
	s.leave()
	s.f("</main>\n</body>\n</html>\n")
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}
