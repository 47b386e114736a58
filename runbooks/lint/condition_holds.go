package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// holds evaluates a condition of a step in one world.
func holds(l *runbooks.Logic, step string, world map[string]any) bool {
	switch l.Op {
	case runbooks.LogicAnd:
		return holds(l.Args[0], step, world) && holds(l.Args[1], step, world)
	case runbooks.LogicOr:
		return holds(l.Args[0], step, world) || holds(l.Args[1], step, world)
	case runbooks.LogicNot:
		return !holds(l.Args[0], step, world)
	case runbooks.LogicIf:
		if holds(l.Args[0], step, world) {
			return holds(l.Args[1], step, world)
		}
		return holds(l.Args[2], step, world)
	case runbooks.LogicConst:
		return l.Const
	}
	return passes(l, world[variable(step, l)])
}

// passes says whether a value passes a test.
func passes(test *runbooks.Logic, value any) bool {
	switch test.Compare {
	case "==", "in":
		return slices.Contains(test.Words, value)
	}
	order, ok := compare(value, test.Words[0])
	if !ok {
		return false
	}
	switch test.Compare {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func compare(a, b any) (int, bool) {
	x, ok := a.(int64)
	y, also := b.(int64)
	return cmp.Compare(x, y), ok && also
}

func rendered(v any) string { return fmt.Sprintf("%T %v", v, v) }
