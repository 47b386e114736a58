package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// listener is a bot that remembers who said what.
type listener struct {
	mu    sync.Mutex
	heard []chatops.Input
	forms []chatops.Answer
}

func (l *listener) Command(_ context.Context, in chatops.Input) chatops.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, in)
	return chatops.Message{Title: "heard " + in.Text, Seq: 7, Failed: in.Actor.Type != engine.Person}
}

func (l *listener) Answer(_ context.Context, a chatops.Answer) (chatops.Message, map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forms = append(l.forms, a)
	return chatops.Message{}, map[string]string{"title": "is missing"}
}

// whole writes all of a journal of so many bytes.
func whole(n int) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error {
		_, err := w.Write(bytes.Repeat([]byte("j"), n))
		return err
	}
}

func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func directory(osUser string) func() *chatops.Directory {
	d := &chatops.Directory{
		People: []chatops.PersonEntry{{ID: "alice", OSUser: osUser}, {ID: "bob", OSUser: "somebody-else"}},
		Groups: map[string][]string{"leads": {"alice"}},
	}
	return func() *chatops.Directory { return d }
}

// serve runs a server on a unix socket of its own.
func serve(t *testing.T, o Options) (client *Client, socket string) {
	t.Helper()
	return listen(t, NewServer(o))
}

func listen(t *testing.T, s *http.Server) (client *Client, socket string) {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "fb") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(folder, "fb.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		_ = s.Close()
		work.Wait()
		_ = os.RemoveAll(folder)
	})
	client, err = Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	return client, socket
}

func TestWhoIsTypingIsWhatTheSystemSays(t *testing.T) {
	bot := &listener{}
	client, _ := serve(t, Options{Bot: bot, Directory: directory(me(t))})
	m, err := client.Command(t.Context(), "list --all", "")
	if err != nil || m.Title != "heard list --all" || m.Seq != 7 || m.Failed {
		t.Errorf("got %+v, %v", m, err)
	}
	via := fmt.Sprintf("cli:%s/%d", me(t), os.Getuid())
	if a := bot.heard[0].Actor; a.Type != engine.Person || a.ID != "alice" || a.Via != via || !slices.Equal(a.Groups, []string{"leads"}) {
		t.Errorf("got actor %+v, want alice via %s", a, via)
	}

	// A form is answered by the same person, and what is wrong with it comes back.
	_, wrong, err := client.Answer(t.Context(), "declare", "state", map[string]string{"sev": "2"})
	if err != nil || wrong["title"] != "is missing" {
		t.Errorf("got %v, %v", wrong, err)
	}
	if f := bot.forms[0]; f.Actor.ID != "alice" || f.Form != "declare" || f.State != "state" || f.Values["sev"] != "2" {
		t.Errorf("got form %+v", f)
	}
}

// What a request says about its sender counts for nothing.
func TestNobodyCanSayWhoTheyAre(t *testing.T) {
	bot := &listener{}
	_, socket := serve(t, Options{Bot: bot, Directory: directory("not-" + me(t))})
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://alice@firebreak/v1/command", strings.NewReader(`{"Text":"list","Actor":{"ID":"alice","Type":"person"},"uid":0}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-User", "alice")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := bot.heard[0].Actor
	want := fmt.Sprintf("user %q of this machine is not in the directory; add os_user: %s to a person there", me(t), me(t))
	if a.Type != engine.Stranger || a.ID != "" || a.Name != want {
		t.Errorf("got %+v, want a stranger: %s", a, want)
	}
}

func TestPersonOfNoName(t *testing.T) {
	const uid = 3_999_999_999
	a := Person(directory("root")(), uid)
	if a.Type != engine.Stranger || a.Via != "cli:3999999999" || a.Name != "user id 3999999999 has no name on this machine" {
		t.Errorf("got %+v", a)
	}
}

