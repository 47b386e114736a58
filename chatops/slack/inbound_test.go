package slack_test

import (
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
		if w.http != nil { // what was not taken is no repeat when it comes again
			if again := w.ws.Replay(d.N); again.Status != 200 {
				t.Errorf("status %d", again.Status)
			}
			w.settle()
			if got := w.bot.done(); len(got) != 34 {
				t.Errorf("did %d", len(got))
			}
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
