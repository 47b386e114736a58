package chatops

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// Directory is who is who: the root of trust for every right. It comes from a
// file in git; what a chat says about its users can only take rights away.
type Directory struct {
	People []PersonEntry
	Groups map[string][]string // group name to person ids
}

// PersonEntry is one person.
type PersonEntry struct {
	ID         string   // "alice"
	Name       string   // for display
	Slack      string   // "T0123/U0456", team and user
	OSUser     string   // name on the machine the server runs on
	Identities []string // targets that are this person: "aws.iam.user:alice"
	Roles      []Role
	SSHKeys    []string // public keys that may sign votes: "ssh-ed25519 AAAA..."
}

// Role is what a person may do besides what groups allow.
type Role string

// The roles. Everybody in the directory is a reporter.
const (
	Reporter  Role = "reporter"
	Responder Role = "responder"
	Commander Role = "commander"
	Auditor   Role = "auditor"
	Admin     Role = "admin"

	Facilitator Role = "facilitator" // may begin exercises, and leads those
)

// Person finds a person by id.
func (d *Directory) Person(id string) (PersonEntry, bool) {
	return d.first(func(p PersonEntry) bool { return p.ID == id })
}

// BySlack finds the person behind a Slack user of a team.
func (d *Directory) BySlack(team, user string) (engine.Actor, bool) {
	p, ok := d.first(func(p PersonEntry) bool { return p.Slack == team+"/"+user })
	if !ok || team == "" || user == "" {
		return engine.Actor{Type: engine.Stranger, Via: "slack:" + team + "/" + user}, false
	}
	return d.actor(p, "slack:"+team+"/"+user), true
}

// ByOSUser finds the person behind a user of this machine.
func (d *Directory) ByOSUser(name string, uid int) (engine.Actor, bool) {
	via := "cli:" + name + "/" + strconv.Itoa(uid)
	p, ok := d.first(func(p PersonEntry) bool { return p.OSUser == name })
	if !ok || name == "" {
		return engine.Actor{Type: engine.Stranger, Via: via}, false
	}
	return d.actor(p, via), true
}

func (d *Directory) first(match func(PersonEntry) bool) (PersonEntry, bool) {
	i := slices.IndexFunc(d.People, match)
	if i < 0 {
		return PersonEntry{}, false
	}
	return d.People[i], true
}

func (d *Directory) actor(p PersonEntry, via string) engine.Actor {
	a := engine.Actor{Type: engine.Person, ID: p.ID, Name: p.Name, Via: via, Identities: slices.Sorted(slices.Values(p.Identities))}
	for group, members := range d.Groups {
		if slices.Contains(members, p.ID) {
			a.Groups = append(a.Groups, group)
		}
	}
	slices.Sort(a.Groups)
	return a
}

// Members lists the person ids behind "group:x" and "person:y", sorted,
// without repeats. Unknown names give nobody.
func (d *Directory) Members(from []string) []string {
	var ids []string
	for _, f := range from {
		kind, name, _ := strings.Cut(f, ":")
		switch kind {
		case "group":
			ids = append(ids, d.Groups[name]...)
		case "person":
			if _, ok := d.Person(name); ok {
				ids = append(ids, name)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
