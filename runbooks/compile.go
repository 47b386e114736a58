package runbooks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Catalog knows the actions that steps may use. *[actions.Registry] is one.
type Catalog interface {
	Spec(name string) (actions.Spec, bool)
	Names() []string
}

// Load parses and compiles one file. With errors there is no program; all
// faults of both are reported at once, sorted. Others are the programs that the
// file may call; [LoadAll] compiles files that call each other.
func Load(name string, src []byte, cat Catalog, others ...*Program) (*Program, Diagnostics) {
	rb, found := Parse(name, src)
	if rb == nil {
		return nil, found
	}
	p, more := Compile(rb, cat, others...)
	found = append(found, more...)
	found.Sort()
	if found.HasErrors() {
		return nil, found
	}
	return p, found
}

// Compile checks a parsed runbook against the actions and the programs that it
// may call, fills in the defaults and pins the result by its digest. With
// errors there is no program, neither with its own nor with those that [Parse]
// has already reported; these it does not repeat.
func Compile(rb *Runbook, cat Catalog, others ...*Program) (*Program, Diagnostics) {
	return compile(rb, cat, newShelf(others))
}

// shelf is what a runbook may call.
type shelf struct {
	programs map[string]*Program
	broken   map[string]fault // why a runbook cannot be called
	ids      map[string]bool  // of all, those too that were not compiled yet
}

func newShelf(programs []*Program) *shelf {
	s := &shelf{programs: map[string]*Program{}, broken: map[string]fault{}, ids: map[string]bool{}}
	for _, p := range programs {
		s.programs[p.ID], s.ids[p.ID] = p, true
	}
	return s
}

func compile(rb *Runbook, cat Catalog, others *shelf) (*Program, Diagnostics) {
	s := newSource(rb.source.name, rb.source.src)
	c := &compilation{
		source: s, rb: rb, cat: cat, others: others,
		tools: newTools(), patterns: patterns{}, scope: newScope(), order: map[string]int{}, used: map[string]bool{}, computed: map[string]bool{},
	}
	p := c.program()
	if c.found.HasErrors() || rb.source.found.HasErrors() {
		c.found.Sort()
		return nil, c.found
	}
	digest, err := p.digest()
	if err != nil {
		c.fail(Pos{1, 1}, "program", "", "%v", err)
		return nil, c.found
	}
	p.Digest = digest
	return p, c.found
}

// compilation is one run of the compiler.
type compilation struct {
	*source
	rb       *Runbook
	cat      Catalog
	others   *shelf
	tools    *tools
	scope    scope
	main     int            // how many of steps are not in on_cancel; those are the last
	order    map[string]int // of a step in steps
	steps    []Step
	decls    []*StepDecl
	specs    []*actions.Spec   // of each step; nil: it uses no action
	outputs  [][]actions.Field // of each step
	before   []bits            // the steps that have certainly ended before each
	sequence []int             // the steps, each after those it needs
	used     map[string]bool   // paths that expressions read
	computed map[string]bool   // those of them that an expression computes with

	patterns    patterns
	patternSize int // of all patterns
	expressions int
	noItem      bool // the for_each of the step at hand is at fault, so nobody knows its items
}

func (c *compilation) program() *Program {
	rb := c.rb
	sum := sha256.Sum256(c.src)
	p := &Program{
		Semantics: Semantics, ID: rb.ID.Value, Title: rb.Title.Value, Description: rb.Description.Value,
		Owner:        rb.Owner.owner(),
		Environments: values(rb.Environments), Budget: rb.Budget.Value, ReviewBy: rb.ReviewBy.Value,
		Source: Source{Name: c.name, SHA256: hex.EncodeToString(sum[:]), Text: string(c.src)},
	}
	c.inputs(p)
	c.declare()
	c.needs()
	for _, i := range c.sequence {
		c.step(i)
	}
	c.results(p)
	c.waivers(p)
	for i := range c.steps {
		c.pin(i)
	}
	p.Steps, p.OnCancel = c.steps[:c.main:c.main], c.steps[c.main:]
	if len(p.OnCancel) == 0 {
		p.OnCancel = nil
	}
	c.bounded(p)
	c.total(p)
	return p
}

func values(list []At[string]) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Value)
	}
	return out
}

// declare notes the id and the type of every step, so that expressions may
// name any of them.
func (c *compilation) declare() {
	c.main = len(c.rb.Steps)
	for i := range c.rb.Steps {
		c.decls = append(c.decls, &c.rb.Steps[i])
	}
	for i := range c.rb.OnCancel {
		c.decls = append(c.decls, &c.rb.OnCancel[i])
	}
	first := map[string]Pos{}
	c.steps, c.specs, c.outputs = make([]Step, len(c.decls)), make([]*actions.Spec, len(c.decls)), make([][]actions.Field, len(c.decls))
	for i, d := range c.decls {
		id := d.ID.Value
		before, twice := first[id]
		switch {
		case twice:
			c.fail(d.ID.Pos, "duplicate-id", fmt.Sprintf("the first is in line %d", before.Line), "the step %q is there twice", id)
			fallthrough
		case !d.ID.Set(): // the rest of the step is checked all the same, under a name that nobody can write
			id = fmt.Sprintf("number %d", i+1)
		}
		first[id] = d.ID.Pos
		c.steps[i] = Step{ID: id, Title: d.Title.Value, Pos: d.Pos, written: d.node}
		c.order[id] = i
		outputs := c.kind(i)
		if d.ForEach != nil {
			outputs = outputsOfEach(outputs)
		}
		if c.outputs[i] = outputs; !d.bad {
			c.scope.addStep(id, outputs)
		}
	}
}

