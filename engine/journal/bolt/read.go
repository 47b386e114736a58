package bolt

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Readers take so many records or bytes in one transaction, copy them out and let go, so that no reader keeps pages from being reused.
const (
	chunkEntries = 256
	chunkBytes   = 1 << 20
)

// view runs f in a short read transaction.
func (l *Log) view(ctx context.Context, f func(b buckets) error) error {
	if err := l.alive(ctx); err != nil {
		return err
	}
	err := guard(l.path, func() error {
		return l.db.View(func(tx *bbolt.Tx) error {
			b, err := openBuckets(tx)
			if err != nil {
				return &journal.TamperError{Seq: -1, Why: err.Error()}
			}
			return f(b)
		})
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return journal.ErrClosed
	}
	return err
}

// Read implements journal.Log.
func (l *Log) Read(ctx context.Context, stream string, from int64) iter.Seq2[journal.Entry, error] {
	var prev [32]byte
	return l.entries(ctx, from,
		func(b buckets) (int64, error) {
			state, err := parseState(stream, b.stream.Get(stateKey(stream)))
			return state.Records, err
		},
		func(b buckets, n int64, first bool) (journal.Entry, error) {
			seq, err := parseNumber(b.stream.Get(placeKey(stream, n)))
			if err != nil {
				return journal.Entry{}, &journal.TamperError{Seq: -1, Why: fmt.Sprintf("the index does not know record %d of stream %q", n, stream)}
			}
			e, err := b.leafAt(seq)
			if err != nil {
				return e, err
			}
			if e.Stream != stream || e.N != n {
				return e, &journal.TamperError{Seq: seq, Why: fmt.Sprintf("the index calls it record %d of stream %q, it says record %d of %q", n, stream, e.N, e.Stream)}
			}
			if !first && e.Prev != prev {
				return e, &journal.TamperError{Seq: seq, Why: fmt.Sprintf("it does not follow the record before it in stream %q", stream)}
			}
			prev = e.Hash
			return e, nil
		})
}

// All implements journal.Log.
func (l *Log) All(ctx context.Context, from int64) iter.Seq2[journal.Entry, error] {
	return l.entries(ctx, from,
		func(b buckets) (int64, error) {
			head, err := journal.OpenCheckpoint(b.meta.Get([]byte(metaHead)), l.genesis)
			if err != nil {
				return 0, &journal.TamperError{Seq: -1, Why: err.Error()}
			}
			return head.Size, nil
		},
		func(b buckets, seq int64, _ bool) (journal.Entry, error) { return b.leafAt(seq) })
}

// entries yields at(from), at(from+1) and so on below end, as end is when the loop begins.
func (l *Log) entries(ctx context.Context, from int64, end func(buckets) (int64, error), at func(b buckets, i int64, first bool) (journal.Entry, error)) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		start := max(from, 0)
		for next, stop := start, int64(-1); stop < 0 || next < stop; {
			var chunk []journal.Entry
			err := l.view(ctx, func(b buckets) (err error) {
				if stop < 0 {
					if stop, err = end(b); err != nil {
						return err
					}
				}
				for size := 0; next < stop && len(chunk) < chunkEntries && size < chunkBytes; next++ {
					e, err := at(b, next, next == start)
					if err != nil {
						return err
					}
					chunk = append(chunk, copyOut(e))
					size += len(e.Leaf)
				}
				return nil
			})
			for _, e := range chunk {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(journal.Entry{}, err)
				return
			}
		}
	}
}

// copyOut frees an entry from the memory of its transaction. Data is always a part of Leaf.
func copyOut(e journal.Entry) journal.Entry {
	at := bytes.Index(e.Leaf, e.Data)
	e.Leaf = bytes.Clone(e.Leaf)
	e.Data = e.Leaf[at : at+len(e.Data) : at+len(e.Data)]
	return e
}

func blobKey(digest string) ([]byte, error) {
	key, err := hex.DecodeString(digest)
	if err != nil || len(key) != 32 || hex.EncodeToString(key) != digest {
		return nil, fmt.Errorf("blob %q: want 64 lower-case hex digits: %w", digest, journal.ErrNoBlob)
	}
	return key, nil
}

