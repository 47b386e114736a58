package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/engine/readiness"
)

func (p *program) reviewCommand() *cobra.Command {
	var since, out string
	var md bool
	c := &cobra.Command{
		Use:   "review",
		Short: "Write what a review of the last months has to talk about",
		Long: `Write what incidents and exercises have shown about the controls: which drift,
which exceptions never ended, which nobody owns, which were never measured, where
people waited longest, where one person broke the glass and what was found about
that, what was refused, in doubt, retried or missed, which corrective actions are
overdue, which runbooks nobody uses. Each line names the facts that it rests on, by
incident and place in its journal.

Drift, exceptions, owners, what was never measured and which broken glass nobody
has reviewed are as of now; the rest is what happened since.

Exit codes: 0 written, 1 a journal cannot be read, 2 usage, 10 or 20 a journal is
damaged or altered (see firebreak verify).`,
		Args: words(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if md && p.json {
				return usage("--md and --json do not go together")
			}
			age, err := sinceOf(since)
			if err != nil {
				return err
			}
			in, err := p.readinessInput(c.Context(), "")
			if err != nil {
				return err
			}
			r := readiness.Review(in.Input, age(in.Now))
			var b bytes.Buffer
			switch {
			case p.json:
				e := json.NewEncoder(&b)
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				err = e.Encode(r)
			case md:
				err = r.Markdown(&b)
			default:
				err = r.Text(&b, out == "" && p.style().Color)
			}
			if err != nil {
				return err
			}
			if out == "" || out == "-" {
				_, err = p.out.Write(b.Bytes())
				return err
			}
			if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
				return fmt.Errorf("write the review: %w", err)
			}
			fmt.Fprintf(p.err, "wrote %s\n", out)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&since, "since", "90d", "how far to look back: 90d, or a day such as 2027-01-01")
	f.BoolVar(&md, "md", false, "write Markdown")
	f.StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

var daysBack = regexp.MustCompile(`^([1-9][0-9]{0,4})d$`)

// sinceOf reads a number of days, or a day.
func sinceOf(text string) (func(now time.Time) time.Time, error) {
	if m := daysBack.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // the form holds digits only
		return func(now time.Time) time.Time { return now.AddDate(0, 0, -n) }, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, usage("--since takes a number of days (90d) or a day (2027-01-01), not %q", text)
	}
	return func(time.Time) time.Time { return day }, nil
}
