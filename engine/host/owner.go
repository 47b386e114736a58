package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// owner is the goroutine that alone touches one incident.
type owner struct {
	h       *Host
	inc     *engine.Incident
	written int64 // records in the stream
	mail    chan func()
	gone    chan struct{} // closed when the goroutine has ended

	flight  map[string]*flight // what was started and has not ended, by Command.Ref
	drained bool               // start nothing more
	waiting []chan struct{}    // for idle
}

// flight is one command that was started.
type flight struct {
	cancel context.CancelFunc
	sort   sort
}

// sort tells kinds of work apart.
type sort int

const (
	sortEffect sort = iota // may change the world: is never cut off
	sortRead               // reads a target
	sortWait               // waits for a time
	sortTell               // tells people
)

func (h *Host) newOwner(inc *engine.Incident) *owner {
	return &owner{h: h, inc: inc, mail: make(chan func(), 64), gone: make(chan struct{}), flight: map[string]*flight{}}
}

// run starts the goroutine. From here on only mail may touch the incident.
func (w *owner) run() {
	w.h.work.Go(func() {
		defer close(w.gone)
		w.start()
		for {
			select {
			case f := <-w.mail:
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
	return errors.New("the server is stopping; try again when it is back")
}

// send runs f in the goroutine without waiting.
func (w *owner) send(f func()) {
	select {
	case w.mail <- f:
	case <-w.gone:
	}
}

// take applies a fact and what follows, writes all of it in one transaction,
// and starts what is owed then. On an error nothing has changed.
func (w *owner) take(ctx context.Context, e engine.Event, nonce string) (seq int64, err error) {
	var notBefore time.Time
	if t, ok := e.Body.(engine.TimerFired); ok {
		notBefore = t.Due.Time
	}
	at, back := w.h.clock.stamp(notBefore)
	e.At, e.Seq = at, -1
	var batch []engine.Event
	if back > anomaly && w.inc.ID != "" {
		note := engine.Event{At: at, Actor: engine.TheEngine, Body: engine.ClockAnomaly{BackMillis: back.Milliseconds()}, Seq: -1}
		if err := w.inc.Apply(note); err == nil {
			batch = append(batch, note)
		}
	}
	facts, err := w.inc.Advance(e)
	if err != nil {
		if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
			w.refused(ctx, batch, e, refusal, nonce)
		}
		return 0, err
	}
	first, err := w.write(ctx, append(batch, facts...), nonce)
	if err != nil {
		return 0, err
	}
	w.start()
	if w.h.Chat != nil {
		w.h.Chat.Changed(w.inc.ID)
	}
	return first, nil
}

// refused writes down that a request was not followed.
func (w *owner) refused(ctx context.Context, batch []engine.Event, e engine.Event, refusal *engine.Refusal, nonce string) {
	note := engine.Event{At: e.At, Actor: e.Actor, Run: e.Run, Step: e.Step, Body: engine.Refused{Verb: string(e.Kind()), Code: refusal.Code, Message: refusal.Message}, Seq: -1}
	if _, known := w.inc.Run(e.Run); !known {
		note.Run, note.Step = "", ""
	}
	note.Run, note.Step = "", "" // the state does not move: the fact belongs to the incident
	if err := w.inc.Apply(note); err != nil {
		w.h.Log.Error("refusal cannot be recorded", "incident", w.inc.ID, "error", err)
		return
	}
	if _, err := w.write(ctx, append(batch, note), nonce); err != nil {
		w.h.Log.Error("refusal cannot be recorded", "incident", w.inc.ID, "error", err)
	}
}

// write appends facts that were applied already. When the journal refuses them
// the incident is read back, so that memory never knows more than the journal.
func (w *owner) write(ctx context.Context, batch []engine.Event, nonce string) (first int64, err error) {
	b := journal.Batch{Stream: w.inc.ID, Expect: w.written}
	for n, e := range batch {
		record, attachments, err := encode(e)
		if err != nil {
			w.reload(ctx)
			return 0, err
		}
		if n == len(batch)-1 {
			record.Nonce = nonce
		}
		b.Records = append(b.Records, record)
		b.Blobs = append(b.Blobs, attachments...)
	}
	b.Close = w.inc.Resolved && len(w.inc.Commands()) == 0
	// Once it is being written the caller must learn the truth, so its patience does not count.
	done, err := w.h.Journal.Append(context.WithoutCancel(ctx), b)
	if err != nil {
		if _, twice := errors.AsType[*journal.DuplicateError](err); twice {
			err = engine.Refuse(engine.Duplicate, "this request came before and was followed then; nothing was done again")
		} else if fatal(err) || errors.Is(err, journal.ErrConflict) {
			w.h.fail(err)
			return 0, err
		}
		w.reload(ctx)
		return 0, err
	}
	w.written += int64(len(b.Records))
	w.inc.Wrote(done.Last)
	return done.First, nil
}

func encode(e engine.Event) (journal.Record, [][]byte, error) {
	data, attachments, err := engine.Encode(e)
	if err != nil {
		return journal.Record{}, nil, err
	}
	canonical, err := journal.Canonical(json.RawMessage(data))
	if err != nil {
		return journal.Record{}, nil, fmt.Errorf("%s cannot be written down: %w", e.Kind(), err)
	}
	return journal.Record{Data: canonical}, attachments, nil
}

// reload reads the incident back as the journal has it.
func (w *owner) reload(ctx context.Context) {
	if w.inc.ID == "" || w.written == 0 {
		return
	}
	fresh, err := w.h.load(context.WithoutCancel(ctx), w.inc.ID)
	if err != nil {
		w.h.fail(fmt.Errorf("read %s back: %w", w.inc.ID, err))
		return
	}
	w.inc, w.written = fresh.inc, fresh.written
	w.start()
}

// resume writes down what is in doubt and what follows now, before run.
func (w *owner) resume(ctx context.Context) error {
	var batch []engine.Event
	at, _ := w.h.clock.stamp(w.inc.Now)
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
	_, err := w.write(ctx, batch, "")
	return err
}

// start begins every command that is owed and not in flight, and calls off
// waits and readings that are no longer owed.
func (w *owner) start() {
	owed := map[string]bool{}
	for _, c := range w.inc.Commands() {
		ref := c.Ref()
		owed[ref] = true
		if w.flight[ref] == nil && !w.drained {
			w.launch(c)
		}
	}
	for ref, f := range w.flight {
		if !owed[ref] && (f.sort == sortWait || f.sort == sortRead) {
			f.cancel()
			delete(w.flight, ref)
		}
	}
	w.wakeIdle()
}

// owes says whether a command is still owed.
func (w *owner) owes(ref string) bool {
	for _, c := range w.inc.Commands() {
		if c.Ref() == ref {
			return true
		}
	}
	return false
}

// ended takes in the end of a command as a fact, if it is still owed.
func (w *owner) ended(ref string, f *flight, fact func(*engine.Incident) (engine.Event, bool)) {
	w.send(func() {
		if w.flight[ref] == f {
			delete(w.flight, ref)
		}
		e, ok := fact(w.inc)
		if !ok || !w.owes(ref) {
			w.start()
			return
		}
		if _, err := w.take(w.h.ctx, e, ""); err != nil {
			w.h.Log.Error("the end of a command could not be taken in", "incident", w.inc.ID, "command", ref, "error", err)
			w.start()
		}
	})
}

// drain starts nothing more and waits for effects in flight.
func (w *owner) drain(ctx context.Context) {
	_ = w.do(ctx, func() {
		w.drained = true
		for ref, f := range w.flight {
			if f.sort != sortEffect {
				f.cancel()
				delete(w.flight, ref)
			}
		}
	})
	_ = w.idle(ctx)
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
