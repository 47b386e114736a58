package runbooks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// place is where an expression stands: what has ended there, and what is known.
type place struct {
	self   int      // the step in steps; -1: an output of the runbook
	own    bool     // it may read its own step, which is done by then
	cancel bool     // in on_cancel, after a run that may have stopped anywhere
	before bits     // the steps that have certainly ended
	known  []string // the steps that are certainly done
}

// condition compiles the if of a step.
func (c *compilation) condition(n *node, at *place) *Expression {
	if n == nil {
		return nil
	}
	e := c.bare(n, "an if", at)
	if e == nil {
		return nil
	}
	for _, l := range e.leaves {
		if l.field.Secret && strings.HasPrefix(l.path, "inputs.") {
			c.secretIn(e)
			return nil
		}
	}
	if e.result.Kind != actions.Bool {
		c.fail(e.Pos, "expression", `compare it with something, such as == "..."`, "an if must be true or false; this is %s", kindWord(e.result))
		return nil
	}
	return e
}

// bare compiles a scalar that is an expression as a whole.
func (c *compilation) bare(n *node, what string, at *place) *Expression {
	if strings.Contains(n.text, "${{") {
		c.fail(n.pos, "expression", "leave out ${{ and }}", "%s is an expression already", what)
		return nil
	}
	return c.expression(n, "", 0, n.text, at)
}

// expression compiles the text that stands in a scalar after the nth mark.
func (c *compilation) expression(n *node, mark string, nth int, text string, at *place) *Expression {
	if c.expressions++; c.expressions > maxExpressions {
		if c.expressions == maxExpressions+1 {
			c.fail(n.pos, "size", "split the runbook", "there are more than %d expressions", maxExpressions)
		}
		return nil
	}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	skip := len([]rune(text)) - len([]rune(trimmed))
	trimmed = strings.TrimRight(trimmed, " \t\r\n")
	where := func(offset int) Pos { return c.inside(n, mark, nth, text, skip+offset) }
	e, faults := c.tools.compile(trimmed, c.scope, at.known)
	for _, f := range faults {
		if f.rule == "reference" && c.hides(f) {
			continue
		}
		c.fail(where(f.offset), f.rule, f.hint, "%s", f.message)
	}
	if e == nil {
		return nil
	}
	e.Pos = where(0)
	for _, l := range e.leaves {
		c.used[l.path] = true
		if e.path == "" {
			c.computed[l.path] = true
		}
	}
	c.readsFit(e, at, where)
	return e
}

// hides says whether a fault only follows from a step that is itself at fault:
// its action is not known, so nobody knows its outputs.
func (c *compilation) hides(f fault) bool {
	if c.noItem && (strings.HasPrefix(f.message, strconv.Quote(itemPath)) || strings.HasPrefix(f.message, strconv.Quote(indexPath))) {
		return true
	}
	for i, d := range c.decls {
		if d.bad && strings.Contains(f.message, fmt.Sprintf("step %q", c.steps[i].ID)) {
			return true
		}
	}
	return false
}

// params is what a with may hold.
type params struct {
	who    string // "the action slack.post"
	noun   string // "parameter"
	fields []actions.Field
}

// parameters checks the with of a step. When nobody knows what it may hold,
// only the expressions are checked.
func (c *compilation) parameters(n *node, p *params, at *place) *Value {
	if n.kind != mapNode {
		c.fail(n.pos, "wrong-type", "write with: {name: value}", "with must be a map of parameters, not %s", n.shown())
		return nil
	}
	if p == nil {
		c.anything(n, at)
		return nil
	}
	return c.members(n, p, at)
}

// anything compiles the expressions of a tree whose type is not known.
func (c *compilation) anything(n *node, at *place) {
	if n.kind == scalarNode {
		if parts, err := pieces(n.text); err == nil {
			for _, p := range parts {
				if p.expr {
					c.expression(n, "${{", p.n, p.text, at)
				}
			}
		}
	}
	for _, item := range n.items {
		c.anything(item, at)
	}
	for _, p := range n.pairs {
		c.anything(p.value, at)
	}
}

