package chatops

import (
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/engine"
)

// help lists the verbs this person can use, or explains one.
func (b *Bot) help(c *call) Message {
	if c.Target != "" {
		return b.explain(c, entryOf(Verb(c.Target)))
	}
	m := reply(c, "What you can type after "+b.o.Word)
	if !c.chat {
		m.Title = "What you can type"
	}
	var lines []Line
	for _, e := range b.offered(c) {
		lines = append(lines, Line{Mark: "›", Text: e.example + " — " + e.help})
	}
	m.lines(lines)
	note := "In an incident's channel the incident is implied; elsewhere name it: status INC-12. A step is written disable or R2/disable. For more: help <verb>"
	if known(c.dir, c.actor) != nil {
		note = "You are not known here, so this is all; an admin can add you to the directory."
	}
	m.Parts = append(m.Parts, Part{Note: note})
	return m
}

// offered lists the verbs that help shows: those allowed on the incident at
// hand, or, without one, those that could be allowed on some.
func (b *Bot) offered(c *call) []entry {
	p := b.o.Policy
	allowed := func(e entry, i *engine.Incident) bool {
		if p.Allow(c.dir, Case{Verb: e.verb, Actor: c.actor, Incident: i}) == nil {
			return true
		}
		return i != nil && (e.target == stepSlot || e.target == runSlot) && slices.ContainsFunc(i.Runs, func(r *engine.Run) bool {
			return p.Allow(c.dir, Case{Verb: e.verb, Actor: c.actor, Incident: i, Run: r}) == nil
		})
	}
	could := func(e entry) bool {
		switch {
		case e.played():
			return false // they are of use in an exercise only
		case e.scope != needIncident || known(c.dir, c.actor) != nil:
			return allowed(e, nil)
		case e.who == responders || e.who == minders && e.verb == Undo:
			roles := p.Roles(c.dir, c.actor.ID)
			return slices.Contains(roles, Responder) || slices.Contains(roles, Commander)
		}
		return true // whoever declares, starts or is asked may
	}
	var list []entry
	if c.incident != "" {
		err := b.look(c, func(i *engine.Incident) {
			list = slices.DeleteFunc(entries(), func(e entry) bool { return !allowed(e, i) || e.played() && i.Drill == nil })
		})
		if err == nil && list != nil {
			return list
		}
	}
	return slices.DeleteFunc(entries(), func(e entry) bool { return !could(e) })
}

// played says that a verb is about an exercise that is going on, or was.
func (e entry) played() bool {
	return e.scope == needIncident && strings.HasPrefix(string(e.verb), "drill ")
}

func (b *Bot) explain(c *call, e entry) Message {
	m := reply(c, string(e.verb)+": "+e.help)
	m.Parts = append(m.Parts, Part{Code: b.o.Word + " " + e.usage()})
	var fields []Field
	for _, f := range e.flags {
		name := "--" + f.name
		if f.value != "" {
			name += " <" + f.value + ">"
		}
		fields = append(fields, Field{name, f.doc})
	}
	if len(fields) > 0 {
		m.Parts = append(m.Parts, Part{Fields: fields})
	}
	if _, ok := e.flag("env"); ok && len(b.o.Environments) > 0 && known(c.dir, c.actor) == nil {
		m.Parts = append(m.Parts, Part{Fields: []Field{{"Environments", enough(shown(b.o.Environments), 12)}}})
	}
	fields = []Field{{"Example", e.example}, {"Who", audience(e)}}
	if len(e.aliases) > 0 {
		fields = append(fields, Field{"Also", strings.Join(e.aliases, ", ")})
	}
	m.Parts = append(m.Parts, Part{Fields: fields})
	return m
}

// audience says in words who may use a verb.
func audience(e entry) string {
	switch e.who {
	case everybody:
		return "everybody"
	case anybody:
		return "everybody in the directory"
	case viewers:
		return "who can see the incident"
	case responders:
		return "responders and commanders"
	case asked:
		return "the people who are asked, never the one who asks; refused otherwise"
	case minders:
		return "responders, commanders, and whom its containment asks"
	case keepers:
		return "commanders, who declared the incident, and whom its containment asks"
	case owners:
		if e.target == runSlot || e.target == stepSlot {
			return "commanders, who declared the incident, and who started the run"
		}
		return "commanders, and who declared the incident"
	case facilitators:
		return "facilitators, commanders and admins"
	case control:
		return "the facilitators of the exercise"
	case exporters:
		return "commanders, auditors, and who declared the incident"
	}
	return "nobody"
}
