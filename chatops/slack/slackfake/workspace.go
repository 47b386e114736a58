package slackfake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options describe the workspace and the one app that is installed in it. The zero value works.
type Options struct {
	TeamID     string // default T0001
	TeamName   string // default Acme
	TeamDomain string // default acme

	AppID         string   // default A0001
	BotID         string   // default B0001
	BotUserID     string   // default UBOT
	BotName       string   // default firebreak
	BotToken      string   // default xoxb-fake
	AppToken      string   // default xapp-fake
	SigningSecret string   // default a random one; read it from App.SigningSecret
	Scopes        []string // of the bot token; default DefaultScopes()
	AppScopes     []string // of the app token; default connections:write
	// Commands are the slash commands that the app has registered, with the slash. Empty: every command is the app's.
	Commands []string
	// PlainMentions leaves typed @names and #names as they are; otherwise they arrive escaped, as <@U1|alice>.
	PlainMentions bool
	// SocketMode delivers through Socket Mode although endpoints are set. Without endpoints it is always so.
	SocketMode bool
	// Events are the subscribed event types, such as "message" or "reaction_added". Others are not sent.
	Events []string

	// Now gives the time for message timestamps, signatures, expiries and limits. Default time.Now.
	Now func() time.Time
	// AckTimeout is how long the app has to answer a delivery, in real time. Default 3 s, as Slack has it.
	AckTimeout time.Duration
	// PingInterval is how often sockets are pinged, in real time. Default 10 s.
	PingInterval time.Duration
	// EventRetries are the waits, in real time, before each repeat of an event that was not acknowledged. Default: at
	// once, 1 minute, 5 minutes. An empty non-nil list turns repeats off.
	EventRetries []time.Duration
}

// DefaultScopes are the bot scopes that an incident bot usually asks for.
func DefaultScopes() []string {
	return []string{
		"commands", "chat:write", "channels:manage", "channels:read", "groups:write", "groups:read", "users:read",
		"usergroups:read", "pins:write", "reactions:read", "files:write", "im:write",
	}
}

func (o Options) withDefaults() Options {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.TeamID, "T0001")
	set(&o.TeamName, "Acme")
	set(&o.TeamDomain, "acme")
	set(&o.AppID, "A0001")
	set(&o.BotID, "B0001")
	set(&o.BotUserID, "UBOT")
	set(&o.BotName, "firebreak")
	set(&o.BotToken, "xoxb-fake")
	set(&o.AppToken, "xapp-fake")
	set(&o.SigningSecret, randomHex(16))
	if o.Scopes == nil {
		o.Scopes = DefaultScopes()
	}
	if o.AppScopes == nil {
		o.AppScopes = []string{"connections:write"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AckTimeout == 0 {
		o.AckTimeout = 3 * time.Second
	}
	if o.PingInterval == 0 {
		o.PingInterval = 10 * time.Second
	}
	if o.EventRetries == nil {
		o.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	return o
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Workspace is one Slack workspace with one app in it, served on a loopback port. All methods may be called from any
// goroutine. The reading methods are those of State.
type Workspace struct {
	*State
	// App is the app under test.
	App *App

	opt      Options
	server   *http.Server
	gate     *gate
	client   *http.Client
	faults   faults
	delivery deliveryFaults
	sockets  sockets
	done     context.Context
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// New builds a workspace with the app's bot user in it. Nothing listens before Start.
func New(opt Options) *Workspace {
	opt = opt.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	w := &Workspace{opt: opt, done: ctx, stop: cancel}
	w.State = newState(w)
	w.App = newApp(w)
	w.client = &http.Client{
		Transport:     &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 8},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	w.sockets.byTicket = map[string]bool{}
	w.sockets.waiting = map[string][]chan []byte{}
	w.AddUser(User{ID: opt.BotUserID, Name: opt.BotName, Bot: true})
	return w
}

// Start opens a loopback port and serves the Web API, response URLs, uploads and Socket Mode on it.
func (w *Workspace) Start() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the fake Slack: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.server != nil || w.done.Err() != nil {
		ln.Close()
		return errors.New("start the fake Slack: it was started or closed before")
	}
	w.url = "http://" + ln.Addr().String()
	w.gate = newGate(ln)
	w.server = &http.Server{Handler: w.inFlight(w.handler()), ReadHeaderTimeout: 10 * time.Second, ConnState: w.connState}
	w.wg.Go(func() { _ = w.server.Serve(w.gate) })
	return nil
}

// Close ends every connection, wakes all waiters and returns when no goroutine of the workspace is left. What was
// recorded can still be read.
func (w *Workspace) Close() {
	w.mu.Lock()
	w.stop()
	server, g := w.server, w.gate
	w.mu.Unlock()
	if g != nil {
		g.closeAll()
	}
	if server != nil {
		_ = server.Close()
	}
	w.sockets.closeAll()
	w.client.CloseIdleConnections()
	w.wg.Wait()
	w.touch()
}

// connState lets Close wait for the server's connections. It is called for a new one by the goroutine of Serve, which is
// counted itself, so that nothing is added once the count is down to zero.
func (w *Workspace) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		w.wg.Add(1)
	case http.StateHijacked, http.StateClosed:
		w.wg.Done()
	}
}

// inFlight lets Close wait for the requests that are being answered.
func (w *Workspace) inFlight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		w.mu.Lock()
		if w.done.Err() != nil {
			w.mu.Unlock()
			drop(rw)
			return
		}
		w.wg.Add(1)
		w.mu.Unlock()
		defer w.wg.Done()
		next.ServeHTTP(rw, req)
	})
}

