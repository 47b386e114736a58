package main

import (
	"fmt"
	"io"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

func (p *program) initCommand() *cobra.Command {
	var o config.InitOptions
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first configuration, the keys, the directory of people and an empty journal",
		Long: `Write firebreak.yaml, directory.yaml, a folder for runbooks, the keys and an
empty journal into DIR (default: the current folder). Nothing is overwritten.

Keep a copy of keys/genesis.pub somewhere else: whoever verifies the journal
needs it from a place that the server cannot write to.

Exit codes: 0 done, 1 something is there already or cannot be written, 2 usage.`,
		Args: words(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if o.OSUser == "" { // whoever makes it wants to use it
				if me, err := user.Current(); err == nil {
					o.OSUser = me.Username
				}
			}
			o.Generate = journal.GenerateKey
			files, err := config.Init(dir, o)
			if err != nil {
				return err
			}
			cfg, err := config.Load(filepath.Join(dir, config.FileName))
			if err != nil {
				return fmt.Errorf("bug: what init wrote does not load: %w", err)
			}
			signer, err := journal.LoadSigner(cfg.Signer)
			if err != nil {
				return err
			}
			store, err := bolt.Open(cfg.Store, bolt.Options{Signer: signer, Org: cfg.Organisation})
			if err != nil {
				return err
			}
			verifier := store.Verifier()
			if err := store.Close(); err != nil {
				return err
			}
			if abs, err := filepath.Abs(dir); err == nil {
				if name, err := filepath.Rel(abs, cfg.Store); err == nil {
					files = append(files, name)
				}
			}
			return p.write(struct {
				Files   []string `json:"files"`
				Genesis string   `json:"genesis"`
			}{files, verifier}, func(w io.Writer) error {
				fmt.Fprintln(w, "wrote:")
				for _, f := range files {
					fmt.Fprintf(w, "  %s\n", filepath.Join(dir, f))
				}
				fmt.Fprintf(w, "\nThe journal begins with this key. Keep it somewhere else, too:\n  %s\n", verifier)
				_, err := fmt.Fprintf(w, "\nNext: look at %s and %s, then run: firebreak doctor\n", filepath.Join(dir, config.FileName), filepath.Join(dir, "directory.yaml"))
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.Organisation, "organisation", "", "name of your organisation, part of the journal's name (default: example)")
	f.StringVar(&o.Person, "person", "", "id of the first person of the directory (default: admin)")
	f.StringVar(&o.Name, "name", "", "name of the first person")
	f.StringVar(&o.OSUser, "os-user", "", "user name of the first person on this machine (default: yours)")
	f.StringVar(&o.Account, "account", "", "AWS account of the environment prod, twelve digits")
	f.StringVar(&o.Region, "region", "", "AWS region of the environment prod")
	return c
}
