package http

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

type request struct{ provider *Provider }

type requestParams struct {
	Method            string            `json:"method" doc:"the HTTP method" enum:"POST,PUT,PATCH,DELETE"`
	URL               string            `json:"url" doc:"where to send it; its host must be one of http.hosts in the configuration" example:"https://api.example.com/v1/users"`
	Path              []string          `json:"path,omitempty" doc:"parts to add to the path of the URL, each as one part whatever it holds: the place for values from outside"`
	Query             map[string]string `json:"query,omitempty" doc:"parameters to add to the URL, written correctly whatever they hold; no secrets"`
	Headers           map[string]string `json:"headers,omitempty" doc:"headers by name; a secret is a reference that ends the value, like Bearer secret://env/TOKEN"`
	Body              string            `json:"body,omitempty" doc:"the body as it is; for JSON with values from outside use json instead"`
	JSON              map[string]string `json:"json,omitempty" doc:"the body as a JSON object: texts by name, or by JSON pointer (/user/status) for an object inside"`
	Literals          map[string]string `json:"literals,omitempty" doc:"more of the JSON object: values that are no texts, written as JSON, such as true, 3 or []"`
	ExpectStatus      []int             `json:"expect_status,omitempty" doc:"the statuses that mean success; 200, 201, 202 and 204 when not given"`
	IdempotencyHeader string            `json:"idempotency_header,omitempty" doc:"header by which the service removes duplicates; its value is a UUID, the same for each attempt" example:"Idempotency-Key"`
	Verify            reading           `json:"verify,omitzero" doc:"a GET request that proves the effect"`
	Undo              reversal          `json:"undo,omitzero" doc:"a request that takes the effect back, and how that is proved"`
}

type reading struct {
	URL          string            `json:"url" doc:"what to read" example:"https://api.example.com/v1/users"`
	Path         []string          `json:"path,omitempty" doc:"parts to add to the path, each as one part"`
	Query        map[string]string `json:"query,omitempty" doc:"parameters to add to the URL"`
	Headers      map[string]string `json:"headers,omitempty" doc:"headers of this request; those of the step are not taken over"`
	ExpectStatus []int             `json:"expect_status,omitempty" doc:"the statuses that prove it; 200 when not given"`
	Expect       []expectation     `json:"expect,omitempty" doc:"what the JSON of the answer must hold"`
}

type reversal struct {
	Method       string            `json:"method" doc:"the HTTP method" enum:"POST,PUT,PATCH,DELETE"`
	URL          string            `json:"url" doc:"where to send it" example:"https://api.example.com/v1/users"`
	Path         []string          `json:"path,omitempty" doc:"parts to add to the path, each as one part"`
	Query        map[string]string `json:"query,omitempty" doc:"parameters to add to the URL"`
	Headers      map[string]string `json:"headers,omitempty" doc:"headers of this request; those of the step are not taken over"`
	Body         string            `json:"body,omitempty" doc:"the body as it is"`
	JSON         map[string]string `json:"json,omitempty" doc:"the body as a JSON object, as in the step"`
	Literals     map[string]string `json:"literals,omitempty" doc:"more of the JSON object, as in the step"`
	ExpectStatus []int             `json:"expect_status,omitempty" doc:"the statuses that mean success; 200, 201, 202 and 204 when not given"`
	Verify       reading           `json:"verify" doc:"a GET request that proves that the effect is gone"`
}

type requestResult struct {
	Method         string `json:"method" doc:"the method that was sent"`
	URL            string `json:"url" doc:"the URL it was sent to, without its query"`
	IdempotencyKey string `json:"idempotency_key" doc:"value of the idempotency header; empty when none is named"`
}

// requestState is what Plan captures: whether the effect was there before.
type requestState struct {
	Before bool `json:"before"`
}

const opRequest = "http.request"

// settle is how long after a lost answer a service may still be at work.
const settle = 10 * time.Second

