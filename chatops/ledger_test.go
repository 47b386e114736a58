package chatops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The actions of the tests, one for each effect and way to repeat.
type (
	thing  struct{ spec actions.Spec }
	params struct {
		Target string `json:"target,omitempty" doc:"what it acts on"`
		Count  int    `json:"count,omitempty" doc:"how many"`
	}
	result struct {
		State string `json:"state" doc:"how it is now"`
	}
	undoable struct{ thing }
)

func (a thing) Spec() actions.Spec { return a.spec }
func (thing) Plan(context.Context, actions.Call, params) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (thing) Execute(context.Context, actions.Call, params) (result, error) { return result{}, nil }
func (thing) Verify(context.Context, actions.Call, params, result) (actions.Reading, error) {
	return actions.Reading{}, nil
}
func (undoable) PlanUndo(context.Context, actions.Call, params, result) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (undoable) Undo(context.Context, actions.Call, params, result) error { return nil }
func (undoable) VerifyUndo(context.Context, actions.Call, params, result) (actions.Reading, error) {
	return actions.Reading{}, nil
}

const approval = "    approval: {from: [group:leads], quorum: 1, expires: 15m}\n"

// sources are the runbooks of the tests.
var sources = []string{`
apiVersion: firebreak/v1
kind: Runbook
id: contain
title: Contain a host
owner: {team: blue}
budget: 20m
inputs:
  host: {type: string, description: Which host}
steps:
  - id: look
    title: Look at the host
    uses: t.read
    with: {target: "${{ inputs.host }}"}
  - id: isolate
    title: Isolate the host
    uses: t.set
    with: {target: "${{ inputs.host }}", count: 2}
` + approval + `  - id: call
    title: Call the owner
    manual: |
      Call the owner of ${{ inputs.host }}.
      Say what was done.
`, `
apiVersion: firebreak/v1
kind: Runbook
id: wipe
title: Wipe a host
owner: {team: blue}
inputs:
  host: {type: string, description: Which host}
steps:
  - id: wipe
    title: Wipe the disk
    uses: t.once
    with: {target: "${{ inputs.host }}"}
    on_failure: ask
    waive: []
` + approval,
}

// wide are runbooks that only some conversations know: they loop, wait, call
// another one and contain for a time.
var wide = []string{`
apiVersion: firebreak/v1
kind: Runbook
id: sweep
title: Isolate many hosts
owner: {team: blue}
inputs:
  hosts: {type: list, of: {type: string, pattern: "[a-z0-9-]+"}, max: 200, description: Which hosts}
  tags: {type: map, of: string, default: {}, description: Tags to set}
  deep: {type: bool, default: true}
  account: {type: aws.account_id, default: "111122223333", description: Where}
steps:
  - id: isolate
    title: Isolate each host
    uses: t.set
    for_each: {in: inputs.hosts, max_parallel: 3, max_errors: 2}
    with: {target: "${{ item }}"}
    approval: {from: [group:leads], quorum: 1, expires: 15m, remind: 5m}
    contains: {expires: 24h}
  - id: settle
    wait: 10m
  - id: other
    title: Contain the first host
    runbook: contain
    with: {host: "${{ inputs.hosts[0] }}"}
  - id: review
    title: Look at the logs
    manual:
      instructions: Is there anything in the logs?
      answer: {type: string, enum: [nothing, something], description: What you found}
    timeout: 2h
outputs:
  isolated: 'steps.isolate.status == "done" ? steps.isolate.outputs.done : 0'
  found: 'steps.review.status == "done" ? steps.review.outputs.answer : "nobody looked"'
on_cancel:
  - id: tell
    title: Tell the owner
    uses: t.read
    with: {target: "${{ inputs.hosts[0] }}"}
`}

