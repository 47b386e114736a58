package diff

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// steps compares two lists of steps.
func (c *comparison) steps(field string, old, new []runbooks.Step) {
	outer := c.step
	defer func() { c.step = outer }()
	id := func(s runbooks.Step) string { return s.ID }
	for _, p := range pairs(old, new, id) {
		c.step = c.prefix + p.key
		switch {
		case p.new == nil:
			c.removed(field, p.old)
		case p.old == nil:
			c.added(field, p.new)
		default:
			c.one(p.old, p.new)
		}
	}
	for _, k := range moved(old, new, id) {
		c.step = c.prefix + k
		c.add(Neutral, field, "", "", "step %q stands at another place in the file", c.step)
	}
}

// added weighs a new step: more danger is weaker, more evidence is stronger.
func (c *comparison) added(field string, s *runbooks.Step) {
	weight := Neutral
	switch {
	case s.Evidence:
		weight = Stronger
	case s.Effect == actions.Destructive, s.Changes() && s.Approval == nil, s.Runbook != nil && dangerous(s.Runbook.Program):
		weight = Weaker
	}
	c.add(weight, field, "", s.Kind(), "step %q is new: %s", c.step, does(s))
}

// removed weighs a step that is gone: what it contained, kept or asked is not
// contained, kept or asked any more.
func (c *comparison) removed(field string, s *runbooks.Step) {
	weight := Neutral
	if s.Evidence || s.Changes() || s.Manual != nil || s.Runbook != nil {
		weight = Weaker
	}
	c.add(weight, field, s.Kind(), "", "step %q is gone: %s", c.step, does(s))
}

// dangerous says whether a program has a step that changes something unasked,
// or destroys something.
func dangerous(p *runbooks.Program) bool {
	if p == nil {
		return true
	}
	for _, s := range p.Deep() {
		if s.Effect == actions.Destructive || s.Changes() && s.Approval == nil {
			return true
		}
	}
	return false
}

// does is a step in a few words.
func does(s *runbooks.Step) string {
	what := s.Kind()
	switch {
	case s.Uses != "" && s.Tells:
		what += ", tells people"
	case s.Uses != "":
		what += ", " + string(s.Effect)
	case s.Runbook != nil:
		what = "runs " + s.Runbook.ID
	case s.Manual != nil:
		what = "done by a person"
	}
	if s.Approval != nil {
		what += ", with an approval"
	} else if s.Changes() {
		what += ", with no approval"
	}
	if s.Title != "" {
		what += fmt.Sprintf(" (%s)", brief(s.Title))
	}
	return what
}

// one compares a step with itself.
func (c *comparison) one(old, new *runbooks.Step) {
	id := fmt.Sprintf("step %q", c.step)
	c.fields("", old, new, map[string]func(){
		"title": func() { c.text("title", old.Title, new.Title, "the title of "+id) },
		"uses": func() {
			weight := Neutral
			if new.Changes() || old.Changes() {
				weight = Weaker // another thing is done; what it was good for is not done
			}
			c.add(weight, "uses", old.Uses, new.Uses, "%s does something else: %s, not %s", id, new.Kind(), old.Kind())
		},
		"action_version": func() {
			c.add(Neutral, "action_version", fmt.Sprint(old.ActionVersion), fmt.Sprint(new.ActionVersion), "%s uses version %d of %s, not %d", id, new.ActionVersion, new.Uses, old.ActionVersion)
		},
		"effect": func() { c.effect(id, old, new) },
		"repeat": func() {
			weight := Neutral
			switch {
			case old.Repeat == actions.Once:
				weight = Weaker
			case new.Repeat == actions.Once:
				weight = Stronger
			}
			c.add(weight, "repeat", string(old.Repeat), string(new.Repeat), "what follows when the outcome of %s is not known is %q, not %q", id, new.Repeat, old.Repeat)
		},
		"settle": func() {
			c.add(Neutral, "settle", runbooks.SpanText(old.Settle), runbooks.SpanText(new.Settle), "a late effect of %s is expected for %s, not %s", id, runbooks.SpanText(new.Settle), runbooks.SpanText(old.Settle))
		},
		"can_undo": func() {
			c.flag(new.CanUndo, Stronger, Weaker, "can_undo", id+" can be taken back", id+" cannot be taken back by its action any more")
		},
		"tells": func() {
			c.flag(new.Tells, Weaker, Stronger, "tells", id+" counts as only telling people, so nobody has to approve it", id+" does more than tell people")
		},
		"outputs":    func() { c.reads(id, old, new) },
		"with":       func() { c.with(id, old, new) },
		"manual":     func() { c.manual(id, old.Manual, new.Manual) },
		"wait":       func() { c.wait(id, old.Wait, new.Wait) },
		"runbook":    func() { c.subrun(id, old.Runbook, new.Runbook) },
		"for_each":   func() { c.each(id, old, new) },
		"if":         func() { c.condition(id, old, new) },
		"needs":      func() { c.needs(id, old.Needs, new.Needs) },
		"approval":   func() { c.approval("approval", "the approval of "+id, old.Approval, new.Approval) },
		"verify":     func() { c.verify(id, old.Verify, new.Verify) },
		"retry":      func() { c.retry(id, old.Retry, new.Retry) },
		"timeout":    func() { c.span("timeout", "one attempt of "+id+" may take", old.Timeout, new.Timeout) },
		"total":      func() { c.span("total", id+" may take in all", old.Total, new.Total) },
		"on_failure": func() { c.reaction("on_failure", id, "fails", old.OnFailure, new.OnFailure) },
		"on_refused": func() { c.reaction("on_refused", id, "is refused", old.OnRefused, new.OnRefused) },
		"critical": func() {
			c.flag(new.Critical, Stronger, Weaker, "critical", "the run fails when "+id+" fails", "the run can end well although "+id+" failed")
		},
		"evidence": func() {
			c.flag(new.Evidence, Stronger, Weaker, "evidence", id+" collects evidence, before anything is changed", id+" does not count as evidence any more, so things may be changed before it")
		},
		"contains": func() { c.contains(id, old.Contains, new.Contains) },
		"undo":     func() { c.undo(id, old, new) },
	})
}

