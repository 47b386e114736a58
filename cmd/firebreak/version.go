package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Long:  "Say which build this is.\n\nExit codes: 0 done, 2 usage.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version   string `json:"version"`
				Commit    string `json:"commit,omitempty"`
				Go        string `json:"go"`
				Format    int    `json:"event_format"`
				Semantics int    `json:"runbook_semantics"`
			}{app.Version(), "", runtime.Version(), engine.FormatVersion, runbooks.Semantics}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Commit = s.Value
					}
				}
			}
			return p.write(v, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "firebreak %s (%s, event format %d, runbook semantics %d)\n", v.Version, v.Go, v.Format, v.Semantics)
				return err
			})
		},
	}
}
