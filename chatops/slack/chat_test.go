package slack_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

func leak() *engine.Incident {
	return &engine.Incident{ID: "INC-8", Title: "Leaked key: prod/CI & more!", DeclaredBy: engine.Actor{Type: engine.Person, ID: "alice"},
		DeclaredAt: time.Now().UTC().Add(-time.Second), Posts: map[string]*engine.Post{}}
}

func TestOpenChannel(t *testing.T) {
	w := newWorld(t)
	w.inc.put(leak())
	got, err := w.a.OpenChannel(t.Context(), w.look("INC-8"))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := w.ws.Channel(got.Channel)
	if c.Name != "inc-8-leaked-key-prod-ci-more" || got.Name != c.Name || c.Private || !slices.Contains(c.Members, "U1") {
		t.Errorf("channel %+v", c)
	}
	has(t, c.Purpose, "firebreak INC-8 declared ")
}

func TestOpenChannelPrivate(t *testing.T) {
	w := newWorld(t)
	i := leak()
	i.Private = true
	w.inc.put(i)
	got, err := w.a.OpenChannel(t.Context(), w.look("INC-8"))
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := w.ws.Channel(got.Channel); !c.Private {
		t.Errorf("channel %+v", c)
	}
}

func TestChannelMadeBeforeACrashIsTakenAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		crash slackfake.Fault
		where string
	}{
		{"after it was made", slackfake.DropAfterEffect(), "conversations.create"},
		{"before its purpose was written", slackfake.APIError("method_deprecated"), "conversations.setPurpose"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.inc.put(leak())
			w.ws.FailNext(test.where, 1, test.crash)
			ctx, cancel := context.WithCancel(t.Context())
			first := make(chan error, 1)
			go func() {
				_, err := w.a.OpenChannel(ctx, w.look("INC-8"))
				first <- err
			}()
			w.wait(func(s *slackfake.State) bool { return len(s.Calls(test.where)) == 1 })
			cancel()
			if err := <-first; err == nil {
				t.Fatal("the first call worked")
			}
			w.restart()
			got, err := w.a.OpenChannel(t.Context(), w.look("INC-8"))
			if err != nil {
				t.Fatal(err)
			}
			c, _ := w.ws.Channel(got.Channel)
			has(t, c.Purpose, "INC-8")
			if n := len(w.ws.Channels()); n != 4 {
				t.Errorf("%d channels, want the three of the world and one", n)
			}
		})
	}
}

