package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

func (p *program) exportCommand() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "export INCIDENT",
		Short: "Write the timeline of an incident, with the journal's signed head",
		Long: `Write the timeline of an incident, for people or for machines, or a bundle that a
stranger can verify. That it was handed out is written into the journal first. The file holds the journal's signed head:
keep it elsewhere and give it to firebreak verify --anchor.

Exit codes: 0 done, 1 refused or failed, 2 usage, 10 or 20 the journal is
damaged or altered (see firebreak verify).`,
		Args: words(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if p.json {
				format = "json"
			}
			cfg, err := p.load()
			if err != nil {
				return err
			}
			m, err := p.say(c.Context(), cfg, chatops.Join([]string{"export", format, args[0]}))
			if err != nil {
				return err
			}
			if len(m.Files) == 0 {
				p.out = p.err
				p.json = false
				if err := p.show(m); err != nil {
					return err
				}
				return &exit{code: exitFailed}
			}
			if out == "" || out == "-" {
				_, err := p.out.Write(m.Files[0].Data)
				return err
			}
			if err := os.WriteFile(out, m.Files[0].Data, 0o600); err != nil {
				return fmt.Errorf("write the timeline: %w", err)
			}
			fmt.Fprintf(p.err, "wrote %s\n", out)
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "md", timeline.FormatNames())
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}
