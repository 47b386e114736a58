package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/engine/preflight"
	"github.com/firebreak-ir/firebreak/engine/readiness"
)

func (p *program) readinessCommand() *cobra.Command {
	var failOn, at, found string
	var md bool
	c := &cobra.Command{
		Use:   "readiness [RUNBOOK ...]",
		Short: "Say which runbooks were rehearsed, and what has changed since",
		Long: `Say for each runbook how ready it is, from the journals of incidents and of
exercises and from what the runbooks and the directory are today:

  blocked   an approval cannot be given by the people there are, or a broken
            glass could be reviewed by none of them
  failing   the last rehearsal failed, or too few of the last ones passed
  orphaned  nobody of the directory answers for it
  never     no rehearsal of it counts: none came to its end with people in it
  drifted   it is not what was rehearsed: which steps, and what about them
  stale     the last rehearsal is older than readiness.max_age (180d)
  fresh     none of these

A change of comments or layout is no drift; a changed action, a changed runbook
that is called, and people who joined or left a group that is asked are. With one
to three runbooks the figures are shown as well. Behind each line stand the facts
that it rests on, by incident and place in its journal.

A rehearsal that only its script played shows that the runbook works, not that
people do: it counts with readiness.count_scripted of the configuration alone.

--fail-on names the states with which the exit code is 1, for CI; "any" is every
one but fresh. Without it, readiness.fail_on of the configuration counts.

--at shows the journals as they were at the end of a day (UTC), beside the runbooks of
today; with a day to come, what will be stale then.

Exit codes: 0 nothing to fail on, 1 a runbook is in a state of --fail-on, or a
journal cannot be read, 2 usage, 10 or 20 a journal is damaged or altered (see
firebreak verify).`,
		Args: words(0, -1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.runbookIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if md && p.json {
				return usage("--md and --json do not go together")
			}
			given, err := readiness.ParseStates(failOn)
			if err != nil {
				return usage("--fail-on: %w", err)
			}
			in, err := p.readinessInput(c.Context(), at)
			if err != nil {
				return err
			}
			if in.Preflight, err = readPreflight(found); err != nil {
				return err
			}
			l := readiness.Make(in.Input)
			if err := l.Only(args); err != nil {
				return usage("%w", err)
			}
			if !c.Flags().Changed("fail-on") {
				if given, err = readiness.ParseStates(strings.Join(in.failOn, ",")); err != nil {
					return err
				}
			}
			err = p.write(l, func(w io.Writer) error {
				if md {
					return l.Markdown(w)
				}
				return l.Text(w, p.style().Color)
			})
			if bad := l.Failing(given); err == nil && len(bad) > 0 {
				err = &exit{exitFailed, fmt.Errorf("not ready: %s", strings.Join(bad, ", "))}
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&failOn, "fail-on", "", "states that make the exit code 1: stale,drifted,... or any")
	f.BoolVar(&md, "md", false, "write Markdown")
	f.StringVar(&at, "at", "", "as of this day: 2027-03-31")
	f.StringVar(&found, "preflight", "", "`FILE` with what firebreak doctor --preflight all --json found")
	return c
}

// gathered is an input, and what the configuration fails on.
type gathered struct {
	readiness.Input
	failOn []string
}

// readinessInput reads the journals and the runbooks. At "" it is as of now.
func (p *program) readinessInput(ctx context.Context, at string) (gathered, error) {
	var none gathered
	var when time.Time
	if at != "" {
		day, err := time.Parse(time.DateOnly, at)
		if err != nil {
			return none, usage("--at takes a day, such as 2027-03-31, not %q", at)
		}
		when = day.Add(24*time.Hour - time.Microsecond)
	}
	cfg, err := p.load()
	if err != nil {
		return none, err
	}
	records, done, err := p.records(ctx, cfg)
	if err != nil {
		return none, err
	}
	defer done()
	in, err := app.Readiness(ctx, cfg, app.LoadShelf(cfg, app.Registry(cfg, app.Options{}, nil)), records, when)
	return gathered{in, cfg.Readiness.FailOn}, err
}

// readPreflight reads the reports of a preflight; of several environments the
// worst counts.
func readPreflight(file string) (map[string]readiness.Preflight, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read what the preflight found: %w", err)
	}
	var reports []preflight.Report
	if data = []byte(strings.TrimSpace(string(data))); len(data) > 0 && data[0] == '{' {
		data = []byte("[" + string(data) + "]")
	}
	if err := json.Unmarshal(data, &reports); err != nil {
		return nil, usage("%s is not what firebreak doctor --preflight all --json writes: %w", file, err)
	}
	list := map[string]readiness.Preflight{}
	for _, r := range reports {
		one := readiness.Preflight{At: r.At, Result: string(r.Readiness)}
		if old, twice := list[r.Runbook]; twice {
			one.Result = string(preflight.Worst(actions.Readiness(old.Result), r.Readiness))
			if cmp.Compare(old.At.UnixNano(), one.At.UnixNano()) < 0 {
				one.At = old.At
			}
		}
		list[r.Runbook] = one
	}
	return list, nil
}