func catalog() *actions.Registry {
	r := actions.NewRegistry()
	spec := func(name string, effect actions.Effect, repeat actions.Repeat) actions.Spec {
		return actions.Spec{Name: name, Version: 1, Title: "Test " + name, Doc: "For tests.", Effect: effect, Repeat: repeat}
	}
	actions.Register(r, thing{spec("t.read", actions.Read, actions.Idempotent)})
	actions.Register(r, undoable{thing{spec("t.set", actions.Reversible, actions.Idempotent)}})
	actions.Register(r, thing{spec("t.once", actions.Destructive, actions.Once)})
	return r
}

func programs(t testing.TB) []*runbooks.Program {
	t.Helper()
	return load(t, sources)
}

func load(t testing.TB, sources []string, others ...*runbooks.Program) []*runbooks.Program {
	t.Helper()
	var list []*runbooks.Program
	for _, src := range sources {
		p, faults := runbooks.Load("test.yaml", []byte(strings.ReplaceAll(src, "    waive: []\n", "")), catalog(), others...)
		if faults.HasErrors() {
			var b strings.Builder
			faults.WriteText(&b, nil)
			t.Fatalf("a runbook of the tests does not compile:\n%s", b.String())
		}
		list = append(list, p)
	}
	return list
}

// ledger is an engine.Incidents in memory: the real core, and a world that
// answers at once as the test says.
type ledger struct {
	t        testing.TB
	now      time.Time
	list     []*engine.Incident
	programs []*runbooks.Program
	nonces   map[string]bool
	started  map[string]bool // commands that were answered
	seq      int64
	refused  []note            // what was written down as refused, in order
	calls    []string          // methods that were called, in order
	outcome  map[string]string // by step: "fail", "unknown", "lost"
	targets  int               // how many targets a plan names
	exported ExportOptions     // of the last export
	deep     string            // text that the world puts into what it says
	broken   error             // of every write
}

type note struct {
	incident string
	actor    engine.Actor
	verb     string
	code     engine.Code
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newLedger(t testing.TB) *ledger {
	return &ledger{t: t, now: noon, programs: programs(t), nonces: map[string]bool{}, started: map[string]bool{}, outcome: map[string]string{}, targets: 1}
}

func (l *ledger) find(id string) (*engine.Incident, *engine.Refusal) {
	for _, i := range l.list {
		if i.ID == id {
			return i, nil
		}
	}
	return nil, engine.Refuse(engine.NoIncident, "there is no incident %s", id)
}

func (l *ledger) note(req engine.Request, incident string, refusal *engine.Refusal) error {
	l.refused = append(l.refused, note{incident, req.Actor, req.Verb, refusal.Code})
	l.seq++
	return refusal
}

// write applies a fact and what follows, then lets the world answer.
func (l *ledger) write(req engine.Request, i *engine.Incident, e engine.Event) (engine.Receipt, error) {
	if l.broken != nil {
		return engine.Receipt{}, l.broken
	}
	if req.Nonce != "" && l.nonces[req.Nonce] {
		return engine.Receipt{}, l.note(req, i.ID, engine.Refuse(engine.Duplicate, "this request came before and was followed then; nothing was done again"))
	}
	l.now = l.now.Add(time.Second)
	e.At, e.Actor, e.Seq = l.now, req.Actor, l.seq
	facts, err := i.Advance(e)
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
		return engine.Receipt{}, l.note(req, i.ID, refusal)
	}
	if err != nil {
		return engine.Receipt{}, err
	}
	if req.Nonce != "" {
		l.nonces[req.Nonce] = true
	}
	first := l.seq
	l.seq += int64(len(facts))
	i.Wrote(l.seq - 1)
	l.world(i)
	return engine.Receipt{Incident: i.ID, Run: e.Run, Seq: first}, nil
}

