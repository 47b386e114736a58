package timeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files again")

// record is the record of a story.
func (s *script) record(t testing.TB) *timeline.Record {
	t.Helper()
	r, err := timeline.Open(s.events)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write gives a story in a form.
func write(t testing.TB, s *script, format string, o timeline.Options) []byte {
	t.Helper()
	if o.Head.Size == 0 {
		o.Head = head()
	}
	var b bytes.Buffer
	if err := s.record(t).Write(&b, format, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func markdown(t testing.TB, s *script) []byte {
	t.Helper()
	return write(t, s, "md", timeline.Options{})
}

func jsonOf(t testing.TB, s *script) []byte {
	t.Helper()
	return write(t, s, "json", timeline.Options{})
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, run with -rewrite:\n%s", name, diff)
	}
}

func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name  string
		story *script
	}{
		{"full", told(t)},
		{"tiny", declared("DRL-3")},
		{"doubt", doubtful(t)},
		{"wide", wide(t, 3)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tl := tt.story.fold(t)
			golden(t, tt.name+".md", markdown(t, tt.story))
			golden(t, tt.name+".json", jsonOf(t, tt.story))
			var lines strings.Builder
			for _, l := range tl.Lines(12) {
				lines.WriteString(l.Mark + " " + l.Text + "\n")
			}
			golden(t, tt.name+".lines", []byte(lines.String()))
		})
	}
}

// doubtful ends in the middle: held in doubt, with an approval and a manual step open.
func doubtful(t testing.TB) *script {
	s := declared("INC-13").start(t, 0, 20*time.Minute)
	s.it(0, "disable", engine.StepReady{})
	s.it(0, "disable", engine.StepPlanned{N: 1, Digest: digest1, Preview: actions.Preview{Targets: []actions.Target{user}}})
	s.it(0, "disable", intent(1, disable, actions.Reversible, "", "alice"))
	s.it(0, "disable", engine.EffectInDoubt{Attempt: 1, Reason: "the server was stopped"})
	s.it(0, "disable", engine.StepHeld{ID: "h", Why: engine.HeldDoubt, Message: "attempt 1 may have taken effect"})
	s.it(0, "tell", engine.ManualAsked{ID: "m", Instructions: "call"})
	s.it(0, "wipe", engine.ApprovalRequested{ID: "a", Digest: digest2, From: []string{"group:ciso"}, Quorum: 2, Expires: s.stamp(time.Hour)})
	s.it(0, "lift", intent(1, "aws.iam.revoke_sessions", actions.Reversible, "", "alice"))
	s.say(25*time.Minute, bob, "", "", engine.Noted{Text: "still nothing", Class: engine.Decision})
	return s
}

// Every kind of fact has words of its own, also when its fields are empty and
// when its run is not in the record.
func TestEveryKindHasASentence(t *testing.T) {
	story := told(t)
	seen := map[string]bool{}
	for _, r := range slices.Concat(story.fold(t).Rows, wide(t, 3).fold(t).Rows, rehearsed().fold(t).Rows) {
		seen[r.Type] = true
	}
	for _, kind := range engine.Kinds() {
		if !seen[string(kind)] {
			t.Errorf("the story has no %s; put one in", kind)
		}
		body, ok := engine.NewBody(kind)
		if !ok {
			t.Fatalf("no body of kind %s", kind)
		}
		for _, run := range []string{"R1", "R9"} {
			s := declared("INC-1").start(t, 0, 0)
			s.say(0, bob, run, "disable", reflect.ValueOf(body).Elem().Interface().(engine.Body))
			rows := s.fold(t).Rows
			r := rows[len(rows)-1]
			if r.Type != string(kind) || len(r.Text) < 8 || r.Kind == "" {
				t.Errorf("%s of run %s: got row %+v, want a sentence", kind, run, r)
			}
		}
	}
}

// nameless is a kind that no build knows.
type nameless struct{}

func (nameless) Kind() engine.Kind { return "future.kind" }

