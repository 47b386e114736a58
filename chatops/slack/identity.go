package slack

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/engine"
)

// verdict is what Slack says about an account: why it may not act, or "".
type verdict struct{ against string }

// place is what Slack says about a channel.
type place struct{ shared bool }

const cacheTime = time.Minute

// who gives the actor behind a request. Everything that people can do goes
// through here, and it fails closed: an account that Slack does not vouch for,
// a channel that strangers can read, or no answer from Slack make a Stranger,
// whose Name is the reason.
func (a *Adapter) who(ctx context.Context, r *request) engine.Actor {
	via := "slack:" + r.team + "/" + r.user
	stranger := func(reason string) engine.Actor {
		return engine.Actor{Type: engine.Stranger, Via: via, Name: reason}
	}
	switch {
	case r.user == "":
		return stranger("the request names no Slack user")
	case r.team != a.opt.TeamID, r.userTeam != "" && r.userTeam != a.opt.TeamID:
		return stranger("the Slack account belongs to another workspace")
	}
	v, err := a.account(ctx, r.user, r.decides())
	if err != nil {
		a.log.Warn("a Slack account could not be looked up, so its request is refused", "user", r.user, "err", err)
		return stranger("Slack could not say who this account is; try again, or use a terminal")
	}
	if v.against != "" {
		return stranger(v.against)
	}
	shared, err := a.isShared(ctx, r.channel)
	if err != nil {
		a.log.Warn("a channel could not be looked up, so a request from it is refused", "channel", r.channel, "err", err)
		return stranger("Slack could not say who can read this channel; try again, or use a terminal")
	}
	if shared {
		return stranger("this channel is shared with another organisation; use a channel of your own workspace")
	}
	directory := a.opt.Directory()
	if directory == nil {
		return stranger("there is no directory of people")
	}
	actor, ok := directory.BySlack(r.team, r.user)
	if !ok {
		return stranger("the Slack account is not in the directory")
	}
	return actor
}

// account looks a user up; an answer is used for a minute unless it has to be fresh.
func (a *Adapter) account(ctx context.Context, user string, fresh bool) (verdict, error) {
	if v, ok := a.people.get(user, a.now()); ok && !fresh {
		return v, nil
	}
	u, err := a.api.user(ctx, user)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{against: a.objection(u, user)}
	a.people.set(user, v, a.now())
	return v, nil
}

// objection says why an account may not act, or "".
func (a *Adapter) objection(u *slack.User, asked string) string {
	switch {
	case u == nil || u.ID != asked:
		return "Slack answered about another account"
	case u.Deleted:
		return "the Slack account is deactivated"
	case u.IsBot, u.IsWorkflowBot, u.IsConnectorBot, u.ID == "USLACKBOT":
		return "the Slack account is a bot"
	case u.IsUltraRestricted, u.IsRestricted:
		return "the Slack account is a guest"
	case u.IsStranger:
		return "the Slack account belongs to another organisation"
	case u.TeamID != a.opt.TeamID:
		return "the Slack account belongs to another workspace"
	}
	return ""
}

// isShared says whether people of another organisation can read a channel. A
// direct message is not shared, and a channel that the bot cannot see is none
// of its own.
func (a *Adapter) isShared(ctx context.Context, channel string) (bool, error) {
	if channel == "" || strings.HasPrefix(channel, "D") {
		return false, nil
	}
	if p, ok := a.places.get(channel, a.now()); ok {
		return p.shared, nil
	}
	c, err := a.api.channel(ctx, channel)
	switch {
	case isCode(err, "channel_not_found", "not_in_channel", "method_not_supported_for_channel_type"):
		return false, nil
	case err != nil:
		return false, err
	}
	p := place{shared: c.IsExtShared || c.IsPendingExtShared}
	a.places.set(channel, p, a.now())
	return p.shared, nil
}

// cache keeps answers of Slack for a short time.
type cache[T any] struct {
	mu sync.Mutex
	by map[string]cached[T]
}

type cached[T any] struct {
	value T
	at    time.Time
}

func newCache[T any]() *cache[T] { return &cache[T]{by: map[string]cached[T]{}} }

func (c *cache[T]) get(key string, now time.Time) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[key]
	age := now.Sub(e.at)
	return e.value, ok && age >= 0 && age < cacheTime
}

func (c *cache[T]) set(key string, value T, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.by) > 10_000 {
		clear(c.by)
	}
	c.by[key] = cached[T]{value, now}
}
