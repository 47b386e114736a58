package runbooks_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func compiledConditions(t testing.TB) *runbooks.Conditions {
	t.Helper()
	c, err := runbooks.CompileScenario(allOfScenario(t), scenarioBook(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConditionsHold(t *testing.T) {
	c := compiledConditions(t)
	const doubt = `steps.disable.status == "in doubt" && elapsed > 60`
	for _, one := range []struct {
		name, expr string
		env        map[string]any
		want       bool
		readings   []runbooks.Reading
		missing    string
	}{
		{"holds", doubt, map[string]any{"steps.disable.status": "in doubt", "elapsed": int64(61)}, true,
			[]runbooks.Reading{{Path: "steps.disable.status", Value: `"in doubt"`}, {Path: "elapsed", Value: "61"}}, ""},
		{"does not", doubt, map[string]any{"steps.disable.status": "in doubt", "elapsed": int64(60)}, false,
			[]runbooks.Reading{{Path: "steps.disable.status", Value: `"in doubt"`}, {Path: "elapsed", Value: "60"}}, ""},
		{"what is not looked at may be missing", doubt, map[string]any{"steps.disable.status": "running"}, false,
			[]runbooks.Reading{{Path: "steps.disable.status", Value: `"running"`}}, ""},
		{"not yet", doubt, map[string]any{"elapsed": int64(61)}, false, nil, "steps.disable.status"},
		{"not yet, after a reading", doubt, map[string]any{"steps.disable.status": "in doubt"}, false,
			[]runbooks.Reading{{Path: "steps.disable.status", Value: `"in doubt"`}}, "elapsed"},
		{"a value that is nothing", doubt, map[string]any{"steps.disable.status": nil, "elapsed": int64(61)}, false, nil, "steps.disable.status"},
		{"a check", "metrics.time_to_full_containment <= 1200", map[string]any{"metrics.time_to_full_containment": int64(1200)}, true,
			[]runbooks.Reading{{Path: "metrics.time_to_full_containment", Value: "1200"}}, ""},
		{"a metric that did not come about", "metrics.time_to_full_containment <= 1200", map[string]any{}, false, nil, "metrics.time_to_full_containment"},
		{"one path", "steps.disable.done", map[string]any{"steps.disable.done": true}, true, []runbooks.Reading{{Path: "steps.disable.done", Value: "true"}}, ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			got, readings, err := c.Holds(one.expr, one.env)
			if no, is := errors.AsType[*runbooks.NoValue](err); is != (one.missing != "") || is && no.Path != one.missing || !is && err != nil {
				t.Errorf("error %v, want one about %q", err, one.missing)
			}
			if diff := cmp.Diff(one.readings, readings); got != one.want || diff != "" {
				t.Errorf("got %v; readings:\n%s", got, diff)
			}
		})
	}
}

// What is wrong is no "not yet".
func TestConditionsRefuse(t *testing.T) {
	c := compiledConditions(t)
	for name, one := range map[string]struct {
		expr string
		env  map[string]any
		say  string
	}{
		"of no scenario": {"elapsed > 61", map[string]any{"elapsed": int64(70)}, "has no condition"},
		"a wrong type":   {"steps.disable.done", map[string]any{"steps.disable.done": "yes"}, "not a bool"},
	} {
		got, _, err := c.Holds(one.expr, one.env)
		if _, is := errors.AsType[*runbooks.NoValue](err); got || is || err == nil || !strings.Contains(err.Error(), one.say) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// The runbook may have changed since the scenario was checked.
func TestCompileScenarioRefuses(t *testing.T) {
	p := scenarioBook(t)
	for name, one := range map[string]struct {
		change func(*runbooks.Scenario)
		say    string
	}{
		"another runbook":   {func(s *runbooks.Scenario) { s.Runbook = "other" }, `for runbook "other", not for "book"`},
		"a step that left":  {func(s *runbooks.Scenario) { s.End.When = "steps.gone.done" }, `the end: expression "steps.gone.done": there is no step "gone"`},
		"a number":          {func(s *runbooks.Scenario) { s.Injects[0].Trigger.When = "elapsed" }, `the when of inject "i1": expression "elapsed" is a number`},
		"a metric too soon": {func(s *runbooks.Scenario) { s.Script[0].Trigger.When = "metrics.hints > 0" }, "line 1 of the script"},
		"a metric expected": {func(s *runbooks.Scenario) { s.Injects[0].Expect[0].When = "metrics.hints > 0" }, `what inject "i1" expects`},
		"a check":           {func(s *runbooks.Scenario) { s.Objectives[0].Check = "nothing" }, `the check of objective "o1"`},
	} {
		s := allOfScenario(t)
		one.change(s)
		if _, err := runbooks.CompileScenario(s, p); err == nil || !strings.Contains(err.Error(), one.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConditionsForSeveralAtOnce(t *testing.T) {
	c := compiledConditions(t)
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for range 200 {
				got, readings, err := c.Holds("steps.disable.done", map[string]any{"steps.disable.done": n%2 == 0})
				if got != (n%2 == 0) || len(readings) != 1 || err != nil {
					t.Errorf("%v %v %v", got, readings, err)
				}
			}
		})
	}
	wait.Wait()
}

// Every path of the scope can be read, and names a type.
func TestScenarioScopeIsReadable(t *testing.T) {
	p := scenarioBook(t)
	s := allOfScenario(t)
	scope := runbooks.ScenarioScope(p, []string{"i1"}, true)
	if len(scope) < 50 {
		t.Fatalf("%d paths", len(scope))
	}
	env := map[string]any{}
	s.Objectives = nil
	for path, f := range scope {
		text := path
		switch f.Kind {
		case "bool":
			env[path] = true
		case "int":
			env[path], text = int64(1), path+" == 1"
		case "string":
			env[path], text = f.Enum[0], path+` == "`+f.Enum[0]+`"`
		default:
			t.Errorf("%s is %s", path, f.Kind)
		}
		s.Objectives = append(s.Objectives, runbooks.Objective{ID: "o", Check: text})
	}
	c, err := runbooks.CompileScenario(s, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range s.Objectives {
		if got, _, err := c.Holds(o.Check, env); !got || err != nil {
			t.Errorf("%s: %v, %v", o.Check, got, err)
		}
	}
}
