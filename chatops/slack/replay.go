package slack

import (
	"sync"
	"time"
)

// window remembers for a while which requests were seen, so that a repeated
// one is refused before anything is done. It does not survive a restart: what
// keeps an effect from happening twice is the nonce in the journal.
type window struct {
	keep time.Duration
	most int

	mu    sync.Mutex
	seen  map[string]*sighting
	order []*sighting // oldest first
}

type sighting struct {
	key   string
	at    time.Time
	again int // how often it came again
	gone  bool
}

func newWindow(keep time.Duration, most int) *window {
	return &window{keep: keep, most: most, seen: map[string]*sighting{}}
}

// note remembers a request. again is 0 for a new one, else how often it has been repeated by now.
func (w *window) note(key string, now time.Time) (again int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.order) > 0 && (w.order[0].gone || now.Sub(w.order[0].at) > w.keep || len(w.order) >= w.most) {
		if !w.order[0].gone {
			delete(w.seen, w.order[0].key)
		}
		w.order = w.order[1:]
	}
	if s, ok := w.seen[key]; ok {
		s.again++
		return s.again
	}
	s := &sighting{key: key, at: now}
	w.seen[key] = s
	w.order = append(w.order, s)
	return 0
}

// forget takes a request out again, because nothing was done about it.
func (w *window) forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.seen[key]; ok {
		s.gone = true
		delete(w.seen, key)
	}
}
