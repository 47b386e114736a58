package runbooks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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

// CoerceInputs reads the words of a command line by the declared types, fills
// in the defaults and checks as [Program.CheckInputs] does.
func (p *Program) CoerceInputs(given map[string]string) (map[string]any, actions.Problems) {
	typed := make(map[string]any, len(given))
	var problems actions.Problems
	for _, name := range slices.Sorted(maps.Keys(given)) {
		in, known := p.Input(name)
		word := given[name]
		switch {
		case known && in.Type == actions.Int:
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				problems = append(problems, actions.Problem{Path: name, Message: fmt.Sprintf("must be a whole number, not %q", word)})
				n = 0
			}
			typed[name] = n
		case known && in.Type == actions.Bool:
			if word != "true" && word != "false" {
				problems = append(problems, actions.Problem{Path: name, Message: fmt.Sprintf("must be true or false, not %q", word)})
			}
			typed[name] = word == "true"
		default:
			typed[name] = word
		}
	}
	out, more := p.CheckInputs(typed)
	if problems = sortProblems(append(problems, more...)); len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// CheckInputs checks values (string, int, int64, whole float64, bool) against the
// declared inputs, fills in the defaults, and gives them as string, int64 and
// bool; a duration is normalized to "1m30s". Every problem at once, sorted by
// the input's name; with problems there are no values.
func (p *Program) CheckInputs(given map[string]any) (map[string]any, actions.Problems) {
	out := make(map[string]any, len(p.Inputs))
	var problems actions.Problems
	for _, in := range p.Inputs {
		v, there := given[in.Name]
		switch {
		case !there && in.Default != nil:
			out[in.Name] = in.Default
		case !there:
			hint := in.Description
			if hint == "" {
				hint = fmt.Sprintf("give %s=...", in.Name)
			}
			problems = append(problems, actions.Problem{Path: in.Name, Message: "is missing", Hint: hint})
		default:
			checked, problem := in.check(v)
			if problem != nil {
				problems = append(problems, *problem)
			}
			out[in.Name] = checked
		}
	}
	var known []string
	for _, in := range p.Inputs {
		known = append(known, in.Name)
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
	if len(problems) > 0 {
		return nil, sortProblems(problems)
	}
	return out, nil
}

func sortProblems(problems actions.Problems) actions.Problems {
	slices.SortStableFunc(problems, func(a, b actions.Problem) int { return strings.Compare(a.Path, b.Path) })
	return problems
}

// check gives a value in its normal form, or says what is wrong with it.
func (in Input) check(v any) (any, *actions.Problem) {
	wrong := func(hint, format string, args ...any) (any, *actions.Problem) {
		return nil, &actions.Problem{Path: in.Name, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	switch in.Type {
	case actions.Int:
		if n, ok := integer(v); ok {
			return n, nil
		}
		return wrong("", "must be a whole number, not %s", word(v))
	case actions.Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return wrong("", "must be true or false, not %s", word(v))
	case actions.Duration:
		s, ok := v.(string)
		if !ok {
			return wrong(`write it like "90s"`, "must be a duration, not %s", word(v))
		}
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return wrong(`write it like "90s"`, "must be a duration, not %s", word(v))
		}
		return d.String(), nil
	}
	s, ok := v.(string)
	switch {
	case !ok:
		return wrong("", "must be text, not %s", word(v))
	case len(s) > maxText:
		return wrong("", "has %d bytes; at most %d are allowed", len(s), maxText)
	case strings.ContainsFunc(s, forbidden):
		return wrong("remove it; it may not be visible", "contains a control character")
	case len(in.Enum) > 0 && !slices.Contains(in.Enum, s):
		hint := didYouMean(s, in.Enum)
		return wrong(hint, "%s is not one of %s", word(v), strings.Join(in.Enum, ", "))
	}
	if in.Pattern != "" {
		whole, err := wholePattern(in.Pattern)
		if err != nil {
			return wrong("", "its pattern cannot be used: %v", err)
		}
		if !whole.MatchString(s) {
			return wrong(in.Description, "%s does not match %s", word(v), in.Pattern)
		}
	}
	return s, nil
}

// wholePattern matches the whole text, whether or not its author wrote ^ and $:
// a pattern that also fits inside a longer text guards nothing.
func wholePattern(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

func word(v any) string {
	if s, ok := v.(string); ok {
		if r := []rune(s); len(r) > 60 {
			s = string(r[:59]) + "…"
		}
		return strconv.Quote(s)
	}
	switch v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case nil:
		return "nothing"
	}
	return fmt.Sprint(v)
}
