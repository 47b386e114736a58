package runbooks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// dearScenarios are scenarios of about size bytes that were made to cost much.
func dearScenarios(size int) map[string]string {
	const head = "apiVersion: firebreak/v1\nkind: Scenario\nid: a\ntitle: A\nrunbook: book\nbriefing: B\nend: {max: 60m}\n"
	number := func(start, format, end string, n int) string {
		var b strings.Builder
		b.WriteString(head + start)
		for i := 0; i < n && b.Len() < size-len(end)-1000; i++ {
			b.WriteString(strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
		}
		return b.String() + end
	}
	const most = 1 << 20
	expect := "injects:\n  - id: a\n    at: 0s\n    to: channel\n    say: S\n    expect:\n"
	return map[string]string{
		"expressions":     number(expect, "      - {when: elapsed > %d, within: 1m}\n", "", 50),
		"large":           number("objectives:\n", "  - {id: o%d, text: T, check: '"+strings.Repeat("hints==1||", 40)+"hints==%d'}\n", "", 50),
		"injects":         number("injects:\n", "  - {id: i%d, at: 0s, to: channel, say: S}\n", "", 200),
		"a chain":         number("injects:\n  - {id: i, hand: true, to: channel, say: S}\n  - {id: i0, after: i, to: channel, say: S}\n", "  - {id: i1%d, after: i%d, to: channel, say: S}\n", "", 200),
		"a circle":        number("injects:\n  - {id: i0, after: i1, to: channel, say: S}\n  - {id: i1, after: i0, to: channel, say: S}\n", "  - {id: j%d, after: i0, to: channel, say: S}\n", "", 190),
		"unknown injects": number("injects:\n", "  - {id: i%d, after: injekt%d, to: channel, say: S}\n", "", 200),
		"unknown people":  number("script:\n", "  - {by: p%d, at: 1m, type: a}\n", "", 1000),
		"people":          number("people:\n", "  p%d: [leads]\n", "", most),
		"people away":     number("injects:\n", "  - {id: i%d, at: 0s, to: channel, say: S, away: [a, b, c, d, e, f, g, h]}\n", "people: {a: [leads], b: [leads], c: [leads]}\n", 200),
		"answers":         number("answers:\n", "  disable.%d: {}\n", "", most),
		"unknown answers": number("answers:\n", "  disble%d: {}\n", "", most),
		"attempts":        number("answers:\n  disable:\n", "    - {takes: 1s}\n", "", most),
		"facts":           number("facts:\n", "  f%d: a\n", "", 100),
		"unknown keys":    number("", "k%d: a\n", "", most),
		"secrets":         number("briefings: >-\n", "  ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8%d wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12\n", "", most),
		"nearly secrets":  head + "tests: [" + strings.Repeat("A", size) + "]\n",
		"unseen":          number("facts:\n", "  f%d: \"\\u200b\"\n", "", 100),
		"script":          number("script:\n", "  - {by: a, when: elapsed > %d, type: a}\n", "people: {a: [b]}\n", 1000),
		"forbidden":       number("forbidden:\n", "  - {action: aws.iam.delete%d, why: a}\n", "", 100),
		"too many":        number("injects:\n", "  - {}\n", "", most),
	}
}

func TestNoScenarioIsDear(t *testing.T) {
	p := scenarioBook(t)
	sources := dearScenarios(costUnit)
	for name, src := range dearScenarios(8 * costUnit) {
		sources["a lot of "+name] = src
	}
	for _, pattern := range []string{"testdata/scenario/ok/*.yaml", "testdata/scenario/err/*.yaml"} {
		for _, path := range globbed(pattern) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sources[filepath.Base(path)] = string(src)
		}
	}
	for name, src := range sources {
		if said := tooDear([]byte(src), func() { checkScenario("test.yaml", []byte(src), p) }); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// Whatever a file holds: reading it is cheap; there is a scenario or an error,
// never both; every diagnostic points into the file; a scenario survives its
// encoding, and its conditions compile.
func FuzzScenario(f *testing.F) {
	for _, pattern := range []string{"testdata/scenario/ok/*.yaml", "testdata/scenario/err/*.yaml"} {
		for _, path := range globbed(pattern) {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	for _, src := range dearScenarios(costUnit / 4) {
		f.Add([]byte(src))
	}
	p := scenarioBook(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		var s *runbooks.Scenario
		var found runbooks.Diagnostics
		if said := tooDear(src, func() { s, found = checkScenario("fuzz.yaml", src, p) }); said != "" {
			t.Fatal(said)
		}
		if (s == nil) != found.HasErrors() {
			t.Fatalf("scenario: %v, diagnostics: %v", s != nil, found)
		}
		lines := bytes.Split(src, []byte("\n"))
		for _, d := range found {
			if d.Pos.Line < 1 || d.Pos.Line > len(lines) || d.Pos.Col < 1 || d.Pos.Col > utf8.RuneCount(lines[d.Pos.Line-1])+1 {
				t.Fatalf("%v points outside of the file", d)
			}
			if d.Rule == "" || d.Message == "" || d.Severity == "" || d.File != "fuzz.yaml" {
				t.Fatalf("%+v is not complete", d)
			}
		}
		var out strings.Builder
		if err := found.WriteText(&out, map[string][]byte{"fuzz.yaml": src}); err != nil || !utf8.ValidString(out.String()) || strings.ContainsAny(out.String(), "\x00\x1b\r\u202e") {
			t.Fatalf("what is shown could steer a terminal: %q, %v", out.String(), err)
		}
		if s == nil {
			return
		}
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := runbooks.DecodeScenario(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back, bare); diff != "" {
			t.Fatalf("decoded (+) and checked (-):\n%s", diff)
		}
		if _, err := runbooks.CompileScenario(back, p); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever bytes are decoded: there is a scenario that encodes to something that
// decodes again, or an error.
func FuzzDecodeScenario(f *testing.F) {
	data, err := os.ReadFile("testdata/scenario/written-by-1.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"id":"a","runbook":"b","end":{"max":"1m"},"answers":[{"step":"a","list":[{"outputs":"{\"a\":[1,{\"b c\":true}]}"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := runbooks.DecodeScenario(data)
		if err != nil {
			return
		}
		written, err := s.Encode()
		if err != nil || !json.Valid(written) {
			t.Fatalf("%s: %v", written, err)
		}
		back, err := runbooks.DecodeScenario(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if again, err := back.Encode(); err != nil || !bytes.Equal(written, again) {
			t.Fatalf("%s, then %s, %v", written, again, err)
		}
	})
}
