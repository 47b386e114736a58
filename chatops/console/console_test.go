package console_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/console"
)

var sample = chatops.Message{
	Title: "INC-1 · SEV 2 · Key on a page", Tone: chatops.Warn, Seq: 7, Incident: "INC-1", Notify: []string{"group:leads"},
	Parts: []chatops.Part{
		{Fields: []chatops.Field{{Label: "State", Value: "open since 12:00:01 UTC (3s ago)"}, {Label: "Declared by", Value: "Rita (rita), who was on call that night and wrote it down at once"}}},
		{Text: "A paragraph that is longer than the line and has to be wrapped somewhere.\nAnd a second line."},
		{Lines: []chatops.Line{{Mark: "✓", Text: "look · Look at the host: done"}, {Mark: "?", Text: "isolate · Isolate the host: waits for group leads, 0 of 1 approved, until 12:15:02 UTC"}}},
		{Code: "target = \"h1\"\n\tcount = 2"},
		{Buttons: []chatops.Button{{Verb: "approve", Value: "INC-1 00", Label: "Approve", Confirm: "Sure?"}}},
		{Note: "INC-1 · journal entry 7"},
	},
	Files: []chatops.File{{Name: "INC-1.md", Data: []byte("abc")}},
}

func TestPrint(t *testing.T) {
	var b bytes.Buffer
	if err := console.Print(&b, sample, console.Style{Width: 50}); err != nil {
		t.Fatal(err)
	}
	want := `INC-1 · SEV 2 · Key on a page
  State        open since 12:00:01 UTC (3s ago)
  Declared by  Rita (rita), who was on call that
               night and wrote it down at once
A paragraph that is longer than the line and has
to be wrapped somewhere.
And a second line.
  ✓ look · Look at the host: done
  ? isolate · Isolate the host: waits for group
    leads, 0 of 1 approved, until 12:15:02 UTC
    target = "h1"
        count = 2
INC-1 · journal entry 7
file INC-1.md, 3 bytes
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrintColor(t *testing.T) {
	var b bytes.Buffer
	if err := console.Print(&b, sample, console.Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[1;33mINC-1", "\x1b[32m  ✓ look", "\x1b[2mINC-1 · journal entry 7\x1b[0m\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%q", want, b.String())
		}
	}
}

func TestPrintWideLetters(t *testing.T) {
	var b bytes.Buffer
	m := chatops.Message{Parts: []chatops.Part{{Fields: []chatops.Field{{Label: "日本", Value: "x"}, {Label: "abcd", Value: "y"}}}, {Text: strings.Repeat("日本 ", 8)}}}
	if err := console.Print(&b, m, console.Style{Width: 20}); err != nil {
		t.Fatal(err)
	}
	if want := "  日本  x\n  abcd  y\n日本 日本 日本 日本\n日本 日本 日本 日本\n"; b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// No text of a message is obeyed by a terminal.
func TestPrintEscapesControls(t *testing.T) {
	evil := "\x1b]0;owned\x07\u009b2J\u202e\r\x00"
	m := chatops.Message{Title: evil, Parts: []chatops.Part{
		{Text: evil}, {Fields: []chatops.Field{{Label: evil, Value: evil}}}, {Lines: []chatops.Line{{Mark: evil, Text: evil}}}, {Code: evil}, {Note: evil},
	}, Files: []chatops.File{{Name: evil}}}
	var b bytes.Buffer
	if err := console.Print(&b, m, console.Style{}); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e }); i >= 0 {
		t.Errorf("a control character reaches the terminal in %q", b.String()[i:])
	}
	b.Reset()
	m.Form = &chatops.Form{Title: evil}
	if err := console.PrintJSON(&b, m); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e }); i >= 0 {
		t.Errorf("a control character is in the JSON: %q", b.String()[i:])
	}
	var back struct{ Title string }
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Title != evil {
		t.Errorf("the JSON gives back %q, %v; want %q", back.Title, err, evil)
	}
}

// The keys are stable.
func TestPrintJSON(t *testing.T) {
	m := sample
	m.Parts = append(m.Parts[:0:0], chatops.Part{Text: "State"}, chatops.Part{Lines: []chatops.Line{{Mark: "✓", Text: "\U000e0041"}}}, m.Parts[4])
	m.Form = &chatops.Form{ID: "deny", State: "INC-1 00", Title: "Deny", Fields: []chatops.FormField{{ID: "reason", Label: "Reason", Optional: true}}}
	var b bytes.Buffer
	if err := console.PrintJSON(&b, m); err != nil {
		t.Fatal(err)
	}
	want := `{
  "title": "INC-1 · SEV 2 · Key on a page",
  "tone": "warn",
  "incident": "INC-1",
  "ok": true,
  "seq": 7,
  "parts": [
    {
      "text": "State"
    },
    {
      "lines": [
        {
          "mark": "✓",
          "text": "\udb40\udc41"
        }
      ]
    },
    {
      "buttons": [
        {
          "verb": "approve",
          "value": "INC-1 00",
          "label": "Approve",
          "confirm": "Sure?"
        }
      ]
    }
  ],
  "form": {
    "id": "deny",
    "state": "INC-1 00",
    "title": "Deny",
    "fields": [
      {
        "id": "reason",
        "label": "Reason",
        "optional": true
      }
    ]
  },
  "files": [
    {
      "name": "INC-1.md",
      "data": "YWJj"
    }
  ],
  "notify": [
    "group:leads"
  ]
}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := console.PrintJSON(&b, chatops.Message{Title: "Refused", Seq: -1, Failed: true, Code: "E_NOT_ALLOWED"}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"title\": \"Refused\",\n  \"code\": \"E_NOT_ALLOWED\",\n  \"ok\": false\n}\n"; b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

var form = chatops.Form{ID: "declare", Title: "Declare an incident", Fields: []chatops.FormField{
	{ID: "title", Label: "What happened?"},
	{ID: "severity", Label: "Severity", Value: "3", Options: []string{"sev1", "sev2", "3"}},
	{ID: "why", Label: "Why?", Long: true, Optional: true},
}}

func TestFill(t *testing.T) {
	var out bytes.Buffer
	got, err := console.Fill(strings.NewReader("\n  Key on a page \r\n9\n2\nfirst\nsecond\n.\n"), &out, form)
	want := map[string]string{"title": "Key on a page", "severity": "sev2", "why": "first\nsecond"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, want := range []string{"This cannot be left empty.", "Choose one of: sev1, sev2, 3", "Severity (sev1, sev2, 3) [3]: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestFillDefaults(t *testing.T) {
	got, err := console.Fill(strings.NewReader("x\n\n.\n"), &bytes.Buffer{}, form)
	if want := map[string]string{"title": "x", "severity": "3", "why": ""}; err != nil || !maps.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestFillLeft(t *testing.T) {
	for _, in := range []string{"", "x\n"} {
		if got, err := console.Fill(strings.NewReader(in), &bytes.Buffer{}, form); !errors.Is(err, console.ErrLeft) || got != nil {
			t.Errorf("with input %q: got %v, %v; want ErrLeft", in, got, err)
		}
	}
}

func TestWrong(t *testing.T) {
	var out bytes.Buffer
	if err := console.Wrong(&out, form, map[string]string{"severity": "choose\x1b one", "title": "too long"}); err != nil {
		t.Fatal(err)
	}
	if want := "What happened?: too long\nSeverity: choose⟨U+001B⟩ one\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// Lines below a line are set in, when they are wrapped too, and JSON says how far.
func TestPrintDepth(t *testing.T) {
	m := chatops.Message{Seq: -1, Parts: []chatops.Part{{Lines: []chatops.Line{
		{Mark: "…", Text: "isolate: 1 of 3 done"}, {Mark: "✗", Text: "isolate.2: failed because of this", Depth: 1}, {Mark: "!", Text: "far", Depth: 1000}, {Mark: "·", Text: "odd", Depth: -3},
	}}}}
	var b bytes.Buffer
	if err := console.Print(&b, m, console.Style{Width: 24}); err != nil {
		t.Fatal(err)
	}
	want := "  … isolate: 1 of 3 done\n    ✗ isolate.2: failed\n      because of this\n" + strings.Repeat("  ", 11) + "! far\n  · odd\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.Reset()
	if err := console.PrintJSON(&b, m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"depth": 1`) && !strings.Contains(b.String(), `"depth":1`) {
		t.Errorf("the JSON does not say how far a line is set in:\n%s", &b)
	}
}
