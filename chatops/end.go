package chatops

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// EndMessage tells the end of a run: what was done, refused and skipped, what
// can be taken back, and whether it kept its budget.
func EndMessage(i *engine.Incident, r *engine.Run) Message {
	m := Message{Title: fmt.Sprintf("%s %s: %s", r.ID, line(r.Program.ID, 80), r.Status), Public: true, Seq: -1, Incident: i.ID}
	switch {
	case r.Status == engine.RunDone && r.Reason == "":
		m.Tone = Good
	case r.Status == engine.RunDone:
		m.Tone = Warn
	default:
		m.Tone = Danger
	}
	took := r.EndedAt.Sub(r.StartedAt)
	fields := []Field{
		{"Incident", heading(i)},
		{"Started by", who(r.Requester)},
		{"Took", span(took) + budget(r, took)},
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	if r.Reason != "" {
		m.text("%s", line(r.Reason, 500))
	}
	sort := []struct {
		heading string
		status  []engine.StepStatus
	}{
		{"Done", []engine.StepStatus{engine.StepDone}},
		{"Failed", []engine.StepStatus{engine.StepFailed}},
		{"Refused", []engine.StepStatus{engine.StepRefused}},
		{"Skipped", []engine.StepStatus{engine.StepSkipped}},
		{"Not run", []engine.StepStatus{engine.StepCancelled}},
	}
	for _, group := range sort {
		var lines []Line
		left := 0
		for s, depth := range endedAs(r, group.status[0]) {
			if len(lines) == cardSteps {
				left++
				continue
			}
			lines = append(lines, Line{Mark: mark(s.Status), Text: title(s) + ": " + state(s, r.EndedAt), Depth: depth})
		}
		if left > 0 {
			lines = append(lines, Line{Mark: "…", Text: fmt.Sprintf("and %d more", left)})
		}
		if len(lines) > 0 {
			m.text("%s", group.heading)
			m.lines(lines)
		}
	}
	if fields := outputs(r); len(fields) > 0 {
		m.text("It gave back")
		m.Parts = append(m.Parts, Part{Fields: fields})
	}
	undo, stays := afterwards(i, r)
	if len(undo) > 0 {
		m.text("Can be taken back")
		m.next(undo...)
	}
	m.list("Stays as it is", "!", stays, cardSteps)
	m.list("Contained for a time", "•", bounded(r, i.Now), cardSteps)
	m.list("Went on without a quorum", "!", alone(r, i.Now), cardSteps)
	if again := retries(i, r); len(again) > 0 && !i.Resolved {
		m.text("Can be tried again")
		m.next(again...)
	}
	return m.visible()
}

// budget says whether the run kept the time its runbook allows.
func budget(r *engine.Run, took time.Duration) string {
	limit := time.Duration(r.Program.Budget)
	switch {
	case limit <= 0:
		return ""
	case took > limit:
		return fmt.Sprintf(", over its budget of %s by %s", span(limit), span(took-limit))
	}
	return fmt.Sprintf(", within its budget of %s", span(limit))
}

// afterwards lists the undos a person could ask for, last effect first, and
// the effects that cannot be taken back.
func afterwards(i *engine.Incident, r *engine.Run) (undo, stays []string) {
	for n := len(r.Steps) - 1; n >= 0; n-- {
		s := r.Steps[n]
		switch {
		case s.Undoes != nil || s.Status != engine.StepDone || s.Undone() || s.Def.Effect == actions.Read || s.Def.Copies():
		case s.Undoable():
			if len(undo) < cardSteps {
				undo = append(undo, fmt.Sprintf(`undo %s %s/%s --reason "..."`, i.ID, r.ID, s.ID))
			}
		case s.Def.Uses == "":
		case s.UndoneBy == nil:
			why := "its action has no undo"
			if s.Preview != nil && s.Preview.NoUndo != "" {
				why = line(s.Preview.NoUndo, 160)
			}
			stays = append(stays, title(s)+": "+why)
		}
	}
	return undo, stays
}

// endedAs walks the steps of a run that ended in one way, with how far they are
// set in: those that a runbook was called for below it, and of a loop only the
// items that did not work.
func endedAs(r *engine.Run, status engine.StepStatus) iter.Seq2[*engine.Step, int] {
	return func(yield func(*engine.Step, int) bool) {
		var walk func(steps []*engine.Step, depth int) bool
		walk = func(steps []*engine.Step, depth int) bool {
			for _, s := range steps {
				item := s.Parent != nil && s.Index > 0
				below := depth
				if s.Status == status && (!item || status == engine.StepFailed || status == engine.StepRefused) {
					if !yield(s, depth) {
						return false
					}
					below++
				}
				if !walk(s.Children(), below) {
					return false
				}
			}
			return true
		}
		walk(r.Steps, 0)
	}
}

// outputs are what a run gave back, sorted by name.
func outputs(r *engine.Run) []Field {
	var values map[string]json.RawMessage
	if len(r.Outputs) == 0 || json.Unmarshal(r.Outputs, &values) != nil {
		return nil
	}
	var fields []Field
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := string(values[name])
		var s string
		if json.Unmarshal(values[name], &s) == nil {
			text = s
		}
		fields = append(fields, Field{line(name, 60), cut(VisibleLines(text), askValue)})
	}
	return fields
}

// alone are the steps of a run that went on by a broken glass.
func alone(r *engine.Run, now time.Time) []string {
	var list []string
	for s := range every(r) {
		for _, g := range s.Glasses() {
			list = append(list, title(s)+": "+broken(g, now))
		}
	}
	return list
}

// bounded are the effects of a run that are meant to end.
func bounded(r *engine.Run, now time.Time) []string {
	var list []string
	for s := range every(r) {
		if s.InForce() {
			list = append(list, title(s)+": "+lasting(s, now))
		}
	}
	return list
}
