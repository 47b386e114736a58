package rehearsal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// live is an exercise that people play, in a bubble whose time does not pass by
// itself.
type live struct {
	t       *testing.T
	log     *mem.Log
	st      *rehearsal.Stage
	id      string
	options rehearsal.Options
	people  map[string]engine.Actor
	skew    time.Duration // how wrong the clock outside is
	fatal   []error
}

// bubble begins an exercise and runs f.
func bubble(t *testing.T, p *runbooks.Program, s *runbooks.Scenario, r rehearsal.Request, f func(l *live), set ...func(*live)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &live{t: t, log: memory(t), people: map[string]engine.Actor{}}
		l.options = rehearsal.Options{
			Store: "drills", Clock: skewed{&l.skew},
			Programs:  func() []*runbooks.Program { return []*runbooks.Program{p} },
			Scenarios: func() []*runbooks.Scenario { return []*runbooks.Scenario{s} },
			Fatal:     func(err error) { l.fatal = append(l.fatal, err) },
		}
		for _, one := range append([]runbooks.TestPerson{s.Facilitator}, s.People...) {
			l.people[one.ID] = rehearsal.Person(one, "")
		}
		for _, f := range set {
			f(l)
		}
		l.open()
		r.Scenario = s.ID
		receipt, err := l.st.Begin(t.Context(), engine.Request{Actor: l.people["fran"], Nonce: "begin", Verb: "drill start"}, r)
		if err != nil {
			t.Fatal(err)
		}
		l.id = receipt.Incident
		f(l)
		findings, err := l.st.Findings(t.Context(), l.id)
		if err != nil || len(findings) > 0 {
			t.Errorf("findings %q, %v", findings, err)
		}
		l.st.Close(t.Context())
	})
}

type skewed struct{ by *time.Duration }

func (s skewed) Now() time.Time { return time.Now().Add(*s.by) }
func (s skewed) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

func (l *live) open() {
	l.t.Helper()
	l.options.Journal = l.log
	st, err := rehearsal.Open(l.t.Context(), l.options)
	if err != nil {
		l.t.Fatal(err)
	}
	l.st = st
}

// crash drops the stage as it is, and opens another one on the same store.
func (l *live) crash() {
	l.t.Helper()
	fresh, err := l.log.Reopen() // from here on the old stage can write nothing
	if err != nil {
		l.t.Fatal(err)
	}
	old := l.st
	l.log = fresh
	l.open()
	old.Close(l.t.Context()) // lets its goroutines go; what it could still do comes too late
}

// pass lets time pass outside.
func (l *live) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// types hands in a line; refused is part of what must be said, empty: it must be followed.
func (l *live) types(who, line, refused string) {
	l.t.Helper()
	actor, ok := l.people[who]
	if !ok {
		l.t.Fatalf("nobody is called %q", who)
	}
	err := typed(l.t.Context(), l.st, l.id, runbooks.ScriptLine{By: who, Type: line}, actor)
	switch {
	case refused == "" && err != nil:
		l.t.Fatalf("%s: %s: %v\n%s", who, line, err, strings.Join(l.told(), "\n"))
	case refused != "" && (err == nil || !strings.Contains(err.Error(), refused)):
		l.t.Fatalf("%s: %s: %v, want %q", who, line, err, refused)
	}
}

