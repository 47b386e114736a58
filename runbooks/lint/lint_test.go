package lint_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/library/librarytest"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files of testdata/err")

func options() lint.Options {
	return lint.Options{
		Groups: map[string][]string{"leads": {"alice", "bob", "carol"}, "ciso": {"dave", "erin"}, "ghosts": {}, "lonely": {"alice"}, "security-leads": {"alice", "bob"}},
		People: []string{"alice", "bob", "carol", "dave", "erin"},
		Now:    time.Date(2026, 11, 26, 23, 59, 0, 0, time.UTC),
	}
}

func program(t *testing.T, name string, src []byte) *runbooks.Program {
	t.Helper()
	p, found := runbooks.Load(name, src, runbookstest.Catalog())
	if p == nil {
		t.Fatalf("%s does not compile: %v", name, found)
	}
	return p
}

func check(t *testing.T, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(path)
	var b strings.Builder
	found := lint.Check(program(t, name, src), runbookstest.Catalog(), options())
	if err := found.WriteText(&b, map[string][]byte{name: src}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDangers(t *testing.T) {
	paths, err := filepath.Glob("testdata/err/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	seen := map[string]int{}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := check(t, path)
			for _, rule := range lint.Rules() {
				if strings.Contains(got, "["+rule.Name+"]") {
					seen[rule.Name]++
				}
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
			if diff := cmp.Diff(string(want), got); diff != "" || got == "" {
				t.Errorf("got (+) and want (-):\n%s", diff)
			}
			for _, secret := range []string{"hunter2", "AKIAIOSFODNN7EXAMPLE", "wJalrX", "xoxb-123", "ghp_a1"} {
				if strings.Contains(got, secret) {
					t.Errorf("the output shows the secret %s", secret)
				}
			}
		})
	}
	for _, rule := range lint.Rules() {
		if seen[rule.Name] < 2 && rule.Name != "retry-of-once" { // that one is for the catalog of today
			t.Errorf("%d files of testdata/err show the rule %s, want 2", seen[rule.Name], rule.Name)
		}
	}
}

func TestQuiet(t *testing.T) {
	paths, err := filepath.Glob("testdata/ok/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range paths {
		if got := check(t, path); got != "" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestLibraryIsSafe(t *testing.T) {
	catalog := librarytest.Actions(t)
	for _, entry := range library.List() {
		p, found := runbooks.Load(entry.Name, entry.Source, catalog)
		if p == nil {
			t.Fatalf("%s does not compile: %v", entry.Name, found)
		}
		if found := lint.Check(p, catalog, options()); len(found) > 0 {
			t.Errorf("%s: %v", entry.Name, found)
		}
	}
}

// An action may become more dangerous after a program was compiled with it.
func TestCatalogOfToday(t *testing.T) {
	src, err := os.ReadFile("testdata/ok/quiet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := program(t, "quiet.yaml", src)
	step, _ := p.Step("a")
	step.Retry.Attempts = 3
	stricter := worse{runbookstest.Catalog()}
	var rules []string
	for _, d := range lint.Check(p, stricter, options()) {
		if d.Pos.Line == step.Pos.Line {
			rules = append(rules, d.Rule)
		}
	}
	slices.Sort(rules)
	want := []string{"destructive-without-approval", "destructive-without-undo", "destructive-without-verify", "retry-of-once"}
	if !slices.Equal(rules, want) {
		t.Errorf("got %v, want %v", rules, want)
	}
}

// worse makes every action destructive and once.
type worse struct{ runbooks.Catalog }

func (w worse) Spec(name string) (actions.Spec, bool) {
	spec, ok := w.Catalog.Spec(name)
	spec.Effect, spec.Repeat, spec.CanUndo = actions.Destructive, actions.Once, false
	return spec, ok
}

func TestSilentWithoutKnowledge(t *testing.T) {
	for _, name := range []string{"group-unknown", "group-empty", "quorum", "review-passed"} {
		src, err := os.ReadFile("testdata/err/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if found := lint.Check(program(t, name, src), runbookstest.Catalog(), lint.Options{}); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}
