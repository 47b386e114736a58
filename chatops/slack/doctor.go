package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Finding is one thing that Doctor looked at.
type Finding struct {
	Check  string // "bot token", "workspace", "scopes", "clock", "app token", "outbox"
	OK     bool
	Detail string // what is so, or what to do about it
}

// maxSkew is how far our clock may be from Slack's: well inside the five
// minutes in which a signature is good.
const maxSkew = time.Minute

// Doctor asks Slack whether the tokens, the workspace, the scopes and the clock
// are right. It changes nothing.
func (a *Adapter) Doctor(ctx context.Context) []Finding {
	me, err := a.api.authTest(ctx)
	if err != nil {
		found := []Finding{{"bot token", false, err.Error() + advice(err)}}
		return append(found, a.appToken(ctx)...)
	}
	found := []Finding{{"bot token", true, "Slack accepts it; the bot is user " + me.user}}
	found = append(found, a.workspace(me), checkGranted(me.header), a.clock(me.header))
	found = append(found, a.appToken(ctx)...)
	depth, oldest := a.Outbox()
	return append(found, Finding{"outbox", oldest < time.Minute, fmt.Sprintf("%d messages wait for Slack, the oldest for %s", depth, oldest.Round(time.Second))})
}

func advice(err error) string {
	switch {
	case class(err) == FaultAuth:
		return "; install the app again and set the new token"
	case class(err) == FaultDown:
		return "; check that this machine reaches Slack, and status.slack.com"
	}
	return ""
}

func (a *Adapter) workspace(me identity) Finding {
	if me.team == a.opt.TeamID {
		return Finding{"workspace", true, "the token is of the configured workspace " + me.team}
	}
	return Finding{"workspace", false, fmt.Sprintf("the token is of the workspace %s, but %s is configured; correct the team id or the token", me.team, a.opt.TeamID)}
}

func checkGranted(h http.Header) Finding {
	list := h.Get("X-OAuth-Scopes")
	if list == "" {
		return Finding{"scopes", false, "Slack did not say which scopes the token has; the first call that lacks one will name it"}
	}
	granted := strings.Split(list, ",")
	for i := range granted {
		granted[i] = strings.TrimSpace(granted[i])
	}
	missing := CheckScopes(granted)
	if len(missing) == 0 {
		return Finding{"scopes", true, fmt.Sprintf("all %d scopes are granted", len(Scopes()))}
	}
	var lines []string
	for _, s := range missing {
		lines = append(lines, s.Name+" ("+s.Why+")")
	}
	return Finding{"scopes", false, "not granted: " + strings.Join(lines, "; ") + "; update the app with the manifest of firebreak slack manifest and install it again"}
}

func (a *Adapter) clock(h http.Header) Finding {
	theirs, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return Finding{"clock", true, "Slack did not say what time it is"}
	}
	skew := a.now().Sub(theirs).Round(time.Second)
	if skew.Abs() <= maxSkew {
		return Finding{"clock", true, fmt.Sprintf("within %s of Slack's", maxSkew)}
	}
	return Finding{"clock", false, fmt.Sprintf("%s away from Slack's; set the clock of this machine, or signed requests will be refused as old", skew)}
}

func (a *Adapter) appToken(ctx context.Context) []Finding {
	if a.opt.AppToken.Empty() {
		return nil
	}
	_, err := a.api.openSocket(ctx)
	switch {
	case err == nil:
		return []Finding{{"app token", true, "Slack opens Socket Mode connections with it"}}
	case isCode(err, "missing_scope"):
		return []Finding{{"app token", false, "the app token needs the scope " + AppScope}}
	case errors.Is(err, context.Canceled):
		return nil
	}
	return []Finding{{"app token", false, err.Error() + advice(err)}}
}
