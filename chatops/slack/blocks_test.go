package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func drawn(t interface{ Fatal(...any) }, m chatops.Message) ([]byte, string) {
	blocks, text := slack.Blocks(m)
	raw, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	return raw, text
}

func TestBlocksKeepEveryLimit(t *testing.T) {
	nasty := rapid.OneOf(
		rapid.String(),
		rapid.StringN(0, 20, -1),
		rapid.SampledFrom([]string{"", " ", "\n\n", "<!channel>", "<@U1>", "&amp;", "a\u202Eb", "\x00\xff", "*bold*", strings.Repeat("x", 200), strings.Repeat("<&>\n", 900), strings.Repeat("é", 5000), strings.Repeat("\"\\", 4000), strings.Repeat("\u0001", 3000)}),
	)
	rapid.Check(t, func(t *rapid.T) {
		button := rapid.Custom(func(t *rapid.T) chatops.Button {
			return chatops.Button{Verb: rapid.SampledFrom([]string{"approve", "deny", "done", ""}).Draw(t, "verb"), Value: rapid.StringN(0, 200, 200).Draw(t, "value"),
				Label: nasty.Draw(t, "label"), Confirm: nasty.Draw(t, "confirm"), Tone: rapid.SampledFrom([]chatops.Tone{"", chatops.Good, chatops.Danger}).Draw(t, "tone")}
		})
		part := rapid.Custom(func(t *rapid.T) chatops.Part {
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				return chatops.Part{Text: nasty.Draw(t, "text")}
			case 1:
				return chatops.Part{Fields: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chatops.Field {
					return chatops.Field{Label: nasty.Draw(t, "label"), Value: nasty.Draw(t, "value")}
				}), 1, 30).Draw(t, "fields")}
			case 2:
				return chatops.Part{Lines: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chatops.Line {
					return chatops.Line{Mark: rapid.SampledFrom([]string{"", "✓", "a very long mark"}).Draw(t, "mark"), Text: nasty.Draw(t, "text")}
				}), 1, 60).Draw(t, "lines")}
			case 3:
				return chatops.Part{Code: nasty.Draw(t, "code")}
			case 4:
				return chatops.Part{Note: nasty.Draw(t, "note")}
			default:
				return chatops.Part{Buttons: rapid.SliceOfN(button, 1, 60).Draw(t, "buttons")}
			}
		})
		m := chatops.Message{Title: nasty.Draw(t, "title"), Tone: rapid.SampledFrom([]chatops.Tone{"", chatops.Good, chatops.Warn, chatops.Danger}).Draw(t, "tone"),
			Parts: rapid.SliceOfN(part, 0, 80).Draw(t, "parts")}
		raw, text := drawn(t, m)
		if problems := blocklint(raw); len(problems) > 0 {
			t.Fatalf("%q", problems)
		}
		if n := utf8.RuneCountInString(text); n == 0 || n > 3000 || strings.ContainsAny(text, "<>") {
			t.Fatalf("fallback of %d characters: %.200q", n, text)
		}
		parsed, err := slackfake.ParseBlocks(raw)
		if err != nil {
			t.Fatal(err)
		}
		if problems := slackfake.CheckBlocks(parsed, slackfake.OnMessage); len(problems) > 0 {
			t.Fatalf("%v", problems)
		}
	})
}

