package rehearsal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/retell"
	"github.com/firebreak-ir/firebreak/engine/sim"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// FromIncident makes a scenario of a run of an incident that is closed: the
// world answers as it did then, failures, doubts and lies included, and the
// script has its people do what they did, after as long. Whatever could tell
// whose incident it was is replaced by stand-ins; see [retell]. run "" is the
// latest. Errors: facts that do not follow, a run that is not there or has not
// ended. What a person should mend stands in the notes.
func FromIncident(events []engine.Event, run string, cat runbooks.Catalog) (*Made, error) {
	story, err := retell.Read(events, run, cat)
	if err != nil {
		return nil, err
	}
	f := &former{Story: story, events: events, cat: cat, made: &Made{Notes: story.Notes}}
	f.made.Text = f.sheet().text()
	f.made.check(story.Program, cat)
	return f.made, nil
}

// former turns a run into a scenario.
type former struct {
	*retell.Story
	events []engine.Event
	cat    runbooks.Catalog
	made   *Made
}

func (f *former) note(format string, args ...any) {
	f.made.Notes = append(f.made.Notes, fmt.Sprintf(format, args...))
}

func (f *former) sheet() sheet {
	p := f.Program
	s := &runbooks.Scenario{
		ID: p.ID + "-again", Title: p.Title + ", as it happened", Shown: "Exercise", Runbook: p.ID, Severity: f.Incident.Severity,
		Owner: p.Owner, Briefing: "This happened once. Say here what players know when it begins.",
		Objectives: []runbooks.Objective{f.objective()},
	}
	leader := "facilitator"
	for _, one := range f.People(f.events) {
		s.People = append(s.People, runbooks.TestPerson{ID: one.Name, Groups: one.Groups, Identities: one.Identities})
		if one.Name == leader {
			leader = "exercise-leader"
		}
	}
	slices.SortFunc(s.People, func(a, b runbooks.TestPerson) int { return strings.Compare(a.ID, b.ID) })
	s.Facilitator = runbooks.TestPerson{ID: leader}
	f.script(s)
	f.ending(s)
	if n := len(f.Incident.Runs); n > 1 {
		f.note("the incident has %d runs; the scenario is of %s alone", n, f.Run.ID)
	}
	return sheet{Scenario: s, environment: f.Environment(), answers: f.world(), comment: []string{
		fmt.Sprintf("Made from an incident, of a run of the runbook with digest %.12s.", p.Digest),
		"Ids, names, addresses and texts are stand-ins: write a briefing, and what players are told.",
	}}
}

// objective is that the containment fits into the time the runbook gives it; of
// one that changes nothing, that it comes to its end.
func (f *former) objective() runbooks.Objective {
	contains := false
	for _, step := range f.Program.Deep() {
		contains = contains || step.Effect.AtLeast(actions.Reversible) && !step.Tells && !step.Copies()
	}
	if b := time.Duration(f.Program.Budget); b > 0 && contains {
		return runbooks.Objective{ID: "o1", Capability: "containment", Text: "It is contained within " + runbooks.SpanText(f.Program.Budget),
			Check: fmt.Sprintf("metrics.time_to_full_containment <= %d", int64(b/time.Second))}
	}
	return runbooks.Objective{ID: "o1", Text: "The run comes to its end", Check: fmt.Sprintf("run.status == %q", f.Run.Status)}
}

// world is what the world answered, and for steps that did not run something
// that works, by their declared types: an exercise may take another course.
func (f *former) world() map[string][]retell.Ordered {
	answers := f.Answers()
	for id, step := range f.Program.Deep() {
		if step.Uses == "" || answered(answers, id) {
			continue
		}
		one := retell.Ordered{}
		if spec, ok := f.cat.Spec(step.Uses); ok && len(spec.Outputs) > 0 {
			var outputs retell.Ordered
			for _, field := range spec.Outputs {
				outputs = append(outputs, retell.Pair(field.Name, sim.Sample(0, id+"."+field.Name, field)))
			}
			one = retell.Ordered{retell.Pair("outputs", outputs)}
		}
		items := slices.ContainsFunc(slices.Collect(maps.Keys(answers)), func(key string) bool { return slices.Contains(sim.Keys(key), id) })
		answers[id] = []retell.Ordered{one}
		if items {
			continue // each item that there was has an answer of its own
		}
		f.note("step %q did not run, so that what it answers is made up", id)
	}
	return answers
}

// since is when something happened, after the incident was declared.
func (f *former) since(at time.Time) runbooks.Span {
	return runbooks.Span(max(at.Sub(f.Incident.DeclaredAt).Truncate(time.Millisecond), 0))
}

