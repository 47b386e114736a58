package chatops

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ in, want, lines string }{
		{"plain text", "plain text", "plain text"},
		{"ünï 日本 🔥", "ünï 日本 🔥", "ünï 日本 🔥"},
		{"a\nb\tc", "a⟨U+000A⟩b⟨U+0009⟩c", "a\nb\tc"},
		{"a\r\nb\rc", "a⟨U+000D⟩⟨U+000A⟩b⟨U+000D⟩c", "a\nb⟨U+000D⟩c"},
		{"x\x1b[31m\x00\x7f\u009b", "x⟨U+001B⟩[31m⟨U+0000⟩⟨U+007F⟩⟨U+009B⟩", ""},
		{"\u202e\u2066\u200b\u200d\ufeff\u00ad", "⟨U+202E⟩⟨U+2066⟩⟨U+200B⟩⟨U+200D⟩⟨U+FEFF⟩⟨U+00AD⟩", ""},
		{"\u3164\u2800\u00a0\u2028\U000e0041\U000e0100\ue000", "⟨U+3164⟩⟨U+2800⟩⟨U+00A0⟩⟨U+2028⟩⟨U+E0041⟩⟨U+E0100⟩⟨U+E000⟩", ""},
		{"a\xffb", "a⟨0xFF⟩b", ""},
		{"real \ufffd", "real \ufffd", ""},
	} {
		if got := Visible(tt.in); got != tt.want {
			t.Errorf("Visible(%q)\n got %q\nwant %q", tt.in, got, tt.want)
		}
		if got := Visible(Visible(tt.in)); got != tt.want {
			t.Errorf("Visible is not the same when used twice on %q: %q", tt.in, got)
		}
		if tt.lines != "" {
			if got := VisibleLines(tt.in); got != tt.lines {
				t.Errorf("VisibleLines(%q)\n got %q\nwant %q", tt.in, got, tt.lines)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"äöü", 2, "äö… (+1 characters)"}, {"abc", 0, "… (+3 characters)"}, {"", 0, ""}} {
		if got := cut(tt.in, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestMoments(t *testing.T) {
	for _, tt := range []struct {
		at   time.Duration
		want string
	}{
		{0, "12:00:00 UTC (now)"},
		{-90 * time.Second, "11:58:30 UTC (1m 30s ago)"},
		{15 * time.Minute, "12:15:00 UTC (in 15m)"},
		{-26 * time.Hour, "2026-11-21 10:00:00 UTC (1d 2h ago)"},
		{time.Hour + time.Second, "13:00:01 UTC (in 1h)"},
	} {
		if got := moment(noon.Add(tt.at).In(time.FixedZone("x", 7200)), noon); got != tt.want {
			t.Errorf("moment(%v) = %q, want %q", tt.at, got, tt.want)
		}
	}
}

func TestObserved(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Time
		code engine.Code
	}{
		{"11:50", noon.Add(-10 * time.Minute), ""},
		{"11:50:30 UTC", noon.Add(-9*time.Minute - 30*time.Second), ""},
		{"13:00", noon.Add(-23 * time.Hour), ""},
		{"10m", noon.Add(-10 * time.Minute), ""},
		{"2h30m ago", noon.Add(-150 * time.Minute), ""},
		{"2026-11-22T13:00:00+02:00", noon.Add(-time.Hour), ""},
		{"2026-11-22T11:00Z", noon.Add(-time.Hour), ""},
		{"2026-11-22 11:00", noon.Add(-time.Hour), ""},
		{"2026-11-22T12:00:01Z", time.Time{}, engine.FutureTime},
		{"noon", time.Time{}, engine.Usage},
		{"25:00", time.Time{}, engine.Usage},
	} {
		got, refusal := observed(tt.in, noon)
		switch {
		case tt.code != "" && (refusal == nil || refusal.Code != tt.code):
			t.Errorf("observed(%q): got %v, want %s", tt.in, refusal, tt.code)
		case tt.code == "" && (refusal != nil || !got.Equal(tt.want)):
			t.Errorf("observed(%q) = %v, %v; want %v", tt.in, got, refusal, tt.want)
		}
	}
}

// handmade is an incident with one run of n steps, all waiting but one that
// asks for approval.
func handmade(n int) (*engine.Incident, *engine.Ask) {
	i := &engine.Incident{ID: "INC-1", Title: "t", Severity: 1, DeclaredAt: noon, Now: noon.Add(time.Minute), DeclaredBy: engine.Actor{Type: engine.Person, ID: "rita"}}
	r := &engine.Run{ID: "R1", Program: &runbooks.Program{ID: "big"}, Status: engine.RunActive, StartedAt: noon}
	for k := range n {
		id := fmt.Sprintf("s%d", k)
		r.Steps = append(r.Steps, &engine.Step{ID: id, Def: &runbooks.Step{ID: id, Uses: "t.set", Effect: actions.Reversible}, Status: engine.StepWaiting})
	}
	s := r.Steps[n-1]
	s.Status, s.Digest = engine.StepAwaiting, strings.Repeat("ab", 32)
	s.Approval = &engine.Approval{State: engine.ApprovalOpen, AskedAt: noon, ApprovalRequested: engine.ApprovalRequested{ID: "0011223344556677", Digest: s.Digest, From: []string{"group:leads"}, Quorum: 2, Expires: engine.At(noon.Add(15 * time.Minute))}}
	a := &engine.Ask{ID: s.Approval.ID, Type: engine.AskApproval, Step: s, Appr: s.Approval, At: noon}
	i.Runs, i.Asks = []*engine.Run{r}, []*engine.Ask{a}
	return i, a
}

// size is how much text a message holds.
func size(m Message) int { return len(dump(m)) }

func TestCardOfManySteps(t *testing.T) {
	i, _ := handmade(10_000)
	m := Card(i, "")
	text := dump(m)
	if size(m) > 12_000 {
		t.Errorf("the card of 10,000 steps has %d bytes", size(m))
	}
	for _, want := range []string{"s9999: waits for group leads, 0 of 2 approved", "9999 more steps; of all 10000, 9999 waiting", "approve INC-1 R1/s9999 --digest abababababab"} {
		if !strings.Contains(text, want) {
			t.Errorf("the card lacks %q:\n%s", want, text)
		}
	}
}

func TestCardOfManyRuns(t *testing.T) {
	i, _ := handmade(2)
	for n := range 40 {
		i.Runs = append(i.Runs, &engine.Run{ID: fmt.Sprintf("R%d", n+2), Program: &runbooks.Program{ID: "small"}, Status: engine.RunDone, StartedAt: noon, EndedAt: noon})
	}
	text := dump(Card(i, ""))
	if !strings.Contains(text, "R1 big: active") || !strings.Contains(text, "36 more runs have ended") || strings.Contains(text, "R41 ") {
		t.Errorf("the card shows the wrong runs:\n%s", text)
	}
}

// The ask shows the first twenty targets, the count, and a hash of all.
func TestAskOfManyTargets(t *testing.T) {
	i, a := handmade(1)
	a.Step.Preview = &actions.Preview{}
	for n := range 500 {
		a.Step.Preview.Targets = append(a.Step.Preview.Targets, actions.Target{Type: "host", ID: fmt.Sprintf("h%03d", n)})
	}
	text := dump(AskMessage(i, a))
	for _, want := range []string{"Targets: 500 (the first 20; SHA-256 of the list ", "• host:h019\n", "and 480 more, 500 in all", "acts on 500 targets."} {
		if !strings.Contains(text, want) {
			t.Errorf("the ask lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "h020") {
		t.Error("the ask shows more than twenty targets")
	}
	a.Step.Preview.Targets[400].ID = "other"
	if dump(AskMessage(i, a)) == text {
		t.Error("another target far down the list leaves the ask as it was")
	}
}

// What is cut can still be told apart.
func TestAskOfLongArguments(t *testing.T) {
	i, a := handmade(1)
	ask := func(value string) string {
		data, err := json.Marshal(map[string]any{"a": 1, "text": value, "list": strings.Split(strings.Repeat("x,", 1200), ",")})
		if err != nil {
			t.Fatal(err)
		}
		a.Step.Params = data
		return dump(AskMessage(i, a))
	}
	one, two := ask(strings.Repeat("y", 5000)+"1"), ask(strings.Repeat("y", 5000)+"2")
	if !strings.Contains(one, "characters)") || len(one) > 6000 {
		t.Errorf("long arguments are not cut:\n%s", one)
	}
	if one == two {
		t.Error("two plans with different arguments look the same")
	}
}

// Letters that look like others are named.
func TestAskNamesForeignLetters(t *testing.T) {
	i, a := handmade(1)
	a.Step.Params = json.RawMessage(`{"host":"\u0430pple.example","why":"\u202egpj.exe"}`)
	a.Step.Preview = &actions.Preview{Targets: []actions.Target{{Type: "host", ID: "раypal"}}}
	text := dump(AskMessage(i, a))
	for _, want := range []string{"а U+0430", "⟨U+202E⟩gpj.exe", "р U+0440"} {
		if !strings.Contains(text, want) {
			t.Errorf("the ask lacks %q:\n%s", want, text)
		}
	}
}

func TestAskWarnsOfNoTarget(t *testing.T) {
	i, a := handmade(1)
	a.Step.Preview = &actions.Preview{}
	if text := dump(AskMessage(i, a)); !strings.Contains(text, "! the plan names no target") {
		t.Errorf("nothing says that the plan names no target:\n%s", text)
	}
}

// Whatever a world, a planner or a person says, nothing hidden is shown, and
// every button's reference fits.
func TestNothingHiddenIsShown(t *testing.T) {
	evil := []string{"\u202e", "\x1b[31m", "\u200b", "\x00", "\xff", "\u2066<!channel>", "a\r\nSTATE: fine", strings.Repeat("x", 3000), "`*_~", "\U000e0041"}
	for _, e := range evil {
		i, a := handmade(3)
		s := a.Step
		i.Title, i.Summary, i.DeclaredBy.Name = e+"t", e, e
		i.Channel = &engine.ChannelBound{Channel: "C1", Name: e}
		r := i.Runs[0]
		r.Reason, r.Environment.Name, r.Program.ID, r.Requester = e, e, "p"+e, engine.Actor{Type: engine.Person, ID: "x" + e, Name: e}
		s.Def.Title, s.Why, s.If, s.Asks = e, e, e, e
		s.Params, _ = json.Marshal(map[string]string{e: e})
		s.Preview = &actions.Preview{Changes: []string{e}, Calls: []string{e}, Warnings: []string{e}, NoUndo: e, Targets: []actions.Target{{Type: e, ID: e, Account: e, Region: e}}}
		s.Failure, s.Reading = &engine.Failure{Message: e}, &actions.Reading{Verdict: actions.Verdict(e), Detail: e}
		s.Attempts = []*engine.Attempt{{N: 1, At: noon, Doubt: e, Actor: e, Found: actions.Found(e), Outcome: &engine.EffectOutcome{Failure: &engine.Failure{Message: e}, Requests: []actions.Request{{Operation: e, ID: e}}}}}
		a.Appr.From, a.Appr.Changed = []string{"group:" + e, e}, []string{e}
		s.Containment, s.Item, s.Index, s.Parent = &engine.Containment{Until: noon, Ask: []string{"group:" + e, e}, Why: e, By: engine.Actor{Type: engine.Person, ID: "x" + e, Name: e}, Times: 1}, map[string]any{e: e}, 1, &engine.Step{ID: "p", Def: &runbooks.Step{ID: "p", Title: e}}
		r.Outputs, _ = json.Marshal(map[string]string{e: e})
		s.Def.Manual = &runbooks.Manual{Answer: &runbooks.Input{Type: actions.String, Enum: []string{e}, Description: e, Pattern: e}}
		a.Appr.Votes = []engine.CastVote{{Vote: engine.Vote{Reason: e}, Actor: engine.Actor{Name: e}, At: noon}}
		var all []Message
		for _, status := range []engine.StepStatus{engine.StepAwaiting, engine.StepRunning, engine.StepRetrying, engine.StepDoubt, engine.StepVerifying, engine.StepManual, engine.StepOnHold, engine.StepDone, engine.StepSkipped, engine.StepFailed, engine.StepRefused, engine.StepCancelled} {
			s.Status = status
			m := Message{}
			detail(&m, i, r, s, &call{now: noon, incident: "INC-1"})
			all = append(all, Card(i, e), EndMessage(i, r), m.visible(), ReminderMessage(i, a, 1))
			if status != engine.StepAwaiting && status != engine.StepOnHold && status != engine.StepDone {
				continue // the asks differ by these only
			}
			for _, kind := range []engine.AskType{engine.AskApproval, engine.AskManual, engine.AskHeld, engine.AskContainment} {
				for _, closed := range []bool{true, false} {
					for _, state := range []engine.ApprovalState{engine.ApprovalOpen, engine.ApprovalDenied, engine.ApprovalVoided, engine.ApprovalExpired, engine.ApprovalWithdrawn} {
						a.Type, a.Closed, a.Appr.State, s.Held = kind, closed, state, engine.HeldDoubt
						all = append(all, AskMessage(i, a))
					}
				}
			}
		}
		a.Appr.State = engine.ApprovalOpen
		for _, m := range all {
			for l := range strings.SplitSeq(dump(Message{Title: m.Title, Parts: m.Parts}), "\n") {
				if !clean(strings.NewReplacer(`\"`, "", `\\`, "").Replace(l)) {
					t.Fatalf("with %q something hidden is shown: %q", e, l)
				}
				if len(l) > 4000 {
					t.Fatalf("with %.20q a line of %d bytes is shown: %.100q", e, len(l), l)
				}
			}
			if strings.ContainsAny(m.Title, "\n\r") || !clean(m.Title) {
				t.Fatalf("with %q the title is %q", e, m.Title)
			}
			for _, p := range m.Parts {
				for _, b := range p.Buttons {
					if len(b.Value) > 200 || !strings.HasPrefix(b.Value, "INC-1 ") {
						t.Fatalf("with %q a button has the value %q", e, b.Value)
					}
				}
			}
			if m.Seq != -1 && m.Title != "" && m.Public {
				t.Fatalf("a message nobody asked for claims a journal entry: %s", dump(m))
			}
		}
	}
}

// A closed ask has no buttons.
func TestClosedAsksHaveNoButtons(t *testing.T) {
	i, a := handmade(1)
	buttons := func(m Message) int {
		n := 0
		for _, p := range m.Parts {
			n += len(p.Buttons)
		}
		return n
	}
	a.Step.Containment = &engine.Containment{Until: noon, Due: true, Ask: []string{"group:leads"}}
	for _, kind := range []engine.AskType{engine.AskApproval, engine.AskManual, engine.AskHeld, engine.AskContainment} {
		a.Type, a.Closed, a.Appr.State = kind, false, engine.ApprovalOpen
		if buttons(AskMessage(i, a)) == 0 {
			t.Errorf("an open %s ask has no buttons", kind)
		}
		a.Closed = true
		for _, s := range []engine.ApprovalState{engine.ApprovalGranted, engine.ApprovalDenied, engine.ApprovalExpired, engine.ApprovalVoided, engine.ApprovalConsumed, engine.ApprovalWithdrawn} {
			a.Appr.State = s
			if n := buttons(AskMessage(i, a)); n != 0 {
				t.Errorf("a closed %s ask (%s) has %d buttons", kind, s, n)
			}
		}
	}
}

// The words of a confirmation follow from the effect.
func TestConfirmFollowsTheEffect(t *testing.T) {
	i, a := handmade(1)
	for _, tt := range []struct {
		effect  actions.Effect
		canUndo bool
		noUndo  string
		want    string
	}{
		{actions.Read, false, "", "only reads"},
		{actions.Reversible, true, "", "It can be taken back with: undo s0"},
		{actions.Reversible, true, "the state is gone", "cannot take it back by itself"},
		{actions.Destructive, true, "", "undo may not bring everything back"},
		{actions.Destructive, false, "", "CANNOT be taken back"},
		{actions.Destructive, true, "shredded", "CANNOT be taken back"},
	} {
		a.Step.Def.Effect, a.Step.Def.CanUndo, a.Step.Preview = tt.effect, tt.canUndo, &actions.Preview{NoUndo: tt.noUndo}
		var confirm string
		for _, p := range AskMessage(i, a).Parts {
			for _, b := range p.Buttons {
				if b.Verb == string(Approve) {
					confirm = b.Confirm
				}
			}
		}
		if !strings.Contains(confirm, tt.want) {
			t.Errorf("%s, undo %v %q: the confirmation is %q, want %q in it", tt.effect, tt.canUndo, tt.noUndo, confirm, tt.want)
		}
	}
}

// What adds to the record is told apart from what changes a target, and one that
// leaves a trace is not called harmless.
func TestWhatAddsToTheRecord(t *testing.T) {
	i, a := handmade(1)
	a.Step.Def.Adds = true
	for effect, want := range map[actions.Effect]string{actions.Reversible: "what is there stays as it is", actions.Destructive: "leaves a trace on its target"} {
		a.Step.Def.Effect = effect
		if text := dump(AskMessage(i, a)); strings.Count(text, want) != 2 || strings.Contains(text, "not by firebreak") || strings.Contains(text, "It is destructive") {
			t.Errorf("%s: the question says:\n%s", effect, text)
		}
	}
}

// The same delivery twice is followed once.
func TestRepeatedDelivery(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	leo := actor(t, "leo")
	ask := l.list[0].Asks[0]
	for _, do := range []func() Message{
		func() Message { return b.Command(t.Context(), Input{Actor: leo, Nonce: "n1", Text: "note INC-1 x"}) },
		func() Message {
			return b.Click(t.Context(), Click{Actor: leo, Nonce: "n2", Verb: "approve", Value: "INC-1 " + ask.ID})
		},
		func() Message {
			return b.Command(t.Context(), Input{Actor: leo, Nonce: "n3", Text: "run INC-1 contain host=h2"})
		},
	} {
		if m := do(); m.Failed || m.Seq < 0 {
			t.Fatalf("the first delivery is answered with %s", dump(m))
		}
		facts := l.list[0].Facts
		if m := do(); !m.Failed || m.Code != engine.Duplicate || m.Seq != -1 {
			t.Errorf("the second delivery is answered with %s", dump(m))
		}
		if l.list[0].Facts != facts {
			t.Error("the second delivery changed the incident")
		}
	}
}

// A vote by button is bound to the plan that stood above it.
func TestClickVotesOnThePlanItShowed(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	ask := l.list[0].Asks[0]
	if m := b.Click(t.Context(), Click{Actor: actor(t, "leo"), Verb: "approve", Value: "INC-1 " + ask.ID}); m.Failed {
		t.Fatal(dump(m))
	}
	if v := ask.Appr.Votes[0]; v.Digest != ask.Appr.Digest || v.Approval != ask.ID {
		t.Errorf("the vote is for %q of %q, want %q of %q", v.Digest, v.Approval, ask.Appr.Digest, ask.ID)
	}
}

// When nobody knows whether a change was written, the answer says so.
func TestTrouble(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	l.broken = errors.New("the disk is full\x1b[2J")
	m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "note x", Channel: "C1"})
	if !m.Failed || m.Seq != -1 || m.Title != "Not known whether it was done" || !strings.Contains(dump(m), "status INC-1") {
		t.Errorf("got %s", dump(m))
	}
	m = b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: "note x", Channel: "C1"})
	if m.Code != engine.NotAllowed || !strings.Contains(dump(m), "could not be written down: the disk is full⟨U+001B⟩") {
		t.Errorf("got %s", dump(m))
	}
}

