package readiness_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// year is a house with a past: one runbook with a waiver that nobody ends, one
// that was changed since its rehearsal, one that nobody ever used.
func year(t testing.TB) readiness.Input {
	t.Helper()
	waived := func(until string) *runbooks.Program {
		return compile(t, strings.Replace(book, "inputs:\n", "waivers:\n  - {rule: no-budget, reason: it is quick, owner: group:gone, expires: "+until+"}\ninputs:\n", 1))
	}
	first, today := waived("2026-12-31"), waived("2027-12-31")
	unused := edit(t, "id: cut\ntitle: Cut a host off", "id: unused\ntitle: Nobody's", ", escalate: group:leads", "")
	old, new := edit(t, "id: cut\ntitle", "id: wipe\ntitle"), edit(t, "id: cut\ntitle", "id: wipe\ntitle", "quorum: 1", "quorum: 2")
	slow := yes()
	slow.After = 9 * time.Minute
	corrective := func(id, owner, due, text string) engine.Event {
		return engine.Event{Actor: ann, Body: engine.CorrectiveAdded{ID: id, Text: text, Owner: owner, Due: due}}
	}
	second := sim.Act{Verb: sim.Retry, Step: "cut", By: ann, After: time.Minute, Reason: "the right is there now"}
	in := input([]*runbooks.Program{today, unused, new},
		drill(t, 1, first, 300, func(s *tale) {
			s.after = []engine.Event{corrective("C1", "bob", "2026-09-01", "write down who to call"), corrective("C2", "zoe", "2027-09-01", "train the night shift"),
				{Actor: ann, Body: engine.CorrectiveClosed{ID: "C1", How: "wiki"}}, corrective("C3", "zoe", "2027-01-15", "a second approver at night")}
		}),
		drill(t, 2, today, 60, rated(engine.SomeChallenges), func(s *tale) { s.acts = []sim.Act{slow} }),
		drill(t, 3, old, 50),
		drill(t, 4, new, 40, func(s *tale) { s.stop = engine.EndStopWord }),
		drill(t, 5, today, 5, scripted, rated(engine.Unable)),
		live(t, 1, first, 200, func(s *tale) { s.acts = []sim.Act{yes(), keep()} }),
		live(t, 2, today, 30, func(s *tale) {
			s.world = map[string][]sim.Answer{"look": works["look"], "cut": {failing, works["cut"][0]}}
			s.acts = []sim.Act{slow, second, yes()}
			s.extra = &engine.Extra{Approvers: 1, Why: "last rehearsed never"}
			s.acts = append(s.acts, yes(), yes())
			s.acts[3].By, s.acts[4].By = actor("cleo", "leads"), actor("cleo", "leads")
		}),
		live(t, 3, new, 20, func(s *tale) {
			s.acts = []sim.Act{}
			s.after = []engine.Event{{Actor: ann, Body: engine.Refused{Verb: "approve", Code: engine.Expired, Message: "too late"}}, {Actor: ann, Body: engine.Refused{Verb: "run", Code: engine.AlreadyRunning, Message: "it runs"}}}
		}),
		live(t, 4, new, 10, func(s *tale) {
			s.world = map[string][]sim.Answer{"look": works["look"], "cut": {{Unknown: true, Found: "applied"}}}
			other := yes()
			other.By = actor("cleo", "leads")
			s.acts = []sim.Act{yes(), other, {Verb: sim.Applied, Step: "cut", By: ann, After: time.Minute, Reason: "looked"}}
		}),
	)
	in.Policy.CountScripted = true
	store, err := readiness.ReadStore(source([]engine.Event{
		{At: now.AddDate(0, 0, -400), Seq: 1, Actor: engine.Actor{Type: engine.Stranger, Via: "slack:T/U"}, Body: engine.Refused{Verb: "run", Code: engine.NotKnown}},
		{At: now.AddDate(0, 0, -4), Seq: 2, Actor: engine.Actor{Type: engine.Stranger, Via: "slack:T/U"}, Body: engine.Refused{Verb: "run", Code: engine.NotKnown}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	in.Incidents = append(in.Incidents, store)
	in.Scenarios = []*runbooks.Scenario{{ID: "night", Runbook: "cut"}}
	in.Left = []readiness.LeftOut{{File: "broken.yaml", Text: "2 errors; see: firebreak lint broken.yaml"}}
	in.Preflight = map[string]readiness.Preflight{"cut": {At: engine.At(now.AddDate(0, 0, -3)), Result: "ready"}}
	in.Policy.AddsApprover = true
	return in
}

func show(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func indented(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func TestGolden(t *testing.T) {
	in := year(t)
	l, r := readiness.Make(in), readiness.Review(in, now.AddDate(0, 0, -90))
	golden(t, "ledger.txt", show(t, func(b *bytes.Buffer) error { return l.Text(b, false) }))
	golden(t, "ledger.md", show(t, func(b *bytes.Buffer) error { return l.Markdown(b) }))
	golden(t, "ledger.json", show(t, func(b *bytes.Buffer) error { return indented(b, l) }))
	golden(t, "review.txt", show(t, func(b *bytes.Buffer) error { return r.Text(b, false) }))
	golden(t, "review.md", show(t, func(b *bytes.Buffer) error { return r.Markdown(b) }))
	golden(t, "review.json", show(t, func(b *bytes.Buffer) error { return indented(b, r) }))
	empty := readiness.Review(readiness.Input{Now: now}, now.AddDate(0, 0, -90))
	golden(t, "empty.txt", show(t, func(b *bytes.Buffer) error { return empty.Text(b, false) })+show(t, func(b *bytes.Buffer) error { return readiness.Make(readiness.Input{Now: now}).Text(b, false) }))
}

// The order in which cases are read, and the order of programs, changes nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	in := year(t)
	want := show(t, func(b *bytes.Buffer) error { return indented(b, readiness.Make(in)) })
	slices.Reverse(in.Programs)
	slices.Reverse(in.Drills)
	slices.Reverse(in.Incidents)
	for range 5 {
		if d := cmp.Diff(want, show(t, func(b *bytes.Buffer) error { return indented(b, readiness.Make(in)) })); d != "" {
			t.Fatal(d)
		}
	}
}

// A reader of JSON never meets a null list, and an old place never moves.
func TestJSONHasNoNull(t *testing.T) {
	in := year(t)
	for _, v := range []any{readiness.Make(in), readiness.Make(readiness.Input{Now: now, Programs: in.Programs}), readiness.Review(in, now), readiness.Review(readiness.Input{Now: now}, now)} {
		if text := show(t, func(b *bytes.Buffer) error { return indented(b, v) }); strings.Contains(text, "null") {
			t.Errorf("null in:\n%s", text)
		}
	}
}
