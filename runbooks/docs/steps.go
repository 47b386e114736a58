package docs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// steps writes a list of steps under headings, those of a called runbook one
// level deeper.
func (g *page) steps(steps []runbooks.Step, number string, depth int) {
	before := ""
	for i := range steps {
		s := &steps[i]
		n := number + fmt.Sprint(i+1)
		g.line("\n%s %s. %s\n", strings.Repeat("#", min(depth, 6)), n, text(s.Name()))
		g.step(s, before)
		if sub := s.Runbook; sub != nil && sub.Program != nil {
			g.steps(sub.Program.Steps, n+".", depth+1)
			g.steps(sub.Program.OnCancel, n+".C", depth+1)
		}
		before = s.ID
	}
}

// step says everything about one step, a line for each thing that there is to
// say.
func (g *page) step(s *runbooks.Step, before string) {
	say := func(name, format string, args ...any) {
		g.line("- **%s:** %s", name, fmt.Sprintf(format, args...))
	}
	spec, known := actions.Spec{}, false
	if s.Uses != "" && g.cat != nil {
		spec, known = g.cat.Spec(s.Uses)
	}
	g.what(s, spec, known, say)
	when(s, before, say)
	if s.Evidence {
		say("Evidence", "it collects evidence, so nothing is changed before it.")
	}
	switch {
	case s.Approval != nil:
		say("Approval", "%s", asks(s.Approval))
	case s.Changes():
		say("Approval", "**nobody is asked.**")
	}
	tries(s, say)
	switch {
	case s.Verify == nil && s.Changes():
		say("Proof", "**nothing proves the effect.**")
	case s.Verify != nil:
		say("Proof", "the effect is read back, and must show within %s; else the step has failed.", runbooks.SpanText(s.Verify.Within))
	}
	undo(s, say)
	if c := s.Contains; c != nil {
		say("Ends", "%s after the proof %s are asked whether it is lifted or extended.", runbooks.SpanText(c.Expires), codes(c.Ask))
	}
	reactions(s, say)
	if !known {
		return
	}
	if spec.BlastRadius != "" {
		say("Who feels it", "%s", text(spec.BlastRadius))
	}
	for _, one := range spec.StaysAlive {
		say("Stays alive", "%s", text(one))
	}
	if rights := rights(spec.Permissions); rights != "" {
		say("Rights", "%s", rights)
	}
}

type sayer = func(name, format string, args ...any)

// what says what a step does.
func (g *page) what(s *runbooks.Step, spec actions.Spec, known bool, say sayer) {
	switch {
	case s.Manual != nil:
		say("What", "a person does this and reports. Step %s.", code(s.ID))
		g.b.WriteString("\n" + block(written(s.Manual.Instructions), "  ") + "\n")
		if a := s.Manual.Answer; a != nil {
			say("Answer", "%s", strings.Join(append([]string{typeWords(a)}, limits(a)...), "; "))
		}
		return
	case s.Wait != nil && s.Wait.Until != nil:
		say("What", "waits until %s. Step %s.", code(s.Wait.Until.Source), code(s.ID))
		return
	case s.Wait != nil:
		say("What", "waits for %s. Step %s.", runbooks.SpanText(s.Wait.For), code(s.ID))
		return
	case s.Runbook != nil:
		say("What", "runs the runbook %s, digest %s, as part of this run. Step %s.", code(s.Runbook.ID), code(short12(s.Runbook.Digest)), code(s.ID))
		g.arguments(s.With)
		if s.Runbook.Program != nil && len(s.Runbook.Program.OnCancel) > 0 {
			say("On cancel", "when the run is cancelled in the midst of it, its own steps for that run, once the others have ended. Their numbers have a C.")
		}
		return
	}
	what := "uses " + code(s.Uses)
	if known {
		what = text(strings.TrimSuffix(spec.Title, ".")) + ", by " + code(s.Uses)
	}
	say("What", "%s, version %d. %s Step %s.", what, s.ActionVersion, effectWords(s), code(s.ID))
	g.arguments(s.With)
	switch {
	case !known:
		say("Note", "this firebreak has no such action; what is said here is what the program pinned.")
	case spec.Version != s.ActionVersion || spec.Effect != s.Effect:
		say("Note", "the action is at version %d now, and is %s.", spec.Version, spec.Effect)
	}
}

func effectWords(s *runbooks.Step) string {
	switch {
	case s.Tells:
		return "It only tells people."
	case s.Adds && s.Effect == actions.Destructive:
		return "It **adds to the record, and leaves a trace on its target**."
	case s.Adds:
		return "It only **adds to the record**."
	case s.Effect == actions.Destructive:
		return "It is **destructive**."
	case s.Effect == actions.Reversible:
		return "It is **reversible**."
	}
	return "It only **reads**."
}

