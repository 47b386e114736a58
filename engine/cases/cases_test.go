package cases_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/actions/slack"
	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// catalog is the actions of this build, and those of the tests of the language.
func catalog() *actions.Registry {
	r := actions.NewRegistry()
	aws.New(aws.Options{}).Register(r)
	slack.New(slack.Options{}).Register(r)
	more := runbookstest.Catalog()
	for _, name := range more.Names() {
		if h, ok := more.Handler(name); ok && strings.HasPrefix(name, "test.") {
			r.Add(h)
		}
	}
	return r
}

// load reads a file of tests and the runbook beside it.
func load(t testing.TB, path string) (*runbooks.TestFile, *runbooks.Program) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return check(t, path, src)
}

// check reads tests whose runbook stands beside a path.
func check(t testing.TB, path string, src []byte) (*runbooks.TestFile, *runbooks.Program) {
	t.Helper()
	catalog := catalog()
	tests, found := runbooks.ParseTests(filepath.Base(path), src)
	if tests == nil {
		t.Fatal(found)
	}
	book := filepath.Join(filepath.Dir(path), tests.Runbook.Value)
	var files []runbooks.File
	for _, name := range []string{book, filepath.Join(filepath.Dir(path), "child.yaml")} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, runbooks.File{Name: filepath.Base(name), Src: text})
	}
	programs, faults := runbooks.LoadAll(files, catalog)
	if len(programs) != len(files) {
		t.Fatal(faults)
	}
	p := programs[0]
	f, more := tests.Check(p, catalog)
	if f == nil {
		var b strings.Builder
		if err := append(found, more...).WriteText(&b, map[string][]byte{filepath.Base(path): src}); err != nil {
			t.Fatal(err)
		}
		t.Fatal(b.String())
	}
	return f, p
}

// Every file of testdata/ok passes.
func TestGoodFilesPass(t *testing.T) {
	files, err := filepath.Glob("testdata/ok/*_test.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, p := load(t, path)
			r, err := cases.Run(t.Context(), f, p, cases.Options{Catalog: catalog()})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Cases {
				for _, failure := range c.Failures {
					t.Errorf("%s:%d: %s: %s\n%s", r.File, failure.Pos.Line, c.Name, failure, strings.Join(c.Story, "\n"))
				}
			}
			for _, fault := range r.Faults {
				t.Error(fault, r.Coverage.Missing())
			}
		})
	}
}

// A thousand cases of the library's runbook, on every core.
func BenchmarkCases(b *testing.B) {
	f, p := load(b, "testdata/ok/leaked-access-key_test.yaml")
	some := f.Cases
	for len(f.Cases) < 1000 {
		f.Cases = append(f.Cases, some[len(f.Cases)%len(some)])
	}
	for b.Loop() {
		r, err := cases.Run(b.Context(), f, p, cases.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if !r.OK() {
			b.Fatal("cases failed")
		}
	}
}
