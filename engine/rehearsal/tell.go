package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// Pauses between two tries to tell people, outside.
const (
	tellFirst = time.Second
	tellLong  = time.Minute
	tellLimit = time.Minute // for one try
)

// look shows the exercise.
func (d *drill) look(f func(*engine.Incident)) error {
	return d.do(func() (err error) {
		defer func() { // who looks changes nothing, so the exercise goes on
			if r := recover(); r != nil {
				err = fmt.Errorf("show %s: bug: %v", d.id, r)
				d.s.o.Log.Error("an exercise could not be shown", "exercise", d.id, "error", err, "stack", string(debug.Stack()))
			}
		}()
		f(d.inc)
		return nil
	})
}

// tell starts the next message that is owed to the chat. One is on its way at a
// time, so that messages keep their order, and nothing else waits for it.
func (d *drill) tell() {
	if d.s.o.Chat == nil || d.telling {
		return
	}
	owed := d.inc.Messages()
	if len(owed) == 0 {
		return
	}
	c := owed[0]
	d.telling = true
	d.again(c.Ref(), func(ctx context.Context) (engine.Body, error) { return d.post(ctx, c) }, func(body engine.Body) {
		d.telling = false
		// Something more urgent may be owed by now; what was said was said.
		if slices.ContainsFunc(d.inc.Messages(), func(still engine.Command) bool { return still.Ref() == c.Ref() }) {
			_ = d.say(body) // it is logged, and told again when somebody comes back
		}
		d.tell()
	})
}

func (d *drill) post(ctx context.Context, c engine.Command) (engine.Body, error) {
	switch c := c.(type) {
	case engine.OpenChannel:
		return d.s.o.Chat.OpenChannel(ctx, d.look)
	case engine.PostMessage:
		return d.s.o.Chat.Post(ctx, d.look, c.Message)
	case engine.CloseMessage:
		if err := d.s.o.Chat.Close(ctx, d.look, c.Post); err != nil {
			return nil, err
		}
		return engine.MessageClosed{Ref: c.Post.Ref}, nil
	}
	return nil, fmt.Errorf("command %s has no doer", c.Ref())
}

// again tries to tell people until it succeeds, and then takes that in. When
// the stage ends before, it is owed again later.
func (d *drill) again(what string, try func(context.Context) (engine.Body, error), done func(engine.Body)) {
	s := d.s
	s.work.Go(func() {
		for pause := tellFirst; ; pause = min(pause*2, tellLong) {
			limit, cancel := context.WithTimeout(s.ctx, tellLimit)
			body, err := guarded(limit, try)
			cancel()
			if s.ctx.Err() != nil {
				return
			}
			if err == nil {
				_ = d.do(func() error { done(body); return nil }) // an error means that the stage has ended
				return
			}
			s.o.Log.Warn("people could not be told; it is tried again", "exercise", d.id, "what", what, "again_in", pause, "error", err)
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	})
}

// guarded turns a panic of the chat into an error, so that the exercise goes on.
func guarded(ctx context.Context, try func(context.Context) (engine.Body, error)) (body engine.Body, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New(fmt.Sprint("bug: ", r))
		}
	}()
	return try(ctx)
}
