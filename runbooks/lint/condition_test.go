package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

const conditionHead = `
inputs:
  n: {type: int, description: A number}
  b: {type: bool, description: Yes or no}
  mode: {type: string, enum: [soft, hard], description: How}
  text: {type: string, description: Any}
steps:
  - {id: look, uses: test.types}
  - {id: key, uses: aws.iam.lookup_access_key, with: {access_key_id: AKIA0000000000000000}}
  - {id: stop, uses: test.terminate, with: {target: x}, approval: {from: [group:leads]}}
  - {id: on, uses: test.terminate, with: {target: x}, approval: {from: [group:leads]}, on_failure: continue, on_refused: continue}
  - {id: ask, uses: test.terminate, with: {target: x}, approval: {from: [group:leads]}, on_failure: ask, on_refused: ask}
  - {id: maybe, if: inputs.b, uses: test.nothing}
  - {id: not, if: "!inputs.b", uses: test.nothing}
  - {id: sev, if: incident.severity == 1, uses: test.nothing}
  - {id: early, if: now < 1000, uses: test.nothing}
  - {id: each, for_each: '["a", "b"]', uses: test.nothing, on_failure: continue}
  - {id: done, if: steps.on.status == "done", uses: test.nothing}
  - {id: never, if: 'steps.stop.status == "failed"', uses: test.nothing}
`

// said gives the rules about conditions that speak about the last step.
func said(t *testing.T, condition string) string {
	t.Helper()
	src := lint.Example(conditionHead + fmt.Sprintf("  - {id: last, if: %q, uses: test.nothing}\n", condition))
	p := program(t, "test.yaml", src)
	last, _ := p.Step("last")
	var rules []string
	for _, d := range lint.Check(p, runbookstest.Catalog(), options()) {
		if d.Pos.Line == last.Pos.Line {
			rules = append(rules, d.Rule)
		}
	}
	return strings.Join(rules, " ")
}

func TestConditions(t *testing.T) {
	const never, always, silent = "unreachable-step", "constant-condition", "silent-condition"
	for _, tt := range []struct{ condition, want string }{
		{`true`, always},
		{`false`, never},
		{`1 == 2`, never},
		{`inputs.b`, ""},
		{`inputs.b && !inputs.b`, never},
		{`inputs.b || !inputs.b`, always},
		{`inputs.b ? false : inputs.b`, never},
		{`inputs.b == true ? inputs.b : !inputs.b`, always},

		// Numbers and texts.
		{`inputs.n > 3 && inputs.n < 4`, never},
		{`inputs.n > 3 && inputs.n < 5`, ""},
		{`inputs.n >= 3 || inputs.n <= 3`, always},
		{`3 > inputs.n && inputs.n > 3`, never},
		{`inputs.n > -2 || inputs.n <= -2`, always},
		{`len(inputs.text) < 0`, never},
		{`len(inputs.text) >= 0`, always},
		{`inputs.text == "a" && inputs.text == "b"`, never},
		{`inputs.text != "a" || inputs.text != "b"`, always},
		{`inputs.text == "a" || inputs.text == "b"`, ""},
		{`inputs.text in ["a", "b"] && inputs.text == "c"`, never},
		{`lower(inputs.text) == "a" && upper(inputs.text) == "B"`, ""}, // each is a value of its own
		{`hasPrefix(inputs.text, "a") && !hasPrefix(inputs.text, "a")`, never},
		{`inputs.text contains "a"`, ""},

		// Closed sets.
		{`inputs.mode == "soft" || inputs.mode == "hard"`, always},
		{`inputs.mode != "soft" && inputs.mode != "hard"`, never},
		{`steps.key.outputs.status == "Active" || steps.key.outputs.status == "Inactive"`, always},

		// How steps end. A person can skip any of them.
		{`steps.stop.status == "done"`, ""},
		{`steps.stop.status != "done"`, ""},
		{`steps.stop.status == "skipped"`, ""},
		{`steps.stop.status == "failed"`, never},
		{`steps.stop.status in ["failed", "refused"]`, never},
		{`steps.stop.status == "failed" || inputs.b`, ""},
		{`steps.stop.status != "failed"`, always},
		{`steps.on.status == "failed"`, ""},
		{`steps.on.status == "refused"`, ""},
		{`steps.ask.status == "failed"`, ""},
		{`steps.ask.status == "refused"`, ""},
		{`steps.on.status == "cancelled"`, never},
		{`steps.each.status == "failed"`, ""},
		{`steps.each.status == "refused"`, ""}, // some of them
		{`steps.on.status == "done" && steps.on.status == "failed"`, never},

		// What a step's own condition says.
		{`steps.maybe.status == "done" && !inputs.b`, never},
		{`steps.maybe.status == "done" && inputs.b`, ""},
		{`steps.maybe.status == "skipped" && inputs.b`, ""}, // a person did it
		{`steps.maybe.status == "done" && steps.not.status == "done"`, never},
		{`steps.done.status == "done" && steps.on.status == "failed"`, never},
		{`steps.never.status == "done"`, never},
		{`steps.never.status != "done"`, always},

		// What moves is asked anew each time.
		{`now > 5 && now < 5`, never},
		{`steps.early.status == "done" && now > 1000`, ""},
		{`incident.severity == 1`, ""},
		{`steps.sev.status == "done" && incident.severity != 1`, ""}, // it was raised since

		// What an action may leave out.
		{`steps.look.outputs.note == "x"`, silent},
		{`steps.look.outputs.note != "x"`, silent},
		{`lower(steps.look.outputs.note) == "x"`, silent},
		{`hasPrefix(steps.look.outputs.note, "x") || inputs.b`, silent},
		{`steps.look.outputs.note != "" && hasPrefix(steps.look.outputs.note, "x")`, ""},
		{`steps.look.outputs.note == "" || steps.look.outputs.note == "x"`, ""},
		{`len(steps.look.outputs.note) > 0 && steps.look.outputs.note == "x"`, ""},
		{`steps.look.outputs.where.value == "x"`, silent},
		{`steps.look.outputs.where.key == "x"`, ""},
		{`steps.look.outputs.where.value != "" && steps.look.outputs.where.value == "x"`, ""},
		{`steps.look.outputs.text == "x"`, ""},
		{`"x" in steps.look.outputs.names`, ""},
	} {
		if got := said(t, tt.condition); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.condition, got, tt.want)
		}
	}
}

