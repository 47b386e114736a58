package actions

import (
	"maps"
	"slices"
)

// Registry is the set of actions a process can use, as a value: build one,
// restrict it, swap it for a rehearsal. It is filled before use and is then
// safe for concurrent reads.
type Registry struct {
	handlers map[string]Handler
}

// NewRegistry gives an empty registry.
func NewRegistry() *Registry { return &Registry{handlers: map[string]Handler{}} }

// Register adds an action. A Spec that contradicts itself or a name given
// twice is a programmer's mistake and panics.
func Register[P, R any](r *Registry, a Action[P, R]) {
	h, err := newHandler(a)
	if err != nil {
		panic("actions: " + err.Error())
	}
	r.Add(h)
}

// Add adds an erased action, for decorators. A name given twice panics.
func (r *Registry) Add(h Handler) {
	name := h.Spec().Name
	if _, twice := r.handlers[name]; twice {
		panic("actions: " + name + " is registered twice")
	}
	r.handlers[name] = h
}

// Handler finds an action by name.
func (r *Registry) Handler(name string) (Handler, bool) {
	h, ok := r.handlers[name]
	return h, ok
}

// Spec finds the declaration of an action by name.
func (r *Registry) Spec(name string) (Spec, bool) {
	h, ok := r.handlers[name]
	if !ok {
		return Spec{}, false
	}
	return h.Spec(), true
}

// Names lists the actions, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.handlers)) }
