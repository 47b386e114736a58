package format_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/format"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/library/librarytest"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

func read(t testing.TB, path string) []byte {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no files for %s: %v", pattern, err)
	}
	return found
}

// laidOut formats and insists on it, and on what holds for every file.
func laidOut(t interface {
	Helper()
	Fatalf(string, ...any)
}, src []byte) []byte {
	t.Helper()
	out, found := format.Source("a.yaml", src)
	if len(found) > 0 {
		t.Fatalf("%v in:\n%s", found, src)
	}
	again, found := format.Source("a.yaml", out)
	if len(found) > 0 {
		t.Fatalf("what was laid out is refused: %v in:\n%s\nfrom:\n%s", found, out, src)
	}
	if diff := cmp.Diff(string(out), string(again)); diff != "" {
		t.Fatalf("the second time changes something (+):\n%s\nfrom:\n%s", diff, src)
	}
	return out
}

func TestGolden(t *testing.T) {
	for _, path := range files(t, "testdata/*.in.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := laidOut(t, read(t, path))
			golden := strings.TrimSuffix(path, ".in.yaml") + ".out.yaml"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(read(t, golden)), string(got)); diff != "" {
				t.Errorf("got (+) and want (-):\n%s", diff)
			}
		})
	}
}

// good are files that compile: those of the language's own tests, and the library.
func good(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	for _, path := range append(files(t, "../testdata/ok/*.yaml"), files(t, "../testdata/callees/*.yaml")...) {
		all[filepath.Base(path)] = read(t, path)
	}
	for _, e := range library.List() {
		all[e.Name] = e.Source
	}
	return all
}

// callees are what the good files call.
func callees(t testing.TB) []*runbooks.Program {
	var list []runbooks.File
	for _, path := range files(t, "../testdata/callees/*.yaml") {
		list = append(list, runbooks.File{Name: path, Src: read(t, path)})
	}
	programs, _ := runbooks.LoadAll(list, runbookstest.Catalog())
	return programs
}

// digest is that of the program, with the actions of the tests or with others, or
// "" when it does not compile.
func digest(src []byte, others []*runbooks.Program, more ...runbooks.Catalog) string {
	for _, catalog := range append([]runbooks.Catalog{runbookstest.Catalog()}, more...) {
		if p, _ := runbooks.Load("a.yaml", src, catalog, others...); p != nil {
			return p.Digest
		}
	}
	return ""
}

func TestMeaningStays(t *testing.T) {
	others, shipped := callees(t), librarytest.Actions(t)
	for name, src := range good(t) {
		before := digest(src, others, shipped)
		if before == "" {
			t.Errorf("%s does not compile, so this shows nothing", name)
		}
		if after := digest(laidOut(t, src), others, shipped); before != after {
			t.Errorf("%s: the digest was %s and is %s", name, before, after)
		}
	}
}

// Most files with faults can be laid out, too; the faults are the same.
func TestFaultsStay(t *testing.T) {
	n, others := 0, callees(t)
	for _, path := range files(t, "../testdata/err/*.yaml") {
		src := read(t, path)
		out, found := format.Source("a.yaml", src)
		if len(found) > 0 {
			continue
		}
		n++
		_, before := runbooks.Load("a.yaml", src, runbookstest.Catalog(), others...)
		_, after := runbooks.Load("a.yaml", out, runbookstest.Catalog(), others...)
		if got, want := messages(after), messages(before); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", path, cmp.Diff(want, got))
		}
	}
	if n < 100 {
		t.Errorf("only %d files were laid out", n)
	}
}

func messages(found runbooks.Diagnostics) map[string]int {
	all := map[string]int{}
	for _, d := range found {
		all[d.Message]++
	}
	return all
}

func TestRefused(t *testing.T) {
	const head = "apiVersion: firebreak/v1\nkind: Runbook\nid: a\n"
	for _, tt := range []struct{ name, src, want string }{
		{"nothing", "", "1:1: the file is empty"},
		{"only a comment", "# nothing\n", "1:1: the file is empty"},
		{"no YAML", head + "a: [b\n", "[yaml]"},
		{"a tab", head + "steps:\n\t- a\n", "[yaml]"},
		{"an anchor", head + "a: &x b\n", "4:4: anchors and aliases are not allowed [anchor]"},
		{"an alias", head + "a: &x b\nc: *x\n", "[anchor]"},
		{"a tag", head + "a: !!str b\n", "[tag]"},
		{"two documents", head + "---\na: b\n", "[document]"},
		{"a key twice", head + "id: b\n", `4:1: the key "id" is there twice [duplicate-key]`},
		{"a key that is a list", head + "[a]: b\n", "[yaml]"},
		{"a key of two lines", head + "? |\n  a\n: b\n", "4:3: a key that is not a word on one line"},
		{"a directive", "%TAG ! tag:example.com,2026:\n---\n" + head, "1:1: a directive is not laid out"},
		{"bytes that are no text", head + "a: \xff\n", "[encoding]"},
		{"a hidden mark", head + "a: \u202e\n", "[encoding]"},
		{"another tool's file", "services: {a: {image: b}}\n", "this is not a file of firebreak"},
		{"a list", "- a\n", "this is not a file of firebreak"},
		{"a word", "a\n", "this is not a file of firebreak"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, found := format.Source("a.yaml", []byte(tt.src))
			if out != nil || len(found) == 0 {
				t.Fatalf("got %q, %v", out, found)
			}
			if got := found[0].Error(); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLineBreaksOfWindows(t *testing.T) {
	src := read(t, "testdata/steps.in.yaml")
	want := laidOut(t, src)
	if got := laidOut(t, bytes.ReplaceAll(src, []byte("\n"), []byte("\r\n"))); !bytes.Equal(got, want) {
		t.Error(cmp.Diff(string(want), string(got)))
	}
}

// A file without a line break at its end gets one, and a block text that stood
// there still has none.
func TestLastLine(t *testing.T) {
	src := "apiVersion: firebreak/v1\nkind: Runbook\nid: a\ntitle: |\n  text"
	got := string(laidOut(t, []byte(src)))
	if want := strings.Replace(src, "|", "|-", 1) + "\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWidth(t *testing.T) {
	line := func(n int) string {
		const start, end = "environments: [a, ", "]"
		return start + strings.Repeat("é", n-len(start)-len(end)) + end
	}
	const head = "apiVersion: firebreak/v1\nkind: Runbook\nid: a\n"
	if got, want := string(laidOut(t, []byte(head+line(format.Width)+"\n"))), head+line(format.Width)+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(laidOut(t, []byte(head+line(format.Width+1)+"\n"))); !strings.Contains(got, "environments:\n  - a\n  - é") {
		t.Errorf("got %q", got)
	}
}
