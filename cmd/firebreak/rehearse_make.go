package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
)

// makeScenario makes a scenario of an incident, or of an exercise.
func (p *program) makeScenario(ctx context.Context, f rehearseFlags) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	_ = cfg
	made, err := (*app.Made)(nil), errors.New("not yet")
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
	file, err := os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; name another file", f.out)
	}
	if err != nil {
		return fmt.Errorf("write the scenario: %w", err)
	}
	_, err = file.Write(made.Text)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the scenario: %w", err)
	}
	fmt.Fprintf(p.err, "wrote %s; play it: firebreak rehearse %s --scripted\n", f.out, f.out)
	return nil
}
