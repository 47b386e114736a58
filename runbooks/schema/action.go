package schema

import (
	"regexp"
	"strconv"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// actionWord is the name of an action, with what each does.
func actionWord(cat runbooks.Catalog) object {
	var words [][2]string
	for _, name := range cat.Names() {
		if spec, ok := cat.Spec(name); ok {
			words = append(words, [2]string{name, spec.Title + " (" + string(spec.Effect) + ")"})
		}
	}
	return choice(words)
}

// perAction gives a step the parameters of its action, and shows the page of the
// action where its name stands.
func perAction(cat runbooks.Catalog) []object {
	var rules []object
	for _, name := range cat.Names() {
		spec, ok := cat.Spec(name)
		if !ok {
			continue
		}
		then := object{"properties": object{
			"uses": object{"description": spec.Title + ". " + spec.Doc, "markdownDescription": actions.Markdown(spec)},
			"with": ref("with." + name),
		}}
		for _, f := range spec.Params {
			if f.Required {
				then["required"] = []string{"with"}
			}
		}
		rules = append(rules, object{
			"if":   object{"properties": object{"uses": object{"const": name}}, "required": []string{"uses"}},
			"then": then,
		})
	}
	return rules
}

// parameters is the with of an action.
func parameters(spec actions.Spec) object {
	return described(fields(spec.Params), "The parameters of "+spec.Name+". Texts may hold ${{ expression }}.")
}

func fields(list []actions.Field) object {
	keys := make([]key, len(list))
	for i, f := range list {
		doc := f.Doc
		if doc == "" {
			doc = "A " + string(f.Kind) + "."
		}
		if f.Subject {
			doc += "; names whom the step acts against"
		}
		if f.Secret {
			doc += "; a secret, given by reference"
		}
		keys[i] = key{f.Name, doc, value(f), f.Required}
	}
	return table(keys...)
}

// value is a parameter: its type, or a text that is one ${{ }} in its place.
func value(f actions.Field) object {
	var s object
	switch f.Kind {
	case actions.Int:
		s = object{"type": "integer"}
	case actions.Bool:
		s = object{"type": "boolean"}
	case actions.Duration:
		s = length()
	case actions.Time:
		s = word(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T`, "write it like 2026-11-22T04:50:24Z", "2026-11-22T04:50:24Z")
	case actions.List:
		elem := *f.Elem
		elem.Secret = elem.Secret || f.Secret
		s = object{"type": "array", "items": value(elem)}
	case actions.Map:
		elem := *f.Elem
		elem.Secret = elem.Secret || f.Secret
		s = object{"type": "object", "additionalProperties": value(elem)}
	case actions.Object:
		s = fields(f.Fields)
	default:
		s = textOf(f)
	}
	if f.Secret {
		if f.Kind == actions.String {
			s = word(secretOrInput, "a secret is given by reference, such as secret://env/NAME, or as a whole by a sensitive input", "secret://env/NAME")
		}
		return s
	}
	if f.Example != "" {
		s["examples"] = []any{literal(f.Kind, f.Example)}
	}
	if f.Default != "" {
		s["default"] = literal(f.Kind, f.Default)
	}
	computed := object{"type": "string", "pattern": filledIn, "patternErrorMessage": "write exactly one ${{ }} and nothing around it"}
	if f.Kind == actions.String {
		if s["pattern"] == nil && s["enum"] == nil {
			return s // any text may hold ${{ }}
		}
		computed = object{"type": "string", "pattern": holdsOne}
	}
	out := either(s, computed)
	for _, name := range []string{"examples", "default"} { // of the value, whichever form it has
		if v, ok := s[name]; ok {
			out[name] = v
			delete(s, name)
		}
	}
	return out
}

// textOf is a text parameter. A pattern that JavaScript reads differently is
// left to firebreak lint.
func textOf(f actions.Field) object {
	if len(f.Enum) > 0 {
		return object{"type": "string", "enum": f.Enum}
	}
	s := text()
	if f.Pattern != "" && portable(f.Pattern) {
		s["pattern"] = f.Pattern
	}
	return s
}

// portable says whether Go and JavaScript read a pattern alike.
func portable(pattern string) bool {
	return !regexp.MustCompile(`\(\?[^:]|\\[AzZpPQEaC]|\[\[:`).MatchString(pattern)
}

func literal(kind actions.Kind, text string) any {
	switch kind {
	case actions.Int:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case actions.Bool:
		return text == "true"
	}
	return text
}
