package schema_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/format"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/library/librarytest"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
	"github.com/firebreak-ir/firebreak/runbooks/schema"
)

func writtenScenario(t testing.TB) []byte {
	t.Helper()
	data, err := schema.Scenario(runbookstest.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// scenarioBook is the runbook of the scenarios of the tests.
func scenarioBook(t testing.TB) *runbooks.Program {
	t.Helper()
	src, err := os.ReadFile("../testdata/scenario/book.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, found := runbooks.Load("book.yaml", src, runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	return p
}

// scenarioFaults is everything that is wrong with a scenario.
func scenarioFaults(src []byte, p *runbooks.Program) runbooks.Diagnostics {
	f, found := runbooks.ParseScenario("a.yaml", src)
	if f != nil {
		_, more := f.Check(p, runbookstest.Catalog())
		found = append(found, more...)
	}
	return found
}

func TestScenariosAreValid(t *testing.T) {
	s := compiled(t, compilerOf(t, writtenScenario(t)), "")
	for name, src := range files(t, "../testdata/scenario/ok/*.yaml") {
		if err := s.Validate(core(t, src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	document, err := schema.Scenario(librarytest.Actions(t))
	if err != nil {
		t.Fatal(err)
	}
	s = compiled(t, compilerOf(t, document), "")
	for _, e := range library.Scenarios() {
		if err := s.Validate(core(t, e.Source)); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
}

// Faults of form are found by the schema, too.
func TestFaultsOfFormOfScenarios(t *testing.T) {
	s, p, of := compiled(t, compilerOf(t, writtenScenario(t)), ""), scenarioBook(t), 0
	for name, src := range files(t, "../testdata/scenario/err/*.yaml") {
		faults := scenarioFaults(src, p)
		ofForm := slices.ContainsFunc(faults, func(d runbooks.Diagnostic) bool {
			return slices.Contains([]string{"unknown-key", "unknown-action", "missing"}, d.Rule)
		})
		if !ofForm || strings.HasPrefix(name, "answers-output") { // what an action answers is not known here
			continue
		}
		of++
		if s.Validate(core(t, src)) == nil {
			t.Errorf("%s is valid; the parser says %v", name, faults)
		}
	}
	if of < 20 {
		t.Errorf("only %d files have a fault of form", of)
	}
}

// scenarioPlaces are files in which @ stands for a key with its value, one for
// each kind of map of a scenario.
var scenarioPlaces = map[string]string{
	"file":         "@\n",
	"owner":        "owner: {@}\n",
	"objectives":   "objectives: [{@}]\n",
	"people":       "people: {a: {@}}\n",
	"facilitator":  "facilitator: {@}\n",
	"environment":  "environment: {@}\n",
	"floor":        "environment: {floor: {@}}\n",
	"answers":      "answers: {owner: {@}}\n",
	"targets":      "answers: {disable: {targets: [{@}]}}\n",
	"then_targets": "answers: {disable: {then_targets: [{@}]}}\n",
	"readings":     "answers: {disable: {readings: [{@}]}}\n",
	"injects":      "injects: [{@}]\n",
	"expect":       "injects: [{expect: [{@}]}]\n",
	"clocks":       "clocks: [{@}]\n",
	"forbidden":    "forbidden: [{@}]\n",
	"end":          "end: {@}\n",
	"script":       "script: [{@}]\n",
}

// withKey puts a key into a place.
func withKey(place, key string) []byte {
	text := strings.Replace(scenarioPlaces[place], "@", key+": 1", 1)
	head := "apiVersion: firebreak/v1\nkind: Scenario\n"
	if place == "file" && (key == "apiVersion" || key == "kind") {
		text = ""
	}
	return []byte(head + text)
}

// The schema, the parser and the layout know the same keys, in each map of a
// scenario.
func TestKeysOfScenarios(t *testing.T) {
	all, p := places(plainSchema(t, writtenScenario(t))), scenarioBook(t)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(scenarioPlaces)), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Fatalf("the maps of the schema (+) and those that are tried (-) differ:\n%s", diff)
	}
	for place, keys := range all {
		for key := range keys {
			if d, unknown := unknownKey(scenarioFaults(withKey(place, key), p)); unknown {
				t.Errorf("the schema has the key %q in %s, and the parser does not: %v", key, place, d)
			}
			between := ", "
			if place == "file" {
				between = "\n"
			}
			if key == "apiVersion" || key == "kind" {
				continue
			}
			src := "apiVersion: firebreak/v1\nkind: Scenario\n" + strings.Replace(scenarioPlaces[place], "@", "qqqqqqqq: 1"+between+key+": 1", 1)
			out, found := format.Source("a.yaml", []byte(src))
			if text := string(out); len(found) > 0 || strings.Index(text, key+": 1") > strings.Index(text, "qqqqqqqq: 1") {
				t.Errorf("the layout does not know the key %q of %s: %v\n%s", key, place, found, text)
			}
		}
		found := scenarioFaults(withKey(place, "qqqqqqqq"), p)
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

// What fits, the schema takes: good files are changed here and there, and where
// they are still good they are still valid.
func TestScenariosThatFitAreValid(t *testing.T) {
	all, p := files(t, "../testdata/scenario/ok/*.yaml"), scenarioBook(t)
	names := slices.Sorted(maps.Keys(all))
	s, still, of := compiled(t, compilerOf(t, writtenScenario(t)), ""), 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var document yaml.Node
		if err := yaml.Unmarshal(all[rapid.SampledFrom(names).Draw(t, "file")], &document); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			change(t, &document)
			src, err := yaml.Marshal(&document)
			if err != nil {
				t.Fatal(err)
			}
			of++
			if scenarioFaults(src, p).HasErrors() {
				continue
			}
			still++
			if err := s.Validate(core(t, src)); err != nil && !unquoted.MatchString(err.Error()) {
				t.Fatalf("%v in:\n%s", err, src)
			}
		}
	})
	if !testing.Short() && still < of/50 { // -short draws too few to count
		t.Errorf("only %d of %d files fitted, so this shows little", still, of)
	}
}

func TestSnippetsOfScenarios(t *testing.T) {
	s, n := compiled(t, compilerOf(t, writtenScenario(t)), ""), 0
	visit("", plainSchema(t, writtenScenario(t)), func(path string, piece map[string]any) {
		list, _ := piece["defaultSnippets"].([]any)
		for _, one := range list {
			n++
			v := filled(one.(map[string]any)["body"]).(map[string]any)
			if path != "" {
				v = map[string]any{"apiVersion": "firebreak/v1", "kind": "Scenario", "id": "a", "title": "A", "runbook": "book", "briefing": "B", "end": map[string]any{"max": "1h"}, "injects": []any{v}}
			}
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			data, err := yaml.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if _, found := runbooks.ParseScenario("a.yaml", data); len(found) > 0 {
				t.Errorf("%s: %v in:\n%s", path, found, data)
			}
		}
	})
	if n != 2 {
		t.Errorf("there are %d snippets", n)
	}
}
