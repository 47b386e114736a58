package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// check turns what an attempt gave into a check: trouble that may be gone
// tomorrow leaves the question open.
func check(name string, err error) actions.Check {
	switch actions.ClassOf(err) {
	case actions.Transient, actions.Throttled, actions.Unknown:
		if err != nil {
			return actions.Check{Name: name, Readiness: actions.ReadyUnknown, Detail: err.Error()}
		}
	}
	if err != nil {
		return actions.Check{Name: name, Readiness: actions.NotReady, Detail: err.Error()}
	}
	return actions.Check{Name: name, Readiness: actions.Ready}
}

// reach connects to where u leads, with the same checks as a request, and hangs
// up before anything is asked.
func (p *Provider) reach(ctx context.Context, u *url.URL) actions.Check {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	o := outgoing{op: "http:connect", how: reads, url: u}
	conn, err := p.dial(ctx, "tcp", dialKey(u), u.Scheme == "http")
	if err == nil {
		if u.Scheme == "https" {
			err = tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.options.Roots, ServerName: u.Hostname()}).HandshakeContext(ctx)
		}
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		err = p.classify(o, false, err)
	}
	return check("connection to "+u.Host, err)
}

// hold resolves the secrets of headers, and forgets them.
func (p *Provider) hold(ctx context.Context, op string, headers ...map[string]string) []actions.Check {
	refs := map[string]bool{}
	for _, h := range headers {
		for _, value := range h {
			if _, rest, secret := strings.Cut(value, refMark); secret {
				refs[refMark+rest] = true
			}
		}
	}
	var checks []actions.Check
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		_, err := p.secret(ctx, op, ref)
		checks = append(checks, check("the secret "+ref, err))
	}
	return checks
}

// Preflight reads what the step would read.
func (a get) Preflight(ctx context.Context, call actions.Call, p getParams) ([]actions.Check, error) {
	_, err := a.Execute(ctx, call, p)
	return []actions.Check{check("the request itself", err)}, nil
}

// Preflight looks whether the services can be reached and the secrets are
// there. Whether the request would be taken cannot be told without sending it.
func (a request) Preflight(ctx context.Context, call actions.Call, p requestParams) ([]actions.Check, error) {
	o, _, err := a.prepare(p, call.Key)
	if err != nil {
		return nil, err
	}
	checks := a.provider.hold(ctx, opRequest, p.Headers, p.Verify.Headers, p.Undo.Headers, p.Undo.Verify.Headers)
	checks = append(checks, a.provider.reach(ctx, o.url))
	if p.Undo.given() {
		undo, _, err := a.provider.change("undo.", p.Undo)
		if err != nil {
			return nil, err
		}
		if dialKey(undo.url) != dialKey(o.url) {
			checks = append(checks, a.provider.reach(ctx, undo.url))
		}
	}
	return append(checks, actions.Check{Name: "the request itself", Readiness: actions.ReadyUnknown, Detail: fmt.Sprintf("a %s cannot be tried without making its change", p.Method)}), nil
}

// Preflight looks whether the token belongs to somebody who may suspend users.
func (a suspendUser) Preflight(ctx context.Context, call actions.Call, _ suspendUserParams) ([]actions.Check, error) {
	const name = "rights of the owner of okta.token"
	me, err := a.user(ctx, call, "me")
	if err != nil {
		return []actions.Check{{Name: name, Readiness: actions.ReadyUnknown, Detail: "Okta does not say whose token it is: " + err.Error()}}, nil
	}
	var roles []oktaRole
	if err := a.provider.oktaCall(ctx, call, reads, http.MethodGet, "", &roles, me.ID, "roles"); err != nil {
		return []actions.Check{{Name: name, Readiness: actions.ReadyUnknown, Detail: "the roles of user " + me.Profile.Login + " cannot be read: " + err.Error()}}, nil
	}
	for _, r := range roles {
		if r.Type == "SUPER_ADMIN" || r.Type == "ORG_ADMIN" {
			return []actions.Check{{Name: name, Readiness: actions.Ready, Detail: fmt.Sprintf("user %s is %s", me.Profile.Login, r.Type)}}, nil
		}
	}
	return []actions.Check{{Name: name, Readiness: actions.ReadyUnknown, Detail: fmt.Sprintf("user %s has no role that may suspend every user; whether it may suspend this one is not known", me.Profile.Login)}}, nil
}

// routingKey is the length of the key of an integration.
const routingKey = 32

// Preflight looks whether PagerDuty can be reached and the key is there.
// Whether it is the right key cannot be told without paging somebody.
func (a event) Preflight(ctx context.Context, _ actions.Call, _ eventParams) ([]actions.Check, error) {
	key, err := a.provider.secret(ctx, opEvent, a.provider.options.PagerDuty.RoutingKey)
	if err == nil && len(key.Reveal()) != routingKey {
		err = &actions.Error{Class: actions.Invalid, Op: opEvent, Err: fmt.Errorf("it has %d characters, a routing key has %d", len(key.Reveal()), routingKey), Hint: "take the integration key of an Events API v2 integration"}
	}
	return []actions.Check{
		check("the secret of pagerduty.routing_key", err), a.provider.reach(ctx, a.provider.pagerDuty),
		{Name: "the event itself", Readiness: actions.ReadyUnknown, Detail: "an event cannot be tried without paging somebody"},
	}, nil
}
