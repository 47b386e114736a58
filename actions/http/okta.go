package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
)

// oktaUser is what we read of a user.
type oktaUser struct {
	ID              string `json:"id"`
	Status          string `json:"status"`
	TransitioningTo string `json:"transitioningToStatus"`
	Profile         struct {
		Login string `json:"login"`
	} `json:"profile"`
}

// oktaRole is one role of an administrator.
type oktaRole struct {
	Type  string `json:"type"` // "SUPER_ADMIN"
	Label string `json:"label"`
}

// oktaProblem is the body of Okta's errors.
type oktaProblem struct {
	Code    string `json:"errorCode"`
	Summary string `json:"errorSummary"`
	ID      string `json:"errorId"`
}

// oktaCall makes one call of the Okta API. The error has its class; into may be nil.
func (p *Provider) oktaCall(ctx context.Context, call actions.Call, how access, method, query string, into any, path ...string) error {
	o := outgoing{op: "okta:" + method, how: how, method: method}
	if p.okta == nil || p.options.Okta.Token == "" {
		return &actions.Error{Class: actions.Denied, Op: o.op, Err: errors.New("no Okta organisation is configured"), Hint: "set okta.url and okta.token in the configuration"}
	}
	token, err := p.secret(ctx, o.op, p.options.Okta.Token)
	if err != nil {
		return err
	}
	o.hidden = veil{token}
	o.url = appendPath(p.okta, slices.Concat([]string{"api", "v1", "users"}, path)...)
	o.url.RawQuery = query
	o.header = http.Header{"Authorization": {p.options.Okta.Scheme + " " + token.Reveal()}, "Accept": {"application/json"}}
	got, err := p.send(ctx, call, o)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK && got.status != http.StatusNoContent {
		return p.oktaError(o, got)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return &actions.Error{Class: actions.Transient, Op: o.op, RequestID: got.id, Err: errors.New("the answer is not what Okta answers; is okta.url right?")}
	}
	return nil
}

// oktaError reads Okta's own code, which says more than the status.
func (p *Provider) oktaError(o outgoing, a answer) error {
	e := p.unexpected(o, a, "200 or 204")
	var problem oktaProblem
	if json.Unmarshal(a.body, &problem) != nil || problem.Code == "" {
		return e
	}
	e.Err = fmt.Errorf("Okta says %s (status %d): %s", o.hidden.word(problem.Code, 20), a.status, o.hidden.word(problem.Summary, 200))
	if a.status >= 500 {
		return e // trouble inside Okta, whatever the code: the effect is open
	}
	switch problem.Code {
	case "E0000001", "E0000038", "E0000112": // a condition of the endpoint is not met; wrong status of the user; not while the user changes
		e.Class, e.Hint = actions.Precondition, "look at the user's status in Okta"
	case "E0000002", "E0000003", "E0000021", "E0000022":
		e.Class, e.Hint = actions.Invalid, ""
	case "E0000004", "E0000005", "E0000011", "E0000015":
		e.Class, e.Hint = actions.Denied, "the token in okta.token is refused; make a new one"
	case "E0000006":
		e.Class, e.Hint = actions.Denied, "give the token's owner an admin role that may manage this user"
	case "E0000007", "E0000008", "E0000048":
		e.Class, e.Hint = actions.NotFound, "check the user's id or login, and that okta.url is the right organisation"
	case "E0000047":
		e.Class, e.Hint = actions.Throttled, p.wait(a.header)
	}
	return e
}
