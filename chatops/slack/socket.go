package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// sockets counts the Socket Mode connections on which Slack said hello.
type sockets struct{ open atomic.Int32 }

// Sockets says how many Socket Mode connections are up.
func (a *Adapter) Sockets() int { return int(a.sockets.open.Load()) }

const (
	maxAck        = 20 * 1024 // Slack drops what is not smaller, and says nothing
	pingEvery     = 20 * time.Second
	socketSilence = 75 * time.Second // without a word, a ping or a pong the connection is dead
	handover      = 10 * time.Second // an old connection is still listened to while its successor comes up
)

// listen keeps the Socket Mode connections up until ctx ends. Each is replaced
// on its own, so that one is there while Slack refreshes another. The error
// says that Slack does not accept the app token.
func (a *Adapter) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range a.opt.Sockets {
		wg.Go(func() {
			if err := a.keepSocket(ctx); err != nil {
				cancel(fmt.Errorf("slack does not accept the app token: %w", err))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// keepSocket keeps one connection up. It returns nil when ctx ends.
func (a *Adapter) keepSocket(ctx context.Context) error {
	var old sync.WaitGroup
	defer old.Wait()
	pause := firstPause
	for ctx.Err() == nil {
		s, err := a.connect(ctx)
		if err == nil {
			old.Go(func() { s.read() })
			select {
			case <-s.leave:
			case <-ctx.Done():
			}
			if s.greeted.Load() {
				pause = firstPause
				continue
			}
			err = &Fault{Method: "socket", Code: "closed before hello", Class: FaultDown}
		}
		if ctx.Err() != nil {
			return nil
		}
		if fatal(err) {
			return err
		}
		a.log.Warn("a connection to Slack did not come up, it is tried again", "err", err, "in", pause)
		wait := pause
		if f, ok := errors.AsType[*Fault](err); ok {
			wait = max(wait, f.RetryAfter)
		}
		a.out.pause(ctx, wait, nil)
		pause = min(2*pause, longPause)
	}
	return nil
}

// fatal says that no later call will get another answer. An odd HTTP status is
// not fatal: a proxy on the way may have given it.
func fatal(err error) bool {
	f, ok := errors.AsType[*Fault](err)
	return ok && (f.Class == FaultAuth || f.Class == FaultRefused && (f.Code == "http 404" || !strings.HasPrefix(f.Code, "http ")))
}

// connect asks for an address and dials it. The address is a secret.
func (a *Adapter) connect(ctx context.Context) (*socket, error) {
	address, err := a.api.openSocket(ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "wss" && u.Host != a.api.host {
		return nil, &Fault{Method: "apps.connections.open", Code: "gave an address that is not safe to call", Class: FaultDown}
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: callLimit, WriteBufferSize: 2 * maxAck}
	conn, resp, err := dialer.DialContext(ctx, address, nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, &Fault{Method: "socket", Code: "network", Detail: detail(err), Class: FaultDown}
	}
	conn.SetReadLimit(maxBody)
	return &socket{a: a, ctx: ctx, conn: conn, leave: make(chan struct{})}, nil
}

// socket is one connection.
type socket struct {
	a       *Adapter
	ctx     context.Context // its end closes the connection
	conn    *websocket.Conn
	write   sync.Mutex
	leave   chan struct{} // closed when a successor is wanted
	left    sync.Once
	greeted atomic.Bool
}

// envelope is what Slack sends through a socket.
type envelope struct {
	Type     string          `json:"type"`
	ID       string          `json:"envelope_id"`
	Payload  json.RawMessage `json:"payload"`
	Reason   string          `json:"reason"` // of a disconnect
	Attempts int             `json:"retry_attempt"`
}

// read takes what comes until the connection ends.
func (s *socket) read() {
	ctx, cancel := context.WithCancel(s.ctx)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	var pings sync.WaitGroup
	defer func() {
		s.retire()
		cancel()
		stop()
		_ = s.conn.Close()
		pings.Wait()
		if s.greeted.Load() {
			s.a.sockets.open.Add(-1)
		}
	}()
	pings.Go(func() { s.ping(ctx) })
	s.alive()
	s.conn.SetPongHandler(func(string) error { s.alive(); return nil })
	s.conn.SetPingHandler(func(data string) error {
		s.alive()
		s.write.Lock()
		defer s.write.Unlock()
		err := s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(callLimit))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	for {
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			if s.ctx.Err() == nil {
				s.a.log.Debug("a connection to Slack ended", "err", detail(err))
			}
			return
		}
		s.alive()
		var e envelope
		if err := json.Unmarshal(data, &e); err != nil {
			s.a.log.Warn("Slack sent something that is not JSON through a socket")
			continue
		}
		if !s.take(e, cancel) {
			return
		}
	}
}

func (s *socket) alive() { _ = s.conn.SetReadDeadline(time.Now().Add(socketSilence)) }

func (s *socket) retire() { s.left.Do(func() { close(s.leave) }) }

func (s *socket) ping(ctx context.Context) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.write.Lock()
			err := s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(callLimit))
			s.write.Unlock()
			if err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// take handles one envelope; false ends the connection.
func (s *socket) take(e envelope, end func()) bool {
	switch e.Type {
	case "hello":
		if s.greeted.CompareAndSwap(false, true) {
			s.a.sockets.open.Add(1)
		}
		return true
	case "disconnect":
		// A successor is dialled at once; what Slack still sends here meanwhile is taken.
		s.a.log.Debug("Slack asks for another connection", "reason", clip(e.Reason))
		s.retire()
		time.AfterFunc(handover, end)
		return true
	case "slash_commands", "interactive":
		return s.request(e)
	}
	return s.ack(e.ID, nil) // an event, or something newer than we are
}

// request parses, acknowledges, and lets the work begin.
func (s *socket) request(e envelope) bool {
	parse := parseInteraction
	if e.Type == "slash_commands" {
		parse = parseSocketCommand
	}
	r, err := parse(e.Payload)
	if err != nil {
		if !isIgnored(err) {
			s.a.log.Warn("a request through a socket could not be read", "type", e.Type)
		}
		return s.ack(e.ID, nil)
	}
	r.way = "socket"
	r.identify(e.Payload)
	ack := s.a.receive(r)
	defer close(r.acked)
	if ack.silent {
		return true
	}
	return s.ack(e.ID, ack.body)
}

// ack acknowledges an envelope on the connection on which it came. An
// acknowledgement that Slack would drop for its size goes without its payload.
func (s *socket) ack(id string, payload any) bool {
	if id == "" {
		return true
	}
	body, err := json.Marshal(struct {
		ID      string `json:"envelope_id"`
		Payload any    `json:"payload,omitempty"`
	}{id, payload})
	if err != nil {
		s.a.log.Error("an acknowledgement could not be written", "err", err)
		return s.ack(id, nil)
	}
	if len(body) >= maxAck && payload != nil {
		s.a.log.Warn("an acknowledgement was too large and went without its payload", "bytes", len(body))
		return s.ack(id, nil)
	}
	s.write.Lock()
	defer s.write.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(callLimit))
	if err := s.conn.WriteMessage(websocket.TextMessage, body); err != nil {
		s.a.log.Debug("an acknowledgement did not reach Slack", "err", detail(err))
		return false
	}
	return true
}
