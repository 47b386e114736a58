package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/firebreak-ir/firebreak/cmd/internal/app"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/format"
)

// layout is one call of fmt.
type layout struct {
	check, diff, stdout bool

	Changed []string             `json:"changed"` // files that are, or with check or diff would be, written anew
	Faults  runbooks.Diagnostics `json:"faults"`  // of files that were left alone
	sources map[string][]byte
}

func (p *program) fmtCommand() *cobra.Command {
	l := &layout{Changed: []string{}, Faults: runbooks.Diagnostics{}, sources: map[string][]byte{}}
	c := &cobra.Command{
		Use:   "fmt [FILE|FOLDER ...]",
		Short: "Lay out runbooks in one way, with every comment kept",
		Long: `Lay out runbooks in one way and write them in place: two spaces for each level,
keys in the order in which the language is explained, {} and [] on one line where
they fit. Comments, quotes and block texts stay; what a runbook means does not
change, and neither does its digest. A file that is no YAML, or that holds anchors
or tags, is left alone and its faults are said.

Without arguments the runbooks of the configuration are laid out. In folders
*_test.yaml is passed over. With - the file comes from standard input and goes to
standard output. The names of the files that were changed are printed.

Exit codes: 0 done, 1 a file was left alone, or with --check is not laid out,
2 usage.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if l.stdout && (l.check || l.diff) {
				return usage("--stdout writes the file; with --check and --diff nothing is written")
			}
			files, err := p.filesToLayOut(args)
			if err != nil {
				return err
			}
			if l.stdout && len(files) != 1 {
				return usage("--stdout takes one file, and there are %d", len(files))
			}
			return p.layOut(l, files)
		},
	}
	f := c.Flags()
	f.BoolVar(&l.check, "check", false, "write nothing; exit 1 when a file would be changed")
	f.BoolVar(&l.diff, "diff", false, "write nothing; show what would be changed")
	f.BoolVar(&l.stdout, "stdout", false, "write the one file to standard output")
	return c
}

func (p *program) filesToLayOut(args []string) ([]string, error) {
	if len(args) == 0 {
		cfg, err := p.loadIfThere()
		if err != nil {
			return nil, err
		}
		if cfg == nil {
			return nil, usage("there is no configuration; name a file or a folder, or - for standard input")
		}
		return configured(cfg)
	}
	var all []string
	for _, arg := range args {
		if arg == "-" {
			if len(args) > 1 {
				return nil, usage("- stands alone: standard input is one file")
			}
			return args, nil
		}
		files, err := app.Files(arg)
		if err != nil {
			return nil, usage("%s: %w", arg, err)
		}
		if len(files) == 0 {
			return nil, usage("%s: there is no .yaml file in this folder", arg)
		}
		all = append(all, files...)
	}
	return all, nil
}

// configured are the files of the configuration, which may have none yet.
func configured(cfg *config.Config) ([]string, error) {
	var all []string
	for _, path := range cfg.Runbooks {
		files, err := app.Files(path)
		if err != nil {
			return nil, fmt.Errorf("the runbooks of the configuration: %s: %w", path, err)
		}
		all = append(all, files...)
	}
	return all, nil
}

// layOut does all files, and says at the end what it did.
func (p *program) layOut(l *layout, files []string) error {
	var diffs bytes.Buffer
	for _, name := range files {
		if err := p.layOutOne(l, name, &diffs); err != nil {
			return err
		}
	}
	toOutput := l.stdout || slices.Equal(files, []string{"-"})
	if !toOutput || l.check || l.diff {
		err := p.write(l, func(w io.Writer) error {
			if l.diff {
				_, err := w.Write(diffs.Bytes())
				return err
			}
			for _, name := range l.Changed {
				fmt.Fprintln(w, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := l.Faults.WriteText(p.err, l.sources); err != nil {
		return err
	}
	if len(l.Faults) > 0 || l.check && len(l.Changed) > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

func (p *program) layOutOne(l *layout, name string, diffs io.Writer) error {
	src, err := p.readFile(name)
	if err != nil {
		return err
	}
	out, found := format.Source(name, src)
	if len(found) > 0 {
		l.Faults = append(l.Faults, found...)
		l.sources[name] = src
		return nil
	}
	changed := !bytes.Equal(src, out)
	if changed {
		l.Changed = append(l.Changed, name)
	}
	switch {
	case l.diff:
		_, err := diffs.Write(diff.Diff(name+".orig", src, name, out))
		return err
	case l.check:
		return nil
	case l.stdout, name == "-":
		_, err := p.out.Write(out)
		return err
	case changed:
		return replaceFile(name, out)
	}
	return nil
}

func (p *program) readFile(name string) ([]byte, error) {
	if name == "-" {
		src, err := io.ReadAll(p.in)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return src, nil
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read a runbook: %w", err)
	}
	return src, nil
}

// replaceFile puts data in the place of a file in one step, so that whoever
// reads it, and a crash, find the old file or the new one and no half. The mode
// stays; a new file is readable by all. A link still points to its file.
func replaceFile(name string, data []byte) (err error) {
	mode := os.FileMode(0o644)
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
