package runbooks

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Catalog knows the actions that steps may use. *[actions.Registry] is one.
type Catalog interface {
	Spec(name string) (actions.Spec, bool)
	Names() []string
}

// Load parses and compiles. With errors there is no program; all faults of
// both are reported at once, sorted.
func Load(name string, src []byte, cat Catalog) (*Program, Diagnostics) {
	rb, found := Parse(name, src)
	if rb == nil {
		return nil, found
	}
	p, more := Compile(rb, cat)
	found = append(found, more...)
	found.Sort()
	if found.HasErrors() {
		return nil, found
	}
	return p, found
}

// Compile checks a parsed runbook against the actions, fills in the defaults
// and pins the result by its digest. With errors there is no program, neither
// with its own nor with those that [Parse] has already reported; these it does
// not repeat.
func Compile(rb *Runbook, cat Catalog) (*Program, Diagnostics) {
	s := newSource(rb.source.name, rb.source.src)
	c := &compilation{source: s, rb: rb, cat: cat, scope: newScope(), specs: map[string]actions.Spec{}, order: map[string]int{}, used: map[string]bool{}}
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
	rb          *Runbook
	cat         Catalog
	scope       scope
	specs       map[string]actions.Spec // by step
	order       map[string]int          // of a step in steps
	steps       []Step
	decls       []*StepDecl
	before      []map[string]bool // ids of the steps that have certainly ended before each
	sequence    []int             // the steps, each after those it needs
	used        map[string]bool   // paths that expressions read
	expressions int
}

func (c *compilation) program() *Program {
	rb := c.rb
	sum := sha256.Sum256(c.src)
	p := &Program{
		Semantics: Semantics, ID: rb.ID.Value, Title: rb.Title.Value, Description: rb.Description.Value,
		Owner:        Owner{Team: rb.Owner.Team.Value, Contact: rb.Owner.Contact.Value, Escalate: rb.Owner.Escalate.Value},
		Environments: values(rb.Environments), Budget: rb.Budget.Value, ReviewBy: rb.ReviewBy.Value,
		Source: Source{Name: c.name, SHA256: hex.EncodeToString(sum[:]), Text: string(c.src)},
	}
	c.inputs(p)
	c.declare()
	c.needs()
	for _, i := range c.sequence {
		c.step(i)
	}
	for i := range c.steps {
		c.pin(&c.steps[i])
	}
	p.Steps = c.steps
	return p
}

func values(list []At[string]) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Value)
	}
	return out
}

func (c *compilation) inputs(p *Program) {
	for _, d := range c.rb.Inputs {
		in := Input{Name: d.Name.Value, Type: actions.Kind(d.Type.Value), Description: d.Description.Value, Pattern: d.Pattern.Value, Enum: values(d.Enum)}
		if in.Type != actions.String {
			if d.Pattern.Set() {
				c.fail(d.Pattern.Pos, "value", "", "an input of type %s has no pattern", in.Type)
			}
			if len(d.Enum) > 0 {
				c.fail(d.Enum[0].Pos, "value", "", "an input of type %s has no enum", in.Type)
			}
		} else if _, err := wholePattern(in.Pattern); err != nil {
			c.fail(d.Pattern.Pos, "value", "", "the pattern is not a regular expression: %s", patternFault(err))
			in.Pattern = ""
		}
		c.fallback(&in, d)
		in.Required = in.Default == nil
		p.Inputs = append(p.Inputs, in)
		c.scope.addInput(in)
	}
}

func patternFault(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// fallback checks the default of an input by its declared type.
func (c *compilation) fallback(in *Input, d InputDecl) {
	n := d.fallback
	if n == nil {
		return
	}
	v, ok := c.literal(n, in.Type)
	if !ok {
		return
	}
	checked, problem := in.check(v)
	if problem != nil {
		c.fail(n.pos, "value", problem.Hint, "the default %s", problem.Message)
		return
	}
	in.Default = checked
}

// literal reads a scalar as a kind says.
func (c *compilation) literal(n *node, kind actions.Kind) (any, bool) {
	if n.kind != scalarNode {
		c.fail(n.pos, "wrong-type", "", "this must be %s, not %s", kindWord(actions.Field{Kind: kind}), n.shown())
		return nil, false
	}
	switch kind {
	case actions.Int:
		if v, ok := n.number(); ok {
			return v, true
		}
		c.fail(n.pos, "wrong-type", "write it without quotes and without leading zeros", "this must be a whole number, not %s", n.shown())
		return nil, false
	case actions.Bool:
		if v, ok := n.boolean(); ok {
			return v, true
		}
		c.fail(n.pos, "wrong-type", "write true or false, without quotes", "this must be true or false, not %s", n.shown())
		return nil, false
	}
	return n.text, true
}

// declare notes the id and the type of every step, so that expressions may
// name any of them.
func (c *compilation) declare() {
	first := map[string]Pos{}
	for i := range c.rb.Steps {
		d := &c.rb.Steps[i]
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
		step := Step{ID: id, Title: d.Title.Value, Pos: d.Pos}
		var outputs []actions.Field
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
				break
			}
			c.specs[id] = spec
			outputs = spec.Outputs
			step.Uses, step.ActionVersion, step.Effect, step.Repeat = spec.Name, spec.Version, spec.Effect, spec.Repeat
			step.Settle, step.CanUndo, step.Tells = Span(spec.Settle), spec.CanUndo, spec.Tells
		case d.instructions != nil:
			outputs = manualOutputs()
		}
		if !d.bad {
			c.scope.addStep(id, outputs)
		}
		c.order[id] = len(c.steps)
		c.steps, c.decls = append(c.steps, step), append(c.decls, d)
	}
}

