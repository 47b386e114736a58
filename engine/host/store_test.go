package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/host"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// An incident whose doubts cannot be written down is left as it is; the
// others go on.
func TestIncidentThatCannotBeBroughtBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set}\n")
		hang := true
		r.world.usual = func(phase string, _ actions.Call) turn { return turn{hang: hang && phase == "execute"} }
		var ids []string
		for range 3 {
			ids = append(ids, r.start())
		}
		r.until("the effects", func() bool { return r.world.count("execute", "a") == 3 })
		hang = false
		refuses := &refusing{stream: ids[1]}
		r.wrap = func(l journal.Log) journal.Log { refuses.Log = l; return refuses }
		r.crash()
		r.reach(ids[0], "a", engine.StepDone)
		r.reach(ids[2], "a", engine.StepDone)
		if n := r.world.count("execute", "a"); n != 5 {
			t.Errorf("%d effects", n)
		}
		if err := r.host.View(t.Context(), ids[1], func(*engine.Incident) {}); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("the one that cannot be brought back: %v", err)
		}
		if len(r.fatal) > 0 {
			t.Errorf("Fatal was called with %v", r.fatal)
		}
		refuses.stream = ""
		r.reach(ids[1], "a", engine.StepDone)
	})
}

// The journal's time goes on after a restart, whoever writes next, even when
// nothing is open and the clock was set back meanwhile.
func TestJournalTimeAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		id := r.declare()
		r.must("alice", id, "", engine.Resolved{})
		r.jump(-48 * time.Hour)
		r.crash()
		r.declare()
		var last time.Time
		for entry, err := range r.mem.All(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			e, err := engine.Decode(entry.Data, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !e.At.After(last) {
				t.Errorf("%s of %s was written at %s, after %s", e.Kind(), entry.Stream, e.At, last)
			}
			last = e.At
		}
	})
}

// One incident that cannot be read, or does not follow, is left as it is; the
// others go on, and the list shows all of them.
func TestUnreadableIncident(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken int64 // record of INC-1 that is damaged
		body   string
		title  string
	}{
		{"a damaged record", 3, "", "a leak"},
		{"a damaged first record", 0, "", "(this incident cannot be read; see: firebreak verify)"},
		{"a kind from the future", -1, `{"at":"2000-01-01T00:00:00.000000Z","actor":{"type":"engine"},"body":{},"kind":"step.teleported","v":1}`, "a leak"},
		{"a fact that does not follow", -1, `{"actor":{"type":"engine"},"at":"2000-01-01T00:01:00.000000Z","body":{"attempt":7,"epoch":1,"ms":1},"kind":"effect.outcome","run":"R1","step":"block","v":1}`, "a leak"},
		{"no event at all", -1, `{"x":1}`, "a leak"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := &breaking{}
				r := newRig(t, gated)
				var ids []string
				for range 3 {
					ids = append(ids, r.start())
				}
				for _, id := range ids {
					r.reach(id, "block", engine.StepAwaiting)
				}
				r.drop()
				if c.body != "" {
					data, err := journal.Canonical(json.RawMessage(c.body))
					if err != nil {
						t.Fatal(err)
					}
					if _, err := r.mem.Append(t.Context(), journal.Batch{Stream: "INC-1", Expect: -1, Records: []journal.Record{{Data: data}}}); err != nil {
						t.Fatal(err)
					}
				} else {
					r.wrap = broken.over
					broken.set("INC-1", c.broken)
				}
				r.open()
				for _, id := range ids[1:] {
					r.approve("bob", id, "block")
					r.approve("carol", id, "block")
					r.reach(id, "block", engine.StepDone)
				}
				if err := r.submit("bob", "INC-1", "", engine.Noted{Text: "x", Class: engine.Observation}); err == nil || refused(err) != "" {
					t.Errorf("a note on the broken incident: %v", err)
				}
				list, err := r.host.List(t.Context())
				if err != nil {
					t.Fatalf("list: %v", err)
				}
				var got []string
				for _, s := range list {
					got = append(got, s.ID+" "+s.Title)
				}
				if diff := cmp.Diff([]string{"INC-3 a leak", "INC-2 a leak", "INC-1 " + c.title}, got); diff != "" {
					t.Errorf("the list differs (-want +got):\n%s", diff)
				}
				if id := r.declare(); id != "INC-4" {
					t.Errorf("the next incident is %s", id)
				}
			})
		})
	}
}

