package runbooks

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Form says what a [Value] is.
type Form string

// The forms of a value.
const (
	Literal Form = "literal" // Literal: string, int64 or bool
	Text    Form = "text"    // Parts: text and expressions in turn
	List    Form = "list"    // Items
	Object  Form = "object"  // Members, sorted by name
)

// Value is a literal tree in which texts may hold ${{ expression }}. A text
// that is exactly one ${{ }} keeps the expression's type; in every other text
// the answers are put in as text. It is filled in once: what an expression
// gives is never looked at again, so a value that contains ${{ stays as it is.
type Value struct {
	Form    Form     `json:"form"`
	Literal any      `json:"literal,omitempty"`
	Parts   []Part   `json:"parts,omitempty"`
	Items   []*Value `json:"items,omitempty"`
	Members []Member `json:"members,omitempty"`
	Pos     Pos      `json:"pos"`
}

// Part is a piece of a text: either Text or Expr.
type Part struct {
	Text string      `json:"text,omitempty"`
	Expr *Expression `json:"expr,omitempty"`
}

// Member is one named value of an object.
type Member struct {
	Name  string `json:"name"`
	Value *Value `json:"value"`
}

// Resolve fills in the expressions: string, int64, bool, []any or
// map[string]any. A missing value is an error that names its path.
func (v *Value) Resolve(env Env) (any, error) {
	switch v.Form {
	case Literal:
		return v.Literal, nil
	case Text:
		return v.text(env)
	case List:
		out := make([]any, len(v.Items))
		for i, item := range v.Items {
			one, err := item.Resolve(env)
			if err != nil {
				return nil, err
			}
			out[i] = one
		}
		return out, nil
	case Object:
		out := make(map[string]any, len(v.Members))
		for _, m := range v.Members {
			one, err := m.Value.Resolve(env)
			if err != nil {
				return nil, err
			}
			out[m.Name] = one
		}
		return out, nil
	}
	return nil, fmt.Errorf("resolve a value: form %q is not known", v.Form)
}

func (v *Value) text(env Env) (any, error) {
	if len(v.Parts) == 1 && v.Parts[0].Expr != nil {
		return v.Parts[0].Expr.Value(env)
	}
	var b strings.Builder
	for _, part := range v.Parts {
		if part.Expr == nil {
			b.WriteString(part.Text)
			continue
		}
		one, err := part.Expr.Value(env)
		if err != nil {
			return nil, err
		}
		b.WriteString(splice(one))
		if b.Len() > maxText {
			return nil, fmt.Errorf("evaluate %q: the text grows beyond %d bytes", part.Expr.Source, maxText)
		}
	}
	return b.String(), nil
}

// splice is a value inside a text. A list is its items with commas.
func splice(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		items := make([]string, len(v))
		for i, one := range v {
			items[i] = splice(one)
		}
		return strings.Join(items, ", ")
	}
	return ""
}

// spliceable says whether a type can stand inside a text.
func spliceable(f actions.Field) bool {
	switch f.Kind {
	case actions.Map, actions.Object:
		return false
	case actions.List:
		return f.Elem.Kind != actions.List && spliceable(*f.Elem)
	}
	return true
}

// Paths lists what the expressions read, sorted, each once.
func (v *Value) Paths() []string {
	var paths []string
	for e := range v.Expressions() {
		paths = append(paths, e.Paths()...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Expressions walks every expression of the tree.
func (v *Value) Expressions() iter.Seq[*Expression] {
	return func(yield func(*Expression) bool) { v.walk(yield) }
}

func (v *Value) walk(yield func(*Expression) bool) bool {
	if v == nil {
		return true
	}
	for _, part := range v.Parts {
		if part.Expr != nil && !yield(part.Expr) {
			return false
		}
	}
	for _, item := range v.Items {
		if !item.walk(yield) {
			return false
		}
	}
	for _, m := range v.Members {
		if !m.Value.walk(yield) {
			return false
		}
	}
	return true
}

// Written is a piece of text as its author wrote it.
type Written struct {
	Text  string
	Pos   Pos
	Whole bool // it is the whole value, not a piece between expressions
}

// Literals walks every literal text and every piece of one between
// expressions, with its path ("tags.0").
func (v *Value) Literals() iter.Seq2[string, Written] {
	return func(yield func(string, Written) bool) { v.literals("", yield) }
}

func (v *Value) literals(path string, yield func(string, Written) bool) bool {
	if v == nil {
		return true
	}
	under := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	if s, ok := v.Literal.(string); ok && !yield(path, Written{s, v.Pos, true}) {
		return false
	}
	for _, part := range v.Parts {
		if part.Text != "" && !yield(path, Written{part.Text, v.Pos, false}) {
			return false
		}
	}
	for i, item := range v.Items {
		if !item.literals(under(strconv.Itoa(i)), yield) {
			return false
		}
	}
	for _, m := range v.Members {
		if !m.Value.literals(under(m.Name), yield) {
			return false
		}
	}
	return true
}

// UnmarshalJSON reads what MarshalJSON wrote, and gives a literal number its
// type back.
func (v *Value) UnmarshalJSON(data []byte) error {
	type wire Value
	var w struct {
		wire
		Literal json.RawMessage `json:"literal"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*v = Value(w.wire)
	if len(w.Literal) == 0 {
		return nil
	}
	literal, err := scalar(w.Literal)
	v.Literal = literal
	return err
}

// scalar reads a JSON string, whole number or boolean.
func scalar(data []byte) (any, error) {
	var n int64
	if json.Unmarshal(data, &n) == nil {
		return n, nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	switch v.(type) {
	case string, bool, nil:
		return v, nil
	}
	return nil, fmt.Errorf("%s is not text, a whole number, true or false", data)
}

// piece is a part of a text before it is compiled.
type piece struct {
	text string
	expr bool
	n    int // which ${{ this is, from 0
}

// pieces cuts a text at ${{ and }}. A quoted text inside an expression may
// hold }}.
func pieces(text string) ([]piece, error) {
	var out []piece
	for n := 0; ; n++ {
		before, rest, found := strings.Cut(text, "${{")
		if before != "" {
			out = append(out, piece{text: before})
		}
		if !found {
			return out, nil
		}
		end := closing(rest)
		if end < 0 {
			return nil, fmt.Errorf("${{ is not closed by }}")
		}
		out = append(out, piece{text: rest[:end], expr: true, n: n})
		text = rest[end+2:]
	}
}

// closing finds the }} that ends an expression, or -1.
func closing(s string) int {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch {
		case quote != 0 && s[i] == '\\':
			i++
		case quote != 0 && s[i] == quote:
			quote = 0
		case quote != 0:
		case s[i] == '"' || s[i] == '\'' || s[i] == '`':
			quote = s[i]
		case strings.HasPrefix(s[i:], "}}"):
			return i
		}
	}
	return -1
}
