package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// testSuffix is how the file of the tests of x.yaml is named: x_test.yaml.
const testSuffix = "_test.yaml"

// TestFiles lists the files of tests at a path: itself, the one beside it when
// it is a runbook, or every one below the folder. Links are not followed.
func TestFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file or folder")
	case err != nil:
		return nil, err
	case !info.IsDir() && strings.HasSuffix(path, testSuffix):
		return []string{path}, nil
	case !info.IsDir():
		src, err := os.ReadFile(path)
		if err != nil || runbooks.IsTests(src) {
			return []string{path}, err
		}
		beside := strings.TrimSuffix(path, filepath.Ext(path)) + testSuffix
		if _, err := os.Stat(beside); err != nil {
			return nil, fmt.Errorf("there are no tests beside it; write %s, or begin with a recorded run: firebreak test --record INC-1 --out %s", beside, beside)
		}
		return []string{beside}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(file, testSuffix) {
			files = append(files, file)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

// Tests are a checked file of tests and the runbook that it is for.
type Tests struct {
	File    *runbooks.TestFile // nil: there are errors
	Program *runbooks.Program
	Faults  runbooks.Diagnostics
	Sources map[string][]byte // the two files, for Faults
}

// LoadTests reads a file of tests and the runbook beside it, by read, and
// checks both.
func LoadTests(name string, src []byte, read func(name string) ([]byte, error), load func(name string, src []byte) (*runbooks.Program, runbooks.Diagnostics), cat runbooks.Catalog) Tests {
	t := Tests{Sources: map[string][]byte{name: src}}
	parsed, faults := runbooks.ParseTests(name, src)
	t.Faults = faults
	if parsed == nil || !parsed.Runbook.Set() {
		return t
	}
	book := filepath.ToSlash(filepath.Join(filepath.Dir(name), parsed.Runbook.Value))
	text, err := read(book)
	if err != nil {
		t.Faults = append(t.Faults, runbooks.Diagnostic{File: name, Pos: parsed.Runbook.Pos, Rule: "file", Severity: runbooks.SeverityError,
			Message: fmt.Sprintf("the runbook %s cannot be read", book), Hint: "name a file beside this one"})
		t.Faults.Sort()
		return t
	}
	t.Sources[book] = text
	program, found := load(book, text)
	t.Faults = append(t.Faults, found...)
	if program != nil {
		file, more := parsed.Check(program, cat)
		t.Faults, t.Program = append(t.Faults, more...), program
		if !t.Faults.HasErrors() {
			t.File = file
		}
	}
	t.Faults.Sort()
	return t
}

// Recorded reads the facts of an incident from the journal at path, for which
// no server may run.
func Recorded(ctx context.Context, path, incident string) (_ []engine.Event, err error) {
	log, err := bolt.Open(path, bolt.Options{ReadOnly: true, MustExist: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	var list []engine.Event
	for entry, err := range log.Read(ctx, incident, 0) {
		if err != nil {
			return nil, err
		}
		e, err := engine.Decode(entry.Data, func(digest string) ([]byte, error) { return log.Blob(ctx, digest) })
		if err != nil {
			return nil, fmt.Errorf("record %d of %s: %w", entry.N, incident, err)
		}
		e.Seq = entry.Seq
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no incident %q in %s", incident, path)
	}
	return list, nil
}
