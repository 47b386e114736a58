package cases

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// storyLines is how many lines of a story are shown with a failure.
const storyLines = 12

// Tell writes one line for the file, every failure with the end of its story,
// and what was never seen, which a case that failed may explain. Verbose: every case with its whole story.
func (r *Result) Tell(w io.Writer, verbose bool) error {
	var b strings.Builder
	word := "ok   "
	if !r.OK() {
		word = "FAIL "
	}
	fmt.Fprintf(&b, "%s %s: %s", word, r.File, plural(len(r.Cases), "case"))
	if n := r.Failed(); n > 0 {
		fmt.Fprintf(&b, ", %d failed", n)
	}
	ran, steps := r.Coverage.Ran()
	taken, sides := r.Coverage.Taken()
	fmt.Fprintf(&b, ", steps %d/%d, branches %d/%d\n", ran, steps, taken, sides)
	for _, c := range r.Cases {
		if len(c.Failures) > 0 || verbose {
			c.tell(&b, r.File, verbose)
		}
	}
	for _, m := range r.Coverage.Missing() {
		fmt.Fprintf(&b, "      %s\n", m)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "      %s\n", f)
	}
	_, err := io.WriteString(w, clean(b.String()))
	return err
}

func (c *Case) tell(b *strings.Builder, file string, verbose bool) {
	word, story := "ok   ", c.Story
	if len(c.Failures) > 0 {
		word = "FAIL "
	}
	fmt.Fprintf(b, "  %s %s:%d: %s (%s of virtual time)\n", word, file, c.Pos.Line, c.Name, time.Duration(c.Took))
	for _, f := range c.Failures {
		fmt.Fprintf(b, "        %s:%d: %s\n", file, f.Pos.Line, f)
	}
	if !verbose && len(story) > storyLines {
		fmt.Fprintf(b, "        | (%d lines before)\n", len(story)-storyLines)
		story = story[len(story)-storyLines:]
	}
	for _, l := range story {
		fmt.Fprintf(b, "        | %s\n", l)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// clean replaces what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return '·'
		}
		return r
	}, s)
}
