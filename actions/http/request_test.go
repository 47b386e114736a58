package http_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
)

var bearer = map[string]any{"Authorization": "Bearer " + canaryRef}

// switchOff is a step that puts the lamp out, and lights it again.
func switchOff(s *service) map[string]any {
	state := func(want string) map[string]any {
		return map[string]any{"url": s.url + "/things/lamp", "headers": bearer, "expect": []any{map[string]any{"pointer": "/state", "equals": want}}}
	}
	return map[string]any{
		"method": "PUT", "url": s.url + "/things/lamp", "headers": bearer, "json": map[string]any{"state": "off"}, "literals": map[string]any{"watts": "7"},
		"verify": state("off"),
		"undo": map[string]any{
			"method": "PUT", "url": s.url + "/things/lamp", "headers": bearer, "json": map[string]any{"state": "on"}, "literals": map[string]any{"watts": "7"}, "verify": state("on"),
		},
	}
}

func TestRequestSuite(t *testing.T) {
	faults := map[string]func(http.ResponseWriter, *http.Request, func()){
		"throttled": status(http.StatusTooManyRequests), "denied": status(http.StatusForbidden), "gone": status(http.StatusNotFound), "conflict": status(http.StatusConflict),
		"wrong": status(http.StatusUnprocessableEntity), "cut": cut, "broken": status(http.StatusBadGateway), "redirect": redirect("http://169.254.169.254/latest?secret=1"),
		"huge": huge, "slow": slow, "another success": status(http.StatusPartialContent),
	}
	actionstest.Run(t, actionstest.Case{
		Action: "http.request",
		World: func(t *testing.T) actionstest.World {
			s := newService(t)
			return actionstest.World{
				Registry: registry(t, s.options()), Call: call(), Params: switchOff(s),
				Snapshot:   func(*testing.T) string { return s.snapshot() },
				Disturb:    func(*testing.T) { s.set("lamp", map[string]any{"state": "on"}) },
				LoseAnswer: func(*testing.T) { s.on(http.MethodPut, once(s, http.MethodPut, lost)) },
				Fault:      func(_ *testing.T, name string) { s.on(http.MethodPut, faults[name]) },
				Canaries:   []string{canary},
			}
		},
		Errors: map[string]actions.Class{
			"throttled": actions.Throttled, "denied": actions.Denied, "gone": actions.NotFound, "conflict": actions.Precondition, "wrong": actions.Invalid, "cut": actions.Unknown,
			"broken": actions.Unknown, "redirect": actions.Invalid, "huge": actions.Unknown, "slow": actions.Unknown, "another success": actions.Unknown,
		},
	})
}

// once makes a fault that happens one time.
func once(s *service, method string, fail func(http.ResponseWriter, *http.Request, func())) func(http.ResponseWriter, *http.Request, func()) {
	return func(w http.ResponseWriter, r *http.Request, effect func()) {
		s.on(method, nil)
		fail(w, r, effect)
	}
}

