package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/report"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/engine/timeline"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Drills is a store of exercises and what plays them. It knows no action, no
// provider and no credential of the configuration.
type Drills struct {
	Journal journal.Log
	Stage   *rehearsal.Stage

	shelf     func() Shelf
	directory func() *chatops.Directory
	stopWord  string
	log       *slog.Logger
	seen      overview
}

var (
	_ chatops.Drills  = (*Drills)(nil)
	_ chatops.Planner = (*Drills)(nil)
)

// drillOptions are what differs between a server and a terminal.
type drillOptions struct {
	store        string      // id; part of every question and key
	chat         engine.Chat // nil: nobody is told
	stopWord     string
	environments []host.Environment
	directory    func() *chatops.Directory
	log          *slog.Logger
}

// StoreCheck looks at a store in a process of its own, as [bolt.VerifyInChild]
// does: a damaged file can kill whoever opens it.
type StoreCheck func(ctx context.Context, path, key string) (bolt.Report, error)

// openDrillStore takes the store of exercises, and makes it when there is none.
// One that is there is looked at by check first, if there is one, and is left
// alone when it is damaged. The error of a store that another process holds is
// a *[journal.LockedError].
func openDrillStore(ctx context.Context, cfg *config.Config, check StoreCheck) (*bolt.Log, error) {
	signer, err := journal.LoadSigner(cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("the key that signs the journal of exercises: %w", err)
	}
	if _, err := os.Stat(cfg.Rehearsal.Store); err == nil && check != nil {
		limited, cancel := context.WithTimeout(ctx, checkPatience)
		defer cancel()
		report, err := check(limited, cfg.Rehearsal.Store, signer.Verifier())
		switch {
		case err != nil:
			return nil, err
		case report.ExitCode() >= bolt.ExitDamaged:
			return nil, fmt.Errorf("the store of exercises %q is damaged or altered (firebreak verify says more); live incidents are not touched by that. Move the file away, and a new one is made", cfg.Rehearsal.Store)
		}
	}
	return bolt.Open(cfg.Rehearsal.Store, bolt.Options{Signer: signer, Org: cfg.Organisation + "-drills"})
}

// openDrills begins to play on a store; it closes the store when it cannot.
func openDrills(ctx context.Context, log journal.Log, shelf func() Shelf, o drillOptions) (*Drills, error) {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	d := &Drills{Journal: log, shelf: shelf, directory: o.directory, stopWord: o.stopWord, log: o.log}
	ro := rehearsal.Options{
		Journal: log, Store: o.store, Chat: o.chat, Log: o.log, StopWord: o.stopWord,
		Programs:  func() []*runbooks.Program { return shelf().Programs },
		Scenarios: func() []*runbooks.Scenario { return shelf().Scenarios },
	}
	for _, e := range o.environments {
		ro.Environments = append(ro.Environments, rehearsal.Environment{EnvironmentFacts: e.EnvironmentFacts, Floor: e.Floor, Protected: e.Protected})
	}
	var err error
	if d.Stage, err = rehearsal.Open(ctx, ro); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return d, nil
}

// Close lets go of the store. An exercise that goes on is held for whoever
// opens it next. It does not wait for a disk that does not answer.
func (d *Drills) Close(ctx context.Context) error {
	closed := make(chan error, 1)
	if !within(context.WithoutCancel(ctx), closePatience, func() {
		messages, cancel := context.WithTimeout(ctx, closePatience/2)
		defer cancel()
		d.Stage.Close(messages)
		closed <- d.Journal.Close()
	}) {
		return errNotClosed
	}
	return <-closed
}

// Scenarios lists those that can be played.
func (d *Drills) Scenarios() []*runbooks.Scenario { return d.shelf().Scenarios }

// Begin starts an exercise; who asks for it leads it.
func (d *Drills) Begin(ctx context.Context, req engine.Request, scenario string, pace int, blind bool) (engine.Receipt, error) {
	return patient{most: actPatience}.receipt(ctx, func() (engine.Receipt, error) {
		return d.Stage.Begin(ctx, req, rehearsal.Request{Scenario: scenario, Pace: pace, Blind: blind, Facilitators: []string{req.Actor.ID}})
	})
}

