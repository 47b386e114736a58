package main

import (
	"context"
	"fmt"
	"os"

	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

// checkJournal looks at the journal in a process of its own before this one
// opens it, because a damaged file can kill whoever maps it, and because
// nothing may be started on a record that was altered. What is only not
// anchored, or left to do, is no reason to stay away.
func (p *program) checkJournal(ctx context.Context, cfg *config.Config) error {
	if _, err := os.Stat(cfg.Store); err != nil {
		return nil // opening it says what to do
	}
	report, err := verifyStore(ctx, cfg)
	if err != nil {
		return err
	}
	code := report.ExitCode()
	if code < bolt.ExitDamaged {
		return nil
	}
	if err := tellReport(p.err, report); err != nil {
		return err
	}
	return &exit{code, fmt.Errorf("nothing is started on this journal; leave the file as it is, copy it away, and find out what happened to it")}
}

// verifyStore verifies the journal of a configuration with its own key.
func verifyStore(ctx context.Context, cfg *config.Config) (bolt.Report, error) {
	key, err := readKey(cfg.Genesis)
	if err != nil {
		return bolt.Report{}, &exit{exitFailed, err}
	}
	return checkStore(ctx, cfg.Store, key)
}

// checkStore verifies a store with a key, in a process of its own.
func checkStore(ctx context.Context, path, key string) (bolt.Report, error) {
	self, err := os.Executable()
	if err != nil {
		return bolt.Report{}, fmt.Errorf("find this program to check the journal in a process of its own: %w", err)
	}
	return bolt.VerifyInChild(ctx, self, []string{verifyChild}, path, bolt.VerifyOptions{Key: key})
}
