package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// control refuses what only a facilitator may do, and what the scenario does not
// have; it fills in the time outside.
func (d *drill) control(e *engine.Event) *engine.Refusal {
	switch b := e.Body.(type) {
	case engine.DrillStarted, engine.Declared, engine.RunStarted:
		return engine.Refuse(engine.Usage, "%s is written by what begins it", e.Kind())
	case engine.DrillEnded:
		b.Wall = d.wall()
		if b.Why == "" {
			b.Why = engine.EndFacilitator
		}
		e.Body = b
		if b.Why == engine.EndStopWord && e.Actor.Type == engine.Person {
			return nil // anybody may
		}
	case engine.InjectDelivered, engine.InjectSkipped, engine.DrillHeld, engine.DrillResumed, engine.DrillPaced, engine.DrillAdvanced, engine.OutcomeSet,
		engine.HintGiven, engine.ExpectationJudged, engine.DrillObserved, engine.ObjectiveRated:
	default:
		return nil
	}
	if refusal := d.facilitates(e.Actor); refusal != nil {
		return refusal
	}
	switch b := e.Body.(type) {
	case engine.InjectDelivered: // as the scenario has it, whatever was handed in
		in, refusal := d.inject(b.ID)
		if refusal == nil {
			e.Body = delivered(in, "hand")
		}
		return refusal
	case engine.InjectSkipped:
		_, refusal := d.inject(b.ID)
		return refusal
	case engine.ExpectationJudged:
		in, refusal := d.inject(b.Inject)
		if refusal == nil && (b.N < 1 || b.N > len(in.Expect)) {
			refusal = engine.Refuse(engine.NoStep, "inject %s expects %d things, and there is no number %d", b.Inject, len(in.Expect), b.N)
		}
		return refusal
	case engine.OutcomeSet:
		return d.outcome(b)
	case engine.ObjectiveRated:
		return d.objective(b.Objective)
	case engine.DrillObserved:
		if b.Objective != "" {
			return d.objective(b.Objective)
		}
	case engine.DrillHeld:
		b.Wall = d.wall()
		e.Body = b
	case engine.DrillResumed:
		b.Wall = d.wall()
		e.Body = b
	}
	return nil
}

// facilitates refuses who is no facilitator.
func (d *drill) facilitates(a engine.Actor) *engine.Refusal {
	if a.Type == engine.Person && slices.Contains(d.inc.Drill.Facilitators, a.ID) {
		return nil
	}
	return engine.Refuse(engine.NotAllowed, "only who leads the exercise %s may do that: %s; everybody can end it with the stop word %q", d.id, strings.Join(d.inc.Drill.Facilitators, ", "), d.s.o.StopWord)
}

func (d *drill) inject(id string) (*runbooks.Inject, *engine.Refusal) {
	var ids []string
	for n := range d.scenario.Injects {
		in := &d.scenario.Injects[n]
		if in.ID == id {
			return in, nil
		}
		ids = append(ids, in.ID)
	}
	return nil, unknown("the scenario has no inject", id, ids)
}

// objective refuses the name of an objective that the scenario does not have.
func (d *drill) objective(id string) *engine.Refusal {
	var ids []string
	for _, o := range d.scenario.Objectives {
		if o.ID == id {
			return nil
		}
		ids = append(ids, o.ID)
	}
	return unknown("the scenario has no objective", id, ids)
}

// unknown refuses a name, and says which was meant or which there are.
func unknown(what, id string, known []string) *engine.Refusal {
	id = record.Cut(id, 60)
	if near := runbooks.Nearest(id, known); near != "" {
		return engine.Refuse(engine.NoStep, "%s %q; did you mean %q?", what, id, near)
	}
	return engine.Refuse(engine.NoStep, "%s %q; there are: %s", what, id, cmp.Or(strings.Join(known, ", "), "none"))
}

// outcome refuses to decide about a step that the world is not asked about.
func (d *drill) outcome(b engine.OutcomeSet) *engine.Refusal {
	program := (*runbooks.Program)(nil)
	if run, ok := d.inc.Run(""); ok {
		program = run.Program
	} else if p, refusal := d.s.program(d.inc.Drill.Runbook, ""); refusal == nil {
		program = p
	}
	if program == nil {
		return nil
	}
	var ids []string
	keys := sim.Keys(strings.TrimSuffix(b.Step, "~undo"))
	for id, step := range program.Deep() {
		if step.Uses == "" {
			continue
		}
		if slices.Contains(keys, id) {
			return nil
		}
		ids = append(ids, id)
	}
	return unknown("the world is not asked about a step", b.Step, ids)
}

// delivered is the fact of an inject.
func delivered(in *runbooks.Inject, why string) engine.InjectDelivered {
	return engine.InjectDelivered{ID: in.ID, To: in.To, Text: in.Say, Why: why, Chat: in.Chat, Away: in.Away, Back: in.Back}
}

// StopAll ends every exercise that is going on, such as when a live incident is
// declared. One that cannot be ended keeps no other from being ended; the error
// names each that could not be.
func (s *Stage) StopAll(ctx context.Context, why engine.EndReason, text string) error {
	s.mu.Lock()
	plays := s.drills()
	s.mu.Unlock()
	failed := make([]error, len(plays))
	var work sync.WaitGroup
	for n, d := range plays {
		work.Go(func() {
			err := d.do(func() error {
				if d.inc.Drill == nil || d.inc.Drill.Ended {
					return nil
				}
				_, err := d.take(engine.Event{Actor: engine.TheEngine, Body: engine.DrillEnded{Why: why, Text: text, Wall: d.wall()}}, "")
				return err
			})
			if err != nil {
				failed[n] = fmt.Errorf("end the exercise %s: %w", d.id, err)
			}
		})
	}
	work.Wait()
	return errors.Join(failed...)
}

// Scenario gives the scenario that an exercise was begun with, as it was then.
func (s *Stage) Scenario(ctx context.Context, id string) (*runbooks.Scenario, error) {
	d, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	var out *runbooks.Scenario
	return out, d.do(func() error { out = d.scenario; return nil })
}

// Now is the time of an exercise, by which its people reckon.
func (s *Stage) Now(ctx context.Context, id string) (time.Time, error) {
	d, err := s.find(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	var now time.Time
	err = d.do(func() error { now = d.at; return nil })
	return now, err
}

// Findings lists the promises that the core broke in an exercise; see
// [engine.Audit]. There should be none.
func (s *Stage) Findings(ctx context.Context, id string) ([]string, error) {
	d, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []string
	err = d.do(func() error { list = slices.Clone(d.findings); return nil })
	return list, err
}
