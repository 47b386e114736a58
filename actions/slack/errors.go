package slack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

// access says whether a call changes something: it decides what a missing
// answer means.
type access int

const (
	reads access = iota
	writes
)

// classify is the one place where an error of Slack gets its class. A nil
// error stays nil.
func classify(method string, how access, err error) error {
	if err == nil {
		return nil
	}
	e := &actions.Error{Class: actions.Unknown, Op: "slack:" + method, Err: plain(err)}
	if how == reads {
		e.Class = actions.Transient
	}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		e.Class, e.Hint = actions.Throttled, fmt.Sprintf("Slack asks to wait %s", limited.RetryAfter.Round(time.Second))
	} else if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		if class, hint, known := classOfWord(answer.Err); known {
			e.Class, e.Hint = class, hint
		}
		if answer.Needed != "" {
			e.Hint = "give the app the scope " + answer.Needed
		}
	} else if status, ok := errors.AsType[slack.StatusCodeError](err); ok && status.Code < http.StatusInternalServerError {
		e.Class = actions.Invalid
	} else if neverSent(err) {
		e.Class, e.Hint = actions.Transient, "Slack could not be reached; nothing was sent"
	}
	return e
}

// classOfWord knows Slack's error words. An unknown one is a refusal too, but
// those that stand for trouble inside Slack tell nothing about the effect.
func classOfWord(word string) (class actions.Class, hint string, known bool) {
	switch word {
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org":
		return "", "", false
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		return actions.Throttled, "Slack asks for fewer calls; try again later", true
	case "channel_not_found":
		return actions.NotFound, "give the channel's id, and invite the app when the channel is private", true
	case "user_not_found", "users_not_found", "no_such_subteam":
		return actions.NotFound, "give the Slack id, the e-mail address or the handle of somebody in this workspace", true
	case "name_taken", "already_in_channel", "already_archived", "not_archived", "cant_invite", "cant_invite_self", "user_is_restricted", "user_is_ultra_restricted",
		"ura_max_channels", "invitee_cant_see_channel", "user_team_not_in_channel", "org_user_not_in_team", "no_external_invite_permission",
		"subteam_disabled", "cant_kick_self", "cant_kick_from_general", "cant_archive_general", "cant_archive_required":
		return actions.Precondition, "", true
	case "plan_upgrade_required", "paid_teams_only":
		return actions.Precondition, "this workspace's plan has no user groups; name the people", true
	case "message_not_found":
		return actions.NotFound, "", true
	case "not_in_channel":
		return actions.Precondition, "invite the app to the channel", true
	case "is_archived", "restricted_action", "restricted_action_read_only_channel", "cant_delete_message", "channel_is_limited_access", "as_user_not_supported":
		return actions.Precondition, "", true
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission", "missing_scope", "not_allowed_token_type", "access_denied", "ekm_access_denied", "org_login_required", "two_factor_setup_required":
		return actions.Denied, "check the bot token, and the app's scopes", true
	}
	return actions.Invalid, "", true
}

// neverSent says whether not even one byte of the request can have left. A
// timeout is never that.
func neverSent(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && (dial.Op == "dial" || dial.Op == "proxyconnect") {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return certificate
}

// plain drops the URL that net/http puts in front: it says nothing to people.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer before the time limit")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
