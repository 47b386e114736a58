package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/demo"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

func (p *program) demoCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play a leaked key incident with the real server; no account, no network",
		Long: `Start the real server with a played Slack and a played AWS on this machine, let
two people and a guest handle a leaked access key, and verify the journal they
leave. The folder then holds journal.db, genesis.pub, timeline.md and
timeline.json.

Exit codes: 0 all went as it should, 1 it did not, 2 usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := demo.Run(c.Context(), out, p.out); err != nil {
				return err
			}
			return p.verifyDemo(c, out)
		},
	}
	c.Flags().StringVar(&out, "out", "demo-out", "folder for what the demo leaves")
	return c
}

// verifyDemo checks the journal as a stranger would who kept the timeline.
func (p *program) verifyDemo(c *cobra.Command, dir string) error {
	journalFile, keyFile, anchorFile := filepath.Join(dir, "journal.db"), filepath.Join(dir, "genesis.pub"), filepath.Join(dir, "timeline.json")
	fmt.Fprintf(p.out, "\n── A stranger verifies:\n\n  $ firebreak verify --key %s --anchor %s %s\n\n", keyFile, anchorFile, journalFile)
	key, err := readKey(keyFile)
	if err != nil {
		return err
	}
	anchor, err := readAnchor(anchorFile)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := bolt.VerifyInChild(c.Context(), self, []string{verifyChild}, journalFile, bolt.VerifyOptions{Key: key, Anchors: []journal.Checkpoint{anchor}})
	if err != nil {
		return err
	}
	if err := tellReport(p.out, report); err != nil {
		return err
	}
	if report.ExitCode() != 0 {
		return fmt.Errorf("the journal of the demo does not verify")
	}
	fmt.Fprintf(p.out, "\nLeft in %s: journal.db, genesis.pub, timeline.md, timeline.json\n", dir)
	return nil
}