// members checks a map against declared fields.
func (c *compilation) members(n *node, of *params, at *place) *Value {
	v := &Value{Form: Object, Pos: n.pos}
	var all []string
	for _, f := range of.fields {
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
			c.fail(p.key.pos, "unknown-param", hint, "%s has no %s %q", of.who, of.noun, p.key.text)
			c.anything(p.value, at)
			continue
		}
		given[p.key.text] = true
		if p.value.bad {
			continue
		}
		if p.value.empty() {
			c.fail(p.key.pos, "missing", `write "" for an empty text, or leave it out`, "the %s %q has no value", of.noun, p.key.text)
			continue
		}
		if one := c.value(p.value, of.fields[k], at); one != nil {
			v.Members = append(v.Members, Member{p.key.text, one})
		}
	}
	for _, f := range of.fields {
		if f.Required && !given[f.Name] {
			c.fail(n.pos, "missing", f.Doc, "%s needs the %s %q", of.who, of.noun, f.Name)
		}
	}
	slices.SortFunc(v.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return v
}

// value checks one value against its declared type.
func (c *compilation) value(n *node, f actions.Field, at *place) *Value {
	if c.full() {
		return nil
	}
	if n.kind == scalarNode && strings.Contains(n.text, "${{") {
		return c.filled(n, f, at)
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
			if one := c.value(item, *f.Elem, at); one != nil {
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
		return c.members(n, &params{what, "parameter", f.Fields}, at)
	case actions.Map:
		if n.kind != mapNode {
			return wrong()
		}
		v := &Value{Form: Object, Pos: n.pos}
		for _, p := range n.pairs {
			if one := c.value(p.value, *f.Elem, at); one != nil {
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
func (c *compilation) filled(n *node, f actions.Field, at *place) *Value {
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
	if f.Secret && !whole {
		c.fail(n.pos, "secret", secretWays, "a secret is never put together from texts")
		return nil
	}
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
		e := c.expression(n, "${{", p.n, p.text, at)
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

func fieldNames(f actions.Field) []string {
	names := make([]string, len(f.Fields))
	for i, of := range f.Fields {
		names[i] = of.Name
	}
	return names
}

const secretWays = `write secret://env/NAME, or exactly one ${{ inputs.NAME }} of an input that is sensitive`

// secretIn refuses an expression that reads a secret.
func (c *compilation) secretIn(e *Expression) bool {
	for _, l := range e.leaves {
		if !hasSecret(l.field) {
			continue
		}
		hint := "secrets stay inside the action that needs them"
		if strings.HasPrefix(l.path, "inputs.") {
			hint = "give it, as a whole, to a parameter that is secret"
		}
		c.fail(e.Pos, "secret", hint, "%s is secret and must not be passed on", l.path)
		return true
	}
	return false
}

// fits makes sure that the answer of an expression has the type of its place.
func (c *compilation) fits(e *Expression, f actions.Field, whole bool) bool {
	if f.Secret {
		if strings.HasPrefix(e.path, "inputs.") && e.result.Secret {
			return true
		}
		hint := secretWays
		if strings.HasPrefix(e.path, "inputs.") {
			hint = "write sensitive: true at this input; then it is given as a reference"
		}
		c.fail(e.Pos, "secret", hint, "a secret is given by reference and never computed")
		return false
	}
	if c.secretIn(e) {
		return false
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
	switch {
	case f.Kind == actions.String && (e.result.Kind == actions.Int || e.result.Kind == actions.Bool):
		hint = "write string(...) around it"
	case e.result.Kind == actions.Object && f.Kind != actions.Object:
		hint = "name one of its fields: " + strings.Join(fieldNames(e.result), ", ")
	case e.result.Kind == actions.List && f.Kind == actions.String && spliceable(e.result):
		hint = "a list can stand inside a longer text; or choose one item, such as first(...)"
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