// kind finds out what a step does and gives its outputs.
func (c *compilation) kind(i int) []actions.Field {
	step, d := &c.steps[i], c.decls[i]
	switch {
	case d.Uses.Set():
		spec, ok := c.cat.Spec(d.Uses.Value)
		if !ok {
			hint := didYouMean(d.Uses.Value, c.cat.Names())
			if hint == "" {
				hint = "firebreak actions list shows what there is"
			}
			c.fail(d.Uses.Pos, "unknown-action", hint, "there is no action %q", d.Uses.Value)
			d.bad = true
			return nil
		}
		c.specs[i] = &spec
		step.Uses, step.ActionVersion, step.Effect, step.Repeat = spec.Name, spec.Version, spec.Effect, spec.Repeat
		step.Settle, step.CanUndo = Span(spec.Settle), spec.CanUndo
		step.Tells, step.Adds, step.Preserves = spec.Tells, spec.Adds, spec.Preserves
		return spec.Outputs
	case d.instructions != nil:
		answer := Input{Name: "answer", Type: actions.String}
		step.Manual = &Manual{}
		if d.Answer != nil {
			answer = c.input(d.Answer, "an answer", 1)
			answer.Name, answer.Required = "answer", true
			step.Manual.Answer = &answer
		}
		return []actions.Field{answer.field()}
	case d.Calls.Set():
		program := c.called(d)
		if program == nil {
			d.bad = true
			return nil
		}
		step.Runbook = &Subrun{ID: program.ID, Digest: program.Digest, Program: program}
		fields := make([]actions.Field, len(program.Outputs))
		for k, out := range program.Outputs {
			fields[k] = out.Field
		}
		return fields
	}
	return nil
}

// pin keeps the types of the outputs that expressions read.
func (c *compilation) pin(i int) {
	step := &c.steps[i]
	for _, f := range c.outputs[i] {
		if c.used["steps."+step.ID+".outputs."+f.Name] {
			step.Outputs = append(step.Outputs, pinned(f))
		}
	}
	slices.SortFunc(step.Outputs, func(a, b actions.Field) int { return strings.Compare(a.Name, b.Name) })
}

// results compiles the outputs of the runbook.
func (c *compilation) results(p *Program) {
	at := &place{self: -1, before: c.ended()}
	for _, d := range c.rb.Outputs {
		e := c.bare(d.value, "an output", at)
		if e == nil {
			continue
		}
		switch {
		case c.secretIn(e):
			continue
		case !spliceable(e.result) && e.result.Kind != actions.List:
			c.fail(e.Pos, "wrong-type", "name one of its fields", "an output must be text, a number, true or false, or a list; this is %s", kindWord(e.result))
			continue
		}
		f := pinned(e.result)
		f.Name, f.Required = d.Name.Value, true
		p.Outputs = append(p.Outputs, Output{Name: d.Name.Value, Value: e, Field: f})
	}
}

// leastReason is how many characters a reason has at least: "ok" is none.
const leastReason = 10

// waivers checks the waivers. Whether their rules exist is known to lint alone.
func (c *compilation) waivers(p *Program) {
	type finding struct{ rule, step string }
	first := map[finding]Pos{}
	for _, d := range c.rb.Waivers {
		w := Waiver{Rule: d.Rule.Value, Step: d.Step.Value, Reason: d.Reason.Value, Owner: d.Owner.Value, Expires: d.Expires.Value, Pos: d.Pos}
		if _, known := c.order[w.Step]; d.Step.Set() && !known {
			c.fail(d.Step.Pos, "reference", cmpHint(didYouMean(w.Step, c.ids()), "leave step out when the waiver is for the whole runbook"), "there is no step %q", w.Step)
		}
		if d.Reason.Set() && len([]rune(w.Reason)) < leastReason {
			c.fail(d.Reason.Pos, "value", "say why this danger is accepted, in a sentence", "the reason has less than %d characters", leastReason)
		}
		f := finding{w.Rule, w.Step}
		if before, twice := first[f]; twice && d.Rule.Set() {
			c.fail(d.Pos, "value", fmt.Sprintf("the first is in line %d", before.Line), "the rule %q is waived twice for the same step", w.Rule)
		}
		first[f] = d.Pos
		p.Waivers = append(p.Waivers, w)
	}
}
