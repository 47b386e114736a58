// Package local carries what people type in a terminal to the running server,
// over a unix socket on the same machine.
//
// Who is typing is what the kernel says about the other end of the socket, not
// what the other end says about itself: the user id becomes a name of this
// machine, and the name a person of the directory. A token in a file was
// rejected, because whoever reads the file becomes somebody else.
//
// A vote that has to be signed takes two commands: the first is answered with
// what is to be signed (chatops.Message.Sign), the second carries the
// signature. The server never sees a private key.
//
// The protocol is HTTP with JSON: POST /v1/command, POST /v1/answer,
// POST /v1/export, GET /v1/follow and GET /v1/snapshot, with ?of=drills for the
// journal of exercises. What is handed out is passed on piece by piece, and is
// never whole in memory. It may change with every version; both ends are the same
// binary.
package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// Bot answers people; a *chatops.Bot.
type Bot interface {
	Command(ctx context.Context, in chatops.Input) chatops.Message
	Answer(ctx context.Context, a chatops.Answer) (chatops.Message, map[string]string)
}

// Options are what a server needs.
type Options struct {
	Bot       Bot
	Directory func() *chatops.Directory
	Snapshot  func(ctx context.Context, w io.Writer) error
	// Follow sends what is asked for until ctx ends, or until all is sent. A
	// *engine.Refusal before the first batch says that the person may not, or
	// that the request cannot be followed. Nil: nothing can be followed here.
	Follow func(ctx context.Context, who engine.Actor, f Follow, send func(Batch) error) error
	Drills func(ctx context.Context, w io.Writer) error // the same, of the journal of exercises; nil: there is none
}

type peerKey struct{}

// peer is who is at the other end.
type peer struct {
	uid int
	err error
}

// NewServer makes the server's side. It serves unix sockets only.
func NewServer(o Options) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/command", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Text, Signature string }
		if !read(w, r, &in) {
			return
		}
		reply(w, answer{Message: o.Bot.Command(r.Context(), chatops.Input{Actor: actor(r.Context(), o.Directory()), Text: in.Text, Signature: in.Signature})})
	})
	mux.HandleFunc("POST /v1/answer", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Form, State string
			Values      map[string]string
		}
		if !read(w, r, &in) {
			return
		}
		m, wrong := o.Bot.Answer(r.Context(), chatops.Answer{Actor: actor(r.Context(), o.Directory()), Form: in.Form, State: in.State, Values: in.Values})
		reply(w, answer{Message: m, Wrong: wrong})
	})
	mux.HandleFunc("POST /v1/export", o.export)
	mux.HandleFunc("GET /v1/follow", o.follow)
	mux.HandleFunc("GET /v1/snapshot", func(w http.ResponseWriter, r *http.Request) {
		p, _ := r.Context().Value(peerKey{}).(peer)
		if p.err != nil || p.uid != os.Getuid() && p.uid != 0 {
			http.Error(w, "only the user that runs the server may copy the journal", http.StatusForbidden)
			return
		}
		copied := o.Snapshot
		if r.URL.Query().Get("of") == "drills" {
			copied = o.Drills
		}
		if copied == nil {
			http.Error(w, "there is no journal of exercises here", http.StatusNotFound)
			return
		}
		w.Header().Set("Trailer", "Complete")
		if err := copied(r.Context(), w); err == nil {
			w.Header().Set("Complete", "yes")
		}
	})
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			uid, err := peerUID(c)
			return context.WithValue(ctx, peerKey{}, peer{uid, err})
		},
	}
}

// answer is what crosses the socket.
type answer struct {
	Message chatops.Message
	Wrong   map[string]string `json:",omitempty"`
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, "the request cannot be read: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func reply(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // the other end is gone: nobody to tell
}

// actor is the person at the other end.
func actor(ctx context.Context, d *chatops.Directory) engine.Actor {
	p, ok := ctx.Value(peerKey{}).(peer)
	if !ok || p.err != nil {
		return engine.Actor{Type: engine.Stranger, Via: "cli:unknown", Name: "the system does not say who is at the other end of the socket"}
	}
	return Person(d, p.uid)
}

// Person is the person of the directory behind a user id of this machine.
func Person(d *chatops.Directory, uid int) engine.Actor {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return engine.Actor{Type: engine.Stranger, Via: "cli:" + strconv.Itoa(uid), Name: fmt.Sprintf("user id %d has no name on this machine", uid)}
	}
	a, ok := d.ByOSUser(u.Username, uid)
	if !ok {
		a.Name = fmt.Sprintf("user %q of this machine is not in the directory; add os_user: %s to a person there", u.Username, u.Username)
	}
	return a
}

// Client is the terminal's side.
type Client struct{ http *http.Client }

// ErrNoServer says that nobody answers on the socket.
var ErrNoServer = errors.New("no server answers")

// Dial gives a client when a server answers on the socket, else ErrNoServer.
func Dial(socket string) (*Client, error) {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("you may not use the server's socket %s; ask who runs the server to let your group in", socket)
		}
		return nil, ErrNoServer
	}
	_ = c.Close()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	return &Client{&http.Client{Transport: t}}, nil
}

// Command sends a line, with the signature that a Message.Sign asked for, or "".
func (c *Client) Command(ctx context.Context, text, signature string) (chatops.Message, error) {
	var a answer
	err := c.post(ctx, "/v1/command", map[string]string{"Text": text, "Signature": signature}, &a)
	return a.Message, err
}

// Answer sends a filled-in form.
func (c *Client) Answer(ctx context.Context, form, state string, values map[string]string) (chatops.Message, map[string]string, error) {
	var a answer
	err := c.post(ctx, "/v1/answer", map[string]any{"Form": form, "State": state, "Values": values}, &a)
	return a.Message, a.Wrong, err
}

// Snapshot writes a copy of the live journal to w.
func (c *Client) Snapshot(ctx context.Context, w io.Writer) error {
	return c.snapshot(ctx, "/v1/snapshot", w)
}

// SnapshotDrills writes a copy of the journal of exercises to w.
func (c *Client) SnapshotDrills(ctx context.Context, w io.Writer) error {
	return c.snapshot(ctx, "/v1/snapshot?of=drills", w)
}

func (c *Client) snapshot(ctx context.Context, path string, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("copy the live journal: %w", err)
	}
	if resp.Trailer.Get("Complete") != "yes" {
		return errors.New("copy the live journal: the server stopped half way; try again")
	}
	return nil
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, http.MethodPost, path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://firebreak"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the server went away before it answered; see with: status, what it did: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the server refused: %s", bytes.TrimSpace(text))
	}
	return resp, nil
}
