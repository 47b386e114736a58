package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/schema"
)

func (p *program) schemaCommand() *cobra.Command {
	var out, kind string
	c := &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of runbooks, or of scenarios, for editors",
		Long: `Write the JSON Schema (draft-07) of runbooks with every action that there is, or
with --kind scenario that of the scenarios to rehearse them with. With
it an editor completes keys, actions and parameters, shows what each means, and
underlines what is wrong while it is written. Write it into your repository again
after each update of firebreak:

    firebreak schema --out .firebreak.schema.json

An editor with a YAML server finds it by the first line of a runbook, a path from
the runbook's own folder:

    # yaml-language-server: $schema=./.firebreak.schema.json

or, for all runbooks of a repository in VS Code, by .vscode/settings.json:

    {"yaml.schemas": {"./.firebreak.schema.json": ["runbooks/*.yaml", "!*_test.yaml"]}}

The schema knows form; firebreak lint knows the rest, too: references, the types
behind ${{ }}, and danger.

Exit codes: 0 done, 1 the file cannot be written, 2 usage.`,
		Args: words(0, 0),
		RunE: func(*cobra.Command, []string) error {
			make, ok := map[string]func(runbooks.Catalog) ([]byte, error){"runbook": schema.Runbook, "scenario": schema.Scenario}[kind]
			if !ok {
				return usage("there is no kind %q; there are runbook and scenario", kind)
			}
			data, err := make(app.Registry(nil, app.Options{}, nil))
			if err != nil {
				return err
			}
			if out == "" || out == "-" {
				_, err := p.out.Write(data)
				return err
			}
			if err := replaceFile(out, data); err != nil {
				return err
			}
			fmt.Fprintf(p.err, "wrote %s\n", out)
			return nil
		},
	}
	c.Flags().StringVar(&kind, "kind", "runbook", "runbook or scenario")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}
