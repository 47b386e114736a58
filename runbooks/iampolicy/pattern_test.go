package iampolicy

import (
	"testing"

	"pgregory.net/rapid"
)

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		`a"b\c`:           `"a\"b\\c"`,
		"${*} %{if} $x %": `"$${*} %%{if} $x %"`,
		"a\nb\tc\rd\x01":  `"a\nb\tc\rd\u0001"`,
		"ü":               `"ü"`,
		"$":               `"$"`,
	} {
		if got := quoted(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// like is what a pattern means, written down once more and slowly.
func like(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return like(pattern[1:], text) || text != "" && like(pattern, text[1:])
	}
	return text != "" && pattern[0] == text[0] && like(pattern[1:], text[1:])
}

// If one pattern covers another, it matches all that the other matches; if two
// do not overlap, nothing matches both.
func TestCoversAndOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringMatching(`[ab*]{0,6}`).Draw(t, "a")
		b := rapid.StringMatching(`[ab*]{0,6}`).Draw(t, "b")
		text := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "text")
		if like(b, text) && covers(a, b) && !like(a, text) {
			t.Fatalf("%q is said to cover %q, but does not match %q", a, b, text)
		}
		if like(a, text) && like(b, text) && !overlap(a, b) {
			t.Fatalf("%q and %q are said to have nothing in common, but both match %q", a, b, text)
		}
		if covers(a, b) && !overlap(a, b) {
			t.Fatalf("%q covers %q and has nothing in common with it", a, b)
		}
		if like(a, text) != covers(a, text) {
			t.Fatalf("%q on the text %q: covers says %v", a, text, covers(a, text))
		}
	})
}
