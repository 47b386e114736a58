package ec2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// closing is how long the quarantine of an instance that was opened may take
// after the step's own time is up.
const closing = 30 * time.Second

func (a isolateInstance) Execute(ctx context.Context, call actions.Call, p isolateInstanceParams) (isolateInstanceResult, error) {
	const op = "aws.ec2.isolate_instance"
	var r isolateInstanceResult
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	instance, err := c.instanceToChange(ctx, op, state.Instance)
	if err != nil {
		return r, err
	}
	now, err := c.cards(ctx, state.Instance)
	if err != nil {
		return r, err
	}
	// An interface that was attached since the plan is left to Verify: nobody
	// knows what its undo would be.
	now = slices.DeleteFunc(now, func(one card) bool { _, known := findCard(state.Cards, one.ID); return !known })
	if len(now) == 0 {
		return r, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("none of the interfaces that instance %q had when this was planned is attached", state.Instance), Hint: "plan the step again"}
	}
	var all tally
	groups := map[string]string{}
	for _, plan := range state.Groups {
		id, changed, err := c.ensure(ctx, op, call, plan)
		all.changed = all.changed || changed
		if err != nil {
			return r, cloud.AfterEffect(all.changed, err)
		}
		groups[plan.VPC] = id
		r.GroupIDs = append(r.GroupIDs, id)
	}
	a.cut(ctx, c, call, state, now, groups, time.Duration(p.OpenFor), &all)
	for i, plan := range state.Groups {
		r.GroupIDs[i] = groups[plan.VPC] // one may have been made again
	}
	if err := all.err(op); err != nil {
		return r, err
	}
	r.Tagged = c.mark(ctx, call, instance) == nil // the isolation is not undone for the lack of a tag
	r.InstanceID, r.Interfaces = state.Instance, state.before()
	return r, nil
}

// cut puts every interface into its quarantine group. One that fails does not
// keep the others out. When the instance was opened before, it is closed
// whatever happens in between.
func (a isolateInstance) cut(ctx context.Context, c *conn, call actions.Call, state isolation, now []card, groups map[string]string, openFor time.Duration, all *tally) {
	uncut := slices.DeleteFunc(slices.Clone(now), func(one card) bool { return one.has(groups[one.VPC]) })
	if len(state.Open) > 0 && len(uncut) > 0 {
		untrack(ctx, c, call, state, uncut, openFor, all)
		late, done := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer done()
		a.shut(late, c, call, state, uncut, groups, all)
		ctx = late
	} else {
		for _, one := range uncut {
			all.note(one.ID, c.setGroups(ctx, one.ID, []string{groups[one.VPC]}))
		}
	}
	for _, one := range now {
		if state.Idle > 0 && one.Idle != state.Idle {
			all.note(one.ID, c.setIdle(ctx, one.ID, state.Idle))
		}
		if state.Mode == modeAddress {
			all.note(one.ID, c.takeAddresses(ctx, one))
		}
	}
	for _, plan := range state.Open {
		all.note(plan.Name, c.drop(ctx, plan.VPC, plan.Name))
	}
}