// world answers every command that it did not answer yet.
func (l *ledger) world(i *engine.Incident) {
	for again := true; again; {
		again = false
		for _, cmd := range i.Commands() {
			ref := i.ID + " " + cmd.Ref()
			if l.started[ref] {
				continue
			}
			e, ok := l.reply(cmd)
			if !ok {
				continue
			}
			l.started[ref] = true
			l.now = l.now.Add(100 * time.Millisecond)
			e.At, e.Actor, e.Seq = l.now, engine.TheEngine, l.seq
			facts, err := i.Advance(e)
			if err != nil {
				l.t.Fatalf("the world's answer to %s does not follow: %v", ref, err)
			}
			l.seq += int64(len(facts))
			again = true
			break
		}
	}
}

func (l *ledger) reply(cmd engine.Command) (engine.Event, bool) {
	switch c := cmd.(type) {
	case engine.PlanStep:
		step := l.step(c.Task)
		p := actions.Preview{Changes: []string{"set " + orElse(l.deep, "the host") + " apart"}, Calls: []string{"t:Set"}, Warnings: []string{"its sessions stay alive"}}
		if item, ok := step.Item.(string); ok {
			p.Targets = []actions.Target{{Type: "host", ID: item}}
		}
		for n := range l.targets {
			if step.Item != nil {
				break
			}
			p.Targets = append(p.Targets, actions.Target{Type: "host", ID: fmt.Sprintf("h%d%s", n+1, l.deep), Account: "111122223333"})
		}
		return engine.Event{Run: c.Run, Step: c.Step, Body: engine.StepPlanned{N: c.N, Preview: p, Digest: step.PlanDigest(p), State: engine.Large{Value: json.RawMessage(`{"was":"up"}`)}}}, true
	case engine.RunEffect:
		b := engine.EffectOutcome{Attempt: c.Call.Attempt, Epoch: 1, Millis: 42, Requests: []actions.Request{{Operation: "t:Set", ID: "req-1"}}, Result: engine.Large{Value: json.RawMessage(`{"state":"apart"}`)}}
		switch l.outcome[c.Step] {
		case "fail":
			b.Failure, b.Result = &engine.Failure{Class: actions.Denied, Message: "no right to do this" + l.deep}, engine.Large{}
		case "unknown":
			b.Failure, b.Result = &engine.Failure{Class: actions.Unknown, Message: "the answer was lost"}, engine.Large{}
		case "slow":
			return engine.Event{}, false
		}
		return engine.Event{Run: c.Run, Step: c.Step, Body: b}, true
	case engine.VerifyEffect:
		return engine.Event{Run: c.Run, Step: c.Step, Body: engine.EffectVerified{Attempt: c.Call.Attempt, Readings: 1, Reading: actions.Reading{Verdict: actions.Verified, Detail: "the host is apart"}}}, true
	case engine.Wake:
		if !c.At.After(l.now) {
			return engine.Event{Run: c.Run, Step: c.Step, Body: engine.TimerFired{Ref: c.Timer, Due: engine.At(c.At)}}, true
		}
	}
	return engine.Event{}, false
}

func (l *ledger) step(task engine.Task) *engine.Step {
	for _, i := range l.list {
		if i.ID != task.Call.Incident {
			continue
		}
		if r, ok := i.Run(task.Run); ok {
			if s, ok := r.Step(task.Step); ok {
				return s
			}
		}
	}
	l.t.Fatalf("no step %s/%s", task.Run, task.Step)
	return nil
}

// later lets time pass and timers fire.
func (l *ledger) later(d time.Duration) {
	l.now = l.now.Add(d)
	for _, i := range l.list {
		l.world(i)
	}
}

// bind gives an incident its channel.
func (l *ledger) bind(id, channel string) {
	i, refusal := l.find(id)
	if refusal != nil {
		l.t.Fatal(refusal)
	}
	if _, err := i.Advance(engine.Event{At: l.now, Actor: engine.TheEngine, Body: engine.ChannelBound{Channel: channel, Name: strings.ToLower(id)}}); err != nil {
		l.t.Fatal(err)
	}
	l.seq++
}

