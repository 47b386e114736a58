package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// owner is the goroutine that alone touches one incident.
type owner struct {
	h       *Host
	inc     *engine.Incident
	written int64 // records in the stream
	mail    chan func()
	gone    chan struct{} // closed when the goroutine has ended

	flight  map[string]*flight            // what was started and has not ended, by Command.Ref
	byStep  map[string]map[string]*flight // the same by step; "" holds messages
	scanned bool                          // all commands were looked at once; from then on only those of moved steps are
	begun   map[string]bool               // effects that this process has started, ended or not
	ending  string                        // Ref of the command whose end is being taken in: it is not started again by that
	drained bool                          // start nothing more
	waiting []chan struct{}               // for idle
}

func (h *Host) newOwner(inc *engine.Incident) *owner {
	return &owner{h: h, inc: inc, mail: make(chan func(), 64), gone: make(chan struct{}), flight: map[string]*flight{}, byStep: map[string]map[string]*flight{}, begun: map[string]bool{}}
}

// run starts the goroutine. From here on only mail may touch the incident.
func (w *owner) run() {
	w.h.work.Go(func() {
		defer close(w.gone)
		w.start()
		for {
			select {
			case f := <-w.mail:
				if w.h.ctx.Err() != nil {
					return // memory may know more than the journal
				}
				f()
			case <-w.h.ctx.Done():
				return
			}
		}
	})
}

// do runs f in the goroutine and waits for it.
func (w *owner) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case w.mail <- func() { defer close(done); f() }:
	case <-w.gone:
		return w.h.whyGone()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-w.gone:
		select {
		case <-done:
			return nil
		default:
			return w.h.whyGone()
		}
	}
}

func (h *Host) whyGone() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead != nil {
		return h.dead
	}
	return errStopping
}

var errStopping = errors.New("the server is stopping; try again when it is back")

// send runs f in the goroutine without waiting.
func (w *owner) send(f func()) {
	select {
	case w.mail <- f:
	case <-w.gone:
	}
}

// take applies a fact and what follows, writes all of it in one transaction,
// and starts what is owed then. On an error nothing has changed.
//
// While the host stops, only the fact itself is taken in: an intent that
// nobody starts any more would be in doubt for no reason. What follows is
// decided by whoever opens the store next.
func (w *owner) take(ctx context.Context, e engine.Event, nonce string) (seq int64, err error) {
	if w.drained && e.Actor.Type != engine.System {
		return 0, errStopping
	}
	var notBefore time.Time
	if t, ok := e.Body.(engine.TimerFired); ok {
		notBefore = t.Due.Time
	}
	e.At, e.Seq = w.h.clock.stamp(notBefore), -1
	w.noteAnomaly(ctx, e.At)
	facts := []engine.Event{e}
	if w.drained {
		err = w.inc.Apply(e)
	} else {
		facts, err = w.inc.Advance(e)
	}
	if err == nil {
		seq, err = w.write(ctx, facts, nonce)
	}
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
		return 0, w.refused(ctx, e, refusal, nonce)
	}
	if err != nil {
		return 0, err
	}
	w.start()
	if w.h.Chat != nil {
		w.h.Chat.Changed(w.inc.ID)
	}
	return seq, nil
}

// noteAnomaly writes down that the wall clock went back, if it did.
func (w *owner) noteAnomaly(ctx context.Context, at time.Time) {
	if w.inc.ID == "" {
		return
	}
	back := w.h.clock.anomalous()
	if back == 0 {
		return
	}
	note := engine.Event{At: at, Actor: engine.TheEngine, Body: engine.ClockAnomaly{BackMillis: back.Milliseconds()}, Seq: -1}
	err := w.inc.Apply(note)
	if err == nil {
		_, err = w.write(ctx, []engine.Event{note}, "")
	}
	if err != nil {
		w.h.Log.Error("the clock went back, and that cannot be recorded", "incident", w.inc.ID, "back", back, "error", err)
	}
}

