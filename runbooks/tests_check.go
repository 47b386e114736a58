package runbooks

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Check makes sure that the tests fit the program: that every step, input,
// output and answer they name is there and has its type. With errors, its own
// or those of [ParseTests], which it does not repeat, there are no tests.
func (t *Tests) Check(p *Program, cat Catalog) (*TestFile, Diagnostics) {
	c := newTestCheck(t.source, p, cat, t.people)
	f := &TestFile{Name: t.source.name, Steps: t.steps.Value, Branches: t.branches.Value}
	for _, d := range t.cases {
		one := merge(t.defaults, d)
		if len(d.table) == 0 {
			f.Cases = append(f.Cases, c.testCase(one))
			continue
		}
		for _, row := range d.table {
			merged := merge(one, row)
			merged.name.Value = d.name.Value + "/" + row.name.Value
			f.Cases = append(f.Cases, c.testCase(merged))
		}
	}
	c.found.Sort()
	if c.found.HasErrors() || t.source.found.HasErrors() {
		return nil, c.found
	}
	return f, c.found
}

// testCheck is one check of tests against a program.
type testCheck struct {
	*source
	p      *Program
	cat    Catalog
	steps  map[string]*Step // by path, as Deep gives it
	names  []string
	people map[string]TestPerson
	floor  *TestFloor // of the case at hand, or of the scenario
}

func newTestCheck(s *source, p *Program, cat Catalog, people []personDecl) *testCheck {
	c := &testCheck{source: newSource(s.name, s.src), p: p, cat: cat, steps: map[string]*Step{}, people: map[string]TestPerson{}}
	for path, s := range p.Deep() {
		c.steps[path] = s
		c.names = append(c.names, path)
	}
	for _, d := range people {
		c.people[d.id.Value] = d.person()
	}
	return c
}

// person is the declared one, with sorted groups.
func (d personDecl) person() TestPerson {
	return TestPerson{ID: d.id.Value, Groups: slices.Sorted(slices.Values(values(d.groups))), Identities: values(d.identities)}
}

// merge puts a case over the defaults, or a row over its case. Inputs, answers
// and what is expected of steps are put over each other one by one; what people
// do is taken whole, except that defaults stay beside the acts of a case.
func merge(under, over caseDecl) caseDecl {
	out := over
	out.title, out.severity, out.requester = first(over.title, under.title), first(over.severity, under.severity), first(over.requester, under.requester)
	e, u := &out.env, under.env
	e.name, e.account, e.region = first(e.name, u.name), first(e.account, u.account), first(e.region, u.region)
	if e.floor == nil {
		e.floor = u.floor
	}
	if !e.protectedSet {
		e.protected, e.protectedSet = u.protected, u.protectedSet
	}
	out.inputs = overlay(under.inputs, over.inputs, func(p pair) string { return p.key.text })
	over.answers = slices.Clone(over.answers)
	for i, a := range over.answers {
		if j := slices.IndexFunc(under.answers, func(b answersDecl) bool { return b.step.Value == a.step.Value }); j >= 0 {
			over.answers[i] = a.over(under.answers[j])
		}
	}
	out.answers = overlay(under.answers, over.answers, func(a answersDecl) string { return a.step.Value })
	out.acts = nil
	for _, a := range under.acts {
		if !a.own || !over.actsSet {
			out.acts = append(out.acts, a)
		}
	}
	out.acts = append(out.acts, over.acts...)
	x, y := &out.expect, under.expect
	if !x.Pos.known() {
		x.Pos = y.Pos
	}
	x.bad = x.bad || y.bad
	x.Run, x.Reason, x.Within = first(x.Run, y.Run), first(x.Reason, y.Reason), first(x.Within, y.Within)
	x.Path, x.Undone, x.Evidence = first(x.Path, y.Path), first(x.Undone, y.Undone), first(x.Evidence, y.Evidence)
	x.Steps = overlay(y.Steps, x.Steps, TestPair[string].name)
	x.Because = overlay(y.Because, x.Because, TestPair[string].name)
	x.Attempts = overlay(y.Attempts, x.Attempts, TestPair[int].name)
	x.Approvals = overlay(y.Approvals, x.Approvals, TestPair[TestApproval].name)
	x.outputs = overlay(y.outputs, x.outputs, func(p pair) string { return p.key.text })
	x.stepOutputs = overlay(y.stepOutputs, x.stepOutputs, func(p pair) string { return p.key.text })
	if len(x.Timeline) == 0 {
		x.Timeline = y.Timeline
	}
	return out
}

