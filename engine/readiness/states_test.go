package readiness_test

import (
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func one(p *runbooks.Program) []*runbooks.Program { return []*runbooks.Program{p} }

// Every state is reached by what really happened, and by nothing less.
func TestStates(t *testing.T) {
	p := compile(t, book)
	stricter := edit(t, "quorum: 1", "quorum: 2")
	commented := compile(t, "# reviewed\n"+book+"# and nothing else\n")
	for _, tt := range []struct {
		name string
		in   readiness.Input
		want string
	}{
		{"fresh", input(one(p), drill(t, 1, p, 10)), "fresh"},
		{"fresh by a script, where that counts", counting(input(one(p), drill(t, 1, p, 10, scripted))), "fresh"},
		{"failing by a script, where that counts", counting(input(one(p), drill(t, 2, p, 10, scripted, rated(engine.Unable)))), "failing"},
		{"never, by its script alone", input(one(p), drill(t, 1, p, 10, scripted)), "never"},
		{"a script does not refresh it", input(one(p), drill(t, 1, p, 181), drill(t, 2, p, 10, scripted)), "stale"},
		{"never, by facilitators alone", input(one(p), drill(t, 1, p, 10, nobody)), "never"},
		{"never, without a run", input(one(p), drill(t, 1, p, 10, idle)), "never"},
		{"failing, without a run", input(one(p), drill(t, 1, p, 10, idle, rated(engine.Unable))), "failing"},
		{"fresh at one terminal, by people who are not in the directory", input(one(p), drill(t, 1, p, 10, table)), "fresh"},
		{"a comment changes nothing", input(one(commented), drill(t, 1, p, 10)), "fresh"},
		{"never", input(one(p)), "never"},
		{"never, for another runbook", input(one(p), drill(t, 1, edit(t, "id: cut\ntitle", "id: other\ntitle"), 10)), "never"},
		{"never, when it was cut short", input(one(p), drill(t, 1, p, 10, func(s *tale) { s.stop = engine.EndLive })), "never"},
		{"never, by a live run alone", input(one(p), live(t, 1, p, 10)), "never"},
		{"a partial one counts", input(one(p), drill(t, 1, p, 10, rated(engine.SomeChallenges))), "fresh"},
		{"failing", input(one(p), drill(t, 1, p, 20), drill(t, 2, p, 10, rated(engine.Unable))), "failing"},
		{"failing only", input(one(p), drill(t, 2, p, 10, rated(engine.Unable))), "failing"},
		{"passed again", input(one(p), drill(t, 1, p, 20, rated(engine.Unable)), drill(t, 2, p, 10)), "fresh"},
		{"the order is that of time", input(one(p), drill(t, 2, p, 10), drill(t, 1, p, 20, rated(engine.Unable))), "fresh"},
		{"failing by rate", input(one(p), drill(t, 1, p, 30, rated(engine.Unable)), drill(t, 2, p, 20, rated(engine.Unable)), drill(t, 3, p, 10)), "failing"},
		{"an old failure is not among the last", func() readiness.Input {
			in := input(one(p), drill(t, 1, p, 30, rated(engine.Unable)), drill(t, 2, p, 20, rated(engine.Unable)), drill(t, 3, p, 10))
			in.Policy.Last = 1
			return in
		}(), "fresh"},
		{"drifted", input(one(stricter), drill(t, 1, p, 10)), "drifted"},
		{"drifted and failing", input(one(stricter), drill(t, 1, p, 20), drill(t, 2, stricter, 10, rated(engine.Unable))), "failing+drifted"},
		{"rehearsed again", input(one(stricter), drill(t, 1, p, 20), drill(t, 2, stricter, 10, func(s *tale) {
			s.acts = append(s.acts, yes(), yes())
			s.acts[1].By = actor("cleo", "leads")
		})), "fresh"},
		{"stale", input(one(p), drill(t, 1, p, 181)), "stale"},
		{"not stale on the last day", input(one(p), drill(t, 1, p, 180)), "fresh"},
		{"stale and drifted", input(one(stricter), drill(t, 1, p, 200)), "drifted+stale"},
		{"orphaned", input(one(edit(t, "escalate: group:leads", "escalate: group:gone")), drill(t, 1, edit(t, "escalate: group:leads", "escalate: group:gone"), 10)), "orphaned"},
		{"blocked", input(one(edit(t, "quorum: 1", "quorum: 3"))), "blocked+never"},
		{"blocked, for whoever starts it", input(one(edit(t, "quorum: 1", "quorum: 2"))), "never"}, // ann can start it
		{"blocked, because lint refuses it", func() readiness.Input {
			in := input(one(p), drill(t, 1, p, 10))
			in.Refused = map[string]string{p.Digest: "2 errors"}
			return in
		}(), "blocked"},
		{"a clock that is ahead", input(one(p), drill(t, 1, p, -2)), "fresh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := states(tt.in); got != tt.want {
				t.Errorf("got %s, want %s; failing: %s; drifted: %s", got, tt.want, reasons(tt.in, readiness.Failing), reasons(tt.in, readiness.Drifted))
			}
		})
	}
}

