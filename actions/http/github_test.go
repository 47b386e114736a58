package http_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
)

const (
	leakedA = "ghp_canaryAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	leakedB = "github_pat_canaryBBBBBBBBBBBBBBBBBBBBBBBBBB"
	ownOne  = "ghp_canaryOwnOwnOwnOwnOwnOwnOwnOwnOwnOwn"
)

// github revokes tokens some readings after it has said so.
type github struct {
	url string

	mu      sync.Mutex
	alive   map[string]bool
	queue   map[string]int // readings until a token dies
	calls   []http.Header  // of the revocations
	fault   func(w http.ResponseWriter, effect func())
	forbids bool // GET /user answers 403 although the token works
}

func newGitHub(t *testing.T) *github {
	t.Helper()
	g := &github{alive: map[string]bool{leakedA: true, leakedB: true, ownOne: true}, queue: map[string]int{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func (g *github) options() httpaction.Options {
	var s actions.Secrets
	s.Scheme("test", func(_ context.Context, rest string) (actions.Secret, error) {
		return actions.NewSecret(map[string]string{"a": leakedA, "b": leakedB, "own": ownOne, "refresh": "ghr_canaryRRRRRRRRRRRRRRRRRRRRRR", "short": "x"}[rest]), nil
	})
	return httpaction.Options{GitHub: httpaction.GitHub{URL: g.url}, Secrets: &s, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Timeout: time.Second}
}

// snapshot is which tokens have not been handed in.
func (g *github) snapshot() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	left := maps.Clone(g.alive)
	for token := range g.queue {
		delete(left, token)
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(left)))
}

func (g *github) revive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alive[leakedB] = true
	delete(g.queue, leakedB)
}

func (g *github) on(fail func(http.ResponseWriter, func())) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = fail
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("X-GitHub-Request-Id", "A1:B2")
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch r.Method + " " + r.URL.Path {
	case "GET /user":
		if left, queued := g.queue[token]; queued {
			if left--; left <= 0 {
				delete(g.alive, token)
			}
			g.queue[token] = left
		}
		switch {
		case !g.alive[token]:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"message": "Bad credentials: %s"}`, token)
		case g.forbids:
			w.WriteHeader(http.StatusForbidden)
		default:
			_, _ = fmt.Fprintf(w, `{"login": "grace %s"}`, token)
		}
	case "POST /credentials/revoke":
		g.calls = append(g.calls, r.Header.Clone())
		var body struct{ Credentials []string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		effect := func() {
			for _, c := range body.Credentials {
				if _, queued := g.queue[c]; !queued {
					g.queue[c] = 2
				}
			}
		}
		if g.fault != nil {
			fail := g.fault
			g.fault = nil
			fail(w, effect)
			return
		}
		effect()
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func answering(status int, header ...string) func(http.ResponseWriter, func()) {
	return func(w http.ResponseWriter, _ func()) {
		for pair := range slices.Chunk(header, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"message": "no: %s"}`, leakedA)
	}
}

func leaked(refs ...string) map[string]any { return map[string]any{"tokens": refs} }

func TestRevokeSuite(t *testing.T) {
	faults := map[string]func(http.ResponseWriter, func()){
		"throttled": answering(429), "limit": answering(403, "X-RateLimit-Remaining", "0"), "denied": answering(403), "wrong": answering(422), "broken": answering(500),
		"not accepted": answering(200), "cut": func(http.ResponseWriter, func()) { panic(http.ErrAbortHandler) },
	}
	actionstest.Run(t, actionstest.Case{
		Action: "github.revoke_credential",
		World: func(t *testing.T) actionstest.World {
			g := newGitHub(t)
			return actionstest.World{
				Registry: registry(t, g.options()), Call: call(), Params: leaked("secret://test/a", "secret://test/b"),
				Snapshot: func(*testing.T) string { return g.snapshot() },
				Disturb:  func(*testing.T) { g.revive() },
				LoseAnswer: func(*testing.T) {
					g.on(func(_ http.ResponseWriter, effect func()) { effect(); panic(http.ErrAbortHandler) })
				},
				Fault:    func(_ *testing.T, name string) { g.on(faults[name]) },
				Canaries: []string{leakedA, leakedB},
			}
		},
		Errors: map[string]actions.Class{
			"throttled": actions.Throttled, "limit": actions.Throttled, "denied": actions.Denied, "wrong": actions.Invalid, "broken": actions.Unknown, "not accepted": actions.Unknown, "cut": actions.Unknown,
		},
	})
}

