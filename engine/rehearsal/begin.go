package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// MaxTitle is the longest title of an exercise, in bytes.
const MaxTitle = 200

// Request says how an exercise is begun.
type Request struct {
	Scenario     string   // id
	Pace         int      // how many times faster than outside the clock runs while nobody is asked; 0 is 1
	Blind        bool     // players do not learn which scenario it is
	Facilitators []string // person ids; none: whoever begins it
	Scripted     bool     // its people act by the scenario's script, in a time of its own
	Title        string   // what players see; empty: as the scenario says
}

// Begin starts an exercise: it is declared and pins its scenario, in
// one transaction. A scenario or runbook that is not there, and a step for which
// the scenario has no answer, are refused.
func (s *Stage) Begin(ctx context.Context, req engine.Request, r Request) (engine.Receipt, error) {
	return s.begin(ctx, req, r, time.Time{}, nil)
}

// begin starts an exercise; a scripted one at a time of its own. seed nil is
// the scenario's.
func (s *Stage) begin(ctx context.Context, req engine.Request, r Request, at time.Time, seed *int64) (engine.Receipt, error) {
	title, started, refusal := s.started(req, r)
	if refusal != nil {
		return engine.Receipt{}, s.refuse(ctx, req, "", refusal)
	}
	if seed != nil {
		started.Seed = *seed
	}
	for {
		s.mu.Lock()
		if err := s.gone(); err != nil {
			s.mu.Unlock()
			return engine.Receipt{}, err
		}
		s.count++
		n := s.count
		s.mu.Unlock()
		s.loading.Lock() // whoever hears of it before it is known here must wait, and not read it back
		d, receipt, err := s.open(ctx, fmt.Sprintf("%s-%d", engine.ExercisePrefix, n), req, title.Title, title.Severity, started, at)
		if err == nil {
			s.mu.Lock()
			s.plays[d.id] = d
			s.mu.Unlock()
		}
		s.loading.Unlock()
		switch {
		case err == nil:
			return receipt, nil
		case errors.Is(err, journal.ErrConflict): // the number is taken
			continue
		}
		s.mu.Lock()
		if s.count == n {
			s.count = n - 1 // nobody has it
		}
		s.mu.Unlock()
		if dup, ok := errors.AsType[*journal.DuplicateError](err); ok {
			return engine.Receipt{}, s.refuse(ctx, engine.Request{Actor: req.Actor, Verb: req.Verb}, "", engine.Refuse(engine.Duplicate, "this request came before and was followed then as %s; nothing was done again", dup.Stream))
		}
		if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
			return engine.Receipt{}, s.refuse(ctx, req, "", refusal)
		}
		if record.Fatal(err) {
			s.fail(err)
		}
		return engine.Receipt{}, err
	}
}

// open writes the first facts of an exercise and lets its clock run.
func (s *Stage) open(ctx context.Context, id string, req engine.Request, title string, severity int, started engine.DrillStarted, at time.Time) (*drill, engine.Receipt, error) {
	d := &drill{s: s, id: id}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fresh()
	wall := s.o.Clock.Now()
	if at.IsZero() {
		at = wall
	}
	at = at.UTC().Truncate(time.Microsecond)
	if !started.Scripted {
		started.Wall = engine.At(wall)
	}
	facts := []engine.Event{
		{At: at, Actor: req.Actor, Seq: -1, Body: engine.Declared{ID: id, Title: title, Severity: severity, Store: s.o.Store}},
		{At: at.Add(time.Microsecond), Actor: req.Actor, Seq: -1, Body: started},
	}
	for _, e := range facts {
		if err := d.inc.Apply(e); err != nil {
			return nil, engine.Receipt{}, err
		}
	}
	b, err := record.Batch(id, 0, facts, req.Nonce)
	if err != nil {
		return nil, engine.Receipt{}, err
	}
	done, err := s.o.Journal.Append(context.WithoutCancel(ctx), b)
	if err != nil {
		return nil, engine.Receipt{}, err
	}
	d.written = int64(len(facts))
	d.inc.Wrote(done.Last)
	err = d.survive(func() error {
		for n, e := range facts {
			e.Seq = done.First + int64(n)
			if err := d.follow(e); err != nil {
				return err
			}
		}
		d.game = d.play()
		d.at, d.target = d.inc.Now, d.inc.Now
		d.settle()
		if !started.Scripted {
			d.catchUp()
		}
		d.arm()
		return nil
	})
	return d, engine.Receipt{Incident: id, Seq: done.First}, err
}

