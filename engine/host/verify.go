package host

import (
	"context"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/record"
)

// Pauses between two readings of an effect.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
)

// verify reads an effect back until it is proven or the time is up. It is
// proven when two readings in a row, and all readings over the settle time of
// the action, agree: a store that is only eventually consistent can show an
// effect and lose it again.
func (w *owner) verify(ctx context.Context, ref string, f *flight, c engine.VerifyEffect) {
	requests := &actions.Requests{}
	c.Call.Requests = requests
	reading, n := w.readBack(ctx, c)
	if ctx.Err() != nil {
		return
	}
	body := engine.EffectVerified{Attempt: c.Call.Attempt, Reading: reading, Readings: n, Requests: few(requests)}
	body.Reading.Detail = record.Cut(reading.Detail, 2000)
	w.ended(ref, f, func(*engine.Incident) (engine.Event, bool) { return fact(c.Task, body), true })
}

func (w *owner) readBack(ctx context.Context, c engine.VerifyEffect) (last actions.Reading, n int) {
	handler, err := w.h.handler(c.Task)
	if err != nil {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, 0
	}
	settle := min(c.Settle, c.Within/2)
	began := time.Now()
	var since time.Time // of the first of the readings that agree
	agree := 0
	pause := firstPause
	for {
		limit, cancel := context.WithTimeout(ctx, readLimit)
		reading, err := ask(limit, c.Action, func() (actions.Reading, error) {
			if c.Undo {
				return handler.VerifyUndo(limit, c.Call, c.Params, c.Result)
			}
			return handler.Verify(limit, c.Call, c.Params, c.Result)
		})
		cancel()
		n++
		if err != nil {
			reading = actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}
		}
		now := time.Now()
		switch {
		case reading.Verdict == actions.Verified && agree == 0:
			agree, since = 1, now
		case reading.Verdict == actions.Verified:
			agree++
		default:
			agree = 0
		}
		last = reading
		if agree >= 2 && now.Sub(since) >= settle {
			return last, n
		}
		if now.Sub(began) >= c.Within {
			if last.Verdict == actions.Verified { // seen, but not for long enough
				last = actions.Reading{Verdict: actions.Pending, Detail: "seen only at the end of the time allowed: " + last.Detail}
			}
			return last, n
		}
		if err != nil && actions.ClassOf(err) == actions.Denied {
			return last, n // it will not be readable later either
		}
		if !rest(ctx, min(pause, max(c.Within-now.Sub(began), 0))) {
			return last, n
		}
		pause = min(pause*2, longPause)
	}
}
