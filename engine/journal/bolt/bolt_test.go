package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/journaltest"
)

const testMap = 1 << 20 // address space of a store in tests; small, so that growing it is tested too

func testSigner(t testing.TB) journal.Signer {
	t.Helper()
	s, err := journal.SignerFromSeed("firebreak/acme", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testOptions(t testing.TB) Options {
	t.Helper()
	return Options{Signer: testSigner(t), Org: "acme", ID: strings.Repeat("ab", 16), InitialMmapSize: testMap}
}

func openTest(t testing.TB, path string) *Log {
	t.Helper()
	l, err := Open(path, testOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func record(i int) journal.Record {
	return journal.Record{Data: fmt.Appendf(nil, `{"i":%d,"kind":"effect.intent"}`, i)}
}

func one(stream string, i int) journal.Batch {
	return journal.Batch{Stream: stream, Expect: -1, Records: []journal.Record{record(i)}}
}

// faulty lets the suite fail a commit.
type faulty struct{ *Log }

func (f faulty) FailNextAppend(err error, applied bool) {
	f.commit = func(tx *bbolt.Tx) error {
		if applied {
			return errors.Join(tx.Commit(), err)
		}
		return err
	}
}

func TestStore(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) func() journal.Log {
		path := filepath.Join(t.TempDir(), "state", "journal.db")
		return func() journal.Log {
			l, err := Open(path, testOptions(t))
			if err != nil {
				t.Fatal(err)
			}
			return faulty{l}
		}
	})
}

func TestGroupSharesOneCommit(t *testing.T) {
	l := openTest(t, filepath.Join(t.TempDir(), "j.db"))
	commits := 0
	entered, release := make(chan struct{}), make(chan struct{})
	l.commit = func(tx *bbolt.Tx) error {
		if commits++; commits == 1 {
			close(entered)
			<-release
		}
		return tx.Commit()
	}
	var group sync.WaitGroup
	appendOne := func(i int) {
		if _, err := l.Append(t.Context(), one("INC-1", i)); err != nil {
			t.Errorf("append: %v", err)
		}
	}
	group.Go(func() { appendOne(0) })
	<-entered
	for i := range 20 {
		group.Go(func() { appendOne(i) })
	}
	waitForQueue(l, 20)
	close(release)
	group.Wait()
	if commits != 2 {
		t.Errorf("21 appends took %d commits, want 2", commits)
	}
}

// waitForQueue returns when n batches wait for the next commit.
func waitForQueue(l *Log, n int) {
	for {
		l.mu.Lock()
		waiting := len(l.queue)
		l.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

func TestCancelWhileWaitingAndWhileCommitting(t *testing.T) {
	l := openTest(t, filepath.Join(t.TempDir(), "j.db"))
	entered, release := make(chan struct{}), make(chan struct{})
	first := true
	l.commit = func(tx *bbolt.Tx) error {
		if first {
			first = false
			close(entered)
			<-release
		}
		return tx.Commit()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		done journal.Appended
		err  error
	}
	committing, waiting := make(chan result, 1), make(chan result, 1)
	go func() {
		done, err := l.Append(ctx, one("INC-1", 1))
		committing <- result{done, err}
	}()
	<-entered
	go func() {
		done, err := l.Append(ctx, one("INC-1", 2))
		waiting <- result{done, err}
	}()
	waitForQueue(l, 1)
	cancel()
	if r := <-waiting; !errors.Is(r.err, context.Canceled) {
		t.Errorf("waiting append: got %+v, %v", r.done, r.err)
	}
	select {
	case r := <-committing:
		t.Errorf("an append in commit was answered before the commit: %+v", r)
	default:
	}
	close(release)
	if r := <-committing; r.err != nil || r.done.Head.Size != 1 {
		t.Errorf("an append in commit: got %+v, %v", r.done, r.err)
	}
	// A batch that was still in the queue would be committed before or with this one.
	if done, err := l.Append(t.Context(), one("INC-1", 3)); err != nil || done.Head.Size != 2 {
		t.Errorf("after a withdrawn append: got %+v, %v", done, err)
	}
}

func TestFailedCommitReachesAllThatWait(t *testing.T) {
	l := openTest(t, filepath.Join(t.TempDir(), "j.db"))
	entered, release := make(chan struct{}), make(chan struct{})
	l.commit = func(*bbolt.Tx) error {
		close(entered)
		<-release
		return errors.New("i/o error")
	}
	var group sync.WaitGroup
	poisoned := func(i int) {
		_, err := l.Append(t.Context(), one("INC-1", i))
		if _, ok := errors.AsType[*journal.PoisonedError](err); !ok {
			t.Errorf("append %d: got %v", i, err)
		}
	}
	group.Go(func() { poisoned(0) })
	<-entered
	for i := range 5 {
		group.Go(func() { poisoned(i + 1) })
	}
	waitForQueue(l, 5)
	close(release)
	group.Wait() // a second commit would close entered again and panic
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	l := openTest(t, path)
	entered, release := make(chan struct{}), make(chan struct{})
	first := true
	l.commit = func(tx *bbolt.Tx) error {
		if first {
			first = false
			close(entered)
			<-release
		}
		return tx.Commit()
	}
	var group sync.WaitGroup
	appendOne := func() {
		if _, err := l.Append(t.Context(), one("INC-1", 1)); err != nil {
			t.Errorf("append: %v", err)
		}
	}
	group.Go(appendOne)
	<-entered
	group.Go(appendOne)
	waitForQueue(l, 1)
	group.Go(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	close(release)
	group.Wait()
	if head, err := openTest(t, path).Head(t.Context()); err != nil || head.Size != 2 {
		t.Errorf("head after close: got %+v, %v", head, err)
	}
}

func TestAppendToAReplacedFileIsFenced(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"renamed away": func(path string) error { return os.Rename(path, path+".old") },
		"removed":      os.Remove,
		"replaced": func(path string) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path+".copy", data, 0o600), os.Rename(path+".copy", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "j.db")
			l := openTest(t, path)
			if _, err := l.Append(t.Context(), one("INC-1", 1)); err != nil {
				t.Fatal(err)
			}
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := l.Append(t.Context(), one("INC-1", 2))
				if f, ok := errors.AsType[*journal.FencedError](err); !ok || f.Path != path {
					t.Errorf("append: got %v", err)
				}
			}
			if _, err := l.Head(t.Context()); err == nil {
				t.Error("a fenced log still answers")
			}
		})
	}
}

