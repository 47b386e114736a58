package runbooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// answersOf checks what the world does with a step.
func (c *testCheck) answersOf(d answersDecl) TestAnswers {
	out := TestAnswers{Step: d.step.Value, Pos: d.step.Pos, Own: d.own}
	step, undo := c.step(d.step)
	if step == nil {
		return out
	}
	if step.Uses == "" {
		hint := "write into people what somebody does: - {answer: " + d.step.Value + ", by: ...}"
		if step.Manual == nil {
			hint = "name the steps that it leads to"
		}
		c.fail(d.step.Pos, "value", hint, "step %s is a %s step, the world is not asked about it", word(d.step.Value), step.Kind())
		return out
	}
	spec, ok := c.cat.Spec(step.Uses)
	if !ok {
		c.fail(d.step.Pos, "unknown-action", "", "the action %q of the step is not there", step.Uses)
		return out
	}
	for _, a := range d.list {
		out.List = append(out.List, c.answer(a, step, spec, undo))
	}
	return out
}

func (c *testCheck) answer(d answerDecl, step *Step, spec actions.Spec, undo bool) TestAnswer {
	out := TestAnswer{
		Pos: d.pos, Targets: c.targets(d.targets), Changes: values(d.changes), InEffect: d.inEffect.Value, NoUndo: d.noUndo.Value,
		Takes: d.takes.Value, Fails: actions.Class(d.fails.Value), Message: d.message.Value,
		Unknown: d.unknown.Value, TimesOut: d.timesOut.Value, Found: actions.Found(d.found.Value),
		Lies: d.lies.Value, Unreadable: d.unreadable.Value, VerifiedAfter: d.verifiedAfter.Value,
	}
	if out.Message == "" {
		out.Message = "it does not work today"
	}
	refuse := func(set bool, pos Pos, hint, format string, args ...any) {
		if set {
			c.fail(pos, "value", hint, format, args...)
		}
	}
	var ends []string
	for _, e := range []struct {
		set  bool
		name string
	}{{d.fails.Set(), "fails"}, {out.Unknown, "unknown"}, {out.TimesOut, "times_out"}, {d.planFails.Set() && !d.times.Set(), "plan_fails"}} {
		if e.set {
			ends = append(ends, e.name)
		}
	}
	refuse(len(ends) > 1, d.pos, "an attempt has one end; write a list with an answer for each attempt", "%s do not go together", strings.Join(ends, " and "))
	lost := out.Unknown || out.TimesOut
	refuse(d.found.Set() && !lost, d.found.Pos, "add unknown: true or times_out: true", "found says what became of an attempt whose answer was lost")
	refuse(d.found.Set() && (step.Repeat != actions.Probe || undo), d.found.Pos, "leave it out", "action %q repeats as %s, its target is never asked what became of an attempt", step.Uses, repeatWord(step, undo))
	refuse(d.message.Set() && !d.fails.Set() && !d.planFails.Set(), d.message.Pos, "add fails: or plan_fails:", "a message belongs to a failure")
	refuse(d.times.Set() && !d.planFails.Set(), d.times.Pos, "write a list with an answer for each attempt", "times counts readings that fail, and belongs to plan_fails")
	plans := step.Effect != actions.Read || undo
	for _, k := range []struct {
		pos  Pos
		name string
	}{{placeOf(d.targets), "targets"}, {placeOf(d.drifts), "then_targets"}, {d.planFails.Pos, "plan_fails"}, {placeOf(d.readings), "readings"}, {d.noUndo.Pos, "no_undo"}, {d.inEffect.Pos, "in_effect"}} {
		refuse(k.pos.known() && !plans, k.pos, "leave it out", "step %s only reads, so nothing is planned and its answer has no %q", word(step.ID), k.name)
	}
	for _, k := range []struct {
		set  bool
		pos  Pos
		name string
	}{{out.Lies, d.lies.Pos, "lies"}, {out.Unreadable, d.unreadable.Pos, "unreadable"}, {d.verifiedAfter.Set(), d.verifiedAfter.Pos, "verified_after"}} {
		refuse(k.set && step.Verify == nil && !undo, k.pos, "leave it out", "step %s is not verified, so there is no proof for %s to be about", word(step.ID), k.name)
	}
	simple := ""
	for _, k := range []struct {
		set  bool
		name string
	}{{d.targets != nil, "targets"}, {d.drifts != nil, "then_targets"}, {d.planFails.Set(), "plan_fails"}} {
		if k.set {
			simple = k.name
		}
	}
	refuse(d.readings != nil && simple != "", placeOf(d.readings), "write all of it as readings", "readings and %s do not go together", simple)
	out.Readings = c.sights(d, out.Targets)
	c.outputsOf(&out, d, step, spec, undo, !d.blind() && (len(ends) == 0 || lost && out.Found == actions.Applied))
	return out
}

