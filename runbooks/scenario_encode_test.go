package runbooks_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// bare leaves out what is not encoded.
var bare = cmp.Options{cmpopts.IgnoreTypes(runbooks.Pos{}), cmpopts.EquateEmpty()}

// An encoded scenario comes back as it was, with its digest.
func TestScenarioRoundTrip(t *testing.T) {
	for _, path := range files(t, "testdata/scenario/ok/*.yaml") {
		s, out := loadScenario(t, path)
		if s == nil {
			t.Fatal(out)
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
			t.Errorf("%s: decoded (+) and checked (-):\n%s", path, diff)
		}
		var spread bytes.Buffer
		if err := json.Indent(&spread, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		if same, err := runbooks.DecodeScenario(spread.Bytes()); err != nil || same.Digest != s.Digest {
			t.Errorf("%s: with other spaces the digest is %s: %v", path, same.Digest, err)
		}
		again, err := back.Encode()
		if err != nil || !bytes.Equal(data, again) || len(back.Digest) != 64 {
			t.Errorf("%s: %v, digest %q, the second encoding: %s", path, err, back.Digest, again)
		}
	}
}

func TestScenarioEncoding(t *testing.T) {
	data, err := allOfScenario(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	if err := json.Indent(&shown, data, "", " "); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/scenario/all.json", append(shown.Bytes(), '\n'))
}

// What the first build wrote is read for ever, and has the digest that it had:
// rehearsals of years ago are proof. The file is never written again.
func TestOldScenariosDecode(t *testing.T) {
	data, err := os.ReadFile("testdata/scenario/written-by-1.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := runbooks.DecodeScenario(data)
	if err != nil {
		t.Fatal(err)
	}
	const digest = "e74e8cd0197463b188ede1f3100c70db4835ef49813e51daefc9030b343c58ec"
	if s.Digest != digest || s.ID != "leaked-key-friday" || len(s.Injects) != 7 || len(s.Script) != 5 || len(s.Answers) != 7 {
		t.Errorf("digest %s, %+v", s.Digest, s)
	}
	if _, err := runbooks.CompileScenario(s, scenarioBook(t)); err != nil {
		t.Error(err)
	}
}

// The digest is of the meaning: places, comments and the order of keys do not
// count, a word does.
func TestScenarioDigest(t *testing.T) {
	src, err := os.ReadFile("testdata/scenario/ok/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := scenarioBook(t)
	digest := func(src string) string {
		s, found := checkScenario("a.yaml", []byte(src), p)
		if s == nil {
			t.Fatal(found)
		}
		return s.Digest
	}
	text := string(src)
	first := digest(text)
	moved := "# a comment\n" + strings.Replace(strings.Replace(text, "title: A small one\n", "", 1), "end:", "title: A small one\nend:", 1)
	if digest(moved) != first {
		t.Error("the digest depends on the layout")
	}
	if digest(strings.Replace(text, "The build fails", "The build failed", 1)) == first {
		t.Error("the digest does not depend on what is said")
	}
	if digest(strings.Replace(text, "other_keys: []", "other_keys: [a]", 1)) == first {
		t.Error("the digest does not depend on outputs")
	}
}

func TestDecodeScenarioRefuses(t *testing.T) {
	s := allOfScenario(t)
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, say string }{
		"an unknown key":           {`"id":"leaked-key-friday"`, `"id":"leaked-key-friday","pace":2`, "unknown field"},
		"an unknown key of answer": {`"fails":"denied"`, `"fails":"denied","maybe":true`, "unknown field"},
		"no id":                    {`"id":"leaked-key-friday"`, `"id":""`, "no id"},
		"no end":                   {`"max":"1h0m0s"`, `"max":"0s"`, "no end"},
		"two triggers":             {`"hand":true}`, `"hand":true,"at":"1m0s"}`, "has 2 triggers"},
		"no trigger":               {`"trigger":{"hand":true}`, `"trigger":{}`, "has 0 triggers"},
		"a script by hand":         {`"trigger":{"at":"1m0s"},"type"`, `"trigger":{"hand":true},"type"`, "line 1 of the script"},
		"two expectations":         {`"note":"country"`, `"note":"country","step":"disable"`, "number 2 of what inject"},
		"nothing forbidden":        {`"verb":"cancel"`, `"verb":""`, "number 5 of what is forbidden"},
		"a fraction":               {`\"max_session_seconds\":3600`, `\"max_session_seconds\":1.5`, "no whole number"},
		"a null":                   {`\"max_session_seconds\":3600`, `\"max_session_seconds\":null`, "null"},
		"outputs that are a list":  {`{\"channel\":\"c\",\"ts\":\"1\"}`, `[1]`, "no object"},
		"outputs with more":        {`{\"channel\":\"c\",\"ts\":\"1\"}`, `{} {}`, "no JSON"},
		"a duration":               {`"delay":"3m0s"`, `"delay":"soon"`, "not a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := bytes.Replace(data, []byte(c.old), []byte(c.new), 1)
			if bytes.Equal(changed, data) {
				t.Fatalf("%s is not in %s", c.old, data)
			}
			if _, err := runbooks.DecodeScenario(changed); err == nil || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want %s", err, c.say)
			}
		})
	}
	for _, data := range []string{"", "null", "{}", "[]", string(data) + "{}"} {
		if s, err := runbooks.DecodeScenario([]byte(data)); err == nil {
			t.Errorf("%.20q decodes to %+v", data, s)
		}
	}
}

// The outputs of an answer come back with their types, whatever the keys of a
// map in them are.
func TestAnswersKeepTheirTypes(t *testing.T) {
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		plain := []*rapid.Generator[any]{rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny()}
		if depth > 0 {
			below := rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) })
			plain = append(plain, rapid.SliceOfN(below, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), below, 0, 3).AsAny())
		}
		return rapid.OneOf(plain...)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := runbooks.TestAnswer{
			Outputs: rapid.MapOfN(rapid.String(), value(3), 0, 4).Draw(t, "outputs"), Takes: runbooks.Span(rapid.Int64Range(0, 1<<40).Draw(t, "takes")),
			Fails: rapid.SampledFrom([]actions.Class{"", actions.Denied}).Draw(t, "fails"), Lies: rapid.Bool().Draw(t, "lies"),
		}
		if rapid.Bool().Draw(t, "none") {
			a.Outputs = nil
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back runbooks.TestAnswer
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, back); diff != "" {
			t.Fatalf("%s: %s", data, diff)
		}
	})
}
