package iampolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// collector gathers the rows of all steps.
type collector struct {
	spec    func(string) (actions.Spec, bool)
	options Options
	rows    []Row
	notes   map[string]bool
}

func (c *collector) note(format string, args ...any) { c.notes[fmt.Sprintf(format, args...)] = true }

func (c *collector) program(use Use) error {
	known := scope{inputs: map[string]values{}, environment: c.environment(), params: use.Params}
	for name, v := range use.Inputs {
		known.inputs[name] = valuesOf(v)
	}
	return c.steps(use.Program, use.Program.ID, "", known)
}

// environment is what expressions may read of it, as far as it is known.
func (c *collector) environment() map[string]values {
	known := map[string]values{}
	for name, v := range map[string]string{"name": c.options.Environment, "account": c.options.Account, "region": c.options.Region} {
		if v != "" {
			known[name] = values{exact(v)}
		}
	}
	return known
}

// steps walks as [runbooks.Program.Deep] does, with what is known in each
// runbook that is called.
func (c *collector) steps(p *runbooks.Program, runbook, prefix string, known scope) error {
	for s := range p.All() {
		inner := known
		inner.step = prefix + s.ID
		if s.ForEach != nil {
			inner.item = known.expression(s.ForEach.In)
		}
		if s.Runbook != nil {
			if err := c.steps(s.Runbook.Program, runbook, prefix+s.ID+".", inner.call(s)); err != nil {
				return err
			}
			continue
		}
		if s.Uses == "" {
			continue
		}
		spec, ok := c.spec(s.Uses)
		if !ok {
			return fmt.Errorf("step %q of runbook %q uses %q, which this build does not have", prefix+s.ID, runbook, s.Uses)
		}
		if !strings.HasPrefix(spec.Name, "aws.") {
			c.note("%s of %s: %s has no rights of AWS declared; what it needs is not in these policies.", prefix+s.ID, runbook, spec.Name)
			continue
		}
		c.step(s, spec, runbook, prefix+s.ID, inner)
	}
	return nil
}

// step adds the rows of one step.
func (c *collector) step(s *runbooks.Step, spec actions.Spec, runbook, path string, known scope) {
	for _, p := range spec.Permissions {
		if !c.when(p.When, s, spec, known) {
			continue
		}
		phases := phasesOf(s, spec, p.Phase)
		resources, unknown := c.fill(p.Resource, s, spec, known)
		if len(resources) == 0 {
			continue // the step names something of another kind
		}
		conditions, more := c.conditions(p.Conditions, s, spec, known)
		why := p.Why
		if unknown = uniq(append(unknown, more...)); len(unknown) > 0 {
			why += " (* for what only the run knows: " + strings.Join(unknown, ", ") + ")"
		}
		for _, phase := range phases {
			c.rows = append(c.rows, Row{p.Action, resources, conditions, phase, runbook, path, spec.Name, why})
		}
	}
	for _, arn := range c.foreign(s, known) {
		c.note("%s of %s names %s, which is not in account %s: firebreak will refuse it.", path, runbook, arn, c.options.Account)
	}
	switch {
	case s.Evidence && spec.CanUndo:
		c.note("%s of %s collects evidence, so no right to undo it is given: nobody deletes evidence.", path, runbook)
	case s.Undo != nil && s.Undo.Manual != nil:
		c.note("%s of %s is taken back by a person, who needs rights of their own.", path, runbook)
	}
}

// when says whether a step can be one for which a right is needed.
func (c *collector) when(w actions.When, s *runbooks.Step, spec actions.Spec, known scope) bool {
	for name, wanted := range w {
		if !slices.ContainsFunc(c.named(name, s, spec, known), func(v pattern) bool {
			return slices.ContainsFunc(wanted, func(one string) bool { return overlap(v.text, one) })
		}) {
			return false
		}
	}
	return true
}

// phasesOf says what a row of a step is for. A plan is always read in the
// preflight role, right before the step is carried out, too.
func phasesOf(s *runbooks.Step, spec actions.Spec, phase actions.Phase) []Phase {
	own := Contain
	switch {
	case s.Evidence || spec.Adds:
		own = Evidence
	case spec.Effect == actions.Read:
		own = Preflight
	}
	switch byHand := s.Undo != nil && s.Undo.Manual != nil; {
	case phase == actions.PhaseUndo && (!spec.CanUndo || s.Evidence || byHand):
		return nil
	case phase == actions.PhaseUndo:
		return []Phase{Release}
	case phase == actions.PhasePlan:
		return []Phase{Preflight}
	}
	return []Phase{own}
}

// buckets lists those that steps put evidence into, as far as they are known:
// they are protected by the denies as those of the given patterns are.
func (c *collector) buckets() []string {
	var found []string
	for _, r := range c.rows {
		if r.Phase != Evidence || r.Action != "s3:PutObject" {
			continue
		}
		for _, resource := range r.Resources {
			_, object, _ := strings.Cut(resource, ":s3:::")
			bucket, _, _ := strings.Cut(object, "/")
			if strings.Contains(bucket, "*") {
				c.note("%s of %s puts evidence into a bucket that only the run knows; name its pattern with --evidence-bucket, so that the denies protect it.", r.Step, r.Runbook)
				continue
			}
			found = append(found, bucket)
		}
	}
	return uniq(found)
}

// foreign lists the ARNs a step names that are of another account.
func (c *collector) foreign(s *runbooks.Step, known scope) []string {
	if c.options.Account == "" || s.With == nil {
		return nil
	}
	var found []string
	for _, m := range s.With.Members {
		for _, v := range known.value(m.Value) {
			parts := strings.SplitN(v.text, ":", 6)
			if len(parts) == 6 && parts[0] == "arn" && !strings.Contains(parts[4], "*") && parts[4] != "" && parts[4] != c.options.Account {
				found = append(found, v.text)
			}
		}
	}
	return uniq(found)
}

// sorted gives the rows of one phase in order, each once.
func sorted(all []Row, phase Phase) []Row {
	rows := []Row{}
	for _, r := range all {
		if r.Phase == phase {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Runbook, b.Runbook), cmp.Compare(a.Step, b.Step),
			slices.Compare(a.Resources, b.Resources), cmp.Compare(a.Why, b.Why), cmp.Compare(string(compact(a.Conditions)), string(compact(b.Conditions))))
	})
	return slices.CompactFunc(rows, func(a, b Row) bool { return string(compact(a)) == string(compact(b)) })
}

func uniq(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
