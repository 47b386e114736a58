package chatops

import (
	"errors"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// Sign asks a terminal for the signature of a vote, or of who breaks a glass. What is signed is put
// together by the terminal itself, with engine.VoteMessage, so that no server
// can have it sign anything else. The line is sent again with the signature in
// [Input.Signature]; until then nothing was done.
type Sign struct {
	Ballot engine.Ballot
	Keys   []string // the person's public keys in the directory; one of them has to sign
}

// terminal is what to type, in a shell, to answer an approval with a signed yes.
func terminal(i, run, step, digest string) string {
	cmd := "firebreak incident approve " + i + " " + run + "/" + step
	if digest != "" {
		cmd += " --digest " + short(digest)
	}
	return cmd + " --sign ~/.ssh/id_ed25519"
}

// cutCommand takes the command off the end of a refusal that tells people to
// sign, so that it is shown whole and can be copied.
func cutCommand(refusal string) (why, command string) {
	const lead = "in a terminal type:"
	if why, command, ok := strings.Cut(refusal, lead+" firebreak "); ok {
		return why + lead, "firebreak " + command
	}
	return refusal, ""
}

// signing answers an approve with --sign and without a signature: it shows
// what is to be signed, and asks the terminal for the signature. Somebody who
// may not vote is told so before they sign anything.
func (b *Bot) signing(c *call) Message {
	if c.aim.approval == "" {
		return b.vote(c, true) // which says that nothing is asked
	}
	if c.chat {
		return b.refuse(c, engine.Refuse(engine.StepUpRequired, "a signature is made where your key is, never in a chat; in a terminal type: %s", terminal(c.incident, c.aim.run, c.aim.step, c.aim.digest)), true)
	}
	digest, refusal := c.digest()
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	return b.toBeSigned(c, digest)
}

// toBeSigned asks a terminal for a signature, of somebody who has a key.
func (b *Bot) toBeSigned(c *call, digest string) Message {
	person, _ := c.dir.Person(c.actor.ID)
	if len(person.SSHKeys) == 0 {
		return b.refuse(c, engine.Refuse(engine.StepUpRequired, `the directory holds no SSH key of %q, so no signature of yours can count; an admin can add the line of your .pub file there: ssh_keys: ["ssh-ed25519 AAAA..."]`, c.actor.ID), true)
	}
	var m Message
	var problem error
	err := b.look(c, func(i *engine.Incident) { m, problem = toSign(i, c, digest) })
	if err != nil {
		return b.answer(c, err)
	}
	if refusal, ok := errors.AsType[*engine.Refusal](problem); ok {
		return b.refuse(c, refusal, true)
	}
	m.Sign.Keys = person.SSHKeys
	return m
}

// toSign shows what somebody is about to sign.
func toSign(i *engine.Incident, c *call, digest string) (Message, error) {
	a, ok := i.Ask(c.aim.approval)
	if !ok || a.Appr == nil {
		return Message{}, engine.Refuse(engine.NoStep, "step %s asks nobody for approval; look with: step %s", c.place(), c.place())
	}
	ballot, err := c.ballot(a.Step)
	if err != nil {
		return Message{}, err
	}
	if !strings.HasPrefix(ballot.Plan, digest) {
		return Message{}, engine.Refuse(engine.PlanChanged, "you looked at plan %s and the plan of step %s is %s now; look again before you sign", short(digest), c.place(), short(ballot.Plan))
	}
	v := asking{i: i, r: runOf(i, a.Step), s: a.Step, a: a}
	what := v.name() + " " + line(a.Step.Def.Name(), 100)
	m := reply(c, "To be signed: approve "+what)
	m.Tone = Warn
	if c.Verb == BreakGlass {
		m.Title, m.Tone = "To be signed: BREAK THE GLASS at "+what, Danger
		m.text("This goes on without %d of %d approvals by %s. Everybody sees that it was you, and it is reviewed by %s.",
			a.Appr.Quorum-a.Appr.Approvals(), a.Appr.Quorum, names(a.Appr.From), names(a.Appr.BreakGlass.Review))
	}
	m.Parts = append(m.Parts, Part{Fields: v.fields()})
	v.plan(&m)
	m.text("Exactly this is signed:")
	m.Parts = append(m.Parts, Part{Code: string(engine.VoteMessage(ballot))})
	m.Sign = &Sign{Ballot: ballot}
	return m, nil
}

// ballot is what this person would sign about a step.
func (c *call) ballot(s *engine.Step) (engine.Ballot, error) {
	if c.Verb == BreakGlass {
		return s.GlassBallot(c.actor, c.Flags["target"], c.Flags["reason"])
	}
	return s.Ballot(c.actor)
}

// fingerprints names keys as ssh-keygen -l does.
func fingerprints(keys []string) []string {
	var list []string
	for _, line := range keys {
		if k, err := engine.ParseSSHKey(line); err == nil {
			list = append(list, k.Fingerprint())
		}
	}
	return list
}
