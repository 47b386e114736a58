package slackfake_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// clock is a clock that a test turns by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// start gives a workspace with alice, bob, a guest, the group sec-leads and the channel #ops, where the bot is.
func start(t *testing.T, opt slackfake.Options) *slackfake.Workspace {
	t.Helper()
	ws := slackfake.New(opt)
	ws.AddUser(slackfake.User{ID: "U1", Name: "alice", RealName: "Alice Doe", Email: "alice@example.com"})
	ws.AddUser(slackfake.User{ID: "U2", Name: "bob"})
	ws.AddUser(slackfake.User{ID: "U3", Name: "guest", Restricted: true})
	ws.AddGroup(slackfake.Group{ID: "S1", Handle: "sec-leads", Members: []string{"U1", "U2"}})
	ws.AddChannel(slackfake.Channel{ID: "C1", Name: "ops", Members: []string{"UBOT", "U1", "U2"}})
	if err := ws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ws.Close)
	return ws
}

func client(ws *slackfake.Workspace, opts ...slack.Option) *slack.Client {
	return slack.New(ws.App.BotToken, append([]slack.Option{slack.OptionAPIURL(ws.APIURL()), slack.OptionAppLevelToken(ws.App.AppToken)}, opts...)...)
}

// app is a bot that checks signatures with the real verifier and lets the test answer.
type app struct {
	*httptest.Server
	mu     sync.Mutex
	handle func(w http.ResponseWriter, r *http.Request)
	seen   []*http.Request
	bodies []string
}

func newApp(t *testing.T, ws *slackfake.Workspace) *app {
	t.Helper()
	a := &app{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v, err := slack.NewSecretsVerifier(r.Header, ws.App.SigningSecret)
		if err == nil {
			_, _ = v.Write(body)
			err = v.Ensure()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		a.mu.Lock()
		a.seen, a.bodies = append(a.seen, r), append(a.bodies, string(body))
		h := a.handle
		a.mu.Unlock()
		if h != nil {
			h(w, r)
		}
	}))
	t.Cleanup(a.Close)
	ws.App.SetEndpoints(a.URL+"/commands", a.URL+"/interact", a.URL+"/events")
	return a
}

func (a *app) on(h func(w http.ResponseWriter, r *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handle = h
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bodies)
}

func wantError(t *testing.T, what string, err error, code string) {
	t.Helper()
	if err == nil || err.Error() != code {
		t.Errorf("%s: got error %v, want %s", what, err, code)
	}
}

func TestIdentityAndTokens(t *testing.T) {
	ws := start(t, slackfake.Options{})
	who, err := client(ws).AuthTest()
	if err != nil {
		t.Fatal(err)
	}
	if who.UserID != "UBOT" || who.TeamID != "T0001" || who.BotID != "B0001" {
		t.Errorf("auth.test: got %+v", who)
	}
	if got := who.Header.Get("X-OAuth-Scopes"); !strings.Contains(got, "chat:write") {
		t.Errorf("X-OAuth-Scopes: got %q", got)
	}
	_, err = slack.New("xoxb-other", slack.OptionAPIURL(ws.APIURL())).AuthTest()
	wantError(t, "wrong token", err, "invalid_auth")
	_, err = slack.New(ws.App.AppToken, slack.OptionAPIURL(ws.APIURL())).AuthTest()
	wantError(t, "app token for a bot method", err, "not_allowed_token_type")
	_, err = client(ws).GetEmoji()
	wantError(t, "unknown method", err, "unknown_method")
	if got := ws.Calls("auth.test"); len(got) != 3 || got[1].Token != "wrong" || got[2].Token != "app" || got[0].Args["token"] != "" {
		t.Errorf("calls: got %+v", got)
	}
}

