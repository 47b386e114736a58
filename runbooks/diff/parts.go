package diff

import (
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// with compares the arguments, path by path.
func (c *comparison) with(id string, old, new *runbooks.Step) {
	weight := Neutral
	if new.Effect == actions.Destructive {
		weight = Weaker // it may destroy something else
	}
	before, after := leaves(old.With), leaves(new.With)
	key := func(l leaf) string { return l.path }
	for _, p := range pairs(before, after, key) {
		field := join("with", p.key)
		switch {
		case p.old == nil:
			c.add(weight, field, "", p.new.text, "%s is given %s = %s", id, p.key, brief(p.new.text))
		case p.new == nil:
			c.add(weight, field, p.old.text, "", "%s is not given %s any more; it was %s", id, p.key, brief(p.old.text))
		case p.old.text != p.new.text:
			c.add(weight, field, p.old.text, p.new.text, "%s is given %s = %s, not %s", id, p.key, brief(p.new.text), brief(p.old.text))
		}
	}
}

// leaf is one argument as it was written.
type leaf struct{ path, text string }

func leaves(v *runbooks.Value) []leaf {
	var out []leaf
	var walk func(path string, v *runbooks.Value)
	walk = func(path string, v *runbooks.Value) {
		switch {
		case v == nil:
		case v.Form == runbooks.Object && len(v.Members) > 0:
			for _, m := range v.Members {
				walk(join(path, m.Name), m.Value)
			}
		case v.Form == runbooks.List && len(v.Items) > 0:
			for i, item := range v.Items {
				walk(join(path, fmt.Sprint(i)), item)
			}
		default:
			out = append(out, leaf{path, written(v)})
		}
	}
	walk("", v)
	return out
}

// written is a value as an author would write it. A text is quoted, so that 5
// and "5" differ.
func written(v *runbooks.Value) string {
	if v == nil {
		return ""
	}
	switch v.Form {
	case runbooks.Text:
		var b strings.Builder
		for _, p := range v.Parts {
			if p.Expr != nil {
				b.WriteString("${{ " + p.Expr.Source + " }}")
			} else {
				b.WriteString(p.Text)
			}
		}
		return b.String()
	case runbooks.Literal:
		return value(v.Literal)
	}
	return meaning(v)
}

func (c *comparison) manual(id string, old, new *runbooks.Manual) {
	switch {
	case old == nil:
		c.add(Neutral, "manual", "", written(new.Instructions), "%s is done by a person now", id)
	case new == nil:
		c.add(Weaker, "manual", written(old.Instructions), "", "%s is not done by a person any more", id)
	default:
		c.fields("manual", old, new, map[string]func(){
			"instructions": func() {
				c.text("manual.instructions", written(old.Instructions), written(new.Instructions), "what the person of "+id+" is told")
			},
			"answer": func() {
				c.add(Neutral, "manual.answer", meaning(old.Answer), meaning(new.Answer), "the answer to %s has another form: %s, not %s", id, answer(new.Answer), answer(old.Answer))
			},
		})
	}
}

func answer(in *runbooks.Input) string {
	switch {
	case in == nil:
		return "any text"
	case len(in.Enum) > 0:
		return "one of " + strings.Join(in.Enum, ", ")
	case in.Format != "":
		return in.Format
	}
	return string(in.Type)
}

func (c *comparison) wait(id string, old, new *runbooks.Wait) {
	words := func(w *runbooks.Wait) string {
		switch {
		case w == nil:
			return ""
		case w.Until != nil:
			return "until " + w.Until.Source
		}
		return "for " + runbooks.SpanText(w.For)
	}
	switch {
	case old == nil:
		c.add(Neutral, "wait", "", words(new), "%s waits %s", id, words(new))
	case new == nil:
		c.add(Neutral, "wait", words(old), "", "%s does not wait any more", id)
	default:
		c.add(Neutral, "wait", words(old), words(new), "%s waits %s, not %s", id, words(new), words(old))
	}
}

// subrun compares the runbook that a step calls, and the steps in it.
func (c *comparison) subrun(id string, old, new *runbooks.Subrun) {
	switch {
	case old == nil:
		c.add(weigh(new.Program), "runbook", "", new.ID, "%s runs the runbook %q", id, new.ID)
		return
	case new == nil:
		c.add(Weaker, "runbook", old.ID, "", "%s does not run the runbook %q any more", id, old.ID)
		return
	case old.ID != new.ID:
		c.add(weigh(new.Program), "runbook", old.ID, new.ID, "%s runs the runbook %q, not %q", id, new.ID, old.ID)
		return
	}
	c.add(Neutral, "runbook.digest", old.Digest, new.Digest, "the runbook %q that %s runs is another version", new.ID, id)
	if old.Program == nil || new.Program == nil {
		return
	}
	inner := &comparison{prefix: c.step + ".", step: c.step, called: true}
	inner.program(old.Program, new.Program)
	for _, one := range inner.changes {
		if one.Step == c.step { // of the runbook itself
			one.Field = join("runbook", one.Field)
			one.Text = fmt.Sprintf("of the runbook %q: %s", new.ID, one.Text)
		}
		c.changes = append(c.changes, one)
	}
}

func weigh(p *runbooks.Program) Weight {
	if dangerous(p) {
		return Weaker
	}
	return Neutral
}

func (c *comparison) each(id string, old, new *runbooks.Step) {
	a, b := old.ForEach, new.ForEach
	switch {
	case a == nil:
		weight := Neutral
		if new.Changes() || new.Runbook != nil && dangerous(new.Runbook.Program) {
			weight = Weaker
		}
		c.add(weight, "for_each", "", source(b.In), "%s is done for each item of %s", id, source(b.In))
	case b == nil:
		c.add(Neutral, "for_each", source(a.In), "", "%s is done once, not for each item of %s", id, source(a.In))
	default:
		c.fields("for_each", a, b, map[string]func(){
			"in": func() {
				weight := Neutral
				if new.Changes() {
					weight = Weaker
				}
				c.add(weight, "for_each.in", source(a.In), source(b.In), "%s is done for each item of %s, not of %s", id, source(b.In), source(a.In))
			},
			"max_parallel": func() {
				c.more("for_each.max_parallel", a.MaxParallel, b.MaxParallel, "%s does %d items at once, not %d", id)
			},
			"max_errors": func() {
				c.more("for_each.max_errors", a.MaxErrors, b.MaxErrors, "of the items of %s %d may fail, not %d", id)
			},
			"max_errors_percent": func() {
				c.more("for_each.max_errors_percent", a.MaxPercent, b.MaxPercent, "of the items of %s %d in a hundred may fail, not %d", id)
			},
		})
	}
}

// more weighs a number of which more is weaker.
func (c *comparison) more(field string, old, new int, format, id string) {
	weight := Stronger
	if new > old {
		weight = Weaker
	}
	c.add(weight, field, fmt.Sprint(old), fmt.Sprint(new), format, id, new, old)
}

func (c *comparison) verify(id string, old, new *runbooks.Verify) {
	switch {
	case old == nil:
		c.add(Stronger, "verify", "", runbooks.SpanText(new.Within), "the effect of %s is proved, within %s", id, runbooks.SpanText(new.Within))
	case new == nil:
		c.add(Weaker, "verify", runbooks.SpanText(old.Within), "", "the effect of %s is not proved any more", id)
	default:
		c.span("verify.within", "the effect of "+id+" has to show within", old.Within, new.Within)
	}
}

func (c *comparison) span(field, what string, old, new runbooks.Span) {
	words := func(s runbooks.Span) string {
		if s == 0 {
			return "(no limit)"
		}
		return runbooks.SpanText(s)
	}
	c.add(Neutral, field, runbooks.SpanText(old), runbooks.SpanText(new), "%s %s, not %s", what, words(new), words(old))
}

func (c *comparison) retry(id string, old, new runbooks.Retry) {
	c.fields("retry", old, new, map[string]func(){
		"attempts": func() {
			c.add(Neutral, "retry.attempts", fmt.Sprint(old.Attempts), fmt.Sprint(new.Attempts), "%s is tried %d times, not %d", id, new.Attempts, old.Attempts)
		},
		"backoff": func() {
			c.span("retry.backoff", "before "+id+" is tried again there is a pause of", old.Backoff, new.Backoff)
		},
	})
}

func (c *comparison) reaction(field, id, when string, old, new runbooks.Reaction) {
	weight := Neutral
	switch {
	case new == runbooks.Continue:
		weight = Weaker
	case old == runbooks.Continue:
		weight = Stronger
	}
	c.add(weight, field, string(old), string(new), "when %s %s the run does %q, not %q", id, when, new, old)
}

func (c *comparison) contains(id string, old, new *runbooks.Contains) {
	switch {
	case old == nil:
		c.add(Stronger, "contains", "", runbooks.SpanText(new.Expires), "the effect of %s is meant to end after %s, and somebody is asked then", id, runbooks.SpanText(new.Expires))
	case new == nil:
		c.add(Weaker, "contains", runbooks.SpanText(old.Expires), "", "nobody is asked any more whether the effect of %s ends", id)
	default:
		c.fields("contains", old, new, map[string]func(){
			"expires": func() {
				weight := Stronger
				if new.Expires > old.Expires {
					weight = Weaker
				}
				c.add(weight, "contains.expires", runbooks.SpanText(old.Expires), runbooks.SpanText(new.Expires), "it is asked after %s, not %s, whether the effect of %s ends", runbooks.SpanText(new.Expires), runbooks.SpanText(old.Expires), id)
			},
			"ask": func() { c.set("contains.ask", "decide whether the effect of "+id+" ends", old.Ask, new.Ask) },
		})
	}
}

// undo compares how a step is taken back.
func (c *comparison) undo(id string, old, new *runbooks.Step) {
	empty := &runbooks.UndoRule{}
	a, b := old.Undo, new.Undo
	if a == nil {
		a = empty
	}
	if b == nil {
		b = empty
	}
	c.fields("undo", a, b, map[string]func(){
		"approval": func() {
			before, after := a.Approval, b.Approval
			if before == nil { // then that of the step counts
				before = old.Approval
			}
			if after == nil {
				after = new.Approval
			}
			if meaning(before) != meaning(after) {
				c.approval("undo.approval", "the approval of the undo of "+id, before, after)
			}
		},
		"within": func() { c.span("undo.within", "the undo of "+id+" has to show within", a.Within, b.Within) },
		"manual": func() {
			switch before, after := written(a.Manual), written(b.Manual); {
			case b.Manual == nil && !new.CanUndo:
				c.add(Weaker, "undo.manual", before, after, "%s cannot be taken back any more; a person did it", id)
			case a.Manual == nil && !old.CanUndo:
				c.add(Stronger, "undo.manual", before, after, "%s can be taken back by a person", id)
			default:
				c.text("undo.manual", before, after, "how a person takes "+id+" back")
			}
		},
	})
}
