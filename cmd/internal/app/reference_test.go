package app

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

//go:generate env CGO_ENABLED=0 go test -run ^TestReference$ -count=1 . -update

var update = flag.Bool("update", false, "write the reference of the actions anew")

// TestReference keeps what is written about the actions in the house equal to
// what they declare: a page each in .github/ACTIONS.md, a row each in the README.
func TestReference(t *testing.T) {
	r := Registry(nil, Options{}, nil)
	var specs []actions.Spec
	pages := []string{"# Actions\n\nWhat runbooks can use. Made from what the actions declare by `go generate ./cmd/internal/app`; `firebreak actions show NAME` prints one page.\n"}
	for _, name := range r.Names() {
		s, _ := r.Spec(name)
		specs = append(specs, s)
		pages = append(pages, strings.ReplaceAll("\n"+actions.Markdown(s), "\n#", "\n##")) // each is a chapter here
	}
	const readme, reference = "../../../README.md", "../../../.github/ACTIONS.md"
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), "<!-- actions: made by go generate -->\n")
	_, after, ended := strings.Cut(rest, "<!-- /actions -->\n")
	if !found || !ended {
		t.Fatal("the README has no place for the table of actions")
	}
	for path, want := range map[string]string{
		readme:    before + "<!-- actions: made by go generate -->\n" + actions.Table(specs) + "<!-- /actions -->\n" + after,
		reference: strings.Join(pages, ""),
	} {
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
			t.Errorf("%s is not what the actions declare; run go generate ./cmd/internal/app: want -, got +\n%s", path, diff)
		}
	}
}
