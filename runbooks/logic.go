package runbooks

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// LogicOp is what a part of a condition does.
type LogicOp string

// The parts of a condition.
const (
	LogicAnd   LogicOp = "and"
	LogicOr    LogicOp = "or"
	LogicNot   LogicOp = "not"
	LogicIf    LogicOp = "if"    // the first decides which of the other two counts
	LogicTest  LogicOp = "test"  // compares a term with words
	LogicConst LogicOp = "const" // true or false, as written
)

// Logic is the skeleton of a condition: tests, joined by and, or, not and ? :. It
// is for those who reason about conditions without evaluating them, such as
// lint. Two tests with the same Term look at the same value.
type Logic struct {
	Op    LogicOp
	Args  []*Logic // of and, or: two; of not: one; of if: three
	Const bool     // of a constant

	Term    string   // of a test: what is compared, in one spelling: "steps.owner.status", "len(inputs.roles)"
	Reads   []string // of a test: the paths in Term, as far as they are written out, sorted
	Compare string   // of a test: == < <= > >= in
	Words   []any    // of a test: string, int64 or bool; one, or with "in" any number
}

// Tests walks the tests of a condition, left to right.
func (l *Logic) Tests(visit func(*Logic)) {
	if l.Op == LogicTest {
		visit(l)
	}
	for _, arg := range l.Args {
		arg.Tests(visit)
	}
}

// Logic takes the condition apart, or gives nil when the expression does not
// compile. What it cannot take apart is one test of its own: Term == true.
func (e *Expression) Logic() *Logic {
	tree, err := parser.ParseWithConfig(e.Source, newTools().config())
	if err != nil {
		return nil
	}
	return logicOf(tree.Node)
}

func logicOf(n ast.Node) *Logic {
	switch n := n.(type) {
	case *ast.BoolNode:
		return &Logic{Op: LogicConst, Const: n.Value}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return negate(logicOf(n.Node))
		}
	case *ast.ConditionalNode:
		return &Logic{Op: LogicIf, Args: []*Logic{logicOf(n.Cond), logicOf(n.Exp1), logicOf(n.Exp2)}}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			return &Logic{Op: LogicAnd, Args: []*Logic{logicOf(n.Left), logicOf(n.Right)}}
		case "||", "or":
			return &Logic{Op: LogicOr, Args: []*Logic{logicOf(n.Left), logicOf(n.Right)}}
		case "==", "!=", "<", "<=", ">", ">=", "in":
			if test := testOf(n); test != nil {
				return test
			}
		}
	}
	return &Logic{Op: LogicTest, Term: n.String(), Reads: readsOf(n), Compare: "==", Words: []any{true}}
}

func negate(l *Logic) *Logic { return &Logic{Op: LogicNot, Args: []*Logic{l}} }

// testOf is a comparison of something with a word or a number as written, or
// nil when it is another comparison.
func testOf(n *ast.BinaryNode) *Logic {
	term, compare := n.Left, n.Operator
	word, literal := wordOf(n.Right)
	if !literal && compare != "in" {
		if word, literal = wordOf(n.Left); literal {
			term, compare = n.Right, mirrored(compare)
		}
	}
	words := []any{word}
	if list, ok := n.Right.(*ast.ArrayNode); ok && compare == "in" {
		words, literal = nil, true
		for _, one := range list.Nodes {
			w, ok := wordOf(one)
			words, literal = append(words, w), literal && ok
		}
	}
	if !literal {
		return nil
	}
	test := &Logic{Op: LogicTest, Term: term.String(), Reads: readsOf(term), Compare: compare, Words: words}
	if compare == "!=" {
		test.Compare = "=="
		return negate(test)
	}
	return test
}

func mirrored(compare string) string {
	switch compare {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return compare
}

func wordOf(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return int64(n.Value), true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.UnaryNode:
		if number, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			return -int64(number.Value), true
		}
	}
	return nil, false
}

// readsOf lists the paths below a node.
func readsOf(n ast.Node) []string {
	var paths []string
	var walk func(n ast.Node)
	walk = func(n ast.Node) {
		if words, _ := chain(n); len(words) > 0 {
			paths = append(paths, strings.Join(words, "."))
			return
		}
		for child := range children(n) {
			walk(*child)
		}
	}
	walk(n)
	slices.Sort(paths)
	return slices.Compact(paths)
}
