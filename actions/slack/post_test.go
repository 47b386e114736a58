package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/slack"
)

func registry(api string) *actions.Registry {
	r := actions.NewRegistry()
	slack.New(slack.Options{
		APIURL: api,
		Token:  func(context.Context) (actions.Secret, error) { return actions.NewSecret(botToken), nil },
		Channel: func(incident string) (string, error) {
			if incident != "INC-12" {
				return "", errors.New("no such incident")
			}
			return "C1", nil
		},
	}).Register(r)
	return r
}

func call() actions.Call {
	return actions.Call{Key: "c0ffee", Incident: "INC-12", Run: "R1", Step: "tell", Attempt: 1, Environment: "prod", Actor: "grace@example.com", Requests: &actions.Requests{}}
}

func TestSuite(t *testing.T) {
	faults := map[string]func(http.ResponseWriter, func()){
		"throttled": status(http.StatusTooManyRequests), "throttled in words": word("ratelimited"), "denied": word("missing_scope"), "kicked out": word("not_in_channel"),
		"gone": word("channel_not_found"), "too long": word("msg_too_long"), "cut": cut, "broken": status(http.StatusBadGateway), "trouble inside": word("fatal_error"),
	}
	actionstest.Run(t, actionstest.Case{
		Action: "slack.post",
		World: func(t *testing.T) actionstest.World {
			s := newWorkspace(t)
			return actionstest.World{
				Registry: registry(s.url), Call: call(), Params: map[string]any{"text": "the key is off"},
				Snapshot:   func(*testing.T) string { return s.transcript() },
				Disturb:    func(*testing.T) { s.empty() },
				LoseAnswer: func(*testing.T) { s.on("chat.postMessage", lost) },
				Fault:      func(_ *testing.T, name string) { s.on("chat.postMessage", faults[name]) },
				Canaries:   []string{botToken},
			}
		},
		Errors: map[string]actions.Class{
			"throttled": actions.Throttled, "throttled in words": actions.Throttled, "denied": actions.Denied, "kicked out": actions.Precondition,
			"gone": actions.NotFound, "too long": actions.Invalid, "cut": actions.Unknown, "broken": actions.Unknown, "trouble inside": actions.Unknown,
		},
	})
}

// step is slack.post ready to be called.
type step struct {
	*testing.T
	handler actions.Handler
	call    actions.Call
	params  json.RawMessage
}

func newStep(t *testing.T, s *workspace, with map[string]any) *step {
	t.Helper()
	h, _ := registry(s.url).Handler("slack.post")
	data, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	return &step{t, h, call(), data}
}

func (s *step) plan() {
	s.Helper()
	preview, err := s.handler.Plan(s.Context(), s.call, s.params)
	if err != nil {
		s.Fatal(err)
	}
	s.call.State, s.call.Started = preview.State, time.Now()
}

// A second attempt looks before it posts, even when nobody asked Probe first.
func TestSecondAttemptDoesNotPostTwice(t *testing.T) {
	s := newWorkspace(t)
	post := newStep(t, s, map[string]any{"text": "hello"})
	post.plan()
	s.on("chat.postMessage", lost)
	if _, err := post.handler.Execute(t.Context(), post.call, post.params); actions.ClassOf(err) != actions.Unknown {
		t.Fatalf("got %v", err)
	}
	s.on("chat.postMessage", nil)
	for range 500 { // more than two pages of other messages
		s.say("chatter")
	}
	post.call.Attempt = 2
	result, err := post.handler.Execute(t.Context(), post.call, post.params)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(s.transcript(), "UBOT: hello"); got != 1 {
		t.Errorf("the message is there %d times", got)
	}
	if reading, err := post.handler.Verify(t.Context(), post.call, post.params, result); err != nil || reading.Verdict != actions.Verified {
		t.Errorf("got %+v, %v", reading, err)
	}
}

// A history too long to be read to its end proves nothing.
func TestProbeOfALongHistoryIsUnknown(t *testing.T) {
	s := newWorkspace(t)
	post := newStep(t, s, map[string]any{"text": "hello"})
	post.plan()
	for range 4100 {
		s.say("chatter")
	}
	found, _, err := post.handler.Probe(t.Context(), post.call, post.params)
	if err != nil || found != actions.FoundUnknown {
		t.Fatalf("got %q, %v", found, err)
	}
	post.call.Attempt = 2
	if _, err := post.handler.Execute(t.Context(), post.call, post.params); actions.ClassOf(err) != actions.Unknown {
		t.Errorf("the second attempt gave %v, want class unknown", err)
	}
	if strings.Contains(s.transcript(), "UBOT") {
		t.Error("it posted although it could not tell")
	}
}

// Only the step's own key counts: another step of the same run is not it.
func TestProbeTellsStepsApart(t *testing.T) {
	s := newWorkspace(t)
	post := newStep(t, s, map[string]any{"text": "hello"})
	post.plan()
	if _, err := post.handler.Execute(t.Context(), post.call, post.params); err != nil {
		t.Fatal(err)
	}
	post.call.Key = "another"
	found, _, err := post.handler.Probe(t.Context(), post.call, post.params)
	if err != nil || found != actions.NotApplied {
		t.Errorf("got %q, %v", found, err)
	}
}

