package runbooks

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/builtin"

	"github.com/firebreak-ir/firebreak/actions"
)

// libraryNames is every function and predicate that the expression library
// knows. The predicates are in a table of its parser that nobody can reach.
func libraryNames() []string {
	names := []string{"all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast", "findLastIndex", "groupBy", "sortBy", "reduce"}
	for _, f := range builtin.Builtins {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// arguments are shapes with which a function of the library might be called.
func arguments() []string {
	return []string{
		``, `inputs.key`, `inputs.n`, `steps.owner.outputs.keys`, `steps.owner.outputs.tags`, `"a"`,
		`inputs.key, "a"`, `inputs.key, 2`, `steps.owner.outputs.keys, "a"`, `inputs.n, 2`, `inputs.key, "a", "b"`,
		`steps.owner.outputs.keys, # == "a"`, `steps.owner.outputs.keys, #`, `steps.owner.outputs.keys, # + #acc`, `steps.owner.outputs.keys, len(#), "desc"`,
	}
}

func TestOnlyAllowedFunctions(t *testing.T) {
	allowed := Functions()
	want := []string{"abs", "all", "any", "count", "filter", "find", "first", "hasPrefix", "hasSuffix", "int", "last", "len", "lower", "max", "min", "none", "one", "string", "trim", "upper"}
	if !slices.Equal(allowed, want) {
		t.Fatalf("allowed: got %v, want %v", allowed, want)
	}
	if len(libraryNames()) < 60 {
		t.Fatalf("only %d names are tried", len(libraryNames()))
	}
	for _, name := range libraryNames() {
		compiled := false
		for _, args := range arguments() {
			forms := []string{name + "(" + args + ")", "(" + name + "(" + args + ")) == 1", "string(" + name + "(" + args + "))"}
			if first, rest, found := strings.Cut(args, ", "); found {
				forms = append(forms, first+" | "+name+"("+rest+")")
			}
			for _, source := range forms {
				_, faults := compileExpression(source, testScope(), nil)
				if len(faults) > 0 {
					continue
				}
				compiled = true
				if !slices.Contains(allowed, name) {
					t.Errorf("%s compiles", source)
				}
			}
		}
		if slices.Contains(allowed, name) && !compiled {
			t.Errorf("the allowed function %s compiles with no arguments at all", name)
		}
	}
}

func TestNothingElseIsReachable(t *testing.T) {
	for _, source := range []string{
		`$env`, `$env.inputs.key`, `$env["inputs"]`, `$reader`, `$read($reader, 0)`, `$at(inputs, "key")`, `$reader.env`,
		`inputs.key.String()`, `inputs.wait.Hours()`, `now.Unix()`, `steps.owner.outputs.created.Year()`, `run.Len()`,
		`inputs`, `steps`, `steps.owner`, `steps.owner.outputs`, `incident`, `environment`, `inputs?.key`, `inputs["k" + "ey"]`, `steps[run].status`,
		`get(inputs, "key")`, `fromJSON(inputs.key)`, `toJSON(inputs.key)`, `let a = inputs.key; a`, `inputs.key; inputs.key`, `if inputs.force { 1 } else { 2 }`,
		`nil`, `inputs.key == nil`, `inputs.key ?? "a"`, `1.5`, `1 / 2`, `2 ** 3`, `2 ^ 3`, `1..1000`, `inputs.key[0:1]`, `inputs.key[0]`, `{"a": 1}`, `[1, "a"]`,
		`[inputs.n, inputs.force]`, `b"bytes"`, "`raw` + nil", `steps.owner.outputs.keys.0`, `#`, `.key`, `#acc`, `#index`, `{# > 1}`,
		`inputs.key matches inputs.mode`, `"a" not matches inputs.key`, `inputs.key == 1`, `!inputs.key`, `-inputs.key`, `inputs.force + 1`,
		`true ? 1 : "a"`, `any(steps.owner.outputs.keys, #)`, `any(inputs.key, true)`, `len(1)`, `first(inputs.key)`, `first()`, `min()`, `min("a")`, `string([1])`, `filter(steps.owner.outputs.keys)`,
	} {
		if e, faults := compileExpression(source, testScope(), nil); len(faults) == 0 {
			v, _, err := e.run(testEnv())
			t.Errorf("%s compiles and gives %v, %v", source, v, err)
		}
	}
}

// What a running expression is given has no methods that it could call.
func TestValuesHaveNoMethods(t *testing.T) {
	sc := testScope()
	env := testEnv()
	r := &reader{lookup: env.lookup}
	for path, f := range sc {
		r.leaves = append(r.leaves, leaf{path, f})
	}
	r.values = make([]any, len(r.leaves))
	read := 0
	for i := range r.leaves {
		v, err := r.read(i)
		if err != nil {
			continue // of the step that was skipped
		}
		read++
		noMethods(t, r.leaves[i].path, v)
	}
	if read < len(r.leaves)-1 {
		t.Errorf("only %d of %d paths were read", read, len(r.leaves))
	}
	if n := reflect.TypeFor[*reader]().NumMethod(); n != 0 {
		t.Errorf("the reader has %d exported methods", n)
	}
}

func noMethods(t *testing.T, path string, v any) {
	t.Helper()
	if n := reflect.TypeOf(v).NumMethod(); n != 0 {
		t.Errorf("%s is a %T with %d methods", path, v, n)
	}
	switch v := v.(type) {
	case string, int, bool:
	case []any:
		for _, one := range v {
			noMethods(t, path, one)
		}
	case map[string]any:
		for _, one := range v {
			noMethods(t, path, one)
		}
	default:
		t.Errorf("%s is a %T", path, v)
	}
}

// The work of an expression is bounded by sizes: each is accepted at its limit
// and refused one above.
func TestLimits(t *testing.T) {
	compiles := func(source string) bool {
		_, faults := compileExpression(source, testScope(), nil)
		return len(faults) == 0
	}
	long := func(n int) string { return `inputs.key == "` + strings.Repeat("x", n-len(`inputs.key == ""`)) + `"` }
	if !compiles(long(maxSource)) || compiles(long(maxSource+1)) {
		t.Error("the limit on the source does not hold")
	}
	// Each comparison and each || is a node, and so are both sides.
	parts := func(n int) string { return strings.Repeat("1==1||", n-1) + "1==1" }
	if !compiles(parts(50)) || compiles(parts(51)) {
		t.Error("the limit on the parts does not hold")
	}
	keys := "steps.owner.outputs.keys"
	if !compiles(fmt.Sprintf(`any(%s, any(%s, # == "a"))`, keys, keys)) || compiles(fmt.Sprintf(`any(%s, any(%s, any(%s, # == "a")))`, keys, keys, keys)) {
		t.Error("the limit on loops does not hold")
	}
	if compiles(strings.Repeat("(", 1000)+"1"+strings.Repeat(")", 20)) || compiles(strings.Repeat("!", 1000)+"true") || compiles(strings.Repeat("[", 1000)) {
		t.Error("a deep source compiles")
	}

	length := func(source string, change func(outputs map[string]any)) error {
		e, faults := compileExpression(source, testScope(), nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		env := testEnv()
		change(env.Steps["owner"].Outputs)
		_, _, err := e.Bool(env)
		return err
	}
	items := func(n int) func(map[string]any) {
		return func(o map[string]any) { o["keys"] = slices.Repeat([]any{"a"}, n) }
	}
	if err := length(`len(steps.owner.outputs.keys) == 1`, items(maxItems)); err != nil {
		t.Error(err)
	}
	if err := length(`len(steps.owner.outputs.keys) == 1`, items(maxItems+1)); err == nil {
		t.Error("the limit on items does not hold")
	}
	if err := length(`len(steps.owner.outputs.user) == 1`, func(o map[string]any) { o["user"] = strings.Repeat("x", maxText+1) }); err == nil {
		t.Error("the limit on text does not hold")
	}
	if err := length(fmt.Sprintf(`none(%s, any(%s, # == "b"))`, keys, keys), items(maxItems)); err != nil {
		t.Errorf("the largest loop is refused: %v", err)
	}
	filters := `len(filter(%[1]s, len(filter(%[1]s, true)) > 0)) > 0`
	if err := length(fmt.Sprintf(filters, keys), items(maxItems)); err != nil && !strings.Contains(err.Error(), "memory") {
		t.Error(err)
	}
}

func TestTooDeep(t *testing.T) {
	f := actions.Field{Kind: actions.String}
	v := any("x")
	for range maxDepth + 1 {
		inner := f
		f, v = actions.Field{Kind: actions.List, Elem: &inner}, []any{v}
	}
	if _, err := plain("x", f, v, 0); err == nil {
		t.Error("the limit on depth does not hold")
	}
	if _, err := plain("x", *f.Elem, v.([]any)[0], 0); err != nil {
		t.Error(err)
	}
}

func TestMissingIsNeverFalse(t *testing.T) {
	for _, tt := range []struct {
		source string
		env    func(*Env)
	}{
		{`inputs.key == "x"`, func(e *Env) { delete(e.Inputs, "key") }},
		{`inputs.key == "x"`, func(e *Env) { e.Inputs["key"] = nil }},
		{`inputs.key == "x"`, func(e *Env) { e.Inputs = nil }},
		{`inputs.n == 1`, func(e *Env) { e.Inputs["n"] = "3" }},
		{`inputs.n == 1`, func(e *Env) { e.Inputs["n"] = 1.5 }},
		{`inputs.force`, func(e *Env) { e.Inputs["force"] = "true" }},
		{`inputs.wait == 1`, func(e *Env) { e.Inputs["wait"] = "soon" }},
		{`now == 1`, func(e *Env) { e.Now = time.Time{} }},
		{`steps.owner.status == "done"`, func(e *Env) { delete(e.Steps, "owner") }},
		{`steps.owner.status == "done"`, func(e *Env) { e.Steps = nil }},
		{`steps.owner.outputs.user == "x"`, func(e *Env) { delete(e.Steps["owner"].Outputs, "user") }},
		{`steps.owner.outputs.user == "x"`, func(e *Env) { e.Steps["owner"] = StepState{Status: "failed"} }},
		{`steps.owner.outputs.created == 1`, func(e *Env) { e.Steps["owner"].Outputs["created"] = "yesterday" }},
		{`"x" in steps.owner.outputs.keys`, func(e *Env) { e.Steps["owner"].Outputs["keys"] = "x" }},
		{`"x" in steps.owner.outputs.keys`, func(e *Env) { e.Steps["owner"].Outputs["keys"] = []any{1} }},
		{`steps.owner.outputs.where.region == "x"`, func(e *Env) { e.Steps["owner"].Outputs["where"] = map[string]any{} }},
		{`steps.owner.outputs.where.region == "x"`, func(e *Env) { e.Steps["owner"].Outputs["where"] = nil }},
		{`first(steps.owner.outputs.keys) == "x"`, func(e *Env) { e.Steps["owner"].Outputs["keys"] = nil }},
	} {
		e, faults := compileExpression(tt.source, testScope(), nil)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", tt.source, faults)
		}
		env := testEnv()
		tt.env(&env)
		if got, _, err := e.Bool(env); err == nil || got {
			t.Errorf("%s: got %v, %v, want an error", tt.source, got, err)
		}
	}
	if _, _, err := new(Expression).Bool(testEnv()); err == nil {
		t.Error("an empty expression answers")
	}
}

func TestSameAnswerAlways(t *testing.T) {
	source := `len(steps.owner.outputs.tags) == 3 && any(steps.owner.outputs.keys, # in ["a"]) && now > 5 && steps.owner.outputs.tags.b == "2"`
	e, faults := compileExpression(source, testScope(), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var first string
	for range 200 {
		env := testEnv()
		env.Steps["owner"].Outputs["tags"] = map[string]any{"a": "1", "b": "2", "c": "3"}
		got, readings, err := e.Bool(env)
		s := fmt.Sprint(got, readings, err)
		if first == "" {
			first = s
		}
		if s != first || !got {
			t.Fatalf("got %s, before %s", s, first)
		}
	}
}
