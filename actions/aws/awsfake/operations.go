package awsfake

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operation is one call that the fake knows.
type operation struct {
	writes bool
	do     func(s *Server, q *request) (element, *failure)
}

// operations lists them by name. It never changes.
var operations = map[string]operation{
	"sts:GetCallerIdentity": {false, (*Server).getCallerIdentity},
	"sts:AssumeRole":        {false, (*Server).assumeRole},

	"iam:CreateUser":           {true, create("user")},
	"iam:CreateRole":           {true, create("role")},
	"iam:GetUser":              {false, get("user")},
	"iam:GetRole":              {false, get("role")},
	"iam:CreateAccessKey":      {true, (*Server).createAccessKey},
	"iam:ListAccessKeys":       {false, (*Server).listAccessKeys},
	"iam:UpdateAccessKey":      {true, (*Server).updateAccessKey},
	"iam:DeleteAccessKey":      {true, (*Server).deleteAccessKey},
	"iam:GetAccessKeyLastUsed": {false, (*Server).getAccessKeyLastUsed},

	"iam:PutUserPolicy":            {true, putPolicy("user")},
	"iam:PutRolePolicy":            {true, putPolicy("role")},
	"iam:GetUserPolicy":            {false, getPolicy("user")},
	"iam:GetRolePolicy":            {false, getPolicy("role")},
	"iam:DeleteUserPolicy":         {true, deletePolicy("user")},
	"iam:DeleteRolePolicy":         {true, deletePolicy("role")},
	"iam:ListUserPolicies":         {false, listPolicies("user")},
	"iam:ListRolePolicies":         {false, listPolicies("role")},
	"iam:AttachUserPolicy":         {true, attachPolicy("user")},
	"iam:AttachRolePolicy":         {true, attachPolicy("role")},
	"iam:DetachUserPolicy":         {true, detachPolicy("user")},
	"iam:DetachRolePolicy":         {true, detachPolicy("role")},
	"iam:ListAttachedUserPolicies": {false, listAttached("user")},
	"iam:ListAttachedRolePolicies": {false, listAttached("role")},
	"iam:ListGroupsForUser":        {false, (*Server).listGroups},
	"iam:TagUser":                  {true, tag("user")},
	"iam:TagRole":                  {true, tag("role")},
	"iam:ListUserTags":             {false, listTags("user")},
	"iam:ListRoleTags":             {false, listTags("role")},

	"iam:SimulatePrincipalPolicy": {false, (*Server).simulate},
}

const stamp = "2006-01-02T15:04:05Z"

func missing(what, name string) *failure {
	return &failure{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf("The %s with name %s cannot be found.", what, name)}
}

func title(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

// find gives the principal that a request names; a request about a user that
// names none means the caller.
func (q *request) find(kind string) (*principal, *failure) {
	name := q.form.Get(title(kind) + "Name")
	if name == "" && kind == "user" && q.caller.key != nil {
		name = q.caller.principal.name
	}
	p, ok := q.account.of(kind)[name]
	if !ok {
		return nil, missing(kind, name)
	}
	return p, nil
}

// page cuts items to the page that the request asks for.
func page[T any](s *Server, q *request, name string, items []T, show func(T) element) []element {
	from, _ := strconv.Atoi(q.form.Get("Marker"))
	from = min(max(from, 0), len(items))
	to := len(items)
	if s.options.PageSize > 0 {
		to = min(to, from+s.options.PageSize)
	}
	list := group(name)
	for _, item := range items[from:to] {
		one := show(item)
		one.name = "member"
		list.children = append(list.children, one)
	}
	out := []element{list, leaf("IsTruncated", strconv.FormatBool(to < len(items)))}
	if to < len(items) {
		out = append(out, leaf("Marker", strconv.Itoa(to)))
	}
	return out
}

func (p *principal) show() element {
	e := group(title(p.kind), leaf("Path", p.path), leaf(title(p.kind)+"Name", p.name), leaf(title(p.kind)+"Id", p.id), leaf("Arn", p.arn()), leaf("CreateDate", p.created.Format(stamp)))
	if p.kind == "role" {
		e.children = append(e.children, leaf("AssumeRolePolicyDocument", url.PathEscape(p.trust)), leaf("MaxSessionDuration", strconv.Itoa(p.maxSession)))
	}
	return e
}

func create(kind string) func(*Server, *request) (element, *failure) {
	return func(s *Server, q *request) (element, *failure) {
		name := q.form.Get(title(kind) + "Name")
		if _, there := q.account.of(kind)[name]; there {
			return element{}, &failure{http.StatusConflict, "EntityAlreadyExists", fmt.Sprintf("%s with name %s already exists.", title(kind), name)}
		}
		p := s.newPrincipal(q.account.id, kind, strings.TrimPrefix(q.form.Get("Path"), "/")+name)
		p.trust = q.form.Get("AssumeRolePolicyDocument")
		if seconds, err := strconv.Atoi(q.form.Get("MaxSessionDuration")); err == nil {
			p.maxSession = seconds
		}
		return group("", p.show()), nil
	}
}

func get(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		return group("", p.show()), nil
	}
}

