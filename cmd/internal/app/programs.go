package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
)

// Shelf is a set of runbooks that were loaded together.
type Shelf struct {
	Programs  []*runbooks.Program  // those that can be run
	Refused   []*runbooks.Program  // those that compile, and that lint keeps from being run
	Scenarios []*runbooks.Scenario // those that can be rehearsed, sorted by id
	Apart     []*runbooks.Scenario // of the library, for runbooks in Refused: a terminal can rehearse them, with people of its own
	Faults    runbooks.Diagnostics
	Waived    []lint.Waived
	Sources   map[string][]byte // by name of the file
}

// Programs gives the runbooks of a configuration that can be run, what is wrong
// with the others, and the files; see [LoadShelf].
func Programs(cfg *config.Config, r *actions.Registry) ([]*runbooks.Program, runbooks.Diagnostics, map[string][]byte) {
	s := LoadShelf(cfg, r)
	return s.Programs, s.Faults, s.Sources
}

// LoadShelf loads every runbook of the configuration: our own, then those of the
// library whose id we do not use ourselves. A runbook with an error is left out,
// and so is one that calls it, and its faults are told; the others can still be
// run, because one broken file must not take the night shift's tools away.
func LoadShelf(cfg *config.Config, r *actions.Registry) Shelf {
	files, faults := configured(cfg)
	ready := Shelf{}
	if cfg.Library {
		ready = LoadFiles(LibraryFiles(), r, cfg)
	}
	shelf := LoadFiles(files, r, cfg, ready.Programs...)
	ours := map[string]bool{}
	for _, p := range shelf.Programs {
		ours[p.ID] = true
	}
	shelf.Faults = append(faults, shelf.Faults...)
	if !cfg.Library {
		shelf.Faults.Sort()
		return shelf
	}
	for _, e := range library.List() {
		name := "library/" + e.Name
		if ours[e.ID] || ready.Sources[name] == nil {
			continue
		}
		shelf.Sources[name] = e.Source
		for _, p := range ready.Programs {
			if p.Source.Name == name {
				shelf.Programs = append(shelf.Programs, p)
			}
		}
		for _, p := range ready.Refused {
			if p.Source.Name == name {
				shelf.Refused = append(shelf.Refused, p)
			}
		}
		for _, d := range ready.Faults {
			if d.File == name {
				shelf.Faults = append(shelf.Faults, d)
			}
		}
		for _, w := range ready.Waived {
			if w.Findings[0].File == name {
				shelf.Waived = append(shelf.Waived, w)
			}
		}
	}
	shelf.Faults.Sort()
	shelf.addScenarios(r)
	return shelf
}

// configured reads the files that the configuration names.
func configured(cfg *config.Config) (files []runbooks.File, faults runbooks.Diagnostics) {
	for _, path := range cfg.Runbooks {
		names, err := Files(path)
		if err != nil {
			faults = append(faults, runbooks.Diagnostic{File: path, Rule: "file", Severity: runbooks.SeverityError, Message: err.Error()})
		}
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				faults = append(faults, runbooks.Diagnostic{File: name, Rule: "file", Severity: runbooks.SeverityError, Message: err.Error()})
				continue
			}
			files = append(files, runbooks.File{Name: name, Src: src})
		}
	}
	return files, faults
}

// ExerciseShelf is what can be rehearsed in a terminal: besides the runbooks that
// can be run those that lint refuses because of the people there are. An
// exercise has its own.
func ExerciseShelf(cfg *config.Config, r *actions.Registry) Shelf {
	shelf := LoadShelf(cfg, r)
	files, _ := configured(cfg) // what is wrong with them was found by LoadShelf
	if cfg.Library {
		files = append(files, LibraryFiles()...)
	}
	shelf.lend(LoadFiles(files, r, nil))
	return shelf
}

// addScenarios adds those of the library whose id we do not use ourselves. One
// that does not fit our own runbook of that name is left out: it was written for
// another.
func (s *Shelf) addScenarios(r *actions.Registry) {
	ours := map[string]bool{}
	for _, one := range s.Scenarios {
		ours[one.ID] = true
	}
	for _, e := range library.Scenarios() {
		name := "library/" + e.Name
		found, faults := runbooks.LoadScenarios([]runbooks.File{{Name: name, Src: e.Source}}, slices.Concat(s.Programs, s.Refused), r)
		if len(found) != 1 || faults.HasErrors() || ours[found[0].ID] {
			continue
		}
		if _, refusal := find(s.Programs, found[0].Runbook); refusal == nil {
			s.Scenarios = append(s.Scenarios, found[0])
		} else {
			s.Apart = append(s.Apart, found[0])
		}
	}
	slices.SortFunc(s.Scenarios, func(a, b *runbooks.Scenario) int { return strings.Compare(a.ID, b.ID) })
}

