package graph

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// What a line of Mermaid may be. A label holds no quote, no tag but the line
// break, and no sign that means something but in an entity code.
const mermaidSafe = `(?:[\p{L}\p{N} .,\-_/()=!;…]|#\d+;|<br/>)*`

func mermaidLines() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, p := range []string{
		`flowchart TB`, `end`, `direction TB`,
		`n\d+(notes)?(\(\[|\[/|\[\[|\[|\(|\{\{)"` + mermaidSafe + `"(\]\)|/\]|\]\]|\]|\)|\}\})`,
		`subgraph (n\d+|cancel)\["` + mermaidSafe + `"\]`,
		`n\d+ --> n\d+`,
		`class n\d+(,n\d+)* [a-z]+`, `classDef [a-z]+ [a-z0-9:#,\-]+`, `style (cancel|n\d+notes) [a-z\-]+:\d \d`,
	} {
		out = append(out, regexp.MustCompile(`^ *`+p+`$`))
	}
	return out
}

func TestMermaidHoldsItsGrammar(t *testing.T) {
	grammar := mermaidLines()
	for name, p := range everyProgram(t) {
		t.Run(name, func(t *testing.T) {
			text := draw(t, p, Mermaid)
			open := 0
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if !slices.ContainsFunc(grammar, func(re *regexp.Regexp) bool { return re.MatchString(line) }) {
					t.Errorf("this is no line of ours: %s", line)
				}
				switch word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word {
				case "subgraph":
					open++
				case "end":
					open--
				}
			}
			if open != 0 {
				t.Errorf("%d frames are not closed", open)
			}
			for path := range deep(p) {
				if len(path) < longestLine/2 && !strings.Contains(text, path) {
					t.Errorf("the step %q is not there", path)
				}
			}
		})
	}
}

// Every line of DOT is ours once its quoted strings are taken out.
func TestDOTHoldsItsGrammar(t *testing.T) {
	quoted := dotQuoted()
	line := regexp.MustCompile(`^ *(digraph S \{|subgraph cluster_\w+ \{|\}|(graph|node|edge|n\d+\w*|n\d+\w* -> n\d+\w*)( \[[\w=, S]*\])?;)$`)
	for name, p := range everyProgram(t) {
		t.Run(name, func(t *testing.T) {
			text := draw(t, p, DOT)
			for l := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
				if !line.MatchString(quoted.ReplaceAllString(l, "S")) {
					t.Errorf("this is no line of ours: %s", l)
				}
			}
			if strings.Count(text, "{") < strings.Count(text, "subgraph") {
				t.Error("a frame is not opened")
			}
			for path := range deep(p) {
				if len(path) < longestLine/2 && !strings.Contains(text, path) {
					t.Errorf("the step %q is not there", path)
				}
			}
		})
	}
}

// Whatever an author writes: each format stays what it is.
func TestAnyText(t *testing.T) {
	grammar := mermaidLines()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`["\\\\\]\[<>&#;:%{}`+"`"+`|\n a-z-]{0,60}`))
		p := runbookstest.Whole()
		p.Title = text.Draw(t, "title")
		p.Steps[0].Title = text.Draw(t, "step")
		p.Steps[1].If = runbookstest.Expr(text.Draw(t, "condition"))
		p.Steps[7].Title = text.Draw(t, "frame")
		g := New(p)
		var b strings.Builder
		if err := SVG(&b, g); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal([]byte(b.String()), new(struct{})); err != nil {
			t.Fatalf("%v", err)
		}
		b.Reset()
		if err := Mermaid(&b, g); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
			if !slices.ContainsFunc(grammar, func(re *regexp.Regexp) bool { return re.MatchString(line) }) {
				t.Fatalf("this is no line of ours: %s", line)
			}
		}
		b.Reset()
		if err := DOT(&b, g); err != nil {
			t.Fatal(err)
		}
		if bare := dotQuoted().ReplaceAllString(b.String(), "S"); strings.Contains(bare, `"`) || strings.Count(bare, "\n") != strings.Count(b.String(), "\n") {
			t.Fatalf("a quote is not closed: %s", bare)
		}
	})
}

func dotQuoted() *regexp.Regexp { return regexp.MustCompile(`"(?:[^"\\\n]|\\["\\l])*"`) }

