package runbooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/firebreak-ir/firebreak/actions"
)

// Limits on one expression. With at most [maxItems] items in a list and two
// loops inside each other they bound the work of an evaluation.
const (
	maxSource = 1 << 10 // bytes
	maxNodes  = 200
	maxLoops  = 2
	maxMemory = 100_000 // values, counted by the machine that evaluates
)

// Expression is one compiled expression: the condition of a step, or what
// stands between ${{ and }}. It reads only typed paths, calls only the
// functions of [Functions], and gives the same answer for the same [Env],
// always. A zero Expression answers with an error.
type Expression struct {
	Source string
	Pos    Pos

	result  actions.Field // type of the answer
	path    string        // set when the expression is one path and nothing else
	leaves  []leaf        // what it reads
	reads   []stepRead    // which steps it reads, and under which guards
	implies []string      // steps that are certainly done when the answer is true
	program *vm.Program
}

// leaf is one typed path that an expression reads.
type leaf struct {
	path  string
	field actions.Field
}

// stepRead is one place in the source that reads from a step.
type stepRead struct {
	step    string
	path    string
	outputs bool
	offset  int      // in runes
	guards  []string // steps that are certainly done when this place is evaluated
}

// Paths lists what the expression reads, sorted: "inputs.access_key_id",
// "steps.owner.outputs.status".
func (e *Expression) Paths() []string {
	paths := make([]string, len(e.leaves))
	for i, l := range e.leaves {
		paths[i] = l.path
	}
	slices.Sort(paths)
	return paths
}

// Bool evaluates a condition. The readings are the values that decided, in the
// order in which they were read; what was not looked at is not among them. A
// value that is missing is an error and never false; the readings so far are
// still given.
func (e *Expression) Bool(env Env) (bool, []Reading, error) {
	return e.holds(env.lookup)
}

func (e *Expression) holds(values lookup) (bool, []Reading, error) {
	v, readings, err := e.reading(values)
	if err != nil {
		return false, readings, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, readings, fmt.Errorf("evaluate %q: the answer is %T, not true or false", e.Source, v)
	}
	return b, readings, nil
}

// Value evaluates an expression that stands inside ${{ }} or is an output:
// string, int64, bool, []any or map[string]any. An expression that is one path
// keeps the path's own type, so a duration stays "1m30s".
func (e *Expression) Value(env Env) (any, error) {
	if e.path != "" {
		return e.whole(env)
	}
	v, _, err := e.run(env)
	if err != nil {
		return nil, err
	}
	v, err = plain(e.Source, e.result, v, 0)
	if err != nil {
		return nil, fmt.Errorf("evaluate %q: %w", e.Source, err)
	}
	return v, nil
}