// shut puts interfaces that were opened into the quarantine, with more patience
// than others: left alone they would be more open than before. The group is made
// again when somebody deleted it meanwhile. One that cannot be shut gets the
// groups back that it had; when even that fails, the error says that it is open.
func (a isolateInstance) shut(ctx context.Context, c *conn, call actions.Call, state isolation, opened []card, groups map[string]string, all *tally) {
	failed := map[string]error{}
	for round := range rounds {
		if round > 0 {
			wait(ctx, min(a.cloud.Settle(), time.Second))
		}
		opened = slices.DeleteFunc(opened, func(one card) bool {
			if round > 0 {
				i := slices.IndexFunc(state.Groups, func(plan groupPlan) bool { return plan.VPC == one.VPC })
				id, changed, err := c.ensure(ctx, "aws.ec2.isolate_instance", call, state.Groups[i])
				if all.changed = all.changed || changed; err != nil {
					failed[one.ID] = err
					return false
				}
				groups[one.VPC] = id
			}
			if failed[one.ID] = c.setGroups(ctx, one.ID, []string{groups[one.VPC]}); failed[one.ID] != nil {
				return false
			}
			all.note(one.ID, nil)
			return true
		})
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), closing/2)
	defer done()
	for _, one := range opened {
		was, _ := findCard(state.Cards, one.ID)
		if was.Open {
			all.note(one.ID, fmt.Errorf("it is OPEN TO EVERYBODY, as it was before, put it into %s by hand at once: %w", groups[one.VPC], failed[one.ID]))
			continue
		}
		how := fmt.Errorf("it is not isolated, and has its former groups %s again: %w", groupList(was.Groups), failed[one.ID])
		if err := c.setGroups(last, one.ID, was.Groups); err != nil {
			how = fmt.Errorf("it is OPEN TO EVERYBODY, put it into %s by hand at once: it can neither be isolated (%w) nor get its former groups %s back (%w)", groups[one.VPC], failed[one.ID], groupList(was.Groups), err)
		}
		all.note(one.ID, how)
	}
}

// untrack lets everything through for a moment: what passes then is not tracked
// any more, and ends when the group does not allow it.
func untrack(ctx context.Context, c *conn, call actions.Call, state isolation, cards []card, openFor time.Duration, all *tally) {
	for _, plan := range state.Open {
		id, changed, err := c.ensure(ctx, "aws.ec2.isolate_instance", call, plan)
		all.changed = all.changed || changed
		if err != nil {
			all.note(plan.Name, err)
			return
		}
		for _, one := range cards {
			if one.VPC == plan.VPC {
				all.note(one.ID, c.setGroups(ctx, one.ID, []string{id}))
			}
		}
	}
	wait(ctx, openFor)
}

func (a isolateInstance) Verify(ctx context.Context, call actions.Call, p isolateInstanceParams, _ isolateInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.cards(ctx, state.Instance)
	if err != nil {
		return unreadable(err)
	}
	var wrong []string
	for _, one := range now {
		if _, known := findCard(state.Cards, one.ID); !known {
			wrong = append(wrong, fmt.Sprintf("interface %s was attached since the plan and has %s", one.ID, groupList(one.Groups)))
		}
	}
	groups, differences, err := c.quarantines(ctx, state.Groups)
	if err != nil && len(wrong) == 0 {
		return a.withoutGroups(state, now, err)
	}
	wrong = append(wrong, differences...)
	for _, one := range now {
		if _, known := findCard(state.Cards, one.ID); !known {
			continue
		}
		if !one.has(groups[one.VPC]) {
			wrong = append(wrong, fmt.Sprintf("interface %s has %s, not only the quarantine group", one.ID, groupList(one.Groups)))
		}
		if state.Idle > 0 && one.Idle != state.Idle {
			wrong = append(wrong, fmt.Sprintf("interface %s has an idle timeout of %d s, not %d s", one.ID, one.idle(), state.Idle))
		}
		for _, public := range one.Addresses {
			if state.Mode == modeAddress {
				wrong = append(wrong, fmt.Sprintf("interface %s has the public address %s", one.ID, public.Public))
			}
		}
		if state.Mode == modeAddress && one.PublicIP != "" {
			wrong = append(wrong, fmt.Sprintf("interface %s has the public address %s", one.ID, one.PublicIP))
		}
	}
	if len(wrong) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(wrong, "; ")}, nil
	}
	detail := fmt.Sprintf("all %d interfaces of instance %s have the quarantine group alone, with exactly the planned rules", len(now), state.Instance)
	if gone := len(state.Cards) - len(now); gone > 0 {
		detail += fmt.Sprintf("; %d that it had are not attached any more", gone)
	}
	return actions.Reading{Verdict: actions.Verified, Detail: detail + "; connections from before may live on"}, nil
}

