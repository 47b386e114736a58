package chatops

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// swept is an incident with a loop over n hosts that was approved; those of
// fail do not work.
func swept(t *testing.T, n int, outcome map[string]string) (*ledger, *Bot) {
	t.Helper()
	l := newLedger(t)
	l.programs = append(l.programs, load(t, wide, l.programs...)...)
	l.outcome = outcome
	b := newBot(l, DefaultPolicy())
	var hosts []string
	for k := range n {
		hosts = append(hosts, fmt.Sprintf("h%d", k+1))
	}
	for _, text := range []string{"declare Worm", "run INC-1 sweep hosts=" + strings.Join(hosts, ",")} {
		if m := b.Command(t.Context(), Input{Actor: actor(t, "ann"), Text: text}); m.Failed {
			t.Fatal(dump(m))
		}
	}
	return l, b
}

// A loop is one line and the few items that need somebody, however long it is.
func TestCardOfALongLoop(t *testing.T) {
	outcome := map[string]string{"isolate.1": "fail", "isolate.150": "fail"}
	l, b := swept(t, 200, outcome)
	ask := dump(AskMessage(l.list[0], l.list[0].Asks[0]))
	for _, want := range []string{"One answer is for all 200 items.", "Items: 200 (the first 20;", "isolate.20: h20", "and 180 more, 200 in all", "One yes is for all 200 items of R1/isolate"} {
		if !strings.Contains(ask, want) {
			t.Errorf("the ask lacks %q:\n%s", want, ask)
		}
	}
	if strings.Contains(ask, "isolate.21:") {
		t.Error("the ask shows more than twenty items")
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "leo"), Text: "approve INC-1 isolate"}); m.Failed {
		t.Fatal(dump(m))
	}
	text := dump(Card(l.list[0], ""))
	for _, want := range []string{"✓ isolate · Isolate each host: done (198 of 200 done, 2 failed); contains until", "    ✗ isolate.1 ", "    ✗ isolate.150 "} {
		if !strings.Contains(text, want) {
			t.Errorf("the card lacks %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "isolate."); n > 4 {
		t.Errorf("the card names %d items:\n%s", n, text)
	}
}

// Over its budget of errors a loop ends, and the card names a few of many.
func TestCardOfALoopThatFails(t *testing.T) {
	outcome := map[string]string{}
	for k := range 40 {
		outcome[fmt.Sprintf("isolate.%d", k+1)] = "slow"
	}
	l, b := swept(t, 40, outcome)
	if m := b.Command(t.Context(), Input{Actor: actor(t, "leo"), Text: "approve INC-1 isolate"}); m.Failed {
		t.Fatal(dump(m))
	}
	if text := dump(Card(l.list[0], "")); !strings.Contains(text, "… isolate · Isolate each host: 0 of 40 done, 3 in flight, 37 planned") {
		t.Errorf("the card of a loop in flight:\n%s", text)
	}
	for k := range 40 {
		l.outcome[fmt.Sprintf("isolate.%d", k+1)] = "fail"
	}
	l.later(time.Second)
	text := dump(Card(l.list[0], ""))
	for _, want := range []string{"✗ isolate · Isolate each host: failed: ", "    ✗ isolate.1 "} {
		if !strings.Contains(text, want) {
			t.Errorf("the card lacks %q:\n%s", want, text)
		}
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "leo"), Text: "step INC-1 isolate"}); !strings.Contains(dump(m), "Its steps: 0 of 40 done, 3 failed, 37 not run") {
		t.Errorf("the step is shown as:\n%s", dump(m))
	}
}

// The ask of a loop tells two lists apart that differ only far down.
func TestAskOfALoopHashesAllArguments(t *testing.T) {
	ask := func(last string) string {
		l, b := swept(t, 1, nil)
		hosts := make([]string, 60)
		for k := range hosts {
			hosts[k] = fmt.Sprintf("h%d", k)
		}
		hosts[59] = last
		if m := b.Command(t.Context(), Input{Actor: actor(t, "ann"), Text: "run INC-1 sweep hosts=" + strings.Join(hosts, ",")}); m.Failed {
			t.Fatal(dump(m))
		}
		text := dump(AskMessage(l.list[0], l.list[0].Asks[1]))
		_, text, _ = strings.Cut(text, "SHA-256 of all their arguments ")
		hash, _, _ := strings.Cut(text, ")")
		return hash
	}
	if one, two := ask("x"), ask("y"); one == two || one == "" {
		t.Errorf("got hashes %q and %q of two lists", one, two)
	}
}

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration
	}{
		{"90m", 90 * time.Minute}, {"24h", 24 * time.Hour}, {"3d", 72 * time.Hour}, {"1d12h", 36 * time.Hour}, {" 2D ", 48 * time.Hour}, {"1s", time.Second},
		{"", 0}, {"0h", 0}, {"-1h", 0}, {"soon", 0}, {"d", 0}, {"1.5d", 0}, {"99999d", 0}, {"1d-2h", 0}, {"10", 0},
	} {
		got, refusal := duration(tt.in)
		if got != tt.want || (refusal == nil) != (tt.want > 0) {
			t.Errorf("duration(%q) = %v, %v; want %v", tt.in, got, refusal, tt.want)
		}
	}
}

