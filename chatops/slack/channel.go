package slack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

const (
	maxChannelName = 80
	nameAttempts   = 9 // "inc-12-title", "inc-12-title-2", ...
)

// channelName makes a name from an incident's id and title in the letters that
// Slack allows. n tells names apart that are taken.
func channelName(id, title string, n int) string {
	suffix := ""
	if n > 1 {
		suffix = "-" + strconv.Itoa(n)
	}
	name := slug(id)
	if engine.IsExercise(id) {
		name = "exercise-" + name
	}
	if s := slug(title); s != "" {
		name += "-" + s
	}
	if room := maxChannelName - len(suffix); len(name) > room {
		name = strings.TrimRight(name[:room], "-")
	}
	return name + suffix
}

// slug keeps ASCII letters and digits, in lower case, and makes one hyphen of everything between them.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimRight(b.String(), "-")
}

// subject is what is remembered of an incident between two looks.
type subject struct {
	id, title string
	private   bool
	control   bool // it is the channel of the facilitators of an exercise
	declared  time.Time
	by        string // person id
	channel   string
	leads     []string // person ids: the facilitators of an exercise
}

// controlOf is the private channel in which an exercise is led.
func (s subject) controlOf() subject {
	s.title, s.private, s.control, s.channel = "control", true, true, ""
	return s
}

func subjectOf(i *engine.Incident) subject {
	s := subject{id: i.ID, title: i.Title, private: i.Private, declared: i.DeclaredAt, by: i.DeclaredBy.ID}
	if i.Channel != nil {
		s.channel = i.Channel.Channel
	}
	if i.Drill != nil {
		s.leads = i.Drill.Facilitators
	}
	return s
}

// purpose is written on the channel. The time tells two incidents apart that
// bear the same number, one of a store that is gone.
func (s subject) purpose() string {
	id := s.id
	if s.control {
		id += " control"
	}
	return fmt.Sprintf("firebreak %s declared %s", id, s.declared.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// OpenChannel makes the incident's channel, private for a private incident,
// and invites who declared it. A channel made before a crash has the same name,
// was created by this bot and says the incident in its purpose (or nothing
// yet): it is taken again. The error is a *Fault.
func (a *Adapter) OpenChannel(ctx context.Context, look engine.Look) (engine.ChannelBound, error) {
	var s subject
	if err := look(func(i *engine.Incident) { s = subjectOf(i) }); err != nil {
		return engine.ChannelBound{}, err
	}
	var bound engine.ChannelBound
	err := a.out.do(ctx, "channel:"+s.id, func(ctx context.Context, _ int) (err error) {
		bound, err = a.openChannel(ctx, s)
		return err
	})
	return bound, err
}

func (a *Adapter) openChannel(ctx context.Context, s subject) (engine.ChannelBound, error) {
	me, err := a.self(ctx)
	if err != nil {
		return engine.ChannelBound{}, err
	}
	for n := 1; n <= nameAttempts; n++ {
		name := channelName(s.id, s.title, n)
		c, err := a.api.createChannel(ctx, name, s.private)
		created := err == nil
		if isCode(err, "name_taken") {
			c, err = a.api.findChannel(ctx, name)
			if isCode(err, "channel_not_found") { // somebody else's private channel
				continue
			}
			if err == nil && !adoptable(c, s, me.user) {
				continue
			}
		}
		if err != nil {
			return engine.ChannelBound{}, err
		}
		if created {
			a.posted.fresh(c.ID)
		}
		if c.Purpose.Value == "" {
			if err := a.api.setPurpose(ctx, c.ID, s.purpose()); err != nil {
				return engine.ChannelBound{}, err
			}
		}
		people := []string{s.by}
		if s.control {
			people = s.leads
		}
		a.inviteAll(ctx, c.ID, a.slackUsers(people))
		return engine.ChannelBound{Channel: c.ID, Name: c.Name}, nil
	}
	return engine.ChannelBound{}, &Fault{Method: "conversations.create", Code: "name_taken", Class: FaultRefused,
		Detail: fmt.Sprintf("%q and %d variants of it are taken by others", channelName(s.id, s.title, 1), nameAttempts-1)}
}

// adoptable says whether a channel is the one that was made for the incident.
func adoptable(c *slack.Channel, s subject, me string) bool {
	switch {
	case c.Creator != me, c.IsArchived, c.IsExtShared, c.IsPendingExtShared, c.IsPrivate != s.private:
		return false
	case c.Purpose.Value == s.purpose():
		return true
	}
	// It was made, and the crash came before its purpose was written.
	return c.Purpose.Value == "" && !c.Created.Time().Before(s.declared.Add(-time.Minute))
}

// inviteAll invites people one by one, so that one who cannot be invited keeps
// nobody else out. Nobody waits for it to work.
func (a *Adapter) inviteAll(ctx context.Context, channel string, users []string) {
	for _, u := range users {
		if !a.posted.invite(channel, u) {
			continue
		}
		err := a.api.invite(ctx, channel, []string{u})
		if err != nil && !isCode(err, "already_in_channel", "cant_invite_self") {
			a.posted.uninvite(channel, u)
			a.log.Warn("a person could not be invited", "channel", channel, "user", u, "err", err)
		}
	}
}

// errShared says that a channel can be read by another organisation.
const errShared = failure("the channel is shared with another organisation; nothing more is said there")

// mayPost fails when a channel must not hear anything.
func (a *Adapter) mayPost(ctx context.Context, channel string) error {
	shared, err := a.isShared(ctx, channel)
	if err == nil && shared {
		err = errShared
	}
	return err
}

// errNoChannel says that a post has no place yet.
var errNoChannel = errors.New("the incident has no channel yet; open it first")

// toMessage renders what ref names; ok is false when there is no such thing.
func (a *Adapter) toMessage(i *engine.Incident, ref, head string) (m chatops.Message, people []string, ok bool) {
	kind, id, _ := strings.Cut(ref, ":")
	switch kind {
	case "card":
		return a.opt.Renderer.Card(i, head), nil, true
	case "ask":
		for _, ask := range i.Asks {
			if ask.ID == id {
				m := a.opt.Renderer.Ask(i, ask)
				if ask.Closed {
					m.Parts, m.Notify = chatops.WithoutButtons(m.Parts), nil
				}
				return m, a.approvers(ask), true
			}
		}
	case "remind":
		if ask, n, found := chatops.Reminded(i, ref); found {
			m := a.opt.Renderer.Remind(i, ask, n)
			if m.Notify == nil {
				return m, nil, true
			}
			return m, a.approvers(ask), true
		}
	case "control":
		return chatops.ControlMessage(i), nil, i.Drill != nil
	case "inject", "hint", "drill":
		m, _, ok := chatops.SaidMessage(i, ref)
		return m, nil, ok
	case "end":
		id, _, _ = strings.Cut(id, ".") // "R1.2" is the second end of R1
		if run, found := i.Run(id); found && id != "" {
			return a.opt.Renderer.End(i, run), nil, true
		}
	}
	return chatops.Message{}, nil, false
}
