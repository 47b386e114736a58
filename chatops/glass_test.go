package chatops

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
)

// smashable is an incident whose step isolate asks the leads, and where Rob, who
// has a key and no other right, and Adam, who has none, may break the glass.
func smashable(t *testing.T) (*ledger, *Bot) {
	t.Helper()
	return ruled(t, "break_glass: {by: [person:rob, person:adam], review: [person:olga, group:leads], within: 24h}", "rob", "leo")
}

const smash = `break-glass isolate INC-1 --target h1 --reason "nobody answers" --sign k`

// smashed has Rob break the glass.
func smashed(t *testing.T, l *ledger, b *Bot) Message {
	t.Helper()
	rob := actor(t, "rob")
	m := b.Command(t.Context(), Input{Actor: rob, Text: smash})
	if m.Sign == nil {
		t.Fatalf("the terminal is not asked for a signature: %s", dump(m))
	}
	return b.Command(t.Context(), Input{Actor: rob, Text: smash, Signature: engine.SignSSH(keyOf("rob"), m.Sign.Ballot.Namespace(), engine.VoteMessage(m.Sign.Ballot))})
}

func TestGlassIsBrokenInATerminal(t *testing.T) {
	l, b := smashable(t)
	i := l.list[0]
	question := dump(AskMessage(i, i.Asks[0]))
	command := "firebreak incident break-glass INC-1 R1/isolate --digest " + short(i.Asks[0].Appr.Digest) + ` --target ... --reason "..." --sign ~/.ssh/id_ed25519`
	for _, want := range []string{"rob, adam may break the glass", "olga, group leads review it", "` " + command} {
		if !strings.Contains(question, want) {
			t.Errorf("the question lacks %q:\n%s", want, question)
		}
	}
	m := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: smash})
	text := dump(m)
	for _, want := range []string{"To be signed: BREAK THE GLASS at R1/isolate", "without 1 of 1 approvals by group leads", "Targets: 1", "` answer: break-glass", "` target: h1", `reason: "nobody answers"`} {
		if !strings.Contains(text, want) {
			t.Errorf("who signs is not shown %q:\n%s", want, text)
		}
	}
	if m.Sign == nil || m.Seq != -1 || len(i.Glasses) > 0 {
		t.Fatalf("something was done before the signature: %s", text)
	}
	if m := smashed(t, l, b); m.Failed || m.Tone != Danger || !strings.Contains(dump(m), "Rob (rob) broke the glass at R1/isolate") {
		t.Fatalf("answered with %s", dump(m))
	}
	g := i.Glasses[0]
	if diff := cmp.Diff([]string{engine.PublicSSH(keyOf("rob"))}, g.By.Keys); diff != "" || g.Broken.Digest != "" || g.Broken.Root == "" {
		t.Errorf("what is written down: %+v", g)
	}
	if text := dump(AskMessage(i, i.Asks[0])); !strings.Contains(text, "Glass broken at 12:00:03 UTC by Rob (rob)") || strings.Contains(text, "Approved at") || !strings.Contains(text, "! Rob (rob) broke the glass at 12:00:03 UTC, signed with SHA256:") {
		t.Errorf("the question does not tell of it:\n%s", text)
	}
	if text := dump(Card(i, "")); !strings.Contains(text, "Glass broken = 1 not reviewed") || !strings.Contains(text, "› justified INC-1 R1/isolate --reason") {
		t.Errorf("the card does not tell of it:\n%s", text)
	}
	if text := dump(b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "step isolate"})); !strings.Contains(text, "! glass broken by Rob (rob)") || !strings.Contains(text, "nobody answers") {
		t.Errorf("the step does not tell of it:\n%s", text)
	}
}

// Whatever is wrong with it is said before anything is signed, and nothing moves.
func TestGlassIsNotBroken(t *testing.T) {
	l, b := smashable(t)
	for _, tt := range []struct {
		who, text, channel string
		code               engine.Code
		want               string
	}{
		{"rob", smash, "C1", engine.StepUpRequired, "` firebreak incident break-glass INC-1 R1/isolate --digest "},
		{"rob", `break-glass isolate INC-1 --target "h1; rm -rf ~" --reason "it's on"`, "C1", engine.StepUpRequired, `--target 'h1; rm -rf ~' --reason 'it'\''s on' --sign`},
		{"rob", `break-glass isolate INC-1 --target h1 --reason r`, "", engine.StepUpRequired, `--target h1 --reason r --sign ~/.ssh/id_ed25519`},
		{"rob", `break-glass isolate INC-1 --target h1 --sign k`, "", engine.ReasonRequired, `--reason "..."`},
		{"rob", `break-glass isolate INC-1 --reason r --sign k`, "", engine.ConfirmMismatch, "type out what R1/isolate acts on"},
		{"rob", `break-glass isolate INC-1 --target h1 --reason r --sign k --digest 000000000000`, "", engine.PlanChanged, "look again before you sign"},
		{"rob", `break-glass call INC-1 --target h1 --reason r --sign k`, "", engine.NoStep, "asks nobody for approval"},
		{"rob", `break-glass isolate INC-1 --target h9 --reason r --sign k`, "", engine.ConfirmMismatch, `"h9" is not what step "isolate" acts on`},
		{"adam", smash, "", engine.StepUpRequired, `the directory holds no SSH key of "adam"`},
		{"leo", smash, "", engine.NoBreakGlass, "you are not among them"},
		{"ann", smash, "", engine.StepUpRequired, `no SSH key of "ann"`},
		{"stranger", smash, "", engine.NotKnown, ""},
	} {
		m := b.Command(t.Context(), Input{Actor: actor(t, tt.who), Text: tt.text, Channel: tt.channel})
		if m.Code != tt.code || m.Sign != nil || !m.Failed || !strings.Contains(dump(m), tt.want) {
			t.Errorf("%s: %s is answered with %s", tt.who, tt.text, dump(m))
		}
	}
	m := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: smash})
	yes := m.Sign.Ballot
	yes.Answer = ""
	for name, signature := range map[string]string{
		"a signed yes":            engine.SignSSH(keyOf("rob"), yes.Namespace(), engine.VoteMessage(yes)),
		"the signature of Leo":    engine.SignSSH(keyOf("leo"), m.Sign.Ballot.Namespace(), engine.VoteMessage(m.Sign.Ballot)),
		"nothing that was signed": "x",
	} {
		if m := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: smash, Signature: signature}); m.Code != engine.BadSignature {
			t.Errorf("%s is answered with %s", name, dump(m))
		}
	}
	if i := l.list[0]; len(i.Glasses) > 0 || i.Asks[0].Appr.State != engine.ApprovalOpen {
		t.Errorf("the approval is %s, and %d are broken", i.Asks[0].Appr.State, len(i.Glasses))
	}
}