func (g *page) arguments(v *runbooks.Value) {
	if v == nil {
		return
	}
	for _, m := range v.Members {
		g.line("  - %s = %s", code(m.Name), code(written(m.Value)))
	}
}

// when says what a step waits for, and under which condition it runs.
func when(s *runbooks.Step, before string, say sayer) {
	if e := s.ForEach; e != nil {
		limit := "none may fail"
		switch {
		case e.MaxPercent > 0:
			limit = fmt.Sprintf("%d%% of them may fail", e.MaxPercent)
		case e.MaxErrors > 0:
			limit = fmt.Sprintf("%d of them may fail", e.MaxErrors)
		}
		source := ""
		if e.In != nil {
			source = e.In.Source
		}
		say("For each", "item of %s, %d at a time; %s.", code(source), max(1, e.MaxParallel), limit)
	}
	switch needs := s.Needs; {
	case len(needs) == 0 && before == "":
	case len(needs) == 0:
		say("After", "nothing: it starts at once.")
	case len(needs) != 1 || needs[0] != before:
		say("After", "%s.", codes(needs))
	}
	if s.If == nil {
		return
	}
	if words := condition(s.If.Source); words != "" {
		say("Only if", "%s (%s).", words, code(s.If.Source))
	} else {
		say("Only if", "%s", code(s.If.Source))
	}
}

func tries(s *runbooks.Step, say sayer) {
	if s.Manual != nil && s.Total > 0 {
		say("Time", "people have %s.", runbooks.SpanText(s.Total))
	}
	if s.Uses == "" {
		return
	}
	out := "one attempt"
	if s.Retry.Attempts > 1 {
		out = fmt.Sprintf("up to %d attempts, with a pause of %s that doubles", s.Retry.Attempts, runbooks.SpanText(s.Retry.Backoff))
	}
	out += fmt.Sprintf(", of at most %s each", runbooks.SpanText(s.Timeout))
	if s.Retry.Attempts <= 1 {
		out = fmt.Sprintf("one attempt of at most %s", runbooks.SpanText(s.Timeout))
	}
	if s.Total > 0 {
		out += fmt.Sprintf("; at most %s in all", runbooks.SpanText(s.Total))
	}
	say("Attempts", "%s. In doubt: %s.", out, doubt(s.Repeat))
}

// doubt says what follows when nobody knows whether an attempt took effect.
func doubt(r actions.Repeat) string {
	switch r {
	case actions.Idempotent:
		return "it is run again, which changes nothing twice"
	case actions.Keyed:
		return "it is run again with the same key"
	case actions.Probe:
		return "the target is asked first"
	}
	return "a person decides"
}

func undo(s *runbooks.Step, say sayer) {
	switch u := s.Undo; {
	case u != nil && u.Manual != nil:
		say("Undo", "a person takes it back: %s", text(written(u.Manual)))
	case u != nil && s.CanUndo:
		out := "it can be taken back, to what the plan recorded."
		if u.Approval != nil {
			out += " " + upper(asks(u.Approval))
		}
		if u.Within > 0 {
			out += fmt.Sprintf(" That it is gone is proved within %s.", runbooks.SpanText(u.Within))
		}
		say("Undo", "%s", out)
	case s.CanUndo && s.Changes():
		say("Undo", "it can be taken back, to what the plan recorded.")
	case s.Changes():
		say("Undo", "**it cannot be taken back.**")
	}
}

func reactions(s *runbooks.Step, say sayer) {
	if s.Wait != nil {
		return
	}
	failed, refused := reaction(s.OnFailure), reaction(s.OnRefused)
	switch {
	case s.Approval == nil:
		say("When it fails", "%s.", failed)
	case failed == refused:
		say("When it fails or is refused", "%s.", failed)
	default:
		say("When it fails", "%s.", failed)
		say("When it is refused", "%s.", refused)
	}
	if !s.Critical && (s.OnFailure == runbooks.Continue || s.OnRefused == runbooks.Continue) {
		say("Not critical", "the run can end well without it.")
	}
}

// rights lists each right once, with the phases that need it.
func rights(list []actions.Permission) string {
	var names []string
	phases := map[string][]string{}
	for _, p := range list {
		if _, seen := phases[p.Action]; !seen {
			names = append(names, p.Action)
		}
		if word := string(p.Phase); !slices.Contains(phases[p.Action], word) {
			phases[p.Action] = append(phases[p.Action], word)
		}
	}
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = code(name) + " (" + strings.Join(phases[name], ", ") + ")"
	}
	return strings.Join(out, ", ")
}

func short12(s string) string {
	if len(s) > 12 {
		return s[:12]
	}
	return s
}
