package preflight_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/engine/preflight"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

// world is what the actions of the tests read, and what IAM says in it.
type world struct {
	owner    string
	broken   map[string]error              // by action: what a read or plan answers
	checks   []actions.Check               // of aws.stop
	refused  error                         // what those checks answer instead
	executed []string                      // what was carried out
	holders  map[iampolicy.Phase]string    // empty: "role/<phase>"
	locked   map[iampolicy.Phase]error     // who cannot be used
	rulings  map[string]preflight.Ruling   // by "action resource" or "action"; else allowed
	asked    map[string]map[string]int     // by holder and ask
	with     map[string]actions.Conditions // by ask
}

type (
	lookup   struct{ w *world }
	lookupIn struct {
		Key string `json:"key" doc:"the key"`
	}
	lookupOut struct {
		User string `json:"user" doc:"whose it is"`
	}
	stop   struct{ w *world }
	stopIn struct {
		User string `json:"user" doc:"whom it hits"`
	}
	stopOut struct{}
)

func (lookup) Spec() actions.Spec {
	return actions.Spec{Name: "aws.lookup", Version: 1, Title: "Look up", Doc: "Reads.", Effect: actions.Read, Repeat: actions.Idempotent,
		Permissions: []actions.Permission{{Phase: actions.PhaseExecute, Action: "iam:Look", Resource: "*", Why: "look"}}}
}

func (a lookup) Plan(context.Context, actions.Call, lookupIn) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (a lookup) Execute(context.Context, actions.Call, lookupIn) (lookupOut, error) {
	return lookupOut{a.w.owner}, a.w.broken["aws.lookup"]
}

func (stop) Spec() actions.Spec {
	const user = "arn:{partition}:iam::{account}:user/{user}"
	tagged := actions.Conditions{"StringEquals": {"aws:ResourceTag/firebreak:managed": {"true"}}}
	return actions.Spec{Name: "aws.stop", Version: 1, Title: "Stop", Doc: "Stops.", Effect: actions.Reversible, Repeat: actions.Idempotent,
		Permissions: []actions.Permission{
			{Phase: actions.PhasePlan, Action: "iam:Look", Resource: "*", Why: "look"},
			{Phase: actions.PhaseExecute, Action: "iam:Stop", Resource: user, Why: "stop"},
			{Phase: actions.PhaseUndo, Action: "iam:Start", Resource: user, Conditions: tagged, Why: "start"},
		}}
}

func (a stop) Plan(_ context.Context, _ actions.Call, p stopIn) (actions.Preview, error) {
	return actions.Preview{Changes: []string{"User " + p.User + " is stopped.", "A tag is put."}}, a.w.broken["aws.stop"]
}

func (a stop) Preflight(_ context.Context, _ actions.Call, p stopIn) ([]actions.Check, error) {
	return a.w.checks, a.w.refused
}

func (a stop) Execute(_ context.Context, call actions.Call, _ stopIn) (stopOut, error) {
	a.w.executed = append(a.w.executed, call.Step)
	return stopOut{}, nil
}

func (stop) Verify(context.Context, actions.Call, stopIn, stopOut) (actions.Reading, error) {
	return actions.Reading{Verdict: actions.Verified}, nil
}

func (stop) PlanUndo(context.Context, actions.Call, stopIn, stopOut) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (a stop) Undo(_ context.Context, call actions.Call, _ stopIn, _ stopOut) error {
	a.w.executed = append(a.w.executed, "undo "+call.Step)
	return nil
}

func (stop) VerifyUndo(context.Context, actions.Call, stopIn, stopOut) (actions.Reading, error) {
	return actions.Reading{Verdict: actions.Verified}, nil
}

func (w *world) registry() *actions.Registry {
	r := actions.NewRegistry()
	actions.Register(r, lookup{w})
	actions.Register(r, stop{w})
	return r
}

func (w *world) Holder(_ context.Context, duty iampolicy.Phase) (string, error) {
	if holder, known := w.holders[duty]; known {
		return holder, w.locked[duty]
	}
	return "arn:aws:iam::111122223333:role/fb/" + string(duty), w.locked[duty]
}

