package rehearsal_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

func house(id string, groups ...string) engine.Actor {
	return engine.Actor{Type: engine.Person, ID: id, Name: id + " canary name", Via: "slack:T01/" + id, Groups: groups, Identities: []string{"aws.iam.user:" + id}}
}

func raw(t testing.TB, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// incidents are stories of a house that must not be recognized.
func incidents(t *testing.T) map[string]*sim.Story {
	t.Helper()
	stories := map[string]*sim.Story{}
	tell := func(name string, s sim.Setup) {
		s.Title, s.Clock = "canary title", sim.NewJump(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
		s.Requester = house("canary-alice", "leads", "security-leads", "canary-group")
		story, err := sim.Play(t.Context(), s)
		if err != nil {
			t.Fatal(name, err)
		}
		stories[name] = story
	}
	user := actions.Target{Type: "aws.iam.user", ID: "canary-user", Account: "777788889999"}
	key := actions.Target{Type: "aws.iam.access_key", ID: "AKIACANARYCANARY0001", Account: "777788889999"}
	tell("key", sim.Setup{
		Program: book(t), Inputs: map[string]any{"access_key_id": "AKIACANARYCANARY0001"},
		Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "777788889999", Region: "eu-central-1"}, Protected: []string{"aws.iam.user:canary-admin*"},
		Floor: &engine.Floor{Effect: actions.Reversible, From: []string{"group:canary-group"}, Quorum: 1, BreakGlass: true},
		World: &sim.Script{Steps: map[string][]sim.Answer{
			"owner": {{Outputs: raw(t, map[string]any{
				"user": "canary-user", "principal_arn": "arn:aws:iam::777788889999:user/canary-path/canary-user", "account": "777788889999", "status": "Active",
				"created": "2026-03-04T00:00:00Z", "last_used": "2026-03-04T01:02:03Z", "last_used_service": "canary@house.example", "last_used_region": "203.0.113.77",
				"other_keys": []string{"ASIACANARYCANARY0002"},
			})}},
			"quarantine": {
				{Targets: []actions.Target{user}, Changes: []string{"canary detail"}, Fails: &engine.Failure{Class: actions.Denied, Message: "canary message"}},
				{Targets: []actions.Target{user}, Outputs: raw(t, map[string]any{"policy_name": "CanaryPolicy", "principal": "canary-user", "kind": "user"}), Takes: 3 * time.Second},
			},
			"disable": {
				{Targets: []actions.Target{key}, Fails: &engine.Failure{Class: actions.Throttled, Message: "canary message"}},
				{Targets: []actions.Target{key}, Outputs: raw(t, map[string]any{"user": "canary-user", "access_key_id": "AKIACANARYCANARY0001", "previous_status": "Active", "other_keys": []string{}}), ProvenIn: 40 * time.Second},
			},
			"tell":         {{Unknown: true, Found: actions.Applied, Outputs: raw(t, map[string]any{"channel": "C0CANARY01", "ts": "1755555555.123456"})}},
			"disable~undo": {{Lies: true}},
		}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.Approve, Step: "quarantine", By: house("canary-bob", "security-leads"), Reason: "canary reason", Each: true},
			{Verb: sim.Retry, Step: "quarantine", By: house("canary-carol", "ciso"), Reason: "canary reason"},
			{Verb: sim.Approve, Step: "disable", By: house("canary-bob", "security-leads", "canary-group"), After: 5 * time.Minute},
			{Verb: sim.AnswerStep, Step: "review", By: house("canary-carol"), With: "canary finding"},
			{Verb: sim.Undo, Step: "disable", By: house("canary-alice", "security-leads"), After: 3 * time.Hour, Reason: "canary reason"},
			{Verb: sim.Approve, Step: "disable~undo", By: house("canary-bob", "security-leads")},
		}},
	})
	tell("loop", sim.Setup{
		Program: made(t, busy), Environment: runbooks.EnvironmentFacts{Name: "canary"},
		World: &sim.Script{Steps: map[string][]sim.Answer{
			"find": {{Outputs: raw(t, map[string]any{
				"user": "canary-user", "principal_arn": "canary", "account": "777788889999", "status": "Active", "created": "2026-03-04T00:00:00Z",
				"last_used": "", "last_used_service": "", "last_used_region": "", "other_keys": []string{"canary-1", "canary-2", "canary-3"},
			})}},
			"each":   {{Outputs: raw(t, map[string]any{"target": "canary-1"})}},
			"each.2": {{Fails: &engine.Failure{Class: actions.Transient, Message: "canary"}}, {Outputs: raw(t, map[string]any{"target": "canary-2"}), Takes: 4 * time.Second}},
			"once":   {{Unknown: true}, {Never: true}},
		}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.Approve, Step: "each", By: house("canary-bob", "leads"), After: 3 * time.Minute},
			{Verb: sim.Approve, Step: "once", By: house("canary-bob", "leads"), After: 2 * time.Minute, Each: true},
			{Verb: sim.Approve, Step: "once", By: house("canary-dave", "leads"), After: 4 * time.Minute, Each: true},
			{Verb: sim.Retry, Step: "once", By: house("canary-bob", "leads"), Confirm: true, After: 10 * time.Minute},
			{Verb: sim.Applied, Step: "once", By: house("canary-dave", "leads"), After: 20 * time.Minute},
			{Verb: sim.AnswerStep, Step: "look", By: house("canary-bob"), With: "canary finding"},
		}},
	})
	at := 40 * time.Minute
	tell("cancelled", sim.Setup{
		Program: made(t, twoApprove+"  - id: look\n    manual: Look.\n  - id: later\n    wait: 3h\n"), Environment: runbooks.EnvironmentFacts{Name: "prod"},
		World: &sim.Script{Steps: map[string][]sim.Answer{"once": {{Outputs: raw(t, map[string]any{"target": "canary"})}}}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.Approve, Step: "once", By: house("canary-bob", "leads"), After: 2 * time.Minute},
			{Verb: sim.Approve, Step: "once", By: house("canary-dave", "leads"), After: 3 * time.Minute},
			{Verb: sim.Skip, Step: "look", By: house("canary-alice"), Reason: "canary reason"},
			{Verb: sim.Cancel, By: house("canary-alice"), At: &at, Reason: "canary reason"},
		}},
	})
	return stories
}

