package slackfake

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
)

func fileMethods() []method {
	return []method{
		{name: "files.getUploadURLExternal", tier: tier4, scopes: []string{"files:write"}, run: filesGetUploadURL},
		{name: "files.completeUploadExternal", tier: tier4, scopes: []string{"files:write"}, run: filesCompleteUpload},
	}
}

func filesGetUploadURL(w *Workspace, r *request) (reply, error) {
	length, err := strconv.Atoi(r.str("length"))
	if r.str("filename") == "" || err != nil || length <= 0 {
		return nil, fail("invalid_arguments")
	}
	f := &File{ID: w.nextID("F"), Name: r.str("filename"), User: w.App.BotUserID, Created: w.now()}
	w.files = append(w.files, f)
	return reply{"upload_url": w.url + "/upload/v1/" + f.ID, "file_id": f.ID}, nil
}

func (s *State) file(id string) *File {
	for _, f := range s.files {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// serveUpload takes the bytes of a file, as the body or as a form field.
func (w *Workspace) serveUpload(rw http.ResponseWriter, req *http.Request) {
	fault, proceed := w.faults.meet(req.Context(), w.done, "upload", w.touch)
	if !proceed {
		drop(rw)
		return
	}
	content, err := uploaded(req)
	a := answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/plain"}}, data: []byte("OK - " + strconv.Itoa(len(content)))}
	a.ok = true
	w.mu.Lock()
	call := &Call{Method: "upload", Token: "none", At: w.now(), Args: map[string]string{"file": req.PathValue("id")}}
	if fault == nil || fault.After {
		f := w.file(req.PathValue("id"))
		switch {
		case f == nil || f.Channels != nil:
			a.status, a.ok, a.data = http.StatusNotFound, false, []byte("not found")
		case err != nil:
			a.status, a.ok, a.data = http.StatusBadRequest, false, []byte("bad upload")
		default:
			f.Content, call.Effect = content, true
		}
	}
	if fault != nil {
		a.spoil(*fault)
	}
	call.OK, call.Status = a.ok, a.status
	w.record(call)
	w.mu.Unlock()
	a.write(rw)
}

func uploaded(req *http.Request) ([]byte, error) {
	body := io.LimitReader(req.Body, maxRequestBody)
	kind, params, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		return io.ReadAll(body)
	}
	parts := multipart.NewReader(body, params["boundary"])
	for {
		p, err := parts.NextPart()
		if err != nil {
			return nil, err
		}
		if p.FileName() != "" {
			return io.ReadAll(p)
		}
	}
}

func filesCompleteUpload(w *Workspace, r *request) (reply, error) {
	src, _ := r.json("files")
	var asked []struct{ ID, Title string }
	if json.Unmarshal(src, &asked) != nil || len(asked) == 0 {
		return nil, fail("invalid_arguments")
	}
	var files []*File
	for _, a := range asked {
		f := w.file(a.ID)
		if f == nil || f.Content == nil {
			return nil, fail("file_not_found")
		}
		f.Title = a.Title
		files = append(files, f)
	}
	targets := r.list("channels")
	if c := r.str("channel_id"); c != "" {
		targets = append(targets, c)
	}
	var channels []*Channel
	for _, t := range targets {
		c := w.channel(t)
		if c == nil || !c.has(w.App.BotUserID) {
			return nil, fail("channel_not_found")
		}
		channels = append(channels, c)
	}
	body, err := w.content(r)
	if err != nil {
		return nil, err
	}
	if comment := r.str("initial_comment"); comment != "" {
		body = content{text: comment}
	}
	out := []any{}
	for _, f := range files {
		f.Channels = []string{}
		for _, c := range channels {
			f.Channels = append(f.Channels, c.ID)
		}
		out = append(out, w.fileJSON(f))
	}
	for _, c := range channels {
		m := &Message{
			Channel: c.ID, TS: w.nextTS(), ThreadTS: r.str("thread_ts"), User: w.App.BotUserID,
			Text: body.text, Blocks: body.blocks, byApp: true,
		}
		for _, f := range files {
			m.Files = append(m.Files, *f)
		}
		w.messages[c.ID] = append(w.messages[c.ID], m)
		w.sayMessage("file", m)
	}
	return reply{"files": out}, nil
}

func (w *Workspace) fileJSON(f *File) reply {
	kind := "text"
	if i := strings.LastIndexByte(f.Name, '.'); i >= 0 {
		kind = f.Name[i+1:]
	}
	return reply{
		"id": f.ID, "created": f.Created.Unix(), "timestamp": f.Created.Unix(), "name": f.Name, "title": f.Title,
		"mimetype": "application/octet-stream", "filetype": kind, "user": f.User, "size": len(f.Content), "mode": "hosted",
		"channels": f.Channels, "url_private": w.url + "/files-pri/" + w.opt.TeamID + "/" + f.ID + "/" + f.Name,
	}
}

// serveFile gives the bytes of a file to the bearer of the bot token.
func (w *Workspace) serveFile(rw http.ResponseWriter, req *http.Request) {
	w.mu.Lock()
	f := w.file(req.PathValue("id"))
	var content []byte
	if f != nil {
		content = f.Content
	}
	allowed := req.Header.Get("Authorization") == "Bearer "+w.App.BotToken
	w.mu.Unlock()
	switch {
	case !allowed:
		http.Error(rw, "not authorised", http.StatusForbidden)
	case content == nil:
		http.NotFound(rw, req)
	default:
		rw.Header().Set("Content-Type", "application/octet-stream")
		_, _ = rw.Write(content)
	}
}
