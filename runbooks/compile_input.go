package runbooks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

func (c *compilation) inputs(p *Program) {
	for i := range c.rb.Inputs {
		d := &c.rb.Inputs[i]
		in := c.input(d, "an input", 1)
		in.Name, in.Description = d.Name.Value, d.Description.Value
		c.fallback(&in, d)
		in.Required = in.Default == nil
		p.Inputs = append(p.Inputs, in)
		c.scope.addInput(in)
	}
}

// maxListDepth is how many lists and maps may be inside each other.
const maxListDepth = 2

// input checks a type. What says whose it is: an input, an item, an answer.
func (c *compilation) input(d *InputDecl, what string, depth int) Input {
	in := Input{Type: actions.Kind(d.Type.Value), Description: d.Description.Value, Pattern: d.Pattern.Value, Enum: values(d.Enum), Sensitive: d.Sensitive.Value}
	if f, ok := FindFormat(d.Type.Value); ok {
		in.Type, in.Format = actions.String, f.Name
	}
	none := func(at Pos, key, hint string) {
		c.fail(at, "value", hint, "%s of type %s has no %s", what, d.Type.Value, key)
	}
	many := in.Type == actions.List || in.Type == actions.Map
	if d.Pattern.Set() && (in.Type != actions.String || in.Format != "") {
		hint := ""
		if in.Format != "" {
			hint = "its format has one already; for another, write type: string"
		}
		none(d.Pattern.Pos, "pattern", hint)
		in.Pattern = ""
	}
	if len(d.Enum) > 0 && in.Type != actions.String {
		none(d.Enum[0].Pos, "enum", "")
	}
	c.pattern(&in, d)
	switch {
	case d.Of != nil && !many:
		none(d.Of.Pos, "of", "of is the type of the items of a list or a map")
	case d.Of == nil && many:
		if !d.badOf {
			c.fail(d.Type.Pos, "missing", "add of: string, or another type", "%s of type %s does not say of what", what, in.Type)
		}
		in.Of = &Input{Type: actions.String, Required: true}
	case many && depth > maxListDepth:
		c.fail(d.Of.Pos, "size", "", "lists and maps are nested deeper than %d", maxListDepth)
		in.Of = &Input{Type: actions.String, Required: true}
	case many:
		of := c.input(d.Of, "an item", depth+1)
		of.Required = true
		in.Of = &of
	}
	c.bounds(&in, d, depth, none)
	c.sensitive(&in, d, none)
	c.enumFits(&in, d)
	return in
}

func (c *compilation) bounds(in *Input, d *InputDecl, depth int, none func(Pos, string, string)) {
	many := in.Type == actions.List || in.Type == actions.Map
	most := in.most(depth)
	for _, one := range []struct {
		name string
		is   At[int64]
		into **int64
	}{{"min", d.Min, &in.Min}, {"max", d.Max, &in.Max}} {
		switch {
		case !one.is.Set():
		case in.Type == actions.String && in.Format == "":
			none(one.is.Pos, one.name, "bound a text with a pattern, such as .{1,20}")
		case in.Type != actions.Int && !many:
			none(one.is.Pos, one.name, "")
		case many && (one.is.Value < 0 || one.is.Value > int64(most)):
			c.fail(one.is.Pos, "value", fmt.Sprintf("a list holds at most %d items; a map, and a list inside another, %d", maxPathItems, maxItems), "%d is not between 0 and %d", one.is.Value, most)
		default:
			*one.into = new(one.is.Value)
		}
	}
	if in.Min != nil && in.Max != nil && *in.Min > *in.Max {
		c.fail(d.Max.Pos, "value", "exchange them", "max is %d and less than min, which is %d", *in.Max, *in.Min)
		in.Min, in.Max = nil, nil
	}
}

// bounded makes sure, before a run begins, that the lists which expressions
// compute with are short enough for it. Where an author says nothing this is
// their default.
func (c *compilation) bounded(p *Program) {
	for i := range p.Inputs {
		in, d := &p.Inputs[i], &c.rb.Inputs[i]
		switch {
		case in.Type != actions.List || !c.computed["inputs."+in.Name]:
		case in.Max == nil:
			in.Max = new(int64(maxItems))
		case *in.Max > maxItems:
			c.fail(d.Max.Pos, "size", fmt.Sprintf("lower it to %d, or read the list only as a whole: for_each: inputs.%s", maxItems, in.Name), "an expression computes with this list, which works for at most %d items", maxItems)
		}
	}
}

