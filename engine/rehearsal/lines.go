package rehearsal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/retell"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// quoted writes a text as one word of a typed line.
func quoted(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// because adds a reason to a typed line.
func because(line, reason string) string {
	if reason == "" {
		return line
	}
	return line + " --reason " + quoted(reason)
}

// starting is the line that starts a run with inputs, sorted by name.
func starting(runbook string, inputs retell.Ordered) string {
	line := "run " + runbook
	for _, in := range inputs {
		text := ""
		switch v := in.Value.(type) {
		case string:
			text = v
		case []any, map[string]any:
			data, err := json.Marshal(v)
			if err != nil {
				panic("rehearsal: checked inputs do not encode: " + err.Error())
			}
			text = string(data)
		default:
			text = fmt.Sprint(v)
		}
		line += " " + in.Key + "=" + word(text)
	}
	return line
}

// word writes a text as one word of a typed line, in quotes where it needs them.
func word(text string) string {
	if text == "" || strings.ContainsAny(text, " \t\"\\=,{[&<>“”„‟") {
		return quoted(text)
	}
	return text
}

// Recorded gives what people did in an exercise as lines of a script: with the
// latency it took them where they were asked, else at the time at which it was
// done. Lines by which a facilitator changed what happens are among them; those
// that moved the clock are not, since a script has its own. What came after the
// end, what was refused and ratings are left out.
func Recorded(events []engine.Event) []runbooks.ScriptLine {
	inc := engine.NewIncident()
	var lines []runbooks.ScriptLine
	for _, e := range events {
		line, ok := lineOf(inc, e)
		if ok && inc.Drill != nil && !inc.Drill.Ended && e.Actor.Type == engine.Person {
			line.By = e.Actor.ID
			if strings.HasPrefix(e.Actor.Via, "slack:") {
				line.Via = "chat"
			}
			since := e.At.Sub(inc.Drill.StartedAt).Truncate(time.Millisecond)
			at := runbooks.Span(max(since, 0))
			line.Trigger.At = &at
			if a := openQuestion(inc, e); a != nil {
				line.Trigger = runbooks.Trigger{Asked: e.Step, Delay: runbooks.Span(e.At.Sub(a.At).Truncate(time.Millisecond))}
			}
			lines = append(lines, line)
		}
		if err := inc.Apply(e); err != nil {
			return lines // it is as far as the facts follow
		}
	}
	return lines
}

// openQuestion is the question that an act answers, or nil. A review answers its
// own, and nothing else answers that.
func openQuestion(i *engine.Incident, e engine.Event) *engine.Ask {
	if e.Step == "" {
		return nil
	}
	review, reviews := e.Body.(engine.GlassReviewed)
	for _, a := range slices.Backward(i.Asks) {
		if (a.Type == engine.AskReview) != reviews || reviews && a.ID != review.ID {
			continue
		}
		if !a.Closed && a.Step.ID == e.Step && a.Step.Run().ID == e.Run {
			return a
		}
	}
	return nil
}

// lineOf is what somebody typed, or clicked, that led to a fact.
func lineOf(i *engine.Incident, e engine.Event) (line runbooks.ScriptLine, ok bool) {
	step := e.Step
	if r, latest := i.Run(""); latest && r.ID != e.Run {
		step = e.Run + "/" + e.Step
	}
	text := ""
	switch b := e.Body.(type) {
	case engine.RunStarted:
		text = starting(b.Runbook, inputsOf(b))
	case engine.Vote:
		text = because("deny "+step, b.Reason)
		if b.Approve {
			text = "approve " + step
		}
	case engine.ManualDone:
		text = "done " + step
		if b.Answer != "" {
			text += " " + quoted(b.Answer)
		}
	case engine.RetryRequested:
		text = "retry " + step
		if b.NotApplied {
			text += " --confirm-not-applied"
		}
	case engine.EffectResolved:
		text = "retry " + step + " --confirm-not-applied"
		if b.Applied {
			text = "done " + step + " --confirm-applied"
		}
	case engine.SkipRequested:
		text = because("skip "+step, b.Reason)
	case engine.UndoRequested:
		text = because("undo "+step, orElse(b.Reason, "it is taken back"))
	case engine.ContainmentExtended:
		more := b.Until.Sub(e.At)
		if r, known := i.Run(e.Run); known {
			if s, known := r.Step(e.Step); known && s.InForce() && s.Containment.Until.After(e.At) {
				more = b.Until.Sub(s.Containment.Until)
			}
		}
		text = because(fmt.Sprintf("extend %s --for %s", step, runbooks.SpanText(runbooks.Span(more.Round(time.Minute)))), b.Reason)
	case engine.ContainmentKept:
		text = because("keep "+step, b.Reason)
	case engine.GlassBroken:
		text = because("break-glass "+step+" --target "+word(b.Target), b.Reason)
	case engine.GlassReviewed:
		text = because(judged(b)+" "+step, b.Text)
	case engine.CancelRequested:
		text = because("cancel "+e.Run, b.Reason)
	case engine.Noted:
		text = "note " + quoted(b.Text)
		if b.Class != "" && b.Class != engine.Observation {
			text += " --kind " + string(b.Class)
		}
	case engine.Resolved:
		text = strings.TrimSpace("resolve " + quoted(orElse(b.Summary, "it is over")))
	case engine.InjectDelivered:
		text = "drill inject " + b.ID
	case engine.InjectSkipped:
		text = because("drill skip "+b.ID, b.Reason)
	case engine.OutcomeSet:
		text = "drill outcome " + b.Step + " " + b.Outcome
	case engine.HintGiven:
		text = "drill hint " + quoted(b.Text)
		if b.To != "channel" && b.To != "" {
			text += " --to " + b.To
		}
	case engine.DrillEnded:
		text = "drill end " + quoted(orElse(b.Text, "it is over"))
		if b.Why == engine.EndStopWord {
			text = "drill stop"
		}
	default:
		return line, false
	}
	return runbooks.ScriptLine{Type: text}, true
}

// judged is the word with which somebody reviews a broken glass.
func judged(b engine.GlassReviewed) string {
	if b.Justified {
		return sim.Justified
	}
	return sim.Unjustified
}

func orElse(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}

// inputsOf reads the inputs of a run, by name.
func inputsOf(b engine.RunStarted) retell.Ordered {
	m := map[string]any{}
	d := json.NewDecoder(strings.NewReader(string(b.Inputs)))
	d.UseNumber()
	_ = d.Decode(&m) // they were checked when the run was started
	var out retell.Ordered
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := m[name]
		if n, ok := v.(json.Number); ok {
			v = retell.Literal(n)
		}
		out = append(out, retell.Pair(name, v))
	}
	return out
}

