package slack_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// ways runs a test by HTTP and by socket.
func ways(t *testing.T, f func(t *testing.T, w *world)) {
	t.Run("http", func(t *testing.T) { f(t, newWorld(t)) })
	t.Run("socket", func(t *testing.T) { f(t, newWorld(t, socketMode)) })
}

func TestCommandIsDoneAndAnsweredToOnePerson(t *testing.T) {
	ways(t, func(t *testing.T, w *world) {
		ok(t, w.ws.User("alice").In("ops").Type("/incident note @bob saw <it> & left"))
		w.wait(func(s *slackfake.State) bool { return len(s.Ephemerals("alice")) == 1 })
		if got, want := w.bot.done(), []string{"alice: command note @bob saw <it> & left"}; !slices.Equal(got, want) {
			t.Errorf("did %q, want %q", got, want)
		}
		if n := len(w.ws.Ephemerals("bob")) + len(w.ws.Messages("ops")) + len(w.ws.Messages("inc-7")); n != 0 {
			t.Errorf("%d messages that others can see", n)
		}
	})
}

func TestPublicAnswerGoesToTheIncidentsChannelOnly(t *testing.T) {
	ways(t, func(t *testing.T, w *world) {
		ok(t, w.ws.User("alice").In("inc-7").Type("/incident public one"))
		w.wait(func(s *slackfake.State) bool { return len(s.Messages("inc-7")) == 1 })
		ok(t, w.ws.User("alice").In("ops").Type("/incident public two"))
		w.wait(func(s *slackfake.State) bool { return len(s.Messages("inc-7")) == 2 && len(s.Ephemerals("alice")) == 1 })
		w.settle()
		if n := len(w.ws.Messages("ops")); n != 0 {
			t.Errorf("a channel that is not the incident's heard of it: %s", w.ws.Transcript())
		}
	})
}

func TestAckComesBeforeWork(t *testing.T) {
	ways(t, func(t *testing.T, w *world) {
		release := w.ws.Hold("users.info", 1)
		d := w.ws.User("alice").In("ops").Type("/incident note slow")
		ok(t, d)
		if len(d.Ack) != 0 && string(d.Ack) != "{}" && string(d.Ack) != "null" {
			t.Errorf("acknowledged with %q", d.Ack)
		}
		w.wait(func(*slackfake.State) bool { return w.ws.HeldCalls() == 1 })
		if got := w.bot.seen(); len(got) != 0 {
			t.Errorf("the bot was asked before the account was known: %q", got)
		}
		release()
		w.wait(func(s *slackfake.State) bool { return len(s.Ephemerals("alice")) == 1 })
	})
}

