package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// drill is one exercise. Its lock is held while a fact is taken in, from the
// look at the clock until what is owed then has begun.
type drill struct {
	s  *Stage
	id string

	mu       sync.Mutex
	inc      *engine.Incident
	game     *sim.Game
	world    *world
	director *director
	audit    *engine.Audit
	findings []string
	scenario *runbooks.Scenario // the pinned one; nil until DrillStarted
	written  int64              // records in the stream

	course  course
	at      time.Time // what Game.Now gives: the time of what is being done
	target  time.Time // of a scripted one: as far as time has passed
	dormant bool      // was folded from the journal, and nothing owed has begun yet
	missing error     // why it was held by the engine: no answer for something
	dead    error     // it can no longer be used
	stop    func() bool
	alarm   int // counts the settings of the timer, so that an old one is known

	nonce string // of the fact that is being taken in
	first int64  // where the latest batch went

	telling bool // a message is on its way to the chat
}

// fresh empties what is folded from the facts.
func (d *drill) fresh() {
	d.inc, d.audit, d.findings = engine.NewIncident(), engine.NewAudit(), nil
	d.world, d.director, d.scenario, d.written = nil, nil, nil, 0
	d.game = d.play()
}

func (d *drill) play() *sim.Game {
	o := sim.GameOptions{World: stand{d}, Now: func() time.Time { return d.at }, Write: d.write, Tell: func() {}}
	return sim.NewGame(d.inc, o)
}

// follow notes a fact that was written down, beside the incident itself.
func (d *drill) follow(e engine.Event) error {
	for _, finding := range d.audit.Take(e) {
		d.findings = append(d.findings, finding)
		d.s.o.Log.Error("the engine broke a promise, which is a bug of firebreak", "exercise", d.id, "finding", finding)
	}
	switch b := e.Body.(type) {
	case engine.Declared:
		d.director = newDirector(&runbooks.Scenario{}, nil)
	case engine.DrillStarted:
		if err := d.pin(b); err != nil {
			return err
		}
	}
	if err := d.director.take(e); err != nil {
		return err
	}
	if d.world != nil {
		d.world.take(e)
	}
	return nil
}

// pin reads the scenario that an exercise was begun with.
func (d *drill) pin(b engine.DrillStarted) error {
	s, err := runbooks.DecodeScenario(b.File.Value)
	if err != nil {
		return fmt.Errorf("the scenario of %s: %w", d.id, err)
	}
	var h holds
	program, refusal := d.s.program(s.Runbook, b.RunbookDigest)
	switch {
	case refusal != nil:
		d.s.o.Log.Warn("the conditions of an exercise cannot be worked out", "exercise", d.id, "error", refusal)
	default:
		compiled, err := runbooks.CompileScenario(s, program)
		if err != nil {
			return err
		}
		h = func(expr string, env map[string]any) (bool, error) {
			yes, _, err := compiled.Holds(expr, env)
			return yes, err
		}
	}
	declared := d.director.inc
	d.scenario, d.world, d.director = s, newWorld(d.inc, s), newDirector(s, h)
	d.director.inc = declared
	return nil
}

// load folds the exercise from its stream.
func (d *drill) load(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("fold %s: bug: %v", d.id, r)
		}
	}()
	d.fresh()
	log := d.s.o.Journal
	for entry, err := range log.Read(ctx, d.id, 0) {
		if err != nil {
			return fmt.Errorf("read %s: %w", d.id, err)
		}
		e, err := record.In(ctx, log, entry)
		if err != nil {
			return err
		}
		if err := d.inc.Apply(e); err != nil {
			return fmt.Errorf("entry %d of %s does not follow: %w", entry.N, d.id, err)
		}
		if err := d.follow(e); err != nil {
			return fmt.Errorf("entry %d of %s: %w", entry.N, d.id, err)
		}
		d.written++
	}
	switch {
	case d.written == 0:
		return engine.Refuse(engine.NoIncident, "there is no exercise %s; see: list", d.id)
	case d.inc.ID != d.id:
		return fmt.Errorf("fold %s: it says that it is %q", d.id, d.inc.ID)
	case d.inc.Drill == nil:
		return fmt.Errorf("fold %s: it was declared and never begun", d.id)
	}
	d.director.broken = nil // they were told
	d.game = d.play()       // it begins where the facts end
	d.at, d.dormant = d.inc.Now, true
	return nil
}

// write appends a batch that was applied, before anything of it begins.
func (d *drill) write(facts []engine.Event) error {
	b, err := record.Batch(d.id, d.written, facts, d.nonce)
	if err != nil {
		return err
	}
	b.Close = d.last()
	// Once it is being written the caller must learn the truth, so its patience does not count.
	done, err := d.s.o.Journal.Append(context.WithoutCancel(d.s.ctx), b)
	if err != nil {
		if _, twice := errors.AsType[*journal.DuplicateError](err); twice {
			return engine.Refuse(engine.Duplicate, "this request came before and was followed then; nothing was done again")
		}
		return err
	}
	d.first, d.written = done.First, d.written+int64(len(b.Records))
	d.inc.Wrote(done.Last)
	for n, e := range facts {
		e.Seq = done.First + int64(n)
		if err := d.follow(e); err != nil {
			return err
		}
	}
	return nil
}

