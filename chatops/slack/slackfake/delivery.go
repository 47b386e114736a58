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

// deliveryFaults are what goes wrong on the way to the app.
type deliveryFaults struct {
	mu        sync.Mutex
	dropAcks  int
	duplicate int
	reorder   *reorder
}

// reorder holds deliveries until there are n of them and lets them go, one after the other, last first.
type reorder struct {
	n     int
	turns []chan struct{} // closed when it is the turn of that delivery
}

// DropAcks loses the next n answers of the app: it has acknowledged, and the person sees a timeout at once.
func (w *Workspace) DropAcks(n int) {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	w.delivery.dropAcks = n
}

// Duplicate sends the next n deliveries twice, at the same time, byte for byte. By socket the copies go to different
// connections when there are several.
func (w *Workspace) Duplicate(n int) {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	w.delivery.duplicate = n
}

// Reorder holds the next n deliveries until all are there and then sends them in reverse order, each after the answer to
// the one before. The people who cause them must be driven from goroutines of their own, since each waits for its answer.
func (w *Workspace) Reorder(n int) {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	w.delivery.reorder = nil
	if n > 1 {
		w.delivery.reorder = &reorder{n: n}
	}
}

// enter waits for the turn of a delivery and returns what to call when its answer is there.
func (f *deliveryFaults) enter(done <-chan struct{}, touch func()) func() {
	f.mu.Lock()
	r := f.reorder
	if r == nil {
		f.mu.Unlock()
		return func() {}
	}
	i, turn := len(r.turns), make(chan struct{})
	r.turns = append(r.turns, turn)
	if len(r.turns) == r.n {
		f.reorder = nil
		close(turn)
	}
	f.mu.Unlock()
	touch()
	select {
	case <-turn:
	case <-done:
	}
	return func() {
		if i > 0 {
			close(r.turns[i-1])
		}
	}
}

func (f *deliveryFaults) takeDropAck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dropAcks == 0 {
		return false
	}
	f.dropAcks--
	return true
}

func (f *deliveryFaults) takeDuplicate() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.duplicate == 0 {
		return false
	}
	f.duplicate--
	return true
}

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

// SendEvent sends an event of the Events API, wrapped as Slack wraps it, whatever the app has subscribed to. It returns
// after the first attempt; repeats follow as Options.EventRetries says until one is acknowledged.
func (w *Workspace) SendEvent(event map[string]any) *Delivery {
	w.mu.Lock()
	ts := w.nextTS()
	if event["event_ts"] == nil {
		event["event_ts"] = ts
	}
	id := fmt.Sprintf("Ev%08d", w.next("event"))
	channel, _ := event["channel"].(string)
	shared := false
	if c := w.channel(channel); c != nil && channel != "" {
		shared = c.ExtShared
	}
	payload, err := json.Marshal(map[string]any{
		"token": "verification", "team_id": w.opt.TeamID, "context_team_id": w.opt.TeamID, "api_app_id": w.App.ID,
		"event": event, "type": "event_callback", "event_id": id, "event_time": w.now().Unix(),
		"authorizations":        []any{map[string]any{"team_id": w.opt.TeamID, "user_id": w.App.BotUserID, "is_bot": true, "enterprise_id": nil}},
		"is_ext_shared_channel": shared, "event_context": "4-" + strings.ToLower(id),
	})
	user, _ := event["user"].(string)
	d := &Delivery{Kind: "event", User: user, EventID: id, Body: payload, payload: payload, ws: w}
	if err != nil {
		d.Err = fmt.Errorf("send event: %w", err)
		w.mu.Unlock()
		return d
	}
	w.register(d, w.App.events)
	w.mu.Unlock()
	w.dispatch(d)
	if d.Err != nil && len(w.opt.EventRetries) > 0 {
		w.retryLater(d)
	}
	return d
}

// retryLater repeats an event in the background. It works on a copy, so that d stays as the caller got it.
func (w *Workspace) retryLater(d *Delivery) {
	again := *d
	w.mu.Lock()
	if w.done.Err() != nil {
		w.mu.Unlock()
		return
	}
	w.wg.Go(func() {
		for i, wait := range w.opt.EventRetries {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-w.done.Done():
				t.Stop()
				return
			}
			w.repeat(d, &again, i+1)
			if again.Err == nil {
				return
			}
		}
	})
	w.mu.Unlock()
}

// repeat sends once more and notes the attempt at the delivery that the caller holds.
func (w *Workspace) repeat(d, again *Delivery, retry int) {
	reason := "http_error"
	switch {
	case errors.Is(again.Err, ErrOperationTimeout) && d.Via == "socket":
		reason = "timeout"
	case errors.Is(again.Err, ErrOperationTimeout):
		reason = "http_timeout"
	case again.Status == 0:
		reason = "connection_failed"
	}
	again.attempts = nil
	w.attempt(again, retry, reason)
	w.mu.Lock()
	d.attempts = append(d.attempts, again.attempts...)
	w.changedLocked()
	w.mu.Unlock()
}

// Redeliver sends a recorded delivery again as Slack does for events: the same event or envelope, freshly signed, with
// the retry headers or fields. Slack does not do so for commands and clicks, but a proxy may.
func (w *Workspace) Redeliver(d *Delivery) *Delivery {
	w.mu.Lock()
	again, retry := *d, max(1, len(d.attempts))
	w.mu.Unlock()
	if d.N == 0 {
		again.Err = fmt.Errorf("redeliver: %w: it was never sent", ErrNotThere)
		return &again
	}
	w.repeat(d, &again, retry)
	return &again
}

// VerifyEventsURL sends the url_verification challenge to the events URL, as Slack does when the URL is set. The error
// says what was wrong with the answer.
func (w *Workspace) VerifyEventsURL() error {
	challenge := randomHex(16)
	body, _ := json.Marshal(map[string]string{"token": "verification", "type": "url_verification", "challenge": challenge})
	d := &Delivery{Kind: "event", Body: body, payload: body, ws: w}
	w.mu.Lock()
	w.register(d, w.App.events)
	w.mu.Unlock()
	w.dispatch(d)
	if d.Err != nil {
		return fmt.Errorf("verify the events URL: %w", d.Err)
	}
	var answer struct{ Challenge string }
	if _ = json.Unmarshal(d.Ack, &answer); answer.Challenge != challenge && string(bytes.TrimSpace(d.Ack)) != challenge {
		return fmt.Errorf("verify the events URL: the answer %.60q does not hold the challenge", d.Ack)
	}
	return nil
}

// emit sends an event if the app has subscribed to its type.
func (w *Workspace) emit(event map[string]any) *Delivery {
	for _, want := range w.opt.Events {
		if want == event["type"] {
			return w.SendEvent(event)
		}
	}
	return nil
}

// Held is the number of deliveries that Reorder holds now.
func (w *Workspace) Held() int {
	w.delivery.mu.Lock()
	defer w.delivery.mu.Unlock()
	if w.delivery.reorder == nil {
		return 0
	}
	return len(w.delivery.reorder.turns)
}
