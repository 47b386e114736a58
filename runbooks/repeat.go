package runbooks

import (
	"cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

// Defaults of a for_each.
const defaultParallel = 10

// forEach checks the list of a step that is done for each item of it.
func (c *compilation) forEach(step *Step, d *StepDecl, at *place) {
	f := d.ForEach
	if f == nil {
		return
	}
	if f.in == nil {
		c.noItem = true
		return
	}
	e := c.bare(f.in, "a for_each", at) // it cannot read the item itself
	c.noItem = true
	if e == nil || c.secretIn(e) {
		return
	}
	if e.result.Kind != actions.List {
		hint := "name a list, such as inputs.NAME or steps.ID.outputs.NAME"
		if e.result.Kind == actions.Map {
			hint = "a map has no order; give the items as a list"
		}
		c.fail(e.Pos, "wrong-type", hint, "a for_each needs a list; this is %s", kindWord(e.result))
		return
	}
	item := pinned(*e.result.Elem)
	item.Name, item.Required = itemPath, true
	step.ForEach = &ForEach{
		In: e, Item: item, MaxParallel: cmp.Or(f.MaxParallel.Value, defaultParallel),
		MaxErrors: f.MaxErrors.Value, MaxPercent: f.MaxPercent.Value,
	}
	c.noItem = false
}

// outputsOfEach is what a step with for_each gives: the outputs of the items
// that are done, in the order of the list, and how many are done and failed.
// What is secret is left out of them.
func outputsOfEach(outputs []actions.Field) []actions.Field {
	one := actions.Field{Kind: actions.Object, Required: true, Fields: []actions.Field{}}
	for _, f := range outputs {
		if !hasSecret(f) {
			one.Fields = append(one.Fields, f)
		}
	}
	return []actions.Field{
		{Name: "results", Kind: actions.List, Elem: &one, Required: true},
		{Name: "done", Kind: actions.Int, Required: true},
		{Name: "failed", Kind: actions.Int, Required: true},
	}
}

// wait checks a step that lets time pass.
func (c *compilation) wait(step *Step, d *StepDecl, at *place) {
	step.Wait = &Wait{For: d.waitFor.Value}
	if d.waitUntil == nil {
		return
	}
	e := c.bare(d.waitUntil, "until", at)
	if e == nil || c.secretIn(e) {
		return
	}
	switch e.result.Kind {
	case actions.Int, actions.Time:
		step.Wait.Until = e
	case actions.Duration:
		c.fail(e.Pos, "wrong-type", "add it to a moment, such as now + ...", "until needs a moment; this is a duration")
	default:
		c.fail(e.Pos, "wrong-type", "give Unix seconds, such as now + 600, or an output that is a time", "until needs a moment; this is %s", kindWord(e.result))
	}
}