// URL is the base URL of the fake, without a slash at its end. It is empty before Start.
func (w *Workspace) URL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.url
}

// APIURL is what a Slack client takes as the URL of the Web API, with a slash at its end.
func (w *Workspace) APIURL() string { return w.URL() + "/api/" }

// App is the installed app: its tokens, its secret and where it listens.
type App struct {
	ID, BotID, BotUserID, BotName string
	BotToken, AppToken            string
	SigningSecret                 string

	ws     *Workspace
	scopes []string // under the workspace's lock
	app    []string
	// endpoints, under the workspace's lock
	commands, interactivity, events string
}

func newApp(w *Workspace) *App {
	o := w.opt
	return &App{
		ID: o.AppID, BotID: o.BotID, BotUserID: o.BotUserID, BotName: o.BotName,
		BotToken: o.BotToken, AppToken: o.AppToken, SigningSecret: o.SigningSecret,
		ws: w, scopes: o.Scopes, app: o.AppScopes,
	}
}

// SetEndpoints tells Slack where the app receives slash commands, interactions and events by HTTP. An empty URL means
// that the app did not set it. With all three empty, Socket Mode is used.
func (a *App) SetEndpoints(commands, interactivity, events string) {
	a.ws.mu.Lock()
	defer a.ws.mu.Unlock()
	a.commands, a.interactivity, a.events = commands, interactivity, events
}

// SetScopes replaces the granted scopes of the bot token, as a reinstallation of the app does.
func (a *App) SetScopes(scopes ...string) {
	a.ws.mu.Lock()
	defer a.ws.mu.Unlock()
	a.scopes = scopes
}

// gate is a listener that can be shut and opened again on the same port.
type gate struct {
	net.Listener
	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
}

func newGate(ln net.Listener) *gate { return &gate{Listener: ln, conns: map[net.Conn]struct{}{}} }

// Accept hands out connections, except that those made while the gate is shut are reset.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		if g.down {
			g.mu.Unlock()
			reset(c)
			continue
		}
		gc := &gatedConn{Conn: c, gate: g}
		g.conns[gc] = struct{}{}
		g.mu.Unlock()
		return gc, nil
	}
}

func (g *gate) shut(down bool) {
	g.mu.Lock()
	g.down = down
	g.mu.Unlock()
	if down {
		g.closeAll()
	}
}

func (g *gate) closeAll() {
	g.mu.Lock()
	open := make([]net.Conn, 0, len(g.conns))
	for c := range g.conns {
		open = append(open, c)
	}
	g.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c *gatedConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// Down makes Slack unreachable, or reachable again: every connection is cut, sockets included, and new ones are reset.
func (w *Workspace) Down(down bool) {
	w.mu.Lock()
	g := w.gate
	w.mu.Unlock()
	if g != nil {
		g.shut(down)
	}
	if down {
		w.sockets.closeAll()
	}
}
