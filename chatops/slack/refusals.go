package slack

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// refusals lets a few refused requests a minute into the record, and of the
// others their number: whoever can reach the port must not be able to fill
// the journal.
type refusals struct {
	now    func() time.Time
	record func(engine.Request, *engine.Refusal)

	mu         sync.Mutex
	began      time.Time
	n          int
	suppressed int
	timer      *time.Timer
}

const (
	refusalsPerMinute = 10
	refusalWindow     = time.Minute
)

func newRefusals(now func() time.Time, record func(engine.Request, *engine.Refusal)) *refusals {
	return &refusals{now: now, record: record}
}

func (r *refusals) add(req engine.Request, refusal *engine.Refusal) {
	now := r.now()
	r.mu.Lock()
	if now.Sub(r.began) >= refusalWindow || now.Before(r.began) {
		r.began, r.n = now, 0
	}
	r.n++
	full := r.n > refusalsPerMinute
	if full {
		r.suppressed++
		if r.timer == nil {
			r.timer = time.AfterFunc(refusalWindow, r.flush)
		}
	}
	r.mu.Unlock()
	if !full {
		r.record(req, refusal)
	}
}

// flush writes down how many were not written down.
func (r *refusals) flush() {
	r.mu.Lock()
	n := r.suppressed
	r.suppressed = 0
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	r.mu.Unlock()
	if n == 0 {
		return
	}
	r.record(engine.Request{Actor: engine.Actor{Type: engine.Stranger, Via: "slack"}, Verb: verbRequest},
		engine.Refuse(engine.NotKnown, "%d more requests to the Slack endpoint were refused within a minute and are not recorded one by one", n))
}

// verbRequest is the verb of a request that was refused before it was read.
const verbRequest = "slack.request"

// record writes a refusal down, away from the request it answers.
func (a *Adapter) record(req engine.Request, refusal *engine.Refusal) {
	write := func() {
		_, incidents, ok := a.bound()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), callLimit)
		defer cancel()
		if err := incidents.Refuse(ctx, req, "", refusal); err != nil {
			a.log.Error("a refused request could not be recorded", "code", refusal.Code, "err", err)
		}
	}
	if !a.jobs.put("refusals", write) {
		a.log.Error("a refused request could not be recorded", "code", refusal.Code, "err", fmt.Errorf("too many requests wait"))
	}
}
