package plan

import (
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// approval is the question before the step, with the environment's floor.
func (w *walk) approval(def *runbooks.Step) *Approval {
	extra := 0
	if w.req.Extra != nil {
		extra = w.req.Extra.Approvers
	}
	rule := w.req.Extra.Raise(engine.EffectiveApproval(def, w.req.Floor))
	if rule == nil {
		return nil
	}
	return &Approval{
		Extra: extra,
		From:  slices.Clone(rule.From), Quorum: rule.Quorum, Expires: rule.Expires, Escalate: rule.Escalate, StepUp: rule.StepUp, ForAll: def.ForEach != nil,
		Floor: def.Approval == nil || def.Approval.Quorum != rule.Quorum-extra, Eligible: []string{}, Later: []string{},
		BreakGlass: breakGlass(rule),
	}
}

// count finds the people who could answer, once the targets are known.
func (w *walk) count(s *Step) {
	a := s.Approval
	if a == nil || w.req.Members == nil {
		return
	}
	a.Known = true
	a.Eligible = w.eligible(a.From, s.Targets, a.StepUp)
	a.Later = a.Eligible
	if a.Escalate != nil {
		a.Later = w.eligible(slices.Concat(a.From, a.Escalate.To), s.Targets, a.StepUp)
	}
	a.Enough = len(a.Eligible) >= a.Quorum
	w.countGlass(s)
}

// eligible lists the people whose word counts for what the requester wants.
func (w *walk) eligible(from []string, targets []actions.Target, signed bool) []string {
	return slices.DeleteFunc(w.untouched(from, targets, signed), func(person string) bool { return person == w.req.Requester })
}

// untouched lists the people who are no target, and can sign where that is asked for.
func (w *walk) untouched(from []string, targets []actions.Target, signed bool) []string {
	people := slices.Clone(w.req.Members(from))
	slices.Sort(people)
	people = slices.Compact(people)
	people = slices.DeleteFunc(people, func(person string) bool {
		if signed && w.req.Signs != nil && !w.req.Signs(person) {
			return true
		}
		if w.req.Identities == nil {
			return false
		}
		own := w.req.Identities(person)
		return slices.ContainsFunc(targets, func(t actions.Target) bool {
			return slices.Contains(own, t.String()) || slices.Contains(own, t.Type+":"+t.ID)
		})
	})
	if people == nil {
		people = []string{}
	}
	return people
}

// unsigned names those who cannot sign, where that is asked for.
func unsigned(a *Approval) string {
	if a.StepUp {
		return " and those without a key to sign with"
	}
	return ""
}
