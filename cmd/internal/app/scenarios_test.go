package app

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/library"
)

// story is a scenario of the library with the runbook that it rehearses.
type story struct {
	*runbooks.Scenario
	program *runbooks.Program
}

// libraryStories loads the scenarios of the library, sorted by id.
func libraryStories(t testing.TB) []story {
	t.Helper()
	shelf := LoadFiles(LibraryFiles(), Registry(nil, Options{}, nil), nil)
	for _, d := range shelf.Faults {
		t.Errorf("%s:%d:%d: %s [%s]", d.File, d.Pos.Line, d.Pos.Col, d.Message, d.Rule)
	}
	var list []story
	for _, s := range shelf.Scenarios {
		i := slices.IndexFunc(shelf.Programs, func(p *runbooks.Program) bool { return p.ID == s.Runbook })
		list = append(list, story{s, shelf.Programs[i]})
	}
	if len(list) != len(library.Scenarios()) {
		t.Fatalf("%d of %d scenarios can be played", len(list), len(library.Scenarios()))
	}
	return list
}

// typist types as people do: by the grammar and the policy of the chat.
func typist(s *runbooks.Scenario) func(context.Context, *rehearsal.Stage, string, runbooks.ScriptLine, engine.Actor) error {
	dir := &chatops.Directory{Groups: map[string][]string{}}
	for _, p := range append(slices.Clone(s.People), s.Facilitator) {
		dir.People = append(dir.People, chatops.PersonEntry{ID: p.ID, Identities: p.Identities})
		for _, g := range p.Groups {
			dir.Groups[g] = append(dir.Groups[g], p.ID)
		}
	}
	return func(ctx context.Context, st *rehearsal.Stage, id string, line runbooks.ScriptLine, actor engine.Actor) error {
		bot := chatops.NewBot(chatops.Options{
			Incidents: st, Directory: func() *chatops.Directory { return dir }, Policy: chatops.DefaultPolicy(),
			Now: func() (now time.Time) {
				if err := st.View(ctx, id, func(i *engine.Incident) { now = i.Now }); err != nil {
					panic(err)
				}
				return now
			},
		})
		m := bot.Command(ctx, chatops.Input{Actor: actor, Text: line.Type})
		if !m.Failed && !m.Usage {
			return nil
		}
		words := []string{m.Title}
		for _, p := range m.Parts {
			words = append(words, p.Text)
		}
		return errors.New(strings.Join(words, " "))
	}
}

// play plays a scenario by its script and scores it.
func (one story) play(t testing.TB) (*rehearsal.Played, *score.Result) {
	t.Helper()
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	played, err := rehearsal.Play(t.Context(), rehearsal.PlayOptions{Scenario: one.Scenario, Program: one.program, Type: typist(one.Scenario), Journal: log})
	if err != nil {
		t.Fatal(err)
	}
	r, err := score.Score(facts(played.Events), score.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return played, r
}

func facts(list []engine.Event) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestLibraryScenarios plays each scenario by its script: to the end that it
// states, every line followed, every objective shown, and the same each time.
func TestLibraryScenarios(t *testing.T) {
	for _, one := range libraryStories(t) {
		t.Run(one.ID, func(t *testing.T) {
			played, r := one.play(t)
			for _, fault := range slices.Concat(played.Faults, played.Findings) {
				t.Error(fault)
			}
			if r.Drill.Ended != string(engine.EndCondition) {
				t.Errorf("it ended by %q (%s), not by its condition %q", r.Drill.Ended, r.Drill.EndText, one.End.When)
			}
			for _, o := range r.Aims {
				switch {
				case o.State != score.Holds && o.Check != "":
					t.Errorf("objective %s %s: %s %s %v", o.ID, o.State, o.Check, o.Problem, o.Readings)
				case o.Final == "":
					t.Errorf("objective %s has no rating; let the facilitator give one in the script", o.ID)
				}
			}
			for _, x := range r.Expect {
				if x.State != score.Met {
					t.Errorf("expectation %d of inject %s is %s: %s", x.N, x.Inject, x.State, x.Text)
				}
			}
			for _, in := range r.Drill.Injects {
				if in.State != "delivered" {
					t.Errorf("inject %s is %s", in.ID, in.State)
				}
			}
			want := score.Pass
			if slices.ContainsFunc(r.Aims, func(o score.Objective) bool { return o.Final == engine.SomeChallenges }) {
				want = score.Partial
			}
			if r.Outcome != want {
				t.Errorf("the outcome is %s, want %s: %s", r.Outcome, want, strings.Join(r.Why, "; "))
			}
			again, _ := one.play(t)
			if diff := cmp.Diff(played.Head, again.Head); diff != "" {
				t.Errorf("the same play left another record: first -, second +\n%s", diff)
			}
		})
	}
}
