package rehearsal_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

const verified = `  - id: signal
    uses: test.signal
    with: {target: h, token: secret://env/T}
    verify: {within: 30s}
    timeout: 30s
    on_failure: ask
  - id: look
    manual: Look.
`

// What the facilitator decides is what the next attempts come to.
func TestOutcomes(t *testing.T) {
	p := made(t, verified)
	for _, tt := range []struct {
		answer, outcome string
		want            engine.StepStatus
		class           actions.Class // of the first outcome
		doubts          int
	}{
		{"{outputs: {target: h}}", "", engine.StepDone, "", 0},
		{"{outputs: {target: h}}", "ok", engine.StepDone, "", 0},
		{"{fails: denied}", "ok", engine.StepDone, "", 0},
		{"{unknown: true}", "ok", engine.StepDone, "", 0},
		{"{lies: true, outputs: {target: h}}", "ok", engine.StepDone, "", 0},
		{"{plan_fails: denied}", "ok", engine.StepDone, "", 0},
		{"{outputs: {target: h}}", "fail", engine.StepOnHold, actions.Denied, 0},
		{"{outputs: {target: h}}", "lies", engine.StepOnHold, "", 0},
		{"{outputs: {target: h}}", "unknown", engine.StepOnHold, actions.Unknown, 4},
		{"{outputs: {target: h}}", "timeout", engine.StepOnHold, actions.Unknown, 4},
	} {
		t.Run(tt.answer+" "+tt.outcome, func(t *testing.T) {
			decide := ""
			if tt.outcome != "" {
				decide = "  - {by: fran, at: 10s, type: outcome signal " + tt.outcome + "}\n"
			}
			s := short(t, p, "answers: {signal: "+tt.answer+"}\nend: {max: 1h}\nscript:\n"+decide+"  - {by: ann, at: 1m, type: run made}\n")
			out := played(t, p, s, memory(t))
			inc := folded(t, out.Events)
			run, _ := inc.Run("")
			step, _ := run.Step("signal")
			doubts, class := 0, actions.Class("")
			for _, e := range out.Events {
				switch b := e.Body.(type) {
				case engine.EffectInDoubt:
					doubts++
				case engine.EffectOutcome:
					if b.Attempt == 1 && b.Failure != nil {
						class = b.Failure.Class
					}
				}
			}
			if step.Status != tt.want || class != tt.class || doubts != tt.doubts {
				t.Errorf("%s, %q, %d doubts; want %s, %q, %d\n%s", step.Status, class, doubts, tt.want, tt.class, tt.doubts, strings.Join(told(out.Events), "\n"))
			}
		})
	}
}

func folded(t testing.TB, events []engine.Event) *engine.Incident {
	t.Helper()
	i := engine.NewIncident()
	for _, e := range events {
		if err := i.Apply(e); err != nil {
			t.Fatalf("the facts do not follow: %v", err)
		}
	}
	return i
}

// An inject changes what the next attempts are answered, from its own first
// answer on, and leaves the attempt in flight alone.
func TestInjectAnswers(t *testing.T) {
	p := made(t, "  - id: once\n    uses: test.once\n    with: {target: h}\n    timeout: 30s\n    on_failure: ask\n")
	s := short(t, p, `answers: {once: {takes: 20s, fails: denied, message: from the scenario}}
injects:
  - {id: i1, at: 70s, to: channel, say: x, answers: {once: [{fails: invalid, message: from the inject}, {outputs: {target: h}}]}}
end: {when: steps.once.done, max: 1h}
script:
  - {by: ann, at: 1m, type: run made}
  - {by: ann, asked: once, each: true, delay: 10s, type: retry once}
`)
	out := played(t, p, s, memory(t))
	var got []string
	for _, e := range out.Events {
		if b, ok := e.Body.(engine.EffectOutcome); ok {
			text := "works"
			if b.Failure != nil {
				text = b.Failure.Message
			}
			got = append(got, text)
		}
	}
	if len(got) != 3 || !strings.Contains(got[0], "from the scenario") || !strings.Contains(got[1], "from the inject") || got[2] != "works" {
		t.Errorf("%q\n%s", got, strings.Join(told(out.Events), "\n"))
	}
}

// An attempt that was begun before an inject is proven as it was answered.
func TestInjectLeavesAttempt(t *testing.T) {
	p := made(t, verified)
	s := short(t, p, `answers: {signal: {takes: 20s, outputs: {target: h}}}
injects:
  - {id: i1, at: 70s, to: channel, say: x, answers: {signal: {lies: true, outputs: {target: h}}}}
end: {when: steps.signal.done, max: 1h}
script:
  - {by: ann, at: 1m, type: run made}
`)
	out := played(t, p, s, memory(t))
	if got := when(out.Events); got["end: end"] == 0 {
		t.Errorf("%v\n%s", got, strings.Join(told(out.Events), "\n"))
	}
}

// Readings of a target are counted from the attempt before.
func TestReadings(t *testing.T) {
	p := made(t, "  - id: signal\n    uses: test.signal\n    with: {target: h, token: secret://env/T}\n    approval: {from: [group:leads]}\n    verify: {within: 30s}\n    timeout: 30s\n")
	s := short(t, p, `answers: {signal: {plan_fails: throttled, times: 2, outputs: {target: h}}}
end: {when: steps.signal.done, max: 1h}
script:
  - {by: ann, at: 1m, type: run made}
  - {by: bob, asked: signal, type: approve signal}
`)
	out := played(t, p, s, memory(t))
	failed := 0
	for _, e := range out.Events {
		if _, ok := e.Body.(engine.PlanFailed); ok {
			failed++
		}
	}
	if got := when(out.Events); got["end: end"] == 0 || failed != 2 {
		t.Errorf("%v, %d readings failed\n%s", got, failed, strings.Join(told(out.Events), "\n"))
	}
}

