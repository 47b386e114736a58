package host_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// counting counts the batches that were written, and the entries that were
// read by stream.
type counting struct {
	journal.Log
	n atomic.Int64

	mu   sync.Mutex
	read map[string]int
}

func (c *counting) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	done, err := c.Log.Append(ctx, b)
	if err == nil {
		c.n.Add(1)
	}
	return done, err
}

func (c *counting) Read(ctx context.Context, stream string, from int64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for e, err := range c.Log.Read(ctx, stream, from) {
			c.mu.Lock()
			if c.read == nil {
				c.read = map[string]int{}
			}
			c.read[stream]++
			c.mu.Unlock()
			if !yield(e, err) {
				return
			}
		}
	}
}

// breaking is a journal in which one record of one stream cannot be read.
type breaking struct {
	journal.Log
	mu     sync.Mutex
	stream string
	n      int64
}

func (b *breaking) over(l journal.Log) journal.Log {
	b.Log = l
	return b
}

// set says which record is broken; no stream: none.
func (b *breaking) set(stream string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stream, b.n = stream, n
}

func (b *breaking) Read(ctx context.Context, stream string, from int64) iter.Seq2[journal.Entry, error] {
	b.mu.Lock()
	broken, at := stream == b.stream, b.n
	b.mu.Unlock()
	return func(yield func(journal.Entry, error) bool) {
		for e, err := range b.Log.Read(ctx, stream, from) {
			if err == nil && broken && e.N == at {
				yield(journal.Entry{}, &journal.TamperError{Seq: e.Seq, Why: "its hash is another one"})
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// forgetful is a journal that says that it has written an intent and keeps it
// back until the next batch comes. A host on it acts before the intent is
// durable, as engines do that record a step only after its effect: what it
// costs is what our order of writing is for.
type forgetful struct {
	journal.Log
	mu   sync.Mutex
	kept []journal.Batch
}

func (f *forgetful) flush(ctx context.Context) error {
	for len(f.kept) > 0 {
		b := f.kept[0]
		f.kept = f.kept[1:]
		if _, err := f.Log.Append(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (f *forgetful) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.flush(ctx); err != nil {
		return journal.Appended{}, err
	}
	intended := slices.ContainsFunc(b.Records, func(r journal.Record) bool {
		e, err := engine.Decode(r.Data, func(string) ([]byte, error) { return nil, errors.New("not needed") })
		if err != nil {
			return false
		}
		_, ok := e.Body.(engine.EffectIntent)
		return ok
	})
	if !intended {
		return f.Log.Append(ctx, b)
	}
	head, err := f.Log.Head(ctx)
	if err != nil {
		return journal.Appended{}, err
	}
	f.kept = append(f.kept, b)
	return journal.Appended{First: head.Size, Last: head.Size + int64(len(b.Records)) - 1}, nil
}

// gatekeeper is a journal that writes nothing before it is opened.
type gatekeeper struct {
	journal.Log
	open chan struct{}
}

func (g *gatekeeper) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	<-g.open
	return g.Log.Append(ctx, b)
}

// refusing is a journal that refuses to write into one stream.
type refusing struct {
	journal.Log
	stream string
}

func (r *refusing) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	if b.Stream == r.stream {
		return journal.Appended{}, journal.ErrInvalid
	}
	return r.Log.Append(ctx, b)
}

// slow is a journal that needs a second to write.
type slow struct{ journal.Log }

func (s slow) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	<-time.After(time.Second)
	return s.Log.Append(ctx, b)
}

func onSlowDisk(r *rig) { r.wrap = func(l journal.Log) journal.Log { return slow{l} } }
