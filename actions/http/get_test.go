package http_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
)

func look(s *service) map[string]any {
	return map[string]any{
		"url": s.url + "/things/lamp", "headers": bearer, "expect": []any{map[string]any{"pointer": "/watts", "equals": "7"}},
		"select": map[string]any{"state": "/state", "echo": "/your_token", "watts": "/watts"},
	}
}

func TestGetSuite(t *testing.T) {
	faults := map[string]func(http.ResponseWriter, *http.Request, func()){
		"throttled": status(http.StatusTooManyRequests), "denied": status(http.StatusUnauthorized), "gone": status(http.StatusNotFound), "cut": cut, "broken": status(http.StatusInternalServerError),
		"redirect": redirect("https://other.example.com/?leak=1"), "huge": huge, "slow": slow, "different": func(w http.ResponseWriter, _ *http.Request, _ func()) { _, _ = w.Write([]byte(`{"watts":70}`)) },
	}
	actionstest.Run(t, actionstest.Case{
		Action: "http.get",
		World: func(t *testing.T) actionstest.World {
			s := newService(t)
			return actionstest.World{
				Registry: registry(t, s.options()), Call: call(), Params: look(s),
				Snapshot:   func(*testing.T) string { return s.snapshot() },
				LoseAnswer: func(*testing.T) { s.on(http.MethodGet, once(s, http.MethodGet, lost)) },
				Fault:      func(_ *testing.T, name string) { s.on(http.MethodGet, faults[name]) },
				Canaries:   []string{canary},
			}
		},
		Errors: map[string]actions.Class{
			"throttled": actions.Throttled, "denied": actions.Denied, "gone": actions.NotFound, "cut": actions.Transient, "broken": actions.Transient, "redirect": actions.Invalid,
			"huge": actions.Invalid, "slow": actions.Transient, "different": actions.Precondition,
		},
	})
}

// The secret that the service echoes comes out masked, the body not at all.
func TestGetSelects(t *testing.T) {
	s := newService(t)
	step := newStep(t, s.options(), "http.get", look(s))
	step.plan()
	raw, err := step.handler.Execute(t.Context(), step.call, step.params)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Status int
		Values map[string]string
		Size   int
		SHA256 string
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"state": "on", "watts": "7", "echo": "Bearer [secret]"}, got.Values); diff != "" {
		t.Error(diff)
	}
	if got.Status != 200 || got.Size == 0 || len(got.SHA256) != 64 {
		t.Errorf("got %s", raw)
	}
	if diff := cmp.Diff([]actions.Request{{Operation: "http:GET", ID: "req-1"}}, step.call.Requests.List()); diff != "" {
		t.Error(diff)
	}
	r, _ := s.last()
	if got, want := r.Header.Get("User-Agent"), "firebreak (INC-12)"; got != want {
		t.Errorf("got user agent %q, want %q", got, want)
	}
}

// A redirect is an answer: nobody goes where it leads, and its query is not shown.
func TestRedirect(t *testing.T) {
	s, other := newService(t), newService(t)
	o := s.options()
	o.Hosts = append(o.Hosts, other.host)
	step := newStep(t, o, "http.get", look(s))
	s.on(http.MethodGet, redirect(other.url+"/things/lamp?leak=1"))
	err := step.execute()
	step.is(err, actions.Invalid, `redirects are not followed; it leads to the host "`+other.host)
	if strings.Contains(err.Error(), "leak") {
		t.Errorf("the error shows the query: %v", err)
	}
	if n := other.requests(http.MethodGet); n != 0 {
		t.Errorf("got %d requests to where it leads", n)
	}
}

