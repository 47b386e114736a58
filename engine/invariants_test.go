package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// TestInvariants runs random programs in a random world with random people and
// crashes anywhere. After every fact the record alone gives the same incident,
// the auditor finds nothing wrong, and at the end, with a world that answers
// and people who decide, every run comes to an end.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		src := randomRunbook(r)
		p := newTape(t)
		program := compile(t, src)
		audit := engine.NewAudit()
		seen := newWitness()
		read := 0
		var followed *engine.Incident
		shadow := map[*engine.Step][]engine.Command{}
		check := func(what string) {
			// Who follows the moved steps knows all that is owed, without asking for all of it.
			if followed != p.inc {
				followed = p.inc
				clear(shadow)
			}
			for _, s := range p.inc.Moved() {
				shadow[s] = s.Commands()
			}
			known := refsOf(p.inc.Messages())
			for _, commands := range shadow {
				known = append(known, refsOf(commands)...)
			}
			all := owes(p.inc)
			slices.Sort(known)
			slices.Sort(all)
			if diff := cmp.Diff(all, known); diff != "" {
				r.Fatalf("after %s the moved steps tell something else than all commands (-all +moved):\n%s", what, diff)
			}
			for ; read < len(p.record); read++ {
				e, err := engine.Decode([]byte(p.record[read]), func(d string) ([]byte, error) { return p.blobs[d], nil })
				if err != nil {
					r.Fatalf("%s: %v", what, err)
				}
				wrong := append(audit.Take(e), seen.take(e)...)
				if len(wrong) > 0 {
					r.Fatalf("after %s the auditor says: %s\nrunbook:\n%s\nrecord:\n%s", what, strings.Join(wrong, "; "), src, strings.Join(p.record[1:], "\n"))
				}
			}
			if broken := promises(p.inc); len(broken) > 0 {
				r.Fatalf("after %s:\n%s\n%s\nrunbook:\n%s", what, strings.Join(broken, "\n"), dump(p.inc), src)
			}
		}
		must := func(e engine.Event) {
			if _, err := p.take(e); err != nil {
				r.Fatalf("%s: %v", e.Kind(), err)
			}
		}
		must(engine.Event{Actor: person("alice"), Body: engine.Declared{ID: "INC-1", Title: "x", Severity: 1, Store: "s"}})
		var floor *engine.Floor
		if rapid.Bool().Draw(r, "floor") {
			floor = &engine.Floor{Effect: actions.Reversible, From: []string{"group:leads"}, Quorum: rapid.IntRange(1, 2).Draw(r, "floor quorum"), BreakGlass: rapid.Bool().Draw(r, "floor glass")}
		}
		inputs, problems := program.CheckInputs(nil)
		if len(problems) > 0 {
			r.Fatal(problems)
		}
		start := started(t, program, "R1", inputs, floor)
		start.Actor = person(rapid.SampledFrom([]string{"alice", "bob"}).Draw(r, "requester"))
		must(start)
		for range rapid.IntRange(1, 2).Draw(r, "rounds") { // what has ended is tried again, skipped and taken back in the next
			for n := range rapid.IntRange(0, 60).Draw(r, "moves") {
				what := randomMove(r, p)
				check(what)
				if n%7 == 0 {
					if diff := cmp.Diff(dump(p.inc), dump(p.replay())); diff != "" {
						r.Fatalf("after %s the record gives another incident (-live +replay):\n%s", what, diff)
					}
				}
			}
			finish(r, p)
			check("the end")
			if diff := cmp.Diff(dump(p.inc), dump(p.replay())); diff != "" {
				r.Fatalf("at the end the record gives another incident (-live +replay):\n%s", diff)
			}
			for _, run := range p.inc.Runs {
				if !run.Status.Ended() {
					r.Fatalf("run %s never ended: %s\n%s\nrunbook:\n%s\n%s", run.ID, run.Status, dump(p.inc), src, strings.Join(p.record[2:], "\n"))
				}
			}
		}
		if open := audit.Open(); len(open) > 0 {
			r.Fatalf("left open at the end: %v\n%s", open, dump(p.inc))
		}
	})
}

// randomRunbook gives a runbook of every construct, and maybe one that it calls,
// which calls another one.
func randomRunbook(r *rapid.T) string {
	all, called := "", ""
	switch rapid.IntRange(0, 5).Draw(r, "calls") {
	case 0, 1:
	case 2, 3:
		all, called = randomSteps(r, "inner", "", 3)+"\n+++\n", "inner"
	default:
		all = randomSteps(r, "innermost", "", 2) + "\n+++\n"
		all, called = all+randomSteps(r, "inner", "innermost", 3)+"\n+++\n", "inner"
	}
	return all + randomSteps(r, "test", called, 5)
}

