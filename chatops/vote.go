package chatops

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

func (b *Bot) approve(c *call) Message {
	if _, sign := c.Flags["sign"]; sign && c.signature == "" {
		return b.signing(c)
	}
	return b.vote(c, true)
}

func (b *Bot) deny(c *call) Message { return b.vote(c, false) }

// vote hands in one person's answer. Who may vote and whether the plan is
// still the same is judged by the engine, on the record.
func (b *Bot) vote(c *call, yes bool) Message {
	if c.aim.shared != "" {
		return b.refuse(c, engine.Refuse(engine.NoStep, "people are asked about all items of %s at once, not about %s alone: %s %s/%s", c.aim.shared, c.place(), c.Verb, c.aim.run, c.aim.shared), true)
	}
	if c.aim.approval == "" {
		return b.refuse(c, engine.Refuse(engine.NoStep, "step %s asks nobody for approval, it is %s; look with: step %s", c.place(), c.aim.status, c.place()), true)
	}
	digest, refusal := c.digest()
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	vote := engine.Vote{Approval: c.aim.approval, Approve: yes, Digest: digest, Reason: c.Flags["reason"]}
	if c.signature != "" {
		person, _ := c.dir.Person(c.actor.ID)
		vote.Signature, c.actor.Keys = c.signature, person.SSHKeys
	}
	if size, root, err := b.o.Incidents.Head(c.ctx, c.incident); err == nil { // a vote must not fail for want of it
		vote.Root = Head(size, root)
	}
	r, err := b.submit(c, vote)
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s approved %s", who(c.actor), c.place()))
	if !yes {
		m.Tone, m.Title = Danger, fmt.Sprintf("%s denied %s", who(c.actor), c.place())
	}
	err = b.look(c, func(i *engine.Incident) {
		for _, a := range i.Asks {
			if a.Appr == nil || a.Appr.ID != c.aim.approval {
				continue
			}
			count := fmt.Sprintf("%d of %d approved", a.Appr.Approvals(), a.Appr.Quorum)
			if a.Appr.State != engine.ApprovalOpen {
				count += "; decided"
			}
			m.text("%s, plan %s", count, short(a.Appr.Digest))
		}
	})
	if err != nil {
		m.text("Look with: status %s", c.incident)
	}
	if vote.Signature != "" {
		m.text("Signed with an SSH key of %s", who(c.actor))
	}
	if reason := c.Flags["reason"]; reason != "" {
		m.text("Reason: %s", line(reason, 300))
	}
	return b.standing(c, m)
}

// digest is the plan this person saw: the one named, or, by a button, the one
// the button stood under.
func (c *call) digest() (string, *engine.Refusal) {
	if c.ask != "" {
		return c.aim.digest, nil
	}
	given, ok := c.Flags["digest"]
	if !ok {
		return "", nil
	}
	given = strings.ToLower(given)
	_, err := hex.DecodeString(given + strings.Repeat("0", len(given)%2))
	if err != nil || len(given) < 12 || len(given) > 64 {
		return "", engine.Refuse(engine.Usage, "--digest is 12 to 64 hex digits, as they stand under the question; look with: step %s", c.place())
	}
	return given, nil
}

// ways offers the ways to answer an open approval: the buttons, and the words
// that do the same. A yes that has to be signed has no button, because a click
// could never be one.
func (v asking) ways(m *Message) {
	no := v.button(Deny, "Deny…", Neutral, "")
	typed := answers(v.i, v.r, v.a)
	if v.a.Appr.StepUp {
		m.text("A yes to this step needs a signature by your SSH key, so there is no button for it. In a terminal run:")
		m.Parts = append(m.Parts, Part{Code: typed[0]}, Part{Buttons: []Button{no}})
		m.next(typed[1:]...)
		return
	}
	yes := v.button(Approve, "Approve", Good, v.confirm())
	if v.s.Def.Effect == actions.Destructive {
		yes.Tone = Danger
	}
	m.Parts = append(m.Parts, Part{Buttons: []Button{yes, no}})
	m.next(typed...)
}
