package schema_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// visit walks over every piece of the schema.
func visit(path string, s any, look func(path string, s map[string]any)) {
	piece, ok := s.(map[string]any)
	if !ok {
		return // true or false
	}
	look(path, piece)
	for word, below := range piece {
		switch below := below.(type) {
		case []any:
			if slices.Contains([]string{"anyOf", "oneOf", "allOf"}, word) {
				for i, one := range below {
					visit(fmt.Sprintf("%s/%s/%d", path, word, i), one, look)
				}
			}
		case map[string]any:
			switch word {
			case "properties", "definitions":
				for name, one := range below {
					visit(path+"/"+word+"/"+name, one, look)
				}
			case "items", "if", "then", "else", "additionalProperties", "propertyNames":
				visit(path+"/"+word, below, look)
			}
		}
	}
}

// visitAll walks over every piece of both schemas.
func visitAll(t *testing.T, look func(path string, s map[string]any)) {
	t.Helper()
	visit("", raw(t), look)
	visit("", plainSchema(t, writtenScenario(t)), look)
}

func TestEveryKeyIsExplained(t *testing.T) {
	n := 0
	visitAll(t, func(path string, s map[string]any) {
		if closed, ok := s["additionalProperties"].(bool); !ok || closed {
			return
		}
		for name, one := range s["properties"].(map[string]any) {
			n++
			doc, _ := one.(map[string]any)["description"].(string)
			if len(doc) < 4 || !strings.Contains(".", doc[len(doc)-1:]) && !strings.HasPrefix(path, "/definitions/with.") {
				t.Errorf("%s/%s is not explained by a sentence: %q", path, name, doc)
			}
		}
	})
	if n < 100 {
		t.Errorf("looked at %d keys only", n)
	}
}

// Nothing may stand beside $ref: draft-07 does not look at it.
func TestReferencesStandAlone(t *testing.T) {
	visitAll(t, func(path string, s map[string]any) {
		if _, ok := s["$ref"]; ok && len(s) > 1 {
			t.Errorf("%s has more than $ref", path)
		}
	})
}

// Editors use the regular expressions of JavaScript: only what means the same in
// both may stand in a pattern.
func TestPatternsArePortable(t *testing.T) {
	goOnly := regexp.MustCompile(`\(\?[^:]|\\[AzZpPQEaC]|\[\[:|\\x\{`)
	escaped := regexp.MustCompile(`\\(.)`)
	visitAll(t, func(path string, s map[string]any) {
		pattern, ok := s["pattern"].(string)
		if !ok {
			return
		}
		if _, err := regexp.Compile(pattern); err != nil || goOnly.MatchString(pattern) {
			t.Errorf("%s: %s is not portable: %v", path, pattern, err)
		}
		for _, m := range escaped.FindAllStringSubmatch(pattern, -1) { // the mode u of JavaScript takes no others
			if !strings.Contains(`dDwWsSbBnrt^$\.*+?()[]{}|/-`, m[1]) {
				t.Errorf("%s: %s: the escape %s is not known in JavaScript", path, pattern, m[0])
			}
		}
	})
}

// Defaults and examples fit where they stand.
func TestExamplesAreValid(t *testing.T) {
	s, n := validator(t), 0
	for file, want := range map[string]string{
		"budget: 20m": "", "budget: 20": "budget", "review_by: 2027-01-31": "", "review_by: soon": "review_by",
	} {
		src := "apiVersion: firebreak/v1\nkind: Runbook\nid: a\ntitle: A\n" + file + "\nsteps: [{id: a, wait: 1m}]\n"
		err := s.Validate(core(t, []byte(src)))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), "'/"+want+"'") {
			t.Errorf("%s: got %v", file, err)
		}
	}
	n += examplesOf(t, raw(t), compiler(t)) + examplesOf(t, plainSchema(t, writtenScenario(t)), compilerOf(t, writtenScenario(t)))
	if n < 60 {
		t.Errorf("only %d values were looked at", n)
	}
}

// examplesOf looks at the examples and defaults of a schema.
func examplesOf(t *testing.T, raw map[string]any, c *jsonschema.Compiler) int {
	t.Helper()
	n := 0
	visit("", raw, func(path string, piece map[string]any) {
		values, _ := piece["examples"].([]any)
		if v, ok := piece["default"]; ok {
			values = append(values, v)
		}
		if len(values) == 0 {
			return
		}
		one := compiled(t, c, path)
		for _, v := range values {
			n++
			if err := one.Validate(v); err != nil {
				t.Errorf("%s: %v is not valid: %v", path, v, err)
			}
		}
	})
	return n
}

var placeToFill = regexp.MustCompile(`\$\{[0-9]+:([^}]*)\}`)

// filled is what an editor writes for a snippet when nothing is typed.
func filled(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(placeToFill.ReplaceAllString(v, "$1"), `\$`, "$")
	case []any:
		list := []any{}
		for _, one := range v {
			list = append(list, filled(one))
		}
		return list
	case map[string]any:
		all := map[string]any{}
		for name, one := range v {
			all[filled(name).(string)] = filled(one)
		}
		return all
	}
	return v
}

func TestSnippets(t *testing.T) {
	s, n := validator(t), 0
	wrap := map[string]func(any) map[string]any{
		"":                          func(v any) map[string]any { return v.(map[string]any) },
		"/definitions/step nothing": func(v any) map[string]any { return file(nil, v) },
		"/definitions/input":        func(v any) map[string]any { return file(v, nil) },
	}
	visit("", raw(t), func(path string, piece map[string]any) {
		list, _ := piece["defaultSnippets"].([]any)
		for _, one := range list {
			n++
			one := one.(map[string]any)
			v := wrap[path](filled(one["body"]))
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v", one["label"], err)
			}
			data, err := yaml.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if _, found := runbooks.Parse("a.yaml", data); len(found) > 0 {
				t.Errorf("%s: %v in:\n%s", one["label"], found, data)
			}
		}
	})
	if n < 9 {
		t.Errorf("there are %d snippets", n)
	}
}

// file is a runbook around an input or a step.
func file(input, step any) map[string]any {
	f := map[string]any{"apiVersion": "firebreak/v1", "kind": "Runbook", "id": "a", "title": "A", "steps": []any{map[string]any{"id": "last", "wait": "1m"}}}
	if input != nil {
		f["inputs"] = map[string]any{"a": input}
	}
	if step != nil {
		f["steps"] = []any{step}
	}
	return f
}

// An editor writes the keys of a snippet in the order in which they stand.
func TestSnippetsKeepTheirOrder(t *testing.T) {
	var s struct {
		Snippets []struct {
			Body json.RawMessage `json:"body"`
		} `json:"defaultSnippets"`
	}
	if err := json.Unmarshal(written(t), &s); err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, key := range []string{"apiVersion", "kind", "id", "title", "owner", "budget", "inputs", "steps"} {
		next := strings.Index(string(s.Snippets[0].Body), `"`+key+`"`)
		if next < at {
			t.Errorf("%s stands before the key that it follows", key)
		}
		at = next
	}
}
