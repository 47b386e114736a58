package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// wire is a Slack in memory, for tests in which time is not real: it answers
// calls as told and notes when they came.
type wire struct {
	mu     sync.Mutex
	calls  []wireCall
	answer func(method string, n int) (status int, header http.Header, body string, err error)
	began  time.Time
}

type wireCall struct {
	method, text string
	at           time.Duration // since the beginning
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	form, _ := url.ParseQuery(string(body))
	method := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	w.mu.Lock()
	n := 0
	for _, c := range w.calls {
		if c.method == method {
			n++
		}
	}
	w.calls = append(w.calls, wireCall{method, form.Get("text"), time.Since(w.began)})
	w.mu.Unlock()
	status, header, text, err := 200, http.Header{}, `{"ok":true,"ts":"1.000001","channel":"C1","team_id":"T1","user_id":"UB"}`, error(nil)
	if strings.HasPrefix(method, "conversations.") {
		text = `{"ok":true,"channel":{"id":"C1"}}`
	}
	if w.answer != nil {
		if s, h, b, e := w.answer(method, n); s != 0 || e != nil {
			status, header, text, err = s, h, b, e
		}
	}
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// times lists when a method was called.
func (w *wire) times(method string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []time.Duration
	for _, c := range w.calls {
		if c.method == method {
			all = append(all, c.at)
		}
	}
	return all
}

func (w *wire) last(method string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := ""
	for _, c := range w.calls {
		if c.method == method {
			text = c.text
		}
	}
	return text
}

// oneIncident is a host with one incident that has a card.
type oneIncident struct {
	mu sync.Mutex
	i  *engine.Incident
}

func (o *oneIncident) Refuse(context.Context, engine.Request, string, *engine.Refusal) error {
	return nil
}
func (o *oneIncident) List(context.Context) ([]engine.Summary, error)      { return nil, nil }
func (o *oneIncident) Head(context.Context, string) (int64, string, error) { return 1, "00", nil }
func (o *oneIncident) View(_ context.Context, _ string, f func(*engine.Incident)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o.i)
	return nil
}

func (o *oneIncident) title(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.i.Title = s
}

type noBot struct{}

func (noBot) Command(context.Context, chatops.Input) chatops.Message { return chatops.Message{} }
func (noBot) Click(context.Context, chatops.Click) chatops.Message   { return chatops.Message{} }
func (noBot) Answer(context.Context, chatops.Answer) (chatops.Message, map[string]string) {
	return chatops.Message{}, nil
}

// inMemory makes an adapter on a wire.
func inMemory(t *testing.T, answer func(method string, n int) (int, http.Header, string, error)) (*Adapter, *wire, *oneIncident) {
	t.Helper()
	host := &oneIncident{i: &engine.Incident{ID: "INC-1", Title: "start", Channel: &engine.ChannelBound{Channel: "C1"}, Asks: []*engine.Ask{{ID: "1"}},
		Posts: map[string]*engine.Post{"card": {Ref: "card", Channel: "C1", TS: "1.000001"}}}}
	title := func(i *engine.Incident) chatops.Message { return chatops.Message{Title: i.Title} }
	a, err := New(Options{
		BotToken: actions.NewSecret("xoxb-1"), SigningSecret: actions.NewSecret("s"), TeamID: "T1", Bot: noBot{}, Incidents: host,
		Directory: func() *chatops.Directory { return &chatops.Directory{} },
		Renderer: Renderer{
			Card:   func(i *engine.Incident, _ string) chatops.Message { return title(i) },
			Ask:    func(i *engine.Incident, _ *engine.Ask) chatops.Message { return title(i) },
			End:    func(i *engine.Incident, _ *engine.Run) chatops.Message { return title(i) },
			Remind: func(i *engine.Incident, _ *engine.Ask, _ int) chatops.Message { return title(i) },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{answer: answer, began: time.Now()}
	a.api.http.Transport = w
	t.Cleanup(a.Stop)
	return a, w, host
}

func TestCardIsDrawnAtOnceAndThenOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w, host := inMemory(t, nil)
		for n := range 100 { // ten seconds of changes, ten a second
			host.title(time.Duration(n).String())
			a.Changed("INC-1")
			<-time.After(100 * time.Millisecond)
		}
		host.title("the end")
		a.Changed("INC-1")
		if depth, _ := a.Outbox(); depth != 0 {
			t.Errorf("a card that waits for its interval counts as owed: %d", depth)
		}
		<-time.After(time.Minute)
		want := []time.Duration{0, 3 * time.Second, 6 * time.Second, 9 * time.Second, 12 * time.Second}
		if got := w.times("chat.update"); len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[4] != want[4] {
			t.Errorf("drawn at %v, want %v", got, want)
		}
		if got := w.last("chat.update"); got != "the end" {
			t.Errorf("the card shows %q", got)
		}
	})
}

