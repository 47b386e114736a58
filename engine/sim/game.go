package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// GameOptions are what a [Game] is played with. World and Now are required.
type GameOptions struct {
	World World
	// Now is the time of the game. It must be that of [Game.Due] while
	// [Game.Step] is called, or later.
	Now func() time.Time
	// Write is given each batch of facts after it was applied and before
	// anything that is owed then begins. After an error of it the game knows more
	// than what was written, and must be thrown away. nil: nothing is kept.
	Write func(batch []engine.Event) error
	// Tell is called when messages may be owed to the chat; it must not block.
	// nil: every message is acknowledged at once, under made up ids.
	Tell func()
}

// Game is an incident while it is played: it takes facts in, asks the world
// what is owed to it, and knows what happens next and when. Whoever drives it
// lets the time pass: [Play] jumps from one moment to the next, a rehearsal
// waits for people. It is not safe for use by many at once.
type Game struct {
	o      GameOptions
	inc    *engine.Incident
	last   time.Time // of the last fact
	queue  queue
	flying map[string]*flight
	begun  map[string]bool // effects that were begun, by reference
	stuck  error           // of the world
	failed error           // of the core, or of writing

	telling bool // messages are being acknowledged
}

// NewGame plays an incident on from where it stands: one that has no fact yet,
// or one that was folded from its facts, for which [Game.Begin] follows.
func NewGame(inc *engine.Incident, o GameOptions) *Game {
	return &Game{o: o, inc: inc, last: inc.Now, flying: map[string]*flight{}, begun: map[string]bool{}}
}

// Begin begins everything that is owed and not in flight: after an incident was
// folded from its facts, or when the world knows an answer now that it did not
// know before. Effects that were in flight begin again.
func (g *Game) Begin() {
	g.stuck = nil
	if g.Over() {
		return
	}
	g.inc.Moved()
	var places []string
	owed := map[string][]engine.Command{}
	for _, c := range g.inc.Commands() {
		place := placeOf(c)
		if place == "" {
			continue // a message
		}
		if owed[place] == nil {
			places = append(places, place)
		}
		owed[place] = append(owed[place], c)
	}
	for _, place := range places {
		g.match(place, owed[place])
	}
	g.start()
}

// Over says whether the incident is an exercise that has ended: what was going
// on stays where it is.
func (g *Game) Over() bool { return g.inc.Drill != nil && g.inc.Drill.Ended }

// Take stamps a fact, applies it with all that follows, hands it to Write, and
// begins what is owed then. A *[engine.Refusal] changes nothing. See Write for
// its error.
func (g *Game) Take(e engine.Event) error {
	e.At, e.Seq = g.o.Now().UTC().Truncate(time.Microsecond), -1
	if !e.At.After(g.last) {
		e.At = g.last.Add(time.Microsecond)
	}
	batch, err := g.advance(e)
	if err != nil {
		return err
	}
	g.last = e.At
	if g.o.Write != nil {
		if err := g.o.Write(batch); err != nil {
			if g.failed == nil {
				g.failed = err
			}
			return err
		}
	}
	if g.Over() {
		g.drop()
	}
	g.start()
	return nil
}

// advance applies a fact and what follows. From an exercise that is over
// nothing follows.
func (g *Game) advance(e engine.Event) ([]engine.Event, error) {
	if _, end := e.Body.(engine.DrillEnded); !end && !g.Over() {
		return g.inc.Advance(e)
	}
	if err := g.inc.Apply(e); err != nil {
		return nil, err
	}
	return []engine.Event{e}, nil
}

// drop calls off all that is in flight.
func (g *Game) drop() {
	g.queue = queue{}
	clear(g.flying)
}

// Last is the time of the last fact.
func (g *Game) Last() time.Time { return g.last }

// Due says what happens next if nobody does anything, and when; ok is false
// when nothing does.
func (g *Game) Due() (at time.Time, what string, ok bool) {
	next := g.queue.first()
	if next == nil {
		return time.Time{}, "", false
	}
	return next.at, next.what, true
}

// Step lets what is due next happen.
func (g *Game) Step() {
	if next := g.queue.first(); next != nil {
		g.queue.pop()
		next.do()
	}
}

// Err says why the game cannot go on: the world has no answer, the core does
// not take what it asked for, or writing failed.
func (g *Game) Err() error {
	if g.failed != nil {
		return g.failed
	}
	return g.stuck
}

// Stuck says what the world has no answer for, until [Game.Begin]; the rest of
// the game can go on.
func (g *Game) Stuck() error { return g.stuck }

// fact hands in how something ended. The core owed it, so it must take it.
func (g *Game) fact(t engine.Task, body engine.Body) {
	if err := g.Take(engine.Event{Actor: engine.TheEngine, Run: t.Run, Step: t.Step, Body: body}); err != nil && g.failed == nil {
		g.failed = fmt.Errorf("the core does not take what it asked for: %w", err)
	}
}

// placeOf is the step a command belongs to, as run/step; empty for a message.
func placeOf(c engine.Command) string {
	switch c := c.(type) {
	case engine.PlanStep:
		return c.Run + "/" + c.Step
	case engine.RunEffect:
		return c.Run + "/" + c.Step
	case engine.ProbeEffect:
		return c.Run + "/" + c.Step
	case engine.VerifyEffect:
		return c.Run + "/" + c.Step
	case engine.Wake:
		return c.Run + "/" + c.Step
	}
	return ""
}

// of lists what is in flight of a step, in the order of the references.
func (g *Game) of(step string) []string {
	var refs []string
	for ref, f := range g.flying {
		if f.step == step {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}
