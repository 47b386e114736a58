package cases

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// expect compares everything that is expected.
func (t *trial) expect() {
	e := &t.c.Expect
	if t.run == nil {
		t.fail(e.Pos, "the run did not start")
		return
	}
	if e.Run.Set() && e.Run.Value != string(t.run.Status) {
		t.differs(e.Run.Pos, "the run", e.Run.Value, string(t.run.Status)+t.whyRun())
	}
	if e.Reason.Set() {
		t.contains(e.Reason.Pos, "the reason of the run", e.Reason.Value, t.run.Reason)
	}
	if e.Path.Set() {
		t.differs(e.Path.Pos, "the steps that ran", list(e.Path.Value), list(began(t.story.Events)))
	}
	for _, p := range e.Steps {
		if got := t.status(p.Name); strings.SplitN(got, " (", 2)[0] != p.Value {
			t.differs(p.Pos, fmt.Sprintf("step %q", p.Name), p.Value, got)
		}
	}
	for _, p := range e.Because {
		if s, ok := t.known(p.Name, p.Pos); ok {
			t.contains(p.Pos, fmt.Sprintf("why step %q is %s", p.Name, s.Status), p.Value, s.Why)
		}
	}
	for _, p := range e.Attempts {
		got := 0
		if s, ok := t.step(p.Name); ok {
			got = len(s.Attempts)
		}
		t.differs(p.Pos, fmt.Sprintf("attempts of step %q", p.Name), fmt.Sprint(p.Value), fmt.Sprint(got))
	}
	t.outputs()
	for _, p := range e.Approvals {
		t.approval(p)
	}
	if e.Undone.Set() {
		t.differs(e.Undone.Pos, "the steps that were taken back", list(e.Undone.Value), list(t.undone()))
	}
	if e.Evidence.Set() {
		t.differs(e.Evidence.Pos, "the evidence that was collected before anything was changed", list(e.Evidence.Value), list(t.evidence()))
	}
	if e.Within.Set() {
		t.within(e.Within)
	}
	for _, part := range e.Timeline {
		if !slices.ContainsFunc(t.lines, func(l string) bool { return strings.Contains(l, part.Value) }) {
			t.failures = append(t.failures, Failure{Pos: part.Pos, Text: "the timeline", Want: fmt.Sprintf("a line with %q", part.Value), Got: "none"})
		}
	}
}

func (t *trial) contains(pos runbooks.Pos, what, want, got string) {
	if !strings.Contains(got, want) {
		t.failures = append(t.failures, Failure{Pos: pos, Text: what, Want: fmt.Sprintf("something with %q", want), Got: fmt.Sprintf("%q", got)})
	}
}

// whyRun says why a run stands where it stands.
func (t *trial) whyRun() string {
	if t.run.Reason != "" {
		return " (" + t.run.Reason + ")"
	}
	for _, a := range t.story.Incident.Asks {
		if !a.Closed && a.Step.Run() == t.run && a.Type != engine.AskReview { // for which no run waits
			return fmt.Sprintf(" (step %q is %s: nobody answers its %s question)", a.Step.ID, a.Step.Status, a.Type)
		}
	}
	return ""
}

func (t *trial) known(id string, pos runbooks.Pos) (*engine.Step, bool) {
	s, ok := t.step(id)
	if !ok {
		t.fail(pos, fmt.Sprintf("the run has no step %q", id))
	}
	return s, ok
}

func (t *trial) status(id string) string {
	s, ok := t.step(id)
	if !ok {
		return "nothing: the run has no such step"
	}
	if s.Why != "" && s.Status != engine.StepDone {
		return fmt.Sprintf("%s (%s)", s.Status, s.Why)
	}
	return string(s.Status)
}

// outputs compares the outputs of the run and of its steps.
func (t *trial) outputs() {
	e := &t.c.Expect
	if len(e.Outputs) > 0 {
		var given map[string]any
		for _, ev := range t.story.Events {
			if b, ok := ev.Body.(engine.RunEnded); ok {
				given = map[string]any{}
				_ = json.Unmarshal(b.Outputs, &given) // a run without outputs has none of those that are wanted
			}
		}
		for _, p := range e.Outputs {
			got, ok := given[p.Name]
			t.value(p.Pos, fmt.Sprintf("the output %q of the run", p.Name), p.Value, got, ok)
		}
	}
	for _, step := range e.StepOutputs {
		s, ok := t.known(step.Name, step.Pos)
		if !ok {
			continue
		}
		for _, p := range step.Value {
			got, ok := s.Outputs[p.Name]
			t.value(p.Pos, fmt.Sprintf("the output %q of step %q", p.Name, step.Name), p.Value, got, ok)
		}
	}
}

