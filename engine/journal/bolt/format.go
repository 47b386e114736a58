package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// formatName stands in meta/format. A program opens only the formats that it knows.
const formatName = "fbj/1"

// The buckets, and what is in them. All integers are 8 bytes, big-endian, so that keys are in order.
//
//	meta    format, genesis (verifier key), epoch (with checksum), head (signed checkpoint)
//	leaf    seq -> leaf bytes
//	tree    seq -> the hashes that leaf completed, 32 bytes each: its own, then subtrees from small to large
//	stream  name 0x00 -> state; name 0x01 n -> seq
//	open    name -> "1", for streams that are open
//	nonce   nonce -> seq
//	blob    SHA-256 (32 bytes) -> content
//
// Only leaf, blob and meta/head hold facts. The rest follows from the leaves, and Verify compares it with them.
const (
	bucketMeta   = "meta"
	bucketLeaf   = "leaf"
	bucketTree   = "tree"
	bucketStream = "stream"
	bucketOpen   = "open"
	bucketNonce  = "nonce"
	bucketBlob   = "blob"
)

var bucketNames = [...]string{bucketMeta, bucketLeaf, bucketTree, bucketStream, bucketOpen, bucketNonce, bucketBlob}

const (
	metaFormat  = "format"
	metaGenesis = "genesis"
	metaEpoch   = "epoch"
	metaHead    = "head"
)

// buckets are the store's buckets within one transaction.
type buckets struct {
	meta, leaf, tree, stream, open, nonce, blob *bbolt.Bucket
}

func openBuckets(tx *bbolt.Tx) (buckets, error) {
	var b buckets
	for i, at := range []**bbolt.Bucket{&b.meta, &b.leaf, &b.tree, &b.stream, &b.open, &b.nonce, &b.blob} {
		if *at = tx.Bucket([]byte(bucketNames[i])); *at == nil {
			return buckets{}, fmt.Errorf("no bucket %q: this is not a firebreak journal, or its first pages are damaged", bucketNames[i])
		}
	}
	// Keys that only grow fill their pages; half-empty pages are for keys that come in any order.
	b.leaf.FillPercent, b.tree.FillPercent = 0.95, 0.95
	return b, nil
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

var errNumber = errors.New("a stored number does not have 8 bytes")

func parseNumber(b []byte) (int64, error) {
	if len(b) != 8 || b[0]&0x80 != 0 {
		return 0, errNumber
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// encodeEpoch adds a checksum, as the epoch is the one number that no record vouches for. It keeps out flipped bits; raising the epoch on purpose
// gains nobody anything.
func encodeEpoch(n int64) []byte {
	sum := sha256.Sum256(number(n))
	return append(number(n), sum[:8]...)
}

func parseEpoch(b []byte) (int64, error) {
	if len(b) != 16 {
		return 0, errors.New("the stored epoch does not have 16 bytes")
	}
	n, err := parseNumber(b[:8])
	if err == nil && !bytes.Equal(encodeEpoch(n), b) {
		err = errors.New("the stored epoch does not have its checksum")
	}
	return n, err
}

func stateKey(stream string) []byte { return append([]byte(stream), 0) }

func placeKey(stream string, n int64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(stream), 1), uint64(n))
}

const stateSize = 3*8 + 1 + 32

func encodeState(s journal.StreamState) []byte {
	out := make([]byte, 0, stateSize)
	for _, n := range []int64{s.Records, s.First, s.Last} {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	if s.Open {
		out = append(out, 1)
	} else {
		out = append(out, 0)
	}
	return append(out, s.Prev[:]...)
}

func parseState(name string, b []byte) (journal.StreamState, error) {
	s := journal.StreamState{StreamInfo: journal.StreamInfo{Name: name}}
	if b == nil {
		return s, nil
	}
	if len(b) != stateSize {
		return s, &journal.TamperError{Seq: -1, Why: fmt.Sprintf("the state of stream %q has %d bytes", name, len(b))}
	}
	var errs [3]error
	s.Records, errs[0] = parseNumber(b[:8])
	s.First, errs[1] = parseNumber(b[8:16])
	s.Last, errs[2] = parseNumber(b[16:24])
	if err := errors.Join(errs[:]...); err != nil || b[24] > 1 {
		return s, &journal.TamperError{Seq: -1, Why: fmt.Sprintf("the state of stream %q cannot be read", name)}
	}
	s.Open = b[24] == 1
	copy(s.Prev[:], b[25:])
	return s, nil
}

// leafAt returns the record at seq, checked against the tree. Its slices belong to the transaction.
func (b buckets) leafAt(seq int64) (journal.Entry, error) {
	key := number(seq)
	leaf, hashes := b.leaf.Get(key), b.tree.Get(key)
	if leaf == nil {
		return journal.Entry{}, &journal.TamperError{Seq: seq, Why: "it is missing"}
	}
	if len(hashes) < tlog.HashSize {
		return journal.Entry{}, &journal.TamperError{Seq: seq, Why: "its tree hash is missing"}
	}
	return journal.CheckEntry(leaf, seq, tlog.Hash(hashes[:tlog.HashSize]))
}

// ReadHashes implements tlog.HashReader.
func (b buckets) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		leaf, place := journal.HashPlace(index)
		hashes := b.tree.Get(number(leaf))
		if len(hashes) < (place+1)*tlog.HashSize {
			return nil, &journal.TamperError{Seq: leaf, Why: "its tree hashes are missing"}
		}
		out[i] = tlog.Hash(hashes[place*tlog.HashSize:][:tlog.HashSize])
	}
	return out, nil
}

// transaction is a journal.Tx on bbolt.
type transaction struct{ buckets }

func (t transaction) Stream(name string) (journal.StreamState, error) {
	return parseState(name, t.stream.Get(stateKey(name)))
}

func (t transaction) PutStream(s journal.StreamState) error {
	name := []byte(s.Name)
	if open := t.open.Get(name) != nil; open != s.Open {
		var err error
		if s.Open {
			err = t.open.Put(name, []byte("1"))
		} else {
			err = t.open.Delete(name)
		}
		if err != nil {
			return err
		}
	}
	return t.stream.Put(stateKey(s.Name), encodeState(s))
}

func (t transaction) Nonce(nonce string) (*journal.DuplicateError, error) {
	at := t.nonce.Get([]byte(nonce))
	if at == nil {
		return nil, nil
	}
	seq, err := parseNumber(at)
	if err != nil {
		return nil, err
	}
	e, err := t.leafAt(seq)
	if err != nil {
		return nil, err
	}
	return &journal.DuplicateError{Nonce: nonce, Stream: e.Stream, Seq: seq}, nil
}

func (t transaction) PutEntry(e journal.Entry, hashes []tlog.Hash) error {
	key := number(e.Seq)
	flat := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		flat = append(flat, h[:]...)
	}
	err := errors.Join(t.leaf.Put(key, e.Leaf), t.tree.Put(key, flat), t.stream.Put(placeKey(e.Stream, e.N), key))
	if err == nil && e.Nonce != "" {
		err = t.nonce.Put([]byte(e.Nonce), key)
	}
	return err
}

func (t transaction) PutBlob(digest string, data []byte) error {
	key, err := blobKey(digest)
	if err != nil {
		return err
	}
	if t.blob.Get(key) != nil {
		return nil
	}
	return t.blob.Put(key, data)
}

func (t transaction) PutHead(head journal.Checkpoint) error {
	return t.meta.Put([]byte(metaHead), head.Note)
}
