package cases

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Coverage says which parts of a runbook the cases have seen: its own steps,
// those of on_cancel included, and both sides of each condition. Runbooks that
// it calls have tests of their own.
type Coverage struct {
	File     string   `json:"file"` // of the runbook
	Steps    []Step   `json:"steps"`
	Branches []Branch `json:"branches"`
}

// Step is in how many cases a step ran.
type Step struct {
	ID   string `json:"id"`
	Line int    `json:"line"`
	Runs int    `json:"runs"`
}

// Branch is in how many cases a condition was true and false.
type Branch struct {
	Step  string `json:"step"`
	Line  int    `json:"line"`
	If    string `json:"if"`
	True  int    `json:"true"`
	False int    `json:"false"`
}

// cover is what one story has seen, by step.
type cover struct{ ran, yes, no map[string]bool }

var childNumber = regexp.MustCompile(`\.[0-9]+`)

// covered reads a story.
func covered(list []engine.Event) cover {
	c := cover{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, e := range list {
		step := childNumber.ReplaceAllString(e.Step, "")
		switch b := e.Body.(type) {
		case engine.EffectIntent, engine.ManualAsked:
			c.ran[step] = true
		case engine.WaitStarted:
			c.ran[step], c.yes[step] = true, true
		case engine.StepEntered, engine.StepExpanded:
			c.ran[step], c.yes[step] = true, true
		case engine.StepReady:
			c.yes[step] = true
		case engine.StepEnded:
			switch {
			case b.Status == engine.StepDone: // a wait whose time had come already begins and ends at once
				c.ran[step], c.yes[step] = true, true
			case b.Status == engine.StepSkipped && strings.HasPrefix(b.Reason, emptyList):
				c.yes[step] = true
			case b.Status == engine.StepSkipped && b.If != "":
				c.no[step] = true
			}
		}
	}
	return c
}

// emptyList is how the engine says that a loop had nothing to do, which it
// finds out after its condition was true.
const emptyList = "its list is empty"

func newCoverage(p *runbooks.Program) Coverage {
	c := Coverage{File: p.Source.Name, Steps: []Step{}, Branches: []Branch{}}
	for s := range p.All() {
		c.Steps = append(c.Steps, Step{ID: s.ID, Line: s.Pos.Line})
		if s.If != nil {
			line := s.If.Pos.Line
			if line == 0 {
				line = s.Pos.Line
			}
			c.Branches = append(c.Branches, Branch{Step: s.ID, Line: line, If: s.If.Source})
		}
	}
	return c
}

func (c *Coverage) add(one cover) {
	for i := range c.Steps {
		c.Steps[i].Runs += count(one.ran[c.Steps[i].ID])
	}
	for i := range c.Branches {
		c.Branches[i].True += count(one.yes[c.Branches[i].Step])
		c.Branches[i].False += count(one.no[c.Branches[i].Step])
	}
}

func count(seen bool) int {
	if seen {
		return 1
	}
	return 0
}

// Ran counts the steps that ran, and all.
func (c *Coverage) Ran() (ran, all int) {
	for _, s := range c.Steps {
		if s.Runs > 0 {
			ran++
		}
	}
	return ran, len(c.Steps)
}

// Taken counts the sides of conditions that were taken, and all.
func (c *Coverage) Taken() (taken, all int) {
	for _, b := range c.Branches {
		for _, n := range []int{b.True, b.False} {
			if n > 0 {
				taken++
			}
		}
	}
	return taken, 2 * len(c.Branches)
}

// Missing names what was never seen, with its place.
func (c *Coverage) Missing() []string {
	var list []string
	for _, s := range c.Steps {
		if s.Runs == 0 {
			list = append(list, fmt.Sprintf("%s:%d: step %q never ran", c.File, s.Line, s.ID))
		}
	}
	for _, b := range c.Branches {
		for _, side := range []struct {
			n    int
			word string
		}{{b.True, "true"}, {b.False, "false"}} {
			if side.n == 0 {
				list = append(list, fmt.Sprintf("%s:%d: the condition of step %q was never %s: %s", c.File, b.Line, b.Step, side.word, b.If))
			}
		}
	}
	return list
}

// under says which thresholds, in percent, are not reached.
func (c *Coverage) under(steps, branches int) []string {
	var faults []string
	check := func(what string, threshold, got, all int) {
		if all > 0 && got*100 < threshold*all {
			faults = append(faults, fmt.Sprintf("coverage of %s is %d%% (%d of %d) and has to be %d%%", what, got*100/all, got, all, threshold))
		}
	}
	ran, all := c.Ran()
	check("steps", steps, ran, all)
	taken, sides := c.Taken()
	check("branches", branches, taken, sides)
	return faults
}
