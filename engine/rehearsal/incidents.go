package rehearsal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Declare is refused: an exercise begins with [Stage.Begin].
func (s *Stage) Declare(ctx context.Context, req engine.Request, _ string, _ int, _ bool) (engine.Receipt, error) {
	return engine.Receipt{}, s.refuse(ctx, req, "", engine.Refuse(engine.Usage, "nothing is declared among exercises; an exercise begins with its scenario: drill start SCENARIO"))
}

// Start begins a run of the scenario's runbook, in the scenario's environment.
func (s *Stage) Start(ctx context.Context, req engine.Request, incident string, run engine.RunRequest) (engine.Receipt, error) {
	d, err := s.find(ctx, incident)
	if err != nil {
		return engine.Receipt{}, s.lost(ctx, req, err)
	}
	receipt := engine.Receipt{Incident: incident}
	err = d.do(func() error {
		body, refusal := d.pinned(run)
		if refusal != nil {
			return d.refused(engine.Event{Actor: req.Actor, Body: engine.RunStarted{}}, refusal, req.Nonce)
		}
		receipt.Run = fmt.Sprintf("R%d", len(d.inc.Runs)+1)
		receipt.Seq, err = d.take(engine.Event{Actor: req.Actor, Run: receipt.Run, Body: body}, req.Nonce)
		return err
	})
	return receipt, err
}

// pinned checks a request for a run.
func (d *drill) pinned(run engine.RunRequest) (engine.RunStarted, *engine.Refusal) {
	var none engine.RunStarted
	began := d.inc.Drill
	if run.Runbook != began.Runbook {
		if began.Blind {
			return none, engine.Refuse(engine.NoRunbook, "runbook %q is not what this exercise is about; look which one fits what you were told", run.Runbook)
		}
		return none, engine.Refuse(engine.NoRunbook, "the exercise %s is about runbook %q, so %q cannot be run in it", d.id, began.Runbook, run.Runbook)
	}
	program, refusal := d.s.program(began.Runbook, began.RunbookDigest)
	if refusal != nil {
		return none, refusal
	}
	env := d.scenario.Environment
	if run.Environment != "" && run.Environment != env.Name {
		return none, engine.Refuse(engine.WrongPlace, "the exercise %s takes place in %q, not in %q", d.id, env.Name, run.Environment)
	}
	body, refusal := engine.PinRun(program, env.EnvironmentFacts, run)
	if refusal != nil {
		return none, refusal
	}
	body.Protected = env.Protected
	if f := env.Floor; f != nil {
		floor := engine.Floor(*f)
		body.Floor = &floor
	}
	for _, real := range d.s.o.Environments {
		if real.Name != env.Name {
			continue
		}
		if body.Floor == nil {
			body.Floor = real.Floor
		}
		if body.Protected == nil {
			body.Protected = real.Protected
		}
	}
	return body, nil
}

// Submit hands in a fact from outside. Words for an exercise are for its
// facilitators; anybody can say the stop word, in a note.
func (s *Stage) Submit(ctx context.Context, req engine.Request, incident, run, step string, body engine.Body) (engine.Receipt, error) {
	d, err := s.find(ctx, incident)
	if err != nil {
		return engine.Receipt{}, s.lost(ctx, req, err)
	}
	receipt := engine.Receipt{Incident: incident}
	err = d.do(func() error {
		e := engine.Event{Actor: req.Actor, Run: run, Step: step, Body: body}
		if e.Run == "" && e.Step != "" {
			if r, ok := d.inc.Run(""); ok {
				e.Run = r.ID
			}
		}
		if refusal := d.control(&e); refusal != nil {
			return d.refused(e, refusal, req.Nonce)
		}
		d.signFor(&e)
		receipt.Seq, err = d.take(e, req.Nonce)
		if n, ok := body.(engine.Noted); ok && s.stopped(n.Text) && !d.inc.Drill.Ended {
			seq, stop := d.take(engine.Event{Actor: req.Actor, Body: engine.DrillEnded{Why: engine.EndStopWord, Text: "the stop word was said", Wall: d.wall()}}, "")
			if err != nil && stop == nil { // where a note could not be taken, the word counts all the same
				receipt.Seq, err = seq, nil
			}
		}
		return err
	})
	return receipt, err
}

// stopped says whether somebody said the stop word.
func (s *Stage) stopped(text string) bool {
	return slices.ContainsFunc(strings.Fields(text), func(word string) bool {
		return strings.EqualFold(strings.Trim(word, ".,;:!?\"'()"), s.o.StopWord)
	})
}

