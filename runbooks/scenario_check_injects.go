package runbooks

import (
	"fmt"
	"slices"
	"strings"
)

// trigger checks when something happens.
func (c *scenarioCheck) trigger(d triggerDecl) Trigger {
	out := Trigger{After: d.after.Value, Asked: d.asked.Value, When: c.condition(d.when, "a when", c.when), Delay: d.delay.Value}
	out.Hand = slices.ContainsFunc(d.which, func(a At[string]) bool { return a.Value == "hand" })
	if d.at.Set() {
		at := d.at.Value
		out.At = &at
	}
	if d.after.Set() && c.injects[d.after.Value] == nil {
		c.stepOrInject(d.after)
	}
	if step, undo := c.step(d.asked); step != nil && !c.asks(step, undo) {
		c.fail(d.asked.Pos, "value", "write after: "+d.asked.Value, "nobody is ever asked about step %s", word(d.asked.Value))
	}
	return out
}

// stepOrInject makes sure that a name that is no inject is a step.
func (c *scenarioCheck) stepOrInject(name At[string]) {
	if c.steps[withoutNumbers(undoSuffix.ReplaceAllString(name.Value, ""))] != nil {
		c.step(name)
		return
	}
	all := append(slices.Clone(c.names), c.ids...)
	hint := didYouMean(name.Value, all)
	if hint == "" {
		hint = "known: " + strings.Join(all, ", ")
	}
	c.fail(name.Pos, "unknown-step", hint, "there is no step and no inject %s", word(name.Value))
}

// inject checks one inject.
func (c *scenarioCheck) inject(d injectDecl) Inject {
	out := Inject{
		ID: d.id.Value, Trigger: c.trigger(d.trigger), To: d.to.Value, Say: d.say.Value, RedFlag: values(d.redFlag), Chat: d.chat.Value,
		Away: values(d.away), Back: values(d.got), Pos: d.pos,
	}
	if d.id.Set() && c.steps[d.id.Value] != nil {
		c.fail(d.id.Pos, "value", "give it another id", "a step of the runbook is named %s too, so after would not say which", word(d.id.Value))
	}
	for _, flag := range d.redFlag {
		if step, undo := c.step(flag); step != nil && !c.approves(step, undo) {
			c.fail(flag.Pos, "value", "name a step with an approval", "nobody is asked to approve step %s, so nobody can say yes to it", word(flag.Value))
		}
	}
	if len(d.answers) > 0 {
		out.Answers = c.allAnswers(d.answers)
	}
	for _, e := range d.expect {
		out.Expect = append(out.Expect, c.expectation(e))
	}
	return out
}

// expectation checks what is expected of an inject.
func (c *scenarioCheck) expectation(d expectedDecl) Expectation {
	out := Expectation{
		Text: d.text.Value, Verb: d.verb.Value, Target: d.target.Value, Step: c.named(d.step), Status: d.status.Value, Note: d.note.Value,
		When: c.condition(d.when, "a when", c.when), By: values(d.by), Within: d.within.Value, Points: or(d.points, defaultPoints), Pos: d.pos,
	}
	out.Hand = slices.ContainsFunc(d.which, func(a At[string]) bool { return a.Value == "hand" })
	if d.target.Set() && d.verb.Set() {
		c.target(d)
	}
	if out.Text == "" {
		out.Text = out.inWords()
	}
	return out
}

// target checks what the verb of an expectation is about: a runbook or a step.
func (c *scenarioCheck) target(d expectedDecl) {
	switch {
	case d.verb.Value == "run" && d.target.Value != c.p.ID:
		c.fail(d.target.Pos, "value", "write target: "+c.p.ID, "an exercise plays one runbook, which is %s", word(c.p.ID))
	case d.verb.Value == "run":
	case !testStep.pattern.MatchString(d.target.Value):
		c.fail(d.target.Pos, "value", testStep.say, "%s is not allowed here", word(d.target.Value))
	default:
		c.about(d.verb.Value, d.target)
	}
}

// inWords is what is expected, for the report.
func (e Expectation) inWords() string {
	who := "somebody"
	if len(e.By) > 0 {
		who = inWords(e.By)
	}
	switch {
	case e.Verb == "review" && e.Target == "": // which is typed with one of two words
		return who + " reviews a broken glass"
	case e.Verb == "review":
		return who + " reviews the broken glass of " + e.Target
	case e.Verb != "":
		return strings.TrimSpace(fmt.Sprintf("%s types %s %s", who, strings.Replace(e.Verb, "break_glass", "break-glass", 1), e.Target))
	case e.Step != "":
		status := e.Status
		if status == "" {
			status = statusDone
		}
		return fmt.Sprintf("step %s is %s", e.Step, status)
	case e.Note != "":
		return fmt.Sprintf("%s notes %q", who, e.Note)
	}
	return e.When
}

// circles finds injects that wait for each other. Each waits for one at most, so
// one walk through all is enough.
func (c *scenarioCheck) circles() {
	state := map[string]int{} // 1: on the way, 2: done
	for _, start := range c.ids {
		var trail []string
		id := start
		for c.injects[id] != nil && state[id] == 0 {
			state[id] = 1
			trail = append(trail, id)
			id = c.injects[id].trigger.after.Value
		}
		if state[id] == 1 {
			i := slices.Index(trail, id)
			d := c.injects[id]
			if i == len(trail)-1 {
				c.fail(d.trigger.after.Pos, "cycle", "", "inject %s waits for itself", word(id))
			} else {
				c.fail(d.trigger.after.Pos, "cycle", "take one of them out", "the injects wait for each other: %s", strings.Join(append(slices.Clone(trail[i:]), id), " after "))
			}
		}
		for _, id := range trail {
			state[id] = 2
		}
	}
}
