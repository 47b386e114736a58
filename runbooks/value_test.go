package runbooks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

// fill compiles a text for a place of some type and resolves it.
func fill(t *testing.T, text string, f actions.Field, env Env) (any, error) {
	t.Helper()
	c := &compilation{source: newSource("test", []byte(text)), tools: newTools(), scope: testScope(), used: map[string]bool{}, computed: map[string]bool{}, order: map[string]int{"owner": 0, "ask": 1, "here": 2}}
	c.steps = []Step{{ID: "owner"}, {ID: "ask"}, {ID: "here"}}
	c.decls = []*StepDecl{{}, {}, {}}
	c.main = 3
	at := &place{self: 2, before: c.none()}
	at.before.add(0)
	at.before.add(1)
	v := c.value(&node{text: text, plain: true, pos: Pos{1, 1}}, f, at)
	if v == nil {
		t.Fatalf("%s: %v", text, c.found)
	}
	return v.Resolve(env)
}

func TestResolve(t *testing.T) {
	text := actions.Field{Kind: actions.String}
	list := actions.Field{Kind: actions.List, Elem: &text}
	for _, tt := range []struct {
		text  string
		field actions.Field
		want  any
	}{
		{"plain", text, "plain"},
		{"010", text, "010"},
		{"yes", text, "yes"},
		{"5", actions.Field{Kind: actions.Int}, int64(5)},
		{"true", actions.Field{Kind: actions.Bool}, true},
		{"${{ inputs.key }}", text, "AKIA"},
		{"${{inputs.key}}", text, "AKIA"},
		{"a ${{ inputs.key }} b ${{ inputs.n }}${{ inputs.force }}", text, "a AKIA b 3true"},
		{"${{ inputs.n }}", actions.Field{Kind: actions.Int}, int64(3)},
		{"${{ inputs.n + 1 }}", actions.Field{Kind: actions.Int}, int64(4)},
		{"${{ inputs.force }}", actions.Field{Kind: actions.Bool}, true},
		{"${{ inputs.wait }}", actions.Field{Kind: actions.Duration}, "1m30s"},
		{"wait ${{ inputs.wait }}, ${{ inputs.wait + 1 }} s", text, "wait 1m30s, 91 s"},
		{"${{ steps.owner.outputs.created }}", actions.Field{Kind: actions.Time}, "2026-11-22T04:50:24Z"},
		{"made ${{ steps.owner.outputs.created }}", text, "made 2026-11-22T04:50:24Z"},
		{"${{ inputs.key }}", actions.Field{Kind: actions.Time}, "AKIA"},
		{"${{ steps.owner.outputs.keys }}", list, []any{"a", "b"}},
		{`${{ filter(steps.owner.outputs.keys, # != "a") }}`, list, []any{"b"}},
		{"keys: ${{ steps.owner.outputs.keys }}.", text, "keys: a, b."},
		{"${{ steps.owner.outputs.tags }}", actions.Field{Kind: actions.Map, Elem: &text}, map[string]any{"team": "sec"}},
		{"${{ steps.owner.outputs.where }}", actions.Field{Kind: actions.Object, Fields: []actions.Field{{Name: "region", Kind: actions.String, Required: true}, {Name: "port", Kind: actions.Int}}}, map[string]any{"region": "eu-central-1", "port": int64(0)}},
		{`${{ "}}" }} and ${{ '${{' }}`, text, "}} and ${{"},
		{"}} $ { {{ }} ${ x }", text, "}} $ { {{ }} ${ x }"},
		{"${{ incident.title }}: ${{ incident.severity }}, ${{ environment.name }}, ${{ run }}, ${{ now }}", text, "Leak: 2, prod, R1, 1795323600"},
	} {
		got, err := fill(t, tt.text, tt.field, testEnv())
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
	}
}

// hostile is text that an attacker puts where it is read from: an alert, the
// name of a user, the title of an incident.
func hostile() []string {
	return []string{
		`${{ inputs.key }}`, `${{ steps.owner.outputs.token }}`, `${{`, `}}`, `${{ }}`, `${{ ${{ inputs.key }} }}`, `{{ inputs.key }}`, `${inputs.key}`, `$(id)`, "`id`",
		`" + inputs.key + "`, `' || true || '`, `"; drop table`, `1 == 1`, `true`, `nil`, `$env`, `{{constructor.constructor("return process")()}}`, `#{7*7}`, `<%= 7*7 %>`,
		`*alias`, `&anchor`, `!!binary x`, "a\nb: c", `[1, 2]`, `{"a": 1}`, `%s%n%d`, `\u0024{{ inputs.key }}`, `AKIA${{`, `secret://env/PATH`,
	}
}

