package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Tx is what a store lends a Ledger for one transaction. Reads see the transaction's own writes. An error means that the store is broken.
// A store must not keep the slices it is given beyond the transaction without copying them.
type Tx interface {
	// Stream returns the state of a stream; the zero state with the name when there is none.
	Stream(name string) (StreamState, error)
	PutStream(StreamState) error
	// Nonce says which record used a nonce first, nil when none did.
	Nonce(nonce string) (*DuplicateError, error)
	// PutEntry stores e.Leaf under e.Seq and under (e.Stream, e.N), the tree hashes that go with it, and its nonce.
	PutEntry(e Entry, hashes []tlog.Hash) error
	// PutBlob stores a blob under its digest unless it is there.
	PutBlob(digest string, data []byte) error
	PutHead(Checkpoint) error
}

// StreamState is what a store keeps about a stream.
type StreamState struct {
	StreamInfo
	Prev [32]byte // leaf hash of the stream's last record
}

// Ledger turns batches into leaves, tree hashes and checkpoints. It is the part that all stores share: a store brings a
// transaction, the order of calls and durability. One goroutine at a time.
type Ledger struct {
	origin string
	signer Signer
	epoch  int64
	tree   *Frontier
}

// NewLedger makes the ledger of a store: epoch is the new one, head the stored checkpoint, r reads the stored tree. *TamperError
// when head is not signed by signer, or is not the root of the tree.
func NewLedger(signer Signer, epoch int64, head Checkpoint, r tlog.HashReader) (*Ledger, error) {
	opened, err := OpenCheckpoint(head.Note, signer.Verifier())
	if err != nil {
		return nil, &TamperError{Seq: -1, Why: err.Error()}
	}
	tree, err := LoadFrontier(opened.Size, r)
	if err != nil {
		return nil, &TamperError{Seq: -1, Why: err.Error()}
	}
	if tree.Root() != opened.Root {
		return nil, &TamperError{Seq: -1, Why: fmt.Sprintf("the stored tree of %d records does not have the signed root", opened.Size)}
	}
	return &Ledger{origin: opened.Origin, signer: signer, epoch: epoch, tree: tree}, nil
}

// Prepared is a batch that keeps all rules that can be checked without the store.
type Prepared struct {
	batch   Batch
	digests []string // of batch.Blobs, same order
	bytes   int
}

// Bytes is about how much the batch adds to the store.
func (p *Prepared) Bytes() int { return p.bytes }

// Prepare checks a batch; errors wrap ErrInvalid, or are *DuplicateError for a nonce that the batch itself uses twice.
func Prepare(b Batch) (*Prepared, error) {
	invalid := func(format string, args ...any) (*Prepared, error) {
		return nil, fmt.Errorf("append to %q: %s: %w", b.Stream, fmt.Sprintf(format, args...), ErrInvalid)
	}
	if !ValidStream(b.Stream) {
		return invalid("a stream's name is [A-Za-z0-9._-]{1,64}")
	}
	if b.Expect < -1 {
		return invalid("expect is %d: want a number of records, or -1 for any", b.Expect)
	}
	if len(b.Records) == 0 || len(b.Records) > MaxRecords {
		return invalid("%d records: want 1 to %d", len(b.Records), MaxRecords)
	}
	p := &Prepared{batch: b}
	seen := map[string]bool{}
	for i, r := range b.Records {
		if len(r.Data) == 0 || r.Data[0] != '{' {
			return invalid("record %d is not a JSON object", i)
		}
		if len(r.Data) > MaxLeaf {
			return invalid("record %d has %d bytes: want at most %d with its envelope, put the rest in a blob", i, len(r.Data), MaxLeaf)
		}
		if err := CheckCanonical(r.Data); err != nil {
			return invalid("record %d: %v", i, err)
		}
		if err := checkNonce(r.Nonce); err != nil {
			return invalid("record %d: %v", i, err)
		}
		if r.Nonce != "" && seen[r.Nonce] {
			return nil, &DuplicateError{Nonce: r.Nonce, Stream: b.Stream, Seq: -1}
		}
		seen[r.Nonce] = true
		p.bytes += len(r.Data) + 512
	}
	for i, blob := range b.Blobs {
		if len(blob) > MaxBlob {
			return invalid("blob %d has %d bytes: want at most %d", i, len(blob), MaxBlob)
		}
		p.digests = append(p.digests, BlobDigest(blob))
		p.bytes += len(blob)
	}
	return p, nil
}

