// Package mem keeps a journal in memory, for tests and simulation. It makes the same leaves, tree and checkpoints as the
// store on disk, from a key that everybody knows by default: what it holds is not evidence, and two runs that append the same have the
// same root.
//
//	log, err := mem.New(mem.Options{})
//	log.FailNextAppend(io.ErrUnexpectedEOF, true) // this batch is written, and nobody is told
//	_, err = log.Append(ctx, batch)               // *journal.PoisonedError, and from now on nothing else
//	log, err = log.Reopen()                       // a new handle on the same data, one epoch on
package mem

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Options of a new store. The zero value is good for most tests.
type Options struct {
	Org    string         // "" is "mem"
	ID     string         // store id, 32 hex digits; "" is all zeros
	Signer journal.Signer // nil is a fixed key
}

// Log is one handle on a store in memory. It implements journal.Log and tlog.HashReader.
type Log struct {
	disk   *disk
	signer journal.Signer
	epoch  int64

	// Guarded by disk.mu, as everything in disk is.
	ledger *journal.Ledger
	fate   error // why this handle refuses, nil while it works
	fault  *fault
}

// disk is what outlives a handle.
type disk struct {
	mu      sync.Mutex
	epoch   int64 // of the newest handle
	leaves  [][]byte
	tree    [][]tlog.Hash // by leaf, what Frontier.Add returned
	streams map[string]*stream
	nonces  map[string]*journal.DuplicateError
	blobs   map[string][]byte
	head    journal.Checkpoint
}

type stream struct {
	journal.StreamState
	seqs []int64 // by place in the stream
}

type fault struct {
	err     error
	applied bool
}

// New makes an empty store and opens it. The errors are those of a malformed organization or id.
func New(o Options) (*Log, error) {
	if o.Org == "" {
		o.Org = "mem"
	}
	if o.ID == "" {
		o.ID = strings.Repeat("0", 32)
	}
	origin, err := journal.Origin(o.Org, o.ID, 1)
	if err != nil {
		return nil, err
	}
	if o.Signer == nil {
		if o.Signer, err = journal.SignerFromSeed("firebreak/"+o.Org, [32]byte{}); err != nil {
			return nil, err
		}
	}
	d := &disk{streams: map[string]*stream{}, nonces: map[string]*journal.DuplicateError{}, blobs: map[string][]byte{}}
	if d.head, err = journal.SignCheckpoint(o.Signer, origin, 0, new(journal.Frontier).Root()); err != nil {
		return nil, err
	}
	return d.open(o.Signer)
}

func (d *disk) open(signer journal.Signer) (*Log, error) {
	ledger, err := journal.NewLedger(signer, d.epoch+1, d.head, d)
	if err != nil {
		return nil, err
	}
	d.epoch++
	return &Log{disk: d, signer: signer, epoch: d.epoch, ledger: ledger}, nil
}

// Reopen opens the store again, as a process does after a crash: the answer is a new handle with the next epoch, free of faults, and this
// one is fenced off unless it was closed or poisoned already. It may be called at any time.
func (l *Log) Reopen() (*Log, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	return l.disk.open(l.signer)
}

// FailNextAppend lets the next Append that is not refused fail with err as the cause of a *journal.PoisonedError. With applied the batch is
// there after Reopen, without it is not: the caller of Append cannot know which, as with a disk.
func (l *Log) FailNextAppend(err error, applied bool) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	l.fault = &fault{err, applied}
}

// Verifier is the public half of the key that signs the checkpoints.
func (l *Log) Verifier() string { return l.signer.Verifier() }

// alive says why the handle refuses. The caller holds disk.mu.
func (l *Log) alive(ctx context.Context) error {
	if l.fate == nil && l.epoch != l.disk.epoch {
		l.fate = &journal.FencedError{Why: fmt.Sprintf("epoch %d has taken over from epoch %d", l.disk.epoch, l.epoch)}
	}
	if l.fate != nil {
		return l.fate
	}
	return ctx.Err()
}

