package lint_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/lint"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// condition draws a condition over the inputs and statuses of conditionHead.
func condition(t *rapid.T, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "deeper") {
		a, b := condition(t, depth-1), condition(t, depth-1)
		switch rapid.IntRange(0, 3).Draw(t, "join") {
		case 0:
			return fmt.Sprintf("(%s && %s)", a, b)
		case 1:
			return fmt.Sprintf("(%s || %s)", a, b)
		case 2:
			return fmt.Sprintf("!(%s)", a)
		}
		return fmt.Sprintf("(%s ? %s : %s)", a, b, condition(t, depth-1))
	}
	of := func(label string, words ...string) string { return rapid.SampledFrom(words).Draw(t, label) }
	number := func() string { return fmt.Sprint(rapid.IntRange(-1, 3).Draw(t, "number")) }
	switch rapid.IntRange(0, 7).Draw(t, "test") {
	case 0:
		return "inputs.b"
	case 1:
		return fmt.Sprintf("inputs.n %s %s", of("compare", "==", "!=", "<", "<=", ">", ">="), number())
	case 2:
		return fmt.Sprintf("%s %s inputs.n", number(), of("compare", "==", "!=", "<", "<=", ">", ">="))
	case 3:
		return fmt.Sprintf("inputs.mode %s %q", of("compare", "==", "!="), of("mode", "soft", "hard"))
	case 4:
		return fmt.Sprintf("inputs.text %s %q", of("compare", "==", "!="), of("text", "a", "bb", ""))
	case 5:
		return fmt.Sprintf(`inputs.text in [%q, %q]`, of("text", "a", "bb", ""), of("text", "a", "bb", ""))
	case 6:
		return fmt.Sprintf("len(inputs.text) %s %s", of("compare", "==", "<", ">="), number())
	}
	step := of("step", "stop", "on", "ask", "maybe", "not")
	return fmt.Sprintf("steps.%s.status %s %q", step, of("compare", "==", "!="), of("status", "done", "skipped", "failed", "refused"))
}

// worlds walks every way in which the inputs and the steps of conditionHead can
// turn out, as the engine would hand them to a condition.
func worlds(visit func(runbooks.Env)) {
	statuses := map[string][]string{
		"stop": {"done", "skipped"},
		"on":   {"done", "skipped", "failed", "refused"},
		"ask":  {"done", "skipped", "failed", "refused"},
	}
	for _, b := range []bool{true, false} {
		only := func(yes bool) []string {
			if yes {
				return []string{"done", "skipped"}
			}
			return []string{"skipped"}
		}
		statuses["maybe"], statuses["not"] = only(b), only(!b)
		for n := int64(-2); n <= 4; n++ {
			for _, mode := range []string{"soft", "hard"} {
				for _, text := range []string{"", "a", "bb", "ccc", "dddd"} {
					inputs := map[string]any{"b": b, "n": n, "mode": mode, "text": text}
					each(statuses, []string{"stop", "on", "ask", "maybe", "not"}, map[string]runbooks.StepState{}, func(steps map[string]runbooks.StepState) {
						visit(runbooks.Env{Inputs: inputs, Steps: steps})
					})
				}
			}
		}
	}
}

func each(statuses map[string][]string, ids []string, so map[string]runbooks.StepState, visit func(map[string]runbooks.StepState)) {
	if len(ids) == 0 {
		visit(so)
		return
	}
	for _, status := range statuses[ids[0]] {
		so[ids[0]] = runbooks.StepState{Status: status}
		each(statuses, ids[1:], so, visit)
	}
}

// Whatever lint claims about a condition is so in every world. The first three
// hold a claim of each kind, however few conditions are drawn.
func TestConditionsAreJudgedRightly(t *testing.T) {
	for source, want := range map[string]string{
		"inputs.n == 2": "",
		`inputs.b && !inputs.b && inputs.mode == "soft"`:      "unreachable-step",
		`inputs.n < 2 || inputs.n >= 2 || inputs.text == "a"`: "constant-condition",
	} {
		if claim := judged(t, source); claim != want {
			t.Errorf("%s: lint says %q, want %q", source, claim, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) { judged(t, condition(t, 2)) })
}

// judged is the rule that lint found a condition to break, held against every
// world; empty when it may depend.
func judged(t rapid.TB, source string) string {
	src := lint.Example(conditionHead + fmt.Sprintf("  - {id: last, if: %q, uses: test.nothing}\n", source))
	p, found := runbooks.Load("test.yaml", src, runbookstest.Catalog())
	if p == nil {
		t.Fatalf("%s does not compile: %v", source, found)
	}
	last, _ := p.Step("last")
	claim := ""
	for _, d := range lint.Check(p, runbookstest.Catalog(), options()) {
		if d.Pos.Line == last.Pos.Line {
			claim = d.Rule
		}
	}
	if claim == "" {
		return ""
	}
	worlds(func(env runbooks.Env) {
		yes, _, err := last.If.Bool(env)
		if err != nil || yes != (claim == "constant-condition") {
			t.Fatalf("%s: lint says %s, and with %v and %v it is %v (%v)", source, claim, env.Inputs, env.Steps, yes, err)
		}
	})
	return claim
}
