// Package journaltest is the suite that every store behind journal.Log passes.
//
//	func TestStore(t *testing.T) {
//		journaltest.Run(t, func(t *testing.T) func() journal.Log {
//			path := filepath.Join(t.TempDir(), "journal.db")
//			return func() journal.Log { ... open the store at path ... }
//		})
//	}
//
// setup makes an empty store and returns the function that opens it. The suite closes a handle before it opens the next, unless the
// handle was poisoned. A store that can be made to fail has the method of Faulty; without it the tests of failed commits are skipped.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Faulty is a log whose next commit can be made to fail, with the data applied or not.
type Faulty interface {
	journal.Log
	FailNextAppend(err error, applied bool)
	// Verifier is the public key that signs the checkpoints.
	Verifier() string
}

// Keyed is a log that names the public key that signs its checkpoints.
type Keyed interface{ Verifier() string }

// Run runs the suite.
func Run(t *testing.T, setup func(t *testing.T) (open func() journal.Log)) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open func() journal.Log)
	}{
		{"append and read", testAppendRead},
		{"read from", testReadFrom},
		{"read while writing", testReadWhileWriting},
		{"entries are copies", testCopies},
		{"expect", testExpect},
		{"nonce", testNonce},
		{"invalid batches", testInvalid},
		{"limits", testLimits},
		{"blobs", testBlobs},
		{"streams", testStreams},
		{"reopen", testReopen},
		{"close", testClose},
		{"cancelled", testCancelled},
		{"concurrent writers", testConcurrent},
		{"one conflict does not fail the others", testConflicts},
		{"proofs", testProofs},
		{"failed commit, applied", func(t *testing.T, open func() journal.Log) { testPoison(t, open, true) }},
		{"failed commit, not applied", func(t *testing.T, open func() journal.Log) { testPoison(t, open, false) }},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, setup(t)) })
	}
}

func opened(t *testing.T, open func() journal.Log) journal.Log {
	t.Helper()
	log := open()
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return log
}

func batch(stream string, data ...string) journal.Batch {
	b := journal.Batch{Stream: stream, Expect: -1}
	for _, d := range data {
		b.Records = append(b.Records, journal.Record{Data: fmt.Appendf(nil, `{"t":%q}`, d)})
	}
	return b
}

func mustAppend(t *testing.T, log journal.Log, b journal.Batch) journal.Appended {
	t.Helper()
	done, err := log.Append(t.Context(), b)
	if err != nil {
		t.Fatalf("append to %q: %v", b.Stream, err)
	}
	if done.Head.Size <= done.Last || done.Last-done.First != int64(len(b.Records))-1 {
		t.Fatalf("append of %d records: got %d to %d under a head of size %d", len(b.Records), done.First, done.Last, done.Head.Size)
	}
	return done
}

// collect reads an iterator to its end.
func collect(t *testing.T, seq iter.Seq2[journal.Entry, error]) []journal.Entry {
	t.Helper()
	var out []journal.Entry
	for e, err := range seq {
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		out = append(out, e)
	}
	return out
}

// check reads the whole log and recomputes all that it promises: places, chains, tree, signature. It returns the entries.
func check(t *testing.T, log journal.Log) []journal.Entry {
	t.Helper()
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	entries := collect(t, log.All(t.Context(), 0))
	if int64(len(entries)) < head.Size {
		t.Fatalf("%d records under a head of size %d", len(entries), head.Size)
	}
	if log, ok := log.(Keyed); ok {
		signed, err := journal.OpenCheckpoint(head.Note, log.Verifier())
		if err != nil || signed.Size != head.Size || signed.Root != head.Root || signed.Origin != head.Origin {
			t.Fatalf("head %+v says %+v: %v", head, signed, err)
		}
	}
	var tree journal.Frontier
	streams := map[string]*journal.StreamState{}
	for i, e := range entries {
		if i == int(head.Size) {
			break
		}
		parsed, err := journal.ParseLeaf(e.Leaf)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		s := streams[e.Stream]
		if s == nil {
			s = &journal.StreamState{StreamInfo: journal.StreamInfo{Name: e.Stream}}
			streams[e.Stream] = s
		}
		if e.Seq != int64(i) || e.N != s.Records || e.Prev != s.Prev || parsed.Hash != e.Hash || !bytes.Equal(parsed.Data, e.Data) {
			t.Fatalf("record %d is %+v", i, e)
		}
		s.Advance(entries[i : i+1])
		tree.Add(e.Hash)
	}
	if tree.Root() != head.Root {
		t.Fatalf("root of %d records: got %x, head says %x", len(entries), tree.Root(), head.Root)
	}
	infos, err := log.Streams(t.Context(), false)
	if err != nil {
		t.Fatalf("streams: %v", err)
	}
	if int64(len(entries)) == head.Size {
		for _, info := range infos {
			if s := streams[info.Name]; s == nil || s.StreamInfo != info {
				t.Fatalf("stream info %+v, its records say %+v", info, s)
			}
		}
		if len(infos) != len(streams) {
			t.Fatalf("got %d streams, the records have %d", len(infos), len(streams))
		}
	}
	return entries
}

