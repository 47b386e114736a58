package plan_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// world is what the actions of the tests read and, if ever called, change. It
// remembers every call.
type world struct {
	status  string // of the key
	user    string
	broken  map[string]error         // by action: what Plan, or Execute of a read, answers
	hang    map[string]bool          // by action: answers only when the context ends
	preview func(p *actions.Preview) // what a change would say

	mu       sync.Mutex // items of a loop are read at the same time
	planned  []string
	executed []string // also those that must never be
}

func (w *world) note(list *[]string, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, what)
}

type (
	lookup struct{ w *world }
	keyIn  struct {
		Key string `json:"key" doc:"the key"`
	}
	keyState struct {
		Status string `json:"status" enum:"Active,Inactive" doc:"how it is"`
		User   string `json:"user" doc:"whose it is"`
		Token  string `json:"token" secret:"true" doc:"not for people"`
	}
	// change is an action that must never be executed by a plan.
	change struct {
		w    *world
		spec actions.Spec
	}
	changeIn struct {
		User  string `json:"user" doc:"whom it hits"`
		Token string `json:"token,omitempty" secret:"true" doc:"reference to a secret"`
	}
	changed struct {
		Before string `json:"before" doc:"how it was"`
	}
	undoable struct{ change }
)

func (a lookup) Spec() actions.Spec {
	return actions.Spec{Name: "t.lookup", Version: 1, Title: "Look up", Doc: "Reads.", Effect: actions.Read, Repeat: actions.Idempotent}
}

func (lookup) Plan(context.Context, actions.Call, keyIn) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (a lookup) Execute(ctx context.Context, call actions.Call, p keyIn) (keyState, error) {
	a.w.note(&a.w.executed, "t.lookup "+call.Step)
	return keyState{Status: a.w.status, User: a.w.user, Token: "hunter2"}, a.w.answer(ctx, "t.lookup")
}

func (a change) Spec() actions.Spec { return a.spec }

func (a change) Plan(ctx context.Context, call actions.Call, p changeIn) (actions.Preview, error) {
	a.w.note(&a.w.planned, a.spec.Name+" "+call.Step)
	preview := actions.Preview{
		Targets: []actions.Target{{Type: "aws.iam.user", ID: p.User, Account: "111122223333"}}, Changes: []string{"stop " + p.User},
		Calls: []string{"iam:Stop"}, Warnings: []string{"sessions stay alive"},
	}
	if a.w.preview != nil {
		a.w.preview(&preview)
	}
	return preview, a.w.answer(ctx, a.spec.Name)
}

func (a change) Execute(_ context.Context, call actions.Call, p changeIn) (changed, error) {
	a.w.note(&a.w.executed, a.spec.Name+" "+call.Step)
	return changed{}, nil
}

func (undoable) Verify(context.Context, actions.Call, changeIn, changed) (actions.Reading, error) {
	return actions.Reading{Verdict: actions.Verified}, nil
}

func (undoable) PlanUndo(context.Context, actions.Call, changeIn, changed) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (a undoable) Undo(_ context.Context, call actions.Call, _ changeIn, _ changed) error {
	a.w.note(&a.w.executed, "undo "+call.Step)
	return nil
}

func (undoable) VerifyUndo(context.Context, actions.Call, changeIn, changed) (actions.Reading, error) {
	return actions.Reading{Verdict: actions.Verified}, nil
}

func (w *world) answer(ctx context.Context, name string) error {
	if w.hang[name] {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.broken[name]
}

func (w *world) registry() *actions.Registry {
	r := actions.NewRegistry()
	actions.Register(r, lookup{w})
	spec := func(name string, effect actions.Effect) actions.Spec {
		return actions.Spec{Name: name, Version: 1, Title: "Change", Doc: "Changes.", Effect: effect, Repeat: actions.Idempotent, Settle: 15 * time.Second, BlastRadius: "whatever uses it stops"}
	}
	actions.Register(r, undoable{change{w, spec("t.disable", actions.Reversible)}})
	actions.Register(r, undoable{change{w, spec("t.wipe", actions.Destructive)}})
	return r
}

func newWorld() *world {
	return &world{status: "Active", user: "svc", broken: map[string]error{}, hang: map[string]bool{}}
}

const head = `apiVersion: firebreak/v1
kind: Runbook
id: leaked-key
title: Leaked key
owner: {team: sec, contact: "#sec"}
environments: [prod]
budget: 20m
inputs:
  key: {type: string, description: The key}
  hard: {type: bool, default: false}
steps:
`

const story = head + `
  - id: owner
    uses: t.lookup
    with: {key: "${{ inputs.key }}"}
  - id: disable
    title: Disable the key
    uses: t.disable
    if: steps.owner.outputs.status == "Active"
    with: {user: "${{ steps.owner.outputs.user }}"}
    approval: {from: [group:leads], quorum: 1, expires: 15m, escalate: {after: 5m, to: [group:ciso]}}
    verify: {within: 60s}
  - id: lift
    uses: t.disable
    if: steps.owner.outputs.status == "Inactive"
    with: {user: "${{ steps.owner.outputs.user }}"}
    verify: {within: 60s}
  - id: wipe
    uses: t.wipe
    if: steps.disable.status == "done" && inputs.hard
    with: {user: "${{ steps.owner.outputs.user }}"}
    approval: {from: [group:leads], quorum: 2}
    verify: {within: 60s}
  - id: tell
    manual:
      instructions: "Call ${{ steps.owner.outputs.user }}"
`

func load(t testing.TB, w *world, src string, called ...*runbooks.Program) *runbooks.Program {
	t.Helper()
	p, faults := runbooks.Load("test.yaml", []byte(src), w.registry(), called...)
	if faults.HasErrors() {
		var b strings.Builder
		if err := faults.WriteText(&b, nil); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("the runbook does not compile:\n%s", b.String())
	}
	return p
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// members is the directory of the tests.
func members(from []string) []string {
	groups := map[string][]string{"group:leads": {"carol", "bob", "alice"}, "group:ciso": {"dave", "bob"}, "group:empty": nil}
	var people []string
	for _, f := range from {
		if person, ok := strings.CutPrefix(f, "person:"); ok {
			people = append(people, person)
		}
		people = append(people, groups[f]...)
	}
	return people
}

func request(p *runbooks.Program) plan.Request {
	return plan.Request{
		Program: p, Inputs: map[string]any{"key": "AKIA1"}, Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "111122223333", Region: "eu-central-1"},
		Incident: runbooks.IncidentFacts{ID: "INC-12", Title: "Leak", Severity: 2}, Requester: "alice", Members: members,
	}
}

func makePlan(t testing.TB, w *world, req plan.Request) *plan.Plan {
	t.Helper()
	p, err := plan.Make(t.Context(), req, w.registry(), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range w.executed {
		if !strings.HasPrefix(call, "t.lookup ") {
			t.Errorf("a plan executed %q", call)
		}
	}
	return p
}

// step finds a step of a plan.
func step(t testing.TB, p *plan.Plan, id string) *plan.Step {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("the plan has no step %q", id)
	}
	return &p.Steps[i]
}

var errDenied = &actions.Error{Class: actions.Denied, Op: "iam:Get", Err: errors.New("no permission"), Hint: "give the role iam:Get"}