// Errors name the place, but not the query: it may hold what people search for.
func TestErrorsShowNoQuery(t *testing.T) {
	s := newService(t)
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, func()){"cut": cut, "slow": slow, "broken": status(500), "huge": huge} {
		s.on(http.MethodGet, fault)
		step := newStep(t, s.options(), "http.get", with(look(s), "query", map[string]any{"who": "grace-hopper"}))
		if err := step.execute(); err == nil || strings.Contains(err.Error(), "grace-hopper") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Nothing is unpacked, so a small bomb stays small.
func TestCompressedAnswer(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = z.Close()
	s := newService(t)
	s.on(http.MethodGet, func(w http.ResponseWriter, r *http.Request, _ func()) {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("it asks for %q", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	step := newStep(t, s.options(), "http.get", look(s))
	step.is(step.execute(), actions.Precondition, "compressed")
}

func TestHeaders(t *testing.T) {
	s := newService(t)
	o := s.options()
	o.HostSecrets[s.host] = []string{canaryRef, "secret://test/none"}
	for _, tt := range []struct {
		name, header, value string
		class               actions.Class
		says                string
	}{
		{"a plain credential", "Authorization", "Bearer abc", actions.Invalid, "no secret reference"},
		{"a plain key", "X-Api-Key", "abc", actions.Invalid, "no secret reference"},
		{"a cookie", "cookie", "abc", actions.Invalid, "no secret reference"},
		{"two secrets", "Authorization", canaryRef + " " + canaryRef, actions.Invalid, "must end the value"},
		{"more after it", "Authorization", "Bearer " + canaryRef + ", x", actions.Invalid, "must end the value"},
		{"no name", "Authorization", "Bearer secret://env", actions.Invalid, "by reference"},
		{"a secret of others", "Authorization", "Bearer secret://env/HOME", actions.Invalid, "may not be sent to"},
		{"a secret of others in another header", "X-Note", "secret://env/HOME", actions.Invalid, "http.secrets"},
		{"a line break", "X-Note", "a\r\nHost: evil", actions.Invalid, "line break"},
		{"a name with a colon", "X-Note: a", "b", actions.Invalid, "letters"},
		{"a name with a line break", "X\r\nHost", "b", actions.Invalid, "letters"},
		{"the host", "host", "evil.example", actions.Invalid, "leave it out"},
		{"the length", "content-length", "0", actions.Invalid, "leave it out"},
		{"no such secret", "Authorization", "Bearer secret://test/none", actions.Denied, "there is no such secret"},
	} {
		step := newStep(t, o, "http.get", map[string]any{"url": s.url + "/things/lamp", "headers": map[string]any{tt.header: tt.value}})
		t.Run(tt.name, func(t *testing.T) { step.T = t; step.is(step.execute(), tt.class, tt.says) })
	}
	if n := s.requests(http.MethodGet); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

func TestRefusedParameters(t *testing.T) {
	s := newService(t)
	base := map[string]any{"method": "POST", "url": s.url + "/things/lamp"}
	for _, tt := range []struct {
		name   string
		params map[string]any
		says   string
	}{
		{"status", with(base, "expect_status", []int{99}), "no status"},
		{"pointer", with(base, "verify", map[string]any{"url": s.url, "expect": []any{map[string]any{"pointer": "/a~2", "equals": "x"}}}), "followed by neither"},
		{"verify that proves nothing", with(base, "verify", map[string]any{"url": s.url}), "expects nothing"},
		{"verify elsewhere", with(base, "verify", map[string]any{"url": "https://other.example.com/", "expect_status": []int{404}}), "verify.url"},
		{"undo without verify", with(base, "undo", map[string]any{"method": "POST", "url": s.url}), "undo.verify"},
		{"undo elsewhere", with(base, "undo", map[string]any{"method": "POST", "url": "https://other.example.com/", "verify": map[string]any{"url": s.url, "expect_status": []int{404}}}), "undo.url"},
		{"secret in the body", with(base, "body", "token="+canaryRef), "in headers only"},
		{"secret in json", with(base, "json", map[string]any{"token": canaryRef}), "in headers only"},
		{"secret in the query", with(base, "query", map[string]any{"q": canaryRef}), "looks like a secret"},
		{"secret in the query's name", with(base, "query", map[string]any{"api_key": "x"}), "looks like a secret"},
		{"body and json", with(base, "body", "x", "json", map[string]any{"a": "b"}), "choose one"},
		{"no literal", with(base, "literals", map[string]any{"a": "yes"}), "no JSON"},
		{"twice", with(base, "json", map[string]any{"a": "b"}, "literals", map[string]any{"/a": "1"}), "given twice"},
		{"inside a text", with(base, "json", map[string]any{"/a": "b", "/a/c": "d"}), "no object"},
		{"over an object", with(base, "json", map[string]any{"a": "b", "/a/c": "d"}), "given twice"},
		{"up", with(base, "path", []any{".."}), "would change where"},
		{"nothing", with(base, "path", []any{""}), "would change where"},
		{"too much", with(base, "body", strings.Repeat("x", 300<<10)), "at most"},
		{"header twice", with(base, "headers", map[string]any{"idempotency-key": "x"}, "idempotency_header", "Idempotency-Key"), "too"},
		{"header of ours", with(base, "idempotency_header", "Host"), "leave it out"},
		{"method", with(base, "method", "GET"), "not one of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			step := newStep(t, s.options(), "http.request", tt.params)
			_, err := step.handler.Plan(t.Context(), step.call, step.params)
			step.is(err, actions.Invalid, tt.says)
		})
	}
	if n := s.requests(http.MethodPost) + s.requests(http.MethodGet); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

func TestUnreachable(t *testing.T) {
	const nobody = "127.0.0.1:1" // a freed port could be taken by somebody else meanwhile
	s := &service{url: "http://" + nobody, host: nobody}
	step := newStep(t, s.options(), "http.request", map[string]any{"method": "POST", "url": s.url + "/x"})
	step.plan()
	step.is(step.execute(), actions.Transient, "nothing was sent")
}

func TestNameThatIsNotThere(t *testing.T) {
	s := &service{host: "api.example.com", url: "https://api.example.com"}
	o := s.options()
	o.Resolve = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "192.0.2.53:53", IsNotFound: true}
	}
	step := newStep(t, o, "http.request", map[string]any{"method": "POST", "url": s.url + "/x"})
	step.plan()
	step.is(step.execute(), actions.Transient, `no such host: "api.example.com"; api.example.com could not be reached; nothing was sent`)
}

// A server that takes the connection and never answers costs one time limit.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	host := listener.Addr().String()
	s := &service{url: "http://" + host, host: host}
	o := s.options()
	o.Timeout, o.Private = 50*time.Millisecond, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	step := newStep(t, o, "http.request", map[string]any{"method": "POST", "url": s.url + "/x"})
	step.plan()
	step.is(step.execute(), actions.Unknown, "no whole answer before the time limit")
}
