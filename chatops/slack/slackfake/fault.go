package slackfake

import (
	"context"
	"net/http"
	"sync"
)

// Fault is what a call meets instead of its answer.
type Fault struct {
	Status     int    // an HTTP status other than 200
	Error      string // the error word of an ok:false body
	RetryAfter int    // seconds, sent as the Retry-After header when not 0
	Drop       bool   // the connection ends without an answer
	After      bool   // the call has its effect first
}

// RateShape is one of the three ways in which Slack says that there were too many calls.
type RateShape int

// The shapes of a rate limit answer.
const (
	RateHeader RateShape = iota // HTTP 429 with Retry-After
	RateBare                    // HTTP 429 without the header
	RateBody                    // HTTP 200 with ok:false, error ratelimited
)

// HTTPError answers with a status and an HTML page, as Slack's front does; nothing has happened.
func HTTPError(status int) Fault { return Fault{Status: status} }

// APIError answers ok:false with an error word of Slack's.
func APIError(code string) Fault { return Fault{Error: code} }

// Drop ends the connection before anything has happened.
func Drop() Fault { return Fault{Drop: true} }

// DropAfterEffect lets the call happen and then ends the connection: the caller cannot know, and a caller that repeats
// posts twice.
func DropAfterEffect() Fault { return Fault{Drop: true, After: true} }

// RateLimited answers as a rate limit in one of its shapes.
func RateLimited(shape RateShape, retryAfter int) Fault {
	switch shape {
	case RateBare:
		return Fault{Status: http.StatusTooManyRequests}
	case RateBody:
		return Fault{Error: "ratelimited"}
	}
	return Fault{Status: http.StatusTooManyRequests, Error: "ratelimited", RetryAfter: max(retryAfter, 1)}
}

// faults are those waiting for calls.
type faults struct {
	mu    sync.Mutex
	next  []*plannedFault
	holds []*hold
	held  int
}

type plannedFault struct {
	method string
	left   int
	fault  Fault
}

type hold struct {
	method  string
	left    int
	release chan struct{}
}

func matches(want, method string) bool { return want == "*" || want == method }

// FailNext lets the next n calls of a method meet a fault. The method may be "*" for any, "response_url" or "upload".
// Faults of one method come in the order in which they were planned.
func (w *Workspace) FailNext(method string, n int, f Fault) {
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	w.faults.next = append(w.faults.next, &plannedFault{method: method, left: n, fault: f})
}

// ClearFaults forgets the faults that no call has met yet. It does not release held calls.
func (w *Workspace) ClearFaults() {
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	w.faults.next = nil
}

// Hold keeps the next n calls of a method (or "*") waiting, before they have any effect, until the returned function
// is called. It may be called more than once.
func (w *Workspace) Hold(method string, n int) (release func()) {
	h := &hold{method: method, left: n, release: make(chan struct{})}
	w.faults.mu.Lock()
	w.faults.holds = append(w.faults.holds, h)
	w.faults.mu.Unlock()
	return sync.OnceFunc(func() { close(h.release) })
}

// HeldCalls is the number of calls that Hold keeps waiting now.
func (w *Workspace) HeldCalls() int {
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	return w.faults.held
}

// meet waits for holds on the method and takes the fault that is due, nil for none. It says false when the caller or
// the workspace went away while waiting.
func (f *faults) meet(ctx, done context.Context, method string, touch func()) (*Fault, bool) {
	f.mu.Lock()
	var wait []*hold
	for _, h := range f.holds {
		if h.left > 0 && matches(h.method, method) {
			h.left--
			wait = append(wait, h)
		}
	}
	var fault *Fault
	for _, p := range f.next {
		if p.left > 0 && matches(p.method, method) {
			p.left--
			fault = &p.fault
			break
		}
	}
	f.held += len(wait)
	f.mu.Unlock()
	if len(wait) == 0 {
		return fault, true
	}
	touch()
	defer func() {
		f.mu.Lock()
		f.held -= len(wait)
		f.mu.Unlock()
		touch()
	}()
	for _, h := range wait {
		select {
		case <-h.release:
		case <-ctx.Done():
			return nil, false
		case <-done.Done():
			return nil, false
		}
	}
	return fault, true
}
