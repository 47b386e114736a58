package bolt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// bareSyncs measures what the disk allows: appends of 300 bytes to a file, each with its own fdatasync, per second.
func bareSyncs(b *testing.B, dir string) float64 {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := bytes.Repeat([]byte("x"), 300)
	n, started := 0, time.Now()
	for time.Since(started) < 300*time.Millisecond {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n) / time.Since(started).Seconds()
}

// BenchmarkAppend appends batches of two records of about 300 bytes, from so many goroutines. "x-bare" is batches per second
// divided by bare write and fdatasync, measured directly before and after.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			dir := b.TempDir()
			o := testOptions(b)
			o.InitialMmapSize = 0
			l, err := Open(filepath.Join(dir, "j.db"), o)
			if err != nil {
				b.Fatal(err)
			}
			data := fmt.Appendf(nil, `{"kind":"effect.intent","pad":"%s"}`, bytes.Repeat([]byte("p"), 100))
			records := []journal.Record{{Data: data}, {Data: data}}
			before := bareSyncs(b, dir)
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				group.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, err := l.Append(b.Context(), journal.Batch{Stream: fmt.Sprintf("INC-%d", w), Expect: -1, Records: records}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			rate := float64(b.N) / b.Elapsed().Seconds()
			bare := (before + bareSyncs(b, dir)) / 2
			b.ReportMetric(rate, "batches/s")
			b.ReportMetric(rate/bare, "x-bare")
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	const records = 20_000
	path := filepath.Join(b.TempDir(), "j.db")
	l := openTest(b, path)
	for i := range records / 1000 {
		batch := journal.Batch{Stream: fmt.Sprintf("INC-%d", i), Expect: -1}
		for j := range 1000 {
			batch.Records = append(batch.Records, journal.Record{Data: fmt.Appendf(nil, `{"i":%d,"pad":"%s"}`, j, bytes.Repeat([]byte("p"), 100))})
		}
		if _, err := l.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	key := testSigner(b).Verifier()
	for b.Loop() {
		if r, err := Verify(b.Context(), path, VerifyOptions{Key: key}); err != nil || r.ExitCode() != ExitUnanchored {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
