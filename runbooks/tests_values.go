package runbooks

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// typed reads a value as its declared type says: string, int64, bool, []any or
// map[string]any. When it does not fit that has been said.
func (c *testCheck) typed(n *node, f actions.Field) (any, bool) {
	wrong := func(hint string) (any, bool) {
		c.fail(n.pos, "wrong-type", hint, "this must be %s, not %s", kindWord(f), n.shown())
		return nil, false
	}
	switch f.Kind {
	case actions.List:
		if n.kind != listNode {
			return wrong("")
		}
		list, ok := []any{}, true
		for _, item := range n.items {
			one, good := c.typed(item, *f.Elem)
			list, ok = append(list, one), ok && good
		}
		return list, ok
	case actions.Map:
		if n.kind != mapNode {
			return wrong("")
		}
		m, ok := map[string]any{}, true
		for _, p := range n.pairs {
			one, good := c.typed(p.value, *f.Elem)
			m[p.key.text], ok = one, ok && good
		}
		return m, ok
	case actions.Object:
		return c.fields(n, f.Fields, "the item", true)
	}
	if n.kind != scalarNode || n.empty() {
		return wrong("")
	}
	var v any = n.text
	switch f.Kind {
	case actions.Int:
		i, ok := n.number()
		if !ok {
			return wrong("write it without quotes and without leading zeros")
		}
		v = i
	case actions.Bool:
		b, ok := n.boolean()
		if !ok {
			return wrong("write true or false, without quotes")
		}
		v = b
	}
	if problems := actions.CheckValue(f, v, ""); len(problems) > 0 {
		c.fail(n.pos, "value", cmpHint(didYouMean(n.text, f.Enum), problems[0].Hint), "%s", problems[0].Message)
		return nil, false
	}
	return v, true
}

// fields reads a map of declared fields. All: those that are required must be there.
func (c *testCheck) fields(n *node, fields []actions.Field, what string, all bool) (map[string]any, bool) {
	if n.kind != mapNode {
		c.fail(n.pos, "wrong-type", "", "%s must be a map of keys and values, not %s", what, n.shown())
		return nil, false
	}
	out, ok := map[string]any{}, true
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	given := map[string]bool{}
	for _, p := range n.pairs {
		i := slices.Index(names, p.key.text)
		if i < 0 {
			hint := didYouMean(p.key.text, names)
			switch {
			case hint == "" && len(names) == 0:
				hint = "it has none"
			case hint == "":
				hint = "known: " + strings.Join(names, ", ")
			}
			c.fail(p.key.pos, "unknown-output", hint, "%s has no output %q", what, p.key.text)
			ok = false
			continue
		}
		given[p.key.text] = true
		v, good := c.typed(p.value, fields[i])
		out[p.key.text], ok = v, ok && good
	}
	if all && !c.needs(n.pos, what, fields, given) {
		ok = false
	}
	return out, ok
}

// within finds the node at a path such as tags.0.key, or the nearest above it.
func within(n *node, path string) Pos {
	for _, part := range strings.Split(path, ".") {
		next := (*node)(nil)
		if i, err := strconv.Atoi(part); err == nil && n.kind == listNode && i < len(n.items) {
			next = n.items[i]
		}
		for _, p := range n.pairs {
			if p.key.text == part {
				next = p.value
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return n.pos
}
