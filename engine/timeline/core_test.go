package timeline_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

const runbook = `apiVersion: firebreak/v1
kind: Runbook
id: leaked-key
title: Leaked key
owner: {team: sec, contact: "#sec"}
budget: 20m
inputs:
  key: {type: string, description: The key}
steps:
  - id: owner
    uses: aws.iam.lookup_access_key
    with: {access_key_id: "${{ inputs.key }}"}
  - id: disable
    uses: aws.iam.deactivate_access_key
    if: steps.owner.outputs.status == "Active"
    with: {user: "${{ steps.owner.outputs.user }}", access_key_id: "${{ inputs.key }}"}
    approval: {from: [group:security-leads], quorum: 1}
    verify: {within: 60s}
`

// core drives the real core by hand and keeps every fact it gives.
type core struct {
	*script
	t   testing.TB
	inc *engine.Incident
}

func (c *core) take(after time.Duration, who engine.Actor, run, step string, body engine.Body) {
	c.t.Helper()
	c.now = c.now.Add(after)
	batch, err := c.inc.Advance(engine.Event{At: c.now, Actor: who, Run: run, Step: step, Body: body, Seq: -1})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range batch {
		e.Seq = int64(len(c.facts))
		c.facts = append(c.facts, e)
	}
}

// plan hands in a reading of the target, with the digest the core gives it.
func (c *core) plan(id string, n int, preview actions.Preview) {
	c.t.Helper()
	run, _ := c.inc.Run("R1")
	s, ok := run.Step(id)
	if !ok {
		c.t.Fatalf("no step %q", id)
	}
	c.take(time.Second, engine.TheEngine, "R1", id, engine.StepPlanned{N: n, Preview: preview, Digest: s.PlanDigest(preview)})
}

// ask is the question that is open.
func (c *core) ask() string { return c.inc.Asks[len(c.inc.Asks)-1].ID }

// leaked is one leaked key, contained by the real core.
func leaked(t testing.TB) *core {
	t.Helper()
	program, faults := runbooks.Load("leaked-key.yaml", []byte(runbook), runbookstest.Catalog())
	if faults.HasErrors() {
		t.Fatal(faults)
	}
	encoded, err := program.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c := &core{script: &script{now: noon}, t: t, inc: engine.NewIncident()}
	c.take(0, alice, "", "", engine.Declared{ID: "INC-1", Title: "Leak", Severity: 2, Store: "S"})
	c.take(time.Minute, alice, "R1", "", engine.RunStarted{Runbook: program.ID, Digest: program.Digest, Program: engine.Large{Value: encoded},
		Inputs: json.RawMessage(`{"key":"AKIAEXAMPLE000000001"}`), Environment: runbooks.EnvironmentFacts{Name: "prod"}})
	c.take(time.Second, engine.TheEngine, "R1", "owner", engine.EffectOutcome{Attempt: 1, Result: engine.Large{Value: json.RawMessage(`{"status":"Active","user":"svc-deploy"}`)}})
	preview := actions.Preview{Targets: []actions.Target{user}, Changes: []string{"set the key to Inactive"}}
	c.plan("disable", 1, preview)
	c.take(time.Minute, bob, "R1", "disable", engine.Vote{Approval: c.ask(), Approve: true})
	c.plan("disable", 2, preview)
	c.take(time.Second, engine.TheEngine, "R1", "disable", engine.EffectOutcome{Attempt: 1, Result: engine.Large{Value: json.RawMessage(`{"user":"svc-deploy"}`)}})
	c.take(time.Second, engine.TheEngine, "R1", "disable", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: actions.Verified, Detail: "the key is Inactive"}, Readings: 1})
	return c
}

// What the real core writes down for one leaked key, contained and taken back,
// reads as it happened.
func TestFactsOfTheCore(t *testing.T) {
	c := leaked(t)
	tl := c.fold(t)
	if r := tl.Runs[0]; r.Status != "done" || r.Budget != timeline.BudgetKept || r.ContainedMS != 65_000 {
		t.Errorf("got run %+v", r)
	}
	if a := tl.Approvals[0]; a.Verdict != string(engine.ApprovalConsumed) || a.LatencyMS != 60_000 || len(a.Votes) != 1 {
		t.Errorf("got approval %+v", a)
	}
	want := []string{"owner done  read", "disable done verified reversible"}
	if diff := cmp.Diff(want, actionWords(tl)); diff != "" {
		t.Errorf("actions differ (-want +got):\n%s", diff)
	}
	if len(tl.Open) != 2 || tl.Open[0].Kind != timeline.OpenIncident || tl.Open[1].Kind != timeline.OpenUndo {
		t.Errorf("got open %+v, want the incident and an undo", tl.Open)
	}

	preview := actions.Preview{Targets: []actions.Target{user}, Changes: []string{"set the key to Inactive"}}
	c.take(time.Minute, alice, "R1", "disable", engine.UndoRequested{Reason: "a false alarm"})
	c.plan("disable~undo", 1, preview)
	c.take(time.Minute, bob, "R1", "disable~undo", engine.Vote{Approval: c.ask(), Approve: true})
	c.plan("disable~undo", 2, preview)
	c.take(time.Second, engine.TheEngine, "R1", "disable~undo", engine.EffectOutcome{Attempt: 1})
	c.take(time.Second, engine.TheEngine, "R1", "disable~undo", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: actions.Verified}, Readings: 1})
	c.take(time.Second, alice, "", "", engine.Resolved{})
	tl = c.fold(t)
	if len(tl.Open) != 0 || tl.Actions[1].UndoneBy != "disable~undo" || tl.Actions[2].UndoOf != "disable" || tl.Actions[2].Authority != "bob" {
		t.Errorf("got open %+v, actions %+v", tl.Open, tl.Actions)
	}
	if got := texts(tl); !strings.Contains(got, `bob approved the undo of step "disable" (1 of 1)`) || !strings.Contains(got, `of step "disable" (reading 2) still holds`) {
		t.Errorf("got:\n%s", got)
	}
	for _, k := range tl.KeyTimes {
		if k.Name == "contained" && !k.At.Equal(noon.Add(2*time.Minute+5*time.Second)) {
			t.Errorf("contained at %s: %s", k.At, k.Text)
		}
	}
}

func actionWords(tl *timeline.Timeline) []string {
	var words []string
	for _, a := range tl.Actions {
		words = append(words, strings.Join([]string{a.Step, a.Outcome, a.Verified, string(a.Effect)}, " "))
	}
	return words
}