func TestAppendAfterAnotherEpochIsFenced(t *testing.T) {
	l := openTest(t, filepath.Join(t.TempDir(), "j.db"))
	err := l.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketMeta)).Put([]byte(metaEpoch), encodeEpoch(l.epoch+1))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Append(t.Context(), one("INC-1", 1))
	if _, ok := errors.AsType[*journal.FencedError](err); !ok {
		t.Errorf("append: got %v", err)
	}
	err = l.db.View(func(tx *bbolt.Tx) error {
		if key, _ := tx.Bucket([]byte(bucketLeaf)).Cursor().First(); key != nil {
			t.Error("a fenced append wrote")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j.db")
	l := openTest(t, path)
	if _, err := l.Append(t.Context(), one("INC-1", 1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := journal.SignerFromSeed("firebreak/acme", [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := bbolt.Open(foreign, 0o600, &bbolt.Options{PageSize: pageSize})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(dir, "shared.db")
	data, err := os.ReadFile(path)
	if err := errors.Join(err, os.WriteFile(shared, data, 0o600), os.Chmod(shared, 0o640)); err != nil {
		t.Fatal(err)
	}
	good := testOptions(t)
	for _, test := range []struct {
		name, path string
		change     func(*Options)
		want       string
	}{
		{"no signer", path, func(o *Options) { o.Signer = nil }, "signer key is needed"},
		{"other key", path, func(o *Options) { o.Signer = other }, "created with another key"},
		{"other organization", path, func(o *Options) { o.Org = "evil" }, `belongs to organization "acme"`},
		{"bad organization", filepath.Join(dir, "new.db"), func(o *Options) { o.Org = "a/b" }, "want an organization"},
		{"must exist", filepath.Join(dir, "new.db"), func(o *Options) { o.MustExist = true }, "make a store with init"},
		{"read only must exist", filepath.Join(dir, "new.db"), func(o *Options) { o.ReadOnly = true }, "make a store with init"},
		{"empty file", empty, func(*Options) {}, "is damaged"},
		{"foreign file", foreign, func(*Options) {}, "not a firebreak journal"},
		{"shared file", shared, func(*Options) {}, "chmod 600"},
		{"folder", dir, func(*Options) {}, "not a regular file"},
	} {
		o := good
		test.change(&o)
		l, err := Open(test.path, o)
		if err == nil {
			err = l.Close()
			t.Errorf("%s: opened (%v)", test.name, err)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q, want something with %q", test.name, err, test.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused open left a file: %v", err)
	}
}

func TestOpenRefusesATreeThatWasNotSigned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	story(t, path, "plain")
	edit(t, path, func(b buckets) error { // the hash over all records, which an append would build upon
		h := bytes.Clone(b.tree.Get(number(storyRecords - 1)))
		h[len(h)-1] ^= 1
		return b.tree.Put(number(storyRecords-1), h)
	})
	_, err := Open(path, testOptions(t))
	if _, ok := errors.AsType[*journal.TamperError](err); !ok {
		t.Errorf("open: got %v", err)
	}
}

func TestFileModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "j.db")
	openTest(t, path)
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700, filepath.Dir(filepath.Dir(path)): 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: got %v, %v, want %#o", name, info.Mode(), err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	l := openTest(t, path)
	if _, err := l.Append(t.Context(), one("INC-1", 1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := Open(path, Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Epoch() != 1 {
			t.Errorf("epoch: got %d, want 1", r.Epoch())
		}
		if _, err := r.Append(t.Context(), one("INC-1", 2)); !errors.Is(err, journal.ErrReadOnly) {
			t.Errorf("append: got %v", err)
		}
		if head, err := r.Head(t.Context()); err != nil || head.Size != 1 {
			t.Errorf("head: got %+v, %v", head, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSnapshotOfALiveStoreVerifies(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, filepath.Join(dir, "j.db"))
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := l.Append(t.Context(), one("INC-1", i)); err != nil {
				t.Errorf("append: %v", err)
				return
			}
		}
	})
	for i := range 5 {
		path := filepath.Join(dir, fmt.Sprintf("copy%d.db", i))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		before, headErr := l.Head(t.Context())
		if err := errors.Join(headErr, l.Snapshot(t.Context(), f), f.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), path, VerifyOptions{Key: l.Verifier(), Anchors: []journal.Checkpoint{before}})
		if err != nil || r.ExitCode() > ExitUnanchored || r.Anchored != before.Size {
			t.Errorf("copy %d: %+v, %v", i, r, err)
		}
	}
	close(stop)
	group.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Snapshot(ctx, &strings.Builder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled snapshot: got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	if err := l.Snapshot(ctx, writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})); !errors.Is(err, context.Canceled) {
		t.Errorf("snapshot cancelled half way: got %v", err)
	}
}

// TestSyncsAreNeverOff reads the sources, since no test on a healthy machine can see a missing sync.
func TestSyncsAreNeverOff(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("got %q, %v", files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"NoSync", "NoGrowSync"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s names %s", name, word)
			}
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
