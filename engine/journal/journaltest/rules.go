package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

func testExpect(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	for i, test := range []struct {
		expect   int64
		conflict bool
	}{{1, true}, {0, false}, {0, true}, {1, false}, {-1, false}, {2, true}, {4, true}, {3, false}} {
		b := batch("INC-1", "x")
		b.Expect = test.expect
		_, err := log.Append(t.Context(), b)
		if got := errors.Is(err, journal.ErrConflict); got != test.conflict || err != nil && !got {
			t.Errorf("append %d with expect %d: got %v", i, test.expect, err)
		}
	}
	if got := check(t, log); len(got) != 4 {
		t.Errorf("got %d records, want 4", len(got))
	}
}

func testNonce(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	with := func(stream string, nonces ...string) journal.Batch {
		b := batch(stream)
		for _, n := range nonces {
			b.Records = append(b.Records, journal.Record{Data: []byte(`{}`), Nonce: n})
		}
		return b
	}
	odd := "quote\" slash\\ line\n \x01 ü 火"
	mustAppend(t, log, batch("INC-1", "a"))
	mustAppend(t, log, with("INC-1", "", odd, "two"))
	for _, test := range []struct {
		batch journal.Batch
		want  journal.DuplicateError
	}{
		{with("INC-2", odd), journal.DuplicateError{Nonce: odd, Stream: "INC-1", Seq: 2}},
		{with("INC-1", "new", "two"), journal.DuplicateError{Nonce: "two", Stream: "INC-1", Seq: 3}},
		{with("INC-3", "same", "same"), journal.DuplicateError{Nonce: "same", Stream: "INC-3", Seq: -1}},
	} {
		_, err := log.Append(t.Context(), test.batch)
		if d, ok := errors.AsType[*journal.DuplicateError](err); !ok || *d != test.want {
			t.Errorf("got %v, want %v", err, &test.want)
		}
	}
	entries := check(t, log)
	if len(entries) != 4 || entries[2].Nonce != odd || entries[1].Nonce != "" {
		t.Errorf("got %+v", entries)
	}
	mustAppend(t, log, with("INC-2", "new", "same")) // a refused batch used up nothing
	check(t, log)
}

func testInvalid(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	data := func(s string) journal.Batch {
		return journal.Batch{Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(s)}}}
	}
	deep := strings.Repeat(`{"a":`, journal.MaxDepth+1) + "1" + strings.Repeat("}", journal.MaxDepth+1)
	for name, b := range map[string]journal.Batch{
		"no records":     {Stream: "INC-1", Expect: -1},
		"close only":     {Stream: "INC-1", Expect: -1, Close: true},
		"no stream":      batch("", "a"),
		"bad stream":     batch("INC 1", "a"),
		"long stream":    batch(strings.Repeat("x", 65), "a"),
		"bad expect":     {Stream: "INC-1", Expect: -2, Records: []journal.Record{{Data: []byte(`{}`)}}},
		"no data":        data(``),
		"array":          data(`[1]`),
		"space":          data(`{"a": 1}`),
		"order":          data(`{"b":1,"a":1}`),
		"float":          data(`{"a":1.5}`),
		"utf-8":          data("{\"a\":\"\xff\"}"),
		"two objects":    data(`{}{}`),
		"too deep":       data(deep),
		"too large":      data(`{"a":"` + strings.Repeat("x", journal.MaxLeaf) + `"}`),
		"leaf too large": data(`{"a":"` + strings.Repeat("x", journal.MaxLeaf-9) + `"}`),
		"large blob":     {Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{}`)}}, Blobs: [][]byte{make([]byte, journal.MaxBlob+1)}},
		"long nonce":     {Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{}`), Nonce: strings.Repeat("n", journal.MaxNonce+1)}}},
		"nonce utf-8":    {Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{}`), Nonce: "\xff"}}},
		"second record":  {Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{}`)}, {Data: []byte(`1`)}}},
	} {
		if _, err := log.Append(t.Context(), b); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got := check(t, log); len(got) != 0 {
		t.Errorf("invalid batches wrote %d records", len(got))
	}
	mustAppend(t, log, batch("INC-1", "good"))
}

func testLimits(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	b := batch(strings.Repeat("s", 64))
	nested := strings.Repeat(`{"a":`, journal.MaxDepth-1) + "{}" + strings.Repeat("}", journal.MaxDepth-1)
	b.Records = []journal.Record{
		{Data: []byte(nested), Nonce: strings.Repeat("n", journal.MaxNonce)},
		{Data: []byte(`{"a":"` + strings.Repeat("x", journal.MaxLeaf-400) + `"}`)},
	}
	for range 20 {
		mustAppend(t, log, journal.Batch{Stream: "large", Expect: -1, Records: b.Records[1:]})
	}
	mustAppend(t, log, b)
	check(t, log)
}

