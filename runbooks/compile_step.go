package runbooks

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// step checks one step and fills in its defaults.
func (c *compilation) step(i int) {
	step, d := &c.steps[i], c.decls[i]
	step.OnFailure = Reaction(cmp.Or(d.OnFailure.Value, string(Stop)))
	step.OnRefused = Reaction(cmp.Or(d.OnRefused.Value, string(Stop)))
	step.Retry = Retry{Attempts: 1}
	step.Critical = step.OnFailure != Continue && step.OnRefused != Continue
	if d.Critical.Set() {
		step.Critical = d.Critical.Value
	}
	step.Evidence = d.Evidence.Value
	at := &place{self: i, before: c.before[i], cancel: i >= c.main}
	step.If = c.condition(d.condition, at)
	at.known = c.certain(step.implies())
	c.forEach(step, d, at)
	defer c.scope.withItem(step.ForEach)()
	defer func() { c.noItem = false }()
	switch {
	case step.Manual != nil:
		step.Manual.Instructions = c.value(d.instructions, actions.Field{Kind: actions.String}, at)
		step.Total = d.Total.Value
		step.Approval = c.approval(d.Approval, step.Effect)
	case d.waits:
		c.wait(step, d, at)
	case step.Runbook != nil:
		c.call(step, d, at)
	case c.specs[i] != nil:
		c.action(step, d, c.specs[i], at)
	case d.with != nil:
		c.parameters(d.with, nil, at) // the expressions in it can be checked all the same
	}
}

// action checks what only a step with an action has.
func (c *compilation) action(step *Step, d *StepDecl, spec *actions.Spec, at *place) {
	if d.with != nil || len(spec.Params) > 0 {
		with := d.with
		if with == nil {
			with = &node{kind: mapNode, pos: d.Uses.Pos}
		}
		step.With = c.parameters(with, &params{"the action " + spec.Name, "parameter", spec.Params}, at)
	}
	step.Timeout = cmp.Or(d.Timeout.Value, Span(spec.Timeout), Span(actions.DefaultTimeout))
	if step.Total = d.Total.Value; d.Total.Set() && step.Total < step.Timeout {
		c.fail(d.Total.Pos, "value", "give it more time in all, or each attempt less", "one attempt may take %s, which is more than %s in all", SpanText(step.Timeout), SpanText(step.Total))
	}
	step.Approval = c.approval(d.Approval, step.Effect)
	c.verify(step, d, spec)
	c.retry(step, d)
	c.undo(step, d, at)
	c.contains(step, d)
	if d.Evidence.Value && (step.Effect == actions.Destructive || step.Tells) {
		what := "destroys something"
		if step.Tells {
			what = "only tells people"
		}
		c.fail(d.Evidence.Pos, "evidence", "put evidence: true at the steps that read or copy", "the action %s %s, it does not collect evidence", spec.Name, what)
	}
}

func (c *compilation) approval(a *ApprovalDecl, effect actions.Effect) *Approval {
	if a == nil {
		return nil
	}
	out := &Approval{From: values(a.From), Quorum: cmp.Or(a.Quorum.Value, 1), Expires: cmp.Or(a.Expires.Value, DefaultExpires), Remind: a.Remind.Value, StepUp: a.StepUp.Value}
	if most := Span(time.Hour); effect == actions.Destructive && out.Expires > most {
		c.fail(a.Expires.Pos, "value", "a destructive step needs a fresh yes", "an approval of a destructive step may wait at most %s", SpanText(most))
	}
	if a.Remind.Set() && out.Remind >= out.Expires {
		c.fail(a.Remind.Pos, "value", "remind earlier", "the approval expires after %s, before anybody is reminded", SpanText(out.Expires))
	}
	everybody := append(slices.Clone(a.From), a.To...)
	if people := values(everybody); out.Quorum > 1 && len(a.From) > 0 && !slices.ContainsFunc(people, func(p string) bool { return strings.HasPrefix(p, "group:") }) {
		slices.Sort(people)
		if n := len(slices.Compact(people)); n < out.Quorum {
			c.fail(a.Quorum.Pos, "value", "name more people, or a group", "only %d may answer, so a quorum of %d is never reached", n, out.Quorum)
		}
	}
	out.BreakGlass = c.breakGlass(a.BreakGlass)
	if a.Escalate.Line == 0 || !a.After.Set() {
		return out
	}
	out.Escalate = &Escalate{After: a.After.Value, To: values(a.To)}
	if a.After.Value >= out.Expires {
		c.fail(a.After.Pos, "value", "escalate earlier", "the approval expires after %s, before it is escalated", SpanText(out.Expires))
	}
	return out
}

