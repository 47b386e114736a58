package readiness

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// Colors of a terminal.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	reset  = "\x1b[0m"
)

// longest is the longest text that is shown to people, in characters. What is
// cut is counted; the JSON has all of it.
const longest = 400

func visible(s string) string { return timeline.Cut(timeline.Visible(s), longest) }

// Text writes the ledger for people: a line for each runbook, why it is in its
// states below it, and with few runbooks the figures as well. Nothing in it can
// steer a terminal.
func (l *Ledger) Text(w io.Writer, color bool) error {
	out := bufio.NewWriter(w)
	width, states := 0, 0
	for _, r := range l.Rows {
		width = max(width, utf8.RuneCountInString(visible(r.Runbook)))
		states = max(states, len(r.words()))
	}
	for _, r := range l.Rows {
		state := fmt.Sprintf("%-*s", states, r.words())
		if color {
			state = r.paint() + state + reset
		}
		fmt.Fprintf(out, "%s%s  %s  %s\n", visible(r.Runbook), pad(width, visible(r.Runbook)), state, visible(r.lastWords()))
		for i, reason := range r.Reasons {
			if i == shownReasons && len(l.Rows) > fewRows {
				fmt.Fprintf(out, "    and %s more; see: readiness %s\n", plural(len(r.Reasons)-i, "reason"), visible(r.Runbook))
				break
			}
			fmt.Fprintf(out, "    %s: %s%s\n", reason.State, visible(reason.Text), places(reason.Evidence))
		}
		if len(l.Rows) <= fewRows {
			for _, line := range r.figures() {
				fmt.Fprintf(out, "    %s\n", visible(line))
			}
		}
	}
	for _, f := range l.Left {
		fmt.Fprintf(out, "%s  does not compile: %s\n", visible(f.File), visible(f.Text))
	}
	for _, note := range l.Notes {
		fmt.Fprintf(out, "note: %s\n", visible(note))
	}
	fmt.Fprintf(out, "%s\n", l.summary())
	return out.Flush()
}

// How many runbooks are shown with their figures, and how many reasons without.
const (
	fewRows      = 3
	shownReasons = 4
)

func pad(width int, s string) string {
	return strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

func (r *Row) words() string { return strings.ToUpper(wordsOf(r.States)) }

func (r *Row) paint() string {
	switch r.State {
	case Fresh:
		return green
	case Drifted, Stale, Never:
		return yellow
	}
	return red
}

// lastWords tells the last rehearsal.
func (r *Row) lastWords() string {
	switch {
	case r.Last == nil && r.Script == nil:
		return "never rehearsed"
	case r.Last == nil:
		return fmt.Sprintf("rehearsed only by its script, %s in %s (%s)", r.Script.At.Format(time.DateOnly), r.Script.Incident, r.Script.Result)
	}
	return fmt.Sprintf("rehearsed %s in %s (%s)", r.Last.At.Format(time.DateOnly), r.Last.Incident, r.Last.words())
}

// words are how a rehearsal went, and who played it when that is not what the
// facts name.
func (r *Rehearsal) words() string {
	switch {
	case r.Scripted:
		return string(r.Result) + ", scripted"
	case r.Parts:
		return string(r.Result) + ", at one terminal"
	}
	return string(r.Result)
}

// places lists evidence behind a line.
func places(list []Evidence) string {
	if len(list) == 0 {
		return ""
	}
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = e.String()
	}
	return " [" + strings.Join(words, ", ") + "]"
}

