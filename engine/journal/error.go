package journal

import (
	"errors"
	"fmt"
)

// Errors that say which rule a call met. They come wrapped in a sentence; compare with errors.Is.
var (
	// ErrConflict: the stream does not have the expected number of records. Read it again and decide anew.
	ErrConflict = errors.New("stream has moved on")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("journal is closed")
	// ErrNoBlob: no blob has this digest.
	ErrNoBlob = errors.New("no such blob")
	// ErrInvalid: the batch breaks a rule of the format (name, size, canonical form). The caller has a bug.
	ErrInvalid = errors.New("invalid batch")
	// ErrReadOnly: the log was opened for reading.
	ErrReadOnly = errors.New("journal is open for reading only")
)

// Exit codes of a process whose journal refuses to go on.
const (
	ExitPoisoned = 70
	ExitFenced   = 71
)

// DuplicateError says that a nonce was used before, and where. Nothing was written.
type DuplicateError struct {
	Nonce  string
	Stream string // where it was used first
	Seq    int64  // -1 when the batch itself has it twice
}

func (e *DuplicateError) Error() string {
	if e.Seq < 0 {
		return fmt.Sprintf("nonce %q occurs twice in one batch for stream %q", e.Nonce, e.Stream)
	}
	return fmt.Sprintf("nonce %q was used before, by record %d of stream %q", e.Nonce, e.Seq, e.Stream)
}

// PoisonedError says that a commit failed and nobody knows whether the data is there. The store refuses everything from
// then on: the process must exit with ExitPoisoned, and the reopened store decides what happened.
type PoisonedError struct {
	Err error // why the commit failed
}

func (e *PoisonedError) Error() string {
	return fmt.Sprintf("journal commit failed, outcome unknown: restart and read the journal before acting: %v", e.Err)
}

func (e *PoisonedError) Unwrap() error { return e.Err }

// FencedError says that this process is no longer the writer of the store. It must exit with ExitFenced.
type FencedError struct {
	Path string // "" for a store that is not a file
	Why  string
}

func (e *FencedError) Error() string {
	if e.Path == "" {
		return "journal fenced off: " + e.Why + "; stop this process"
	}
	return fmt.Sprintf("journal %q fenced off: %s; stop this process", e.Path, e.Why)
}

// LockedError says that another process holds the store.
type LockedError struct {
	Path string
	Do   string // what to do about it
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("journal %q is held by another process; %s", e.Path, e.Do)
}

// TamperError says that the store does not hold what was written: the one error that must never be retried or worked around.
type TamperError struct {
	Seq int64 // first record concerned, -1 when it is the store as a whole
	Why string
}

func (e *TamperError) Error() string {
	if e.Seq < 0 {
		return "journal is not what was written: " + e.Why
	}
	return fmt.Sprintf("journal record %d is not what was written: %s", e.Seq, e.Why)
}
