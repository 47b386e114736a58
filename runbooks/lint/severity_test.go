package lint_test

import (
	"os"
	"slices"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// That only the requester can be asked is an error where it is certain, and a
// warning where somebody else may start the run.
func TestRequesterForCertain(t *testing.T) {
	src, err := os.ReadFile("testdata/err/requester-alone.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := program(t, "requester-alone.yaml", src)
	for _, tt := range []struct {
		name             string
		people, starters []string
		want             runbooks.Severity
	}{
		{"nobody else may start it", []string{"alice", "bob"}, []string{"alice"}, runbooks.SeverityError},
		{"somebody else may start it", []string{"alice", "bob"}, []string{"alice", "bob"}, runbooks.SeverityWarning},
		{"a directory of one", []string{"alice"}, []string{"alice"}, runbooks.SeverityWarning},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options()
			o.People, o.Starters = tt.people, tt.starters
			for _, d := range lint.Check(p, runbookstest.Catalog(), o) {
				if d.Rule == "approval-requester" && d.Severity == tt.want {
					return
				}
			}
			t.Errorf("no %s", tt.want)
		})
	}
}

// What is only about how a runbook is kept takes no runbook away.
func TestForbids(t *testing.T) {
	for _, rule := range lint.Rules() {
		found := runbooks.Diagnostics{{Rule: rule.Name, Severity: rule.Severity}}
		want := rule.Severity == runbooks.SeverityError && !slices.Contains([]string{"no-owner", "no-budget", "review-passed", "approval-requester", "break-glass-review"}, rule.Name)
		if got := lint.Forbids(found); got != want {
			t.Errorf("%s: forbids %v, want %v", rule.Name, got, want)
		}
	}
	if !lint.Forbids(runbooks.Diagnostics{{Rule: "unknown-key", Severity: runbooks.SeverityError}}) {
		t.Error("an error of form forbids nothing")
	}
}

// A glass that only its breaker could review is an error, but in a trial with a
// directory of one person.
func TestReviewForCertain(t *testing.T) {
	src, err := os.ReadFile("testdata/err/glass-review.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := program(t, "glass-review.yaml", src)
	for _, tt := range []struct {
		name   string
		people []string
		lonely []string
		want   runbooks.Severity
	}{
		{"a house", []string{"alice", "bob", "carol"}, []string{"alice"}, runbooks.SeverityError},
		{"a directory of one", []string{"alice"}, []string{"alice"}, runbooks.SeverityWarning},
		{"two who review", []string{"alice", "bob", "carol"}, []string{"alice", "bob"}, ""},
		{"one who breaks nothing", []string{"alice", "bob", "carol", "dave"}, []string{"dave"}, ""},
		{"nobody, which is said elsewhere", []string{"alice", "bob", "carol"}, []string{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options()
			o.People, o.Groups["lonely"] = tt.people, tt.lonely
			got := runbooks.Severity("")
			for _, d := range lint.Check(p, runbookstest.Catalog(), o) {
				if d.Rule == "break-glass-review" {
					got = d.Severity
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
