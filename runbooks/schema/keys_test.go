package schema_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/format"
)

// templates are files in which @ stands for a key with its value, one for each
// kind of map of the language.
var templates = map[string]string{
	"file":        "@\n",
	"owner":       "owner: {@}\n",
	"waivers":     "waivers: [{@}]\n",
	"input":       "inputs: {a: {@}}\n",
	"of":          "inputs: {a: {type: list, of: {@}}}\n",
	"answer":      "steps: [{id: a, manual: {instructions: b, answer: {@}}}]\n",
	"step":        "steps: [{@}]\n",
	"manual":      "steps: [{id: a, manual: {@}}]\n",
	"wait":        "steps: [{id: a, wait: {@}}]\n",
	"runbook":     "steps: [{id: a, runbook: {@}}]\n",
	"for_each":    "steps: [{id: a, uses: test.nothing, for_each: {@}}]\n",
	"approval":    "steps: [{id: a, uses: test.nothing, approval: {@}}]\n",
	"escalate":    "steps: [{id: a, uses: test.nothing, approval: {escalate: {@}}}]\n",
	"break_glass": "steps: [{id: a, uses: test.nothing, approval: {break_glass: {@}}}]\n",
	"verify":      "steps: [{id: a, uses: test.nothing, verify: {@}}]\n",
	"retry":       "steps: [{id: a, uses: test.nothing, retry: {@}}]\n",
	"timeout":     "steps: [{id: a, uses: test.nothing, timeout: {@}}]\n",
	"undo":        "steps: [{id: a, uses: test.nothing, undo: {@}}]\n",
	"contains":    "steps: [{id: a, uses: test.nothing, contains: {@}}]\n",
}

// with puts a key into a template.
func with(place, key string) []byte {
	text := strings.Replace(templates[place], "@", key+": 1", 1)
	head := ""
	for _, one := range []string{"apiVersion: firebreak/v1", "kind: Runbook"} {
		if name, _, _ := strings.Cut(one, ":"); place != "file" || name != key {
			head += one + "\n"
		}
	}
	if place == "file" && (key == "apiVersion" || key == "kind") {
		text = map[string]string{"apiVersion": "apiVersion: firebreak/v1\n", "kind": "kind: Runbook\n"}[key]
	}
	return []byte(head + text)
}

// maps that the schema describes, by the name of the key under which they stand,
// with the keys they may have.
func places(schema map[string]any) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	var visit func(place string, s any)
	visit = func(place string, s any) {
		switch s := s.(type) {
		case []any:
			for _, one := range s {
				visit(place, one)
			}
		case map[string]any:
			if closed, ok := s["additionalProperties"].(bool); ok && !closed {
				if all[place] == nil {
					all[place] = map[string]bool{}
				}
				for name := range s["properties"].(map[string]any) {
					all[place][name] = true
				}
			}
			for word, below := range s {
				switch word {
				case "properties":
					for name, one := range below.(map[string]any) {
						visit(name, one)
					}
				case "definitions":
					for name, one := range below.(map[string]any) {
						name, _, _ = strings.Cut(name, " ")
						if !strings.HasPrefix(name, "with.") {
							visit(name, one)
						}
					}
				case "anyOf", "oneOf", "allOf", "items", "then", "else", "additionalProperties":
					visit(place, below)
				}
			}
		}
	}
	visit("file", schema)
	return all
}

var known = regexp.MustCompile(`^known: (.*)$`)

func unknownKey(found runbooks.Diagnostics) (runbooks.Diagnostic, bool) {
	i := slices.IndexFunc(found, func(d runbooks.Diagnostic) bool { return d.Rule == "unknown-key" })
	if i < 0 {
		return runbooks.Diagnostic{}, false
	}
	return found[i], true
}