func TestOrderIsKeptInAChannel(t *testing.T) {
	ways(t, func(t *testing.T, w *world) {
		var want []string
		for n := range 12 {
			ok(t, w.ws.User("alice").In("ops").Type(fmt.Sprintf("/incident note %d", n)))
			want = append(want, fmt.Sprintf("alice: command note %d", n))
		}
		w.settle()
		if got := w.bot.done(); !slices.Equal(got, want) {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestFullLaneIsToldAndTakesTheRequestLater(t *testing.T) {
	ways(t, func(t *testing.T, w *world) {
		release := w.ws.Hold("users.info", 1)
		alice := w.ws.User("alice").In("ops")
		ok(t, alice.Type("/incident note first"))
		w.wait(func(*slackfake.State) bool { return w.ws.HeldCalls() == 1 })
		for n := range 32 {
			ok(t, alice.Type(fmt.Sprintf("/incident note %d", n)))
		}
		d := alice.Type("/incident note too many")
		ok(t, d)
		has(t, string(d.Ack), "nothing was done")
		release()
		w.settle()
		if got := w.bot.done(); len(got) != 33 || slices.Contains(got, "alice: command note too many") {
			t.Errorf("did %d: %q", len(got), got)
		}
	})
}

func TestOtherCommandAndUnknownPayload(t *testing.T) {
	w := newWorld(t, func(f *slackfake.Options, _ *slackOptions) { f.Commands = nil })
	d := w.ws.User("alice").In("ops").Type("/deploy now")
	ok(t, d)
	has(t, string(d.Ack), "/incident and /firebreak")
	ok(t, w.ws.User("alice").GlobalShortcut("something"))
	if err := w.ws.VerifyEventsURL(); err != nil {
		t.Error(err)
	}
	w.settle()
	if got := w.bot.seen(); len(got) != 0 {
		t.Errorf("the bot saw %q", got)
	}
}

func TestRequestsThatAreNotSlacks(t *testing.T) {
	w := newWorld(t)
	d := w.ws.User("alice").In("ops").Type("/incident note true")
	ok(t, d)
	w.settle()
	fresh := func(body []byte) []byte { return edit(body, "trigger_id", "1.2.fresh") }
	for _, test := range []struct {
		name    string
		forgery slackfake.Forgery
		status  int
		says    string
	}{
		{"wrong secret", slackfake.Forgery{From: d, Edit: fresh, Secret: "guess"}, 401, "signature is wrong"},
		{"moved byte", slackfake.Forgery{From: d, Edit: fresh, FlipByte: true}, 401, "signature is wrong"},
		{"old", slackfake.Forgery{From: d, Edit: fresh, Age: 6 * time.Minute}, 401, "five minutes"},
		{"from the future", slackfake.Forgery{From: d, Edit: fresh, Age: -6 * time.Minute}, 401, "five minutes"},
		{"not signed", slackfake.Forgery{From: d, Edit: fresh, Unsigned: true}, 401, "not signed"},
		{"smuggled payload", slackfake.Forgery{From: d, Edit: fresh, Query: url.Values{"payload": {`{"type":"block_actions"}`}}}, 400, "query string"},
		{"wrong content type", slackfake.Forgery{From: d, Edit: fresh, ContentType: "application/json"}, 415, "content type"},
		{"huge", slackfake.Forgery{From: d, Edit: func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) }}, 413, "1 MiB"},
		{"other workspace", slackfake.Forgery{From: d, Edit: func(b []byte) []byte { return edit(fresh(b), "team_id", "T666") }}, 401, "T666"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(w.inc.refused())
			got := w.ws.Forge(test.forgery)
			if got.Status != test.status {
				t.Errorf("status %d, want %d (%v)", got.Status, test.status, got.Err)
			}
			w.settle()
			now := w.inc.refused()
			if len(now) != before+1 {
				t.Fatalf("recorded %q", now[before:])
			}
			has(t, now[before], test.says)
		})
	}
	if got := w.bot.done(); len(got) != 1 {
		t.Errorf("did %q", got)
	}
}

func TestReplayHasOneEffect(t *testing.T) {
	w := newWorld(t)
	d := w.ws.User("alice").In("ops").Type("/incident note once")
	ok(t, d)
	w.settle()
	for range 1000 {
		if got := w.ws.Replay(d.N); got.Status != 409 {
			t.Fatalf("status %d", got.Status)
		}
	}
	w.settle()
	if got := w.inc.refused(); len(got) != 10 {
		t.Errorf("recorded %d refusals, want the first 10 of the minute", len(got))
	}
	if got := w.whispers("alice"); strings.Count(got, "This request came twice") != 1 {
		t.Errorf("alice was told: %s", got)
	}
	// After a restart the window is empty, and the nonce in the journal holds.
	w.restart()
	if got := w.inc.refused(); len(got) != 11 {
		t.Errorf("the number of the others was not recorded: %q", got)
	} else {
		has(t, got[10], "990 more requests")
	}
	w.http.Config.Handler.ServeHTTP(discardResponse(), replay(d, w.http.URL))
	w.settle()
	if got := w.bot.done(); len(got) != 1 {
		t.Errorf("did %q", got)
	}
	has(t, w.whispers("alice"), "This was done before")
}

func TestSocketDuplicatesAndRefresh(t *testing.T) {
	w := newWorld(t, socketMode)
	w.ws.Duplicate(1)
	ok(t, w.ws.User("alice").In("ops").Type("/incident note a"))
	w.ws.Disconnect("warning")
	ok(t, w.ws.User("alice").In("ops").Type("/incident note b"))
	w.ws.Disconnect("refresh_requested")
	w.wait(func(s *slackfake.State) bool { return s.Sockets() >= 1 })
	d := w.ws.User("alice").In("ops").Type("/incident note c")
	ok(t, d)
	w.ws.Redeliver(d)
	w.settle()
	if got := len(w.bot.done()); got != 3 {
		t.Errorf("did %q", w.bot.done())
	}
	if got := w.inc.refused(); len(got) != 0 {
		t.Errorf("Slack's own repeats were recorded as attacks: %q", got)
	}
}

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

func TestModalOpensBeforeTheAccountIsLookedUp(t *testing.T) {
	ways(t, func(t *testing.T, w *world) {
		release := w.ws.Hold("users.info", 1)
		alice := w.ws.User("alice")
		ok(t, alice.In("ops").Type("/incident declare"))
		w.wait(func(s *slackfake.State) bool { _, open := s.OpenView("alice"); return open && w.ws.HeldCalls() == 1 })
		release()
		w.wait(func(s *slackfake.State) bool {
			v, open := s.OpenView("alice")
			return open && v.SubmitText == "Declare"
		})
		view, _ := w.ws.OpenView("alice")
		if d := alice.Submit(view, map[string]string{"f:title": "   "}); d.Err == nil {
			t.Error("a blank title was taken")
		} else {
			has(t, string(d.Ack), "fill this in")
		}
		ok(t, alice.Submit(view, map[string]string{"f:title": "bad", "f:severity": "1"}))
		w.wait(func(s *slackfake.State) bool {
			v, open := s.OpenView("alice")
			return open && v.ID != view.ID && strings.Contains(v.Rendered(nil), "this title is bad")
		})
		view, _ = w.ws.OpenView("alice")
		ok(t, alice.Submit(view, map[string]string{"f:title": "key on a page"})) // the severity was kept
		w.wait(func(s *slackfake.State) bool { return len(s.Ephemerals("alice")) == 1 })
		if got, want := w.bot.done(), []string{"alice: answer declare s1 map[more: severity:1 title:key on a page]"}; !slices.Equal(got, want) {
			t.Errorf("did %q, want %q", got, want)
		}
	})
}

func TestExpiredTriggerOffersAButton(t *testing.T) {
	w := newWorld(t)
	w.ws.FailNext("views.open", 1, slackfake.APIError("expired_trigger_id"))
	alice := w.ws.User("alice")
	ok(t, alice.In("ops").Type("/incident declare"))
	w.wait(func(s *slackfake.State) bool { return len(s.Ephemerals("alice")) == 1 })
	has(t, w.whispers("alice"), "The form did not open")
	ok(t, alice.ClickLabel(w.ws.Ephemerals("alice")[0].Ref(), "Open the form"))
	w.wait(func(s *slackfake.State) bool {
		v, open := s.OpenView("alice")
		return open && v.SubmitText == "Declare"
	})
}

func TestDenyAsksForAReasonByForm(t *testing.T) {
	w := newWorld(t)
	w.inc.change("INC-7", addAsk)
	if _, err := w.a.Post(t.Context(), w.look("INC-7"), "ask:0011"); err != nil {
		t.Fatal(err)
	}
	bob := w.ws.User("bob")
	ok(t, bob.Click(w.ws.Messages("inc-7")[0].Ref(), "fb:deny:1"))
	w.wait(func(s *slackfake.State) bool { v, open := s.OpenView("bob"); return open && v.SubmitText == "Deny" })
	view, _ := w.ws.OpenView("bob")
	ok(t, bob.Submit(view, map[string]string{"f:reason": "wrong key"}))
	w.settle()
	if got, want := w.bot.done(), []string{"bob: answer deny INC-7 0011 map[reason:wrong key]"}; !slices.Equal(got, want) {
		t.Errorf("did %q, want %q", got, want)
	}
}

func TestFilesGoToThePersonOrAreExplained(t *testing.T) {
	w := newWorld(t)
	w.bot.reply = func(text string) (chatops.Message, bool) {
		m := chatops.Message{Title: "Here it is", Incident: "INC-7", Files: []chatops.File{{Name: "timeline.md", Data: []byte("# INC-7\n")}}}
		if text == "export huge" {
			m.Files[0].Data = make([]byte, 21<<20)
		}
		return m, strings.HasPrefix(text, "export")
	}
	ok(t, w.ws.User("alice").In("inc-7").Type("/incident export md"))
	w.settle()
	if f := w.ws.Files(); len(f) != 1 || string(f[0].Content) != "# INC-7\n" || strings.Contains(strings.Join(f[0].Channels, ","), "C2") {
		t.Errorf("files: %+v", f)
	}
	ok(t, w.ws.User("alice").In("inc-7").Type("/incident export huge"))
	w.settle()
	has(t, w.whispers("alice"), "firebreak incident export huge")
}

func TestAnswerTakesTheSecondAndThirdWay(t *testing.T) {
	w := newWorld(t)
	w.ws.FailNext("response_url", 2, slackfake.HTTPError(404))
	ok(t, w.ws.User("alice").In("ops").Type("/incident note one"))
	w.settle()
	if n := len(w.ws.Calls("chat.postEphemeral")); n != 1 || len(w.ws.Ephemerals("alice")) != 1 {
		t.Errorf("%d ephemeral posts", n)
	}
	w.ws.FailNext("chat.postEphemeral", 1, slackfake.APIError("user_not_in_channel"))
	ok(t, w.ws.User("alice").In("ops").Type("/incident note two"))
	w.settle()
	if n := len(w.ws.Directs("alice")); n != 1 {
		t.Errorf("%d direct messages", n)
	}
}

// edit changes one value of a form.
func edit(body []byte, key, value string) []byte {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		panic(err)
	}
	form.Set(key, value)
	return []byte(form.Encode())
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
