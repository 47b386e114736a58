package actions_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
)

type everyParams struct {
	Text    string            `json:"text" doc:"what to say" example:"hello" pattern:"^[a-z]+$"`
	Mode    string            `json:"mode" enum:"soft,hard" default:"soft"`
	Count   int               `json:"count" default:"3"`
	Small   int32             `json:"small,omitempty"`
	Loud    bool              `json:"loud" default:"true"`
	Within  actions.Span      `json:"within" default:"90s"`
	At      time.Time         `json:"at,omitzero"`
	Names   []string          `json:"names,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	Owner   owner             `json:"owner,omitzero"`
	Token   string            `json:"token,omitempty" secret:"true" pattern:"^tok-[0-9]+$"`
	Tokens  []string          `json:"tokens,omitempty" secret:"true"`
	Ignored string            `json:"-"`
}

type owner struct {
	Team string `json:"team" doc:"the team that owns it"`
	Size int    `json:"size,omitempty"`
}

// echo gives back what it was given.
type echo struct{}

func (echo) Spec() actions.Spec {
	return actions.Spec{Name: "test.echo", Version: 1, Title: "Echo", Doc: "Gives back its parameters.", Effect: actions.Read, Repeat: actions.Idempotent}
}

func (echo) Plan(context.Context, actions.Call, everyParams) (actions.Preview, error) {
	return actions.Preview{}, nil
}

func (echo) Execute(_ context.Context, _ actions.Call, p everyParams) (everyParams, error) {
	return p, nil
}

func one[P, R any](a actions.Action[P, R]) actions.Handler {
	r := actions.NewRegistry()
	actions.Register(r, a)
	h, _ := r.Handler(r.Names()[0])
	return h
}

func TestDecodeGood(t *testing.T) {
	at := time.Date(2026, 11, 22, 4, 50, 24, 5, time.UTC)
	defaults := everyParams{Text: "a", Mode: "soft", Count: 3, Loud: true, Within: actions.Span(90 * time.Second)}
	for _, test := range []struct {
		name, params string
		want         func(*everyParams)
	}{
		{"defaults", `{"text":"a"}`, nil},
		{"null is as good as nothing", `{"text":"a","mode":null,"count":null,"names":null}`, nil},
		{"everything", `{"text":"b","mode":"hard","count":-7,"small":5,"loud":false,"within":"2m","at":"2026-11-22T04:50:24.000000005Z","names":["x","y"],"tags":{"k":"v"},"owner":{"team":"sec","size":2},"token":"tok-1","tokens":["a"]}`,
			func(p *everyParams) {
				*p = everyParams{Text: "b", Mode: "hard", Count: -7, Small: 5, Within: actions.Span(2 * time.Minute), At: at, Names: []string{"x", "y"},
					Tags: map[string]string{"k": "v"}, Owner: owner{"sec", 2}, Token: "tok-1", Tokens: []string{"a"}}
			}},
		{"large numbers keep every digit", `{"text":"a","count":9007199254740993}`, func(p *everyParams) { p.Count = 9007199254740993 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := defaults
			if test.want != nil {
				test.want(&want)
			}
			result, err := one(echo{}).Execute(t.Context(), actions.Call{}, json.RawMessage(test.params))
			if err != nil {
				t.Fatal(err)
			}
			var got everyParams
			if err := json.Unmarshal(result, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

func TestDecodeProblems(t *testing.T) {
	for _, test := range []struct {
		name, params string
		want         actions.Problems
	}{
		{"nothing", ``, actions.Problems{{"text", "is missing", "what to say"}}},
		{"null", `null`, actions.Problems{{"text", "is missing", "what to say"}}},
		{"no object", `[1]`, actions.Problems{{"", "the parameters are not a JSON object: json: cannot unmarshal array into Go value of type map[string]interface {}", ""}}},
		{"no JSON", `{"text":`, actions.Problems{{"", "the parameters are not a JSON object: unexpected EOF", ""}}},
		{"more than one value", `{"text":"a"} {"text":"b"}`, actions.Problems{{"", "the parameters are not one JSON object: something follows it", ""}}},
		{"required but null", `{"text":null}`, actions.Problems{{"text", "is missing", "what to say"}}},
		{"unknown names, sorted", `{"text":"a","zeta":1,"alpha":2}`, actions.Problems{
			{"alpha", `"alpha" is not known here`, "known: text, mode, count, small, loud, within, at, names, tags, owner, token and tokens"},
			{"zeta", `"zeta" is not known here`, "known: text, mode, count, small, loud, within, at, names, tags, owner, token and tokens"},
		}},
		{"names are case sensitive", `{"text":"a","Mode":"hard"}`, actions.Problems{
			{"Mode", `"Mode" is not known here`, "known: text, mode, count, small, loud, within, at, names, tags, owner, token and tokens"},
		}},
		{"number for string", `{"text":7}`, actions.Problems{{"text", "must be a string, not 7", ""}}},
		{"map for string", `{"text":{}}`, actions.Problems{{"text", "must be a string, not a map", ""}}},
		{"list for string", `{"text":[]}`, actions.Problems{{"text", "must be a string, not a list", ""}}},
		{"bool for string", `{"text":true}`, actions.Problems{{"text", "must be a string, not true", ""}}},
		{"pattern", `{"text":"A b"}`, actions.Problems{{"text", `"A b" does not match ^[a-z]+$`, "for example hello"}}},
		{"enum", `{"text":"a","mode":"loud"}`, actions.Problems{{"mode", `"loud" is not one of soft and hard`, ""}}},
		{"string for bool", `{"text":"a","loud":"true"}`, actions.Problems{{"loud", `must be a bool, not the string "true"`, "write true or false, without quotes"}}},
		{"string for int", `{"text":"a","count":"3"}`, actions.Problems{{"count", `must be an int, not the string "3"`, ""}}},
		{"fraction for int", `{"text":"a","count":1.5}`, actions.Problems{{"count", `must be an int, not 1.5`, ""}}},
		{"too large for int", `{"text":"a","count":9223372036854775808}`, actions.Problems{{"count", `must be an int, not 9223372036854775808`, ""}}},
		{"number for duration", `{"text":"a","within":90}`, actions.Problems{{"within", `must be a duration, not 90`, `write it like "90s"`}}},
		{"bad duration", `{"text":"a","within":"soon"}`, actions.Problems{{"within", `must be a duration, not the string "soon"`, `write it like "90s"`}}},
		{"negative duration", `{"text":"a","within":"-1s"}`, actions.Problems{{"within", `must be a duration, not the string "-1s"`, `write it like "90s"`}}},
		{"bad time", `{"text":"a","at":"yesterday"}`, actions.Problems{{"at", `must be a time, not the string "yesterday"`, "write it like 2026-11-22T04:50:24Z"}}},
		{"number for time", `{"text":"a","at":5}`, actions.Problems{{"at", `must be a time, not 5`, "write it like 2026-11-22T04:50:24Z"}}},
		{"string for list", `{"text":"a","names":"x"}`, actions.Problems{{"names", `must be a list, not the string "x"`, ""}}},
		{"inside a list", `{"text":"a","names":["x",2,true]}`, actions.Problems{{"names.1", "must be a string, not 2", ""}, {"names.2", "must be a string, not true", ""}}},
		{"null inside a list", `{"text":"a","names":[null]}`, actions.Problems{{"names.0", "must be a string, not nothing", ""}}},
		{"list for map", `{"text":"a","tags":[]}`, actions.Problems{{"tags", "must be a map, not a list", ""}}},
		{"inside a map, sorted", `{"text":"a","tags":{"b":2,"a":1}}`, actions.Problems{{"tags.a", "must be a string, not 1", ""}, {"tags.b", "must be a string, not 2", ""}}},
		{"string for object", `{"text":"a","owner":"sec"}`, actions.Problems{{"owner", `must be an object, not the string "sec"`, ""}}},
		{"inside an object", `{"text":"a","owner":{"size":"big","color":"red"}}`, actions.Problems{
			{"owner.team", "is missing", "the team that owns it"},
			{"owner.size", `must be an int, not the string "big"`, ""},
			{"owner.color", `"color" is not known here`, "known: team and size"},
		}},
		{"too large for the field", `{"text":"a","small":3000000000}`, actions.Problems{{"", "the parameters do not fit actions_test.everyParams: json: cannot unmarshal number 3000000000 into Go struct field everyParams.small of type int32", ""}}},
		{"a secret is not shown", `{"text":"a","token":"hunter2"}`, actions.Problems{{"token", "the value does not match ^tok-[0-9]+$", ""}}},
		{"a secret of the wrong type is not shown", `{"text":"a","token":1234}`, actions.Problems{{"token", "must be a string, and is something else", ""}}},
		{"nor inside a list", `{"text":"a","tokens":[1234]}`, actions.Problems{{"tokens.0", "must be a string, and is something else", ""}}},
		{"everything at once", `{"mode":"x","count":"y"}`, actions.Problems{
			{"text", "is missing", "what to say"}, {"mode", `"x" is not one of soft and hard`, ""}, {"count", `must be an int, not the string "y"`, ""},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := one(echo{})
			if diff := cmp.Diff(test.want, h.Check(json.RawMessage(test.params))); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			_, err := h.Execute(t.Context(), actions.Call{}, json.RawMessage(test.params))
			if actions.ClassOf(err) != actions.Invalid {
				t.Errorf("got error %v, want class invalid", err)
			}
		})
	}
}

func TestProblemsAreOneSentence(t *testing.T) {
	got := actions.Problems{{"a.0", "is missing", "the first"}, {"", "it is late", ""}}.Error()
	if want := "a.0: is missing (the first); it is late"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSpanIsWrittenLikeADuration(t *testing.T) {
	data, err := json.Marshal(actions.Span(90 * time.Second))
	if err != nil || string(data) != `"1m30s"` {
		t.Errorf("got %s, %v", data, err)
	}
	var s actions.Span
	if err := json.Unmarshal([]byte(`"soon"`), &s); err == nil || !strings.Contains(err.Error(), "90s") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"text":"a"}`, `null`, `{"text":"a","tags":{"b":2}}`, `{"owner":{"team":null}}`, `{"text":"a","within":"9999999h"}`} {
		f.Add([]byte(seed))
	}
	h := one(echo{})
	f.Fuzz(func(t *testing.T, params []byte) {
		problems := h.Check(params)
		_, err := h.Execute(t.Context(), actions.Call{}, params)
		if (err == nil) != (len(problems) == 0) {
			t.Errorf("check says %v, execute says %v", problems, err)
		}
	})
}
