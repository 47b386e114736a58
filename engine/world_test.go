package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The actions of the tests: one for each way in which an effect can repeat.
type (
	thing  struct{ spec actions.Spec }
	params struct {
		Target string `json:"target,omitempty" doc:"what it acts on"`
		Count  int    `json:"count,omitempty" doc:"how many"`
	}
	result struct {
		State string `json:"state" doc:"how it is now"`
		Count int    `json:"count,omitempty" doc:"how many"`
	}
	undoable  struct{ thing }
	probeable struct{ undoable }
)

func (a thing) Spec() actions.Spec { return a.spec }
func (thing) Plan(context.Context, actions.Call, params) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (thing) Execute(context.Context, actions.Call, params) (result, error) { return result{}, nil }

func (undoable) Verify(context.Context, actions.Call, params, result) (actions.Reading, error) {
	return actions.Reading{}, nil
}
func (undoable) PlanUndo(context.Context, actions.Call, params, result) (actions.Preview, error) {
	return actions.Preview{}, nil
}
func (undoable) Undo(context.Context, actions.Call, params, result) error { return nil }
func (undoable) VerifyUndo(context.Context, actions.Call, params, result) (actions.Reading, error) {
	return actions.Reading{}, nil
}
func (probeable) Probe(context.Context, actions.Call, params) (actions.Found, result, error) {
	return actions.FoundUnknown, result{}, nil
}

func catalog() *actions.Registry {
	r := actions.NewRegistry()
	spec := func(name string, effect actions.Effect, repeat actions.Repeat) actions.Spec {
		return actions.Spec{Name: name, Version: 1, Title: "Test " + name, Doc: "For tests.", Effect: effect, Repeat: repeat, Settle: 10 * time.Second}
	}
	actions.Register(r, thing{spec("t.read", actions.Read, actions.Idempotent)})
	actions.Register(r, undoable{thing{spec("t.set", actions.Reversible, actions.Idempotent)}})
	actions.Register(r, undoable{thing{spec("t.keyed", actions.Destructive, actions.Keyed)}})
	actions.Register(r, probeable{undoable{thing{spec("t.probe", actions.Destructive, actions.Probe)}}})
	actions.Register(r, undoable{thing{spec("t.once", actions.Destructive, actions.Once)}})
	return r
}

func compile(t testing.TB, src string) *runbooks.Program {
	t.Helper()
	var all []*runbooks.Program
	for file := range strings.SplitSeq(src, "\n+++\n") { // a runbook that is called stands before the one that calls it
		p, faults := runbooks.Load("test.yaml", []byte(file), catalog(), all...)
		if faults.HasErrors() {
			var b strings.Builder
			faults.WriteText(&b, nil)
			t.Fatalf("the runbook does not compile:\n%s\n%s", b.String(), file)
		}
		all = append(all, p)
	}
	return all[len(all)-1]
}

// people of the tests.
func person(id string) engine.Actor {
	a := engine.Actor{Type: engine.Person, ID: id, Name: id, Via: "test:" + id}
	switch id {
	case "bob", "carol", "erin", "zoe":
		a.Groups = []string{"leads"}
	case "dave":
		a.Groups = []string{"bosses"}
	case "mallory":
		return engine.Actor{Type: engine.Stranger, Via: "test:mallory"}
	}
	if id == "erin" {
		a.Identities = []string{"host:h1"}
	}
	return a
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// started gives the fact that starts a program.
func started(t testing.TB, p *runbooks.Program, run string, inputs map[string]any, floor *engine.Floor, protected ...string) engine.Event {
	t.Helper()
	encoded, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if inputs == nil {
		inputs = map[string]any{}
	}
	data, err := json.Marshal(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Event{Run: run, Body: engine.RunStarted{
		Runbook: p.ID, Digest: p.Digest, Program: engine.Large{Value: encoded}, Inputs: data,
		Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "111122223333", Region: "eu-central-1"}, Floor: floor, Protected: protected,
	}}
}

// tape is an incident together with everything that was written about it.
type tape struct {
	t      testing.TB
	inc    *engine.Incident
	now    time.Time
	record []string // encoded facts
	blobs  map[string][]byte
}

func newTape(t testing.TB) *tape {
	return &tape{t: t, inc: engine.NewIncident(), now: noon, blobs: map[string][]byte{}}
}

// take hands in a fact and gives what was written for it.
func (p *tape) take(e engine.Event) ([]engine.Event, error) {
	p.now = p.now.Add(time.Microsecond)
	e.At, e.Seq = p.now, -1
	batch, err := p.inc.Advance(e)
	p.write(batch)
	return batch, err
}

func (p *tape) write(batch []engine.Event) {
	p.t.Helper()
	for _, e := range batch {
		data, attachments, err := engine.Encode(e)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, a := range attachments {
			p.blobs[digest(a)] = a
		}
		p.record = append(p.record, string(data))
	}
}

// replay folds the record into a new incident.
func (p *tape) replay() *engine.Incident {
	p.t.Helper()
	inc := engine.NewIncident()
	for n, data := range p.record {
		e, err := engine.Decode([]byte(data), func(d string) ([]byte, error) { return p.blobs[d], nil })
		if err != nil {
			p.t.Fatalf("record %d: %v", n, err)
		}
		if err := inc.Apply(e); err != nil {
			p.t.Fatalf("record %d %s does not follow: %v", n, e.Kind(), err)
		}
	}
	return inc
}

// crash forgets everything but the record, and goes on from there.
func (p *tape) crash() []engine.Event {
	p.t.Helper()
	p.inc = p.replay()
	var all []engine.Event
	for _, e := range p.inc.Doubtful("the server stopped") {
		batch, err := p.take(e)
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, batch...)
	}
	rest := p.inc.Quiet()
	p.write(rest)
	return append(all, rest...)
}

