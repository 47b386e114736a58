package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/tabletop"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// playTable plays a scenario with the people around this terminal.
func (p *program) playTable(ctx context.Context, cfg *config.Config, shelf app.Shelf, s *runbooks.Scenario, keep bool, f rehearseFlags) (err error) {
	terminal := tabletop.NewTerminal(p.out, p.style())
	t, err := app.OpenTable(ctx, cfg, shelf, s, keep, terminal)
	if err != nil {
		return p.heldStore(err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		err = errors.Join(err, t.Close(closing))
	}()
	id, err := t.Start(ctx, f.speed, f.blind)
	if err != nil {
		return err
	}
	o := tabletop.Options{
		Bot: t.Bot, Incident: id, Players: t.Players, Facilitator: t.Facilitator, Sign: app.SignExercise,
		In: p.in, Terminal: terminal, Over: func() bool { return !slices.Contains(t.Stage.Going(), id) }, Prompt: p.interactive(),
	}
	if cfg != nil {
		o.Stopped = t.Alarm
	}
	if err := terminal.Print(t.Welcome(id, f.blind)); err != nil {
		return err
	}
	files, err := tabletop.Play(ctx, o)
	if err := p.keep(files); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	played, err := t.Score(ctx, id)
	if err != nil {
		return err
	}
	if err := app.TellResult(p.out, played, ""); err != nil {
		return err
	}
	if f.report != "" {
		return p.writeReport(played, f.report)
	}
	if keep {
		fmt.Fprintf(p.err, "kept as %s; the report: firebreak incident drill report html %s\n", id, id)
	}
	return nil
}

// writeReport writes the after-action report in the form that the name says.
func (p *program) writeReport(played *app.Played, name string) error {
	form := strings.TrimPrefix(filepath.Ext(name), ".")
	if err := save(name, func(w io.Writer) error { return played.Report(w, form) }); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	fmt.Fprintf(p.err, "wrote %s\n", name)
	return nil
}
