package runbooks

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/firebreak-ir/firebreak/actions"
)

// Names that only the compiler writes; the grammar refuses them in a source.
const (
	readerName = "$reader"
	readName   = "$read"
	atName     = "$at"
)

// tools is what every expression of a program is compiled with. It is made once
// for all of them, since it is most of the work for a short one.
type tools struct {
	functions conf.FunctionsTable
	disabled  map[string]bool // names of the library
}

func newTools() *tools {
	t := &tools{functions: functionTable(), disabled: make(map[string]bool, len(builtin.Builtins))}
	for _, f := range builtin.Builtins {
		t.disabled[f.Name] = true
	}
	return t
}

// config is the part that belongs to one expression.
func (t *tools) config() *conf.Config {
	return &conf.Config{
		ShortCircuit: true, DisableIfOperator: true, MaxNodes: maxNodes, ConstFns: map[string]reflect.Value{},
		Functions: t.functions, Builtins: conf.FunctionsTable{}, Disabled: t.disabled,
	}
}

// compileExpression compiles one expression that stands alone.
func compileExpression(source string, sc scope, known []string) (*Expression, []fault) {
	return newTools().compile(source, sc, known)
}

// compile parses, checks and compiles one expression against a scope. Known are
// the steps that are certainly done when it is evaluated. With faults there is
// no expression.
func (t *tools) compile(source string, sc scope, known []string) (*Expression, []fault) {
	if strings.TrimSpace(source) == "" {
		return nil, []fault{{rule: "expression", message: "the expression is empty"}}
	}
	if len(source) > maxSource {
		return nil, []fault{{rule: "expression", message: fmt.Sprintf("the expression has %d bytes; at most %d are allowed", len(source), maxSource)}}
	}
	if !utf8.ValidString(source) {
		return nil, []fault{{rule: "expression", message: "the expression is not UTF-8"}}
	}
	config := t.config()
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, []fault{foreignFault(err)}
	}
	g := &grammar{tools: t, scope: sc, index: map[string]int{}, paths: map[ast.Node]int{}, known: map[string]bool{}}
	for _, id := range known {
		g.known[id] = true
	}
	g.visit(&tree.Node)
	if len(g.faults) > 0 {
		return nil, g.faults
	}
	config.WithEnv(g.environment())
	if _, err := checker.Check(tree, config); err != nil {
		return nil, []fault{foreignFault(err)}
	}
	e := &Expression{Source: source, leaves: g.leaves, reads: g.reads, implies: names(g.facts(tree.Node, true))}
	if i, ok := g.paths[tree.Node]; ok {
		e.path, e.result = g.leaves[i].path, g.leaves[i].field
	} else {
		g.untyped(tree.Node, config)
		e.result = g.answer(tree.Node)
	}
	if len(g.faults) > 0 {
		return nil, g.faults
	}
	g.rewrite(&tree.Node)
	if e.program, err = compiler.Compile(tree, config); err != nil {
		return nil, []fault{foreignFault(err)}
	}
	return e, nil
}

// grammar walks a syntax tree, refuses what is not on the allow list, and
// notes what is read.
type grammar struct {
	*tools
	scope  scope
	leaves []leaf
	index  map[string]int // of a path in leaves
	paths  map[ast.Node]int
	reads  []stepRead
	known  map[string]bool // steps certainly done here
	loops  int
	items  []actions.Field // types of # in the loops here; without a kind: not known
	faults []fault
}

func (g *grammar) refuse(n ast.Node, hint, format string, args ...any) {
	g.faults = append(g.faults, fault{offset: n.Location().From, rule: "expression", message: fmt.Sprintf(format, args...), hint: hint})
}

const noMissing = "every value here is there and typed; a missing one is an error"

