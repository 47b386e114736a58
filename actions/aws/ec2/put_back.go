package ec2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// putBack brings interfaces to a state that was recorded, each on its own, as
// long as they are as firebreak left them.
type putBack struct {
	op       string
	instance string
	cards    []card                                             // what they shall be
	idle     map[string]int32                                   // by interface, the idle timeout that we left, in seconds; none: it is none of ours
	public   bool                                               // public addresses are ours to give back
	take     []string                                           // allocation ids that we gave, and take again
	left     func(id string, groups []types.SecurityGroup) bool // whether groups are those that we left on an interface
}

// way is what there is to do for one interface.
type way struct {
	want, now card
	attached  bool
	differs   bool     // somebody else has set its groups
	missing   []string // groups of want that do not exist any more
}

// done says whether the groups are right.
func (w way) done() bool { return w.attached && w.now.has(w.want.Groups...) }

func (w way) possible() bool { return w.attached && !w.differs && len(w.missing) == 0 }

// look reads what there is to do.
func (p putBack) look(ctx context.Context, c *conn) ([]way, error) {
	now, err := c.cards(ctx, p.instance)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range slices.Concat(p.cards, now) {
		ids = append(ids, one.Groups...)
	}
	slices.Sort(ids)
	groups, err := c.groups(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var ways []way
	for _, want := range p.cards {
		w := way{want: want}
		w.now, w.attached = findCard(now, want.ID)
		for _, id := range want.Groups {
			if _, exists := groups[id]; !exists {
				w.missing = append(w.missing, id)
			}
		}
		var current []types.SecurityGroup
		for _, id := range w.now.Groups {
			current = append(current, groups[id])
		}
		w.differs = w.attached && !w.done() && !p.left(want.ID, current)
		ways = append(ways, w)
	}
	return ways, nil
}

// groups reads security groups by id. Those that do not exist are missing.
func (c *conn) groups(ctx context.Context, ids []string) (map[string]types.SecurityGroup, error) {
	found := map[string]types.SecurityGroup{}
	in := &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: ids}}}
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "ec2:DescribeSecurityGroups", c.ec2.DescribeSecurityGroups, in)
		if err != nil {
			return nil, err
		}
		for _, one := range out.SecurityGroups {
			found[aws.ToString(one.GroupId)] = one
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	if len(found) == 0 {
		return nil, cloud.Without("ec2:DescribeSecurityGroups", "security group")
	}
	return found, nil
}

// differences says for each interface that somebody else changed what it is and
// what it should be.
func differences(ways []way) string {
	var all []string
	for _, w := range ways {
		if w.differs {
			all = append(all, fmt.Sprintf("interface %s has %s, which is neither what firebreak put there nor %s", w.want.ID, groupList(w.now.Groups), groupList(w.want.Groups)))
		}
	}
	return strings.Join(all, "; ")
}

// obstacles says for each interface why it cannot be brought back; somebody
// else's changes are differences.
func obstacles(ways []way) []string {
	var all []string
	for _, w := range ways {
		switch {
		case !w.attached:
			all = append(all, fmt.Sprintf("interface %s is not attached any more", w.want.ID))
		case len(w.missing) > 0 && !w.done():
			all = append(all, fmt.Sprintf("interface %s stays as it is: the security groups %s do not exist any more", w.want.ID, groupList(w.missing)))
		}
	}
	return all
}

// preview says what would be done.
func (p putBack) preview(ctx context.Context, c *conn) (actions.Preview, error) {
	ways, err := p.look(ctx, c)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target("instance", p.instance)}, InEffect: true, NoUndo: differences(ways)}
	call := func(name string) {
		if !slices.Contains(preview.Calls, name) {
			preview.Calls = append(preview.Calls, name)
		}
		preview.InEffect = false
	}
	for _, w := range ways {
		if !w.possible() {
			continue
		}
		preview.Targets = append(preview.Targets, c.target("network_interface", w.want.ID))
		preview.Changes = append(preview.Changes, fmt.Sprintf("Interface %s gets %s instead of %s.", w.want.ID, groupList(w.want.Groups), groupList(w.now.Groups)))
		if !w.done() {
			call("ec2:ModifyNetworkInterfaceAttribute")
		}
		if p.resets(w) {
			call("ec2:ModifyNetworkInterfaceAttribute")
			preview.Changes = append(preview.Changes, fmt.Sprintf("Its idle timeout becomes %d s.", w.want.idle()))
		}
		for _, one := range p.missing(w) {
			call("ec2:AssociateAddress")
			preview.Changes = append(preview.Changes, fmt.Sprintf("It gets its public address %s back, if that is free.", one.Public))
		}
		for _, one := range p.extra(w) {
			call("ec2:DisassociateAddress")
			preview.Changes = append(preview.Changes, fmt.Sprintf("It loses its public address %s.", one.Public))
		}
		if p.public && w.want.PublicIP != "" && w.now.PublicIP == "" {
			call("ec2:ModifyNetworkInterfaceAttribute")
			preview.Changes = append(preview.Changes, fmt.Sprintf("AWS assigns it a new public address; %s cannot be got back.", w.want.PublicIP))
		}
	}
	preview.Warnings = obstacles(ways)
	return preview, nil
}

