package slack

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// outbox holds what is owed to Slack until Slack has it. Each lane is worked
// through in order by one goroutine; a parcel that Slack does not take now is
// tried again, with growing pauses or when Slack said to come back, and what
// is behind it waits. Lanes do not wait for each other.
type outbox struct {
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	lane   map[string]*outLane
	closed bool
	idle   []chan struct{}
	ctx    context.Context // ends when the adapter is closed
	wg     sync.WaitGroup
}

type outLane struct {
	queue []*parcel
	busy  *parcel // taken from the queue, being sent
	wake  chan struct{}
}

// parcel is one thing to send.
type parcel struct {
	key     string    // a second parcel with the key of one that still waits is not taken; "" is no key
	since   time.Time // it waits since then
	due     time.Time // not before; zero: at once
	expires time.Time // not worth sending any more; zero: never
	send    func(ctx context.Context, attempt int) error
	ctx     context.Context // of somebody who waits for it; nil: nobody does
	done    chan error      // gets the end, when somebody waits
}

const (
	laneLimit  = 256
	firstPause = time.Second
	longPause  = 30 * time.Second
)

func newOutbox(ctx context.Context, now func() time.Time, log *slog.Logger) *outbox {
	return &outbox{ctx: ctx, now: now, log: log, lane: map[string]*outLane{}}
}

// put takes a parcel. The error says that there is no room, or that the outbox is closed.
func (o *outbox) put(lane string, p *parcel) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.ctx.Err() != nil {
		return errStopped
	}
	l, ok := o.lane[lane]
	if !ok {
		l = &outLane{wake: make(chan struct{}, 1)}
		o.lane[lane] = l
		o.wg.Go(func() { o.work(lane, l) })
	}
	if p.key != "" && slices.ContainsFunc(l.queue, func(q *parcel) bool { return q.key == p.key }) {
		return nil
	}
	if len(l.queue) >= laneLimit {
		return errFull
	}
	p.since = o.now()
	l.queue = append(l.queue, p)
	l.poke()
	return nil
}

// do puts a parcel and waits for its end. When ctx ends first, the parcel is
// taken back; one that is under way is waited for, which is not long, because
// its call is given up.
func (o *outbox) do(ctx context.Context, lane string, send func(ctx context.Context, attempt int) error) error {
	p := &parcel{send: send, ctx: ctx, done: make(chan error, 1)}
	if err := o.put(lane, p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
	}
	if o.takeBack(lane, p) {
		return ctx.Err()
	}
	// It is under way: its call ends soon, and may have worked.
	if err := <-p.done; err != nil {
		return ctx.Err()
	}
	return nil
}

// takeBack removes a parcel that still waits.
func (o *outbox) takeBack(lane string, p *parcel) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	l, ok := o.lane[lane]
	if !ok {
		return false
	}
	before := len(l.queue)
	l.queue = slices.DeleteFunc(l.queue, func(q *parcel) bool { return q == p })
	l.poke()
	return len(l.queue) < before
}

func (l *outLane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// depth says how many parcels wait, and since when the oldest does. A parcel
// that waits for its time alone, as a card between two drawings, does not count.
func (o *outbox) depth() (n int, oldest time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	count := func(p *parcel) {
		n++
		if due := later(p.since, p.due); now.Sub(due) > oldest {
			oldest = now.Sub(due)
		}
	}
	for _, l := range o.lane {
		if l.busy != nil {
			count(l.busy)
		}
		for _, p := range l.queue {
			if !p.due.After(now) {
				count(p)
			}
		}
	}
	return n, oldest
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (o *outbox) work(name string, l *outLane) {
	for {
		p, ok := o.next(name, l)
		if !ok {
			return
		}
		err := o.deliver(p)
		if p.done != nil {
			p.done <- err
		} else if err != nil && !errors.Is(err, context.Canceled) {
			o.log.Warn("a message did not reach Slack", "lane", name, "err", err)
		}
	}
}

// next waits for the first parcel whose time has come. It ends the lane when
// there is nothing left, or when the outbox is closed.
func (o *outbox) next(name string, l *outLane) (*parcel, bool) {
	for {
		o.mu.Lock()
		l.busy = nil
		if len(l.queue) == 0 || o.ctx.Err() != nil {
			for _, p := range l.queue {
				if p.done != nil {
					p.done <- errStopped
				}
			}
			delete(o.lane, name)
			if len(o.lane) == 0 {
				for _, c := range o.idle {
					close(c)
				}
				o.idle = nil
			}
			o.mu.Unlock()
			return nil, false
		}
		p := l.queue[0]
		wait := p.due.Sub(o.now())
		if p.due.IsZero() || wait <= 0 {
			l.queue = l.queue[1:]
			l.busy = p
			o.mu.Unlock()
			return p, true
		}
		o.mu.Unlock()
		o.pause(o.ctx, wait, l.wake)
	}
}

// deliver sends a parcel until Slack has it, says no for good, or nobody waits for it any more.
func (o *outbox) deliver(p *parcel) error {
	ctx, cancel := context.WithCancel(o.ctx)
	defer cancel()
	if p.ctx != nil {
		stop := context.AfterFunc(p.ctx, cancel)
		defer stop()
	}
	pause := firstPause
	for attempt := 0; ; attempt++ {
		if !p.expires.IsZero() && o.now().After(p.expires) {
			return errExpired
		}
		err := p.send(ctx, attempt)
		f, ok := errors.AsType[*Fault](err)
		if err == nil || !ok {
			return err
		}
		least, again := f.retry()
		if !again {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		o.log.Debug("Slack did not take a message, it is tried again", "err", err, "attempt", attempt+1)
		o.pause(ctx, max(pause, least), nil)
		if ctx.Err() != nil {
			return err
		}
		pause = min(2*pause, longPause)
	}
}

func (o *outbox) pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// empty gives a channel that is closed when nothing waits.
func (o *outbox) empty() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := make(chan struct{})
	if len(o.lane) == 0 {
		close(c)
		return c
	}
	o.idle = append(o.idle, c)
	return c
}

// close refuses further parcels.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// The ends of a parcel that are not Slack's word.
const (
	errStopped = failure("the Slack adapter has stopped")
	errFull    = failure("too much waits for Slack in this channel already")
	errExpired = failure("it waited for Slack for too long")
)

type failure string

func (e failure) Error() string { return string(e) }