// After a cancel nothing is known of how the steps ended.
func TestConditionsOnCancel(t *testing.T) {
	src := lint.Example(conditionHead + `on_cancel:
  - {id: last, if: 'steps.stop.status == "failed"', uses: test.nothing}
  - {id: end, if: 'steps.stop.status == "cancelled"', uses: test.nothing}
  - {id: off, if: 'steps.stop.status == "failed" && steps.stop.status == "done"', uses: test.nothing}
`)
	p := program(t, "test.yaml", src)
	var got []string
	for _, d := range lint.Check(p, runbookstest.Catalog(), options()) {
		if d.Rule == "unreachable-step" {
			got = append(got, d.Message)
		}
	}
	want := []string{`the step "never" never runs: its condition can never be true`, `the step "off" never runs: its condition can never be true`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A claim about a condition must be right for every value; what is too large
// to try gets no claim.
func TestConditionsTooLargeToTry(t *testing.T) {
	var parts []string
	for i := range 15 {
		parts = append(parts, fmt.Sprintf(`hasPrefix(inputs.text, "%d")`, i))
	}
	all := strings.Join(parts, " && ")
	if got := said(t, all+" && !"+parts[0]); got != "" {
		t.Errorf("got %q, want no claim", got)
	}
}

// The reason for a step that never runs names what the author can change.
func TestWhyNever(t *testing.T) {
	for condition, want := range map[string]string{
		`steps.stop.status == "failed"`:  `the run ends when "stop" fails; give that step on_failure: continue`,
		`steps.stop.status == "refused"`: `the run ends when "stop" is refused; give that step on_refused: continue`,
		`steps.on.status == "cancelled"`: `a run that is cancelled looks at no further condition; put the step under on_cancel`,
		`steps.never.status == "done"`:   `the step "never" never runs either`,
		`inputs.b && !inputs.b`:          `it asks for what contradicts itself`,
	} {
		src := lint.Example(conditionHead + fmt.Sprintf("  - {id: last, if: %q, uses: test.nothing}\n", condition))
		found := lint.Check(program(t, "test.yaml", src), runbookstest.Catalog(), options())
		if !slices.ContainsFunc(found, func(d runbooks.Diagnostic) bool {
			return strings.Contains(d.Message, `"last" never runs`) && strings.Contains(d.Hint, want)
		}) {
			t.Errorf("%s: got %v, want the hint %q", condition, found, want)
		}
	}
}
