package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// acknowledgement is what Slack is told within its three seconds, before
// anything is done.
type acknowledgement struct {
	status int    // of HTTP; 0 is 200
	body   any    // JSON; nil: an empty answer
	silent bool   // on a socket: no acknowledgement, so that the person sees that it failed
	reason string // of a status that is not 200, as plain text
}

// receive takes a request that is known to come from Slack and puts it in the
// lane of its channel. It does no I/O. The work begins when r.acked is closed,
// which the caller does once the acknowledgement is on its way.
func (a *Adapter) receive(r *request) acknowledgement {
	r.received = a.now()
	r.acked = make(chan struct{})
	if r.team != a.opt.TeamID {
		a.refuse(r, engine.NotKnown, "a request came from the Slack workspace %q, which is not the configured one", clip(r.team))
		return acknowledgement{status: 401, reason: "another workspace"}
	}
	key := r.nonce
	if again := a.seen.note(key, r.received); again > 0 {
		return a.repeated(r, again)
	}
	if r.kind == kindCommand && r.command != "" && r.command != "/"+a.opt.Word && r.command != "/firebreak" {
		return acknowledgement{body: ephemeral("This server answers /" + a.opt.Word + " and /firebreak.")}
	}
	if problems := r.blanks(); len(problems) > 0 {
		a.seen.forget(key) // the same form is sent again, filled in
		return acknowledgement{body: fieldErrors(problems)}
	}
	if !a.jobs.put(r.lane(), func() { <-r.acked; a.serve(r) }) {
		a.seen.forget(key)
		a.log.Warn("a request was not taken, because too many wait", "kind", string(r.kind), "channel", r.channel)
		return r.busy()
	}
	if r.wantsForm() {
		r.opened = make(chan openedModal, 1) // the job looks at it after r.acked
		a.openEarly(r)
	}
	return acknowledgement{}
}

// repeated answers a request that came before. Slack itself repeats what it
// sends through a socket, and does not repeat what it sends by HTTP.
func (a *Adapter) repeated(r *request, again int) acknowledgement {
	if r.way == "socket" {
		a.log.Debug("Slack sent a request once more", "kind", string(r.kind), "again", again)
		return acknowledgement{}
	}
	a.refuse(r, engine.Duplicate, "a %s that was received before came again; it was not done again", r.kind)
	if again == 1 {
		a.reply(r, chatops.Message{
			Title: "This request came twice", Tone: chatops.Warn,
			Parts: []chatops.Part{{Text: "A copy of a request you made before reached the server. It was not done again. If you did not send it twice, tell your security team: somebody may have recorded it."}},
		}, "")
	}
	return acknowledgement{status: 409, reason: "this request was received before"}
}

// refuse records a request that does not reach the Bot.
func (a *Adapter) refuse(r *request, code engine.Code, format string, args ...any) {
	actor := engine.Actor{Type: engine.Stranger, Via: "slack:" + clip(r.team) + "/" + clip(r.user)}
	a.refused.add(engine.Request{Actor: actor, Verb: "slack." + string(r.kind)}, engine.Refuse(code, format, args...))
}

// clip shortens what an unknown sender wrote.
func clip(s string) string { return line(s, 40) }

// busy says, in the way that the kind of request has for it, that nothing was done.
func (r *request) busy() acknowledgement {
	const sorry = "Too many requests wait here, so this one was not taken and nothing was done. Try again in a moment, or use a terminal."
	switch r.kind {
	case kindCommand:
		if r.command != "" {
			return acknowledgement{body: ephemeral(sorry)}
		}
	case kindAnswer:
		if first := r.firstField(); first != "" {
			return acknowledgement{body: fieldErrors(map[string]string{first: sorry})}
		}
	}
	return acknowledgement{status: 503, silent: true, reason: sorry}
}

func ephemeral(text string) any {
	return map[string]string{"response_type": "ephemeral", "text": escape(text)}
}

// lane is where a request waits: those of one channel are worked on in order.
func (r *request) lane() string {
	if r.channel != "" {
		return r.channel
	}
	return "user:" + r.user
}

// identify gives the request its nonce. A trigger id is Slack's own name for
// one act of one person; a form can be sent once, however often a client tries.
func (r *request) identify(payload []byte) {
	switch {
	case r.kind == kindAnswer && r.view.id != "":
		r.nonce = "slack:view:" + r.view.id
	case r.trigger != "":
		r.nonce = "slack:" + r.trigger
	default:
		sum := sha256.Sum256(payload)
		r.nonce = "slack:sha256:" + hex.EncodeToString(sum[:])
	}
}

// decides says whether a request may change something, so that the account has
// to be looked up afresh. Words that are not known to be harmless are not.
func (r *request) decides() bool {
	if r.kind != kindCommand {
		return true
	}
	return !chatops.Harmless(r.verbWords())
}

// verbWords is the verb that was typed.
func (r *request) verbWords() string {
	return chatops.VerbOf(r.text)
}

// wantsForm says whether the answer will most likely be a form. A trigger id
// lives for three seconds, less than a look at the account may take, so a modal
// is opened at once and filled later. A form that comes unexpected is opened
// when it comes, if that is soon enough.
func (r *request) wantsForm() bool {
	if r.trigger == "" {
		return false
	}
	switch r.kind {
	case kindCommand:
		switch first := r.verbWords(); {
		case chatops.Means(first, chatops.Declare):
			return len(strings.Fields(r.text)) == 1
		case chatops.NeedsReason(first):
			return len(strings.Fields(r.text)) > len(strings.Fields(first)) && !strings.Contains(r.text, "-reason")
		}
	case kindClick:
		return chatops.NeedsReason(r.verb) || chatops.Means(r.verb, chatops.Done)
	}
	return false
}

// serve does what a request asks for, and answers.
func (a *Adapter) serve(r *request) {
	bot, _, ok := a.bound()
	if !ok {
		a.log.Error("a request came before Bind", "kind", string(r.kind))
		return
	}
	ctx, cancel := context.WithTimeout(a.ctx, jobLimit)
	defer cancel()
	actor := a.who(ctx, r)
	var m chatops.Message
	switch r.kind {
	case kindCommand:
		m = bot.Command(ctx, chatops.Input{Actor: actor, Nonce: r.nonce, Text: words(r.text, a.personOf), Channel: r.channel})
	case kindClick:
		m = bot.Click(ctx, chatops.Click{Actor: actor, Nonce: r.nonce, Verb: r.verb, Value: r.value})
	case kindAnswer:
		var problems map[string]string
		m, problems = bot.Answer(ctx, chatops.Answer{Actor: actor, Nonce: r.nonce, Form: r.form.Form, State: r.form.State, Values: r.values})
		if len(problems) > 0 {
			a.askAgain(ctx, r, problems)
			return
		}
	default:
		panic(fmt.Sprintf("slack: a request of kind %q", r.kind))
	}
	a.answer(ctx, r, m)
}

// personOf names a mentioned Slack user as the directory does.
func (a *Adapter) personOf(user string) string {
	if d := a.opt.Directory(); d != nil {
		if actor, ok := d.BySlack(a.opt.TeamID, user); ok {
			return actor.ID
		}
	}
	return user
}

// isIgnored says whether a payload is well formed but not for us.
func isIgnored(err error) bool { return errors.Is(err, errIgnore) }
