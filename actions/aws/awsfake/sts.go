package awsfake

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func (s *Server) getCallerIdentity(q *request) (element, *failure) {
	return group("", leaf("Arn", q.caller.arn), leaf("UserId", q.caller.userID), leaf("Account", q.caller.account)), nil
}

var sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func (s *Server) assumeRole(q *request) (element, *failure) {
	arn, name, identity := q.form.Get("RoleArn"), q.form.Get("RoleSessionName"), q.form.Get("SourceIdentity")
	no := &failure{http.StatusForbidden, "AccessDenied", fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", q.caller.arn, arn)}
	r := s.roleByARN(arn)
	if r == nil || !r.trusts(q.form.Get("ExternalId")) {
		return element{}, no
	}
	for what, value := range map[string]string{"roleSessionName": name, "sourceIdentity": identity} {
		if (value != "" || what == "roleSessionName") && !sessionNameForm.MatchString(value) {
			return element{}, &failure{http.StatusBadRequest, "ValidationError", fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", value, what)}
		}
	}
	life := 3600
	if seconds, err := strconv.Atoi(q.form.Get("DurationSeconds")); err == nil {
		life = seconds
	}
	if life < 900 || life > r.maxSession {
		return element{}, &failure{http.StatusBadRequest, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."}
	}
	n := s.next()
	made := &Session{
		AccessKeyID: fmt.Sprintf("ASIAFAKE%012d", n), secret: fmt.Sprintf("fake-secret-%d", n), token: fmt.Sprintf("fake-token-%d", n),
		Role: r.arn(), role: r, Name: name, SourceIdentity: identity, Tags: formTags(q.form),
		Issued: q.now, Expires: q.now.Add(time.Duration(life) * time.Second),
	}
	s.sessions = append(s.sessions, made)
	out := []element{
		group("Credentials", leaf("AccessKeyId", made.AccessKeyID), leaf("SecretAccessKey", made.secret), leaf("SessionToken", made.token), leaf("Expiration", made.Expires.Format(stamp))),
		group("AssumedRoleUser", leaf("AssumedRoleId", r.id+":"+name), leaf("Arn", "arn:aws:sts::"+r.account+":assumed-role/"+r.name+"/"+name)),
	}
	if identity != "" {
		out = append(out, leaf("SourceIdentity", identity))
	}
	return group("", out...), nil
}

func (s *Server) roleByARN(arn string) *principal {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || s.accounts[parts[4]] == nil {
		return nil
	}
	r := s.accounts[parts[4]].roles[arn[strings.LastIndex(arn, "/")+1:]]
	if r == nil || r.arn() != arn {
		return nil
	}
	return r
}

// trusts says whether the trust policy's external ids, if it has any, hold the
// one given.
func (p *principal) trusts(externalID string) bool {
	d, _ := parsePolicy(p.trust)
	for _, st := range d.Statement {
		if wanted, has := st.Condition["StringEquals"]["sts:ExternalId"]; has && !compare("StringEquals", externalID, wanted) {
			return false
		}
	}
	return true
}
