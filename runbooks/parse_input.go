package runbooks

import (
	"slices"
	"strings"
)

// InputDecl is an input as written: its name is not set for the items of a
// list or a map, and for the answer to a manual step.
type InputDecl struct {
	Pos         Pos
	Name        At[string]
	Type        At[string] // string, int, bool, duration, list, map, or a format
	Description At[string]
	Pattern     At[string]
	Enum        []At[string]
	Min, Max    At[int64]
	Of          *InputDecl
	Sensitive   At[bool]
	fallback    *node // default
	badOf       bool  // of: was written, maybe with a fault
}

// typeWords are the types that are no format.
func typeWords() []string { return []string{"string", "int", "bool", "duration", "list", "map"} }

func (rb *Runbook) inputs(n *node) {
	s := rb.source
	if n.kind != mapNode {
		s.fail(n.pos, "wrong-type", "write name: {type: string}", "inputs must be a map of names, not %s", n.shown())
		return
	}
	for _, p := range n.pairs {
		if len(rb.Inputs) == maxInputs {
			s.fail(p.key.pos, "size", "", "there are more than %d inputs", maxInputs)
			return
		}
		in := InputDecl{Pos: p.value.pos}
		s.word(&in.Name, plainName)(p.key)
		s.object(p.value, "an input", append(in.keys(s),
			key{"sensitive", false, s.flag(&in.Sensitive)},
			key{"default", false, func(n *node) { in.fallback = n }},
		)...)
		if in.Name.Set() && in.Type.Set() {
			rb.Inputs = append(rb.Inputs, in)
		}
	}
}

// keys are those of every type: of an input, of items, of an answer.
func (in *InputDecl) keys(s *source) []key {
	var set bool
	return []key{
		{"type", true, s.typeWord(&in.Type)},
		{"description", false, s.text(&in.Description)},
		{"pattern", false, s.text(&in.Pattern)},
		{"enum", false, func(n *node) {
			if len(n.items) > maxEnum {
				s.fail(n.items[maxEnum].pos, "size", "write a pattern", "there are %d words; at most %d are allowed", len(n.items), maxEnum)
				return
			}
			s.words(&in.Enum, &set, anyWord)(n)
		}},
		{"min", false, s.whole(&in.Min)},
		{"max", false, s.whole(&in.Max)},
		{"of", false, func(n *node) { in.Of, in.badOf = s.typed(n, "of"), true }},
	}
}

// typed reads a type without a name: one word, or a map as for an input.
func (s *source) typed(n *node, what string) *InputDecl {
	in := &InputDecl{Pos: n.pos}
	switch n.kind {
	case scalarNode:
		s.typeWord(&in.Type)(n)
	case listNode:
		s.fail(n.pos, "wrong-type", "write one type; for a choice of words: {type: string, enum: [one, two]}", "%s must be one type, not a list", what)
	default:
		s.object(n, what, in.keys(s)...)
	}
	if !in.Type.Set() {
		return nil
	}
	return in
}

// typeWord reads the name of a type or of a format.
func (s *source) typeWord(into *At[string]) func(*node) {
	return func(n *node) {
		if !s.scalarIn(n, "a type must be one word") {
			return
		}
		words := typeWords()
		if _, known := FindFormat(n.text); !known && !slices.Contains(words, n.text) {
			for _, f := range Formats() {
				words = append(words, f.Name)
			}
			hint := didYouMean(n.text, words)
			if hint == "" {
				hint = "types: string, int, bool, duration, list, map; formats: " + strings.Join(words[len(typeWords()):], ", ")
			}
			s.fail(n.pos, "value", hint, "there is no type %s", word(n.text))
			return
		}
		*into = At[string]{n.text, n.pos}
	}
}

// whole reads a whole number of any size.
func (s *source) whole(into *At[int64]) func(*node) {
	return func(n *node) {
		v, ok := n.number()
		if !ok {
			s.fail(n.pos, "wrong-type", "write it without quotes and without leading zeros", "this must be a whole number, not %s", n.shown())
			return
		}
		*into = At[int64]{v, n.pos}
	}
}

// flag reads true or false.
func (s *source) flag(into *At[bool]) func(*node) {
	return func(n *node) {
		v, ok := n.boolean()
		if !ok {
			s.fail(n.pos, "wrong-type", "write true or false, without quotes", "this must be true or false, not %s", n.shown())
			return
		}
		*into = At[bool]{v, n.pos}
	}
}
