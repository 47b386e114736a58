package slack_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// TestWhoMayNotAct sends every kind of request in the name of every kind of
// account that may not act, and of one that may.
func TestWhoMayNotAct(t *testing.T) {
	w := newWorld(t)
	w.inc.change("INC-7", addAsk)
	if _, err := w.a.Post(t.Context(), w.look("INC-7"), "ask:0011"); err != nil {
		t.Fatal(err)
	}
	alice := w.ws.User("alice")
	command := alice.In("ops").Type("/incident declare")
	ok(t, command)
	w.wait(func(s *slackfake.State) bool {
		v, open := s.OpenView("alice")
		return open && v.SubmitText == "Declare"
	})
	view, _ := w.ws.OpenView("alice")
	answer := alice.Submit(view, map[string]string{"f:title": "x"})
	ok(t, answer)
	click := alice.Click(w.ws.Messages("inc-7")[0].Ref(), "fb:approve:0")
	ok(t, click)
	note := alice.In("ops").Type("/incident note x")
	w.settle()

	kinds := map[string]*slackfake.Delivery{"command": note, "click": click, "answer": answer}
	n := 0
	send := func(d *slackfake.Delivery, user, channel string) {
		n++
		got := w.ws.Forge(slackfake.Forgery{From: d, Edit: func(b []byte) []byte { return impersonate(b, user, channel, n) }})
		if got.Status != 200 {
			t.Fatalf("status %d: %s", got.Status, got.Ack)
		}
		w.settle()
	}
	for _, kind := range []string{"command", "click", "answer"} {
		for _, test := range []struct{ user, channel, says string }{
			{"U1", "", ""},
			{"UGUEST", "", "is a guest"}, {"USINGLE", "", "is a guest"},
			{"UFAR", "", "another organisation"}, {"UOTHER", "", "another workspace"},
			{"UROBOT", "", "is a bot"}, {"UGONE", "", "deactivated"},
			{"UNEW", "", "not in the directory"}, {"UNOBODY", "", "could not say who"},
			{"U1", "C3", "shared with another organisation"},
		} {
			t.Run(kind+" "+test.user+test.channel, func(t *testing.T) {
				before := len(w.bot.done())
				send(kinds[kind], test.user, test.channel)
				last := w.bot.seen()[len(w.bot.seen())-1]
				if did := len(w.bot.done()) - before; test.says == "" && did != 1 || test.says != "" && did != 0 {
					t.Errorf("%d effects; the bot saw %s", did, last)
				}
				if !strings.HasPrefix(last, kind) {
					t.Errorf("the bot saw %s", last)
				}
				has(t, last, test.says)
			})
		}
		if kind != "command" { // a command's payload does not say the user's workspace
			t.Run(kind+" of the same user id elsewhere", func(t *testing.T) {
				before := len(w.bot.done())
				w.ws.Forge(slackfake.Forgery{From: kinds[kind], Edit: func(b []byte) []byte {
					form, _ := url.ParseQuery(string(impersonate(b, "U1", "", 1000+len(kind))))
					var p map[string]any
					if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
						t.Fatal(err)
					}
					p["user"].(map[string]any)["team_id"] = "T9999"
					changed, _ := json.Marshal(p)
					return edit(b, "payload", string(changed))
				}})
				w.settle()
				has(t, w.bot.seen()[len(w.bot.seen())-1], "another workspace")
				if len(w.bot.done()) != before {
					t.Error("it was done all the same")
				}
			})
		}
		t.Run(kind+" and Slack does not answer", func(t *testing.T) {
			before := len(w.bot.done())
			w.ws.FailNext("users.info", 1, slackfake.HTTPError(503))
			send(kinds[kind], "U2", "")
			has(t, w.bot.seen()[len(w.bot.seen())-1], "could not say who")
			if len(w.bot.done()) != before {
				t.Error("it was done all the same")
			}
		})
	}
}

func TestDecisionsLookTheAccountUpAfresh(t *testing.T) {
	w := newWorld(t)
	alice := w.ws.User("alice").In("ops")
	ok(t, alice.Type("/incident status"))
	ok(t, alice.Type("/incident list"))
	w.settle()
	if n := len(w.ws.Calls("users.info")); n != 1 {
		t.Errorf("%d look-ups for two harmless words, want 1", n)
	}
	w.ws.AddUser(slackfake.User{ID: "U1", Name: "alice", Restricted: true}) // she is made a guest
	ok(t, alice.Type("/incident approve disable"))
	w.settle()
	has(t, w.bot.seen()[2], "is a guest")
}

// impersonate makes a request look like a new one of another user.
func impersonate(body []byte, user, channel string, n int) []byte {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		panic(err)
	}
	trigger := fmt.Sprintf("9.9.%d", n)
	if form.Get("payload") == "" {
		form.Set("user_id", user)
		form.Set("trigger_id", trigger)
		form.Del("response_url")
		if channel != "" {
			form.Set("channel_id", channel)
		}
		return []byte(form.Encode())
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
		panic(err)
	}
	p["trigger_id"] = trigger
	p["user"].(map[string]any)["id"] = user
	delete(p, "response_url")
	if v, ok := p["view"].(map[string]any); ok {
		v["id"] = fmt.Sprintf("V9%d", n)
		if channel != "" {
			v["private_metadata"] = strings.Replace(v["private_metadata"].(string), `"c":"C1"`, `"c":"`+channel+`"`, 1)
		}
	}
	if channel != "" {
		p["channel"] = map[string]any{"id": channel}
		p["container"] = map[string]any{"channel_id": channel}
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	form.Set("payload", string(b))
	return []byte(form.Encode())
}
