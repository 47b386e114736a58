package slack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// office is a workspace with people, groups and channels.
type office struct {
	*testing.T
	*slackfake.Workspace
}

func newOffice(t *testing.T) *office {
	t.Helper()
	ws := slackfake.New(slackfake.Options{BotToken: botToken, Scopes: append(slackfake.DefaultScopes(), "users:read.email")})
	for _, u := range []slackfake.User{
		{ID: "U1", Name: "alice", Email: "alice@example.com"}, {ID: "U2", Name: "bob"}, {ID: "U3", Name: "carol"},
		{ID: "U4", Name: "guest", Restricted: true}, {ID: "U5", Name: "stranger", Stranger: true, TeamID: "T9"}, {ID: "U6", Name: "gone", Deleted: true},
		{ID: "U7", Name: "robot", Bot: true}, {ID: "U8", Name: "other", TeamID: "T8", Email: "other@example.org"}, {ID: "U9", Name: "lodger", UltraRestricted: true},
	} {
		ws.AddUser(u)
	}
	ws.AddGroup(slackfake.Group{ID: "S1", Handle: "forensics", Members: []string{"U2", "U3"}})
	ws.AddGroup(slackfake.Group{ID: "S2", Handle: "mixed", Members: []string{"U2", "U4"}})
	ws.AddGroup(slackfake.Group{ID: "S3", Handle: "nobody"})
	ws.AddChannel(slackfake.Channel{ID: "C1", Name: "inc-12", Private: true, Members: []string{"UBOT", "U1"}})
	if err := ws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ws.Close)
	return &office{t, ws}
}

// shown is all that the actions can touch, as people see it. Archived channels
// are not shown to them.
func (o *office) shown() string {
	var b strings.Builder
	for _, c := range o.Channels() {
		if !c.Archived && !c.IM {
			fmt.Fprintf(&b, "#%s private=%t purpose=%q members=%v\n", c.Name, c.Private, c.Purpose, c.Members)
		}
	}
	return b.String()
}

func (o *office) step(action string, with map[string]any) *step {
	o.Helper()
	h, _ := registry(o.APIURL()).Handler(action)
	data, err := json.Marshal(with)
	if err != nil {
		o.Fatal(err)
	}
	return &step{o.T, h, call(), data}
}

func (s *step) run(into any) {
	s.Helper()
	raw, err := s.handler.Execute(s.Context(), s.call, s.params)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *step) fails(class actions.Class, says string) {
	s.Helper()
	_, err := s.handler.Execute(s.Context(), s.call, s.params)
	if err == nil || actions.ClassOf(err) != class || !strings.Contains(err.Error(), says) {
		s.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, class, says)
	}
}

// failings are the faults of the suite, and the class that a write must give them.
func failings() (map[string]slackfake.Fault, map[string]actions.Class) {
	return map[string]slackfake.Fault{
			"throttled": slackfake.RateLimited(slackfake.RateHeader, 7), "throttled in words": slackfake.RateLimited(slackfake.RateBody, 0),
			"denied": slackfake.APIError("missing_scope"), "not allowed": slackfake.APIError("restricted_action"), "a guest": slackfake.APIError("user_is_restricted"),
			"cut": slackfake.Drop(), "broken": slackfake.HTTPError(http.StatusBadGateway), "trouble inside": slackfake.APIError("internal_error"),
		}, map[string]actions.Class{
			"throttled": actions.Throttled, "throttled in words": actions.Throttled, "denied": actions.Denied, "not allowed": actions.Precondition, "a guest": actions.Precondition,
			"cut": actions.Unknown, "broken": actions.Unknown, "trouble inside": actions.Unknown,
		}
}

func TestOpenChannelSuite(t *testing.T) {
	faults, classes := failings()
	classes["invalid name"] = actions.Invalid
	faults["invalid name"] = slackfake.APIError("invalid_name_specials")
	for _, public := range []bool{false, true} {
		t.Run(fmt.Sprintf("public %t", public), func(t *testing.T) {
			actionstest.Run(t, actionstest.Case{
				Action: "slack.open_channel",
				World: func(t *testing.T) actionstest.World {
					o := newOffice(t)
					return actionstest.World{
						Registry: registry(o.APIURL()), Call: call(), Canaries: []string{botToken},
						Params:     map[string]any{"name": "{incident}-forensics", "public": public, "purpose": "Disk images"},
						Snapshot:   func(*testing.T) string { return o.shown() },
						Disturb:    func(*testing.T) { o.archive("inc-12-forensics") },
						LoseAnswer: func(*testing.T) { o.FailNext("conversations.setPurpose", 1, slackfake.DropAfterEffect()) },
						Fault:      func(_ *testing.T, name string) { o.FailNext("conversations.create", 1, faults[name]) },
					}
				},
				Errors: classes,
			})
		})
	}
}

// archive does what somebody in the workspace could do.
func (o *office) archive(name string) {
	o.Helper()
	c, ok := o.Channel(name)
	if !ok {
		o.Fatalf("no channel %q", name)
	}
	c.Archived = true
	o.AddChannel(c)
}

