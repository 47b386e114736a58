package chatops

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/engine"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Command
	}{
		{"", Command{Verb: Help}},
		{"  ", Command{Verb: Help}},
		{"?", Command{Verb: Help}},
		{"HELP run", Command{Verb: Help, Target: "run"}},
		{"help start", Command{Verb: Help, Target: "run"}},
		{"status", Command{Verb: Status}},
		{"status inc-12", Command{Verb: Status, Incident: "INC-12"}},
		{"INC-12", Command{Verb: Status, Incident: "INC-12"}},
		{"DRL-3 status --post", Command{Verb: Status, Incident: "DRL-3", Flags: map[string]string{"post": ""}}},
		{`declare "Key on a page" --sev 2 --private`, Command{Verb: Declare, Text: "Key on a page", Flags: map[string]string{"sev": "2", "private": ""}}},
		{`new Key on a page`, Command{Verb: Declare, Text: "Key on a page"}},
		{`declare like INC-4 again`, Command{Verb: Declare, Text: "like INC-4 again"}},
		{`declare x --sev=SEV-1`, Command{Verb: Declare, Text: "x", Flags: map[string]string{"sev": "1"}}},
		{`declare “Key on a page” —sev 2`, Command{Verb: Declare, Text: "Key on a page", Flags: map[string]string{"sev": "2"}}},
		{`declare –sev 2 it — stopped`, Command{Verb: Declare, Text: "it — stopped", Flags: map[string]string{"sev": "2"}}},
		{`note it's 6" wide`, Command{Verb: Note, Text: `it's 6" wide`}},
		{`note "a \"quoted\" C:\\ word"`, Command{Verb: Note, Text: `a "quoted" C:\ word`}},
		{`note “he said “no” then”`, Command{Verb: Note, Text: "he said “no” then"}},
		{`note „er sagte nein“ ”x”`, Command{Verb: Note, Text: "er sagte nein x"}},
		{`note -- --sev 1 is not a flag`, Command{Verb: Note, Text: "--sev 1 is not a flag"}},
		{`note INC-2 x=y "z"`, Command{Verb: Note, Incident: "INC-2", Text: "x=y z"}},
		{`note "seen in INC-9" INC-2`, Command{Verb: Note, Incident: "INC-2", Text: "seen in INC-9"}},
		{`note seen in INC-9`, Command{Verb: Note, Text: "seen in INC-9"}},
		{`note <@U02|mia> saw <http://evil.example/|evil.example> and <https://a.example/x?y=1&amp;z=2> in <#C1|ops> &lt;b&gt; &amp;lt;`,
			Command{Verb: Note, Text: "@mia saw evil.example and https://a.example/x?y=1&z=2 in #ops <b> &lt;"}},
		{`note <https://evil.example|https://bank.example> <!subteam^S1|@sec> <!here> <mailto:a@b.example|a@b.example>`,
			Command{Verb: Note, Text: "https://evil.example @sec @here a@b.example"}},
		{`note <@U02|a" --kind decision>`, Command{Verb: Note, Text: `@a" --kind decision`}},
		{`run leaked-key INC-7 a=1 b="x y" c=“d e” url=<http://x.example|x.example> --env prod`,
			Command{Verb: Run, Incident: "INC-7", Target: "leaked-key", Inputs: map[string]string{"a": "1", "b": "x y", "c": "d e", "url": "x.example"}, Flags: map[string]string{"env": "prod"}}},
		{`run k a=b=c empty=`, Command{Verb: Run, Target: "k", Inputs: map[string]string{"a": "b=c", "empty": ""}}},
		{`approve r2/disable`, Command{Verb: Approve, Run: "R2", Target: "disable"}},
		{`approve disable~undo2 INC-1`, Command{Verb: Approve, Incident: "INC-1", Target: "disable~undo2"}},
		{`deny disable --reason it is used by payments --digest 0123456789ab`,
			Command{Verb: Deny, Target: "disable", Flags: map[string]string{"reason": "it is used by payments", "digest": "0123456789ab"}}},
		{`deny --reason "not INC-9" R1/disable INC-8`, Command{Verb: Deny, Incident: "INC-8", Run: "R1", Target: "disable", Flags: map[string]string{"reason": "not INC-9"}}},
		{`cancel r3 --reason=wrong`, Command{Verb: Cancel, Run: "R3", Flags: map[string]string{"reason": "wrong"}}},
		{`cancel --reason x`, Command{Verb: Cancel, Flags: map[string]string{"reason": "x"}}},
		{`done call "spoke to Dana" INC-1`, Command{Verb: Done, Incident: "INC-1", Target: "call", Text: "spoke to Dana"}},
		{`done call`, Command{Verb: Done, Target: "call"}},
		{`resolve all is well`, Command{Verb: Resolve, Text: "all is well"}},
		{`timeline --last 050`, Command{Verb: Timeline, Flags: map[string]string{"last": "50"}}},
		{`note x --kind Decision`, Command{Verb: Note, Text: "x", Flags: map[string]string{"kind": "decision"}}},
	} {
		got, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
		} else if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Parse(%q)\n got %+v\nwant %+v", tt.text, got, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"stauts", `did you mean "status"? For more: help status`},
		{"dec", `did you mean "declare"`},
		{"xyzzy", "for a list of what you can type: help"},
		{`note "open`, "is not closed"},
		{"status INC-1 INC-2", "both INC-1 and INC-2 are named"},
		{"list INC-1", `takes no incident`},
		{"INC-1 declare x", `takes no incident`},
		{"status now", `"now" is one word too many`},
		{"status --psot", "did you mean --post"},
		{"note --x y", "a text that begins with -- goes in quotes"},
		{"approve", `"approve" needs a step; type: approve [INC-n] <step>`},
		{"approve a/b", "is no step"},
		{"approve R0/b", "is no step"},
		{"approve R1/b/c", "is no step"},
		{"approve ../b", "is no step"},
		{"cancel foo --reason x", "is no run"},
		{"run a b", "inputs are written name=value"},
		{"run a 1x=b", "is no name of an input"},
		{"run a x=1 x=2", "given twice"},
		{"run a x=" + strings.Repeat("y", MaxValue+1), "bytes"},
		{"run a/b", "is no name of a runbook"},
		{"run a\u200bb", "⟨U+200B⟩"},
		{"run a x=b\u202ec", "⟨U+202E⟩"},
		{"run a x=b\u3164c", "cannot be seen"},
		{"run a --env p\u00adrod", "cannot be seen"},
		{"approve disable\u2066", "cannot be seen"},
		{"help zzzzzz", "is no verb"},
		{"declare x --sev 0", "from 1 to 4"},
		{"declare x --sev high", "from 1 to 4"},
		{"declare x --sev", "needs a value"},
		{"declare x --sev --private", "needs a value"},
		{"declare x --private=no", "takes no value"},
		{"declare x --private --private", "stands twice"},
		{"declare " + strings.Repeat("x", MaxTitle+1), "put the rest into a note"},
		{"note x --kind rumor", "one of observation, decision, hypothesis"},
		{"deny a --reason", "needs a value"},
		{`deny a --reason ""`, "needs a value"},
		{"deny a --reason see INC-4", "put the text in quotes"},
		{"deny --reason R1/a", "put the text in quotes"},
		{"cancel --reason stop R1 now", "put the text in quotes"},
		{strings.Repeat("x", MaxLine+1), "put long texts into a file"},
		{"note \xff", "not valid text"},
	} {
		_, err := Parse(tt.text)
		refusal, ok := err.(*engine.Refusal)
		if !ok || refusal.Code != engine.Usage || !strings.Contains(refusal.Message, tt.want) {
			t.Errorf("Parse(%.80q)\n got %v\nwant %q", tt.text, err, tt.want)
		}
	}
}

