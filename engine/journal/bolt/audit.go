package bolt

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// audit is one reading of a whole store inside one transaction. It believes nothing but the leaves' own bytes, and compares
// everything else with them.
type audit struct {
	buckets
	options VerifyOptions
	report  *Report
	anchors []journal.Checkpoint

	tree    journal.Frontier
	roots   map[int64][32]byte // at the sizes of the anchors and of the checkpoint
	streams map[string]*journal.StreamState
	bare    int64 // records without tree hashes
	nonces  int64
	epoch   int64
	blobs   map[string]int64 // named digest -> first record that names it
}

func (a *audit) altered(seq int64, format string, args ...any) {
	a.report.add(Finding{seq, KindAltered, fmt.Sprintf(format, args...)})
}

func (a *audit) damaged(seq int64, format string, args ...any) {
	a.report.add(Finding{seq, KindDamaged, fmt.Sprintf(format, args...)})
}

// run returns an error only when the reading cannot go on.
func (a *audit) run(ctx context.Context) error {
	signed := a.readHead()
	for _, anchor := range a.anchors {
		a.roots[anchor.Size] = [32]byte{}
	}
	a.roots[a.report.Size] = [32]byte{}
	a.noteRoot()
	if err := a.readRecords(ctx); err != nil {
		return err
	}
	for _, size := range slices.Sorted(maps.Keys(a.roots)) {
		if size > a.tree.Size() {
			delete(a.roots, size)
		}
	}
	n := a.tree.Size()
	switch {
	case signed == nil:
		a.report.Size = n
	case n < signed.Size:
		a.damaged(n, "records %d to %d are missing", n, signed.Size-1)
	case n > signed.Size:
		a.altered(signed.Size, "%d records stand after the last signed one", n-signed.Size)
	}
	if signed != nil && n >= signed.Size && a.roots[signed.Size] != signed.Root {
		a.altered(-1, "the records do not have the signed root: recomputed %s, signed %s", tlog.Hash(a.roots[signed.Size]), tlog.Hash(signed.Root))
	}
	if signed != nil && n < signed.Size {
		return nil // the indexes have more than the records, and that is no second fault
	}
	return a.readIndexes(n)
}

// readHead checks what the store says about itself and returns its checkpoint, nil when it is not signed by the given key.
func (a *audit) readHead() *journal.Checkpoint {
	if format := a.meta.Get([]byte(metaFormat)); string(format) != formatName {
		a.altered(-1, "the format is %q, this program reads %q", format, formatName)
	}
	if epoch, err := parseEpoch(a.meta.Get([]byte(metaEpoch))); err != nil {
		a.damaged(-1, "the epoch cannot be read")
	} else {
		a.epoch = epoch
	}
	key := string(bytes.TrimSpace([]byte(a.options.Key)))
	if genesis := string(a.meta.Get([]byte(metaGenesis))); genesis != key {
		a.altered(-1, "the store says that it was made with key %q, the key to verify it with is %q: one of the two is wrong", genesis, key)
	}
	head, err := journal.OpenCheckpoint(bytes.Clone(a.meta.Get([]byte(metaHead))), key)
	if err != nil {
		a.altered(-1, "%v", err)
		return nil
	}
	if a.options.Origin != "" && a.options.Origin != head.Origin {
		a.altered(-1, "this is store %q, expected %q", head.Origin, a.options.Origin)
	}
	a.report.Origin, a.report.Size = head.Origin, head.Size
	return &head
}

func (a *audit) noteRoot() {
	if _, wanted := a.roots[a.tree.Size()]; wanted {
		a.roots[a.tree.Size()] = a.tree.Root()
	}
}

func (a *audit) readRecords(ctx context.Context) error {
	var epoch int64
	c := a.leaf.Cursor()
	for key, leaf := c.First(); key != nil; key, leaf = c.Next() {
		seq := a.tree.Size()
		if seq%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !bytes.Equal(key, number(seq)) {
			if at, err := parseNumber(key); err == nil && at > seq {
				return &journal.TamperError{Seq: seq, Why: fmt.Sprintf("records %d to %d are missing", seq, at-1)}
			}
			return &journal.TamperError{Seq: seq, Why: fmt.Sprintf("a record stands under %x", key)}
		}
		if !bytes.Equal(a.leaf.Get(key), leaf) {
			a.damaged(seq, "the record is there but cannot be found")
		}
		hash := a.hash(seq, key, leaf)
		e, err := journal.ParseLeaf(leaf)
		if err != nil {
			a.altered(seq, "%v", err)
		} else {
			epoch = max(epoch, e.Epoch)
			a.record(seq, key, e, epoch)
		}
		a.addHash(seq, key, hash)
		a.noteRoot()
		if err == nil && a.options.Deep != nil {
			a.deep(seq, a.options.Deep(copyOut(e), a.attachment))
		}
	}
	if a.options.DeepEnd != nil {
		for _, f := range a.options.DeepEnd() {
			a.report.add(f)
		}
	}
	return nil
}

// hash compares the leaf's hash with the stored one. After a difference it goes on with the stored one, so that the rest of the tree can still
// be told apart: the record is named, and the others are judged by the signed root.
func (a *audit) hash(seq int64, key, leaf []byte) [32]byte {
	hash := tlog.RecordHash(leaf)
	stored := a.buckets.tree.Get(key)
	if len(stored) < tlog.HashSize {
		a.damaged(seq, "its tree hashes are missing")
		if stored == nil {
			a.bare++
		}
	} else if tlog.Hash(stored[:tlog.HashSize]) != hash {
		a.altered(seq, "its bytes do not have the hash in the tree")
		return tlog.Hash(stored[:tlog.HashSize])
	}
	return hash
}

