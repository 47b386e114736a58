package http_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
)

// okta is an organisation of users that behaves like Okta's user API.
type okta struct {
	url string

	mu       sync.Mutex
	users    map[string]string // status by id
	logins   map[string]string // id by login
	sessions map[string]int
	admins   []string
	owner    string // of the token; empty: an application's
	fault    map[string]func(w http.ResponseWriter, effect func())
}

func newOkta(t *testing.T) *okta {
	t.Helper()
	o := &okta{users: map[string]string{"00u1": "ACTIVE", "00u2": "ACTIVE", "00u9": "ACTIVE"}, logins: map[string]string{"grace@example.com": "00u1", "alan@example.com": "00u2", "bot@example.com": "00u9"},
		sessions: map[string]int{"00u1": 3, "00u2": 1}, owner: "00u9", fault: map[string]func(http.ResponseWriter, func()){}}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

func (o *okta) options() httpaction.Options {
	return httpaction.Options{Okta: httpaction.Okta{URL: o.url, Token: canaryRef}, Secrets: secrets(), Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Timeout: time.Second,
		Now: func() time.Time { return time.Unix(1_000_000, 0) }}
}

func (o *okta) set(id, status string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.users[id] = status
}

// own makes a user the owner of the token.
func (o *okta) own(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owner = id
}

func (o *okta) open(id string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sessions[id]
}

// statuses is what an undo must bring back; sessions never come back.
func (o *okta) statuses() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.users)
}

func (o *okta) on(path string, fail func(http.ResponseWriter, func())) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault[path] = fail
}

func (o *okta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w.Header().Set("X-Okta-Request-Id", "okta-1")
	if r.Header.Get("Authorization") != "SSWS "+canary {
		oktaSays(w, 401, "E0000011", "Invalid token provided: "+r.Header.Get("Authorization"))
		return
	}
	rest := strings.TrimPrefix(r.URL.Path, "/api/v1/users/")
	who, what, _ := strings.Cut(rest, "/")
	if fail := o.fault[r.Method+" "+what]; fail != nil {
		delete(o.fault, r.Method+" "+what)
		fail(w, func() { o.do(httptest.NewRecorder(), r, who, what) })
		return
	}
	o.do(w, r, who, what)
}

func (o *okta) do(w http.ResponseWriter, r *http.Request, who, what string) {
	id := who
	if byLogin, ok := o.logins[who]; ok {
		id = byLogin
	}
	if who == "me" {
		id = o.owner
	}
	status, ok := o.users[id]
	if !ok {
		oktaSays(w, 404, "E0000007", "Not found: Resource not found: "+who+" (User)")
		return
	}
	switch r.Method + " " + what {
	case "GET ":
		login := ""
		for l, i := range o.logins {
			if i == id {
				login = l
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "status": status, "profile": map[string]any{"login": login}})
	case "GET roles":
		roles := []any{}
		if slices.Contains(o.admins, id) {
			roles = append(roles, map[string]any{"type": "SUPER_ADMIN", "label": "Super Administrator"})
		}
		_ = json.NewEncoder(w).Encode(roles)
	case "POST lifecycle/suspend":
		if status != "ACTIVE" {
			oktaSays(w, 400, "E0000001", "Api validation failed: suspendUser")
			return
		}
		o.users[id] = "SUSPENDED"
	case "POST lifecycle/unsuspend":
		if status != "SUSPENDED" {
			oktaSays(w, 400, "E0000001", "Api validation failed: unsuspendUser")
			return
		}
		o.users[id] = "ACTIVE"
	case "DELETE sessions":
		if r.URL.Query().Get("oauthTokens") != "true" {
			oktaSays(w, 400, "E0000001", "the test wants the OAuth tokens revoked")
			return
		}
		o.sessions[id] = 0
		w.WriteHeader(http.StatusNoContent)
	default:
		oktaSays(w, 405, "E0000022", "The endpoint does not support the provided HTTP method")
	}
}

