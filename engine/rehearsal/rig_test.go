package rehearsal_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/mem"
	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

var update = flag.Bool("update", false, "write the golden files")

// book compiles the runbook of most tests.
func book(t testing.TB) *runbooks.Program {
	t.Helper()
	return load(t, "leaked-access-key.yaml", read(t, "../cases/testdata/ok/leaked-access-key.yaml"))
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func load(t testing.TB, name string, src []byte) *runbooks.Program {
	t.Helper()
	p, found := runbooks.Load(name, src, runbookstest.Catalog())
	if p == nil {
		t.Fatal(found)
	}
	return p
}

// scenario checks a scenario of a program.
func scenario(t testing.TB, p *runbooks.Program, src string) *runbooks.Scenario {
	t.Helper()
	list, found := runbooks.LoadScenarios([]runbooks.File{{Name: "scenario.yaml", Src: []byte(src)}}, []*runbooks.Program{p}, runbookstest.Catalog())
	if found.HasErrors() || len(list) != 1 {
		var b strings.Builder
		found.WriteText(&b, nil)
		t.Fatalf("the scenario does not check:\n%s\n%s", b.String(), src)
	}
	return list[0]
}

func friday(t testing.TB, p *runbooks.Program) *runbooks.Scenario {
	t.Helper()
	return scenario(t, p, string(read(t, "testdata/friday.yaml")))
}

// made compiles steps of a small runbook.
func made(t testing.TB, steps string) *runbooks.Program {
	t.Helper()
	return load(t, "made.yaml", []byte("apiVersion: firebreak/v1\nkind: Runbook\nid: made\ntitle: Made up\nowner: {team: t, contact: \"#t\", escalate: group:leads}\nsteps:\n"+steps))
}

// short is a scenario of the small runbook: answers, injects, end and script are
// given as they are written.
func short(t testing.TB, p *runbooks.Program, rest string) *runbooks.Scenario {
	t.Helper()
	return scenario(t, p, `apiVersion: firebreak/v1
kind: Scenario
id: short
title: Short
shown: Something odd
runbook: made
owner: {team: t, contact: "#t"}
severity: 2
briefing: It is Monday.
objectives: [{id: o1, text: It is done}]
people: {ann: [leads], bob: [leads], cat: [leads, ciso]}
facilitator: {id: fran}
environment: {name: prod}
`+rest)
}

// typed hands in a line in a small grammar, in place of the real one, which
// stands to the right of this package.
func typed(ctx context.Context, st *rehearsal.Stage, id string, line runbooks.ScriptLine, actor engine.Actor) error {
	words := wordsOf(strings.TrimPrefix(line.Type, "drill "))
	flags := map[string]string{}
	for i := 0; i < len(words); i++ {
		if name, ok := strings.CutPrefix(words[i], "--"); ok {
			n := 1
			if !strings.HasPrefix(name, "confirm-") {
				flags[name], n = words[i+1], 2
			} else {
				flags[name] = "yes"
			}
			words = slices.Delete(words, i, i+n)
			i--
		}
	}
	verb, step, rest, more := words[0], "", strings.Join(words[1:], " "), ""
	if len(words) > 1 {
		step, more = words[1], strings.Join(words[2:], " ")
	}
	req := engine.Request{Actor: actor, Verb: verb}
	submit := func(step string, body engine.Body) error {
		_, err := st.Submit(ctx, req, id, "", step, body)
		return err
	}
	switch verb {
	case "run":
		inputs := map[string]string{}
		for _, pair := range words[2:] {
			k, v, _ := strings.Cut(pair, "=")
			inputs[k] = v
		}
		_, err := st.Start(ctx, req, id, engine.RunRequest{Runbook: step, Inputs: inputs})
		return err
	case "approve", "deny":
		ask := ""
		if err := st.View(ctx, id, func(i *engine.Incident) {
			for _, a := range i.Asks {
				if a.Step.ID == step && a.Appr != nil {
					ask = a.ID
				}
			}
		}); err != nil {
			return err
		}
		return submit(step, engine.Vote{Approval: ask, Approve: verb == "approve", Reason: flags["reason"]})
	case "break-glass", "justified", "unjustified":
		ask := ""
		if err := st.View(ctx, id, func(i *engine.Incident) {
			for _, a := range i.Asks {
				if a.Step.ID == step && (a.Glass != nil) == (verb != "break-glass") {
					ask = a.ID
				}
			}
		}); err != nil {
			return err
		}
		if verb == "break-glass" {
			return submit(step, engine.GlassBroken{Approval: ask, Target: flags["target"], Reason: flags["reason"]})
		}
		return submit(step, engine.GlassReviewed{ID: ask, Justified: verb == "justified", Text: flags["reason"]})
	case "retry":
		return submit(step, engine.RetryRequested{NotApplied: flags["confirm-not-applied"] != "", Reason: flags["reason"]})
	case "done":
		if flags["confirm-applied"] == "" {
			return submit(step, engine.ManualDone{Answer: more})
		}
		attempt := 0
		if err := st.View(ctx, id, func(i *engine.Incident) {
			if r, ok := i.Run(""); ok {
				if s, ok := r.Step(step); ok {
					attempt = len(s.Attempts)
				}
			}
		}); err != nil {
			return err
		}
		return submit(step, engine.EffectResolved{Attempt: attempt, Applied: true})
	case "skip":
		return submit(step, engine.SkipRequested{Reason: "because"})
	case "undo":
		return submit(step, engine.UndoRequested{Reason: flags["reason"]})
	case "cancel":
		_, err := st.Submit(ctx, req, id, "R1", "", engine.CancelRequested{Reason: "enough"})
		return err
	case "note":
		return submit("", engine.Noted{Text: rest, Class: engine.Observation})
	case "resolve":
		return submit("", engine.Resolved{Summary: rest})
	case "stop":
		return submit("", engine.DrillEnded{Why: engine.EndStopWord, Text: "the stop word was said"})
	case "leave":
		return submit("", engine.InjectSkipped{ID: step, Reason: "because"})
	case "hint":
		return submit("", engine.HintGiven{To: "channel", Text: rest})
	case "inject":
		return submit("", engine.InjectDelivered{ID: rest})
	case "hold":
		return submit("", engine.DrillHeld{Reason: rest})
	case "go":
		return submit("", engine.DrillResumed{})
	case "end":
		return submit("", engine.DrillEnded{Text: rest})
	case "outcome":
		return submit("", engine.OutcomeSet{Step: step, Outcome: more})
	case "advance":
		by, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		return submit("", engine.DrillAdvanced{By: runbooks.Span(by)})
	case "speed":
		n := 0
		if _, err := fmt.Sscan(rest, &n); err != nil {
			return err
		}
		return submit("", engine.DrillPaced{Pace: n})
	}
	return fmt.Errorf("no such line: %s", line.Type)
}

// wordsOf splits a line; a text in quotes is one word.
func wordsOf(line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		var b strings.Builder
		quoted := false
		i := 0
		for ; i < len(line) && (quoted || line[i] != ' '); i++ {
			switch {
			case line[i] == '"':
				quoted = !quoted
			case line[i] == '\\' && quoted:
				i++
				b.WriteByte(line[i])
			default:
				b.WriteByte(line[i])
			}
		}
		words, line = append(words, b.String()), line[i:]
	}
	return words
}