func TestScopes(t *testing.T) {
	ws := start(t, slackfake.Options{Scopes: []string{"users:read"}})
	_, _, err := client(ws).PostMessage("C1", slack.MsgOptionText("x", false))
	var e slack.SlackErrorResponse
	if !errors.As(err, &e) || e.Err != "missing_scope" || e.Needed != "chat:write" || e.Provided != "users:read" {
		t.Errorf("post without the scope: got %#v", err)
	}
	ws.App.SetScopes("chat:write")
	if _, _, err := client(ws).PostMessage("C1", slack.MsgOptionText("x", false)); err != nil {
		t.Error(err)
	}
}

func TestUsersAndGroups(t *testing.T) {
	ws := start(t, slackfake.Options{Scopes: append(slackfake.DefaultScopes(), "users:read.email")})
	api := client(ws)
	u, err := api.GetUserInfo("U3")
	if err != nil || !u.IsRestricted || u.IsAdmin {
		t.Errorf("guest: got %+v, %v", u, err)
	}
	_, err = api.GetUserInfo("U9")
	wantError(t, "users.info", err, "user_not_found")
	all, err := api.GetUsers(slack.GetUsersOptionLimit(2))
	if err != nil || len(all) != 4 {
		t.Errorf("users.list in pages: got %d users, %v", len(all), err)
	}
	if u, err = api.GetUserByEmail("alice@example.com"); err != nil || u.ID != "U1" || u.Profile.Email == "" {
		t.Errorf("by e-mail: got %+v, %v", u, err)
	}
	groups, err := api.GetUserGroups(slack.GetUserGroupsOptionIncludeUsers(true))
	if err != nil || len(groups) != 1 || len(groups[0].Users) != 2 {
		t.Errorf("groups: got %+v, %v", groups, err)
	}
	ws.App.SetScopes("users:read", "usergroups:read")
	if u, err = api.GetUserInfo("U1"); err != nil || u.Profile.Email != "" {
		t.Errorf("e-mail without its scope: got %q, %v", u.Profile.Email, err)
	}
	members, err := api.GetUserGroupMembers("S1")
	if err != nil || len(members) != 2 {
		t.Errorf("members: got %v, %v", members, err)
	}
	_, err = api.GetUserGroupMembers("S9")
	wantError(t, "usergroups.users.list", err, "no_such_subteam")
}

