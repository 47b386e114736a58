package actions

import (
	"context"
	"encoding/json"
)

// Preflighter is an Action that can find out, without changing anything,
// whether it would work tonight: by a dry run where the provider has one, by
// checks of configuration and quotas. Plan is made before it and need not be
// repeated here; rights are checked apart, from [Spec.Permissions].
type Preflighter[P any] interface {
	Preflight(ctx context.Context, call Call, params P) ([]Check, error)
}

// Readiness is what a check says.
type Readiness string

// The three answers. Only Ready is good news.
const (
	Ready        Readiness = "ready"
	NotReady     Readiness = "not_ready" // it would fail, and Detail says why
	ReadyUnknown Readiness = "unknown"   // it cannot be told, and Detail says why
)

// Check is one thing that was looked at before it is needed.
type Check struct {
	Name      string    `json:"name"` // "dry run of ec2:ModifyNetworkInterfaceAttribute"
	Readiness Readiness `json:"readiness"`
	Detail    string    `json:"detail,omitempty"` // what was seen, and what to do next
}

// Preflight makes the checks of an action that has some; none is no error.
func (h *handler[P, R]) Preflight(ctx context.Context, call Call, params json.RawMessage) (checks []Check, err error) {
	defer h.guard("preflight", &err)
	if h.preflighter == nil {
		return nil, nil
	}
	p, err := h.params(params)
	if err != nil {
		return nil, err
	}
	return h.preflighter.Preflight(ctx, h.in(PhasePlan, call), p)
}