// memory is a store of exercises.
func memory(t testing.TB) *mem.Log {
	t.Helper()
	log, err := mem.New(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// played plays a scenario with its script.
func played(t testing.TB, p *runbooks.Program, s *runbooks.Scenario, log journal.Log) *rehearsal.Played {
	t.Helper()
	out, err := rehearsal.Play(t.Context(), rehearsal.PlayOptions{Scenario: s, Program: p, Type: typed, Journal: log})
	if err != nil {
		if out != nil {
			t.Log(strings.Join(told(out.Events), "\n"))
		}
		t.Fatal(err)
	}
	for _, f := range out.Findings {
		t.Errorf("the audit finds %s", f)
	}
	return out
}

// told writes facts in one line each: when since the first, what, about what.
func told(events []engine.Event) []string {
	var lines []string
	for _, e := range events {
		who := e.Actor.ID
		if who == "" {
			who = "-"
		}
		line := fmt.Sprintf("%10s %-5s %s", e.At.Sub(events[0].At).Round(time.Millisecond), who, e.Kind())
		if e.Step != "" {
			line += " " + e.Step
		}
		switch b := e.Body.(type) {
		case engine.InjectDelivered:
			line += fmt.Sprintf(" %s to %s, %s", b.ID, b.To, b.Why)
		case engine.StepEnded:
			line += " " + string(b.Status)
		case engine.GlassReviewed:
			line += fmt.Sprintf(" %t %q", b.Justified, b.Text)
		case engine.Refused:
			line += " " + string(b.Code)
		case engine.DrillEnded:
			line += " " + string(b.Why)
		case engine.EffectOutcome:
			if b.Failure != nil {
				line += " " + string(b.Failure.Class)
			}
		case engine.EffectVerified:
			line += " " + string(b.Reading.Verdict)
		}
		lines = append(lines, line)
	}
	return lines
}
