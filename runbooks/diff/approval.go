package diff

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// approval compares who has to say yes. Whose says what for: "the approval",
// "the approval of its undo".
func (c *comparison) approval(field, whose string, old, new *runbooks.Approval) {
	switch {
	case old == nil:
		c.add(Stronger, field, "", people(new), "%s is new: %s", whose, people(new))
		return
	case new == nil:
		c.add(Weaker, field, people(old), "", "%s is gone; it was %s", whose, people(old))
		return
	}
	c.fields(field, old, new, map[string]func(){
		"quorum": func() {
			weight, word := Stronger, "raised"
			if new.Quorum < old.Quorum {
				weight, word = Weaker, "lowered"
			}
			c.add(weight, join(field, "quorum"), fmt.Sprint(old.Quorum), fmt.Sprint(new.Quorum), "the quorum of %s is %s from %d to %d", whose, word, old.Quorum, new.Quorum)
		},
		"from": func() { c.set(join(field, "from"), "may answer "+whose, old.From, new.From) },
		"expires": func() {
			before, after := runbooks.SpanText(old.Expires), runbooks.SpanText(new.Expires)
			if new.Expires > old.Expires {
				c.add(Weaker, join(field, "expires"), before, after, "a question for %s stays open for %s, not %s", whose, after, before)
			} else {
				c.add(Stronger, join(field, "expires"), before, after, "a question for %s expires after %s, not %s", whose, after, before)
			}
		},
		"remind": func() {
			before, after := runbooks.SpanText(old.Remind), runbooks.SpanText(new.Remind)
			switch {
			case new.Remind == 0:
				c.add(Neutral, join(field, "remind"), before, after, "a question for %s is not repeated any more; it was every %s", whose, before)
			case old.Remind == 0:
				c.add(Neutral, join(field, "remind"), before, after, "a question for %s is repeated every %s; it was asked once", whose, after)
			default:
				c.add(Neutral, join(field, "remind"), before, after, "a question for %s is repeated every %s, not %s", whose, after, before)
			}
		},
		"step_up": func() {
			if new.StepUp {
				c.add(Stronger, join(field, "step_up"), "", "true", "%s needs a signature by SSH key", whose)
			} else {
				c.add(Weaker, join(field, "step_up"), "true", "", "%s needs no signature by SSH key any more", whose)
			}
		},
		"escalate":    func() { c.escalate(join(field, "escalate"), whose, old.Escalate, new.Escalate) },
		"break_glass": func() { c.breakGlass(join(field, "break_glass"), whose, old.BreakGlass, new.BreakGlass) },
	})
}

// set compares lists of people who may do something; more of them is weaker.
func (c *comparison) set(field, what string, old, new []string) {
	before, after := strings.Join(old, ", "), strings.Join(new, ", ")
	if more := missing(old, new); len(more) > 0 {
		c.add(Weaker, field, before, after, "%s %s, too", strings.Join(more, ", "), what)
	}
	if less := missing(new, old); len(less) > 0 {
		c.add(Stronger, field, before, after, "%s no longer %s", strings.Join(less, ", "), what)
	}
}

func (c *comparison) escalate(field, whose string, old, new *runbooks.Escalate) {
	switch {
	case old == nil:
		c.add(Weaker, field, "", strings.Join(new.To, ", "), "after %s %s may answer %s, too", runbooks.SpanText(new.After), strings.Join(new.To, ", "), whose)
	case new == nil:
		c.add(Stronger, field, strings.Join(old.To, ", "), "", "%s is not widened to %s any more", whose, strings.Join(old.To, ", "))
	default:
		c.fields(field, old, new, map[string]func(){
			"after": func() {
				weight := Stronger
				if new.After < old.After {
					weight = Weaker
				}
				c.add(weight, join(field, "after"), runbooks.SpanText(old.After), runbooks.SpanText(new.After), "%s is widened after %s, not %s", whose, runbooks.SpanText(new.After), runbooks.SpanText(old.After))
			},
			"to": func() { c.set(join(field, "to"), "may answer an escalation of "+whose, old.To, new.To) },
		})
	}
}

// people is an approval in a few words.
func people(a *runbooks.Approval) string {
	return fmt.Sprintf("%d of %s", a.Quorum, strings.Join(a.From, ", "))
}

// breakGlass compares who may go on alone. Whoever looks at it afterwards is
// compared like those who answer: more of them, or more time, is less of a check.
func (c *comparison) breakGlass(field, whose string, old, new *runbooks.BreakGlass) {
	switch {
	case old == nil:
		c.add(Weaker, field, "", alone(new), "one of %s may break the glass and go on without %s", strings.Join(new.By, ", "), whose)
	case new == nil:
		c.add(Stronger, field, alone(old), "", "nobody may break the glass and go on without %s any more; it was one of %s", whose, strings.Join(old.By, ", "))
	default:
		c.fields(field, old, new, map[string]func(){
			"by":     func() { c.set(join(field, "by"), "may break the glass and go on without "+whose, old.By, new.By) },
			"review": func() { c.set(join(field, "review"), "may review a broken glass of "+whose, old.Review, new.Review) },
			"within": func() {
				weight := Stronger
				if new.Within > old.Within {
					weight = Weaker
				}
				before, after := runbooks.SpanText(old.Within), runbooks.SpanText(new.Within)
				c.add(weight, join(field, "within"), before, after, "a broken glass of %s is to be reviewed within %s, not %s", whose, after, before)
			},
		})
	}
}

// alone is a break_glass in a few words.
func alone(g *runbooks.BreakGlass) string {
	return fmt.Sprintf("%s, reviewed by %s", strings.Join(g.By, ", "), strings.Join(g.Review, ", "))
}