// script is what people did, in order.
func (f *former) script(s *runbooks.Scenario) {
	at := f.since(f.Run.StartedAt)
	type timed struct {
		at   runbooks.Span
		line runbooks.ScriptLine
	}
	lines := []timed{{at, runbooks.ScriptLine{By: f.Names.Person(f.Run.Requester.ID), Type: starting(f.Program.ID, f.Inputs()), Trigger: runbooks.Trigger{At: &at}}}}
	for _, a := range f.Acts {
		text, ok := f.typed(a)
		if !ok {
			continue
		}
		when := at + runbooks.Span(a.Since.Truncate(time.Millisecond))
		line := runbooks.ScriptLine{By: a.By, Type: text, Trigger: runbooks.Trigger{At: &when}}
		switch delay := runbooks.Span(a.After.Truncate(time.Millisecond)); {
		case a.At > 0 || a.Verb == "cancel" || strings.Contains(a.Step, "~undo") && !strings.HasSuffix(a.Step, "~undo"):
		case a.Open:
			line.Trigger = runbooks.Trigger{Asked: a.Step, Delay: delay}
		case a.Ends == 1:
			line.Trigger = runbooks.Trigger{After: a.Step, Delay: delay}
		}
		lines = append(lines, timed{when, line})
	}
	for _, e := range f.events {
		b, ok := e.Body.(engine.Noted)
		if !ok || e.Actor.Type != engine.Person {
			continue
		}
		if seen := f.since(b.Observed.Time); !b.Observed.IsZero() {
			s.Injects = append(s.Injects, runbooks.Inject{ID: fmt.Sprintf("n%d", len(s.Injects)+1), Trigger: runbooks.Trigger{At: &seen}, To: "channel", Say: f.Names.Text(b.Text)})
			continue
		}
		when := f.since(e.At)
		if who := f.Names.Person(e.Actor.ID); slices.ContainsFunc(s.People, func(p runbooks.TestPerson) bool { return p.ID == who }) {
			lines = append(lines, timed{when, runbooks.ScriptLine{By: who, Type: "note " + quoted(f.Names.Text(b.Text)), Trigger: runbooks.Trigger{At: &when}}})
		}
	}
	if e := f.resolved(); e != nil {
		t := runbooks.Trigger{When: f.ended(), Delay: runbooks.Span(max(e.At.Sub(f.Run.EndedAt).Truncate(time.Millisecond), 0))}
		lines = append(lines, timed{f.since(e.At), runbooks.ScriptLine{By: f.Names.Person(e.Actor.ID), Type: `resolve "it is over"`, Trigger: t}})
		if who := f.Names.Person(e.Actor.ID); !slices.ContainsFunc(s.People, func(p runbooks.TestPerson) bool { return p.ID == who }) {
			s.People = append(s.People, runbooks.TestPerson{ID: who})
		}
	}
	slices.SortStableFunc(lines, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		s.Script = append(s.Script, l.line)
	}
	slices.SortStableFunc(s.Injects, func(a, b runbooks.Inject) int { return cmp.Compare(*a.Trigger.At, *b.Trigger.At) })
}

// typed is what somebody would type to do the same.
func (f *former) typed(a retell.Act) (string, bool) {
	reason := func(line string) string {
		if !a.Reason {
			return line
		}
		return because(line, "a reason")
	}
	switch a.Verb {
	case "approve":
		return "approve " + a.Step, true
	case "deny", "skip", "keep":
		return because(a.Verb+" "+a.Step, "a reason"), true
	case "answer":
		if a.With == nil {
			return "done " + a.Step, true
		}
		return "done " + a.Step + " " + quoted(fmt.Sprint(a.With)), true
	case "retry":
		if a.Confirm {
			return reason("retry " + a.Step + " --confirm-not-applied"), true
		}
		return reason("retry " + a.Step), true
	case "applied":
		return "done " + a.Step + " --confirm-applied", true
	case "not_applied":
		f.note("that an attempt of step %q had no effect was settled without another one; the script tries it again", a.Step)
		return "retry " + a.Step + " --confirm-not-applied", true
	case "undo", "lift":
		return because("undo "+a.Step, "a reason"), true
	case "extend":
		return because(fmt.Sprintf("extend %s --for %s", a.Step, runbooks.SpanText(runbooks.Span(a.More.Round(time.Minute)))), "a reason"), true
	case "break_glass":
		return because("break-glass "+a.Step+" --target "+word(a.Target), "a reason"), true
	case "review":
		return because(fmt.Sprintf("%v %s", a.With, a.Step), "a reason"), true
	case "cancel":
		return because("cancel R1", "a reason"), true
	}
	return "", false
}

// ending is when the exercise is over.
func (f *former) ending(s *runbooks.Scenario) {
	last := f.Incident.DeclaredAt
	late := false // somebody acted after the run had ended
	for _, e := range f.events {
		if e.Run == f.Run.ID || e.Actor.Type == engine.Person {
			last = e.At
		}
		late = late || e.Run == f.Run.ID && e.Step != "" && e.At.After(f.Run.EndedAt)
	}
	took := last.Sub(f.Incident.DeclaredAt)
	s.End.Max = rounded(took)
	if took > 7*24*time.Hour {
		f.note("it took %s, and an exercise takes up to a week: what came later is left out", took.Round(time.Hour))
	}
	switch {
	case f.resolved() != nil:
		s.End.When = "resolved"
	case !late:
		s.End.When = f.ended()
	}
}

// ended is the condition that the run has ended as it did.
func (f *former) ended() string { return fmt.Sprintf("run.status == %q", f.Run.Status) }

// resolved is the fact by which somebody resolved the incident, or nil.
func (f *former) resolved() *engine.Event {
	for n := range f.events {
		if _, ok := f.events[n].Body.(engine.Resolved); ok && f.events[n].Actor.Type == engine.Person {
			return &f.events[n]
		}
	}
	return nil
}
