package slack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

func TestInviteSuite(t *testing.T) {
	faults, classes := failings()
	classes["cannot come"], faults["cannot come"] = actions.Precondition, slackfake.APIError("cant_invite")
	classes["unknown"], faults["unknown"] = actions.NotFound, slackfake.APIError("user_not_found")
	actionstest.Run(t, actionstest.Case{
		Action: "slack.invite",
		World: func(t *testing.T) actionstest.World {
			o := newOffice(t)
			return actionstest.World{
				Registry: registry(o.APIURL()), Call: call(), Canaries: []string{botToken},
				Params:     map[string]any{"users": []string{"alice@example.com", "U3"}, "groups": []string{"@forensics"}},
				Snapshot:   func(*testing.T) string { return o.shown() },
				Disturb:    func(*testing.T) { o.remove("inc-12", "U2") },
				LoseAnswer: func(*testing.T) { o.FailNext("conversations.invite", 1, slackfake.DropAfterEffect()) },
				Fault:      func(_ *testing.T, name string) { o.FailNext("conversations.invite", 5, faults[name]) },
			}
		},
		Errors: classes,
	})
}

// remove does what somebody in the workspace could do.
func (o *office) remove(channel, user string) {
	o.Helper()
	c, ok := o.Channel(channel)
	if !ok {
		o.Fatalf("no channel %q", channel)
	}
	for i, m := range c.Members {
		if m == user {
			c.Members = append(c.Members[:i], c.Members[i+1:]...)
			break
		}
	}
	o.AddChannel(c)
}

type invited struct {
	Channel          string
	Invited, Members []string
}

func TestInviteResolvesEverybodyOnce(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U2", "alice@example.com", "U1"}, "groups": []string{"S1", "forensics"}})
	s.plan()
	var r invited
	s.run(&r)
	if diff := cmp.Diff(invited{"C1", []string{"U2", "U3"}, []string{"U1", "U2", "U3"}}, r); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if n := len(o.Calls("users.info")); n != 3 {
		t.Errorf("%d accounts were looked up by id, want 3: each once", n)
	}
	if n := len(o.Calls("conversations.invite")); n != 2 {
		t.Errorf("got %d invitations, want 2: who is there is left alone", n)
	}
}

func TestInvitePlanRefuses(t *testing.T) {
	many := make([]string, 41)
	for i := range many {
		many[i] = fmt.Sprintf("U1%03d", i)
	}
	for _, test := range []struct {
		name  string
		with  map[string]any
		world func(*office)
		class actions.Class
		says  string
	}{
		{"nobody", map[string]any{}, nil, actions.Invalid, "nobody is named"},
		{"guest", map[string]any{"users": []string{"U4"}}, nil, actions.Precondition, `"U4" is not invited: the account is a guest`},
		{"guest of one channel", map[string]any{"users": []string{"U9"}}, nil, actions.Precondition, "guest"},
		{"guest in a group", map[string]any{"groups": []string{"mixed"}}, nil, actions.Precondition, `"U4"`},
		{"stranger", map[string]any{"users": []string{"U5"}, "guests": true}, nil, actions.Precondition, "another organisation"},
		{"other workspace", map[string]any{"users": []string{"other@example.org"}, "guests": true}, nil, actions.Precondition, "another workspace"},
		{"deactivated", map[string]any{"users": []string{"U6"}}, nil, actions.Precondition, "deactivated"},
		{"bot", map[string]any{"users": []string{"U7"}}, nil, actions.Precondition, "a bot"},
		{"unknown id", map[string]any{"users": []string{"U99"}}, nil, actions.NotFound, `"U99"`},
		{"unknown address", map[string]any{"users": []string{"mallory@example.com"}}, nil, actions.NotFound, `"mallory@example.com"`},
		{"by handle", map[string]any{"users": []string{"@alice"}}, nil, actions.Invalid, "no Slack id"},
		{"unknown group", map[string]any{"groups": []string{"@ghosts"}}, nil, actions.NotFound, `"@ghosts"`},
		{"unknown group id", map[string]any{"groups": []string{"S99"}}, nil, actions.NotFound, "no_such_subteam"},
		{"empty group", map[string]any{"groups": []string{"nobody"}}, nil, actions.Precondition, "is empty"},
		{"too many", map[string]any{"users": many}, nil, actions.Invalid, "41 people"},
		{"no right to read addresses", map[string]any{"users": []string{"alice@example.com"}}, func(o *office) { o.App.SetScopes(slackfake.DefaultScopes()...) }, actions.Denied, "give the app the scope users:read.email"},
		{"shared channel", map[string]any{"users": []string{"U2"}}, func(o *office) { _ = o.ShareChannel("C1", "T9") }, actions.Precondition, "another organisation"},
		{"archived channel", map[string]any{"users": []string{"U2"}}, func(o *office) { o.archive("inc-12") }, actions.Precondition, "archived"},
		{"without the app", map[string]any{"users": []string{"U2"}, "channel": "C2"}, func(o *office) { o.AddChannel(slackfake.Channel{ID: "C2", Name: "public"}) }, actions.Precondition, "invite the app"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOffice(t)
			if test.world != nil {
				test.world(o)
			}
			s := o.step("slack.invite", test.with)
			_, err := s.handler.Plan(t.Context(), s.call, s.params)
			if err == nil || actions.ClassOf(err) != test.class || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got class %s, error %v; want %s, %q", actions.ClassOf(err), err, test.class, test.says)
			}
		})
	}
}

