package chatops

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// loopSteps is how many children of a loop a card shows, at most; those that
// need nobody are only counted.
const loopSteps = 5

// every walks the steps of a run at every level, each before its own.
func every(r *engine.Run) iter.Seq[*engine.Step] {
	return func(yield func(*engine.Step) bool) { walk(r.Steps, yield) }
}

func walk(steps []*engine.Step, yield func(*engine.Step) bool) bool {
	for _, s := range steps {
		if !yield(s) || !walk(s.Children(), yield) {
			return false
		}
	}
	return true
}

// stepOf finds a step of a run by its id, at every level.
func stepOf(r *engine.Run, id string) *engine.Step {
	if s, ok := r.Step(id); ok {
		return s
	}
	for s := range every(r) {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// looped says whether a step has one child for each item of a list.
func looped(s *engine.Step) bool {
	kids := s.Children()
	return len(kids) > 0 && (kids[0].Index > 0 && kids[0].Parent == s)
}

// tally counts where the children of a step stand.
type tally struct{ all, done, failed, notRun, flying, planned, waiting int }

func count(s *engine.Step) tally {
	t := tally{all: len(s.Children())}
	for _, c := range s.Children() {
		switch {
		case c.Status == engine.StepDone:
			t.done++
		case c.Status == engine.StepFailed || c.Status == engine.StepRefused:
			t.failed++
		case c.Status.Ended():
			t.notRun++
		case c.Status == engine.StepWaiting:
			t.waiting++
		case parked(c):
			t.planned++
		default:
			t.flying++
		}
	}
	return t
}

// parked says whether the item of a loop is planned and waits for the question
// about all of them.
func parked(s *engine.Step) bool {
	p := s.Parent
	return s.Status == engine.StepPlanning && s.Digest != "" && s.Index > 0 && p != nil && (p.Approval != nil || p.Def.Approval != nil)
}

// String is the tally in words: "31 of 37 done, 2 failed, 4 in flight".
func (t tally) String() string {
	parts := []string{fmt.Sprintf("%d of %d done", t.done, t.all)}
	for _, p := range []struct {
		n    int
		word string
	}{{t.failed, "failed"}, {t.notRun, "not run"}, {t.flying, "in flight"}, {t.planned, "planned"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

// pressing says whether somebody has to look at a step, or should.
func pressing(s *engine.Step) bool {
	switch s.Status {
	case engine.StepDoubt, engine.StepOnHold, engine.StepFailed, engine.StepRefused, engine.StepManual, engine.StepAwaiting, engine.StepRetrying:
		return true
	}
	return s.Containment != nil && s.Containment.Due && s.InForce()
}

// row is a step on its way to a line.
type row struct {
	step  *engine.Step
	depth int
	more  string // in place of a step: what is left out
}

// rowsOf lays the steps out in lines: of a loop one line and the children that
// need somebody, of a runbook that is called its steps below it until it has
// ended well.
func rowsOf(steps []*engine.Step, depth int) []row {
	var rows []row
	for _, s := range steps {
		rows = append(rows, row{step: s, depth: depth})
		rows = append(rows, childRows(s, depth+1)...)
	}
	return rows
}

func childRows(s *engine.Step, depth int) []row {
	kids := s.Children()
	if len(kids) == 0 {
		return nil
	}
	if !looped(s) {
		if s.Status == engine.StepDone {
			return nil
		}
		return rowsOf(kids, depth)
	}
	var rows []row
	left := 0
	for _, c := range kids {
		inside := childRows(c, depth+1)
		switch {
		case !pressing(c) && !anyPressing(inside):
		case len(rows) >= loopSteps:
			left++
		default:
			rows = append(rows, row{step: c, depth: depth})
			rows = append(rows, inside...)
		}
	}
	if left > 0 {
		rows = append(rows, row{depth: depth, more: fmt.Sprintf("%d more items of %s need a look; see: step %s", left, s.ID, s.ID)})
	}
	return rows
}

func anyPressing(rows []row) bool {
	for _, r := range rows {
		if r.step != nil && pressing(r.step) {
			return true
		}
	}
	return false
}

// lines writes rows.
func linesOf(rows []row, now time.Time) []Line {
	var lines []Line
	for _, r := range rows {
		if r.step == nil {
			lines = append(lines, Line{Mark: "…", Text: r.more, Depth: r.depth})
			continue
		}
		lines = append(lines, Line{Mark: mark(r.step.Status), Text: title(r.step) + ": " + state(r.step, now), Depth: r.depth})
	}
	return lines
}

// progress tells where the children of a step stand.
func progress(s *engine.Step) string {
	t := count(s)
	switch {
	case s.Undoes != nil:
		return t.String() + " of what is taken back"
	case s.Def.Runbook != nil && !looped(s):
		return fmt.Sprintf("runbook %s, %s", line(s.Def.Runbook.ID, 60), t)
	}
	return t.String()
}

// item is what the child of a loop is for.
func item(s *engine.Step) string {
	if s.Index == 0 || s.Item == nil {
		return ""
	}
	return fmt.Sprintf("item %d: %s", s.Index, line(plain(s.Item), 120))
}

// until says by when a person has to have done a step, or nothing.
func until(s *engine.Step, now time.Time) string {
	if s.Status != engine.StepManual || s.Due.IsZero() {
		return ""
	}
	return ", until " + moment(s.Due, now) + ", then it counts as failed"
}

// example is how the answer to a manual step is typed.
func example(s *engine.Step) string {
	if s.Def.Manual == nil || s.Def.Manual.Answer == nil {
		return `"what came out"`
	}
	in := s.Def.Manual.Answer
	if c := choices(in); len(c) > 0 {
		if len(c) > 6 {
			c = append(c[:6:6], "...")
		}
		return "<" + strings.Join(shown(c), "|") + ">"
	}
	switch in.Type {
	case actions.Int:
		return "<number>"
	case actions.Duration:
		return "<30m>"
	case actions.List:
		return "<a,b,c>"
	case actions.Map:
		return "<k=v,k2=v2>"
	}
	return `"what came out"`
}
