package actions

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Markdown is the reference page of an action. The same Spec gives the same
// bytes.
func Markdown(s Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s. Version %d, %s, %s.\n\n%s\n", s.Name, s.Title, s.Version, s.kind(), repeatWords(s.Repeat), s.Doc)

	fmt.Fprintf(&b, "\n## Effect\n\n")
	if s.BlastRadius != "" {
		fmt.Fprintf(&b, "- Who feels it: %s\n", s.BlastRadius)
	}
	for _, one := range s.StaysAlive {
		fmt.Fprintf(&b, "- Stays alive: %s\n", one)
	}
	fmt.Fprintf(&b, "- Verify: %s\n", abilityWords(s.CanVerify, "the effect is read back", "none: nothing proves the effect"))
	fmt.Fprintf(&b, "- Undo: %s\n", abilityWords(s.CanUndo, "yes, to what the plan recorded", "none"))
	fmt.Fprintf(&b, "- One attempt takes at most %s", Span(s.Timeout).short())
	if s.Settle > 0 {
		fmt.Fprintf(&b, "; a late effect may land up to %s after it", Span(s.Settle).short())
	}
	b.WriteString("\n")

	fmt.Fprintf(&b, "\n## In a runbook\n\n```yaml\n%s```\n", example(s))
	fieldTable(&b, "Parameters", s.Params, true)
	fieldTable(&b, "Outputs", s.Outputs, false)

	if len(s.Permissions) > 0 {
		b.WriteString("\n## Permissions\n\n| phase | right | on | why |\n| --- | --- | --- | --- |\n")
		for _, p := range s.Permissions {
			fmt.Fprintf(&b, "| %s | `%s` | `%s`%s | %s |\n", p.Phase, cell(p.Action), cell(p.Resource), conditionWords(p.Conditions)+whenWords(p.When), cell(p.Why))
		}
	}
	return b.String()
}

func whenWords(w When) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w)) {
		fmt.Fprintf(&b, " when %s is `%s`", cell(name), cell(strings.Join(w[name], ", ")))
	}
	return b.String()
}

// kind is the effect in words for people.
func (s Spec) kind() string {
	switch {
	case s.Tells:
		return "only tells people"
	case s.Adds && s.Effect == Destructive:
		return "adds to the record, and leaves a trace on its target"
	case s.Adds:
		return "only adds to the record"
	case s.Preserves:
		return string(s.Effect) + ", only keeps its target from being lost"
	}
	return string(s.Effect)
}

func conditionWords(c Conditions) string {
	var b strings.Builder
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		for _, key := range slices.Sorted(maps.Keys(c[operator])) {
			fmt.Fprintf(&b, " if %s `%s` is `%s`", cell(operator), cell(key), cell(strings.Join(c[operator][key], ", ")))
		}
	}
	return b.String()
}

func repeatWords(r Repeat) string {
	switch r {
	case Idempotent:
		return "idempotent (a step in doubt is run again)"
	case Keyed:
		return "keyed (a step in doubt is run again with its key)"
	case Probe:
		return "probed (a step in doubt first looks whether it took effect)"
	}
	return "once (a step in doubt waits for a person)"
}

func abilityWords(can bool, yes, no string) string {
	if can {
		return yes
	}
	return no
}

// short writes a duration without empty parts: 1m, not 1m0s.
func (s Span) short() string {
	data, _ := s.MarshalText() // it never fails
	text := string(data)
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// example is a step as a runbook can hold it, with the parameters that must be
// given; which of the others go together only their meaning says.
func example(s Spec) string {
	var b strings.Builder
	verb := s.Name[strings.LastIndex(s.Name, ".")+1:]
	fmt.Fprintf(&b, "- id: %s\n  uses: %s\n", verb, s.Name)
	with := ""
	for _, f := range s.Params {
		value := f.Example
		switch {
		case !f.Required:
			continue
		case value == "" && len(f.Enum) > 0:
			value = f.Enum[0]
		case value == "":
			value = "..."
		}
		if f.Kind == String || f.Kind == Duration || f.Kind == Time {
			quoted, _ := json.Marshal(value) // a string always marshals; JSON strings are YAML
			value = string(quoted)
		}
		with += fmt.Sprintf("    %s: %s\n", f.Name, value)
	}
	if with != "" {
		b.WriteString("  with:\n" + with)
	}
	return b.String()
}

func fieldTable(b *strings.Builder, title string, fields []Field, params bool) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if params {
		b.WriteString("| name | type | needed | meaning |\n| --- | --- | --- | --- |\n")
	} else {
		b.WriteString("| name | type | meaning |\n| --- | --- | --- |\n")
	}
	fieldRows(b, "", fields, params)
}