func (l *ledger) Declare(_ context.Context, req engine.Request, title string, severity int, private bool) (engine.Receipt, error) {
	l.calls = append(l.calls, "Declare")
	i := engine.NewIncident()
	id := fmt.Sprintf("INC-%d", len(l.list)+1)
	r, err := l.write(req, i, engine.Event{Body: engine.Declared{ID: id, Title: title, Severity: severity, Private: private, Store: "store"}})
	if err == nil {
		l.list = append(l.list, i)
		r.Incident = id
	}
	return r, err
}

func (l *ledger) Start(_ context.Context, req engine.Request, incident string, run engine.RunRequest) (engine.Receipt, error) {
	l.calls = append(l.calls, "Start")
	i, refusal := l.find(incident)
	if refusal != nil {
		return engine.Receipt{}, l.note(req, "", refusal)
	}
	n := slices.IndexFunc(l.programs, func(p *runbooks.Program) bool { return p.ID == run.Runbook })
	if n < 0 {
		return engine.Receipt{}, l.note(req, incident, engine.Refuse(engine.NoRunbook, "there is no runbook %q", run.Runbook))
	}
	p := l.programs[n]
	if run.Environment != "" && run.Environment != "prod" {
		return engine.Receipt{}, l.note(req, incident, engine.Refuse(engine.WrongPlace, "there is no environment %q; there is prod", run.Environment))
	}
	inputs, problems := p.CoerceInputs(run.Inputs)
	if len(problems) > 0 {
		return engine.Receipt{}, l.note(req, incident, engine.Refuse(engine.InputInvalid, "the inputs of %q do not fit: %s", p.ID, problems.Error()))
	}
	if now := engine.RunDigest(p.Digest, inputs, "prod"); run.Digest != "" && !strings.HasPrefix(now, run.Digest) {
		return engine.Receipt{}, l.note(req, incident, engine.Refuse(engine.PlanChanged, "you planned %s and this would be another; plan again", run.Digest))
	}
	encoded, err := p.Encode()
	if err != nil {
		return engine.Receipt{}, err
	}
	data, err := json.Marshal(inputs)
	if err != nil {
		return engine.Receipt{}, err
	}
	return l.write(req, i, engine.Event{Run: fmt.Sprintf("R%d", len(i.Runs)+1), Body: engine.RunStarted{
		Runbook: p.ID, Digest: p.Digest, Program: engine.Large{Value: encoded}, Inputs: data, Environment: runbooks.EnvironmentFacts{Name: "prod"},
	}})
}

func (l *ledger) Submit(_ context.Context, req engine.Request, incident, run, step string, body engine.Body) (engine.Receipt, error) {
	l.calls = append(l.calls, "Submit "+string(body.Kind()))
	i, refusal := l.find(incident)
	if refusal != nil {
		return engine.Receipt{}, l.note(req, "", refusal)
	}
	return l.write(req, i, engine.Event{Run: run, Step: step, Body: body})
}

func (l *ledger) Refuse(_ context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	l.calls = append(l.calls, "Refuse")
	if l.broken != nil {
		return l.broken
	}
	if incident != "" {
		if _, missing := l.find(incident); missing != nil {
			return missing
		}
	}
	_ = l.note(req, incident, refusal)
	return nil
}

func (l *ledger) View(_ context.Context, incident string, look func(*engine.Incident)) error {
	i, refusal := l.find(incident)
	if refusal != nil {
		return refusal
	}
	l.calls = append(l.calls, "View "+incident)
	look(i)
	return nil
}

func (l *ledger) List(context.Context) ([]engine.Summary, error) {
	l.calls = append(l.calls, "List")
	var list []engine.Summary
	for _, i := range slices.Backward(l.list) {
		s := engine.Summary{ID: i.ID, Title: i.Title, Severity: i.Severity, Private: i.Private, Resolved: i.Resolved, Declared: engine.At(i.DeclaredAt), By: i.DeclaredBy.ID}
		if i.Channel != nil {
			s.Channel = i.Channel.Channel
		}
		for _, r := range i.Runs {
			if !r.Status.Ended() {
				s.Active++
			}
		}
		for _, a := range i.Asks {
			if !a.Closed {
				s.Asks++
			}
		}
		list = append(list, s)
	}
	return list, nil
}

