package slackfake

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Channel is a conversation: a channel, or a direct message of one person (or several) with the app.
type Channel struct {
	ID, Name       string
	Topic, Purpose string
	Creator        string
	Private        bool
	IM             bool     // a direct message; Members holds who is in it
	MPIM           bool     // a direct message of several people
	ExtShared      bool     // shared with another organisation
	OrgShared      bool     // shared inside an Enterprise organisation
	Archived       bool     //
	ConnectedTeams []string // of an externally shared channel
	Members        []string // user IDs, in the order in which they joined
	Pins           []string // ts of pinned messages, in order
	Bookmarks      []Bookmark
	Created        time.Time
}

func (c *Channel) clone() Channel {
	out := *c
	out.Members, out.Pins = slices.Clone(c.Members), slices.Clone(c.Pins)
	out.Bookmarks, out.ConnectedTeams = slices.Clone(c.Bookmarks), slices.Clone(c.ConnectedTeams)
	return out
}

func (c *Channel) has(user string) bool { return slices.Contains(c.Members, user) }

// Bookmark is a link in a channel's bookmark bar.
type Bookmark struct {
	ID, Title, Link, Emoji string
	Created                time.Time
}

// Ref names a message.
type Ref struct{ Channel, TS string }

// Message is one message as it is shown now.
type Message struct {
	Channel  string // channel ID
	TS       string // seconds.microseconds, unique in the workspace
	ThreadTS string // of the parent, when it is a reply
	User     string // ID of who posted it; USLACKBOT for Slack's own notices
	Text     string
	Blocks   []Block
	// Metadata is the JSON object {"event_type": ..., "event_payload": ...} or nil.
	Metadata    json.RawMessage
	Attachments json.RawMessage
	Files       []File
	Reactions   []Reaction
	Edits       int    // how often it was changed
	EditedTS    string // set when people see "(edited)", which Slack does not show for blocks
	To          string // user ID of the only person who sees it, when it is ephemeral
	Deleted     bool   // only in what Watch and history keep; never returned by Messages
	byApp       bool
}

// Ref names the message for Click and others.
func (m Message) Ref() Ref { return Ref{Channel: m.Channel, TS: m.TS} }

// Rendered is the message as plain text: its blocks when it has some, else its text.
func (m Message) Rendered(names Names) string {
	var parts []string
	if len(m.Blocks) > 0 {
		parts = append(parts, Render(m.Blocks, names))
	} else if m.Text != "" {
		parts = append(parts, RenderText(m.Text, names))
	}
	for _, f := range m.Files {
		parts = append(parts, "[file: "+f.Name+"]")
	}
	return strings.Join(parts, "\n")
}

// Buttons lists the labels of the buttons that the message shows, in order.
func (m Message) Buttons() []string {
	var out []string
	for _, p := range Pressables(m.Blocks) {
		if p.Element.Type == "button" && p.Element.Text != nil {
			out = append(out, p.Element.Text.Text)
		}
	}
	return out
}

// Reaction is an emoji under a message and who put it there.
type Reaction struct {
	Name  string
	Users []string
}

// File is an uploaded file.
type File struct {
	ID, Name, Title string
	User            string
	Channels        []string
	Content         []byte
	Created         time.Time
}

// View is a modal, or a home tab, as a person has it open now.
type View struct {
	ID, Type, CallbackID, ExternalID string
	Title, SubmitText, CloseText     string
	Blocks                           []Block
	PrivateMetadata, Hash            string
	RootID, PreviousID               string
	ClearOnClose, NotifyOnClose      bool
	User                             string
	Errors                           map[string]string // block ID to message, after a refused submission
	raw                              map[string]any
	values                           map[string]map[string]any
}

// Rendered is the view as plain text.
func (v View) Rendered(names Names) string {
	parts := []string{"== " + v.Title + " =="}
	if len(v.Blocks) > 0 {
		parts = append(parts, Render(v.Blocks, names))
	}
	if v.SubmitText != "" {
		parts = append(parts, "["+v.SubmitText+"] ["+v.CloseText+"]")
	}
	return strings.Join(parts, "\n")
}

