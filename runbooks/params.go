package runbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// condition compiles the if of a step.
func (c *compilation) condition(i int) {
	step, d := &c.steps[i], c.decls[i]
	if d.condition == nil {
		return
	}
	n := d.condition
	if strings.Contains(n.text, "${{") {
		c.fail(n.pos, "expression", "leave out ${{ and }}", "an if is an expression already")
		return
	}
	e := c.expression(n, "", 0, n.text, nil, i)
	if e == nil {
		return
	}
	if e.result.Kind != actions.Bool {
		c.fail(e.Pos, "expression", `compare it with something, such as == "..."`, "an if must be true or false; this is %s", kindWord(e.result))
		return
	}
	step.If = e
}

// expression compiles the text that stands in a scalar after the nth mark.
func (c *compilation) expression(n *node, mark string, nth int, text string, known []string, i int) *Expression {
	if c.expressions++; c.expressions > maxExpressions {
		if c.expressions == maxExpressions+1 {
			c.fail(n.pos, "size", "split the runbook", "there are more than %d expressions", maxExpressions)
		}
		return nil
	}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	skip := len([]rune(text)) - len([]rune(trimmed))
	trimmed = strings.TrimRight(trimmed, " \t\r\n")
	at := func(offset int) Pos { return c.inside(n, mark, nth, text, skip+offset) }
	e, faults := compileExpression(trimmed, c.scope, known)
	for _, f := range faults {
		if f.rule == "reference" && c.hides(f) {
			continue
		}
		c.fail(at(f.offset), f.rule, f.hint, "%s", f.message)
	}
	if e == nil {
		return nil
	}
	e.Pos = at(0)
	for _, l := range e.leaves {
		c.used[l.path] = true
	}
	c.readsFit(e, i, at)
	return e
}

// hides says whether a fault only follows from a step that is itself at fault:
// its action is not known, so nobody knows its outputs.
func (c *compilation) hides(f fault) bool {
	for i, d := range c.decls {
		if d.bad && strings.Contains(f.message, fmt.Sprintf("step %q", c.steps[i].ID)) {
			return true
		}
	}
	return false
}

// parameters checks the with of a step against the action. Without a spec only
// the expressions are checked.
func (c *compilation) parameters(n *node, spec *actions.Spec, known []string, i int) *Value {
	if n.kind != mapNode {
		c.fail(n.pos, "wrong-type", "write with: {name: value}", "with must be a map of parameters, not %s", n.shown())
		return nil
	}
	if spec == nil {
		c.anything(n, known, i)
		return nil
	}
	return c.members(n, spec.Params, "the action "+spec.Name, known, i)
}

// anything compiles the expressions of a tree whose type is not known.
func (c *compilation) anything(n *node, known []string, i int) {
	if n.kind == scalarNode {
		if parts, err := pieces(n.text); err == nil {
			for _, p := range parts {
				if p.expr {
					c.expression(n, "${{", p.n, p.text, known, i)
				}
			}
		}
	}
	for _, item := range n.items {
		c.anything(item, known, i)
	}
	for _, p := range n.pairs {
		c.anything(p.value, known, i)
	}
}

