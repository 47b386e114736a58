package schema_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// unquoted is the exception: true and false without quotes, where a text is meant.
var unquoted = regexp.MustCompile(`got boolean, want [a-z ]*string`)

// What the compiler takes, the schema takes: good files are changed here and
// there, and where they are still good they are still valid.
func TestWhatCompilesIsValid(t *testing.T) {
	all := files(t, "../testdata/ok/*.yaml")
	for _, e := range library.List() { // those that need no other actions
		if _, found := runbooks.Load(e.Name, e.Source, runbookstest.Catalog()); !found.HasErrors() {
			all[e.Name] = e.Source
		}
	}
	var list []runbooks.File
	for name, src := range files(t, "../testdata/callees/*.yaml") {
		list = append(list, runbooks.File{Name: name, Src: src})
	}
	others, _ := runbooks.LoadAll(list, runbookstest.Catalog())
	names := slices.Sorted(maps.Keys(all))
	s, still, of := validator(t), 0, 0
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
			if _, found := runbooks.Load("a.yaml", src, runbookstest.Catalog(), others...); found.HasErrors() {
				continue
			}
			still++
			if err := s.Validate(core(t, src)); err != nil && !unquoted.MatchString(err.Error()) {
				t.Fatalf("%v in:\n%s", err, src)
			}
		}
	})
	if !testing.Short() && still < of/50 { // about one in eight; -short draws too few to count
		t.Errorf("only %d of %d files compiled, so this shows little", still, of)
	}
}

// change puts another value somewhere, or takes a key or an item away.
func change(t *rapid.T, document *yaml.Node) {
	var scalars, others []*yaml.Node
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue
			}
			if c.Kind == yaml.ScalarNode {
				scalars = append(scalars, c)
			} else if len(c.Content) > 0 {
				others = append(others, c)
			}
			walk(c)
		}
	}
	walk(document)
	if rapid.Bool().Draw(t, "take away") {
		n := rapid.SampledFrom(others).Draw(t, "from")
		i := rapid.IntRange(0, len(n.Content)-1).Draw(t, "at")
		width := 1
		if n.Kind == yaml.MappingNode {
			i, width = i-i%2, 2
		}
		n.Content = slices.Delete(n.Content, i, i+width)
		return
	}
	text := rapid.SampledFrom([]string{
		"1", "0", "-1", "010", "1.5", "1e3", "true", "false", "word", "two words", "two-words", "10m", "+5m", "1.5h", ".5s", "0s", "2h45m", "90", "10%", "100%", "2027-01-31", "2026-11-22T04:50:24Z",
		"group:a", "person:a.b@c", "group:", "secret://env/A", "${{ run }}", "a ${{ run }} b", "${{ now }}", "inputs.n", "steps.look.outputs.names", "now + 600", "continue", "undo", "AKIAIOSFODNN7EXAMPLE",
		"string", "int", "bool", "list", "aws.iam.role", "email", "test.nothing", "slack.post", "", " ", "null", "[]", "{}", "{type: string}", "{within: 5s}", "[a, b]", "[group:a]", "{manual: by hand}", "{total: 5m}",
		"{attempt: 5s}", "{for: 5m}", "{until: now}", "{in: inputs.names}", "{expires: 1h}", "{attempts: 2}", "{from: [group:a]}", "{id: other}",
	}).Draw(t, "value")
	n := rapid.SampledFrom(scalars).Draw(t, "place")
	var fresh yaml.Node
	if err := yaml.Unmarshal([]byte(text), &fresh); err != nil {
		t.Fatal(err)
	}
	if fresh.Kind == yaml.DocumentNode && !rapid.Bool().Draw(t, "quoted") {
		*n = *fresh.Content[0]
		return
	}
	*n = yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: text, Tag: "!!str"}
}
