package rehearsal_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// The same scenario, program and seed give the same records, to the byte, on
// one processor and on many; another seed gives others.
func TestDeterminism(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	p := made(t, busy)
	src := busyScenario + `script:
  - {by: ann, at: 1m, type: run made}
  - {by: bob, asked: each, type: approve each}
  - {by: bob, asked: once, each: true, type: approve once}
  - {by: cat, asked: once, each: true, delay: 1s, type: approve once}
  - {by: bob, asked: look, delay: 30s, type: done look nothing}
`
	var root [32]byte
	for n := range 20 {
		runtime.GOMAXPROCS(1 + n%4)
		out := played(t, p, short(t, p, src), memory(t))
		if n == 0 {
			root = out.Head.Root
		} else if out.Head.Root != root {
			t.Fatalf("play %d has another root:\n%s", n, strings.Join(told(out.Events), "\n"))
		}
	}
	seed := int64(8)
	other, err := rehearsal.Play(t.Context(), rehearsal.PlayOptions{Scenario: short(t, p, src), Program: p, Type: typed, Journal: memory(t), Seed: &seed})
	if err != nil || other.Head.Root == root {
		t.Errorf("another seed has the same root, %v", err)
	}
}

// when gives the time of each inject since the start, and of the end.
func when(events []engine.Event) map[string]time.Duration {
	at := map[string]time.Duration{}
	for _, e := range events {
		since := e.At.Sub(events[1].At).Round(10 * time.Millisecond)
		switch b := e.Body.(type) {
		case engine.InjectDelivered:
			at[b.ID] = since
		case engine.DrillEnded:
			at["end: "+string(b.Why)] = since
		}
	}
	return at
}

