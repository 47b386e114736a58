package runbooks_test

import (
	"os"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// As long as somebody is there who may break the glass, a step whose approvers
// are away has a way on; where the floor does not let them it has none.
func TestNobodyLeftButWhoBreaksTheGlass(t *testing.T) {
	book, err := os.ReadFile("testdata/scenario/book.yaml")
	if err != nil {
		t.Fatal(err)
	}
	small, err := os.ReadFile("testdata/scenario/ok/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	edit := func(src, old, new string) string {
		if !strings.Contains(src, old) {
			t.Fatalf("there is no %q any more", old)
		}
		return strings.Replace(src, old, new, 1)
	}
	const (
		revoke = "approval: {from: [group:leads], quorum: 2}"
		people = "people: {ann: [leads], bob: [leads]}"
	)
	glass := edit(string(book), revoke, "approval: {from: [group:leads], quorum: 2, break_glass: {by: [group:commanders], review: [group:leads]}}")
	for _, tt := range []struct {
		name, book, floor, away, later string
		want                           int // warnings about the step revoke
	}{
		{name: "no glass", book: string(book), away: "ann, bob", want: 1},
		{name: "the commander is there", book: glass, away: "ann, bob"},
		{name: "the commander leaves, too", book: glass, away: "ann, bob", later: "carl", want: 1},
		{name: "the commander has left", book: glass, away: "carl", later: "ann", want: 1},
		{name: "only the commander leaves", book: glass, away: "carl"},
		{name: "nobody of the exercise approves anyhow", book: edit(glass, "from: [group:leads], quorum: 2, break", "from: [group:others], quorum: 2, break"), away: "carl"},
		{name: "the floor does not let them", book: glass, floor: "break_glass: false", away: "ann, bob", want: 1},
		{name: "the floor lets them", book: glass, floor: "break_glass: true", away: "ann, bob"},
		{name: "of a worse effect", book: glass, floor: "effect: destructive", away: "ann, bob"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, found := runbooks.Load("book.yaml", []byte(tt.book), runbookstest.Catalog())
			if found.HasErrors() {
				t.Fatal(found)
			}
			src := edit(string(small), people, "people: {ann: [leads], bob: [leads], carl: [commanders]}")
			src = edit(src, "injects:\n", "injects:\n  - {id: one, at: 1m, to: channel, say: S, away: ["+tt.away+"]}\n  - {id: two, at: 2m, to: channel, say: S, away: ["+tt.later+"]}\n")
			src = strings.Replace(src, ", away: []", "", 1)
			if tt.floor != "" {
				effect := ""
				if !strings.Contains(tt.floor, "effect") {
					effect = "effect: reversible, "
				}
				src += "environment: {floor: {" + effect + tt.floor + ", from: [group:leads], quorum: 1}}\n"
			}
			s, more := checkScenario("small.yaml", []byte(src), p)
			if s == nil {
				t.Fatal(more)
			}
			got := 0
			for _, d := range more {
				if d.Rule == "nobody-left" && strings.Contains(d.Message, `"revoke"`) {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("got %d warnings, want %d: %v", got, tt.want, more)
			}
		})
	}
}
