package chatops

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// rightsTable says who may do what in an incident: y always, p only when it is
// not private, - never. The order of the columns is that of rightsColumns.
const rightsTable = `
            stranger guest engine gone rob lea ann ann-strict rita carl olga adam declarer starter
declare     -        -     -      -    y   y   y   y          y    y    y    y    y        y
list        -        -     -      -    y   y   y   y          y    y    y    y    y        y
status      -        -     -      -    p   y   y   p          y    y    y    y    y        y
plan        -        -     -      -    -   -   y   -          y    y    -    -    -        -
run         -        -     -      -    -   -   y   -          y    y    -    -    -        -
step        -        -     -      -    p   y   y   p          y    y    y    y    y        y
approve     -        -     -      -    -   y   y   -          y    y    -    -    -        -
deny        -        -     -      -    -   y   y   -          y    y    -    -    -        -
break-glass -        -     -      -    -   y   y   -          y    y    -    -    -        -
justified   -        -     -      -    -   y   y   -          y    y    -    -    -        -
unjustified -        -     -      -    -   y   y   -          y    y    -    -    -        -
note        -        -     -      -    -   -   y   -          y    y    -    -    -        -
timeline    -        -     -      -    p   y   y   p          y    y    y    y    y        y
export      -        -     -      -    -   -   -   -          -    y    y    -    y        -
cancel      -        -     -      -    -   -   -   -          -    y    -    -    y        y
retry       -        -     -      -    -   -   y   -          y    y    -    -    -        -
skip        -        -     -      -    -   -   -   -          -    y    -    -    y        y
done        -        -     -      -    -   -   y   -          y    y    -    -    -        -
undo        -        -     -      -    -   y   y   -          y    y    -    -    -        -
extend      -        -     -      -    -   y   y   -          y    y    -    -    -        -
keep        -        -     -      -    -   y   -   -          y    y    -    -    y        -
contained   -        -     -      -    y   y   y   y          y    y    y    y    y        y
readiness   -        -     -      -    y   y   y   y          y    y    y    y    y        y
resolve     -        -     -      -    -   -   -   -          -    y    -    -    y        -
whoami      y        y     y      y    y   y   y   y          y    y    y    y    y        y
help        y        y     y      y    y   y   y   y          y    y    y    y    y        y
drill_scenarios      -        -     -      -    y   y   y   y          y    y    y    y    y        y
drill_start          -        -     -      -    -   -   -   -          -    y    -    y    -        -
drill_status         -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_inject         -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_skip           -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_hold           -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_go             -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_speed          -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_advance        -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_outcome        -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_hint           -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_judge          -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_observe        -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_rate           -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_end            -        -     -      -    -   -   -   -          -    -    -    -    -        -
drill_stop           -        -     -      -    p   y   y   p          y    y    y    y    y        y
drill_feedback       -        -     -      -    p   y   y   p          y    y    y    y    y        y
drill_report         -        -     -      -    -   -   -   -          -    y    y    -    y        -
corrective_add       -        -     -      -    -   -   -   -          -    y    -    -    y        -
corrective_close     -        -     -      -    -   -   -   -          -    y    -    -    y        -
correct              -        -     -      -    -   -   -   -          -    y    -    -    y        -
keytime              -        -     -      -    -   -   -   -          -    y    -    -    y        -
hide                 -        -     -      -    -   -   -   -          -    y    -    -    y        -
unhide               -        -     -      -    -   -   -   -          -    y    -    -    y        -
`