func (l *live) events() []engine.Event {
	l.t.Helper()
	var list []engine.Event
	for e, err := range l.st.Events(l.t.Context(), l.id) {
		if err != nil {
			l.t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func (l *live) told() []string { return told(l.events()) }

// count counts facts of a kind about a step; "" about any.
func (l *live) count(body engine.Body, step string) int {
	n := 0
	for _, e := range l.events() {
		if e.Kind() == body.Kind() && (step == "" || e.Step == step) {
			n++
		}
	}
	return n
}

// status is where a step stands; "" before there is a run.
func (l *live) status(step string) (status engine.StepStatus) {
	l.t.Helper()
	l.view(func(i *engine.Incident) {
		if r, ok := i.Run(""); ok {
			if s, ok := r.Step(step); ok {
				status = s.Status
			}
		}
	})
	return status
}

func (l *live) view(f func(*engine.Incident)) {
	l.t.Helper()
	if err := l.st.View(l.t.Context(), l.id, f); err != nil {
		l.t.Fatal(err)
	}
}

// elapsed is the time of the exercise since it began.
func (l *live) elapsed() time.Duration {
	l.t.Helper()
	now, err := l.st.Now(l.t.Context(), l.id)
	if err != nil {
		l.t.Fatal(err)
	}
	var began time.Time
	l.view(func(i *engine.Incident) { began = i.Drill.StartedAt })
	return now.Sub(began).Round(time.Millisecond)
}

func (l *live) wants(what string, got, want any) {
	l.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		l.t.Errorf("%s: %v, want %v\n%s", what, got, want, strings.Join(l.told(), "\n"))
	}
}

const (
	waits = `  - id: wait
    wait: 1h
  - id: look
    manual: Look.
`
	twoApprove = `  - id: once
    uses: test.once
    with: {target: h}
    approval: {from: [group:leads], quorum: 2, expires: 15m}
    timeout: 30s
    on_failure: stop
`
	onceWorks = "answers: {once: {outputs: {target: h}}}\nend: {max: 10h}\n"
)

// The clock runs so many times as fast while a run is going and nobody is asked,
// as fast as outside when somebody is, and not at all while the exercise is
// held. A change counts at once.
func TestPace(t *testing.T) {
	p := made(t, waits)
	s := short(t, p, "answers: {}\nend: {max: 10h}\n")
	bubble(t, p, s, rehearsal.Request{Pace: 60}, func(l *live) {
		l.pass(10 * time.Second)
		l.wants("before the run", l.elapsed(), 10*time.Second)
		l.types("ann", "run made", "")
		l.pass(10 * time.Second)
		l.wants("in the run", l.elapsed(), 10*time.Second+10*time.Minute)
		l.types("fran", "hold a question", "")
		l.pass(time.Hour)
		l.wants("while held", l.elapsed(), 10*time.Second+10*time.Minute)
		l.types("ann", "skip wait", "the exercise is held")
		l.types("ann", "note what I think", "")
		l.types("fran", "go", "")
		l.pass(10 * time.Second)
		l.wants("after it", l.elapsed(), 10*time.Second+20*time.Minute)
		l.types("fran", "speed 600", "")
		l.pass(3999 * time.Millisecond)
		l.wants("shortly before the end of the wait", l.status("wait"), engine.StepSleeping)
		l.pass(2 * time.Millisecond)
		l.wants("at its end", l.status("wait"), engine.StepDone)
		asked := l.elapsed()
		l.pass(10 * time.Second)
		l.wants("while somebody is asked", l.elapsed()-asked, 10*time.Second)
		l.types("fran", "speed 1001", "1 to 1000 times")
		l.types("fran", "advance 2h", "")
		l.wants("advanced", (l.elapsed() - asked).Round(time.Second), 2*time.Hour+10*time.Second)
		l.types("ann", "done look nothing", "")
		l.wants("the end", l.status("look"), engine.StepDone)
		l.pass(10 * time.Hour)
		l.view(func(i *engine.Incident) { l.wants("its time is over", i.Drill.Why, engine.EndTime) })
	})
}

// Time that is advanced passes an approval by: it expires at its own time, and
// a late yes does not count.
func TestAdvanceOverExpiry(t *testing.T) {
	p := made(t, twoApprove)
	bubble(t, p, short(t, p, onceWorks), rehearsal.Request{}, func(l *live) {
		l.types("ann", "run made", "")
		l.pass(5 * time.Second)
		l.types("bob", "approve once", "")
		l.types("fran", "advance 20m", "")
		l.wants("the step", l.status("once"), engine.StepRefused)
		l.types("cat", "approve once", "expired")
		var asked, closed time.Time
		for _, e := range l.events() {
			switch e.Body.(type) {
			case engine.ApprovalRequested:
				asked = e.At
			case engine.ApprovalClosed:
				closed = e.At
			}
		}
		l.wants("it expired after", closed.Sub(asked).Round(time.Millisecond), 15*time.Minute)
		l.wants("effects", l.count(engine.EffectIntent{}, ""), 0)
	})
}

// A hold in the middle of time that is advanced keeps the rest of it for later.
func TestHeldWhileAdvancing(t *testing.T) {
	p := made(t, waits)
	s := short(t, p, "answers: {}\nend: {max: 10h}\n")
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		l.types("fran", "hold it", "")
		l.types("fran", "advance 1h", "")
		l.pass(time.Minute)
		l.wants("held", l.elapsed(), time.Duration(0))
		l.types("fran", "go", "")
		l.wants("going", l.elapsed().Round(time.Second), time.Hour)
		l.types("fran", "advance 169h", "up to 168h")
	})
}

