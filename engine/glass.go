package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Glass is a step that went on without its quorum, on the word of one person.
// It stays open until somebody who had no part in it has said whether that was
// right; the incident cannot be resolved before.
type Glass struct {
	Broken     GlassBroken
	Step       *Step
	Approval   *Approval // whose quorum was passed over
	By         Actor
	At         time.Time
	Key        string               // fingerprint of the SSH key that signed, verified
	Rule       *runbooks.BreakGlass // as the run has it
	ID         string               // of the review
	Due        time.Time            // of the review
	Review     *GlassReviewed       // nil: nobody has looked at it
	Reviewer   Actor
	ReviewedAt time.Time

	fired bool // the time for the review is over
}

// Overdue says whether somebody should have looked at it by now.
func (g *Glass) Overdue() bool { return g.Review == nil && g.fired }

// owed says whether the end of the time for the review is still to come.
func (g *Glass) owed() bool { return g.ID != "" && g.Review == nil && !g.fired }

// Unreviewed lists the glasses that nobody has looked at, in the order in which
// they were broken.
func (i *Incident) Unreviewed() []*Glass {
	var list []*Glass
	for _, g := range i.Glasses {
		if g.Review == nil {
			list = append(list, g)
		}
	}
	return list
}

// Glasses lists those that were broken at this step, in order.
func (s *Step) Glasses() []*Glass { return s.glasses }

// breakGlass takes in that one person lets the step go on, or says why not.
func (s *Step) breakGlass(e Event, b GlassBroken) error {
	a, err := s.answerable(e, b.Approval, b.Digest)
	if err != nil {
		return err
	}
	rule, why := s.mayBreak(e.Actor, a)
	if why != nil {
		return why
	}
	if why := s.glassWords(b.Target, b.Reason); why != nil {
		return why
	}
	again := fmt.Sprintf("in a terminal type: firebreak incident break-glass %s/%s %s --target ... --reason \"...\" --sign ~/.ssh/id_ed25519", s.run.ID, s.ID, s.run.incident.ID)
	if b.Signature == "" {
		return Refuse(StepUpRequired, "a glass is broken only with a signature by your SSH key; %s", again)
	}
	key, err := s.glassBallot(a, e.Actor.ID, b.Target, b.Reason).verify(b.Signature, e.Actor.Keys)
	if err != nil {
		return Refuse(BadSignature, "the signature does not count: %v; sign again, %s", err, again)
	}
	a.Glass = &Glass{Broken: b, Step: s, Approval: a, By: e.Actor, At: e.At, Key: key.Fingerprint(), Rule: rule, Due: e.At.Add(time.Duration(rule.Within))}
	s.glasses = append(s.glasses, a.Glass)
	s.run.incident.Glasses = append(s.run.incident.Glasses, a.Glass)
	return nil
}

// mayBreak finds the rule by which a person may let the step go on alone. Who
// asked for the step may: at night they may be the only one. Its target never.
func (s *Step) mayBreak(actor Actor, a *Approval) (*runbooks.BreakGlass, *Refusal) {
	rule := s.rule()
	if rule == nil || rule.BreakGlass == nil || a.BreakGlass == nil {
		return nil, Refuse(NoBreakGlass, "nobody may break the glass at step %q: its runbook or the environment does not let anybody; ask %s", s.ID, strings.Join(a.From, ", "))
	}
	if actor.Type != Person || actor.ID == "" {
		return nil, Refuse(NotKnown, "only people of the directory can break a glass, and %s is not one", actor.Via)
	}
	if !actor.Among(rule.BreakGlass.By) {
		return nil, Refuse(NoBreakGlass, "at step %q %s may break the glass, and you are not among them", s.ID, strings.Join(rule.BreakGlass.By, ", "))
	}
	return rule.BreakGlass, s.struck(actor)
}

// glassWords refuses a reason or a target that does not fit.
func (s *Step) glassWords(target, reason string) *Refusal {
	if strings.TrimSpace(reason) == "" || len(reason) > MaxText {
		return Refuse(ReasonRequired, `say why it cannot wait for those who should approve: break-glass %s --reason "..."`, s.ID)
	}
	if !slices.ContainsFunc(s.glassTargets(), func(names []string) bool { return slices.Contains(names, target) }) {
		if len(target) > 80 {
			target = target[:80] + "..."
		}
		return Refuse(ConfirmMismatch, "%q is not what step %q acts on; look again, and type out a target as its plan shows it: step %s", target, s.ID, s.ID)
	}
	return nil
}

// glassTargets lists what a person can type to say what the step acts on: each
// target by its id and whole, or the step's id where there is none.
func (s *Step) glassTargets() [][]string {
	var names [][]string
	if s.Preview != nil {
		for _, t := range s.Preview.Targets {
			names = append(names, []string{t.ID, t.String()})
		}
	}
	if len(names) == 0 {
		return [][]string{{s.ID}}
	}
	return names
}

