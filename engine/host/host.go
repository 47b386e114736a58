package host

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// StoreStream is the stream of facts that belong to no incident, such as a
// refused stranger.
const StoreStream = "store"

// Options wires a host. Journal, Registry and Programs are required.
type Options struct {
	Journal      journal.Log
	Store        string // id of the store; part of every idempotency key
	Registry     *actions.Registry
	Programs     func() []*runbooks.Program // those that can be started now
	Environments []Environment
	Environment  string      // the default one; empty: the only one
	Chat         engine.Chat // nil: nothing is posted
	// Extra says how many more people have to say yes to each question of a run that starts now, and why; 0: no more. Nil: never.
	Extra  func(p *runbooks.Program, environment string) (n int, why string)
	Now    func() time.Time // nil: the wall clock
	Log    *slog.Logger     // nil: silent
	Fatal  func(error)      // called once when the store can no longer be used
	Prefix string           // of incident ids; empty: "INC"
	Grace  time.Duration    // how long after its time limit an effect may still answer; zero: 5 s
}

// Environment is where a run acts, with what its owner demands there.
type Environment struct {
	runbooks.EnvironmentFacts
	Floor     *engine.Floor
	Protected []string
	Settle    *time.Duration // in place of what the actions say; nil for the real world
}

// Host owns the incidents of one store. It implements [engine.Incidents].
type Host struct {
	Options
	clock *clock
	ctx   context.Context // of everything that is in flight; ends with the host
	stop  context.CancelFunc

	loading sync.Mutex // held while an incident is read back

	mu      sync.Mutex
	owners  map[string]*owner
	next    int // number of the next incident
	closing bool
	dead    error // why the store can no longer be used

	work sync.WaitGroup
}

var _ engine.Incidents = (*Host)(nil)