// BlobDigest is the name of a blob: the hex of its SHA-256.
func BlobDigest(blob []byte) string {
	sum := sha256.Sum256(blob)
	return hex.EncodeToString(sum[:])
}

// Stage writes a batch into the transaction, or refuses it and writes nothing. refused (ErrConflict, *DuplicateError, ErrInvalid)
// concerns this batch only; after failed the transaction and the ledger must be thrown away.
func (l *Ledger) Stage(tx Tx, p *Prepared) (first, last int64, refused, failed error) {
	b := p.batch
	state, err := tx.Stream(b.Stream)
	if err != nil {
		return 0, 0, nil, err
	}
	if b.Expect >= 0 && b.Expect != state.Records {
		return 0, 0, fmt.Errorf("stream %q has %d records, expected %d: %w", b.Stream, state.Records, b.Expect, ErrConflict), nil
	}
	for _, r := range b.Records {
		if r.Nonce == "" {
			continue
		}
		duplicate, err := tx.Nonce(r.Nonce)
		if err != nil {
			return 0, 0, nil, err
		}
		if duplicate != nil {
			return 0, 0, duplicate, nil
		}
	}

	first = l.tree.Size()
	entries := make([]Entry, len(b.Records))
	prev := state.Prev
	for i, r := range b.Records {
		e := &entries[i]
		*e = Entry{Seq: first + int64(i), Stream: b.Stream, N: state.Records + int64(i), Epoch: l.epoch, Data: r.Data, Nonce: r.Nonce, Prev: prev}
		if i == 0 {
			e.Blobs = distinct(p.digests)
		}
		e.Close = b.Close && i == len(b.Records)-1
		if encodeLeaf(e); len(e.Leaf) > MaxLeaf {
			return 0, 0, fmt.Errorf("append to %q: record %d has %d bytes with its envelope: want at most %d: %w", b.Stream, i, len(e.Leaf), MaxLeaf, ErrInvalid), nil
		}
		prev = e.Hash
	}

	last = entries[len(entries)-1].Seq
	for _, e := range entries {
		if err := tx.PutEntry(e, l.tree.Add(e.Hash)); err != nil {
			return 0, 0, nil, err
		}
	}
	for i, blob := range b.Blobs {
		if err := tx.PutBlob(p.digests[i], blob); err != nil {
			return 0, 0, nil, err
		}
	}
	state.Advance(entries)
	return first, last, nil, tx.PutStream(state)
}

// Advance moves the state of a stream on by its next records.
func (s *StreamState) Advance(entries []Entry) {
	for _, e := range entries {
		if s.Records == 0 {
			s.First = e.Seq
		}
		s.Records++
		s.Last, s.Prev, s.Open = e.Seq, e.Hash, !e.Close
	}
}

// Seal signs the tree as it is now and puts the checkpoint into the transaction. Call it once, after the last Stage.
func (l *Ledger) Seal(tx Tx) (Checkpoint, error) {
	head, err := SignCheckpoint(l.signer, l.origin, l.tree.Size(), l.tree.Root())
	if err != nil {
		return Checkpoint{}, err
	}
	return head, tx.PutHead(head)
}

// distinct drops repeated digests and keeps the order.
func distinct(digests []string) []string {
	var out []string
	for _, d := range digests {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// CheckEntry says why a stored leaf is not the record that belongs at seq, and returns it when it is. treeHash is the leaf hash that the
// stored tree holds for seq. The entry's slices are parts of leaf.
func CheckEntry(leaf []byte, seq int64, treeHash [32]byte) (Entry, error) {
	e, err := ParseLeaf(leaf)
	if err != nil {
		return Entry{}, &TamperError{Seq: seq, Why: err.Error()}
	}
	if e.Hash != treeHash {
		return Entry{}, &TamperError{Seq: seq, Why: "its bytes do not have the hash in the tree"}
	}
	if e.Seq != seq {
		return Entry{}, &TamperError{Seq: seq, Why: fmt.Sprintf("it says that it is record %d", e.Seq)}
	}
	return e, nil
}
