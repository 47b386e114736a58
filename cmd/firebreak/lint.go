package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
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
			shelf, err := p.lint(cfg, args)
			if err != nil {
				return err
			}
			if err := p.report(shelf, format); err != nil {
				return err
			}
			if shelf.Faults.HasErrors() {
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

// report writes what was found in a format.
func (p *program) report(shelf app.Shelf, format string) error {
	switch format {
	case formatJSON:
		return report.JSON(p.out, shelf.Faults)
	case formatGitHub:
		return report.GitHub(p.out, shelf.Faults)
	case formatSARIF:
		return report.SARIF(p.out, report.Log{Version: app.Version(), Rules: explained(), Found: shelf.Faults, Suppressed: suppressed(shelf.Waived)})
	}
	write := shelf.Faults.WriteText
	if p.style().Color {
		write = shelf.Faults.WriteColor
	}
	if err := write(p.out, shelf.Sources); err != nil {
		return err
	}
	if len(shelf.Faults) > 0 {
		return nil
	}
	waived := ""
	if n := len(suppressed(shelf.Waived)); n > 0 {
		waived = fmt.Sprintf(" (%s waived)", count(n, "finding"))
	}
	looked := count(len(shelf.Programs), "runbook")
	if n := len(shelf.Scenarios); n > 0 && len(shelf.Programs) == 0 {
		looked = count(n, "scenario")
	} else if n > 0 {
		looked += " and " + count(n, "scenario")
	}
	_, err := fmt.Fprintf(p.out, "%s, nothing wrong%s\n", looked, waived)
	return err
}

// suppressed lists what waivers cover.
func suppressed(waived []lint.Waived) []report.Suppressed {
	var out []report.Suppressed
	for _, w := range waived {
		for _, d := range w.Findings {
			out = append(out, report.Suppressed{Diagnostic: d, Reason: fmt.Sprintf("waived by %s until %s: %s", w.Waiver.Owner, w.Waiver.Expires, w.Waiver.Reason)})
		}
	}
	return out
}

// lint loads what the arguments name, else the runbooks of the configuration,
// else the library. Files may call those of the configuration, or of the library.
func (p *program) lint(cfg *config.Config, args []string) (app.Shelf, error) {
	registry := app.Registry(cfg, app.Options{}, nil)
	switch {
	case len(args) == 0 && cfg == nil:
		return app.LoadFiles(app.LibraryFiles(), registry, nil), nil
	case len(args) == 0:
		return app.LoadShelf(cfg, registry), nil
	}
	books := &shelf{p: p, cfg: cfg, registry: registry}
	var files []runbooks.File
	seen := map[string]bool{}
	for _, arg := range args {
		names, err := app.Files(arg)
		if err != nil {
			return app.Shelf{}, usage("%s: %w", arg, err)
		}
		if len(names) == 0 {
			return app.Shelf{}, usage("%s: there is no .yaml file in this folder", arg)
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			src, err := os.ReadFile(name)
			if err != nil {
				return app.Shelf{}, fmt.Errorf("read a runbook: %w", err)
			}
			files = append(files, runbooks.File{Name: name, Src: src})
		}
	}
	return app.LoadFiles(files, registry, cfg, books.callable(slices.Sorted(maps.Keys(seen))...)...), nil
}