// started checks a request and pins what the exercise depends on.
func (s *Stage) started(req engine.Request, r Request) (declared engine.Declared, b engine.DrillStarted, refusal *engine.Refusal) {
	if req.Actor.Type != engine.Person {
		return declared, b, engine.Refuse(engine.NotKnown, "only people of the directory can begin an exercise, and %s is not one", req.Actor.Via)
	}
	scenario, refusal := s.scenario(r.Scenario)
	if refusal != nil {
		return declared, b, refusal
	}
	program, refusal := s.program(scenario.Runbook, "")
	if refusal != nil {
		return declared, b, engine.Refuse(engine.NoRunbook, "scenario %q is for runbook %q, which is not loaded; see: runbooks", scenario.ID, scenario.Runbook)
	}
	if without := unanswered(scenario, program); len(without) > 0 {
		return declared, b, engine.Refuse(engine.InputInvalid, "scenario %q does not say what the world answers to %s; write it under answers", scenario.ID, strings.Join(without, ", "))
	}
	if err := writable(scenario); err != nil {
		return declared, b, engine.Refuse(engine.InputInvalid, "scenario %q cannot be played: %v", scenario.ID, err)
	}
	if _, err := runbooks.CompileScenario(scenario, program); err != nil {
		return declared, b, engine.Refuse(engine.InputInvalid, "%v; check it with: lint", err)
	}
	pace := cmp.Or(r.Pace, 1)
	if pace < 1 || pace > engine.MaxPace {
		return declared, b, engine.Refuse(engine.Usage, "an exercise runs 1 to %d times as fast as the wall clock, not %d", engine.MaxPace, r.Pace)
	}
	title := strings.TrimSpace(cmp.Or(r.Title, scenario.Shown, "Exercise"))
	if len(title) > MaxTitle || strings.ContainsAny(title, "\r\n") {
		return declared, b, engine.Refuse(engine.Usage, "an exercise has a title of one line and up to %d bytes", MaxTitle)
	}
	file, err := scenario.Encode()
	if err != nil {
		return declared, b, engine.Refuse(engine.InputInvalid, "scenario %q cannot be pinned: %v", scenario.ID, err)
	}
	facilitators := slices.Clone(r.Facilitators)
	if len(facilitators) == 0 {
		facilitators = []string{req.Actor.ID}
	}
	slices.Sort(facilitators)
	severity := cmp.Or(scenario.Severity, 2)
	return engine.Declared{Title: title, Severity: severity}, engine.DrillStarted{
		Scenario: scenario.ID, Title: scenario.Title, Digest: scenario.Digest, File: engine.Large{Value: file}, Runbook: program.ID, RunbookDigest: program.Digest,
		Seed: scenario.Seed, Pace: pace, Blind: r.Blind, Scripted: r.Scripted, Facilitators: slices.Compact(facilitators),
	}, nil
}

func (s *Stage) scenario(id string) (*runbooks.Scenario, *engine.Refusal) {
	var known []string
	for _, sc := range s.o.Scenarios() {
		if sc.ID == id {
			return sc, nil
		}
		known = append(known, sc.ID)
	}
	if len(known) == 0 {
		return nil, engine.Refuse(engine.NoRunbook, "no scenarios are loaded; a file of kind Scenario beside the runbooks is one")
	}
	slices.Sort(known)
	return nil, engine.Refuse(engine.NoRunbook, "there is no scenario %q; known: %s", id, strings.Join(known, ", "))
}

// unanswered lists the steps that ask the world and for which the scenario says
// nothing.
func unanswered(s *runbooks.Scenario, p *runbooks.Program) []string {
	answers := sim.Answers(s.Answers)
	var without []string
	for id, step := range p.Deep() {
		if step.Uses == "" {
			continue
		}
		if _, ok := pick(answers, sim.Keys(id), 1); !ok {
			without = append(without, id)
		}
	}
	return without
}

// writable says which answer of a scenario the journal would not take.
func writable(s *runbooks.Scenario) error {
	all := []map[string][]sim.Answer{sim.Answers(s.Answers)}
	for _, in := range s.Injects {
		all = append(all, sim.Answers(in.Answers))
	}
	for _, answers := range all {
		for _, step := range slices.Sorted(maps.Keys(answers)) {
			for n, a := range answers[step] {
				if len(a.Outputs) == 0 {
					continue
				}
				if _, err := journal.Canonical(a.Outputs); err != nil {
					return fmt.Errorf("answer %d of step %q cannot be written down: %w", n+1, step, err)
				}
			}
		}
	}
	return nil
}
