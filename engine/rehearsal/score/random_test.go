package score_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// TestRandom lets chance play: the world answers anything, people do anything.
// Whatever comes of it can be scored at every place, and adds up.
func TestRandom(t *testing.T) {
	type play struct {
		program  *runbooks.Program
		scenario *runbooks.Scenario
	}
	var plays []play
	for _, name := range []string{"messy", "twice", "live", "glass"} {
		p, _ := read(t, "testdata/"+name+".txt")
		plays = append(plays, play{p.program, p.scenario})
	}
	rapid.Check(t, func(rt *rapid.T) {
		one := plays[rapid.IntRange(0, len(plays)-1).Draw(rt, "story")]
		p := &tape{t: t, inc: engine.NewIncident(), program: one.program, scenario: one.scenario, now: noon}
		chance(rt, p)
		at := rapid.IntRange(1, len(p.facts)).Draw(rt, "until")
		whole := *p
		for _, facts := range [][]engine.Event{p.facts[:at], p.facts} {
			whole.facts = facts
			sound(rt, &whole)
		}
	})
}

func chance(rt *rapid.T, p *tape) {
	must := func(who string, verb string, args ...string) {
		if err := p.say(person(who), verb, args, "because"); err != nil {
			rt.Fatalf("%s %s: %v", who, verb, err)
		}
	}
	must("alice", "declare")
	if p.scenario != nil {
		must("fran", "drill", rapid.SampledFrom([]string{"1", "7", "1000"}).Draw(rt, "pace"))
	}
	must("alice", "run")
	for range rapid.IntRange(0, 120).Draw(rt, "length") {
		p.now = p.now.Add(time.Duration(rapid.IntRange(0, 200_000).Draw(rt, "ms")) * time.Millisecond)
		who, verb, args := move(rt, p)
		var no *engine.Refusal
		if err := p.say(person(who), verb, args, rapid.SampledFrom([]string{"because", "the authority and the board", "payment"}).Draw(rt, "text")); errors.As(err, &no) && !p.inc.Resolved {
			if err := p.take(engine.Event{Actor: person(who), Run: p.latest(), Body: engine.Refused{Verb: verb, Code: no.Code, Message: no.Message}}); err != nil {
				rt.Fatal(err)
			}
		}
	}
}

// move picks what happens next.
func move(rt *rapid.T, p *tape) (who, verb string, args []string) {
	p.on = ""
	if owed := p.inc.Commands(); len(owed) > 0 && rapid.IntRange(0, 9).Draw(rt, "world") < 6 {
		c := owed[rapid.IntRange(0, len(owed)-1).Draw(rt, "owed")]
		parts := strings.Split(c.Ref(), "/")
		if len(parts) > 2 {
			p.on = parts[1]
		}
		switch c := c.(type) {
		case engine.PlanStep:
			return "-", "plan", []string{parts[2], rapid.SampledFrom([]string{"h1", "h2"}).Draw(rt, "target")}
		case engine.RunEffect:
			answer := rapid.SampledFrom([]string{"", "", "", "unknown", "throttled", "denied"}).Draw(rt, "answer")
			if answer == "" {
				return "-", "ok", []string{parts[2]}
			}
			return "-", "fail", []string{parts[2], answer}
		case engine.ProbeEffect:
			return "-", "probed", []string{parts[2], rapid.SampledFrom([]string{"applied", "not_applied", "unknown"}).Draw(rt, "found")}
		case engine.VerifyEffect:
			return "-", "verified", []string{parts[2], rapid.SampledFrom([]string{"verified", "verified", "not_verified"}).Draw(rt, "verdict")}
		case engine.Wake:
			if c.At.After(p.now) {
				p.now = c.At
			}
			return "-", "wake", nil
		}
	}
	var steps []string
	p.on = rapid.SampledFrom(p.inc.Runs).Draw(rt, "run").ID
	r, _ := p.inc.Run(p.on)
	for s := range r.All() {
		steps = append(steps, s.ID)
	}
	step := rapid.SampledFrom(steps).Draw(rt, "step")
	who = rapid.SampledFrom([]string{"alice", "bob", "carol", "dave"}).Draw(rt, "who")
	verb = rapid.SampledFrom([]string{
		"approve", "approve", "approve", "approve", "deny", "done", "done", "retry", "skip", "undo", "applied", "cancel", "run", "break-glass", "break-glass", "review", "note", "export",
		"hold", "go", "advance", "hint", "inject", "leave-out", "judge", "rate", "outcome", "observe", "end", "resolve",
	}).Draw(rt, "verb")
	switch verb {
	case "hold", "go", "advance", "hint", "inject", "leave-out", "judge", "rate", "outcome", "observe", "end":
		if p.scenario == nil {
			return who, "note", nil
		}
		who = "fran"
	}
	inject := rapid.SampledFrom([]string{"i1", "i2"}).Draw(rt, "inject")
	switch verb {
	case "advance":
		return who, verb, []string{"7m"}
	case "inject", "leave-out":
		return who, verb, []string{inject}
	case "judge":
		return who, verb, []string{inject, "1", rapid.SampledFrom([]string{"met", "missed"}).Draw(rt, "word")}
	case "rate":
		return who, verb, []string{"o1", rapid.SampledFrom([]string{"P", "S", "M", "U"}).Draw(rt, "rating")}
	case "outcome":
		return who, verb, []string{step, "lies"}
	case "end":
		return who, verb, []string{rapid.SampledFrom([]string{"end", "time", "facilitator", "stop", "live"}).Draw(rt, "why")}
	case "hold", "go", "hint", "note", "cancel", "run", "export", "resolve", "observe":
		return who, verb, nil
	case "retry":
		return who, verb, []string{step, rapid.SampledFrom([]string{"", "not_applied"}).Draw(rt, "confirm")}
	}
	return who, verb, []string{step}
}

