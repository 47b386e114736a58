package chatops

import (
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
)

// reply begins a message that changed nothing.
func reply(c *call, title string) Message {
	return Message{Title: title, Seq: -1, Incident: c.incident}
}

// changed begins the message that answers a change: everybody sees it, and it
// says where the change was written down.
func changed(c *call, r engine.Receipt, tone Tone, title string) Message {
	if r.Incident == "" {
		r.Incident = c.incident
	}
	return Message{Title: title, Tone: tone, Public: true, Seq: r.Seq, Incident: r.Incident}
}

// recorded closes the answer to a change with its place in the journal.
func recorded(c *call, m Message) Message {
	note := fmt.Sprintf("%s · journal entry %d", m.Incident, m.Seq)
	if c.taken {
		note += " · " + m.Incident + " was taken because it is the only open incident"
	}
	m.Parts = append(m.Parts, Part{Note: note})
	return m
}

// told closes the answer to a question.
func told(c *call, m Message) Message {
	if c.taken {
		m.Parts = append(m.Parts, Part{Note: c.incident + " was taken because it is the only open incident"})
	}
	return m
}

func (m *Message) text(format string, args ...any) {
	m.Parts = append(m.Parts, Part{Text: fmt.Sprintf(format, args...)})
}

func (m *Message) lines(list []Line) {
	if len(list) > 0 {
		m.Parts = append(m.Parts, Part{Lines: list})
	}
}

// list adds a heading and its lines, cut to n of them.
func (m *Message) list(heading, mark string, items []string, n int) {
	if len(items) == 0 {
		return
	}
	m.text("%s", heading)
	var lines []Line
	for i, s := range items {
		if i == n {
			lines = append(lines, Line{Mark: "…", Text: fmt.Sprintf("and %d more, %d in all", len(items)-n, len(items))})
			break
		}
		lines = append(lines, Line{Mark: mark, Text: s})
	}
	m.lines(lines)
}

// next adds what can be typed now.
func (m *Message) next(commands ...string) {
	var lines []Line
	for _, c := range commands {
		lines = append(lines, Line{Mark: "›", Text: c})
	}
	m.lines(lines)
}

// refuse answers a request that is not followed, and writes it down when that
// is asked for. Refusals of the engine are written down by the engine.
func (b *Bot) refuse(c *call, refusal *engine.Refusal, write bool) Message {
	m := refused(c, refusal)
	if write {
		err := b.o.Incidents.Refuse(c.ctx, c.request(), c.incident, refusal)
		if r, ok := asRefusal(err); ok && r.Code == engine.NoIncident {
			err = b.o.Incidents.Refuse(c.ctx, c.request(), "", refusal) // of an incident that does not exist
		}
		if r, ok := asRefusal(err); ok && r.Code == engine.Duplicate {
			err = nil // it is on record already
		}
		if err != nil {
			m.Parts = append(m.Parts, Part{Note: "this refusal could not be written down: " + line(err.Error(), 200)})
		}
	}
	return m
}

// refused is the words of a refusal.
func refused(c *call, refusal *engine.Refusal) Message {
	m := reply(c, "Refused")
	m.Tone, m.Failed, m.Code = Danger, true, refusal.Code
	if refusal.Code == engine.NoIncident {
		m.Incident = "" // one that may not be seen is answered like one that is not there
	}
	if refusal.Code == engine.Usage {
		m.Title, m.Tone, m.Usage = "Not understood", Warn, true
	}
	why, command := cutCommand(refusal.Message)
	m.text("%s", VisibleLines(why))
	if command != "" {
		m.Parts = append(m.Parts, Part{Code: VisibleLines(command)})
	}
	m.Parts = append(m.Parts, Part{Note: string(refusal.Code)})
	return m
}

// answer turns an error of the engine into a message. A change whose end is
// not known is never called undone.
func (b *Bot) answer(c *call, err error) Message {
	if refusal, ok := asRefusal(err); ok {
		return refused(c, refusal)
	}
	return b.trouble(c, err)
}

func (b *Bot) trouble(c *call, err error) Message {
	m := reply(c, "It did not work")
	m.Tone, m.Failed = Danger, true
	m.text("%s", line(err.Error(), 500))
	if c.entry.changes {
		m.Title = "Not known whether it was done"
		m.text("Look before you repeat it: status %s", c.incident)
	}
	return m
}