func (w *world) Simulate(_ context.Context, holder string, asks []preflight.Ask) []preflight.Ruling {
	var list []preflight.Ruling
	for _, ask := range asks {
		what := ask.Action + " " + ask.Resource
		if w.asked[holder] == nil {
			w.asked[holder] = map[string]int{}
		}
		w.asked[holder][what]++
		w.with[what] = ask.Conditions
		ruling, known := w.rulings[what]
		if !known {
			if ruling, known = w.rulings[ask.Action]; !known {
				ruling = preflight.Ruling{Allowed: true}
			}
		}
		list = append(list, ruling)
	}
	return list
}

func newWorld() *world {
	return &world{owner: "svc", broken: map[string]error{}, holders: map[iampolicy.Phase]string{}, locked: map[iampolicy.Phase]error{},
		rulings: map[string]preflight.Ruling{}, asked: map[string]map[string]int{}, with: map[string]actions.Conditions{}}
}

const story = `apiVersion: firebreak/v1
kind: Runbook
id: leak
title: Leak
owner: {team: sec, contact: "#sec"}
environments: [prod]
inputs:
  key: {type: string, description: The key}
  more: {type: list, of: string, default: []}
steps:
  - id: owner
    uses: aws.lookup
    with: {key: "${{ inputs.key }}"}
  - id: halt
    uses: aws.stop
    with: {user: "${{ steps.owner.outputs.user }}"}
    approval: {from: [group:leads], quorum: 1}
    verify: {within: 60s}
  - id: others
    uses: aws.stop
    if: steps.owner.outputs.user == "root"
    for_each: {in: inputs.more}
    with: {user: "${{ item }}"}
    approval: {from: [group:leads], quorum: 1}
    verify: {within: 60s}
  - id: call
    manual: {instructions: "Call ${{ steps.owner.outputs.user }}"}
on_cancel:
  - id: after
    uses: aws.lookup
    with: {key: "${{ inputs.key }}"}
`

func load(t *testing.T, w *world, src string) *runbooks.Program {
	t.Helper()
	p, faults := runbooks.Load("test.yaml", []byte(src), w.registry())
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

func (w *world) request(p *runbooks.Program, inputs map[string]any) preflight.Request {
	return preflight.Request{
		Plan: plan.Request{
			Program: p, Inputs: inputs, Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "111122223333"}, Requester: "alice",
			Incident: runbooks.IncidentFacts{ID: "INC-0"},
			Members:  func([]string) []string { return []string{"alice", "bob"} },
		},
		Options: iampolicy.Options{Account: "111122223333"}, Registry: w.registry(), Rights: w,
	}
}

func (w *world) look(t *testing.T, inputs map[string]any) *preflight.Report {
	t.Helper()
	r, err := preflight.Make(t.Context(), w.request(load(t, w, story), inputs), noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.executed) > 0 {
		t.Errorf("a preflight carried out %q", w.executed)
	}
	for holder, list := range w.asked {
		for what, n := range list {
			if n > 1 {
				t.Errorf("%s was asked %d times about %s", holder, n, what)
			}
		}
	}
	return r
}

// short is a report in short, one line a check, those that are ready without
// their detail.
func short(r *preflight.Report) string {
	var b strings.Builder
	line := func(of string, c preflight.Check) {
		fmt.Fprintf(&b, "%s | %s | %s", c.Readiness, of, strings.ReplaceAll(c.Name, "arn:aws:iam::111122223333:", ""))
		if c.Readiness != actions.Ready {
			fmt.Fprintf(&b, " | %s", strings.ReplaceAll(c.Detail, "arn:aws:iam::111122223333:", ""))
		}
		b.WriteString("\n")
	}
	for _, c := range r.Roles {
		line("roles", c)
	}
	for _, s := range r.Steps {
		for _, c := range s.Checks {
			line(s.ID, c)
		}
	}
	return b.String()
}

var (
	errDenied = &actions.Error{Class: actions.Denied, Op: "sts:AssumeRole", Err: errors.New("AccessDenied")}
	errSlow   = &actions.Error{Class: actions.Throttled, Op: "iam:Look", Err: errors.New("Throttling")}
)