// Who may break a glass, and who reviews one, knows of the incident even when it
// is private and they have no other part in it; nobody else does because of it.
func TestTheGlassLetsThemIn(t *testing.T) {
	d := people()
	d.People = append(d.People, PersonEntry{ID: "dora", Roles: []Role{Reporter}}, PersonEntry{ID: "sam", Roles: []Role{Reporter}}, PersonEntry{ID: "tom", Roles: []Role{Reporter}})
	person := func(id string) engine.Actor { return engine.Actor{Type: engine.Person, ID: id} }
	rule := &runbooks.BreakGlass{By: []string{"person:dora"}, Review: []string{"person:sam"}}
	open := &engine.Ask{ID: "a", Type: engine.AskApproval, Appr: &engine.Approval{State: engine.ApprovalOpen, ApprovalRequested: engine.ApprovalRequested{From: []string{"group:leads"}, BreakGlass: rule}}}
	review := &engine.Ask{ID: "b", Type: engine.AskReview, Glass: &engine.Glass{Rule: rule}}
	for _, tt := range []struct {
		name   string
		ask    *engine.Ask
		verb   Verb
		let    string
		closed func()
	}{
		{"break", open, BreakGlass, "dora", func() { open.Appr.State = engine.ApprovalDenied }},
		{"review", review, Justified, "sam", func() { review.Closed = true }},
		{"review", review, Unjustified, "sam", func() { review.Closed = true }},
	} {
		review.Closed = false
		i := &engine.Incident{ID: "INC-1", Private: true, DeclaredBy: person("x"), Asks: []*engine.Ask{tt.ask}}
		for _, id := range []string{"dora", "sam", "tom"} {
			c := Case{Verb: tt.verb, Actor: person(id), Incident: i, Run: &engine.Run{ID: "R1"}, Step: &engine.Step{ID: "s", Def: &runbooks.Step{ID: "s"}}}
			if got := DefaultPolicy().Allow(d, c); (got == nil) != (id == tt.let) {
				t.Errorf("%s by %s: %v", tt.verb, id, got)
			}
		}
		tt.closed()
		if DefaultPolicy().Sees(d, person(tt.let), i) {
			t.Errorf("%s sees it when there is nothing left to %s", tt.let, tt.name)
		}
	}
}

func TestAllow(t *testing.T) {
	d := people()
	d.People = append(d.People, PersonEntry{ID: "dora", Roles: []Role{Reporter}}, PersonEntry{ID: "sam", Roles: []Role{Reporter}})
	person := func(id string) engine.Actor { return engine.Actor{Type: engine.Person, ID: id} }
	actors := map[string]engine.Actor{
		"stranger": actor(t, "stranger"), "guest": actor(t, "guest"), "engine": engine.TheEngine, "gone": person("gone"),
		"rob": actor(t, "rob"), "lea": actor(t, "lea"), "ann": actor(t, "ann"), "ann-strict": actor(t, "ann"), "rita": actor(t, "rita"),
		"carl": actor(t, "carl"), "olga": actor(t, "olga"), "adam": actor(t, "adam"), "declarer": person("dora"), "starter": person("sam"),
	}
	rows := strings.Split(strings.TrimSpace(rightsTable), "\n")
	columns := strings.Fields(rows[0])
	var seen []string
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		verb := strings.ReplaceAll(cells[0], "_", " ")
		seen = append(seen, verb)
		e, ok := find(verb)
		if !ok || len(cells) != len(columns)+1 {
			t.Fatalf("row %q is broken", row)
		}
		for n, column := range columns {
			for _, private := range []bool{false, true} {
				run := &engine.Run{ID: "R1", Requester: person("sam")}
				bound := &engine.Step{ID: "s", Def: &runbooks.Step{ID: "s"}, Status: engine.StepDone, Containment: &engine.Containment{Ask: []string{"group:leads"}}}
				i := &engine.Incident{ID: "INC-1", Private: private, DeclaredBy: person("dora"), Runs: []*engine.Run{run}, Asks: []*engine.Ask{
					{ID: "a", Type: engine.AskApproval, Appr: &engine.Approval{State: engine.ApprovalOpen, ApprovalRequested: engine.ApprovalRequested{From: []string{"group:leads"}}}},
				}}
				c := Case{Verb: e.verb, Actor: actors[column], Incident: i, Run: run, Step: bound}
				if e.scope == noIncident {
					c.Incident, c.Run = nil, nil
				}
				if e.target != stepSlot && e.target != runSlot {
					c.Run, c.Step = nil, nil
				}
				policy := DefaultPolicy()
				if column == "ann-strict" {
					policy = Policy{}
				}
				want := cells[n+1] == "y" || cells[n+1] == "p" && !private
				refusal := policy.Allow(d, c)
				if (refusal == nil) != want {
					t.Errorf("%s by %s (private %v): got %v, want allowed %v", e.verb, column, private, refusal, want)
				}
				if refusal != nil && !strings.Contains(refusal.Message, "list") && !strings.Contains(refusal.Message, "help") && !strings.Contains(refusal.Message, "whoami") {
					t.Errorf("%s by %s: %q does not say what to do next", e.verb, column, refusal.Message)
				}
			}
		}
	}
	for _, e := range entries() {
		if !slices.Contains(seen, string(e.verb)) {
			t.Errorf("no row for %q", e.verb)
		}
	}
}

