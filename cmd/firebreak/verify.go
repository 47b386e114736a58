package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
)

// verifyChild is the hidden command that reads the file in a process of its own.
const verifyChild = "verify-child"

func (p *program) verifyCommand() *cobra.Command {
	var key string
	var anchors []string
	var live bool
	c := &cobra.Command{
		Use:   "verify [JOURNAL]",
		Short: "Check that a journal is complete, unaltered and kept the rules",
		Long: `Recompute every hash and signature of a journal, fold every incident again, and
check the rules (no effect without an intent, no gated effect without its
approvals). The key comes from you, never from the journal: give the genesis.pub
you kept elsewhere. An anchor is a checkpoint that was kept elsewhere: a signed
head, or a timeline that was exported as JSON. Only an anchor shows that nothing
was cut off at the end.

Exit codes:
   0  consistent, and anchored to the end
   1  cannot be checked: locked by a server (use --live), not readable
   2  usage, or the key is missing
   3  consistent, but the last records are not anchored
   4  consistent, with something left to do: an effect in doubt, a broken glass
      that nobody has reviewed
  10  damaged: not readable to the end
  20  altered: names the first bad record
  21  contradicts an anchor: rolled back, or another history`,
		Args: words(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			path, keyFile, socket := "", key, ""
			if len(args) == 1 {
				if live {
					return usage("--live asks the running server for its journal; take away %q, or --live", args[0])
				}
				path = args[0]
			}
			if path == "" || keyFile == "" || live {
				if _, err := config.Find(p.config); err != nil && keyFile == "" {
					return usage("the key is missing: give --key genesis.pub, the one you kept elsewhere; there is no configuration to name one either: %w", err)
				}
				cfg, err := p.load()
				if err != nil {
					return err
				}
				socket = cfg.Socket
				if path == "" {
					path = cfg.Store
				}
				if keyFile == "" {
					keyFile = cfg.Genesis
				}
			}
			o := bolt.VerifyOptions{}
			var err error
			if o.Key, err = readKey(keyFile); err != nil {
				return err
			}
			for _, a := range anchors {
				anchor, err := readAnchor(a)
				if err != nil {
					return err
				}
				o.Anchors = append(o.Anchors, anchor)
			}
			name := path
			if live {
				copied, remove, err := p.copyLive(c, socket)
				if err != nil {
					return err
				}
				defer remove()
				path, name = copied, "a live copy of "+path
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program to check the file in a process of its own: %w", err)
			}
			report, err := bolt.VerifyInChild(c.Context(), self, []string{verifyChild}, path, o)
			if locked, ok := errors.AsType[*journal.LockedError](err); ok {
				return locked
			}
			if err != nil {
				return err
			}
			report.Path = name
			if err := p.write(report, func(w io.Writer) error { return tellReport(w, report) }); err != nil {
				return err
			}
			return &exit{code: report.ExitCode()}
		},
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "file with the public key that the journal begins with (genesis.pub)")
	f.StringArrayVar(&anchors, "anchor", nil, "file with a checkpoint kept elsewhere, or an exported timeline.json; may be repeated")
	f.BoolVar(&live, "live", false, "ask the running server for a copy and check that")
	c.AddCommand(p.verifyBundleCommand())
	return c
}

func readKey(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", usage("the key: %w", err)
	}
	key := strings.TrimSpace(string(data))
	if err := journal.CheckVerifier(key); err != nil {
		return "", usage("the key %s: %w", path, err)
	}
	return key, nil
}

// readAnchor reads a checkpoint that was kept elsewhere: by itself, or inside a
// timeline that was exported as JSON.
func readAnchor(path string) (journal.Checkpoint, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return journal.Checkpoint{}, usage("the anchor: %w", err)
	}
	text := string(data)
	var exported struct {
		Checkpoint string `json:"checkpoint"`
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if err := json.Unmarshal(data, &exported); err != nil {
			return journal.Checkpoint{}, usage("the anchor %s is no JSON that can be read: %w", path, err)
		}
		if text = exported.Checkpoint; text == "" {
			return journal.Checkpoint{}, usage("the anchor %s holds no checkpoint; give a timeline that was exported as JSON, or a signed head", path)
		}
	}
	anchor, err := journal.ParseAnchor(text)
	if err != nil {
		return anchor, usage("the anchor %s: %w; give a timeline that was exported as JSON, or the lines of a signed head by themselves", path, err)
	}
	return anchor, nil
}

// copyLive asks the server for a copy of its journal.
func (p *program) copyLive(c *cobra.Command, socket string) (path string, remove func(), err error) {
	client, err := local.Dial(socket)
	if err != nil {
		return "", nil, fmt.Errorf("--live needs a running server: %w on %s", err, socket)
	}
	return snapshot(c.Context(), client.Snapshot)
}

// snapshot asks a server for a copy of one of its journals.
func snapshot(ctx context.Context, copied func(ctx context.Context, w io.Writer) error) (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "firebreak-verify-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	f, err := os.OpenFile(filepath.Join(dir, "journal.db"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err == nil {
		err = errors.Join(copied(ctx, f), f.Close())
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return f.Name(), remove, nil
}

func tellReport(w io.Writer, r bolt.Report) error {
	var b strings.Builder
	word := map[int]string{0: "consistent and anchored", 3: "consistent, not anchored to the end", 4: "consistent, with something left to do", 10: "DAMAGED", 20: "ALTERED", 21: "CONTRADICTS AN ANCHOR"}[r.ExitCode()]
	fmt.Fprintf(&b, "%s: %s\n", r.Path, word)
	if r.Origin != "" {
		fmt.Fprintf(&b, "  %s, %d records, root %s\n", r.Origin, r.Size, r.Root)
	}
	for _, f := range r.Findings {
		where := ""
		if f.Seq >= 0 {
			where = fmt.Sprintf("record %d: ", f.Seq)
		}
		fmt.Fprintf(&b, "  %s: %s%s\n", strings.ReplaceAll(string(f.Kind), "_", " "), where, f.What)
	}
	return tellProof(w, &b, r.Omitted, r.Proven, r.NotProven)
}

// tellProof ends what a check has to say.
func tellProof(w io.Writer, b *strings.Builder, omitted int, proven, not []string) error {
	if omitted > 0 {
		fmt.Fprintf(b, "  and %d more findings\n", omitted)
	}
	for _, list := range []struct {
		title string
		lines []string
	}{{"Proven:", proven}, {"Not proven:", not}} {
		if len(list.lines) > 0 {
			fmt.Fprintf(b, "%s\n", list.title)
		}
		for _, l := range list.lines {
			fmt.Fprintf(b, "  - %s\n", l)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *program) verifyChildCommand() *cobra.Command {
	return &cobra.Command{
		Use: verifyChild, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return bolt.VerifyChild(c.Context(), p.in, p.out, app.Deep)
		},
	}
}
