package schema_test

import (
	"strings"
	"testing"
)

// What an editor says, place by place. Want is the path of the fault, or a part
// of what is said about it; empty: none.
func TestPlaces(t *testing.T) {
	const head = "apiVersion: firebreak/v1\nkind: Runbook\nid: a\ntitle: A\n"
	input := func(text string) string { return head + "inputs: {a: {" + text + "}}\nsteps: [{id: a, wait: 1m}]\n" }
	step := func(text string) string { return head + "steps: [{id: a, " + text + "}]\n" }
	with := func(text string) string { return step("uses: test.types, with: {" + text + "}") }
	s := validator(t)
	for _, tt := range []struct{ name, src, want string }{
		{"an input with its least", input("type: string"), ""},
		{"a list of nothing", input("type: list"), "/inputs/a"},
		{"a list in short", input("type: list, of: string"), ""},
		{"a list in long", input("type: list, of: {type: list, of: {type: int, min: 1}}"), ""},
		{"a list of a list of nothing", input("type: list, of: {type: list}"), "/inputs/a/of"},
		{"a map of nothing", input("type: map"), "/inputs/a"},
		{"a pattern of a number", input("type: int, pattern: a"), "/inputs/a/pattern"},
		{"a pattern of a format", input("type: email, pattern: a"), "/inputs/a/pattern"},
		{"an enum of a list", input("type: list, of: string, enum: [a]"), "/inputs/a/enum"},
		{"the least length of a text", input("type: string, min: 1"), "/inputs/a/min"},
		{"a number as the default of a text", input("type: string, default: 010"), ""},
		{"a text as the default of a number", input(`type: int, default: "1"`), "/inputs/a/default"},
		{"nothing as the default of a duration", input("type: duration, default: 0"), ""},
		{"a number as the default of a duration", input("type: duration, default: 90"), "/inputs/a/default"},
		{"a secret with a pattern", input("type: string, sensitive: true, pattern: a"), "/inputs/a/pattern"},
		{"a secret number", input("type: int, sensitive: true"), "/inputs/a/type"},
		{"a secret in plain sight", input("type: string, sensitive: true, default: hunter2"), "/inputs/a/default"},
		{"an unknown type", input("type: strng"), "/inputs/a/type"},
		{"an input that is named with a dash", strings.Replace(input("type: string"), "a: {", "a-b: {", 1), "'a-b' does not match"},

		{"a number", with("count: 5"), ""},
		{"a number in quotes", with(`count: "5"`), "/steps/0/with/count"},
		{"a number that is worked out", with(`count: "${{ inputs.n }}"`), ""},
		{"a number with something beside it", with(`count: "${{ inputs.n }} "`), "/steps/0/with/count"},
		{"a list", with("names: [a, 1]"), ""},
		{"a list that is worked out", with(`names: "${{ inputs.names }}"`), ""},
		{"an item that is worked out", with(`names: ["${{ run }}"]`), ""},
		{"a list of lists", with("names: [[a]]"), "/steps/0/with/names"},
		{"a map that is worked out", with(`labels: "${{ inputs.labels }}"`), ""},
		{"an object that is worked out", with(`where: "${{ steps.a.outputs.where }}"`), ""},
		{"an object with a key too much", with("where: {key: a, more: b}"), "/steps/0/with/where"},
		{"an object without its key", with("where: {value: a}"), "/steps/0/with/where"},
		{"a word", with("mode: soft"), ""},
		{"a word that is worked out", with(`mode: "${{ inputs.mode }}"`), ""},
		{"another word", with("mode: loud"), "/steps/0/with/mode"},
		{"a secret by reference", with("token: secret://env/A"), ""},
		{"a secret by an input", with(`token: "${{ inputs.token }}"`), ""},
		{"a secret in clear", with("token: hunter2"), "/steps/0/with/token"},
		{"a time", with("since: 2026-11-22T04:50:24Z"), ""},
		{"a day", with("since: 2026-11-22"), "/steps/0/with/since"},
		{"yes is no bool", with("force: yes"), "/steps/0/with/force"},
		{"a parameter too much", with("more: a"), "/steps/0/with"},
		{"no parameters", step("uses: test.types"), ""},
		{"no parameters, and they are needed", step("uses: test.terminate"), "/steps/0"},

		{"two things at once", step("uses: test.nothing, wait: 1m"), "/steps/0"},
		{"nothing to do", step("title: A"), "/steps/0"},
		{"an action that is not there", step("uses: test.nope"), "/steps/0/uses"},
		{"a short manual", step("manual: Look"), ""},
		{"a long manual", step("manual: {instructions: Look, answer: {type: string, enum: [a]}}"), ""},
		{"a manual with an answer in short", step("manual: {instructions: Look, answer: bool}"), ""},
		{"a manual with nothing to do", step("manual: {answer: bool}"), "/steps/0/manual"},
		{"a manual that is refused", step("manual: Look, on_refused: continue"), "/steps/0"},
		{"a manual that may be refused", step("manual: Look, on_refused: continue, approval: {from: [group:a]}"), ""},
		{"attempts of a person", step("manual: Look, timeout: {attempt: 5m}"), "/steps/0/timeout"},
		{"a wait in long", step("wait: {until: now + 60}"), ""},
		{"a wait for two things", step("wait: {until: now, for: 1m}"), "/steps/0/wait"},
		{"a wait without a unit", step("wait: 10"), "/steps/0/wait"},
		{"a wait with an approval", step("wait: 1m, approval: {from: [group:a]}"), "/steps/0"},
		{"a runbook", step("runbook: other, with: {anything: [1]}"), ""},
		{"a runbook with its digest", step("runbook: {id: other, digest: 0123456789ab}"), ""},
		{"a runbook with half a digest", step("runbook: {id: other, digest: 0123ab}"), "/steps/0/runbook"},
		{"for each in short", step("uses: test.nothing, for_each: inputs.a"), ""},
		{"for each in long", step("uses: test.nothing, for_each: {in: inputs.a, max_errors: 10%}"), ""},
		{"for each of nothing", step("uses: test.nothing, for_each: {max_errors: 1}"), "/steps/0/for_each"},
		{"more errors than there are", step("uses: test.nothing, for_each: {in: inputs.a, max_errors: 101%}"), "/steps/0/for_each"},
		{"asks nobody", step("uses: test.nothing, approval: {from: []}"), "/steps/0/approval/from"},
		{"asks a name", step("uses: test.nothing, approval: {from: [alice]}"), "/steps/0/approval/from/0"},
		{"an undo in two ways", step("uses: test.nothing, undo: {manual: A, verify: {within: 1m}}"), "/steps/0/undo"},
		{"a reaction that is near", step("uses: test.nothing, on_failure: contine"), "/steps/0/on_failure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if strings.HasPrefix(want, "/") {
				want = "at '" + want + "'"
			}
			err := s.Validate(core(t, []byte(tt.src)))
			switch {
			case want == "" && err != nil:
				t.Error(err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}
