package http_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
)

// ready gives the checks of a step in short, one a line, without secrets.
func ready(t *testing.T, o httpaction.Options, action string, with map[string]any) string {
	t.Helper()
	step := newStep(t, o, action, with)
	checks, err := step.handler.Preflight(t.Context(), step.call, step.params)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range checks {
		fmt.Fprintf(&b, "%s: %s\n", c.Name, c.Readiness)
		if strings.Contains(c.Detail, canary) || c.Readiness != actions.Ready && c.Detail == "" {
			t.Errorf("got %+v", c)
		}
	}
	return b.String()
}

func TestPreflight(t *testing.T) {
	s, o, p := newService(t), newOkta(t), newPager(t)
	closed := s.options()
	closed.Private = nil
	poor := with(switchOff(s), "headers", map[string]any{"Authorization": "Bearer secret://test/none"})
	poorOptions := s.options()
	poorOptions.HostSecrets[s.host] = []string{canaryRef, "secret://test/none"}
	for _, tt := range []struct {
		name    string
		options httpaction.Options
		action  string
		with    map[string]any
		world   func()
		want    string
	}{
		{"get", s.options(), "http.get", look(s), nil, "the request itself: ready\n"},
		{"get what is gone", s.options(), "http.get", with(look(s), "url", s.url+"/things/none"), nil, "the request itself: not_ready\n"},
		{"get from what is broken", s.options(), "http.get", look(s), func() { s.on(http.MethodGet, status(500)) }, "the request itself: unknown\n"},
		{"request", s.options(), "http.request", switchOff(s), nil, "the secret secret://test/token: ready\nconnection to " + s.host + ": ready\nthe request itself: unknown\n"},
		{"request inside", closed, "http.request", switchOff(s), nil, "the secret secret://test/token: ready\nconnection to " + s.host + ": not_ready\nthe request itself: unknown\n"},
		{"request without its secret", poorOptions, "http.request", poor, nil, "the secret secret://test/none: not_ready\nthe secret secret://test/token: ready\nconnection to " + s.host + ": ready\nthe request itself: unknown\n"},
		{"okta, no administrator", o.options(), "okta.suspend_user", map[string]any{"user": "00u1"}, nil, "rights of the owner of okta.token: unknown\n"},
		{"okta, administrator", o.options(), "okta.suspend_user", map[string]any{"user": "00u1"}, func() { o.admins = []string{"00u9"} }, "rights of the owner of okta.token: ready\n"},
		{"okta, application", o.options(), "okta.suspend_user", map[string]any{"user": "00u1"}, func() { o.own("") }, "rights of the owner of okta.token: unknown\n"},
		{"event", p.options(), "pagerduty.event", map[string]any{"summary": "x"}, nil,
			"the secret of pagerduty.routing_key: not_ready\nconnection to " + strings.TrimPrefix(p.url, "http://") + ": ready\nthe event itself: unknown\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.world != nil {
				tt.world()
			}
			before := s.snapshot() + o.statuses() + p.open()
			if diff := cmp.Diff(tt.want, ready(t, tt.options, tt.action, tt.with)); diff != "" {
				t.Error(diff)
			}
			if after := s.snapshot() + o.statuses() + p.open(); before != after {
				t.Errorf("it changed %s to %s", before, after)
			}
		})
	}
	if n := s.requests(http.MethodPut); n != 0 {
		t.Errorf("got %d requests that change something", n)
	}
}
