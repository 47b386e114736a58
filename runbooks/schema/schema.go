// Package schema describes the language to editors.
//
// [Runbook] gives the JSON Schema of a runbook and [Scenario] that of a scenario,
// in draft-07, the draft that the YAML server behind most editors understands
// best. With it an editor completes keys, actions and their parameters, shows what
// each means, and underlines what is wrong while it is written. The same catalog
// gives the same bytes.
//
// # What holds
//
//   - What the parser takes, the schema takes, with one exception: true and false
//     without quotes where a text is meant, which an editor had better question.
//   - The schema has the keys that the parser has, and no others; a test asks the
//     parser for each.
//   - The schema finds faults of form. What needs to know more than one place (a
//     reference, an order, a type behind ${{ }}) is the matter of firebreak lint.
//
// # Design
//
// A step is one of four things, and the schema is a chain of if, then and else
// that asks which: so a wrong key is told as a key that this kind of step does not
// have. Rejected: oneOf over the four, where an editor shows why each of them does
// not fit, and with an action in each, hundreds of lines of it. Small forms stand
// wherever they are used and are no definitions of their own: draft-07 ignores
// what stands beside $ref, and so a description would be lost.
//
// The schema is made by Go code and not by tags on the parser's types, because
// most of it is prose and examples for people, and forms that Go has no types
// for. The price is a second list of keys; the test holds it to the first.
package schema

import (
	"bytes"
	"encoding/json"
	"maps"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Draft is the version of JSON Schema that is written.
const Draft = "http://json-schema.org/draft-07/schema#"

// object is a piece of JSON Schema. Marshalled, its keys are sorted.
type object = map[string]any

// Runbook is the schema of a runbook file that may use the actions of the
// catalog, as indented JSON with a line break at its end.
func Runbook(cat runbooks.Catalog) ([]byte, error) {
	s := runbook()
	s["$schema"] = Draft
	s["title"] = "firebreak runbook"
	definitions := object{"input": input(), "of": typed("What the items or values are.")}
	maps.Copy(definitions, steps(cat))
	for _, name := range cat.Names() {
		if spec, ok := cat.Spec(name); ok {
			definitions["with."+name] = parameters(spec)
		}
	}
	s["definitions"] = definitions
	return written(s)
}

// written is a schema as indented JSON.
func written(s object) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// key is one key of a map.
type key struct {
	name string
	doc  string // what it means; the description of its value
	is   object
	must bool
}

// table is a map with these keys and no others.
func table(keys ...key) object {
	properties, required := object{}, []string{}
	for _, k := range keys {
		properties[k.name] = described(k.is, k.doc)
		if k.must {
			required = append(required, k.name)
		}
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// some says that a map has at least one key.
func some(s object) object {
	s["minProperties"] = 1
	return s
}

// described adds a description, in Markdown with the examples where there are some.
func described(s object, doc string) object {
	s["description"] = doc
	if examples, ok := s["examples"].([]any); ok && len(examples) > 0 {
		s["markdownDescription"] = doc + "\n\n" + inMarkdown(examples)
	}
	return s
}

func inMarkdown(examples []any) string {
	var b bytes.Buffer
	b.WriteString("For example:")
	for i, one := range examples {
		if i > 0 {
			b.WriteString(",")
		}
		if text, ok := one.(string); ok {
			b.WriteString(" `" + text + "`")
			continue
		}
		data, _ := json.Marshal(one) // examples are plain values, which always marshal
		b.WriteString(" `" + string(data) + "`")
	}
	return b.String()
}

// ref is a definition. Nothing may stand beside it, see as.
func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

// as is a definition that gets a description of its own.
func as(name string) object { return object{"allOf": []object{ref(name)}} }
