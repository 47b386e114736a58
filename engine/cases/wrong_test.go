package cases_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// one makes a file of one case that stands on the defaults of the library's
// tests, in which everything goes well.
func one(t *testing.T, body string) *cases.Result {
	t.Helper()
	src, err := os.ReadFile("testdata/ok/leaked-access-key_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(src), "\ncases:\n")
	head = strings.Replace(head, "coverage: {steps: 100%, branches: 100%}\n", "", 1)
	text := head + "\ncases:\n  - name: one\n"
	for line := range strings.Lines(strings.TrimSpace(body)) {
		text += "    " + line
	}
	f, p := check(t, "testdata/ok/one_test.yaml", []byte(text+"\n"))
	r, err := cases.Run(t.Context(), f, p, cases.Options{Catalog: catalog()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A test that expects something else than what happens fails, for each thing
// that can be expected, and says what was expected and what happened.
func TestWrongExpectationsFail(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"expect: {run: failed}", `the run: want failed, got done`},
		{"expect: {reason: nothing of it}", `the reason of the run: want something with "nothing of it", got ""`},
		{"expect: {path: [owner, disable, quarantine, tell, review]}", "the steps that ran: want [owner, disable, quarantine, tell, review], got [owner, quarantine, disable, tell, review]"},
		{"expect: {path: [owner]}", "the steps that ran"},
		{"expect: {steps: {disable: skipped}}", `step "disable": want skipped, got done`},
		{"expect: {steps: {disable~undo: done}}", `step "disable~undo": want done, got nothing: the run has no such step`},
		{"expect: {because: {disable: denied}}", `why step "disable" is done: want something with "denied", got "it is as it should be"`},
		{"expect: {attempts: {disable: 2}}", `attempts of step "disable": want 2, got 1`},
		{"expect: {step_outputs: {owner: {user: root}}}", `the output "user" of step "owner": want "root", got "ci-deployer"`},
		{"expect: {step_outputs: {owner: {other_keys: [a]}}}", `want ["a"], got []`},
		{"expect: {step_outputs: {review: {answer: something}}}", `the output "answer" of step "review": want "something", got "nothing"`},
		{"expect: {approvals: {quarantine: none}}", `the approval of step "quarantine": want none, got one was asked for: [group:security-leads]`},
		{"expect: {approvals: {owner: {quorum: 1}}}", `the approval of step "owner": want one, got none was asked for`},
		{"expect: {approvals: {quarantine: {quorum: 2}}}", `quorum: want 2, got 1`},
		{"expect: {approvals: {quarantine: {from: [group:ciso]}}}", `who is asked: want [group:ciso], got [group:security-leads]`},
		{"expect: {approvals: {quarantine: {verdict: denied}}}", `verdict: want denied, got granted`},
		{"expect: {approvals: {quarantine: {by: [carol]}}}", `who answered: want [carol], got [bob]`},
		{"expect: {approvals: {quarantine: {asked: 2}}}", `how often it was asked: want 2, got 1`},
		{"expect: {undone: [disable]}", `the steps that were taken back: want [disable], got []`},
		{"expect: {evidence: [disable]}", `the evidence that was collected before anything was changed: want [disable], got []`},
		{"expect: {within: 1m}", `containment: want within 1m0s, got after 3m`},
		{"expect: {timeline: [the moon is full]}", `the timeline: want a line with "the moon is full", got none`},
		{"expect: {run: done}\npeople:\n  - {approve: quarantine, by: alice}", `approve quarantine by alice was refused: you asked for step "quarantine"`},
		{"expect: {run: done}\npeople:\n  - {approve: quarantine, by: bob, refused: no way}", `approve quarantine by bob: want refused with "no way", got it was followed`},
		{"expect: {run: refused}\npeople:\n  - {approve: quarantine, by: alice, refused: no way}\n  - {deny: disable, by: bob, reason: x}", `want refused with "no way", got refused with "you asked`},
		{"expect: {run: done}\npeople:\n  - {retry: disable, by: bob}", `unused: retry disable by bob had no occasion to happen`},
		{"expect: {run: done}\nanswers:\n  disable~undo: {fails: denied}", `unused answer: step "disable~undo" was never asked`},
		{"expect: {run: done}\nanswers:\n  disable: [{}, {takes: 2s}]", `unused answer: step "disable" made no attempt 2`},
	} {
		t.Run(tt.body, func(t *testing.T) {
			r := one(t, tt.body)
			var got []string
			for _, f := range r.Cases[0].Failures {
				got = append(got, f.String())
				if f.Pos.Line < 40 {
					t.Errorf("the place is line %d, before the case", f.Pos.Line)
				}
			}
			if !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if r.OK() || r.Failed() != 1 {
				t.Error("the result does not say that it failed")
			}
		})
	}
}

// A step that nobody answers for says what to write.
func TestMissingAnswer(t *testing.T) {
	f, p := load(t, "testdata/ok/leaked-access-key_test.yaml")
	c := f.Cases[0]
	c.Answers = c.Answers[1:] // without disable, the first by name
	f.Cases = f.Cases[:1]
	f.Cases[0] = c
	r, err := cases.Run(t.Context(), f, p, cases.Options{Catalog: catalog()})
	if err != nil {
		t.Fatal(err)
	}
	want := `step "disable" (aws.iam.deactivate_access_key) asks what its target looks like, and there is no answer for it; write under answers: disable: {outputs: {user: ..., previous_status: ..., other_keys: ...}}`
	if len(r.Cases[0].Failures) != 1 || r.Cases[0].Failures[0].String() != want {
		t.Errorf("got %v", r.Cases[0].Failures)
	}
}

// For the items of a list one answer is enough, and the hint names no item.
func TestMissingAnswerOfAList(t *testing.T) {
	f, p := load(t, "testdata/ok/constructs_test.yaml")
	f.Cases = f.Cases[:1]
	f.Cases[0].Answers = slices.DeleteFunc(slices.Clone(f.Cases[0].Answers), func(a runbooks.TestAnswers) bool { return strings.HasPrefix(a.Step, "signal") })
	r, err := cases.Run(t.Context(), f, p, cases.Options{Catalog: catalog()})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Cases[0].Failures); !strings.Contains(got, `step "signal.1"`) || !strings.Contains(got, "write under answers: signal: {") {
		t.Errorf("got %s", got)
	}
}

// What was never seen is told by name and place, and a threshold that is not
// reached fails the file, unless only some cases were played.
func TestCoverage(t *testing.T) {
	f, p := load(t, "testdata/ok/leaked-access-key_test.yaml")
	f.Cases = f.Cases[1:2] // an inactive key is left alone
	r, err := cases.Run(t.Context(), f, p, cases.Options{})
	if err != nil {
		t.Fatal(err)
	}
	missing := []string{
		`leaked-access-key.yaml:37: step "disable" never ran`,
		`leaked-access-key.yaml:40: the condition of step "disable" was never true: steps.owner.outputs.status == "Active"`,
	}
	if diff := cmp.Diff(missing, r.Coverage.Missing()); diff != "" {
		t.Error(diff)
	}
	faults := []string{"coverage of steps is 80% (4 of 5) and has to be 100%", "coverage of branches is 50% (1 of 2) and has to be 100%"}
	if diff := cmp.Diff(faults, r.Faults); diff != "" || r.OK() {
		t.Error(diff)
	}
	f.Steps, f.Branches = 80, 50
	if r, err = cases.Run(t.Context(), f, p, cases.Options{}); err != nil || !r.OK() {
		t.Errorf("%v %v", r.Faults, err)
	}
	f.Steps = 100
	if r, err = cases.Run(t.Context(), f, p, cases.Options{Only: regexp.MustCompile("inactive")}); err != nil || !r.OK() || len(r.Cases) != 1 {
		t.Errorf("%v %v", r.Faults, err)
	}
}

// The reports are the same each time, and a machine can read them whatever a
// case holds.
func TestReports(t *testing.T) {
	r := one(t, "expect: {run: failed}")
	r.Cases[0].Name = "a \x1b[31m<name> & \"more\""
	r.Faults = []string{"coverage is \x00low"}
	var text, junit strings.Builder
	if err := r.Tell(&text, false); err != nil {
		t.Fatal(err)
	}
	if err := cases.JUnit(&junit, []*cases.Result{r}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{text.String(), junit.String()} {
		if strings.ContainsAny(s, "\x1b\x00") {
			t.Errorf("a control character is left: %q", s)
		}
	}
	for _, want := range []string{"FAIL  one_test.yaml: 1 case, 1 failed, steps 5/5, branches 1/2\n", "the condition of step \"disable\" was never false", "one_test.yaml:40: the run: want failed, got done", "lines before)"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not hold %q:\n%s", want, text.String())
		}
	}
	if failed, missing := strings.Index(text.String(), "want failed"), strings.Index(text.String(), "was never"); failed > missing {
		t.Errorf("what was never seen stands before the case that explains it:\n%s", text.String())
	}
	var read struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(junit.String()), &read); err != nil {
		t.Fatalf("%v\n%s", err, junit.String())
	}
	if read.Tests != 2 || read.Failures != 2 || read.Suites[0].Cases[0].Name != `a ·[31m<name> & "more"` || read.Suites[0].Cases[1].Failure.Message != "coverage is ·low" {
		t.Errorf("%+v\n%s", read, junit.String())
	}
}
