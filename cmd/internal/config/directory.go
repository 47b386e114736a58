package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// directory is a directory file being read.
type directory struct {
	document
	chatops.Directory
	readable bool // it is YAML, so names can be looked up

	people map[string]*yaml.Node // by id
	groups map[string]*yaml.Node // by name
	taken  map[string]*yaml.Node // what only one person may have: "slack T1/U1"
}

var (
	slackForm = regexp.MustCompile(`^T[A-Z0-9]{2,}/[UW][A-Z0-9]{2,}$`)
	osForm    = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.@\\$-]{0,63}$`)
	roles     = []string{string(chatops.Admin), string(chatops.Auditor), string(chatops.Commander), string(chatops.Facilitator), string(chatops.Reporter), string(chatops.Responder)}
)

// readDirectory reads the bytes of a directory file.
func readDirectory(file string, src []byte) *directory {
	d := &directory{
		document: document{file: file},
		people:   map[string]*yaml.Node{},
		groups:   map[string]*yaml.Node{},
		taken:    map[string]*yaml.Node{},
	}
	d.Groups = map[string][]string{}
	top := d.parse(src)
	if top == nil {
		return d
	}
	d.readable = true
	var groups *yaml.Node
	d.mapping(top, "",
		need("apiVersion", d.text(new(string), exactly(APIVersion))),
		need("kind", d.text(new(string), exactly("Directory"))),
		need("people", func(n *yaml.Node, at string) {
			d.list(n, at, d.person)
			if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
				d.fault(n, "add yourself: - {id: alice, os_user: alice, roles: [admin]}", "people is empty: nobody could do anything")
			}
		}),
		may("groups", func(n *yaml.Node, _ string) { groups = n }),
	)
	if groups != nil { // last, because groups name people wherever in the file they stand
		d.entries(groups, "groups", d.group)
	}
	return d
}

func (d *directory) person(n *yaml.Node, at string) {
	var p chatops.PersonEntry
	ok := d.mapping(n, at,
		need("id", d.text(&p.ID, form(nameForm, "alice"))),
		may("name", d.text(&p.Name)),
		may("slack", d.text(&p.Slack, form(slackForm, "T0123ABCD/U0456EFGH, the ids of workspace and user"))),
		may("os_user", d.text(&p.OSUser, form(osForm, "alice"))),
		may("identities", func(n *yaml.Node, at string) {
			d.list(n, at, func(n *yaml.Node, at string) {
				var identity string
				if d.text(&identity, isTarget)(n, at); identity != "" {
					once(d, n, p.Identities, identity, at)
					p.Identities = append(p.Identities, identity)
				}
			})
		}),
		may("roles", func(n *yaml.Node, at string) {
			d.list(n, at, func(n *yaml.Node, at string) {
				var role string
				if d.text(&role, exactly(roles...))(n, at); role != "" {
					once(d, n, p.Roles, chatops.Role(role), at)
					p.Roles = append(p.Roles, chatops.Role(role))
				}
			})
		}),
		may("ssh_keys", func(n *yaml.Node, at string) {
			d.list(n, at, func(n *yaml.Node, at string) { d.key(n, at, &p) })
			if len(p.SSHKeys) > engine.MaxKeys {
				d.fault(n, "remove those that are not used any more", "%s holds %d keys, and a person can have %d", at, len(p.SSHKeys), engine.MaxKeys)
			}
		}),
	)
	if !ok {
		return
	}
	if p.Name == "" {
		p.Name = p.ID
	}
	if before := d.people[p.ID]; p.ID != "" && before != nil {
		d.fault(d.at[at+".id"], "give each person an id of their own", "the person %q was defined before, on line %d", p.ID, before.Line)
		return
	}
	d.people[p.ID] = n
	d.alone(at+".slack", "Slack user", p.Slack)
	d.alone(at+".os_user", "user of this machine", p.OSUser)
	if p.ID != "" && p.Slack == "" && p.OSUser == "" {
		d.warn(n, "give slack or os_user", "%q cannot be recognised anywhere", p.ID)
	}
	d.People = append(d.People, p)
}

// alone refuses a second person behind the same account.
func (d *directory) alone(at, kind, value string) {
	if value == "" {
		return
	}
	if before := d.taken[kind+value]; before != nil {
		d.fault(d.at[at], "an account is one person; remove it from the other", "the %s %q belongs to somebody else already, on line %d", kind, value, before.Line)
		return
	}
	d.taken[kind+value] = d.at[at]
}

// key reads one public SSH key of a person. A key that two people have would
// let one of them sign for the other.
func (d *directory) key(n *yaml.Node, at string, p *chatops.PersonEntry) {
	var line string
	d.text(&line)(n, at)
	if line == "" || line == masked {
		return
	}
	key, err := engine.ParseSSHKey(line)
	if err != nil {
		d.fault(n, "write the line of a .pub file, in quotes", "%s: %v", at, err)
		return
	}
	if slices.Contains(p.SSHKeys, key.String()) {
		d.fault(n, "remove it", "%s repeats the key %s", at, key.Fingerprint())
		return
	}
	if before := d.taken["key "+key.String()]; before != nil {
		d.fault(n, "a key is one person's; remove it from the other", "the SSH key %s belongs to somebody else already, on line %d", key.Fingerprint(), before.Line)
		return
	}
	d.taken["key "+key.String()] = n
	p.SSHKeys = append(p.SSHKeys, key.String())
}

// once refuses a word that stands in a list already.
func once[T comparable](d *directory, n *yaml.Node, list []T, word T, at string) {
	if slices.Contains(list, word) {
		d.fault(n, "remove it", "%s repeats \"%v\"", at, word)
	}
}

func (d *directory) group(key, n *yaml.Node, at string) {
	d.groups[key.Value] = n
	members := []string{}
	ids := make([]string, len(d.People))
	for i, p := range d.People {
		ids[i] = p.ID
	}
	d.list(n, at, func(n *yaml.Node, at string) {
		var id string
		if d.text(&id, form(nameForm, "alice, the id of a person"))(n, at); id == "" || n.Value == masked {
			return
		}
		if !slices.Contains(ids, id) {
			d.fault(n, suggest(id, ids), "%s names %q, who is not among the people", at, id)
			return
		}
		once(d, n, members, id, at)
		members = append(members, id)
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.warn(n, "add people, or remove the group", "the group %q is empty: nobody can approve for it", key.Value)
	}
	d.Groups[key.Value] = members
}

// isTarget is the name of one target, "kind:name", without wildcards.
func isTarget(s string) (what, next string) {
	if what, next := target(s); what != "" {
		return what, strings.Replace(next, "break-glass-*", "alice", 1)
	}
	if strings.ContainsAny(s, `*?[\`) {
		return fmt.Sprintf("is %q", s), "write the whole name; an identity is one target, not a pattern"
	}
	return "", ""
}

// check looks up what the config asks of the directory.
func (c *config) check(d *directory) {
	for _, ask := range c.asks {
		known := true
		for _, n := range ask.from {
			kind, name, _ := strings.Cut(n.Value, ":")
			names := d.groups
			if kind == "person" {
				names = d.people
			}
			if names[name] == nil {
				known = false
				c.fault(n, suggest(name, slices.Collect(maps.Keys(names))), "%q is not in %s", n.Value, filepath.Base(d.file))
			}
		}
		switch people := len(d.Members(ask.floor.From)); {
		case !known || len(ask.from) == 0 || len(d.problems) > 0: // said already
		case people == 0:
			c.fault(ask.quorum, "add people to the groups in "+filepath.Base(d.file), "nobody can meet the approval floor of %q", ask.env)
		case people < ask.floor.Quorum:
			c.fault(ask.quorum, "lower the quorum, or add people", "the approval floor of %q asks for %d people and can reach only %d", ask.env, ask.floor.Quorum, people)
		}
	}
	if c.Slack == nil {
		return
	}
	for i, p := range d.People {
		if team, _, ok := strings.Cut(p.Slack, "/"); ok && c.Slack.Team != "" && team != c.Slack.Team {
			d.warn(d.at[fmt.Sprintf("people[%d].slack", i)], "check the id, or remove it", "%q is of the workspace %s; this server serves %s", p.ID, team, c.Slack.Team)
		}
	}
}
