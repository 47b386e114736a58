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
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
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

// Books finds the runbooks that tests are for. What stands in one folder, and
// the library, can call each other, so a folder is compiled as a whole, once.
type Books struct {
	cat     runbooks.Catalog
	library []*runbooks.Program
	folders map[string]folder
}

type folder struct {
	programs []*runbooks.Program
	found    runbooks.Diagnostics
	sources  map[string][]byte
}

// NewBooks gives the runbooks that use the actions of a catalog.
func NewBooks(cat runbooks.Catalog) *Books {
	b := &Books{cat: cat, folders: map[string]folder{}}
	var files []runbooks.File
	for _, e := range library.List() {
		files = append(files, runbooks.File{Name: libraryFolder + "/" + e.Name, Src: e.Source})
	}
	embedded := b.compile(files)
	b.folders[libraryFolder+"//"], b.library = embedded, embedded.programs
	return b
}

const libraryFolder = "library"

func (b *Books) compile(files []runbooks.File) folder {
	f := folder{sources: map[string][]byte{}}
	for _, one := range files {
		f.sources[one.Name] = one.Src
	}
	f.programs, f.found = runbooks.LoadAll(files, b.cat, b.library...)
	return f
}

// folder compiles the runbooks of a folder.
func (b *Books) folder(dir string) (folder, error) {
	if f, ok := b.folders[dir]; ok {
		return f, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return folder{}, err
	}
	var files []runbooks.File
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if !e.Type().IsRegular() || ext != ".yaml" && ext != ".yml" || strings.HasSuffix(e.Name(), testSuffix) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		src, err := os.ReadFile(name)
		if err != nil {
			return folder{}, err
		}
		if !runbooks.IsTests(src) {
			files = append(files, runbooks.File{Name: name, Src: src})
		}
	}
	f := b.compile(files)
	b.folders[dir] = f
	return f, nil
}

// TestSource is a file of tests.
type TestSource struct {
	Name    string
	Src     []byte
	Library bool // its runbook is one of the embedded library
}

// Tests are a checked file of tests and the runbook that it is for.
type Tests struct {
	File    *runbooks.TestFile // nil: there are errors
	Program *runbooks.Program
	Faults  runbooks.Diagnostics
	Sources map[string][]byte // the two files, for Faults
}

// Tests reads a file of tests and the runbook beside it, and checks both.
func (b *Books) Tests(s TestSource) Tests {
	t := Tests{Sources: map[string][]byte{s.Name: s.Src}}
	parsed, faults := runbooks.ParseTests(s.Name, s.Src)
	t.Faults = faults
	if parsed == nil || !parsed.Runbook.Set() {
		return t
	}
	book := filepath.Join(filepath.Dir(s.Name), filepath.FromSlash(parsed.Runbook.Value))
	dir := filepath.Dir(book)
	if s.Library {
		dir = libraryFolder + "//"
	}
	f, err := b.folder(dir)
	src, there := f.sources[book]
	if err != nil || !there {
		t.Faults = append(t.Faults, runbooks.Diagnostic{File: s.Name, Pos: parsed.Runbook.Pos, Rule: "file", Severity: runbooks.SeverityError,
			Message: fmt.Sprintf("the runbook %s cannot be read", book), Hint: "name a file beside this one"})
		t.Faults.Sort()
		return t
	}
	t.Sources[book] = src
	for _, d := range f.found {
		if d.File == book {
			t.Faults = append(t.Faults, d)
		}
	}
	if i := slices.IndexFunc(f.programs, func(p *runbooks.Program) bool { return p.Source.Name == book }); i >= 0 {
		file, more := parsed.Check(f.programs[i], b.cat)
		t.Faults, t.Program = append(t.Faults, more...), f.programs[i]
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
	return factsOf(ctx, log, incident)
}

// Facts reads the facts of an incident or an exercise.
func (r Records) Facts(ctx context.Context, incident string) ([]engine.Event, error) {
	log := r.Live
	if engine.IsExercise(incident) {
		log = r.Drills
	}
	if log == nil {
		return nil, fmt.Errorf("there is no %q: nothing was written down yet", incident)
	}
	return factsOf(ctx, log, incident)
}

func factsOf(ctx context.Context, log journal.Log, incident string) ([]engine.Event, error) {
	var list []engine.Event
	for e, err := range record.Read(ctx, log, incident) {
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no incident %q in the journal", incident)
	}
	return list, nil
}
