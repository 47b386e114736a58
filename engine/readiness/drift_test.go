package readiness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func driftOf(in readiness.Input) string {
	var list []string
	for _, d := range readiness.Make(in).Rows[0].Drift {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s: %s", d.Kind, d.Step, d.Text)))
	}
	return strings.Join(list, "\n")
}

// Drift names the step, and what is different about it.
func TestDriftByStep(t *testing.T) {
	p := compile(t, book)
	newer := compile(t, book)
	newer.Steps[1].ActionVersion, newer.Digest = 2, strings.Repeat("a", 64)
	for _, tt := range []struct {
		name string
		now  *runbooks.Program
		want string
	}{
		{"a quorum", edit(t, "quorum: 1", "quorum: 2"), `meaning cut: the quorum of the approval of step "cut" is raised from 1 to 2`},
		{"a version of an action", newer, `action cut: step "cut" uses version 2 of test.signal, not 1`},
		{"a step more", edit(t, "  - id: say\n", "  - id: more\n    uses: test.collect\n    with: {target: h}\n  - id: say\n"),
			"meaning more: step \"more\" is new: test.collect, read\nmeaning say: step \"say\" waits for more\nmeaning say: step \"say\" does not wait for cut any more"},
		{"words alone", edit(t, "title: Cut it off", "title: Cut it"), `meaning cut: the title of step "cut" changes from "Cut it off" to "Cut it"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := driftOf(input(one(tt.now), drill(t, 1, p, 10)))
			for want := range strings.SplitSeq(tt.want, "\n") {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			}
			if got := states(input(one(tt.now), drill(t, 1, p, 10))); got != "drifted" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A runbook that is called is part of what was rehearsed.
func TestDriftOfCalledRunbook(t *testing.T) {
	inner := strings.Replace(book, "id: cut\ntitle", "id: inner\ntitle", 1)
	outer := strings.Replace(book, "  - id: say\n", "  - id: call\n    runbook: inner\n  - id: say\n", 1)
	was := compile(t, outer, compile(t, inner))
	is := compile(t, outer, compile(t, strings.Replace(inner, "within: 30s", "within: 90s", 1)))
	same := compile(t, outer, compile(t, "# looked at\n"+inner))
	world := map[string][]sim.Answer{}
	for id, a := range works {
		world[id], world["call."+id] = a, a
	}
	rehearse := func(s *tale) {
		s.world = world
		second := yes()
		second.Step = "call.cut"
		s.acts = append(s.acts, yes(), second)
	}
	got := driftOf(input(one(is), drill(t, 1, was, 10, rehearse)))
	if want := `runbook call.cut: `; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %s", got, want)
	}
	in := input(one(is), drill(t, 1, was, 10, rehearse))
	if row := readiness.Make(in).Rows[0]; !slices.Contains(row.Steps.Never, "call.cut") || slices.Contains(row.Steps.Never, "call.look") || slices.Contains(row.Steps.Never, "cut") {
		t.Errorf("never rehearsed as they are: %q", row.Steps.Never)
	}
	if got := states(input(one(same), drill(t, 1, was, 10, rehearse))); got != "fresh" {
		t.Errorf("a comment in the runbook that is called: %s", got)
	}
}

// Who may approve is compared as the facts show it.
func TestDriftOfPeople(t *testing.T) {
	p := compile(t, book)
	for _, tt := range []struct {
		name string
		more []func(*tale)
		set  func(town)
		want string
	}{
		{"as it was", nil, func(town) {}, ""},
		{"one has left the group", nil, func(d town) { d["bob"] = []string{"oncall"} }, "bob was of group leads in the rehearsal and is not any more"},
		{"one has left the house", nil, func(d town) { delete(d, "bob") }, "bob was of group leads in the rehearsal and is not active any more"},
		{"a group that is not asked", nil, func(d town) { d["bob"] = []string{"leads"} }, ""},
		{"one has joined", nil, func(d town) { d["ann"] = []string{"leads"} }, "ann is of group leads now and was not in the rehearsal"},
		{"somebody whom no fact names", nil, func(d town) { d["dan"] = []string{"leads"} }, ""},
		{"parts of a scenario", []func(*tale){table}, func(d town) { delete(d, "bob") }, ""},
		{"made up people", []func(*tale){scripted}, func(d town) { delete(d, "bob") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := counting(input(one(p), drill(t, 1, p, 10, tt.more...)))
			d := usual()
			d["gil"] = []string{"leads"} // enough approvers are left
			tt.set(d)
			d.into(&in)
			got := driftOf(in)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if want := map[bool]string{true: "fresh", false: "drifted"}[tt.want == ""]; states(in) != want {
				t.Errorf("got %s, want %s", states(in), want)
			}
		})
	}
}

// A rehearsal in which the runbook was never run shows nothing about its steps.
func TestDriftWithoutRun(t *testing.T) {
	p := compile(t, book)
	in := input(one(p), drill(t, 1, p, 10, idle))
	if got, want := reasons(in, readiness.Never), "the only rehearsals of it ended without a run of it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if row := readiness.Make(in).Rows[0]; row.Steps.Exercised != 0 {
		t.Errorf("steps: %+v", row.Steps)
	}
}

// Who counts as having rehearsed it is said in words, and to whoever starts a run.
func TestOnlyByItsScript(t *testing.T) {
	p := compile(t, book)
	in := input(one(p), drill(t, 1, p, 10, scripted), drill(t, 2, p, 20, nobody))
	in.Policy.AddsApprover = true
	var text strings.Builder
	if err := readiness.Make(in).Text(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"rehearsed only by its script, 2027-05-22 in DRL-1 (pass)",
		"never: the only rehearsals of it had nobody in them but facilitators, or were played only by their script [DRL-2:",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
	if x := readiness.Extra(in, p); x == nil || x.Why != "last rehearsed only by its script, 2027-05-22 in DRL-1" {
		t.Errorf("extra: %+v", x)
	}
	// A part that somebody played at a terminal is nobody's rehearsal but theirs.
	in = input(one(p), drill(t, 1, p, 10, table))
	row := readiness.Make(in).Rows[0]
	if len(row.People) != 0 || !row.Last.Parts || len(row.Roles[1].By) != 0 {
		t.Errorf("people %v, last %+v, roles %+v", row.People, row.Last, row.Roles)
	}
}

// Every reason rests on a fact that is there.
func TestEvidenceIsThere(t *testing.T) {
	p := compile(t, book)
	s := tale{id: "DRL-1", at: now.AddDate(0, 0, -400), program: p, rating: engine.Unable}
	events := s.events(t)
	c := s.read(t)
	for _, in := range []readiness.Input{input(one(edit(t, "quorum: 1", "quorum: 2")), c)} {
		for _, r := range readiness.Make(in).Rows[0].Reasons {
			for _, e := range r.Evidence {
				if e.Incident != "DRL-1" || e.Seq < 0 || e.Seq >= int64(len(events)) {
					t.Errorf("%s: %v", r.Text, e)
				}
			}
		}
	}
	if k := events[c.Drill.Seq].Kind(); k != (engine.DrillEnded{}).Kind() {
		t.Errorf("the rehearsal is shown by %s", k)
	}
	if k := events[c.Runs[0].Seq].Kind(); k != (engine.RunStarted{}).Kind() {
		t.Errorf("the run is shown by %s", k)
	}
	if d := cmp.Diff([]string{"ann", "bob", "fay"}, idsOf(c)); d != "" {
		t.Error(d)
	}
}

func idsOf(c *readiness.Case) []string {
	var ids []string
	for _, m := range c.People {
		ids = append(ids, m.ID)
	}
	return ids
}
