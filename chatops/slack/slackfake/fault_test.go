package slackfake_test

import (
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

func post(ws *slackfake.Workspace, text string, opts ...slack.Option) error {
	_, _, err := client(ws, opts...).PostMessage("C1", slack.MsgOptionText(text, false))
	return err
}

func TestDoublePost(t *testing.T) {
	ws := start(t, slackfake.Options{})
	ws.FailNext("chat.postMessage", 1, slackfake.DropAfterEffect())
	cfg := slack.DefaultRetryConfig()
	cfg.BackoffInitial = time.Millisecond
	cfg.Handlers = slack.ConnectionOnlyRetryHandlers()
	if err := post(ws, "once", slack.OptionRetryConfig(cfg)); err != nil {
		t.Fatal(err)
	}
	if got := len(ws.Messages("ops")); got != 2 {
		t.Errorf("messages: got %d want 2, since the client repeats on EOF", got)
	}
	calls := ws.Calls("chat.postMessage")
	if len(calls) != 2 || !calls[0].Effect || calls[0].OK || calls[0].Status != 0 || !calls[1].OK {
		t.Errorf("calls: %+v", calls)
	}
}

func TestFaults(t *testing.T) {
	ws := start(t, slackfake.Options{})
	ws.FailNext("chat.postMessage", 1, slackfake.HTTPError(500))
	ws.FailNext("chat.postMessage", 1, slackfake.APIError("fatal_error"))
	ws.FailNext("chat.postMessage", 1, slackfake.Drop())
	ws.FailNext("*", 1, slackfake.RateLimited(slackfake.RateHeader, 7))
	ws.FailNext("*", 1, slackfake.RateLimited(slackfake.RateBare, 0))
	ws.FailNext("*", 1, slackfake.RateLimited(slackfake.RateBody, 0))
	var code slack.StatusCodeError
	var limited *slack.RateLimitedError
	if err := post(ws, "x"); !errors.As(err, &code) || code.Code != 500 {
		t.Errorf("500: got %v", err)
	}
	wantError(t, "ok:false", post(ws, "x"), "fatal_error")
	if err := post(ws, "x"); err == nil {
		t.Error("dropped: no error")
	}
	if err := post(ws, "x"); !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
		t.Errorf("429 with header: got %v", err)
	}
	if err := post(ws, "x"); !errors.As(err, &code) || code.Code != 429 {
		t.Errorf("429 without header: got %v", err)
	}
	wantError(t, "200 ratelimited", post(ws, "x"), "ratelimited")
	if got := len(ws.Messages("ops")); got != 0 {
		t.Errorf("a failed call had an effect: %d messages", got)
	}
	if err := post(ws, "x"); err != nil {
		t.Error(err)
	}
}

func TestHold(t *testing.T) {
	ws := start(t, slackfake.Options{})
	release := ws.Hold("chat.postMessage", 1)
	held := make(chan error, 1)
	go func() { held <- post(ws, "held") }()
	wait(t, ws, func(*slackfake.State) bool { return ws.HeldCalls() == 1 })
	if err := post(ws, "passes"); err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	if got := ws.Messages("ops"); len(got) != 2 || got[0].Text != "passes" {
		t.Errorf("messages: %+v", got)
	}
}

