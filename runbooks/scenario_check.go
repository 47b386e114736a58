package runbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// What a scenario has when it does not say.
const (
	defaultShown       = "Exercise"
	defaultSeverity    = 2
	defaultSeed        = 1
	defaultPoints      = 1
	defaultFacilitator = "facilitator"
)

// Check makes sure that the scenario fits the program of its runbook: that every
// step, person, action and output it names is there and has its type, that
// everything can happen, and that nothing of the world is left open. With
// errors, its own or those of [ParseScenario], which it does not repeat, there
// is no scenario; warnings come beside one.
func (f *ScenarioFile) Check(p *Program, cat Catalog) (*Scenario, Diagnostics) {
	c := &scenarioCheck{testCheck: newTestCheck(f.source, p, cat, f.people), file: f, tools: newTools(), injects: map[string]*injectDecl{}}
	out := c.scenario()
	c.warnings(out)
	c.found.Sort()
	if c.found.HasErrors() || f.source.found.HasErrors() {
		return nil, c.found
	}
	if err := out.pin(); err != nil {
		c.fail(f.root, "scenario", "", "%v", err)
		return nil, c.found
	}
	return out, c.found
}

// scenarioCheck is one check of a scenario against a program.
type scenarioCheck struct {
	*testCheck
	file        *ScenarioFile
	tools       *tools
	injects     map[string]*injectDecl
	ids         []string // of injects, in the order of the file
	leader      string   // id of the facilitator, who may type too
	when, check scope    // what conditions read, and checks of objectives
	expressions int
}

func (c *scenarioCheck) scenario() *Scenario {
	f := c.file
	if f.Runbook.Set() && f.Runbook.Value != c.p.ID {
		c.fail(f.Runbook.Pos, "value", "", "the scenario is for runbook %s, not for %s", word(f.Runbook.Value), word(c.p.ID))
	}
	for i := range f.injects {
		if d := &f.injects[i]; d.id.Set() && c.injects[d.id.Value] == nil {
			c.injects[d.id.Value] = d
			c.ids = append(c.ids, d.id.Value)
		}
	}
	c.when, c.check = ScenarioScope(c.p, c.ids, false), ScenarioScope(c.p, c.ids, true)
	environment := c.environment(f.env)
	c.floor = environment.Floor
	out := &Scenario{
		ID: f.ID.Value, Title: f.title.Value, Shown: or(f.shown, defaultShown), Severity: or(f.severity, defaultSeverity), Owner: f.owner.owner(),
		Runbook: f.Runbook.Value, Briefing: f.briefing.Value, Seed: int64(or(f.seed, defaultSeed)), Tests: values(f.tests), Facts: f.facts,
		Facilitator: c.facilitator(), Environment: environment, Answers: c.allAnswers(f.answers), Objectives: []Objective{},
	}
	c.leader = out.Facilitator.ID
	for _, d := range f.people {
		out.People = append(out.People, d.person())
	}
	slices.SortFunc(out.People, func(a, b TestPerson) int { return strings.Compare(a.ID, b.ID) })
	for _, d := range f.objectives {
		out.Objectives = append(out.Objectives, Objective{
			ID: d.id.Value, Text: d.text.Value, Capability: d.capability.Value, Check: c.condition(d.check, "a check", c.check), Pos: d.pos,
		})
	}
	for _, d := range f.injects {
		out.Injects = append(out.Injects, c.inject(d))
	}
	for _, d := range f.clocks {
		out.Clocks = append(out.Clocks, NotificationClock{ID: d.id.Value, Text: d.text.Value, From: c.known(d.from), Within: d.within.Value, Note: d.note.Value, Pos: d.pos})
	}
	for _, d := range f.forbidden {
		out.Forbidden = append(out.Forbidden, c.forbid(d))
	}
	out.End = ScenarioEnd{When: c.condition(f.end.when, "a when", c.when), Max: f.end.max.Value}
	for _, d := range f.script {
		out.Script = append(out.Script, c.line(d))
	}
	c.circles()
	c.unanswered()
	return out
}