// Report writes the after-action report of an exercise that is over, after it
// was written down that it was handed out.
func (d *Drills) Report(ctx context.Context, req engine.Request, incident, format string) (chatops.File, error) {
	var over, drill bool
	if err := d.Stage.View(ctx, incident, func(i *engine.Incident) { drill, over = i.Drill != nil, i.Drill != nil && i.Drill.Ended }); err != nil {
		return chatops.File{}, err
	}
	switch {
	case !drill:
		return chatops.File{}, engine.Refuse(engine.NotADrill, "%s is no exercise; its record: export md %s", incident, incident)
	case !over:
		return chatops.File{}, engine.Refuse(engine.OpenSteps, "the exercise %s goes on; its report comes when it is over: drill end %s", incident, incident)
	}
	covered, err := covers(d.Stage.Events(ctx, incident), "report-"+format)
	if err != nil {
		return chatops.File{}, err
	}
	if _, err := d.Stage.Submit(ctx, req, incident, "", "", covered); err != nil {
		return chatops.File{}, err
	}
	played, err := d.Score(ctx, incident)
	if err != nil {
		return chatops.File{}, err
	}
	var out strings.Builder
	if err := played.Report(&out, format); err != nil {
		return chatops.File{}, err
	}
	ext, name := "", "-report"
	for _, f := range report.Formats() {
		if f.Name == format {
			ext = f.Ext
		}
	}
	switch {
	case format == "csv":
		name = "-improvement-plan"
	case strings.HasPrefix(format, "evidence-"):
		name = "-evidence"
	}
	return chatops.File{Name: strings.ToLower(incident) + name + ext, Data: []byte(out.String())}, nil
}

// Score works out what an exercise showed, as of now, and what the one of the
// same runbook before it did.
func (d *Drills) Score(ctx context.Context, incident string) (*Played, error) {
	head, err := d.Journal.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the head of the journal of exercises: %w", err)
	}
	facts := func(id string) timeline.Source {
		return func() iter.Seq2[engine.Event, error] { return d.Stage.Events(ctx, id) }
	}
	p, err := scored(facts(incident), head, time.Now(), d.directory())
	if err != nil || p.Result.Drill == nil {
		return p, err
	}
	streams, err := d.Journal.Streams(ctx, false)
	if err != nil {
		return nil, err
	}
	earlier := false
	for _, s := range slices.Backward(streams) {
		if !earlier || !engine.IsExercise(s.Name) {
			earlier = earlier || s.Name == incident
			continue
		}
		if !rehearses(d.Stage.Events(ctx, s.Name), p.Result.Drill.Runbook) {
			continue
		}
		before, err := scored(facts(s.Name), head, time.Now(), d.directory())
		if err != nil {
			return nil, err
		}
		if o := before.Result.Outcome; o != score.Going && o != score.Stopped {
			p.previous = before.Result
			break
		}
	}
	return p, nil
}

// rehearses says whether an exercise is about a runbook, from its first facts.
func rehearses(facts iter.Seq2[engine.Event, error], runbook string) bool {
	n := 0
	for e, err := range facts {
		if err != nil {
			return false
		}
		if b, ok := e.Body.(engine.DrillStarted); ok {
			return b.Runbook == runbook
		}
		if n++; n > 2 {
			return false
		}
	}
	return false
}

// Rehearsed is the runbook that the facts of an exercise are about, by id.
func Rehearsed(facts []engine.Event) string {
	for _, e := range facts {
		if b, ok := e.Body.(engine.DrillStarted); ok {
			return b.Runbook
		}
	}
	return ""
}

// now is the time of the exercise that goes on, else of the wall.
func (d *Drills) now() time.Time {
	for _, id := range d.Stage.Going() {
		at := time.Time{}
		if err := d.Stage.View(context.Background(), id, func(i *engine.Incident) { at = i.Now }); err == nil {
			return at
		}
	}
	return time.Now()
}

// liveMark is the file by which a process that declares a live incident tells
// others on this machine that play an exercise.
func liveMark(cfg *config.Config) string { return cfg.Rehearsal.Store + ".live" }

// alarmed is what stands in the mark now; empty: no live incident was declared
// on this machine since there is one.
func alarmed(cfg *config.Config) string {
	data, err := os.ReadFile(liveMark(cfg))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Players are the people of a scenario as a directory: whoever plays by a
// script, or one person in a terminal who plays several. Each has an SSH key
// that exists in exercises alone.
func Players(s *runbooks.Scenario) (d *chatops.Directory, players []engine.Actor, facilitator engine.Actor) {
	d = &chatops.Directory{Groups: map[string][]string{}}
	add := func(p runbooks.TestPerson, roles ...chatops.Role) engine.Actor {
		d.People = append(d.People, chatops.PersonEntry{ID: p.ID, Name: p.ID, Identities: p.Identities, Roles: roles, SSHKeys: []string{sim.KeyOf(p.ID)}})
		for _, g := range p.Groups {
			d.Groups[g] = append(d.Groups[g], p.ID)
		}
		return rehearsal.Person(p, "")
	}
	for _, p := range s.People {
		if p.ID != s.Facilitator.ID {
			players = append(players, add(p, chatops.Responder, chatops.Commander))
		}
	}
	facilitator = add(s.Facilitator, chatops.Facilitator, chatops.Commander, chatops.Auditor)
	for _, members := range d.Groups {
		slices.Sort(members)
	}
	return d, players, facilitator
}