// Course tells in short what came of the runs: of each step how its attempts
// ended, its questions were answered, and it ended. Steps stand in the order in
// which they began, those inside another one below it: which items of a loop
// were first is chance. Two plays of the same story have the same course whatever
// the time it took.
func Course(events []engine.Event) []string {
	var order []string
	lines := map[string][]string{} // by step at the top
	say := func(e engine.Event, format string, args ...any) {
		top, _, _ := strings.Cut(e.Run+" "+e.Step, ".")
		if lines[top] == nil {
			order = append(order, top)
		}
		lines[top] = append(lines[top], strings.TrimSpace(e.Run+" "+e.Step+": "+fmt.Sprintf(format, args...)))
	}
	for _, e := range events {
		switch b := e.Body.(type) {
		case engine.EffectOutcome:
			if b.Failure != nil {
				say(e, "attempt %d: %s", b.Attempt, b.Failure.Class)
			} else {
				say(e, "attempt %d works", b.Attempt)
			}
		case engine.EffectProbed:
			say(e, "attempt %d is found %s", b.Attempt, b.Found)
		case engine.EffectVerified:
			say(e, "attempt %d is %s", b.Attempt, b.Reading.Verdict)
		case engine.ApprovalClosed:
			say(e, "the approval is %s", b.Verdict)
		case engine.GlassBroken:
			say(e, "the glass is broken")
		case engine.GlassReviewed:
			say(e, "the broken glass is %s", judged(b))
		case engine.StepHeld:
			say(e, "held: %s", b.Why)
		case engine.StepEnded:
			say(e, "%s", b.Status)
		case engine.RunEnded:
			say(e, "%s", b.Status)
		}
	}
	var list []string
	for _, top := range order {
		slices.SortStableFunc(lines[top], func(a, b string) int {
			a, _, _ = strings.Cut(a, ":")
			b, _, _ = strings.Cut(b, ":")
			return strings.Compare(a, b)
		})
		list = append(list, lines[top]...)
	}
	return list
}

// answered says whether there are answers for a step.
func answered(answers map[string][]retell.Ordered, step string) bool {
	return slices.ContainsFunc(sim.Keys(step), func(key string) bool { return len(answers[key]) > 0 })
}
