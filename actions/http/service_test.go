package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
)

// canary is the secret of every test: each kind of output is searched for it.
const canary = "canary-4b7e/9f1d2c+6a80"

const canaryRef = "secret://test/token"

// service is a web service that keeps things by name. It wants the token, knows
// idempotency keys, and fails when it is told to.
type service struct {
	url, host string

	mu     sync.Mutex
	things map[string]map[string]any
	keys   map[string]bool // idempotency keys that were seen
	seen   []*http.Request
	bodies []string
	fault  map[string]func(w http.ResponseWriter, r *http.Request, effect func())
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{things: map[string]map[string]any{"lamp": {"state": "on", "watts": 7}}, keys: map[string]bool{}, fault: map[string]func(http.ResponseWriter, *http.Request, func()){}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url, s.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	return s
}

// on makes one method fail; effect does what the method would have done.
func (s *service) on(method string, fail func(w http.ResponseWriter, r *http.Request, effect func())) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault[method] = fail
}

func (s *service) snapshot() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := json.Marshal(s.things)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (s *service) set(name string, thing map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if thing == nil {
		delete(s.things, name)
		return
	}
	s.things[name] = thing
}

// requests is how often a method was called.
func (s *service) requests(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.seen {
		if r.Method == method {
			n++
		}
	}
	return n
}

func (s *service) last() (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[len(s.seen)-1], s.bodies[len(s.bodies)-1]
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.seen, s.bodies = append(s.seen, r), append(s.bodies, string(body))
	w.Header().Set("X-Request-Id", fmt.Sprintf("req-%d", len(s.seen)))
	fail := s.fault[r.Method]
	s.mu.Unlock()
	if fail != nil {
		fail(w, r, func() { s.do(httptest.NewRecorder(), r, body) })
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+canary {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error": "bad token", "token": %q}`, r.Header.Get("Authorization"))
		return
	}
	s.do(w, r, body)
}

func (s *service) do(w http.ResponseWriter, r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/things/")
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	var given map[string]any
	if len(body) > 0 && json.Unmarshal(body, &given) != nil {
		answer(http.StatusBadRequest, map[string]any{"error": "no JSON"})
		return
	}
	switch key := r.Header.Get("Idempotency-Key"); {
	case key != "" && s.keys[key]:
		answer(http.StatusOK, s.things[name])
		return
	case key != "":
		s.keys[key] = true
	}
	switch thing := s.things[name]; {
	case r.Method == http.MethodPut:
		s.things[name] = given
		answer(http.StatusOK, given)
	case r.Method == http.MethodPost && thing != nil:
		next := maps.Clone(thing)
		maps.Copy(next, given)
		count, _ := next["posts"].(int)
		next["posts"] = count + 1
		s.things[name] = next
		answer(http.StatusOK, next)
	case r.Method == http.MethodDelete && thing != nil:
		delete(s.things, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && thing != nil:
		shown := maps.Clone(thing)
		shown["your_token"] = r.Header.Get("Authorization")
		answer(http.StatusOK, shown)
	default:
		answer(http.StatusNotFound, map[string]any{"error": "no such thing"})
	}
}

// The faults.

func lost(_ http.ResponseWriter, _ *http.Request, effect func()) {
	effect()
	panic(http.ErrAbortHandler)
}

func cut(http.ResponseWriter, *http.Request, func()) { panic(http.ErrAbortHandler) }

func status(code int) func(http.ResponseWriter, *http.Request, func()) {
	return func(w http.ResponseWriter, r *http.Request, _ func()) {
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"you sent": "`+r.Header.Get("Authorization")+`"}`)
	}
}

func redirect(to string) func(http.ResponseWriter, *http.Request, func()) {
	return func(w http.ResponseWriter, r *http.Request, _ func()) {
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	}
}

func huge(w http.ResponseWriter, _ *http.Request, effect func()) {
	effect()
	for range 3 << 10 {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<10))
	}
}

// slow sends the beginning of an answer, and no more until the caller hangs up.
func slow(w http.ResponseWriter, r *http.Request, effect func()) {
	effect()
	_, _ = io.WriteString(w, `{"state": `)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// options allow what the tests need: this machine.
func (s *service) options() httpaction.Options {
	return httpaction.Options{
		Hosts: []string{s.host}, HostSecrets: map[string][]string{s.host: {canaryRef}},
		Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Secrets: secrets(), Timeout: time.Second,
	}
}

// secrets knows the canary under any name but "none".
func secrets() *actions.Secrets {
	var s actions.Secrets
	s.Scheme("test", func(_ context.Context, rest string) (actions.Secret, error) {
		if rest == "none" {
			return actions.Secret{}, errors.New("secret://test/none: there is no such secret")
		}
		return actions.NewSecret(canary), nil
	})
	return &s
}

func registry(t *testing.T, o httpaction.Options) *actions.Registry {
	t.Helper()
	p, err := httpaction.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := actions.NewRegistry()
	p.Register(r)
	return r
}

func call() actions.Call {
	return actions.Call{Key: actions.Key(strings.Repeat("c0ffee00", 8)), Incident: "INC-12", Run: "R1", Step: "tell", Attempt: 1, Environment: "prod", Actor: "grace@example.com", Requests: &actions.Requests{}}
}

// step is one action ready to be called.
type step struct {
	*testing.T
	handler actions.Handler
	call    actions.Call
	params  json.RawMessage
}

func newStep(t *testing.T, o httpaction.Options, action string, with map[string]any) *step {
	t.Helper()
	h, ok := registry(t, o).Handler(action)
	if !ok {
		t.Fatalf("no action %q", action)
	}
	data, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	return &step{t, h, call(), data}
}

func (s *step) plan() actions.Preview {
	s.Helper()
	preview, err := s.handler.Plan(s.Context(), s.call, s.params)
	if err != nil {
		s.Fatal(err)
	}
	s.call.State, s.call.Started = preview.State, time.Now()
	return preview
}

func (s *step) execute() error {
	s.Helper()
	_, err := s.handler.Execute(s.Context(), s.call, s.params)
	return err
}

// is says that err has a class and says something, and holds no secret.
func (s *step) is(err error, class actions.Class, says string) {
	s.Helper()
	if err == nil || actions.ClassOf(err) != class || !strings.Contains(err.Error(), says) {
		s.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, class, says)
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		s.Errorf("the error holds the secret: %v", err)
	}
}

func with(base map[string]any, more ...any) map[string]any {
	m := maps.Clone(base)
	for pair := range slices.Chunk(more, 2) {
		m[pair[0].(string)] = pair[1]
	}
	return m
}