var randomWords = []string{"stop", "continue", "undo", "ask"}

func randomSteps(r *rapid.T, id, called string, most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: firebreak/v1\nkind: Runbook\nid: %s\ntitle: Test\nowner: {team: t, contact: \"#t\", escalate: group:leads}\nbudget: 20m\n", id)
	hosts := []string{"h1", "h2", "h3", "h4", "h5"}[:rapid.IntRange(0, most).Draw(r, "items")]
	fmt.Fprintf(&b, "inputs:\n  hosts: {type: list, of: string, default: [%s]}\nsteps:\n", strings.Join(hosts, ", "))
	kinds := []string{"uses", "uses", "uses", "loop", "loop", "wait", "manual"}
	if called != "" {
		kinds = append(kinds, "call", "call", "call each")
	}
	for n := range rapid.IntRange(1, most).Draw(r, "steps") {
		fmt.Fprintf(&b, "  - id: s%d\n", n)
		switch rapid.IntRange(0, 3).Draw(r, "apart") {
		case 0, 1:
			b.WriteString("    needs: []\n")
		case 2:
			if n > 0 {
				fmt.Fprintf(&b, "    if: steps.s%d.status == %q\n", n-1, rapid.SampledFrom([]string{"done", "done", "failed", "skipped", "refused"}).Draw(r, "if"))
			}
		}
		kind := rapid.SampledFrom(kinds).Draw(r, "kind")
		switch kind {
		case "wait":
			b.WriteString("    wait: 10m\n")
			continue
		case "manual":
			b.WriteString("    manual: {instructions: Do it, answer: {type: string}}\n    timeout: 1h\n")
			fmt.Fprintf(&b, "    on_failure: %s\n", rapid.SampledFrom(randomWords).Draw(r, "on failure"))
			if rapid.Bool().Draw(r, "asks") {
				b.WriteString("    approval: {from: [group:leads], quorum: 1, expires: 15m" + randomGlass(r) + "}\n")
			}
			if !rapid.Bool().Draw(r, "each") {
				continue
			}
			kind = "loop"
		case "call", "call each":
			fmt.Fprintf(&b, "    runbook: %s\n    on_failure: %s\n", called, rapid.SampledFrom(randomWords).Draw(r, "on failure"))
		default:
			randomAction(r, &b)
		}
		if kind == "loop" || kind == "call each" {
			fmt.Fprintf(&b, "    for_each: {in: inputs.hosts, max_parallel: %d, max_errors: %s}\n", rapid.IntRange(1, 3).Draw(r, "parallel"), rapid.SampledFrom([]string{"0", "1", "50%"}).Draw(r, "errors"))
		}
	}
	if rapid.Bool().Draw(r, "cleans up") {
		b.WriteString("on_cancel:\n  - id: c1\n")
		randomAction(r, &b)
		b.WriteString("  - id: c2\n    uses: t.read\n")
	}
	return b.String()
}

// randomAction writes the keys of a step that uses an action.
func randomAction(r *rapid.T, b *strings.Builder) {
	uses := rapid.SampledFrom([]string{"t.read", "t.set", "t.keyed", "t.probe", "t.once"}).Draw(r, "uses")
	fmt.Fprintf(b, "    uses: %s\n", uses)
	if rapid.Bool().Draw(r, "asks") {
		fmt.Fprintf(b, "    approval: {from: [group:leads], quorum: %d, expires: 15m, remind: 4m, escalate: {after: 5m, to: [group:bosses]}%s}\n", rapid.IntRange(1, 2).Draw(r, "quorum"), randomGlass(r))
	}
	if uses != "t.once" {
		fmt.Fprintf(b, "    retry: {attempts: %d}\n", rapid.IntRange(1, 3).Draw(r, "attempts"))
	}
	if uses != "t.read" {
		switch rapid.IntRange(0, 3).Draw(r, "way back") {
		case 0:
			b.WriteString("    undo: {manual: Take it back}\n")
		case 1:
			b.WriteString("    undo: {approval: {from: [group:bosses, group:leads], quorum: 1, expires: 10m" + randomGlass(r) + "}}\n")
		}
		if rapid.Bool().Draw(r, "ends") {
			b.WriteString("    contains: {expires: 1h}\n")
		}
	}
	if rapid.Bool().Draw(r, "in all") {
		b.WriteString("    timeout: {attempt: 30s, total: 5m}\n")
	}
	fmt.Fprintf(b, "    on_failure: %s\n    on_refused: %s\n    critical: %v\n", rapid.SampledFrom(randomWords).Draw(r, "on failure"), rapid.SampledFrom(randomWords).Draw(r, "on refused"), rapid.Bool().Draw(r, "critical"))
}

