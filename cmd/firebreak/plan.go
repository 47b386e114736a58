package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func (p *program) planCommand() *cobra.Command {
	var env string
	c := &cobra.Command{
		Use:   "plan RUNBOOK [NAME=VALUE ...]",
		Short: "Say what a runbook would do now; only reads",
		Long: `Say what a runbook (a file, or the id of one in the configuration or the library)
would do now with these inputs: each step with run, skip or unknown and why,
targets, calls, who has to approve and whether enough of them exist. The targets
are read, nothing is changed, and no journal is needed.

Exit codes: 0 planned, 1 the runbook or an input is wrong, a target cannot be
read, or it cannot run as things are, 2 usage.`,
		Args: words(1, -1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.runbookIDs(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			inputs, err := givenInputs(args[1:])
			if err != nil {
				return err
			}
			registry := app.Registry(cfg, app.Options{}, nil)
			books := &shelf{p: p, cfg: cfg, registry: registry}
			program, err := p.program(args[0], books.all, books.check)
			if err != nil {
				return err
			}
			me := local.Person(&cfg.Directory, os.Getuid())
			extra, err := p.extra(c.Context(), cfg, program)
			if err != nil {
				return err
			}
			made, err := app.MakePlan(c.Context(), cfg, registry, program, engine.RunRequest{Inputs: inputs, Environment: env}, runbooks.IncidentFacts{ID: "INC-0", Title: "plan"}, me.ID, extra)
			if err != nil {
				return err
			}
			err = p.write(made, func(w io.Writer) error { return made.Text(w, p.style().Color) })
			if err == nil && (made.Stops() || slices.ContainsFunc(made.Steps, func(s plan.Step) bool { return s.Failure != nil })) {
				err = &exit{code: exitFailed}
			}
			return err
		},
	}
	c.Flags().StringVar(&env, "env", "", "environment (default: the default one of the configuration)")
	return c
}

// givenInputs reads words of the form name=value.
func givenInputs(words []string) (map[string]string, error) {
	inputs := map[string]string{}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, usage("%q is not of the form name=value", word)
		}
		if _, twice := inputs[name]; twice {
			return nil, usage("input %q is given twice", name)
		}
		inputs[name] = value
	}
	return inputs, nil
}

// program finds a runbook by file or by id.
func (p *program) program(name string, loaded func() []*runbooks.Program, check func(string, []byte) (*runbooks.Program, runbooks.Diagnostics)) (*runbooks.Program, error) {
	if src, err := os.ReadFile(name); err == nil {
		r, faults := check(name, src)
		if faults.HasErrors() {
			if err := faults.WriteText(p.err, map[string][]byte{name: src}); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%s has errors; see: firebreak lint %s", name, name)
		}
		return r, nil
	} else if strings.ContainsAny(name, "/.") {
		return nil, usage("%s: %w", name, err)
	}
	var known []string
	for _, r := range loaded() {
		if r.ID == name {
			return r, nil
		}
		known = append(known, r.ID)
	}
	return nil, usage("there is no file and no runbook %q; known: %s", name, strings.Join(known, ", "))
}