func testBlobs(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	big := bytes.Repeat([]byte("0123456789abcdef"), journal.MaxBlob/16)
	b := batch("INC-1", "a", "b")
	b.Blobs = [][]byte{big, {}, []byte("small"), []byte("small")}
	mustAppend(t, log, b)
	again := batch("INC-2", "c")
	again.Blobs = [][]byte{[]byte("small")}
	mustAppend(t, log, again)
	for _, blob := range b.Blobs {
		got, err := log.Blob(t.Context(), journal.BlobDigest(blob))
		if err != nil || got == nil || !bytes.Equal(got, blob) {
			t.Errorf("blob of %d bytes: got %d bytes, %v", len(blob), len(got), err)
		}
	}
	entries := check(t, log)
	want := []string{journal.BlobDigest(big), journal.BlobDigest(nil), journal.BlobDigest([]byte("small"))}
	if !slices.Equal(entries[0].Blobs, want) || entries[1].Blobs != nil || !slices.Equal(entries[2].Blobs, want[2:]) {
		t.Errorf("digests: got %q, %q, %q", entries[0].Blobs, entries[1].Blobs, entries[2].Blobs)
	}
	for _, digest := range []string{journal.BlobDigest([]byte("other")), "", "x", strings.ToUpper(want[0])} {
		if _, err := log.Blob(t.Context(), digest); !errors.Is(err, journal.ErrNoBlob) {
			t.Errorf("blob %q: got %v", digest, err)
		}
	}
	refused := batch("INC-1", "d")
	refused.Expect, refused.Blobs = 99, [][]byte{[]byte("never")}
	if _, err := log.Append(t.Context(), refused); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("got %v", err)
	}
	if _, err := log.Blob(t.Context(), journal.BlobDigest([]byte("never"))); !errors.Is(err, journal.ErrNoBlob) {
		t.Errorf("a refused batch left its blob: %v", err)
	}
}

func testStreams(t *testing.T, open func() journal.Log) {
	log := open()
	closing := func(stream string) journal.Batch {
		b := batch(stream, "x", "end")
		b.Close = true
		return b
	}
	mustAppend(t, log, batch("z", "first"))
	mustAppend(t, log, batch("INC-1", "x"))
	mustAppend(t, log, batch("INC-10", "x"))
	mustAppend(t, log, closing("INC-1"))
	mustAppend(t, log, closing("a"))
	mustAppend(t, log, closing("b"))
	mustAppend(t, log, batch("b", "again"))
	for round := range 2 {
		for _, test := range []struct {
			open bool
			want []string
		}{{false, []string{"z", "INC-1", "INC-10", "a", "b"}}, {true, []string{"z", "INC-10", "b"}}} {
			got, err := log.Streams(t.Context(), test.open)
			if err != nil || !slices.Equal(names(got), test.want) {
				t.Errorf("round %d, open only %t: got %q, %v, want %q", round, test.open, names(got), err, test.want)
			}
		}
		entries := check(t, log)
		if !entries[4].Close || entries[3].Close || entries[0].Close {
			t.Errorf("close marks: %+v", entries)
		}
		if round == 0 {
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
			log = opened(t, open)
		}
	}
	if infos, err := log.Streams(t.Context(), false); err != nil || infos[1] != (journal.StreamInfo{Name: "INC-1", Records: 3, First: 1, Last: 4}) {
		t.Errorf("got %+v, %v", infos, err)
	}
}

func testProofs(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	keyed, ok := log.(Keyed)
	if !ok {
		t.Skip("this store does not name its key")
	}
	var heads []journal.Checkpoint
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heads = append(heads, head)
	for i := range 13 {
		heads = append(heads, mustAppend(t, log, batch("INC-1", fmt.Sprint(i))).Head)
	}
	for seq := range int64(13) {
		in, err := journal.ProveInclusion(t.Context(), log, seq)
		if err != nil {
			t.Fatalf("prove %d: %v", seq, err)
		}
		if e, err := journal.CheckInclusion(in, keyed.Verifier()); err != nil || e.Seq != seq {
			t.Errorf("check %d: %+v, %v", seq, e, err)
		}
		in.Leaf = bytes.Replace(in.Leaf, []byte(`"t"`), []byte(`"u"`), 1)
		if _, err := journal.CheckInclusion(in, keyed.Verifier()); err == nil {
			t.Errorf("check %d: a changed leaf passed", seq)
		}
	}
	older := heads[7] // the log has gone on since
	prover, err := journal.NewProver(t.Context(), log, older)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range log.All(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		path, err := prover.Prove(e.Seq)
		if e.Seq >= older.Size {
			if err == nil {
				t.Errorf("proved record %d under a checkpoint of %d", e.Seq, older.Size)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.CheckPath(older, e.Seq, e.Hash, path); err != nil {
			t.Errorf("path of %d: %v", e.Seq, err)
		}
		if err := journal.CheckPath(older, e.Seq, e.Prev, path); err == nil {
			t.Errorf("the path of %d passed for another leaf", e.Seq)
		}
		if err := journal.CheckPath(heads[8], e.Seq, e.Hash, path); err == nil {
			t.Errorf("the path of %d passed under another checkpoint", e.Seq)
		}
	}
	more := heads[len(heads)-1]
	more.Size++
	if _, err := journal.NewProver(t.Context(), log, more); err == nil {
		t.Error("proves under a checkpoint that the log has not reached")
	}
	for i, old := range heads {
		c, err := journal.ProveConsistency(t.Context(), log, old)
		if err != nil {
			t.Fatalf("consistency from %d: %v", i, err)
		}
		if err := journal.CheckConsistency(c, keyed.Verifier()); err != nil {
			t.Errorf("consistency from %d: %v", i, err)
		}
		if i > 0 && i < len(heads)-1 {
			c.Old = heads[i+1]
			if err := journal.CheckConsistency(c, keyed.Verifier()); err == nil {
				t.Errorf("consistency from %d: the proof of another size passed", i)
			}
		}
	}
	if _, err := journal.ProveInclusion(t.Context(), log, 13); err == nil {
		t.Error("proved a record that is not there")
	}
}
