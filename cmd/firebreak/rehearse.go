package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// rehearseFlags are the flags of firebreak rehearse.
type rehearseFlags struct {
	scripted, blind, keep, noKeep bool
	speed                         int
	from, record, out, report     string
	root                          string
}

func (p *program) rehearseCommand() *cobra.Command {
	var f rehearseFlags
	c := &cobra.Command{
		Use:   "rehearse [SCENARIO]",
		Short: "Rehearse a runbook on a made-up world, with people or by a script",
		Long: `Play a scenario: the real engine, the real words, approvals and record, and a
world that is made up. Nothing that is done in an exercise can reach anything
real. SCENARIO is a file (kind: Scenario) or the id of one beside your runbooks
or in the library; without it they are listed.

  firebreak rehearse
  firebreak rehearse leaked-access-key-friday
  firebreak rehearse my-scenario.yaml --scripted
  firebreak rehearse --from INC-12 --out inc-12.yaml
  firebreak rehearse --record DRL-3 --out again.yaml

In a terminal one person can play several: "as bob" changes who acts, and
"bob: approve disable" lets bob say one thing. Words that begin with drill lead
the exercise; "drill status" shows what comes. "wait" lets time pass until
something is said, "wait disable" until that step asks. "drill advance 30m" lets it pass at once. "quit" ends it.

--scripted lets the scenario's own script play, in virtual time and always
alike: the same scenario and seed give the same journal root, so that CI can
tell whether a changed runbook still passes. --root HEX fails when it does not.

An exercise is kept in the store of exercises beside the journal when there is a
configuration, so that readiness knows of it; a scripted one only with --keep.
--report writes the after-action report: .html, .md, .json, or .csv for the
improvement plan alone, by its name.

--from makes a scenario of an incident that is over (INC-12/R1 for one of several
runs): ids, names, addresses and texts are replaced by stand-ins; read it before
you share it all the same. --record makes one of an exercise, with what its
people did as its script, under their own names.

Exit codes: 0 passed or ended, 1 failed or partly passed by its script, or the
scenario has errors, 2 usage.`,
		Args: words(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.from != "" || f.record != "":
				if len(args) > 0 || f.from != "" && f.record != "" {
					return usage("--from and --record each go with --out alone")
				}
				return p.makeScenario(c.Context(), f)
			case f.out != "":
				return usage("--out goes with --from or --record; for the report use --report")
			case len(args) == 0:
				return p.listScenarios()
			case f.keep && f.noKeep:
				return usage("--keep and --no-keep do not go together")
			case f.root != "" && !f.scripted:
				return usage("--root goes with --scripted: people never do the same twice")
			}
			if f.report != "" && !slices.Contains([]string{".html", ".md", ".json", ".csv"}, filepath.Ext(f.report)) {
				return usage("--report %s: the name has to end in .html, .md, .json or .csv", f.report)
			}
			return p.rehearse(c.Context(), args[0], f)
		},
	}
	c.Flags().BoolVar(&f.scripted, "scripted", false, "let the scenario's script play, in virtual time")
	c.Flags().BoolVar(&f.blind, "blind", false, "do not show which scenario it is")
	c.Flags().IntVar(&f.speed, "speed", 1, "how many times as fast the clock runs while nobody is asked anything")
	c.Flags().BoolVar(&f.keep, "keep", false, "keep a scripted exercise in the store of exercises")
	c.Flags().BoolVar(&f.noKeep, "no-keep", false, "keep nothing")
	c.Flags().StringVar(&f.from, "from", "", "make a scenario of this `INCIDENT`")
	c.Flags().StringVar(&f.record, "record", "", "make a scenario of this `EXERCISE`, with what its people did as its script")
	c.Flags().StringVar(&f.out, "out", "", "file for the scenario (default: standard output)")
	c.Flags().StringVar(&f.report, "report", "", "write the after-action report to this `FILE`")
	c.Flags().StringVar(&f.root, "root", "", "fail unless the journal's root is this (`HEX`, its first digits or all)")
	return c
}

// scenarios loads those of the configuration and the library.
func (p *program) scenarios() (*config.Config, app.Shelf, error) {
	cfg, err := p.loadIfThere()
	if err != nil {
		return nil, app.Shelf{}, err
	}
	registry := app.Registry(cfg, app.Options{}, nil)
	if cfg == nil {
		return nil, app.LoadFiles(app.LibraryFiles(), registry, nil), nil
	}
	return cfg, app.ExerciseShelf(cfg, registry), nil
}

