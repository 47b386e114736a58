package engine

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// auditLoop is what the auditor knows about a step that has a child for each item.
type auditLoop struct {
	max    int // children that may have an attempt in flight
	budget int // children that may fail before no more begin
	flying int
	errors int
}

// take reads a fact of the run itself.
func (r *auditRun) take(e Event) []string {
	switch e.Body.(type) {
	case CancelRequested:
		r.cancelled = true
	case RunEnded:
		for _, id := range r.order {
			if s := r.steps[id]; s.parent == nil && s.undoes == nil && !s.over && (!s.cleans || r.cancelled) {
				return []string{fmt.Sprintf("it ended while step %q has not", id)}
			}
		}
	}
	return nil
}

// outOfTurn says why no attempt of a step may begin now.
func (s *auditStep) outOfTurn(run *auditRun) []string {
	var wrong []string
	if s.over {
		wrong = append(wrong, "it has ended")
	}
	top := s
	for c, p := s, s.parent; p != nil; c, p = p, p.parent {
		if p.over {
			wrong = append(wrong, fmt.Sprintf("step %q, whose part it is, has ended", p.id))
		}
		if l := p.loop; l != nil && l.errors > l.budget && !c.retried && !s.cleans {
			wrong = append(wrong, fmt.Sprintf("%d items of %q did not work and %d may fail, so nothing more of it may begin", l.errors, p.id, l.budget))
		}
		top = p
	}
	switch {
	case top.undoes != nil:
	case run.cancelled && !s.cleans:
		wrong = append(wrong, "the run was cancelled")
	case !run.cancelled && s.cleans:
		wrong = append(wrong, "it is meant for a cancel, and nobody cancelled")
	}
	return wrong
}

// launch counts an attempt in flight, in every loop that it is part of.
func (s *auditStep) launch(attempt int) []string {
	var wrong []string
	s.land()
	s.open = attempt
	for c := s; c != nil; c = c.parent {
		if c.flying++; c.flying > 1 || c.parent == nil || c.parent.loop == nil {
			continue
		}
		if l := c.parent.loop; l.flying >= l.max {
			wrong = append(wrong, fmt.Sprintf("more than %d items of %q are in flight", l.max, c.parent.id))
		}
		c.parent.loop.flying++
	}
	return wrong
}

// land counts that no attempt of the step is in flight any more.
func (s *auditStep) land() {
	if s.open == 0 {
		return
	}
	s.open = 0
	for c := s; c != nil; c = c.parent {
		if c.flying--; c.flying == 0 && c.parent != nil && c.parent.loop != nil {
			c.parent.loop.flying--
		}
	}
}

// end reads the end of a step.
func (s *auditStep) end(b StepEnded) []string {
	var wrong []string
	if s.over {
		wrong = append(wrong, "it has ended before")
	}
	if s.open != 0 {
		wrong = append(wrong, fmt.Sprintf("it ends while attempt %d is in flight", s.open))
	}
	for _, c := range s.children {
		if !c.over && !c.cleans {
			wrong = append(wrong, fmt.Sprintf("it ends while step %q has not", c.id))
			break
		}
	}
	if b.Status == StepDone && s.def.Uses != "" && len(s.children) == 0 {
		switch {
		case s.last == 0:
			wrong = append(wrong, "it is done and nothing was done")
		case s.def.Verify != nil && !s.proven:
			wrong = append(wrong, "it is done without a proof")
		}
	}
	s.doubt, s.over, s.status, s.retried = 0, true, b.Status, false
	if s.parent != nil && s.parent.loop != nil && s.faulty() {
		s.parent.loop.errors++
	}
	return wrong
}

// faulty says whether the end of the step counts as an error.
func (s *auditStep) faulty() bool { return s.status == StepFailed || s.status == StepRefused }

// again brings back what a retry gives another turn: the step, and what was
// not run because of it, unless too much of its loop has failed.
func (r *auditRun) again(s *auditStep) {
	ended := s.over
	s.reset()
	for p := s; p != nil; p = p.parent {
		p.retried = true
	}
	if !ended {
		return // nothing around it has ended either
	}
	c := s
	for ; c.parent != nil; c = c.parent {
		apart := c.cleans && !c.parent.cleans // what is there for a cancel brings nothing else back
		if !apart {
			c.parent.revive()
		}
		if l := c.parent.loop; l == nil || l.errors <= l.budget {
			c.bringBack(c.parent.children)
		}
		if apart {
			return
		}
	}
	if c.undoes == nil {
		var top []*auditStep
		for _, id := range r.order {
			if other := r.steps[id]; other.parent == nil && other.undoes == nil {
				top = append(top, other)
			}
		}
		c.bringBack(top)
	}
}

// bringBack gives those beside a step that were not run their turn.
func (s *auditStep) bringBack(beside []*auditStep) {
	for _, c := range beside {
		if c.cleans == s.cleans && c.over && c.status == StepCancelled {
			c.reset()
		}
	}
}

// revive takes back that a step has ended.
func (s *auditStep) revive() {
	if s.over && s.parent != nil && s.parent.loop != nil && s.faulty() {
		s.parent.loop.errors--
	}
	s.over = false
}

// reset gives a step its turn again, and what did not work of it.
func (s *auditStep) reset() {
	s.revive()
	s.begun = false
	for _, c := range s.children {
		if c.over && (c.faulty() || c.status == StepCancelled) {
			c.reset()
		}
	}
}

// digest works out what the digest of a plan has to be.
func (s *auditStep) digest(a *Audit, run *auditRun, id string, preview actions.Preview) string {
	params := s.params
	if s.undoes != nil {
		params = s.undoes.params
	}
	return planSubject{
		a.incident, id, s.id, s.def.Uses, s.def.ActionVersion, s.def.Effect, run.program.Digest, run.place,
		params, preview.Targets, preview.Calls, preview.InEffect, run.rule(s),
	}.digest()
}

// reached walks the targets that an approval is about, those of all items too.
func (s *auditStep) reached(p *auditApproval) iter.Seq[actions.Target] {
	return func(yield func(actions.Target) bool) {
		for _, t := range s.targets {
			if !yield(t) {
				return
			}
		}
		for _, c := range s.children {
			if _, ok := p.covers[c.id]; !ok {
				continue
			}
			for _, t := range c.targets {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// licensed uses up an approval of the latest plan of a step that a person does.
func (s *auditStep) licensed(rule *runbooks.Approval, at time.Time) bool {
	fits := func(p *auditApproval, digest string, until time.Time) bool {
		return !p.ended && !p.denied && !p.at.IsZero() && p.carries(rule) && digest == s.planned && at.Before(until)
	}
	for _, p := range slices.Backward(s.asked) {
		if !p.used && fits(p, p.Digest, p.Expires.Time) {
			p.used = true
			return true
		}
	}
	if s.parent == nil {
		return false
	}
	for _, p := range slices.Backward(s.parent.asked) {
		until := p.Expires.Time
		if late := p.at.Add(LoopGrace); late.After(until) {
			until = late
		}
		if !p.spent[s.id] && fits(p, p.covers[s.id], until) {
			p.spent[s.id] = true
			return true
		}
	}
	return false
}
