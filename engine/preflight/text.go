package preflight

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/actions"
)

const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	reset  = "\x1b[0m"
)

// Text writes the report for people: a line for each step and check, behind it
// what to do next. Nothing in it can steer a terminal.
func (r *Report) Text(w io.Writer, color bool) error {
	t := &text{out: bufio.NewWriter(w), color: color}
	t.width = utf8.RuneCountInString("roles")
	for _, s := range r.Steps {
		t.width = max(t.width, utf8.RuneCountInString(harmless(s.ID)))
	}
	fmt.Fprintf(t.out, "Preflight of %s in %s, %s\n\n", harmless(r.Runbook), harmless(r.Environment), r.At.Format(time.RFC3339))
	t.checks("roles", r.Roles)
	for _, s := range r.Steps {
		t.checks(s.ID, s.Checks)
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(t.out)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(t.out, "note: "+harmless(note))
	}
	fmt.Fprintf(t.out, "\n%s Nothing was changed.\n", r.summary())
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// summary counts.
func (r *Report) summary() string {
	n := map[actions.Readiness]int{}
	for _, s := range r.Steps {
		n[s.Readiness]++
	}
	line := fmt.Sprintf("%d of %d steps are ready, %d NOT READY, %d unknown.", n[actions.Ready], len(r.Steps), n[actions.NotReady], n[actions.ReadyUnknown])
	if worst(r.Roles) == actions.NotReady {
		line += " Not every role can be used."
	}
	if r.Readiness == actions.ReadyUnknown {
		line += " What is unknown may still fail; --strict counts it as a failure."
	}
	return line
}

type text struct {
	out   *bufio.Writer
	color bool
	width int // of the first column
}

func (t *text) checks(of string, list []Check) {
	for _, c := range list {
		of = harmless(of)
		pad := strings.Repeat(" ", t.width-utf8.RuneCountInString(of))
		mark, paint := "unknown  ", yellow
		switch c.Readiness {
		case actions.Ready:
			mark, paint = "ready    ", green
		case actions.NotReady:
			mark, paint = "NOT READY", red
		}
		if t.color {
			mark = paint + mark + reset
		}
		fmt.Fprintf(t.out, "%s  %s%s  %s", mark, of, pad, harmless(c.Name))
		if c.Detail != "" {
			fmt.Fprintf(t.out, ": %s", harmless(c.Detail))
		}
		fmt.Fprintln(t.out)
		if c.Next != "" {
			fmt.Fprintf(t.out, "           %s  next: %s\n", strings.Repeat(" ", t.width), harmless(c.Next))
		}
	}
}

// harmless shows characters that steer a terminal, or are not seen, by their code
// point.
func harmless(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "<%U>", r)
		}
	}
	return b.String()
}