// Open takes over a store and brings back everything that is unfinished in it.
func Open(ctx context.Context, o Options) (*Host, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Prefix == "" {
		o.Prefix = "INC"
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	if o.Fatal == nil {
		o.Fatal = func(error) {}
	}
	h := &Host{Options: o, owners: map[string]*owner{}, next: 1}
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := h.recover(ctx); err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

// recover reads what is unfinished, writes down what is in doubt, and only
// then lets work start.
func (h *Host) recover(ctx context.Context) error {
	last, err := h.lastTime(ctx)
	if err != nil {
		return err
	}
	h.clock = &clock{now: h.Now, last: last, wall: last}
	streams, err := h.Journal.Streams(ctx, false)
	if err != nil {
		return fmt.Errorf("list the incidents: %w", err)
	}
	var owners []*owner
	for _, s := range streams {
		n, ok := h.number(s.Name)
		if !ok {
			continue
		}
		h.next = max(h.next, n+1)
		if !s.Open {
			continue
		}
		w, err := h.load(ctx, s.Name)
		if err != nil {
			if record.Fatal(err) {
				return err
			}
			// One unreadable incident must not keep the others from being handled.
			h.Log.Error("incident cannot be read back; it is left as it is", "incident", s.Name, "error", err)
			continue
		}
		h.owners[s.Name] = w
		owners = append(owners, w)
	}
	failed := make([]error, len(owners))
	var group sync.WaitGroup
	for n, w := range owners { // all at once, so that they share commits
		group.Go(func() { failed[n] = w.resume(ctx) })
	}
	group.Wait()
	for n, w := range owners {
		switch err := failed[n]; {
		case err == nil:
		case h.dead != nil || ctx.Err() != nil:
			return fmt.Errorf("bring back %s: %w", w.inc.ID, err)
		default:
			h.Log.Error("incident cannot be brought back; it is left as it is", "incident", w.inc.ID, "error", err)
			delete(h.owners, w.inc.ID)
		}
	}
	for _, w := range owners {
		if h.owners[w.inc.ID] == w {
			w.run()
		}
	}
	return nil
}

// lastTime is the time of the last fact in the store.
func (h *Host) lastTime(ctx context.Context) (time.Time, error) {
	head, err := h.Journal.Head(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the head of the journal: %w", err)
	}
	for from := head.Size - 1; from >= 0; from-- {
		for entry, err := range h.Journal.All(ctx, from) {
			if err != nil {
				return time.Time{}, fmt.Errorf("read the last entry: %w", err)
			}
			if e, err := record.In(ctx, h.Journal, entry); err == nil {
				return e.At, nil
			}
			break
		}
	}
	return time.Time{}, nil
}

func (h *Host) number(stream string) (int, bool) {
	digits, ok := strings.CutPrefix(stream, h.Prefix+"-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0
}

// load folds an incident from its stream.
func (h *Host) load(ctx context.Context, stream string) (w *owner, err error) {
	defer func() {
		if r := recover(); r != nil {
			w, err = nil, fmt.Errorf("fold %s: bug: %v", stream, r)
		}
	}()
	w = h.newOwner(engine.NewIncident())
	for entry, err := range h.Journal.Read(ctx, stream, 0) {
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", stream, err)
		}
		e, err := record.In(ctx, h.Journal, entry)
		if err != nil {
			return nil, err
		}
		if err := w.inc.Apply(e); err != nil {
			return nil, fmt.Errorf("entry %d of %s does not follow: %w", entry.N, stream, err)
		}
		w.written++
	}
	if w.written == 0 {
		return nil, engine.Refuse(engine.NoIncident, "there is no incident %s; see: list", stream)
	}
	if w.inc.ID != stream {
		return nil, fmt.Errorf("fold %s: it says that it is %q", stream, w.inc.ID)
	}
	return w, nil
}

// owner finds the goroutine of an incident, reading a closed one back when
// somebody asks for it.
func (h *Host) owner(ctx context.Context, id string) (*owner, error) {
	if w, err := h.known(id); w != nil || err != nil {
		return w, err
	}
	h.loading.Lock() // one at a time, so that no incident gets two owners
	defer h.loading.Unlock()
	if w, err := h.known(id); w != nil || err != nil {
		return w, err
	}
	w, err := h.load(ctx, id)
	if err != nil {
		return nil, err
	}
	// One that could not be read when the host was opened may have effects in doubt.
	if err := w.resume(ctx); err != nil {
		return nil, fmt.Errorf("bring back %s: %w", id, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing || h.dead != nil {
		return nil, cmp.Or(h.dead, errStopping)
	}
	h.owners[id] = w
	w.run()
	return w, nil
}

// known finds the goroutine of an incident that has one. Without an error
// there may be one to be read back.
func (h *Host) known(id string) (*owner, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead != nil {
		return nil, h.dead
	}
	if w := h.owners[id]; w != nil {
		return w, nil
	}
	if h.closing {
		return nil, errStopping
	}
	if _, ok := h.number(id); !ok {
		return nil, engine.Refuse(engine.NoIncident, "there is no incident %q; see: list", id)
	}
	return nil, nil
}

// fail takes note that the store can no longer be used.
func (h *Host) fail(err error) {
	h.mu.Lock()
	first := h.dead == nil
	if first {
		h.dead = err
	}
	h.mu.Unlock()
	if first {
		h.stop()
		h.Log.Error("the store can no longer be used; nothing more is started", "error", err)
		h.Fatal(err)
	}
}

// Close starts nothing more, waits until effects in flight have answered or
// ctx ends, and stops. An effect still in flight is then in doubt for whoever
// opens the store next.
func (h *Host) Close(ctx context.Context) {
	h.mu.Lock()
	h.closing = true
	var owners []*owner
	for _, w := range h.owners {
		owners = append(owners, w)
	}
	h.mu.Unlock()
	for _, w := range owners { // all of them first: what one waits for must not let another start something
		w.drain(ctx)
	}
	for _, w := range owners {
		_ = w.idle(ctx) // an error means that there is nothing more to wait for
	}
	h.stop()
	h.work.Wait()
}

// Idle waits until nothing of the incident is in flight but times and
// messages: until it waits for people, or is done.
func (h *Host) Idle(ctx context.Context, incident string) error {
	w, err := h.owner(ctx, incident)
	if err != nil {
		return err
	}
	return w.idle(ctx)
}

// environment finds the environment of a run.
func (h *Host) environment(name string) (Environment, *engine.Refusal) {
	if name == "" {
		name = h.Environment
	}
	if name == "" && len(h.Environments) == 1 {
		return h.Environments[0], nil
	}
	var names []string
	for _, e := range h.Environments {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	slices.Sort(names)
	if name == "" {
		return Environment{}, engine.Refuse(engine.WrongPlace, "say which environment: --env %s", strings.Join(names, " or --env "))
	}
	return Environment{}, engine.Refuse(engine.WrongPlace, "there is no environment %q; known: %s", name, strings.Join(names, ", "))
}
