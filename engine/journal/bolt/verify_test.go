package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

const storyRecords = 64

// story makes a closed, compact store with records of several streams, nonces and blobs, and returns its heads by size.
func story(t testing.TB, path string, flavor string) map[int64]journal.Checkpoint {
	t.Helper()
	l := openTest(t, path+".live")
	heads := map[int64]journal.Checkpoint{}
	head, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heads[0] = head
	for i := range storyRecords / 2 {
		b := journal.Batch{Stream: fmt.Sprintf("INC-%d", i%5), Expect: -1, Close: i%7 == 6}
		for j := range 2 {
			b.Records = append(b.Records, journal.Record{Data: fmt.Appendf(nil, `{"flavor":"%s","i":%d,"j":%d}`, flavor, i, j)})
		}
		if i%3 == 0 {
			b.Records[1].Nonce = fmt.Sprintf("slack:%d", i)
		}
		if i%8 == 0 {
			b.Blobs = [][]byte{bytes.Repeat([]byte{byte('a' + i)}, 900)}
		}
		done, err := l.Append(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		heads[done.Head.Size] = done.Head
	}
	// Without the pages that bbolt left behind each byte of a leaf is there once.
	compact, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize, NoFreelistSync: true})
	if err := errors.Join(err, bbolt.Compact(compact, l.db, 0), compact.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	return heads
}

func verify(t testing.TB, path string, anchors ...journal.Checkpoint) Report {
	t.Helper()
	r, err := Verify(t.Context(), path, VerifyOptions{Key: testSigner(t).Verifier(), Anchors: anchors})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return r
}

func TestVerifyAnchors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	heads := story(t, path, "plain")
	last := heads[storyRecords]
	bare := func(c journal.Checkpoint) journal.Checkpoint { return journal.Checkpoint{Size: c.Size, Root: c.Root} }
	wrong := bare(heads[8])
	wrong.Root[0] ^= 1
	elsewhere := bare(last)
	elsewhere.Origin = "firebreak/acme/" + strings.Repeat("cd", 16) + "/1"
	beyond := bare(last)
	beyond.Size++
	for _, test := range []struct {
		name     string
		anchors  []journal.Checkpoint
		code     int
		anchored int64
	}{
		{"none", nil, ExitUnanchored, 0},
		{"final", []journal.Checkpoint{last}, ExitConsistent, storyRecords},
		{"final without a signature", []journal.Checkpoint{bare(last)}, ExitConsistent, storyRecords},
		{"older", []journal.Checkpoint{heads[8]}, ExitUnanchored, 8},
		{"of the beginning", []journal.Checkpoint{heads[0]}, ExitUnanchored, 0},
		{"several", []journal.Checkpoint{last, heads[8], heads[20], heads[0]}, ExitConsistent, storyRecords},
		{"wrong root", []journal.Checkpoint{wrong}, ExitRolledBack, 0},
		{"wrong root beside a good one", []journal.Checkpoint{last, wrong}, ExitRolledBack, storyRecords},
		{"newer than the store", []journal.Checkpoint{beyond}, ExitRolledBack, 0},
		{"of another store", []journal.Checkpoint{elsewhere}, ExitRolledBack, 0},
	} {
		r := verify(t, path, test.anchors...)
		if r.ExitCode() != test.code || r.Anchored != test.anchored {
			t.Errorf("%s: got exit %d, anchored %d, want %d, %d: %+v", test.name, r.ExitCode(), r.Anchored, test.code, test.anchored, r.Findings)
		}
		if len(r.NotProven) == 0 || len(r.Proven) == 0 || r.Size != storyRecords || r.Origin != last.Origin {
			t.Errorf("%s: report %+v", test.name, r)
		}
	}
	forged := last
	forged.Note = bytes.Replace(last.Note, []byte("\n64\n"), []byte("\n65\n"), 1)
	if _, err := Verify(t.Context(), path, VerifyOptions{Key: testSigner(t).Verifier(), Anchors: []journal.Checkpoint{forged}}); err == nil {
		t.Error("an anchor with a false signature was taken")
	}
}

func TestVerifyAnEmptyStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	l := openTest(t, path)
	head, err := l.Head(t.Context())
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path); r.ExitCode() != ExitUnanchored {
		t.Errorf("without an anchor: got exit %d", r.ExitCode())
	}
	if r := verify(t, path, head); r.ExitCode() != ExitConsistent {
		t.Errorf("with an anchor: got exit %d, %+v", r.ExitCode(), r.Findings)
	}
}

func TestVerifyKeyComesFromTheCaller(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	story(t, path, "plain")
	other, err := journal.SignerFromSeed("firebreak/acme", [32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Verify(t.Context(), path, VerifyOptions{Key: other.Verifier()})
	if err != nil || r.ExitCode() != ExitAltered {
		t.Errorf("another key: got %d %+v, %v", r.ExitCode(), r.Findings, err)
	}
	r, err = Verify(t.Context(), path, VerifyOptions{Key: testSigner(t).Verifier(), Origin: "firebreak/acme/" + strings.Repeat("00", 16) + "/1"})
	if err != nil || r.ExitCode() != ExitAltered {
		t.Errorf("another origin: got %d %+v, %v", r.ExitCode(), r.Findings, err)
	}
	for _, key := range []string{"", "x", "PRIVATE+KEY+firebreak/acme+00000000+AAAA"} {
		if _, err := Verify(t.Context(), path, VerifyOptions{Key: key}); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, path, VerifyOptions{Key: other.Verifier()}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestVerifyDeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	last := story(t, path, "plain")[storyRecords]
	seen := 0
	o := VerifyOptions{Key: testSigner(t).Verifier(), Anchors: []journal.Checkpoint{last}, Deep: func(e journal.Entry, _ func(string) ([]byte, error)) error {
		seen++
		if e.Seq == 5 {
			return errors.Join(&Finding{5, KindOpen, "step in doubt"}, &Finding{5, KindOpen, "break-glass without review"})
		}
		return nil
	}, DeepEnd: func() []Finding { return []Finding{{-1, KindOpen, "one more"}} }}
	r, err := Verify(t.Context(), path, o)
	if err != nil || r.ExitCode() != ExitOpen || len(r.Findings) != 3 || seen != storyRecords {
		t.Errorf("got exit %d, %+v, %v after %d records", r.ExitCode(), r.Findings, err, seen)
	}
	o.Deep = func(e journal.Entry, _ func(string) ([]byte, error)) error {
		if e.Seq == 7 {
			return errors.New("outcome without intent")
		}
		return nil
	}
	if r, err = Verify(t.Context(), path, o); err != nil || r.ExitCode() != ExitAltered || r.Findings[0].Seq != 7 {
		t.Errorf("got exit %d, %+v, %v", r.ExitCode(), r.Findings, err)
	}
}

// edit changes a store behind the journal's back, as an attacker with the file would.
func edit(t testing.TB, path string, f func(b buckets) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		return f(b)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsEdits(t *testing.T) {
	dir := t.TempDir()
	original := filepath.Join(dir, "original.db")
	last := story(t, original, "plain")[storyRecords]
	rewrite := func(b buckets, seq int64, from, to string) error {
		leaf := b.leaf.Get(number(seq))
		return b.leaf.Put(number(seq), bytes.Replace(leaf, []byte(from), []byte(to), 1))
	}
	// retree writes the tree that follows from the leaves, as an attacker who understands the format would.
	retree := func(b buckets, n int64) error {
		var tree journal.Frontier
		for seq := range n {
			e, err := journal.ParseLeaf(bytes.Clone(b.leaf.Get(number(seq))))
			if err != nil {
				return err
			}
			var flat []byte
			for _, h := range tree.Add(e.Hash) {
				flat = append(flat, h[:]...)
			}
			if err := b.tree.Put(number(seq), flat); err != nil {
				return err
			}
		}
		return nil
	}
	for _, test := range []struct {
		name string
		edit func(b buckets) error
		code int
		seq  int64 // of the first finding
	}{
		{"one record", func(b buckets) error { return rewrite(b, 9, `"j":1`, `"j":3`) }, ExitAltered, 9},
		{"one record, not canonical", func(b buckets) error { return rewrite(b, 9, `"j":1`, `"j": 1`) }, ExitAltered, 9},
		{"one record and its tree", func(b buckets) error {
			return errors.Join(rewrite(b, 9, `"j":1`, `"j":3`), retree(b, storyRecords))
		}, ExitAltered, 18},
		{"the last record and its tree", func(b buckets) error {
			return errors.Join(rewrite(b, storyRecords-1, `"j":1`, `"j":3`), retree(b, storyRecords))
		}, ExitAltered, -1},
		{"two records swapped", func(b buckets) error {
			x, y := bytes.Clone(b.leaf.Get(number(3))), bytes.Clone(b.leaf.Get(number(4)))
			return errors.Join(b.leaf.Put(number(3), y), b.leaf.Put(number(4), x))
		}, ExitAltered, 3},
		{"a record in the middle deleted", func(b buckets) error { return b.leaf.Delete(number(9)) }, ExitDamaged, 9},
		{"the last record deleted", func(b buckets) error { return b.leaf.Delete(number(storyRecords - 1)) }, ExitDamaged, storyRecords - 1},
		{"all records deleted", func(b buckets) error {
			for seq := range int64(storyRecords) {
				if err := b.leaf.Delete(number(seq)); err != nil {
					return err
				}
			}
			return nil
		}, ExitDamaged, 0},
		{"a record added", func(b buckets) error {
			return b.leaf.Put(number(storyRecords), bytes.Clone(b.leaf.Get(number(0))))
		}, ExitAltered, storyRecords},
		{"a tree hash", func(b buckets) error {
			h := bytes.Clone(b.tree.Get(number(7)))
			h[64] ^= 1
			return b.tree.Put(number(7), h)
		}, ExitAltered, 7},
		{"tree hashes deleted", func(b buckets) error { return b.tree.Delete(number(7)) }, ExitDamaged, 7},
		{"a tree entry too many", func(b buckets) error { return b.tree.Put(number(storyRecords), make([]byte, 32)) }, ExitAltered, -1},
		{"the checkpoint's size", func(b buckets) error {
			note := bytes.Replace(b.meta.Get([]byte(metaHead)), []byte("\n64\n"), []byte("\n63\n"), 1)
			return b.meta.Put([]byte(metaHead), note)
		}, ExitAltered, -1},
		{"a blob", func(b buckets) error {
			key, blob := b.blob.Cursor().First()
			return b.blob.Put(bytes.Clone(key), append(bytes.Clone(blob), 'x'))
		}, ExitAltered, 0},
		{"a blob deleted", func(b buckets) error {
			key, _ := b.blob.Cursor().First()
			return b.blob.Delete(bytes.Clone(key))
		}, ExitDamaged, 0},
		{"a blob that no record names", func(b buckets) error {
			sum := sha256.Sum256([]byte("stray"))
			return b.blob.Put(sum[:], []byte("stray"))
		}, ExitAltered, -1},
		{"a nonce forgotten", func(b buckets) error { return b.nonce.Delete([]byte("slack:3")) }, ExitAltered, 7},
		{"a nonce made up", func(b buckets) error { return b.nonce.Put([]byte("slack:no"), number(1)) }, ExitAltered, -1},
		{"an open stream hidden", func(b buckets) error { return b.open.Delete([]byte("INC-1")) }, ExitAltered, -2},
		{"a stream's state", func(b buckets) error {
			s := bytes.Clone(b.stream.Get(stateKey("INC-1")))
			s[7]--
			return b.stream.Put(stateKey("INC-1"), s)
		}, ExitAltered, -2},
		{"the stream index", func(b buckets) error { return b.stream.Put(placeKey("INC-1", 0), number(5)) }, ExitAltered, 2},
		{"a stream made up", func(b buckets) error {
			return b.stream.Put(stateKey("INC-99"), encodeState(journal.StreamState{}))
		}, ExitAltered, -1},
		{"the epoch", func(b buckets) error { return b.meta.Put([]byte(metaEpoch), encodeEpoch(0)) }, ExitAltered, 0},
		{"the key", func(b buckets) error { return b.meta.Put([]byte(metaGenesis), []byte("x")) }, ExitAltered, -1},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(test.name, " ", "-")+".db")
		data, err := os.ReadFile(original)
		if err := errors.Join(err, os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
		edit(t, path, test.edit)
		for _, anchors := range [][]journal.Checkpoint{nil, {last}} {
			r := verify(t, path, anchors...)
			if r.ExitCode() != test.code || test.seq != -2 && r.Findings[0].Seq != test.seq {
				t.Errorf("%s: got exit %d, %+v, want exit %d at record %d", test.name, r.ExitCode(), r.Findings, test.code, test.seq)
			}
		}
	}
}

// TestVerifyRollback plays an attacker who has the file and the key: only an anchor tells.
func TestVerifyRollback(t *testing.T) {
	dir := t.TempDir()
	truth, forgery := filepath.Join(dir, "truth.db"), filepath.Join(dir, "forgery.db")
	heads := story(t, truth, "plain")
	story(t, forgery, "forged")
	older := filepath.Join(dir, "older.db")
	l := openTest(t, older)
	for i := range 4 {
		if _, err := l.Append(t.Context(), one("INC-1", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{forgery, older} {
		if r := verify(t, path); r.ExitCode() != ExitUnanchored || !strings.Contains(strings.Join(r.NotProven, " "), "anchor") {
			t.Errorf("%s without an anchor: got exit %d, %q", path, r.ExitCode(), r.NotProven)
		}
		for _, size := range []int64{2, 32, storyRecords} {
			if r := verify(t, path, heads[size]); r.ExitCode() != ExitRolledBack {
				t.Errorf("%s with an anchor at %d: got exit %d, %+v", path, size, r.ExitCode(), r.Findings)
			}
		}
	}
}

func TestVerifyAndOpenFindTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	last := story(t, path+".roomy", "plain")[storyRecords]
	roomy := openTest(t, path+".roomy")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err := errors.Join(err, roomy.Snapshot(t.Context(), f), f.Close()); err != nil { // ends with its last used page
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := info.Size() - 1; size > 0; size -= 509 {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, path, last); r.ExitCode() != ExitDamaged {
			t.Errorf("%d of %d bytes: got exit %d, %+v", size, info.Size(), r.ExitCode(), r.Findings)
		}
		_, err := Open(path, testOptions(t))
		if _, ok := errors.AsType[*journal.TamperError](err); !ok {
			t.Errorf("%d of %d bytes: open: %v", size, info.Size(), err)
		}
	}
}

func TestVerifyInChildOutlivesAPageThatPointsAtItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	last := story(t, path, "plain")[storyRecords]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	branches := 0
	for page := pageSize * 2; page < len(data); page += pageSize {
		if binary.NativeEndian.Uint16(data[page+pageFlagsAt:]) == 0x01 && binary.NativeEndian.Uint64(data[page:]) == uint64(page/pageSize) {
			binary.NativeEndian.PutUint64(data[page+pageHeader+8:], uint64(page/pageSize)) // where its first child is
			branches++
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := VerifyInChild(t.Context(), os.Args[0], []string{"verify-child"}, path, VerifyOptions{Key: testSigner(t).Verifier(), Anchors: []journal.Checkpoint{last}})
	if err != nil || r.ExitCode() != ExitDamaged || branches == 0 {
		t.Errorf("%d branch pages: got %+v, %v", branches, r, err)
	}
}

// TestReadNeverAcceptsADamagedRecord flips each byte of a leaf under a live store: the reader says so, whoever else does not look.
func TestReadNeverAcceptsADamagedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	story(t, path, "plain")
	o := testOptions(t)
	l, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	start := bytes.Index(data, []byte(`{"data":{"flavor":"plain","i":9,"j":1}`))
	end := start + bytes.Index(data[start:], []byte(`"v":1}`))
	for at := start; at < end; at++ {
		if _, err := f.WriteAt([]byte{data[at] ^ 1}, int64(at)); err != nil {
			t.Fatal(err)
		}
		var got error
		for _, err := range l.All(t.Context(), 0) {
			got = err
		}
		if tamper, ok := errors.AsType[*journal.TamperError](got); !ok || tamper.Seq != 19 {
			t.Errorf("byte %d: got %v", at-start, got)
		}
		if _, err := f.WriteAt(data[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}
