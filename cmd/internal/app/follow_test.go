package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
)

// newsroom is an app with a commander, an auditor, an admin and a responder.
func newsroom(t *testing.T) *App {
	t.Helper()
	cfg := house(t, "")
	cfg.Directory.People = append(cfg.Directory.People,
		chatops.PersonEntry{ID: "aude", OSUser: "aude", Roles: []chatops.Role{chatops.Auditor}},
		chatops.PersonEntry{ID: "adam", OSUser: "adam", Roles: []chatops.Role{chatops.Admin}})
	a, err := Open(t.Context(), cfg, Options{Create: true, NoChat: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	return a
}

func person(t *testing.T, a *App, id string) engine.Actor {
	t.Helper()
	actor, ok := a.Config.Directory.ByOSUser(id, 1000)
	if !ok {
		t.Fatalf("there is no %s", id)
	}
	return actor
}

// told cuts what was sent into the type and the incident of each line.
func toldLines(t *testing.T, lines []byte) []string {
	t.Helper()
	var list []string
	for line := range bytes.Lines(lines) {
		var m struct{ Type, Incident string }
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, m.Incident+" "+m.Type)
	}
	return list
}

func TestFollowTellsAsItIsWritten(t *testing.T) {
	a := newsroom(t)
	say(t, a, "alice", `declare "first" --sev 2`)
	came := make(chan local.Batch)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- a.follow(ctx, person(t, a, "alice"), local.Follow{Format: "jsonl"}, func(b local.Batch) error {
			came <- b
			return nil
		})
	}()
	next := int64(0)
	until := func(want ...string) {
		t.Helper()
		var got []string
		for len(got) < len(want) {
			b := <-came
			if b.Origin != a.Journal.Origin() || b.Next < next {
				t.Errorf("batch of %s up to %d after %d", b.Origin, b.Next, next)
			}
			next = b.Next
			got = append(got, toldLines(t, b.Lines)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	until("INC-1 incident.declared")
	say(t, a, "bob", `note INC-1 "seen"`)
	until("INC-1 note.added")
	say(t, a, "bob", `declare "secret" --sev 1 --private`)
	say(t, a, "bob", `note INC-2 "quiet"`)
	say(t, a, "bob", `note INC-1 "loud"`)
	until("INC-1 note.added")
	stop()
	for {
		select {
		case b := <-came:
			if len(b.Lines) > 0 {
				t.Errorf("a line of something else: %s", b.Lines)
			}
			continue
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ends with %v", err)
			}
		}
		break
	}
}

func TestWhoMayFollowWhat(t *testing.T) {
	a := newsroom(t)
	say(t, a, "alice", `declare "open" --sev 2`)
	say(t, a, "bob", `declare "secret" --sev 1 --private`)
	say(t, a, "bob", `note INC-2 "quiet"`)
	say(t, a, "bob", `note INC-1 "loud"`)
	follow := func(who engine.Actor, f local.Follow) ([]string, error) {
		var out bytes.Buffer
		f.Once = true
		err := a.follow(t.Context(), who, f, func(b local.Batch) error {
			out.Write(b.Lines)
			return nil
		})
		return toldLines(t, out.Bytes()), err
	}
	public := []string{"INC-1 incident.declared", "INC-1 note.added"}
	all := []string{"INC-1 incident.declared", "INC-2 incident.declared", "INC-2 note.added", "INC-1 note.added"}
	for who, want := range map[string][]string{"alice": public, "aude": all, "adam": all, "bob": nil} {
		got, err := follow(person(t, a, who), local.Follow{Format: "jsonl"})
		if (err == nil) != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", who, got, err, want)
		}
	}
	if got, err := follow(person(t, a, "alice"), local.Follow{Format: "jsonl", Incident: "INC-2"}); err != nil || len(got) != 0 {
		t.Errorf("the private incident by name: %q, %v", got, err)
	}
	if got, err := follow(person(t, a, "aude"), local.Follow{Format: "jsonl", Incident: "INC-2"}); err != nil || !slices.Equal(got, all[1:3]) {
		t.Errorf("one incident: %q, %v", got, err)
	}
	if _, err := follow(engine.Actor{Type: engine.Stranger, Via: "cli:eve/9"}, local.Follow{Format: "jsonl"}); err == nil {
		t.Error("a stranger follows")
	}
	refused := 0
	for entry, err := range a.Journal.Read(t.Context(), host.StoreStream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(entry.Data), "export --follow") {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d refusals are written down, want those of bob and the stranger", refused)
	}
	head, err := a.Journal.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		f    local.Follow
		want string
	}{
		{local.Follow{Format: "md"}, "cannot be followed; those that can: jsonl, ocsf, timesketch"},
		{local.Follow{Format: "ocsf", OCSF: "7"}, "known: 1.8, 1.9"},
		{local.Follow{Format: "jsonl", Incident: "store"}, "is no incident"},
		{local.Follow{Format: "jsonl", From: head.Size + 1}, "rolled back or is another one"},
		{local.Follow{Format: "jsonl", Origin: "firebreak/other/1/1"}, "is one of journal firebreak/other/1/1 and this is"},
	} {
		if _, err := follow(person(t, a, "aude"), tt.f); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.f, err, tt.want)
		}
	}
}

