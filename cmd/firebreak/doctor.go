package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (p *program) doctorCommand() *cobra.Command {
	var f preflightFlags
	c := &cobra.Command{
		Use:   "doctor [--preflight RUNBOOK [NAME=VALUE ...]]",
		Short: "Look at everything that has to be right before the night it is needed",
		Long: `Look at the configuration, the keys, the journal, the directory, the runbooks,
AWS in every environment (who are we there) and Slack (tokens, rights, clock).
Nothing is changed.

--preflight looks instead whether a runbook (a file, an id, or "all") would work
tonight, step by step: ready, NOT READY or unknown, why, and what to do next. Every
role of the environment is assumed. IAM is asked by simulation for each right that
a step needs, for both sides of every condition and for the undo; this needs
iam:SimulatePrincipalPolicy on those roles. With all inputs given the run is
planned, targets are read, and EC2 is asked by dry run. Nothing is changed, and no
server need run. What is unknown alone is no failure, unless --strict.

Exit codes: 0 all is well (with --preflight: ready, or unknown), 1 something is not
(with --strict: or unknown), 2 usage.`,
		Args: func(c *cobra.Command, args []string) error {
			if f.runbook == "" && (len(args) > 0 || f.env != "" || f.strict) {
				return usage("inputs, --env and --strict belong to a runbook; give --preflight RUNBOOK as well")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.runbook != "" {
				return p.preflight(c.Context(), f, args)
			}
			list := p.examine(c.Context())
			well := true
			for _, f := range list {
				well = well && f.OK
			}
			err := p.write(list, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				for _, f := range list {
					mark := "ok"
					if !f.OK {
						mark = "NO"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\n", mark, f.Check, f.Detail)
				}
				return t.Flush()
			})
			if err == nil && !well {
				err = &exit{code: exitFailed}
			}
			return err
		},
	}
	c.Flags().StringVar(&f.runbook, "preflight", "", "look whether this runbook would work tonight; all: every one")
	c.Flags().StringVar(&f.env, "env", "", "with --preflight: environment (default: the default one of the configuration)")
	c.Flags().BoolVar(&f.strict, "strict", false, "with --preflight: fail when something is unknown")
	return c
}

func (p *program) examine(ctx context.Context) []finding {
	var list []finding
	check := func(name string, detail string, err error) bool {
		if err != nil {
			detail = err.Error()
		}
		list = append(list, finding{name, err == nil, detail})
		return err == nil
	}
	path, err := config.Find(p.config)
	if !check("configuration", path, err) {
		return list
	}
	cfg, err := config.Load(path)
	if !check("its content", "no faults", err) {
		return list
	}
	for _, w := range cfg.Warnings {
		check("warning", "", errors.New(w.String()))
	}
	_, err = journal.LoadSigner(cfg.Signer)
	check("key of the journal", cfg.Signer, err)
	_, err = readKey(cfg.Genesis)
	check("public key", cfg.Genesis, err)
	check("journal", "", nil)
	list[len(list)-1] = p.examineJournal(ctx, cfg)
	me := local.Person(&cfg.Directory, os.Getuid())
	if me.Type == engine.Person {
		check("who you are", me.ID+" ("+me.Via+")", nil)
	} else {
		check("who you are", "", errors.New(me.Name))
	}
	check("hosts and programs", "what steps may call and run", app.Outside(cfg))
	registry := app.Registry(cfg, app.Options{}, nil)
	programs, faults, _ := app.Programs(cfg, registry)
	var bad error
	if faults.HasErrors() {
		bad = errors.New("some have errors; see: firebreak lint")
	}
	check("runbooks", fmt.Sprintf("%d can be run", len(programs)), bad)
	var floors []*engine.Floor
	for _, e := range cfg.Environments {
		floors = append(floors, e.Floor)
	}
	list = append(list, examineSigners(programs, &cfg.Directory, floors)...)
	for _, e := range cfg.Environments {
		limit, cancel := context.WithTimeout(ctx, 15*time.Second)
		who, err := app.WhoAmI(limit, cfg, e.Name)
		cancel()
		check("AWS in "+e.Name, who, err)
	}
	if cfg.Slack == nil {
		check("Slack", "not configured; the terminal does all of it", nil)
		return list
	}
	limit, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	findings, err := app.SlackDoctor(limit, cfg)
	if !check("Slack secrets", "resolved", err) {
		return list
	}
	for _, f := range findings {
		list = append(list, finding{"Slack: " + f.Check, f.OK, f.Detail})
	}
	return list
}

// examineJournal looks whether the journal can be used: by a server that runs,
// or by us.
func (p *program) examineJournal(ctx context.Context, cfg *config.Config) finding {
	f := finding{Check: "journal", Detail: cfg.Store}
	if _, err := local.Dial(cfg.Socket); err == nil {
		f.OK, f.Detail = true, cfg.Store+", in use by the server on "+cfg.Socket
		return f
	}
	report, err := verifyStore(ctx, cfg)
	switch {
	case err != nil:
		f.Detail = err.Error()
	case report.ExitCode() >= bolt.ExitDamaged:
		f.Detail = cfg.Store + " does not verify: " + report.Findings[0].What + "; see: firebreak verify"
	default:
		f.OK, f.Detail = true, fmt.Sprintf("%s, %s", cfg.Store, count(int(report.Size), "record"))
	}
	return f
}
