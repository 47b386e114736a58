package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Handler is an action with its types erased: params and results are JSON.
// It is what the engine calls, and could as well live in another process.
// Every error it returns is an *[Error]. A panic of the action is an error of
// class unknown, because nobody can tell what it had done by then.
type Handler interface {
	Spec() Spec
	Check(params json.RawMessage) Problems
	Plan(ctx context.Context, call Call, params json.RawMessage) (Preview, error)
	Execute(ctx context.Context, call Call, params json.RawMessage) (json.RawMessage, error)
	Verify(ctx context.Context, call Call, params, result json.RawMessage) (Reading, error)
	Probe(ctx context.Context, call Call, params json.RawMessage) (Found, json.RawMessage, error)
	Preflight(ctx context.Context, call Call, params json.RawMessage) ([]Check, error)
	PlanUndo(ctx context.Context, call Call, params, result json.RawMessage) (Preview, error)
	Undo(ctx context.Context, call Call, params, result json.RawMessage) error
	VerifyUndo(ctx context.Context, call Call, params, result json.RawMessage) (Reading, error)
}

// DefaultTimeout is the time limit of one attempt when nothing else is said.
const DefaultTimeout = 30 * time.Second

// handler erases an Action. A nil verifier, undoer or prober means that the
// action has no such ability; calling it is an error of class invalid.
type handler[P, R any] struct {
	spec     Spec
	action   Action[P, R]
	verifier Verifier[P, R]
	undoer   Undoer[P, R]
	prober   Prober[P, R]

	preflighter Preflighter[P]
}

func newHandler[P, R any](a Action[P, R]) (*handler[P, R], error) {
	h := &handler[P, R]{spec: a.Spec(), action: a}
	h.verifier, h.spec.CanVerify = any(a).(Verifier[P, R])
	h.undoer, h.spec.CanUndo = any(a).(Undoer[P, R])
	h.prober, h.spec.CanProbe = any(a).(Prober[P, R])
	h.preflighter, h.spec.CanPreflight = any(a).(Preflighter[P])
	if h.spec.Repeat == "" {
		h.spec.Repeat = Once
	}
	if h.spec.Timeout == 0 {
		h.spec.Timeout = DefaultTimeout
	}
	var err error
	if h.spec.Params, err = fieldsOf(reflect.TypeFor[P]()); err != nil {
		return nil, fmt.Errorf("params of action %q: %w", h.spec.Name, err)
	}
	if h.spec.Outputs, err = fieldsOf(reflect.TypeFor[R]()); err != nil {
		return nil, fmt.Errorf("result of action %q: %w", h.spec.Name, err)
	}
	return h, h.spec.check()
}

func (h *handler[P, R]) Spec() Spec { return h.spec }

func (h *handler[P, R]) Check(params json.RawMessage) Problems {
	_, problems := decode[P](h.spec.Params, params)
	return problems
}

func (h *handler[P, R]) Plan(ctx context.Context, call Call, params json.RawMessage) (preview Preview, err error) {
	defer h.guard("plan", &err)
	p, err := h.params(params)
	if err != nil {
		return Preview{}, err
	}
	return h.action.Plan(ctx, h.in(PhasePlan, call), p)
}

func (h *handler[P, R]) Execute(ctx context.Context, call Call, params json.RawMessage) (result json.RawMessage, err error) {
	defer h.guard("execute", &err)
	p, err := h.params(params)
	if err != nil {
		return nil, err
	}
	r, err := h.action.Execute(ctx, h.in(PhaseExecute, call), p)
	if err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

func (h *handler[P, R]) Verify(ctx context.Context, call Call, params, result json.RawMessage) (reading Reading, err error) {
	defer h.guard("verify", &err)
	if h.verifier == nil {
		return Reading{}, h.cannot("verify")
	}
	p, r, err := h.both(params, result)
	if err != nil {
		return Reading{}, err
	}
	return h.verifier.Verify(ctx, h.in(PhaseVerify, call), p, r)
}

func (h *handler[P, R]) Probe(ctx context.Context, call Call, params json.RawMessage) (found Found, result json.RawMessage, err error) {
	defer h.guard("probe", &err)
	if h.prober == nil {
		return FoundUnknown, nil, h.cannot("probe")
	}
	p, err := h.params(params)
	if err != nil {
		return FoundUnknown, nil, err
	}
	found, r, err := h.prober.Probe(ctx, h.in(PhaseExecute, call), p)
	if err != nil || found != Applied {
		return found, nil, err
	}
	result, err = json.Marshal(r)
	return found, result, err
}

func (h *handler[P, R]) PlanUndo(ctx context.Context, call Call, params, result json.RawMessage) (preview Preview, err error) {
	defer h.guard("plan the undo", &err)
	if h.undoer == nil {
		return Preview{}, h.cannot("undo")
	}
	p, r, err := h.both(params, result)
	if err != nil {
		return Preview{}, err
	}
	return h.undoer.PlanUndo(ctx, h.in(PhaseUndo, call), p, r)
}

func (h *handler[P, R]) Undo(ctx context.Context, call Call, params, result json.RawMessage) (err error) {
	defer h.guard("undo", &err)
	if h.undoer == nil {
		return h.cannot("undo")
	}
	p, r, err := h.both(params, result)
	if err != nil {
		return err
	}
	return h.undoer.Undo(ctx, h.in(PhaseUndo, call), p, r)
}

func (h *handler[P, R]) VerifyUndo(ctx context.Context, call Call, params, result json.RawMessage) (reading Reading, err error) {
	defer h.guard("verify the undo", &err)
	if h.undoer == nil {
		return Reading{}, h.cannot("undo")
	}
	p, r, err := h.both(params, result)
	if err != nil {
		return Reading{}, err
	}
	return h.undoer.VerifyUndo(ctx, h.in(PhaseUndo, call), p, r)
}

func (h *handler[P, R]) params(raw json.RawMessage) (P, error) {
	p, problems := decode[P](h.spec.Params, raw)
	if len(problems) > 0 {
		return p, &Error{Class: Invalid, Op: h.spec.Name, Err: problems}
	}
	return p, nil
}

func (h *handler[P, R]) both(params, result json.RawMessage) (P, R, error) {
	var r R
	p, err := h.params(params)
	if err != nil {
		return p, r, err
	}
	if len(result) > 0 {
		if err := json.Unmarshal(result, &r); err != nil {
			return p, r, &Error{Class: Invalid, Op: h.spec.Name, Err: fmt.Errorf("the recorded result does not fit: %w", err)}
		}
	}
	return p, r, nil
}

// in tells the action what it is called for.
func (h *handler[P, R]) in(phase Phase, call Call) Call {
	call.Phase, call.Effect, call.Evidence = phase, h.spec.Effect, call.Evidence || h.spec.Adds
	return call
}

func (h *handler[P, R]) cannot(what string) error {
	return &Error{Class: Invalid, Op: h.spec.Name, Err: fmt.Errorf("this action cannot %s", what)}
}

// guard classifies what leaves the action and turns a panic into an error.
func (h *handler[P, R]) guard(doing string, err *error) {
	if r := recover(); r != nil {
		*err = &Error{Class: Unknown, Op: h.spec.Name, Err: fmt.Errorf("bug: panic while trying to %s: %v", doing, r)}
		return
	}
	if *err != nil {
		*err = AsError(h.spec.Name, *err)
	}
}