func TestMessages(t *testing.T) {
	ws := start(t, slackfake.Options{Scopes: append(slackfake.DefaultScopes(), "channels:history", "pins:read")})
	api := client(ws)
	button := slack.NewButtonBlockElement("approve", "v1", slack.NewTextBlockObject("plain_text", "Approve", false, false))
	blocks := []slack.Block{
		slack.NewHeaderBlock(slack.NewTextBlockObject("plain_text", "Key leak", false, false)),
		slack.NewActionBlock("", button),
	}
	meta := slack.SlackMetadata{EventType: "card", EventPayload: map[string]any{"seq": 7}}
	_, ts, err := api.PostMessage("C1", slack.MsgOptionText("fallback", false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionMetadata(meta))
	if err != nil {
		t.Fatal(err)
	}
	_, ts2, err := api.PostMessage("C1", slack.MsgOptionText("in thread", false), slack.MsgOptionTS(ts))
	if err != nil || ts2 <= ts {
		t.Fatalf("ts %s then %s, %v", ts, ts2, err)
	}
	if err := api.AddPin("C1", slack.NewRefToMessage("C1", ts)); err != nil {
		t.Error(err)
	}
	wantError(t, "pin twice", api.AddPin("C1", slack.NewRefToMessage("C1", ts)), "already_pinned")
	m, _ := ws.Message(slackfake.Ref{Channel: "ops", TS: ts})
	if got, want := m.Rendered(ws.Name), "# Key leak\n[Approve]"; got != want {
		t.Errorf("rendered: got %q want %q", got, want)
	}
	// Text without blocks: the blocks vanish and people see "edited".
	if _, _, _, err := api.UpdateMessage("C1", ts, slack.MsgOptionText("done", false)); err != nil {
		t.Fatal(err)
	}
	if m, _ = ws.Message(m.Ref()); len(m.Blocks) != 0 || m.EditedTS == "" || m.Edits != 1 {
		t.Errorf("after the update: %+v", m)
	}
	h, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C1", IncludeAllMetadata: true})
	if err != nil || len(h.Messages) != 1 || h.Messages[0].Metadata.EventType != "card" || h.Messages[0].ReplyCount != 1 {
		t.Errorf("history: got %+v, %v", h, err)
	}
	replies, _, _, err := api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: "C1", Timestamp: ts})
	if err != nil || len(replies) != 2 {
		t.Errorf("replies: got %d, %v", len(replies), err)
	}
	link, err := api.GetPermalink(&slack.PermalinkParameters{Channel: "C1", Ts: ts})
	if err != nil || !strings.HasSuffix(link, "/archives/C1/p"+strings.ReplaceAll(ts, ".", "")) {
		t.Errorf("permalink: got %q, %v", link, err)
	}
	said, err := ws.User("alice").In("C1").Say("hello")
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = api.UpdateMessage("C1", said.TS, slack.MsgOptionText("forged", false))
	wantError(t, "update of a person's message", err, "cant_update_message")
	_, _, _, err = api.UpdateMessage("C1", "1.000000", slack.MsgOptionText("x", false))
	wantError(t, "update", err, "message_not_found")
	if _, _, err := api.DeleteMessage("C1", ts2); err != nil {
		t.Error(err)
	}
	_, err = api.PostEphemeral("C1", "U3", slack.MsgOptionText("psst", false))
	wantError(t, "ephemeral to a non-member", err, "user_not_in_channel")
	ets, err := api.PostEphemeral("C1", "U2", slack.MsgOptionText("psst", false))
	if err != nil || len(ws.Ephemerals("bob")) != 1 || len(ws.Ephemerals("alice")) != 0 {
		t.Errorf("ephemeral: %v", err)
	}
	_, _, _, err = api.UpdateMessage("C1", ets, slack.MsgOptionText("x", false))
	wantError(t, "update of an ephemeral message", err, "message_not_found")
	if _, _, err := api.PostMessage("U1", slack.MsgOptionText("direct", false)); err != nil || len(ws.Directs("U1")) != 1 {
		t.Errorf("direct message: %v", err)
	}
	_, _, err = api.PostMessage("C1")
	wantError(t, "nothing to say", err, "no_text")
	_, _, err = api.PostMessage("C9", slack.MsgOptionText("x", false))
	wantError(t, "no channel", err, "channel_not_found")
}

