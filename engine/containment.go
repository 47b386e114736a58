package engine

import (
	"slices"
	"strings"
	"time"
)

// Containment is an effect that is meant to end. When its time has come people
// are asked: it is lifted (by an undo), extended, or kept for good. Until then
// the incident cannot be resolved, so that no exception outlives everybody's
// memory of it.
type Containment struct {
	Until time.Time
	Ask   []string // who decides
	Due   bool     // its time has come and nobody has decided
	Kept  bool     // somebody let it last for good
	Why   string   // of the latest decision
	By    Actor    // the same
	Times int      // how often it was extended

	fired  bool
	lifted bool // everything of it was taken back, one by one
}

// InForce says whether the effect still waits for its end.
func (s *Step) InForce() bool {
	return s.Containment != nil && !s.Containment.Kept && !s.Containment.lifted && !s.Undone()
}

// Contained lists the steps whose effects still wait for their end, in the
// order in which they began.
func (i *Incident) Contained() []*Step {
	var list []*Step
	for _, s := range i.bounded {
		if s.InForce() {
			list = append(list, s)
		}
	}
	return list
}

// decideContainment begins the time of an effect, and asks when it is over.
func (s *Step) decideContainment() Body {
	if s.Def.Contains == nil || s.Undoes != nil || s.run.incident.Resolved {
		return nil
	}
	c := s.Containment
	switch {
	case c == nil && s.holds():
		return ContainmentBegan{Until: s.dueIn(time.Duration(s.Def.Contains.Expires)), Ask: s.Def.Contains.Ask}
	case c != nil && s.InForce() && c.fired && !c.Due:
		return ContainmentDue{ID: s.opaque("containment", s.dues+1), Ask: c.Ask}
	}
	return nil
}

// holds says whether the step has an effect that nobody has taken back. A loop
// that was given up has the effects of the items that are done.
func (s *Step) holds() bool {
	switch {
	case s.Undone() || !s.finished():
		return false
	case s.children == nil || s.children.loop == nil:
		return s.Status == StepDone
	}
	return slices.ContainsFunc(s.children.steps, func(c *Step) bool { return c.Status == StepDone && !c.Undone() })
}

// contain takes in the facts of a containment.
func (s *Step) contain(e Event) error {
	switch b := e.Body.(type) {
	case ContainmentBegan:
		if !s.holds() || s.Containment != nil {
			return s.contradicts(e, "there is no new effect")
		}
		s.Containment = &Containment{Until: b.Until.Time, Ask: b.Ask}
		s.run.incident.bounded = append(s.run.incident.bounded, s)
		return nil
	case ContainmentDue:
		if !s.InForce() || s.Containment.Due {
			return s.contradicts(e, "nothing runs out")
		}
		s.Containment.Due = true
		s.dues++
		s.run.incident.ask(&Ask{ID: b.ID, Type: AskContainment, Step: s, At: e.At})
		return nil
	}
	if !s.InForce() {
		return Refuse(NotContained, "step %q contains nothing that runs out; see: step %s", s.ID, s.ID)
	}
	c := s.Containment
	switch b := e.Body.(type) {
	case ContainmentExtended:
		switch {
		case strings.TrimSpace(b.Reason) == "" || len(b.Reason) > MaxText:
			return Refuse(ReasonRequired, `say why it has to last longer: extend %s --for 24h --reason "..."`, s.ID)
		case !b.Until.After(e.At):
			return Refuse(Usage, "%s is not in the future; extend %s --for 24h", b.Until.Format(time.RFC3339), s.ID)
		case b.Until.Sub(e.At) > MaxExtension:
			return Refuse(Usage, "a containment is extended by 90 days at the most, so that somebody looks again")
		}
		c.Until, c.Due, c.fired, c.Why = b.Until.Time, false, false, b.Reason
		c.Times++
	case ContainmentKept:
		if strings.TrimSpace(b.Reason) == "" || len(b.Reason) > MaxText {
			return Refuse(ReasonRequired, `say why it stays for good: keep %s --reason "..."`, s.ID)
		}
		c.Kept, c.Due, c.Why = true, false, b.Reason
	}
	c.By = e.Actor
	s.run.incident.lift(s)
	return nil
}

// MaxExtension is the longest time by which a containment is extended at once.
const MaxExtension = 90 * 24 * time.Hour