// step checks one step and fills in its defaults.
func (c *compilation) step(i int) {
	step, d := &c.steps[i], c.decls[i]
	step.OnFailure = Reaction(cmp.Or(d.OnFailure.Value, string(Stop)))
	step.OnRefused = Reaction(cmp.Or(d.OnRefused.Value, string(Stop)))
	step.Retry = Retry{Attempts: 1}
	c.condition(i)
	known := c.certain(step.implies())
	if d.instructions != nil {
		v := c.value(d.instructions, actions.Field{Kind: actions.String}, known, i)
		step.Manual = &Manual{Instructions: v}
	}
	spec, ok := c.specs[step.ID]
	if !ok {
		if d.with != nil {
			c.parameters(d.with, nil, known, i) // the expressions in it can be checked all the same
		}
		return
	}
	if d.with != nil || len(spec.Params) > 0 {
		with := d.with
		if with == nil {
			with = &node{kind: mapNode, pos: d.Uses.Pos}
		}
		step.With = c.parameters(with, &spec, known, i)
	}
	step.Timeout = cmp.Or(d.Timeout.Value, Span(spec.Timeout), Span(actions.DefaultTimeout))
	c.approval(step, d)
	c.verify(step, d, spec)
	c.retry(step, d)
}

func (c *compilation) approval(step *Step, d *StepDecl) {
	a := d.Approval
	if a == nil {
		return
	}
	step.Approval = &Approval{From: values(a.From), Quorum: cmp.Or(a.Quorum.Value, 1), Expires: cmp.Or(a.Expires.Value, DefaultExpires)}
	if most := Span(time.Hour); step.Effect == actions.Destructive && step.Approval.Expires > most {
		c.fail(a.Expires.Pos, "value", "a destructive step needs a fresh yes", "an approval of a destructive step may wait at most %s", spanText(most))
	}
	everybody := append(slices.Clone(a.From), a.To...)
	if people := values(everybody); step.Approval.Quorum > 1 && !slices.ContainsFunc(people, func(p string) bool { return strings.HasPrefix(p, "group:") }) {
		slices.Sort(people)
		if n := len(slices.Compact(people)); n < step.Approval.Quorum {
			c.fail(a.Quorum.Pos, "value", "name more people, or a group", "only %d may answer, so a quorum of %d is never reached", n, step.Approval.Quorum)
		}
	}
	if a.Escalate.Line == 0 || !a.After.Set() {
		return
	}
	step.Approval.Escalate = &Escalate{After: a.After.Value, To: values(a.To)}
	if a.After.Value >= step.Approval.Expires {
		c.fail(a.After.Pos, "value", "escalate earlier", "the approval expires after %s, before it is escalated", spanText(step.Approval.Expires))
	}
}

func (c *compilation) verify(step *Step, d *StepDecl, spec actions.Spec) {
	switch {
	case d.Verify.Line > 0 && !spec.CanVerify:
		c.fail(d.Verify, "verify", "add a step that reads the effect back", "the action %s cannot verify", spec.Name)
	case d.Verify.Line > 0:
		step.Verify = &Verify{Within: cmp.Or(d.Within.Value, DefaultWithin)}
	case spec.CanVerify && spec.Effect != actions.Read:
		step.Verify = &Verify{Within: DefaultWithin}
	}
}

func (c *compilation) retry(step *Step, d *StepDecl) {
	if d.Backoff.Set() && d.Attempts.Value == 1 {
		c.fail(d.Backoff.Pos, "value", "raise attempts, or leave backoff out", "with one attempt there is nothing to wait for")
	}
	if d.Attempts.Value <= 1 {
		return
	}
	step.Retry = Retry{Attempts: d.Attempts.Value, Backoff: cmp.Or(d.Backoff.Value, DefaultBackoff)}
	if step.Repeat == actions.Once {
		c.fail(d.Attempts.Pos, "retry-of-once", "leave retry out; a person decides", "the action %s may run only once, so it cannot be tried again", step.Uses)
	}
}

// pin keeps the types of the outputs that expressions read.
func (c *compilation) pin(step *Step) {
	outputs := manualOutputs()
	if step.Uses != "" {
		outputs = c.specs[step.ID].Outputs
	}
	for _, f := range outputs {
		if c.used["steps."+step.ID+".outputs."+f.Name] {
			step.Outputs = append(step.Outputs, pinned(f))
		}
	}
	slices.SortFunc(step.Outputs, func(a, b actions.Field) int { return strings.Compare(a.Name, b.Name) })
}
