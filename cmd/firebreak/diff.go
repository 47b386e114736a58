package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/diff"
)

func (p *program) diffCommand() *cobra.Command {
	var failOn, out string
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what changes in the behaviour of a runbook",
		Long: `Say what changes in the behaviour of a runbook, not in its text: who has to say
yes, what is proved, what can be taken back, in which order and under which
condition. Comments and layout change nothing. Each change is weaker (less safe),
breaking (who starts it has to change something), stronger or neutral.

OLD and NEW are files, or ids of the configuration or the library. With git:

  git show main:runbooks/leaked-access-key.yaml > /tmp/old.yaml
  firebreak diff /tmp/old.yaml runbooks/leaked-access-key.yaml
  firebreak diff <(git show HEAD~1:FILE) <(git show HEAD:FILE)

In a check of a merge request, --fail-on weaker ends with 1 when the runbook became
less safe, so that a person has to look; --fail-on any does for every change.

Exit codes: 0 compared, 1 a runbook has errors, or --fail-on found what it was
told to, 2 usage.`,
		Args: words(2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.runbookIDs(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if failOn != "" && failOn != "weaker" && failOn != "any" {
				return usage("--fail-on %q is not known; there are: weaker, any", failOn)
			}
			s, err := p.shelf()
			if err != nil {
				return err
			}
			s.folders = []string{filepath.Dir(args[0]), filepath.Dir(args[1])}
			var sides [2]*runbooks.Program
			for i, arg := range args {
				if sides[i], err = s.runbook(arg); err != nil {
					return err
				}
			}
			r := compared{diffSide{args[0], sides[0].ID, sides[0].Digest}, diffSide{args[1], sides[1].ID, sides[1].Digest}, diff.Compare(sides[0], sides[1])}
			if r.Changes == nil {
				r.Changes = []diff.Change{}
			}
			data, err := r.bytes(p.json, out == "" && p.style().Color)
			if err != nil {
				return err
			}
			if err := p.deliver(out, data); err != nil {
				return err
			}
			if failOn == "any" && len(r.Changes) > 0 || failOn == "weaker" && diff.Weakens(r.Changes) {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
	c.Flags().StringVar(&failOn, "fail-on", "", "weaker or any: end with 1 when there is such a change")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

// compared is what diff found.
type compared struct {
	Old     diffSide      `json:"old"`
	New     diffSide      `json:"new"`
	Changes []diff.Change `json:"changes"`
}

// diffSide is one of the two runbooks.
type diffSide struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Digest string `json:"digest"`
}

func (r compared) bytes(asJSON, color bool) ([]byte, error) {
	var b bytes.Buffer
	if asJSON {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err := e.Encode(r)
		return b.Bytes(), err
	}
	r.text(&b, color)
	return b.Bytes(), nil
}

// text writes one change a line, the worst first, and the count.
func (r compared) text(w io.Writer, color bool) {
	paint := map[diff.Weight]string{diff.Weaker: "31", diff.Breaking: "33", diff.Stronger: "32"}
	n := map[diff.Weight]int{}
	for _, c := range r.Changes {
		n[c.Weight]++
		word := fmt.Sprintf("%-8s", c.Weight)
		if color && paint[c.Weight] != "" {
			word = "\x1b[" + paint[c.Weight] + "m" + word + "\x1b[0m"
		}
		fmt.Fprintf(w, "%s  %s\n", word, c.Text)
	}
	if len(r.Changes) == 0 {
		fmt.Fprintln(w, "nothing changes in what the runbook does")
		return
	}
	var counts []string
	for _, weight := range []diff.Weight{diff.Weaker, diff.Breaking, diff.Stronger, diff.Neutral} {
		if n[weight] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n[weight], weight))
		}
	}
	fmt.Fprintf(w, "%s: %s\n", count(len(r.Changes), "change"), strings.Join(counts, ", "))
}
