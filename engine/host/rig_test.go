package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// rig is a host on a journal in memory, with a world to act upon.
type rig struct {
	t       testing.TB
	world   *world
	mem     *mem.Log
	wrap    func(journal.Log) journal.Log // what the host sees of the journal; nil: all of it
	host    *host.Host
	options host.Options
	skew    atomic.Int64 // how wrong the wall clock is

	mu     sync.Mutex
	fatal  []error // what Options.Fatal was called with, except by Kill
	killed bool
}

// newRig opens a host that can start the program of the steps, called "test".
// Whatever is left at the end of the test is let go.
func newRig(t testing.TB, steps string, set ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, world: newWorld()}
	var err error
	if r.mem, err = mem.New(mem.Options{}); err != nil {
		t.Fatal(err)
	}
	registry := r.world.catalog()
	program := compile(t, registry, steps)
	r.options = host.Options{
		Store: "s", Registry: registry, Programs: func() []*runbooks.Program { return []*runbooks.Program{program} },
		Environments: []host.Environment{{EnvironmentFacts: runbooks.EnvironmentFacts{Name: "prod"}}},
		Now:          func() time.Time { return time.Now().Add(time.Duration(r.skew.Load())) },
		Fatal: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !r.killed {
				r.fatal = append(r.fatal, err)
			}
		},
	}
	for _, f := range set {
		f(r)
	}
	r.open()
	t.Cleanup(func() {
		close(r.world.dead)
		host.Kill(r.host)
	})
	return r
}

func compile(t testing.TB, registry *actions.Registry, steps string) *runbooks.Program {
	t.Helper()
	return compileMore(t, registry, "test", "", steps)
}

// compileMore compiles the steps, and whatever follows them, with more at the
// top of the file; others are runbooks it may call.
func compileMore(t testing.TB, registry *actions.Registry, id, more, steps string, others ...*runbooks.Program) *runbooks.Program {
	t.Helper()
	src := "apiVersion: firebreak/v1\nkind: Runbook\nid: " + id + "\ntitle: Test\nowner: {team: t, contact: \"#t\"}\nbudget: 20m\n" + more + "steps:\n" + steps
	p, faults := runbooks.Load("test.yaml", []byte(src), registry, others...)
	if faults.HasErrors() {
		var b strings.Builder
		faults.WriteText(&b, nil)
		t.Fatalf("the runbook does not compile:\n%s", b.String())
	}
	return p
}

func (r *rig) open() {
	r.t.Helper()
	r.options.Journal = r.mem
	if r.wrap != nil {
		r.options.Journal = r.wrap(r.mem)
	}
	h, err := host.Open(r.t.Context(), r.options)
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	r.host = h
}

// crash drops the host with everything in flight, and opens another one on
// what the journal holds.
func (r *rig) crash() {
	r.t.Helper()
	r.drop()
	r.open()
}

func (r *rig) drop() {
	r.t.Helper()
	fresh, err := r.mem.Reopen() // from here on the old host can write nothing
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.killed = true
	r.mu.Unlock()
	host.Kill(r.host)
	r.mu.Lock()
	r.killed = false
	r.mu.Unlock()
	r.mem = fresh
}

// person gives the people of the tests.
func person(id string) engine.Actor {
	a := engine.Actor{Type: engine.Person, ID: id, Name: id, Via: "test:" + id}
	switch id {
	case "bob", "carol", "erin", "frank":
		a.Groups = []string{"leads"}
	case "dave":
		a.Groups = []string{"bosses"}
	case "mallory":
		return engine.Actor{Type: engine.Stranger, Via: "test:mallory"}
	}
	return a
}

func by(id string) engine.Request { return engine.Request{Actor: person(id), Verb: "test"} }

func (r *rig) declare() string {
	r.t.Helper()
	receipt, err := r.host.Declare(context.Background(), by("alice"), "a leak", 2, false)
	if err != nil {
		r.t.Fatalf("declare: %v", err)
	}
	return receipt.Incident
}

// start declares an incident and begins the run.
func (r *rig) start() string {
	r.t.Helper()
	id := r.declare()
	if _, err := r.host.Start(context.Background(), by("alice"), id, engine.RunRequest{Runbook: "test"}); err != nil {
		r.t.Fatalf("start: %v", err)
	}
	return id
}

func (r *rig) submit(who, id, step string, body engine.Body) error {
	run := "R1"
	if step == "" {
		switch body.(type) {
		case engine.Noted, engine.Resolved:
			run = ""
		}
	}
	_, err := r.host.Submit(context.Background(), by(who), id, run, step, body)
	return err
}