// A refusal of a verb that changes something is written down under that verb.
func TestParseRefusalNamesTheVerb(t *testing.T) {
	for _, text := range []string{`approve "x`, "approve", "yes a b c", "INC-1 approve \u200b"} {
		if c, err := Parse(text); err == nil || c.Verb != Approve && !strings.HasPrefix(text, "INC") {
			t.Errorf("Parse(%q) = %q, %v; want a refused approve", text, c.Verb, err)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want Command
	}{
		{nil, Command{Verb: Help}},
		{[]string{"declare", "Key on a page", "--sev", "2"}, Command{Verb: Declare, Text: "Key on a page", Flags: map[string]string{"sev": "2"}}},
		{[]string{"run", "k", "a=x y", `b="`, "c=<@U1>", "d=&lt;"}, Command{Verb: Run, Target: "k", Inputs: map[string]string{"a": "x y", "b": `"`, "c": "<@U1>", "d": "&lt;"}}},
		{[]string{"deny", "x", "--reason=it is used"}, Command{Verb: Deny, Target: "x", Flags: map[string]string{"reason": "it is used"}}},
		{[]string{"deny", "x", "--reason", "it's \\ “used”"}, Command{Verb: Deny, Target: "x", Flags: map[string]string{"reason": "it's \\ “used”"}}},
		{[]string{"note", "--", "--x"}, Command{Verb: Note, Text: "--x"}},
		{[]string{"note", "INC-3", ""}, Command{Verb: Note, Incident: "INC-3"}},
		{[]string{"note", "—x"}, Command{Verb: Note, Text: "—x"}},
	} {
		got, err := Parse(Join(tt.args))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Parse(Join(%q)) where Join is %q\n got %+v, %v\nwant %+v", tt.args, Join(tt.args), got, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range entries() {
		f.Add(e.example)
		f.Add(e.usage())
	}
	for _, s := range []string{`note “a — b” —kind decision`, `run k a="b c" <@U1|x> --env=p`, `deny R1/x --reason "\"&amp;<!here>"`, "note a\u202eb", `note "<http://x|x>`, "a\x00b", `note &amp;lt; <`, `done x -- "y" INC-1`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			if refusal, ok := err.(*engine.Refusal); !ok || refusal.Message == "" || !clean(refusal.Message) {
				t.Fatalf("Parse(%q) refuses with %#v", text, err)
			}
			return
		}
		printed := c.String()
		if len(printed) > MaxLine {
			return // quoting made it longer than a line may be
		}
		again, err := Parse(printed)
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("Parse(%q) = %+v\nprinted %q\nagain %+v, %v", text, c, printed, again, err)
		}
	})
}

