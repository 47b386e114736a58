package slackfake

import "sync"

// deliveryFaults are what goes wrong on the way to the app.
type deliveryFaults struct {
	mu        sync.Mutex
	dropAcks  int
	duplicate int
	reorder   *reorder
}

// reorder holds deliveries until there are n of them and lets them go, one after the other, last first.
type reorder struct {
	n     int
	turns []chan struct{} // closed when it is the turn of that delivery
}

// DropAcks loses the next n answers of the app: it has acknowledged, and the person sees a timeout at once.
func (w *Workspace) DropAcks(n int) {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	w.delivery.dropAcks = n
}

// Duplicate sends the next n deliveries twice, at the same time, byte for byte. By socket the copies go to different
// connections when there are several.
func (w *Workspace) Duplicate(n int) {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	w.delivery.duplicate = n
}

// Reorder holds the next n deliveries until all are there and then sends them in reverse order, each after the answer to
// the one before. The people who cause them must be driven from goroutines of their own, since each waits for its answer.
func (w *Workspace) Reorder(n int) {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	w.delivery.reorder = nil
	if n > 1 {
		w.delivery.reorder = &reorder{n: n}
	}
}

// enter waits for the turn of a delivery and returns what to call when its answer is there.
func (f *deliveryFaults) enter(done <-chan struct{}, touch func()) func() {
	f.mu.Lock()
	r := f.reorder
	if r == nil {
		f.mu.Unlock()
		return func() {}
	}
	i, turn := len(r.turns), make(chan struct{})
	r.turns = append(r.turns, turn)
	if len(r.turns) == r.n {
		f.reorder = nil
		close(turn)
	}
	f.mu.Unlock()
	touch()
	select {
	case <-turn:
	case <-done:
	}
	return func() {
		if i > 0 {
			close(r.turns[i-1])
		}
	}
}

func (f *deliveryFaults) takeDropAck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dropAcks == 0 {
		return false
	}
	f.dropAcks--
	return true
}

func (f *deliveryFaults) takeDuplicate() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.duplicate == 0 {
		return false
	}
	f.duplicate--
	return true
}

// Held is the number of deliveries that Reorder holds now.
func (w *Workspace) Held() int {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	if w.delivery.reorder == nil {
		return 0
	}
	return len(w.delivery.reorder.turns)
}
