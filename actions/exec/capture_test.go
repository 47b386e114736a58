package exec

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"
)

const hidden = "Zq8#kW2!vB7$nX4&"

// A secret that lies across the place of the cut, or was being written when
// the program was killed, leaves no part of itself.
func TestCutLeavesNoPartOfASecret(t *testing.T) {
	m := newMask([]string{hidden})
	encoded := base64.StdEncoding.EncodeToString([]byte(hidden))
	for _, form := range []string{hidden, encoded} {
		for at := maxKept - 100; at <= maxKept+100; at++ {
			c := newCapture(m)
			for chunk := range strings.SplitSeq(strings.Repeat("x", at)+form+strings.Repeat("y", 2000), "y") {
				_, _ = c.Write([]byte(chunk + "y"))
			}
			text, cut, _ := c.text(m, true)
			if !cut || len(text) > maxKept {
				t.Fatalf("at %d: %d bytes, cut %t", at, len(text), cut)
			}
			noPart(t, text, form)
		}
		for n := range len(form) { // masking makes room: the raw end moves to where it is shown
			c := newCapture(m)
			_, _ = c.Write([]byte(strings.Repeat("z", n) + strings.Repeat(form+" ", 2*maxKept/len(form))))
			text, _, _ := c.text(m, true)
			noPart(t, text, form)
		}
		for n := range len(form) {
			c := newCapture(m)
			_, _ = c.Write([]byte("words " + form[:n]))
			text, _, _ := c.text(m, false)
			noPart(t, text, form)
		}
	}
}

func noPart(t *testing.T, text, secret string) {
	t.Helper()
	for n := 3; n <= len(secret); n++ {
		if strings.Contains(text, secret[:n]) {
			t.Fatalf("it ends in %q, the beginning of the secret", text[max(0, len(text)-40):])
		}
	}
}

func TestWholeOutputIsKept(t *testing.T) {
	m := newMask([]string{hidden})
	c := newCapture(m)
	_, _ = c.Write([]byte("the end of it"))
	if text, cut, total := c.text(m, true); text != "the end of it" || cut || total != 13 {
		t.Errorf("got %q, cut %t, %d bytes", text, cut, total)
	}
	c = newCapture(m)
	_, _ = c.Write([]byte("a\xffb"))
	if text, _, _ := c.text(m, true); !utf8.ValidString(text) || text != "a\uFFFDb" {
		t.Errorf("got %q", text)
	}
}

func TestMask(t *testing.T) {
	key := "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n-----END KEY-----"
	m := newMask([]string{hidden, key, "longer " + hidden + " one"})
	for _, test := range []struct{ in, want string }{
		{"nothing here", "nothing here"},
		{"a " + hidden + " b", "a [secret] b"},
		{"a longer " + hidden + " one b", "a [secret] b"},
		{"line MIIEvQIBADANBgkqhkiG of it", "line [secret] of it"},
		{"a short word", "a short word"},
		{strings.Repeat(hidden, 2), "[secret][secret]"},
	} {
		if got := m.text(test.in); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
	for offset := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", offset) + hidden + "more"))
		if got := m.text(text); !strings.Contains(got, masked) || len(got) > len(masked)+12 {
			t.Errorf("in base64 at offset %d: got %q", offset, got)
		}
	}
}

func TestFit(t *testing.T) {
	for _, test := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abc", 5, "abc"}, {"abc", 4, "ab"}, {"\x00\x00", 13, "\x00"}, {"é\"", 6, "é\""}, {"", 2, ""},
	} {
		got, cut := fit(test.in, test.limit)
		if got != test.want || cut != (got != test.in) {
			t.Errorf("%q in %d: got %q, cut %t", test.in, test.limit, got, cut)
		}
	}
}

// What a program says is one line, and gives a terminal no orders.
func TestTail(t *testing.T) {
	if got, want := tail(" one\n\ttwo\x1b[2J\x00 three\u009b "), "one two [2J three"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	long := tail(strings.Repeat("é", 1000) + "end")
	if !strings.HasPrefix(long, "…é") || !strings.HasSuffix(long, "end") || utf8.RuneCountInString(long) != maxStderr+1 {
		t.Errorf("got %q", long)
	}
	o := outcome{ending: ending{code: 3}, stderr: "pass  word is wrong", mask: newMask([]string{"pass word"})}
	if err := o.failure(command{program: "tool"}); strings.Contains(err.Error(), "pass word") {
		t.Errorf("the words of a secret met: %v", err)
	}
}
