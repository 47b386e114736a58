package plan

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/actions"
)

// Colors, by danger.
const (
	plain  = ""
	dim    = "\x1b[2m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// Text writes the plan for people. Color follows danger: what reads is green,
// what can be taken back yellow, what cannot red.
func (p *Plan) Text(w io.Writer, color bool) error {
	t := &text{out: bufio.NewWriter(w), color: color}
	t.head(p)
	for s := range p.All() {
		t.width = max(t.width, utf8.RuneCountInString(harmless(s.ID)))
	}
	t.steps(p.Steps)
	t.foot(p)
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

type text struct {
	out   *bufio.Writer
	color bool
	width int // of the longest id
	count int // steps so far
}

// line writes one line in a color. Its arguments are made harmless for a terminal.
func (t *text) line(color, format string, args ...any) {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = harmless(s)
		}
	}
	line := fmt.Sprintf(format, args...)
	if t.color && color != plain && line != "" {
		line = color + line + reset
	}
	t.out.WriteString(line + "\n")
}

// harmless shows characters that steer a terminal, or are not seen, by their code point.
func harmless(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(" ⏎ ")
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		}
	}
	return b.String()
}

func (t *text) head(p *Plan) {
	t.line(bold, "Plan %s of runbook %q: %s", short(p.Digest), p.Runbook, p.Title)
	place := "environment: " + p.Environment.Name
	for _, more := range []string{p.Environment.Account, p.Environment.Region} {
		if more != "" {
			place += ", " + more
		}
	}
	t.line(plain, "%s", place)
	for _, name := range slices.Sorted(maps.Keys(p.Inputs)) {
		t.line(plain, "input: %s = %s", name, fmt.Sprint(p.Inputs[name]))
	}
	if p.Budget > 0 {
		t.line(plain, "budget: contained within %s", time.Duration(p.Budget).String())
	}
	t.line(plain, "expected to take: %s", p.Duration.words())
	t.line(plain, "")
}

// steps numbers the steps of the run, and lists those inside of others under them.
func (t *text) steps(steps []Step) {
	for i := range steps {
		t.count++
		t.step(t.count, &steps[i])
		t.steps(steps[i].Steps)
		if more := steps[i].Items - len(steps[i].Steps); len(steps[i].Steps) > 0 && more > 0 {
			t.line(plain, "    and %d more items like these, which are read when it runs", more)
		}
	}
}

func (t *text) step(n int, s *Step) {
	t.line(s.color(), "%2d. %-*s  %-15s  %-11s  %s", n, t.width, s.ID, s.fateWords(), s.dangerWord(), s.doing())
	if s.Title != "" {
		t.line(plain, "    %s", s.Title)
	}
	if s.If != "" {
		t.line(plain, "    condition: %s%s", s.If, s.readingWords())
	}
	if s.Why != "" && (s.Fate != Skips || s.If == "") {
		t.line(plain, "    because: %s", s.Why)
	}
	if len(s.WaitsFor) > 0 {
		t.line(plain, "    not known yet: %s", strings.Join(s.WaitsFor, ", "))
	}
	if s.Instructions != "" {
		t.line(plain, "    to do: %s", s.Instructions)
	}
	if args := members(s.Params); args != "" {
		t.line(plain, "    with: %s", args)
	}
	if out := members(s.Outputs); out != "" {
		t.line(plain, "    read now: %s", out)
	}
	if s.Evidence {
		t.line(plain, "    collects evidence")
	}
	if s.Items > 0 {
		t.line(plain, "    items: %d", s.Items)
	} else {
		for _, target := range s.Targets {
			t.line(plain, "    target: %s%s", target.String(), inRegion(target))
		}
	}
	if s.InEffect {
		t.line(plain, "    in effect already")
	}
	for _, change := range s.Changes {
		t.line(plain, "    change: %s", change)
	}
	if len(s.Calls) > 0 {
		t.line(plain, "    calls: %s", strings.Join(s.Calls, ", "))
	}
	if s.BlastRadius != "" && s.Items == 0 {
		t.line(plain, "    blast radius: %s", s.BlastRadius)
	}
	if s.Contains > 0 {
		t.line(plain, "    contains for: %s, then people are asked", time.Duration(s.Contains).String())
	}
	for _, warning := range s.Warnings {
		t.line(yellow, "    warning: %s", warning)
	}
	if s.Effect.AtLeast(actions.Reversible) && !s.Adds && s.Fate != Skips {
		switch {
		case s.Items > 0: // each says so
		case s.UndoByHand:
			t.line(plain, "    undo: by a person")
		case s.CanUndo:
			t.line(plain, "    undo: possible")
		case s.NoUndo != "":
			t.line(red, "    undo: not possible: %s", s.NoUndo)
		default:
			t.line(red, "    undo: not possible")
		}
	}
	if s.Approval != nil {
		t.approval(s.Approval)
	}
	if s.Failure != nil && s.Failure.Message != s.Why {
		t.line(red, "    could not be read (%s): %s", string(s.Failure.Class), s.Failure.Message)
	}
}

