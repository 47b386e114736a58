package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// StoreStream is the stream of facts that belong to no exercise, such as a
// refused stranger.
const StoreStream = "store"

// DefaultStopWord ends an exercise when anybody says it.
const DefaultStopWord = "stopdrill"

// Options wires a stage. Journal, Programs and Scenarios are required.
type Options struct {
	Journal      journal.Log // of exercises alone
	Store        string      // id of the store; part of every key and question
	Programs     func() []*runbooks.Program
	Scenarios    func() []*runbooks.Scenario
	Environments []Environment // what the real ones demand; a scenario may demand something else
	Chat         engine.Chat   // shows what is asked and what players are told; nil: nothing is posted
	Clock        Clock         // nil: the real one
	Log          *slog.Logger  // nil: silent
	StopWord     string        // empty: [DefaultStopWord]
	Fatal        func(error)   // called once when the store can no longer be used
}

// Environment is what a real environment demands of whoever acts there. An
// exercise in an environment of the same name demands it too, unless its
// scenario says otherwise.
type Environment struct {
	runbooks.EnvironmentFacts
	Floor     *engine.Floor
	Protected []string
}

// Clock is the time outside.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in a goroutine of its own after a while; stop takes that back.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Stage owns the exercises of one store. It implements [engine.Incidents].
type Stage struct {
	o    Options
	ctx  context.Context // of everything that goes on; ends with the stage
	end  context.CancelFunc
	work sync.WaitGroup

	loading sync.Mutex // held while an exercise is read back

	mu    sync.Mutex
	plays map[string]*drill
	count int   // number of the latest exercise
	dead  error // why the store can no longer be used
}

var _ engine.Incidents = (*Stage)(nil)

var errStopping = errors.New("the server is stopping; try again when it is back")

// Open takes over a store of exercises. One that was going on is held: its
// players cannot know how long nobody was there, so its facilitator lets it go
// on. One that cannot be read is left as it is, and logged.
func Open(ctx context.Context, o Options) (*Stage, error) {
	if o.Clock == nil {
		o.Clock = realClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		o.Fatal = func(error) {}
	}
	o.StopWord = cmp.Or(o.StopWord, DefaultStopWord)
	s := &Stage{o: o, plays: map[string]*drill{}}
	s.ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.recover(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *Stage) recover(ctx context.Context) error {
	streams, err := s.o.Journal.Streams(ctx, false)
	if err != nil {
		return fmt.Errorf("list the exercises: %w", err)
	}
	for _, stream := range streams {
		n, ok := number(stream.Name)
		if !ok {
			continue
		}
		s.count = max(s.count, n)
		if !stream.Open {
			continue
		}
		if _, err := s.bring(ctx, stream.Name); err != nil {
			if record.Fatal(err) || ctx.Err() != nil {
				return fmt.Errorf("bring back %s: %w", stream.Name, err)
			}
			// One unreadable exercise must not keep the others from going on.
			s.o.Log.Error("exercise cannot be read back; it is left as it is", "exercise", stream.Name, "error", err)
		}
	}
	return nil
}

// bring reads an exercise back and holds it if it was going on.
func (s *Stage) bring(ctx context.Context, id string) (*drill, error) {
	d := &drill{s: s, id: id}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx); err != nil {
		return nil, err
	}
	err := d.survive(func() error {
		if drill := d.inc.Drill; !drill.Ended && !drill.Held {
			_, err := d.take(engine.Event{Actor: engine.TheEngine, Body: engine.DrillHeld{Reason: "the server was started again", Wall: d.wall()}}, "")
			return err
		}
		d.settle()
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.gone(); err != nil {
		return nil, err
	}
	s.plays[id] = d
	return d, nil
}

// gone says why nothing more can be done; the caller holds the lock.
func (s *Stage) gone() error {
	if s.dead != nil {
		return s.dead
	}
	if s.ctx.Err() != nil {
		return errStopping
	}
	return nil
}

// isGone is gone for who does not hold the lock.
func (s *Stage) isGone() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone()
}

// find gives an exercise, reading one back that has ended.
func (s *Stage) find(ctx context.Context, id string) (*drill, error) {
	if d, err := s.known(id); d != nil || err != nil {
		return d, err
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if d, err := s.known(id); d != nil || err != nil {
		return d, err
	}
	return s.bring(ctx, id)
}

func (s *Stage) known(id string) (*drill, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.gone(); err != nil {
		return nil, err
	}
	if d := s.plays[id]; d != nil {
		return d, nil
	}
	if _, ok := number(id); !ok {
		return nil, engine.Refuse(engine.NoIncident, "there is no exercise %q; see: list", id)
	}
	return nil, nil
}

// number reads the number of an exercise from its id.
func number(id string) (int, bool) {
	digits, ok := strings.CutPrefix(id, engine.ExercisePrefix+"-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && strconv.Itoa(n) == digits
}

// fail takes note that the store can no longer be used.
func (s *Stage) fail(err error) {
	s.mu.Lock()
	first := s.dead == nil && s.ctx.Err() == nil
	if first {
		s.dead = err
	}
	s.mu.Unlock()
	if first {
		s.end()
		s.o.Log.Error("the store of exercises can no longer be used; nothing more happens in them", "error", err)
		s.o.Fatal(err)
	}
}

// Close stops every clock and whatever tells people. What was going on is held
// when the store is opened again. It waits for messages in flight until ctx ends.
func (s *Stage) Close(ctx context.Context) {
	s.mu.Lock()
	plays := s.drills()
	s.end()
	s.mu.Unlock()
	for _, d := range plays {
		d.mu.Lock()
		d.silence()
		d.mu.Unlock()
	}
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// drills lists what is in memory, by number; the caller holds the lock.
func (s *Stage) drills() []*drill {
	var list []*drill
	for _, d := range s.plays {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *drill) int {
		n, _ := number(a.id)
		m, _ := number(b.id)
		return n - m
	})
	return list
}

// Going lists the exercises that have not ended, the oldest first.
func (s *Stage) Going() []string {
	s.mu.Lock()
	plays := s.drills()
	s.mu.Unlock()
	var ids []string
	for _, d := range plays {
		_ = d.look(func(i *engine.Incident) { // an error means that nothing goes on
			if i.Drill != nil && !i.Drill.Ended {
				ids = append(ids, d.id)
			}
		})
	}
	return ids
}

// program finds a loaded runbook; digest "" takes any.
func (s *Stage) program(id, digest string) (*runbooks.Program, *engine.Refusal) {
	for _, p := range s.o.Programs() {
		switch {
		case p.ID != id:
		case digest != "" && p.Digest != digest:
			return nil, engine.Refuse(engine.PlanChanged, "runbook %q was changed since the exercise began; begin a new one", id)
		default:
			return p, nil
		}
	}
	return nil, engine.Refuse(engine.NoRunbook, "there is no runbook %q any more; begin another exercise", id)
}
