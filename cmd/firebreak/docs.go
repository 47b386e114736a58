package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/runbooks/docs"
)

func (p *program) docsCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "docs RUNBOOK [RUNBOOK ...]",
		Short: "Write a runbook as a page for a wiki",
		Long: `Write runbooks (files, folders, or ids of the configuration or the library) as
Markdown for a wiki: inputs, what happens in which order, who is asked, what
stays alive, how it is taken back, a drawing, and how to run it. The same runbook
gives the same page, so that a page in git changes only when the runbook does.

  firebreak docs leaked-access-key
  firebreak docs runbooks --out wiki/

With --out FOLDER each page is ID.md in that folder; several runbooks need one.

Exit codes: 0 written, 1 a runbook has errors, 2 usage.`,
		Args: words(1, -1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.runbookIDs(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := p.shelf()
			if err != nil {
				return err
			}
			pages, err := p.pages(s, args)
			if err != nil {
				return err
			}
			if p.json {
				return p.write(pages, func(io.Writer) error { return nil })
			}
			return p.file(pages, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "file or folder to write (default: standard output)")
	return c
}

// runbookPage is a runbook written for people.
type runbookPage struct {
	ID       string `json:"id"`
	Digest   string `json:"digest"`
	Markdown string `json:"markdown"`
}

// pages writes each runbook once, in the order of the words.
func (p *program) pages(s *shelf, args []string) ([]runbookPage, error) {
	var pages []runbookPage
	seen := map[string]string{}
	for _, arg := range args {
		names := []string{arg}
		if info, err := os.Stat(arg); err == nil && info.IsDir() {
			if names, err = app.Files(arg); err != nil {
				return nil, usage("%s: %w", arg, err)
			}
			if len(names) == 0 {
				return nil, usage("%s: there is no .yaml file in this folder", arg)
			}
		}
		for _, name := range names {
			r, err := s.runbook(name)
			if err != nil {
				return nil, err
			}
			if before, twice := seen[r.ID]; twice {
				return nil, usage("%s and %s are both the runbook %q", before, name, r.ID)
			}
			seen[r.ID] = name
			var b bytes.Buffer
			if err := docs.Write(&b, r, s.registry); err != nil {
				return nil, err
			}
			pages = append(pages, runbookPage{r.ID, r.Digest, b.String()})
		}
	}
	return pages, nil
}

// file puts the pages where they are wanted.
func (p *program) file(pages []runbookPage, out string) error {
	info, err := os.Stat(out)
	folder := strings.HasSuffix(out, "/") || err == nil && info.IsDir()
	if len(pages) > 1 && !folder {
		return usage("%d runbooks need a folder: --out FOLDER/", len(pages))
	}
	if !folder {
		return p.deliver(out, []byte(pages[0].Markdown))
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make the folder of the pages: %w", err)
	}
	for _, page := range pages {
		if err := p.deliver(filepath.Join(out, page.ID+".md"), []byte(page.Markdown)); err != nil {
			return err
		}
	}
	return nil
}
