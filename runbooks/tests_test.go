package runbooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// loadTests checks a file of tests against the runbook beside it, and gives
// what its author sees.
func loadTests(t testing.TB, path string) (*runbooks.TestFile, string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile(filepath.Join(filepath.Dir(path), "book.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, found := runbooks.Load("book.yaml", book, runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	name := filepath.Base(path)
	tests, faults := runbooks.ParseTests(name, src)
	var f *runbooks.TestFile
	if tests != nil {
		var more runbooks.Diagnostics
		f, more = tests.Check(p, runbookstest.Catalog())
		faults = append(faults, more...)
		faults.Sort()
	}
	if (f == nil) != faults.HasErrors() {
		t.Errorf("tests: %v, errors: %v", f != nil, faults.HasErrors())
	}
	var b strings.Builder
	if err := faults.WriteText(&b, map[string][]byte{name: src}); err != nil {
		t.Fatal(err)
	}
	return f, b.String()
}

func TestGoodTestsAreSilent(t *testing.T) {
	for _, path := range files(t, "testdata/tests/ok/*_test.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, out := loadTests(t, path); out != "" {
				t.Error(out)
			}
		})
	}
}

func TestFaultsOfTests(t *testing.T) {
	for _, path := range files(t, "testdata/tests/err/*_test.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, got := loadTests(t, path)
			if got == "" {
				t.Error("nothing was found")
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".out"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("got (+) and want (-):\n%s", diff)
			}
		})
	}
}

// A case lies over the defaults, and a row over its case.
func TestMerge(t *testing.T) {
	f, out := loadTests(t, "testdata/tests/ok/all_test.yaml")
	if f == nil {
		t.Fatal(out)
	}
	var names []string
	for _, c := range f.Cases {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"every answer", "every act", "a table/one", "a table/two"}, names); diff != "" {
		t.Fatal(diff)
	}
	answer, act, one, two := f.Cases[0], f.Cases[1], f.Cases[2], f.Cases[3]
	find := func(c runbooks.TestCase, step string) runbooks.TestAnswers {
		for _, a := range c.Answers {
			if a.Step == step {
				return a
			}
		}
		t.Fatalf("no answer for %q", step)
		return runbooks.TestAnswers{}
	}
	if a := find(answer, "disable"); len(a.List) != 6 || !a.Own || a.List[0].Outputs != nil || a.List[3].Outputs["user"] != "u" || len(a.List[1].Targets) != 2 {
		t.Errorf("disable: %+v", a)
	}
	if a := find(one, "disable"); len(a.List) != 1 || a.Own {
		t.Errorf("disable of the defaults: %+v", a)
	}
	if a := find(two, "owner"); a.List[0].Outputs["status"] != "Inactive" || a.List[0].Outputs["user"] != "u" || !a.Own {
		t.Errorf("owner of the second row: %+v", a)
	}
	if diff := cmp.Diff(map[string]any{"key": "AKIAIOSFODNN7EXAMPLE", "count": int64(3)}, one.Inputs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"key": "AKIAIOSFODNN7EXAMPLE", "count": int64(2)}, two.Inputs); diff != "" {
		t.Error(diff)
	}
	if two.Expect.Run.Value != "done" || len(two.Expect.Steps) != 1 || len(one.Expect.Steps) != 0 {
		t.Errorf("expectations: %+v and %+v", one.Expect, two.Expect)
	}
	if len(answer.Acts) != 2 || len(act.Acts) != 14 || !act.Acts[0].Own || answer.Acts[0].Own {
		t.Errorf("acts: %d and %d", len(answer.Acts), len(act.Acts))
	}
	if e := answer.Environment; e.Floor == nil || e.Floor.Quorum != 2 || !e.Floor.BreakGlass || e.Name != "staging" || answer.Requester.ID != "ann" || answer.Severity != 1 {
		t.Errorf("environment: %+v", answer)
	}
}

// Whatever stands in a file of tests, there are tests or there are errors.
func FuzzTests(f *testing.F) {
	for _, pattern := range []string{"testdata/tests/ok/*_test.yaml", "testdata/tests/err/*_test.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	book, err := os.ReadFile("testdata/tests/ok/book.yaml")
	if err != nil {
		f.Fatal(err)
	}
	catalog := runbookstest.Catalog()
	p, _ := runbooks.Load("book.yaml", book, catalog)
	f.Fuzz(func(t *testing.T, src []byte) {
		tests, found := runbooks.ParseTests("x_test.yaml", src)
		if tests == nil {
			if !found.HasErrors() {
				t.Fatal("neither tests nor errors")
			}
			return
		}
		file, more := tests.Check(p, catalog)
		if (file == nil) != (found.HasErrors() || more.HasErrors()) {
			t.Fatal("both tests and errors, or neither")
		}
	})
}