func TestRateLimits(t *testing.T) {
	c := newClock()
	ws := start(t, slackfake.Options{Now: c.now})
	ws.Limit(slackfake.Limits{Methods: true, Channels: true, Burst: 2})
	var limited *slack.RateLimitedError
	if post(ws, "1") != nil || post(ws, "2") != nil {
		t.Fatal("the burst is refused")
	}
	if err := post(ws, "3"); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("above the burst: got %v", err)
	}
	c.forward(time.Second)
	if err := post(ws, "4"); err != nil {
		t.Errorf("a second later: %v", err)
	}
	api := client(ws)
	for range 20 {
		if _, err := api.GetUserGroups(); err != nil {
			t.Fatal(err)
		}
	}
	c.forward(29500 * time.Millisecond)
	if _, err := api.GetUserGroups(); !errors.As(err, &limited) || limited.RetryAfter != 31*time.Second {
		t.Errorf("call 21 of a minute: got %v", err)
	}
	c.forward(31 * time.Second)
	if _, err := api.GetUserGroups(); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	ws.Limit(slackfake.Limits{})
	for range 30 {
		if err := post(ws, "x"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgeries(t *testing.T) {
	ws := start(t, slackfake.Options{})
	a := newApp(t, ws)
	real := ws.User("alice").In("ops").Type("/incident approve 3")
	if real.Err != nil {
		t.Fatal(real.Err)
	}
	tests := []struct {
		name   string
		f      slackfake.Forgery
		status int
	}{
		{"as it was, signed anew", slackfake.Forgery{From: real}, 200},
		{"wrong secret", slackfake.Forgery{From: real, Secret: "guess"}, 401},
		{"old timestamp", slackfake.Forgery{From: real, Age: 6 * time.Minute}, 401},
		{"future timestamp", slackfake.Forgery{From: real, Age: -6 * time.Minute}, 401},
		{"one byte changed", slackfake.Forgery{From: real, FlipByte: true}, 401},
		{"unsigned", slackfake.Forgery{From: real, Unsigned: true}, 401},
		{"a command of nobody, wrong secret", slackfake.Forgery{User: "U9", Channel: "C1", Text: "/incident approve 3", Secret: "x"}, 401},
		{"a query string", slackfake.Forgery{From: real, Query: url.Values{"payload": {"{}"}}}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := a.count()
			d := ws.Forge(tt.f)
			if d.Status != tt.status || d.Err != nil {
				t.Errorf("got %d, %v want %d", d.Status, d.Err, tt.status)
			}
			if passed := a.count() - before; passed != 0 && tt.status != 200 {
				t.Errorf("the forgery passed the check")
			}
		})
	}
	d := ws.Replay(real.N)
	if d.Status != 200 || string(d.Body) != string(real.Body) || d.Header.Get("X-Slack-Signature") != real.Header.Get("X-Slack-Signature") {
		t.Errorf("replay: %+v", d)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bodies[0] != a.bodies[len(a.bodies)-1] {
		t.Error("the replayed bytes differ")
	}
}

func TestDuplicateAndRetriesByHTTP(t *testing.T) {
	ws := start(t, slackfake.Options{EventRetries: []time.Duration{0, 0, 0}})
	a := newApp(t, ws)
	ws.Duplicate(1)
	if d := ws.User("alice").In("ops").Type("/incident x"); d.Err != nil || a.count() != 2 || a.bodies[0] != a.bodies[1] {
		t.Errorf("duplicate: %v, %d requests", d.Err, a.count())
	}
	a.on(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Slack-Retry-Num") != "2" {
			w.WriteHeader(500)
		}
	})
	d := ws.SendEvent(map[string]any{"type": "app_mention", "user": "U1"})
	wait(t, ws, func(*slackfake.State) bool { return len(d.Attempts()) == 3 })
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, want := range []string{"", "1", "2"} {
		r := a.seen[2+i]
		if got := r.Header.Get("X-Slack-Retry-Num"); got != want || want != "" && r.Header.Get("X-Slack-Retry-Reason") != "http_error" {
			t.Errorf("attempt %d: headers %v", i, r.Header)
		}
	}
}

func TestVerifyEventsURL(t *testing.T) {
	ws := start(t, slackfake.Options{})
	a := newApp(t, ws)
	if err := ws.VerifyEventsURL(); err == nil {
		t.Error("an empty answer passes")
	}
	a.on(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		body := a.bodies[len(a.bodies)-1]
		a.mu.Unlock()
		_, rest, _ := strings.Cut(body, `"challenge":"`)
		challenge, _, _ := strings.Cut(rest, `"`)
		_, _ = w.Write([]byte(challenge))
	})
	if err := ws.VerifyEventsURL(); err != nil {
		t.Error(err)
	}
}

// goroutines lists those that run code of the fake, except the test itself.
func goroutines() []string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var out []string
	for g := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(g, "slackfake.(*") && !strings.Contains(g, "testing.tRunner") {
			out = append(out, g)
		}
	}
	return out
}

func TestCloseLeavesNothing(t *testing.T) {
	ws := start(t, slackfake.Options{EventRetries: []time.Duration{time.Hour}})
	conn, _ := dial(t, ws)
	_ = conn
	ws.Hold("chat.postMessage", 1)
	blocked := make(chan error, 3)
	go func() { blocked <- post(ws, "held") }()
	go func() { blocked <- ws.User("alice").In("ops").Type("/incident x").Err }()
	go func() { blocked <- ws.Wait(t.Context(), func(s *slackfake.State) bool { return false }) }()
	wait(t, ws, func(s *slackfake.State) bool { return ws.HeldCalls() == 1 && len(s.Lines()) == 1 })
	ws.Close()
	for range 3 {
		if err := <-blocked; err == nil {
			t.Error("a wait ended without an error")
		}
	}
	// A goroutine that has told that it is done may need one more turn to be gone.
	deadline := time.Now().Add(5 * time.Second)
	for left := goroutines(); len(left) > 0; left = goroutines() {
		if time.Now().After(deadline) {
			t.Fatalf("left behind:\n%s", strings.Join(left, "\n\n"))
		}
		runtime.Gosched()
	}
	if err := post(ws, "x"); err == nil {
		t.Error("a closed workspace answers")
	}
}
