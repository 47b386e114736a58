package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Limits of what shares one commit. The first batch is always taken, however large.
const (
	groupBatches = 1024
	groupBytes   = 8 << 20
)

// waiting is one Append between its call and its answer.
type waiting struct {
	batch  *journal.Prepared
	answer chan answer // room for one
}

type answer struct {
	done journal.Appended
	err  error
}

// Append implements journal.Log. Callers that wait at the same time share one transaction and one sync.
func (l *Log) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	if err := l.alive(ctx); err != nil {
		return journal.Appended{}, err
	}
	if l.readOnly {
		return journal.Appended{}, fmt.Errorf("append to %q: %w", b.Stream, journal.ErrReadOnly)
	}
	p, err := journal.Prepare(b)
	if err != nil {
		return journal.Appended{}, err
	}
	w := &waiting{batch: p, answer: make(chan answer, 1)}
	if err := l.enqueue(w); err != nil {
		return journal.Appended{}, err
	}
	select {
	case a := <-w.answer:
		return a.done, a.err
	case <-ctx.Done():
		if l.withdraw(w) {
			return journal.Appended{}, ctx.Err()
		}
		a := <-w.answer // it is being committed: only the true answer will do
		return a.done, a.err
	}
}

func (l *Log) enqueue(w *waiting) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fate != nil {
		return l.fate
	}
	if l.closing {
		return journal.ErrClosed
	}
	l.queue = append(l.queue, w)
	l.wake.Signal()
	return nil
}

// withdraw takes a batch back, if it is still in the queue.
func (l *Log) withdraw(w *waiting) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, w)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	return true
}

// commitLoop is the one goroutine that writes.
func (l *Log) commitLoop() {
	defer close(l.ended)
	last := 0
	for {
		if last > 1 {
			runtime.Gosched() // those just answered may have more to say; let them join
		}
		group := l.take()
		if group == nil {
			return
		}
		last = len(group)
		answers, err := l.commitGroup(group)
		if err != nil {
			err = l.condemn(err)
		}
		for i, w := range group {
			if err != nil {
				w.answer <- answer{err: err}
			} else {
				w.answer <- answers[i]
			}
		}
	}
}

// take waits for batches and returns those that share the next commit, oldest first; nil when the log closes and none is left.
func (l *Log) take() []*waiting {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closing {
		l.wake.Wait()
	}
	bytes, n := 0, 0
	for n < len(l.queue) && n < groupBatches {
		if bytes += l.queue[n].batch.Bytes(); n > 0 && bytes > groupBytes {
			break
		}
		n++
	}
	group := l.queue[:n:n]
	l.queue = l.queue[n:]
	if n == 0 {
		return nil
	}
	return group
}

// commitGroup writes the group in one transaction. An error concerns all of it and every later call: *PoisonedError when the outcome is
// unknown, *FencedError when nothing was written.
func (l *Log) commitGroup(group []*waiting) (answers []answer, err error) {
	if fate := l.alive(context.Background()); fate != nil {
		return nil, fate // this was waiting while the commit before it failed
	}
	if err := l.checkFile(); err != nil {
		return nil, err
	}
	l.wedged = true
	err = guard(l.path, func() error {
		answers, err = l.transact(group)
		l.wedged = false // not reached when bbolt panics
		return err
	})
	if _, fenced := errors.AsType[*journal.FencedError](err); fenced {
		return nil, err
	}
	if err != nil {
		return nil, &journal.PoisonedError{Err: err}
	}
	return answers, nil
}

func (l *Log) transact(group []*waiting) ([]answer, error) {
	tx, err := l.db.Begin(true)
	if err != nil {
		return nil, err
	}
	answers, err := l.write(tx, group)
	if err != nil && tx.DB() != nil { // a failed Commit has ended the transaction
		err = errors.Join(err, tx.Rollback())
	}
	return answers, err
}

// write stages each batch, seals and commits; it ends the transaction when it returns no error.
func (l *Log) write(tx *bbolt.Tx, group []*waiting) ([]answer, error) {
	b, err := openBuckets(tx)
	if err != nil {
		return nil, err
	}
	if epoch, err := parseEpoch(b.meta.Get([]byte(metaEpoch))); err != nil {
		return nil, err
	} else if epoch != l.epoch {
		return nil, &journal.FencedError{Path: l.path, Why: fmt.Sprintf("epoch %d has taken over from epoch %d", epoch, l.epoch)}
	}
	answers := make([]answer, len(group))
	staged := false
	for i, w := range group {
		a := &answers[i]
		var failed error
		a.done.First, a.done.Last, a.err, failed = l.ledger.Stage(transaction{b}, w.batch)
		if failed != nil {
			return nil, failed
		}
		staged = staged || a.err == nil
	}
	if !staged {
		return answers, tx.Rollback()
	}
	head, err := l.ledger.Seal(transaction{b})
	if err != nil {
		return nil, err
	}
	if err := l.commit(tx); err != nil {
		return nil, err
	}
	for i := range answers {
		if answers[i].err == nil {
			answers[i].done.Head = head
			answers[i].done.Head.Note = slices.Clone(head.Note)
		}
	}
	return answers, nil
}

// checkFile says whether the path still names the file that is open: a lock on a file that was renamed away keeps nobody out.
func (l *Log) checkFile() error {
	info, err := os.Stat(l.path)
	if err != nil {
		return &journal.FencedError{Path: l.path, Why: fmt.Sprintf("its file is gone (%v)", err)}
	}
	if !os.SameFile(info, l.file) {
		return &journal.FencedError{Path: l.path, Why: "another file has taken its place"}
	}
	return nil
}