func TestChannels(t *testing.T) {
	ws := start(t, slackfake.Options{})
	api := client(ws)
	c, err := api.CreateConversation(slack.CreateConversationParams{ChannelName: "inc-1", IsPrivate: true})
	if err != nil || !c.IsPrivate {
		t.Fatalf("create: %+v, %v", c, err)
	}
	if _, err := api.InviteUsersToConversation(c.ID, "U1", "U2"); err != nil {
		t.Fatal(err)
	}
	_, err = api.InviteUsersToConversation(c.ID, "U1")
	wantError(t, "invite twice", err, "already_in_channel")
	ch, err := api.ForceInviteUsersToConversationContext(t.Context(), c.ID, "U9", "U3")
	if err != nil || ch == nil {
		t.Errorf("forced invite: %v", err)
	}
	members, _, err := api.GetUsersInConversation(&slack.GetUsersInConversationParameters{ChannelID: c.ID})
	if err != nil || strings.Join(members, " ") != "UBOT U1 U2 U3" {
		t.Errorf("members: got %v, %v", members, err)
	}
	if _, err := api.SetTopicOfConversation(c.ID, "INC-1"); err != nil {
		t.Error(err)
	}
	if _, err := api.RenameConversation(c.ID, "inc-2"); err != nil {
		t.Error(err)
	}
	if err := api.ArchiveConversation(c.ID); err != nil {
		t.Error(err)
	}
	_, _, err = api.PostMessage(c.ID, slack.MsgOptionText("x", false))
	wantError(t, "post to an archived channel", err, "is_archived")
	for _, tt := range []struct{ name, code string }{
		{"inc-2", "name_taken"}, // also by an archived twin
		{"Inc", "invalid_name_specials"},
		{"", "invalid_name_required"},
		{"--", "invalid_name_punctuation"},
		{strings.Repeat("a", 81), "invalid_name_maxlength"},
	} {
		_, err := api.CreateConversation(slack.CreateConversationParams{ChannelName: tt.name})
		wantError(t, "create "+tt.name, err, tt.code)
	}
	info, err := api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: c.ID})
	if err != nil || !info.IsArchived || info.Topic.Value != "INC-1" || info.Name != "inc-2" {
		t.Errorf("info: %+v, %v", info, err)
	}
	ws.AddChannel(slackfake.Channel{ID: "C7", Name: "secret", Private: true, Members: []string{"U1"}})
	_, err = api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C7"})
	wantError(t, "a private channel without the bot", err, "channel_not_found")
	list, _, err := api.GetConversations(&slack.GetConversationsParameters{Types: []string{"public_channel", "private_channel"}, ExcludeArchived: true})
	if err != nil || len(list) != 1 {
		t.Errorf("list: got %d, %v", len(list), err)
	}
	im, _, _, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U2"}})
	if err != nil || !strings.HasPrefix(im.ID, "D") {
		t.Errorf("open: %+v, %v", im, err)
	}
	if err := ws.ShareChannel("C1", "T9"); err != nil {
		t.Fatal(err)
	}
	if info, err = api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C1"}); err != nil || !info.IsExtShared {
		t.Errorf("shared: %+v, %v", info, err)
	}
}

func TestFiles(t *testing.T) {
	ws := start(t, slackfake.Options{})
	f, err := client(ws).UploadFile(slack.UploadFileParameters{
		Filename: "timeline.md", FileSize: 5, Content: "hello", Channel: "C1", InitialComment: "the timeline",
	})
	if err != nil {
		t.Fatal(err)
	}
	files := ws.Files()
	if len(files) != 1 || files[0].ID != f.ID || string(files[0].Content) != "hello" {
		t.Errorf("files: %+v", files)
	}
	if got, want := ws.Transcript(), "#ops firebreak *file*:\n    the timeline\n    [file: timeline.md]\n"; got != want {
		t.Errorf("transcript: got %q want %q", got, want)
	}
}