// value compares two values by their JSON, in which objects are sorted.
func (t *trial) value(pos runbooks.Pos, what string, want, got any, there bool) {
	shown := "nothing"
	if there {
		shown = encoded(got)
	}
	t.differs(pos, what, encoded(want), shown)
}

func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(data)
}

// approval compares the latest question about a step, and its answer.
func (t *trial) approval(p runbooks.TestPair[runbooks.TestApproval]) {
	s, there := t.step(p.Name)
	var a *engine.Approval
	if there {
		a = s.Approval
	}
	what := fmt.Sprintf("the approval of step %q", p.Name)
	switch {
	case p.Value.None && a != nil:
		t.differs(p.Pos, what, "none", "one was asked for: "+list(a.From))
	case !p.Value.None && a == nil:
		t.differs(p.Pos, what, "one", "none was asked for")
	}
	if a == nil || p.Value.None {
		return
	}
	w := p.Value
	if w.Quorum.Set() {
		t.differs(w.Quorum.Pos, what+": quorum", fmt.Sprint(w.Quorum.Value), fmt.Sprint(a.Quorum))
	}
	if w.From.Set() {
		t.differs(w.From.Pos, what+": who is asked", list(w.From.Value), list(a.From))
	}
	if w.Verdict.Set() {
		t.differs(w.Verdict.Pos, what+": verdict", w.Verdict.Value, verdict(a))
	}
	if w.By.Set() {
		var who []string
		for _, v := range a.Votes {
			who = append(who, v.Actor.ID)
		}
		t.differs(w.By.Pos, what+": who answered", list(w.By.Value), list(who))
	}
	if w.Asked.Set() {
		n := 0
		for _, e := range t.story.Events {
			if e.Step == p.Name && e.Kind() == (engine.ApprovalRequested{}).Kind() {
				n++
			}
		}
		t.differs(w.Asked.Pos, what+": how often it was asked", fmt.Sprint(w.Asked.Value), fmt.Sprint(n))
	}
}

// verdict is the end of an approval; one that was used was granted.
func verdict(a *engine.Approval) string {
	if a.State == engine.ApprovalConsumed {
		return string(engine.ApprovalGranted)
	}
	return string(a.State)
}

// evidence lists the steps that collected evidence in time: before the first
// intent of an effect that changes something.
func (t *trial) evidence() []string {
	changed := time.Time{}
	for _, ev := range t.story.Events {
		b, ok := ev.Body.(engine.EffectIntent)
		if s, known := t.step(ev.Step); ok && known && b.Effect != actions.Read && s.Def.Changes() && !s.Def.Preserves {
			changed = ev.At
			break
		}
	}
	var ids []string
	for s := range t.run.All() {
		if s.Def.Evidence && s.Children() == nil && s.Status == engine.StepDone && (changed.IsZero() || !s.EndedAt.After(changed)) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// undone lists the steps that were taken back, in that order, each as a whole.
func (t *trial) undone() []string {
	var ids []string
	for _, e := range t.story.Events {
		b, ok := e.Body.(engine.StepEnded)
		s, known := t.step(e.Step)
		if !ok || !known || s.Undoes == nil || b.Status != engine.StepDone {
			continue
		}
		if parent := s.Undoes.Parent; parent == nil || parent.UndoneBy == nil { // else it is a part of what is taken back
			ids = append(ids, s.Undoes.ID)
		}
	}
	return ids
}

// within compares the time until the last verified change.
func (t *trial) within(want runbooks.At[runbooks.Span]) {
	limit := time.Duration(want.Value)
	if t.timeline == nil {
		t.fail(want.Pos, "containment: the timeline, which knows when it was, cannot be told")
		return
	}
	if len(t.timeline.Runs) == 0 || t.timeline.Runs[0].ContainedMS == 0 {
		t.failures = append(t.failures, Failure{Pos: want.Pos, Text: "containment", Want: "within " + limit.String(), Got: "nothing was contained"})
		return
	}
	if took := time.Duration(t.timeline.Runs[0].ContainedMS) * time.Millisecond; took > limit {
		t.failures = append(t.failures, Failure{Pos: want.Pos, Text: "containment", Want: "within " + limit.String(), Got: "after " + took.String()})
	}
}

func list(words []string) string { return "[" + strings.Join(words, ", ") + "]" }