func oktaSays(w http.ResponseWriter, status int, code, summary string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errorCode": code, "errorSummary": summary, "errorId": "oae1"})
}

func saying(status int, code string) func(http.ResponseWriter, func()) {
	return func(w http.ResponseWriter, _ func()) {
		w.Header().Set("X-Rate-Limit-Reset", "1000009")
		oktaSays(w, status, code, "echo of "+canary)
	}
}

func TestSuspendSuite(t *testing.T) {
	faults := map[string]func(http.ResponseWriter, func()){
		"throttled": saying(429, "E0000047"), "denied": saying(403, "E0000006"), "token": saying(401, "E0000011"), "status": saying(400, "E0000001"), "gone": saying(404, "E0000007"),
		"broken": saying(500, "E0000009"), "maintenance": saying(503, "E0000010"), "cut": func(http.ResponseWriter, func()) { panic(http.ErrAbortHandler) },
	}
	actionstest.Run(t, actionstest.Case{
		Action: "okta.suspend_user",
		World: func(t *testing.T) actionstest.World {
			o := newOkta(t)
			return actionstest.World{
				Registry: registry(t, o.options()), Call: call(), Params: map[string]any{"user": "grace@example.com"},
				Snapshot: func(*testing.T) string { return o.statuses() },
				Disturb:  func(*testing.T) { o.set("00u1", "ACTIVE") },
				LoseAnswer: func(*testing.T) {
					o.on("POST lifecycle/suspend", func(_ http.ResponseWriter, effect func()) { effect(); panic(http.ErrAbortHandler) })
				},
				Fault:    func(_ *testing.T, name string) { o.on("POST lifecycle/suspend", faults[name]) },
				Canaries: []string{canary},
			}
		},
		Errors: map[string]actions.Class{
			"throttled": actions.Throttled, "denied": actions.Denied, "token": actions.Denied, "status": actions.Precondition, "gone": actions.NotFound,
			"broken": actions.Unknown, "maintenance": actions.Unknown, "cut": actions.Unknown,
		},
	})
}

// The user is suspended when the sessions fail: no class may promise otherwise,
// and the next attempt ends them.
func TestSessionsAfterSuspension(t *testing.T) {
	o := newOkta(t)
	step := newStep(t, o.options(), "okta.suspend_user", map[string]any{"user": "grace@example.com"})
	step.plan()
	o.on("DELETE sessions", saying(429, "E0000047"))
	step.is(step.execute(), actions.Unknown, "the user is suspended, but the sessions could not be ended")
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	if o.open("00u1") != 0 || o.open("00u2") != 1 {
		t.Errorf("got %d sessions of the user and %d of another, want 0 and 1", o.open("00u1"), o.open("00u2"))
	}
}

func TestOktaRateLimit(t *testing.T) {
	o := newOkta(t)
	step := newStep(t, o.options(), "okta.suspend_user", map[string]any{"user": "grace@example.com"})
	step.plan()
	o.on("POST lifecycle/suspend", saying(429, "E0000047"))
	step.is(step.execute(), actions.Throttled, "asks to wait 9s")
}