// resets says whether the idle timeout is to be set: it is still the one that we
// left, and was another.
func (p putBack) resets(w way) bool {
	left := p.idle[w.want.ID]
	return left != 0 && w.now.idle() == left && w.want.idle() != left
}

// missing lists the public addresses that are to be given back.
func (p putBack) missing(w way) []address {
	if !p.public {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(w.want.Addresses), func(a address) bool { return w.now.holds(a.Allocation) })
}

// extra lists the public addresses that are to be taken again.
func (p putBack) extra(w way) []address {
	return slices.DeleteFunc(slices.Clone(w.now.Addresses), func(a address) bool {
		return !slices.Contains(p.take, a.Allocation) || w.want.holds(a.Allocation)
	})
}

func (c card) holds(allocation string) bool {
	return slices.ContainsFunc(c.Addresses, func(a address) bool { return a.Allocation == allocation })
}

// do brings back what can be. When somebody else has changed one interface it
// does nothing; one that fails does not keep the others from being brought back.
func (p putBack) do(ctx context.Context, c *conn) error {
	ways, err := p.look(ctx, c)
	if err != nil {
		return err
	}
	if changed := differences(ways); changed != "" {
		return &actions.Error{Class: actions.Precondition, Op: p.op, Err: errors.New(changed),
			Hint: "nothing was changed; decide by hand which groups are right"}
	}
	var all tally
	for _, w := range ways {
		if !w.possible() {
			continue
		}
		id := w.want.ID
		if !w.done() {
			err := c.setGroups(ctx, id, w.want.Groups)
			if all.note(id, err); err != nil {
				continue // the rest of it waits for its groups
			}
		}
		if p.resets(w) {
			all.note(id, c.setIdle(ctx, id, w.want.idle()))
		}
		for _, one := range p.missing(w) {
			err := c.giveAddress(ctx, id, one)
			if !slices.Contains([]string{"Resource.AlreadyAssociated", "InvalidAllocationID.NotFound"}, cloud.Code(err)) { // the proof says that it is missing
				all.note(id, err)
			}
		}
		for _, one := range p.extra(w) {
			all.note(id, c.takeAddresses(ctx, card{Addresses: []address{one}}))
		}
		if p.public && w.want.PublicIP != "" && w.now.PublicIP == "" {
			all.note(id, c.setPublic(ctx, id, true))
		}
	}
	return all.err(p.op)
}

// read proves that all is as it shall be.
func (p putBack) read(ctx context.Context, c *conn) (actions.Reading, error) {
	ways, err := p.look(ctx, c)
	if err != nil {
		return unreadable(err)
	}
	var wrong []string
	for _, w := range ways {
		switch {
		case !w.attached:
			wrong = append(wrong, fmt.Sprintf("interface %s is not attached any more", w.want.ID))
			continue
		case !w.done():
			wrong = append(wrong, fmt.Sprintf("interface %s has %s, not %s", w.want.ID, groupList(w.now.Groups), groupList(w.want.Groups)))
		}
		if len(w.missing) > 0 && !w.done() {
			wrong = append(wrong, fmt.Sprintf("of the latter %s do not exist any more", groupList(w.missing)))
		}
		if p.resets(w) {
			wrong = append(wrong, fmt.Sprintf("interface %s has an idle timeout of %d s, not %d s", w.want.ID, w.now.idle(), w.want.idle()))
		}
		for _, one := range p.missing(w) {
			wrong = append(wrong, fmt.Sprintf("interface %s does not have its public address %s", w.want.ID, one.Public))
		}
		for _, one := range p.extra(w) {
			wrong = append(wrong, fmt.Sprintf("interface %s has the public address %s", w.want.ID, one.Public))
		}
		if p.public && w.want.PublicIP != "" && w.now.PublicIP == "" {
			wrong = append(wrong, fmt.Sprintf("interface %s has no public address", w.want.ID))
		}
	}
	if len(wrong) > 0 {
		return actions.Reading{Verdict: actions.NotVerified, Detail: strings.Join(wrong, "; ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("all %d interfaces of instance %s are what they were", len(ways), p.instance)}, nil
}

// tally collects the errors of calls that are all made, whichever fails.
type tally struct {
	changed bool
	failed  []error
	texts   []string
}

func (t *tally) note(what string, err error) {
	if err == nil {
		t.changed = true
		return
	}
	t.failed = append(t.failed, err)
	t.texts = append(t.texts, what+": "+err.Error())
}

// err is one error for all, or nil. It promises no effect only when there was
// none at all.
func (t *tally) err(op string) error {
	if len(t.failed) == 0 {
		return nil
	}
	e := &actions.Error{Class: actions.ClassOf(t.failed[0]), Op: op, Err: errors.New(strings.Join(t.texts, "; "))}
	if t.changed || slices.ContainsFunc(t.failed, func(err error) bool { return actions.ClassOf(err) == actions.Unknown }) {
		e.Class = actions.Unknown
	}
	return e
}
