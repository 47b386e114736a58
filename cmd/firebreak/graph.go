package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/runbooks/graph"
)

func (p *program) graphCommand() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "graph RUNBOOK",
		Short: "Draw a runbook",
		Long: `Draw a runbook (a file, or the id of one in the configuration or the library):
its steps in their order, how dangerous each is, its condition, who has to say
yes, how its effect is proved and how it is taken back.

Formats: svg, a picture of its own that loads nothing; mermaid, for wikis and Git
forges that draw it; dot, for Graphviz; json, the nodes and edges. The end of the
name given with --out chooses the format when --format is not given.

  firebreak graph leaked-access-key --out leaked-access-key.svg

Exit codes: 0 drawn, 1 the runbook has errors, 2 usage.`,
		Args: words(1, 1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.runbookIDs(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			write, err := graphWriter(format, out, p.json)
			if err != nil {
				return err
			}
			s, err := p.shelf()
			if err != nil {
				return err
			}
			r, err := s.runbook(args[0])
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := write(&b, graph.New(r)); err != nil {
				return err
			}
			return p.deliver(out, b.Bytes())
		},
	}
	c.Flags().StringVar(&format, "format", "", "svg, mermaid, dot or json (default: by the end of the name of --out; svg without --out)")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

// graphWriter chooses a format.
func graphWriter(format, out string, asJSON bool) (func(io.Writer, *graph.Graph) error, error) {
	if format == "" {
		switch strings.ToLower(filepath.Ext(out)) {
		case ".mmd", ".mermaid":
			format = "mermaid"
		case ".dot", ".gv":
			format = "dot"
		case ".json":
			format = "json"
		case "", ".svg":
			format = "svg"
		default:
			if !asJSON {
				return nil, usage("%q does not say in which format to draw; end it with .svg, .mmd, .dot or .json, or give --format", out)
			}
		}
		if asJSON {
			format = "json"
		}
	}
	switch {
	case asJSON && format != "json":
		return nil, usage("--json and --format %s do not fit together", format)
	case format == "svg":
		return graph.SVG, nil
	case format == "mermaid":
		return graph.Mermaid, nil
	case format == "dot":
		return graph.DOT, nil
	case format == "json":
		return func(w io.Writer, g *graph.Graph) error {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(g)
		}, nil
	}
	return nil, usage("%q is no format; there are: svg, mermaid, dot, json", format)
}
