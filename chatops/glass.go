package chatops

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// breakGlass lets one person do alone what others should approve. It always
// needs a signature, so a chat can only say what to type in a terminal.
func (b *Bot) breakGlass(c *call) Message {
	switch {
	case c.aim.shared != "":
		return b.refuse(c, engine.Refuse(engine.NoStep, "people are asked about all items of %s at once, not about %s alone: %s %s/%s", c.aim.shared, c.place(), c.Verb, c.aim.run, c.aim.shared), true)
	case c.aim.approval == "":
		return b.refuse(c, engine.Refuse(engine.NoStep, "step %s asks nobody for approval, it is %s; look with: step %s", c.place(), c.aim.status, c.place()), true)
	case c.Flags["target"] == "":
		return b.needs(c, engine.Refuse(engine.ConfirmMismatch, `type out what %s acts on, as it stands in its plan: %s --target <target>; look with: step %s`, c.place(), c.named(), c.place()))
	case c.Flags["reason"] == "":
		return b.needs(c, engine.Refuse(engine.ReasonRequired, `say why it cannot wait for those who should approve: %s --reason "..."`, c.named()))
	}
	_, sign := c.Flags["sign"]
	inTerminal := engine.Refuse(engine.StepUpRequired, "a glass is broken only with a signature, made where your key is and never in a chat; in a terminal type: %s",
		glassCommand(c.incident, c.aim.run, c.aim.step, c.aim.digest, c.Flags["target"], c.Flags["reason"]))
	if c.chat {
		return b.refuse(c, inTerminal, true)
	}
	digest, refusal := c.digest()
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	if sign && c.signature == "" {
		return b.toBeSigned(c, digest)
	}
	broken := engine.GlassBroken{Approval: c.aim.approval, Digest: digest, Target: c.Flags["target"], Reason: c.Flags["reason"]}
	if c.signature != "" {
		person, _ := c.dir.Person(c.actor.ID)
		broken.Signature, c.actor.Keys = c.signature, person.SSHKeys
	}
	if size, root, err := b.o.Incidents.Head(c.ctx, c.incident); err == nil { // it must not fail for want of it
		broken.Root = Head(size, root)
	}
	r, err := b.submit(c, broken)
	if refusal, ok := asRefusal(err); ok && refusal.Code == engine.StepUpRequired {
		return b.answer(c, inTerminal)
	}
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Danger, fmt.Sprintf("%s broke the glass at %s", who(c.actor), c.place()))
	m.text("The step goes on without its quorum. Everybody in the incident sees it, and somebody who had no part in it is asked whether it was right.")
	m.text("Reason: %s", line(broken.Reason, 300))
	return b.standing(c, m)
}

// needs refuses a line to which a word is missing.
func (b *Bot) needs(c *call, why *engine.Refusal) Message {
	m := b.refuse(c, why, true)
	m.Usage = true
	return m
}

// glassCommand is what to type, in a shell, to break a glass.
func glassCommand(i, run, step, digest, target, reason string) string {
	cmd := "firebreak incident break-glass " + i + " " + run + "/" + step
	if digest != "" {
		cmd += " --digest " + short(digest)
	}
	why := `"..."`
	if reason != "" {
		why = shell(reason)
	}
	what := "..." // to be typed out, and not to be copied from here
	if target != "" {
		what = shell(target)
	}
	return cmd + " --target " + what + " --reason " + why + " --sign ~/.ssh/id_ed25519"
}

// shell quotes a word for a shell where it needs that.
func shell(word string) string {
	if !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_./:@%+=,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(line(word, 300), "'", `'\''`) + "'"
}

func (b *Bot) justified(c *call) Message   { return b.review(c, true) }
func (b *Bot) unjustified(c *call) Message { return b.review(c, false) }