// blind says whether the last reading of the target fails, so that nothing is
// ever tried.
func (d answerDecl) blind() bool {
	if d.readings == nil || len(d.readings.items) == 0 {
		return d.planFails.Set() && !d.times.Set()
	}
	last := d.readings.items[len(d.readings.items)-1]
	return slices.ContainsFunc(last.pairs, func(p pair) bool { return p.key.text == "fails" })
}

// sights puts what an answer says about the plan into single readings.
func (c *testCheck) sights(d answerDecl, targets []actions.Target) []TestReading {
	if d.readings != nil {
		return c.readings(d.readings)
	}
	var list []TestReading
	for range d.times.Value {
		list = append(list, TestReading{Fails: actions.Class(d.planFails.Value)})
	}
	switch {
	case d.planFails.Set() && !d.times.Set():
		return []TestReading{{Fails: actions.Class(d.planFails.Value)}}
	case len(list) > 0, d.drifts != nil:
		list = append(list, TestReading{Targets: targets})
	}
	if d.drifts != nil {
		list = append(list, TestReading{Targets: c.targets(d.drifts)})
	}
	return list
}

func repeatWord(step *Step, undo bool) string {
	if undo {
		return "an undo"
	}
	return string(step.Repeat)
}

// outputsOf checks the outputs of an attempt, which has some when it worked.
func (c *testCheck) outputsOf(out *TestAnswer, d answerDecl, step *Step, spec actions.Spec, undo, works bool) {
	what := fmt.Sprintf("action %q", step.Uses)
	switch {
	case undo:
		if d.outputs != nil {
			c.fail(d.outputs.pos, "value", "leave it out", "an undo has no outputs")
		}
	case d.outputs != nil && !works:
		c.fail(d.outputs.pos, "value", "leave it out, or write a list with an answer for each attempt", "an attempt that does not work has no outputs")
	case d.outputs != nil:
		out.Outputs, _ = c.fields(d.outputs, spec.Outputs, what, true)
	case works && !d.bad:
		c.needs(d.pos, what, spec.Outputs, nil)
	}
}

// needs makes sure that the required outputs are there.
func (c *testCheck) needs(pos Pos, what string, fields []actions.Field, given map[string]bool) bool {
	var missing, written []string
	for _, f := range fields {
		if f.Required && !given[f.Name] {
			missing, written = append(missing, strconv.Quote(f.Name)), append(written, f.Name+": ...")
		}
	}
	if len(missing) == 0 {
		return true
	}
	noun := "output"
	if len(missing) > 1 {
		noun = "outputs"
	}
	c.fail(pos, "missing", "add outputs: {"+strings.Join(written, ", ")+"}", "%s needs the %s %s", what, noun, strings.Join(missing, ", "))
	return false
}

// actOf checks what a person does.
func (c *testCheck) actOf(d actDecl) TestAct {
	out := TestAct{
		Pos: d.pos, Verb: d.verb.Value, Step: d.step.Value, By: c.person(d.by), Own: d.own, After: d.after.Value, At: d.at,
		Reason: d.reason.Value, Confirm: d.confirm.Set(), Bare: d.unsigned.Value, For: d.forSpan.Value, Refused: d.refused.Value,
	}
	step, undo := c.step(d.step)
	if step == nil {
		return out
	}
	refuse := func(hint, format string, args ...any) {
		if !d.refused.Set() {
			c.fail(d.step.Pos, "value", hint, format, args...)
		}
	}
	name := word(d.step.Value)
	switch d.verb.Value {
	case "answer":
		if step.Manual == nil && !undo {
			refuse("", "step %s is not manual, nobody is asked to do it", name)
			return out
		}
		out.With = c.answerText(d, step, undo)
	case "extend", "keep", "lift":
		if step.Contains == nil {
			refuse("add contains: to the step of the runbook", "the effect of step %s is not meant to end", name)
		}
	case "undo":
		if undo {
			refuse("", "an undo is not taken back")
		}
	case "break_glass", "review":
		if why, hint := c.unbreakable(step, undo); why != "" {
			refuse(hint, "%s", why)
		}
		out.With = d.verdict.Value
	}
	return out
}

// unbreakable says why nobody can break the glass at a step, so that there is
// nothing to review either, and what to do about it; "": somebody can.
func (c *testCheck) unbreakable(step *Step, undo bool) (why, hint string) {
	own, rule := step.Approval, c.approvalOf(step)
	if back := step.Undo; undo && back != nil && back.Approval != nil {
		changed := *step
		changed.Approval = back.Approval
		own, rule = back.Approval, c.approvalOf(&changed)
	}
	switch {
	case rule != nil && rule.BreakGlass != nil:
		return "", ""
	case own != nil && own.BreakGlass != nil:
		return fmt.Sprintf("the floor of the environment lets nobody break the glass at step %s", word(step.ID)), "add break_glass: true to the floor"
	}
	return fmt.Sprintf("nobody may break the glass at step %s", word(step.ID)), "add break_glass: {by: [...], review: [...]} to the approval of the step in the runbook"
}