// program gives the program that a story was played with.
func program(t testing.TB, events []engine.Event) *runbooks.Program {
	t.Helper()
	for _, e := range events {
		if b, ok := e.Body.(engine.RunStarted); ok {
			p, err := runbooks.DecodeProgram(b.Program.Value)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatal("no run")
	return nil
}

// A scenario that is made of an incident can be played, takes the same course,
// and tells nothing of the house.
func TestFromIncident(t *testing.T) {
	for name, story := range incidents(t) {
		t.Run(name, func(t *testing.T) {
			out, err := rehearsal.FromIncident(story.Events, "", runbookstest.Catalog())
			if err != nil {
				t.Fatal(err)
			}
			text := string(out.Text)
			if low := strings.ToLower(text); strings.Contains(low, "canary") || strings.Contains(low, "777788889999") || strings.Contains(low, "203.0.113") || strings.Contains(low, "2026-03-04") {
				t.Errorf("the scenario tells of the house:\n%s", text)
			}
			for _, n := range out.Notes {
				if strings.Contains(n, "mended") {
					t.Errorf("note: %s\n%s", n, text)
				}
			}
			p := program(t, story.Events)
			s := scenario(t, p, text)
			again := played(t, p, s, memory(t))
			if diff := cmp.Diff(rehearsal.Course(story.Events), rehearsal.Course(again.Events)); diff != "" {
				t.Errorf("it takes another course (+):\n%s\n%s\n%s", diff, text, strings.Join(told(again.Events), "\n"))
			}
			if len(again.Faults) > 0 {
				t.Errorf("faults: %q\n%s", again.Faults, text)
			}
			golden(t, "testdata/from_"+name+".yaml", text)
		})
	}
}

// golden compares a text with a file; digests move with the language.
func golden(t *testing.T, name, text string) {
	t.Helper()
	if at := strings.Index(text, "digest "); at >= 0 {
		text = text[:at+7] + "..." + text[at+19:]
	}
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, name)), text); diff != "" {
		t.Errorf("got (+) and want (-):\n%s", diff)
	}
}

