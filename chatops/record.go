package chatops

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// correctiveAdd adds something that has to be done better.
func (b *Bot) correctiveAdd(c *call) Message {
	owner := c.Flags["owner"]
	if owner == "" || c.Flags["due"] == "" || c.Text == "" {
		return b.refuse(c, engine.Refuse(engine.Usage, `a corrective action needs words, an owner and a day; type: corrective add "a third approver" --owner bob --due 2027-03-31`), true)
	}
	if _, ok := c.dir.Person(owner); !ok && !engine.IsExercise(c.incident) {
		return b.refuse(c, engine.Refuse(engine.NotKnown, "%q is nobody of the directory; name a person who will do it: --owner %s", line(owner, 60), c.actor.ID), true)
	}
	id := ""
	if err := b.look(c, func(i *engine.Incident) { id = fmt.Sprintf("C%d", len(i.Correctives)+1) }); err != nil {
		return b.answer(c, err)
	}
	r, err := b.submit(c, engine.CorrectiveAdded{ID: id, Text: c.Text, Owner: owner, Due: c.Flags["due"], Objective: c.Flags["objective"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s is for %s by %s", id, line(owner, 60), c.Flags["due"]))
	m.text("%s", cut(VisibleLines(c.Text), 500))
	return recorded(c, m)
}

func (b *Bot) correctiveClose(c *call) Message {
	id := strings.ToUpper(c.Target)
	r, err := b.submit(c, engine.CorrectiveClosed{ID: id, How: c.Text})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("%s of %s is done", line(id, 20), c.incident))
	m.text("%s", cut(VisibleLines(c.Text), 500))
	return recorded(c, m)
}

// place reads the journal place of a line, and makes sure that it is one of
// this incident.
func (b *Bot) place(c *call) (int64, *engine.Refusal, error) {
	n, err := strconv.ParseInt(c.Target, 10, 64)
	if err != nil || n < 0 {
		return 0, engine.Refuse(engine.Usage, "%q is no journal place; an export and timeline show the number of each line", line(c.Target, 40)), nil
	}
	for e, err := range b.o.Incidents.Events(c.ctx, c.incident) {
		switch {
		case err != nil:
			return 0, nil, err
		case e.Seq == n:
			return n, nil, nil
		case e.Seq > n:
			return 0, engine.Refuse(engine.NoStep, "journal place %d is not one of %s; an export shows the number of each line", n, c.incident), nil
		}
	}
	return 0, engine.Refuse(engine.NoStep, "journal place %d is not one of %s; an export shows the number of each line", n, c.incident), nil
}

// curate hands in a fact about a line of the timeline.
func (b *Bot) curate(c *call, words string, body func(place int64) engine.Body) Message {
	n, refusal, err := b.place(c)
	switch {
	case err != nil:
		return b.answer(c, err)
	case refusal != nil:
		return b.refuse(c, refusal, true)
	}
	r, err := b.submit(c, body(n))
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("Line %d of %s %s", n, c.incident, words))
	m.Public = false
	m.Parts = append(m.Parts, Part{Note: "the record itself stays as it is"})
	return recorded(c, m)
}

func (b *Bot) correct(c *call) Message {
	return b.curate(c, "has better words", func(n int64) engine.Body {
		return engine.RowCorrected{Of: n, Text: c.Text, Reason: c.Flags["reason"]}
	})
}

func (b *Bot) hide(c *call) Message {
	return b.curate(c, "is hidden", func(n int64) engine.Body { return engine.RowHidden{Of: n, Reason: c.Flags["reason"]} })
}

func (b *Bot) unhide(c *call) Message {
	return b.curate(c, "is shown again", func(n int64) engine.Body { return engine.RowShown{Of: n} })
}

func (b *Bot) keyTime(c *call) Message {
	if c.Text == "" || c.Flags["at"] == "" || c.Flags["source"] == "" {
		return b.refuse(c, engine.Refuse(engine.Usage, `a key time needs a name, a time and what proves it; type: keytime "detected" --at 13:40 --source https://...`), true)
	}
	at, refusal := observed(c.Flags["at"], c.now)
	if refusal != nil {
		return b.refuse(c, refusal, true)
	}
	r, err := b.submit(c, engine.KeyTimeSet{Name: c.Text, When: engine.At(at), Source: c.Flags["source"]})
	if err != nil {
		return b.answer(c, err)
	}
	m := changed(c, r, Good, fmt.Sprintf("Key time: %s, %s", line(c.Text, 80), day(at, c.now)))
	m.Public = false
	return recorded(c, m)
}