// GitHub answers before it has done it: until each token is refused, it is pending.
func TestRevocationIsPending(t *testing.T) {
	g := newGitHub(t)
	step := newStep(t, g.options(), "github.revoke_credential", leaked("secret://test/a"))
	step.plan()
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []actions.Verdict{actions.Pending, actions.Verified, actions.Verified} {
		reading, err := step.handler.Verify(t.Context(), step.call, step.params, nil)
		if err != nil || reading.Verdict != want {
			t.Errorf("reading %d: got %+v, %v; want %s", i, reading, err, want)
		}
	}
}

// A token that may not see its owner works all the same.
func TestForbiddenIsAlive(t *testing.T) {
	g := newGitHub(t)
	g.forbids = true
	step := newStep(t, g.options(), "github.revoke_credential", leaked("secret://test/a"))
	if preview := step.plan(); preview.InEffect {
		t.Errorf("got %+v", preview)
	}
	if reading, err := step.handler.Verify(t.Context(), step.call, step.params, nil); err != nil || reading.Verdict != actions.Pending {
		t.Errorf("got %+v, %v", reading, err)
	}
}

func TestDeadBefore(t *testing.T) {
	g := newGitHub(t)
	g.alive = map[string]bool{}
	step := newStep(t, g.options(), "github.revoke_credential", leaked("secret://test/a"))
	if preview := step.plan(); !preview.InEffect || preview.NoUndo == "" {
		t.Errorf("got %+v, want it in effect", preview)
	}
}

// A server of one's own gets our token with the call, GitHub itself never does.
func TestWhoAsks(t *testing.T) {
	g := newGitHub(t)
	o := g.options()
	o.GitHub.Token = "secret://test/own"
	step := newStep(t, o, "github.revoke_credential", leaked("secret://test/a"))
	step.plan()
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	if got := g.calls[0].Get("Authorization"); got != "Bearer "+ownOne {
		t.Error("our own server does not learn who asks")
	}
	o.GitHub.Token = ""
	step = newStep(t, o, "github.revoke_credential", leaked("secret://test/b"))
	step.plan()
	if err := step.execute(); err != nil {
		t.Fatal(err)
	}
	if got := g.calls[1].Get("Authorization"); got != "" {
		t.Error("without a token it still says who asks")
	}
}

func TestRevokePlanRefuses(t *testing.T) {
	g := newGitHub(t)
	o := g.options()
	o.GitHub.Token = "secret://test/own"
	for _, tt := range []struct {
		name  string
		refs  []string
		class actions.Class
		says  string
	}{
		{"none", []string{}, actions.Invalid, "1 to 1000"},
		{"too many", slices.Repeat([]string{"secret://test/a"}, 1001), actions.Invalid, "1001 tokens"},
		{"a value", []string{leakedA}, actions.Invalid, "number 1"},
		{"ours", []string{"secret://test/own"}, actions.Precondition, "lock itself out"},
		{"refresh token", []string{"secret://test/refresh"}, actions.Invalid, "refresh token"},
		{"no token", []string{"secret://test/short"}, actions.Invalid, "no GitHub token"},
		{"twice", []string{"secret://test/a", "secret://test/a"}, actions.Invalid, "there already"},
		{"empty", []string{"secret://test/unknown"}, actions.Denied, "is empty"},
	} {
		step := newStep(t, o, "github.revoke_credential", leaked(tt.refs...))
		_, err := step.handler.Plan(t.Context(), step.call, step.params)
		step.is(err, tt.class, tt.says)
		if err != nil && strings.Contains(err.Error(), leakedA) {
			t.Errorf("%s: the error holds the token", tt.name)
		}
	}
}

// What is revoked is what was approved: a reference that holds another token
// since is refused.
func TestAnotherTokenSincePlan(t *testing.T) {
	g := newGitHub(t)
	step := newStep(t, g.options(), "github.revoke_credential", leaked("secret://test/a"))
	step.plan()
	step.params, _ = json.Marshal(leaked("secret://test/b"))
	step.is(step.execute(), actions.Precondition, "other tokens than when")
	if len(g.calls) != 0 {
		t.Error("it revoked")
	}
}