// Each verb has help with an example that parses to it, a rule and a handler.
func TestTableIsComplete(t *testing.T) {
	want := []Verb{Declare, List, Status, Plan, Run, Step, Approve, Deny, BreakGlass, Justified, Unjustified, Note, Timeline, Export, Cancel, Retry, Skip, Done, Undo, Extend, Keep, Contained, Readiness, Resolve, WhoAmI, Help,
		DrillScenarios, DrillStart, DrillStatus, DrillInject, DrillSkip, DrillHold, DrillGo, DrillSpeed, DrillAdvance, DrillOutcome, DrillHint, DrillJudge, DrillObserve, DrillRate,
		DrillEnd, DrillStop, DrillFeedback, DrillReport, CorrectiveAdd, CorrectiveClose, Correct, KeyTime, Hide, Unhide}
	var got []Verb
	names := map[string]Verb{}
	for _, e := range entries() {
		got = append(got, e.verb)
		for _, n := range append([]string{string(e.verb)}, e.aliases...) {
			if other, twice := names[n]; twice {
				t.Errorf("%q means both %q and %q", n, other, e.verb)
			}
			names[n] = e.verb
		}
		if e.help == "" || e.example == "" || e.handle == nil || audience(e) == "nobody" {
			t.Errorf("verb %q lacks help, an example, a handler or a rule", e.verb)
		}
		if c, err := Parse(e.example); err != nil || c.Verb != e.verb {
			t.Errorf("the example %q of %q parses to %+v, %v", e.example, e.verb, c, err)
		}
		if !strings.HasPrefix(e.usage(), string(e.verb)) {
			t.Errorf("the usage of %q is %q", e.verb, e.usage())
		}
		if _, ok := e.flag("reason"); e.reason && !ok {
			t.Errorf("verb %q needs a reason and has no --reason", e.verb)
		}
		if e.who == everybody && (e.changes || e.scope == needIncident) {
			t.Errorf("verb %q changes something and is open to strangers", e.verb)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got verbs %v, want %v", got, want)
	}
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  []string
	}{
		{[]string{"re"}, []string{"readiness", "resolve", "retry"}},
		{[]string{"run", "le"}, []string{"leaked-key"}},
		{[]string{"start", ""}, []string{"leaked-key", "wipe"}},
		{[]string{"note", "--"}, []string{"--at", "--kind"}},
		{[]string{"note", "x", "--kind", ""}, []string{"decision", "hypothesis", "observation"}},
		{[]string{"export", ""}, []string{"json", "md"}},
		{[]string{"help", "wh"}, []string{"whoami"}},
		{[]string{"drill", "h"}, []string{"hint", "hold"}},
		{[]string{"drill", "start", "--"}, []string{"--blind", "--speed"}},
		{[]string{"nothing", "x"}, nil},
	} {
		if got := Complete(tt.words, []string{"leaked-key", "wipe"}); !slices.Equal(got, tt.want) {
			t.Errorf("Complete(%q) = %q, want %q", tt.words, got, tt.want)
		}
	}
	words := map[string]bool{}
	for _, e := range entries() {
		first, _, _ := strings.Cut(string(e.verb), " ")
		words[first] = true
	}
	if n := len(Complete(nil, nil)); n != len(words) {
		t.Errorf("an empty line offers %d words, want %d", n, len(words))
	}
}