func TestBlocksGolden(t *testing.T) {
	long := strings.Repeat("A line that is repeated until the card is full.\n", 400)
	for name, m := range map[string]chatops.Message{
		"signed": signedAsk(),
		"card": {Title: "INC-12 Leaked access key", Tone: chatops.Danger, Parts: []chatops.Part{
			{Fields: []chatops.Field{{Label: "State", Value: "open since 12:00"}, {Label: "Severity", Value: "SEV 2"}}},
			{Lines: []chatops.Line{{Mark: "✓", Text: "owner"}, {Mark: "…", Text: "disable"}}},
			{Code: "aws iam update-access-key"},
			{Buttons: []chatops.Button{{Verb: "approve", Value: "INC-12 00ff", Label: "Approve", Tone: chatops.Good, Confirm: "Disable the key?"}, {Verb: "deny", Value: "INC-12 00ff", Label: "Deny", Tone: chatops.Danger}}},
			{Note: "journal 42 entries"},
		}},
		"loop": {Title: "INC-12 Worm", Tone: chatops.Warn, Parts: []chatops.Part{
			{Text: "R1 sweep: active"},
			{Lines: []chatops.Line{
				{Mark: "…", Text: "isolate: 31 of 37 done, 2 failed, 4 in flight"},
				{Mark: "✗", Text: "isolate.2: failed: no right <!here>\nto do this", Depth: 1},
				{Mark: "!", Text: "isolate.9: in doubt", Depth: 1},
				{Mark: "…", Text: "other: runbook contain, 1 of 3 done", Depth: 0},
				{Mark: "?", Text: "other.deep.isolate: waits", Depth: 99},
			}},
		}},
		"containment": {Title: "Lift, extend or keep: R1/isolate", Tone: chatops.Warn, Parts: []chatops.Part{
			{Fields: []chatops.Field{{Label: "In effect since", Value: "12:05:04 UTC"}}},
			{Text: "This was meant to last until 12:05:04 UTC."},
			{Buttons: []chatops.Button{{Verb: "undo", Value: "INC-12 00ff", Label: "Lift…", Tone: chatops.Good}, {Verb: "extend", Value: "INC-12 00ff", Label: "Extend…"}, {Verb: "keep", Value: "INC-12 00ff", Label: "Keep for good…", Tone: chatops.Danger}}},
		}},
		"hostile": {Title: "<!channel> \u202Egnp.exe", Parts: []chatops.Part{
			{Text: "<https://evil.example|https://good.example> <@U1> *bold* :tada: a\u200Bb @here"},
			{Fields: []chatops.Field{{Label: "<!here>", Value: "<!subteam^S1>"}}},
			{Lines: []chatops.Line{{Mark: "✓", Text: "one\ntwo & <three>"}}},
		}},
		"overflow": {Title: "Too much", Parts: []chatops.Part{{Text: long}, {Buttons: []chatops.Button{{Verb: "approve", Value: "x", Label: "Approve"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			raw, text := drawn(t, m)
			if problems := blocklint(raw); len(problems) > 0 {
				t.Errorf("%q", problems)
			}
			var out bytes.Buffer
			if err := json.Indent(&out, unescapeHTML(raw), "", "  "); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "\n\n%s\n", text)
			golden(t, "blocks-"+name+".txt", out.Bytes())
		})
	}
}

// signedAsk is a question whose yes has to be signed, as the rest of the house asks it.
func signedAsk() chatops.Message {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := &engine.Step{ID: "disable", Def: &runbooks.Step{ID: "disable", Title: "Disable the key", Uses: "aws.iam.deactivate_access_key", Effect: actions.Reversible, CanUndo: true},
		Status: engine.StepAwaiting, Digest: strings.Repeat("ab", 32), Params: []byte(`{"user":"ci"}`),
		Preview: &actions.Preview{Targets: []actions.Target{{Type: "aws.iam.user", ID: "ci", Account: "111122223333"}}}}
	s.Approval = &engine.Approval{State: engine.ApprovalOpen, AskedAt: at, ApprovalRequested: engine.ApprovalRequested{
		ID: "0011223344556677", Digest: s.Digest, From: []string{"group:leads"}, Quorum: 2, StepUp: true, Expires: engine.At(at.Add(15 * time.Minute))}}
	alice := engine.Actor{Type: engine.Person, ID: "alice", Name: "Alice"}
	run := &engine.Run{ID: "R1", Program: &runbooks.Program{ID: "leaked-access-key"}, Requester: alice, Status: engine.RunActive, StartedAt: at, Steps: []*engine.Step{s}}
	ask := &engine.Ask{ID: s.Approval.ID, Type: engine.AskApproval, Step: s, Appr: s.Approval, At: at}
	return chatops.AskMessage(&engine.Incident{ID: "INC-12", Title: "Leaked access key", Severity: 2, DeclaredAt: at, Now: at, DeclaredBy: alice, Runs: []*engine.Run{run}, Asks: []*engine.Ask{ask}}, ask)
}

func TestACardThatIsCutSaysSoAndKeepsItsButtons(t *testing.T) {
	raw, _ := drawn(t, chatops.Message{Title: "T", Parts: []chatops.Part{
		{Text: strings.Repeat("word ", 4000)}, {Buttons: []chatops.Button{{Verb: "approve", Label: "Approve"}}},
	}})
	has(t, string(raw), "more characters are not shown")
	has(t, string(raw), "the rest does not fit in Slack")
	has(t, string(raw), `"fb:approve:0"`)
}