// randomGlass lets some people break the glass, or nobody. Zoe, who does nothing
// else, can always review it.
func randomGlass(r *rapid.T) string {
	if !rapid.Bool().Draw(r, "glass") {
		return ""
	}
	return ", break_glass: {by: [group:bosses, group:leads, person:alice], review: [group:leads, person:alice], within: 1h}"
}

var everybody = []string{"alice", "bob", "carol", "dave", "erin", "mallory"}

// randomMove does one thing that may happen at any moment. Refusals are fine.
func randomMove(r *rapid.T, p *tape) string {
	switch rapid.IntRange(0, 9).Draw(r, "move") {
	case 0:
		p.crash()
		return "a crash"
	case 1:
		p.now = p.now.Add(time.Duration(rapid.IntRange(1, 1200).Draw(r, "seconds")) * time.Second)
		fireTimers(p)
		return "time"
	case 2, 3:
		return randomRequest(r, p)
	default:
		owed := p.inc.Commands()
		if len(owed) == 0 {
			return "nothing"
		}
		return answer(p, owed[rapid.IntRange(0, len(owed)-1).Draw(r, "command")], func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "answer") })
	}
}

func fireTimers(p *tape) {
	for {
		fired := false
		for _, c := range p.inc.Commands() {
			if w, ok := c.(engine.Wake); ok && !w.At.After(p.now) {
				_, err := p.take(engine.Event{Actor: engine.TheEngine, Run: w.Run, Step: w.Step, Body: engine.TimerFired{Ref: w.Timer, Due: engine.At(w.At)}})
				if err != nil {
					p.t.Fatalf("an owed timer is refused: %v", err)
				}
				fired = true
				break
			}
		}
		if !fired {
			return
		}
	}
}

func randomRequest(r *rapid.T, p *tape) string {
	run := p.inc.Runs[0]
	steps := slices.Collect(run.All())
	var asks []*engine.Ask
	for _, a := range p.inc.Asks {
		if !a.Closed {
			asks = append(asks, a)
		}
	}
	s := steps[rapid.IntRange(0, len(steps)-1).Draw(r, "step")]
	who := person(rapid.SampledFrom(everybody).Draw(r, "who"))
	if len(asks) > 0 && rapid.Bool().Draw(r, "asked") {
		a := asks[rapid.IntRange(0, len(asks)-1).Draw(r, "ask")]
		s = a.Step
		if a.Type == engine.AskApproval && rapid.Bool().Draw(r, "vote") {
			_, err := p.take(engine.Event{Actor: who, Run: run.ID, Step: s.ID, Body: engine.Vote{Approval: a.ID, Approve: rapid.IntRange(0, 5).Draw(r, "yes") > 0, Reason: "r"}})
			return fmt.Sprintf("vote by %s: %v", who.ID, err)
		}
	}
	var body engine.Body
	step := s.ID
	switch rapid.IntRange(0, 15).Draw(r, "request") {
	case 0:
		if rapid.IntRange(0, 2).Draw(r, "cancel") > 0 {
			return "nothing"
		}
		body, step = engine.CancelRequested{Reason: "r"}, ""
	case 1:
		body = engine.RetryRequested{NotApplied: rapid.Bool().Draw(r, "not applied")}
	case 2:
		body = engine.SkipRequested{Reason: "r"}
	case 3:
		body = engine.UndoRequested{}
	case 4:
		body = engine.EffectResolved{Attempt: len(s.Attempts), Applied: rapid.Bool().Draw(r, "applied")}
	case 5:
		body = engine.ManualDone{Answer: "x"}
	case 6:
		body = engine.ContainmentExtended{Until: engine.At(p.now.Add(time.Hour)), Reason: "r"}
	case 7:
		body = engine.ContainmentKept{Reason: "r"}
	case 8, 9, 10:
		b := engine.GlassBroken{Target: s.GlassTargets()[0], Reason: "r"}
		if s.Approval != nil {
			b.Approval = s.Approval.ID
		}
		who.Keys = []string{engine.PublicSSH(keyOf(who.ID))}
		if ballot, err := s.GlassBallot(who, b.Target, b.Reason); err == nil {
			b.Signature = sign(who.ID, ballot)
		}
		body = b
	case 11, 12:
		id := ""
		for _, g := range p.inc.Glasses {
			step, id = g.Step.ID, g.ID
		}
		body = engine.GlassReviewed{ID: id, Justified: true, Text: "t"}
	default:
		id := ""
		if s.Approval != nil {
			id = s.Approval.ID
		}
		body = engine.Vote{Approval: id, Approve: rapid.IntRange(0, 5).Draw(r, "yes") > 0, Reason: "r"}
	}
	before := dump(p.inc)
	_, err := p.take(engine.Event{Actor: who, Run: run.ID, Step: step, Body: body})
	if err != nil {
		if after := dump(p.inc); after != before {
			r.Fatalf("a refused %s changed something: %v\n%s", body.Kind(), err, cmp.Diff(before, after))
		}
	}
	return string(body.Kind()) + " by " + who.ID
}

