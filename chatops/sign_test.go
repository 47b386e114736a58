package chatops

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func keyOf(id string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("key of " + id))
	return ed25519.NewKeyFromSeed(seed[:])
}

// poll is an incident whose step isolate waits for signed votes. Leo and Lea
// have keys, Carl has none.
func poll(t *testing.T) (*ledger, *Bot) {
	t.Helper()
	return ruled(t, "step_up: true", "leo", "lea")
}

// ruled is an incident whose step isolate asks by a rule with this in it, among
// people of whom some have keys.
func ruled(t *testing.T, rule string, keys ...string) (*ledger, *Bot) {
	t.Helper()
	l := newLedger(t)
	src := strings.Replace(sources[0], "expires: 15m}", "expires: 15m, "+rule+"}", 1)
	p, faults := runbooks.Load("test.yaml", []byte(src), catalog())
	if faults.HasErrors() {
		t.Fatal(faults)
	}
	l.programs[0] = p
	d := people()
	for n := range d.People {
		if id := d.People[n].ID; slices.Contains(keys, id) {
			d.People[n].SSHKeys = []string{engine.PublicSSH(keyOf(id))}
		}
	}
	b := NewBot(Options{Incidents: l, Directory: func() *Directory { return d }, Policy: DefaultPolicy(), Now: func() time.Time { return l.now }})
	setUp(t, l, b)
	return l, b
}

func votes(l *ledger) []engine.CastVote { return l.list[0].Asks[0].Appr.Votes }

func TestSignedApproval(t *testing.T) {
	l, b := poll(t)
	leo := actor(t, "leo")
	m := b.Command(t.Context(), Input{Actor: leo, Text: "approve isolate INC-1 --sign id_ed25519"})
	if m.Sign == nil || m.Failed || m.Seq != -1 || len(votes(l)) != 0 {
		t.Fatalf("the terminal is not asked for a signature: %s", dump(m))
	}
	text := dump(m)
	for _, want := range []string{"To be signed: approve R1/isolate", "Targets: 1", "host:111122223333/h1", "` plan: " + l.list[0].Asks[0].Appr.Digest, "` person: leo"} {
		if !strings.Contains(text, want) {
			t.Errorf("the person is not shown %q:\n%s", want, text)
		}
	}
	if diff := cmp.Diff([]string{engine.PublicSSH(keyOf("leo"))}, m.Sign.Keys); diff != "" {
		t.Errorf("the keys: %s", diff)
	}
	signature := engine.SignSSH(keyOf("leo"), engine.VoteNamespace, engine.VoteMessage(m.Sign.Ballot))
	m = b.Command(t.Context(), Input{Actor: leo, Text: "approve isolate INC-1 --sign id_ed25519", Signature: signature})
	if m.Failed || m.Seq < 0 || !strings.Contains(dump(m), "Signed with an SSH key of Leo (leo)") {
		t.Fatalf("the signed yes is answered with %s", dump(m))
	}
	v := votes(l)[0]
	if diff := cmp.Diff([]string{engine.PublicSSH(keyOf("leo"))}, v.Actor.Keys); diff != "" || v.Signature != signature {
		t.Errorf("what is written down lacks the signature or its key: %+v", v)
	}
	if text := dump(AskMessage(l.list[0], l.list[0].Asks[0])); !strings.Contains(text, "✓ Leo (leo) approved at 12:00:03 UTC, signed with SHA256:") {
		t.Errorf("the question does not tell of the signature:\n%s", text)
	}
}

// Every way to say yes without a signature is refused in the same words and
// written down; nothing moves.
func TestUnsignedApproval(t *testing.T) {
	l, b := poll(t)
	ask := l.list[0].Asks[0]
	for name, say := range map[string]func(engine.Actor) Message{
		"typed in a terminal": func(a engine.Actor) Message {
			return b.Command(t.Context(), Input{Actor: a, Text: "approve isolate INC-1"})
		},
		"typed in a chat": func(a engine.Actor) Message {
			return b.Command(t.Context(), Input{Actor: a, Text: "approve isolate", Channel: "C1"})
		},
		"a forged click": func(a engine.Actor) Message {
			return b.Click(t.Context(), Click{Actor: a, Verb: "approve", Value: "INC-1 " + ask.ID})
		},
		"typed with --sign in a chat": func(a engine.Actor) Message {
			return b.Command(t.Context(), Input{Actor: a, Text: "approve isolate --sign id_ed25519", Channel: "C1"})
		},
	} {
		before := len(l.refused)
		m := say(actor(t, "leo"))
		if !m.Failed || m.Code != engine.StepUpRequired || m.Sign != nil || !strings.Contains(dump(m), "firebreak incident approve") || !strings.Contains(dump(m), "--sign ~/.ssh/id_ed25519") {
			t.Errorf("%s is answered with %s", name, dump(m))
		}
		if len(l.refused) != before+1 || l.refused[before].code != engine.StepUpRequired || l.refused[before].actor.ID != "leo" {
			t.Errorf("%s is written down as %v", name, l.refused[before:])
		}
	}
	if len(votes(l)) != 0 || ask.Appr.State != engine.ApprovalOpen {
		t.Errorf("the approval is %s with %v", ask.Appr.State, votes(l))
	}
	if m := b.Click(t.Context(), Click{Actor: actor(t, "leo"), Verb: "deny", Value: "INC-1 " + ask.ID, Reason: "no"}); m.Failed || ask.Appr.State != engine.ApprovalDenied {
		t.Errorf("a no by a button is answered with %s", dump(m))
	}
}

