package http

import (
	"context"
	"fmt"

	"github.com/firebreak-ir/firebreak/actions"
)

// undoable says why a step cannot be taken back, or "".
func (a request) undoable(call actions.Call, p requestParams) (why string, err error) {
	var state requestState
	if err := call.LoadState(&state); err != nil {
		return "", err
	}
	switch {
	case !p.Undo.given():
		return noUndo, nil
	case state.Before:
		return "the effect was there before this step; it stays", nil
	}
	return "", nil
}

func (a request) PlanUndo(ctx context.Context, call actions.Call, p requestParams, _ requestResult) (actions.Preview, error) {
	why, err := a.undoable(call, p)
	if err != nil || why != "" {
		return actions.Preview{NoUndo: why}, err
	}
	o, _, err := a.provider.change("undo.", p.Undo)
	if err != nil {
		return actions.Preview{}, err
	}
	gone, err := a.stillOurs(ctx, call, p)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets:  []actions.Target{{Type: "http.url", ID: place(o.url)}},
		Changes:  []string{fmt.Sprintf("%s is sent to %s, with a body of %d bytes, which takes the effect of the step back.", o.method, o.url, len(o.body))},
		Calls:    []string{o.op},
		InEffect: gone,
	}
	if !p.Verify.given() {
		preview.Warnings = []string{"The step has no verify request, so nobody can tell whether the target is still as the step left it."}
	}
	return preview, nil
}

// stillOurs says whether the effect is gone already, and refuses when the
// target is neither as the step left it nor as it was before.
func (a request) stillOurs(ctx context.Context, call actions.Call, p requestParams) (gone bool, err error) {
	before, err := a.provider.read(ctx, call, "undo.verify", p.Undo.Verify)
	if err != nil || before.Verdict == actions.Verified {
		return err == nil, err
	}
	if !p.Verify.given() {
		return false, nil
	}
	now, err := a.provider.read(ctx, call, "verify", p.Verify)
	if err != nil {
		return false, err
	}
	if now.Verdict != actions.Verified {
		return false, &actions.Error{Class: actions.Precondition, Op: opRequest, Err: fmt.Errorf("the target is not as the step left it: %s", now.Detail),
			Hint: "somebody else has changed it; look at it, and take the step back by hand"}
	}
	return false, nil
}

func (a request) Undo(ctx context.Context, call actions.Call, p requestParams, _ requestResult) error {
	why, err := a.undoable(call, p)
	if err != nil {
		return err
	}
	if why != "" {
		return &actions.Error{Class: actions.Precondition, Op: opRequest, Err: fmt.Errorf("there is no undo: %s", why), Hint: "take it back by hand"}
	}
	o, statuses, err := a.provider.change("undo.", p.Undo)
	if err != nil {
		return err
	}
	if gone, err := a.stillOurs(ctx, call, p); err != nil || gone {
		return err
	}
	return a.provider.make(ctx, call, o, statuses, p.Undo.Headers, nil)
}

func (a request) VerifyUndo(ctx context.Context, call actions.Call, p requestParams, _ requestResult) (actions.Reading, error) {
	if !p.Undo.given() {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: noUndo}, nil
	}
	found, err := a.provider.read(ctx, call, "undo.verify", p.Undo.Verify)
	if err != nil {
		return unreadable(err)
	}
	return found, nil
}
