package app

import (
	"context"
	"sync"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// waking is a journal that wakes those who wait for something new in it, so
// that nobody has to look again and again.
type waking struct {
	journal.Log

	mu   sync.Mutex
	next chan struct{} // closed by the next commit
}

func newWaking(log journal.Log) *waking { return &waking{Log: log, next: make(chan struct{})} }

// Append appends, and wakes everybody who waits. A wake for nothing is harmless;
// one that is left out is not, so every answer wakes.
func (w *waking) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	defer w.wake()
	return w.Log.Append(ctx, b)
}

func (w *waking) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.next)
	w.next = make(chan struct{})
}

// changed is closed once something is appended after this call. Ask first, then
// read: whatever is written after the reading closes it.
func (w *waking) changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}
