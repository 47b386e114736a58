package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// story plays the incident from the alert to the exported timeline.
func (d *show) story(ctx context.Context) error {
	alice, bob, mallory := d.ws.User("alice"), d.ws.User("bob"), d.ws.User("mallory")

	d.tell("03:02. An access key of user %s stands in a public repository. Alice declares an incident in #security.", owner)
	if err := d.answered(ctx, func() *slackfake.Delivery {
		return alice.In("security").Type(`/incident declare "Access key in a public repository" --sev 2`)
	}); err != nil {
		return err
	}
	if err := d.ws.Wait(ctx, func(s *slackfake.State) bool {
		for _, c := range s.Channels() {
			if strings.HasPrefix(c.Name, "inc-1") && len(s.Messages(c.ID)) > 0 {
				d.channel = c.ID
				return true
			}
		}
		return false
	}); err != nil {
		return err
	}
	for _, p := range []*slackfake.Person{alice, bob} {
		if err := p.Join(d.channel); err != nil {
			return err
		}
	}

	d.tell("She looks at what the runbook would do. This only reads.")
	if err := d.answered(ctx, func() *slackfake.Delivery {
		return alice.In(d.channel).Type("/incident plan leaked-access-key access_key_id=" + leaked)
	}); err != nil {
		return err
	}

	d.tell("She runs it. The server asks the security leads before each change.")
	if err := sent(alice.In(d.channel).Type("/incident run leaked-access-key access_key_id=" + leaked)); err != nil {
		return err
	}
	ask, err := d.asked(ctx, "approve", "quarantine")
	if err != nil {
		return err
	}

	d.tell("Alice is a security lead, too, but she started the run. Mallory is a guest. Both try.")
	if err := d.answered(ctx, func() *slackfake.Delivery { return alice.ClickLabel(ask.Ref(), "Approve") }); err != nil {
		return err
	}
	if err := d.answered(ctx, func() *slackfake.Delivery { return mallory.In("security").Type("/incident approve quarantine INC-1") }); err != nil {
		return err
	}

	d.tell("Bob reads what would change, and approves.")
	if err := sent(bob.ClickLabel(ask.Ref(), "Approve")); err != nil {
		return err
	}
	if ask, err = d.asked(ctx, "approve", "disable"); err != nil {
		return err
	}
	d.tell("The owner is denied everything, and that was read back. Next: the key itself.")
	if err := sent(bob.ClickLabel(ask.Ref(), "Approve")); err != nil {
		return err
	}
	if _, err := d.asked(ctx, "done", "review"); err != nil {
		return err
	}
	if status := d.aws.KeyStatus(leaked); status != "Inactive" {
		return fmt.Errorf("the story went wrong: the key is %q on AWS, not Inactive", status)
	}

	d.tell("On AWS the key is Inactive. A person does the last step.")
	if err := sent(bob.In(d.channel).Type(`/incident note "CloudTrail shows 3 ListBuckets calls from one address, nothing else"`)); err != nil {
		return err
	}
	if err := sent(bob.In(d.channel).Type("/incident done review reads")); err != nil {
		return err
	}
	if err := d.ws.Wait(ctx, func(s *slackfake.State) bool { return d.shows(s, "R1 leaked-access-key: done") }); err != nil {
		return err
	}
	return d.close(ctx)
}

// close takes the quarantine back and ends the incident.
func (d *show) close(ctx context.Context) error {
	alice, bob := d.ws.User("alice"), d.ws.User("bob")
	d.tell("What is denied for a while has to be decided about before anybody goes home.")
	if err := d.answered(ctx, func() *slackfake.Delivery {
		return alice.In(d.channel).Type(`/incident resolve "Key disabled, no damage found"`)
	}); err != nil {
		return err
	}
	if err := sent(alice.In(d.channel).Type(`/incident undo quarantine --reason "ci-deployer has a new key, kept where it belongs"`)); err != nil {
		return err
	}
	ask, err := d.asked(ctx, "approve", "quarantine~undo")
	if err != nil {
		return err
	}
	if err := sent(bob.ClickLabel(ask.Ref(), "Approve")); err != nil {
		return err
	}
	if err := d.ws.Wait(ctx, func(s *slackfake.State) bool { return d.shows(s, "done, and taken back by quarantine~undo") }); err != nil {
		return err
	}
	if err := d.answered(ctx, func() *slackfake.Delivery {
		return alice.In(d.channel).Type(`/incident resolve "Key disabled, no damage found"`)
	}); err != nil {
		return err
	}
	if err := d.ws.Wait(ctx, func(s *slackfake.State) bool { return d.shows(s, "State: resolved") }); err != nil {
		return err
	}
	return d.export(ctx)
}

// sent says whether the server took what a person did.
func sent(delivery *slackfake.Delivery) error {
	if delivery.Err != nil {
		return fmt.Errorf("the story went wrong: %w", delivery.Err)
	}
	return nil
}

// answered lets a person do something and waits until the server has said
// something to it: to them alone, or to the channel.
func (d *show) answered(ctx context.Context, act func() *slackfake.Delivery) error {
	before := len(d.ws.Lines())
	if err := sent(act()); err != nil {
		return err
	}
	return d.ws.Wait(ctx, func(s *slackfake.State) bool {
		for _, l := range s.Lines()[before:] {
			if l.From == "firebreak" && (l.Kind == "ephemeral" || l.Kind == "message") {
				return true
			}
		}
		return false
	})
}

// asked waits for a message of the incident's channel that has a button for
// verb and is about a step.
func (d *show) asked(ctx context.Context, verb, step string) (ask slackfake.Message, err error) {
	err = d.ws.Wait(ctx, func(s *slackfake.State) bool {
		for _, m := range s.Messages(d.channel) {
			for _, p := range slackfake.Pressables(m.Blocks) {
				if strings.HasPrefix(p.Element.ActionID, "fb:"+verb+":") && strings.Contains(m.Rendered(s.Name), step) {
					ask = m
					return true
				}
			}
		}
		return false
	})
	return ask, err
}

// shows says whether some message of the channel shows all words.
func (d *show) shows(s *slackfake.State, words ...string) bool {
	for _, m := range s.Messages(d.channel) {
		text := m.Rendered(s.Name)
		all := true
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			return true
		}
	}
	return false
}

// export writes the timeline as both formats, as /incident export would.
func (d *show) export(ctx context.Context) error {
	if err := d.app.Slack.Flush(ctx); err != nil {
		return err
	}
	for _, format := range []string{"md", "json"} {
		in := d.actor("U0001")
		in.Text = "export " + format + " INC-1"
		m := d.app.Bot.Command(ctx, in)
		if len(m.Files) != 1 {
			return fmt.Errorf("the story went wrong: no timeline was exported: %+v", m)
		}
		if err := os.WriteFile(filepath.Join(d.dir, "timeline."+format), m.Files[0].Data, 0o600); err != nil {
			return err
		}
	}
	if err := d.app.Slack.Flush(ctx); err != nil {
		return err
	}
	page, err := os.ReadFile(filepath.Join(d.dir, "timeline.md"))
	if err != nil {
		return err
	}
	d.tell("The timeline, as timeline.md:")
	_, err = fmt.Fprintln(d.out, indent(string(bytes.TrimSpace(page))))
	return err
}
