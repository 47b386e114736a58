package cases_test

import (
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

const glassBook = `apiVersion: firebreak/v1
kind: Runbook
id: glass
title: Two leads, or one commander
owner: {team: t, contact: "#t", escalate: group:leads}
steps:
  - id: once
    uses: test.once
    with: {target: h}
    timeout: 30s
    approval: {from: [group:leads], quorum: 2, break_glass: {by: [group:commanders], review: [group:ciso], within: 24h}}
`

const glassTests = `apiVersion: firebreak/v1
kind: RunbookTest
runbook: glass.yaml
people: {ann: [leads], bob: [leads], carol: [commanders, ciso], frank: [ciso]}
defaults:
  requester: ann
  answers: {once: {targets: ["host:canary-host"], outputs: {target: h}}}
cases:
`

// playGlass plays one case, and gives its failures.
func playGlass(t *testing.T, body string) []string {
	t.Helper()
	p, found := runbooks.Load("glass.yaml", []byte(glassBook), runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	tests, found := runbooks.ParseTests("glass_test.yaml", []byte(glassTests+body))
	if tests == nil {
		t.Fatal(found)
	}
	f, more := tests.Check(p, runbookstest.Catalog())
	if f == nil {
		t.Fatal(found, more)
	}
	r, err := cases.Run(t.Context(), f, p, cases.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range r.Cases {
		for _, failure := range c.Failures {
			list = append(list, failure.String())
		}
	}
	return list
}

// A case can have somebody break the glass, and somebody look at it.
func TestBrokenGlass(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"both", `
  - name: both
    people: [{break_glass: once, by: carol, after: 3m, reason: nobody answers}, {review: once, by: frank, after: 2h, with: justified}]
    expect: {run: done, steps: {once: done}, approvals: {once: {verdict: granted, by: [], asked: 1}}}
`, ""},
		{"refused", `
  - name: refused
    people:
      - {break_glass: once, by: bob, after: 1m, reason: x, refused: "group:commanders may break the glass"}
      - {break_glass: once, by: carol, after: 2m, reason: x}
      - {review: once, by: carol, after: 1m, with: justified, refused: you broke it}
    expect: {run: done}
`, ""},
		{"no review", `
  - name: no review
    people: [{break_glass: once, by: carol, reason: x, refused: "no: never"}, {review: once, by: frank, with: justified}, {review: once, by: frank, with: justified}]
    expect: {run: done}
`, "unused: review once by frank had no occasion to happen"},
		{"by default", `
  - name: the glass in place of an approval
    people: [{break_glass: once, by: carol, reason: x}]
    expect: {run: refused}
`, "the run: want refused, got done"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(playGlass(t, strings.TrimPrefix(tt.body, "\n")), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A run in which a glass was broken and reviewed can be recorded, with an act
// for each, and tells nothing of the house.
func TestRecordGlass(t *testing.T) {
	p, found := runbooks.Load("glass.yaml", []byte(glassBook), runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: p, Requester: person("canary-ann", "leads"), Environment: runbooks.EnvironmentFacts{Name: "canary", Account: "777788889999"},
		Floor: &engine.Floor{Effect: actions.Destructive, From: []string{"group:leads"}, Quorum: 2, BreakGlass: true},
		World: &sim.Script{Steps: map[string][]sim.Answer{"once": {{Targets: []actions.Target{{Type: "host", ID: "canary-host"}}, Outputs: raw(t, map[string]any{"target": "canary"})}}}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.BreakGlass, Step: "once", By: person("canary-carol", "commanders"), After: 4 * time.Minute, Reason: "canary reason"},
			{Verb: sim.Review, Step: "once", By: person("canary-frank", "ciso"), After: 3 * time.Hour, With: sim.Unjustified, Reason: "canary finding"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := cases.Record(t.Context(), story.Events, "", runbookstest.Catalog())
	if err != nil || len(made.Notes) > 0 {
		t.Fatal(err, made.Notes, string(made.Text))
	}
	text := string(made.Text)
	for _, want := range []string{
		`- {break_glass: once, by: b, after: 4m, reason: "a reason"}`, `- {review: once, by: c, after: 3h, with: unjustified, reason: "a reason"}`,
		"  b: [commanders]\n", "  c: [ciso]\n", "break_glass: true", `approvals: {once: {quorum: 2, verdict: granted, by: []}}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("a canary is left:\n%s", text)
	}
}
