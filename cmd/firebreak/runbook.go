package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// shelf is where commands that only read runbooks find them. It needs no
// configuration; with one, its runbooks are found by id.
type shelf struct {
	p        *program
	cfg      *config.Config
	registry *actions.Registry
	folders  []string // where files may stand that a file calls, besides its own
	known    []*runbooks.Program
	looked   bool // known is filled
}

func (p *program) shelf() (*shelf, error) {
	cfg, err := p.loadIfThere()
	if err != nil {
		return nil, err
	}
	return &shelf{p: p, cfg: cfg, registry: app.Registry(cfg, app.Options{}, nil)}, nil
}

// runbook finds one by file or by id. It has to compile; what lint thinks of it
// does not matter, because whoever looks at a danger wants to see it.
func (s *shelf) runbook(name string) (*runbooks.Program, error) {
	return s.p.program(name, s.all, s.compile)
}

// compile compiles a file. The runbooks that it calls are those of the
// configuration and the library, else files beside it.
func (s *shelf) compile(name string, src []byte) (*runbooks.Program, runbooks.Diagnostics) {
	r, found := runbooks.Load(name, src, s.registry, s.all()...)
	if !found.HasErrors() {
		return r, found
	}
	files := append([]runbooks.File{{Name: name, Src: src}}, s.beside(name)...)
	programs, all := runbooks.LoadAll(files, s.registry, s.all()...)
	for _, r := range programs {
		if r.Source.Name == name {
			return r, nil
		}
	}
	all = slices.DeleteFunc(all, func(d runbooks.Diagnostic) bool { return d.File != name })
	if !all.HasErrors() {
		return nil, found
	}
	return nil, all
}

// most bounds how many files beside a runbook are read for those that it calls.
const most = 200

func (s *shelf) beside(name string) []runbooks.File {
	var files []runbooks.File
	for _, folder := range append([]string{filepath.Dir(name)}, s.folders...) {
		paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil || len(paths) > most {
			continue
		}
		for _, path := range paths {
			same := path == name || slices.ContainsFunc(files, func(f runbooks.File) bool { return f.Name == path })
			if info, err := os.Stat(path); same || err != nil || !info.Mode().IsRegular() {
				continue
			}
			if src, err := os.ReadFile(path); err == nil {
				files = append(files, runbooks.File{Name: path, Src: src})
			}
		}
	}
	return files
}

// callable gives what files may call: the runbooks of the configuration or the
// library, and those that stand beside the files.
func (s *shelf) callable(names ...string) []*runbooks.Program {
	known := slices.Clone(s.all())
	var files []runbooks.File
	folders := map[string]bool{}
	for _, name := range names {
		if folders[filepath.Dir(name)] {
			continue
		}
		folders[filepath.Dir(name)] = true
		for _, f := range s.beside(name) {
			if !slices.Contains(names, f.Name) && !slices.ContainsFunc(files, func(other runbooks.File) bool { return other.Name == f.Name }) {
				files = append(files, f)
			}
		}
	}
	programs, _ := runbooks.LoadAll(files, s.registry, known...) // what is wrong with them is said where they are named
	for _, p := range programs {
		if !slices.ContainsFunc(known, func(k *runbooks.Program) bool { return k.ID == p.ID }) {
			known = append(known, p)
		}
	}
	return known
}

// check compiles and lints a file.
func (s *shelf) check(name string, src []byte) (*runbooks.Program, runbooks.Diagnostics) {
	return app.Check(name, src, s.registry, s.cfg, s.callable(name)...)
}

// all gives the runbooks of the configuration, or without one of the library.
func (s *shelf) all() []*runbooks.Program {
	if s.looked {
		return s.known
	}
	s.looked = true
	if s.cfg != nil {
		s.known, _, _ = app.Programs(s.cfg, s.registry)
		return s.known
	}
	s.known, _ = runbooks.LoadAll(app.LibraryFiles(), s.registry)
	return s.known
}

// deliver writes to the file out, or to standard output without one.
func (p *program) deliver(out string, data []byte) error {
	if out == "" || out == "-" {
		_, err := p.out.Write(data)
		return err
	}
	if err := os.WriteFile(out, data, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	fmt.Fprintf(p.err, "wrote %s\n", out)
	return nil
}
