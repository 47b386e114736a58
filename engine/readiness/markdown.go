package readiness

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// Markdown writes the ledger as a page: a table of all runbooks, and what is
// known of each. No text in it can end a cell, open a tag or mention anybody.
func (l *Ledger) Markdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Readiness on %s\n\n%s A rehearsal counts for %s.\n\n", l.At.Format(time.DateOnly), l.summary(), inDays(l.MaxAge))
	fmt.Fprint(out, "| Runbook | State | Last rehearsed | Result | Did not fail | Steps exercised | Live runs |\n|---|---|---|---|---|---|---|\n")
	for _, r := range l.Rows {
		last, result := "never", "-"
		if r.Last != nil {
			last, result = fmt.Sprintf("%s, %s", r.Last.At.Format(time.DateOnly), escape(r.Last.Incident)), r.Last.words()
		} else if r.Script != nil {
			last, result = fmt.Sprintf("only by its script, %s, %s", r.Script.At.Format(time.DateOnly), escape(r.Script.Incident)), string(r.Script.Result)
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %d of %d | %d of %d | %d |\n", escape(r.Runbook), wordsOf(r.States), last, result, r.Rate.Passed, r.Rate.Of, r.Steps.Exercised, r.Steps.Total, r.LiveRuns)
	}
	for _, r := range l.Rows {
		fmt.Fprintf(out, "\n## %s: %s\n\n%s\n\n", escape(r.Runbook), wordsOf(r.States), escape(r.Title))
		for _, reason := range r.Reasons {
			fmt.Fprintf(out, "- **%s**: %s%s\n", reason.State, escape(reason.Text), escape(places(reason.Evidence)))
		}
		for _, line := range r.figures() {
			fmt.Fprintf(out, "- %s\n", escape(line))
		}
	}
	if len(l.Left) > 0 {
		fmt.Fprint(out, "\n## Does not compile\n\n")
	}
	for _, f := range l.Left {
		fmt.Fprintf(out, "- %s: %s\n", escape(f.File), escape(f.Text))
	}
	for _, note := range l.Notes {
		fmt.Fprintf(out, "\n%s.\n", escape(strings.TrimSuffix(note, ".")))
	}
	return out.Flush()
}

// Markdown writes the report as a page, with the facts behind each line.
func (r *Report) Markdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Review of %s to %s\n\n%s and %s. Each line names the facts that it rests on, by incident and place in its journal.\n",
		r.Since.Format(time.DateOnly), r.At.Format(time.DateOnly), plural(r.Live, "incident"), plural(r.Drills, "rehearsal"))
	for _, s := range r.Sections {
		fmt.Fprintf(out, "\n## %s\n\n", s.Title)
		if len(s.Lines) == 0 {
			fmt.Fprintf(out, "None: %s.\n", s.None)
		}
		for _, l := range s.Lines {
			fmt.Fprintf(out, "- %s%s\n", escape(l.words()), escape(l.proof()))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "\n%s.\n", escape(strings.TrimSuffix(note, ".")))
	}
	return out.Flush()
}

func escape(s string) string { return timeline.Markdown(s, longest) }
