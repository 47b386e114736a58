package diff

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Weight says whom a change concerns.
type Weight string

// The weights, in the order in which changes are sorted.
const (
	Weaker   Weight = "weaker"   // less safe: fewer checks, more danger
	Breaking Weight = "breaking" // who starts or calls the runbook has to change something
	Stronger Weight = "stronger" // safer
	Neutral  Weight = "neutral"
)

func (w Weight) rank() int {
	return slices.Index([]Weight{Weaker, Breaking, Stronger, Neutral}, w)
}

// Change is one difference in behaviour.
type Change struct {
	Weight Weight `json:"weight"`
	Step   string `json:"step,omitempty"` // as the engine names it: "contain.disable"; empty: the runbook itself
	Field  string `json:"field"`          // "approval.quorum", "inputs.key.pattern"
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Text   string `json:"text"` // a sentence for people, without the weight
}

// Compare says what changes from old to new, weaker first, then breaking,
// stronger and neutral; within a weight in the order of the program. With equal
// digests there is nothing.
func Compare(old, new *runbooks.Program) []Change {
	if old.Digest != "" && old.Digest == new.Digest {
		return nil
	}
	c := &comparison{}
	c.program(old, new)
	slices.SortStableFunc(c.changes, func(a, b Change) int { return cmp.Compare(a.Weight.rank(), b.Weight.rank()) })
	return c.changes
}

// Weakens says whether one of the changes makes the runbook less safe.
func Weakens(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Weight == Weaker })
}

// comparison collects changes.
type comparison struct {
	changes []Change
	prefix  string // of the steps of a called runbook: "contain."
	step    string // in which step we are
	called  bool   // in a called runbook: its inputs break nobody
	told    bool   // the rule of a field found that another field has told its difference
}

// add notes a change of the field in hand.
func (c *comparison) add(w Weight, field, old, new, format string, args ...any) {
	if c.called && w == Breaking {
		w = Neutral // the runbook that calls compiled with it
	}
	c.changes = append(c.changes, Change{w, c.step, field, old, new, fmt.Sprintf(format, args...)})
}

// program compares two programs field by field.
func (c *comparison) program(old, new *runbooks.Program) {
	c.fields("", old, new, map[string]func(){
		"semantics": func() {
			c.add(Neutral, "semantics", fmt.Sprint(old.Semantics), fmt.Sprint(new.Semantics), "the meaning of the language changes from version %d to %d", old.Semantics, new.Semantics)
		},
		"id": func() {
			c.add(Breaking, "id", old.ID, new.ID, "the runbook is called %q, not %q any more", new.ID, old.ID)
		},
		"title":        func() { c.text("title", old.Title, new.Title, "the title") },
		"description":  func() { c.text("description", old.Description, new.Description, "the description") },
		"owner":        func() { c.owner(old.Owner, new.Owner) },
		"environments": func() { c.environments(old.Environments, new.Environments) },
		"budget":       func() { c.budget(old.Budget, new.Budget) },
		"review_by":    func() { c.review(old.ReviewBy, new.ReviewBy) },
		"inputs":       func() { c.inputs(old.Inputs, new.Inputs) },
		"outputs":      func() { c.outputs(old.Outputs, new.Outputs) },
		"steps":        func() { c.steps("steps", old.Steps, new.Steps) },
		"on_cancel":    func() { c.steps("on_cancel", old.OnCancel, new.OnCancel) },
		"waivers":      func() { c.waivers(old.Waivers, new.Waivers) },
	})
}

// text tells a change of words for people.
func (c *comparison) text(field, old, new, what string) {
	switch {
	case old == "":
		c.add(Neutral, field, old, new, "%s is new: %q", what, brief(new))
	case new == "":
		c.add(Neutral, field, old, new, "%s is gone: %q", what, brief(old))
	default:
		c.add(Neutral, field, old, new, "%s changes from %q to %q", what, brief(old), brief(new))
	}
}
