package chatops

import (
	goflag "flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

var rewrite = goflag.Bool("rewrite", false, "write what is answered into testdata/*.talk")

// TestTalks plays the conversations of testdata and compares each answer.
//
//	> ann C1: approve isolate      somebody types in a channel (- is a terminal)
//	> click lea approve isolate    somebody clicks a button of the step's latest ask
//	> form lea deny isolate reason=no
//	! later 10m | bind INC-1 C1 | outcome wipe unknown | targets 30 | strict
//	! card INC-1 | asks INC-1 | end INC-1 R1
func TestTalks(t *testing.T) {
	files, err := filepath.Glob("testdata/*.talk")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".talk"), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(data))
			if *rewrite {
				if err := os.WriteFile(f, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(data) {
				t.Errorf("%s: %s\nlook at the difference with: go test -run TestTalks -rewrite && git diff", f, firstDifference(got, string(data)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for n := range min(len(g), len(w)) {
		if g[n] != w[n] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", n+1, g[n], w[n])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

func play(t *testing.T, script string) string {
	l := newLedger(t)
	bot := newBot(l, DefaultPolicy())
	var out strings.Builder
	names := map[string]string{}
	dump := func(m Message) string { return alias(dump(m), names) }
	nonce := 0
	for input := range strings.SplitSeq(script, "\n") {
		if strings.HasPrefix(input, "#") {
			out.WriteString(input + "\n")
			continue
		}
		sign, rest, _ := strings.Cut(input, " ")
		if sign != ">" && sign != "!" {
			continue
		}
		out.WriteString(input + "\n")
		before := len(l.refused)
		nonce++
		key := fmt.Sprint("n", nonce)
		switch words := strings.Fields(rest); {
		case sign == "!":
			var staged strings.Builder
			bot = stage(t, l, bot, words, &staged)
			out.WriteString(alias(staged.String(), names))
		case words[0] == "click" || words[0] == "form":
			b := button(t, l, words[2], words[3])
			a := actor(t, words[1])
			if words[0] == "click" {
				out.WriteString(dump(bot.Click(t.Context(), Click{Actor: a, Nonce: key, Verb: b.Verb, Value: b.Value})))
				break
			}
			values := map[string]string{}
			for _, kv := range words[4:] {
				k, v, _ := strings.Cut(kv, "=")
				values[k] = v
			}
			m, wrong := bot.Answer(t.Context(), Answer{Actor: a, Nonce: key, Form: b.Verb, State: b.Value, Values: values})
			if wrong != nil {
				fmt.Fprintf(&out, "  wrong: %v\n", wrong)
			} else {
				out.WriteString(dump(m))
			}
		default:
			head, text, _ := strings.Cut(rest, ": ")
			who, place, _ := strings.Cut(head, " ")
			if place == "-" {
				place = ""
			}
			text = strings.NewReplacer(`\u202e`, "\u202e", `\u200b`, "\u200b", `\x1b`, "\x1b").Replace(text)
			out.WriteString(dump(bot.Command(t.Context(), Input{Actor: actor(t, who), Nonce: key, Text: text, Channel: place})))
		}
		for _, r := range l.refused[before:] {
			fmt.Fprintf(&out, "  written down: %s %s by %s in %q\n", r.verb, r.code, orElse(r.actor.ID, string(r.actor.Type)), r.incident)
		}
		out.WriteString("\n")
	}
	return out.String()
}

var digests = regexp.MustCompile(`\b[0-9a-f]{12}\b`)

// alias gives each digest a name, so that the conversations do not depend on
// how a plan is hashed.
func alias(s string, names map[string]string) string {
	return digests.ReplaceAllStringFunc(s, func(d string) string {
		if strings.HasPrefix("0123456789abcdef", d) || strings.Trim(d, "0") == "" || d == "111122223333" {
			return d
		}
		if names[d] == "" {
			names[d] = fmt.Sprintf("<digest %d>", len(names)+1)
		}
		return names[d]
	})
}

// button finds the button of a verb in the latest ask of a step, or makes one
// as it stood there.
func button(t *testing.T, l *ledger, verb, step string) Button {
	t.Helper()
	for n := len(l.list) - 1; n >= 0; n-- {
		i := l.list[n]
		for k := len(i.Asks) - 1; k >= 0; k-- {
			if i.Asks[k].Step.ID == step {
				return Button{Verb: verb, Value: i.ID + " " + i.Asks[k].ID}
			}
		}
	}
	return Button{Verb: verb, Value: "INC-1 0000000000000000"}
}

func stage(t *testing.T, l *ledger, bot *Bot, words []string, out *strings.Builder) *Bot {
	t.Helper()
	incident := func() *engine.Incident {
		i, refusal := l.find(words[1])
		if refusal != nil {
			t.Fatal(refusal)
		}
		return i
	}
	switch words[0] {
	case "later":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		l.later(d)
	case "bind":
		l.bind(words[1], words[2])
	case "outcome":
		l.outcome[words[1]] = words[2]
	case "targets":
		if _, err := fmt.Sscan(words[1], &l.targets); err != nil {
			t.Fatal(err)
		}
	case "wide":
		l.programs = append(l.programs, load(t, wide, l.programs...)...)
	case "reminders":
		i := incident()
		for _, a := range i.Asks {
			if n := a.Reminders(); n > 0 {
				out.WriteString(dump(ReminderMessage(i, a, n)))
			}
		}
	case "deep":
		l.deep = "\u202e<!channel> *x*\x1b[31m\u200b"
	case "strict":
		return newBot(l, Policy{})
	case "card":
		out.WriteString(dump(Card(incident(), Head(l.seq, "0123456789abcdef"))))
	case "asks":
		i := incident()
		for _, a := range i.Asks {
			out.WriteString(dump(AskMessage(i, a)))
		}
	case "end":
		i := incident()
		r, ok := i.Run(words[2])
		if !ok {
			t.Fatalf("no run %s", words[2])
		}
		out.WriteString(dump(EndMessage(i, r)))
	default:
		t.Fatalf("no stage direction %q", words[0])
	}
	return bot
}

// dump writes everything in a message.
func dump(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  [%s] %q", orElse(string(m.Tone), "neutral"), m.Title)
	for _, f := range []struct {
		set  bool
		word string
	}{{m.Public, "public"}, {m.Failed, "failed"}, {m.Usage, "usage"}, {m.Seq >= 0, fmt.Sprint("seq=", m.Seq)}, {m.Incident != "", m.Incident}, {m.Code != "", string(m.Code)}, {len(m.Notify) > 0, "notify=" + strings.Join(m.Notify, ",")}} {
		if f.set {
			b.WriteString(" " + f.word)
		}
	}
	b.WriteString("\n")
	for _, p := range m.Parts {
		switch {
		case p.Text != "":
			b.WriteString("  | " + strings.ReplaceAll(p.Text, "\n", "\n  |   ") + "\n")
		case p.Fields != nil:
			for _, f := range p.Fields {
				fmt.Fprintf(&b, "  %s = %s\n", f.Label, f.Value)
			}
		case p.Lines != nil:
			for _, x := range p.Lines {
				fmt.Fprintf(&b, "  %s%s %s\n", strings.Repeat("    ", x.Depth), x.Mark, x.Text)
			}
		case p.Code != "":
			b.WriteString("  ` " + strings.ReplaceAll(p.Code, "\n", "\n  ` ") + "\n")
		case p.Note != "":
			b.WriteString("  ~ " + p.Note + "\n")
		case p.Buttons != nil:
			for _, x := range p.Buttons {
				fmt.Fprintf(&b, "  [%s] %s %q", x.Label, x.Verb, x.Confirm)
				if len(x.Value) > 200 {
					b.WriteString(" TOO LONG")
				}
				b.WriteString("\n")
			}
		default:
			b.WriteString("  EMPTY PART\n")
		}
	}
	if f := m.Form; f != nil {
		fmt.Fprintf(&b, "  form %s %q [%s]\n", f.ID, f.Title, f.Submit)
		for _, x := range f.Fields {
			fmt.Fprintf(&b, "    %s %q %v %q optional=%v long=%v\n", x.ID, x.Label, x.Options, x.Value, x.Optional, x.Long)
			if strings.Contains(x.Hint, "has to be") || strings.Contains(x.Hint, "It is") {
				fmt.Fprintf(&b, "      %s\n", x.Hint)
			}
		}
	}
	for _, f := range m.Files {
		fmt.Fprintf(&b, "  file %s %q\n", f.Name, f.Data)
	}
	return b.String()
}
