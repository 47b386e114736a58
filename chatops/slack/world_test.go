package slack_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
	"github.com/firebreak-ir/firebreak/engine"
)

// What the rest of the house has fits.
var (
	_ slack.Bot       = (*chatops.Bot)(nil)
	_ slack.Incidents = engine.Incidents(nil)
	_                 = slack.Renderer{Card: chatops.Card, Ask: chatops.AskMessage, End: chatops.EndMessage, Remind: chatops.ReminderMessage}
)

// world is a workspace with people in it, an adapter, and a small bot behind it.
type world struct {
	t    *testing.T
	ws   *slackfake.Workspace
	bot  *smallBot
	inc  *smallHost
	dir  *chatops.Directory
	log  *lockedBuffer
	opt  slack.Options
	a    *slack.Adapter
	http *httptest.Server
}

// team is that of the workspace.
const team = "T0001"

func newWorld(t *testing.T, set ...func(*slackfake.Options, *slack.Options)) *world {
	t.Helper()
	w := &world{t: t, log: &lockedBuffer{}, inc: newHost()}
	w.bot = &smallBot{host: w.inc}
	w.dir = &chatops.Directory{
		People: []chatops.PersonEntry{
			{ID: "alice", Name: "Alice", Slack: team + "/U1"},
			{ID: "bob", Name: "Bob", Slack: team + "/U2"},
			{ID: "guest", Slack: team + "/UGUEST"}, {ID: "single", Slack: team + "/USINGLE"},
			{ID: "far", Slack: team + "/UFAR"}, {ID: "robot", Slack: team + "/UROBOT"},
			{ID: "gone", Slack: team + "/UGONE"}, {ID: "other", Slack: team + "/UOTHER"},
		},
		Groups: map[string][]string{"leads": {"alice", "bob"}},
	}
	fake := slackfake.Options{Commands: []string{"/incident", "/firebreak"}, Scopes: scopes()}
	w.opt = slack.Options{
		TeamID: team, Bot: w.bot, Incidents: w.inc, Directory: func() *chatops.Directory { return w.dir },
		Renderer:     slack.Renderer{Card: drawCard, Ask: drawAsk, End: drawEnd, Remind: drawRemind},
		CardInterval: time.Millisecond,
		Logger:       slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range set {
		f(&fake, &w.opt)
	}
	w.ws = slackfake.New(fake)
	w.opt.BotToken = actions.NewSecret(w.ws.App.BotToken)
	if w.opt.AppToken.Empty() {
		w.opt.SigningSecret = actions.NewSecret(w.ws.App.SigningSecret)
	} else {
		w.opt.AppToken = actions.NewSecret(w.ws.App.AppToken)
	}
	for _, u := range []slackfake.User{
		{ID: "U1", Name: "alice"}, {ID: "U2", Name: "bob"}, {ID: "UNEW", Name: "new"},
		{ID: "UGUEST", Name: "guest", Restricted: true}, {ID: "USINGLE", Name: "single", Restricted: true, UltraRestricted: true},
		{ID: "UFAR", Name: "far", TeamID: "T9999", Stranger: true}, {ID: "UROBOT", Name: "robot", Bot: true},
		{ID: "UGONE", Name: "gone", Deleted: true}, {ID: "UOTHER", Name: "other", TeamID: "T9999"},
	} {
		w.ws.AddUser(u)
	}
	w.ws.AddChannel(slackfake.Channel{ID: "C1", Name: "ops", Members: []string{"U1", "U2", "UNEW", w.ws.App.BotUserID}})
	w.ws.AddChannel(slackfake.Channel{ID: "C2", Name: "inc-7", Members: []string{"U1", "U2", w.ws.App.BotUserID}, Creator: w.ws.App.BotUserID})
	w.ws.AddChannel(slackfake.Channel{ID: "C3", Name: "with-vendor", ExtShared: true, ConnectedTeams: []string{"T9999"}, Members: []string{"U1", "UFAR", w.ws.App.BotUserID}})
	if err := w.ws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.ws.Close)
	w.opt.APIURL = w.ws.APIURL()
	w.start()
	return w
}

// socketMode has the adapter listen by socket instead of HTTP.
func socketMode(f *slackfake.Options, o *slack.Options) {
	f.SocketMode = true
	o.AppToken = actions.NewSecret("set by the world")
}