// Somebody who reads slowly, or not at all, holds up nobody who writes.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	a := newsroom(t)
	say(t, a, "alice", `declare "busy" --sev 2`)
	stuck, free := make(chan bool), make(chan bool)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var lines atomic.Int64
	go func() {
		done <- a.follow(ctx, person(t, a, "aude"), local.Follow{Format: "jsonl"}, func(b local.Batch) error {
			if len(b.Lines) > 0 && lines.Load() == 0 {
				stuck <- true
				<-free
			}
			if lines.Add(int64(bytes.Count(b.Lines, []byte("\n")))) == 101 {
				stop()
			}
			return nil
		})
	}()
	<-stuck
	for n := range 100 {
		say(t, a, "bob", fmt.Sprintf(`note INC-1 "note %d"`, n))
	}
	close(free)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	if lines.Load() != 101 {
		t.Errorf("%d lines were told, want 101", lines.Load())
	}
}

// However a reader is cut off, and wherever it comes back, it misses nothing,
// and what it gets is what somebody gets who was never cut off.
func TestFollowMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log, err := mem.New(mem.Options{})
		if err != nil {
			t.Fatal(err)
		}
		incidents := rapid.IntRange(1, 5).Draw(t, "incidents")
		began := map[int]bool{}
		for n := range rapid.IntRange(1, 60).Draw(t, "facts") {
			i := rapid.IntRange(1, incidents).Draw(t, "incident")
			body := engine.Body(engine.Noted{Text: fmt.Sprint("note ", n), Class: engine.Observation})
			if !began[i] {
				began[i] = true
				body = engine.Declared{ID: fmt.Sprintf("INC-%d", i), Title: "x", Severity: 2, Private: i == 4, Store: "S"}
			}
			stream := fmt.Sprintf("INC-%d", i)
			if i == 5 {
				stream, body = host.StoreStream, engine.Refused{Verb: "run", Code: engine.NotKnown, Message: "no"}
			}
			data, _, err := engine.Encode(engine.Event{Actor: engine.Actor{Type: engine.Person, ID: "alice"}, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			canonical, err := journal.Canonical(json.RawMessage(data))
			if err != nil {
				t.Fatal(err)
			}
			b := journal.Batch{Stream: stream, Expect: -1, Records: []journal.Record{{Data: canonical}}, Close: rapid.IntRange(0, 9).Draw(t, "close") == 0}
			if _, err := log.Append(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		format := rapid.SampledFrom([]string{"jsonl", "timesketch", "ocsf"}).Draw(t, "format")
		read := func(from int64, batches int) (lines []byte, next int64) {
			enough := errors.New("enough")
			x := &follower{log: log, facts: rapid.IntRange(1, 20).Draw(t, "piece"), f: local.Follow{Format: format, From: from, Once: true}, sees: func() (privates, error) { return withoutPrivate, nil }}
			err := x.run(context.Background(), func(b local.Batch) error {
				if batches--; batches < 0 {
					return enough
				}
				lines, next = append(lines, b.Lines...), b.Next
				return nil
			})
			if err != nil && !errors.Is(err, enough) {
				t.Fatal(err)
			}
			return lines, next
		}
		whole, end := read(0, 1000)
		if bytes.Contains(whole, []byte(`"INC-4"`)) {
			t.Fatal("the private incident is told")
		}
		from := rapid.Int64Range(0, end).Draw(t, "from")
		rest, _ := read(from, 1000)
		if !bytes.HasSuffix(whole, rest) {
			t.Fatalf("from %d on other lines are told:\n%s\nwant the end of\n%s", from, rest, whole)
		}
		cut, next := read(0, rapid.IntRange(1, 5).Draw(t, "batches"))
		rest, _ = read(next, 1000)
		if got := append(cut, rest...); !bytes.Equal(got, whole) {
			t.Fatalf("cut off at %d and gone on there:\n%s\nwant\n%s", next, got, whole)
		}
		rest, _ = read(from, 1000)
		before := 0
		for entry, err := range log.All(context.Background(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if entry.Seq < from && strings.HasPrefix(entry.Stream, "INC-") && entry.Stream != "INC-4" {
				before++
			}
		}
		if got := bytes.Count(whole, []byte("\n")) - bytes.Count(rest, []byte("\n")); got != before {
			t.Fatalf("from %d on %d lines are left out, want %d", from, got, before)
		}
	})
}

// More incidents at once than are remembered are told all the same.
func TestFollowManyIncidents(t *testing.T) {
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		for i := range maxFeeds + 10 {
			id := fmt.Sprintf("INC-%d", i+1)
			body := engine.Body(engine.Noted{Text: "n", Class: engine.Observation})
			if round == 0 {
				body = engine.Declared{ID: id, Title: "x", Severity: 2, Store: "S"}
			}
			data, _, err := engine.Encode(engine.Event{Actor: engine.TheEngine, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			canonical, err := journal.Canonical(json.RawMessage(data))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := log.Append(t.Context(), journal.Batch{Stream: id, Expect: -1, Records: []journal.Record{{Data: canonical}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	lines, most := 0, 0
	x := &follower{log: log, f: local.Follow{Format: "ocsf", OCSF: "1.9", Once: true}, sees: func() (privates, error) { return withPrivate, nil }}
	err = x.run(t.Context(), func(b local.Batch) error {
		lines, most = lines+bytes.Count(b.Lines, []byte("\n")), max(most, len(x.feeds))
		return nil
	})
	if err != nil || lines != 3*(maxFeeds+10) || most > maxFeeds {
		t.Errorf("%d lines with %d incidents remembered, %v", lines, most, err)
	}
}

// A right that is taken away ends what it allowed.
func TestFollowEndsWithTheRight(t *testing.T) {
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWaking(log)
	asked := 0
	gone := engine.Refuse(engine.NotAllowed, "no more")
	x := &follower{log: w, changed: w.changed, f: local.Follow{Format: "jsonl"}, sees: func() (privates, error) {
		if asked++; asked > 2 {
			return "", gone
		}
		return withPrivate, nil
	}}
	err = x.run(t.Context(), func(local.Batch) error {
		_, err := w.Append(t.Context(), journal.Batch{Stream: "other", Expect: -1, Records: []journal.Record{{Data: []byte(`{"a":1}`)}}})
		return err
	})
	if !errors.Is(err, error(gone)) {
		t.Errorf("it ends with %v", err)
	}
}

func TestWaking(t *testing.T) {
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWaking(log)
	before := w.changed()
	select {
	case <-before:
		t.Fatal("something is new in an empty journal")
	default:
	}
	if _, err := w.Append(t.Context(), journal.Batch{Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: []byte(`{}`)}}}); err != nil {
		t.Fatal(err)
	}
	<-before
	select {
	case <-w.changed():
		t.Error("who asks after the commit is woken by it")
	default:
	}
}
