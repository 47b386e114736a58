package engine_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

var rewrite = flag.Bool("rewrite", false, "write the conversations as they are now")

// TestConversations plays every file of testdata: a line that begins with "> "
// is a fact from outside, what stands below it is what was written for it and
// what is owed then. A file begins with the runbook, up to the line "---"; one
// that it calls stands before it, up to the line "+++".
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d conversations, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the conversation went another way (-want +got):\n%s", diff)
			}
		})
	}
}

func converse(t *testing.T, script string) string {
	head, body, ok := strings.Cut(script, "\n---\n")
	if !ok {
		t.Fatal("no line --- after the runbook")
	}
	program := compile(t, head)
	p := newTape(t)
	var out bytes.Buffer
	out.WriteString(head + "\n---\n")
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			fmt.Fprintf(&out, "\n%s\n", line)
			continue
		case !strings.HasPrefix(line, "> "):
			continue
		}
		if !bytes.HasSuffix(out.Bytes(), []byte("---\n")) && !bytes.Contains(out.Bytes()[max(0, out.Len()-200):], []byte("\n# ")) || bytes.HasSuffix(out.Bytes(), []byte("owed: nothing\n")) {
			out.WriteString("\n")
		}
		out.WriteString(line + "\n")
		batch, err := say(t, p, program, strings.Fields(line[2:]))
		for _, e := range batch {
			out.WriteString("  " + show(e) + "\n")
		}
		if err != nil {
			fmt.Fprintf(&out, "  refused: %s\n", hex(err.Error()))
		}
		refs := owes(p.inc)
		if len(refs) == 0 {
			refs = []string{"nothing"}
		}
		for n, r := range refs {
			refs[n] = hex(r)
		}
		fmt.Fprintf(&out, "  owed: %s\n", strings.Join(refs, " "))
		// Whatever was said, the record alone must give the same incident.
		if diff := cmp.Diff(dump(p.inc), dump(p.replay())); diff != "" {
			t.Fatalf("after %q the record gives another incident (-live +replay):\n%s", line, diff)
		}
	}
	return out.String()
}

