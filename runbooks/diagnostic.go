package runbooks

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Severity says whether a file may be used.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is one mistake of an author, or a danger in what they wrote.
type Diagnostic struct {
	File     string   `json:"file"`
	Pos      Pos      `json:"pos"` // columns count characters
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // what to do
}

// Error is the diagnostic in one line: file:line:col: message [rule].
func (d Diagnostic) Error() string {
	place, rest := d.head()
	return fmt.Sprintf("%s %s [%s]", place, rest, d.Rule)
}

// head is the place, and the message with what kind it is.
func (d Diagnostic) head() (place, rest string) {
	severity := ""
	if d.Severity == SeverityWarning {
		severity = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d:", visible(d.File), d.Pos.Line, d.Pos.Col), severity + visible(d.Message)
}

// Diagnostics is everything that was found at once.
type Diagnostics []Diagnostic

// HasErrors says whether one of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// Sort orders by file, place, rule and message, and drops what is there twice.
func (ds *Diagnostics) Sort() {
	slices.SortStableFunc(*ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	*ds = slices.Compact(*ds)
}

// WriteText writes each diagnostic with its line of source, a caret and the
// hint. Sources are the files by name; without one the line is left out, and
// so it is for every rule whose name begins with secret.
func (ds Diagnostics) WriteText(w io.Writer, sources map[string][]byte) error {
	return ds.write(w, sources, plainText)
}

// WriteColor writes the same for a terminal that shows colors.
func (ds Diagnostics) WriteColor(w io.Writer, sources map[string][]byte) error {
	return ds.write(w, sources, colored)
}

// paint puts a color around a text that is harmless already.
type paint func(color, text string) string

func plainText(_, text string) string { return text }

func colored(color, text string) string { return color + text + "\x1b[0m" }

// The colors of a terminal.
const (
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
)

func (ds Diagnostics) write(w io.Writer, sources map[string][]byte, p paint) error {
	files := map[string]*source{}
	for name, src := range sources {
		files[name] = newSource(name, src)
	}
	for _, d := range ds {
		if _, err := io.WriteString(w, d.text(files[d.File], p)); err != nil {
			return err
		}
	}
	return nil
}

// longLine is how many characters of a line of source are shown.
const longLine = 160

func (d Diagnostic) text(s *source, p paint) string {
	var b strings.Builder
	place, rest := d.head()
	color := red
	if d.Severity == SeverityWarning {
		color = yellow
	}
	b.WriteString(p(bold, place) + " " + p(color, rest) + " " + p(dim, "["+d.Rule+"]") + "\n")
	quotable := !strings.HasPrefix(d.Rule, "secret") // the line may hold the secret, and output lands in logs
	if n := d.Pos.Line; s != nil && quotable && n >= 1 && n <= len(s.lines) {
		line, col := s.around(d.Pos)
		gutter := fmt.Sprintf("%4d | ", n)
		fmt.Fprintf(&b, "%s%s\n%s%s%s\n", p(dim, gutter), visible(line), p(dim, strings.Repeat(" ", len(gutter)-2)+"| "), strings.Repeat(" ", col-1), p(color, "^"))
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "       %s\n", visible(d.Hint))
	}
	return b.String()
}

// around gives the line of a place, or the part of a long one, and the column in it.
func (s *source) around(pos Pos) (string, int) {
	start, end := s.lines[pos.Line-1], len(s.src)
	if pos.Line < len(s.lines) {
		end = s.lines[pos.Line] - 1
	}
	if end > start && s.src[end-1] == '\r' {
		end--
	}
	length := s.before(end) - s.before(start)
	col := max(1, min(pos.Col, length+1))
	if length > longLine {
		from := max(0, min(col-longLine/2, length-longLine))
		start, end = s.offset(Pos{pos.Line, from + 1}), s.offset(Pos{pos.Line, from + longLine + 1})
		col -= from
	}
	return string(s.src[start:end]), col
}

// visible replaces what a terminal would obey, one sign for one sign.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || forbidden(r) || r == unicode.ReplacementChar:
			return '·'
		}
		return r
	}, s)
}
