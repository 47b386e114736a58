package engine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

const loopOfCalls = `apiVersion: firebreak/v1
kind: Runbook
id: inner
title: Inner
owner: {team: t, contact: "#t"}
budget: 20m
steps:
  - id: look
    uses: t.read
on_cancel:
  - id: tell
    uses: t.read
+++
apiVersion: firebreak/v1
kind: Runbook
id: test
title: Test
owner: {team: t, contact: "#t"}
budget: 20m
inputs:
  hosts: {type: list, of: string, default: [h1, h2, h3]}
steps:
  - id: a
    runbook: inner
    for_each: {in: inputs.hosts, max_parallel: 1}
on_cancel:
  - id: tell
    uses: t.read
`

// TestAuditOfTurns writes records that no engine should write, and wants the
// auditor to say so without asking an engine.
func TestAuditOfTurns(t *testing.T) {
	p := compile(t, loopOfCalls)
	inputs, _ := p.CheckInputs(nil)
	start := started(t, p, "R1", inputs, nil)
	fact := func(step string, body engine.Body) engine.Event {
		return engine.Event{At: noon, Actor: engine.TheEngine, Run: "R1", Step: step, Body: body}
	}
	expanded := fact("a", engine.StepExpanded{Items: engine.Large{Value: json.RawMessage(`["h1","h2","h3"]`)}, N: 3})
	entered := func(step string) engine.Event { return fact(step, engine.StepEntered{}) }
	ended := func(step string, as engine.StepStatus) engine.Event {
		return fact(step, engine.StepEnded{Status: as})
	}
	cancel := fact("", engine.CancelRequested{Reason: "r"})
	declared := engine.Event{At: noon, Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}}
	start.At, start.Actor = noon, person("alice")
	inc := engine.NewIncident() // knows the digests
	for _, e := range []engine.Event{declared, start, expanded, entered("a.1"), entered("a.2"), cancel} {
		if err := inc.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	digest := func(step string) string {
		s, ok := inc.Runs[0].Step(step)
		if !ok {
			t.Fatalf("there is no step %q", step)
		}
		return s.PlanDigest(actions.Preview{})
	}
	intent := func(step, digest string) engine.Event {
		return fact(step, engine.EffectIntent{Attempt: 1, Action: "t.read", Version: 1, Effect: actions.Read, Digest: digest})
	}
	planned := func(step string) engine.Event { return fact(step, engine.StepPlanned{N: 1, Digest: digest(step)}) }
	runs := func(step string) []engine.Event {
		return []engine.Event{planned(step), intent(step, digest(step))}
	}
	list := func(parts ...any) []engine.Event {
		all := []engine.Event{declared, start, expanded}
		for _, part := range parts {
			switch part := part.(type) {
			case engine.Event:
				all = append(all, part)
			case []engine.Event:
				all = append(all, part...)
			}
		}
		return all
	}
	failed := fact("a.1.look", engine.EffectOutcome{Attempt: 1, Failure: &engine.Failure{Class: actions.Denied, Message: "no"}})
	for _, tt := range []struct {
		name   string
		record []engine.Event
		want   string // empty: nothing is wrong
	}{
		{"as it should be", list(entered("a.1"), runs("a.1.look")), ""},
		{"another plan than the one read", list(entered("a.1"), planned("a.1.look"), intent("a.1.look", digest("a.2.look"))), "something else than what was planned"},
		{"a digest of something else", list(entered("a.1"), fact("a.1.look", engine.StepPlanned{N: 1, Digest: digest("a.1.look"), Preview: actions.Preview{Calls: []string{"x"}}})), "not that of this plan"},
		{"another action", list(entered("a.1"), planned("a.1.look"), fact("a.1.look", engine.EffectIntent{Attempt: 1, Action: "t.once", Version: 1, Effect: actions.Destructive, Digest: digest("a.1.look")})), `it uses "t.once"`},
		{"nothing planned", list(entered("a.1"), intent("a.1.look", "")), "nothing was planned"},
		{"laid out twice", list(expanded), "laid out before"},
		{"entered twice", list(entered("a.1"), entered("a.1")), "laid out before"},
		{"started twice", list(start), "it starts twice"},
		{"more at once than may be", list(entered("a.1"), entered("a.2"), runs("a.1.look"), runs("a.2.look")), `more than 1 items of "a" are in flight`},
		{"over the budget", list(entered("a.1"), runs("a.1.look"), failed, ended("a.1.look", engine.StepFailed), ended("a.1", engine.StepFailed), entered("a.2"), runs("a.2.look")), "nothing more of it may begin"},
		{"over the budget, as a person wants", list(entered("a.1"), entered("a.2"), runs("a.1.look"), failed, ended("a.1.look", engine.StepFailed), ended("a.1", engine.StepFailed),
			ended("a.2.look", engine.StepFailed), ended("a.2", engine.StepFailed), fact("a.2.look", engine.RetryRequested{}), runs("a.2.look")), ""},
		{"after its end", list(entered("a.1"), ended("a.1.look", engine.StepSkipped), runs("a.1.look")), "it has ended"},
		{"after the end of what calls it", list(entered("a.1"), ended("a.1", engine.StepSkipped), runs("a.1.look")), `step "a.1", whose part it is, has ended`},
		{"ended twice", list(entered("a.1"), ended("a.1.look", engine.StepSkipped), ended("a.1.look", engine.StepSkipped)), "it has ended before"},
		{"after a cancel", list(entered("a.1"), cancel, runs("a.1.look")), "the run was cancelled"},
		{"for a cancel, called", list(entered("a.1"), cancel, ended("a.1.look", engine.StepCancelled), runs("a.1.tell")), ""},
		{"for a cancel that did not come, called", list(entered("a.1"), runs("a.1.tell")), "nobody cancelled"},
		{"for a cancel", list(cancel, runs("tell")), ""},
		{"for a cancel that did not come", list(runs("tell")), "nobody cancelled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := engine.NewAudit()
			var wrong []string
			for _, e := range tt.record {
				wrong = append(wrong, a.Take(e)...)
			}
			got := strings.Join(wrong, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("the auditor says %q, want %q", got, tt.want)
			}
		})
	}
}
