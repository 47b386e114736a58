package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/cmd/internal/app"
)

func (p *program) actionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "actions",
		Short: "What runbooks can use",
		Long:  "What runbooks can use.\n\nExit codes: 0 done, 2 usage.",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List the actions with their effect and how they repeat",
		Long:  "List the actions.\n\nExit codes: 0 done, 2 usage.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r := app.Registry(nil, app.Options{}, nil)
			var specs []actions.Spec
			for _, name := range r.Names() {
				s, _ := r.Spec(name)
				specs = append(specs, s)
			}
			return p.write(specs, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "ACTION\tEFFECT\tREPEAT\tVERIFY\tUNDO\tTITLE")
				for _, s := range specs {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, s.Effect, s.Repeat, yes(s.CanVerify), yes(s.CanUndo), s.Title)
				}
				return t.Flush()
			})
		},
	})
	var schema bool
	show := &cobra.Command{
		Use:   "show NAME",
		Short: "Show one action: parameters, outputs, rights, what it leaves alive",
		Long:  "Show one action.\n\nExit codes: 0 done, 2 there is no such action.",
		Args:  words(1, 1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return app.Registry(nil, app.Options{}, nil).Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			s, ok := app.Registry(nil, app.Options{}, nil).Spec(args[0])
			if !ok {
				return usage("there is no action %q; see: firebreak actions list", args[0])
			}
			if schema {
				e := json.NewEncoder(p.out)
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(actions.JSONSchema(s))
			}
			return p.write(s, func(w io.Writer) error {
				_, err := io.WriteString(w, actions.Markdown(s))
				return err
			})
		},
	}
	show.Flags().BoolVar(&schema, "schema", false, "write the JSON Schema of its parameters")
	c.AddCommand(show)
	return c
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