// refused writes down that a request was not followed, and gives the refusal
// that the person gets: that of a request that came before is that it did.
func (w *owner) refused(ctx context.Context, e engine.Event, refusal *engine.Refusal, nonce string) *engine.Refusal {
	note := func(r *engine.Refusal, nonce string) error {
		fact := engine.Event{At: e.At, Actor: e.Actor, Body: engine.Refused{Verb: string(e.Kind()), Code: r.Code, Message: record.Cut(r.Message, 2000)}, Seq: -1}
		if err := w.inc.Apply(fact); err != nil { // the fact is the incident's: the state of no step moves
			return err
		}
		_, err := w.write(ctx, []engine.Event{fact}, nonce)
		return err
	}
	if refusal.Code == engine.Duplicate {
		nonce = "" // it is taken, that is the point
	}
	err := note(refusal, nonce)
	if twice, ok := errors.AsType[*engine.Refusal](err); ok {
		refusal = twice
		err = note(refusal, "")
	}
	if err != nil {
		w.h.Log.Error("a refusal cannot be recorded", "incident", w.inc.ID, "error", err)
	}
	return refusal
}

// resume writes down what is in doubt and what follows now, before run.
func (w *owner) resume(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("bug: %v", r)
		}
	}()
	var batch []engine.Event
	at := w.h.clock.stamp(w.inc.Now)
	for _, e := range w.inc.Doubtful("the server stopped while it was running") {
		e.At = at
		facts, err := w.inc.Advance(e)
		if err != nil {
			return err
		}
		batch = append(batch, facts...)
	}
	batch = append(batch, w.inc.Quiet()...)
	if len(batch) == 0 {
		return nil
	}
	_, err = w.write(ctx, batch, "")
	return err
}

// ended takes in the end of a command as a fact, if it is still owed.
func (w *owner) ended(ref string, f *flight, fact func(*engine.Incident) (engine.Event, bool)) {
	w.send(func() {
		if w.flight[ref] == f {
			w.land(ref)
		}
		e, ok := fact(w.inc)
		if !ok || !w.owes(ref, e) {
			w.rescan()
			return
		}
		w.ending = ref
		_, err := w.take(w.h.ctx, e, "")
		w.ending = ""
		if err == nil {
			return
		}
		w.h.Log.Error("the end of a command could not be taken in", "incident", w.inc.ID, "command", ref, "error", err)
		if w.h.ctx.Err() == nil {
			w.lost(ref, f, e, err)
		}
	})
}

// lost follows an end that does not fit into the record. An effect is in
// doubt then; anything else is started again after a while.
func (w *owner) lost(ref string, f *flight, e engine.Event, why error) {
	if o, ok := e.Body.(engine.EffectOutcome); ok {
		e.Body = engine.EffectInDoubt{Attempt: o.Attempt, Reason: record.Cut("its outcome could not be recorded: "+why.Error(), 2000)}
		if _, err := w.take(w.h.ctx, e, ""); err != nil {
			w.h.Log.Error("an effect is in doubt, and that could not be recorded", "incident", w.inc.ID, "command", ref, "error", err)
		}
		return
	}
	if w.flight[ref] == nil && w.owes(ref, e) && !w.drained {
		w.put(ref, f, f.place) // so that it is not started at once
		w.h.work.Go(func() {
			if rest(w.h.ctx, tellLong) {
				w.send(func() {
					if w.flight[ref] == f {
						w.land(ref)
					}
					w.rescan()
				})
			}
		})
	}
	w.rescan()
}

// drain lets nothing more be started and calls off what changes nothing.
func (w *owner) drain(ctx context.Context) {
	_ = w.do(ctx, func() {
		w.drained = true
		for ref, f := range w.flight {
			if f.sort != sortEffect {
				f.cancel()
				w.land(ref)
			}
		}
		w.wakeIdle()
	})
}

// idle waits until nothing but times and messages is in flight.
func (w *owner) idle(ctx context.Context) error {
	ready := make(chan struct{})
	if err := w.do(ctx, func() {
		w.waiting = append(w.waiting, ready)
		w.wakeIdle()
	}); err != nil {
		return err
	}
	select {
	case <-ready:
		return nil
	case <-w.gone:
		return w.h.whyGone()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *owner) wakeIdle() {
	if len(w.waiting) == 0 {
		return
	}
	for _, f := range w.flight {
		if f.sort == sortEffect || f.sort == sortRead {
			return
		}
	}
	for _, ready := range w.waiting {
		close(ready)
	}
	w.waiting = nil
}
