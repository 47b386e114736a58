package readiness_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files")

// The runbook of the tests. Two steps change something; one of them asks people.
const book = `apiVersion: firebreak/v1
kind: Runbook
id: cut
title: Cut a host off
owner: {team: t, contact: "#t", escalate: group:leads}
budget: 20m
steps:
  - id: look
    uses: test.collect
    with: {target: h}
  - id: cut
    title: Cut it off
    uses: test.signal
    with: {target: h, token: secret://env/T}
    approval: {from: [group:leads], quorum: 1, expires: 15m}
    verify: {within: 30s}
    contains: {expires: 4h, ask: [group:leads]}
  - id: say
    manual: {instructions: Tell the owner.}
    if: inputs.tell
inputs:
  tell: {type: bool, default: false}
`

func compile(t testing.TB, src string, called ...*runbooks.Program) *runbooks.Program {
	t.Helper()
	p, found := runbooks.Load("cut.yaml", []byte(src), runbookstest.Catalog(), called...)
	if found.HasErrors() {
		t.Fatal(found)
	}
	return p
}

// edit compiles the book with some of its words replaced.
func edit(t testing.TB, pairs ...string) *runbooks.Program {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(book, pairs[i]) {
			t.Fatalf("the book does not hold %q", pairs[i])
		}
	}
	return compile(t, strings.NewReplacer(pairs...).Replace(book))
}

var (
	now = time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)
	ann = actor("ann")                    // starts runs
	bob = actor("bob", "leads", "oncall") // approves
)

func actor(id string, groups ...string) engine.Actor {
	return engine.Actor{Type: engine.Person, ID: id, Via: "test", Groups: groups}
}

// town is a directory.
type town map[string][]string // groups by person; nil: not active

func (d town) into(in *readiness.Input) {
	in.People = func(id string) ([]string, bool) { groups, ok := d[id]; return groups, ok && groups != nil }
	in.Groups = func(g string) []string {
		var list []string
		for id, groups := range d {
			if slices.Contains(groups, g) || groups == nil && g == "leavers" {
				list = append(list, id)
			}
		}
		slices.Sort(list)
		return list
	}
	in.Starters = []string{"ann", "bob", "cleo"}
}

func usual() town { return town{"ann": {}, "bob": {"leads", "oncall"}, "cleo": {"leads"}} }

var works = map[string][]sim.Answer{
	"look": {{Outputs: json.RawMessage(`{"target":"h"}`)}},
	"cut":  {{Outputs: json.RawMessage(`{"target":"h"}`)}},
}

// tale is what happened in one case.
type tale struct {
	id       string
	at       time.Time
	program  *runbooks.Program
	world    map[string][]sim.Answer
	acts     []sim.Act
	extra    *engine.Extra
	scripted bool
	cut      func(engine.Event) bool         // leaves out facts of a rehearsal; nil: none
	by       func(engine.Actor) engine.Actor // plays the people of a rehearsal; nil: they do
	led      []string                        // facilitators beside fay
	stop     engine.EndReason
	rating   engine.Rating
	after    []engine.Event // facts at the end, without time and place
}

func yes() sim.Act {
	return sim.Act{Verb: sim.Approve, Step: "cut", By: bob, After: 2 * time.Minute}
}
func keep() sim.Act {
	return sim.Act{Verb: sim.Keep, Step: "cut", By: bob, After: time.Minute, Reason: "it is sold"}
}

func (s tale) facilitators() []string { return append([]string{"fay"}, s.led...) }