func digest(data []byte) string {
	l := engine.Large{Value: data}
	b, _ := l.MarshalJSON()
	var w struct{ SHA256 string }
	_ = json.Unmarshal(b, &w)
	return w.SHA256
}

// dump is everything about an incident that may matter later, as text.
func dump(i *engine.Incident) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q sev%d resolved=%v notes=%d now=%s\n", i.ID, i.Title, i.Severity, i.Resolved, i.Notes, i.Now.Format(time.RFC3339Nano))
	for _, r := range i.Runs {
		fmt.Fprintf(&b, "%s %s ending=%s reason=%q\n", r.ID, r.Status, r.Ending, r.Reason)
		for s := range r.All() {
			fmt.Fprintf(&b, "  %s %s params=%s state=%s digest=%.8s result=%s outputs=%v why=%q held=%s due=%s failure=%v reading=%v\n",
				s.ID, s.Status, s.Params, s.State, s.Digest, s.Result, s.Outputs, s.Why, s.Held, s.Due.Format(time.RFC3339Nano), s.Failure, s.Reading)
			if c := s.Containment; c != nil {
				fmt.Fprintf(&b, "    contained %+v\n", *c)
			}
			if a := s.Approval; a != nil {
				fmt.Fprintf(&b, "    approval %s %s from=%v votes=%d\n", a.ID, a.State, a.From, len(a.Votes))
			}
			for _, g := range s.Glasses() {
				fmt.Fprintf(&b, "    glass %s by=%s at=%s due=%s overdue=%v review=%v by=%s\n", g.ID, g.By.ID, g.At.Format(time.RFC3339Nano), g.Due.Format(time.RFC3339Nano), g.Overdue(), g.Review, g.Reviewer.ID)
			}
			for _, a := range s.Attempts {
				fmt.Fprintf(&b, "    attempt %d open=%v doubt=%q found=%s actor=%s\n", a.N, a.Open(), a.Doubt, a.Found, a.Actor)
			}
		}
	}
	for _, a := range i.Asks {
		fmt.Fprintf(&b, "ask %s %s %s closed=%v\n", a.ID, a.Type, a.Step.ID, a.Closed)
	}
	for _, c := range i.Commands() {
		fmt.Fprintf(&b, "owes %s\n", c.Ref())
	}
	return b.String()
}

func owes(i *engine.Incident) []string { return refsOf(i.Commands()) }

func refsOf(commands []engine.Command) []string {
	var refs []string
	for _, c := range commands {
		refs = append(refs, c.Ref())
	}
	return refs
}

// command finds the first owed command that is a C.
func command[C engine.Command](i *engine.Incident, step string) (C, bool) {
	for _, c := range i.Commands() {
		if typed, ok := c.(C); ok && strings.Contains(c.Ref(), "/"+step+"/") {
			return typed, true
		}
	}
	var none C
	return none, false
}