func TestReviewInAChat(t *testing.T) {
	l, b := smashable(t)
	smashed(t, l, b)
	i := l.list[0]
	ask := i.Asks[1]
	m := AskMessage(i, ask)
	if m.Tone != Danger || !strings.Contains(m.Title, "GLASS BROKEN: R1/isolate") {
		t.Errorf("it is told as %s", dump(m))
	}
	if diff := cmp.Diff([]string{"group:leads", "person:olga"}, m.Notify); diff != "" {
		t.Errorf("told to (-want +got): %s", diff)
	}
	click := func(who, verb, reason string) Message {
		return b.Click(t.Context(), Click{Actor: actor(t, who), Verb: verb, Value: "INC-1 " + ask.ID, Reason: reason})
	}
	if m := click("olga", "justified", ""); m.Form == nil || ask.Closed {
		t.Errorf("nobody is asked what was found: %s", dump(m))
	}
	for who, want := range map[string]engine.Code{"rob": engine.NotAllowed, "rita": engine.SelfApproval, "carl": engine.SubjectConflict, "ann": engine.NotApprover} {
		if m := click(who, "justified", "fine"); m.Code != want || ask.Closed {
			t.Errorf("by %s: %s", who, dump(m))
		}
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "carl"), Text: `resolve INC-1`}); m.Code != engine.OpenSteps && m.Code != engine.Unreviewed {
		t.Errorf("it can be resolved: %s", dump(m))
	}
	l.now = l.now.Add(25 * time.Hour)
	m, wrong := b.Answer(t.Context(), Answer{Actor: actor(t, "olga"), Form: "unjustified", State: "INC-1 " + ask.ID, Values: map[string]string{"reason": "nobody was called"}})
	if wrong != nil || m.Failed || !ask.Closed || i.Glasses[0].Review == nil || i.Glasses[0].Review.Justified {
		t.Fatalf("answered with %s, %v", dump(m), wrong)
	}
	for _, again := range []Message{click("olga", "justified", "after all"), b.Command(t.Context(), Input{Actor: actor(t, "leo"), Text: `justified isolate INC-1 --reason "after all"`})} {
		if !again.Failed || i.Glasses[0].Review.Justified {
			t.Errorf("said twice: %s", dump(again))
		}
	}
	if text := dump(AskMessage(i, ask)); !strings.Contains(text, "Reviewed, it was NOT right: glass broken at R1/isolate") || !strings.Contains(text, "nobody was called") || strings.Contains(text, "[") && len(m.Notify) > 0 {
		t.Errorf("the question does not tell the answer:\n%s", text)
	}
}

// When the time for the review is over, those who should have looked are told.
func TestOverdueReview(t *testing.T) {
	l, b := smashable(t)
	smashed(t, l, b)
	i := l.list[0]
	g := i.Glasses[0]
	if err := i.Apply(engine.Event{At: g.Due, Actor: engine.TheEngine, Run: "R1", Step: "isolate", Body: engine.TimerFired{Ref: "review:" + g.ID, Due: engine.At(g.Due)}}); err != nil {
		t.Fatal(err)
	}
	ask, n, ok := Reminded(i, i.Asks[1].ReminderRef())
	if !ok || n != 1 || ask.Glass != g {
		t.Fatalf("got %v %d %v", ask, n, ok)
	}
	m := ReminderMessage(i, ask, n)
	if diff := cmp.Diff([]string{"person:olga", "group:leads"}, m.Notify); diff != "" || !strings.Contains(m.Title, "Overdue: the glass broken at R1/isolate was not reviewed") {
		t.Errorf("it says %s", dump(m))
	}
	if text := dump(Card(i, "")); !strings.Contains(text, "its review was due") {
		t.Errorf("the card:\n%s", text)
	}
}
