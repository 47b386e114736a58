package runbooks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// Whatever a file holds: reading it is cheap; there is a program or an error,
// never both; every diagnostic points into the file; a program survives its
// encoding.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/ok/*.yaml", "testdata/err/*.yaml", "testdata/callees/*.yaml", "library/*.yaml"} {
		for _, path := range globbed(pattern) {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if len(src) < costUnit {
				f.Add(src)
			}
		}
	}
	for _, src := range dear(costUnit / 4) {
		f.Add([]byte(src))
	}
	catalog, others := runbookstest.Catalog(), callees(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		var p *runbooks.Program
		var found runbooks.Diagnostics
		if said := tooDear(src, func() { p, found = runbooks.Load("fuzz.yaml", src, catalog, others...) }); said != "" {
			t.Fatal(said)
		}
		if (p == nil) != found.HasErrors() {
			t.Fatalf("program: %v, diagnostics: %v", p != nil, found)
		}
		lines := bytes.Split(src, []byte("\n"))
		for _, d := range found {
			if d.Pos.Line < 1 || d.Pos.Line > len(lines) || d.Pos.Col < 1 || d.Pos.Col > utf8.RuneCount(lines[d.Pos.Line-1])+1 {
				t.Fatalf("%v points outside of the file", d)
			}
			if d.Rule == "" || d.Message == "" || d.Severity == "" || d.File != "fuzz.yaml" {
				t.Fatalf("%+v is not complete", d)
			}
		}
		var out strings.Builder
		if err := found.WriteText(&out, map[string][]byte{"fuzz.yaml": src}); err != nil || !utf8.ValidString(out.String()) || strings.ContainsAny(out.String(), "\x00\x1b\r\u202e") {
			t.Fatalf("what is shown could steer a terminal: %q, %v", out.String(), err)
		}
		if p == nil {
			return
		}
		data, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := runbooks.DecodeProgram(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Encode()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("the second encoding differs: %v", err)
		}
	})
}

func globbed(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	return paths
}

// Whatever a condition says: it is refused at load, or it answers twice the
// same, and its readings are among its paths.
func FuzzExpression(f *testing.F) {
	for _, source := range []string{
		`inputs.key == "AKIA"`, `inputs.n > 2 && !inputs.force`, `any(steps.look.outputs.tags, .key == "a")`, `find(steps.look.outputs.names, # > "a") == "b"`,
		`steps.look.outputs.labels["a"] == "b"`, `inputs.wait == 90 ? true : false`, `len(filter(steps.look.outputs.names, # in ["a"])) % 2 == 0`, `first(steps.look.outputs.names) startsWith "a"`,
		`not (now - steps.look.outputs.since < 600)`, `int(inputs.key) == min(1, 2)`, `incident.title matches "^a+$"`, `inputs.key | lower() == "a"`, `steps.look.outputs.names[-1] == "b"`,
	} {
		f.Add(source)
	}
	catalog := runbookstest.Catalog()
	f.Fuzz(func(t *testing.T, source string) {
		if !utf8.ValidString(source) || strings.Contains(source, "\n") {
			return
		}
		src := head[:len(head)-len("steps:\n")] + `
inputs:
  key: {type: string}
  n: {type: int}
  force: {type: bool}
  wait: {type: duration}
steps:
  - {id: look, uses: test.types}
  - id: b
    uses: test.nothing
    if: '` + strings.ReplaceAll(source, "'", "''") + "'\n"
		p, _ := runbooks.Load("fuzz.yaml", []byte(src), catalog)
		if p == nil {
			return
		}
		step, _ := p.Step("b")
		if step == nil || step.If == nil {
			return
		}
		env := runbooks.Env{
			Inputs: map[string]any{"key": "AKIA", "n": int64(3), "force": true, "wait": "1m30s"},
			Run:    "R1", Incident: runbooks.IncidentFacts{ID: "INC-1", Title: "aaa", Severity: 1}, Environment: runbooks.EnvironmentFacts{Name: "prod"}, Now: time.Unix(1795323600, 0),
			Steps: map[string]runbooks.StepState{"look": {Status: "done", Outputs: map[string]any{
				"text": "t", "count": int64(2), "force": true, "wait": "1h0m0s", "since": "2026-11-22T04:50:24Z", "names": []any{"a", "b"}, "labels": map[string]any{"a": "b", "c": "d"},
				"tags": []any{map[string]any{"key": "a"}}, "where": map[string]any{"key": "k"}, "token": "hunter2",
			}}},
		}
		first, readings, err := step.If.Bool(env)
		if err != nil && first {
			t.Fatalf("true with the error %v", err)
		}
		paths := step.If.Paths()
		for _, r := range readings {
			found := false
			for _, path := range paths {
				found = found || path == r.Path
			}
			if !found || strings.Contains(r.Value, "hunter2") {
				t.Fatalf("the reading %v is not among %v, or shows a secret", r, paths)
			}
		}
		second, again, err2 := step.If.Bool(env)
		if first != second || (err == nil) != (err2 == nil) || len(readings) != len(again) {
			t.Fatalf("got %v %v, then %v %v", first, err, second, err2)
		}
	})
}