type opened struct{ Channel, Name string }

// Whatever is lost, the next attempt takes up the channel that was made.
func TestLostAnswersMakeOneChannel(t *testing.T) {
	for _, lost := range []struct {
		method string
		fault  slackfake.Fault
		found  actions.Found
	}{
		{"conversations.create", slackfake.DropAfterEffect(), actions.NotApplied},
		{"conversations.setPurpose", slackfake.Drop(), actions.NotApplied},
		{"conversations.setPurpose", slackfake.APIError("missing_scope"), actions.NotApplied},
		{"conversations.setPurpose", slackfake.DropAfterEffect(), actions.Applied},
	} {
		t.Run(lost.method, func(t *testing.T) {
			o := newOffice(t)
			s := o.step("slack.open_channel", map[string]any{"name": "{incident} Forensics!", "purpose": "Disks"})
			s.plan()
			o.FailNext(lost.method, 1, lost.fault)
			s.fails(actions.Unknown, "slack:"+lost.method)
			found, _, err := s.handler.Probe(t.Context(), s.call, s.params)
			if err != nil || found != lost.found {
				t.Errorf("got probe %s, %v; want %s", found, err, lost.found)
			}
			s.call.Attempt = 2
			var r opened
			s.run(&r)
			if n := strings.Count(o.shown(), "#inc-12-forensics"); n != 1 || r.Name != "inc-12-forensics" {
				t.Errorf("got %d channels, result %+v:\n%s", n, r, o.shown())
			}
			if c, _ := o.Channel(r.Channel); c.Purpose != "Disks (INC-12 firebreak:c0ffee)" {
				t.Errorf("got purpose %q", c.Purpose)
			}
		})
	}
}

func TestTakenNamesGetANumber(t *testing.T) {
	o := newOffice(t)
	o.AddChannel(slackfake.Channel{ID: "C10", Name: "war-room", Creator: "U1", Members: []string{"U1"}})
	o.AddChannel(slackfake.Channel{ID: "C11", Name: "war-room-2", Creator: "UBOT", Archived: true, Members: []string{"UBOT"}})
	o.AddChannel(slackfake.Channel{ID: "C12", Name: "war-room-3", Creator: "UBOT", Private: true, Members: []string{"UBOT"}, Purpose: "another step"})
	o.AddChannel(slackfake.Channel{ID: "C13", Name: "war-room-4", Creator: "UBOT", Private: true, Members: []string{"UBOT"}, Created: time.Now().Add(-time.Hour)})
	o.AddChannel(slackfake.Channel{ID: "C14", Name: "war-room-5", Creator: "UBOT", Private: true, ExtShared: true, Members: []string{"UBOT"}})
	o.AddChannel(slackfake.Channel{ID: "C15", Name: "war-room-6", Creator: "U1", Private: true, Members: []string{"UBOT"}})
	s := o.step("slack.open_channel", map[string]any{"name": "War Room"})
	s.plan()
	var r opened
	s.run(&r)
	if r.Name != "war-room-7" {
		t.Errorf("got %+v, want a channel of its own", r)
	}
	for n := 8; n <= 9; n++ {
		o.AddChannel(slackfake.Channel{Name: fmt.Sprintf("war-room-%d", n)})
	}
	s.call.Key = "another"
	s.fails(actions.Precondition, "are taken")
}

// A result leads straight to slack.post and slack.invite.
func TestOpenThenInviteThenPost(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.open_channel", map[string]any{"name": "{run}-{step}"})
	s.plan()
	var r opened
	s.run(&r)
	in := o.step("slack.invite", map[string]any{"channel": r.Channel, "users": []string{"U2"}})
	in.plan()
	in.run(&struct{}{})
	say := o.step("slack.post", map[string]any{"channel": r.Channel, "text": "hello"})
	say.plan()
	say.run(&struct{}{})
	if c, _ := o.Channel("r1-tell"); fmt.Sprint(c.Members) != "[UBOT U2]" || len(o.Messages("r1-tell")) != 1 {
		t.Errorf("got members %v, messages %v", c.Members, o.Messages("r1-tell"))
	}
}

func TestOpenChannelPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		with  map[string]any
		fault string
		class actions.Class
		says  string
	}{
		{"unknown placeholder", map[string]any{"name": "{incident}-{title}"}, "", actions.Invalid, "{title}"},
		{"nothing left", map[string]any{"name": "___"}, "", actions.Invalid, "nothing is left"},
		{"long purpose", map[string]any{"name": "a", "purpose": strings.Repeat("é", 250)}, "", actions.Invalid, "too long"},
		{"no rights", map[string]any{"name": "a"}, "users.conversations", actions.Denied, "missing_scope"},
		{"no identity", map[string]any{"name": "a"}, "auth.test", actions.Denied, "missing_scope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOffice(t)
			if test.fault != "" {
				o.FailNext(test.fault, 1, slackfake.APIError("missing_scope"))
			}
			s := o.step("slack.open_channel", test.with)
			_, err := s.handler.Plan(t.Context(), s.call, s.params)
			if actions.ClassOf(err) != test.class || err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, test.class, test.says)
			}
		})
	}
}