// over puts each answer over the last of those under it: what it does not say
// stays, and so do outputs, unless the attempt does not work.
func (d answersDecl) over(under answersDecl) answersDecl {
	if len(under.list) == 0 {
		return d
	}
	u := under.list[len(under.list)-1]
	d.list = slices.Clone(d.list)
	for i := range d.list {
		a := &d.list[i]
		a.noUndo, a.inEffect, a.takes = first(a.noUndo, u.noUndo), first(a.inEffect, u.inEffect), first(a.takes, u.takes)
		if a.targets == nil && a.readings == nil {
			a.targets = u.targets
			if a.drifts == nil {
				a.drifts = u.drifts
			}
			if a.targets == nil && a.drifts == nil && !a.planFails.Set() {
				a.readings = u.readings
			}
		}
		if !a.changesSet {
			a.changes = u.changes
		}
		if lost := a.unknown.Value || a.timesOut.Value; !a.fails.Set() && !a.blind() && (!lost || a.found.Value == string(actions.Applied)) {
			a.outputs = mergeNodes(u.outputs, a.outputs)
		}
	}
	return d
}

// mergeNodes puts the keys of a map over those of another.
func mergeNodes(under, over *node) *node {
	switch {
	case over == nil:
		return under
	case under == nil || under.kind != mapNode || over.kind != mapNode:
		return over
	}
	return &node{kind: mapNode, pos: over.pos, pairs: overlay(under.pairs, over.pairs, func(p pair) string { return p.key.text })}
}

func (p Pos) known() bool { return p.Line > 0 }

func (p TestPair[T]) name() string { return p.Name }

func first[T any](a, b At[T]) At[T] {
	if a.Set() {
		return a
	}
	return b
}

// overlay gives what is under, each replaced by the one of the same name that
// is over it, and then the rest of what is over.
func overlay[T any](under, over []T, name func(T) string) []T {
	var out []T
	has := func(list []T, n string) int {
		return slices.IndexFunc(list, func(one T) bool { return name(one) == n })
	}
	for _, one := range under {
		if i := has(over, name(one)); i >= 0 {
			one = over[i]
		}
		out = append(out, one)
	}
	for _, one := range over {
		if has(under, name(one)) < 0 {
			out = append(out, one)
		}
	}
	return out
}

// testCase checks one case.
func (c *testCheck) testCase(d caseDecl) TestCase {
	out := TestCase{
		Name: d.name.Value, Pos: d.pos, Title: d.title.Value, Severity: d.severity.Value,
		Requester: TestPerson{ID: "tester"}, Environment: c.environment(d.env), Inputs: c.inputs(d),
	}
	if d.requester.Set() {
		out.Requester = c.person(d.requester)
	}
	for _, a := range d.answers {
		out.Answers = append(out.Answers, c.answersOf(a))
	}
	slices.SortFunc(out.Answers, func(a, b TestAnswers) int { return strings.Compare(a.Step, b.Step) })
	c.floor = out.Environment.Floor
	for _, a := range d.acts {
		if c.overruled(a, d.acts) {
			continue
		}
		out.Acts = append(out.Acts, c.actOf(a))
	}
	out.Expect = c.expect(d.expect)
	if out.Expect.nothing() && !d.expect.bad {
		c.fail(d.pos, "missing", "add expect: {run: done}", "the case expects nothing, so it cannot fail")
	}
	return out
}

// overruled says whether an act of the defaults gives way to one of the case
// that answers the same question. Who skips a step answers every question about it.
func (c *testCheck) overruled(a actDecl, all []actDecl) bool {
	return !a.own && slices.ContainsFunc(all, func(b actDecl) bool {
		return b.own && b.step.Set() && b.step.Value == a.step.Value && (b.verb.Value == "skip" || about(b.verb.Value) == about(a.verb.Value))
	})
}

// about names the question that a verb answers.
func about(verb string) string {
	switch verb {
	case "approve", "deny", "break_glass":
		return "approval"
	case "retry", "applied", "not_applied":
		return "held"
	case "lift", "extend", "keep":
		return "containment"
	}
	return verb
}

// nothing says whether nothing is expected.
func (e TestExpect) nothing() bool {
	return !e.Run.Set() && !e.Reason.Set() && !e.Path.Set() && !e.Undone.Set() && !e.Evidence.Set() && !e.Within.Set() &&
		len(e.Steps)+len(e.Because)+len(e.Attempts)+len(e.Outputs)+len(e.StepOutputs)+len(e.Approvals)+len(e.Timeline) == 0
}