// Over TCP nobody says who is at the other end, so everybody is a stranger.
func TestWithoutAUnixSocketEverybodyIsAStranger(t *testing.T) {
	bot := &listener{}
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(Options{Bot: bot, Directory: directory(me(t)), Snapshot: whole(10)})
	s.Start()
	defer s.Close()
	resp, err := http.Post(s.URL+"/v1/command", "application/json", strings.NewReader(`{"Text":"list"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if a := bot.heard[0].Actor; a.Type != engine.Stranger || a.Via != "cli:unknown" {
		t.Errorf("got %+v, want a stranger", a)
	}
	if resp, err = http.Get(s.URL + "/v1/snapshot"); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, %v, want the journal refused", resp, err)
	}
	_ = resp.Body.Close()
}

func TestOnlyTheServersUserCopiesTheJournal(t *testing.T) {
	h := NewServer(Options{Directory: directory("x"), Snapshot: whole(10)}).Handler
	for _, tt := range []struct {
		name string
		peer *peer
		want int
	}{
		{"the user who runs it", &peer{uid: os.Getuid()}, http.StatusOK},
		{"root", &peer{uid: 0}, http.StatusOK},
		{"another user", &peer{uid: os.Getuid() + 4321}, http.StatusForbidden},
		{"nobody knows who", &peer{uid: os.Getuid(), err: errors.New("no")}, http.StatusForbidden},
	} {
		ctx := context.WithValue(t.Context(), peerKey{}, *tt.peer)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/snapshot", nil))
		if w.Code != tt.want || (w.Code != http.StatusOK) == bytes.Contains(w.Body.Bytes(), []byte("jjj")) {
			t.Errorf("%s: got %d %q, want %d", tt.name, w.Code, w.Body, tt.want)
		}
	}
}

func TestWhatIsTooLongOrTornIsNotHeard(t *testing.T) {
	bot := &listener{}
	client, _ := serve(t, Options{Bot: bot, Directory: directory(me(t))})
	if _, err := client.Command(t.Context(), strings.Repeat("x", 2<<20), ""); err == nil || !strings.Contains(err.Error(), "the server refused: the request cannot be read") {
		t.Errorf("2 MiB: got %v", err)
	}
	if _, err := client.do(t.Context(), http.MethodPost, "/v1/answer", strings.NewReader(`{"Form":`)); err == nil || !strings.Contains(err.Error(), "the request cannot be read") {
		t.Errorf("torn: got %v", err)
	}
	if _, err := client.do(t.Context(), http.MethodGet, "/v1/command", nil); err == nil || !strings.Contains(err.Error(), "the server refused: ") {
		t.Errorf("GET: got %v", err)
	}
	if len(bot.heard)+len(bot.forms) > 0 {
		t.Errorf("heard %v %v", bot.heard, bot.forms)
	}
}

func TestSnapshotIsWholeOrRefused(t *testing.T) {
	for _, n := range []int{0, 10, 3 << 20} {
		client, _ := serve(t, Options{Directory: directory("x"), Snapshot: whole(n)})
		var got bytes.Buffer
		if err := client.Snapshot(t.Context(), &got); err != nil || got.Len() != n {
			t.Errorf("%d bytes: got %d, %v", n, got.Len(), err)
		}
		broken, _ := serve(t, Options{Directory: directory("x"), Snapshot: func(ctx context.Context, w io.Writer) error {
			return errors.Join(whole(n)(ctx, w), errors.New("the disk went away"))
		}})
		if err := broken.Snapshot(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "half way") {
			t.Errorf("%d bytes and an error: got %v, want it told", n, err)
		}
		cut, _ := serve(t, Options{Directory: directory("x"), Snapshot: func(ctx context.Context, w io.Writer) error {
			_ = whole(n)(ctx, w)
			panic(http.ErrAbortHandler) // the connection ends here
		}})
		if err := cut.Snapshot(t.Context(), io.Discard); err == nil {
			t.Errorf("%d bytes and the end of the connection: got no error", n)
		}
	}
}

func TestNoServer(t *testing.T) {
	folder := t.TempDir()
	if _, err := Dial(filepath.Join(folder, "none.sock")); !errors.Is(err, ErrNoServer) {
		t.Errorf("no socket: got %v", err)
	}
	_, socket := serve(t, Options{Directory: directory("x")})
	if l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket + "2", Net: "unix"}); err != nil {
		t.Fatal(err)
	} else {
		l.SetUnlinkOnClose(false)
		_ = l.Close()
	}
	if _, err := Dial(socket + "2"); !errors.Is(err, ErrNoServer) {
		t.Errorf("a socket that a dead server left: got %v", err)
	}
}

// A server that dies over a request may have done it: nobody is told to repeat.
func TestServerGoneBeforeItAnswered(t *testing.T) {
	client, _ := serve(t, Options{Bot: dying{}, Directory: directory("x")})
	_, err := client.Command(t.Context(), "run wipe", "")
	if err == nil || !strings.Contains(err.Error(), "the server went away before it answered; see with: status, what it did") {
		t.Errorf("got %v", err)
	}
	torn, _ := listen(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"Message":`)
	})})
	if _, _, err := torn.Answer(t.Context(), "", "", nil); err == nil || !strings.Contains(err.Error(), "the server's answer cannot be read") {
		t.Errorf("torn answer: got %v", err)
	}
}

// dying is a bot that takes its server with it.
type dying struct{ *listener }

func (dying) Command(context.Context, chatops.Input) chatops.Message { panic(http.ErrAbortHandler) }

// The journal of exercises is another one than that of live incidents, and one
// that is not there is not taken for the other.
func TestSnapshotOfDrills(t *testing.T) {
	client, _ := serve(t, Options{Directory: directory("x"), Snapshot: whole(10), Drills: whole(20)})
	var live, drills bytes.Buffer
	if err := errors.Join(client.Snapshot(t.Context(), &live), client.SnapshotDrills(t.Context(), &drills)); err != nil || live.Len() != 10 || drills.Len() != 20 {
		t.Errorf("got %d and %d bytes, %v", live.Len(), drills.Len(), err)
	}
	without, _ := serve(t, Options{Directory: directory("x"), Snapshot: whole(10)})
	if err := without.SnapshotDrills(t.Context(), &drills); err == nil || !strings.Contains(err.Error(), "no journal of exercises") {
		t.Errorf("got %v", err)
	}
}
