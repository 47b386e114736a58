package timeline_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/firebreak-ir/firebreak/engine"
)

const bait = "a | b\n| --- | <script>x</script> `c` **d** [e](https://f.example) @everyone <!here> # g\r\n## h \u202Ei\u200Bj\x1b[31m \\| \xff &#124; _k_ ~~l~~ $m$"

// fill puts the bait into every text of a body, wherever it stands.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[engine.Stamp]() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			data, err := json.Marshal(map[string]string{text: text})
			if err != nil {
				panic(err)
			}
			v.SetBytes(data)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), text)
		fill(v.Index(1), text)
	case reflect.String:
		v.SetString(text)
	}
}

// hostileStory has every kind of fact with the bait in every text.
func hostileStory(t testing.TB, text string) *script {
	t.Helper()
	who := engine.Actor{Type: engine.Person, ID: text, Name: text, Via: text}
	s := &script{now: noon}
	for _, kind := range engine.Kinds() {
		body, ok := engine.NewBody(kind)
		if !ok {
			t.Fatalf("no body of kind %s", kind)
		}
		fill(reflect.ValueOf(body), text)
		s.say(0, who, text, text, reflect.ValueOf(body).Elem().Interface().(engine.Body))
	}
	list, err := json.Marshal([]any{text, map[string]string{text: text}})
	if err != nil {
		t.Fatal(err)
	}
	s.say(0, who, text, text, engine.StepExpanded{Items: engine.Large{Value: list}, N: 2, If: text})
	for _, part := range []string{text + ".1", text + ".2"} { // parts of a loop, whose ids and ends are the bait too
		s.say(0, who, text, part, engine.StepEnded{Status: engine.StepFailed, Reason: text, Failure: &engine.Failure{Class: "denied", Message: text}})
	}
	for _, late := range []bool{false, true} { // glasses that nobody has reviewed
		s.say(0, who, text, text, engine.GlassBroken{Approval: text, Target: text, Reason: text})
		s.say(0, who, text, text, engine.GlassReviewAsked{ID: text, Approval: text, By: text, Ask: []string{text}})
		if late {
			s.say(0, who, text, text, engine.TimerFired{Ref: "review:" + text})
		}
	}
	s.say(0, who, text, text, engine.StepEnded{Status: engine.StepSkipped, Reason: "its list is empty" + text, If: text})
	s.say(0, engine.Actor{Type: engine.Stranger, Via: text}, text, text+"~undo", engine.Refused{Verb: text, Code: engine.Code(text), Message: text})
	return s
}

// No text of a fact becomes structure: with the bait in every place the page
// has the same skeleton as with a harmless word.
func TestHostileTextStaysText(t *testing.T) {
	calm := skeleton(t, string(markdown(t, hostileStory(t, "calm"))))
	wild := skeleton(t, string(markdown(t, hostileStory(t, bait))))
	if len(calm) != len(wild) {
		t.Fatalf("got %d lines, want %d as without the bait", len(wild), len(calm))
	}
	for i := range calm {
		if calm[i] != wild[i] {
			t.Errorf("line %d: got structure %q, want %q", i+1, wild[i], calm[i])
		}
	}
}

// skeleton is the structure of a page: for each line its block and the number
// of its cells. It fails on what no line of a page may hold.
func skeleton(t *testing.T, page string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Errorf("%U is not visible in %q", r, line)
			}
		}
		for _, bad := range []string{"<script", "](", "**d**", "`c", "@everyone", "<!here", "https://", "~~l", "_k_", "$m"} {
			if rest := strings.ReplaceAll(line, "\\"+bad, ""); strings.Contains(rest, bad) {
				t.Errorf("%q is alive in %.300q", bad, line)
			}
		}
		block, _, _ := strings.Cut(line, " ")
		lines = append(lines, block+strings.Repeat("|", strings.Count(line, "|")))
	}
	return lines
}

func TestHostileTextInLinesAndJSON(t *testing.T) {
	story := hostileStory(t, bait)
	tl := story.fold(t)
	for _, l := range tl.Lines(0) {
		if strings.ContainsFunc(l.Text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("a line hides something: %q", l.Text)
		}
	}
	data := jsonOf(t, story)
	if !json.Valid(data) || bytes.ContainsFunc(data, func(r rune) bool { return r != '\n' && r != unicode.ReplacementChar && !unicode.IsPrint(r) }) {
		t.Error("the JSON is not valid or hides something")
	}
	// Every row is one line, so that a diff of two exports shows rows.
	rows := data[bytes.Index(data, []byte(`"rows": [`)):]
	if got, want := bytes.Count(rows, []byte("\n{\"seq\"")), len(tl.Rows); got != want {
		t.Errorf("got %d lines of rows, want %d", got, want)
	}
}
