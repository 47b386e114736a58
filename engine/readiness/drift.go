package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/diff"
)

// Drift is one difference between what was rehearsed and what would run.
type Drift struct {
	Kind     DriftKind  `json:"kind"`
	Step     string     `json:"step,omitempty"`   // path; empty: the runbook itself
	Weight   string     `json:"weight,omitempty"` // of a change in meaning, as [diff.Weight]
	Text     string     `json:"text"`
	Evidence []Evidence `json:"evidence"`
}

// DriftKind sorts differences.
type DriftKind string

// The kinds.
const (
	DriftMeaning DriftKind = "meaning" // the runbook says something else
	DriftAction  DriftKind = "action"  // an action has another version
	DriftCalled  DriftKind = "runbook" // a runbook that is called says something else
	DriftPeople  DriftKind = "people"  // who may approve
)

// drift compares a rehearsal, in which the runbook was run, with the runbook of today.
func (in *Input) drift(c *Case, now *runbooks.Program, cache *comparisons) []Drift {
	list := []Drift{}
	old, at := c.program(now.ID)
	for _, change := range cache.compare(old, now) {
		list = append(list, Drift{Kind: kindOf(change, now), Step: change.Step, Weight: string(change.Weight), Text: change.Text, Evidence: []Evidence{at}})
	}
	if c.named() && in.People != nil {
		list = append(list, in.moved(c, now)...)
	}
	return list
}

// program is the runbook as a case pinned it, and where.
func (c *Case) program(runbook string) (*runbooks.Program, Evidence) {
	for _, r := range slices.Backward(c.Runs) {
		if r.Runbook == runbook {
			return r.Program, c.at(r.Seq)
		}
	}
	return nil, Evidence{}
}

func kindOf(c diff.Change, p *runbooks.Program) DriftKind {
	switch {
	case c.Field == "action_version":
		return DriftAction
	case strings.Contains(c.Step, "."), c.Field == "runbook.digest":
		return DriftCalled
	}
	if s, ok := p.Step(c.Step); ok && s.Runbook != nil && strings.HasPrefix(c.Field, "runbook") {
		return DriftCalled
	}
	return DriftMeaning
}

// moved compares the groups in which the facts show people with those of today,
// as far as the runbook asks these groups.
func (in *Input) moved(c *Case, p *runbooks.Program) []Drift {
	asks := map[string]bool{}
	for q := range questions(p, in.Environments, nil) {
		for _, f := range asked(q.rule) {
			if g, ok := strings.CutPrefix(f, "group:"); ok {
				asks[g] = true
			}
		}
	}
	var list []Drift
	for _, m := range c.players() {
		groups, active := in.People(m.ID)
		for _, g := range m.Groups {
			switch {
			case !asks[g]:
			case !active:
				list = append(list, Drift{Kind: DriftPeople, Text: fmt.Sprintf("%s was of group %s in the rehearsal and is not active any more", m.ID, g), Evidence: []Evidence{c.at(m.Seq)}})
			case !slices.Contains(groups, g):
				list = append(list, Drift{Kind: DriftPeople, Text: fmt.Sprintf("%s was of group %s in the rehearsal and is not any more", m.ID, g), Evidence: []Evidence{c.at(m.Seq)}})
			}
		}
		for _, g := range once(slices.Clone(groups)) {
			if active && asks[g] && !slices.Contains(m.Groups, g) {
				list = append(list, Drift{Kind: DriftPeople, Text: fmt.Sprintf("%s is of group %s now and was not in the rehearsal", m.ID, g), Evidence: []Evidence{c.at(m.Seq)}})
			}
		}
	}
	return list
}

// comparisons remembers what changed between two digests.
type comparisons struct{ known map[[2]string][]diff.Change }

func (c *comparisons) compare(old, new *runbooks.Program) []diff.Change {
	key := [2]string{old.Digest, new.Digest}
	if list, ok := c.known[key]; ok {
		return list
	}
	list := diff.Compare(old, new)
	c.known[key] = list
	return list
}

// changed names the steps that are not what they were.
func (c *comparisons) changed(old, new *runbooks.Program) map[string]bool {
	steps := map[string]bool{}
	for _, change := range c.compare(old, new) {
		steps[change.Step] = true
		for path := range new.Deep() {
			if change.Step != "" && strings.HasPrefix(path, change.Step+".") && change.Field != "steps" && !strings.HasPrefix(change.Field, "runbook.") {
				steps[path] = true // how its runbook is called has changed
			}
		}
	}
	return steps
}