func TestTooManyCallsAreHeldBackInEveryShape(t *testing.T) {
	for name, limited := range map[string]struct {
		status int
		header http.Header
		body   string
		wait   time.Duration
	}{
		"429 with a time":    {429, http.Header{"Retry-After": {"17"}}, "", 17 * time.Second},
		"429 without a time": {429, nil, "", time.Second},
		"200 ratelimited":    {200, nil, `{"ok":false,"error":"ratelimited"}`, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, w, host := inMemory(t, func(method string, n int) (int, http.Header, string, error) {
					if method == "chat.update" && n == 0 {
						return limited.status, limited.header, limited.body, nil
					}
					return 0, nil, "", nil
				})
				host.title("new")
				a.Changed("INC-1")
				<-time.After(time.Minute)
				if got := w.times("chat.update"); len(got) != 2 || got[1] != limited.wait {
					t.Errorf("called at %v, want 0 and %v", got, limited.wait)
				}
			})
		})
	}
}

func TestSlackIsDownForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := time.Now().Add(time.Hour)
		a, w, host := inMemory(t, func(string, int) (int, http.Header, string, error) {
			if time.Now().Before(down) {
				return 0, nil, "", errors.New("connection refused")
			}
			return 0, nil, "", nil
		})
		host.title("first")
		a.Changed("INC-1")
		posted := make(chan error, 1)
		go func() {
			_, err := a.Post(t.Context(), func(f func(*engine.Incident)) error { return host.View(t.Context(), "", f) }, "ask:1")
			posted <- err
		}()
		<-time.After(30 * time.Minute)
		host.title("later")
		a.Changed("INC-1")
		synctest.Wait()
		if depth, oldest := a.Outbox(); depth != 3 || oldest != 30*time.Minute {
			t.Errorf("%d wait, the oldest for %s; want 3 (two drawings and a post) and 30m", depth, oldest)
		}
		if n := len(w.times("chat.update")) + len(w.times("conversations.info")); n > 200 {
			t.Errorf("%d tries in half an hour", n)
		}
		<-time.After(31 * time.Minute)
		if err := <-posted; err != nil {
			t.Errorf("the post was given up: %v", err)
		}
		if got := w.last("chat.update"); got != "later" {
			t.Errorf("the card shows %q", got)
		}
		if depth, _ := a.Outbox(); depth != 0 {
			t.Errorf("%d wait still", depth)
		}
	})
}

func TestRefusalForGoodIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w, host := inMemory(t, func(method string, _ int) (int, http.Header, string, error) {
			if method == "chat.update" {
				return 200, nil, `{"ok":false,"error":"cant_update_message"}`, nil
			}
			return 0, nil, "", nil
		})
		host.title("new")
		a.Changed("INC-1")
		<-time.After(time.Hour)
		if got := w.times("chat.update"); len(got) != 1 {
			t.Errorf("called at %v", got)
		}
	})
}

func TestReplyIsGivenUpAfterHalfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w, _ := inMemory(t, func(string, int) (int, http.Header, string, error) { return 503, nil, "", nil })
		r := &request{user: "U1", channel: "C1", response: "https://hooks.slack.com/commands/x", received: time.Now()}
		a.reply(r, chatops.Message{Title: "hello"}, "")
		<-time.After(2 * time.Hour)
		if depth, _ := a.Outbox(); depth != 0 {
			t.Errorf("%d wait", depth)
		}
		if got := w.times("x"); len(got) != responseUses {
			t.Errorf("the response address was used %d times", len(got))
		}
	})
}

