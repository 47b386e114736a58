package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// records opens the journals of live incidents and of exercises to read them:
// the files, or copies from the server that holds them. One that is not there yet
// is left out. Each is verified first: what was altered shows nothing, and a
// damaged file could kill this process.
func (p *program) records(ctx context.Context, cfg *config.Config) (records app.Records, done func(), err error) {
	var undo []func()
	done = func() {
		for _, f := range undo {
			f()
		}
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	for _, one := range []struct {
		store string
		into  *journal.Log
		live  func(*local.Client) func(context.Context, io.Writer) error
	}{
		{cfg.Store, &records.Live, func(c *local.Client) func(context.Context, io.Writer) error { return c.Snapshot }},
		{cfg.Rehearsal.Store, &records.Drills, func(c *local.Client) func(context.Context, io.Writer) error { return c.SnapshotDrills }},
	} {
		log, err := p.openToRead(ctx, cfg, one.store)
		if _, held := errors.AsType[*journal.LockedError](err); held {
			client, dialed := local.Dial(cfg.Socket)
			if dialed != nil {
				return records, done, errors.Join(err, dialed)
			}
			path, remove, copied := snapshot(ctx, one.live(client))
			if copied != nil {
				return records, done, copied
			}
			undo = append(undo, remove)
			log, err = bolt.Open(path, bolt.Options{ReadOnly: true, MustExist: true})
		}
		if err != nil {
			return records, done, err
		}
		if log != nil {
			*one.into = log
			undo = append([]func(){func() { _ = log.Close() }}, undo...) // nothing was written
		}
	}
	return records, done, nil
}

// openToRead verifies and opens a journal file; nil when there is none.
func (p *program) openToRead(ctx context.Context, cfg *config.Config, store string) (*bolt.Log, error) {
	if _, err := os.Stat(store); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	at := *cfg
	at.Store = store
	if err := p.checkJournal(ctx, &at); err != nil {
		return nil, err
	}
	log, err := bolt.Open(store, bolt.Options{ReadOnly: true, MustExist: true})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", store, err)
	}
	return log, nil
}

// extra says whether a run of a runbook needs one more approver by the policy. The
// journals are read only when there is such a policy.
func (p *program) extra(ctx context.Context, cfg *config.Config, r *runbooks.Program) (*engine.Extra, error) {
	if !cfg.Readiness.AddsApprover {
		return nil, nil
	}
	records, done, err := p.records(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("whether %q was rehearsed decides how many people have to approve it: %w", r.ID, err)
	}
	defer done()
	return app.Extra(ctx, cfg, records, r), nil
}