func (c *testCheck) environment(d environmentDecl) TestEnvironment {
	e := TestEnvironment{EnvironmentFacts: EnvironmentFacts{Name: "test", Account: "111122223333", Region: "eu-central-1"}, Protected: values(d.protected)}
	if len(c.p.Environments) > 0 {
		e.Name = c.p.Environments[0]
	}
	for _, f := range []struct {
		into *string
		from At[string]
	}{{&e.Name, d.name}, {&e.Account, d.account}, {&e.Region, d.region}} {
		if f.from.Set() {
			*f.into = f.from.Value
		}
	}
	if d.name.Set() && len(c.p.Environments) > 0 && !slices.Contains(c.p.Environments, e.Name) {
		c.fail(d.name.Pos, "value", didYouMean(e.Name, c.p.Environments), "the runbook is for %s, not for %s", strings.Join(c.p.Environments, ", "), word(e.Name))
	}
	if d.floor != nil {
		e.Floor = &TestFloor{Effect: actions.Effect(d.floor.effect.Value), From: values(d.floor.from), Quorum: d.floor.quorum.Value, BreakGlass: d.floor.breakGlass.Value}
	}
	return e
}

func (c *testCheck) person(id At[string]) TestPerson {
	p, known := c.people[id.Value]
	if id.Set() && !known {
		all := slices.Sorted(maps.Keys(c.people))
		hint := didYouMean(id.Value, all)
		if hint == "" {
			hint = "add to people: at the top of the file: " + id.Value + ": [group, ...]"
		}
		c.fail(id.Pos, "unknown-person", hint, "there is no person %s", word(id.Value))
	}
	return p
}

var undoSuffix = regexp.MustCompile(`~undo[0-9]*\z`)

// step finds the step that is meant by a name as the engine has it.
func (c *testCheck) step(name At[string]) (step *Step, undo bool) {
	if !name.Set() {
		return nil, false
	}
	base := undoSuffix.ReplaceAllString(name.Value, "")
	undo = base != name.Value
	var path []string
	for _, part := range strings.Split(base, ".") {
		if part[0] >= '1' && part[0] <= '9' {
			s := c.steps[strings.Join(path, ".")]
			if s != nil && s.ForEach == nil {
				c.fail(name.Pos, "unknown-step", "leave the number out", "step %s has no items", word(s.ID))
				return nil, undo
			}
			continue
		}
		path = append(path, part)
	}
	step = c.steps[strings.Join(path, ".")]
	if step == nil {
		hint := didYouMean(base, c.names)
		if hint == "" {
			hint = "known: " + strings.Join(c.names, ", ")
		}
		c.fail(name.Pos, "unknown-step", hint, "the runbook has no step %s", word(base))
	}
	return step, undo
}

// inputs checks the inputs as a run would.
func (c *testCheck) inputs(d caseDecl) map[string]any {
	given := map[string]any{}
	places := map[string]*node{}
	for _, p := range d.inputs {
		places[p.key.text] = p.value
		in, known := c.p.Input(p.key.text)
		if !known {
			var all []string
			for _, in := range c.p.Inputs {
				all = append(all, in.Name)
			}
			hint := didYouMean(p.key.text, all)
			if hint == "" {
				hint = "known: " + strings.Join(all, ", ")
			}
			c.fail(p.key.pos, "unknown-input", hint, "%s is not an input of the runbook", word(p.key.text))
			continue
		}
		if v, ok := c.typed(p.value, inputField(in)); ok {
			given[in.Name] = v
		} else {
			places[p.key.text] = nil // it was said
		}
	}
	checked, problems := c.p.CheckInputs(given)
	for _, problem := range problems {
		name, rest, _ := strings.Cut(problem.Path, ".")
		switch n, there := places[name]; {
		case !there:
			c.fail(d.pos, "missing", problem.Hint, "the input %q is missing", name)
		case n != nil:
			c.fail(within(n, rest), "value", problem.Hint, "the input %q %s", name, problem.Message)
		}
	}
	return checked
}

// inputField is the type of an input as a field.
func inputField(in Input) actions.Field {
	f := actions.Field{Name: in.Name, Kind: in.Type, Doc: in.Description}
	if in.Of != nil {
		elem := inputField(*in.Of)
		f.Elem = &elem
	}
	return f
}
