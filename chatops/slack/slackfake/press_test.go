package slackfake_test

import (
	"errors"
	"testing"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

func TestWhoCanClick(t *testing.T) {
	ws := start(t, slackfake.Options{})
	a := newApp(t, ws)
	ws.AddUser(slackfake.User{ID: "U4", Name: "other"})
	ws.AddUser(slackfake.User{ID: "U5", Name: "gone", Deleted: true})
	ws.AddUser(slackfake.User{ID: "U6", Name: "stranger", TeamID: "T9", Stranger: true})
	ws.AddChannel(slackfake.Channel{ID: "C2", Name: "inc-1", Private: true, Members: []string{"UBOT", "U1"}})
	hidden := button("hidden", "Only alice", "")
	hidden.VisibleToUserIDs = []string{"U1"}
	card := slack.MsgOptionBlocks(
		slack.NewActionBlock("one", button("approve", "Approve", "1"), hidden),
		slack.NewActionBlock("two", button("approve", "Approve too", "2"), button("deny", "Deny", "")),
	)
	api := client(ws)
	refs := map[string]slackfake.Ref{}
	for _, c := range []string{"C1", "C2"} {
		_, ts, err := api.PostMessage(c, slack.MsgOptionText("card", false), card)
		if err != nil {
			t.Fatal(err)
		}
		refs[c] = slackfake.Ref{Channel: c, TS: ts}
	}
	ts, err := api.PostEphemeral("C1", "U2", slack.MsgOptionText("yours", false), card)
	if err != nil {
		t.Fatal(err)
	}
	refs["bob's"] = slackfake.Ref{Channel: "C1", TS: ts}
	tests := []struct {
		name, user, where, block, action string
		want                             error
	}{
		{"a member", "alice", "C1", "", "deny", nil},
		{"anyone in a public channel", "other", "C1", "", "deny", nil},
		{"a guest outside the channel", "guest", "C1", "", "deny", slackfake.ErrNotAllowed},
		{"a stranger outside the channel", "stranger", "C1", "", "deny", slackfake.ErrNotAllowed},
		{"a deactivated user", "gone", "C1", "", "deny", slackfake.ErrNotAllowed},
		{"nobody", "U9", "C1", "", "deny", slackfake.ErrNotThere},
		{"outside a private channel", "bob", "C2", "", "deny", slackfake.ErrNotAllowed},
		{"two buttons with that action", "alice", "C1", "", "approve", slackfake.ErrNotThere},
		{"one of them by its block", "alice", "C1", "two", "approve", nil},
		{"no such action", "alice", "C1", "", "explode", slackfake.ErrNotThere},
		{"shown to me", "alice", "C1", "", "hidden", nil},
		{"shown to others", "bob", "C1", "", "hidden", slackfake.ErrNotThere},
		{"my ephemeral message", "bob", "bob's", "", "deny", nil},
		{"another's ephemeral message", "alice", "bob's", "", "deny", slackfake.ErrNotThere},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := a.count()
			d := ws.User(tt.user).ClickIn(refs[tt.where], tt.block, tt.action)
			if !errors.Is(d.Err, tt.want) {
				t.Fatalf("got %v want %v", d.Err, tt.want)
			}
			if sent := a.count() - before; (sent == 1) != (tt.want == nil) {
				t.Errorf("%d requests were sent", sent)
			}
		})
	}
	if d := ws.User("alice").ClickLabel(refs["C1"], "Approve too"); d.Err != nil {
		t.Error(d.Err)
	}
}

func TestTimestampsWithAFrozenClock(t *testing.T) {
	c := newClock()
	ws := start(t, slackfake.Options{Now: c.now})
	last := ""
	for range 100 {
		_, ts, err := client(ws).PostMessage("C1", slack.MsgOptionText("x", false))
		if err != nil {
			t.Fatal(err)
		}
		if ts <= last {
			t.Fatalf("%s after %s", ts, last)
		}
		last = ts
	}
}
