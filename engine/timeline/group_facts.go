package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// few is how many steps of a loop are told one by one in a summary. Of more
// than these only those that need a look are, and the others are counted.
const few = 10

// maxFirst is how many items of a list stand in its row.
const maxFirst = 20

// tellGroup tells of steps that have steps of their own, and of waits.
func (f *fold) tellGroup(row *Row, e engine.Event, s *step) bool {
	row.Kind = Lifecycle
	switch b := e.Body.(type) {
	case engine.StepExpanded:
		f.expanded(row, s, b)
	case engine.StepEntered:
		s.reopen()
		s.group = &Group{Run: row.Run, Step: row.Step, Kind: GroupRunbook, StartedAt: row.At}
		if d, ok := s.run.program.find(s.id); ok && d.Runbook != nil {
			s.group.Runbook = d.Runbook.ID
		}
		f.groups = append(f.groups, s.group)
		row.Outcome = "started"
		row.Text = s.name() + " calls a runbook"
		if s.group.Runbook != "" {
			row.Text = fmt.Sprintf("%s calls runbook %q", s.name(), s.group.Runbook)
		}
		if inputs := inputWords(b.Inputs.Value); inputs != "" {
			row.Text += ", with " + inputs
		}
		row.Text += heldWords(b.If, readingWords(b.Readings))
		row.detail("inputs", string(b.Inputs.Value))
		row.detail("if", b.If)
		row.detail("readings", readingWords(b.Readings))
	case engine.WaitStarted:
		s.reopen()
		s.wait = &Wait{Run: row.Run, Step: row.Step, From: row.At, Until: b.Until}
		f.waited = append(f.waited, s.wait)
		row.Outcome = "started"
		row.Text = fmt.Sprintf("%s waits until %s (%s)", s.name(), clock(b.Until, row.At), span(b.Until.Sub(row.At.Time)))
		row.Text += heldWords(b.If, readingWords(b.Readings))
		row.detail("until", b.Until.UTC().Format(stampForm))
		row.detail("if", b.If)
		row.detail("readings", readingWords(b.Readings))
	default:
		return false
	}
	return true
}

// stampForm is how a time stands in a detail.
const stampForm = "2006-01-02T15:04:05.000000Z"

// heldWords says that a condition was true.
func heldWords(condition, readings string) string {
	if condition == "" {
		return ""
	}
	return "; condition " + condition + " was true" + inBrackets(readings)
}

// expanded tells of a list: what a step is repeated for, or which of its items
// are taken back.
func (f *fold) expanded(row *Row, s *step, b engine.StepExpanded) {
	s.reopen()
	items := itemWords(b.Items.Value)
	s.group = &Group{Run: row.Run, Step: row.Step, Kind: GroupLoop, Items: b.N, StartedAt: row.At}
	f.groups = append(f.groups, s.group)
	row.Outcome = "started"
	_, undo := s.undoes()
	if undo {
		s.group.Kind = GroupUndo
		row.Text = fmt.Sprintf("%s takes back %s", s.name(), count(b.N, "step"))
		for _, id := range items { // what a part of it is called depends on how often it was asked for
			if part := s.run.byID[id]; part != nil {
				part.backBy = s
			}
		}
	} else {
		row.Text = fmt.Sprintf("%s is repeated for %s", s.name(), count(b.N, "item"))
	}
	shown := items
	if len(shown) > maxFirst {
		shown = shown[:maxFirst]
	}
	if len(shown) > 0 {
		row.Text += ": " + strings.Join(shown, ", ")
		if more := b.N - len(shown); more > 0 {
			row.Text += fmt.Sprintf(" and %d more", more)
		}
	}
	row.Text += heldWords(b.If, readingWords(b.Readings))
	row.detail("items", strconv.Itoa(b.N))
	row.detail("items_sha256", digestOf(b.Items.Value))
	row.detail("if", b.If)
	row.detail("readings", readingWords(b.Readings))
}

// itemWords gives the items of a list, texts without their quotes.
func itemWords(data json.RawMessage) []string {
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil {
		return nil
	}
	words := make([]string, len(items))
	for n, item := range items {
		words[n] = string(item)
		var text string
		if json.Unmarshal(item, &text) == nil {
			words[n] = text
		}
	}
	return words
}

// adopt finds the step whose part this one is.
func (s *step) adopt() {
	origin, undo := s.undoes()
	if undo {
		if of := s.run.byID[origin]; of != nil && of.backBy != nil {
			s.parent = of.backBy
		}
		return
	}
	for at := strings.LastIndexByte(origin, '.'); at > 0; at = strings.LastIndexByte(origin[:at], '.') {
		if p := s.run.byID[origin[:at]]; p != nil && p.group != nil {
			s.parent = p
			return
		}
	}
}

// many says whether this step is one of so many that a summary counts it.
func (s *step) many() bool {
	return s.parent != nil && s.parent.group.Items > few
}

// planned counts the parts of a step that have a plan and have not ended.
func (s *step) planned() int {
	n := 0
	for _, part := range s.run.steps {
		if part.parent == s && part.digest != "" && part.ended == "" {
			n++
		}
	}
	return n
}

// closeGroups counts how the parts of each group ended.
func (f *fold) closeGroups() {
	for _, r := range f.runs {
		for _, s := range r.steps {
			if s.group != nil && s.ended != "" {
				s.group.Status, s.group.Reason = string(s.ended), s.reason
			}
			if s.parent == nil || s.parent.group == nil {
				continue
			}
			g := s.parent.group
			switch s.ended {
			case engine.StepDone:
				g.Done++
			case engine.StepFailed, engine.StepRefused:
				g.Failed++
			case engine.StepSkipped, engine.StepCancelled:
				g.NotRun++
			default:
				g.Open++
			}
		}
	}
	for _, g := range f.groups {
		if seen := g.Done + g.Failed + g.NotRun + g.Open; seen < g.Items {
			g.Open += g.Items - seen // their turn has not come
		}
		if g.Kind == GroupRunbook {
			g.Items = g.Done + g.Failed + g.NotRun + g.Open
		}
		f.t.Groups = append(f.t.Groups, *g)
	}
	for _, w := range f.waited {
		f.t.Waits = append(f.t.Waits, *w)
	}
	for _, c := range f.bounds {
		f.t.Containments = append(f.t.Containments, *c)
	}
}

// gather puts items of the same kind that are parts of one long loop together:
// the first is named, the others are counted.
func gather(items []partItem) []OpenItem {
	var out []OpenItem
	var loops []*step
	count := map[*step]int{}
	for _, it := range items {
		if it.of.many() {
			if count[it.of.parent]++; count[it.of.parent] == 1 {
				loops = append(loops, it.of.parent)
			}
		}
	}
	for _, it := range items {
		if !it.of.many() || count[it.of.parent] == 1 {
			out = append(out, it.OpenItem)
			continue
		}
		if n := slices.Index(loops, it.of.parent); n >= 0 {
			loops[n] = nil
			it.Text = fmt.Sprintf("%d of the %d items of %s: the first is %s: %s", count[it.of.parent], it.of.parent.group.Items, it.of.parent.name(), it.of.id, it.Text)
			it.Step = it.of.parent.id
			out = append(out, it.OpenItem)
		}
	}
	return out
}

// partItem is an open item and the step it is about.
type partItem struct {
	OpenItem
	of *step
}