// withoutGroups reads what an answer without a quarantine group proves: that an
// interface which still has its old groups is not isolated, and else nothing.
func (isolateInstance) withoutGroups(state isolation, now []card, err error) (actions.Reading, error) {
	for _, one := range now {
		if was, known := findCard(state.Cards, one.ID); known && errors.Is(err, cloud.ErrEmpty) && !state.Before && one.has(was.Groups...) {
			return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("interface %s has %s, and there is no quarantine group", one.ID, groupList(one.Groups))}, nil
		}
	}
	return unreadable(err)
}

func (a isolateInstance) PlanUndo(ctx context.Context, call actions.Call, p isolateInstanceParams, _ isolateInstanceResult) (actions.Preview, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	if state.Before {
		return actions.Preview{Targets: []actions.Target{c.target("instance", state.Instance)}, NoUndo: "the instance was isolated before this step; it stays so"}, nil
	}
	if why := leftOpen(state.Cards); why != "" {
		return actions.Preview{Targets: []actions.Target{c.target("instance", state.Instance)}, NoUndo: why}, nil
	}
	preview, err := state.undo().preview(ctx, c)
	if err != nil {
		return preview, err
	}
	preview.Changes = append(preview.Changes, "A quarantine group that no interface has any more is removed.")
	preview.Calls = append(preview.Calls, "ec2:DeleteSecurityGroup", "ec2:DeleteTags")
	preview.Warnings = append(preview.Warnings, "Whoever had a way into the instance has it again at once.")
	return preview, nil
}

// undo is the way back: only from our groups, of this very isolation.
func (s isolation) undo() putBack {
	idle := map[string]int32{}
	for _, one := range s.Cards {
		idle[one.ID] = s.Idle
	}
	return putBack{
		op: "aws.ec2.isolate_instance", instance: s.Instance, cards: s.Cards, idle: idle, public: s.Mode == modeAddress,
		left: func(_ string, groups []types.SecurityGroup) bool {
			return len(groups) == 1 && ours(groups[0]) && slices.ContainsFunc(slices.Concat(s.Groups, s.Open), func(plan groupPlan) bool {
				return plan.VPC == aws.ToString(groups[0].VpcId) && plan.Name == aws.ToString(groups[0].GroupName)
			})
		},
	}
}

func (a isolateInstance) Undo(ctx context.Context, call actions.Call, p isolateInstanceParams, _ isolateInstanceResult) error {
	c, state, err := a.resume(ctx, call, p)
	if err != nil || state.Before {
		return err
	}
	if why := leftOpen(state.Cards); why != "" {
		return &actions.Error{Class: actions.Precondition, Op: "aws.ec2.isolate_instance", Err: errors.New(why), Hint: "undo that step, or use aws.ec2.restore_instance with what it recorded"}
	}
	if err := state.undo().do(ctx, c); err != nil {
		return err
	}
	for _, plan := range slices.Concat(state.Groups, state.Open) {
		if err := c.drop(ctx, plan.VPC, plan.Name); err != nil {
			return cloud.AfterEffect(true, err)
		}
	}
	instance, err := c.instance(ctx, state.Instance)
	if err != nil {
		return cloud.AfterEffect(true, err)
	}
	return cloud.AfterEffect(true, c.unmark(ctx, call, instance, state.Tags))
}

func (a isolateInstance) VerifyUndo(ctx context.Context, call actions.Call, p isolateInstanceParams, _ isolateInstanceResult) (actions.Reading, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	return state.undo().read(ctx, c)
}

// resume loads what Plan captured and opens the session.
func (a isolateInstance) resume(ctx context.Context, call actions.Call, p isolateInstanceParams) (*conn, isolation, error) {
	var state isolation
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if state.Instance != p.InstanceID || state.Mode != p.Mode || len(state.Cards) == 0 || len(state.Groups) == 0 {
		return nil, state, actions.WrongState("it is of another isolation")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, err
}
