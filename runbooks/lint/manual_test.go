package lint_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

//go:generate env CGO_ENABLED=0 go test -run ^TestManual$ -count=1 . -update

// rulesOf lists the rules that speak about a file, of the compiler or of lint.
func rulesOf(src []byte) (rules []string, text string) {
	p, found := runbooks.Load("example.yaml", src, runbookstest.Catalog())
	if p != nil {
		found = append(found, lint.Check(p, runbookstest.Catalog(), options())...)
	}
	var b strings.Builder
	_ = found.WriteText(&b, nil)
	for _, d := range found {
		rules = append(rules, d.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules), b.String()
}

func TestExamples(t *testing.T) {
	names := map[string]bool{}
	for _, rule := range lint.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			if names[rule.Name] || !regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`).MatchString(rule.Name) || rule.Doc == "" || rule.Severity == "" {
				t.Error("the rule does not explain itself, or is there twice")
			}
			names[rule.Name] = true
			if got, text := rulesOf(lint.Example(rule.Bad)); !slices.Equal(got, []string{rule.Name}) {
				t.Errorf("the bad example: got %v, want only this rule:\n%s", got, text)
			}
			if got, text := rulesOf(lint.Example(rule.Good)); len(got) > 0 {
				t.Errorf("the good example: got %v, want silence:\n%s", got, text)
			}
		})
	}
}

func TestManual(t *testing.T) {
	const path = "../../.github/LINT.md"
	var b strings.Builder
	if err := lint.Manual(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is stale; run go generate ./runbooks/lint:\n%s", path, diff)
	}
}

// What the manual says of the compiler is what the compiler says.
func TestManualNamesTheCompiler(t *testing.T) {
	var b, all strings.Builder
	if err := lint.Manual(&b); err != nil {
		t.Fatal(err)
	}
	goldens, err := filepath.Glob("../testdata/err/*.out")
	if err != nil || len(goldens) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, golden := range goldens {
		text, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	_, tail, _ := strings.Cut(b.String(), "## What the compiler refuses")
	rows := 0
	for line := range strings.Lines(tail) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		rows++
		cell, _, _ := strings.Cut(line[2:], " | ")
		for _, name := range strings.Split(cell, ", ") {
			if name = strings.Trim(name, "`"); !strings.Contains(all.String(), "["+name+"]") {
				t.Errorf("the manual names %q, which the compiler never says", name)
			}
		}
	}
	if rows == 0 {
		t.Error("the manual says nothing of the compiler")
	}
}