func TestCommandBySignedRequest(t *testing.T) {
	ws := start(t, slackfake.Options{Commands: []string{"/incident"}})
	a := newApp(t, ws)
	api := client(ws)
	a.on(func(w http.ResponseWriter, r *http.Request) {
		cmd, err := slack.SlashCommandParse(r)
		if err != nil || cmd.Command != "/incident" || cmd.UserID != "U1" || cmd.ChannelName != "ops" {
			t.Errorf("command: %+v, %v", cmd, err)
		}
		if cmd.Text != `assign lead <@U2|bob> <!subteam^S1|@sec-leads> <#C1|ops> a&amp;b` {
			t.Errorf("text: got %s", cmd.Text)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"text":"on it"}`)
	})
	d := ws.User("alice").In("ops").Type("/incident assign lead @bob @sec-leads #ops a&b")
	if d.Err != nil || d.Status != 200 {
		t.Fatalf("type: %+v", d)
	}
	if got := ws.Ephemerals("alice"); len(got) != 1 || got[0].Text != "on it" {
		t.Errorf("ephemerals: %+v", got)
	}
	for i := range 6 {
		_, _, err := api.PostMessage("", slack.MsgOptionResponseURL(d.ResponseURL, slack.ResponseTypeInChannel), slack.MsgOptionText("late", false))
		var code slack.StatusCodeError
		if i < 5 && err != nil || i == 5 && (!errors.As(err, &code) || code.Code != 404) {
			t.Errorf("use %d of the response URL: %v", i+1, err)
		}
	}
	if got := len(ws.Messages("ops")); got != 5 {
		t.Errorf("messages by response URL: got %d want 5", got)
	}
	if d := ws.User("guest").In("ops").Type("/incident help"); !errors.Is(d.Err, slackfake.ErrNotAllowed) {
		t.Errorf("not in the channel: got %v", d.Err)
	}
	if d := ws.User("alice").In("ops").Type("/other"); !errors.Is(d.Err, slackfake.ErrNotThere) || a.count() != 1 {
		t.Errorf("a command of nobody: got %v", d.Err)
	}
	a.on(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	if d := ws.User("alice").In("ops").Type("/incident x"); !errors.Is(d.Err, slackfake.ErrDispatchFailed) {
		t.Errorf("an app that fails: got %v", d.Err)
	}
	last := ws.Ephemerals("alice")
	if got := last[len(last)-1]; got.User != "USLACKBOT" || got.Text != `/incident failed with the error "dispatch_failed"` {
		t.Errorf("what alice sees: %+v", got)
	}
}

func TestTimeout(t *testing.T) {
	ws := start(t, slackfake.Options{AckTimeout: 30 * time.Millisecond})
	a := newApp(t, ws)
	a.on(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if d := ws.User("alice").In("ops").Type("/incident x"); !errors.Is(d.Err, slackfake.ErrOperationTimeout) {
		t.Errorf("got %v", d.Err)
	}
	if got := ws.Ephemerals("alice"); len(got) != 1 || !strings.Contains(got[0].Text, "operation_timeout") {
		t.Errorf("what alice sees: %+v", got)
	}
}

func TestWaitTellsTheTranscript(t *testing.T) {
	ws := start(t, slackfake.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ws.Watch(func(slackfake.Line) { cancel() })
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = ws.Wait(ctx, func(s *slackfake.State) bool { return len(s.Messages("ops")) == 2 })
	}()
	if _, err := ws.User("bob").In("ops").Say("hello"); err != nil {
		t.Fatal(err)
	}
	<-done
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "#ops bob: hello") {
		t.Errorf("got %v", err)
	}
}

func TestOwnConversationsAndKick(t *testing.T) {
	ws := start(t, slackfake.Options{})
	ws.AddChannel(slackfake.Channel{ID: "C2", Name: "elsewhere", Members: []string{"U1"}})
	ws.AddChannel(slackfake.Channel{ID: "C3", Name: "old", Members: []string{"UBOT"}, Archived: true})
	ws.AddChannel(slackfake.Channel{ID: "C4", Name: "secret", Private: true, Members: []string{"UBOT", "U1"}})
	names := func(p slack.GetConversationsForUserParameters) string {
		t.Helper()
		page, _, err := client(ws).GetConversationsForUser(&p)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range page {
			out = append(out, c.Name)
		}
		return strings.Join(out, " ")
	}
	both := []string{"public_channel", "private_channel"}
	if got, want := names(slack.GetConversationsForUserParameters{Types: both, ExcludeArchived: true}), "ops secret"; got != want {
		t.Errorf("the bot is in %q, want %q", got, want)
	}
	if got, want := names(slack.GetConversationsForUserParameters{UserID: "U1", Types: both}), "ops elsewhere secret"; got != want {
		t.Errorf("alice is in %q, want %q", got, want)
	}
	if err := client(ws).KickUserFromConversation("C1", "U2"); err != nil {
		t.Fatal(err)
	}
	if c, _ := ws.Channel("C1"); strings.Join(c.Members, " ") != "UBOT U1" {
		t.Errorf("left in the channel: %v", c.Members)
	}
	wantError(t, "kick who is not there", client(ws).KickUserFromConversation("C1", "U2"), "not_in_channel")
	wantError(t, "kick nobody", client(ws).KickUserFromConversation("C1", "U9"), "user_not_found")
	wantError(t, "kick itself", client(ws).KickUserFromConversation("C1", "UBOT"), "cant_kick_self")
}
