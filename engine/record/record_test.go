package record_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/record"
)

func noted(text string) engine.Event {
	at := time.Date(2026, 11, 6, 3, 0, 0, 0, time.UTC)
	return engine.Event{At: at, Actor: engine.Actor{Type: engine.Person, ID: "ann"}, Body: engine.Noted{Text: text, Class: engine.Observation}}
}

// What was written comes back, and knows where it stands.
func TestReadGivesWhatBatchWrote(t *testing.T) {
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	facts := []engine.Event{noted("one"), noted("two"), noted("three")}
	b, err := record.Batch("INC-1", 0, facts, "request-7")
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range b.Records {
		if last := n == len(facts)-1; (r.Nonce == "request-7") != last || !last && r.Nonce != "" {
			t.Errorf("record %d has the nonce %q; it stands on the last alone", n, r.Nonce)
		}
	}
	if _, err := log.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var prev [32]byte
	n := 0
	for e, err := range record.Read(t.Context(), log, "INC-1") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != int64(n) || e.Prev != prev || e.Hash == [32]byte{} {
			t.Errorf("fact %d stands at %d, with hash %x after %x", n, e.Seq, e.Hash, e.Prev)
		}
		prev = e.Hash
		e.Seq, e.Hash, e.Prev = facts[n].Seq, [32]byte{}, [32]byte{}
		if diff := cmp.Diff(facts[n], e); diff != "" {
			t.Error(diff)
		}
		n++
	}
	if n != len(facts) {
		t.Errorf("%d facts came back of %d", n, len(facts))
	}
}

// What no record has room for is refused before anything is written, and what has
// just room is taken by the journal.
func TestMax(t *testing.T) {
	empty, _, err := record.Of(noted(""))
	if err != nil {
		t.Fatal(err)
	}
	fits := record.Max - len(empty.Data)
	b, err := record.Batch("INC-1", 0, []engine.Event{noted(strings.Repeat("x", fits))}, strings.Repeat("n", journal.MaxNonce))
	if err != nil {
		t.Fatal(err)
	}
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), b); err != nil {
		t.Errorf("the largest fact is refused by the journal: %v", err)
	}
	_, err = record.Batch("INC-1", 1, []engine.Event{noted(strings.Repeat("x", fits+1))}, "")
	if want := fmt.Sprintf("it has %d bytes and a record holds %d", record.Max+1, record.Max); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("one byte more: %v, want %q", err, want)
	}
}

// A record that is no fact says which one it is, and ends the reading.
func TestUnreadable(t *testing.T) {
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	good, err := record.Batch("INC-1", 0, []engine.Event{noted("one")}, "")
	if err != nil {
		t.Fatal(err)
	}
	good.Records = append(good.Records, journal.Record{Data: []byte(`{"kind":"no.such"}`)}, good.Records[0])
	if _, err := log.Append(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	n := 0
	var failed error
	for _, err := range record.Read(t.Context(), log, "INC-1") {
		n++
		failed = err
	}
	if n != 2 || failed == nil || !strings.Contains(failed.Error(), "record 1 of INC-1 (journal place 1)") {
		t.Errorf("after %d facts: %v", n, failed)
	}
}

// Who must stop, and who may try again.
func TestFatal(t *testing.T) {
	for err, want := range map[error]bool{
		&journal.PoisonedError{}: true, &journal.FencedError{}: true, fmt.Errorf("append: %w", &journal.FencedError{}): true,
		journal.ErrConflict: false, journal.ErrClosed: false, &journal.DuplicateError{}: false,
	} {
		if record.Fatal(err) != want {
			t.Errorf("%T: fatal is not %v", err, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"short", 5, "short"}, {"longer", 5, "lo…"}, {"äöü", 6, "äöü"}, {"äöüß", 6, "ä…"}, {"äöüß", 7, "äö…"}, {"x\U0001F525y", 5, "x…"},
	} {
		got := record.Cut(c.s, c.n)
		if got != c.want || len(got) > c.n || !utf8.ValidString(got) {
			t.Errorf("%q to %d bytes is %q, want %q", c.s, c.n, got, c.want)
		}
	}
}