// GlassTargets lists what a person can type out to break the glass at this
// step: the ids of its targets, or the step's own where it has none.
func (s *Step) GlassTargets() []string {
	var ids []string
	for _, n := range s.glassTargets() {
		ids = append(ids, n[0])
	}
	return ids
}

// GlassBallot gives what a person would sign to break the glass at this step
// now. The error is a *[Refusal] when the person could not.
func (s *Step) GlassBallot(actor Actor, target, reason string) (Ballot, error) {
	a := s.Approval
	if a == nil || a.State != ApprovalOpen {
		return Ballot{}, Refuse(AlreadyDecided, "step %q asks nobody for approval at this moment", s.ID)
	}
	if _, why := s.mayBreak(actor, a); why != nil {
		return Ballot{}, why
	}
	if why := s.glassWords(target, reason); why != nil {
		return Ballot{}, why
	}
	return s.glassBallot(a, actor.ID, target, reason), nil
}

func (s *Step) glassBallot(a *Approval, person, target, reason string) Ballot {
	b := s.ballot(a, person)
	b.Answer, b.Target, b.Reason = BreakGlass, target, reason
	return b
}

// decideGlass asks for the review of what was passed over.
func (s *Step) decideGlass() Body {
	for n, g := range s.glasses {
		if g.ID == "" {
			return GlassReviewAsked{ID: s.opaque("review", n+1), Approval: g.Approval.ID, By: g.By.ID, Ask: g.Rule.Review, Due: At(g.Due)}
		}
	}
	return nil
}

// reviewOf finds a glass by the id of its review, or nil.
func (s *Step) reviewOf(id string) *Glass {
	for _, g := range s.glasses {
		if g.ID == id && id != "" {
			return g
		}
	}
	return nil
}

// askReview takes in that people are asked whether it was right.
func (s *Step) askReview(e Event, b GlassReviewAsked) error {
	for _, g := range s.glasses {
		if g.ID == "" && g.Approval.ID == b.Approval {
			g.ID, g.Due = b.ID, b.Due.Time
			s.run.incident.ask(&Ask{ID: b.ID, Type: AskReview, Step: s, Glass: g, At: e.At})
			return nil
		}
	}
	return s.contradicts(e, "no glass was broken")
}

// review takes in what somebody says of it, or why that does not count.
func (s *Step) review(e Event, b GlassReviewed) error {
	g := s.reviewOf(b.ID)
	if g == nil {
		return Refuse(NoStep, "step %q has no such review", s.ID)
	}
	if g.Review != nil {
		return Refuse(AlreadyDecided, "the glass at step %q was reviewed by %s already", s.ID, g.Reviewer.ID)
	}
	if why := g.MayReview(e.Actor); why != nil {
		return why
	}
	if strings.TrimSpace(b.Text) == "" || len(b.Text) > MaxText {
		return Refuse(ReasonRequired, `say what you found: justified %s --reason "..."`, s.ID)
	}
	g.Review, g.Reviewer, g.ReviewedAt = &b, e.Actor, e.At
	s.run.incident.settle(s, func(a *Ask) bool { return a.Glass == g })
	return nil
}

// MayReview says why a person may not review it; nil: they may.
func (g *Glass) MayReview(actor Actor) *Refusal {
	id := g.Step.ID
	if actor.Type != Person || actor.ID == "" {
		return Refuse(NotKnown, "only people of the directory can review a broken glass, and %s is not one", actor.Via)
	}
	if !actor.Among(g.Rule.Review) {
		return Refuse(NotApprover, "the glass at step %q is reviewed by %s, and you are not among them", id, strings.Join(g.Rule.Review, ", "))
	}
	part := ""
	switch {
	case actor.ID == g.By.ID:
		part = "broke it"
	case actor.ID == g.Step.Requester().ID:
		part = "asked for the step"
	case slices.ContainsFunc(g.Approval.Votes, func(v CastVote) bool { return v.Actor.ID == actor.ID }):
		part = "voted on the step"
	}
	if part != "" {
		return Refuse(SelfApproval, "you %s, and the glass at step %q is reviewed by somebody who had no part in it", part, id)
	}
	return g.Step.struck(actor)
}

// Among says whether somebody is one of "group:x" and "person:y", by the groups
// that the directory had of them when they acted.
func (a Actor) Among(list []string) bool {
	return a.ID != "" && slices.ContainsFunc(list, func(f string) bool {
		kind, name, _ := strings.Cut(f, ":")
		return kind == "group" && slices.Contains(a.Groups, name) || kind == "person" && name == a.ID
	})
}
