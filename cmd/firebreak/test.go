package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

// testFlags are the flags of firebreak test.
type testFlags struct {
	run, junit, coverage string
	verbose              bool
	record, out          string
}

func (p *program) testCommand() *cobra.Command {
	var f testFlags
	c := &cobra.Command{
		Use:   "test [FILE|FOLDER ...]",
		Short: "Test runbooks on a made-up world, in virtual time",
		Long: `Play the cases of *_test.yaml files: what the world answers, what people do, and
what has to come of it. Nothing outside is reached, and a story of days takes a
millisecond. Without arguments the tests of the configuration's runbooks are
played, else those of the embedded library.

  firebreak test runbooks/
  firebreak test runbooks/leaked-access-key_test.yaml --run 'nobody answers'
  firebreak test --record INC-12 --out runbooks/leaked-access-key_test.yaml

--record writes what happened in an incident as a case (INC-12/R1 for one of
several runs). Ids, names, addresses and texts are replaced by stand-ins; read
it before you share it all the same.

Exit codes: 0 all is well, 1 cases failed, coverage is under its threshold or a
file has errors, 2 usage.`,
		RunE: func(c *cobra.Command, args []string) error {
			if f.record != "" {
				if len(args) > 0 || f.run != "" || f.junit != "" || f.coverage != "" {
					return usage("--record goes with --out only")
				}
				return p.record(c.Context(), f)
			}
			if f.out != "" {
				return usage("--out goes with --record; for a report use --junit or --coverage")
			}
			return p.test(c.Context(), args, f)
		},
	}
	c.Flags().StringVar(&f.run, "run", "", "play only the cases whose name matches this regular expression")
	c.Flags().StringVar(&f.junit, "junit", "", "write a JUnit report to this file")
	c.Flags().StringVar(&f.coverage, "coverage", "", "write what was covered, as JSON, to this file")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "tell every story")
	c.Flags().StringVar(&f.record, "record", "", "write the run of this incident as a case")
	c.Flags().StringVar(&f.out, "out", "", "file for the recorded case (default: standard output)")
	return c
}

func (p *program) test(ctx context.Context, args []string, f testFlags) error {
	o := cases.Options{}
	if f.run != "" {
		only, err := regexp.Compile(f.run)
		if err != nil {
			return usage("--run %q: %w", f.run, err)
		}
		o.Only = only
	}
	cfg, err := p.loadIfThere()
	if err != nil {
		return err
	}
	files, err := testSources(cfg, args)
	if err != nil {
		return err
	}
	registry := app.Registry(cfg, app.Options{}, nil)
	o.Catalog = registry
	books := app.NewBooks(registry)
	results, bad, played := []*cases.Result{}, false, 0
	for _, file := range files {
		t := books.Tests(file)
		if t.File == nil {
			bad = true
			r := &cases.Result{File: file.Name}
			for _, d := range t.Faults {
				r.Faults = append(r.Faults, d.Error())
			}
			results = append(results, r)
			if !p.json {
				if err := t.Faults.WriteText(p.out, t.Sources); err != nil {
					return err
				}
			}
			continue
		}
		r, err := cases.Run(ctx, t.File, t.Program, o)
		if err != nil {
			return err
		}
		results, bad, played = append(results, r), bad || !r.OK(), played+len(r.Cases)
		if !p.json {
			if err := r.Tell(p.out, f.verbose); err != nil {
				return err
			}
		}
	}
	if err := reports(results, f); err != nil {
		return err
	}
	if p.json {
		if err := p.write(results, nil); err != nil {
			return err
		}
	}
	if played == 0 && !bad {
		return usage("no case matches --run %q", f.run)
	}
	if bad {
		return &exit{code: exitFailed}
	}
	return nil
}

// testSources finds the files of tests that are meant.
func testSources(cfg *config.Config, args []string) ([]app.TestSource, error) {
	var list []app.TestSource
	paths := args
	if len(args) == 0 && cfg != nil {
		paths = cfg.Runbooks
	}
	for _, arg := range paths {
		files, err := app.TestFiles(arg)
		if err != nil && len(args) > 0 {
			return nil, usage("%s: %w", arg, err)
		}
		if len(files) == 0 && len(args) > 0 {
			return nil, usage("%s: there is no file that ends in _test.yaml in this folder", arg)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read tests: %w", err)
			}
			list = append(list, app.TestSource{Name: file, Src: src})
		}
	}
	if len(args) == 0 && (cfg == nil || cfg.Library) {
		for _, e := range library.Tests() {
			list = append(list, app.TestSource{Name: "library/" + e.Name, Src: e.Source, Library: true})
		}
	}
	if len(list) == 0 {
		return nil, usage("there are no tests: no file ends in _test.yaml beside the runbooks")
	}
	return list, nil
}

// reports writes the files that were asked for.
func reports(results []*cases.Result, f testFlags) error {
	if f.junit != "" {
		var b bytes.Buffer
		if err := cases.JUnit(&b, results); err != nil {
			return err
		}
		if err := os.WriteFile(f.junit, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write the JUnit report: %w", err)
		}
	}
	if f.coverage != "" {
		list := []cases.Coverage{}
		for _, r := range results {
			if r.ID == "" {
				continue // its file has errors
			}
			list = append(list, r.Coverage)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(list); err != nil {
			return fmt.Errorf("write the coverage: %w", err)
		}
		if err := os.WriteFile(f.coverage, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write the coverage: %w", err)
		}
	}
	return nil
}

// record writes the run of an incident as a case.
func (p *program) record(ctx context.Context, f testFlags) error {
	incident, run, _ := strings.Cut(f.record, "/")
	cfg, err := p.load()
	if err != nil {
		return err
	}
	journal, remove, err := p.readable(ctx, cfg)
	if err != nil {
		return err
	}
	defer remove()
	facts, err := app.Recorded(ctx, journal, incident)
	if err != nil {
		return err
	}
	made, err := cases.Record(ctx, facts, run, app.Registry(cfg, app.Options{}, nil))
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
	if err := saveNew(f.out, 0o644, made.Text, "name another file, and take over the case by hand"); err != nil {
		return err
	}
	fmt.Fprintf(p.err, "wrote %s\n", f.out)
	return nil
}

// readable gives a journal that can be read: a copy from the server that runs,
// else the file itself after a look at it.
func (p *program) readable(ctx context.Context, cfg *config.Config) (path string, remove func(), err error) {
	if client, err := local.Dial(cfg.Socket); err == nil {
		return snapshot(ctx, client.Snapshot)
	} else if !errors.Is(err, local.ErrNoServer) {
		return "", nil, err
	}
	return cfg.Store, func() {}, p.checkJournal(ctx, cfg)
}
