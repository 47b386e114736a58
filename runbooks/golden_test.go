package runbooks_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files of testdata/err")

// load compiles a file against the test actions and gives what an author sees.
func load(t *testing.T, path string) (*runbooks.Program, string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(path)
	p, found := runbooks.Load(name, src, runbookstest.Catalog(), callees(t)...)
	if (p == nil) != found.HasErrors() {
		t.Errorf("program: %v, errors: %v", p != nil, found.HasErrors())
	}
	var b strings.Builder
	if err := found.WriteText(&b, map[string][]byte{name: src}); err != nil {
		t.Fatal(err)
	}
	return p, b.String()
}

// callees are the runbooks that the files of the tests may call.
func callees(t testing.TB) []*runbooks.Program {
	t.Helper()
	var list []runbooks.File
	for _, path := range globbed("testdata/callees/*.yaml") {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, runbooks.File{Name: filepath.Base(path), Src: src})
	}
	programs, found := runbooks.LoadAll(list, runbookstest.Catalog())
	if len(found) > 0 || len(programs) == 0 {
		t.Fatalf("%d programs, %v", len(programs), found)
	}
	return programs
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no files for %s: %v", pattern, err)
	}
	return found
}

func TestGoodFilesAreSilent(t *testing.T) {
	for _, path := range files(t, "testdata/ok/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, out := load(t, path); out != "" {
				t.Error(out)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	cases := files(t, "testdata/err/*.yaml")
	if len(cases) < 460 {
		t.Errorf("only %d files; one that is taken away must be replaced", len(cases))
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, got := load(t, path)
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
