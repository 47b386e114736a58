package slack_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

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

func TestFormIsTakenOnceHoweverOftenItIsSent(t *testing.T) {
	w := newWorld(t)
	alice := w.ws.User("alice")
	ok(t, alice.In("ops").Type("/incident declare"))
	w.wait(func(s *slackfake.State) bool {
		v, open := s.OpenView("alice")
		return open && v.SubmitText == "Declare"
	})
	view, _ := w.ws.OpenView("alice")
	d := alice.Submit(view, map[string]string{"f:title": "x"})
	ok(t, d)
	w.settle()
	// The client thought that the first one was lost, and sent the form with a new trigger.
	w.ws.Forge(slackfake.Forgery{From: d, Edit: func(b []byte) []byte {
		form, _ := url.ParseQuery(string(b))
		return edit(b, "payload", strings.Replace(form.Get("payload"), d.TriggerID, "7.7.7", 1))
	}})
	w.settle()
	if got := w.bot.done(); len(got) != 1 {
		t.Errorf("did %q", got)
	}
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