// The seed moves how long the world takes by up to a fifth, and nothing else.
func TestJitter(t *testing.T) {
	p := made(t, verified)
	s := short(t, p, "answers: {signal: {outputs: {target: h}}}\nend: {when: steps.signal.done, max: 1h}\nscript:\n  - {by: ann, at: 1m, type: run made}\n")
	took := map[int64]bool{}
	for seed := range int64(20) {
		out, err := rehearsal.Play(t.Context(), rehearsal.PlayOptions{Scenario: s, Program: p, Type: typed, Journal: memory(t), Seed: &seed})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			if b, ok := e.Body.(engine.EffectOutcome); ok {
				took[b.Millis] = true
				if d := time.Duration(b.Millis) * time.Millisecond; d < sim.DefaultEffect*4/5 || d > sim.DefaultEffect*6/5 {
					t.Errorf("seed %d: %s", seed, d)
				}
			}
		}
	}
	if len(took) < 15 {
		t.Errorf("20 seeds give %d times", len(took))
	}
}

// Where the scenario has no answer, as one that was begun by an older build may
// not, the exercise is held and says why; it goes on when the facilitator has
// decided.
func TestMissingAnswer(t *testing.T) {
	p := made(t, verified)
	s := short(t, p, "answers: {signal: {outputs: {target: h}}}\nend: {max: 1h}\n")
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		without := *s
		without.Answers = []runbooks.TestAnswers{}
		l.forge(&without, p)
		l.types("fran", "go", "")
		l.types("ann", "run made", "")
		l.pass(10 * time.Second)
		held := func() (is bool) { l.view(func(i *engine.Incident) { is = i.Drill.Held }); return is }
		l.wants("held", held(), true)
		l.wants("observed", l.count(engine.DrillObserved{}, ""), 1)
		l.types("fran", "go", "")
		l.wants("held again", held(), true)
		l.crash()
		l.types("fran", "outcome signal ok", "")
		l.types("fran", "go", "")
		l.wants("held", held(), false)
		l.pass(20 * time.Second)
		l.wants("the step", l.status("signal"), engine.StepDone)
		if !slices.ContainsFunc(l.events(), func(e engine.Event) bool {
			b, ok := e.Body.(engine.DrillObserved)
			return ok && strings.Contains(b.Text, `step "signal" (test.signal) asks what its target looks like`)
		}) {
			t.Error("the observation does not say what is missing")
		}
	})
}

// What the journal cannot take is refused at the beginning; where an older build
// let it through, the exercise is held rather than tried without end.
func TestUnwritableAnswer(t *testing.T) {
	p := made(t, verified)
	s := short(t, p, "answers: {signal: {outputs: {target: h}}}\nend: {max: 1h}\n")
	bad := *s
	bad.Answers = []runbooks.TestAnswers{{Step: "signal", List: []runbooks.TestAnswer{{Outputs: map[string]any{"a name": "x"}}}}}
	_, err := rehearsal.Play(t.Context(), rehearsal.PlayOptions{Scenario: &bad, Program: p, Type: typed, Journal: memory(t)})
	if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || !strings.Contains(refusal.Message, `answer 1 of step "signal"`) {
		t.Errorf("%v", err)
	}
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		l.forge(&bad, p)
		l.types("fran", "go", "")
		l.types("ann", "run made", "")
		l.pass(time.Minute)
		l.view(func(i *engine.Incident) { l.wants("held", i.Drill.Held, true) })
		l.wants("observed", l.count(engine.DrillObserved{}, ""), 1)
		l.types("fran", "outcome signal fail", "")
		l.types("fran", "go", "")
		l.pass(time.Minute)
		l.wants("doubts", l.count(engine.EffectInDoubt{}, ""), 1)
		l.wants("the step", l.status("signal"), engine.StepOnHold)
	})
}

// forge writes the beginning of an exercise by hand, as another build could
// have, and opens the store again with it.
func (l *live) forge(s *runbooks.Scenario, p *runbooks.Program) {
	l.t.Helper()
	l.id = "DRL-9"
	file, err := s.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	b := journal.Batch{Stream: l.id}
	for n, body := range []engine.Body{
		engine.Declared{ID: l.id, Title: "x", Severity: 2, Store: "drills"},
		engine.DrillStarted{Scenario: s.ID, Digest: s.Digest, File: engine.Large{Value: file}, Runbook: p.ID, RunbookDigest: p.Digest, Pace: 1, Facilitators: []string{"fran"}},
	} {
		data, blobs, err := engine.Encode(engine.Event{At: time.Now().Add(time.Duration(n)), Actor: l.people["fran"], Body: body})
		if err != nil {
			l.t.Fatal(err)
		}
		record, err := journal.Canonical(json.RawMessage(data))
		if err != nil {
			l.t.Fatal(err)
		}
		b.Records, b.Blobs = append(b.Records, journal.Record{Data: record}), append(b.Blobs, blobs...)
	}
	if _, err := l.log.Append(l.t.Context(), b); err != nil {
		l.t.Fatal(err)
	}
	l.crash()
}
