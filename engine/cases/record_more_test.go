package cases_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/cases"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Whatever happens in a run, a case can be made of it that tells nothing of the
// house, and it comes out as the run did: loops, runbooks that are called, doubt,
// undos and cancels included. Where items in flight at the same time met in
// another order it may not, and says so.
func TestRecordSeeded(t *testing.T) {
	_, p := load(t, "testdata/ok/constructs_test.yaml")
	catalog := catalog()
	pinned, err := sim.Pin(p)
	if err != nil {
		t.Fatal(err)
	}
	seen, different := map[string]int{}, 0
	for seed := range uint64(60) {
		var acts []sim.Act
		for _, id := range []string{"signal", "child.signal", "kill", "kill~undo", "signal~undo"} {
			for n, who := range []string{"canary-bob", "canary-cat"} {
				acts = append(acts, sim.Act{Verb: sim.Approve, Step: id, By: person(who, "leads"), After: time.Duration(n+1) * 20 * time.Second, Each: true})
			}
		}
		acts = append(acts,
			sim.Act{Verb: sim.AnswerStep, Step: "look", By: person("canary-bob"), With: "something"},
			sim.Act{Verb: sim.AnswerStep, Step: "kill~undo", By: person("canary-bob"), With: "canary done"},
			sim.Act{Verb: sim.Applied, Step: "kill", By: person("canary-bob")},
			sim.Act{Verb: sim.Retry, Step: "signal", By: person("canary-bob"), Confirm: true},
			sim.Act{Verb: sim.Undo, Step: "kill", By: person("canary-ann", "leads"), After: 5 * time.Minute},
			sim.Act{Verb: sim.Skip, Step: "child", By: person("canary-ann"), Reason: "x", After: time.Hour})
		for _, verb := range []sim.Verb{sim.Extend, sim.Lift, sim.Keep}[seed%3 : seed%3+1] {
			acts = append(acts, sim.Act{Verb: verb, Step: "signal", By: person("canary-bob", "leads"), Reason: "x", For: 3 * time.Hour})
		}
		if seed%5 == 0 {
			at := time.Duration(seed) * 10 * time.Second
			acts = append(acts, sim.Act{Verb: sim.Cancel, By: person("canary-ann"), At: &at, Reason: "enough"})
		}
		inputs, problems := p.CheckInputs(map[string]any{"strict": seed%2 == 0, "names": []any{"canary-1", "canary-2", "canary-3"}})
		if problems != nil {
			t.Fatal(problems)
		}
		story, err := sim.Play(t.Context(), sim.Setup{
			Program: p, Pinned: pinned, Inputs: inputs, Requester: person("canary-ann", "leads"), Environment: runbooks.EnvironmentFacts{Name: "canary", Account: "777788889999"},
			World: &sim.Seeded{Seed: seed, Spec: catalog.Spec, Trouble: int(seed % 20)}, People: &sim.Cast{Acts: acts},
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		run, _ := story.Incident.Run("")
		seen["run "+string(run.Status)]++
		if !run.Status.Ended() {
			continue
		}
		made, err := cases.Record(t.Context(), story.Events, "", catalog)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(made.Notes) > 0 {
			different++
			t.Logf("seed %d (%s): %s\n%s\n%s", seed, run.Status, strings.Join(made.Notes, "\n"), made.Text, tellFacts(story.Events))
		}
		if strings.Contains(string(made.Text), "canary") {
			t.Errorf("seed %d: a canary is left:\n%s", seed, made.Text)
		}
		for _, e := range story.Events {
			seen[string(e.Kind())]++
		}
	}
	if different > 5 {
		t.Errorf("%d cases come out differently", different)
	}
	for _, what := range []string{"run done", "run failed", "run cancelled", "effect.in_doubt", "step.undo_requested", "containment.extended", "containment.kept", "step.plan_failed", "approval.closed", "retry.scheduled"} {
		if seen[what] == 0 {
			t.Errorf("no story has %s: %v", what, seen)
		}
	}
}

// Items of a list that were all treated alike share an answer.
func TestRecordAlike(t *testing.T) {
	f, p := load(t, "testdata/ok/constructs_test.yaml")
	if f.Cases[0].Inputs["zone"] != "z" {
		t.Fatal("the first case is another one")
	}
	signal := sim.Answer{Outputs: raw(t, map[string]any{"target": "h"})}
	other := sim.Answer{Outputs: raw(t, map[string]any{"target": "other"})}
	for _, tt := range []struct {
		steps map[string][]sim.Answer
		want  string
	}{
		{map[string][]sim.Answer{"signal": {signal}}, "signal: {"},
		{map[string][]sim.Answer{"signal": {signal}, "signal.2": {other}}, "signal.2: {"},
	} {
		tt.steps["collect"] = []sim.Answer{{Outputs: raw(t, map[string]any{"uri": "u", "sha256": "s", "bytes": 1, "taken": "2027-01-04T09:00:00Z"})}}
		story, err := sim.Play(t.Context(), sim.Setup{
			Program: p, Inputs: map[string]any{"zone": "y", "strict": false, "names": []any{"a", "b", "c"}}, Requester: person("ann", "leads"), World: &sim.Script{Steps: tt.steps},
			People: &sim.Cast{Acts: []sim.Act{{Verb: sim.Approve, Step: "signal", By: person("bob", "leads")}, {Verb: sim.AnswerStep, Step: "look", By: person("bob"), With: "nothing"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		made, err := cases.Record(t.Context(), story.Events, "R1", catalog())
		if err != nil || len(made.Notes) > 0 {
			t.Fatal(err, made.Notes)
		}
		if text := string(made.Text); !strings.Contains(text, "      "+tt.want) || strings.Contains(text, "signal.2: {") != strings.HasPrefix(tt.want, "signal.2") {
			t.Errorf("want %q:\n%s", tt.want, text)
		}
	}
}

// What people do before anybody asks them is recorded by its time.
func TestRecordEarly(t *testing.T) {
	_, p := load(t, "testdata/ok/constructs_test.yaml")
	skip, extend := 30*time.Second, 20*time.Minute
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: p, Inputs: map[string]any{"zone": "y", "strict": false, "names": []any{"a"}}, Requester: person("ann", "leads"),
		World: &sim.Script{Steps: map[string][]sim.Answer{
			"collect": {{Outputs: raw(t, map[string]any{"uri": "u", "sha256": "s", "bytes": 1, "taken": "2027-01-04T09:00:00Z"})}},
			"signal":  {{Outputs: raw(t, map[string]any{"target": "h"})}},
		}},
		People: &sim.Cast{Acts: []sim.Act{
			{Verb: sim.Approve, Step: "signal", By: person("bob", "leads")},
			{Verb: sim.Skip, Step: "look", By: person("bob"), At: &skip, Reason: "x"},
			{Verb: sim.Extend, Step: "signal", By: person("bob", "leads"), At: &extend, For: 5 * time.Hour, Reason: "x"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := cases.Record(t.Context(), story.Events, "", catalog())
	if err != nil || len(made.Notes) > 0 || !strings.Contains(string(made.Text), "{skip: look, by: b, at: 30s") || !strings.Contains(string(made.Text), "by: b, at: 20m, for: 5h") {
		t.Errorf("%v %v\n%s", err, made.Notes, made.Text)
	}
}

func tellFacts(list []engine.Event) string {
	var b strings.Builder
	for _, e := range list {
		switch e.Body.(type) {
		case engine.MessagePosted, engine.MessageClosed, engine.RunStarted:
			continue
		}
		text := fmt.Sprintf("%+v", e.Body)
		fmt.Fprintf(&b, "%s %s %s %s %.160s\n", e.At.Format("15:04:05.000"), e.Kind(), e.Step, e.Actor.ID, text)
	}
	return b.String()
}
