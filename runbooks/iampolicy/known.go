package iampolicy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// pattern is a text in which what is not known is a *. A * or ? that belongs to
// the text is written as IAM's ${*} and ${?}.
type pattern struct {
	text string
	raw  any // the value itself, when all of it is known and it is no item of a list; else nil
}

// values are all values that something may have. None at all means an empty
// list; what is not known is one pattern *.
type values []pattern

// alternatives bounds how many values are told apart; more become one *.
const alternatives = 1000

func unknown() values { return values{{text: "*"}} }

// escapes write what IAM would take for a pattern or a variable.
func escape(text string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(text)
}

func exact(v any) pattern {
	if s, ok := v.(string); ok {
		return pattern{escape(s), s}
	}
	return pattern{escape(fmt.Sprint(v)), v}
}

// valuesOf spreads a list, and takes anything else as one value.
func valuesOf(v any) values {
	switch v := v.(type) {
	case []any:
		all := values{}
		for _, one := range v {
			all = append(all, valuesOf(one).items()...)
		}
		return all
	case map[string]any, nil:
		return unknown()
	case float64:
		return values{exact(strconv.FormatFloat(v, 'f', -1, 64))}
	case json.Number:
		return values{exact(v.String())}
	}
	return values{exact(v)}
}

// items takes the values as items of a list, which no expression may take for
// the list itself.
func (v values) items() values {
	var list values
	for _, p := range v {
		list = append(list, pattern{text: p.text})
	}
	return list
}

func (v values) known() bool {
	return !slices.ContainsFunc(v, func(p pattern) bool { return p.raw == nil })
}

// scope is what is known inside one runbook.
type scope struct {
	inputs      map[string]values
	environment map[string]values
	item        values // nil: there is none
	params      map[string][]map[string]any
	step        string // path of the one that is looked at, in params
}

// call is the scope inside the runbook that a step calls. There a default is
// certain, because the call says what it gives.
func (s scope) call(step *runbooks.Step) scope {
	inner := scope{inputs: map[string]values{}, environment: s.environment, params: s.params}
	for _, in := range step.Runbook.Program.Inputs {
		if in.Default != nil {
			inner.inputs[in.Name] = valuesOf(in.Default)
		}
	}
	if step.With != nil {
		for _, m := range step.With.Members {
			inner.inputs[m.Name] = s.value(m.Value)
		}
	}
	return inner
}

// param gives the values of a parameter of a step. named is false when the
// action has no such parameter.
func (s scope) param(name string, step *runbooks.Step, spec actions.Spec) (_ values, named bool) {
	field, named := spec.Param(name)
	if !named || field.Secret {
		return unknown(), named
	}
	if found := s.params[s.step]; len(found) > 0 {
		var all values
		for _, params := range found {
			if v, given := params[name]; given {
				all = append(all, valuesOf(v)...)
			} else if field.Default != "" {
				all = append(all, exact(field.Default))
			} else {
				all = append(all, unknown()...)
			}
		}
		return all, true
	}
	if step.With != nil {
		for _, m := range step.With.Members {
			if m.Name == name {
				return s.value(m.Value), true
			}
		}
	}
	if field.Default != "" {
		return values{exact(field.Default)}, true
	}
	return unknown(), true
}

// value gives the values that a value of a program may have.
func (s scope) value(v *runbooks.Value) values {
	switch v.Form {
	case runbooks.Literal:
		return valuesOf(v.Literal)
	case runbooks.List:
		all := values{}
		for _, item := range v.Items {
			all = append(all, s.value(item).items()...)
		}
		return all
	case runbooks.Text:
		return s.text(v)
	}
	return unknown()
}

// text puts the parts of a text together, in every combination.
func (s scope) text(v *runbooks.Value) values {
	if len(v.Parts) == 1 && v.Parts[0].Expr != nil {
		return s.expression(v.Parts[0].Expr)
	}
	all := values{{text: "", raw: ""}}
	for _, part := range v.Parts {
		pieces := values{exact(part.Text)}
		if part.Expr != nil {
			pieces = s.expression(part.Expr)
		}
		if len(all)*len(pieces) > alternatives {
			return unknown()
		}
		var next values
		for _, head := range all {
			for _, tail := range pieces {
				one := pattern{text: head.text + tail.text}
				if head.raw != nil && tail.raw != nil {
					one.raw = fmt.Sprint(head.raw, tail.raw)
				}
				next = append(next, one)
			}
		}
		all = next
	}
	return all
}

var plainPath = regexp.MustCompile(`^(inputs|environment)\.([A-Za-z0-9_]+)$|^item$`)

// expression gives the values of what stands in ${{ }}. One that reads only what
// is known is worked out; everything else is not known.
func (s scope) expression(e *runbooks.Expression) values {
	if e == nil {
		return unknown()
	}
	if v, ok := s.path(strings.TrimSpace(e.Source)); ok {
		return v
	}
	env := runbooks.Env{Inputs: map[string]any{}}
	for _, path := range e.Paths() {
		v, ok := s.path(path)
		if !ok || len(v) != 1 || !v.known() {
			return unknown()
		}
		text, isText := v[0].raw.(string)
		switch root, name, _ := strings.Cut(path, "."); {
		case root == "inputs":
			env.Inputs[name] = v[0].raw
		case path == "environment.name" && isText:
			env.Environment.Name = text
		case path == "environment.account" && isText:
			env.Environment.Account = text
		case path == "environment.region" && isText:
			env.Environment.Region = text
		default:
			return unknown()
		}
	}
	got, err := e.Value(env)
	if err != nil {
		return unknown()
	}
	return valuesOf(got)
}

// path finds what is known under a path that stands for itself; ok is false
// for every other expression, and for what is not known.
func (s scope) path(source string) (values, bool) {
	m := plainPath.FindStringSubmatch(source)
	if m == nil {
		return nil, false
	}
	var v values
	switch m[1] {
	case "inputs":
		v = s.inputs[m[2]]
	case "environment":
		v = s.environment[m[2]]
	default:
		v = s.item
	}
	return v, v != nil
}
