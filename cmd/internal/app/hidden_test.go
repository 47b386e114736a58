package app

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
)

// TestPlayersDoNotSeeTheOtherSide has a facilitator do all that can tell what
// comes, and looks for it in everything that a player can ask for.
func TestPlayersDoNotSeeTheOtherSide(t *testing.T) {
	kept, err := mem.New(mem.Options{Org: "acme-drills"})
	if err != nil {
		t.Fatal(err)
	}
	a := withDrills(t, kept)
	for _, line := range []string{
		"drill start compromised-instance-night --blind", `drill observe DRL-1 "SECRET observation"`, `drill hint DRL-1 "SECRET hint" --to person:carol`,
	} {
		if m := command(t, a, "alice", line); m.Failed {
			t.Fatalf("%s: %+v", line, m)
		}
	}
	scenario, err := a.Drills.Stage.Scenario(t.Context(), "DRL-1")
	if err != nil {
		t.Fatal(err)
	}
	if m := command(t, a, "alice", "drill inject DRL-1 nope"); !m.Failed || !strings.Contains(said(m), scenario.Injects[1].ID) {
		t.Fatalf("%+v", m)
	}
	secrets := []string{"SECRET", scenario.ID, scenario.Title}
	for _, in := range scenario.Injects[1:] { // the first one is news already
		secrets = append(secrets, in.ID)
	}
	for _, line := range []string{
		"list --all", "status DRL-1", "timeline DRL-1 --last 500", "export DRL-1 md", "export DRL-1 json", "drill status DRL-1", "drill report DRL-1 html", "contained",
		"drill inject DRL-1 nope", "drill hold DRL-1", "drill outcome DRL-1 isolate fail", "drill rate DRL-1 o1 S --reason x", `drill end DRL-1 "x"`, "=drill status DRL-1",
		"drill status drl-1", "readiness",
	} {
		m := command(t, a, "bob", line)
		text := textOf(m)
		for _, f := range m.Files {
			text += string(f.Data)
		}
		for _, p := range m.Parts {
			text += p.Text + p.Code + p.Note
			for _, f := range p.Fields {
				text += f.Label + f.Value
			}
		}
		for _, s := range secrets {
			if strings.Contains(text, s) && line != "readiness" {
				t.Errorf("%s tells a player %q:\n%s", line, s, text)
			}
		}
	}
	// Buttons and forms that were forged do no more than words.
	bob, _ := a.Config.Directory.ByOSUser("bob", 1000)
	for _, k := range []chatops.Click{
		{Verb: "drill hold", Value: "=drill hold DRL-1"}, {Verb: "drill end", Value: "=drill end drl-1"}, {Verb: "drill inject", Value: "=drill inject DRL-1 " + scenario.Injects[0].ID},
		{Verb: "drill status", Value: "=drill status DRL-1"}, {Verb: "approve", Value: "=drill end DRL-1"},
	} {
		k.Actor = bob
		if m := a.Bot.Click(t.Context(), k); !m.Failed {
			t.Errorf("%s is followed: %+v", k.Value, m)
		}
	}
	for _, f := range []chatops.Answer{
		{Form: "drill skip", State: "=drill skip DRL-1 " + scenario.Injects[0].ID, Values: map[string]string{"reason": "x"}},
		{Form: "drill rate", State: "=drill rate DRL-1 " + scenario.Objectives[0].ID + " P", Values: map[string]string{"reason": "x"}},
	} {
		f.Actor = bob
		if m, _ := a.Bot.Answer(t.Context(), f); !m.Failed {
			t.Errorf("%s is followed: %+v", f.State, m)
		}
	}
	if err := a.Drills.Stage.View(t.Context(), "DRL-1", func(i *engine.Incident) {
		if d := i.Drill; d.Ended || d.Held || len(d.Skipped) > 0 || len(d.Objectives) > 0 {
			t.Errorf("a player changed the exercise: %+v", d)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAnonymousMeansAnonymous looks for who looked back in the record.
func TestAnonymousMeansAnonymous(t *testing.T) {
	kept, err := mem.New(mem.Options{Org: "acme-drills"})
	if err != nil {
		t.Fatal(err)
	}
	a := withDrills(t, kept)
	command(t, a, "alice", "drill start leaked-access-key-friday")
	bob, _ := a.Config.Directory.ByOSUser("bob", 1000)
	before, err := kept.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []chatops.Message{
		a.Bot.Command(t.Context(), chatops.Input{Actor: bob, Nonce: "nonce-of-bob", Text: `drill feedback DRL-1 --well "calm" --anonymous`}),
		first(a.Bot.Answer(t.Context(), chatops.Answer{Actor: bob, Nonce: "nonce-of-bob-2", Form: "drill feedback", State: "=drill feedback DRL-1", Values: map[string]string{"badly": "x", "anonymous": "no, anonymous"}})),
		a.Bot.Command(t.Context(), chatops.Input{Actor: bob, Nonce: "nonce-of-bob-3", Text: `drill feedback DRL-1 --anonymous --well "` + strings.Repeat("x", 5000) + `" --badly "` + strings.Repeat("y", 3500) + `"`}),
	} {
		if m.Public {
			t.Errorf("everybody sees %+v", m)
		}
	}
	n := 0
	for entry, err := range kept.All(t.Context(), before.Size) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if text := string(entry.Data) + entry.Nonce; strings.Contains(text, "bob") {
			t.Errorf("the record names who looked back: %s", text)
		}
	}
	if n < 2 {
		t.Errorf("%d facts were written", n)
	}
}

func first(m chatops.Message, _ map[string]string) chatops.Message { return m }