// Call is one call that the app made to the Web API or to a response URL.
type Call struct {
	N      int
	Method string // such as chat.postMessage, or response_url, upload
	Token  string // bot, app, none or wrong
	Args   map[string]string
	At     time.Time
	OK     bool
	Error  string // Slack's error word when OK is false
	Status int    // HTTP status; 0 when the connection was dropped
	// Effect says that the call changed or read the workspace, whatever the app was told.
	Effect bool
}

// State is the workspace to read. Each method takes one consistent look and returns copies; any of them may be called
// inside Wait.
type State struct {
	mu      sync.Mutex
	changed chan struct{}
	ws      *Workspace
	url     string

	users      []*User
	groups     []*Group
	channels   []*Channel
	messages   map[string][]*Message // by channel ID, in order of ts
	ephemerals []*Message
	files      []*File
	views      map[string][]*View // open modals by user ID, the last is on top
	homes      map[string]*View
	triggers   map[string]*trigger
	hooks      map[string]*hook
	calls      []*Call
	deliveries []*Delivery
	limiter    limiter

	lines    []Line
	unseen   []Line
	watchers []func(Line)
	flushing bool

	lastMicro int64
	seq       map[string]int
}

func newState(w *Workspace) *State {
	return &State{
		ws: w, changed: make(chan struct{}),
		messages: map[string][]*Message{}, views: map[string][]*View{}, homes: map[string]*View{},
		triggers: map[string]*trigger{}, hooks: map[string]*hook{}, seq: map[string]int{},
	}
}

func (s *State) now() time.Time { return s.ws.opt.Now() }

// changedLocked wakes all waiters.
func (s *State) changedLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *State) touch() {
	s.mu.Lock()
	s.changedLocked()
	s.mu.Unlock()
}

// nextTS gives a timestamp later than every one before.
func (s *State) nextTS() string {
	micro := s.now().UnixMicro()
	if micro <= s.lastMicro {
		micro = s.lastMicro + 1
	}
	s.lastMicro = micro
	return fmt.Sprintf("%d.%06d", micro/1e6, micro%1e6)
}

func (s *State) next(kind string) int {
	s.seq[kind]++
	return s.seq[kind]
}

func (s *State) nextID(prefix string) string { return fmt.Sprintf("%s%07d", prefix, s.next(prefix)) }