// Text from outside is shown, never interpreted.
func TestTextIsPlain(t *testing.T) {
	s := newWorkspace(t)
	post := newStep(t, s, map[string]any{"text": "<!channel> look at <https://evil.example|your bank> & <@U1>"})
	post.plan()
	if _, err := post.handler.Execute(t.Context(), post.call, post.params); err != nil {
		t.Fatal(err)
	}
	form := s.sent("chat.postMessage")[0]
	if got, want := form.Get("text"), "&lt;!channel&gt; look at &lt;https://evil.example|your bank&gt; &amp; &lt;@U1&gt;"; got != want {
		t.Errorf("got text %q, want %q", got, want)
	}
	for name, want := range map[string]string{"mrkdwn": "false", "parse": "none", "unfurl_links": "false", "unfurl_media": "false", "link_names": ""} {
		if got := form.Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	var metadata struct {
		Type    string            `json:"event_type"`
		Payload map[string]string `json:"event_payload"`
	}
	if err := json.Unmarshal([]byte(form.Get("metadata")), &metadata); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(metadata), "{firebreak_step map[incident:INC-12 key:c0ffee run:R1 step:tell]}"; got != want {
		t.Errorf("got metadata %s, want %s", got, want)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		with  map[string]any
		world func(*workspace)
		call  func(*actions.Call)
		class actions.Class
		says  string
	}{
		{name: "no text", with: map[string]any{"text": " \n"}, class: actions.Invalid, says: "empty"},
		{name: "too long", with: map[string]any{"text": strings.Repeat("é", 40_001)}, class: actions.Invalid, says: "40001 characters"},
		{name: "not a member", with: map[string]any{"text": "x"}, world: func(s *workspace) { s.member = false }, class: actions.Precondition, says: "invite the app"},
		{name: "archived", with: map[string]any{"text": "x"}, world: func(s *workspace) { s.archived = true }, class: actions.Precondition, says: "archived"},
		{name: "unknown channel", with: map[string]any{"text": "x", "channel": "C9"}, class: actions.NotFound, says: "channel_not_found"},
		{name: "unknown incident", with: map[string]any{"text": "x"}, call: func(c *actions.Call) { c.Incident = "INC-9" }, class: actions.Precondition, says: "no such incident"},
		{name: "channel by name", with: map[string]any{"text": "x", "channel": "#ops"}, class: actions.Invalid, says: "does not match"},
		{name: "reads fail", with: map[string]any{"text": "x"}, world: func(s *workspace) { s.fault["conversations.info"] = status(http.StatusBadGateway) }, class: actions.Transient, says: "502"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newWorkspace(t)
			if test.world != nil {
				test.world(s)
			}
			post := newStep(t, s, test.with)
			if test.call != nil {
				test.call(&post.call)
			}
			_, err := post.handler.Plan(t.Context(), post.call, post.params)
			if actions.ClassOf(err) != test.class || err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, test.class, test.says)
			}
		})
	}
}

func TestUndoWithoutResult(t *testing.T) {
	s := newWorkspace(t)
	post := newStep(t, s, map[string]any{"text": "x"})
	post.plan()
	if preview, err := post.handler.PlanUndo(t.Context(), post.call, post.params, nil); err != nil || preview.NoUndo == "" {
		t.Errorf("got %+v, %v", preview, err)
	}
	if err := post.handler.Undo(t.Context(), post.call, post.params, nil); actions.ClassOf(err) != actions.Precondition {
		t.Errorf("got %v", err)
	}
	if reading, err := post.handler.VerifyUndo(t.Context(), post.call, post.params, nil); err != nil || reading.Verdict != actions.CannotVerify {
		t.Errorf("got %+v, %v", reading, err)
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String() + "/api/"
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	h, _ := registry(nobody).Handler("slack.post")
	c := call()
	c.State = json.RawMessage(`{"channel":"C1"}`)
	_, err = h.Execute(t.Context(), c, json.RawMessage(`{"text":"x"}`))
	if actions.ClassOf(err) != actions.Transient || !strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("got class %s, %v", actions.ClassOf(err), err)
	}
}

func TestNoToken(t *testing.T) {
	r := actions.NewRegistry()
	slack.New(slack.Options{Token: func(context.Context) (actions.Secret, error) {
		return actions.Secret{}, errors.New("secret://env/SLACK_TOKEN: the environment variable is not set")
	}}).Register(r)
	h, _ := r.Handler("slack.post")
	_, err := h.Plan(t.Context(), call(), json.RawMessage(`{"text":"x","channel":"C1"}`))
	if actions.ClassOf(err) != actions.Denied || !strings.Contains(err.Error(), "secret://env/SLACK_TOKEN") {
		t.Errorf("got class %s, %v", actions.ClassOf(err), err)
	}
}
