package slackfake

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxSockets is how many Socket Mode connections an app may have.
const maxSockets = 10

// sockets are the open Socket Mode connections of the app.
type sockets struct {
	mu       sync.Mutex
	conns    []*socket
	turn     int
	gap      bool
	byTicket map[string]bool
	waiting  map[string][]chan []byte // acknowledgements awaited, by envelope ID
	acked    []string
	count    int
}

// socket is one connection.
type socket struct {
	n        int
	conn     *websocket.Conn
	write    sync.Mutex
	gone     chan struct{}
	draining bool // was told to go; gets nothing more
}

// openConnection is apps.connections.open: it gives a URL that can be dialled once.
func openConnection(w *Workspace, _ *request) (reply, error) {
	ticket := randomHex(16)
	w.sockets.mu.Lock()
	w.sockets.byTicket[ticket] = true
	w.sockets.mu.Unlock()
	return reply{"url": "ws" + w.url[len("http"):] + "/link/?ticket=" + ticket + "&app_id=" + w.App.ID}, nil
}

// serveSocket upgrades a connection, greets and reads acknowledgements until it ends.
func (w *Workspace) serveSocket(rw http.ResponseWriter, req *http.Request) {
	s := &w.sockets
	ticket := req.URL.Query().Get("ticket")
	s.mu.Lock()
	valid := s.byTicket[ticket] && !s.gap
	delete(s.byTicket, ticket)
	s.mu.Unlock()
	if !valid {
		http.Error(rw, "invalid ticket", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(rw, req, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	c := &socket{conn: conn, gone: make(chan struct{})}
	s.mu.Lock()
	s.count++
	c.n = s.count
	tooMany := len(s.conns) >= maxSockets
	if w.done.Err() != nil || s.gap {
		s.mu.Unlock()
		return
	}
	if !tooMany {
		s.conns = append(s.conns, c)
	}
	open := len(s.conns)
	s.mu.Unlock()
	defer s.remove(w, c)
	if tooMany {
		_ = c.send(map[string]any{"type": "disconnect", "reason": "too_many_websockets", "debug_info": debugInfo(c.n)})
		return
	}
	if err := c.send(map[string]any{
		"type": "hello", "num_connections": open, "connection_info": map[string]any{"app_id": w.App.ID}, "debug_info": debugInfo(c.n),
	}); err != nil {
		return
	}
	w.touch()
	w.mu.Lock()
	if w.done.Err() == nil {
		w.wg.Go(func() { w.ping(c) })
	}
	w.mu.Unlock()
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		w.acknowledge(data)
	}
}

func debugInfo(n int) map[string]any {
	return map[string]any{"host": fmt.Sprintf("applink-%d", n), "build_number": 1, "approximate_connection_time": 18060}
}

func (s *sockets) remove(w *Workspace, c *socket) {
	s.mu.Lock()
	s.conns = slices.DeleteFunc(s.conns, func(o *socket) bool { return o == c })
	s.mu.Unlock()
	close(c.gone)
	w.touch()
}

// closeAll cuts every connection.
func (s *sockets) closeAll() {
	s.mu.Lock()
	open := slices.Clone(s.conns)
	s.mu.Unlock()
	for _, c := range open {
		c.conn.Close()
	}
}

func (c *socket) send(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.sendBytes(data)
}

func (c *socket) sendBytes(data []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	return c.conn.WriteMessage(websocket.TextMessage, data)
}

// ping pings at once and then regularly.
func (w *Workspace) ping(c *socket) {
	t := time.NewTicker(w.opt.PingInterval)
	defer t.Stop()
	for {
		text := fmt.Sprintf("Ping from applink-%d", c.n)
		if err := c.conn.WriteControl(websocket.PingMessage, []byte(text), time.Now().Add(5*time.Second)); err != nil {
			return
		}
		select {
		case <-t.C:
		case <-c.gone:
			return
		}
	}
}

// acknowledge hands an answer of the app to who waits for it. Answers of 20 KB or more are dropped without a word.
func (w *Workspace) acknowledge(data []byte) {
	if len(data) >= maxSocketAckBytes {
		return
	}
	var ack struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(data, &ack) != nil || ack.EnvelopeID == "" {
		return
	}
	w.sockets.mu.Lock()
	w.sockets.acked = append(w.sockets.acked, ack.EnvelopeID)
	for _, wait := range w.sockets.waiting[ack.EnvelopeID] {
		wait <- ack.Payload // has room for one, and nobody else sends
	}
	delete(w.sockets.waiting, ack.EnvelopeID)
	w.sockets.mu.Unlock()
	w.touch()
}

// Acks lists the envelope IDs that the app has acknowledged by socket, in order, repeats included.
func (w *Workspace) Acks() []string {
	w.sockets.mu.Lock()
	defer w.sockets.mu.Unlock()
	return slices.Clone(w.sockets.acked)
}

// Sockets is the number of Socket Mode connections that take envelopes now.
func (s *State) Sockets() int {
	k := &s.ws.sockets
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, c := range k.conns {
		if !c.draining {
			n++
		}
	}
	return n
}

// Disconnect tells every connection to go, as Slack does every few hours. The reason is "warning" (it goes on to work),
// "refresh_requested" or "link_disabled"; after the latter two a connection gets nothing more.
func (w *Workspace) Disconnect(reason string) {
	w.sockets.mu.Lock()
	open := slices.Clone(w.sockets.conns)
	if reason != "warning" {
		for _, c := range open {
			c.draining = true
		}
	}
	w.sockets.mu.Unlock()
	for _, c := range open {
		_ = c.send(map[string]any{"type": "disconnect", "reason": reason, "debug_info": debugInfo(c.n)})
	}
	w.touch()
}

// SocketGap cuts all sockets and refuses new ones until it is called with false. The Web API stays reachable.
func (w *Workspace) SocketGap(on bool) {
	w.sockets.mu.Lock()
	w.sockets.gap = on
	w.sockets.mu.Unlock()
	if on {
		w.sockets.closeAll()
	}
}

// pick gives the next connection in turn, nil when there is none.
func (s *sockets) pick() *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.conns {
		c := s.conns[s.turn%len(s.conns)]
		s.turn++
		if !c.draining {
			return c
		}
	}
	return nil
}

// sendSocket wraps the payload into an envelope and sends it.
func (w *Workspace) sendSocket(d *Delivery, retry int, reason string) {
	kind := "interactive"
	switch d.Kind {
	case "command":
		kind = "slash_commands"
	case "event":
		kind = "events_api"
	}
	envelope := map[string]any{
		"envelope_id": d.EnvelopeID, "payload": d.payload, "type": kind, "accepts_response_payload": d.accepts,
	}
	if kind == "events_api" {
		envelope["retry_attempt"], envelope["retry_reason"] = retry, reason
	}
	data, err := json.Marshal(envelope)
	if err != nil {
		d.Err = err
		return
	}
	d.Body = data
	w.sendEnvelope(d, data)
}

// sendEnvelope sends an envelope to one connection and waits for its acknowledgement.
func (w *Workspace) sendEnvelope(d *Delivery, data []byte) {
	d.Err, d.Status, d.Ack = nil, 0, nil
	c := w.sockets.pick()
	if c == nil {
		d.Err = fmt.Errorf("%w: the app has no Socket Mode connection open", ErrDispatchFailed)
		return
	}
	answer := make(chan []byte, 1)
	s := &w.sockets
	s.mu.Lock()
	s.waiting[d.EnvelopeID] = append(s.waiting[d.EnvelopeID], answer)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		rest := slices.DeleteFunc(s.waiting[d.EnvelopeID], func(c chan []byte) bool { return c == answer })
		if s.waiting[d.EnvelopeID] = rest; len(rest) == 0 {
			delete(s.waiting, d.EnvelopeID)
		}
		s.mu.Unlock()
	}()
	if err := c.sendBytes(data); err != nil {
		d.Err = fmt.Errorf("%w: %w", ErrDispatchFailed, err)
		return
	}
	t := time.NewTimer(w.opt.AckTimeout)
	defer t.Stop()
	select {
	case payload := <-answer:
		d.Status, d.Ack = http.StatusOK, payload
		d.ackType = "application/json"
	case <-t.C:
		d.Err = fmt.Errorf("%w: no acknowledgement within %s", ErrOperationTimeout, w.opt.AckTimeout)
	case <-c.gone:
		d.Err = fmt.Errorf("%w: the connection ended before the acknowledgement", ErrOperationTimeout)
	case <-w.done.Done():
		d.Err = ErrClosed
	}
}

func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
