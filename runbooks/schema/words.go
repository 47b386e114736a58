package schema

// The forms of texts. They are those of the parser, in the part of regular
// expressions that Go and JavaScript share.
const (
	runbookID     = `^[a-z0-9]+(-[a-z0-9]+)*$`
	plainName     = `^[a-z][a-z0-9_]{0,62}$`
	environment   = `^[a-z][a-z0-9_-]{0,62}$`
	principal     = `^(group|person):[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`
	ruleName      = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`
	hexDigits     = `^[0-9a-f]{12,64}$`
	day           = `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`
	duration      = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`
	secretRef     = `^secret://[^/]+/.`
	secretOrInput = `^(secret://[^/]+/.|\$\{\{[\s\S]*\}\}$)`
	share         = `^([1-9][0-9]?|100)%$`
	filledIn      = `^\$\{\{[\s\S]*\}\}$` // exactly one ${{ }}, which keeps its type
	holdsOne      = `\$\{\{[\s\S]*\}\}`   // a text with ${{ }} in it
)

// text is a text. YAML reads some as a number; the language does not.
func text(examples ...any) object {
	return withExamples(object{"type": []string{"string", "number"}}, examples)
}

// prose is a text for people, which must not be empty.
func prose(examples ...any) object {
	s := text(examples...)
	s["minLength"] = 1
	return s
}

// word is a text of a form; say is what an editor says when it has another.
func word(pattern, say string, examples ...any) object {
	return withExamples(object{"type": "string", "pattern": pattern, "patternErrorMessage": say}, examples)
}

func withExamples(s object, examples []any) object {
	if len(examples) > 0 {
		s["examples"] = examples
	}
	return s
}

func span(examples ...any) object {
	return word(duration, `write a number and a unit: "90s", "15m", "2h"`, examples...)
}

// length is a duration that may be zero, which needs no unit.
func length() object {
	s := word(`^[-+]?0$|`+duration, `write a number and a unit: "90s", "15m", "2h"`)
	s["type"], s["minimum"], s["maximum"] = []string{"string", "integer"}, 0, 0
	return s
}

func date() object { return word(day, "write a day like 2027-01-31", "2027-01-31") }

func whole(least, most int) object {
	return object{"type": "integer", "minimum": least, "maximum": most}
}

func flag(fallback bool) object { return object{"type": "boolean", "default": fallback} }

// fallback adds the value that counts when the key is not there.
func fallback(s object, v any) object {
	s["default"] = v
	return s
}

func person(examples ...any) object {
	return word(principal, "write group:NAME or person:NAME", examples...)
}

// people is a list with somebody in it.
func people(examples ...any) object {
	return withExamples(object{"type": "array", "items": person(), "minItems": 1, "uniqueItems": true}, examples)
}

// list is a list of texts, each once.
func list(of object, examples ...any) object {
	return withExamples(object{"type": "array", "items": of, "uniqueItems": true}, examples)
}

// choice is one of some words, with what each means.
func choice(words [][2]string) object {
	var names, docs []string
	for _, w := range words {
		names, docs = append(names, w[0]), append(docs, w[1])
	}
	return object{"type": "string", "enum": names, "enumDescriptions": docs, "markdownEnumDescriptions": docs}
}

// expression is a condition or another value that is worked out. YAML reads
// some as a number or as true or false.
func expression(examples ...any) object {
	return withExamples(object{"type": []string{"string", "number", "boolean"}}, examples)
}

// either is one of several forms.
func either(forms ...object) object { return object{"anyOf": forms} }