func (s *State) user(id string) *User {
	for _, u := range s.users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

func (s *State) userNamed(name string) *User {
	if u := s.user(name); u != nil {
		return u
	}
	name = strings.TrimPrefix(name, "@")
	for _, u := range s.users {
		if u.Name == name {
			return u
		}
	}
	return nil
}

func (s *State) channel(nameOrID string) *Channel {
	nameOrID = strings.TrimPrefix(nameOrID, "#")
	for _, c := range s.channels {
		if c.ID == nameOrID {
			return c
		}
	}
	var archived *Channel
	for _, c := range s.channels {
		if c.Name == nameOrID && !c.IM {
			if !c.Archived {
				return c
			}
			archived = c
		}
	}
	return archived
}

func (s *State) message(channel, ts string) *Message {
	for _, m := range s.messages[channel] {
		if m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

func (s *State) names(id string) string {
	if u := s.user(id); u != nil {
		return u.Shown()
	}
	for _, c := range s.channels {
		if c.ID == id {
			return c.Name
		}
	}
	for _, g := range s.groups {
		if g.ID == id {
			return g.Handle
		}
	}
	return ""
}

// Name gives the name that people read for the ID of a user, a channel or a group, and "" for an unknown one. It fits Names.
func (s *State) Name(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names(id)
}

// Messages lists what stands in a channel (by ID or name) now, replies in threads included, oldest first.
func (s *State) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channel(channel)
	if c == nil {
		return nil
	}
	return copies(s.messages[c.ID])
}

func copies(in []*Message) []Message {
	var out []Message
	for _, m := range in {
		if !m.Deleted {
			out = append(out, *m)
		}
	}
	return out
}

// Message finds one message as it is shown now, an ephemeral one included.
func (s *State) Message(ref Ref) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(ref, ""); m != nil {
		return *m, true
	}
	return Message{}, false
}

// find looks for a message in its channel and among the ephemeral ones of one person, or of everyone for user "".
func (s *State) find(ref Ref, user string) *Message {
	if c := s.channel(ref.Channel); c != nil {
		ref.Channel = c.ID
	}
	if m := s.message(ref.Channel, ref.TS); m != nil {
		return m
	}
	for _, m := range s.ephemerals {
		if m.TS == ref.TS && m.Channel == ref.Channel && !m.Deleted && (user == "" || m.To == user) {
			return m
		}
	}
	return nil
}

// Ephemerals lists the messages that only this person (by ID or name) sees, in all channels, oldest first.
func (s *State) Ephemerals(user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userNamed(user)
	if u == nil {
		return nil
	}
	var out []Message
	for _, m := range s.ephemerals {
		if m.To == u.ID && !m.Deleted {
			out = append(out, *m)
		}
	}
	return out
}

// Directs lists the direct messages between the app and a person (by ID or name).
func (s *State) Directs(user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userNamed(user)
	if u == nil {
		return nil
	}
	if c := s.im(u.ID); c != nil {
		return copies(s.messages[c.ID])
	}
	return nil
}

// im is the direct message channel of a user with the app.
func (s *State) im(user string) *Channel {
	for _, c := range s.channels {
		if c.IM && !c.MPIM && c.has(user) {
			return c
		}
	}
	return nil
}

// Channel finds a channel by ID or by name. A live channel is preferred to an archived twin.
func (s *State) Channel(nameOrID string) (Channel, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channel(nameOrID); c != nil {
		return c.clone(), true
	}
	return Channel{}, false
}

// Channels lists all channels in the order in which they were made, direct messages included.
func (s *State) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Channel, 0, len(s.channels))
	for _, c := range s.channels {
		out = append(out, c.clone())
	}
	return out
}

// OpenView is the modal that a person (by ID or name) has in front now.
func (s *State) OpenView(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.userNamed(user); u != nil {
		if stack := s.views[u.ID]; len(stack) > 0 {
			return *stack[len(stack)-1], true
		}
	}
	return View{}, false
}

// Home is the app's home tab as a person (by ID or name) has it.
func (s *State) Home(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.userNamed(user); u != nil && s.homes[u.ID] != nil {
		return *s.homes[u.ID], true
	}
	return View{}, false
}

// Files lists the files whose upload was completed.
func (s *State) Files() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []File
	for _, f := range s.files {
		if f.Channels != nil {
			out = append(out, *f)
		}
	}
	return out
}

// Calls lists the app's calls in order: all of them, or those of the methods named.
func (s *State) Calls(methods ...string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls {
		if len(methods) == 0 || slices.Contains(methods, c.Method) {
			out = append(out, *c)
		}
	}
	return out
}

// Deliveries lists what was sent to the app and has its answer, in order of N.
func (s *State) Deliveries() []*Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Delivery
	for _, d := range s.deliveries {
		if d.finished {
			out = append(out, d)
		}
	}
	return out
}

// Wait returns when ok says so. It asks at once and after each change of the workspace, never on a timer. When the
// context ends first, or the workspace is closed, the error holds the transcript.
func (s *State) Wait(ctx context.Context, ok func(*State) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok(s) {
			return nil
		}
		var why error
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			why = context.Cause(ctx)
		case <-s.ws.done.Done():
			why = ErrClosed
		}
		return fmt.Errorf("wait for the workspace: %w\n--- transcript ---\n%s\n--- calls ---\n%s", why, s.Transcript(), s.callLog())
	}
}

func (s *State) callLog() string {
	var out strings.Builder
	for _, c := range s.Calls() {
		fmt.Fprintf(&out, "%d %s ok=%t %s\n", c.N, c.Method, c.OK, c.Error)
	}
	return out.String()
}