// A value is filled in once and as it is: what it contains is never evaluated,
// wherever it comes from and wherever it goes.
func TestSinglePass(t *testing.T) {
	sources := map[string]func(env *Env, text string){
		"inputs.key":                        func(e *Env, s string) { e.Inputs["key"] = s },
		"steps.owner.outputs.user":          func(e *Env, s string) { e.Steps["owner"].Outputs["user"] = s },
		"first(steps.owner.outputs.keys)":   func(e *Env, s string) { e.Steps["owner"].Outputs["keys"] = []any{s} },
		"steps.owner.outputs.tags.team":     func(e *Env, s string) { e.Steps["owner"].Outputs["tags"] = map[string]any{"team": s} },
		"steps.owner.outputs.where.region":  func(e *Env, s string) { e.Steps["owner"].Outputs["where"] = map[string]any{"region": s} },
		"incident.title":                    func(e *Env, s string) { e.Incident.Title = s },
		"incident.id":                       func(e *Env, s string) { e.Incident.ID = s },
		"environment.name":                  func(e *Env, s string) { e.Environment.Name = s },
		"environment.account":               func(e *Env, s string) { e.Environment.Account = s },
		"environment.region":                func(e *Env, s string) { e.Environment.Region = s },
		"run":                               func(e *Env, s string) { e.Run = s },
		`(inputs.force ? inputs.key : "x")`: func(e *Env, s string) { e.Inputs["key"] = s },
	}
	text := actions.Field{Kind: actions.String}
	for source, put := range sources {
		for _, bad := range hostile() {
			env := testEnv()
			put(&env, bad)
			for _, around := range []string{"%s", "a %s b", "%[1]s%[1]s"} {
				got, err := fill(t, fmt.Sprintf(around, "${{ "+source+" }}"), text, env)
				if want := fmt.Sprintf(around, bad); err != nil || got != any(want) {
					t.Errorf("%s of %q in %q: got %q, %v", source, bad, around, got, err)
				}
			}
			e, faults := compileExpression(source+` == "`+strings.Repeat("x", 3)+`"`, testScope(), nil)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			is, readings, err := e.Bool(env)
			if err != nil || is {
				t.Errorf("%s of %q: got %v, %v", source, bad, is, err)
			}
			last := readings[len(readings)-1]
			if last.Value == "" || strings.ContainsAny(last.Value, "\n\x00") {
				t.Errorf("the reading shows %q", last.Value)
			}
		}
	}
}

func TestTextDoesNotGrow(t *testing.T) {
	env := testEnv()
	env.Inputs["key"] = strings.Repeat("x", maxText)
	text := actions.Field{Kind: actions.String}
	if _, err := fill(t, "${{ inputs.key }}", text, env); err != nil {
		t.Error(err)
	}
	if _, err := fill(t, "${{ inputs.key }}${{ inputs.key }}", text, env); err == nil {
		t.Error("a text beyond the limit is made by splicing")
	}
	if _, err := fill(t, "${{ inputs.key + inputs.key }}", text, env); err == nil {
		t.Error("a text beyond the limit is made by adding")
	}
}

func TestPieces(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"a":                          "[a]",
		"${{a}}":                     "<a>",
		"a${{ b }}c${{d}}":           "[a]< b >[c]<d>",
		`${{ "}}" }}`:                `< "}}" >`,
		`${{ "\"}}" }}x`:             `< "\"}}" >[x]`,
		"${{ a":                      "error",
		`${{ "a }}`:                  "error",
		"a }} b":                     "[a }} b]",
		"${{ '${{' }}":               "< '${{' >",
		"$${{ a }}}":                 "[$]< a >[}]",
		"${{}}":                      "<>",
		"${{ a }} ${{ b }} ${{ c ":   "error",
		"`${{ `}}` }}":               "[`]< `}}` >",
		"${{ \"it's }} ok\" }} done": "< \"it's }} ok\" >[ done]",
	} {
		parts, err := pieces(text)
		got := ""
		for _, p := range parts {
			if p.expr {
				got += "<" + p.text + ">"
			} else {
				got += "[" + p.text + "]"
			}
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
