package runbooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Input finds an input by name.
func (p *Program) Input(name string) (Input, bool) {
	i := slices.IndexFunc(p.Inputs, func(in Input) bool { return in.Name == name })
	if i < 0 {
		return Input{}, false
	}
	return p.Inputs[i], true
}

// CoerceInputs reads the words of a command line by the declared types (see
// [Input.Coerce]), fills in the defaults and checks as [Program.CheckInputs]
// does.
func (p *Program) CoerceInputs(given map[string]string) (map[string]any, actions.Problems) {
	typed := make(map[string]any, len(given))
	var problems actions.Problems
	bad := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		typed[name] = given[name]
		in, known := p.Input(name)
		if !known {
			continue
		}
		v, wrong := in.read(given[name])
		if len(wrong) > 0 {
			bad[name] = true
			problems = append(problems, wrong...)
		}
		typed[name] = v
	}
	out, more := p.checkInputs(typed, bad)
	if problems = sortProblems(append(problems, more...)); len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// CheckInputs checks values, as encoding/json gives them, against the declared
// inputs, fills in the defaults, and gives them as string, int64, bool, []any
// and map[string]any; a duration is normalized to "1m30s", and a sensitive
// input is the reference to a secret. Every problem at once, sorted by its
// path, such as "roles.2" for the third item of a list; with problems there
// are no values.
func (p *Program) CheckInputs(given map[string]any) (map[string]any, actions.Problems) {
	out, problems := p.checkInputs(given, nil)
	if len(problems) > 0 {
		return nil, sortProblems(problems)
	}
	return out, nil
}

// checkInputs leaves out those that were found to be bad already.
func (p *Program) checkInputs(given map[string]any, bad map[string]bool) (map[string]any, actions.Problems) {
	out := make(map[string]any, len(p.Inputs))
	var problems actions.Problems
	for _, in := range p.Inputs {
		v, there := given[in.Name]
		switch {
		case bad[in.Name]:
		case !there && in.Default != nil:
			out[in.Name] = cloneValue(in.Default)
		case !there:
			hint := in.Description
			if hint == "" {
				hint = fmt.Sprintf("give %s=...", in.Name)
			}
			problems = append(problems, actions.Problem{Path: in.Name, Message: "is missing", Hint: hint})
		default:
			checked, wrong := in.Check(v)
			problems = append(problems, wrong...)
			out[in.Name] = checked
		}
	}
	return out, append(problems, p.strangers(given)...)
}

// strangers are the values that no input is there for.
func (p *Program) strangers(given map[string]any) actions.Problems {
	var problems actions.Problems
	known := make([]string, len(p.Inputs))
	for i, in := range p.Inputs {
		known[i] = in.Name
	}
	for name := range given {
		if slices.Contains(known, name) {
			continue
		}
		hint := didYouMean(name, known)
		switch {
		case hint == "" && len(known) == 0:
			hint = "this runbook takes no inputs"
		case hint == "":
			hint = "known: " + strings.Join(known, ", ")
		}
		problems = append(problems, actions.Problem{Path: name, Message: "is not an input of this runbook", Hint: hint})
	}
	return problems
}

func sortProblems(problems actions.Problems) actions.Problems {
	slices.SortStableFunc(problems, func(a, b actions.Problem) int { return strings.Compare(a.Path, b.Path) })
	return problems
}

// cloneValue copies a value, so that nobody changes a program through it.
func cloneValue(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = cloneValue(one)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, one := range v {
			out[name] = cloneValue(one)
		}
		return out
	}
	return v
}

// field is the type that expressions see.
func (in *Input) field() actions.Field {
	f := actions.Field{Name: in.Name, Kind: in.Type, Enum: in.Enum, Required: true, Secret: in.Sensitive}
	if in.Of != nil {
		elem := in.Of.field()
		f.Elem = &elem
	}
	return f
}

// param is the type that somebody who calls the runbook must give.
func (in *Input) param() actions.Field {
	f := in.field()
	f.Required, f.Doc = in.Required, in.Description
	return f
}
