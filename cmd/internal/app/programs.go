package app

import (
	"errors"
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

// Programs loads every runbook of the configuration: our own, then those of
// the library whose id we do not use ourselves. A runbook with an error is
// left out and its faults are told; the others can still be run, because one
// broken file must not take the night shift's tools away.
func Programs(cfg *config.Config, r *actions.Registry) ([]*runbooks.Program, runbooks.Diagnostics, map[string][]byte) {
	sources := map[string][]byte{}
	var faults runbooks.Diagnostics
	var programs []*runbooks.Program
	where := map[string]string{}
	add := func(name string, src []byte) {
		sources[name] = src
		p, found := Check(name, src, r, cfg)
		faults = append(faults, found...)
		if p == nil || found.HasErrors() {
			return
		}
		if other, twice := where[p.ID]; twice {
			faults = append(faults, runbooks.Diagnostic{File: name, Pos: runbooks.Pos{Line: 1, Col: 1}, Rule: "duplicate-id", Severity: runbooks.SeverityError, Message: "another runbook has the id " + p.ID + ": " + other, Hint: "give it an id of its own"})
			return
		}
		where[p.ID] = name
		programs = append(programs, p)
	}
	for _, path := range cfg.Runbooks {
		files, err := Files(path)
		if err != nil {
			faults = append(faults, runbooks.Diagnostic{File: path, Rule: "file", Severity: runbooks.SeverityError, Message: err.Error()})
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				faults = append(faults, runbooks.Diagnostic{File: file, Rule: "file", Severity: runbooks.SeverityError, Message: err.Error()})
				continue
			}
			add(file, src)
		}
	}
	if cfg.Library {
		for _, e := range library.List() {
			if _, ours := where[e.ID]; !ours {
				add("library/"+e.Name, e.Source)
			}
		}
	}
	return programs, faults, sources
}

// Check compiles and lints one runbook. Without a configuration, which may be
// nil, rules about people are silent.
func Check(name string, src []byte, r *actions.Registry, cfg *config.Config) (*runbooks.Program, runbooks.Diagnostics) {
	p, faults, _ := Inspect(name, src, r, cfg)
	return p, faults
}

// Inspect does as [Check] does and tells what was waived, too.
func Inspect(name string, src []byte, r *actions.Registry, cfg *config.Config) (*runbooks.Program, runbooks.Diagnostics, []lint.Waived) {
	p, faults := runbooks.Load(name, src, r)
	var waived []lint.Waived
	if p != nil {
		result := lint.Inspect(p, r, lintOptions(cfg))
		faults, waived = append(faults, result.Found...), result.Waived
	}
	faults.Sort()
	return p, faults, waived
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
