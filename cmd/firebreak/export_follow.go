package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// How long a reader waits before it looks for a server that is gone: each time
// twice as long, up to the second.
const (
	comeBack    = 100 * time.Millisecond
	comeBackMax = 5 * time.Second
)

// follow writes the record of all incidents to standard output. Without a
// server it reads the journal's file, and then, when it is to go on, waits for
// the server.
func (p *program) follow(ctx context.Context, cfg *config.Config, f local.Follow, state string) error {
	if err := placeOf(state, &f); err != nil {
		return err
	}
	read := false // the file, which needs no second time while no server comes
	said := false
	wait := comeBack
	for {
		began := f.From
		err := p.followOnce(ctx, cfg, &f, state, &read)
		if err == nil && f.Once {
			return nil
		}
		locked, isLocked := errors.AsType[*journal.LockedError](err)
		switch {
		case ctx.Err() != nil:
			return nil // an interrupt is how it ends
		case err == nil, errors.Is(err, local.ErrLost) && !f.Once, errors.Is(err, local.ErrNoServer), isLocked && !f.Once:
		case isLocked:
			return locked
		default:
			return err
		}
		if f.From != began {
			wait, said = comeBack, false
		}
		if !said {
			said = true
			fmt.Fprintf(p.err, "firebreak: no server answers on %s; waiting for it, at journal place %d\n", cfg.Socket, f.From)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, comeBackMax)
	}
}

// followOnce follows as long as one server, or one file, lets it.
func (p *program) followOnce(ctx context.Context, cfg *config.Config, f *local.Follow, state string, read *bool) error {
	take := func(b local.Batch) error {
		if len(b.Lines) > 0 {
			if _, err := p.out.Write(b.Lines); err != nil {
				return fmt.Errorf("write what is followed: %w", err)
			}
		}
		moved := f.From != b.Next || f.Origin != b.Origin
		f.From, f.Origin = b.Next, b.Origin
		if state == "" || !moved {
			return nil
		}
		return keepPlace(state, *f)
	}
	client, err := local.Dial(cfg.Socket)
	switch {
	case err == nil:
		return client.Follow(ctx, *f, take)
	case !errors.Is(err, local.ErrNoServer) || *read:
		return err
	}
	if err := p.checkJournal(ctx, cfg); err != nil {
		return err
	}
	if err := app.FollowFile(ctx, cfg, local.Person(&cfg.Directory, os.Getuid()), *f, take); err != nil {
		return err
	}
	*read = true
	return nil
}

// placeFile is what a state file holds.
type placeFile struct {
	Version int    `json:"version"` // 1
	Origin  string `json:"origin"`  // of the journal
	Next    int64  `json:"next"`    // journal place to go on from
}

// placeOf finds where to begin. A state file that is not there yet begins at 0.
func placeOf(path string, f *local.Follow) error {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	var s placeFile
	if err := json.Unmarshal(data, &s); err != nil || s.Version != 1 || s.Next < 0 || s.Origin == "" {
		return fmt.Errorf("%s is no state of firebreak export; name another file, or take it away to begin at 0", path)
	}
	f.From, f.Origin = s.Next, s.Origin
	return nil
}

// keepPlace remembers where to go on.
func keepPlace(path string, f local.Follow) error {
	return save(path, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(placeFile{Version: 1, Origin: f.Origin, Next: f.From})
	})
}
