package lambda

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// stopped says whether the function was stopped before we came.
func (f function) stopped() bool {
	for _, m := range f.Mappings {
		if m.feeds() {
			return false
		}
	}
	return sameReserved(f.Reserved, aws.Int32(0))
}

// missing lists the mappings that have to be enabled again.
func (f function) missing(now function) (off []mapping, gone []string) {
	for _, m := range f.Mappings {
		is, listed := find(now.Mappings, m.ID)
		switch {
		case !m.feeds():
		case !listed || is.State == "Deleting":
			gone = append(gone, m.String())
		case !is.feeds():
			off = append(off, m)
		}
	}
	return off, gone
}

func (a quarantineFunction) PlanUndo(ctx context.Context, call actions.Call, p quarantineFunctionParams, _ quarantineFunctionResult) (actions.Preview, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{Targets: []actions.Target{c.target(before)}}
	if before.stopped() {
		preview.NoUndo = "it was stopped before this step; it stays so"
		return preview, nil
	}
	now, off, err := c.changed(ctx, before)
	if err != nil {
		return preview, err
	}
	preview.InEffect = sameReserved(now.Reserved, before.Reserved) && len(off) == 0
	preview.Changes = []string{fmt.Sprintf("Function %s has its reserved concurrency again: %s.", before.Name, reserved(before.Reserved))}
	preview.Calls = []string{"lambda:PutFunctionConcurrency"}
	if before.Reserved == nil {
		preview.Calls = []string{"lambda:DeleteFunctionConcurrency"}
	}
	for _, m := range off {
		preview.Changes = append(preview.Changes, fmt.Sprintf("Event source mapping %s is enabled again.", m))
	}
	if len(off) > 0 {
		preview.Calls = append(preview.Calls, "lambda:UpdateEventSourceMapping")
	}
	preview.Warnings = []string{"Events that waited meanwhile are worked off at once: asynchronous ones, queues and streams."}
	return preview, nil
}

// changed reads the function again, and refuses when somebody changed since
// what the undo would overwrite.
func (c *conn) changed(ctx context.Context, before function) (now function, off []mapping, err error) {
	if now, err = c.now(ctx, before); err != nil {
		return now, nil, err
	}
	off, gone := before.missing(now)
	switch {
	case !sameReserved(now.Reserved, aws.Int32(0)) && !sameReserved(now.Reserved, before.Reserved):
		return now, nil, &actions.Error{Class: actions.Precondition, Op: quarantineOp,
			Err:  fmt.Errorf("function %s has a reserved concurrency of %s, which is neither 0 nor what it had before (%s)", before.Name, reserved(now.Reserved), reserved(before.Reserved)),
			Hint: "somebody changed it since; look at it, and set it by hand"}
	case len(gone) > 0:
		return now, nil, &actions.Error{Class: actions.Precondition, Op: quarantineOp, Err: fmt.Errorf("event source mapping %s is not there any more, so the function cannot be as it was", strings.Join(gone, ", ")),
			Hint: fmt.Sprintf("find out who deleted it; then set the reserved concurrency back by hand (it was %s)", reserved(before.Reserved))}
	}
	return now, off, nil
}

func (a quarantineFunction) Undo(ctx context.Context, call actions.Call, p quarantineFunctionParams, _ quarantineFunctionResult) error {
	c, before, err := a.resume(ctx, call, p)
	if err != nil || before.stopped() {
		return err
	}
	now, off, err := c.changed(ctx, before)
	if err != nil {
		return err
	}
	// The function first: events that come before it may run would count as failed.
	done := ""
	if !sameReserved(now.Reserved, before.Reserved) {
		if err := c.reserve(ctx, before.Name, before.Reserved); err != nil {
			return err
		}
		done = "the reserved concurrency is " + reserved(before.Reserved) + " again"
	}
	for _, m := range off {
		if err := c.enable(ctx, m.ID, true); err != nil {
			return cloud.Partly(quarantineOp, done, fmt.Errorf("event source mapping %s: %w", m, err))
		}
		done = "event source mapping " + m.ID + " is enabled again"
	}
	return nil
}

func (a quarantineFunction) VerifyUndo(ctx context.Context, call actions.Call, p quarantineFunctionParams, _ quarantineFunctionResult) (actions.Reading, error) {
	c, before, err := a.resume(ctx, call, p)
	if err != nil {
		return actions.Reading{}, err
	}
	now, err := c.now(ctx, before)
	if err != nil {
		return cloud.Unreadable(err)
	}
	off, gone := before.missing(now)
	var coming []string
	for _, m := range before.Mappings {
		if is, _ := find(now.Mappings, m.ID); m.State == "Enabled" && is.feeds() && is.State != "Enabled" {
			coming = append(coming, m.String()+" is "+is.State)
		}
	}
	switch {
	case !sameReserved(now.Reserved, before.Reserved):
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("function %s has a reserved concurrency of %s, it had %s", before.Name, reserved(now.Reserved), reserved(before.Reserved))}, nil
	case len(off) > 0 || len(gone) > 0:
		return actions.Reading{Verdict: actions.NotVerified, Detail: fmt.Sprintf("%d event source mappings are not enabled again, %d are gone", len(off), len(gone))}, nil
	case len(coming) > 0:
		return actions.Reading{Verdict: actions.Pending, Detail: "event source mapping " + strings.Join(coming, ", ")}, nil
	}
	return actions.Reading{Verdict: actions.Verified, Detail: fmt.Sprintf("function %s has a reserved concurrency of %s again, and its event source mappings are enabled", before.Name, reserved(before.Reserved))}, nil
}
