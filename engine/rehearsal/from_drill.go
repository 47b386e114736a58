package rehearsal

import (
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/retell"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Made is a scenario made of what happened.
type Made struct {
	Text  []byte   // a file of kind Scenario
	Notes []string // what a person should know about it, and what has to be mended by hand
}

// FromDrill makes a scenario of an exercise that was played: the same one, with
// what its people decided as its script, so that a changed runbook can be played
// against the same decisions. The people are those who played, under their own
// names. Errors: facts that do not follow, or are of no exercise.
func FromDrill(events []engine.Event, p *runbooks.Program, cat runbooks.Catalog) (*Made, error) {
	inc := engine.NewIncident()
	for _, e := range events {
		if err := inc.Apply(e); err != nil {
			return nil, fmt.Errorf("record %d does not follow: %w; see: firebreak verify", e.Seq, err)
		}
	}
	if inc.Drill == nil {
		return nil, fmt.Errorf("%s is no exercise; a scenario of an incident is made by: rehearse --from INC-12", inc.ID)
	}
	s, err := runbooks.DecodeScenario(inc.Drill.File.Value)
	if err != nil {
		return nil, fmt.Errorf("the scenario of %s: %w", inc.ID, err)
	}
	leaders := inc.Drill.Facilitators
	leader := s.Facilitator
	if !slices.Contains(leaders, leader.ID) {
		leader = runbooks.TestPerson{ID: leaders[0]}
		for _, e := range events {
			if e.Actor.ID == leader.ID {
				leader.Groups, leader.Identities = e.Actor.Groups, e.Actor.Identities
			}
		}
	}
	s.People = slices.DeleteFunc(peopleOf(events, s.People, leaders), func(p runbooks.TestPerson) bool { return p.ID == leader.ID })
	s.Facilitator, s.Script = leader, Recorded(events)
	for n := range s.Script {
		if slices.Contains(leaders, s.Script[n].By) { // a script has one
			s.Script[n].By = leader.ID
		}
	}
	out := sheet{Scenario: s, answers: map[string][]retell.Ordered{}, comment: []string{
		fmt.Sprintf("Recorded from the exercise %s of the runbook with digest %.12s: the script is what its people did.", inc.ID, inc.Drill.RunbookDigest),
	}}
	for _, a := range s.Answers {
		out.answers[a.Step] = answersOf(a)
	}
	made := &Made{Text: out.text()}
	made.check(p, cat)
	if inc.Drill.Blind {
		made.Notes = append(made.Notes, "the exercise was blind: do not show the file to those who may play it again")
	}
	return made, nil
}

// check says what of a scenario has to be mended by hand.
func (m *Made) check(p *runbooks.Program, cat runbooks.Catalog) *runbooks.Scenario {
	f, found := runbooks.ParseScenario("made.yaml", m.Text)
	var s *runbooks.Scenario
	if f != nil {
		var more runbooks.Diagnostics
		s, more = f.Check(p, cat)
		found = append(found, more...)
	}
	for _, d := range found {
		if d.Severity == runbooks.SeverityError {
			m.Notes = append(m.Notes, "the scenario has to be mended by hand: "+d.Error())
		}
	}
	return s
}
