package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/actions"
)

type event struct{ provider *Provider }

type eventParams struct {
	Action   string            `json:"action,omitempty" doc:"what to do with the alert" enum:"trigger,acknowledge,resolve" default:"trigger"`
	Summary  string            `json:"summary,omitempty" doc:"what has happened, in one sentence of at most 1024 characters; needed to trigger" example:"An access key of ci-deploy has leaked"`
	Severity string            `json:"severity,omitempty" doc:"how bad it is" enum:"critical,error,warning,info" default:"critical"`
	Source   string            `json:"source,omitempty" doc:"what it is about: a host, an account, a service" example:"aws:111122223333" default:"firebreak"`
	DedupKey string            `json:"dedup_key,omitempty" doc:"names the alert, so that later events find it; the incident and the run when not given" example:"INC-12/R1"`
	Details  map[string]string `json:"details,omitempty" doc:"more about it, by name; no secrets"`
}

type eventResult struct {
	Action   string `json:"action" doc:"what was sent: trigger, acknowledge or resolve"`
	DedupKey string `json:"dedup_key" doc:"names the alert in later events"`
}

// eventState is what Plan captures.
type eventState struct {
	DedupKey string `json:"dedup_key"`
}

const (
	opEvent      = "pagerduty.event"
	maxDedupKey  = 255
	maxSummary   = 1024
	eventTrigger = "trigger"
	eventResolve = "resolve"
)

func (event) Spec() actions.Spec {
	return actions.Spec{
		Name: opEvent, Version: 1,
		Title:  "Send an event to PagerDuty",
		Doc:    "Triggers, acknowledges or resolves an alert with the Events API v2, on the integration whose routing key is configured. The dedup key makes a repeated event one with the first. PagerDuty answers before it has paged anybody, and its Events API reads nothing back, so the step proves only that PagerDuty has taken the event. There is no undo, because a page cannot be taken back: a later step with action resolve ends the alert.",
		Effect: actions.Reversible, Repeat: actions.Keyed, Tells: true,
		BlastRadius: "Whoever is on call for the service is paged.",
		StaysAlive:  []string{"What people have been told stays known, and the alert stays in PagerDuty's history."},
		Permissions: []actions.Permission{
			{Phase: actions.PhaseExecute, Action: "pagerduty:POST /v2/enqueue", Resource: "{dedup_key}", Why: "send the event"},
		},
	}
}

func (a event) Plan(_ context.Context, call actions.Call, p eventParams) (actions.Preview, error) {
	var preview actions.Preview
	wrong := func(format string, args ...any) error {
		return &actions.Error{Class: actions.Invalid, Op: opEvent, Err: fmt.Errorf(format, args...)}
	}
	key := p.DedupKey
	if key == "" {
		if call.Incident == "" || call.Run == "" {
			return preview, wrong("dedup_key: is missing, and the step belongs to no incident")
		}
		key = call.Incident + "/" + call.Run
	}
	switch {
	case a.provider.options.PagerDuty.RoutingKey == "":
		return preview, &actions.Error{Class: actions.Denied, Op: opEvent, Err: errors.New("no routing key is configured"), Hint: "set pagerduty.routing_key in the configuration"}
	case p.Action == eventTrigger && strings.TrimSpace(p.Summary) == "":
		return preview, wrong("summary: is missing; who is woken wants to know what for")
	case utf8.RuneCountInString(p.Summary) > maxSummary:
		return preview, wrong("summary: has %d characters, PagerDuty takes %d", utf8.RuneCountInString(p.Summary), maxSummary)
	case len(key) > maxDedupKey:
		return preview, wrong("dedup_key: has %d bytes, PagerDuty takes %d", len(key), maxDedupKey)
	}
	if _, err := a.body(actions.Secret{}, p, key); err != nil {
		return preview, err
	}
	preview = actions.Preview{
		Targets: []actions.Target{{Type: "pagerduty.alert", ID: key}},
		Changes: []string{map[string]string{
			eventTrigger:  fmt.Sprintf("Alert %s is triggered (%s), and whoever is on call is paged: %s", key, p.Severity, p.Summary),
			"acknowledge": fmt.Sprintf("Alert %s is acknowledged, if there is one.", key),
			eventResolve:  fmt.Sprintf("Alert %s is resolved, if there is one.", key),
		}[p.Action]},
		Calls: []string{"pagerduty:POST /v2/enqueue"},
	}
	preview.NoUndo = "people were told; a later step can resolve the alert"
	return preview, preview.Capture(eventState{key})
}

// maxEvent is the largest event that PagerDuty takes.
const maxEvent = 512_000

func (a event) body(key actions.Secret, p eventParams, dedup string) ([]byte, error) {
	message := map[string]any{"routing_key": key.Reveal(), "event_action": p.Action, "dedup_key": dedup}
	if p.Action == eventTrigger {
		payload := map[string]any{"summary": p.Summary, "severity": p.Severity, "source": p.Source}
		if len(p.Details) > 0 {
			payload["custom_details"] = p.Details
		}
		message["payload"], message["client"] = payload, "firebreak"
	}
	data, err := json.Marshal(message)
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxEvent:
		return nil, &actions.Error{Class: actions.Invalid, Op: opEvent, Err: fmt.Errorf("the event has %d bytes, PagerDuty takes %d", len(data), maxEvent), Hint: "shorten the details"}
	case strings.Contains(string(data), refMark):
		return nil, &actions.Error{Class: actions.Invalid, Op: opEvent, Err: errors.New("the event holds a secret reference, which is not resolved here"), Hint: "leave it out: people read the event"}
	}
	return data, nil
}

func (a event) Execute(ctx context.Context, call actions.Call, p eventParams) (eventResult, error) {
	var state eventState
	if err := call.LoadState(&state); err != nil {
		return eventResult{}, err
	}
	if err := a.post(ctx, call, p, state.DedupKey); err != nil {
		return eventResult{}, err
	}
	return eventResult{Action: p.Action, DedupKey: state.DedupKey}, nil
}

// post sends one event. The routing key stands in the body, as PagerDuty wants it.
func (a event) post(ctx context.Context, call actions.Call, p eventParams, dedup string) error {
	if dedup == "" {
		return actions.WrongState("it names no alert")
	}
	key, err := a.provider.secret(ctx, opEvent, a.provider.options.PagerDuty.RoutingKey)
	if err != nil {
		return err
	}
	o := outgoing{op: "pagerduty:POST /v2/enqueue", how: writes, method: http.MethodPost, url: appendPath(a.provider.pagerDuty, "v2", "enqueue"), hidden: veil{key},
		header: http.Header{"Content-Type": {"application/json"}}}
	if o.body, err = a.body(key, p, dedup); err != nil {
		return err
	}
	got, err := a.provider.send(ctx, call, o)
	if err != nil || got.status == http.StatusAccepted {
		return err
	}
	e := a.provider.unexpected(o, got, "202")
	var problem struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	if got.status == http.StatusBadRequest && json.Unmarshal(got.body, &problem) == nil && problem.Message != "" {
		e.Err = fmt.Errorf("PagerDuty says: %s: %s", o.hidden.word(problem.Message, 100), o.hidden.word(strings.Join(problem.Errors, "; "), 300))
		e.Hint = "check pagerduty.routing_key in the configuration: it must be the key of an Events API v2 integration"
	}
	return e
}
