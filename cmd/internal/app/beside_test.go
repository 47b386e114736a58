package app

import (
	"context"
	"errors"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
)

// ill is a store of exercises that breaks when it is told to.
type ill struct {
	journal.Log
	err  error         // of everything, from then on
	hang chan struct{} // everything waits for it
}

func (l *ill) wait() error {
	if l.hang != nil {
		<-l.hang
	}
	return l.err
}

func (l *ill) Append(ctx context.Context, b journal.Batch) (journal.Appended, error) {
	if err := l.wait(); err != nil {
		return journal.Appended{}, err
	}
	return l.Log.Append(ctx, b)
}

func (l *ill) Streams(ctx context.Context, open bool) ([]journal.StreamInfo, error) {
	if err := l.wait(); err != nil {
		return nil, err
	}
	return l.Log.Streams(ctx, open)
}

func (l *ill) Read(ctx context.Context, stream string, from int64) iter.Seq2[journal.Entry, error] {
	if err := l.wait(); err != nil {
		return func(yield func(journal.Entry, error) bool) { yield(journal.Entry{}, err) }
	}
	return l.Log.Read(ctx, stream, from)
}

// withDrills is a server whose exercises are kept in log.
func withDrills(t *testing.T, log journal.Log) *App {
	t.Helper()
	cfg := house(t, "")
	a, err := Open(t.Context(), cfg, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Drills.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.Drills, err = openDrills(t.Context(), log, a.shelf, drillOptions{store: "ill", directory: a.directory}); err != nil {
		t.Fatal(err)
	}
	a.Bot = a.newBot()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = a.Close(ctx)
	})
	return a
}

func command(t *testing.T, a *App, who, text string) chatops.Message {
	t.Helper()
	actor, ok := a.Config.Directory.ByOSUser(who, 1000)
	if !ok {
		t.Fatalf("there is no %s", who)
	}
	return a.Bot.Command(t.Context(), chatops.Input{Actor: actor, Text: text})
}

// TestBrokenDrillsHarmNothing lets the store of exercises break and hang while
// one goes on: whatever is live works, and does not wait.
func TestBrokenDrillsHarmNothing(t *testing.T) {
	for _, way := range []struct {
		name   string
		breaks func(*ill)
	}{
		{"refuses", func(l *ill) { l.err = errors.New("input/output error") }},
		{"poisoned", func(l *ill) { l.err = &journal.PoisonedError{Err: errors.New("no space left on device")} }},
		{"hangs", func(l *ill) { l.hang = make(chan struct{}) }},
	} {
		t.Run(way.name, func(t *testing.T) {
			kept, err := mem.New(mem.Options{Org: "acme-drills"})
			if err != nil {
				t.Fatal(err)
			}
			l := &ill{Log: kept}
			a := withDrills(t, l)
			if m := command(t, a, "alice", "drill start leaked-access-key-friday"); m.Failed {
				t.Fatalf("%+v", m)
			}
			if m := command(t, a, "alice", "list"); m.Failed || !strings.Contains(textOf(m), "DRL-1") {
				t.Fatalf("%+v", m)
			}
			way.breaks(l)
			if l.hang != nil {
				defer close(l.hang)
			}
			began := time.Now()
			if l.hang != nil { // somebody waits in the exercise
				alice, _ := a.Config.Directory.ByOSUser("alice", 1000)
				go a.Bot.Command(context.Background(), chatops.Input{Actor: alice, Text: `note DRL-1 "is it slow?"`})
			}
			for _, line := range []string{"list", `declare "it is real" --sev 1`, "list", `note INC-1 "a note"`, "status INC-1", "contained", `resolve INC-1 "over"`} {
				if m := command(t, a, "alice", line); m.Failed {
					t.Errorf("%s: %+v", line, m)
				}
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("live incidents were delayed by %s", took)
			}
			if data, err := os.ReadFile(liveMark(a.Config)); err != nil || strings.TrimSpace(string(data)) != "INC-1" {
				t.Errorf("other terminals were told %q, %v", data, err)
			}
		})
	}
}

