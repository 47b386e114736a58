package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

func (p *program) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [FILE|FOLDER ...]",
		Short: "Check runbooks: form, types, and rules against danger",
		Long: `Check runbooks and say everything that is wrong at once, each with file, line and
column and what to do about it. Without arguments the runbooks of the
configuration are checked, else the embedded library. With a configuration the
groups of approvals are checked, too.

Exit codes: 0 nothing wrong (there may be warnings), 1 errors, 2 usage.`,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := p.loadIfThere()
			if err != nil {
				return err
			}
			faults, sources, n, err := p.lint(cfg, args)
			if err != nil {
				return err
			}
			err = p.write(faults, func(w io.Writer) error {
				if err := faults.WriteText(w, sources); err != nil {
					return err
				}
				if len(faults) == 0 {
					fmt.Fprintf(w, "%s, nothing wrong\n", count(n, "runbook"))
				}
				return nil
			})
			if err == nil && faults.HasErrors() {
				err = &exit{code: exitFailed}
			}
			return err
		},
	}
}

// loadIfThere reads the configuration when there is one. An explicit one must exist.
func (p *program) loadIfThere() (*config.Config, error) {
	if _, err := config.Find(p.config); err != nil && p.config == "" && os.Getenv(config.Variable) == "" {
		return nil, nil
	}
	return p.load()
}

func (p *program) lint(cfg *config.Config, args []string) (runbooks.Diagnostics, map[string][]byte, int, error) {
	registry := app.Registry(cfg, app.Options{}, nil)
	if len(args) == 0 && cfg != nil {
		programs, faults, sources := app.Programs(cfg, registry)
		if faults == nil {
			faults = runbooks.Diagnostics{}
		}
		return faults, sources, len(programs), nil
	}
	var groups *map[string][]string
	if cfg != nil {
		groups = &cfg.Directory.Groups
	}
	faults, sources := runbooks.Diagnostics{}, map[string][]byte{}
	check := func(name string, src []byte) {
		sources[name] = src
		_, found := app.Check(name, src, registry, groups)
		faults = append(faults, found...)
	}
	if len(args) == 0 {
		for _, e := range library.List() {
			check("library/"+e.Name, e.Source)
		}
	}
	for _, arg := range args {
		files, err := app.Files(arg)
		if err != nil {
			return nil, nil, 0, usage("%s: %w", arg, err)
		}
		if len(files) == 0 {
			return nil, nil, 0, usage("%s: there is no .yaml file in this folder", arg)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, 0, fmt.Errorf("read a runbook: %w", err)
			}
			check(file, src)
		}
	}
	faults.Sort()
	return faults, sources, len(sources), nil
}