// Who is blocked is counted with people as they are: active, once each, and
// without whoever starts the run.
func TestBlocked(t *testing.T) {
	p := edit(t, "quorum: 1", "quorum: 2")
	for _, tt := range []struct {
		name string
		set  func(*readiness.Input)
		want string
	}{
		{"enough, when ann starts it", func(*readiness.Input) {}, ""},
		{"one has left", func(in *readiness.Input) {
			d := usual()
			delete(d, "cleo")
			d.into(in)
		}, `step "cut", the undo of step "cut" need 2 people to approve, and 1 person can: group:leads`},
		{"one is not active", func(in *readiness.Input) {
			d := usual()
			groups := in.Groups
			d["cleo"] = nil
			d.into(in)
			in.Groups = groups
		}, `need 2 people to approve, and 1 person can`},
		{"only they may start it", func(in *readiness.Input) { in.Starters = []string{"bob", "cleo"} }, `need 2 people to approve, and no more can (bob, cleo): everybody who may start the run is one of them`},
		{"a floor", func(in *readiness.Input) {
			in.Environments[0].Floor = &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 3}
		}, `need 3 people to approve, and 2 people can`},
		{"a floor of a place where it may not run", func(in *readiness.Input) {
			in.Programs = one(compile(t, strings.Replace(book, "budget: 20m", "budget: 20m\nenvironments: [dev]", 1)))
			in.Environments[0].Floor = &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 3}
		}, ""},
		{"the additional approver", func(in *readiness.Input) { in.Policy.AddsApprover = true }, `need 3 people to approve, and 2 people can: group:leads (1 more than usual: last rehearsed never)`},
		{"nobody can sign", func(in *readiness.Input) {
			in.Programs = one(compile(t, strings.Replace(book, "quorum: 1", "quorum: 1, step_up: true", 1)))
			in.Signs = func(string) bool { return false }
		}, `need 1 person to approve, and nobody active with a key to sign with can`},
		{"those of an escalation can", func(in *readiness.Input) {
			in.Programs = one(compile(t, strings.Replace(book, "quorum: 1", "quorum: 3, escalate: {after: 5m, to: [person:ann]}", 1)))
			in.Starters = []string{"dan"}
		}, ""},
		{"the same person twice", func(in *readiness.Input) {
			in.Programs = one(compile(t, strings.Replace(book, "[group:leads], quorum: 1", "[group:leads, person:bob, group:oncall], quorum: 3", 1)))
		}, `need 3 people to approve, and 2 people can`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(one(p))
			tt.set(&in)
			got := reasons(in, readiness.Blocked)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	in := input(one(p))
	if notes := strings.Join(readiness.Make(in).Rows[0].Notes, "\n"); !strings.Contains(notes, `step "cut", the undo of step "cut" cannot be approved when the run is started by bob or cleo`) {
		t.Errorf("notes: %q", notes)
	}
	in.People = nil
	if l := readiness.Make(in); l.Rows[0].State != readiness.Never || len(l.Notes) == 0 {
		t.Errorf("without a directory: %v, notes %q", l.Rows[0].States, l.Notes)
	}
}