func TestFoldRefuses(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, tt := range []struct {
		name   string
		events iter.Seq2[engine.Event, error]
		want   string
	}{
		{"nothing", (&script{}).events(), timeline.ErrEmpty.Error()},
		{"no declaration", (&script{}).say(0, alice, "", "", engine.Noted{}).events(), "begins with note.added at 40"},
		{"an unknown kind", declared("INC-1").say(0, alice, "", "", nameless{}).events(), "no words for future.kind at 41"},
		{"an error", func(yield func(engine.Event, error) bool) { yield(engine.Event{}, broken) }, broken.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := timeline.Fold(tt.events)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Two exports are the same bytes, also from facts that went through the journal's form.
func TestExportsAreIdentical(t *testing.T) {
	story := told(t)
	md, js := markdown(t, story), jsonOf(t, story)
	again := &script{}
	for _, e := range story.facts {
		data, attachments, err := engine.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := engine.Decode(data, func(string) ([]byte, error) { return attachments[0], nil })
		if err != nil {
			t.Fatal(err)
		}
		back.Seq = e.Seq
		again.facts = append(again.facts, back)
	}
	for range 20 {
		if got := markdown(t, again); !bytes.Equal(got, md) {
			t.Fatalf("the Markdown differs:\n%s", cmp.Diff(string(md), string(got)))
		}
		if got := jsonOf(t, again); !bytes.Equal(got, js) {
			t.Fatalf("the JSON differs:\n%s", cmp.Diff(string(js), string(got)))
		}
	}
}

func TestJSONForm(t *testing.T) {
	var got struct {
		Schema     string `json:"schema"`
		Checkpoint string `json:"checkpoint"`
		Head       struct {
			Origin string `json:"origin"`
			Size   int64  `json:"size"`
		} `json:"head"`
		Rows []map[string]any `json:"rows"`
		Open []map[string]any `json:"open"`
	}
	story := told(t)
	data := jsonOf(t, story)
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != timeline.Schema || got.Checkpoint != string(head().Note) || got.Head.Size != 104 || got.Head.Origin != head().Origin {
		t.Errorf("got head %+v", got)
	}
	facts := 0
	for _, r := range got.Rows {
		if r["derived"] != true {
			if int64(r["seq"].(float64)) != story.facts[facts].Seq {
				t.Errorf("row %d has seq %v, want %d", facts, r["seq"], story.facts[facts].Seq)
			}
			facts++
		}
	}
	if facts != len(story.facts) {
		t.Errorf("got %d rows of facts, want %d: nothing is left out of the JSON", facts, len(story.facts))
	}
	var empty map[string]json.RawMessage
	if err := json.Unmarshal(jsonOf(t, declared("INC-1")), &empty); err != nil {
		t.Fatal(err)
	}
	for name, v := range empty {
		if string(v) == "null" {
			t.Errorf("%s is null", name)
		}
	}
}

func texts(tl *timeline.Timeline) string {
	var b strings.Builder
	for _, r := range tl.Rows {
		b.WriteString(r.Text + "\n")
	}
	return b.String()
}

func TestSentences(t *testing.T) {
	got := texts(told(t).fold(t))
	for _, want := range []string{
		`bob approved step "disable" (1 of 2), plan 3f2a9c0d1122…`,
		`carol approved step "disable" (2 of 2), plan 3f2a9c0d1122…: seen it in CloudTrail`,
		`carol denied step "wipe", plan 77b1c2d3e4f5…: evidence first`,
		`aws.iam.deactivate_access_key started, attempt 1, on authority of carol`,
		`read back: key AKIAEXAMPLE000000001 is Inactive (verified, 2 readings)`,
		`step "lift" skipped: condition steps.owner.outputs.status == "Inactive" was false (steps.owner.outputs.status = "Active")`,
		`a stranger (slack:T99/U66) asked for "run" and was refused (E_NOT_KNOWN): you are not in the directory`,
		`nothing was written down for 14m0s, while firebreak waited for a decision on step "disable"`,
		`IN DOUBT: nobody knows whether attempt 1 of aws.iam.deactivate_access_key took effect: no answer before the time limit`,
		`HELD: step "disable" waits for a person to decide (its outcome is in doubt)`,
		`the undo of aws.iam.deactivate_access_key started, attempt 1, on authority of carol, without the quorum`,
		`the environment demands 2 approvals from group:ciso for destructive steps and worse, and lets a runbook say who may break the glass`,
		`expires at 08:00:00 UTC; group:commanders may break the glass and go on without it, and group:auditors review that within 72h0m0s`,
		`GLASS BROKEN: carol let the undo of step "disable" go on without its quorum (1 of 2 had approved), plan 77b1c2d3e4f5…, with "svc-deploy" typed out, signed with an SSH key: checkout is down`,
		`group:auditors are asked to say by 2026-11-26 01:31:02 UTC (72h0m0s) whether it was right that carol broke the glass of the undo of step "disable"`,
		`dave found it justified that carol broke the glass of the undo of step "disable": the key was rotated before`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no sentence %q in:\n%s", want, got)
		}
	}
}

func TestBudget(t *testing.T) {
	contain := func(s *script, after time.Duration, verdict actions.Verdict) *script {
		s.it(0, "disable", intent(1, disable, actions.Reversible, "", "alice"))
		s.it(after, "disable", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: verdict}, Readings: 1})
		return s
	}
	end := func(s *script, status engine.RunStatus, after time.Duration) *script {
		return s.say(after, engine.TheEngine, "R1", "", engine.RunEnded{Status: status})
	}
	run := func(budget time.Duration) *script { return declared("INC-1").start(t, 0, budget) }
	for _, tt := range []struct {
		name   string
		story  *script
		budget timeline.Budget
		ms     int64
	}{
		{"none set", end(contain(run(0), time.Minute, actions.Verified), engine.RunDone, 0), timeline.BudgetNone, 60_000},
		{"kept, however long the rest took", end(contain(run(5*time.Minute), time.Minute, actions.Verified), engine.RunDone, time.Hour), timeline.BudgetKept, 60_000},
		{"missed", end(contain(run(5*time.Minute), 6*time.Minute, actions.Verified), engine.RunDone, 0), timeline.BudgetMissed, 360_000},
		{"not verified is not contained", end(contain(run(5*time.Minute), time.Minute, actions.NotVerified), engine.RunFailed, 0), timeline.BudgetFailed, 0},
		{"a failed run", end(contain(run(5*time.Minute), time.Minute, actions.Verified), engine.RunFailed, 0), timeline.BudgetFailed, 60_000},
		{"nothing to change", end(run(5*time.Minute), engine.RunDone, 2*time.Minute), timeline.BudgetKept, 120_000},
		{"time left", contain(run(5*time.Minute), time.Minute, actions.Pending), timeline.BudgetOpen, 0},
		{"used up", contain(run(5*time.Minute), 6*time.Minute, actions.Pending), timeline.BudgetMissed, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.story.fold(t).Runs[0]
			if got.Budget != tt.budget || got.ContainedMS != tt.ms {
				t.Errorf("got %s after %d ms, want %s after %d ms", got.Budget, got.ContainedMS, tt.budget, tt.ms)
			}
		})
	}
}

