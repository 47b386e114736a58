package awsfake

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// account is one AWS account.
type account struct {
	id    string
	users map[string]*principal
	roles map[string]*principal
}

// principal is a user or a role.
type principal struct {
	kind       string // "user" or "role"
	name, path string
	id         string // "AIDA..." or "AROA..."
	account    string
	created    time.Time
	trust      string // of a role: its document
	maxSession int    // of a role: seconds
	inline     map[string]string
	attached   []string
	groups     []string
	tags       map[string]string
	keys       []*accessKey
}

type accessKey struct {
	id, secret       string
	status           string
	created          time.Time
	used             time.Time
	service, usedReg string
}

func (p *principal) arn() string {
	return "arn:aws:iam::" + p.account + ":" + p.kind + p.path + p.name
}

func (p *principal) clone() *principal {
	c := *p
	c.inline, c.tags = maps.Clone(p.inline), maps.Clone(p.tags)
	c.attached, c.groups = slices.Clone(p.attached), slices.Clone(p.groups)
	c.keys = nil
	for _, k := range p.keys {
		one := *k
		c.keys = append(c.keys, &one)
	}
	return &c
}

func (a *account) clone() *account {
	c := &account{id: a.id, users: map[string]*principal{}, roles: map[string]*principal{}}
	for name, u := range a.users {
		c.users[name] = u.clone()
	}
	for name, r := range a.roles {
		c.roles[name] = r.clone()
	}
	return c
}

// of gives the users or the roles.
func (a *account) of(kind string) map[string]*principal {
	if kind == "role" {
		return a.roles
	}
	return a.users
}

// account finds an account by id, and makes it on first use.
func (s *Server) account(id string) *account {
	a, ok := s.accounts[id]
	if !ok {
		a = &account{id: id, users: map[string]*principal{}, roles: map[string]*principal{}}
		s.accounts[id] = a
	}
	return a
}

func (s *Server) next() int {
	s.serial++
	return s.serial
}

// newPrincipal adds a user or role. The name may carry a path, "team/alice".
func (s *Server) newPrincipal(accountID, kind, name string) *principal {
	slash := strings.LastIndex(name, "/")
	p := &principal{kind: kind, name: name[slash+1:], path: "/" + strings.TrimPrefix(name[:slash+1], "/"), account: accountID,
		created: s.options.Now().UTC().Truncate(time.Second), inline: map[string]string{}, tags: map[string]string{}, maxSession: 3600}
	prefix := "AIDA"
	if kind == "role" {
		prefix = "AROA"
	}
	p.id = fmt.Sprintf("%sFAKE%013d", prefix, s.next())
	s.account(accountID).of(kind)[p.name] = p
	return p
}

// AddUser adds an IAM user; "team/alice" puts alice under the path /team/.
func (s *Server) AddUser(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newPrincipal(s.options.Account, "user", name)
}

// AddToGroup puts a user into a group, which has no effect but to be listed.
func (s *Server) AddToGroup(user, group string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.account(s.options.Account).users[user]
	if !ok {
		panic(fmt.Sprintf("awsfake: no user %q", user))
	}
	u.groups = append(u.groups, group)
}

// AddRole adds an IAM role to an account, which need not exist yet. When
// externalID is not empty the role is assumed only with it.
func (s *Server) AddRole(accountID, name, externalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newPrincipal(accountID, "role", name)
	if externalID != "" {
		r.trust = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":%q}}}]}`, externalID)
	}
}

// AddAccessKey gives a user an active key of a chosen id. It panics when there
// is no such user: the test is wrong.
func (s *Server) AddAccessKey(user, id, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addKey(user, id, secret)
}

// NewAccessKey gives a user an active key with a made-up id.
func (s *Server) NewAccessKey(user string) Credentials {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.next()
	c := Credentials{fmt.Sprintf("AKIAFAKE%012d", n), fmt.Sprintf("fake-secret-%06d", n)}
	s.addKey(user, c.AccessKeyID, c.SecretAccessKey)
	return c
}

func (s *Server) addKey(user, id, secret string) {
	u, ok := s.account(s.options.Account).users[user]
	if !ok {
		panic(fmt.Sprintf("awsfake: no user %q", user))
	}
	u.keys = append(u.keys, &accessKey{id: id, secret: secret, status: "Active", created: s.options.Now().UTC().Truncate(time.Second)})
}

// SetLastUsed says when and where a key was last used.
func (s *Server) SetLastUsed(id string, at time.Time, service, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, k := s.findKey(id); k != nil {
		k.used, k.service, k.usedReg = at.UTC(), service, region
	}
}

// KeyStatus is Active or Inactive, and empty for a key that does not exist. It
// reads the true state, never a lagging one.
func (s *Server) KeyStatus(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, k := s.findKey(id); k != nil {
		return k.status
	}
	return ""
}

// InlinePolicy is the true document of an inline policy; kind is user or role.
// It is empty when there is none.
func (s *Server) InlinePolicy(kind, name, policy string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.account(s.options.Account).of(kind)[name]; ok {
		return p.inline[policy]
	}
	return ""
}

// SetInlinePolicy puts an inline policy, as somebody else would; an empty
// document removes it.
func (s *Server) SetInlinePolicy(kind, name, policy, document string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.account(s.options.Account).of(kind)[name]
	switch {
	case !ok:
		panic(fmt.Sprintf("awsfake: no %s %q", kind, name))
	case document == "":
		delete(p.inline, policy)
	default:
		p.inline[policy] = document
	}
}

func (s *Server) findKey(id string) (*principal, *accessKey) {
	for _, a := range s.accounts {
		for _, u := range a.users {
			for _, k := range u.keys {
				if k.id == id {
					return u, k
				}
			}
		}
	}
	return nil, nil
}

// Session is what AssumeRole made.
type Session struct {
	AccessKeyID    string
	Role           string // ARN of the role
	Name           string
	SourceIdentity string
	Tags           map[string]string
	Issued         time.Time
	Expires        time.Time

	secret, token string
	role          *principal
}

// Sessions lists all sessions ever made, oldest first, without their secrets.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Session
	for _, one := range s.sessions {
		list = append(list, Session{AccessKeyID: one.AccessKeyID, Role: one.Role, Name: one.Name, SourceIdentity: one.SourceIdentity,
			Tags: maps.Clone(one.Tags), Issued: one.Issued, Expires: one.Expires})
	}
	return list
}

// caller is who signed a request.
type caller struct {
	arn, account, userID string
	principal            *principal
	key                  *accessKey
	session              *Session
}

func (s *Server) authenticate(keyID, token string) (caller, *failure) {
	invalid := &failure{http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."}
	if keyID == "" {
		return caller{}, &failure{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	if u, k := s.findKey(keyID); k != nil {
		if k.status != "Active" {
			return caller{}, invalid
		}
		return caller{arn: u.arn(), account: u.account, userID: u.id, principal: u, key: k}, nil
	}
	for _, one := range s.sessions {
		switch {
		case one.AccessKeyID != keyID:
			continue
		case one.token != token:
			return caller{}, invalid
		case s.options.Now().After(one.Expires):
			return caller{}, &failure{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"}
		}
		return caller{
			arn:     "arn:aws:sts::" + one.role.account + ":assumed-role/" + one.role.name + "/" + one.Name,
			account: one.role.account, userID: one.role.id + ":" + one.Name, principal: one.role, session: one,
		}, nil
	}
	return caller{}, invalid
}

// used notes the last use of the key.
func (c caller) used(q *request) {
	if c.key != nil {
		c.key.used, c.key.service, c.key.usedReg = q.now, q.service, q.region
	}
}