func TestResponseAddressLeadsOnlyToSlack(t *testing.T) {
	a, w, _ := inMemory(t, nil)
	for _, address := range []string{"https://evil.example/x", "http://hooks.slack.com/x", "https://slack.com.evil.example/x", "file:///etc/passwd", "https://evilslack.com/x", "::"} {
		if err := a.api.respond(t.Context(), address, content{text: "x"}, false); err == nil {
			t.Errorf("answered to %q", address)
		}
	}
	if len(w.calls) != 0 {
		t.Errorf("calls: %v", w.calls)
	}
}

func TestRefusalsAreCountedPastTen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		var mu sync.Mutex
		r := newRefusals(time.Now, func(_ engine.Request, f *engine.Refusal) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, f.Message)
		})
		for range 500 {
			r.add(engine.Request{}, engine.Refuse(engine.NotKnown, "no"))
		}
		<-time.After(2 * time.Minute)
		r.add(engine.Request{}, engine.Refuse(engine.NotKnown, "no"))
		if len(got) != 12 || !strings.HasPrefix(got[10], "490 more") || got[11] != "no" {
			t.Errorf("recorded %q", got)
		}
	})
}

func TestWindowForgetsInTime(t *testing.T) {
	w := newWindow(time.Minute, 3)
	now := time.Now()
	if w.note("a", now) != 0 || w.note("a", now) != 1 || w.note("a", now) != 2 {
		t.Error("a repeat is not seen")
	}
	w.forget("a")
	if w.note("a", now) != 0 {
		t.Error("what was forgotten is still known")
	}
	if w.note("a", now.Add(2*time.Minute)) != 0 {
		t.Error("an old one is kept")
	}
	for _, k := range []string{"b", "c", "d", "e"} {
		w.note(k, now.Add(2*time.Minute))
	}
	if len(w.seen) > 3 || len(w.order) > 3 {
		t.Errorf("keeps %d", len(w.seen))
	}
}

// TestLargeAckGoesWithoutItsPayload: Slack drops an acknowledgement of 20 KB
// without a word, and the person would see that the app did not answer.
func TestLargeAckGoesWithoutItsPayload(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(rw, req, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_, data, _ := conn.ReadMessage()
		got <- string(data)
	}))
	defer server.Close()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+server.URL[len("http"):], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a, _, _ := inMemory(t, nil)
	s := &socket{a: a, ctx: t.Context(), conn: conn}
	s.ack("E1", map[string]string{"text": strings.Repeat("x", 20*1024)})
	if data := <-got; data != `{"envelope_id":"E1"}` {
		t.Errorf("sent %.100s", data)
	}
}

// slowWriter is a client that takes the answer when it is let.
type slowWriter struct {
	http.ResponseWriter
	let chan struct{}
}

func (w slowWriter) WriteHeader(status int) {
	<-w.let
	w.ResponseWriter.WriteHeader(status)
}

func TestNothingIsDoneBeforeTheAnswerIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w, _ := inMemory(t, nil)
		body := "team_id=T1&user_id=U1&channel_id=C1&command=/incident&text=declare&trigger_id=1.1"
		now := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte("s"))
		mac.Write([]byte("v0:" + now + ":" + body))
		req := httptest.NewRequest(http.MethodPost, CommandsPath, strings.NewReader(body))
		req.Header.Set("Content-Type", formType)
		req.Header.Set("X-Slack-Request-Timestamp", now)
		req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		slow := slowWriter{httptest.NewRecorder(), make(chan struct{})}
		go a.Handler().ServeHTTP(slow, req)
		synctest.Wait()
		if len(w.calls) != 0 {
			t.Errorf("before the answer was written: %v", w.calls)
		}
		close(slow.let)
		synctest.Wait()
		if len(w.times("users.info")) != 1 || len(w.times("views.open")) != 1 {
			t.Errorf("afterwards: %v", w.calls)
		}
	})
}