// A night-time resolve without quotes must not end another incident than the
// one that was meant.
func TestIncidentAtTheEndOfAText(t *testing.T) {
	for _, c := range []struct {
		text, incident string
		refused        bool
	}{
		{text: `resolve ok INC-2`, refused: true},
		{text: `done review found it INC-2`, refused: true},
		{text: `resolve "ok" INC-2`, incident: "INC-2"},
		{text: `resolve INC-2 ok`, incident: "INC-2"},
		{text: `resolve INC-2 like INC-1`, incident: "INC-2"},
		{text: `note looks like INC-2`},
		{text: `resolve "as INC-2"`},
	} {
		cmd, err := Parse(c.text)
		if (err != nil) != c.refused || cmd.Incident != c.incident && !c.refused {
			t.Errorf("%s: incident %q, %v", c.text, cmd.Incident, err)
		}
	}
}

// What a chat has to know of a word before it is understood comes from the
// table too.
func TestWordsOfTheTable(t *testing.T) {
	for _, tt := range []struct {
		word               string
		harmless, reasoned bool
	}{
		{"", true, false}, {"status", true, false}, {"contained", true, false}, {"show", true, false}, {"zap", false, false},
		{"approve", false, false}, {"deny", false, true}, {"lift", false, true}, {"extend", false, true}, {"prolong", false, true}, {"keep", false, true},
		{"export", false, false}, {"drill", false, false}, {"drill status", true, false}, {"drill skip", false, true},
	} {
		if got := Harmless(tt.word); got != tt.harmless {
			t.Errorf("Harmless(%q) = %v", tt.word, got)
		}
		if got := NeedsReason(tt.word); got != tt.reasoned {
			t.Errorf("NeedsReason(%q) = %v", tt.word, got)
		}
	}
	if !Means("new", Declare) || Means("new", Run) || Means("", Declare) {
		t.Error("Means does not know the aliases of declare")
	}
}

// Where only one incident can be meant, a line that is about one is about that.
func TestImply(t *testing.T) {
	for line, want := range map[string]string{
		"approve disable":             "approve DRL-1 disable",
		"drill end \"all seen\"":      `drill end DRL-1 "all seen"`,
		"approve DRL-2 disable":       "approve DRL-2 disable",
		"list":                        "list",
		"drill start x":               "drill start x",
		"aprove disable":              "aprove disable",
		"status":                      "status DRL-1",
		"run leaked key=a":            "run DRL-1 leaked key=a",
		`note "as in INC-3" --at 10m`: `note DRL-1 --at=10m "as in INC-3"`,
	} {
		if got := Imply(line, "DRL-1"); got != want {
			t.Errorf("Imply(%q) = %q, want %q", line, got, want)
		}
	}
}

// The stop word stands alone and ends an exercise; in a sentence it is a word.
func TestStopWord(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: " StopDrill ", Channel: "C1"})
	if m.Code == engine.Usage || !strings.Contains(strings.Join(l.calls, " "), "Submit") {
		t.Errorf("%+v after %v", m, l.calls)
	}
	l.calls = nil
	b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "stopdrill now", Channel: "C1"})
	if strings.Contains(strings.Join(l.calls, " "), "Submit") {
		t.Errorf("a sentence stopped it: %v", l.calls)
	}
}