// start makes the adapter, as a start of the server does.
func (w *world) start() {
	w.t.Helper()
	a, err := slack.New(w.opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.a = a
	if !w.opt.SigningSecret.Empty() {
		w.http = httptest.NewServer(a.Handler())
		w.ws.App.SetEndpoints(w.http.URL+slack.CommandsPath, w.http.URL+slack.InteractionsPath, w.http.URL+slack.EventsPath)
		w.t.Cleanup(w.http.Close)
		w.t.Cleanup(a.Stop)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.wait(func(s *slackfake.State) bool { return s.Sockets() == 2 })
}

// restart ends the adapter and starts another one that knows nothing of it.
func (w *world) restart() {
	w.t.Helper()
	w.http.Close()
	w.a.Stop()
	w.start()
}

func (w *world) wait(ok func(*slackfake.State) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	if err := w.ws.Wait(ctx, ok); err != nil {
		w.t.Fatalf("%v\nlog:\n%s", err, w.log)
	}
}

// settle waits until the adapter has nothing left to do.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	if err := w.a.Flush(ctx); err != nil {
		w.t.Fatalf("the adapter did not come to rest: %v\nlog:\n%s", err, w.log)
	}
}

func (w *world) whispers(user string) string {
	var all []string
	for _, m := range w.ws.Ephemerals(user) {
		all = append(all, m.Rendered(w.ws.Name))
	}
	return strings.Join(all, "\n")
}

func (w *world) look(id string) engine.Look {
	return func(f func(*engine.Incident)) error { return w.inc.View(w.t.Context(), id, f) }
}

func ok(t *testing.T, d *slackfake.Delivery) {
	t.Helper()
	if d.Err != nil {
		t.Fatalf("%s: %v (status %d, answer %q)", d.Kind, d.Err, d.Status, d.Ack)
	}
}

func has(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Fatalf("want %q in:\n%s", want, text)
	}
}

func scopes() []string {
	var names []string
	for _, s := range slack.Scopes() {
		names = append(names, s.Name)
	}
	return names
}

// smallBot does what the real one does at its edges: it refuses strangers,
// takes a nonce once, asks by form, and counts what it was made to do.
type smallBot struct {
	host *smallHost

	mu      sync.Mutex
	effects []string
	asked   []string // how every request was seen
	reply   func(text string) (chatops.Message, bool)
}

func (b *smallBot) Command(ctx context.Context, in chatops.Input) chatops.Message {
	b.note("command", in.Actor, in.Text)
	if b.reply != nil {
		if m, ok := b.reply(in.Text); ok {
			return m
		}
	}
	if in.Text == "declare" {
		return chatops.Message{Title: "Say what happened", Seq: -1, Form: &chatops.Form{ID: "declare", State: "s1", Title: "Declare", Submit: "Declare",
			Fields: []chatops.FormField{{ID: "title", Label: "What happened?"}, {ID: "severity", Label: "Severity", Options: []string{"1", "2"}, Value: "2"}, {ID: "more", Label: "More", Optional: true, Long: true}}}}
	}
	return b.act(ctx, in.Actor, in.Nonce, "command "+in.Text, strings.HasPrefix(in.Text, "public"))
}

func (b *smallBot) Click(ctx context.Context, c chatops.Click) chatops.Message {
	b.note("click", c.Actor, c.Verb+" "+c.Value)
	if c.Verb == "deny" {
		return chatops.Message{Title: "Why?", Form: &chatops.Form{ID: "deny", State: c.Value, Title: "Deny", Submit: "Deny", Fields: []chatops.FormField{{ID: "reason", Label: "Reason", Long: true}}}}
	}
	return b.act(ctx, c.Actor, c.Nonce, "click "+c.Verb+" "+c.Value, true)
}

func (b *smallBot) Answer(ctx context.Context, a chatops.Answer) (chatops.Message, map[string]string) {
	b.note("answer", a.Actor, a.Form)
	if a.Values["title"] == "bad" {
		return chatops.Message{}, map[string]string{"title": "this title is bad"}
	}
	return b.act(ctx, a.Actor, a.Nonce, fmt.Sprintf("answer %s %s %v", a.Form, a.State, a.Values), false), nil
}

func (b *smallBot) act(ctx context.Context, who engine.Actor, nonce, what string, public bool) chatops.Message {
	req := engine.Request{Actor: who, Nonce: nonce}
	if who.Type != engine.Person {
		refusal := engine.Refuse(engine.NotKnown, "refused: %s", who.Name)
		_ = b.host.Refuse(ctx, req, "", refusal)
		return chatops.Message{Title: refusal.Message, Failed: true, Seq: -1}
	}
	if !b.host.once(nonce) {
		return chatops.Message{Title: "This was done before", Failed: true, Seq: -1}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.effects = append(b.effects, who.ID+": "+what)
	return chatops.Message{Title: "Done: " + what, Public: public, Incident: "INC-7", Seq: int64(len(b.effects))}
}

func (b *smallBot) note(kind string, who engine.Actor, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, fmt.Sprintf("%s %s %s %q: %s", kind, who.Type, who.ID, who.Name, what))
}

