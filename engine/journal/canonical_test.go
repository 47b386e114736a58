package journal

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

// vectors reads testdata/canonical.txt: source text, and what it becomes or why it does not.
func vectors(t testing.TB, each func(source, want, why string)) {
	t.Helper()
	text, err := os.ReadFile("testdata/canonical.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for block := range strings.SplitSeq(string(text), "\n\n") {
		if strings.HasPrefix(block, "#") {
			continue
		}
		source, rest, ok := strings.Cut(strings.TrimSpace(block), "\n")
		switch {
		case ok && strings.HasPrefix(rest, "=> "):
			each(source, rest[3:], "")
		case ok && strings.HasPrefix(rest, "!! "):
			each(source, "", rest[3:])
		default:
			t.Fatalf("malformed block %q", block)
		}
		n++
	}
	if n < 25 {
		t.Fatalf("only %d vectors", n)
	}
}

func TestCanonicalVectors(t *testing.T) {
	vectors(t, func(source, want, why string) {
		got, err := canonicalize([]byte(source))
		if why != "" {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: got %s, %v, want an error with %q", source, got, err, why)
			}
			if CheckCanonical([]byte(source)) == nil {
				t.Errorf("%s: passes as canonical", source)
			}
			return
		}
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", source, got, err, want)
		}
		if err := CheckCanonical([]byte(want)); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if source != want && CheckCanonical([]byte(source)) == nil {
			t.Errorf("%s: passes as canonical", source)
		}
	})
}

func TestCanonicalValues(t *testing.T) {
	type inner struct {
		Zebra string `json:"zebra"`
		Ant   *int   `json:"ant,omitempty"`
	}
	for _, test := range []struct {
		value any
		want  string // "" is an error
	}{
		{nil, `null`},
		{map[string]any{"InstanceId": "i-1", "tags": []string{"<a>", "ü"}}, `{"InstanceId":"i-1","tags":["<a>","ü"]}`},
		{inner{Zebra: "line\nquote\""}, `{"zebra":"line\u000aquote\""}`},
		{json.RawMessage(` {"b": 1, "a": 2} `), `{"a":2,"b":1}`},
		{float64(3), `3`},
		{json.Number("12"), `12`},
		{"\ufffd", `"` + "\ufffd" + `"`},
		{3.5, ``},
		{1e21, ``},
		{uint64(math.MaxUint64), ``},
		{"\xff", ``},
		{map[string]string{"a": "\xc3"}, ``},
		{map[string]int{"a b": 1}, ``},
		{json.RawMessage("\"\xff\""), ``},
		{make(chan int), ``},
	} {
		got, err := Canonical(test.value)
		if (err != nil) != (test.want == "") || string(got) != test.want {
			t.Errorf("%#v: got %s, %v, want %s", test.value, got, err, test.want)
		}
	}
	if _, err := Canonical(map[string]any{"steps": map[string]any{"cost": 1.5}}); err == nil || !strings.Contains(err.Error(), `in "steps": in "cost"`) {
		t.Errorf("an error does not say where: %v", err)
	}
}

func FuzzCanonical(f *testing.F) {
	vectors(f, func(source, _, _ string) { f.Add([]byte(source)) })
	f.Fuzz(func(t *testing.T, source []byte) {
		got, err := canonicalize(source)
		strict := CheckCanonical(source)
		if same := err == nil && bytes.Equal(got, source); same != (strict == nil) {
			t.Fatalf("%q: canonical form %q (%v), but the strict reader says %v", source, got, err, strict)
		}
		if err != nil {
			return
		}
		if err := CheckCanonical(got); err != nil {
			t.Fatalf("%q became %q: %v", source, got, err)
		}
		if again, err := canonicalize(got); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%q is not its own canonical form: %q, %v", got, again, err)
		}
		var a, b any
		if json.Unmarshal(source, &a) != nil || json.Unmarshal(got, &b) != nil {
			t.Fatalf("%q became %q, one of which encoding/json does not read", source, got)
		}
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			t.Fatalf("%q became %q, which means something else", source, got)
		}
	})
}

func FuzzCheckCanonical(f *testing.F) {
	vectors(f, func(source, want, _ string) { f.Add([]byte(source + want)) })
	f.Fuzz(func(t *testing.T, text []byte) {
		if CheckCanonical(text) != nil {
			return
		}
		value, err := Canonical(json.RawMessage(text))
		if bytes.Contains(text, []byte("\ufffd")) {
			return // a literal U+FFFD is allowed; encoding/json passes it on as it is or escaped, as its version likes
		}
		if err != nil || !bytes.Equal(value, text) {
			t.Fatalf("%q passes but becomes %q, %v", text, value, err)
		}
	})
}

func FuzzParseLeaf(f *testing.F) {
	for _, e := range leaves() {
		encodeLeaf(&e)
		f.Add(e.Leaf)
	}
	f.Fuzz(func(t *testing.T, leaf []byte) {
		e, err := ParseLeaf(leaf)
		if err != nil {
			return
		}
		if err := checkDepth(leaf, leafDepth); err != nil {
			t.Fatalf("%q parses but is not canonical: %v", leaf, err)
		}
		again := e
		encodeLeaf(&again)
		if !bytes.Equal(again.Leaf, leaf) || again.Hash != e.Hash {
			t.Fatalf("%q parses but is written %q", leaf, again.Leaf)
		}
	})
}
