package timeline

import (
	"fmt"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// tellContainment tells of effects that are meant to end.
func (f *fold) tellContainment(row *Row, e engine.Event, s *step) bool {
	who := row.Actor.Who()
	row.Kind = Act
	switch b := e.Body.(type) {
	case engine.ContainmentBegan:
		s.bound = &Containment{Run: row.Run, Step: row.Step, Since: row.At, Until: b.Until, Ask: listed(b.Ask), State: ContainmentInForce, Decisions: []ContainmentDecision{}}
		f.bounds = append(f.bounds, s.bound)
		row.Text = fmt.Sprintf("what %s did is meant to last until %s (%s); then %s decide", s.name(), clock(b.Until, row.At), span(b.Until.Sub(row.At.Time)), strings.Join(b.Ask, ", "))
		row.detail("until", b.Until.UTC().Format(stampForm))
		row.detail("ask", strings.Join(b.Ask, ", "))
	case engine.ContainmentDue:
		row.Outcome = "held"
		row.Text = fmt.Sprintf("the time of %s is over: %s are asked whether it is lifted, extended or kept", s.name(), strings.Join(b.Ask, ", "))
		if s.bound != nil {
			s.bound.State = ContainmentDue
		}
		row.detail("ask", strings.Join(b.Ask, ", "))
	case engine.ContainmentExtended:
		f.did(row.Actor, "extended containments")
		row.Outcome = "extended"
		row.Text = fmt.Sprintf("%s let %s last until %s%s", who, s.name(), clock(b.Until, row.At), because(b.Reason))
		f.decide(s, row, ContainmentDecision{What: "extended", Until: b.Until, Reason: b.Reason}, ContainmentInForce)
		row.detail("until", b.Until.UTC().Format(stampForm))
		row.detail("reason", b.Reason)
	case engine.ContainmentKept:
		f.did(row.Actor, "kept containments for good")
		row.Outcome = "kept"
		row.Text = fmt.Sprintf("%s let %s last for good%s", who, s.name(), because(b.Reason))
		f.decide(s, row, ContainmentDecision{What: "kept", Reason: b.Reason}, ContainmentKept)
		row.detail("reason", b.Reason)
	default:
		return false
	}
	return true
}

// open says how an effect stands whose end somebody still has to decide.
func (c *Containment) open() string {
	switch {
	case c == nil:
		return ""
	case c.State == ContainmentDue:
		return "should have ended at " + c.Until.UTC().Format(time.DateTime) + " UTC, and nobody has decided"
	case c.State == ContainmentInForce:
		return "lasts until " + c.Until.UTC().Format(time.DateTime) + " UTC; then somebody has to decide"
	}
	return ""
}

func (f *fold) decide(s *step, row *Row, d ContainmentDecision, state string) {
	if s.bound == nil {
		return
	}
	d.At, d.By, d.Seq = row.At, row.Actor, row.Seq
	if len(s.bound.Decisions) < maxDecided {
		s.bound.Decisions = append(s.bound.Decisions, d)
	} else {
		f.left.decided++
	}
	s.bound.State = state
	if !d.Until.IsZero() {
		s.bound.Until = d.Until
	}
}

// lifted notes that the effect was taken back.
func (s *step) lifted(row *Row, by string) {
	if s.bound == nil {
		return
	}
	s.bound.State, s.bound.LiftedAt, s.bound.LiftedBy = ContainmentLifted, row.At, by
}