// Requests of strangers and requests for nothing are on record in the store's
// own stream, which is never open.
func TestRefusalsWithoutAnIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		id := r.declare()
		if err := r.host.Refuse(t.Context(), by("mallory"), "", engine.Refuse(engine.NotKnown, "who is this")); err != nil {
			t.Error(err)
		}
		if err := r.host.Refuse(t.Context(), by("mallory"), id, engine.Refuse(engine.NotAllowed, "not you")); err != nil {
			t.Error(err)
		}
		if err := r.submit("alice", "INC-99", "", engine.Noted{Text: "x"}); refused(err) != engine.NoIncident {
			t.Errorf("a note on no incident: %v", err)
		}
		if _, err := r.host.Declare(t.Context(), by("alice"), " \n", 2, false); refused(err) != engine.Usage {
			t.Errorf("an incident without a title: %v", err)
		}
		if _, err := r.host.Declare(t.Context(), by("alice"), "x", 5, false); refused(err) != engine.Usage {
			t.Errorf("a severity of 5: %v", err)
		}
		if _, err := r.host.Start(t.Context(), by("alice"), id, engine.RunRequest{Runbook: "nope"}); refused(err) != engine.NoRunbook {
			t.Errorf("a runbook that is not there: %v", err)
		}
		if _, err := r.host.Start(t.Context(), by("alice"), id, engine.RunRequest{Runbook: "test", Environment: "mars"}); refused(err) != engine.WrongPlace {
			t.Errorf("an environment that is not there: %v", err)
		}
		if _, err := r.host.Start(t.Context(), by("alice"), id, engine.RunRequest{Runbook: "test", Digest: "0123456789ab"}); refused(err) != engine.PlanChanged {
			t.Errorf("another plan: %v", err)
		}
		r.crash()
		if diff := cmp.Diff([]engine.Code{engine.NotKnown, engine.NoIncident, engine.Usage, engine.Usage}, r.refusals(host.StoreStream)); diff != "" {
			t.Errorf("refusals of the store differ (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]engine.Code{engine.NotAllowed, engine.NoRunbook, engine.WrongPlace, engine.PlanChanged}, r.refusals(id)); diff != "" {
			t.Errorf("refusals of the incident differ (-want +got):\n%s", diff)
		}
		for e := range r.host.Events(t.Context(), host.StoreStream) {
			if e.Actor.Type != engine.Stranger && e.Actor.ID != "alice" {
				t.Errorf("refusal of %+v", e.Actor)
			}
		}
		streams, err := r.mem.Streams(t.Context(), true)
		if err != nil || len(streams) != 1 || streams[0].Name != id {
			t.Errorf("open streams: %v %v", streams, err)
		}
	})
}

