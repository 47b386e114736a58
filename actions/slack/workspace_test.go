package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const botToken = "xoxb-canary-7f3a9c21d4e85b60"

// message is one post in the channel.
type message struct {
	ts, text, user string
	metadata       json.RawMessage
}

// workspace is a Slack of one channel: it stores, pages, deletes and fails.
type workspace struct {
	url string

	mu       sync.Mutex
	messages []message // oldest first
	forms    map[string][]url.Values
	member   bool
	archived bool
	fault    map[string]func(w http.ResponseWriter, effect func())
	serial   int
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	s := &workspace{member: true, forms: map[string][]url.Values{}, fault: map[string]func(http.ResponseWriter, func()){}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL + "/api/"
	s.say("before the incident")
	return s
}

// say posts as somebody else.
func (s *workspace) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, message{ts: s.stamp(), text: text, user: "U1"})
}

func (s *workspace) stamp() string {
	s.serial++
	return fmt.Sprintf("%d.%06d", time.Now().Unix(), s.serial)
}

// on makes one method fail; effect does what the method would have done.
func (s *workspace) on(method string, fail func(w http.ResponseWriter, effect func())) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault[method] = fail
}

func (s *workspace) sent(method string) []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.forms[method])
}

// transcript is what the channel shows.
func (s *workspace) transcript() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, m := range s.messages {
		fmt.Fprintf(&b, "%s: %s\n", m.user, m.text)
	}
	return b.String()
}

// empty deletes what the app has posted.
func (s *workspace) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m message) bool { return m.user == "UBOT" })
}

func (s *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	s.forms[method] = append(s.forms[method], r.PostForm)
	w.Header().Set("X-Slack-Req-Id", fmt.Sprintf("req-%d", len(s.forms[method])))
	if fail := s.fault[method]; fail != nil {
		fail(w, func() { s.do(method, r.PostForm) })
		return
	}
	answer := map[string]any{"ok": false, "error": "invalid_auth"}
	if token := r.PostForm.Get("token"); token == botToken || r.Header.Get("Authorization") == "Bearer "+botToken {
		answer = s.do(method, r.PostForm)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *workspace) do(method string, form url.Values) map[string]any {
	no := func(word string) map[string]any { return map[string]any{"ok": false, "error": word} }
	switch {
	case form.Get("channel") != "C1":
		return no("channel_not_found")
	case method == "conversations.info":
		return map[string]any{"ok": true, "channel": map[string]any{"id": "C1", "name": "inc-12", "is_member": s.member, "is_archived": s.archived}}
	case !s.member:
		return no("not_in_channel")
	case method == "chat.postMessage":
		m := message{ts: s.stamp(), text: form.Get("text"), user: "UBOT", metadata: json.RawMessage(form.Get("metadata"))}
		s.messages = append(s.messages, m)
		return map[string]any{"ok": true, "channel": "C1", "ts": m.ts, "message": map[string]any{"text": m.text, "ts": m.ts}}
	case method == "chat.delete":
		i := slices.IndexFunc(s.messages, func(m message) bool { return m.ts == form.Get("ts") })
		if i < 0 {
			return no("message_not_found")
		}
		s.messages = slices.Delete(s.messages, i, i+1)
		return map[string]any{"ok": true, "channel": "C1", "ts": form.Get("ts")}
	case method == "conversations.history":
		return s.history(form)
	}
	return no("unknown_method")
}

func (s *workspace) history(form url.Values) map[string]any {
	inclusive := form.Get("inclusive") == "1"
	inside := func(ts string) bool {
		oldest, latest := form.Get("oldest"), form.Get("latest")
		if inclusive && (ts == oldest || ts == latest) {
			return true
		}
		return (oldest == "" || ts > oldest) && (latest == "" || ts < latest)
	}
	var all []map[string]any
	for _, m := range slices.Backward(s.messages) {
		if !inside(m.ts) {
			continue
		}
		one := map[string]any{"type": "message", "ts": m.ts, "text": m.text, "user": m.user}
		if len(m.metadata) > 0 && form.Get("include_all_metadata") == "1" {
			one["metadata"] = m.metadata
		}
		all = append(all, one)
	}
	from, _ := strconv.Atoi(form.Get("cursor"))
	limit, _ := strconv.Atoi(form.Get("limit"))
	to := min(len(all), from+limit)
	answer := map[string]any{"ok": true, "messages": all[from:to], "has_more": to < len(all)}
	if to < len(all) {
		answer["response_metadata"] = map[string]any{"next_cursor": strconv.Itoa(to)}
	}
	return answer
}

// The faults.

func lost(_ http.ResponseWriter, effect func()) {
	effect()
	panic(http.ErrAbortHandler)
}

func cut(http.ResponseWriter, func()) { panic(http.ErrAbortHandler) }

func status(code int) func(http.ResponseWriter, func()) {
	return func(w http.ResponseWriter, _ func()) {
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(code)
	}
}

func word(code string) func(http.ResponseWriter, func()) {
	return func(w http.ResponseWriter, _ func()) {
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": code})
	}
}
