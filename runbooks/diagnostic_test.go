package runbooks_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
)

func TestSortDropsTwins(t *testing.T) {
	d := func(file string, line, col int, rule, message string) runbooks.Diagnostic {
		return runbooks.Diagnostic{File: file, Pos: runbooks.Pos{Line: line, Col: col}, Rule: rule, Message: message, Severity: runbooks.SeverityError}
	}
	want := runbooks.Diagnostics{d("a", 1, 2, "r", "m"), d("a", 1, 10, "r", "m"), d("a", 2, 1, "q", "m"), d("a", 2, 1, "r", "l"), d("a", 2, 1, "r", "m"), d("b", 1, 1, "r", "m")}
	got := runbooks.Diagnostics{want[5], want[3], want[1], want[4], want[0], want[2], want[4]}
	got.Sort()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWriteText(t *testing.T) {
	found := runbooks.Diagnostics{
		{File: "a.yaml", Pos: runbooks.Pos{Line: 2, Col: 4}, Rule: "r", Severity: runbooks.SeverityError, Message: "bad \x1b[31m", Hint: "mend\nit"},
		{File: "a.yaml", Pos: runbooks.Pos{Line: 1, Col: 3}, Rule: "r", Severity: runbooks.SeverityWarning, Message: "tab"},
		{File: "a.yaml", Pos: runbooks.Pos{Line: 9, Col: 9}, Rule: "r", Severity: runbooks.SeverityError, Message: "beyond"},
		{File: "b.yaml", Pos: runbooks.Pos{Line: 1, Col: 1}, Rule: "r", Severity: runbooks.SeverityError, Message: "no source"},
		{File: "a.yaml", Pos: runbooks.Pos{Line: 2, Col: 1}, Rule: "secret-x", Severity: runbooks.SeverityError, Message: "hidden"},
	}
	var b strings.Builder
	if err := found.WriteText(&b, map[string][]byte{"a.yaml": []byte("a\tb\r\näö\x1b[2Jx\u202e\r\n")}); err != nil {
		t.Fatal(err)
	}
	want := `a.yaml:2:4: bad ·[31m [r]
   2 | äö·[2Jx·
     |    ^
       mend·it
a.yaml:1:3: warning: tab [r]
   1 | a b
     |   ^
a.yaml:9:9: beyond [r]
b.yaml:1:1: no source [r]
a.yaml:2:1: hidden [secret-x]
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if data, err := json.Marshal(found[1]); err != nil || string(data) != `{"file":"a.yaml","pos":{"line":1,"col":3},"rule":"r","severity":"warning","message":"tab"}` {
		t.Errorf("%s %v", data, err)
	}
	if !found.HasErrors() || found[1:2].HasErrors() {
		t.Error("warnings and errors are mixed up")
	}
}

func TestWriteColor(t *testing.T) {
	found := runbooks.Diagnostics{
		{File: "a.yaml", Pos: runbooks.Pos{Line: 1, Col: 3}, Rule: "r", Severity: runbooks.SeverityError, Message: "bad \x1b[31m", Hint: "mend it"},
		{File: "a.yaml", Pos: runbooks.Pos{Line: 2, Col: 1}, Rule: "r", Severity: runbooks.SeverityWarning, Message: "odd"},
	}
	sources := map[string][]byte{"a.yaml": []byte("a\x1b[2Jx\nb\n")}
	var color, plain strings.Builder
	if err := errors.Join(found.WriteColor(&color, sources), found.WriteText(&plain, sources)); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1ma.yaml:1:3:\x1b[0m \x1b[31mbad ·[31m\x1b[0m \x1b[2m[r]\x1b[0m\n" +
		"\x1b[2m   1 | \x1b[0ma·[2Jx\n\x1b[2m     | \x1b[0m  \x1b[31m^\x1b[0m\n       mend it\n" +
		"\x1b[1ma.yaml:2:1:\x1b[0m \x1b[33mwarning: odd\x1b[0m \x1b[2m[r]\x1b[0m\n" +
		"\x1b[2m   2 | \x1b[0mb\n\x1b[2m     | \x1b[0m\x1b[33m^\x1b[0m\n"
	if diff := cmp.Diff(want, color.String()); diff != "" {
		t.Error(diff)
	}
	if stripped := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(color.String(), ""); stripped != plain.String() {
		t.Errorf("without its colors: got %q, want %q", stripped, plain.String())
	}
}