// A resolved incident leaves the list of open streams. It can still be listed,
// shown and exported after a restart, and the list reads only its beginning,
// in which its channel stands.
func TestClosedIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := &counting{}
		r := newRig(t, "  - {id: a, uses: t.read}\n", func(r *rig) {
			r.wrap = func(l journal.Log) journal.Log { counts.Log = l; return counts }
		})
		var facts []int
		for n := range 5 {
			id := r.declare()
			if n == 0 {
				r.must("alice", id, "", engine.ChannelBound{Channel: "C1"})
			}
			if _, err := r.host.Start(t.Context(), by("alice"), id, engine.RunRequest{Runbook: "test"}); err != nil {
				t.Fatal(err)
			}
			r.reach(id, "a", engine.StepDone)
			if n == 0 { // what is owed to a channel keeps an incident open
				r.must("alice", id, "", engine.MessagePosted{Ref: "card", Channel: "C1", TS: "1"})
				r.must("alice", id, "", engine.MessagePosted{Ref: "end:R1", Channel: "C1", TS: "2"})
			}
			if n%2 == 0 {
				r.must("alice", id, "", engine.Resolved{Summary: "over"})
			}
			facts = append(facts, len(r.kinds(id)))
		}
		streams, err := r.mem.Streams(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		var open []string
		for _, s := range streams {
			open = append(open, s.Name)
		}
		if diff := cmp.Diff([]string{"INC-2", "INC-4"}, open); diff != "" {
			t.Errorf("open streams differ (-want +got):\n%s", diff)
		}
		counts.read = nil
		r.crash()
		if diff := cmp.Diff(map[string]int{"INC-2": facts[1], "INC-4": facts[3]}, counts.read); diff != "" {
			t.Errorf("what a restart read differs (-want +got):\n%s", diff)
		}
		counts.read = nil
		list, err := r.host.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"INC-1": 2, "INC-3": 8, "INC-5": 8}, counts.read); diff != "" {
			t.Errorf("what the list read differs (-want +got):\n%s", diff)
		}
		var got []string
		for _, s := range list {
			got = append(got, fmt.Sprintf("%s %s %s resolved=%v channel=%q", s.ID, s.By, s.Title, s.Resolved, s.Channel))
		}
		want := []string{`INC-5 alice a leak resolved=true channel=""`, `INC-4 alice a leak resolved=false channel=""`, `INC-3 alice a leak resolved=true channel=""`,
			`INC-2 alice a leak resolved=false channel=""`, `INC-1 alice a leak resolved=true channel="C1"`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the list differs (-want +got):\n%s", diff)
		}
		r.view("INC-1", func(i *engine.Incident) {
			if !i.Resolved || i.Summary != "over" || len(i.Runs) != 1 {
				t.Errorf("shown: %+v", i)
			}
		})
		if n := len(r.kinds("INC-1")); n != facts[0] {
			t.Errorf("%d facts exported, want %d", n, facts[0])
		}
		err = r.submit("alice", "INC-1", "a", engine.UndoRequested{})
		if refused(err) != engine.IsResolved {
			t.Errorf("an undo in a resolved incident: %v", err)
		}
		r.must("alice", "INC-1", "", engine.Noted{Text: "one more thing", Class: engine.Observation})
		r.must("alice", "INC-1", "", engine.ExportMade{Format: "bundle", SHA256: "0"})
		if streams, _ = r.mem.Streams(t.Context(), true); len(streams) != 2 {
			t.Errorf("%d streams are open after a note on a closed incident", len(streams))
		}
		if id := r.declare(); id != "INC-6" {
			t.Errorf("the next incident is %s", id)
		}
	})
}

// Many people ask for the same closed incident at once: it gets one owner.
func TestOneOwnerForAClosedIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.read}\n")
		id := r.start()
		r.reach(id, "a", engine.StepDone)
		r.must("alice", id, "", engine.Resolved{})
		r.crash()
		var group sync.WaitGroup
		for n := range 40 {
			group.Go(func() {
				if err := r.submit("alice", id, "", engine.Noted{Text: fmt.Sprint(n), Class: engine.Observation}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := r.tally(id, "note.added"); n != 40 || len(r.fatal) > 0 {
			t.Errorf("%d notes on record, Fatal %v", n, r.fatal)
		}
	})
}

// A run pins its program: editing or deleting the runbook does not touch it.
func TestRunbookIsPinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gated)
		id := r.start()
		r.reach(id, "block", engine.StepAwaiting)
		programs := compile(t, r.options.Registry, "  - {id: other, uses: t.read}\n")
		r.options.Programs = func() (list []*runbooks.Program) { return append(list, programs) }
		r.crash()
		r.approve("bob", id, "block")
		r.approve("carol", id, "block")
		r.reach(id, "block", engine.StepDone)
		r.must("alice", id, "", engine.Resolved{})
		next := r.start()
		r.reach(next, "other", engine.StepDone)
	})
}

// A protected target and a floor of the environment hold in a run that was
// started under them.
func TestEnvironmentHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "  - {id: a, uses: t.set, on_failure: continue, with: {target: vault}}\n  - {id: b, uses: t.set}\n", func(r *rig) {
			quick := time.Duration(0)
			r.options.Environments[0].Protected = []string{"host:vault*"}
			r.options.Environments[0].Floor = &engine.Floor{Effect: actions.Reversible, From: []string{"group:leads"}, Quorum: 1}
			r.options.Environments[0].Settle = &quick
		})
		id := r.start()
		r.reach(id, "a", engine.StepFailed)
		r.reach(id, "b", engine.StepAwaiting)
		began := time.Now()
		r.approve("bob", id, "b")
		r.reach(id, "b", engine.StepDone)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s although nothing has to settle here", took)
		}
		if r.world.is("vault") != "up" {
			t.Error("the protected target was touched")
		}
		if words := r.kinds(id); slices.Contains(words, "approval.requested a") {
			t.Errorf("people were asked about a protected target: %v", words)
		}
		r.audit(id)
	})
}