// Whether a request in doubt may be sent again depends on whether a second one
// could double the effect.
func TestRequestProbe(t *testing.T) {
	verify := func(s *service, want string) map[string]any {
		return map[string]any{"url": s.url + "/things/lamp", "headers": bearer, "expect": []any{map[string]any{"pointer": "/state", "equals": want}}}
	}
	for _, tt := range []struct {
		name   string
		method string
		header string
		verify string // what the lamp should be; it is on. Empty: no verify request
		broken bool
		want   actions.Found
	}{
		{name: "there", method: "POST", verify: "on", want: actions.Applied},
		{name: "not there, post", method: "POST", verify: "off", want: actions.FoundUnknown},
		{name: "not there, patch", method: "PATCH", verify: "off", want: actions.FoundUnknown},
		{name: "not there, post with key", method: "POST", header: "Idempotency-Key", verify: "off", want: actions.NotApplied},
		{name: "not there, put", method: "PUT", verify: "off", want: actions.NotApplied},
		{name: "not there, delete", method: "DELETE", verify: "off", want: actions.NotApplied},
		{name: "no verify", method: "PUT", want: actions.FoundUnknown},
		{name: "no verify, with key", method: "POST", header: "Idempotency-Key", want: actions.NotApplied},
		{name: "not readable", method: "PUT", verify: "off", broken: true, want: actions.FoundUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			params := map[string]any{"method": tt.method, "url": s.url + "/things/lamp", "headers": bearer}
			if tt.verify != "" {
				params["verify"] = verify(s, tt.verify)
			}
			if tt.header != "" {
				params["idempotency_header"] = tt.header
			}
			step := newStep(t, s.options(), "http.request", params)
			step.plan()
			if tt.broken {
				s.on(http.MethodGet, status(http.StatusForbidden))
			}
			found, _, err := step.handler.Probe(t.Context(), step.call, step.params)
			if err != nil || found != tt.want {
				t.Errorf("got %q, %v; want %q", found, err, tt.want)
			}
			if n := s.requests(tt.method); n != 0 {
				t.Errorf("the probe sent %d requests that change something", n)
			}
		})
	}
}

