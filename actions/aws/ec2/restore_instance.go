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

type restoreInstance struct{ cloud *cloud.Cloud }

type restoreInstanceParams struct {
	InstanceID  string            `json:"instance_id" doc:"the instance to let go" example:"i-0abc1234def567890" pattern:"^i-[0-9a-f]{8,17}$" subject:"true"`
	Interfaces  []interfaceBefore `json:"interfaces" doc:"what each interface goes back to, as aws.ec2.isolate_instance gave it; those that are not named stay as they are" example:"[{interface_id: eni-0abc1234def567890, groups: [sg-0abc1234def567890]}]"`
	IdleTimeout actions.Span      `json:"idle_timeout,omitempty" doc:"the idle timeout that the isolation had set: one that is still that is put back; 0s: it is left" default:"60s" example:"60s"`
}

type restoreInstanceResult struct {
	InstanceID string   `json:"instance_id" doc:"the instance that was let go"`
	Restored   []string `json:"restored" doc:"the interfaces that went back"`
	Left       []string `json:"left" doc:"for each interface that did not go back, why"`
}

// restoration is what Plan captures.
type restoration struct {
	Instance string   `json:"instance"`
	Cards    []card   `json:"cards"`          // the named interfaces, isolated as they are
	Give     []string `json:"give,omitempty"` // Elastic IPs that they do not have now
}