func TestChannelOfOthersIsNotTaken(t *testing.T) {
	w := newWorld(t)
	me := w.ws.App.BotUserID
	const name = "inc-8-leaked-key-prod-ci-more"
	long := time.Now().Add(-24 * time.Hour)
	w.ws.AddChannel(slackfake.Channel{ID: "CA", Name: name, Creator: "U2"})
	w.ws.AddChannel(slackfake.Channel{ID: "CB", Name: name + "-2", Creator: me, ExtShared: true, Members: []string{me}})
	w.ws.AddChannel(slackfake.Channel{ID: "CC", Name: name + "-3", Creator: me, Members: []string{me}, Purpose: "firebreak INC-8 declared 2020-01-01T00:00:00.000000Z"})
	w.ws.AddChannel(slackfake.Channel{ID: "CD", Name: name + "-4", Creator: me, Members: []string{me}, Created: long})
	w.inc.put(leak())
	got, err := w.a.OpenChannel(t.Context(), w.look("INC-8"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != name+"-5" {
		t.Errorf("took %+v", got)
	}
}

func TestPostIsTaggedAndMentionsAndInvites(t *testing.T) {
	w := newWorld(t)
	w.inc.put(leak())
	bound, err := w.a.OpenChannel(t.Context(), w.look("INC-8"))
	if err != nil {
		t.Fatal(err)
	}
	w.inc.change("INC-8", func(i *engine.Incident) { i.Channel = &bound; addAsk(i) })
	card, err := w.a.Post(t.Context(), w.look("INC-8"), "card")
	if err != nil {
		t.Fatal(err)
	}
	ask, err := w.a.Post(t.Context(), w.look("INC-8"), "ask:0011")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.ws.Calls("conversations.history")); n != 0 {
		t.Errorf("the history of a channel that was just made was read %d times", n)
	}
	c, _ := w.ws.Channel(bound.Channel)
	if !slices.Contains(c.Pins, card.TS) || !slices.Contains(c.Members, "U2") {
		t.Errorf("channel %+v", c)
	}
	m, _ := w.ws.Message(slackfake.Ref{Channel: ask.Channel, TS: ask.TS})
	var meta struct {
		Type    string            `json:"event_type"`
		Payload map[string]string `json:"event_payload"`
	}
	if err := json.Unmarshal(m.Metadata, &meta); err != nil || meta.Type != "firebreak" || meta.Payload["incident"] != "INC-8" || meta.Payload["ref"] != "ask:0011" {
		t.Errorf("metadata %s: %v", m.Metadata, err)
	}
	has(t, m.Rendered(w.ws.Name), "@alice @bob")

	w.inc.change("INC-8", func(i *engine.Incident) { i.Asks[0].Closed = true })
	if err := w.a.Close(t.Context(), w.look("INC-8"), engine.Post{Ref: "ask:0011", Channel: ask.Channel, TS: ask.TS}); err != nil {
		t.Fatal(err)
	}
	m, _ = w.ws.Message(slackfake.Ref{Channel: ask.Channel, TS: ask.TS})
	if len(m.Buttons()) != 0 {
		t.Errorf("buttons %q", m.Buttons())
	}
	has(t, m.Rendered(w.ws.Name), "Approved by bob")
	if strings.Contains(m.Rendered(w.ws.Name), "@bob") {
		t.Error("an answered question mentions people again")
	}
}

func TestPostWhoseAnswerWasLostIsFound(t *testing.T) {
	w := newWorld(t)
	w.ws.FailNext("chat.postMessage", 1, slackfake.DropAfterEffect())
	got, err := w.a.Post(t.Context(), w.look("INC-7"), "card")
	if err != nil {
		t.Fatal(err)
	}
	if m := w.ws.Messages("inc-7"); len(m) != 1 || m[0].TS != got.TS {
		t.Errorf("%d messages, and it says %s", len(m), got.TS)
	}
}

func TestPostOfACrashedServerIsFound(t *testing.T) {
	w := newWorld(t)
	first, err := w.a.Post(t.Context(), w.look("INC-7"), "card")
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	again, err := w.a.Post(t.Context(), w.look("INC-7"), "card")
	if err != nil {
		t.Fatal(err)
	}
	if m := w.ws.Messages("inc-7"); len(m) != 1 || again != first {
		t.Errorf("%d messages; %+v, then %+v", len(m), first, again)
	}
}

func TestPostWithoutAPlace(t *testing.T) {
	w := newWorld(t)
	w.inc.put(leak())
	if _, err := w.a.Post(t.Context(), w.look("INC-8"), "card"); err == nil {
		t.Error("posted an incident that has no channel")
	}
	w.inc.change("INC-8", func(i *engine.Incident) { i.Channel = &engine.ChannelBound{Channel: "C3"} })
	if _, err := w.a.Post(t.Context(), w.look("INC-8"), "card"); err == nil || len(w.ws.Messages("C3")) != 0 {
		t.Errorf("posted in a channel shared with others: %v", err)
	}
	if _, err := w.a.Post(t.Context(), w.look("INC-7"), "ask:none"); err == nil {
		t.Error("posted what is not there")
	}
}

func TestQuestionWithoutButtons(t *testing.T) {
	w := newWorld(t)
	w.inc.change("INC-7", addAsk)
	open, err := w.a.Post(t.Context(), w.look("INC-7"), "ask:0011")
	if err != nil {
		t.Fatal(err)
	}
	// Asked to close one that looks open: it has no buttons afterwards all the same.
	if err := w.a.Close(t.Context(), w.look("INC-7"), engine.Post{Ref: "ask:0011", Channel: open.Channel, TS: open.TS}); err != nil {
		t.Fatal(err)
	}
	// One that was answered before it was posted never has any.
	w.inc.change("INC-7", func(i *engine.Incident) { i.Asks = append(i.Asks, &engine.Ask{ID: "0022", Closed: true}) })
	if _, err := w.a.Post(t.Context(), w.look("INC-7"), "ask:0022"); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.ws.Messages("inc-7") {
		if len(m.Buttons()) != 0 {
			t.Errorf("buttons %q", m.Buttons())
		}
	}
}

func TestClosedMessageThatIsGoneCountsAsClosed(t *testing.T) {
	w := newWorld(t)
	w.inc.change("INC-7", addAsk)
	if err := w.a.Close(t.Context(), w.look("INC-7"), engine.Post{Ref: "ask:0011", Channel: "C2", TS: "1.000001"}); err != nil {
		t.Error(err)
	}
}

func TestCardFollowsTheIncident(t *testing.T) {
	w := newWorld(t)
	card, err := w.a.Post(t.Context(), w.look("INC-7"), "card")
	if err != nil {
		t.Fatal(err)
	}
	w.inc.change("INC-7", func(i *engine.Incident) {
		i.Posts["card"] = &engine.Post{Ref: "card", Channel: card.Channel, TS: card.TS}
		i.Severity = 1
	})
	w.a.Changed("INC-7")
	w.wait(func(s *slackfake.State) bool {
		return strings.Contains(s.Messages("inc-7")[0].Rendered(nil), "severity 1")
	})
	w.settle()
	before := len(w.ws.Calls("chat.update"))
	w.a.Changed("INC-7") // nothing that shows has changed
	w.settle()
	if n := len(w.ws.Calls("chat.update")); n != before {
		t.Errorf("%d drawings that change nothing", n-before)
	}
}

// A reminder is posted once, mentions those who are asked, and mentions nobody
// once the question is answered.
func TestReminderIsPostedOnce(t *testing.T) {
	w := newWorld(t)
	w.inc.change("INC-7", addAsk)
	first, err := w.a.Post(t.Context(), w.look("INC-7"), "remind:0011.1")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := w.ws.Message(slackfake.Ref{Channel: first.Channel, TS: first.TS})
	has(t, m.Rendered(w.ws.Name), "Reminder 1 of 0011")
	has(t, m.Rendered(w.ws.Name), "@alice @bob")
	w.restart()
	again, err := w.a.Post(t.Context(), w.look("INC-7"), "remind:0011.1")
	if err != nil {
		t.Fatal(err)
	}
	if again.TS != first.TS || len(w.ws.Messages("inc-7")) != 1 {
		t.Errorf("the reminder was posted again: %+v, %d messages", again, len(w.ws.Messages("inc-7")))
	}
	w.ws.AddChannel(slackfake.Channel{ID: "C9", Name: "inc-9", Members: []string{w.ws.App.BotUserID}, Creator: w.ws.App.BotUserID})
	w.inc.change("INC-7", func(i *engine.Incident) {
		i.Asks[0].Closed, i.Channel = true, &engine.ChannelBound{Channel: "C9", Name: "inc-9"}
	})
	late, err := w.a.Post(t.Context(), w.look("INC-7"), "remind:0011.2")
	if err != nil {
		t.Fatal(err)
	}
	m, _ = w.ws.Message(slackfake.Ref{Channel: late.Channel, TS: late.TS})
	if text := m.Rendered(w.ws.Name); strings.Contains(text, "@bob") || !strings.Contains(text, "Answered meanwhile") {
		t.Errorf("got %q", text)
	}
	if c, _ := w.ws.Channel("C9"); len(c.Members) != 1 {
		t.Errorf("people were brought in for a question that is answered: %q", c.Members)
	}
	for _, ref := range []string{"remind:0011", "remind:nobody.1", "remind:0011.x", "remind:0011.0"} {
		if _, err := w.a.Post(t.Context(), w.look("INC-7"), ref); err == nil {
			t.Errorf("%q was posted", ref)
		}
	}
}

// Those whom a containment asks are mentioned and brought in.
func TestContainmentAskMentions(t *testing.T) {
	w := newWorld(t)
	w.inc.change("INC-7", func(i *engine.Incident) {
		s := &engine.Step{ID: "isolate", Containment: &engine.Containment{Ask: []string{"person:bob"}, Due: true}}
		i.Asks = append(i.Asks, &engine.Ask{ID: "0022", Type: engine.AskContainment, Step: s})
	})
	w.ws.AddChannel(slackfake.Channel{ID: "C9", Name: "inc-9", Members: []string{w.ws.App.BotUserID}, Creator: w.ws.App.BotUserID})
	w.inc.change("INC-7", func(i *engine.Incident) { i.Channel = &engine.ChannelBound{Channel: "C9", Name: "inc-9"} })
	if _, err := w.a.Post(t.Context(), w.look("INC-7"), "ask:0022"); err != nil {
		t.Fatal(err)
	}
	if c, _ := w.ws.Channel("C9"); !slices.Contains(c.Members, "U2") || slices.Contains(c.Members, "U1") {
		t.Errorf("members %q, want bob to be brought in and nobody else", c.Members)
	}
}

// A run that was opened again by a retry ends a second time.
func TestSecondEndOfARun(t *testing.T) {
	w := newWorld(t)
	i := drive(t)
	w.inc.put(i)
	w.inc.change(i.ID, func(i *engine.Incident) { i.Channel = &engine.ChannelBound{Channel: "C2", Name: "inc-7"} })
	for _, ref := range []string{"end:R1", "end:R1.2"} {
		if _, err := w.a.Post(t.Context(), w.look(i.ID), ref); err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
	}
	if n := len(w.ws.Messages("inc-7")); n != 2 {
		t.Errorf("got %d messages, want one for each end", n)
	}
	if _, err := w.a.Post(t.Context(), w.look(i.ID), "end:R9.2"); err == nil {
		t.Error("the end of a run that is not there was posted")
	}
}

// drive starts a run on the real core.
func drive(t *testing.T) *engine.Incident {
	t.Helper()
	program, faults := runbooks.Load("x.yaml", []byte("apiVersion: firebreak/v1\nkind: Runbook\nid: x\ntitle: X\nowner: {team: t}\nsteps:\n  - {id: a, manual: do it}\n"), runbookstest.Catalog())
	if faults.HasErrors() {
		t.Fatal(faults)
	}
	encoded, err := program.Encode()
	if err != nil {
		t.Fatal(err)
	}
	i := engine.NewIncident()
	who := engine.Actor{Type: engine.Person, ID: "alice"}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, e := range []engine.Event{
		{At: at, Actor: who, Body: engine.Declared{ID: "INC-9", Title: "t", Severity: 2, Store: "s"}},
		{At: at, Actor: who, Run: "R1", Body: engine.RunStarted{Runbook: "x", Digest: program.Digest, Program: engine.Large{Value: encoded}, Inputs: json.RawMessage("{}")}},
	} {
		if _, err := i.Advance(e); err != nil {
			t.Fatal(err)
		}
	}
	return i
}
