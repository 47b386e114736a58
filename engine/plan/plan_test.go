package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/plan"
	"github.com/firebreak-ir/firebreak/runbooks"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files again")

func fates(p *plan.Plan) string {
	var words []string
	for _, s := range p.Steps {
		words = append(words, s.ID+"="+string(s.Fate))
	}
	return strings.Join(words, " ")
}

func TestFates(t *testing.T) {
	for _, tt := range []struct {
		name   string
		world  func(w *world)
		inputs map[string]any
		src    string
		want   string
		calls  string // what was executed and planned
	}{
		{
			name: "the key is alive", want: "owner=run disable=run lift=skip wipe=unknown tell=run",
			inputs: map[string]any{"key": "AKIA1", "hard": true}, calls: "t.lookup owner,t.disable disable,t.wipe wipe",
		},
		{
			name: "the key is dead", world: func(w *world) { w.status = "Inactive" }, want: "owner=run disable=skip lift=run wipe=skip tell=run",
			calls: "t.lookup owner,t.disable lift",
		},
		{
			name: "the read is denied", world: func(w *world) { w.broken["t.lookup"] = errDenied }, want: "owner=run disable=unknown lift=unknown wipe=unknown tell=run",
			calls: "t.lookup owner",
		},
		{
			name: "the read of a step that may not run is not made", want: "owner=run disable=run again=unknown", calls: "t.lookup owner,t.disable disable",
			src: head + `
  - {id: owner, uses: t.lookup, with: {key: "${{ inputs.key }}"}}
  - {id: disable, uses: t.disable, with: {user: "${{ steps.owner.outputs.user }}"}, verify: {within: 60s}, approval: {from: [group:leads], quorum: 1}, on_failure: continue}
  - {id: again, uses: t.lookup, if: steps.disable.status == "done", with: {key: "${{ inputs.key }}"}}
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if tt.world != nil {
				tt.world(w)
			}
			if tt.src == "" {
				tt.src = story
			}
			req := request(load(t, w, tt.src))
			if tt.inputs != nil {
				req.Inputs = tt.inputs
			}
			p := makePlan(t, w, req)
			if got := fates(p); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := strings.Join(append(w.executed, w.planned...), ","); got != tt.calls {
				t.Errorf("got calls %s, want %s", got, tt.calls)
			}
		})
	}
}

// A plan changes nothing: Execute and Undo of every action that changes
// something are never called, even when registry and program disagree.
func TestPlanNeverExecutesAChange(t *testing.T) {
	w := newWorld()
	makePlan(t, w, request(load(t, w, story)))

	lies := newWorld()
	program := load(t, lies, story)
	for i := range program.Steps {
		program.Steps[i].Effect = actions.Read // a program that says that all of it only reads
		program.Steps[i].Approval = nil
		program.Steps[i].If = nil
	}
	p := makePlan(t, lies, request(program))
	if s := step(t, p, "disable"); s.Fate != plan.Fails || !strings.Contains(s.Why, "load the runbook again") {
		t.Errorf("got %s: %q", s.Fate, s.Why)
	}

	// And the other way round: the action became a change after the program was compiled.
	turned := newWorld()
	program = load(t, turned, story)
	reg := turned.registry()
	clone := actions.NewRegistry()
	for _, name := range reg.Names() {
		if name != "t.lookup" {
			h, _ := reg.Handler(name)
			clone.Add(h)
		}
	}
	actions.Register(clone, change{turned, actions.Spec{Name: "t.lookup", Version: 1, Title: "Now it changes", Doc: "Changes.", Effect: actions.Destructive}})
	if _, err := plan.Make(t.Context(), request(program), clone, noon); err != nil {
		t.Fatal(err)
	}
	if len(turned.executed) > 0 {
		t.Errorf("a plan executed %v", turned.executed)
	}
}

// A read that people must approve is not made before they did.
func TestReadBehindAnApprovalIsNotMade(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, story))
	req.Floor = &engine.Floor{Effect: actions.Read, From: []string{"group:ciso"}, Quorum: 1}
	p := makePlan(t, w, req)
	if len(w.executed) > 0 {
		t.Errorf("the plan read %v without the approval", w.executed)
	}
	if s := step(t, p, "owner"); s.Fate != plan.Runs || s.Why == "" || s.Approval == nil || !s.Approval.Floor {
		t.Errorf("got %+v", s)
	}
	if s := step(t, p, "disable"); s.Fate != plan.Unknown || !cmp.Equal(s.WaitsFor, []string{"steps.owner.outputs.status", "steps.owner.outputs.user"}) {
		t.Errorf("got %s waiting for %v", s.Fate, s.WaitsFor)
	}
}

func TestApprovals(t *testing.T) {
	own := map[string][]string{"bob": {"aws.iam.user:svc"}, "carol": {"aws.iam.user:111122223333/svc"}}
	for _, tt := range []struct {
		name    string
		request func(r *plan.Request)
		want    plan.Approval // of step "disable", without From, Expires and Escalate
		warning string
		enough  bool
	}{
		{"the requester does not count", nil, plan.Approval{Quorum: 1, Known: true, Eligible: []string{"bob", "carol"}, Later: []string{"bob", "carol", "dave"}, Enough: true}, "", true},
		{"nor does who is a target", func(r *plan.Request) { r.Identities = func(p string) []string { return own[p] } },
			plan.Approval{Quorum: 1, Known: true, Eligible: []string{}, Later: []string{"dave"}}, `step "disable" needs 1 to approve and 0 can until it is escalated after 5m0s`, false}, // step "wipe" has nobody else
		{"a floor raises the quorum", func(r *plan.Request) {
			r.Floor = &engine.Floor{Effect: actions.Reversible, From: []string{"group:ciso"}, Quorum: 4}
		}, plan.Approval{Quorum: 4, Floor: true, Known: true, Eligible: []string{"bob", "carol"}, Later: []string{"bob", "carol", "dave"}}, `step "disable" needs 4 to approve and 3 can`, false},
		{"a floor for worse effects does not", func(r *plan.Request) {
			r.Floor = &engine.Floor{Effect: actions.Destructive, From: []string{"group:ciso"}, Quorum: 2}
		}, plan.Approval{Quorum: 1, Known: true, Eligible: []string{"bob", "carol"}, Later: []string{"bob", "carol", "dave"}, Enough: true}, "", true},
		{"nobody knows", func(r *plan.Request) { r.Members = nil }, plan.Approval{Quorum: 1, Eligible: []string{}, Later: []string{}}, `step "disable": nobody knows`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			req := request(load(t, w, story))
			if tt.request != nil {
				tt.request(&req)
			}
			p := makePlan(t, w, req)
			got := *step(t, p, "disable").Approval
			if got.Expires != runbooks.Span(15*time.Minute) || got.Escalate == nil || !cmp.Equal(got.From, []string{"group:leads"}) {
				t.Errorf("got %+v", got)
			}
			got.From, got.Expires, got.Escalate = nil, 0, nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the approval differs (-want +got):\n%s", diff)
			}
			warnings := strings.Join(p.Warnings, "\n")
			if !strings.Contains(warnings, tt.warning) || tt.warning == "" && strings.Contains(warnings, `"disable"`) {
				t.Errorf("got warnings %q, want %q", warnings, tt.warning)
			}
			if p.Enough() != tt.enough {
				t.Errorf("got enough %v, want %v", p.Enough(), tt.enough)
			}
		})
	}
}

// More people are demanded on top of runbook and floor, where anybody is asked
// at all, and the plan says so and counts with them.
func TestExtra(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, story))
	req.Extra = &engine.Extra{Approvers: 1, Why: "last rehearsed never"}
	req.Floor = &engine.Floor{Effect: actions.Reversible, From: []string{"group:ciso"}, Quorum: 2}
	p := makePlan(t, w, req)
	a := step(t, p, "disable").Approval
	if a.Quorum != 3 || a.Extra != 1 || !a.Floor || a.Enough || len(a.Later) != 3 {
		t.Errorf("got %+v", a)
	}
	if warnings := strings.Join(p.Warnings, "\n"); !strings.Contains(warnings, `step "disable" needs 3 to approve and 2 can until it is escalated`) {
		t.Errorf("got warnings %q", warnings)
	}
	var text strings.Builder
	if err := p.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one more approver for each question than usual: last rehearsed never", ", demanded by the environment, one more approver than usual"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, text.String())
		}
	}
	req.Floor = nil
	w.status = "Inactive"
	if a := step(t, makePlan(t, w, req), "lift").Approval; a != nil {
		t.Errorf("a step that asks nobody asks %+v", a)
	}
}

// A floor asks people where the runbook asks nobody.
func TestFloorAddsAnApproval(t *testing.T) {
	w := newWorld()
	w.status = "Inactive"
	req := request(load(t, w, story))
	if s := step(t, makePlan(t, w, req), "lift"); s.Approval != nil {
		t.Fatalf("got an approval without a floor: %+v", s.Approval)
	}
	req.Floor = &engine.Floor{Effect: actions.Reversible, From: []string{"group:ciso"}, Quorum: 2}
	a := step(t, makePlan(t, w, req), "lift").Approval
	if a == nil || a.Quorum != 2 || !a.Floor || !a.Enough || !cmp.Equal(a.Eligible, []string{"bob", "dave"}) {
		t.Errorf("got %+v", a)
	}
}

func TestProtectedTarget(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, story))
	req.Protected = []string{"aws.iam.user:*/sv*"}
	p := makePlan(t, w, req)
	s := step(t, p, "disable")
	if s.Fate != plan.Fails || s.Protected != "aws.iam.user:111122223333/svc" || s.Failure == nil || s.Failure.Class != actions.Precondition {
		t.Errorf("got %+v", s)
	}
	if got := strings.Join(p.Warnings, "\n"); !strings.Contains(got, `the run would stop at step "disable": aws.iam.user:111122223333/svc is protected`) {
		t.Errorf("got warnings %q", got)
	}
}

func TestErrorsAreShownAndDoNotStop(t *testing.T) {
	w := newWorld()
	w.broken["t.disable"] = errDenied
	p := makePlan(t, w, request(load(t, w, story)))
	s := step(t, p, "disable")
	if s.Fate != plan.Runs || s.Failure == nil || s.Failure.Class != actions.Denied || !strings.Contains(s.Failure.Message, "give the role iam:Get") {
		t.Errorf("got %+v with failure %+v", s, s.Failure)
	}
	if tell := step(t, p, "tell"); tell.Instructions != "Call svc" {
		t.Errorf("got %q: the plan stopped", tell.Instructions)
	}
}

func TestReadsHaveATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.hang["t.lookup"] = true
		begin := time.Now()
		p := makePlan(t, w, request(load(t, w, story)))
		if took := time.Since(begin); took != plan.MaxRead {
			t.Errorf("the plan took %s, want %s", took, plan.MaxRead)
		}
		if f := step(t, p, "owner").Failure; f == nil || f.Class != actions.Unknown || !strings.Contains(f.Message, "no answer before the time limit") {
			t.Errorf("got %+v", f)
		}
	})
}

func TestMakeRefuses(t *testing.T) {
	w := newWorld()
	program := load(t, w, story)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		request func(r *plan.Request)
		want    string
	}{
		{"a missing input", t.Context(), func(r *plan.Request) { r.Inputs = nil }, "key: is missing"},
		{"an unknown input", t.Context(), func(r *plan.Request) { r.Inputs["x"] = 1 }, "x: is not an input"},
		{"another environment", t.Context(), func(r *plan.Request) { r.Environment.Name = "lab" }, `not for environment "lab"`},
		{"nobody waits", gone, func(*plan.Request) {}, "context canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(program)
			tt.request(&req)
			_, err := plan.Make(tt.ctx, req, w.registry(), noon)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := plan.Make(gone, request(program), w.registry(), noon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if len(w.executed)+len(w.planned) > 0 {
		t.Errorf("a refused plan called %v %v", w.executed, w.planned)
	}
}

// The digest holds program, inputs and environment, and nothing that moves.
func TestDigest(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, story))
	p := makePlan(t, w, req)
	if want := engine.RunDigest(req.Program.Digest, map[string]any{"key": "AKIA1", "hard": false}, "prod"); p.Digest != want {
		t.Errorf("got %s, want %s as from the resolved inputs", p.Digest, want)
	}
	w.status, w.user = "Inactive", "other"
	req.Requester, req.Floor, req.Environment.Region, req.Incident.ID = "bob", &engine.Floor{Effect: actions.Read, Quorum: 3}, "us-east-1", "INC-99"
	if again, err := plan.Make(t.Context(), req, w.registry(), noon.Add(time.Hour)); err != nil || again.Digest != p.Digest {
		t.Errorf("got %v, %v: what moved changed the digest", again, err)
	}
	base := engine.RunDigest("d", map[string]any{"n": int64(3)}, "prod")
	for name, other := range map[string]string{
		"program":     engine.RunDigest("e", map[string]any{"n": int64(3)}, "prod"),
		"input":       engine.RunDigest("d", map[string]any{"n": int64(4)}, "prod"),
		"text":        engine.RunDigest("d", map[string]any{"n": "3"}, "prod"),
		"environment": engine.RunDigest("d", map[string]any{"n": int64(3)}, "staging"),
	} {
		if other == base {
			t.Errorf("another %s has the same digest", name)
		}
	}
	if engine.RunDigest("d", nil, "prod") != engine.RunDigest("d", map[string]any{}, "prod") || engine.RunDigest("d", map[string]any{"n": json.Number("3")}, "prod") != base {
		t.Error("the same inputs have another digest")
	}
	if want := "95302f67d9bd716c"; !strings.HasPrefix(base, want) {
		t.Errorf("got %s, want %s...: digests that people wrote down must stay", base, want)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	w := newWorld()
	src := head + `
  - {id: owner, uses: t.lookup, with: {key: "${{ inputs.key }}"}}
  - {id: disable, uses: t.disable, with: {user: svc, token: "secret://env/OLD"}, verify: {within: 60s}}
  - {id: more, uses: t.disable, with: {user: svc, token: "secret://env/TOKEN"}, verify: {within: 60s}}
`
	program := load(t, w, src)
	for i, m := range program.Steps[1].With.Members { // the language refuses it; a plan does not rely on that
		if m.Name == "token" {
			program.Steps[1].With.Members[i].Value = &runbooks.Value{Form: runbooks.Literal, Literal: "hunter2"}
		}
	}
	p := makePlan(t, w, request(program))
	for name, out := range outputs(t, p) {
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s shows a secret:\n%s", name, out)
		}
		if !strings.Contains(out, "secret://env/TOKEN") {
			t.Errorf("%s hides the reference to a secret:\n%s", name, out)
		}
	}
}

func outputs(t *testing.T, p *plan.Plan) map[string]string {
	t.Helper()
	var text bytes.Buffer
	if err := p.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"text": text.String(), "json": string(data) + "\n"}
}

// golden compares what people and machines are shown with the files of testdata.
func golden(t *testing.T, name string, p *plan.Plan) {
	t.Helper()
	files := outputs(t, p)
	var color bytes.Buffer
	if err := p.Text(&color, true); err != nil {
		t.Fatal(err)
	}
	files["color"] = strings.ReplaceAll(color.String(), "\x1b", "␛")
	digests := strings.NewReplacer(p.Digest, "DIGEST", p.Digest[:12], "DIGEST", p.Program, "PROGRAM") // these follow the language, not the plan
	for _, kind := range []string{"text", "json", "color"} {
		files[kind] = digests.Replace(files[kind])
		path := filepath.Join("testdata", name+"."+kind)
		if *rewrite {
			if err := os.WriteFile(path, []byte(files[kind]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), files[kind]); diff != "" {
			t.Errorf("%s differs (-want +got); if that is meant, run with -rewrite:\n%s", path, diff)
		}
	}
}

func TestGolden(t *testing.T) {
	w := newWorld()
	req := request(load(t, w, story))
	req.Inputs["hard"] = true
	req.Floor = &engine.Floor{Effect: actions.Destructive, From: []string{"group:ciso"}, Quorum: 3}
	w.preview = func(p *actions.Preview) { p.NoUndo = "the secret is lost" }
	golden(t, "story", makePlan(t, w, req))
}

// What a target is called cannot steer the terminal of who reads the plan.
func TestTextIsHarmless(t *testing.T) {
	w := newWorld()
	w.user = "\x1b[2Jsvc\u202E\nWARNING: fine"
	got := outputs(t, makePlan(t, w, request(load(t, w, story))))["text"]
	if strings.ContainsAny(got, "\x1b\u202E") || strings.Contains(got, "\nWARNING: fine") || !strings.Contains(got, "⟨U+001B⟩[2Jsvc") {
		t.Errorf("got:\n%s", got)
	}
}

// What only adds to the record is neither called reversible nor said to have no
// undo; what leaves a trace is as destructive as it is.
func TestWhatAddsIsSaid(t *testing.T) {
	w := newWorld()
	p := load(t, w, story)
	p.Steps[1].Adds = true
	says := func() string {
		lines := strings.Split(outputs(t, makePlan(t, w, request(p)))["text"], "\n 3. ")[0]
		return lines[strings.Index(lines, " 2. "):]
	}
	if got := says(); !strings.Contains(got, "will run         adds ") || strings.Contains(got, "undo") {
		t.Errorf("a copy: got\n%s", got)
	}
	p.Steps[1].Effect, p.Steps[1].CanUndo = actions.Destructive, false
	if got := says(); !strings.Contains(got, " destructive ") || !strings.Contains(got, "undo: not possible") {
		t.Errorf("a copy that leaves a trace: got\n%s", got)
	}
}
