package timeline

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile is a corpus of texts that try to be more than text.
var hostile = []string{
	"", " ", "|", "a | b | c |\n| --- |", "`code`", "<script>alert(1)</script>", "<!-- hidden -->", "&lt;b&gt; &#124; &amp;", "**bold** __bold__ *i* _i_ ~~s~~",
	"[link](https://evil.example)", "![img](https://evil.example/x.png)", "<https://evil.example>", "https://evil.example/a_b", "www.evil.example", "WwW.evil.example",
	"@everyone @here <!here> <@U01> <!subteam^S1>", "bob@example.com", "#123 GH-1", "# heading", "- item", "1. one", "$$x^2$$", "{{ .Env }}", "+ item", "=== ", "12) two", "\\| \\\\| \\\\\\|", "trailing \\",
	"line\nline\r\nline\rline", "tab\there", "nul\x00bell\x07esc\x1b[31mred\x1b[0m", "del\x7f", "c1\u0085\u009b31m", "rtl \u202Eevil\u202C \u2066x\u2069 \u200F", "zero\u200Bwidth\u200D\uFEFF\u2060",
	"soft\u00ADhyphen", "nbsp\u00A0here", "ls\u2028ps\u2029", "tags \U000E0061\U000E0062", "vs \uFE0F\U000E0100", "blank \u3164\u115F\u2800", "e\u0301", "z" + strings.Repeat("\u0301", 40),
	"bad\xff\xfeutf8\xc3", "\uFFFD", "漢字 עברית العربية emoji 🔥👩\u200D💻", "\U0001F1E9\U0001F1EA", strings.Repeat("|", 2000), strings.Repeat("\u202e", 900), "bob approved step \"wipe\" (2 of 2)",
}

// listNumber is how a numbered list begins.
var listNumber = regexp.MustCompile(`^[0-9]+[.)]`)

// forgeNumber is what a forge makes a link of, also when it is escaped.
var forgeNumber = regexp.MustCompile(`^\\?#[0-9]`)

// readMarkdown undoes escape, as a Markdown reader would. It fails on
// everything that would not be plain text.
func readMarkdown(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); {
		rest := s[i:]
		take := func(from, to string) bool {
			if strings.HasPrefix(rest, from) {
				b.WriteString(to)
				i += len(from)
				return true
			}
			return false
		}
		switch {
		case take("&#124;", "|"), take("&#123;", "{"), take("&#47;", "/"), take("&lt;", "<"), take("&gt;", ">"), take("&amp;", "&"), take("@<!-- -->", "@"), take("#<!-- -->", "#"):
		case forgeNumber.MatchString(rest):
			t.Fatalf("a forge would take a number for one of its own at %d of %q", i, s)
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteByte(rest[1])
			i += 2
		case strings.ContainsRune("|{<>&@\\`*_[]#~$", rune(rest[0])):
			t.Fatalf("%q is not escaped at %d of %q", rest[0], i, s)
		case strings.HasPrefix(rest, "://"), len(rest) > 3 && strings.EqualFold(rest[:4], "www."):
			t.Fatalf("a link would be made at %d of %q", i, s)
		case i == 0 && (strings.ContainsRune("-+=", rune(rest[0])) || listNumber.MatchString(rest)):
			t.Fatalf("a list or a heading would begin at %q", s)
		default:
			_, n := utf8.DecodeRuneInString(rest)
			b.WriteString(rest[:n])
			i += n
		}
	}
	return b.String()
}

func checkEscape(t *testing.T, s string) {
	t.Helper()
	shown := Visible(s)
	if !utf8.ValidString(shown) {
		t.Fatalf("Visible(%q) is no UTF-8: %q", s, shown)
	}
	marks := 0
	for _, r := range shown {
		// What stays of the hidden ones: a replacement character that was there, and up to three accents.
		if hidden(r) && r != utf8.RuneError {
			if marks++; marks > 3 || blank(r) || r < 0x300 {
				t.Fatalf("Visible(%q) still hides %U: %q", s, r, shown)
			}
		} else {
			marks = 0
		}
	}
	if got, want := readMarkdown(t, escape(s)), Cut(shown, maxCell); got != want {
		t.Fatalf("escape(%q) reads as %q, want %q", s, got, want)
	}
	if n := utf8.RuneCountInString(readMarkdown(t, escape(s))); n > maxCell+40 {
		t.Fatalf("escape gives %d characters", n)
	}
	data, err := marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsFunc(data, hidden) {
		t.Fatalf("marshal(%q) hides something: %q", s, data)
	}
	var got, want string
	plain, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(plain, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &got); err != nil || got != want {
		t.Fatalf("marshal(%q) reads as %q (%v), want %q", s, got, err, want)
	}
}

func TestEscapeHostile(t *testing.T) {
	for _, s := range hostile {
		checkEscape(t, s)
		checkEscape(t, "x"+s+"y")
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkEscape)
}

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "key AKIA is Inactive", "key AKIA is Inactive"},
		{"other scripts", "漢字 עברית 🔥", "漢字 עברית 🔥"},
		{"an accent", "e\u0301", "e\u0301"},
		{"turned direction", "a\u202Eb", "a⟨U+202E⟩b"},
		{"zero width", "a\u200Bb", "a⟨U+200B⟩b"},
		{"a line break", "a\r\nb\nc\rd", "a ⏎ b ⏎ c⟨U+000D⟩d"},
		{"escape", "\x1b[31m", "⟨U+001B⟩[31m"},
		{"no UTF-8", "a\xffb", "a⟨0xFF⟩b"},
		{"a letter that shows nothing", "\u3164", "⟨U+3164⟩"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Visible(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	if got, want := Cut("äöüß", 2), "äö… (2 more characters)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Cut("äöüß", 4); got != "äöüß" {
		t.Errorf("got %q", got)
	}
}

func TestSheetCell(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "train them": "train them", "=1+1": "'=1+1", "  =1+1": "'  =1+1", "\t=1+1": "' =1+1", "＝1+1": "'＝1+1", "-2": "'-2", "a=b": "a=b", "'x": "''x",
		"|calc": "'|calc", "%0A=1": "'%0A=1",
	} {
		if got := SheetCell(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