// A form that is filled in wrongly changes nothing and says which field.
func TestForms(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	ann := actor(t, "ann")
	for _, tt := range []struct {
		values map[string]string
		wrong  string
	}{
		{map[string]string{"title": "  "}, "title"},
		{map[string]string{"title": strings.Repeat("x", MaxTitle+1)}, "title"},
		{map[string]string{"title": "x", "severity": "7"}, "severity"},
	} {
		if _, wrong := b.Answer(t.Context(), Answer{Actor: ann, Form: "declare", Values: tt.values}); wrong[tt.wrong] == "" || len(wrong) != 1 {
			t.Errorf("%v: got %v, want something about %s", tt.values, wrong, tt.wrong)
		}
	}
	if len(l.list) != 0 {
		t.Fatal("a wrong form declared an incident")
	}
	m, wrong := b.Answer(t.Context(), Answer{Actor: ann, Form: "declare", Values: map[string]string{"title": "Key\non a page", "severity": "2", "private": "yes"}})
	if wrong != nil || m.Failed || m.Seq < 0 || m.Incident != "INC-1" {
		t.Fatalf("got %v, %s", wrong, dump(m))
	}
	if i := l.list[0]; i.Title != "Key on a page" || i.Severity != 2 || !i.Private {
		t.Errorf("declared %+v", i)
	}
	for _, state := range []string{"", "INC-1", "=approve x", "=deny", "=deny INC-1 \u202ex", "= ", strings.Repeat("x", 700), "INC-1 nosuch"} {
		m, wrong := b.Answer(t.Context(), Answer{Actor: ann, Form: "deny", State: state, Values: map[string]string{"reason": "r"}})
		if wrong != nil || !m.Failed || m.Seq != -1 {
			t.Errorf("the form with state %.30q is answered with %v, %s", state, wrong, dump(m))
		}
	}
}