func (s *Server) createAccessKey(q *request) (element, *failure) {
	u, failed := q.find("user")
	if failed != nil {
		return element{}, failed
	}
	if len(u.keys) >= 2 {
		return element{}, &failure{http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"}
	}
	n := s.next()
	k := &accessKey{id: fmt.Sprintf("AKIAFAKE%012d", n), secret: fmt.Sprintf("fake-secret-%06d", n), status: "Active", created: q.now.Truncate(time.Second)}
	u.keys = append(u.keys, k)
	return group("", group("AccessKey", leaf("UserName", u.name), leaf("AccessKeyId", k.id), leaf("Status", k.status), leaf("SecretAccessKey", k.secret), leaf("CreateDate", k.created.Format(stamp)))), nil
}

func (s *Server) listAccessKeys(q *request) (element, *failure) {
	u, failed := q.find("user")
	if failed != nil {
		return element{}, failed
	}
	return group("", page(s, q, "AccessKeyMetadata", u.keys, func(k *accessKey) element {
		return group("", leaf("UserName", u.name), leaf("AccessKeyId", k.id), leaf("Status", k.status), leaf("CreateDate", k.created.Format(stamp)))
	})...), nil
}

// key finds the key that the request names, with its user.
func (q *request) key() (*principal, int, *failure) {
	u, failed := q.find("user")
	if failed != nil {
		return nil, 0, failed
	}
	id := q.form.Get("AccessKeyId")
	i := slices.IndexFunc(u.keys, func(k *accessKey) bool { return k.id == id })
	if i < 0 {
		return nil, 0, &failure{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf("The Access Key with id %s cannot be found.", id)}
	}
	return u, i, nil
}

func (s *Server) updateAccessKey(q *request) (element, *failure) {
	u, i, failed := q.key()
	if failed != nil {
		return element{}, failed
	}
	status := q.form.Get("Status")
	if status != "Active" && status != "Inactive" {
		return element{}, &failure{http.StatusBadRequest, "ValidationError", fmt.Sprintf("Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", status)}
	}
	u.keys[i].status = status
	return element{}, nil
}

func (s *Server) deleteAccessKey(q *request) (element, *failure) {
	u, i, failed := q.key()
	if failed != nil {
		return element{}, failed
	}
	u.keys = slices.Delete(u.keys, i, i+1)
	return element{}, nil
}

func (s *Server) getAccessKeyLastUsed(q *request) (element, *failure) {
	id := q.form.Get("AccessKeyId")
	for _, name := range slices.Sorted(maps.Keys(q.account.users)) {
		u := q.account.users[name]
		for _, k := range u.keys {
			if k.id != id {
				continue
			}
			used := group("AccessKeyLastUsed", leaf("ServiceName", "N/A"), leaf("Region", "N/A"))
			if !k.used.IsZero() {
				used = group("AccessKeyLastUsed", leaf("LastUsedDate", k.used.Format(stamp)), leaf("ServiceName", k.service), leaf("Region", k.usedReg))
			}
			return group("", leaf("UserName", u.name), used), nil
		}
	}
	return element{}, &failure{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf("The Access Key with id %s cannot be found.", id)}
}

func putPolicy(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		if strings.HasPrefix(p.path, "/aws-service-role/") {
			return element{}, &failure{http.StatusBadRequest, "UnmodifiableEntity", fmt.Sprintf("Cannot perform the operation on the protected role '%s'", p.name)}
		}
		name, text := q.form.Get("PolicyName"), q.form.Get("PolicyDocument")
		if _, ok := parsePolicy(text); !ok {
			return element{}, &failure{http.StatusBadRequest, "MalformedPolicyDocument", "Syntax errors in policy."}
		}
		limit, total := 2048, len(text)
		if kind == "role" {
			limit = 10240
		}
		for other, document := range p.inline {
			if other != name {
				total += len(document)
			}
		}
		if total > limit {
			return element{}, &failure{http.StatusConflict, "LimitExceeded", fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s %s", limit, kind, p.name)}
		}
		p.inline[name] = text
		return element{}, nil
	}
}

func getPolicy(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		name := q.form.Get("PolicyName")
		text, ok := p.inline[name]
		if !ok {
			return element{}, missing(kind+" policy", name)
		}
		return group("", leaf(title(kind)+"Name", p.name), leaf("PolicyName", name), leaf("PolicyDocument", url.PathEscape(text))), nil
	}
}