// review hands in what somebody found who looked at a broken glass.
func (b *Bot) review(c *call, right bool) Message {
	if c.aim.review == "" {
		return b.refuse(c, engine.Refuse(engine.NoStep, "no glass was broken at step %s that has to be reviewed; look with: step %s", c.place(), c.place()), true)
	}
	r, err := b.submit(c, engine.GlassReviewed{ID: c.aim.review, Justified: right, Text: c.Flags["reason"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s found that it was right to break the glass at %s", who(c.actor), c.place()))
	if !right {
		m.Tone, m.Title = Danger, fmt.Sprintf("%s found that it was NOT right to break the glass at %s", who(c.actor), c.place())
		m.text("What follows from it belongs into the record too, such as: corrective add %s \"...\" --owner <person> --due <day>", c.incident)
	}
	m.text("Found: %s", line(c.Flags["reason"], 300))
	return b.standing(c, m)
}

// glass tells that a step went on without its quorum, and asks whether that
// was right.
func (v asking) glass() Message {
	s, g := v.s, v.a.Glass
	m := Message{Title: "GLASS BROKEN: " + v.name() + " " + line(s.Def.Name(), 100), Tone: Danger}
	m.Parts = append(m.Parts, Part{Fields: append(v.fields(),
		Field{"Broken by", who(g.By)},
		Field{"At", moment(g.At, v.i.Now)},
		Field{"Without", fmt.Sprintf("%d of %d approvals by %s", g.Approval.Quorum-g.Approval.Approvals(), g.Approval.Quorum, names(g.Approval.From))},
		Field{"Target, as typed", line(g.Broken.Target, askValue)},
		Field{"Plan digest", short(g.Approval.Digest)},
		Field{"Signed with", g.Key},
	)})
	m.text("Reason: %s", line(g.Broken.Reason, 600))
	if g.Review != nil {
		m.Title, m.Tone = "Reviewed, it was right: glass broken at "+v.name(), Good
		if !g.Review.Justified {
			m.Title, m.Tone = "Reviewed, it was NOT right: glass broken at "+v.name(), Danger
		}
		m.text("%s reviewed it at %s: %s", who(g.Reviewer), g.ReviewedAt.UTC().Format("2006-01-02 15:04:05 UTC"), line(g.Review.Text, 600))
		return m
	}
	m.Notify = passedOver(g)
	m.text("%s are asked whether that was right, by %s. %s cannot be resolved before.", names(g.Rule.Review), day(g.Due, v.i.Now), v.i.ID)
	m.Parts = append(m.Parts, Part{Buttons: []Button{v.button(Justified, "It was right…", Good, ""), v.button(Unjustified, "It was not…", Danger, "")}})
	m.next(answers(v.i, v.r, v.a)...)
	m.Parts = append(m.Parts, Part{Note: "Who broke it, who asked for the step, who voted on it, and whom it acts against cannot review it."})
	return m
}

// passedOver lists who should have approved and who reviews.
func passedOver(g *engine.Glass) []string {
	list := slices.Clone(g.Approval.From)
	for _, who := range g.Rule.Review {
		if !slices.Contains(list, who) {
			list = append(list, who)
		}
	}
	return list
}

// reviews lists how the review of a broken glass can be answered by typing.
func reviews(on string) []string {
	return []string{"justified " + on + ` --reason "..."`, "unjustified " + on + ` --reason "..."`}
}

// broken says how a broken glass stands.
func broken(g *engine.Glass, now time.Time) string {
	text := "glass broken by " + who(g.By) + " " + moment(g.At, now)
	switch {
	case g.Overdue():
		return text + ", its review was due " + moment(g.Due, now)
	case g.Review == nil:
		return text + ", not reviewed, due " + moment(g.Due, now)
	case g.Review.Justified:
		return text + ", found right by " + who(g.Reviewer)
	}
	return text + ", found NOT right by " + who(g.Reviewer)
}

// unreviewed is the broken glass of a step that waits for its review, the one
// that was broken first; nil: none does.
func unreviewed(s *engine.Step) *engine.Glass {
	for _, g := range s.Glasses() {
		if g.Review == nil {
			return g
		}
	}
	return nil
}