// answer gives an owed command an end; choose picks among n.
func answer(p *tape, c engine.Command, choose func(n int) int) string {
	classes := actions.Classes()
	fact := func(task engine.Task, body engine.Body) {
		if _, err := p.take(engine.Event{Actor: engine.TheEngine, Run: task.Run, Step: task.Step, Body: body}); err != nil {
			p.t.Fatalf("the end of %s is refused: %v\n%s", c.Ref(), err, dump(p.inc))
		}
	}
	switch c := c.(type) {
	case engine.PlanStep:
		run, _ := p.inc.Run(c.Run)
		s, _ := run.Step(c.Step)
		if choose(8) == 1 {
			fact(c.Task, engine.PlanFailed{N: c.N, Failure: engine.Failure{Class: classes[choose(len(classes))], Message: "m"}})
			break
		}
		preview := actions.Preview{Targets: []actions.Target{{Type: "host", ID: []string{"h1", "h1", "h1", "h2"}[choose(4)]}}}
		fact(c.Task, engine.StepPlanned{N: c.N, Preview: preview, State: engine.Large{Value: json.RawMessage(`{}`)}, Digest: s.PlanDigest(preview)})
	case engine.RunEffect:
		o := engine.EffectOutcome{Attempt: c.Call.Attempt, Epoch: 1}
		if choose(3) == 1 {
			o.Failure = &engine.Failure{Class: classes[choose(len(classes))], Message: "m"}
		} else {
			o.Result = engine.Large{Value: json.RawMessage(`{"state":"Down","count":1}`)}
		}
		fact(c.Task, o)
	case engine.ProbeEffect:
		fact(c.Task, engine.EffectProbed{Attempt: c.Call.Attempt, Found: []actions.Found{actions.Applied, actions.NotApplied, actions.FoundUnknown}[choose(3)]})
	case engine.VerifyEffect:
		verdicts := []actions.Verdict{actions.Verified, actions.Verified, actions.NotVerified, actions.CannotVerify}
		fact(c.Task, engine.EffectVerified{Attempt: c.Call.Attempt, Reading: actions.Reading{Verdict: verdicts[choose(4)]}, Readings: 1})
	case engine.Wake:
		if c.At.After(p.now) {
			p.now = c.At
		}
		fireTimers(p)
	}
	return c.Ref()
}

// finish lets the world answer well and people decide, until nothing is owed.
func finish(r *rapid.T, p *tape) {
	for range 2000 {
		moved := false
		for _, c := range p.inc.Commands() {
			switch c.(type) {
			case engine.OpenChannel, engine.PostMessage, engine.CloseMessage:
				continue
			}
			answer(p, c, func(int) int { return 0 })
			moved = true
			break
		}
		if moved {
			continue
		}
		for _, g := range p.inc.Unreviewed() {
			if _, err := p.take(engine.Event{Actor: person("zoe"), Run: g.Step.Run().ID, Step: g.Step.ID, Body: engine.GlassReviewed{ID: g.ID, Text: "end"}}); err != nil {
				r.Fatalf("a broken glass cannot be reviewed: %v", err)
			}
		}
		for _, run := range p.inc.Runs {
			for s := range run.All() {
				if s.Status == engine.StepManual {
					if _, err := p.take(engine.Event{Actor: person("alice"), Run: run.ID, Step: s.ID, Body: engine.ManualDone{Answer: "x"}}); err != nil {
						r.Fatalf("a manual step cannot be done: %v", err)
					}
					moved = true
				}
				if s.Status == engine.StepOnHold {
					if _, err := p.take(engine.Event{Actor: person("alice"), Run: run.ID, Step: s.ID, Body: engine.SkipRequested{Reason: "end"}}); err != nil {
						r.Fatalf("a held step cannot be skipped: %v", err)
					}
					moved = true
				}
			}
		}
		if !moved {
			return
		}
	}
	r.Fatalf("the incident never comes to rest:\n%s", dump(p.inc))
}
