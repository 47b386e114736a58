package sim_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// From an exercise that is over nothing follows, neither in the game that was
// going on nor in one that is folded from its facts.
func TestGameOver(t *testing.T) {
	p := book(t, signal)
	encoded, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var facts []engine.Event
	now := sim.Dawn()
	begin := func(inc *engine.Incident) *sim.Game {
		return sim.NewGame(inc, sim.GameOptions{
			World: &sim.Script{Steps: map[string][]sim.Answer{"signal": {signalled}}}, Now: func() time.Time { return now }, Tell: func() {},
			Write: func(batch []engine.Event) error { facts = append(facts, batch...); return nil },
		})
	}
	game := begin(engine.NewIncident())
	take := func(g *sim.Game, run string, body engine.Body) {
		t.Helper()
		if err := g.Take(engine.Event{Actor: person("ann"), Run: run, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	take(game, "", engine.Declared{ID: "DRL-1", Title: "x", Severity: 2})
	take(game, "", engine.DrillStarted{Pace: 1, Facilitators: []string{"ann"}})
	take(game, "R1", engine.RunStarted{Runbook: p.ID, Digest: p.Digest, Program: engine.Large{Value: encoded}, Inputs: json.RawMessage("{}"), Environment: runbooks.EnvironmentFacts{Name: "test"}})
	for range 2 { // the plan is read, and the effect is in flight
		at, _, ok := game.Due()
		if !ok {
			t.Fatal("nothing is due")
		}
		if now = at; len(facts) < 6 {
			game.Step()
		}
	}
	take(game, "", engine.DrillEnded{Why: engine.EndStopWord})
	over := func(g *sim.Game) {
		t.Helper()
		if _, what, ok := g.Due(); ok || !g.Over() {
			t.Errorf("%s is due after the end", what)
		}
		before := len(facts)
		g.Step()
		take(g, "", engine.Noted{Text: "after it", Class: engine.Observation})
		if _, what, ok := g.Due(); ok || len(facts) != before+1 {
			t.Errorf("%s is due after a note, %d facts", what, len(facts)-before)
		}
	}
	over(game)
	again := engine.NewIncident()
	for _, e := range facts {
		if err := again.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	folded := begin(again)
	folded.Begin()
	over(folded)
}
