package cases

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// A promise that the engine broke fails a case that expects nothing of the sort.
func TestFindingsFail(t *testing.T) {
	one := &trial{
		c: &runbooks.TestCase{Name: "one"}, story: &sim.Story{Incident: engine.NewIncident(), Findings: []string{"its approval was used before"}},
		world: &sim.Script{}, people: &sim.Cast{},
	}
	c := one.judge(nil)
	if len(c.Failures) == 0 || !strings.Contains(c.Failures[0].Text, "its approval was used before") {
		t.Errorf("got %v", c.Failures)
	}
}

// A loop with nothing to do had a condition that was true.
func TestEmptyListIsTrue(t *testing.T) {
	src := `apiVersion: firebreak/v1
kind: Runbook
id: made
title: Made up
owner: {team: t, contact: "#t"}
inputs:
  names: {type: list, of: string, default: []}
  wanted: {type: bool, default: true}
steps:
  - id: each
    uses: test.collect
    if: inputs.wanted
    for_each: inputs.names
    with: {target: "${{ item }}"}
`
	p, found := runbooks.Load("made.yaml", []byte(src), runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	for _, wanted := range []bool{true, false} {
		story, err := sim.Play(t.Context(), sim.Setup{Program: p, Inputs: map[string]any{"names": []any{}, "wanted": wanted}, Requester: engine.Actor{Type: engine.Person, ID: "ann"}, World: &sim.Script{}})
		if err != nil {
			t.Fatal(err)
		}
		if c := covered(story.Events); c.yes["each"] != wanted || c.no["each"] == wanted || c.ran["each"] {
			t.Errorf("wanted %v: %+v", wanted, c)
		}
	}
}