func TestOpenItems(t *testing.T) {
	var kinds []string
	for _, o := range doubtful(t).fold(t).Open {
		kinds = append(kinds, o.Kind)
	}
	want := []string{timeline.OpenDoubt, timeline.OpenHeld, timeline.OpenFlight, timeline.OpenApproval, timeline.OpenManual, timeline.OpenRun, timeline.OpenIncident}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("open items differ (-want +got):\n%s", diff)
	}
	open := func(s *script) []string {
		var kinds []string
		for _, o := range s.say(0, alice, "", "", engine.Resolved{}).fold(t).Open {
			if o.Kind != timeline.OpenRun {
				kinds = append(kinds, o.Kind)
			}
		}
		return kinds
	}
	change := func() *script {
		s := declared("INC-1").start(t, 0, 0)
		s.it(0, "disable", intent(1, disable, actions.Reversible, "", "alice"))
		return s.it(0, "disable", engine.EffectOutcome{Attempt: 1})
	}
	proven := func(s *script) *script {
		s.it(0, "disable", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: actions.Verified}, Readings: 1})
		return s.it(0, "disable", engine.StepEnded{Status: engine.StepDone})
	}
	doubt := func() *script {
		s := declared("INC-1").start(t, 0, 0)
		s.it(0, "wipe", intent(1, "aws.iam.delete_user", actions.Destructive, "", "alice"))
		return s.it(0, "wipe", engine.EffectInDoubt{Attempt: 1, Reason: "crash"})
	}
	undone := proven(change())
	undone.it(0, "disable~undo2", intent(1, disable, actions.Reversible, "", "bob"))
	undone.it(0, "disable~undo2", engine.EffectOutcome{Attempt: 1})
	undone.it(0, "disable~undo2", engine.EffectVerified{Attempt: 1, Reading: actions.Reading{Verdict: actions.Verified}})
	undone.it(0, "disable~undo2", engine.StepEnded{Status: engine.StepDone})
	for _, tt := range []struct {
		name  string
		story *script
		want  []string
	}{
		{"ran and was not read back", change(), []string{timeline.OpenVerify}},
		{"proven", proven(change()), []string{timeline.OpenUndo}},
		{"taken back", undone, nil},
		{"in doubt", doubt(), []string{timeline.OpenDoubt}},
		{"asked, and nobody knows", doubt().it(0, "wipe", engine.EffectProbed{Attempt: 1, Found: actions.FoundUnknown}), []string{timeline.OpenDoubt}},
		{"asked, and it had no effect", doubt().it(0, "wipe", engine.EffectProbed{Attempt: 1, Found: actions.NotApplied}), nil},
		{"a person knows that it had no effect", doubt().say(0, bob, "R1", "wipe", engine.EffectResolved{Attempt: 1}), nil},
		{"a person knows that it took effect", doubt().say(0, bob, "R1", "wipe", engine.EffectResolved{Attempt: 1, Applied: true}), []string{timeline.OpenVerify}},
		{"a late answer does not settle it", doubt().it(0, "wipe", engine.EffectLate{Attempt: 1}), []string{timeline.OpenDoubt}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, open(tt.story)); diff != "" {
				t.Errorf("open items differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	silences := func(s *script) (n int) {
		for _, r := range s.fold(t).Rows {
			if r.Derived {
				n++
			}
		}
		return n
	}
	note := engine.Noted{Text: "x", Class: engine.Observation}
	for _, tt := range []struct {
		name  string
		story *script
		want  int
	}{
		{"short", declared("INC-1").say(timeline.Silence-time.Microsecond, bob, "", "", note), 0},
		{"long", declared("INC-1").say(timeline.Silence, bob, "", "", note), 1},
		{"machinery is not speech", declared("INC-1").say(time.Minute, engine.TheEngine, "", "", engine.MessagePosted{}).say(timeline.Silence-time.Minute, bob, "", "", note), 1},
		{"before the end", declared("INC-1").say(timeline.Silence, bob, "", "", engine.Resolved{}), 1},
		{"after the end nobody has to speak", declared("INC-1").say(0, bob, "", "", engine.Resolved{}).say(time.Hour, bob, "", "", note), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := silences(tt.story); got != tt.want {
				t.Errorf("got %d silences, want %d", got, tt.want)
			}
		})
	}
}