func (p *program) listScenarios() error {
	_, shelf, err := p.scenarios()
	if err != nil {
		return err
	}
	type line struct {
		ID      string   `json:"id"`
		Title   string   `json:"title"`
		Runbook string   `json:"runbook"`
		Max     string   `json:"max"`
		Script  bool     `json:"scripted"`
		Tests   []string `json:"tests"`
	}
	list := []line{}
	for _, s := range shelf.Scenarios {
		list = append(list, line{s.ID, s.Title, s.Runbook, time.Duration(s.End.Max).String(), len(s.Script) > 0, append([]string{}, s.Tests...)})
	}
	if p.json {
		return p.write(list, nil)
	}
	for _, l := range list {
		fmt.Fprintf(p.out, "%s\n    %s (runbook %s)\n", l.ID, l.Title, l.Runbook)
	}
	if len(list) == 0 {
		fmt.Fprintln(p.out, "There are no scenarios; see: firebreak rehearse --help")
	}
	return nil
}

// findScenario finds a scenario by file or id, with the runbook it plays.
func (p *program) findScenario(name string) (*config.Config, app.Shelf, *runbooks.Scenario, error) {
	cfg, shelf, err := p.scenarios()
	if err != nil {
		return nil, shelf, nil, err
	}
	var s *runbooks.Scenario
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, shelf, nil, fmt.Errorf("read the scenario: %w", err)
		}
		if !runbooks.IsScenario(src) {
			return nil, shelf, nil, usage("%s is no scenario: it has to say kind: Scenario", name)
		}
		where, err := p.shelf()
		if err != nil {
			return nil, shelf, nil, err
		}
		programs := where.callable(name)
		for _, p := range shelf.Programs {
			if !slices.ContainsFunc(programs, func(near *runbooks.Program) bool { return near.ID == p.ID }) {
				programs = append(programs, p)
			}
		}
		found, faults := runbooks.LoadScenarios([]runbooks.File{{Name: name, Src: src}}, programs, where.registry)
		if len(faults) > 0 {
			if err := faults.WriteText(p.err, map[string][]byte{name: src}); err != nil {
				return nil, shelf, nil, err
			}
		}
		if faults.HasErrors() || len(found) != 1 {
			return nil, shelf, nil, &exit{code: exitFailed}
		}
		s, shelf.Programs = found[0], programs
	}
	var known []string
	for _, one := range shelf.Scenarios {
		if s == nil && one.ID == name {
			s = one
		}
		known = append(known, one.ID)
	}
	if s == nil {
		hint := "known: " + strings.Join(known, ", ")
		if near := runbooks.Nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, shelf, nil, usage("there is no scenario %q; %s", name, hint)
	}
	shelf.Scenarios = []*runbooks.Scenario{s}
	return cfg, shelf, s, nil
}

// rehearse plays a scenario.
func (p *program) rehearse(ctx context.Context, name string, f rehearseFlags) error {
	cfg, shelf, s, err := p.findScenario(name)
	if err != nil {
		return err
	}
	keep := cfg != nil && !f.noKeep && (f.keep || !f.scripted)
	if f.keep && cfg == nil {
		return usage("--keep needs a configuration, which says where: firebreak init")
	}
	if f.scripted && len(s.Script) == 0 {
		return usage("the scenario %q has no script; play it with people, or write one: script: [{by: ..., at: 1m, type: ...}]", s.ID)
	}
	if f.scripted {
		return p.playScript(ctx, cfg, shelf, s, keep, f)
	}
	return p.playTable(ctx, cfg, shelf, s, keep, f)
}

func (p *program) playScript(ctx context.Context, cfg *config.Config, shelf app.Shelf, s *runbooks.Scenario, keep bool, f rehearseFlags) error {
	played, err := app.PlayScript(ctx, shelf, s)
	if err != nil {
		return err
	}
	if keep {
		if err := app.KeepScript(ctx, cfg, shelf, s); err != nil {
			return p.heldStore(err)
		}
	}
	if f.report != "" {
		if err := p.writeReport(played, f.report); err != nil {
			return err
		}
	}
	root := hex.EncodeToString(played.Head.Root[:])
	if p.json {
		err = p.write(struct {
			Root   string   `json:"root"`
			Unused []string `json:"unused"`
			Wrong  []string `json:"wrong"`
			Result any      `json:"result"`
		}{root, append([]string{}, played.Unused...), append([]string{}, played.Wrong...), played.Result}, nil)
	} else {
		err = app.TellResult(p.out, played, root)
	}
	switch {
	case err != nil:
		return err
	case f.root != "" && (len(f.root) < 12 || !strings.HasPrefix(root, strings.ToLower(f.root))):
		return &exit{exitFailed, fmt.Errorf("the journal's root is %s, not %s: the runbook, the scenario or what came of it is another one", root, f.root)}
	case !played.Passed():
		return &exit{code: exitFailed}
	}
	return nil
}

// heldStore explains that a server has the store of exercises.
func (p *program) heldStore(err error) error {
	if _, held := errors.AsType[*journal.LockedError](err); held {
		return fmt.Errorf("a server holds the store of exercises; play there (firebreak incident drill start ...), or keep nothing: --no-keep (%w)", err)
	}
	return err
}
