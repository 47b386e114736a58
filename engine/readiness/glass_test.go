package readiness_test

import (
	"bytes"
	"fmt"
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

// broken is a story in which somebody breaks the glass while the others sleep.
func broken(by engine.Actor, reason string) func(*tale) {
	return func(s *tale) {
		s.acts = []sim.Act{{Verb: sim.BreakGlass, Step: "cut", By: by, After: 9 * time.Minute, Reason: reason}}
	}
}

// reviewed goes on with what cleo says of it.
func reviewed(later time.Duration, word, text string) func(*tale) {
	return func(s *tale) {
		s.acts = append(s.acts, sim.Act{Verb: sim.Review, Step: "cut", By: actor("cleo", "leads"), After: later, With: word, Reason: text})
	}
}

const (
	ruleBefore = "expires: 15m}"
	rule       = "expires: 15m, break_glass: {by: [group:oncall, person:dan], review: [group:leads], within: 72h}}"
)

func glassBook(t testing.TB) *runbooks.Program { return edit(t, ruleBefore, rule) }

// nights is a house in which glasses were broken, of every kind one.
func nights(t testing.TB) readiness.Input {
	t.Helper()
	p := glassBook(t)
	dan := actor("dan")
	in := input(one(p),
		drill(t, 1, p, 40),
		drill(t, 2, p, 35, broken(bob, "to learn how")),
		live(t, 1, p, 100, broken(bob, "nobody answered at four"), reviewed(time.Hour, sim.Justified, "right, and the rota is thin")),
		live(t, 2, p, 20, broken(dan, "the phone of cleo was off")),
		live(t, 3, p, 10, broken(bob, "I was sure"), reviewed(4*24*time.Hour, sim.Unjustified, "the lead was awake")),
		live(t, 4, p, 30, broken(bob, "it spread"), reviewed(time.Hour, sim.Justified, "right")),
		live(t, 5, p, 1, broken(bob, "it spreads again")),
		live(t, 6, p, 50),
	)
	d := usual()
	d["dan"] = []string{}
	d.into(&in)
	return in
}

// Every use is told with what became of it: what somebody has to look at first,
// then the newest; and of rehearsals only how many.
func TestGlassUses(t *testing.T) {
	in := nights(t)
	b := readiness.Make(in).Rows[0].BreakGlass
	var got []string
	for _, u := range b.Uses {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %dd late=%v by %dd %s", u.Incident, u.Step, u.By, u.State, u.Days, u.Late, u.Overdue, u.Reviewer)))
	}
	want := []string{
		"INC-2 R1/cut dan overdue 19d late=true by 16d",
		"INC-5 R1/cut bob unreviewed 0d late=false by 0d",
		"INC-3 R1/cut bob unjustified 9d late=true by 1d cleo",
		"INC-4 R1/cut bob justified 29d late=false by 0d cleo",
		"INC-1 R1/cut bob justified 99d late=false by 0d cleo",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if b.Drills != 1 {
		t.Errorf("%d uses in rehearsals", b.Drills)
	}
	allowed := []readiness.GlassRule{
		{Step: "cut", By: []string{"group:oncall", "person:dan"}, Review: []string{"group:leads"}, Within: "72h"},
		{Step: "cut~undo", By: []string{"group:oncall", "person:dan"}, Review: []string{"group:leads"}, Within: "72h"},
	}
	if d := cmp.Diff(allowed, b.Allowed); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// The time for a review is over when it is, whether or not a server was there to
// say so, and not a moment before.
func TestGlassOverdue(t *testing.T) {
	p := glassBook(t)
	c := live(t, 1, p, 1, broken(bob, "alone"))
	in := input(one(p), c)
	for _, tt := range []struct {
		after time.Duration
		want  readiness.GlassState
		late  int
	}{{-1, readiness.Unreviewed, 0}, {0, readiness.Overdue, 0}, {24*time.Hour - 1, readiness.Overdue, 0}, {24 * time.Hour, readiness.Overdue, 1}} {
		in.Now = c.Glasses[0].Due.Add(tt.after)
		if u := readiness.Make(in).Rows[0].BreakGlass.Uses[0]; u.State != tt.want || u.Overdue != tt.late {
			t.Errorf("%s after: %s by %d days", tt.after, u.State, u.Overdue)
		}
	}
}

// Who may is said as the floors leave it.
func TestGlassAllowed(t *testing.T) {
	p := glassBook(t)
	strict := &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 1}
	open := &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 1, BreakGlass: true}
	for _, tt := range []struct {
		name string
		p    *runbooks.Program
		envs []readiness.Environment
		want string
	}{
		{"nobody", compile(t, book), nil, ""},
		{"without environments", p, nil, "cut, cut~undo"},
		{"a floor takes it away", p, []readiness.Environment{{Name: "prod", Floor: strict}}, ""},
		{"a floor leaves it", p, []readiness.Environment{{Name: "prod", Floor: open}}, "cut, cut~undo"},
		{"in one place", p, []readiness.Environment{{Name: "dev"}, {Name: "prod", Floor: strict}}, "cut in dev, cut~undo in dev"},
		{"in all places", p, []readiness.Environment{{Name: "dev"}, {Name: "prod"}}, "cut, cut~undo"},
		{"not for the way back", edit(t, ruleBefore, rule, "    contains:", "    undo: {approval: {from: [group:leads], quorum: 1}}\n    contains:"), nil, "cut"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(one(tt.p))
			in.Environments = tt.envs
			var got []string
			for _, a := range readiness.Make(in).Rows[0].BreakGlass.Allowed {
				text := a.Step
				if len(a.Environments) > 0 {
					text += " in " + strings.Join(a.Environments, "+")
				}
				got = append(got, text)
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A broken glass says nothing about how long people take, or who approves.
func TestGlassIsNoApproval(t *testing.T) {
	p := edit(t, ruleBefore, rule, "quorum: 1", "quorum: 2")
	first := yes()
	first.By = actor("cleo", "leads")
	half := func(s *tale) { s.acts = append(s.acts, first) } // of two
	both := func(s *tale) { s.acts = append(s.acts, yes(), first) }
	none := func(s *tale) { s.acts = nil }
	in := input(one(p), drill(t, 1, p, 10, broken(bob, "alone"), half), live(t, 1, p, 9, broken(bob, "alone"), half), live(t, 2, p, 8, none, both))
	row := readiness.Make(in).Rows[0]
	if row.Approvals.Drills.N != 0 || row.Approvals.Live.N != 1 || row.Approvals.Live.Worst != (2*time.Minute).Milliseconds() {
		t.Errorf("latencies: %+v", row.Approvals)
	}
	if d := cmp.Diff([]readiness.Role{{Name: "starts the run", By: []string{"ann"}}, {Name: "group:leads", By: []string{"cleo"}}}, row.Roles); d != "" {
		t.Errorf("roles (-want +got):\n%s", d)
	}
	for _, s := range readiness.Review(in, now.AddDate(0, 0, -90)).Sections {
		if s.ID == "approvals" && len(s.Lines) != 1 {
			t.Errorf("the slowest: %+v", s.Lines)
		}
	}
	// A glass that somebody was refused to break takes nothing away.
	c := live(t, 1, p, 9, broken(ann, "not of those who may"), func(s *tale) { s.acts[0].After = time.Second }, both)
	in = input(one(p), c)
	if row = readiness.Make(in).Rows[0]; len(c.Refused) != 1 || row.Approvals.Live.N != 1 || len(row.BreakGlass.Uses) != 0 {
		t.Errorf("refused: %+v, %+v", row.Approvals.Live, row.BreakGlass.Uses)
	}
}

// What a use names as evidence is there.
func TestGlassEvidence(t *testing.T) {
	p := glassBook(t)
	s := tale{id: "INC-1", at: now.AddDate(0, 0, -20), program: p}
	broken(bob, "alone")(&s)
	reviewed(time.Hour, sim.Justified, "right")(&s)
	events := s.events(t)
	c, err := readiness.Read(source(events), readiness.ReadOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range readiness.Make(input(one(p), c)).Rows[0].BreakGlass.Uses[0].Evidence {
		kinds = append(kinds, string(events[e.Seq].Kind()))
	}
	if d := cmp.Diff([]string{"glass.broken", "glass.reviewed"}, kinds); d != "" {
		t.Error(d)
	}
}

// Who may break the glass is part of what was rehearsed.
func TestDriftOfGlass(t *testing.T) {
	plain, glass := compile(t, book), glassBook(t)
	other := func(old, new string) *runbooks.Program {
		return edit(t, ruleBefore, strings.Replace(rule, old, new, 1))
	}
	for _, tt := range []struct {
		name     string
		was, now *runbooks.Program
		want     []string // in the text
	}{
		{"the same", glass, glassBook(t), nil},
		{"new", plain, glass, []string{"group:oncall", "person:dan"}},
		{"gone", glass, plain, []string{"group:oncall", "person:dan"}},
		{"somebody else breaks it", glass, other("person:dan", "person:eve"), []string{"person:eve"}},
		{"somebody else reviews it", glass, other("review: [group:leads]", "review: [group:board]"), []string{"group:board"}},
		{"another time", glass, other("72h", "24h"), []string{"24h", "72h"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(one(tt.now), drill(t, 1, tt.was, 10))
			got := driftOf(in)
			if (got == "") != (tt.want == nil) {
				t.Fatalf("got %q", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) || !strings.Contains(got, "meaning cut: ") || strings.Contains(got, "{") {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if never := readiness.Make(in).Rows[0].Steps.Never; slices.Contains(never, "cut") != (tt.want != nil) {
				t.Errorf("never rehearsed as they are: %q", never)
			}
		})
	}
}

// A glass that nobody could review is worse than one that nobody can break.
func TestGlassPeople(t *testing.T) {
	dan := func(d town) { d["dan"] = []string{} }
	only := func(list ...string) func(*readiness.Input) {
		return func(in *readiness.Input) { in.Starters = list }
	}
	for _, tt := range []struct {
		name          string
		by, review    string
		town          func(town)
		set           func(*readiness.Input)
		blocked, note string
	}{
		{name: "enough", by: "group:oncall", review: "group:leads, person:ann"},
		{name: "nobody reviews", by: "group:oncall", review: "group:board",
			blocked: `step "cut", the undo of step "cut" let group:oncall break the glass, and nobody active can review that: group:board; the incident could never be resolved`},
		{name: "who reviews has left", by: "group:oncall", review: "person:dan", town: func(d town) { d["dan"] = nil }, blocked: "nobody active can review that: person:dan"},
		{name: "the one who reviews is the one who breaks it", by: "group:oncall", review: "group:oncall",
			blocked: "let group:oncall break the glass, and whoever can review that (bob) breaks it or starts the run: group:oncall"},
		{name: "one of those who break it", by: "group:leads", review: "group:oncall", set: only("ann"),
			note: `nobody is left to review a broken glass when bob breaks it: group:oncall`},
		{name: "the only one who starts it", by: "person:dan", review: "person:ann", town: dan, set: only("ann"),
			blocked: "let person:dan break the glass, and whoever can review that (ann) breaks it or starts the run: person:ann"},
		{name: "one of those who start it", by: "person:dan", review: "person:ann", town: dan,
			note: "nobody is left to review a broken glass when ann starts the run: person:ann"},
		{name: "either", by: "group:leads", review: "person:bob",
			note: "nobody is left to review a broken glass when bob breaks it or starts the run: person:bob"},
		{name: "two, one of each", by: "group:leads", review: "group:leads",
			note: "nobody is left to review a broken glass when one of bob and cleo breaks it and the other starts the run: group:leads"},
		{name: "nobody knows who starts it", by: "group:leads", review: "group:leads", set: only()},
		{name: "nobody breaks it", by: "group:board", review: "group:leads", note: `step "cut", the undo of step "cut": nobody active can break the glass: group:board`},
		{name: "nobody has a key", by: "group:oncall", review: "group:leads, person:ann", set: func(in *readiness.Input) { in.Signs = func(id string) bool { return id != "bob" } },
			note: "nobody active with a key to sign with can break the glass: group:oncall"},
		{name: "who has no key breaks nothing", by: "group:leads", review: "person:bob", set: func(in *readiness.Input) {
			in.Signs, in.Starters = func(id string) bool { return id == "cleo" }, []string{"ann"}
		}},
		{name: "neither", by: "group:board", review: "group:jury", note: "nobody active can break the glass: group:board; and nobody active could review it: group:jury"},
		{name: "a floor takes it away", by: "group:board", review: "group:jury", set: func(in *readiness.Input) {
			in.Environments[0].Floor = &engine.Floor{Effect: "reversible", From: []string{"group:leads"}, Quorum: 1}
		}},
		{name: "no directory", by: "group:oncall", review: "group:board", set: func(in *readiness.Input) { in.People = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, book)
			p.Steps[1].Approval.BreakGlass = &runbooks.BreakGlass{By: strings.Split(tt.by, ", "), Review: strings.Split(tt.review, ", "), Within: runbooks.DefaultReview}
			in := input(one(p))
			d := usual()
			if tt.town != nil {
				tt.town(d)
			}
			d.into(&in)
			if tt.set != nil {
				tt.set(&in)
			}
			if got := reasons(in, readiness.Blocked); tt.blocked == "" && got != "" || !strings.Contains(got, tt.blocked) {
				t.Errorf("blocked: got %q, want %q", got, tt.blocked)
			}
			notes := slices.DeleteFunc(readiness.Make(in).Rows[0].Notes, func(n string) bool { return !strings.Contains(n, "glass") })
			if got := strings.Join(notes, "\n"); tt.note == "" && got != "" || !strings.Contains(got, tt.note) {
				t.Errorf("notes: got %q, want %q", got, tt.note)
			}
		})
	}
}

// A review has to talk about each glass that was broken since, and about those
// that nobody has reviewed, however old.
func TestGlassReview(t *testing.T) {
	in := nights(t)
	section := func(days int) string {
		for _, s := range readiness.Review(in, now.AddDate(0, 0, -days)).Sections {
			if s.ID == "break_glass" {
				var lines []string
				for _, l := range s.Lines {
					lines = append(lines, fmt.Sprintf("%d %s", l.Count, l.Text))
				}
				return strings.Join(lines, "\n")
			}
		}
		t.Fatal("no such section")
		return ""
	}
	quarter := []string{
		"0 R1/cut of INC-2 by dan, 19 days ago, not reviewed, overdue by 16 days: the phone of cleo was off",
		"0 R1/cut of INC-3 by bob, 9 days ago, unjustified by cleo, 1 day late: I was sure; cleo: the lead was awake",
		`4 the glass of step "cut" was broken, by bob, dan: ask whether its approval fits the night`,
		"0 R1/cut of INC-5 by bob, 0 days ago, not reviewed, due by 2027-06-03: it spreads again",
		"0 R1/cut of INC-4 by bob, 29 days ago, justified by cleo: it spread; cleo: right",
	}
	if d := cmp.Diff(strings.Join(quarter, "\n"), section(90)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// One use since then is not more than one; what nobody reviewed stays.
	if d := cmp.Diff(quarter[0]+"\n"+quarter[3], section(5)); d != "" {
		t.Errorf("of a few days (-want +got):\n%s", d)
	}
	in.Incidents = nil
	if got := section(90); got != "" {
		t.Errorf("with rehearsals alone: %s", got)
	}
}

// A house with a long past still has a page that can be read: all that nobody has
// reviewed is on it, and the latest of the rest.
func TestGlassLongPast(t *testing.T) {
	p := glassBook(t)
	c := live(t, 1, p, 100, broken(bob, "alone"), reviewed(time.Hour, sim.Justified, "right"))
	for n := range 20 {
		g := c.Glasses[0]
		g.At = g.At.Add(time.Duration(n+1) * time.Hour)
		if g.Reason = fmt.Sprintf("reason %d", n); n >= 8 {
			g.Reviewed = time.Time{}
		}
		c.Glasses = append(c.Glasses, g)
	}
	l := readiness.Make(input(one(p), c))
	text := show(t, func(b *bytes.Buffer) error { return l.Text(b, false) })
	if n := strings.Count(text, "glass broken: R1/cut"); n != 12+5 {
		t.Errorf("%d uses in:\n%s", n, text)
	}
	for _, want := range []string{"reason 19", "reason 7", "reason 3", "glass broken: and 4 older uses that were reviewed", "21 uses, 12 not reviewed (overdue by "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "reason 2\n") || strings.Contains(text, "reason 2;") {
		t.Error("an old one is shown")
	}
}

// What was found wrong comes before what was looked at too late, and that before
// what was in order, whatever is older.
func TestGlassReviewOrder(t *testing.T) {
	p := glassBook(t)
	c := live(t, 1, p, 60, broken(bob, "alone"), reviewed(time.Hour, sim.Justified, "in order"))
	more := func(daysAgo, after int, justified bool, text string) {
		g := c.Glasses[0]
		g.At = now.AddDate(0, 0, -daysAgo)
		g.Due, g.Reviewed, g.Justified, g.Text = g.At.AddDate(0, 0, 3), g.At.AddDate(0, 0, after), justified, text
		c.Glasses = append(c.Glasses, g)
	}
	more(30, 4, true, "late")
	more(10, 1, false, "wrong")
	var got []string
	for _, s := range readiness.Review(input(one(p), c), now.AddDate(0, 0, -90)).Sections {
		for _, l := range s.Lines {
			if s.ID == "break_glass" {
				got = append(got, l.Text[strings.LastIndex(l.Text, ": ")+2:])
			}
		}
	}
	if d := cmp.Diff([]string{"wrong", "late", "ask whether its approval fits the night", "in order"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A loop that asks once about all its items is one use, at the step of the loop.
// To take them back is asked for each, and that is the same step more than once.
func TestGlassOfLoop(t *testing.T) {
	p := compile(t, strings.Replace(strings.Replace(book, ruleBefore, rule, 1), "    title: Cut it off\n", "    title: Cut it off\n    for_each: inputs.hosts\n", 1)+"  hosts: {type: list, of: string, default: [a, b]}\n")
	s := tale{id: "INC-1", at: now.AddDate(0, 0, -20), program: p, world: map[string][]sim.Answer{"look": works["look"], "cut.1": works["cut"], "cut.2": works["cut"]}}
	broken(bob, "alone")(&s)
	c := s.read(t)
	b := readiness.Make(input(one(p), c)).Rows[0].BreakGlass
	if len(b.Uses) != 1 || b.Uses[0].Step != "R1/cut" || len(b.Allowed) != 2 || b.Allowed[0].Step != "cut" {
		t.Errorf("%+v", b)
	}
	for _, item := range []string{"cut.1", "cut.2"} {
		s.acts = append(s.acts, sim.Act{Verb: sim.Undo, Step: item, By: ann, After: time.Minute, Reason: "a false alarm"},
			sim.Act{Verb: sim.BreakGlass, Step: item + "~undo", By: bob, After: time.Minute, Reason: "alone"})
	}
	c = s.read(t)
	var at []string
	for _, g := range c.Glasses {
		at = append(at, g.Step+" "+g.Path)
	}
	if d := cmp.Diff([]string{"cut cut", "cut.1~undo cut~undo", "cut.2~undo cut~undo"}, at); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, sec := range readiness.Review(input(one(p), c), now.AddDate(0, 0, -90)).Sections {
		if sec.ID == "break_glass" && !slices.ContainsFunc(sec.Lines, func(l readiness.Line) bool { return l.Count == 2 && l.Step == "cut~undo" }) {
			t.Errorf("%+v", sec.Lines)
		}
	}
}

func TestGlassGolden(t *testing.T) {
	in := nights(t)
	l, r := readiness.Make(in), readiness.Review(in, now.AddDate(0, 0, -90))
	golden(t, "glass.txt", show(t, func(b *bytes.Buffer) error { return l.Text(b, false) })+show(t, func(b *bytes.Buffer) error { return r.Text(b, false) }))
	golden(t, "glass.md", show(t, func(b *bytes.Buffer) error { return l.Markdown(b) })+show(t, func(b *bytes.Buffer) error { return r.Markdown(b) }))
	golden(t, "glass.json", show(t, func(b *bytes.Buffer) error { return indented(b, l.Rows[0].BreakGlass) }))
}
