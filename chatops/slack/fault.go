package slack

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"
)

// Fault is a call to Slack that did not work. It never holds a token, an
// address with a secret in it, or text of a message.
type Fault struct {
	Method     string        // "chat.postMessage"
	Code       string        // Slack's word ("channel_not_found"), "http 503", or "network"
	Detail     string        // of the network, without addresses
	Needed     string        // the scope that is missing, when that is the reason
	RetryAfter time.Duration // when Slack said how long to wait
	Class      FaultClass
}

// FaultClass says what to do about a Fault.
type FaultClass int

// The classes.
const (
	FaultRefused FaultClass = iota // Slack said no; the same call gets the same answer
	FaultLimited                   // too many calls; nothing was done
	FaultDown                      // no answer, or a broken one: it may have been done
	FaultAuth                      // the token is not good any more
)

// Error names the method and Slack's word for the reason.
func (f *Fault) Error() string {
	s := "slack " + f.Method + ": " + f.Code
	if f.Needed != "" {
		s += ` (the app needs the scope "` + f.Needed + `"; install it again with the manifest of firebreak slack manifest)`
	}
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	return s
}

// retry says whether the same call may work later, and how long to wait at least.
func (f *Fault) retry() (time.Duration, bool) {
	return f.RetryAfter, f.Class == FaultLimited || f.Class == FaultDown
}

// fault turns an error of the library or of the network into a Fault. nil stays nil.
func fault(method string, err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	f := &Fault{Method: method, Class: FaultDown, Code: "network"}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		f.Class, f.Code, f.RetryAfter = FaultLimited, "ratelimited", limited.RetryAfter
		return f
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		f.status(status.Code)
		return f
	}
	if said, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		f.said(said)
		return f
	}
	f.Detail = detail(err)
	return f
}

func (f *Fault) status(code int) {
	f.Code = "http " + strconv.Itoa(code)
	switch {
	case code == http.StatusTooManyRequests:
		f.Class = FaultLimited
	case code >= 500, code == http.StatusRequestTimeout:
		f.Class = FaultDown
	default:
		f.Class = FaultRefused
	}
}

func (f *Fault) said(r slack.SlackErrorResponse) {
	f.Code = r.Err
	switch r.Err {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		f.Class = FaultLimited
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org":
		f.Class = FaultDown
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type", "no_permission", "app_uninstalled", "org_login_required", "team_access_not_granted":
		f.Class = FaultAuth
	default:
		f.Class = FaultRefused
	}
	if r.Err == "missing_scope" {
		f.Needed = r.Needed
	}
}

// detail is the innermost reason of a network error. The outer ones quote the
// address, and a response URL or a socket address is a secret.
func detail(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "given up"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name is not known: " + dns.Name
	}
	return "the connection broke or the answer could not be read"
}

// class is the class of an error of this package; an error of another kind
// counts as refused, so that it is not tried for ever.
func class(err error) FaultClass {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Class
	}
	return FaultRefused
}

// isCode says whether Slack gave one of these words as the reason.
func isCode(err error, codes ...string) bool {
	f, ok := errors.AsType[*Fault](err)
	return ok && slices.Contains(codes, f.Code)
}