func (restoreInstance) Spec() actions.Spec {
	const op = "ec2:ModifyNetworkInterfaceAttribute"
	rows := []actions.Permission{{Phase: actions.PhasePlan, Action: "ec2:DescribeInstances", Resource: "*", Why: "find the instance, and make sure that it is not firebreak's own host"},
		{Phase: actions.PhaseExecute, Action: "ec2:DescribeInstances", Resource: "*", Why: "make sure once more that it is not firebreak's own host"}}
	for _, phase := range actions.Phases() {
		rows = append(rows,
			actions.Permission{Phase: phase, Action: "ec2:DescribeNetworkInterfaces", Resource: "*", Why: "read the groups and addresses of every interface"},
			actions.Permission{Phase: phase, Action: "ec2:DescribeSecurityGroups", Resource: "*", Why: "see whether the groups exist, and which are quarantine groups of ours"})
	}
	rows = append(rows,
		actions.Permission{Phase: actions.PhaseExecute, Action: op, Resource: onInterface, Why: "give every interface its groups and idle timeout back"},
		actions.Permission{Phase: actions.PhaseExecute, Action: op, Resource: onGroup, Why: "put the original groups on it"},
		actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:AssociateAddress", Resource: onAddress, Why: "give the public address back"},
		actions.Permission{Phase: actions.PhaseExecute, Action: "ec2:AssociateAddress", Resource: onInterface, Why: "give the public address back"},
		actions.Permission{Phase: actions.PhaseUndo, Action: op, Resource: onInterface, Why: "isolate every interface as it was"},
		actions.Permission{Phase: actions.PhaseUndo, Action: op, Resource: onGroup, Conditions: onlyOurs(), Why: "put the quarantine group on it again"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DisassociateAddress", Resource: onAddress, Why: "take the public address again"},
		actions.Permission{Phase: actions.PhaseUndo, Action: "ec2:DisassociateAddress", Resource: onInterface, Why: "take the public address again"},
	)
	return actions.Spec{
		Name: "aws.ec2.restore_instance", Version: 1,
		Title: "Let an isolated instance back into the network",
		Doc: "Gives each interface of an isolated instance its original security groups, idle timeout and Elastic IPs back, outside of the run that isolated it. It acts only while every interface has a quarantine group of firebreak's or its original groups; else it shows the difference and changes nothing. " +
			"An interface that is not attached any more, or whose groups do not exist any more, is left and told. The quarantine group stays, so that this can be undone.",
		Effect: actions.Reversible, Repeat: actions.Idempotent,
		BlastRadius: "The instance can reach and be reached as before: so can whoever had a way into it.",
		StaysAlive: []string{
			"Whatever runs on the instance: nothing on it is cleaned.",
			"Interfaces that are not named stay isolated.",
			"A public address that AWS had assigned by itself is not given back: stop and start the instance for another.",
			"What other steps did: its role, its place in the Auto Scaling group, its targets.",
		},
		Permissions: rows,
		Timeout:     time.Minute,
	}
}

// wanted are the interfaces as the parameters say.
func (p restoreInstanceParams) wanted() ([]card, actions.Problems) {
	var cards []card
	var problems actions.Problems
	if len(p.Interfaces) == 0 {
		problems = append(problems, actions.Problem{Path: "interfaces", Message: "names no interface", Hint: "take them from the result of the step that isolated the instance"})
	}
	for i, one := range p.Interfaces {
		path := fmt.Sprintf("interfaces.%d", i)
		c := card{ID: one.ID, Groups: slices.Sorted(slices.Values(one.Groups)), Idle: int32(one.Idle)}
		for _, a := range one.Addresses {
			c.Addresses = append(c.Addresses, address{Allocation: a.Allocation, Public: a.Allocation, Private: a.Private})
		}
		if len(one.Groups) == 0 {
			problems = append(problems, actions.Problem{Path: path + ".groups", Message: "names no security group", Hint: "an interface has at least one"})
		}
		if _, twice := findCard(cards, one.ID); twice {
			problems = append(problems, actions.Problem{Path: path + ".interface_id", Message: fmt.Sprintf("%q is named twice", one.ID)})
		}
		if one.Idle != 0 && (one.Idle < 60 || one.Idle > defaultIdle) {
			problems = append(problems, actions.Problem{Path: path + ".idle_seconds", Message: fmt.Sprintf("%d is not between 60 and %d", one.Idle, defaultIdle)})
		}
		cards = append(cards, c)
	}
	return cards, problems
}

// forward is the way from isolation to freedom.
func (p restoreInstanceParams) forward(cards []card) putBack {
	idle := map[string]int32{}
	for _, one := range cards {
		idle[one.ID] = int32(time.Duration(p.IdleTimeout) / time.Second)
	}
	return putBack{op: "aws.ec2.restore_instance", instance: p.InstanceID, cards: cards, idle: idle, public: true, left: func(_ string, groups []types.SecurityGroup) bool {
		return len(groups) == 1 && ours(groups[0]) && (strings.HasPrefix(aws.ToString(groups[0].GroupName), quarantineName) || strings.HasPrefix(aws.ToString(groups[0].GroupName), openName))
	}}
}

// backward is the way from freedom to isolation as it was.
func (s restoration) backward(wanted []card) putBack {
	back := putBack{op: "aws.ec2.restore_instance", instance: s.Instance, cards: s.Cards, idle: map[string]int32{}, take: s.Give}
	for _, one := range wanted {
		back.idle[one.ID] = one.idle()
	}
	back.left = func(id string, groups []types.SecurityGroup) bool {
		var ids []string
		for _, g := range groups {
			ids = append(ids, aws.ToString(g.GroupId))
		}
		one, named := findCard(wanted, id)
		return named && one.has(ids...)
	}
	return back
}

func (a restoreInstance) Plan(ctx context.Context, call actions.Call, p restoreInstanceParams) (actions.Preview, error) {
	const op = "aws.ec2.restore_instance"
	wanted, problems := p.wanted()
	if len(problems) > 0 {
		return actions.Preview{}, &actions.Error{Class: actions.Invalid, Op: op, Err: problems}
	}
	c, err := open(ctx, a.cloud, call)
	if err != nil {
		return actions.Preview{}, err
	}
	if _, err := c.instanceToChange(ctx, op, p.InstanceID); err != nil {
		return actions.Preview{}, err
	}
	preview, err := p.forward(wanted).preview(ctx, c)
	if err != nil {
		return preview, err
	}
	if preview.NoUndo != "" {
		return actions.Preview{}, &actions.Error{Class: actions.Precondition, Op: op, Err: errors.New(preview.NoUndo), Hint: "somebody changed it since; decide by hand which groups are right"}
	}
	now, err := c.cards(ctx, p.InstanceID)
	if err != nil {
		return preview, err
	}
	state := restoration{Instance: p.InstanceID}
	for _, one := range now {
		if want, named := findCard(wanted, one.ID); named {
			state.Cards = append(state.Cards, one)
			for _, public := range want.Addresses {
				if !one.holds(public.Allocation) {
					state.Give = append(state.Give, public.Allocation)
				}
			}
		} else {
			preview.Warnings = append(preview.Warnings, fmt.Sprintf("Interface %s is not named and keeps %s.", one.ID, groupList(one.Groups)))
		}
	}
	if len(state.Cards) == 0 {
		return preview, &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf("none of the named interfaces is attached to instance %q", p.InstanceID), Hint: "check the ids"}
	}
	if preview.InEffect {
		preview.NoUndo = "the instance was not isolated"
	} else {
		preview.NoUndo = leftOpen(state.Cards)
	}
	preview.Warnings = append(preview.Warnings, "Whoever had a way into the instance has it again at once.")
	return preview, preview.Capture(state)
}

