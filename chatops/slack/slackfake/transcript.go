package slackfake

import (
	"fmt"
	"strings"
	"time"
)

// Line is one thing that happened on somebody's screen.
type Line struct {
	N         int
	At        time.Time
	ChannelID string
	Channel   string // "#incidents", "DM alice", "" for a modal
	From      string // who did it, as people read it
	To        string // the only person who sees it; "" for everybody in the channel
	// Kind is message, edit, ephemeral, delete or file; command, click, choose, shortcut, submit or close; modal,
	// modal update, refused or home; create, topic, purpose, rename, join, leave, archive, pin, unpin, bookmark or
	// reaction; or notice for what Slack itself says.
	Kind string
	TS   string // of the message, when there is one
	Text string // rendered, may have several lines
}

// String is the line as text: where, who sees it, who said it, and the text, further lines indented.
func (l Line) String() string {
	var b strings.Builder
	if l.Channel != "" {
		b.WriteString(l.Channel + " ")
	}
	if l.To != "" && l.To != l.From {
		b.WriteString("(only " + l.To + ") ")
	}
	if l.From != "" {
		b.WriteString(l.From)
	}
	switch l.Kind {
	case "message", "ephemeral", "command":
	case "edit":
		b.WriteString(" (edited)")
	default:
		b.WriteString(" *" + l.Kind + "*")
	}
	b.WriteString(":")
	lines := strings.Split(l.Text, "\n")
	if len(lines) == 1 {
		if lines[0] != "" {
			b.WriteString(" " + lines[0])
		}
		return b.String()
	}
	for _, line := range lines {
		b.WriteString("\n    " + line)
	}
	return b.String()
}

// say appends a line to the transcript; flush shows it to the watchers once the lock is released.
func (s *State) say(l Line) {
	l.N = len(s.lines) + 1
	l.At = s.now()
	if l.Channel == "" && l.ChannelID != "" {
		l.Channel = s.channelLabel(l.ChannelID)
	}
	s.lines = append(s.lines, l)
	s.unseen = append(s.unseen, l)
	s.changedLocked()
}

func (s *State) channelLabel(id string) string {
	c := s.channel(id)
	if c == nil {
		return id
	}
	if !c.IM {
		return "#" + c.Name
	}
	var who []string
	for _, m := range c.Members {
		if m != s.ws.opt.BotUserID {
			who = append(who, s.names(m))
		}
	}
	return "DM " + strings.Join(who, ", ")
}

// flush calls the watchers, in order, outside the lock. When another goroutine is at it, that one goes on.
func (s *State) flush() {
	s.mu.Lock()
	if s.flushing {
		s.mu.Unlock()
		return
	}
	s.flushing = true
	for len(s.unseen) > 0 {
		batch, watchers := s.unseen, s.watchers
		s.unseen = nil
		s.mu.Unlock()
		for _, l := range batch {
			for _, f := range watchers {
				f(l)
			}
		}
		s.mu.Lock()
	}
	s.flushing = false
	s.mu.Unlock()
}

// Watch calls f with each further line as it happens, one at a time and in order. f may use the workspace.
func (s *State) Watch(f func(Line)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers[:len(s.watchers):len(s.watchers)], f)
}

// Lines lists what happened so far.
func (s *State) Lines() []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Line(nil), s.lines...)
}

// Transcript is everything that everyone saw, in order, as text. It holds no times and no timestamps, so that it can
// be compared with a golden file.
func (s *State) Transcript() string {
	var b strings.Builder
	for _, l := range s.Lines() {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

// sayMessage writes the line of a message.
func (s *State) sayMessage(kind string, m *Message) {
	l := Line{Kind: kind, ChannelID: m.Channel, From: s.sender(m.User), TS: m.TS, Text: m.Rendered(s.names)}
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		l.Channel = s.channelLabel(m.Channel) + " (thread)"
	}
	if m.To != "" {
		l.To = s.names(m.To)
	}
	s.say(l)
}

func (s *State) sender(id string) string {
	if id == slackbot {
		return "Slackbot"
	}
	if n := s.names(id); n != "" {
		return n
	}
	return id
}

// slackbot posts Slack's own notices.
const slackbot = "USLACKBOT"