// members checks a map against declared fields.
func (c *compilation) members(n *node, fields []actions.Field, what string, known []string, i int) *Value {
	v := &Value{Form: Object, Pos: n.pos}
	var all []string
	for _, f := range fields {
		all = append(all, f.Name)
	}
	given := map[string]bool{}
	for _, p := range n.pairs {
		if c.full() {
			return nil
		}
		k := slices.Index(all, p.key.text)
		if k < 0 {
			hint := didYouMean(p.key.text, all)
			switch {
			case hint == "" && len(all) == 0:
				hint = "it takes none"
			case hint == "":
				hint = "known: " + strings.Join(all, ", ")
			}
			c.fail(p.key.pos, "unknown-param", hint, "%s has no parameter %q", what, p.key.text)
			c.anything(p.value, known, i)
			continue
		}
		given[p.key.text] = true
		if p.value.bad {
			continue
		}
		if p.value.empty() {
			c.fail(p.key.pos, "missing", `write "" for an empty text, or leave the parameter out`, "the parameter %q has no value", p.key.text)
			continue
		}
		if one := c.value(p.value, fields[k], known, i); one != nil {
			v.Members = append(v.Members, Member{p.key.text, one})
		}
	}
	for _, f := range fields {
		if f.Required && !given[f.Name] {
			c.fail(n.pos, "missing", f.Doc, "%s needs the parameter %q", what, f.Name)
		}
	}
	slices.SortFunc(v.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return v
}

// value checks one value against its declared type.
func (c *compilation) value(n *node, f actions.Field, known []string, i int) *Value {
	if c.full() {
		return nil
	}
	if n.kind == scalarNode && strings.Contains(n.text, "${{") {
		return c.filled(n, f, known, i)
	}
	wrong := func() *Value {
		c.fail(n.pos, "wrong-type", f.Doc, "this must be %s, not %s", kindWord(f), n.shown())
		return nil
	}
	switch f.Kind {
	case actions.List:
		if n.kind != listNode {
			return wrong()
		}
		v := &Value{Form: List, Pos: n.pos}
		for _, item := range n.items {
			if one := c.value(item, *f.Elem, known, i); one != nil {
				v.Items = append(v.Items, one)
			}
		}
		return v
	case actions.Object:
		if n.kind != mapNode {
			return wrong()
		}
		what := "the item"
		if f.Name != "" {
			what = fmt.Sprintf("%q", f.Name)
		}
		return c.members(n, f.Fields, what, known, i)
	case actions.Map:
		if n.kind != mapNode {
			return wrong()
		}
		v := &Value{Form: Object, Pos: n.pos}
		for _, p := range n.pairs {
			if one := c.value(p.value, *f.Elem, known, i); one != nil {
				v.Members = append(v.Members, Member{p.key.text, one})
			}
		}
		slices.SortFunc(v.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
		return v
	}
	if n.kind != scalarNode || n.empty() {
		return wrong()
	}
	literal, ok := c.literal(n, f.Kind)
	if !ok {
		return nil
	}
	if f.Secret {
		if err := actions.CheckSecretRef(n.text); err != nil {
			c.fail(n.pos, "secret", "", "%v", err)
			return nil
		}
	}
	if problems := actions.CheckValue(f, literal, ""); len(problems) > 0 {
		hint := problems[0].Hint
		if len(f.Enum) > 0 {
			hint = cmpHint(didYouMean(n.text, f.Enum), hint)
		}
		c.fail(n.pos, "value", hint, "%s", problems[0].Message)
		return nil
	}
	return &Value{Form: Literal, Literal: literal, Pos: n.pos}
}

func cmpHint(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// filled checks a text that holds expressions.
func (c *compilation) filled(n *node, f actions.Field, known []string, i int) *Value {
	if f.Secret {
		c.fail(n.pos, "secret", "", "a secret is given by reference, such as secret://env/NAME, and never computed")
		return nil
	}
	parts, err := pieces(n.text)
	if err != nil {
		hint := "close it"
		if n.plain {
			hint = "close it; or put the text in quotes: without them a # after a space begins a comment"
		}
		c.fail(n.pos, "expression", hint, "%v", err)
		return nil
	}
	v := &Value{Form: Text, Pos: n.pos}
	whole := len(parts) == 1 && parts[0].expr
	if !whole && f.Kind != actions.String {
		c.fail(n.pos, "wrong-type", "write exactly one ${{ }} and nothing around it", "this must be %s, not a text with expressions in it", kindWord(f))
		return nil
	}
	ok := true
	for _, p := range parts {
		if !p.expr {
			v.Parts = append(v.Parts, Part{Text: p.text})
			continue
		}
		e := c.expression(n, "${{", p.n, p.text, known, i)
		if e == nil || !c.fits(e, f, whole) {
			ok = false
			continue
		}
		v.Parts = append(v.Parts, Part{Expr: e})
	}
	if !ok {
		return nil
	}
	return v
}

// fits makes sure that the answer of an expression has the type of its place.
func (c *compilation) fits(e *Expression, f actions.Field, whole bool) bool {
	for _, l := range e.leaves {
		if hasSecret(l.field) {
			c.fail(e.Pos, "secret", "secrets stay inside the action that needs them", "%s is secret and must not be passed on", l.path)
			return false
		}
	}
	if !whole {
		if !spliceable(e.result) {
			c.fail(e.Pos, "wrong-type", "name one of its fields", "%s cannot stand inside a text", kindWord(e.result))
			return false
		}
		return true
	}
	if assignable(e.result, f) {
		return true
	}
	hint := f.Doc
	if f.Kind == actions.String && (e.result.Kind == actions.Int || e.result.Kind == actions.Bool) {
		hint = "write string(...) around it"
	}
	c.fail(e.Pos, "wrong-type", hint, "this must be %s, and the expression is %s", kindWord(f), kindWord(e.result))
	return false
}

// assignable says whether a value of one type can be given where another is
// asked for. A text may be given for a time: no input has the type time.
func assignable(from, to actions.Field) bool {
	switch {
	case from.Kind != to.Kind:
		return from.Kind == actions.String && to.Kind == actions.Time
	case from.Kind == actions.List || from.Kind == actions.Map:
		return assignable(*from.Elem, *to.Elem)
	case from.Kind == actions.Object:
		for _, want := range to.Fields {
			i := slices.IndexFunc(from.Fields, func(f actions.Field) bool { return f.Name == want.Name })
			if i < 0 && want.Required || i >= 0 && !assignable(from.Fields[i], want) {
				return false
			}
		}
		return !slices.ContainsFunc(from.Fields, func(f actions.Field) bool {
			return !slices.ContainsFunc(to.Fields, func(g actions.Field) bool { return g.Name == f.Name })
		})
	}
	return true
}
