package runbooks_test

import (
	"encoding/json"
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
