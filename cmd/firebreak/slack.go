package main

import (
	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/chatops/slack"
)

func (p *program) slackCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "slack",
		Short: "Install firebreak in a Slack workspace",
		Long:  "Install firebreak in a Slack workspace.\n\nExit codes: 0 done, 2 usage.",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var o slack.ManifestOptions
	m := &cobra.Command{
		Use:   "manifest",
		Short: "Write the app manifest to paste at api.slack.com",
		Long: `Write the manifest of the Slack app: its commands, its rights and how it is
reached. Without --url it is for Socket Mode, which needs no open port.

Exit codes: 0 done, 2 usage.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := p.out.Write(append(slack.Manifest(o), '\n'))
			return err
		},
	}
	m.Flags().StringVar(&o.Name, "name", "", "name of the app (default: firebreak)")
	m.Flags().StringVar(&o.Word, "word", "", "the slash command without the slash (default: incident)")
	m.Flags().StringVar(&o.URL, "url", "", "https URL of the server, for http mode")
	c.AddCommand(m)
	return c
}
