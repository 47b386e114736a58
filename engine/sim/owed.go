package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// Times of the host, which are the same here.
const (
	readLimit  = 30 * time.Second // of one reading of a target
	grace      = 5 * time.Second  // how long after its limit an effect may still answer
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
	probeTries = 5
)

// flight is one command that was begun and has not ended.
type flight struct {
	ref, step string // step as run/step
	effect    bool   // never called off
	next      *due
}

// start begins what is owed and not in flight, calls off waits and readings
// that are no longer owed, and shows what is owed to the chat.
func (g *Game) start() {
	moved := g.inc.Moved()
	if g.Over() {
		moved = nil
	}
	for _, s := range moved {
		g.match(s.Run().ID+"/"+s.ID, s.Commands())
	}
	if g.o.Tell != nil {
		g.o.Tell()
		return
	}
	if g.telling {
		return
	}
	g.telling = true
	defer func() { g.telling = false }()
	for last := ""; g.failed == nil; {
		owed := g.inc.Messages()
		if len(owed) == 0 {
			return
		}
		if owed[0].Ref() == last {
			g.failed = fmt.Errorf("the core still owes %s after it was posted", last)
			return
		}
		last = owed[0].Ref()
		g.acknowledge(owed[0])
	}
}

func (g *Game) match(step string, owed []engine.Command) {
	for _, ref := range g.of(step) {
		f := g.flying[ref]
		if !f.effect && !slices.ContainsFunc(owed, func(c engine.Command) bool { return c.Ref() == ref }) {
			f.next.off = true
			delete(g.flying, ref)
		}
	}
	for _, c := range owed {
		ref := c.Ref()
		if g.flying[ref] != nil || g.begun[ref] {
			continue
		}
		f := &flight{ref: ref, step: step}
		g.flying[ref] = f
		switch c := c.(type) {
		case engine.Wake:
			g.after(f, c.At.Sub(g.o.Now()), "the timer "+c.Timer, func() {
				g.end(f, engine.Task{Run: c.Run, Step: c.Step}, engine.TimerFired{Ref: c.Timer, Due: engine.At(c.At)})
			})
		case engine.PlanStep:
			g.plan(f, c)
		case engine.RunEffect:
			f.effect, g.begun[ref] = true, true
			g.run(f, c)
		case engine.ProbeEffect:
			g.probe(f, c, 1, time.Second)
		case engine.VerifyEffect:
			g.verify(f, c)
		default:
			g.failed = fmt.Errorf("the core owes %s, which is not known here", ref)
		}
	}
}

func (g *Game) after(f *flight, d time.Duration, what string, do func()) {
	f.next = g.queue.add(g.o.Now().Add(max(d, 0)), what, do)
}

// end takes a flight down and hands in how it ended.
func (g *Game) end(f *flight, t engine.Task, body engine.Body) {
	delete(g.flying, f.ref)
	g.fact(t, body)
}

// asked gives what the world says. When it does not know, the command is as if
// it had not been begun.
func asked[T any](g *Game, f *flight, a Answered[T], err error) (Answered[T], bool) {
	if err != nil {
		if g.stuck == nil {
			g.stuck = err
		}
		delete(g.flying, f.ref)
		delete(g.begun, f.ref)
	}
	return a, err == nil
}

// inTime turns a reading that takes too long into its failure.
func inTime[T any](op string, a Answered[T]) Answered[T] {
	if a.Never || a.Takes >= readLimit {
		return Answered[T]{Takes: readLimit, Err: &actions.Error{Class: actions.Unknown, Op: op, Err: fmt.Errorf("no answer in time: context deadline exceeded")}}
	}
	return a
}

func (g *Game) plan(f *flight, c engine.PlanStep) {
	a, err := g.o.World.Plan(g.o.Now(), c)
	a, ok := asked(g, f, a, err)
	if !ok {
		return
	}
	a = inTime(c.Action, a)
	g.after(f, a.Takes, "the target of "+c.Step+" is read", func() {
		run, _ := g.inc.Run(c.Run)
		step, known := run.Step(c.Step)
		if a.Err != nil || !known {
			g.end(f, c.Task, engine.PlanFailed{N: c.N, Failure: failure(c.Action, a.Err)})
			return
		}
		body := engine.StepPlanned{N: c.N, Preview: a.Value, State: engine.Large{Value: a.Value.State}, Digest: step.PlanDigest(a.Value)}
		body.Preview.State = nil
		g.end(f, c.Task, body)
	})
}