func testAppendRead(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	if got := check(t, log); len(got) != 0 {
		t.Fatalf("a new log has %d records", len(got))
	}
	a := mustAppend(t, log, batch("INC-1", "a", "b"))
	b := mustAppend(t, log, batch("store", "c"))
	c := mustAppend(t, log, batch("INC-1", "d"))
	if a.First != 0 || a.Last != 1 || b.First != 2 || c.First != 3 || c.Last != 3 {
		t.Fatalf("got seqs %d-%d, %d, %d", a.First, a.Last, b.First, c.First)
	}
	entries := check(t, log)
	for i, want := range []string{"a", "b", "c", "d"} {
		if got := string(entries[i].Data); got != fmt.Sprintf(`{"t":%q}`, want) {
			t.Errorf("record %d: got %s", i, got)
		}
		if entries[i].Epoch != log.Epoch() {
			t.Errorf("record %d has epoch %d, the log %d", i, entries[i].Epoch, log.Epoch())
		}
	}
	one := collect(t, log.Read(t.Context(), "INC-1", 0))
	if len(one) != 3 || one[2].Seq != 3 || one[2].N != 2 || one[2].Prev != one[1].Hash {
		t.Fatalf("stream INC-1 reads %+v", one)
	}
	if got := collect(t, log.Read(t.Context(), "INC-10", 0)); len(got) != 0 {
		t.Errorf("an unknown stream has %d records", len(got))
	}
}

func testReadFrom(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	const n = 700 // more than a store reads at once
	for i := range n / 10 {
		b := batch("INC-1")
		for j := range 10 {
			b.Records = append(b.Records, journal.Record{Data: fmt.Appendf(nil, `{"i":%d}`, i*10+j)})
		}
		mustAppend(t, log, b)
	}
	for _, from := range []int64{-5, 0, 1, 255, 256, 257, 699, 700, 10_000} {
		want := int(max(0, n-max(from, 0)))
		for name, seq := range map[string]iter.Seq2[journal.Entry, error]{"Read": log.Read(t.Context(), "INC-1", from), "All": log.All(t.Context(), from)} {
			got := collect(t, seq)
			if len(got) != want || want > 0 && (got[0].N != max(from, 0) || got[want-1].N != n-1) {
				t.Errorf("%s from %d: got %d records, want %d", name, from, len(got), want)
			}
		}
	}
	stopped := 0
	for range log.All(t.Context(), 0) {
		if stopped++; stopped == 300 {
			break
		}
	}
	if stopped != 300 {
		t.Errorf("stopped after %d records", stopped)
	}
}

