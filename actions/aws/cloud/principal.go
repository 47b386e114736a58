package cloud

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Kind is user or role.
type Kind string

// The kinds of principals.
const (
	User Kind = "user"
	Role Kind = "role"
)

// Principal is an IAM user or role.
type Principal struct {
	Partition string `json:"partition"`
	Account   string `json:"account"`
	Kind      Kind   `json:"kind"`
	Path      string `json:"path"` // "/" or "/team/"
	Name      string `json:"name"`
}

// ARN names the Principal as IAM does.
func (p Principal) ARN() string {
	return "arn:" + p.Partition + ":iam::" + p.Account + ":" + string(p.Kind) + p.Path + p.Name
}

func (p Principal) Target() actions.Target {
	return actions.Target{Type: "aws.iam." + string(p.Kind), ID: p.Name, Account: p.Account}
}

func (p Principal) String() string { return string(p.Kind) + " " + p.Name }

var arnForm = regexp.MustCompile(`^arn:(aws[a-z-]*):(iam|sts)::([0-9]{12}):([a-z-]+)(?:/(.+))?$`)

// ParsePrincipal reads the ARN of a user or role. For other ARNs the error
// says what to give instead.
func ParsePrincipal(arn string) (Principal, error) {
	m := arnForm.FindStringSubmatch(arn)
	if m == nil {
		return Principal{}, fmt.Errorf("%q is not the ARN of an IAM user or role; write it like arn:aws:iam::111122223333:user/alice", arn)
	}
	partition, account, what, rest := m[1], m[3], m[4], m[5]
	switch {
	case what == "root":
		return Principal{}, fmt.Errorf("%q is an account's root user, which no policy of its own can deny; use a service control policy", arn)
	case what == "assumed-role":
		name, _, _ := strings.Cut(rest, "/")
		return Principal{}, fmt.Errorf("%q is a session of a role; give the role itself: arn:%s:iam::%s:role/%s (with its path), or use aws.iam.revoke_sessions", arn, partition, account, name)
	case what == "federated-user":
		return Principal{}, fmt.Errorf("%q is a federated session; give the user that made it: a deny on that user covers its sessions", arn)
	case (what != string(User) && what != string(Role)) || rest == "":
		return Principal{}, fmt.Errorf("%q is neither a user nor a role; write it like arn:aws:iam::111122223333:user/alice", arn)
	}
	slash := strings.LastIndex(rest, "/")
	return Principal{partition, account, Kind(what), "/" + rest[:slash+1], rest[slash+1:]}, nil
}

// parseCaller reads the answer of GetCallerIdentity. A session of a role is
// that role (its path is not told); root and federated users are users of
// those names.
func parseCaller(arn, account string) (Principal, error) {
	m := arnForm.FindStringSubmatch(arn)
	if m == nil && account == "" {
		return Principal{}, fmt.Errorf("AWS does not say who these credentials belong to (%q)", arn)
	}
	if m == nil || m[3] != account {
		return Principal{}, fmt.Errorf("AWS says %q for account %q, which do not fit together", arn, account)
	}
	parts := strings.Split(m[5], "/")
	self := Principal{Partition: m[1], Account: m[3], Kind: User, Path: "/", Name: parts[len(parts)-1]}
	switch m[4] {
	case "root":
		self.Name = "root"
	case "assumed-role":
		self.Kind, self.Name = Role, parts[0]
	case "user":
		self.Path = "/" + strings.TrimSuffix(m[5], self.Name)
	}
	return self, nil
}

// Refuse says why p must not be contained through this session, or nil.
func (c *Conn) Refuse(op string, p Principal) error {
	no := func(hint, format string, args ...any) error {
		return &actions.Error{Class: actions.Precondition, Op: op, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	switch {
	case p.Account != c.Account:
		return no("use the environment of that account", "%s is in account %s, but this environment is account %s", p, p.Account, c.Account)
	case p.Kind == Role && strings.HasPrefix(p.Path, "/aws-service-role/"):
		return no("stop it in the service that owns it", "%s is a service-linked role, which cannot be edited", p)
	case p.Kind == Role && (strings.HasPrefix(p.Path, "/aws-reserved/") || strings.HasPrefix(p.Name, "AWSReservedSSO_")):
		return no("remove the assignment in IAM Identity Center, or use a service control policy", "%s belongs to IAM Identity Center, which would undo the change", p)
	case c.IsSelf(p):
		return no("firebreak would lock itself out; use another identity for firebreak", "%s is the identity that firebreak itself uses", p)
	}
	return nil
}

// IsSelf says whether p is who we are, were, or shall be: one of the session's
// Selves or Duties. The path does not count.
func (c *Conn) IsSelf(p Principal) bool {
	return slices.ContainsFunc(slices.Concat(c.Selves, c.Duties), func(self Principal) bool {
		return self.Kind == p.Kind && strings.EqualFold(self.Name, p.Name) && self.Account == p.Account
	})
}