// lend adds the runbooks and scenarios of another shelf whose ids are not taken.
func (s *Shelf) lend(other Shelf) {
	for _, p := range other.Programs {
		if !slices.ContainsFunc(s.Programs, func(ours *runbooks.Program) bool { return ours.ID == p.ID }) {
			s.Programs = append(s.Programs, p)
		}
	}
	for _, one := range other.Scenarios {
		if !slices.ContainsFunc(s.Scenarios, func(ours *runbooks.Scenario) bool { return ours.ID == one.ID }) {
			s.Scenarios = append(s.Scenarios, one)
		}
	}
	slices.SortFunc(s.Scenarios, func(a, b *runbooks.Scenario) int { return strings.Compare(a.ID, b.ID) })
}

// LibraryFiles are the runbooks and scenarios of the library.
func LibraryFiles() []runbooks.File {
	var files []runbooks.File
	for _, e := range slices.Concat(library.List(), library.Scenarios()) {
		files = append(files, runbooks.File{Name: "library/" + e.Name, Src: e.Source})
	}
	return files
}

// LoadFiles compiles and lints runbooks that may call each other, and others, and
// the scenarios among the files, which may be of any of these.
// Without a configuration, which may be nil, rules about people are silent.
func LoadFiles(files []runbooks.File, r *actions.Registry, cfg *config.Config, others ...*runbooks.Program) Shelf {
	shelf := Shelf{Faults: runbooks.Diagnostics{}, Sources: map[string][]byte{}}
	for _, f := range files {
		shelf.Sources[f.Name] = f.Src
	}
	var scenarios []runbooks.File
	files = slices.DeleteFunc(slices.Clone(files), func(f runbooks.File) bool {
		if runbooks.IsScenario(f.Src) {
			scenarios = append(scenarios, f)
			return true
		}
		return false
	})
	programs, found := runbooks.LoadAll(files, r, others...)
	shelf.Faults = append(shelf.Faults, found...)
	refused := map[string]string{} // file of a runbook that lint refuses, by digest
	opts := lintOptions(cfg)
	for _, p := range programs {
		result := lint.Inspect(p, r, opts)
		shelf.Faults, shelf.Waived = append(shelf.Faults, result.Found...), append(shelf.Waived, result.Waived...)
		if lint.Forbids(result.Found) {
			refused[p.Digest] = p.Source.Name
		}
	}
	for _, p := range programs {
		faults := callsRefused(p, refused)
		shelf.Faults = append(shelf.Faults, faults...)
		if _, itself := refused[p.Digest]; !itself && len(faults) == 0 {
			shelf.Programs = append(shelf.Programs, p)
		} else {
			shelf.Refused = append(shelf.Refused, p)
		}
	}
	var faults runbooks.Diagnostics
	shelf.Scenarios, faults = runbooks.LoadScenarios(scenarios, slices.Concat(programs, others), r)
	shelf.Faults = append(shelf.Faults, faults...)
	shelf.Faults.Sort()
	return shelf
}

// callsRefused finds the steps that call what lint refuses: what is too
// dangerous to be run is not run as a part of something else either.
func callsRefused(p *runbooks.Program, refused map[string]string) runbooks.Diagnostics {
	var faults runbooks.Diagnostics
	for step := range p.All() {
		if step.Runbook == nil {
			continue
		}
		file, bad := refused[step.Runbook.Digest]
		for _, inner := range step.Runbook.Program.Deep() {
			if inner.Runbook != nil && !bad {
				file, bad = refused[inner.Runbook.Digest]
			}
		}
		if bad {
			faults = append(faults, runbooks.Diagnostic{
				File: p.Source.Name, Pos: step.At("runbook"), Rule: "runbook", Severity: runbooks.SeverityError,
				Message: fmt.Sprintf("the runbook %q cannot be called: it has errors of its own, in %s", step.Runbook.ID, file), Hint: "mend that first",
			})
		}
	}
	return faults
}

// Check compiles and lints one runbook, which may call others. There is a
// program as soon as it compiles, even when lint refuses it. Without a
// configuration, which may be nil, rules about people are silent.
func Check(name string, src []byte, r *actions.Registry, cfg *config.Config, others ...*runbooks.Program) (*runbooks.Program, runbooks.Diagnostics) {
	p, faults := runbooks.Load(name, src, r, others...)
	if p != nil {
		faults = append(faults, lint.Check(p, r, lintOptions(cfg))...)
	}
	faults.Sort()
	return p, faults
}

// lintOptions is what lint may know of who is who.
func lintOptions(cfg *config.Config) lint.Options {
	o := lint.Options{Now: time.Now()}
	if cfg == nil {
		return o
	}
	d, policy := &cfg.Directory, chatops.Policy{EverybodyResponds: cfg.Policy.EverybodyResponds}
	o.Groups, o.People, o.Starters = d.Groups, []string{}, []string{}
	if o.Groups == nil {
		o.Groups = map[string][]string{}
	}
	for _, person := range d.People {
		o.People = append(o.People, person.ID)
		if slices.ContainsFunc(policy.Roles(d, person.ID), func(r chatops.Role) bool { return r == chatops.Responder || r == chatops.Commander }) {
			o.Starters = append(o.Starters, person.ID)
		}
	}
	return o
}

// Files lists the runbook files at a path: itself, or every .yaml below the
// folder that is no test. Links are not followed.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("there is no such file or folder")
		}
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(file, ".yaml") && !strings.HasSuffix(file, "_test.yaml") {
			files = append(files, file)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}
