package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// outputs shows what each run gave back.
func (p *teller) outputs() {
	begun := false
	for _, r := range p.Runs {
		for _, line := range outputLines(r.Outputs) {
			if !begun {
				p.section("What the runs gave back")
				p.columns("Run", "Output", "Value")
				begun = true
			}
			p.cells(r.Run, line[0], line[1])
		}
	}
	if begun {
		p.end()
	}
}

// outputLines gives the names and values of outputs, sorted by name.
func outputLines(data json.RawMessage) [][2]string {
	var values map[string]json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &values) != nil {
		return nil
	}
	var lines [][2]string
	for name, value := range values {
		text := string(bytes.TrimSpace(value))
		var s string
		if json.Unmarshal(value, &s) == nil {
			text = s
		}
		lines = append(lines, [2]string{name, text})
	}
	slices.SortFunc(lines, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return lines
}

// groups sums up the steps that have steps of their own.
func (p *teller) groups() {
	if len(p.Groups) == 0 {
		return
	}
	p.section("Loops and called runbooks")
	p.columns("Run/step", "What", "Parts", "Done", "Failed", "Not run", "Open", "Started", "Ended", "Status")
	for _, g := range p.Groups {
		status := g.Status
		if status == "" {
			status = "goes on"
		}
		p.cells(g.Run+"/"+g.Step, g.what(), strconv.Itoa(g.Items), strconv.Itoa(g.Done), strconv.Itoa(g.Failed), strconv.Itoa(g.NotRun), strconv.Itoa(g.Open),
			stamp(g.StartedAt), stamp(g.EndedAt), status+because(g.Reason))
	}
	p.end()
}

func (g *Group) what() string {
	switch {
	case g.Kind == GroupLoop:
		return "for each item of a list"
	case g.Kind == GroupUndo:
		return "takes back what was done"
	case g.Runbook != "":
		return "runbook " + g.Runbook
	}
	return "a runbook"
}

// containments shows what is meant to end, and who decided about it.
func (p *teller) containments() {
	if len(p.Containments) == 0 {
		return
	}
	p.section("Containments")
	p.columns("Run/step", "Since", "Until", "State", "Who decides", "Decided")
	for _, c := range p.Containments {
		var words []string
		for _, d := range c.Decisions {
			words = append(words, d.words())
		}
		until, state := stamp(c.Until), c.State
		switch c.State {
		case ContainmentKept:
			until = "for good"
		case ContainmentLifted:
			state += " at " + stamp(c.LiftedAt) + " by " + c.LiftedBy
		}
		p.cells(c.Run+"/"+c.Step, stamp(c.Since), until, state, dash(strings.Join(c.Ask, ", ")), dash(strings.Join(words, "; ")))
	}
	p.end()
}

func (d ContainmentDecision) words() string {
	text := fmt.Sprintf("%s by %s at %s", d.What, d.By.Who(), stamp(d.At))
	if !d.Until.IsZero() {
		text = fmt.Sprintf("extended to %s by %s at %s", stamp(d.Until), d.By.Who(), stamp(d.At))
	}
	return text + because(d.Reason)
}

// waits shows the times that were let pass.
func (p *teller) waits() {
	if len(p.Waits) == 0 {
		return
	}
	p.section("Waits")
	p.columns("Run/step", "From", "Until", "Planned", "Ended", "Status")
	for _, w := range p.Waits {
		status := w.Status
		if status == "" {
			status = "goes on"
		}
		p.cells(w.Run+"/"+w.Step, stamp(w.From), stamp(w.Until), span(w.Until.Sub(w.From.Time).Round(time.Millisecond)), stamp(w.EndedAt), status)
	}
	p.end()
}

// long finds the loops with so many items that a summary counts them.
func (t *Timeline) long() map[string]*Group {
	found := map[string]*Group{}
	for n := range t.Groups {
		if g := &t.Groups[n]; g.Items > few && g.Kind != GroupRunbook {
			found[g.Run+"/"+g.Step] = g
		}
	}
	return found
}

// partOf is the step whose item this one is, or would be.
func partOf(step, undoOf string) string {
	if undoOf != "" {
		if at := strings.LastIndexByte(undoOf, '.'); at > 0 {
			return undoOf[:at] + undoMark
		}
		return step
	}
	if at := strings.LastIndexByte(step, '.'); at > 0 {
		return step[:at]
	}
	return step
}

// calm says whether an action needs no look of its own.
func (a *Action) calm() bool {
	return a.Outcome == OutcomeDone && (a.Verified == "" && a.Effect == actions.Read || a.Verified == string(actions.Verified))
}