func (g *Game) run(f *flight, c engine.RunEffect) {
	a, err := g.o.World.Run(g.o.Now(), c)
	a, ok := asked(g, f, a, err)
	if !ok {
		return
	}
	outcome := func(result json.RawMessage, err error, took time.Duration) engine.EffectOutcome {
		o := engine.EffectOutcome{Attempt: c.Call.Attempt, Epoch: 1, Millis: took.Milliseconds()}
		if err != nil {
			fail := failure(c.Action, err)
			o.Failure = &fail
			return o
		}
		o.Result = engine.Large{Value: result}
		return o
	}
	limit := c.Timeout + grace
	if !a.Never && a.Takes < limit {
		g.after(f, a.Takes, "the effect of "+c.Step+" ends", func() { g.end(f, c.Task, outcome(a.Value, a.Err, a.Takes)) })
		return
	}
	g.after(f, limit, "the effect of "+c.Step+" is given up", func() {
		lost := &actions.Error{Class: actions.Unknown, Op: c.Action, Err: fmt.Errorf("no answer within %s", c.Timeout)}
		if !a.Never { // it still comes, and is kept as evidence
			g.queue.add(g.o.Now().Add(a.Takes-limit), "a late answer of "+c.Step, func() {
				g.fact(c.Task, engine.EffectLate{Attempt: c.Call.Attempt, Outcome: outcome(a.Value, a.Err, a.Takes)})
			})
		}
		g.end(f, c.Task, outcome(nil, lost, limit))
	})
}

func (g *Game) probe(f *flight, c engine.ProbeEffect, try int, pause time.Duration) {
	a, err := g.o.World.Probe(g.o.Now(), c)
	a, ok := asked(g, f, a, err)
	if !ok {
		return
	}
	a = inTime(c.Action, a)
	g.after(f, a.Takes, "the target of "+c.Step+" is asked", func() {
		body := engine.EffectProbed{Attempt: c.Call.Attempt, Found: a.Value.Found, Result: engine.Large{Value: a.Value.Result}}
		if a.Err != nil {
			if try < probeTries {
				g.after(f, pause, "the target of "+c.Step+" is asked again", func() { g.probe(f, c, try+1, pause*2) })
				return
			}
			body = engine.EffectProbed{Attempt: c.Call.Attempt, Found: actions.FoundUnknown, Detail: "the target could not be asked: " + a.Err.Error()}
		}
		g.end(f, c.Task, body)
	})
}

// verify reads an effect back until it is proven or the time is up, by the
// rules of the host: two readings in a row, and all over the settle time.
func (g *Game) verify(f *flight, c engine.VerifyEffect) {
	var (
		settle = min(c.Settle, c.Within/2)
		began  = g.o.Now()
		since  time.Time
		agree  int
		n      int
		pause  = firstPause
		look   func()
	)
	look = func() {
		a, err := g.o.World.Verify(g.o.Now(), c)
		a, ok := asked(g, f, a, err)
		if !ok {
			return
		}
		a = inTime(c.Action, a)
		g.after(f, a.Takes, "the effect of "+c.Step+" is read back", func() {
			n++
			reading, now := a.Value, g.o.Now()
			if a.Err != nil {
				reading = actions.Reading{Verdict: actions.CannotVerify, Detail: a.Err.Error()}
			}
			switch {
			case reading.Verdict == actions.Verified && agree == 0:
				agree, since = 1, now
			case reading.Verdict == actions.Verified:
				agree++
			default:
				agree = 0
			}
			over := now.Sub(began) >= c.Within
			if over && reading.Verdict == actions.Verified && !(agree >= 2 && now.Sub(since) >= settle) {
				reading = actions.Reading{Verdict: actions.Pending, Detail: "seen only at the end of the time allowed: " + reading.Detail}
			}
			if over || agree >= 2 && now.Sub(since) >= settle || a.Err != nil && actions.ClassOf(a.Err) == actions.Denied {
				g.end(f, c.Task, engine.EffectVerified{Attempt: c.Call.Attempt, Reading: reading, Readings: n})
				return
			}
			g.after(f, min(pause, max(c.Within-now.Sub(began), 0)), "the effect of "+c.Step+" is read back", look)
			pause = min(pause*2, longPause)
		})
	}
	look()
}

// acknowledge says that a message was posted, with an id that tells its place.
func (g *Game) acknowledge(c engine.Command) {
	var body engine.Body
	switch c := c.(type) {
	case engine.OpenChannel:
		body = engine.ChannelBound{Channel: "SIM", Name: "sim"}
	case engine.PostMessage:
		body = engine.MessagePosted{Ref: c.Message, Channel: "SIM", TS: fmt.Sprint(g.inc.Facts)}
	case engine.CloseMessage:
		body = engine.MessageClosed{Ref: c.Post.Ref}
	default:
		g.failed = fmt.Errorf("the core owes %s, which is not known here", c.Ref())
		return
	}
	g.fact(engine.Task{}, body)
}
