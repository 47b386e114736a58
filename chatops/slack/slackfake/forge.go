package slackfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sign gives the value of X-Slack-Signature for a body sent at a time, in whole seconds.
func Sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:", at.Unix())
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// sign gives the headers of a delivery.
func (w *Workspace) sign(d *Delivery, secret string, at time.Time) http.Header {
	kind := "application/x-www-form-urlencoded"
	if d.Kind == "event" {
		kind = "application/json"
	}
	return http.Header{
		"User-Agent":                {"Slackbot 1.0 (+https://api.slack.com/robots)"},
		"Accept":                    {"application/json,*/*"},
		"Content-Type":              {kind},
		"X-Slack-Request-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"X-Slack-Signature":         {Sign(secret, at, d.Body)},
	}
}

// Forgery describes a request that does not come from Slack, or not in this form. Start from a recorded delivery, from
// a body of your own, or from a fresh slash command.
type Forgery struct {
	From *Delivery // by HTTP; its body and URL are taken
	Body []byte
	// User, Channel and Text make a slash command when From and Body are empty. They need not exist.
	User, Channel, Text string

	// Edit changes the body before it is signed.
	Edit func(body []byte) []byte
	// Secret signs instead of the app's. Slack's own secret with an edited body is a thief who knows it.
	Secret string
	// Age makes the timestamp older; a negative one lies in the future.
	Age time.Duration
	// FlipByte changes one byte of the body after it was signed.
	FlipByte bool
	// Unsigned leaves both headers away.
	Unsigned bool
	// Query is put onto the URL, for those who smuggle arguments past the signature.
	Query url.Values
	// ContentType replaces the one that Slack sends.
	ContentType string
	// To replaces the URL.
	To string
}

// Forge sends a forged request by HTTP and returns what the app answered. Nothing is shown to anybody, whatever the
// answer, and Err is nil for every answer: look at Status.
func (w *Workspace) Forge(f Forgery) *Delivery {
	d := &Delivery{Kind: "forged", Via: "http", User: f.User, ws: w}
	w.mu.Lock()
	to := w.App.commands
	switch {
	case f.From != nil:
		d.Body, d.User, d.payload = slices.Clone(f.From.Body), f.From.User, f.From.payload
		to = f.From.URL
	case f.Body != nil:
		d.Body = slices.Clone(f.Body)
	default:
		command, text, _ := strings.Cut(f.Text, " ")
		fields := w.commandFields(f.User, w.names(f.User), f.Channel, w.names(f.Channel), command, text, "1.1.forged", w.url+"/commands/forged/0/0")
		d.Body, d.payload = commandBody(fields), commandPayload(fields)
	}
	if f.To != "" {
		to = f.To
	}
	d.N = len(w.deliveries) + 1
	w.deliveries = append(w.deliveries, d)
	w.mu.Unlock()

	if f.Edit != nil {
		d.Body = f.Edit(d.Body)
	}
	secret := w.App.SigningSecret
	if f.Secret != "" {
		secret = f.Secret
	}
	d.Header = w.sign(d, secret, w.now().Add(-f.Age))
	if f.From != nil {
		d.Header.Set("Content-Type", f.From.Header.Get("Content-Type"))
	}
	if f.ContentType != "" {
		d.Header.Set("Content-Type", f.ContentType)
	}
	if f.Unsigned {
		d.Header.Del("X-Slack-Signature")
		d.Header.Del("X-Slack-Request-Timestamp")
	}
	if f.FlipByte && len(d.Body) > 0 {
		d.Body = slices.Clone(d.Body)
		d.Body[len(d.Body)-1] ^= 1
	}
	d.URL = to
	if len(f.Query) > 0 {
		to += "?" + f.Query.Encode()
	}
	w.sendRaw(d, to)
	return d
}

// Replay sends a recorded delivery again, byte for byte: by HTTP the same headers, timestamp and signature included, by
// socket the same envelope. n is the N of the delivery. As with Forge, look at Status.
func (w *Workspace) Replay(n int) *Delivery {
	d := &Delivery{Kind: "replay", ws: w}
	w.mu.Lock()
	if n < 1 || n > len(w.deliveries) || !w.deliveries[n-1].finished {
		d.Err = fmt.Errorf("replay %d: %w: there are %d deliveries", n, ErrNotThere, len(w.deliveries))
		w.mu.Unlock()
		return d
	}
	old := w.deliveries[n-1]
	d.Via, d.User, d.URL, d.Body, d.Header = old.Via, old.User, old.URL, old.Body, old.Header
	d.EnvelopeID, d.EventID, d.payload, d.accepts = old.EnvelopeID, old.EventID, old.payload, old.accepts
	d.TriggerID, d.ResponseURL = old.TriggerID, old.ResponseURL
	d.N = len(w.deliveries) + 1
	w.deliveries = append(w.deliveries, d)
	w.mu.Unlock()
	if d.Via == "socket" {
		w.sendEnvelope(d, d.Body)
		w.finish(d)
		return d
	}
	w.sendRaw(d, d.URL)
	return d
}

// sendRaw posts what the delivery holds. An HTTP error is an answer, not an error.
func (w *Workspace) sendRaw(d *Delivery, to string) {
	w.exchangeHTTP(d, to, d.Header, d.Body)
	if d.Status != 0 {
		d.Err = nil
	}
	w.finish(d)
}

func (w *Workspace) finish(d *Delivery) {
	w.mu.Lock()
	d.finished = true
	w.changedLocked()
	w.mu.Unlock()
}
