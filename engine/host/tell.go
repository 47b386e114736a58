package host

import (
	"context"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// Pauses between two tries to tell people.
const (
	tellFirst = time.Second
	tellLong  = time.Minute
	tellLimit = time.Minute // for one try
)

// tell starts a command for the chat. One is in flight at a time for each
// incident, so that messages keep their order; it is tried until it succeeds,
// and nothing else waits for it.
func (w *owner) tell(ref string, c engine.Command) {
	if w.h.Chat == nil {
		return
	}
	if len(w.byStep[""]) > 0 {
		return
	}
	look := func(f func(*engine.Incident)) error { return w.do(w.h.ctx, func() { f(w.inc) }) }
	w.fly(ref, sortTell, func(ctx context.Context, f *flight) {
		for pause := tellFirst; ; pause = min(pause*2, tellLong) {
			limit, cancel := context.WithTimeout(ctx, tellLimit)
			body, err := ask(limit, ref, func() (engine.Body, error) { return w.say(limit, look, c) })
			cancel()
			if ctx.Err() != nil {
				return // called off, or the server is stopping: it is owed again later
			}
			if err == nil {
				w.ended(ref, f, func(*engine.Incident) (engine.Event, bool) {
					return engine.Event{Actor: engine.TheEngine, Body: body, Seq: -1}, true
				})
				return
			}
			w.h.Log.Warn("people could not be told; it is tried again", "what", ref, "again_in", pause, "error", err)
			if !rest(ctx, pause) {
				return
			}
		}
	})
}

func (w *owner) say(ctx context.Context, look engine.Look, c engine.Command) (engine.Body, error) {
	switch c := c.(type) {
	case engine.OpenChannel:
		return w.h.Chat.OpenChannel(ctx, look)
	case engine.PostMessage:
		return w.h.Chat.Post(ctx, look, c.Message)
	case engine.CloseMessage:
		if err := w.h.Chat.Close(ctx, look, c.Post); err != nil {
			return nil, err
		}
		return engine.MessageClosed{Ref: c.Post.Ref}, nil
	}
	panic("host: command " + c.Ref() + " has no doer")
}