// sound checks what must hold of every result.
func sound(rt *rapid.T, p *tape) {
	r, err := score.Score(p.events(), score.Options{Commanders: func(id string) bool { return id == "carol" }})
	if err != nil {
		rt.Fatal(err)
	}
	again, err := score.Score(p.events(), score.Options{Commanders: func(id string) bool { return id == "carol" }})
	if err != nil {
		rt.Fatal(err)
	}
	a, err := json.Marshal(r)
	b, err2 := json.Marshal(again)
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		rt.Fatalf("two results of the same record differ: %v %v", err, err2)
	}
	if bytes.Contains(a, []byte(":null")) {
		rt.Fatalf("a list is null: %s", a)
	}
	wrong := func(format string, args ...any) { rt.Errorf(format, args...) }
	count := func(name string) int64 {
		m, ok := r.Metric(name)
		if !ok || m.Value < 0 {
			wrong("metric %s: %+v", name, m)
		}
		return m.Value
	}
	if len(r.Metrics) != len(runbooks.Metrics()) {
		wrong("%d metrics, want %d", len(r.Metrics), len(runbooks.Metrics()))
	}
	for _, m := range r.Metrics {
		count(m.Name)
		if m.Came == (m.Why != "") {
			wrong("%s came: %v, and yet it says %q", m.Name, m.Came, m.Why)
		}
	}
	for _, run := range r.Runs {
		if sum := run.People.MS + run.Machine.MS; sum > run.Length.MS || run.Length.MS > r.Length.MS {
			wrong("run %s took %d ms of %d: %d people and machine", run.Run, run.Length.MS, r.Length.MS, sum)
		}
		if sum := run.People.WallMS + run.Machine.WallMS; sum > run.Length.WallMS {
			wrong("run %s took %d ms of people's time, and %d add up", run.Run, run.Length.WallMS, sum)
		}
	}
	for _, s := range r.Steps {
		if s.People.MS+s.Machine.MS > r.Length.MS || s.People.MS < 0 || s.Machine.MS < 0 {
			wrong("step %s took longer than all: %+v", s.ID, s)
		}
		if s.OK+s.Failed > s.Attempts {
			wrong("step %s has more answers than attempts: %+v", s.ID, s)
		}
	}
	verdicts := map[string]int64{}
	broken, unreviewed := map[string]bool{}, 0
	for _, g := range r.Glasses {
		broken[g.Approval] = true
		if g.Review == nil {
			unreviewed++
		}
	}
	if count("glasses_broken") != int64(len(r.Glasses)) || count("glasses_unreviewed") != int64(unreviewed) || len(broken) != len(r.Glasses) {
		wrong("glasses do not add up: %+v", r.Glasses)
	}
	for _, a := range r.Asked {
		if broken[a.ID] != (a.Glass != "") || broken[a.ID] && a.Latency != nil {
			wrong("approval %s was passed over, or was not: %+v", a.ID, a)
		}
		if !broken[a.ID] || a.Verdict != "granted" {
			verdicts[a.Verdict]++
		}
		if a.Latency != nil && (a.Latency.MS < 0 || a.ToFirst == nil || a.ToFirst.MS > a.Latency.MS) {
			wrong("approval %s: %+v", a.ID, a)
		}
	}
	if verdicts["granted"] != count("approvals_granted") || verdicts["denied"] != count("approvals_denied") || verdicts["expired"] != count("approvals_expired") {
		wrong("approvals do not add up: %v", verdicts)
	}
	if count("doubts_resolved") > count("doubts") || count("points") > count("points_possible") || count("approval_latency_median") > count("approval_latency_worst") ||
		count("time_to_first_containment") > count("time_to_full_containment") && count("time_to_full_containment") > 0 || count("waiting_share") > 100 {
		wrong("metrics contradict each other: %+v", r.Metrics)
	}
	states := map[score.ExpectState]int64{}
	for _, x := range r.Expect {
		states[x.State]++
	}
	if states[score.Met] != count("expectations_met") || states[score.Missed]+states[score.Late] != count("expectations_missed") {
		wrong("expectations do not add up: %v", states)
	}
	if len(r.Audit) > 0 {
		wrong("the audit found: %v", r.Audit)
	}
	if r.Outcome == score.Pass && (count("wrong_decisions") > 0 || count("expectations_missed") > 0) {
		wrong("it passed with %v", r.Why)
	}
	err = score.Watched(p.events(), func(seq int64, run string, counted, seen [2]int) {
		if counted != seen {
			rt.Fatalf("after %d the watch of %s counts %v steps at work and asking; there are %v", seq, run, counted, seen)
		}
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// A record that cannot be read is an error, and never a result.
func TestErrors(t *testing.T) {
	p, _ := read(t, "testdata/kept.txt")
	if _, err := score.Score(func(func(engine.Event, error) bool) {}, score.Options{}); !errors.Is(err, score.ErrEmpty) {
		t.Errorf("an empty record: %v", err)
	}
	torn := errors.New("the disk is gone")
	_, err := score.Score(func(yield func(engine.Event, error) bool) {
		if yield(p.facts[0], nil) {
			yield(engine.Event{}, torn)
		}
	}, score.Options{})
	if !errors.Is(err, torn) {
		t.Errorf("a torn record: %v", err)
	}
	swapped := *p
	swapped.facts = append([]engine.Event{p.facts[0], p.facts[5]}, p.facts[1:]...)
	if _, err := score.Score(swapped.events(), score.Options{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("place %d", p.facts[5].Seq)) {
		t.Errorf("a record out of order: %v", err)
	}
	broken := *p
	broken.facts = append([]engine.Event{}, p.facts...)
	for n, e := range broken.facts {
		if b, ok := e.Body.(engine.DrillStarted); ok {
			b.File.Value = json.RawMessage(`{"id":"friday","later":1}`)
			broken.facts[n].Body = b
		}
	}
	if _, err := score.Score(broken.events(), score.Options{}); err == nil || !strings.Contains(err.Error(), `scenario "friday"`) {
		t.Errorf("a scenario of another build: %v", err)
	}
}

// A scenario that is not the one the exercise says it is pinned to is found.
func TestOtherScenario(t *testing.T) {
	p, _ := read(t, "testdata/kept.txt")
	other := *p
	other.facts = append([]engine.Event{}, p.facts...)
	for n, e := range other.facts {
		if b, ok := e.Body.(engine.DrillStarted); ok {
			b.Digest = strings.Repeat("0", 64)
			other.facts[n].Body = b
		}
	}
	if r := scored(t, &other); r.Outcome != score.Fail || len(r.Audit) != 1 || !strings.Contains(r.Audit[0].Text, "another digest") {
		t.Errorf("outcome %s, findings %v", r.Outcome, r.Audit)
	}
}

// Programs are read once, although the core and the audit both need them.
func TestReadsProgramsOnce(t *testing.T) {
	p, _ := read(t, "testdata/twice.txt")
	n := 0
	_, err := score.Score(p.events(), score.Options{ReadProgram: func(data []byte) (*runbooks.Program, error) {
		n++
		return runbooks.DecodeProgram(data)
	}})
	if err != nil || n != 1 {
		t.Errorf("read %d times, %v", n, err)
	}
}

// What is written down after the end changes no duration.
func TestAfterTheEnd(t *testing.T) {
	p, _ := read(t, "testdata/kept.txt")
	end := 0
	for n, e := range p.facts {
		if _, ok := e.Body.(engine.DrillEnded); ok {
			end = n + 1
		}
	}
	cut := *p
	cut.facts = p.facts[:end]
	before, after := scored(t, &cut), scored(t, p)
	if before.Length != after.Length || before.EndedAt != after.EndedAt {
		t.Errorf("length %v until %v, and %v until %v", before.Length, before.EndedAt, after.Length, after.EndedAt)
	}
	for n := range before.Metrics {
		if a, b := before.Metrics[n], after.Metrics[n]; a.Value != b.Value || a.Came != b.Came {
			t.Errorf("%s was %d and is %d", a.Name, a.Value, b.Value)
		}
	}
}
