package journal

import (
	"context"
	"iter"
)

// Limits that every store enforces.
const (
	// MaxLeaf is the largest leaf in bytes: a record's data with its envelope. It fits an entry of a tiled log (65,535).
	MaxLeaf = 60_000
	// MaxBlob is the largest attachment in bytes.
	MaxBlob = 16 << 20
	// MaxNonce is the longest nonce in bytes.
	MaxNonce = 256
	// MaxRecords is the largest number of records in one batch.
	MaxRecords = 10_000
)

// Log is an append-only, tamper-evident log of opaque records, kept as streams that share one order and one tree.
// All methods may be called from many goroutines at once.
//
// After a commit whose outcome is unknown every method but Close answers *PoisonedError; after another writer or another
// file took this one's place, *FencedError; after Close, ErrClosed.
type Log interface {
	// Append writes the whole batch or nothing, and answers only when it is durable. Errors: ErrConflict, *DuplicateError and
	// ErrInvalid wrote nothing and the log goes on. *PoisonedError: the outcome is unknown, exit 70. *FencedError: nothing was
	// written and nothing ever will be by this handle, exit 71. When ctx ends before the batch is picked up for a commit, nothing
	// is written and the answer is the context's error; once it is being committed the caller waits and gets the true answer.
	// The batch must not be changed before Append returns; afterwards the log holds no reference to it.
	Append(ctx context.Context, b Batch) (Appended, error)

	// Read yields one stream in order, from its record number from (0 is the first) to the last record there was when the loop began.
	// An unknown stream is empty. Entries are copies. The loop ends after the first error; *TamperError names a record
	// that is not what was written.
	Read(ctx context.Context, stream string, from int64) iter.Seq2[Entry, error]

	// All yields every stream's records by Seq, from seq from to the last one there was when the loop began.
	All(ctx context.Context, from int64) iter.Seq2[Entry, error]

	// Blob returns the attachment with this digest (64 lower-case hex digits), or ErrNoBlob.
	Blob(ctx context.Context, digest string) ([]byte, error)

	// Streams lists the streams in the order of their first records; openOnly leaves out those that were closed.
	Streams(ctx context.Context, openOnly bool) ([]StreamInfo, error)

	// Head returns the newest signed checkpoint.
	Head(ctx context.Context) (Checkpoint, error)

	// Epoch is the number of times the store has been opened for writing, this time included. It fences out older writers.
	Epoch() int64

	// Close ends the log: batches already waiting are written, later calls answer ErrClosed. Closing twice is harmless.
	Close() error
}

// Batch is what one Append writes in one transaction.
type Batch struct {
	// Stream is the name of the stream, such as "INC-12" or "store": [A-Za-z0-9._-]{1,64}.
	Stream string
	// Expect is the number of records the stream has now, or -1 for "do not check". Anything else is ErrConflict.
	Expect int64
	// Records are appended in this order. There is at least one.
	Records []Record
	// Blobs are attachments of up to MaxBlob bytes, stored under the hex of their SHA-256. The first record's leaf lists the
	// digests, so the tree covers them. A blob that is already there is not stored again.
	Blobs [][]byte
	// Close says that the stream is finished: it leaves the index of open streams. Any later batch opens it again,
	// unless it says Close too.
	Close bool
}

// Record is one record as the caller gives it.
type Record struct {
	// Data is a canonical JSON object (see Canonical), with its envelope at most MaxLeaf bytes.
	Data []byte
	// Nonce is "" or a name that may occur once in the whole store, at most MaxNonce bytes of UTF-8: a second use is a *DuplicateError
	// and writes nothing.
	Nonce string
}

// Entry is one record as it was written.
type Entry struct {
	Seq    int64    // place in the store, from 0
	Stream string   // its stream
	N      int64    // place in the stream, from 0
	Epoch  int64    // epoch of the writer
	Data   []byte   // exactly the bytes given to Append
	Nonce  string   // "" when it has none
	Blobs  []string // digests of the batch's blobs, on the batch's first record only
	Close  bool     // this record closed the stream
	Leaf   []byte   // the stored bytes, which are the hashed bytes
	Hash   [32]byte // RFC 6962 leaf hash of Leaf
	Prev   [32]byte // Hash of the record before this one in the stream, zero for the first
}

// Appended says where a batch went.
type Appended struct {
	First, Last int64      // seq of its first and last record
	Head        Checkpoint // signed head of the commit that holds it; Head.Size > Last
}

// Checkpoint is a signed statement about the whole log at one size.
type Checkpoint struct {
	Origin string   // firebreak/<org>/<store id>/<lineage>
	Size   int64    // number of records
	Root   [32]byte // RFC 6962 root of their tree
	Note   []byte   // C2SP signed note with the three lines origin, size, base64 root
}

// StreamInfo describes one stream.
type StreamInfo struct {
	Name        string
	Records     int64 // number of records
	First, Last int64 // seq of its first and last record
	Open        bool  // false after a batch that said Close
}