// say turns the words of a line into a fact.
func say(t *testing.T, p *tape, program *runbooks.Program, words []string) ([]engine.Event, error) {
	t.Helper()
	verb, args, flags := words[0], []string(nil), map[string]string{"by": "alice", "run": "R1"}
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok && !strings.HasPrefix(w, "{") {
			flags[k] = strings.ReplaceAll(v, "_", " ")
		} else {
			args = append(args, w)
		}
	}
	arg := func(n int) string {
		if n < len(args) {
			return args[n]
		}
		return ""
	}
	by := person(flags["by"])
	fact := func(actor engine.Actor, body engine.Body) ([]engine.Event, error) {
		return p.take(engine.Event{Actor: actor, Run: flags["run"], Step: arg(0), Body: body})
	}
	theStep := func() *engine.Step {
		run, _ := p.inc.Run(flags["run"])
		step, ok := run.Step(arg(0))
		if !ok {
			t.Fatalf("no step %q", arg(0))
		}
		return step
	}
	attempt := func() int { return len(theStep().Attempts) }
	switch verb {
	case "declare":
		return p.take(engine.Event{Actor: by, Body: engine.Declared{ID: "INC-1", Title: "test", Severity: 2, Store: "s"}})
	case "channel":
		return p.take(engine.Event{Actor: engine.TheEngine, Body: engine.ChannelBound{Channel: "C1"}})
	case "posted":
		return p.take(engine.Event{Actor: engine.TheEngine, Body: engine.MessagePosted{Ref: arg(0), Channel: "C1", TS: "1.1"}})
	case "posted-asks":
		var all []engine.Event
		for _, c := range p.inc.Commands() {
			if post, ok := c.(engine.PostMessage); ok {
				batch, err := p.take(engine.Event{Actor: engine.TheEngine, Body: engine.MessagePosted{Ref: post.Message, Channel: "C1", TS: "1.1"}})
				if err != nil {
					return all, err
				}
				all = append(all, batch...)
			}
		}
		return all, nil
	case "start":
		inputs, problems := program.CheckInputs(map[string]any{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if v, ok := flags["host"]; ok {
			inputs["host"] = v
		}
		e := started(t, program, flags["run"], inputs, nil)
		if flags["floor"] != "" {
			n, _ := strconv.Atoi(flags["floor"])
			e = started(t, program, flags["run"], inputs, &engine.Floor{Effect: actions.Reversible, From: []string{"group:leads"}, Quorum: n, BreakGlass: flags["glass"] != ""})
		}
		if flags["protect"] != "" {
			e = started(t, program, flags["run"], inputs, nil, flags["protect"])
		}
		e.Actor = by
		return p.take(e)
	case "after":
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(d)
		var all []engine.Event
		for {
			fired := false
			for _, c := range p.inc.Commands() {
				if w, ok := c.(engine.Wake); ok && !w.At.After(p.now) {
					batch, err := p.take(engine.Event{Actor: engine.TheEngine, Run: w.Run, Step: w.Step, Body: engine.TimerFired{Ref: w.Timer, Due: engine.At(w.At)}})
					if err != nil {
						return all, err
					}
					all, fired = append(all, batch...), true
					break
				}
			}
			if !fired {
				return all, nil
			}
		}
	case "sleep": // time passes and no timer has fired yet
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(d)
		return nil, nil
	case "plan":
		s := theStep()
		preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: cmpOr(flags["target"], "h1")}}, Calls: []string{"t:Set"}, InEffect: flags["in-effect"] == "true", NoUndo: flags["no-undo"]}
		c, ok := command[engine.PlanStep](p.inc, arg(0))
		if !ok {
			t.Fatalf("no plan of %q is owed\n%s", arg(0), dump(p.inc))
		}
		return fact(engine.TheEngine, engine.StepPlanned{N: c.N, Preview: preview, State: engine.Large{Value: json.RawMessage(`{"was":"` + cmpOr(flags["was"], "up") + `"}`)}, Digest: s.PlanDigest(preview)})
	case "plan-fails":
		c, _ := command[engine.PlanStep](p.inc, arg(0))
		return fact(engine.TheEngine, engine.PlanFailed{N: c.N, Failure: engine.Failure{Class: actions.Class(arg(1)), Message: "cannot read"}})
	case "approve", "deny":
		id := ""
		if a := theStep().Approval; a != nil {
			id = a.ID
		}
		return fact(by, engine.Vote{Approval: id, Approve: verb == "approve", Reason: flags["reason"], Digest: flags["digest"]})
	case "break-glass":
		s := theStep()
		b := engine.GlassBroken{Target: flags["target"], Reason: flags["reason"], Digest: flags["digest"]}
		if s.Approval != nil {
			b.Approval = s.Approval.ID
		}
		by.Keys = []string{engine.PublicSSH(keyOf(by.ID))}
		if ballot, err := s.GlassBallot(by, b.Target, b.Reason); err == nil && flags["signed"] != "no" {
			ballot.Reason = cmpOr(flags["signed"], b.Reason)
			b.Signature = sign(by.ID, ballot)
		}
		return fact(by, b)
	case "review":
		b := engine.GlassReviewed{Justified: flags["justified"] != "no", Text: flags["text"]}
		for _, g := range theStep().Glasses() {
			if b.ID = g.ID; g.Review == nil {
				break
			}
		}
		return fact(by, b)
	case "ok":
		result := arg(1)
		if result == "" {
			result = `{"state":"Down","count":3}`
		}
		return fact(engine.TheEngine, engine.EffectOutcome{Attempt: attempt(), Epoch: 1, Result: engine.Large{Value: json.RawMessage(result)}, Millis: 5})
	case "fail":
		return fact(engine.TheEngine, engine.EffectOutcome{Attempt: attempt(), Epoch: 1, Failure: &engine.Failure{Class: actions.Class(arg(1)), Message: "the world said no"}})
	case "late":
		return fact(engine.TheEngine, engine.EffectLate{Attempt: 1, Outcome: engine.EffectOutcome{Attempt: 1, Epoch: 1}})
	case "probed":
		found := engine.EffectProbed{Attempt: attempt(), Found: actions.Found(arg(1))}
		if found.Found == actions.Applied {
			found.Result = engine.Large{Value: json.RawMessage(`{"state":"Down"}`)}
		}
		return fact(engine.TheEngine, found)
	case "verified":
		v := actions.Verdict(arg(1))
		if v == "" {
			v = actions.Verified
		}
		return fact(engine.TheEngine, engine.EffectVerified{Attempt: attempt(), Reading: actions.Reading{Verdict: v, Detail: "it is Down"}, Readings: 2})
	case "intent": // as a faulty engine would: without asking Decide
		s := theStep()
		return fact(engine.TheEngine, engine.EffectIntent{Attempt: attempt() + 1, Key: s.Key(), Action: s.Def.Uses, Version: 1, Effect: s.Def.Effect, Digest: s.Digest, Deadline: engine.At(p.now.Add(time.Minute))})
	case "done":
		return fact(by, engine.ManualDone{Answer: flags["answer"]})
	case "resolved":
		return fact(by, engine.EffectResolved{Attempt: attempt(), Applied: arg(1) == "applied"})
	case "retry":
		return fact(by, engine.RetryRequested{NotApplied: flags["not-applied"] == "true"})
	case "skip":
		return fact(by, engine.SkipRequested{Reason: flags["reason"]})
	case "undo":
		return fact(by, engine.UndoRequested{Reason: flags["reason"]})
	case "extend":
		d, err := time.ParseDuration(flags["for"])
		if err != nil {
			t.Fatal(err)
		}
		return fact(by, engine.ContainmentExtended{Until: engine.At(p.now.Add(d)), Reason: flags["reason"]})
	case "keep":
		return fact(by, engine.ContainmentKept{Reason: flags["reason"]})
	case "cancel":
		return p.take(engine.Event{Actor: by, Run: flags["run"], Body: engine.CancelRequested{Reason: flags["reason"]}})
	case "note":
		return p.take(engine.Event{Actor: by, Body: engine.Noted{Text: flags["text"], Class: engine.Observation}})
	case "resolve":
		return p.take(engine.Event{Actor: by, Body: engine.Resolved{}})
	case "crash":
		return p.crash(), nil
	}
	t.Fatalf("word %q is not known", verb)
	return nil, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var long = regexp.MustCompile(`[0-9a-f]{16,64}`)

func hex(s string) string {
	return long.ReplaceAllStringFunc(s, func(h string) string { return h[:6] })
}

var signatures = regexp.MustCompile(`"-----BEGIN SSH SIGNATURE-----[^"]*"`)

// show is a fact in one line.
func show(e engine.Event) string {
	body, err := json.Marshal(e.Body)
	if err != nil {
		panic(err)
	}
	text := signatures.ReplaceAllString(string(body), `"(signed)"`)
	if e.Kind() == "run.started" {
		text = ""
	}
	who := ""
	if e.Actor.Type == engine.Person {
		who = " by " + e.Actor.ID
	}
	where := e.Run
	if e.Step != "" {
		where += "/" + e.Step
	}
	return strings.TrimRight(fmt.Sprintf("%s %s%s %s", e.Kind(), where, who, hex(text)), " ")
}