// Append implements journal.Log.
func (l *Log) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	p, err := journal.Prepare(b)
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if fate := l.alive(ctx); fate != nil {
		return journal.Appended{}, fate
	}
	if err != nil {
		return journal.Appended{}, err
	}

	tx := transaction{disk: l.disk}
	first, last, refused, failed := l.ledger.Stage(&tx, p)
	if refused != nil {
		return journal.Appended{}, refused
	}
	var head journal.Checkpoint
	if failed == nil {
		head, failed = l.ledger.Seal(&tx)
	}
	applied := failed == nil
	if f := l.fault; failed == nil && f != nil {
		l.fault, failed, applied = nil, f.err, f.applied
	}
	if applied {
		tx.commit()
	}
	if failed != nil {
		l.fate = &journal.PoisonedError{Err: failed}
		return journal.Appended{}, l.fate
	}
	head.Note = bytes.Clone(head.Note)
	return journal.Appended{First: first, Last: last, Head: head}, nil
}

// Read implements journal.Log.
func (l *Log) Read(ctx context.Context, name string, from int64) iter.Seq2[journal.Entry, error] {
	return l.entries(ctx, from, func() []int64 {
		if s := l.disk.streams[name]; s != nil {
			return s.seqs
		}
		return nil
	})
}

// All implements journal.Log.
func (l *Log) All(ctx context.Context, from int64) iter.Seq2[journal.Entry, error] {
	return l.entries(ctx, from, func() []int64 {
		seqs := make([]int64, len(l.disk.leaves))
		for i := range seqs {
			seqs[i] = int64(i)
		}
		return seqs
	})
}

// entries yields the records that list names when the loop begins; it takes the lock for one record at a time.
func (l *Log) entries(ctx context.Context, from int64, list func() []int64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		l.disk.mu.Lock()
		err := l.alive(ctx)
		seqs := slices.Clone(list())
		l.disk.mu.Unlock()
		if err != nil {
			yield(journal.Entry{}, err)
			return
		}
		for _, seq := range seqs[min(max(from, 0), int64(len(seqs))):] {
			e, err := l.entry(ctx, seq)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (l *Log) entry(ctx context.Context, seq int64) (journal.Entry, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if err := l.alive(ctx); err != nil {
		return journal.Entry{}, err
	}
	return journal.CheckEntry(bytes.Clone(l.disk.leaves[seq]), seq, l.disk.tree[seq][0])
}

// Blob implements journal.Log.
func (l *Log) Blob(ctx context.Context, digest string) ([]byte, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if err := l.alive(ctx); err != nil {
		return nil, err
	}
	blob, ok := l.disk.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("blob %q: %w", digest, journal.ErrNoBlob)
	}
	return bytes.Clone(blob), nil
}

// Streams implements journal.Log.
func (l *Log) Streams(ctx context.Context, openOnly bool) ([]journal.StreamInfo, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if err := l.alive(ctx); err != nil {
		return nil, err
	}
	var out []journal.StreamInfo
	for _, s := range l.disk.streams {
		if s.Open || !openOnly {
			out = append(out, s.StreamInfo)
		}
	}
	slices.SortFunc(out, func(a, b journal.StreamInfo) int { return int(a.First - b.First) })
	return out, nil
}

// Head implements journal.Log.
func (l *Log) Head(ctx context.Context) (journal.Checkpoint, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if err := l.alive(ctx); err != nil {
		return journal.Checkpoint{}, err
	}
	head := l.disk.head
	head.Note = bytes.Clone(head.Note)
	return head, nil
}

// Epoch implements journal.Log.
func (l *Log) Epoch() int64 { return l.epoch }

// Close implements journal.Log.
func (l *Log) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if l.fate == nil {
		l.fate = journal.ErrClosed
	}
	return nil
}

// ReadHashes implements tlog.HashReader.
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	return l.disk.ReadHashes(indexes)
}

func (d *disk) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		leaf, place := journal.HashPlace(index)
		if leaf >= int64(len(d.tree)) {
			return nil, fmt.Errorf("no tree hash %d", index)
		}
		out[i] = d.tree[leaf][place]
	}
	return out, nil
}

var (
	_ journal.Log     = (*Log)(nil)
	_ tlog.HashReader = (*Log)(nil)
)