// What a person wrote down with a time of its own is what players learn then;
// any other note is typed again.
func TestFromIncidentNotes(t *testing.T) {
	story := incidents(t)["cancelled"]
	events := slices.Clone(story.Events)
	end := events[len(events)-1].At
	alice := house("canary-alice")
	for n, b := range []engine.Body{
		engine.Noted{Text: "canary: seen early", Class: engine.Observation, Observed: engine.At(events[0].At.Add(-time.Hour))},
		engine.Noted{Text: "canary: seen later", Class: engine.Observation, Observed: engine.At(events[0].At.Add(7 * time.Minute))},
		engine.Noted{Text: "canary: an idea", Class: engine.Hypothesis},
		engine.Resolved{Summary: "canary"},
	} {
		events = append(events, engine.Event{At: end.Add(time.Duration(n+1) * time.Minute), Actor: alice, Body: b, Seq: int64(len(events))})
	}
	out, err := rehearsal.FromIncident(events, "R1", runbookstest.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out.Text), "canary") {
		t.Errorf("a note of the house came through:\n%s", out.Text)
	}
	p := program(t, events)
	s := scenario(t, p, string(out.Text))
	if len(s.Injects) != 2 || *s.Injects[0].Trigger.At != 0 || *s.Injects[1].Trigger.At != runbooks.Span(7*time.Minute) || s.End.When != "resolved" {
		t.Errorf("%+v\n%s", s.Injects, out.Text)
	}
	again := played(t, p, s, memory(t))
	if len(again.Faults) > 0 || !strings.Contains(strings.Join(told(again.Events), "\n"), "note.added") {
		t.Errorf("%q\n%s", again.Faults, strings.Join(told(again.Events), "\n"))
	}
	for _, wrong := range []string{"R2", "nothing"} {
		if _, err := rehearsal.FromIncident(events, wrong, runbookstest.Catalog()); err == nil {
			t.Errorf("run %s is there", wrong)
		}
	}
	if _, err := rehearsal.FromIncident(events[:6], "", runbookstest.Catalog()); err == nil {
		t.Error("a run that goes on was taken")
	}
}

// What people did in an exercise can be played again by a script: it takes the
// same course, after as long, and the scenario around it stays as it was.
func TestFromDrill(t *testing.T) {
	p := made(t, busy)
	s := short(t, p, busyScenario+`facts: {account: "1"}
tests: [ambiguous-outcome]
clocks: [{id: c1, text: the board, within: 1h, note: board}]
forbidden: [{verb: skip, of: look, why: it is needed}]
`)
	var events []engine.Event
	bubble(t, p, s, rehearsal.Request{Pace: 30}, func(l *live) {
		l.pass(45 * time.Second)
		l.types("ann", "run made", "")
		for range 60 {
			l.pass(4 * time.Second)
			l.answer()
		}
		l.types("fran", "drill outcome once fail", "")
		l.types("cat", `note "said \"yes\" to the board"`, "")
		l.types("ann", `resolve "it is over"`, "")
		events = l.events()
	})
	out, err := rehearsal.FromDrill(events, p, runbookstest.Catalog())
	if err != nil || len(out.Notes) > 0 {
		t.Fatal(err, out.Notes, string(out.Text))
	}
	golden(t, "testdata/from_drill.yaml", string(out.Text))
	again := scenario(t, p, string(out.Text))
	played := played(t, p, again, memory(t))
	if diff := cmp.Diff(rehearsal.Course(events), rehearsal.Course(played.Events)); diff != "" || len(played.Faults) > 0 {
		t.Errorf("it takes another course (+): %q\n%s\n%s", played.Faults, diff, out.Text)
	}
	without := func(s runbooks.Scenario) string { // what must be as it was
		s.Script, s.People = nil, nil
		s.Digest = ""
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if diff := cmp.Diff(without(*s), without(*again)); diff != "" {
		t.Errorf("the scenario is another one (+):\n%s", diff)
	}
	if _, err := rehearsal.FromDrill(incidents(t)["key"].Events, p, runbookstest.Catalog()); err == nil {
		t.Error("an incident is no exercise")
	}
}