// Somebody whose signature could not count is told before they sign.
func TestSigningInVain(t *testing.T) {
	l, b := poll(t)
	for _, tt := range []struct {
		who, text string
		code      engine.Code
		want      string
	}{
		{"carl", "approve isolate INC-1 --sign k", engine.StepUpRequired, `the directory holds no SSH key of "carl"`},
		{"rita", "approve isolate INC-1 --sign k", engine.StepUpRequired, `no SSH key of "rita"`},
		{"leo", "approve isolate INC-1 --sign k --digest 000000000000", engine.PlanChanged, "look again before you sign"},
		{"leo", "approve isolate INC-1 --sign k --digest xyz", engine.Usage, "12 to 64 hex digits"},
		{"leo", "approve call INC-1 --sign k", engine.NoStep, "asks nobody for approval"},
		{"leo", "deny isolate INC-1 --reason r --sign k", engine.Usage, "no flag --sign"},
		{"rob", "approve isolate INC-1 --sign k", engine.NotAllowed, ""},
	} {
		if m := b.Command(t.Context(), Input{Actor: actor(t, tt.who), Text: tt.text}); m.Code != tt.code || m.Sign != nil || !strings.Contains(dump(m), tt.want) {
			t.Errorf("%s: %s is answered with %s", tt.who, tt.text, dump(m))
		}
	}
	lea := actor(t, "lea")
	m := b.Command(t.Context(), Input{Actor: lea, Text: "approve isolate INC-1 --sign k"})
	if m.Sign == nil {
		t.Fatal(dump(m))
	}
	stolen := engine.SignSSH(keyOf("lea"), engine.VoteNamespace, engine.VoteMessage(m.Sign.Ballot))
	for _, who := range []string{"leo", "carl"} { // what Lea signed is nobody else's yes
		if m := b.Command(t.Context(), Input{Actor: actor(t, who), Text: "approve isolate INC-1 --sign k", Signature: stolen}); !slices.Contains([]engine.Code{engine.BadSignature, engine.SubjectConflict}, m.Code) || len(votes(l)) != 0 {
			t.Errorf("%s with the signature of Lea is answered with %s", who, dump(m))
		}
	}
}

// Where a click cannot count there is no button for it, and the words say what
// to do instead.
func TestAskForSignatures(t *testing.T) {
	l, b := poll(t)
	i, ask := l.list[0], l.list[0].Asks[0]
	m := AskMessage(i, ask)
	var verbs []string
	for _, p := range m.Parts {
		for _, button := range p.Buttons {
			verbs = append(verbs, button.Verb)
		}
	}
	if diff := cmp.Diff([]string{"deny"}, verbs); diff != "" {
		t.Errorf("the buttons: %s", diff)
	}
	command := "firebreak incident approve INC-1 R1/isolate --digest " + short(ask.Appr.Digest) + " --sign ~/.ssh/id_ed25519"
	text := dump(m)
	for _, want := range []string{"needs a signature by your SSH key", "` " + command, "Approved = 0 of 1 (a yes needs a signature)", "› deny INC-1 R1/isolate"} {
		if !strings.Contains(text, want) {
			t.Errorf("the question lacks %q:\n%s", want, text)
		}
	}
	if text := dump(Card(i, "")); !strings.Contains(text, "0 of 1 approved (a yes needs a signature), until") || !strings.Contains(text, "› "+command) {
		t.Errorf("the card does not say it:\n%s", text)
	}
	cmd, refusal := parse(strings.TrimPrefix(command, "firebreak incident "))
	if refusal != nil || cmd.Flags["sign"] != "~/.ssh/id_ed25519" || cmd.Target != "isolate" || cmd.Run != "R1" {
		t.Errorf("what people are told to type is read as %+v, %v", cmd, refusal)
	}
	leo := actor(t, "leo")
	if text := dump(b.Command(t.Context(), Input{Actor: leo, Text: "whoami"})); !strings.Contains(text, "You sign with = SHA256:") {
		t.Errorf("whoami does not show the key:\n%s", text)
	}
}
