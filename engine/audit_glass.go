package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// auditGlass is what the auditor knows about a quorum that was passed over.
type auditGlass struct {
	by       string
	review   string // id of the question about it; empty: nobody was asked
	until    time.Time
	reviewed bool
}

// carries says whether an approval is one: by its quorum, or because somebody
// who may broke the glass.
func (p *auditApproval) carries(rule *runbooks.Approval) bool {
	return p.glass != nil || len(p.people) >= p.Quorum && len(p.people) >= rule.Quorum
}

// broke judges that one person let a step go on.
func (s *auditStep) broke(a *Audit, run *auditRun, e Event, b GlassBroken) []string {
	p := s.approvals[b.Approval]
	if p == nil {
		return []string{"a glass is broken over an approval that was never asked"}
	}
	rule := run.rule(s)
	if rule == nil || rule.BreakGlass == nil {
		return []string{fmt.Sprintf("%q broke a glass that nobody may break", e.Actor.ID)}
	}
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if e.Actor.Type != Person || !named(e.Actor, rule.BreakGlass.By) {
		say("%q broke the glass and is not among those who may", e.Actor.ID)
	}
	if s.strikes(e.Actor, p) {
		say("%q broke the glass for an effect on themselves", e.Actor.ID)
	}
	if b.Digest != "" && !strings.HasPrefix(p.Digest, b.Digest) {
		say("%q saw another plan", e.Actor.ID)
	}
	if !e.At.Before(p.Expires.Time) {
		say("the glass was broken after the expiry")
	}
	if p.ended || p.denied || p.glass != nil || !p.at.IsZero() {
		say("the glass was broken over an approval that was not open")
	}
	if strings.TrimSpace(b.Reason) == "" {
		say("the glass was broken for no reason")
	}
	ballot := Ballot{
		Store: a.store, Incident: a.incident, Run: e.Run, Step: e.Step, Approval: b.Approval, Plan: p.Digest, Person: e.Actor.ID,
		Answer: BreakGlass, Target: b.Target, Reason: b.Reason,
	}
	if _, err := ballot.verify(b.Signature, e.Actor.Keys); err != nil {
		say("the signature of %q does not hold: %v", e.Actor.ID, err)
	}
	if len(wrong) == 0 {
		p.glass = &auditGlass{by: e.Actor.ID, until: e.At.Add(time.Duration(rule.BreakGlass.Within))}
	}
	return wrong
}

// askedToReview judges the question about a broken glass.
func (s *auditStep) askedToReview(b GlassReviewAsked) []string {
	p := s.approvals[b.Approval]
	if p == nil || p.glass == nil || p.glass.review != "" {
		return []string{"a review is asked for, and no glass was broken"}
	}
	p.glass.review = b.ID
	if b.By != p.glass.by || !b.Due.Equal(At(p.glass.until).Time) {
		return []string{"the review is about somebody else, or due at another time than the runbook says"}
	}
	return nil
}

// reviewed judges the answer.
func (s *auditStep) reviewed(run *auditRun, e Event, b GlassReviewed) []string {
	rule := run.rule(s)
	at := slices.IndexFunc(s.asked, func(p *auditApproval) bool { return p.glass != nil && p.glass.review == b.ID && b.ID != "" })
	if at < 0 || rule == nil || rule.BreakGlass == nil {
		return []string{"a review of a glass that nobody was asked about"}
	}
	var wrong []string
	p, requester := s.asked[at], run.requester
	if s.requester != "" {
		requester = s.requester
	}
	if e.Actor.Type != Person || !named(e.Actor, rule.BreakGlass.Review) {
		wrong = append(wrong, fmt.Sprintf("%q reviewed a broken glass and is not among those who should", e.Actor.ID))
	}
	if e.Actor.ID == p.glass.by || e.Actor.ID == requester || slices.Contains(p.voters, e.Actor.ID) || s.strikes(e.Actor, p) {
		wrong = append(wrong, fmt.Sprintf("%q reviewed a broken glass and had a part in it", e.Actor.ID))
	}
	if p.glass.reviewed {
		wrong = append(wrong, "it was reviewed before")
	}
	p.glass.reviewed = true
	return wrong
}

// strikes says whether an effect that people are asked about is on this person.
func (s *auditStep) strikes(actor Actor, p *auditApproval) bool {
	for t := range s.reached(p) {
		if slices.Contains(actor.Identities, t.Type+":"+t.ID) || slices.Contains(actor.Identities, t.String()) {
			return true
		}
	}
	return false
}

// named says whether a list of groups and persons holds this person.
func named(actor Actor, list []string) bool {
	return slices.ContainsFunc(list, func(f string) bool {
		if f == "person:"+actor.ID {
			return true
		}
		return slices.ContainsFunc(actor.Groups, func(g string) bool { return f == "group:"+g })
	})
}

// sameGlass says whether two rules let the same people do the same.
func sameGlass(a, b *runbooks.BreakGlass) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Within == b.Within && slices.Equal(a.By, b.By) && slices.Equal(a.Review, b.Review)
}
