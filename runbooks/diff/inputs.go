package diff

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func (c *comparison) inputs(old, new []runbooks.Input) {
	name := func(in runbooks.Input) string { return in.Name }
	for _, p := range pairs(old, new, name) {
		field, what := join("inputs", p.key), fmt.Sprintf("the input %q", p.key)
		switch {
		case p.new == nil:
			c.add(Breaking, field, string(p.old.Type), "", "%s is gone", what)
		case p.old == nil && (p.new.Required || p.new.Default == nil):
			c.add(Breaking, field, "", string(p.new.Type), "%s is new and must be given", what)
		case p.old == nil:
			c.add(Neutral, field, "", string(p.new.Type), "%s is new; without it, it is %s", what, value(p.new.Default))
		default:
			c.input(field, what, p.old, p.new)
		}
	}
	order(c, "inputs", "the input", old, new, name)
}

// input compares two types: what is looser is weaker, what is tighter breaks
// whoever gives what was allowed.
func (c *comparison) input(field, what string, old, new *runbooks.Input) {
	words := func(name, before, after, say string) func() {
		return func() {
			switch {
			case before == "":
				c.add(Breaking, join(field, name), before, after, "%s now %s %q", what, say, after)
			case after == "":
				c.add(Weaker, join(field, name), before, after, "%s need not be %q any more", what, before)
			default:
				c.add(Weaker, join(field, name), before, after, "%s %s %q, not %q: it may accept what was refused, and refuse what was accepted", what, say, after, before)
			}
		}
	}
	c.fields(field, old, new, map[string]func(){
		"type": func() {
			c.add(Breaking, join(field, "type"), string(old.Type), string(new.Type), "%s is a %s, not a %s any more", what, new.Type, old.Type)
		},
		"format":  words("format", old.Format, new.Format, "has to be"),
		"pattern": words("pattern", old.Pattern, new.Pattern, "has to match"),
		"description": func() {
			c.text(join(field, "description"), old.Description, new.Description, "what is said about "+what)
		},
		"enum": func() { c.enum(join(field, "enum"), what, old.Enum, new.Enum) },
		"min":  func() { c.bound(join(field, "min"), what, "at least", old.Min, new.Min, false) },
		"max":  func() { c.bound(join(field, "max"), what, "at most", old.Max, new.Max, true) },
		"of":   func() { c.of(field, what, old.Of, new.Of) },
		"sensitive": func() {
			if new.Sensitive {
				c.add(Breaking, join(field, "sensitive"), "", "true", "%s is a secret now, and is given as a secret:// reference", what)
			} else {
				c.add(Weaker, join(field, "sensitive"), "true", "", "%s is not a secret any more", what)
			}
		},
		"default": func() {
			switch {
			case new.Default == nil:
				c.add(Breaking, join(field, "default"), value(old.Default), "", "%s must be given; its default %s is gone", what, value(old.Default))
			case old.Default == nil:
				c.add(Neutral, join(field, "default"), "", value(new.Default), "%s need not be given; without it, it is %s", what, value(new.Default))
			default:
				c.add(Neutral, join(field, "default"), value(old.Default), value(new.Default), "%s is %s when it is not given, not %s", what, value(new.Default), value(old.Default))
			}
		},
		"required": func() {
			if (old.Default == nil) != (new.Default == nil) {
				c.told = true // with its default
				return
			}
			if new.Required {
				c.add(Breaking, join(field, "required"), "", "true", "%s must be given", what)
			} else {
				c.add(Neutral, join(field, "required"), "true", "", "%s need not be given", what)
			}
		},
	})
}

func (c *comparison) enum(field, what string, old, new []string) {
	before, after := strings.Join(old, ", "), strings.Join(new, ", ")
	more, less := missing(old, new), missing(new, old)
	switch {
	case len(old) == 0:
		c.add(Breaking, field, before, after, "%s must be one of %s", what, after)
	case len(new) == 0:
		c.add(Weaker, field, before, after, "%s may be anything, not only %s", what, before)
	default:
		if len(more) > 0 {
			c.add(Weaker, field, before, after, "%s may be %s, too", what, strings.Join(more, ", "))
		}
		if len(less) > 0 {
			c.add(Breaking, field, before, after, "%s may not be %s any more", what, strings.Join(less, ", "))
		}
	}
}

// bound compares a least or a greatest value.
func (c *comparison) bound(field, what, word string, old, new *int64, most bool) {
	switch {
	case old == nil:
		c.add(Breaking, field, "", fmt.Sprint(*new), "%s must be %s %d", what, word, *new)
	case new == nil:
		c.add(Weaker, field, fmt.Sprint(*old), "", "%s need not be %s %d any more", what, word, *old)
	default:
		weight := Breaking
		if (*new > *old) == most {
			weight = Weaker
		}
		c.add(weight, field, fmt.Sprint(*old), fmt.Sprint(*new), "%s must be %s %d, not %d", what, word, *new, *old)
	}
}

func (c *comparison) of(field, what string, old, new *runbooks.Input) {
	if old == nil || new == nil {
		c.add(Breaking, join(field, "of"), meaning(old), meaning(new), "%s holds other items", what)
		return
	}
	c.input(join(field, "of"), "each item of "+what, old, new)
}

func value(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}
