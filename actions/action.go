package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Action is one thing a step can use. P and R are plain structs: what it takes
// and what it gives. Plan must not change anything. Execute may be called
// again with the same [Call.Key] when [Spec.Repeat] allows it.
type Action[P, R any] interface {
	Spec() Spec
	Plan(ctx context.Context, call Call, params P) (Preview, error)
	Execute(ctx context.Context, call Call, params P) (R, error)
}

// Verifier is an Action that can prove its effect by reading the target. It
// makes one reading; the caller polls. An empty answer of the target is never
// proof: answer [CannotVerify].
type Verifier[P, R any] interface {
	Verify(ctx context.Context, call Call, params P, result R) (Reading, error)
}

// Undoer is an Action whose effect can be taken back with the state captured
// by Plan ([Call.State]). PlanUndo only reads; its Preview says what the undo
// will change. VerifyUndo makes one reading, as [Verifier] does.
type Undoer[P, R any] interface {
	PlanUndo(ctx context.Context, call Call, params P, result R) (Preview, error)
	Undo(ctx context.Context, call Call, params P, result R) error
	VerifyUndo(ctx context.Context, call Call, params P, result R) (Reading, error)
}

// Prober is an Action that can find out whether an attempt with [Call.Key]
// took effect although its answer was lost. The result is used only when
// Found is [Applied].
type Prober[P, R any] interface {
	Probe(ctx context.Context, call Call, params P) (Found, R, error)
}

// Call says on whose behalf an action is called. An undo is called with the key,
// the step and the start of the step that it takes back, so that an action
// recognises what it made; attempt and actor are the undo's own.
type Call struct {
	Key         Key             // the same for every attempt of one logical step
	Incident    string          // "INC-12"
	Run         string          // "R1"
	Step        string          // the step's id
	Attempt     int             // from 1
	Environment string          // name of the environment in the configuration
	Actor       string          // person on whose authority: the last approver, else who started the run
	Started     time.Time       // time of the first intent of this step; zero while planning
	State       json.RawMessage // what Plan captured, write-once; nil while planning
	Evidence    bool            // the step collects evidence, or the action only adds to the record
	Phase       Phase           // which part of the action's life; set by its [Handler]
	Effect      Effect          // of the action; set by its [Handler]
	Requests    *Requests       // collects the provider's request ids; may be nil
}

// LoadState decodes the state captured by Plan. Without one it is an error of
// class precondition: an undo must not guess.
func (c Call) LoadState(into any) error {
	if len(c.State) == 0 {
		return &Error{Class: Precondition, Op: loadState, Err: fmt.Errorf("step %q captured no state before it changed anything", c.Step)}
	}
	if err := json.Unmarshal(c.State, into); err != nil {
		return &Error{Class: Invalid, Op: loadState, Err: err}
	}
	return nil
}

// WrongState is the error for a captured state that is of something else than the
// parameters: nothing may be done with it. The words say what it is of.
func WrongState(format string, args ...any) error {
	return &Error{Class: Precondition, Op: loadState, Err: fmt.Errorf(format, args...), Hint: "plan the step again"}
}

const loadState = "load the captured state"

// Key is the idempotency key of a logical step: 64 lower-case hex digits,
// derived by the engine from store, run and step, never random.
type Key string

// Token is the key cut to n characters, for providers with short client tokens.
func (k Key) Token(n int) string {
	if len(k) <= n {
		return string(k)
	}
	return string(k[:n])
}

// Preview is the answer of Plan: what would change, on what, by which calls.
type Preview struct {
	Targets  []Target        `json:"targets,omitempty"`
	Changes  []string        `json:"changes,omitempty"`  // one sentence each, for people
	Calls    []string        `json:"calls,omitempty"`    // provider calls that Execute will make, "iam:UpdateAccessKey"
	Warnings []string        `json:"warnings,omitempty"` // what breaks, what stays alive
	State    json.RawMessage `json:"state,omitempty"`    // needed to go back; no secrets
	InEffect bool            `json:"in_effect,omitempty"`
	NoUndo   string          `json:"no_undo,omitempty"` // why this cannot be taken back; empty: it can, if the action can
}

// Capture stores v as the preview's State.
func (p *Preview) Capture(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("capture the state before the change: %w", err)
	}
	p.State = data
	return nil
}

// Target is one concrete thing that an action touches.
type Target struct {
	Type    string `json:"type"` // "aws.iam.user"
	ID      string `json:"id"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
}

// String is the target in one word: type:id, with the account in front of the
// id when it is known.
func (t Target) String() string {
	if t.Account != "" {
		return t.Type + ":" + t.Account + "/" + t.ID
	}
	return t.Type + ":" + t.ID
}

// Verdict is what a reading proves. Only Verified is success.
type Verdict string

// The four verdicts.
const (
	Verified     Verdict = "verified"      // read back, and as it should be
	NotVerified  Verdict = "not_verified"  // read back, and different
	CannotVerify Verdict = "cannot_verify" // not readable: no permission, empty answer
	Pending      Verdict = "pending"       // asynchronous, not there yet
)

// Reading is one look at the target after an effect.
type Reading struct {
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"` // what was read, for people
}

// Found is what a probe says about an attempt whose answer was lost.
type Found string

// The three answers of a probe.
const (
	Applied      Found = "applied"
	NotApplied   Found = "not_applied"
	FoundUnknown Found = "unknown"
)

// Requests collects the ids a provider gave to our requests, so that the
// journal joins with the provider's own log. The zero value is ready; a nil
// *Requests drops what it is given.
type Requests struct {
	mu   sync.Mutex
	list []Request
}

// Request is one call to a provider.
type Request struct {
	Operation string `json:"op"` // "iam:UpdateAccessKey"
	ID        string `json:"id,omitempty"`
}

// Add notes one request.
func (r *Requests) Add(operation, id string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, Request{Operation: operation, ID: id})
}

// List is what was noted so far, in order.
func (r *Requests) List() []Request {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.list...)
}
