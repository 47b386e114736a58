package rehearsal

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/sim"
)

// settle follows a fact of the exercise with what it means for the clock, the
// director and the people.
func (d *drill) settle() {
	drill := d.inc.Drill
	if drill == nil || d.dead != nil {
		return
	}
	d.pace()
	if err := d.game.Stuck(); err != nil && d.missing == nil {
		d.hold(err, fmt.Sprintf("the scenario has no answer: %v. Decide what it comes to (an outcome of the step), then let the exercise go on", err))
	}
	for len(d.director.broken) > 0 && !drill.Ended {
		err := d.director.broken[0]
		d.director.broken = d.director.broken[1:]
		_ = d.say(engine.DrillObserved{Text: record.Cut(err.Error(), engine.MaxText)}) // it is logged
	}
	if d.inc.Resolved && !drill.Ended {
		_ = d.say(engine.DrillEnded{Why: engine.EndResolved, Wall: d.wall()}) // it is logged, and comes again with the next fact
	}
	if d.s.o.Chat != nil {
		d.s.o.Chat.Changed(d.id)
	}
	d.tell()
}

// pace sets the clock to how fast it runs as things stand.
func (d *drill) pace() {
	if !d.inc.Drill.Scripted {
		d.course.set(d.game.Last(), Pace(d.inc), d.s.o.Clock.Now())
	}
}

// wall is the time outside as it is written down; a scripted exercise has none.
func (d *drill) wall() engine.Stamp {
	if d.inc.Drill != nil && d.inc.Drill.Scripted {
		return engine.Stamp{}
	}
	return engine.At(d.s.o.Clock.Now())
}

// now is the time of the exercise.
func (d *drill) now() time.Time {
	last := d.game.Last()
	switch drill := d.inc.Drill; {
	case drill != nil && drill.Scripted:
		return later(d.target, last)
	case drill == nil || d.course.pace == 0:
		return last
	}
	return later(d.course.now(d.s.o.Clock.Now()), last)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// next is what happens next if nobody does anything.
func (d *drill) next() (at time.Time, do func(), ok bool) {
	if drill := d.inc.Drill; drill == nil || drill.Held || drill.Ended || d.dead != nil {
		return at, nil, false
	}
	if due, _, waits := d.game.Due(); waits {
		at, do, ok = due, d.step, true
	}
	if c, waits := d.director.next(); waits && (!ok || c.at.Before(at)) {
		at, do, ok = c.at, func() { d.direct(c) }, true
	}
	return at, do, ok
}

// step lets what is due next in the made up world happen.
func (d *drill) step() {
	facts := d.inc.Facts
	d.game.Step()
	if err := d.game.Err(); err != nil && err != d.game.Stuck() {
		if d.reload(err) == nil {
			d.lose(err)
			d.hold(err, fmt.Sprintf("what happens next cannot be written down: %v. Decide what it comes to (an outcome of the step), then let the exercise go on", err))
		}
		return
	}
	if d.inc.Facts != facts || d.game.Stuck() != nil {
		d.settle()
	}
}

// lose follows an answer that cannot be written down as the host does: nobody
// knows how the attempt ended.
func (d *drill) lose(why error) {
	for _, e := range d.inc.Doubtful(record.Cut("its outcome could not be recorded: "+why.Error(), 2000)) {
		b := e.Body.(engine.EffectInDoubt)
		a, err := d.world.of(engine.Task{Run: e.Run, Step: e.Step}, b.Attempt, sim.MissingRun)
		if err != nil {
			continue
		}
		if _, err := journal.Canonical(a.Run("").Value); err != nil {
			_, _ = d.take(e, "") // the exercise is held all the same
		}
	}
}

// direct does what the scenario wants now.
func (d *drill) direct(c cue) {
	var err error
	switch {
	case c.tick:
		if d.director.tick(c.at); len(d.director.broken) > 0 {
			d.settle()
		}
	case c.inject != nil:
		err = d.say(delivered(c.inject, why(c.inject.Trigger)))
	default:
		err = d.say(engine.DrillEnded{Why: c.end, Text: c.text, Wall: d.wall()})
	}
	if err != nil {
		d.hold(err, fmt.Sprintf("what is due now cannot be written down: %v. Leave it out, or end the exercise", err))
	}
}

// catchUp lets everything happen that is due by now, each at its own time.
func (d *drill) catchUp() {
	for range maxSteps {
		at, do, ok := d.next()
		if !ok || at.After(d.now()) {
			break
		}
		d.at = later(at, d.game.Last())
		do()
	}
	d.at = d.now()
}

// maxSteps bounds what happens at once, so that a mistake cannot hold the lock
// for ever; the rest happens when the timer comes next.
const maxSteps = 1_000_000

// arm sets the timer to what happens next, after the lock was used.
func (d *drill) arm() {
	d.silence()
	if d.inc.Drill == nil || d.inc.Drill.Scripted || d.dead != nil {
		return
	}
	at, _, ok := d.next()
	if !ok {
		return
	}
	wait, runs := d.course.until(at, d.s.o.Clock.Now())
	if !runs {
		return
	}
	alarm := d.alarm
	d.stop = d.s.o.Clock.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.alarm != alarm || d.s.ctx.Err() != nil {
			return
		}
		d.survive(func() error {
			d.catchUp()
			d.arm()
			return nil
		})
	})
}

// silence takes the timer back.
func (d *drill) silence() {
	d.alarm++
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
}

// do runs f at the time of the exercise, after everything that was due before.
func (d *drill) do(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead != nil {
		return d.dead
	}
	if d.s.ctx.Err() != nil {
		return errStopping
	}
	return d.survive(func() error {
		d.catchUp()
		defer d.arm()
		if d.dead != nil {
			return d.dead
		}
		return f()
	})
}

// survive does something with the exercise. A panic is the end of this exercise
// and of nothing else: others go on beside it, and what is live.
func (d *drill) survive(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = d.give(fmt.Errorf("the exercise %s cannot go on, which is a bug of firebreak (%v); begin another one", d.id, r))
			d.s.o.Log.Error("an exercise cannot go on", "exercise", d.id, "error", err, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// give gives an exercise up, until the server is started again.
func (d *drill) give(why error) error {
	d.dead = why
	d.silence()
	return why
}