func TestOrphaned(t *testing.T) {
	for owner, want := range map[string]string{
		`{team: t, contact: "#t", escalate: group:leads}`:                                 "",
		`{team: t, contact: "#t", escalate: group:gone}`:                                  "its owner group:gone (escalate) is not in the directory",
		`{team: t, contact: "#t", escalate: group:leavers}`:                               "its owner group:leavers (escalate) has nobody active",
		`{team: t, contact: "person:zoe", escalate: group:leads}`:                         "its owner person:zoe (contact) is not in the directory",
		`{team: t, contact: "#t"}`:                                                        "",
		`{team: t, contact: "person:zoe", escalate: "group:gone"}`:                        "its owner group:gone (escalate) is not in the directory\nits owner person:zoe (contact) is not in the directory",
		`{team: t, contact: "person:bob", escalate: "group:leads"} # and nothing is left`: "",
	} {
		in := input(one(compile(t, strings.Replace(book, `{team: t, contact: "#t", escalate: group:leads}`, owner, 1))))
		d := usual()
		d["old"] = nil
		d.into(&in)
		if got := reasons(in, readiness.Orphaned); got != want {
			t.Errorf("%s: got %q, want %q", owner, got, want)
		}
	}
	in := input(one(compile(t, strings.Replace(book, `, escalate: group:leads}`, "}", 1))))
	if notes := strings.Join(readiness.Make(in).Rows[0].Notes, "\n"); !strings.Contains(notes, "names nobody of the directory") {
		t.Errorf("notes: %q", notes)
	}
}

// One more approver: for every state that means that the runbook was not
// rehearsed as it is, and only when the policy says so.
func TestExtra(t *testing.T) {
	p, other := compile(t, book), edit(t, "quorum: 1", "quorum: 2")
	for _, tt := range []struct {
		name string
		in   readiness.Input
		want string
	}{
		{"fresh", input(one(p), drill(t, 1, p, 10)), ""},
		{"never", input(one(p)), "last rehearsed never"},
		{"drifted", input(one(other), drill(t, 1, p, 10)), "last rehearsed 2027-05-22 in DRL-1: drifted (1 change)"},
		{"stale", input(one(p), drill(t, 1, p, 400)), "last rehearsed 2026-04-27 in DRL-1: stale"},
		{"failing", input(one(p), drill(t, 1, p, 10, rated(engine.Unable))), "last rehearsed 2027-05-22 in DRL-1: failing"},
		{"orphaned alone", input(one(edit(t, "escalate: group:leads", "escalate: group:gone")), drill(t, 1, edit(t, "escalate: group:leads", "escalate: group:gone"), 10)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readiness.Extra(tt.in, tt.in.Programs[0]); got != nil {
				t.Errorf("without the policy: %+v", got)
			}
			tt.in.Policy.AddsApprover = true
			got := readiness.Extra(tt.in, tt.in.Programs[0])
			if (got == nil) != (tt.want == "") || got != nil && (got.Why != tt.want || got.Approvers != 1) {
				t.Errorf("got %+v, want %q", got, tt.want)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	p := compile(t, book)
	in := input(one(p), drill(t, 1, p, 10))
	in.Policy.MaxAge = 9 * 24 * time.Hour
	if got := states(in); got != "stale" {
		t.Errorf("with a shorter age: %s", got)
	}
	in = input(one(p), drill(t, 1, p, 20, rated(engine.Unable)), drill(t, 2, p, 10))
	in.Policy.MinPass = 60
	if got := states(in); got != "failing" {
		t.Errorf("with a higher rate: %s", got)
	}
	for text, want := range map[string]string{"": "", "stale, drifted": "drifted stale", "any": "blocked failing orphaned never drifted stale", "never,never": "never", "fresh": "!", "stale;": "!", "old": "!"} {
		list, err := readiness.ParseStates(text)
		var words []string
		for _, s := range list {
			words = append(words, string(s))
		}
		got := strings.Join(words, " ")
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
}
