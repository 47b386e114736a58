package runbooks

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Limits on the runbooks that a runbook calls.
const (
	maxCalls     = 4    // runbooks inside each other
	maxAllSteps  = 1000 // with those of all that are called
	maxAllSource = 4 * maxFile
)

// called finds the program that a step calls, or says why it cannot be called.
func (c *compilation) called(d *StepDecl) *Program {
	id := d.Calls.Value
	if why, known := c.others.broken[id]; known && id != c.rb.ID.Value {
		c.fail(d.Calls.Pos, why.rule, why.hint, "the runbook %q cannot be called: %s", id, why.message)
		return nil
	}
	p, known := c.others.programs[id]
	switch {
	case id == c.rb.ID.Value:
		c.fail(d.Calls.Pos, "runbook-cycle", "repeat a step with for_each", "the runbook %q calls itself", id)
		return nil
	case !known:
		ids := names(c.others.ids)
		ids = slices.DeleteFunc(ids, func(other string) bool { return other == c.rb.ID.Value })
		hint := didYouMean(id, ids)
		switch {
		case hint == "" && len(ids) == 0:
			hint = "no other runbook was given; name its file or its folder too"
		case hint == "":
			hint = "it is not among the runbooks that were given; name its file or its folder too"
		}
		c.fail(d.Calls.Pos, "runbook", hint, "there is no runbook %q", id)
		return nil
	case d.Digest.Set() && !strings.HasPrefix(p.Digest, d.Digest.Value):
		c.fail(d.Digest.Pos, "runbook-changed", "read what changed, then write digest: "+p.Digest[:12], "the runbook %q is not the one that is pinned here", id)
		return nil
	case p.calls() >= maxCalls:
		c.fail(d.Calls.Pos, "size", "call the inner runbooks from here", "runbooks call each other deeper than %d", maxCalls)
		return nil
	}
	c.sameEnvironments(p, d)
	return p
}

// sameEnvironments makes sure that a runbook is not run where its author did
// not allow it, because another one calls it.
func (c *compilation) sameEnvironments(p *Program, d *StepDecl) {
	if len(p.Environments) == 0 {
		return
	}
	own := values(c.rb.Environments)
	hint := "write environments: [" + strings.Join(p.Environments, ", ") + "]"
	if len(own) == 0 {
		c.fail(d.Calls.Pos, "environment", hint, "the runbook %q is only for %s, and this one is for every environment", p.ID, strings.Join(p.Environments, ", "))
		return
	}
	for _, name := range own {
		if !slices.Contains(p.Environments, name) {
			c.fail(d.Calls.Pos, "environment", hint, "the runbook %q is not for the environment %q, and this one is", p.ID, name)
			return
		}
	}
}

// calls is how deep runbooks are called: 0 when none is.
func (p *Program) calls() int {
	deepest := 0
	for s := range p.All() {
		if s.Runbook != nil {
			deepest = max(deepest, 1+s.Runbook.Program.calls())
		}
	}
	return deepest
}

// total bounds a program with all that it calls.
func (c *compilation) total(p *Program) {
	n, text := 0, 0
	for _, step := range p.Deep() {
		n++
		if step.Runbook != nil {
			text += len(step.Runbook.Program.Source.Text)
		}
		if n > maxAllSteps || text > maxAllSource {
			break
		}
	}
	switch {
	case len(c.steps) > maxSteps:
		c.fail(c.decls[maxSteps].Pos, "size", "split the runbook", "there are %d steps, with those of on_cancel; at most %d are allowed", len(c.steps), maxSteps)
	case n > maxAllSteps:
		c.fail(Pos{1, 1}, "size", "split the runbook", "there are more than %d steps, with those of the runbooks that are called", maxAllSteps)
	case text > maxAllSource:
		c.fail(Pos{1, 1}, "size", "split the runbook", "the files of the runbooks that are called have more than %d bytes", maxAllSource)
	}
}

// call checks the inputs that a step gives to the runbook which it calls.
func (c *compilation) call(step *Step, d *StepDecl, at *place) {
	program := step.Runbook.Program
	fields := make([]actions.Field, len(program.Inputs))
	for i := range program.Inputs {
		fields[i] = program.Inputs[i].param()
	}
	with := d.with
	if with == nil {
		if len(fields) == 0 {
			return
		}
		with = &node{kind: mapNode, pos: d.Calls.Pos}
	}
	step.With = c.parameters(with, &params{"the runbook " + program.ID, "input", fields}, at)
	if step.With == nil {
		return
	}
	for _, m := range step.With.Members {
		in, known := program.Input(m.Name)
		if !known || !m.Value.fixed() {
			continue
		}
		v, err := m.Value.Resolve(Env{})
		if err != nil {
			continue
		}
		_, problems := in.check(v, c.patterns)
		for _, p := range problems {
			c.fail(m.Value.find(strings.TrimPrefix(strings.TrimPrefix(p.Path, in.Name), ".")), "value", p.Hint, "%s: %s", p.Path, p.Message)
		}
	}
}

// fixed says whether a value has no expressions in it.
func (v *Value) fixed() bool {
	for range v.Expressions() {
		return false
	}
	return true
}

// find is the place of a part of a value, such as "tags.0.key".
func (v *Value) find(path string) Pos {
	for name := range strings.SplitSeq(path, ".") {
		var next *Value
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v.Items) {
			next = v.Items[i]
		}
		for _, m := range v.Members {
			if m.Name == name {
				next = m.Value
			}
		}
		if next == nil {
			break
		}
		v = next
	}
	return v.Pos
}