func TestKeyTimes(t *testing.T) {
	got := map[string]timeline.KeyTime{}
	var names []string
	for _, k := range told(t).fold(t).KeyTimes {
		got[k.Name] = k
		names = append(names, k.Name)
	}
	if want := []string{"first observed", "declared", "first action", "contained", "resolved"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if !strings.Contains(got["contained"].Text, `step "disable"`) || !strings.Contains(got["contained"].Text, "taken back since") {
		t.Errorf("contained: got %q, want the first proof, not that of its undo", got["contained"].Text)
	}
	for _, k := range declared("INC-1").fold(t).KeyTimes[1:] {
		if k.Seq != -1 || !k.At.IsZero() {
			t.Errorf("%s: got %v, want that it did not come", k.Name, k)
		}
	}
}

func TestLines(t *testing.T) {
	tl := told(t).fold(t)
	all := tl.Lines(0)
	last := tl.Lines(3)
	if len(last) != 3 || last[2].Text[len("2026-11-23 "):] == "" || !strings.HasSuffix(all[len(all)-1].Text, strings.SplitN(last[2].Text, "  ", 2)[1]) {
		t.Errorf("got %q", last)
	}
	if !strings.HasPrefix(last[0].Text, "2026-11-23 ") {
		t.Errorf("the first line has no date: %q", last[0].Text)
	}
	long := declared("INC-1").say(0, bob, "", "", engine.Noted{Text: strings.Repeat("é", 1000) + "\x1b[31m"}).fold(t).Lines(1)[0].Text
	if strings.Contains(long, "\x1b") || !strings.Contains(long, "more characters)") || len([]rune(long)) > 320 {
		t.Errorf("got %q", long)
	}
}