func (c *comparison) effect(id string, old, new *runbooks.Step) {
	weight := Stronger
	if new.Effect.AtLeast(old.Effect) {
		weight = Weaker
	}
	c.add(weight, "effect", string(old.Effect), string(new.Effect), "%s is %s, not %s", id, effect(new), effect(old))
}

func effect(s *runbooks.Step) string {
	if s.Effect == "" {
		return "no action"
	}
	return string(s.Effect)
}

// flag tells that something became true or false.
func (c *comparison) flag(now bool, on, off Weight, field, yes, no string) {
	if now {
		c.add(on, field, "false", "true", "%s", yes)
	} else {
		c.add(off, field, "true", "false", "%s", no)
	}
}

// condition weighs a condition. Behind a new "&&" a step runs in fewer cases;
// every other difference may let it run where it did not. Evidence that is
// collected under another condition may be missing.
func (c *comparison) condition(id string, old, new *runbooks.Step) {
	before, after := source(old.If), source(new.If)
	danger := new.Changes() || new.Runbook != nil && dangerous(new.Runbook.Program)
	weight := Neutral
	switch {
	case old.If == nil:
		if new.Evidence {
			weight = Weaker
		}
		c.add(weight, "if", before, after, "%s runs only if %q, not always", id, after)
	case new.If == nil:
		if danger {
			weight = Weaker
		}
		c.add(weight, "if", before, after, "%s always runs, not only if %q", id, before)
	default:
		if danger && !narrowed(before, after) || new.Evidence {
			weight = Weaker
		}
		c.add(weight, "if", before, after, "%s runs if %q, not if %q", id, after, before)
	}
}

// narrowed says whether a condition is certainly the old one and something more.
// What it does not understand is not narrowed.
func narrowed(before, after string) bool {
	loose := regexp.MustCompile(`[|?;/]|\bor\b`)
	if loose.MatchString(before) {
		before = "(" + before + ")"
	}
	rest, ok := strings.CutPrefix(after, before)
	more, and := strings.CutPrefix(strings.TrimSpace(rest), "&&")
	return ok && and && !loose.MatchString(more)
}

func (c *comparison) needs(id string, old, new []string) {
	before, after := strings.Join(old, ", "), strings.Join(new, ", ")
	if more := missing(old, new); len(more) > 0 {
		c.add(Neutral, "needs", before, after, "%s waits for %s", id, strings.Join(more, ", "))
	}
	if less := missing(new, old); len(less) > 0 {
		c.add(Neutral, "needs", before, after, "%s does not wait for %s any more", id, strings.Join(less, ", "))
	}
}

// reads compares the types of the outputs that expressions read.
func (c *comparison) reads(id string, old, new *runbooks.Step) {
	name := func(f actions.Field) string { return f.Name }
	for _, p := range pairs(old.Outputs, new.Outputs, name) {
		field := join("outputs", p.key)
		switch {
		case p.old == nil:
			c.add(Neutral, field, "", string(p.new.Kind), "the output %q of %s is read", p.key, id)
		case p.new == nil:
			c.add(Neutral, field, string(p.old.Kind), "", "the output %q of %s is not read any more", p.key, id)
		case meaning(*p.old) != meaning(*p.new):
			c.add(Neutral, field, meaning(*p.old), meaning(*p.new), "the output %q of %s has another type", p.key, id)
		}
	}
}
