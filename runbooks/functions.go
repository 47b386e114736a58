package runbooks

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// functionTable is every function that an expression can reach. The library's
// own are all switched off: some read the clock or walk maps in random order,
// some give nil for what is missing, and a later release may add more.
func functionTable() conf.FunctionsTable {
	table := conf.FunctionsTable{}
	add := func(name string, call func(args ...any) (any, error), signatures ...any) {
		f := &builtin.Function{Name: name, Func: call}
		for _, s := range signatures {
			f.Types = append(f.Types, reflect.TypeOf(s))
		}
		table[name] = f
	}
	text := func(of func(string) string) func(args ...any) (any, error) {
		return func(args ...any) (any, error) { return of(args[0].(string)), nil }
	}
	two := func(of func(a, b string) bool) func(args ...any) (any, error) {
		return func(args ...any) (any, error) { return of(args[0].(string), args[1].(string)), nil }
	}
	add("lower", text(strings.ToLower), strings.ToLower)
	add("upper", text(strings.ToUpper), strings.ToUpper)
	add("trim", text(strings.TrimSpace), strings.TrimSpace)
	add("hasPrefix", two(strings.HasPrefix), strings.HasPrefix)
	add("hasSuffix", two(strings.HasSuffix), strings.HasSuffix)
	add("len", length, func(string) int { return 0 }, func([]any) int { return 0 }, func(map[string]any) int { return 0 })
	add("int", toInt, func(string) int { return 0 }, func(int) int { return 0 })
	add("string", toString, func(string) string { return "" }, func(int) string { return "" }, func(bool) string { return "" })
	add("abs", absolute, func(int) int { return 0 })
	add("min", least(func(a, b int) bool { return a < b }), func(int, ...int) int { return 0 })
	add("max", least(func(a, b int) bool { return a > b }), func(int, ...int) int { return 0 })
	add(readName, func(args ...any) (any, error) { return args[0].(*reader).read(args[1].(int)) })
	add(atName, func(args ...any) (any, error) { return at(args[0], args[1]) })
	return table
}

func length(args ...any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return nil, fmt.Errorf("%T has no length", args[0])
}

func toInt(args ...any) (any, error) {
	switch v := args[0].(type) {
	case int:
		return v, nil
	case string:
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", v)
		}
		return n, nil
	}
	return nil, fmt.Errorf("%T is not a whole number", args[0])
}

func toString(args ...any) (any, error) { return fmt.Sprint(args[0]), nil }

func absolute(args ...any) (any, error) {
	n, ok := args[0].(int)
	if !ok {
		return nil, fmt.Errorf("%T is not a whole number", args[0])
	}
	return max(n, -n), nil
}

func least(before func(a, b int) bool) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		best, ok := args[0].(int)
		for _, arg := range args[1:] {
			n, isInt := arg.(int)
			ok = ok && isInt
			if before(n, best) {
				best = n
			}
		}
		if !ok {
			return nil, fmt.Errorf("min and max take whole numbers")
		}
		return best, nil
	}
}

// at is of[key]. What is not there is an error.
func at(of, key any) (any, error) {
	switch of := of.(type) {
	case map[string]any:
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("a field is named by text, not %T", key)
		}
		v, there := of[name]
		if !there {
			return nil, fmt.Errorf("there is no %q", name)
		}
		return v, nil
	case []any:
		i, ok := key.(int)
		if !ok {
			return nil, fmt.Errorf("an item is named by a whole number, not %T", key)
		}
		if i < 0 {
			i += len(of)
		}
		if i < 0 || i >= len(of) {
			return nil, fmt.Errorf("there is no item %v in a list of %d", key, len(of))
		}
		return of[i], nil
	}
	return nil, fmt.Errorf("%T has no parts", of)
}
