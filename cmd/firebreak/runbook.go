package main

import (
	"fmt"
	"os"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

// shelf is where commands that only read runbooks find them. It needs no
// configuration; with one, its runbooks are found by id.
type shelf struct {
	p        *program
	cfg      *config.Config
	registry *actions.Registry
}

func (p *program) shelf() (*shelf, error) {
	cfg, err := p.loadIfThere()
	if err != nil {
		return nil, err
	}
	return &shelf{p, cfg, app.Registry(cfg, app.Options{}, nil)}, nil
}

// runbook finds one by file or by id. It has to compile; what lint thinks of it
// does not matter, because whoever looks at a danger wants to see it.
func (s *shelf) runbook(name string) (*runbooks.Program, error) {
	return s.p.program(name, s.all, s.compile)
}

func (s *shelf) compile(name string, src []byte) (*runbooks.Program, runbooks.Diagnostics) {
	return runbooks.Load(name, src, s.registry)
}

func (s *shelf) all() []*runbooks.Program {
	if s.cfg != nil {
		programs, _, _ := app.Programs(s.cfg, s.registry)
		return programs
	}
	var programs []*runbooks.Program
	for _, e := range library.List() {
		if r, _ := s.compile("library/"+e.Name, e.Source); r != nil {
			programs = append(programs, r)
		}
	}
	return programs
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