// approvalOf is what a step needs in the environment at hand, as the engine
// works it out: its own approval, raised to the floor and with nobody who goes
// on alone where the floor does not let them, or that of the floor; nil: none.
func (c *testCheck) approvalOf(step *Step) *Approval {
	floor := c.floor
	switch {
	case floor == nil || step.Uses == "" || step.Tells || step.Copies() || !step.Effect.AtLeast(floor.Effect):
		return step.Approval
	case step.Approval == nil:
		return &Approval{From: floor.From, Quorum: floor.Quorum}
	}
	raised := *step.Approval
	raised.Quorum = max(raised.Quorum, floor.Quorum)
	if !floor.BreakGlass {
		raised.BreakGlass = nil
	}
	return &raised
}

// answerText checks the answer to a manual step by its type.
func (c *testCheck) answerText(d actDecl, step *Step, undo bool) string {
	typed := step.Manual != nil && step.Manual.Answer != nil && !undo
	if d.with == nil {
		if typed {
			c.fail(d.pos, "missing", "add with: ...", "step %s asks for an answer of type %s", word(d.step.Value), step.Manual.Answer.Type)
		}
		return ""
	}
	if !typed {
		c.scalarIn(d.with, "an answer must be a single value")
		return d.with.text
	}
	in := *step.Manual.Answer
	v, ok := c.typed(d.with, inputField(in))
	if !ok {
		return ""
	}
	_, problems := in.Check(v)
	for _, p := range problems {
		c.fail(within(d.with, strings.TrimPrefix(strings.TrimPrefix(p.Path, in.Name), ".")), "value", p.Hint, "the answer %s", p.Message)
	}
	if d.with.kind == scalarNode {
		return d.with.text
	}
	data, err := json.Marshal(v)
	if err != nil {
		c.fail(d.with.pos, "value", "", "the answer cannot be written down: %v", err)
	}
	return string(data)
}

// expect checks what has to come of a case.
func (c *testCheck) expect(d expectDecl) TestExpect {
	out := d.TestExpect
	named := func(name string, pos Pos) (*Step, bool) { return c.step(At[string]{name, pos}) }
	for _, p := range out.Steps {
		named(p.Name, p.Pos)
	}
	for _, p := range out.Because {
		named(p.Name, p.Pos)
	}
	for _, p := range out.Attempts {
		named(p.Name, p.Pos)
	}
	for _, p := range out.Approvals {
		named(p.Name, p.Pos)
		for _, id := range p.Value.By.Value {
			c.person(At[string]{id, p.Value.By.Pos})
		}
	}
	for _, list := range []At[[]string]{out.Path, out.Undone, out.Evidence} {
		for _, name := range list.Value {
			named(name, list.Pos)
		}
	}
	for _, p := range d.outputs {
		i := -1
		var names []string
		for n, o := range c.p.Outputs {
			names = append(names, o.Name)
			if o.Name == p.key.text {
				i = n
			}
		}
		if i < 0 {
			hint := didYouMean(p.key.text, names)
			if hint == "" {
				hint = "add outputs: to the runbook"
			}
			c.fail(p.key.pos, "unknown-output", hint, "the runbook has no output %q", p.key.text)
			continue
		}
		if v, ok := c.typed(p.value, c.p.Outputs[i].Field); ok {
			out.Outputs = append(out.Outputs, TestPair[any]{p.key.text, p.key.pos, v})
		}
	}
	for _, p := range d.stepOutputs {
		out.StepOutputs = append(out.StepOutputs, TestPair[[]TestPair[any]]{p.key.text, p.key.pos, c.stepOutputs(p)})
	}
	return out
}

// stepOutputs checks what is expected of the outputs of a step.
func (c *testCheck) stepOutputs(p pair) []TestPair[any] {
	step, undo := c.step(At[string]{p.key.text, p.key.pos})
	if step == nil {
		return nil
	}
	fields := step.Outputs
	child := strings.ContainsAny(p.key.text, "123456789") && step.ForEach != nil
	if spec, ok := c.cat.Spec(step.Uses); ok && (step.ForEach == nil || child) {
		fields = spec.Outputs
	}
	switch {
	case undo:
		fields = nil
	case step.Manual != nil && step.ForEach == nil:
		answer := actions.Field{Name: "answer", Kind: actions.String}
		if step.Manual.Answer != nil {
			answer = inputField(*step.Manual.Answer)
			answer.Name = "answer"
		}
		fields = []actions.Field{answer}
	case step.Runbook != nil && step.ForEach == nil:
		fields = nil
		for _, o := range step.Runbook.Program.Outputs {
			field := o.Field
			field.Name = o.Name
			fields = append(fields, field)
		}
	}
	what := "step " + word(p.key.text)
	values, _ := c.fields(p.value, fields, what, false)
	var out []TestPair[any]
	for _, one := range p.value.pairs {
		if v, ok := values[one.key.text]; ok {
			out = append(out, TestPair[any]{one.key.text, one.key.pos, v})
		}
	}
	return out
}