// Each trigger is due when it says, and an inject once.
func TestTriggers(t *testing.T) {
	p := made(t, "  - id: first\n    manual: Look.\n  - id: second\n    manual: Look.\n")
	run := "script:\n  - {by: ann, at: 1m, type: run made}\n  - {by: ann, asked: first, delay: 2m, type: done first x}\n  - {by: ann, asked: second, delay: 4m, type: done second x}\n"
	for _, tt := range []struct {
		name, injects, end, script string
		want                       map[string]time.Duration
	}{
		{"a time", "{id: a, at: 90s, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"a": 90 * time.Second, "end: time": 10 * time.Minute}},
		{"a time and a delay", "{id: a, at: 90s, delay: 30s, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"a": 2 * time.Minute, "end: time": 10 * time.Minute}},
		{"the end of a step", "{id: a, after: first, delay: 10s, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"a": 190 * time.Second, "end: time": 10 * time.Minute}},
		{"another inject", "{id: a, at: 10s, to: channel, say: x}, {id: b, after: a, to: channel, say: x}, {id: c, after: b, delay: 5s, to: channel, say: x}", "{max: 10m}", run,
			map[string]time.Duration{"a": 10 * time.Second, "b": 10 * time.Second, "c": 15 * time.Second, "end: time": 10 * time.Minute}},
		{"a question", "{id: a, asked: second, delay: 3m, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"a": 6 * time.Minute, "end: time": 10 * time.Minute}},
		{"a question that was answered before", "{id: a, asked: first, delay: 3m, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"end: time": 10 * time.Minute}},
		{"a condition", "{id: a, when: steps.first.done, delay: 7s, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"a": 187 * time.Second, "end: time": 10 * time.Minute}},
		{"a condition about time", `{id: a, when: "elapsed >= 200 && steps.first.done", to: channel, say: x}`, "{max: 10m}", run, map[string]time.Duration{"a": 200 * time.Second, "end: time": 10 * time.Minute}},
		{"a condition that was true for a while", `{id: a, when: "elapsed >= 30 && elapsed < 40", delay: 60s, to: channel, say: x}`, "{max: 10m}", run, map[string]time.Duration{"a": 90 * time.Second, "end: time": 10 * time.Minute}},
		{"a condition about another inject", "{id: a, at: 20s, to: channel, say: x}, {id: b, when: injects.a.delivered, to: channel, say: x}", "{max: 10m}", run,
			map[string]time.Duration{"a": 20 * time.Second, "b": 20 * time.Second, "end: time": 10 * time.Minute}},
		{"by hand, never", "{id: a, hand: true, to: channel, say: x}", "{max: 10m}", run, map[string]time.Duration{"end: time": 10 * time.Minute}},
		{"by hand", "{id: a, hand: true, to: channel, say: x}", "{max: 10m}", run + "  - {by: fran, at: 5s, type: drill inject a}\n", map[string]time.Duration{"a": 5 * time.Second, "end: time": 10 * time.Minute}},
		{"left out", "{id: a, at: 10s, to: channel, say: x}", "{max: 10m}", run + "  - {by: fran, at: 5s, type: leave a}\n", map[string]time.Duration{"end: time": 10 * time.Minute}},
		{"the end", "{id: a, at: 9m, to: channel, say: x}", "{when: steps.second.done, max: 10m}", run, map[string]time.Duration{"end: end": 7 * time.Minute}},
		{"an end by time", "{id: a, at: 9m, to: channel, say: x}", "{when: elapsed >= 100, max: 10m}", run, map[string]time.Duration{"end: end": 100 * time.Second}},
		{"resolved", "{id: a, at: 9m, to: channel, say: x}", "{max: 10m}", run + "  - {by: ann, after: second, delay: 1m, type: resolve it}\n", map[string]time.Duration{"end: resolved": 8 * time.Minute}},
		{"ended by hand", "{id: a, at: 9m, to: channel, say: x}", "{max: 10m}", run + "  - {by: fran, at: 4m, type: end enough}\n", map[string]time.Duration{"end: facilitator": 4 * time.Minute}},
		{"held until it is let go", "{id: a, at: 90s, to: channel, say: x}", "{max: 10m}", run + "  - {by: fran, at: 30s, type: hold x}\n  - {by: fran, at: 3m, type: go}\n", map[string]time.Duration{"a": 3 * time.Minute, "end: time": 10 * time.Minute}},
		{"held and let go", "{id: a, at: 90s, to: channel, say: x}", "{max: 10m}", run + "  - {by: fran, at: 30s, type: hold x}\n  - {by: fran, at: 30s, type: go}\n", map[string]time.Duration{"a": 90 * time.Second, "end: time": 10 * time.Minute}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := played(t, p, short(t, p, "answers: {}\ninjects: ["+tt.injects+"]\nend: "+tt.end+"\n"+tt.script), memory(t))
			if diff := cmp.Diff(tt.want, when(out.Events)); diff != "" {
				t.Errorf("want (-), got (+):\n%s\n%s", diff, strings.Join(told(out.Events), "\n"))
			}
		})
	}
}

// What a script expects is compared with what is said.
func TestScriptExpectations(t *testing.T) {
	p := made(t, twoApprove)
	s := short(t, p, onceWorks+`script:
  - {by: ann, at: 1m, type: run made}
  - {by: ann, asked: once, type: approve once, refused: you asked for step}
  - {by: bob, asked: once, delay: 1s, type: approve once, refused: you asked for step}
  - {by: bob, asked: once, delay: 2s, type: approve once}
  - {by: ann, asked: once, delay: 3s, type: approve once, refused: something else}
  - {by: cat, asked: once, delay: 4s, type: approve once}
  - {by: cat, after: once, type: skip once}
  - {by: cat, asked: once, delay: 9m, type: approve once}
  - {by: cat, at: 2h, type: note the end}
`)
	s.End.Max = runbooks.Span(time.Hour)
	out := played(t, p, s, memory(t))
	want := []string{
		"line 3 of the script (bob: approve once) was followed, and should have been refused",
		"line 4 of the script (bob: approve once) was refused: you voted on step",
		"line 5 of the script (ann: approve once) was refused with \"you asked for step",
		"line 7 of the script (cat: skip once) was refused",
		"line 8 of the script had no occasion",
		"line 9 of the script had no occasion",
	}
	if len(out.Faults) != len(want) || len(out.Unused) != 2 || len(out.Refusals) != 4 {
		t.Fatalf("%d unused, %d refused, %q", len(out.Unused), len(out.Refusals), out.Faults)
	}
	for n, w := range want {
		if !strings.HasPrefix(out.Faults[n], w) {
			t.Errorf("%q, want %q", out.Faults[n], w)
		}
	}
}

// A line for each question is typed for each; others of one person are for one
// question each, in their order.
func TestScriptQuestions(t *testing.T) {
	p := made(t, "  - id: once\n    uses: test.once\n    with: {target: h}\n    approval: {from: [group:leads], expires: 15m}\n    timeout: 30s\n    on_failure: ask\n")
	votes := func(rest string) (who []string) {
		s := short(t, p, "answers: {once: {fails: denied}}\nend: {max: 1h}\nscript:\n  - {by: ann, at: 1m, type: run made}\n"+rest)
		out := played(t, p, s, memory(t))
		for _, e := range out.Events {
			switch b := e.Body.(type) {
			case engine.Vote:
				who = append(who, e.Actor.ID)
			case engine.StepEnded:
				who = append(who, string(b.Status))
			}
		}
		return append(who, out.Faults...)
	}
	got := votes("  - {by: bob, asked: once, each: true, delay: 10s, type: approve once}\n  - {by: ann, asked: once, delay: 1m, type: retry once}\n  - {by: ann, asked: once, delay: 1m, type: retry once}\n")
	if !slices.Equal(got, []string{"bob", "bob", "bob"}) {
		t.Errorf("%q", got)
	}
	got = votes("  - {by: bob, asked: once, delay: 5m, type: approve once}\n  - {by: ann, asked: once, delay: 1m, type: retry once}\n  - {by: bob, asked: once, delay: 10s, type: approve once}\n  - {by: ann, asked: once, delay: 30s, type: skip once}\n")
	if got[0] != "skipped" || slices.Contains(got, "bob") {
		t.Errorf("%q", got)
	}
	got = votes("  - {by: bob, asked: once, delay: 5m, type: approve once}\n  - {by: ann, asked: once, delay: 1m, type: retry once}\n  - {by: bob, asked: once, delay: 10s, type: approve once}\n")
	if !slices.Equal(got, []string{"bob", "bob"}) {
		t.Errorf("%q", got)
	}
}

// A condition that came true while a server was there is remembered by the next
// one, although no fact says so.
func TestConditionsSurvive(t *testing.T) {
	p := made(t, waits)
	s := short(t, p, "answers: {}\nend: {max: 10h}\ninjects:\n  - {id: a, when: elapsed >= 30 && elapsed < 40 && notes == 0, delay: 60s, to: channel, say: x}\n")
	bubble(t, p, s, rehearsal.Request{}, func(l *live) {
		l.pass(50 * time.Second)
		l.types("ann", "note a fact", "")
		l.crash()
		l.pass(time.Hour)
		l.types("fran", "go", "")
		l.pass(39 * time.Second)
		l.wants("too early", l.count(engine.InjectDelivered{}, ""), 0)
		l.pass(2 * time.Second)
		l.wants("in time", l.count(engine.InjectDelivered{}, ""), 1)
	})
}

// A condition about time that never comes true is looked at each second, for a
// week, in a few seconds.
func TestLongCondition(t *testing.T) {
	p := made(t, "  - id: first\n    manual: Look.\n")
	s := short(t, p, "answers: {}\nend: {when: \"elapsed > 604000 && steps.first.done\", max: 168h}\nscript:\n  - {by: ann, at: 1m, type: run made}\n")
	out := played(t, p, s, memory(t))
	if diff := cmp.Diff(map[string]time.Duration{"end: time": 168 * time.Hour}, when(out.Events)); diff != "" {
		t.Error(diff)
	}
}