// Verify looks at what matters, and an undo touches only the step's own channel.
func TestChangedChannelIsNotVerified(t *testing.T) {
	for name, change := range map[string]func(*slackfake.Channel){
		"public now":   func(c *slackfake.Channel) { c.Private = false },
		"shared":       func(c *slackfake.Channel) { c.ExtShared = true },
		"without us":   func(c *slackfake.Channel) { c.Private, c.Members = false, nil },
		"without mark": func(c *slackfake.Channel) { c.Purpose = "lunch" },
		"other mark":   func(c *slackfake.Channel) { c.Purpose += "0)" },
		"of another":   func(c *slackfake.Channel) { c.Creator = "U1" },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			s := o.step("slack.open_channel", map[string]any{"name": "x"})
			s.plan()
			raw, err := s.handler.Execute(t.Context(), s.call, s.params)
			if err != nil {
				t.Fatal(err)
			}
			c, _ := o.Channel("x")
			change(&c)
			if name == "other mark" {
				c.Purpose = strings.Replace(c.Purpose, "c0ffee)", "c0ffee", 1)
			}
			o.AddChannel(c)
			reading, err := s.handler.Verify(t.Context(), s.call, s.params, raw)
			if err != nil || reading.Verdict != actions.NotVerified {
				t.Errorf("got %+v, %v", reading, err)
			}
			if !strings.Contains(name, "mark") && name != "of another" {
				return
			}
			if err := s.handler.Undo(t.Context(), s.call, s.params, raw); actions.ClassOf(err) != actions.Precondition || err == nil {
				t.Errorf("undo: got %v", err)
			}
			if c, _ := o.Channel("x"); c.Archived {
				t.Error("it archived a channel that is not its own any more")
			}
		})
	}
}

// What cannot be read proves nothing.
func TestOpenChannelCannotVerify(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.open_channel", map[string]any{"name": "x"})
	s.plan()
	raw, err := s.handler.Execute(t.Context(), s.call, s.params)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"channel_not_found", "missing_scope"} {
		o.FailNext("conversations.info", 2, slackfake.APIError(word))
		if reading, err := s.handler.Verify(t.Context(), s.call, s.params, raw); err != nil || reading.Verdict != actions.CannotVerify {
			t.Errorf("%s: got %+v, %v", word, reading, err)
		}
		if reading, err := s.handler.VerifyUndo(t.Context(), s.call, s.params, raw); err != nil || reading.Verdict != actions.CannotVerify {
			t.Errorf("%s: undo: got %+v, %v", word, reading, err)
		}
	}
	if preview, err := s.handler.PlanUndo(t.Context(), s.call, s.params, nil); err != nil || preview.NoUndo == "" {
		t.Errorf("without a result: got %+v, %v", preview, err)
	}
	if err := s.handler.Undo(t.Context(), s.call, s.params, nil); actions.ClassOf(err) != actions.Precondition {
		t.Errorf("without a result: got %v", err)
	}
}

func TestSpecsOfSlack(t *testing.T) {
	r := actions.NewRegistry()
	slack.New(slack.Options{Token: func(context.Context) (actions.Secret, error) { return actions.Secret{}, nil }}).Register(r)
	if got, want := strings.Join(r.Names(), " "), "slack.invite slack.open_channel slack.post"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range r.Names() {
		if spec, _ := r.Spec(name); !spec.Tells {
			t.Errorf("%s is not declared to only tell people", name)
		}
	}
}

// An app that is in many channels finds its own on a later page.
func TestOpenChannelReadsAllPages(t *testing.T) {
	o := newOffice(t)
	for i := range 450 {
		o.AddChannel(slackfake.Channel{Name: fmt.Sprintf("old-%d", i), Members: []string{"UBOT"}})
	}
	s := o.step("slack.open_channel", map[string]any{"name": "x"})
	s.plan()
	var first, second opened
	s.run(&first)
	s.call.Attempt = 2
	s.run(&second)
	if first != second {
		t.Errorf("got %+v, then %+v", first, second)
	}
}

// A list that cannot be read to its end proves nothing, and nothing is made.
func TestOpenChannelGivesUpOnAnEndlessList(t *testing.T) {
	var created bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		created = created || strings.HasSuffix(r.URL.Path, "conversations.create")
		fmt.Fprint(w, `{"ok": true, "channels": [{"id": "C9", "name": "x", "creator": "U1"}], "response_metadata": {"next_cursor": "more"}}`)
	}))
	t.Cleanup(server.Close)
	h, _ := registry(server.URL).Handler("slack.open_channel")
	s := &step{t, h, call(), json.RawMessage(`{"name": "x"}`)}
	s.call.State = json.RawMessage(`{"name": "x", "me": "UBOT"}`)
	if found, _, err := s.handler.Probe(t.Context(), s.call, s.params); found != actions.FoundUnknown || err == nil {
		t.Errorf("got probe %s, %v", found, err)
	}
	s.fails(actions.Precondition, "more than 4000 channels")
	if created {
		t.Error("it made a channel although it could not look for one")
	}
}