func fieldRows(b *strings.Builder, prefix string, fields []Field, params bool) {
	for _, f := range fields {
		name := join(prefix, f.Name)
		fmt.Fprintf(b, "| `%s` | %s |", name, kindWords(f))
		if params {
			needed := "no"
			switch {
			case f.Required:
				needed = "yes"
			case f.Default != "":
				needed = "no, else `" + cell(f.Default) + "`"
			}
			fmt.Fprintf(b, " %s |", needed)
		}
		fmt.Fprintf(b, " %s |\n", meaning(f))
		inner := f
		if f.Elem != nil {
			inner = *f.Elem
			name += ".*"
		}
		fieldRows(b, name, inner.Fields, params)
	}
}

func kindWords(f Field) string {
	words := string(f.Kind)
	if f.Elem != nil {
		words += " of " + kindWords(*f.Elem)
	}
	return words
}

// meaning is the doc of a field, with what its values must look like.
func meaning(f Field) string {
	parts := []string{}
	if f.Doc != "" {
		parts = append(parts, cell(f.Doc))
	}
	if len(f.Enum) > 0 {
		parts = append(parts, "one of `"+cell(strings.Join(f.Enum, "`, `"))+"`")
	}
	if f.Pattern != "" {
		parts = append(parts, "matches `"+cell(f.Pattern)+"`")
	}
	if f.Example != "" {
		parts = append(parts, "for example `"+cell(f.Example)+"`")
	}
	if f.Secret {
		parts = append(parts, "a secret, given by reference")
	}
	if f.Subject {
		parts = append(parts, "names whom the step acts against")
	}
	return strings.Join(parts, "; ")
}

// cell makes text fit into a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\r", "", "\n", " ").Replace(text)
}

// JSONSchema describes the params of an action in JSON Schema 2020-12, for
// editors and for checks of resolved parameters. Marshalled, the same Spec
// gives the same bytes.
func JSONSchema(s Spec) map[string]any {
	schema := objectSchema(s.Params)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = s.Name
	schema["description"] = s.Title + ". " + s.Doc
	return schema
}

func objectSchema(fields []Field) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range fields {
		properties[f.Name] = fieldSchema(f)
		if f.Required {
			required = append(required, f.Name)
		}
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func fieldSchema(f Field) map[string]any {
	var schema map[string]any
	switch f.Kind {
	case Int:
		schema = map[string]any{"type": "integer"}
	case Bool:
		schema = map[string]any{"type": "boolean"}
	case Duration:
		schema = map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
	case Time:
		schema = map[string]any{"type": "string", "format": "date-time"}
	case List:
		schema = map[string]any{"type": "array", "items": fieldSchema(*f.Elem)}
	case Map:
		schema = map[string]any{"type": "object", "additionalProperties": fieldSchema(*f.Elem)}
	case Object:
		schema = objectSchema(f.Fields)
	default:
		schema = map[string]any{"type": "string"}
	}
	if f.Doc != "" {
		schema["description"] = f.Doc
	}
	if f.Example != "" {
		asDefault := f
		asDefault.Default = f.Example
		schema["examples"] = []any{defaultValue(&asDefault)}
	}
	if f.Default != "" {
		schema["default"] = defaultValue(&f)
	}
	if len(f.Enum) > 0 {
		schema["enum"] = f.Enum
	}
	if f.Pattern != "" {
		schema["pattern"] = f.Pattern
	}
	if f.Secret {
		schema["writeOnly"] = true
	}
	return schema
}