func (request) Spec() actions.Spec {
	permission := func(phase actions.Phase, action, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: "http:" + action, Resource: resource, Why: why}
	}
	return actions.Spec{
		Name: opRequest, Version: 1,
		Title:  "Send a request to a web service",
		Doc:    "Sends one POST, PUT, PATCH or DELETE request to a host that the configuration lists. Give it a verify request, which proves the effect, and an undo request: without them the step is unproven and cannot be taken back. After a lost answer the verify request tells whether it took effect; when it did not, the request is sent again only if it is PUT or DELETE or carries an idempotency header, else a person decides. Redirects are not followed, and private addresses are not dialled unless the configuration opens them.",
		Effect: actions.Destructive, Repeat: actions.Probe,
		BlastRadius: "Whatever the service does on this request: only the author of the step knows.",
		StaysAlive: []string{
			"What the service did before, and what other systems learned from it: sessions, caches, copies.",
			"The effect itself, as far as the verify request does not look at it.",
		},
		Permissions: []actions.Permission{
			permission(actions.PhasePlan, "GET", "{verify.url}", "see whether the effect is there already"),
			permission(actions.PhaseExecute, "{method}", "{url}", "make the change"),
			permission(actions.PhaseExecute, "GET", "{verify.url}", "find out whether an attempt in doubt took effect"),
			permission(actions.PhaseVerify, "GET", "{verify.url}", "prove the effect"),
			permission(actions.PhaseUndo, "GET", "{verify.url}", "see whether the target is still as we left it"),
			permission(actions.PhaseUndo, "{undo.method}", "{undo.url}", "take the change back"),
			permission(actions.PhaseUndo, "GET", "{undo.verify.url}", "prove that it is gone"),
		},
		Settle: settle,
	}
}

func (a request) Plan(ctx context.Context, call actions.Call, p requestParams) (actions.Preview, error) {
	var preview actions.Preview
	o, _, err := a.prepare(p, call.Key)
	if err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets: []actions.Target{{Type: "http.url", ID: place(o.url)}},
		Changes: []string{fmt.Sprintf("%s is sent to %s, with a body of %d bytes.", o.method, o.url, len(o.body))},
		Calls:   []string{o.op},
	}
	var state requestState
	if p.Verify.given() {
		found, err := a.provider.read(ctx, call, "verify", p.Verify)
		if err != nil {
			return preview, err
		}
		switch found.Verdict {
		case actions.Verified:
			state.Before, preview.InEffect, preview.NoUndo = true, true, "the effect was there before this step"
		case actions.CannotVerify:
			preview.Warnings = append(preview.Warnings, "The effect will not be provable: "+found.Detail+".")
		}
	} else {
		preview.Warnings = append(preview.Warnings, "The step has no verify request, so nothing will prove its effect.")
	}
	if !p.Undo.given() {
		preview.NoUndo = noUndo
		preview.Warnings = append(preview.Warnings, "The step has no undo request, so it cannot be taken back from here.")
	}
	if !p.Verify.given() && p.IdempotencyHeader == "" || p.IdempotencyHeader == "" && (p.Method == http.MethodPost || p.Method == http.MethodPatch) {
		preview.Warnings = append(preview.Warnings, "If the answer is lost, a person may have to decide whether it is sent again.")
	}
	return preview, preview.Capture(state)
}

const noUndo = "the step has no undo request"

