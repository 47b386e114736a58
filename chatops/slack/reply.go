package slack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

const (
	responseTime = 29 * time.Minute // of the 30 in which a response address works
	responseUses = 5
	maxFile      = 20 << 20
	maxMentions  = 20
)

// reply sends a message to who asked, and to everybody in the channel public
// when that is not "".
func (a *Adapter) reply(r *request, m chatops.Message, public string) {
	c := a.message(m)
	if public != "" && public != r.channel {
		a.send(public, r.received, func(ctx context.Context) error {
			_, _, err := a.api.post(ctx, public, c, nil)
			return err
		})
	}
	here := public != "" && public == r.channel
	a.send(r.lane(), r.received, func(ctx context.Context) error { return a.respond(ctx, r, c, here) })
}

// message draws a message, and mentions the people whose attention it wants.
// These are the only mentions there are.
func (a *Adapter) message(m chatops.Message) content {
	d := a.opt.Directory()
	if len(m.Notify) == 0 || d == nil {
		blocks, text := Blocks(m)
		return content{text, blocks}
	}
	parts := []slack.RichTextSectionElement{slack.NewRichTextSectionTextElement("For:", nil)}
	users := a.slackUsers(d.Members(m.Notify))
	for _, u := range users[:min(len(users), maxMentions)] {
		parts = append(parts, slack.NewRichTextSectionTextElement(" ", nil), slack.NewRichTextSectionUserElement(u, nil))
	}
	if n := len(users) - maxMentions; n > 0 {
		parts = append(parts, slack.NewRichTextSectionTextElement(fmt.Sprintf(" and %d more", n), nil))
	}
	if len(users) == 0 {
		parts = append(parts, slack.NewRichTextSectionTextElement(" "+line(strings.Join(m.Notify, ", "), 300), nil))
	}
	mentions := slack.NewRichTextBlock("", slack.NewRichTextSection(parts...))
	blocks := append(draw(m, maxBlocks-1, maxCard-size(mentions)), mentions)
	return content{fallbackText(m), blocks}
}

// send puts a reply in the outbox. A reply is worth sending for half an hour.
func (a *Adapter) send(lane string, since time.Time, send func(context.Context) error) {
	err := a.out.put(lane, &parcel{
		expires: since.Add(30 * time.Minute),
		send:    func(ctx context.Context, _ int) error { return send(ctx) },
	})
	if err != nil {
		a.log.Warn("a reply was not sent", "err", err)
	}
}

// respond answers a request the first way that works: the address that came
// with it, a message in the channel that only the person sees, a direct message.
func (a *Adapter) respond(ctx context.Context, r *request, c content, public bool) error {
	if r.response != "" && a.now().Sub(r.received) < responseTime && r.uses.Add(1) <= responseUses {
		err := a.api.respond(ctx, r.response, c, public)
		if err == nil {
			return nil
		}
		a.log.Debug("an answer takes the second way", "err", err)
	}
	if r.channel != "" {
		var err error
		if public {
			_, _, err = a.api.post(ctx, r.channel, c, nil)
		} else {
			err = a.api.postEphemeral(ctx, r.channel, r.user, c)
		}
		if err == nil || class(err) != FaultRefused {
			return err
		}
	}
	_, _, err := a.api.post(ctx, r.user, c, nil)
	return err
}

// publicPlace gives the channel in which everybody should see a message: that
// of the incident it is about, and no other, so that a channel never hears of
// an incident that is not its own.
func (a *Adapter) publicPlace(ctx context.Context, m chatops.Message) string {
	_, incidents, ok := a.bound()
	if !m.Public || m.Incident == "" || !ok {
		return ""
	}
	channel := ""
	err := incidents.View(ctx, m.Incident, func(i *engine.Incident) {
		if i.Channel != nil {
			channel = i.Channel.Channel
		}
	})
	if err == nil && channel != "" {
		err = a.mayPost(ctx, channel)
	}
	if err != nil {
		a.log.Warn("a public answer was shown to one person only", "incident", m.Incident, "err", err)
		return ""
	}
	return channel
}

// handOut uploads files where the message went: the incident's channel when
// all may see it, else to the person alone. What Slack does not take is told.
func (a *Adapter) handOut(ctx context.Context, r *request, m chatops.Message) {
	target := a.publicPlace(ctx, m)
	for _, f := range m.Files {
		err := a.handOutOne(ctx, r, target, f)
		if err == nil {
			continue
		}
		a.log.Warn("a file was not handed out through Slack", "file", f.Name, "err", err)
		hint := "Use a terminal for it."
		if r.text != "" {
			hint = "In a terminal the same words work: firebreak incident " + words(r.text, a.personOf)
		}
		a.reply(r, chatops.Message{
			Title: "The file could not be handed out here", Tone: chatops.Warn, Failed: true,
			Parts: []chatops.Part{{Text: fmt.Sprintf("%s (%d bytes): %v.", f.Name, len(f.Data), err)}, {Note: hint}},
		}, "")
	}
}

func (a *Adapter) handOutOne(ctx context.Context, r *request, target string, f chatops.File) error {
	switch {
	case len(f.Data) > maxFile:
		return failure("it is too large for Slack")
	case len(f.Data) == 0:
		return failure("it is empty")
	}
	if target == "" {
		dm, err := a.api.direct(ctx, r.user)
		if err != nil {
			return err
		}
		target = dm
	}
	return a.api.upload(ctx, target, line(f.Name, 200), f.Data)
}

// slackUser gives the Slack id of a person in our workspace.
func (a *Adapter) slackUser(person string) (string, bool) {
	d := a.opt.Directory()
	if d == nil {
		return "", false
	}
	p, ok := d.Person(person)
	if !ok {
		return "", false
	}
	team, user, _ := strings.Cut(p.Slack, "/")
	return user, team == a.opt.TeamID && user != ""
}

// slackUsers gives the Slack ids of people, without those who have none.
func (a *Adapter) slackUsers(people []string) []string {
	var users []string
	for _, p := range people {
		if u, ok := a.slackUser(p); ok {
			users = append(users, u)
		}
	}
	return users
}

// approvers lists who is asked by an ask.
func (a *Adapter) approvers(ask *engine.Ask) []string {
	d := a.opt.Directory()
	switch {
	case d == nil:
		return nil
	case ask.Appr != nil:
		from := append(append([]string{}, ask.Appr.From...), ask.Appr.EscalateTo...)
		return a.slackUsers(d.Members(from))
	case ask.Glass != nil:
		return a.slackUsers(d.Members(ask.Glass.Rule.Review))
	case ask.Type == engine.AskContainment && ask.Step.Containment != nil:
		return a.slackUsers(d.Members(ask.Step.Containment.Ask))
	}
	return nil
}