// Blob implements journal.Log. *TamperError when the content does not have its digest.
func (l *Log) Blob(ctx context.Context, digest string) ([]byte, error) {
	key, err := blobKey(digest)
	if err != nil {
		return nil, err
	}
	var blob []byte
	err = l.view(ctx, func(b buckets) error {
		stored := b.blob.Get(key)
		if stored == nil {
			return fmt.Errorf("blob %q: %w", digest, journal.ErrNoBlob)
		}
		blob = append(make([]byte, 0, len(stored)), stored...)
		return nil
	})
	if err == nil && journal.BlobDigest(blob) != digest {
		return nil, &journal.TamperError{Seq: -1, Why: fmt.Sprintf("blob %q has other content", digest)}
	}
	return blob, err
}

// Streams implements journal.Log.
func (l *Log) Streams(ctx context.Context, openOnly bool) ([]journal.StreamInfo, error) {
	var out []journal.StreamInfo
	err := l.view(ctx, func(b buckets) error {
		if openOnly {
			return b.open.ForEach(func(name, _ []byte) error {
				state, err := parseState(string(name), b.stream.Get(stateKey(string(name))))
				if err == nil && (state.Records == 0 || !state.Open) {
					err = &journal.TamperError{Seq: -1, Why: fmt.Sprintf("the index of open streams has %q, which is not open", name)}
				}
				out = append(out, state.StreamInfo)
				return err
			})
		}
		return eachStream(b, func(state journal.StreamState) error {
			out = append(out, state.StreamInfo)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b journal.StreamInfo) int { return int(a.First - b.First) })
	return out, nil
}

// eachStream visits the states in the stream bucket by name, stepping over the indexes between them.
func eachStream(b buckets, f func(journal.StreamState) error) error {
	c := b.stream.Cursor()
	for key, value := c.First(); key != nil; {
		name, ok := bytes.CutSuffix(key, []byte{0})
		if !ok || !journal.ValidStream(string(name)) {
			return &journal.TamperError{Seq: -1, Why: fmt.Sprintf("the stream index has a key %q where a stream should begin", key)}
		}
		state, err := parseState(string(name), value)
		if err == nil {
			err = f(state)
		}
		if err != nil {
			return err
		}
		key, value = c.Seek(append([]byte(state.Name), 2))
	}
	return nil
}

// Head implements journal.Log.
func (l *Log) Head(ctx context.Context) (journal.Checkpoint, error) {
	var note []byte
	err := l.view(ctx, func(b buckets) error {
		note = bytes.Clone(b.meta.Get([]byte(metaHead)))
		return nil
	})
	if err != nil {
		return journal.Checkpoint{}, err
	}
	head, err := journal.OpenCheckpoint(note, l.genesis)
	if err != nil {
		return journal.Checkpoint{}, &journal.TamperError{Seq: -1, Why: err.Error()}
	}
	return head, nil
}

// ReadHashes implements tlog.HashReader over the stored tree.
func (l *Log) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	err = l.view(context.Background(), func(b buckets) error {
		out, err = b.ReadHashes(indexes)
		return err
	})
	return out, err
}

// Snapshot writes a whole copy of the store as it is now, while it goes on: the only safe way to copy a live one. Writers go on
// meanwhile, but space is not reused, so write to a local file. The copy is as secret as the store: give it mode 0600.
func (l *Log) Snapshot(ctx context.Context, w io.Writer) error {
	if err := l.alive(ctx); err != nil {
		return err
	}
	out := &contextWriter{ctx: ctx, w: w}
	err := guard(l.path, func() error {
		return l.db.View(func(tx *bbolt.Tx) error {
			_, err := tx.WriteTo(out)
			if out.err != nil {
				return out.err // bbolt keeps only its text
			}
			return err
		})
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return journal.ErrClosed
	}
	if err != nil {
		return fmt.Errorf("copy the journal %q: %w", l.path, err)
	}
	return nil
}

// contextWriter stops when its context ends, and keeps the error that stopped it.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
	err error
}

func (c *contextWriter) Write(p []byte) (n int, err error) {
	if c.err = c.ctx.Err(); c.err == nil {
		n, c.err = c.w.Write(p)
	}
	return n, c.err
}

var (
	_ journal.Log     = (*Log)(nil)
	_ tlog.HashReader = (*Log)(nil)
)
