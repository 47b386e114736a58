package http_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
)

// pager takes events, and keeps the alerts that are open.
type pager struct {
	url string

	mu     sync.Mutex
	alerts map[string]string // what is open, by dedup key
	events []map[string]any
	fault  func(w http.ResponseWriter, effect func())
}

func newPager(t *testing.T) *pager {
	t.Helper()
	p := &pager{alerts: map[string]string{"other": "triggered"}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *pager) options() httpaction.Options {
	return httpaction.Options{PagerDuty: httpaction.PagerDuty{URL: p.url, RoutingKey: canaryRef}, Secrets: secrets(), Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Timeout: time.Second}
}

func (p *pager) open() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprint(p.alerts)
}

func (p *pager) on(fail func(http.ResponseWriter, func())) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fail
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var e map[string]any
	if r.URL.Path != "/v2/enqueue" || json.NewDecoder(r.Body).Decode(&e) != nil || e["routing_key"] != canary {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"status":"invalid event","message":"Event object is invalid","errors":["routing_key %v is unknown"]}`, e["routing_key"])
		return
	}
	effect := func() {
		p.events = append(p.events, e)
		key, _ := e["dedup_key"].(string)
		switch e["event_action"] {
		case "trigger":
			p.alerts[key] = "triggered"
		case "acknowledge":
			if p.alerts[key] != "" {
				p.alerts[key] = "acknowledged"
			}
		case "resolve":
			delete(p.alerts, key)
		}
	}
	if fail := p.fault; fail != nil {
		p.fault = nil
		fail(w, effect)
		return
	}
	effect()
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{"status":"success","message":"Event processed"}`))
}

func TestEventSuite(t *testing.T) {
	refuse := func(status int) func(http.ResponseWriter, func()) {
		return func(w http.ResponseWriter, _ func()) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"status":"invalid event","message":"no","errors":["routing_key %s is unknown"]}`, canary)
		}
	}
	faults := map[string]func(http.ResponseWriter, func()){"throttled": refuse(429), "wrong": refuse(400), "denied": refuse(403), "broken": refuse(500), "not accepted": refuse(200),
		"cut": func(http.ResponseWriter, func()) { panic(http.ErrAbortHandler) }}
	actionstest.Run(t, actionstest.Case{
		Action: "pagerduty.event",
		World: func(t *testing.T) actionstest.World {
			p := newPager(t)
			return actionstest.World{
				Registry: registry(t, p.options()), Call: call(), Params: map[string]any{"summary": "a key has leaked", "details": map[string]any{"user": "ci-deploy"}},
				Snapshot: func(*testing.T) string { return p.open() },
				LoseAnswer: func(*testing.T) {
					p.on(func(_ http.ResponseWriter, effect func()) { effect(); panic(http.ErrAbortHandler) })
				},
				Fault:    func(_ *testing.T, name string) { p.on(faults[name]) },
				Canaries: []string{canary},
			}
		},
		Errors: map[string]actions.Class{"throttled": actions.Throttled, "wrong": actions.Invalid, "denied": actions.Denied, "broken": actions.Unknown, "not accepted": actions.Unknown, "cut": actions.Unknown},
	})
}

func TestEventMessages(t *testing.T) {
	p := newPager(t)
	for _, params := range []map[string]any{
		{"summary": "a key has leaked", "severity": "warning", "source": "aws:1", "details": map[string]any{"user": `x","severity":"info`}},
		{"action": "acknowledge", "dedup_key": "mine"},
		{"action": "resolve"},
	} {
		step := newStep(t, p.options(), "pagerduty.event", params)
		preview := step.plan()
		if err := step.execute(); err != nil {
			t.Fatal(err)
		}
		if preview.NoUndo == "" {
			t.Errorf("%v: there is an undo", params)
		}
	}
	want := []map[string]any{
		{"routing_key": canary, "event_action": "trigger", "dedup_key": "INC-12/R1", "client": "firebreak",
			"payload": map[string]any{"summary": "a key has leaked", "severity": "warning", "source": "aws:1", "custom_details": map[string]any{"user": `x","severity":"info`}}},
		{"routing_key": canary, "event_action": "acknowledge", "dedup_key": "mine"},
		{"routing_key": canary, "event_action": "resolve", "dedup_key": "INC-12/R1"},
	}
	if diff := cmp.Diff(want, p.events); diff != "" {
		t.Error(diff)
	}
}

func TestEventRefuses(t *testing.T) {
	p := newPager(t)
	for _, tt := range []struct {
		name   string
		params map[string]any
		class  actions.Class
		says   string
	}{
		{"no summary", map[string]any{}, actions.Invalid, "summary: is missing"},
		{"long", map[string]any{"summary": strings.Repeat("é", 1025)}, actions.Invalid, "1025 characters"},
		{"long key", map[string]any{"summary": "x", "dedup_key": strings.Repeat("x", 256)}, actions.Invalid, "256 bytes"},
		{"secret", map[string]any{"summary": "x", "details": map[string]any{"a": canaryRef}}, actions.Invalid, "secret reference"},
		{"large", map[string]any{"summary": "x", "details": map[string]any{"a": strings.Repeat("x", 513_000)}}, actions.Invalid, "shorten"},
		{"severity", map[string]any{"summary": "x", "severity": "bad"}, actions.Invalid, "not one of"},
	} {
		step := newStep(t, p.options(), "pagerduty.event", tt.params)
		_, err := step.handler.Plan(t.Context(), step.call, step.params)
		step.is(err, tt.class, tt.says)
	}
	step := newStep(t, httpaction.Options{}, "pagerduty.event", map[string]any{"summary": "x"})
	_, err := step.handler.Plan(t.Context(), step.call, step.params)
	step.is(err, actions.Denied, "set pagerduty.routing_key")
}
