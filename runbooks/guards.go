package runbooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/firebreak-ir/firebreak/actions"
)

// facts are the steps that are certainly done when the node is true (or, with
// want false, when it is false).
func (g *grammar) facts(node ast.Node, want bool) map[string]bool {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return g.facts(n.Node, !want)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			return combine(g.facts(n.Left, want), g.facts(n.Right, want), want)
		case "||", "or":
			return combine(g.facts(n.Left, want), g.facts(n.Right, want), !want)
		case "==", "!=":
			if (n.Operator == "==") == want {
				return g.isDone(n.Left, n.Right)
			}
		case "in":
			if list, ok := n.Right.(*ast.ArrayNode); ok && want && len(list.Nodes) == 1 {
				return g.isDone(n.Left, list.Nodes[0])
			}
		}
	}
	return nil
}

// combine joins facts when both sides hold, else keeps what either side gives.
func combine(a, b map[string]bool, both bool) map[string]bool {
	out := map[string]bool{}
	for id := range a {
		if both || b[id] {
			out[id] = true
		}
	}
	if both {
		maps.Copy(out, b)
	}
	return out
}

// isDone recognises steps.x.status == "done", in either order.
func (g *grammar) isDone(left, right ast.Node) map[string]bool {
	for _, pair := range [][2]ast.Node{{left, right}, {right, left}} {
		names, _ := chain(pair[0])
		word, ok := pair[1].(*ast.StringNode)
		if ok && word.Value == statusDone && len(names) == 3 && names[0] == "steps" && names[2] == "status" {
			return map[string]bool{names[1]: true}
		}
	}
	return nil
}

// chain takes a.b.c apart: the names and their nodes; nothing when a part is
// computed or the root is no name.
func chain(node ast.Node) ([]string, []ast.Node) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}, []ast.Node{n}
	case *ast.MemberNode:
		word, ok := n.Property.(*ast.StringNode)
		names, nodes := chain(n.Node)
		if !ok || n.Optional || n.Method || len(names) == 0 {
			return nil, nil
		}
		return append(names, word.Value), append(nodes, n)
	}
	return nil, nil
}

// member resolves a path, or an access to a part of a value.
func (g *grammar) member(node *ast.Node) {
	words, nodes := chain(*node)
	if len(words) > 0 {
		if want := g.scope.pathLength(words); len(words) <= want {
			g.path(*node, words, nodes, want)
			return
		}
	}
	m := (*node).(*ast.MemberNode)
	if m.Optional || m.Method {
		g.refuse(m, noMissing, "?. and methods are not allowed in an expression")
		return
	}
	g.visit(&m.Node)
	g.visit(&m.Property)
	g.fieldFits(m, words)
}

// fieldFits makes sure that a word after a value names a field of its type.
func (g *grammar) fieldFits(m *ast.MemberNode, words []string) {
	word, named := m.Property.(*ast.StringNode)
	of, known := g.typeOf(m.Node)
	if !named || !known {
		return
	}
	what := "this"
	if len(words) > 0 {
		what = strings.Join(words[:len(words)-1], ".")
	} else if _, item := m.Node.(*ast.PointerNode); item {
		what = "the item"
	}
	switch of.Kind {
	case actions.Map:
	case actions.Object:
		if fields := fieldNames(of); !slices.Contains(fields, word.Value) {
			g.unknownWord(m.Property, []string{what}, word.Value, fields)
		}
	case actions.List:
		g.refuse(m.Property, "choose one item, such as first(...), or ask about them with any(..., .field == ...)", "%s is a list and has no fields", what)
	default:
		g.refuse(m.Property, "leave out what follows "+what, "%s is %s and has no fields", what, kindWord(of))
	}
}

// typeOf is the declared type of a part of an expression that gives a value of
// the scope, or a part of one.
func (g *grammar) typeOf(n ast.Node) (actions.Field, bool) {
	if i, ok := g.paths[n]; ok {
		return g.leaves[i].field, true
	}
	switch n := n.(type) {
	case *ast.PointerNode:
		if len(g.items) > 0 {
			item := g.items[len(g.items)-1]
			return item, item.Kind != ""
		}
	case *ast.BuiltinNode:
		if n.Name == "filter" {
			return g.typeOf(n.Arguments[0])
		}
	case *ast.MemberNode:
		of, known := g.typeOf(n.Node)
		word, named := n.Property.(*ast.StringNode)
		switch {
		case !known:
		case of.Kind == actions.Object && named:
			i := slices.IndexFunc(of.Fields, func(f actions.Field) bool { return f.Name == word.Value })
			if i >= 0 {
				return of.Fields[i], true
			}
		case of.Kind == actions.Map, of.Kind == actions.List && !named:
			return *of.Elem, true
		}
	}
	return actions.Field{}, false
}

