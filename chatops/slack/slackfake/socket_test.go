package slackfake_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// connect runs the real Socket Mode client until the test ends and waits until it is connected.
func connect(t *testing.T, ws *slackfake.Workspace, handle func(*socketmode.Client, socketmode.Event)) {
	t.Helper()
	c := socketmode.New(client(ws))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.RunContext(ctx) })
	wg.Go(func() {
		for {
			select {
			case e := <-c.Events:
				handle(c, e)
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	wait(t, ws, func(s *slackfake.State) bool { return s.Sockets() > 0 })
}

func wait(t *testing.T, ws *slackfake.Workspace, ok func(*slackfake.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := ws.Wait(ctx, ok); err != nil {
		t.Fatal(err)
	}
}

func TestSocketModeRoundTrip(t *testing.T) {
	ws := start(t, slackfake.Options{Events: []string{"reaction_added"}})
	api := client(ws)
	var hello, connected int
	events := make(chan *slackevents.ReactionAddedEvent, 1)
	connect(t, ws, func(c *socketmode.Client, e socketmode.Event) {
		switch e.Type {
		case socketmode.EventTypeHello:
			hello++
		case socketmode.EventTypeConnected:
			connected++
		case socketmode.EventTypeSlashCommand:
			cmd := e.Data.(slack.SlashCommand)
			_ = c.Ack(*e.Request, map[string]any{"text": "you said " + cmd.Text})
		case socketmode.EventTypeInteractive:
			_ = c.Ack(*e.Request)
			cb := e.Data.(slack.InteractionCallback)
			if len(cb.ActionCallback.BlockActions) == 1 {
				a := cb.ActionCallback.BlockActions[0]
				_, _, _, err := api.UpdateMessage(cb.Container.ChannelID, cb.Container.MessageTs,
					slack.MsgOptionText(a.ActionID+" "+a.Value+" by "+cb.User.ID+" of "+cb.Team.ID+" in "+cb.Message.Text, false))
				if err != nil {
					t.Error(err)
				}
			}
		case socketmode.EventTypeEventsAPI:
			_ = c.Ack(*e.Request)
			outer := e.Data.(slackevents.EventsAPIEvent)
			if ev, ok := outer.InnerEvent.Data.(*slackevents.ReactionAddedEvent); ok {
				events <- ev
			}
		}
	})
	alice := ws.User("alice")
	d := alice.In("ops").Type("/incident status")
	if d.Err != nil || d.Via != "socket" {
		t.Fatalf("type: %+v", d)
	}
	if got := ws.Ephemerals("alice"); len(got) != 1 || got[0].Text != "you said status" {
		t.Errorf("ephemerals: %+v", got)
	}
	_, ts, err := api.PostMessage("C1", slack.MsgOptionText("card", false), slack.MsgOptionBlocks(slack.NewActionBlock("b",
		slack.NewButtonBlockElement("approve", "ref-1", slack.NewTextBlockObject("plain_text", "Approve", false, false)))))
	if err != nil {
		t.Fatal(err)
	}
	ref := slackfake.Ref{Channel: "C1", TS: ts}
	seen, _ := ws.Message(ref)
	if d := ws.User("bob").Click(ref, "approve"); d.Err != nil {
		t.Fatal(d.Err)
	}
	wait(t, ws, func(s *slackfake.State) bool {
		m, _ := s.Message(ref)
		return m.Text == "approve ref-1 by U2 of T0001 in card"
	})
	if d := ws.User("bob").Click(ref, "approve"); !errors.Is(d.Err, slackfake.ErrNotThere) {
		t.Errorf("a button that has gone: got %v", d.Err)
	}
	if d := ws.User("bob").ClickStale(seen, "approve"); d.Err != nil {
		t.Errorf("a stale click: got %v", d.Err)
	}
	if err := alice.React(ref, "eyes"); err != nil {
		t.Fatal(err)
	}
	if ev := <-events; ev.User != "U1" || ev.Reaction != "eyes" || ev.Item.Timestamp != ts {
		t.Errorf("event: %+v", ev)
	}
	if got := len(ws.Acks()); got != 4 {
		t.Errorf("acks: got %d want 4", got)
	}
	if hello != 1 || connected != 1 {
		t.Errorf("got %d hello, %d connected", hello, connected)
	}
	// Slack renews the connection; the client dials again.
	ws.Disconnect("refresh_requested")
	wait(t, ws, func(s *slackfake.State) bool { return s.Sockets() == 1 && len(s.Calls("apps.connections.open")) == 2 })
	if d := alice.In("ops").Type("/incident again"); d.Err != nil {
		t.Errorf("after the refresh: %v", d.Err)
	}
}

// dial opens a socket by hand and hands its envelopes out, except the greeting.
func dial(t *testing.T, ws *slackfake.Workspace) (*websocket.Conn, <-chan map[string]any) {
	t.Helper()
	_, url, err := client(ws).StartSocketModeContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, _, err := websocket.DefaultDialer.Dial(url, nil); err == nil {
		t.Error("a ticket worked twice")
	}
	envelopes := make(chan map[string]any, 20)
	go func() {
		defer close(envelopes)
		for {
			var m map[string]any
			if conn.ReadJSON(&m) != nil {
				return
			}
			envelopes <- m
		}
	}()
	if m := <-envelopes; m["type"] != "hello" {
		t.Fatalf("first: got %v", m)
	}
	return conn, envelopes
}

func ack(t *testing.T, conn *websocket.Conn, envelope map[string]any, payload any) {
	t.Helper()
	if err := conn.WriteJSON(map[string]any{"envelope_id": envelope["envelope_id"], "payload": payload}); err != nil {
		t.Fatal(err)
	}
}

func TestSocketsShareEnvelopes(t *testing.T) {
	ws := start(t, slackfake.Options{})
	one, first := dial(t, ws)
	two, second := dial(t, ws)
	results := make(chan *slackfake.Delivery, 2)
	for range 2 {
		go func() { results <- ws.User("alice").In("ops").Type("/incident x") }()
	}
	ack(t, one, <-first, nil)
	ack(t, two, <-second, nil)
	for range 2 {
		if d := <-results; d.Err != nil {
			t.Error(d.Err)
		}
	}
	ws.Duplicate(1)
	go func() { results <- ws.User("alice").In("ops").Type("/incident y") }()
	a, b := <-first, <-second
	if a["envelope_id"] != b["envelope_id"] {
		t.Errorf("the duplicate has another envelope: %v, %v", a["envelope_id"], b["envelope_id"])
	}
	ack(t, one, a, nil)
	if d := <-results; d.Err != nil || len(d.Attempts()) != 2 {
		t.Errorf("duplicate: %+v", d)
	}
	for range 8 {
		dial(t, ws)
	}
	_, url, _ := client(ws).StartSocketModeContext(t.Context())
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var m map[string]any
	if err := conn.ReadJSON(&m); err != nil || m["reason"] != "too_many_websockets" {
		t.Errorf("the eleventh connection: got %v, %v", m, err)
	}
}

func TestSocketReorder(t *testing.T) {
	ws := start(t, slackfake.Options{})
	conn, envelopes := dial(t, ws)
	ws.Reorder(2)
	results := make(chan string, 2)
	enter := func(text string) {
		results <- ws.User("alice").In("ops").Type("/incident " + text).Kind
	}
	go enter("first")
	wait(t, ws, func(s *slackfake.State) bool { return len(s.Lines()) == 1 })
	// The first is on its way and waits for its turn before the second can take it.
	wait(t, ws, func(*slackfake.State) bool { return ws.Held() == 1 })
	go enter("second")
	for _, want := range []string{"second", "first"} {
		e := <-envelopes
		if got := e["payload"].(map[string]any)["text"]; got != want {
			t.Errorf("got %v want %s", got, want)
		}
		ack(t, conn, e, nil)
		<-results
	}
}

func TestSocketAckTooLarge(t *testing.T) {
	ws := start(t, slackfake.Options{AckTimeout: 30 * time.Millisecond})
	conn, envelopes := dial(t, ws)
	go func() {
		e := <-envelopes
		_ = conn.WriteJSON(map[string]any{"envelope_id": e["envelope_id"], "payload": map[string]any{"text": strings.Repeat("x", 20*1024)}})
	}()
	if d := ws.User("alice").In("ops").Type("/incident x"); !errors.Is(d.Err, slackfake.ErrOperationTimeout) {
		t.Errorf("got %v", d.Err)
	}
}

func TestEventsAreRepeatedUntilAcknowledged(t *testing.T) {
	ws := start(t, slackfake.Options{EventRetries: []time.Duration{0, 0}, AckTimeout: 10 * time.Second})
	conn, envelopes := dial(t, ws)
	ws.DropAcks(1)
	results := make(chan *slackfake.Delivery, 1)
	go func() { results <- ws.SendEvent(map[string]any{"type": "app_mention", "user": "U1", "channel": "C1"}) }()
	e := <-envelopes
	ack(t, conn, e, nil)
	again := <-envelopes
	if again["envelope_id"] != e["envelope_id"] || again["retry_attempt"] != float64(1) || again["retry_reason"] != "timeout" {
		t.Errorf("the repeat: got %v", again)
	}
	ack(t, conn, again, nil)
	d := <-results
	wait(t, ws, func(*slackfake.State) bool { return len(d.Attempts()) == 2 })
	if got := d.Attempts(); got[0].Err == nil || got[1].Err != nil {
		t.Errorf("attempts: %+v", got)
	}
	go ws.Replay(d.N)
	if r := <-envelopes; !equalJSON(r, e) {
		t.Errorf("replayed %v, was %v", r, e)
	} else {
		ack(t, conn, r, nil)
	}
}

func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestDisconnectedSocketGetsNothing(t *testing.T) {
	ws := start(t, slackfake.Options{})
	conn, envelopes := dial(t, ws)
	ws.Disconnect("warning")
	if m := <-envelopes; m["type"] != "disconnect" || m["reason"] != "warning" {
		t.Errorf("got %v", m)
	}
	done := make(chan error, 1)
	go func() { done <- ws.User("alice").In("ops").Type("/incident x").Err }()
	ack(t, conn, <-envelopes, nil)
	if err := <-done; err != nil {
		t.Errorf("after a warning: %v", err)
	}
	ws.Disconnect("refresh_requested")
	if d := ws.User("alice").In("ops").Type("/incident x"); !errors.Is(d.Err, slackfake.ErrDispatchFailed) {
		t.Errorf("after a refresh: %v", d.Err)
	}
}

func TestSocketGapAndDown(t *testing.T) {
	ws := start(t, slackfake.Options{})
	_, envelopes := dial(t, ws)
	ws.SocketGap(true)
	if m, open := <-envelopes; open {
		t.Errorf("the socket lives on: %v", m)
	}
	wait(t, ws, func(s *slackfake.State) bool { return s.Sockets() == 0 })
	if d := ws.User("alice").In("ops").Type("/incident x"); !errors.Is(d.Err, slackfake.ErrDispatchFailed) {
		t.Errorf("in the gap: %v", d.Err)
	}
	if _, err := client(ws).AuthTest(); err != nil {
		t.Errorf("the API in the gap: %v", err)
	}
	ws.SocketGap(false)
	_, envelopes = dial(t, ws)
	ws.Down(true)
	if m, open := <-envelopes; open {
		t.Errorf("the socket lives on: %v", m)
	}
	for range 3 { // the first may meet the end of an idle connection, the others a new one
		if _, err := client(ws).AuthTest(); err == nil {
			t.Error("the API answers although Slack is down")
		}
	}
	ws.Down(false)
	if _, err := client(ws).AuthTest(); err != nil {
		t.Errorf("back again: %v", err)
	}
}
