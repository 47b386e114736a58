package slackfake

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// User is a member of the workspace, or a stranger whom an external channel brings in.
type User struct {
	ID          string // default made up
	TeamID      string // default the workspace; another one makes the user external
	Name        string // the handle; default the ID in lower case
	RealName    string
	DisplayName string
	Email       string
	Title       string
	TZ          string // default UTC

	Admin, Owner, PrimaryOwner bool
	Restricted                 bool // a multi-channel guest
	UltraRestricted            bool // a single-channel guest
	Stranger                   bool // from another workspace, known by a shared channel only
	Bot, Deleted               bool
}

// Shown is the name other people read: the display name, else the real name, else the handle.
func (u User) Shown() string {
	for _, s := range []string{u.DisplayName, u.RealName, u.Name} {
		if s != "" {
			return s
		}
	}
	return u.ID
}

// Group is a user group, mentioned as @handle.
type Group struct {
	ID          string
	Handle      string
	Name        string
	Description string
	Members     []string // user IDs
	Disabled    bool
	External    bool
	Created     time.Time
}

// AddUser adds a person, or replaces the one with that ID, and returns the driver of that person.
func (w *Workspace) AddUser(u User) *Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u.ID == "" {
		u.ID = w.nextID("U")
	}
	if u.TeamID == "" {
		u.TeamID = w.opt.TeamID
	}
	if u.Name == "" {
		u.Name = strings.ToLower(u.ID)
	}
	if u.TZ == "" {
		u.TZ = "UTC"
	}
	if i := slices.IndexFunc(w.users, func(have *User) bool { return have.ID == u.ID }); i >= 0 {
		w.users[i] = &u
	} else {
		w.users = append(w.users, &u)
	}
	w.changedLocked()
	return &Person{ws: w, id: u.ID}
}

// AddGroup adds a user group, or replaces the one with that ID. A replacement sends subteam_members_changed when the
// app has subscribed to it.
func (w *Workspace) AddGroup(g Group) Group {
	w.mu.Lock()
	if g.ID == "" {
		g.ID = w.nextID("S")
	}
	if g.Name == "" {
		g.Name = g.Handle
	}
	if g.Created.IsZero() {
		g.Created = w.now()
	}
	g.Members = slices.Clone(g.Members)
	i := slices.IndexFunc(w.groups, func(have *Group) bool { return have.ID == g.ID })
	var before []string
	if i >= 0 {
		before = w.groups[i].Members
		w.groups[i] = &g
	} else {
		w.groups = append(w.groups, &g)
	}
	w.changedLocked()
	w.mu.Unlock()
	if i >= 0 {
		w.emit(map[string]any{
			"type": "subteam_members_changed", "subteam_id": g.ID, "team_id": w.opt.TeamID,
			"added_users": without(g.Members, before), "removed_users": without(before, g.Members),
		})
	}
	return g
}

func without(all, drop []string) []string {
	out := []string{}
	for _, s := range all {
		if !slices.Contains(drop, s) {
			out = append(out, s)
		}
	}
	return out
}

// AddChannel adds a channel, or replaces the one with that ID, and returns it with what was made up. Members are user
// IDs; add the bot's to let it post.
func (w *Workspace) AddChannel(c Channel) Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.ID == "" {
		c.ID = w.nextID("C")
	}
	if c.Name == "" {
		c.Name = strings.ToLower(c.ID)
	}
	if c.Created.IsZero() {
		c.Created = w.now()
	}
	c.Members = slices.Clone(c.Members)
	if i := slices.IndexFunc(w.channels, func(have *Channel) bool { return have.ID == c.ID }); i >= 0 {
		w.channels[i] = &c
	} else {
		w.channels = append(w.channels, &c)
	}
	w.changedLocked()
	return c.clone()
}

// ShareChannel turns a channel into one shared with another organisation, and sends channel_shared when the app has
// subscribed to it.
func (w *Workspace) ShareChannel(channel, withTeam string) error {
	w.mu.Lock()
	c := w.channel(channel)
	if c == nil {
		w.mu.Unlock()
		return fmt.Errorf("share %q: no such channel", channel)
	}
	c.ExtShared = true
	c.ConnectedTeams = append(c.ConnectedTeams, withTeam)
	id := c.ID
	w.say(Line{Kind: "notice", ChannelID: id, Text: "this channel is now shared with " + withTeam})
	w.mu.Unlock()
	w.flush()
	w.emit(map[string]any{"type": "channel_shared", "connected_team_id": withTeam, "channel": id})
	return nil
}