func TestSuspendPlan(t *testing.T) {
	for _, tt := range []struct {
		name  string
		user  string
		world func(*okta)
		class actions.Class // of the error, if there is one
		says  string        // in the error or in what the plan says
	}{
		{name: "by id", user: "00u1", says: "User grace@example.com (00u1) becomes SUSPENDED; it is ACTIVE now."},
		{name: "an administrator", user: "00u1", world: func(o *okta) { o.admins = []string{"00u1"} }, says: "is an administrator (Super Administrator)"},
		{name: "roles are hidden", user: "00u1", world: func(o *okta) { o.fault["GET roles"] = saying(403, "E0000006") }, says: "cannot be told"},
		{name: "token of an application", user: "00u1", world: func(o *okta) { o.owner = "" }, says: "does not say whose token"},
		{name: "ourselves", user: "bot@example.com", class: actions.Precondition, says: "lock itself out"},
		{name: "me", user: "me", class: actions.Invalid, says: "no id or login"},
		{name: "nobody", user: "nobody@example.com", class: actions.NotFound, says: "E0000007"},
		{name: "deactivated", user: "00u1", world: func(o *okta) { o.users["00u1"] = "DEPROVISIONED" }, class: actions.Precondition, says: "deactivated"},
		{name: "locked", user: "00u1", world: func(o *okta) { o.users["00u1"] = "LOCKED_OUT" }, class: actions.Precondition, says: "unlock"},
		{name: "empty answer", user: "00u1", world: func(o *okta) {
			o.fault["GET "] = func(w http.ResponseWriter, _ func()) { _, _ = w.Write([]byte(`{}`)) }
		}, class: actions.Invalid, says: "names no user"},
		{name: "two users", user: "a/../00u2", class: actions.Invalid, says: "does not match"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOkta(t)
			if tt.world != nil {
				tt.world(o)
			}
			before := o.statuses()
			step := newStep(t, o.options(), "okta.suspend_user", map[string]any{"user": tt.user})
			preview, err := step.handler.Plan(t.Context(), step.call, step.params)
			if tt.class != "" {
				step.is(err, tt.class, tt.says)
			} else if text := strings.Join(append(preview.Changes, preview.Warnings...), "\n"); err != nil || !strings.Contains(text, tt.says) {
				t.Errorf("got %q, %v; want %q", text, err, tt.says)
			}
			if after := o.statuses(); before != after {
				t.Errorf("the plan changed %s to %s", before, after)
			}
		})
	}
}

func TestSuspendedBefore(t *testing.T) {
	o := newOkta(t)
	o.set("00u1", "SUSPENDED")
	step := newStep(t, o.options(), "okta.suspend_user", map[string]any{"user": "00u1"})
	if preview := step.plan(); !preview.InEffect || preview.NoUndo == "" {
		t.Errorf("got %+v, want it in effect, with no undo", preview)
	}
	if err := step.execute(); err != nil || o.open("00u1") != 0 {
		t.Errorf("got %v, %d sessions; want the sessions ended", err, o.open("00u1"))
	}
	if preview, err := step.handler.PlanUndo(t.Context(), step.call, step.params, nil); err != nil || preview.NoUndo == "" {
		t.Errorf("got %+v, %v; want no undo", preview, err)
	}
	if err := step.handler.Undo(t.Context(), step.call, step.params, nil); err != nil || !strings.Contains(o.statuses(), "00u1:SUSPENDED") {
		t.Errorf("got %v, %s", err, o.statuses())
	}
}

func TestUnsuspendOnlyWhatIsOurs(t *testing.T) {
	o := newOkta(t)
	step := newStep(t, o.options(), "okta.suspend_user", map[string]any{"user": "00u1"})
	step.plan()
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	o.set("00u1", "DEPROVISIONED")
	step.is(step.handler.Undo(t.Context(), step.call, step.params, nil), actions.Precondition, "is DEPROVISIONED, but this step left it SUSPENDED")
}

// firebreak may have got another token since the plan.
func TestGuardBeforeTheEffect(t *testing.T) {
	o := newOkta(t)
	step := newStep(t, o.options(), "okta.suspend_user", map[string]any{"user": "00u1"})
	step.plan()
	o.own("00u1")
	step.is(step.execute(), actions.Precondition, "lock itself out")
	if got := o.statuses(); strings.Contains(got, "SUSPENDED") {
		t.Errorf("got %s", got)
	}
}

func TestOktaIsNotConfigured(t *testing.T) {
	step := newStep(t, httpaction.Options{}, "okta.suspend_user", map[string]any{"user": "00u1"})
	_, err := step.handler.Plan(t.Context(), step.call, step.params)
	step.is(err, actions.Denied, "set okta.url and okta.token")
}