func (l *ledger) Events(context.Context, string) iter.Seq2[engine.Event, error] {
	return func(func(engine.Event, error) bool) {}
}

func (l *ledger) Programs() []*runbooks.Program { return l.programs }

func (l *ledger) Head(context.Context, string) (int64, string, error) {
	return l.seq, "0123456789abcdef", nil
}

// Plan, Formats, Export and Timeline stand for engine/plan and engine/timeline.
func (l *ledger) Plan(_ context.Context, _ engine.Actor, incident string, run engine.RunRequest) (Message, error) {
	l.calls = append(l.calls, "Plan")
	if run.Inputs["host"] == "" {
		return Message{}, engine.Refuse(engine.InputInvalid, "input host is missing; type: plan %s host=...", run.Runbook)
	}
	return Message{Title: "Plan of " + run.Runbook, Parts: []Part{{Text: "would act on " + Visible(run.Inputs["host"])}}}, nil
}

func (l *ledger) Formats() []string { return []string{"md", "json"} }

func (l *ledger) Export(_ context.Context, req engine.Request, incident string, o ExportOptions, w io.Writer) (string, error) {
	l.calls, l.exported = append(l.calls, "Export"), o
	_, err := io.WriteString(w, "the record of "+incident)
	return incident + "." + o.Format, err
}

func (l *ledger) Timeline(_ context.Context, incident string, last int) ([]Line, error) {
	l.calls = append(l.calls, "Timeline")
	return []Line{{Mark: "•", Text: fmt.Sprintf("12:00:01 %s was declared (last %d)", incident, last)}}, nil
}

// people is the directory of the tests.
func people() *Directory {
	return &Directory{
		People: []PersonEntry{
			{ID: "ann", Name: "Ann", Slack: "T1/U1", OSUser: "ann"}, // no roles
			{ID: "rita", Name: "Rita", Slack: "T1/U2", Roles: []Role{Responder}},
			{ID: "carl", Name: "Carl", Slack: "T1/U3", Roles: []Role{Commander}, Identities: []string{"host:h1"}},
			{ID: "olga", Name: "Olga", Slack: "T1/U4", Roles: []Role{Auditor}},
			{ID: "adam", Name: "Adam", Slack: "T1/U5", Roles: []Role{Admin}},
			{ID: "rob", Name: "Rob", Slack: "T1/U6", Roles: []Role{Reporter}},
			{ID: "lea", Name: "Lea", Slack: "T1/U7", Roles: []Role{Reporter}}, // is asked
			{ID: "leo", Name: "Leo", Slack: "T1/U8", Roles: []Role{Responder}},
		},
		Groups: map[string][]string{"leads": {"lea", "leo", "carl", "rita"}},
	}
}

// actor finds somebody of the tests; "stranger" and "guest" are not known.
func actor(t testing.TB, id string) engine.Actor {
	t.Helper()
	switch id {
	case "stranger":
		return engine.Actor{Type: engine.Stranger, Via: "slack:T9/U9"}
	case "guest":
		return engine.Actor{Type: engine.Stranger, Via: "slack:T1/U99", Name: "you are a guest of this workspace"}
	}
	d := people()
	p, ok := d.Person(id)
	if !ok {
		t.Fatalf("there is no %s in the tests", id)
	}
	team, user, _ := strings.Cut(p.Slack, "/")
	a, _ := d.BySlack(team, user)
	return a
}

func newBot(l *ledger, p Policy) *Bot {
	return NewBot(Options{
		Incidents: l, Directory: people, Planner: l, Exporter: l, Policy: p, Word: "/incident", Environments: []string{"prod"},
		Now: func() time.Time { return l.now },
	})
}