// pathLength is how many words name one value: of a path that is known as many
// as it has, of another as many as it would need.
func (sc scope) pathLength(words []string) int {
	for i := range words {
		if _, known := sc[strings.Join(words[:i+1], ".")]; known {
			return i + 1
		}
	}
	switch words[0] {
	case "inputs", "incident", "environment", "metrics", "run":
		return 2
	case "injects":
		return 3
	case "steps":
		if len(words) > 2 && words[2] == "status" {
			return 3
		}
		return 4
	}
	return 1
}

func (g *grammar) path(node ast.Node, words []string, nodes []ast.Node, want int) {
	name := strings.Join(words, ".")
	field, known := g.scope[name]
	if !known || len(words) < want {
		g.noPath(node, words, nodes)
		return
	}
	i, seen := g.index[name]
	if !seen {
		i = len(g.leaves)
		g.index[name] = i
		g.leaves = append(g.leaves, leaf{name, field})
	}
	g.paths[node] = i
	if words[0] == "steps" {
		root := nodes[0].Location().From
		g.reads = append(g.reads, stepRead{step: words[1], path: name, outputs: words[2] == "outputs", offset: root, guards: names(g.known)})
	}
}

// noPath says at which word a path goes wrong, or that it stops too early.
func (g *grammar) noPath(node ast.Node, words []string, nodes []ast.Node) {
	for i := range words {
		known := g.scope.under(strings.Join(words[:i], "."))
		if slices.Contains(known, words[i]) {
			continue
		}
		at := nodes[i]
		if m, ok := at.(*ast.MemberNode); ok {
			at = m.Property
		}
		g.unknownWord(at, words[:i], words[i], known)
		return
	}
	name := strings.Join(words, ".")
	g.refuse(node, "known: "+strings.Join(g.scope.under(name), ", "), "%s is a group; name one value in it", name)
}

func (g *grammar) unknownWord(at ast.Node, before []string, word string, known []string) {
	rule, what := "expression", fmt.Sprintf("%q is not known here", word)
	switch {
	case len(before) == 1 && before[0] == "steps":
		rule, what = "reference", fmt.Sprintf("there is no step %q", word)
	case len(before) == 1 && before[0] == "inputs":
		rule, what = "reference", fmt.Sprintf("there is no input %q", word)
	case len(before) == 1 && before[0] == "injects":
		rule, what = "reference", fmt.Sprintf("there is no inject %q", word)
	case len(before) == 1 && before[0] == "metrics":
		rule, what = "reference", fmt.Sprintf("there is no metric %q", word)
	case len(before) == 2 && before[0] == "steps" && word == "outputs":
		rule, what = "reference", fmt.Sprintf("step %q has no outputs", before[1])
	case len(before) == 3 && before[0] == "steps":
		rule, what = "reference", fmt.Sprintf("step %q has no output %q", before[1], word)
	case len(before) > 0:
		what = fmt.Sprintf("%s has no field %q", strings.Join(before, "."), word)
	}
	hint := didYouMean(word, known)
	switch {
	case hint == "" && len(known) > 0 && len(known) <= 12:
		hint = "known: " + strings.Join(known, ", ")
	case hint == "" && len(known) == 0:
		hint = "there are none"
	}
	if len(before) == 0 && word == "metrics" && g.scope.ofScenario() {
		what, hint = "metrics cannot be read here", "they are worked out at the end; only the check of an objective reads them"
	} else if len(before) == 0 && (word == itemPath || word == indexPath) {
		rule, what = "reference", fmt.Sprintf("%q is not known here", word)
		hint = "item and index are known in with and manual of a step that has for_each; its if decides for all items at once"
	} else if len(before) == 0 && !strings.HasPrefix(hint, "did") {
		hint = "text is written in quotes; known names: " + strings.Join(known, ", ")
	}
	g.faults = append(g.faults, fault{offset: at.Location().From, rule: rule, message: what, hint: hint})
}

func names(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
