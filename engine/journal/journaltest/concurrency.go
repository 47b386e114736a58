package journaltest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

// testConcurrent lets many writers share the log. Each gets its own answer, none starves, and every acknowledged record is where the answer said.
func testConcurrent(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	const writers, each = 32, 12
	type ack struct {
		seq  int64
		data string
	}
	acks := make([][]ack, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				data := fmt.Sprintf("%d/%d", w, i)
				b := batch(fmt.Sprintf("INC-%d", w), data)
				b.Expect = int64(i) // each is alone on its stream, so this never conflicts
				done, err := log.Append(t.Context(), b)
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				if i > 0 && done.First <= acks[w][i-1].seq {
					t.Errorf("writer %d: record %d comes before the one acknowledged earlier", w, done.First)
				}
				acks[w] = append(acks[w], ack{done.First, data})
			}
		})
		if w%4 == 0 {
			group.Go(func() {
				for _, err := range log.All(t.Context(), 0) {
					if err != nil {
						t.Errorf("reader: %v", err)
					}
				}
			})
		}
	}
	group.Wait()
	entries := check(t, log)
	if len(entries) != writers*each {
		t.Fatalf("got %d records, want %d", len(entries), writers*each)
	}
	for w := range acks {
		for i, a := range acks[w] {
			e := entries[a.seq]
			if string(e.Data) != fmt.Sprintf(`{"t":%q}`, a.data) || e.N != int64(i) {
				t.Errorf("writer %d was told %d for %q, there is %s", w, a.seq, a.data, e.Data)
			}
		}
	}
}

// testConflicts races writers for the same place: for each place exactly one wins, and the good batches beside them are not disturbed.
func testConflicts(t *testing.T, open func() journal.Log) {
	log := opened(t, open)
	const writers, places = 16, 8
	var mu sync.Mutex
	won := map[int64]int{}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for place := range int64(places) {
				for {
					b := batch("INC-1", fmt.Sprint(w))
					b.Expect = place
					b.Records[0].Nonce = fmt.Sprintf("place %d", place)
					_, err := log.Append(t.Context(), b)
					if err == nil {
						mu.Lock()
						won[place]++
						mu.Unlock()
						break
					}
					if !errors.Is(err, journal.ErrConflict) {
						t.Errorf("writer %d: %v", w, err)
						return
					}
					if n := len(collectQuiet(t, log, "INC-1")); int64(n) > place {
						break // somebody else has it
					}
				}
				if _, err := log.Append(t.Context(), batch("INC-2", "beside")); err != nil {
					t.Errorf("writer %d beside: %v", w, err)
				}
			}
		})
	}
	group.Wait()
	for place := range int64(places) {
		if won[place] != 1 {
			t.Errorf("place %d was won %d times", place, won[place])
		}
	}
	if got := check(t, log); len(got) != places+writers*places {
		t.Errorf("got %d records, want %d", len(got), places+writers*places)
	}
}

func collectQuiet(t *testing.T, log journal.Log, stream string) (out []journal.Entry) {
	for e, err := range log.Read(t.Context(), stream, 0) {
		if err != nil {
			t.Errorf("read %q: %v", stream, err)
			return nil
		}
		out = append(out, e)
	}
	return out
}