// sensitive checks an input that is a reference to a secret.
func (c *compilation) sensitive(in *Input, d *InputDecl, none func(Pos, string, string)) {
	if !in.Sensitive {
		return
	}
	if in.Type != actions.String || in.Format != "" {
		c.fail(d.Sensitive.Pos, "secret", "write type: string", "only a text can be sensitive, not %s", d.Type.Value)
		in.Sensitive = false
		return
	}
	const hint = "leave it out; what is given is a reference, such as secret://env/NAME"
	if d.Pattern.Set() {
		c.fail(d.Pattern.Pos, "secret", hint, "a sensitive input has no pattern")
	}
	if len(d.Enum) > 0 {
		c.fail(d.Enum[0].Pos, "secret", hint, "a sensitive input has no enum")
	}
	in.Pattern, in.Enum = "", nil
}

// enumFits makes sure that each word of an enum could be given.
func (c *compilation) enumFits(in *Input, d *InputDecl) {
	if in.Format == "" && in.Pattern == "" || len(in.Enum) == 0 {
		return
	}
	for _, w := range d.Enum {
		if _, problems := in.check(w.Value, c.patterns); len(problems) > 0 {
			c.fail(w.Pos, "value", problems[0].Hint, "the word %s", problems[0].Message)
		}
	}
}

// pattern checks a pattern before anything is compiled.
func (c *compilation) pattern(in *Input, d *InputDecl) {
	if in.Pattern == "" {
		return
	}
	size, err := patternSize(in.Pattern)
	c.patternSize += size
	switch {
	case errors.Is(err, errPatternSize):
		c.fail(d.Pattern.Pos, "size", "repeat less in it", "%v", err)
	case err != nil:
		c.fail(d.Pattern.Pos, "value", "", "the pattern is not a regular expression: %v", err)
	case c.patternSize > maxAllPatterns:
		c.fail(d.Pattern.Pos, "size", "repeat less in them", "the patterns of this runbook are too large together")
	default:
		return
	}
	in.Pattern = ""
}

// fallback checks the default of an input by its declared type.
func (c *compilation) fallback(in *Input, d *InputDecl) {
	n := d.fallback
	if n == nil || d.Sensitive.Value && !in.Sensitive { // what may be a secret is not shown
		return
	}
	v, ok := c.tree(n, in)
	if !ok {
		return
	}
	checked, problems := in.check(v, c.patterns)
	for _, p := range problems {
		part := strings.TrimPrefix(strings.TrimPrefix(p.Path, in.Name), ".")
		at, rule := n.find(part), "value"
		if in.Sensitive {
			rule = "secret"
		}
		if part == "" {
			c.fail(at, rule, p.Hint, "the default %s", p.Message)
		} else {
			c.fail(at, rule, p.Hint, "this item of the default %s", p.Message)
		}
	}
	if len(problems) == 0 {
		in.Default = checked
	}
}

// find is the part of a tree at a path such as "roles.2".
func (n *node) find(path string) Pos {
	for name := range strings.SplitSeq(path, ".") {
		var next *node
		for i, item := range n.items {
			if name == strconv.Itoa(i) {
				next = item
			}
		}
		if v := n.valueOf(name); v != nil {
			next = v
		}
		if next == nil {
			break
		}
		n = next
	}
	return n.pos
}

// tree reads a value as a type says.
func (c *compilation) tree(n *node, in *Input) (any, bool) {
	wrong := func(hint string) (any, bool) {
		c.fail(n.pos, "wrong-type", hint, "this must be %s, not %s", in.say(), n.shown())
		return nil, false
	}
	ok := true
	switch in.Type {
	case actions.List:
		if n.kind != listNode {
			return wrong("write it in brackets: [one, two]")
		}
		list := make([]any, len(n.items))
		for i, item := range n.items {
			var one bool
			list[i], one = c.tree(item, in.Of)
			ok = ok && one
		}
		return list, ok
	case actions.Map:
		if n.kind != mapNode {
			return wrong("write it in braces: {name: value}")
		}
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			var one bool
			m[p.key.text], one = c.tree(p.value, in.Of)
			ok = ok && one
		}
		return m, ok
	}
	switch {
	case n.kind == scalarNode && n.empty():
		return wrong("")
	case n.kind == scalarNode && strings.Contains(n.text, "${{"):
		c.fail(c.inside(n, "${{", 0, "", 0), "value", "expressions work in if, with and manual", "${{ }} is not filled in here")
		return nil, false
	}
	return c.literal(n, in.Type)
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