// events tells it. A rehearsal is the same story under another id, with what
// belongs to one around it.
func (s tale) events(t testing.TB) []engine.Event {
	t.Helper()
	if s.world == nil {
		s.world = works
	}
	if s.acts == nil {
		s.acts = []sim.Act{yes()}
	}
	if engine.IsExercise(s.id) {
		for i := range s.acts {
			s.acts = slices.Clone(s.acts)
			s.acts[i].By.Via = "test"
		}
	}
	inputs, _ := s.program.CheckInputs(nil)
	clock := sim.NewJump(s.at)
	story, err := sim.Play(t.Context(), sim.Setup{
		Program: s.program, Inputs: inputs, Requester: ann, Incident: s.id, Extra: s.extra, Clock: clock, Environment: runbooks.EnvironmentFacts{Name: "prod"},
		World: &sim.Script{Steps: s.world}, People: &sim.Cast{Acts: s.acts},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := story.Events
	if len(story.Incident.Glasses) > 0 && !engine.IsExercise(s.id) { // what is still to come was not written down
		all = slices.DeleteFunc(all, func(e engine.Event) bool { return e.At.After(now) })
	}
	put := func(e engine.Event) { all = append(all, e) }
	last := func() time.Time { return all[len(all)-1].At.Add(time.Second) }
	if engine.IsExercise(s.id) {
		sc := runbooks.Scenario{ID: "night", Title: "A bad night", Shown: "A night", Runbook: s.program.ID, End: runbooks.ScenarioEnd{Max: runbooks.Span(time.Hour)},
			Objectives: []runbooks.Objective{{ID: "contain", Text: "The host is cut off."}}}
		file, err := sc.Encode()
		if err != nil {
			t.Fatal(err)
		}
		pinned, err := runbooks.DecodeScenario(file)
		if err != nil {
			t.Fatal(err)
		}
		started := engine.DrillStarted{Scenario: sc.ID, Title: sc.Title, Digest: pinned.Digest, File: engine.Large{Value: file}, Runbook: s.program.ID, RunbookDigest: s.program.Digest, Pace: 1, Scripted: s.scripted, Facilitators: s.facilitators()}
		all = slices.Insert(slices.Clone(all), 1, engine.Event{At: all[0].At, Actor: actor("fay"), Body: started})
		for i := range all { // the incident is declared and the play begins before the run
			if i > 1 {
				all[i].At = all[i].At.Add(time.Microsecond)
				if b, ok := all[i].Body.(engine.GlassReviewAsked); ok {
					b.Due = engine.At(b.Due.Add(time.Microsecond))
					all[i].Body = b
				}
			}
		}
		if s.stop == "" {
			s.stop = engine.EndFacilitator
		}
		play := all[:2:2]
		for _, e := range all[2:] {
			if s.by != nil && e.Actor.Type == engine.Person {
				e.Actor = s.by(e.Actor)
			}
			if s.cut == nil || !s.cut(e) {
				play = append(play, e)
			}
		}
		if all = play; s.cut != nil {
			put(engine.Event{At: last(), Actor: bob, Body: engine.Noted{Text: "I am here"}})
		}
		if s.by != nil {
			all[0].Actor = actor("fay")
		}
		put(engine.Event{At: last(), Actor: actor("fay"), Body: engine.DrillEnded{Why: s.stop}})
		if s.rating != "" {
			put(engine.Event{At: last(), Actor: actor("fay"), Body: engine.ObjectiveRated{Objective: "contain", Rating: s.rating, Why: "seen"}})
		}
	}
	for _, e := range s.after {
		e.At = last()
		put(e)
	}
	for i := range all {
		all[i].Seq = int64(i)
	}
	return all
}

func (s tale) read(t testing.TB) *readiness.Case {
	t.Helper()
	events := s.events(t)
	c, err := readiness.Read(source(events), readiness.ReadOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func source(events []engine.Event) func() iter.Seq2[engine.Event, error] {
	return func() iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// drill is a rehearsal of a program, so many days ago.
func drill(t testing.TB, n int, p *runbooks.Program, daysAgo int, more ...func(*tale)) *readiness.Case {
	t.Helper()
	s := tale{id: fmt.Sprintf("DRL-%d", n), at: now.AddDate(0, 0, -daysAgo), program: p, rating: engine.Performed}
	for _, f := range more {
		f(&s)
	}
	return s.read(t)
}

func live(t testing.TB, n int, p *runbooks.Program, daysAgo int, more ...func(*tale)) *readiness.Case {
	t.Helper()
	s := tale{id: fmt.Sprintf("INC-%d", n), at: now.AddDate(0, 0, -daysAgo), program: p}
	for _, f := range more {
		f(&s)
	}
	return s.read(t)
}

func rated(r engine.Rating) func(*tale) { return func(s *tale) { s.rating = r } }
func scripted(s *tale)                  { s.scripted = true }

// idle is one in which somebody says something and nobody runs anything.
func idle(s *tale) { s.cut = func(e engine.Event) bool { return e.Run != "" } }

// nobody is one in which the facilitator does all that people do.
func nobody(s *tale) {
	s.by = func(a engine.Actor) engine.Actor { return actor("fay-"+a.ID, a.Groups...) }
	s.led = []string{"fay-ann", "fay-bob"}
}

// table is one that somebody plays with the people of the scenario.
func table(s *tale) {
	s.by = func(a engine.Actor) engine.Actor {
		return rehearsal.Person(runbooks.TestPerson{ID: "part-of-" + a.ID, Groups: a.Groups}, "")
	}
}

// counting counts scripts too.
func counting(in readiness.Input) readiness.Input {
	in.Policy.CountScripted = true
	return in
}

// input is a ledger's, with the usual directory.
func input(programs []*runbooks.Program, cases ...*readiness.Case) readiness.Input {
	in := readiness.Input{Now: now, Programs: programs, Environments: []readiness.Environment{{Name: "prod"}}}
	for _, c := range cases {
		if c.Exercise {
			in.Drills = append(in.Drills, c)
		} else {
			in.Incidents = append(in.Incidents, c)
		}
	}
	usual().into(&in)
	return in
}

func states(in readiness.Input) string {
	var words []string
	for _, r := range readiness.Make(in).Rows {
		var s []string
		for _, one := range r.States {
			s = append(s, string(one))
		}
		words = append(words, strings.Join(s, "+"))
	}
	return strings.Join(words, " ")
}

// reasons are the texts of one state.
func reasons(in readiness.Input, s readiness.State) string {
	var list []string
	for _, r := range readiness.Make(in).Rows {
		for _, one := range r.Reasons {
			if one.State == s {
				list = append(list, one.Text)
			}
		}
	}
	return strings.Join(list, "\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

var failing = sim.Answer{Fails: &engine.Failure{Class: actions.Denied, Message: "no right"}}
