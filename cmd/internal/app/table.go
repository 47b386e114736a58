package app

import (
	"context"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Table is an exercise that is played in one terminal, by the people of its
// scenario.
type Table struct {
	*Drills
	Bot         *chatops.Bot
	Players     []engine.Actor
	Facilitator engine.Actor

	scenario *runbooks.Scenario
	cfg      *config.Config // nil: there is none
	earlier  string         // live incident that was declared before
}

// OpenTable sets a table: in the store of exercises when the exercise is to be
// kept, else in memory. An alarm of an earlier live incident does not count, and
// stays for other tables that may not have seen it.
func OpenTable(ctx context.Context, cfg *config.Config, shelf Shelf, s *runbooks.Scenario, keep bool, chat engine.Chat) (*Table, error) {
	t := &Table{scenario: s}
	o := drillOptions{store: "table", chat: chat}
	log, err := journal.Log(nil), error(nil)
	if keep {
		log, err = openDrillStore(ctx, cfg, nil)
	} else {
		log, err = memory()
	}
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		o.stopWord, o.environments = cfg.Rehearsal.StopWord, environments(cfg)
		t.cfg, t.earlier = cfg, alarmed(cfg)
	}
	directory, players, facilitator := Players(s)
	t.Players, t.Facilitator = players, facilitator
	o.directory = func() *chatops.Directory { return directory }
	if t.Drills, err = openDrills(ctx, log, func() Shelf { return shelf }, o); err != nil {
		return nil, err
	}
	t.Bot = exerciseBot(t.Drills)
	return t, nil
}

// Alarm names the live incident that was declared since the table was set.
func (t *Table) Alarm() (incident string, stop bool) {
	if t.cfg == nil {
		return "", false
	}
	incident = alarmed(t.cfg)
	return incident, incident != "" && incident != t.earlier
}

// Start begins the exercise. One that was left at a table in this store is ended;
// one that people play beside a server is theirs, and refused.
func (t *Table) Start(ctx context.Context, pace int, blind bool) (id string, err error) {
	for _, id := range t.Stage.Going() {
		table := false
		if err := t.Stage.View(ctx, id, func(i *engine.Incident) { table = strings.HasPrefix(i.DeclaredBy.Via, "cli:exercise/") }); err != nil {
			return "", err
		}
		if !table {
			return "", engine.Refuse(engine.AlreadyRunning, "the exercise %s goes on in this store; end it first (firebreak incident drill end %s), or keep nothing: --no-keep", id, id)
		}
	}
	if err := t.Stage.StopAll(ctx, engine.EndFacilitator, "another exercise was begun"); err != nil {
		return "", err
	}
	r, err := t.Begin(ctx, engine.Request{Actor: t.Facilitator, Verb: "rehearse"}, t.scenario.ID, pace, blind)
	return r.Incident, err
}

// Welcome tells the table what it plays and how.
func (t *Table) Welcome(id string, blind bool) chatops.Message {
	m := chatops.Message{Title: t.scenario.Shown, Tone: chatops.Warn, Incident: id, Seq: -1}
	if !blind {
		m.Parts = append(m.Parts, chatops.Part{Fields: []chatops.Field{{Label: "Scenario", Value: t.scenario.Title}, {Label: "Runbook", Value: t.scenario.Runbook}}})
	}
	if t.scenario.Briefing != "" {
		m.Parts = append(m.Parts, chatops.Part{Text: t.scenario.Briefing})
	}
	var facts []chatops.Field
	for _, f := range t.scenario.Facts {
		facts = append(facts, chatops.Field{Label: f.Name, Value: f.Text})
	}
	if len(facts) > 0 {
		m.Parts = append(m.Parts, chatops.Part{Fields: facts})
	}
	names := ""
	for _, p := range t.Players {
		names += p.ID + ", "
	}
	m.Parts = append(m.Parts,
		chatops.Part{Note: "At the table: " + names + t.Facilitator.ID + " (facilitator). Nothing here can reach anything real."},
		chatops.Part{Lines: []chatops.Line{
			{Mark: "›", Text: "status · plan · run · approve · note ...  as in an incident; help tells more"},
			{Mark: "›", Text: "NAME: words   one line by somebody else; as NAME   from now on"},
			{Mark: "›", Text: "drill status   what comes, for the facilitator; drill advance 10m; wait; quit"},
		}})
	return chatops.Marked(m)
}

// SignExercise makes the signature that a yes may need, with the key that the
// person has in exercises alone.
func SignExercise(actor engine.Actor, m chatops.Message) string {
	return sim.SignBallot(actor.ID, m.Sign.Ballot)
}
