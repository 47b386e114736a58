package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Options say how to open a store.
type Options struct {
	// Signer signs the checkpoints: the key that the store was created with. Not needed with ReadOnly.
	Signer journal.Signer
	// Org is the organization in the store's origin, [A-Za-z0-9._-]{1,64}. Needed to create a store; when an existing one has
	// another, Open refuses. "" does not check.
	Org string
	// ID is the id of a store that is created, 32 hex digits; "" takes a random one. An existing store keeps its own.
	ID string
	// MustExist refuses to create a store: what a server wants, since an empty journal in place of a lost one is no help to anybody.
	MustExist bool
	// ReadOnly opens without a writer's rights. It still waits for a writer to let go of the file.
	ReadOnly bool
	// LockTimeout is how long to wait for another process to let go of the file; 0 is one second.
	LockTimeout time.Duration
	// InitialMmapSize is the address space to reserve, in bytes; 0 is 1 GiB. Growing beyond it waits for readers.
	InitialMmapSize int
	// MaxSize refuses growth of the file beyond so many bytes; 0 is no limit. Meeting it poisons the store like any failed commit.
	MaxSize int
	// AnyFilesystem allows a network or FUSE file system, whose locks and syncs cannot be trusted.
	AnyFilesystem bool
}

// Log is an open store. It implements journal.Log and tlog.HashReader.
type Log struct {
	path     string
	db       *bbolt.DB
	file     fs.FileInfo // of the file that db holds
	origin   string
	genesis  string
	epoch    int64
	readOnly bool

	// Of the committing goroutine alone.
	ledger *journal.Ledger
	commit func(tx *bbolt.Tx) error // tests let it fail
	wedged bool                     // a panic left bbolt's write lock held

	mu      sync.Mutex
	wake    *sync.Cond // queue or closing changed
	queue   []*waiting
	closing bool
	fate    error         // why the log refuses, nil while it works
	ended   chan struct{} // closed when the committing goroutine is gone
	close   func() error
}