func testReadWhileWriting(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	const before = 300 // more than a store reads at once
	for range before / 10 {
		mustAppend(t, log, batch("INC-1", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"))
	}
	n := 0
	for e, err := range log.All(t.Context(), 0) {
		if err != nil || e.Seq != int64(n) {
			t.Fatalf("record %d: %+v, %v", n, e, err)
		}
		mustAppend(t, log, batch("INC-1", "more")) // a reader holds no lock between records
		n++
	}
	if n != before {
		t.Errorf("the loop saw %d records, there were %d when it began", n, before)
	}
	check(t, log)
}

func testCopies(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	b := batch("INC-1", strings.Repeat("a", 10_000)) // too large for a store to hold it in memory by chance
	b.Blobs = [][]byte{bytes.Repeat([]byte("blob"), 2_500)}
	want := string(b.Blobs[0])
	digest := journal.BlobDigest(b.Blobs[0])
	mustAppend(t, log, b)
	clear(b.Records[0].Data)
	clear(b.Blobs[0])
	e := check(t, log)[0]
	clear(e.Leaf)
	clear(e.Data)
	blob, err := log.Blob(t.Context(), digest)
	if err != nil || string(blob) != want {
		t.Fatalf("blob: got %d bytes, %v", len(blob), err)
	}
	clear(blob)
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clear(head.Note)
	check(t, log)
	if blob, err := log.Blob(t.Context(), digest); err != nil || string(blob) != want {
		t.Errorf("blob after the caller changed its copy: got %d bytes, %v", len(blob), err)
	}
}

func testReopen(t *testing.T, open func() journal.Log) {
	log := open()
	b := batch("INC-1", "a")
	b.Records[0].Nonce = "slack:1"
	mustAppend(t, log, b)
	before, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	again := opened(t, open)
	if again.Epoch() != log.Epoch()+1 {
		t.Errorf("epoch after reopening: got %d, want %d", again.Epoch(), log.Epoch()+1)
	}
	after, err := again.Head(t.Context())
	if err != nil || after.Root != before.Root || after.Size != before.Size {
		t.Fatalf("head after reopening: got %+v, %v, want %+v", after, err, before)
	}
	_, err = again.Append(t.Context(), b)
	if d, ok := errors.AsType[*journal.DuplicateError](err); !ok || d.Seq != 0 {
		t.Errorf("the nonce after reopening: got %v", err)
	}
	mustAppend(t, again, batch("INC-1", "b"))
	entries := check(t, again)
	if entries[1].Epoch != again.Epoch() || entries[1].Prev != entries[0].Hash {
		t.Errorf("record after reopening: %+v", entries[1])
	}
}

func testClose(t *testing.T, open func() journal.Log) {
	log := open()
	mustAppend(t, log, batch("INC-1", "a"))
	for range 2 {
		if err := log.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	refusesAll(t, log, func(err error) bool { return errors.Is(err, journal.ErrClosed) })
}

// refusesAll demands the error of every method.
func refusesAll(t *testing.T, log journal.Log, is func(error) bool) {
	t.Helper()
	ctx := t.Context()
	read := func(seq iter.Seq2[journal.Entry, error]) (err error) {
		for _, err = range seq {
		}
		return err
	}
	_, appendErr := log.Append(ctx, batch("INC-1", "x"))
	_, headErr := log.Head(ctx)
	_, streamsErr := log.Streams(ctx, true)
	_, blobErr := log.Blob(ctx, journal.BlobDigest(nil))
	for i, err := range []error{appendErr, headErr, streamsErr, blobErr, read(log.All(ctx, 0)), read(log.Read(ctx, "INC-1", 0))} {
		if !is(err) {
			t.Errorf("%s: got %v", []string{"Append", "Head", "Streams", "Blob", "All", "Read"}[i], err)
		}
	}
}

func testCancelled(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ctx, batch("INC-1", "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("append: got %v", err)
	}
	for _, err := range log.All(ctx, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read: got %v", err)
		}
	}
	if got := check(t, log); len(got) != 0 {
		t.Errorf("a cancelled append wrote %d records", len(got))
	}
}

func testPoison(t *testing.T, open func() journal.Log, applied bool) {
	log := open()
	faulty, ok := log.(Faulty)
	if !ok {
		t.Cleanup(func() { log.Close() })
		t.Skip("this store cannot be made to fail")
	}
	mustAppend(t, log, batch("INC-1", "a"))
	broken := errors.New("disk on fire")
	faulty.FailNextAppend(broken, applied)
	_, err := log.Append(t.Context(), batch("INC-1", "b"))
	isPoisoned := func(err error) bool {
		_, ok := errors.AsType[*journal.PoisonedError](err)
		return ok && errors.Is(err, broken)
	}
	if !isPoisoned(err) {
		t.Fatalf("failed commit: got %v", err)
	}
	refusesAll(t, log, isPoisoned)
	if err := log.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	again := opened(t, open)
	want := 1
	if applied {
		want = 2
	}
	if got := check(t, again); len(got) != want {
		t.Errorf("after reopening there are %d records, want %d", len(got), want)
	}
	mustAppend(t, again, batch("INC-1", "c"))
	check(t, again)
}

func names(infos []journal.StreamInfo) []string {
	return slices.Collect(func(yield func(string) bool) {
		for _, info := range infos {
			if !yield(info.Name) {
				return
			}
		}
	})
}