// must submits what has to be followed.
func (r *rig) must(who, id, step string, body engine.Body) {
	r.t.Helper()
	if err := r.submit(who, id, step, body); err != nil {
		r.t.Fatalf("%s by %s: %v", body.Kind(), who, err)
	}
}

// approve votes yes on what the step asks now.
func (r *rig) approve(who, id, step string) {
	r.t.Helper()
	r.must(who, id, step, engine.Vote{Approval: r.approval(id, step), Approve: true})
}

func (r *rig) approval(id, step string) string {
	r.t.Helper()
	var ask string
	r.step(id, step, func(s *engine.Step) {
		if s.Approval != nil {
			ask = s.Approval.ID
		}
	})
	return ask
}

func (r *rig) view(id string, look func(*engine.Incident)) {
	r.t.Helper()
	if err := r.host.View(context.Background(), id, look); err != nil {
		r.t.Fatalf("view %s: %v", id, err)
	}
}

func (r *rig) step(id, step string, look func(*engine.Step)) {
	r.t.Helper()
	found := false
	r.view(id, func(i *engine.Incident) {
		if run, ok := i.Run("R1"); ok {
			if s, ok := run.Step(step); ok {
				found = true
				look(s)
			}
		}
	})
	if !found {
		r.t.Fatalf("%s has no step %s", id, step)
	}
}

func (r *rig) status(id, step string) (status engine.StepStatus) {
	r.t.Helper()
	r.step(id, step, func(s *engine.Step) { status = s.Status })
	return status
}

func (r *rig) run(id string) (status engine.RunStatus) {
	r.t.Helper()
	r.view(id, func(i *engine.Incident) {
		if run, ok := i.Run("R1"); ok {
			status = run.Status
		}
	})
	return status
}

// until lets time pass until cond holds, an hour at most.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	for n := range 3_700 {
		if cond() {
			return
		}
		<-time.After(soon(n))
	}
	r.t.Fatalf("it never came to: %s", what)
}

// soon is when to look for the n-th time: a tenth of a second for ten seconds,
// then a second.
func soon(n int) time.Duration {
	if n < 100 {
		return 100 * time.Millisecond
	}
	return time.Second
}

func (r *rig) reach(id, step string, want engine.StepStatus) {
	r.t.Helper()
	for n := range 3_700 {
		if r.status(id, step) == want {
			return
		}
		<-time.After(soon(n))
	}
	var why string
	r.step(id, step, func(s *engine.Step) { why = fmt.Sprintf("%s: %s %v", s.Status, s.Why, s.Failure) })
	r.t.Fatalf("step %s never became %s, it is %s\n%s", step, want, why, strings.Join(r.kinds(id), "\n"))
}

func (r *rig) events(id string) []engine.Event {
	r.t.Helper()
	var list []engine.Event
	for e, err := range r.host.Events(context.Background(), id) {
		if err != nil {
			r.t.Fatalf("events of %s: %v", id, err)
		}
		list = append(list, e)
	}
	return list
}

// kinds lists what was written, one word and the step each.
func (r *rig) kinds(id string) []string {
	r.t.Helper()
	var list []string
	for _, e := range r.events(id) {
		word := string(e.Kind())
		if e.Step != "" {
			word += " " + e.Step
		}
		list = append(list, word)
	}
	return list
}

func (r *rig) tally(id string, kind engine.Kind) int {
	r.t.Helper()
	return len(slices.DeleteFunc(r.events(id), func(e engine.Event) bool { return e.Kind() != kind }))
}

// audit reads the record of an incident as a stranger would, and compares
// what the host knows with it.
func (r *rig) audit(id string) {
	r.t.Helper()
	var known int64
	r.view(id, func(i *engine.Incident) { known = i.Facts })
	if n := len(r.events(id)); known != int64(n) {
		r.t.Errorf("the host knows %d facts of %s and %d are on record", known, id, n)
	}
	a := engine.NewAudit()
	for _, e := range r.events(id) {
		for _, wrong := range a.Take(e) {
			r.t.Errorf("audit of %s: %s", id, wrong)
		}
	}
}

func refused(err error) engine.Code {
	if r, ok := errors.AsType[*engine.Refusal](err); ok {
		return r.Code
	}
	return ""
}

// refusals lists the codes of what was refused, in a stream of the journal.
func (r *rig) refusals(stream string) []engine.Code {
	r.t.Helper()
	var codes []engine.Code
	for _, e := range r.events(stream) {
		if b, ok := e.Body.(engine.Refused); ok {
			codes = append(codes, b.Code)
		}
	}
	return codes
}
