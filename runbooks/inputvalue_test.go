package runbooks_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCoerceLists(t *testing.T) {
	p := language(t)[1]
	base, problems := p.CoerceInputs(map[string]string{"key": "AKIAIOSFODNN7EXAMPLE"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	equal(t, "defaults", map[string]any{
		"key": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1", "roles": []any{}, "hosts": []any{"web-1", "web-2"}, "pauses": []any{"1m30s", "1h0m0s"},
		"matrix": []any{[]any{int64(1), int64(2)}, []any{}}, "labels": map[string]any{"team": "sec", "pos": "1"}, "limits": map[string]any{"cpu": int64(2)},
		"switches": map[string]any{}, "count": int64(2), "token": "secret://env/TOKEN",
	}, base)
	many := strings.TrimSuffix(strings.Repeat("a,", 21), ",")
	for _, tt := range []struct {
		input, word string
		want        any
		problems    string
	}{
		{"roles", "", []any{}, ""},
		{"roles", " ", []any{}, ""},
		{"roles", "a,b, c ", []any{"a", "b", "c"}, ""},
		{"roles", `["a", "b"]`, []any{"a", "b"}, ""},
		{"roles", `[]`, []any{}, ""},
		{"roles", "a,,b", nil, `roles.1: "" is not the name or the ARN of an IAM role (for example deploy)`},
		{"roles", "a,not ok,c,also bad", nil, `roles.1: "not ok" is not the name or the ARN of an IAM role (for example deploy); roles.3: "also bad" is not the name or the ARN of an IAM role (for example deploy)`},
		{"roles", many, nil, "roles: has 21 items; at most 20 are allowed"},
		{"roles", `["a", 5]`, nil, "roles.1: must be text, not 5"},
		{"roles", `["a", null]`, nil, "roles.1: must be text, not nothing"},
		{"roles", `{"a": "b"}`, nil, "roles: must be a list of texts, not an object"},
		{"roles", `["a"`, nil, "roles: is not JSON: unexpected EOF"},
		{"roles", `["a"] ["b"]`, nil, "roles: is not JSON: something follows it"},
		{"hosts", "", nil, "hosts: has 0 items; at least 1 are needed"},
		{"hosts", "a,B", nil, `hosts.1: "B" does not match [a-z0-9-]+`},
		{"pauses", "90s,1h30m", []any{"1m30s", "1h30m0s"}, ""},
		{"pauses", "90s,soon", nil, `pauses.1: must be a duration, not "soon" (write it like "90s")`},
		{"matrix", "1,2", nil, `matrix: must be a list of lists (write it in JSON, such as [["a", "b"], ["c"]])`},
		{"matrix", "[[1],[2,3]]", []any{[]any{int64(1)}, []any{int64(2), int64(3)}}, ""},
		{"matrix", "[[1],[2,10]]", nil, "matrix.1.1: 10 is more than 9"},
		{"matrix", "[[1],2]", nil, "matrix.1: must be a list of numbers, not 2"},
		{"matrix", "[[1.5]]", nil, "matrix.0.0: must be a whole number, not 1.5"},
		{"matrix", "", []any{}, ""},
		{"labels", "team=sec, env=prod=eu", map[string]any{"team": "sec", "env": "prod=eu"}, ""},
		{"labels", `{"team": "a,b"}`, map[string]any{"team": "a,b"}, ""},
		{"labels", "", map[string]any{}, ""},
		{"labels", "team", nil, `labels: "team" has no = (write name=value,name2=value2)`},
		{"labels", "a=1,a=2", nil, "labels.a: is there twice"},
		{"labels", `{"a b": "c"}`, nil, `labels: holds the name "a b", which is not allowed (use letters, digits and _ . : / -, at most 128 of them)`},
		{"labels", "=x", nil, `labels: holds the name "", which is not allowed (use letters, digits and _ . : / -, at most 128 of them)`},
		{"limits", "cpu=4,memory=0", nil, "limits.memory: 0 is less than 1"},
		{"limits", "cpu=four", nil, `limits.cpu: must be a whole number, not "four"`},
		{"limits", "", nil, "limits: has 0 items; at least 1 are needed"},
		{"switches", "a=true,b=false", map[string]any{"a": true, "b": false}, ""},
		{"switches", "a=yes", nil, `switches.a: must be true or false, not "yes"`},
		{"count", "5", int64(5), ""},
		{"count", "6", nil, "count: 6 is not between 1 and 5"},
		{"count", "0", nil, "count: 0 is not between 1 and 5"},
		{"count", "x", nil, `count: must be a whole number, not "x"`},
		{"region", "us-east-1", "us-east-1", ""},
		{"region", "us-west-1", nil, `region: "us-west-1" is not one of eu-central-1, us-east-1 (did you mean "us-east-1"?)`},
		{"token", "secret://file/etc/token", "secret://file/etc/token", ""},
		{"token", "hunter2", nil, "token: must be a reference to a secret, and the value itself must not be given (such as secret://env/NAME)"},
		{"token", "", nil, "token: must be a reference to a secret, and the value itself must not be given (such as secret://env/NAME)"},
	} {
		t.Run(tt.input+"="+tt.word, func(t *testing.T) {
			got, problems := p.CoerceInputs(map[string]string{"key": "AKIAIOSFODNN7EXAMPLE", tt.input: tt.word})
			equal(t, "problems", tt.problems, problems.Error())
			if tt.problems != "" {
				if got != nil {
					t.Errorf("got %v with problems", got)
				}
				return
			}
			want := maps.Clone(base)
			want[tt.input] = tt.want
			equal(t, "inputs", want, got)
			again, problems := p.CheckInputs(overTheWire(t, got))
			if len(problems) > 0 {
				t.Error(problems)
			}
			equal(t, "what was checked once is accepted again, unchanged", want, again)
		})
	}
}

func overTheWire(t *testing.T, v map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// What is handed out of a program is not the program's own.
func TestDefaultsAreCopies(t *testing.T) {
	p := language(t)[0]
	given := map[string]string{"key": "AKIAIOSFODNN7EXAMPLE"}
	first, _ := p.CoerceInputs(given)
	before := fmt.Sprint(first)
	second, _ := p.CoerceInputs(given)
	second["hosts"].([]any)[0] = "changed"
	second["matrix"].([]any)[0].([]any)[0] = int64(7)
	second["labels"].(map[string]any)["team"] = "changed"
	third, _ := p.CoerceInputs(given)
	equal(t, "defaults", before, fmt.Sprint(third))
}

// A long list of wrong items is told in short, and one that is too long is not
// looked at.
func TestManyProblems(t *testing.T) {
	p := language(t)[0]
	pauses, _ := p.Input("pauses")
	if _, problems := pauses.Check(slices.Repeat([]any{"soon"}, 1000)); len(problems) != 21 || problems[20].Message != "has 980 more problems" {
		t.Errorf("%d problems, the last is %v", len(problems), problems[len(problems)-1])
	}
	if _, problems := pauses.Check(slices.Repeat([]any{"soon"}, 10_001)); problems.Error() != "pauses: has 10001 items; at most 10000 are allowed" {
		t.Errorf("%v", problems)
	}
	if got, problems := pauses.Check(slices.Repeat([]any{"90s"}, 10_000)); len(problems) > 0 || len(got.([]any)) != 10_000 {
		t.Errorf("%v", problems)
	}
	labels, _ := p.Input("labels")
	large := map[string]any{}
	for i := range 257 {
		large[fmt.Sprint(i)] = "x"
	}
	if _, problems := labels.Check(large); problems.Error() != "labels: has 257 items; at most 256 are allowed" {
		t.Errorf("%v", problems)
	}
	for i := range 256 {
		large[fmt.Sprint(i)] = strings.Repeat("x", 5000)
	}
	delete(large, "256")
	if _, problems := labels.Check(large); len(problems) != 1 || !strings.Contains(problems.Error(), "the texts have more than 1048576 bytes in all") {
		t.Errorf("%v", problems)
	}
}

// The answer to a manual step is checked by its type, as an input is.
func TestAnswers(t *testing.T) {
	answer := step(t, language(t)[1], "ask_each").Manual.Answer
	if v, problems := answer.Coerce("safe"); v != any("safe") || len(problems) > 0 {
		t.Errorf("%v, %v", v, problems)
	}
	if _, problems := answer.Coerce("saf"); problems.Error() != `answer: "saf" is not one of safe, unsafe (did you mean "safe"?)` {
		t.Errorf("%v", problems)
	}
}

// A list that an expression computes with is bounded before the run begins.
func TestComputedListsAreBounded(t *testing.T) {
	src := strings.TrimSuffix(head, "steps:\n") + `inputs:
  free: {type: list, of: string}
  read: {type: list, of: string}
steps:
  - {id: a, uses: test.once, for_each: inputs.free, with: {target: "${{ item }}"}}
  - {id: b, uses: test.nothing, if: len(inputs.read) > 0}
`
	p := compile(t, src)
	for name, most := range map[string]int{"free": 10_000, "read": 256} {
		in, _ := p.Input(name)
		if _, problems := in.Check(slices.Repeat([]any{"x"}, most)); len(problems) > 0 {
			t.Error(problems)
		}
		if _, problems := in.Check(slices.Repeat([]any{"x"}, most+1)); len(problems) != 1 {
			t.Errorf("%s takes %d items", name, most+1)
		}
	}
	if diff := cmp.Diff([]string{"inputs.read"}, step(t, p, "b").If.Paths()); diff != "" {
		t.Error(diff)
	}
}
