package plan_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine/plan"
)

const inner = `apiVersion: firebreak/v1
kind: Runbook
id: look-around
title: Look around
owner: {team: sec, contact: "#sec"}
budget: 20m
inputs:
  key: {type: string}
steps:
  - id: owner
    uses: t.lookup
    with: {key: "${{ inputs.key }}"}
outputs:
  user: steps.owner.outputs.user
on_cancel:
  - id: note
    manual: Note it
`

const deep = `apiVersion: firebreak/v1
kind: Runbook
id: deep
title: Deep
owner: {team: sec, contact: "#sec", escalate: group:leads}
budget: 20m
inputs:
  keys: {type: list, of: string}
  key: {type: string}
steps:
  - id: look
    runbook: look-around
    with: {key: "${{ inputs.key }}"}
  - id: read
    uses: t.lookup
    for_each: inputs.keys
    with: {key: "${{ item }}"}
    evidence: true
  - id: stop
    uses: t.disable
    if: steps.read.status == "done" && steps.read.outputs.done > 1
    for_each: {in: "filter(steps.read.outputs.results, #.status == \"Active\")", max_parallel: 2, max_errors: 50%}
    with: {user: "${{ item.user }}-${{ index }}"}
    approval: {from: [group:leads], quorum: 1, expires: 15m, step_up: true, break_glass: {by: [group:leads], review: [group:ciso], within: 48h}}
    verify: {within: 60s}
    contains: {expires: 72h}
  - id: pause
    wait: 10m
  - id: later
    wait: {until: now + 60}
  - id: by_hand
    uses: t.wipe
    with: {user: "${{ steps.look.outputs.user }}"}
    approval: {from: [group:leads]}
    verify: {within: 60s}
    undo: {manual: "Ask ${{ steps.look.outputs.user }}"}
  - id: each
    runbook: look-around
    if: steps.by_hand.status == "done"
    for_each: {in: inputs.keys, max_parallel: 3}
    with: {key: "${{ item }}"}
on_cancel:
  - id: tell
    manual: Say so
`

func deepPlan(t *testing.T, w *world, keys ...any) *plan.Plan {
	t.Helper()
	req := request(load(t, w, deep, load(t, w, inner)))
	req.Inputs = map[string]any{"key": "AKIA1", "keys": keys}
	return makePlan(t, w, req)
}

func TestNestedGolden(t *testing.T) { golden(t, "nested", deepPlan(t, newWorld(), "k1", "k2", "k3")) }

func TestEmptyListIsSkipped(t *testing.T) {
	p := deepPlan(t, newWorld())
	if s := step(t, p, "read"); s.Fate != plan.Skips || s.Why != "its list is empty" {
		t.Errorf("got %s because %q", s.Fate, s.Why)
	}
	if s := step(t, p, "stop"); s.Fate != plan.Skips {
		t.Errorf("what reads a loop over nothing is %s", s.Fate)
	}
}

// Of a long list some items are read, and the plan says how many are not.
func TestLongLoop(t *testing.T) {
	w, keys := newWorld(), make([]any, plan.MaxItems+7)
	for i := range keys {
		keys[i] = "k"
	}
	p := deepPlan(t, w, keys...)
	s := step(t, p, "read")
	if len(s.Steps) != plan.MaxItems || s.Items != len(keys) || len(w.executed) != plan.MaxItems+1 {
		t.Errorf("%d of %d items are planned with %d readings", len(s.Steps), s.Items, len(w.executed))
	}
	if text := outputs(t, p)["text"]; !strings.Contains(text, "and 7 more items like these") {
		t.Errorf("the text does not say that items are missing:\n%s", text)
	}
	if s := step(t, p, "stop"); s.Fate != plan.Unknown {
		t.Errorf("what reads a loop of which not everything is known is %s", s.Fate)
	}
}

// A loop fails when more of its items cannot run than may fail.
func TestLoopThatCannotRun(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, deep, load(t, w, inner)))
	req.Inputs = map[string]any{"key": "AKIA1", "keys": []any{"k1", "k2"}}
	req.Protected = []string{"aws.iam.user:svc-*"}
	p := makePlan(t, w, req)
	s := step(t, p, "stop")
	if s.Fate != plan.Fails || !p.Stops() || s.Steps[0].Protected == "" {
		t.Errorf("a loop over protected targets is %s: %s", s.Fate, s.Why)
	}
}

// What a runbook that is called cannot read leaves its answer open.
func TestCalledRunbookThatCannotRead(t *testing.T) {
	w := newWorld()
	w.broken["t.lookup"] = &actions.Error{Class: actions.Denied, Op: "iam:Get", Err: errors.New("no")}
	p := deepPlan(t, w, "k1")
	if s := step(t, p, "by_hand"); len(s.WaitsFor) != 1 || s.WaitsFor[0] != "steps.look.outputs.user" {
		t.Errorf("got %v", s.WaitsFor)
	}
	if len(p.Warnings) == 0 || !strings.Contains(strings.Join(p.Warnings, "\n"), `step "look.owner" could not be read now`) {
		t.Errorf("got warnings %q", p.Warnings)
	}
}

// What waits longer than containment may take is said.
func TestBudget(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, strings.Replace(story, "  - id: owner\n", "  - id: pause\n    wait: 30m\n  - id: owner\n", 1)))
	p := makePlan(t, w, req)
	if got := time.Duration(p.Duration.Least); got != 30*time.Minute+30*time.Second {
		t.Errorf("it takes at least %s", got)
	}
	if !strings.Contains(strings.Join(p.Warnings, "\n"), "it takes at least 30m30s and containment should fit in 20m0s") {
		t.Errorf("got warnings %q", p.Warnings)
	}
}

// Whoever has no key to sign with cannot answer where a signature is asked for.
func TestSignersCount(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, deep, load(t, w, inner)))
	req.Inputs = map[string]any{"key": "AKIA1", "keys": []any{"k1", "k2"}}
	req.Signs = func(person string) bool { return person == "alice" } // who asks for the run
	p := makePlan(t, w, req)
	if a := step(t, p, "stop").Approval; len(a.Eligible) != 0 || a.Enough {
		t.Errorf("%v can sign", a.Eligible)
	}
	if a := step(t, p, "by_hand").Approval; len(a.Eligible) != 2 {
		t.Errorf("%v can approve without a signature", a.Eligible)
	}
	if !strings.Contains(strings.Join(p.Warnings, "\n"), "and those without a key to sign with do not count") {
		t.Errorf("got warnings %q", p.Warnings)
	}
}

func TestWhatRunsAfterACancel(t *testing.T) {
	got := strings.Join(deepPlan(t, newWorld(), "AKIA1").OnCancel, " ")
	if want := "look.note each.note tell"; got != want {
		t.Errorf("after a cancel %q would run, want %q", got, want)
	}
}

func TestItemsAreReadOnlyAfterTheirApproval(t *testing.T) {
	w := newWorld()
	src := strings.Replace(deep, "    evidence: true\n", "    approval: {from: [group:leads]}\n", 1)
	req := request(load(t, w, src, load(t, w, inner)))
	req.Inputs = map[string]any{"key": "AKIA1", "keys": []any{"k1", "k2"}}
	p := makePlan(t, w, req)
	if len(w.executed) != 1 { // of the runbook that is called
		t.Errorf("%v are read, and people have to be asked before", w.executed)
	}
	for _, one := range step(t, p, "read").Steps {
		if one.Why != "it is read only after its approval" {
			t.Errorf("%s says %q", one.ID, one.Why)
		}
	}
}
