package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
)

// scenarioOf reads the record and makes a scenario of it.
func (p *program) scenarioOf(ctx context.Context, cfg *config.Config, f rehearseFlags) (*rehearsal.Made, error) {
	id, run, _ := strings.Cut(strings.ToUpper(f.from+f.record), "/")
	if engine.IsExercise(id) != (f.record != "") {
		return nil, usage("--from takes an incident (INC-12), --record an exercise (DRL-3)")
	}
	records, done, err := p.records(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer done()
	facts, err := records.Facts(ctx, id)
	if err != nil {
		return nil, err
	}
	registry := app.Registry(cfg, app.Options{}, nil)
	if f.from != "" {
		return rehearsal.FromIncident(facts, run, registry)
	}
	_, shelf, err := p.scenarios()
	if err != nil {
		return nil, err
	}
	for _, program := range shelf.Programs {
		if program.ID == app.Rehearsed(facts) {
			return rehearsal.FromDrill(facts, program, registry)
		}
	}
	return nil, fmt.Errorf("the runbook %q of %s is not loaded any more", app.Rehearsed(facts), id)
}

// makeScenario makes a scenario of an incident, or of an exercise.
func (p *program) makeScenario(ctx context.Context, f rehearseFlags) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	made, err := p.scenarioOf(ctx, cfg, f)
	if err != nil {
		return err
	}
	for _, n := range made.Notes {
		fmt.Fprintf(p.err, "note: %s\n", n)
	}
	if f.out == "" || f.out == "-" {
		_, err := p.out.Write(made.Text)
		return err
	}
	if err := saveNew(f.out, 0o644, made.Text, "name another file"); err != nil {
		return err
	}
	fmt.Fprintf(p.err, "wrote %s; play it: firebreak rehearse %s --scripted\n", f.out, f.out)
	return nil
}
