package slackfake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What a person's action can end in. They are wrapped; test with errors.Is.
var (
	// ErrOperationTimeout: the app did not answer in time. The person sees operation_timeout.
	ErrOperationTimeout = errors.New("operation_timeout")
	// ErrDispatchFailed: Slack could not reach the app, or it answered with an HTTP error.
	ErrDispatchFailed = errors.New("dispatch_failed")
	// ErrNotThere: there is nothing to press: no such message, button or open modal for this person.
	ErrNotThere = errors.New("not there")
	// ErrNotAllowed: Slack's client does not let this person do it: not in the channel, an archived channel, a deleted user.
	ErrNotAllowed = errors.New("not allowed by Slack")
	// ErrRefused: the app answered a submission with errors; the modal stays open and shows them.
	ErrRefused = errors.New("submission refused")
	// ErrBadAck: the app's answer is nothing that Slack understands. The person sees a general failure.
	ErrBadAck = errors.New("bad acknowledgement")
	// ErrClosed: the workspace was closed.
	ErrClosed = errors.New("workspace closed")
)

// Delivery is one request that Slack sent to the app, with the answer. Its fields do not change any more once the
// driver has returned it; Attempts grows while an event is repeated.
type Delivery struct {
	N int // its number, for Replay; 0 when nothing was sent
	// Kind is command, block_actions, view_submission, view_closed, message_action, shortcut, event, forged or replay.
	Kind string
	Via  string // http or socket
	User string // ID of who caused it

	URL    string // by HTTP: where it went
	Header http.Header
	Body   []byte // exactly what was sent: a form or JSON; by socket the envelope

	EnvelopeID  string // by socket
	EventID     string // of an event
	TriggerID   string
	ResponseURL string

	Status int    // HTTP status of the answer; by socket 200 once acknowledged
	Ack    []byte // body of the answer, or payload of the acknowledgement
	Took   time.Duration
	// Err is nil when the app acknowledged in time and nothing was wrong with the answer.
	Err error

	payload  json.RawMessage // the object inside
	accepts  bool            // a payload in the acknowledgement is read
	ackType  string          // content type of the answer
	attempts []Attempt
	finished bool // under the workspace's lock
	ws       *Workspace
}

// Attempt is one sending of a delivery.
type Attempt struct {
	Retry  int // 0 for the first
	Reason string
	Status int
	Err    error
}

// Attempts lists the sendings so far.
func (d *Delivery) Attempts() []Attempt {
	d.ws.mu.Lock()
	defer d.ws.mu.Unlock()
	return append([]Attempt(nil), d.attempts...)
}

// Payload is the JSON object that the delivery carries: the command's fields, the interaction or the event callback.
func (d *Delivery) Payload() json.RawMessage { return d.payload }

// register numbers a delivery and chooses its way. endpoint is where it goes by HTTP.
func (w *Workspace) register(d *Delivery, endpoint string) {
	d.ws, d.URL = w, endpoint
	d.Via = "http"
	if w.opt.SocketMode || w.App.commands == "" && w.App.interactivity == "" && w.App.events == "" {
		d.Via, d.URL, d.EnvelopeID = "socket", "", uuid()
	}
	d.N = len(w.deliveries) + 1
	w.deliveries = append(w.deliveries, d)
	w.changedLocked()
}

// dispatch sends a registered delivery and waits for the answer, which it leaves in d.
func (w *Workspace) dispatch(d *Delivery) {
	leave := w.delivery.enter(w.done.Done(), w.touch)
	defer leave()
	var twin sync.WaitGroup
	if w.delivery.takeDuplicate() {
		copied := *d
		twin.Go(func() { w.attempt(&copied, 0, "") })
		defer func() {
			twin.Wait()
			w.mu.Lock()
			d.attempts = append(d.attempts, copied.attempts...)
			w.mu.Unlock()
		}()
	}
	w.attempt(d, 0, "")
	w.finish(d)
}

// attempt sends once.
func (w *Workspace) attempt(d *Delivery, retry int, reason string) {
	start := time.Now()
	if d.Via == "socket" {
		w.sendSocket(d, retry, reason)
	} else {
		w.sendHTTP(d, retry, reason)
	}
	if d.Err == nil && w.delivery.takeDropAck() {
		d.Err, d.Status, d.Ack = fmt.Errorf("%w: the acknowledgement was lost", ErrOperationTimeout), 0, nil
	}
	w.mu.Lock()
	d.Took = time.Since(start)
	d.attempts = append(d.attempts, Attempt{Retry: retry, Reason: reason, Status: d.Status, Err: d.Err})
	w.changedLocked()
	w.mu.Unlock()
}

// sendHTTP posts the body, signed.
func (w *Workspace) sendHTTP(d *Delivery, retry int, reason string) {
	if d.URL == "" {
		d.Err = fmt.Errorf("%w: the app has set no URL for a %s", ErrDispatchFailed, d.Kind)
		return
	}
	header := w.sign(d, w.App.SigningSecret, w.now())
	if retry > 0 {
		header.Set("X-Slack-Retry-Num", fmt.Sprint(retry))
		header.Set("X-Slack-Retry-Reason", reason)
	}
	d.Header = header
	w.exchangeHTTP(d, d.URL, header, d.Body)
}

// exchangeHTTP makes the request and reads the answer.
func (w *Workspace) exchangeHTTP(d *Delivery, to string, header http.Header, body []byte) {
	ctx, cancel := context.WithTimeout(w.done, w.opt.AckTimeout)
	defer cancel()
	d.Err, d.Status, d.Ack = nil, 0, nil
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		d.Err = fmt.Errorf("%w: %w", ErrDispatchFailed, err)
		return
	}
	req.Header = header.Clone()
	res, err := w.client.Do(req)
	if err != nil {
		d.Err = w.sendError(ctx, err)
		return
	}
	defer res.Body.Close()
	ack, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	d.Status, d.ackType = res.StatusCode, res.Header.Get("Content-Type")
	if err != nil {
		d.Err = w.sendError(ctx, err)
		return
	}
	d.Ack = ack
	if res.StatusCode < 200 || res.StatusCode > 299 {
		d.Err = fmt.Errorf("%w: the app answered %s", ErrDispatchFailed, res.Status)
	}
}

func (w *Workspace) sendError(ctx context.Context, err error) error {
	switch {
	case w.done.Err() != nil:
		return ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("%w: no answer within %s", ErrOperationTimeout, w.opt.AckTimeout)
	}
	return fmt.Errorf("%w: %w", ErrDispatchFailed, err)
}

// commandBody is the form of a slash command, its fields in Slack's order.
func commandBody(fields []field) []byte {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(f.name) + "=" + url.QueryEscape(f.value))
	}
	return []byte(b.String())
}

type field struct{ name, value string }

func commandPayload(fields []field) json.RawMessage {
	m := map[string]string{}
	for _, f := range fields {
		m[f.name] = f.value
	}
	out, _ := json.Marshal(m)
	return out
}

func interactionBody(payload []byte) []byte {
	return []byte("payload=" + url.QueryEscape(string(payload)))
}

// notice shows Slack's own words to one person. The lock is held.
func (w *Workspace) notice(channel, to, text string) {
	w.whisper(channel, slackbot, to, content{text: text}, "")
}