func TestInvitePreview(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U1", "U4"}, "guests": true})
	preview, err := s.handler.Plan(t.Context(), s.call, s.params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"alice (U1) is in #inc-12 already.", "guest (U4) is invited to #inc-12."}, preview.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if preview.InEffect || len(preview.Warnings) != 1 || preview.Warnings[0] != "guest (U4) is a guest." {
		t.Errorf("got %+v", preview)
	}
	s = o.step("slack.invite", map[string]any{"users": []string{"U1"}})
	if preview, err = s.handler.Plan(t.Context(), s.call, s.params); err != nil || !preview.InEffect {
		t.Errorf("with nobody to invite: got %+v, %v", preview, err)
	}
}

// One who cannot come keeps nobody out, and is named.
func TestOneWhoCannotComeKeepsNobodyOut(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U2", "U3"}})
	s.plan()
	o.FailNext("conversations.invite", 1, slackfake.APIError("cant_invite"))
	s.fails(actions.Unknown, "1 of 2 people are in the channel now; not: U2: cant_invite")
	if c, _ := o.Channel("inc-12"); fmt.Sprint(c.Members) != "[UBOT U1 U3]" {
		t.Errorf("got members %v", c.Members)
	}
	var r invited
	s.run(&r)
	if c, _ := o.Channel("inc-12"); fmt.Sprint(c.Members) != "[UBOT U1 U3 U2]" || fmt.Sprint(r.Invited) != "[U2 U3]" {
		t.Errorf("second attempt: got members %v, result %+v", c.Members, r)
	}
}

// Somebody else may be faster: that is success.
func TestAlreadyInChannelIsSuccess(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U2"}})
	s.plan()
	o.FailNext("conversations.invite", 1, slackfake.APIError("already_in_channel"))
	s.run(&invited{})
}

// A channel that became shared after the plan gets nobody.
func TestInviteLooksAtTheChannelAgain(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U2"}})
	s.plan()
	if err := o.ShareChannel("C1", "T9"); err != nil {
		t.Fatal(err)
	}
	s.fails(actions.Precondition, "another organisation")
	if n := len(o.Calls("conversations.invite")); n != 0 {
		t.Errorf("%d invitations were sent", n)
	}
}

// One who cannot be removed keeps nobody else in, and is named; that others were
// removed is not denied.
func TestUndoOfInviteThatFailsHalfWay(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U2", "U3"}})
	s.plan()
	s.run(&invited{})
	o.FailNext("conversations.kick", 1, slackfake.APIError("restricted_action"))
	err := s.handler.Undo(t.Context(), s.call, s.params, nil)
	if err == nil || actions.ClassOf(err) != actions.Unknown || !strings.Contains(err.Error(), "U2: restricted_action") {
		t.Errorf("got class %s, error %v", actions.ClassOf(err), err)
	}
	if c, _ := o.Channel("inc-12"); fmt.Sprint(c.Members) != "[UBOT U1 U2]" {
		t.Errorf("got members %v", c.Members)
	}
}

// An undo removes whom the step brought in and nobody else.
func TestUndoOfInviteRemovesOnlyItsOwn(t *testing.T) {
	o := newOffice(t)
	s := o.step("slack.invite", map[string]any{"users": []string{"U1", "U2", "U3"}})
	s.plan()
	s.run(&invited{})
	o.remove("inc-12", "U3") // left by herself
	if err := s.handler.Undo(t.Context(), s.call, s.params, nil); err != nil {
		t.Fatal(err)
	}
	if c, _ := o.Channel("inc-12"); fmt.Sprint(c.Members) != "[UBOT U1]" {
		t.Errorf("got members %v", c.Members)
	}
	if n := len(o.Calls("conversations.kick")); n != 1 {
		t.Errorf("got %d removals, want 1", n)
	}
}

// Large channels are read to their end, and an answer that is no answer proves nothing.
func TestInviteVerifyReadsAllPages(t *testing.T) {
	o := newOffice(t)
	c, _ := o.Channel("C1")
	for i := range 450 {
		id := fmt.Sprintf("U2%03d", i)
		o.AddUser(slackfake.User{ID: id})
		c.Members = append(c.Members, id)
	}
	o.AddChannel(c)
	s := o.step("slack.invite", map[string]any{"users": []string{"U2"}})
	s.plan()
	s.run(&invited{})
	if reading, err := s.handler.Verify(t.Context(), s.call, s.params, nil); err != nil || reading.Verdict != actions.Verified {
		t.Errorf("got %+v, %v", reading, err)
	}
	o.FailNext("conversations.members", 1, slackfake.APIError("channel_not_found"))
	if reading, err := s.handler.Verify(t.Context(), s.call, s.params, nil); err != nil || reading.Verdict != actions.CannotVerify {
		t.Errorf("got %+v, %v", reading, err)
	}
	c.Members = nil
	c.Private = false
	o.AddChannel(c)
	if reading, err := s.handler.Verify(t.Context(), s.call, s.params, nil); reading.Verdict == actions.Verified || err == nil {
		t.Errorf("an empty list: got %+v, %v", reading, err)
	}
}
