package runbooks

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
)

// Conditions are the compiled expressions of a scenario: every when, that of its
// end, and every check of an objective. They are compiled once and may be asked
// by several goroutines. [CompileScenario] makes them.
type Conditions struct {
	scenario string
	compiled map[string]*Expression // by source
}

// NoValue says that a condition read a path that has no value yet: a step of a
// run that has not begun, a metric of something that did not happen. Whoever
// waits for a condition takes it as not yet; whoever judges by it cannot judge.
// Find it with errors.As.
type NoValue struct {
	Path string // "steps.disable.status"
}

func (e *NoValue) Error() string { return fmt.Sprintf("%q has no value yet", e.Path) }

// condition is one expression of a scenario.
type condition struct {
	source string
	check  bool // of an objective, which reads metrics besides
	what   string
}

// conditions lists every expression of a scenario, in the order of the file.
func (s *Scenario) conditions() []condition {
	var list []condition
	add := func(source, what string, check bool) {
		if source != "" {
			list = append(list, condition{source, check, what})
		}
	}
	for _, o := range s.Objectives {
		add(o.Check, fmt.Sprintf("the check of objective %q", o.ID), true)
	}
	for _, in := range s.Injects {
		add(in.Trigger.When, fmt.Sprintf("the when of inject %q", in.ID), false)
		for _, e := range in.Expect {
			add(e.When, fmt.Sprintf("what inject %q expects", in.ID), false)
		}
	}
	add(s.End.When, "the end", false)
	for i, l := range s.Script {
		add(l.Trigger.When, fmt.Sprintf("line %d of the script", i+1), false)
	}
	return list
}

// injectIDs lists the ids of the injects, in the order of the file.
func (s *Scenario) injectIDs() []string {
	var ids []string
	for _, in := range s.Injects {
		ids = append(ids, in.ID)
	}
	return ids
}

// CompileScenario compiles the conditions of a checked or decoded scenario for
// the program that it is played with. It is an error when the program is of
// another runbook, or does not have a step that a condition reads: then the
// runbook was changed after the scenario was checked.
func CompileScenario(s *Scenario, p *Program) (*Conditions, error) {
	if p.ID != s.Runbook {
		return nil, fmt.Errorf("scenario %q is for runbook %q, not for %q", s.ID, s.Runbook, p.ID)
	}
	c := &Conditions{scenario: s.ID, compiled: map[string]*Expression{}}
	tools, ids := newTools(), s.injectIDs()
	scopes := map[bool]scope{}
	for _, check := range []bool{false, true} {
		scopes[check] = ScenarioScope(p, ids, check)
	}
	for _, one := range s.conditions() {
		e, faults := tools.compile(one.source, scopes[one.check], nil)
		switch {
		case len(faults) > 0:
			return nil, fmt.Errorf("scenario %q: %s: expression %q: %s", s.ID, one.what, one.source, faults[0].message)
		case e.result.Kind != actions.Bool:
			return nil, fmt.Errorf("scenario %q: %s: expression %q is %s, not true or false", s.ID, one.what, one.source, kindWord(e.result))
		}
		c.compiled[one.source] = e
	}
	return c, nil
}

// Holds evaluates a condition of the scenario, given as it is written there.
// Env has the paths of [ScenarioScope] that have a value now, each with a string,
// an int64 or a bool. The readings are the values that decided, in the order in
// which they were read; with an error, those until then. Reading a path that has
// no value is a [*NoValue], and never false; an expression that is not of the
// scenario and a value of another type are errors, too.
func (c *Conditions) Holds(expr string, env map[string]any) (bool, []Reading, error) {
	e, ok := c.compiled[expr]
	if !ok {
		return false, nil, fmt.Errorf("scenario %q has no condition %q", c.scenario, expr)
	}
	return e.holds(func(path string, _ actions.Field) (any, error) {
		if v, there := env[path]; there && v != nil {
			return v, nil
		}
		return nil, &NoValue{path}
	})
}
