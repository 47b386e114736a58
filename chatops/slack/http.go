package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"

	"github.com/firebreak-ir/firebreak/engine"
)

// The paths of [Adapter.Handler].
const (
	CommandsPath     = "/slack/commands"
	InteractionsPath = "/slack/interactions"
	EventsPath       = "/slack/events"
)

const (
	maxBody  = 1 << 20
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// Handler serves what Slack sends by HTTP. A request is believed only when
// Slack signed it within the last five minutes, and is taken once. The answer
// is written before anything is done about the request.
func (a *Adapter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(CommandsPath, a.signed(formType, a.httpCommand))
	mux.Handle(InteractionsPath, a.signed(formType, a.httpInteraction))
	mux.Handle(EventsPath, a.signed(jsonType, a.httpEvent))
	return mux
}

// signed lets only requests through that come from Slack, with their raw body.
func (a *Adapter) signed(contentType string, serve func(http.ResponseWriter, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// The order matters: what costs least to see comes first, and nothing is parsed before the signature is checked.
		switch {
		case req.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "only POST", http.StatusMethodNotAllowed)
			return
		case req.URL.RawQuery != "" || req.URL.ForceQuery:
			a.refuseHTTP(w, req, http.StatusBadRequest, "it has a query string, which Slack never sends")
			return
		case req.ContentLength > maxBody:
			a.refuseHTTP(w, req, http.StatusRequestEntityTooLarge, "its body is larger than 1 MiB")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
		if err != nil {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				a.refuseHTTP(w, req, http.StatusRequestEntityTooLarge, "its body is larger than 1 MiB")
			}
			return
		}
		problem := checkSignature(a.opt.SigningSecret, req.Header.Get("X-Slack-Request-Timestamp"), req.Header.Get("X-Slack-Signature"), body, a.now())
		if problem != "" {
			a.refuseHTTP(w, req, http.StatusUnauthorized, problem)
			return
		}
		if kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || kind != contentType {
			a.refuseHTTP(w, req, http.StatusUnsupportedMediaType, "its content type is not "+contentType)
			return
		}
		serve(w, body)
	})
}

// refuseHTTP answers and records a request that cannot be believed. The
// caller learns no more than the kind of answer.
func (a *Adapter) refuseHTTP(w http.ResponseWriter, req *http.Request, status int, problem string) {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		host = req.RemoteAddr
	}
	a.refused.add(engine.Request{
		Actor: engine.Actor{Type: engine.Stranger, Via: "http:" + clip(host)}, Verb: verbRequest,
	}, engine.Refuse(engine.NotKnown, "a request to %s from %s was refused: %s", req.URL.Path, clip(host), problem))
	http.Error(w, http.StatusText(status), status)
}

func (a *Adapter) httpCommand(w http.ResponseWriter, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, "not a form", http.StatusBadRequest)
		return
	}
	r, err := parseCommand(form)
	a.take(w, r, err, body)
}

func (a *Adapter) httpInteraction(w http.ResponseWriter, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["payload"]) != 1 {
		http.Error(w, "not one payload", http.StatusBadRequest)
		return
	}
	payload := []byte(form.Get("payload"))
	r, err := parseInteraction(payload)
	a.take(w, r, err, payload)
}

// take gives a parsed request to the lanes and answers.
func (a *Adapter) take(w http.ResponseWriter, r *request, err error, payload []byte) {
	switch {
	case isIgnored(err):
		w.WriteHeader(http.StatusOK)
		return
	case err != nil:
		http.Error(w, "the payload could not be read", http.StatusBadRequest)
		return
	}
	if _, _, ok := a.bound(); !ok {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	r.way = "http"
	r.identify(payload)
	ack := a.receive(r)
	defer close(r.acked)
	switch {
	case ack.status != 0:
		http.Error(w, ack.reason, ack.status)
	case ack.body != nil:
		writeJSON(w, ack.body)
	default:
		w.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(w).Flush() // the work begins after this
}

func writeJSON(w http.ResponseWriter, v any) {
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(v); err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(buf.Bytes())
}

// httpEvent answers the check of the address; no event is listened to, and
// all of them are thanked for, because Slack switches off who does not.
func (a *Adapter) httpEvent(w http.ResponseWriter, body []byte) {
	var event struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	if event.Type == "url_verification" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, event.Challenge)
		return
	}
	w.WriteHeader(http.StatusOK)
}