func (g *grammar) visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IntegerNode, *ast.BoolNode, *ast.StringNode:
	case *ast.FloatNode:
		g.refuse(n, "use whole numbers", "fractions are not allowed in an expression")
	case *ast.NilNode:
		g.refuse(n, noMissing, "nil is not allowed in an expression")
	case *ast.ChainNode:
		g.refuse(n, noMissing, "?. is not allowed in an expression")
	case *ast.PointerNode:
		if n.Name != "" {
			g.refuse(n, "# is the item", "#%s is not allowed in an expression", n.Name)
		}
	case *ast.IdentifierNode, *ast.MemberNode:
		g.member(node)
	case *ast.UnaryNode:
		g.visit(&n.Node)
	case *ast.BinaryNode:
		g.binary(n)
	case *ast.ConditionalNode:
		g.visit(&n.Cond)
		g.with(g.facts(n.Cond, true), func() { g.visit(&n.Exp1) })
		g.with(g.facts(n.Cond, false), func() { g.visit(&n.Exp2) })
	case *ast.ArrayNode:
		for i := range n.Nodes {
			g.visit(&n.Nodes[i])
		}
	case *ast.PredicateNode:
		g.loops++
		if g.loops > maxLoops {
			g.refuse(n, "", "more than %d loops inside each other", maxLoops)
		}
		g.visit(&n.Node)
		g.loops--
	case *ast.BuiltinNode:
		g.predicate(node, n)
	case *ast.CallNode:
		g.call(node, n)
	default:
		g.refuse(*node, "an expression compares and combines values, it is not a program", "%s is not allowed in an expression", construct(n))
	}
}

func construct(n ast.Node) string {
	switch n.(type) {
	case *ast.VariableDeclaratorNode:
		return "let"
	case *ast.SequenceNode:
		return "a semicolon"
	case *ast.SliceNode:
		return "a slice"
	case *ast.MapNode, *ast.PairNode:
		return "an object literal"
	}
	return "this"
}

func (g *grammar) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "&&", "and":
		g.visit(&n.Left)
		g.with(g.facts(n.Left, true), func() { g.visit(&n.Right) })
		return
	case "||", "or":
		g.visit(&n.Left)
		g.with(g.facts(n.Left, false), func() { g.visit(&n.Right) })
		return
	case "==", "!=", "<", ">", "<=", ">=", "in", "contains", "startsWith", "endsWith", "+", "-", "*", "%":
	case "matches":
		if _, literal := n.Right.(*ast.StringNode); !literal {
			g.refuse(n.Right, "text from outside must not become a pattern", "the right side of matches must be a pattern in quotes")
		}
	default:
		hint := "use + - * % for whole numbers"
		if n.Operator == "??" {
			hint = noMissing
		}
		g.refuse(n, hint, "the operator %s is not allowed in an expression", n.Operator)
	}
	g.visit(&n.Left)
	g.visit(&n.Right)
	g.words(n)
}

// with visits under more guards.
func (g *grammar) with(more map[string]bool, visit func()) {
	var added []string
	for id := range more {
		if !g.known[id] {
			g.known[id] = true
			added = append(added, id)
		}
	}
	visit()
	for _, id := range added {
		delete(g.known, id)
	}
}

// words finds comparisons of a path that has a closed set of words with a word
// that is not among them: they would always give the same answer.
func (g *grammar) words(n *ast.BinaryNode) {
	check := func(path, word ast.Node) {
		i, isPath := g.paths[path]
		s, isWord := word.(*ast.StringNode)
		if !isPath || !isWord || len(g.leaves[i].field.Enum) == 0 || slices.Contains(g.leaves[i].field.Enum, s.Value) {
			return
		}
		g.refuse(word, didYouMean(s.Value, g.leaves[i].field.Enum), "%s is never %q", g.leaves[i].path, s.Value)
	}
	switch n.Operator {
	case "==", "!=":
		check(n.Left, n.Right)
		check(n.Right, n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, word := range list.Nodes {
				check(n.Left, word)
			}
		}
	}
}