// What a form points at cannot make it another verb than the one it is.
func TestFormsKeepTheirVerb(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	for _, state := range []string{"=step INC-1 R1/isolate", "=approve INC-1 R1/isolate", "=status INC-1", "=whoami"} {
		l.calls = nil
		m, _ := b.Answer(t.Context(), Answer{Actor: actor(t, "leo"), Form: "deny", State: state, Values: map[string]string{"reason": "r"}})
		if !m.Failed || m.Code != engine.Usage || strings.Contains(fmt.Sprint(l.calls), "Submit") {
			t.Errorf("a deny form that points at %q is answered with %s and reached %v", state, dump(m), l.calls)
		}
	}
	m, _ := b.Answer(t.Context(), Answer{Actor: actor(t, "leo"), Form: "deny", State: "=deny INC-1 R1/isolate", Values: map[string]string{"reason": "r"}})
	if m.Failed || m.Seq < 0 {
		t.Errorf("a deny form is answered with %s", dump(m))
	}
}

// In a chat a run without its inputs asks for them; the answer is judged like
// a typed line.
func TestRunForm(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "run contain --env prod", Channel: "C1"})
	if m.Form == nil || m.Failed || m.Seq != -1 || m.Form.ID != "run" || len(m.Form.Fields) != 1 || m.Form.Fields[0].ID != "host" || m.Form.Fields[0].Optional {
		t.Fatalf("got %s", dump(m))
	}
	answer := func(who, host string) (Message, map[string]string) {
		return b.Answer(t.Context(), Answer{Actor: actor(t, who), Form: m.Form.ID, State: m.Form.State, Values: map[string]string{"host": host}})
	}
	for _, bad := range []string{"h\u202e2", strings.Repeat("x", MaxValue+1)} {
		if m, wrong := answer("rita", bad); wrong["host"] == "" || m.Seq != -1 {
			t.Errorf("the input %.20q is answered with %v, %s", bad, wrong, dump(m))
		}
	}
	if m, wrong := answer("rob", "h2"); wrong != nil || m.Code != engine.NotAllowed {
		t.Errorf("a reporter's form is answered with %v, %s", wrong, dump(m))
	}
	if m, wrong := answer("rita", ""); wrong != nil || m.Code != engine.InputInvalid {
		t.Errorf("an empty form is answered with %v, %s", wrong, dump(m))
	}
	got, wrong := answer("rita", "h2")
	if wrong != nil || got.Failed || got.Seq < 0 {
		t.Fatalf("got %v, %s", wrong, dump(got))
	}
	if r := l.list[0].Runs[1]; r.Inputs["host"] != "h2" || r.Environment.Name != "prod" {
		t.Errorf("the run has inputs %v in %q", r.Inputs, r.Environment.Name)
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "run INC-1 contain"}); m.Form != nil || m.Code != engine.InputInvalid {
		t.Errorf("in a terminal got %s", dump(m))
	}
}

// A verb typed in the channel of an incident that may not be seen is never
// taken for another incident.
func TestChannelOfAnUnseenIncident(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	if m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "declare secret --private"}); m.Failed {
		t.Fatal(dump(m))
	}
	l.bind("INC-2", "C2")
	m := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: "status", Channel: "C2"})
	if m.Code != engine.NoIncident || m.Incident != "" {
		t.Errorf("got %s", dump(m))
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: "list"}); strings.Contains(dump(m), "INC-2") {
		t.Errorf("the list shows a private incident: %s", dump(m))
	}
	seen := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: "status INC-2"})
	none := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: "status INC-7"})
	if got, want := strings.ReplaceAll(dump(seen), "INC-2", "INC-7"), dump(none); got != want {
		t.Errorf("an unseen incident is answered with\n%sand a missing one with\n%s", got, want)
	}
}