func (t *text) approval(a *Approval) {
	floor := ""
	if a.Floor {
		floor = ", demanded by the environment"
	}
	if a.StepUp {
		floor += ", each with a signature"
	}
	if a.ForAll {
		floor += ", once for all items"
	}
	if a.Extra > 0 {
		floor += ", " + more(a.Extra) + " than usual"
	}
	t.line(plain, "    approval: %d from %s, expires after %s%s", a.Quorum, strings.Join(a.From, ", "), time.Duration(a.Expires).String(), floor)
	switch {
	case !a.Known:
		t.line(yellow, "    can approve now: not known")
	case a.Enough:
		t.line(plain, "    can approve now: %s", strings.Join(a.Eligible, ", "))
	default:
		t.line(red, "    can approve now: %d of the %d needed (%s)", len(a.Eligible), a.Quorum, orNobody(a.Eligible))
	}
	if a.BreakGlass != nil {
		t.breakGlass(a.BreakGlass, a.Known)
	}
}

func more(n int) string {
	if n == 1 {
		return "one more approver"
	}
	return fmt.Sprintf("%d more approvers", n)
}

func (t *text) foot(p *Plan) {
	fates := map[Fate]int{}
	for i := range p.Steps {
		fates[p.Steps[i].Fate]++
	}
	var parts []string
	for _, f := range []struct {
		fate  Fate
		words string
	}{{Runs, "will run"}, {Skips, "will be skipped"}, {Unknown, "not known yet"}, {Fails, "cannot run"}} {
		if n := fates[f.fate]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, f.words))
		}
	}
	t.line(plain, "")
	t.line(bold, "%s. Nothing was changed.", strings.Join(parts, ", "))
	if x := p.Extra; x != nil {
		t.line(yellow, "%s for each question than usual: %s", more(x.Approvers), x.Why)
	}
	if len(p.OnCancel) > 0 {
		t.line(plain, "after a cancel: %s", strings.Join(p.OnCancel, ", "))
	}
	for _, warning := range p.Warnings {
		t.line(red, "WARNING: %s", warning)
	}
	t.line(plain, "plan digest: %s", p.Digest)
}

func (s *Step) color() string {
	switch {
	case s.Fate == Skips:
		return dim
	case s.Fate == Fails, s.Effect == actions.Destructive:
		return red
	case s.Effect == actions.Reversible && !s.Adds:
		return yellow
	case s.Effect == actions.Read, s.Adds:
		return green
	}
	return plain
}

func (s *Step) fateWords() string {
	switch s.Fate {
	case Runs:
		return "will run"
	case Skips:
		return "will be skipped"
	case Fails:
		return "CANNOT RUN"
	}
	return "not known yet"
}

func (s *Step) dangerWord() string {
	switch {
	case s.Manual:
		return "by hand"
	case s.Wait != "":
		return "waits"
	case s.Runbook != "":
		return "runbook"
	case s.Adds:
		return "adds"
	}
	return string(s.Effect)
}

func (s *Step) doing() string {
	switch {
	case s.Manual:
		return "a person does it"
	case s.Wait != "":
		return s.Wait
	case s.Runbook != "":
		return s.Runbook
	}
	return s.Uses
}

func (s *Step) readingWords() string {
	words := make([]string, len(s.Readings))
	for i, r := range s.Readings {
		words[i] = r.Path + " = " + r.Value
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// members shows a JSON object as name = value, sorted by name.
func members(data json.RawMessage) string {
	var values map[string]json.RawMessage
	if json.Unmarshal(data, &values) != nil {
		return ""
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		words = append(words, name+" = "+string(values[name]))
	}
	return strings.Join(words, ", ")
}

func inRegion(t actions.Target) string {
	if t.Region == "" {
		return ""
	}
	return " in " + t.Region
}

func orNobody(people []string) string {
	if len(people) == 0 {
		return "nobody"
	}
	return strings.Join(people, ", ")
}

func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