// What a form shows as a value is read back as the same.
func TestTypedValues(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want string
	}{
		{"x", "x"}, {int64(3), "3"}, {true, "true"},
		{[]any{"a", "b-1"}, "a,b-1"}, {[]any{}, "[]"}, {[]any{"a,b"}, `["a,b"]`}, {[]any{int64(1), int64(2)}, "[1,2]"},
		{map[string]any{"k": "v"}, `{"k":"v"}`},
	} {
		if got := typed(tt.in); got != tt.want {
			t.Errorf("typed(%v) = %q, want %q", tt.in, got, tt.want)
		}
	}
	for in, want := range map[string]string{
		"a\nb\r\n c ,\n\n": "a,b,c", "[\n \"a\",\n \"b\"\n]": `[ "a", "b" ]`, "a,b": "a,b", "": "",
	} {
		if got := oneLine(&runbooks.Input{Type: actions.List}, in); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
	if got := oneLine(&runbooks.Input{Type: actions.String}, "a\nb"); got != "a\nb" {
		t.Errorf("the lines of a text became %q", got)
	}
}

func TestKindOf(t *testing.T) {
	least, most := int64(1), int64(5)
	of := &runbooks.Input{Type: actions.String, Format: "aws.region"}
	for _, tt := range []struct {
		in   *runbooks.Input
		want string
	}{
		{nil, "any text"},
		{&runbooks.Input{Type: actions.Int, Min: &least, Max: &most}, "a whole number of 1 to 5"},
		{&runbooks.Input{Type: actions.Bool}, "true or false"},
		{&runbooks.Input{Type: actions.String, Enum: []string{"a", "b"}}, "one of a, b"},
		{&runbooks.Input{Type: actions.String, Sensitive: true}, "a reference to a secret, never the secret: secret://env/NAME"},
		{&runbooks.Input{Type: actions.List, Of: of, Max: &most}, "a list of at most 5 items: each an AWS region, such as eu-central-1, written a,b,c or as JSON"},
		{&runbooks.Input{Type: actions.Map, Of: &runbooks.Input{Type: actions.Int}}, "a map of names to whole numbers, written k=v,k2=v2 or as JSON"},
	} {
		if got := kindOf(tt.in); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// A list is pasted into a form one item a line.
func TestAListInAForm(t *testing.T) {
	l := newLedger(t)
	l.programs = append(l.programs, load(t, wide, l.programs...)...)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "run sweep", Channel: "C1"})
	if m.Form == nil {
		t.Fatal(dump(m))
	}
	m, wrong := b.Answer(t.Context(), Answer{Actor: actor(t, "rita"), Form: m.Form.ID, State: m.Form.State, Values: map[string]string{"hosts": "web-1\nweb-2\n", "tags": "a=1,b=2", "deep": "false"}})
	if wrong != nil || m.Failed {
		t.Fatalf("got %v, %s", wrong, dump(m))
	}
	runs := l.list[0].Runs
	want := map[string]any{"hosts": []any{"web-1", "web-2"}, "tags": map[string]any{"a": "1", "b": "2"}, "deep": false, "account": "111122223333"}
	if diff := cmp.Diff(want, runs[len(runs)-1].Inputs); diff != "" {
		t.Errorf("inputs differ (-want +got):\n%s", diff)
	}
}

// A plan asks for its inputs by a form too, which changes nothing.
func TestPlanForm(t *testing.T) {
	l := newLedger(t)
	b := newBot(l, DefaultPolicy())
	setUp(t, l, b)
	m := b.Command(t.Context(), Input{Actor: actor(t, "rita"), Text: "plan contain --env prod", Channel: "C1"})
	if m.Form == nil || m.Form.ID != "plan" || m.Form.Submit != "Plan" {
		t.Fatal(dump(m))
	}
	facts := l.list[0].Facts
	m, wrong := b.Answer(t.Context(), Answer{Actor: actor(t, "rita"), Form: m.Form.ID, State: m.Form.State, Values: map[string]string{"host": "h7"}})
	if wrong != nil || m.Failed || !strings.Contains(dump(m), "would act on h7") || l.list[0].Facts != facts {
		t.Errorf("got %v, %s", wrong, dump(m))
	}
}

// Somebody who may not see a private incident does not learn of what it contains.
func TestContainedHidesPrivateIncidents(t *testing.T) {
	l, b := swept(t, 2, nil)
	if m := b.Command(t.Context(), Input{Actor: actor(t, "leo"), Text: "approve INC-1 isolate"}); m.Failed {
		t.Fatal(dump(m))
	}
	l.list[0].Private = true
	if m := b.Command(t.Context(), Input{Actor: actor(t, "rob"), Text: "contained"}); strings.Contains(dump(m), "INC-1") || m.Title != "Nothing is contained" {
		t.Errorf("a reporter is shown:\n%s", dump(m))
	}
	if m := b.Command(t.Context(), Input{Actor: actor(t, "leo"), Text: "contained"}); !strings.Contains(dump(m), "INC-1 R1/isolate") {
		t.Errorf("a responder is shown:\n%s", dump(m))
	}
	l.later(25 * time.Hour)
	if m := b.Command(t.Context(), Input{Actor: actor(t, "lea"), Text: "contained"}); !strings.Contains(dump(m), "1 over its time") {
		t.Errorf("somebody who is asked is shown:\n%s", dump(m))
	}
}
