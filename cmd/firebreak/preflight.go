package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine/preflight"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// preflightFlags are those of doctor --preflight.
type preflightFlags struct {
	runbook, env string
	strict       bool
}

// allRunbooks is what --preflight takes for every runbook of the environment.
const allRunbooks = "all"

func (p *program) preflight(ctx context.Context, f preflightFlags, args []string) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	given, err := givenInputs(args)
	if err != nil {
		return err
	}
	registry := app.Registry(cfg, app.Options{}, nil)
	books := &shelf{p: p, cfg: cfg, registry: registry}
	me := local.Person(&cfg.Directory, os.Getuid())
	var reports []*preflight.Report
	if f.runbook == allRunbooks {
		if len(args) > 0 {
			return usage("inputs belong to one runbook; name it instead of %q", allRunbooks)
		}
		reports, err = preflightAll(ctx, cfg, books.all(), f.env, me.ID)
	} else {
		var program *runbooks.Program
		if program, err = p.program(f.runbook, books.all, books.check); err != nil {
			return err
		}
		var inputs map[string]any
		if inputs, err = someInputs(program, given); err != nil {
			return fmt.Errorf("the inputs of %q do not fit: %w", program.ID, err)
		}
		var one *preflight.Report
		one, err = app.Preflight(ctx, cfg, app.Options{}, program, inputs, f.env, me.ID)
		reports = append(reports, one)
	}
	if err != nil {
		return err
	}
	var found []actions.Readiness
	for _, r := range reports {
		found = append(found, r.Readiness)
	}
	var shown any = reports
	if f.runbook != allRunbooks {
		shown = reports[0]
	}
	err = p.write(shown, func(w io.Writer) error {
		for i, r := range reports {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := r.Text(w, p.style().Color); err != nil {
				return err
			}
		}
		return nil
	})
	worst := preflight.Worst(found...)
	if err == nil && (worst == actions.NotReady || f.strict && worst != actions.Ready) {
		err = &exit{code: exitFailed}
	}
	return err
}

// preflightAll looks at every runbook that may run in the environment.
func preflightAll(ctx context.Context, cfg *config.Config, programs []*runbooks.Program, name, requester string) ([]*preflight.Report, error) {
	env, ok := cfg.Environment(name)
	if !ok {
		return nil, usage("there is no environment %q; see environments in %s", name, cfg.Path)
	}
	var reports []*preflight.Report
	for _, program := range programs {
		if len(program.Environments) > 0 && !slices.Contains(program.Environments, env.Name) {
			continue
		}
		one, err := app.Preflight(ctx, cfg, app.Options{}, program, nil, env.Name, requester)
		if err != nil {
			return nil, err
		}
		reports = append(reports, one)
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("no runbook may run in environment %q", env.Name)
	}
	return reports, nil
}
