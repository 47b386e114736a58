package engine

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// undo adds the step that takes another one back.
func (r *auditRun) undo(s *auditStep, who string) *auditStep {
	id := s.id + "~undo"
	for n := 2; r.steps[id] != nil; n++ {
		id = fmt.Sprintf("%s~undo%d", s.id, n)
	}
	def := *s.def
	def.Effect = actions.Reversible
	if def.Repeat != actions.Idempotent {
		def.Repeat = actions.Once
	}
	if s.def.Undo != nil && s.def.Undo.Approval != nil {
		def.Approval = s.def.Undo.Approval
	}
	if s.def.Undo != nil && s.def.Undo.Manual != nil {
		def.Uses, def.Effect = "", "" // a person does it
	} else if def.Verify == nil {
		def.Verify = &runbooks.Verify{Within: runbooks.DefaultWithin}
	}
	u := &auditStep{def: &def, requester: who, undoes: s}
	r.add(id, u)
	return u
}

// expand adds the children of a loop, or of the undo of a step that has some.
func (r *auditRun) expand(s *auditStep, b StepExpanded) []string {
	items, err := decodeList(b.Items.Value)
	switch {
	case s.loop != nil:
		return []string{"its list was laid out before"}
	case err != nil || len(items) != b.N:
		return []string{"its list cannot be read"}
	case s.undoes == nil && s.def.ForEach == nil:
		return []string{"it is no loop"}
	case s.undoes == nil:
		def := *s.def
		def.ForEach = nil
		s.loop = &auditLoop{max: s.def.ForEach.MaxParallel, budget: s.def.ForEach.Budget(b.N)}
		for n := range items {
			s.child(r, fmt.Sprintf("%s.%d", s.id, n+1), &auditStep{def: &def})
		}
		return nil
	}
	s.loop = &auditLoop{max: 1, budget: b.N}
	if s.def.ForEach != nil {
		s.loop.max = s.def.ForEach.MaxParallel
	}
	for _, item := range items {
		id, _ := item.(string)
		of := r.steps[id]
		if of == nil || of.parent != s.undoes {
			return []string{fmt.Sprintf("it takes %q back, which is no part of it", id)}
		}
		u := r.undo(of, s.requester)
		u.parent = s
		s.children = append(s.children, u)
	}
	return nil
}

// child adds a step of a step.
func (s *auditStep) child(r *auditRun, id string, c *auditStep) {
	c.parent = s
	s.children = append(s.children, c)
	r.add(id, c)
}

func (r *auditRun) add(id string, s *auditStep) {
	s.id, s.approvals = id, map[string]*auditApproval{}
	r.steps[id] = s
	r.order = append(r.order, id)
}

// enter adds the steps of the runbook that a step calls, and those of its
// on_cancel, which only run when the whole run is cancelled.
func (r *auditRun) enter(s *auditStep) []string {
	switch {
	case s.def.Runbook == nil:
		return []string{"it calls no runbook"}
	case len(s.children) > 0:
		return []string{"its steps were laid out before"}
	}
	p := s.def.Runbook.Program
	for i := range p.Steps {
		s.child(r, s.id+"."+p.Steps[i].ID, &auditStep{def: &p.Steps[i], cleans: s.cleans})
	}
	for i := range p.OnCancel {
		s.child(r, s.id+"."+p.OnCancel[i].ID, &auditStep{def: &p.OnCancel[i], cleans: true})
	}
	return nil
}