// last says whether nothing is owed to anybody any more.
func (d *drill) last() bool {
	if d.inc.Drill == nil || !d.inc.Drill.Ended {
		return false
	}
	return d.s.o.Chat == nil || len(d.inc.Messages()) == 0
}

// take takes in a fact at the time of the exercise, with all that follows. A
// refusal is written down as well, and is the error.
func (d *drill) take(e engine.Event, nonce string) (seq int64, err error) {
	if d.dead != nil {
		return 0, d.dead
	}
	d.nonce = nonce
	err = d.game.Take(e)
	d.nonce = ""
	seq = d.first
	refusal, refused := errors.AsType[*engine.Refusal](err)
	if err != nil && d.game.Err() != nil { // it knows more than what was written
		if err := d.reload(err); err != nil {
			return 0, err
		}
		d.wake()
	}
	if refused {
		return 0, d.refused(e, refusal, nonce)
	}
	if err != nil {
		return 0, err
	}
	switch b := e.Body.(type) {
	case engine.DrillAdvanced:
		d.pace()
		d.course.jump(time.Duration(b.By))
	case engine.DrillResumed:
		d.wake()
	}
	d.settle()
	return seq, nil
}

// say takes in a fact of the engine. That it is not taken is a fault.
func (d *drill) say(body engine.Body) error {
	_, err := d.take(engine.Event{Actor: engine.TheEngine, Body: body}, "")
	if err != nil {
		d.s.o.Log.Error("a fact of the exercise could not be taken in", "exercise", d.id, "kind", body.Kind(), "error", err)
	}
	return err
}

// hold lets the exercise wait for its facilitator, because something in it cannot
// happen: nobody made up an answer, or what would be written down cannot be. It
// tells the facilitator what.
func (d *drill) hold(why error, what string) {
	if d.dead != nil {
		return
	}
	d.missing = why
	err := d.say(engine.DrillObserved{Text: record.Cut(what, engine.MaxText)})
	if err == nil && !d.inc.Drill.Held && !d.inc.Drill.Ended {
		err = d.say(engine.DrillHeld{Reason: "the scenario does not say what happens now", Wall: d.wall()})
	}
	if err != nil && d.dead == nil { // it would be tried without end
		_ = d.give(fmt.Errorf("the exercise %s can neither go on nor be held: %w; begin another one", d.id, err))
	}
}

// refused writes down that a request was not followed, and gives the refusal
// that the person gets: that of a request that came before is that it did.
func (d *drill) refused(e engine.Event, refusal *engine.Refusal, nonce string) error {
	note := func(r *engine.Refusal, nonce string) error {
		d.nonce = nonce
		defer func() { d.nonce = "" }()
		return d.game.Take(engine.Event{Actor: e.Actor, Body: engine.Refused{Verb: string(e.Kind()), Code: r.Code, Message: record.Cut(r.Message, 2000)}})
	}
	if refusal.Code == engine.Duplicate {
		nonce = "" // it is taken, that is the point
	}
	err := note(refusal, nonce)
	if twice, ok := errors.AsType[*engine.Refusal](err); ok {
		refusal = twice
		if err = d.reload(err); err == nil {
			d.wake()
			err = note(refusal, "")
		}
	}
	if err != nil {
		if err := d.reload(err); err != nil {
			return err
		}
		d.wake()
		d.s.o.Log.Error("a refusal cannot be recorded", "exercise", d.id, "error", err)
	}
	return refusal
}

// reload reads the exercise back as the journal has it, after something could
// not be written. Nothing real happened, so what was in flight begins again.
func (d *drill) reload(why error) error {
	if record.Fatal(why) || errors.Is(why, journal.ErrConflict) || errors.Is(why, journal.ErrClosed) {
		return d.fail(why)
	}
	if err := d.load(context.WithoutCancel(d.s.ctx)); err != nil {
		return d.fail(fmt.Errorf("read %s back: %w", d.id, err))
	}
	return nil
}

// fail takes note that the store can no longer be used.
func (d *drill) fail(err error) error {
	d.dead = err
	d.silence()
	d.s.fail(err)
	return err
}

// wake begins what is owed after the exercise was read back, or was held because
// the world had no answer.
func (d *drill) wake() {
	drill := d.inc.Drill
	if drill == nil || drill.Held || drill.Ended || !d.dormant && d.game.Stuck() == nil {
		return
	}
	d.dormant, d.missing = false, nil
	d.game.Begin()
}
