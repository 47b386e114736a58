package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
)

// closeLimit is how long a stopping server waits for effects in flight.
const closeLimit = 45 * time.Second

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the server: Slack, the terminal's socket, and everything that is unfinished",
		Long: `Run the server. It verifies the journal, takes it, brings back whatever was
unfinished, and takes in requests from Slack and from the terminal on this machine.

An interrupt stops it: it starts nothing more and waits for effects in flight.

Exit codes: 0 stopped, 1 cannot start, 2 usage, 10 or 20 the journal is damaged
or altered (see firebreak verify), 70 the store may hold what
could not be confirmed (start again), 71 another process took the store.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			if err := p.checkJournal(c.Context(), cfg); err != nil {
				return err
			}
			log := p.logger(slog.LevelInfo)
			a, err := app.Open(c.Context(), cfg, app.Options{Log: log, CheckDrills: checkStore})
			if err != nil {
				return err
			}
			if len(a.Faults) > 0 {
				if err := a.Faults.WriteText(p.err, a.Sources); err != nil {
					return err
				}
				if a.Faults.HasErrors() {
					log.Error("runbooks with errors are left out; mend them and start again")
				}
			}
			served := a.Serve(c.Context(), func(at app.Ready) {
				fmt.Fprintf(p.out, "firebreak is ready: terminal on %s", at.Socket)
				if at.HTTP != "" {
					fmt.Fprintf(p.out, ", Slack on %s", at.HTTP)
				} else if a.Slack != nil {
					fmt.Fprint(p.out, ", Slack by Socket Mode")
				}
				fmt.Fprintf(p.out, ", %s\n", count(len(a.Host.Programs()), "runbook"))
			})
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), closeLimit)
			defer cancel()
			closed := a.Close(ctx)
			if served != nil {
				return served
			}
			return closed
		},
	}
}