// TestDamagedDrillsAreLeftAlone opens a server beside a store of exercises that
// whoever looks at it finds damaged, cannot read, or does not survive.
func TestDamagedDrillsAreLeftAlone(t *testing.T) {
	damaged := bolt.Report{}
	damaged.Findings = []bolt.Finding{{Seq: -1, Kind: bolt.KindDamaged, What: "page 3"}}
	for name, check := range map[string]StoreCheck{
		"damaged": func(context.Context, string, string) (bolt.Report, error) { return damaged, nil },
		"error": func(context.Context, string, string) (bolt.Report, error) {
			return bolt.Report{}, errors.New("it died")
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := house(t, "")
			if err := os.WriteFile(cfg.Rehearsal.Store, []byte("not a store"), 0o600); err != nil {
				t.Fatal(err)
			}
			looked := ""
			a, err := Open(t.Context(), cfg, Options{Create: true, CheckDrills: func(ctx context.Context, path, key string) (bolt.Report, error) {
				looked = path
				return check(ctx, path, key)
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close(t.Context())
			if looked != cfg.Rehearsal.Store || a.Drills != nil {
				t.Errorf("looked at %q, drills %v", looked, a.Drills)
			}
			for _, line := range []string{"list", `declare "it is real" --sev 1`, `note "a note"`, "list"} {
				if m := command(t, a, "alice", line); m.Failed {
					t.Errorf("%s: %+v", line, m)
				}
			}
			if m := command(t, a, "alice", "drill start leaked-access-key-friday"); !m.Failed {
				t.Error("an exercise was begun without a store")
			}
		})
	}
}

// TestPatient does not wait for an exercise that hangs, and does not let it look
// at what its caller has left.
func TestPatient(t *testing.T) {
	slow := slowSide{begin: make(chan struct{}), did: make(chan struct{})}
	p := patient{slow, 20 * time.Millisecond}
	if _, err := p.Submit(t.Context(), engine.Request{}, "DRL-1", "", "", engine.Noted{Text: "x"}); !errors.Is(err, errSlow) {
		t.Error(err)
	}
	looked := false
	if err := p.View(t.Context(), "DRL-1", func(*engine.Incident) { looked = true }); !errors.Is(err, errSlow) {
		t.Error(err)
	}
	close(slow.begin)
	<-slow.did
	if looked {
		t.Error("it looked after its caller had gone")
	}
}

type slowSide struct {
	engine.Incidents
	begin, did chan struct{}
}

func (s slowSide) Submit(context.Context, engine.Request, string, string, string, engine.Body) (engine.Receipt, error) {
	<-s.begin
	return engine.Receipt{}, nil
}

func (s slowSide) View(_ context.Context, _ string, look func(*engine.Incident)) error {
	defer close(s.did)
	<-s.begin
	look(nil)
	return nil
}

// TestWordsForAnExerciseReachNothingLive types on, without naming an incident,
// as if an exercise was not over, and the one that is open is live.
func TestWordsForAnExerciseReachNothingLive(t *testing.T) {
	kept, err := mem.New(mem.Options{Org: "acme-drills"})
	if err != nil {
		t.Fatal(err)
	}
	a := withDrills(t, kept)
	for _, line := range []string{"drill start leaked-access-key-friday", `note "in the exercise"`, `declare "it is real" --sev 1`} {
		if m := command(t, a, "alice", line); m.Failed {
			t.Fatalf("%s: %+v", line, m)
		}
	}
	for _, line := range []string{`note "in the exercise"`, "run leaked-access-key access_key_id=" + leaked, `resolve "over"`} {
		m := command(t, a, "alice", line)
		if !m.Failed || m.Code != engine.NoIncident || !strings.Contains(said(m), "INC-1") {
			t.Errorf("%s: %+v", line, m)
		}
	}
	for _, line := range []string{"status", `note INC-1 "named"`, "timeline"} {
		if m := command(t, a, "alice", line); m.Failed || m.Incident != "INC-1" {
			t.Errorf("%s: %+v", line, m)
		}
	}
}

// TestEveryTableIsTold sets two tables beside a server on which a live incident
// was declared before: neither is stopped by that, and both by the next.
func TestEveryTableIsTold(t *testing.T) {
	cfg := house(t, "")
	a, err := Open(t.Context(), cfg, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	command(t, a, "alice", `declare "before" --sev 1`)
	var tables []*Table
	for range 2 {
		table, err := OpenTable(t.Context(), cfg, a.shelf(), a.shelf().Scenarios[0], false, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close(t.Context())
		if incident, stop := table.Alarm(); stop {
			t.Errorf("%s stops a table that was set after it", incident)
		}
		tables = append(tables, table)
		if len(tables) == 1 {
			command(t, a, "alice", `declare "it is real" --sev 1`)
		}
	}
	if incident, stop := tables[0].Alarm(); !stop || incident != "INC-2" {
		t.Errorf("the first table is told %q, %v", incident, stop)
	}
}

// TestPrivateIncidentStopsQuietly stops an exercise by a private incident, whose
// id its players may not know.
func TestPrivateIncidentStopsQuietly(t *testing.T) {
	kept, err := mem.New(mem.Options{Org: "acme-drills"})
	if err != nil {
		t.Fatal(err)
	}
	a := withDrills(t, kept)
	for _, line := range []string{"drill start leaked-access-key-friday", `declare "an insider" --private`} {
		if m := command(t, a, "alice", line); m.Failed {
			t.Fatalf("%s: %+v", line, m)
		}
	}
	if err := a.Drills.Stage.View(t.Context(), "DRL-1", func(i *engine.Incident) {
		if !i.Drill.Ended || i.Drill.Why != engine.EndLive || strings.Contains(i.Summary, "INC") {
			t.Errorf("ended %v, %s: %q", i.Drill.Ended, i.Drill.Why, i.Summary)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if mark := alarmed(a.Config); mark == "" || strings.Contains(mark, "INC") {
		t.Errorf("other terminals are told %q", mark)
	}
}

func textOf(m chatops.Message) string { return m.Title + " " + said(m) + " " + linesOf(m) }

func linesOf(m chatops.Message) string {
	var b strings.Builder
	for _, p := range m.Parts {
		for _, l := range p.Lines {
			b.WriteString(l.Text + "\n")
		}
	}
	return b.String()
}

// TestTableLeavesOthersAlone sets a table on a store in which people were
// playing beside a server that is gone: it is theirs, and only what was left at
// another table is ended.
func TestTableLeavesOthersAlone(t *testing.T) {
	cfg := house(t, "")
	a, err := Open(t.Context(), cfg, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	shelf := a.shelf()
	if m := command(t, a, "alice", "drill start leaked-access-key-friday"); m.Failed {
		t.Fatalf("%+v", m)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sit := func() (string, error) {
		table, err := OpenTable(t.Context(), cfg, shelf, shelf.Scenarios[0], true, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close(t.Context())
		return table.Start(t.Context(), 1, false)
	}
	if id, err := sit(); err == nil || !strings.Contains(err.Error(), "drill end DRL-1") {
		t.Errorf("began %q, %v", id, err)
	}
	if a, err = Open(t.Context(), cfg, Options{}); err != nil {
		t.Fatal(err)
	}
	if m := command(t, a, "alice", "drill end DRL-1"); m.Failed {
		t.Fatalf("%+v", m)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"DRL-2", "DRL-3"} { // the second finds the first left
		if id, err := sit(); err != nil || id != want {
			t.Errorf("began %q, %v; want %s", id, err, want)
		}
	}
}
