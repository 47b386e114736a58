package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

func (p *program) verifyBundleCommand() *cobra.Command {
	var key string
	var anchors []string
	c := &cobra.Command{
		Use:   "bundle FILE",
		Short: "Check a bundle that was exported, without the journal",
		Long: `Check a bundle (firebreak export --format bundle) by itself: every byte of it, the
signature under the journal's head, the proof that each record is in the journal,
that none of the incident's records up to the export is left out, the engine's
rules over them, and that the timelines are what the records say. Nothing is asked
of any network. The key comes from you, never from the bundle.

Exit codes:
   0  consistent, and an anchor confirms the head
   1  cannot be read
   2  usage, or the key is missing
   3  consistent, but no anchor confirms the head, or the timelines could not be
      compared: another version of firebreak wrote them, or it is redacted
   4  consistent, with something left to do: an effect in doubt, a broken glass
      that nobody has reviewed
  10  damaged: not whole
  20  altered: names the file and the record
  21  contradicts an anchor: another history`,
		Args: words(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" {
				return usage("the key is missing: give --key genesis.pub, the one that the owner of the journal gave you by another way")
			}
			o := timeline.BundleOptions{Version: app.Version()}
			var err error
			if o.Key, err = readKey(key); err != nil {
				return err
			}
			for _, a := range anchors {
				anchor, err := readAnchor(a)
				if err != nil {
					return err
				}
				o.Anchors = append(o.Anchors, anchor)
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("the bundle: %w", err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return fmt.Errorf("the bundle: %w", err)
			}
			if !info.Mode().IsRegular() {
				return usage("the bundle %s is not a regular file", args[0])
			}
			report, err := timeline.VerifyBundle(c.Context(), f, info.Size(), o)
			if err != nil {
				return err
			}
			report.Path = args[0]
			if err := p.write(report, func(w io.Writer) error { return tellBundle(w, report) }); err != nil {
				return err
			}
			return &exit{code: report.ExitCode()}
		},
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "file with the public key of the journal (genesis.pub)")
	f.StringArrayVar(&anchors, "anchor", nil, "file with a checkpoint kept elsewhere, or an exported timeline.json; may be repeated")
	return c
}

func tellBundle(w io.Writer, r timeline.BundleReport) error {
	var b strings.Builder
	third := "consistent, not anchored"
	for _, f := range r.Findings {
		if f.Kind == timeline.BundleUnproven {
			third = "consistent, NOT ALL COMPARED"
		}
	}
	word := map[int]string{0: "consistent and anchored", 3: third, 4: "consistent, with something left to do", 10: "DAMAGED", 20: "ALTERED", 21: "CONTRADICTS AN ANCHOR"}[r.ExitCode()]
	fmt.Fprintf(&b, "%s: %s\n", r.Path, word)
	if r.Incident != "" {
		fmt.Fprintf(&b, "  %s, written for %s, %d records (%d shown)\n", timeline.Visible(r.Incident), r.Level, r.Records, r.Shown)
	}
	if r.Origin != "" {
		fmt.Fprintf(&b, "  %s, %d records, root %s\n", r.Origin, r.Size, r.Root)
	}
	for _, f := range r.Findings {
		where := ""
		if f.File != "" {
			where = f.File + ": "
		}
		if f.Seq >= 0 {
			where += fmt.Sprintf("record %d: ", f.Seq)
		}
		fmt.Fprintf(&b, "  %s: %s%s\n", strings.ReplaceAll(f.Kind, "_", " "), where, f.What)
	}
	return tellProof(w, &b, r.Omitted, r.Proven, r.NotProven)
}