// summary counts the states.
func (l *Ledger) summary() string {
	n := map[State]int{}
	for _, r := range l.Rows {
		n[r.State]++
	}
	var words []string
	for _, s := range States() {
		if n[s] > 0 {
			words = append(words, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	if len(l.Left) > 0 {
		words = append(words, fmt.Sprintf("%d that do not compile", len(l.Left)))
	}
	if len(words) == 0 {
		return "There are no runbooks."
	}
	return plural(len(l.Rows), "runbook") + ": " + strings.Join(words, ", ") + "."
}

// figures are the rest of a row, in lines.
func (r *Row) figures() []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	owner := r.Owner.Team
	for _, s := range []string{r.Owner.Contact, r.Owner.Escalate} {
		if s != "" {
			owner += ", " + s
		}
	}
	say("owner: %s; program %.12s", orDash(owner), r.Digest)
	if r.Rate.Of > 0 {
		say("did not fail: %d of the last %s", r.Rate.Passed, plural(r.Rate.Of, "rehearsal"))
	}
	never := ""
	if n := r.Steps.Never; len(n) > 0 && len(n) < r.Steps.Total {
		never = "; never rehearsed as they are: " + strings.Join(n, ", ")
	}
	say("steps exercised: %d of %d%s", r.Steps.Exercised, r.Steps.Total, never)
	for _, role := range r.Roles {
		if r.Last != nil {
			say("role %s: %s", role.Name, orNobody(role.By))
		}
	}
	for _, u := range r.Actions {
		say("action %s v%d: effects that worked: %d in rehearsals, %d live; proven live: %d", u.Action, u.Version, u.Simulated, u.Live, u.Proven)
	}
	for _, one := range []struct {
		what string
		l    Latency
		b    Budgets
	}{{"rehearsals", r.Approvals.Drills, r.Budgets.Drills}, {"live", r.Approvals.Live, r.Budgets.Live}} {
		if one.l.N > 0 {
			say("approvals, %s: %d decided, median %s, worst %s%s", one.what, one.l.N, millis(one.l.Median), millis(one.l.Worst), places([]Evidence{*one.l.At}))
		}
		if b := one.b; b != (Budgets{}) {
			say("budget, %s: kept %d, missed %d, not contained %d", one.what, b.Kept, b.Missed, b.Failed)
		}
	}
	for _, t := range r.Correctives {
		over := ""
		if t.Overdue > 0 {
			over = fmt.Sprintf(" (%s overdue)", inDays(t.Overdue))
		}
		say("to do: %s, %s by %s%s: %s%s", t.ID, t.Owner, t.Due, over, t.Text, places([]Evidence{t.Evidence}))
	}
	for _, w := range r.Waivers {
		age := ""
		if w.Since != "" {
			age = fmt.Sprintf(", in runs since %s", w.Since)
		}
		say("waiver: %s, %s, until %s%s: %s", w.place(), w.Owner, w.Expires, age, w.Reason)
	}
	for _, c := range r.Contained {
		say("contained: %s of %s, %s, for %s%s", c.Step, c.Incident, c.State, inDays(c.Days), places([]Evidence{c.Evidence}))
	}
	if p := r.Preflight; p != nil {
		say("preflight: %s, %s ago", p.Result, inDays(p.Days))
	}
	lines = append(lines, r.BreakGlass.words()...)
	for _, note := range r.Notes {
		say("note: %s", note)
	}
	return lines
}

func millis(ms int64) string { return span(time.Duration(ms) * time.Millisecond) }

func orNobody(list []string) string {
	if len(list) == 0 {
		return "nobody yet"
	}
	return strings.Join(list, ", ")
}

// Text writes the report for people. Nothing in it can steer a terminal.
func (r *Report) Text(w io.Writer, color bool) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "Review since %s: %s, %s\n", r.Since.Format(time.DateOnly), plural(r.Live, "incident"), plural(r.Drills, "rehearsal"))
	for _, s := range r.Sections {
		title := s.Title
		if color && len(s.Lines) > 0 {
			title = yellow + title + reset
		}
		if len(s.Lines) == 0 {
			fmt.Fprintf(out, "\n%s: none; %s\n", title, s.None)
			continue
		}
		fmt.Fprintf(out, "\n%s\n", title)
		for _, l := range s.Lines {
			fmt.Fprintf(out, "  %s%s\n", visible(l.words()), l.proof())
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "\nnote: %s\n", visible(note))
	}
	return out.Flush()
}

func (l Line) words() string {
	text := l.Text
	if l.Runbook != "" {
		text = l.Runbook + ": " + text
	}
	if l.Count > 1 {
		text = fmt.Sprintf("%d× %s", l.Count, text)
	}
	return text
}

func (l Line) proof() string {
	proof := places(l.Evidence)
	if l.More > 0 {
		proof = strings.TrimSuffix(proof, "]") + fmt.Sprintf(", and %d more]", l.More)
	}
	return proof
}