// Whatever the clock outside does while nobody is there, the time of an exercise
// never goes back, and waits until its facilitator lets it go on.
func TestRestartHolds(t *testing.T) {
	p := made(t, waits)
	s := short(t, p, "answers: {}\nend: {max: 10h}\n")
	bubble(t, p, s, rehearsal.Request{Pace: 60}, func(l *live) {
		l.types("ann", "run made", "")
		l.pass(30 * time.Second) // half an hour
		l.types("ann", "note half an hour is over", "")
		l.skew = -48 * time.Hour
		l.crash()
		l.view(func(i *engine.Incident) { l.wants("held", i.Drill.Held, true) })
		before := l.elapsed()
		l.pass(10 * time.Hour)
		l.wants("while held", l.elapsed(), before)
		l.types("ann", "skip wait", "the exercise is held")
		l.crash()
		l.wants("held once", l.count(engine.DrillHeld{}, ""), 1)
		l.types("fran", "go", "")
		l.pass(29 * time.Second)
		l.wants("shortly before the end of the wait", l.status("wait"), engine.StepSleeping)
		l.pass(2 * time.Second)
		l.wants("at its end", l.status("wait"), engine.StepDone)
		var last time.Time
		for _, e := range l.events() {
			if !e.At.After(last) && e.Actor.Type == engine.Person || e.At.Before(last) {
				t.Errorf("%s goes back to %s from %s", e.Kind(), e.At, last)
			}
			last = e.At
		}
		l.elapsed()
		l.skew = -96 * time.Hour // set back while it runs
		at := l.elapsed()
		l.pass(time.Minute)
		l.wants("a minute of a clock that was set back", (l.elapsed() - at).Round(time.Second), time.Minute)
		l.types("ann", "done look nothing", "")
	})
}

// The same request twice is followed once, also after a restart; a fact that
// was written keeps its answer.
func TestNonces(t *testing.T) {
	p := made(t, twoApprove)
	bubble(t, p, short(t, p, onceWorks), rehearsal.Request{}, func(l *live) {
		say := func(nonce string) error {
			_, err := l.st.Submit(t.Context(), engine.Request{Actor: l.people["ann"], Nonce: nonce}, l.id, "", "", engine.Noted{Text: "x", Class: engine.Observation})
			return err
		}
		start := func(nonce string) error {
			_, err := l.st.Start(t.Context(), engine.Request{Actor: l.people["ann"], Nonce: nonce}, l.id, engine.RunRequest{Runbook: "made"})
			return err
		}
		duplicate := func(what string, err error) {
			if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Code != engine.Duplicate {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := say("n1"); err != nil {
			t.Fatal(err)
		}
		duplicate("a note", say("n1"))
		if err := start("n2"); err != nil {
			t.Fatal(err)
		}
		duplicate("a run", start("n2"))
		_, err := l.st.Begin(t.Context(), engine.Request{Actor: l.people["fran"], Nonce: "begin"}, rehearsal.Request{Scenario: "short"})
		duplicate("a beginning", err)
		l.crash()
		l.types("fran", "go", "")
		duplicate("a note after a restart", say("n1"))
		l.pass(5 * time.Second)
		l.wants("asked", l.count(engine.ApprovalRequested{}, ""), 1)
		l.wants("notes", l.count(engine.Noted{}, ""), 1)
		l.wants("runs", l.count(engine.RunStarted{}, ""), 1)
		if list, err := l.st.List(t.Context()); err != nil || len(list) != 1 || list[0].Asks != 1 || list[0].Active != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Two people at once: each counts once, whoever comes first.
func TestAtOnce(t *testing.T) {
	p := made(t, twoApprove)
	bubble(t, p, short(t, p, onceWorks), rehearsal.Request{}, func(l *live) {
		l.types("ann", "run made", "")
		l.pass(5 * time.Second)
		for _, who := range []string{"bob", "cat", "bob", "cat"} {
			go func() {
				_ = typed(context.Background(), l.st, l.id, runbooks.ScriptLine{Type: "approve once"}, l.people[who])
			}()
		}
		l.pass(5 * time.Second)
		l.wants("votes", l.count(engine.Vote{}, ""), 2)
		l.wants("refused", l.count(engine.Refused{}, ""), 2)
		l.wants("effects", l.count(engine.EffectIntent{}, ""), 1)
		l.wants("the step", l.status("once"), engine.StepDone)
	})
}