// or is a value that may not be written.
func or[T any](a At[T], fallback T) T {
	if a.Set() {
		return a.Value
	}
	return fallback
}

func (c *scenarioCheck) facilitator() TestPerson {
	switch d := c.file.facilitator; {
	case d.name.Set():
		return c.testCheck.person(d.name)
	case d.person.id.Set():
		if p, both := c.people[d.person.id.Value]; both && len(d.person.groups)+len(d.person.identities) == 0 {
			return p
		} else if both {
			c.fail(d.person.id.Pos, "value", "write facilitator: "+p.ID, "%s is in people already, with groups", word(p.ID))
		}
		return d.person.person()
	}
	return TestPerson{ID: defaultFacilitator}
}

// allAnswers checks answers, and sorts them by step.
func (c *scenarioCheck) allAnswers(list []answersDecl) []TestAnswers {
	out := []TestAnswers{}
	for _, d := range list {
		out = append(out, c.answersOf(d))
	}
	slices.SortStableFunc(out, func(a, b TestAnswers) int { return strings.Compare(a.Step, b.Step) })
	return out
}

// unanswered finds the steps of which nobody says what the world does with them.
// Those of on_cancel are among them: players can cancel at any time. The answer
// of one item of a list is none for the others, of which there may be any number.
func (c *scenarioCheck) unanswered() {
	given := map[string]bool{}
	for _, d := range c.file.answers {
		given[d.step.Value] = true
	}
	pos := c.file.root
	if c.file.answersPos.known() {
		pos = c.file.answersPos
	}
	for path, step := range c.p.Deep() {
		if step.Uses == "" || given[path] || c.full() {
			continue
		}
		hint := "add to answers: " + path + ": {}"
		if spec, ok := c.cat.Spec(step.Uses); ok {
			var outputs []string
			for _, f := range spec.Outputs {
				if f.Required {
					outputs = append(outputs, f.Name+": ...")
				}
			}
			if len(outputs) > 0 {
				hint = "add to answers: " + path + ": {outputs: {" + strings.Join(outputs, ", ") + "}}"
			}
		}
		c.fail(pos, "no-answer", hint, "nobody says what the world does with step %s (%s)", word(path), step.Uses)
	}
}

// withoutNumbers is the step that an item belongs to: revoke of revoke.2.
func withoutNumbers(step string) string {
	var words []string
	for part := range strings.SplitSeq(step, ".") {
		if part == "" || part[0] < '1' || part[0] > '9' {
			words = append(words, part)
		}
	}
	return strings.Join(words, ".")
}

// condition checks an expression and gives its source, or "".
func (c *scenarioCheck) condition(n *node, what string, sc scope) string {
	if n == nil || n.bad {
		return ""
	}
	if strings.Contains(n.text, "${{") {
		c.fail(n.pos, "expression", "leave out ${{ and }}", "%s is an expression already", what)
		return ""
	}
	if c.expressions++; c.expressions > maxExpressions {
		if c.expressions == maxExpressions+1 {
			c.fail(n.pos, "size", "", "there are more than %d expressions", maxExpressions)
		}
		return ""
	}
	trimmed := strings.TrimLeft(n.text, " \t\r\n")
	skip := len([]rune(n.text)) - len([]rune(trimmed))
	trimmed = strings.TrimRight(trimmed, " \t\r\n")
	e, faults := c.tools.compile(trimmed, sc, nil)
	for _, one := range faults {
		c.fail(c.inside(n, "", 0, n.text, skip+one.offset), one.rule, one.hint, "%s", one.message)
	}
	if e == nil {
		return ""
	}
	if e.result.Kind != actions.Bool {
		c.fail(c.inside(n, "", 0, n.text, skip), "expression", "compare it with something, such as >= 1", "%s must be true or false; this is %s", what, kindWord(e.result))
		return ""
	}
	return trimmed
}