// whole gives the value of the one path that an expression is. A list in it may
// be longer than one that is computed with.
func (e *Expression) whole(env Env) (any, error) {
	v, err := env.lookup(e.path, e.result)
	if err == nil && e.result.Kind == actions.List {
		v, err = plainList(e.path, e.result, v, 0, maxPathItems)
	} else if err == nil {
		v, err = plain(e.path, e.result, v, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate %q: %w", e.Source, err)
	}
	return v, nil
}

// Items evaluates the list of a for_each: each item is string, int64, bool,
// []any or map[string]any, as [Env].Item wants it. A list that is one path may
// have 10,000 items, one that is computed 256. The readings are as those of
// [Expression.Bool].
func (e *Expression) Items(env Env) ([]any, []Reading, error) {
	var v any
	var readings []Reading
	var err error
	switch {
	case e.result.Kind != actions.List:
		return nil, nil, fmt.Errorf("evaluate %q: the answer is %s, not a list", e.Source, kindWord(e.result))
	case e.path != "":
		if v, err = e.whole(env); err == nil {
			readings = []Reading{{Path: e.path, Value: short(e.result, v)}}
		}
	default:
		if v, readings, err = e.run(env); err == nil {
			v, err = plain(e.Source, e.result, v, 0)
		}
	}
	if err != nil {
		return nil, readings, err
	}
	return v.([]any), readings, nil
}

// Number evaluates the moment until which a step waits: Unix seconds, where a
// path may be a time too.
func (e *Expression) Number(env Env) (int64, []Reading, error) {
	v, readings, err := e.run(env)
	if err != nil {
		return 0, readings, err
	}
	n, ok := v.(int)
	if !ok {
		return 0, readings, fmt.Errorf("evaluate %q: the answer is %T, not a number", e.Source, v)
	}
	return int64(n), readings, nil
}

func (e *Expression) run(env Env) (any, []Reading, error) { return e.reading(env.lookup) }

// lookup finds the raw value of a path of a type. A value that is not there is
// an error.
type lookup func(path string, f actions.Field) (any, error)

// reading evaluates with values from anywhere.
func (e *Expression) reading(values lookup) (any, []Reading, error) {
	if e.program == nil {
		return nil, nil, fmt.Errorf("evaluate %q: the expression is not compiled", e.Source)
	}
	r := &reader{lookup: values, leaves: e.leaves, values: make([]any, len(e.leaves))}
	machine := vm.VM{MemoryBudget: maxMemory}
	v, err := machine.Run(e.program, map[string]any{readerName: r})
	if err != nil {
		return nil, r.readings, fmt.Errorf("evaluate %q: %w", e.Source, r.explain(err))
	}
	return v, r.readings, nil
}

// reader hands values to a running expression and remembers which it gave. Its
// methods are not exported, so that an expression could not call them even if
// it could name it.
type reader struct {
	lookup   lookup
	leaves   []leaf
	values   []any
	readings []Reading
	err      error
}

func (r *reader) plain(i int) (any, error) {
	l := r.leaves[i]
	raw, err := r.lookup(l.path, l.field)
	if err != nil {
		return nil, err
	}
	return plain(l.path, l.field, raw, 0)
}

func (r *reader) read(i int) (any, error) {
	if r.values[i] != nil {
		return r.values[i], nil
	}
	v, err := r.plain(i)
	if err == nil {
		r.readings = append(r.readings, Reading{Path: r.leaves[i].path, Value: short(r.leaves[i].field, v)})
		v, err = operand(r.leaves[i].path, r.leaves[i].field, v)
	}
	if err != nil {
		r.err = err
		return nil, err
	}
	r.values[i] = v
	return v, nil
}

// explain takes the place in the source out of an error of the machine.
func (r *reader) explain(err error) error {
	if r.err != nil {
		return r.err
	}
	if at, ok := errors.AsType[*file.Error](err); ok {
		return errors.New(at.Message)
	}
	return err
}

// short renders a value for people, in at most about 80 characters. What would
// not fit anyway is not looked at.
func short(f actions.Field, v any) string {
	if f.Secret {
		return "[secret]"
	}
	text := ""
	switch v := v.(type) {
	case string:
		text = strconv.Quote(v[:min(len(v), 400)])
	case int64, bool:
		text = fmt.Sprint(v)
	default:
		if hasSecret(f) {
			return "[secret]"
		}
		data, err := json.Marshal(brief(v))
		if err != nil {
			return "[not shown]"
		}
		text = string(data)
		if list, ok := v.([]any); ok && utf8.RuneCountInString(text) > 80 {
			return fmt.Sprintf("%s… (%d items)", string([]rune(text)[:60]), len(list))
		}
	}
	if runes := []rune(text); len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return text
}

// brief cuts what is too long to be shown. Two signs of JSON for each item are
// the least, so nothing that would be shown is lost.
func brief(v any) any {
	switch v := v.(type) {
	case string:
		return v[:min(len(v), 400)]
	case []any:
		out := make([]any, min(len(v), 50))
		for i := range out {
			out[i] = brief(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, min(len(v), 50))
		for _, name := range slices.Sorted(maps.Keys(v))[:min(len(v), 50)] {
			out[name] = brief(v[name])
		}
		return out
	}
	return v
}

func hasSecret(f actions.Field) bool {
	return f.Secret || f.Elem != nil && hasSecret(*f.Elem) || slices.ContainsFunc(f.Fields, hasSecret)
}

type expressionWire struct {
	Source string `json:"source"`
	Pos    Pos    `json:"pos"`
}

// MarshalJSON writes the source and its place.
func (e *Expression) MarshalJSON() ([]byte, error) {
	return json.Marshal(expressionWire{e.Source, e.Pos})
}

// UnmarshalJSON reads the source and its place. The expression is usable after
// [DecodeProgram] has compiled it again.
func (e *Expression) UnmarshalJSON(data []byte) error {
	var wire expressionWire
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*e = Expression{Source: wire.Source, Pos: wire.Pos}
	return nil
}

// Functions lists the functions that an expression may call, sorted.
func Functions() []string {
	var names []string
	for name := range functionTable() {
		if name != readName && name != atName {
			names = append(names, name)
		}
	}
	names = append(names, "first", "last")
	names = append(names, predicates()...)
	slices.Sort(names)
	return names
}

// predicates are the functions that take a condition on each item of a list.
func predicates() []string {
	return []string{"all", "any", "count", "filter", "find", "none", "one"}
}

// kindWord names a type for people.
func kindWord(f actions.Field) string {
	switch f.Kind {
	case actions.String:
		return "text"
	case actions.Int:
		return "a number"
	case actions.Bool:
		return "true or false"
	case actions.List:
		return "a list"
	case actions.Map, actions.Object:
		return "an object"
	}
	return "a " + strings.ToLower(string(f.Kind))
}
