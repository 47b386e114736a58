package rehearsal_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// What a stage is made of can reach nothing: no provider, no host, no network.
func TestReachesNothing(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "github.com/firebreak-ir/firebreak/engine/sim") {
		t.Fatalf("this lists nothing: %q", deps)
	}
	for _, d := range deps {
		provider := strings.HasPrefix(d, "github.com/firebreak-ir/firebreak/actions/")
		if provider || slices.Contains([]string{"net", "net/http", "os/exec", "github.com/firebreak-ir/firebreak/engine/host"}, d) {
			t.Errorf("an exercise can reach %s", d)
		}
	}
}

// A yes to a question of an exercise answers no question of an incident, even
// about the same step of the same run: neither its id nor its plan is the same.
func TestApprovalsAreOfTheExercise(t *testing.T) {
	p := made(t, twoApprove)
	asked := func(events []engine.Event) (b engine.ApprovalRequested, key string) {
		for _, e := range events {
			switch body := e.Body.(type) {
			case engine.ApprovalRequested:
				b = body
			case engine.EffectIntent:
				key = string(body.Key)
			}
		}
		return b, key
	}
	s := short(t, p, onceWorks+`script:
  - {by: ann, at: 1m, type: run made}
  - {by: bob, asked: once, type: approve once}
  - {by: cat, asked: once, type: approve once}
`)
	out := played(t, p, s, memory(t))
	drill, drillKey := asked(out.Events)
	lead := func(id string) engine.Actor {
		return engine.Actor{Type: engine.Person, ID: id, Via: "cli:1", Groups: []string{"leads"}}
	}
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: p, Requester: lead("ann"), World: &sim.Script{Steps: sim.Answers(s.Answers)}, Environment: s.Environment.EnvironmentFacts,
		People: &sim.Cast{Acts: []sim.Act{{Verb: sim.Approve, Step: "once", By: lead("bob")}, {Verb: sim.Approve, Step: "once", By: lead("cat")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	real, realKey := asked(story.Events)
	if drill.ID == "" || real.ID == "" || drillKey == "" || realKey == "" {
		t.Fatalf("nobody was asked, or nothing done: %+v, %+v", drill, real)
	}
	if drill.ID == real.ID || drill.Digest == real.Digest || drillKey == realKey {
		t.Errorf("an exercise and an incident share a question, a plan or a key: %+v, %+v", drill, real)
	}
	open, err := sim.Play(t.Context(), sim.Setup{Program: p, Requester: lead("ann"), World: &sim.Script{Steps: sim.Answers(s.Answers)}, Environment: s.Environment.EnvironmentFacts, People: once{func(i *engine.Incident) engine.Event {
		return engine.Event{Actor: lead("bob"), Run: "R1", Step: "once", Body: engine.Vote{Approval: drill.ID, Approve: true}}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range open.Events {
		if _, voted := e.Body.(engine.Vote); voted {
			t.Error("a vote of an exercise counts in an incident")
		}
	}
}

// once acts once, when something is asked.
type once struct {
	act func(*engine.Incident) engine.Event
}

func (o once) Next(i *engine.Incident) (time.Time, engine.Event, bool) {
	if len(i.Asks) == 0 || i.Asks[0].Closed || i.Facts > 12 {
		return time.Time{}, engine.Event{}, false
	}
	return i.Now, o.act(i), true
}

func (once) Did(*engine.Refusal) {}

// What only facilitators may do, what the scenario does not have, and what an
// exercise does not take.
func TestRefusals(t *testing.T) {
	p := book(t)
	s := friday(t, p)
	bubble(t, p, s, rehearsal.Request{Facilitators: []string{"fran"}}, func(l *live) {
		for _, who := range []string{"alice", "bob", "carol"} {
			for _, line := range []string{"hold x", "go", "speed 2", "advance 1m", "outcome disable fail", "inject press", "end enough"} {
				l.types(who, line, "only who leads the exercise")
			}
		}
		l.types("alice", "run other", "is about runbook \"leaked-access-key\"")
		l.types("alice", "run leaked-access-key", "do not fit")
		l.types("fran", "inject nothing", "there are: alert, plane, landed, press, late")
		l.types("fran", "inject prss", "did you mean \"press\"")
		l.types("fran", "inject alert", "delivered or left out already")
		l.types("fran", "outcome nothing fail", "there are: owner, quarantine, disable, tell")
		l.types("fran", "outcome review fail", "there are: owner, quarantine, disable, tell")
		l.types("fran", "outcome disable nonsense", "there is no outcome")
		l.types("fran", "go", "is not held")
		for _, body := range []engine.Body{
			engine.ExpectationJudged{Inject: "alert", N: 2, Met: true}, engine.ObjectiveRated{Objective: "o2", Rating: engine.Performed, Why: "x"},
			engine.InjectSkipped{ID: "nothing", Reason: "x"}, engine.DrillObserved{Text: "x", Objective: "nothing"}, engine.DrillStarted{}, engine.RunStarted{},
		} {
			if _, err := l.st.Submit(t.Context(), engine.Request{Actor: l.people["fran"]}, l.id, "", "", body); err == nil {
				t.Errorf("%s was followed", body.Kind())
			}
		}
		if _, err := l.st.Declare(t.Context(), engine.Request{Actor: l.people["fran"]}, "a real one", 1, false); err == nil {
			t.Error("an incident was declared among exercises")
		}
		stranger := engine.Actor{Type: engine.Stranger, Via: "slack:T/U"}
		if _, err := l.st.Submit(t.Context(), engine.Request{Actor: stranger}, l.id, "", "", engine.DrillEnded{Why: engine.EndStopWord}); err == nil {
			t.Error("a stranger ended an exercise")
		}
		for _, r := range []rehearsal.Request{{Scenario: "none"}, {Scenario: "friday", Pace: 1001}, {Scenario: "friday", Pace: -1}, {Scenario: "friday", Title: "a\nb"}} {
			if _, err := l.st.Begin(t.Context(), engine.Request{Actor: l.people["fran"]}, r); err == nil {
				t.Errorf("%+v was begun", r)
			}
		}
		if _, err := l.st.Begin(t.Context(), engine.Request{Actor: stranger}, rehearsal.Request{Scenario: "friday"}); err == nil {
			t.Error("a stranger began an exercise")
		}
		_, err := l.st.Submit(t.Context(), engine.Request{Actor: l.people["fran"]}, "DRL-7", "", "", engine.Noted{Text: "x"})
		if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Code != engine.NoIncident {
			t.Errorf("%v", err)
		}
		_, err = l.st.Start(t.Context(), engine.Request{Actor: l.people["alice"]}, l.id, engine.RunRequest{Runbook: "leaked-access-key", Environment: "staging"})
		if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Code != engine.WrongPlace {
			t.Errorf("%v", err)
		}
		l.wants("what went on is", l.count(engine.Refused{}, ""), 21+9+6+1+1)
	})
}

// In a blind exercise no refusal says what it is about.
func TestBlind(t *testing.T) {
	p := book(t)
	bubble(t, p, friday(t, p), rehearsal.Request{Blind: true}, func(l *live) {
		l.types("alice", "run other", "is not what this exercise is about")
		for _, e := range l.events() {
			if r, ok := e.Body.(engine.Refused); ok && strings.Contains(r.Message, "leaked-access-key") {
				t.Errorf("%s", r.Message)
			}
			if d, ok := e.Body.(engine.Declared); ok && d.Title != "Unusual API calls in prod" {
				t.Errorf("the title is %q", d.Title)
			}
		}
	})
}

// Who is away, or would come by a chat that is down, cannot act; the stop word
// works for everybody, at any time.
func TestAwayAndStopWord(t *testing.T) {
	p := made(t, twoApprove)
	s := short(t, p, onceWorks+`injects:
  - {id: gone, hand: true, to: channel, say: Bob is away., away: [bob]}
  - {id: down, hand: true, to: channel, say: The chat is down., chat: down}
`)
	for _, word := range []string{`note "Enough: StopDrill!"`, "stop"} {
		bubble(t, p, s, rehearsal.Request{}, func(l *live) {
			l.types("ann", "run made", "")
			l.pass(5 * time.Second)
			l.types("fran", "drill inject gone", "")
			l.types("fran", "inject down", "")
			l.types("bob", "approve once", "you are away")
			bob := l.people["bob"]
			cat := l.people["cat"]
			cat.Via = "slack:T/cat"
			l.people["cat"] = cat
			l.types("cat", "approve once", "the chat is down")
			l.types("fran", "hold x", "")
			l.types("ann", "note stopdrilling is a word of its own", "")
			if err := typed(t.Context(), l.st, l.id, runbooks.ScriptLine{Type: word}, bob); err != nil {
				t.Fatal(err)
			}
			l.view(func(i *engine.Incident) {
				l.wants("it is over", i.Drill.Ended, true)
				l.wants("because", i.Drill.Why, engine.EndStopWord)
				l.wants("open questions", i.Asks[0].Closed, true)
			})
			l.types("ann", "run made", "is resolved")
			facts := len(l.events())
			l.pass(20 * time.Hour)
			l.crash()
			l.pass(20 * time.Hour)
			l.wants("facts after the end", len(l.events()), facts)
			l.types("ann", "note it was good", "")
			if _, err := l.st.Submit(t.Context(), engine.Request{Actor: bob}, l.id, "", "", engine.FeedbackGiven{Well: "calm"}); err != nil {
				t.Error(err)
			}
			if going := l.st.Going(); len(going) > 0 {
				t.Errorf("%q goes on", going)
			}
			if list, err := l.st.List(t.Context()); err != nil || len(list) != 1 || !list[0].Resolved || list[0].Asks+list[0].Active > 0 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

// Every exercise ends when a live incident is declared.
func TestStopAll(t *testing.T) {
	p := made(t, twoApprove)
	bubble(t, p, short(t, p, onceWorks), rehearsal.Request{}, func(l *live) {
		l.types("ann", "run made", "")
		if _, err := l.st.Begin(t.Context(), engine.Request{Actor: l.people["fran"]}, rehearsal.Request{Scenario: "short"}); err != nil {
			t.Fatal(err)
		}
		if going := l.st.Going(); !slices.Equal(going, []string{"DRL-1", "DRL-2"}) {
			t.Errorf("%q", going)
		}
		for range 2 {
			if err := l.st.StopAll(t.Context(), engine.EndLive, "INC-7 was declared"); err != nil {
				t.Fatal(err)
			}
		}
		if going := l.st.Going(); len(going) > 0 {
			t.Errorf("%q goes on", going)
		}
		l.view(func(i *engine.Incident) { l.wants("because", i.Drill.Why, engine.EndLive) })
		l.wants("ended once", l.count(engine.DrillEnded{}, ""), 1)
		l.pass(time.Hour)
		l.wants("outcomes after the end", l.count(engine.EffectOutcome{}, ""), 0)
	})
}

// A step for which nobody wrote an answer is refused at the beginning.
func TestUnanswered(t *testing.T) {
	p := made(t, twoApprove)
	s := short(t, p, onceWorks)
	s.Answers = nil
	_, err := rehearsal.Play(t.Context(), rehearsal.PlayOptions{Scenario: s, Program: p, Type: typed, Journal: memory(t)})
	if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || !strings.Contains(refusal.Message, "to once; write it under answers") {
		t.Errorf("%v", err)
	}
}