// prepare checks the whole step, with its verify and undo, and gives its request.
func (a request) prepare(p requestParams, key actions.Key) (outgoing, []int, error) {
	o, statuses, err := a.provider.change("", reversal{Method: p.Method, URL: p.URL, Path: p.Path, Query: p.Query, Headers: p.Headers, Body: p.Body, JSON: p.JSON, Literals: p.Literals, ExpectStatus: p.ExpectStatus})
	if err != nil {
		return o, nil, err
	}
	if p.IdempotencyHeader != "" {
		for h := range p.Headers {
			if strings.EqualFold(h, p.IdempotencyHeader) {
				return o, nil, &actions.Error{Class: actions.Invalid, Op: opRequest, Err: fmt.Errorf("idempotency_header: the header %q is given in headers too", h)}
			}
		}
		if err := a.provider.checkHeaders(opRequest, "idempotency_header", map[string]string{p.IdempotencyHeader: "x"}, o.url); err != nil {
			return o, nil, err
		}
		if uuid(key) == "" {
			return o, nil, &actions.Error{Class: actions.Invalid, Op: opRequest, Err: errors.New("idempotency_header: the step has no key of its own")}
		}
	}
	if p.Verify.given() {
		if _, _, err := a.provider.lookup("verify", p.Verify); err != nil {
			return o, nil, err
		}
	}
	if p.Undo.given() {
		if _, _, err := a.provider.change("undo.", p.Undo); err != nil {
			return o, nil, err
		}
		if _, _, err := a.provider.lookup("undo.verify", p.Undo.Verify); err != nil {
			return o, nil, err
		}
	}
	return o, statuses, nil
}

func (r reading) given() bool  { return r.URL != "" }
func (r reversal) given() bool { return r.URL != "" }

// uuid is the key of a step in the form in which services take one.
func uuid(key actions.Key) string {
	b, err := hex.DecodeString(key.Token(32))
	if err != nil || len(b) != 16 {
		return ""
	}
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // version 8: made of what the maker likes
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func (a request) result(o outgoing, p requestParams, key actions.Key) requestResult {
	r := requestResult{Method: o.method, URL: place(o.url)}
	if p.IdempotencyHeader != "" {
		r.IdempotencyKey = uuid(key)
	}
	return r
}

func (a request) Execute(ctx context.Context, call actions.Call, p requestParams) (requestResult, error) {
	var state requestState
	if err := call.LoadState(&state); err != nil {
		return requestResult{}, err
	}
	o, statuses, err := a.prepare(p, call.Key)
	if err != nil {
		return requestResult{}, err
	}
	more := map[string]string{}
	if p.IdempotencyHeader != "" {
		more[p.IdempotencyHeader] = uuid(call.Key)
	}
	if err := a.provider.make(ctx, call, o, statuses, p.Headers, more); err != nil {
		return requestResult{}, err
	}
	return a.result(o, p, call.Key), nil
}

// Probe asks the verify request. That the effect is not there yet allows
// another attempt only where a second request cannot double it.
func (a request) Probe(ctx context.Context, call actions.Call, p requestParams) (actions.Found, requestResult, error) {
	o, _, err := a.prepare(p, call.Key)
	if err != nil {
		return actions.FoundUnknown, requestResult{}, err
	}
	if !p.Verify.given() {
		if p.IdempotencyHeader != "" {
			return actions.NotApplied, requestResult{}, nil // the service removes the duplicate, if it is one
		}
		return actions.FoundUnknown, requestResult{}, nil
	}
	found, err := a.provider.read(ctx, call, "verify", p.Verify)
	again := p.IdempotencyHeader != "" || slices.Contains([]string{http.MethodPut, http.MethodDelete}, p.Method)
	switch {
	case err != nil:
		return actions.FoundUnknown, requestResult{}, err
	case found.Verdict == actions.Verified:
		return actions.Applied, a.result(o, p, call.Key), nil
	case found.Verdict == actions.NotVerified && again:
		return actions.NotApplied, requestResult{}, nil
	}
	return actions.FoundUnknown, requestResult{}, nil
}

func (a request) Verify(ctx context.Context, call actions.Call, p requestParams, _ requestResult) (actions.Reading, error) {
	if !p.Verify.given() {
		return actions.Reading{Verdict: actions.CannotVerify, Detail: "the step has no verify request; look at the target yourself"}, nil
	}
	found, err := a.provider.read(ctx, call, "verify", p.Verify)
	if err != nil {
		return unreadable(err)
	}
	return found, nil
}
