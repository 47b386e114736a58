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

// scenarioBook is the runbook that the scenarios of the tests are for.
func scenarioBook(t testing.TB) *runbooks.Program {
	t.Helper()
	src, err := os.ReadFile("testdata/scenario/book.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, found := runbooks.Load("book.yaml", src, runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	return p
}

// checkScenario reads and checks a scenario.
func checkScenario(name string, src []byte, p *runbooks.Program) (*runbooks.Scenario, runbooks.Diagnostics) {
	f, found := runbooks.ParseScenario(name, src)
	if f == nil {
		return nil, found
	}
	s, more := f.Check(p, runbookstest.Catalog())
	found = append(found, more...)
	found.Sort()
	return s, found
}

// loadScenario gives a scenario and what its author sees.
func loadScenario(t testing.TB, path string) (*runbooks.Scenario, string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(path)
	s, found := checkScenario(name, src, scenarioBook(t))
	if (s == nil) != found.HasErrors() {
		t.Errorf("scenario: %v, errors: %v", s != nil, found.HasErrors())
	}
	var b strings.Builder
	if err := found.WriteText(&b, map[string][]byte{name: src}); err != nil {
		t.Fatal(err)
	}
	return s, b.String()
}

func TestGoodScenariosAreSilent(t *testing.T) {
	for _, path := range files(t, "testdata/scenario/ok/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, out := loadScenario(t, path); out != "" {
				t.Error(out)
			}
		})
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("got (+) and want (-):\n%s", diff)
	}
}

func TestFaultsOfScenarios(t *testing.T) {
	cases := files(t, "testdata/scenario/err/*.yaml")
	if len(cases) < 150 {
		t.Errorf("only %d files; one that is taken away must be replaced", len(cases))
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, got := loadScenario(t, path)
			if got == "" {
				t.Error("nothing was found")
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".out", []byte(got))
		})
	}
}

func allOfScenario(t testing.TB) *runbooks.Scenario {
	t.Helper()
	s, out := loadScenario(t, "testdata/scenario/ok/all.yaml")
	if s == nil {
		t.Fatal(out)
	}
	return s
}