func TestMermaidText(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`say "hi" <b>`, "say #34;hi#34; #60;b#62;"},
		{"style: #;", "style#58; #35;;"},
		{"1. one", "1#46; one"},
		{"- one - two", "#45; one - two"},
		{"`code` {x} [y] %%{", "#96;code#96; #123;x#125; #91;y#93; #37;#37;#123;"},
		{"größer", "größer"},
	} {
		if got := mermaidText(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"two\nlines\t here", "two lines here"},
		{"a\u202Eb\u0000c", "a<U+202E>b<U+0000>c"},
		{"e\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301<U+0301>"},
		{"\xff", "\uFFFD"},
	} {
		if got := visible(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestModel(t *testing.T) {
	g := New(runbookstest.Whole())
	var all []string
	for n := range g.Main.All() {
		if n.ID != "" {
			all = append(all, n.ID+" "+n.word())
		}
	}
	want := []string{"owner read", "disable reversible", "revoke reversible", "settle wait", "later wait", "wipe destructive", "machine reversible", "inform runbook", "inform.post tells", "inform.call person", "review person"}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Mark{
		{SignIf, "only if", `steps.owner.outputs.status == "Active"`},
		{SignApproval, "1 yes from group:security-leads within 15m, signed by SSH key; after 5m also group:ciso; break-glass: group:commanders", ""},
		{SignVerify, "proved within 1m", ""},
		{SignUndo, "can be taken back; 2 yes from group:security-leads within 15m", ""},
		{SignContains, "ends after 72h: group:security-leads decide", ""},
		{SignRetry, "up to 3 attempts, first pause 2s", ""},
		{SignOnFailure, "refused: go on", ""},
		{SignLimit, "at most 10m in all", ""},
	}, g.Main.Nodes[2].Marks); diff != "" {
		t.Error(diff)
	}
}

// A copy for the record looks as harmless as a read; one that leaves a trace on its
// target looks as dangerous as it is.
func TestCopiesAndTraces(t *testing.T) {
	step := func(effect actions.Effect) *Node {
		n := node("", &runbooks.Step{ID: "a", Uses: "test.snapshot", Effect: effect, Adds: true})
		return &n
	}
	if n := step(actions.Reversible); look(n) != "read" || n.word() != "adds" {
		t.Errorf("a copy looks %s, and is called %s", look(n), n.word())
	}
	if n := step(actions.Destructive); look(n) != "destructive" || n.word() != "adds" {
		t.Errorf("a copy that leaves a trace looks %s, and is called %s", look(n), n.word())
	}
}

// An edge that follows from others is left out, and nothing else.
func TestReduce(t *testing.T) {
	got := reduce([][]int{nil, {0}, {0, 1}, {1, 0, 1}, {2, 3, 0}})
	if diff := cmp.Diff([]Edge{{0, 1}, {1, 2}, {1, 3}, {2, 4}, {3, 4}}, got); diff != "" {
		t.Error(diff)
	}
}

// A program that is no longer possible to compile is drawn all the same: a
// circle must not hang a command that reads old files.
func TestCircle(t *testing.T) {
	p := &runbooks.Program{ID: "circle", Title: "Circle", Steps: []runbooks.Step{read("a", "A", "b"), read("b", "B", "a", "b", "nothing"), read("c", "C", "a")}}
	for format, write := range writers() {
		if text := draw(t, p, write); !strings.Contains(text, "test.read") {
			t.Errorf("%s: got %s", format, text)
		}
	}
}

// The widths are those of the faces that readers have; a text that is measured
// too short runs out of its card.
func TestWidths(t *testing.T) {
	r := newRuler()
	for _, tt := range []struct {
		text  string
		f     font
		least int // what the widest of the usual faces needs
	}{
		{"WWWWWWWWWW", font{size: 100}, 944}, {"iiiiiiiiii", font{size: 100}, 222}, {"0123456789", font{size: 100}, 556},
		{"WWWWWWWWWW", font{size: 100, bold: true}, 944}, {"iiiiiiiiii", font{size: 100, mono: true}, 602},
		{"字字字字字字字字字字", font{size: 100}, 1000}, {"字字字字字字字字字字", font{size: 100, mono: true}, 1000}, {"🔥🔥🔥🔥🔥🔥🔥🔥🔥🔥", font{size: 100}, 1000},
		{"ЖЖЖЖЖЖЖЖЖЖ", font{size: 100}, 840}, {"e\u0301e\u0301", font{size: 100}, 111},
	} {
		if got := r.width(tt.text, tt.f); got < tt.least || got > tt.least*13/10+10 {
			t.Errorf("%q with %+v: got %d, want %d or a little more", tt.text, tt.f, got, tt.least)
		}
	}
}

func TestWrap(t *testing.T) {
	r := newRuler()
	f := textFont()
	for _, text := range []string{"", "short", strings.Repeat("word ", 50), strings.Repeat("W", 300), "a.b.c." + strings.Repeat("long_name.", 30), "日本語" + strings.Repeat("字", 90)} {
		lines := r.wrap(text, f, 200, 3)
		if len(lines) > 3 {
			t.Errorf("%q: %d lines", text, len(lines))
		}
		for _, l := range lines {
			if w := r.width(l, f); w > 200 {
				t.Errorf("%q is %d wide", l, w)
			}
		}
		if r.width(text, f) > 700 && !strings.HasSuffix(lines[len(lines)-1], "…") {
			t.Errorf("%q: nothing says that it was cut: %q", text, lines)
		}
	}
}
