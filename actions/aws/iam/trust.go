package iam

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// trustee is who a trust policy speaks of: AWS, Service, Federated or
// CanonicalUser, and the name there.
type trustee struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

var (
	accountForm  = regexp.MustCompile(`^[0-9]{12}$`)
	rootForm     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):root$`)
	serviceForm  = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?$`)
	providerForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(saml-provider|oidc-provider)/.+$`)
	uniqueIDForm = regexp.MustCompile(`^A[A-Z0-9]{15,}$`)
	webForm      = regexp.MustCompile(`^(cognito-identity\.amazonaws\.com|www\.amazon\.com|graph\.facebook\.com|accounts\.google\.com)$`)
)

// parseTrustee reads what a person writes for a principal.
func parseTrustee(text string) (trustee, error) {
	switch {
	case text == "*", accountForm.MatchString(text), rootForm.MatchString(text), uniqueIDForm.MatchString(text):
		return trustee{"AWS", text}, nil
	case webForm.MatchString(text), providerForm.MatchString(text):
		return trustee{"Federated", text}, nil
	case serviceForm.MatchString(text):
		return trustee{"Service", text}, nil
	}
	if m := arnForm.FindStringSubmatch(text); m != nil {
		return trustee{"AWS", text}, nil
	}
	return trustee{}, fmt.Errorf("%q is no principal of a trust policy; write an ARN, an account of twelve digits, a service such as ec2.amazonaws.com, or *", text)
}

var arnForm = regexp.MustCompile(`^arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:(?:user|role|assumed-role|federated-user)/.+$`)

// same compares two names; an account and its root are the same.
func (t trustee) same(name string) bool {
	account := func(s string) string {
		if m := rootForm.FindStringSubmatch(s); m != nil {
			return m[1]
		}
		return s
	}
	return account(t.Name) == account(name)
}

// wide says whether t stands for more than one principal of an account.
func (t trustee) wide() bool {
	return t.Kind == "AWS" && (t.Name == "*" || accountForm.MatchString(t.Name) || rootForm.MatchString(t.Name))
}

// covers says whether t stands for p, by name or with others.
func (t trustee) covers(p cloud.Principal) bool {
	switch {
	case t.Kind != "AWS":
		return false
	case t.Name == "*", t.same(p.Account):
		return true
	}
	given, err := cloud.ParsePrincipal(t.Name)
	return err == nil && given.Kind == p.Kind && given.Account == p.Account && strings.EqualFold(given.Name, p.Name)
}

// trustPolicy is a trust policy whose unknown parts are kept as they are.
type trustPolicy map[string]any

func readTrust(document string) (trustPolicy, []map[string]any, error) {
	var policy trustPolicy
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		return nil, nil, fmt.Errorf("the trust policy is no JSON: %w", err)
	}
	var list []any
	switch s := policy["Statement"].(type) {
	case []any:
		list = s
	case map[string]any:
		list = []any{s}
	}
	var statements []map[string]any
	for _, one := range list {
		s, ok := one.(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("a statement of the trust policy is no object")
		}
		statements = append(statements, s)
	}
	return policy, statements, nil
}

// with gives the policy with other statements.
func (p trustPolicy) with(statements []map[string]any) (string, error) {
	p["Statement"] = statements
	data, err := json.Marshal(p)
	return string(data), err
}

// assumeActions are all ways into a role.
func assumeActions() []string {
	return []string{"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}
}

// denyTrust adds a statement that keeps t out, whatever else the policy allows.
// The exempt keep what they had.
func denyTrust(document, sid string, t trustee, exempt []cloud.Principal) (string, error) {
	policy, statements, err := readTrust(document)
	if err != nil {
		return "", err
	}
	deny := denial(sid, t)
	if names := arnPatterns(exempt); len(names) > 0 {
		deny["Condition"] = map[string]any{"ArnNotLike": map[string]any{"aws:PrincipalArn": names}}
	}
	statements = slices.DeleteFunc(statements, func(s map[string]any) bool { return s["Sid"] == sid })
	return policy.with(append(statements, deny))
}

func denial(sid string, t trustee) map[string]any {
	return map[string]any{"Sid": sid, "Effect": "Deny", "Principal": map[string]any{t.Kind: t.Name}, "Action": assumeActions()}
}

// arnPatterns are the ARNs of principals, and patterns for roles, since a
// session does not tell the path of its role.
func arnPatterns(list []cloud.Principal) []string {
	var names []string
	for _, p := range list {
		names = append(names, p.ARN())
		if p.Kind == cloud.Role && p.Path == "/" {
			p.Path = "/*/"
			names = append(names, p.ARN())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// removeTrust takes t out of all statements that allow. A statement that then
// names nobody goes, and a policy with none left denies everybody, since AWS
// wants one. removed says how many places named t; others lists who else is
// named there that is a part of t, or that t is a part of: while they are, t is
// not out.
func removeTrust(document, sid string, t trustee) (changed string, removed int, others []string, err error) {
	policy, statements, err := readTrust(document)
	if err != nil {
		return "", 0, nil, err
	}
	var kept []map[string]any
	for _, s := range statements {
		if s["Effect"] != "Allow" {
			kept = append(kept, s)
			continue
		}
		left, n := withoutTrustee(s["Principal"], t)
		removed += n
		switch {
		case n == 0:
			kept = append(kept, s)
		case left != nil:
			s["Principal"] = left
			kept = append(kept, s)
		}
		for _, one := range namesOf(left) {
			if t.overlaps(one) {
				others = append(others, one.Name)
			}
		}
		if s["NotPrincipal"] != nil {
			others = append(others, "everybody but some (NotPrincipal)")
		}
	}
	if len(kept) == 0 {
		kept = append(kept, denial(sid, trustee{"AWS", "*"}))
	}
	changed, err = policy.with(kept)
	slices.Sort(others)
	return changed, removed, slices.Compact(others), err
}

func accountOf(name string) string {
	if m := rootForm.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return name
}

// withoutTrustee gives what is left of a Principal element: nil when nothing is.
func withoutTrustee(principal any, t trustee) (left any, removed int) {
	if principal == "*" {
		if t.Name == "*" {
			return nil, 1
		}
		return principal, 0
	}
	kinds, ok := principal.(map[string]any)
	if !ok {
		return principal, 0
	}
	rest := map[string]any{}
	for kind, value := range kinds {
		if kind != t.Kind {
			rest[kind] = value
			continue
		}
		names, list := value.([]any)
		if !list {
			names = []any{value}
		}
		var keep []any
		for _, name := range names {
			if s, ok := name.(string); ok && t.same(s) {
				removed++
				continue
			}
			keep = append(keep, name)
		}
		switch {
		case len(keep) == 1 && !list:
			rest[kind] = keep[0]
		case len(keep) > 0:
			rest[kind] = keep
		}
	}
	if len(rest) == 0 {
		return nil, removed
	}
	return rest, removed
}

// namesOf lists all whom a Principal element names.
func namesOf(principal any) []trustee {
	if principal == "*" {
		return []trustee{{"AWS", "*"}}
	}
	kinds, _ := principal.(map[string]any)
	var names []trustee
	for kind, value := range kinds {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, one := range list {
			if name, ok := one.(string); ok {
				names = append(names, trustee{kind, name})
			}
		}
	}
	return names
}

// overlaps says whether somebody who is t may come in as other. A role and its
// sessions are the same here, and so are ARNs that differ in their path alone:
// one of the two is a mistake, and nothing may be claimed on it.
func (t trustee) overlaps(other trustee) bool {
	if other.Name == "*" {
		return true
	}
	if t.Kind != "AWS" || other.Kind != "AWS" {
		return t.Kind == other.Kind && t.same(other.Name)
	}
	mine, session := who(t.Name)
	theirs, otherSession := who(other.Name)
	switch {
	case t.Name == "*", t.same(other.Name):
		return true
	case mine == nil || theirs == nil: // the id of a principal that was deleted
		return false
	case mine[0] != theirs[0]:
		return false
	case t.wide(), other.wide():
		return true
	case session != "" && otherSession != "" && session != otherSession:
		return false
	}
	return slices.Equal(mine, theirs)
}

// who is what an ARN of a principal says without the path: account, user or
// role, and name in small letters. Of a session it is who has it, and the
// session's name. It is nil for an id, and the account alone for a whole one.
func who(name string) (owner []string, session string) {
	if account := accountOf(name); accountForm.MatchString(account) {
		return []string{account}, ""
	}
	parts := strings.SplitN(name, ":", 6)
	if len(parts) != 6 {
		return nil, ""
	}
	words := strings.Split(parts[5], "/")
	kind, last := words[0], words[len(words)-1]
	switch kind {
	case "assumed-role":
		return []string{parts[4], "role", strings.ToLower(words[min(1, len(words)-1)])}, last
	case "federated-user":
		kind = "user"
	}
	return []string{parts[4], kind, strings.ToLower(last)}, ""
}

// sameTrust compares two trust policies by meaning: AWS writes an account as
// its root, and may write a list of one as its only element, or in another
// order.
func sameTrust(a, b string) bool {
	x, y := canonicalTrust(a), canonicalTrust(b)
	return x != "" && x == y
}

func canonicalTrust(document string) string {
	policy, statements, err := readTrust(document)
	if err != nil {
		return ""
	}
	for _, s := range statements {
		for _, key := range []string{"Principal", "NotPrincipal"} {
			if s[key] == "*" {
				s[key] = map[string]any{"AWS": "*"}
			}
		}
		for key, value := range s {
			s[key] = plainLists(value, strings.HasSuffix(key, "Principal"))
		}
	}
	text, err := policy.with(statements)
	if err != nil {
		return ""
	}
	return text
}

// plainLists writes lists of names in one form, and accounts too.
func plainLists(value any, accounts bool) any {
	plain := func(name string) string {
		if accounts {
			return accountOf(name)
		}
		return name
	}
	switch v := value.(type) {
	case string:
		return plain(v)
	case []any:
		var names []string
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				return v
			}
			names = append(names, plain(s))
		}
		slices.Sort(names)
		if names = slices.Compact(names); len(names) == 1 {
			return names[0]
		}
		return names
	case map[string]any:
		for key, one := range v {
			v[key] = plainLists(one, accounts)
		}
		return v
	}
	return value
}