// The schema and the parser know the same keys, in each map of the language.
func TestKeysAreThoseOfTheParser(t *testing.T) {
	all := places(raw(t))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(templates)), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Fatalf("the maps of the schema (+) and those that are tried (-) differ:\n%s", diff)
	}
	for place, keys := range all {
		for key := range keys {
			_, found := runbooks.Parse("a.yaml", with(place, key))
			if d, unknown := unknownKey(found); unknown {
				t.Errorf("the schema has the key %q in %s, and the parser does not: %v", key, place, d)
			}
		}
		_, found := runbooks.Parse("a.yaml", with(place, "qqqqqqqq"))
		d, unknown := unknownKey(found)
		m := known.FindStringSubmatch(d.Hint)
		if !unknown || m == nil {
			t.Errorf("the parser does not say what it knows in %s: %v", place, found)
			continue
		}
		want := strings.Split(m[1], ", ")
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(keys))); diff != "" {
			t.Errorf("in %s the parser (-) and the schema (+) know different keys:\n%s", place, diff)
		}
	}
}

// A key that a kind of step does not have is refused by both, and by none else.
func TestKeysOfEachKindOfStep(t *testing.T) {
	definitions := raw(t)["definitions"].(map[string]any)
	of := func(name string) map[string]any {
		return definitions["step "+name].(map[string]any)["properties"].(map[string]any)
	}
	every := of("nothing")
	doing := map[string]string{"uses": "test.nothing", "manual": "text", "wait": "1m", "runbook": "other"}
	for kind, value := range doing {
		for key := range every {
			if _, other := doing[key]; other || key == "id" {
				continue
			}
			src := fmt.Sprintf("apiVersion: firebreak/v1\nkind: Runbook\nid: a\ntitle: A\nsteps:\n  - {id: a, %s: %s, approval: {from: [group:a]}, %s: 1}\n", kind, value, key)
			if key == "approval" {
				src = strings.Replace(src, "approval: {from: [group:a]}, ", "", 1)
			}
			_, found := runbooks.Parse("a.yaml", []byte(src))
			refused := slices.ContainsFunc(found, func(d runbooks.Diagnostic) bool { return strings.HasSuffix(d.Message, " has no "+key) })
			if _, has := of(kind)[key]; has == refused {
				t.Errorf("a step with %s: the schema has the key %q: %v; the parser: %v", kind, key, has, !refused)
			}
		}
	}
}

// Every key of the schema has its place in the layout; the unknown come last.
func TestLayoutKnowsEveryKey(t *testing.T) {
	for place, keys := range places(raw(t)) {
		for key := range keys {
			if key == "apiVersion" || key == "kind" {
				continue
			}
			between := ", "
			if place == "file" {
				between = "\n"
			}
			src := strings.Replace(templates[place], "@", "qqqqqqqq: 1"+between+key+": 1", 1)
			out, found := format.Source("a.yaml", []byte("apiVersion: firebreak/v1\nkind: Runbook\n"+src))
			if len(found) > 0 {
				t.Fatalf("%s: %v", src, found)
			}
			if text := string(out); strings.Index(text, key+": 1") > strings.Index(text, "qqqqqqqq: 1") {
				t.Errorf("the layout does not know the key %q of %s:\n%s", key, place, text)
			}
		}
	}
}

// The types of the schema are those of the parser.
func TestTypesAreThoseOfTheParser(t *testing.T) {
	input := raw(t)["definitions"].(map[string]any)["input"].(map[string]any)
	words := input["properties"].(map[string]any)["type"].(map[string]any)["enum"].([]any)
	for _, word := range words {
		_, found := runbooks.Parse("a.yaml", fmt.Appendf(nil, "apiVersion: firebreak/v1\nkind: Runbook\nid: a\ntitle: A\ninputs: {a: {type: %s}}\nsteps: [{id: a, wait: 1m}]\n", word))
		if len(found) > 0 {
			t.Errorf("type %s: %v", word, found)
		}
	}
	for _, f := range runbooks.Formats() {
		if !slices.Contains(words, any(f.Name)) {
			t.Errorf("the schema has no type %s", f.Name)
		}
	}
}
