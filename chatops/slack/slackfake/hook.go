package slackfake

import (
	"net/http"
	"strings"
	"time"
)

// The life of a response URL, by the workspace's clock.
const (
	hookUses = 5
	hookLife = 30 * time.Minute
)

// hook is a response URL: the right to answer one command or interaction.
type hook struct {
	user, channel string
	source        *Message // the message that was clicked, nil for a command
	at            time.Time
	uses          int
}

// newHook makes a response URL. kind is commands or actions. The lock is held.
func (s *State) newHook(kind, user, channel string, source *Message) string {
	id := s.nextID("H")
	path := "/" + kind + "/" + s.ws.opt.TeamID + "/" + id + "/" + randomHex(12)
	s.hooks[path] = &hook{user: user, channel: channel, source: source, at: s.now()}
	return s.url + path
}

// serveHook answers a post to a response URL.
func (w *Workspace) serveHook(rw http.ResponseWriter, req *http.Request) {
	r := &request{method: "response_url"}
	parseErr := r.read(req)
	fault, proceed := w.faults.meet(req.Context(), w.done, "response_url", w.touch)
	if !proceed {
		drop(rw)
		return
	}
	a := answer{status: http.StatusOK, header: http.Header{}}
	call := &Call{Method: "response_url", Token: "none", Args: r.recorded(), At: w.now()}
	w.mu.Lock()
	if fault == nil || fault.After {
		err := parseErr
		if err == nil {
			err = w.useHook(req.URL.Path, r)
		}
		call.Effect = err == nil
		a.body(nil, err)
		switch a.errorCode {
		case "":
		case "used_url", "expired_url", "invalid_url":
			a.status = http.StatusNotFound
		default:
			a.status = http.StatusBadRequest
		}
	}
	if fault != nil {
		a.spoil(*fault)
	}
	call.OK, call.Error, call.Status = a.ok, a.errorCode, a.status
	w.record(call)
	w.mu.Unlock()
	w.flush()
	a.write(rw)
}

// useHook does what a post to a response URL asks for. The lock is held.
func (w *Workspace) useHook(path string, r *request) error {
	h := w.hooks[path]
	switch {
	case h == nil:
		return fail("invalid_url")
	case w.now().Sub(h.at) > hookLife:
		return fail("expired_url")
	case h.uses >= hookUses:
		return fail("used_url")
	}
	// A legacy form post carries the JSON under "payload".
	if src, ok := r.args["payload"].(string); ok && strings.HasPrefix(src, "{") {
		inner, err := jsonArgs([]byte(src))
		if err != nil {
			return fail("invalid_payload")
		}
		r.args = inner
	}
	if r.bool("delete_original") {
		if h.source == nil || h.source.Deleted {
			return fail("message_not_found")
		}
		h.uses++
		w.remove(h.source)
		return nil
	}
	body, err := w.content(r)
	if err != nil {
		return err
	}
	if body.empty() {
		return fail("no_text")
	}
	h.uses++
	if r.bool("replace_original") && h.source != nil && !h.source.Deleted {
		w.edit(h.source, body)
		return nil
	}
	w.respond(h, body, r.str("response_type"), r.str("thread_ts"))
	return nil
}

// respond shows a response to the person who asked, or to the whole channel.
func (w *Workspace) respond(h *hook, body content, responseType, thread string) {
	if responseType == "in_channel" {
		w.post(h.channel, w.App.BotUserID, body, thread, true)
		return
	}
	w.whisper(h.channel, w.App.BotUserID, h.user, body, thread)
}