func (g *grammar) predicate(node *ast.Node, n *ast.BuiltinNode) {
	if !slices.Contains(predicates(), n.Name) {
		g.refuse(n, "allowed: "+strings.Join(Functions(), ", "), "%s is not allowed in an expression", n.Name)
		return
	}
	for i := range n.Arguments {
		if i == 0 {
			g.visit(&n.Arguments[i])
			item, known := g.typeOf(n.Arguments[i])
			if known && item.Kind == actions.List {
				item = *item.Elem
			} else {
				item = actions.Field{}
			}
			g.items = append(g.items, item)
			continue
		}
		g.visit(&n.Arguments[i])
	}
	g.items = g.items[:len(g.items)-min(1, len(n.Arguments))]
	if n.Name == "find" { // of nothing it would be nil, which compares as false
		found := &ast.BuiltinNode{Name: "filter", Arguments: n.Arguments}
		found.SetLocation(n.Location())
		*node = item(found, 0, n.Location())
	}
}

// item is list[i]; a list that is too short is an error.
func item(list ast.Node, i int, at file.Location) ast.Node {
	index := &ast.IntegerNode{Value: i}
	index.SetLocation(at)
	m := &ast.MemberNode{Node: list, Property: index}
	m.SetLocation(at)
	return m
}

func (g *grammar) call(node *ast.Node, n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		g.refuse(n, "", "only functions can be called: %s", strings.Join(Functions(), ", "))
		return
	}
	for i := range n.Arguments {
		g.visit(&n.Arguments[i])
	}
	switch _, known := g.functions[callee.Value]; {
	case callee.Value == "first" || callee.Value == "last":
		if len(n.Arguments) != 1 {
			g.refuse(n, "", "%s takes one list", callee.Value)
			return
		}
		i := 0
		if callee.Value == "last" {
			i = -1
		}
		*node = item(n.Arguments[0], i, n.Location())
	case callee.Value == "now":
		g.refuse(n, "write now without brackets", "now is a value, not a function")
	case strings.HasPrefix(callee.Value, "$") || !known:
		hint := didYouMean(callee.Value, Functions())
		if hint == "" {
			hint = "allowed: " + strings.Join(Functions(), ", ")
		}
		g.refuse(n, hint, "the function %q is not allowed in an expression", callee.Value)
	}
}

// rewrite puts calls that check in the place of plain accesses, which would
// give nil for what is missing.
func (g *grammar) rewrite(node *ast.Node) {
	n := *node
	if i, ok := g.paths[n]; ok {
		index := &ast.IntegerNode{Value: i}
		index.SetNature(nature.FromType(reflect.TypeFor[int]()))
		*node = checkedCall(n, readName, index)
		return
	}
	for child := range children(n) {
		g.rewrite(child)
	}
	if m, ok := n.(*ast.MemberNode); ok {
		*node = checkedCall(n, atName, m.Node, m.Property)
	}
}

func checkedCall(n ast.Node, name string, arguments ...ast.Node) ast.Node {
	if name == readName {
		env := &ast.IdentifierNode{Value: readerName}
		env.SetLocation(n.Location())
		arguments = append([]ast.Node{env}, arguments...)
	}
	callee := &ast.IdentifierNode{Value: name}
	callee.SetLocation(n.Location())
	call := &ast.CallNode{Callee: callee, Arguments: arguments}
	call.SetLocation(n.Location())
	call.SetNature(*n.Nature())
	return call
}

// children gives the parts of a node, in source order.
func children(n ast.Node) iter.Seq[*ast.Node] {
	var parts []*ast.Node
	switch n := n.(type) {
	case *ast.UnaryNode:
		parts = []*ast.Node{&n.Node}
	case *ast.BinaryNode:
		parts = []*ast.Node{&n.Left, &n.Right}
	case *ast.MemberNode:
		parts = []*ast.Node{&n.Node, &n.Property}
	case *ast.ConditionalNode:
		parts = []*ast.Node{&n.Cond, &n.Exp1, &n.Exp2}
	case *ast.PredicateNode:
		parts = []*ast.Node{&n.Node}
	case *ast.ArrayNode:
		for i := range n.Nodes {
			parts = append(parts, &n.Nodes[i])
		}
	case *ast.BuiltinNode:
		for i := range n.Arguments {
			parts = append(parts, &n.Arguments[i])
		}
	case *ast.CallNode:
		for i := range n.Arguments {
			parts = append(parts, &n.Arguments[i])
		}
	}
	return slices.Values(parts)
}
