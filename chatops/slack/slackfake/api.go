package slackfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// reply is the body of an answer, without "ok".
type reply map[string]any

// apiError is an answer with ok:false.
type apiError struct {
	code  string
	extra reply
}

func (e *apiError) Error() string { return e.code }

func fail(code string) error { return &apiError{code: code} }

func failWith(code string, extra reply) error { return &apiError{code: code, extra: extra} }

// invalid is the answer to blocks or views that break a limit.
func invalid(code string, problems []Problem) error {
	var messages []string
	for _, p := range problems {
		messages = append(messages, p.String())
	}
	return failWith(code, reply{"errors": messages, "response_metadata": reply{"messages": messages}})
}

// method is one method of the Web API. run is called with the workspace locked.
type method struct {
	name string
	tier int // calls a minute: 1, 20, 50, 100; 0 is special, limited by channel
	app  bool
	// scopes are alternatives, any one of which is enough; empty means none is needed. Methods whose scope depends on
	// the channel check it themselves.
	scopes []string
	run    func(*Workspace, *request) (reply, error)
}

const (
	tier1 = 1
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

// methods is the Web API that the fake knows.
func methods() map[string]method {
	out := map[string]method{}
	for _, group := range [][]method{
		authMethods(), userMethods(), groupMethods(), conversationMethods(), memberMethods(), historyMethods(),
		chatMethods(), pinMethods(), viewMethods(), fileMethods(),
	} {
		for _, m := range group {
			out[m.name] = m
		}
	}
	return out
}

// Methods lists the names of the Web API methods that the fake answers, sorted.
func Methods() []string { return slices.Sorted(maps.Keys(methods())) }

// request is one call: its arguments, whether they came as a form or as JSON.
type request struct {
	method string
	token  string
	args   map[string]any // string for a form, any JSON for a JSON body
	scopes []string       // granted to the token used
}

func (r *request) has(name string) bool { _, ok := r.args[name]; return ok }

func (r *request) str(name string) string {
	switch v := r.args[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case bool, json.Number:
		return fmt.Sprint(v)
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

func (r *request) bool(name string) bool {
	s := r.str(name)
	return s == "true" || s == "1"
}

// json gives an argument that is itself JSON: a value of a JSON body, or text of a form.
func (r *request) json(name string) ([]byte, bool) {
	switch v := r.args[name].(type) {
	case nil:
		return nil, false
	case string:
		return []byte(v), v != ""
	default:
		b, _ := json.Marshal(v)
		return b, true
	}
}

func (r *request) list(name string) []string {
	switch v := r.args[name].(type) {
	case []any:
		var out []string
		for _, item := range v {
			out = append(out, fmt.Sprint(item))
		}
		return out
	}
	var out []string
	for _, s := range strings.Split(r.str(name), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// need checks that one of the scopes was granted.
func (r *request) need(anyOf ...string) error {
	for _, s := range anyOf {
		if slices.Contains(r.scopes, s) {
			return nil
		}
	}
	if len(anyOf) == 0 {
		return nil
	}
	return failWith("missing_scope", reply{"needed": strings.Join(anyOf, ","), "provided": strings.Join(r.scopes, ",")})
}

// recorded gives the arguments as text, without the token.
func (r *request) recorded() map[string]string {
	out := map[string]string{}
	for name := range r.args {
		if name != "token" {
			out[name] = r.str(name)
		}
	}
	return out
}

const maxRequestBody = 8 << 20

func (w *Workspace) handler() http.Handler {
	mux := http.NewServeMux()
	known := methods()
	mux.HandleFunc("/api/{method}", func(rw http.ResponseWriter, req *http.Request) { w.serveAPI(rw, req, known) })
	mux.HandleFunc("POST /commands/{team}/{id}/{secret}", w.serveHook)
	mux.HandleFunc("POST /actions/{team}/{id}/{secret}", w.serveHook)
	mux.HandleFunc("POST /upload/v1/{id}", w.serveUpload)
	mux.HandleFunc("GET /files-pri/{team}/{id}/{name}", w.serveFile)
	mux.HandleFunc("GET /link/", w.serveSocket)
	return mux
}

// serveAPI answers one call of the Web API.
func (w *Workspace) serveAPI(rw http.ResponseWriter, req *http.Request, known map[string]method) {
	r := &request{method: req.PathValue("method")}
	parseErr := r.read(req)
	fault, proceed := w.faults.meet(req.Context(), w.done, r.method, w.touch)
	if !proceed {
		drop(rw)
		return
	}
	call := &Call{Method: r.method, Args: r.recorded(), At: w.now(), Status: http.StatusOK}
	answer := answer{status: http.StatusOK, header: http.Header{}}

	w.mu.Lock()
	if fault == nil || fault.After {
		body, err := reply(nil), parseErr
		if err == nil {
			body, err = w.run(r, call, known, answer.header)
		}
		call.Effect = err == nil
		answer.body(body, err)
	}
	if fault != nil {
		answer.spoil(*fault)
	}
	call.Status, call.OK, call.Error = answer.status, answer.ok, answer.errorCode
	w.record(call)
	w.mu.Unlock()

	w.flush()
	answer.write(rw)
}

// record keeps a call. The lock is held.
func (w *Workspace) record(c *Call) {
	c.N = len(w.calls) + 1
	w.calls = append(w.calls, c)
	w.changedLocked()
}

// run checks the token, the limits and the scope, and calls the method. The lock is held.
func (w *Workspace) run(r *request, call *Call, known map[string]method, header http.Header) (reply, error) {
	m, ok := known[r.method]
	if !ok {
		return nil, failWith("unknown_method", reply{"req_method": r.method})
	}
	switch r.token {
	case "":
		call.Token = "none"
		return nil, fail("not_authed")
	case w.App.BotToken:
		call.Token, r.scopes = "bot", w.App.scopes
	case w.App.AppToken:
		call.Token, r.scopes = "app", w.App.app
	default:
		call.Token = "wrong"
		return nil, fail("invalid_auth")
	}
	if m.app != (call.Token == "app") {
		return nil, fail("not_allowed_token_type")
	}
	if err := w.limiter.take(w.now(), m, r); err != nil {
		return nil, err
	}
	header.Set("X-OAuth-Scopes", strings.Join(r.scopes, ","))
	header.Set("X-Accepted-OAuth-Scopes", strings.Join(m.scopes, ","))
	if err := r.need(m.scopes...); err != nil {
		return nil, err
	}
	return m.run(w, r)
}

// read takes the arguments from the query, a form or a JSON body, and the token from the header or the arguments.
func (r *request) read(req *http.Request) error {
	r.args = map[string]any{}
	for k, v := range req.URL.Query() {
		r.args[k] = v[0]
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxRequestBody))
	if err != nil {
		return fail("request_timeout")
	}
	kind, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	switch {
	case len(body) == 0:
	case kind == "application/json":
		m, err := jsonArgs(body)
		if err != nil {
			return err
		}
		maps.Copy(r.args, m)
	default:
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return fail("invalid_form_data")
		}
		for k, v := range form {
			r.args[k] = v[0]
		}
	}
	r.token = r.str("token")
	if bearer, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer "); ok {
		r.token = bearer
	}
	return nil
}

func jsonArgs(src []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fail("invalid_json")
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fail("json_not_object")
	}
	return m, nil
}

// answer is what goes back to the app.
type answer struct {
	status    int
	header    http.Header
	data      []byte
	ok        bool
	errorCode string
	dropped   bool
}

func (a *answer) body(body reply, err error) {
	if body == nil {
		body = reply{}
	}
	if err != nil {
		e, known := err.(*apiError)
		if !known {
			e = &apiError{code: "internal_error"}
		}
		if rl, limited := e.extra["rate_limited"].(Fault); limited {
			a.spoil(rl)
			return
		}
		body = reply{"ok": false, "error": e.code}
		maps.Copy(body, e.extra)
		a.errorCode = e.code
	} else {
		body["ok"] = true
		a.ok = true
	}
	a.data, _ = json.Marshal(body)
	a.header.Set("Content-Type", "application/json; charset=utf-8")
}

// spoil replaces the answer by what the fault says.
func (a *answer) spoil(f Fault) {
	a.ok = false
	switch {
	case f.Drop:
		a.dropped, a.status, a.errorCode = true, 0, "connection dropped"
	case f.Status != 0 && f.Status != http.StatusOK:
		a.status, a.errorCode = f.Status, f.Error
		if a.errorCode == "" {
			a.errorCode = http.StatusText(f.Status)
		}
		a.header.Set("Content-Type", "text/html; charset=utf-8")
		a.data = []byte("<html><body>" + http.StatusText(f.Status) + "</body></html>")
		if f.Error != "" {
			a.header.Set("Content-Type", "application/json; charset=utf-8")
			a.data, _ = json.Marshal(reply{"ok": false, "error": f.Error})
		}
		if f.RetryAfter > 0 {
			a.header.Set("Retry-After", fmt.Sprint(f.RetryAfter))
		}
	default:
		a.errorCode = f.Error
		a.header.Set("Content-Type", "application/json; charset=utf-8")
		a.data, _ = json.Marshal(reply{"ok": false, "error": f.Error})
	}
}

func (a *answer) write(rw http.ResponseWriter) {
	if a.dropped {
		drop(rw)
		return
	}
	maps.Copy(rw.Header(), a.header)
	rw.WriteHeader(a.status)
	_, _ = rw.Write(a.data)
}

// drop ends the connection without an answer.
func drop(rw http.ResponseWriter) {
	if h, ok := rw.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			conn.Close()
		}
	}
}

func authMethods() []method {
	return []method{
		{name: "auth.test", tier: tier4, run: authTest},
		{name: "team.info", tier: tier3, scopes: []string{"team:read"}, run: teamInfo},
		{name: "apps.connections.open", tier: tier1, app: true, scopes: []string{"connections:write"}, run: openConnection},
	}
}

func authTest(w *Workspace, _ *request) (reply, error) {
	return reply{
		"url": "https://" + w.opt.TeamDomain + ".slack.com/", "team": w.opt.TeamName, "team_id": w.opt.TeamID,
		"user": w.App.BotName, "user_id": w.App.BotUserID, "bot_id": w.App.BotID, "is_enterprise_install": false,
	}, nil
}

func teamInfo(w *Workspace, r *request) (reply, error) {
	if t := r.str("team"); t != "" && t != w.opt.TeamID {
		return nil, fail("team_not_found")
	}
	return reply{"team": reply{
		"id": w.opt.TeamID, "name": w.opt.TeamName, "domain": w.opt.TeamDomain, "email_domain": "", "icon": reply{"image_default": true},
	}}, nil
}