// breakGlass checks that whoever goes on alone can be looked at by somebody
// else: one who is the only reviewer leaves an incident that is never resolved.
func (c *compilation) breakGlass(g *BreakGlassDecl) *BreakGlass {
	if g == nil || len(g.By) == 0 || len(g.Review) == 0 {
		return nil // not written, or said by the parser
	}
	out := &BreakGlass{By: values(g.By), Review: values(g.Review), Within: cmp.Or(g.Within.Value, DefaultReview)}
	if least := Span(time.Hour); out.Within < least {
		c.fail(g.Within.Pos, "value", "give people time to look at it, such as 48h", "%s is less than %s, the least that is allowed here", SpanText(out.Within), SpanText(least))
	}
	if one := g.Review[0]; len(g.Review) == 1 && strings.HasPrefix(one.Value, "person:") && slices.Contains(out.By, one.Value) {
		c.fail(one.Pos, "value", "name somebody else who reviews, or a group", "%s may break the glass, and nobody else could review that", word(one.Value))
	}
	return out
}

func (c *compilation) verify(step *Step, d *StepDecl, spec *actions.Spec) {
	switch {
	case d.Verify.Line > 0 && !spec.CanVerify:
		c.fail(d.Verify, "verify", "add a step that reads the effect back", "the action %s cannot verify", spec.Name)
	case d.Verify.Line > 0:
		step.Verify = &Verify{Within: cmp.Or(d.Within.Value, DefaultWithin)}
	case spec.CanVerify && spec.Effect != actions.Read:
		step.Verify = &Verify{Within: DefaultWithin}
	}
}

func (c *compilation) retry(step *Step, d *StepDecl) {
	if d.Backoff.Set() && d.Attempts.Value == 1 {
		c.fail(d.Backoff.Pos, "value", "raise attempts, or leave backoff out", "with one attempt there is nothing to wait for")
	}
	if d.Attempts.Value <= 1 {
		return
	}
	step.Retry = Retry{Attempts: d.Attempts.Value, Backoff: cmp.Or(d.Backoff.Value, DefaultBackoff)}
	if step.Repeat == actions.Once {
		c.fail(d.Attempts.Pos, "retry-of-once", "leave retry out; a person decides", "the action %s may run only once, so it cannot be tried again", step.Uses)
	}
}

// undo checks how a step is taken back. A person who takes it back may read
// the outputs of the step, which is done by then.
func (c *compilation) undo(step *Step, d *StepDecl, at *place) {
	u := d.Undo
	switch {
	case u == nil:
		return
	case step.Effect == actions.Read:
		c.fail(u.Pos, "undo", "leave undo out", "the action %s only reads, so there is nothing to take back", step.Uses)
		return
	case u.manual != nil:
		own := *at
		own.own = step.ForEach == nil
		own.known = append(slices.Clone(at.known), step.ID)
		step.Undo = &UndoRule{Manual: c.value(u.manual, actions.Field{Kind: actions.String}, &own)}
		return
	case !step.CanUndo:
		c.fail(u.Pos, "undo", "write undo: {manual: how a person takes it back}", "the action %s cannot be taken back by itself", step.Uses)
		return
	}
	step.Undo = &UndoRule{Approval: c.approval(u.Approval, step.Effect), Within: u.Within.Value}
}

// contains checks that an effect which is meant to end can be ended, and that
// somebody is asked then.
func (c *compilation) contains(step *Step, d *StepDecl) {
	k := d.Contains
	switch {
	case k == nil:
		return
	case step.Effect == actions.Read:
		c.fail(k.Pos, "contains", "put it at the step that changes something", "the action %s only reads, so it contains nothing", step.Uses)
		return
	case !step.CanUndo && (step.Undo == nil || step.Undo.Manual == nil):
		c.fail(k.Pos, "contains", "add undo: {manual: how a person takes it back}", "the effect is meant to end, and the action %s cannot be taken back", step.Uses)
	}
	step.Contains = &Contains{Expires: k.Expires.Value, Ask: values(k.Ask)}
	if len(step.Contains.Ask) == 0 && step.Approval != nil {
		step.Contains.Ask = slices.Clone(step.Approval.From)
	}
	if owner := c.rb.Owner.Escalate; len(step.Contains.Ask) == 0 && owner.Set() {
		step.Contains.Ask = []string{owner.Value}
	}
	if len(step.Contains.Ask) == 0 && !k.askSet {
		c.fail(k.Pos, "contains", "add ask: [group:NAME], an approval, or escalate: to the owner of the runbook", "nobody is named who decides when the effect is meant to end")
	}
}
