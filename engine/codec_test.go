package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// TestEveryKindRoundTrips fills each body with values, so that a field that is
// not encoded, or not read back, shows.
func TestEveryKindRoundTrips(t *testing.T) {
	for _, kind := range engine.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			body, ok := engine.NewBody(kind)
			if !ok {
				t.Fatal("no body")
			}
			fill(reflect.ValueOf(body).Elem(), 1)
			want := engine.Event{At: noon, Actor: person("bob"), Run: "R1", Step: "s", Body: reflect.ValueOf(body).Elem().Interface().(engine.Body), Seq: -1}
			data, attachments, err := engine.Encode(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := engine.Decode(data, func(d string) ([]byte, error) {
				for _, a := range attachments {
					if digest(a) == d {
						return a, nil
					}
				}
				return nil, errors.New("not there")
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(engine.Large{})); diff != "" {
				t.Errorf("read back another fact (-want +got):\n%s", diff)
			}
		})
	}
}

// fill puts something into every field.
func fill(v reflect.Value, n int) {
	switch v.Type() {
	case reflect.TypeFor[engine.Stamp]():
		v.Set(reflect.ValueOf(engine.At(noon.Add(time.Duration(n) * time.Second))))
		return
	case reflect.TypeFor[engine.Large]():
		v.Set(reflect.ValueOf(engine.Large{Value: json.RawMessage(`{"a":"` + strings.Repeat("x", engine.MaxInline) + `"}`)}))
		return
	case reflect.TypeFor[json.RawMessage]():
		v.Set(reflect.ValueOf(json.RawMessage(`{"a":1}`)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Tag.Get("json") != "state,omitempty" {
				fill(v.Field(i), n+i)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n + 1))
	}
}

func TestLargeValuesLeaveTheRecord(t *testing.T) {
	big := json.RawMessage(`{"list":"` + strings.Repeat("y", 100_000) + `"}`)
	e := engine.Event{At: noon, Body: engine.EffectOutcome{Attempt: 1, Result: engine.Large{Value: big}}}
	data, attachments, err := engine.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 1000 || len(attachments) != 1 || !bytes.Equal(attachments[0], big) {
		t.Fatalf("the record has %d bytes and %d attachments", len(data), len(attachments))
	}
	other := bytes.Replace(big, []byte("y"), []byte("z"), 1)
	if _, err := engine.Decode(data, func(string) ([]byte, error) { return other, nil }); err == nil {
		t.Error("an attachment with another digest is taken")
	}
	// A small value that looks like a reference is only a value.
	tricky := json.RawMessage(`{"sha256":"` + strings.Repeat("a", 64) + `","size":99999}`)
	data, _, err = engine.Encode(engine.Event{At: noon, Body: engine.EffectOutcome{Attempt: 1, Result: engine.Large{Value: tricky}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.Decode(data, func(string) ([]byte, error) { return nil, errors.New("must not be asked") })
	if err != nil {
		t.Fatal(err)
	}
	if v := got.Body.(engine.EffectOutcome).Result.Value; !bytes.Equal(v, tricky) {
		t.Errorf("got %s", v)
	}
}

func TestDecodeRefusesTheUnknown(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"newer format", `{"v":99,"kind":"note.added","at":"2026-11-22T12:00:00.000000Z","actor":{"type":"engine"},"body":{}}`, "newer firebreak"},
		{"unknown kind", `{"v":1,"kind":"note.sung","at":"2026-11-22T12:00:00.000000Z","actor":{"type":"engine"},"body":{}}`, `"note.sung"`},
		{"loose time", `{"v":1,"kind":"note.added","at":"2026-11-22T12:00:00Z","actor":{"type":"engine"},"body":{}}`, "not of the form"},
		{"no JSON", `{`, "decode an event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := engine.Decode([]byte(c.data), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, kind := range engine.Kinds() {
		body, _ := engine.NewBody(kind)
		fill(reflect.ValueOf(body).Elem(), 1)
		data, _, err := engine.Encode(engine.Event{At: noon, Run: "R1", Step: "s", Body: reflect.ValueOf(body).Elem().Interface().(engine.Body)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := engine.Decode(data, func(string) ([]byte, error) { return nil, errors.New("none") })
		if err != nil {
			return
		}
		inc := engine.NewIncident()
		_ = inc.Apply(engine.Event{At: noon, Body: engine.Declared{ID: "INC-1", Title: "t", Severity: 1, Store: "s"}})
		_ = inc.Apply(e) // must not panic whatever a record says
		_ = inc.Commands()
	})
}

// A value that is deeper than the journal keeps becomes an attachment, however
// small it is: a run of a runbook that calls others must not fail to start.
func TestDeepValuesAreAttached(t *testing.T) {
	for deep, attached := range map[int]bool{engine.MaxInlineDepth: false, engine.MaxInlineDepth + 1: true, 60: true} {
		value := strings.Repeat(`{"a":[`, deep/2) + strings.Repeat("[", deep%2) + `"]}\\\"[["` + strings.Repeat("]", deep%2) + strings.Repeat("]}", deep/2)
		e := engine.Event{Body: engine.EffectLate{Attempt: 1, Outcome: engine.EffectOutcome{Attempt: 1, Result: engine.Large{Value: json.RawMessage(value)}}}}
		data, attachments, err := engine.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(attachments) > 0; got != attached {
			t.Errorf("%d deep: attached %v, want %v", deep, got, attached)
		}
		if _, err := journal.Canonical(json.RawMessage(data)); err != nil {
			t.Errorf("%d deep: the journal does not take it: %v", deep, err)
		}
		back, err := engine.Decode(data, func(string) ([]byte, error) { return attachments[0], nil })
		if err != nil {
			t.Fatal(err)
		}
		if got := string(back.Body.(engine.EffectLate).Outcome.Result.Value); got != value {
			t.Errorf("%d deep: came back as %s", deep, got)
		}
	}
}

// TestValuesComeBackAsTheyWere: the journal spells some characters in another
// way. What is compared after a restart, such as the plan that somebody approved,
// has to be the same bytes as before it.
func TestValuesComeBackAsTheyWere(t *testing.T) {
	value, err := json.Marshal(map[string]any{
		"text": "one\ntwo\tthree\r\b\f\x01", "written": `\u000a \\u000a`, "html": "<a&b>\u2028\n", "key": int64(1<<53 - 1), "list": []any{true, nil, "\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := engine.Encode(engine.Event{Body: engine.StepReady{Params: engine.Large{Value: value}}})
	if err != nil {
		t.Fatal(err)
	}
	written, err := journal.Canonical(json.RawMessage(data))
	if err != nil {
		t.Fatal(err)
	}
	back, err := engine.Decode(written, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(back.Body.(engine.StepReady).Params.Value); got != string(value) {
		t.Errorf("came back as %s, was %s", got, value)
	}
}