func (b *smallBot) done() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.effects...)
}

func (b *smallBot) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.asked...)
}

// smallHost keeps incidents, refusals and nonces, which outlive an adapter.
type smallHost struct {
	mu        sync.Mutex
	incidents map[string]*engine.Incident
	refusals  []string
	nonces    map[string]bool
}

func newHost() *smallHost {
	h := &smallHost{incidents: map[string]*engine.Incident{}, nonces: map[string]bool{}}
	h.put(&engine.Incident{ID: "INC-7", Title: "Key leak", Severity: 2, DeclaredBy: engine.Actor{Type: engine.Person, ID: "alice"},
		DeclaredAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Channel: &engine.ChannelBound{Channel: "C2", Name: "inc-7"}, Posts: map[string]*engine.Post{}})
	return h
}

func (h *smallHost) put(i *engine.Incident) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.incidents[i.ID] = i
}

func (h *smallHost) change(id string, f func(*engine.Incident)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.incidents[id])
}

func (h *smallHost) once(nonce string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if nonce == "" || h.nonces[nonce] {
		return false
	}
	h.nonces[nonce] = true
	return true
}

func (h *smallHost) Refuse(_ context.Context, req engine.Request, incident string, r *engine.Refusal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refusals = append(h.refusals, fmt.Sprintf("%s %s %s: %s", req.Actor.Via, req.Verb, r.Code, r.Message))
	return r
}

func (h *smallHost) refused() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.refusals...)
}

func (h *smallHost) View(_ context.Context, id string, look func(*engine.Incident)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, ok := h.incidents[id]
	if !ok {
		return engine.Refuse(engine.NoIncident, "there is no %s", id)
	}
	look(i)
	return nil
}

func (h *smallHost) List(context.Context) ([]engine.Summary, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []engine.Summary
	for _, i := range h.incidents {
		s := engine.Summary{ID: i.ID, Title: i.Title, Resolved: i.Resolved}
		if i.Channel != nil {
			s.Channel = i.Channel.Channel
		}
		all = append(all, s)
	}
	return all, nil
}

func (h *smallHost) Head(context.Context, string) (int64, string, error) {
	return 42, "0123456789abcdef", nil
}

func drawCard(i *engine.Incident, head string) chatops.Message {
	return chatops.Message{Title: i.ID + " " + i.Title, Parts: []chatops.Part{{Text: fmt.Sprintf("severity %d", i.Severity)}, {Note: head}}}
}

func drawAsk(i *engine.Incident, a *engine.Ask) chatops.Message {
	m := chatops.Message{Title: "Approve?", Notify: []string{"group:leads"}, Parts: []chatops.Part{{Buttons: []chatops.Button{
		{Verb: "approve", Value: i.ID + " " + a.ID, Label: "Approve", Tone: chatops.Good, Confirm: "Really?"},
		{Verb: "deny", Value: i.ID + " " + a.ID, Label: "Deny", Tone: chatops.Danger},
	}}}}
	if a.Closed {
		m.Title = "Approved by bob"
	}
	return m
}

func drawEnd(i *engine.Incident, r *engine.Run) chatops.Message {
	return chatops.Message{Title: r.ID + " ended"}
}

func drawRemind(i *engine.Incident, a *engine.Ask, n int) chatops.Message {
	m := chatops.Message{Title: fmt.Sprintf("Reminder %d of %s", n, a.ID), Notify: []string{"group:leads"}}
	if a.Closed {
		m.Title, m.Notify = "Answered meanwhile", nil
	}
	return m
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type slackOptions = slack.Options

func addAsk(i *engine.Incident) {
	i.Asks = append(i.Asks, &engine.Ask{ID: "0011", Type: engine.AskApproval, Appr: &engine.Approval{ApprovalRequested: engine.ApprovalRequested{ID: "0011", From: []string{"group:leads"}}}})
}

func discardResponse() http.ResponseWriter { return httptest.NewRecorder() }

// replay is a recorded request, sent again.
func replay(d *slackfake.Delivery, base string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, base+slack.CommandsPath, bytes.NewReader(d.Body))
	req.Header = d.Header.Clone()
	return req
}
