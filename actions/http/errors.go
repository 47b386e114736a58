package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// classify is the one place where a request without a whole answer gets its
// class. Without a connection not one byte of it has left.
func (p *Provider) classify(o outgoing, connected bool, err error) error {
	e := &actions.Error{Class: actions.Unknown, Op: o.op, Err: errors.New(o.hidden.word(bare(err).Error(), 300))}
	if _, no := errors.AsType[*refusal](err); no {
		e.Class, e.Hint = actions.Invalid, "nothing was sent; if this is meant, open the address range in http.private in the configuration"
		return e
	}
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad && !connected {
		e.Class, e.Hint = actions.Precondition, "nothing was sent, because the other end cannot prove that it is "+strconv.Quote(o.url.Hostname())
		return e
	}
	switch {
	case !connected:
		e.Class, e.Hint = actions.Transient, fmt.Sprintf("%s could not be reached; nothing was sent", o.url.Host)
	case o.how == reads:
		e.Class = actions.Transient
	default:
		e.Hint = "it may have taken effect; look at the target before it is sent again"
	}
	return e
}

// bare drops what net puts around an error: addresses that say nothing to
// people. The URL with its query is in none, since no [http.Client] is used.
func bare(err error) error {
	if no, ok := errors.AsType[*refusal](err); ok {
		return no
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		if name.IsNotFound {
			return fmt.Errorf("no such host: %q", name.Name)
		}
		return fmt.Errorf("the name %q could not be looked up", name.Name)
	}
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no whole answer before the time limit")
	}
	return err
}

// unexpected is the error of an answer whose status was not expected. What a
// status means depends on whether the request was meant to change something.
func (p *Provider) unexpected(o outgoing, a answer, expected string) *actions.Error {
	e := &actions.Error{Class: p.classOf(o.how, a), Op: o.op, RequestID: a.id,
		Err: fmt.Errorf("%s answered with status %d%s, expected %s", place(o.url), a.status, name(a.status), expected)}
	switch {
	case e.Class == actions.Throttled:
		e.Hint = p.wait(a.header)
	case a.status >= 300 && a.status < 400:
		e.Hint = "redirects are not followed; put the address that it leads to in the step"
		if to, err := url.Parse(a.header.Get("Location")); err == nil && to.Host != "" {
			e.Hint = fmt.Sprintf("redirects are not followed; it leads to the host %q", o.hidden.word(to.Host, 100))
		}
	case e.Class == actions.Denied:
		e.Hint = "check the credentials in the headers, and what they may do"
	case e.Class == actions.Unknown:
		e.Hint = "it may have taken effect; look at the target before it is sent again"
	}
	return e
}

// classOf is the class of a status that was not expected.
func (p *Provider) classOf(how access, a answer) actions.Class {
	open := actions.Unknown
	if how == reads {
		open = actions.Transient
	}
	switch s := a.status; {
	case s == http.StatusTooManyRequests, s == http.StatusForbidden && a.header.Get("X-RateLimit-Remaining") == "0":
		return actions.Throttled
	case s >= 500, s == http.StatusRequestTimeout:
		return open
	case s == http.StatusTooEarly:
		return actions.Transient
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusProxyAuthRequired:
		return actions.Denied
	case s == http.StatusNotFound, s == http.StatusGone:
		return actions.NotFound
	case s == http.StatusConflict, s == http.StatusPreconditionFailed, s == http.StatusLocked, s == http.StatusPreconditionRequired, s == http.StatusFailedDependency:
		return actions.Precondition
	case s >= 400, s == http.StatusTemporaryRedirect, s == http.StatusPermanentRedirect:
		return actions.Invalid
	case how == reads:
		return actions.Invalid
	}
	return actions.Unknown // done, perhaps, but not as expected: 2xx, or see another page
}

// wait says when a service takes calls again. Services say it in seconds, as a
// date, or as the second of an epoch.
func (p *Provider) wait(h http.Header) string {
	now := p.options.Now()
	until := time.Duration(0)
	if n, err := strconv.ParseInt(h.Get("Retry-After"), 10, 32); err == nil {
		until = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		until = at.Sub(now)
	}
	for _, name := range []string{"X-Rate-Limit-Reset", "X-RateLimit-Reset"} {
		if n, err := strconv.ParseInt(h.Get(name), 10, 64); err == nil && until <= 0 {
			until = time.Unix(n, 0).Sub(now)
		}
	}
	if until <= 0 || until > 24*time.Hour {
		return "the service asks for fewer calls; try again later"
	}
	return fmt.Sprintf("the service asks to wait %s", until.Round(time.Second))
}

func name(status int) string {
	if text := http.StatusText(status); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// unreadable turns a reading that will not get better into the verdict that
// fits; the others stay errors, so that the reading is made again.
func unreadable(err error) (actions.Reading, error) {
	switch actions.ClassOf(err) {
	case actions.Transient, actions.Throttled, actions.Unknown:
		return actions.Reading{}, err
	}
	return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
}
