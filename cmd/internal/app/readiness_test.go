package app

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// shelfLog counts what is read of a journal, and can break.
type shelfLog struct {
	journal.Log
	reads  map[string]int
	broken error
}

func (l *shelfLog) Read(ctx context.Context, stream string, from int64) iter.Seq2[journal.Entry, error] {
	l.reads[stream]++
	return l.Log.Read(ctx, stream, from)
}

func (l *shelfLog) Streams(ctx context.Context, open bool) ([]journal.StreamInfo, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	return l.Log.Streams(ctx, open)
}

func recorded(t *testing.T) *shelfLog {
	t.Helper()
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &shelfLog{Log: log, reads: map[string]int{}}
}

var recordedAt = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func (l *shelfLog) put(t *testing.T, stream string, bodies ...engine.Body) {
	t.Helper()
	for _, body := range bodies {
		data, _, err := engine.Encode(engine.Event{At: recordedAt, Actor: engine.Actor{Type: engine.Person, ID: "alice"}, Body: body, Seq: -1})
		if err == nil {
			data, err = journal.Canonical(json.RawMessage(data))
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), journal.Batch{Stream: stream, Expect: -1, Records: []journal.Record{{Data: data}}}); err != nil {
			t.Fatal(err)
		}
	}
}

func declared(id string) engine.Body {
	return engine.Declared{ID: id, Title: "x", Severity: 2, Store: "s"}
}

// A stream is read again when it has grown, and only then.
func TestPastIsReadOnce(t *testing.T) {
	log, p := recorded(t), newPast().live
	log.put(t, "INC-1", declared("INC-1"))
	log.put(t, "INC-2", declared("INC-2"))
	read := func() []*readiness.Case {
		t.Helper()
		cases, unread, err := p.cases(t.Context(), "live incidents", log, time.Time{})
		if err != nil || len(unread) > 0 {
			t.Fatal(err, unread)
		}
		return cases
	}
	read()
	before := log.reads["INC-1"]
	if before == 0 || len(read()) != 2 || log.reads["INC-1"] != before {
		t.Errorf("read %d and then %d times", before, log.reads["INC-1"])
	}
	log.put(t, "INC-1", engine.CorrectiveAdded{ID: "C1", Text: "x", Owner: "alice", Due: "2027-04-01"})
	two := log.reads["INC-2"]
	if cases := read(); len(cases[0].Correctives) != 1 || log.reads["INC-2"] != two {
		t.Errorf("what was added is not there: %+v", cases[0])
	}
	// At a time that is past, and beside what is remembered of now.
	cases, _, err := p.cases(t.Context(), "live incidents", log, recordedAt.Add(-time.Hour))
	if err != nil || len(cases) != 0 {
		t.Errorf("an hour before there are %d, %v", len(cases), err)
	}
	if len(read()) != 2 {
		t.Error("now there is nothing any more")
	}
}

