package slackfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

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