// What leads an exercise is for its facilitators, whatever role somebody has.
func TestControlIsForFacilitators(t *testing.T) {
	i := &engine.Incident{ID: "DRL-1", DeclaredBy: actor(t, "carl"), Drill: &engine.Drill{DrillStarted: engine.DrillStarted{Facilitators: []string{"rita"}}}}
	for _, e := range entries() {
		if e.who != control {
			continue
		}
		for _, id := range []string{"rita", "carl", "adam", "olga", "rob", "stranger"} {
			refusal := DefaultPolicy().Allow(people(), Case{Verb: e.verb, Actor: actor(t, id), Incident: i})
			if (refusal == nil) != (id == "rita") {
				t.Errorf("%s by %s: %v", e.verb, id, refusal)
			}
		}
	}
}

// What is not understood is refused.
func TestAllowFailsClosed(t *testing.T) {
	carl := actor(t, "carl")
	i := &engine.Incident{ID: "INC-1"}
	for _, tt := range []struct {
		name string
		d    *Directory
		c    Case
		want engine.Code
	}{
		{"no directory", nil, Case{Verb: Status, Actor: carl, Incident: i}, engine.NotKnown},
		{"empty directory", &Directory{}, Case{Verb: Status, Actor: carl, Incident: i}, engine.NotKnown},
		{"unknown verb", people(), Case{Verb: "zap", Actor: carl, Incident: i}, engine.NotAllowed},
		{"no verb", people(), Case{Actor: carl, Incident: i}, engine.NotAllowed},
		{"no incident", people(), Case{Verb: Cancel, Actor: carl}, engine.NoIncident},
		{"no actor", people(), Case{Verb: Status, Incident: i}, engine.NotKnown},
		{"a stranger with the id of a person", people(), Case{Verb: Status, Actor: engine.Actor{Type: engine.Stranger, ID: "carl"}, Incident: i}, engine.NotKnown},
		{"nobody declared it, nobody is", people(), Case{Verb: Resolve, Actor: actor(t, "rob"), Incident: i}, engine.NotAllowed},
	} {
		if got := DefaultPolicy().Allow(tt.d, tt.c); got == nil || got.Code != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}

// Closed approvals ask nobody: who was asked in a private incident no longer sees it.
func TestSeesEndsWithTheAsk(t *testing.T) {
	lea := actor(t, "lea")
	appr := &engine.Approval{State: engine.ApprovalOpen, ApprovalRequested: engine.ApprovalRequested{From: []string{"person:lea"}}}
	i := &engine.Incident{ID: "INC-1", Private: true, Asks: []*engine.Ask{{Appr: appr}}}
	if !DefaultPolicy().Sees(people(), lea, i) {
		t.Error("who is asked cannot see what about")
	}
	appr.State = engine.ApprovalDenied
	if DefaultPolicy().Sees(people(), lea, i) {
		t.Error("who was asked still sees a private incident")
	}
}

// Strangers are refused on every way in, for every verb, and it is written
// down; nothing else of the engine is touched.
func TestStrangersAreRefusedEverywhere(t *testing.T) {
	for _, id := range []string{"stranger", "guest"} {
		for _, e := range entries() {
			l := newLedger(t)
			b := newBot(l, DefaultPolicy())
			setUp(t, l, b)
			ask := l.list[0].Asks[0]
			ways := map[string]func() Message{
				"typed": func() Message {
					return b.Command(t.Context(), Input{Actor: actor(t, id), Text: e.example, Channel: "C1"})
				},
				"click": func() Message {
					return b.Click(t.Context(), Click{Actor: actor(t, id), Verb: string(e.verb), Value: "INC-1 " + ask.ID, Reason: "r"})
				},
				"form": func() Message {
					m, _ := b.Answer(t.Context(), Answer{Actor: actor(t, id), Form: string(e.verb), State: "=" + e.example, Values: map[string]string{"title": "t", "reason": "r", "answer": "a"}})
					return m
				},
			}
			for way, do := range ways {
				if e.who == everybody && way == "typed" {
					continue
				}
				l.calls, l.refused = nil, nil
				m := do()
				if e.who == everybody && way == "click" {
					if m.Seq >= 0 || len(m.Parts) == 0 {
						t.Errorf("%s: %s by %s: %+v", way, e.verb, id, m)
					}
					continue
				}
				if !m.Failed || m.Code != engine.NotKnown || m.Seq != -1 || m.Incident != "" {
					t.Errorf("%s: %s by %s is answered with %s", way, e.verb, id, dump(m))
				}
				if len(l.refused) != 1 || l.refused[0].code != engine.NotKnown {
					t.Errorf("%s: %s by %s: written down %+v", way, e.verb, id, l.refused)
				}
				if slices.ContainsFunc(l.calls, func(c string) bool { return c != "Refuse" }) {
					t.Errorf("%s: %s by %s reached %v", way, e.verb, id, l.calls)
				}
			}
		}
	}
}

// A person without the right is refused on every way in, before anything is
// handed to the engine.
func TestReportersAreRefusedEverywhere(t *testing.T) {
	for _, e := range entries() {
		if !e.changes || e.who == anybody || e.who == viewers {
			continue
		}
		l := newLedger(t)
		b := newBot(l, DefaultPolicy())
		setUp(t, l, b)
		text := strings.NewReplacer("disable", "isolate", "call-owner", "isolate", "notify", "isolate", "leaked-access-key", "contain", " DRL-3", "").Replace(e.example)
		ask := l.list[0].Asks[0]
		rob := actor(t, "rob")
		check := func(way string, m Message) {
			if !m.Failed || m.Code != engine.NotAllowed && (e.who != control || m.Code != engine.NotADrill) {
				t.Errorf("%s: %s by a reporter is answered with %s", way, e.verb, dump(m))
			}
			for _, c := range l.calls {
				if strings.HasPrefix(c, "Submit") || c == "Start" || c == "Export" || c == "Declare" {
					t.Errorf("%s: %s by a reporter reached %s", way, e.verb, c)
				}
			}
		}
		l.calls = nil
		check("typed", b.Command(t.Context(), Input{Actor: rob, Text: text, Channel: "C1"}))
		if e.target == stepSlot {
			check("click", b.Click(t.Context(), Click{Actor: rob, Verb: string(e.verb), Value: "INC-1 " + ask.ID, Reason: "r"}))
		}
		if slices.Contains([]Verb{Deny, Skip, Cancel, Undo, Done}, e.verb) {
			state := "INC-1 " + ask.ID
			if e.verb == Cancel {
				state = "=cancel INC-1 R1"
			}
			m, wrong := b.Answer(t.Context(), Answer{Actor: rob, Form: string(e.verb), State: state, Values: map[string]string{"reason": "r"}})
			if wrong != nil {
				t.Errorf("form: %s by a reporter: %v", e.verb, wrong)
			}
			check("form", m)
		}
	}
}

// setUp declares INC-1 in channel C1 and starts a run that asks for approval.
func setUp(t *testing.T, l *ledger, b *Bot) {
	t.Helper()
	rita := actor(t, "rita")
	for _, text := range []string{"declare A", "run INC-1 contain host=h1"} {
		if m := b.Command(t.Context(), Input{Actor: rita, Text: text}); m.Failed {
			t.Fatal(dump(m))
		}
	}
	l.bind("INC-1", "C1")
}

// TestOneWayToHandlers reads the source: handlers are called in one function
// only, which judges the right first, and nothing else hands facts in.
func TestOneWayToHandlers(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	for _, e := range entries() {
		methods[string(e.verb)] = true
	}
	fset := token.NewFileSet()
	calls := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(fset, f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			var allowed token.Pos
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				switch name := sel.Sel.Name; {
				case name == "Allow" && !allowed.IsValid():
					allowed = call.Pos()
				case name == "handle":
					calls++
					if fn.Name.Name != "do" || !allowed.IsValid() || call.Pos() < allowed {
						t.Errorf("%s calls a handler without judging the right to it", fset.Position(call.Pos()))
					}
				case methods[name]:
					if id, ok := sel.X.(*ast.Ident); ok && id.Name == "b" {
						t.Errorf("%s calls the handler %s past the policy", fset.Position(call.Pos()), name)
					}
				}
				return true
			})
		}
	}
	if calls != 1 {
		t.Errorf("handlers are called in %d places, want 1", calls)
	}
}

