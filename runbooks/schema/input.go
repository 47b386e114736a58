package schema

import (
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// input is one input.
func input() object {
	s := table(append(typeKeys(),
		key{"sensitive", "The value is secret: it is given as a reference, such as secret://env/NAME, and may only be passed, whole, to parameters that are secret.", flag(false), false},
		key{"default", "The value when none is given; without it the input must be given.", object{}, false},
	)...)
	s["description"] = "One value that whoever starts the run gives."
	s["allOf"] = append(typeRules(true), object{
		"if":   object{"properties": object{"sensitive": object{"const": true}}, "required": []string{"sensitive"}},
		"then": object{"properties": object{"type": object{"const": "string"}, "pattern": false, "enum": false, "default": word(secretRef, "a secret is given by reference, such as secret://env/NAME", "secret://env/NAME")}},
	})
	s["defaultSnippets"] = inputSnippets()
	return s
}

// typed is a type without a name, of items or of an answer: one word, or a map.
// One word says everything about all types but lists and maps.
func typed(doc string) object {
	long := table(typeKeys()...)
	long["allOf"] = typeRules(false)
	short := slices.DeleteFunc(typeWords(), func(w [2]string) bool { return w[0] == "list" || w[0] == "map" })
	return described(either(described(choice(short), doc), long), doc)
}

// typeKeys are the keys of every type.
func typeKeys() []key {
	return []key{
		{"type", "What kind of value it is. A format, such as aws.iam.role, is a text of a known form.", choice(typeWords()), true},
		{"of", "What the items of a list or the values of a map are: a type, or a map as for an input.", as("of"), false},
		{"pattern", "A regular expression that the whole text must match.", text("^AKIA[A-Z0-9]{16}$"), false},
		{"enum", "The only texts that are allowed.", list(text(), []any{"soft", "hard"}), false},
		{"min", "The least number; of a list or a map, the least number of items.", object{"type": "integer"}, false},
		{"max", "The greatest number; of a list or a map, the greatest number of items.", object{"type": "integer"}, false},
		{"description", "What it is and where to find it, for whoever has to give it.", text("The key that leaked"), false},
	}
}

// plainTypes are the types that are no format.
func plainTypes() [][2]string {
	return [][2]string{
		{"string", "a text"},
		{"int", "a whole number"},
		{"bool", "true or false"},
		{"duration", `a duration, such as "90s"`},
		{"list", "a list of values of one type, see of"},
		{"map", "names with values of one type, see of"},
	}
}

// typeWords are the names of types and formats, with what each is.
func typeWords() [][2]string { return append(plainTypes(), formats()...) }

// typeRules say which keys belong to which type, and what its default is.
func typeRules(withDefault bool) []object {
	var rules []object
	add := func(test any, fallback object, without []string, must ...string) {
		properties := object{}
		for _, name := range without {
			properties[name] = false
		}
		if withDefault {
			properties["default"] = fallback
		}
		then := object{"properties": properties}
		if len(must) > 0 {
			then["required"] = must
		}
		rules = append(rules, object{"if": object{"properties": object{"type": test}, "required": []string{"type"}}, "then": then})
	}
	is := func(name string) object { return object{"const": name} }
	add(is("string"), text(), []string{"min", "max", "of"})
	add(is("int"), object{"type": "integer"}, []string{"pattern", "enum", "of"})
	add(is("bool"), object{"type": "boolean"}, []string{"pattern", "enum", "min", "max", "of"})
	add(is("duration"), length(), []string{"pattern", "enum", "min", "max", "of"})
	add(is("list"), object{"type": "array"}, []string{"pattern", "enum"}, "of")
	add(is("map"), object{"type": "object"}, []string{"pattern", "enum"}, "of")
	names := []string{}
	for _, f := range formats() {
		names = append(names, f[0])
	}
	slices.Sort(names)
	add(object{"enum": names}, text(), []string{"pattern", "min", "max", "of"})
	return rules
}

// formats are the types that are texts of a known form, with what each is.
func formats() [][2]string {
	var words [][2]string
	for _, f := range runbooks.Formats() {
		words = append(words, [2]string{f.Name, f.Doc + ", such as " + f.Example})
	}
	return words
}
