package runbooks_test

import (
	"os"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// To break the glass at a step, and to review that, can be expected and
// forbidden where the runbook and the floor let somebody.
func TestScenarioOfBrokenGlass(t *testing.T) {
	book, err := os.ReadFile("testdata/scenario/book.yaml")
	if err != nil {
		t.Fatal(err)
	}
	small, err := os.ReadFile("testdata/scenario/ok/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const revoke = "approval: {from: [group:leads], quorum: 2}"
	glass := strings.Replace(string(book), revoke, "approval: {from: [group:leads], quorum: 2, break_glass: {by: [group:leads], review: [group:ciso]}}", 1)
	const end = "end: {max: 60m}\n"
	if !strings.Contains(string(small), end) || glass == string(book) {
		t.Fatal("the files of testdata are others")
	}
	for _, tt := range []struct{ name, book, more, want string }{
		{"both", glass, "", ""},
		{"none", string(book), "", "nobody may break the glass at step"},
		{"a floor", glass, "environment: {floor: {effect: read, from: [group:leads], quorum: 1}}\n", "the floor of the environment lets nobody break the glass at step"},
		{"a floor that lets", glass, "environment: {floor: {effect: read, from: [group:leads], quorum: 1, break_glass: true}}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, found := runbooks.Load("book.yaml", []byte(tt.book), runbookstest.Catalog())
			if p == nil {
				t.Fatal(found)
			}
			src := strings.Replace(string(small), end, "forbidden:\n  - {verb: break_glass, of: revoke, why: bob is there}\n  - {verb: review, of: revoke, why: it is early}\n"+end, 1)
			src = strings.Replace(src, "injects:\n", "injects:\n  - {id: glass, at: 5m, to: channel, say: S, expect: [{verb: break_glass, target: revoke, within: 5m}, {verb: review, target: revoke, within: 5m}]}\n", 1)
			s, more := checkScenario("small.yaml", []byte(src+tt.more), p)
			n := 0
			for _, d := range more {
				if tt.want == "" && d.Severity == runbooks.SeverityError {
					t.Error(d)
				}
				if tt.want != "" && strings.Contains(d.Message, tt.want) {
					n++
				}
			}
			if tt.want != "" && n != 4 {
				t.Errorf("%d faults, want 4: %v", n, more)
			}
			if tt.want != "" {
				return
			}
			if s == nil || len(s.Forbidden) != 2 {
				t.Fatalf("the scenario is %+v", s)
			}
			for n, want := range []string{"somebody types break-glass revoke", "somebody reviews the broken glass of revoke"} {
				if got := s.Injects[0].Expect[n].Text; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}
