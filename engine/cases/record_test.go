package cases_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// canaries are texts of a house that must not be in a recorded case, in any
// part. They stand wherever a fact can hold a text.
var canaries = []string{
	"AKIACANARYCANARY0001", "ASIACANARYCANARY0002", "canary-user", "777788889999", "CanaryPolicy", "C0CANARY01", "1755555555.123456",
	"canary@house.example", "203.0.113.77", "canary reason", "canary finding", "canary title", "canary message", "canary-alice", "canary-bob",
	"canary-carol", "canary-group", "canary detail", "canary-region", "2026-03-04",
}

func person(id string, groups ...string) engine.Actor {
	return engine.Actor{Type: engine.Person, ID: id, Name: id + " canary name", Via: "slack:T01/" + id, Groups: groups, Identities: []string{"aws.iam.user:" + id}}
}

func raw(t *testing.T, v any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recorded is a story of the library's runbook that is full of canaries.
func recorded(t *testing.T) (*sim.Story, *runbooks.Program) {
	t.Helper()
	src, err := os.ReadFile("testdata/ok/leaked-access-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, found := runbooks.Load("somewhere/leaked-access-key.yaml", src, catalog())
	if p == nil {
		t.Fatal(found)
	}
	user := actions.Target{Type: "aws.iam.user", ID: "canary-user", Account: "777788889999"}
	key := actions.Target{Type: "aws.iam.access_key", ID: "AKIACANARYCANARY0001", Account: "777788889999"}
	off := raw(t, map[string]any{"user": "canary-user", "previous_status": "Active", "other_keys": []string{"ASIACANARYCANARY0002"}})
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: p, Inputs: map[string]any{"access_key_id": "AKIACANARYCANARY0001"}, Title: "canary title", Requester: person("canary-alice", "security-leads", "canary-group"),
		Environment: runbooks.EnvironmentFacts{Name: "prod", Account: "777788889999", Region: "eu-central-1"}, Protected: []string{"aws.iam.user:canary-admin*"},
		Floor: &engine.Floor{Effect: actions.Reversible, From: []string{"group:canary-group"}, Quorum: 1, BreakGlass: true},
		Clock: sim.NewJump(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)),
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
				{Targets: []actions.Target{key}, Outputs: off, ProvenIn: 40 * time.Second},
			},
			"tell":         {{Unknown: true, Found: actions.Applied, Outputs: raw(t, map[string]any{"channel": "C0CANARY01", "ts": "1755555555.123456"})}},
			"disable~undo": {{Lies: true}},
		}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.Approve, Step: "quarantine", By: person("canary-bob", "security-leads"), Reason: "canary reason", Each: true},
			{Verb: sim.Retry, Step: "quarantine", By: person("canary-carol", "ciso"), Reason: "canary reason"},
			{Verb: sim.Approve, Step: "disable", By: person("canary-bob", "security-leads", "canary-group"), After: 5 * time.Minute},
			{Verb: sim.AnswerStep, Step: "review", By: person("canary-carol"), With: "canary finding"},
			{Verb: sim.Undo, Step: "disable", By: person("canary-alice", "security-leads"), After: 3 * time.Hour, Reason: "canary reason"},
			{Verb: sim.Approve, Step: "disable~undo", By: person("canary-bob", "security-leads")},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return story, p
}

// What is recorded can be played, comes out as it did, and tells nothing of
// the house.
func TestRecord(t *testing.T) {
	story, p := recorded(t)
	facts := string(raw(t, story.Events))
	made, err := cases.Record(t.Context(), story.Events, "", catalog())
	if err != nil {
		t.Fatal(err)
	}
	text := string(made.Text)
	for _, c := range canaries {
		if strings.Contains(text, c) || strings.Contains(strings.ToLower(text), strings.ToLower(c)) {
			t.Errorf("the case holds %q:\n%s", c, text)
		}
		if !strings.Contains(facts, c) && c != "canary-region" && c != "canary message" {
			t.Errorf("the story does not hold %q, so that it proves nothing", c)
		}
	}
	if strings.Contains(strings.ToLower(text), "canary") {
		t.Errorf("a part of a canary is left:\n%s", text)
	}
	if len(made.Notes) > 0 {
		t.Errorf("notes: %q\n%s", made.Notes, text)
	}
	f, _ := check(t, "testdata/ok/recorded_test.yaml", made.Text)
	r, err := cases.Run(t.Context(), f, p, cases.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cases {
		for _, failure := range c.Failures {
			t.Errorf("%s\n%s\n%s", failure, text, strings.Join(c.Story, "\n"))
		}
	}
	text = regexp.MustCompile(`digest [0-9a-f]{12}`).ReplaceAllString(text, "digest ...") // moves with the language
	golden := "testdata/recorded.yaml"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("got (+) and want (-):\n%s", diff)
	}
}
