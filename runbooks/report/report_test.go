package report_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/report"
)

func found() runbooks.Diagnostics {
	return runbooks.Diagnostics{
		{File: "a b/ü#1.yaml", Pos: runbooks.Pos{Line: 3, Col: 5}, Rule: "no-owner", Severity: runbooks.SeverityError, Message: "the runbook <b> has no \"owner\"", Hint: "add owner:"},
		{File: "x:y,z.yaml", Pos: runbooks.Pos{Line: 1, Col: 1}, Rule: "value", Severity: runbooks.SeverityWarning, Message: "100% of\r\n::error::it\x1b[2J\u202e"},
		{File: "gone", Rule: "file", Severity: runbooks.SeverityError, Message: "there is no such file"},
	}
}

func write(t *testing.T, to func(b *strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := to(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	got := write(t, func(b *strings.Builder) error { return report.JSON(b, found()) })
	want := `{
  "diagnostics": [
    {
      "file": "a b/ü#1.yaml",
      "line": 3,
      "col": 5,
      "rule": "no-owner",
      "severity": "error",
      "message": "the runbook <b> has no \"owner\"",
      "hint": "add owner:"
    },
    {
      "file": "x:y,z.yaml",
      "line": 1,
      "col": 1,
      "rule": "value",
      "severity": "warning",
      "message": "100% of\r\n::error::it\u001b[2J` + "\u202e" + `",
      "hint": ""
    },
    {
      "file": "gone",
      "line": 0,
      "col": 0,
      "rule": "file",
      "severity": "error",
      "message": "there is no such file",
      "hint": ""
    }
  ],
  "errors": 2,
  "warnings": 1
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := write(t, func(b *strings.Builder) error { return report.JSON(b, nil) }); got != "{\n  \"diagnostics\": [],\n  \"errors\": 0,\n  \"warnings\": 0\n}\n" {
		t.Errorf("nothing found: got %s", got)
	}
}

func TestGitHub(t *testing.T) {
	got := write(t, func(b *strings.Builder) error { return report.GitHub(b, found()) })
	want := `::error file=a b/ü#1.yaml,line=3,col=5,title=no-owner::the runbook <b> has no "owner"%0Aadd owner:
::warning file=x%3Ay%2Cz.yaml,line=1,col=1,title=value::100%25 of%0D%0A::error::it·[2J·
::error file=gone,title=file::there is no such file
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What stands in a file must never become a command of its own.
func TestGitHubIsOneLineEach(t *testing.T) {
	for _, evil := range []string{"\n", "\r", "\r\n::set-env name=A::b", "\u2028::error::x", "\u0085::error::x", "%0A::error::x", "\v::error::x"} {
		d := runbooks.Diagnostic{File: "f" + evil, Pos: runbooks.Pos{Line: 1, Col: 1}, Rule: "r" + evil, Severity: runbooks.SeverityError, Message: "m" + evil, Hint: "h" + evil}
		got := write(t, func(b *strings.Builder) error { return report.GitHub(b, runbooks.Diagnostics{d}) })
		if strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") || strings.ContainsAny(got, "\r\v\u0085\u2028") || strings.Contains(got, "%0A::error::x,") {
			t.Errorf("%q: got %q", evil, got)
		}
		before, _, _ := strings.Cut(strings.TrimPrefix(got, "::"), "::")
		if n := strings.Count(before, ",") + 1; n != 4 {
			t.Errorf("%q: got %d properties, want 4: %q", evil, n, before)
		}
	}
}

func log() report.Log {
	return report.Log{
		Version: "1.2.3",
		Rules: []report.Rule{
			{Name: "no-owner", Severity: runbooks.SeverityError, Doc: "A runbook has an owner.", Help: "Write `owner:`."},
			{Name: "no-budget", Severity: runbooks.SeverityWarning, Doc: "A runbook has a budget."},
		},
		Found: found(),
		Suppressed: []report.Suppressed{{
			Diagnostic: runbooks.Diagnostic{File: "/etc/firebreak/a.yaml", Pos: runbooks.Pos{Line: 9}, Rule: "destructive-without-undo", Severity: runbooks.SeverityError, Message: "m"},
			Reason:     "waived by group:a until 2027-01-31: because",
		}},
	}
}

func TestSARIF(t *testing.T) {
	text := write(t, func(b *strings.Builder) error { return report.SARIF(b, log()) })
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if faults := standard(got); len(faults) > 0 {
		t.Errorf("against the standard: %v\n%s", faults, text)
	}
	run := got["runs"].([]any)[0].(map[string]any)
	var lines []string
	for _, r := range run["results"].([]any) {
		r := r.(map[string]any)
		physical := r["locations"].([]any)[0].(map[string]any)["physicalLocation"].(map[string]any)
		lines = append(lines, fmt.Sprint(r["ruleId"], " ", r["ruleIndex"], " ", r["level"], " ", physical["artifactLocation"].(map[string]any)["uri"], " ", physical["region"], " ", r["suppressions"]))
	}
	want := []string{
		"no-owner 0 error a%20b/%C3%BC%231.yaml map[startColumn:5 startLine:3] <nil>",
		"value 4 warning x%3Ay%2Cz.yaml map[startColumn:1 startLine:1] <nil>",
		"file 3 error gone <nil> <nil>",
		"destructive-without-undo 2 error file:///etc/firebreak/a.yaml map[startColumn:1 startLine:9] [map[justification:waived by group:a until 2027-01-31: because kind:inSource status:accepted]]",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if rules := run["tool"].(map[string]any)["driver"].(map[string]any)["rules"].([]any); len(rules) != 5 || !strings.Contains(fmt.Sprint(rules[0]), "help:map[markdown:Write `owner:`. text:A runbook has an owner.]") {
		t.Errorf("the rules: got %v", rules)
	}
	if diff := cmp.Diff("100% of\r\n::error::it\x1b[2J\u202e", run["results"].([]any)[1].(map[string]any)["message"].(map[string]any)["text"]); diff != "" {
		t.Error(diff)
	}
}

func TestSARIFOfNothing(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(write(t, func(b *strings.Builder) error { return report.SARIF(b, report.Log{}) })), &got); err != nil {
		t.Fatal(err)
	}
	if faults := standard(got); len(faults) > 0 {
		t.Errorf("against the standard: %v", faults)
	}
}

// standard holds a log to what SARIF 2.1.0 requires of the objects that we
// write: their required properties, closed sets of words, and references that
// lead somewhere.
func standard(log map[string]any) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	object := func(v any, what string) map[string]any {
		m, ok := v.(map[string]any)
		if !ok {
			fault("%s is no object but %T", what, v)
		}
		return m
	}
	list := func(v any, what string) []any {
		l, ok := v.([]any)
		if !ok {
			fault("%s is no list but %T", what, v)
		}
		return l
	}
	text := func(v any, what string) string {
		s, ok := v.(string)
		if !ok || s == "" || !utf8.ValidString(s) {
			fault("%s is no text but %v", what, v)
		}
		return s
	}
	oneOf := func(v any, what string, words ...string) {
		if s, _ := v.(string); !slices.Contains(words, s) {
			fault("%s is %v, not one of %v", what, v, words)
		}
	}
	message := func(v any, what string) { text(object(v, what)["text"], what+".text") }

	oneOf(log["version"], "version", "2.1.0")
	if u, err := url.Parse(text(log["$schema"], "$schema")); err != nil || !u.IsAbs() {
		fault("$schema is no absolute URI")
	}
	runs := list(log["runs"], "runs")
	if len(runs) != 1 {
		fault("%d runs", len(runs))
	}
	for _, r := range runs {
		run := object(r, "run")
		oneOf(run["columnKind"], "columnKind", "utf16CodeUnits", "unicodeCodePoints")
		driver := object(object(run["tool"], "tool")["driver"], "driver")
		text(driver["name"], "driver.name")
		if u, err := url.Parse(text(driver["informationUri"], "informationUri")); err != nil || !u.IsAbs() {
			fault("informationUri is no absolute URI")
		}
		if v, there := driver["version"]; there {
			text(v, "driver.version")
		}
		var ids []string
		for _, r := range list(driver["rules"], "rules") {
			rule := object(r, "rule")
			id := text(rule["id"], "rule.id")
			if slices.Contains(ids, id) {
				fault("the rule %s is there twice", id)
			}
			ids = append(ids, id)
			if v, there := rule["shortDescription"]; there {
				message(v, "shortDescription")
			}
			if v, there := rule["help"]; there {
				message(v, "help")
			}
			if v, there := rule["defaultConfiguration"]; there {
				oneOf(object(v, "defaultConfiguration")["level"], "defaultConfiguration.level", "none", "note", "warning", "error")
			}
		}
		for _, r := range list(run["results"], "results") {
			result := object(r, "result")
			message(result["message"], "result.message")
			oneOf(result["level"], "level", "none", "note", "warning", "error")
			i, ok := result["ruleIndex"].(float64)
			if !ok || int(i) < 0 || int(i) >= len(ids) || ids[int(i)] != result["ruleId"] {
				fault("ruleIndex %v does not lead to the rule %v", result["ruleIndex"], result["ruleId"])
			}
			for _, l := range list(result["locations"], "locations") {
				physical := object(object(l, "location")["physicalLocation"], "physicalLocation")
				reference := text(object(physical["artifactLocation"], "artifactLocation")["uri"], "uri")
				u, err := url.Parse(reference)
				if err != nil || strings.ContainsAny(reference, " \\\"<>^`{|}") || u.IsAbs() && u.Scheme != "file" || u.Fragment != "" || u.RawQuery != "" {
					fault("the uri %q is no reference to a file", reference)
				}
				region, there := physical["region"]
				if !there {
					continue
				}
				for _, name := range []string{"startLine", "startColumn"} {
					if n, ok := object(region, "region")[name].(float64); !ok || n < 1 || n != float64(int(n)) {
						fault("%s is %v", name, object(region, "region")[name])
					}
				}
			}
			if v, there := result["suppressions"]; there {
				for _, s := range list(v, "suppressions") {
					oneOf(object(s, "suppression")["kind"], "suppression.kind", "inSource", "external")
					oneOf(object(s, "suppression")["status"], "suppression.status", "accepted", "underReview", "rejected")
				}
			}
		}
	}
	return faults
}

// The checker itself must be able to say no.
func TestStandardFinds(t *testing.T) {
	good := write(t, func(b *strings.Builder) error { return report.SARIF(b, log()) })
	for _, change := range [][2]string{
		{`"version": "2.1.0"`, `"version": "2.1"`},
		{`"name": "firebreak"`, `"nom": "firebreak"`},
		{`"level": "warning"`, `"level": "warn"`},
		{`"ruleIndex": 4`, `"ruleIndex": 3`},
		{`"startLine": 3`, `"startLine": 0`},
		{`"unicodeCodePoints"`, `"characters"`},
		{`"uri": "a%20b/`, `"uri": "a b/`},
		{`"kind": "inSource"`, `"kind": "waiver"`},
		{`"id": "no-budget"`, `"id": "no-owner"`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		var got map[string]any
		if err := json.Unmarshal([]byte(bad), &got); err != nil || bad == good {
			t.Fatal(change, err)
		}
		if len(standard(got)) == 0 {
			t.Errorf("%v: got silence", change)
		}
	}
}