// addHash extends the tree and compares the hashes that this completes with the stored ones.
func (a *audit) addHash(seq int64, key []byte, hash [32]byte) {
	stored := a.buckets.tree.Get(key)
	var want []byte
	for _, h := range a.tree.Add(hash) {
		want = append(want, h[:]...)
	}
	if len(stored) >= tlog.HashSize && !bytes.Equal(stored[tlog.HashSize:], want[tlog.HashSize:]) {
		a.altered(seq, "the tree hashes over it are not those of the records")
	}
}

// record compares what a leaf says with its place and with the indexes.
func (a *audit) record(seq int64, key []byte, e journal.Entry, epoch int64) {
	if e.Seq != seq {
		a.altered(seq, "it says that it is record %d", e.Seq)
	}
	if e.Epoch < epoch || e.Epoch > a.epoch {
		a.altered(seq, "its epoch %d is not between that of the records before it, %d, and that of the store, %d", e.Epoch, epoch, a.epoch)
	}
	s := a.streams[e.Stream]
	if s == nil {
		s = &journal.StreamState{StreamInfo: journal.StreamInfo{Name: e.Stream}}
		a.streams[e.Stream] = s
	}
	if e.N != s.Records || e.Prev != s.Prev {
		a.altered(seq, "it does not follow record %d of stream %q", s.Records-1, e.Stream)
	}
	s.Advance([]journal.Entry{e})
	if !bytes.Equal(a.stream.Get(placeKey(e.Stream, e.N)), key) {
		a.altered(seq, "the index does not find it as record %d of stream %q", e.N, e.Stream)
	}
	if e.Nonce != "" {
		a.nonces++
		if !bytes.Equal(a.nonce.Get([]byte(e.Nonce)), key) {
			a.altered(seq, "its nonce is not marked as used by it, so the request could be played again")
		}
	}
	for _, digest := range e.Blobs {
		if _, known := a.blobs[digest]; known {
			continue
		}
		a.blobs[digest] = seq
		id, err := hex.DecodeString(digest)
		if err != nil {
			a.altered(seq, "malformed digest %q", digest)
			continue
		}
		switch blob := a.blob.Get(id); {
		case blob == nil:
			a.damaged(seq, "attachment %s is missing", digest)
			delete(a.blobs, digest)
		case journal.BlobDigest(blob) != digest:
			a.altered(seq, "attachment %s has other content", digest)
		}
	}
}

// attachment gives a blob to the caller's rules.
func (a *audit) attachment(digest string) ([]byte, error) {
	id, err := hex.DecodeString(digest)
	if err != nil {
		return nil, journal.ErrNoBlob
	}
	if blob := a.blob.Get(id); blob != nil {
		return bytes.Clone(blob), nil
	}
	return nil, journal.ErrNoBlob
}

func (a *audit) deep(seq int64, err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			a.deep(seq, one)
		}
		return
	}
	if f, ok := errors.AsType[*Finding](err); ok {
		a.report.add(*f)
		return
	}
	a.altered(seq, "%v", err)
}

// readIndexes looks for what the indexes have beyond the n records.
func (a *audit) readIndexes(n int64) error {
	trees, err := count(a.buckets.tree, bucketTree)
	if err != nil {
		return err
	}
	if trees != n-a.bare {
		a.altered(-1, "the tree has entries for %d records, there are %d", trees, n)
	}
	places, err := count(a.stream, bucketStream)
	if err != nil {
		return err
	}
	if want := int(n) + len(a.streams); places != int64(want) {
		a.altered(-1, "the stream index has %d entries, the records make %d", places, want)
	}
	opened := int64(0)
	for _, name := range slices.Sorted(maps.Keys(a.streams)) {
		want := a.streams[name]
		if got, err := parseState(name, a.stream.Get(stateKey(name))); err != nil || got != *want {
			a.altered(want.Last, "the index of stream %q does not say what its records say", name)
		}
		if want.Open {
			opened++
		}
		if (a.open.Get([]byte(name)) != nil) != want.Open {
			a.altered(want.Last, "the index of open streams is wrong about %q", name)
		}
	}
	for _, check := range []struct {
		bucket *bbolt.Bucket
		name   string
		want   int64
	}{{a.open, bucketOpen, opened}, {a.nonce, bucketNonce, a.nonces}, {a.blob, bucketBlob, int64(len(a.blobs))}} {
		got, err := count(check.bucket, check.name)
		if err != nil {
			return err
		}
		if got != check.want {
			a.altered(-1, "bucket %q has %d entries, the records make %d", check.name, got, check.want)
		}
	}
	return nil
}

// count walks a bucket and demands keys in order, as on a damaged page they may not be.
func count(b *bbolt.Bucket, name string) (n int64, err error) {
	var last []byte
	c := b.Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.Next() {
		if last != nil && bytes.Compare(last, key) >= 0 {
			return n, &journal.TamperError{Seq: -1, Why: fmt.Sprintf("the keys of bucket %q are out of order", name)}
		}
		last = key
		n++
	}
	return n, nil
}