// The header is the same for each attempt, so that the service takes only one.
func TestIdempotencyHeader(t *testing.T) {
	s := newService(t)
	step := newStep(t, s.options(), "http.request", map[string]any{
		"method": "POST", "url": s.url + "/things/lamp", "headers": bearer, "json": map[string]any{"state": "off"}, "idempotency_header": "Idempotency-Key",
	})
	step.plan()
	s.on(http.MethodPost, once(s, http.MethodPost, lost))
	step.is(step.execute(), actions.Unknown, "may have taken effect")
	step.call.Attempt = 2
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	if got, want := s.snapshot(), `{"lamp":{"posts":1,"state":"off","watts":7}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r, _ := s.last()
	if got, want := r.Header.Get("Idempotency-Key"), "c0ffee00-c0ff-8e00-80ff-ee00c0ffee00"; got != want {
		t.Errorf("got key %q, want %q", got, want)
	}
}

// Every attempt is one request: nothing below repeats by itself.
func TestOneRequestAnAttempt(t *testing.T) {
	s := newService(t)
	step := newStep(t, s.options(), "http.request", with(switchOff(s), "idempotency_header", "Idempotency-Key"))
	step.plan()
	s.on(http.MethodPut, cut)
	step.is(step.execute(), actions.Unknown, "")
	if got := s.requests(http.MethodPut); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

func TestUndoOnlyWhatIsOurs(t *testing.T) {
	s := newService(t)
	step := newStep(t, s.options(), "http.request", switchOff(s))
	step.plan()
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	s.set("lamp", map[string]any{"state": "stolen"})
	_, err := step.handler.PlanUndo(t.Context(), step.call, step.params, nil)
	step.is(err, actions.Precondition, `has "stolen" at "/state", expected "off"`)
	step.is(step.handler.Undo(t.Context(), step.call, step.params, nil), actions.Precondition, "not as the step left it")
	if got, want := s.snapshot(), `{"lamp":{"state":"stolen"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAlreadyThere(t *testing.T) {
	s := newService(t)
	s.set("lamp", map[string]any{"state": "off"})
	step := newStep(t, s.options(), "http.request", switchOff(s))
	preview := step.plan()
	if !preview.InEffect || preview.NoUndo == "" {
		t.Errorf("got %+v, want it in effect, with no undo", preview)
	}
	undo, err := step.handler.PlanUndo(t.Context(), step.call, step.params, nil)
	if err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v; want no undo", undo, err)
	}
	step.is(step.handler.Undo(t.Context(), step.call, step.params, nil), actions.Precondition, "was there before")
}

func TestBareRequest(t *testing.T) {
	s := newService(t)
	step := newStep(t, s.options(), "http.request", map[string]any{"method": "DELETE", "url": s.url + "/things/lamp", "headers": bearer})
	preview := step.plan()
	if preview.NoUndo == "" || len(preview.Warnings) != 3 {
		t.Errorf("got %+v, want no undo and three warnings", preview)
	}
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	reading, err := step.handler.Verify(t.Context(), step.call, step.params, nil)
	if err != nil || reading.Verdict != actions.CannotVerify || !strings.Contains(reading.Detail, "no verify request") {
		t.Errorf("got %+v, %v", reading, err)
	}
	undo, err := step.handler.PlanUndo(t.Context(), step.call, step.params, nil)
	if err != nil || undo.NoUndo == "" {
		t.Errorf("got %+v, %v; want no undo", undo, err)
	}
	reading, err = step.handler.VerifyUndo(t.Context(), step.call, step.params, nil)
	if err != nil || reading.Verdict != actions.CannotVerify {
		t.Errorf("got %+v, %v", reading, err)
	}
}

// What cannot be read proves nothing.
func TestVerdicts(t *testing.T) {
	say := func(status int, body string) func(http.ResponseWriter, *http.Request, func()) {
		return func(w http.ResponseWriter, _ *http.Request, _ func()) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request, func())
		want   actions.Verdict
		class  actions.Class // of the error, when it is one
	}{
		{"as it should be", say(200, `{"state":"off"}`), actions.Verified, ""},
		{"different", say(200, `{"state":"on"}`), actions.NotVerified, ""},
		{"not there", say(200, `{"other":"off"}`), actions.NotVerified, ""},
		{"no text", say(200, `{"state":{"off":true}}`), actions.NotVerified, ""},
		{"empty", say(200, ``), actions.CannotVerify, ""},
		{"null", say(200, `null`), actions.NotVerified, ""},
		{"no JSON", say(200, `<html>off</html>`), actions.CannotVerify, ""},
		{"two values", say(200, `{"state":"off"} {"state":"on"}`), actions.CannotVerify, ""},
		{"other status", say(404, `{"state":"off"}`), actions.NotVerified, ""},
		{"denied", say(403, `{"state":"off"}`), actions.CannotVerify, ""},
		{"redirect", redirect("/things/other"), actions.CannotVerify, ""},
		{"broken", say(502, ``), "", actions.Transient},
		{"throttled", say(429, ``), "", actions.Throttled},
		{"cut", cut, "", actions.Transient},
		{"too large", huge, actions.CannotVerify, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			step := newStep(t, s.options(), "http.request", switchOff(s))
			step.plan()
			s.on(http.MethodGet, tt.answer)
			reading, err := step.handler.Verify(t.Context(), step.call, step.params, nil)
			if tt.class != "" {
				step.is(err, tt.class, "")
				return
			}
			if err != nil || reading.Verdict != tt.want {
				t.Errorf("got %+v, %v; want %s", reading, err, tt.want)
			}
		})
	}
}

// A text is one text in the body and one part of the path, whatever it holds.
func TestValuesFromOutsideStayValues(t *testing.T) {
	s := newService(t)
	evil := `x","admin":true,"y":"../../etc?a=b#c%2F` + "\u2028"
	step := newStep(t, s.options(), "http.request", map[string]any{
		"method": "PUT", "url": s.url + "/things", "path": []any{"a/../b?c", "%2e%2e"}, "query": map[string]any{"q": "1&admin=true"}, "headers": bearer,
		"json": map[string]any{"name": evil, "/user/~1name": evil}, "literals": map[string]any{"/user/age": "3"},
	})
	step.plan()
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	r, body := s.last()
	if got, want := r.URL.EscapedPath(), "/things/a%2F..%2Fb%3Fc/%252e%252e"; got != want {
		t.Errorf("got path %s, want %s", got, want)
	}
	if got, want := r.URL.RawQuery, "q=1%26admin%3Dtrue"; got != want {
		t.Errorf("got query %s, want %s", got, want)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	user, _ := got["user"].(map[string]any)
	if got["name"] != evil || user["/name"] != evil || user["age"] != 3.0 || len(got) != 2 || len(user) != 2 {
		t.Errorf("got body %s", body)
	}
}