// The clock of an exercise may be days ahead of that outside, which is what counts
// when the past is asked for.
func TestPastOfExercises(t *testing.T) {
	log := recorded(t)
	wall := func(hours int) engine.Stamp { return engine.At(recordedAt.Add(time.Duration(hours) * time.Hour)) }
	put := func(at time.Duration, body engine.Body) {
		t.Helper()
		data, _, err := engine.Encode(engine.Event{At: recordedAt.Add(at), Actor: engine.Actor{Type: engine.Person, ID: "fay"}, Body: body, Seq: -1})
		if err == nil {
			data, err = journal.Canonical(json.RawMessage(data))
		}
		if err == nil {
			_, err = log.Append(t.Context(), journal.Batch{Stream: "DRL-1", Expect: -1, Records: []journal.Record{{Data: data}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := runbooks.Scenario{ID: "night", Title: "n", Shown: "n", Runbook: "cut", End: runbooks.ScenarioEnd{Max: runbooks.Span(100 * time.Hour)}}
	file, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	put(0, declared("DRL-1"))
	put(1, engine.DrillStarted{Scenario: "night", Title: "n", Digest: strings.Repeat("a", 64), File: engine.Large{Value: file}, Runbook: "cut", RunbookDigest: "d", Pace: 1, Facilitators: []string{"fay"}, Wall: wall(0)})
	put(2, engine.DrillAdvanced{By: runbooks.Span(72 * time.Hour)})
	put(72*time.Hour, engine.DrillEnded{Why: engine.EndFacilitator, Wall: wall(1)})
	for _, tt := range []struct {
		hours int
		want  string
	}{{-1, "none"}, {0, "open"}, {2, "fail"}, {100, "fail"}} {
		cases, unread, err := newPast().drills.cases(t.Context(), "rehearsals", log, wall(tt.hours).Add(time.Second))
		if err != nil || len(unread) > 0 {
			t.Fatal(err, unread)
		}
		got := "none"
		if len(cases) > 0 {
			got = string(cases[0].Drill.Result)
		}
		if got != tt.want {
			t.Errorf("after %d hours: %s, want %s", tt.hours, got, tt.want)
		}
	}
}

// One incident that cannot be read does not hide the others, and is told.
func TestUnreadableIsTold(t *testing.T) {
	cfg, log := house(t, ""), recorded(t)
	log.put(t, "INC-1", declared("INC-1"))
	log.put(t, "INC-2", engine.Resolved{}) // nothing was declared
	in, err := Readiness(t.Context(), cfg, Shelf{}, Records{Live: log}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Incidents) != 1 || len(in.Unread) != 1 || !strings.Contains(in.Unread[0], "INC-2 of live incidents cannot be read") {
		t.Errorf("got %d incidents, unread %q", len(in.Incidents), in.Unread)
	}
	if l := readiness.Make(in); len(l.Notes) != 1 {
		t.Errorf("notes %q", l.Notes)
	}
	log.broken = errors.New("the disk is gone")
	if _, err := Readiness(t.Context(), cfg, Shelf{}, Records{Live: log}, time.Time{}); err == nil {
		t.Error("a journal that cannot be read is no error")
	}
}

// When nobody can tell whether a runbook was rehearsed, it counts as not.
func TestExtraFailsClosed(t *testing.T) {
	cfg, log := house(t, ""), recorded(t)
	shelf := LoadShelf(cfg, Registry(cfg, Options{}, nil))
	p := shelf.Programs[0]
	if x := Extra(t.Context(), cfg, Records{Drills: log}, p); x != nil {
		t.Errorf("without the policy: %+v", x)
	}
	cfg.Readiness.AddsApprover = true
	if x := Extra(t.Context(), cfg, Records{}, p); x == nil || x.Approvers != 1 || x.Why != "last rehearsed never" {
		t.Errorf("without a journal: %+v", x)
	}
	log.broken = errors.New("the disk is gone")
	if x := Extra(t.Context(), cfg, Records{Drills: log}, p); x == nil || x.Approvers != 1 || !strings.Contains(x.Why, "nobody knows") {
		t.Errorf("with a broken journal: %+v", x)
	}
}

// Anybody may ask in a chat, so nothing of a private incident is told there.
func TestLedgerHidesPrivateIncidents(t *testing.T) {
	a, err := Open(t.Context(), house(t, "http://127.0.0.1:1"), Options{Create: true, NoChat: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	say(t, a, "alice", `declare "quiet" --sev 2 --private`)
	say(t, a, "alice", `run leaked-access-key INC-1 access_key_id=AKIAIOSFODNN7EXAMPLE`)
	say(t, a, "alice", `corrective add INC-1 "ask the board" --owner alice --due 2099-01-31`)
	m, err := (&ledgerer{a}).Ledger(t.Context(), "leaked-access-key")
	if err != nil {
		t.Fatal(err)
	}
	if text := m.Parts[0].Code; strings.Contains(text, "ask the board") || strings.Contains(text, "INC-1") || !strings.Contains(text, "leaked-access-key") {
		t.Errorf("the chat is told:\n%s", text)
	}
	in, err := readinessInput(t.Context(), a.Config, a.shelf(), Records{Live: a.Journal}, newPast(), time.Time{})
	if err != nil || len(in.Incidents) != 1 || len(in.Incidents[0].Correctives) != 1 {
		t.Errorf("who runs the server is told %+v, %v", in.Incidents, err)
	}
	if _, err := (&ledgerer{a}).Ledger(t.Context(), "nothing"); err == nil {
		t.Error("a runbook that is not there is shown")
	}
}