// Open opens the store at path, creating it and its folder unless o says otherwise. Errors: *journal.LockedError, *journal.TamperError, and
// sentences for a file that others can read, a wrong key, another organization, an unfit file system.
//
// A damaged file can kill the process in a way that no recover catches. Run VerifyInChild first when the file may be damaged.
func Open(path string, o Options) (*Log, error) {
	if o.Signer == nil && !o.ReadOnly {
		return nil, errors.New("open the journal: a signer key is needed to write")
	}
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !o.MustExist && !o.ReadOnly:
		if err := create(path, o); err != nil {
			return nil, fmt.Errorf("create the journal %q: %w", path, err)
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open the journal: %w; check the path, or make a store with init", err)
	case err != nil:
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	if !o.AnyFilesystem {
		if err := checkFilesystem(path); err != nil {
			return nil, fmt.Errorf("open the journal: %w", err)
		}
	}

	l := &Log{path: path, readOnly: o.ReadOnly, commit: (*bbolt.Tx).Commit, ended: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	l.close = sync.OnceValue(l.shut)
	if l.db, l.file, err = openFile(path, o, true); err != nil {
		return nil, err
	}
	if err := l.begin(o); err != nil {
		return nil, errors.Join(err, l.db.Close())
	}
	if l.readOnly {
		close(l.ended)
	} else {
		go l.commitLoop()
	}
	return l, nil
}

// openFile opens the file with bbolt, after the checks that can be made from outside. private demands that nobody else can read it.
func openFile(path string, o Options, private bool) (db *bbolt.DB, info fs.FileInfo, err error) {
	if err := inspect(path, private); err != nil {
		return nil, nil, err
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if o.InitialMmapSize == 0 {
		o.InitialMmapSize = 1 << 30
	}
	options := &bbolt.Options{
		Timeout:         o.LockTimeout,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: o.InitialMmapSize,
		PageSize:        pageSize,
		MaxSize:         o.MaxSize,
		NoStatistics:    true,
		ReadOnly:        o.ReadOnly,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
			if err == nil {
				info, err = f.Stat()
			}
			return f, err
		},
	}
	err = guard(path, func() error {
		db, err = bbolt.Open(path, 0o600, options)
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		do := "stop it first, or send it your request through its socket"
		if o.ReadOnly {
			do = "copying or reading the file beside it is not safe: ask the running server for a copy (--live), or stop it first"
		}
		return nil, nil, &journal.LockedError{Path: path, Do: do}
	case err != nil:
		return nil, nil, fmt.Errorf("open the journal %q: %w", path, err)
	}
	return db, info, nil
}

// begin reads what the store says about itself and, for a writer, takes the next epoch.
func (l *Log) begin(o Options) error {
	load := func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return &journal.TamperError{Seq: -1, Why: err.Error()}
		}
		if err := l.readMeta(b, o); err != nil || l.readOnly {
			return err
		}
		l.epoch++
		return b.meta.Put([]byte(metaEpoch), encodeEpoch(l.epoch))
	}
	return guard(l.path, func() error {
		if l.readOnly {
			return l.db.View(load)
		}
		return l.db.Update(load)
	})
}

func (l *Log) readMeta(b buckets, o Options) error {
	format := string(b.meta.Get([]byte(metaFormat)))
	if format != formatName {
		return fmt.Errorf("journal %q has format %q, this program reads %q: use the version that wrote it", l.path, format, formatName)
	}
	l.genesis = string(b.meta.Get([]byte(metaGenesis)))
	if o.Signer != nil && o.Signer.Verifier() != l.genesis {
		return fmt.Errorf("journal %q was created with another key (its public half is %q, that of the given one %q): use the signer key that init made with this store", l.path, l.genesis, o.Signer.Verifier())
	}
	var err error
	if l.epoch, err = parseEpoch(b.meta.Get([]byte(metaEpoch))); err != nil {
		return &journal.TamperError{Seq: -1, Why: "its epoch cannot be read"}
	}
	head, err := journal.OpenCheckpoint(b.meta.Get([]byte(metaHead)), l.genesis)
	if err != nil {
		return &journal.TamperError{Seq: -1, Why: err.Error()}
	}
	l.origin = head.Origin
	if org := organization(head.Origin); o.Org != "" && o.Org != org {
		return fmt.Errorf("journal %q belongs to organization %q, not %q", l.path, org, o.Org)
	}
	if last, _ := b.leaf.Cursor().Last(); head.Size > 0 && string(last) != string(number(head.Size-1)) || head.Size == 0 && last != nil {
		return &journal.TamperError{Seq: head.Size, Why: "the records do not end where the signed checkpoint does"}
	}
	if o.Signer == nil {
		return nil
	}
	l.ledger, err = journal.NewLedger(o.Signer, l.epoch+1, head, b)
	return err
}

// guard turns panics of bbolt on a damaged file into errors. Memory faults are among them as long as they are met on this goroutine.
func guard(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &journal.TamperError{Seq: -1, Why: fmt.Sprintf("file %q is damaged (%v): run verify", path, p)}
		}
	}()
	return f()
}

// Origin is firebreak/<org>/<store id>/<lineage>.
func (l *Log) Origin() string { return l.origin }

// Verifier is the public key that the store was created with. Whoever verifies the store must have it from elsewhere.
func (l *Log) Verifier() string { return l.genesis }

// Epoch implements journal.Log. For a log opened with ReadOnly it is the last writer's.
func (l *Log) Epoch() int64 { return l.epoch }

// Close implements journal.Log. It waits for waiting batches to be committed and for readers to finish the chunk they are at.
func (l *Log) Close() error { return l.close() }

func (l *Log) shut() error {
	l.mu.Lock()
	l.closing = true
	l.wake.Signal()
	l.mu.Unlock()
	<-l.ended
	l.condemn(journal.ErrClosed)
	if l.wedged {
		return nil // closing the file would wait for ever; the process is about to end
	}
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close the journal %q: %w", l.path, err)
	}
	return nil
}

// condemn makes the log refuse from now on. The first reason stays.
func (l *Log) condemn(why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fate == nil {
		l.fate = why
	}
	return l.fate
}

// alive says why the log refuses, or that the context has ended.
func (l *Log) alive(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fate != nil {
		return l.fate
	}
	return ctx.Err()
}

// syncDir makes a new name in a folder durable.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