// known gives the id of an inject, which must be there.
func (c *scenarioCheck) known(id At[string]) string {
	if id.Set() && c.injects[id.Value] == nil {
		hint := didYouMean(id.Value, c.ids)
		if hint == "" {
			hint = "known: " + strings.Join(c.ids, ", ")
		}
		if len(c.ids) == 0 {
			hint = "there are none"
		}
		c.fail(id.Pos, "unknown-inject", hint, "there is no inject %s", word(id.Value))
	}
	return id.Value
}

// named gives the name of a step, which must be there.
func (c *scenarioCheck) named(step At[string]) string {
	c.step(step)
	return step.Value
}

// forbid checks what is forbidden.
func (c *scenarioCheck) forbid(d forbiddenDecl) Forbidden {
	out := Forbidden{Action: d.action.Value, Step: c.named(d.step), Target: d.target.Value, Verb: d.verb.Value, Of: c.named(d.of), Why: d.why.Value, Pos: d.pos}
	if _, known := c.cat.Spec(d.action.Value); d.action.Set() && !known {
		hint := didYouMean(d.action.Value, c.cat.Names())
		if hint == "" {
			hint = "firebreak actions list shows what there is"
		}
		c.fail(d.action.Pos, "unknown-action", hint, "there is no action %s", word(d.action.Value))
	}
	if d.of.Set() && d.verb.Set() {
		c.about(d.verb.Value, d.of)
	}
	return out
}

// line checks a line of the script.
func (c *scenarioCheck) line(d lineDecl) ScriptLine {
	out := ScriptLine{By: d.by.Value, Type: d.line.Value, Via: d.via.Value, Trigger: c.trigger(d.trigger), Each: d.each.Value, Refused: d.refuse.Value, Pos: d.pos}
	if d.by.Value != c.leader {
		c.testCheck.person(d.by)
	}
	return out
}

// about makes sure that a verb can be about a step.
func (c *scenarioCheck) about(verb string, target At[string]) {
	step, undo := c.step(target)
	if step == nil {
		return
	}
	name := word(target.Value)
	refuse := func(hint, format string, args ...any) {
		c.fail(target.Pos, "value", hint, "%s", fmt.Sprintf(format, args...))
	}
	switch verb {
	case "run", "note", "cancel", "export":
		refuse("leave it out", "%s is not about a step", verb)
	case "approve", "deny":
		if !c.approves(step, undo) {
			refuse("", "nobody is asked to approve step %s", name)
		}
	case "break_glass", "review":
		if why, hint := c.unbreakable(step, undo); why != "" {
			refuse(hint, "%s", why)
		}
	case "done":
		if !manual(step, undo) {
			refuse("", "step %s is not manual, nobody is asked to do it", name)
		}
	case "extend", "keep":
		if step.Contains == nil || undo {
			refuse("", "the effect of step %s is not meant to end", name)
		}
	case "applied", "not_applied":
		if step.Uses == "" {
			refuse("", "step %s is a %s step, its outcome is never in doubt", name, step.Kind())
		}
	case "undo":
		if undo {
			refuse("name the step itself", "an undo is not taken back")
		} else if step.Uses != "" && step.Effect == actions.Read {
			refuse("", "step %s only reads, so there is nothing to take back", name)
		}
	}
}

// manual says whether a person does the step, or takes it back.
func manual(step *Step, undo bool) bool {
	if undo {
		return step.Undo != nil && step.Undo.Manual != nil
	}
	return step.Manual != nil
}

// approves says whether anybody can be asked to approve a step, by itself or
// because the environment demands it.
func (c *scenarioCheck) approves(step *Step, undo bool) bool {
	return c.approvalOf(step) != nil || undo && step.Undo != nil && step.Undo.Approval != nil
}

// asks says whether a question about a step can be open: for an approval, a
// manual step, one that is held or in doubt, or a containment that is over.
func (c *scenarioCheck) asks(step *Step, undo bool) bool {
	return c.approves(step, undo) || manual(step, undo) || step.Contains != nil || step.OnFailure == Ask || step.OnRefused == Ask || step.Uses != "" && step.Effect != actions.Read
}
