package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// Post posts what ref names ("card", "ask:<id>", "remind:<id>.1", "end:R1") in the incident's
// channel, or finds it there when it was posted before a crash or by a call
// whose answer was lost. It goes on until Slack has it, says no, or ctx ends.
func (a *Adapter) Post(ctx context.Context, look engine.Look, ref string) (engine.MessagePosted, error) {
	var s subject
	if err := look(func(i *engine.Incident) { s = subjectOf(i) }); err != nil {
		return engine.MessagePosted{}, err
	}
	if s.channel == "" {
		return engine.MessagePosted{}, fmt.Errorf("%s: %w", s.id, errNoChannel)
	}
	s, err := a.placeOf(ctx, look, s, ref)
	if err != nil {
		return engine.MessagePosted{}, err
	}
	out := engine.MessagePosted{Ref: ref, Channel: s.channel}
	err = a.out.do(ctx, s.channel, func(ctx context.Context, _ int) (err error) {
		out.TS, err = a.postOnce(ctx, look, s, ref)
		return err
	})
	if err != nil {
		return engine.MessagePosted{}, err
	}
	return out, nil
}

// placeOf says where a message goes: into the channel of the incident, but for
// the console of an exercise, which has a channel of its facilitators, and for
// what only one player is told. Who has no account in Slack is told by the
// facilitators, and nobody else learns of it.
func (a *Adapter) placeOf(ctx context.Context, look engine.Look, s subject, ref string) (subject, error) {
	control := func() (subject, error) {
		var bound engine.ChannelBound
		err := a.out.do(ctx, "channel:"+s.id, func(ctx context.Context, _ int) (err error) {
			bound, err = a.openChannel(ctx, s.controlOf())
			return err
		})
		s.channel = bound.Channel
		return s, err
	}
	if ref == engine.ControlRef {
		return control()
	}
	to := ""
	if err := look(func(i *engine.Incident) { _, to, _ = chatops.SaidMessage(i, ref) }); err != nil {
		return s, err
	}
	if person, ok := strings.CutPrefix(to, "person:"); ok {
		users := a.slackUsers([]string{person})
		if len(users) == 0 {
			a.log.Warn("a player has no account in Slack, so the facilitators are told", "incident", s.id, "person", person)
			return control()
		}
		channel, err := a.api.direct(ctx, users[0])
		if err != nil {
			return s, err
		}
		s.channel = channel
	}
	return s, nil
}

func (a *Adapter) postOnce(ctx context.Context, look engine.Look, s subject, ref string) (string, error) {
	if ts, err := a.find(ctx, s, ref); err != nil || ts != "" {
		return ts, err
	}
	if err := a.mayPost(ctx, s.channel); err != nil {
		return "", err
	}
	head := a.head(ctx, s.id)
	var c content
	var people []string
	known := false
	err := look(func(i *engine.Incident) {
		m, who, ok := a.toMessage(i, ref, head)
		c, people, known = a.message(m), who, ok
	})
	if err != nil {
		return "", err
	}
	if !known {
		return "", fmt.Errorf("%s has nothing called %q to post", s.id, ref)
	}
	a.inviteAll(ctx, s.channel, people)
	ts, _, err := a.api.post(ctx, s.channel, c, &tag{s.id, ref})
	if err != nil {
		if class(err) == FaultDown {
			a.posted.doubt(s.channel) // it may be there all the same: look before the next try
		}
		return "", err
	}
	a.posted.set(s.channel, ref, ts)
	if ref == "card" {
		a.cards.drawn(s.id, c)
		if err := a.api.pin(ctx, s.channel, ts); err != nil && !isCode(err, "already_pinned") {
			a.log.Warn("the card could not be pinned", "incident", s.id, "err", err)
		}
	}
	return ts, nil
}

// find looks for a post that is there already. The history of a channel is
// read once, and again after a call of which nobody knows the end.
func (a *Adapter) find(ctx context.Context, s subject, ref string) (string, error) {
	if ts, known := a.posted.get(s.channel, ref); known {
		return ts, nil
	}
	found, err := a.api.tagged(ctx, s.channel, s.id, s.declared)
	if isCode(err, "missing_scope") {
		a.log.Warn("the history of a channel cannot be read, so a post may come twice", "err", err)
		found, err = map[string]string{}, nil
	}
	if err != nil {
		return "", err
	}
	a.posted.load(s.channel, found)
	return found[ref], nil
}

// Close shows the outcome in a posted ask and takes its buttons away. A
// message that is gone, or that Slack lets nobody change, counts as closed.
func (a *Adapter) Close(ctx context.Context, look engine.Look, post engine.Post) error {
	return a.out.do(ctx, post.Channel, func(ctx context.Context, _ int) error {
		var c content
		known := false
		err := look(func(i *engine.Incident) {
			m, _, ok := a.toMessage(i, post.Ref, "")
			m.Parts = chatops.WithoutButtons(m.Parts)
			m.Notify = nil
			c, known = a.message(m), ok
		})
		if err != nil || !known {
			return err
		}
		err = a.api.update(ctx, post.Channel, post.TS, c)
		if isCode(err, "message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived", "is_inactive") {
			a.log.Warn("an answered question could not be changed in Slack", "ref", post.Ref, "err", err)
			return nil
		}
		return err
	})
}

// posted knows which messages of ours are in which channel, and who was invited.
type posted struct {
	mu      sync.Mutex
	refs    map[string]map[string]string // channel, ref, ts; a channel that is not there was not read
	invited map[[2]string]bool
}

func newPosted() *posted {
	return &posted{refs: map[string]map[string]string{}, invited: map[[2]string]bool{}}
}

// get gives the ts of a post, "" when it is known not to be there.
func (p *posted) get(channel, ref string) (ts string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	refs, known := p.refs[channel]
	return refs[ref], known
}

func (p *posted) load(channel string, refs map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refs[channel] = refs
}

// fresh says that a channel was just made, so nothing can be in it.
func (p *posted) fresh(channel string) { p.load(channel, map[string]string{}) }

func (p *posted) set(channel, ref, ts string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refs[channel] == nil {
		p.refs[channel] = map[string]string{}
	}
	p.refs[channel][ref] = ts
}

// doubt says that the channel has to be read again.
func (p *posted) doubt(channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.refs, channel)
}

// invite says whether a person has still to be invited, and remembers it.
func (p *posted) invite(channel, user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.invited[[2]string{channel, user}] {
		return false
	}
	p.invited[[2]string{channel, user}] = true
	return true
}

func (p *posted) uninvite(channel, user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.invited, [2]string{channel, user})
}

// head is the journal's head, for the card; "" when it cannot be read.
func (a *Adapter) head(ctx context.Context, incident string) string {
	_, incidents, ok := a.bound()
	if !ok {
		return ""
	}
	size, root, err := incidents.Head(ctx, incident)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			a.log.Warn("the head of the journal could not be read for a card", "err", err)
		}
		return ""
	}
	return chatops.Head(size, root)
}
