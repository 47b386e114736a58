package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/report"
)

// The formats in which findings are written.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatSARIF  = "sarif"
	formatGitHub = "github"
)

func (p *program) lintCommand() *cobra.Command {
	var format, explain string
	var rules bool
	formats := []string{formatText, formatJSON, formatSARIF, formatGitHub}
	c := &cobra.Command{
		Use:   "lint [FILE|FOLDER ...]",
		Short: "Check runbooks: form, types, and rules against danger",
		Long: `Check runbooks and say everything that is wrong at once, each with file, line and
column and what to do about it. Without arguments the runbooks of the
configuration are checked, else the embedded library. With a configuration the
people and groups of approvals are checked, too.

--rules lists the rules against danger, --explain RULE shows one with examples.
--format json, sarif (for code scanning) and github (marks the lines of a pull
request in GitHub Actions) write for programs; --json is --format json.

Exit codes: 0 nothing wrong (there may be warnings), 1 errors, 2 usage.`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case !slices.Contains(formats, format):
				return usage("there is no format %q; known: %s", format, strings.Join(formats, ", "))
			case p.json && c.Flags().Changed("format") && format != formatJSON:
				return usage("--json and --format %s do not fit together", format)
			case (rules || explain != "") && (len(args) > 0 || rules && explain != "" || c.Flags().Changed("format")):
				return usage("--rules and --explain stand alone; with --json they write JSON")
			case rules:
				return p.listRules()
			case c.Flags().Changed("explain"):
				return p.explain(explain)
			}
			if p.json {
				format = formatJSON
			}
			cfg, err := p.loadIfThere()
			if err != nil {
				return err
			}
			l, err := p.lint(cfg, args)
			if err != nil {
				return err
			}
			if err := l.write(p.out, format, p.style().Color); err != nil {
				return err
			}
			if l.faults.HasErrors() {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", formatText, "how to write: "+strings.Join(formats, ", "))
	c.Flags().BoolVar(&rules, "rules", false, "list the rules against danger")
	c.Flags().StringVar(&explain, "explain", "", "explain a `RULE` with examples")
	for flag, words := range map[string][]string{"format": formats, "explain": ruleNames()} {
		if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic("firebreak: the flag --" + flag + " is not there: " + err.Error())
		}
	}
	return c
}

// loadIfThere reads the configuration when there is one. An explicit one must exist.
func (p *program) loadIfThere() (*config.Config, error) {
	if _, err := config.Find(p.config); err != nil && p.config == "" && os.Getenv(config.Variable) == "" {
		return nil, nil
	}
	return p.load()
}

// linted is what was found in all the runbooks that were asked about.
type linted struct {
	faults  runbooks.Diagnostics
	waived  []lint.Waived
	sources map[string][]byte
	n       int // runbooks that were looked at
}

func (l *linted) write(w io.Writer, format string, color bool) error {
	switch format {
	case formatJSON:
		return report.JSON(w, l.faults)
	case formatGitHub:
		return report.GitHub(w, l.faults)
	case formatSARIF:
		return report.SARIF(w, report.Log{Version: buildVersion(), Rules: explained(), Found: l.faults, Suppressed: l.suppressed()})
	}
	to := l.faults.WriteText
	if color {
		to = l.faults.WriteColor
	}
	if err := to(w, l.sources); err != nil {
		return err
	}
	if len(l.faults) > 0 {
		return nil
	}
	waived := ""
	if n := len(l.suppressed()); n > 0 {
		waived = fmt.Sprintf(" (%s waived)", count(n, "finding"))
	}
	_, err := fmt.Fprintf(w, "%s, nothing wrong%s\n", count(l.n, "runbook"), waived)
	return err
}

// suppressed lists what waivers cover.
func (l *linted) suppressed() []report.Suppressed {
	var out []report.Suppressed
	for _, w := range l.waived {
		for _, d := range w.Findings {
			out = append(out, report.Suppressed{Diagnostic: d, Reason: fmt.Sprintf("waived by %s until %s: %s", w.Waiver.Owner, w.Waiver.Expires, w.Waiver.Reason)})
		}
	}
	return out
}

func (p *program) lint(cfg *config.Config, args []string) (*linted, error) {
	registry := app.Registry(cfg, app.Options{}, nil)
	if len(args) == 0 && cfg != nil {
		programs, faults, sources := app.Programs(cfg, registry)
		return &linted{faults: faults, sources: sources, n: len(programs)}, nil
	}
	l := &linted{sources: map[string][]byte{}}
	check := func(name string, src []byte) {
		_, found, waived := app.Inspect(name, src, registry, cfg)
		l.sources[name] = src
		l.faults, l.waived = append(l.faults, found...), append(l.waived, waived...)
	}
	if len(args) == 0 {
		for _, e := range library.List() {
			check("library/"+e.Name, e.Source)
		}
	}
	for _, arg := range args {
		files, err := app.Files(arg)
		if err != nil {
			return nil, usage("%s: %w", arg, err)
		}
		if len(files) == 0 {
			return nil, usage("%s: there is no .yaml file in this folder", arg)
		}
		for _, file := range files {
			if _, twice := l.sources[file]; twice {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read a runbook: %w", err)
			}
			check(file, src)
		}
	}
	l.faults.Sort()
	l.n = len(l.sources)
	return l, nil
}