// signFor signs for the people of a script, whose keys are made up.
func (d *drill) signFor(e *engine.Event) {
	run, known := d.inc.Run(e.Run)
	if !known || !d.inc.Drill.Scripted {
		return
	}
	if step, known := run.Step(e.Step); known {
		e.Body = sim.Signed(&e.Actor, step, e.Body)
	}
}

// Refuse writes down a request that policy refused.
func (s *Stage) Refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	if err := s.refuse(ctx, req, incident, refusal); !errors.Is(err, error(refusal)) {
		return err
	}
	return nil
}

// lost answers a request for an exercise that is not there.
func (s *Stage) lost(ctx context.Context, req engine.Request, err error) error {
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
		return s.refuse(ctx, req, "", refusal)
	}
	return err
}

// refuse writes down a refusal and gives it back as the error of the request.
func (s *Stage) refuse(ctx context.Context, req engine.Request, incident string, refusal *engine.Refusal) error {
	body := engine.Refused{Verb: req.Verb, Code: refusal.Code, Message: record.Cut(refusal.Message, 2000)}
	if incident != "" {
		if d, err := s.find(ctx, incident); err == nil {
			err := d.do(func() error {
				_, err := d.take(engine.Event{Actor: req.Actor, Body: body}, req.Nonce)
				return err
			})
			if _, again := errors.AsType[*engine.Refusal](err); err != nil && !again {
				return err
			}
			return refusal
		}
	}
	if gone := s.isGone(); gone != nil {
		return gone
	}
	facts := []engine.Event{{At: s.o.Clock.Now().UTC().Truncate(time.Microsecond), Actor: req.Actor, Body: body}}
	b, err := record.Batch(StoreStream, -1, facts, req.Nonce)
	if err != nil {
		return err
	}
	b.Close = true
	_, err = s.o.Journal.Append(context.WithoutCancel(ctx), b)
	if _, twice := errors.AsType[*journal.DuplicateError](err); err != nil && !twice {
		if record.Fatal(err) {
			s.fail(err)
		}
		return fmt.Errorf("record that a request was refused: %w", err)
	}
	return refusal
}

// View shows an exercise.
func (s *Stage) View(ctx context.Context, incident string, look func(*engine.Incident)) error {
	d, err := s.find(ctx, incident)
	if err != nil {
		return err
	}
	return d.look(look)
}

// List shows every exercise, newest first. Of one that has ended before the
// stage was opened only the first facts are read.
func (s *Stage) List(ctx context.Context) ([]engine.Summary, error) {
	streams, err := s.o.Journal.Streams(ctx, false)
	if err != nil {
		return nil, err
	}
	var list []engine.Summary
	for _, stream := range slices.Backward(streams) {
		if _, ok := number(stream.Name); !ok {
			continue
		}
		s.mu.Lock()
		d := s.plays[stream.Name]
		s.mu.Unlock()
		if d != nil {
			switch err := d.look(func(i *engine.Incident) { list = append(list, engine.SummaryOf(i)) }); {
			case err == nil:
				continue
			case s.isGone() != nil:
				return nil, err
			}
		}
		one, err := s.first(ctx, stream) // also of one that was given up
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// first sums up an exercise that is not in memory by its first facts: until its
// channels are found, if there is a chat. One that cannot be read is on the list
// too, and says so.
func (s *Stage) first(ctx context.Context, stream journal.StreamInfo) (engine.Summary, error) {
	one := engine.Summary{ID: stream.Name, Title: "(this exercise cannot be read; see: firebreak verify)", Resolved: !stream.Open}
	for e, err := range record.Read(ctx, s.o.Journal, stream.Name) {
		if err != nil {
			if record.Fatal(err) || errors.Is(err, journal.ErrClosed) || ctx.Err() != nil {
				return one, err
			}
			s.o.Log.Error("exercise cannot be read", "exercise", stream.Name, "error", err)
			break
		}
		one.Take(e)
		if s.o.Chat == nil || one.Channel != "" && one.Control != "" {
			break
		}
	}
	return one, nil
}

// Events gives the facts of an exercise in order, as the journal has them.
func (s *Stage) Events(ctx context.Context, incident string) iter.Seq2[engine.Event, error] {
	return record.Read(ctx, s.o.Journal, incident)
}

// Programs lists the runbooks that are loaded, sorted by id.
func (s *Stage) Programs() []*runbooks.Program {
	list := slices.Clone(s.o.Programs())
	slices.SortFunc(list, func(a, b *runbooks.Program) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Head is the journal's size and the first digits of its root.
func (s *Stage) Head(ctx context.Context, _ string) (size int64, root string, err error) {
	head, err := s.o.Journal.Head(ctx)
	if err != nil {
		return 0, "", err
	}
	return head.Size, hex.EncodeToString(head.Root[:6]), nil
}