// Who may let a containment last follows from its own question: to be asked
// about another step gives no right, and neither does to have started the run.
func TestWhoDecidesAboutAContainment(t *testing.T) {
	lea, rob, rita := actor(t, "lea"), actor(t, "rob"), actor(t, "rita")
	bound := func(ask ...string) *engine.Step {
		return &engine.Step{ID: "s", Def: &runbooks.Step{ID: "s"}, Status: engine.StepDone, Containment: &engine.Containment{Ask: ask}}
	}
	kept := bound("group:leads")
	kept.Containment.Kept = true
	run := &engine.Run{ID: "R1", Requester: rita}
	i := &engine.Incident{ID: "INC-1", Runs: []*engine.Run{run}, DeclaredBy: engine.Actor{Type: engine.Person, ID: "olga"}}
	for _, tt := range []struct {
		name  string
		verb  Verb
		actor engine.Actor
		step  *engine.Step
		want  bool
	}{
		{"who is asked extends", Extend, lea, bound("group:leads"), true},
		{"who is asked lifts", Undo, lea, bound("group:leads"), true},
		{"who is asked keeps", Keep, lea, bound("person:lea"), true},
		{"asked about another step", Keep, lea, bound("group:ciso"), false},
		{"asked about another step", Extend, lea, bound("group:ciso"), false},
		{"nothing is contained any more", Keep, lea, kept, false},
		{"nothing is contained any more", Undo, lea, kept, false},
		{"a reporter", Extend, rob, bound("group:leads"), false},
		{"a responder extends", Extend, rita, bound("group:ciso"), true},
		{"a responder who started the run keeps", Keep, rita, bound("group:ciso"), false},
		{"a step without a containment", Undo, lea, &engine.Step{ID: "s", Def: &runbooks.Step{}}, false},
	} {
		refusal := DefaultPolicy().Allow(people(), Case{Verb: tt.verb, Actor: tt.actor, Incident: i, Run: run, Step: tt.step})
		if (refusal == nil) != tt.want {
			t.Errorf("%s: %s by %s: got %v, want allowed %v", tt.name, tt.verb, tt.actor.ID, refusal, tt.want)
		}
	}
}
