package schema_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
	"github.com/firebreak-ir/firebreak/runbooks/library/librarytest"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
	"github.com/firebreak-ir/firebreak/runbooks/schema"
)

func written(t testing.TB) []byte {
	t.Helper()
	data, err := schema.Runbook(runbookstest.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// raw is the schema as plain values.
func raw(t testing.TB) map[string]any {
	t.Helper()
	return plainSchema(t, written(t))
}

func plainSchema(t testing.TB, written []byte) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(written, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// validator reads the schema as somebody would who does not know us.
func validator(t testing.TB) *jsonschema.Schema { return compiled(t, compiler(t), "") }

func compiler(t testing.TB) *jsonschema.Compiler {
	t.Helper()
	return compilerOf(t, written(t))
}

func compilerOf(t testing.TB, written []byte) *jsonschema.Compiler {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(written))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("runbook.json", document); err != nil {
		t.Fatal(err)
	}
	return c
}

// compiled is the piece of the schema under a path. That the whole is a schema
// of draft-07 is checked, too.
func compiled(t testing.TB, c *jsonschema.Compiler, path string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile("runbook.json#" + strings.ReplaceAll(path, " ", "%20"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// core reads YAML as YAML 1.2 does, and so as editors do.
func core(t rapid.TB, src []byte) any {
	t.Helper()
	var document yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err == nil {
		err = loader.Load(&document)
	}
	if err != nil {
		t.Fatalf("%v in:\n%s", err, src)
	}
	return plain(document.Content[0])
}

var (
	integer = regexp.MustCompile(`^[-+]?[0-9]+$`)
	float   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	case yaml.MappingNode:
		all := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			all[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return all
	}
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch v := n.Value; {
	case n.Style&quoted != 0:
		return v
	case v == "" || v == "~" || strings.EqualFold(v, "null"):
		return nil
	case v == "true" || v == "false":
		return v == "true"
	case integer.MatchString(v):
		return json.Number(strings.TrimLeft(strings.TrimLeft(v, "+"), "0") + strings.Repeat("0", btoi(strings.Trim(v, "+-0") == "")))
	case float.MatchString(v):
		f, _ := strconv.ParseFloat(v, 64)
		return f
	}
	return n.Value
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func files(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no files for %s: %v", pattern, err)
	}
	for _, path := range found {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = src
	}
	return all
}

func TestGoodFilesAreValid(t *testing.T) {
	all := files(t, "../testdata/ok/*.yaml")
	maps.Copy(all, files(t, "../testdata/callees/*.yaml"))
	s := validator(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := s.Validate(core(t, all[name])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The ready runbooks are valid by the schema of the real actions.
func TestLibraryIsValid(t *testing.T) {
	document, err := schema.Runbook(librarytest.Actions(t))
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, compilerOf(t, document), "")
	for _, e := range library.List() {
		if err := s.Validate(core(t, e.Source)); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
}

// Faults of form are found by the schema, too. Rules that no schema can hold to
// (references, types behind expressions, order) are not asked for.
func TestFaultsOfForm(t *testing.T) {
	s := validator(t)
	found, of := 0, 0
	for name, src := range files(t, "../testdata/err/*.yaml") {
		_, faults := runbooks.Load(name, src, runbookstest.Catalog())
		ofForm := slices.ContainsFunc(faults, func(d runbooks.Diagnostic) bool {
			return slices.Contains([]string{"unknown-key", "unknown-param", "unknown-action", "missing"}, d.Rule)
		})
		if strings.HasPrefix(name, "file-") || !ofForm {
			continue
		}
		of++
		if s.Validate(core(t, src)) == nil {
			t.Errorf("%s is valid; the parser says %v", name, faults)
			continue
		}
		found++
	}
	if of < 30 {
		t.Errorf("only %d files have a fault of form", of)
	}
	t.Logf("%d of %d", found, of)
}

func TestTheSameEachTime(t *testing.T) {
	if diff := cmp.Diff(string(written(t)), string(written(t))); diff != "" {
		t.Error(diff)
	}
}