func (a restoreInstance) Execute(ctx context.Context, call actions.Call, p restoreInstanceParams) (restoreInstanceResult, error) {
	var r restoreInstanceResult
	c, state, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return r, err
	}
	if _, err := c.instanceToChange(ctx, "aws.ec2.restore_instance", state.Instance); err != nil {
		return r, err
	}
	forward := p.forward(wanted)
	ways, err := forward.look(ctx, c)
	if err != nil {
		return r, err
	}
	if err := forward.do(ctx, c); err != nil {
		return r, err
	}
	r = restoreInstanceResult{InstanceID: state.Instance, Restored: []string{}, Left: append([]string{}, obstacles(ways)...)}
	for _, w := range ways {
		if w.possible() || w.done() {
			r.Restored = append(r.Restored, w.want.ID)
		}
	}
	return r, nil
}

func (a restoreInstance) Verify(ctx context.Context, call actions.Call, p restoreInstanceParams, _ restoreInstanceResult) (actions.Reading, error) {
	c, _, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	return p.forward(wanted).read(ctx, c)
}

func (a restoreInstance) PlanUndo(ctx context.Context, call actions.Call, p restoreInstanceParams, _ restoreInstanceResult) (actions.Preview, error) {
	c, state, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	return state.backward(wanted).preview(ctx, c)
}

func (a restoreInstance) Undo(ctx context.Context, call actions.Call, p restoreInstanceParams, _ restoreInstanceResult) error {
	c, state, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return err
	}
	if why := leftOpen(state.Cards); why != "" {
		return &actions.Error{Class: actions.Precondition, Op: "aws.ec2.restore_instance", Err: errors.New(why), Hint: "isolate the instance with aws.ec2.isolate_instance instead"}
	}
	return state.backward(wanted).do(ctx, c)
}

func (a restoreInstance) VerifyUndo(ctx context.Context, call actions.Call, p restoreInstanceParams, _ restoreInstanceResult) (actions.Reading, error) {
	c, state, wanted, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	return state.backward(wanted).read(ctx, c)
}

// resume loads what Plan captured and opens the session.
func (a restoreInstance) resume(ctx context.Context, call actions.Call, p restoreInstanceParams) (*conn, restoration, []card, error) {
	var state restoration
	if err := call.LoadState(&state); err != nil {
		return nil, state, nil, err
	}
	wanted, problems := p.wanted()
	if len(problems) > 0 || state.Instance != p.InstanceID || len(state.Cards) == 0 {
		return nil, state, nil, actions.WrongState("it is of another release")
	}
	c, err := open(ctx, a.cloud, call)
	return c, state, wanted, err
}