func deletePolicy(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		name := q.form.Get("PolicyName")
		if _, ok := p.inline[name]; !ok {
			return element{}, missing(kind+" policy", name)
		}
		delete(p.inline, name)
		return element{}, nil
	}
}

func listPolicies(kind string) func(*Server, *request) (element, *failure) {
	return func(s *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		return group("", page(s, q, "PolicyNames", slices.Sorted(maps.Keys(p.inline)), func(name string) element { return leaf("", name) })...), nil
	}
}

func attachPolicy(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		if arn := q.form.Get("PolicyArn"); !slices.Contains(p.attached, arn) {
			p.attached = append(p.attached, arn)
		}
		return element{}, nil
	}
}

func detachPolicy(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		i := slices.Index(p.attached, q.form.Get("PolicyArn"))
		if i < 0 {
			return element{}, missing("policy", q.form.Get("PolicyArn"))
		}
		p.attached = slices.Delete(p.attached, i, i+1)
		return element{}, nil
	}
}

func listAttached(kind string) func(*Server, *request) (element, *failure) {
	return func(s *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		return group("", page(s, q, "AttachedPolicies", p.attached, func(arn string) element {
			return group("", leaf("PolicyName", arn[strings.LastIndex(arn, "/")+1:]), leaf("PolicyArn", arn))
		})...), nil
	}
}

func (s *Server) listGroups(q *request) (element, *failure) {
	u, failed := q.find("user")
	if failed != nil {
		return element{}, failed
	}
	return group("", page(s, q, "Groups", u.groups, func(name string) element {
		return group("", leaf("Path", "/"), leaf("GroupName", name), leaf("GroupId", "AGPAFAKE"+name), leaf("Arn", "arn:aws:iam::"+u.account+":group/"+name), leaf("CreateDate", u.created.Format(stamp)))
	})...), nil
}

func tag(kind string) func(*Server, *request) (element, *failure) {
	return func(_ *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		maps.Copy(p.tags, formTags(q.form))
		return element{}, nil
	}
}

func listTags(kind string) func(*Server, *request) (element, *failure) {
	return func(s *Server, q *request) (element, *failure) {
		p, failed := q.find(kind)
		if failed != nil {
			return element{}, failed
		}
		return group("", page(s, q, "Tags", slices.Sorted(maps.Keys(p.tags)), func(key string) element {
			return group("", leaf("Key", key), leaf("Value", p.tags[key]))
		})...), nil
	}
}

// formTags reads Tags.member.1.Key and so on.
func formTags(form url.Values) map[string]string {
	tags := map[string]string{}
	for i := 1; ; i++ {
		prefix := "Tags.member." + strconv.Itoa(i) + "."
		key := form.Get(prefix + "Key")
		if key == "" {
			return tags
		}
		tags[key] = form.Get(prefix + "Value")
	}
}
