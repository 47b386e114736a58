package runbooks

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/actions"
)

// A list that is named may be long, one that is computed may not; what was
// read is told in short in either case.
func TestItemsAreBounded(t *testing.T) {
	of := func(source string, n int) ([]any, []Reading, error) {
		t.Helper()
		e, faults := compileExpression(source, testScope(), nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		env := testEnv()
		env.Steps["owner"].Outputs["keys"] = slices.Repeat([]any{strings.Repeat("x", 1000)}, n)
		return e.Items(env)
	}
	for _, tt := range []struct {
		source string
		n      int
		ok     bool
	}{
		{"steps.owner.outputs.keys", 0, true},
		{"steps.owner.outputs.keys", maxPathItems, true},
		{"steps.owner.outputs.keys", maxPathItems + 1, false},
		{`filter(steps.owner.outputs.keys, # != "a")`, maxItems, true},
		{`filter(steps.owner.outputs.keys, # != "a")`, maxItems + 1, false},
	} {
		items, readings, err := of(tt.source, tt.n)
		if (err == nil) != tt.ok || tt.ok && len(items) != tt.n || !tt.ok && items != nil {
			t.Errorf("%s of %d: %d items, %v", tt.source, tt.n, len(items), err)
		}
		for _, r := range readings {
			if n := utf8.RuneCountInString(r.Value); n > 80 {
				t.Errorf("%s of %d: the reading has %d characters", tt.source, tt.n, n)
			}
		}
		if tt.ok && (len(readings) != 1 || tt.n > 0 && !strings.HasPrefix(readings[0].Value, `["xxx`)) {
			t.Errorf("%s of %d: %v", tt.source, tt.n, readings)
		}
	}
}

func TestItemsAndNumberRefuse(t *testing.T) {
	compiled := func(source string) *Expression {
		t.Helper()
		e, faults := compileExpression(source, testScope(), nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return e
	}
	if _, _, err := compiled("inputs.key").Items(testEnv()); err == nil || !strings.Contains(err.Error(), "text, not a list") {
		t.Errorf("%v", err)
	}
	if n, _, err := compiled("inputs.key").Number(testEnv()); err == nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	env := testEnv()
	delete(env.Steps, "owner")
	if _, _, err := compiled("steps.owner.outputs.keys").Items(env); err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("%v", err)
	}
	if _, _, err := new(Expression).Items(env); err == nil {
		t.Error("an empty expression has items")
	}
	if _, _, err := new(Expression).Number(env); err == nil {
		t.Error("an empty expression is a number")
	}
	if _, err := new(Expression).Value(env); err == nil {
		t.Error("an empty expression has a value")
	}
}

// The item is known where the compiler says so, and nowhere else.
func TestItemIsTakenAway(t *testing.T) {
	sc := testScope()
	without := sc.withItem(&ForEach{Item: actions.Field{Kind: actions.Int, Required: true}})
	if _, faults := compileExpression("item + index == 3", sc, nil); len(faults) > 0 {
		t.Error(faults)
	}
	without()
	if _, faults := compileExpression("item + index == 3", sc, nil); len(faults) == 0 {
		t.Error("the item is still known")
	}
	sc.withItem(nil)()
}

func TestItemIsRead(t *testing.T) {
	sc := testScope()
	sc.withItem(&ForEach{Item: actions.Field{Kind: actions.Duration, Required: true}})
	e, faults := compileExpression("item > 60 && index == 2", sc, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	env := testEnv()
	env.Item, env.Index = "1m30s", 2
	is, readings, err := e.Bool(env)
	if !is || err != nil || !slices.Equal(readings, []Reading{{"item", `"1m30s"`}, {"index", "2"}}) {
		t.Errorf("%v, %v, %v", is, readings, err)
	}
	for _, change := range []func(*Env){func(e *Env) { e.Item = nil }, func(e *Env) { e.Index = 0 }, func(e *Env) { e.Item = 5 }} {
		env := testEnv()
		env.Item, env.Index = "1m30s", 2
		change(&env)
		if is, _, err := e.Bool(env); is || err == nil {
			t.Errorf("item %v, index %d: %v, %v", env.Item, env.Index, is, err)
		}
	}
}
