package runbooks

import (
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/types"

	"github.com/firebreak-ir/firebreak/actions"
)

// environment is the strict type of what this expression reads.
func (g *grammar) environment() types.Map {
	root := types.Map{}
	for _, l := range g.leaves {
		words := strings.Split(l.path, ".")
		m := root
		for _, word := range words[:len(words)-1] {
			if m[word] == nil {
				m[word] = types.Map{}
			}
			m = m[word].(types.Map)
		}
		m[words[len(words)-1]] = exprType(l.field)
	}
	return root
}

func exprType(f actions.Field) types.Type {
	switch f.Kind {
	case actions.Bool:
		return types.Bool
	case actions.Int, actions.Duration, actions.Time:
		return types.Int
	case actions.List:
		return types.Array(exprType(*f.Elem))
	case actions.Map:
		return types.Map{types.Extra: exprType(*f.Elem)}
	case actions.Object:
		m := types.Map{}
		for _, of := range f.Fields {
			m[of.Name] = exprType(of)
		}
		return m
	}
	return types.String
}

// untyped finds the first part whose type is not known. Nothing is evaluated
// whose type is a guess.
func (g *grammar) untyped(n ast.Node, config *conf.Config) {
	if _, isPath := g.paths[n]; isPath || len(g.faults) > 0 {
		return
	}
	for child := range children(n) {
		g.untyped(*child, config)
	}
	unknown := n.Nature().IsUnknown(&config.NtCache)
	if list, ok := n.(*ast.ArrayNode); ok {
		for _, one := range list.Nodes {
			unknown = unknown || one.Nature().Kind != list.Nodes[0].Nature().Kind
		}
	}
	if unknown && len(g.faults) == 0 {
		g.refuse(n, "the parts of a list, and both answers of a choice, must have one type", "the type of this part is not known")
	}
}

// answer is the type of what a whole expression gives. A list that is filtered
// keeps the type of its items, so that objects may be in it.
func (g *grammar) answer(n ast.Node) actions.Field {
	list := n
	for {
		filter, ok := list.(*ast.BuiltinNode)
		if !ok || filter.Name != "filter" {
			break
		}
		list = filter.Arguments[0]
	}
	if i, ok := g.paths[list]; ok && g.leaves[i].field.Kind == actions.List {
		return operandField(g.leaves[i].field)
	}
	return g.fieldOf(n, *n.Nature())
}

// operandField is the type of a value after [operand]: durations and times are
// numbers.
func operandField(f actions.Field) actions.Field {
	if f.Kind == actions.Duration || f.Kind == actions.Time {
		f.Kind = actions.Int
	}
	if f.Elem != nil {
		elem := operandField(*f.Elem)
		f.Elem = &elem
	}
	if f.Fields != nil {
		fields := make([]actions.Field, len(f.Fields))
		for i, of := range f.Fields {
			fields[i] = operandField(of)
		}
		f.Fields = fields
	}
	return f
}

// fieldOf is the type of the answer.
func (g *grammar) fieldOf(n ast.Node, nt nature.Nature) actions.Field {
	switch {
	case nt.Kind == reflect.Bool:
		return actions.Field{Kind: actions.Bool}
	case nt.Kind == reflect.Int:
		return actions.Field{Kind: actions.Int}
	case nt.Kind == reflect.String:
		return actions.Field{Kind: actions.String}
	case nt.IsArray():
		cache := nature.Cache{}
		elem := g.fieldOf(n, nt.Elem(&cache))
		return actions.Field{Kind: actions.List, Elem: &elem}
	}
	g.refuse(n, "name one of its fields", "the answer of an expression must be text, a number, true or false, or a list of them")
	return actions.Field{}
}
